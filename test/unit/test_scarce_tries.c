/* What a client makes large is tried for, and answered with an error when there is no memory: for
 * every n the n-th try fails. Nothing is changed then, noted, or kept. */
#include "dialog.h"
#include "runner.h"
#include "scarce.h"

#include "../../src/keyspace/entry.h"

enum { LARGE = 2 * MB };

static char large_bytes[LARGE];
static const struct slice large = {large_bytes, LARGE};

/* ---- commands ---- */

static struct buffer payload; /* what DUMP says of a large string that can be pressed well */

static struct slice word_of(struct slice text)
{
    if (slice_is(text, "LARGE")) return large;
    if (slice_is(text, "PAYLOAD")) return buffer_slice(&payload);
    return text;
}

/* Runs a line in which some words stand for large ones. */
static void run_line(struct runner *r, const char *line)
{
    struct slice words[RUNNER_WORDS_MAX];
    struct buffer store = {0};
    int n = text_split_words(slice_text(line), &store, words, RUNNER_WORDS_MAX);
    for (int i = 0; i < n; i++) words[i] = word_of(words[i]);
    runner_run(r, words, n);
    buffer_fini(&store);
}

static void add_sum(void *ctx, void *entry)
{
    uint64_t *sum = ctx;
    const struct entry *e = entry;
    *sum += hash_u64(hash_plain(entry_key(e)) ^ hash_plain(slice_of((char *)&e->kind, 1))) *
            (hash_plain(entry_type(e) == TYPE_STRING ? entry_string(e) : SLICE("")) | 1);
    if (entry_type(e) == TYPE_STRING) return;
    struct value v = entry_value(e);
    *sum += hash_u64(value_kind(v.type)->count(&v) + 7);
}

static uint64_t sum_of_data(const struct runner *r)
{
    uint64_t cursor = 0, sum = 0;
    do cursor = keyspace_scan(r->keyspace, 0, cursor, 100, add_sum, &sum);
    while (cursor);
    return sum;
}

static void expect_refusal(const struct runner *r, const char *line)
{
    struct slice reply = buffer_slice(&r->reply);
    if (!slice_starts_with(reply, SLICE("-OOM the system has no memory")) &&
        !slice_starts_with(reply, SLICE("-ERR Insufficient memory")))
        fail_msg("%s\n  answered %.*s", line, (int)(reply.len < 80 ? reply.len : 80), reply.at);
    assert_int_equal(r->reply.len,
                     (size_t)((char *)memchr(reply.at, '\n', reply.len) - reply.at) + 1);
    runner_expect_text(line, "events", buffer_slice(&r->events), "");
    runner_expect_text(line, "effects", buffer_slice(&r->effects), "");
}

static const char *const prepared[] = {
    "SET s LARGE",      "SET a aXbYcZ",    "SET b abcabc",   "SADD t LARGE",
    "SADD u LARGE x y", "RPUSH l LARGE a", "ZADD z 1 LARGE", "GEOADD g 13.3 38.1 LARGE",
    "SET d before",     "RPUSH e before",  "SADD v x",
};

static const char *const lines[] = {
    "SETRANGE s 3000000 x",
    "SETRANGE none 3000000 x",
    "SETRANGE d 3000000 x",
    "APPEND s LARGE",
    "APPEND d LARGE",
    "SETBIT s 24000000 1",
    "SETBIT none 24000000 1",
    "BITFIELD s SET u8 24000000 1 GET u8 0",
    "BITFIELD none INCRBY u8 24000000 1",
    "BITOP NOT d s",
    "BITOP OR none s d",
    "COPY s none",
    "COPY s d REPLACE",
    "COPY u none",
    "DUMP s",
    "DUMP l",
    "RESTORE none 0 PAYLOAD",
    "RESTORE d 0 PAYLOAD REPLACE",
    "LCS a b",
    "LCS a b LEN",
    "LCS a b IDX",
    "SUNIONSTORE d t u",
    "SINTERSTORE none t u",
    "SDIFFSTORE e u v",
    "SORT l ALPHA STORE d",
    "ZRANGESTORE d z 0 -1",
    "ZUNIONSTORE d 1 z",
    "GEOSEARCHSTORE d g FROMLONLAT 13.3 38.1 BYRADIUS 1 km",
    "GEORADIUS g 13.3 38.1 1 km STOREDIST none",
};

static void prepare(struct runner *r)
{
    runner_init(r);
    for (size_t i = 0; i < sizeof prepared / sizeof *prepared; i++) run_line(r, prepared[i]);
    run_line(r, "DUMP s");
    const char *from = memchr(r->reply.at, '\n', r->reply.len);
    payload.len = 0;
    buffer_add(&payload, from + 1, (size_t)(r->reply.at + r->reply.len - 2 - (from + 1)));
    assert_in_range(payload.len, 1, LARGE / 4);
}

static void test_commands(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        size_t before = mem_used() - mem_cost(payload.cap);
        struct runner r;
        prepare(&r);
        uint64_t sum = sum_of_data(&r);
        for (long n = 0;; n++) {
            scarce_try(n);
            run_line(&r, lines[i]);
            if (scarce.tries <= n) break;
            expect_refusal(&r, lines[i]);
            assert_int_equal(sum_of_data(&r), sum);
            size_t used = mem_used();
            scarce_try(n);
            run_line(&r, lines[i]);
            assert_int_equal(mem_used(), used);
        }
        if (scarce.tries == 0) fail_msg("%s: nothing was tried", lines[i]);
        if (r.reply.at[0] == '-') fail_msg("%s\n  %.*s", lines[i], (int)r.reply.len, r.reply.at);
        scarce_try(-1);
        runner_fini(&r);
        assert_int_equal(mem_used() - mem_cost(payload.cap), before);
    }
    buffer_fini(&payload);
}

/* ---- requests, replies, input ---- */

static void bind_test_commands(struct command_table *t)
{
    (void)t;
}

/* Says all of it, while the server reads; false when it hangs up. */
static bool say_long(int fd, struct slice text)
{
    while (text.len) {
        ssize_t sent = send(fd, text.at, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) text = slice_from(text, (size_t)sent);
        if (sent < 0 && errno != EAGAIN) return false;
        turn();
    }
    turns(4);
    return true;
}

static bool say_with_large(int fd, const char *head)
{
    struct buffer b = {0};
    buffer_add_slice(&b, slice_text(head));
    buffer_printf(&b, "$%zu\r\n", large.len);
    buffer_add_slice(&b, large);
    buffer_add_slice(&b, SLICE("\r\n"));
    bool heard = say_long(fd, buffer_slice(&b));
    buffer_fini(&b);
    return heard;
}

static const char REFUSED[] =
    "-OOM the system has no memory for a request or a value of this size. ";

/* The request has come, and it is asked for what becomes of it: the last try of all. */
static long tries_of(int fd, const char *head)
{
    scarce_try(-1);
    assert_true(say_with_large(fd, head));
    assert_true(forget(fd) > 0);
    return scarce.tries;
}

static void test_requests(void **state)
{
    (void)state;
    int fd = join(), other = join();
    const char *head = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n";
    long tries = tries_of(fd, head);
    assert_true(tries > 1);
    talk(fd, "SET k 1\r\n", "+OK ");
    size_t used = 0; /* once it is known how often there was which error */
    for (int i = 0; i < 2; i++) {
        scarce_try(tries - 1);
        assert_true(say_with_large(fd, head));
        expect(fd, REFUSED);
        if (i) assert_int_equal(mem_used(), used);
        used = mem_used();
    }
    talk(fd, "GET k\r\n", "$1 1 ");

    /* What takes away is let through, with large words, too. */
    scarce_try(-1);
    assert_true(say_with_large(fd, head));
    expect(fd, "+OK ");
    long without = tries_of(fd, "*2\r\n$3\r\nDEL\r\n");
    assert_int_equal(without, tries - 1);

    /* Within a transaction the refusal is the transaction's. */
    talk(fd, "MULTI\r\n", "+OK ");
    scarce_try(tries - 1);
    assert_true(say_with_large(fd, head));
    expect(fd, REFUSED);
    talk(fd, "EXEC\r\n", "-EXECABORT Transaction discarded because of previous errors. ");
    talk(other, "PING\r\n", "+PONG ");
    scarce_try(-1);
    close(fd);
    close(other);
}

/* A queue of small requests is asked for as one when it is to run. */
static void test_transaction(void **state)
{
    (void)state;
    config.queue_max = 8 * MB;
    sessions_set_config(sessions, config);
    int fd = join();
    talk(fd, "MULTI\r\n", "+OK ");
    struct buffer set = {0};
    buffer_printf(&set, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%*s\r\n", 100 * KB, 100 * KB, "x");
    for (int i = 0; i < 10; i++) assert_true(say_long(fd, buffer_slice(&set)));
    assert_int_equal(forget(fd), 10 * strlen("+QUEUED\r\n"));
    scarce_try(0);
    talk(fd, "EXEC\r\n",
         "-EXECABORT Transaction discarded because of: OOM the system has no memory for a request "
         "or a value of this size. ");
    talk(fd, "EXISTS k\r\n", ":0 ");
    buffer_fini(&set);
    close(fd);
}

/* Input that memory does not hold ends the client, and no one else. */
static void test_input(void **state)
{
    (void)state;
    const char *head = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n";
    int other = join(), fd = join();
    long tries = tries_of(fd, head);
    talk(fd, "DEL k\r\n", ":1 ");
    size_t used = mem_used();
    for (long n = 0; n < tries - 1; n++) {
        close(fd);
        turns(2);
        fd = join();
        scarce_try(n);
        say_with_large(fd, head);
        assert_true(scarce.tries > n);
        forget(fd);
        assert_true(is_at_end(fd));
        scarce_try(-1);
        talk(other, "EXISTS k\r\n", ":0 ");
        assert_in_range(mem_used(), 0, used + MB / 8);
    }
    close(fd);
    close(other);
}

/* A reply that memory does not hold is an error where nothing was changed, and an end to the client
 * where something was. */
static void test_replies(void **state)
{
    (void)state;
    int fd = join(), other = join();
    tries_of(fd, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n");
    for (long n = 0;; n++) {
        scarce_try(n);
        say(fd, "GET k\r\n");
        turns(2);
        if (scarce.tries <= n) break;
        expect(fd, REFUSED);
    }
    assert_true(scarce.tries > 0);
    while (forget(fd)) turns(2);
    scarce_try(1);
    talk(fd, "MULTI\r\nGETRANGE k 0 9\r\nMGET k k k\r\nPING\r\n", "+OK +QUEUED +QUEUED +QUEUED ");
    say(fd, "EXEC\r\n");
    turns(2);
    expect(fd, "*3 $10 .......... -OOM the system has no memory for a request or a value of this "
               "size. +PONG ");
    scarce_try(0);
    say(fd, "GETDEL k\r\n");
    turns(2);
    assert_true(is_at_end(fd));
    scarce_try(-1);
    talk(other, "EXISTS k\r\n", ":0 ");
    close(fd);
    close(other);
}

int main(void)
{
    memset(large_bytes, '.', sizeof large_bytes);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test_setup_teardown(test_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_transaction, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_input, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_replies, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
