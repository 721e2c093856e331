/* The reply writer: the bytes of every kind of reply in both protocols. */
#include "../../src/resp/write.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Two writers side by side, one of each protocol. */
struct both {
    struct buffer resp2, resp3;
    struct resp_writer two, three;
};

static int set_up(void **state)
{
    struct both *b = calloc(1, sizeof *b);
    b->two = (struct resp_writer){.out = &b->resp2, .proto = 2};
    b->three = (struct resp_writer){.out = &b->resp3, .proto = 3};
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct both *b = *state;
    buffer_fini(&b->resp2);
    buffer_fini(&b->resp3);
    free(b);
    return 0;
}

static void assert_buffer(struct buffer *b, const char *want, size_t len)
{
    assert_int_equal(b->len, len);
    assert_memory_equal(b->at, want, len);
    b->len = 0;
}

/* Writes a reply in both protocols and compares with the bytes wanted. */
#define assert_reply(b, want2, want3, write, ...)             \
    do {                                                      \
        write(&(b)->two, ##__VA_ARGS__);                      \
        write(&(b)->three, ##__VA_ARGS__);                    \
        assert_buffer(&(b)->resp2, want2, sizeof(want2) - 1); \
        assert_buffer(&(b)->resp3, want3, sizeof(want3) - 1); \
    } while (0)

#define assert_same_reply(b, want, write, ...) assert_reply(b, want, want, write, ##__VA_ARGS__)

static void test_lines(void **state)
{
    struct both *b = *state;
    assert_same_reply(b, "+PONG\r\n", resp_simple, SLICE("PONG"));
    assert_same_reply(b, "+\r\n", resp_simple, SLICE(""));
    assert_same_reply(b, "+a  b\r\n", resp_simple, SLICE("a\r\nb"));
    assert_same_reply(b, "+OK\r\n", resp_ok);
    assert_same_reply(b, "-ERR no\r\n", resp_error, SLICE("ERR no"));
    assert_same_reply(b, "-ERR a b \r\n", resp_error, SLICE("ERR a\nb\r"));
    assert_same_reply(b, "-ERR 'x y' 5\r\n", resp_errorf, "ERR '%s' %d", "x\ny", 5);
    assert_same_reply(b, "-ERR\r\n", resp_errorf, "%s", "ERR");
}

static void test_long_error(void **state)
{
    struct both *b = *state;
    enum { LEN = 5000 };
    char text[LEN + 1];
    memset(text, 'x', LEN);
    text[LEN] = 0;
    resp_errorf(&b->two, "ERR %s", text);
    assert_int_equal(b->resp2.len, LEN + 7);
    assert_memory_equal(b->resp2.at, "-ERR x", 6);
    assert_memory_equal(b->resp2.at + LEN + 4, "x\r\n", 3);
}

static void test_integers(void **state)
{
    struct both *b = *state;
    assert_same_reply(b, ":0\r\n", resp_int, 0);
    assert_same_reply(b, ":9\r\n", resp_int, 9);
    assert_same_reply(b, ":10\r\n", resp_int, 10);
    assert_same_reply(b, ":-1\r\n", resp_int, -1);
    assert_same_reply(b, ":9223372036854775807\r\n", resp_int, INT64_MAX);
    assert_same_reply(b, ":-9223372036854775808\r\n", resp_int, INT64_MIN);
    assert_same_reply(b, "$1\r\n7\r\n", resp_bulk_int, 7);
    assert_same_reply(b, "$20\r\n-9223372036854775808\r\n", resp_bulk_int, INT64_MIN);
}

static void test_bulk(void **state)
{
    struct both *b = *state;
    assert_same_reply(b, "$0\r\n\r\n", resp_bulk, (struct slice){0});
    assert_same_reply(b, "$5\r\na\r\n\0b\r\n", resp_bulk, SLICE("a\r\n\0b"));
    assert_same_reply(b, "$11\r\nhello world\r\n", resp_bulk_text, "hello world");
}

/* Lengths around the number of digits and around the growth of the buffer. */
static void test_bulk_lengths(void **state)
{
    struct both *b = *state;
    enum { MAX = 3000 };
    char bytes[MAX], head[32];
    memset(bytes, 'y', MAX);
    for (size_t len = 0; len < MAX; len++) {
        size_t start = b->resp2.len;
        resp_bulk(&b->two, slice_of(bytes, len));
        int head_len = snprintf(head, sizeof head, "$%zu\r\n", len);
        const char *got = b->resp2.at + start;
        assert_int_equal(b->resp2.len - start, (size_t)head_len + len + 2);
        assert_memory_equal(got, head, head_len);
        if (len) assert_memory_equal(got + head_len, bytes, len);
        assert_memory_equal(got + (size_t)head_len + len, "\r\n", 2);
        if (len % 500 == 0) b->resp2.len = 0;
    }
}

static void test_nulls(void **state)
{
    struct both *b = *state;
    assert_reply(b, "$-1\r\n", "_\r\n", resp_null);
    assert_reply(b, "*-1\r\n", "_\r\n", resp_null_array);
}

static void test_aggregates(void **state)
{
    struct both *b = *state;
    assert_same_reply(b, "*0\r\n", resp_array, 0);
    assert_same_reply(b, "*1048576\r\n", resp_array, 1048576);
    assert_reply(b, "*4\r\n", "%2\r\n", resp_map, 2);
    assert_reply(b, "*20\r\n", "%10\r\n", resp_map, 10);
    assert_reply(b, "*3\r\n", "~3\r\n", resp_set, 3);
    assert_reply(b, "*3\r\n", ">3\r\n", resp_push, 3);
    resp_attribute(&b->three, 1);
    assert_buffer(&b->resp3, "|1\r\n", 4);
}

static void test_scalars(void **state)
{
    struct both *b = *state;
    assert_reply(b, "$3\r\n3.5\r\n", ",3.5\r\n", resp_double, 3.5);
    assert_reply(b, "$1\r\n7\r\n", ",7\r\n", resp_double, 7);
    assert_reply(b, "$3\r\n0.1\r\n", ",0.1\r\n", resp_double, 0.1);
    assert_reply(b, "$5\r\n1e+21\r\n", ",1e+21\r\n", resp_double, 1e21);
    assert_reply(b, "$3\r\ninf\r\n", ",inf\r\n", resp_double, INFINITY);
    assert_reply(b, "$4\r\n-inf\r\n", ",-inf\r\n", resp_double, -INFINITY);
    assert_reply(b, ":1\r\n", "#t\r\n", resp_bool, true);
    assert_reply(b, ":0\r\n", "#f\r\n", resp_bool, false);
    assert_reply(b, "$4\r\n1234\r\n", "(1234\r\n", resp_big_number, SLICE("1234"));
    assert_reply(b, "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n", resp_verbatim, "txt", SLICE("hi"));
    assert_reply(b, "$0\r\n\r\n", "=4\r\nmkd:\r\n", resp_verbatim, "mkd", SLICE(""));
}

/* Replies follow each other without a gap, whatever was in the buffer. */
static void test_append(void **state)
{
    struct both *b = *state;
    buffer_add(&b->resp3, "junk", 4);
    resp_map(&b->three, 1);
    resp_bulk_text(&b->three, "k");
    resp_null(&b->three);
    assert_buffer(&b->resp3, "junk%1\r\n$1\r\nk\r\n_\r\n", 18);
}

/* A string beyond the bound is left out and the reply marked as useless; up to it nothing is. */
static void test_bound(void **state)
{
    struct both *b = *state;
    b->two.out_max = b->three.out_max = 10;
    assert_same_reply(b, "$10\r\n0123456789\r\n", resp_bulk, SLICE("0123456789"));
    assert_false(b->two.cut || b->three.cut);
    assert_same_reply(b, "", resp_bulk, SLICE("0123456789a"));
    assert_true(b->two.cut && b->three.cut);
    b->two.cut = b->three.cut = false;
    resp_bulk_text(&b->two, "0123"); /* ten bytes of reply: not even an empty string is past it */
    resp_bulk_text(&b->two, "");
    assert_false(b->two.cut);
    resp_verbatim(&b->two, "txt", SLICE("a"));
    assert_true(b->two.cut);
    assert_buffer(&b->resp2, "$4\r\n0123\r\n$0\r\n\r\n", 16);
    resp_verbatim(&b->three, "txt", SLICE("0123456789a"));
    assert_true(b->three.cut);
    assert_int_equal(b->resp3.len, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_lines),        TEST(test_long_error), TEST(test_integers),   TEST(test_bulk),
        TEST(test_bulk_lengths), TEST(test_nulls),      TEST(test_aggregates), TEST(test_scalars),
        TEST(test_append),       TEST(test_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
