/* The list commands: replies as redis-server 7.0.15 gives them, events as facts have them,
 * encodings as Redis 7.2 has them, and what is said to redo them. */
#include "runner.h"

#define ROWS(name)                                                                 \
    static void name(void **state)                                                 \
    {                                                                              \
        (void)state;                                                               \
        runner_expect_rows(name##_rows, sizeof name##_rows / sizeof *name##_rows); \
    }

#define WRONG "-WRONGTYPE Operation against a key holding the wrong kind of value"

static const struct runner_row test_push_and_pop_rows[] = {
    {"RPUSH l a b c", ":3", "new l, rpush l"},
    {"LPUSH l x y", ":5", "lpush l"},
    {"LRANGE l 0 -1", "*5 $1 y $1 x $1 a $1 b $1 c", ""},
    {"OBJECT ENCODING l", "$8 listpack", ""},
    {"TYPE l", "+list", ""},
    {"LPUSHX l z", ":6", "lpush l"},
    {"RPUSHX l 007 7", ":8", "rpush l"},
    {"LPUSHX none z", ":0", ""},
    {"RPUSHX none z", ":0", ""},
    {"LPOP l", "$1 z", "lpop l"},
    {"RPOP l", "$1 7", "rpop l"},
    {"RPOP l 2", "*2 $3 007 $1 c", "rpop l"},
    {"LPOP l 0", "*0", ""},
    {"LPOP l -1", "-ERR value is out of range, must be positive", ""},
    {"LPOP l x", "-ERR value is out of range, must be positive", ""},
    {"LPOP l 1 1", "-ERR wrong number of arguments for 'lpop' command", ""},
    {"LPOP l 100", "*4 $1 y $1 x $1 a $1 b", "lpop l, del l"},
    {"EXISTS l", ":0", "keymiss l"},
    {"LPOP l", "$-1", ""},
    {"LPOP l 1", "*-1", ""},
    {"RPOP l 0", "*-1", ""},
    {"SET s v", "+OK", "new s, set s"},
    {"LPUSH s a", WRONG, ""},
    {"RPUSHX s a", WRONG, ""},
    {"LPOP s", WRONG, ""},
    {"LPOP s -1", "-ERR value is out of range, must be positive", ""},
    {"GET s", "$1 v", ""},
    {"RPUSH l a", ":1", "new l, rpush l"},
    {"GET l", WRONG, ""},
    {"APPEND l x", WRONG, ""},
    {"SET l v", "+OK", "overwritten l, type_changed l, set l"},
};
ROWS(test_push_and_pop)

static const struct runner_row test_reading_rows[] = {
    {"RPUSH l 0 1 2 3 4", ":5", NULL},
    {"LLEN l", ":5", ""},
    {"LLEN none", ":0", "keymiss none"},
    {"LINDEX l -1", "$1 4", ""},
    {"LINDEX l 5", "$-1", ""},
    {"LINDEX l -6", "$-1", ""},
    {"LINDEX l x", "-ERR value is not an integer or out of range", ""},
    {"LINDEX none x", "$-1", "keymiss none"},
    {"LRANGE l 1 2", "*2 $1 1 $1 2", ""},
    {"LRANGE l -2 100", "*2 $1 3 $1 4", ""},
    {"LRANGE l -100 0", "*1 $1 0", ""},
    {"LRANGE l 3 2", "*0", ""},
    {"LRANGE l 5 6", "*0", ""},
    {"LRANGE l -9223372036854775808 9223372036854775807", "*5 $1 0 $1 1 $1 2 $1 3 $1 4", ""},
    {"LRANGE none 0 -1", "*0", "keymiss none"},
    {"LRANGE none x 1", "-ERR value is not an integer or out of range", ""},
    {"SET s v", "+OK", NULL},
    {"LLEN s", WRONG, ""},
    {"LRANGE s 0 1", WRONG, ""},
    {"LINDEX s x", WRONG, ""},
};
ROWS(test_reading)

static const struct runner_row test_editing_rows[] = {
    {"RPUSH l a b c b a", ":5", NULL},
    {"LSET l 1 B", "+OK", "lset l"},
    {"LSET l 1 B", "+OK", "lset l"},
    {"LSET l -1 9", "+OK", "lset l"},
    {"LSET l 5 x", "-ERR index out of range", ""},
    {"LSET l y x", "-ERR value is not an integer or out of range", ""},
    {"LSET none y x", "-ERR no such key", ""},
    {"LINSERT l BEFORE a x", ":6", "linsert l"},
    {"LINSERT l after 9 y", ":7", "linsert l"},
    {"LINSERT l AFTER none y", ":-1", ""},
    {"LINSERT l BETWEEN a y", "-ERR syntax error", ""},
    {"LINSERT none BEFORE a y", ":0", ""},
    {"LRANGE l 0 -1", "*7 $1 x $1 a $1 B $1 c $1 b $1 9 $1 y", ""},
    {"LREM l 0 none", ":0", ""},
    {"LREM l x a", "-ERR value is not an integer or out of range", ""},
    {"RPUSH l a a", ":9", NULL},
    {"LREM l -1 a", ":1", "lrem l"},
    {"LRANGE l -3 -1", "*3 $1 9 $1 y $1 a", ""},
    {"LREM l 5 a", ":2", "lrem l"},
    {"LTRIM l 0 -1", "+OK", "ltrim l"},
    {"LTRIM l 1 2", "+OK", "ltrim l"},
    {"LRANGE l 0 -1", "*2 $1 B $1 c", ""},
    {"LTRIM l x 2", "-ERR value is not an integer or out of range", ""},
    {"LTRIM l 2 1", "+OK", "ltrim l, del l"},
    {"LTRIM l 0 0", "+OK", ""},
    {"RPUSH l a a a", ":3", NULL},
    {"LREM l 0 a", ":3", "lrem l, del l"},
    {"SET s v", "+OK", NULL},
    {"LSET s x y", WRONG, ""},
    {"LINSERT s BETWEEN a b", "-ERR syntax error", ""},
    {"LINSERT s BEFORE a b", WRONG, ""},
    {"LREM s 0 a", WRONG, ""},
    {"LTRIM s 0 1", WRONG, ""},
};
ROWS(test_editing)

static const struct runner_row test_places_rows[] = {
    {"RPUSH l a b c 1 2 3 c c", ":8", NULL},
    {"LPOS l c", ":2", ""},
    {"LPOS l none", "$-1", ""},
    {"LPOS none c", "$-1", "keymiss none"},
    {"LPOS none c COUNT 1", "*0", "keymiss none"},
    {"LPOS l c RANK 2", ":6", ""},
    {"LPOS l c RANK -1", ":7", ""},
    {"LPOS l c RANK 4", "$-1", ""},
    {"LPOS l c COUNT 2", "*2 :2 :6", ""},
    {"LPOS l c COUNT 0", "*3 :2 :6 :7", ""},
    {"LPOS l c RANK -1 COUNT 0", "*3 :7 :6 :2", ""},
    {"LPOS l c RANK 2 COUNT 5", "*2 :6 :7", ""},
    {"LPOS l c MAXLEN 2", "$-1", ""},
    {"LPOS l c MAXLEN 3 COUNT 0", "*1 :2", ""},
    {"LPOS l c RANK -1 MAXLEN 1 COUNT 0", "*1 :7", ""},
    {"LPOS l 2", ":4", ""},
    {"LPOS l 02", "$-1", ""},
    {"LPOS l c RANK 0",
     "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use "
     "negative to start from the end of the list",
     ""},
    {"LPOS l c COUNT -1", "-ERR COUNT can't be negative", ""},
    {"LPOS l c COUNT x", "-ERR COUNT can't be negative", ""},
    {"LPOS l c MAXLEN -1", "-ERR MAXLEN can't be negative", ""},
    {"LPOS l c RANK x", "-ERR value is not an integer or out of range", ""},
    {"LPOS l c RANK", "-ERR syntax error", ""},
    {"LPOS l c BOGUS 1", "-ERR syntax error", ""},
};
ROWS(test_places)

static const struct runner_row test_moving_rows[] = {
    {"RPUSH l a b c", ":3", NULL},
    {"LMOVE l d LEFT RIGHT", "$1 a", "new d, rpush d, lpop l"},
    {"RPOPLPUSH l d", "$1 c", "lpush d, rpop l"},
    {"LMOVE l d RIGHT left", "$1 b", "lpush d, rpop l, del l"},
    {"LRANGE d 0 -1", "*3 $1 b $1 c $1 a", ""},
    {"LMOVE d d LEFT RIGHT", "$1 b", "rpush d, lpop d"},
    {"LMOVE d d LEFT LEFT", "$1 c", "lpush d, lpop d"},
    {"RPOPLPUSH d d", "$1 b", "lpush d, rpop d"},
    {"LRANGE d 0 -1", "*3 $1 b $1 c $1 a", ""},
    {"RPUSH one 1", ":1", NULL},
    {"LMOVE one one LEFT RIGHT", "$1 1", "rpush one, lpop one"},
    {"LMOVE none d LEFT RIGHT", "$-1", ""},
    {"RPOPLPUSH none d", "$-1", ""},
    {"LMOVE l d UP RIGHT", "-ERR syntax error", ""},
    {"LMOVE l d LEFT UP", "-ERR syntax error", ""},
    {"SET s v", "+OK", NULL},
    {"LMOVE none s LEFT LEFT", "$-1", ""},
    {"LMOVE d s LEFT LEFT", WRONG, ""},
    {"LMOVE s d LEFT LEFT", WRONG, ""},
    {"LLEN d", ":3", ""},
};
ROWS(test_moving)

static const struct runner_row test_popping_of_several_rows[] = {
    {"RPUSH l a b c d e", ":5", NULL},
    {"LMPOP 1 l LEFT", "*2 $1 l *1 $1 a", "lpop l"},
    {"LMPOP 2 none l right COUNT 2", "*2 $1 l *2 $1 e $1 d", "rpop l"},
    {"LMPOP 2 l none LEFT COUNT 99", "*2 $1 l *2 $1 b $1 c", "lpop l, del l"},
    {"LMPOP 2 l none LEFT", "*-1", ""},
    {"LMPOP 0 l LEFT", "-ERR numkeys should be greater than 0", ""},
    {"LMPOP x l LEFT", "-ERR numkeys should be greater than 0", ""},
    {"LMPOP 2 l LEFT", "-ERR syntax error", ""},
    {"LMPOP 9223372036854775807 l LEFT", "-ERR syntax error", ""},
    {"LMPOP 1 l UP", "-ERR syntax error", ""},
    {"LMPOP 1 l LEFT COUNT", "-ERR syntax error", ""},
    {"LMPOP 1 l LEFT COUNT 0", "-ERR count should be greater than 0", ""},
    {"LMPOP 1 l LEFT COUNT x", "-ERR count should be greater than 0", ""},
    {"LMPOP 1 l LEFT COUNT 1 COUNT 1", "-ERR syntax error", ""},
    {"SET s v", "+OK", NULL},
    {"LMPOP 2 none s LEFT", WRONG, ""},
    /* Nobody waits where the server itself calls. */
    {"BLPOP none 0", "*-1", ""},
    {"BLPOP none s 0", WRONG, ""},
    {"BLMOVE none s LEFT LEFT 0", "$-1", ""},
    {"BRPOPLPUSH none d 0", "$-1", ""},
    {"BLMPOP 0 1 none LEFT", "*-1", ""},
    {"RPUSH l a b c d e f", ":6", NULL},
    {"BLPOP none l s 0", "*2 $1 l $1 a", "lpop l"},
    {"BRPOP l 0", "*2 $1 l $1 f", "rpop l"},
    {"BLMOVE l d RIGHT RIGHT 0", "$1 e", "new d, rpush d, rpop l"},
    {"BRPOPLPUSH l d 0", "$1 d", "lpush d, rpop l"},
    {"BLMPOP 0 2 none l LEFT COUNT 5", "*2 $1 l *2 $1 b $1 c", "lpop l, del l"},
    {"BLPOP l x", "-ERR timeout is not a float or out of range", ""},
    {"BLPOP s nan", "-ERR timeout is not a float or out of range", ""},
    {"BLPOP l -1", "-ERR timeout is negative", ""},
    {"BLPOP l -0.0011", "-ERR timeout is negative", ""},
    {"BLPOP l -0.0001", "*-1", ""},
    {"BLPOP l inf", "-ERR timeout is out of range", ""},
    {"BLPOP l 9223372036854775", "-ERR timeout is out of range", ""},
    {"BLPOP l 9e15", "*-1", ""},
    {"BLMPOP x 0 l LEFT", "-ERR numkeys should be greater than 0", ""},
    {"BLMPOP x 1 l LEFT", "-ERR timeout is not a float or out of range", ""},
    {"BLMOVE l d UP LEFT x", "-ERR syntax error", ""},
    {"BLMOVE l d LEFT LEFT x", "-ERR timeout is not a float or out of range", ""},
};
ROWS(test_popping_of_several)

static void test_effects(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    runner_expect_effects(&r, "RPUSH l a b", "RPUSH l a b");
    runner_expect_effects(&r, "LPUSHX l c d e", "LPUSH l c d e");
    runner_expect_effects(&r, "LPOP l", "LPOP l 1");
    runner_expect_effects(&r, "RPOP l 1", "RPOP l 1");
    runner_expect_effects(&r, "LSET l -1 x", "LSET l -1 x");
    runner_expect_effects(&r, "LSET l 0 a", "LSET l 0 a");
    runner_expect_effects(&r, "LINSERT l before a y", "LINSERT l before a y");
    runner_expect_effects(&r, "LREM l 0 y", "LREM l 0 y");
    runner_expect_effects(&r, "LMOVE l m LEFT RIGHT", "RPUSH m a; LPOP l 1");
    runner_expect_effects(&r, "LMPOP 1 l RIGHT COUNT 5", "RPOP l 2");
    runner_expect_effects(&r, "LTRIM m 0 0", "LTRIM m 0 0");
    runner_expect_effects(&r, "LLEN m", "");
    runner_fini(&r);
}

/* 8 KB is where a list becomes a quicklist, and half of it where it comes back. */
static void test_encoding(void **state)
{
    (void)state;
    struct runner r;
    char line[4200];
    runner_init(&r);
    memset(line, 'x', sizeof line);
    memcpy(line, "RPUSH l ", 8);
    line[sizeof line - 1] = 0;
    runner_expect(&r, line, ":1", NULL);
    runner_expect(&r, "OBJECT ENCODING l", "$8 listpack", "");
    runner_expect(&r, line, ":2", NULL);
    runner_expect(&r, "OBJECT ENCODING l", "$9 quicklist", "");
    runner_expect(&r, "COPY l m", ":1", NULL);
    runner_expect(&r, "OBJECT ENCODING m", "$9 quicklist", "");
    runner_expect(&r, "LSET l 0 a", "+OK", NULL);
    runner_expect(&r, "OBJECT ENCODING l", "$9 quicklist", "");
    runner_expect(&r, "LSET l 1 b", "+OK", NULL);
    runner_expect(&r, "OBJECT ENCODING l", "$9 quicklist", ""); /* of two nodes */
    runner_expect(&r, "LPOP l", "$1 a", NULL);
    runner_expect(&r, "OBJECT ENCODING l", "$8 listpack", "");
    runner_fini(&r);
}

/* A deadline stays with the list, whatever is pushed and rotated, and ends with it. */
static const struct runner_row test_deadline_rows[] = {
    {"RPUSH l a", ":1", NULL},
    {"PEXPIRE l 1000", ":1", "expire l"},
    {"RPUSH l b", ":2", "rpush l"},
    {"LMOVE l l LEFT RIGHT", "$1 a", NULL},
    {"PTTL l", ":1000", ""},
    {"LPOP l 5", "*2 $1 b $1 a", "lpop l, del l"},
    {"RPUSH l b", ":1", "new l, rpush l"},
    {"PTTL l", ":-1", ""},
};
ROWS(test_deadline)

static void test_dead_lists(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    runner_expect(&r, "RPUSH l a", ":1", NULL);
    runner_expect(&r, "RPUSH m a", ":1", NULL);
    runner_expect(&r, "PEXPIRE l 10", ":1", NULL);
    r.now_ms += 10;
    runner_expect(&r, "LMOVE m l LEFT LEFT", "$1 a", "expired l, new l, lpush l, lpop m, del m");
    runner_expect(&r, "PEXPIRE l 10", ":1", NULL);
    r.now_ms += 10;
    runner_expect(&r, "LPUSHX l a", ":0", "expired l");
    runner_expect(&r, "BLPOP l 0", "*-1", "");
    runner_fini(&r);
}

/* What a command keeps until its seal outlives the end of a dead key that it meets. */
static void test_kept(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    runner_expect(&r, "SET dead v PX 10", "+OK", NULL);
    r.now_ms += 10;
    r.events.len = 0;
    engine_begin(r.engine, r.now_ms, SLICE("test"), 1);
    struct slice kept = engine_keep(r.engine, SLICE("what is kept"));
    assert_null(gate_read(r.engine, 0, SLICE("dead"), 0));
    engine_keep(r.engine, SLICE("something else"));
    assert_true(slice_equal(kept, SLICE("what is kept")));
    engine_seal(r.engine);
    runner_expect_text("a dead key", "events", buffer_slice(&r.events),
                       "expired dead, keymiss dead");
    runner_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push_and_pop), cmocka_unit_test(test_reading),
        cmocka_unit_test(test_editing),      cmocka_unit_test(test_places),
        cmocka_unit_test(test_moving),       cmocka_unit_test(test_popping_of_several),
        cmocka_unit_test(test_effects),      cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_deadline),     cmocka_unit_test(test_dead_lists),
        cmocka_unit_test(test_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
