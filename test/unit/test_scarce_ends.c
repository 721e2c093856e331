/* Whatever needs memory that it cannot do without ends the process when there is none, by the
 * documented words and exit code: each allocation of each structure at work. */
#include "random_commands.h"
#include "random_values.h"
#include "scarce.h"

#include "../../src/ds/chains.h"
#include "../../src/ds/heap.h"
#include "../../src/ds/ints.h"
#include "../../src/ds/map.h"
#include "../../src/ds/ordered.h"
#include "../../src/ds/packed.h"
#include "../../src/ds/radix.h"
#include "../../src/ds/table.h"
#include "../../src/ds/wheel.h"
#include "../../src/value/hll.h"

#include <time.h>

static uint64_t seed;
static struct random dice;
static const unsigned char secret[HASH_SECRET_SIZE] = "the tests' own secret";

/* Does the work, in which at least so many allocations fail, and which leaves nothing behind. */
static void run(void (*work)(void), unsigned every, unsigned long ends_min)
{
    size_t before = mem_used();
    random_init(&dice, seed);
    scarce_begin(every);
    work();
    unsigned long ends = scarce_end();
    assert_int_equal(mem_used(), before);
    assert_in_range(ends, ends_min, 100000);
}

/* ---- src/ds ---- */

static void chains_work(void)
{
    enum { LINKS = 500 };
    static struct chain_link links[LINKS];
    struct chains t = {0};
    for (int i = 0; i < LINKS; i++) chains_add(&t, &links[i], random_u64(&dice));
    for (int i = 0; i < LINKS; i++) chains_remove(&t, &links[i]);
    chains_fini(&t);
}

static void heap_work(void)
{
    enum { NODES = 500 };
    struct heap_node nodes[NODES] = {{0}};
    struct heap heap = {0};
    for (int i = 0; i < NODES; i++) heap_add(&heap, &nodes[i], (int64_t)random_u64(&dice) >> 1);
    while (heap.count) heap_remove(&heap, heap_first(&heap));
    heap_fini(&heap);
}

static void ints_work(void)
{
    struct ints *s = ints_new();
    bool changed;
    for (int step = 0; step < 150; step++) {
        int64_t n = (int64_t)(random_u64(&dice) >> (random_below(&dice, 3) ? 58 : 1));
        s = random_below(&dice, 3) ? ints_add(s, n, &changed) : ints_remove(s, n, &changed);
    }
    struct ints *same = ints_copy(s), *read = ints_from(ints_slice(s));
    ints_free(read);
    ints_free(same);
    ints_free(s);
}

static struct slice some_text(void)
{
    static char bytes[RANDOM_TEXT_MAX];
    return random_text(&dice, bytes);
}

static void map_work(void)
{
    struct map m;
    map_init(&m, secret);
    for (int step = 0; step < 200; step++) {
        struct slice name = slice_from(some_text(), 0);
        struct map_item *item = map_find(&m, name);
        if (item && random_below(&dice, 2))
            map_erase(&m, item);
        else
            map_insert(&m, name, NULL);
    }
    map_fini(&m);
}

static struct slice text_of_item(const void *item)
{
    return slice_of(item, sizeof(uint64_t));
}

static void ordered_work(void)
{
    enum { ITEMS = 1500 };
    static uint64_t items[ITEMS];
    struct ordered o;
    ordered_init(&o, text_of_item);
    for (size_t i = 0; i < ITEMS; i++) {
        items[i] = random_u64(&dice);
        ordered_insert(&o, (double)(i % 7), &items[i]);
    }
    for (size_t i = 0; i < ITEMS; i++) ordered_rescore(&o, (double)(i % 7), &items[i], (double)i);
    ordered_remove_range(&o, 0, ITEMS, NULL, NULL);
}

static void packed_work(void)
{
    struct packed *p = packed_new();
    for (int step = 0; step < 200; step++) {
        size_t count = packed_count(p);
        packed_at at = count ? packed_nth(p, (int64_t)random_below(&dice, count)) : PACKED_NONE;
        switch (at ? random_below(&dice, 6) : 0) {
        case 0: p = packed_append(p, some_text()); break;
        case 1: p = packed_prepend(p, some_text()); break;
        case 2: p = packed_insert(p, at, some_text()); break;
        case 3: p = packed_replace(p, at, some_text()); break;
        case 4: p = packed_append_int(p, (int64_t)random_u64(&dice)); break;
        default: p = packed_remove(p, at, 1);
        }
    }
    struct packed *copy = packed_copy(p), *read = packed_from(packed_slice(p));
    p = packed_join(p, copy);
    packed_free(read);
    packed_free(copy);
    packed_free(p);
}

static void radix_work(void)
{
    enum { KEYS = 120 };
    struct radix r = {0};
    char keys[KEYS][8];
    for (int i = 0; i < KEYS; i++) {
        snprintf(keys[i], sizeof keys[i], "%x", (unsigned)random_below(&dice, 1u << 24));
        *radix_put(&r, slice_text(keys[i])) = keys[i];
    }
    for (int i = 0; i < KEYS; i++) radix_remove(&r, slice_text(keys[i]));
}

static uint64_t hash_of_entry(void *ctx, const void *entry)
{
    (void)ctx;
    return *(const uint64_t *)entry;
}

static void leave_entry(void *ctx, void *entry)
{
    (void)ctx;
    (void)entry;
}

static void table_work(void)
{
    enum { ENTRIES = 20000 };
    struct entry_of_table {
        _Alignas(16) uint64_t hash;
    };
    static struct entry_of_table entries[ENTRIES];
    struct table t;
    table_init(&t, hash_of_entry, NULL);
    for (int i = 0; i < ENTRIES; i++) {
        entries[i].hash = random_u64(&dice);
        table_insert(&t, entries[i].hash, &entries[i]);
    }
    while (!table_clear(&t, leave_entry, NULL, 1000)) continue;
    table_reserve(&t, 1 << 20); /* of pages */
    table_fini(&t);
}

static void wheel_work(void)
{
    enum { DUE = 64 };
    struct wheel_due due[DUE];
    struct wheel w;
    int64_t now = 1750000000123;
    bool more;
    wheel_init(&w, now);
    for (int step = 0; step < 2000; step++) {
        wheel_add(&w, (uint32_t)step, now + (int64_t)(random_u64(&dice) >> (28 + step % 30)));
        if (step % 20 == 0) wheel_collect_due(&w, now += step, due, DUE, &more);
    }
    wheel_fini(&w);
}

static void test_structures(void **state)
{
    (void)state;
    run(chains_work, 1, 5);
    run(heap_work, 1, 5);
    run(ints_work, 1, 60);
    run(map_work, 1, 60);
    run(ordered_work, 1, 40);
    run(packed_work, 1, 100);
    run(radix_work, 1, 100);
    run(table_work, 1, 5);
    run(wheel_work, 4, 30);
}

/* ---- src/value ---- */

static struct value_config config;
static enum value_type type;

/* Made by changes, copied, written, read and freed. */
static void value_work(void)
{
    const struct value_kind *kind = value_kind(type);
    struct value v = random_value(&dice, type, 40, &config), same = kind->copy(&v, &config), read;
    struct buffer whole = {0}, parts = {0};
    kind->encode(&v, &whole);
    struct value_progress p = {0};
    while (!kind->encode_some(&v, &p, 100, &parts)) continue;
    assert_true(slice_equal(buffer_slice(&whole), buffer_slice(&parts)));
    struct slice rest = buffer_slice(&whole);
    assert_true(kind->decode(&rest, &config, &read));
    buffer_fini(&whole);
    buffer_fini(&parts);
    value_free(&v);
    value_free(&same);
    value_free(&read);
}

static void hll_work(void)
{
    struct buffer b = {0}, other = {0};
    struct hll_registers registers = {{0}};
    hll_new(&b);
    hll_new(&other);
    for (int i = 0; i < 2000; i++) {
        hll_add(&b, hll_mark_of(some_text()), 500);
        hll_add(&other, hll_mark_of(some_text()), 3000);
    }
    hll_merge(&registers, buffer_slice(&b));
    hll_raise(&other, &registers, 3000);
    hll_make_dense(&other);
    buffer_fini(&b);
    buffer_fini(&other);
}

static void pending_work(void)
{
    struct pending p = {0};
    for (int i = 0; i < 2000; i++) {
        struct event_id id = {random_below(&dice, 700) + 1, 0};
        struct pending_entry e = {.id = id, .delivered_ms = i, .deliveries = 1, .consumer = 3};
        if (random_below(&dice, 3))
            pending_put(&p, &e);
        else
            pending_remove(&p, id);
    }
    struct pending copy = pending_copy(&p);
    pending_settle(&p);
    pending_fini(&copy);
    pending_fini(&p);
}

static void test_values(void **state)
{
    (void)state;
    for (int small = 0; small < 2; small++) {
        config = value_config_default(secret);
        if (small) { /* limits, so that all values take the other form soon */
            config.list_max_listpack_size = 3;
            config.list_compress_depth = 1;
            config.set_max_intset_entries = config.set_max_listpack_entries = 4;
            config.zset_max_listpack_entries = config.hash_max_listpack_entries = 4;
            config.stream_node_max_entries = 3;
        }
        for (type = TYPE_LIST; type < TYPE_COUNT; type++) run(value_work, 1, 20);
    }
    run(hll_work, 1, 8);
    run(pending_work, 8, 30);
}

/* ---- all of it: commands, the gate, records ---- */

static void commands_work(void)
{
    struct runner r;
    runner_init(&r);
    struct writer w = {.r = &r, .values = true, .random = dice};
    for (int step = 0; step < 1200; step++) {
        run_record(&w);
        pass_time(&w);
    }
    arena_fini(&w.arena);
    runner_fini(&r);
}

static void test_commands(void **state)
{
    (void)state;
    run(commands_work, 61, 50);
}

int main(void)
{
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structures),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
