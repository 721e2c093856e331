/* The geo commands: replies as redis-server 7.0.15 gives them; comparing them at random is the
 * oracle's (test/oracle). */
#include "runner.h"

static const struct runner_row rows[] = {
    {"GEOPOS g a", "*1 *-1", "keymiss g"},
    {"GEODIST g a b", "$-1", "keymiss g"},
    {"GEOSEARCH g FROMMEMBER x BYRADIUS 1 m", "*0", "keymiss g"},
    {"GEORADIUSBYMEMBER g x no number", "*0", "keymiss g"},
    {"GEOADD g XX 13.361389 38.115556 Palermo", ":0", ""},
    {"GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", ":2", "new g, zadd g"},
    {"GEOADD g 13.361389 38.115556 Palermo", ":0", ""},
    {"GEOADD g CH 13.4 38.1 Palermo 1 1 One", ":2", "zadd g"},
    {"GEOADD g NX CH 13.361389 38.115556 Palermo", ":0", ""},
    {"GEOADD g 13.361389 38.115556 Palermo", ":0", "zadd g"},
    {"GEOADD g NX XX 1 1 a", "-ERR syntax error", ""},
    {"GEOADD g 1 1 a 1 1", "-ERR syntax error", ""},
    {"GEOADD g CH NX XX CH", "-ERR syntax error", ""},
    {"GEOADD g 1 1 a 200 1 b", "-ERR invalid longitude,latitude pair 200.000000,1.000000", ""},
    {"GEOADD g 1 x a", "-ERR value is not a valid float", ""},
    {"GEOPOS g Palermo none", "*2 *2 $20 13.36138933897018433 $20 38.11555639549629859 *-1", ""},
    {"GEOHASH g Palermo none", "*2 $11 sqc8b49rny0 $-1", ""},
    {"GEODIST g Palermo Catania", "$11 166274.1516", ""},
    {"GEODIST g Palermo Catania KM", "$8 166.2742", ""},
    {"GEODIST g Palermo Catania cm", "-ERR unsupported unit provided. please use M, KM, FT, MI",
     ""},
    {"GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC", "*2 $7 Catania $7 Palermo", ""},
    {"GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km DESC WITHDIST",
     "*2 *2 $7 Palermo $8 190.4424 *2 $7 Catania $7 56.4413", ""},
    {"GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 m WITHHASH", "*1 *2 $7 Palermo :3479099956230698",
     ""},
    {"GEOSEARCH g FROMMEMBER none BYRADIUS 1 m", "-ERR could not decode requested zset member", ""},
    {"GEOSEARCH g FROMMEMBER One FROMLONLAT 1 1 BYRADIUS 1 m", "-ERR syntax error", ""},
    {"GEOSEARCH g FROMLONLAT 1 1 COUNT 3 ASC",
     "-ERR exactly one of BYRADIUS and BYBOX can be "
     "specified for GEOSEARCH",
     ""},
    {"geosearch g BYRADIUS 1 m ASC WITHDIST",
     "-ERR exactly one of FROMMEMBER or FROMLONLAT can be "
     "specified for geosearch",
     ""},
    {"GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 m ANY", "-ERR the ANY argument requires COUNT argument",
     ""},
    {"GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 m COUNT 0", "-ERR COUNT must be > 0", ""},
    {"GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km", ":2", "new d, geosearchstore d"},
    {"GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1 STOREDIST", ":1",
     "overwritten d, geosearchstore d"},
    {"GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 1 m WITHDIST",
     "-ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options", ""},
    {"GEORADIUS g 15 37 200 km STORE d", ":2", "overwritten d, georadiusstore d"},
    {"GEORADIUS_RO g 15 37 200 km STORE d", "-ERR syntax error", ""},
    {"GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 1 m", ":0", "del d"},
    {"GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 1 m", ":0", ""},
    {"SET s text", "+OK", "new s, set s"},
    {"GEORADIUS g 15 37 200 km STORE s", ":2", "overwritten s, type_changed s, georadiusstore s"},
    {"GEORADIUSBYMEMBER none x 200 km STORE s", ":0", "keymiss none, del s"},
    {"SET s text", "+OK", "new s, set s"},
    {"GEOADD s 1 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value", ""},
};

static void test_replies_and_events(void **state)
{
    (void)state;
    runner_expect_rows(rows, sizeof rows / sizeof *rows);
}

static void test_resp3(void **state)
{
    (void)state;
    struct runner r;
    runner_init(&r);
    r.proto = 3;
    runner_type(&r, "GEOADD g 13.361389 38.115556 Palermo");
    runner_expect(&r, "GEOPOS g Palermo none",
                  "*2 *2 ,13.36138933897018433 ,38.11555639549629859 _", NULL);
    runner_expect(&r, "GEORADIUS g 13 38 100 km WITHDIST", "*1 *2 $7 Palermo $7 34.1601", NULL);
    runner_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_and_events),
        cmocka_unit_test(test_resp3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
