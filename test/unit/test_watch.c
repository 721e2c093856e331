/* Watched keys: who is touched by what, with keys past their deadline as the delicate part. */
#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/keyspace/change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW_MS INT64_C(1750000000000)

static struct keyspace *ks;
static size_t memory_before;

static int set_up(void **state)
{
    static const unsigned char secret[HASH_SECRET_SIZE] = "the tests' own secret";
    (void)state;
    memory_before = mem_used();
    ks = keyspace_new(4, secret, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    keyspace_free(ks);
    return mem_used() != memory_before;
}

static void put(int db, struct slice key, int64_t deadline)
{
    struct place p = keyspace_find(ks, db, key);
    struct entry *e = entry_new_string(key, SLICE("v"), STRING_RAW, deadline);
    if (p.entry) entry_free(keyspace_remove(ks, &p));
    keyspace_insert(ks, &p, e);
    keyspace_touch_watched(ks, db, key);
}

static void drop(int db, struct slice key)
{
    struct place p = keyspace_find(ks, db, key);
    entry_free(keyspace_remove(ks, &p));
    keyspace_touch_watched(ks, db, key);
}

static void test_change_touches(void **state)
{
    (void)state;
    struct watcher a = {0}, b = {0};
    put(0, SLICE("k"), -1);
    keyspace_watch(ks, &a, 0, SLICE("k"), NOW_MS);
    keyspace_watch(ks, &a, 0, SLICE("k"), NOW_MS); /* once is enough */
    keyspace_watch(ks, &a, 0, SLICE("none"), NOW_MS);
    keyspace_watch(ks, &b, 1, SLICE("k"), NOW_MS);
    assert_int_equal(watcher_count(&a), 2);
    assert_int_equal(keyspace_watched(ks), 3);
    keyspace_touch_watched(ks, 0, SLICE("other"));
    assert_false(keyspace_watch_failed(ks, &a, NOW_MS));
    put(0, SLICE("k"), -1);
    assert_true(keyspace_watch_failed(ks, &a, NOW_MS));
    assert_false(keyspace_watch_failed(ks, &b, NOW_MS));
    keyspace_unwatch(ks, &a);
    assert_false(keyspace_watch_failed(ks, &a, NOW_MS));
    assert_int_equal(keyspace_watched(ks), 1);
    put(1, SLICE("k"), -1);
    assert_true(keyspace_watch_failed(ks, &b, NOW_MS));
    keyspace_unwatch(ks, &b);
    assert_int_equal(keyspace_watched(ks), 0);
}

static void test_many_watchers_of_a_key(void **state)
{
    (void)state;
    struct watcher w[5] = {{0}};
    for (int i = 0; i < 5; i++) keyspace_watch(ks, &w[i], 0, SLICE("k"), NOW_MS);
    keyspace_unwatch(ks, &w[0]);
    keyspace_unwatch(ks, &w[2]);
    keyspace_unwatch(ks, &w[4]);
    put(0, SLICE("k"), -1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(keyspace_watch_failed(ks, &w[i], NOW_MS), i % 2);
        keyspace_unwatch(ks, &w[i]);
    }
}

/* A key that passes its deadline while it is watched is changed, put away or not. */
static void test_key_that_dies(void **state)
{
    (void)state;
    struct watcher w = {0};
    put(0, SLICE("k"), NOW_MS + 10);
    keyspace_watch(ks, &w, 0, SLICE("k"), NOW_MS);
    assert_false(keyspace_watch_failed(ks, &w, NOW_MS + 9));
    assert_true(keyspace_watch_failed(ks, &w, NOW_MS + 10));
    drop(0, SLICE("k"));
    assert_true(keyspace_watch_failed(ks, &w, NOW_MS + 10));
    keyspace_unwatch(ks, &w);
}

/* One that was dead already is as good as none: its end is no change, a new value is. */
static void test_dead_key(void **state)
{
    (void)state;
    struct watcher w = {0};
    put(0, SLICE("k"), NOW_MS - 1);
    keyspace_watch(ks, &w, 0, SLICE("k"), NOW_MS);
    assert_false(keyspace_watch_failed(ks, &w, NOW_MS));
    drop(0, SLICE("k"));
    assert_false(keyspace_watch_failed(ks, &w, NOW_MS));
    put(0, SLICE("k"), -1);
    assert_true(keyspace_watch_failed(ks, &w, NOW_MS));
    keyspace_unwatch(ks, &w);

    put(0, SLICE("k"), NOW_MS - 1);
    keyspace_watch(ks, &w, 0, SLICE("k"), NOW_MS);
    put(0, SLICE("k"), -1); /* straight over the dead one */
    assert_true(keyspace_watch_failed(ks, &w, NOW_MS));
    keyspace_unwatch(ks, &w);
}

static void test_flush(void **state)
{
    (void)state;
    struct watcher there = {0}, none = {0}, dead = {0}, elsewhere = {0};
    put(0, SLICE("k"), -1);
    put(0, SLICE("d"), NOW_MS - 1);
    put(1, SLICE("k"), -1);
    keyspace_watch(ks, &there, 0, SLICE("k"), NOW_MS);
    keyspace_watch(ks, &none, 0, SLICE("none"), NOW_MS);
    keyspace_watch(ks, &dead, 0, SLICE("d"), NOW_MS);
    keyspace_watch(ks, &elsewhere, 1, SLICE("k"), NOW_MS);
    keyspace_touch_flushed(ks, 0);
    keyspace_flush(ks, 0);
    assert_true(keyspace_watch_failed(ks, &there, NOW_MS));
    assert_false(keyspace_watch_failed(ks, &none, NOW_MS));
    assert_false(keyspace_watch_failed(ks, &dead, NOW_MS));
    assert_false(keyspace_watch_failed(ks, &elsewhere, NOW_MS));
    put(0, SLICE("d"), -1);
    assert_true(keyspace_watch_failed(ks, &dead, NOW_MS));
    struct watcher *all[] = {&there, &none, &dead, &elsewhere};
    for (int i = 0; i < 4; i++) keyspace_unwatch(ks, all[i]);
}

/* What a watched key of database 0 is before the swap with database 1, after it, and whether that
 * is a change: the nine cases. `.` none, `d` dead, `v` alive. */
static void test_swap(void **state)
{
    static const struct {
        char before, after;
        bool touched;
    } cases[] = {{'.', '.', false}, {'.', 'd', false}, {'.', 'v', true},
                 {'d', '.', false}, {'d', 'd', false}, {'d', 'v', true},
                 {'v', '.', true},  {'v', 'd', true},  {'v', 'v', true}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct watcher w = {0};
        if (cases[i].before != '.') put(0, SLICE("k"), cases[i].before == 'd' ? NOW_MS : -1);
        if (cases[i].after != '.') put(1, SLICE("k"), cases[i].after == 'd' ? NOW_MS : -1);
        keyspace_watch(ks, &w, 0, SLICE("k"), NOW_MS);
        keyspace_touch_swapped(ks, 1, 0, NOW_MS);
        keyspace_swap(ks, 1, 0);
        assert_int_equal(keyspace_watch_failed(ks, &w, NOW_MS), cases[i].touched);
        keyspace_unwatch(ks, &w);
        keyspace_flush(ks, 0);
        keyspace_flush(ks, 1);
    }
}

/* Names are the database and the key: bytes that look like a number do not confuse them. */
static void test_binary_names(void **state)
{
    (void)state;
    struct watcher w = {0};
    struct slice zeros = slice_of("\0\0\0\0", 4), empty = slice_of("", 0);
    keyspace_watch(ks, &w, 0, zeros, NOW_MS);
    put(0, empty, -1);
    put(1, zeros, -1);
    assert_false(keyspace_watch_failed(ks, &w, NOW_MS));
    put(0, zeros, -1);
    assert_true(keyspace_watch_failed(ks, &w, NOW_MS));
    keyspace_unwatch(ks, &w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_change_touches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_watchers_of_a_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_key_that_dies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dead_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flush, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_swap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_binary_names, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
