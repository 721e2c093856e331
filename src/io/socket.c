#include "socket.h"

#include "../base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum { SEND_PARTS_MAX = 64 };

static int fail(int fd, const char *doing, char *why, size_t why_size)
{
    int code = errno == EADDRINUSE ? ERR_BUSY : errno == EACCES ? ERR_DENIED : ERR_IO;
    snprintf(why, why_size, "%s: %s", doing, strerror(errno));
    if (fd >= 0) close(fd);
    return code;
}

static int listen_at(int fd, const struct sockaddr *address, socklen_t len, int backlog, char *why,
                     size_t why_size)
{
    if (bind(fd, address, len) != 0) return fail(fd, "bind", why, why_size);
    if (listen(fd, backlog) != 0) return fail(fd, "listen", why, why_size);
    return fd;
}

int socket_listen_tcp(const char *address, int port, int backlog, char *why, size_t why_size)
{
    bool any = strcmp(address, "*") == 0;
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    if (any) hints.ai_family = AF_INET;
    const char *host = any ? NULL : strcmp(address, "::*") == 0 ? "::" : address;
    int rc = getaddrinfo(host, service, &hints, &found);
    if (rc != 0) {
        snprintf(why, why_size, "%s", gai_strerror(rc));
        return ERR_ABSENT;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        freeaddrinfo(found);
        return fail(fd, "socket", why, why_size);
    }
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (found->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    fd = listen_at(fd, found->ai_addr, found->ai_addrlen, backlog, why, why_size);
    freeaddrinfo(found);
    return fd;
}

int socket_listen_unix(const char *path, unsigned mode, int backlog, char *why, size_t why_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(why, why_size, "the path is longer than %zu bytes", sizeof address.sun_path - 1);
        return ERR_RANGE;
    }
    strcpy(address.sun_path, path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail(fd, "socket", why, why_size);
    fd = listen_at(fd, (struct sockaddr *)&address, sizeof address, backlog, why, why_size);
    if (fd >= 0 && mode && chmod(path, mode) != 0) return fail(fd, "chmod", why, why_size);
    return fd;
}

int socket_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return ERR_AGAIN;
        return errno == EMFILE || errno == ENFILE ? ERR_LIMIT : ERR_IO;
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* fails on unix sockets: fine */
    return fd;
}

long socket_receive(int fd, char *to, size_t len)
{
    ssize_t n;
    do n = recv(fd, to, len, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) return n;
    if (n == 0) return ERR_EOF;
    return errno == EAGAIN ? ERR_AGAIN : errno == ECONNRESET ? ERR_EOF : ERR_IO;
}

long socket_send(int fd, const struct slice *parts, int count)
{
    ssize_t n;
    if (count == 1) {
        do n = send(fd, parts[0].at, parts[0].len, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
    } else {
        struct iovec iov[SEND_PARTS_MAX];
        struct msghdr message = {.msg_iov = iov};
        int max = count < SEND_PARTS_MAX ? count : SEND_PARTS_MAX;
        for (int i = 0; i < max; i++)
            iov[i] = (struct iovec){(void *)(uintptr_t)parts[i].at, parts[i].len};
        message.msg_iovlen = (size_t)max;
        do n = sendmsg(fd, &message, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
    }
    if (n >= 0) return n;
    return errno == EAGAIN ? ERR_AGAIN : errno == EPIPE || errno == ECONNRESET ? ERR_EOF : ERR_IO;
}

void socket_keepalive(int fd, int seconds)
{
    int on = seconds > 0;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (!on) return;
    int interval = seconds / 3 > 0 ? seconds / 3 : 1, count = 3;
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

static void name_of(const struct sockaddr_storage *a, char to[SOCKET_NAME_MAX])
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (a->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)a;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(to, SOCKET_NAME_MAX, "%s:%d", host, ntohs(in->sin_port));
    } else if (a->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)a;
        inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
        snprintf(to, SOCKET_NAME_MAX, "[%s]:%d", host, ntohs(in->sin6_port));
    } else if (a->ss_family == AF_UNIX) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)a;
        snprintf(to, SOCKET_NAME_MAX, "%.100s:0", un->sun_path);
    } else {
        snprintf(to, SOCKET_NAME_MAX, "?:0");
    }
}

void socket_local_name(int fd, char to[SOCKET_NAME_MAX])
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    getsockname(fd, (struct sockaddr *)&a, &len);
    name_of(&a, to);
}

void socket_peer_name(int fd, char to[SOCKET_NAME_MAX])
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    getpeername(fd, (struct sockaddr *)&a, &len);
    /* The peer of a unix socket has no name: the path that it connected to tells more. */
    if (a.ss_family == AF_UNIX)
        socket_local_name(fd, to);
    else
        name_of(&a, to);
}

bool socket_peer_is_local(int fd)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    if (getpeername(fd, (struct sockaddr *)&a, &len) != 0) return false;
    if (a.ss_family == AF_UNIX) return true;
    if (a.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&a;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    return a.ss_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&a)->sin6_addr);
}

void socket_close(int fd)
{
    close(fd);
}

void socket_unlink(const char *path)
{
    unlink(path);
}
