/* Glob matching: the odd cases as Redis 7 decides them, a naive matcher as model, patterns that
 * are slow for naive ones, and the analysis for pattern indexes. */
#include "../../src/base/glob.h"
#include "../../src/base/random.h"
#include "../../src/base/text.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct random seeded(void)
{
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20261122;
    struct random r;
    print_message("SEED=%" PRIu64 "\n", seed);
    random_init(&r, seed);
    return r;
}

static void check(struct slice pattern, struct slice text, bool nocase, bool want)
{
    if (glob_match(pattern, text, nocase) == want) return;
    struct buffer b = {0};
    text_quote(&b, pattern);
    buffer_add_byte(&b, ' ');
    text_quote(&b, text);
    fail_msg("%.*s: want %d", (int)b.len, b.at, want);
}

struct match_case {
    struct slice pattern, text;
    bool matches;
};

static void test_cases(void **state)
{
    (void)state;
    /* All of them asked of Redis 7.0.15. */
    static const struct match_case cases[] = {
        {SLICE(""), SLICE(""), true},
        {SLICE(""), SLICE("a"), false},
        {SLICE("abc"), SLICE("abc"), true},
        {SLICE("abc"), SLICE("ab"), false},
        {SLICE("abc"), SLICE("abcd"), false},
        {SLICE("a?c"), SLICE("abc"), true},
        {SLICE("a?c"), SLICE("ac"), false},
        {SLICE("*"), SLICE("a"), true},
        {SLICE("*"), SLICE(""), false},
        {SLICE("**"), SLICE(""), false},
        {SLICE("?"), SLICE(""), false},
        {SLICE("a*"), SLICE("a"), true},
        {SLICE("a**"), SLICE("a"), true},
        {SLICE("*a"), SLICE("a"), true},
        {SLICE("*a*b"), SLICE("xaxaxbxb"), true},
        {SLICE("*a*b"), SLICE("xaxaxbxbx"), false},
        {SLICE("*ab"), SLICE("aab"), true},
        {SLICE("a*c*e"), SLICE("abcde"), true},
        {SLICE("[abc]"), SLICE("b"), true},
        {SLICE("[abc]"), SLICE("d"), false},
        {SLICE("[^abc]"), SLICE("d"), true},
        {SLICE("[^abc]"), SLICE("b"), false},
        {SLICE("[a^]"), SLICE("^"), true},
        {SLICE("[!a]"), SLICE("!"), true},
        {SLICE("[!a]"), SLICE("b"), false},
        {SLICE("[a-c]"), SLICE("b"), true},
        {SLICE("[z-a]"), SLICE("c"), true},
        {SLICE("["), SLICE("["), false},
        {SLICE("["), SLICE(""), false},
        {SLICE("[^"), SLICE("x"), true},
        {SLICE("[abc"), SLICE("b"), true},
        {SLICE("[abc"), SLICE("bx"), false},
        {SLICE("[]"), SLICE("x"), false},
        {SLICE("[]"), SLICE("]"), false},
        {SLICE("[^]"), SLICE("x"), true},
        {SLICE("[^]]"), SLICE("x]"), true},
        {SLICE("[a-"), SLICE("-"), true},
        {SLICE("[a-"), SLICE("a"), true},
        {SLICE("[a-"), SLICE("b"), false},
        {SLICE("[a-]"), SLICE("b"), false},
        {SLICE("[a-]"), SLICE("^"), true},
        {SLICE("[a-]]"), SLICE("^]"), false},
        {SLICE("[\\]]"), SLICE("]"), true},
        {SLICE("[\\"), SLICE("\\"), true},
        {SLICE("[a\\"), SLICE("\\"), true},
        {SLICE("[\\a-c]"), SLICE("b"), false},
        {SLICE("[\\a-c]"), SLICE("-"), true},
        {SLICE("[a-\\]]"), SLICE("x"), false},
        {SLICE("[a-\\]"), SLICE("]"), true},
        {SLICE("[a-\\]"), SLICE("^"), true},
        {SLICE("[a-\xff]"), SLICE("b"), false},
        {SLICE("[a-\xff]"), SLICE("A"), true},
        {SLICE("[a-\xff]"), SLICE("\x90"), false},
        {SLICE("[a-\xff]"), SLICE("\xff"), true},
        {SLICE("\\"), SLICE("\\"), true},
        {SLICE("a\\"), SLICE("a\\"), true},
        {SLICE("\\*"), SLICE("*"), true},
        {SLICE("\\*"), SLICE("a"), false},
        {SLICE("\\a\\?"), SLICE("a?"), true},
        {SLICE("a\0*"), SLICE("a\0b"), true},
        {SLICE("a\0"), SLICE("a"), false},
        {SLICE("ABC"), SLICE("abc"), false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        check(cases[i].pattern, cases[i].text, false, cases[i].matches);
}

static void test_nocase(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {SLICE("ABC"), SLICE("abc"), true},    {SLICE("a*C"), SLICE("AxxxxC"), true},
        {SLICE("\\a"), SLICE("A"), true},      {SLICE("[a]"), SLICE("A"), true},
        {SLICE("[\\a]"), SLICE("A"), false},   {SLICE("[\\a]"), SLICE("a"), true},
        {SLICE("[A-Z]"), SLICE("q"), true},    {SLICE("[a-z]"), SLICE("Q"), true},
        {SLICE("[Z-a]"), SLICE("a"), false},   {SLICE("[z-A]"), SLICE("Q"), true},
        {SLICE("\xc0"), SLICE("\xe0"), false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        check(cases[i].pattern, cases[i].text, true, cases[i].matches);
}

/* The model: the definition written down, exponential. Patterns are lists of elements, each a set
 * of bytes or a star, so that it shares no way of reading a pattern with what it checks. */
struct element {
    bool star;
    bool holds[256];
};

enum { ELEMENTS_MAX = 16 };

static bool model_matches(const struct element *e, size_t count, const char *text, size_t len)
{
    if (!count) return !len;
    if (e->star)
        return model_matches(e + 1, count - 1, text, len) ||
               (len && model_matches(e, count, text + 1, len - 1));
    return len && e->holds[(unsigned char)*text] &&
           model_matches(e + 1, count - 1, text + 1, len - 1);
}

/* Appends a random element and its spelling, and what it is to `out` if that is a literal. */
static struct element random_element(struct random *r, struct buffer *pattern)
{
    static const char alphabet[] = "ab\xff*[\\";
    struct element e = {0};
    char c = alphabet[random_below(r, 6)];
    switch (random_below(r, 6)) {
    case 0:
        e.star = true;
        buffer_add_byte(pattern, '*');
        break;
    case 1:
        memset(e.holds, true, sizeof e.holds);
        buffer_add_byte(pattern, '?');
        break;
    case 2: {
        char d = alphabet[random_below(r, 6)];
        bool negated = random_below(r, 2);
        buffer_printf(pattern, "[%s", negated ? "^" : "");
        for (int i = 0; i < 2; i++) {
            buffer_add_byte(pattern, '\\');
            buffer_add_byte(pattern, i ? c : d);
        }
        buffer_add_byte(pattern, ']');
        for (int i = 0; i < 256; i++) e.holds[i] = ((char)i == c || (char)i == d) != negated;
        break;
    }
    case 3: {
        bool turned = random_below(r, 2);
        buffer_add(pattern, turned ? "[b-a]" : "[a-b]", 5);
        e.holds['a'] = e.holds['b'] = true;
        break;
    }
    default:
        if (c == '*' || c == '[' || c == '\\' || random_below(r, 2)) buffer_add_byte(pattern, '\\');
        buffer_add_byte(pattern, c);
        e.holds[(unsigned char)c] = true;
        break;
    }
    return e;
}

static void test_model(void **state)
{
    (void)state;
    struct random r = seeded();
    struct buffer pattern = {0}, store = {0};
    int matched = 0;
    for (int round = 0; round < 20000; round++) {
        struct element elements[ELEMENTS_MAX];
        size_t count = random_below(&r, 9);
        pattern.len = store.len = 0;
        buffer_reserve(&pattern, 1);
        for (size_t i = 0; i < count; i++) elements[i] = random_element(&r, &pattern);
        struct glob_parts parts;
        glob_analyse(buffer_slice(&pattern), &store, &parts);
        for (int t = 0; t < 20; t++) {
            char bytes[10];
            size_t len = random_below(&r, sizeof bytes + 1);
            for (size_t i = 0; i < len; i++) bytes[i] = "aab\xff*[\\"[random_below(&r, 7)];
            struct slice text = slice_of(bytes, len);
            bool want = model_matches(elements, count, bytes, len) && (len || !count);
            check(buffer_slice(&pattern), text, false, want);
            matched += want;

            bool fits =
                len >= parts.len_min && len <= parts.len_max &&
                slice_starts_with(text, parts.prefix) && parts.suffix.len <= len &&
                slice_starts_with(slice_from(text, len - parts.suffix.len), parts.suffix) &&
                (!parts.longest.len || memmem(bytes, len, parts.longest.at, parts.longest.len));
            if (want) assert_true(fits);
            if (parts.kind != GLOB_GENERAL) assert_int_equal(fits, want);
        }
    }
    assert_true(matched > 10000);
    buffer_fini(&pattern);
    buffer_fini(&store);
}

/* Any backtracking beyond the last star would not end within a lifetime. */
static void test_slow_patterns(void **state)
{
    (void)state;
    enum { LEN = 20000, STARS = 50 };
    char *text = malloc(LEN);
    memset(text, 'a', LEN);
    struct buffer p = {0};
    for (int i = 0; i < STARS; i++) buffer_add(&p, "*a?[^b]", 7);
    buffer_add_byte(&p, '*');
    check(buffer_slice(&p), slice_of(text, LEN), false, true);
    buffer_add_byte(&p, 'b');
    check(buffer_slice(&p), slice_of(text, LEN), false, false);
    p.len = 0;
    for (int i = 0; i < STARS; i++) buffer_add(&p, "*aaaaaaaaaaaaab", 15);
    check(buffer_slice(&p), slice_of(text, LEN), false, false);
    check(buffer_slice(&p), slice_of(text, LEN), true, false);
    buffer_fini(&p);
    free(text);
}

/* Segments with which trying place by place takes too long, against the definition: a place fits if
 * every element holds its byte. */
static void test_long_segments(void **state)
{
    (void)state;
    static const struct {
        const char *spelling, *holds;
    } elements[] = {{"?", "abc"}, {"[ab]", "ab"}, {"[a-b]", "ab"}, {"\\a", "a"}, {"[^ab]", "c"}};
    enum { TEXT = 4000, LENGTH_MAX = 400 };
    static const size_t lengths[] = {1, 2, 63, 64, 65, 127, 128, 129, 300, LENGTH_MAX};
    struct random r = seeded();
    struct buffer pattern = {0};
    char *text = malloc(TEXT);
    int matched = 0;
    for (int round = 0; round < 300; round++) {
        const char *holds[LENGTH_MAX];
        size_t length = lengths[random_below(&r, COUNT(lengths))];
        pattern.len = 0;
        buffer_add(&pattern, "a*", 2);
        for (size_t i = 0; i < length; i++) {
            uint64_t which = random_below(&r, 400);
            size_t e = i + 1 == length ? 4 : which < 2 ? 3 : which % 3;
            buffer_printf(&pattern, "%s", elements[e].spelling);
            holds[i] = elements[e].holds;
        }
        buffer_add(&pattern, "*", 1);
        for (size_t i = 0; i < TEXT; i++) text[i] = "ab"[random_below(&r, 10) == 0];
        for (uint64_t cs = random_below(&r, 4); cs > 0; cs--)
            text[1 + random_below(&r, TEXT - 1)] = 'c';
        text[0] = 'a';

        bool want = false;
        for (size_t at = 1; at + length <= TEXT && !want; at++) {
            size_t i = 0;
            while (i < length && strchr(holds[i], text[at + i])) i++;
            want = i == length;
        }
        check(buffer_slice(&pattern), slice_of(text, TEXT), false, want);
        check(buffer_slice(&pattern), slice_of(text, TEXT), true, want);
        matched += want;
    }
    assert_in_range(matched, 20, 280);
    buffer_fini(&pattern);
    free(text);
}

/* A segment of more elements than have bits, and long ones where the first place is not the last.
 */
static void test_very_long_segments(void **state)
{
    (void)state;
    enum { MANY = 70000, TEXT = MANY + 10000 };
    struct buffer pattern = {0};
    char *text = malloc(TEXT);
    memset(text, 'a', TEXT);
    buffer_add(&pattern, "*", 1);
    for (int i = 0; i < MANY; i++) buffer_add(&pattern, "?", 1);
    buffer_add(&pattern, "[b]*[c]*", 8);
    struct slice p = buffer_slice(&pattern), t = slice_of(text, TEXT);
    check(p, t, false, false);
    text[MANY - 1] = 'b'; /* one too early */
    check(p, t, false, false);
    text[MANY] = 'b';
    check(p, t, false, false);
    text[MANY - 5] = 'c'; /* before the first place */
    check(p, t, false, false);
    text[MANY + 1] = 'c'; /* right behind it */
    check(p, t, false, true);
    text[MANY + 1] = 'a';
    text[TEXT - 1] = 'c';
    check(p, t, false, true);
    text[TEXT - 1] = 'b';
    check(p, t, false, false);
    buffer_fini(&pattern);
    free(text);
}

static void assert_slice(struct slice got, struct slice want)
{
    assert_int_equal(got.len, want.len);
    if (want.len) assert_memory_equal(got.at, want.at, want.len);
}

static void test_runs(void **state)
{
    (void)state;
    struct buffer store = {0};
    struct glob_run run;
    struct glob_runs runs = glob_runs(SLICE("a\\*b?*[x-z]cd*??"));

    assert_true(glob_next_run(&runs, &store, &run));
    assert_slice(run.bytes, SLICE("a*b"));
    assert_true(run.at_start && !run.at_end && !run.open && run.gap == 0);
    assert_true(glob_next_run(&runs, &store, &run));
    assert_slice(run.bytes, SLICE("cd"));
    assert_true(!run.at_start && !run.at_end && run.open && run.gap == 2);
    assert_false(glob_next_run(&runs, &store, &run));
    assert_true(run.open && run.gap == 2);
    assert_false(glob_next_run(&runs, &store, &run));
    assert_true(!run.open && run.gap == 0);

    runs = glob_runs(SLICE("?\\"));
    assert_true(glob_next_run(&runs, &store, &run));
    assert_slice(run.bytes, SLICE("\\"));
    assert_true(!run.at_start && run.at_end && !run.open && run.gap == 1);
    runs = glob_runs(SLICE(""));
    assert_false(glob_next_run(&runs, &store, &run));
    buffer_fini(&store);
}

static void test_analyse(void **state)
{
    (void)state;
    static const struct {
        struct slice pattern;
        enum glob_kind kind;
        struct slice prefix, suffix, longest;
        size_t len_min, len_max;
    } cases[] = {
        {SLICE(""), GLOB_LITERAL, SLICE(""), SLICE(""), SLICE(""), 0, 0},
        {SLICE("abc"), GLOB_LITERAL, SLICE("abc"), SLICE(""), SLICE("abc"), 3, 3},
        {SLICE("a\\[b"), GLOB_LITERAL, SLICE("a[b"), SLICE(""), SLICE("a[b"), 3, 3},
        {SLICE("*"), GLOB_ENDS, SLICE(""), SLICE(""), SLICE(""), 1, SIZE_MAX},
        {SLICE("ab**"), GLOB_ENDS, SLICE("ab"), SLICE(""), SLICE("ab"), 2, SIZE_MAX},
        {SLICE("*ab"), GLOB_ENDS, SLICE(""), SLICE("ab"), SLICE("ab"), 2, SIZE_MAX},
        {SLICE("__keyevent@*__:expired"), GLOB_ENDS, SLICE("__keyevent@"), SLICE("__:expired"),
         SLICE("__keyevent@"), 21, SIZE_MAX},
        {SLICE("a\\b*c\\d"), GLOB_ENDS, SLICE("ab"), SLICE("cd"), SLICE("ab"), 4, SIZE_MAX},
        {SLICE("a?"), GLOB_GENERAL, SLICE("a"), SLICE(""), SLICE("a"), 2, 2},
        {SLICE("?"), GLOB_GENERAL, SLICE(""), SLICE(""), SLICE(""), 1, 1},
        {SLICE("[]"), GLOB_GENERAL, SLICE(""), SLICE(""), SLICE(""), 1, 1},
        {SLICE("a*bcd*e"), GLOB_GENERAL, SLICE("a"), SLICE("e"), SLICE("bcd"), 5, SIZE_MAX},
        {SLICE("*b*"), GLOB_GENERAL, SLICE(""), SLICE(""), SLICE("b"), 1, SIZE_MAX},
        {SLICE("a*?b"), GLOB_GENERAL, SLICE("a"), SLICE("b"), SLICE("a"), 3, SIZE_MAX},
        {SLICE("a[bc"), GLOB_GENERAL, SLICE("a"), SLICE(""), SLICE("a"), 2, 2},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buffer store = {0};
        struct glob_parts parts;
        glob_analyse(cases[i].pattern, &store, &parts);
        assert_int_equal(parts.kind, cases[i].kind);
        assert_slice(parts.prefix, cases[i].prefix);
        assert_slice(parts.suffix, cases[i].suffix);
        assert_slice(parts.longest, cases[i].longest);
        assert_true(parts.len_min == cases[i].len_min && parts.len_max == cases[i].len_max);
        buffer_fini(&store);
    }
}

static void test_literal_prefix(void **state)
{
    (void)state;
    struct buffer out = {0};
    buffer_add(&out, ">", 1);
    assert_int_equal(glob_literal_prefix(SLICE("user\\:1\\*?x"), &out), 9);
    assert_slice(buffer_slice(&out), SLICE(">user:1*"));
    assert_int_equal(glob_literal_prefix(SLICE("*x"), &out), 0);
    assert_int_equal(glob_literal_prefix(SLICE(""), &out), 0);
    assert_int_equal(glob_literal_prefix(SLICE("a\\"), &out), 2);
    assert_slice(buffer_slice(&out), SLICE(">user:1*a\\"));
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),          cmocka_unit_test(test_nocase),
        cmocka_unit_test(test_model),          cmocka_unit_test(test_slow_patterns),
        cmocka_unit_test(test_long_segments),  cmocka_unit_test(test_very_long_segments),
        cmocka_unit_test(test_runs),           cmocka_unit_test(test_analyse),
        cmocka_unit_test(test_literal_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
