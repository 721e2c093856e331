/* What the journal costs: no test, made by `make build/unit/bench_journal`, run by hand.
 *
 *     bench_journal [FOLDER]     FOLDER is on the disk that is to be measured (/tmp) */
#include "../../src/base/err.h"
#include "../../src/base/random.h"
#include "../../src/io/clock.h"
#include "../../src/journal/journal.h"
#include "../../src/record/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RECORDS = 4 * 1000 * 1000, VALUE_BYTES = 16 };

struct bench {
    struct disk *disk;
    struct journal *journal;
    struct buffer scratch;
    int64_t now;
};

static void must(int rc, const struct disk_why *why)
{
    if (rc == 0) return;
    fprintf(stderr, "%s: %s\n", err_text(rc), why->text);
    exit(1);
}

static void open_journal(struct bench *b)
{
    struct journal_config config = {
        .segment_bytes = JOURNAL_SEGMENT_BYTES,
        .sync = JOURNAL_SYNC_EVERYSEC,
        .tail_bytes_max = 16 << 20,
        .backlog_bytes_max = 32 << 20,
        .threaded = true,
        .seed = 1,
    };
    struct journal_recovery found;
    struct disk_why why;
    b->now = io_unix_us() / 1000;
    int64_t from = io_mono_us();
    must(journal_open(&b->journal, &config, b->disk, b->now, &found, &why), &why);
    printf("%-44s %8.1f ms\n", "opening", (double)(io_mono_us() - from) / 1000);
}

static void close_journal(struct bench *b)
{
    struct disk_why why;
    must(journal_close(b->journal, io_unix_us() / 1000, &why), &why);
}

/* The record of `SET key:<n> <value>`. */
static struct record set_of(uint64_t n, char key[32], struct effect *e, struct note *note)
{
    int len = snprintf(key, 32, "key:%012llu", (unsigned long long)n);
    struct slice name = slice_of(key, (size_t)len);
    *e = (struct effect){
        .verb = EFFECT_SET, .key = name, .arg = SLICE("0123456789abcdef"), .when = WHEN_NONE};
    *note = (struct note){.kind = NOTE_EVENT, .event = EVENT_SET, .key = name, .effect = 0};
    return (struct record){.seq = n,
                           .id = {INT64_C(1763800000000) + (int64_t)(n >> 10), n & 1023},
                           .cause = SLICE("set"),
                           .client = 7,
                           .effects = e,
                           .effects_count = 1,
                           .notes = note,
                           .notes_count = 1};
}

typedef void step(struct bench *b, const struct record *r);

static void only_record(struct bench *b, const struct record *r)
{
    (void)b;
    __asm__ volatile("" : : "r"(r) : "memory");
}

static void only_encode(struct bench *b, const struct record *r)
{
    char *to = buffer_reserve(&b->scratch, record_encoded_max(r));
    size_t len = record_encode(to, r);
    __asm__ volatile("" : : "r"(to), "r"(len) : "memory");
}

static void encode_and_append(struct bench *b, const struct record *r)
{
    char *to = buffer_reserve(&b->scratch, record_encoded_max(r));
    size_t len = record_encode(to, r);
    journal_append(b->journal, slice_of(to, len), b->now);
}

static void encode_in_place(struct bench *b, const struct record *r)
{
    char *to = journal_reserve(b->journal, record_encoded_max(r), b->now);
    journal_commit(b->journal, record_encode(to, r), b->now);
}

static void append_only(struct bench *b, const struct record *r)
{
    (void)r;
    journal_append(b->journal, SLICE("0123456789abcdefghijklmnopqrstuvwxyz0123456789abcd"), b->now);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static double median(uint64_t *ticks, int count, int per)
{
    qsort(ticks, (size_t)count, sizeof *ticks, compare);
    return (double)ticks[count / 2] * 1000 / io_ticks_calibrate() / per;
}

static void wait_until_durable(struct bench *b)
{
    journal_flush(b->journal, b->now);
    while (journal_durable(b->journal) < journal_appended(b->journal)) usleep(1000);
}

/* The disk may be slower: what waits for it is not what is measured. */
static void wait_for_room(struct bench *b)
{
    while (journal_admits(b->journal) == ERR_AGAIN) usleep(1000);
}

/* The middle of all turns of `batch` records each, and of the journal_write at their ends. */
static void measure(struct bench *b, const char *what, step *each, int batch)
{
    enum { BLOCK = 1024 };
    static char keys[BLOCK][32];
    static struct effect effects[BLOCK];
    static struct note notes[BLOCK];
    static struct record records[BLOCK];
    static uint64_t append[RECORDS / 16], write[RECORDS / 16];
    for (uint64_t i = 0; i < BLOCK; i++)
        records[i] = set_of(i + 1, keys[i], &effects[i], &notes[i]);
    int turns = RECORDS / batch;
    for (int turn = 0; turn < turns; turn++) {
        uint64_t from = io_ticks();
        for (int n = 0; n < batch; n++) each(b, &records[n % BLOCK]);
        uint64_t then = io_ticks();
        journal_write(b->journal, b->now);
        write[turn] = io_ticks() - then;
        append[turn] = then - from;
        if (turn % 64 == 0) b->now = io_unix_us() / 1000;
        if (turn % 64 == 0) wait_for_room(b);
    }
    wait_until_durable(b);
    printf("%-20s %4d a turn %8.1f ns each", what, batch, median(append, turns, batch));
    printf(", writing %8.1f ns each", median(write, turns, batch));
    printf(", longest %7.1f us\n", (double)write[turns - 1] / io_ticks_calibrate());
}

int main(int argc, char **argv)
{
    char folder[200], command[240];
    snprintf(folder, sizeof folder, "%s/hark-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    struct bench b = {0};
    struct disk_why why;
    if (!mkdtemp(folder)) return 1;
    must(disk_open(folder, &b.disk, &why), &why);
    open_journal(&b);
    static const int batches[] = {16, 64, 1024};
    measure(&b, "nothing", only_record, 64);
    measure(&b, "encode", only_encode, 64);
    for (int i = 0; i < 3; i++) {
        measure(&b, "append 50 bytes", append_only, batches[i]);
        measure(&b, "encode, append", encode_and_append, batches[i]);
        measure(&b, "encode in place", encode_in_place, batches[i]);
    }
    close_journal(&b);
    disk_close(b.disk);
    buffer_fini(&b.scratch);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}
