/* Replaying records gives the data, the ids and the sequence that they were made with.
 *
 * Random commands run in one world; each record that it seals is encoded, decoded and replayed in
 * another, and the two are compared to the last remark.
 *
 *      test_engine_replay bench    measures encoding and replay instead */
#include "random_commands.h"
#include "records.h"
#include "values.h"

#include "../../src/base/assert.h"
#include "../../src/base/err.h"
#include "../../src/engine/replay.h"
#include "../../src/io/clock.h"
#include "../../src/record/codec.h"

static uint64_t seed;

/* ---- the world that records are replayed in ---- */

struct copy {
    struct keyspace *keyspace;
    struct pubsub *pubsub;
    struct engine *engine;
    struct record_room room;
    struct buffer bytes;
    bool live;          /* the replay is over: now it makes records itself */
    struct buffer made; /* the last of these, encoded */
};

static void copy_hears(void *ctx, const struct record *r)
{
    struct copy *c = ctx;
    assert_true(c->live); /* a replay is told to nobody */
    c->made.len = 0;
    buffer_reserve(&c->made, record_encoded_max(r));
    c->made.len = record_encode(c->made.at, r);
}

static void copy_hears_change(void *ctx, int db, struct slice key, uint64_t client)
{
    (void)db, (void)key, (void)client;
    assert_true(((struct copy *)ctx)->live);
}

static void copy_init(struct copy *c)
{
    static const unsigned char secret[HASH_SECRET_SIZE] = "another secret than the runner's";
    *c = (struct copy){0};
    c->keyspace = keyspace_new(DATABASES, secret, 2);
    c->pubsub = pubsub_new(secret, (struct pubsub_limits){1024, 16});
    c->engine = engine_new(c->keyspace, c->pubsub);
    engine_attach(c->engine, (struct record_sink){copy_hears, c});
    engine_hear_changes(c->engine, copy_hears_change, c);
}

static void copy_fini(struct copy *c)
{
    engine_free(c->engine);
    pubsub_free(c->pubsub);
    keyspace_free(c->keyspace);
    record_room_fini(&c->room);
    buffer_fini(&c->bytes);
    buffer_fini(&c->made);
}

/* ---- the comparison ---- */

struct comparison {
    const struct keyspace *other;
    int db;
    size_t met;
};

static void compare_entry(void *ctx, void *entry)
{
    struct comparison *c = ctx;
    const struct entry *e = keyspace_find(c->other, c->db, entry_key(entry)).entry;
    assert_non_null(e);
    assert_true(entry_deadline(entry) == entry_deadline(e));
    expect_same_content(entry, e);
    c->met++;
}

static void expect_same_data(struct keyspace *a, struct keyspace *b)
{
    for (int db = 0; db < DATABASES; db++) {
        struct comparison c = {.other = b, .db = db};
        keyspace_scan(a, db, 0, SIZE_MAX, compare_entry, &c);
        assert_int_equal(c.met, keyspace_size(b, db));
        struct database_info x = keyspace_info(a, db, 0), y = keyspace_info(b, db, 0);
        assert_int_equal(x.volatile_keys, y.volatile_keys);
        assert_int_equal(x.timed_hashes, y.timed_hashes);
    }
}

static void expect_same_numbers(const struct engine *a, const struct engine *b)
{
    struct engine_stats x = engine_stats(a), y = engine_stats(b);
    assert_true(x.seq == y.seq && x.events == y.events);
    assert_true(x.last_id.ms == y.last_id.ms && x.last_id.n == y.last_id.n);
}

struct pair {
    struct runner r;
    struct copy c;
    size_t records, with_many_effects;
};

/* Each record of the first world, as it is sealed. */
static void replay_sealed(void *ctx, const struct record *r)
{
    struct pair *p = ctx;
    struct copy *c = &p->c;
    struct replay_fault fault;
    struct record decoded;
    if (!r->seq || c->live) return;
    c->bytes.len = 0;
    buffer_reserve(&c->bytes, record_encoded_max(r));
    c->bytes.len = record_encode(c->bytes.at, r);
    assert_int_equal(record_decode(buffer_slice(&c->bytes), r->seq, &c->room, &decoded), 0);
    expect_same_record(r, &decoded);
    if (engine_replay(c->engine, &decoded, &fault) != 0)
        fail_msg("record %llu, effect %d: %s", (unsigned long long)fault.seq, fault.effect,
                 fault.text);
    expect_same_data(p->r.keyspace, c->keyspace);
    expect_same_numbers(p->r.engine, c->engine);
    p->records++;
    p->with_many_effects += r->effects_count > 3;
}

static void pair_init(struct pair *p)
{
    *p = (struct pair){0};
    runner_init(&p->r);
    copy_init(&p->c);
    struct value_config limits = *keyspace_values(p->r.keyspace);
    limits.hash_max_listpack_entries = 5; /* so that both forms of hashes come up, */
    limits.list_max_listpack_size = 8;    /* and all kinds of nodes of lists */
    limits.list_compress_depth = 1;
    limits.set_max_intset_entries = limits.set_max_listpack_entries = 8;
    limits.zset_max_listpack_entries = 8;
    limits.stream_node_max_entries = 3;
    limits.hll_sparse_max_bytes = 60;
    keyspace_set_values(p->r.keyspace, limits);
    keyspace_set_values(p->c.keyspace, limits);
    engine_attach(p->r.engine, (struct record_sink){replay_sealed, p});
}

static void pair_fini(struct pair *p)
{
    runner_fini(&p->r);
    copy_fini(&p->c);
}

/* ---- random commands ---- */

/* From now on both worlds run what is typed: what they seal must be the same bytes. */
static void expect_same_future(struct pair *p)
{
    static const char *const lines[] = {
        "SET a 1 PX 5000",  "INCR a",        "APPEND a 0", "INCRBYFLOAT f 2.5", "SETRANGE s 3 xy",
        "RENAME a b",       "COPY b c DB 2", "MOVE b 3",   "SETBIT bits 9 1",   "BITOP NOT n bits",
        "PEXPIRE c 100000", "PERSIST s",     "DEL s n",    "SWAPDB 0 2",        "FLUSHALL",
    };
    struct copy *c = &p->c;
    struct runner second = p->r; /* the same but for where it runs, and what it has written */
    second.keyspace = c->keyspace;
    second.engine = c->engine;
    second.reply = second.events = second.effects = (struct buffer){0};
    c->live = true;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        runner_type(&p->r, lines[i]);
        runner_type(&second, lines[i]);
        assert_true(slice_equal(buffer_slice(&p->r.reply), buffer_slice(&second.reply)));
        expect_same_data(p->r.keyspace, c->keyspace);
        expect_same_numbers(p->r.engine, c->engine);
    }
    assert_true(c->made.len > 0);
    buffer_fini(&second.reply);
}

static void test_replay_is_the_same(void **state)
{
    (void)state;
    enum { ROUNDS = 10000 };
    struct pair p;
    struct watcher watcher = {0};
    pair_init(&p);
    keyspace_watch(p.c.keyspace, &watcher, 0, SLICE("5"), 0);
    struct writer w = {.r = &p.r, .values = true};
    random_init(&w.random, seed);
    for (int i = 0; i < ROUNDS; i++) {
        run_record(&w);
        pass_time(&w);
        engine_work(p.c.engine, p.r.now_ms);
    }
    assert_true(p.records > ROUNDS / 2 && p.with_many_effects > ROUNDS / 100);
    assert_true(engine_stats(p.r.engine).expired > 100);
    assert_true(engine_stats(p.r.engine).expired_fields > 100);
    assert_false(watcher.touched);
    keyspace_unwatch(p.c.keyspace, &watcher);
    engine_expire(p.r.engine, p.r.now_ms, SIZE_MAX);
    expect_same_future(&p);
    arena_fini(&w.arena);
    pair_fini(&p);
}

/* Each way for a string to come to its remark. */
static void test_encodings(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "SET k 12",
        "INCRBYFLOAT k 1",
        "INCR k",
        "APPEND k 3",
        "INCR k",
        "SETBIT k 7 1",
        "SET short ab",
        "SETBIT short 0 0",
        "SETBIT short 0 0",
        "BITFIELD k SET u8 0 49",
        "BITFIELD k GET u8 0",
        "SET n 7",
        "BITFIELD n SET u8 0 55",
        "BITOP OR sum n n",
        "COPY sum sum2",
        "RENAME sum2 sum3",
        "APPEND new 5",
        "APPEND empty ''",
        "SETRANGE made 2 x",
        "SET long 012345678901234567890123456789012345678901234",
        "INCRBYFLOAT long 0",
    };
    struct pair p;
    pair_init(&p);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        runner_type(&p.r, lines[i]);
        expect_same_data(p.r.keyspace, p.c.keyspace);
    }
    runner_expect(&p.r, "OBJECT ENCODING short", "$3 raw", NULL);
    runner_expect(&p.r, "OBJECT ENCODING n", "$3 raw", NULL);
    runner_expect(&p.r, "OBJECT ENCODING sum3", "$3 raw", NULL);
    pair_fini(&p);
}

/* A deadline in the past stays until the replay is over; then its key expires, in order. */
static void test_nothing_expires_meanwhile(void **state)
{
    (void)state;
    struct copy c;
    struct replay_fault fault;
    copy_init(&c);
    for (uint64_t i = 1; i <= 10; i++) {
        const struct effect set = {
            .key = SLICE("0123456789"), .arg = SLICE("v"), .when = (int64_t)(2000 - i)};
        struct effect one = set;
        one.key.len = i;
        const struct record r = {
            .seq = i, .id = {1500 + (int64_t)i, 0}, .effects = &one, .effects_count = 1};
        assert_int_equal(engine_replay(c.engine, &r, &fault), 0);
    }
    assert_int_equal(keyspace_size(c.keyspace, 0), 10);
    c.live = true;
    assert_int_equal(engine_expire(c.engine, 3000, 100), 10);
    struct record r;
    assert_int_equal(record_decode(buffer_slice(&c.made), 11, &c.room, &r), 0);
    assert_int_equal(r.notes_count, 10);
    for (uint32_t i = 0; i < 10; i++) assert_int_equal(r.notes[i].key.len, 10 - i);
    copy_fini(&c);
}

/* ---- numbers ---- */

static void test_resume(void **state)
{
    (void)state;
    struct copy c;
    struct replay_fault fault;
    copy_init(&c);
    engine_resume(c.engine, 41, (struct event_id){5000, 7});
    const struct note note = {.kind = NOTE_EVENT, .event = EVENT_DEL, .key = SLICE("k")};
    struct record r = {.seq = 42, .id = {5000, 8}, .notes = &note, .notes_count = 1};
    assert_int_equal(engine_replay(c.engine, &r, &fault), 0);
    assert_true(engine_stats(c.engine).last_id.n == 8 && engine_stats(c.engine).seq == 42);

    /* The clock stands before what was given already, and before what may have been. */
    engine_skip_ids(c.engine, 10000);
    engine_skip_ids(c.engine, 9000);
    c.live = true;
    engine_begin(c.engine, 6000, SLICE("set"), 1);
    note_event(c.engine, EVENT_DEL, 0, SLICE("k"));
    engine_seal(c.engine);
    assert_int_equal(record_decode(buffer_slice(&c.made), 43, &c.room, &r), 0);
    assert_true(r.id.ms == 10000 && r.id.n == 0);
    assert_int_equal(engine_stats(c.engine).seq, 43);
    copy_fini(&c);
}

static void test_impossible_records(void **state)
{
    (void)state;
    const struct slice k = SLICE("k"), v = SLICE("v"), none = SLICE("none");
    const struct {
        struct effect effect;
        const char *text;
    } rows[] = {
        {{.verb = EFFECT_RENAME, .key = none, .arg = v},
         "the key to be renamed, moved or copied is not there"},
        {{.verb = EFFECT_RENAME, .key = k, .arg = k}, "source and destination are the same"},
        {{.verb = EFFECT_COPY, .key = k, .arg = k, .when = 0},
         "source and destination are the same"},
        {{.verb = EFFECT_COPY, .key = k, .arg = v, .when = 4}, "no such database to go to"},
        {{.verb = EFFECT_MOVE, .key = k, .when = 0}, "source and destination are the same"},
        {{.verb = EFFECT_MOVE, .key = k, .when = -1}, "no such database to go to"},
        {{.verb = EFFECT_MOVE, .key = k, .when = 1}, "the key is there already"},
        {{.verb = EFFECT_DEL, .key = none}, "the key to be deleted is not there"},
        {{.verb = EFFECT_PERSIST, .key = none}, "the key whose deadline is to change is not there"},
        {{.verb = EFFECT_PERSIST, .key = k}, "the deadline to be taken away is not there"},
        {{.verb = EFFECT_PEXPIREAT, .key = none, .when = 9},
         "the key whose deadline is to change is not there"},
        {{.verb = EFFECT_PEXPIREAT, .key = k, .when = -1}, "no such deadline"},
        {{.verb = EFFECT_SETRANGE, .key = none}, "there is no string to be changed in place"},
        {{.verb = EFFECT_SETRANGE, .key = k, .arg = v, .when = INT64_MAX}, "no string is so long"},
        {{.verb = EFFECT_SET, .key = k, .arg = v, .when = -3}, "no such deadline or form"},
        {{.verb = EFFECT_SET, .db = 4, .key = k}, "no such database"},
        {{.verb = EFFECT_FLUSHDB, .db = -1}, "no such database"},
        {{.verb = EFFECT_SWAPDB, .when = 4}, "no such database to swap"},
        {{.verb = EFFECT_SWAPDB, .when = 0}, "a database is to be swapped with itself"},
        {{.verb = EFFECT_LPOP, .key = none, .words = &v, .words_count = 1},
         "the list to be changed is not there"},
        {{.verb = EFFECT_RPUSH, .key = none}, "nothing is to be pushed"},
        {{.verb = EFFECT_RPUSH, .key = k, .words = &v, .words_count = 1},
         "the value to be changed is of another type"},
        {{.verb = EFFECT_COUNT}, "no such effect"},
        {{.verb = EFFECT_SADD, .key = none}, "members are missing"},
        {{.verb = EFFECT_SADD, .key = k, .words_count = 1, .words = &v},
         "the value to be changed is of another type"},
        {{.verb = EFFECT_SREM, .key = none, .words_count = 1, .words = &v},
         "the set to be taken from is not there"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct copy c;
        struct replay_fault fault;
        copy_init(&c);
        const struct effect effects[] = {
            {.key = k, .arg = v, .when = WHEN_NONE},
            {.db = 1, .key = k, .arg = v, .when = WHEN_NONE},
            rows[i].effect,
        };
        const struct record r = {.seq = 1, .id = {9, 0}, .effects = effects, .effects_count = 3};
        int error = i % 2 ? engine_replay(c.engine, &r, &fault)
                          : engine_replay_batch(c.engine, &r, 1, &fault);
        assert_int_equal(error, ERR_CORRUPT);
        assert_string_equal(fault.text, rows[i].text);
        assert_true(fault.seq == 1 && fault.effect == 2);
        copy_fini(&c);
    }
}

static void expect_refused(struct copy *c, struct record r, const char *text)
{
    struct replay_fault fault;
    assert_int_equal(engine_replay(c->engine, &r, &fault), ERR_CORRUPT);
    assert_string_equal(fault.text, text);
    assert_int_equal(fault.effect, -1);
}

static void test_records_out_of_order(void **state)
{
    (void)state;
    struct copy c;
    struct replay_fault fault;
    copy_init(&c);
    const struct note note = {.kind = NOTE_EVENT, .event = EVENT_DEL, .key = SLICE("k")};
    struct record r = {.seq = 1, .id = {9, 5}, .notes = &note, .notes_count = 1};
    assert_int_equal(engine_replay(c.engine, &r, &fault), 0);
    expect_refused(&c, r, "a record is missing before it");
    r.seq = 3;
    expect_refused(&c, r, "a record is missing before it");
    r.seq = 2;
    expect_refused(&c, r, "its ids were given before");
    r.id.ms = 8;
    expect_refused(&c, r, "its ids were given before");
    r.id = (struct event_id){9, UINT64_MAX};
    expect_refused(&c, r, "its ids are beyond all bounds");
    r.id.n = 6;
    assert_int_equal(engine_replay(c.engine, &r, &fault), 0);
    copy_fini(&c);
}

/* ---- batches ---- */

enum { BATCH = 32 };

/* Decodes up to BATCH records, each with its length before it; returns how many. */
static size_t decode_batch(struct slice *from, uint64_t seq, struct record_room *rooms,
                           struct record *records)
{
    size_t n = 0;
    for (; n < BATCH && from->len; n++) {
        uint32_t len;
        memcpy(&len, from->at, sizeof len);
        struct slice bytes = slice_of(from->at + sizeof len, len);
        assert_int_equal(record_decode(bytes, seq + n, &rooms[n], &records[n]), 0);
        *from = slice_from(*from, sizeof len + len);
    }
    return n;
}

static void replay_all(struct engine *e, struct slice from)
{
    struct record_room rooms[BATCH] = {0};
    struct record records[BATCH];
    struct replay_fault fault;
    size_t n;
    for (uint64_t seq = 1; (n = decode_batch(&from, seq, rooms, records)) > 0; seq += n)
        assert_int_equal(engine_replay_batch(e, records, n, &fault), 0);
    for (int i = 0; i < BATCH; i++) record_room_fini(&rooms[i]);
}

struct log {
    struct buffer bytes;
};

static void log_sealed(void *ctx, const struct record *r)
{
    struct log *log = ctx;
    uint32_t len;
    if (!r->seq) return;
    char *to = buffer_reserve(&log->bytes, sizeof len + record_encoded_max(r));
    len = (uint32_t)record_encode(to + sizeof len, r);
    memcpy(to, &len, sizeof len);
    log->bytes.len += sizeof len + len;
}

static void test_batches(void **state)
{
    (void)state;
    struct runner r;
    struct copy c;
    struct log log = {0};
    runner_init(&r);
    copy_init(&c);
    engine_attach(r.engine, (struct record_sink){log_sealed, &log});
    struct writer w = {.r = &r};
    random_init(&w.random, seed);
    for (int i = 0; i < 3000; i++) {
        run_record(&w);
        pass_time(&w);
    }
    replay_all(c.engine, buffer_slice(&log.bytes));
    expect_same_data(r.keyspace, c.keyspace);
    expect_same_numbers(r.engine, c.engine);
    arena_fini(&w.arena);
    buffer_fini(&log.bytes);
    copy_fini(&c);
    runner_fini(&r);
}

/* ---- figures ---- */

static void fill(struct engine *e, uint64_t keys, uint64_t records)
{
    struct random random;
    random_init(&random, seed);
    for (uint64_t i = 0; i < records; i++) {
        char key[32], value[TEXT_INT_MAX];
        int len = snprintf(key, sizeof key, "key:%012llu",
                           (unsigned long long)random_below(&random, keys));
        struct slice v = slice_of(value, text_from_uint(value, random_below(&random, 1000000)));
        struct opened k;
        engine_begin(e, 1763800000000 + (int64_t)(i / 500), SLICE("set"), 1 + i % 50);
        gate_open(e, &k, 0, slice_of(key, (size_t)len));
        opened_set_string(&k, v, WHEN_NONE);
        gate_close(&k, EVENT_SET);
        engine_seal(e);
    }
}

/* Time of ours, whoever else uses the machine. */
static int64_t cpu_us(void)
{
    struct cpu_time t = io_cpu_thread();
    return t.user_us + t.system_us;
}

/* Decodes all records, and encodes them again if told to; returns how long that took. */
static int64_t decode_all(struct slice from, bool encode)
{
    struct record_room rooms[BATCH] = {0};
    struct record records[BATCH];
    char again[1024];
    size_t n, bytes = from.len, written = 0;
    int64_t start = cpu_us();
    for (uint64_t seq = 1; (n = decode_batch(&from, seq, rooms, records)) > 0; seq += n) {
        for (size_t i = 0; i < n && encode; i++) {
            CHECK(record_encoded_max(&records[i]) <= sizeof again);
            written += sizeof(uint32_t) + record_encode(again, &records[i]);
        }
    }
    int64_t us = cpu_us() - start;
    assert_true(!encode || written == bytes);
    for (int i = 0; i < BATCH; i++) record_room_fini(&rooms[i]);
    return us;
}

static void measure(uint64_t keys)
{
    enum { RECORDS = 1000000 };
    struct runner r;
    struct copy c;
    struct log log = {0};
    runner_init(&r);
    copy_init(&c);
    struct engine *e = engine_new(r.keyspace, r.pubsub); /* with no other sink */
    engine_attach(e, (struct record_sink){log_sealed, &log});
    fill(e, keys, RECORDS);
    struct slice all = buffer_slice(&log.bytes);
    int64_t decode_us = decode_all(all, false), encode_us = decode_all(all, true) - decode_us;
    int64_t start = cpu_us();
    replay_all(c.engine, all);
    double replay_us = (double)(cpu_us() - start);
    printf(
        "%llu keys, %.1f bytes a SET: encode %.1f ns, decode %.1f ns, decode and replay %.2f M/s\n",
        (unsigned long long)keys, (double)all.len / RECORDS - sizeof(uint32_t),
        (double)encode_us * 1e3 / RECORDS, (double)decode_us * 1e3 / RECORDS, RECORDS / replay_us);
    engine_free(e);
    buffer_fini(&log.bytes);
    copy_fini(&c);
    runner_fini(&r);
}

int main(int argc, char **argv)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : 20251122;
    printf("SEED=%llu\n", (unsigned long long)seed);
    if (argc > 1 && strcmp(argv[1], "bench") == 0) {
        measure(1000);
        measure(1000000);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay_is_the_same),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_nothing_expires_meanwhile),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_impossible_records),
        cmocka_unit_test(test_records_out_of_order),
        cmocka_unit_test(test_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
