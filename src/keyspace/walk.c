/* How the walk goes on; what it is stands in walk.h. */
#include "walk.h"

#include "../base/err.h"
#include "internal.h"

enum { ENTRIES_A_BUCKET = 6, SETTLE_ENTRIES = 256 };

struct walked_database {
    struct keyspace *keyspace;
    int number; /* at the begin */
};

void walk_hand_over(struct keyspace *ks, int number, struct entry *e)
{
    if ((e->flags & ENTRY_MARK) == ks->mark) return;
    entry_set_mark(e, ks->mark);
    const struct walk *w = &ks->walk;
    if (w->state == WALK_ON) w->visitor.entry(w->visitor.ctx, number, e);
}

static void visit(void *ctx, void *entry)
{
    const struct walked_database *d = ctx;
    walk_hand_over(d->keyspace, d->number, entry);
}

static void visit_and_free(void *ctx, void *entry)
{
    const struct walked_database *d = ctx;
    visit(ctx, entry);
    keyspace_dispose(d->keyspace, entry);
}

int keyspace_walk_begin(struct keyspace *ks, struct walk_visitor v)
{
    struct walk *w = &ks->walk;
    if (w->state != WALK_NONE) return w->state == WALK_ON ? ERR_BUSY : ERR_AGAIN;
    *w = (struct walk){.state = WALK_ON, .visitor = v};
    ks->mark ^= ENTRY_MARK;
    for (int i = 0; i < ks->databases; i++) {
        ks->db[i]->number = i;
        ks->db[i]->walked = table_count(&ks->db[i]->table) ? 0 : WALKED_ALL;
    }
    return 0;
}

bool keyspace_walk_may_begin(const struct keyspace *ks)
{
    return ks->walk.state == WALK_NONE;
}

/* Frees a slice of the first flushed table that is to be walked; false when there is none. */
static bool walk_graves(struct keyspace *ks, size_t buckets)
{
    if (!ks->walk.graves) return false;
    struct grave **link = &ks->graves;
    while (!(*link)->to_walk) link = &(*link)->next;
    struct grave *g = *link;
    struct walked_database w = {ks, g->number};
    if (!table_clear(&g->table, visit_and_free, &w, buckets)) return true;
    if (g->to_walk) ks->walk.graves--; /* else the walk was given up meanwhile */
    grave_remove(link);
    return true;
}

/* Goes on in the database; how many entries that was, about. */
static size_t walk_database(struct keyspace *ks, struct database *d, size_t entries)
{
    struct walked_database w = {ks, d->number};
    size_t buckets = entries / ENTRIES_A_BUCKET + 1;
    uint64_t next = 0;
    if (table_count(&d->table)) next = table_scan(&d->table, d->walked, buckets, visit, &w);
    d->walked = next ? next : WALKED_ALL;
    return buckets * ENTRIES_A_BUCKET;
}

bool keyspace_walk_step(struct keyspace *ks, size_t entries)
{
    struct walk *w = &ks->walk;
    if (w->state == WALK_NONE) return false;
    if (w->state == WALK_ON && w->visitor.ready && !w->visitor.ready(w->visitor.ctx)) return true;
    if (walk_graves(ks, entries / ENTRIES_A_BUCKET + 1)) return true;
    for (size_t done = 0; w->at < ks->databases && done < entries;) {
        struct database *d = ks->db[w->at];
        if (d->walked != WALKED_ALL) done += walk_database(ks, d, entries - done);
        if (d->walked == WALKED_ALL) w->at++, done++;
    }
    if (w->at == ks->databases) w->state = WALK_NONE;
    return w->state == WALK_ON;
}

bool walk_settle(struct keyspace *ks)
{
    if (ks->walk.state != WALK_SETTLING) return false;
    keyspace_walk_step(ks, SETTLE_ENTRIES);
    return ks->walk.state == WALK_SETTLING;
}

void keyspace_walk_cancel(struct keyspace *ks)
{
    if (ks->walk.state != WALK_ON) return;
    ks->walk.state = WALK_SETTLING;
    ks->walk.graves = 0;
    for (struct grave *g = ks->graves; g; g = g->next) g->to_walk = false;
}
