/* Groups in a snapshot: docs/format/views.md. */
#include "../base/err.h"
#include "../base/mem.h"
#include "groups_internal.h"

/* ---- frozen ones ---- */

static struct slice copy_of(struct slice s)
{
    char *copy = mem_alloc(s.len);
    if (s.len) memcpy(copy, s.at, s.len);
    return slice_of(copy, s.len);
}

void groups_freeze(struct groups *gs, struct group *g)
{
    struct groups_saving *s = &gs->saving;
    if (!s->round || g->saving == s->round) return;
    struct frozen_group *f = mem_new(struct frozen_group);
    *f =
        (struct frozen_group){copy_of(g->view), copy_of(g->name), g->position, crew_copy(&g->crew)};
    s->frozen[g->number] = f;
    g->saving = s->round;
}

static void thaw(struct groups_saving *s, uint32_t number)
{
    struct frozen_group *f = s->frozen[number];
    if (!f) return;
    crew_fini(&f->crew);
    mem_free((void *)(uintptr_t)f->view.at, f->view.len);
    mem_free((void *)(uintptr_t)f->name.at, f->name.len);
    mem_delete(f);
    s->frozen[number] = NULL;
}

/* ---- saving ---- */

void groups_save_begin(struct groups *gs)
{
    struct groups_saving *s = &gs->saving;
    groups_save_end(gs);
    uint64_t round = s->last_round + 1;
    *s = (struct groups_saving){.round = round,
                                .last_round = round,
                                .numbers = gs->numbers_count,
                                .count = gs->count,
                                .frozen = mem_zalloc(gs->numbers_count * sizeof *s->frozen)};
}

static void save_head(struct groups_saving *s, struct slice view, struct slice name,
                      const struct group_position *position, struct buffer *to)
{
    code_put(to, s->at - s->next);
    s->next = s->at + 1;
    code_put_text(to, view);
    code_put_text(to, name);
    group_code_position(to, position);
}

/* Some more of group `at`; true with the last of it, or where there is none. */
static bool save_group(struct groups *gs, size_t end, struct buffer *to)
{
    struct groups_saving *s = &gs->saving;
    struct frozen_group *f = s->frozen[s->at];
    struct group *g = s->at < gs->numbers_count ? gs->by_number[s->at] : NULL;
    if (!f && (!g || g->saving == s->round)) return true;
    if (!s->within && f) save_head(s, f->view, f->name, &f->position, to);
    if (!s->within && !f) save_head(s, g->view, g->name, &g->position, to);
    s->within = true;
    if (!crew_save_some(f ? &f->crew : &g->crew, &s->progress, end, to)) return false;
    if (!f) g->saving = s->round;
    thaw(s, s->at);
    s->within = false;
    s->progress = (struct progress_within){0};
    return true;
}

bool groups_save_some(struct groups *gs, size_t bytes, struct buffer *to)
{
    struct groups_saving *s = &gs->saving;
    size_t end = bytes < SIZE_MAX - to->len ? to->len + bytes : SIZE_MAX;
    if (!s->begun) {
        buffer_reserve(to, groups_bytes(gs)); /* so that it need not grow by copying */
        code_put(to, GROUPS_SAVED_VERSION);
        code_put(to, s->count);
        s->begun = true;
    }
    for (; s->at < s->numbers; s->at++)
        if (to->len >= end || !save_group(gs, end, to)) return false;
    return true;
}

void groups_save_end(struct groups *gs)
{
    struct groups_saving *s = &gs->saving;
    if (!s->round) return;
    for (uint32_t i = 0; i < s->numbers; i++) thaw(s, i);
    mem_free(s->frozen, s->numbers * sizeof *s->frozen);
    s->frozen = NULL;
    s->round = 0;
}

/* ---- loading ---- */

static bool load(struct groups *gs, struct slice bytes)
{
    struct saved_groups s;
    struct saved_group saved;
    if (!saved_groups_open(&s, bytes)) return false;
    while (s.left) {
        if (!saved_groups_next(&s, &saved)) return false;
        if (groups_find(gs, saved.view, saved.name)) return false;
        struct group *g = groups_insert(gs, saved.number, saved.view, saved.name, saved.position);
        if (!crew_load(&g->crew, &s.rest, &group_bounds)) return false;
    }
    return !s.rest.len;
}

int groups_load(struct groups *gs, struct slice bytes)
{
    groups_clear(gs);
    if (load(gs, bytes)) return 0;
    groups_clear(gs);
    return ERR_CORRUPT;
}
