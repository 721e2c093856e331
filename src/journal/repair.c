/* Repairing what check.c found: nothing is deleted, what is cut or of no use stays beside it. */
#include "check.h"

#include "../io/clock.h"
#include "internal.h"
#include "snapshot.h"

#include <stdarg.h>
#include <stdio.h>

enum { TRACE_BYTES = 8 }; /* fewer than any frame has: see leave_trace */

struct repair {
    struct disk *disk;
    void (*done)(void *ctx, const char *step);
    void *ctx;
};

__attribute__((format(printf, 2, 3))) static void step(const struct repair *r, const char *format,
                                                       ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (r->done) r->done(r->ctx, text);
}

/* Makes an empty file <name>.damaged, or .damaged2, … : one that is not there yet. */
static int make_aside(struct disk *d, const char *name, char aside[CHECK_NAME_BYTES],
                      struct disk_why *why)
{
    int file = ERR_EXISTS;
    for (int i = 1; i < 1000 && file == ERR_EXISTS; i++) {
        snprintf(aside, CHECK_NAME_BYTES, i == 1 ? "%s.damaged" : "%s.damaged%d", name, i);
        file = d->open(d, aside, DISK_WRITE | DISK_NEW, why);
    }
    return file < 0 ? named(why, aside, file) : file;
}

static int move_aside(const struct repair *r, const char *name, struct disk_why *why)
{
    struct disk *d = r->disk;
    char aside[CHECK_NAME_BYTES];
    int file = make_aside(d, name, aside, why);
    if (file < 0) return file;
    d->close(d, file);
    int rc = d->rename(d, name, aside, why);
    if (rc == 0) rc = d->sync_folder(d, why);
    if (rc != 0) return named(why, name, rc);
    step(r, "renamed %s to %s", name, aside);
    return 0;
}

static int move_segment_aside(const struct repair *r, uint64_t number, struct disk_why *why)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(number, name);
    return move_aside(r, name, why);
}

static int copy(struct disk *d, int from, int to, struct disk_why *why)
{
    int rc = disk_copy(d, from, d, to, why);
    return rc == 0 ? d->sync_folder(d, why) : rc;
}

static int cut_at(const struct repair *r, uint64_t number, uint64_t at, struct disk_why *why)
{
    struct disk *d = r->disk;
    char name[SEGMENT_NAME_BYTES], aside[CHECK_NAME_BYTES];
    segment_name(number, name);
    int file = d->open(d, name, DISK_WRITE, why);
    if (file < 0) return named(why, name, file);
    int whole = make_aside(d, name, aside, why);
    int rc = whole < 0 ? whole : copy(d, file, whole, why);
    if (whole >= 0) d->close(d, whole);
    if (rc == 0) step(r, "copied %s to %s", name, aside);
    if (rc == 0) rc = d->truncate(d, file, at, why);
    if (rc == 0) rc = d->sync(d, file, why);
    d->close(d, file);
    if (rc != 0) return named(why, name, rc);
    step(r, "cut %s at offset %llu", name, (unsigned long long)at);
    return 0;
}

/* What is now the last segment gets a few zeros, as one has that was not closed: so that a server
 * knows that there was more. */
static int leave_trace(const struct repair *r, uint64_t number, struct disk_why *why)
{
    struct disk *d = r->disk;
    char name[SEGMENT_NAME_BYTES];
    uint64_t size;
    segment_name(number, name);
    int file = d->open(d, name, DISK_WRITE, why);
    if (file == ERR_ABSENT) return 0;
    if (file < 0) return named(why, name, file);
    int rc = d->size(d, file, &size, why);
    if (rc == 0) rc = d->truncate(d, file, size + TRACE_BYTES, why);
    if (rc == 0) rc = d->sync(d, file, why);
    d->close(d, file);
    return rc == 0 ? 0 : named(why, name, rc);
}

int check_repair(struct disk *disk, const struct check_findings *found,
                 void (*done)(void *ctx, const char *step), void *ctx, struct disk_why *why)
{
    const struct repair r = {disk, done, ctx};
    struct names names = {0};
    if (!found->damaged) return 0;
    int rc = recover_list(disk, &names, why);
    /* The newest first: whenever this ends, what is left has no hole. */
    for (size_t i = names.segments.count; i > 0 && rc == 0; i--) {
        uint64_t number = names.segments.at[i - 1];
        bool all = number == found->number && found->at < SEGMENT_HEADER_BYTES;
        if (number > found->number || all) rc = move_segment_aside(&r, number, why);
    }
    bool within = found->at >= SEGMENT_HEADER_BYTES;
    if (rc == 0 && within) rc = cut_at(&r, found->number, found->at, why);
    if (rc == 0) rc = leave_trace(&r, within ? found->number : found->number - 1, why);
    names_fini(&names);
    return rc;
}

int check_set_aside(struct disk *disk, uint64_t seq, void (*done)(void *ctx, const char *step),
                    void *ctx, struct disk_why *why)
{
    const struct repair r = {disk, done, ctx};
    char name[SNAPSHOT_NAME_BYTES];
    snapshot_name(seq, name);
    return move_aside(&r, name, why);
}

/* A segment without records, in which the next one will be `first_seq`. It looks as one that was
 * not closed: so a server knows that ids may have been given of which nothing is left. */
static int begin_segment(const struct repair *r, const struct segment_header *h,
                         struct disk_why *why)
{
    struct disk *d = r->disk;
    char bytes[SEGMENT_HEADER_BYTES + TRACE_BYTES] = "", name[SEGMENT_NAME_BYTES];
    segment_header_encode(h, bytes);
    segment_name(h->number, name);
    int file = d->open(d, SPARE_NAME, DISK_WRITE | DISK_NEW, why);
    if (file == ERR_EXISTS) { /* a server's, or of a repair that was interrupted */
        file = d->unlink(d, SPARE_NAME, why);
        if (file == 0) file = d->open(d, SPARE_NAME, DISK_WRITE | DISK_NEW, why);
    }
    if (file < 0) return named(why, SPARE_NAME, file);
    int rc = disk_write_all(d, file, bytes, sizeof bytes, 0, why);
    if (rc == 0) rc = d->sync(d, file, why);
    d->close(d, file);
    if (rc == 0) rc = d->rename(d, SPARE_NAME, name, why);
    if (rc == 0) rc = d->sync_folder(d, why);
    if (rc != 0) return named(why, name, rc);
    step(r, "began %s, for record %llu and those after it", name, (unsigned long long)h->first_seq);
    return 0;
}

int check_begin_behind(struct disk *disk, const struct snapshot_header *base, int64_t now_ms,
                       void (*done)(void *ctx, const char *step), void *ctx, struct disk_why *why)
{
    const struct repair r = {disk, done, ctx};
    struct names names = {0};
    struct segment_header h = {.number = 1,
                               .epoch = base->journal_epoch + 1,
                               .first_seq = base->seq + 1,
                               .size = JOURNAL_SEGMENT_BYTES_MIN,
                               .time_ms = now_ms};
    io_entropy(&h.seed, sizeof h.seed);
    int rc = recover_list(disk, &names, why);
    size_t count = names.segments.count;
    if (count) h.number = names.segments.at[count - 1] + 1;
    for (size_t i = count; i > 0 && rc == 0; i--)
        rc = move_segment_aside(&r, names.segments.at[i - 1], why);
    names_fini(&names);
    return rc == 0 ? begin_segment(&r, &h, why) : rc;
}
