/* The string commands: replies as redis-server 7.0.15 gives them, events with
 * `overwritten` as newer versions note them. */
#include "runner.h"

#include "../../src/base/random.h"

#include <time.h>

static uint64_t seed;

static const struct runner_row set_rows[] = {
    {"SET k v", "+OK", "new k, set k"},
    {"GET k", "$1 v", ""},
    {"SET k w", "+OK", "overwritten k, set k"},
    {"SET k v EX", "-ERR syntax error", ""},
    {"SET k v EX abc", "-ERR value is not an integer or out of range", ""},
    {"SET k v EX 1 EX 200", "+OK", "overwritten k, set k, expire k"},
    {"SET k v NX XX", "-ERR syntax error", ""},
    {"SET k v NX GET", "$1 v", ""},
    {"SET n v NX GET", "$-1", "keymiss n, new n, set n"},
    {"SET x v XX GET", "$-1", "keymiss x"},
    {"SET x v XX", "$-1", ""},
    {"SET k v NX", "$-1", ""},
    {"SET k w XX", "+OK", "overwritten k, set k"},
    {"SET k v EX 10 KEEPTTL", "-ERR syntax error", ""},
    {"SET k v EX 10 PX 10", "-ERR syntax error", ""},
    {"SET k v PERSIST", "-ERR syntax error", ""},
    {"SET k v BAD", "-ERR syntax error", ""},
    {"SET k v EX 0", "-ERR invalid expire time in 'set' command", ""},
    {"SET k v PX -1", "-ERR invalid expire time in 'set' command", ""},
    {"SET k v EX 9223372036854775", "-ERR invalid expire time in 'set' command", ""},
    {"SET k v PX 9223372036854775807", "-ERR invalid expire time in 'set' command", ""},
    {"SET k v PXAT 9223372036854775807", "+OK", "overwritten k, set k, expire k"},
    {"SET k v KEEPTTL", "+OK", "overwritten k, set k"},
    {"SETNX k x", ":0", ""},
    {"SETNX nx x", ":1", "new nx, set nx"},
    {"SETEX k 0 v", "-ERR invalid expire time in 'setex' command", ""},
    {"SETEX k abc v", "-ERR value is not an integer or out of range", ""},
    {"SETEX k 9223372036854775807 v", "-ERR invalid expire time in 'setex' command", ""},
    {"SETEX k 100 v", "+OK", "overwritten k, set k, expire k"},
    {"PSETEX k 9223372036854775807 v", "-ERR invalid expire time in 'psetex' command", ""},
    {"PSETEX k 100 v", "+OK", "overwritten k, set k, expire k"},
    {"SET \"\" \"\"", "+OK", "new , set "},
    {"GET \"\"", "$0 ", ""},
};

static void test_set(void **state)
{
    (void)state;
    runner_expect_rows(set_rows, sizeof set_rows / sizeof *set_rows);
}

static const struct runner_row get_rows[] = {
    {"GET k", "$-1", "keymiss k"},
    {"GETSET k v", "$-1", "keymiss k, new k, set k"},
    {"GETSET k w", "$1 v", "overwritten k, set k"},
    {"GETDEL k", "$1 w", "del k"},
    {"GETDEL k", "$-1", "keymiss k"},
    {"SET k v", "+OK", "new k, set k"},
    {"GETEX k KEEPTTL", "-ERR syntax error", ""},
    {"GETEX k EX 0", "-ERR invalid expire time in 'getex' command", ""},
    {"GETEX miss EX 0", "$-1", "keymiss miss"},
    {"GETEX miss BAD", "-ERR syntax error", ""},
    {"GETEX k EX abc", "-ERR value is not an integer or out of range", ""},
    {"GETEX k PERSIST", "$1 v", ""},
    {"GETEX k EX 10 PX 10", "-ERR syntax error", ""},
    {"GETEX k EX 10 EX 20", "$1 v", "expire k"},
    {"GETEX k PERSIST", "$1 v", "persist k"},
    {"GETEX k PERSIST", "$1 v", ""},
    {"GETEX k PERSIST EX 10", "-ERR syntax error", ""},
    {"GETEX k", "$1 v", ""},
    {"GETEX k PXAT 1", "$1 v", "del k"},
    {"GET k", "$-1", "keymiss k"},
};

static void test_get(void **state)
{
    (void)state;
    runner_expect_rows(get_rows, sizeof get_rows / sizeof *get_rows);
}

static const struct runner_row many_rows[] = {
    {"MSET a 1 a 2 c", "-ERR wrong number of arguments for 'mset' command", ""},
    {"MSET a 1 b 2 a 3", "+OK", "new a, set a, new b, set b, overwritten a, set a"},
    {"MGET a b c a", "*4 $1 3 $1 2 $-1 $1 3", "keymiss c"},
    {"MSETNX c 1 c 2", ":1", "new c, set c, overwritten c, set c"},
    {"MSETNX d 1 c 2", ":0", ""},
    {"MSETNX d 1 e", "-ERR wrong number of arguments for 'msetnx' command", ""},
    {"MGET d", "*1 $-1", "keymiss d"},
};

static void test_many(void **state)
{
    (void)state;
    runner_expect_rows(many_rows, sizeof many_rows / sizeof *many_rows);
}

static const struct runner_row part_rows[] = {
    {"STRLEN k", ":0", "keymiss k"},
    {"SETRANGE k 5 \"\"", ":0", ""},
    {"SETRANGE k -1 x", "-ERR offset is out of range", ""},
    {"SETRANGE k x x", "-ERR value is not an integer or out of range", ""},
    {"SETRANGE k 3 abc", ":6", "new k, setrange k"},
    {"GETRANGE k 0 -1", "$6 ...abc", ""},
    {"SETRANGE k 0 \"\"", ":6", ""},
    {"SETRANGE k 4 z", ":6", "setrange k"},
    {"GETRANGE k x 0", "-ERR value is not an integer or out of range", ""},
    {"GETRANGE k 0 x", "-ERR value is not an integer or out of range", ""},
    {"GETRANGE k -2 -1", "$2 zc", ""},
    {"GETRANGE k -1 -2", "$0 ", ""},
    {"GETRANGE k -100 100", "$6 ...azc", ""},
    {"GETRANGE k -99 -100", "$0 ", ""},
    {"GETRANGE k 0 -100", "$1 .", ""},
    {"GETRANGE k 9 10", "$0 ", ""},
    {"GETRANGE none 0 1", "$0 ", "keymiss none"},
    {"SUBSTR k 3 3", "$1 a", ""},
    {"STRLEN k", ":6", ""},
    {"SETRANGE k 536870911 xx", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
     ""},
    {"SETRANGE k 9223372036854775807 xx",
     "-ERR string exceeds maximum allowed size (proto-max-bulk-len)", ""},
    {"APPEND k \"\"", ":6", "append k"},
    {"APPEND k xyz", ":9", "append k"},
    {"APPEND new \"\"", ":0", "new new, append new"},
    {"APPEND new2 10", ":2", "new new2, append new2"},
    {"STRLEN new2", ":2", ""},
};

static void test_part(void **state)
{
    (void)state;
    runner_expect_rows(part_rows, sizeof part_rows / sizeof *part_rows);
}

static const struct runner_row number_rows[] = {
    {"INCR i", ":1", "new i, incrby i"},
    {"INCRBY i 41", ":42", "incrby i"},
    {"DECR i", ":41", "incrby i"},
    {"DECRBY i 1", ":40", "incrby i"},
    {"INCRBY i abc", "-ERR value is not an integer or out of range", ""},
    {"INCRBY i 9223372036854775807", "-ERR increment or decrement would overflow", ""},
    {"DECRBY i -9223372036854775808", "-ERR decrement would overflow", ""},
    {"DECRBY i 9223372036854775807", ":-9223372036854775767", "incrby i"},
    {"SET s abc", "+OK", "new s, set s"},
    {"INCR s", "-ERR value is not an integer or out of range", ""},
    {"SET s \"\"", "+OK", "overwritten s, set s"},
    {"INCR s", "-ERR value is not an integer or out of range", ""},
    {"SET s \" 1\"", "+OK", "overwritten s, set s"},
    {"INCR s", "-ERR value is not an integer or out of range", ""},
    {"INCRBYFLOAT s 1", "-ERR value is not a valid float", ""},
    {"INCRBYFLOAT i 0.1", "$20 -9223372036854775767", "incrbyfloat i"},
    {"INCRBYFLOAT i -0.1", "$20 -9223372036854775767", "incrbyfloat i"},
    {"INCRBYFLOAT i x", "-ERR value is not a valid float", ""},
    {"INCRBYFLOAT i inf", "-ERR increment would produce NaN or Infinity", ""},
    {"INCRBYFLOAT i nan", "-ERR value is not a valid float", ""},
    {"INCRBYFLOAT f 3.0e3", "$4 3000", "new f, incrbyfloat f"},
    {"INCRBYFLOAT f 200", "$4 3200", "incrbyfloat f"},
    {"INCRBYFLOAT f 0.333333333", "$21 3200.3333333329999999", "incrbyfloat f"},
    {"INCR f", "-ERR value is not an integer or out of range", ""},
};

static void test_number(void **state)
{
    (void)state;
    runner_expect_rows(number_rows, sizeof number_rows / sizeof *number_rows);
}

static const struct runner_row lcs_rows[] = {
    {"LCS a b BAD", "-ERR syntax error", "keymiss a, keymiss b"},
    {"LCS a b LEN IDX", "-ERR If you want both the length and indexes, please just use IDX.",
     "keymiss a, keymiss b"},
    {"LCS a b MINMATCHLEN", "-ERR syntax error", "keymiss a, keymiss b"},
    {"LCS a b MINMATCHLEN x", "-ERR value is not an integer or out of range",
     "keymiss a, keymiss b"},
    {"LCS a b", "$0 ", "keymiss a, keymiss b"},
    {"LCS a b LEN", ":0", "keymiss a, keymiss b"},
    {"LCS a b IDX", "*4 $7 matches *0 $3 len :0", "keymiss a, keymiss b"},
    {"MSET a ohmytext b mynewtext", "+OK", "new a, set a, new b, set b"},
    {"LCS a b", "$6 mytext", ""},
    {"LCS a b LEN", ":6", ""},
    {"LCS a b IDX", "*4 $7 matches *2 *2 *2 :4 :7 *2 :5 :8 *2 *2 :2 :3 *2 :0 :1 $3 len :6", ""},
    {"LCS a b IDX MINMATCHLEN 4", "*4 $7 matches *1 *2 *2 :4 :7 *2 :5 :8 $3 len :6", ""},
    {"LCS a b IDX MINMATCHLEN -4 WITHMATCHLEN",
     "*4 $7 matches *2 *3 *2 :4 :7 *2 :5 :8 :4 *3 *2 :2 :3 *2 :0 :1 :2 $3 len :6", ""},
    {"LCS a b WITHMATCHLEN", "$6 mytext", ""},
    {"SETRANGE c 20000 x", ":20001", "new c, setrange c"},
    {"LCS c c LEN", "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
     ""},
};

static void test_lcs(void **state)
{
    (void)state;
    runner_expect_rows(lcs_rows, sizeof lcs_rows / sizeof *lcs_rows);
}

/* Of Redis 8.4: after its documentation and its own tests. */
static const struct runner_row compare_rows[] = {
    {"DIGEST k", "$-1", "keymiss k"},
    {"DELEX k IFEQ x", ":0", ""},
    {"DELEX k BAD x", ":0", ""},
    {"SET k v IFEQ x", "$-1", ""},
    {"SET k v IFDEQ short", "$-1", ""},
    {"SET k v IFEQ x GET", "$-1", "keymiss k"},
    {"SET k hello IFNE x", "+OK", "new k, set k"},
    {"DIGEST k", "$16 9555e8555c62dcfd", ""},
    {"SET k v IFNE hello", "$-1", ""},
    {"SET k v IFNE hello GET", "$5 hello", ""},
    {"SET k v IFEQ", "-ERR syntax error", ""},
    {"SET k v IFEQ hello NX", "-ERR syntax error", ""},
    {"SET k v XX IFEQ hello", "-ERR syntax error", ""},
    {"SET k v IFEQ hello IFNE x", "-ERR syntax error", ""},
    {"SET k v IFDEQ 9555e8555c62dcf", "-ERR must be exactly 16 hexadecimal characters", ""},
    {"SET k v IFDEQ \"\" GET", "-ERR must be exactly 16 hexadecimal characters", ""},
    {"SET k v IFDNE 9555E8555C62DCFD", "$-1", ""},
    {"SET k v IFDEQ zzzzzzzzzzzzzzzz", "$-1", ""},
    {"SET k hello IFDEQ 9555E8555C62DCFD EX 10", "+OK", "overwritten k, set k, expire k"},
    {"SET k w IFEQ hello GET", "$5 hello", "overwritten k, set k"},
    {"DELEX k IFEQ", "-ERR wrong number of arguments for 'delex' command", ""},
    {"DELEX k IFEQ w x", "-ERR wrong number of arguments for 'delex' command", ""},
    {"DELEX k BAD w", "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE", ""},
    {"DELEX k NX w", "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE", ""},
    {"DELEX k IFDEQ w", "-ERR must be exactly 16 hexadecimal characters", ""},
    {"DELEX k IFNE w", ":0", ""},
    {"DELEX k ifeq w", ":1", "del k"},
    {"SET k \"\"", "+OK", NULL},
    {"DIGEST k", "$16 2d06800538d394c2", ""},
    {"SET k v8", "+OK", NULL},
    {"DIGEST k", "$16 0cc76dbb41381419", ""},
    {"DELEX k IFDNE 0000000000000000", ":1", "del k"},
    {"DELEX k", ":0", ""},
    {"SET k v", "+OK", NULL},
    {"DELEX k", ":1", "del k"},
};

static void test_compare(void **state)
{
    (void)state;
    runner_expect_rows(compare_rows, sizeof compare_rows / sizeof *compare_rows);
}

static const struct runner_row msetex_rows[] = {
    {"MSETEX a b c", "-ERR invalid numkeys value", ""},
    {"MSETEX 0 b c", "-ERR invalid numkeys value", ""},
    {"MSETEX 2147483648 b c", "-ERR invalid numkeys value", ""},
    {"MSETEX 2147483647 b c", "-ERR wrong number of key-value pairs", ""},
    {"MSETEX 2 a 1 b", "-ERR wrong number of key-value pairs", ""},
    {"MSETEX 1 a 1 b", "-ERR syntax error", ""},
    {"MSETEX 1 a 1 GET", "-ERR syntax error", ""},
    {"MSETEX 1 a 1 NX XX", "-ERR syntax error", ""},
    {"MSETEX 1 a 1 KEEPTTL EX 10", "-ERR syntax error", ""},
    {"MSETEX 1 a 1 EX abc", "-ERR value is not an integer or out of range", ""},
    {"MSETEX 1 a 1 EX 0", "-ERR invalid expire time in 'msetex' command", ""},
    {"MSETEX 2 a 1 b 2 XX", ":0", ""},
    {"MSETEX 2 a 1 b 2 NX PX 10", ":1", "new a, set a, expire a, new b, set b, expire b"},
    {"MSETEX 2 a 3 c 4 NX", ":0", ""},
    {"MSETEX 2 a 3 c 4 XX", ":0", ""},
    {"MSETEX 2 a 3 b 4 XX KEEPTTL", ":1", "overwritten a, set a, overwritten b, set b"},
    {"MSETEX 1 c 4", ":1", "new c, set c"},
    {"MGET a b c", "*3 $1 3 $1 4 $1 4", ""},
};

static void test_msetex(void **state)
{
    (void)state;
    runner_expect_rows(msetex_rows, sizeof msetex_rows / sizeof *msetex_rows);
}

static void test_deadlines(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    r.now_ms = 1000000;
    runner_expect_effects(&r, "SET k v EX 10", "SET k v 1010000");
    runner_expect_effects(&r, "SET k v PX 10", "SET k v 1000010");
    runner_expect_effects(&r, "SET k v EXAT 2000", "SET k v 2000000");
    runner_expect_effects(&r, "SET k v PXAT 2000001", "SET k v 2000001");
    runner_expect_effects(&r, "SET k v KEEPTTL", "SET k v -2");
    runner_expect_effects(&r, "GETEX k PX 7", "PEXPIREAT k  1000007");
    runner_expect_effects(&r, "GETEX k PERSIST", "PERSIST k  -1");
    runner_expect_effects(&r, "GETEX k EXAT 1000", "DEL k  -1");
    runner_expect_effects(&r, "SETEX k 5 v", "SET k v 1005000");
    r.now_ms = 1004999;
    runner_expect(&r, "APPEND k w", ":2", "append k");
    runner_expect(&r, "INCR n", ":1", NULL);
    r.now_ms = 1005000;
    runner_expect(&r, "GET k", "$-1", "expired k, keymiss k");

    runner_expect(&r, "SET k v PXAT 1", "+OK", "new k, set k, expire k");
    runner_expect(&r, "SET k w", "+OK", "expired k, new k, set k");
    runner_expect(&r, "PSETEX k 1 v", "+OK", NULL);
    r.now_ms++;
    runner_expect(&r, "SET k w PX 5 GET", "$-1", "expired k, keymiss k, new k, set k, expire k");
    r.now_ms += 5;
    runner_expect(&r, "MSETNX k a", ":1", "expired k, new k, set k");
    runner_expect(&r, "GETSET k b", "$1 a", "overwritten k, set k");
    runner_fini(&r);
}

static void test_effects(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    runner_expect_effects(&r, "SET k v", "SET k v -1");
    runner_expect_effects(&r, "SET k w NX", "");
    runner_expect_effects(&r, "APPEND k xyz", "APPEND k xyz -2");
    runner_expect_effects(&r, "SETRANGE k 1 __", "SETRANGE k __ 1");
    runner_expect_effects(&r, "INCRBY n 5", "SET n 5 -2");
    runner_expect_effects(&r, "INCRBYFLOAT n 0.5", "SET n 5.5 -2");
    runner_expect_effects(&r, "GETDEL n", "DEL n  -1");
    runner_expect_effects(&r, "GET k", "");
    runner_expect_effects(&r, "MSET a 1 b 2", "SET a 1 -1; SET b 2 -1");
    runner_expect_effects(&r, "MSETNX c 1 a 2", "");
    runner_fini(&r);
}

static void test_limit_of_length(void **state)
{
    static const char too_long[] = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    (void)state;
    struct runner r;
    runner_init(&r);
    r.string_max = 10;
    runner_expect(&r, "SETRANGE k 9 x", ":10", "new k, setrange k");
    runner_expect(&r, "SETRANGE k 10 x", too_long, "");
    runner_expect(&r, "SETRANGE k 9 xx", too_long, "");
    runner_expect(&r, "APPEND k x", too_long, "");
    runner_expect(&r, "APPEND k \"\"", ":10", "append k");
    runner_expect(&r, "STRLEN k", ":10", "");
    runner_fini(&r);
}

static void test_nulls_of_resp3(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    r.proto = 3;
    runner_expect(&r, "GET k", "_", NULL);
    runner_expect(&r, "MGET k", "*1 _", NULL);
    runner_expect(&r, "SET k v XX", "_", NULL);
    runner_expect(&r, "LCS a b IDX", "%2 $7 matches *0 $3 len :0", NULL);
    runner_fini(&r);
}

/* What a record says is enough to have the same data elsewhere: a second world that knows only the
 * effects of the first one, played as the commands of their names, is always equal to it. */

static struct slice number_text(char to[TEXT_INT_MAX], int64_t value)
{
    return slice_of(to, text_from_int(to, value));
}

static void play_effect(void *ctx, const struct effect *e)
{
    char digits[TEXT_INT_MAX];
    struct slice when = number_text(digits, e->when), name = effect_verb_text(e->verb);
    switch (e->verb) {
    case EFFECT_SET:
        runner_run(ctx, (struct slice[]){name, e->key, e->arg, SLICE("keepttl")},
                   e->when == WHEN_KEPT ? 4 : 3);
        if (e->when >= 0)
            runner_run(ctx, (struct slice[]){SLICE("getex"), e->key, SLICE("pxat"), when}, 4);
        break;
    case EFFECT_APPEND: runner_run(ctx, (struct slice[]){name, e->key, e->arg}, 3); break;
    case EFFECT_SETRANGE: runner_run(ctx, (struct slice[]){name, e->key, when, e->arg}, 4); break;
    case EFFECT_DEL: runner_run(ctx, (struct slice[]){SLICE("getdel"), e->key}, 2); break;
    case EFFECT_PEXPIREAT:
        runner_run(ctx, (struct slice[]){SLICE("getex"), e->key, SLICE("pxat"), when}, 4);
        break;
    case EFFECT_PERSIST:
        runner_run(ctx, (struct slice[]){SLICE("getex"), e->key, SLICE("persist")}, 3);
        break;
    default: fail_msg("no string command has the effect %.*s", (int)name.len, name.at);
    }
}

static const char *const templates[] = {
    "SET K V",
    "SET K V EX 9",
    "SET K V KEEPTTL GET",
    "SET K V PXAT 1",
    "SETNX K V",
    "GETSET K V",
    "GETDEL K",
    "GETEX K PX 3",
    "GETEX K PERSIST",
    "GETEX K PXAT 1",
    "MSET K V K V K V",
    "MSETNX K V K V",
    "APPEND K V",
    "SETRANGE K N V",
    "INCR K",
    "INCRBY K N",
    "DECRBY K N",
    "INCRBYFLOAT K 0.5",
    "SETBIT K N 1",
    "SETBIT K N 0",
    "BITOP AND K K K",
    "BITOP XOR K K K",
    "BITOP NOT K K",
    "BITFIELD K SET u7 N N",
    "SET K N",
    "BITFIELD K INCRBY i9 #N N GET u8 N SET u13 N N",
    "BITFIELD K OVERFLOW FAIL INCRBY u3 N N SET i20 N N",
};

static void fill_template(char to[256], const char *template, struct random *r)
{
    static const char *const values[] = {"", "7", "12", "\x00\xff", "text", "0123456789abcdef"};
    char *end = to;
    for (; *template; template ++) {
        bool alone = template[1] == ' ' || !template[1];
        if (alone && *template == 'K')
            *end++ = (char)('a' + random_below(r, 5));
        else if (alone && *template == 'V')
            end += sprintf(end, "\"%s\"", values[random_below(r, 6)]);
        else if (alone && *template == 'N')
            end += sprintf(end, "%d", (int)random_below(r, random_below(r, 9) ? 70 : 6000));
        else
            *end++ = *template;
    }
    *end = '\0';
}

static int64_t deadline_of(struct runner *r, struct slice key)
{
    struct place p = keyspace_find(r->keyspace, 0, key);
    return p.entry ? entry_deadline(p.entry) : -3;
}

static void test_effects_redo_all(void **state)
{
    (void)state;
    struct random random;
    struct runner r, mirror;
    random_init(&random, seed);
    runner_init(&r);
    runner_init(&mirror);
    r.effect = play_effect;
    r.ctx = &mirror;
    for (int round = 0; round < 20000; round++) {
        char line[256];
        fill_template(line, templates[random_below(&random, sizeof templates / sizeof *templates)],
                      &random);
        if (random_below(&random, 4) == 0) r.now_ms++;
        mirror.now_ms = r.now_ms;
        runner_type(&r, line);
        for (char name = 'a'; name < 'f'; name++) {
            struct slice get[] = {SLICE("get"), slice_of(&name, 1)};
            runner_run(&r, get, 2);
            runner_run(&mirror, get, 2);
            if (!slice_equal(buffer_slice(&r.reply), buffer_slice(&mirror.reply)) ||
                deadline_of(&r, get[1]) != deadline_of(&mirror, get[1]))
                fail_msg("not redone: %s", line);
        }
    }
    runner_fini(&r);
    runner_fini(&mirror);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_part),
        cmocka_unit_test(test_number),
        cmocka_unit_test(test_lcs),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_msetex),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_limit_of_length),
        cmocka_unit_test(test_nulls_of_resp3),
        cmocka_unit_test(test_effects_redo_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
