/* Shared by the files of this room alone. */
#ifndef HARK_NET_INTERNAL_H
#define HARK_NET_INTERNAL_H

#include "../io/poller.h"
#include "net.h"

enum { CONN_MAGIC = 0x636f6e6e, LISTENER_MAGIC = 0x6c697374, WATCH_MAGIC = 0x77617463 };

/* The queue of spans of one connection: a ring that grows by doubling. Each span holds one
 * reference of its block. */
struct outq {
    struct span *spans;
    uint32_t head, count, cap; /* cap is 0 or a power of two */
    size_t bytes;
};

void outq_fini(struct outq *q);
/* Appends; merges with the last span when it goes on where that one ends. */
void outq_add(struct outq *q, struct block *b, uint32_t from, uint32_t len);
/* The first up to `max` spans as slices. */
int outq_slices(const struct outq *q, struct slice *to, int max);
/* Forgets the first n bytes. */
void outq_drop(struct outq *q, size_t n);
/* Copies what is left of the spans of `shared` into blocks of the queue's own, so that a slow
 * reader does not keep a large shared block alive. */
void outq_detach(struct outq *q, const struct block *shared);

/* Bytes at the end of a queue that wait for a mark. */
struct hold {
    uint64_t mark;
    size_t bytes;
};

/* What of a queue may not leave yet: the last bytes of it, in runs with growing marks. */
struct holds {
    struct hold *at;
    uint32_t count, cap;
    size_t bytes; /* of all runs */
};

void holds_fini(struct holds *h);
/* The next `len` bytes of the queue wait for `mark`; in one run with those before if these wait for
 * as much, or for more than `group`. */
void holds_add(struct holds *h, uint64_t mark, uint64_t group, size_t len);
/* Lets go what waits for marks up to this one. */
void holds_release(struct holds *h, uint64_t mark);

struct listener {
    uint32_t magic;
    int fd;
    bool unix_socket, watch;
    bool resting; /* there was no descriptor left for those who wait */
    struct net_listener to;
    void (*ready)(void *ctx);
    struct listener *next;
};

struct conn {
    uint32_t magic;
    int fd;
    struct net *net;
    const struct conn_handler *handler;
    void *owner;
    struct buffer in; /* input that the handler has not taken yet */
    size_t in_needed; /* the handler's word on how much it must have */
    size_t in_max;    /* a bound of this connection's own, or 0 */
    struct outq out;
    struct holds holds; /* what of it waits for its mark */
    uint64_t mark;      /* what is queued next waits for this one */
    struct block *tail; /* own block for replies while the socket is full, or NULL */
    struct out_limit limit;
    int64_t soft_since_us; /* since when the soft limit is exceeded; 0 while it is not */
    int64_t active_us, born_us;
    int64_t pushed_us; /* when the oldest message that may still wait was queued, or 0 */
    uint64_t received, sent;
    uint32_t index;      /* in net->conns */
    uint32_t held_index; /* in net->held, if held */
    bool held;
    bool dirty;          /* in net->dirty */
    bool waits_to_write; /* the poller tells when the socket takes more */
    bool paused, closing, closed, never_idle, resumed;
    bool last_word; /* a peer that has closed its side does not end it while it is paused */
};

enum { EVENTS_PER_WAIT = 256 };

struct net {
    struct poller poller;
    struct net_config config;
    struct listener *listeners;
    struct conn **conns;
    size_t conns_len, conns_cap;
    struct conn **dirty; /* with something to send, close or free */
    size_t dirty_len, dirty_cap;
    struct conn **held; /* with nothing to send but what waits for its mark */
    size_t held_len, held_cap;
    uint64_t released, group; /* see net_release and net_end_group */
    struct conn **resumed;    /* to be offered their input again */
    size_t resumed_len, resumed_cap;
    struct poll_event ready[EVENTS_PER_WAIT];
    int ready_count;
    char *read_buffer;   /* READ_SIZE bytes, for connections without input left over */
    struct block *turn;  /* replies of this turn, shared by all connections */
    size_t output_bytes; /* queued over all connections */
    int64_t now_us;
    struct net_stats stats;
};

enum {
    READ_SIZE = 64 * 1024, /* one read; a pipeline of a thousand small commands */
    TURN_BLOCK = 64 * 1024,
    TAIL_BLOCK = 16 * 1024,
};

void conn_flush(struct conn *c);
/* Paused, and to end with its peer's last word? */
bool conn_minds_hangup(const struct conn *c);
/* Forgets what is queued. */
void conn_drop_output(struct conn *c);
void conn_mark_dirty(struct conn *c);
/* Enters it among those that net_release looks at. */
void net_add_held(struct net *n, struct conn *c);

#endif
