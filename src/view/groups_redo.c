/* Changes as bytes: the one place where groups change, live, on replay and from a snapshot.
 *
 * Nothing in the bytes is believed: a number that nobody has, an id that is not pending where it
 * must be, a step beyond the bounds, or a byte too many, and the change is refused as a whole or
 * in part; the caller gives all data up then. */
#include "../base/err.h"
#include "groups_internal.h"

static bool redo_create(struct groups *gs, uint64_t number, struct slice b)
{
    struct slice view, name;
    struct group_position position;
    int64_t time_ms;
    if (gs->count >= GROUPS_MAX || number != groups_free_number(gs)) return false;
    if (!code_get_text(&b, &view) || !code_get_text(&b, &name)) return false;
    if (!group_decode_position(&b, &position) || !code_get_change(&b, 0, &time_ms)) return false;
    if (b.len || groups_find(gs, view, name)) return false;
    groups_insert(gs, (uint32_t)number, view, name, position)->crew.time_ms = time_ms;
    return true;
}

static bool redo_position(struct group *g, struct slice b)
{
    struct group_position position;
    if (!group_decode_position(&b, &position) || b.len) return false;
    g->position = position;
    g->version++;
    return true;
}

static bool redo_consumer_add(struct group *g, struct slice b)
{
    uint64_t number;
    struct slice name;
    struct crew *crew = &g->crew;
    if (!code_get(&b, &number) || number != crew_free_number(crew)) return false;
    if (crew_consumers(crew) >= GROUP_CONSUMERS_MAX) return false;
    if (!code_get_change(&b, crew->time_ms, &crew->time_ms) || !code_get_text(&b, &name))
        return false;
    if (b.len || crew_consumer(crew, name)) return false;
    crew_seen(crew_insert(crew, (uint32_t)number, name), crew->time_ms);
    return true;
}

static bool redo_consumer_delete(struct group *g, struct slice b)
{
    struct consumer *c = crew_redo_acting(&g->crew, &b);
    if (!c || b.len) return false;
    crew_erase(&g->crew, c);
    return true;
}

/* How much further all has been scanned, which begins each change that delivers. */
static bool redo_scanned(struct group *g, struct slice *b)
{
    uint64_t more;
    if (!code_get(b, &more) || more > UINT64_MAX - g->position.scanned_seq) return false;
    g->position.scanned_seq += more;
    return true;
}

static bool redo_deliver(struct group *g, struct slice b)
{
    struct consumer *c = crew_redo_acting(&g->crew, &b);
    uint64_t v;
    if (!c || !redo_scanned(g, &b)) return false;
    struct pending_entry e = {.id = g->position.last,
                              .delivered_ms = g->crew.time_ms,
                              .deliveries = 1,
                              .consumer = c->number};
    while (b.len) {
        if (!code_get(&b, &v) || !code_take_step(&b, v, e.id, &e.id)) return false;
        crew_put(&g->crew, &e);
        if (g->crew.pending.count > GROUP_PENDING_MAX) return false;
        if (g->position.entries_read >= 0)
            g->position.entries_read = read_more(g->position.entries_read, 1);
    }
    g->position.last = e.id;
    crew_was_active(&g->crew, c);
    return true;
}

static bool redo_pass(struct group *g, struct slice b)
{
    struct consumer *c = crew_redo_acting(&g->crew, &b);
    uint64_t count, v;
    if (!c || !redo_scanned(g, &b) || !code_get(&b, &count)) return false;
    if (!code_get(&b, &v) || !code_take_step(&b, v, g->position.last, &g->position.last))
        return false;
    if (g->position.entries_read >= 0)
        g->position.entries_read = read_more(g->position.entries_read, count);
    crew_was_active(&g->crew, c);
    return !b.len;
}

static bool redo_redeliver(struct group *g, struct slice b)
{
    struct consumer *c = crew_redo_acting(&g->crew, &b);
    return c && crew_redo_redeliver(&g->crew, c, b);
}

static bool redo_claim(struct group *g, struct slice b)
{
    struct consumer *c = crew_redo_acting(&g->crew, &b);
    return c && crew_redo_claim(&g->crew, c, b, GROUP_PENDING_MAX);
}

static bool redo(struct groups *gs, struct group *g, enum group_change change, struct slice b)
{
    switch (change) {
    case CHANGE_CREATE: return false;
    case CHANGE_DESTROY:
        if (b.len) return false;
        groups_erase(gs, g);
        return true;
    case CHANGE_POSITION: return redo_position(g, b);
    case CHANGE_CONSUMER_ADD: return redo_consumer_add(g, b);
    case CHANGE_CONSUMER_DELETE: return redo_consumer_delete(g, b);
    case CHANGE_DELIVER: return redo_deliver(g, b);
    case CHANGE_PASS: return redo_pass(g, b);
    case CHANGE_ACK: return crew_redo_ack(&g->crew, b);
    case CHANGE_REDELIVER: return redo_redeliver(g, b);
    case CHANGE_CLAIM: return redo_claim(g, b);
    case CHANGE_SCANNED: return redo_scanned(g, &b) && !b.len;
    }
    return false;
}

bool groups_redo(struct groups *gs, struct slice bytes)
{
    uint64_t head;
    if (!code_get(&bytes, &head)) return false;
    uint64_t number = head >> CHANGE_BITS;
    enum group_change change = head & CHANGE_MASK;
    if (change == CHANGE_CREATE) return redo_create(gs, number, bytes);
    if (number >= gs->numbers_count || !gs->by_number[number]) return false;
    groups_freeze(gs, gs->by_number[number]);
    return redo(gs, gs->by_number[number], change, bytes);
}
