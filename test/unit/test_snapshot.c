/* Snapshot files: what was put in comes out, and a file that is cut or changed in any bit is
 * refused. With thread_start, for the thread sanitizer too. */
#include "random_commands.h"
#include "values.h"

#include "../../src/base/err.h"
#include "../../src/engine/restore.h"
#include "../../src/engine/walk.h"
#include "../../src/io/disk_memory.h"
#include "../../src/journal/snapshot.h"

#include <time.h>

static uint64_t seed;

static const struct snapshot_header header = {.seq = 0x1234,
                                              .last_ms = 1763800000000,
                                              .last_n = 7,
                                              .time_ms = 1763800000005,
                                              .journal_epoch = 3};

static void must(int rc, const struct disk_why *why)
{
    if (rc < 0) fail_msg("%s: %s", err_text(rc), why->text);
}

static struct snapshot *begin(struct disk *d, bool threaded)
{
    struct snapshot_config config = {.backlog_max = 1 << 20, .threaded = threaded};
    struct snapshot *s;
    struct disk_why why;
    must(snapshot_begin(&s, d, &header, &config, &why), &why);
    return s;
}

static void add(struct snapshot *s, struct slice item)
{
    buffer_add_slice(snapshot_room(s), item);
    snapshot_added(s);
}

static enum outfile_state finish(struct snapshot *s)
{
    enum outfile_state state;
    snapshot_finish(s);
    do state = snapshot_state(s, NULL, NULL);
    while (state == OUTFILE_ENDING);
    snapshot_close(s);
    return state;
}

/* All of it: items one after the other, sections as name=bytes; what snapshot_next said last. */
static int read_all(struct disk *d, struct buffer *items, struct buffer *sections, uint64_t *told,
                    struct disk_why *why)
{
    struct snapshot_reader *r;
    struct snapshot_header h;
    struct snapshot_part part;
    int rc = snapshot_open(&r, d, header.seq, &h, why);
    if (rc != 0) return rc;
    assert_memory_equal(&h, &header, sizeof h);
    while ((rc = snapshot_next(r, &part, why)) == 1) {
        if (part.kind == SNAPSHOT_ITEMS) {
            buffer_add_slice(items, part.bytes);
        } else {
            buffer_add_slice(sections, part.name);
            buffer_add_byte(sections, '=');
            buffer_add_slice(sections, part.bytes);
            buffer_add_byte(sections, ';');
        }
    }
    *told = snapshot_items_told(r);
    snapshot_reader_close(r);
    return rc;
}

static int read_and_drop(struct disk *d, struct disk_why *why)
{
    struct buffer items = {0}, sections = {0};
    uint64_t told;
    int rc = read_all(d, &items, &sections, &told, why);
    buffer_fini(&items);
    buffer_fini(&sections);
    return rc;
}

static char *file_name(void)
{
    static char name[SNAPSHOT_NAME_BYTES];
    snapshot_name(header.seq, name);
    return name;
}

/* A small file that has everything: packed blocks and others, sections, an end. */
static struct disk *small_file(void)
{
    struct disk *d = disk_memory_new();
    struct snapshot *s = begin(d, false);
    snapshot_section(s, SLICE("views"), SLICE("the books of the views"));
    for (int i = 0; i < 20; i++) add(s, SLICE("an item, and always the same: it is packed. "));
    snapshot_section(s, SLICE("n"), SLICE(""));
    assert_int_equal(finish(s), OUTFILE_DONE);
    return d;
}

static void small_files_come_back(void **state)
{
    (void)state;
    struct disk *d = small_file();
    struct buffer items = {0}, sections = {0};
    struct disk_why why;
    uint64_t told;
    assert_string_equal(file_name(), "0000000000001234.snapshot");
    must(read_all(d, &items, &sections, &told, &why), &why);
    assert_int_equal(told, 20);
    assert_int_equal(items.len, 20 * 44);
    assert_true(slice_equal(buffer_slice(&sections), SLICE("views=the books of the views;n=;")));
    assert_true(disk_memory_bytes(d, file_name()).len < 500);
    buffer_fini(&items);
    buffer_fini(&sections);
    disk_memory_free(d);
}

static void each_flipped_bit_is_refused(void **state)
{
    (void)state;
    struct disk *d = small_file();
    struct disk_why why;
    size_t size = disk_memory_bytes(d, file_name()).len;
    for (size_t at = 0; at < size; at++) {
        for (unsigned bits = 1; bits < 256; bits++) {
            disk_memory_flip(d, file_name(), at, (unsigned char)bits);
            int rc = read_and_drop(d, &why);
            if (rc != ERR_CORRUPT) fail_msg("byte %zu ^ %u: %d", at, bits, rc);
            assert_non_null(strstr(why.text, ".snapshot"));
            disk_memory_flip(d, file_name(), at, (unsigned char)bits);
        }
    }
    assert_int_equal(read_and_drop(d, &why), 0);
    disk_memory_free(d);
}

static void cut_and_longer_files_are_refused(void **state)
{
    (void)state;
    struct disk *d = small_file();
    struct disk_why why;
    size_t size = disk_memory_bytes(d, file_name()).len;
    for (size_t len = 0; len < size + 2; len++) {
        struct disk *copy = disk_memory_copy(d);
        int file = copy->open(copy, file_name(), DISK_WRITE, &why);
        if (len <= size)
            must(copy->truncate(copy, file, len, &why), &why);
        else
            must(disk_write_all(copy, file, "x", 1, size, &why), &why);
        copy->close(copy, file);
        assert_int_equal(read_and_drop(copy, &why), len == size ? 0 : ERR_CORRUPT);
        disk_memory_free(copy);
    }
    disk_memory_free(d);
}

/* Blocks of another file, or one that is there twice, do not go on with the chain. */
static void blocks_have_their_place(void **state)
{
    (void)state;
    struct disk *d = small_file();
    struct disk_why why;
    struct slice bytes = disk_memory_bytes(d, file_name());
    enum { HEAD = 64, SECTION = 16 + 1 + 5 + 22 };
    struct buffer twice = {0};
    buffer_add(&twice, bytes.at, HEAD + SECTION);
    buffer_add_slice(&twice, slice_from(bytes, HEAD));
    int file = d->open(d, file_name(), DISK_WRITE, &why);
    must(disk_write_all(d, file, twice.at, twice.len, 0, &why), &why);
    d->close(d, file);
    assert_int_equal(read_and_drop(d, &why), ERR_CORRUPT);
    buffer_fini(&twice);
    disk_memory_free(d);
}

static void large_files_come_back(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, seed);
    struct disk *d = disk_memory_new();
    struct snapshot *s = begin(d, true);
    struct buffer expected = {0}, item = {0}, items = {0}, sections = {0};
    uint64_t count = 0, told = 0;
    while (expected.len < 6 << 20) {
        size_t len = random_below(&random, random_below(&random, 40) ? 3000 : 900000);
        uint64_t mask = random_below(&random, 2) ? UINT64_MAX : 3; /* can it be packed? */
        item.len = 0;
        while (item.len < len) buffer_add_byte(&item, (char)(random_u64(&random) & mask));
        buffer_add_slice(&expected, buffer_slice(&item));
        add(s, buffer_slice(&item));
        count++;
    }
    snapshot_section(s, SLICE("all"), buffer_slice(&expected));
    assert_int_equal(finish(s), OUTFILE_DONE);
    struct disk_why why;
    must(read_all(d, &items, &sections, &told, &why), &why);
    assert_int_equal(told, count);
    assert_true(slice_equal(buffer_slice(&items), buffer_slice(&expected)));
    assert_int_equal(sections.len, expected.len + 5);
    assert_memory_equal(sections.at + 4, expected.at, expected.len);
    buffer_fini(&expected);
    buffer_fini(&item);
    buffer_fini(&items);
    buffer_fini(&sections);
    disk_memory_free(d);
}

static void failing_reads_are_told(void **state)
{
    (void)state;
    struct disk *d = small_file();
    struct disk_why why;
    uint64_t before = disk_memory_calls(d);
    assert_int_equal(read_and_drop(d, &why), 0);
    uint64_t calls = disk_memory_calls(d) - before;
    for (uint64_t n = 1; n <= calls; n++) {
        disk_memory_fail(d, n, FAULT_IO);
        assert_int_equal(read_and_drop(d, &why), ERR_IO);
        disk_memory_fail(d, n, FAULT_SHORT);
        assert_int_equal(read_and_drop(d, &why), 0);
    }
    disk_memory_free(d);
}

static void folders_are_listed(void **state)
{
    (void)state;
    static const char *const names[] = {
        "0000000000000005.snapshot", "00000000000000ff.snapshot", "0000000000000010.snapshot",
        "0000000000000001.journal",  "00000000000000FF.snapshot", "5.snapshot",
        "snapshot.temporary",        "0000000000000007.snapshot",
    };
    struct disk *d = disk_memory_new();
    struct disk_why why;
    uint64_t seqs[4];
    assert_int_equal(snapshot_list(d, seqs, 4, &why), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        d->close(d, d->open(d, names[i], DISK_WRITE | DISK_NEW, &why));
    assert_int_equal(snapshot_list(d, seqs, 4, &why), 4);
    assert_true(seqs[0] == 0xff && seqs[1] == 0x10 && seqs[2] == 7 && seqs[3] == 5);
    assert_int_equal(snapshot_list(d, seqs, 2, &why), 2);
    assert_true(seqs[0] == 0xff && seqs[1] == 0x10);
    must(snapshot_remove(d, 0x10, &why), &why);
    assert_int_equal(snapshot_remove(d, 0x10, &why), ERR_ABSENT);
    snapshot_clean(d);
    disk_memory_crash(d, LOSS_NONE, 0, 0);
    assert_int_equal(d->open(d, "snapshot.temporary", 0, &why), ERR_ABSENT);
    assert_int_equal(snapshot_list(d, seqs, 4, &why), 3);
    disk_memory_free(d);
}

static void older_ones_go_with_the_next(void **state)
{
    (void)state;
    struct disk *d = small_file();
    struct disk_why why;
    struct snapshot_header next = header;
    struct snapshot *s;
    uint64_t seqs[4];
    next.seq = 0x2000;
    struct snapshot_config config = {
        .backlog_max = 100, .obsolete = &header.seq, .obsolete_count = 1};
    for (int i = 0; i < 2; i++) {
        must(snapshot_begin(&s, d, &next, &config, &why), &why);
        add(s, SLICE("item"));
        if (i == 0) {
            snapshot_give_up(s);
            snapshot_close(s);
            assert_int_equal(snapshot_list(d, seqs, 4, &why), 1);
            assert_int_equal(read_and_drop(d, &why), 0);
        } else {
            assert_int_equal(finish(s), OUTFILE_DONE);
            assert_int_equal(snapshot_list(d, seqs, 4, &why), 1);
            assert_true(seqs[0] == 0x2000);
        }
    }
    disk_memory_free(d);
}

/* ---- all data, through a file ---- */

static void write_entry(void *ctx, int db, const struct entry *e)
{
    entry_encode(snapshot_room(ctx), db, e);
    snapshot_added(ctx);
}

struct check {
    const struct keyspace *other;
    int db;
    size_t met;
};

static void check_entry(void *ctx, void *entry)
{
    struct check *c = ctx;
    const struct entry *e = keyspace_find(c->other, c->db, entry_key(entry)).entry;
    assert_non_null(e);
    expect_same_content(entry, e);
    assert_true(entry_deadline(entry) == entry_deadline(e));
    assert_int_equal(entry_access(entry), entry_access(e));
    c->met++;
}

static void expect_same(const struct keyspace *a, const struct keyspace *b)
{
    for (int db = 0; db < DATABASES; db++) {
        struct check c = {.other = b, .db = db};
        keyspace_scan(a, db, 0, SIZE_MAX, check_entry, &c);
        assert_int_equal(c.met, keyspace_size(b, db));
    }
}

static void restore(struct runner *r, struct disk *d)
{
    struct buffer items = {0}, sections = {0};
    struct disk_why why;
    uint64_t told;
    const char *fault;
    must(read_all(d, &items, &sections, &told, &why), &why);
    assert_true(engine_restore(r->engine, buffer_slice(&items), &fault) == (int64_t)told);
    /* Once more: each key is there already. */
    if (told) {
        assert_int_equal(engine_restore(r->engine, buffer_slice(&items), &fault), ERR_CORRUPT);
        assert_string_equal(fault, "a key is there twice");
    }
    buffer_fini(&items);
    buffer_fini(&sections);
}

static void data_comes_back(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct runner r, again;
        runner_init(&r);
        runner_init(&again);
        struct writer w = {.r = &r, .values = true};
        random_init(&w.random, seed + (uint64_t)round);
        for (int i = 0; i < 200 * round; i++) {
            run_record(&w);
            pass_time(&w);
        }
        struct disk *d = disk_memory_new();
        struct snapshot *s = begin(d, round % 2);
        uint64_t seq;
        struct event_id last;
        struct walk_visitor v = {write_entry, NULL, NULL, s};
        assert_int_equal(engine_walk_begin(r.engine, v, &seq, &last), 0);
        while (engine_walk_step(r.engine, 10)) {
        }
        assert_int_equal(finish(s), OUTFILE_DONE);
        restore(&again, d);
        expect_same(r.keyspace, again.keyspace);
        disk_memory_free(d);
        arena_fini(&w.arena);
        runner_fini(&again);
        runner_fini(&r);
    }
}

/* Whatever the bytes: an answer, and no more than what could have been made is believed. */
static void wrong_entries_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } wrong[] = {
        {"\x20\0\0\0\0\0\1k", 8},                       /* no value */
        {"\x20\0\0\0\0\0\1k\2v", 10},                   /* less value than it says */
        {"\x21\0\0\0\0\0\1k\1v", 10},                   /* no such type */
        {"\x30\0\0\0\0\0\1k\1v", 10},                   /* no such encoding */
        {"\x00\0\0\0\0\0\1k\1v", 10},                   /* that is no number */
        {"\x20\2\0\0\0\0\1k\1v", 10},                   /* an unknown bit */
        {"\x20\0\0\0\0\4\1k\1v", 10},                   /* no such database */
        {"\x20\0\0\0\0\xff\xff\xff\xff\x7f\1k\1v", 14}, /* nor this one */
        {"\x20\1\0\0\0\0\0\0\0\0\0\0\0\x80\1k\1v", 18}, /* a deadline before all time */
        {"\x20\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\1k", 17},
        {"\x20\0\0\0", 4},
    };
    struct runner r;
    runner_init(&r);
    const char *fault;
    assert_int_equal(engine_restore(r.engine, SLICE("\x20\0\0\0\0\3\1k\1v"), &fault), 1);
    assert_int_equal(keyspace_size(r.keyspace, 3), 1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct slice bytes = slice_of(wrong[i].bytes, wrong[i].len);
        if (engine_restore(r.engine, bytes, &fault) != ERR_CORRUPT) fail_msg("row %zu", i);
    }
    runner_fini(&r);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_files_come_back),
        cmocka_unit_test(each_flipped_bit_is_refused),
        cmocka_unit_test(cut_and_longer_files_are_refused),
        cmocka_unit_test(blocks_have_their_place),
        cmocka_unit_test(large_files_come_back),
        cmocka_unit_test(failing_reads_are_told),
        cmocka_unit_test(folders_are_listed),
        cmocka_unit_test(older_ones_go_with_the_next),
        cmocka_unit_test(data_comes_back),
        cmocka_unit_test(wrong_entries_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
