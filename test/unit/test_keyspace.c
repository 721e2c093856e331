/* Databases: what is in them, when it falls due, what a flush leaves, what a walk sees; all of it
 * against plain arrays. */
#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/keyspace/change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DATABASES = 3 };
#define START_MS INT64_C(1750000000000)

static uint64_t seed;
static const unsigned char secret[HASH_SECRET_SIZE] = "the tests' own secret";

/* ---- changing, as the engine does it ---- */

static struct slice key_text(char room[32], uint64_t number)
{
    return slice_of(room, (size_t)snprintf(room, 32, "key:%llu", (unsigned long long)number));
}

static void put(struct keyspace *ks, int db, uint64_t number, int64_t deadline)
{
    char room[32];
    struct slice key = key_text(room, number);
    struct place p = keyspace_find(ks, db, key);
    if (p.entry) {
        keyspace_update(ks, &p,
                        entry_set_string(keyspace_edit(ks, &p), SLICE("v"), STRING_RAW, deadline));
    } else {
        keyspace_insert(ks, &p, entry_new_string(key, SLICE("v"), STRING_RAW, deadline));
    }
}

static void set_deadline(struct keyspace *ks, int db, uint64_t number, int64_t deadline)
{
    char room[32];
    struct place p = keyspace_find(ks, db, key_text(room, number));
    keyspace_update(ks, &p, entry_set_deadline(keyspace_edit(ks, &p), deadline));
}

static void drop(struct keyspace *ks, int db, uint64_t number)
{
    char room[32];
    struct place p = keyspace_find(ks, db, key_text(room, number));
    entry_free(keyspace_remove(ks, &p));
}

static bool is_there(const struct keyspace *ks, int db, uint64_t number)
{
    char room[32];
    return keyspace_find(ks, db, key_text(room, number)).entry != NULL;
}

/* ---- what falls due ---- */

enum { MODEL_KEYS = 400 };

struct model {
    struct keyspace *ks;
    int64_t now_ms;
    bool exists[DATABASES][MODEL_KEYS];
    int64_t deadline[DATABASES][MODEL_KEYS];
    int64_t last_visited[DATABASES]; /* within one call */
    size_t visits;
};

static size_t visit_due(void *ctx, int db, struct entry *e, size_t most)
{
    struct model *m = ctx;
    uint64_t number = strtoull(entry_key(e).at + 4, NULL, 10);
    int64_t deadline = entry_deadline(e);
    assert_true(most > 0);
    assert_true(m->exists[db][number]);
    assert_true(m->deadline[db][number] == deadline);
    assert_true(deadline >= 0 && deadline <= m->now_ms);
    assert_true(deadline >= m->last_visited[db]);
    m->last_visited[db] = deadline;
    m->exists[db][number] = false;
    m->visits++;
    struct place p = keyspace_find(m->ks, db, entry_key(e));
    assert_ptr_equal(p.entry, e);
    entry_free(keyspace_remove(m->ks, &p));
    return 1;
}

static void expire(struct model *m, size_t max)
{
    bool more = true;
    for (int db = 0; db < DATABASES; db++) m->last_visited[db] = 0;
    for (int calls = 0; more; calls++) {
        m->visits = 0;
        size_t n = keyspace_each_due(m->ks, m->now_ms, max, visit_due, m, &more);
        assert_int_equal(n, m->visits);
        assert_true(calls < 100000);
    }
    for (int db = 0; db < DATABASES; db++)
        for (int i = 0; i < MODEL_KEYS; i++)
            if (m->exists[db][i] && m->deadline[db][i] >= 0)
                assert_true(m->deadline[db][i] > m->now_ms);
}

static int64_t some_deadline(struct model *m, struct random *r)
{
    static const int64_t reach[] = {1, 50, 1000, 100000, 1LL << 32, 1LL << 42, 1LL << 60};
    if (random_below(r, 3) == 0) return -1;
    int64_t far = (int64_t)random_below(r, (uint64_t)reach[random_below(r, 7)]) + 1;
    return m->now_ms + far;
}

static void change_at_random(struct model *m, struct random *r)
{
    int db = (int)random_below(r, DATABASES);
    uint64_t i = random_below(r, MODEL_KEYS);
    bool *exists = &m->exists[db][i];
    int64_t deadline = some_deadline(m, r);
    switch (random_below(r, 8)) {
    case 0:
        if (*exists) drop(m->ks, db, i);
        *exists = false;
        break;
    case 1:
    case 2:
    case 3:
        put(m->ks, db, i, deadline);
        *exists = true;
        m->deadline[db][i] = deadline;
        break;
    default:
        if (!*exists) break;
        set_deadline(m->ks, db, i, deadline);
        m->deadline[db][i] = deadline;
    }
}

static void check_model(struct model *m)
{
    for (int db = 0; db < DATABASES; db++) {
        size_t keys = 0, volatile_keys = 0;
        for (uint64_t i = 0; i < MODEL_KEYS; i++) {
            assert_int_equal(is_there(m->ks, db, i), m->exists[db][i]);
            keys += m->exists[db][i];
            volatile_keys += m->exists[db][i] && m->deadline[db][i] >= 0;
        }
        struct database_info info = keyspace_info(m->ks, db, m->now_ms);
        assert_int_equal(info.keys, keys);
        assert_int_equal(info.volatile_keys, volatile_keys);
    }
}

static void swap_in_model(struct model *m, int a, int b)
{
    for (int i = 0; i < MODEL_KEYS; i++) {
        bool exists = m->exists[a][i];
        int64_t deadline = m->deadline[a][i];
        m->exists[a][i] = m->exists[b][i];
        m->deadline[a][i] = m->deadline[b][i];
        m->exists[b][i] = exists;
        m->deadline[b][i] = deadline;
    }
}

static void whole_database_at_random(struct model *m, struct random *r)
{
    int a = (int)random_below(r, DATABASES), b = (int)random_below(r, DATABASES);
    if (random_below(r, 2)) {
        keyspace_swap(m->ks, a, b);
        swap_in_model(m, a, b);
        return;
    }
    size_t keys = 0;
    for (int i = 0; i < MODEL_KEYS; i++) keys += m->exists[a][i];
    assert_int_equal(keyspace_flush(m->ks, a), keys);
    memset(m->exists[a], 0, sizeof m->exists[a]);
}

static void test_random(void **state)
{
    (void)state;
    enum { ROUNDS = 300, CHANGES = 200 };
    static struct model m;
    struct random r;
    random_init(&r, seed);
    size_t before = mem_used();
    m = (struct model){.ks = keyspace_new(DATABASES, secret, seed), .now_ms = START_MS};
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CHANGES; i++) change_at_random(&m, &r);
        if (random_below(&r, 20) == 0) whole_database_at_random(&m, &r);
        m.now_ms += (int64_t)random_below(&r, random_below(&r, 10) ? 200 : 1LL << 33);
        keyspace_work(m.ks);
        expire(&m, 1 + random_below(&r, 300));
        check_model(&m);
    }
    keyspace_free(m.ks);
    assert_int_equal(mem_used(), before);
}

/* Nothing is overlooked until the moment that next_due names. */
static void test_next_due(void **state)
{
    (void)state;
    struct keyspace *ks = keyspace_new(DATABASES, secret, 1);
    static struct model m;
    m = (struct model){.ks = ks, .now_ms = START_MS};
    assert_true(keyspace_next_due(ks, START_MS) == -1);
    for (int i = 0; i < 3; i++) {
        m.exists[i][i] = true;
        m.deadline[i][i] = START_MS + 70000 * (i + 1);
        put(ks, i, (uint64_t)i, m.deadline[i][i]);
    }
    int calls = 0;
    for (int64_t due; (due = keyspace_next_due(ks, m.now_ms)) >= 0; calls++) {
        if (due > m.now_ms) m.now_ms = due;
        for (int i = 0; i < 3; i++) assert_true(!m.exists[i][i] || m.deadline[i][i] >= m.now_ms);
        expire(&m, 10);
        assert_true(calls < 100);
    }
    for (int i = 0; i < 3; i++) assert_false(m.exists[i][i]);
    keyspace_free(ks);
}

/* A call looks at no more than it was allowed to, also when all that it finds lives longer. */
static void test_stale_items_count_as_work(void **state)
{
    (void)state;
    enum { KEYS = 10000, MAX = 256 };
    struct keyspace *ks = keyspace_new(1, secret, 1);
    static struct model m;
    bool more;
    m = (struct model){.ks = ks, .now_ms = START_MS};
    keyspace_each_due(ks, START_MS, MAX, visit_due, &m, &more);
    for (uint64_t i = 0; i < KEYS; i++) put(ks, 0, i, START_MS + 5);
    for (uint64_t i = 0; i < KEYS; i++) set_deadline(ks, 0, i, START_MS + 100000);
    m.now_ms += 10;
    for (int calls = 0; calls < KEYS / MAX; calls++) {
        keyspace_each_due(ks, m.now_ms, MAX, visit_due, &m, &more);
        assert_true(more);
    }
    for (int calls = 0; more; calls++) {
        keyspace_each_due(ks, m.now_ms, MAX, visit_due, &m, &more);
        assert_true(calls < 3);
    }
    assert_int_equal(keyspace_info(ks, 0, m.now_ms).wheel_items, KEYS);
    keyspace_free(ks);
}

static size_t count_visit(void *ctx, int db, struct entry *e, size_t most)
{
    (void)e;
    (void)most;
    ((size_t *)ctx)[db]++;
    return 1;
}

/* A crowd in one database does not keep the others waiting. */
static void test_databases_take_turns(void **state)
{
    (void)state;
    struct keyspace *ks = keyspace_new(DATABASES, secret, 1);
    size_t visits[DATABASES] = {0};
    bool more;
    for (uint64_t i = 0; i < 1000; i++) put(ks, 0, i, START_MS);
    put(ks, 2, 1, START_MS);
    keyspace_each_due(ks, START_MS + 1, 100, count_visit, visits, &more);
    keyspace_each_due(ks, START_MS + 1, 100, count_visit, visits, &more);
    keyspace_each_due(ks, START_MS + 1, 100, count_visit, visits, &more);
    assert_true(more);
    assert_int_equal(visits[2], 1);
    keyspace_free(ks);
}

/* ---- stale items ---- */

static size_t wheel_items(struct keyspace *ks)
{
    return keyspace_info(ks, 0, START_MS).wheel_items;
}

/* Deadlines come and go by the thousand; with the slices of work of idle time, and without. */
static void churn(bool work)
{
    enum { KEYS = 100, CYCLES = 100000, ITEMS_MAX = 3 * KEYS + 4096 + 1000 };
    struct keyspace *ks = keyspace_new(1, secret, 1);
    struct random r;
    random_init(&r, seed);
    for (uint64_t i = 0; i < KEYS; i++) put(ks, 0, i, START_MS + 1000000);
    for (int cycle = 0; cycle < CYCLES; cycle++) {
        uint64_t i = random_below(&r, KEYS);
        if (cycle % 2) {
            drop(ks, 0, i);
            put(ks, 0, i, START_MS + 1000000 + cycle);
        } else {
            set_deadline(ks, 0, i, -1);
            set_deadline(ks, 0, i, START_MS + 2000000 - cycle);
        }
        if (work && cycle % 1000 == 0) keyspace_work(ks);
        assert_true(wheel_items(ks) <= ITEMS_MAX);
    }
    static struct model m;
    m = (struct model){.ks = ks, .now_ms = START_MS + 3000000};
    for (uint64_t i = 0; i < KEYS; i++) {
        char room[32];
        struct place p = keyspace_find(ks, 0, key_text(room, i));
        m.exists[0][i] = true;
        m.deadline[0][i] = entry_deadline(p.entry);
    }
    expire(&m, 100);
    assert_int_equal(keyspace_size(ks, 0), 0);
    keyspace_free(ks);
}

static void test_stale_items_are_bounded(void **state)
{
    (void)state;
    churn(false);
    churn(true);
}

/* A large table with few deadlines: the walk is long, and a rush of items must not outrun it. */
static void test_rush_beside_a_long_walk(void **state)
{
    (void)state;
    enum { KEYS = 100000, CYCLES = 60000 };
    struct keyspace *ks = keyspace_new(1, secret, 1);
    for (uint64_t i = 0; i < KEYS; i++) put(ks, 0, i, -1);
    size_t most = 0;
    for (int cycle = 0; cycle < CYCLES; cycle++) {
        put(ks, 0, KEYS, START_MS + 1000000 + cycle);
        drop(ks, 0, KEYS);
        if (wheel_items(ks) > most) most = wheel_items(ks);
    }
    /* One to eight keys and the slack until it starts, one to some ten while it lasts. */
    assert_true(most <= KEYS / 8 + 4096 + KEYS / 10 + 1000);
    assert_true(most < CYCLES);
    keyspace_free(ks);
}

/* ---- flushed ---- */

static void test_flush_is_freed_in_slices(void **state)
{
    (void)state;
    enum { KEYS = 50000 };
    size_t before = mem_used();
    struct keyspace *ks = keyspace_new(DATABASES, secret, 1);
    for (uint64_t i = 0; i < KEYS; i++) put(ks, 1, i, i % 2 ? -1 : START_MS + (int64_t)i);
    size_t full = mem_used() - before;
    assert_int_equal(keyspace_flush(ks, 1), KEYS);
    assert_int_equal(keyspace_size(ks, 1), 0);
    assert_int_equal(keyspace_info(ks, 1, START_MS).volatile_keys, 0);
    assert_true(mem_used() - before > full / 2); /* not at once */
    put(ks, 1, 7, -1);
    int slices = 0;
    while (keyspace_sweep(ks)) slices++;
    assert_true(slices > 50);
    assert_true(mem_used() - before < full / 20);
    assert_int_equal(keyspace_size(ks, 1), 1);
    keyspace_free(ks);
    assert_int_equal(mem_used(), before);
}

/* A few keys and a flush, again and again, between two slices of work. */
static void test_many_small_flushes(void **state)
{
    (void)state;
    struct keyspace *ks = keyspace_new(1, secret, 1);
    size_t before = mem_used();
    for (int i = 0; i < 10000; i++) {
        for (uint64_t k = 0; k < 5; k++) put(ks, 0, k, START_MS + 1000);
        keyspace_flush(ks, 0);
    }
    assert_true(mem_used() - before < 10000);
    keyspace_free(ks);
}

/* ---- walking ---- */

struct seen {
    uint8_t times[2 * MODEL_KEYS];
};

static void see(void *ctx, void *entry)
{
    struct seen *s = ctx;
    s->times[strtoull(entry_key(entry).at + 4, NULL, 10)]++;
}

static void test_scan(void **state)
{
    (void)state;
    struct keyspace *ks = keyspace_new(DATABASES, secret, 1);
    struct seen seen = {{0}};
    assert_true(keyspace_scan(ks, 0, 0, 1, see, &seen) == 0);
    for (uint64_t i = 0; i < MODEL_KEYS; i++) put(ks, 0, i, -1);
    uint64_t cursor = 0, step = 0;
    do {
        cursor = keyspace_scan(ks, 0, cursor, 1, see, &seen);
        if (step < 100) drop(ks, 0, step); /* the first hundred go meanwhile, others come */
        put(ks, 0, MODEL_KEYS + step++, -1);
        for (uint64_t i = 0; i < step; i++) assert_true(is_there(ks, 0, MODEL_KEYS + i));
    } while (cursor && step < 200);
    assert_true(cursor == 0);
    for (int i = 0; i < MODEL_KEYS; i++) {
        if (i >= 100) assert_int_equal(seen.times[i], 1);
        assert_true(seen.times[i] <= 1);
    }
    keyspace_free(ks);
}

static void test_any(void **state)
{
    (void)state;
    struct keyspace *ks = keyspace_new(DATABASES, secret, 1);
    assert_null(keyspace_any(ks, 0));
    for (uint64_t i = 0; i < 10; i++) put(ks, 0, i, -1);
    unsigned met = 0;
    for (int i = 0; i < 1000; i++) met |= 1u << (entry_key(keyspace_any(ks, 0)).at[4] - '0');
    assert_int_equal(met, 0x3ff);
    assert_null(keyspace_any(ks, 1));
    keyspace_free(ks);
}

/* ---- access times ---- */

static void test_access(void **state)
{
    (void)state;
    struct keyspace *ks = keyspace_new(1, secret, 1);
    struct entry *e = entry_new_string(SLICE("k"), SLICE("v"), STRING_RAW, -1);
    entry_set_access(e, keyspace_new_access(ks, START_MS));
    assert_true(keyspace_idle_s(ks, e, START_MS + 90 * 1000) == 90);
    keyspace_touch(ks, e, START_MS + 90 * 1000);
    assert_true(keyspace_idle_s(ks, e, START_MS + 100 * 1000) == 10);

    keyspace_set_access(ks, (struct access_config){true, 10, 1});
    entry_set_access(e, keyspace_new_access(ks, START_MS));
    assert_int_equal(keyspace_frequency(ks, e, START_MS), 5);
    for (int i = 0; i < 1000; i++) keyspace_touch(ks, e, START_MS);
    int often = keyspace_frequency(ks, e, START_MS);
    assert_true(often > 10 && often < 60); /* some 20 after a thousand uses, as in Redis */
    assert_int_equal(keyspace_frequency(ks, e, START_MS + 3 * 60000), often - 3);
    assert_int_equal(keyspace_frequency(ks, e, START_MS + 1000 * 60000), 0);
    keyspace_set_access(ks, (struct access_config){true, 0, 0});
    for (int i = 0; i < 1000; i++) keyspace_touch(ks, e, START_MS);
    assert_int_equal(keyspace_frequency(ks, e, START_MS + 1000 * 60000), 255);
    entry_free(e);
    keyspace_free(ks);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : 20251122;
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_next_due),
        cmocka_unit_test(test_stale_items_count_as_work),
        cmocka_unit_test(test_databases_take_turns),
        cmocka_unit_test(test_stale_items_are_bounded),
        cmocka_unit_test(test_rush_beside_a_long_walk),
        cmocka_unit_test(test_flush_is_freed_in_slices),
        cmocka_unit_test(test_many_small_flushes),
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_any),
        cmocka_unit_test(test_access),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
