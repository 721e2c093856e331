/* Finding records, passing over others, and letting the oldest go. */
#include "journals.h"

static void finds_times_and_numbers(void **state)
{
    (void)state;
    struct journal_config config = config_of(2048);
    struct story s = {.shape = &PLAIN, .now = NOW};
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    struct disk *d = disk_memory_new();
    for (int round = 0; round < 2; round++) {
        must(journal_open(&j, &config, d, s.now, &found, &why), &why);
        if (round == 0) assert_true(live(&s, j, 200));
        uint64_t before = 0, seq;
        for (int64_t ms = NOW - 100; ms < s.now + 3000; ms += 500) {
            must(journal_find_time(j, ms, &seq, &why), &why);
            /* Records 8k+1 … 8k+8 are of the same time. */
            uint64_t exact = ms <= NOW ? 1 : ((uint64_t)(ms - NOW) + 1499) / 1500 * 8 + 1;
            assert_true(seq <= exact && seq >= before && seq + 40 >= (exact < 200 ? exact : 200));
            before = seq;
        }
        for (uint64_t n = 1; n <= 200; n++) {
            struct slice record;
            struct journal_cursor *c = journal_cursor_open(j, n);
            assert_int_equal(journal_cursor_next(c, n - 1, &seq, &record, &why), 0);
            assert_int_equal(journal_cursor_next(c, n, &seq, &record, &why), 1);
            assert_int_equal(seq, n);
            journal_cursor_close(c);
        }
        must(journal_close(j, s.now, &why), &why);
    }
    disk_memory_free(d);
}

static void lets_the_oldest_go(void **state)
{
    (void)state;
    struct journal_config config = config_of(2048);
    struct story s = {.shape = &PLAIN, .now = NOW};
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    uint64_t seq;
    struct slice record;
    struct disk *d = disk_memory_new();
    must(journal_open(&j, &config, d, NOW, &found, &why), &why);
    assert_true(live(&s, j, 100));
    struct journal_cursor *c = journal_cursor_open(j, 1);
    assert_int_equal(journal_cursor_next(c, UINT64_MAX, &seq, &record, &why), 1);
    journal_retain(j, 50, 0);
    while (journal_step(j)) journal_check(j);
    uint64_t first = journal_first(j);
    assert_true(first > 30 && first <= 51);
    int rc;
    while ((rc = journal_cursor_next(c, UINT64_MAX, &seq, &record, &why)) == 1) {
    }
    assert_int_equal(rc, ERR_ABSENT);
    journal_cursor_close(c);
    journal_retain(j, 100, UINT64_MAX / 2);
    while (journal_step(j)) {
    }
    assert_int_equal(journal_first(j), first);
    journal_retain(j, 100, 0);
    while (journal_step(j)) {
    }
    must(journal_close(j, NOW, &why), &why);
    must(journal_open(&j, &config, d, NOW, &found, &why), &why);
    assert_int_equal(found.last_seq, 100);
    assert_int_equal(journal_append(j, SLICE("x"), NOW), 101);
    must(journal_close(j, NOW, &why), &why);
    disk_memory_free(d);
}

/* What was told of the segments that go. */
struct guard {
    int asked;
    uint64_t keep_from, next;
};

static bool may_go(void *ctx, const struct journal_leaving *s)
{
    struct guard *g = ctx;
    if (s->first_seq >= g->keep_from) return false;
    assert_int_equal(s->first_seq, g->next);
    assert_true(s->time_ms >= NOW);
    g->next = s->last_seq + 1;
    g->asked++;
    return true;
}

static void lets_go_by_time_and_consent(void **state)
{
    (void)state;
    struct guard g = {.next = 1};
    struct journal_config config = config_of(4096);
    config.may_go = may_go;
    config.may_go_ctx = &g;
    struct story s = {.shape = &PLAIN, .now = NOW};
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    struct disk *d = disk_memory_new();
    must(journal_open(&j, &config, d, NOW, &found, &why), &why);
    assert_true(live(&s, j, 200)); /* records 8k+1 … 8k+8 are of NOW + 1500k */
    journal_retain(j, 200, UINT64_MAX / 2);
    journal_retain_time(j, NOW + 1500 * 12); /* of record 97 */
    while (journal_step(j)) journal_check(j);
    assert_int_equal(journal_first(j), 1);
    assert_int_equal(g.asked, 0);
    g.keep_from = 60;
    journal_retain_time(j, NOW + 1500 * 12);
    while (journal_step(j)) {
    }
    assert_in_range(journal_first(j), 60, 80);
    g.keep_from = UINT64_MAX;
    journal_retain(j, 200, UINT64_MAX / 2);
    while (journal_step(j)) {
    }
    assert_in_range(journal_first(j), 70, 97);
    assert_int_equal(g.next, journal_first(j));
    assert_true(g.asked > 3);
    journal_retain(j, 100, UINT64_MAX / 2); /* the floor, and a time that has them all */
    journal_retain_time(j, s.now + 1);
    while (journal_step(j)) {
    }
    assert_in_range(journal_first(j), 80, 101);
    must(journal_close(j, s.now, &why), &why);
    disk_memory_free(d);
}

static void read_damaged(struct disk *d, const struct journal_config *config, uint64_t most)
{
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    must(journal_open(&j, config, d, NOW, &found, &why), &why);
    uint64_t given = look_for_all(j, 400);
    while (journal_step(j)) {
    }
    assert_true(look_for_all(j, 400) <= given);
    assert_in_range(look_for_all(j, 400), 400, most);
    must(journal_close(j, NOW, &why), &why);
}

/* Of 400 records, the rare ones are found without reading most of the others; and be a summary
 * damaged at any byte, or gone, or of another scheme: nothing is missed, and it is made again. */
static void passes_over_what_cannot_match(void **state)
{
    (void)state;
    enum { MOST = 400 /* without a filter */ + 220 + 6 * 30 };
    struct journal_config config = config_of(4096);
    struct story s = {.shape = &PLAIN, .now = NOW};
    struct journal *j;
    struct journal_recovery found;
    struct disk_why why;
    struct disk *d = disk_memory_new();
    must(journal_open(&j, &config, d, NOW, &found, &why), &why);
    assert_true(live(&s, j, 400));
    assert_in_range(look_for_all(j, 400), 400, MOST);
    must(journal_close(j, NOW, &why), &why);
    const char *name = "0000000000000003.summary";
    size_t len = disk_memory_bytes(d, name).len;
    assert_true(len > 500);
    for (size_t at = 0; at < len; at++) {
        struct disk *copy = disk_memory_copy(d);
        disk_memory_flip(copy, name, at, (unsigned char)(1u << at % 8));
        read_damaged(copy, &config, MOST + 100);
        disk_memory_free(copy);
    }
    config.describer.scheme = 2;
    read_damaged(d, &config, MOST);
    must(d->unlink(d, name, &why), &why);
    read_damaged(d, &config, MOST);
    assert_int_equal(disk_memory_bytes(d, name).len, len);
    disk_memory_free(d);
}

int main(void)
{
    seed_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_times_and_numbers),
        cmocka_unit_test(passes_over_what_cannot_match),
        cmocka_unit_test(lets_the_oldest_go),
        cmocka_unit_test(lets_go_by_time_and_consent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
