/* Which key goes when memory is short.
 *
 * For volatile-ttl the wheel knows the nearest deadline. The other policies sample: a few random
 * keys a call (of those with deadlines: random items of the wheel), the best of which enter a
 * small pool that outlives the call, so that over many calls the choice comes near to the true
 * oldest. A pool entry names a hash; it may be gone by the time its turn comes.
 *
 * Where few keys have deadlines and many items are stale, samples may all miss. Then any key of a
 * small database may do, and for a large one the wheel is compacted, a slice a call. */
#include "internal.h"

#include "../base/err.h"

struct wanted {
    const struct keyspace *ks;
    uint64_t hash;
};

static bool is_hash(const void *entry, const void *ctx)
{
    const struct wanted *wanted = ctx;
    return keyspace_hash(wanted->ks, entry_key(entry)) == wanted->hash;
}

static struct entry *find_hash(const struct keyspace *ks, int db, uint64_t hash)
{
    struct wanted wanted = {ks, hash};
    const struct table *t = &ks->db[db]->table;
    table_slot *slot = table_count(t) ? table_find(t, hash, is_hash, &wanted) : NULL;
    return slot ? table_slot_entry(slot) : NULL;
}

/* The entry with a deadline, or fields that have one, that an item of the wheel means, or NULL. */
static struct entry *entry_of_item(const struct database *d, struct wheel_due item)
{
    void *found[4];
    size_t n = table_count(&d->table) ? table_find_prefix(&d->table, item.hash, found, 4) : 0;
    for (size_t i = 0; i < n && i < 4; i++)
        if (entry_due(found[i]) >= 0) return found[i];
    return NULL;
}

static struct entry *sample(struct keyspace *ks, struct database *d, bool only_volatile)
{
    enum { TRIES = 8 };
    if (!only_volatile) return table_random(&d->table, &ks->random);
    struct wheel_due item;
    for (int i = 0; i < TRIES && d->volatile_keys; i++) {
        if (!wheel_sample(&d->wheel, &ks->random, &item)) break;
        struct entry *e = entry_of_item(d, item);
        if (e && entry_deadline(e) >= 0) return e;
    }
    for (int i = 0; i < TRIES && d->volatile_keys; i++) {
        struct entry *e = table_random(&d->table, &ks->random);
        if (entry_deadline(e) >= 0) return e;
    }
    return NULL;
}

static void pool_add(struct keyspace *ks, struct victim v)
{
    int at = 0;
    while (at < ks->victims_count && ks->victims[at].score < v.score) at++;
    for (int i = 0; i < ks->victims_count; i++)
        if (ks->victims[i].hash == v.hash && ks->victims[i].db == v.db) return;
    if (ks->victims_count < VICTIMS_MAX) {
        memmove(&ks->victims[at + 1], &ks->victims[at],
                (size_t)(ks->victims_count - at) * sizeof *ks->victims);
        ks->victims[at] = v;
        ks->victims_count++;
    } else if (at > 0) { /* the least good one makes room */
        memmove(&ks->victims[0], &ks->victims[1], (size_t)(at - 1) * sizeof *ks->victims);
        ks->victims[at - 1] = v;
    }
}

static uint64_t score_of(const struct keyspace *ks, const struct entry *e, int64_t now_ms)
{
    if (ks->access.lfu) return (uint64_t)(255 - keyspace_frequency(ks, e, now_ms));
    return (uint64_t)keyspace_idle_s(ks, e, now_ms);
}

static bool victim_from_pool(struct keyspace *ks, bool only_volatile, int samples, int64_t now_ms,
                             int *db, struct entry **victim)
{
    for (int i = 0; i < ks->databases; i++) {
        struct database *d = ks->db[i];
        for (int k = 0; k < samples && table_count(&d->table); k++) {
            struct entry *e = sample(ks, d, only_volatile);
            if (!e) break;
            uint64_t hash = keyspace_hash(ks, entry_key(e));
            pool_add(ks, (struct victim){i, hash, score_of(ks, e, now_ms)});
        }
    }
    while (ks->victims_count) {
        struct victim best = ks->victims[--ks->victims_count];
        struct entry *e = find_hash(ks, best.db, best.hash);
        if (!e || (only_volatile && entry_deadline(e) < 0)) continue;
        *db = best.db;
        *victim = e;
        return true;
    }
    return false;
}

static bool victim_at_random(struct keyspace *ks, bool only_volatile, int *db,
                             struct entry **victim)
{
    size_t total = 0;
    for (int i = 0; i < ks->databases; i++)
        total += only_volatile ? ks->db[i]->volatile_keys : table_count(&ks->db[i]->table);
    if (!total) return false;
    size_t pick = random_below(&ks->random, total);
    int i = 0;
    for (;; i++) {
        size_t n = only_volatile ? ks->db[i]->volatile_keys : table_count(&ks->db[i]->table);
        if (pick < n) break;
        pick -= n;
    }
    *db = i;
    *victim = sample(ks, ks->db[i], only_volatile);
    return *victim != NULL;
}

static struct entry *nearer(struct entry *a, struct entry *b)
{
    return !a || entry_deadline(b) < entry_deadline(a) ? b : a;
}

/* The key of the nearest deadline, by a wheel whose stale items are taken out on the way. For that,
 * the hand of the wheel goes ahead of the time, which a wheel can bear. Items that are there for
 * fields are held aside meanwhile. */
static struct entry *nearest_in(struct database *d, struct wheel *w)
{
    enum { TRIES = 32 };
    struct wheel_due item, held[TRIES];
    struct entry *nearest = NULL;
    int held_count = 0;
    bool more, found = false;
    for (int i = 0; i < TRIES && !found && wheel_nearest(w, &item, 1); i++) {
        if (!wheel_collect_due(w, item.deadline_ms, &item, 1, &more)) break;
        struct entry *e = entry_of_item(d, item);
        if (!e) continue;
        struct entry_times times = entry_times(e);
        int64_t due = entry_times_due(times);
        if (due != times.deadline) {
            held[held_count++] = (struct wheel_due){due, item.hash};
            if (times.deadline >= 0) nearest = nearer(nearest, e);
            continue;
        }
        wheel_add(w, item.hash, due);
        found = due <= item.deadline_ms;
        if (found) nearest = nearer(nearest, e);
    }
    while (held_count--) wheel_add(w, held[held_count].hash, held[held_count].deadline_ms);
    return nearest;
}

static void keep_nearer(struct entry *e, int db, int *best_db, struct entry **best)
{
    if (!e || (*best && entry_deadline(*best) <= entry_deadline(e))) return;
    *best = e;
    *best_db = db;
}

static bool victim_by_deadline(struct keyspace *ks, int *db, struct entry **victim)
{
    *victim = NULL;
    for (int i = 0; i < ks->databases; i++) {
        struct database *d = ks->db[i];
        if (!d->volatile_keys) continue;
        keep_nearer(nearest_in(d, &d->wheel), i, db, victim);
        if (d->rebuilding) keep_nearer(nearest_in(d, &d->fresh), i, db, victim);
    }
    return *victim != NULL;
}

static bool find_victim(struct keyspace *ks, enum evict_policy policy, int samples, int64_t now_ms,
                        int *db, struct entry **victim)
{
    switch (policy) {
    case EVICT_VOLATILE_TTL:
        /* Many stale items may hide the living; then any key with a deadline will do. */
        return victim_by_deadline(ks, db, victim) || victim_at_random(ks, true, db, victim);
    case EVICT_VOLATILE_RANDOM: return victim_at_random(ks, true, db, victim);
    case EVICT_ALLKEYS_RANDOM: return victim_at_random(ks, false, db, victim);
    case EVICT_VOLATILE_LRU:
    case EVICT_VOLATILE_LFU: return victim_from_pool(ks, true, samples, now_ms, db, victim);
    case EVICT_ALLKEYS_LRU:
    case EVICT_ALLKEYS_LFU: return victim_from_pool(ks, false, samples, now_ms, db, victim);
    case EVICT_NOEVICTION:
    case EVICT_COUNT: break;
    }
    return false;
}

static bool is_volatile(enum evict_policy policy)
{
    return policy == EVICT_VOLATILE_LRU || policy == EVICT_VOLATILE_LFU ||
           policy == EVICT_VOLATILE_RANDOM || policy == EVICT_VOLATILE_TTL;
}

int keyspace_victim(struct keyspace *ks, enum evict_policy policy, int samples, int64_t now_ms,
                    int *db, struct entry **victim)
{
    if (find_victim(ks, policy, samples, now_ms, db, victim)) return 1;
    if (!is_volatile(policy)) return 0;
    bool some = false;
    for (int i = 0; i < ks->databases; i++) {
        if (!ks->db[i]->volatile_keys) continue;
        database_compact(ks, ks->db[i]);
        some = true;
    }
    return some ? ERR_AGAIN : 0;
}
