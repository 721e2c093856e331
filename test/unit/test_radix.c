/* The radix tree, against a plain array. */
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/ds/radix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct random dice;

enum { KEYS = 400, KEY_MAX = 12 };

static struct key {
    char bytes[KEY_MAX];
    size_t len;
    bool stored;
} keys[KEYS];

static struct slice key_slice(const struct key *k)
{
    return slice_of(k->bytes, k->len);
}

/* Short keys of few letters share prefixes; all bytes occur now and then. */
static void draw_key(struct key *k)
{
    k->len = random_below(&dice, KEY_MAX + 1);
    for (size_t i = 0; i < k->len; i++)
        k->bytes[i] = (char)(random_below(&dice, 8) ? 'a' + random_below(&dice, 2)
                                                    : random_below(&dice, 256));
}

static struct key *stored_key(struct slice name)
{
    for (int i = 0; i < KEYS; i++)
        if (keys[i].stored && slice_equal(key_slice(&keys[i]), name)) return &keys[i];
    return NULL;
}

static void compare_with_keys(const struct radix *r, struct slice text)
{
    bool touches = false;
    struct radix_walk w = radix_walk(r, text);
    for (size_t len = 0; len <= text.len; len++) {
        struct key *k = stored_key(slice_of(text.at, len));
        if (!k) continue;
        touches = true;
        assert_ptr_equal(radix_walk_next(&w), k);
        assert_int_equal(w.len, len);
    }
    assert_null(radix_walk_next(&w));
    for (int i = 0; i < KEYS; i++)
        touches |= keys[i].stored && slice_starts_with(key_slice(&keys[i]), text);
    assert_int_equal(radix_touches(r, text), touches);
    assert_ptr_equal(radix_find(r, text), stored_key(text));
}

static void test_radix_like_array(void **state)
{
    (void)state;
    struct radix r = {0};
    memset(keys, 0, sizeof keys);
    for (int round = 0; round < 30000; round++) {
        struct key *k = &keys[random_below(&dice, KEYS)];
        if (k->stored) {
            assert_ptr_equal(radix_remove(&r, key_slice(k)), k);
            k->stored = false;
        } else {
            draw_key(k);
            struct key *same = stored_key(key_slice(k));
            if (same) {
                assert_ptr_equal(*radix_put(&r, key_slice(k)), same);
                continue;
            }
            assert_null(radix_remove(&r, key_slice(k)));
            *radix_put(&r, key_slice(k)) = k;
            k->stored = true;
        }
        if (round % 16 == 0) radix_check(&r);
        struct key text;
        draw_key(&text);
        compare_with_keys(&r, key_slice(&text));
    }
    for (int i = 0; i < KEYS; i++)
        if (keys[i].stored) assert_ptr_equal(radix_remove(&r, key_slice(&keys[i])), &keys[i]);
    assert_null(r.root);
    assert_int_equal(r.count, 0);
    assert_int_equal(r.bytes, 0);
}

/* A node with every byte as a child, grown and emptied again. */
static void test_radix_full_node(void **state)
{
    (void)state;
    struct radix r = {0};
    int values[256];
    for (int i = 0; i < 256; i++) {
        char key[2] = {'x', (char)i};
        *radix_put(&r, slice_of(key, 2)) = &values[i];
    }
    radix_check(&r);
    for (int i = 0; i < 256; i++) {
        char key[2] = {'x', (char)i};
        assert_ptr_equal(radix_find(&r, slice_of(key, 2)), &values[i]);
        assert_ptr_equal(radix_remove(&r, slice_of(key, 2)), &values[i]);
        radix_check(&r);
    }
    assert_int_equal(r.bytes, 0);
}

static int no_leak(void **state)
{
    (void)state;
    return mem_used() == 0 ? 0 : -1;
}

int main(void)
{
    const char *seed = getenv("SEED");
    uint64_t n = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)n);
    random_init(&dice, n);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_radix_like_array, no_leak),
        cmocka_unit_test_teardown(test_radix_full_node, no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
