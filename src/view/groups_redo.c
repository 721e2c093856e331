/* Changes as bytes: the one place where groups change, live, on replay and from a snapshot.
 *
 * Nothing in the bytes is believed: a number that nobody has, an id that is not pending where it
 * must be, a step beyond the bounds, or a byte too many, and the change is refused as a whole or
 * in part; the caller gives all data up then. */
#include "../base/err.h"
#include "groups_internal.h"

void group_code_position(struct buffer *to, const struct group_position *p)
{
    code_put(to, (uint64_t)p->last.ms);
    code_put(to, p->last.n);
    code_put(to, p->scanned_seq);
    code_put(to, (uint64_t)(p->entries_read + 1));
}

bool group_decode_position(struct slice *from, struct group_position *p)
{
    uint64_t ms, read;
    if (!code_get(from, &ms) || !code_get(from, &p->last.n) || !code_get(from, &p->scanned_seq) ||
        !code_get(from, &read))
        return false;
    if (ms > INT64_MAX || read > INT64_MAX) return false;
    p->last.ms = (int64_t)ms;
    p->entries_read = (int64_t)read - 1;
    return true;
}

static bool redo_create(struct groups *gs, uint64_t number, struct slice b)
{
    struct slice view, name;
    struct group_position position;
    int64_t time_ms;
    if (gs->count >= GROUPS_MAX || number != groups_free_number(gs)) return false;
    if (!code_get_text(&b, &view) || !code_get_text(&b, &name)) return false;
    if (!group_decode_position(&b, &position) || !code_get_change(&b, 0, &time_ms)) return false;
    if (b.len || groups_find(gs, view, name)) return false;
    groups_insert(gs, (uint32_t)number, view, name, position)->time_ms = time_ms;
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

/* What follows the number of the group where a consumer does something: who, and when. */
static struct consumer *redo_acting(struct group *g, struct slice *b)
{
    uint64_t number;
    struct consumer *c;
    if (!code_get(b, &number) || number > UINT32_MAX) return NULL;
    if (!(c = group_consumer_numbered(g, (uint32_t)number))) return NULL;
    return code_get_change(b, g->time_ms, &g->time_ms) ? c : NULL;
}

static void was_active(const struct group *g, struct consumer *c)
{
    c->seen_ms = c->active_ms = g->time_ms;
}

static bool redo_consumer_add(struct group *g, struct slice b)
{
    uint64_t number;
    struct slice name;
    if (!code_get(&b, &number) || number != group_free_number(g)) return false;
    if (map_count(&g->consumers) >= GROUP_CONSUMERS_MAX) return false;
    if (!code_get_change(&b, g->time_ms, &g->time_ms) || !code_get_text(&b, &name)) return false;
    if (b.len || group_consumer(g, name)) return false;
    group_insert_consumer(g, (uint32_t)number, name)->seen_ms = g->time_ms;
    return true;
}

static bool redo_consumer_delete(struct group *g, struct slice b)
{
    struct consumer *c = redo_acting(g, &b);
    if (!c || b.len) return false;
    group_erase_consumer(g, c);
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
    struct consumer *c = redo_acting(g, &b);
    uint64_t v;
    if (!c || !redo_scanned(g, &b)) return false;
    struct pending_entry e = {
        .id = g->position.last, .delivered_ms = g->time_ms, .deliveries = 1, .consumer = c->number};
    while (b.len) {
        if (!code_get(&b, &v) || !code_take_step(&b, v, e.id, &e.id)) return false;
        group_put(g, &e);
        if (g->pending.count > GROUP_PENDING_MAX) return false;
        if (g->position.entries_read >= 0) g->position.entries_read++;
    }
    g->position.last = e.id;
    was_active(g, c);
    return true;
}

static bool redo_pass(struct group *g, struct slice b)
{
    struct consumer *c = redo_acting(g, &b);
    uint64_t count, v;
    if (!c || !redo_scanned(g, &b) || !code_get(&b, &count) || count > INT64_MAX) return false;
    if (!code_get(&b, &v) || !code_take_step(&b, v, g->position.last, &g->position.last))
        return false;
    if (g->position.entries_read >= 0) g->position.entries_read += (int64_t)count;
    was_active(g, c);
    return !b.len;
}

static bool ack_one(struct group *g, struct event_id id, uint32_t *consumer)
{
    const struct pending_entry *e = pending_find(&g->pending, id);
    if (!e) return false;
    *consumer = e->consumer;
    group_consumer_numbered(g, e->consumer)->pending--;
    return pending_remove(&g->pending, id);
}

static bool redo_ack(struct group *g, struct slice b)
{
    struct pending_entry e;
    uint32_t consumer = PENDING_ANY;
    uint64_t v;
    if (!pending_next(&g->pending, (struct event_id){0}, PENDING_ANY, &e)) return false;
    e.id = id_before(e.id);
    while (b.len) {
        if (!code_get(&b, &v)) return false;
        if (!(v & ACK_RUN)) {
            if (!code_take_step(&b, v >> ACK_BITS, e.id, &e.id)) return false;
            if (!ack_one(g, e.id, &consumer)) return false;
            continue;
        }
        if (consumer == PENDING_ANY) return false;
        for (uint64_t n = v >> ACK_BITS; n; n--)
            if (!pending_next(&g->pending, e.id, consumer, &e) || !ack_one(g, e.id, &consumer))
                return false;
    }
    return true;
}

static bool redo_redeliver(struct group *g, struct slice b)
{
    struct consumer *c = redo_acting(g, &b);
    struct event_id id = {0};
    uint64_t v;
    if (!c) return false;
    while (b.len) {
        if (!code_get(&b, &v) || !code_take_step(&b, v, id, &id)) return false;
        const struct pending_entry *found = pending_find(&g->pending, id);
        if (!found || found->consumer != c->number) return false;
        struct pending_entry e = *found;
        e.delivered_ms = g->time_ms;
        e.deliveries++;
        pending_put(&g->pending, &e);
    }
    c->seen_ms = g->time_ms;
    return true;
}

static bool redo_claim(struct group *g, struct slice b)
{
    struct consumer *c = redo_acting(g, &b);
    if (!c) return false;
    struct pending_entry e = {.delivered_ms = g->time_ms, .deliveries = 1, .consumer = c->number};
    while (b.len) {
        struct pending_entry before = e;
        if (!pending_decode(&b, &before, &e) || e.consumer != c->number) return false;
        group_put(g, &e);
        if (g->pending.count > GROUP_PENDING_MAX) return false;
    }
    was_active(g, c);
    return true;
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
    case CHANGE_ACK: return redo_ack(g, b);
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
    return redo(gs, gs->by_number[number], change, bytes);
}
