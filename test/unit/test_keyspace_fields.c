/* Entries that are due when the first of their fields is: against a model, while deadlines move,
 * wheels are rebuilt and keys with deadlines of their own are among them. */
#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/keyspace/change.h"
#include "../../src/value/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;
static const unsigned char secret[HASH_SECRET_SIZE] = "a secret of this test";

enum { KEYS = 60, FIELDS = 40, START_MS = 1000000 };

struct model {
    struct keyspace *ks;
    int64_t now_ms;
    bool exists[KEYS];
    int64_t deadline[KEYS]; /* of the key */
    bool there[KEYS][FIELDS];
    int64_t when[KEYS][FIELDS];
    size_t ended_keys, ended_fields;
};

static struct slice name_of(char room[16], size_t i)
{
    return slice_of(room, (size_t)snprintf(room, 16, "%zu", i));
}

static size_t number_of(struct slice name)
{
    uint64_t number;
    assert_true(text_to_uint(name, &number));
    return number;
}

/* ---- what is true ---- */

static int64_t first_field(const struct model *m, size_t key)
{
    int64_t first = -1;
    for (size_t f = 0; f < FIELDS; f++) {
        int64_t when = m->there[key][f] ? m->when[key][f] : -1;
        if (when >= 0 && (first < 0 || when < first)) first = when;
    }
    return first;
}

static int64_t due_of(const struct model *m, size_t key)
{
    int64_t field = first_field(m, key), own = m->deadline[key];
    if (own < 0 || (field >= 0 && field < own)) return field;
    return own;
}

static void compare(const struct model *m)
{
    size_t keys = 0, with_deadline = 0, timed = 0;
    int64_t next = -1;
    for (size_t k = 0; k < KEYS; k++) {
        char room[16];
        struct place p = keyspace_find(m->ks, 0, name_of(room, k));
        assert_int_equal(p.entry != NULL, m->exists[k]);
        if (!m->exists[k]) continue;
        int64_t due = due_of(m, k);
        assert_int_equal(entry_due(p.entry), due);
        assert_true(due < 0 || due > m->now_ms); /* what was due is gone */
        if (due >= 0 && (next < 0 || due < next)) next = due;
        keys++;
        with_deadline += m->deadline[k] >= 0;
        timed += first_field(m, k) >= 0;
    }
    struct database_info info = keyspace_info(m->ks, 0, m->now_ms);
    assert_int_equal(info.keys, keys);
    assert_int_equal(info.volatile_keys, with_deadline);
    assert_int_equal(info.timed_hashes, timed);
    int64_t told = keyspace_next_due(m->ks, m->now_ms);
    if (next >= 0) assert_true(told >= 0 && told <= next);
}

/* ---- time ---- */

static void remove_key(struct model *m, struct place *p, size_t key)
{
    entry_free(keyspace_remove(m->ks, p));
    m->exists[key] = false;
    for (size_t f = 0; f < FIELDS; f++) m->there[key][f] = false;
}

static size_t visit(void *ctx, int db, struct entry *e, size_t most)
{
    struct model *m = ctx;
    size_t key = number_of(entry_key(e)), count = 0;
    struct place p = keyspace_find(m->ks, db, entry_key(e));
    assert_ptr_equal(p.entry, e);
    assert_int_equal(entry_due(e), due_of(m, key));
    assert_true(due_of(m, key) <= m->now_ms && most > 0);
    if (entry_deadline(e) >= 0 && entry_deadline(e) <= m->now_ms) {
        remove_key(m, &p, key);
        m->ended_keys++;
        return 1;
    }
    struct entry *edited = keyspace_edit(m->ks, &p);
    struct value v = entry_value(edited);
    struct field field;
    while (count < most && fields_soonest(&v, &field) && field.deadline <= m->now_ms) {
        char room[16];
        size_t f = number_of(field.name);
        assert_true(m->when[key][f] == field.deadline);
        fields_remove(&v, name_of(room, f));
        m->there[key][f] = false;
        count++;
    }
    m->ended_fields += count;
    entry_update_value(edited, &v);
    keyspace_update(m->ks, &p, edited);
    if (value_is_gone(&v))
        remove_key(m, &p, key);
    else
        keyspace_keep(&p);
    return count;
}

static void pass_time(struct model *m, struct random *random)
{
    bool more = true;
    m->now_ms += (int64_t)random_below(random, 40);
    size_t max = 1 + random_below(random, 50);
    for (int calls = 0; more; calls++) {
        assert_true(calls < 10000);
        size_t n = keyspace_each_due(m->ks, m->now_ms, max, visit, m, &more);
        assert_true(n <= 2 * max + 64); /* a batch of items may each be one over */
    }
    compare(m);
}

/* ---- changes ---- */

static void set_field(struct model *m, size_t key, size_t f, int64_t when)
{
    char key_room[16], room[16];
    const struct value_config *config = keyspace_values(m->ks);
    struct slice name = name_of(key_room, key), field = name_of(room, f);
    struct place p = keyspace_find(m->ks, 0, name);
    if (!p.entry) {
        struct value fresh = fields_new();
        fields_set(&fresh, field, SLICE("v"), false, config);
        fields_set_deadline(&fresh, field, when);
        keyspace_insert(m->ks, &p, entry_new_value(name, fresh, -1));
        m->exists[key] = true;
        m->deadline[key] = -1;
    } else {
        struct entry *e = keyspace_edit(m->ks, &p);
        struct value v = entry_value(e);
        fields_set(&v, field, SLICE("v"), true, config);
        fields_set_deadline(&v, field, when);
        entry_update_value(e, &v);
        keyspace_update(m->ks, &p, e);
    }
    m->there[key][f] = true;
    m->when[key][f] = when;
}

static void set_deadline(struct model *m, size_t key, int64_t when)
{
    char room[16];
    struct place p = keyspace_find(m->ks, 0, name_of(room, key));
    if (!p.entry) return;
    keyspace_update(m->ks, &p, entry_set_deadline(keyspace_edit(m->ks, &p), when));
    m->deadline[key] = when;
}

static void drop(struct model *m, size_t key)
{
    char room[16];
    struct place p = keyspace_find(m->ks, 0, name_of(room, key));
    if (p.entry) remove_key(m, &p, key);
}

static void change(struct model *m, struct random *random)
{
    size_t key = random_below(random, KEYS), f = random_below(random, FIELDS);
    int64_t when = m->now_ms + 1 + (int64_t)random_below(random, 2000);
    uint64_t what = random_below(random, 100);
    if (what < 50)
        set_field(m, key, f, when);
    else if (what < 75)
        set_field(m, key, f, -1);
    else if (what < 85)
        set_deadline(m, key, when);
    else if (what < 95)
        set_deadline(m, key, -1);
    else
        drop(m, key);
}

static void test_against_model(void **state)
{
    (void)state;
    size_t before = mem_used();
    struct random random;
    random_init(&random, seed);
    struct model *m = mem_new(struct model);
    m->ks = keyspace_new(1, secret, seed);
    m->now_ms = START_MS;
    struct value_config limits = *keyspace_values(m->ks);
    limits.hash_max_listpack_entries = FIELDS / 2;
    keyspace_set_values(m->ks, limits);
    for (int i = 0; i < 60000; i++) {
        change(m, &random);
        if (random_below(&random, 20) == 0) pass_time(m, &random);
        if (random_below(&random, 3) == 0) keyspace_work(m->ks);
    }
    assert_true(m->ended_keys > 100 && m->ended_fields > 1000);
    keyspace_free(m->ks);
    mem_delete(m);
    assert_int_equal(mem_used(), before);
}

/* Fields whose deadline is moved nearer again and again leave stale items, which are bounded. */
static void test_stale_items(void **state)
{
    (void)state;
    struct model *m = mem_new(struct model);
    m->ks = keyspace_new(1, secret, seed);
    m->now_ms = START_MS;
    for (int64_t i = 0; i < 100000; i++) set_field(m, 0, 0, START_MS + 1000000 - i);
    size_t items = keyspace_info(m->ks, 0, START_MS).wheel_items;
    assert_true(items < 20000);
    compare(m);
    keyspace_free(m->ks);
    mem_delete(m);
}

/* One field of those that are due; what is due still is met again. */
static size_t visit_one(void *ctx, int db, struct entry *e, size_t most)
{
    (void)most;
    return visit(ctx, db, e, 1);
}

/* A few keys among others are visited, and kept, at any point of a rebuilding of their wheel: also
 * when it is past all of them, and goes on while the new wheel is gone through. */
static void keep_while_rebuilding(const unsigned char *hash_secret, int64_t stale)
{
    enum { TIMED = 6 };
    struct model *m = mem_new(struct model);
    bool more = true;
    m->ks = keyspace_new(1, hash_secret, seed);
    m->now_ms = START_MS;
    for (size_t k = 1; k < KEYS; k++)
        for (size_t f = 0; f < 3; f++) set_field(m, k, f, k <= TIMED ? START_MS + 500 : -1);
    for (int64_t i = 0; i < stale; i++) set_field(m, 0, 0, START_MS + 1000000 - i);
    m->now_ms += 600;
    while (more) keyspace_each_due(m->ks, m->now_ms, 1000, visit_one, m, &more);
    compare(m);
    assert_int_equal(m->ended_fields, 3 * TIMED);
    keyspace_free(m->ks);
    mem_delete(m);
}

static void test_kept_while_rebuilding(void **state)
{
    (void)state;
    enum { ROUNDS = 8, STALE_FROM = 4100, STALE_TO = 4150 };
    unsigned char varied[HASH_SECRET_SIZE] = {0};
    for (varied[0] = 0; varied[0] < ROUNDS; varied[0]++)
        for (int64_t stale = STALE_FROM; stale < STALE_TO; stale++)
            keep_while_rebuilding(varied, stale);
}

/* Policies for keys with deadlines leave hashes alone whose fields only have some. */
static void test_eviction(void **state)
{
    (void)state;
    static const enum evict_policy policies[] = {EVICT_VOLATILE_TTL, EVICT_VOLATILE_LRU,
                                                 EVICT_VOLATILE_LFU, EVICT_VOLATILE_RANDOM};
    struct model *m = mem_new(struct model);
    m->ks = keyspace_new(1, secret, seed);
    m->now_ms = START_MS;
    for (size_t k = 0; k < 20; k++) set_field(m, k, 0, START_MS + 100 + (int64_t)k);
    for (size_t p = 0; p < 4; p++) {
        int db;
        struct entry *victim;
        assert_int_equal(keyspace_victim(m->ks, policies[p], 5, START_MS, &db, &victim), 0);
    }
    set_deadline(m, 7, START_MS + 9000);
    set_deadline(m, 9, START_MS + 8000);
    for (size_t p = 0; p < 4; p++) {
        int db;
        struct entry *victim;
        int rc = 0;
        for (int calls = 0; rc != 1 && calls < 1000; calls++)
            rc = keyspace_victim(m->ks, policies[p], 5, START_MS, &db, &victim);
        assert_int_equal(rc, 1);
        size_t key = number_of(entry_key(victim));
        assert_true(key == 9 || (key == 7 && policies[p] != EVICT_VOLATILE_TTL));
    }
    m->now_ms = START_MS;
    compare(m); /* no item was lost on the way */
    m->now_ms += 200;
    bool more;
    do keyspace_each_due(m->ks, m->now_ms, 100, visit, m, &more);
    while (more);
    assert_int_equal(m->ended_fields, 20);
    keyspace_free(m->ks);
    mem_delete(m);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_stale_items),
        cmocka_unit_test(test_kept_while_rebuilding),
        cmocka_unit_test(test_eviction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
