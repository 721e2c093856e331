/* Broadcasting: clients that hear of every change of keys that begin with their prefixes, whether
 * they read them or not.
 *
 * The keys that changed in a turn are gathered, each once, and told at its end. In order, those
 * under one prefix stand side by side, so a message is a range of them:
 *
 *      changed, in order:   app:1  app:2  user:1  user:2  user:7  x
 *      prefix "user:"                     └───────────────────┘      its members get these three
 *
 * A member that does not want to hear of its own changes gets what is left of the range without
 * those that it made last. */
#include "tracking.h"

#include "../base/mem.h"

#include <stdlib.h>

/* When a turn changes more than this, it is told before the turn is over. */
enum { CHANGED_BYTES_MAX = 1024 * 1024 };

/* ---- prefixes and their members ---- */

static void *grown(void *list, size_t *cap, size_t item)
{
    size_t more = *cap ? *cap * 2 : 2;
    list = mem_resize(list, *cap * item, more * item);
    *cap = more;
    return list;
}

void prefix_join(struct session *s, struct slice name)
{
    struct tracking *tr = s->tracking;
    void **place = radix_put(&s->all->tracking->prefixes, name);
    struct prefix *p = *place;
    if (!p) {
        *place = p = mem_alloc(sizeof *p + name.len);
        *p = (struct prefix){.len = name.len};
        if (name.len) memcpy(p->name, name.at, name.len);
    }
    for (size_t i = 0; i < tr->prefixes_count; i++)
        if (tr->prefixes[i] == p) return;
    if (p->count == p->cap) p->members = grown(p->members, &p->cap, sizeof *p->members);
    p->members[p->count++] = s;
    if (tr->prefixes_count == tr->prefixes_cap)
        tr->prefixes = grown(tr->prefixes, &tr->prefixes_cap, sizeof *tr->prefixes);
    tr->prefixes[tr->prefixes_count++] = p;
}

static void prefix_leave(struct session *s, struct prefix *p)
{
    size_t i = 0;
    while (p->members[i] != s) i++;
    p->members[i] = p->members[--p->count];
    if (p->count) return;
    radix_remove(&s->all->tracking->prefixes, prefix_name(p));
    mem_free(p->members, p->cap * sizeof *p->members);
    mem_free(p, sizeof *p + p->len);
}

void prefixes_leave(struct session *s)
{
    struct tracking *tr = s->tracking;
    while (tr->prefixes_count) prefix_leave(s, tr->prefixes[--tr->prefixes_count]);
}

/* ---- what changed ---- */

void broadcast_note(struct tracking_table *t, struct slice key, uint64_t client)
{
    struct radix_walk walk = radix_walk(&t->prefixes, key);
    if (!radix_walk_next(&walk)) return;
    map_insert(&t->changed, key, NULL)->value = (void *)(uintptr_t)client;
    if (map_bytes(&t->changed) > CHANGED_BYTES_MAX) broadcast_send(t);
}

struct change {
    struct slice key;
    uint64_t client;
};

static int by_key(const void *a, const void *b)
{
    return slice_compare(((const struct change *)a)->key, ((const struct change *)b)->key);
}

/* The changes in order; the keys are those of the map's items. */
static struct change *sorted(const struct map *changed)
{
    size_t count = map_count(changed);
    struct change *list = mem_alloc(count * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        struct map_item *item = map_at(changed, i);
        list[i] = (struct change){map_item_name(item), (uintptr_t)item->value};
    }
    qsort(list, count, sizeof *list, by_key);
    return list;
}

/* Who is to get which range. Drawn up before anything is sent, as sending may end sessions. */
struct delivery {
    uint64_t to; /* the session's id */
    size_t from, count;
};

struct deliveries {
    struct delivery *at;
    size_t count, cap;
};

static void plan_prefix(struct deliveries *plan, const struct prefix *p,
                        const struct change *changes, size_t from, size_t end)
{
    size_t to = from;
    while (to < end && slice_starts_with(changes[to].key, prefix_name(p))) to++;
    for (size_t i = 0; i < p->count; i++) {
        if (plan->count == plan->cap) plan->at = grown(plan->at, &plan->cap, sizeof *plan->at);
        plan->at[plan->count++] = (struct delivery){p->members[i]->id, from, to - from};
    }
}

/* A prefix is met first at the first of its keys, so prefixes come in order too. */
static struct deliveries plan(struct tracking_table *t, const struct change *changes, size_t count)
{
    struct deliveries list = {0};
    t->round++;
    for (size_t i = 0; i < count; i++) {
        struct radix_walk walk = radix_walk(&t->prefixes, changes[i].key);
        for (struct prefix *p; (p = radix_walk_next(&walk));) {
            if (p->round == t->round) continue;
            p->round = t->round;
            plan_prefix(&list, p, changes, i, count);
        }
    }
    return list;
}

static void send_others(struct session *s, const struct change *changes, struct slice *keys,
                        size_t count)
{
    struct invalidation m = {.keys = keys};
    for (size_t i = 0; i < count; i++)
        if (changes[i].client != s->id) keys[m.count++] = changes[i].key;
    if (m.count) invalidation_send(&m, s);
    invalidation_fini(&m);
}

void broadcast_send(struct tracking_table *t)
{
    struct map changed = t->changed;
    size_t count = map_count(&changed);
    map_init(&t->changed, changed.secret);
    struct change *changes = sorted(&changed);
    struct slice *keys = mem_alloc(2 * count * sizeof *keys), *some = keys + count;
    for (size_t i = 0; i < count; i++) keys[i] = changes[i].key;
    struct deliveries list = plan(t, changes, count);
    struct invalidation m = {0};
    for (size_t i = 0; i < list.count; i++) {
        const struct delivery *d = &list.at[i];
        struct session *s = session_by_id(t->all, d->to);
        if (!s || !s->tracking) continue;
        if (s->tracking->noloop) {
            send_others(s, changes + d->from, some, d->count);
            continue;
        }
        if (m.keys != keys + d->from || m.count != d->count) {
            invalidation_fini(&m);
            m = (struct invalidation){.keys = keys + d->from, .count = d->count};
        }
        invalidation_send(&m, s);
    }
    invalidation_fini(&m);
    mem_free(list.at, list.cap * sizeof *list.at);
    mem_free(keys, 2 * count * sizeof *keys);
    mem_free(changes, count * sizeof *changes);
    map_fini(&changed);
}
