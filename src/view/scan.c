/* Going through records for a question: forward, or in blocks from the back. The same for the
 * owner, who reads the tail, and for the reader, who reads segments; either may stop after any
 * record, and the other go on.
 *
 * In segments the reader passes over groups of records that, as the journal's summaries have it,
 * cannot be what the name shows. They count as looked at. What such a group would have told beside
 * its entries, by the ids of its records, is asked for otherwise: after each segment that was
 * passed over one record is read whatever it is, to see whether the range is over, and a gap is
 * told by the first record that is kept. */
#include "../io/clock.h"
#include "internal.h"

enum {
    LOOK_AT_CLOCK = 32, /* records between two looks */
    BLOCK_MIN = 64,     /* records of the first block in reverse; the next one is twice as long, */
    BLOCK_MAX = 1024,   /* up to this, which is not stopped in between; in the tail */
    SKIP_MIN = 256,     /* fewer records are read rather than skipped */
    STEP_BACK_MS = 1000,
};

void question_close_cursor(struct view_question *q)
{
    if (q->cursor) journal_cursor_close(q->cursor);
    q->cursor = NULL;
}

/* ---- the end ---- */

static enum scan_end finish(struct view_question *q, uint64_t scanned_seq)
{
    struct view_answer *a = &q->answer;
    size_t count = q->list.count;
    question_close_cursor(q);
    q->finished = true;
    a->scanned_seq = q->reverse ? 0 : scanned_seq;
    a->entries = q->list.at;
    a->count = count;
    a->bytes = q->list.bytes;
    if (count) a->rests_on = q->list.at[q->reverse ? 0 : count - 1].seq;
    if (q->counts) a->rests_on = scanned_seq;
    return SCAN_DONE;
}

static enum scan_end fail(struct view_question *q, int error)
{
    entry_list_fini(&q->list);
    q->answer.error = error;
    return finish(q, 0);
}

static const struct target *last_target(const struct view_question *q)
{
    return &q->targets[q->targets_count - 1];
}

/* ---- reading ---- */

/* The reader's cursor, at record `seq`. `filtered`: it may pass over what the name does not show.
 */
static struct journal_cursor *cursor_at(struct view_question *q, uint64_t seq, bool filtered)
{
    if (q->cursor && journal_cursor_at(q->cursor) != seq) question_close_cursor(q);
    if (!q->cursor) {
        q->cursor = journal_cursor_open(q->views->journal, seq);
        q->filtered = false;
    }
    if (q->filtered != filtered)
        journal_cursor_filter(q->cursor, filtered ? &q->filter.filter : NULL);
    q->filtered = filtered;
    return q->cursor;
}

static bool may_pass_over(const struct view_question *q, const struct bench *b)
{
    return b->on_disk && q->filter.filter.count;
}

/* 1 and record `seq`; 0: it is not where this one reads; ERR_ABSENT: retention has dropped it. */
static int read_record(struct view_question *q, struct bench *b, uint64_t seq, struct slice *record)
{
    struct journal *j = q->views->journal;
    uint64_t got;
    if (!b->on_disk) return journal_tail(j, seq, &b->scratch, record);
    if (seq > journal_written(j)) return 0;
    return journal_cursor_next(cursor_at(q, seq, false), seq, &got, record, &q->answer.why);
}

/* The same for the first one from `*seq` up to `upto` that may be in the view, to which `*seq`
 * goes. 2: it went further, but there is none yet; 0: likewise, or it is beyond `upto`. */
static int read_next(struct view_question *q, struct bench *b, uint64_t *seq, uint64_t upto,
                     struct slice *record)
{
    bool wanted = q->gap_due || q->passed;
    q->passed = false;
    if (wanted || !may_pass_over(q, b)) return read_record(q, b, *seq, record);
    struct journal_cursor *c = cursor_at(q, *seq, true);
    int rc = journal_cursor_next(c, upto, seq, record, &q->answer.why);
    if (rc != 1) *seq = journal_cursor_at(c);
    q->passed = rc == 2;
    return rc;
}

/* The same for the id alone. */
static int read_id(struct view_question *q, struct bench *b, uint64_t seq, struct event_id *id)
{
    struct slice record;
    int rc = read_record(q, b, seq, &record);
    if (rc != 1) return rc;
    rc = record_peek(record, id);
    return rc == 0 ? 1 : rc;
}

/* ---- finding the place ---- */

/* Is it "from what is kept on"? */
static bool from_begin(struct event_id first)
{
    return first.ms == 0 && first.n <= 1;
}

/* The scan goes on from `seq`, or from the first record that is kept. If it is that one, what was
 * before it may be missed: its id will tell. */
static void begin_at(struct view_question *q, uint64_t seq)
{
    uint64_t kept = journal_first(q->views->journal);
    if (seq > q->next) q->next = seq;
    if (q->next < kept) q->next = kept;
    q->place = false;
    q->gap_due = q->gap_wanted && kept > 1 && q->next == kept && q->target == 0 &&
                 (q->from_told || !from_begin(q->targets[0].first));
}

void question_begin_at(struct view_question *q, uint64_t seq)
{
    q->from_told = true;
    begin_at(q, seq);
    q->gap_due = q->gap_due && seq < q->next;
    if (seq > q->upto) q->upto = seq - 1;
}

/* By the milestones, or when all from the first wanted id on is in the tail. 1, or 0 when only the
 * reader can know. */
static int find_in_tail(struct view_question *q, struct bench *b)
{
    const struct views *v = q->views;
    struct event_id first = q->targets[q->target].first, id;
    uint64_t tail = journal_tail_first(v->journal), kept = journal_first(v->journal);
    struct milestone m;
    if (milestone_before(v, first, &m) && m.seq >= tail) {
        begin_at(q, m.seq);
    } else if (q->next >= tail) {
        begin_at(q, q->next);
    } else if (kept >= tail) {
        begin_at(q, kept);
    } else {
        int rc = read_id(q, b, tail, &id);
        if (rc != 1) return rc;
        if (id_compare(id, first) > 0) return 0;
        begin_at(q, tail);
    }
    return 1;
}

/* The journal finds by its own clock, behind which ids never are, but may be ahead; so the record
 * that it gives is looked at, and where that is too late an earlier time is tried. */
static int find_on_disk(struct view_question *q, struct bench *b)
{
    struct journal *j = q->views->journal;
    struct event_id first = q->targets[q->target].first, id;
    for (int64_t back = 0;; back = back ? back * 4 : STEP_BACK_MS) {
        uint64_t seq = 0, kept = journal_first(j);
        int64_t ms = (int64_t)first.ms > back ? (int64_t)first.ms - back : 0;
        int rc = ms ? journal_find_time(j, ms, &seq, &q->answer.why) : 0;
        if (rc == ERR_ABSENT && journal_first(j) != kept) continue;
        if (rc != 0) return rc;
        if (seq < q->next + SKIP_MIN && q->next >= kept && q->target) seq = q->next;
        if (seq > q->next && seq > kept) {
            rc = read_id(q, b, seq, &id);
            bool before = rc == 1 && id_compare(id, first) <= 0;
            if (rc < 0 && rc != ERR_ABSENT) return rc;
            if (!before) continue;
        }
        begin_at(q, seq);
        return 1;
    }
}

/* ---- forward ---- */

static bool is_full(const struct view_question *q)
{
    return q->list.count >= q->count_max;
}

/* The entry for what is not there any more, up to the id `to`, if that is in the range. */
static void tell_gap(struct view_question *q, struct event_id to)
{
    struct event_id first = q->targets[0].first, last = last_target(q)->last;
    if (id_compare(to, last) > 0) to = last;
    q->gap_due = false;
    if (id_compare(first, to) > 0) return;
    entry_add_gap(&q->list, first, to);
    q->answer.gap = true;
}

/* One record's events, each by its own id: a position may be in the middle. True when that was the
 * last. */
static bool take_events(struct view_question *q, struct bench *b, const struct record *r)
{
    const struct target *t = &q->targets[q->target], *end = q->targets + q->targets_count;
    for (uint32_t i = 0; i < r->notes_count; i++) {
        const struct note *n = &r->notes[i];
        struct event_id id = {r->id.ms, r->id.n + i};
        while (id_compare(id, t->last) > 0)
            if (++t == end) return true;
        q->target = (size_t)(t - q->targets);
        if (id_compare(id, t->first) < 0) continue;
        if (!view_name_shows(&q->name, n->event, n->db, n->key)) continue;
        if (q->counts) {
            q->answer.total++;
            continue;
        }
        entry_add(&q->list, b, q, r, n, id);
        if (is_full(q)) {
            q->next += i + 1 == r->notes_count;
            return true;
        }
    }
    return false;
}

static int take_forward(struct view_question *q, struct bench *b, struct slice record)
{
    struct event_id id;
    struct record r;
    size_t before = q->target;
    int rc = record_peek(record, &id);
    if (rc != 0) return rc;
    if (q->gap_due) {
        tell_gap(q, id_before(id));
        if (is_full(q)) return 1;
    }
    if (id_compare(id, last_target(q)->last) > 0) return 1;
    while (id_compare(id, q->targets[q->target].last) > 0) q->target++;
    if (q->targets[q->target].first.ms > id.ms) {
        /* The next of several single ids may be far off. */
        q->place = q->target != before;
    } else if (record_may_tell(record, q->name.events)) {
        rc = record_decode(record, q->next, &b->room, &r);
        if (rc != 0) return rc;
        if (take_events(q, b, &r)) return 1;
    }
    q->next++;
    return 0;
}

/* Retention was faster. True when the answer ends here: what follows is not next to what it has. */
static bool jump_over_dropped(struct view_question *q)
{
    if (q->gap_wanted && q->list.count > 0) return true;
    begin_at(q, 0);
    return false;
}

static enum scan_end forward(struct view_question *q, struct bench *b, int64_t until_us)
{
    unsigned looked = 0;
    int rc = 1;
    while (q->next <= q->upto) {
        struct slice record;
        if (q->place) rc = b->on_disk ? find_on_disk(q, b) : find_in_tail(q, b);
        if (rc == 1 && q->next > q->upto) break;
        if (rc == 1) rc = read_next(q, b, &q->next, q->upto, &record);
        if (rc == 0 && q->next <= q->upto) return SCAN_AWAY;
        if (rc == ERR_ABSENT) {
            if (jump_over_dropped(q)) return finish(q, q->next - 1);
            rc = 1;
            continue;
        }
        bool long_ago = rc == 2 || ++looked % LOOK_AT_CLOCK == 0;
        if (rc == 1) rc = take_forward(q, b, record);
        if (rc < 0) return fail(q, rc);
        if (q->list.bytes.len > q->reply_bytes_max) return fail(q, ERR_LIMIT);
        if (rc == 1) return finish(q, q->next - 1);
        rc = 1;
        if (long_ago && io_mono_us() >= until_us) return SCAN_MORE;
    }
    /* All that was asked for is gone? */
    if (q->gap_due) tell_gap(q, q->newest);
    return finish(q, q->upto);
}

/* ---- in reverse ---- */

/* Where the records end that the range can have. 1; 0 when only the reader can tell. */
static int find_end_in_tail(struct view_question *q)
{
    const struct views *v = q->views;
    struct event_id last = last_target(q)->last;
    uint64_t tail = journal_tail_first(v->journal), kept = journal_first(v->journal);
    struct milestone before, after;
    q->end = q->upto + 1;
    if (milestone_after(v, last, &after) && after.seq < q->end) q->end = after.seq;
    bool known = id_compare(last, engine_stats(v->engine).last_id) >= 0 || kept >= tail ||
                 (milestone_before(v, last, &before) && before.seq >= tail);
    q->place = !known;
    return known;
}

/* Goes on to look for the first record that is behind the range, up to `end`. 1; 0: the time is
 * over. */
static int find_end_on_disk(struct view_question *q, struct bench *b, int64_t until_us)
{
    struct journal *j = q->views->journal;
    struct event_id last = last_target(q)->last, id;
    for (unsigned looked = 1; q->place; looked++) {
        uint64_t kept = journal_first(j), seq = kept;
        int rc = 0;
        if (!q->next) rc = journal_find_time(j, (int64_t)last.ms + 1, &seq, &q->answer.why);
        if (rc < 0 && (rc != ERR_ABSENT || journal_first(j) == kept)) return rc;
        if (q->next < seq) q->next = seq;
        rc = q->next < q->end ? read_id(q, b, q->next, &id) : 0;
        if (rc < 0 && rc != ERR_ABSENT) return rc;
        if (rc == 1 && id_compare(id, last) > 0) q->end = q->next;
        q->place = rc != 0 && q->next < q->end;
        q->next += rc == 1;
        if (q->place && looked % LOOK_AT_CLOCK == 0 && io_mono_us() >= until_us) return 0;
    }
    return 1;
}

static int take_backward(struct view_question *q, struct bench *b, uint64_t seq, size_t need,
                         struct slice record)
{
    const struct target *t = &q->targets[0];
    struct record r;
    int rc = record_decode(record, seq, &b->room, &r);
    for (uint32_t i = 0; rc == 0 && i < r.notes_count; i++) {
        const struct note *n = &r.notes[i];
        struct event_id id = {r.id.ms, r.id.n + i};
        if (id_compare(id, t->first) < 0 || id_compare(id, t->last) > 0) continue;
        if (!view_name_shows(&q->name, n->event, n->db, n->key)) continue;
        entry_add(&b->block, b, q, &r, n, id);
        if (b->block.bytes.len <= q->reply_bytes_max) continue;
        entry_keep_last(&b->block, need);
        if (b->block.bytes.len > q->reply_bytes_max) rc = ERR_LIMIT;
    }
    return rc;
}

/* The entries of records `from` up to `end`, the last ones that are needed of them. */
static int read_block(struct view_question *q, struct bench *b, uint64_t from)
{
    const struct target *t = &q->targets[0];
    size_t need = q->count_max - q->list.count;
    b->block.count = b->block.bytes.len = 0;
    bool begun = false;
    for (uint64_t seq = from; seq < q->end; seq++) {
        struct slice record;
        struct event_id id;
        int rc;
        do rc = read_next(q, b, &seq, q->end - 1, &record);
        while (rc == 2 && seq < q->end);
        if (rc < 0 || (rc == 0 && seq < q->end)) return rc;
        if (rc != 1) break;
        rc = record_peek(record, &id);
        if (rc != 0) return rc;
        if (!begun) q->lowest = id;
        begun = true;
        if (id_compare(id, t->last) > 0) break;
        if (id.ms < t->first.ms || !record_may_tell(record, q->name.events)) continue;
        rc = take_backward(q, b, seq, need, record);
        if (rc != 0) return rc;
    }
    if (need > b->block.count) need = b->block.count;
    entry_add_reversed(&q->list, &b->block, need);
    return 1;
}

/* All that is kept has been looked at. What was dropped ends before the first record that is kept,
 * which may have been passed over; or before the lowest one seen, if that was dropped since. */
static enum scan_end finish_at_begin(struct view_question *q, struct bench *b)
{
    uint64_t kept = journal_first(q->views->journal);
    bool dropped = kept > 1 && !from_begin(q->targets[0].first);
    while (q->gap_wanted && dropped) {
        struct event_id id;
        int rc = kept <= q->upto ? read_id(q, b, kept, &id) : 0;
        if (rc < 0 && rc != ERR_ABSENT) return fail(q, rc);
        if (rc == 1 && (!q->lowest.ms || id_compare(id, q->lowest) < 0)) q->lowest = id;
        if (rc >= 0) {
            tell_gap(q, q->lowest.ms ? id_before(q->lowest) : q->newest);
            break;
        }
        kept = journal_first(q->views->journal);
    }
    return finish(q, 0);
}

/* Where the block begins whose end is known: 1; 0: there are no more; 2: from there to the end
 * nothing can be in the view. In segments a block is what the journal wrote at once. */
static int next_block(struct view_question *q, struct bench *b, uint64_t floor, uint64_t *from)
{
    int rc = 1;
    if (b->on_disk) {
        bool filtered = may_pass_over(q, b);
        uint64_t at = q->cursor ? journal_cursor_at(q->cursor) : q->end;
        rc = journal_cursor_back(cursor_at(q, at, filtered), q->end, from, &q->answer.why);
    } else {
        *from = q->end - floor > q->block ? q->end - q->block : floor;
        q->block = q->block * 2 < BLOCK_MAX ? q->block * 2 : BLOCK_MAX;
    }
    if (*from < floor) *from = floor;
    return rc;
}

/* Reads one: 1, and `lowest` tells whether the range is over; else as read_record. */
static int step_back(struct view_question *q, struct bench *b, uint64_t floor)
{
    uint64_t from = floor;
    int rc = next_block(q, b, floor, &from);
    if (rc == 2)
        rc = read_id(q, b, from, &q->lowest);
    else if (rc == 1)
        rc = read_block(q, b, from);
    else if (rc == 0)
        rc = ERR_ABSENT;
    if (rc == 1 && q->list.bytes.len > q->reply_bytes_max) rc = ERR_LIMIT;
    if (rc == 1) q->end = from;
    return rc;
}

static enum scan_end backward(struct view_question *q, struct bench *b, int64_t until_us)
{
    struct journal *j = q->views->journal;
    if (!q->block) q->block = BLOCK_MIN;
    if (q->place) {
        int rc = b->on_disk ? find_end_on_disk(q, b, until_us) : find_end_in_tail(q);
        if (rc < 0) return fail(q, rc);
        if (rc == 0) return b->on_disk ? SCAN_MORE : SCAN_AWAY;
    }
    for (;;) {
        uint64_t kept = journal_first(j), floor = kept;
        if (q->end <= kept) return finish_at_begin(q, b);
        if (!b->on_disk && floor < journal_tail_first(j)) floor = journal_tail_first(j);
        if (q->end <= floor || (b->on_disk && q->end - 1 > journal_written(j))) return SCAN_AWAY;
        int rc = step_back(q, b, floor);
        if (rc == 0) return SCAN_AWAY;
        if (rc == ERR_ABSENT) continue;
        if (rc < 0) return fail(q, rc);
        if (is_full(q) || id_compare(q->lowest, q->targets[0].first) <= 0) return finish(q, 0);
        if (io_mono_us() >= until_us) return SCAN_MORE;
    }
}

/* ---- both ---- */

/* The id of the first record that is kept. */
static enum scan_end probe(struct view_question *q, struct bench *b)
{
    for (;;) {
        q->next = journal_first(q->views->journal);
        int rc = read_id(q, b, q->next, &q->probed);
        if (rc == ERR_ABSENT) continue;
        if (rc < 0) return fail(q, rc);
        if (rc == 0) return fail(q, ERR_AGAIN);
        return finish(q, 0);
    }
}

/* ---- whole records ---- */

static enum scan_end copy(struct view_question *q, struct bench *b, int64_t until_us)
{
    unsigned looked = 0;
    while (q->next <= q->upto && q->list.bytes.len < q->reply_bytes_max) {
        struct slice record;
        int rc = read_record(q, b, q->next, &record);
        if (rc == 0) return SCAN_AWAY;
        if (rc == ERR_ABSENT && q->list.count) break; /* whoever goes on will hear of that */
        if (rc < 0) return fail(q, rc);
        entry_add_record(&q->list, q->next++, record);
        if (++looked % LOOK_AT_CLOCK == 0 && io_mono_us() >= until_us) return SCAN_MORE;
    }
    return finish(q, q->next - 1);
}

enum scan_end question_scan(struct view_question *q, struct bench *b, int64_t until_us)
{
    if (q->probe) return probe(q, b);
    if (q->whole) return copy(q, b, until_us);
    return q->reverse ? backward(q, b, until_us) : forward(q, b, until_us);
}
