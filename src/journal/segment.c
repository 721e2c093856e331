/* Segments as they are known in memory, their sparse index, and reading the frames of one. */
#include "internal.h"

#include <stdio.h>

enum { WINDOW_BYTES = 64 * 1024 };

int damaged(struct disk_why *why, uint64_t number, uint64_t at, const char *what)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(number, name);
    snprintf(why->text, sizeof why->text, "%s is damaged at offset %llu: %s", name,
             (unsigned long long)at, what);
    return ERR_CORRUPT;
}

int named(struct disk_why *why, const char *file, int rc)
{
    struct disk_why reason = *why;
    snprintf(why->text, sizeof why->text, "%s: %.200s", file, reason.text);
    return rc;
}

/* Segments ----------------------------------------------------------------------------------- */

void segment_free_groups(struct segment *s)
{
    for (size_t i = 0; i < s->groups_count; i++)
        mem_free(s->groups[i].bloom, s->groups[i].bloom_bytes);
    mem_free(s->groups, s->groups_cap * sizeof *s->groups);
    s->groups = NULL;
    s->groups_count = s->groups_cap = 0;
}

void segment_free(struct segment *s)
{
    segment_free_groups(s);
    mem_free(s->index, s->index_cap * sizeof *s->index);
    mem_delete(s);
}

void segments_add(struct journal *j, struct segment *s)
{
    if (j->segments_count == j->segments_cap) {
        size_t cap = j->segments_cap ? 2 * j->segments_cap : 16;
        j->segments =
            mem_resize(j->segments, j->segments_cap * sizeof(void *), cap * sizeof(void *));
        j->segments_cap = cap;
    }
    j->segments[j->segments_count++] = s;
}

struct segment *segments_find(const struct journal *j, uint64_t number)
{
    if (j->published == 0) return NULL;
    uint64_t first = j->segments[0]->header.number;
    if (number < first || number - first >= j->published) return NULL;
    return j->segments[number - first];
}

struct segment *segments_with(const struct journal *j, uint64_t seq)
{
    size_t low = 0, high = j->published;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (j->segments[mid]->header.first_seq <= seq)
            low = mid + 1;
        else
            high = mid;
    }
    return low ? j->segments[low - 1] : NULL;
}

void segment_note(struct segment *s, uint64_t distance, const struct index_entry *entry)
{
    if (s->index_count && entry->at - s->index[s->index_count - 1].at < distance) return;
    if (s->index_count == s->index_cap) {
        size_t cap = s->index_cap ? 2 * s->index_cap : 8;
        s->index = mem_resize(s->index, s->index_cap * sizeof *s->index, cap * sizeof *s->index);
        s->index_cap = cap;
    }
    s->index[s->index_count++] = *entry;
}

const struct index_entry *segment_seek(const struct segment *s, uint64_t seq)
{
    size_t low = 0, high = s->index_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (s->index[mid].seq <= seq)
            low = mid + 1;
        else
            high = mid;
    }
    /* What is planned is in the index before it is written. */
    while (low > 0 && s->index[low - 1].at >= s->end) low--;
    return low ? &s->index[low - 1] : NULL;
}

/* Frames ------------------------------------------------------------------------------------- */

int scan_open(struct scan *s, struct disk *disk, const struct segment_header *h, uint64_t limit,
              struct disk_why *why)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(h->number, name);
    s->disk = disk;
    s->file = disk->open(disk, name, 0, why);
    if (s->file < 0) return named(why, name, s->file);
    s->header = *h;
    s->at = SEGMENT_HEADER_BYTES;
    s->limit = limit;
    s->chain = segment_chain(h);
    s->begin = h->first_seq;
    s->partial = h->continues;
    s->vouched = 0;
    s->window_at = 0;
    s->window.len = 0;
    return 0;
}

void scan_close(struct scan *s)
{
    if (s->file >= 0) s->disk->close(s->disk, s->file);
    s->file = -1;
}

void scan_fini(struct scan *s)
{
    scan_close(s);
    buffer_fini(&s->window);
}

/* `len` bytes at `at`, which are below the limit, or NULL with *rc set. */
static const char *view(struct scan *s, size_t len, int *rc, struct disk_why *why)
{
    bool inside = s->at >= s->window_at && s->at + len <= s->window_at + s->window.len;
    if (!inside) {
        size_t want = len > WINDOW_BYTES ? len : WINDOW_BYTES;
        if (want > s->limit - s->at) want = (size_t)(s->limit - s->at);
        s->window.len = 0;
        long n =
            disk_read_all(s->disk, s->file, buffer_reserve(&s->window, want), want, s->at, why);
        char name[SEGMENT_NAME_BYTES];
        segment_name(s->header.number, name);
        if (n < 0) {
            *rc = named(why, name, (int)n);
            return NULL;
        }
        s->window_at = s->at;
        s->window.len = (size_t)n;
        if ((size_t)n < len) {
            *rc = damaged(why, s->header.number, s->at, "the file is too short");
            return NULL;
        }
    }
    return s->window.at + (s->at - s->window_at);
}

/* Does the frame stand where its kind and number may? Goes on behind it. */
static bool in_order(struct scan *s, const struct frame *f)
{
    switch (f->kind) {
    case FRAME_WHOLE:
    case FRAME_FIRST:
        if (s->partial || f->seq != s->begin) return false;
        s->begin++;
        s->partial = f->kind == FRAME_FIRST;
        return true;
    case FRAME_MIDDLE:
    case FRAME_LAST:
        if (!s->partial || f->seq != s->begin - 1) return false;
        s->partial = f->kind == FRAME_MIDDLE;
        return true;
    case FRAME_MARK: return f->seq == s->begin;
    }
    return false;
}

int scan_next(struct scan *s, struct frame *f, struct disk_why *why)
{
    if (s->at >= s->limit) return 0;
    int rc = 0;
    if (s->limit - s->at < FRAME_HEADER_BYTES)
        return damaged(why, s->header.number, s->at, "no record begins there");
    const char *bytes = view(s, FRAME_HEADER_BYTES, &rc, why);
    if (!bytes) return rc;
    uint64_t extent = frame_extent(bytes);
    if (extent == 0 || extent > s->limit - s->at)
        return damaged(why, s->header.number, s->at, "no record begins there");
    bytes = view(s, extent, &rc, why);
    if (!bytes) return rc;
    uint32_t chain = s->chain;
    if (!frame_decode(f, &chain, bytes) || !in_order(s, f))
        return damaged(why, s->header.number, s->at, "the checksum of a record is wrong");
    s->chain = chain;
    s->at += extent;
    return 1;
}

bool scan_at_mark(struct scan *s)
{
    struct frame f;
    struct disk_why why;
    int rc = 0;
    if (s->at >= s->limit || s->limit - s->at < FRAME_HEADER_BYTES) return false;
    const char *bytes = view(s, FRAME_HEADER_BYTES, &rc, &why);
    if (!bytes) return false;
    frame_peek(&f, bytes);
    return f.kind == FRAME_MARK;
}

int scan_index(struct scan *s, struct segment *into, uint64_t distance, struct disk_why *why)
{
    for (;;) {
        struct index_entry entry = {
            .seq = s->begin, .at = s->at, .chain = s->chain, .partial = s->partial};
        struct frame f;
        struct mark m;
        int rc = scan_next(s, &f, why);
        if (rc <= 0) return rc;
        if (f.kind != FRAME_MARK) continue;
        const char *bytes = f.payload.at - FRAME_HEADER_BYTES;
        if (!mark_decode(&m, s->header.seed, entry.at, bytes))
            return damaged(why, s->header.number, entry.at, "a mark is wrong");
        entry.time_ms = m.time_ms;
        s->vouched = m.durable;
        segment_note(into, distance, &entry);
    }
}

static int index_by_summary(struct journal *j, const struct segment *s, struct segment *into)
{
    struct summary summary = {.file = -1};
    int rc = ERR_ABSENT;
    if (s->summary == SUMMARY_KEPT)
        rc = summary_open(&summary, j->disk, &s->header, s->end, s->end_chain,
                          j->config.describer.scheme);
    for (size_t i = 0; i < summary.count; i++) segment_note(into, 0, &summary.groups[i].entry);
    summary_fini(&summary);
    return rc;
}

static int index_by_reading(struct journal *j, const struct segment *s, struct segment *into,
                            struct disk_why *why)
{
    struct scan scan = {.file = -1};
    int rc = scan_open(&scan, j->disk, &s->header, s->end, why);
    if (rc == 0) rc = scan_index(&scan, into, j->config.index_bytes, why);
    scan_fini(&scan);
    return rc;
}

int segment_index(struct journal *j, uint64_t number, struct disk_why *why)
{
    mutex_lock(&j->lock);
    const struct segment *s = segments_find(j, number);
    bool needed = s && !s->indexed;
    struct segment was = s ? *s : (struct segment){0};
    mutex_unlock(&j->lock);
    if (!needed) return 0;

    struct segment *made = mem_new(struct segment);
    int rc = index_by_summary(j, &was, made);
    if (rc != 0) rc = index_by_reading(j, &was, made, why);

    mutex_lock(&j->lock);
    struct segment *again = rc == 0 ? segments_find(j, number) : NULL;
    if (again && !again->indexed) {
        again->index = made->index;
        again->index_count = made->index_count;
        again->index_cap = made->index_cap;
        again->indexed = true;
        made->index = NULL;
        made->index_cap = 0;
    }
    mutex_unlock(&j->lock);
    segment_free(made);
    return rc;
}
