#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/ds/ordered.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* The model is an array of items in order; the items are the array's own, and stay in place. */
struct item {
    double score;
    size_t len;
    char text[8];
};

enum { ITEMS_MAX = 6000 };

static uint64_t seed;
static struct random rng;
static struct item pool[ITEMS_MAX];
static struct item *idle[ITEMS_MAX], *model[ITEMS_MAX];
static size_t idle_count, model_count;

static struct slice text_of(const void *at)
{
    const struct item *item = at;
    return slice_of(item->text, item->len);
}

static int compare(const struct item *a, double score, struct slice text)
{
    if (a->score != score) return a->score < score ? -1 : 1;
    return slice_compare(text_of(a), text);
}

/* The number of the first item that is not before these. */
static size_t model_rank(double score, struct slice text)
{
    size_t from = 0, to = model_count;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (compare(model[middle], score, text) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static void model_insert(struct item *item)
{
    size_t at = model_rank(item->score, text_of(item));
    memmove(model + at + 1, model + at, (model_count - at) * sizeof *model);
    model[at] = item;
    model_count++;
}

static void model_remove(size_t at, size_t count)
{
    for (size_t i = at; i < at + count; i++) idle[idle_count++] = model[i];
    model_count -= count;
    memmove(model + at, model + at + count, (model_count - at) * sizeof *model);
}

static void start(struct ordered *o)
{
    ordered_init(o, text_of);
    model_count = idle_count = 0;
    for (size_t i = 0; i < ITEMS_MAX; i++) idle[idle_count++] = &pool[i];
}

/* Scores that meet often, or hardly ever; both infinities and both zeros among them. */
static double some_score(unsigned kinds)
{
    static const double odd[] = {INFINITY, -INFINITY, 0.0, -0.0, 0.1};
    uint64_t which = random_below(&rng, 100);
    if (which < 5) return odd[which];
    return (double)random_below(&rng, kinds) - kinds / 2;
}

static void fill(struct item *item, unsigned kinds)
{
    item->score = some_score(kinds);
    do {
        item->len = random_below(&rng, sizeof item->text + 1);
        for (size_t i = 0; i < item->len; i++) item->text[i] = (char)random_below(&rng, 256);
    } while (model_rank(item->score, text_of(item)) < model_count &&
             compare(model[model_rank(item->score, text_of(item))], item->score, text_of(item)) ==
                 0);
}

static void insert_some(struct ordered *o, unsigned kinds)
{
    if (!idle_count) return;
    struct item *item = idle[--idle_count];
    fill(item, kinds);
    model_insert(item);
    ordered_insert(o, item->score, item);
}

static void remove_one(struct ordered *o)
{
    if (!model_count) return;
    size_t at = random_below(&rng, model_count);
    ordered_remove(o, model[at]->score, model[at]);
    model_remove(at, 1);
}

static void rescore_one(struct ordered *o, unsigned kinds)
{
    if (!model_count) return;
    size_t at = random_below(&rng, model_count);
    struct item *item = model[at];
    double old = item->score;
    model_remove(at, 1);
    idle_count--;
    /* Often by little, so that it stays where it is. */
    double fresh = random_below(&rng, 2) ? some_score(kinds) : old + 0.25;
    size_t there = model_rank(fresh, text_of(item));
    if (there < model_count && compare(model[there], fresh, text_of(item)) == 0) fresh = old;
    item->score = fresh;
    model_insert(item);
    ordered_rescore(o, old, item, fresh);
}

struct expected {
    size_t at;
};

static void expect_next(void *ctx, void *item)
{
    struct expected *e = ctx;
    assert_ptr_equal(item, model[e->at++]);
}

static void remove_range(struct ordered *o)
{
    size_t from = random_below(&rng, model_count + 1);
    size_t most = random_below(&rng, 4) ? 40 : model_count;
    size_t count = random_below(&rng, most + 1);
    if (count > model_count - from) count = model_count - from;
    struct expected e = {from};
    ordered_remove_range(o, from, count, expect_next, &e);
    assert_int_equal(e.at, from + count);
    model_remove(from, count);
}

static void compare_ranks(const struct ordered *o, unsigned kinds)
{
    struct item any;
    any.len = random_below(&rng, sizeof any.text + 1);
    for (size_t i = 0; i < any.len; i++) any.text[i] = (char)random_below(&rng, 256);
    any.score = some_score(kinds);
    const struct item *probe = &any;
    if (model_count && random_below(&rng, 2)) probe = model[random_below(&rng, model_count)];
    struct ordered_place p = {ORDERED_BEFORE, probe->score, text_of(probe)};
    size_t before = model_rank(probe->score, text_of(probe)), after = before, low, high;
    while (after < model_count && compare(model[after], probe->score, text_of(probe)) == 0) after++;
    for (low = before; low > 0 && model[low - 1]->score == probe->score; low--) {
    }
    for (high = after; high < model_count && model[high]->score == probe->score; high++) {
    }
    assert_int_equal(ordered_rank(o, &p), before);
    p.side = ORDERED_AFTER;
    assert_int_equal(ordered_rank(o, &p), after);
    p.text = SLICE("whatever");
    p.side = ORDERED_BEFORE_SCORE;
    assert_int_equal(ordered_rank(o, &p), low);
    p.side = ORDERED_AFTER_SCORE;
    assert_int_equal(ordered_rank(o, &p), high);
}

static void compare_items(const struct ordered *o)
{
    double score;
    assert_int_equal(ordered_count(o), model_count);
    size_t from = random_below(&rng, model_count + 1);
    struct ordered_spot up = ordered_at(o, from), down = up;
    for (size_t i = from; i < model_count && i < from + 100; i++, ordered_next(&up)) {
        assert_ptr_equal(ordered_get(&up, &score), model[i]);
        assert_true(score == model[i]->score);
    }
    if (from + 100 > model_count) assert_null(up.leaf);
    if (from == model_count) return;
    for (size_t i = from + 1; i-- > 0 && i + 100 > from; ordered_prev(&down))
        assert_ptr_equal(ordered_get(&down, &score), model[i]);
    if (from < 99) assert_null(down.leaf);
}

/* Grows and shrinks by turns, with much else on the way. */
static void test_against_model(void **state)
{
    (void)state;
    static const unsigned kinds_of_scores[] = {1, 3, 40, 1000000};
    for (unsigned round = 0; round < 4; round++) {
        size_t before = mem_used();
        unsigned kinds = kinds_of_scores[round];
        struct ordered o;
        start(&o);
        bool swelling = true;
        for (int step = 0; step < 40000; step++) {
            uint64_t what = random_below(&rng, 1000);
            if (what < (swelling ? 700 : 250))
                insert_some(&o, kinds);
            else if (what < 850)
                remove_one(&o);
            else if (what < 998)
                rescore_one(&o, kinds);
            else
                remove_range(&o);
            compare_ranks(&o, kinds);
            if (step % 50 == 0) {
                compare_items(&o);
                ordered_check(&o);
            }
            assert_int_equal(mem_used() - before, o.bytes);
            if (random_below(&rng, 4000) == 0) swelling = !swelling;
        }
        ordered_remove_range(&o, 0, model_count, NULL, NULL);
        ordered_check(&o);
        assert_int_equal(mem_used(), before);
    }
}

/* Many into the same place, so that full nodes share with those around them. */
static void crowd(struct ordered *o)
{
    double near = model_count ? model[random_below(&rng, model_count)]->score : 0;
    for (int i = 0; i < 1500 && idle_count; i++) {
        struct item *item = idle[--idle_count];
        fill(item, 1000000);
        double score = item->score;
        item->score = near + (double)i / 2000;
        size_t at = model_rank(item->score, text_of(item));
        if (at < model_count && compare(model[at], item->score, text_of(item)) == 0)
            item->score = score;
        model_insert(item);
        ordered_insert(o, item->score, item);
        if (i % 10 == 0) ordered_check(o);
    }
}

/* A large one is thinned out, here and there and in long stretches: what is left of nodes joins. */
static void test_thinning(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) {
        struct ordered o;
        int crowds = 3;
        start(&o);
        while (idle_count) insert_some(&o, round % 2 ? 1000000 : 1);
        ordered_check(&o);
        while (model_count) {
            size_t from = random_below(&rng, model_count);
            size_t most = random_below(&rng, 6) ? 30 : 600;
            size_t count = 1 + random_below(&rng, most);
            if (count > model_count - from) count = model_count - from;
            ordered_remove_range(&o, from, count, NULL, NULL);
            model_remove(from, count);
            if (random_below(&rng, 4) == 0) insert_some(&o, 1000000);
            if (crowds > 0 && random_below(&rng, 60) == 0) crowds--, crowd(&o);
            ordered_check(&o);
        }
        assert_int_equal(o.bytes, 0);
    }
}

/* By text alone, where all scores are equal. */
static void test_text_order(void **state)
{
    (void)state;
    struct ordered o;
    start(&o);
    for (size_t i = 0; i < 1000; i++) {
        struct item *item = &pool[i];
        *item = (struct item){.score = -0.0};
        if (i % 2) item->score = 0;
        item->len = (size_t)snprintf(item->text, sizeof item->text, "%04zu", i * 2);
        ordered_insert(&o, item->score, item);
    }
    ordered_check(&o);
    for (int i = 0; i < 2000; i++) {
        char digits[8];
        size_t len = (size_t)snprintf(digits, sizeof digits, "%04d", i);
        struct ordered_place p = {ORDERED_BEFORE_TEXT, 7, slice_of(digits, len)};
        assert_int_equal(ordered_rank(&o, &p), (i + 1) / 2);
        p.side = ORDERED_AFTER_TEXT;
        assert_int_equal(ordered_rank(&o, &p), i / 2 + 1);
    }
    ordered_remove_range(&o, 0, 1000, NULL, NULL);
    assert_int_equal(o.bytes, 0);
}

/* What one item takes, in parts of a byte by a hundred, after ITEMS_MAX inserts. */
static size_t cost(double (*score)(size_t i))
{
    struct ordered o;
    start(&o);
    for (size_t i = 0; i < ITEMS_MAX; i++) {
        pool[i] = (struct item){.score = score(i)};
        ordered_insert(&o, pool[i].score, &pool[i]);
    }
    ordered_check(&o);
    size_t bytes = o.bytes * 100 / ITEMS_MAX;
    ordered_remove_range(&o, 0, ITEMS_MAX, NULL, NULL);
    return bytes;
}

static double ascending(size_t i)
{
    return (double)i;
}

static double descending(size_t i)
{
    return -(double)i;
}

static double mixed(size_t i)
{
    return (double)(i * 2654435761u % (1u << 30));
}

static void test_few_bytes(void **state)
{
    (void)state;
    assert_in_range(cost(ascending), 1700, 2000);
    assert_in_range(cost(descending), 1700, 2000);
    assert_in_range(cost(mixed), 1700, 2500);
}

int main(void)
{
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    random_init(&rng, seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_order),
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_thinning),
        cmocka_unit_test(test_few_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
