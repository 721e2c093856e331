/* Who must hear a message: channels, patterns, sharded channels, and their subscribers.
 *
 * (essay by the implementation) */
#ifndef HARK_PUBSUB_PUBSUB_H
#define HARK_PUBSUB_PUBSUB_H

#include "../base/block.h"
#include "../record/record.h"

struct pubsub;
struct subscriber;

/* Called for each message that a subscriber must get, in order. The span's bytes are a whole RESP
 * push or array; the callee retains the block if it keeps the span. Spans that follow each other
 * in one block may be merged. It must not subscribe, unsubscribe or publish. */
typedef void pubsub_deliver(struct subscriber *to, struct span message);

/* Embedded in whoever subscribes; zeroed, then subscriber_init. */
struct subscriber {
    pubsub_deliver *deliver;
    struct pubsub_subscriptions *subscriptions; /* NULL until the first one */
    int proto;                                   /* 2 or 3; may change at any time */
};

enum pubsub_kind { PUBSUB_CHANNEL, PUBSUB_PATTERN, PUBSUB_SHARD };

struct pubsub_limits {
    size_t pattern_bytes_max; /* longest pattern */
    size_t globs_max;         /* patterns that only a glob can decide, in the whole server */
};

struct pubsub *pubsub_new(const unsigned char *hash_secret, struct pubsub_limits limits);
void pubsub_free(struct pubsub *p);
void pubsub_set_limits(struct pubsub *p, struct pubsub_limits limits);

/* 1 when newly subscribed, 0 when it was already, ERR_LIMIT when a bound forbids it. */
int pubsub_subscribe(struct pubsub *p, struct subscriber *s, enum pubsub_kind kind, struct slice name);
/* Was it subscribed? */
bool pubsub_unsubscribe(struct pubsub *p, struct subscriber *s, enum pubsub_kind kind, struct slice name);
/* Removes one subscription of this kind, any, and copies its name into `name`; false when none is
 * left. For UNSUBSCRIBE without arguments. */
struct buffer;
bool pubsub_unsubscribe_any(struct pubsub *p, struct subscriber *s, enum pubsub_kind kind, struct buffer *name);
/* Forgets a subscriber altogether. */
void pubsub_leave(struct pubsub *p, struct subscriber *s);
/* How many subscriptions of this kind it has. */
size_t subscriber_count(const struct subscriber *s, enum pubsub_kind kind);
/* Bytes its subscriptions take. */
size_t subscriber_bytes(const struct subscriber *s);

/* PUBLISH and SPUBLISH: delivers, returns how many messages were delivered. */
size_t pubsub_publish(struct pubsub *p, struct slice channel, struct slice payload, bool sharded);
/* How many would get it, now. */
size_t pubsub_receivers(struct pubsub *p, struct slice channel, bool sharded);

/* Tells live subscribers of a sealed record: its notes in order, each on the channels that `flags`
 * (bits of notify-keyspace-events) switch on; keyspace before keyevent, then S, T, I, V, C; on each
 * channel exact subscribers before patterns. */
void pubsub_announce(struct pubsub *p, const struct record *r, uint32_t flags);
/* Would any subscriber hear a keychange message? Then effects are worth their keeping. */
bool pubsub_wants(struct pubsub *p, uint32_t flags);
void pubsub_set_keychange_max(struct pubsub *p, size_t bytes);

/* End of a turn of the loop: open message blocks are let go. */
void pubsub_end_turn(struct pubsub *p);

/* PUBSUB CHANNELS / SHARDCHANNELS, NUMSUB, NUMPAT; INFO. */
void pubsub_each_channel(struct pubsub *p, bool sharded, void (*visit)(void *ctx, struct slice name, size_t subscribers), void *ctx);
size_t pubsub_channel_subscribers(struct pubsub *p, bool sharded, struct slice name);
struct pubsub_counts {
    size_t channels, patterns, shard_channels, globs; /* distinct names */
    size_t clients;     /* subscribers with at least one subscription */
    uint64_t messages;  /* delivered since start */
    uint64_t candidates, candidates_failed; /* patterns tried by glob, and those that did not match */
    size_t bytes;
};
struct pubsub_counts pubsub_counts(struct pubsub *p);

#endif
