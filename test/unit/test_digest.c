/* The digest of data: what makes it differ, and what must not. */
#include "../../src/base/hash.h"
#include "../../src/server/digest.h"

#include "../../src/keyspace/change.h"
#include "../../src/value/fields.h"
#include "../../src/value/list.h"
#include "../../src/value/set.h"
#include "../../src/value/zset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { NOW_MS = 1000000 };

static struct keyspace *new_keyspace(unsigned char secret_byte)
{
    unsigned char secret[HASH_SECRET_SIZE];
    for (size_t i = 0; i < sizeof secret; i++) secret[i] = (unsigned char)(secret_byte * i + i);
    return keyspace_new(4, secret, secret_byte);
}

static void put(struct keyspace *ks, int db, const char *key, const char *value, int64_t deadline)
{
    struct place p = keyspace_find(ks, db, slice_text(key));
    if (p.entry) entry_free(keyspace_remove(ks, &p));
    struct slice bytes = slice_text(value);
    keyspace_insert(ks, &p,
                    entry_new_string(slice_text(key), bytes, string_encoding_of(bytes), deadline));
}

static const char *digest_of(struct keyspace *ks)
{
    static char text[8][DIGEST_TEXT_SIZE];
    static int next;
    struct digester *d = digester_new();
    char *to = text[next++ % 8];
    digest_text(digest_keyspace(d, ks, NOW_MS), to);
    digester_free(d);
    return to;
}

static void test_empty_is_zero(void **state)
{
    (void)state;
    struct keyspace *ks = new_keyspace(1);
    assert_string_equal(digest_of(ks), "0000000000000000000000000000000000000000");
    keyspace_free(ks);
}

/* The same keys in other order, under another hash secret, with detours. */
static void test_the_way_does_not_matter(void **state)
{
    (void)state;
    enum { KEYS = 5000 };
    struct keyspace *a = new_keyspace(3), *b = new_keyspace(7);
    char key[32], value[32];
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "key:%d", i);
        snprintf(value, sizeof value, "value:%d", i * 7);
        put(a, i % 4, key, value, i % 3 ? -1 : NOW_MS + 1 + i);
    }
    for (int i = KEYS - 1; i >= 0; i--) {
        snprintf(key, sizeof key, "key:%d", i);
        snprintf(value, sizeof value, "value:%d", i * 7);
        put(b, i % 4, key, "something else", -1);
        put(b, i % 4, key, value, i % 3 ? -1 : NOW_MS + 77); /* which deadline does not count */
    }
    put(b, 0, "dead", "but not put away yet", NOW_MS);
    const char *both = digest_of(a);
    assert_string_equal(both, digest_of(b));
    put(b, 1, "key:1", "value:8", -1);
    assert_string_not_equal(both, digest_of(b));
    keyspace_free(a);
    keyspace_free(b);
}

static void test_every_part_matters(void **state)
{
    (void)state;
    static const struct row {
        int db;
        const char *key, *value;
        int64_t deadline;
    } rows[] = {
        {0, "key", "value", -1}, {1, "key", "value", -1},         {0, "kez", "value", -1},
        {0, "key", "valuf", -1}, {0, "key", "value", NOW_MS + 1}, {0, "keyv", "alue", -1},
        {0, "value", "key", -1},
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    char text[ROWS][DIGEST_TEXT_SIZE];
    for (int i = 0; i < ROWS; i++) {
        struct keyspace *ks = new_keyspace(5);
        put(ks, rows[i].db, rows[i].key, rows[i].value, rows[i].deadline);
        memcpy(text[i], digest_of(ks), DIGEST_TEXT_SIZE);
        keyspace_free(ks);
        for (int j = 0; j < i; j++) assert_string_not_equal(text[i], text[j]);
    }
}

/* ---- values of other types ---- */

static const char *digest_of_value(struct value v)
{
    static char text[16][DIGEST_TEXT_SIZE];
    static int next;
    struct digester *d = digester_new();
    struct entry *e = entry_new_value(SLICE("k"), v, -1);
    char *to = text[next++ % 16];
    digest_text(digest_value(d, e), to);
    entry_free(e);
    digester_free(d);
    return to;
}

static struct value_config config; /* of the defaults, or of tables only */
static const unsigned char secret[HASH_SECRET_SIZE] = {1};

static struct value list_of(const char *texts)
{
    struct value v = list_new();
    for (const char *at = texts; *at; at++) {
        struct slice text = slice_of(at, 1);
        list_push(&v, LIST_RIGHT, &text, 1, &config);
    }
    return v;
}

static struct value set_of(const char *texts)
{
    struct value v = set_new();
    for (const char *at = texts; *at; at++) set_add(&v, slice_of(at, 1), &config);
    return v;
}

/* Scores are the places, from `first` on. */
static struct value zset_of(const char *texts, double first)
{
    struct value v = zset_new();
    for (const char *at = texts; *at; at++) zset_add(&v, first++, slice_of(at, 1), &config);
    return v;
}

static struct value hash_of(const char *pairs, int64_t deadline)
{
    struct value v = fields_new();
    for (const char *at = pairs; *at; at += 2)
        fields_set(&v, slice_of(at, 1), slice_of(at + 1, 1), false, &config);
    if (deadline >= 0) fields_set_deadline(&v, slice_of(pairs, 1), deadline);
    return v;
}

static void test_values(void **state)
{
    (void)state;
    struct value_config packed = value_config_default(secret), tables = packed;
    tables.set_max_listpack_entries = tables.set_max_intset_entries = 0;
    tables.zset_max_listpack_entries = tables.hash_max_listpack_entries = 0;
    config = packed;
    const char *list = digest_of_value(list_of("ab")), *set = digest_of_value(set_of("abc"));
    const char *zset = digest_of_value(zset_of("abc", 1)),
               *hash = digest_of_value(hash_of("axby", -1));
    const char *timed = digest_of_value(hash_of("axby", 5));
    assert_string_not_equal(list, digest_of_value(list_of("ba")));
    assert_string_not_equal(list, digest_of_value(set_of("ab")));
    assert_string_not_equal(set, digest_of_value(set_of("ab")));
    assert_string_not_equal(zset, digest_of_value(zset_of("abc", 2)));
    assert_string_not_equal(zset, digest_of_value(zset_of("bac", 1)));
    assert_string_not_equal(hash, digest_of_value(hash_of("aybx", -1)));
    assert_string_not_equal(hash, timed);
    config = tables; /* other forms and another order of the same */
    assert_string_equal(set, digest_of_value(set_of("cba")));
    assert_string_equal(zset, digest_of_value(zset_of("abc", 1)));
    assert_string_equal(hash, digest_of_value(hash_of("byax", -1)));
    assert_string_equal(timed, digest_of_value(hash_of("axby", 7))); /* which does not count */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_is_zero),
        cmocka_unit_test(test_the_way_does_not_matter),
        cmocka_unit_test(test_every_part_matters),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
