/* Groups on views: what is noted redoes exactly what was done, whatever that was; what a snapshot
 * keeps comes back the same; and no bytes that make no sense are believed. */
#include "../../src/base/assert.h"
#include "../../src/base/err.h"
#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/engine/replay.h"
#include "../../src/record/codec.h"
#include "../../src/view/groups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;

struct world {
    struct keyspace *keyspace;
    struct pubsub *pubsub;
    struct engine *engine;
    struct groups *groups;
};

static void world_init(struct world *w)
{
    static const unsigned char secret[HASH_SECRET_SIZE] = "the tests' own secret";
    w->keyspace = keyspace_new(4, secret, 1);
    w->pubsub = pubsub_new(secret, (struct pubsub_limits){16, 16});
    w->engine = engine_new(w->keyspace, w->pubsub);
    w->groups = groups_new(w->engine);
}

static void world_fini(struct world *w)
{
    groups_free(w->groups);
    engine_free(w->engine);
    pubsub_free(w->pubsub);
    keyspace_free(w->keyspace);
}

static struct buffer saved(const struct world *w)
{
    struct buffer b = {0};
    groups_save(w->groups, &b);
    return b;
}

static void expect_same(const struct world *a, const struct world *b)
{
    struct buffer x = saved(a), y = saved(b);
    assert_true(slice_equal(buffer_slice(&x), buffer_slice(&y)));
    buffer_fini(&x);
    buffer_fini(&y);
}

/* ---- a world and its replay ---- */

struct pair {
    struct world live, redone;
    struct record_room room;
    struct buffer bytes;
    size_t records, journal_bytes;
    struct buffer changes[64]; /* the last ones, to be damaged */
    size_t changes_count;
};

static void hear(void *ctx, const struct record *r)
{
    struct pair *p = ctx;
    struct record decoded;
    struct replay_fault fault;
    p->bytes.len = 0;
    if (!r->seq) return; /* a message alone */
    buffer_reserve(&p->bytes, record_encoded_max(r));
    p->bytes.len = record_encode(p->bytes.at, r);
    assert_int_equal(record_decode(buffer_slice(&p->bytes), r->seq, &p->room, &decoded), 0);
    if (engine_replay(p->redone.engine, &decoded, &fault)) fail_msg("%s", fault.text);
    p->records++;
    p->journal_bytes += (16 + p->bytes.len + 7) & ~(size_t)7; /* the frame: format/journal.md */
    for (uint32_t i = 0; i < r->effects_count; i++) {
        struct buffer *b = &p->changes[p->changes_count++ % 64];
        b->len = 0;
        buffer_add_slice(b, r->effects[i].arg);
    }
}

static void pair_init(struct pair *p)
{
    *p = (struct pair){0};
    world_init(&p->live);
    world_init(&p->redone);
    engine_attach(p->live.engine, (struct record_sink){hear, p});
}

static void pair_fini(struct pair *p)
{
    world_fini(&p->live);
    world_fini(&p->redone);
    record_room_fini(&p->room);
    buffer_fini(&p->bytes);
    for (int i = 0; i < 64; i++) buffer_fini(&p->changes[i]);
}

/* ---- random doings ---- */

enum { VIEWS = 3, NAMES = 4, CONSUMERS = 70, IDS_MAX = 200 };

struct doer {
    struct world *w;
    struct random random;
    int64_t now_ms;
    char view[32], name[32], consumer[32];
};

static uint64_t below(struct doer *d, uint64_t n)
{
    return random_below(&d->random, n);
}

static struct slice print(char *to, const char *what, uint64_t i)
{
    return slice_of(to, (size_t)snprintf(to, 32, "%s%d", what, (int)i));
}

static struct group *some_group(struct doer *d)
{
    struct slice view = print(d->view, "__keyevent@0__:", below(d, VIEWS));
    return groups_find(d->w->groups, view, print(d->name, "g", below(d, NAMES)));
}

static struct consumer *some_consumer(struct doer *d, struct group *g)
{
    struct slice name = print(d->consumer, "worker-", below(d, CONSUMERS));
    struct consumer *c = crew_consumer(&g->crew, name);
    if (!c) assert_int_equal(group_add_consumer(d->w->groups, g, name, &c), 0);
    return c;
}

/* Ascending ids behind `last`. */
static size_t new_ids(struct doer *d, struct event_id last, struct event_id *ids)
{
    size_t count = 1 + below(d, below(d, 10) ? 20 : IDS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (below(d, 3))
            last = (struct event_id){last.ms + (int64_t)below(d, 90) + 1, below(d, 5)};
        else
            last.n += 1 + below(d, 4);
        ids[i] = last;
    }
    return count;
}

/* Some of what is pending, ascending; for one consumer or all. */
static size_t pending_ids(struct doer *d, struct group *g, uint32_t consumer, struct event_id *ids)
{
    struct pending_entry e;
    size_t count = 0, max = 1 + below(d, IDS_MAX);
    struct event_id from = {g->position.last.ms - (int64_t)below(d, 20000), 0};
    uint64_t skip = below(d, 3);
    while (count < max && pending_next(&g->crew.pending, from, consumer, &e)) {
        from = id_after(e.id);
        if (!skip || below(d, skip + 1)) ids[count++] = e.id;
    }
    return count;
}

static void do_deliver(struct doer *d, struct group *g)
{
    struct event_id ids[IDS_MAX];
    struct consumer *c = some_consumer(d, g);
    size_t count = new_ids(d, g->position.last, ids);
    uint64_t seq = g->position.scanned_seq + below(d, 500);
    assert_int_equal(group_deliver(d->w->groups, g, c, ids, count, seq, below(d, 8) == 0), 0);
}

static void do_ack(struct doer *d, struct group *g)
{
    struct event_id ids[2 * IDS_MAX];
    uint32_t consumer = below(d, 2) ? PENDING_ANY : (uint32_t)below(d, CONSUMERS);
    size_t count = pending_ids(d, g, consumer, ids), before = g->crew.pending.count;
    size_t more = below(d, 3) ? 0 : below(d, 20), total = count;
    for (size_t i = 0; i < more; i++, total++)
        ids[total] = below(d, 2) && count ? ids[below(d, count)] : (struct event_id){1, i};
    for (size_t i = 0; i < total && total; i++) { /* in any order */
        size_t other = below(d, total);
        struct event_id id = ids[i];
        ids[i] = ids[other];
        ids[other] = id;
    }
    assert_int_equal(group_ack(d->w->groups, g, ids, total), count);
    assert_int_equal(g->crew.pending.count, before - count);
}

static void do_claim(struct doer *d, struct group *g)
{
    struct event_id ids[IDS_MAX];
    struct pending_entry entries[IDS_MAX];
    struct consumer *c = some_consumer(d, g);
    size_t count = pending_ids(d, g, PENDING_ANY, ids);
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct pending_entry){.id = ids[i],
                                            .consumer = c->number,
                                            .delivered_ms = d->now_ms - (int64_t)below(d, 2) * 999,
                                            .deliveries = below(d, 4)};
    assert_int_equal(group_claim(d->w->groups, g, c, entries, count), 0);
}

static void do_something(struct doer *d, struct group *g)
{
    struct event_id ids[IDS_MAX];
    struct group_position position = g->position;
    struct consumer *c;
    uint64_t what = below(d, 100);
    if (what < 40)
        do_deliver(d, g);
    else if (what < 70)
        do_ack(d, g);
    else if (what < 80)
        do_claim(d, g);
    else if (what < 90) {
        c = some_consumer(d, g);
        group_redeliver(d->w->groups, g, c, ids, pending_ids(d, g, c->number, ids));
    } else if (what < 94) {
        group_scanned(d->w->groups, g, g->position.scanned_seq + below(d, 10000));
    } else if (what < 97) {
        group_delete_consumer(d->w->groups, g, some_consumer(d, g));
    } else if (what < 99) {
        position.last.ms -= (int64_t)below(d, 3000);
        position.entries_read = (int64_t)below(d, 3) - 1;
        position.scanned_seq = 0;
        group_set_position(d->w->groups, g, position);
    } else {
        group_destroy(d->w->groups, g);
    }
}

/* Another command beside those on groups, that makes a record or none. */
static void do_something_else(struct doer *d)
{
    struct engine *e = d->w->engine;
    struct opened k;
    engine_begin(e, d->now_ms, SLICE("set"), 8);
    if (below(d, 2)) {
        gate_open(e, &k, 0, SLICE("key"));
        opened_set_string(&k, SLICE("value"), below(d, 2) ? WHEN_NONE : d->now_ms + 60);
        gate_close(&k, EVENT_SET);
    } else {
        note_publish(e, SLICE("channel"), SLICE("message"), false);
        gate_read(e, 0, SLICE("key"), 0);
    }
    engine_seal(e);
}

static void do_one(struct doer *d)
{
    if (!below(d, 4)) do_something_else(d);
    d->now_ms += (int64_t)below(d, 50);
    engine_begin(d->w->engine, d->now_ms, SLICE("xreadgroup"), 7);
    for (uint64_t n = 1 + below(d, 3); n; n--) {
        struct group *g = some_group(d);
        if (g) {
            do_something(d, g);
            continue;
        }
        struct group_position position = {.last = {d->now_ms, below(d, 3)},
                                          .scanned_seq = below(d, 1000),
                                          .entries_read = (int64_t)below(d, 3) - 1};
        assert_int_equal(
            groups_create(d->w->groups, slice_text(d->view), slice_text(d->name), position), 0);
    }
    engine_seal(d->w->engine);
    if (below(d, 3)) engine_settle(d->w->engine, d->now_ms);
}

static void redone_is_what_was_done(void **state)
{
    (void)state;
    enum { ROUNDS = 6000 };
    struct pair p;
    struct doer d = {.w = &p.live, .now_ms = 1750000000000};
    pair_init(&p);
    random_init(&d.random, seed);
    for (int i = 0; i < ROUNDS; i++) {
        do_one(&d);
        if (i % 100) continue;
        engine_settle(p.live.engine, d.now_ms);
        expect_same(&p.live, &p.redone);
        groups_check(p.live.groups);
    }
    engine_settle(p.live.engine, d.now_ms);
    expect_same(&p.live, &p.redone);
    groups_check(p.redone.groups);
    assert_true(p.records > ROUNDS / 2);
    pair_fini(&p);
}

/* ---- a snapshot ---- */

static void a_snapshot_is_all_of_it(void **state)
{
    (void)state;
    struct pair p;
    struct world w;
    struct doer d = {.w = &p.live, .now_ms = 1750000000000};
    pair_init(&p);
    world_init(&w);
    random_init(&d.random, seed);
    for (int i = 0; i < 300; i++) do_one(&d);
    engine_settle(p.live.engine, d.now_ms);
    struct buffer b = saved(&p.live);
    assert_int_equal(groups_load(w.groups, buffer_slice(&b)), 0);
    groups_check(w.groups);
    expect_same(&p.live, &w);
    for (size_t len = 0; len < b.len; len++) {
        assert_int_equal(groups_load(w.groups, slice_of(b.at, len)), ERR_CORRUPT);
        assert_int_equal(groups_count(w.groups), 0);
    }
    /* A byte that is flipped is refused, or stands for other books that hold together. */
    for (int i = 0; i < 20000; i++) {
        size_t at = below(&d, b.len);
        char bit = (char)(1 << below(&d, 8));
        b.at[at] ^= bit;
        if (!groups_load(w.groups, buffer_slice(&b)) && i % 100 == 0) groups_check(w.groups);
        b.at[at] ^= bit;
    }
    buffer_fini(&b);
    world_fini(&w);
    pair_fini(&p);
}

static void no_nonsense_is_believed(void **state)
{
    (void)state;
    struct pair p;
    struct doer d = {.w = &p.live, .now_ms = 1750000000000};
    pair_init(&p);
    random_init(&d.random, seed);
    for (int i = 0; i < 1000; i++) do_one(&d);
    struct buffer b = saved(&p.live);
    size_t refused = 0;
    for (int i = 0; i < 20000; i++) {
        struct buffer *change = &p.changes[below(&d, 64)];
        if (!change->len) continue;
        size_t at = below(&d, change->len);
        char bit = (char)(1 << below(&d, 8));
        change->at[at] ^= bit;
        size_t len = below(&d, 2) ? change->len : below(&d, change->len);
        refused += !groups_redo(p.redone.groups, slice_of(change->at, len));
        if (i % 50 == 0) {
            groups_check(p.redone.groups);
            assert_int_equal(groups_load(p.redone.groups, buffer_slice(&b)), 0);
        }
        change->at[at] ^= bit;
    }
    assert_true(refused > 1000);
    buffer_fini(&b);
    pair_fini(&p);
}

/* ---- cost ---- */

/* Events that come at one a ms, read and acknowledged in batches by three workers in turn; in turns
 * of the loop of their own, or `together` in one. */
static double bytes_per_event(size_t batch, bool together)
{
    enum { ROUNDS = 300 };
    struct pair p;
    struct event_id ids[1000];
    pair_init(&p);
    struct group_position start = {
        .last = {1750000000000, 0}, .scanned_seq = 7, .entries_read = -1};
    struct doer d = {.w = &p.live, .now_ms = 1750000000000};
    engine_begin(p.live.engine, d.now_ms, SLICE("xgroup"), 1);
    groups_create(p.live.groups, SLICE("__keyevent@0__:expired"), SLICE("g"), start);
    struct group *g = groups_find(p.live.groups, SLICE("__keyevent@0__:expired"), SLICE("g"));
    for (int i = 0; i < CONSUMERS; i++) some_consumer(&d, g);
    engine_seal(p.live.engine);
    engine_settle(p.live.engine, d.now_ms);
    p.journal_bytes = 0;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct consumer *c = crew_consumer_numbered(&g->crew, i % 3 % g->crew.numbers_count);
        for (size_t k = 0; k < batch; k++) ids[k] = (struct event_id){d.now_ms + 1 + (int64_t)k, 0};
        d.now_ms += (int64_t)batch;
        engine_begin(p.live.engine, d.now_ms, SLICE("xreadgroup"), 40 + i % 3);
        group_deliver(p.live.groups, g, c, ids, batch, g->position.scanned_seq + 5 * batch, false);
        engine_seal(p.live.engine);
        if (!together) engine_settle(p.live.engine, d.now_ms);
        engine_begin(p.live.engine, d.now_ms + 2, SLICE("xack"), 40 + i % 3);
        assert_int_equal(group_ack(p.live.groups, g, ids, batch), batch);
        engine_seal(p.live.engine);
        engine_settle(p.live.engine, d.now_ms + 2);
    }
    double cost = (double)p.journal_bytes / (double)(ROUNDS * batch);
    print_message("%4zu a batch, %s: %.2f bytes of journal per event\n", batch,
                  together ? "together" : "one by one", cost);
    pair_fini(&p);
    return cost;
}

static void bytes_of_journal(void **state)
{
    (void)state;
    assert_true(bytes_per_event(1, false) <= 64);
    assert_true(bytes_per_event(10, false) < 7.5);
    assert_true(bytes_per_event(100, false) < 2);
    assert_true(bytes_per_event(1000, false) < 1.2);
    assert_true(bytes_per_event(1, true) <= 40);
    assert_true(bytes_per_event(10, true) < 5);
}

/* ---- rules ---- */

static void a_delivery_is_not_waited_for(void **state)
{
    (void)state;
    struct pair p;
    struct consumer *c;
    struct event_id id = {1750000000001, 0};
    pair_init(&p);
    struct engine *e = p.live.engine;
    struct groups *gs = p.live.groups;
    engine_begin(e, 1750000000000, SLICE("xgroup"), 1);
    assert_int_equal(groups_create(gs, SLICE("v"), SLICE("g"), (struct group_position){0}), 0);
    assert_int_equal(groups_create(gs, SLICE("v"), SLICE("g"), (struct group_position){0}),
                     ERR_EXISTS);
    struct group *g = groups_find(gs, SLICE("v"), SLICE("g"));
    assert_int_equal(group_add_consumer(gs, g, SLICE("c"), &c), 0);
    engine_seal(e);
    assert_int_equal(engine_mark(e), 1);
    engine_settle(e, 1750000000001);
    assert_int_equal(engine_stats(e).seq, 1);
    engine_begin(e, 1750000000002, SLICE("xreadgroup"), 1);
    assert_int_equal(group_deliver(gs, g, c, &id, 1, 1, false), 0);
    engine_seal(e);
    assert_int_equal(engine_mark(e), 0);
    engine_settle(e, 1750000000002);
    assert_int_equal(engine_stats(e).seq, 2);
    engine_begin(e, 1750000000003, SLICE("xack"), 1);
    assert_int_equal(group_ack(gs, g, &id, 1), 1);
    assert_int_equal(g->waited_seq, 3);
    engine_seal(e);
    assert_int_equal(engine_mark(e), 3);
    engine_settle(e, 1750000000003);
    expect_same(&p.live, &p.redone);
    pair_fini(&p);
}

/* What commands do to groups waits for the next record: one of others, or that of the turn's end.
 * What a client is told rests on just that one. */
static void a_turn_has_one_record(void **state)
{
    (void)state;
    struct pair p;
    struct opened k;
    struct group_position start = {.scanned_seq = 5};
    pair_init(&p);
    struct engine *e = p.live.engine;
    struct groups *gs = p.live.groups;
    engine_begin(e, 1750000000000, SLICE("xgroup"), 1);
    groups_create(gs, SLICE("v"), SLICE("g"), start);
    engine_seal(e);
    engine_begin(e, 1750000000000, SLICE("xgroup"), 2);
    groups_create(gs, SLICE("v"), SLICE("h"), start);
    engine_seal(e);
    assert_int_equal(engine_mark(e), 1);
    engine_begin(e, 1750000000000, SLICE("publish"), 3);
    note_publish(e, SLICE("channel"), SLICE("message"), false); /* makes no record */
    engine_seal(e);
    assert_int_equal(engine_mark(e), 0);
    assert_int_equal(p.records, 0);
    assert_int_equal(engine_stats(e).seq, 0);
    engine_begin(e, 1750000000000, SLICE("set"), 4);
    gate_open(e, &k, 0, SLICE("key"));
    opened_set_string(&k, SLICE("value"), WHEN_NONE);
    gate_close(&k, EVENT_SET);
    engine_seal(e);
    assert_int_equal(engine_mark(e), 1);
    expect_same(&p.live, &p.redone);
    for (int i = 0; i < 200; i++) { /* so many that they do not wait for the end of the turn */
        engine_begin(e, 1750000000001, SLICE("xgroup"), 5);
        group_passed(gs, groups_find(gs, SLICE("v"), SLICE("g")), 6 + (uint64_t)i);
        engine_seal(e);
    }
    assert_int_equal(engine_stats(e).seq, 1 + 200 / 64);
    engine_settle(e, 1750000000001);
    assert_int_equal(engine_stats(e).seq, 2 + 200 / 64);
    engine_settle(e, 1750000000001);
    assert_int_equal(engine_stats(e).seq, 2 + 200 / 64);
    expect_same(&p.live, &p.redone);
    pair_fini(&p);
}

static void bounds(void **state)
{
    (void)state;
    struct pair p;
    struct consumer *c;
    char name[32];
    static struct event_id ids[GROUP_PENDING_MAX + 1];
    pair_init(&p);
    struct engine *e = p.live.engine;
    struct groups *gs = p.live.groups;
    engine_begin(e, 1750000000000, SLICE("xgroup"), 1);
    for (int i = 0; i < GROUPS_MAX; i++)
        assert_int_equal(groups_create(gs, SLICE("v"), print(name, "g", (uint64_t)i),
                                       (struct group_position){0}),
                         0);
    assert_int_equal(groups_create(gs, SLICE("w"), SLICE("g"), (struct group_position){0}),
                     ERR_LIMIT);
    group_destroy(gs, groups_find(gs, SLICE("v"), SLICE("g77")));
    assert_int_equal(groups_create(gs, SLICE("w"), SLICE("g"), (struct group_position){0}), 0);
    struct group *g = groups_find(gs, SLICE("w"), SLICE("g"));
    assert_int_equal(g->number, 77);
    for (int i = 0; i < GROUP_CONSUMERS_MAX; i++)
        assert_int_equal(group_add_consumer(gs, g, print(name, "c", (uint64_t)i), &c), 0);
    assert_int_equal(group_add_consumer(gs, g, SLICE("more"), &c), ERR_LIMIT);
    c = crew_consumer(&g->crew, SLICE("c5"));
    for (int i = 0; i <= GROUP_PENDING_MAX; i++) ids[i] = (struct event_id){1000 + i, 0};
    assert_int_equal(group_deliver(gs, g, c, ids, GROUP_PENDING_MAX + 1, 1, false), ERR_LIMIT);
    assert_int_equal(group_deliver(gs, g, c, ids, GROUP_PENDING_MAX, 1, false), 0);
    assert_int_equal(group_deliver(gs, g, c, ids + GROUP_PENDING_MAX, 1, 2, false), ERR_LIMIT);
    engine_seal(e);
    engine_begin(e, 1750000000001, SLICE("xack"), 1);
    assert_int_equal(group_ack(gs, g, ids, 10), 10);
    assert_int_equal(group_deliver(gs, g, c, ids + GROUP_PENDING_MAX, 1, 2, true), 0);
    engine_seal(e);
    engine_settle(e, 1750000000001);
    groups_check(gs);
    expect_same(&p.live, &p.redone);
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redone_is_what_was_done),      cmocka_unit_test(a_snapshot_is_all_of_it),
        cmocka_unit_test(no_nonsense_is_believed),      cmocka_unit_test(bytes_of_journal),
        cmocka_unit_test(a_delivery_is_not_waited_for), cmocka_unit_test(bounds),
        cmocka_unit_test(a_turn_has_one_record),
    };
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
