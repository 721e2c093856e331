/* What the journal costs: no test, made by `make build/unit/bench_journal`, run by hand.
 *
 *     bench_journal [FOLDER]     FOLDER is on the disk that is to be measured (/tmp) */
#include "../../src/base/err.h"
#include "../../src/base/random.h"
#include "../../src/io/clock.h"
#include "../../src/journal/journal.h"
#include "../../src/view/features.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RECORDS = 4 * 1000 * 1000, VALUE_BYTES = 16 };

struct bench {
    struct disk *disk;
    struct journal *journal;
    struct buffer scratch;
    struct record_room room;
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
        .describer = {VIEW_FEATURES_SCHEME, view_describe, &b->room},
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

/* The n-th of ten million: every 100,000th another event, of a key of its own. */
static void append_mixed(struct bench *b, uint64_t n)
{
    char key[32];
    struct effect e;
    struct note note;
    struct record r = set_of(n, key, &e, &note);
    bool rare = n % 100000 == 99999;
    snprintf(key, sizeof key, rare ? "order:%09d" : "user:%010d", (int)(n * 7919 % 1000000));
    e.key = note.key = slice_of(key, 15);
    if (rare) note.event = EVENT_EXPIRED;
    encode_in_place(b, &r);
}

static void fill(struct bench *b, uint64_t count)
{
    uint64_t first = journal_appended(b->journal) + 1;
    int64_t from = io_mono_us();
    for (uint64_t n = first; n < first + count; n++) {
        append_mixed(b, n);
        if (n % 64 == 0) journal_write(b->journal, b->now);
        if (n % 4096 == 0) wait_for_room(b);
    }
    wait_until_durable(b);
    printf("%llu mixed records: %.2f s", (unsigned long long)count,
           (double)(io_mono_us() - from) / 1e6);
    usleep(3000000); /* for the thread to finish its summaries */
    struct journal_info info;
    journal_info(b->journal, &info);
    printf(", %llu MB in %llu segments\n", (unsigned long long)info.bytes >> 20,
           (unsigned long long)info.segments);
}

static bool wanted(struct record_room *room, struct slice bytes, uint64_t seq, bool by_event,
                   struct slice key)
{
    struct record r;
    if (record_decode(bytes, seq, room, &r) != 0) return false;
    if (by_event) return r.notes[0].event == EVENT_EXPIRED;
    return slice_starts_with(r.notes[0].key, key);
}

static void find(struct bench *b, const char *what, uint64_t first, const struct view_filter *f,
                 bool by_event, struct slice key)
{
    struct record_room room = {0};
    struct slice bytes;
    struct disk_why why;
    uint64_t seq, hits = 0, read = 0;
    int64_t from = io_mono_us(), hit = 0, last = from, longest = 0;
    struct journal_cursor *c = journal_cursor_open(b->journal, first);
    journal_cursor_filter(c, f ? &f->filter : NULL);
    int rc;
    while ((rc = journal_cursor_next(c, UINT64_MAX, &seq, &bytes, &why)) > 0) {
        int64_t now = f ? io_mono_us() : 0;
        if (now - last > longest) longest = now - last;
        last = now;
        if (rc == 2) continue;
        read++;
        if (wanted(&room, bytes, seq, by_event, key) && hits++ == 0) hit = io_mono_us() - from;
    }
    must(rc, &why);
    printf(
        "%-28s first of %4llu after %8.2f ms, all in %8.2f ms, %8llu read, longest call %lld us\n",
        what, (unsigned long long)hits, (double)hit / 1000, (double)(io_mono_us() - from) / 1000,
        (unsigned long long)read, (long long)longest);
    journal_cursor_close(c);
    record_room_fini(&room);
}

static void search(struct bench *b)
{
    uint64_t first = journal_appended(b->journal) + 1;
    struct view_filter f;
    fill(b, 10 * 1000 * 1000);
    for (int i = 0; i < 2; i++) {
        find(b, "a rare event, no filter", first, NULL, true, SLICE(""));
        view_filter_init(&f);
        view_filter_event(&f, EVENT_EXPIRED);
        find(b, "a rare event", first, &f, true, SLICE(""));
        view_filter_init(&f);
        view_filter_prefix(&f, SLICE("order:"));
        find(b, "a rare prefix", first, &f, false, SLICE("order:"));
        char key[32];
        snprintf(key, sizeof key, "order:%09d",
                 (int)((first + 8099999 - first % 100000) * 7919 % 1000000));
        view_filter_init(&f);
        view_filter_key(&f, slice_of(key, 15));
        find(b, "one key", first, &f, false, slice_of(key, 15));
        view_filter_init(&f);
        view_filter_key(&f, SLICE("not there"));
        find(b, "a key that is not there", first, &f, false, SLICE("not there"));
    }
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
    search(&b);
    close_journal(&b);
    record_room_fini(&b.room);
    disk_close(b.disk);
    buffer_fini(&b.scratch);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}
