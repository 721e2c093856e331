/* Crews as bytes: their changes in journals, and all of one in snapshots. */
#include "../base/assert.h"
#include "crew.h"

#include <stdlib.h>

void crew_code_acting(struct buffer *to, const struct crew *c, uint32_t consumer, int64_t now_ms)
{
    code_put(to, consumer);
    code_put_change(to, c->time_ms, now_ms);
}

struct consumer *crew_redo_acting(struct crew *c, struct slice *code)
{
    uint64_t number;
    struct consumer *who;
    if (!code_get(code, &number) || number > UINT32_MAX) return NULL;
    if (!(who = crew_consumer_numbered(c, (uint32_t)number))) return NULL;
    return code_get_change(code, c->time_ms, &c->time_ms) ? who : NULL;
}

/* ---- acknowledged ---- */

/* What is listed are steps to an id, or runs: so many of the following entries that belong to the
 * consumer of the one before. */
enum { ACK_RUN = 1, ACK_BITS = 1 };

size_t crew_pending_among(struct crew *c, struct event_id *ids, size_t count)
{
    size_t kept = 0;
    if (count > 1) qsort(ids, count, sizeof *ids, id_order);
    for (size_t i = 0; i < count; i++) {
        if (kept && !id_compare(ids[kept - 1], ids[i])) continue;
        if (pending_find(&c->pending, ids[i])) ids[kept++] = ids[i];
    }
    return kept;
}

/* How many of `ids` are the next entries of `consumer` behind `from`, without a hole. */
static size_t run_length(struct crew *c, struct event_id from, uint32_t consumer,
                         const struct event_id *ids, size_t count)
{
    struct pending_entry e;
    size_t n = 0;
    for (; n < count && pending_after(&c->pending, from, consumer, &e); n++) {
        if (id_compare(e.id, ids[n])) break;
        from = e.id;
    }
    return n;
}

void crew_code_ack(struct buffer *to, struct crew *c, const struct event_id *ids, size_t count)
{
    struct pending_entry first;
    bool any = pending_next(&c->pending, (struct event_id){0}, PENDING_ANY, &first);
    CHECK(any && count);
    struct event_id last = id_before(first.id);
    for (size_t i = 0; i < count;) {
        uint32_t consumer = pending_find(&c->pending, ids[i])->consumer;
        code_put_step(to, last, ids[i], ACK_BITS, 0);
        size_t run = run_length(c, ids[i], consumer, ids + i + 1, count - i - 1);
        if (run) code_put(to, run << ACK_BITS | ACK_RUN);
        i += 1 + run;
        last = ids[i - 1];
    }
}

static bool ack_one(struct crew *c, struct event_id id, uint32_t *consumer)
{
    const struct pending_entry *e = pending_find(&c->pending, id);
    if (!e) return false;
    *consumer = e->consumer;
    return crew_take(c, id);
}

bool crew_redo_ack(struct crew *c, struct slice b)
{
    struct pending_entry e;
    uint32_t consumer = PENDING_ANY;
    uint64_t v;
    if (!pending_next(&c->pending, (struct event_id){0}, PENDING_ANY, &e)) return false;
    e.id = id_before(e.id);
    while (b.len) {
        if (!code_get(&b, &v)) return false;
        if (!(v & ACK_RUN)) {
            if (!code_take_step(&b, v >> ACK_BITS, e.id, &e.id)) return false;
            if (!ack_one(c, e.id, &consumer)) return false;
            continue;
        }
        if (consumer == PENDING_ANY) return false;
        for (uint64_t n = v >> ACK_BITS; n; n--)
            if (!pending_next(&c->pending, e.id, consumer, &e) || !ack_one(c, e.id, &consumer))
                return false;
    }
    return true;
}

/* ---- delivered again, claimed ---- */

void crew_code_redeliver(struct buffer *to, const struct event_id *ids, size_t count)
{
    struct event_id last = {0};
    for (size_t i = 0; i < count; last = ids[i++]) code_put_step(to, last, ids[i], 0, 0);
}

bool crew_redo_redeliver(struct crew *c, struct consumer *who, struct slice b)
{
    struct event_id id = {0};
    uint64_t v;
    while (b.len) {
        if (!code_get(&b, &v) || !code_take_step(&b, v, id, &id)) return false;
        const struct pending_entry *found = pending_find(&c->pending, id);
        if (!found || found->consumer != who->number) return false;
        struct pending_entry e = *found;
        e.delivered_ms = c->time_ms;
        e.deliveries++;
        pending_put(&c->pending, &e);
    }
    who->seen_ms = c->time_ms;
    return true;
}

void crew_code_claim(struct buffer *to, uint32_t consumer, int64_t now_ms,
                     const struct pending_entry *entries, size_t count)
{
    struct pending_entry before = {.delivered_ms = now_ms, .deliveries = 1, .consumer = consumer};
    for (size_t i = 0; i < count; before = entries[i++]) pending_encode(to, &before, &entries[i]);
}

bool crew_redo_claim(struct crew *c, struct consumer *who, struct slice b, size_t pending_max)
{
    struct pending_entry e = {.delivered_ms = c->time_ms, .deliveries = 1, .consumer = who->number};
    while (b.len) {
        struct pending_entry before = e;
        if (!pending_decode(&b, &before, &e) || e.consumer != who->number) return false;
        crew_put(c, &e);
        if (c->pending.count > pending_max) return false;
    }
    crew_was_active(c, who);
    return true;
}

/* ---- whole ---- */

/* Stages of saving: what is being put. */
enum { SAVE_HEAD, SAVE_CONSUMERS, SAVE_COUNT, SAVE_PENDING };
enum { PART_ENTRIES = 4096 };

/* `at` is the number to look at, `next` the one behind the last that was put. */
static bool save_consumers(const struct crew *c, struct progress_within *p, size_t end,
                           struct buffer *to)
{
    for (; p->at < c->numbers_count && to->len < end; p->at++) {
        const struct consumer *who = c->by_number[p->at];
        if (!who) continue;
        code_put(to, p->at - p->next);
        p->next = p->at + 1;
        code_put_text(to, who->name);
        code_put_change(to, c->time_ms, who->seen_ms);
        code_put_change(to, -1, who->active_ms);
    }
    return p->at == c->numbers_count;
}

/* The last entry that was put has the id `ms`, `n`. A part has not too many of them, for each takes
 * far more time than its few bytes let expect. */
static bool save_pending(struct crew *c, struct progress_within *p, size_t end, struct buffer *to)
{
    struct pending_entry before = {.id = {p->ms, p->n}}, e;
    const struct pending_entry *last = pending_find(&c->pending, before.id);
    if (last) before = *last;
    bool more = last ? pending_after(&c->pending, before.id, PENDING_ANY, &e)
                     : pending_next(&c->pending, before.id, PENDING_ANY, &e);
    size_t left = end == SIZE_MAX ? SIZE_MAX : PART_ENTRIES;
    for (; more && left && to->len < end; left--) {
        pending_encode(to, &before, &e);
        before = e;
        more = pending_after(&c->pending, e.id, PENDING_ANY, &e);
    }
    p->ms = before.id.ms;
    p->n = before.id.n;
    crew_settle(c);
    return !more;
}

bool crew_save_some(struct crew *c, struct progress_within *p, size_t end, struct buffer *to)
{
    if (p->stage == SAVE_HEAD) {
        code_put_change(to, 0, c->time_ms);
        code_put(to, map_count(&c->consumers));
        p->stage = SAVE_CONSUMERS;
    }
    if (p->stage == SAVE_CONSUMERS) {
        if (!save_consumers(c, p, end, to)) return false;
        p->stage = SAVE_COUNT;
    }
    if (p->stage == SAVE_COUNT) code_put(to, c->pending.count);
    p->stage = SAVE_PENDING;
    return save_pending(c, p, end, to);
}

void crew_save(struct crew *c, struct buffer *to)
{
    crew_save_some(c, &(struct progress_within){0}, SIZE_MAX, to);
}

static bool load_consumers(struct crew *c, struct slice *b, const struct crew_bounds *bounds)
{
    uint64_t count, skipped;
    uint32_t next = 0;
    struct slice name;
    if (!code_get(b, &count) || count > bounds->consumers) return false;
    for (; count; count--) {
        if (!code_get(b, &skipped) || skipped >= bounds->consumers - next) return false;
        uint32_t number = next + (uint32_t)skipped;
        next = number + 1;
        if (!code_get_text(b, &name) || name.len > bounds->name || crew_consumer(c, name))
            return false;
        struct consumer *who = crew_insert(c, number, name);
        if (!code_get_change(b, c->time_ms, &who->seen_ms) ||
            !code_get_change(b, -1, &who->active_ms))
            return false;
    }
    return true;
}

static bool load_pending(struct crew *c, struct slice *b, const struct crew_bounds *bounds)
{
    struct pending_entry before = {0}, e;
    uint64_t count;
    if (!code_get(b, &count) || count > bounds->pending) return false;
    for (; count; count--) {
        if (!pending_decode(b, &before, &e) || !crew_consumer_numbered(c, e.consumer)) return false;
        crew_put(c, &e);
        before = e;
    }
    crew_settle(c);
    return true;
}

bool crew_load(struct crew *c, struct slice *from, const struct crew_bounds *bounds)
{
    return code_get_change(from, 0, &c->time_ms) && load_consumers(c, from, bounds) &&
           load_pending(c, from, bounds);
}
