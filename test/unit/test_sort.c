/* SORT: replies as redis-server 7.0.15 gives them; comparing them at random is the oracle's. */
#include "runner.h"

static const struct runner_row rows[] = {
    {"SORT none", "*0", "keymiss none"},
    {"SORT none STORE d", ":0", "keymiss none"},
    {"RPUSH l 10 9 1 -3 9", ":5", NULL},
    {"SORT l", "*5 $2 -3 $1 1 $1 9 $1 9 $2 10", ""},
    {"SORT l DESC", "*5 $2 10 $1 9 $1 9 $1 1 $2 -3", ""},
    {"SORT l ALPHA", "*5 $2 -3 $1 1 $2 10 $1 9 $1 9", ""},
    {"SORT l LIMIT 1 2", "*2 $1 1 $1 9", ""},
    {"SORT l LIMIT -5 -5", "*5 $2 -3 $1 1 $1 9 $1 9 $2 10", ""},
    {"SORT l LIMIT 9 9", "*0", ""},
    {"SORT l LIMIT 1 0", "*0", ""},
    {"SORT l LIMIT 4 9223372036854775807", "*1 $2 10", ""},
    {"SORT l LIMIT x 1", "-ERR value is not an integer or out of range", ""},
    {"SORT l LIMIT 1", "-ERR syntax error", ""},
    {"SORT l GET", "-ERR syntax error", ""},
    {"SORT l BY nosort", "*5 $2 10 $1 9 $1 1 $2 -3 $1 9", ""},
    {"SORT l BY nosort DESC LIMIT 0 2", "*2 $1 9 $2 -3", ""},
    {"SORT l BY nosort LIMIT 1 2 GET #", "*2 $1 9 $1 1", ""},
    {"MSET w_10 1 w_9 2 w_1 3", "+OK", NULL},
    {"SORT l BY w_*", "*5 $2 -3 $2 10 $1 9 $1 9 $1 1", "keymiss w_-3"},
    {"SORT l BY w_* GET w_* GET # LIMIT 0 2", "*4 $-1 $2 -3 $1 1 $2 10",
     "keymiss w_-3, keymiss w_-3"},
    {"SORT l GET constant LIMIT 0 1", "*1 $-1", ""},
    {"HSET o_10 f x g 5", ":2", NULL},
    {"SORT l BY nosort GET o_*->f LIMIT 0 1", "*1 $1 x", ""},
    {"SORT l BY nosort GET o_*->none LIMIT 0 1", "*1 $-1", ""},
    {"SORT l BY nosort GET o_*-> LIMIT 0 1", "*1 $-1", "keymiss o_10->"},
    {"SORT l BY nosort GET w_*->f LIMIT 0 1", "*1 $-1", ""},
    {"SORT l BY nosort GET o_* LIMIT 0 1", "*1 $-1", ""},
    {"SORT l BY o_*->f LIMIT 0 1", "-ERR One or more scores can't be converted into double", NULL},
    {"SORT l STORE d", ":5", "new d, sortstore d"},
    {"LRANGE d 0 -1", "*5 $2 -3 $1 1 $1 9 $1 9 $2 10", ""},
    {"SORT l BY nosort GET o_*->f STORE d", ":5",
     "keymiss o_9, keymiss o_1, keymiss o_-3, keymiss o_9, overwritten d, sortstore d"},
    {"LRANGE d 0 -1", "*5 $1 x $0  $0  $0  $0 ", ""},
    {"SORT l LIMIT 0 0 STORE d", ":0", "del d"},
    {"SORT_RO l STORE d", "-ERR syntax error", ""},
    {"SORT_RO l LIMIT 0 1", "*1 $2 -3", ""},
    {"SORT o_10", "-WRONGTYPE Operation against a key holding the wrong kind of value", ""},
    {"SORT w_10", "-WRONGTYPE Operation against a key holding the wrong kind of value", ""},
    {"RPUSH t b a \"\"", ":3", NULL},
    {"SORT t", "-ERR One or more scores can't be converted into double", ""},
    {"SORT t ALPHA DESC", "*3 $1 b $1 a $0 ", ""},
    {"SADD s 3 1 2", ":3", NULL},
    {"SORT s DESC", "*3 $1 3 $1 2 $1 1", ""},
    {"SORT s BY nosort STORE d", ":3", "new d, sortstore d"},
    {"LRANGE d 0 -1", "*3 $1 1 $1 2 $1 3", ""},
    {"ZADD z 1 30 2 20 3 10", ":3", NULL},
    {"SORT z", "*3 $2 10 $2 20 $2 30", ""},
    {"SORT z BY nosort DESC LIMIT 0 2", "*2 $2 10 $2 20", ""},
    {"SORT z BY nosort LIMIT 1 5", "*2 $2 20 $2 10", ""},
    {"SORT z STORE z", ":3", "overwritten z, type_changed z, sortstore z"},
    {"TYPE z", "+list", ""},
};

static void test_replies_and_events(void **state)
{
    (void)state;
    runner_expect_rows(rows, sizeof rows / sizeof *rows);
}

/* A key that ended, met on the way to another, is put away in a record of its own; nothing that was
 * taken from the list before is lost by that. */
static void test_dead_weights(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    runner_type(&r, "RPUSH l 3 1 2");
    runner_type(&r, "SET w_1 9 PX 10");
    runner_type(&r, "MSET w_2 8 w_3 7");
    r.now_ms += 20;
    runner_expect(&r, "SORT l BY w_*", "*3 $1 1 $1 3 $1 2", "expired w_1, keymiss w_1");
    runner_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_and_events),
        cmocka_unit_test(test_dead_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
