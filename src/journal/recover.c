/* Opening: which segments there are, where the last one ends, and whether that is a torn tail,
 * which is cut, or damage, which is refused. First all is looked at; what is to be put right is
 * noted, and done when the journal begins (recover_mend). */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SEARCH_BYTES = 64 * 1024,
    UNCLEAN_BYTES = 8, /* fewer than any frame has */
};

static void add_number(struct numbers *n, uint64_t number)
{
    if (n->count == n->cap) {
        size_t cap = n->cap ? 2 * n->cap : 64;
        n->at = mem_resize(n->at, n->cap * sizeof *n->at, cap * sizeof *n->at);
        n->cap = cap;
    }
    n->at[n->count++] = number;
}

static int visit_name(void *ctx, const char *name)
{
    struct names *n = ctx;
    if (strcmp(name, SPARE_NAME) == 0) n->spare = true;
    uint64_t number = segment_number(name);
    if (number != 0) add_number(&n->segments, number);
    number = summary_number(name);
    if (number != 0) add_number(&n->summaries, number);
    return 0;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int recover_header(struct disk *d, struct segment *s, const char *name, struct disk_why *why)
{
    char bytes[SEGMENT_HEADER_BYTES];
    int file = d->open(d, name, 0, why);
    if (file < 0) return file;
    int rc = d->size(d, file, &s->bytes, why);
    long n = rc == 0 ? disk_read_all(d, file, bytes, sizeof bytes, 0, why) : rc;
    d->close(d, file);
    if (n < 0) return (int)n;
    rc = n == sizeof bytes ? segment_header_decode(&s->header, bytes) : ERR_CORRUPT;
    if (rc == ERR_UNSUPPORTED)
        snprintf(why->text, sizeof why->text, "it was written by a newer version");
    else if (rc != 0)
        snprintf(why->text, sizeof why->text, "the header, at offset 0, is damaged");
    return rc;
}

/* Gone for good before the next one goes, as in retention: a crash leaves no hole. */
static int remove_segment(struct disk *d, uint64_t number, struct disk_why *why)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(number, name);
    int rc = d->unlink(d, name, why);
    if (rc == 0) rc = d->sync_folder(d, why);
    return rc == 0 ? 0 : named(why, name, rc);
}

/* The list is without its `count` oldest. */
static void forget_oldest(struct journal *j, size_t count)
{
    for (size_t i = 0; i < count; i++) segment_free(j->segments[i]);
    j->segments_count -= count;
    j->published -= j->published > count ? count : j->published;
    memmove(j->segments, j->segments + count, j->segments_count * sizeof *j->segments);
}

int recover_drop(struct journal *j, size_t count, struct disk_why *why)
{
    int rc = 0;
    if (count == 0) return 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = remove_segment(j->disk, j->segments[i]->header.number, why);
    if (rc == 0) forget_oldest(j, count);
    return rc;
}

/* All that is listed so far was given up. */
static void void_listed(struct journal *j)
{
    for (size_t i = 0; i < j->segments_count; i++)
        add_number(&j->mending.segments, j->segments[i]->header.number);
    if (j->segments_count) forget_oldest(j, j->segments_count);
}

/* Does `s` follow what is listed so far? Where it says that nothing was before it, what is listed
 * was given up. */
static int follows(struct journal *j, struct segment *s, uint64_t number, struct disk_why *why)
{
    if (s->header.number != number) return damaged(why, number, 0, "it has another's header");
    if (s->header.prior_end == 0) void_listed(j);
    if (j->segments_count == 0) return 0;
    struct segment *prior = j->segments[j->segments_count - 1];
    uint64_t expected = prior->header.number + 1;
    if (number != expected) return damaged(why, expected, 0, "the file is missing");
    if (s->header.epoch < prior->header.epoch || s->header.prior_end < SEGMENT_HEADER_BYTES)
        return damaged(why, number, 0, "it does not follow the one before");
    if (s->header.prior_end > prior->bytes)
        return damaged(why, expected - 1, prior->bytes, "the file is too short");
    prior->end = s->header.prior_end;
    prior->end_chain = s->header.prior_chain;
    return 0;
}

static int load_headers(struct journal *j, const struct numbers *n, struct disk_why *why)
{
    for (size_t i = 0; i < n->count; i++) {
        char name[SEGMENT_NAME_BYTES];
        struct segment *s = mem_new(struct segment);
        segment_name(n->at[i], name);
        int rc = recover_header(j->disk, s, name, why);
        if (rc != 0) rc = named(why, name, rc);
        if (rc == 0) rc = follows(j, s, n->at[i], why);
        if (rc != 0) {
            segment_free(s);
            return rc;
        }
        s->end = s->bytes;
        segments_add(j, s);
    }
    j->published = j->segments_count;
    return 0;
}

/* Which segments have a summary? One that belongs to none is of no use. */
static void find_summaries(struct journal *j, const struct numbers *n)
{
    for (size_t i = 0; i < n->count; i++) {
        struct segment *s = segments_find(j, n->at[i]);
        if (s)
            s->summary = SUMMARY_KEPT;
        else
            add_number(&j->mending.summaries, n->at[i]);
    }
}

int recover_list(struct disk *d, struct names *n, struct disk_why *why)
{
    int rc = d->list(d, visit_name, n, why);
    struct numbers *s = &n->segments;
    if (s->count) qsort(s->at, s->count, sizeof *s->at, compare_numbers);
    return rc;
}

void numbers_fini(struct numbers *n)
{
    mem_free(n->at, n->cap * sizeof *n->at);
    *n = (struct numbers){0};
}

void names_fini(struct names *n)
{
    numbers_fini(&n->segments);
    numbers_fini(&n->summaries);
}

static int find_segments(struct journal *j, struct disk_why *why)
{
    struct names names = {0};
    int rc = recover_list(j->disk, &names, why);
    j->mending.spare = names.spare;
    if (rc == 0) rc = load_headers(j, &names.segments, why);
    if (rc == 0) find_summaries(j, &names.summaries);
    names_fini(&names);
    return rc;
}

/* The last segment --------------------------------------------------------------------------- */

int recover_search(struct scan *s, uint64_t size, uint64_t complete, uint64_t *used,
                   struct disk_why *why)
{
    int rc = 0;
    char *window = mem_alloc(SEARCH_BYTES);
    *used = s->at;
    for (uint64_t at = s->at; at < size && rc == 0; at += SEARCH_BYTES - MARK_BYTES) {
        size_t len = size - at < SEARCH_BYTES ? (size_t)(size - at) : SEARCH_BYTES;
        long n = disk_read_all(s->disk, s->file, window, len, at, why);
        if (n < 0) rc = (int)n;
        for (long i = 0; i < n; i++)
            if (window[i]) *used = at + (uint64_t)i + 1;
        for (long i = 0; i + MARK_BYTES <= n && rc == 0; i += 8) {
            struct mark m;
            if (!mark_decode(&m, s->header.seed, at + (uint64_t)i, window + i)) continue;
            if (m.durable > complete)
                rc = damaged(why, s->header.number, s->at,
                             "records are lost that were safe (hark-check may repair it)");
        }
    }
    mem_free(window, SEARCH_BYTES);
    return rc;
}

/* Writes the same bytes once more. After a sync that failed, the system shows bytes that it has
 * not brought to the disk and will not bring there: it believes them clean, and the sync of a later
 * process succeeds without them. Written anew they are not clean. */
static int write_anew(struct disk *d, int file, uint64_t from, uint64_t to, struct disk_why *why)
{
    int rc = 0;
    char *window = mem_alloc(SEARCH_BYTES);
    while (from < to && rc == 0) {
        size_t len = to - from < SEARCH_BYTES ? (size_t)(to - from) : SEARCH_BYTES;
        long n = disk_read_all(d, file, window, len, from, why);
        rc = n < 0 ? (int)n : disk_write_all(d, file, window, (size_t)n, from, why);
        from += len;
    }
    mem_free(window, SEARCH_BYTES);
    return rc;
}

/* Makes what was read, up to `s->end`, safe (the system may have it in memory only; records up to
 * `vouched` it had not) and gives the rest back. If it was not closed, a few bytes stay behind the
 * end: should this opening not come to a segment of its own, the next one must see that too. */
static int cut(struct journal *j, struct segment *s, uint64_t vouched, bool closed,
               struct disk_why *why)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(s->header.number, name);
    int file = j->disk->open(j->disk, name, DISK_WRITE, why);
    if (file < 0) return named(why, name, file);
    const struct index_entry *from = segment_seek(s, vouched);
    uint64_t size = closed ? s->end : s->end + UNCLEAN_BYTES;
    int rc = s->bytes != size ? j->disk->truncate(j->disk, file, size, why) : 0;
    if (rc == 0)
        rc = write_anew(j->disk, file, from ? from->at : SEGMENT_HEADER_BYTES, s->end, why);
    if (rc == 0) rc = j->disk->sync(j->disk, file, why);
    j->disk->close(j->disk, file);
    s->bytes = size;
    return rc == 0 ? 0 : named(why, name, ERR_IO);
}

static void note_cut(struct journal_recovery *found, const struct scan *s, uint64_t used)
{
    if (used <= s->at) return;
    found->cut_bytes = used - s->at;
    found->cut_at = s->at;
    segment_name(s->header.number, found->cut_file);
}

/* Reads the last segment; `closed`: another one followed it, so its end is known. */
static int read_last(struct journal *j, struct scan *s, bool closed, struct journal_recovery *found,
                     struct disk_why *why)
{
    struct segment *last = j->segments[j->segments_count - 1];
    int rc = scan_open(s, j->disk, &last->header, last->end, why);
    if (rc != 0) return rc;
    rc = scan_index(s, last, j->config.index_bytes, why);
    if (rc != 0 && rc != ERR_CORRUPT) return rc;
    if (closed) {
        if (rc == 0 && s->chain != last->end_chain)
            rc = damaged(why, last->header.number, s->at, "the next segment does not follow it");
        return rc;
    }
    uint64_t used, complete = s->begin - 1 - s->partial;
    found->clean = rc == 0 && last->bytes == s->at && s->vouched == complete;
    rc = recover_search(s, last->bytes, complete, &used, why);
    if (rc != 0) return rc;
    note_cut(found, s, used);
    return 0;
}

/* Segments at the end in which no record ended are taken away, so that a server that restarts
 * again and again leaves one file and not a thousand. The only one stays: it knows the number. Of
 * several the first stays on the disk until the new segment takes its name: it knows the epoch. */
static void leave_out_last(struct journal *j, bool closed)
{
    struct segment *last = j->segments[j->segments_count - 1];
    if (closed) add_number(&j->mending.segments, last->header.number + 1);
    segment_free(last);
    j->published = --j->segments_count;
}

static int recover_last(struct journal *j, struct journal_recovery *found, struct disk_why *why)
{
    int rc = 0;
    bool closed = false;
    struct scan s = {.file = -1};
    while (rc == 0) {
        struct segment *last = j->segments[j->segments_count - 1];
        rc = read_last(j, &s, closed, found, why);
        scan_close(&s);
        if (rc != 0) break;
        uint64_t complete = s.begin - 1 - s.partial;
        uint64_t before = last->header.first_seq - 1 - last->header.continues;
        if (complete == before && j->segments_count > 1) {
            leave_out_last(j, closed);
            closed = true;
            continue;
        }
        last->end = s.at;
        j->mending.vouched = s.vouched;
        j->mending.closed = found->clean || closed;
        last->end_chain = s.chain;
        last->indexed = true;
        j->begin = complete + 1;
        found->last_epoch = last->header.epoch;
        break;
    }
    scan_fini(&s);
    return rc;
}

int recover(struct journal *j, struct journal_recovery *found, struct disk_why *why)
{
    int rc = find_segments(j, why);
    if (rc != 0) return rc;
    j->begin = j->config.first_seq ? j->config.first_seq : 1;
    found->clean = j->segments_count == 0 || j->config.anew;
    if (j->segments_count > 0) j->epoch = j->segments[j->segments_count - 1]->header.epoch;
    if (j->segments_count > 0 && !j->config.anew) {
        rc = recover_last(j, found, why);
        if (rc != 0) return rc;
    }
    j->epoch++;
    found->epoch = j->epoch;
    bool empty = j->segments_count == 0 || j->config.anew;
    found->segments = empty ? 0 : j->segments_count;
    found->first_seq = empty ? j->begin : j->segments[0]->header.first_seq;
    found->last_seq = j->begin - 1;
    return 0;
}

int recover_mend(struct journal *j, struct disk_why *why)
{
    const struct mending *m = &j->mending;
    struct disk *d = j->disk;
    int rc = m->spare ? d->unlink(d, SPARE_NAME, why) : 0;
    for (size_t i = 0; i < m->segments.count && rc == 0; i++)
        rc = remove_segment(d, m->segments.at[i], why);
    for (size_t i = 0; i < m->summaries.count && rc == 0; i++) {
        char name[SEGMENT_NAME_BYTES];
        struct disk_why ignored;
        summary_name(m->summaries.at[i], name);
        d->unlink(d, name, &ignored);
    }
    if (rc != 0 || j->segments_count == 0 || j->config.anew) return rc;
    return cut(j, j->segments[j->segments_count - 1], m->vouched, m->closed, why);
}
