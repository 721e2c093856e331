/* Victims: from the right keys, near to the best of them, and found also where few are to be had.
 */
#include "../../src/base/err.h"
#include "../../src/base/hash.h"
#include "../../src/keyspace/change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW_MS INT64_C(1750000000000)

enum { SAMPLES = 5 };

static uint64_t seed;
static const unsigned char secret[HASH_SECRET_SIZE] = "the tests' own secret";

static struct keyspace *keyspace(int databases)
{
    return keyspace_new(databases, secret, seed);
}

static struct entry *put(struct keyspace *ks, int db, int number, int64_t deadline)
{
    char room[32];
    struct slice key = slice_of(room, (size_t)snprintf(room, sizeof room, "key:%d", number));
    struct place p = keyspace_find(ks, db, key);
    assert_null(p.entry);
    struct entry *e = entry_new_string(key, SLICE("v"), STRING_RAW, deadline);
    entry_set_access(e, keyspace_new_access(ks, NOW_MS));
    keyspace_insert(ks, &p, e);
    return e;
}

static int number_of(const struct entry *e)
{
    struct slice key = entry_key(e);
    int number = 0;
    for (size_t i = 4; i < key.len; i++) number = 10 * number + key.at[i] - '0';
    return number;
}

static void drop(struct keyspace *ks, int db, struct entry *e)
{
    struct place p = keyspace_find(ks, db, entry_key(e));
    entry_free(keyspace_remove(ks, &p));
}

/* Takes the next victim out; its number, or what keyspace_victim says when there is none. */
static int take(struct keyspace *ks, enum evict_policy policy, int *db)
{
    struct entry *victim;
    int rc = keyspace_victim(ks, policy, SAMPLES, NOW_MS, db, &victim);
    if (rc != 1) return rc == 0 ? -1 : rc;
    int number = number_of(victim);
    drop(ks, *db, victim);
    return number;
}

/* The same, until it is known. */
static int take_patiently(struct keyspace *ks, enum evict_policy policy, int *db)
{
    int number, calls = 0;
    while ((number = take(ks, policy, db)) == ERR_AGAIN) assert_true(++calls < 1000);
    return number;
}

/* Odd keys have deadlines: those policies take them and stop, the others take all. */
static void test_right_keys(void **state)
{
    (void)state;
    for (int policy = 0; policy < EVICT_COUNT; policy++) {
        struct keyspace *ks = keyspace(4);
        keyspace_set_access(ks, (struct access_config){evict_policy_is_lfu(policy), 10, 1});
        bool only_volatile = policy <= EVICT_VOLATILE_TTL;
        for (int i = 0; i < 100; i++) put(ks, 1 + 2 * (i % 4 / 2), i, i % 2 ? NOW_MS + i : -1);
        size_t taken = 0;
        int db, number;
        while ((number = take_patiently(ks, policy, &db)) != -1) {
            taken++;
            assert_true(!only_volatile || number % 2 == 1);
            assert_int_equal(db, 1 + 2 * (number % 4 / 2));
        }
        assert_int_equal(taken, policy == EVICT_NOEVICTION ? 0 : only_volatile ? 50 : 100);
        keyspace_free(ks);
    }
}

/* How many of the first half to go belong to the half that ought to go. */
static int good_choices(struct keyspace *ks, enum evict_policy policy, int keys)
{
    int good = 0, db;
    for (int i = 0; i < keys / 2; i++) good += take(ks, policy, &db) < keys / 2;
    return good;
}

static void test_oldest_go_first(void **state)
{
    (void)state;
    enum { KEYS = 1000 };
    for (int pass = 0; pass < 2; pass++) {
        struct keyspace *ks = keyspace(2);
        for (int i = 0; i < KEYS; i++) {
            struct entry *e = put(ks, i % 2, i, pass ? NOW_MS + 100000 - i : -1);
            keyspace_touch(ks, e, NOW_MS - (int64_t)(KEYS - i) * 1000);
        }
        int good = good_choices(ks, pass ? EVICT_VOLATILE_LRU : EVICT_ALLKEYS_LRU, KEYS);
        assert_true(good > KEYS / 2 * 85 / 100); /* half of them would be chance */
        keyspace_free(ks);
    }
}

static void test_seldom_used_go_first(void **state)
{
    (void)state;
    enum { KEYS = 1000 };
    struct keyspace *ks = keyspace(1);
    keyspace_set_access(ks, (struct access_config){true, 0, 0});
    for (int i = 0; i < KEYS; i++) {
        struct entry *e = put(ks, 0, i, -1);
        for (int k = 0; k < i / 5; k++) keyspace_touch(ks, e, NOW_MS);
    }
    assert_true(good_choices(ks, EVICT_ALLKEYS_LFU, KEYS) > KEYS / 2 * 85 / 100);
    keyspace_free(ks);
}

static void test_nearest_deadline_goes_first(void **state)
{
    (void)state;
    enum { KEYS = 500 };
    struct keyspace *ks = keyspace(2);
    int db;
    for (int i = KEYS - 1; i >= 0; i--) put(ks, i % 2, i, NOW_MS + 1000 * (i + 1));
    for (int i = 0; i < KEYS; i++) assert_int_equal(take(ks, EVICT_VOLATILE_TTL, &db), i);
    assert_int_equal(take(ks, EVICT_VOLATILE_TTL, &db), -1);
    keyspace_free(ks);
}

static void test_random_takes_any(void **state)
{
    (void)state;
    struct keyspace *ks = keyspace(3);
    int first[3] = {0}, db;
    for (int i = 0; i < 300; i++) put(ks, i % 3, i, -1);
    for (int i = 0; i < 90; i++) {
        take(ks, EVICT_ALLKEYS_RANDOM, &db);
        first[db]++;
    }
    for (int i = 0; i < 3; i++) assert_true(first[i] > 10);
    keyspace_free(ks);
}

/* One key with a deadline among many without, its items among thousands of stale ones. */
static void find_the_needle(enum evict_policy policy)
{
    enum { KEYS = 30000, STALE = 7000 };
    struct keyspace *ks = keyspace(1);
    int db;
    for (int i = 0; i < KEYS; i++) put(ks, 0, i, -1);
    for (int i = 0; i < STALE; i++) drop(ks, 0, put(ks, 0, KEYS + i, NOW_MS + 1000 + i));
    put(ks, 0, KEYS + STALE, NOW_MS + 100000);
    assert_int_equal(take_patiently(ks, policy, &db), KEYS + STALE);
    assert_int_equal(take(ks, policy, &db), -1);
    keyspace_free(ks);
}

static void test_few_among_stale_items(void **state)
{
    (void)state;
    find_the_needle(EVICT_VOLATILE_LRU);
    find_the_needle(EVICT_VOLATILE_RANDOM);
    find_the_needle(EVICT_VOLATILE_TTL);
}

/* The pool remembers keys by hash: one that is gone, or has lost its deadline, is passed over. */
static void test_pool_forgets(void **state)
{
    (void)state;
    struct keyspace *ks = keyspace(1);
    struct entry *kept[20];
    int db;
    for (int i = 0; i < 20; i++) {
        kept[i] = put(ks, 0, i, NOW_MS + 1000);
        keyspace_touch(ks, kept[i], NOW_MS - 1000 * (20 - i));
    }
    assert_true(take(ks, EVICT_VOLATILE_LRU, &db) >= 0); /* the pool is full of others now */
    int left = 0;
    for (int i = 0; i < 20; i++) {
        char room[32];
        struct slice key = slice_of(room, (size_t)snprintf(room, sizeof room, "key:%d", i));
        struct place p = keyspace_find(ks, 0, key);
        if (!p.entry) continue;
        if (i < 19) keyspace_update(ks, &p, entry_set_deadline(keyspace_edit(ks, &p), -1));
        left += entry_deadline(p.entry) >= 0;
    }
    assert_int_equal(left, 1);
    assert_int_equal(take_patiently(ks, EVICT_VOLATILE_LRU, &db), 19);
    assert_int_equal(take(ks, EVICT_VOLATILE_LRU, &db), -1);
    keyspace_free(ks);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : 20251122;
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_keys),
        cmocka_unit_test(test_oldest_go_first),
        cmocka_unit_test(test_seldom_used_go_first),
        cmocka_unit_test(test_nearest_deadline_goes_first),
        cmocka_unit_test(test_random_takes_any),
        cmocka_unit_test(test_few_among_stale_items),
        cmocka_unit_test(test_pool_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
