/* How a segment is tested for the groups that are behind it.
 *
 * One segment at a time is in question, the oldest. The owner lists the groups behind it (a *case*
 * each, with copies of what the thread needs), the thread looks for the first event that each would
 * get, by the summaries where there are some (features.h), and the owner takes the findings:
 *
 *      IDLE ─ asked ─▶ READING ─ read ─▶ more groups are behind it by now? READING again
 *                                        ├─ one needs it, and `refuse`: IDLE, asked again later
 *                                        └─ SYNCING ─ the new positions are durable ─▶ cleared
 *
 * A group that is put before the segment meanwhile (XGROUP CREATE, SETID) begins another round; one
 * that is after it was cleared takes that back, where the segment is still there.
 *
 * Findings outlive what changes meanwhile: that there is no event behind `last` from `from` on is
 * true of every group of that view which stands at `last` or later; that there is one, of every
 * group which has not got that far.
 *
 * A position is moved on only where nothing was lost before the segment: otherwise the gap that is
 * due would never be told.
 *
 * Invariants:
 *  1. `cases` is the thread's while READING and not `done`, otherwise the owner's.
 *  2. Every group behind the segment that is not among `kept` is among `cases`, or comes there at
 *     the next round. */
#include "departure.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../io/thread.h"
#include "../record/codec.h"
#include "features.h"
#include "name.h"

enum {
    CLEARED_MS = 2000
}; /* so long it holds: a segment that is still there is asked about anew */

/* Where it cannot be told. */
#define ID_UNKNOWN ((struct event_id){INT64_MAX, UINT64_MAX})

struct departure_case {
    uint32_t group;
    struct buffer view;
    struct event_id last; /* delivered */
    uint64_t from;        /* before this record there is nothing to find */
    bool unbroken;        /* nothing was lost before the segment */
    bool needs;           /* it has an event for the group: */
    struct event_id id;   /* this is the first, or ID_UNKNOWN */
};

enum phase { IDLE, READING, SYNCING };

struct departures {
    struct engine *engine;
    struct groups *groups;
    struct departures_config config;
    struct journal *journal;
    bool refuse;

    /* The owner's. */
    enum phase phase;
    struct departure_case *cases; /* of this round */
    size_t cases_count, cases_cap;
    struct departure_case *kept; /* of all rounds: those that it has something for */
    size_t kept_count, kept_cap;
    uint64_t placed;    /* groups_placed when they were listed */
    uint64_t noted_seq; /* the last record that moved a position */
    int64_t cleared_ms;
    bool *is_kept; /* by number: while groups are listed */
    size_t is_kept_cap;

    /* Under the lock. */
    struct mutex lock;
    struct condition work, idle;
    uint64_t first, last; /* of the segment in question; 0: none */
    uint64_t cleared;     /* segments up to this record may go */
    bool reading, done, stop;

    bool give_up; /* by __atomic only: the thread is to stop reading */

    struct record_room room; /* the thread's */
    struct thread thread;
};

/* ---- the journal's thread ---- */

bool departures_may_go(void *ctx, const struct journal_leaving *s)
{
    struct departures *d = ctx;
    if (s->first_seq > s->last_seq) return true;
    mutex_lock(&d->lock);
    bool may = s->last_seq <= d->cleared, fresh = !may && d->last != s->last_seq;
    if (fresh) {
        d->first = s->first_seq;
        d->last = s->last_seq;
    }
    mutex_unlock(&d->lock);
    if (fresh && d->config.wake) d->config.wake(d->config.wake_ctx);
    return may;
}

/* ---- the thread ---- */

/* Has the record an event for the group? One that cannot be read counts as one. */
static bool concerns(struct departures *d, struct departure_case *c, const struct view_name *name,
                     uint64_t seq, struct slice bytes)
{
    struct record r;
    if (!record_may_tell(bytes, name->events)) return false;
    if (record_decode(bytes, seq, &d->room, &r) != 0) {
        c->id = ID_UNKNOWN;
        return true;
    }
    for (uint32_t i = 0; i < r.notes_count; i++) {
        const struct note *n = &r.notes[i];
        c->id = (struct event_id){r.id.ms, r.id.n + i};
        if (id_compare(c->id, c->last) <= 0) continue;
        if (view_name_shows(name, n->event, n->db, n->key)) return true;
    }
    return false;
}

/* Does nothing that was before the segment matter, as the group had got further? */
static void look_at_first(struct departures *d, struct departure_case *c, uint64_t first)
{
    struct journal_cursor *at = journal_cursor_open(d->journal, first);
    struct slice record;
    struct event_id id;
    struct disk_why why;
    uint64_t seq;
    if (journal_cursor_next(at, first, &seq, &record, &why) == 1 && record_peek(record, &id) == 0)
        c->unbroken = id_compare(id_after(c->last), id) >= 0;
    journal_cursor_close(at);
}

/* Looks for the first event of the group, up to record `last`. */
static void look_for_event(struct departures *d, struct departure_case *c,
                           const struct view_name *name, uint64_t last)
{
    struct view_filter filter;
    struct slice record;
    struct disk_why why;
    uint64_t seq;
    int rc = 1;
    struct journal_cursor *at = journal_cursor_open(d->journal, c->from);
    view_filter_init(&filter);
    view_filter_name(&filter, name);
    if (filter.filter.count) journal_cursor_filter(at, &filter.filter);
    while (!c->needs && rc > 0 && !__atomic_load_n(&d->give_up, __ATOMIC_ACQUIRE)) {
        bool more = journal_cursor_at(at) <= last;
        rc = more ? journal_cursor_next(at, last, &seq, &record, &why) : 0;
        if (rc == 1) c->needs = concerns(d, c, name, seq, record);
    }
    journal_cursor_close(at);
    if (rc >= 0) return;
    c->needs = true;
    c->id = ID_UNKNOWN;
}

static void read_cases(struct departures *d, uint64_t first, uint64_t last)
{
    for (size_t i = 0; i < d->cases_count; i++) {
        struct departure_case *c = &d->cases[i];
        struct view_name name;
        if (__atomic_load_n(&d->give_up, __ATOMIC_ACQUIRE)) return;
        if (!c->unbroken) look_at_first(d, c, first);
        if (!c->unbroken && !__atomic_load_n(&d->refuse, __ATOMIC_RELAXED)) continue;
        int rc = view_name_init(&name, buffer_slice(&c->view));
        CHECK(rc == 0);
        look_for_event(d, c, &name, last);
        view_name_fini(&name);
    }
}

static void run(void *ctx)
{
    struct departures *d = ctx;
    mutex_lock(&d->lock);
    while (!d->stop) {
        if (!d->reading) {
            condition_wait(&d->work, &d->lock);
            continue;
        }
        uint64_t first = d->first, last = d->last;
        mutex_unlock(&d->lock);
        read_cases(d, first, last);
        mutex_lock(&d->lock);
        d->reading = false;
        d->done = true;
        condition_signal(&d->idle);
        if (d->config.wake) d->config.wake(d->config.wake_ctx);
    }
    mutex_unlock(&d->lock);
}

/* ---- the owner ---- */

static void drop_cases(struct departures *d)
{
    for (size_t i = 0; i < d->cases_count; i++) buffer_fini(&d->cases[i].view);
    d->cases_count = 0;
}

static void drop_kept(struct departures *d, size_t i)
{
    buffer_fini(&d->kept[i].view);
    d->kept[i] = d->kept[--d->kept_count];
}

static struct departure_case *add(struct departure_case **list, size_t *count, size_t *cap)
{
    if (*count == *cap) {
        size_t more = *cap ? 2 * *cap : 16;
        *list = mem_resize(*list, *cap * sizeof **list, more * sizeof **list);
        *cap = more;
    }
    (*list)[*count] = (struct departure_case){0};
    return &(*list)[(*count)++];
}

/* The group that a case is about, if it is still of that view, and behind. */
static struct group *group_of(const struct departures *d, const struct departure_case *c)
{
    if (c->group >= groups_numbers(d->groups)) return NULL;
    struct group *g = groups_numbered(d->groups, c->group);
    if (!g || g->position.scanned_seq >= d->last) return NULL;
    return slice_equal(g->view, buffer_slice(&c->view)) ? g : NULL;
}

/* Drops findings that hold no more, and marks the groups of the others. */
static void review_kept(struct departures *d)
{
    uint32_t numbers = groups_numbers(d->groups);
    if (numbers > d->is_kept_cap) {
        d->is_kept = mem_resize(d->is_kept, d->is_kept_cap, numbers);
        d->is_kept_cap = numbers;
    }
    if (numbers) memset(d->is_kept, 0, numbers);
    for (size_t i = d->kept_count; i-- > 0;) {
        const struct departure_case *k = &d->kept[i];
        const struct group *g = group_of(d, k);
        if (g && id_compare(g->position.last, k->id) < 0)
            d->is_kept[k->group] = true;
        else
            drop_kept(d, i);
    }
}

/* Lists the groups of which it is not known whether they need the segment: how many. */
static size_t list_cases(struct departures *d)
{
    drop_cases(d);
    review_kept(d);
    d->placed = groups_placed(d->groups);
    for (uint32_t n = 0; n < groups_numbers(d->groups); n++) {
        const struct group *g = groups_numbered(d->groups, n);
        uint64_t scanned = g ? g->position.scanned_seq : UINT64_MAX;
        if (scanned >= d->last || d->is_kept[n]) continue;
        struct departure_case *c = add(&d->cases, &d->cases_count, &d->cases_cap);
        buffer_add_slice(&c->view, g->view);
        c->group = n;
        c->last = g->position.last;
        c->from = scanned + 1 > d->first ? scanned + 1 : d->first;
        c->unbroken = scanned + 1 >= d->first;
    }
    return d->cases_count;
}

/* What was found of one. Where neither holds any more, the next round looks again. */
static void take_case(struct departures *d, struct departure_case *c)
{
    struct group *g = group_of(d, c);
    if (!g) return;
    if (c->needs || !c->unbroken) {
        if (!c->needs) c->id = ID_UNKNOWN;
        *add(&d->kept, &d->kept_count, &d->kept_cap) = *c;
        c->view = (struct buffer){0};
    } else if (id_compare(g->position.last, c->last) >= 0) {
        group_passed(d->groups, g, d->last);
    }
}

static void take_cases(struct departures *d, int64_t now_ms)
{
    engine_begin(d->engine, now_ms, SLICE("xgroup"), 0);
    for (size_t i = 0; i < d->cases_count; i++) take_case(d, &d->cases[i]);
    engine_seal(d->engine);
    engine_settle(d->engine, now_ms);
    d->noted_seq = engine_stats(d->engine).seq;
    drop_cases(d);
}

const struct group *departures_keeper(const struct departures *d)
{
    for (size_t i = 0; d->refuse && i < d->kept_count; i++)
        if (d->kept[i].needs) return group_of(d, &d->kept[i]);
    return NULL;
}

/* Nobody has anything to say any more. */
static void clear(struct departures *d, int64_t now_ms)
{
    d->cleared_ms = now_ms;
    mutex_lock(&d->lock);
    d->cleared = d->last;
    d->first = d->last = 0;
    mutex_unlock(&d->lock);
    while (d->kept_count) drop_kept(d, d->kept_count - 1);
    d->phase = IDLE;
}

static void begin_round(struct departures *d, int64_t now_ms)
{
    d->phase = IDLE;
    if (list_cases(d)) {
        d->phase = READING;
        mutex_lock(&d->lock);
        d->done = false;
        d->reading = true;
        condition_signal(&d->work);
        mutex_unlock(&d->lock);
        if (d->config.threaded) return;
        read_cases(d, d->first, d->last);
        d->reading = false;
        d->done = true;
    } else if (!departures_keeper(d)) {
        d->phase = SYNCING;
        if (journal_durable(d->journal) < d->noted_seq) journal_flush(d->journal, now_ms);
    }
}

/* The thread is not reading, and has left something to take? */
static bool is_read(struct departures *d)
{
    mutex_lock(&d->lock);
    bool done = d->done;
    mutex_unlock(&d->lock);
    return done;
}

bool departures_poll(struct departures *d, int64_t now_ms)
{
    /* A group that was put before the segment since has to be asked as well. */
    bool placed = d->placed != groups_placed(d->groups);
    mutex_lock(&d->lock);
    bool asked = d->last != 0;
    if (placed || now_ms - d->cleared_ms > CLEARED_MS) d->cleared = 0;
    mutex_unlock(&d->lock);
    if (!asked || !d->journal) return false;
    if (d->phase == IDLE || (d->phase == SYNCING && placed)) begin_round(d, now_ms);
    while (d->phase == READING && is_read(d)) {
        take_cases(d, now_ms);
        begin_round(d, now_ms);
    }
    if (d->phase != SYNCING || journal_durable(d->journal) < d->noted_seq) return false;
    clear(d, now_ms);
    return true;
}

/* ---- life ---- */

void departures_set_refuse(struct departures *d, bool refuse)
{
    __atomic_store_n(&d->refuse, refuse, __ATOMIC_RELAXED);
}

void departures_set_journal(struct departures *d, struct journal *journal)
{
    __atomic_store_n(&d->give_up, true, __ATOMIC_RELEASE);
    mutex_lock(&d->lock);
    while (d->reading) condition_wait(&d->idle, &d->lock);
    d->first = d->last = d->cleared = 0;
    mutex_unlock(&d->lock);
    __atomic_store_n(&d->give_up, false, __ATOMIC_RELEASE);
    drop_cases(d);
    while (d->kept_count) drop_kept(d, d->kept_count - 1);
    d->phase = IDLE;
    d->noted_seq = 0;
    d->journal = journal;
}

struct departures *departures_new(struct engine *engine, struct groups *groups,
                                  const struct departures_config *config)
{
    struct departures *d = mem_new(struct departures);
    d->engine = engine;
    d->groups = groups;
    d->config = *config;
    mutex_init(&d->lock);
    condition_init(&d->work);
    condition_init(&d->idle);
    if (config->threaded) CHECK(thread_start(&d->thread, "retention", run, d) == 0);
    return d;
}

void departures_free(struct departures *d)
{
    if (!d) return;
    departures_set_journal(d, NULL);
    mutex_lock(&d->lock);
    d->stop = true;
    condition_signal(&d->work);
    mutex_unlock(&d->lock);
    if (d->config.threaded) thread_join(&d->thread);
    mutex_fini(&d->lock);
    condition_fini(&d->work);
    condition_fini(&d->idle);
    record_room_fini(&d->room);
    mem_free(d->cases, d->cases_cap * sizeof *d->cases);
    mem_free(d->kept, d->kept_cap * sizeof *d->kept);
    mem_free(d->is_kept, d->is_kept_cap);
    mem_delete(d);
}
