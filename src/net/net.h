/* Connections: bytes in, bytes out, limits and back-pressure; no protocol.
 *
 * One thread owns a `struct net`. A turn of its loop is
 *
 *      net_wait      waits for readiness
 *      net_read      each readable connection reads once, its handler is given the bytes and
 *                    answers by conn_send and conn_push
 *      (the caller expires keys, commits, …)
 *      net_flush     every connection with something to say gets one send
 *
 * Output is one queue of spans per connection: replies (bytes copied into a block that all
 * connections share for the turn) and pushed messages (blocks shared by all their receivers) leave
 * in the order in which they were queued. What the socket does not take at once waits here; its
 * size is bounded by the limits of the connection's class and by the sum over all connections.
 *
 * A connection that is closed stays allocated until net_flush, so that whoever is in the middle
 * of something may still look at it. */
#ifndef HARK_NET_NET_H
#define HARK_NET_NET_H

#include "../base/block.h"
#include "../base/buffer.h"

struct net;
struct conn;

/* Why a connection ended, for the log and the counters. */
enum conn_end {
    CONN_END_PEER,   /* the other side closed or reset */
    CONN_END_DONE,   /* closed by us after the last reply */
    CONN_END_OUTPUT, /* it did not read: an output limit was passed */
    CONN_END_INPUT,  /* its unparsed input passed client-query-buffer-limit, or what memory holds */
    CONN_END_IDLE,   /* `timeout` */
    CONN_END_KILLED,
    CONN_END_COUNT,
};

struct conn_handler {
    /* Takes bytes from the front and returns how many; the rest is offered again, with more
     * behind it, when more has come or conn_resume is called. A handler that cannot go on before
     * it has more than len bytes may say so in *needed. */
    size_t (*received)(void *owner, const char *bytes, size_t len, size_t *needed);
    /* The connection is gone; the owner forgets it. Not called for net_free. */
    void (*closed)(void *owner, enum conn_end why);
};

struct net_listener {
    /* A new connection; returns its owner and handler by conn_own, or closes it. */
    void (*accepted)(void *ctx, struct conn *c, bool unix_socket);
    void *ctx;
};

struct out_limit {
    size_t hard, soft; /* bytes; 0 = none */
    int64_t soft_ms;   /* how long the soft limit may be exceeded */
};

struct net_config {
    size_t input_max;        /* client-query-buffer-limit */
    size_t output_total_max; /* over all connections; the largest reader-less one goes first */
    int64_t coalesce_us;     /* pubsub-coalesce-us: how long messages may wait for company */
    int keepalive_s;
};

/* NULL when the system gives no poller. */
struct net *net_new(struct net_config config);
void net_free(struct net *n);
void net_set_config(struct net *n, struct net_config config);

/* Take over a listening descriptor. net_unlisten closes all of them. */
int net_listen(struct net *n, int fd, bool unix_socket, struct net_listener listener);
void net_unlisten(struct net *n);
/* A descriptor of the caller's that only wakes net_wait (a signal pipe); woken is set then. */
int net_watch(struct net *n, int fd, void (*ready)(void *ctx), void *ctx);

/* One wait, at most timeout_us, -1 for no limit. */
void net_wait(struct net *n, int64_t timeout_us);
/* One round of reading from what is ready; `now_us` of the mono clock is kept for idle times. */
void net_read(struct net *n, int64_t now_us);
/* Sends what is queued, closes what is to be closed, frees what was closed. */
void net_flush(struct net *n, int64_t now_us);
/* Marks. What a connection says may rest on something that must happen first (a change that is not
 * on the disk yet): it is queued with a mark, a number that only grows, and leaves when marks up to
 * there have been released. Those above the end of the last group that was told are released
 * together, and so not kept apart. Before net_begin_marks nothing waits; from then on all marks
 * above its `mark` are waited for, and with UINT64_MAX nothing again. Released bytes leave with the
 * next net_flush. */
void net_begin_marks(struct net *n, uint64_t mark);
void net_release(struct net *n, uint64_t mark);
void net_end_group(struct net *n, uint64_t mark);
/* How long net_wait may sleep before a coalesced message must leave: -1 when nothing waits. */
int64_t net_flush_delay_us(const struct net *n, int64_t now_us);
/* Closes connections that were idle for longer than each one's limit, and accepts again after the
 * process was out of descriptors. Call now and then. */
void net_close_idle(struct net *n, int64_t now_us, int64_t idle_us_max);

/* ---- one connection ---- */

void conn_own(struct conn *c, const struct conn_handler *handler, void *owner);
/* What is queued from now on waits for this mark, or for an earlier call's if that was larger. */
void conn_hold(struct conn *c, uint64_t mark);
/* Queues bytes of a reply (copied). */
void conn_send(struct conn *c, struct slice bytes);
/* Queues a message shared with others; takes a reference of its own. */
void conn_push(struct conn *c, struct span message);
/* The same, but only if no limit is passed by it: false, and nothing is queued, otherwise. */
bool conn_try_push(struct conn *c, struct span message);
/* Is its queue so far from its limits that it is worth while to go on filling it? */
bool conn_has_drained(const struct conn *c);
/* Bytes in its queue. */
size_t conn_queued(const struct conn *c);
/* Offers the unconsumed input to the handler again, at the next net_wait. */
void conn_resume(struct conn *c);
/* Stops reading (the handler gets nothing more) until conn_resume. A peer that closes its sending
 * side meanwhile ends the connection, as it would if that were read. */
void conn_pause(struct conn *c);
/* Or, if `answered`, such a peer is still to get what it asked for before it fell silent. */
void conn_set_last_word(struct conn *c, bool answered);
/* Closes after everything queued so far has left; input is ignored from now on. */
void conn_close_after_reply(struct conn *c);
void conn_close(struct conn *c, enum conn_end why);

void conn_set_output_limit(struct conn *c, struct out_limit limit);
/* Exempts from net_close_idle (subscribers, for one). */
void conn_set_never_idle(struct conn *c, bool never);
/* How much more may be queued for it before a limit ends it; at least 1. */
size_t conn_output_room(const struct conn *c);
/* A bound on unparsed input below the general one (clients that have not authenticated); 0 ends. */
void conn_set_input_max(struct conn *c, size_t bytes);

/* For CLIENT LIST and INFO. */
struct conn_info {
    int fd;
    int64_t idle_us, age_us;
    size_t input_bytes, input_free, output_bytes, output_spans, memory;
    uint64_t received, sent;
    bool reading, writing; /* what it waits for: to be told something, to get rid of something */
    bool closing;
};
struct conn_info conn_info(const struct conn *c, int64_t now_us);
int conn_fd(const struct conn *c);
/* Has it been closed, or will it be after its last reply? */
bool conn_is_closing(const struct conn *c);

struct net_stats {
    uint64_t accepted, received, sent, flushes;
    uint64_t reads, writes; /* calls that moved bytes */
    uint64_t ended[CONN_END_COUNT];
    size_t connections, output_bytes, input_bytes, input_biggest, output_biggest;
};
struct net_stats net_stats(const struct net *n);
void net_reset_stats(struct net *n);

#endif
