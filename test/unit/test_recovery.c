/* Commands, records, journal and replay together, on a disk that does everything a disk may do.
 *
 * A small workload runs against a journal on a disk made of memory. In each of its calls the power
 * goes, or the call fails; of what was not synced everything, nothing, parts of the last write, or
 * any sectors are there. Whatever was acknowledged must be in the data that is replayed from it,
 * and that data must be exactly what the commands up to one of them had made: never wrong data. */
#include "random_commands.h"
#include "runner.h"
#include "values.h"

#include "../../src/base/err.h"
#include "../../src/engine/replay.h"
#include "../../src/io/disk_memory.h"
#include "../../src/journal/journal.h"
#include "../../src/record/codec.h"

#include <time.h>

static uint64_t seed, recoveries;

enum { RECORDS_MAX = 128, BATCH = 16 };

static struct journal_config config_of(uint64_t segment_bytes, enum journal_sync sync)
{
    return (struct journal_config){
        .segment_bytes = segment_bytes,
        .sync = sync,
        .tail_bytes_max = 8192,
        .backlog_bytes_max = 1 << 20,
        .index_bytes = 256,
        .seed = seed,
    };
}

/* What the data is, in one number: keys, values, deadlines, encodings, of all databases. ---------
 */

struct sum {
    uint64_t sum;
    int db;
};

static void sum_entry(void *ctx, void *entry)
{
    struct sum *s = ctx;
    uint64_t h = hash_plain(entry_key(entry));
    h = hash_u64(h + entry_sum(entry));
    h = hash_u64(h + (uint64_t)entry_deadline(entry));
    h = hash_u64(h + (uint64_t)entry_encoding(entry) + 1000 * (uint64_t)s->db);
    s->sum += h;
}

static uint64_t sum_of(const struct keyspace *keyspace)
{
    struct sum s = {0};
    for (s.db = 0; s.db < DATABASES; s.db++)
        keyspace_scan(keyspace, s.db, 0, SIZE_MAX, sum_entry, &s);
    return s.sum;
}

/* The workload ---------------------------------------------------------------------------------
 */

static const char *const lines[] = {
    "SET a 1",
    "INCR a",
    "APPEND b hello",
    "SET t 1 PX 50",
    "MSET a 5 b 6 c 7",
    "*2600", /* more than a segment of 2048 holds */
    "PEXPIREAT c 1750001000",
    "+80",
    "RENAME b d",
    "COPY d e DB 2",
    "INCRBYFLOAT f 1.5",
    "DEL a nothing",
    "MOVE d 3",
    "HSET h a 1 b 2",
    "HPEXPIRE h 40 FIELDS 1 a",
    "SETBIT bits 77 1",
    "SWAPDB 0 2",
    "APPEND big more",
    "+1500",
    "GETDEL big",
    "FLUSHDB",
    "SET last 1",
    "APPEND last 2",
};
enum { LINES_COUNT = sizeof lines / sizeof *lines };

struct world {
    struct runner r;
    struct journal *journal;
    struct buffer bytes;
    uint64_t sums[RECORDS_MAX]; /* of the data after each record */
    struct event_id last_id[RECORDS_MAX];
    uint64_t promised; /* up to this record all was acknowledged */
    uint64_t shown;    /* up to this one it was written */
};

static void append(void *ctx, const struct record *r)
{
    struct world *w = ctx;
    if (!r->seq) return;
    assert_true(r->seq < RECORDS_MAX);
    w->sums[r->seq] = sum_of(w->r.keyspace);
    w->last_id[r->seq] = engine_stats(w->r.engine).last_id;
    if (!w->journal) return;
    w->bytes.len = 0;
    buffer_reserve(&w->bytes, record_encoded_max(r));
    w->bytes.len = record_encode(w->bytes.at, r);
    uint64_t seq = journal_append(w->journal, buffer_slice(&w->bytes), w->r.now_ms);
    assert_true(seq == r->seq || seq == 0);
}

static void look(struct world *w)
{
    if (journal_durable(w->journal) > w->promised) w->promised = journal_durable(w->journal);
    if (journal_written(w->journal) > w->shown) w->shown = journal_written(w->journal);
}

/* Appends so many bytes to `big`. */
static void run_long(struct world *w, size_t len)
{
    char *bytes = mem_alloc(len);
    for (size_t i = 0; i < len; i++) bytes[i] = (char)(i * 7 + (i >> 8));
    const struct slice words[] = {SLICE("APPEND"), SLICE("big"), slice_of(bytes, len)};
    runner_run(&w->r, words, 3);
    mem_free(bytes, len);
}

static void run_line(struct world *w, const char *line)
{
    if (line[0] == '*') {
        run_long(w, (size_t)atoi(line + 1));
    } else if (line[0] == '+') {
        w->r.now_ms += atoi(line + 1);
        engine_expire(w->r.engine, w->r.now_ms, 100);
    } else {
        runner_type(&w->r, line);
    }
    if (!w->journal) return;
    journal_write(w->journal, w->r.now_ms);
    look(w);
    journal_step(w->journal);
    look(w);
}

/* Two commands in one record. */
static void run_pair(struct world *w)
{
    const struct slice set[] = {SLICE("SET"), SLICE("pair"), SLICE("x")};
    const struct slice incr[] = {SLICE("INCR"), SLICE("count")};
    engine_begin(w->r.engine, w->r.now_ms, SLICE("EXEC"), 1);
    runner_call(&w->r, set, 3);
    runner_call(&w->r, incr, 2);
    engine_seal(w->r.engine);
}

static void world_init(struct world *w)
{
    *w = (struct world){0};
    runner_init(&w->r);
    engine_expire(w->r.engine, w->r.now_ms, 0);
    w->sums[0] = sum_of(w->r.keyspace);
    engine_attach(w->r.engine, (struct record_sink){append, w});
}

static void world_fini(struct world *w)
{
    runner_fini(&w->r);
    buffer_fini(&w->bytes);
}

/* Plays it, as far as the disk lets it. A server would end where the journal fails. */
static void play(struct world *w, const struct journal_config *config, struct disk *d)
{
    struct journal_recovery found;
    struct disk_why why;
    if (journal_open(&w->journal, config, d, w->r.now_ms, &found, &why) != 0) {
        w->journal = NULL;
        return;
    }
    for (int i = 0; i < LINES_COUNT && !journal_failure(w->journal, &why); i++) {
        run_line(w, lines[i]);
        if (i % 6 == 5) run_pair(w);
    }
    uint64_t all = journal_appended(w->journal);
    if (journal_close(w->journal, w->r.now_ms, &why) == 0) w->promised = w->shown = all;
    w->journal = NULL;
}

/* What would have happened on a good disk: what the data is after each record. */
static void play_well(struct world *w)
{
    world_init(w);
    struct journal_config config = config_of(2048, JOURNAL_SYNC_ALWAYS);
    struct disk *d = disk_memory_new();
    play(w, &config, d);
    assert_true(w->promised > 20);
    disk_memory_free(d);
}

/* Recovery -------------------------------------------------------------------------------------
 */

struct back {
    struct runner r;
    struct journal *journal;
    struct record_room room;
    struct disk_why why;
};

/* Replays all there is: 0, or the error. */
static int replay_all(struct back *b)
{
    uint64_t seq;
    struct slice bytes;
    struct record r;
    struct replay_fault fault;
    struct journal_cursor *c = journal_cursor_open(b->journal, 1);
    int rc;
    while ((rc = journal_cursor_next(c, UINT64_MAX, &seq, &bytes, &b->why)) == 1) {
        rc = record_decode(bytes, seq, &b->room, &r);
        if (rc == 0) rc = engine_replay(b->r.engine, &r, &fault);
        if (rc != 0) break;
    }
    journal_cursor_close(c);
    return rc;
}

static int bring_back(struct back *b, const struct journal_config *config, struct disk *d)
{
    struct journal_recovery found;
    recoveries++;
    *b = (struct back){0};
    runner_init(&b->r);
    engine_expire(b->r.engine, b->r.now_ms, 0);
    int rc = journal_open(&b->journal, config, d, b->r.now_ms, &found, &b->why);
    if (rc != 0) return rc;
    return replay_all(b);
}

static void back_fini(struct back *b)
{
    struct disk_why why;
    if (b->journal) journal_close(b->journal, b->r.now_ms, &why);
    record_room_fini(&b->room);
    runner_fini(&b->r);
}

/* The data is that of after some record from `least` on, as on the good disk. */
static void expect_true_data(struct back *b, const struct world *good, uint64_t least)
{
    struct engine_stats stats = engine_stats(b->r.engine);
    if (stats.seq < least) fail_msg("%d of %d records are there", (int)stats.seq, (int)least);
    assert_true(stats.seq < RECORDS_MAX);
    assert_true(sum_of(b->r.keyspace) == good->sums[stats.seq]);
    assert_true(stats.last_id.ms == good->last_id[stats.seq].ms);
    assert_true(stats.last_id.n == good->last_id[stats.seq].n);
}

static void must_come_back(struct disk *d, const struct journal_config *config,
                           const struct world *good, uint64_t least)
{
    struct back b;
    int rc = bring_back(&b, config, d);
    if (rc != 0) fail_msg("%s: %s", err_text(rc), b.why.text);
    expect_true_data(&b, good, least);
    back_fini(&b);
}

/* Crashes and errors ---------------------------------------------------------------------------
 */

static uint64_t calls_of(const struct journal_config *config)
{
    struct world w;
    struct disk *d = disk_memory_new();
    world_init(&w);
    play(&w, config, d);
    uint64_t calls = disk_memory_calls(d);
    world_fini(&w);
    disk_memory_free(d);
    return calls;
}

static void crash_at(const struct world *good, const struct journal_config *config, uint64_t n)
{
    struct world w;
    struct disk *d = disk_memory_new();
    world_init(&w);
    disk_memory_fail(d, n, FAULT_CRASH);
    play(&w, config, d);
    uint64_t sectors = disk_memory_last_sectors(d);
    for (int loss = LOSS_ALL; loss <= LOSS_RANDOM; loss++) {
        uint64_t ways = loss == LOSS_TORN || loss == LOSS_HOLE ? sectors + 1
                        : loss == LOSS_RANDOM                  ? 4
                                                               : 1;
        for (uint64_t way = 0; way < ways; way++) {
            struct disk *copy = disk_memory_copy(d);
            disk_memory_crash(copy, (enum disk_loss)loss, way, seed + n + way);
            must_come_back(copy, config, good, loss == LOSS_NONE ? w.shown : w.promised);
            disk_memory_free(copy);
        }
    }
    world_fini(&w);
    disk_memory_free(d);
}

/* How many were tried so far, for docs/crash.md. */
static void tell(const char *what)
{
    print_message("%s: %llu recoveries\n", what, (unsigned long long)recoveries);
    recoveries = 0;
}

static void test_power_goes_in_every_call(void **state)
{
    (void)state;
    struct world good;
    play_well(&good);
    for (int sync = JOURNAL_SYNC_ALWAYS; sync <= JOURNAL_SYNC_NO; sync++) {
        struct journal_config config = config_of(2048, (enum journal_sync)sync);
        uint64_t calls = calls_of(&config);
        assert_true(calls > 40);
        for (uint64_t n = 1; n <= calls; n++) crash_at(&good, &config, n);
    }
    world_fini(&good);
    tell("the power goes in each call");
}

/* The n-th call fails; then the process starts again, then the power goes. */
static void test_every_call_fails(void **state)
{
    (void)state;
    struct world good;
    play_well(&good);
    struct journal_config config = config_of(2048, JOURNAL_SYNC_ALWAYS);
    uint64_t calls = calls_of(&config);
    for (uint64_t n = 1; n <= calls; n++)
        for (int fault = FAULT_IO; fault <= FAULT_SHORT; fault++) {
            struct world w;
            struct disk *d = disk_memory_new();
            world_init(&w);
            disk_memory_fail(d, n, (enum disk_fault)fault);
            play(&w, &config, d);
            struct disk *copy = disk_memory_copy(d);
            disk_memory_crash(copy, LOSS_ALL, 0, 0);
            must_come_back(copy, &config, &good, w.promised);
            disk_memory_free(copy);
            disk_memory_crash(d, LOSS_NONE, 0, 0);
            must_come_back(d, &config, &good, w.shown);
            disk_memory_crash(d, LOSS_ALL, 0, 0);
            must_come_back(d, &config, &good, w.shown); /* what came back once stays */
            world_fini(&w);
            disk_memory_free(d);
        }
    world_fini(&good);
    tell("each call fails");
}

/* A second crash in the recovery from the first. */
static void test_power_goes_in_the_recovery(void **state)
{
    (void)state;
    struct world good;
    play_well(&good);
    struct journal_config config = config_of(2048, JOURNAL_SYNC_ALWAYS);
    uint64_t calls = calls_of(&config);
    for (uint64_t n = 1; n <= calls; n += 7) {
        struct world w;
        struct disk *d = disk_memory_new();
        world_init(&w);
        disk_memory_fail(d, n, FAULT_CRASH);
        play(&w, &config, d);
        disk_memory_crash(d, LOSS_RANDOM, 0, seed + n);
        for (uint64_t m = 1; m < 30; m++) {
            struct disk *copy = disk_memory_copy(d);
            struct back b;
            disk_memory_fail(copy, m, FAULT_CRASH);
            bring_back(&b, &config, copy);
            back_fini(&b);
            disk_memory_crash(copy, LOSS_RANDOM, 0, seed + m);
            must_come_back(copy, &config, &good, w.promised);
            disk_memory_free(copy);
        }
        world_fini(&w);
        disk_memory_free(d);
    }
    world_fini(&good);
    tell("and once more in the recovery");
}

/* Damage ---------------------------------------------------------------------------------------
 */

/* Each byte, one at a time: the tail is cut, or the journal refused, never wrong data. After an
 * orderly end there is no tail to be cut. */
static void flip_each_byte(struct disk *whole, const struct journal_config *config,
                           const struct world *good, uint64_t safe)
{
    for (int number = 1; number < 40; number++) {
        char name[32];
        snprintf(name, sizeof name, "%016x.journal", (unsigned)number);
        size_t len = disk_memory_bytes(whole, name).len;
        for (size_t at = 0; at < len; at++) {
            struct disk *d = disk_memory_copy(whole);
            struct back b;
            disk_memory_flip(d, name, at, (unsigned char)(1u << (at + seed) % 8));
            int rc = bring_back(&b, config, d);
            if (rc == 0) expect_true_data(&b, good, safe);
            if (rc != 0) assert_true(rc == ERR_CORRUPT && strstr(b.why.text, name));
            back_fini(&b);
            disk_memory_free(d);
        }
    }
}

static void test_each_byte_is_flipped(void **state)
{
    (void)state;
    struct world good, w;
    play_well(&good);
    struct journal_config config = config_of(2048, JOURNAL_SYNC_ALWAYS);
    struct disk *d = disk_memory_new();
    world_init(&w);
    play(&w, &config, d);
    flip_each_byte(d, &config, &good, w.promised);
    world_fini(&w);
    disk_memory_free(d);
    world_fini(&good);
    tell("each byte is flipped");
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_goes_in_every_call),
        cmocka_unit_test(test_every_call_fails),
        cmocka_unit_test(test_power_goes_in_the_recovery),
        cmocka_unit_test(test_each_byte_is_flipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
