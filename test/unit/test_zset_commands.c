/* The commands of sorted sets: replies and events of redis-server 7.0.15 (but scores in the fewest
 * digits, as 7.2 has them), with `overwritten` as newer versions note it; and effects. */
#include "runner.h"

#define WRONG  "-WRONGTYPE Operation against a key holding the wrong kind of value"
#define SYNTAX "-ERR syntax error"

static const struct runner_row add_rows[] = {
    {"ZADD z 1 a 2 b 1 a", ":2", "new z, zadd z"},
    {"ZADD z 1 a 2 b", ":0", ""},
    {"ZADD z CH 1 a 3 b 0.5 c", ":2", "zadd z"},
    {"ZADD z NX 9 a 4 d", ":1", "zadd z"},
    {"ZADD z XX 9 none", ":0", ""},
    {"ZADD z XX CH 9 a 1 none", ":1", "zadd z"},
    {"ZADD z GT CH 8 a 10 b 1 e", ":2", "zadd z"},
    {"ZADD z LT CH 8 a 11 b", ":1", "zadd z"},
    {"ZADD none XX 1 a", ":0", ""},
    {"ZADD none XX INCR 1 a", "$-1", ""},
    {"ZADD z INCR 2.5 a", "$4 10.5", "zincr z"},
    {"ZADD z NX INCR 1 a", "$-1", ""},
    {"ZADD z GT INCR -1 a", "$-1", ""},
    {"ZADD z INCR 0 a", "$4 10.5", ""},
    {"ZRANGE z 0 -1 WITHSCORES", "*10 $1 c $3 0.5 $1 e $1 1 $1 d $1 4 $1 b $2 10 $1 a $4 10.5", ""},
    {"ZADD z 1 a 2", SYNTAX, ""},
    {"ZADD z NX GT", SYNTAX, ""},
    {"ZADD z x a", "-ERR value is not a valid float", ""},
    {"ZADD z nan a", "-ERR value is not a valid float", ""},
    {"ZADD z 1 a nan b", "-ERR value is not a valid float", ""},
    {"ZADD z NX XX 1 a", "-ERR XX and NX options at the same time are not compatible", ""},
    {"ZADD z GT LT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible", ""},
    {"ZADD z NX GT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible", ""},
    {"ZADD z INCR 1 a 2 b", "-ERR INCR option supports a single increment-element pair", ""},
    {"ZINCRBY n inf a", "$3 inf", "new n, zincr n"},
    {"ZINCRBY n -inf a", "-ERR resulting score is not a number (NaN)", ""},
    {"ZINCRBY n x a", "-ERR value is not a valid float", ""},
    {"ZINCRBY n 0.1 b", "$3 0.1", "zincr n"},
    {"ZINCRBY n 0.2 b", "$19 0.30000000000000004", "zincr n"},
    {"ZREM z none", ":0", ""},
    {"ZREM z a a b", ":2", "zrem z"},
    {"ZREM z c d e", ":3", "zrem z, del z"},
    {"ZREM z c", ":0", ""},
    {"SET s x", "+OK", "new s, set s"},
    {"ZADD s 1 a", WRONG, ""},
    {"ZADD s x a", "-ERR value is not a valid float", ""},
    {"ZINCRBY s 1 a", WRONG, ""},
    {"ZREM s a", WRONG, ""},
};

static const struct runner_row read_rows[] = {
    {"ZADD z -inf a 1 b 1 c 1e20 d", ":4", "new z, zadd z"},
    {"OBJECT ENCODING z", "$8 listpack", ""},
    {"TYPE z", "+zset", ""},
    {"ZCARD z", ":4", ""},
    {"ZCARD none", ":0", "keymiss none"},
    {"ZSCORE z d", "$5 1e+20", ""},
    {"ZSCORE z x", "$-1", ""},
    {"ZSCORE none x", "$-1", "keymiss none"},
    {"ZMSCORE z a x b", "*3 $4 -inf $-1 $1 1", ""},
    {"ZMSCORE none a b", "*2 $-1 $-1", "keymiss none"},
    {"ZRANK z c", ":2", ""},
    {"ZREVRANK z c", ":1", ""},
    {"ZRANK z c WITHSCORE", "*2 :2 $1 1", ""},
    {"ZREVRANK z d withscore", "*2 :0 $5 1e+20", ""},
    {"ZRANK z x", "$-1", ""},
    {"ZRANK z x WITHSCORE", "*-1", ""},
    {"ZRANK z c WITHSCORES", SYNTAX, ""},
    {"ZRANK z c WITHSCORE x", "-ERR wrong number of arguments for 'zrank' command", ""},
    {"ZRANK none x", "$-1", "keymiss none"},
    {"ZRANDMEMBER z 0", "*0", ""},
    {"ZRANDMEMBER none", "$-1", "keymiss none"},
    {"ZRANDMEMBER none 3", "*0", "keymiss none"},
    {"ZRANDMEMBER z 10", "*4 $1 a $1 b $1 c $1 d", ""},
    {"ZRANDMEMBER z 10 WITHSCORES", "*8 $1 a $4 -inf $1 b $1 1 $1 c $1 1 $1 d $5 1e+20", ""},
    {"ZRANDMEMBER z x", "-ERR value is not an integer or out of range", ""},
    {"ZRANDMEMBER z 1 WITHSCORE", SYNTAX, ""},
    {"ZRANDMEMBER z 1 WITHSCORES x", SYNTAX, ""},
    {"ZRANDMEMBER z -9223372036854775808",
     "-ERR value is out of range, value must between -9223372036854775807 and "
     "9223372036854775807",
     ""},
    {"ZRANDMEMBER z -4611686018427387905 WITHSCORES", "-ERR value is out of range", ""},
    {"ZSCAN z 0 MATCH [ad]", "*2 $1 0 *4 $1 a $4 -inf $1 d $5 1e+20", ""},
    {"ZSCAN none 0", "*2 $1 0 *0", "keymiss none"},
    {"ZSCAN z x", "-ERR invalid cursor", ""},
    {"ZSCAN z 0 TYPE zset", SYNTAX, ""},
    {"SET s x", "+OK", "new s, set s"},
    {"ZCARD s", WRONG, ""},
    {"ZSCORE s a", WRONG, ""},
    {"ZMSCORE s a", WRONG, ""},
    {"ZRANK s a", WRONG, ""},
    {"ZRANDMEMBER s", WRONG, ""},
    {"ZSCAN s 0", WRONG, ""},
    {"GET z", WRONG, ""},
};

static const struct runner_row range_rows[] = {
    {"ZADD z 1 a 2 b 3 c 4 d", ":4", "new z, zadd z"},
    {"ZRANGE z 1 2", "*2 $1 b $1 c", ""},
    {"ZRANGE z -2 100 REV WITHSCORES", "*4 $1 b $1 2 $1 a $1 1", ""},
    {"ZREVRANGE z 0 0 WITHSCORES", "*2 $1 d $1 4", ""},
    {"ZRANGE z 2 1", "*0", ""},
    {"ZRANGE none 0 -1", "*0", "keymiss none"},
    {"ZRANGE z (1 3 BYSCORE", "*2 $1 b $1 c", ""},
    {"ZRANGE z +inf (2 BYSCORE REV LIMIT 1 5", "*1 $1 c", ""},
    {"ZRANGEBYSCORE z -inf +inf LIMIT 1 2 WITHSCORES", "*4 $1 b $1 2 $1 c $1 3", ""},
    {"ZRANGEBYSCORE z -inf +inf LIMIT -1 2", "*0", ""},
    {"ZRANGEBYSCORE z -inf +inf LIMIT 2 -1", "*2 $1 c $1 d", ""},
    {"ZRANGEBYSCORE z 3 1", "*0", ""},
    {"ZRANGEBYSCORE z (1 (1", "*0", ""},
    {"ZRANGEBYSCORE z \"\" 1", "*1 $1 a", ""},
    {"ZRANGEBYSCORE z \" 2\" 3", "*2 $1 b $1 c", ""},
    {"ZRANGEBYSCORE z \"2 \" 3", "-ERR min or max is not a float", ""},
    {"ZRANGEBYSCORE z nan 3", "-ERR min or max is not a float", ""},
    {"ZRANGEBYSCORE none x 3", "-ERR min or max is not a float", ""},
    {"ZREVRANGEBYSCORE z 3 (1 WITHSCORES", "*4 $1 c $1 3 $1 b $1 2", ""},
    {"ZRANGEBYSCORE z 1 2 REV", SYNTAX, ""},
    {"ZRANGE z 0 1 BYSCORE BYLEX", SYNTAX, ""},
    {"ZRANGE z 0 1 LIMIT 0", SYNTAX, ""},
    {"ZRANGE z 0 1 LIMIT 0 x", "-ERR value is not an integer or out of range", ""},
    {"ZRANGE z 0 1 LIMIT 0 1",
     "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX", ""},
    {"ZRANGE z 1 2 LIMIT 1 -1", "*2 $1 b $1 c", ""},
    {"ZRANGE z - + BYLEX WITHSCORES",
     "-ERR syntax error, WITHSCORES not supported in combination with BYLEX", ""},
    {"ZRANGE z x 1", "-ERR value is not an integer or out of range", ""},
    {"ZCOUNT z (1 +inf", ":3", ""},
    {"ZCOUNT none 1 2", ":0", "keymiss none"},
    {"ZCOUNT z 1 x", "-ERR min or max is not a float", ""},
    {"ZADD l 0 a 0 b 0 bb 0 c", ":4", "new l, zadd l"},
    {"ZRANGEBYLEX l - +", "*4 $1 a $1 b $2 bb $1 c", ""},
    {"ZRANGEBYLEX l [b (c", "*2 $1 b $2 bb", ""},
    {"ZREVRANGEBYLEX l + (b LIMIT 0 1", "*1 $1 c", ""},
    {"ZRANGE l + [b BYLEX REV LIMIT 1 1", "*1 $2 bb", ""},
    {"ZRANGEBYLEX l + -", "*0", ""},
    {"ZRANGEBYLEX l + +", "*0", ""},
    {"ZRANGEBYLEX l b c", "-ERR min or max not valid string range item", ""},
    {"ZRANGEBYLEX l -x +", "-ERR min or max not valid string range item", ""},
    {"ZLEXCOUNT l (a [c", ":3", ""},
    {"ZLEXCOUNT l a c", "-ERR min or max not valid string range item", ""},
    {"ZRANGESTORE d z 1 -1", ":3", "new d, zrangestore d"},
    {"ZRANGESTORE d z 0 0 REV", ":1", "overwritten d, zrangestore d"},
    {"ZRANGE d 0 -1 WITHSCORES", "*2 $1 d $1 4", ""},
    {"ZRANGESTORE d z 9 10 BYSCORE", ":0", "del d"},
    {"ZRANGESTORE d none 0 1", ":0", "keymiss none"},
    {"ZRANGESTORE d z 0 1 WITHSCORES", SYNTAX, ""},
    {"SET d x", "+OK", "new d, set d"},
    {"ZRANGESTORE d l [b [b BYLEX", ":1", "overwritten d, type_changed d, zrangestore d"},
    {"ZRANGESTORE l l - + BYLEX LIMIT 1 2", ":2", "overwritten l, zrangestore l"},
    {"ZREMRANGEBYLEX l - (b", ":0", ""},
    {"ZREMRANGEBYLEX l [b [b", ":1", "zremrangebylex l"},
    {"ZREMRANGEBYRANK z 0 0", ":1", "zremrangebyrank z"},
    {"ZREMRANGEBYRANK z 5 6", ":0", ""},
    {"ZREMRANGEBYSCORE z (2 3", ":1", "zremrangebyscore z"},
    {"ZREMRANGEBYSCORE z x 3", "-ERR min or max is not a float", ""},
    {"ZREMRANGEBYRANK none 0 -1", ":0", ""},
    {"ZREMRANGEBYRANK z 0 -1", ":2", "zremrangebyrank z, del z"},
    {"SET s x", "+OK", "new s, set s"},
    {"ZRANGE s 0 -1", WRONG, ""},
    {"ZRANGE s 0 x", "-ERR value is not an integer or out of range", ""},
    {"ZCOUNT s 0 1", WRONG, ""},
    {"ZREMRANGEBYRANK s 0 -1", WRONG, ""},
    {"ZRANGESTORE z s 0 -1", WRONG, ""},
};

static const struct runner_row pop_rows[] = {
    {"ZADD z 1 a 2 b 3 c 4 d 5 e", ":5", "new z, zadd z"},
    {"ZPOPMIN z", "*2 $1 a $1 1", "zpopmin z"},
    {"ZPOPMAX z 2", "*4 $1 e $1 5 $1 d $1 4", "zpopmax z"},
    {"ZPOPMIN z 0", "*0", ""},
    {"ZPOPMIN z -1", "-ERR value is out of range, must be positive", ""},
    {"ZPOPMIN z x", "-ERR value is out of range, must be positive", ""},
    {"ZPOPMIN z 1 2", SYNTAX, ""},
    {"ZPOPMAX z 100", "*4 $1 c $1 3 $1 b $1 2", "zpopmax z, del z"},
    {"ZPOPMAX z 100", "*0", ""},
    {"ZPOPMIN z", "*0", ""},
    {"ZADD b 1 a 2 b", ":2", "new b, zadd b"},
    {"ZMPOP 3 z b s MAX", "*2 $1 b *1 *2 $1 b $1 2", "zpopmax b"},
    {"ZMPOP 1 b MIN COUNT 10", "*2 $1 b *1 *2 $1 a $1 1", "zpopmin b, del b"},
    {"ZMPOP 2 z b MIN", "*-1", ""},
    {"ZMPOP 0 z MIN", "-ERR numkeys should be greater than 0", ""},
    {"ZMPOP x z MIN", "-ERR numkeys should be greater than 0", ""},
    {"ZMPOP 1 z MIN COUNT 0", "-ERR count should be greater than 0", ""},
    {"ZMPOP 2 z MIN", SYNTAX, ""},
    {"ZMPOP 1 z MEAN", SYNTAX, ""},
    {"ZMPOP 1 z MIN COUNT", SYNTAX, ""},
    {"ZMPOP 1 z MIN COUNT 1 COUNT 2", SYNTAX, ""},
    {"ZMPOP 9223372036854775807 z MIN", SYNTAX, ""},
    {"ZADD z 1 a", ":1", "new z, zadd z"},
    {"BZPOPMIN none z 0", "*3 $1 z $1 a $1 1", "zpopmin z, del z"},
    {"BZPOPMAX z 0", "*-1", ""}, /* where nobody can wait */
    {"BZMPOP 0 1 z MIN", "*-1", ""},
    {"BZPOPMIN z x", "-ERR timeout is not a float or out of range", ""},
    {"BZPOPMIN z -1", "-ERR timeout is negative", ""},
    {"BZMPOP x 0 z MIN", "-ERR numkeys should be greater than 0", ""},
    {"SET s x", "+OK", "new s, set s"},
    {"ZPOPMIN s", WRONG, ""},
    {"ZPOPMIN s 0", WRONG, ""},
    {"ZMPOP 2 z s MIN", WRONG, ""},
    {"BZPOPMIN s 0", WRONG, ""},
};

static const struct runner_row algebra_rows[] = {
    {"ZADD a 1 x 2 y 3 z", ":3", "new a, zadd a"},
    {"ZADD b 10 y 20 z 30 w", ":3", "new b, zadd b"},
    {"SADD s x w", ":2", "new s, sadd s"},
    {"ZUNION 2 a b WITHSCORES", "*8 $1 x $1 1 $1 y $2 12 $1 z $2 23 $1 w $2 30", ""},
    {"ZUNION 2 a b WEIGHTS 2 0 AGGREGATE MAX WITHSCORES",
     "*8 $1 w $1 0 $1 x $1 2 $1 y $1 4 $1 z $1 6", ""},
    {"ZUNION 2 a s AGGREGATE MIN WITHSCORES", "*8 $1 w $1 1 $1 x $1 1 $1 y $1 2 $1 z $1 3", ""},
    {"ZINTER 2 a b WITHSCORES", "*4 $1 y $2 12 $1 z $2 23", ""},
    {"ZINTER 2 a s", "*1 $1 x", ""},
    {"ZINTER 2 a a WITHSCORES", "*6 $1 x $1 2 $1 y $1 4 $1 z $1 6", ""},
    {"ZINTER 2 a none", "*0", "keymiss none"},
    {"ZDIFF 2 a b WITHSCORES", "*2 $1 x $1 1", ""},
    {"ZDIFF 3 a b s", "*0", ""},
    {"ZDIFF 2 s b WITHSCORES", "*2 $1 x $1 1", ""},
    {"ZDIFF 2 none a", "*0", "keymiss none"},
    {"ZINTERCARD 2 a b", ":2", ""},
    {"ZINTERCARD 2 a b LIMIT 1", ":1", ""},
    {"ZINTERCARD 2 a b LIMIT 0", ":2", ""},
    {"ZINTERCARD 2 a b LIMIT -1", "-ERR LIMIT can't be negative", ""},
    {"ZINTERCARD 2 a b WITHSCORES", SYNTAX, ""},
    {"ZUNIONSTORE d 2 a b", ":4", "new d, zunionstore d"},
    {"ZINTERSTORE d 2 a b WEIGHTS 1 -1", ":2", "overwritten d, zinterstore d"},
    {"ZRANGE d 0 -1 WITHSCORES", "*4 $1 z $3 -17 $1 y $2 -8", ""},
    {"ZDIFFSTORE s 2 a b", ":1", "overwritten s, type_changed s, zdiffstore s"},
    {"ZDIFFSTORE d 2 a a", ":0", "del d"},
    {"ZINTERSTORE d 2 a none", ":0", "keymiss none"},
    {"ZADD i inf x", ":1", "new i, zadd i"},
    {"ZADD j -inf x", ":1", "new j, zadd j"},
    {"ZUNION 2 i j WITHSCORES", "*2 $1 x $1 0", ""},
    {"ZUNION 1 i WEIGHTS 0 WITHSCORES", "*2 $1 x $1 0", ""},
    {"ZUNION 0 a", "-ERR at least 1 input key is needed for 'zunion' command", ""},
    {"ZUNIONSTORE d -1 a", "-ERR at least 1 input key is needed for 'zunionstore' command", ""},
    {"ZUNION x a", "-ERR value is not an integer or out of range", ""},
    {"ZUNION 3 a b", SYNTAX, ""},
    {"ZUNION 2 a b WEIGHTS 1", SYNTAX, ""},
    {"ZUNION 2 a b WEIGHTS 1 x", "-ERR weight value is not a float", ""},
    {"ZUNION 2 a b AGGREGATE MEAN", SYNTAX, ""},
    {"ZUNIONSTORE d 1 a WITHSCORES", SYNTAX, ""},
    {"ZDIFF 1 a WEIGHTS 1", SYNTAX, ""},
    {"SET t x", "+OK", "new t, set t"},
    {"ZUNION 2 a t WEIGHTS x", WRONG, ""},
    {"ZUNIONSTORE d 2 none t", WRONG, "keymiss none"},
};

static const struct runner_row resp3_rows[] = {
    {"ZADD z 1.5 a 2 b inf c", ":3", NULL},
    {"ZSCORE z a", ",1.5", NULL},
    {"ZSCORE z x", "_", NULL},
    {"ZINCRBY z 1 a", ",2.5", NULL},
    {"ZADD z NX INCR 1 a", "_", NULL},
    {"ZMSCORE z a x", "*2 ,2.5 _", NULL},
    {"ZRANK z x WITHSCORE", "_", NULL},
    {"ZRANK z a WITHSCORE", "*2 :1 ,2.5", NULL},
    {"ZRANGE z 0 1 WITHSCORES", "*2 *2 $1 b ,2 *2 $1 a ,2.5", NULL},
    {"ZREVRANGEBYSCORE z +inf 2.5 WITHSCORES", "*2 *2 $1 c ,inf *2 $1 a ,2.5", NULL},
    {"ZRANDMEMBER z 5 WITHSCORES", "*3 *2 $1 b ,2 *2 $1 a ,2.5 *2 $1 c ,inf", NULL},
    {"ZUNION 1 z WITHSCORES", "*3 *2 $1 b ,2 *2 $1 a ,2.5 *2 $1 c ,inf", NULL},
    {"ZSCAN z 0 MATCH a", "*2 $1 0 *2 $1 a $3 2.5", NULL},
    {"ZPOPMIN z", "*2 $1 b ,2", NULL},
    {"ZPOPMIN z 1", "*1 *2 $1 a ,2.5", NULL},
    {"BZPOPMAX z 0", "*3 $1 z $1 c ,inf", NULL},
    {"BZPOPMAX z 0", "_", NULL},
    {"ZMPOP 1 z MIN", "_", NULL},
    {"ZADD z 1 a", ":1", NULL},
    {"ZMPOP 1 z MIN", "*2 $1 z *1 *2 $1 a ,1", NULL},
};

#define TEST_ROWS(name)                                                            \
    static void test_##name(void **state)                                          \
    {                                                                              \
        (void)state;                                                               \
        runner_expect_rows(name##_rows, sizeof name##_rows / sizeof *name##_rows); \
    }
TEST_ROWS(add)
TEST_ROWS(read)
TEST_ROWS(range)
TEST_ROWS(pop)
TEST_ROWS(algebra)

static void test_resp3(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    r.proto = 3;
    for (size_t i = 0; i < sizeof resp3_rows / sizeof *resp3_rows; i++)
        runner_expect(&r, resp3_rows[i].line, resp3_rows[i].reply, NULL);
    runner_fini(&r);
}

/* What redoes them: no option is left, no chance, no place that depends on more than the value. */
static void test_effects(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    runner_expect_effects(&r, "ZADD z 1 a 2.50 b", "ZADD z 1 a 2.50 b");
    runner_expect_effects(&r, "ZADD z 1 a", "");
    runner_expect_effects(&r, "ZADD z NX CH 9 a 3 c 1e1 d", "ZADD z 3 c 1e1 d");
    runner_expect_effects(&r, "ZADD z GT 0 a 4 c", "ZADD z 4 c");
    runner_expect_effects(&r, "ZADD z INCR 0.25 c", "ZADD z 4.25 c");
    runner_expect_effects(&r, "ZINCRBY z 1 e", "ZADD z 1 e");
    runner_expect_effects(&r, "ZREM z none e", "ZREM z none e");
    runner_expect_effects(&r, "ZREMRANGEBYSCORE z (1 3", "ZREMRANGEBYRANK z 1 1");
    runner_expect_effects(&r, "ZREMRANGEBYRANK z -1 -1", "ZREMRANGEBYRANK z 2 2");
    runner_expect_effects(&r, "ZPOPMAX z", "ZREM z c");
    runner_expect_effects(&r, "ZRANGESTORE d z 0 -1", "ZADD d 1 a");
    runner_expect_effects(&r, "ZUNIONSTORE d 1 z WEIGHTS 3", "DEL d  -1; ZADD d 3 a");
    runner_expect_effects(&r, "ZMPOP 1 z MIN", "ZREM z a");
    runner_expect_effects(&r, "ZDIFFSTORE d 2 d d", "DEL d  -1");
    runner_fini(&r);
}

static void add_many(struct runner *r, int from, int to)
{
    char line[64];
    for (int i = from; i < to; i++) {
        snprintf(line, sizeof line, "ZADD large %d m%d", i, i);
        runner_type(r, line);
    }
}

/* How many times each of the members m0 to m999 stands in the reply. */
static void count_members(struct runner *r, int counts[1000])
{
    buffer_add_byte(&r->reply, 0); /* where the last number ends */
    r->reply.len--;
    for (size_t i = 0; i + 1 < r->reply.len; i++) {
        if (r->reply.at[i] != '\n' || r->reply.at[i + 1] != 'm') continue;
        int number = atoi(r->reply.at + i + 2);
        assert_in_range(number, 0, 999);
        counts[number]++;
    }
}

/* Samples of a large one: as many as were asked for, all different, and evenly drawn. */
static void test_samples(void **state)
{
    (void)state;
    static const int wanted[] = {1, 7, 300, 333, 334, 900, 999, 1000, 5000};
    struct runner r;
    int sum[1000] = {0}, twice = 0;
    runner_init(&r);
    add_many(&r, 0, 1000);
    runner_expect(&r, "OBJECT ENCODING large", "$8 skiplist", "");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        char line[64];
        int counts[1000] = {0}, met = 0;
        snprintf(line, sizeof line, "ZRANDMEMBER large %d", wanted[i]);
        runner_type(&r, line);
        count_members(&r, counts);
        for (int k = 0; k < 1000; k++) {
            assert_in_range(counts[k], 0, 1);
            met += counts[k];
        }
        assert_int_equal(met, wanted[i] < 1000 ? wanted[i] : 1000);
    }
    for (int i = 0; i < 200; i++) {
        runner_type(&r, i % 2 ? "ZRANDMEMBER large 200" : "ZRANDMEMBER large -200");
        count_members(&r, sum);
    }
    /* 40 each on the average, give or take 6 */
    for (int k = 0; k < 1000; k++) assert_in_range(sum[k], 5, 90);
    runner_type(&r, "ZRANDMEMBER large -5000 WITHSCORES");
    memset(sum, 0, sizeof sum);
    count_members(&r, sum);
    for (int k = 0; k < 1000; k++) twice += sum[k] > 1;
    assert_true(twice > 500);
    runner_fini(&r);
}

/* ZSCAN of a large one meets every member once. */
static void test_scan(void **state)
{
    (void)state;
    struct runner r;
    char line[64] = "ZSCAN large 0";
    int counts[1000] = {0}, calls = 0;
    runner_init(&r);
    add_many(&r, 0, 1000);
    do {
        runner_type(&r, line);
        count_members(&r, counts);
        buffer_add_byte(&r.reply, 0);
        snprintf(line, sizeof line, "ZSCAN large %llu COUNT 50",
                 strtoull(strchr(r.reply.at + 4, '\n') + 1, NULL, 10));
        calls++;
    } while (strncmp(line, "ZSCAN large 0 ", 14) != 0);
    for (int k = 0; k < 1000; k++) assert_int_equal(counts[k], 1);
    assert_in_range(calls, 5, 60);
    runner_fini(&r);
}

/* Differences of many sets, either way of finding them. */
static void test_differences(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    add_many(&r, 0, 200);
    runner_type(&r, "ZRANGESTORE most large 3 -1");
    runner_type(&r, "ZADD one 5 m1");
    runner_type(&r, "SADD two m2 other");
    runner_expect(&r, "ZDIFF 2 large most", "*3 $2 m0 $2 m1 $2 m2", "");
    runner_expect(&r, "ZDIFF 4 large most one two WITHSCORES", "*2 $2 m0 $1 0", "");
    runner_expect(&r, "ZDIFFSTORE d 3 large one two", ":198", NULL);
    runner_expect(&r, "OBJECT ENCODING d", "$8 skiplist", "");
    runner_expect(&r, "ZMSCORE d m1 m2 m3", "*3 $-1 $-1 $1 3", "");
    runner_expect(&r, "ZDIFFSTORE d 3 large most two", ":2", NULL);
    runner_expect(&r, "OBJECT ENCODING d", "$8 listpack", "");
    runner_fini(&r);
}

/* A reply that a client may not have is not made: it is cut, and so is the work. */
static void test_bounded_replies(void **state)
{
    (void)state;
    static const char *const lines[] = {"ZRANGE large 0 -1", "ZUNION 1 large WITHSCORES",
                                        "ZRANDMEMBER large -4000000 WITHSCORES",
                                        "ZRANDMEMBER large -4000000"};
    struct runner r;
    runner_init(&r);
    add_many(&r, 0, 500);
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
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_pop),
        cmocka_unit_test(test_algebra),
        cmocka_unit_test(test_resp3),
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_bounded_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
