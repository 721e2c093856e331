#include "../../src/base/err.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/value/hll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;

/* A mark of an element, or one of few registers, so that runs meet and join. */
static struct hll_mark any_mark(struct random *random, unsigned around)
{
    uint64_t element = random_u64(random);
    struct hll_mark m = hll_mark_of(slice_of(&element, sizeof element));
    if (element % 3) m.index = (around + (unsigned)random_below(random, 12)) % HLL_REGISTERS;
    if (element % 5) m.rank = 1 + (unsigned)random_below(random, 3);
    return m;
}

static void check_registers(const struct buffer *b, const struct hll_registers *model)
{
    struct hll_registers are = {{0}};
    uint64_t count;
    assert_true(hll_is_one(buffer_slice(b)));
    assert_int_equal(hll_merge(&are, buffer_slice(b)), 0);
    assert_memory_equal(&are, model, sizeof are);
    assert_int_equal(hll_count(buffer_slice(b), &count), 0);
    assert_int_equal(count, hll_count_registers(model));
}

static void grow_against_model(struct random *random)
{
    struct hll_registers model = {{0}};
    struct buffer b = {0};
    size_t sparse_max = random_below(random, 4) ? random_below(random, 4000) : SIZE_MAX;
    unsigned around = (unsigned)random_below(random, HLL_REGISTERS);
    hll_new(&b);
    assert_int_equal(b.len, HLL_EMPTY_BYTES);
    for (int i = 0; i < 1500; i++) {
        struct hll_mark m = any_mark(random, around);
        bool raises = model.at[m.index] < m.rank;
        assert_int_equal(hll_add(&b, m, sparse_max), raises);
        if (raises) model.at[m.index] = (uint8_t)m.rank;
        if (random_below(random, 100) == 0) around = (unsigned)random_below(random, HLL_REGISTERS);
        if (i % 97 == 0) check_registers(&b, &model);
    }
    check_registers(&b, &model);
    assert_int_equal(hll_make_dense(&b), 0);
    check_registers(&b, &model);
    buffer_fini(&b);
}

static void test_against_model(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, seed);
    size_t before = mem_used();
    for (int i = 0; i < 40; i++) grow_against_model(&random);
    assert_int_equal(mem_used(), before);
}

/* Raising all registers at once gives the bytes that raising one after the other does, for which
 * all runs are read from the start each time. */
static void test_raise(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, seed);
    for (int round = 0; round < 40; round++) {
        struct hll_registers to = {{0}};
        struct buffer a = {0}, b = {0};
        size_t sparse_max = random_below(&random, 2) ? 3000 : 100000;
        hll_new(&a);
        for (uint64_t i = random_below(&random, 600); i > 0; i--)
            hll_add(&a, any_mark(&random, (unsigned)i), sparse_max);
        buffer_add_slice(&b, buffer_slice(&a));
        for (uint64_t i = random_below(&random, 800); i > 0; i--) {
            struct hll_mark m = any_mark(&random, (unsigned)i * 7);
            to.at[m.index] = (uint8_t)m.rank;
        }
        assert_int_equal(hll_raise(&a, &to, sparse_max), 0);
        for (unsigned i = 0; i < HLL_REGISTERS; i++)
            if (to.at[i]) hll_add(&b, (struct hll_mark){i, to.at[i]}, sparse_max);
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.at, b.at, a.len);
        buffer_fini(&a);
        buffer_fini(&b);
    }
}

/* Whatever is done to its bytes: an error, or a value that goes on to be one. */
static void test_damage(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, seed);
    for (int round = 0; round < 3000; round++) {
        struct buffer b = {0};
        struct hll_registers all = {{0}};
        uint64_t count;
        hll_new(&b);
        for (int i = 0; i < 60; i++) hll_add(&b, any_mark(&random, 100), 3000);
        for (uint64_t i = random_below(&random, 4); i > 0; i--)
            b.at[HLL_HEAD_BYTES + random_below(&random, b.len - HLL_HEAD_BYTES)] =
                (char)random_u64(&random);
        if (random_below(&random, 3) == 0) b.len -= 1 + random_below(&random, 3);
        bool sound = hll_merge(&all, buffer_slice(&b)) == 0;
        assert_int_equal(hll_count(buffer_slice(&b), &count) == 0, sound);
        assert_true(hll_add(&b, any_mark(&random, 100), 3000) >= 0 || !sound);
        assert_true((hll_make_dense(&b) == 0) == sound || hll_is_dense(buffer_slice(&b)));
        buffer_fini(&b);
    }
}

/* Numbers and bytes that Redis has for the same elements. */
static void test_as_redis(void **state)
{
    (void)state;
    struct buffer b = {0}, text = {0};
    uint64_t count;
    hll_new(&b);
    assert_memory_equal(b.at, "HYLL\1\0\0\0\0\0\0\0\0\0\0\0\x7f\xff", HLL_EMPTY_BYTES);
    for (const char *c = "abcdefg"; *c; c++)
        assert_int_equal(hll_add(&b, hll_mark_of(slice_of(c, 1)), 3000), 1);
    assert_int_equal(hll_describe(buffer_slice(&b), &text), 0);
    buffer_add_byte(&text, 0);
    assert_string_equal(text.at, "Z:1646 v:1,1 Z:5645 v:1,1 Z:1085 v:2,1 z:57 v:1,1 Z:4274 v:2,1 "
                                 "Z:2445 v:1,1 Z:622 v:1,1 Z:603");
    assert_int_equal(hll_count(buffer_slice(&b), &count), 0);
    assert_int_equal(count, 7);
    assert_int_equal(hll_mark_of(SLICE("")).index, 5938);
    buffer_fini(&b);
    buffer_fini(&text);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_raise),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_as_redis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
