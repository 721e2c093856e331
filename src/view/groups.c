/* Groups: what is known of each, and how it is found.
 *
 *      views ─ name ─▶ list ─▶ group ─▶ position      last delivered, scanned to
 *                               ▲  ├──▶ consumers     by name, by number
 *      by_number ───────────────┘  └──▶ pending       by id: consumer, time, deliveries
 *
 * Groups and consumers have numbers, the lowest that are free: a change in the journal names them
 * by these. How changes are coded and redone stands in groups_redo.c, how they are made in
 * groups_change.c.
 *
 * Invariants:
 *  1. A group is in its view's list and under its number; a list is not empty.
 *  2. A consumer's `pending` is the number of entries in the group's `pending` that are its own;
 *     every entry's consumer exists.
 *  3. No id that is pending is behind the last one delivered, but after XGROUP SETID. */
#include "groups.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../engine/replay.h"
#include "groups_internal.h"

#include <stdlib.h>

static bool redo_hook(void *ctx, struct slice bytes)
{
    return groups_redo(ctx, bytes);
}

struct groups *groups_new(struct engine *engine)
{
    struct groups *gs = mem_new(struct groups);
    gs->engine = engine;
    map_init(&gs->views, keyspace_secret(engine_keyspace(engine)));
    engine_hear_views(engine, redo_hook, gs);
    return gs;
}

void groups_free(struct groups *gs)
{
    if (!gs) return;
    groups_clear(gs);
    map_fini(&gs->views);
    mem_free(gs->by_number, gs->numbers_cap * sizeof *gs->by_number);
    buffer_fini(&gs->code);
    engine_hear_views(gs->engine, NULL, NULL);
    mem_delete(gs);
}

void groups_hear_end(struct groups *gs, void (*ends)(void *ctx, struct group *g), void *ctx)
{
    gs->ends = ends;
    gs->ends_ctx = ctx;
}

/* ---- numbers ---- */

uint32_t groups_free_number(const struct groups *gs)
{
    if (gs->count == gs->numbers_count) return gs->numbers_count;
    uint32_t i = 0;
    while (gs->by_number[i]) i++;
    return i;
}

uint32_t group_free_number(const struct group *g)
{
    if (map_count(&g->consumers) == g->numbers_count) return g->numbers_count;
    uint32_t i = 0;
    while (g->by_number[i]) i++;
    return i;
}

/* Puts an object under its number, into an array with holes. */
static void *numbered(void *array, uint32_t *count, uint32_t *cap, uint32_t number, void *object)
{
    void **at = array;
    if (number >= *cap) {
        uint32_t more = number < 4 ? 4 : number * 2;
        at = mem_resize(at, *cap * sizeof *at, more * sizeof *at);
        memset(at + *cap, 0, (more - *cap) * sizeof *at);
        *cap = more;
    }
    at[number] = object;
    if (number >= *count) *count = number + 1;
    return at;
}

static void drop_numbered(void *array, uint32_t *count, uint32_t number)
{
    void **at = array;
    at[number] = NULL;
    while (*count && !at[*count - 1]) (*count)--;
}

/* ---- groups ---- */

/* Where a name is in the list of its view, or belongs. */
static size_t place_in(const struct group_list *list, struct slice name, bool *is_there)
{
    size_t low = 0, high = list->count;
    *is_there = false;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = slice_compare(list->groups[mid]->name, name);
        if (!order) *is_there = true;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

size_t groups_count(const struct groups *gs)
{
    return gs->count;
}

struct group *groups_find(const struct groups *gs, struct slice view, struct slice name)
{
    const struct group_list *list = map_value(&gs->views, view);
    bool is_there;
    if (!list) return NULL;
    size_t at = place_in(list, name, &is_there);
    return is_there ? list->groups[at] : NULL;
}

size_t groups_of(const struct groups *gs, struct slice view, struct group *const **out)
{
    const struct group_list *list = map_value(&gs->views, view);
    *out = list ? list->groups : NULL;
    return list ? list->count : 0;
}

struct group *groups_at(const struct groups *gs, size_t i)
{
    for (uint32_t n = 0; n < gs->numbers_count; n++)
        if (gs->by_number[n] && !i--) return gs->by_number[n];
    return NULL;
}

static struct slice kept(struct slice s)
{
    char *copy = mem_alloc(s.len);
    if (s.len) memcpy(copy, s.at, s.len);
    return slice_of(copy, s.len);
}

static void drop_kept(struct slice s)
{
    mem_free((void *)(uintptr_t)s.at, s.len);
}

struct group *groups_insert(struct groups *gs, uint32_t number, struct slice view,
                            struct slice name, struct group_position position)
{
    struct map_item *item = map_insert(&gs->views, view, NULL);
    if (!item->value) item->value = mem_new(struct group_list);
    struct group_list *list = item->value;
    struct group *g = mem_new(struct group);
    bool is_there;
    size_t at = place_in(list, name, &is_there);
    CHECK(!is_there);
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 1;
        list->groups = mem_resize(list->groups, list->cap * sizeof g, cap * sizeof g);
        list->cap = cap;
    }
    memmove(list->groups + at + 1, list->groups + at, (list->count - at) * sizeof g);
    list->groups[at] = g;
    list->count++;
    *g = (struct group){
        .view = map_item_name(item), .name = kept(name), .number = number, .position = position};
    map_init(&g->consumers, gs->views.secret);
    gs->by_number = numbered(gs->by_number, &gs->numbers_count, &gs->numbers_cap, number, g);
    gs->count++;
    return g;
}

static void free_consumer(struct consumer *c)
{
    mem_delete(c);
}

static void free_group(struct group *g)
{
    for (size_t i = 0; i < map_count(&g->consumers); i++)
        free_consumer(map_at(&g->consumers, i)->value);
    map_fini(&g->consumers);
    mem_free(g->by_number, g->numbers_cap * sizeof *g->by_number);
    pending_fini(&g->pending);
    drop_kept(g->name);
    mem_delete(g);
}

void groups_erase(struct groups *gs, struct group *g)
{
    struct map_item *item = map_find(&gs->views, g->view);
    struct group_list *list = item->value;
    bool is_there;
    if (gs->ends) gs->ends(gs->ends_ctx, g);
    size_t at = place_in(list, g->name, &is_there);
    list->count--;
    memmove(list->groups + at, list->groups + at + 1, (list->count - at) * sizeof g);
    drop_numbered(gs->by_number, &gs->numbers_count, g->number);
    gs->count--;
    free_group(g);
    if (list->count) return;
    mem_free(list->groups, list->cap * sizeof g);
    mem_delete(list);
    map_erase(&gs->views, item);
}

void groups_clear(struct groups *gs)
{
    while (gs->count) groups_erase(gs, gs->by_number[gs->numbers_count - 1]);
}

/* ---- consumers ---- */

struct consumer *group_consumer(const struct group *g, struct slice name)
{
    return map_value(&g->consumers, name);
}

struct consumer *group_consumer_numbered(const struct group *g, uint32_t number)
{
    return number < g->numbers_count ? g->by_number[number] : NULL;
}

struct consumer *group_insert_consumer(struct group *g, uint32_t number, struct slice name)
{
    struct map_item *item = map_insert(&g->consumers, name, NULL);
    struct consumer *c = mem_new(struct consumer);
    item->value = c;
    c->name = map_item_name(item);
    c->number = number;
    c->active_ms = -1;
    g->by_number = numbered(g->by_number, &g->numbers_count, &g->numbers_cap, number, c);
    return c;
}

static void take_out_pending(struct group *g, struct consumer *c)
{
    struct pending_entry e = {0};
    while (c->pending && pending_next(&g->pending, e.id, c->number, &e)) {
        pending_remove(&g->pending, e.id);
        c->pending--;
    }
    CHECK(!c->pending);
}

void group_erase_consumer(struct group *g, struct consumer *c)
{
    take_out_pending(g, c);
    drop_numbered(g->by_number, &g->numbers_count, c->number);
    map_erase(&g->consumers, map_find(&g->consumers, c->name));
    free_consumer(c);
}

static int by_name(const void *a, const void *b)
{
    const struct consumer *const *x = a, *const *y = b;
    return slice_compare((*x)->name, (*y)->name);
}

struct consumer **group_consumers_sorted(const struct group *g)
{
    size_t count = map_count(&g->consumers);
    if (!count) return NULL;
    struct consumer **list = mem_alloc(count * sizeof *list);
    for (size_t i = 0; i < count; i++) list[i] = map_at(&g->consumers, i)->value;
    qsort(list, count, sizeof *list, by_name);
    return list;
}

void group_put(struct group *g, const struct pending_entry *e)
{
    const struct pending_entry *old = pending_find(&g->pending, e->id);
    if (old) group_consumer_numbered(g, old->consumer)->pending--;
    group_consumer_numbered(g, e->consumer)->pending++;
    pending_put(&g->pending, e);
}

void group_settle(struct group *g)
{
    pending_settle(&g->pending);
}

/* ---- facts ---- */

size_t groups_bytes(const struct groups *gs)
{
    size_t bytes = map_bytes(&gs->views) + gs->numbers_cap * sizeof *gs->by_number;
    for (uint32_t n = 0; n < gs->numbers_count; n++) {
        const struct group *g = gs->by_number[n];
        if (!g) continue;
        bytes += mem_cost(sizeof *g) + mem_cost(g->name.len) + map_bytes(&g->consumers) +
                 map_count(&g->consumers) * mem_cost(sizeof(struct consumer)) +
                 mem_cost(g->numbers_cap * sizeof *g->by_number) + pending_bytes(&g->pending);
    }
    return bytes;
}

static void check_group(struct group *g)
{
    size_t counts = 0;
    struct pending_entry e = {0};
    pending_check(&g->pending);
    for (uint32_t n = 0; n < g->numbers_count; n++) {
        const struct consumer *c = g->by_number[n];
        if (!c) continue;
        size_t own = 0;
        CHECK(c->number == n && map_value(&g->consumers, c->name) == c);
        for (e.id = (struct event_id){0}; pending_next(&g->pending, e.id, n, &e);
             e.id = id_after(e.id))
            own++;
        CHECK(own == c->pending);
        counts += own;
    }
    CHECK(counts == g->pending.count);
    group_settle(g);
}

void groups_check(const struct groups *gs)
{
    size_t count = 0;
    for (uint32_t n = 0; n < gs->numbers_count; n++) {
        struct group *g = gs->by_number[n];
        if (!g) continue;
        count++;
        CHECK(g->number == n && groups_find(gs, g->view, g->name) == g);
        check_group(g);
    }
    CHECK(count == gs->count);
}
