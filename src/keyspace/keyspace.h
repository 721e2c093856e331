/* Databases: keys and what they hold, deadlines, eviction, watched keys.
 *
 * Each database is a hash table of entries (entry.h) and a timer wheel of deadlines: those of keys,
 * and of hashes whose fields have deadlines the soonest of these. An entry is due at the sooner of
 * both (entry_due). What stands
 * in this header only looks; what changes anything is in change.h, which only the engine
 * includes, for every change goes through its gate.
 *
 * The wheel does not point to entries, for they move: an item is 32 hash bits and a deadline.
 * Invariants:
 *  1. For every entry that is due at d there is an item in its database's wheel at or before d.
 *     So what is put off to later needs nothing: the old item fires, finds the entry not yet due,
 *     and is put in again. What moves earlier gets a second item; the stale one finds nothing.
 *  2. Stale items are bounded: when they are twice as many as entries that are ever due and one to
 *     eight keys besides (8 bytes each: a byte a key), a second wheel is filled from the table step
 * by step, and takes over when the walk is through. While it goes on, entries whose hash the walk
 *     has passed have their item in the new wheel, the others in the old one; each new item pays
 *     for a part of the walk. */
#ifndef HARK_KEYSPACE_KEYSPACE_H
#define HARK_KEYSPACE_KEYSPACE_H

#include "../base/random.h"
#include "../ds/map.h"
#include "../ds/table.h"
#include "../ds/wheel.h"
#include "entry.h"

struct keyspace;
struct database;

/* X(identifier, name in the configuration) */
#define EVICT_POLICIES(X)                 \
    X(VOLATILE_LRU, "volatile-lru")       \
    X(VOLATILE_LFU, "volatile-lfu")       \
    X(VOLATILE_RANDOM, "volatile-random") \
    X(VOLATILE_TTL, "volatile-ttl")       \
    X(ALLKEYS_LRU, "allkeys-lru")         \
    X(ALLKEYS_LFU, "allkeys-lfu")         \
    X(ALLKEYS_RANDOM, "allkeys-random")   \
    X(NOEVICTION, "noeviction")

enum evict_policy {
#define X(id, name) EVICT_##id,
    EVICT_POLICIES(X)
#undef X
        EVICT_COUNT,
};

static inline bool evict_policy_is_lfu(enum evict_policy p)
{
    return p == EVICT_VOLATILE_LFU || p == EVICT_ALLKEYS_LFU;
}

struct access_config {
    bool lfu;           /* access bits count uses (LFU) instead of telling the time of one (LRU) */
    int lfu_log_factor; /* as Redis has it */
    int lfu_decay_min;  /* minutes until a counter loses one; 0 never */
};

/* `databases` of them, empty. The secret (HASH_SECRET_SIZE) is copied. */
struct keyspace *keyspace_new(int databases, const unsigned char *hash_secret,
                              uint64_t random_seed);
void keyspace_free(struct keyspace *ks);
void keyspace_set_access(struct keyspace *ks, struct access_config config);
struct access_config keyspace_access_config(const struct keyspace *ks);
int keyspace_databases(const struct keyspace *ks);
struct random *keyspace_random(struct keyspace *ks);
/* When its values are packed; the secret in it is that of the keyspace, whatever is set. */
const struct value_config *keyspace_values(const struct keyspace *ks);
void keyspace_set_values(struct keyspace *ks, struct value_config config);
/* The secret of its hashes, for other maps of the same process. */
const unsigned char *keyspace_secret(const struct keyspace *ks);

/* ---- looking up ---- */

uint64_t keyspace_hash(const struct keyspace *ks, struct slice key);

/* Where a key is, or would be. Valid until the next change in the database. */
struct place {
    struct database *db;
    uint64_t hash;
    table_slot *slot;          /* NULL when the key does not exist */
    const struct entry *entry; /* NULL likewise. To be changed through change.h alone */
    struct entry_times was;    /* while it is changed: what the database knows of it */
};
struct place keyspace_find(const struct keyspace *ks, int db, struct slice key);
struct place keyspace_find_hashed(const struct keyspace *ks, int db, struct slice key,
                                  uint64_t hash);

/* Two steps of preparation for a batch of look-ups: the buckets, then the entries. */
void keyspace_prefetch(const struct keyspace *ks, int db, uint64_t hash);
void keyspace_prefetch_entry(const struct keyspace *ks, int db, uint64_t hash);

/* ---- whole databases ---- */

struct database_info {
    size_t keys, volatile_keys;
    size_t timed_hashes; /* hashes with fields that have a deadline */
    size_t table_bytes, table_buckets, wheel_bytes, wheel_items;
    int64_t average_ttl_ms; /* over a sample of the keys with deadlines */
};
struct database_info keyspace_info(struct keyspace *ks, int db, int64_t now_ms);
size_t keyspace_size(const struct keyspace *ks, int db);
/* Keys that were not freed at once, when they were deleted: how many are still there, and how many
 * have gone since the start or the reset. */
struct keyspace_freeing {
    size_t pending, freed;
};
struct keyspace_freeing keyspace_freeing(const struct keyspace *ks);
void keyspace_reset_freed(struct keyspace *ks);
/* Bytes of the tables, wheels and watched keys; entries not included. */
size_t keyspace_overhead(const struct keyspace *ks);

/* SCAN: visits entries, dead ones too; cursor 0 starts, 0 returned is the end. See table_scan. */
uint64_t keyspace_scan(const struct keyspace *ks, int db, uint64_t cursor, size_t buckets,
                       table_visit *visit, void *ctx);
const struct entry *keyspace_any(struct keyspace *ks, int db);

/* ---- holds ----
 *
 * Somebody reads a large value bit by bit, and others run in between. Until keyspace_release it
 * stays where it is and as it is: whoever is about to change or free it has `changes` called
 * first, which reads the rest at once and releases. It is never called after that. */
struct keyspace_hold {
    const struct entry *entry;
    void (*changes)(struct keyspace_hold *h);
    struct keyspace_hold *next;
};
/* False when there are too many: every change looks through them all. */
bool keyspace_hold(struct keyspace *ks, const struct entry *e, struct keyspace_hold *h);
/* Fine also for one that is over. */
void keyspace_release(struct keyspace *ks, struct keyspace_hold *h);

/* ---- access times ---- */

/* Notes that the entry was used now: a remark, and no change of it. */
void keyspace_touch(struct keyspace *ks, const struct entry *e, int64_t now_ms);
/* Seconds since it was last used (LRU), or the decayed use counter (LFU). */
int64_t keyspace_idle_s(const struct keyspace *ks, const struct entry *e, int64_t now_ms);
int keyspace_frequency(const struct keyspace *ks, const struct entry *e, int64_t now_ms);
/* What another server has told of an entry's access: seconds since the last use, or the counter,
 * -1 where it has not. Only what the policy of today counts is taken. */
void keyspace_recall_access(const struct keyspace *ks, const struct entry *e, int64_t idle_s,
                            int freq, int64_t now_ms);
/* The access bits of an entry that is new. */
uint32_t keyspace_new_access(const struct keyspace *ks, int64_t now_ms);

/* ---- watched keys ---- */

/* Embedded in whoever watches; zeroed. */
struct watcher {
    struct watch *first; /* the keys that it watches */
    size_t bytes;        /* what they take, about */
    bool touched;        /* one of them was changed since */
};

void keyspace_watch(struct keyspace *ks, struct watcher *w, int db, struct slice key,
                    int64_t now_ms);
/* Forgets all its keys and the touch. */
void keyspace_unwatch(struct keyspace *ks, struct watcher *w);
/* Is one of its keys changed, or past its deadline while it was alive when WATCH was said? */
bool keyspace_watch_failed(const struct keyspace *ks, const struct watcher *w, int64_t now_ms);
size_t keyspace_watched(const struct keyspace *ks);
size_t watcher_count(const struct watcher *w);

#endif
