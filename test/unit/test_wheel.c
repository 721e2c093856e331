#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/ds/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;

static const int64_t START = INT64_C(1750000000123);
static const int64_t YEAR = INT64_C(365) * 86400 * 1000;

/* The model: item i has hash i and a deadline; no order, looked through when asked. --------------
 */

enum { ITEMS_MAX = 1500 };

struct world {
    struct wheel wheel;
    struct random random;
    int64_t now;
    int64_t deadline[ITEMS_MAX];
    int64_t entered[ITEMS_MAX]; /* the deadline that the wheel has: not beyond its reach */
    bool in[ITEMS_MAX];
    size_t count, fired;
};

static struct world *world_new(int64_t now)
{
    struct world *w = calloc(1, sizeof *w);
    random_init(&w->random, seed);
    wheel_init(&w->wheel, now);
    w->now = now;
    return w;
}

static void world_free(struct world *w)
{
    wheel_fini(&w->wheel);
    assert_int_equal(wheel_bytes(&w->wheel), 0);
    free(w);
}

static int64_t earliest(const struct world *w)
{
    int64_t min = INT64_MAX;
    for (size_t i = 0; i < ITEMS_MAX; i++)
        if (w->in[i] && w->entered[i] < min) min = w->entered[i];
    return min;
}

static void enter(struct world *w, size_t i)
{
    int64_t reach = (((w->wheel.hand >> 40) + 2) << 40) - 1;
    w->in[i] = true;
    w->entered[i] = w->deadline[i] < reach ? w->deadline[i] : reach;
    w->count++;
    wheel_add(&w->wheel, (uint32_t)i, w->deadline[i]);
}

static void add(struct world *w, int64_t deadline)
{
    size_t i = random_below(&w->random, ITEMS_MAX);
    if (w->in[i]) return;
    w->deadline[i] = deadline;
    enter(w, i);
}

/* A distance of any magnitude up to 2^bits ms. */
static int64_t distance(struct world *w, unsigned bits)
{
    return (int64_t)(random_u64(&w->random) >> (64 - 1 - random_below(&w->random, bits)));
}

static void fire(struct world *w, struct wheel_due due)
{
    assert_in_range(due.hash, 0, ITEMS_MAX - 1);
    assert_true(w->in[due.hash]);
    assert_true(due.deadline_ms <= w->now);
    assert_int_equal(due.deadline_ms, w->entered[due.hash]);
    assert_int_equal(due.deadline_ms, earliest(w));
    w->in[due.hash] = false;
    w->count--;
}

/* One call, checked; returns whether there is more. */
static bool collect(struct world *w, size_t max)
{
    struct wheel_due out[64];
    bool more;
    uint64_t moves = w->wheel.moves;
    size_t n = wheel_collect_due(&w->wheel, w->now, out, max, &more);
    assert_true(n <= max);
    assert_true(w->wheel.moves - moves <= WHEEL_MOVES_MAX);
    for (size_t i = 0; i < n; i++) fire(w, out[i]);
    assert_int_equal(wheel_count(&w->wheel), w->count);
    if (!more) assert_true(w->count == 0 || earliest(w) > w->now);
    /* What was beyond its reach goes in again. */
    for (size_t i = 0; i < n; i++) {
        if (out[i].deadline_ms < w->deadline[out[i].hash]) {
            enter(w, out[i].hash);
            more = true;
        } else {
            w->fired++;
        }
    }
    return more;
}

static void check_next(struct world *w)
{
    int64_t next = wheel_next_ms(&w->wheel, w->now);
    if (w->count == 0)
        assert_int_equal(next, -1);
    else
        assert_true(next <= earliest(w) && next > w->now);
}

static void check_peeks(struct world *w)
{
    struct wheel_due due, near[20];
    assert_int_equal(wheel_sample(&w->wheel, &w->random, &due), w->count > 0);
    if (w->count > 0) assert_true(w->in[due.hash] && due.deadline_ms == w->entered[due.hash]);

    size_t n = wheel_nearest(&w->wheel, near, 20);
    assert_int_equal(n, w->count < 20 ? w->count : 20);
    if (n == 0) return;
    size_t before = 0;
    for (size_t i = 0; i < ITEMS_MAX; i++)
        before += w->in[i] && w->entered[i] < near[n - 1].deadline_ms;
    assert_true(before < n);
    for (size_t i = 0; i < n; i++) {
        assert_true(w->in[near[i].hash]);
        if (i > 0) assert_true(near[i - 1].deadline_ms <= near[i].deadline_ms);
        for (size_t j = 0; j < i; j++) assert_int_not_equal(near[i].hash, near[j].hash);
    }
}

static void test_any_deadline_any_jump(void **state)
{
    (void)state;
    size_t before = mem_used();
    for (int round = 0; round < 12; round++) {
        struct world *w = world_new(round ? START + round * 977 : 0);
        random_init(&w->random, seed + (uint64_t)round);
        unsigned bits = (unsigned[]){6, 10, 18, 26, 34, 42}[round % 6];
        for (int i = 0; i < 4000; i++) {
            uint64_t adds = random_below(&w->random, 5);
            while (adds-- > 0) add(w, w->now + distance(w, bits) - 1);
            int64_t next = wheel_next_ms(&w->wheel, w->now);
            switch (random_below(&w->random, 4)) {
            case 0: w->now += distance(w, bits); break;
            case 1: w->now += distance(w, 4); break;
            case 2:
                if (next > w->now) w->now = next;
                break;
            default: break;
            }
            bool more = true;
            while (more && random_below(&w->random, 4) > 0)
                more = collect(w, random_below(&w->random, 20));
            if (i % 50 == 0) wheel_check(&w->wheel);
            if (i % 20 == 0) check_peeks(w);
            if (!more) check_next(w);
        }
        while (w->count > 0) {
            while (collect(w, 60)) {
            }
            check_next(w);
            if (w->count > 0) w->now = wheel_next_ms(&w->wheel, w->now);
        }
        assert_true(w->fired > 1000);
        world_free(w);
    }
    assert_int_equal(mem_used(), before);
}

/* A sleeper who wakes when wheel_next_ms says so is punctual, and does not wake often. */
static void test_punctual(void **state)
{
    (void)state;
    struct world *w = world_new(START);
    for (int i = 0; i < 1000; i++) add(w, START + distance(w, 36));
    size_t wakings = 0, items = w->count;
    while (w->count > 0) {
        int64_t next = wheel_next_ms(&w->wheel, w->now), due = earliest(w);
        assert_true(next <= due);
        if (next > w->now) w->now = next;
        collect(w, 64);
        wakings++;
        if (next == due) assert_true(earliest(w) > due);
    }
    assert_int_equal(w->fired, items);
    assert_true(wakings < 4 * items);
    world_free(w);
}

static void test_one_key_wakes_seldom(void **state)
{
    (void)state;
    struct world *w = world_new(START);
    add(w, START + 3600 * 1000);
    size_t wakings = 0;
    for (; w->count > 0; wakings++) {
        w->now = wheel_next_ms(&w->wheel, w->now);
        collect(w, 1);
    }
    assert_int_equal(w->now, START + 3600 * 1000);
    assert_true(wakings <= 3);
    world_free(w);
}

/* A crowd an hour away wakes no one before it is time to move it nearer. */
static void test_crowd_wakes_seldom(void **state)
{
    (void)state;
    struct world *w = world_new(START);
    for (int i = 0; i < 3000; i++) add(w, START + 3600 * 1000);
    size_t wakings = 0;
    for (; w->fired == 0; wakings++) {
        w->now = wheel_next_ms(&w->wheel, w->now);
        assert_true(w->now >= START + 3400 * 1000);
        collect(w, 64);
    }
    assert_int_equal(w->now, START + 3600 * 1000);
    assert_true(wakings < 80);
    world_free(w);
}

/* A slot that is not empty yet begins with the very ms that level 0 has already. */
static void test_half_emptied_slot(void **state)
{
    (void)state;
    struct world *w = world_new((INT64_C(1) << 16) - 300);
    int64_t boundary = INT64_C(1) << 16;
    for (int i = 0; i < 500; i++) add(w, boundary + i % 250);
    w->now += 50;
    collect(w, 64);
    assert_in_range(w->wheel.moves, 50, w->count - 50);
    for (int i = 0; i < 20; i++) add(w, boundary + i % 250);
    wheel_check(&w->wheel);
    w->now = boundary + 250;
    while (collect(w, 10)) {
    }
    assert_int_equal(w->count, 0);
    world_free(w);
}

static void test_overdue(void **state)
{
    (void)state;
    struct world *w = world_new(START);
    add(w, START - 5);
    add(w, START);
    add(w, -7);
    add(w, START - YEAR);
    assert_true(wheel_next_ms(&w->wheel, w->now) <= w->now);
    wheel_check(&w->wheel);
    assert_true(collect(w, 1));
    assert_false(collect(w, 3));
    assert_int_equal(w->count, 0);
    world_free(w);
}

/* The clock steps back an hour: what is added then still comes out in time and in order. */
static void test_clock_steps_back(void **state)
{
    (void)state;
    struct world *w = world_new(START);
    for (int i = 0; i < 300; i++) add(w, START + distance(w, 23));
    w->now -= 3600 * 1000;
    assert_false(collect(w, 10));
    assert_int_equal(w->fired, 0);
    for (int i = 0; i < 600; i++) {
        add(w, w->now + (int64_t)random_below(&w->random, 7200 * 1000));
        w->now += 9000;
        while (collect(w, 10)) {
        }
        wheel_check(&w->wheel);
        if (i % 50 == 0) check_peeks(w);
        check_next(w);
    }
    w->now += 10000 * 1000;
    while (collect(w, 10)) {
    }
    assert_int_equal(w->count, 0);
    world_free(w);
}

static void test_beyond_reach(void **state)
{
    (void)state;
    struct world *w = world_new(START);
    add(w, START + 100 * YEAR);
    add(w, INT64_MAX);
    add(w, START + 33 * YEAR);
    add(w, START + 20);
    int calls = 0;
    for (; w->count > 1; calls++) {
        w->now = wheel_next_ms(&w->wheel, w->now);
        assert_true(w->now <= earliest(w));
        collect(w, 10);
        wheel_check(&w->wheel);
    }
    assert_int_equal(w->now, START + 100 * YEAR);
    assert_true(calls < 100);
    world_free(w);
}

/* Many items -------------------------------------------------------------------------------------
 */

/* A million over an hour: few bytes each, moved little by little, and drawn evenly. */
static void test_million(void **state)
{
    (void)state;
    enum { N = 1000000, HOUR = 3600 * 1000, TENTHS = 10 };
    size_t before = mem_used(), tenth[TENTHS] = {0};
    struct wheel w;
    struct random random;
    random_init(&random, seed);
    wheel_init(&w, START);
    for (uint32_t i = 0; i < N; i++)
        wheel_add(&w, i, START + 1 + (int64_t)random_below(&random, HOUR));
    wheel_check(&w);
    double bytes = (double)wheel_bytes(&w) / N;
    assert_true(bytes < 8.3);
    assert_int_equal(mem_used() - before, wheel_bytes(&w));

    struct wheel_due due, out[256];
    for (int i = 0; i < 20000; i++) {
        assert_true(wheel_sample(&w, &random, &due));
        tenth[(due.deadline_ms - START - 1) * TENTHS / HOUR]++;
    }
    for (int i = 0; i < TENTHS; i++) assert_in_range(tenth[i], 2000 - 400, 2000 + 400);

    uint64_t moves_max = 0;
    size_t calls = 0, fired = 0;
    double bytes_later = 0;
    int64_t last = 0;
    for (int64_t now = START; wheel_count(&w) > 0; calls++) {
        uint64_t moves = w.moves;
        bool more;
        size_t n = wheel_collect_due(&w, now, out, 256, &more);
        for (size_t i = 0; i < n; i++) {
            assert_true(out[i].deadline_ms >= last && out[i].deadline_ms == now);
            last = out[i].deadline_ms;
        }
        assert_false(more);
        if (w.moves - moves > moves_max) moves_max = w.moves - moves;
        if (fired < N / 2 && fired + n >= N / 2) bytes_later = (double)wheel_bytes(&w) / (N / 2);
        fired += n;
        now = wheel_next_ms(&w, now);
    }
    print_message("bytes an item: %.3f, %.3f when half are gone; moves: %.2f an item, %llu in a "
                  "call at most; %zu calls\n",
                  bytes, bytes_later, (double)w.moves / N, (unsigned long long)moves_max, calls);
    assert_int_equal(fired, N);
    assert_true(bytes_later < 8.6);
    assert_true(moves_max < 400);
    assert_true(w.moves < 3 * N);
    wheel_fini(&w);
    assert_int_equal(mem_used(), before);
}

/* A million due in one second, after a sleep of three hours: bounded calls, right order. */
static void test_crowd_after_suspend(void **state)
{
    (void)state;
    enum { N = 300000 };
    struct wheel w;
    struct random random;
    struct wheel_due out[128];
    random_init(&random, seed);
    wheel_init(&w, START);
    unsigned char *seen = calloc(N, 1);
    for (uint32_t i = 0; i < N; i++)
        wheel_add(&w, i, START + 7000000 + (int64_t)random_below(&random, 1000));
    assert_true(wheel_bytes(&w) < N * 8.3);
    bool more = true;
    int64_t last = 0;
    size_t fired = 0, calls = 0;
    for (; more; calls++) {
        uint64_t moves = w.moves;
        size_t n = wheel_collect_due(&w, START + 3 * 3600 * 1000, out, 128, &more);
        assert_true(w.moves - moves <= WHEEL_MOVES_MAX);
        for (size_t i = 0; i < n; i++) {
            assert_true(out[i].deadline_ms >= last);
            last = out[i].deadline_ms;
            assert_int_equal(seen[out[i].hash]++, 0);
        }
        fired += n;
    }
    assert_int_equal(fired, N);
    assert_true(calls < N / 128 + 5 * N / WHEEL_MOVES_MAX);
    free(seen);
    wheel_fini(&w);
}

/* One item in each of many slots must not cost chunks. */
static void test_thin(void **state)
{
    (void)state;
    struct wheel w;
    wheel_init(&w, START);
    assert_int_equal(wheel_bytes(&w), 0);
    uint32_t n = 0;
    for (int k = 0; k < WHEEL_LEVELS; k++)
        for (int64_t i = 2; i < 250; i++) wheel_add(&w, n++, START + (i << (8 * k)));
    wheel_check(&w);
    assert_true(wheel_bytes(&w) < 65536);
    wheel_fini(&w);
}

int main(void)
{
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overdue),
        cmocka_unit_test(test_any_deadline_any_jump),
        cmocka_unit_test(test_punctual),
        cmocka_unit_test(test_one_key_wakes_seldom),
        cmocka_unit_test(test_crowd_wakes_seldom),
        cmocka_unit_test(test_half_emptied_slot),
        cmocka_unit_test(test_clock_steps_back),
        cmocka_unit_test(test_beyond_reach),
        cmocka_unit_test(test_thin),
        cmocka_unit_test(test_million),
        cmocka_unit_test(test_crowd_after_suspend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
