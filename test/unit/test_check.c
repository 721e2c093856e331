#include "../../src/journal/check.h"
#include "journals.h"

/* What a check has seen. */
struct seen {
    const struct shape *shape;
    uint64_t next, segments, last_of_segments;
};

static void on_segment(void *ctx, const struct check_segment *s)
{
    struct seen *seen = ctx;
    seen->segments++;
    if (s->is_void) return;
    assert_true(s->used <= s->bytes);
    if (s->first_seq <= s->last_seq) seen->last_of_segments = s->last_seq;
}

static void on_record(void *ctx, uint64_t seq, struct slice record)
{
    char bytes[RECORD_MAX];
    struct seen *seen = ctx;
    if (seen->next) assert_int_equal(seq, seen->next);
    seen->next = seq + 1;
    assert_true(slice_equal(record, record_of(seen->shape, seq, bytes)));
}

static struct check_findings check(struct disk *d, const struct shape *shape)
{
    struct seen seen = {.shape = shape};
    struct check_visitor v = {.segment = on_segment, .record = on_record, .ctx = &seen};
    struct check_findings found;
    struct disk_why why;
    uint64_t calls = disk_memory_calls(d);
    must(check_journal(d, &v, &found, &why), &why);
    assert_true(disk_memory_calls(d) > calls);
    if (found.first_seq <= found.last_seq) {
        assert_int_equal(seen.next, found.last_seq + 1);
        assert_true(seen.last_of_segments >= found.last_seq);
    }
    return found;
}

/* What a server says of it, having read it all: 0, with the last record, or ERR_CORRUPT. */
static int serve(struct disk *d, const struct shape *shape, uint64_t *last, bool *clean)
{
    struct journal_config config = config_of(2048);
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    int rc = journal_open(&j, &config, d, NOW, &found, &why);
    if (rc != 0) return rc;
    *clean = found.clean;
    rc = read_all(j, shape, last, &why);
    journal_close(j, NOW, &why);
    return rc;
}

/* The check agrees with the server; what it calls damaged can be repaired, and has then the records
 * that it said it would. */
static void compare(struct disk *d, const struct shape *shape)
{
    struct check_findings found = check(d, shape);
    struct disk *copy = disk_memory_copy(d);
    struct disk_why why;
    uint64_t last = 0;
    bool clean;
    int rc = serve(copy, shape, &last, &clean);
    disk_memory_free(copy);
    assert_true(rc == 0 || rc == ERR_CORRUPT);
    assert_int_equal(found.damaged, rc == ERR_CORRUPT);
    if (rc == 0) assert_int_equal(last, found.last_seq);
    if (rc == 0) return;
    assert_non_null(strstr(found.why.text, ".journal"));
    copy = disk_memory_copy(d);
    must(check_repair(copy, &found, NULL, NULL, &why), &why);
    if (found.first_seq > found.last_seq) found.last_seq = 0;
    assert_int_equal(serve(copy, shape, &last, &clean), 0);
    assert_true(!clean || last == 0);
    assert_int_equal(last, found.last_seq);
    disk_memory_free(copy);
}

static struct disk *lived(int story)
{
    struct journal_config config = config_of(2048);
    struct story s = STORIES[story];
    struct disk *d = disk_memory_new();
    assert_true(play(&s, &config, d));
    return d;
}

static void finds_a_sound_journal_sound(void **state)
{
    (void)state;
    for (int k = 0; k < STORIES_COUNT; k++) {
        struct disk *d = lived(k);
        struct check_findings found = check(d, STORIES[k].shape);
        assert_false(found.damaged);
        assert_int_equal(found.last_seq, STORIES[k].until);
        assert_int_equal(found.torn_bytes, 0);
        compare(d, STORIES[k].shape);
        disk_memory_free(d);
    }
}

static void says_of_every_flipped_byte_what_the_server_says(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct disk *d = lived(k);
        for (uint64_t number = 1; number < 30; number++) {
            char name[32];
            snprintf(name, sizeof name, "%016llx.journal", (unsigned long long)number);
            size_t len = disk_memory_bytes(d, name).len;
            for (uint64_t at = 0; at < len; at++) {
                struct disk *copy = disk_memory_copy(d);
                disk_memory_flip(copy, name, at, (unsigned char)(1u << at % 8));
                compare(copy, STORIES[k].shape);
                disk_memory_free(copy);
            }
        }
        disk_memory_free(d);
    }
}

static void says_of_every_crash_what_the_server_says(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 200; n++) {
        struct journal_config config = config_of(2048);
        struct story s = STORIES[1];
        struct disk *d = disk_memory_new();
        disk_memory_fail(d, n, FAULT_CRASH);
        bool whole = play(&s, &config, d);
        disk_memory_crash(d, LOSS_RANDOM, 0, seed + n);
        struct check_findings found;
        struct disk_why why;
        int rc = check_journal(d, &(struct check_visitor){0}, &found, &why);
        if (rc == 0) compare(d, s.shape);
        if (rc == 0) assert_false(found.damaged);
        if (rc != 0) assert_int_equal(rc, ERR_ABSENT);
        disk_memory_free(d);
        if (whole) break;
    }
}

static void says_of_missing_segments_what_the_server_says(void **state)
{
    (void)state;
    for (int number = 1; number < 6; number++) {
        char name[32];
        struct disk_why why;
        struct disk *d = lived(0);
        snprintf(name, sizeof name, "%016d.journal", number);
        if (disk_memory_bytes(d, name).len > 0) {
            must(d->unlink(d, name, &why), &why);
            if (number > 1) compare(d, STORIES[0].shape);
        }
        disk_memory_free(d);
    }
}

static bool has_file(struct disk *d, const char *name, struct slice bytes)
{
    return slice_equal(disk_memory_bytes(d, name), bytes);
}

/* A repair that is stopped anywhere loses nothing, and is finished by the next. */
static void repairs_in_steps_that_can_be_repeated(void **state)
{
    (void)state;
    const char *names[] = {"0000000000000002.journal", "0000000000000003.journal"};
    struct disk *whole = lived(0);
    disk_memory_flip(whole, names[0], 900, 4);
    bool met = true;
    for (uint64_t n = 1; met; n++)
        for (int fault = FAULT_IO; fault <= FAULT_CRASH; fault++) {
            struct disk *d = disk_memory_copy(whole);
            struct disk_why why;
            struct check_findings found = check(d, &PLAIN);
            assert_true(found.damaged && found.number == 2);
            disk_memory_fail(d, n, (enum disk_fault)fault);
            check_repair(d, &found, NULL, NULL, &why);
            met = disk_memory_failed(d);
            disk_memory_crash(d, LOSS_RANDOM, 0, seed + n);
            struct check_findings again = check(d, &PLAIN);
            assert_int_equal(again.last_seq, found.last_seq);
            must(check_repair(d, &again, NULL, NULL, &why), &why);
            uint64_t last;
            bool clean;
            assert_int_equal(serve(d, &PLAIN, &last, &clean), 0);
            assert_int_equal(last, found.last_seq);
            for (int i = 0; i < 2; i++) {
                struct slice bytes = disk_memory_bytes(whole, names[i]);
                char first[64], second[64];
                snprintf(first, sizeof first, "%s.damaged", names[i]);
                snprintf(second, sizeof second, "%s.damaged2", names[i]);
                assert_true(has_file(d, first, bytes) || has_file(d, second, bytes));
            }
            disk_memory_free(d);
        }
    disk_memory_free(whole);
}

static void knows_what_it_cannot_check(void **state)
{
    (void)state;
    struct journal_config config = config_of(2048);
    struct check_findings found;
    struct check_visitor none = {0};
    struct journal *j;
    struct journal_recovery recovery;
    struct disk_why why;
    struct disk *d = disk_memory_new();
    assert_int_equal(check_journal(d, &none, &found, &why), ERR_ABSENT);
    assert_int_equal(check_lock(d, &why), ERR_ABSENT);
    must(journal_open(&j, &config, d, NOW, &recovery, &why), &why);
    assert_int_equal(check_lock(d, &why), ERR_BUSY);
    must(journal_close(j, NOW, &why), &why);
    int lock = check_lock(d, &why);
    assert_true(lock >= 0);
    assert_int_equal(journal_open(&j, &config, d, NOW, &recovery, &why), ERR_BUSY);
    d->close(d, lock);
    disk_memory_free(d);
}

int main(void)
{
    seed_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_sound_journal_sound),
        cmocka_unit_test(says_of_every_flipped_byte_what_the_server_says),
        cmocka_unit_test(says_of_every_crash_what_the_server_says),
        cmocka_unit_test(says_of_missing_segments_what_the_server_says),
        cmocka_unit_test(repairs_in_steps_that_can_be_repeated),
        cmocka_unit_test(knows_what_it_cannot_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
