/* What the files of libhark share.
 *
 *     request, format ─▶ queue      exchange ─▶ turn: bytes out, bytes in     tree, piece ─▶
 * replies │ connection: connect, TLS, AUTH and so on, step by step (socket, tls, settings) │ loop:
 * one connection after the other, what to wait for, the thread ├─ pubsub: subscriptions, messages
 * of the server └─ durable: groups, entries, acknowledgements (ids) keyspace, event, json: names of
 * channels and what their messages say
 *
 * All memory comes from the allocator of the options; every object keeps a copy of it. */
#ifndef HARK_CLIENT_INTERNAL_H
#define HARK_CLIENT_INTERNAL_H

#include "../include/hark.h"
#include "../src/resp/reply.h"

/* ---- memory.c ---- */

/* The allocator that is asked for; realloc and free for NULL. */
struct hark_allocator hark_memory(const struct hark_allocator *given);
void *hark_alloc(const struct hark_allocator *m, size_t size); /* NULL when there is none */
void *hark_zalloc(const struct hark_allocator *m, size_t size);
void hark_release(const struct hark_allocator *m, void *p);

/* Bytes that wait. */
struct bytes {
    char *at;
    size_t from, len, cap; /* at[from..len) is in use */
};

/* Room for `more` bytes at at[len]; HARK_NO_MEMORY, with nothing changed, or 0. */
int hark_bytes_reserve(const struct hark_allocator *m, struct bytes *b, size_t more);
/* Adds where there is room. */
void hark_bytes_add(struct bytes *b, const void *from, size_t len);
/* Moves on by what was used; an empty buffer begins anew. */
void hark_bytes_consume(const struct hark_allocator *m, struct bytes *b, size_t count);
void hark_bytes_fini(const struct hark_allocator *m, struct bytes *b);

/* ---- settings.c: options that are owned ---- */

enum { ERROR_MAX = 256 };

/* The caller's options as this library knows them: what a newer program has beyond is cut, what an
 * older one lacks is zero. */
struct hark_options hark_known_options(const struct hark_options *given);
/* A copy with the URL worked in and with what 0 stands for; texts included. Returns 0 and what
 * hark_release frees, HARK_USAGE with the reason in error[], HARK_NO_MEMORY. */
int hark_settings_new(const struct hark_allocator *m, const struct hark_options *given,
                      struct hark_options **out, char error[ERROR_MAX]);

/* ---- tree.c: replies as objects ---- */

struct tree;

/* Builds the tree of one reply from its tokens. Embedded, zeroed and given its bound and its memory
 * to begin. */
struct builder {
    struct hark_allocator memory;
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
enum hark_type hark_type_of(enum resp_kind kind);

/* ---- socket.c: the system calls of a connection ---- */

/* A moment on the monotonic clock, in ms; 0 stands for never. */
typedef int64_t deadline_ms;

int64_t hark_now_ms(void);
int64_t hark_unix_ms(void);
/* The moment timeout_ms from now; never when it is 0 or less. */
deadline_ms hark_deadline_after(int timeout_ms);
/* The earlier of two. */
deadline_ms hark_deadline_min(deadline_ms a, deadline_ms b);
/* What is left until then, for poll: -1 for never, 0 when it is past. */
int hark_timeout_until(deadline_ms deadline);

/* The addresses of a host, for freeaddrinfo; or a hark_result, and a text in error[]. */
struct addrinfo;
int hark_socket_lookup(const char *host, int port, struct addrinfo **out, char error[ERROR_MAX]);
/* Begin to connect; return a socket that will be writable when that has come to something, or a
 * hark_result with a text in error[]. */
int hark_socket_tcp(const struct addrinfo *address, char error[ERROR_MAX]);
int hark_socket_unix(const char *path, char error[ERROR_MAX]);
/* What it came to: 1 connected, 0 not yet, or a hark_result. */
int hark_socket_connected(int fd, char error[ERROR_MAX]);
void hark_socket_keepalive(int fd, int seconds);

/* Waits for events up to timeout_ms, -1 for ever. Returns those that came, 0 when none did,
 * HARK_INTERRUPTED or HARK_IO. */
int hark_socket_wait(int fd, int events, int timeout_ms);
/* Return how many bytes went, 0 when none can now, HARK_CLOSED, or HARK_IO and errno. With `wait`
 * (after hark_socket_may_wait) it waits for the first byte, and may be HARK_INTERRUPTED. */
long hark_socket_send(int fd, const void *bytes, size_t len);
long hark_socket_receive(int fd, void *to, size_t size, bool wait);
void hark_socket_may_wait(int fd);

/* ---- tls.c ---- */

struct tls;

/* Was it built with OpenSSL? Without, no connection with TLS gets as far as the rest. */
bool hark_tls_is_there(void);
/* All with a text in error[] when they fail (HARK_TLS, HARK_UNSUPPORTED, HARK_NO_MEMORY). */
int hark_tls_new(const struct hark_allocator *m, const struct hark_options *options, int fd,
                 struct tls **out, char error[ERROR_MAX]);
void hark_tls_free(const struct hark_allocator *m, struct tls *t);
/* 1 when it is done, 0 when it waits for hark_tls_wants. */
int hark_tls_handshake(struct tls *t, char error[ERROR_MAX]);
/* As hark_socket_send and hark_socket_receive. */
long hark_tls_send(struct tls *t, const void *bytes, size_t len, char error[ERROR_MAX]);
long hark_tls_receive(struct tls *t, void *to, size_t size, char error[ERROR_MAX]);
/* What the last call that moved nothing waits for: HARK_READ, HARK_WRITE, or 0. */
int hark_tls_wants(const struct tls *t);

/* ---- the connection ---- */

struct hark {
    struct hark_allocator memory;
    const struct hark_options *settings;
    struct hark_options *own_settings; /* the same, when they are ours to free */
    enum { LINK_CONNECTING, LINK_HANDSHAKE, LINK_OPEN } state;
    int fd;
    int failed; /* the result that spent the connection, or 0 */
    struct addrinfo *addresses, *address;
    deadline_ms connect_by; /* while connecting and setting up */
    int setup_left;         /* replies to AUTH and so on that are still to come */
    bool setup_named;       /* the last of them is CLIENT SETNAME's, which may fail */
    struct tls *tls;
    struct bytes out, in, scratch;
    size_t in_needed; /* no token can be complete with fewer bytes than these */
    struct resp_reply_parser parser;
    struct builder builder;
    size_t piece_size; /* bytes of the piece that was handed out, to be consumed */
    int piece_depth;   /* of the attribute that is being left out; -1: none */
    bool piece_open;   /* in the middle of a reply in pieces */
    bool piece_push;   /* … or of a push that came before it */
    hark_push_fn *push;
    void *push_context;
    char error[ERROR_MAX];
};

/* Notes why a call fails; returns `result`. The first spends the connection, too. */
__attribute__((format(printf, 3, 4))) int hark_fail(struct hark *h, int result, const char *form,
                                                    ...);
__attribute__((format(printf, 3, 4))) int hark_refuse(struct hark *h, int result, const char *form,
                                                      ...);
/* HARK_NO_MEMORY before anything was changed: the connection is as good as before. */
int hark_no_room(struct hark *h);

/* As hark_connect_begin, with settings that are borrowed for the life of the connection. */
int hark_begin(const struct hark_allocator *m, const struct hark_options *settings,
               struct hark **out);
/* Goes on with a connection that does not stand yet: 1 when it got further, 0, or a result. */
int hark_connect_step(struct hark *h);
/* Is it connected and set up? */
static inline bool hark_is_ready(const struct hark *h)
{
    return h->state == LINK_OPEN && !h->setup_left;
}

/* exchange.c: takes the replies of setting up: 1 when all are there, 0, or a result. */
int hark_take_setup(struct hark *h);
/* The next whole reply as a tree, pushes included, as hark_take returns. */
int hark_take_tree(struct hark *h, struct hark_reply **out);
/* The next token, not consumed: 1, 0 when it is not there yet, or a result. */
int hark_next_token(struct hark *h, struct resp_token *token);
/* Takes a reply that is a list of a few short strings, if one is here as a whole, in place: returns
 * how many, with the texts valid until the next call that reads; 0: it is something else. */
enum { HARK_WORDS_MAX = 4 };
int hark_take_words(struct hark *h, struct hark_text words[HARK_WORDS_MAX]);
/* Sends what can be sent now, if anything is queued: 1, 0, or a result. */
int hark_send(struct hark *h);

/* request.c */
int hark_queue_words(struct hark *h, const struct hark_text *words, int count);

#endif
