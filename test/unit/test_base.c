/* Memory and what is made of it: the running total, arenas, buffers, blocks. */
#include "../../src/base/arena.h"
#include "../../src/base/block.h"
#include "../../src/base/buffer.h"
#include "../../src/base/mem.h"
#include "../../src/io/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static size_t before;

static int set_up(void **state)
{
    (void)state;
    before = mem_used();
    return 0;
}

/* Every test gives back what it took, to the byte. */
static int tear_down(void **state)
{
    (void)state;
    return mem_used() != before;
}

static size_t taken(void)
{
    return mem_used() - before;
}

/* ---- memory ---- */

static void test_total(void **state)
{
    (void)state;
    void *none = mem_alloc(0);
    assert_non_null(none);
    assert_int_equal(taken(), 0);
    char *p = mem_zalloc(17);
    assert_int_equal(taken(), 32);
    assert_int_equal((uintptr_t)p % 16, 0);
    for (int i = 0; i < 17; i++) assert_int_equal(p[i], 0);
    p = mem_resize(p, 17, 1000);
    assert_int_equal(taken(), mem_cost(1000));
    p = mem_resize(p, 1000, 0);
    assert_int_equal(taken(), 0);
    mem_free(p, 0);
    p = mem_resize(NULL, 0, 5);
    assert_int_equal(taken(), 16);
    mem_free(p, 5);
    mem_free(none, 0);
    mem_free(NULL, 100);
#ifndef HARK_SYSTEM_MALLOC /* the sanitizers end the process instead */
    assert_null(mem_try_alloc(SIZE_MAX / 4));
#endif
    assert_int_equal(taken(), 0);
}

static void test_pages(void **state)
{
    (void)state;
    enum { LEN = 4 * MEM_PAGE };
    char *p = mem_map_pages(LEN);
    assert_int_equal(taken(), 0);
    p[0] = p[MEM_PAGE] = 'x';
    mem_use_pages(2 * MEM_PAGE);
    assert_int_equal(taken(), 2 * MEM_PAGE);
    mem_discard_pages(p, MEM_PAGE);
    assert_int_equal(taken(), MEM_PAGE);
    assert_int_equal(p[0], 0);
    assert_int_equal(p[MEM_PAGE], 'x');
    mem_unmap_pages(p, LEN, MEM_PAGE);
}

/* ---- arenas ---- */

/* Addresses stay, whatever else is taken, until the reset. */
static void test_arena(void **state)
{
    (void)state;
    enum { PIECES = 500 };
    struct arena a = {0};
    struct slice kept[PIECES];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < PIECES; i++) {
            char bytes[64];
            memset(bytes, i, sizeof bytes);
            kept[i] = arena_keep(&a, slice_of(bytes, (size_t)i % sizeof bytes));
            assert_int_equal(kept[i].len ? (uintptr_t)kept[i].at % 8 : 0, 0);
        }
        for (int i = 0; i < PIECES; i++)
            for (size_t k = 0; k < kept[i].len; k++) assert_int_equal(kept[i].at[k], (char)i);
        arena_reset(&a);
        assert_true(taken() > 0 && taken() <= 4096); /* one chunk for the next round */
    }
    arena_fini(&a);
    arena_fini(&a);
    assert_int_equal(taken(), 0);
}

static void test_arena_with_large_pieces(void **state)
{
    (void)state;
    struct arena a = {0};
    arena_reset(&a);
    char *small = arena_alloc(&a, 10);
    memset(small, 's', 10);
    char *large = arena_alloc(&a, 1 << 20);
    memset(large, 'l', 1 << 20);
    char *next = arena_alloc(&a, 10);
    memset(next, 'n', 10);
    assert_int_equal(small[9], 's');
    assert_int_equal(large[(1 << 20) - 1], 'l');
    arena_reset(&a);
    assert_true(taken() <= 4096); /* the large one is not kept */
    arena_alloc(&a, 1 << 20);
    arena_reset(&a);
    assert_int_equal(taken(), 0);
    arena_fini(&a);
}

/* ---- buffers ---- */

static void test_buffer(void **state)
{
    (void)state;
    struct buffer b = {0};
    buffer_add(&b, NULL, 0);
    assert_int_equal(b.cap, 0);
    for (int i = 0; i < 1000; i++) buffer_printf(&b, "%d,", i);
    assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4);
    assert_memory_equal(b.at, "0,1,2,", 6);
    assert_memory_equal(b.at + b.len - 8, "998,999,", 8);
    assert_int_equal(taken(), mem_cost(b.cap));
    buffer_drop_front(&b, b.len - 4);
    assert_true(slice_equal(buffer_slice(&b), SLICE("999,")));
    buffer_add_byte(&b, 0);
    buffer_add_slice(&b, SLICE("x"));
    assert_true(slice_equal(buffer_slice(&b), slice_of("999,\0x", 6)));
    buffer_drop_front(&b, 6);
    buffer_drop_front(&b, 0);
    assert_int_equal(b.len, 0);
    char *at = buffer_reserve(&b, 100000);
    memset(at, 'y', 100000);
    assert_true(b.cap >= 100000);
    buffer_fini(&b);
    buffer_fini(&b);
}

/* ---- blocks ---- */

static void test_block(void **state)
{
    (void)state;
    struct block *b = block_new(10);
    block_add(b, "abc", 3);
    assert_int_equal(block_room(b), 7);
    struct span span = {block_retain(b), 1, 2};
    block_add(b, "defghij", 7);
    assert_int_equal(block_room(b), 0);
    block_release(b);
    assert_true(taken() > 0);
    assert_memory_equal(span.block->bytes + span.from, "bc", 2);
    block_release(span.block);
    block_release(NULL);
}

/* Every snapshot has a thread of its own: there is no end to them. */
static void leave_some(void *ctx)
{
    char **to = ctx;
    *to = mem_alloc(1000);
}

static void test_memory_is_counted_however_many_threads_come_and_go(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        struct thread t;
        char *bytes;
        size_t had = mem_used();
        assert_int_equal(thread_start(&t, "test", leave_some, &bytes), 0);
        thread_join(&t);
        assert_int_equal(mem_used(), had + mem_cost(1000));
        mem_free(bytes, 1000);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_memory_is_counted_however_many_threads_come_and_go),
        TEST(test_total),
        TEST(test_pages),
        TEST(test_arena),
        TEST(test_arena_with_large_pieces),
        TEST(test_buffer),
        TEST(test_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
