/* The request parser: every split of the input gives the same requests, every error has its text,
 * nothing is allocated on a client's mere word. */
#include "../../src/base/buffer.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/base/text.h"
#include "../../src/resp/request.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct resp_limits redis_limits = {
    .inline_bytes_max = 64 * 1024,
    .words_max = 1024 * 1024,
    .bulk_bytes_max = 512 * 1024 * 1024,
};

static void assert_slice(struct slice got, struct slice want)
{
    assert_int_equal(got.len, want.len);
    if (want.len) assert_memory_equal(got.at, want.at, want.len);
}

/* What a connection makes of a stream of bytes, written down: `[word][word]` and a line end per
 * request, the error behind them. */
struct reader {
    struct resp_parser parser;
    struct resp_words words;
    struct buffer input;
    struct buffer script;
    bool failed;
};

static void reader_init(struct reader *r, struct resp_limits limits)
{
    *r = (struct reader){0};
    resp_parser_init(&r->parser, limits);
}

static void reader_fini(struct reader *r)
{
    resp_parser_fini(&r->parser);
    resp_words_fini(&r->words);
    buffer_fini(&r->input);
    buffer_fini(&r->script);
}

static void write_down(struct reader *r, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        buffer_add_byte(&r->script, '[');
        buffer_add_slice(&r->script, r->words.at[i]);
        buffer_add_byte(&r->script, ']');
    }
    buffer_add_byte(&r->script, '\n');
}

static void reader_feed(struct reader *r, struct slice bytes)
{
    enum { BATCH_MAX = 64 };
    struct resp_request requests[BATCH_MAX], *next = requests;
    size_t at = 0;

    if (r->failed || !bytes.len) return;
    buffer_add_slice(&r->input, bytes);
    /* A fresh copy at each call: nothing may depend on where the input lies. */
    char *copy = malloc(r->input.len + 1);
    memcpy(copy, r->input.at, r->input.len);
    r->words.len = 0;
    for (;;) {
        enum resp_status status =
            resp_request_next(&r->parser, copy + at, r->input.len - at, &r->words, next);
        if (status == RESP_REQUEST) {
            at += next->size;
            assert_int_equal(next->first + (size_t)next->argc, r->words.len);
            if (++next < requests + BATCH_MAX) continue;
        }
        if (status == RESP_ERROR) r->failed = true;
        for (struct resp_request *q = requests; q < next; q++)
            write_down(r, q->first, q->first + (size_t)q->argc);
        next = requests;
        r->words.len = 0;
        if (status != RESP_REQUEST) break;
    }
    if (r->failed) buffer_add_slice(&r->script, slice_text(r->parser.error));
    buffer_drop_front(&r->input, at);
    free(copy);
}

static void assert_script(struct reader *r, struct slice script)
{
    assert_slice(buffer_slice(&r->script), script);
}

static const struct {
    struct slice input, script;
} streams[] = {
    {SLICE("*1\r\n$4\r\nPING\r\n"), SLICE("[PING]\n")},
    {SLICE(
         "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$0\r\n\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"),
     SLICE("[SET][key:000000000001][]\n[GET][k]\n")},
    {SLICE("*0\r\n*-1\r\n*1\r\n$1\r\nx\r\n"), SLICE("\n\n[x]\n")},
    {SLICE("*2\r\n$4\r\na\r\nb\r\n$2\r\n\0\xff\r\n"), SLICE("[a\r\nb][\0\xff]\n")},
    {SLICE("*11\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n$1\r\n6\r\n"
           "$1\r\n7\r\n$1\r\n8\r\n$1\r\n9\r\n$10\r\nabcdefghij\r\n"),
     SLICE("[0][1][2][3][4][5][6][7][8][9][abcdefghij]\n")},
    {SLICE("PING\r\n\r\n\n  set  a \"b\\x41 \\n\" 'c\\'d'\n*1\r\n$1\r\nx\r\n\"\" q\r\n"),
     SLICE("[PING]\n\n\n[set][a][bA \n][c'd]\n[x]\n[][q]\n")},
    {SLICE("\"one two\" x\r\n\"thr\\x65e\"\r\nfo\"ur\"\r\n"),
     SLICE("[one two][x]\n[three]\n[four]\n")},
    {SLICE("a\rb c\r\r\nd\0e\r\n"), SLICE("[a][b][c]\n[d\0e]\n")},
    /* Header lines end with CR and any byte, arguments with any two. */
    {SLICE("*1\rX$4\rYPINGZZ*1\r\n$1\r\na\r\n"), SLICE("[PING]\n[a]\n")},
    {SLICE("*1\r\n$1\r\na\r\n*01\r\n"), SLICE("[a]\nProtocol error: invalid multibulk length")},
    {SLICE("*\r\n"), SLICE("Protocol error: invalid multibulk length")},
    {SLICE("*+1\r\n"), SLICE("Protocol error: invalid multibulk length")},
    {SLICE("* 1\r\n"), SLICE("Protocol error: invalid multibulk length")},
    {SLICE("*1 \r\n"), SLICE("Protocol error: invalid multibulk length")},
    {SLICE("*-0\r\n"), SLICE("Protocol error: invalid multibulk length")},
    {SLICE("*1x\r\n       "), SLICE("Protocol error: invalid multibulk length")},
    {SLICE("*1048577\r\n"), SLICE("Protocol error: invalid multibulk length")},
    {SLICE("*2147483648\r\n"), SLICE("Protocol error: invalid multibulk length")},
    {SLICE("*9223372036854775808\r\n"), SLICE("Protocol error: invalid multibulk length")},
    {SLICE("*1\r\n$-1\r\n"), SLICE("Protocol error: invalid bulk length")},
    {SLICE("*1\r\n$04\r\nPING\r\n"), SLICE("Protocol error: invalid bulk length")},
    {SLICE("*1\r\n$a\r\n"), SLICE("Protocol error: invalid bulk length")},
    {SLICE("*1\r\n$\r\n"), SLICE("Protocol error: invalid bulk length")},
    {SLICE("*1\r\n$536870913\r\n"), SLICE("Protocol error: invalid bulk length")},
    {SLICE("*2\r\n$1\r\na\r\n:1\r\n"), SLICE("Protocol error: expected '$', got ':'")},
    {SLICE("*1\r\nPING\r\n"), SLICE("Protocol error: expected '$', got 'P'")},
    {SLICE("*1\r\n\r\n"), SLICE("Protocol error: expected '$', got '\r'")},
    {SLICE("*1\r\n$1\r\na\r\nset \"a\r\n"),
     SLICE("[a]\nProtocol error: unbalanced quotes in request")},
    {SLICE("'a'b\n"), SLICE("Protocol error: unbalanced quotes in request")},
};

static void test_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(streams); i++) {
        struct reader r;
        reader_init(&r, redis_limits);
        reader_feed(&r, streams[i].input);
        assert_script(&r, streams[i].script);
        assert_int_equal(r.input.len == 0, !r.failed);
        reader_fini(&r);
    }
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(streams); i++) {
        struct reader r;
        reader_init(&r, redis_limits);
        for (size_t at = 0; at < streams[i].input.len; at++)
            reader_feed(&r, slice_of(streams[i].input.at + at, 1));
        assert_script(&r, streams[i].script);
        reader_fini(&r);
    }
}

/* Every way to cut the input in three. */
static void test_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(streams); i++) {
        struct slice input = streams[i].input;
        for (size_t a = 0; a <= input.len; a++)
            for (size_t b = a; b <= input.len; b++) {
                struct reader r;
                reader_init(&r, redis_limits);
                reader_feed(&r, slice_of(input.at, a));
                reader_feed(&r, slice_of(input.at + a, b - a));
                reader_feed(&r, slice_from(input, b));
                assert_script(&r, streams[i].script);
                reader_fini(&r);
            }
    }
}

/* Random requests, cut at random, longer than any of the parser's first allocations. */
static void test_random(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20261122;
    struct random rnd;
    print_message("SEED=%" PRIu64 "\n", seed);
    random_init(&rnd, seed);
    struct buffer input = {0}, script = {0};
    for (int round = 0; round < 200; round++) {
        input.len = script.len = 0;
        for (size_t n = 1 + random_below(&rnd, 8); n; n--) {
            uint64_t words = random_below(&rnd, random_below(&rnd, 4) ? 6 : 300);
            buffer_printf(&input, "*%d\r\n", (int)words);
            while (words--) {
                size_t len = random_below(&rnd, random_below(&rnd, 20) ? 30 : 12000);
                buffer_printf(&input, "$%zu\r\n", len);
                buffer_add_byte(&script, '[');
                for (; len; len--) {
                    char c = "\r\n$*1ab"[random_below(&rnd, 7)];
                    buffer_add_byte(&input, c);
                    buffer_add_byte(&script, c);
                }
                buffer_add(&input, "\r\n", 2);
                buffer_add_byte(&script, ']');
            }
            buffer_add_byte(&script, '\n');
        }
        struct reader r;
        reader_init(&r, redis_limits);
        size_t longest = 1 + random_below(&rnd, 1 + input.len);
        for (struct slice rest = buffer_slice(&input); rest.len;) {
            size_t cut = random_below(&rnd, longest < rest.len ? longest : rest.len) + 1;
            reader_feed(&r, slice_of(rest.at, cut));
            rest = slice_from(rest, cut);
        }
        assert_script(&r, buffer_slice(&script));
        reader_fini(&r);
    }
    buffer_fini(&input);
    buffer_fini(&script);
}

static void assert_outcome(struct resp_limits limits, struct slice input, const char *script)
{
    struct reader r;
    reader_init(&r, limits);
    reader_feed(&r, input);
    assert_script(&r, slice_text(script));
    reader_fini(&r);
}

static void test_too_big(void **state)
{
    (void)state;
    enum { MAX = 100 };
    struct resp_limits limits = redis_limits;
    limits.inline_bytes_max = MAX;
    static const struct {
        const char *start, *end, *ok, *error;
    } cases[] = {
        {"", "\n", NULL, "Protocol error: too big inline request"},
        {"*", "\r\n", "Protocol error: invalid multibulk length",
         "Protocol error: too big mbulk count string"},
        {"*1\r\n$", "\r\n", "Protocol error: invalid bulk length",
         "Protocol error: too big bulk count string"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buffer b = {0};
        const char *line = strrchr(cases[i].start, '$');
        size_t head = line ? (size_t)(line - cases[i].start) : 0;
        buffer_reserve(&b, MAX);
        buffer_add_slice(&b, slice_text(cases[i].start));
        while (b.len - head < MAX) buffer_add_byte(&b, '1');
        assert_outcome(limits, buffer_slice(&b), "");
        buffer_add_slice(&b, slice_text(cases[i].end));
        if (cases[i].ok) assert_outcome(limits, buffer_slice(&b), cases[i].ok);
        b.len = head + MAX;
        buffer_add_byte(&b, '1');
        assert_outcome(limits, buffer_slice(&b), cases[i].error);
        /* Also when the end of the line is there already. */
        buffer_add_slice(&b, slice_text(cases[i].end));
        assert_outcome(limits, buffer_slice(&b), cases[i].error);
        buffer_fini(&b);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct resp_limits limits = redis_limits;
    limits.words_max = 3;
    limits.bulk_bytes_max = 20;
    assert_outcome(limits, SLICE("*3\r\n"), "");
    assert_outcome(limits, SLICE("*4\r\n"), "Protocol error: invalid multibulk length");
    assert_outcome(limits, SLICE("*1\r\n$20\r\n"), "");
    assert_outcome(limits, SLICE("*1\r\n$21\r\n      "), "Protocol error: invalid bulk length");

    limits = redis_limits;
    limits.unauthenticated = true;
    assert_outcome(limits, SLICE("*10\r\n"), "");
    assert_outcome(limits, SLICE("*11\r\n"), "Protocol error: unauthenticated multibulk length");
    assert_outcome(limits, SLICE("*1048576\r\n"),
                   "Protocol error: unauthenticated multibulk length");
    assert_outcome(limits, SLICE("*1048577\r\n"), "Protocol error: invalid multibulk length");
    assert_outcome(limits, SLICE("*1\r\n$16384\r\n"), "");
    assert_outcome(limits, SLICE("*1\r\n$16385\r\n      "),
                   "Protocol error: unauthenticated bulk length");
    assert_outcome(limits, SLICE("*1\r\n$536870913\r\n"), "Protocol error: invalid bulk length");
}

static void test_authentication_lifts_limits(void **state)
{
    (void)state;
    struct resp_limits limits = redis_limits;
    limits.unauthenticated = true;
    struct reader r;
    reader_init(&r, limits);
    reader_feed(&r, SLICE("*1\r\n$1\r\na\r\n"));
    r.parser.limits.unauthenticated = false;
    reader_feed(&r, SLICE("*1\r\n$20000\r\n"));
    assert_false(r.failed);
    reader_fini(&r);
}

static void test_bytes_needed(void **state)
{
    (void)state;
    struct resp_parser p;
    struct resp_words words = {0};
    struct resp_request out;
    static const char input[] = "*2\r\n$3\r\nSET\r\n$1000000\r\n";
    resp_parser_init(&p, redis_limits);
    assert_int_equal(resp_request_next(&p, input, 0, &words, &out), RESP_MORE);
    assert_int_equal(p.bytes_needed, 0);
    assert_int_equal(resp_request_next(&p, input, 6, &words, &out), RESP_MORE);
    assert_int_equal(p.bytes_needed, 0);
    assert_int_equal(resp_request_next(&p, input, 10, &words, &out), RESP_MORE);
    assert_int_equal(p.bytes_needed, 13);
    assert_int_equal(resp_request_next(&p, input, sizeof input - 1, &words, &out), RESP_MORE);
    assert_int_equal(p.bytes_needed, sizeof input - 1 + 1000000 + 2);
    assert_int_equal(words.len, 0);
    resp_parser_fini(&p);
    resp_words_fini(&words);
}

/* A claim of a million words costs nothing until they come; none of it stays. */
static void test_claims_cost_nothing(void **state)
{
    (void)state;
    size_t before = mem_used();
    struct resp_parser p;
    struct resp_words words = {0};
    struct resp_request out;
    static const char input[] = "*1048576\r\n$0\r\n\r\n$536870912\r\n";
    resp_parser_init(&p, redis_limits);
    assert_int_equal(resp_request_next(&p, input, sizeof input - 1, &words, &out), RESP_MORE);
    assert_in_range(mem_used() - before, 0, 4096);
    resp_parser_fini(&p);
    resp_words_fini(&words);
    assert_int_equal(mem_used(), before);
}

/* A request set aside leaves no memory behind once it is complete. */
static void test_idle_parser_is_empty(void **state)
{
    (void)state;
    struct reader r;
    reader_init(&r, redis_limits);
    reader_feed(&r, SLICE("*3\r\n$1\r\na\r\n$1\r\nb\r\n"));
    assert_non_null(r.parser.partial);
    reader_feed(&r, SLICE("$1\r\nc\r\n"));
    assert_null(r.parser.partial);
    assert_script(&r, SLICE("[a][b][c]\n"));
    reader_fini(&r);
}

/* Unescaped words stay valid while later requests of the batch are parsed, and are dropped when
 * the words are used again. */
static void test_inline_words_of_a_batch(void **state)
{
    (void)state;
    enum { REQUESTS = 3000 };
    struct resp_parser p;
    struct resp_words words = {0};
    struct resp_request out;
    struct buffer input = {0};
    size_t used[2];
    for (int i = 0; i < REQUESTS; i++) buffer_printf(&input, "set \"key\\x3a%d\" 'it\\'s'\n", i);
    resp_parser_init(&p, redis_limits);
    for (int round = 0; round < 2; round++) {
        size_t at = 0;
        words.len = 0;
        while (resp_request_next(&p, input.at + at, input.len - at, &words, &out) == RESP_REQUEST)
            at += out.size;
        assert_int_equal(at, input.len);
        assert_int_equal(words.len, REQUESTS * 3);
        for (int i = 0; i < REQUESTS; i++) {
            char key[32];
            int len = snprintf(key, sizeof key, "key:%d", i);
            assert_slice(words.at[i * 3], SLICE("set"));
            assert_slice(words.at[i * 3 + 1], slice_of(key, (size_t)len));
            assert_slice(words.at[i * 3 + 2], SLICE("it's"));
        }
        used[round] = mem_used();
    }
    assert_int_equal(used[0], used[1]);
    buffer_fini(&input);
    resp_parser_fini(&p);
    resp_words_fini(&words);
}

/* Arriving one byte at a time, long lines, long arguments and many arguments take time in
 * proportion to their length: looking twice would make this a matter of minutes. */
static void test_trickle(void **state)
{
    (void)state;
    enum { MANY = 1 << 20 };
    struct resp_limits limits = redis_limits;
    struct resp_parser p;
    struct resp_words words = {0};
    struct resp_request out;
    struct buffer line = {0}, bulk = {0}, many = {0};

    limits.inline_bytes_max = 2 * MANY;
    for (int i = 0; i < MANY; i++) buffer_add_byte(&line, 'x');
    buffer_add_byte(&line, '\n');
    buffer_printf(&bulk, "*1\r\n$%d\r\n", MANY);
    for (int i = 0; i < MANY + 2; i++) buffer_add_byte(&bulk, '\r');
    buffer_printf(&many, "*%d\r\n", MANY / 8);
    for (int i = 0; i < MANY / 8; i++) buffer_add(&many, "$1\r\nx\r\n", 7);

    struct buffer *inputs[] = {&line, &bulk, &many};
    for (int i = 0; i < 3; i++) {
        struct buffer *b = inputs[i];
        resp_parser_init(&p, limits);
        words.len = 0;
        for (size_t len = 1; len < b->len; len++)
            assert_true(resp_request_next(&p, b->at, len, &words, &out) == RESP_MORE);
        assert_int_equal(resp_request_next(&p, b->at, b->len, &words, &out), RESP_REQUEST);
        assert_int_equal(out.size, b->len);
        assert_int_equal(out.argc, i == 2 ? MANY / 8 : 1);
        resp_parser_fini(&p);
        buffer_fini(b);
    }
    resp_words_fini(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_too_big),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_authentication_lifts_limits),
        cmocka_unit_test(test_bytes_needed),
        cmocka_unit_test(test_claims_cost_nothing),
        cmocka_unit_test(test_idle_parser_is_empty),
        cmocka_unit_test(test_inline_words_of_a_batch),
        cmocka_unit_test(test_trickle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
