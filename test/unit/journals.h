/* Journals for tests: records whose bytes follow from their number, a small life of a journal that
 * can be stopped at any call of its disk, and what must be true of what was left. */
#ifndef HARK_TEST_JOURNALS_H
#define HARK_TEST_JOURNALS_H

#include "../../src/base/err.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/io/disk_memory.h"
#include "../../src/journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed; /* of the run: see seed_begin */

enum { RECORD_MAX = 6000 };
static const int64_t NOW = INT64_C(1763800000000);

/* Record n has bytes that follow from n and its size; the size from n and `shape`. ---------------
 */

struct shape {
    size_t small, large; /* every `every`-th record is large */
    uint64_t every;
};

static const struct shape PLAIN = {40, 300, 3}, PIECES = {100, 2500, 3};

static inline size_t size_of_record(const struct shape *s, uint64_t n)
{
    return n % s->every == 0 ? s->large + n % 7 : s->small + n % 5;
}

static inline struct slice record_of(const struct shape *s, uint64_t n, char bytes[RECORD_MAX])
{
    size_t len = size_of_record(s, n);
    for (size_t i = 0; i < len; i++) bytes[i] = (char)(n * 31 + i * 7 + (i >> 8));
    return slice_of(bytes, len);
}

/* A record's features: three bits, and hashes of its number and of its number / 50. */
static inline uint64_t hash_of(uint64_t n, uint64_t per)
{
    return (n / per + 1) * 0x9e3779b97f4a7c15u + per;
}

static inline void describe(void *ctx, uint64_t seq, struct slice record,
                            struct journal_features *to)
{
    (void)ctx;
    (void)record;
    journal_has_bit(to, (unsigned)(seq % 3));
    journal_has_bit(to, seq % 40 == 0 ? 201 : 200);
    journal_has_hash(to, hash_of(seq, 1));
    journal_has_hash(to, hash_of(seq, 50));
}

static inline struct journal_config config_of(uint64_t segment_bytes)
{
    return (struct journal_config){
        .segment_bytes = segment_bytes,
        .sync = JOURNAL_SYNC_ALWAYS,
        .tail_bytes_max = 4096,
        .backlog_bytes_max = 1 << 20,
        .reserve_bytes = 200,
        .index_bytes = 256,
        .describer = {1, describe, NULL},
        .seed = seed,
    };
}

static inline void must(int rc, const struct disk_why *why)
{
    if (rc != 0) fail_msg("%s: %s", err_text(rc), why->text);
}

/* A small workload: what it was told was safe. `until` records, a write each third. -------------
 */

struct story {
    const struct shape *shape;
    uint64_t until, written, durable;
    int64_t now;
    uint64_t retain; /* lets go what is so far behind; 0: nothing */
    int rounds;      /* how many times it is opened and closed */
};

static inline void look(struct story *s, struct journal *j)
{
    if (journal_written(j) > s->written) s->written = journal_written(j);
    if (journal_durable(j) > s->durable) s->durable = journal_durable(j);
    journal_check(j);
}

/* Now copied, now written in place, where more room was asked for than is used. */
static inline uint64_t append(struct journal *j, const struct story *s, uint64_t n)
{
    char bytes[RECORD_MAX];
    struct slice record = record_of(s->shape, n, bytes);
    if (n % 2) return journal_append(j, record, s->now);
    if (n % 5 == 0) journal_reserve(j, 33, s->now);
    char *to = journal_reserve(j, record.len + n % 64, s->now);
    if (!to) return 0;
    memcpy(to, record.at, record.len);
    memset(to + record.len, 'x', n % 64);
    return journal_commit(j, record.len, s->now);
}

static inline bool live(struct story *s, struct journal *j, uint64_t until)
{
    struct disk_why why;
    while (journal_appended(j) < until) {
        uint64_t n = journal_appended(j) + 1;
        if (append(j, s, n) == 0) return false;
        if (n % 3 == 0) journal_write(j, s->now);
        look(s, j);
        if (n % 4 == 0 && journal_step(j)) look(s, j);
        if (s->retain && n > s->retain) journal_retain(j, n - s->retain, 0);
        if (n % 8 == 0) {
            while (journal_step(j)) look(s, j);
            s->now += 1500;
            journal_write(j, s->now);
        }
        if (journal_failure(j, &why)) return false;
    }
    journal_write(j, s->now);
    while (journal_step(j)) look(s, j);
    return journal_failure(j, &why) == 0;
}

/* Plays it; false when the disk stopped it. */
static inline bool play(struct story *s, const struct journal_config *config, struct disk *d)
{
    s->now = NOW;
    for (int round = 0; round < s->rounds; round++) {
        struct journal *j;
        struct journal_recovery found;
        struct disk_why why;
        int rc = journal_open(&j, config, d, s->now, &found, &why);
        if (rc != 0) return false;
        bool well = live(s, j, s->until * (uint64_t)(round + 1) / (uint64_t)s->rounds);
        look(s, j);
        uint64_t appended = journal_appended(j);
        rc = journal_close(j, s->now, &why);
        if (rc == 0) s->written = s->durable = appended;
        if (!well || rc != 0) return false;
    }
    return true;
}

/* Reads all there is: right bytes, right numbers; the last of them. */
static inline int read_all(struct journal *j, const struct shape *shape, uint64_t *last,
                           struct disk_why *why)
{
    char bytes[RECORD_MAX];
    uint64_t seq, expected = journal_first(j);
    struct slice record;
    struct journal_cursor *c = journal_cursor_open(j, expected);
    int rc;
    while ((rc = journal_cursor_next(c, UINT64_MAX, &seq, &record, why)) == 1) {
        assert_int_equal(seq, expected++);
        assert_true(slice_equal(record, record_of(shape, seq, bytes)));
    }
    journal_cursor_close(c);
    *last = expected - 1;
    return rc;
}

/* Looks for every 40th record and for one of the others, forwards and backwards: they are all
 * found, in order. Returns how many records were given for that. */
static inline uint64_t look_for(struct journal *j, const struct journal_filter *filter,
                                bool (*wanted)(uint64_t n, uint64_t arg), uint64_t arg,
                                uint64_t last)
{
    uint64_t expected = journal_first(j), seq, given = 0;
    struct slice record;
    struct disk_why why;
    int rc;
    struct journal_cursor *c = journal_cursor_open(j, expected);
    journal_cursor_filter(c, filter);
    while ((rc = journal_cursor_next(c, last, &seq, &record, &why)) > 0) {
        if (rc == 1) given++;
        uint64_t upto = rc == 1 ? seq : journal_cursor_at(c);
        for (; expected < upto; expected++) assert_false(wanted(expected, arg));
        if (rc == 1) expected++;
    }
    must(rc, &why);
    for (; expected <= last; expected++) assert_false(wanted(expected, arg));

    uint64_t before = last + 1, first;
    while ((rc = journal_cursor_back(c, before, &first, &why)) > 0) {
        assert_true(first < before);
        for (uint64_t n = first; rc == 2 && n < before; n++) assert_false(wanted(n, arg));
        if (rc == 1) {
            int found = journal_cursor_next(c, before - 1, &seq, &record, &why);
            assert_true(found == 1 && seq == first);
        }
        before = first;
    }
    must(rc, &why);
    for (uint64_t n = journal_first(j); n < before; n++) assert_false(wanted(n, arg));
    journal_cursor_close(c);
    return given;
}

static inline bool is_40th(uint64_t n, uint64_t arg)
{
    (void)arg;
    return n % 40 == 0;
}

static inline bool is_it(uint64_t n, uint64_t arg)
{
    return n == arg;
}

static inline bool is_of_fifty(uint64_t n, uint64_t arg)
{
    return n / 50 == arg / 50 && n % 3 == arg % 3;
}

static inline uint64_t look_for_all(struct journal *j, uint64_t last)
{
    const struct journal_any bit = {.bits = {[3] = UINT64_C(1) << (201 - 192)}};
    const struct journal_filter rare = {&bit, 1};
    uint64_t given = look_for(j, &rare, is_40th, 0, last);
    uint64_t numbers[] = {1, last / 2 + 1, last};
    for (int i = 0; i < 3; i++) {
        uint64_t n = numbers[i], one = hash_of(n, 1), fifty = hash_of(n, 50);
        const struct journal_any by_number = {.hashes = &one, .hashes_count = 1};
        const struct journal_any both[] = {{.hashes = &fifty, .hashes_count = 1},
                                           {.bits = {UINT64_C(1) << n % 3}}};
        given += look_for(j, &(struct journal_filter){&by_number, 1}, is_it, n, last);
        given += look_for(j, &(struct journal_filter){both, 2}, is_of_fifty, n, last);
    }
    given += look_for(j, NULL, is_it, 0, last);
    return given;
}

/* Opens what a crash left: nothing that was promised is missing, and it goes on. */
static inline void must_have(struct disk *d, const struct journal_config *config,
                             const struct story *s, uint64_t promised, uint64_t most)
{
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    uint64_t last;
    must(journal_open(&j, config, d, NOW, &found, &why), &why);
    must(read_all(j, s->shape, &last, &why), &why);
    if (last < promised) fail_msg("%d of %d are there", (int)last, (int)promised);
    assert_true(last <= most);
    assert_int_equal(last, found.last_seq);
    struct story more = {.shape = s->shape, .now = NOW};
    assert_true(live(&more, j, last + 5));
    uint64_t end;
    must(read_all(j, s->shape, &end, &why), &why);
    assert_int_equal(end, last + 5);
    look_for_all(j, end);
    must(journal_close(j, NOW, &why), &why);
    must(journal_open(&j, config, d, NOW, &found, &why), &why);
    must(read_all(j, s->shape, &end, &why), &why);
    assert_int_equal(end, last + 5);
    assert_int_equal(found.cut_bytes, 0);
    must(journal_close(j, NOW, &why), &why);
}

static const struct story STORIES[] = {
    {.shape = &PLAIN, .until = 24, .rounds = 1},
    {.shape = &PIECES, .until = 12, .rounds = 2},
    {.shape = &PLAIN, .until = 40, .rounds = 2, .retain = 8},
};
enum { STORIES_COUNT = sizeof STORIES / sizeof *STORIES };

static inline uint64_t calls_of(const struct story *story, const struct journal_config *config)
{
    struct story s = *story;
    struct disk *d = disk_memory_new();
    assert_true(play(&s, config, d));
    uint64_t calls = disk_memory_calls(d);
    assert_int_equal(s.durable, s.until);
    must_have(d, config, &s, s.until, s.until);
    disk_memory_free(d);
    return calls;
}

static inline void seed_begin(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
}

#endif
