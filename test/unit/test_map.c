#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/ds/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;
static unsigned char secret[HASH_SECRET_SIZE];

/* Name i: binary, with NUL bytes, of any length from 0 on. */
static struct slice name_of(size_t i, char bytes[32])
{
    if (i == 0) return slice_of("", 0);
    size_t len = 1 + i % 31;
    memset(bytes, 0, 32);
    bytes[0] = (char)i;
    if (len > 1) bytes[len - 1] = (char)(i >> 8);
    return slice_of(bytes, len);
}

/* Low byte and remainder by 31 tell all numbers below 256 * 31 apart. */
enum { NAMES = 700 };

static void test_against_model(void **state)
{
    (void)state;
    size_t before = mem_used();
    struct random random;
    random_init(&random, seed);
    struct map m;
    map_init(&m, secret);
    struct map_item *model[NAMES] = {NULL};
    size_t count = 0;
    char bytes[32];
    bool swelling = true;
    for (int step = 0; step < 60000; step++) {
        size_t i = random_below(&random, NAMES);
        struct slice name = name_of(i, bytes);
        assert_ptr_equal(map_find(&m, name), model[i]);
        assert_ptr_equal(map_value(&m, name), model[i] ? &model[i] : NULL);
        if (random_below(&random, 100) < (swelling ? 80 : 20)) {
            bool is_new;
            struct map_item *item = map_insert(&m, name, &is_new);
            assert_int_equal(is_new, !model[i]);
            if (model[i]) assert_ptr_equal(item, model[i]);
            if (is_new) assert_null(item->value);
            assert_true(slice_equal(map_item_name(item), name));
            item->value = &model[i];
            model[i] = item;
            count += is_new;
        } else if (model[i]) {
            assert_ptr_equal(map_erase(&m, model[i]), &model[i]);
            model[i] = NULL;
            count--;
        }
        assert_int_equal(map_count(&m), count);
        assert_int_equal(mem_used() - before, map_bytes(&m));
        if (step % 200 == 0) map_check(&m);
        if (random_below(&random, 3000) == 0) swelling = !swelling;
    }
    map_fini(&m);
    map_check(&m);
    assert_int_equal(mem_used(), before);
}

/* A walk downward meets each item once, whatever it erases on the way. */
static void test_walk_and_erase(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, seed);
    char bytes[32];
    for (unsigned part = 0; part <= 4; part++) {
        struct map m;
        map_init(&m, secret);
        size_t met[NAMES] = {0}, kept = 0;
        for (size_t i = 0; i < NAMES; i++) map_insert(&m, name_of(i, bytes), NULL)->value = &met[i];
        for (size_t i = map_count(&m); i-- > 0;) {
            struct map_item *item = map_at(&m, i);
            ++*(size_t *)item->value;
            if (random_below(&random, 4) < part)
                map_erase(&m, item);
            else
                kept++;
        }
        for (size_t i = 0; i < NAMES; i++) assert_int_equal(met[i], 1);
        assert_int_equal(map_count(&m), kept);
        map_check(&m);
        map_fini(&m);
    }
}

static void test_empty_costs_nothing(void **state)
{
    (void)state;
    size_t before = mem_used();
    struct map m;
    map_init(&m, secret);
    assert_null(map_find(&m, SLICE("x")));
    assert_int_equal(map_bytes(&m), 0);
    map_check(&m);
    struct map_item *item = map_insert(&m, SLICE("x"), NULL);
    assert_ptr_equal(map_insert(&m, SLICE("x"), NULL), item);
    assert_int_equal(map_count(&m), 1);
    struct map moved = m;
    assert_ptr_equal(map_find(&moved, SLICE("x")), item);
    map_erase(&moved, item);
    assert_int_equal(map_bytes(&moved), 0);
    assert_int_equal(mem_used(), before);
    map_fini(&moved);
}

int main(void)
{
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct random random;
    random_init(&random, seed);
    for (size_t i = 0; i < sizeof secret; i++) secret[i] = (unsigned char)random_u64(&random);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_costs_nothing),
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_walk_and_erase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
