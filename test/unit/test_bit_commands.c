/* The bit commands: replies as redis-server 7.0.15 gives them, events with
 * `overwritten` as newer versions note them. */
#include "runner.h"

static const struct runner_row bit_rows[] = {
    {"SETBIT k -1 1", "-ERR bit offset is not an integer or out of range", ""},
    {"SETBIT k 4294967296 1", "-ERR bit offset is not an integer or out of range", ""},
    {"SETBIT k x 1", "-ERR bit offset is not an integer or out of range", ""},
    {"SETBIT k 0 2", "-ERR bit is not an integer or out of range", ""},
    {"SETBIT k 0 x", "-ERR bit is not an integer or out of range", ""},
    {"SETBIT k 7 0", ":0", "new k, setbit k"},
    {"SETBIT k 7 0", ":0", ""},
    {"SETBIT k 7 1", ":0", "setbit k"},
    {"SETBIT k 7 1", ":1", ""},
    {"SETBIT k 100 1", ":0", "setbit k"},
    {"STRLEN k", ":13", ""},
    {"GETBIT k 100", ":1", ""},
    {"GETBIT k 101", ":0", ""},
    {"GETBIT k 1000", ":0", ""},
    {"GETBIT none 5", ":0", "keymiss none"},
    {"GETBIT k -1", "-ERR bit offset is not an integer or out of range", ""},
    {"SET f foobar", "+OK", "new f, set f"},
    {"BITCOUNT f", ":26", ""},
    {"BITCOUNT f 0", "-ERR syntax error", ""},
    {"BITCOUNT f 1 1", ":6", ""},
    {"BITCOUNT f 5 30 BIT", ":17", ""},
    {"BITCOUNT f -100 -99", ":4", ""},
    {"BITCOUNT f -99 -100", ":0", ""},
    {"BITCOUNT f x 0", "-ERR value is not an integer or out of range", ""},
    {"BITCOUNT f 0 1 BAD", "-ERR syntax error", ""},
    {"BITCOUNT f -1 -2 BAD", ":0", ""},
    {"BITCOUNT f 0 -1 BIT x", "-ERR syntax error", ""},
    {"BITCOUNT none x", ":0", "keymiss none"},
    {"BITPOS f 2", "-ERR The bit argument must be 1 or 0.", ""},
    {"BITPOS f x", "-ERR value is not an integer or out of range", ""},
    {"BITPOS none 0 x", ":0", "keymiss none"},
    {"BITPOS none 1", ":-1", "keymiss none"},
    {"BITPOS f 1", ":1", ""},
    {"BITPOS f 0 1", ":8", ""},
    {"BITPOS f 1 -99 -100", ":1", ""},
    {"BITPOS f 1 x", "-ERR value is not an integer or out of range", ""},
    {"BITPOS f 1 0 x BAD", "-ERR syntax error", ""},
    {"BITPOS f 1 9 20 BIT", ":9", ""},
    {"SET ff \"\\xff\\xff\"", "+OK", "new ff, set ff"},
    {"BITPOS ff 0", ":16", ""},
    {"BITPOS ff 0 1", ":16", ""},
    {"BITPOS ff 0 2", ":-1", ""},
    {"BITPOS ff 0 0 -1", ":-1", ""},
    {"BITPOS ff 1 3 7 BIT", ":3", ""},
    {"SET e \"\"", "+OK", "new e, set e"},
    {"BITPOS e 0", ":-1", ""},
};

static void test_bit(void **state)
{
    (void)state;
    runner_expect_rows(bit_rows, sizeof bit_rows / sizeof *bit_rows);
}

static const struct runner_row bitop_rows[] = {
    {"BITOP BAD d a", "-ERR syntax error", ""},
    {"BITOP NOT d a b", "-ERR BITOP NOT must be called with a single source key.", ""},
    {"BITOP AND d a b", ":0", "keymiss a, keymiss b"},
    {"MSET a abc b \"a~\"", "+OK", "new a, set a, new b, set b"},
    {"BITOP AND d a b", ":3", "new d, set d"},
    {"GET d", "$3 ab.", ""},
    {"BITOP OR d a b none", ":3", "keymiss none, overwritten d, set d"},
    {"GET d", "$3 a~c", ""},
    {"BITOP XOR d a b", ":3", "overwritten d, set d"},
    {"GET d", "$3 .\034c", ""},
    {"BITOP NOT d a", ":3", "overwritten d, set d"},
    {"GET d", "$3 \236\235\234", ""},
    {"BITOP NOT a a", ":3", "overwritten a, set a"},
    {"BITOP AND a none", ":0", "keymiss none, del a"},
    {"BITOP AND a none", ":0", "keymiss none"},
};

static void test_bitop(void **state)
{
    (void)state;
    runner_expect_rows(bitop_rows, sizeof bitop_rows / sizeof *bitop_rows);
}

static const struct runner_row field_rows[] = {
    {"BITFIELD k", "*0", "keymiss k"},
    {"BITFIELD k BAD", "-ERR syntax error", ""},
    {"BITFIELD k GET u8", "-ERR syntax error", ""},
    {"BITFIELD k GET u64 0",
     "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but "
     "i64 is.",
     ""},
    {"BITFIELD k GET i65 0",
     "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but "
     "i64 is.",
     ""},
    {"BITFIELD k GET U8 0",
     "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but "
     "i64 is.",
     ""},
    {"BITFIELD k GET u8 -1", "-ERR bit offset is not an integer or out of range", ""},
    {"BITFIELD k GET u8 #536870912", "-ERR bit offset is not an integer or out of range", ""},
    {"BITFIELD k GET i64 #9223372036854775807", "-ERR bit offset is not an integer or out of range",
     ""},
    {"BITFIELD k SET u8 0 x", "-ERR value is not an integer or out of range", ""},
    {"BITFIELD k SET u8 0", "-ERR syntax error", ""},
    {"BITFIELD k OVERFLOW", "-ERR syntax error", ""},
    {"BITFIELD k OVERFLOW BAD", "-ERR Invalid OVERFLOW type specified", ""},
    {"BITFIELD k GET u8 0 GET i8 #2", "*2 :0 :0", "keymiss k"},
    {"BITFIELD_RO k GET u8 0 SET u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand", ""},
    {"BITFIELD_RO k GET u8 0 OVERFLOW WRAP", "*1 :0", "keymiss k"},
    {"BITFIELD n OVERFLOW FAIL INCRBY u2 0 10", "*1 $-1", "new n"},
    {"STRLEN n", ":1", ""},
    {"BITFIELD n OVERFLOW FAIL INCRBY u2 100 10", "*1 $-1", ""},
    {"STRLEN n", ":13", ""},
    {"BITFIELD n SET u8 0 0", "*1 :0", ""},
    {"BITFIELD n SET u8 200 0", "*1 :0", "setbit n"},
    {"BITFIELD m GET u8 0 SET u8 0 255 GET u4 0 INCRBY u4 4 1 GET u8 0", "*5 :0 :0 :15 :0 :240",
     "new m, setbit m"},
    {"BITFIELD m OVERFLOW SAT INCRBY u4 4 100 OVERFLOW FAIL INCRBY u4 4 1 OVERFLOW WRAP INCRBY u4 "
     "4 1",
     "*3 :15 $-1 :0", "setbit m"},
    {"BITFIELD s SET u8 0 -1 OVERFLOW SAT SET u8 8 -1 SET u8 16 300 SET i8 24 -200 SET i8 32 200 "
     "OVERFLOW FAIL SET i8 40 200",
     "*6 :0 :0 :0 :0 :0 $-1", "new s, setbit s"},
    {"BITFIELD_RO s GET i48 0 GET u1 #3", "*2 :-8356096 :1", ""},
};

static void test_field(void **state)
{
    (void)state;
    runner_expect_rows(field_rows, sizeof field_rows / sizeof *field_rows);
}

static void test_effects(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    runner_expect_effects(&r, "SETBIT k 1 1", "SETRANGE k @ 0");
    runner_expect_effects(&r, "SETBIT k 1 1", "");
    runner_expect_effects(&r, "SETBIT k 9 1", "SETRANGE k @ 1");
    runner_expect_effects(&r, "BITOP OR d k k", "SET d @@ -1");
    runner_expect_effects(&r, "BITOP OR d none", "DEL d  -1");
    runner_expect_effects(&r, "BITFIELD f SET u8 8 65", "SETRANGE f A 1");
    runner_expect_effects(&r, "BITFIELD f SET u8 0 66 SET u8 16 67",
                          "SETRANGE f B 0; SETRANGE f C 2");
    runner_expect_effects(&r, "BITFIELD f SET u8 0 66 SET u8 16 67", "");
    runner_expect(&r, "STRLEN f", ":3", "");
    runner_fini(&r);
}

static void test_limit_of_length(void **state)
{
    static const char beyond[] = "-ERR bit offset is not an integer or out of range";
    (void)state;
    struct runner r;
    runner_init(&r);
    r.string_max = 10;
    runner_expect(&r, "SETBIT k 79 1", ":0", "new k, setbit k");
    runner_expect(&r, "SETBIT k 80 1", beyond, "");
    runner_expect(&r, "GETBIT k 80", beyond, "");
    runner_expect(&r, "BITFIELD k SET u8 #10 1", beyond, "");
    runner_expect(&r, "BITFIELD k SET u8 79 1", "*1 :128", "setbit k"); /* as in Redis */
    runner_expect(&r, "STRLEN k", ":11", "");
    runner_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bit),
        cmocka_unit_test(test_bitop),
        cmocka_unit_test(test_field),
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_limit_of_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
