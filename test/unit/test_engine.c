/* Records as those who read them see them: numbers and ids, effects, notes and their order, what
 * expires where; who is touched and told. */
#include "listener.h"
#include "runner.h"

/* ---- a sink that writes down ---- */

struct trace {
    struct buffer text; /* all records since trace_clear, a line each */
    uint64_t last_seq;
    struct event_id last_id; /* of the last event */
    size_t records;
};

static void write_effect(struct buffer *to, const struct effect *e)
{
    buffer_printf(to, "%s", effect_verb_text(e->verb).at);
    if (e->db) buffer_printf(to, "@%d", e->db);
    struct slice parts[] = {e->key, e->arg};
    for (int i = 0; i < 2; i++) {
        if (!parts[i].len) continue;
        buffer_add_byte(to, ' ');
        buffer_add_slice(to, parts[i]);
    }
    if (e->when == WHEN_KEPT) buffer_printf(to, " kept");
    if (e->when > 0) buffer_printf(to, " %lld", (long long)e->when);
}

static void write_note(struct buffer *to, const struct note *n)
{
    if (n->kind == NOTE_PUBLISH) {
        buffer_printf(to, "'%.*s'", (int)n->payload.len, n->payload.at);
        return;
    }
    buffer_printf(to, "%s%s", n->kind == NOTE_LIVE ? "~" : "", event_text(n->event).at);
    if (n->key.len) buffer_printf(to, " %.*s", (int)n->key.len, n->key.at);
    if (n->db) buffer_printf(to, "@%d", n->db);
    if (n->effect >= 0) buffer_printf(to, "^%d", n->effect);
}

/* Sequence and ids go up by one and strictly, whatever comes. */
static void check_numbers(struct trace *t, const struct record *r)
{
    uint64_t events = 0;
    for (uint32_t i = 0; i < r->notes_count; i++) {
        events += r->notes[i].kind == NOTE_EVENT;
        assert_true(r->notes[i].effect < (int32_t)r->effects_count);
    }
    if (!events && !r->effects_count) {
        assert_true(r->seq == 0);
        return;
    }
    assert_true(r->seq == t->last_seq + 1);
    t->last_seq = r->seq;
    assert_true(r->id.ms > t->last_id.ms || (r->id.ms == t->last_id.ms && r->id.n > t->last_id.n));
    if (events) t->last_id = (struct event_id){r->id.ms, r->id.n + events - 1};
}

static void trace_hear(void *ctx, const struct record *r)
{
    struct trace *t = ctx;
    check_numbers(t, r);
    t->records++;
    if (t->text.len) buffer_add_byte(&t->text, '\n');
    buffer_printf(&t->text, "%.*s/%llu:", (int)r->cause.len, r->cause.at,
                  (unsigned long long)r->client);
    for (uint32_t i = 0; i < r->effects_count; i++) {
        buffer_add_byte(&t->text, i ? ';' : ' ');
        if (i) buffer_add_byte(&t->text, ' ');
        write_effect(&t->text, &r->effects[i]);
    }
    buffer_printf(&t->text, " |");
    for (uint32_t i = 0; i < r->notes_count; i++) {
        buffer_printf(&t->text, i ? ", " : " ");
        write_note(&t->text, &r->notes[i]);
    }
}

/* ---- the world of a test ---- */

static struct runner r;
static struct trace trace;

static int set_up(void **state)
{
    (void)state;
    runner_init(&r);
    trace = (struct trace){0};
    engine_attach(r.engine, (struct record_sink){trace_hear, &trace});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    runner_fini(&r);
    buffer_fini(&trace.text);
    return 0;
}

static void expect_trace(const char *what, const char *expected)
{
    runner_expect_text(what, "records", buffer_slice(&trace.text), expected);
    trace.text.len = 0;
}

/* Runs a line; the records it makes are these. */
static void expect(const char *line, const char *records)
{
    trace.text.len = 0;
    runner_type(&r, line);
    expect_trace(line, records);
}

static void quietly(const char *line)
{
    runner_type(&r, line);
    trace.text.len = 0;
}

/* Several lines in one record, as EXEC has them. */
static void expect_together(const char *const *lines, int count, const char *records)
{
    struct slice words[8][RUNNER_WORDS_MAX];
    struct buffer stores[8] = {{0}};
    trace.text.len = 0;
    r.reply.len = 0;
    engine_begin(r.engine, r.now_ms, SLICE("exec"), 1);
    for (int i = 0; i < count; i++) {
        int n = text_split_words(slice_text(lines[i]), &stores[i], words[i], RUNNER_WORDS_MAX);
        runner_call(&r, words[i], n);
    }
    engine_seal(r.engine);
    for (int i = 0; i < count; i++) buffer_fini(&stores[i]);
    expect_trace(lines[0], records);
}

#define EXPECT_TOGETHER(records, ...)                   \
    expect_together((const char *const[]){__VA_ARGS__}, \
                    sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), records)

/* ---- what a change is recorded as ---- */

static void test_strings(void **state)
{
    (void)state;
    expect("SET k v", "SET/1: SET k v | new k, set k^0");
    expect("SET k w KEEPTTL", "SET/1: SET k w kept | overwritten k, set k^0");
    expect("SET k w PXAT 99000000000",
           "SET/1: SET k w 99000000000 | overwritten k, set k^0, expire k");
    expect("APPEND k xyz", "APPEND/1: APPEND k xyz kept | append k^0");
    expect("SETRANGE k 1 o", "SETRANGE/1: SETRANGE k o 1 | setrange k^0");
    expect("INCR n", "INCR/1: SET n 1 kept | new n, incrby n^0");
    expect("DEL k n x", "DEL/1: DEL k; DEL n | del k^0, del n^1");
    expect("GET k", "GET/1: | ~keymiss k");
    expect("EXISTS k", "EXISTS/1: | ~keymiss k");
    expect("DEL k", "");
}

/* What a reply rests on. */
static uint64_t mark_after(const char *line)
{
    quietly(line);
    return engine_mark(r.engine);
}

static void test_marks(void **state)
{
    (void)state;
    uint64_t a = mark_after("SET a 1"), b = mark_after("SET b 1");
    assert_true(a > 0);
    assert_int_equal(b, a + 1);
    assert_int_equal(mark_after("GET a"), a);
    assert_int_equal(mark_after("GET b"), b);
    assert_int_equal(mark_after("STRLEN never-heard-of"), 0);
    assert_int_equal(mark_after("DEL nothing here"), 0);
    assert_int_equal(mark_after("MGET a b c"), b);
    assert_int_equal(mark_after("DBSIZE"), b);
    uint64_t gone = mark_after("RENAME a c");
    assert_int_equal(mark_after("GET a"), gone);
    assert_int_equal(mark_after("EXISTS c"), gone);
    /* A dead key that is met: the reply rests on its end. */
    quietly("SET d 1 PX 5");
    r.now_ms += 10;
    uint64_t expired = mark_after("GET d");
    assert_int_equal(expired, engine_stats(r.engine).seq);
    assert_int_equal(mark_after("GET b"), b);
    uint64_t flush = mark_after("FLUSHALL");
    assert_int_equal(mark_after("GET never-heard-of"), flush);
    /* One that found nothing to do made no record, and keeps nobody waiting. */
    quietly("FLUSHALL");
    assert_int_equal(mark_after("GET never-heard-of"), flush);
}

static void test_rename(void **state)
{
    (void)state;
    quietly("SET a 1");
    expect("RENAME a b", "RENAME/1: RENAME a b | new b, rename_from a^0, rename_to b^0");
    quietly("SET c 2 PXAT 99000000000");
    expect("RENAME c b",
           "RENAME/1: RENAME c b | new b, rename_from c^0, rename_to b^0, overwritten b");
    runner_expect(&r, "GET b", "$1 2", "");
    runner_expect(&r, "PEXPIRETIME b", ":99000000000", "");
    expect("RENAME b b", "");
    expect("RENAMENX b z", "RENAMENX/1: RENAME b z | new z, rename_from b^0, rename_to z^0");
    quietly("SET y 1");
    expect("RENAMENX z y", "");
    expect("RENAMENX z z", "");
    expect("RENAME none z", "");
    runner_expect(&r, "RENAME none z", "-ERR no such key", "");
}

/* Words of an inline request may share an address: keys are told apart by their bytes. */
static void test_rename_of_the_empty_key(void **state)
{
    (void)state;
    const char *bytes = "RENAMEb";
    struct slice argv[] = {slice_of(bytes, 6), slice_of(bytes + 6, 0), slice_of(bytes + 6, 1)};
    quietly("SET \"\" v");
    runner_run(&r, argv, 3);
    expect_trace("RENAME '' b", "RENAME/1: RENAME b | new b, rename_from^0, rename_to b^0");
}

static void test_move_and_copy(void **state)
{
    (void)state;
    quietly("SET k v PXAT 99000000000");
    expect("MOVE k 2", "MOVE/1: MOVE k 2 | new k@2, move_from k^0, move_to k@2^0");
    quietly("SET k w");
    expect("MOVE k 2", "");
    expect("COPY k l", "COPY/1: COPY k l | new l, copy_to l^0");
    expect("COPY k l", "");
    expect("COPY k l REPLACE", "COPY/1: COPY k l | new l, copy_to l^0, overwritten l");
    expect("COPY k k DB 1", "COPY/1: COPY k k 1 | new k@1, copy_to k@1^0");
    expect("COPY none l", "COPY/1: | ~keymiss none");
    r.db = 2;
    runner_expect(&r, "PEXPIRETIME k", ":99000000000", "");
    expect("COPY k k DB 0 REPLACE", "COPY/1: COPY@2 k k | new k, copy_to k^0, overwritten k");
    runner_expect(&r, "MOVE k 2", "-ERR source and destination objects are the same", "");
}

static void test_deadlines(void **state)
{
    (void)state;
    quietly("SET k v");
    expect("PEXPIREAT k 99000000000", "PEXPIREAT/1: PEXPIREAT k 99000000000 | expire k^0");
    expect("PERSIST k", "PERSIST/1: PERSIST k | persist k^0");
    expect("PERSIST k", "");
    expect("EXPIRE k 10 XX", "");
    expect("EXPIRE k 0", "EXPIRE/1: DEL k | del k^0");
    expect("EXPIRE k 10", "");
}

static void test_whole_databases(void **state)
{
    (void)state;
    quietly("SET k v");
    r.db = 2;
    quietly("SET k v");
    quietly("SET l v");
    expect("FLUSHDB", "FLUSHDB/1: FLUSHDB@2 | flushdb@2^0");
    expect("FLUSHDB", "");
    quietly("SET k v");
    expect("FLUSHALL", "FLUSHALL/1: FLUSHDB; FLUSHDB@2 | flushdb^0, flushdb@2^1");
    quietly("SET k v");
    expect("SWAPDB 2 3", "SWAPDB/1: SWAPDB@2 3 | swapdb@2^0, swapdb@3^0");
    expect("SWAPDB 3 3", "");
    assert_int_equal(keyspace_size(r.keyspace, 3), 1);
}

/* ---- numbers ---- */

static void test_ids_when_the_clock_steps_back(void **state)
{
    (void)state;
    quietly("SET a 1"); /* new, set */
    struct event_id first = trace.last_id;
    assert_true(first.ms == (uint64_t)r.now_ms && first.n == 1);
    r.now_ms -= 5000;
    quietly("SET a 2"); /* overwritten, set */
    assert_true(trace.last_id.ms == first.ms && trace.last_id.n == 3);
    r.now_ms += 5000;
    quietly("DEL a");
    assert_true(trace.last_id.ms == first.ms && trace.last_id.n == 4);
    r.now_ms++;
    quietly("SET a 1");
    assert_true(trace.last_id.ms == first.ms + 1 && trace.last_id.n == 1);
}

/* A record without events takes no id: the last one known stays the last one that was given. */
static void test_silent_change_takes_no_id(void **state)
{
    (void)state;
    quietly("SET a 1");
    struct event_id before = engine_stats(r.engine).last_id;
    struct opened k;
    engine_begin(r.engine, r.now_ms, SLICE("pfcount"), 1);
    gate_open(r.engine, &k, 0, SLICE("a"));
    opened_update_string(&k, SLICE("2"), STRING_INT);
    gate_close_silently(&k, "a cache was written");
    engine_seal(r.engine);
    struct event_id after = engine_stats(r.engine).last_id;
    assert_true(before.ms == after.ms && before.n == after.n);
    expect_trace("silently", "pfcount/1: SET a 2 kept |");
    assert_true(engine_stats(r.engine).seq == 2);
    quietly("SET a 1");
    assert_true(trace.last_id.n == after.n + 2);
}

static void test_nothing_noted_is_no_record(void **state)
{
    (void)state;
    size_t before = trace.records;
    runner_type(&r, "DEL none");
    runner_type(&r, "DBSIZE");
    assert_int_equal(trace.records, before);
    assert_true(engine_stats(r.engine).seq == 0);
}

/* ---- the dead ---- */

static void test_lazy_expiry_comes_first(void **state)
{
    (void)state;
    quietly("SET k v PX 10");
    r.now_ms += 10;
    expect("GET k", "expired/0: DEL k | expired k^0\nGET/1: | ~keymiss k");
    quietly("SET k v PX 10");
    r.now_ms += 10;
    expect("SET k w", "expired/0: DEL k | expired k^0\nSET/1: SET k w | new k, set k^0");
    quietly("SET k v PX 10");
    r.now_ms += 10;
    expect("DEL k", "expired/0: DEL k | expired k^0");
    quietly("SET k v PX 10");
    r.now_ms += 10;
    expect("RENAME k l", "expired/0: DEL k | expired k^0");
    quietly("SET k v PX 10");
    quietly("SET a v");
    r.now_ms += 10;
    expect("RENAME a k", "expired/0: DEL k | expired k^0\n"
                         "RENAME/1: RENAME a k | new k, rename_from a^0, rename_to k^0");
}

/* Once something is noted, a dead key that is met stands where it was met. */
static void test_expiry_within_a_record(void **state)
{
    (void)state;
    quietly("SET k v PX 10");
    quietly("SET a v");
    r.now_ms += 10;
    expect("DEL a k", "DEL/1: DEL a; DEL k | del a^0, expired k^1");
    quietly("SET k v PX 10");
    r.now_ms += 10;
    expect("MGET x k", "MGET/1: DEL k | ~keymiss x, expired k^0, ~keymiss k");
    quietly("MSET k v l v");
    quietly("PEXPIRE k 10");
    quietly("PEXPIRE l 10");
    r.now_ms += 10;
    expect("MGET k l", "expired/0: DEL k | expired k^0\n"
                       "MGET/1: DEL l | ~keymiss k, expired l^0, ~keymiss l");
    expect("GET k", "GET/1: | ~keymiss k");
}

/* A key that is open and changed holds a record open: the effect is not lost to another's expiry,
 * nor are the bytes that it points to. */
static void test_expiry_beside_an_open_change(void **state)
{
    (void)state;
    struct opened k, dead;
    quietly("SET k v");
    quietly("SET dead v PX 10");
    r.now_ms += 10;
    engine_begin(r.engine, r.now_ms, SLICE("odd"), 1);
    gate_open(r.engine, &k, 0, SLICE("k"));
    {
        char scrap[] = "fresh";
        opened_update_string(&k, slice_text(scrap), STRING_RAW);
        memset(scrap, 'x', sizeof scrap);
    }
    assert_false(gate_open(r.engine, &dead, 0, SLICE("dead")));
    opened_set_result(&dead, SLICE("again"));
    gate_close(&dead, EVENT_SET);
    gate_close(&k, EVENT_SET);
    engine_seal(r.engine);
    expect_trace("odd", "odd/1: DEL dead; SET dead again; SET k fresh kept | "
                        "expired dead^0, new dead, set dead^1, set k^2");
}

static void test_nothing_expires_inside_exec(void **state)
{
    (void)state;
    quietly("SET k v PX 10");
    r.now_ms += 9;
    EXPECT_TOGETHER("exec/1: SET n 1 kept | new n, incrby n^0", "INCR n", "GET k");
    r.now_ms += 1;
    EXPECT_TOGETHER("exec/1: SET n 2 kept; DEL k; SET k w | "
                    "incrby n^0, expired k^1, new k, set k^2",
                    "INCR n", "SET k w");
}

static void test_active_expiry(void **state)
{
    (void)state;
    quietly("SET b v PX 20");
    quietly("SET a v PX 10");
    quietly("SET c v PX 30");
    quietly("SET d v");
    assert_true(engine_next_expiry(r.engine, r.now_ms) <= r.now_ms + 10);
    r.now_ms += 20;
    trace.text.len = 0;
    assert_int_equal(engine_expire(r.engine, r.now_ms, 100), 2);
    expect_trace("expire", "expired/0: DEL a; DEL b | expired a^0, expired b^1");
    assert_int_equal(engine_stats(r.engine).expired, 2);
    engine_set_active_expiry(r.engine, false);
    r.now_ms += 20;
    assert_int_equal(engine_expire(r.engine, r.now_ms, 100), 0);
    assert_true(engine_next_expiry(r.engine, r.now_ms) == -1);
    expect("TYPE c", "expired/0: DEL c | expired c^0\nTYPE/1: | ~keymiss c");
}

/* However many of the dead are met, a living key is found. */
static void test_randomkey_among_the_dead(void **state)
{
    (void)state;
    enum { DEAD = 2000 };
    char line[64];
    for (int i = 0; i < DEAD; i++) {
        snprintf(line, sizeof line, "SET dead:%d v PX 1", i);
        quietly(line);
    }
    quietly("SET living v");
    r.now_ms += 10;
    runner_expect(&r, "RANDOMKEY", "$6 living", NULL);
    runner_expect(&r, "DEL living", ":1", NULL);
    while (keyspace_size(r.keyspace, 0)) runner_expect(&r, "RANDOMKEY", "$-1", NULL);
}

/* ---- live only ---- */

static void test_keymiss_is_live_and_only_where_wanted(void **state)
{
    (void)state;
    expect("GET none", "GET/1: | ~keymiss none");
    assert_true(engine_stats(r.engine).seq == 0);
    struct engine_config config = engine_config(r.engine);
    config.notify &= ~(1u << CLASS_KEYMISS);
    engine_set_config(r.engine, config);
    expect("GET none", "");
    assert_int_equal(engine_stats(r.engine).misses, 2);
}

static void test_publish_keeps_its_place(void **state)
{
    (void)state;
    struct buffer log = {0};
    struct listener l;
    listener_init(&l, 1, 2, &log);
    pubsub_subscribe(r.pubsub, &l.base, PUBSUB_CHANNEL, SLICE("news"));
    pubsub_subscribe(r.pubsub, &l.base, PUBSUB_CHANNEL, SLICE("__keyevent@0__:set"));
    struct engine_config config = engine_config(r.engine);
    config.notify |= NOTIFY_KEYEVENT;
    engine_set_config(r.engine, config);

    struct slice a[] = {SLICE("SET"), SLICE("a"), SLICE("1")};
    struct slice b[] = {SLICE("SET"), SLICE("b"), SLICE("1")};
    engine_begin(r.engine, r.now_ms, SLICE("exec"), 1);
    runner_call(&r, a, 3);
    note_publish(r.engine, SLICE("news"), SLICE("hello"), false);
    runner_call(&r, b, 3);
    assert_int_equal(log.len, 0); /* nobody hears anything before the seal */
    engine_seal(r.engine);
    expect_trace("publish", "exec/1: SET a 1; SET b 1 | new a, set a^0, 'hello', new b, set b^1");
    runner_expect_text("publish", "messages", buffer_slice(&log),
                       "1: *3\r\n$7\r\nmessage\r\n$18\r\n__keyevent@0__:set\r\n$1\r\na\r\n"
                       "1: *3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n"
                       "1: *3\r\n$7\r\nmessage\r\n$18\r\n__keyevent@0__:set\r\n$1\r\nb\r\n");
    assert_true(trace.last_id.n == 3); /* the message has no id */
    pubsub_leave(r.pubsub, &l.base);
    buffer_fini(&log);
}

/* ---- who hears ---- */

static bool touches(const char *line, const char *key)
{
    struct watcher w = {0};
    keyspace_watch(r.keyspace, &w, 0, slice_text(key), r.now_ms);
    quietly(line);
    bool touched = keyspace_watch_failed(r.keyspace, &w, r.now_ms);
    keyspace_unwatch(r.keyspace, &w);
    return touched;
}

static void test_watch(void **state)
{
    (void)state;
    assert_true(touches("SET k v", "k"));
    assert_false(touches("SET l v", "k"));
    assert_false(touches("GET k", "k"));
    assert_false(touches("SETRANGE k 0 \"\"", "k"));
    assert_false(touches("SET k v NX", "k"));
    assert_true(touches("EXPIRE k 100", "k"));
    assert_true(touches("RENAME k m", "k"));
    assert_true(touches("RENAME l m", "m"));
    assert_true(touches("COPY m n", "n"));
    assert_false(touches("COPY m n REPLACE", "m"));
    assert_true(touches("MOVE n 1", "n"));
    assert_true(touches("FLUSHALL", "m"));
    assert_false(touches("FLUSHALL", "m"));
    assert_false(touches("RENAME none m", "m"));
    r.db = 1;
    quietly("SET k v");
    assert_false(touches("DEL k", "k")); /* of another database */
    quietly("SET k v");
    assert_true(touches("SWAPDB 0 1", "k"));
    r.db = 0;
    quietly("SET k v PX 10");
    r.now_ms += 10;
    assert_false(touches("GET k", "k")); /* it was dead when WATCH was said */
}

static void hear_change(void *ctx, int db, struct slice key, uint64_t client)
{
    buffer_printf(ctx, "%d:%.*s/%llu ", db, (int)key.len, key.at, (unsigned long long)client);
}

static void test_changes_are_heard(void **state)
{
    (void)state;
    struct buffer heard = {0};
    engine_hear_changes(r.engine, hear_change, &heard);
    quietly("SET a 1 PX 10");
    quietly("RENAME a b");
    quietly("GET b");
    r.now_ms += 10;
    quietly("GET b");
    quietly("FLUSHALL");
    engine_hear_changes(r.engine, NULL, NULL);
    quietly("SET a 1");
    runner_expect_text("changes", "heard", buffer_slice(&heard), "0:a/1 0:a/1 0:b/1 0:b/0 -1:/1 ");
    buffer_fini(&heard);
}

static void test_effects_only_where_they_are_read(void **state)
{
    (void)state;
    struct engine *e = engine_new(r.keyspace, r.pubsub);
    struct opened k;
    engine_begin(e, r.now_ms, SLICE("set"), 1);
    gate_open(e, &k, 0, SLICE("k"));
    opened_set_string(&k, SLICE("v"), WHEN_NONE);
    gate_close(&k, EVENT_SET);
    gate_open(e, &k, 0, SLICE("k"));
    char *at = opened_write_string(&k, 3, 2);
    memcpy(at, "ab", 2);
    gate_close(&k, EVENT_SETRANGE);
    engine_seal(e);
    assert_true(engine_stats(e).seq == 1);
    assert_int_equal(engine_stats(e).changes, 2);
    engine_free(e);
    runner_expect(&r, "GET k", "$5 v..ab", NULL);
}

/* ---- memory ---- */

static void test_large_record_leaves_nothing_behind(void **state)
{
    (void)state;
    struct slice key = SLICE("k"), value = SLICE("v");
    quietly("SET k v");
    size_t before = mem_used();
    engine_begin(r.engine, r.now_ms, SLICE("exec"), 1);
    for (int i = 0; i < 50000; i++) {
        struct opened k;
        gate_open(r.engine, &k, 0, key);
        opened_update_string(&k, value, STRING_RAW);
        gate_close(&k, EVENT_SET);
    }
    engine_seal(r.engine);
    trace.text.len = 0;
    buffer_fini(&trace.text);
    buffer_fini(&r.events);
    buffer_fini(&r.effects);
    assert_true(mem_used() < before + 100 * 1024);
}

static void set_memory_max(size_t max, enum evict_policy policy)
{
    struct engine_config config = engine_config(r.engine);
    config.memory_max = max;
    config.policy = policy;
    engine_set_config(r.engine, config);
}

static void fill(int keys, size_t bytes)
{
    char line[64], *value = malloc(bytes);
    memset(value, 'v', bytes);
    for (int i = 0; i < keys; i++) {
        int n = snprintf(line, sizeof line, "key:%d", i);
        struct slice argv[] = {SLICE("SET"), slice_of(line, (size_t)n), slice_of(value, bytes)};
        runner_run(&r, argv, 3);
    }
    free(value);
    buffer_fini(&trace.text);
    buffer_fini(&r.events);
    buffer_fini(&r.effects);
}

static void test_eviction(void **state)
{
    (void)state;
    fill(1000, 1000);
    set_memory_max(mem_used() - 100000, EVICT_NOEVICTION);
    assert_false(engine_make_room(r.engine, r.now_ms));
    set_memory_max(mem_used() - 100000, EVICT_VOLATILE_LRU);
    assert_false(engine_make_room(r.engine, r.now_ms));
    quietly("PEXPIRE key:77 1000");
    engine_make_room(r.engine, r.now_ms);
    expect_trace("evict", "evicted/0: DEL key:77 | evicted key:77^0");
    set_memory_max(mem_used() - 100000, EVICT_ALLKEYS_LRU);
    assert_true(engine_make_room(r.engine, r.now_ms));
    assert_true(mem_used() <= engine_config(r.engine).memory_max);
    uint64_t evicted = engine_stats(r.engine).evicted;
    assert_true(evicted > 50 && evicted < 150);
    assert_true(engine_make_room(r.engine, r.now_ms));
    assert_int_equal(engine_stats(r.engine).evicted, evicted);
}

/* What a flush left is given back before anybody loses a key, and before anybody is refused. */
static void test_flushed_memory_goes_first(void **state)
{
    (void)state;
    r.db = 1;
    fill(5000, 1000);
    r.db = 0;
    fill(100, 1000);
    set_memory_max(1000000, EVICT_ALLKEYS_LRU);
    r.db = 1;
    quietly("FLUSHDB");
    assert_true(mem_used() > 4000000);
    for (int calls = 0; mem_used() > 1000000; calls++) {
        assert_true(engine_make_room(r.engine, r.now_ms));
        assert_true(calls < 1000);
    }
    assert_int_equal(engine_stats(r.engine).evicted, 0);
    assert_int_equal(keyspace_size(r.keyspace, 0), 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_strings),
        TEST(test_marks),
        TEST(test_rename),
        TEST(test_rename_of_the_empty_key),
        TEST(test_move_and_copy),
        TEST(test_deadlines),
        TEST(test_whole_databases),
        TEST(test_ids_when_the_clock_steps_back),
        TEST(test_silent_change_takes_no_id),
        TEST(test_nothing_noted_is_no_record),
        TEST(test_lazy_expiry_comes_first),
        TEST(test_expiry_within_a_record),
        TEST(test_expiry_beside_an_open_change),
        TEST(test_nothing_expires_inside_exec),
        TEST(test_active_expiry),
        TEST(test_randomkey_among_the_dead),
        TEST(test_keymiss_is_live_and_only_where_wanted),
        TEST(test_publish_keeps_its_place),
        TEST(test_watch),
        TEST(test_changes_are_heard),
        TEST(test_effects_only_where_they_are_read),
        TEST(test_large_record_leaves_nothing_behind),
        TEST(test_eviction),
        TEST(test_flushed_memory_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
