#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/value/lcs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;

/* The model: the classical table. */
enum { LEN_MAX = 300 };
static unsigned table[LEN_MAX + 1][LEN_MAX + 1];

static void fill_table(struct slice a, struct slice b)
{
    for (size_t i = 1; i <= a.len; i++)
        for (size_t j = 1; j <= b.len; j++) {
            unsigned up = table[i - 1][j], left = table[i][j - 1];
            table[i][j] = a.at[i - 1] == b.at[j - 1] ? table[i - 1][j - 1] + 1
                          : up > left                ? up
                                                     : left;
        }
}

static void expect_path(const struct lcs *l, struct slice a, struct slice b)
{
    struct lcs_walk w = lcs_walk(l);
    struct lcs_run run;
    size_t i = a.len, j = b.len, total = 0;
    while (lcs_next_run(l, &w, &run)) {
        while (a.at[i - 1] != b.at[j - 1]) {
            if (table[i - 1][j] > table[i][j - 1])
                i--;
            else
                j--;
        }
        assert_true(run.len > 0);
        assert_int_equal(run.a + run.len, i);
        assert_int_equal(run.b + run.len, j);
        assert_memory_equal(a.at + run.a, b.at + run.b, run.len);
        i = run.a, j = run.b;
        assert_true(i == 0 || j == 0 || a.at[i - 1] != b.at[j - 1]);
        total += run.len;
    }
    assert_int_equal(total, table[a.len][b.len]);
    assert_false(lcs_next_run(l, &w, &run));
}

static void test_against_the_table(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    for (int round = 0; round < 600; round++) {
        uint64_t letters = 1 + random_below(&r, random_below(&r, 2) ? 4 : 256);
        size_t bound = random_below(&r, 4) ? 70 : LEN_MAX;
        struct slice s[2];
        for (int k = 0; k < 2; k++) {
            size_t len = random_below(&r, bound + 1);
            char *bytes = malloc(len ? len : 1);
            for (size_t i = 0; i < len; i++) bytes[i] = (char)random_below(&r, letters);
            s[k] = slice_of(bytes, len);
        }
        fill_table(s[0], s[1]);
        struct lcs l;
        assert_int_equal(lcs_init(&l, s[0], s[1], false), 0);
        assert_int_equal(l.len, table[s[0].len][s[1].len]);
        lcs_fini(&l);
        assert_int_equal(lcs_init(&l, s[0], s[1], true), 0);
        assert_int_equal(l.len, table[s[0].len][s[1].len]);
        expect_path(&l, s[0], s[1]);
        lcs_fini(&l);
        free((void *)s[0].at);
        free((void *)s[1].at);
    }
}

static void test_nothing_in_common(void **state)
{
    (void)state;
    struct lcs l;
    size_t before = mem_used();
    assert_int_equal(lcs_init(&l, SLICE("ab"), SLICE(""), true), 0);
    assert_int_equal(l.len, 0);
    lcs_fini(&l);
    assert_int_equal(lcs_init(&l, SLICE("ab"), SLICE("cd"), true), 0);
    struct lcs_walk w = lcs_walk(&l);
    struct lcs_run run;
    assert_false(lcs_next_run(&l, &w, &run));
    lcs_fini(&l);
    assert_int_equal(mem_used(), before);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_the_table),
        cmocka_unit_test(test_nothing_in_common),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
