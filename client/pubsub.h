/* The subscriber, as its files share it: loop (one connection after the other, waiting, the
 * thread), pubsub (subscriptions), durable (groups), message. */
#ifndef HARK_CLIENT_PUBSUB_H
#define HARK_CLIENT_PUBSUB_H

#include "internal.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    QUEUE_MAX = 1024, /* messages kept for hark_pubsub_get_message by hark_step */
};

/* ---- message.c ---- */

/* A copy that the caller of hark_pubsub_get_message owns; NULL when there is no memory. */
struct hark_message *hark_message_copy(const struct hark_allocator *m,
                                       const struct hark_message *from);

static inline struct hark_text hark_text_of(const struct hark_reply *r)
{
    return r->text ? (struct hark_text){r->text, r->len} : (struct hark_text){"", 0};
}

static inline bool hark_text_is(struct hark_text t, const char *text)
{
    return t.len == strlen(text) && memcmp(t.at, text, t.len) == 0;
}

/* ---- the object ---- */

enum subscription_kind { KIND_CHANNEL, KIND_PATTERN, KIND_SHARD, KINDS };

struct subscription {
    struct subscription *next; /* of its bucket */
    hark_message_fn *fn;
    void *context;
    uint64_t asked; /* when: its place among the requests */
    enum subscription_kind kind;
    bool confirmed, leaving, resuming;
    size_t len;
    char name[];
};

struct subscriptions {
    struct subscription **buckets;
    size_t mask, count; /* mask + 1 buckets, or none */
    uint64_t asked;
};

struct durable;

struct queued {
    struct queued *next;
    struct hark_message *message;
};

struct hark_pubsub {
    struct hark_allocator memory;
    struct hark_options *settings;
    struct hark *link; /* NULL: not connected, until retry_at */
    deadline_ms retry_at;
    int backoff_ms;
    uint64_t random;
    bool was_ready;   /* the link has been of use: the next wait is a short one again */
    int64_t heard_ms; /* unix time: the last sign of life of the connection */
    int64_t lost_ms;  /* … of the one that was lost */
    struct subscriptions subs;
    struct durable *durable;      /* NULL: Pub/Sub */
    struct queued *first, **last; /* what hark_step found nobody for */
    size_t queued;
    int epoll, timer, wake;
    int watched_fd, watched_wants; /* what epoll knows of the link's socket */
    deadline_ms timer_at;
    bool in_handler;
    /* The thread. `owner` is who may use the object while it runs; it sets that itself. */
    atomic_bool running, stop;
    atomic_ulong owner;
    pthread_mutex_t join_lock;
    bool joinable;
    pthread_t thread;
    int thread_result, sleep_ms;
    char error[ERROR_MAX];
};

__attribute__((format(printf, 3, 4))) int hark_pubsub_refuse(struct hark_pubsub *p, int result,
                                                             const char *form, ...);
int hark_pubsub_no_memory(struct hark_pubsub *p);

/* ---- loop.c ---- */

int hark_pubsub_new(const struct hark_options *options, struct hark_pubsub **out);
/* Connects, waiting for it and for what durable subscriptions need. */
int hark_pubsub_connect(struct hark_pubsub *p);
/* Moves bytes once, without waiting: 1 when some moved, 0, or a result for the caller. */
int hark_pubsub_move(struct hark_pubsub *p);
/* The connection is of no use any more: `result` says why, its error for whom. Returns what the
 * caller is told: 0 when it will simply be made again. */
int hark_pubsub_lose(struct hark_pubsub *p, int result);
/* Waits up to timeout_ms for something to do: 1, 0, or HARK_INTERRUPTED. */
int hark_pubsub_wait(struct hark_pubsub *p, int timeout_ms);
/* Has whoever waits come by. From any thread. */
void hark_pubsub_wake(struct hark_pubsub *p);
/* Gives a message to its handler, or where there is none a copy of it to *out. Returns 1, or
 * HARK_NO_MEMORY; what the handler returned in *verdict. */
int hark_pubsub_hand_out(struct hark_pubsub *p, const struct hark_message *m, hark_message_fn *fn,
                         void *context, struct hark_message **out, int *verdict);

/* ---- pubsub.c ---- */

/* Asks a new connection for everything. */
int hark_subscriptions_ask(struct hark_pubsub *p);
/* The connection is gone. */
void hark_subscriptions_lose(struct hark_pubsub *p);
void hark_subscriptions_fini(struct hark_pubsub *p);
bool hark_subscriptions_handled(const struct hark_pubsub *p);
/* A reply or push of the server as a message: handed out, 1; 0: it was nothing for anybody; or a
 * result. Frees it. */
int hark_pubsub_take_words(struct hark_pubsub *p, const struct hark_text words[], size_t count,
                           struct hark_message **out);
int hark_pubsub_take_reply(struct hark_pubsub *p, struct hark_reply *reply,
                           struct hark_message **out);

/* ---- durable.c ---- */

void hark_durable_free(struct hark_pubsub *p);
/* The connection is new; it is gone. */
int hark_durable_begin(struct hark_pubsub *p);
void hark_durable_lose(struct hark_pubsub *p);
/* The next entry that is here already, handed out: 1; 0: there is none; or a result. */
int hark_durable_take(struct hark_pubsub *p, struct hark_message **out);
/* Sends what may be asked for now: 1 when something was queued, 0, or HARK_NO_MEMORY. */
int hark_durable_pump(struct hark_pubsub *p);
/* When it must be pumped again although nothing came. */
deadline_ms hark_durable_wake_at(const struct hark_pubsub *p);
/* Is the group known to be there? */
bool hark_durable_is_ready(const struct hark_pubsub *p);
bool hark_durable_has_handler(const struct hark_pubsub *p);
/* Sends the acknowledgements there are and waits for the answers, if that goes soon. */
void hark_durable_flush(struct hark_pubsub *p);

#endif
