/* Groups: what is known of each, and how it is found.
 *
 *      views ─ name ─▶ list ─▶ group ─▶ position      last delivered, scanned to
 *                               ▲  └──▶ crew          consumers, and what is pending (value/crew.h)
 *      by_number ───────────────┘
 *
 * Groups have numbers, the lowest that are free: a change in the journal names them by these. How
 * changes are coded and redone stands in groups_redo.c, how they are made in groups_change.c.
 *
 * Invariants:
 *  1. A group is in its view's list and under its number; a list is not empty.
 *  2. No id that is pending is behind the last one delivered, but after XGROUP SETID. */
#include "groups.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../engine/replay.h"
#include "groups_internal.h"

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
    groups_save_end(gs);
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

/* Puts a group under its number. */
static void number_group(struct groups *gs, struct group *g)
{
    uint32_t cap = gs->numbers_cap;
    if (g->number >= cap) {
        gs->numbers_cap = g->number < 4 ? 4 : g->number * 2;
        gs->by_number = mem_resize(gs->by_number, cap * sizeof g, gs->numbers_cap * sizeof g);
        memset(gs->by_number + cap, 0, (gs->numbers_cap - cap) * sizeof g);
    }
    gs->by_number[g->number] = g;
    if (g->number >= gs->numbers_count) gs->numbers_count = g->number + 1;
}

static void drop_number(struct groups *gs, uint32_t number)
{
    gs->by_number[number] = NULL;
    while (gs->numbers_count && !gs->by_number[gs->numbers_count - 1]) gs->numbers_count--;
}

/* ---- groups ---- */

static size_t place_in(const struct group_list *list, struct slice name, bool *is_there)
{
    return crew_place(list->groups, list->count, name, is_there);
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

uint32_t groups_numbers(const struct groups *gs)
{
    return gs->numbers_count;
}

struct group *groups_numbered(const struct groups *gs, uint32_t number)
{
    return gs->by_number[number];
}

uint64_t groups_waited_seq(const struct groups *gs)
{
    return gs->waited_seq;
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
    *g = (struct group){.view = map_item_name(item),
                        .name = kept(name),
                        .number = number,
                        .position = position,
                        .saving = gs->saving.round};
    crew_init(&g->crew, gs->views.secret);
    number_group(gs, g);
    gs->count++;
    return g;
}

static void free_group(struct group *g)
{
    crew_fini(&g->crew);
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
    drop_number(gs, g->number);
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

/* ---- facts ---- */

uint64_t groups_placed(const struct groups *gs)
{
    return gs->placed;
}

size_t groups_bytes(const struct groups *gs)
{
    size_t bytes = map_bytes(&gs->views) + gs->numbers_cap * sizeof *gs->by_number;
    for (uint32_t n = 0; n < gs->numbers_count; n++) {
        const struct group *g = gs->by_number[n];
        if (!g) continue;
        bytes += mem_cost(sizeof *g) + mem_cost(g->name.len) + crew_bytes(&g->crew);
    }
    return bytes;
}

void groups_check(const struct groups *gs)
{
    size_t count = 0;
    for (uint32_t n = 0; n < gs->numbers_count; n++) {
        struct group *g = gs->by_number[n];
        if (!g) continue;
        count++;
        CHECK(g->number == n && groups_find(gs, g->view, g->name) == g);
        crew_check(&g->crew);
    }
    CHECK(count == gs->count);
}
