/* How views work.
 *
 * A question goes through the journal's records once, from the place where its range begins, and
 * makes an entry of each event that the name shows. Its position is a record's number and, by the
 * ids of the range, a place within that record; it never depends on who reads:
 *
 *                segments on disk                          tail in memory
 *      ┌─────────────────────────────────────┬───────────────────────────────────┐
 *      first kept                       tail first         written        appended
 *      ├────────────── the reader may ───────────────────────▶│
 *                                            ├──────── the owner may ────────────▶│
 *
 * Both can read what lies between, so a question that one of them cannot go on with, the other can:
 * the reader reads what is written and gives back, the owner finishes from the tail. What was
 * appended after it was asked belongs to the next question.
 *
 * All goes well: the place is found by milestones (an id for every few hundred records that were
 * sealed), the records from there on are in the tail, and the answer is there when view_ask
 * returns. Otherwise
 *
 *  - the range begins before the tail: the reader finds the place by the journal's index;
 *  - there is more in the tail than a turn bears: the reader goes on as far as is written; what is
 *    not, the owner looks through a slice a turn (`looking`);
 *  - the tail moves on past the question: the same as if it had begun before it;
 *  - retention drops what is about to be read: the question goes on with what is kept, and tells of
 *    the gap if it was asked to;
 *  - the journal is closed: questions are answered with ERR_ABSENT.
 *
 * Invariants:
 *  1. A question belongs to the owner, or is in one list of the reader's (reader.c).
 *  2. Milestones grow in both number and id, and the first is the only one that may be before the
 *     tail.
 *  3. A watched name is in the map as long as it has watches, and then in the pattern index. */
#include "../io/clock.h"
#include "internal.h"

enum {
    TURN_US = 1000,       /* of a question's time on the owner's thread, a turn */
    TAIL_ONLY_US = 10000, /* in MULTI and scripts, which cannot go on later */
    MILESTONE_RECORDS = 256,
    SCRATCH_KEPT_MAX = 64 * 1024, /* room that stays, after a large record */
};

void views_wake(struct views *v)
{
    if (v->config.wake) v->config.wake(v->config.wake_ctx);
}

/* ---- milestones ---- */

static struct milestone *milestone_at(const struct views *v, size_t i)
{
    return &v->milestones[(v->milestones_first + i) & (v->milestones_cap - 1)];
}

static void grow_milestones(struct views *v)
{
    size_t cap = v->milestones_cap ? 2 * v->milestones_cap : 64;
    struct milestone *more = mem_alloc(cap * sizeof *more);
    for (size_t i = 0; i < v->milestones_count; i++) more[i] = *milestone_at(v, i);
    mem_free(v->milestones, v->milestones_cap * sizeof *more);
    v->milestones = more;
    v->milestones_cap = cap;
    v->milestones_first = 0;
}

static void note_milestone(struct views *v, const struct record *r)
{
    uint64_t tail = journal_tail_first(v->journal);
    if (v->milestones_count) {
        const struct milestone *last = milestone_at(v, v->milestones_count - 1);
        if (r->seq < last->seq + MILESTONE_RECORDS) return;
    }
    while (v->milestones_count > 1 && milestone_at(v, 1)->seq <= tail) {
        v->milestones_first++;
        v->milestones_count--;
    }
    if (v->milestones_count == v->milestones_cap) grow_milestones(v);
    v->milestones_count++;
    *milestone_at(v, v->milestones_count - 1) = (struct milestone){r->seq, r->id};
}

/* How many milestones are at or before `id`. */
static size_t milestones_upto(const struct views *v, struct event_id id)
{
    size_t low = 0, high = v->milestones_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (id_compare(milestone_at(v, mid)->id, id) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

bool milestone_before(const struct views *v, struct event_id id, struct milestone *m)
{
    size_t n = milestones_upto(v, id);
    if (n) *m = *milestone_at(v, n - 1);
    return n != 0;
}

bool milestone_after(const struct views *v, struct event_id id, struct milestone *m)
{
    size_t n = milestones_upto(v, id);
    if (n < v->milestones_count) *m = *milestone_at(v, n);
    return n < v->milestones_count;
}

static void sealed(void *ctx, const struct record *r)
{
    struct views *v = ctx;
    if (!v->journal || !r->seq) return;
    note_milestone(v, r);
    watches_tell(&v->watches, r);
}

static void trim(struct buffer *b)
{
    if (b->cap > SCRATCH_KEPT_MAX) buffer_fini(b);
}

void bench_trim(struct bench *b)
{
    trim(&b->scratch);
    trim(&b->json);
    trim(&b->block.bytes);
}

/* ---- bounds ---- */

/* The id of the first record that is kept, if that can be told without the disk. */
static void look_at_first(struct views *v, uint64_t seq)
{
    struct slice record;
    struct event_id id;
    if (journal_tail(v->journal, seq, &v->bench.scratch, &record) != 1) return;
    if (record_peek(record, &id) == 0) {
        v->first_seq = seq;
        v->first_id = id;
    }
    bench_trim(&v->bench);
}

static struct view_question *question_new(struct views *v)
{
    struct view_question *q = mem_new(struct view_question);
    q->views = v;
    q->state = QUESTION_OWNED;
    return q;
}

static void ask_for_first(struct views *v)
{
    if (v->probe) return;
    v->probe = question_new(v);
    v->probe->probe = true;
    reader_take(v, v->probe);
}

static void hear_of_first(struct views *v, struct view_question *q)
{
    v->probe = NULL;
    if (q->finished && !q->answer.error && v->journal) {
        v->first_seq = q->next;
        v->first_id = q->probed;
    }
    question_free(q);
}

uint64_t views_first_seq(const struct views *v)
{
    return v->journal ? journal_first(v->journal) : 0;
}

bool views_bounds(struct views *v, struct event_id *first, struct event_id *last)
{
    *first = (struct event_id){0};
    *last = engine_stats(v->engine).last_id;
    if (!v->journal) return false;
    uint64_t kept = journal_first(v->journal);
    if (kept > journal_appended(v->journal)) return false;
    if (v->first_seq != kept) look_at_first(v, kept);
    if (v->first_seq != kept) ask_for_first(v);
    *first = v->first_id;
    return v->first_seq != 0;
}

/* ---- questions ---- */

void question_free(struct view_question *q)
{
    question_close_cursor(q);
    view_name_fini(&q->name);
    entry_list_fini(&q->list);
    mem_free(q->targets, q->targets_count * sizeof *q->targets);
    mem_delete(q);
}

/* Answers without having looked to the end. */
static void refuse(struct view_question *q, int error)
{
    question_close_cursor(q);
    entry_list_fini(&q->list);
    q->answer = (struct view_answer){.error = error};
    q->finished = true;
}

/* Goes on with a question as far as the owner may. */
static void look(struct views *v, struct view_question *q)
{
    if (!v->journal) refuse(q, ERR_ABSENT);
    if (q->finished) {
        q->is_answered = true;
        return;
    }
    int64_t until = io_mono_us() + (q->tail_only ? TAIL_ONLY_US : TURN_US);
    enum scan_end end = question_scan(q, &v->bench, until);
    bench_trim(&v->bench);
    if (end == SCAN_DONE) {
        q->is_answered = true;
    } else if (q->tail_only) {
        refuse(q, ERR_AGAIN);
        q->is_answered = true;
    } else if (end == SCAN_AWAY ||
               (q->reverse ? q->end - 1 : q->next) <= journal_written(v->journal)) {
        reader_take(v, q);
    } else {
        q->state = QUESTION_LOOKING;
        list_add(&v->looking, q);
        views_wake(v);
    }
}

static struct view_question *ask(struct views *v, struct slice name, bool tail_only,
                                 view_answered *answered, void *ctx)
{
    MAGIC(v, VIEWS_MAGIC);
    struct view_question *q = question_new(v);
    int rc = view_name_init(&q->name, name);
    CHECK(rc == 0);
    view_filter_name(&q->filter, &q->name);
    q->tail_only = tail_only;
    q->answered = answered;
    q->ctx = ctx;
    q->reply_bytes_max = v->config.reply_bytes_max;
    q->keychange_bytes_max = v->config.keychange_bytes_max;
    q->upto = v->journal ? journal_appended(v->journal) : 0;
    q->newest = engine_stats(v->engine).last_id;
    q->place = true;
    q->next = 1;
    return q;
}

struct view_question *view_ask(struct views *v, const struct view_range *range, bool tail_only,
                               view_answered *answered, void *ctx)
{
    struct view_question *q = ask(v, range->name, tail_only, answered, ctx);
    q->targets = mem_new(struct target);
    q->targets_count = 1;
    *q->targets = (struct target){view_id(range->first), view_id(range->last)};
    q->count_max = range->count;
    q->reverse = range->reverse;
    if (q->reverse) q->next = 0;
    q->gap_wanted = range->gap;
    q->counts = range->counts;
    CHECK(!q->counts || (!q->reverse && !q->gap_wanted));
    q->finished = !range->count || id_compare(range->first, range->last) > 0;
    if (v->journal && !q->reverse && range->from_seq) question_begin_at(q, range->from_seq);
    look(v, q);
    return q;
}

struct view_question *view_fetch(struct views *v, struct slice name, const struct event_id *ids,
                                 size_t count, bool tail_only, view_answered *answered, void *ctx)
{
    struct view_question *q = ask(v, name, tail_only, answered, ctx);
    q->targets = mem_alloc(count * sizeof *q->targets);
    q->targets_count = count;
    for (size_t i = 0; i < count; i++)
        q->targets[i] = (struct target){view_id(ids[i]), view_id(ids[i])};
    q->count_max = SIZE_MAX;
    q->finished = !count;
    look(v, q);
    return q;
}

struct view_question *view_records(struct views *v, uint64_t from_seq, size_t bytes_max,
                                   view_answered *answered, void *ctx)
{
    struct view_question *q = question_new(v);
    q->whole = true;
    q->answered = answered;
    q->ctx = ctx;
    q->reply_bytes_max = bytes_max;
    q->next = from_seq;
    q->upto = v->journal ? journal_appended(v->journal) : 0;
    look(v, q);
    return q;
}

bool view_is_answered(const struct view_question *q)
{
    return q->is_answered;
}

const struct view_answer *view_answer(const struct view_question *q)
{
    CHECK(q->is_answered);
    if (q->answer.rests_on) engine_wait_for(q->views->engine, q->answer.rests_on);
    return &q->answer;
}

void view_forget(struct view_question *q)
{
    if (!q) return;
    struct views *v = q->views;
    if (!q->lent && q->state == QUESTION_LOOKING) list_remove(&v->looking, q);
    /* Otherwise the reader is at it, frees it, and may have done so by now. */
    if (!q->lent || reader_forget(v, q)) question_free(q);
}

/* `answered` may forget this question and ask others. */
static void go_on(struct views *v, struct view_question *q)
{
    if (q->probe) {
        hear_of_first(v, q);
        return;
    }
    look(v, q);
    if (q->is_answered) q->answered(q->ctx);
}

void views_poll(struct views *v)
{
    MAGIC(v, VIEWS_MAGIC);
    struct view_question *q;
    if (!v->config.threaded) reader_run_once(v);
    for (size_t n = v->looking.count; n > 0 && (q = v->looking.oldest); n--) {
        list_remove(&v->looking, q);
        q->state = QUESTION_OWNED;
        go_on(v, q);
    }
    while ((q = reader_give_back(v))) go_on(v, q);
}

/* ---- life ---- */

struct views *views_new(struct engine *engine, struct journal *journal,
                        const struct views_config *config)
{
    struct views *v = mem_new(struct views);
    v->magic = VIEWS_MAGIC;
    v->engine = engine;
    v->config = *config;
    watches_init(&v->watches, config->secret);
    int rc = reader_start(v);
    CHECK(rc == 0);
    views_set_journal(v, journal);
    engine_attach(engine, (struct record_sink){sealed, v});
    return v;
}

static void bench_fini(struct bench *b)
{
    record_room_fini(&b->room);
    buffer_fini(&b->scratch);
    buffer_fini(&b->json);
    entry_list_fini(&b->block);
}

void views_free(struct views *v)
{
    if (!v) return;
    MAGIC(v, VIEWS_MAGIC);
    views_set_journal(v, NULL);
    views_poll(v);
    CHECK(!v->back.count && !v->looking.count);
    reader_stop(v);
    watches_fini(&v->watches);
    mem_free(v->milestones, v->milestones_cap * sizeof *v->milestones);
    bench_fini(&v->bench);
    bench_fini(&v->reader);
    v->magic = 0;
    mem_delete(v);
}

/* What is not answered will not be. */
static void give_up(struct views *v, struct question_list *list)
{
    for (struct view_question *q = list->oldest; q; q = q->newer)
        if (!q->finished) refuse(q, ERR_ABSENT);
    if (list->count) views_wake(v);
}

bool views_have_journal(const struct views *v)
{
    return v->journal != NULL;
}

void views_set_journal(struct views *v, struct journal *journal)
{
    reader_empty(v);
    give_up(v, &v->looking);
    give_up(v, &v->back); /* nobody else looks: the reader has nothing */
    if (v->probe && reader_forget(v, v->probe)) question_free(v->probe);
    v->probe = NULL;
    v->journal = journal;
    v->milestones_count = 0;
    v->first_seq = 0;
    if (!v->journal || journal_first(journal) > journal_written(journal)) return;
    struct view_question *q = question_new(v);
    q->probe = true;
    question_scan(q, &v->reader, INT64_MAX);
    hear_of_first(v, q);
}

void views_set_limits(struct views *v, size_t reply_bytes_max, size_t keychange_bytes_max)
{
    v->config.reply_bytes_max = reply_bytes_max;
    v->config.keychange_bytes_max = keychange_bytes_max;
}
