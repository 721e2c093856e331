/* Stream sockets, TCP and unix, non-blocking. Descriptors are plain ints and the caller's. */
#ifndef HARK_IO_SOCKET_H
#define HARK_IO_SOCKET_H

#include "../base/slice.h"

enum { SOCKET_NAME_MAX = 128 };

/* Each returns a descriptor, or a negative error with the system's reason in `why`. */
int socket_listen_tcp(const char *address, int port, int backlog, char *why, size_t why_size);
/* Replaces a stale socket file; `mode` 0 leaves the permissions to the umask. */
int socket_listen_unix(const char *path, unsigned mode, int backlog, char *why, size_t why_size);
/* A waiting connection, or ERR_AGAIN when there is none, or ERR_LIMIT when the process is out of
 * descriptors, or ERR_IO. Sets non-blocking, and no-delay on TCP. */
int socket_accept(int listener);

/* Bytes moved, ERR_AGAIN when it would block, ERR_EOF when the peer is gone, ERR_IO. */
long socket_receive(int fd, char *to, size_t len);
long socket_send(int fd, const struct slice *parts, int count);

/* 0 seconds switches keep-alive probes off. */
void socket_keepalive(int fd, int seconds);
/* "127.0.0.1:54321", "[::1]:54321" or "/path:0" for a unix socket; never fails, may be "?:0". */
void socket_peer_name(int fd, char to[SOCKET_NAME_MAX]);
void socket_local_name(int fd, char to[SOCKET_NAME_MAX]);
/* Does the other end live on this machine (loopback address or unix socket)? */
bool socket_peer_is_local(int fd);
void socket_close(int fd);
void socket_unlink(const char *path);

#endif
