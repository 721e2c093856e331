#include "groups_saved.h"

const struct crew_bounds group_bounds = {GROUP_CONSUMERS_MAX, GROUP_PENDING_MAX, GROUP_NAME_MAX};

void group_code_position(struct buffer *to, const struct group_position *p)
{
    code_put(to, p->last.ms);
    code_put(to, p->last.n);
    code_put(to, p->scanned_seq);
    code_put_read(to, p->entries_read);
}

bool group_decode_position(struct slice *from, struct group_position *p)
{
    uint64_t ms;
    if (!code_get(from, &ms) || !code_get(from, &p->last.n) || !code_get(from, &p->scanned_seq) ||
        !code_get_read(from, &p->entries_read))
        return false;
    if (ms > INT64_MAX) return false;
    p->last.ms = ms;
    return true;
}

bool saved_groups_open(struct saved_groups *s, struct slice bytes)
{
    uint64_t version;
    *s = (struct saved_groups){.rest = bytes};
    return code_get(&s->rest, &version) && version == GROUPS_SAVED_VERSION &&
           code_get(&s->rest, &s->left) && s->left <= GROUPS_MAX;
}

/* A number that is told by how many are skipped. */
static bool take_number(struct saved_groups *s, uint32_t *number)
{
    uint64_t skipped;
    if (!code_get(&s->rest, &skipped) || s->next_number >= GROUPS_MAX) return false;
    if (skipped >= GROUPS_MAX - s->next_number) return false;
    *number = s->next_number + (uint32_t)skipped;
    s->next_number = *number + 1;
    return true;
}

bool saved_groups_next(struct saved_groups *s, struct saved_group *g)
{
    s->left--;
    if (!take_number(s, &g->number)) return false;
    if (!code_get_text(&s->rest, &g->view) || !code_get_text(&s->rest, &g->name)) return false;
    if (g->view.len > GROUP_NAME_MAX || g->name.len > GROUP_NAME_MAX) return false;
    return group_decode_position(&s->rest, &g->position);
}
