#include "keyspace.h"

#include "../base/assert.h"
#include "../base/mem.h"
#include "internal.h"

enum { BUCKETS_A_STEP = 64, ELEMENTS_A_STEP = 512 };

static uint64_t hash_of_entry(void *ctx, const void *entry)
{
    return keyspace_hash(ctx, entry_key(entry));
}

void database_init(struct keyspace *ks, struct database *d)
{
    *d = (struct database){.walked = WALKED_ALL};
    table_init(&d->table, hash_of_entry, ks);
    wheel_init(&d->wheel, 0);
}

void database_fini(struct database *d)
{
    table_fini(&d->table);
    wheel_fini(&d->wheel);
    if (d->rebuilding) wheel_fini(&d->fresh);
}

struct keyspace *keyspace_new(int databases, const unsigned char *hash_secret, uint64_t random_seed)
{
    struct keyspace *ks = mem_new(struct keyspace);
    memcpy(ks->secret, hash_secret, sizeof ks->secret);
    random_init(&ks->random, random_seed);
    ks->values = value_config_default(ks->secret);
    ks->access = (struct access_config){.lfu_log_factor = 10, .lfu_decay_min = 1};
    ks->databases = databases;
    ks->db = mem_zalloc((size_t)databases * sizeof *ks->db);
    for (int i = 0; i < databases; i++) {
        ks->db[i] = mem_new(struct database);
        database_init(ks, ks->db[i]);
    }
    map_init(&ks->watched, ks->secret);
    return ks;
}

/* Frees an entry, and of a large value the begin: must the rest be put aside? */
static bool dispose(struct keyspace *ks, struct entry *e)
{
    struct value v;
    if (!entry_free_to_value(e, &v)) return false;
    const struct value_kind *kind = value_kind(v.type);
    size_t count = v.encoding == ENCODING_PACKED ? 1 : kind->count(&v);
    ks->elements_freed += count < ELEMENTS_A_STEP ? count : ELEMENTS_A_STEP;
    if (kind->free_some(&v, ELEMENTS_A_STEP)) return false;
    struct remains *r = mem_new(struct remains);
    *r = (struct remains){v, ks->remains};
    ks->remains = r;
    return true;
}

void keyspace_dispose(struct keyspace *ks, struct entry *e)
{
    ks->put_aside += dispose(ks, e);
}

/* A slice of the large value that was put aside last; false when there is none. */
static bool free_remains(struct keyspace *ks)
{
    struct remains *r = ks->remains;
    if (!r) return false;
    if (!value_kind(r->value.type)->free_some(&r->value, ELEMENTS_A_STEP)) return true;
    ks->remains = r->next;
    mem_delete(r);
    return true;
}

void keyspace_dispose_buried(struct keyspace *ks, struct entry *e)
{
    dispose(ks, e);
}

static void free_entry(void *ctx, void *entry)
{
    keyspace_dispose(ctx, entry);
}

static void free_buried(void *ctx, void *entry)
{
    keyspace_dispose_buried(ctx, entry);
}

/* Frees some entries of a table: fewer where their values have many elements. True when it is
 * empty. */
static bool clear_some(struct keyspace *ks, struct table *t, table_visit *free_one)
{
    enum { AT_ONCE = 4 };
    uint64_t until = ks->elements_freed + ELEMENTS_A_STEP;
    for (int i = 0; i < BUCKETS_A_STEP && ks->elements_freed < until; i += AT_ONCE)
        if (table_clear(t, free_one, ks, AT_ONCE)) return true;
    return false;
}

void keyspace_free(struct keyspace *ks)
{
    if (!ks) return;
    CHECK(map_count(&ks->watched) == 0);
    keyspace_walk_cancel(ks);
    for (int i = 0; i < ks->databases; i++) keyspace_flush(ks, i);
    while (keyspace_sweep(ks)) {
    }
    for (int i = 0; i < ks->databases; i++) {
        database_fini(ks->db[i]);
        mem_delete(ks->db[i]);
    }
    mem_free(ks->db, (size_t)ks->databases * sizeof *ks->db);
    map_fini(&ks->watched);
    mem_delete(ks);
}

int keyspace_databases(const struct keyspace *ks)
{
    return ks->databases;
}

struct random *keyspace_random(struct keyspace *ks)
{
    return &ks->random;
}

const struct value_config *keyspace_values(const struct keyspace *ks)
{
    return &ks->values;
}

void keyspace_set_values(struct keyspace *ks, struct value_config config)
{
    config.secret = ks->secret;
    ks->values = config;
}

const unsigned char *keyspace_secret(const struct keyspace *ks)
{
    return ks->secret;
}

/* ---- looking up ---- */

uint64_t keyspace_hash(const struct keyspace *ks, struct slice key)
{
    return hash_bytes(ks->secret, key);
}

static bool is_key(const void *entry, const void *key)
{
    return entry_has_key(entry, *(const struct slice *)key);
}

struct place keyspace_find_hashed(const struct keyspace *ks, int db, struct slice key,
                                  uint64_t hash)
{
    struct place p = {.db = ks->db[db], .hash = hash};
    if (table_count(&p.db->table)) p.slot = table_find(&p.db->table, hash, is_key, &key);
    if (p.slot) p.entry = table_slot_entry(p.slot);
    return p;
}

struct place keyspace_find(const struct keyspace *ks, int db, struct slice key)
{
    return keyspace_find_hashed(ks, db, key, keyspace_hash(ks, key));
}

void keyspace_prefetch(const struct keyspace *ks, int db, uint64_t hash)
{
    const struct table *t = &ks->db[db]->table;
    if (table_count(t)) table_prefetch(t, hash);
}

void keyspace_prefetch_entry(const struct keyspace *ks, int db, uint64_t hash)
{
    const struct table *t = &ks->db[db]->table;
    if (table_count(t)) table_prefetch_entries(t, hash);
}

size_t keyspace_size(const struct keyspace *ks, int db)
{
    return table_count(&ks->db[db]->table);
}

struct database_info keyspace_info(struct keyspace *ks, int db, int64_t now_ms)
{
    enum { SAMPLES = 64 };
    struct database *d = ks->db[db];
    int64_t left = 0, samples = 0;
    struct wheel_due due;
    for (; samples < SAMPLES && wheel_sample(&d->wheel, &ks->random, &due); samples++)
        left += due.deadline_ms > now_ms ? due.deadline_ms - now_ms : 0;
    return (struct database_info){
        .keys = table_count(&d->table),
        .volatile_keys = d->volatile_keys,
        .timed_hashes = d->timed_hashes,
        .table_bytes = table_bytes(&d->table),
        .table_buckets = table_buckets(&d->table),
        .wheel_bytes = wheel_bytes(&d->wheel) + (d->rebuilding ? wheel_bytes(&d->fresh) : 0),
        .wheel_items = wheel_count(&d->wheel) + (d->rebuilding ? wheel_count(&d->fresh) : 0),
        .average_ttl_ms = d->volatile_keys && samples ? left / samples : 0,
    };
}

size_t keyspace_overhead(const struct keyspace *ks)
{
    size_t bytes = map_bytes(&ks->watched);
    for (int i = 0; i < ks->databases; i++) {
        const struct database *d = ks->db[i];
        bytes += sizeof *d + table_bytes(&d->table) + wheel_bytes(&d->wheel) +
                 (d->rebuilding ? wheel_bytes(&d->fresh) : 0);
    }
    return bytes;
}

uint64_t keyspace_scan(const struct keyspace *ks, int db, uint64_t cursor, size_t buckets,
                       table_visit *visit, void *ctx)
{
    const struct table *t = &ks->db[db]->table;
    return table_count(t) ? table_scan(t, cursor, buckets, visit, ctx) : 0;
}

const struct entry *keyspace_any(struct keyspace *ks, int db)
{
    return table_random(&ks->db[db]->table, &ks->random);
}

/* ---- holds ---- */

bool keyspace_hold(struct keyspace *ks, const struct entry *e, struct keyspace_hold *h)
{
    enum { HOLDS_MAX = 64 };
    int count = 0;
    for (const struct keyspace_hold *o = ks->holds; o; o = o->next) count++;
    if (count == HOLDS_MAX) return false;
    h->entry = e;
    h->next = ks->holds;
    ks->holds = h;
    return true;
}

void keyspace_release(struct keyspace *ks, struct keyspace_hold *h)
{
    struct keyspace_hold **link = &ks->holds;
    while (*link && *link != h) link = &(*link)->next;
    if (*link) *link = h->next;
}

/* Those of the entry, or with NULL all, have to come to an end. */
static void break_holds(struct keyspace *ks, const struct entry *e)
{
    struct keyspace_hold *h = ks->holds;
    while (h) {
        bool breaks = !e || h->entry == e;
        if (breaks) h->changes(h); /* which may end other holds as well */
        h = breaks ? ks->holds : h->next;
    }
}

/* ---- changing ---- */

struct entry *keyspace_edit(struct keyspace *ks, struct place *p)
{
    struct entry *e = table_slot_entry(p->slot);
    uint64_t place = table_place(&p->db->table, p->hash);
    if (__builtin_expect(place >> 16 >= p->db->walked || ks->walk.slow, 0))
        walk_hand_over(ks, p->db->number, e);
    if (__builtin_expect(ks->holds != NULL, 0)) break_holds(ks, e);
    p->was = entry_times(e);
    return e;
}

/* Counts by what was and is; ends with an item of the wheel for what is. */
static void retime(struct keyspace *ks, struct place *p, struct entry_times is)
{
    struct entry_times was = p->was;
    int64_t old = entry_times_due(was), due = entry_times_due(is);
    p->was = is;
    p->db->volatile_keys += (size_t)(is.deadline >= 0) - (size_t)(was.deadline >= 0);
    p->db->timed_hashes += (size_t)(is.fields >= 0) - (size_t)(was.fields >= 0);
    /* Invariant 1: an item at or before. The old one serves if it was not later. */
    bool covered = old >= 0 && old <= due;
    if (due >= 0 && !covered) database_add_deadline(ks, p->db, p->hash, due);
}

void keyspace_insert(struct keyspace *ks, struct place *p, struct entry *e)
{
    entry_set_mark(e, ks->mark);
    p->slot = table_insert(&p->db->table, p->hash, e);
    p->entry = e;
    p->was = (struct entry_times){-1, -1};
    retime(ks, p, entry_times(e));
}

void keyspace_update(struct keyspace *ks, struct place *p, struct entry *e)
{
    struct entry_times is = entry_times(e);
    if (e != p->entry) {
        table_slot_replace(p->slot, e);
        p->entry = e;
        entry_set_mark(e, ks->mark);
    }
    if (is.deadline != p->was.deadline || is.fields != p->was.fields) retime(ks, p, is);
}

static void take_out(struct keyspace *ks, struct place *p)
{
    retime(ks, p, (struct entry_times){-1, -1});
    table_erase(&p->db->table, p->slot, p->hash);
    p->slot = NULL;
    p->entry = NULL;
}

struct entry *keyspace_remove(struct keyspace *ks, struct place *p)
{
    struct entry *e = keyspace_edit(ks, p);
    take_out(ks, p);
    return e;
}

/* Frees an entry that is in no table any more, or leaves that to the walk, which is to have it. */
static void bury_entry(struct keyspace *ks, struct database *d, struct entry *e, bool is_slow)
{
    if (is_slow)
        walk_take(ks, d->number, e);
    else
        keyspace_dispose(ks, e);
}

void keyspace_delete(struct keyspace *ks, struct place *p)
{
    struct entry *e = table_slot_entry(p->slot);
    bool is_slow = walk_is_slow(ks, p->db, p->hash, e);
    break_holds(ks, e);
    if (is_slow)
        p->was = entry_times(e);
    else
        keyspace_edit(ks, p);
    take_out(ks, p);
    bury_entry(ks, p->db, e, is_slow);
}

void keyspace_replace(struct keyspace *ks, struct place *p, struct entry *fresh)
{
    struct entry *old = table_slot_entry(p->slot);
    bool is_slow = walk_is_slow(ks, p->db, p->hash, old);
    break_holds(ks, old);
    if (is_slow)
        p->was = entry_times(old);
    else
        keyspace_edit(ks, p);
    keyspace_update(ks, p, fresh);
    bury_entry(ks, p->db, old, is_slow);
}

bool keyspace_is_slow(const struct keyspace *ks, const struct place *p)
{
    return walk_is_slow(ks, p->db, p->hash, p->entry);
}

void keyspace_expect(struct keyspace *ks, int db, size_t keys)
{
    table_reserve(&ks->db[db]->table, keys);
}

/* Empties a small table at once, unless its values are so large that it is better put aside. */
static bool clear_small(struct keyspace *ks, struct table *t)
{
    uint64_t until = ks->elements_freed + 8 * ELEMENTS_A_STEP;
    while (ks->elements_freed < until)
        if (clear_some(ks, t, free_entry)) return true;
    return false;
}

/* Takes the table of a database out of it. A small one is freed at once: clients could flush a few
 * keys at a time faster than slices of work put the remains away. */
static void bury(struct keyspace *ks, struct database *d)
{
    enum { SMALL_KEYS = 512, SMALL_BYTES = 64 * 1024 };
    struct grave g = {.table = d->table, .next = ks->graves, .number = d->number};
    bool small = table_count(&g.table) <= SMALL_KEYS && table_bytes(&g.table) <= SMALL_BYTES;
    table_renew(&d->table);
    g.to_walk = ks->walk.state == WALK_ON && (d->walked != WALKED_ALL || ks->walk.slow);
    d->walked = WALKED_ALL; /* what comes into it from now on is new */
    ks->walk.graves += g.to_walk;
    if (small && !g.to_walk && clear_small(ks, &g.table)) return;
    ks->put_aside += table_count(&g.table);
    ks->graves = mem_new(struct grave);
    *ks->graves = g;
}

size_t keyspace_flush(struct keyspace *ks, int db)
{
    struct database *d = ks->db[db];
    size_t keys = table_count(&d->table);
    break_holds(ks, NULL);
    bury(ks, d);
    wheel_fini(&d->wheel);
    if (d->rebuilding) wheel_fini(&d->fresh);
    d->rebuilding = false;
    d->volatile_keys = d->timed_hashes = 0;
    return keys;
}

void grave_remove(struct grave **link)
{
    struct grave *g = *link;
    *link = g->next;
    mem_delete(g);
}

static size_t awaiting_the_end(const struct keyspace *ks)
{
    size_t keys = 0;
    for (const struct remains *r = ks->remains; r; r = r->next) keys++;
    for (const struct grave *g = ks->graves; g; g = g->next) keys += table_count(&g->table);
    return keys;
}

struct keyspace_freeing keyspace_freeing(const struct keyspace *ks)
{
    size_t pending = awaiting_the_end(ks);
    return (struct keyspace_freeing){pending, ks->put_aside - pending};
}

void keyspace_reset_freed(struct keyspace *ks)
{
    ks->put_aside = awaiting_the_end(ks);
}

bool keyspace_sweep(struct keyspace *ks)
{
    if (free_remains(ks)) return true;
    struct grave **link = &ks->graves;
    while (*link && (*link)->to_walk) link = &(*link)->next;
    if (!*link) return false;
    if (clear_some(ks, &(*link)->table, free_buried)) grave_remove(link);
    return true;
}

void keyspace_swap(struct keyspace *ks, int a, int b)
{
    struct database *d = ks->db[a];
    ks->db[a] = ks->db[b];
    ks->db[b] = d;
    /* The walk may have to come back, to the one that it had not been to. */
    int lower = a < b ? a : b;
    if (ks->walk.at > lower) ks->walk.at = lower;
}

bool keyspace_work(struct keyspace *ks)
{
    bool more = keyspace_sweep(ks);
    more |= walk_settle(ks);
    for (int i = 0; i < ks->databases; i++) {
        struct database *d = ks->db[i];
        more |= table_step(&d->table, BUCKETS_A_STEP);
        more |= database_rebuild_step(ks, d);
    }
    return more;
}
