/* Files written beside service: whatever fails, and whenever power does, the name is a whole file
 * or the one that was there before. With thread_start, for the thread sanitizer too. */
#include "../../src/base/err.h"
#include "../../src/base/random.h"
#include "../../src/io/disk_memory.h"
#include "../../src/io/outfile.h"
#include "../../src/io/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;

#define OLD "what was there before"
static const char *const parts[] = {"some", " bytes", " of the new", " file", ", the last ones"};
enum { PARTS = sizeof parts / sizeof *parts };
#define WHOLE "some bytes of the new file, the last ones"

static struct disk *disk_with_old_file(void)
{
    struct disk_why why;
    struct disk *d = disk_memory_new();
    int file = d->open(d, "name", DISK_WRITE | DISK_NEW, &why);
    assert_int_equal(disk_write_all(d, file, OLD, strlen(OLD), 0, &why), 0);
    assert_int_equal(d->sync(d, file, &why), 0);
    assert_int_equal(d->sync_folder(d, &why), 0);
    d->close(d, file);
    return d;
}

static bool holds(struct disk *d, const char *name, const char *text)
{
    return slice_equal(disk_memory_bytes(d, name), slice_text(text));
}

static void add(struct outfile *f, struct slice bytes)
{
    struct buffer piece = {0};
    buffer_add_slice(&piece, bytes);
    outfile_take(f, &piece);
}

/* Writes the file; the state that it came to, FAILED also when it could not be opened. */
static enum outfile_state write_it(struct disk *d, bool threaded)
{
    struct outfile_config config = {
        .temporary = "temporary", .name = "name", .backlog_max = 1000, .threaded = threaded};
    struct disk_why why;
    struct outfile *f;
    int error = 0;
    if (outfile_open(&f, d, &config, &why) != 0) return OUTFILE_FAILED;
    for (int i = 0; i < PARTS; i++) add(f, slice_text(parts[i]));
    outfile_finish(f);
    enum outfile_state state;
    do state = outfile_state(f, &error, &why);
    while (state == OUTFILE_ENDING);
    assert_true((state == OUTFILE_FAILED) == (error != 0));
    if (state == OUTFILE_DONE) assert_int_equal(outfile_written(f), strlen(WHOLE));
    outfile_close(f);
    return state;
}

static uint64_t calls_needed(void)
{
    struct disk *d = disk_with_old_file();
    uint64_t before = disk_memory_calls(d);
    assert_int_equal(write_it(d, false), OUTFILE_DONE);
    assert_true(holds(d, "name", WHOLE));
    uint64_t calls = disk_memory_calls(d) - before;
    disk_memory_crash(d, LOSS_ALL, 0, 0);
    assert_true(holds(d, "name", WHOLE));
    assert_int_equal(disk_memory_bytes(d, "temporary").len, 0);
    disk_memory_free(d);
    return calls;
}

static void survives_each_failing_call(void **state)
{
    (void)state;
    static const enum disk_fault faults[] = {FAULT_IO, FAULT_FULL, FAULT_SHORT};
    uint64_t calls = calls_needed();
    assert_true(calls >= PARTS + 4);
    for (size_t k = 0; k < 3; k++) {
        for (uint64_t n = 1; n <= calls; n++) {
            struct disk *d = disk_with_old_file();
            disk_memory_fail(d, n, faults[k]);
            enum outfile_state is = write_it(d, false);
            assert_true(disk_memory_failed(d));
            assert_int_equal(is, faults[k] == FAULT_SHORT ? OUTFILE_DONE : OUTFILE_FAILED);
            bool renamed = n == calls || is == OUTFILE_DONE; /* the last is the folder's sync */
            assert_true(holds(d, "name", renamed ? WHOLE : OLD));
            assert_int_equal(disk_memory_bytes(d, "temporary").len, 0);
            assert_int_equal(write_it(d, false), OUTFILE_DONE); /* and the next one succeeds */
            disk_memory_free(d);
        }
    }
}

static void survives_power_failure_at_each_call(void **state)
{
    (void)state;
    uint64_t calls = calls_needed();
    for (uint64_t n = 1; n <= calls; n++) {
        for (int loss = LOSS_ALL; loss <= LOSS_RANDOM; loss++) {
            for (uint64_t round = 0; round < 20; round++) {
                struct disk *d = disk_with_old_file();
                disk_memory_fail(d, n, FAULT_CRASH);
                enum outfile_state is = write_it(d, false);
                disk_memory_crash(d, (enum disk_loss)loss, 0, seed + round);
                bool whole = holds(d, "name", WHOLE);
                assert_true(whole || holds(d, "name", OLD));
                if (is == OUTFILE_DONE) assert_true(whole);
                assert_int_equal(write_it(d, false), OUTFILE_DONE); /* over what was left behind */
                disk_memory_free(d);
            }
        }
    }
}

static void note_name(void *ctx)
{
    struct disk *d = ctx;
    assert_true(holds(d, "name", "x"));
    disk_memory_flip(d, "name", 0, 'x' ^ 'y');
}

static void owner_is_told_of_the_name_first(void **state)
{
    (void)state;
    struct disk *d = disk_with_old_file();
    struct outfile_config config = {
        .temporary = "t", .name = "name", .backlog_max = 10, .named = note_name, .named_ctx = d};
    struct outfile *f;
    struct disk_why why;
    assert_int_equal(outfile_open(&f, d, &config, &why), 0);
    add(f, SLICE("x"));
    outfile_finish(f);
    assert_true(holds(d, "name", "y"));
    outfile_close(f);
    disk_memory_free(d);
}

/* ---- with the thread ---- */

struct bell {
    struct mutex lock;
    struct condition rings;
    bool rung;
};

static void ring(void *ctx)
{
    struct bell *b = ctx;
    mutex_lock(&b->lock);
    b->rung = true;
    condition_signal(&b->rings);
    mutex_unlock(&b->lock);
}

static void await(struct bell *b)
{
    mutex_lock(&b->lock);
    while (!b->rung) condition_wait(&b->rings, &b->lock);
    b->rung = false;
    mutex_unlock(&b->lock);
}

/* Doubles each piece, with its number behind it. */
static void twice(void *ctx, struct slice piece, struct buffer *out)
{
    unsigned *number = ctx;
    buffer_add_slice(out, piece);
    buffer_add_slice(out, piece);
    buffer_printf(out, "%u;", (*number)++);
}

static void is_written_by_its_thread(void **state)
{
    (void)state;
    struct disk *d = disk_with_old_file();
    struct bell bell = {0};
    mutex_init(&bell.lock);
    condition_init(&bell.rings);
    unsigned number = 0;
    struct outfile_config config = {.temporary = "temporary",
                                    .name = "name",
                                    .backlog_max = 64,
                                    .threaded = true,
                                    .encode = twice,
                                    .encode_ctx = &number,
                                    .wake = ring,
                                    .wake_ctx = &bell};
    struct outfile *f;
    struct disk_why why;
    assert_int_equal(outfile_open(&f, d, &config, &why), 0);
    struct buffer expected = {0};
    for (unsigned i = 0; i < 1000; i++) {
        struct buffer piece = {0};
        buffer_printf(&piece, "piece %u", i);
        unsigned at = i;
        twice(&at, buffer_slice(&piece), &expected);
        while (!outfile_ready(f)) await(&bell); /* told when there is room again */
        outfile_take(f, &piece);
        assert_null(piece.at);
    }
    outfile_finish(f);
    while (outfile_state(f, NULL, NULL) != OUTFILE_DONE) await(&bell);
    assert_int_equal(outfile_backlog(f), 0);
    assert_int_equal(outfile_written(f), expected.len);
    outfile_close(f);
    assert_true(slice_equal(disk_memory_bytes(d, "name"), buffer_slice(&expected)));
    buffer_fini(&expected);
    condition_fini(&bell.rings);
    mutex_fini(&bell.lock);
    disk_memory_free(d);
}

static void large_runs_of_bytes_are_whole(void **state)
{
    (void)state;
    struct disk *d = disk_memory_new();
    struct outfile_config config = {
        .temporary = "t", .name = "n", .backlog_max = 1 << 20, .threaded = true};
    struct outfile *f;
    struct disk_why why;
    struct random random;
    random_init(&random, seed);
    struct buffer expected = {0}, bytes = {0};
    assert_int_equal(outfile_open(&f, d, &config, &why), 0);
    while (expected.len < 3 << 20) {
        size_t len = random_below(&random, random_below(&random, 5) ? 2000 : 700000);
        bytes.len = 0;
        buffer_reserve(&bytes, len);
        for (; bytes.len < len; bytes.len++) bytes.at[bytes.len] = (char)random_u64(&random);
        buffer_add_slice(&expected, buffer_slice(&bytes));
        add(f, buffer_slice(&bytes));
    }
    outfile_finish(f);
    while (outfile_state(f, NULL, NULL) == OUTFILE_ENDING) {
    }
    outfile_close(f);
    assert_true(slice_equal(disk_memory_bytes(d, "n"), buffer_slice(&expected)));
    buffer_fini(&expected);
    buffer_fini(&bytes);
    disk_memory_free(d);
}

static void given_up_leaves_the_old_one(void **state)
{
    (void)state;
    for (int threaded = 0; threaded < 2; threaded++) {
        for (int adds = 0; adds < 3; adds++) {
            struct disk *d = disk_with_old_file();
            struct outfile_config config = {
                .temporary = "temporary", .name = "name", .backlog_max = 10, .threaded = threaded};
            struct outfile *f;
            struct disk_why why;
            assert_int_equal(outfile_open(&f, d, &config, &why), 0);
            for (int i = 0; i < adds; i++) add(f, SLICE("bytes that come to nothing"));
            if (adds == 2) {
                int error;
                outfile_give_up(f);
                while (outfile_state(f, &error, &why) != OUTFILE_FAILED) {
                }
                assert_int_equal(error, ERR_AGAIN);
            }
            outfile_close(f);
            assert_true(holds(d, "name", OLD));
            assert_int_equal(disk_memory_bytes(d, "temporary").len, 0);
            disk_memory_free(d);
        }
    }
}

static void failure_is_told_with_its_reason(void **state)
{
    (void)state;
    struct disk *d = disk_with_old_file();
    disk_memory_set_room(d, 60);
    struct outfile_config config = {
        .temporary = "t", .name = "name", .backlog_max = 10, .threaded = true};
    struct outfile *f;
    struct disk_why why;
    int error = 0;
    assert_int_equal(outfile_open(&f, d, &config, &why), 0);
    for (int i = 0; i < 10; i++) {
        struct buffer piece = {0};
        buffer_printf(&piece, "more than there is room for");
        outfile_take(f, &piece);
    }
    while (outfile_state(f, &error, &why) != OUTFILE_FAILED) {
    }
    assert_int_equal(error, ERR_LIMIT);
    assert_true(why.text[0]);
    add(f, SLICE("dropped")); /* no harm done */
    outfile_finish(f);
    assert_int_equal(outfile_state(f, NULL, NULL), OUTFILE_FAILED);
    outfile_close(f);
    assert_true(holds(d, "name", OLD));
    assert_int_equal(disk_memory_bytes(d, "t").len, 0);
    disk_memory_free(d);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_each_failing_call),
        cmocka_unit_test(survives_power_failure_at_each_call),
        cmocka_unit_test(owner_is_told_of_the_name_first),
        cmocka_unit_test(is_written_by_its_thread),
        cmocka_unit_test(large_runs_of_bytes_are_whole),
        cmocka_unit_test(given_up_leaves_the_old_one),
        cmocka_unit_test(failure_is_told_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
