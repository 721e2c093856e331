#include "../base/assert.h"
#include "../base/buffer.h"
#include "../base/err.h"
#include "../base/hash.h"
#include "../base/mem.h"
#include "hub.h"

struct subscription_list {
    struct subscription *first, *last; /* oldest first */
    size_t count;
};

/* What a subscriber is subscribed to. */
struct pubsub_subscriptions {
    struct subscription_list of[PUBSUB_KINDS];
};

struct pubsub *pubsub_new(const unsigned char *hash_secret, struct pubsub_limits limits)
{
    struct pubsub *p = mem_new(struct pubsub);
    directory_init(&p->directory, hash_secret);
    routes_init(&p->routes);
    p->limits = limits;
    p->retired_end = &p->retired;
    p->keychange_max = KEYCHANGE_BYTES_DEFAULT;
    return p;
}

void pubsub_set_limits(struct pubsub *p, struct pubsub_limits limits)
{
    p->limits = limits;
}

void pubsub_set_subscriptions_max(struct pubsub *p, size_t max)
{
    p->subscriptions_max = max;
}

void pubsub_set_keychange_max(struct pubsub *p, size_t bytes)
{
    p->keychange_max = bytes;
}

/* Tells the memos of routes that a feed came (+1) or goes (-1). */
static void feed_changed(struct pubsub *p, const struct feed *f, int change)
{
    if (f->kind == PUBSUB_CHANNEL)
        routes_channel_changed(&p->routes, feed_name(f), change);
    else if (f->kind == PUBSUB_PATTERN)
        routes_pattern_changed(&p->routes,
                               pattern_index_prefix(p->directory.patterns, feed_name(f)));
}

static struct feed *feed_open(struct pubsub *p, enum pubsub_kind kind, struct slice name)
{
    if (kind == PUBSUB_PATTERN && name.len > p->limits.pattern_bytes_max) return NULL;
    struct feed *f = directory_add(&p->directory, kind, name, p->limits.globs_max);
    if (!f) return NULL;
    feed_changed(p, f, 1);
    p->feeds_bytes += feed_bytes(f);
    return f;
}

static void feed_end(struct pubsub *p, struct feed *f)
{
    feed_changed(p, f, -1);
    p->feeds_bytes -= feed_bytes(f);
    directory_remove(&p->directory, f);
}

static uint64_t pair_hash(const struct subscriber *who, const struct feed *f)
{
    return hash_u64(hash_u64((uintptr_t)who) + f->by_name.hash);
}

static struct subscription *find(const struct pubsub *p, const struct subscriber *who,
                                 const struct feed *f)
{
    struct chain_link *l = chains_first(&p->subscriptions, pair_hash(who, f));
    for (; l; l = chain_next(l)) {
        struct subscription *s = (struct subscription *)l;
        if (s->who == who && s->feed == f) return s;
    }
    return NULL;
}

static void list_append(struct pubsub *p, struct subscription *s)
{
    struct subscriber *who = s->who;
    if (!who->subscriptions) {
        who->subscriptions = mem_new(struct pubsub_subscriptions);
        p->clients++;
    }
    struct subscription_list *list = &who->subscriptions->of[s->feed->kind];
    s->prev = list->last;
    *(s->prev ? &s->prev->next : &list->first) = s;
    list->last = s;
    list->count++;
}

static void list_remove(struct pubsub *p, struct subscription *s)
{
    struct pubsub_subscriptions *all = s->who->subscriptions;
    struct subscription_list *list = &all->of[s->feed->kind];
    *(s->prev ? &s->prev->next : &list->first) = s->next;
    *(s->next ? &s->next->prev : &list->last) = s->prev;
    list->count--;
    for (int kind = 0; kind < PUBSUB_KINDS; kind++)
        if (all->of[kind].count) return;
    mem_delete(all);
    s->who->subscriptions = NULL;
    p->clients--;
}

static void drop(struct pubsub *p, struct subscription *s)
{
    struct feed *f = s->feed;
    p->feeds_bytes -= feed_bytes(f);
    feed_unseat(f, s);
    p->feeds_bytes += feed_bytes(f);
    chains_remove(&p->subscriptions, &s->by_pair);
    list_remove(p, s);
    mem_delete(s);
    if (!f->taken) feed_end(p, f);
}

static size_t count_of_all(const struct subscriber *who)
{
    size_t count = 0;
    for (int kind = 0; kind < PUBSUB_KINDS; kind++) count += subscriber_count(who, kind);
    return count;
}

bool subscriber_is_full(const struct pubsub *p, const struct subscriber *who)
{
    return p->subscriptions_max && count_of_all(who) >= p->subscriptions_max;
}

int pubsub_subscribe(struct pubsub *p, struct subscriber *who, enum pubsub_kind kind,
                     struct slice name)
{
    CHECK(!p->delivering);
    enum { WORK_A_SUBSCRIPTION = 2 };
    /* It pays for the retired, so that no rush of new ones can outrun what is removed. */
    pubsub_work(p, WORK_A_SUBSCRIPTION);
    struct feed *f = directory_find(&p->directory, kind, name);
    if (f && find(p, who, f)) return 0;
    if (subscriber_is_full(p, who)) return ERR_LIMIT;
    if (!f) f = feed_open(p, kind, name);
    if (!f) return ERR_LIMIT;
    struct subscription *s = mem_new(struct subscription);
    s->who = who;
    s->feed = f;
    p->feeds_bytes -= feed_bytes(f);
    feed_seat(f, s);
    p->feeds_bytes += feed_bytes(f);
    chains_add(&p->subscriptions, &s->by_pair, pair_hash(who, f));
    list_append(p, s);
    return 1;
}

bool pubsub_unsubscribe(struct pubsub *p, struct subscriber *who, enum pubsub_kind kind,
                        struct slice name)
{
    CHECK(!p->delivering);
    struct feed *f = directory_find(&p->directory, kind, name);
    struct subscription *s = f ? find(p, who, f) : NULL;
    if (s) drop(p, s);
    return s != NULL;
}

bool pubsub_unsubscribe_any(struct pubsub *p, struct subscriber *who, enum pubsub_kind kind,
                            struct buffer *name)
{
    CHECK(!p->delivering);
    if (!subscriber_count(who, kind)) return false;
    struct subscription *s = who->subscriptions->of[kind].first;
    name->len = 0;
    buffer_add_slice(name, feed_name(s->feed));
    drop(p, s);
    return true;
}

bool pubsub_leave_some(struct pubsub *p, struct subscriber *who, size_t max)
{
    CHECK(!p->delivering);
    for (int kind = 0; kind < PUBSUB_KINDS; kind++)
        for (; subscriber_count(who, kind); max--) {
            if (!max) return true;
            drop(p, who->subscriptions->of[kind].first);
        }
    return false;
}

void pubsub_leave(struct pubsub *p, struct subscriber *who)
{
    pubsub_leave_some(p, who, SIZE_MAX);
}

static void tell_nothing(struct subscriber *to, struct span message)
{
    (void)to;
    (void)message;
}

void pubsub_retire(struct pubsub *p, struct subscriber *who)
{
    who->deliver = tell_nothing;
    if (!who->subscriptions) return;
    who->next_retired = NULL;
    *p->retired_end = who;
    p->retired_end = &who->next_retired;
}

bool pubsub_work(struct pubsub *p, size_t max)
{
    while (p->retired && max) {
        struct subscriber *who = p->retired;
        size_t before = count_of_all(who);
        if (pubsub_leave_some(p, who, max)) break;
        max -= before; /* its owner may free it as soon as we have returned */
        p->retired = who->next_retired;
        if (!p->retired) p->retired_end = &p->retired;
    }
    return p->retired != NULL;
}

void pubsub_free(struct pubsub *p)
{
    for (struct chain_link *l; (l = chains_each(&p->subscriptions, NULL));)
        pubsub_leave(p, ((struct subscription *)l)->who);
    directory_fini(&p->directory);
    routes_fini(&p->routes);
    buffer_fini(&p->channel);
    buffer_fini(&p->payload);
    buffer_fini(&p->subkeys);
    mem_delete(p);
}

size_t subscriber_count(const struct subscriber *who, enum pubsub_kind kind)
{
    return who->subscriptions ? who->subscriptions->of[kind].count : 0;
}

size_t subscriber_bytes(const struct subscriber *who)
{
    if (!who->subscriptions) return 0;
    size_t count = count_of_all(who);
    size_t each = mem_cost(sizeof(struct subscription)) + sizeof(void *) + sizeof(struct seat);
    return mem_cost(sizeof *who->subscriptions) + count * each;
}

size_t hub_deliver(struct pubsub *p, struct hearers hearers, struct slice channel,
                   struct slice payload)
{
    size_t n = 0;
    CHECK(!p->delivering);
    p->delivering = true;
    for (size_t i = 0; i < hearers.len; i++) {
        struct feed *f = hearers.at[i];
        if (!p->only)
            n += feed_deliver(f, channel, payload, &p->open);
        else if (find(p, p->only, f))
            n += feed_deliver_to(f, p->only, channel, payload, &p->open);
    }
    p->delivering = false;
    p->messages += n;
    return n;
}

uint64_t pubsub_telling(const struct pubsub *p)
{
    return p->telling;
}

/* The one feed of a sharded channel as a list. */
static struct hearers shard_hearers(const struct pubsub *p, struct slice channel,
                                    struct feed **place)
{
    *place = directory_find(&p->directory, PUBSUB_SHARD, channel);
    return (struct hearers){place, *place != NULL};
}

size_t pubsub_publish(struct pubsub *p, struct slice channel, struct slice payload, bool sharded)
{
    struct feed *place;
    struct hearers h =
        sharded ? shard_hearers(p, channel, &place) : directory_hearers(&p->directory, channel);
    return hub_deliver(p, h, channel, payload);
}

size_t pubsub_receivers(struct pubsub *p, struct slice channel, bool sharded)
{
    struct feed *place;
    struct hearers h =
        sharded ? shard_hearers(p, channel, &place) : directory_hearers(&p->directory, channel);
    size_t n = 0;
    for (size_t i = 0; i < h.len; i++) n += h.at[i]->taken;
    return n;
}

/* Scratch that a large key or value has blown up is given back. */
static void trim(struct buffer *b)
{
    if (b->cap > SCRATCH_KEPT_MAX) buffer_fini(b);
}

void pubsub_end_turn(struct pubsub *p)
{
    while (p->open) feed_close(p->open);
    trim(&p->channel);
    trim(&p->payload);
    trim(&p->subkeys);
}

void pubsub_each_channel(struct pubsub *p, bool sharded,
                         void (*visit)(void *ctx, struct slice name, size_t subscribers), void *ctx)
{
    const struct chains *t = &p->directory.feeds[sharded ? PUBSUB_SHARD : PUBSUB_CHANNEL];
    for (struct chain_link *l = NULL; (l = chains_each(t, l));) {
        struct feed *f = (struct feed *)l;
        visit(ctx, feed_name(f), f->taken);
    }
}

size_t pubsub_channel_subscribers(struct pubsub *p, bool sharded, struct slice name)
{
    struct feed *f = directory_find(&p->directory, sharded ? PUBSUB_SHARD : PUBSUB_CHANNEL, name);
    return f ? f->taken : 0;
}

static size_t chains_bytes(const struct chains *t)
{
    return mem_cost(t->cap * sizeof *t->heads);
}

struct pubsub_counts pubsub_counts(struct pubsub *p)
{
    const struct directory *d = &p->directory;
    struct pattern_index_counts patterns = pattern_index_counts(d->patterns);
    size_t bytes = mem_cost(sizeof *p) + p->feeds_bytes + patterns.bytes;
    for (int kind = 0; kind < PUBSUB_KINDS; kind++) bytes += chains_bytes(&d->feeds[kind]);
    bytes += chains_bytes(&p->subscriptions) +
             p->subscriptions.count * mem_cost(sizeof(struct subscription)) +
             p->clients * mem_cost(sizeof(struct pubsub_subscriptions));
    return (struct pubsub_counts){
        .channels = d->feeds[PUBSUB_CHANNEL].count,
        .patterns = d->feeds[PUBSUB_PATTERN].count,
        .shard_channels = d->feeds[PUBSUB_SHARD].count,
        .globs = patterns.crowded,
        .clients = p->clients,
        .messages = p->messages,
        .candidates = patterns.candidates,
        .candidates_failed = patterns.failed,
        .bytes = bytes,
    };
}
