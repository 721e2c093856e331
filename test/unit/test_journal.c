#include "../../src/io/thread.h"
#include "journals.h"

#include <unistd.h>

static void writes_and_reads(void **state)
{
    (void)state;
    const uint64_t sizes[] = {1024, 2048, 4096, 65536};
    for (int k = 0; k < STORIES_COUNT; k++)
        for (int i = 0; i < 4; i++)
            for (int each = 0; each < 2; each++) {
                struct journal_config config = config_of(sizes[i]);
                config.segment_per_record = each;
                config.first_bytes = i % 2 ? 1024 : 0;
                calls_of(&STORIES[k], &config);
            }
}

/* The power goes in each call; what is then on the disk is one of many things. -------------------
 */

static void crash_at(const struct story *story, const struct journal_config *config, uint64_t n)
{
    struct story s = *story;
    struct disk *d = disk_memory_new();
    disk_memory_fail(d, n, FAULT_CRASH);
    play(&s, config, d);
    uint64_t most = s.until, sectors = disk_memory_last_sectors(d);
    for (int loss = LOSS_ALL; loss <= LOSS_RANDOM; loss++) {
        uint64_t ways = loss == LOSS_TORN || loss == LOSS_HOLE ? sectors + 1
                        : loss == LOSS_RANDOM                  ? 4
                                                               : 1;
        for (uint64_t way = 0; way < ways; way++) {
            struct disk *copy = disk_memory_copy(d);
            disk_memory_crash(copy, (enum disk_loss)loss, way, seed + n + way);
            must_have(copy, config, &s, loss == LOSS_NONE ? s.written : s.durable, most);
            disk_memory_free(copy);
        }
    }
    disk_memory_free(d);
}

static void survives_a_crash_in_every_call(void **state)
{
    (void)state;
    for (int k = 0; k < STORIES_COUNT; k++) {
        struct journal_config config = config_of(k == 1 ? 4096 : 2048);
        config.first_bytes = 1024;
        uint64_t calls = calls_of(&STORIES[k], &config);
        for (uint64_t n = 1; n <= calls; n++) crash_at(&STORIES[k], &config, n);
    }
}

/* And once more while it recovers from that. */
static void survives_a_crash_in_the_recovery(void **state)
{
    (void)state;
    struct journal_config config = config_of(2048);
    const struct story *story = &STORIES[1];
    uint64_t calls = calls_of(story, &config);
    for (uint64_t n = 1; n <= calls; n += 3) {
        struct story s = *story;
        struct disk *d = disk_memory_new();
        disk_memory_fail(d, n, FAULT_CRASH);
        play(&s, &config, d);
        disk_memory_crash(d, LOSS_RANDOM, 0, seed + n);
        for (uint64_t m = 1; m < 40; m++) {
            struct disk *copy = disk_memory_copy(d);
            struct journal *j;
            struct journal_recovery found;
            struct disk_why why;
            disk_memory_fail(copy, m, FAULT_CRASH);
            if (journal_open(&j, &config, copy, NOW, &found, &why) == 0)
                journal_close(j, NOW, &why);
            disk_memory_crash(copy, LOSS_RANDOM, 0, seed + m);
            must_have(copy, &config, &s, s.durable, s.until);
            disk_memory_free(copy);
        }
        disk_memory_free(d);
    }
}

/* What a dead process had only written is durable once it is recovered. */
static void what_is_recovered_is_durable(void **state)
{
    (void)state;
    char bytes[RECORD_MAX];
    struct journal_config config = config_of(65536);
    struct journal_recovery found;
    struct journal *j;
    struct disk_why why;
    struct disk *d = disk_memory_new();
    struct story s = {.shape = &PLAIN};
    must(journal_open(&j, &config, d, NOW, &found, &why), &why);
    for (uint64_t n = 1; n <= 9; n++) journal_append(j, record_of(&PLAIN, n, bytes), NOW);
    journal_write(j, NOW);
    assert_int_equal(journal_written(j), 9);
    struct disk *copy = disk_memory_copy(d);
    disk_memory_crash(copy, LOSS_NONE, 0, 0);
    must(journal_close(j, NOW, &why), &why);
    disk_memory_free(d);

    must(journal_open(&j, &config, copy, NOW, &found, &why), &why);
    assert_int_equal(journal_durable(j), 9);
    d = disk_memory_copy(copy);
    disk_memory_crash(d, LOSS_ALL, 0, 0);
    must_have(d, &config, &s, 9, 9);
    disk_memory_free(d);
    must(journal_close(j, NOW, &why), &why);
    disk_memory_free(copy);
}

static void stands_still_after_an_error(void **state)
{
    (void)state;
    struct journal_config config = config_of(2048);
    for (int k = 0; k < STORIES_COUNT; k++) {
        uint64_t calls = calls_of(&STORIES[k], &config);
        for (uint64_t n = 1; n <= calls; n++)
            for (int fault = FAULT_IO; fault <= FAULT_SHORT; fault++) {
                struct story s = STORIES[k];
                struct disk *d = disk_memory_new();
                disk_memory_fail(d, n, (enum disk_fault)fault);
                bool well = play(&s, &config, d);
                if (fault == FAULT_SHORT) assert_true(well);
                disk_memory_crash(d, LOSS_ALL, 0, 0);
                must_have(d, &config, &s, s.durable, s.until);
                disk_memory_free(d);
            }
    }
}

/* A process that could not sync ends; the next one, on the same machine, still reads what the disk
 * does not have, and goes on behind it. Then the power goes: what it said was durable is there. */
static void believes_no_page_that_a_failed_sync_left(void **state)
{
    (void)state;
    struct journal_config config = config_of(2048);
    for (int k = 0; k < STORIES_COUNT; k++) {
        uint64_t calls = calls_of(&STORIES[k], &config);
        for (uint64_t n = 1; n <= calls; n++) {
            struct story s = STORIES[k];
            struct disk *d = disk_memory_new();
            disk_memory_fail(d, n, FAULT_IO);
            play(&s, &config, d);
            disk_memory_crash(d, LOSS_NONE, 0, 0);

            struct journal *j;
            struct journal_recovery found;
            struct disk_why why;
            must(journal_open(&j, &config, d, NOW, &found, &why), &why);
            struct story more = {.shape = s.shape, .now = NOW};
            assert_true(live(&more, j, found.last_seq + 5));
            assert_int_equal(journal_durable(j), found.last_seq + 5);
            struct disk *copy = disk_memory_copy(d);
            disk_memory_crash(copy, LOSS_ALL, 0, 0);
            must_have(copy, &config, &s, found.last_seq + 5, found.last_seq + 5);
            disk_memory_free(copy);
            must(journal_close(j, NOW, &why), &why);
            disk_memory_free(d);
        }
    }
}

/* Whoever gives out ids must know whether some were given that are forgotten. */
static void knows_whether_it_was_closed(void **state)
{
    (void)state;
    char bytes[RECORD_MAX];
    struct journal_config config = config_of(2048);
    struct journal_recovery found;
    struct journal *j;
    struct disk_why why;
    struct disk *d = disk_memory_new();
    for (uint64_t epoch = 1; epoch <= 3; epoch++) {
        must(journal_open(&j, &config, d, NOW, &found, &why), &why);
        assert_true(found.clean && found.epoch == epoch && found.last_epoch == epoch - 1);
        journal_append(j, record_of(&PLAIN, epoch, bytes), NOW);
        must(journal_close(j, NOW, &why), &why);
    }
    /* Three epochs of which nothing is left, each with a start that came to nothing before it. */
    for (uint64_t epoch = 4; epoch <= 6; epoch++) {
        for (uint64_t n = 2; n < 14; n++) {
            struct disk *copy = disk_memory_copy(d);
            disk_memory_fail(copy, n, FAULT_CRASH);
            if (journal_open(&j, &config, copy, NOW, &found, &why) == 0)
                journal_close(j, NOW, &why);
            disk_memory_crash(copy, LOSS_RANDOM, 0, seed + n);
            must(journal_open(&j, &config, copy, NOW, &found, &why), &why);
            assert_true(found.epoch - found.last_epoch - found.clean >= epoch - 4);
            must(journal_close(j, NOW, &why), &why);
            disk_memory_free(copy);
        }
        must(journal_open(&j, &config, d, NOW, &found, &why), &why);
        assert_true(found.epoch == epoch && found.last_epoch == 3 && found.clean == (epoch == 4));
        journal_append(j, record_of(&PLAIN, 4, bytes), NOW);
        struct disk *copy = disk_memory_copy(d);
        disk_memory_crash(copy, LOSS_ALL, 0, 0);
        must(journal_close(j, NOW, &why), &why);
        disk_memory_free(d);
        d = copy;
    }
    disk_memory_free(d);
}

static void reports_the_error_once_and_for_all(void **state)
{
    (void)state;
    struct journal_config config = config_of(65536);
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    struct disk *d = disk_memory_new();
    must(journal_open(&j, &config, d, NOW, &found, &why), &why);
    while (journal_step(j)) {
    }
    assert_int_equal(journal_append(j, SLICE("one"), NOW), 1);
    journal_write(j, NOW);
    disk_memory_fail(d, 1, FAULT_IO);
    while (journal_step(j)) {
    }
    assert_true(disk_memory_failed(d));
    uint64_t calls = disk_memory_calls(d);
    assert_int_equal(journal_failure(j, &why), ERR_IO);
    assert_non_null(strstr(why.text, "0000000000000001.journal: Input/output error"));
    assert_int_equal(journal_admits(j), ERR_IO);
    assert_int_equal(journal_append(j, SLICE("two"), NOW), 0);
    journal_write(j, NOW + 5000);
    while (journal_step(j)) {
    }
    assert_int_equal(journal_durable(j), 0);
    assert_int_equal(journal_written(j), 1);
    assert_int_equal(disk_memory_calls(d), calls);
    assert_int_equal(journal_close(j, NOW, &why), ERR_IO);
    disk_memory_free(d);
}

/* Damage -----------------------------------------------------------------------------------------
 */

/* One byte of one file is another: refused, or the tail cut; what is below a mark never missing. */
static void flip_and_look(struct disk *whole, const char *name, uint64_t at, const struct story *s,
                          uint64_t safe)
{
    struct journal_config config = config_of(2048);
    struct disk *d = disk_memory_copy(whole);
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    disk_memory_flip(d, name, at, (unsigned char)(1u << at % 8));
    int rc = journal_open(&j, &config, d, NOW, &found, &why);
    if (rc == 0) {
        uint64_t last;
        rc = read_all(j, s->shape, &last, &why);
        if (rc == 0) assert_true(last >= safe);
        assert_true(last <= s->until);
        journal_close(j, NOW, &why);
    }
    if (rc != 0) {
        assert_true(rc == ERR_CORRUPT);
        assert_non_null(strstr(why.text, ".journal"));
        assert_non_null(strstr(why.text, "offset"));
    }
    disk_memory_free(d);
}

static void notices_every_flipped_byte(void **state)
{
    (void)state;
    struct journal_config config = config_of(2048);
    for (int k = 0; k < 2; k++) {
        struct story s = STORIES[k];
        struct disk *d = disk_memory_new();
        assert_true(play(&s, &config, d));
        for (uint64_t number = 1; number < 99; number++) {
            char name[32];
            snprintf(name, sizeof name, "%016llx.journal", (unsigned long long)number);
            size_t len = disk_memory_bytes(d, name).len;
            /* It was closed with a mark, so nothing may be lost, the last byte included. */
            for (uint64_t at = 0; at < len; at++) flip_and_look(d, name, at, &s, s.until);
        }
        disk_memory_free(d);
    }
}

static void copy_file(struct disk *from, struct disk *to, const char *name)
{
    struct disk_why why;
    struct slice bytes = disk_memory_bytes(from, name);
    assert_true(bytes.len > 0);
    must(to->unlink(to, name, &why), &why);
    int file = to->open(to, name, DISK_WRITE | DISK_NEW, &why);
    must(disk_write_all(to, file, bytes.at, bytes.len, 0, &why), &why);
    to->close(to, file);
}

/* A segment of another journal, sound in itself, of the same numbers. */
static void notices_a_foreign_segment(void **state)
{
    (void)state;
    struct journal_config config = config_of(2048);
    struct disk *d[2];
    for (int i = 0; i < 2; i++) {
        struct story s = STORIES[0];
        d[i] = disk_memory_new();
        config.seed = seed + (uint64_t)i;
        assert_true(play(&s, &config, d[i]));
    }
    for (int number = 1; number <= 4; number++) {
        char name[32];
        struct journal *j;
        struct journal_recovery found;
        struct disk_why why;
        uint64_t last;
        snprintf(name, sizeof name, "%016d.journal", number);
        struct disk *mixed = disk_memory_copy(d[0]);
        if (disk_memory_bytes(mixed, name).len > 0) {
            copy_file(d[1], mixed, name);
            int rc = journal_open(&j, &config, mixed, NOW, &found, &why);
            if (rc == 0) {
                rc = read_all(j, &PLAIN, &last, &why);
                journal_close(j, NOW, &why);
            }
            assert_int_equal(rc, ERR_CORRUPT);
        }
        disk_memory_free(mixed);
    }
    for (int i = 0; i < 2; i++) disk_memory_free(d[i]);
}

static void notices_a_missing_segment(void **state)
{
    (void)state;
    struct journal_config config = config_of(2048);
    struct story s = STORIES[0];
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    struct disk *d = disk_memory_new();
    assert_true(play(&s, &config, d));
    must(d->unlink(d, "0000000000000002.journal", &why), &why);
    assert_int_equal(journal_open(&j, &config, d, NOW, &found, &why), ERR_CORRUPT);
    assert_non_null(strstr(why.text, "0000000000000002.journal"));
    disk_memory_free(d);
}

/* A full disk, two owners, retention, the tail, time ----------------------------------------------
 */

static void refuses_when_full_and_goes_on_later(void **state)
{
    (void)state;
    struct journal_config config = config_of(2048);
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    char bytes[RECORD_MAX];
    struct disk *d = disk_memory_new();
    disk_memory_set_room(d, 2048);
    must(journal_open(&j, &config, d, NOW, &found, &why), &why);
    while (journal_step(j)) {
    }
    uint64_t n = 0;
    while (journal_admits(j) == 0) {
        assert_true(n < 100);
        assert_int_equal(journal_append(j, record_of(&PLAIN, n + 1, bytes), NOW), n + 1);
        n++;
        journal_write(j, NOW);
        while (journal_step(j)) {
        }
    }
    assert_int_equal(journal_admits(j), ERR_LIMIT);
    assert_int_equal(journal_failure(j, &why), 0);
    uint64_t last;
    must(read_all(j, &PLAIN, &last, &why), &why);
    assert_int_equal(last, journal_written(j));
    for (int i = 0; i < 20; i++, n++) journal_append(j, record_of(&PLAIN, n + 1, bytes), NOW);
    journal_write(j, NOW);
    while (journal_step(j)) {
    }
    assert_true(journal_durable(j) < n);
    disk_memory_set_room(d, 1 << 20);
    journal_write(j, NOW + 2000);
    while (journal_step(j)) {
    }
    assert_int_equal(journal_durable(j), n);
    assert_int_equal(journal_admits(j), 0);
    must(journal_close(j, NOW + 2000, &why), &why);
    disk_memory_set_room(d, 0);
    must(journal_open(&j, &config, d, NOW, &found, &why), &why);
    assert_int_equal(journal_admits(j), ERR_LIMIT);
    must(read_all(j, &PLAIN, &last, &why), &why);
    assert_int_equal(last, n);
    must(journal_close(j, NOW, &why), &why);
    disk_memory_free(d);
}

/* Not at once and not too late: in step with the segment in use. */
static void makes_the_next_segment_in_time(void **state)
{
    (void)state;
    enum { SEGMENT = 4 << 20, SLICES = SEGMENT >> 18 };
    static const char record[4096];
    struct journal_config config = config_of(SEGMENT);
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    struct disk *d = disk_memory_new();
    config.first_bytes = SEGMENT;
    config.sync = JOURNAL_SYNC_NO;
    config.describer.describe = NULL;
    must(journal_open(&j, &config, d, NOW, &found, &why), &why);
    int slices = -1; /* the first step only takes the room */
    for (uint64_t used = 0; used + 2 * 4096 < SEGMENT; used += 4096) {
        while (journal_step(j)) slices++;
        int due = (int)(SLICES * 2 * used / SEGMENT);
        if (due > SLICES) due = SLICES;
        assert_in_range(slices, due, due + 1);
        journal_append(j, slice_of(record, 4000), NOW);
        journal_write(j, NOW);
    }
    must(journal_close(j, NOW, &why), &why);
    disk_memory_free(d);
}

static void has_one_owner(void **state)
{
    (void)state;
    struct journal_config config = config_of(2048);
    struct journal *j, *other;
    struct journal_recovery found;
    struct disk_why why;
    struct disk *d = disk_memory_new();
    must(journal_open(&j, &config, d, NOW, &found, &why), &why);
    assert_int_equal(journal_open(&other, &config, d, NOW, &found, &why), ERR_BUSY);
    must(journal_close(j, NOW, &why), &why);
    must(journal_open(&j, &config, d, NOW, &found, &why), &why);
    must(journal_close(j, NOW, &why), &why);
    disk_memory_free(d);
}

static void keeps_a_tail_in_memory(void **state)
{
    (void)state;
    char bytes[RECORD_MAX];
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    struct journal_config config = config_of(2048);
    config.tail_bytes_max = 32768;
    struct disk *d = disk_memory_new();
    struct buffer scratch = {0};
    must(journal_open(&j, &config, d, NOW, &found, &why), &why);
    struct story s = {.shape = &PIECES, .now = NOW};
    assert_true(live(&s, j, 120));
    struct slice record;
    uint64_t first = journal_tail_first(j);
    assert_true(first > 1 && first < 118);
    uint64_t calls = disk_memory_calls(d);
    for (uint64_t n = first; n <= 120; n++) {
        assert_int_equal(journal_tail(j, n, &scratch, &record), 1);
        assert_true(slice_equal(record, record_of(&PIECES, n, bytes)));
    }
    for (uint64_t n = 120; n >= first; n--) {
        assert_int_equal(journal_tail(j, n, &scratch, &record), 1);
        assert_true(slice_equal(record, record_of(&PIECES, n, bytes)));
    }
    assert_int_equal(journal_tail(j, first - 1, &scratch, &record), 0);
    assert_int_equal(journal_tail(j, 121, &scratch, &record), 0);
    assert_int_equal(disk_memory_calls(d), calls);
    buffer_fini(&scratch);
    must(journal_close(j, NOW, &why), &why);
    disk_memory_free(d);
}

static void leaves_no_files_by_restarting(void **state)
{
    (void)state;
    struct journal_config config = config_of(2048);
    struct story s = {.shape = &PLAIN, .now = NOW};
    struct disk *d = disk_memory_new();
    for (int i = 0; i < 50; i++) {
        struct journal *j;
        struct journal_recovery found;
        struct disk_why why;
        must(journal_open(&j, &config, d, NOW, &found, &why), &why);
        assert_true(found.segments <= 2);
        if (i == 10) assert_true(live(&s, j, 5));
        if (i > 10) assert_int_equal(found.last_seq, 5);
        must(journal_close(j, NOW, &why), &why);
    }
    disk_memory_free(d);
}

/* Numbers of a journal that begins anywhere, beside one that was there before. */
static void append_some(struct journal *j, uint64_t first)
{
    char bytes[RECORD_MAX];
    for (uint64_t n = first; n < first + 9; n++)
        assert_int_equal(journal_append(j, record_of(&PLAIN, n, bytes), NOW), n);
    journal_write(j, NOW);
    while (journal_step(j)) {
    }
    assert_int_equal(journal_durable(j), first + 8);
}

static void begins_with_any_number(void **state)
{
    (void)state;
    struct journal_config config = config_of(2048);
    struct story s = {.shape = &PLAIN};
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    struct disk *d = disk_memory_new();
    config.first_seq = 1000;
    for (int round = 0; round < 2; round++) {
        must(journal_open(&j, &config, d, NOW, &found, &why), &why);
        assert_int_equal(found.first_seq, 1000);
        assert_int_equal(found.last_seq, 999);
        assert_int_equal(journal_first(j), 1000);
        if (round == 1) append_some(j, 1000);
        must(journal_close(j, NOW, &why), &why);
    }
    config.first_seq = 5; /* which is not asked any more */
    must_have(d, &config, &s, 1008, 1008);
    disk_memory_free(d);
}

/* What was given up is there as a whole, or nothing of it. */
static void is_begun_anew_or_not(void **state)
{
    (void)state;
    const uint64_t firsts[] = {1, 20, 500};
    struct journal_config old = config_of(2048), anew = old;
    struct story s = STORIES[0];
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    struct disk *before = disk_memory_new();
    anew.anew = true;
    assert_true(play(&s, &old, before));
    for (int i = 0; i < 3; i++) {
        bool met = true;
        anew.first_seq = firsts[i];
        for (uint64_t n = 1; met; n++)
            for (int fault = FAULT_IO; fault <= FAULT_CRASH; fault++) {
                struct disk *d = disk_memory_copy(before);
                disk_memory_fail(d, n, (enum disk_fault)fault);
                int rc = journal_open(&j, &anew, d, NOW, &found, &why);
                met = disk_memory_failed(d);
                assert_true(rc == 0 || met);
                if (rc == 0) assert_int_equal(journal_first(j), firsts[i]);
                if (rc == 0) journal_close(j, NOW, &why);
                disk_memory_crash(d, fault == FAULT_CRASH ? LOSS_RANDOM : LOSS_ALL, 0, seed + n);
                must(journal_open(&j, &old, d, NOW, &found, &why), &why);
                bool is_new = found.first_seq == firsts[i] && found.last_seq == firsts[i] - 1;
                assert_true(is_new || (found.first_seq == 1 && found.last_seq == s.until));
                if (rc == 0 && fault != FAULT_CRASH) assert_true(is_new);
                append_some(j, found.last_seq + 1);
                uint64_t last;
                must(read_all(j, &PLAIN, &last, &why), &why);
                assert_int_equal(last, found.last_seq + 9);
                must(journal_close(j, NOW, &why), &why);
                disk_memory_free(d);
            }
    }
    disk_memory_free(before);
}

static void plays_at_random(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    for (int i = 0; i < 60; i++) {
        struct shape shape = {random_below(&r, 200), random_below(&r, 5900),
                              1 + random_below(&r, 20)};
        struct journal_config config = config_of(1024 + 512 * random_below(&r, 40));
        config.segment_per_record = random_below(&r, 8) == 0;
        config.sync = (enum journal_sync)random_below(&r, 3);
        struct story s = {.shape = &shape,
                          .until = 1 + random_below(&r, 60),
                          .rounds = 1 + (int)random_below(&r, 4)};
        struct disk *d = disk_memory_new();
        disk_memory_fail(d, 1 + random_below(&r, 400), FAULT_CRASH);
        play(&s, &config, d);
        bool power = random_below(&r, 2);
        disk_memory_crash(d, power ? LOSS_RANDOM : LOSS_NONE, 0, random_u64(&r));
        must_have(d, &config, &s, power ? s.durable : s.written, s.until);
        disk_memory_free(d);
    }
}

/* With the thread, on the real disk ---------------------------------------------------------------
 */

struct reader {
    struct journal *journal;
    uint64_t until, read;
};

static void read_along(void *ctx)
{
    struct reader *r = ctx;
    char bytes[RECORD_MAX];
    struct disk_why why;
    struct journal_cursor *c = journal_cursor_open(r->journal, 1);
    while (r->read < r->until) {
        uint64_t seq;
        struct slice record;
        int rc = journal_cursor_next(c, UINT64_MAX, &seq, &record, &why);
        if (rc < 0) break;
        if (rc == 0) {
            usleep(200);
            continue;
        }
        if (seq != r->read + 1 || !slice_equal(record, record_of(&PIECES, seq, bytes))) break;
        r->read = seq;
    }
    journal_cursor_close(c);
}

/* Only what may match, in order. */
static void seek_along(void *ctx)
{
    struct reader *r = ctx;
    const struct journal_any rare = {.bits = {[3] = UINT64_C(1) << (201 - 192)}};
    const struct journal_filter filter = {&rare, 1};
    struct disk_why why;
    uint64_t seq;
    struct slice record;
    struct journal_cursor *c = journal_cursor_open(r->journal, 1);
    journal_cursor_filter(c, &filter);
    while (journal_cursor_at(c) <= r->until) {
        int rc = journal_cursor_next(c, UINT64_MAX, &seq, &record, &why);
        if (rc < 0) break;
        if (rc == 0) usleep(200);
        if (rc == 1 && seq % 40 == 0) r->read++;
    }
    journal_cursor_close(c);
}

static void wake(void *ctx)
{
    wakeup_ring(*(int *)ctx);
}

static void runs_with_its_thread(void **state)
{
    (void)state;
    char folder[] = "/tmp/hark-journal-XXXXXX", command[64], bytes[RECORD_MAX];
    assert_non_null(mkdtemp(folder));
    struct disk *d;
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    struct thread thread, other;
    int bell = wakeup_open();
    struct journal_config config = config_of(16384);
    config.threaded = true;
    config.wake = wake;
    config.wake_ctx = &bell;
    must(disk_open(folder, &d, &why), &why);
    must(journal_open(&j, &config, d, NOW, &found, &why), &why);
    struct reader reader = {j, 300, 0}, seeker = {j, 300, 0};
    must(thread_start(&thread, "reader", read_along, &reader), &why);
    must(thread_start(&other, "seeker", seek_along, &seeker), &why);
    for (uint64_t n = 1; n <= 300; n++) {
        assert_int_equal(journal_append(j, record_of(&PIECES, n, bytes), NOW), n);
        if (n % 3 == 0) journal_write(j, NOW);
        if (n % 50 == 0) journal_check(j);
        if (n % 100 != 0) continue;
        journal_flush(j, NOW);
        while (journal_durable(j) < n) usleep(100);
    }
    thread_join(&thread);
    thread_join(&other);
    assert_int_equal(reader.read, 300);
    assert_int_equal(seeker.read, 300 / 40);
    assert_int_equal(journal_failure(j, &why), 0);
    must(journal_close(j, NOW, &why), &why);
    must(journal_open(&j, &config, d, NOW, &found, &why), &why);
    uint64_t last;
    must(read_all(j, &PIECES, &last, &why), &why);
    assert_int_equal(last, 300);
    assert_int_equal(found.cut_bytes, 0);
    must(journal_close(j, NOW, &why), &why);
    disk_close(d);
    wakeup_close(bell);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

/* Looking first ------------------------------------------------------------------------------ */

static int add_to_sum(void *ctx, const char *name)
{
    struct buffer *to = ctx;
    if (strcmp(name, "lock") != 0) buffer_printf(to, "%s\n", name);
    return 0;
}

/* All names and bytes of a folder. */
static struct buffer all_of(struct disk *d)
{
    struct buffer names = {0}, all = {0};
    struct disk_why why;
    must(d->list(d, add_to_sum, &names, &why), &why);
    for (char *at = names.at, *end;
         names.len && (end = memchr(at, '\n', names.at + names.len - at)); at = end + 1) {
        *end = 0;
        struct slice bytes = disk_memory_bytes(d, at);
        buffer_printf(&all, "%s %zu ", at, bytes.len);
        buffer_add_slice(&all, bytes);
    }
    buffer_fini(&names);
    return all;
}

/* Whatever a crash left, an opening that only looks reads all of it and changes nothing; begun, it
 * is as any other. */
static void looks_before_it_changes_anything(void **state)
{
    (void)state;
    bool whole = false;
    for (uint64_t n = 1; !whole; n++) {
        struct journal_config config = config_of(2048);
        struct story s = STORIES[n % STORIES_COUNT];
        struct journal *j;
        struct journal_recovery looked, found;
        struct disk_why why;
        uint64_t last, again;
        struct disk *d = disk_memory_new();
        disk_memory_fail(d, n, FAULT_CRASH);
        whole = play(&s, &config, d) && n % STORIES_COUNT == 2;
        disk_memory_crash(d, LOSS_RANDOM, 0, seed + n);
        struct buffer before = all_of(d);
        config.looks_first = true;
        must(journal_open(&j, &config, d, NOW, &looked, &why), &why);
        assert_int_equal(journal_first(j), looked.first_seq);
        assert_int_equal(journal_appended(j), looked.last_seq);
        must(read_all(j, s.shape, &last, &why), &why);
        assert_int_equal(last, looked.last_seq);
        must(journal_close(j, NOW, &why), &why);
        struct buffer after = all_of(d);
        assert_true(slice_equal(buffer_slice(&before), buffer_slice(&after)));
        buffer_fini(&before);
        buffer_fini(&after);

        must(journal_open(&j, &config, d, NOW, &found, &why), &why);
        assert_memory_equal(&found, &looked, sizeof found);
        must(journal_begin(j, NOW, &why), &why);
        struct story more = {.shape = s.shape, .now = NOW};
        assert_true(live(&more, j, last + 5));
        must(read_all(j, s.shape, &again, &why), &why);
        assert_int_equal(again, last + 5);
        must(journal_close(j, NOW, &why), &why);
        disk_memory_free(d);
    }
}

int main(void)
{
    seed_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads),
        cmocka_unit_test(survives_a_crash_in_every_call),
        cmocka_unit_test(survives_a_crash_in_the_recovery),
        cmocka_unit_test(what_is_recovered_is_durable),
        cmocka_unit_test(stands_still_after_an_error),
        cmocka_unit_test(believes_no_page_that_a_failed_sync_left),
        cmocka_unit_test(knows_whether_it_was_closed),
        cmocka_unit_test(reports_the_error_once_and_for_all),
        cmocka_unit_test(notices_every_flipped_byte),
        cmocka_unit_test(notices_a_foreign_segment),
        cmocka_unit_test(notices_a_missing_segment),
        cmocka_unit_test(refuses_when_full_and_goes_on_later),
        cmocka_unit_test(makes_the_next_segment_in_time),
        cmocka_unit_test(has_one_owner),
        cmocka_unit_test(keeps_a_tail_in_memory),
        cmocka_unit_test(leaves_no_files_by_restarting),
        cmocka_unit_test(begins_with_any_number),
        cmocka_unit_test(is_begun_anew_or_not),
        cmocka_unit_test(plays_at_random),
        cmocka_unit_test(runs_with_its_thread),
        cmocka_unit_test(looks_before_it_changes_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
