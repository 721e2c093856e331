#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/ds/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;

/* The model: a universe of entries, each in the table or not. ------------------------------------
 */

struct entry {
    _Alignas(16) uint64_t hash;
    bool in;        /* the table must have it */
    bool all_along; /* it has been in since the scan began */
    uint32_t seen;  /* by the scan */
    uint32_t freed;
};

struct world {
    struct table table;
    struct random random;
    struct entry **entries;
    size_t universe, count, hash_calls;
    uint64_t cursor; /* of the scan that goes on */
    uint64_t scan_from, scan_to;
    size_t scans;
};

static uint64_t hash_of(void *ctx, const void *entry)
{
    ((struct world *)ctx)->hash_calls++;
    return ((const struct entry *)entry)->hash;
}

static uint64_t place_of(const struct world *w, const struct entry *e)
{
    return table_place(&w->table, e->hash);
}

enum hashes { GOOD, FEW, CROWDED_HIGH, CROWDED_LOW, EQUAL, TOP_BITS_ONLY, HASHES };

static uint64_t make_hash(struct random *r, enum hashes kind)
{
    uint64_t h = random_u64(r);
    switch (kind) {
    case FEW: return hash_u64(1 + h % 50);
    case CROWDED_HIGH: return UINT64_MAX - h % 1000;
    case CROWDED_LOW: return h % 1000;
    case EQUAL: return UINT64_C(0x0123456789abcdef);
    case TOP_BITS_ONLY: return h & UINT64_C(0xffff) << 48;
    default: return h;
    }
}

static struct world *world_new(size_t universe, enum hashes kind, bool restless)
{
    struct world *w = calloc(1, sizeof *w);
    random_init(&w->random, seed + universe * 10 + kind);
    w->universe = universe;
    w->entries = calloc(universe, sizeof(struct entry *));
    for (size_t i = 0; i < universe; i++) {
        w->entries[i] = aligned_alloc(16, sizeof(struct entry));
        *w->entries[i] = (struct entry){.hash = make_hash(&w->random, kind)};
    }
    if (kind == GOOD) w->entries[0]->hash = 0;
    if (kind == GOOD && universe > 1) w->entries[1]->hash = UINT64_MAX;
    table_init(&w->table, hash_of, w);
    w->table.restless = restless;
    w->table.order = 1; /* so that the hashes crowd as they are meant to */
    return w;
}

static void world_free(struct world *w)
{
    table_fini(&w->table);
    for (size_t i = 0; i < w->universe; i++) free(w->entries[i]);
    free(w->entries);
    free(w);
}

static void put(struct world *w, struct entry *e)
{
    table_slot *slot = table_insert(&w->table, e->hash, e);
    assert_ptr_equal(table_slot_entry(slot), e);
    e->in = true;
    w->count++;
}

static void take(struct world *w, struct entry *e)
{
    table_slot *slot = table_find_entry(&w->table, e->hash, e);
    assert_non_null(slot);
    table_erase(&w->table, slot, e->hash);
    e->in = e->all_along = false;
    e->seen = 0;
    w->count--;
}

static void look(struct world *w, struct entry *e)
{
    table_prefetch(&w->table, e->hash);
    table_prefetch_entries(&w->table, e->hash);
    table_slot *slot = table_find_entry(&w->table, e->hash, e);
    if (e->in) {
        assert_non_null(slot);
        assert_ptr_equal(table_slot_entry(slot), e);
    } else {
        assert_null(slot);
    }
}

/* The entry moves to another address, as one that was resized. */
static void move_entry(struct world *w, size_t i)
{
    struct entry *old = w->entries[i], *new = aligned_alloc(16, sizeof *new);
    *new = *old;
    w->entries[i] = new;
    if (old->in) table_slot_replace(table_find_entry(&w->table, old->hash, old), new);
    free(old);
}

static void find_prefix(struct world *w, uint32_t prefix)
{
    void *out[8];
    size_t expected = 0, found = table_find_prefix(&w->table, prefix, out, 8);
    for (size_t i = 0; i < w->universe; i++)
        expected += w->entries[i]->in && place_of(w, w->entries[i]) >> 32 == prefix;
    assert_int_equal(found, expected);
    for (size_t i = 0; i < found && i < 8; i++) {
        assert_int_equal(place_of(w, out[i]) >> 32, prefix);
        assert_true(((struct entry *)out[i])->in);
        for (size_t j = 0; j < i; j++) assert_ptr_not_equal(out[i], out[j]);
    }
}

static void see(void *ctx, void *entry)
{
    struct world *w = ctx;
    struct entry *e = entry;
    assert_true(e->in);
    assert_true(place_of(w, e) >> 16 >= w->scan_from);
    if (e->seen++ != 0) fail_msg("entry seen twice");
    if (w->scan_to) assert_true(place_of(w, e) >> 16 < w->scan_to);
}

static void begin_scan(struct world *w)
{
    w->cursor = 0;
    for (size_t i = 0; i < w->universe; i++) {
        w->entries[i]->seen = 0;
        w->entries[i]->all_along = w->entries[i]->in;
    }
}

static void scan_some(struct world *w, size_t max_buckets)
{
    w->scan_from = w->cursor;
    w->cursor = table_scan(&w->table, w->cursor, max_buckets, see, w);
    assert_true(w->cursor == 0 || w->cursor > w->scan_from);
    uint64_t upto = w->cursor ? w->cursor : UINT64_C(1) << 48;
    for (size_t i = 0; i < w->universe; i++) {
        struct entry *e = w->entries[i];
        bool covered = place_of(w, e) >> 16 < upto;
        if (!covered) assert_int_equal(e->seen, 0);
        if (covered && e->all_along) assert_int_equal(e->seen, 1);
    }
    if (w->cursor) return;
    w->scans++;
    begin_scan(w);
}

/* Random operations; the table swells and ebbs. */
static void churn(struct world *w, size_t operations)
{
    bool swelling = true;
    begin_scan(w);
    for (size_t i = 0; i < operations; i++) {
        size_t which = random_below(&w->random, w->universe);
        struct entry *e = w->entries[which];
        look(w, e);
        uint64_t dice = random_below(&w->random, 100);
        if (!e->in && dice < (swelling ? 90 : 20))
            put(w, e);
        else if (e->in && dice < (swelling ? 20 : 90))
            take(w, e);
        if (dice % 10 == 0) move_entry(w, which);
        if (dice == 1) table_step(&w->table, random_below(&w->random, 20));
        if (dice == 2) find_prefix(w, (uint32_t)(place_of(w, e) >> 32));
        if (dice < 5) scan_some(w, random_below(&w->random, 3));
        if (dice == 6) table_check(&w->table);
        if (random_below(&w->random, w->universe * 2) == 0) swelling = !swelling;
        assert_int_equal(table_count(&w->table), w->count);
    }
    table_check(&w->table);
    for (size_t i = 0; i < w->universe; i++) look(w, w->entries[i]);
}

static void test_churn(void **state)
{
    (void)state;
    static const size_t universes[] = {5, 60, 700};
    for (int restless = 0; restless < 2; restless++) {
        for (int kind = 0; kind < HASHES; kind++) {
            for (int u = 0; u < 3; u++) {
                size_t before = mem_used();
                struct world *w = world_new(universes[u], kind, restless);
                churn(w, 6000);
                world_free(w);
                assert_int_equal(mem_used(), before);
            }
        }
    }
}

/* Enough entries for arrays of pages, and for homes that follow from the slots. */
static void test_churn_large(void **state)
{
    (void)state;
    size_t before = mem_used();
    struct world *w = world_new(120000, GOOD, false);
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < w->universe; i++) {
            struct entry *e = w->entries[random_below(&w->random, w->universe)];
            bool in = random_below(&w->random, 100) < (round % 2 ? 3 : 97);
            if (in && !e->in) put(w, e);
            if (!in && e->in) take(w, e);
            if (i % 20000 == 0) table_check(&w->table);
        }
        for (size_t i = 0; i < w->universe; i++) look(w, w->entries[i]);
        begin_scan(w);
        do scan_some(w, 4000);
        while (w->cursor);
        for (int i = 0; i < 100; i++) find_prefix(w, (uint32_t)(place_of(w, w->entries[i]) >> 32));
    }
    assert_int_equal(w->scans, 4);
    world_free(w);
    assert_int_equal(mem_used(), before);
}

static void test_empty(void **state)
{
    (void)state;
    struct world *w = world_new(3, GOOD, false);
    void *out[1];
    size_t before = mem_used();
    look(w, w->entries[0]);
    look(w, w->entries[1]);
    table_prefetch_entries(&w->table, 77);
    assert_int_equal(table_scan(&w->table, 0, 10, see, w), 0);
    assert_int_equal(table_scan(&w->table, 12345, 10, see, w), 0);
    assert_int_equal(table_find_prefix(&w->table, 0, out, 1), 0);
    assert_null(table_random(&w->table, &w->random));
    assert_false(table_step(&w->table, 5));
    assert_true(table_clear(&w->table, NULL, NULL, 5));
    assert_int_equal(table_bytes(&w->table), 0);
    assert_int_equal(mem_used(), before);
    table_check(&w->table);
    world_free(w);
}

/* Assigning the struct moves the content. */
static void test_assign(void **state)
{
    (void)state;
    struct world *w = world_new(40, GOOD, true);
    for (size_t i = 0; i < 20; i++) put(w, w->entries[i]);
    struct table moved = w->table;
    table_init(&w->table, hash_of, w);
    assert_null(table_find_entry(&w->table, w->entries[3]->hash, w->entries[3]));
    table_check(&w->table);
    w->table = moved;
    for (size_t i = 20; i < 40; i++) put(w, w->entries[i]);
    for (size_t i = 0; i < 40; i++) look(w, w->entries[i]);
    table_check(&w->table);
    world_free(w);
}

static void test_reserve(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 6, 7, 1000, 100000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct world *w = world_new(counts[i] + 1, GOOD, false);
        table_reserve(&w->table, counts[i]);
        size_t buckets = table_buckets(&w->table);
        for (size_t k = 0; k < counts[i]; k++) {
            put(w, w->entries[k]);
            assert_int_equal(table_buckets(&w->table), buckets); /* it need not grow */
        }
        assert_true(buckets <= counts[i] / 6 + 2);
        table_check(&w->table);
        table_reserve(&w->table, 1000000); /* it is not empty any more: nothing happens */
        assert_int_equal(table_buckets(&w->table), buckets);
        churn(w, 1000);
        world_free(w);
    }
}

/* Entries that are never touched: a number times 16 stands for one. -----------------------------
 */

static uint64_t number_hash(void *ctx, const void *entry)
{
    ++*(size_t *)ctx;
    return hash_u64((uintptr_t)entry * UINT64_C(0x9e3779b97f4a7c15) + 1);
}

static void *number_entry(size_t i)
{
    return (void *)(uintptr_t)((i + 1) * 16);
}

struct line {
    void **at;
    size_t len;
};

static void line_up(void *ctx, void *entry)
{
    struct line *l = ctx;
    l->at[l->len++] = entry;
}

/* Inserts them as they stand, as cheaply as if they stood in no order. */
static void insert_line(struct table *t, size_t *asked, const struct line *l)
{
    size_t before = *asked, unused = 0;
    for (size_t i = 0; i < l->len; i++) {
        table_insert(t, number_hash(&unused, l->at[i]), l->at[i]);
        assert_true(*asked - before <= 8 * i + 1000);
    }
    table_check(t);
}

/* What was walked in one table goes into another one, and back into the first when that was
 * emptied, whichever way. */
static void test_walked_is_inserted(void **state)
{
    (void)state;
    enum { N = 30000 };
    struct table a, b;
    size_t asked = 0, unused = 0;
    struct line walked = {calloc(N, sizeof(void *)), 0}, all = {calloc(N, sizeof(void *)), N};
    for (size_t i = 0; i < N; i++) all.at[i] = number_entry(i);
    table_init(&a, number_hash, &asked);
    table_init(&b, number_hash, &asked);
    assert_true(a.order % 2 && b.order % 2 && a.order != b.order);
    a.order = 1; /* the same costs each time */
    b.order = UINT64_C(0x9e3779b97f4a7c15);
    insert_line(&a, &asked, &all);
    for (int round = 0; round < 4; round++) {
        walked.len = 0;
        assert_int_equal(table_scan(&a, 0, SIZE_MAX, line_up, &walked), 0);
        assert_int_equal(walked.len, N);
        insert_line(&b, &asked, &walked);
        for (size_t i = 0; i < N && round == 0; i++) {
            uint64_t hash = number_hash(&unused, walked.at[i]);
            table_erase(&a, table_find_entry(&a, hash, walked.at[i]), hash);
        }
        if (round == 1) table_fini(&a);
        if (round == 2) assert_true(table_clear(&a, NULL, NULL, SIZE_MAX));
        if (round == 3) {
            struct table moved = a;
            table_renew(&a);
            table_fini(&moved);
        }
        insert_line(&a, &asked, &walked);
        table_fini(&b);
    }
    table_fini(&a);
    free(walked.at);
    free(all.at);
}

/* Buckets between an entry and its home. */
static size_t distance(const struct table *t, const void *entry, uint64_t hash)
{
    const char *slot = (const char *)table_find_entry(t, hash, entry);
    assert_non_null(slot);
    return (size_t)(slot - (const char *)table_home(t, table_place(t, hash))) / 64;
}

/* What is left of many, all at one end, is drawn as evenly. */
static void test_random_of_few_that_are_left(void **state)
{
    (void)state;
    enum { N = 400000, PARTS = 20, PART = 75, LEFT = PARTS * PART, DRAWS = 400 };
    struct line walked = {calloc(N, sizeof(void *)), 0};
    struct random random;
    struct table t;
    size_t asked = 0, unused = 0, drawn[PARTS] = {0};
    random_init(&random, seed);
    table_init(&t, number_hash, &asked);
    for (size_t i = 0; i < N; i++)
        table_insert(&t, number_hash(&unused, number_entry(i)), number_entry(i));
    assert_int_equal(table_scan(&t, 0, SIZE_MAX, line_up, &walked), 0);
    for (size_t i = 0; i < N - LEFT; i++) {
        uint64_t hash = number_hash(&unused, walked.at[i]);
        table_erase(&t, table_find_entry(&t, hash, walked.at[i]), hash);
    }
    asked = 0;
    for (size_t i = 0; i < PARTS * DRAWS; i++) {
        const void *entry = table_random(&t, &random);
        size_t at = N - LEFT;
        while (walked.at[at] != entry) assert_true(++at < N);
        drawn[(at - (N - LEFT)) / PART]++;
    }
    for (size_t i = 0; i < PARTS; i++) assert_in_range(drawn[i], DRAWS - 140, DRAWS + 140);
    assert_true(asked > 0); /* they were counted */
    table_fini(&t);
    free(walked.at);
}

/* Entries that go in the order of a walk, and come back in it while others stay, are never far from
 * home; walks do not stop at what is empty, and at the end no memory is left. */
static void test_in_the_order_of_a_walk(void **state)
{
    (void)state;
    enum { N = 200000 };
    static const int all_but[] = {0, N / 1000, N / 10, N / 2};
    size_t asked = 0, unused = 0, before = mem_used();
    struct line walked = {calloc(N, sizeof(void *)), 0}, all = {calloc(N, sizeof(void *)), N};
    struct table t;
    for (size_t i = 0; i < N; i++) all.at[i] = number_entry(i);
    table_init(&t, number_hash, &asked);
    t.order = 1; /* the same costs each time */
    insert_line(&t, &asked, &all);
    for (size_t round = 0; round < sizeof all_but / sizeof *all_but; round++) {
        size_t gone = (size_t)(N - all_but[round]), far = 0, steps = 0;
        walked.len = 0;
        assert_int_equal(table_scan(&t, 0, SIZE_MAX, line_up, &walked), 0);
        for (size_t i = 0; i < gone; i++) {
            uint64_t hash = number_hash(&unused, walked.at[i]);
            far += distance(&t, walked.at[i], hash);
            table_erase(&t, table_find_entry(&t, hash, walked.at[i]), hash);
            if (i % 20000 == 0) table_check(&t);
        }
        assert_true(far < 20 * gone);
        struct line left = {calloc(N, sizeof(void *)), 0};
        uint64_t cursor = 0;
        do cursor = table_scan_count(&t, cursor, 10, line_up, &left), steps++;
        while (cursor);
        assert_int_equal(left.len, all_but[round]);
        assert_true(steps <= left.len + 2000);
        free(left.at);
        far = 0;
        for (size_t i = 0; i < gone; i++) {
            table_insert(&t, number_hash(&unused, walked.at[i]), walked.at[i]);
            far += t.far;
            if (i % 20000 == 0) table_check(&t);
        }
        table_check(&t);
        assert_true(far < 20 * gone);
        assert_true(table_bytes(&t) < (size_t)N * 40);
    }
    for (size_t i = 0; i < N; i++) {
        uint64_t hash = number_hash(&unused, all.at[i]);
        table_erase(&t, table_find_entry(&t, hash, all.at[i]), hash);
    }
    assert_true(table_bytes(&t) < 4096);
    table_fini(&t);
    free(walked.at);
    free(all.at);
    assert_int_equal(mem_used(), before);
}

static void test_random_is_fair(void **state)
{
    (void)state;
    enum { N = 300, DRAWS = 200 };
    struct world *w = world_new(N, GOOD, true);
    for (size_t i = 0; i < N; i++) put(w, w->entries[i]);
    for (int i = 0; i < N * DRAWS; i++) {
        if (i % 1000 == 0) table_step(&w->table, 1);
        ((struct entry *)table_random(&w->table, &w->random))->seen++;
    }
    for (size_t i = 0; i < N; i++) {
        /* Seven standard deviations of 14 around 200. */
        assert_in_range(w->entries[i]->seen, DRAWS - 100, DRAWS + 100);
    }
    for (size_t i = 1; i < N; i++) take(w, w->entries[i]);
    assert_ptr_equal(table_random(&w->table, &w->random), w->entries[0]);
    world_free(w);
}

static void free_entry(void *ctx, void *entry)
{
    (void)ctx;
    ((struct entry *)entry)->freed++;
}

static void test_clear_in_slices(void **state)
{
    (void)state;
    for (int restless = 0; restless < 2; restless++) {
        for (size_t size = 1; size < 60000; size *= 9) {
            size_t before = mem_used();
            struct world *w = world_new(size, GOOD, restless);
            for (size_t i = 0; i < size; i++) put(w, w->entries[i]);
            size_t full = table_bytes(&w->table), last = table_count(&w->table), calls = 1;
            assert_int_equal(mem_used() - before, full);
            while (!table_clear(&w->table, free_entry, NULL, 50)) {
                assert_true(table_count(&w->table) <= last);
                assert_true(last - table_count(&w->table) <= 350);
                assert_int_equal(mem_used() - before, table_bytes(&w->table));
                last = table_count(&w->table);
                calls++;
            }
            assert_true(calls >= size / 350);
            for (size_t i = 0; i < size; i++) assert_int_equal(w->entries[i]->freed, 1);
            assert_int_equal(table_count(&w->table), 0);
            assert_int_equal(mem_used(), before);
            for (size_t i = 0; i < size; i++) w->entries[i]->in = false;
            w->count = 0;
            put(w, w->entries[0]);
            look(w, w->entries[0]);
            world_free(w);
        }
    }
}

static void add_to_sum(void *ctx, void *entry)
{
    *(uint64_t *)ctx += (uintptr_t)entry / 16;
}

/* Bytes an entry, the work of each call, and no peak, all the way up and down. */
static void test_costs(void **state)
{
    (void)state;
    enum { N = 1000000 };
    struct table t;
    size_t asked = 0, asked_max = 0, unused = 0, before = mem_used();
    double bytes_sum = 0, bytes_max = 0;
    table_init(&t, number_hash, &asked);
    t.order = 1; /* the same costs each time */
    for (size_t i = 0; i < N; i++) {
        size_t asked_before = asked;
        uint64_t hash = number_hash(&unused, number_entry(i));
        table_insert(&t, hash, number_entry(i));
        if (asked - asked_before > asked_max) asked_max = asked - asked_before;
        double bytes = (double)table_bytes(&t) / (double)table_count(&t);
        if (i >= N / 2) bytes_sum += bytes;
        if (i >= N / 4 && bytes > bytes_max) bytes_max = bytes;
    }
    print_message(
        "bytes an entry: %.2f on average, %.2f at most; hashes asked for: %.2f an insert, "
        "%zu at most\n",
        bytes_sum / (N - N / 2), bytes_max, (double)asked / N, asked_max);
    assert_true(bytes_sum / (N - N / 2) < 11.5);
    assert_true(bytes_max < 12.1);
    assert_true(asked_max < 600);
    table_check(&t);
    assert_int_equal(mem_used() - before, table_bytes(&t));

    uint64_t cursor = 0, sum = 0;
    do cursor = table_scan(&t, cursor, 100, add_to_sum, &sum);
    while (cursor);
    assert_int_equal(sum, (uint64_t)N * (N + 1) / 2);

    size_t peak = table_bytes(&t);
    for (size_t i = 0; i < N; i++) {
        uint64_t hash = number_hash(&unused, number_entry(i));
        table_slot *slot = table_find_entry(&t, hash, number_entry(i));
        assert_non_null(slot);
        table_erase(&t, slot, hash);
        assert_true(table_bytes(&t) <= peak + 4 * MEM_PAGE);
        if (i % 100000 == 0) table_check(&t);
    }
    assert_true(table_bytes(&t) < 4096);
    table_fini(&t);
    assert_int_equal(mem_used(), before);
}

int main(void)
{
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_churn),
        cmocka_unit_test(test_churn_large),
        cmocka_unit_test(test_assign),
        cmocka_unit_test(test_walked_is_inserted),
        cmocka_unit_test(test_in_the_order_of_a_walk),
        cmocka_unit_test(test_random_of_few_that_are_left),
        cmocka_unit_test(test_random_is_fair),
        cmocka_unit_test(test_clear_in_slices),
        cmocka_unit_test(test_costs),
        cmocka_unit_test(test_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
