/* Who must hear a message: channels, patterns, sharded channels, and their subscribers.
 *
 * Promises. A message costs what its hearers cost: the price of finding them does not grow with
 * the patterns that do not match, nothing is built that no one hears, and what is heard by many is
 * formatted once and handed to each as a span of the same bytes.
 *
 *      record ─▶ announce ─ family, db, event or key ─▶ routes ── nobody: done
 *                                                          │ perhaps somebody: name the channel
 *      PUBLISH ────────────────────────────────────────────▶ directory ─▶ feeds ─▶ subscribers
 *                                                            exact name, then patterns
 *
 *   announce.c       which channels an event has, and what is said there
 *   routes.h         memos of who hears the channels of events
 *   directory.h      feeds by name, and all that hear a channel
 *   pattern_index.h  the patterns that match a channel (grams.h: by literals in their middle)
 *   feed.h           one name: its subscribers in order, its message blocks
 *   pubsub.c         subscriptions, publishing, counts
 *
 * Order. All subscribers of the channel itself come first, in order of subscription, then the
 * patterns that match, oldest first (by when the pattern, not the subscriber, came; one that nobody
 * had in between is new), each with its subscribers in order of subscription. Redis goes through
 * its patterns in the order of a hash table that is seeded at start, so a client cannot have relied
 * on another. Who is subscribed in several ways gets several messages.
 *
 * Invariants. 1. A feed exists exactly as long as it has subscribers. 2. Every subscription is in
 * one seat of its feed, in one list of its subscriber and in the table of pairs. 3. A memo of
 * routes whose generation is that of its family is true. 4. While messages are delivered, nothing
 * of this changes. 5. Open message blocks are let go at the end of the turn. */
#ifndef HARK_PUBSUB_PUBSUB_H
#define HARK_PUBSUB_PUBSUB_H

#include "../base/block.h"
#include "../record/record.h"

struct pubsub;
struct subscriber;

/* Called for each message that a subscriber must get, in order. The span's bytes are a whole RESP
 * push or array; the callee retains the block if it keeps the span. Spans that follow each other
 * in one block may be merged. It must not subscribe, unsubscribe, leave or publish: a subscriber
 * that has to go is remembered and taken out later. */
typedef void pubsub_deliver(struct subscriber *to, struct span message);

/* Embedded in whoever subscribes; zeroed, then `deliver` and `proto` set. Must stay where it is as
 * long as it has subscriptions. */
struct subscriber {
    pubsub_deliver *deliver;
    struct pubsub_subscriptions *subscriptions; /* NULL while there are none */
    struct subscriber *next_retired;            /* the room's own */
    int proto;                                  /* 2 or 3; may change at any time */
};

enum pubsub_kind { PUBSUB_CHANNEL, PUBSUB_PATTERN, PUBSUB_SHARD };

struct pubsub_limits {
    size_t pattern_bytes_max; /* longest pattern */
    size_t globs_max;         /* patterns that their literals do not tell apart, so that a glob must
                                 decide among many: in the whole server (see pattern_index.h) */
};

/* The secret (HASH_SECRET_SIZE bytes, see base/hash.h) is borrowed for life. */
struct pubsub *pubsub_new(const unsigned char *hash_secret, struct pubsub_limits limits);
/* All who are subscribed still are made to leave. */
void pubsub_free(struct pubsub *p);
/* For new subscriptions; what is there stays. */
void pubsub_set_limits(struct pubsub *p, struct pubsub_limits limits);
/* How many subscriptions one subscriber may have, of all kinds; 0, as from the start: no bound. */
void pubsub_set_subscriptions_max(struct pubsub *p, size_t max);
/* Has it so many that new ones are refused? */
bool subscriber_is_full(const struct pubsub *p, const struct subscriber *s);

/* 1 when newly subscribed, 0 when it was already, ERR_LIMIT when a bound forbids it. */
int pubsub_subscribe(struct pubsub *p, struct subscriber *s, enum pubsub_kind kind,
                     struct slice name);
/* Was it subscribed? */
bool pubsub_unsubscribe(struct pubsub *p, struct subscriber *s, enum pubsub_kind kind,
                        struct slice name);
/* Removes one subscription of this kind, the oldest, and leaves its name in `name`, replacing what
 * that held; false when there was none. For UNSUBSCRIBE without arguments. */
struct buffer;
bool pubsub_unsubscribe_any(struct pubsub *p, struct subscriber *s, enum pubsub_kind kind,
                            struct buffer *name);
/* Removes at most `max` of its subscriptions; has it more? */
bool pubsub_leave_some(struct pubsub *p, struct subscriber *s, size_t max);
/* All of them, now: for who has few. */
void pubsub_leave(struct pubsub *p, struct subscriber *s);
/* All of them, by and by: it is told nothing any more and must not subscribe again; pubsub_work and
 * new subscriptions of others do the rest, in the order of retirement. Until then it is counted
 * still. */
void pubsub_retire(struct pubsub *p, struct subscriber *s);
/* Removes at most `max` subscriptions of the retired; are there more? */
bool pubsub_work(struct pubsub *p, size_t max);
/* How many subscriptions of this kind it has. */
size_t subscriber_count(const struct subscriber *s, enum pubsub_kind kind);
/* Bytes its subscriptions take. */
size_t subscriber_bytes(const struct subscriber *s);

/* PUBLISH and SPUBLISH: delivers, returns how many messages were delivered. One that would have
 * 4 GB or more in the protocol is not (proto-max-bulk-len keeps clients well below). */
size_t pubsub_publish(struct pubsub *p, struct slice channel, struct slice payload, bool sharded);
/* How many would get it, now. */
size_t pubsub_receivers(struct pubsub *p, struct slice channel, bool sharded);

/* Tells live subscribers of a sealed record: its notes in order, each on the channels that the
 * flags of its time (note.notify) switch on; keyspace before keyevent, then S, T, I, V, C; on each
 * channel exact subscribers before patterns. Messages of PUBLISH are delivered whatever the flags;
 * events of whole databases (flushdb, swapdb) are not told live. */
void pubsub_announce(struct pubsub *p, const struct record *r);
/* Within `deliver`: the record of whose event the message tells, if the journal keeps that event; 0
 * for PUBLISH, and for what is heard live only. */
uint64_t pubsub_telling(const struct pubsub *p);
/* Tells one subscriber alone of a record that others were told of before: of the events that the
 * journal keeps, on the channels that `notify` switches on. */
void pubsub_retell(struct pubsub *p, const struct record *r, struct subscriber *who,
                   uint32_t notify);
/* How much of an effect a keychange message carries. */
void pubsub_set_keychange_max(struct pubsub *p, size_t bytes);

/* End of a turn of the loop: open message blocks are let go. */
void pubsub_end_turn(struct pubsub *p);

/* PUBSUB CHANNELS / SHARDCHANNELS, NUMSUB, NUMPAT; INFO. The visitor must change nothing. */
void pubsub_each_channel(struct pubsub *p, bool sharded,
                         void (*visit)(void *ctx, struct slice name, size_t subscribers),
                         void *ctx);
size_t pubsub_channel_subscribers(struct pubsub *p, bool sharded, struct slice name);
struct pubsub_counts {
    size_t channels, patterns, shard_channels, globs; /* distinct names */
    size_t clients;             /* subscribers with at least one subscription */
    uint64_t messages;          /* delivered since start */
    uint64_t candidates;        /* times that a pattern was tried by glob */
    uint64_t candidates_failed; /* of these, without a match */
    size_t bytes;
};
struct pubsub_counts pubsub_counts(struct pubsub *p);

#endif
