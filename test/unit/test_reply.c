/* The parser of replies: every type, every way to cut the bytes, every way to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../src/resp/reply.h"

enum {
    TRACE_MAX = 8192,
    BYTES_MAX = 1000,
    COUNT_MAX = 100,
};

/* ---- a reply written out: one word per token, with its depth ---- */

struct trace {
    char text[TRACE_MAX];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void trace_add(struct trace *t, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    t->len += (size_t)vsnprintf(t->text + t->len, sizeof t->text - t->len, form, args);
    va_end(args);
    assert_true(t->len < sizeof t->text);
}

static void trace_token(struct trace *t, const struct resp_token *token)
{
    static const char *const names[] = {"string", "status", "error", "int",  "double",
                                        "bool",   "big",    "verb",  "null", "array",
                                        "map",    "set",    "push",  "attr"};
    trace_add(t, "%d%s", token->depth, names[token->kind]);
    if (resp_kind_holds(token->kind)) trace_add(t, "%zu", token->count);
    if (token->kind == RESP_KIND_INTEGER || token->kind == RESP_KIND_BOOL)
        trace_add(t, "=%lld", (long long)token->integer);
    else if (token->kind == RESP_KIND_VERBATIM)
        trace_add(t, "=%s:%.*s", token->format, (int)token->text.len, token->text.at);
    else if (token->text.len)
        trace_add(t, "=%.*s", (int)token->text.len, token->text.at);
    trace_add(t, token->last ? ". " : " ");
}

/* Feeds `bytes` in pieces of `step`; the input is copied to an exact allocation each time, so that
 * a look beyond its end is caught, and moves between calls. */
static void parse(struct slice bytes, size_t step, struct trace *t)
{
    struct resp_reply_parser p;
    resp_reply_init(&p, BYTES_MAX, COUNT_MAX);
    size_t from = 0, have = 0;
    while (from < bytes.len || have < bytes.len) {
        char *copy = malloc(have - from + 1);
        assert_non_null(copy);
        memcpy(copy, bytes.at + from, have - from);
        copy = realloc(copy, have > from ? have - from : 1);
        struct resp_token token;
        enum resp_reply_status status = resp_reply_next(&p, copy, have - from, &token);
        if (status == RESP_REPLY_TOKEN) {
            trace_token(t, &token);
            from += token.size;
            assert_true(from <= have);
        } else if (status == RESP_REPLY_MORE) {
            assert_true(p.bytes_needed > have - from);
            if (have == bytes.len) trace_add(t, "more");
        } else {
            trace_add(t, status == RESP_REPLY_BAD ? "bad(%s)" : "limit(%s)", p.error);
        }
        free(copy);
        if (status < 0 || (status == RESP_REPLY_MORE && have == bytes.len)) return;
        if (status == RESP_REPLY_MORE) have = have + step < bytes.len ? have + step : bytes.len;
    }
}

static void expect(struct slice bytes, const char *wanted)
{
    const size_t steps[] = {1, 2, 3, 5, 7, 1000000};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct trace t = {.len = 0};
        parse(bytes, steps[i], &t);
        if (strcmp(t.text, wanted) != 0) print_message("in pieces of %zu:\n", steps[i]);
        assert_string_equal(t.text, wanted);
    }
}
#define EXPECT(bytes, wanted) expect(SLICE(bytes), wanted)

static void every_type(void **state)
{
    (void)state;
    EXPECT("+OK\r\n", "0status=OK. ");
    EXPECT("+\r\n", "0status. ");
    EXPECT("-ERR no\r\n", "0error=ERR no. ");
    EXPECT("!6\r\nERR\r\nx\r\n", "0error=ERR\r\nx. ");
    EXPECT(":-12\r\n", "0int=-12. ");
    EXPECT(":+12\r\n", "0int=12. ");
    EXPECT(":9223372036854775807\r\n", "0int=9223372036854775807. ");
    EXPECT(":-9223372036854775808\r\n", "0int=-9223372036854775808. ");
    EXPECT("$5\r\na\r\nbc\r\n", "0string=a\r\nbc. ");
    EXPECT("$0\r\n\r\n", "0string. ");
    EXPECT("$-1\r\n", "0null. ");
    EXPECT("*-1\r\n", "0null. ");
    EXPECT("_\r\n", "0null. ");
    EXPECT("#t\r\n#f\r\n", "0bool=1. 0bool=0. ");
    EXPECT(",-1.5e3\r\n,inf\r\n", "0double=-1.5e3. 0double=inf. ");
    EXPECT("(-12345678901234567890\r\n", "0big=-12345678901234567890. ");
    EXPECT("=7\r\ntxt:a\nb\r\n", "0verb=txt:a\nb. ");
    EXPECT("=4\r\nmkd:\r\n", "0verb=mkd:. ");
    EXPECT("+a lone \r and \n in it\r\n", "0status=a lone \r and \n in it. ");
    EXPECT("+ends in\r\r\n", "0status=ends in\r. ");
}

static void aggregates(void **state)
{
    (void)state;
    EXPECT("*0\r\n%0\r\n~0\r\n>0\r\n", "0array0. 0map0. 0set0. 0push0. ");
    EXPECT("*2\r\n:1\r\n:2\r\n:3\r\n", "0array2 1int=1 1int=2. 0int=3. ");
    EXPECT("%1\r\n+k\r\n*1\r\n_\r\n", "0map2 1status=k 1array1 2null. ");
    EXPECT("*2\r\n*1\r\n*0\r\n~1\r\n#t\r\n", "0array2 1array1 2array0 1set1 2bool=1. ");
    EXPECT(">2\r\n+a\r\n+b\r\n+OK\r\n", "0push2 1status=a 1status=b. 0status=OK. ");
}

static void attributes(void **state)
{
    (void)state;
    EXPECT("|1\r\n+ttl\r\n:3\r\n+OK\r\n", "0attr2 1status=ttl 1int=3 0status=OK. ");
    EXPECT("|0\r\n+OK\r\n", "0attr0 0status=OK. ");
    EXPECT("*2\r\n|1\r\n+a\r\n*1\r\n:9\r\n:1\r\n:2\r\n+x\r\n",
           "0array2 1attr2 2status=a 2array1 3int=9 1int=1 1int=2. 0status=x. ");
    EXPECT("|1\r\n+a\r\n|1\r\n+b\r\n:1\r\n:2\r\n*1\r\n:3\r\n",
           "0attr2 1status=a 1attr2 2status=b 2int=1 1int=2 0array1 1int=3. ");
}

static void incomplete(void **state)
{
    (void)state;
    EXPECT("", "");
    EXPECT("+OK", "more");
    EXPECT("+OK\r", "more");
    EXPECT("$3\r\nab", "more");
    EXPECT("$3\r\nabc\r", "more");
    EXPECT("*2\r\n:1\r\n", "0array2 1int=1 ");
    EXPECT("|1\r\n+a\r\n:1\r\n", "0attr2 1status=a 1int=1 ");
}

static void wrong(void **state)
{
    (void)state;
    EXPECT("HTTP/1.1\r\n", "bad(Protocol error, got \"H\" as reply type byte)");
    EXPECT("\0", "bad(Protocol error, got \"\\x00\" as reply type byte)");
    EXPECT("\xff", "bad(Protocol error, got \"\\xff\" as reply type byte)");
    EXPECT("$-2\r\n", "bad(Protocol error, a string's length is invalid)");
    EXPECT("$1x\r\n", "bad(Protocol error, a string's length is invalid)");
    EXPECT("$\r\n", "bad(Protocol error, a string's length is invalid)");
    EXPECT("=-1\r\n", "bad(Protocol error, a string's length is invalid)");
    EXPECT("$?\r\n", "bad(Protocol error, a string's length is invalid)");
    EXPECT("$1\r\naXY", "bad(Protocol error, a string does not end in CRLF)");
    EXPECT("=3\r\ntxt\r\n", "bad(Protocol error, verbatim text has no format)");
    EXPECT("=4\r\ntxt \r\n", "bad(Protocol error, verbatim text has no format)");
    EXPECT(":\r\n", "bad(Protocol error, an integer is none)");
    EXPECT(":-\r\n", "bad(Protocol error, an integer is none)");
    EXPECT(": 1\r\n", "bad(Protocol error, an integer is none)");
    EXPECT(":9223372036854775808\r\n", "bad(Protocol error, an integer is none)");
    EXPECT(":-9223372036854775809\r\n", "bad(Protocol error, an integer is none)");
    EXPECT(",\r\n", "bad(Protocol error, a double is none)");
    EXPECT(", 1\r\n", "bad(Protocol error, a double is none)");
    EXPECT(",1,5\r\n", "bad(Protocol error, a double is none)");
    EXPECT("#x\r\n", "bad(Protocol error, a boolean is neither t nor f)");
    EXPECT("#\r\n", "bad(Protocol error, a boolean is neither t nor f)");
    EXPECT("(12a\r\n", "bad(Protocol error, a big number is none)");
    EXPECT("(-\r\n", "bad(Protocol error, a big number is none)");
    EXPECT("_x\r\n", "bad(Protocol error, a null has a value)");
    EXPECT("*-2\r\n", "bad(Protocol error, an aggregate's length is invalid)");
    EXPECT("%-1\r\n", "bad(Protocol error, an aggregate's length is invalid)");
    EXPECT("*?\r\n", "bad(Protocol error, an aggregate's length is invalid)");
}

static void limits(void **state)
{
    (void)state;
    EXPECT("$1001\r\n", "limit(Reply refused, a string is too long)");
    EXPECT("$9223372036854775807\r\n", "limit(Reply refused, a string is too long)");
    EXPECT("*101\r\n", "limit(Reply refused, an aggregate has too many elements)");
    EXPECT("%51\r\n", "limit(Reply refused, an aggregate has too many elements)");
    EXPECT("%9223372036854775807\r\n", "limit(Reply refused, an aggregate has too many elements)");
    EXPECT("*100\r\n", "0array100 ");
    EXPECT("%50\r\n", "0map100 ");

    char line[BYTES_MAX + 100];
    memset(line, '+', sizeof line);
    expect(slice_of(line, sizeof line), "limit(Reply refused, a line is too long)");
}

static void depth(void **state)
{
    (void)state;
    char bytes[4 * (RESP_REPLY_DEPTH_MAX + 1)];
    for (size_t i = 0; i < sizeof bytes; i += 4) memcpy(bytes + i, "*1\r\n", 4);
    struct resp_reply_parser p;
    struct resp_token token;

    resp_reply_init(&p, BYTES_MAX, COUNT_MAX);
    for (int i = 0; i < RESP_REPLY_DEPTH_MAX; i++) {
        assert_int_equal(resp_reply_next(&p, bytes, sizeof bytes, &token), RESP_REPLY_TOKEN);
        assert_int_equal(token.depth, i);
        assert_false(token.last);
    }
    struct resp_reply_parser deep = p;
    assert_int_equal(resp_reply_next(&deep, bytes, sizeof bytes, &token), RESP_REPLY_LIMIT);
    assert_int_equal(resp_reply_next(&p, ":1\r\n", 4, &token), RESP_REPLY_TOKEN);
    assert_int_equal(token.depth, RESP_REPLY_DEPTH_MAX);
    assert_true(token.last);
}

static void doubles(void **state)
{
    (void)state;
    struct {
        struct slice bytes;
        double value;
    } cases[] = {
        {SLICE(",0\r\n"), 0},      {SLICE(",10\r\n"), 10},        {SLICE(",-1.25\r\n"), -1.25},
        {SLICE(",1e3\r\n"), 1000}, {SLICE(",inf\r\n"), INFINITY}, {SLICE(",-inf\r\n"), -INFINITY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct resp_reply_parser p;
        struct resp_token token;
        resp_reply_init(&p, BYTES_MAX, COUNT_MAX);
        assert_int_equal(resp_reply_next(&p, cases[i].bytes.at, cases[i].bytes.len, &token),
                         RESP_REPLY_TOKEN);
        assert_true(token.number == cases[i].value);
    }
    struct resp_reply_parser p;
    struct resp_token token;
    resp_reply_init(&p, BYTES_MAX, COUNT_MAX);
    assert_int_equal(resp_reply_next(&p, ",nan\r\n", 6, &token), RESP_REPLY_TOKEN);
    assert_true(isnan(token.number));
}

/* A long line that comes byte by byte must not be scanned from its start each time. */
static void a_line_is_scanned_once(void **state)
{
    (void)state;
    char line[BYTES_MAX];
    memset(line, 'a', sizeof line);
    line[0] = '+';
    struct resp_reply_parser p;
    struct resp_token token;
    resp_reply_init(&p, BYTES_MAX, COUNT_MAX);
    for (size_t have = 1; have < 900; have++) {
        assert_int_equal(resp_reply_next(&p, line, have, &token), RESP_REPLY_MORE);
        assert_int_equal(p.scanned, have);
    }
    /* What was scanned is not looked at again: a line end put there now is not seen. */
    memcpy(line + 10, "\r\n", 2);
    memcpy(line + 898, "\r\n", 2);
    assert_int_equal(resp_reply_next(&p, line, 899, &token), RESP_REPLY_MORE);
    line[899] = '\n';
    line[898] = 'a';
    line[900] = '\r';
    line[901] = '\n';
    assert_int_equal(resp_reply_next(&p, line, 902, &token), RESP_REPLY_TOKEN);
    assert_int_equal(token.size, 902);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),
        cmocka_unit_test(aggregates),
        cmocka_unit_test(attributes),
        cmocka_unit_test(incomplete),
        cmocka_unit_test(wrong),
        cmocka_unit_test(limits),
        cmocka_unit_test(depth),
        cmocka_unit_test(doubles),
        cmocka_unit_test(a_line_is_scanned_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
