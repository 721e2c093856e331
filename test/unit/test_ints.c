#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/ds/ints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;

/* Numbers about the borders of the widths, each with few neighbours, so that they meet again. */
static int64_t any_number(struct random *random, unsigned widths)
{
    static const int64_t borders[] = {0,         INT16_MIN,        INT16_MAX,       INT32_MIN,
                                      INT32_MAX, INT64_MIN + 1000, INT64_MAX - 1000};
    static const unsigned counts[] = {1, 3, 5, 7};
    int64_t from = borders[random_below(random, counts[widths])];
    return from + (int64_t)random_below(random, 200) - 100;
}

/* The same as a sorted array. */
struct model {
    int64_t numbers[4000];
    size_t count;
};

static size_t model_place(const struct model *m, int64_t number)
{
    size_t i = 0;
    while (i < m->count && m->numbers[i] < number) i++;
    return i;
}

static bool model_has(const struct model *m, int64_t number)
{
    size_t i = model_place(m, number);
    return i < m->count && m->numbers[i] == number;
}

static void model_add(struct model *m, int64_t number)
{
    size_t i = model_place(m, number);
    memmove(&m->numbers[i + 1], &m->numbers[i], (m->count++ - i) * sizeof *m->numbers);
    m->numbers[i] = number;
}

static void model_remove(struct model *m, int64_t number)
{
    size_t i = model_place(m, number);
    memmove(&m->numbers[i], &m->numbers[i + 1], (--m->count - i) * sizeof *m->numbers);
}

static void compare(const struct ints *s, const struct model *m, size_t before)
{
    assert_int_equal(ints_count(s), m->count);
    for (size_t i = 0; i < m->count; i++) assert_int_equal(ints_at(s, i), m->numbers[i]);
    assert_true(ints_is_sound(ints_slice(s)));
    assert_int_equal(mem_used() - before, mem_cost(ints_bytes(s)));
}

static void test_against_model(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, seed);
    for (unsigned widths = 0; widths < 4; widths++) {
        static struct model m;
        size_t before = mem_used();
        struct ints *s = ints_new();
        bool changed;
        m.count = 0;
        for (int step = 0; step < 6000; step++) {
            int64_t number = any_number(&random, widths);
            bool had = model_has(&m, number);
            assert_int_equal(ints_has(s, number), had);
            if (random_below(&random, 100) < (step % 2000 < 1000 ? 70 : 30)) {
                s = ints_add(s, number, &changed);
                assert_int_equal(changed, !had);
                if (!had) model_add(&m, number);
            } else {
                s = ints_remove(s, number, &changed);
                assert_int_equal(changed, had);
                if (had) model_remove(&m, number);
            }
            if (step % 50 == 0) compare(s, &m, before);
        }
        compare(s, &m, before);
        ints_free(s);
        assert_int_equal(mem_used(), before);
    }
}

static void expect_bytes(const struct ints *s, const char *bytes, size_t len)
{
    assert_int_equal(ints_bytes(s), len);
    assert_memory_equal(ints_slice(s).at, bytes, len);
}

/* As Redis 7.0 has them in DUMP. */
static void test_bytes(void **state)
{
    (void)state;
    bool changed;
    struct ints *s = ints_new();
    expect_bytes(s, "\2\0\0\0\0\0\0\0", 8);
    s = ints_add(s, 3, &changed);
    s = ints_add(s, -1, &changed);
    expect_bytes(s, "\2\0\0\0\2\0\0\0\xff\xff\3\0", 12);
    s = ints_add(s, 65536, &changed);
    expect_bytes(s, "\4\0\0\0\3\0\0\0\xff\xff\xff\xff\3\0\0\0\0\0\1\0", 20);
    s = ints_remove(s, 65536, &changed); /* the width stays */
    expect_bytes(s, "\4\0\0\0\2\0\0\0\xff\xff\xff\xff\3\0\0\0", 16);
    struct ints *copy = ints_copy(s);
    expect_bytes(copy, ints_slice(s).at, ints_bytes(s));
    ints_free(s);
    ints_free(copy);
}

static void test_soundness(void **state)
{
    (void)state;
#define SOUND(text) ints_is_sound(slice_of(text, sizeof(text) - 1))
    assert_true(SOUND("\2\0\0\0\0\0\0\0"));
    assert_true(SOUND("\2\0\0\0\2\0\0\0\xff\xff\0\0"));
    assert_true(SOUND("\x8\0\0\0\1\0\0\0\1\2\3\4\5\6\7\x8"));
    assert_false(SOUND(""));
    assert_false(SOUND("\2\0\0\0\0\0\0"));
    assert_false(SOUND("\3\0\0\0\0\0\0\0"));
    assert_false(SOUND("\2\0\0\0\1\0\0\0"));
    assert_false(SOUND("\2\0\0\0\1\0\0\0\1"));
    assert_false(SOUND("\2\0\0\0\1\0\0\0\1\0\0"));
    assert_false(SOUND("\2\0\0\0\2\0\0\0\1\0\1\0"));         /* twice the same */
    assert_false(SOUND("\2\0\0\0\2\0\0\0\0\0\xff\xff"));     /* descending */
    assert_false(SOUND("\2\0\0\0\xff\xff\xff\xff\0\0\1\0")); /* many more than there are */
    assert_false(SOUND("\x8\0\0\0\0\0\0\x20"));              /* times 8, that is 0 in 32 bits */
}

int main(void)
{
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_soundness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
