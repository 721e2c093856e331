/* Pending entries against a plain array, in random order of everything. */
#include "../../src/base/assert.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/value/pending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { MODEL_MAX = 3000 };

static uint64_t seed;

struct model {
    struct pending_entry entries[MODEL_MAX];
    size_t count;
};

static size_t model_place(const struct model *m, struct event_id id, bool *is_there)
{
    size_t i = 0;
    while (i < m->count && id_compare(m->entries[i].id, id) < 0) i++;
    *is_there = i < m->count && !id_compare(m->entries[i].id, id);
    return i;
}

static void model_put(struct model *m, struct pending_entry e)
{
    bool is_there;
    size_t at = model_place(m, e.id, &is_there);
    if (!is_there) {
        memmove(m->entries + at + 1, m->entries + at, (m->count - at) * sizeof e);
        m->count++;
    }
    m->entries[at] = e;
}

static bool model_remove(struct model *m, struct event_id id)
{
    bool is_there;
    size_t at = model_place(m, id, &is_there);
    if (!is_there) return false;
    m->count--;
    memmove(m->entries + at, m->entries + at + 1, (m->count - at) * sizeof *m->entries);
    return true;
}

static bool model_next(const struct model *m, struct event_id from, uint32_t consumer,
                       struct pending_entry *out)
{
    bool is_there;
    for (size_t i = model_place(m, from, &is_there); i < m->count; i++) {
        if (consumer != PENDING_ANY && m->entries[i].consumer != consumer) continue;
        *out = m->entries[i];
        return true;
    }
    return false;
}

static void expect_same(const struct pending_entry *a, const struct pending_entry *b)
{
    assert_int_equal(id_compare(a->id, b->id), 0);
    assert_true(a->delivered_ms == b->delivered_ms && a->deliveries == b->deliveries);
    assert_int_equal(a->consumer, b->consumer);
}

static struct event_id random_id(struct random *r, int64_t range)
{
    return (struct event_id){1 + (int64_t)random_below(r, (uint64_t)range), random_below(r, 6)};
}

static struct pending_entry random_entry(struct random *r, int64_t range)
{
    return (struct pending_entry){.id = random_id(r, range),
                                  .delivered_ms = (int64_t)random_below(r, 3) * 100000 - 5,
                                  .deliveries = random_below(r, 4),
                                  .consumer = (uint32_t)random_below(r, 100)};
}

static void step(struct pending *p, struct model *m, struct random *r, int64_t range, bool grows)
{
    struct pending_entry e = random_entry(r, range), found, expected;
    uint64_t what = random_below(r, 10);
    if (what < (grows ? 6 : 1) && m->count < MODEL_MAX - 1) {
        pending_put(p, &e);
        model_put(m, e);
    } else if (what < 8) {
        if (m->count && random_below(r, 4)) e.id = m->entries[random_below(r, m->count)].id;
        assert_int_equal(pending_remove(p, e.id), model_remove(m, e.id));
    } else if (what == 8) {
        const struct pending_entry *at = pending_find(p, e.id);
        bool is_there;
        size_t place = model_place(m, e.id, &is_there);
        assert_int_equal(at != NULL, is_there);
        if (at) expect_same(at, &m->entries[place]);
    } else {
        uint32_t consumer = random_below(r, 3) ? e.consumer : PENDING_ANY;
        bool is_there = model_next(m, e.id, consumer, &expected);
        assert_int_equal(pending_next(p, e.id, consumer, &found), is_there);
        if (is_there) expect_same(&found, &expected);
        assert_int_equal(pending_last(p, &found), m->count > 0);
        if (m->count) expect_same(&found, &m->entries[m->count - 1]);
        if (!random_below(r, 4)) pending_settle(p);
    }
    assert_int_equal(p->count, m->count);
}

static void same_as_an_array(void **state)
{
    (void)state;
    static struct model m;
    for (uint64_t world = 0; world < 8; world++) {
        struct random r;
        struct pending p = {0};
        random_init(&r, seed + world);
        m.count = 0;
        int64_t range = world & 1 ? 2000 : 60;
        for (int i = 0; i < 30000; i++) {
            step(&p, &m, &r, range, i / 5000 % 2 == 0);
            if (i % 1000 == 0) pending_check(&p);
        }
        while (m.count) {
            struct event_id id = m.entries[random_below(&r, m.count)].id;
            assert_true(pending_remove(&p, id));
            model_remove(&m, id);
        }
        pending_check(&p);
        assert_int_equal(p.leaves_count, 0);
        pending_fini(&p);
    }
}

static void few_bytes_an_entry(void **state)
{
    (void)state;
    enum { ENTRIES = 300000, BATCH = 10 };
    struct pending p = {0};
    size_t used = mem_used();
    for (int i = 0; i < ENTRIES; i++) {
        struct pending_entry e = {.id = {1750000000000 + i / 2 * 3, (uint64_t)i % 2},
                                  .delivered_ms = 1750000000000 + i / BATCH * 30,
                                  .deliveries = 1,
                                  .consumer = (uint32_t)(i / BATCH % 7)};
        pending_put(&p, &e);
    }
    pending_settle(&p);
    assert_in_range(mem_used() - used, 1, ENTRIES * 4);
    assert_int_equal(mem_used() - used, pending_bytes(&p));
    pending_check(&p);
    /* Acknowledged in disorder: what stays is not scattered over as many leaves. */
    for (int i = 0; i < ENTRIES; i++)
        if (i % 100)
            assert_true(
                pending_remove(&p, (struct event_id){1750000000000 + i / 2 * 3, (uint64_t)i % 2}));
    assert_int_equal(p.count, ENTRIES / 100);
    assert_in_range(p.leaves_count, 1, ENTRIES / 100 / 8);
    pending_check(&p);
    pending_fini(&p);
    assert_int_equal(mem_used(), used);
}

static void steps_of_ids(void **state)
{
    (void)state;
    static const struct event_id ids[] = {
        {0, 1},
        {0, 2},
        {0, 5},
        {0, UINT64_MAX},
        {1, 0},
        {1, 1},
        {31, 2},
        {62, 3},
        {62, UINT64_MAX - 1},
        {1000, 77},
        {CODE_STEP_FAR - 1, 9},
        {CODE_STEP_FAR, 2},
        {CODE_STEP_FAR + 31, 3},
        {UINT64_MAX, 0},
        {UINT64_MAX, UINT64_MAX},
    };
    enum { IDS = sizeof ids / sizeof *ids };
    for (int a = -1; a < IDS; a++)
        for (int b = a + 1; b < IDS; b++) {
            struct event_id from = a < 0 ? (struct event_id){0} : ids[a], id;
            struct buffer code = {0};
            uint64_t v;
            code_put_step(&code, from, ids[b], 3, 5);
            struct slice bytes = buffer_slice(&code);
            assert_true(code_get(&bytes, &v) && (v & 7) == 5);
            assert_true(code_take_step(&bytes, v >> 3, from, &id));
            assert_int_equal(bytes.len, 0);
            assert_int_equal(id_compare(id, ids[b]), 0);
            buffer_fini(&code);
        }
    /* Beyond the last id there is none. */
    struct slice none = SLICE("");
    struct event_id last = {UINT64_MAX, UINT64_MAX}, id;
    assert_false(code_take_step(&none, 0, last, &id));
    assert_false(code_take_step(&none, 1 << 2, last, &id));
    assert_false(code_take_step(&none, 3, (struct event_id){0}, &id)); /* the n is missing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_an_array),
        cmocka_unit_test(few_bytes_an_entry),
        cmocka_unit_test(steps_of_ids),
    };
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
