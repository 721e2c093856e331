/* Effects as commands in JSON, and JSON strings. */
#include "../../src/base/buffer.h"
#include "../../src/base/mem.h"
#include "../../src/record/json.h"
#include "../../src/record/record.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct buffer out;

static const char *text(void)
{
    buffer_add_byte(&out, '\0');
    return out.at;
}

static void expect_effect(struct effect e, const char *json)
{
    bool cut = false;
    out.len = 0;
    assert_true(effect_to_json(&out, &e, SIZE_MAX, &cut));
    assert_false(cut);
    assert_string_equal(text(), json);
}

static void test_each_verb(void **state)
{
    (void)state;
    const struct slice k = SLICE("k"), v = SLICE("v"), none = SLICE("");
    expect_effect((struct effect){EFFECT_SET, 0, k, v, WHEN_NONE, FORM_SET, 0, NULL},
                  "[\"SET\",\"k\",\"v\"]");
    expect_effect((struct effect){EFFECT_SET, 0, k, v, WHEN_KEPT, FORM_SET, 0, NULL},
                  "[\"SET\",\"k\",\"v\",\"KEEPTTL\"]");
    expect_effect((struct effect){EFFECT_SET, 0, k, v, 17, FORM_SET, 0, NULL},
                  "[\"SET\",\"k\",\"v\",\"PXAT\",\"17\"]");
    expect_effect((struct effect){EFFECT_SET, 0, k, v, 0, FORM_SET, 0, NULL},
                  "[\"SET\",\"k\",\"v\",\"PXAT\",\"0\"]");
    expect_effect((struct effect){EFFECT_DEL, 0, k, none, 0, FORM_SET, 0, NULL}, "[\"DEL\",\"k\"]");
    expect_effect((struct effect){EFFECT_PEXPIREAT, 0, k, none, 9, FORM_SET, 0, NULL},
                  "[\"PEXPIREAT\",\"k\",\"9\"]");
    expect_effect((struct effect){EFFECT_PERSIST, 0, k, none, 0, FORM_SET, 0, NULL},
                  "[\"PERSIST\",\"k\"]");
    expect_effect((struct effect){EFFECT_APPEND, 0, k, v, 0, FORM_SET, 0, NULL},
                  "[\"APPEND\",\"k\",\"v\"]");
    expect_effect((struct effect){EFFECT_SETRANGE, 0, k, v, 5, FORM_SET, 0, NULL},
                  "[\"SETRANGE\",\"k\",\"5\",\"v\"]");
    expect_effect((struct effect){EFFECT_RENAME, 0, k, v, 0, FORM_SET, 0, NULL},
                  "[\"RENAME\",\"k\",\"v\"]");
    expect_effect((struct effect){EFFECT_MOVE, 0, k, none, 3, FORM_SET, 0, NULL},
                  "[\"MOVE\",\"k\",\"3\"]");
    expect_effect((struct effect){EFFECT_COPY, 0, k, v, 3, FORM_SET, 0, NULL},
                  "[\"COPY\",\"k\",\"v\",\"DB\",\"3\",\"REPLACE\"]");
    expect_effect((struct effect){EFFECT_FLUSHDB, 4, none, none, 0, FORM_SET, 0, NULL},
                  "[\"FLUSHDB\"]");
    expect_effect((struct effect){EFFECT_SWAPDB, 4, none, none, 5, FORM_SET, 0, NULL},
                  "[\"SWAPDB\",\"4\",\"5\"]");
    const struct slice words[] = {SLICE("1.5"), SLICE("m\n")};
    expect_effect((struct effect){EFFECT_ZADD, 0, k, none, 0, FORM_SET, 2, words},
                  "[\"ZADD\",\"k\",\"1.5\",\"m\\n\"]");
    expect_effect((struct effect){EFFECT_LPOP, 0, k, none, 0, FORM_SET, 0, NULL},
                  "[\"LPOP\",\"k\"]");
}

/* For every bound: within it, an array, a prefix of the whole in words and bytes. */
static void test_every_cut(void **state)
{
    (void)state;
    const struct effect e = {EFFECT_SET,
                             0,
                             SLICE("k\n\xc3\xa9"),
                             SLICE("\"0123456789\"\xe2\x82\xac"),
                             1763800009999,
                             FORM_SET,
                             0,
                             NULL};
    const char *whole = "[\"SET\",\"k\\n\xc3\xa9\",\"\\\"0123456789\\\"\xe2\x82\xac\",\"PXAT\","
                        "\"1763800009999\"]";
    for (size_t max = 0; max < 60; max++) {
        bool cut = false;
        out.len = 0;
        buffer_add_slice(&out, SLICE("before"));
        assert_true(effect_to_json(&out, &e, max, &cut));
        size_t size = out.len - 6, quotes = 0;
        assert_int_equal(cut, max < 3 + 5 + 17 + 4 + 13);
        if (!cut) assert_string_equal(text() + 6, whole);
        if (!cut) continue;
        assert_int_equal(out.at[out.len - 1], ']');
        for (size_t i = 6; i < out.len; i++) quotes += out.at[i] == '"' && out.at[i - 1] != '\\';
        assert_int_equal(quotes % 2, 0);
        assert_true(size - 2 - quotes - (quotes ? quotes / 2 - 1 : 0) <= max);
        size_t same = quotes ? size - 2 : size - 1; /* without the end that was put on */
        assert_memory_equal(out.at + 6, whole, same);
    }
}

static void test_binary(void **state)
{
    (void)state;
    const struct effect e = {EFFECT_APPEND, 0, SLICE("k"), SLICE("\xff\xfe\xfd\xfc"), 0,
                             FORM_SET,      0, NULL};
    bool cut = false;
    out.len = 0;
    buffer_add_slice(&out, SLICE("before"));
    assert_false(effect_to_json(&out, &e, SIZE_MAX, &cut));
    assert_int_equal(out.len, 6);
    effect_to_json_b64(&out, &e, SIZE_MAX, &cut);
    assert_false(cut);
    assert_string_equal(text(), "before[\"QVBQRU5E\",\"aw==\",\"//79/A==\"]");
    out.len = 0;
    effect_to_json_b64(&out, &e, 8 + 4 + 7, &cut);
    assert_true(cut);
    assert_string_equal(text(), "[\"QVBQRU5E\",\"aw==\",\"//79\"]");
    out.len = 0;
    effect_to_json_b64(&out, &e, 7, &cut);
    assert_string_equal(text(), "[]");
}

static bool is_utf8(const char *bytes, size_t len)
{
    out.len = 0;
    return json_add_string(&out, slice_of(bytes, len), SIZE_MAX, NULL);
}

static void test_utf8(void **state)
{
    (void)state;
    assert_true(is_utf8("", 0));
    assert_true(is_utf8("\x7f", 1));
    assert_true(is_utf8("\xc2\x80", 2));
    assert_true(is_utf8("\xed\x9f\xbf", 3));
    assert_true(is_utf8("\xee\x80\x80", 3));
    assert_true(is_utf8("\xf4\x8f\xbf\xbf", 4));
    assert_true(is_utf8("\xf0\x90\x80\x80x", 5));
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2x",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xe2\x82x",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "ok\xbf"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(is_utf8(bad[i], strlen(bad[i])));
    out.len = 0;
    assert_true(json_add_string(&out, SLICE("\0\x1f\"\\/\b\f\n\r\t\x7f"), SIZE_MAX, NULL));
    assert_string_equal(text(), "\"\\u0000\\u001f\\\"\\\\/\\b\\f\\n\\r\\t\x7f\"");
}

static int no_leak(void **state)
{
    (void)state;
    buffer_fini(&out);
    return mem_used() == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_each_verb, no_leak),
        cmocka_unit_test_teardown(test_every_cut, no_leak),
        cmocka_unit_test_teardown(test_binary, no_leak),
        cmocka_unit_test_teardown(test_utf8, no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
