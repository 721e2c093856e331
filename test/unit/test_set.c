#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/base/text.h"
#include "../../src/ds/packed.h"
#include "../../src/value/set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;
static unsigned char secret[HASH_SECRET_SIZE];

/* ---- names: integers first, narrow and wide; then what only looks like one, short and long ----
 */

enum { INTS = 700, WIDE_FROM = 660, ODD = 12, NAMES = 1200, LONG_FROM = 1190, NAME_MAX = 80 };

static struct slice name_of(size_t i, char bytes[NAME_MAX])
{
    static const char *const odd[ODD] = {
        "", "01", "+1", "-0", " 1", "1 ", "1.0", "9223372036854775808", "x", "-", "--1", "0x1"};
    if (i < WIDE_FROM) return slice_of(bytes, text_from_int(bytes, (int64_t)i - 300));
    if (i < INTS) return slice_of(bytes, text_from_int(bytes, INT64_MAX / 700 * (int64_t)i));
    if (i < INTS + ODD) return slice_text(odd[i - INTS]);
    size_t len = i < LONG_FROM ? 5 + i % 60 : 65 + i % 3; /* up to 64 is short */
    memset(bytes, 0, len);
    snprintf(bytes, len, "m%d", (int)i);
    return slice_of(bytes, len);
}

static size_t index_of(struct slice name)
{
    static struct slice names[NAMES];
    static char bytes[NAMES][NAME_MAX];
    for (size_t i = 0; i < NAMES; i++) {
        if (!names[i].at) names[i] = name_of(i, bytes[i]);
        if (slice_equal(names[i], name)) return i;
    }
    fail_msg("no such name: %.*s", (int)name.len, name.at);
    return 0;
}

/* ---- what is expected ---- */

struct model {
    bool has[NAMES];
    size_t count;
    enum value_encoding encoding;
};

static bool is_long(size_t i, const struct value_config *config)
{
    char bytes[NAME_MAX];
    return name_of(i, bytes).len > config->set_max_listpack_value;
}

/* Where Redis 7.2 has the set once this one has come. */
static void model_add(struct model *m, size_t i, const struct value_config *config)
{
    size_t before = m->count;
    if (m->has[i]) return;
    bool was_ints = m->encoding == ENCODING_INTS;
    if (was_ints && i < INTS) {
        if (before + 1 > config->set_max_intset_entries) m->encoding = ENCODING_TABLE;
    } else if (m->encoding != ENCODING_TABLE) {
        bool packs = before < config->set_max_listpack_entries && !is_long(i, config);
        /* The longest integers are the least and the greatest. */
        for (size_t k = 0; was_ints && k < INTS; k++) packs &= !(m->has[k] && is_long(k, config));
        m->encoding = packs ? ENCODING_PACKED : ENCODING_TABLE;
    }
    m->has[i] = true;
    m->count++;
}

static void model_remove(struct model *m, size_t i)
{
    m->count -= m->has[i];
    m->has[i] = false;
}

/* A visitor that ticks off what it meets. */
struct met {
    const struct model *model;
    unsigned char times[NAMES];
    size_t count, stop_at;
};

static bool meet(void *ctx, struct slice member)
{
    struct met *met = ctx;
    met->times[index_of(member)]++;
    return ++met->count != met->stop_at;
}

static void meet_item(void *ctx, const struct value_item *item)
{
    meet(ctx, item->member);
}

static void expect_met_all(const struct met *met)
{
    for (size_t i = 0; i < NAMES; i++) assert_int_equal(met->times[i], met->model->has[i]);
}

static void expect_is(const struct value *v, const struct model *m)
{
    assert_int_equal(v->encoding, m->encoding);
    assert_int_equal(set_count(v), m->count);
    set_check(v);
    static struct met met;
    met = (struct met){.model = m};
    value_kind(TYPE_SET)->each(v, meet_item, &met);
    expect_met_all(&met);
}

/* A copy, what comes back from its bytes, and the value are all the same; none takes more memory
 * than it says. */
static void expect_copies(const struct value *v, const struct model *m,
                          const struct value_config *config)
{
    const struct value_kind *kind = value_kind(TYPE_SET);
    size_t before = mem_used();
    struct value copy = kind->copy(v, config);
    assert_int_equal(mem_used() - before, kind->bytes(&copy));
    expect_is(&copy, m);
    struct buffer bytes = {0};
    kind->encode(&copy, &bytes);
    while (!kind->free_some(&copy, 7)) {
    }
    buffer_add_slice(&bytes, SLICE("rest"));
    struct slice from = buffer_slice(&bytes);
    struct value back = {0};
    if (m->count) {
        assert_true(kind->decode(&from, config, &back));
        expect_is(&back, m);
        assert_true(slice_equal(from, SLICE("rest")));
        value_free(&back);
    } else {
        assert_false(kind->decode(&from, config, &back));
    }
    buffer_fini(&bytes);
    assert_int_equal(mem_used(), before);
}

static struct value_config any_config(struct random *random)
{
    struct value_config config = value_config_default(secret);
    if (random_below(random, 2)) config.set_max_intset_entries = random_below(random, 40);
    if (random_below(random, 2)) config.set_max_listpack_entries = random_below(random, 40);
    if (random_below(random, 2)) config.set_max_listpack_value = random_below(random, 25);
    return config;
}

/* One life of a set: of names up to `names`, from `from` on. */
static void live(struct random *random, size_t from, size_t names, int steps)
{
    static struct model m;
    struct value_config config = any_config(random);
    size_t before = mem_used();
    struct value v = set_new();
    m = (struct model){.encoding = ENCODING_INTS};
    char bytes[NAME_MAX];
    for (int step = 0; step < steps; step++) {
        size_t i = from + random_below(random, names);
        struct slice name = name_of(i, bytes);
        assert_int_equal(set_has(&v, name), m.has[i]);
        if (random_below(random, 100) < (step % 1000 < 600 ? 75u : 30u)) {
            assert_int_equal(set_add(&v, name, &config), !m.has[i]);
            model_add(&m, i, &config);
        } else {
            assert_int_equal(set_remove(&v, name), m.has[i]);
            model_remove(&m, i);
        }
        assert_int_equal(v.encoding, m.encoding);
        assert_int_equal(mem_used() - before, value_kind(TYPE_SET)->bytes(&v));
        if (step % 97 == 0) expect_is(&v, &m);
        if (step % 397 == 0) expect_copies(&v, &m, &config);
    }
    expect_is(&v, &m);
    value_free(&v);
    assert_int_equal(mem_used(), before);
}

static void test_against_model(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, seed);
    for (int round = 0; round < 40; round++) {
        size_t from = random_below(&random, 3) ? 0 : random_below(&random, INTS + ODD);
        size_t most = round % 2 ? NAMES - from : 20;
        live(&random, from, 1 + random_below(&random, most), round % 2 ? 1500 : 300);
    }
}

/* ---- several at once ---- */

static void add_numbers(struct value *v, int from, int count, const struct value_config *config,
                        size_t expected)
{
    static char bytes[1000][NAME_MAX];
    static struct slice words[1000];
    for (int i = 0; i < count; i++)
        words[i] = slice_of(bytes[i], text_from_int(bytes[i], from + i));
    assert_int_equal(set_add_all(v, words, (size_t)count, config), expected);
}

static void expect_encoding(int numbers, const char *also, enum value_encoding expected)
{
    struct value_config config = value_config_default(secret);
    struct value v = {0};
    struct slice word = slice_text(also);
    if (also[0]) set_add_all(&v, &word, 1, &config);
    if (numbers) add_numbers(&v, 0, numbers, &config, (size_t)numbers);
    assert_int_equal(v.encoding, expected);
    set_check(&v);
    value_free(&v);
}

/* SADD k a b c …: how a set is kept follows from the number of words, too, as Redis has it. */
static void test_many_at_once(void **state)
{
    (void)state;
    expect_encoding(512, "", ENCODING_INTS);
    expect_encoding(513, "", ENCODING_TABLE);
    expect_encoding(127, "a", ENCODING_PACKED);
    expect_encoding(128, "a", ENCODING_TABLE);
    char longest[65] = {0};
    memset(longest, 'x', 64);
    expect_encoding(1, longest, ENCODING_PACKED);
    struct value_config config = value_config_default(secret);
    struct value v = {0};
    struct slice twice[] = {SLICE("1"), SLICE("1"), SLICE("a"), SLICE("1")};
    assert_int_equal(set_add_all(&v, twice, 4, &config), 2);
    assert_int_equal(set_remove_all(&v, twice, 4), 2);
    assert_true(value_is_gone(&v));
    value_free(&v);
    /* More words than fit, all of them there: nothing changes. One more does. */
    v = (struct value){0};
    add_numbers(&v, 0, 300, &config, 300);
    config.set_max_intset_entries = 200;
    add_numbers(&v, 0, 300, &config, 0);
    assert_int_equal(v.encoding, ENCODING_INTS);
    add_numbers(&v, 1, 300, &config, 1);
    assert_int_equal(v.encoding, ENCODING_TABLE);
    value_free(&v);
}

/* ---- scans ---- */

/* What is there from the begin to the end is met once, whatever comes and goes meanwhile. */
static void test_scan(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, seed);
    struct value_config config = value_config_default(secret);
    for (int round = 0; round < 30; round++) {
        static struct model m;
        static struct met met;
        char bytes[NAME_MAX];
        struct value v = set_new();
        m = (struct model){.encoding = ENCODING_INTS};
        met = (struct met){.model = &m};
        size_t stay = random_below(&random, 700) + 1;
        for (size_t i = 0; i < stay; i++) {
            set_add(&v, name_of(NAMES - 1 - i, bytes), &config);
            m.has[NAMES - 1 - i] = true;
        }
        uint64_t cursor = 0;
        size_t count = 1 + random_below(&random, 30);
        do {
            cursor = set_scan(&v, cursor, count, meet, &met);
            for (int i = 0; i < 40; i++) {
                struct slice name = name_of(random_below(&random, NAMES - stay), bytes);
                if (round % 2)
                    set_add(&v, name, &config);
                else
                    set_remove(&v, name);
            }
        } while (cursor);
        for (size_t i = NAMES - stay; i < NAMES; i++) assert_int_equal(met.times[i], 1);
        value_free(&v);
    }
}

static void test_scan_goes_in_steps(void **state)
{
    (void)state;
    struct value_config config = value_config_default(secret);
    char bytes[NAME_MAX];
    static struct met met;
    struct value v = set_new();
    for (size_t i = 0; i < NAMES; i++) set_add(&v, name_of(i, bytes), &config);
    assert_int_equal(v.encoding, ENCODING_TABLE);
    met = (struct met){0};
    assert_true(set_scan(&v, 0, 10, meet, &met) > 0);
    assert_in_range(met.count, 10, 60);
    assert_int_equal(set_scan(&v, UINT64_MAX, 10, meet, &met), 0);
    /* A walk ends when its visitor says so. */
    met = (struct met){.stop_at = 5};
    set_walk(&v, meet, &met);
    assert_int_equal(met.count, 5);
    value_free(&v);
}

/* ---- by lot ---- */

struct tally {
    size_t times[NAMES];
    size_t last_count;
};

static bool tally(void *ctx, struct slice member)
{
    struct tally *t = ctx;
    t->times[index_of(member)]++;
    t->last_count++;
    return true;
}

static bool count_each(void *ctx, struct slice member)
{
    unsigned char *times = ctx;
    times[index_of(member)]++;
    return true;
}

/* Draws often; each member comes as often as the others, but for chance (six sigmas). */
static void expect_even(struct random *random, size_t members, size_t from, size_t count,
                        bool again)
{
    struct value_config config = value_config_default(secret);
    char bytes[NAME_MAX];
    struct value v = set_new();
    for (size_t i = 0; i < members; i++) set_add(&v, name_of(from + i, bytes), &config);
    static struct tally t;
    t = (struct tally){0};
    size_t rounds = 400 * members / count;
    for (size_t round = 0; round < rounds; round++) {
        unsigned char times[NAMES] = {0};
        t.last_count = 0;
        uint64_t twin_seed = random_u64(random);
        struct random twin, other;
        random_init(&twin, twin_seed);
        random_init(&other, twin_seed);
        if (again) {
            set_draw_again(&v, count, &twin, tally, &t);
        } else {
            set_draw(&v, count, &twin, tally, &t);
            set_draw(&v, count, &other, count_each, times);
            for (size_t i = 0; i < NAMES; i++) assert_in_range(times[i], 0, 1);
        }
        assert_int_equal(t.last_count, count);
    }
    double mean = (double)(rounds * count) / (double)members;
    for (size_t i = 0; i < members; i++) {
        double off = (double)t.times[from + i] - mean;
        if (off * off > 36 * mean)
            fail_msg("member %zu of %zu came %zu times, not %.0f", i, members, t.times[from + i],
                     mean);
    }
    value_free(&v);
}

static void test_draw(void **state)
{
    (void)state;
    static const struct {
        size_t members, from, count;
    } cases[] = {
        {1, 0, 1},     {7, 0, 1},      {7, 0, 3},      {7, 0, 6},
        {20, INTS, 1}, {20, INTS, 2},  {20, INTS, 15}, {300, 500, 1},
        {300, 500, 5}, {300, 500, 37}, {300, 500, 38}, {300, 500, 290},
    };
    struct random random;
    random_init(&random, seed);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_even(&random, cases[i].members, cases[i].from, cases[i].count, false);
        expect_even(&random, cases[i].members, cases[i].from, cases[i].count, true);
    }
}

static void test_draw_all_and_none(void **state)
{
    (void)state;
    struct value_config config = value_config_default(secret);
    struct random random;
    random_init(&random, seed);
    struct value v = set_new();
    static struct tally t;
    set_draw(&v, 3, &random, tally, &t);
    set_add(&v, SLICE("1"), &config);
    set_add(&v, SLICE("x"), &config);
    set_draw(&v, 0, &random, tally, &t);
    assert_int_equal(t.last_count, 0);
    set_draw(&v, 5, &random, tally, &t);
    assert_int_equal(t.last_count, 2);
    value_free(&v);
}

/* ---- bytes that are not a set's ---- */

static void try_decode(struct slice from, const struct value_config *config)
{
    struct value v;
    size_t before = mem_used();
    /* Exactly as long, so that the sanitizer sees a read behind it. */
    char *bytes = malloc(from.len ? from.len : 1);
    memcpy(bytes, from.at, from.len);
    from.at = bytes;
    if (value_kind(TYPE_SET)->decode(&from, config, &v)) {
        set_check(&v);
        assert_true(set_count(&v) > 0);
        value_free(&v);
    }
    free(bytes);
    assert_int_equal(mem_used(), before);
}

static void test_damage(void **state)
{
    (void)state;
    struct value_config config = value_config_default(secret);
    static const size_t firsts[] = {0, INTS - 3, INTS + 5, 500};
    static const size_t counts[] = {9, 9, 30, 300};
    for (int i = 0; i < 4; i++) {
        char name[NAME_MAX];
        struct buffer bytes = {0};
        struct value v = set_new();
        for (size_t k = 0; k < counts[i]; k++) set_add(&v, name_of(firsts[i] + k, name), &config);
        value_kind(TYPE_SET)->encode(&v, &bytes);
        value_free(&v);
        size_t looked_at = bytes.len < 400 ? bytes.len : 400;
        for (size_t at = 0; at < looked_at; at++) {
            try_decode(slice_of(bytes.at, at), &config);
            for (unsigned change = 1; change < 256; change = change * 2 + 1) {
                bytes.at[at] = (char)(bytes.at[at] ^ (char)change);
                try_decode(buffer_slice(&bytes), &config);
                bytes.at[at] = (char)(bytes.at[at] ^ (char)change);
            }
        }
        buffer_fini(&bytes);
    }
}

/* The same member twice is no set. */
static void test_twins(void **state)
{
    (void)state;
    struct value_config config = value_config_default(secret);
    for (int others = 0; others < 40; others += 3) {
        char name[NAME_MAX];
        struct packed *p = packed_new();
        for (int i = 0; i < others; i++) p = packed_append(p, name_of(INTS - 5 + (size_t)i, name));
        p = packed_append(p, SLICE("twin"));
        assert_true(set_is_sound(p));
        p = packed_append(p, SLICE("other"));
        p = packed_append(p, SLICE("twin"));
        assert_false(set_is_sound(p));
        packed_free(p);
    }
    struct value v;
    struct slice table = SLICE("\2\2\1a\1a"), good = SLICE("\2\2\1a\1b");
    assert_false(value_kind(TYPE_SET)->decode(&table, &config, &v));
    assert_true(value_kind(TYPE_SET)->decode(&good, &config, &v));
    value_free(&v);
}

int main(void)
{
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct random random;
    random_init(&random, seed);
    for (size_t i = 0; i < sizeof secret; i++) secret[i] = (unsigned char)random_u64(&random);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model), cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_scan),          cmocka_unit_test(test_scan_goes_in_steps),
        cmocka_unit_test(test_draw),          cmocka_unit_test(test_draw_all_and_none),
        cmocka_unit_test(test_damage),        cmocka_unit_test(test_twins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
