/* Connections over real sockets, with the time as an argument: what is read and offered, what is
 * queued and sent, who is closed and why. */
#include "../../src/base/err.h"
#include "../../src/base/mem.h"
#include "../../src/io/socket.h"
#include "../../src/net/net.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { OWNERS_MAX = 64, MB = 1 << 20 };

/* ---- the server's side: owners that do as the test says ---- */

struct owner {
    struct conn *conn;
    struct buffer got; /* what it has taken */
    size_t take_max;   /* takes no more of one offer */
    size_t needed;     /* takes nothing, and says so, before there is so much */
    size_t offers;     /* calls of received */
    bool closed;
    enum conn_end why;
    void (*act)(struct owner *o); /* called inside received */
    struct owner *other;          /* for acts that concern somebody else */
};

static struct net *net;
static struct owner owners[OWNERS_MAX];
static int owners_count;
static char path[64];
static int64_t now_us;
static size_t memory_before;

static size_t received(void *ctx, const char *bytes, size_t len, size_t *needed)
{
    struct owner *o = ctx;
    assert_false(o->closed);
    assert_true(len > 0);
    o->offers++;
    if (o->needed > len) {
        *needed = o->needed;
        return 0;
    }
    size_t taken = len < o->take_max ? len : o->take_max;
    buffer_add(&o->got, bytes, taken);
    if (o->act) o->act(o);
    return taken;
}

static void closed(void *ctx, enum conn_end why)
{
    struct owner *o = ctx;
    assert_false(o->closed);
    o->closed = true;
    o->why = why;
}

static const struct conn_handler handler = {received, closed};

static void accepted(void *ctx, struct conn *c, bool unix_socket)
{
    (void)ctx;
    assert_true(unix_socket);
    assert_true(owners_count < OWNERS_MAX);
    struct owner *o = &owners[owners_count++];
    *o = (struct owner){.conn = c, .take_max = SIZE_MAX};
    conn_own(c, &handler, o);
}

static struct net_config usual_config(void)
{
    return (struct net_config){.input_max = 64 * MB, .output_total_max = 1 << 30};
}

static void listen_at_path(void)
{
    char why[128];
    int fd = socket_listen_unix(path, 0, 64, why, sizeof why);
    assert_true(fd >= 0);
    assert_int_equal(net_listen(net, fd, true, (struct net_listener){.accepted = accepted}), 0);
}

static int set_up(void **state)
{
    (void)state;
    memory_before = mem_used();
    now_us = 1000000;
    owners_count = 0;
    snprintf(path, sizeof path, "/tmp/hark-test-net-%d", (int)getpid());
    net = net_new(usual_config());
    listen_at_path();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    net_free(net);
    for (int i = 0; i < owners_count; i++) buffer_fini(&owners[i].got);
    unlink(path);
    return mem_used() != memory_before;
}

/* A turn of the loop. */
static void turn(void)
{
    net_wait(net, 0);
    net_read(net, now_us);
    net_flush(net, now_us);
}

static void turns(int count)
{
    while (count-- > 0) turn();
}

/* ---- the client's side: plain blocking sockets ---- */

static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* A connection that has been accepted: the descriptor, and its owner. */
static int join(struct owner **o)
{
    int fd = dial();
    int before = owners_count;
    turn();
    assert_int_equal(owners_count, before + 1);
    *o = &owners[before];
    return fd;
}

static void say(int fd, const char *text)
{
    ssize_t len = (ssize_t)strlen(text);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
}

static void expect_got(const struct owner *o, const char *text)
{
    assert_int_equal(o->got.len, strlen(text));
    if (o->got.len) assert_memory_equal(o->got.at, text, o->got.len);
}

/* What has arrived and not been read yet, up to `max`. */
static size_t hear(int fd, char *to, size_t max)
{
    ssize_t n = recv(fd, to, max, MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}

static void expect_heard(int fd, const char *text)
{
    char bytes[4096];
    size_t n = hear(fd, bytes, sizeof bytes);
    assert_int_equal(n, strlen(text));
    if (n) assert_memory_equal(bytes, text, n);
}

static bool is_at_end(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void answer(struct owner *o, const char *text)
{
    conn_send(o->conn, slice_text(text));
}

static struct block *block_of(const char *text)
{
    struct block *b = block_new(strlen(text));
    block_add(b, text, strlen(text));
    return b;
}

static void push(struct owner *o, const char *text)
{
    struct block *b = block_of(text);
    conn_push(o->conn, (struct span){b, 0, b->len});
    block_release(b);
}

/* Bytes that tell where in the stream they belong. */
static void queue_stream(struct owner *o, size_t from, size_t len)
{
    char *bytes = malloc(len);
    for (size_t i = 0; i < len; i++) bytes[i] = (char)((from + i) * 2654435761u >> 24);
    conn_send(o->conn, slice_of(bytes, len));
    free(bytes);
}

static size_t hear_stream(int fd, size_t from, size_t max)
{
    static char bytes[MB];
    size_t heard = 0, n;
    while (heard < max &&
           (n = hear(fd, bytes, max - heard < sizeof bytes ? max - heard : sizeof bytes))) {
        for (size_t i = 0; i < n; i++)
            if (bytes[i] != (char)((from + heard + i) * 2654435761u >> 24))
                fail_msg("a wrong byte at %zu", from + heard + i);
        heard += n;
    }
    return heard;
}

/* ---- reading ---- */

static void test_bytes_arrive(void **state)
{
    struct owner *a, *b;
    (void)state;
    int fa = join(&a), fb = join(&b);
    say(fa, "hello");
    say(fb, "there");
    turn();
    expect_got(a, "hello");
    expect_got(b, "there");
    assert_int_equal(conn_info(a->conn, now_us).input_bytes, 0);
    assert_int_equal(conn_info(a->conn, now_us).received, 5);
    assert_int_equal(net_stats(net).received, 10);
    close(fa);
    turn();
    assert_true(a->closed && a->why == CONN_END_PEER);
    assert_false(b->closed);
    assert_int_equal(net_stats(net).connections, 1);
    close(fb);
}

/* What is not taken is offered again, with more behind it. */
static void test_rest_is_kept(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    o->take_max = 3;
    say(fd, "abcde");
    turn();
    expect_got(o, "abc");
    assert_int_equal(conn_info(o->conn, now_us).input_bytes, 2);
    turn();
    expect_got(o, "abc"); /* not without a reason */
    say(fd, "fg");
    turn();
    expect_got(o, "abcdef");
    o->take_max = SIZE_MAX;
    conn_resume(o->conn);
    turn();
    expect_got(o, "abcdefg");
    assert_int_equal(conn_info(o->conn, now_us).input_bytes, 0);
    assert_int_equal(conn_info(o->conn, now_us).input_free, 0); /* nor memory for it */
    close(fd);
}

static void test_handler_waits_for_what_it_needs(void **state)
{
    enum { NEEDED = 300000 };
    struct owner *o;
    (void)state;
    int fd = join(&o);
    char *bytes = malloc(NEEDED);
    memset(bytes, 'x', NEEDED);
    o->needed = NEEDED;
    for (size_t at = 0; at < NEEDED; at += 10000) {
        assert_int_equal(send(fd, bytes, 10000, 0), 10000);
        turn();
    }
    turn();
    assert_int_equal(o->offers, 2); /* at the first bytes, and when all were there */
    assert_int_equal(o->got.len, NEEDED);
    free(bytes);
    close(fd);
}

/* A client may announce what it will. Memory goes to what it has sent. */
static void test_announcing_costs_nothing(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    o->needed = 60 * MB;
    say(fd, "$60000000");
    turn();
    assert_true(conn_info(o->conn, now_us).memory < MB);
    close(fd);
}

/* The memory of a large request does not stay with the few bytes behind it. */
static void test_large_input_is_given_back(void **state)
{
    enum { LARGE = 4 * MB };
    struct owner *o;
    (void)state;
    int fd = join(&o);
    char *bytes = malloc(LARGE);
    memset(bytes, 'x', LARGE);
    o->needed = LARGE;
    o->take_max = LARGE - 10;
    for (size_t at = 0; at < LARGE;) {
        ssize_t n = send(fd, bytes + at, LARGE - at, MSG_DONTWAIT);
        if (n > 0) at += (size_t)n;
        turn();
    }
    turns(3);
    assert_int_equal(o->got.len, LARGE - 10);
    assert_int_equal(conn_info(o->conn, now_us).input_bytes, 10);
    assert_true(conn_info(o->conn, now_us).memory < 256 * 1024);
    free(bytes);
    close(fd);
}

static void flood(int fd, const struct owner *o, size_t bytes_max)
{
    char bytes[4096] = {0};
    for (size_t sent = 0; !o->closed && sent < bytes_max;) {
        ssize_t n = send(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) sent += (size_t)n;
        turn();
    }
}

static void test_input_is_bounded(void **state)
{
    struct owner *o, *guest;
    struct net_config config = usual_config();
    (void)state;
    config.input_max = MB;
    net_set_config(net, config);
    int fd = join(&o), fg = join(&guest);
    o->take_max = guest->take_max = 0;
    conn_set_input_max(guest->conn, 10000);
    flood(fg, guest, 100000);
    assert_true(guest->closed && guest->why == CONN_END_INPUT);
    flood(fd, o, MB - 100000);
    assert_false(o->closed);
    flood(fd, o, MB);
    assert_true(o->closed && o->why == CONN_END_INPUT);
    close(fd);
    close(fg);
}

static void test_pause(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    o->take_max = 2;
    say(fd, "abcd");
    turn();
    conn_pause(o->conn);
    say(fd, "ef");
    turns(2);
    expect_got(o, "ab");
    assert_false(conn_info(o->conn, now_us).reading);
    answer(o, "still heard");
    turn();
    expect_heard(fd, "still heard");
    o->take_max = SIZE_MAX;
    conn_resume(o->conn);
    turn();
    turn();
    expect_got(o, "abcdef");
    close(fd);
}

static void pause_itself(struct owner *o)
{
    conn_pause(o->conn);
}

static void test_pause_inside_handler(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    o->take_max = 1;
    o->act = pause_itself;
    say(fd, "abc");
    turns(3);
    expect_got(o, "a");
    conn_resume(o->conn); /* and it pauses itself again, and so on */
    turns(3);
    expect_got(o, "ab");
    o->act = NULL;
    conn_resume(o->conn);
    turns(3);
    expect_got(o, "abc");
    close(fd);
}

/* ---- sending ---- */

static void test_replies_and_messages_in_order(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    answer(o, "+1 ");
    push(o, "m2 ");
    answer(o, "+3 ");
    push(o, "m4 ");
    push(o, "m5 ");
    assert_int_equal(conn_info(o->conn, now_us).output_bytes, 15);
    turn();
    expect_heard(fd, "+1 m2 +3 m4 m5 ");
    assert_int_equal(conn_info(o->conn, now_us).output_bytes, 0);
    assert_int_equal(net_stats(net).output_bytes, 0);
    close(fd);
}

static void test_message_is_shared(void **state)
{
    enum { MANY = 20 };
    struct owner *o[MANY];
    int fd[MANY];
    (void)state;
    struct block *b = block_of("news");
    for (int i = 0; i < MANY; i++) fd[i] = join(&o[i]);
    for (int i = 0; i < MANY; i++) conn_push(o[i]->conn, (struct span){b, 0, 4});
    assert_int_equal(b->refs, 1 + MANY);
    turn();
    assert_int_equal(b->refs, 1);
    for (int i = 0; i < MANY; i++) {
        expect_heard(fd[i], "news");
        close(fd[i]);
    }
    block_release(b);
}

/* A reader that lets megabytes wait gets all of them, in order, whatever else is queued. */
static void test_back_pressure(void **state)
{
    enum { CHUNK = 70001, CHUNKS = 100, SMALL = 13 };
    struct owner *o;
    (void)state;
    int fd = join(&o);
    size_t queued = 0, heard = 0;
    for (int i = 0; i < CHUNKS; i++) {
        queue_stream(o, queued, CHUNK);
        queue_stream(o, queued + CHUNK, SMALL);
        queued += CHUNK + SMALL;
        turn();
    }
    assert_true(conn_info(o->conn, now_us).output_bytes > queued / 2);
    assert_true(conn_info(o->conn, now_us).writing);
    for (int i = 0; heard < queued && i < 100000; i++) {
        heard += hear_stream(fd, heard, i % 3 ? 100 : 1 << 16);
        turn();
    }
    assert_int_equal(heard, queued);
    assert_false(conn_info(o->conn, now_us).writing);
    assert_int_equal(net_stats(net).output_bytes, 0);
    close(fd);
}

/* While one does not read, what others are sent through the same block is not kept for it. */
static void test_slow_reader_keeps_nothing_of_others(void **state)
{
    struct owner *slow, *fast;
    (void)state;
    int fs = join(&slow), ff = join(&fast);
    queue_stream(slow, 0, MB);
    turn();
    size_t before = mem_used();
    size_t heard = 0;
    for (int i = 0; i < 500; i++) {
        answer(slow, "a few bytes");
        queue_stream(fast, (size_t)i * 4000, 4000);
        turn();
        heard += hear_stream(ff, heard, SIZE_MAX);
    }
    assert_int_equal(heard, 500 * 4000);
    assert_true(mem_used() - before < 256 * 1024);
    close(fs);
    close(ff);
}

static void test_coalescing(void **state)
{
    struct owner *o;
    struct net_config config = usual_config();
    (void)state;
    config.coalesce_us = 500;
    net_set_config(net, config);
    int fd = join(&o);
    turn();
    assert_true(net_flush_delay_us(net, now_us) == -1);
    push(o, "a");
    turn();
    expect_heard(fd, "");
    assert_true(net_flush_delay_us(net, now_us) == 500);
    now_us += 400;
    turn();
    push(o, "b"); /* waits for what is left of the first one's time */
    assert_true(net_flush_delay_us(net, now_us) == 100);
    turn();
    expect_heard(fd, "");
    now_us += 100;
    turn();
    expect_heard(fd, "ab");
    turn();
    assert_true(net_flush_delay_us(net, now_us) == -1);

    push(o, "c"); /* a reply takes along what waits */
    answer(o, "d");
    turn();
    expect_heard(fd, "cd");
    char many[40000];
    memset(many, 'x', sizeof many - 1);
    many[sizeof many - 1] = 0;
    push(o, many); /* and so much need not wait */
    turn();
    assert_int_equal(hear(fd, many, sizeof many), sizeof many - 1);
    push(o, "e");
    conn_close_after_reply(o->conn);
    turn();
    expect_heard(fd, "e");
    assert_true(o->closed);
    close(fd);
}

/* ---- limits ---- */

static void test_hard_limit(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    conn_set_output_limit(o->conn, (struct out_limit){.hard = 4 * MB});
    for (int i = 0; i < 100 && !o->closed; i++) {
        queue_stream(o, (size_t)i * 100000, 100000);
        turn();
    }
    assert_true(o->closed && o->why == CONN_END_OUTPUT);
    turn();
    assert_int_equal(net_stats(net).output_bytes, 0);
    assert_int_equal(net_stats(net).ended[CONN_END_OUTPUT], 1);
    close(fd);
}

static void fill_over(struct owner *o, size_t bytes)
{
    while (!o->closed && conn_info(o->conn, now_us).output_bytes <= bytes) {
        queue_stream(o, 0, 50000);
        turn();
    }
}

static void test_soft_limit(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    conn_set_output_limit(o->conn, (struct out_limit){.soft = 2 * MB, .soft_ms = 1000});
    fill_over(o, 2 * MB);
    now_us += 900000;
    net_close_idle(net, now_us, 0);
    turn();
    assert_false(o->closed);
    now_us += 200000;
    net_close_idle(net, now_us, 0);
    assert_true(o->closed && o->why == CONN_END_OUTPUT);
    close(fd);
}

/* The time over the soft limit ends when it is kept again, not only when nothing is left. */
static void test_soft_limit_kept_again(void **state)
{
    struct owner *o;
    static char bytes[MB];
    (void)state;
    int fd = join(&o);
    conn_set_output_limit(o->conn, (struct out_limit){.soft = 2 * MB, .soft_ms = 1000});
    fill_over(o, 2 * MB);
    while (conn_info(o->conn, now_us).output_bytes > MB) {
        hear(fd, bytes, sizeof bytes);
        turn();
    }
    assert_true(conn_info(o->conn, now_us).output_bytes > 0);
    now_us += 2000000;
    net_close_idle(net, now_us, 0);
    turn();
    assert_false(o->closed);
    fill_over(o, 2 * MB); /* and begins anew */
    now_us += 900000;
    net_close_idle(net, now_us, 0);
    assert_false(o->closed);
    close(fd);
}

/* A subscriber that is one no more has the limits of other clients, for what is queued too. */
static void test_limit_taken_away(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    conn_set_output_limit(o->conn, (struct out_limit){.soft = 2 * MB, .soft_ms = 1000});
    fill_over(o, 2 * MB);
    conn_set_output_limit(o->conn, (struct out_limit){0});
    now_us += 5000000;
    net_close_idle(net, now_us, 0);
    turn();
    assert_false(o->closed);
    close(fd);
}

/* When all together hold too much, one that holds much is ended: then it is enough for a while. */
static void test_total_limit(void **state)
{
    enum { MANY = 8 };
    struct owner *o[MANY];
    int fd[MANY], ended = 0;
    struct net_config config = usual_config();
    (void)state;
    config.output_total_max = 8 * MB;
    net_set_config(net, config);
    for (int i = 0; i < MANY; i++) fd[i] = join(&o[i]);
    for (int i = 0; i < MANY; i++) fill_over(o[i], MB - 100000);
    for (int i = 0; i < MANY; i++) queue_stream(o[i], 0, 200000); /* all of it in one turn */
    for (int i = 0; i < MANY; i++) ended += o[i]->closed;
    assert_true(ended >= 1 && ended <= 3);
    assert_true(net_stats(net).output_bytes <= 8 * MB);
    for (int i = 0; i < MANY; i++) close(fd[i]);
}

static void test_idle(void **state)
{
    struct owner *a, *b, *c;
    (void)state;
    int fa = join(&a), fb = join(&b), fc = join(&c);
    conn_set_never_idle(b->conn, true);
    now_us += 900;
    say(fc, "x");
    turn();
    now_us += 200;
    net_close_idle(net, now_us, 0); /* no limit */
    assert_false(a->closed);
    net_close_idle(net, now_us, 1000);
    assert_true(a->closed && a->why == CONN_END_IDLE);
    assert_false(b->closed || c->closed);
    turn();
    assert_int_equal(net_stats(net).connections, 2);
    close(fa);
    close(fb);
    close(fc);
}

/* ---- closing ---- */

static void test_close_after_reply(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    answer(o, "bye");
    conn_close_after_reply(o->conn);
    push(o, "too late");
    say(fd, "ignored");
    assert_true(conn_is_closing(o->conn));
    turn();
    expect_got(o, "");
    expect_heard(fd, "bye");
    assert_true(is_at_end(fd));
    assert_true(o->closed && o->why == CONN_END_DONE);
    close(fd);
}

/* One that does not read its last reply is not waited for without end. */
static void test_last_reply_that_nobody_reads(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    queue_stream(o, 0, 4 * MB);
    conn_close_after_reply(o->conn);
    turns(3);
    now_us += 9 * 1000000;
    net_close_idle(net, now_us, 0);
    assert_false(o->closed);
    now_us += 2 * 1000000;
    net_close_idle(net, now_us, 0);
    assert_true(o->closed);
    close(fd);
}

static void close_itself(struct owner *o)
{
    answer(o, "unheard");
    conn_close(o->conn, CONN_END_KILLED);
    answer(o, "unheard");
    push(o, "unheard");
    conn_resume(o->conn);
    conn_pause(o->conn);
    conn_close_after_reply(o->conn);
    conn_close(o->conn, CONN_END_DONE);
}

static void test_close_inside_handler(void **state)
{
    struct owner *o;
    (void)state;
    for (int kept = 0; kept < 2; kept++) { /* its input from the shared buffer, and from its own */
        int fd = join(&o);
        if (kept) {
            o->take_max = 0;
            say(fd, "abc");
            turn();
        }
        o->take_max = 1;
        o->act = close_itself;
        say(fd, "abc");
        turn();
        assert_true(o->closed && o->why == CONN_END_KILLED);
        assert_true(is_at_end(fd));
        assert_int_equal(net_stats(net).connections, 0);
        assert_int_equal(net_stats(net).output_bytes, 0);
        close(fd);
    }
}

static void close_other(struct owner *o)
{
    if (!o->other->closed) conn_close(o->other->conn, CONN_END_KILLED);
}

/* Two that have something to say in the same turn: whoever is first ends the other. */
static void test_close_of_one_that_is_ready(void **state)
{
    struct owner *a, *b;
    (void)state;
    int fa = join(&a), fb = join(&b);
    a->act = b->act = close_other;
    a->other = b;
    b->other = a;
    say(fa, "x");
    say(fb, "x");
    answer(a, "to a");
    answer(b, "to b");
    turn();
    assert_int_equal(a->closed + b->closed, 1);
    assert_int_equal(a->offers + b->offers, 1);
    close(fa);
    close(fb);
}

/* The same for two that are to be offered their input again. */
static void test_close_of_one_that_was_resumed(void **state)
{
    struct owner *a, *b;
    (void)state;
    int fa = join(&a), fb = join(&b);
    a->take_max = b->take_max = 0;
    say(fa, "x");
    say(fb, "x");
    turn();
    a->act = b->act = close_other;
    a->other = b;
    b->other = a;
    conn_resume(a->conn);
    conn_resume(b->conn);
    conn_resume(a->conn);
    turn();
    assert_int_equal(a->closed + b->closed, 1);
    turns(2);
    conn_close(a->closed ? b->conn : a->conn, CONN_END_KILLED);
    turn();
    assert_int_equal(net_stats(net).connections, 0);
    close(fa);
    close(fb);
}

static void resume_both(struct owner *o)
{
    conn_resume(o->conn);
    conn_resume(o->other->conn);
}

/* To be offered again what one did not take is a matter of the next turn: no turn is without end.
 */
static void test_resume_inside_handler(void **state)
{
    struct owner *a, *b;
    (void)state;
    int fa = join(&a), fb = join(&b);
    a->take_max = b->take_max = 1;
    a->act = b->act = resume_both;
    a->other = b;
    b->other = a;
    say(fa, "abc");
    say(fb, "def");
    turn();
    assert_true(a->got.len <= 2 && b->got.len <= 2);
    turns(3);
    expect_got(a, "abc");
    expect_got(b, "def");
    close(fa);
    close(fb);
}

static void test_peer_that_breaks_off(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    fill_over(o, MB);
    close(fd);
    turns(3);
    assert_true(o->closed && o->why == CONN_END_PEER);
    assert_int_equal(net_stats(net).connections, 0);
}

/* A paused one is not read, but it is noticed when it is gone for good. */
static void test_peer_that_breaks_off_while_paused(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    conn_pause(o->conn);
    close(fd);
    turns(2);
    assert_true(o->closed && o->why == CONN_END_PEER);
}

static void answer_again(struct owner *o)
{
    answer(o, "then");
}

/* It closes its side only, with something unread: as if that had been read. */
static void test_last_word_while_paused(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    conn_pause(o->conn);
    say(fd, "unread");
    turns(2);
    assert_false(o->closed);
    shutdown(fd, SHUT_WR);
    turns(2);
    assert_true(o->closed && o->why == CONN_END_PEER);
    close(fd);
}

/* Unless it is to be answered; and then all of it is, before the end is heard. */
static void test_last_word_that_is_answered(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    o->take_max = 1;
    say(fd, "abc");
    turn();
    conn_pause(o->conn);
    conn_set_last_word(o->conn, true);
    shutdown(fd, SHUT_WR);
    turns(2);
    assert_false(o->closed);
    answer(o, "first ");
    o->take_max = SIZE_MAX;
    o->act = answer_again;
    conn_resume(o->conn); /* the rest is offered in the turn in which the end is read */
    turns(3);
    expect_got(o, "abc");
    expect_heard(fd, "first then");
    assert_true(o->closed && o->why == CONN_END_PEER);
    close(fd);
}

/* Replies that wait for their mark leave before the end that has been heard. */
static void test_last_word_and_marks(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    net_begin_marks(net, 0);
    conn_hold(o->conn, 1);
    o->act = answer_again;
    say(fd, "write");
    shutdown(fd, SHUT_WR);
    turns(3);
    expect_heard(fd, "");
    assert_false(o->closed);
    net_release(net, 1);
    turn();
    expect_heard(fd, "then");
    assert_true(o->closed && o->why == CONN_END_DONE);
    close(fd);
}

/* One that is to end anyway gets its last reply. */
static void test_last_word_while_closing(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    conn_pause(o->conn);
    conn_close_after_reply(o->conn);
    answer(o, "bye");
    shutdown(fd, SHUT_WR);
    turn();
    expect_heard(fd, "bye");
    assert_true(o->closed && o->why == CONN_END_DONE);
    close(fd);
}

/* ---- listeners ---- */

static void refuse(void *ctx, struct conn *c, bool unix_socket)
{
    (void)unix_socket;
    ++*(int *)ctx;
    conn_send(c, SLICE("no"));
    conn_close_after_reply(c);
}

static void test_refusal(void **state)
{
    char why[128];
    int count = 0;
    (void)state;
    net_unlisten(net);
    int listener = socket_listen_unix(path, 0, 64, why, sizeof why);
    assert_int_equal(net_listen(net, listener, true, (struct net_listener){refuse, &count}), 0);
    int fd = dial();
    say(fd, "let me in");
    turns(2);
    assert_int_equal(count, 1);
    expect_heard(fd, "no");
    assert_int_equal(net_stats(net).connections, 0);
    close(fd);
}

static void limit_files(rlim_t most)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = most;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Out of descriptors, the listener rests until the next round of close_idle. */
static void test_out_of_descriptors(void **state)
{
    struct rlimit before;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int fd = dial();
    limit_files((rlim_t)fd + 1);
    turns(2);
    assert_int_equal(owners_count, 0);
    limit_files(before.rlim_cur);
    turns(2);
    assert_int_equal(owners_count, 0);
    net_close_idle(net, now_us, 0);
    turns(2);
    assert_int_equal(owners_count, 1);
    close(fd);
}

static void unlisten(struct owner *o)
{
    (void)o;
    net_unlisten(net);
}

/* Listeners go (CONFIG SET port) in the very round in which somebody knocks at them. */
static void test_unlisten_inside_handler(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    o->act = unlisten;
    turns(2); /* so that the listener stands behind the connection in the round to come */
    say(fd, "x");
    int late = dial();
    turn();
    expect_got(o, "x");
    turns(2);
    close(late);
    close(fd);
}

static void count_ready(void *ctx)
{
    ++*(int *)ctx;
}

static void test_watched_descriptor(void **state)
{
    int pipes[2], count = 0;
    char byte;
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(net_watch(net, pipes[0], count_ready, &count), 0);
    turn();
    assert_int_equal(count, 0);
    assert_int_equal(write(pipes[1], "x", 1), 1);
    turn();
    assert_int_equal(count, 1);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    net_unlisten(net); /* which leaves it alone */
    assert_int_equal(write(pipes[1], "x", 1), 1);
    turn();
    assert_int_equal(count, 2);
    close(pipes[0]);
    close(pipes[1]);
}

/* ---- marks ---- */

static void hold_and_answer(struct owner *o, uint64_t mark, const char *text)
{
    conn_hold(o->conn, mark);
    answer(o, text);
}

static void test_nothing_waits_before_marks_begin(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    hold_and_answer(o, 5, "a");
    turn();
    expect_heard(fd, "a");
    close(fd);
}

/* What waits keeps back what is behind it, and nobody else. */
static void test_marks(void **state)
{
    struct owner *a, *b;
    (void)state;
    int fa = join(&a), fb = join(&b);
    net_begin_marks(net, 10);
    hold_and_answer(a, 10, "old ");
    hold_and_answer(a, 11, "first ");
    net_end_group(net, 11);
    turn();
    expect_heard(fa, "old ");
    hold_and_answer(a, 12, "second ");
    push(a, "message ");
    hold_and_answer(a, 3, "behind ");
    answer(b, "free");
    net_end_group(net, 12);
    turn();
    expect_heard(fa, "");
    expect_heard(fb, "free");
    net_release(net, 11);
    turn();
    expect_heard(fa, "first ");
    net_release(net, 12);
    turn();
    expect_heard(fa, "second message behind ");
    assert_int_equal(conn_info(a->conn, now_us).output_bytes, 0);
    close(fa);
    close(fb);
}

/* Within a group nothing is told apart: it leaves as a whole. */
static void test_marks_of_a_group(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    net_begin_marks(net, 0);
    for (uint64_t i = 1; i <= 9; i++) hold_and_answer(o, i, "x");
    net_end_group(net, 9);
    turn();
    net_release(net, 8);
    turn();
    expect_heard(fd, "");
    net_release(net, 9);
    turn();
    expect_heard(fd, "xxxxxxxxx");
    hold_and_answer(o, 20, "end");
    net_begin_marks(net, UINT64_MAX);
    conn_close_after_reply(o->conn);
    turn();
    expect_heard(fd, "end");
    assert_true(o->closed);
    close(fd);
}

/* The queue is long, the socket slow, and the mark comes in the middle. */
static void test_marks_and_back_pressure(void **state)
{
    struct owner *o;
    (void)state;
    int fd = join(&o);
    net_begin_marks(net, 0);
    queue_stream(o, 0, 3 * MB);
    conn_hold(o->conn, 1);
    queue_stream(o, 3 * MB, 2 * MB);
    net_end_group(net, 1);
    size_t heard = 0;
    for (int i = 0; i < 1000; i++) {
        turn();
        heard += hear_stream(fd, heard, 256 * 1024);
    }
    assert_int_equal(heard, 3 * MB);
    net_release(net, 1);
    for (int i = 0; i < 1000 && heard < 5 * MB; i++) {
        turn();
        heard += hear_stream(fd, heard, 256 * 1024);
    }
    assert_int_equal(heard, 5 * MB);
    close(fd);
}

static void test_end_while_waiting(void **state)
{
    struct owner *a, *b;
    (void)state;
    int fa = join(&a), fb = join(&b);
    net_begin_marks(net, 0);
    hold_and_answer(a, 1, "never");
    hold_and_answer(b, 1, "later");
    turn();
    conn_close(a->conn, CONN_END_KILLED);
    turn();
    assert_true(a->closed);
    net_release(net, 1);
    turn();
    expect_heard(fb, "later");
    close(fa);
    close(fb);
}

/* Nothing is lost of what is there when everything ends at once. */
static void test_free_with_everything_open(void **state)
{
    struct owner *a, *b, *c;
    (void)state;
    int fa = join(&a), fb = join(&b), fc = join(&c);
    fill_over(a, MB);
    b->take_max = 0;
    say(fb, "abc");
    turn();
    conn_resume(b->conn);
    push(b, "message");
    conn_close(c->conn, CONN_END_KILLED);
    close(fa);
    close(fb);
    close(fc);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bytes_arrive),
        TEST(test_rest_is_kept),
        TEST(test_handler_waits_for_what_it_needs),
        TEST(test_announcing_costs_nothing),
        TEST(test_large_input_is_given_back),
        TEST(test_input_is_bounded),
        TEST(test_pause),
        TEST(test_pause_inside_handler),
        TEST(test_replies_and_messages_in_order),
        TEST(test_message_is_shared),
        TEST(test_back_pressure),
        TEST(test_slow_reader_keeps_nothing_of_others),
        TEST(test_coalescing),
        TEST(test_hard_limit),
        TEST(test_soft_limit),
        TEST(test_soft_limit_kept_again),
        TEST(test_limit_taken_away),
        TEST(test_total_limit),
        TEST(test_idle),
        TEST(test_close_after_reply),
        TEST(test_last_reply_that_nobody_reads),
        TEST(test_close_inside_handler),
        TEST(test_close_of_one_that_is_ready),
        TEST(test_close_of_one_that_was_resumed),
        TEST(test_resume_inside_handler),
        TEST(test_peer_that_breaks_off),
        TEST(test_peer_that_breaks_off_while_paused),
        TEST(test_last_word_while_paused),
        TEST(test_last_word_that_is_answered),
        TEST(test_last_word_while_closing),
        TEST(test_last_word_and_marks),
        TEST(test_refusal),
        TEST(test_out_of_descriptors),
        TEST(test_unlisten_inside_handler),
        TEST(test_watched_descriptor),
        TEST(test_nothing_waits_before_marks_begin),
        TEST(test_marks),
        TEST(test_marks_of_a_group),
        TEST(test_marks_and_back_pressure),
        TEST(test_end_while_waiting),
        TEST(test_free_with_everything_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
