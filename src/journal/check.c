/* The journal looked through from outside: each segment's header, that it follows the one before,
 * and all its frames; then, in the last one, whether a mark vouches for more than is there. The
 * same questions as in opening (recover.c) and reading (cursor.c), asked of all segments at once.
 */
#include "check.h"

#include "internal.h"

#include "snapshot.h"

#include <stdio.h>

struct walk {
    struct disk *disk;
    const struct check_visitor *visitor;
    struct check_findings *found;
    struct segment *segments; /* up to the first whose header is no good */
    size_t count, cap;
    struct buffer record; /* a cut one that is put together: */
    bool collecting;      /* its first piece is there */
    struct check_segment facts;
};

int check_lock(struct disk *disk, struct disk_why *why)
{
    struct names names = {0};
    uint64_t snapshot;
    int rc = recover_list(disk, &names, why);
    size_t count = names.segments.count;
    names_fini(&names);
    if (rc != 0) return rc;
    int snapshots = snapshot_list(disk, &snapshot, 1, why);
    if (snapshots < 0) return snapshots;
    if (count == 0 && snapshots == 0) {
        snprintf(why->text, sizeof why->text, "there is no journal");
        return ERR_ABSENT;
    }
    int file = disk->lock(disk, LOCK_NAME, why);
    return file < 0 ? named(why, LOCK_NAME, file) : file;
}

/* Notes the first damage. */
static void note_damage(struct walk *w, uint64_t number, uint64_t at, const char *what)
{
    struct check_findings *f = w->found;
    if (f->damaged) return;
    f->damaged = true;
    f->number = number;
    f->at = at;
    damaged(&f->why, number, at, what);
}

/* Headers ------------------------------------------------------------------------------------ */

static struct segment *add_segment(struct walk *w)
{
    if (w->count == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 64;
        w->segments =
            mem_resize(w->segments, w->cap * sizeof *w->segments, cap * sizeof *w->segments);
        w->cap = cap;
    }
    w->segments[w->count] = (struct segment){0};
    return &w->segments[w->count++];
}

/* Why it cannot be the segment of that number, behind those before; NULL: it can. */
static const char *misfit(const struct walk *w, const struct segment *s, uint64_t number)
{
    if (s->header.number != number) return "it has another's header";
    if (w->count < 2 || s->header.prior_end == 0) return NULL;
    const struct segment *prior = s - 1;
    if (s->header.epoch < prior->header.epoch || s->header.prior_end < SEGMENT_HEADER_BYTES ||
        s->header.first_seq < prior->header.first_seq)
        return "it does not follow the one before";
    return NULL;
}

static int load_headers(struct walk *w, const struct numbers *n, struct disk_why *why)
{
    for (size_t i = 0; i < n->count && !w->found->damaged; i++) {
        char name[SEGMENT_NAME_BYTES];
        if (i > 0 && n->at[i] != n->at[i - 1] + 1) {
            note_damage(w, n->at[i - 1] + 1, 0, "the file is missing");
            break;
        }
        struct segment *s = add_segment(w);
        segment_name(n->at[i], name);
        int rc = recover_header(w->disk, s, name, why);
        if (rc != 0 && rc != ERR_CORRUPT) return named(why, name, rc);
        const char *what = rc == 0 ? misfit(w, s, n->at[i]) : "the header is damaged";
        if (what) note_damage(w, n->at[i], 0, what);
        if (what) w->count--;
    }
    return 0;
}

/* Frames ------------------------------------------------------------------------------------- */

static void take_piece(struct walk *w, const struct frame *f)
{
    if (f->kind == FRAME_FIRST) {
        w->record.len = 0;
        w->collecting = true;
    }
    if (!w->collecting) return;
    buffer_add_slice(&w->record, f->payload);
    if (f->kind != FRAME_LAST) return;
    w->collecting = false;
    if (w->visitor->record) w->visitor->record(w->visitor->ctx, f->seq, buffer_slice(&w->record));
}

static bool take_frame(struct walk *w, const struct scan *s, const struct frame *f, uint64_t at)
{
    struct mark m;
    switch (f->kind) {
    case FRAME_WHOLE:
        if (w->visitor->record) w->visitor->record(w->visitor->ctx, f->seq, f->payload);
        return true;
    case FRAME_FIRST:
    case FRAME_MIDDLE:
    case FRAME_LAST: take_piece(w, f); return true;
    case FRAME_MARK: break;
    }
    if (!mark_decode(&m, s->header.seed, at, f->payload.at - FRAME_HEADER_BYTES)) return false;
    w->facts.marks++;
    w->facts.durable = m.durable;
    w->facts.last_ms = m.time_ms;
    return true;
}

static bool stopped(const struct walk *w)
{
    return w->visitor->stop && *w->visitor->stop;
}

/* As scan_next, to the end; never 1. */
static int read_frames(struct walk *w, struct scan *s, struct disk_why *why)
{
    for (;;) {
        struct frame f;
        uint64_t at = s->at;
        int rc = stopped(w) ? 0 : scan_next(s, &f, why);
        if (rc <= 0) return rc;
        if (take_frame(w, s, &f, at)) continue;
        s->at = at;
        return damaged(why, s->header.number, at, "a mark is wrong");
    }
}

static const char *reason(const struct disk_why *why)
{
    const char *colon = strrchr(why->text, ':');
    return colon ? colon + 2 : why->text;
}

/* The end of a segment that another one follows. */
static void check_border(struct walk *w, const struct scan *s, const struct segment_header *next)
{
    bool same = s->at == next->prior_end && s->chain == next->prior_chain;
    bool goes_on = next->continues ? s->partial && next->first_seq == s->begin
                                   : next->first_seq == s->begin - s->partial;
    if (!same || !goes_on) note_damage(w, next->number, 0, "it does not follow the one before");
    if (!next->continues) w->collecting = false;
}

/* The end of the last one, or of one whose follower is no good: what is left may be torn, unless
 * there is a proof that it was safe. */
static int check_end(struct walk *w, struct scan *s, uint64_t bytes, struct disk_why *why)
{
    uint64_t used;
    int rc = recover_search(s, bytes, s->begin - 1 - s->partial, &used, why);
    if (rc == ERR_CORRUPT) {
        w->found->damaged = false; /* this one is before any that was found */
        note_damage(w, s->header.number, s->at, "records are missing that were safe");
        return 0;
    }
    if (rc != 0 || used <= s->at || w->found->damaged) return rc;
    w->found->torn_at = s->at;
    w->found->torn_bytes = used - s->at;
    segment_name(s->header.number, w->found->torn_file);
    return 0;
}

static void tell(struct walk *w, const struct segment *s, const struct scan *scan)
{
    struct check_segment *f = &w->facts;
    segment_name(s->header.number, f->file);
    f->number = s->header.number;
    f->epoch = s->header.epoch;
    f->first_seq = s->header.first_seq;
    f->begun_ms = s->header.time_ms;
    f->bytes = s->bytes;
    f->is_void = !scan;
    if (scan) {
        f->used = scan->at;
        f->last_seq = scan->begin - 1;
        struct summary summary = {.file = -1};
        int rc = summary_open(&summary, w->disk, &s->header, scan->at, scan->chain, SCHEME_ANY);
        f->summary = rc != ERR_ABSENT;
        f->summary_sound = rc == 0;
        summary_fini(&summary);
    }
    if (w->visitor->segment) w->visitor->segment(w->visitor->ctx, f);
}

static int check_segment(struct walk *w, const struct segment *s, struct disk_why *why)
{
    const struct segment *next = s + 1 < w->segments + w->count ? s + 1 : NULL;
    struct scan scan = {.file = -1};
    w->facts = (struct check_segment){0};
    int rc = scan_open(&scan, w->disk, &s->header, next ? next->header.prior_end : s->bytes, why);
    if (rc == 0) rc = read_frames(w, &scan, why);
    if (stopped(w)) {
        scan_fini(&scan);
        return rc;
    }
    if (rc == ERR_CORRUPT && next) {
        w->found->damaged = false;
        note_damage(w, s->header.number, scan.at, reason(why));
        rc = 0;
    } else if (rc == ERR_CORRUPT || (rc == 0 && !next)) {
        rc = check_end(w, &scan, s->bytes, why);
    } else if (rc == 0) {
        check_border(w, &scan, &next->header);
    }
    if (rc == 0) {
        w->found->last_seq = scan.begin - 1 - scan.partial;
        tell(w, s, &scan);
    }
    scan_fini(&scan);
    return rc;
}

static int check_all(struct walk *w, struct disk_why *why)
{
    size_t first = 0;
    for (size_t i = 1; i < w->count; i++)
        if (w->segments[i].header.prior_end == 0) first = i;
    if (w->count == 0) return 0;
    for (size_t i = 0; i < first; i++) {
        w->facts = (struct check_segment){0};
        tell(w, &w->segments[i], NULL);
    }
    if (w->visitor->newest && w->count - first > w->visitor->newest)
        first = w->count - w->visitor->newest;
    w->found->first_seq = w->segments[first].header.first_seq;
    int rc = 0;
    for (size_t i = first; i < w->count && rc == 0 && !stopped(w); i++) {
        bool before = w->found->damaged && w->found->number <= w->segments[i].header.number;
        if (before) break;
        rc = check_segment(w, &w->segments[i], why);
    }
    return rc;
}

int check_journal(struct disk *disk, const struct check_visitor *v, struct check_findings *found,
                  struct disk_why *why)
{
    struct names names = {0};
    struct walk w = {.disk = disk, .visitor = v, .found = found};
    *found = (struct check_findings){.first_seq = 1};
    int rc = recover_list(disk, &names, why);
    const struct numbers *n = &names.segments;
    found->segments = n->count;
    if (rc == 0 && n->count == 0) {
        rc = ERR_ABSENT;
        snprintf(why->text, sizeof why->text, "there is no journal");
    }
    if (rc == 0) rc = load_headers(&w, n, why);
    if (rc == 0) rc = check_all(&w, why);
    for (size_t i = 0; found->damaged && i < n->count; i++)
        found->behind += n->at[i] > found->number;
    names_fini(&names);
    mem_free(w.segments, w.cap * sizeof *w.segments);
    buffer_fini(&w.record);
    return rc;
}
