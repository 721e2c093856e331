#include "../../src/base/err.h"
#include "../../src/base/random.h"
#include "../../src/io/disk_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;

/* The twin against the real file system: the same calls, the same answers. -----------------------
 */

struct pair {
    struct disk *d[2];
    int file[2][4]; /* -1: closed */
};

static void same(long real, long twin)
{
    if (real != twin) fail_msg("real %ld, twin %ld", real, twin);
}

enum { NAMES = 5, OPEN = 4, CALLS = 400 };
static const char *const NAME[NAMES] = {"a", "b", "c", "d", "e"};

static void open_both(struct pair *p, struct random *r, int i)
{
    struct disk_why why;
    unsigned flags = random_below(r, 2) ? DISK_WRITE | DISK_NEW : DISK_WRITE;
    const char *name = NAME[random_below(r, NAMES)];
    int rc[2];
    for (int k = 0; k < 2; k++) {
        rc[k] = p->d[k]->open(p->d[k], name, flags, &why);
        p->file[k][i] = rc[k] < 0 ? -1 : rc[k];
    }
    same(rc[0] < 0 ? rc[0] : 0, rc[1] < 0 ? rc[1] : 0);
}

static void read_both(struct pair *p, int i, uint64_t at, size_t len)
{
    char bytes[2][3000];
    struct disk_why why;
    long n[2];
    for (int k = 0; k < 2; k++)
        n[k] = disk_read_all(p->d[k], p->file[k][i], bytes[k], len, at, &why);
    same(n[0], n[1]);
    assert_memory_equal(bytes[0], bytes[1], (size_t)n[0]);
}

static void use_both(struct pair *p, struct random *r, int i)
{
    char bytes[3000];
    struct disk_why why;
    uint64_t what = random_below(r, 7), at = random_below(r, 5000), size[2] = {0, 0};
    size_t len = random_below(r, sizeof bytes);
    long rc[2] = {0, 0};
    memset(bytes, (int)at, sizeof bytes);
    if (what == 6) return read_both(p, i, at, len);
    for (int k = 0; k < 2; k++) {
        struct disk *d = p->d[k];
        int file = p->file[k][i];
        switch (what) {
        case 0: rc[k] = disk_write_all(d, file, bytes, len, at, &why); break;
        case 1: rc[k] = d->truncate(d, file, at, &why); break;
        case 2: rc[k] = d->preallocate(d, file, at + 1, &why); break;
        case 3: rc[k] = d->size(d, file, &size[k], &why); break;
        case 4: rc[k] = d->sync(d, file, &why); break;
        case 5:
            d->close(d, file);
            p->file[k][i] = -1;
            break;
        }
    }
    same(rc[0], rc[1]);
    same((long)size[0], (long)size[1]);
}

static int count_name(void *ctx, const char *name)
{
    unsigned *seen = ctx;
    *seen += 1u << (4 * (name[0] - 'a'));
    return 0;
}

static void name_both(struct pair *p, struct random *r)
{
    struct disk_why why;
    const char *from = NAME[random_below(r, NAMES)], *to = NAME[random_below(r, NAMES)];
    uint64_t what = random_below(r, 4);
    int rc[2];
    unsigned seen[2] = {0, 0};
    for (int k = 0; k < 2; k++) {
        struct disk *d = p->d[k];
        rc[k] = what == 0   ? d->rename(d, from, to, &why)
                : what == 1 ? d->unlink(d, from, &why)
                : what == 2 ? d->sync_folder(d, &why)
                            : d->list(d, count_name, &seen[k], &why);
    }
    same(rc[0], rc[1]);
    same(seen[0], seen[1]);
}

static void lock_both(struct pair *p)
{
    struct disk_why why;
    for (int k = 0; k < 2; k++) {
        struct disk *d = p->d[k];
        int first = d->lock(d, "lock", &why);
        assert_true(first >= 0);
        assert_int_equal(d->lock(d, "lock", &why), ERR_BUSY);
        d->close(d, first);
        first = d->lock(d, "lock", &why);
        assert_true(first >= 0);
        d->close(d, first);
        assert_int_equal(d->unlink(d, "lock", &why), 0);
    }
}

static void twin_does_as_the_real_one(void **state)
{
    (void)state;
    char folder[] = "/tmp/hark-disk-XXXXXX", command[64];
    struct random r;
    struct disk_why why;
    struct pair p;
    memset(&p.file, -1, sizeof p.file);
    random_init(&r, seed);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(disk_open(folder, &p.d[0], &why), 0);
    p.d[1] = disk_memory_new();
    lock_both(&p);
    for (int call = 0; call < CALLS; call++) {
        int i = (int)random_below(&r, OPEN);
        if (random_below(&r, 4) == 0)
            name_both(&p, &r);
        else if (p.file[0][i] < 0)
            open_both(&p, &r, i);
        else
            use_both(&p, &r, i);
    }
    uint64_t room;
    for (int k = 0; k < 2; k++) {
        assert_int_equal(p.d[k]->room(p.d[k], &room, &why), 0);
        for (int i = 0; i < OPEN; i++)
            if (p.file[k][i] >= 0) p.d[k]->close(p.d[k], p.file[k][i]);
    }
    disk_close(p.d[0]);
    disk_memory_free(p.d[1]);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

/* What the twin forgets ---------------------------------------------------------------------------
 */

static struct disk *with_unsynced_write(bool name_synced)
{
    struct disk *d = disk_memory_new();
    struct disk_why why;
    char old[2048], new[2048];
    memset(old, 'o', sizeof old);
    memset(new, 'n', sizeof new);
    int file = d->open(d, "a", DISK_WRITE | DISK_NEW, &why);
    assert_int_equal(disk_write_all(d, file, old, sizeof old, 0, &why), 0);
    assert_int_equal(d->sync(d, file, &why), 0);
    if (name_synced) assert_int_equal(d->sync_folder(d, &why), 0);
    assert_int_equal(disk_write_all(d, file, new, 1024, 256, &why), 0);
    return d;
}

static void must_hold(struct disk *d, const char *picture)
{
    /* A letter per 256 bytes. */
    struct slice bytes = disk_memory_bytes(d, "a");
    assert_int_equal(bytes.len, 256 * strlen(picture));
    for (size_t i = 0; i < bytes.len; i++) assert_int_equal(bytes.at[i], picture[i / 256]);
    disk_memory_free(d);
}

static void forgets_what_was_not_synced(void **state)
{
    (void)state;
    struct disk *d = with_unsynced_write(true);
    assert_int_equal(disk_memory_last_sectors(d), 3);
    disk_memory_crash(d, LOSS_ALL, 0, 0);
    must_hold(d, "oooooooo");
    d = with_unsynced_write(true);
    disk_memory_crash(d, LOSS_NONE, 0, 0);
    must_hold(d, "onnnnooo");
    d = with_unsynced_write(true);
    disk_memory_crash(d, LOSS_TORN, 2, 0);
    must_hold(d, "onnnoooo");
    d = with_unsynced_write(true);
    disk_memory_crash(d, LOSS_HOLE, 1, 0);
    must_hold(d, "oonnnooo");
    d = with_unsynced_write(false);
    disk_memory_crash(d, LOSS_ALL, 0, 0);
    must_hold(d, "");
}

static void a_failed_sync_is_not_made_good(void **state)
{
    (void)state;
    struct disk_why why;
    struct disk *d = with_unsynced_write(true);
    int file = d->open(d, "a", DISK_WRITE, &why);
    disk_memory_fail(d, 1, FAULT_IO);
    assert_int_equal(d->sync(d, file, &why), ERR_IO);
    assert_int_equal(d->sync(d, file, &why), 0);
    char byte;
    assert_int_equal(d->read(d, file, &byte, 1, 256, &why), 1);
    assert_int_equal(byte, 'n');
    disk_memory_crash(d, LOSS_ALL, 0, 0);
    must_hold(d, "oooooooo");
}

static void fails_when_it_is_told_to(void **state)
{
    (void)state;
    struct disk_why why;
    char bytes[100] = {0};
    struct disk *d = disk_memory_new();
    int file = d->open(d, "a", DISK_WRITE | DISK_NEW, &why);
    disk_memory_fail(d, 2, FAULT_FULL);
    assert_int_equal(d->write(d, file, bytes, 100, 0, &why), 100);
    assert_false(disk_memory_failed(d));
    assert_int_equal(d->write(d, file, bytes, 100, 0, &why), ERR_LIMIT);
    assert_true(disk_memory_failed(d));
    disk_memory_fail(d, 1, FAULT_SHORT);
    assert_int_equal(d->write(d, file, bytes, 100, 0, &why), 50);
    disk_memory_set_room(d, 150);
    assert_int_equal(d->write(d, file, bytes, 100, 60, &why), ERR_LIMIT);
    assert_int_equal(d->write(d, file, bytes, 100, 50, &why), 100);
    disk_memory_fail(d, 1, FAULT_CRASH);
    assert_int_equal(d->sync(d, file, &why), 0);
    assert_int_equal(d->sync(d, file, &why), ERR_IO);
    disk_memory_free(d);
}

static void says_why(void **state)
{
    (void)state;
    struct disk *d;
    struct disk_why why;
    assert_int_equal(disk_open("/nowhere/at/all", &d, &why), ERR_ABSENT);
    assert_string_equal(why.text, "No such file or directory");
    assert_int_equal(disk_open("/dev/null", &d, &why), ERR_ABSENT);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twin_does_as_the_real_one),
        cmocka_unit_test(forgets_what_was_not_synced),
        cmocka_unit_test(a_failed_sync_is_not_made_good),
        cmocka_unit_test(fails_when_it_is_told_to),
        cmocka_unit_test(says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
