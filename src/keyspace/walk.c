/* How the walk goes on; what it is stands in walk.h. */
#include "walk.h"

#include "../base/err.h"
#include "internal.h"

#include "../base/mem.h"

enum { ENTRIES_A_BUCKET = 6, SETTLE_ENTRIES = 256, LARGE_BYTES = 64 * 1024 };

struct walked_database {
    struct keyspace *keyspace;
    int number; /* at the begin */
};

/* ---- large values ---- */

/* Where the queue has the entry, or its end. */
static struct slow **find_slow(struct walk *w, const struct entry *e)
{
    struct slow **link = &w->slow;
    while (*link && (*link)->entry != e) link = &(*link)->next;
    return link;
}

static bool is_marked(const struct keyspace *ks, const struct entry *e)
{
    return (e->flags & ENTRY_MARK) == ks->mark;
}

static bool is_slow(const struct keyspace *ks, const struct entry *e)
{
    const struct walk *w = &ks->walk;
    return w->state == WALK_ON && w->visitor.part && !is_marked(ks, e) &&
           entry_is_large(e, w->large_bytes);
}

bool walk_is_slow(const struct keyspace *ks, const struct database *d, uint64_t hash,
                  const struct entry *e)
{
    return (table_place(&d->table, hash) >> 16 >= d->walked || ks->walk.slow) && is_slow(ks, e);
}

/* Puts it into the queue, behind the others, unless it is there. */
static struct slow *add_slow(struct keyspace *ks, int number, struct entry *e)
{
    struct slow **link = find_slow(&ks->walk, e);
    if (*link) return *link;
    struct slow *fresh = mem_new(struct slow);
    *fresh = (struct slow){.entry = e, .number = number};
    *link = fresh;
    return fresh;
}

void walk_take(struct keyspace *ks, int number, struct entry *e)
{
    add_slow(ks, number, e)->owned = true;
}

static void remove_slow(struct keyspace *ks, struct slow **link)
{
    struct slow *l = *link;
    *link = l->next;
    ks->slow_done++;
    entry_set_mark(l->entry, ks->mark);
    if (l->owned) keyspace_dispose(ks, l->entry);
    mem_delete(l);
}

/* Hands over another part of the first; the visitor may give the walk up, and then there is none.
 */
static void step_slow(struct keyspace *ks)
{
    struct walk *w = &ks->walk;
    struct slow *l = w->slow;
    l->is_begun = true;
    if (!w->visitor.part(w->visitor.ctx, l->number, l->entry, &l->progress)) return;
    if (w->state == WALK_ON) remove_slow(ks, &w->slow);
    if (!w->slow) w->is_wanted = false;
}

/* Somebody changes an entry of the queue without having waited. One under way is finished. */
static void hurry_slow(struct keyspace *ks, struct slow **link)
{
    struct walk *w = &ks->walk;
    struct entry *e = (*link)->entry;
    if ((*link)->is_begun) {
        while (w->slow && w->slow->entry == e) step_slow(ks);
        return;
    }
    int number = (*link)->number;
    remove_slow(ks, link);
    w->visitor.entry(w->visitor.ctx, number, e);
}

static void forget_slow(struct keyspace *ks)
{
    while (ks->walk.slow) remove_slow(ks, &ks->walk.slow);
    ks->walk.is_wanted = false;
}

bool keyspace_walk_may_hold(const struct keyspace *ks)
{
    return ks->walk.state == WALK_ON && ks->walk.visitor.part;
}

uint64_t keyspace_walk_had(const struct keyspace *ks)
{
    return ks->slow_done;
}

bool keyspace_walk_is_wanted(const struct keyspace *ks)
{
    return ks->walk.is_wanted;
}

bool keyspace_walk_holds(struct keyspace *ks, int db, struct slice key)
{
    struct walk *w = &ks->walk;
    struct place p = keyspace_find(ks, db, key);
    if (!p.entry || !walk_is_slow(ks, p.db, p.hash, table_slot_entry(p.slot))) return false;
    w->is_wanted = true;
    struct slow *l = add_slow(ks, p.db->number, table_slot_entry(p.slot));
    if (l == w->slow || l == w->slow->next) return true;
    /* Right behind the one under way. */
    *find_slow(w, l->entry) = l->next;
    l->next = w->slow->next;
    w->slow->next = l;
    return true;
}

/* ---- entries ---- */

void walk_hand_over(struct keyspace *ks, int number, struct entry *e)
{
    struct walk *w = &ks->walk;
    if (is_marked(ks, e)) return;
    struct slow **link = find_slow(w, e);
    if (*link) {
        hurry_slow(ks, link);
        return;
    }
    entry_set_mark(e, ks->mark);
    if (w->state == WALK_ON) w->visitor.entry(w->visitor.ctx, number, e);
}

static void visit(void *ctx, void *entry)
{
    const struct walked_database *d = ctx;
    if (is_slow(d->keyspace, entry))
        add_slow(d->keyspace, d->number, entry);
    else
        walk_hand_over(d->keyspace, d->number, entry);
}

static void visit_and_free(void *ctx, void *entry)
{
    const struct walked_database *d = ctx;
    if (is_slow(d->keyspace, entry)) {
        walk_take(d->keyspace, d->number, entry);
        return;
    }
    walk_hand_over(d->keyspace, d->number, entry);
    keyspace_dispose_buried(d->keyspace, entry);
}

int keyspace_walk_begin(struct keyspace *ks, struct walk_visitor v)
{
    struct walk *w = &ks->walk;
    if (w->state != WALK_NONE) return w->state == WALK_ON ? ERR_BUSY : ERR_AGAIN;
    *w = (struct walk){.state = WALK_ON, .visitor = v, .large_bytes = LARGE_BYTES};
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
    if (w->slow) {
        step_slow(ks);
        return w->state == WALK_ON;
    }
    if (walk_graves(ks, entries / ENTRIES_A_BUCKET + 1)) return true;
    for (size_t done = 0; w->at < ks->databases && done < entries;) {
        struct database *d = ks->db[w->at];
        if (d->walked != WALKED_ALL) done += walk_database(ks, d, entries - done);
        if (d->walked == WALKED_ALL) w->at++, done++;
    }
    if (w->at == ks->databases && !w->slow) w->state = WALK_NONE;
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
    forget_slow(ks);
    for (struct grave *g = ks->graves; g; g = g->next) g->to_walk = false;
}
