/* Commands that wait: every way in which a wait ends, what the others see of it meanwhile, and the
 * order of it all. */
#include "dialog.h"

#include "../../src/command/wait.h"

/* ---- commands that wait ---- */

/* BLPOP key ms [again]: takes the value of a string key, or waits for one that long (0: for ever).
 * Whoever changes the key wakes those who wait for it. */
struct popping {
    struct wait wait;
    struct slice key;
    struct popping *next;
};

static struct popping *all_popping;
static int dropped, resumed;

static bool pop(struct call *c, struct slice key)
{
    struct opened k;
    struct slice value;
    if (call_read_string(c, key, &value) != 1) return false;
    resp_bulk(&c->reply, value);
    gate_open(c->engine, &k, c->db, key);
    opened_delete(&k);
    gate_close(&k, EVENT_DEL);
    return true;
}

static bool resume_pop(struct call *c, struct wait *w)
{
    struct popping *p = (struct popping *)w;
    resumed++;
    assert_true(slice_equal(p->key, call_arg(c, 1))); /* the words are kept */
    return pop(c, p->key);
}

static void time_out_pop(struct call *c, struct wait *w)
{
    (void)w;
    resp_null_array(&c->reply);
}

static void drop_pop(struct wait *w)
{
    struct popping *p = (struct popping *)w, **link = &all_popping;
    while (*link != p) link = &(*link)->next;
    *link = p->next;
    free(p);
    dropped++;
}

static const struct wait_kind popping_kind = {
    .resume = resume_pop, .time_out = time_out_pop, .drop = drop_pop};

static void blpop(struct call *c)
{
    int64_t ms;
    if (!call_int(c, 2, &ms) || pop(c, call_arg(c, 1))) return;
    if (!call_may_wait(c)) {
        resp_null_array(&c->reply);
        return;
    }
    struct popping *p = calloc(1, sizeof *p);
    p->next = all_popping;
    all_popping = p;
    call_wait(c, &p->wait, &popping_kind, ms ? engine_now(c->engine) + ms : WAIT_FOREVER, true);
    p->key = call_arg(c, 1);
}

/* The one that came first is woken first. */
static void wake_popping(struct popping *p, struct slice key)
{
    if (!p) return;
    wake_popping(p->next, key);
    if (slice_equal(p->key, key)) {
        wait_wake(&p->wait);
        wait_wake(&p->wait); /* twice is as once */
    }
}

static void sealed(void *ctx, const struct record *r)
{
    (void)ctx;
    for (uint32_t i = 0; i < r->notes_count; i++)
        if (r->notes[i].kind == NOTE_EVENT) wake_popping(all_popping, r->notes[i].key);
}

/* XREAD what a b: a slow read. The test says what comes of it; with `then` BLOCK, it blocks. What
 * is read is nobody else's, if `what` is "mine". */
struct reading {
    struct wait wait;
    size_t reply_bytes;
};

static struct reading *reading;
static bool block_then, dropped_within;

static bool resume_read(struct call *c, struct wait *w)
{
    struct reading *r = (struct reading *)w;
    if (block_then) {
        block_then = false;
        wait_rearm(w, engine_now(c->engine) + 100, true);
        return false;
    }
    struct buffer bytes = {0};
    while (bytes.len < r->reply_bytes) buffer_add_byte(&bytes, 'x');
    resp_bulk(&c->reply, buffer_slice(&bytes));
    buffer_fini(&bytes);
    note_publish(c->engine, SLICE("news"), SLICE("read"), false);
    dropped_within = reading == NULL;
    return true;
}

static void drop_read(struct wait *w)
{
    assert_ptr_equal(w, &reading->wait);
    free(reading);
    reading = NULL;
    dropped++;
}

static void xread(struct call *c)
{
#define READ .resume = resume_read, .time_out = time_out_pop, .drop = drop_read
    static const struct wait_kind plain = {READ}, mine = {READ, .hands_over = true};
    if (!call_may_wait(c)) {
        resp_error(&c->reply, SLICE("ERR the past cannot be read here"));
        return;
    }
    reading = calloc(1, sizeof *reading);
    reading->reply_bytes = 4;
    bool hands_over = call_arg_is(c, 1, "mine");
    call_wait(c, &reading->wait, hands_over ? &mine : &plain, WAIT_FOREVER, false);
    if (call_arg_is(c, 1, "now")) wait_wake(&reading->wait);
}

static void bind_test_commands(struct command_table *t)
{
    static const struct command_binding rows[] = {{"blpop", blpop}, {"xread", xread}};
    command_bind_all(t, rows, 2);
}

static int begin(void **state)
{
    dropped = resumed = 0;
    block_then = false;
    set_up(state);
    engine_attach(engine, (struct record_sink){sealed, NULL});
    return 0;
}

static int finish(void **state)
{
    int rc = tear_down(state);
    assert_null(all_popping);
    assert_null(reading);
    return rc;
}

static struct command_stats *stats_of(const char *name)
{
    return &command_named(table, slice_text(name))->stats;
}

static void expect_line(int fd, const char *part)
{
    char line[64 * KB];
    ssize_t n = recv(fd, line, sizeof line - 1, MSG_DONTWAIT);
    line[n > 0 ? n : 0] = 0;
    if (!strstr(line, part)) fail_msg("no '%s' in '%s'", part, line);
}

/* ---- endings ---- */

static void test_served(void **state)
{
    (void)state;
    int fd = join(), other = join();
    talk(fd, "SET a 1\r\nBLPOP a 0\r\n", "+OK $1 1 ");
    talk(fd, "BLPOP a 0\r\nPING\r\n", "");
    assert_int_equal(sessions_stats(sessions).blocked, 1);
    assert_int_equal(sessions_next_turn_us(sessions), -1);
    talk(other, "SET b 1\r\nGET a\r\n", "+OK $-1 ");
    assert_int_equal(resumed, 0);
    talk(other, "SET a 2\r\nGET a\r\n", "+OK $-1 "); /* it was served before the next command */
    expect(fd, "$1 2 +PONG ");
    assert_int_equal(sessions_stats(sessions).blocked, 0);
    assert_int_equal(dropped, 1);
    assert_int_equal(stats_of("blpop")->calls, 2);
    close(fd);
    close(other);
}

/* Once, in the order of their coming; who gets nothing waits on. */
static void test_order_of_waking(void **state)
{
    (void)state;
    int a = join(), b = join(), c = join(), other = join();
    talk(a, "BLPOP k 0\r\n", "");
    talk(b, "BLPOP k 0\r\n", "");
    talk(c, "BLPOP k 0\r\n", "");
    say(other, "SET k 1\r\nSET k 2\r\n");
    turn();
    expect(a, "$1 1 ");
    expect(b, "$1 2 ");
    expect(c, "");
    expect(other, "+OK +OK ");
    assert_int_equal(sessions_stats(sessions).blocked, 1);
    talk(other, "MULTI\r\nSET k 3\r\nGET k\r\nEXEC\r\nGET k\r\n",
         "+OK +QUEUED +QUEUED *2 +OK $1 3 $-1 ");
    expect(c, "$1 3 ");
    close(a);
    close(b);
    close(c);
    close(other);
}

/* A record of its own, right behind the one that woke it, with its own cause and client. */
static struct buffer told;

static void tell(void *ctx, const struct record *r)
{
    (void)ctx;
    buffer_printf(&told, "%.*s/%llu ", (int)r->cause.len, r->cause.at,
                  (unsigned long long)r->client);
}

static void test_record_of_its_own(void **state)
{
    (void)state;
    engine_attach(engine, (struct record_sink){tell, NULL});
    int fd = join(), other = join();
    talk(fd, "BLPOP k 0\r\n", "");
    talk(other, "SET k 1\r\nSET x 1\r\n", "+OK +OK ");
    expect(fd, "$1 1 ");
    assert_string_equal((buffer_add_byte(&told, 0), told.at), "set/2 blpop/1 set/2 ");
    buffer_fini(&told);
    close(fd);
    close(other);
}

static void test_woken_outside_of_requests(void **state)
{
    (void)state;
    int fd = join(), second = join();
    talk(fd, "BLPOP k 0\r\nPING\r\n", "");
    struct wait *first = &all_popping->wait;
    talk(second, "BLPOP k 0\r\n", "");
    struct opened k;
    engine_begin(engine, now_us / 1000, SLICE("test"), 0);
    gate_open(engine, &k, 0, SLICE("k"));
    opened_set_string(&k, SLICE("v"), WHEN_NONE);
    gate_close(&k, EVENT_SET);
    engine_seal(engine);
    assert_int_equal(resumed, 0);
    wait_wake(first); /* again: it keeps its place */
    sessions_before_flush(sessions);
    assert_int_equal(resumed, 2);
    turns(2);
    expect(fd, "$1 v +PONG ");
    expect(second, "");
    close(fd);
    close(second);
}

static void test_time_out(void **state)
{
    (void)state;
    int a = join(), b = join();
    talk(a, "BLPOP k 100\r\nPING\r\n", "");
    talk(b, "BLPOP k 50\r\n", "");
    assert_int_equal(sessions_next_turn_us(sessions), now_us + 50 * 1000);
    now_us += 50 * 1000 - 1;
    turns(2);
    expect(b, "");
    now_us += 1;
    turn();
    expect(b, "*-1 ");
    expect(a, "");
    assert_int_equal(sessions_next_turn_us(sessions), now_us + 50 * 1000);
    now_us += 50 * 1000;
    turns(2);
    expect(a, "*-1 +PONG ");
    assert_int_equal(sessions_next_turn_us(sessions), -1);
    assert_int_equal(dropped, 2);
    talk(b, "SET k 1\r\nGET k\r\n", "+OK $1 1 "); /* nobody is left who would take it */
    close(a);
    close(b);
}

static void test_many_time_outs(void **state)
{
    enum { CLIENTS = 80 };
    int fds[CLIENTS];
    char line[64];
    (void)state;
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = join();
        snprintf(line, sizeof line, "BLPOP k%d %d\r\n", i, 1 + i * 37 % CLIENTS);
        talk(fds[i], line, "");
    }
    for (int i = 0; i < CLIENTS; i += 7) close(fds[i]); /* some leave */
    turns(2);
    for (int ms = 1; ms <= CLIENTS; ms++) {
        now_us += 1000;
        turn();
        for (int i = 0; i < CLIENTS; i++)
            if (i % 7 && 1 + i * 37 % CLIENTS == ms) expect(fds[i], "*-1 ");
    }
    assert_int_equal(dropped, CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        if (i % 7) close(fds[i]);
}

static void test_unblock(void **state)
{
    (void)state;
    int fd = join(), other = join();
    talk(other, "CLIENT UNBLOCK 1\r\nCLIENT UNBLOCK 99\r\nCLIENT UNBLOCK x\r\n",
         ":0 :0 -ERR value is not an integer or out of range ");
    talk(fd, "BLPOP k 0\r\nPING\r\n", "");
    talk(other, "CLIENT UNBLOCK 1 NOW\r\n",
         "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR ");
    talk(other, "CLIENT UNBLOCK 1\r\nCLIENT UNBLOCK 1\r\n", ":1 :0 ");
    expect(fd, "*-1 +PONG ");
    talk(fd, "BLPOP k 0\r\n", "");
    talk(other, "CLIENT UNBLOCK 1 timeout\r\n", ":1 ");
    expect(fd, "*-1 ");
    talk(fd, "BLPOP k 0\r\nPING\r\n", "");
    talk(other, "CLIENT UNBLOCK 1 ERROR\r\n", ":1 ");
    expect(fd, "-UNBLOCKED client unblocked via CLIENT UNBLOCK +PONG ");
    assert_int_equal(dropped, 3);
    assert_int_equal(stats_of("blpop")->calls, 3);
    assert_int_equal(stats_of("blpop")->failed, 1);
    close(fd);
    close(other);
}

/* Woken and unblocked by the same transaction: it ends once, and at once for those who look. */
static void test_woken_and_ended_otherwise(void **state)
{
    (void)state;
    int fd = join(), other = join();
    talk(fd, "BLPOP k 0\r\n", "");
    talk(other,
         "MULTI\r\nSET k 1\r\nCLIENT UNBLOCK 1 ERROR\r\nCLIENT UNBLOCK 1\r\nEXEC\r\nGET k\r\n",
         "+OK +QUEUED +QUEUED +QUEUED *3 +OK :1 :0 $1 1 ");
    expect(fd, "-UNBLOCKED client unblocked via CLIENT UNBLOCK ");
    talk(fd, "BLPOP q 0\r\n", "");
    talk(other, "MULTI\r\nSET q 1\r\nCLIENT KILL ID 1\r\nEXEC\r\nGET q\r\n",
         "+OK +QUEUED +QUEUED *2 +OK :1 $1 1 ");
    assert_true(is_at_end(fd));
    assert_int_equal(dropped, 2);
    assert_int_equal(resumed, 0);
    close(fd);
    close(other);
}

static void test_kill_and_disconnect(void **state)
{
    (void)state;
    int a = join(), b = join(), c = join(), other = join();
    talk(a, "BLPOP k 0\r\n", "");
    talk(b, "BLPOP k 0\r\nPING\r\n", "");
    talk(c, "BLPOP k 5\r\n", "");
    say(c, "PING\r\n");
    talk(other, "CLIENT KILL ID 1\r\n", ":1 ");
    assert_true(is_at_end(a));
    close(b);
    shutdown(c, SHUT_WR); /* closes its side only, with a request unread */
    turns(2);
    assert_true(is_at_end(c));
    assert_int_equal(dropped, 3);
    assert_int_equal(sessions_stats(sessions).clients, 1);
    assert_int_equal(sessions_next_turn_us(sessions), -1);
    talk(other, "SET k 1\r\nGET k\r\n", "+OK $1 1 ");
    close(a);
    close(c);
    close(other);
}

/* SHUTDOWN: the waits go with the sessions, while data and commands are still there. */
static void test_server_ends(void **state)
{
    (void)state;
    int a = join(), b = join();
    talk(a, "BLPOP k 100\r\n", "");
    talk(b, "XREAD x y z\r\n", "");
    close(a);
    close(b);
    assert_int_equal(dropped, 0); /* tear_down drops them; `finish` looks */
}

/* ---- slow reads ---- */

static void test_slow_read(void **state)
{
    (void)state;
    int fd = join(), other = join();
    talk(fd, "XREAD x y z\r\nPING\r\n", "");
    assert_int_equal(sessions_stats(sessions).blocked, 0);
    talk(other, "CLIENT UNBLOCK 1\r\n", ":0 ");
    say(other, "CLIENT LIST ID 1\r\n");
    turns(2);
    expect_line(other, " flags=U ");
    /* Its peer has nothing more to say; that is answered still, what came with it too. */
    shutdown(fd, SHUT_WR);
    turns(3);
    assert_false(is_at_end(fd));
    wait_wake(&reading->wait);
    turns(4);
    expect(fd, "$4 xxxx +PONG ");
    assert_true(is_at_end(fd));
    assert_int_equal(dropped, 1);
    close(fd);
    /* That goes for the read alone. */
    fd = join();
    talk(fd, "XREAD now y z\r\n", "$4 xxxx ");
    talk(other, "CLIENT PAUSE 1000\r\n", "+OK ");
    talk(fd, "SET a 1\r\n", "");
    shutdown(fd, SHUT_WR);
    turns(2);
    assert_true(is_at_end(fd));
    close(fd);
    close(other);
}

static void test_what_would_be_handed_over(void **state)
{
    (void)state;
    int fd = join();
    talk(fd, "XREAD mine y z\r\n", "");
    assert_int_equal(sessions_stats(sessions).blocked, 0);
    assert_false(is_at_end(fd));
    shutdown(fd, SHUT_WR);
    turns(2);
    assert_true(is_at_end(fd));
    assert_int_equal(dropped, 1);
    close(fd);
}

static void test_answered_at_once(void **state)
{
    (void)state;
    int fd = join();
    talk(fd, "XREAD now y z\r\nPING\r\nXREAD now y z\r\nXREAD now y z\r\nPING\r\n",
         "$4 xxxx +PONG $4 xxxx $4 xxxx +PONG ");
    assert_int_equal(dropped, 3);
    close(fd);
}

static void test_read_and_then_block(void **state)
{
    (void)state;
    int fd = join(), other = join();
    talk(fd, "XREAD x y z\r\n", "");
    block_then = true;
    wait_wake(&reading->wait);
    turn();
    assert_int_equal(sessions_stats(sessions).blocked, 1);
    assert_int_equal(sessions_next_turn_us(sessions), now_us + 100 * 1000);
    say(other, "CLIENT LIST ID 1\r\n");
    turns(2);
    expect_line(other, " flags=bU ");
    now_us += 100 * 1000;
    turn();
    expect(fd, "*-1 ");
    talk(fd, "XREAD x y z\r\n", "");
    block_then = true;
    wait_wake(&reading->wait);
    turn();
    shutdown(fd, SHUT_WR); /* now this ends it */
    turns(2);
    assert_true(is_at_end(fd));
    close(fd);
    close(other);
}

/* ---- what holds for any request ---- */

static void test_never_in_a_transaction(void **state)
{
    (void)state;
    int fd = join();
    talk(fd, "MULTI\r\nBLPOP k 0\r\nXREAD a b c\r\nEXEC\r\nPING\r\n",
         "+OK +QUEUED +QUEUED *2 *-1 -ERR the past cannot be read here +PONG ");
    close(fd);
}

static void test_silence(void **state)
{
    (void)state;
    int fd = join(), other = join();
    talk(fd, "CLIENT REPLY SKIP\r\nBLPOP k 0\r\nPING\r\n", "");
    talk(other, "SET k 1\r\n", "+OK ");
    expect(fd, "+PONG ");
    talk(fd, "CLIENT REPLY OFF\r\nBLPOP k 0\r\nPING\r\nCLIENT REPLY ON\r\n", "");
    talk(other, "SET k 1\r\n", "+OK ");
    expect(fd, "+OK ");
    close(fd);
    close(other);
}

static void test_reply_before_own_messages(void **state)
{
    (void)state;
    notify("KEA");
    int fd = join_in_resp3(), other = join_in_resp3();
    talk(fd, "SUBSCRIBE __keyevent@0__:del\r\n", ">3 $9 subscribe $18 __keyevent@0__:del :1 ");
    talk(other, "SUBSCRIBE __keyevent@0__:del\r\n", ">3 $9 subscribe $18 __keyevent@0__:del :1 ");
    talk(fd, "BLPOP k 0\r\n", "");
    talk(other, "SET x 1\r\nDEL x\r\n", "+OK :1 >3 $7 message $18 __keyevent@0__:del $1 x ");
    expect(fd, ">3 $7 message $18 __keyevent@0__:del $1 x "); /* it hears while it waits */
    talk(other, "SET k 1\r\nPING\r\n",
         "+OK >3 $7 message $18 __keyevent@0__:del $1 k +PONG "); /* in the order of records */
    expect(fd, "$1 1 >3 $7 message $18 __keyevent@0__:del $1 k ");
    close(fd);
    close(other);
}

static void test_output_limit(void **state)
{
    (void)state;
    config.output[OUTPUT_CLASS_NORMAL] = (struct out_limit){.hard = 100 * KB};
    sessions_set_config(sessions, config);
    int fd = join();
    talk(fd, "XREAD x y z\r\n", "");
    reading->reply_bytes = 200 * KB;
    wait_wake(&reading->wait);
    turns(2);
    assert_true(is_at_end(fd));
    assert_false(dropped_within); /* not under the hands of `resume` */
    assert_int_equal(dropped, 1);
    close(fd);
}

/* It is ended by a message that its own record sends. */
static void test_ended_by_its_own_message(void **state)
{
    (void)state;
    config.output[OUTPUT_CLASS_PUBSUB] = (struct out_limit){.hard = 60};
    sessions_set_config(sessions, config);
    int fd = join_in_resp3();
    talk(fd, "SUBSCRIBE news\r\n", ">3 $9 subscribe $4 news :1 ");
    talk(fd, "XREAD x y z\r\n", "");
    reading->reply_bytes = 40;
    wait_wake(&reading->wait);
    turns(2);
    assert_true(is_at_end(fd));
    assert_int_equal(dropped, 1);
    close(fd);
}

static void test_monitor_slowlog_and_list(void **state)
{
    (void)state;
    config.slow_us = 0;
    config.slow_len_max = 10;
    config.latency_histograms = true;
    sessions_set_config(sessions, config);
    int fd = join(), other = join(), monitor = join();
    talk(monitor, "MONITOR\r\n", "+OK ");
    talk(fd, "BLPOP k 0\r\n", "");
    expect_line(monitor, "\"BLPOP\" \"k\" \"0\""); /* when it is issued, and once */
    assert_int_equal(stats_of("blpop")->calls, 1);
    assert_int_equal(command_stats_timed(stats_of("blpop")), 0);
    say(other, "CLIENT LIST ID 1\r\n");
    turns(2);
    expect_line(other, " flags=bU ");
    forget(monitor);
    talk(other, "SLOWLOG RESET\r\nSLOWLOG LEN\r\nSET k 1\r\nSLOWLOG LEN\r\n", "+OK :1 +OK :4 ");
    expect(fd, "$1 1 ");
    assert_int_equal(stats_of("blpop")->calls, 1);
    assert_int_equal(command_stats_timed(stats_of("blpop")), 1);
    char line[KB] = {0};
    assert_true(recv(monitor, line, sizeof line - 1, MSG_DONTWAIT) > 0);
    assert_null(strstr(line, "BLPOP"));
    close(fd);
    close(other);
    close(monitor);
}

static void test_tracking(void **state)
{
    (void)state;
    int fd = join_in_resp3(), other = join();
    talk(fd, "CLIENT TRACKING ON OPTIN\r\nCLIENT CACHING YES\r\nXREAD STREAMS key 1\r\n",
         "+OK +OK ");
    wait_wake(&reading->wait);
    turn();
    expect(fd, "$4 xxxx ");
    talk(other, "SET key 1\r\n", "+OK ");
    expect(fd, ">2 $10 invalidate *1 $3 key ");
    close(fd);
    close(other);
}

static void test_idle(void **state)
{
    (void)state;
    int fd = join(), other = join();
    talk(fd, "BLPOP k 0\r\n", "");
    now_us += 10 * 1000 * 1000;
    net_close_idle(net, now_us, 1000 * 1000);
    assert_false(is_at_end(fd));
    turns(2);
    assert_true(is_at_end(other));
    close(other);
    other = join();
    talk(other, "SET k 1\r\n", "+OK ");
    expect(fd, "$1 1 ");
    now_us += 10 * 1000 * 1000;
    net_close_idle(net, now_us, 1000 * 1000);
    turns(2);
    assert_true(is_at_end(fd));
    close(fd);
    close(other);
}

/* ---- CLIENT PAUSE ---- */

static void test_pause(void **state)
{
    (void)state;
    int a = join(), b = join(), r = join(), other = join();
    talk(a, "BLPOP k 0\r\nPING\r\n", "");
    talk(b, "BLPOP k 100\r\n", "");
    talk(r, "XREAD x y z\r\n", "");
    talk(other, "CLIENT PAUSE 1000 WRITE\r\n", "+OK ");
    struct popping *second = all_popping;
    wait_wake(&second->next->wait);
    wait_wake(&second->wait);
    wait_wake(&reading->wait);
    turn();
    assert_int_equal(resumed, 0); /* what they would do is a write */
    expect(r, "$4 xxxx ");
    assert_int_equal(sessions_stats(sessions).blocked, 2);
    now_us += 100 * 1000;
    turn();
    expect(b, "*-1 "); /* time-outs come all the same, and so does CLIENT UNBLOCK */
    talk(r, "XREAD x y z\r\n", "");
    talk(other, "CLIENT PAUSE 1000 ALL\r\n", "+OK ");
    wait_wake(&reading->wait);
    turns(2);
    expect(r, "");
    talk(other, "CLIENT UNBLOCK 1\r\n", ":1 ");
    expect(a, "*-1 "); /* and what is behind it waits for the end of the pause */
    talk(other, "CLIENT UNPAUSE\r\n", "+OK ");
    turn();
    expect(a, "+PONG ");
    expect(r, "$4 xxxx ");
    assert_int_equal(dropped, 4);
    close(a);
    close(b);
    close(r);
    close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_served),
        TEST(test_order_of_waking),
        TEST(test_record_of_its_own),
        TEST(test_woken_outside_of_requests),
        TEST(test_time_out),
        TEST(test_many_time_outs),
        TEST(test_unblock),
        TEST(test_woken_and_ended_otherwise),
        TEST(test_kill_and_disconnect),
        TEST(test_server_ends),
        TEST(test_slow_read),
        TEST(test_what_would_be_handed_over),
        TEST(test_answered_at_once),
        TEST(test_read_and_then_block),
        TEST(test_never_in_a_transaction),
        TEST(test_silence),
        TEST(test_reply_before_own_messages),
        TEST(test_output_limit),
        TEST(test_ended_by_its_own_message),
        TEST(test_monitor_slowlog_and_list),
        TEST(test_tracking),
        TEST(test_idle),
        TEST(test_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
