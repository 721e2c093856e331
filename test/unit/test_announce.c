/* From records to messages: channels, payloads, order, flags; JSON of changes. */
#include "listener.h"

#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct random dice;
static unsigned char secret[HASH_SECRET_SIZE];

static uint32_t flags_of(const char *text)
{
    uint32_t flags;
    assert_int_equal(notify_from_text(slice_text(text), &flags), 0);
    return flags;
}

/* One listener of everything, in lines "channel payload". */
struct scribe {
    struct pubsub *p;
    struct listener all;
    struct buffer raw, text;
};

static struct slice next_bulk(const char **at)
{
    size_t len = strtoull(*at + 1, NULL, 10);
    const char *bytes = strchr(*at, '\n') + 1;
    *at = bytes + len + 2;
    return slice_of(bytes, len);
}

static void write_line(struct subscriber *to, struct span message)
{
    struct scribe *s = (struct scribe *)((char *)to - offsetof(struct scribe, all));
    s->raw.len = 0;
    buffer_add(&s->raw, message.block->bytes + message.from, message.len);
    buffer_add_byte(&s->raw, '\0');
    const char *at = strchr(s->raw.at, '\n') + 1;
    next_bulk(&at);
    next_bulk(&at);
    buffer_add_slice(&s->text, next_bulk(&at));
    buffer_add_byte(&s->text, ' ');
    buffer_add_slice(&s->text, next_bulk(&at));
    buffer_add_byte(&s->text, '\n');
}

static void scribe_init(struct scribe *s, const char *pattern)
{
    *s = (struct scribe){0};
    s->p = pubsub_new(secret, (struct pubsub_limits){1024, 1000});
    listener_init(&s->all, 0, 2, NULL);
    s->all.base.deliver = write_line;
    pubsub_subscribe(s->p, &s->all.base, PUBSUB_PATTERN, slice_text(pattern));
}

static void scribe_fini(struct scribe *s)
{
    pubsub_free(s->p);
    buffer_fini(&s->raw);
    buffer_fini(&s->text);
}

/* What the announcement of a record writes. */
static void expect(struct scribe *s, const struct record *r, const char *flags, const char *lines)
{
    s->text.len = 0;
    for (uint32_t i = 0; i < r->notes_count; i++)
        ((struct note *)(uintptr_t)r->notes)[i].notify = flags_of(flags);
    pubsub_announce(s->p, r);
    buffer_add_byte(&s->text, '\0');
    assert_string_equal(s->text.at, lines);
}

#define RECORD(notes_)                                                                            \
    (struct record)                                                                               \
    {                                                                                             \
        .seq = 1, .id = {1763800000123, 4}, .cause = SLICE("exec"), .client = 7, .notes = notes_, \
        .notes_count = sizeof notes_ / sizeof *notes_                                             \
    }

static void test_families_and_order(void **state)
{
    (void)state;
    struct scribe s;
    scribe_init(&s, "*");
    const struct slice fields[] = {SLICE("f"), SLICE("a|b,c")};
    const struct note notes[] = {
        {.event = EVENT_NEW, .db = 3, .key = SLICE("k"), .effect = -1},
        {.event = EVENT_SET, .db = 3, .key = SLICE("k"), .effect = -1},
        {.kind = NOTE_PUBLISH, .key = SLICE("news"), .payload = SLICE("hello")},
        {.event = EVENT_EXPIRED,
         .key = SLICE("h"),
         .subkeys = fields,
         .subkeys_count = 2,
         .effect = -1},
    };
    struct record r = RECORD(notes);
    expect(&s, &r, "KEA",
           "__keyspace@3__:k set\n__keyevent@3__:set k\nnews hello\n"
           "__keyspace@0__:h expired\n__keyevent@0__:expired h\n");
    expect(&s, &r, "E$n", "__keyevent@3__:new k\n__keyevent@3__:set k\nnews hello\n");
    expect(&s, &r, "Kx", "news hello\n__keyspace@0__:h expired\n");
    expect(&s, &r, "x", "news hello\n");
    expect(&s, &r, "KE", "news hello\n");
    expect(&s, &r, "", "news hello\n");
    expect(&s, &r, "KESTIVx",
           "news hello\n__keyspace@0__:h expired\n__keyevent@0__:expired h\n"
           "__subkeyspace@0__:h expired|1:f,5:a|b,c\n"
           "__subkeyevent@0__:expired 1:h|1:f,5:a|b,c\n"
           "__subkeyspaceitem@0__:h\nf expired\n__subkeyspaceitem@0__:h\na|b,c expired\n"
           "__subkeyspaceevent@0__:expired|h 1:f,5:a|b,c\n");
    expect(&s, &r, "STIV$", "news hello\n");
    scribe_fini(&s);
}

/* Each event lists its own fields. */
static void test_fields_of_several_events(void **state)
{
    (void)state;
    struct scribe s;
    scribe_init(&s, "__subkeyspace*");
    const struct slice fields[] = {SLICE("f"), SLICE("g")};
    const struct note notes[] = {
        {.event = EVENT_SET, .key = SLICE("k"), .subkeys = fields, .subkeys_count = 1},
        {.event = EVENT_DEL, .key = SLICE("k"), .subkeys = fields + 1, .subkeys_count = 1},
    };
    struct record r = RECORD(notes);
    expect(&s, &r, "STIVA",
           "__subkeyspace@0__:k set|1:f\n__subkeyspaceitem@0__:k\nf set\n"
           "__subkeyspaceevent@0__:set|k 1:f\n"
           "__subkeyspace@0__:k del|1:g\n__subkeyspaceitem@0__:k\ng del\n"
           "__subkeyspaceevent@0__:del|k 1:g\n");
    scribe_fini(&s);
}

static void test_odd_notes(void **state)
{
    (void)state;
    struct scribe s;
    scribe_init(&s, "*");
    const struct slice field = SLICE("f");
    const struct note notes[] = {
        {.event = EVENT_SET,
         .key = SLICE("a\nb"),
         .subkeys = &field,
         .subkeys_count = 1,
         .effect = -1},
        {.kind = NOTE_LIVE, .event = EVENT_KEYMISS, .key = SLICE(""), .effect = -1},
        {.event = EVENT_FLUSHDB, .effect = -1},
        {.event = EVENT_SWAPDB, .effect = -1},
        {.kind = NOTE_SPUBLISH, .key = SLICE("news"), .payload = SLICE("sharded")},
        {.event = EVENT_DEL, .key = SLICE("d"), .effect = -1},
    };
    struct record r = RECORD(notes);
    /* A line feed in the key silences the item family; no shard message for a pattern; events of
     * databases are not told but have ids; what is only live has no id and no change. */
    expect(&s, &r, "ISA", "__subkeyspace@0__:a\nb set|1:f\n");
    expect(&s, &r, "KEm", "__keyspace@0__: keymiss\n__keyevent@0__:keymiss \n");
    expect(&s, &r, "gE", "__keyevent@0__:del d\n");
    expect(&s, &r, "CAm",
           "__keychange@0__:a\nb {\"id\":\"1763800000123-4\",\"event\":\"set\",\"key\":\"a\\nb\","
           "\"db\":0,\"cmd\":\"exec\",\"client\":7}\n"
           "__keychange@0__:d {\"id\":\"1763800000123-7\",\"event\":\"del\",\"key\":\"d\","
           "\"db\":0,\"cmd\":\"exec\",\"client\":7}\n");
    scribe_fini(&s);
}

static void test_keychange(void **state)
{
    (void)state;
    struct scribe s;
    scribe_init(&s, "__keychange@*");
    const struct effect effects[] = {
        {EFFECT_SET, 0, SLICE("k"), SLICE("v\"\x01\xc3\xa9"), 1763800009999, FORM_SET, 0, NULL},
        {EFFECT_SET, 0, SLICE("k\xff"), SLICE("v"), WHEN_KEPT, FORM_SET, 0, NULL},
        {EFFECT_APPEND, 0, SLICE("k"), SLICE("0123456789"), 0, FORM_SET, 0, NULL},
        {EFFECT_APPEND, 0, SLICE("k"), SLICE("\xff\xfe\xfd\xfc"), 0, FORM_SET, 0, NULL},
    };
    const struct note notes[] = {
        {.event = EVENT_SET, .key = SLICE("k"), .effect = 0},
        {.event = EVENT_SET, .db = 1, .key = SLICE("k\xff"), .effect = 1},
        {.event = EVENT_APPEND, .key = SLICE("k"), .effect = 2},
        {.event = EVENT_APPEND, .key = SLICE("k"), .effect = 3},
    };
    struct record r = RECORD(notes);
    r.effects = effects;
    r.effects_count = 4;
    pubsub_set_keychange_max(s.p, 20);
    expect(&s, &r, "CA",
           "__keychange@0__:k {\"id\":\"1763800000123-4\",\"event\":\"set\",\"key\":\"k\",\"db\":0,"
           "\"cmd\":\"exec\",\"client\":7,\"effect\":[\"SET\",\"k\",\"v\\\"\\u0001\xc3\xa9\","
           "\"PXAT\"],\"cut\":true}\n"
           "__keychange@1__:k\xff {\"id\":\"1763800000123-5\",\"event\":\"set\",\"key_b64\":"
           "\"a/8=\",\"db\":1,\"cmd\":\"exec\",\"client\":7,\"effect_b64\":[\"U0VU\",\"a/8=\","
           "\"dg==\"],\"cut\":true}\n"
           "__keychange@0__:k {\"id\":\"1763800000123-6\",\"event\":\"append\",\"key\":\"k\","
           "\"db\":0,\"cmd\":\"exec\",\"client\":7,\"effect\":[\"APPEND\",\"k\",\"0123456789\"]}\n"
           "__keychange@0__:k {\"id\":\"1763800000123-7\",\"event\":\"append\",\"key\":\"k\","
           "\"db\":0,\"cmd\":\"exec\",\"client\":7,\"effect_b64\":[\"QVBQRU5E\",\"aw==\","
           "\"//79/A==\"]}\n");
    expect(&s, &r, "A", "");
    expect(&s, &r, "Cg", "");
    pubsub_unsubscribe(s.p, &s.all.base, PUBSUB_PATTERN, SLICE("__keychange@*"));
    pubsub_subscribe(s.p, &s.all.base, PUBSUB_CHANNEL, SLICE("__keychange@12__:x"));
    pubsub_leave(s.p, &s.all.base);
    pubsub_subscribe(s.p, &s.all.base, PUBSUB_PATTERN, SLICE("__keyspace@*"));
    scribe_fini(&s);
}

/* Random subscriptions and events against the model, so that no memo of a route outlives its
 * truth. */
static struct slice draw(const char *const *from, size_t count)
{
    return slice_text(from[random_below(&dice, count)]);
}

static const char *const keys[] = {"k", "order:1", "order:2:paid", ""};
static const enum event_name events[] = {EVENT_SET, EVENT_DEL, EVENT_EXPIRED, EVENT_NEW,
                                         EVENT_KEYMISS};
static const int dbs[] = {0, 1, 15, 64, 65, 256}; /* some share places of the memos */

enum { KEYS = 4, EVENTS_DRAWN = 5, DBS = 6, LISTENERS = 6 };

/* Names that events may have, and some that look like them. */
static struct slice draw_channel(char *to, size_t size)
{
    static const char *const stems[] = {"__keyspace",        "__keyspace",         "__keyevent",
                                        "__keyevent",        "__subkeyspace",      "__subkeyevent",
                                        "__subkeyspaceitem", "__subkeyspaceevent", "__keyspac"};
    struct slice stem = draw(stems, 9);
    struct slice key = draw(keys, KEYS), event = event_text(events[random_below(&dice, 5)]);
    bool by_event =
        slice_equal(stem, SLICE("__keyevent")) || slice_equal(stem, SLICE("__subkeyevent"));
    struct slice last = by_event ? event : key;
    const char *zero = random_below(&dice, 20) ? "" : "0";
    int n = snprintf(to, size, "%.*s@%s%d__:%.*s", (int)stem.len, stem.at, zero,
                     dbs[random_below(&dice, DBS)], (int)last.len, last.at);
    if (slice_equal(stem, SLICE("__subkeyspaceitem")))
        n += snprintf(to + n, size - (size_t)n, "\nf");
    if (slice_equal(stem, SLICE("__subkeyspaceevent")))
        n = snprintf(to, size, "__subkeyspaceevent@0__:%.*s|%.*s", (int)event.len, event.at,
                     (int)key.len, key.at);
    return slice_of(to, (size_t)n);
}

static struct slice draw_pattern(void)
{
    static const char *const patterns[] = {"__key*",
                                           "__keyspace@0__:*",
                                           "__keyspace@0__:order:*",
                                           "__keyevent@*:del",
                                           "__keyevent@[0-9]__:*",
                                           "*:paid",
                                           "*order:1*",
                                           "__keyspace@64__:*",
                                           "__keyspace@1*",
                                           "__sub*",
                                           "__subkeyevent@*__:set",
                                           "__keyspace@0__:k",
                                           "news*",
                                           "__keyevent@0__:expired",
                                           "*"};
    return draw(patterns, 15);
}

struct stage {
    struct pubsub *p;
    struct model model;
    struct listener listeners[LISTENERS];
    struct buffer got, expected, channel, payload;
};

static void toggle(struct stage *s)
{
    char text[128];
    struct listener *l = &s->listeners[random_below(&dice, LISTENERS)];
    bool pattern = random_below(&dice, 2);
    enum pubsub_kind kind = pattern ? PUBSUB_PATTERN : PUBSUB_CHANNEL;
    struct slice name = pattern ? draw_pattern() : draw_channel(text, sizeof text);
    struct model_entry *e = model_find(&s->model, l, kind, name);
    if (e) {
        assert_true(pubsub_unsubscribe(s->p, &l->base, kind, name));
        model_remove(&s->model, e);
    } else if (s->model.len < 40) {
        assert_int_equal(pubsub_subscribe(s->p, &l->base, kind, name), 1);
        model_add(&s->model, l, kind, name);
    }
}

static void told(struct stage *s, const char *stem, int db, struct slice a, const char *between,
                 struct slice b)
{
    s->channel.len = 0;
    buffer_printf(&s->channel, "%s%d__:", stem, db);
    buffer_add_slice(&s->channel, a);
    buffer_add_slice(&s->channel, slice_text(between));
    buffer_add_slice(&s->channel, b);
    model_publish(&s->model, &s->expected, buffer_slice(&s->channel), buffer_slice(&s->payload),
                  false);
}

static void payload(struct stage *s, const char *text)
{
    s->payload.len = 0;
    buffer_add_slice(&s->payload, slice_text(text));
}

static void announce(struct stage *s)
{
    static const char *const settings[] = {"KEA", "KEAmn", "E$x", "K", "KESTIVA", "STIVgn", "Kg"};
    uint32_t flags = flags_of(settings[random_below(&dice, 7)]);
    const struct slice field = SLICE("f"), none = SLICE("");
    struct note n = {.event = events[random_below(&dice, EVENTS_DRAWN)],
                     .db = dbs[random_below(&dice, DBS)],
                     .key = draw(keys, KEYS),
                     .subkeys = &field,
                     .subkeys_count = (uint32_t)random_below(&dice, 2),
                     .effect = -1};
    struct record r = {.notes = &n, .notes_count = 1};
    struct slice event = event_text(n.event);
    char text[200];
    s->got.len = s->expected.len = 0;
    bool on = flags & 1u << event_class(n.event);
    payload(s, event.at);
    if (on && flags & NOTIFY_KEYSPACE) told(s, "__keyspace@", n.db, n.key, "", none);
    payload(s, n.key.at);
    if (on && flags & NOTIFY_KEYEVENT) told(s, "__keyevent@", n.db, event, "", none);
    if (on && n.subkeys_count && flags & NOTIFY_SUBKEYSPACE) {
        snprintf(text, sizeof text, "%s|1:f", event.at);
        payload(s, text);
        told(s, "__subkeyspace@", n.db, n.key, "", none);
        snprintf(text, sizeof text, "%zu:%s|1:f", n.key.len, n.key.at);
        payload(s, text);
        told(s, "__subkeyevent@", n.db, event, "", none);
        payload(s, event.at);
        told(s, "__subkeyspaceitem@", n.db, n.key, "\n", field);
        payload(s, "1:f");
        told(s, "__subkeyspaceevent@", n.db, event, "|", n.key);
    }
    n.notify = flags;
    pubsub_announce(s->p, &r);
    assert_int_equal(s->got.len, s->expected.len);
    if (s->got.len) assert_memory_equal(s->got.at, s->expected.at, s->got.len);
}

static void test_like_the_model(void **state)
{
    (void)state;
    static struct stage s;
    memset(&s, 0, sizeof s);
    s.p = pubsub_new(secret, (struct pubsub_limits){1024, 1000});
    for (int i = 0; i < LISTENERS; i++) listener_init(&s.listeners[i], i, 2 + i % 2, &s.got);
    size_t heard = 0;
    for (int round = 0; round < 40000; round++) {
        if (random_below(&dice, 4) == 0) toggle(&s);
        announce(&s);
        heard += s.got.len > 0;
        if (random_below(&dice, 8) == 0) pubsub_end_turn(s.p);
    }
    assert_in_range(heard, 2000, 38000); /* neither silence nor noise proves anything */
    pubsub_free(s.p);
    buffer_fini(&s.got);
    buffer_fini(&s.expected);
    buffer_fini(&s.channel);
    buffer_fini(&s.payload);
}

static int no_leak(void **state)
{
    (void)state;
    return mem_used() == 0 ? 0 : -1;
}

int main(void)
{
    const char *seed = getenv("SEED");
    uint64_t n = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)n);
    random_init(&dice, n);
    for (int i = 0; i < HASH_SECRET_SIZE; i++) secret[i] = (unsigned char)random_u64(&dice);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_families_and_order, no_leak),
        cmocka_unit_test_teardown(test_fields_of_several_events, no_leak),
        cmocka_unit_test_teardown(test_odd_notes, no_leak),
        cmocka_unit_test_teardown(test_keychange, no_leak),
        cmocka_unit_test_teardown(test_like_the_model, no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
