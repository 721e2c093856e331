/* Names of keyspace channels, and what their messages say. */
#include "libhark.h"

static struct hark_text text(const char *t)
{
    return (struct hark_text){t, strlen(t)};
}

static void names(void **state)
{
    (void)state;
    const struct hark_text odd = {"a*[\0]\\?", 7};
    const struct {
        struct hark_channel channel;
        const char *name, *pattern; /* NULL: cannot be written */
    } rows[] = {
        {{HARK_F_KEYSPACE, 0, {0}, text("k"), {0}}, "__keyspace@0__:k", "__keyspace@0__:k"},
        {{HARK_F_KEYSPACE, -1, {0}, {0}, {0}}, NULL, "__keyspace@*__:*"},
        {{HARK_F_KEYEVENT, 12, text("expired"), {0}, {0}},
         "__keyevent@12__:expired",
         "__keyevent@12__:expired"},
        {{HARK_F_KEYCHANGE, -1, {0}, text("a?"), {0}}, NULL, "__keychange@*__:a\\?"},
        {{HARK_F_SUBKEYSPACE, 1, {0}, text(""), {0}}, "__subkeyspace@1__:", "__subkeyspace@1__:"},
        {{HARK_F_SUBKEYEVENT, 1, text("hset"), {0}, {0}},
         "__subkeyevent@1__:hset",
         "__subkeyevent@1__:hset"},
        {{HARK_F_SUBKEYSPACEITEM, 1, {0}, text("h"), text("f")},
         "__subkeyspaceitem@1__:h\nf",
         "__subkeyspaceitem@1__:h\nf"},
        {{HARK_F_SUBKEYSPACEITEM, 1, {0}, text("h"), {0}}, NULL, "__subkeyspaceitem@1__:h\n*"},
        {{HARK_F_SUBKEYSPACEEVENT, 1, text("hset"), text("h"), {0}},
         "__subkeyspaceevent@1__:hset|h",
         "__subkeyspaceevent@1__:hset|h"},
    };
    char got[64];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        long len = hark_channel_name(&rows[i].channel, got, sizeof got);
        if (!rows[i].name) assert_int_equal(len, HARK_USAGE);
        if (rows[i].name) assert_int_equal(len, strlen(rows[i].name));
        if (rows[i].name) assert_string_equal(got, rows[i].name);
        assert_int_equal(hark_channel_pattern(&rows[i].channel, got, sizeof got),
                         strlen(rows[i].pattern));
        assert_string_equal(got, rows[i].pattern);
    }
    struct hark_channel c = {.family = HARK_F_KEYSPACE, .db = 0, .key = odd};
    assert_int_equal(hark_channel_name(&c, got, sizeof got), 22);
    assert_memory_equal(got, "__keyspace@0__:a*[\0]\\?", 23);
    assert_int_equal(hark_channel_pattern(&c, got, sizeof got), 27);
    assert_memory_equal(got, "__keyspace@0__:a\\*\\[\0\\]\\\\\\?", 28);
    assert_int_equal(hark_channel_name(&c, got, 5), 22);
    assert_string_equal(got, "__ke");
    assert_int_equal(hark_channel_name(&c, NULL, 0), 22);
    c.family = HARK_F_NONE;
    assert_int_equal(hark_channel_name(&c, got, sizeof got), HARK_USAGE);
}

static void is(struct hark_text t, const char *wanted)
{
    if (!wanted) {
        assert_null(t.at);
        return;
    }
    assert_int_equal(t.len, strlen(wanted));
    assert_memory_equal(t.at, wanted, t.len);
}

static void names_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum hark_family family;
        int db;
        const char *event, *key, *subkey;
    } rows[] = {
        {"__keyspace@0__:a__:b", HARK_F_KEYSPACE, 0, NULL, "a__:b", NULL},
        {"__keyspace@3__:", HARK_F_KEYSPACE, 3, NULL, "", NULL},
        {"__keyevent@*__:expired", HARK_F_KEYEVENT, -1, "expired", NULL, NULL},
        {"__keychange@15__:k", HARK_F_KEYCHANGE, 15, NULL, "k", NULL},
        {"__subkeyspace@0__:h", HARK_F_SUBKEYSPACE, 0, NULL, "h", NULL},
        {"__subkeyevent@0__:hset", HARK_F_SUBKEYEVENT, 0, "hset", NULL, NULL},
        {"__subkeyspaceitem@0__:h\nf\ng", HARK_F_SUBKEYSPACEITEM, 0, NULL, "h", "f\ng"},
        {"__subkeyspaceevent@0__:hset|a|b", HARK_F_SUBKEYSPACEEVENT, 0, "hset", "a|b", NULL},
        {"news", HARK_F_NONE, -1, NULL, NULL, NULL},
        {"__keyspace@0", HARK_F_NONE, -1, NULL, NULL, NULL},
        {"", HARK_F_NONE, -1, NULL, NULL, NULL},
        {"__keyspace@99999999999999999999__:k", HARK_F_KEYSPACE, -1, NULL, "k", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hark_channel c;
        assert_int_equal(hark_channel_parse(rows[i].name, HARK_NUL, &c), rows[i].family);
        assert_int_equal(c.db, rows[i].db);
        is(c.event, rows[i].event);
        is(c.key, rows[i].key);
        is(c.subkey, rows[i].subkey);
    }
}

static struct hark_event *event_of(const char *channel, struct hark_text data)
{
    const struct hark_message m = {.type = HARK_M_MESSAGE, .channel = text(channel), .data = data};
    struct hark_event *e;
    assert_int_equal(hark_event_parse(&m, NULL, &e), 0);
    return e;
}

static void events(void **state)
{
    (void)state;
    struct hark_event *e = event_of("__keyspace@2__:k", text("set"));
    assert_int_equal(e->db, 2);
    is(e->event, "set");
    is(e->key, "k");
    is(e->id, NULL);
    hark_event_free(e);

    e = event_of("__keyevent@0__:del", (struct hark_text){"a\0b", 3});
    is(e->event, "del");
    assert_int_equal(e->key.len, 3);
    assert_memory_equal(e->key.at, "a\0b", 4);
    hark_event_free(e);

    e = event_of("__subkeyspace@0__:h", text("hset|1:a,0:,3:b,c"));
    is(e->event, "hset");
    is(e->key, "h");
    assert_int_equal(e->subkeys_count, 3);
    is(e->subkeys[0], "a");
    is(e->subkeys[1], "");
    is(e->subkeys[2], "b,c");
    hark_event_free(e);

    e = event_of("__subkeyevent@0__:hdel", text("3:a|b|1:f"));
    is(e->key, "a|b");
    is(e->event, "hdel");
    assert_int_equal(e->subkeys_count, 1);
    hark_event_free(e);

    e = event_of("__subkeyspaceitem@0__:h\nf", text("hset"));
    is(e->event, "hset");
    is(e->key, "h");
    is(e->subkeys[0], "f");
    hark_event_free(e);

    e = event_of("__subkeyspaceevent@0__:hset|h", text("1:f"));
    is(e->event, "hset");
    is(e->key, "h");
    is(e->subkeys[0], "f");
    hark_event_free(e);
}

static void changes(void **state)
{
    (void)state;
    struct hark_event *e =
        event_of("__keychange@0__:key1",
                 text("{\"id\":\"1763800000123-4\",\"event\":\"set\",\"key\":\"key\\u0031\\ud83d\\"
                      "ude00\",\"db\":0,\"cmd\":\"set\",\"client\":7,\"later\":{\"x\":[1,\"]\"]},"
                      "\"effect\":[\"SET\",\"key1\",\"a\\n\\\"b\"],\"cut\":true}"));
    is(e->id, "1763800000123-4");
    is(e->event, "set");
    is(e->key, "key1\xf0\x9f\x98\x80");
    is(e->cmd, "set");
    assert_int_equal(e->client, 7);
    assert_int_equal(e->effect_count, 3);
    is(e->effect[2], "a\n\"b");
    assert_int_equal(e->cut, 1);
    hark_event_free(e);

    e = event_of("__keychange@0__:x", text("{\"id\":\"1-1\",\"event\":\"set\",\"key_b64\":\"/wA=\","
                                           "\"effect_b64\":[\"U0VU\",\"/wA=\",\"\"]}"));
    assert_int_equal(e->key.len, 2);
    assert_memory_equal(e->key.at, "\xff\0", 3);
    is(e->effect[0], "SET");
    is(e->effect[2], "");
    hark_event_free(e);
}

static void what_is_no_event(void **state)
{
    (void)state;
    static const struct {
        const char *channel, *data;
        int result;
    } rows[] = {
        {"news", "x", HARK_USAGE},
        {"__subkeyspace@0__:h", "hset", HARK_PROTOCOL},
        {"__subkeyspace@0__:h", "hset|", HARK_PROTOCOL},
        {"__subkeyspace@0__:h", "hset|9:a", HARK_PROTOCOL},
        {"__subkeyspace@0__:h", "hset|1:a,", HARK_PROTOCOL},
        {"__subkeyspace@0__:h", "hset|1:ab", HARK_PROTOCOL},
        {"__subkeyspace@0__:h", "hset|99999999999999999999999:a", HARK_PROTOCOL},
        {"__subkeyevent@0__:h", "1:a", HARK_PROTOCOL},
        {"__keychange@0__:h", "", HARK_PROTOCOL},
        {"__keychange@0__:h", "{", HARK_PROTOCOL},
        {"__keychange@0__:h", "{\"id\":\"1\"", HARK_PROTOCOL},
        {"__keychange@0__:h", "{\"id\":1}", HARK_PROTOCOL},
        {"__keychange@0__:h", "{\"effect\":[\"a\"", HARK_PROTOCOL},
        {"__keychange@0__:h", "{\"effect\":[\"\\u12\"]}", HARK_PROTOCOL},
        {"__keychange@0__:h", "{\"effect\":[\"\\ud800\\u0020\"]}", HARK_PROTOCOL},
        {"__keychange@0__:h", "{\"effect_b64\":[\"*\"]}", HARK_PROTOCOL},
        {"__keychange@0__:h", "{\"x\":[[[[", HARK_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct hark_message m = {
            .type = HARK_M_PMESSAGE, .channel = text(rows[i].channel), .data = text(rows[i].data)};
        struct hark_event *e;
        assert_int_equal(hark_event_parse(&m, NULL, &e), rows[i].result);
        assert_null(e);
    }
    const struct hark_message m = {.type = HARK_M_GAP, .channel = text("__keyspace@0__:k")};
    struct hark_event *e;
    assert_int_equal(hark_event_parse(&m, NULL, &e), HARK_USAGE);
}

static void memory_runs_out(void **state)
{
    struct fixture *f = *state;
    const struct hark_message m = {
        .type = HARK_M_MESSAGE, .channel = text("__subkeyspace@0__:h"), .data = text("hset|1:a")};
    struct hark_event *e;
    f->memory.left = 0;
    assert_int_equal(hark_event_parse(&m, &f->allocator, &e), HARK_NO_MEMORY);
    assert_null(e);
    f->memory.left = -1;
    assert_int_equal(hark_event_parse(&m, &f->allocator, &e), 0);
    hark_event_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(names_taken_apart),
        cmocka_unit_test(events),
        cmocka_unit_test(changes),
        cmocka_unit_test(what_is_no_event),
        cmocka_unit_test_setup_teardown(memory_runs_out, set_fixture, drop_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
