/* Deadlines: what goes into the wheels, what comes out, and how stale items are got rid of. */
#include "internal.h"

enum {
    STALE_SLACK = 4096,  /* stale items that are not worth a rebuild */
    CANDIDATES_MAX = 16, /* entries that share 32 hash bits */
    DUE_BATCH = 64,
};

void database_add_deadline(struct database *d, uint64_t hash, int64_t deadline)
{
    bool passed = d->rebuilding && hash >> 16 < d->rebuilt;
    wheel_add(passed ? &d->fresh : &d->wheel, (uint32_t)(hash >> 32), deadline);
}

struct walk {
    struct keyspace *ks;
    struct database *d;
};

static void add_to_fresh(void *ctx, void *entry)
{
    struct walk *w = ctx;
    int64_t deadline = entry_deadline(entry);
    if (deadline < 0) return;
    uint64_t hash = keyspace_hash(w->ks, entry_key(entry));
    wheel_add(&w->d->fresh, (uint32_t)(hash >> 32), deadline);
}

/* Rebuilding the wheel beside the old one, a few buckets a call. */
bool database_rebuild_step(struct keyspace *ks, struct database *d, int64_t now_ms)
{
    enum { BUCKETS_A_STEP = 32 };
    if (!d->rebuilding) {
        if (wheel_count(&d->wheel) <= 2 * d->volatile_keys + STALE_SLACK) return false;
        d->rebuilding = true;
        d->rebuilt = 0;
        wheel_init(&d->fresh, now_ms);
    }
    struct walk w = {ks, d};
    uint64_t next = 0;
    if (table_count(&d->table))
        next = table_scan(&d->table, d->rebuilt, BUCKETS_A_STEP, add_to_fresh, &w);
    if (next) {
        d->rebuilt = next;
        return true;
    }
    wheel_fini(&d->wheel);
    d->wheel = d->fresh;
    d->rebuilding = false;
    return false;
}

struct due_visitor {
    keyspace_due_visit *visit;
    void *ctx;
    int db;
    bool fresh; /* the items come from the wheel that is being built */
    size_t visited;
};

/* One item that fell due: the entries that it may mean. */
static void visit_item(struct keyspace *ks, struct database *d, struct wheel_due item,
                       struct due_visitor *v)
{
    void *found[CANDIDATES_MAX];
    size_t n = table_find_prefix(&d->table, item.hash, found, CANDIDATES_MAX);
    for (size_t i = 0; i < n && i < CANDIDATES_MAX; i++) {
        struct entry *e = found[i];
        int64_t deadline = entry_deadline(e);
        if (deadline < 0) continue;
        uint64_t hash = keyspace_hash(ks, entry_key(e));
        if (hash >> 32 != item.hash) continue;
        bool answerable = !d->rebuilding || (hash >> 16 < d->rebuilt) == v->fresh;
        if (!answerable) continue;
        if (deadline > item.deadline_ms) {
            wheel_add(v->fresh ? &d->fresh : &d->wheel, item.hash, deadline);
        } else {
            v->visited++;
            v->visit(v->ctx, v->db, e);
        }
    }
}

static bool visit_due(struct keyspace *ks, struct database *d, struct wheel *w, int64_t now_ms,
                      size_t max, struct due_visitor *v)
{
    struct wheel_due items[DUE_BATCH];
    bool more = wheel_count(w) > 0;
    while (more && v->visited < max) {
        size_t left = max - v->visited;
        size_t n = wheel_collect_due(w, now_ms, items, left < DUE_BATCH ? left : DUE_BATCH, &more);
        if (table_count(&d->table) == 0) continue;
        for (size_t i = 0; i < n; i++) table_prefetch(&d->table, (uint64_t)items[i].hash << 32);
        for (size_t i = 0; i < n; i++) visit_item(ks, d, items[i], v);
        if (!n) break;
    }
    return more;
}

size_t keyspace_each_due(struct keyspace *ks, int64_t now_ms, size_t max, keyspace_due_visit *visit,
                         void *ctx, bool *more)
{
    struct due_visitor v = {.visit = visit, .ctx = ctx};
    *more = false;
    for (int i = 0; i < ks->databases && v.visited < max; i++) {
        struct database *d = ks->db[i];
        v.db = i;
        v.fresh = false;
        if (wheel_count(&d->wheel)) *more |= visit_due(ks, d, &d->wheel, now_ms, max, &v);
        v.fresh = true;
        if (d->rebuilding) *more |= visit_due(ks, d, &d->fresh, now_ms, max, &v);
    }
    return v.visited;
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
