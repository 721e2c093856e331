/* Numbers, sizes and quoting, by table and against the C library. */
#include "../../src/base/buffer.h"
#include "../../src/base/err.h"
#include "../../src/base/random.h"
#include "../../src/base/text.h"

#include <inttypes.h>
#include <math.h>
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

static void assert_slice(struct slice got, struct slice want)
{
    assert_int_equal(got.len, want.len);
    if (want.len) assert_memory_equal(got.at, want.at, want.len);
}

static void test_int_spellings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"7", true, 7},
        {"-1", true, -1},
        {"1234567890", true, 1234567890},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"999999999999999999", true, 999999999999999999},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"9999999999999999999", false, 0},
        {"10000000000000000000", false, 0},
        {"18446744073709551617", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"-0", false, 0},
        {"00", false, 0},
        {"01", false, 0},
        {"-01", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x1", false, 0},
        {"1:", false, 0},
        {"/1", false, 0},
        {"--1", false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t value = 77;
        assert_int_equal(text_to_int(slice_text(cases[i].text), &value), cases[i].valid);
        assert_int_equal(value, cases[i].valid ? cases[i].value : 77);
    }
    int64_t value;
    assert_false(text_to_int(SLICE("1\0"), &value));
    assert_false(text_to_int((struct slice){0}, &value));
}

static void test_uint_spellings(void **state)
{
    (void)state;
    uint64_t value;
    assert_true(text_to_uint(SLICE("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_true(text_to_uint(SLICE("18446744073709551609"), &value));
    assert_true(text_to_uint(SLICE("10000000000000000000"), &value));
    assert_true(value == 10000000000000000000u);
    assert_true(text_to_uint(SLICE("0"), &value));
    assert_int_equal(value, 0);
    static const char *const wrong[] = {
        "18446744073709551616",
        "18446744073709551620",
        "99999999999999999999",
        "1844674407370955161x",
        "184467440737095516150",
        "-1",
        "01",
        "",
        "00000000000000000001",
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(text_to_uint(slice_text(wrong[i]), &value));
}

static void check_int(int64_t value)
{
    char want[32], got[TEXT_INT_MAX];
    int64_t back;
    snprintf(want, sizeof want, "%" PRId64, value);
    size_t len = text_from_int(got, value);
    assert_slice(slice_of(got, len), slice_text(want));
    assert_true(text_to_int(slice_of(got, len), &back));
    assert_true(back == value);

    uint64_t unsigned_back;
    snprintf(want, sizeof want, "%" PRIu64, (uint64_t)value);
    len = text_from_uint(got, (uint64_t)value);
    assert_slice(slice_of(got, len), slice_text(want));
    assert_int_equal(text_uint_digits((uint64_t)value), len);
    assert_true(text_to_uint(slice_of(got, len), &unsigned_back));
    assert_true(unsigned_back == (uint64_t)value);
}

static void test_int_round_trip(void **state)
{
    (void)state;
    check_int(0);
    check_int(INT64_MIN);
    for (uint64_t ten = 1; ten <= 10000000000000000000u / 10; ten *= 10)
        for (int d = -1; d <= 1; d++) {
            check_int((int64_t)(ten + (uint64_t)d));
            check_int(-(int64_t)ten + d);
        }
    for (int bit = 0; bit < 64; bit++)
        for (int d = -1; d <= 1; d++) check_int((int64_t)(((uint64_t)1 << bit) + (uint64_t)d));
    struct random rnd = seeded();
    for (int i = 0; i < 20000; i++) check_int((int64_t)(random_u64(&rnd) >> (i % 64)));
}

static void test_double_spellings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } right[] = {
        {"0", 0},
        {"1", 1},
        {"-2.5", -2.5},
        {".5", 0.5},
        {"5.", 5},
        {"+5", 5},
        {"1e5", 1e5},
        {"-1E-5", -1e-5},
        {"0x10", 16},
        {"inf", INFINITY},
        {"-inf", -INFINITY},
        {"Infinity", INFINITY},
        {"0.1", 0.1},
        {"00012", 12},
        {"4.9e-324", 5e-324},
        {"9007199254740993", 0x1p53},
        {"3.140000", 3.14},
        {"123456789.123456789", 123456789.123456789},
    };
    static const char *const wrong[] = {"",    "-",      ".",   "-.",    "nan",  "1e400", "1e-400",
                                        " 1",  "1 ",     "\t1", "1.2.3", "1,5",  "abc",   "1x",
                                        "--1", "-1e400", "0x",  "1e",    "1.5kb"};
    double value;
    long double precise;
    for (size_t i = 0; i < COUNT(right); i++) {
        assert_true(text_to_double(slice_text(right[i].text), &value));
        assert_true(value == right[i].value);
        assert_true(text_to_long_double(slice_text(right[i].text), &precise));
        assert_true((double)precise == right[i].value);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        value = 77;
        assert_false(text_to_double(slice_text(wrong[i]), &value));
        assert_true(value == 77);
    }
    assert_false(text_to_double(SLICE("1\0"), &value));
    assert_true(text_to_double(SLICE("-0"), &value));
    assert_true(value == 0 && signbit(value));
    assert_true(text_to_long_double(SLICE("1e400"), &precise));
    assert_false(text_to_long_double(SLICE("1e5000"), &precise));
    assert_false(text_to_long_double(SLICE("nan"), &precise));
    assert_false(text_to_long_double(SLICE(" 1"), &precise));

    char digits[TEXT_LONG_DOUBLE_MAX + 1];
    memset(digits, '0', sizeof digits);
    digits[sizeof digits - 2] = '1';
    assert_true(text_to_double(slice_of(digits, sizeof digits - 1), &value));
    assert_true(value == 1);
    assert_false(text_to_double(slice_of(digits, sizeof digits), &value));
}

static void test_double_texts(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-42, "-42"},
        {3.5, "3.5"},
        {0.1, "0.1"},
        {-0.001, "-0.001"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {0.000012, "1.2e-05"},
        {1.1 + 0.1, "1.2000000000000002"},
        {1e15, "1000000000000000"},
        {1e16, "10000000000000000"},
        {1e17, "1e+17"},
        {12345678901234567.0, "12345678901234568"},
        {1e21, "1e+21"},
        {1.5e300, "1.5e+300"},
        {-1e-100, "-1e-100"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1000000000000000.5, "1000000000000000.5"},
        {9007199254740992.0, "9007199254740992"},
        {1700000000.123456, "1700000000.123456"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[TEXT_DOUBLE_MAX];
        size_t len = text_from_double(text, cases[i].value);
        assert_slice(slice_of(text, len), slice_text(cases[i].text));
    }
}

static int significant_digits(const char *text)
{
    int digits = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text == '-' || *text == '.' || (*text == '0' && !digits)) continue;
        digits++;
        zeros = *text == '0' ? zeros + 1 : 0;
    }
    return digits - zeros;
}

static void check_double(double value)
{
    char text[TEXT_DOUBLE_MAX + 1], other[64];
    double back;
    size_t len = text_from_double(text, value);
    assert_in_range(len, 1, TEXT_DOUBLE_MAX);
    text[len] = 0;
    assert_true(strtod(text, NULL) == value);
    assert_true(text_to_double(slice_of(text, len), &back));
    assert_true(back == value);
    /* As few digits as printf needs for a text that reads back the same. */
    int digits = 1;
    do snprintf(other, sizeof other, "%.*e", digits - 1, value);
    while (strtod(other, NULL) != value && digits++);
    if (value != trunc(value)) assert_int_equal(significant_digits(text), digits);
}

static void test_double_round_trip(void **state)
{
    (void)state;
    struct random rnd = seeded();
    for (int i = 0; i < 20000; i++) {
        union {
            uint64_t bits;
            double value;
        } any = {random_u64(&rnd)};
        if (isfinite(any.value)) check_double(any.value);
        double whole = (double)(int64_t)(random_u64(&rnd) >> 20);
        check_double(whole);
        check_double(whole / exp10((double)(i % 23)));
        check_double(-whole / 3);
    }
}

static void test_plain_decimals(void **state)
{
    (void)state;
    struct random rnd = seeded();
    for (int i = 0; i < 20000; i++) {
        char text[64];
        double value;
        uint64_t a = random_u64(&rnd) >> (1 + random_u64(&rnd) % 62),
                 b = random_u64(&rnd) >> (1 + random_u64(&rnd) % 62);
        int len = snprintf(text, sizeof text, "%s%" PRIu64 ".%" PRIu64, i % 2 ? "-" : "", a, b);
        assert_true(text_to_double(slice_of(text, (size_t)len), &value));
        assert_true(value == strtod(text, NULL));
    }
}

static void test_long_double_texts(void **state)
{
    (void)state;
    static const struct {
        long double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0L, "0"},
        {1, "1"},
        {10, "10"},
        {100.5L, "100.5"},
        {0.1L, "0.1"},
        {-3.25L, "-3.25"},
        {5e-18L, "0"},
        {-5e-18L, "0"},
        {-1e-30L, "0"},
        {1e-17L, "0.00000000000000001"},
        {123456789012.0L, "123456789012"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
    };
    static char text[TEXT_LONG_DOUBLE_MAX];
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len = text_from_long_double(text, cases[i].value);
        assert_slice(slice_of(text, len), slice_text(cases[i].text));
    }
    long double back, most = 1.18973149535723176502e+4932L;
    size_t len = text_from_long_double(text, -most);
    assert_int_equal(len, 4934);
    assert_true(text_to_long_double(slice_of(text, len), &back));
    assert_true(back == -most);
}

static void test_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
        uint64_t value;
    } cases[] = {
        {"0", true, 0},
        {"100", true, 100},
        {"7b", true, 7},
        {"1k", true, 1000},
        {"1kb", true, 1024},
        {"1Kb", true, 1024},
        {"2m", true, 2000000},
        {"2MB", true, 2 << 20},
        {"3g", true, 3000000000},
        {"3gb", true, (uint64_t)3 << 30},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"17179869184gb", false, 0},
        {"", false, 0},
        {"kb", false, 0},
        {"-1", false, 0},
        {"1.5gb", false, 0},
        {"1tb", false, 0},
        {"1 kb", false, 0},
        {"1kbb", false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t value = 0;
        assert_int_equal(text_to_bytes(slice_text(cases[i].text), &value), cases[i].valid);
        if (cases[i].valid) assert_true(value == cases[i].value);
    }
}

static void test_human_bytes(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {{0, "0B"},
                 {1023, "1023B"},
                 {1024, "1.00K"},
                 {1536, "1.50K"},
                 {2 << 20, "2.00M"},
                 {3328599654, "3.10G"},
                 {(uint64_t)5 << 40, "5.00T"},
                 {UINT64_MAX, "16.00E"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[32];
        text_human_bytes(text, cases[i].bytes);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_quote(void **state)
{
    (void)state;
    struct buffer b = {0};
    buffer_add(&b, "> ", 2);
    text_quote(&b, SLICE("a\"b\\c\n\r\t\a\b ~\x7f\0\xff'"));
    assert_slice(buffer_slice(&b), SLICE("> \"a\\\"b\\\\c\\n\\r\\t\\a\\b ~\\x7f\\x00\\xff'\""));
    b.len = 0;
    text_quote(&b, SLICE(""));
    assert_slice(buffer_slice(&b), SLICE("\"\""));
    buffer_fini(&b);
}

enum { WORDS_MAX = 8 };

struct split_case {
    struct slice line;
    int count; /* or the error */
    struct slice words[WORDS_MAX];
};

static void test_split_words(void **state)
{
    (void)state;
    static const struct split_case cases[] = {
        {SLICE(""), 0, {{0}}},
        {SLICE(" \t\r\n\v\f"), 0, {{0}}},
        {SLICE("get key"), 2, {SLICE("get"), SLICE("key")}},
        {SLICE("  save 900   1\t"), 3, {SLICE("save"), SLICE("900"), SLICE("1")}},
        {SLICE("a \"b c\" d"), 3, {SLICE("a"), SLICE("b c"), SLICE("d")}},
        {SLICE("\"\" ''"), 2, {SLICE(""), SLICE("")}},
        {SLICE("\"\\n\\r\\t\\a\\b\\\\\\\"\\q\""), 1, {SLICE("\n\r\t\a\b\\\"q")}},
        {SLICE("\"\\x41\\x0a\\xFf\\xf\\xg1\""), 1, {SLICE("A\n\xffxfxg1")}},
        {SLICE("\"\\x4\""), 1, {SLICE("x4")}},
        {SLICE("'a\\'b\\n\"'"), 1, {SLICE("a'b\\n\"")}},
        {SLICE("ab\"c d\" e"), 2, {SLICE("abc d"), SLICE("e")}},
        {SLICE("ab'c d'"), 1, {SLICE("abc d")}},
        {SLICE("a\\nb \\\" x"), ERR_SYNTAX, {{0}}},
        {SLICE("a\vb"), 1, {SLICE("a\vb")}},
        {SLICE("\"a\"\vb"), 2, {SLICE("a"), SLICE("b")}},
        {SLICE("\"a\"b"), ERR_SYNTAX, {{0}}},
        {SLICE("'a''b'"), ERR_SYNTAX, {{0}}},
        {SLICE("x \"abc"), ERR_SYNTAX, {{0}}},
        {SLICE("x 'abc"), ERR_SYNTAX, {{0}}},
        {SLICE("\"abc\\"), ERR_SYNTAX, {{0}}},
        {SLICE("\"abc\\\""), ERR_SYNTAX, {{0}}},
        {SLICE("\""), ERR_SYNTAX, {{0}}},
        {SLICE("a\0b \"c\0\""), 2, {SLICE("a\0b"), SLICE("c\0")}},
        {SLICE("1 2 3 4 5 6 7 8 9"), ERR_LIMIT, {{0}}},
        {SLICE("1 2 3 4 5 6 7 8 "),
         8,
         {SLICE("1"), SLICE("2"), SLICE("3"), SLICE("4"), SLICE("5"), SLICE("6"), SLICE("7"),
          SLICE("8")}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buffer store = {0};
        struct slice words[WORDS_MAX];
        int got = text_split_words(cases[i].line, &store, words, WORDS_MAX);
        assert_int_equal(got, cases[i].count);
        for (int w = 0; w < got; w++) assert_slice(words[w], cases[i].words[w]);
        buffer_fini(&store);
    }
}

/* What text_quote wrote, text_split_words reads. */
static void test_quote_round_trip(void **state)
{
    (void)state;
    struct random rnd = seeded();
    for (int i = 0; i < 2000; i++) {
        char bytes[3][40];
        size_t lens[3];
        struct buffer line = {0}, store = {0};
        struct slice words[4];
        for (int w = 0; w < 3; w++) {
            lens[w] = random_u64(&rnd) % sizeof bytes[w];
            for (size_t b = 0; b < lens[w]; b++) bytes[w][b] = (char)random_u64(&rnd);
            text_quote(&line, slice_of(bytes[w], lens[w]));
            buffer_add_byte(&line, ' ');
        }
        assert_int_equal(text_split_words(buffer_slice(&line), &store, words, 4), 3);
        for (int w = 0; w < 3; w++) assert_slice(words[w], slice_of(bytes[w], lens[w]));
        buffer_fini(&line);
        buffer_fini(&store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_int_spellings),
        cmocka_unit_test(test_uint_spellings),
        cmocka_unit_test(test_int_round_trip),
        cmocka_unit_test(test_double_spellings),
        cmocka_unit_test(test_double_texts),
        cmocka_unit_test(test_double_round_trip),
        cmocka_unit_test(test_plain_decimals),
        cmocka_unit_test(test_long_double_texts),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_human_bytes),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_split_words),
        cmocka_unit_test(test_quote_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
