/* Entries against a model that keeps every part by itself: all shapes, and memory to the byte. */
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/keyspace/entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t seed;

static const size_t key_lengths[] = {0, 1, 16, 255, 256, 70000};
static const size_t value_lengths[] = {0, 1, 44, 45, 254, 255, 256, 511, 512, 513, 4096, 1 << 20};

enum {
    KEY_LENGTHS = sizeof key_lengths / sizeof *key_lengths,
    VALUE_LENGTHS = sizeof value_lengths / sizeof *value_lengths,
};

/* ---- the model ---- */

struct model {
    char *key, *value;
    size_t key_len, value_len;
    enum string_encoding encoding;
    int64_t deadline; /* -1: none */
    uint32_t access;
};

static char *fresh_bytes(struct random *r, size_t len)
{
    char *bytes = malloc(len + 1);
    for (size_t i = 0; i < len; i++) bytes[i] = (char)(i < 64 ? random_u64(r) : 'a' + i % 26);
    return bytes;
}

static void set_bytes(char **at, size_t *len, char *bytes, size_t bytes_len)
{
    free(*at);
    *at = bytes;
    *len = bytes_len;
}

static void model_free(struct model *m)
{
    free(m->key);
    free(m->value);
}

static void expect_entry(const struct entry *e, const struct model *m)
{
    assert_true(entry_has_key(e, slice_of(m->key, m->key_len)));
    struct slice value = entry_string(e);
    assert_int_equal(value.len, m->value_len);
    assert_memory_equal(value.at, m->value, m->value_len);
    assert_true(entry_deadline(e) == m->deadline);
    assert_int_equal(entry_encoding(e), m->encoding);
    assert_int_equal(entry_type(e), TYPE_STRING);
    assert_int_equal(entry_access(e), m->access);
}

/* ---- the shapes ---- */

static struct slice some(size_t len, char byte)
{
    static char bytes[2 << 20];
    memset(bytes, byte, len);
    return slice_of(bytes, len);
}

static void test_shapes(void **state)
{
    (void)state;
    char *key = malloc(70000);
    memset(key, 'k', 70000);
    for (int k = 0; k < KEY_LENGTHS; k++)
        for (int v = 0; v < VALUE_LENGTHS; v++)
            for (int64_t deadline = -1; deadline < 2; deadline++) {
                size_t before = mem_used();
                struct slice name = slice_of(key, key_lengths[k]);
                struct slice value = some(value_lengths[v], 'v');
                struct entry *e = entry_new_string(name, value, STRING_RAW, deadline);
                assert_true(slice_equal(entry_key(e), name));
                assert_true(slice_equal(entry_string(e), value));
                assert_true(entry_deadline(e) == deadline);
                assert_int_equal(mem_used() - before, entry_bytes(e));
                entry_free(e);
                assert_int_equal(mem_used(), before);
            }
    free(key);
}

/* What the head of entry.h says of the common case. */
static void test_small_is_small(void **state)
{
    (void)state;
    struct entry *e = entry_new_string(some(16, 'k'), SLICE("1"), STRING_INT, 1);
    assert_int_equal(entry_bytes(e), 32);
    entry_free(e);
}

/* A string that is made long at once takes what it needs and some room, not twice its size. */
static void test_long_string_takes_what_it_needs(void **state)
{
    (void)state;
    enum { LONG = 64 << 20 };
    struct entry *e = entry_new_string(SLICE("k"), SLICE("v"), STRING_RAW, -1);
    e = entry_resize_string(e, LONG, STRING_RAW);
    assert_true(entry_bytes(e) < LONG + (LONG / 8));
    assert_int_equal(entry_string(e).len, LONG);
    assert_int_equal(entry_string(e).at[0], 'v');
    assert_int_equal(entry_string(e).at[LONG - 1], 0);
    entry_free(e);
}

/* Appending byte by byte moves the bytes seldom: the room doubles, and then grows by megabytes. */
static void test_growth_is_amortised(void **state)
{
    (void)state;
    struct entry *e = entry_new_string(SLICE("k"), SLICE(""), STRING_RAW, -1);
    size_t moved = 0, had = 0;
    for (size_t len = 1; len <= 1 << 20; len++) {
        e = entry_resize_string(e, len, STRING_RAW);
        entry_string_bytes(e)[len - 1] = 'x';
        size_t bytes = entry_bytes(e);
        if (len > STRING_INLINE_MAX && bytes != had) moved++;
        had = bytes;
    }
    assert_true(moved < 20);
    struct slice s = entry_string(e);
    for (size_t i = 0; i < s.len; i++) assert_int_equal(s.at[i], 'x');
    entry_free(e);
}

/* A command whose result is empty may have no bytes at all to point to. */
static void test_empty_value_without_bytes(void **state)
{
    (void)state;
    struct slice none = {0};
    struct entry *e = entry_new_string(none, none, STRING_RAW, -1);
    e = entry_set_string(e, none, STRING_RAW, -1);
    e = entry_set_string(e, none, STRING_RAW, 5);
    assert_int_equal(entry_string(e).len, 0);
    assert_int_equal(entry_key(e).len, 0);
    entry_free(e);
}

/* ---- at random ---- */

static int64_t some_deadline(struct random *r)
{
    return random_below(r, 2) ? -1 : (int64_t)random_below(r, INT64_MAX);
}

static struct entry *start(struct random *r, struct model *m)
{
    *m = (struct model){.key_len = key_lengths[random_below(r, KEY_LENGTHS)],
                        .value_len = value_lengths[random_below(r, VALUE_LENGTHS)],
                        .encoding = (enum string_encoding)random_below(r, 3),
                        .deadline = some_deadline(r)};
    m->key = fresh_bytes(r, m->key_len);
    m->value = fresh_bytes(r, m->value_len);
    return entry_new_string(slice_of(m->key, m->key_len), slice_of(m->value, m->value_len),
                            m->encoding, m->deadline);
}

static struct entry *set_string(struct random *r, struct entry *e, struct model *m)
{
    /* Half of the time a value of the same length, which takes the way in place. */
    size_t len = random_below(r, 2) ? m->value_len : value_lengths[random_below(r, VALUE_LENGTHS)];
    set_bytes(&m->value, &m->value_len, fresh_bytes(r, len), len);
    m->encoding = (enum string_encoding)random_below(r, 3);
    m->deadline = some_deadline(r);
    return entry_set_string(e, slice_of(m->value, len), m->encoding, m->deadline);
}

static struct entry *resize(struct random *r, struct entry *e, struct model *m)
{
    size_t len = value_lengths[random_below(r, VALUE_LENGTHS)];
    char *bytes = calloc(1, len + 1);
    memcpy(bytes, m->value, len < m->value_len ? len : m->value_len);
    set_bytes(&m->value, &m->value_len, bytes, len);
    m->encoding = STRING_RAW;
    e = entry_resize_string(e, len, STRING_RAW);
    if (len) {
        size_t at = random_below(r, len);
        entry_string_bytes(e)[at] = m->value[at] = 'w';
    }
    return e;
}

static struct entry *rename_entry(struct random *r, struct entry *e, struct model *m)
{
    size_t len = key_lengths[random_below(r, KEY_LENGTHS)];
    set_bytes(&m->key, &m->key_len, fresh_bytes(r, len), len);
    return entry_take_renamed(e, slice_of(m->key, len));
}

static struct entry *swap_for_copy(struct random *r, struct entry *e, struct model *m)
{
    size_t len = key_lengths[random_below(r, KEY_LENGTHS)];
    char *key = fresh_bytes(r, len);
    struct entry *copy = entry_copy(e, slice_of(key, len), NULL);
    expect_entry(e, m); /* the original stays as it was */
    set_bytes(&m->key, &m->key_len, key, len);
    entry_free(e);
    return copy;
}

static struct entry *step(struct random *r, struct entry *e, struct model *m)
{
    switch (random_below(r, 7)) {
    case 0: return set_string(r, e, m);
    case 1:
    case 2: return resize(r, e, m);
    case 3: return rename_entry(r, e, m);
    case 4: return swap_for_copy(r, e, m);
    case 5:
        m->access = (uint32_t)random_below(r, 1 << 24);
        entry_set_access(e, m->access);
        return e;
    default: m->deadline = some_deadline(r); return entry_set_deadline(e, m->deadline);
    }
}

static void test_random(void **state)
{
    (void)state;
    enum { LIVES = 60, STEPS = 60 };
    struct random r;
    random_init(&r, seed);
    size_t before = mem_used();
    for (int life = 0; life < LIVES; life++) {
        struct model m;
        struct entry *e = start(&r, &m);
        for (int i = 0; i < STEPS; i++) {
            expect_entry(e, &m);
            assert_int_equal(mem_used() - before, entry_bytes(e));
            e = step(&r, e, &m);
        }
        expect_entry(e, &m);
        entry_free(e);
        assert_int_equal(mem_used(), before);
        model_free(&m);
    }
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : 20251122;
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_small_is_small),
        cmocka_unit_test(test_long_string_takes_what_it_needs),
        cmocka_unit_test(test_growth_is_amortised),
        cmocka_unit_test(test_empty_value_without_bytes),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
