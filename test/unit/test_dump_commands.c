/* RESTORE: replies and events as redis-server 7.0.15 has them (`overwritten` as newer ones), and
 * what redoes it. */
#include "../../src/rdb/writer.h"
#include "runner.h"

/* DUMP of "v", as redis-server 7.0.15 answers it. */
#define V "\"\\x00\\x01v\\n\\x00\\x91\\b\\xce\\xb2\\x198\\x8a\\xce\""

static const struct runner_row rows[] = {
    {"DUMP none", "$-1", "keymiss none"},
    {"RESTORE k 0 x", "-ERR DUMP payload version or checksum are wrong", ""},
    {"RESTORE k -1 " V, "-ERR Invalid TTL value, must be >= 0", ""},
    {"RESTORE k x " V, "-ERR value is not an integer or out of range", ""},
    {"RESTORE k 0 " V " FREQ 256", "-ERR Invalid FREQ value, must be >= 0 and <= 255", ""},
    {"RESTORE k 0 " V " IDLETIME -1", "-ERR Invalid IDLETIME value, must be >= 0", ""},
    {"RESTORE k 0 " V " IDLETIME 1 FREQ 1", "-ERR syntax error", ""},
    {"RESTORE k 0 " V " IDLETIME", "-ERR syntax error", ""},
    {"RESTORE k 0 " V, "+OK", "new k, restore k"},
    {"GET k", "$1 v", ""},
    {"RESTORE k 0 x", "-BUSYKEY Target key name already exists.", ""},
    {"RESTORE k 0 " V " REPLACE", "+OK", "new k, restore k, overwritten k"},
    {"RESTORE k 5000 " V " REPLACE IDLETIME 100", "+OK", "new k, restore k, overwritten k"},
    {"PTTL k", ":5000", ""},
    {"OBJECT IDLETIME k", ":100", ""},
    {"RESTORE k 1 " V " REPLACE ABSTTL", "+OK", "del k"},
    {"RESTORE k 1 " V " ABSTTL", "+OK", ""},
    {"EXISTS k", ":0", "keymiss k"},
    {"RESTORE k 9223372036854775807 " V, "+OK", ""},
    {"EXISTS k", ":0", "keymiss k"},
};

static void restore_replies_and_events(void **state)
{
    (void)state;
    runner_expect_rows(rows, sizeof rows / sizeof *rows);
}

static void restore_is_redone_as_a_set(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    runner_expect_effects(&r, "RESTORE k 0 " V, "SET k v -1");
    runner_expect_effects(&r, "RESTORE k 1000 " V " REPLACE", "SET k v 1750001000");
    runner_expect_effects(&r, "RESTORE k 1750002000 " V " REPLACE ABSTTL", "SET k v 1750002000");
    runner_expect_effects(&r, "RESTORE k 1 " V " REPLACE ABSTTL", "DEL k  -1");
    runner_fini(&r);
}

/* The old one is dead and nobody has met it yet: as in Redis, it goes without a word. */
static void restore_over_a_dead_key(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    runner_type(&r, "SET k x PX 10");
    runner_type(&r, "SET j x PX 10");
    r.now_ms += 20;
    runner_expect(&r, "RESTORE j 0 " V, "+OK", "expired j, new j, restore j");
    runner_expect(&r, "RESTORE k 0 " V " REPLACE", "+OK", "new k, restore k, overwritten k");
    runner_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restore_replies_and_events),
        cmocka_unit_test(restore_is_redone_as_a_set),
        cmocka_unit_test(restore_over_a_dead_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
