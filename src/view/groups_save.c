/* Groups in a snapshot: docs/format/views.md. */
#include "../base/err.h"
#include "groups_internal.h"

void groups_save(const struct groups *gs, struct buffer *to)
{
    uint32_t next = 0;
    code_put(to, GROUPS_SAVED_VERSION);
    code_put(to, gs->count);
    for (uint32_t n = 0; n < gs->numbers_count; n++) {
        struct group *g = gs->by_number[n];
        if (!g) continue;
        code_put(to, n - next);
        next = n + 1;
        code_put_text(to, g->view);
        code_put_text(to, g->name);
        group_code_position(to, &g->position);
        crew_save(&g->crew, to);
    }
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
