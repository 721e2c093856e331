/* Groups in a snapshot: docs/format/views.md. */
#include "../base/err.h"
#include "groups_internal.h"

enum { SAVED_VERSION = 1 };

void groups_save(const struct groups *gs, struct buffer *to)
{
    uint32_t next = 0;
    code_put(to, SAVED_VERSION);
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

/* A number that is told by how many are skipped. */
static bool load_number(struct slice *b, uint32_t *next, uint32_t *number, uint32_t max)
{
    uint64_t skipped;
    if (!code_get(b, &skipped) || *next >= max || skipped >= max - *next) return false;
    *number = *next + (uint32_t)skipped;
    *next = *number + 1;
    return true;
}

static bool load_group(struct groups *gs, uint32_t number, struct slice *b)
{
    struct slice view, name;
    struct group_position position;
    if (!code_get_text(b, &view) || !code_get_text(b, &name)) return false;
    if (view.len > GROUP_NAME_MAX || name.len > GROUP_NAME_MAX) return false;
    if (!group_decode_position(b, &position) || groups_find(gs, view, name)) return false;
    struct group *g = groups_insert(gs, number, view, name, position);
    return crew_load(&g->crew, b, &group_bounds);
}

static bool load(struct groups *gs, struct slice b)
{
    uint64_t version, count;
    uint32_t next = 0, number;
    if (!code_get(&b, &version) || version != SAVED_VERSION) return false;
    if (!code_get(&b, &count) || count > GROUPS_MAX) return false;
    for (; count; count--)
        if (!load_number(&b, &next, &number, GROUPS_MAX) || !load_group(gs, number, &b))
            return false;
    return !b.len;
}

int groups_load(struct groups *gs, struct slice bytes)
{
    groups_clear(gs);
    if (load(gs, bytes)) return 0;
    groups_clear(gs);
    return ERR_CORRUPT;
}
