/* Changes as they are made: each is written as the bytes that redo it, and then redone. */
#include "../base/assert.h"
#include "../base/err.h"
#include "groups_internal.h"

/* So many records more must have been looked at in vain before that is worth one of its own. */
enum { SCANNED_STEP = 4096 };

static struct buffer *begin(struct groups *gs, uint32_t group, enum group_change change)
{
    gs->code.len = 0;
    code_put(&gs->code, (uint64_t)group << CHANGE_BITS | change);
    return &gs->code;
}

/* The same for what a consumer does. */
static struct buffer *begin_acting(struct groups *gs, const struct group *g,
                                   enum group_change change, uint32_t consumer)
{
    struct buffer *code = begin(gs, g->number, change);
    crew_code_acting(code, &g->crew, consumer, engine_now(gs->engine));
    return code;
}

static uint64_t seq_under_way(struct groups *gs)
{
    return engine_stats(gs->engine).seq + 1;
}

/* Makes the change. `waited`: what is said next rests on it. */
static void make(struct groups *gs, bool waited)
{
    enum { KEPT_MAX = 65536 };
    bool done = groups_redo(gs, buffer_slice(&gs->code));
    CHECK(done);
    note_views(gs->engine, buffer_slice(&gs->code), waited);
    if (gs->code.cap > KEPT_MAX) buffer_fini(&gs->code);
}

static void make_for(struct groups *gs, struct group *g)
{
    g->waited_seq = seq_under_way(gs);
    make(gs, true);
}

/* The same for what every reader of the group rests on. */
static void make_part_of(struct groups *gs, struct group *g)
{
    g->made_seq = seq_under_way(gs);
    make_for(gs, g);
}

int groups_create(struct groups *gs, struct slice view, struct slice name,
                  struct group_position position)
{
    if (groups_find(gs, view, name)) return ERR_EXISTS;
    if (gs->count >= GROUPS_MAX || view.len > GROUP_NAME_MAX || name.len > GROUP_NAME_MAX)
        return ERR_LIMIT;
    struct buffer *code = begin(gs, groups_free_number(gs), CHANGE_CREATE);
    code_put_text(code, view);
    code_put_text(code, name);
    group_code_position(code, &position);
    gs->placed++;
    code_put_change(code, 0, engine_now(gs->engine));
    gs->waited_seq = seq_under_way(gs);
    make(gs, true);
    struct group *g = groups_find(gs, view, name);
    g->made_seq = g->waited_seq = gs->waited_seq;
    return 0;
}

void group_destroy(struct groups *gs, struct group *g)
{
    begin(gs, g->number, CHANGE_DESTROY);
    gs->waited_seq = seq_under_way(gs);
    make(gs, true);
}

void group_set_position(struct groups *gs, struct group *g, struct group_position position)
{
    group_code_position(begin(gs, g->number, CHANGE_POSITION), &position);
    gs->placed++;
    make_part_of(gs, g);
}

int group_add_consumer(struct groups *gs, struct group *g, struct slice name, struct consumer **out)
{
    if (crew_consumers(&g->crew) >= GROUP_CONSUMERS_MAX || name.len > GROUP_NAME_MAX)
        return ERR_LIMIT;
    struct buffer *code = begin_acting(gs, g, CHANGE_CONSUMER_ADD, crew_free_number(&g->crew));
    code_put_text(code, name);
    make_part_of(gs, g);
    *out = crew_consumer(&g->crew, name);
    return 0;
}

void group_delete_consumer(struct groups *gs, struct group *g, struct consumer *c)
{
    begin_acting(gs, g, CHANGE_CONSUMER_DELETE, c->number);
    make_for(gs, g);
}

static void code_scanned(struct buffer *code, const struct group *g, uint64_t scanned_seq)
{
    uint64_t known = g->position.scanned_seq;
    code_put(code, scanned_seq > known ? scanned_seq - known : 0);
}

int group_deliver(struct groups *gs, struct group *g, struct consumer *c,
                  const struct event_id *ids, size_t count, uint64_t scanned_seq, bool forgotten)
{
    struct event_id last = g->position.last;
    if (!count) return 0;
    if (!forgotten && count > GROUP_PENDING_MAX - g->crew.pending.count) return ERR_LIMIT;
    struct buffer *code = begin_acting(gs, g, forgotten ? CHANGE_PASS : CHANGE_DELIVER, c->number);
    code_scanned(code, g, scanned_seq);
    if (forgotten) {
        code_put(code, count);
        code_put_step(code, last, ids[count - 1], 0, 0);
    } else {
        for (size_t i = 0; i < count; last = ids[i++]) code_put_step(code, last, ids[i], 0, 0);
    }
    make(gs, false);
    return 0;
}

void group_passed(struct groups *gs, struct group *g, uint64_t scanned_seq)
{
    if (scanned_seq <= g->position.scanned_seq) return;
    code_scanned(begin(gs, g->number, CHANGE_SCANNED), g, scanned_seq);
    make(gs, false);
}

void group_scanned(struct groups *gs, struct group *g, uint64_t scanned_seq)
{
    if (scanned_seq >= g->position.scanned_seq + SCANNED_STEP) group_passed(gs, g, scanned_seq);
}

void group_redeliver(struct groups *gs, struct group *g, struct consumer *c,
                     const struct event_id *ids, size_t count)
{
    if (!count) return;
    crew_code_redeliver(begin_acting(gs, g, CHANGE_REDELIVER, c->number), ids, count);
    make(gs, false);
}

size_t group_ack(struct groups *gs, struct group *g, struct event_id *ids, size_t count)
{
    count = crew_pending_among(&g->crew, ids, count);
    if (!count) return 0;
    crew_code_ack(begin(gs, g->number, CHANGE_ACK), &g->crew, ids, count);
    make_for(gs, g);
    return count;
}

int group_claim(struct groups *gs, struct group *g, struct consumer *c,
                const struct pending_entry *entries, size_t count)
{
    if (!count) return 0;
    if (count > GROUP_PENDING_MAX - g->crew.pending.count) {
        size_t more = 0;
        for (size_t i = 0; i < count; i++) more += !pending_find(&g->crew.pending, entries[i].id);
        if (more > GROUP_PENDING_MAX - g->crew.pending.count) return ERR_LIMIT;
    }
    struct buffer *code = begin_acting(gs, g, CHANGE_CLAIM, c->number);
    crew_code_claim(code, c->number, engine_now(gs->engine), entries, count);
    make_for(gs, g);
    return 0;
}
