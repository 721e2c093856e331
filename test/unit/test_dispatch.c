/* Sessions over real sockets, without the server around them: the order of replies and messages,
 * transactions, pauses, those who end in the middle of something, and that all get their turn. */
#include "dialog.h"

/* In place of a command of the server's: takes as long as it is told, in milliseconds. */
static void lolwut(struct call *c)
{
    int64_t ms, from = io_mono_us();
    if (!call_int(c, 1, &ms)) return;
    while (io_mono_us() - from < ms * 1000) continue;
    resp_ok(&c->reply);
}

/* The time by which the command goes. */
static void time_command(struct call *c)
{
    resp_int(&c->reply, engine_now(c->engine));
}

static void shutdown_command(struct call *c)
{
    (void)c;
    sessions_stop(sessions);
}

static void bind_test_commands(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"lolwut", lolwut}, {"time", time_command}, {"shutdown", shutdown_command}};
    command_bind_all(t, rows, 3);
}

/* ---- order ---- */

static void test_pipeline(void **state)
{
    (void)state;
    int fd = join();
    talk(fd, "PING\r\nSET a 1\r\n\r\nGET a\r\nNOSUCH\r\nINCR a\r\n",
         "+PONG +OK $1 1 -ERR unknown command 'NOSUCH', with args beginning with:  :2 ");
    say_often(fd, "INCR a\r\n", 1000);
    turn();
    assert_true(forget(fd) > 1000 * 4);
    talk(fd, "GET a\r\n", "$4 1002 ");
    close(fd);
}

static void test_reply_before_own_messages(void **state)
{
    (void)state;
    notify("KEA");
    int fd = join_in_resp3();
    talk(fd, "SUBSCRIBE __keyevent@0__:set news\r\n",
         ">3 $9 subscribe $18 __keyevent@0__:set :1 >3 $9 subscribe $4 news :2 ");
    talk(fd, "SET a 1\r\nSET b 1\r\n",
         "+OK >3 $7 message $18 __keyevent@0__:set $1 a "
         "+OK >3 $7 message $18 __keyevent@0__:set $1 b ");
    talk(fd, "PUBLISH news x\r\nPING\r\n", ":1 >3 $7 message $4 news $1 x +PONG ");
    talk(fd, "MULTI\r\nSET a 1\r\nPUBLISH news y\r\nSET b 1\r\nEXEC\r\nPING\r\n",
         "+OK +QUEUED +QUEUED +QUEUED *3 +OK :1 +OK >3 $7 message $18 __keyevent@0__:set $1 a "
         ">3 $7 message $4 news $1 y >3 $7 message $18 __keyevent@0__:set $1 b +PONG ");
    close(fd);
}

/* Keys that go to make room are told between the replies of the commands before and after. */
static void test_eviction_keeps_its_place(void **state)
{
    (void)state;
    notify("Ee");
    int fd = join_in_resp3();
    talk(fd, "SUBSCRIBE __keyevent@0__:evicted\r\nSET a 1\r\n",
         ">3 $9 subscribe $22 __keyevent@0__:evicted :1 +OK ");
    struct engine_config c = engine_config(engine);
    c.memory_max = 1;
    c.policy = EVICT_ALLKEYS_RANDOM;
    engine_set_config(engine, c);
    talk(fd, "PING\r\nSET b 1\r\n",
         "+PONG >3 $7 message $22 __keyevent@0__:evicted $1 a "
         "-OOM command not allowed when used memory > 'maxmemory'. ");
    close(fd);
}

static void test_messages_to_others(void **state)
{
    (void)state;
    int sub = join(), pub = join();
    talk(sub, "SUBSCRIBE news\r\nPING\r\n", "*3 $9 subscribe $4 news :1 *2 $4 pong $0  ");
    talk(sub, "GET a\r\n",
         "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
         "are allowed in this context ");
    talk(pub, "PUBLISH news hello\r\n", ":1 ");
    expect(sub, "*3 $7 message $4 news $5 hello ");
    close(sub);
    turn();
    talk(pub, "PUBLISH news hello\r\n", ":0 ");
    close(pub);
}

static void test_subscriptions_are_bounded(void **state)
{
    (void)state;
    pubsub_set_subscriptions_max(pubsub, 3);
    int fd = join_in_resp3(), other = join_in_resp3();
    talk(fd, "SUBSCRIBE a\r\nPSUBSCRIBE b*\r\nSSUBSCRIBE c\r\n",
         ">3 $9 subscribe $1 a :1 >3 $10 psubscribe $2 b* :2 >3 $10 ssubscribe $1 c :1 ");
    talk(fd, "SUBSCRIBE d a\r\n",
         "-ERR this client has as many subscriptions as client-subscriptions-max allows "
         ">3 $9 subscribe $1 a :2 ");
    talk(fd, "SUNSUBSCRIBE c\r\nSUBSCRIBE d\r\n",
         ">3 $12 sunsubscribe $1 c :0 >3 $9 subscribe $1 d :3 ");
    talk(other, "PSUBSCRIBE b* *\r\n", ">3 $10 psubscribe $2 b* :1 >3 $10 psubscribe $1 * :2 ");
    close(fd);
    close(other);
}

/* Subscribes to so many patterns. */
static void subscribe_often(int fd, int count)
{
    for (int i = 0; i < count;) {
        struct buffer line = {0};
        buffer_printf(&line, "PSUBSCRIBE");
        for (int end = i + 500; i < end && i < count; i++) buffer_printf(&line, " %d:*", i);
        buffer_printf(&line, "\r\n");
        assert_int_equal(send(fd, line.at, line.len, MSG_NOSIGNAL), line.len);
        buffer_fini(&line);
        turns(2);
        forget(fd);
    }
}

/* Who had many subscriptions leaves in slices, is told nothing any more at once, and is outrun by
 * nobody. */
static void test_many_subscriptions_end(void **state)
{
    enum { MANY = 5000 };
    (void)state;
    int fd = join_in_resp3(), other = join_in_resp3();
    subscribe_often(fd, MANY);
    assert_int_equal(pubsub_counts(pubsub).patterns, MANY);
    close(fd);
    turn();
    size_t left = pubsub_counts(pubsub).patterns;
    assert_true(left > MANY / 2 && left < MANY);
    assert_int_equal(sessions_stats(sessions).clients, 1);
    assert_true(sessions_next_turn_us(sessions) <= now_us);
    say(other, "PUBLISH 4999:x hello\r\n"); /* nobody is there to get it */
    turn();
    forget(other);
    left = pubsub_counts(pubsub).patterns;
    say(other, "PSUBSCRIBE a* b* c*\r\n");
    net_wait(net, 0);
    net_read(net, now_us);
    assert_int_equal(pubsub_counts(pubsub).patterns, left - 2 * 3 + 3);
    for (int i = 0; i < MANY && sessions_next_turn_us(sessions) >= 0; i++) turn();
    assert_int_equal(pubsub_counts(pubsub).patterns, 3);
    assert_int_equal(sessions_next_turn_us(sessions), -1);
    close(other);
}

static void test_reset_with_many_subscriptions(void **state)
{
    enum { MANY = 5000 };
    (void)state;
    int fd = join_in_resp3(), other = join_in_resp3();
    subscribe_often(fd, MANY);
    say(fd, "SET a 1\r\nRESET\r\nPING\r\n");
    turn();
    expect(fd, "+OK ");
    size_t left = pubsub_counts(pubsub).patterns;
    assert_true(left > MANY / 2 && left < MANY);
    talk(other, "PING\r\n", "+PONG "); /* others go on */
    turns(20);
    expect(fd, "+RESET +PONG ");
    assert_int_equal(pubsub_counts(pubsub).patterns, 0);
    subscribe_often(fd, MANY);
    sessions_free(sessions); /* all at once, at the end */
    assert_int_equal(pubsub_counts(pubsub).patterns, 0);
    struct session_hooks hooks = {NULL, note_slow, note_line, no_secret};
    sessions = sessions_new(engine, net, table, hooks);
    close(fd);
    close(other);
}

/* ---- transactions ---- */

static void test_transactions(void **state)
{
    (void)state;
    int fd = join();
    talk(fd, "MULTI\r\nSET a 1\r\nINCR a\r\nSELECT 2\r\nGET a\r\nEXEC\r\n",
         "+OK +QUEUED +QUEUED +QUEUED +QUEUED *4 +OK :2 +OK $-1 ");
    talk(fd, "SELECT 0\r\nMULTI\r\nMULTI\r\nINCR a\r\nEXEC\r\n",
         "+OK +OK -ERR MULTI calls can not be nested +QUEUED *1 :3 ");
    talk(fd, "MULTI\r\nNOSUCH\r\nINCR a\r\nEXEC\r\nGET a\r\n",
         "+OK -ERR unknown command 'NOSUCH', with args beginning with:  +QUEUED -EXECABORT "
         "Transaction discarded because of previous errors. $1 3 ");
    talk(fd, "MULTI\r\nINCR a\r\nDISCARD\r\nEXEC\r\nDISCARD\r\n",
         "+OK +QUEUED +OK -ERR EXEC without MULTI -ERR DISCARD without MULTI ");
    talk(fd, "SET s x\r\nMULTI\r\nINCR s\r\nINCR a\r\nEXEC\r\n",
         "+OK +OK +QUEUED +QUEUED *2 -ERR value is not an integer or out of range :4 ");
    close(fd);
}

static void test_watch(void **state)
{
    (void)state;
    int fd = join(), other = join();
    talk(fd, "WATCH a\r\nMULTI\r\nSET a 1\r\n", "+OK +OK +QUEUED ");
    talk(other, "SET a 2\r\n", "+OK ");
    talk(fd, "EXEC\r\nGET a\r\n", "*-1 $1 2 ");
    talk(fd, "WATCH a\r\nSET a 3\r\nMULTI\r\nGET a\r\nEXEC\r\n", "+OK +OK +OK +QUEUED *-1 ");
    talk(fd, "WATCH a\r\nSET a 4\r\nUNWATCH\r\nMULTI\r\nGET a\r\nEXEC\r\n",
         "+OK +OK +OK +OK +QUEUED *1 $1 4 ");
    talk(fd, "MULTI\r\nWATCH a\r\nEXEC\r\n", "+OK -ERR WATCH inside MULTI is not allowed *0 ");
    talk(fd, "WATCH a\r\n", "+OK ");
    assert_int_equal(keyspace_watched(keyspace), 1);
    close(fd);
    turn();
    assert_int_equal(keyspace_watched(keyspace), 0);
    close(other);
}

/* The words of a transaction outlive the input that they came in: the record borrows them. */
static void test_words_of_a_transaction(void **state)
{
    (void)state;
    notify("KEA");
    int fd = join(), sub = join();
    talk(sub, "SUBSCRIBE __keyevent@0__:set\r\n", "*3 $9 subscribe $18 __keyevent@0__:set :1 ");
    talk(fd, "MULTI\r\n", "+OK ");
    talk(fd, "SET first 1\r\n", "+QUEUED ");
    talk(fd, "SET second 22222222222222222222222222222222222222\r\n", "+QUEUED ");
    talk(fd, "EXEC\r\n", "*2 +OK +OK ");
    expect(sub, "*3 $7 message $18 __keyevent@0__:set $5 first "
                "*3 $7 message $18 __keyevent@0__:set $6 second ");
    close(fd);
    close(sub);
}

static void test_queue_is_bounded(void **state)
{
    (void)state;
    int fd = join();
    talk(fd, "MULTI\r\n", "+OK ");
    char *line = malloc(64 * KB);
    size_t len = (size_t)snprintf(line, 64, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$50000\r\n");
    memset(line + len, 'x', 50000);
    memcpy(line + len + 50000, "\r\n", 2);
    for (int i = 0; i < 40 && !is_at_end(fd); i++) {
        send(fd, line, len + 50002, MSG_NOSIGNAL);
        turns(2);
        forget(fd);
    }
    free(line);
    assert_int_equal(sessions_stats(sessions).clients, 0);
    close(fd);
}

static void test_watches_are_bounded(void **state)
{
    (void)state;
    int fd = join();
    char line[64];
    for (int i = 0; i < 20000 && !is_at_end(fd); i += 100) {
        struct buffer watch = {0};
        buffer_printf(&watch, "WATCH");
        for (int k = i; k < i + 100; k++) buffer_printf(&watch, " key:%d", k);
        buffer_printf(&watch, "\r\n");
        send(fd, watch.at, watch.len, MSG_NOSIGNAL);
        buffer_fini(&watch);
        turns(2);
        recv(fd, line, sizeof line, MSG_DONTWAIT);
    }
    assert_int_equal(sessions_stats(sessions).clients, 0);
    assert_int_equal(keyspace_watched(keyspace), 0);
    close(fd);
}

/* ---- pauses ---- */

static void test_pause(void **state)
{
    (void)state;
    int fd = join(), other = join();
    talk(other, "CLIENT PAUSE 1000 WRITE\r\n", "+OK ");
    talk(fd, "PING\r\nGET a\r\nSET a 1\r\nGET a\r\n", "+PONG $-1 ");
    talk(fd, "PING\r\n", "");
    assert_int_equal(sessions_stats(sessions).paused, 1);
    say(other, "PING\r\n");
    now_us += 500000;
    turns(2);
    net_close_idle(net, now_us, 400000); /* who has to wait is not idle */
    expect(fd, "");
    expect(other, "+PONG ");
    talk(other, "CLIENT UNPAUSE\r\n", "+OK ");
    turns(2);
    expect(fd, "+OK $1 1 +PONG ");
    talk(other, "CLIENT PAUSE 1000 ALL\r\n", "+OK ");
    talk(fd, "GET a\r\n", "");
    now_us += 999000;
    turns(2);
    expect(fd, "");
    now_us += 1000;
    assert_true(sessions_next_turn_us(sessions) <= now_us);
    turns(2);
    expect(fd, "$1 1 ");
    close(fd);
    close(other);
}

/* Data stand still: what is past its deadline is hidden, not gone, and nothing is evicted. */
static void test_pause_holds_expiry(void **state)
{
    (void)state;
    notify("KEA");
    int fd = join(), sub = join();
    talk(sub, "PSUBSCRIBE __keyevent@*\r\n", "*3 $10 psubscribe $12 __keyevent@* :1 ");
    talk(fd, "SET a 1 PX 100\r\nCLIENT PAUSE 1000 WRITE\r\n", "+OK +OK ");
    turn();
    forget(sub);
    now_us += 200 * 1000;
    assert_int_equal(engine_expire(engine, now_us / 1000, 100), 0);
    assert_int_equal(engine_next_expiry(engine, now_us / 1000), -1);
    talk(fd, "GET a\r\nEXISTS a\r\nTTL a\r\nRANDOMKEY\r\nDBSIZE\r\n", "$-1 :0 :-2 $1 a :1 ");
    turn();
    expect(sub, "");
    talk(fd, "CLIENT UNPAUSE\r\nGET a\r\nDBSIZE\r\n", "+OK $-1 :0 ");
    turn();
    expect(sub, "*4 $8 pmessage $12 __keyevent@* $22 __keyevent@0__:expired $1 a ");
    close(fd);
    close(sub);
}

static void test_pause_holds_eviction(void **state)
{
    (void)state;
    int fd = join();
    talk(fd, "SET a 1\r\nCLIENT PAUSE 1000 WRITE\r\n", "+OK +OK ");
    struct engine_config c = engine_config(engine);
    c.memory_max = 1;
    c.policy = EVICT_ALLKEYS_RANDOM;
    engine_set_config(engine, c);
    engine_work(engine, now_us / 1000);
    talk(fd, "DBSIZE\r\nSET b 1\r\n", ":1 "); /* no room is made, and it waits */
    now_us += 1000 * 1000;
    turns(2);
    expect(fd, "-OOM command not allowed when used memory > 'maxmemory'. ");
    talk(fd, "DBSIZE\r\n", ":0 ");
    close(fd);
}

static void test_end_while_paused(void **state)
{
    (void)state;
    int fd = join(), other = join();
    talk(other, "CLIENT PAUSE 1000\r\n", "+OK ");
    talk(fd, "SET a 1\r\n", "");
    talk(other, "CLIENT KILL ID 1\r\n", ":1 ");
    assert_true(is_at_end(fd));
    turns(2);
    talk(other, "CLIENT UNPAUSE\r\nGET a\r\n", "+OK $-1 ");
    close(fd);
    close(other);
}

/* ---- who may ---- */

static void test_password(void **state)
{
    (void)state;
    config.password = SLICE("secret");
    sessions_set_config(sessions, config);
    int fd = join();
    talk(fd, "GET a\r\nPING\r\nAUTH wrong\r\n",
         "-NOAUTH Authentication required. -NOAUTH Authentication required. "
         "-WRONGPASS invalid username-password pair or user is disabled. ");
    /* What follows AUTH is judged as of somebody who is known, though it came with it. */
    talk(fd,
         "AUTH secret\r\n*12\r\n$4\r\nMGET\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n"
         "$1\r\n5\r\n$1\r\n6\r\n$1\r\n7\r\n$1\r\n8\r\n$1\r\n9\r\n$1\r\na\r\n$1\r\nb\r\n",
         "+OK *11 $-1 $-1 $-1 $-1 $-1 $-1 $-1 $-1 $-1 $-1 $-1 ");
    talk(fd, "RESET\r\nGET a\r\n", "+RESET -NOAUTH Authentication required. ");
    talk(fd, "*12\r\n", "-ERR Protocol error: unauthenticated multibulk length ");
    assert_true(is_at_end(fd));
    close(fd);

    fd = join();
    talk(fd, "GET a\r\n", "-NOAUTH Authentication required. ");
    config.password = SLICE("");
    sessions_set_config(sessions, config);
    talk(fd, "GET a\r\n", "$-1 ");
    close(fd);
}

static void test_too_many_clients(void **state)
{
    (void)state;
    config.clients_max = 2;
    sessions_set_config(sessions, config);
    int a = join(), b = join(), c = join();
    expect(c, "-ERR max number of clients reached ");
    assert_true(is_at_end(c));
    talk(b, "PING\r\n", "+PONG ");
    close(a);
    turns(2);
    int d = join();
    talk(d, "PING\r\n", "+PONG ");
    assert_int_equal(sessions_stats(sessions).rejected_connections, 1);
    close(b);
    close(c);
    close(d);
}

/* What a browser can be made to send has its commands behind a header: they are not looked at. */
static void test_web_requests(void **state)
{
    (void)state;
    int fd = join();
    talk(fd, "POST / HTTP/1.1\r\n\r\nSET a 1\r\n", "");
    assert_true(is_at_end(fd));
    close(fd);
    fd = join();
    talk(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\nSET a 1\r\n", "");
    assert_true(is_at_end(fd));
    close(fd);
    assert_int_equal(keyspace_size(keyspace, 0), 0);
    assert_true(log_lines.len > 0);
}

/* ---- ends ---- */

static void test_quit_and_errors_end_the_input(void **state)
{
    (void)state;
    int fd = join();
    talk(fd, "SET a 1\r\nQUIT\r\nSET a 2\r\n", "+OK +OK ");
    assert_true(is_at_end(fd));
    close(fd);
    fd = join();
    talk(fd, "GET a\r\n*1\r\nPING\r\nSET a 2\r\n",
         "$1 1 -ERR Protocol error: expected '$', got 'P' ");
    assert_true(is_at_end(fd));
    close(fd);
    fd = join();
    talk(fd, "GET a\r\n", "$1 1 ");
    close(fd);
}

static void test_kill(void **state)
{
    (void)state;
    int a = join(), b = join();
    talk(b, "WATCH k\r\nMULTI\r\nSET a 1\r\nSUBSCRIBE x\r\n", "+OK +OK +QUEUED +QUEUED ");
    say(b, "EXEC\r\n");
    say(a, "CLIENT KILL ID 2\r\n"); /* whichever of the two is read first */
    turns(2);
    expect(a, ":1 ");
    forget(b);
    assert_true(is_at_end(b));
    talk(a, "CLIENT KILL ID 1 SKIPME no\r\nPING\r\n", ":1 ");
    assert_true(is_at_end(a));
    assert_int_equal(sessions_stats(sessions).clients, 0);
    close(a);
    close(b);
}

/* A subscriber that does not read ends while a message is on its way to it and to others. */
static void test_subscriber_at_its_limit(void **state)
{
    (void)state;
    config.output[OUTPUT_CLASS_PUBSUB] = (struct out_limit){.hard = 600 * KB};
    sessions_set_config(sessions, config);
    int slow = join(), good = join(), pub = join();
    talk(slow, "SUBSCRIBE news\r\n", "*3 $9 subscribe $4 news :1 ");
    talk(good, "SUBSCRIBE news\r\n", "*3 $9 subscribe $4 news :1 ");
    char *message = malloc(100 * KB);
    size_t len = (size_t)snprintf(message, 64, "*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$65536\r\n");
    memset(message + len, 'x', 65536);
    memcpy(message + len + 65536, "\r\n", 2);
    size_t heard = 0;
    for (int i = 0; i < 30; i++) {
        assert_int_equal(send(pub, message, len + 65538, 0), len + 65538);
        turns(3);
        heard += forget(good);
    }
    free(message);
    assert_int_equal(sessions_stats(sessions).clients, 2);
    assert_true(heard > 30 * 65536);
    close(slow);
    close(good);
    close(pub);
}

/* One that asks for more than it reads ends in the middle of its own pipeline. */
static void test_client_at_its_limit(void **state)
{
    (void)state;
    config.output[OUTPUT_CLASS_NORMAL] = (struct out_limit){.hard = MB};
    sessions_set_config(sessions, config);
    int fd = join();
    talk(fd, "SETRANGE a 60000 x\r\n", ":60001 ");
    say_often(fd, "GET a\r\n", 100);
    turns(2);
    assert_int_equal(sessions_stats(sessions).clients, 0);
    close(fd);
}

static void test_silence(void **state)
{
    (void)state;
    int fd = join();
    talk(fd, "CLIENT REPLY SKIP\r\nPING\r\nPING\r\n", "+PONG ");
    talk(fd, "CLIENT REPLY OFF\r\nPING\r\nNOSUCH\r\nSET a 1\r\n", "");
    talk(fd, "CLIENT REPLY ON\r\nGET a\r\n", "+OK $1 1 ");
    close(fd);
}

static void test_monitor(void **state)
{
    (void)state;
    int monitor = join(), fd = join();
    char expected[256];
    talk(monitor, "MONITOR\r\n", "+OK ");
    talk(fd, "AUTH x y\r\n", "-WRONGPASS invalid username-password pair or user is disabled. ");
    char bytes[KB];
    ssize_t n = recv(monitor, bytes, sizeof bytes - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    bytes[n] = 0;
    snprintf(expected, sizeof expected, " [0 unix:%s] \"AUTH\" \"(redacted)\" \"(redacted)\"\r\n",
             path);
    assert_non_null(strstr(bytes, expected));
    close(monitor);
    close(fd);
}

/* ---- time ---- */

/* A turn may be long: the time goes on within it, and is one for all of a transaction. */
static void test_time_goes_on(void **state)
{
    (void)state;
    config.ticks_per_us = io_ticks_calibrate();
    sessions_set_config(sessions, config);
    int fd = join();
    say(fd, "TIME\r\nLOLWUT 5\r\nTIME\r\nMULTI\r\nTIME\r\nLOLWUT 5\r\nTIME\r\nEXEC\r\n");
    turn();
    char bytes[KB] = "";
    assert_true(recv(fd, bytes, sizeof bytes - 1, MSG_DONTWAIT) > 0);
    long long a, b, c, d;
    assert_int_equal(sscanf(bytes,
                            ":%lld\r\n+OK\r\n:%lld\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n"
                            "*3\r\n:%lld\r\n+OK\r\n:%lld\r\n",
                            &a, &b, &c, &d),
                     4);
    assert_true(b >= a + 5);
    assert_true(c >= b && c == d);
    close(fd);
}

/* Nothing runs behind SHUTDOWN, whoever sent it in the same turn; replies of before still leave. */
static void test_stop(void **state)
{
    (void)state;
    int a = join(), b = join(), c = join();
    say(a, "SET a 1\r\n");
    say(b, "SET b 1\r\nSHUTDOWN\r\nSET b 2\r\n");
    say(c, "SET c 1\r\n");
    turns(3);
    expect(a, "+OK ");
    expect(b, "+OK ");
    expect(c, "");
    assert_int_equal(keyspace_size(keyspace, 0), 2);
    assert_int_equal(sessions_commands(sessions), 3);
    close(a);
    close(b);
    close(c);
}

/* Many slow requests of one client do not keep the others waiting for all of them. */
static void test_turns_are_shared(void **state)
{
    (void)state;
    config.ticks_per_us = io_ticks_calibrate();
    sessions_set_config(sessions, config);
    int slow = join(), fd = join();
    say_often(slow, "LOLWUT 8\r\n", 60);
    say(fd, "PING\r\n");
    int64_t from = io_mono_us();
    turn();
    assert_true(io_mono_us() - from < 200 * 1000);
    expect(fd, "+PONG ");
    size_t answered = forget(slow) / 5;
    assert_true(answered > 0 && answered < 60);
    for (int i = 0; i < 60 && answered < 60; i++) {
        say(fd, "PING\r\n");
        turn();
        expect(fd, "+PONG ");
        answered += forget(slow) / 5;
    }
    assert_int_equal(answered, 60);
    close(slow);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pipeline),
        TEST(test_reply_before_own_messages),
        TEST(test_eviction_keeps_its_place),
        TEST(test_messages_to_others),
        TEST(test_subscriptions_are_bounded),
        TEST(test_many_subscriptions_end),
        TEST(test_reset_with_many_subscriptions),
        TEST(test_transactions),
        TEST(test_watch),
        TEST(test_words_of_a_transaction),
        TEST(test_queue_is_bounded),
        TEST(test_watches_are_bounded),
        TEST(test_pause),
        TEST(test_pause_holds_expiry),
        TEST(test_pause_holds_eviction),
        TEST(test_end_while_paused),
        TEST(test_password),
        TEST(test_too_many_clients),
        TEST(test_web_requests),
        TEST(test_quit_and_errors_end_the_input),
        TEST(test_kill),
        TEST(test_subscriber_at_its_limit),
        TEST(test_client_at_its_limit),
        TEST(test_silence),
        TEST(test_monitor),
        TEST(test_time_goes_on),
        TEST(test_stop),
        TEST(test_turns_are_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
