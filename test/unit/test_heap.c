/* The heap against a plain list of numbers: random adding, moving and removing. */
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/ds/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NODES = 500, STEPS = 100000 };

static void test_against_a_list(void **state)
{
    (void)state;
    static struct heap_node nodes[NODES];
    size_t before = mem_used();
    struct heap heap = {0};
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 1;
    struct random random;
    random_init(&random, seed);
    printf("SEED=%llu\n", (unsigned long long)seed);
    for (int step = 0; step < STEPS; step++) {
        struct heap_node *n = &nodes[random_below(&random, NODES)];
        /* Now and then mostly growing, then mostly shrinking. */
        if (n->at && random_below(&random, 10) < (step / 5000 % 2 ? 8u : 3u))
            heap_remove(&heap, n);
        else if (!n->at)
            heap_add(&heap, n, (int64_t)random_below(&random, 200) - 100);
        const struct heap_node *least = NULL;
        size_t count = 0;
        for (size_t i = 0; step % 7 == 0 && i < NODES; i++) {
            if (!nodes[i].at) continue;
            count++;
            assert_ptr_equal(heap.nodes[nodes[i].at - 1], &nodes[i]);
            if (!least || nodes[i].key < least->key) least = &nodes[i];
        }
        if (step % 7) continue;
        assert_int_equal(heap.count, count);
        if (least) assert_int_equal(heap_first(&heap)->key, least->key);
    }
    int64_t last = INT64_MIN;
    while (heap.count) {
        struct heap_node *n = heap_first(&heap);
        assert_true(n->key >= last);
        last = n->key;
        heap_remove(&heap, n);
        heap_remove(&heap, n); /* once more does nothing */
    }
    assert_null(heap_first(&heap));
    heap_fini(&heap);
    assert_int_equal(mem_used(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_a_list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
