/* Deadlines: what goes into the wheels, what comes out, and how stale items are got rid of. */
#include "internal.h"

enum {
    STALE_SLACK = 4096,   /* stale items that are never worth a rebuild */
    STALE_KEYS_SHIFT = 3, /* nor are one to 8 keys: the walk looks at every key */
    BUCKETS_A_STEP = 32,
    BUCKETS_AN_ITEM = 2,
    CANDIDATES_MAX = 16, /* entries that share 32 hash bits */
    DUE_BATCH = 64,
};

struct rebuild {
    struct keyspace *ks;
    struct database *d;
};

static void add_to_fresh(void *ctx, void *entry)
{
    struct rebuild *w = ctx;
    int64_t due = entry_due(entry);
    if (due < 0) return;
    uint64_t place = table_place(&w->d->table, keyspace_hash(w->ks, entry_key(entry)));
    wheel_add(&w->d->fresh, (uint32_t)(place >> 32), due);
}

/* Goes on with the walk; returns whether there is more of it. */
static bool walk_on(struct keyspace *ks, struct database *d, size_t buckets)
{
    struct rebuild w = {ks, d};
    uint64_t next = 0;
    if (table_count(&d->table)) next = table_scan(&d->table, d->rebuilt, buckets, add_to_fresh, &w);
    if (next) {
        d->rebuilt = next;
        return true;
    }
    wheel_fini(&d->wheel);
    d->wheel = d->fresh;
    d->rebuilding = false;
    return false;
}

static void start_rebuilding(struct database *d)
{
    d->rebuilding = true;
    d->rebuilt = 0;
    wheel_init(&d->fresh, d->wheel.hand);
}

/* At most so many entries are ever due. */
static size_t count_due(const struct database *d)
{
    return d->volatile_keys + d->timed_hashes;
}

static bool has_too_many_items(const struct database *d)
{
    size_t bound = 2 * count_due(d) + (table_count(&d->table) >> STALE_KEYS_SHIFT) + STALE_SLACK;
    return wheel_count(&d->wheel) > bound;
}

bool database_rebuild_step(struct keyspace *ks, struct database *d)
{
    if (!d->rebuilding && has_too_many_items(d)) start_rebuilding(d);
    return d->rebuilding && walk_on(ks, d, BUCKETS_A_STEP);
}

bool database_compact(struct keyspace *ks, struct database *d)
{
    enum { ODDS = 4 }; /* with one item in so many that is not stale, samples are good enough */
    if (!d->rebuilding && wheel_count(&d->wheel) / ODDS > count_due(d)) start_rebuilding(d);
    return d->rebuilding && walk_on(ks, d, BUCKETS_A_STEP);
}

static void add_item(struct database *d, uint64_t hash, int64_t deadline)
{
    uint64_t place = table_place(&d->table, hash);
    bool passed = d->rebuilding && place >> 16 < d->rebuilt;
    wheel_add(passed ? &d->fresh : &d->wheel, (uint32_t)(place >> 32), deadline);
}

void database_add_deadline(struct keyspace *ks, struct database *d, uint64_t hash, int64_t deadline)
{
    add_item(d, hash, deadline);
    /* Each new item pays for a part of the walk, so that no rush of them can outrun it. */
    if (d->rebuilding)
        walk_on(ks, d, BUCKETS_AN_ITEM);
    else if (has_too_many_items(d))
        start_rebuilding(d);
}

struct due_visitor {
    keyspace_due_visit *visit;
    void *ctx;
    int db;
    bool fresh;         /* the items come from the wheel that is being built */
    size_t looked, max; /* items taken out of wheels: all that a call does is bounded by these */
    size_t done;
};

/* The entries that a batch of items means. */
struct due_list {
    struct due {
        int64_t deadline;
        struct entry *entry;
    } at[DUE_BATCH];
    size_t len;
};

/* Keeps the list in order; an entry that is there already, for it had two items, stays once. */
static void list_due(struct due_list *list, struct entry *e, int64_t deadline)
{
    size_t i = list->len;
    while (i > 0 && list->at[i - 1].deadline > deadline) i--;
    for (size_t k = i; k > 0 && list->at[k - 1].deadline == deadline; k--)
        if (list->at[k - 1].entry == e) return;
    memmove(&list->at[i + 1], &list->at[i], (list->len - i) * sizeof *list->at);
    list->at[i] = (struct due){deadline, e};
    list->len++;
}

/* One item that has come out: the entries that it may mean are due by `until`, or go back. */
static void look_up(struct keyspace *ks, struct database *d, struct wheel_due item, int64_t until,
                    const struct due_visitor *v, struct due_list *list)
{
    void *found[CANDIDATES_MAX];
    size_t n = table_find_prefix(&d->table, item.hash, found, CANDIDATES_MAX);
    for (size_t i = 0; i < n && i < CANDIDATES_MAX; i++) {
        struct entry *e = found[i];
        int64_t due = entry_due(e);
        if (due < 0) continue;
        uint64_t place = table_place(&d->table, keyspace_hash(ks, entry_key(e)));
        if (place >> 32 != item.hash) continue;
        bool answerable = !d->rebuilding || (place >> 16 < d->rebuilt) == v->fresh;
        if (!answerable) continue;
        if (due <= until && list->len < DUE_BATCH)
            list_due(list, e, due);
        else
            wheel_add(v->fresh ? &d->fresh : &d->wheel, item.hash, due);
    }
}

/* Visits what the items mean, in order: all items up to `until` are out. */
static void visit_batch(struct keyspace *ks, struct database *d, const struct wheel_due *items,
                        size_t n, int64_t until, struct due_visitor *v)
{
    struct due_list list;
    list.len = 0;
    for (size_t i = 0; i < n; i++) table_prefetch_prefix(&d->table, items[i].hash);
    for (size_t i = 0; i < n; i++) look_up(ks, d, items[i], until, v, &list);
    for (size_t i = 0; i < list.len; i++) {
        size_t most = v->looked < v->max ? v->max - v->looked : 1;
        size_t done = v->visit(v->ctx, v->db, list.at[i].entry, most);
        v->done += done;
        v->looked += done - 1; /* the item was counted */
    }
}

/* Returns whether the wheel has more that is due. An empty wheel is called as well, so that its
 * hand keeps up with the time: what is added far ahead of the hand has to be moved later. */
static bool visit_due(struct keyspace *ks, struct database *d, struct wheel *w, int64_t now_ms,
                      struct due_visitor *v)
{
    struct wheel_due items[DUE_BATCH];
    bool more = true;
    while (more && v->looked < v->max) {
        size_t left = v->max - v->looked;
        size_t n = wheel_collect_due(w, now_ms, items, left < DUE_BATCH ? left : DUE_BATCH, &more);
        v->looked += n;
        if (!n) break;
        int64_t until = more ? items[n - 1].deadline_ms : now_ms;
        if (table_count(&d->table)) visit_batch(ks, d, items, n, until, v);
        /* What was handed out and kept may be due still. */
        if (!more) more = wheel_count(w) && wheel_next_ms(w, now_ms) <= now_ms;
    }
    return more;
}

size_t keyspace_each_due(struct keyspace *ks, int64_t now_ms, size_t max, keyspace_due_visit *visit,
                         void *ctx, bool *more)
{
    struct due_visitor v = {.visit = visit, .ctx = ctx, .max = max};
    *more = false;
    int first = ks->due_first;
    for (int i = 0; i < ks->databases; i++) {
        v.db = (first + i) % ks->databases;
        struct database *d = ks->db[v.db];
        v.fresh = false;
        *more |= visit_due(ks, d, &d->wheel, now_ms, &v);
        v.fresh = true;
        if (d->rebuilding) *more |= visit_due(ks, d, &d->fresh, now_ms, &v);
        /* The next call begins with the one behind, or a crowd in one would hold up the others. */
        if (*more && v.looked >= max && ks->due_first == first)
            ks->due_first = (v.db + 1) % ks->databases;
    }
    return v.done;
}

/* The item is in place of the one that has come out. It does not go on with a rebuilding: that
 * could end, while its wheel is gone through. */
void keyspace_keep(const struct place *p)
{
    int64_t due = entry_due(p->entry);
    if (due >= 0) add_item(p->db, p->hash, due);
}

static int64_t sooner(int64_t a, int64_t b)
{
    if (a < 0) return b;
    return b < 0 || a < b ? a : b;
}

int64_t keyspace_next_due(const struct keyspace *ks, int64_t now_ms)
{
    int64_t next = -1;
    for (int i = 0; i < ks->databases; i++) {
        const struct database *d = ks->db[i];
        if (wheel_count(&d->wheel)) next = sooner(next, wheel_next_ms(&d->wheel, now_ms));
        if (d->rebuilding) next = sooner(next, wheel_next_ms(&d->fresh, now_ms));
    }
    return next;
}
