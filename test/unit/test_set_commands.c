/* The set commands: replies as redis-server 7.0.15 gives them, encodings as 7.2, events with
 * `overwritten` as newer versions note them. */
#include "runner.h"

#define WRONG "-WRONGTYPE Operation against a key holding the wrong kind of value"

static const struct runner_row member_rows[] = {
    {"SADD s 3 1 2 1", ":3", "new s, sadd s"},
    {"SADD s 3", ":0", ""},
    {"OBJECT ENCODING s", "$6 intset", ""},
    {"SMEMBERS s", "*3 $1 1 $1 2 $1 3", ""},
    {"SADD s a", ":1", "sadd s"},
    {"OBJECT ENCODING s", "$8 listpack", ""},
    {"TYPE s", "+set", ""},
    {"SCARD s", ":4", ""},
    {"SCARD none", ":0", "keymiss none"},
    {"SISMEMBER s a", ":1", ""},
    {"SISMEMBER s 01", ":0", ""},
    {"SISMEMBER none a", ":0", "keymiss none"},
    {"SMISMEMBER s a b 1", "*3 :1 :0 :1", ""},
    {"SMISMEMBER none a b", "*2 :0 :0", "keymiss none"},
    {"SMEMBERS none", "*0", "keymiss none"},
    {"SREM none a", ":0", ""},
    {"SREM s x y", ":0", ""},
    {"SREM s x a 1", ":2", "srem s"},
    {"SREM s 2 3 4", ":2", "srem s, del s"},
    {"EXISTS s", ":0", "keymiss s"},
    {"SADD long 1 \"a text that is too long for a packed set, because it has more than 64\"", ":2",
     "new long, sadd long"},
    {"OBJECT ENCODING long", "$9 hashtable", ""},
    {"SET str x", "+OK", "new str, set str"},
    {"SADD str a", WRONG, ""},
    {"SREM str a", WRONG, ""},
    {"SCARD str", WRONG, ""},
    {"SISMEMBER str a", WRONG, ""},
    {"SMISMEMBER str a", WRONG, ""},
    {"SMEMBERS str", WRONG, ""},
    {"GET long", WRONG, ""},
};

static const struct runner_row move_rows[] = {
    {"SADD a 1 x", ":2", "new a, sadd a"},
    {"SMOVE a b x", ":1", "srem a, new b, sadd b"},
    {"OBJECT ENCODING b", "$8 listpack", ""},
    {"SMOVE a b 5", ":0", ""},
    {"SMOVE a a 1", ":1", ""},
    {"SMOVE a a 2", ":0", ""},
    {"SADD b 1", ":1", "sadd b"},
    {"SMOVE a b 1", ":1", "srem a, del a"},
    {"SMOVE a b 1", ":0", ""},
    {"SMOVE b a x", ":1", "srem b, new a, sadd a"},
    {"SMOVE b a 1", ":1", "srem b, del b, sadd a"},
    {"SET str x", "+OK", "new str, set str"},
    {"SMOVE none str x", ":0", ""},
    {"SMOVE a str x", WRONG, ""},
    {"SMOVE str a x", WRONG, ""},
    {"SMOVE str none x", WRONG, ""},
    {"SMEMBERS a", "*2 $1 x $1 1", ""},
};

static const struct runner_row lot_rows[] = {
    {"SADD s a", ":1", "new s, sadd s"},
    {"SPOP s 0", "*0", ""},
    {"SRANDMEMBER s", "$1 a", ""},
    {"SRANDMEMBER s 2", "*1 $1 a", ""},
    {"SRANDMEMBER s 0", "*0", ""},
    {"SRANDMEMBER s -3", "*3 $1 a $1 a $1 a", ""},
    {"SRANDMEMBER s -9223372036854775807",
     "-ERR limit reached: too many elements to draw in one command (at most 4000000)", ""},
    {"SPOP s", "$1 a", "spop s, del s"},
    {"SPOP s", "$-1", ""},
    {"SPOP s 3", "*0", ""},
    {"SRANDMEMBER s", "$-1", "keymiss s"},
    {"SRANDMEMBER s 3", "*0", "keymiss s"},
    {"SADD s 1 2", ":2", "new s, sadd s"},
    {"SPOP s 2", "*2 $1 1 $1 2", "spop s, del s"},
    {"SADD s 1", ":1", "new s, sadd s"},
    {"SPOP s 9223372036854775807", "*1 $1 1", "spop s, del s"},
    {"SET str x", "+OK", "new str, set str"},
    {"SPOP str", WRONG, ""},
    {"SPOP str 1", WRONG, ""},
    {"SPOP str -1", "-ERR value is out of range, must be positive", ""},
    {"SPOP str x", "-ERR value is out of range, must be positive", ""},
    {"SPOP str 1 2", "-ERR syntax error", ""},
    {"SRANDMEMBER str", WRONG, ""},
    {"SRANDMEMBER str 1", WRONG, ""},
    {"SRANDMEMBER str x", "-ERR value is not an integer or out of range", ""},
    {"SRANDMEMBER str 1 2", "-ERR syntax error", ""},
    {"SRANDMEMBER str -9223372036854775808",
     "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
     ""},
};

static const struct runner_row algebra_rows[] = {
    {"SADD a 1 2 3 4", ":4", "new a, sadd a"},
    {"SADD b 3 4 5", ":3", "new b, sadd b"},
    {"SADD c 4 x", ":2", "new c, sadd c"},
    {"SINTER a b", "*2 $1 3 $1 4", ""},
    {"SINTER a b c", "*1 $1 4", ""},
    {"SINTER c a b a", "*1 $1 4", ""},
    {"SINTER a none", "*0", "keymiss none"},
    {"SUNION c b none", "*4 $1 4 $1 x $1 3 $1 5", "keymiss none"},
    {"SUNION b", "*3 $1 3 $1 4 $1 5", ""},
    {"SUNION none", "*0", "keymiss none"},
    {"SDIFF a b", "*2 $1 1 $1 2", ""},
    {"SDIFF a none b c", "*2 $1 1 $1 2", "keymiss none"},
    {"SDIFF a a", "*0", ""},
    {"SDIFF none a", "*0", "keymiss none"},
    {"SINTERCARD 2 a b", ":2", ""},
    {"SINTERCARD 2 a b LIMIT 1", ":1", ""},
    {"SINTERCARD 2 a b limit 0", ":2", ""},
    {"SINTERCARD 2 a b LIMIT 1 LIMIT 5", ":2", ""},
    {"SINTERCARD 1 none", ":0", "keymiss none"},
    {"SINTERCARD 0 a", "-ERR numkeys should be greater than 0", ""},
    {"SINTERCARD x a", "-ERR numkeys should be greater than 0", ""},
    {"SINTERCARD 3 a b", "-ERR Number of keys can't be greater than number of args", ""},
    {"SINTERCARD 1 a b", "-ERR syntax error", ""},
    {"SINTERCARD 1 a LIMIT", "-ERR syntax error", ""},
    {"SINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative", ""},
    {"SINTERCARD 1 a LIMIT x", "-ERR LIMIT can't be negative", ""},
    {"SET str x", "+OK", "new str, set str"},
    {"SINTER none str", WRONG, "keymiss none"},
    {"SUNION a str", WRONG, ""},
    {"SDIFF none str", WRONG, "keymiss none"},
    {"SINTERCARD 2 a str", WRONG, ""},
    {"SINTERSTORE d a str", WRONG, ""},
    {"SINTERSTORE d a b", ":2", "new d, sinterstore d"},
    {"OBJECT ENCODING d", "$6 intset", ""},
    {"SINTERSTORE d a b", ":2", "overwritten d, sinterstore d"},
    {"SUNIONSTORE d d c", ":3", "overwritten d, sunionstore d"},
    {"OBJECT ENCODING d", "$8 listpack", ""},
    {"SDIFFSTORE d d c", ":1", "overwritten d, sdiffstore d"},
    {"OBJECT ENCODING d", "$6 intset", ""},
    {"SDIFFSTORE str a b", ":2", "overwritten str, type_changed str, sdiffstore str"},
    {"SINTERSTORE str a none", ":0", "keymiss none, del str"},
    {"SINTERSTORE str a none", ":0", "keymiss none"},
    {"SUNIONSTORE str none", ":0", "keymiss none"},
};

static const struct runner_row scan_rows[] = {
    {"SADD s 1 2 a", ":3", "new s, sadd s"},
    {"SSCAN s 0", "*2 $1 0 *3 $1 1 $1 2 $1 a", ""},
    {"SSCAN s 77 COUNT 1", "*2 $1 0 *3 $1 1 $1 2 $1 a", ""},
    {"SSCAN s 0 MATCH [0-9] COUNT 1", "*2 $1 0 *2 $1 1 $1 2", ""},
    {"SSCAN s 0 match *", "*2 $1 0 *3 $1 1 $1 2 $1 a", ""},
    {"SSCAN s 0 COUNT 0", "-ERR syntax error", ""},
    {"SSCAN s 0 COUNT x", "-ERR value is not an integer or out of range", ""},
    {"SSCAN s 0 COUNT", "-ERR syntax error", ""},
    {"SSCAN s 0 TYPE set", "-ERR syntax error", ""},
    {"SSCAN s 0 NOVALUES", "-ERR syntax error", ""},
    {"SSCAN s x", "-ERR invalid cursor", ""},
    {"SSCAN s +", "-ERR invalid cursor", ""},
    {"SSCAN s 18446744073709551616", "-ERR invalid cursor", ""},
    {"SSCAN none 0 BAD", "*2 $1 0 *0", "keymiss none"},
    {"SET str x", "+OK", "new str, set str"},
    {"SSCAN str 0", WRONG, ""},
    {"SSCAN str x", "-ERR invalid cursor", ""},
};

#define ROWS_TEST(name)                                                            \
    static void test_##name(void **state)                                          \
    {                                                                              \
        (void)state;                                                               \
        runner_expect_rows(name##_rows, sizeof name##_rows / sizeof *name##_rows); \
    }
ROWS_TEST(member)
ROWS_TEST(move)
ROWS_TEST(lot)
ROWS_TEST(algebra)
ROWS_TEST(scan)

static void test_resp3(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    r.proto = 3;
    runner_expect(&r, "SADD s 1 2", ":2", NULL);
    runner_expect(&r, "SMEMBERS s", "~2 $1 1 $1 2", NULL);
    runner_expect(&r, "SMEMBERS none", "~0", NULL);
    runner_expect(&r, "SINTER s s", "~2 $1 1 $1 2", NULL);
    runner_expect(&r, "SUNION s s", "~2 $1 1 $1 2", NULL);
    runner_expect(&r, "SDIFF s none", "~2 $1 1 $1 2", NULL);
    runner_expect(&r, "SRANDMEMBER s 2", "*2 $1 1 $1 2", NULL);
    runner_expect(&r, "SRANDMEMBER none 2", "*0", NULL);
    runner_expect(&r, "SRANDMEMBER none", "_", NULL);
    runner_expect(&r, "SMISMEMBER s 1", "*1 :1", NULL);
    runner_expect(&r, "SPOP s 0", "~0", NULL);
    runner_expect(&r, "SPOP s 2", "~2 $1 1 $1 2", NULL);
    runner_expect(&r, "SPOP s 2", "~0", NULL);
    runner_expect(&r, "SPOP s", "_", NULL);
    runner_fini(&r);
}

static void test_effects(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    runner_expect_effects(&r, "SADD s a b", "SADD s a b");
    runner_expect_effects(&r, "SADD s a", "");
    runner_expect_effects(&r, "SREM s b", "SREM s b");
    runner_expect_effects(&r, "SMOVE s d a", "SREM s a; SADD d a");
    runner_expect_effects(&r, "SPOP d", "SREM d a");
    runner_expect_effects(&r, "SADD s 1 2 3", "SADD s 1 2 3");
    runner_expect_effects(&r, "SPOP s 3", "DEL s  -1");
    runner_expect_effects(&r, "SADD s 1 2 3", "SADD s 1 2 3");
    runner_expect_effects(&r, "SUNIONSTORE d s none", "SADD d 1 2 3");
    runner_expect_effects(&r, "SDIFFSTORE d s none", "DEL d  -1; SADD d 1 2 3");
    runner_expect_effects(&r, "SINTERSTORE d s none", "DEL d  -1");
    runner_fini(&r);
}

/* A dead key is put away by whoever meets it, and a result does not go by what was there. */
static void test_dead_keys(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    runner_type(&r, "SADD a 1 2");
    runner_type(&r, "SADD b 2 3");
    runner_type(&r, "PEXPIRE b 10");
    r.now_ms += 20;
    runner_expect(&r, "SUNION a b", "*2 $1 1 $1 2", "expired b, keymiss b");
    runner_type(&r, "SADD b 2 3");
    runner_type(&r, "PEXPIRE b 10");
    r.now_ms += 20;
    runner_expect(&r, "SMOVE a b 1", ":1", "expired b, srem a, new b, sadd b");
    runner_type(&r, "PEXPIRE b 10");
    r.now_ms += 20;
    runner_expect(&r, "SUNIONSTORE b a", ":1", "expired b, new b, sunionstore b");
    runner_expect(&r, "SUNIONSTORE a b b", ":1", "overwritten a, sunionstore a");
    runner_type(&r, "PEXPIRE a 10");
    runner_expect(&r, "SUNIONSTORE a b b", ":1", "overwritten a, sunionstore a");
    runner_expect(&r, "TTL a", ":-1", NULL);
    runner_fini(&r);
}

/* ---- larger sets ---- */

static void add_range(struct runner *r, const char *key, int from, int to)
{
    for (int i = from; i < to; i++) {
        char line[64];
        snprintf(line, sizeof line, "SADD %s m%d", key, i);
        runner_type(r, line);
    }
}

/* Both ways to subtract find the same: the second set decides which is taken. */
static void test_large_differences(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    add_range(&r, "a", 0, 600);
    add_range(&r, "all", 0, 599);
    add_range(&r, "some", 100, 110);
    add_range(&r, "more", 5, 12);
    runner_expect(&r, "SDIFF a all", "*1 $4 m599", NULL);
    /* 600 × 4 / 2 looks against 1216 steps, and 600 × 3 / 2 against 617 */
    runner_expect(&r, "SDIFF a more some all", "*1 $4 m599", NULL);
    runner_expect(&r, "SDIFFSTORE d a some more", ":583", NULL);
    runner_expect(&r, "SINTERCARD 2 d a", ":583", NULL);
    runner_expect(&r, "SINTERCARD 2 d some", ":0", NULL);
    runner_expect(&r, "SINTERCARD 2 d more", ":0", NULL);
    /* What is left of a large one is kept as a small one. */
    runner_expect(&r, "SDIFFSTORE d a all more some", ":1", NULL);
    runner_expect(&r, "OBJECT ENCODING d", "$8 listpack", NULL);
    runner_fini(&r);
}

/* SPOP of some of many: all that came out were in, and are not any more. */
static void test_pop_some(void **state)
{
    (void)state;
    static const int counts[] = {1, 3, 40, 120, 4};
    struct runner r;
    runner_init(&r);
    add_range(&r, "s", 0, 200);
    runner_type(&r, "SUNIONSTORE before s");
    int left = 200;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        char line[64], expected[16];
        snprintf(line, sizeof line, "SPOP s %d", counts[i]);
        runner_type(&r, line);
        runner_expect_text(line, "events", buffer_slice(&r.events), "spop s");
        left -= counts[i];
        snprintf(expected, sizeof expected, ":%d", left);
        runner_expect(&r, "SCARD s", expected, "");
        runner_expect(&r, "SINTERCARD 2 s before", expected, "");
    }
    runner_fini(&r);
}

/* A whole SSCAN meets each member once. */
static void test_scan_of_many(void **state)
{
    (void)state;
    enum { MEMBERS = 1000 };
    struct runner r;
    runner_init(&r);
    add_range(&r, "s", 0, MEMBERS);
    bool met[MEMBERS] = {false};
    char cursor[32] = "0";
    int calls = 0;
    do {
        char line[80];
        snprintf(line, sizeof line, "SSCAN s %s COUNT 20", cursor);
        runner_type(&r, line);
        struct buffer flat = runner_flat_reply(&r);
        buffer_add_byte(&flat, '\0');
        assert_int_equal(sscanf(flat.at, "*2 $%*d %31s", cursor), 1);
        for (const char *at = flat.at; (at = strstr(at, " m")) != NULL; at++) {
            int i = atoi(at + 2);
            assert_false(met[i]);
            met[i] = true;
        }
        buffer_fini(&flat);
        calls++;
    } while (strcmp(cursor, "0") != 0);
    for (int i = 0; i < MEMBERS; i++) assert_true(met[i]);
    assert_in_range(calls, 10, 60);
    runner_fini(&r);
}

/* A reply that a client may not have is not made: it is cut, and so is the work. */
static void test_bounded_replies(void **state)
{
    (void)state;
    static const char *const lines[] = {"SMEMBERS s",
                                        "SUNION s t",
                                        "SINTER s s",
                                        "SDIFF s t",
                                        "SRANDMEMBER s -4000000",
                                        "SSCAN s 0 COUNT 100000"};
    struct runner r;
    runner_init(&r);
    add_range(&r, "s", 0, 1000);
    add_range(&r, "t", 1000, 1001);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct slice words[RUNNER_WORDS_MAX];
        struct buffer store = {0};
        struct command *command;
        int n = text_split_words(slice_text(lines[i]), &store, words, RUNNER_WORDS_MAX);
        r.reply.len = 0;
        struct call call = {.engine = r.engine,
                            .reply = {.out = &r.reply, .proto = 2, .out_max = 500},
                            .argv = words,
                            .argc = n};
        assert_int_equal(command_find(r.table, words, n, &command), COMMAND_FOUND);
        engine_begin(r.engine, r.now_ms, words[0], 1);
        command->run(&call);
        engine_seal(r.engine);
        assert_true(call.reply.cut);
        assert_in_range(r.reply.len, 0, 600);
        buffer_fini(&store);
    }
    runner_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_member),
        cmocka_unit_test(test_move),
        cmocka_unit_test(test_lot),
        cmocka_unit_test(test_algebra),
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_resp3),
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_dead_keys),
        cmocka_unit_test(test_large_differences),
        cmocka_unit_test(test_pop_some),
        cmocka_unit_test(test_scan_of_many),
        cmocka_unit_test(test_bounded_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
