/* The commands of HyperLogLogs: replies as redis-server 7.0.15 gives them. */
#include "runner.h"

#include "../../src/value/hll.h"

static const struct runner_row rows[] = {
    {"PFCOUNT none", ":0", "keymiss none"},
    {"PFADD h", ":1", "new h, pfadd h"},
    {"PFADD h", ":0", ""},
    {"PFADD h a b c", ":1", "pfadd h"},
    {"PFADD h a b", ":0", ""},
    {"PFCOUNT h", ":3", ""},
    {"PFCOUNT h none h", ":3", "keymiss none"},
    {"OBJECT ENCODING h", "$3 raw", ""},
    {"PFDEBUG ENCODING h", "+sparse", ""},
    {"PFDEBUG DECODE h", "$44 Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603", ""},
    {"PFDEBUG TODENSE h", ":1", ""},
    {"PFDEBUG TODENSE h", ":0", ""},
    {"PFDEBUG DECODE h", "-ERR HLL encoding is not sparse", ""},
    {"PFDEBUG ENCODING h", "+dense", ""},
    {"PFDEBUG BOGUS h", "-ERR Unknown PFDEBUG subcommand 'BOGUS'", ""},
    {"PFDEBUG BOGUS none", "-ERR The specified key does not exist", ""},
    {"PFCOUNT h", ":3", ""},
    {"PFADD h d", ":1", "pfadd h"},
    {"PFCOUNT h", ":4", ""},
    {"PFADD o x y", ":1", "new o, pfadd o"},
    {"PFMERGE o", "+OK", "pfadd o"},
    {"PFMERGE d h o none", "+OK", "keymiss d, keymiss none, new d, pfadd d"},
    {"PFCOUNT d", ":6", ""},
    {"PFDEBUG ENCODING d", "+dense", ""},
    {"SET s text", "+OK", "new s, set s"},
    {"PFADD s a", "-WRONGTYPE Key is not a valid HyperLogLog string value.", ""},
    {"PFCOUNT s", "-WRONGTYPE Key is not a valid HyperLogLog string value.", ""},
    {"PFMERGE h s", "-WRONGTYPE Key is not a valid HyperLogLog string value.", ""},
    {"SET s \"HYLL\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x80\\x7f\"", "+OK",
     "overwritten s, set s"},
    {"PFADD s a", "-INVALIDOBJ Corrupted HLL object detected", ""},
    {"PFCOUNT s", "-INVALIDOBJ Corrupted HLL object detected", ""},
    {"PFCOUNT h s", "-INVALIDOBJ Corrupted HLL object detected", ""},
    {"PFMERGE s h", "-INVALIDOBJ Corrupted HLL object detected", ""},
    {"PFDEBUG GETREG s", "-INVALIDOBJ Corrupted HLL object detected", ""},
    {"PFSELFTEST", "+OK", ""},
};

static void test_replies_and_events(void **state)
{
    (void)state;
    runner_expect_rows(rows, sizeof rows / sizeof *rows);
}

/* What a change of a dense one, and a count that is kept, cost in the journal. */
static size_t bytes_of_effects;

static void count_effect(void *ctx, const struct effect *e)
{
    (void)ctx;
    bytes_of_effects += e->arg.len;
    assert_int_equal(e->verb, EFFECT_SETRANGE);
}

static void test_effects_are_small(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    runner_type(&r, "PFADD h a b c");
    runner_type(&r, "PFDEBUG TODENSE h");
    runner_type(&r, "PFCOUNT h");
    r.effect = count_effect;
    runner_type(&r, "PFADD h d e f");
    assert_in_range(bytes_of_effects, 4, 7);
    bytes_of_effects = 0;
    runner_type(&r, "PFCOUNT h");
    assert_int_equal(bytes_of_effects, HLL_COUNT_BYTES);
    bytes_of_effects = 0;
    runner_type(&r, "PFMERGE h h");
    runner_type(&r, "PFMERGE h");
    assert_int_equal(bytes_of_effects, 2);
    runner_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_and_events),
        cmocka_unit_test(test_effects_are_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
