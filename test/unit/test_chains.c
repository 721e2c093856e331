/* The table of links, against a plain array. */
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/base/slice.h"
#include "../../src/ds/chains.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct random dice;

struct item {
    struct chain_link link;
    bool in;
};

enum { ITEMS = 3000 };

static void compare_chains(const struct chains *t, const struct item *items)
{
    size_t count = 0;
    for (struct chain_link *l = NULL; (l = chains_each(t, l)); count++)
        assert_true(((struct item *)l)->in);
    assert_int_equal(count, t->count);
    for (int i = 0; i < ITEMS; i++) {
        struct chain_link *l = chains_first(t, items[i].link.hash);
        while (l && l != &items[i].link) l = chain_next(l);
        assert_int_equal(l != NULL, items[i].in);
    }
}

/* Some hashes occur several times. The target count swings, so the table grows and shrinks. */
static void test_chains(void **state)
{
    (void)state;
    struct chains t = {0};
    static struct item items[ITEMS];
    for (int i = 0; i < ITEMS; i++)
        items[i].link.hash = random_below(&dice, 4) ? random_u64(&dice) : random_below(&dice, 50);
    for (int round = 0; round < 60000; round++) {
        struct item *item = &items[random_below(&dice, ITEMS)];
        bool want = random_below(&dice, 10) < (round / 6000 % 2 ? 1 : 9);
        if (want && !item->in)
            chains_add(&t, &item->link, item->link.hash);
        else if (!want && item->in)
            chains_remove(&t, &item->link);
        item->in = want;
        if (round % 3000 == 0) compare_chains(&t, items);
    }
    for (int i = 0; i < ITEMS; i++)
        if (items[i].in) {
            chains_remove(&t, &items[i].link);
            assert_true(t.len <= 2 * t.count + 8);
            assert_true(t.cap <= 4 * t.len);
        }
    assert_int_equal(t.count, 0);
    assert_null(t.heads);
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
        cmocka_unit_test_teardown(test_chains, no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
