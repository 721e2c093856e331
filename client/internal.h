/* What the files of libhark share. */
#ifndef HARK_CLIENT_INTERNAL_H
#define HARK_CLIENT_INTERNAL_H

#include "../include/hark.h"
#include "../src/resp/reply.h"

/* ---- tree.c: replies as objects ---- */

struct tree;

/* Builds the tree of one reply from its tokens. Embedded, zeroed and given its bound to begin. */
struct builder {
    uint64_t bytes_max;
    uint64_t bytes; /* of the tree under way */
    struct tree *tree;
    struct builder_level {
        struct hark_reply *node;      /* the aggregate that is open at this depth */
        struct hark_reply *elements;  /* what node->at points to */
        size_t cap, total;            /* elements allocated, elements announced */
        struct hark_reply *attribute; /* for the next value at this depth */
    } level[RESP_REPLY_DEPTH_MAX + 1];
};

/* Adds a token. Returns 1 and sets *out (the caller's) when it was the last of its reply, 0 when
 * there is more to come, or HARK_NO_MEMORY or HARK_LIMIT, with the tree under way dropped. */
int hark_builder_add(struct builder *b, const struct resp_token *token, struct hark_reply **out);
/* Drops the tree under way. */
void hark_builder_fini(struct builder *b);

/* ---- socket.c: the system calls of a connection ---- */

/* A moment on the monotonic clock, in ms; 0 stands for never. */
typedef int64_t deadline_ms;

/* The moment timeout_ms from now; never when it is 0 or less. */
deadline_ms hark_deadline_after(int timeout_ms);
/* What is left until then, for poll: -1 for never, 0 when it is past. */
int hark_timeout_until(deadline_ms deadline);

/* Connect, non-blocking; return a socket or a hark_result, and on failure a text in error[]. */
int hark_socket_tcp(const char *host, int port, deadline_ms deadline, char *error,
                    size_t error_size);
int hark_socket_unix(const char *path, deadline_ms deadline, char *error, size_t error_size);
void hark_socket_keepalive(int fd, int seconds);

/* Waits for events up to timeout_ms, -1 for ever. Returns those that came, 0 when none did,
 * HARK_INTERRUPTED or HARK_IO. */
int hark_socket_wait(int fd, int events, int timeout_ms);

/* ---- bytes that wait ---- */

struct bytes {
    char *at;
    size_t from, len, cap; /* at[from..len) is in use */
};

/* Room for `more` bytes at at[len]; HARK_NO_MEMORY, with nothing changed, or 0. */
int hark_bytes_reserve(struct bytes *b, size_t more);
void hark_bytes_fini(struct bytes *b);

/* ---- the connection ---- */

struct hark {
    int fd;
    int failed; /* the result that spent the connection, or 0 */
    int timeout_ms;
    struct bytes out, in;
    size_t in_needed; /* no token can be complete with fewer bytes than these */
    struct resp_reply_parser parser;
    struct builder builder;
    hark_push_fn *push;
    void *push_context;
    char error[256];
};

/* Notes why a call fails; returns `result`. The first spends the connection, too. */
__attribute__((format(printf, 3, 4))) int hark_fail(struct hark *h, int result, const char *form,
                                                    ...);
__attribute__((format(printf, 3, 4))) int hark_refuse(struct hark *h, int result, const char *form,
                                                      ...);

#endif
