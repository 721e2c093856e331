#include "../../src/base/hash.h"
#include "../../src/base/little.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/value/zset.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* The model: every name that there can be, and what its score is; ranks are counted. */
enum { NAMES = 300 };

static uint64_t seed;
static struct random rng;
static unsigned char secret[HASH_SECRET_SIZE];
static struct value_config config;

static struct {
    char bytes[40];
    struct slice name;
    bool is_in;
    double score;
} model[NAMES];
static size_t model_count;

/* Numbers, texts, binary ones; the empty one is number 0. */
static void name_all(void)
{
    for (int i = 1; i < NAMES; i++) {
        int len = snprintf(model[i].bytes, sizeof model[i].bytes, i % 3 ? "%d" : "member %d", i);
        if (i % 7 == 0) model[i].bytes[len++] = (char)0xff;
        model[i].name = slice_of(model[i].bytes, (size_t)len);
    }
}

static bool model_is_before(int i, double score, struct slice text)
{
    if (model[i].score != score) return model[i].score < score;
    return slice_compare(model[i].name, text) < 0;
}

static size_t model_rank(double score, struct slice text)
{
    size_t rank = 0;
    for (int i = 0; i < NAMES; i++) rank += model[i].is_in && model_is_before(i, score, text);
    return rank;
}

static double some_score(void)
{
    static const double odd[] = {INFINITY, -INFINITY, 0.0, -0.0, 0.1, 1e300, -1e-300, 5e-324};
    uint64_t which = random_below(&rng, 40);
    if (which < sizeof odd / sizeof *odd) return odd[which];
    return which < 30 ? (double)random_below(&rng, 8) : (double)random_u64(&rng) / 3;
}

static void add_one(struct value *v)
{
    size_t i = random_below(&rng, NAMES);
    double score = some_score();
    enum zset_change change = zset_add(v, score, model[i].name, &config);
    if (!model[i].is_in)
        assert_int_equal(change, ZSET_ADDED);
    else
        assert_int_equal(change, model[i].score == score ? ZSET_SAME : ZSET_MOVED);
    model_count += !model[i].is_in;
    if (change != ZSET_SAME) model[i].score = score;
    model[i].is_in = true;
}

static void remove_one(struct value *v)
{
    size_t i = random_below(&rng, NAMES);
    assert_int_equal(zset_remove(v, model[i].name), model[i].is_in);
    model_count -= model[i].is_in;
    model[i].is_in = false;
}

static void remove_ranks(struct value *v)
{
    size_t from = random_below(&rng, model_count + 1);
    size_t count = random_below(&rng, model_count - from + 1);
    bool going[NAMES] = {false};
    for (int i = 0; i < NAMES; i++) {
        size_t rank = model_rank(model[i].score, model[i].name);
        going[i] = model[i].is_in && rank >= from && rank < from + count;
    }
    for (int i = 0; i < NAMES; i++) model[i].is_in &= !going[i];
    zset_remove_ranks(v, from, count);
    model_count -= count;
}

static void compare_one(const struct value *v)
{
    size_t i = random_below(&rng, NAMES);
    double score = 7;
    assert_int_equal(zset_score(v, model[i].name, &score), model[i].is_in);
    if (model[i].is_in) {
        assert_true(score == model[i].score);
        assert_false(score == 0 && signbit(score));
    }
    score = some_score();
    struct ordered_place p = {ORDERED_BEFORE, score, model[i].name};
    assert_int_equal(zset_rank(v, &p), model_rank(score, model[i].name));
    p.side = ORDERED_BEFORE_SCORE;
    assert_int_equal(zset_rank(v, &p), model_rank(score, SLICE("")));
}

/* All elements, there and back from any place. */
static void compare_all(const struct value *v)
{
    struct zset_cursor c;
    size_t n = 0;
    assert_int_equal(zset_count(v), model_count);
    for (zset_start(&c, v, 0); zset_next(&c); n++) {
        assert_int_equal(c.rank, n + 1);
        assert_int_equal(model_rank(c.score, c.member), n);
        struct slice member = c.member;
        struct zset_cursor one;
        zset_start(&one, v, n);
        assert_true(zset_next(&one) && slice_equal(one.member, member));
        assert_true(zset_prev(&one) && slice_equal(one.member, member));
        assert_int_equal(one.rank, n);
    }
    assert_int_equal(n, model_count);
    assert_false(zset_next(&c));
    for (; zset_prev(&c); n--) assert_int_equal(model_rank(c.score, c.member), n - 1);
    assert_int_equal(n, 0);
}

static void count_item(void *ctx, const struct value_item *item)
{
    size_t *count = ctx;
    for (int i = 0; i < NAMES; i++)
        if (model[i].is_in && slice_equal(model[i].name, item->member))
            *count += item->score == model[i].score;
}

static void compare_scan(const struct value *v)
{
    uint64_t cursor = 0;
    size_t met = 0;
    do cursor = zset_scan(v, cursor, 10, count_item, &met);
    while (cursor);
    assert_int_equal(met, model_count);
}

/* Saved and loaded it is the same, and so is a copy; what is cut off is no value. */
static void compare_saved(struct value *v)
{
    struct buffer bytes = {0};
    struct value back, twin;
    value_kind_zset.encode(v, &bytes);
    struct slice rest = buffer_slice(&bytes);
    if (model_count) {
        assert_true(value_kind_zset.decode(&rest, &config, &back));
        assert_int_equal(rest.len, 0);
        assert_int_equal(back.encoding, v->encoding);
        zset_check(&back, &config);
        compare_all(&back);
        twin = value_kind_zset.copy(v, &config);
        value_free(&back);
        compare_all(&twin);
        value_free(&twin);
        rest = slice_of(bytes.at, random_below(&rng, bytes.len));
    }
    assert_false(value_kind_zset.decode(&rest, &config, &back));
    if (bytes.len) bytes.at[random_below(&rng, bytes.len)] ^= (char)(1 + random_below(&rng, 255));
    rest = buffer_slice(&bytes);
    if (value_kind_zset.decode(&rest, &config, &back)) {
        zset_check(&back, &config);
        value_free(&back);
    }
    buffer_fini(&bytes);
}

static void run(size_t entries, int steps)
{
    size_t before = mem_used();
    config.zset_max_listpack_entries = entries;
    struct value v = zset_new();
    bool swelling = true;
    model_count = 0;
    for (int i = 0; i < NAMES; i++) model[i].is_in = false;
    for (int step = 0; step < steps; step++) {
        uint64_t what = random_below(&rng, 200);
        if (what < (swelling ? 140 : 80))
            add_one(&v);
        else if (what < 199)
            remove_one(&v);
        else
            remove_ranks(&v);
        compare_one(&v);
        assert_int_equal(mem_used() - before, value_kind_zset.bytes(&v));
        if (step % 100 == 0) {
            zset_check(&v, &config);
            compare_all(&v);
            compare_scan(&v);
            compare_saved(&v);
        }
        if (random_below(&rng, 1000) == 0) swelling = !swelling;
    }
    while (!value_kind_zset.free_some(&v, 7)) {
    }
    assert_int_equal(mem_used(), before);
}

static void test_packed(void **state)
{
    (void)state;
    run(NAMES, 6000);
}

static void test_tree(void **state)
{
    (void)state;
    run(0, 20000);
}

static void test_becoming_large(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) run(random_below(&rng, 100), 300);
}

/* The borders of Redis: one member too many, or one byte. */
static void test_encodings(void **state)
{
    (void)state;
    config = value_config_default(secret);
    struct value v = zset_new();
    for (int i = 0; i < 128; i++) zset_add(&v, i, model[i].name, &config);
    assert_int_equal(v.encoding, ENCODING_PACKED);
    zset_add(&v, 1000, model[5].name, &config);
    assert_int_equal(v.encoding, ENCODING_PACKED);
    zset_add(&v, 1, model[200].name, &config);
    assert_int_equal(v.encoding, ENCODING_TREE);
    zset_remove_ranks(&v, 0, 129);
    assert_int_equal(v.encoding, ENCODING_TREE);
    assert_true(value_is_gone(&v));
    value_free(&v);

    char text[65];
    memset(text, 'x', sizeof text);
    v = zset_new();
    zset_add(&v, 1, slice_of(text, 64), &config);
    assert_int_equal(v.encoding, ENCODING_PACKED);
    zset_add(&v, 1, slice_of(text, 65), &config);
    assert_int_equal(v.encoding, ENCODING_TREE);
    value_free(&v);
}

static struct packed *packed_of_words(const char *const *words)
{
    struct packed *p = packed_new();
    for (; *words; words++) p = packed_append(p, slice_text(*words));
    return p;
}

/* Lists of elsewhere that are none. */
static void test_from_packed(void **state)
{
    (void)state;
    static const char *const wrong[][8] = {
        {"a", NULL},
        {"a", "1", "b", NULL},
        {"a", "x", NULL},
        {"a", "nan", NULL},
        {"a", "", NULL},
        {"b", "1", "a", "1", NULL},
        {"a", "1", "a", "1", NULL},
        {"a", "1", "b", "2", "a", "3", NULL},
        {"a", "2", "b", "1.5", NULL},
    };
    config = value_config_default(secret);
    struct value v;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct packed *p = packed_of_words(wrong[i]);
        assert_false(zset_from_packed(p, &config, &v));
        packed_free(p);
    }
    static const char *const right[] = {"z", "-inf", "7", "0.10000000000000001", "b", "1", NULL};
    for (size_t limit = 2; limit <= 3; limit++) {
        double score;
        config.zset_max_listpack_entries = limit;
        assert_true(zset_from_packed(packed_of_words(right), &config, &v));
        assert_int_equal(v.encoding, limit == 2 ? ENCODING_TREE : ENCODING_PACKED);
        assert_true(zset_score(&v, SLICE("7"), &score) && score == 0.1);
        zset_check(&v, &config);
        value_free(&v);
    }
}

static void add_saved(struct buffer *to, double score, const char *member)
{
    char bits[8];
    uint64_t number;
    memcpy(&number, &score, sizeof number);
    put64(bits, number);
    buffer_add(to, bits, sizeof bits);
    buffer_add_byte(to, (char)strlen(member));
    buffer_add_slice(to, slice_text(member));
}

static void test_decode_nan(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    struct value v;
    config = value_config_default(secret);
    buffer_add(&bytes, "\1\1", 2);
    add_saved(&bytes, NAN, "a");
    struct slice rest = buffer_slice(&bytes);
    assert_false(value_kind_zset.decode(&rest, &config, &v));
    buffer_fini(&bytes);
}

/* Large ones of elsewhere: the second element decides. */
static void test_decode_tree(void **state)
{
    (void)state;
    static const struct {
        double score;
        const char *member;
        bool is_sound;
    } seconds[] = {{1, "b", true},  {2, "b", true},    {2, "", true},  {1, "a", false},
                   {2, "a", false}, {0.5, "b", false}, {1, "", false}, {NAN, "b", false}};
    config = value_config_default(secret);
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        struct buffer bytes = {0};
        struct value v;
        buffer_add(&bytes, "\1\2", 2);
        add_saved(&bytes, 1, "a");
        add_saved(&bytes, seconds[i].score, seconds[i].member);
        struct slice rest = buffer_slice(&bytes);
        assert_int_equal(value_kind_zset.decode(&rest, &config, &v), seconds[i].is_sound);
        if (seconds[i].is_sound) value_free(&v);
        buffer_fini(&bytes);
    }
}

int main(void)
{
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    random_init(&rng, seed);
    for (size_t i = 0; i < sizeof secret; i++) secret[i] = (unsigned char)random_u64(&rng);
    config = value_config_default(secret);
    name_all();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packed),         cmocka_unit_test(test_tree),
        cmocka_unit_test(test_becoming_large), cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_from_packed),    cmocka_unit_test(test_decode_tree),
        cmocka_unit_test(test_decode_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
