/* The commands of hashes: replies, events with their fields, effects; and how fields end. What
 * redis-server 7.0.15 has is compared with it elsewhere (test/oracle); deadlines of fields are as
 * Redis of 2026 has them. */
#include "runner.h"

#include "../../src/value/fields.h"

static const struct runner_row basic_rows[] = {
    {"HSET h a 1 b 2 a 3", ":2", "new h, hset h(a b a)"},
    {"HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command", ""},
    {"HMSET h a 1 b", "-ERR wrong number of arguments for 'hmset' command", ""},
    {"HMSET h c 3", "+OK", "hset h(c)"},
    {"HGET h a", "$1 3", ""},
    {"HGET h none", "$-1", ""},
    {"HGET none a", "$-1", "keymiss none"},
    {"HMGET h a none b", "*3 $1 3 $-1 $1 2", ""},
    {"HMGET none a b", "*2 $-1 $-1", "keymiss none"},
    {"HGETALL h", "*6 $1 a $1 3 $1 b $1 2 $1 c $1 3", ""},
    {"HKEYS h", "*3 $1 a $1 b $1 c", ""},
    {"HVALS h", "*3 $1 3 $1 2 $1 3", ""},
    {"HGETALL none", "*0", "keymiss none"},
    {"HLEN h", ":3", ""},
    {"HSTRLEN h a", ":1", ""},
    {"HSTRLEN h none", ":0", ""},
    {"HEXISTS h a", ":1", ""},
    {"HEXISTS h none", ":0", ""},
    {"HSETNX h a 9", ":0", ""},
    {"HSETNX h d 9", ":1", "hset h(d)"},
    {"HSETNX n d 9", ":1", "new n, hset n(d)"},
    {"HINCRBY h a 4", ":7", "hincrby h(a)"},
    {"HINCRBY h new -4", ":-4", "hincrby h(new)"},
    {"HINCRBY h a x", "-ERR value is not an integer or out of range", ""},
    {"HSET h t text", ":1", "hset h(t)"},
    {"HINCRBY h t 1", "-ERR hash value is not an integer", ""},
    {"HINCRBY h a 9223372036854775807", "-ERR increment or decrement would overflow", ""},
    {"HINCRBYFLOAT h a 0.5", "$3 7.5", "hincrbyfloat h(a)"},
    {"HINCRBYFLOAT h a x", "-ERR value is not a valid float", ""},
    {"HINCRBYFLOAT h t 1", "-ERR hash value is not a float", ""},
    {"HINCRBYFLOAT f a 3", "$1 3", "new f, hincrbyfloat f(a)"},
    {"HDEL h a none t a", ":2", "hdel h(a t)"},
    {"HDEL h none", ":0", ""},
    {"HDEL none a", ":0", ""},
    {"HDEL f a", ":1", "hdel f(a), del f"},
    {"EXISTS f", ":0", "keymiss f"},
    {"SET s text", "+OK", "new s, set s"},
    {"HSET s a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value", ""},
    {"HGETALL s", "-WRONGTYPE Operation against a key holding the wrong kind of value", ""},
    {"OBJECT ENCODING h", "$8 listpack", ""},
    {"HRANDFIELD none", "$-1", "keymiss none"},
    {"HRANDFIELD none 2", "*0", "keymiss none"},
    {"HRANDFIELD n", "$1 d", ""},
    {"HRANDFIELD n 5 WITHVALUES", "*2 $1 d $1 9", ""},
    {"HRANDFIELD n -2 WITHVALUES", "*4 $1 d $1 9 $1 d $1 9", ""},
    {"HRANDFIELD n 0", "*0", ""},
    {"HRANDFIELD n 1 WITH", "-ERR syntax error", ""},
    {"HRANDFIELD n -9223372036854775807 WITHVALUES", "-ERR value is out of range", ""},
    {"HRANDFIELD n -4000001",
     "-ERR limit reached: too many elements to draw in one command (at most 4000000)", ""},
    {"HRANDFIELD none -9223372036854775807", "*0", "keymiss none"},
    {"HSCAN n 0", "*2 $1 0 *2 $1 d $1 9", ""},
    {"HSCAN n 0 NOVALUES", "*2 $1 0 *1 $1 d", ""},
    {"HSCAN n 0 MATCH x*", "*2 $1 0 *0", ""},
    {"HSCAN none 0", "*2 $1 0 *0", "keymiss none"},
};

static void test_basic(void **state)
{
    (void)state;
    runner_expect_rows(basic_rows, sizeof basic_rows / sizeof *basic_rows);
}

static void test_resp3(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    r.proto = 3;
    runner_expect(&r, "HSET h a 1", ":1", NULL);
    runner_expect(&r, "HGETALL h", "%1 $1 a $1 1", "");
    runner_expect(&r, "HGETALL none", "%0", NULL);
    runner_expect(&r, "HGET h none", "_", "");
    runner_expect(&r, "HRANDFIELD h 1 WITHVALUES", "*1 *2 $1 a $1 1", "");
    runner_expect(&r, "HSCAN h 0", "*2 $1 0 *2 $1 a $1 1", "");
    runner_fini(&r);
}

/* ---- deadlines: the clock stands at 1750000000 ms ---- */

static const struct runner_row time_rows[] = {
    {"HSET h a 1 b 2 c 3", ":3", "new h, hset h(a b c)"},
    {"HEXPIRE h 10 FIELDS 3 a none b", "*3 :1 :-2 :1", "hexpire h(a b)"},
    {"HTTL h FIELDS 3 a c none", "*3 :10 :-1 :-2", ""},
    {"HPTTL h FIELDS 1 a", "*1 :10000", ""},
    {"HEXPIRETIME h FIELDS 1 a", "*1 :1750010", ""},
    {"HPEXPIRETIME h FIELDS 1 a", "*1 :1750010000", ""},
    {"HPEXPIRE h 10001 FIELDS 1 a", "*1 :1", "hexpire h(a)"},
    {"HTTL h FIELDS 1 a", "*1 :11", ""},
    {"OBJECT ENCODING h", "$10 listpackex", ""},
    {"HEXPIRE h 20 NX FIELDS 2 a c", "*2 :0 :1", "hexpire h(c)"},
    {"HEXPIRE h 30 XX FIELDS 2 a c", "*2 :1 :1", "hexpire h(a c)"},
    {"HEXPIRE h 20 GT FIELDS 1 a", "*1 :0", ""},
    {"HEXPIRE h 40 GT FIELDS 1 a", "*1 :1", "hexpire h(a)"},
    {"HEXPIRE h 50 LT FIELDS 1 a", "*1 :0", ""},
    {"HEXPIRE h 5 LT FIELDS 1 a", "*1 :1", "hexpire h(a)"},
    {"HEXPIRE h 5 FIELDS 1 a", "*1 :1", "hexpire h(a)"},
    {"HPERSIST h FIELDS 3 a none b", "*3 :1 :-2 :1", "hpersist h(a b)"},
    {"HPERSIST h FIELDS 1 a", "*1 :-1", ""},
    {"HEXPIRE h 50 GT FIELDS 1 a", "*1 :0", ""},
    {"HEXPIRE h 50 LT FIELDS 1 a", "*1 :1", "hexpire h(a)"},
    {"HSET h a 2", ":0", "hset h(a)"},
    {"HTTL h FIELDS 1 a", "*1 :-1", ""},
    {"HEXPIRE h 50 FIELDS 1 a", "*1 :1", "hexpire h(a)"},
    {"HINCRBY h a 2", ":4", "hincrby h(a)"},
    {"HINCRBYFLOAT h a 2", "$1 6", "hincrbyfloat h(a)"},
    {"HTTL h FIELDS 1 a", "*1 :50", ""},
    {"HEXPIREAT h 1750100 FIELDS 1 a", "*1 :1", "hexpire h(a)"},
    {"HPEXPIREAT h 1750100001 FIELDS 1 a", "*1 :1", "hexpire h(a)"},
    {"HEXPIRETIME h FIELDS 1 a", "*1 :1750101", ""},
    {"HEXPIRE h 0 FIELDS 2 a a", "*2 :2 :-2", "hdel h(a)"},
    {"HPEXPIREAT h 1 FIELDS 2 b c", "*2 :2 :2", "hdel h(b c), del h"},
    {"HEXPIRE h 10 FIELDS 2 a b", "*2 :-2 :-2", ""},
    {"HTTL h FIELDS 2 a b", "*2 :-2 :-2", "keymiss h"},
    {"HPERSIST h FIELDS 1 a", "*1 :-2", ""},
};

static const struct runner_row time_error_rows[] = {
    {"HSET h a 1", ":1", NULL},
    {"SET s 1", "+OK", NULL},
    {"HEXPIRE s x FIELDS 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value",
     ""},
    {"HEXPIRE h x FIELDS 1 a", "-ERR value is not an integer or out of range", ""},
    {"HEXPIRE h -1 FIELDS 1 a", "-ERR invalid expire time, must be >= 0", ""},
    {"HEXPIRE h 70368744178 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command", ""},
    {"HPEXPIREAT h 70368744177664 FIELDS 1 a", "-ERR invalid expire time in 'hpexpireat' command",
     ""},
    {"HPEXPIREAT h 70368744177663 FIELDS 1 a", "*1 :1", "hexpire h(a)"},
    {"HEXPIRE h 1 NX XX FIELDS 1 a", "-ERR Multiple condition flags specified", ""},
    {"HEXPIRE h 1 FOO FIELDS 1 a", "-ERR unknown argument: FOO", ""},
    {"HEXPIRE h 1 FIELDS 0 a", "-ERR Parameter `numFields` should be greater than 0", ""},
    {"HEXPIRE h 1 FIELDS x a", "-ERR Parameter `numFields` should be greater than 0", ""},
    {"HEXPIRE h 1 FIELDS 2 a", "-ERR wrong number of arguments", ""},
    {"HEXPIRE h 1 FIELDS 1 a b", "-ERR unknown argument: b", ""},
    {"HEXPIRE h 1 NX NX FIELDS", "-ERR FIELDS requires at least numfields and one field argument",
     ""},
    {"HEXPIRE h 1 FIELDS 1 a FIELDS 1 a", "-ERR FIELDS keyword specified multiple times", ""},
    {"HEXPIRE h 1 NX NX NX", "-ERR missing FIELDS argument", ""},
    {"HEXPIRE h 100 FIELDS 1 a LT", "*1 :1", "hexpire h(a)"},
    {"HTTL h FIELD 1 a", "-ERR Mandatory argument FIELDS is missing or not at the right position",
     ""},
    {"HTTL h FIELDS 0 a", "-ERR Number of fields must be a positive integer", ""},
    {"HTTL h FIELDS 2 a", "-ERR The `numfields` parameter must match the number of arguments", ""},
    {"HPERSIST h FIELDS 1 a b", "-ERR The `numfields` parameter must match the number of arguments",
     ""},
    {"HPERSIST s FIELDS 9 a", "-WRONGTYPE Operation against a key holding the wrong kind of value",
     ""},
};

static void test_times(void **state)
{
    (void)state;
    runner_expect_rows(time_rows, sizeof time_rows / sizeof *time_rows);
    runner_expect_rows(time_error_rows, sizeof time_error_rows / sizeof *time_error_rows);
}

static const struct runner_row ex_rows[] = {
    {"HSETEX h FXX FIELDS 1 a 1", ":0", ""},
    {"HSETEX h FNX FIELDS 2 a 1 b 2", ":1", "new h, hset h(a b)"},
    {"HSETEX h FNX FIELDS 2 b 1 c 2", ":0", ""},
    {"HSETEX h FXX FIELDS 2 b 1 c 2", ":0", ""},
    {"HSETEX h FXX EX 10 FIELDS 2 a 3 b 4", ":1", "hset h(a b), hexpire h(a b)"},
    {"HTTL h FIELDS 2 a b", "*2 :10 :10", ""},
    {"HSETEX h KEEPTTL FIELDS 2 a 5 c 6", ":1", "hset h(a c)"},
    {"HTTL h FIELDS 2 a c", "*2 :10 :-1", ""},
    {"HSETEX h FIELDS 1 a 6", ":1", "hset h(a)"},
    {"HTTL h FIELDS 1 a", "*1 :-1", ""},
    {"HSETEX h FIELDS 1 a 6 PX 1500", ":1", "hset h(a), hexpire h(a)"},
    {"HSETEX h EXAT 1 FIELDS 1 d 1", ":1", "hset h(d), hdel h(d)"},
    {"HSETEX n PXAT 5 FIELDS 2 d 1 d 2", ":1", "new n, hset n(d d), hdel n(d), del n"},
    {"HGETEX h FIELDS 3 a none c", "*3 $1 6 $-1 $1 6", ""},
    {"HGETEX h PERSIST FIELDS 2 a c", "*2 $1 6 $1 6", "hpersist h(a)"},
    {"HGETEX h PX 700 FIELDS 3 a none a", "*3 $1 6 $-1 $1 6", "hexpire h(a a)"},
    {"HPTTL h FIELDS 1 a", "*1 :700", ""},
    {"HGETEX h EXAT 1 FIELDS 2 a a", "*2 $1 6 $-1", "hdel h(a)"},
    {"HGETEX none EX 1 FIELDS 1 a", "*1 $-1", ""},
    {"HGETDEL h FIELDS 3 b none b", "*3 $1 4 $-1 $-1", "hdel h(b)"},
    {"HGETDEL h FIELDS 1 c", "*1 $1 6", "hdel h(c), del h"},
    {"HGETDEL h FIELDS 1 c", "*1 $-1", ""},
    {"HSET h a 1", ":1", NULL},
    {"HGETEX h EX 0 FIELDS 1 a", "*1 $1 1", "hdel h(a), del h"},
    {"SET s 1", "+OK", NULL},
    {"HGETEX h PX 5 FIELDS", "-ERR wrong number of arguments for 'hgetex' command", ""},
    {"HGETEX s FIELDS 1 a EX", "-WRONGTYPE Operation against a key holding the wrong kind of value",
     ""},
    {"HGETEX h FIELDS 1 a EX", "-ERR missing expire time", ""},
    {"HGETEX h EX 1 PERSIST FIELDS 1 a",
     "-ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified", ""},
    {"HGETEX h FIELDS x a", "-ERR invalid number of fields", ""},
    {"HGETEX h FIELDS 2 a", "-ERR wrong number of arguments", ""},
    {"HGETEX h KEEPTTL FIELDS 1 a", "-ERR unknown argument: KEEPTTL", ""},
    {"HGETEX h EX 1 EX 1",
     "-ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified", ""},
    {"HGETEX h PERSIST x y", "-ERR unknown argument: x", ""},
    {"HGETEX h EX x FIELDS 1 a", "-ERR value is not an integer or out of range", ""},
    {"HGETEX h PX 1 EX",
     "-ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified", NULL},
    {"HSETEX s FNX FXX FIELDS 1 a 1", "-ERR Only one of FXX or FNX arguments can be specified", ""},
    {"HSETEX s EX 1 KEEPTTL FIELDS 1 a 1",
     "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified", ""},
    {"HSETEX s EX -1 FIELDS 1 a 1", "-ERR invalid expire time, must be >= 0", ""},
    {"HSETEX s FIELDS 1 a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value",
     ""},
    {"HSETEX h FNX EX 10 FXX 1", "-ERR Only one of FXX or FNX arguments can be specified", ""},
    {"HSETEX h EX 1 FNX FNX", "-ERR Only one of FXX or FNX arguments can be specified", NULL},
    {"HGETDEL s FIELDS 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value",
     ""},
    {"HGETDEL h FOO 1 a", "-ERR Mandatory argument FIELDS is missing or not at the right position",
     ""},
};

static void test_ex(void **state)
{
    (void)state;
    runner_expect_rows(ex_rows, sizeof ex_rows / sizeof *ex_rows);
}

/* ---- how fields end ---- */

/* What a command says to a hash with past fields. */
static void expect_past(const char *line, const char *reply, const char *events)
{
    struct runner r;
    runner_init(&r);
    runner_type(&r, "HSET h a 1 b 2 c 3");
    runner_type(&r, "HPEXPIRE h 10 FIELDS 2 a b");
    r.now_ms += 9;
    runner_expect(&r, "HMGET h a b c", "*3 $1 1 $1 2 $1 3", "");
    r.now_ms += 1;
    runner_expect(&r, line, reply, events);
    runner_fini(&r);
}

static void test_past_fields(void **state)
{
    (void)state;
    expect_past("HGET h a", "$-1", "hexpired h(a)");
    expect_past("HEXISTS h b", ":0", "hexpired h(b)");
    expect_past("HSTRLEN h b", ":0", "hexpired h(b)");
    expect_past("HMGET h a c b", "*3 $-1 $1 3 $-1", "hexpired h(a b)");
    expect_past("HGETALL h", "*2 $1 c $1 3", "");
    expect_past("HKEYS h", "*1 $1 c", "");
    expect_past("HVALS h", "*1 $1 3", "");
    expect_past("HLEN h", ":1", "");
    expect_past("HSCAN h 0", "*2 $1 0 *2 $1 c $1 3", "");
    expect_past("HRANDFIELD h", "$1 c", "hexpired h(a b)");
    expect_past("HRANDFIELD h 3", "*1 $1 c", "hexpired h(a b)");
    expect_past("HTTL h FIELDS 2 a c", "*2 :-2 :-1", "");
    expect_past("HPERSIST h FIELDS 2 a c", "*2 :-2 :-1", "hexpired h(a)");
    expect_past("HEXPIRE h 9 FIELDS 2 a c", "*2 :-2 :1", "hexpired h(a), hexpire h(c)");
    expect_past("HSET h a 9 c 8", ":1", "hexpired h(a), hset h(a c)");
    expect_past("HSETNX h a 9", ":1", "hexpired h(a), hset h(a)");
    expect_past("HINCRBY h a 9", ":9", "hexpired h(a), hincrby h(a)");
    expect_past("HDEL h a c", ":1", "hexpired h(a), hdel h(c)");
    expect_past("HGETDEL h FIELDS 2 a c", "*2 $-1 $1 3", "hexpired h(a), hdel h(c)");
    expect_past("HGETEX h EX 9 FIELDS 2 a c", "*2 $-1 $1 3", "hexpired h(a), hexpire h(c)");
    expect_past("HSETEX h FNX FIELDS 1 a 5", ":1", "hexpired h(a), hset h(a)");
    expect_past("HSETEX h FXX FIELDS 1 a 5", ":0", "hexpired h(a)");
    expect_past("SET h x", "+OK", "overwritten h, type_changed h, set h");
    expect_past("DEL h", ":1", "del h");
}

/* Of thousands of fields two are left, the rest is still to be put away: however often is drawn, it
 * is from these two. */
static void test_draws_of_the_rest(void **state)
{
    (void)state;
    enum { PAST = 3000, DRAWS = 20000 };
    struct runner r;
    char line[64];
    size_t drawn[2] = {0};
    runner_init(&r);
    for (int i = 0; i < PAST; i++) {
        snprintf(line, sizeof line, "HSETEX h PX 10 FIELDS 1 f%d v", i);
        runner_type(&r, line);
    }
    runner_type(&r, "HSET h a 1 b 2");
    r.now_ms += 10;
    snprintf(line, sizeof line, "HRANDFIELD h %d", -DRAWS);
    runner_type(&r, line);
    for (size_t i = 0; i < r.reply.len; i++) {
        drawn[0] += r.reply.at[i] == 'a';
        drawn[1] += r.reply.at[i] == 'b';
    }
    assert_true(drawn[0] > DRAWS / 3 && drawn[1] > DRAWS / 3);
    assert_int_equal(drawn[0] + drawn[1], DRAWS);
    struct value v = entry_value(keyspace_find(r.keyspace, 0, SLICE("h")).entry);
    assert_true(fields_count(&v) > PAST / 2);
    runner_type(&r, "HRANDFIELD h 5 WITHVALUES");
    assert_true(r.reply.at[0] == '*' && r.reply.at[1] == '4');
    runner_type(&r, "HRANDFIELD h");
    assert_true(r.reply.len == sizeof "$1\r\na\r\n" - 1);
    runner_fini(&r);
}

/* With the last field the hash ends. */
static void test_last_field(void **state)
{
    (void)state;
    static const struct runner_row rows[] = {
        {"HGET h a", "$-1", "del h"},
        {"HEXISTS h a", ":0", "del h"},
        {"HSETNX h a 2", ":1", "del h, new h, hset h(a)"},
        {"HMGET h a", "*1 $-1", "hexpired h(a), del h"},
        {"HMGET h a x", "*2 $-1 $-1", "hexpired h(a), del h"},
        {"HDEL h a", ":0", "hexpired h(a), del h"},
        {"HSET h a 2", ":1", "hexpired h(a), del h, new h, hset h(a)"},
        {"HRANDFIELD h", "$-1", "hexpired h(a), del h"},
        {"HRANDFIELD h 2", "*0", "hexpired h(a), del h"},
        {"HGETALL h", "*0", ""},
        {"HGETDEL h FIELDS 1 a", "*1 $-1", "hexpired h(a), del h"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct runner r;
        runner_init(&r);
        runner_type(&r, "HSETEX h PX 10 FIELDS 1 a 1");
        r.now_ms += 11;
        runner_expect(&r, rows[i].line, rows[i].reply, rows[i].events);
        runner_fini(&r);
    }
}

/* ---- who ends them when nobody asks ---- */

static size_t expire(struct runner *r, size_t max)
{
    r->events.len = r->effects.len = 0;
    return engine_expire(r->engine, r->now_ms, max);
}

static void expect_events(struct runner *r, const char *events)
{
    runner_expect_text("engine_expire", "events", buffer_slice(&r->events), events);
}

/* On the millisecond, in the order of deadlines, one event for each hash. */
static void test_active_expiry(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    int64_t start = r.now_ms;
    expire(&r, 1); /* the wheel starts from now */
    runner_type(&r, "HSET h a 1 b 2 c 3 d 4");
    runner_type(&r, "HPEXPIRE h 20 FIELDS 2 a b");
    runner_type(&r, "HPEXPIRE h 30 FIELDS 1 c");
    runner_type(&r, "HSETEX g PX 10 FIELDS 1 x 1");
    runner_type(&r, "SET s 1 PX 15");
    struct database_info info = keyspace_info(r.keyspace, 0, r.now_ms);
    assert_int_equal(info.volatile_keys, 1);
    assert_int_equal(info.timed_hashes, 2);
    assert_int_equal(engine_next_expiry(r.engine, r.now_ms), start + 10);
    r.now_ms = start + 9;
    assert_int_equal(expire(&r, 100), 0);
    r.now_ms = start + 20;
    assert_int_equal(expire(&r, 100), 4);
    expect_events(&r, "hexpired g(x), del g, expired s, hexpired h(a b)");
    assert_int_equal(engine_next_expiry(r.engine, r.now_ms), start + 30);
    r.now_ms = start + 30;
    assert_int_equal(expire(&r, 100), 1);
    expect_events(&r, "hexpired h(c)");
    assert_int_equal(engine_next_expiry(r.engine, r.now_ms), -1);
    assert_int_equal(keyspace_info(r.keyspace, 0, r.now_ms).timed_hashes, 0);
    assert_int_equal(engine_stats(r.engine).expired_fields, 4);
    assert_int_equal(engine_stats(r.engine).expired, 1);
    runner_expect(&r, "HGETALL h", "*2 $1 d $1 4", "");
    runner_fini(&r);
}

/* A deadline that moves nearer, farther or away, alone and beside one of the key. */
static void test_moving_deadlines(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    int64_t start = r.now_ms;
    expire(&r, 1); /* the wheel starts from now */
    runner_type(&r, "HSET h a 1 b 2");
    runner_type(&r, "HPEXPIRE h 100 FIELDS 1 a");
    runner_type(&r, "HPEXPIRE h 50 FIELDS 1 a");
    assert_int_equal(engine_next_expiry(r.engine, start), start + 50);
    runner_type(&r, "HPEXPIRE h 80 FIELDS 1 a");
    r.now_ms = start + 60;
    assert_int_equal(expire(&r, 100), 0);
    runner_type(&r, "PEXPIRE h 10");
    r.now_ms = start + 70;
    assert_int_equal(expire(&r, 100), 1);
    expect_events(&r, "expired h");
    r.now_ms = start + 90;
    assert_int_equal(expire(&r, 100), 0);
    expect_events(&r, "");
    runner_type(&r, "HSETEX h PX 10 FIELDS 1 a 1");
    runner_type(&r, "RENAME h g");
    runner_type(&r, "COPY g k");
    runner_type(&r, "MOVE k 1");
    r.now_ms = start + 100;
    assert_int_equal(expire(&r, 100), 2);
    expect_events(&r, "hexpired g(a), del g, hexpired k(a), del k");
    runner_fini(&r);
}

/* Many at once go in portions, and none is left behind. */
static void test_crowd(void **state)
{
    (void)state;
    enum { CROWD = 5000, MAX = 300 };
    struct runner r;
    runner_init(&r);
    char line[100];
    for (int i = 0; i < CROWD; i++) {
        snprintf(line, sizeof line, "HSETEX h PX 10 FIELDS 1 field:%d 1", i);
        runner_type(&r, line);
    }
    runner_type(&r, "HSET h stays 1");
    r.now_ms += 10;
    runner_expect(&r, "HLEN h", ":1", "");
    runner_expect(&r, "HRANDFIELD h 3", "*1 $5 stays", NULL);
    runner_expect(&r, "HRANDFIELD h", "$5 stays", NULL);
    size_t done = CROWD - (engine_stats(r.engine).expired_fields);
    for (int calls = 0; done; calls++) {
        size_t n = expire(&r, MAX);
        assert_in_range(n, 1, MAX + 1);
        assert_true(n <= done && calls < CROWD);
        done -= n;
    }
    assert_int_equal(expire(&r, MAX), 0);
    assert_int_equal(engine_stats(r.engine).expired_fields, CROWD);
    runner_expect(&r, "HGETALL h", "*2 $5 stays $1 1", "");
    runner_fini(&r);
}

/* While nothing may end, what is past is hidden. */
static void test_held(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    runner_type(&r, "HSETEX h PX 10 FIELDS 2 a 1 b 2");
    runner_type(&r, "HSET h c 3");
    r.now_ms += 10;
    engine_hold(r.engine, true);
    runner_expect(&r, "HGET h a", "$-1", "");
    runner_expect(&r, "HRANDFIELD h 3", "*1 $1 c", "");
    runner_expect(&r, "HGETALL h", "*2 $1 c $1 3", "");
    engine_hold(r.engine, false);
    assert_int_equal(expire(&r, 100), 2);
    expect_events(&r, "hexpired h(a b)");
    runner_fini(&r);
}

/* ---- what redoes it ---- */

static void test_effects(void **state)
{
    (void)state;
    static const struct {
        const char *line, *effects;
    } rows[] = {
        {"HSET h a 1 b 2", "HSET h a 1 b 2"},
        {"HSETNX h c 3", "HSET h c 3"},
        {"HINCRBY h a 1", "HSET h a 2"},
        {"HINCRBYFLOAT h a 1.5", "HSET h a 3.5"},
        {"HPEXPIRE h 1000 FIELDS 3 a x b", "HPEXPIREAT h 1750001000 FIELDS 2 a b"},
        {"HINCRBYFLOAT h a 1.5", "HSETEX h KEEPTTL FIELDS 1 a 5"},
        {"HINCRBY h a 1", "HSETEX h KEEPTTL FIELDS 1 a 6"},
        {"HSETEX h KEEPTTL FIELDS 2 a 1 b 2", "HSETEX h KEEPTTL FIELDS 2 a 1 b 2"},
        {"HSETEX h EX 1 FIELDS 1 d 1", "HSET h d 1; HPEXPIREAT h 1750001000 FIELDS 1 d"},
        {"HSETEX h EX 0 FIELDS 1 d 1", "HSET h d 1; HDEL h d"},
        {"HGETEX h PERSIST FIELDS 2 a c", "HPERSIST h FIELDS 1 a"},
        {"HGETDEL h FIELDS 2 a x", "HDEL h a"},
        {"HDEL h x b c", "HDEL h b c"},
    };
    struct runner r;
    runner_init(&r);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        runner_expect_effects(&r, rows[i].line, rows[i].effects);
    runner_fini(&r);
}

/* ---- drawing ---- */

static void count_words(const struct runner *r, char from, size_t counts[26])
{
    memset(counts, 0, 26 * sizeof *counts);
    for (size_t i = 0; i + 2 < r->reply.len; i++)
        if (r->reply.at[i] == '\n' && r->reply.at[i + 1] >= from && r->reply.at[i + 1] <= 'z')
            counts[r->reply.at[i + 1] - 'a']++;
}

/* All are drawn, none twice where that is asked for, whatever the form of the hash. */
static void draw_in_form(const char *last)
{
    enum { ROUNDS = 4000 };
    struct runner r;
    size_t total[26] = {0}, counts[26];
    runner_init(&r);
    for (char c = 'a'; c < 'z'; c++) {
        char line[100];
        snprintf(line, sizeof line, "HSET h %c 1", c);
        runner_type(&r, line);
    }
    runner_type(&r, last);
    for (int i = 0; i < ROUNDS; i++) {
        int wanted = i % 13 + 1;
        char line[100];
        snprintf(line, sizeof line, "HRANDFIELD h %d", wanted);
        runner_type(&r, line);
        count_words(&r, 'a', counts);
        size_t sum = 0;
        for (int k = 0; k < 26; k++) {
            assert_in_range(counts[k], 0, 1);
            total[k] += counts[k];
            sum += counts[k];
        }
        assert_int_equal(sum, wanted);
    }
    /* 4,000 draws of 7 among 26 on the average: 1,077 each */
    for (int k = 0; k < 26; k++) assert_in_range(total[k], 900, 1250);
    runner_fini(&r);
}

static void test_draws(void **state)
{
    (void)state;
    draw_in_form("HSET h z 1");
    draw_in_form("HSETEX h EX 100 FIELDS 1 z 1");
    draw_in_form("HSET h z 0123456789012345678901234567890123456789012345678901234567890123456789");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_basic),
        cmocka_unit_test(test_resp3),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_ex),
        cmocka_unit_test(test_past_fields),
        cmocka_unit_test(test_last_field),
        cmocka_unit_test(test_active_expiry),
        cmocka_unit_test(test_moving_deadlines),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_draws_of_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
