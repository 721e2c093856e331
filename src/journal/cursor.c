/* Reading records in order, beside the appending, and finding a place by time. */
#include "internal.h"

struct journal_cursor *journal_cursor_open(struct journal *j, uint64_t seq)
{
    MAGIC(j, JOURNAL_MAGIC);
    struct journal_cursor *c = mem_new(struct journal_cursor);
    c->journal = j;
    c->next = seq ? seq : 1;
    c->scan.file = c->summary.file = -1;
    return c;
}

void journal_cursor_close(struct journal_cursor *c)
{
    scan_fini(&c->scan);
    summary_fini(&c->summary);
    buffer_fini(&c->record);
    mem_delete(c);
}

void journal_cursor_filter(struct journal_cursor *c, const struct journal_filter *filter)
{
    c->filter = filter;
    c->clear_until = 0;
}

uint64_t journal_cursor_at(const struct journal_cursor *c)
{
    return c->next;
}

/* Which segment has record `seq`, for those who do not hold the lock. */
struct place {
    struct segment_header header;
    struct index_entry entry; /* at 0: the begin */
    uint64_t end;
    bool found, indexed;
};

static struct place look_up(struct journal *j, uint64_t seq)
{
    struct place p = {0};
    mutex_lock(&j->lock);
    const struct segment *s = segments_with(j, seq);
    if (s) {
        const struct index_entry *entry = segment_seek(s, seq);
        p = (struct place){
            .header = s->header, .end = s->end, .found = true, .indexed = s->indexed};
        if (entry) p.entry = *entry;
    }
    mutex_unlock(&j->lock);
    return p;
}

/* Opens the segment that has the wanted record: 1; 0 when there is no segment at all yet. */
static int enter(struct journal_cursor *c, struct disk_why *why)
{
    struct journal *j = c->journal;
    struct place p = look_up(j, c->next);
    if (p.found && !p.indexed && p.header.first_seq != c->next) {
        int rc = segment_index(j, p.header.number, why);
        if (rc != 0) return rc;
        p = look_up(j, c->next);
    }
    if (!p.found) return journal_first(j) > c->next ? ERR_ABSENT : 0;
    int rc = scan_open(&c->scan, j->disk, &p.header, p.end, why);
    if (rc != 0) return rc;
    if (p.entry.at) {
        c->scan.at = p.entry.at;
        c->scan.chain = p.entry.chain;
        c->scan.begin = p.entry.seq;
        c->scan.partial = p.entry.partial;
    }
    c->collecting = false;
    c->clear_until = 0;
    return 1;
}

/* Goes from one segment to the next, whose header says where this one ended. */
static int follow(struct journal_cursor *c, const struct segment_header *h, uint64_t end,
                  struct disk_why *why)
{
    struct scan *s = &c->scan;
    bool same = s->at == h->prior_end && s->chain == h->prior_chain;
    bool goes_on = h->continues ? s->partial && h->first_seq == s->begin
                                : h->first_seq == s->begin - s->partial;
    if (!same || !goes_on)
        return damaged(why, s->header.number, s->at, "the next segment does not follow it");
    if (!h->continues) c->collecting = false;
    c->clear_until = 0;
    scan_close(s);
    return scan_open(s, c->journal->disk, h, end, why);
}

/* How far may be read now? Goes on to the next segment at the end of one. 1: there is something;
 * 0: nothing yet; ERR_AGAIN: the segment was dropped, so look up again. */
static int advance(struct journal_cursor *c, struct disk_why *why)
{
    struct journal *j = c->journal;
    struct segment_header next = {0};
    uint64_t next_end = 0;
    mutex_lock(&j->lock);
    const struct segment *s = segments_find(j, c->scan.header.number);
    const struct segment *after = s ? segments_find(j, s->header.number + 1) : NULL;
    if (s) c->scan.limit = s->end;
    if (after) {
        next = after->header;
        next_end = after->end;
    }
    mutex_unlock(&j->lock);
    if (!s) return ERR_AGAIN;
    if (c->scan.at < c->scan.limit) return 1;
    if (!after) return 0;
    int rc = follow(c, &next, next_end, why);
    return rc == 0 ? 1 : rc;
}

/* Takes a frame: true when the wanted record is whole, in `record`. */
static bool take(struct journal_cursor *c, const struct frame *f, struct slice *record)
{
    if (f->kind == FRAME_MARK || f->seq != c->next) return false;
    if (f->kind == FRAME_WHOLE) {
        *record = f->payload;
        return true;
    }
    if (f->kind == FRAME_FIRST) {
        c->record.len = 0;
        c->collecting = true;
    }
    if (!c->collecting) return false;
    buffer_add_slice(&c->record, f->payload);
    if (f->kind != FRAME_LAST) return false;
    *record = buffer_slice(&c->record);
    c->collecting = false;
    return true;
}

static int read_on(struct journal_cursor *c, uint64_t upto, uint64_t *seq, struct slice *record,
                   struct disk_why *why)
{
    while (c->next <= upto) {
        if (c->scan.file < 0) {
            int rc = enter(c, why);
            if (rc <= 0) return rc;
        }
        int rc = c->scan.at < c->scan.limit ? 1 : advance(c, why);
        if (rc == 1 && c->scan.at >= c->scan.limit) continue; /* an empty segment */
        if (rc <= 0) return rc;
        if (c->filter && !c->collecting && c->scan.at >= c->clear_until) {
            rc = cursor_skip(c);
            if (rc <= 0) return rc == 0 ? 2 : rc;
            continue;
        }
        struct frame f;
        rc = scan_next(&c->scan, &f, why);
        if (rc < 0) return rc;
        if (!take(c, &f, record)) continue;
        *seq = c->next++;
        return 1;
    }
    return 0;
}

int journal_cursor_next(struct journal_cursor *c, uint64_t upto, uint64_t *seq,
                        struct slice *record, struct disk_why *why)
{
    uint64_t written = load(&c->journal->written);
    if (upto > written) upto = written;
    for (;;) {
        int rc = read_on(c, upto, seq, record, why);
        if (rc >= 0) return rc;
        scan_close(&c->scan);
        /* Retention took the file under our hands? Then see what is left. */
        bool gone = rc == ERR_AGAIN || (rc == ERR_ABSENT && journal_first(c->journal) <= c->next);
        if (!gone) return rc;
    }
}

int journal_find_time(struct journal *j, int64_t ms, uint64_t *seq, struct disk_why *why)
{
    for (;;) {
        uint64_t number = 0;
        mutex_lock(&j->lock);
        size_t i = j->published;
        while (i > 1 && j->segments[i - 1]->header.time_ms >= ms) i--;
        *seq = i ? j->segments[i - 1]->header.first_seq : 1;
        if (i && !j->segments[i - 1]->indexed) number = j->segments[i - 1]->header.number;
        for (size_t k = 0; i && k < j->segments[i - 1]->index_count; k++) {
            const struct index_entry *entry = &j->segments[i - 1]->index[k];
            if (entry->time_ms >= ms || entry->at >= j->segments[i - 1]->end) break;
            *seq = entry->seq;
        }
        mutex_unlock(&j->lock);
        if (number == 0) return 0;
        int rc = segment_index(j, number, why);
        if (rc != 0) return rc;
    }
}
