/* The pattern index, against trying every pattern. */
#include "../../src/base/glob.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/pubsub/pattern_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct random dice;

enum { NO_LIMIT = 1 << 30, TEXT_MAX = 400 };

struct entry {
    char text[TEXT_MAX];
    size_t len;
    struct pattern *pattern; /* NULL: not filed */
    uint64_t created;
};

static struct slice entry_text(const struct entry *e)
{
    return slice_of(e->text, e->len);
}

static bool one_in(unsigned n)
{
    return random_below(&dice, n) == 0;
}

static void add(struct entry *e, const char *bytes, size_t len)
{
    assert_true(e->len + len <= TEXT_MAX);
    memcpy(e->text + e->len, bytes, len);
    e->len += len;
}

/* Words that patterns and channels share, of all gram sizes and beyond a filed suffix. */
static void add_word(struct entry *e)
{
    static const char *const words[] = {
        "a",        "b",     "ab",     ":",        "order:", ":paid", "__keyspace@0__:",
        "tenant:1", "1:2:3", "aaaa",   "abababab", "*",      "\\",    "0123456789abcdef",
        "-",        "]",     "\xff\n", "\0\0"};
    size_t i = random_below(&dice, sizeof words / sizeof *words + 1);
    if (i == sizeof words / sizeof *words) {
        char longer[80];
        memset(longer, 'z', sizeof longer);
        longer[random_below(&dice, 2) * 70] = 'y';
        add(e, longer, 60 + random_below(&dice, 20));
    } else {
        add(e, words[i], words[i][0] ? strlen(words[i]) : 2);
    }
}

static void draw_channel(struct entry *e)
{
    e->len = 0;
    for (size_t n = random_below(&dice, 5); n; n--) add_word(e);
}

static void add_special(struct entry *e)
{
    static const char *const specials[] = {"*",     "*",    "*",   "*",    "?",   "**",
                                           "[ab]",  "[^a]", "[",   "[]",   "[^]", "[a-z]",
                                           "[a\\]", "[a-]", "\\*", "\\\\", "\\a"};
    const char *s = specials[random_below(&dice, sizeof specials / sizeof *specials)];
    add(e, s, strlen(s));
}

static void draw_pattern(struct entry *e)
{
    e->len = 0;
    for (size_t n = random_below(&dice, 5) + 1; n; n--) {
        if (!one_in(3)) add_word(e);
        if (!one_in(4)) add_special(e);
    }
}

static int by_creation(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
    return (x->created > y->created) - (x->created < y->created);
}

static void compare(struct pattern_index *ix, struct entry *entries, int count,
                    struct slice channel)
{
    struct entry *expected[512];
    size_t n = 0;
    for (int i = 0; i < count; i++)
        if (entries[i].pattern && glob_match(entry_text(&entries[i]), channel, false))
            expected[n++] = &entries[i];
    qsort(expected, n, sizeof *expected, by_creation);
    struct pattern_matches got = pattern_index_match(ix, channel);
    assert_int_equal(got.len, n);
    for (size_t i = 0; i < n; i++) assert_ptr_equal(got.at[i].owner, expected[i]);
}

static bool filed(const struct entry *entries, int count, const struct entry *e)
{
    for (int i = 0; i < count; i++)
        if (entries[i].pattern && slice_equal(entry_text(&entries[i]), entry_text(e))) return true;
    return false;
}

static void remove_entry(struct pattern_index *ix, struct entry *e)
{
    pattern_index_remove(ix, e->pattern);
    e->pattern = NULL;
}

static void test_like_trying_all(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    static struct entry entries[COUNT];
    memset(entries, 0, sizeof entries);
    struct pattern_index *ix = pattern_index_new(random_u64(&dice));
    uint64_t created = 0;
    for (int round = 0; round < 20000; round++) {
        struct entry *e = &entries[random_below(&dice, COUNT)], drawn;
        draw_pattern(&drawn);
        if (e->pattern) {
            remove_entry(ix, e);
        } else if (!filed(entries, COUNT, &drawn)) {
            *e = drawn;
            e->created = created++;
            e->pattern = pattern_index_add(ix, entry_text(e), e, NO_LIMIT);
            assert_non_null(e->pattern);
        }
        draw_channel(&drawn);
        compare(ix, entries, COUNT, entry_text(&drawn));
    }
    for (int i = 0; i < COUNT; i++)
        if (entries[i].pattern) remove_entry(ix, &entries[i]);
    struct pattern_index_counts c = pattern_index_counts(ix);
    assert_int_equal(c.patterns, 0);
    assert_int_equal(c.crowded, 0);
    assert_true(c.candidates > c.failed && c.failed > 0);
    pattern_index_free(ix);
}

/* Thousands of patterns that do not match are never tried, whatever is literal in them. */
static void test_strangers_are_not_tried(void **state)
{
    const char *format = *state;
    enum { COUNT = 5000 };
    static struct entry entries[COUNT];
    struct pattern_index *ix = pattern_index_new(random_u64(&dice));
    for (int i = 0; i < COUNT; i++) {
        struct entry *e = &entries[i];
        e->len = (size_t)snprintf(e->text, TEXT_MAX, format, i);
        e->pattern = pattern_index_add(ix, entry_text(e), e, 0);
        assert_non_null(e->pattern);
    }
    size_t full = pattern_index_counts(ix).bytes;
    char channel[TEXT_MAX];
    for (int i = 0; i < COUNT; i += 61) {
        int len = snprintf(channel, sizeof channel,
                           "__keyspace@0__:tenant:%d:order:4711:%d:lines:%d:status:has:been:paid:"
                           "by:somebody:who:lives:at:the:far:end:of:a:rather:long:street:%d:end",
                           i, i, i, i);
        struct pattern_matches m = pattern_index_match(ix, slice_of(channel, (size_t)len));
        assert_int_equal(m.len, 1);
        assert_ptr_equal(m.at[0].owner, &entries[i]);
    }
    struct pattern_index_counts c = pattern_index_counts(ix);
    assert_in_range(c.failed, 0,
                    82 * 32); /* of 82 * 5000: which share a gram is a matter of chance */
    assert_int_equal(c.crowded, 0);
    for (int i = 0; i < COUNT; i++) remove_entry(ix, &entries[i]);
    assert_true(pattern_index_counts(ix).bytes < full / 10);
    pattern_index_free(ix);
}

static struct pattern *file(struct pattern_index *ix, const char *text, size_t crowded_max)
{
    return pattern_index_add(ix, slice_text(text), (void *)text, crowded_max);
}

static size_t matches(struct pattern_index *ix, const char *channel)
{
    return pattern_index_match(ix, slice_text(channel)).len;
}

static void test_crowds_are_bounded(void **state)
{
    (void)state;
    struct pattern_index *ix = pattern_index_new(1);
    struct pattern *p[40];
    int n = 0;
    /* No literal end at all: each is one of a crowd. */
    assert_non_null(p[n++] = file(ix, "?*", 2));
    assert_non_null(p[n++] = file(ix, "[ab]*", 2));
    assert_null(file(ix, "??*", 2));
    assert_int_equal(pattern_index_counts(ix).crowded, 2);
    /* A few that only a glob can decide under one prefix are none, many are. */
    static char texts[20][20];
    int refused = 0;
    for (int i = 0; i < 12; i++) {
        snprintf(texts[i], sizeof texts[i], "user:[%c]*", 'a' + i);
        struct pattern *q = file(ix, texts[i], 2);
        if (q)
            p[n++] = q;
        else
            refused++;
    }
    assert_int_equal(refused, 4);
    /* What has a literal of its own is always taken. */
    assert_non_null(p[n++] = file(ix, "*[ab]*:17:*", 0));
    assert_non_null(p[n++] = file(ix, "*:expired", 0));
    assert_non_null(p[n++] = file(ix, "exact", 0));
    assert_non_null(p[n++] = file(ix, "*", 0));
    assert_int_equal(matches(ix, "user:b"), 3);
    assert_int_equal(matches(ix, "exact"), 3);
    assert_int_equal(matches(ix, "zb:17:"), 3);
    while (n) pattern_index_remove(ix, p[--n]);
    assert_int_equal(pattern_index_counts(ix).crowded, 0);
    pattern_index_free(ix);
}

/* Patterns that share all their literals, told apart by the number of other bytes only. */
static void test_crowds_of_grams(void **state)
{
    (void)state;
    struct pattern_index *ix = pattern_index_new(random_u64(&dice));
    static char texts[20][40];
    struct pattern *p[20];
    for (int i = 0; i < 20; i++) {
        snprintf(texts[i], sizeof texts[i], "*literals%.*s*", i, "????????????????????");
        p[i] = file(ix, texts[i], 2);
        if (i < 8) assert_int_equal(pattern_index_counts(ix).crowded, 0);
    }
    struct pattern_index_counts c = pattern_index_counts(ix);
    assert_int_equal(c.crowded, 2);
    assert_int_equal(c.patterns, 8 + 2); /* `literals` is one gram, of eight bytes */
    assert_int_equal(matches(ix, "some literals 1234567890"), 10);
    for (int i = 0; i < 20; i++)
        if (p[i]) pattern_index_remove(ix, p[i]);
    assert_int_equal(pattern_index_counts(ix).crowded, 0);
    pattern_index_free(ix);
}

static void test_touches_and_prefix(void **state)
{
    (void)state;
    struct pattern_index *ix = pattern_index_new(1);
    assert_false(pattern_index_touches(ix, SLICE("")));
    struct pattern *p = file(ix, "__key\\*s*x", 0);
    assert_true(pattern_index_touches(ix, SLICE("__key*space@0__:")));
    assert_true(pattern_index_touches(ix, SLICE("__k")));
    assert_false(pattern_index_touches(ix, SLICE("__keyspace@0__:")));
    assert_false(pattern_index_touches(ix, SLICE("__key*t")));
    assert_true(slice_equal(pattern_index_prefix(ix, SLICE("a\\*b?c")), SLICE("a*b")));
    assert_true(slice_equal(pattern_index_prefix(ix, SLICE("*")), SLICE("")));
    assert_true(slice_equal(pattern_index_prefix(ix, SLICE("abc")), SLICE("abc")));
    pattern_index_remove(ix, p);
    assert_false(pattern_index_touches(ix, SLICE("")));
    pattern_index_free(ix);
}

/* Many that match at once are sorted by another way than few. */
static void test_many_matches_in_order(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    static struct entry entries[COUNT];
    struct pattern_index *ix = pattern_index_new(3);
    for (int i = 0; i < COUNT; i++) {
        struct entry *e = &entries[i];
        e->len = 0;
        add(e, "aaaaaaaaaaaaaaaa", (size_t)(i * 7 % 16));
        for (int star = 0; star <= i / 16; star++) add(e, "*", 1);
        if (i % 3 == 0) add(e, "a", 1);
        e->created = (uint64_t)i;
        e->pattern = pattern_index_add(ix, entry_text(e), e, 0);
    }
    compare(ix, entries, COUNT, SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    compare(ix, entries, COUNT, SLICE("aaaaaaa"));
    compare(ix, entries, COUNT, SLICE(""));
    for (int i = 0; i < COUNT; i++) remove_entry(ix, &entries[i]);
    pattern_index_free(ix);
}

static int no_leak(void **state)
{
    (void)state;
    return mem_used() == 0 ? 0 : -1;
}

#define STRANGERS(name, format)                                                          \
    {                                                                                    \
        "strangers " name, test_strangers_are_not_tried, NULL, no_leak, (void *)(format) \
    }

int main(void)
{
    const char *seed = getenv("SEED");
    uint64_t n = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)n);
    random_init(&dice, n);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_like_trying_all, no_leak),
        STRANGERS("prefix", "__keyspace@0__:tenant:%d:*"),
        STRANGERS("suffix", "*:%d:end"),
        STRANGERS("suffix behind a prefix", "__keyspace@0__:*:street:%d:end"),
        STRANGERS("infix", "*:tenant:%d:*"),
        STRANGERS("infix behind a prefix", "__keyspace@0__:*:lines:%d:*"),
        STRANGERS("infix, id in the middle of a long literal", "*:%d:lines:*"),
        STRANGERS("short literal common, the other not", "*4711:*:lines:%d:*"),
        STRANGERS("long literal common, the other not", "*order:4711:*:%d:*"),
        STRANGERS("id early in a long literal", "*order:4711:%d:lines:*:status:has:been:paid:*"),
        STRANGERS("infix and common suffix", "*:lines:%d:*:end"),
        STRANGERS("suffix longer than is filed",
                  "*:%d:status:has:been:paid:by:somebody:who:lives:at:the:far:end:of:a:rather:"
                  "long:street:[0-9]*:end"),
        cmocka_unit_test_teardown(test_crowds_are_bounded, no_leak),
        cmocka_unit_test_teardown(test_crowds_of_grams, no_leak),
        cmocka_unit_test_teardown(test_touches_and_prefix, no_leak),
        cmocka_unit_test_teardown(test_many_matches_in_order, no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
