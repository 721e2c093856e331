/* XREADGROUP: what comes next for a group, or what is pending for a consumer.
 *
 * A stream that is stored is read at once (stream_group_stored.c), and when its key has changed.
 * Reading a view may take its time: of each group only one `>` is read at a time, so that nothing
 * is delivered twice or out of order however long a read takes. For that a group has a *reader*
 * while anyone reads for it, and whoever does has a *seat* there:
 *
 *      group ─▶ reader ─▶ seats, in the order of coming
 *                 │         one has the turn (its question is under way), others want it,
 *                 │         others are blocked until something comes
 *                 └─ watch: an event came ─▶ the first who is blocked goes on
 *
 * When a turn ends, the next who wants one goes on; when it leaves something behind (COUNT), the
 * first who is blocked does.
 *
 * While it watches, and once everything up to the begin of that was looked at, the reader knows
 * without asking that there is nothing: it is *up to date* until an event comes, and what lies
 * before that event need not be looked through. So a group on a rare event costs nothing.
 *
 * Invariants:
 *  1. A reader is its group's, or the group has ended and it has none. It has at least one seat.
 *  2. Up to `scanned_seq` everything has been looked at, or is known not to concern the group.
 *  3. `turn` has an unanswered question, or one that was answered and is taken next. */
#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../engine/awaited.h"
#include "stream_door.h"
#include "stream_read.h"

#include <stddef.h>

struct reader {
    struct group *group; /* NULL: it has ended */
    struct view_watch watch;
    struct seat *first, *last;
    struct seat *turn;
    uint64_t version;     /* of the group's position that all this is about */
    uint64_t scanned_seq; /* at least the group's own */
    uint64_t watch_from;  /* what was sealed when the watch began */
    uint64_t news_seq;    /* of the last event that came and was not looked at; 0: none */
    bool up_to_date;
};

struct seat {
    struct group_reading *reading;
    struct reader *reader; /* NULL: none */
    struct seat *next, *prev;
    bool wants_turn, blocked;
};

struct member {
    struct seat seat;         /* of a view, */
    struct key_waiter waiter; /* of a stream that is stored */
    struct event_id after;    /* history: what is pending behind it */
    bool is_view, history, due;
    bool key_came; /* the key has changed since */
};

struct group_reading {
    struct wait wait;
    struct engine *engine;
    struct streams *streams;
    struct read_words words;
    int64_t deadline_ms;
    struct view_question *question; /* of the member `at` */
    uint64_t asked_seq;             /* what was sealed when it was asked */
    struct event_id *ids;           /* that it asks for, of a history */
    size_t ids_count;
    struct read_reply reply;
    int at;
    bool parked, watches;
    size_t size;
    struct member list[];
};

/* ---- readers ---- */

static void wake(struct seat *s)
{
    if (s->reading->parked) wait_wake(&s->reading->wait);
}

static void wake_next_turn(struct reader *rd)
{
    struct seat *s = rd->first;
    if (rd->turn) return;
    while (s && !s->wants_turn) s = s->next;
    if (s) wake(s);
}

static void wake_blocked(struct reader *rd)
{
    struct seat *s = rd->first;
    while (s && !s->blocked) s = s->next;
    if (s) wake(s);
}

static void came(void *ctx, uint64_t seq, struct event_id id)
{
    struct reader *rd = ctx;
    (void)id;
    if (rd->up_to_date && !rd->news_seq && seq - 1 > rd->scanned_seq) rd->scanned_seq = seq - 1;
    rd->news_seq = seq;
    wake_blocked(rd);
}

/* The position was changed from outside: what is known holds no more. */
static void follow_version(struct reader *rd)
{
    struct group *g = rd->group;
    if (rd->version != g->version) {
        rd->version = g->version;
        rd->scanned_seq = 0;
        rd->up_to_date = false;
    }
    if (g->position.scanned_seq > rd->scanned_seq) rd->scanned_seq = g->position.scanned_seq;
}

static void leave(struct seat *s)
{
    struct reader *rd = s->reader;
    if (!rd) return;
    *(s->prev ? &s->prev->next : &rd->first) = s->next;
    *(s->next ? &s->next->prev : &rd->last) = s->prev;
    s->reader = NULL;
    s->wants_turn = s->blocked = false;
    if (rd->turn == s) rd->turn = NULL;
    if (rd->first) {
        wake_next_turn(rd);
        if (rd->news_seq) wake_blocked(rd);
        return;
    }
    view_unwatch(&rd->watch);
    if (rd->group) rd->group->reader = NULL;
    mem_delete(rd);
}

/* Takes a seat at the group's reader. */
static struct reader *sit(struct seat *s, struct group *g)
{
    if (s->reader && s->reader->group == g) return s->reader;
    leave(s);
    struct reader *rd = g->reader;
    if (!rd) {
        rd = mem_new(struct reader);
        g->reader = rd;
        rd->group = g;
        rd->version = g->version;
        rd->watch = (struct view_watch){.came = came, .ctx = rd};
    }
    s->reader = rd;
    s->next = NULL;
    s->prev = rd->last;
    *(rd->last ? &rd->last->next : &rd->first) = s;
    rd->last = s;
    return rd;
}

void stream_group_ends(void *ctx, struct group *g)
{
    struct reader *rd = g->reader;
    (void)ctx;
    if (!rd) return;
    rd->group = NULL;
    g->reader = NULL;
    view_unwatch(&rd->watch);
    for (struct seat *s = rd->first; s; s = s->next) wake(s);
}

/* ---- reading ---- */

enum read_end { READ_WAITS, READ_DONE, READ_NOTHING, READ_FAILED };

static struct slice name_of(const struct call *c, const struct group_reading *r, int i)
{
    return call_arg(c, r->words.first + i);
}

static struct slice group_of(const struct call *c, const struct group_reading *r)
{
    return call_arg(c, r->words.group_at);
}

static struct slice consumer_of(const struct call *c, const struct group_reading *r)
{
    return call_arg(c, r->words.group_at + 1);
}

static void forget_question(struct group_reading *r)
{
    view_forget(r->question);
    r->question = NULL;
    mem_free(r->ids, r->ids_count * sizeof *r->ids);
    r->ids = NULL;
    r->ids_count = 0;
}

static void reading_free(struct group_reading *r)
{
    forget_question(r);
    for (int i = 0; i < r->words.streams; i++) {
        leave(&r->list[i].seat);
        awaited_leave(r->engine, &r->list[i].waiter);
    }
    buffer_fini(&r->reply.bytes);
    mem_free(r, r->size);
}

static void key_came(struct key_waiter *w)
{
    struct member *m = (struct member *)((char *)w - offsetof(struct member, waiter));
    m->key_came = true;
    wake(&m->seat);
}

static void reading_answered(void *ctx)
{
    struct group_reading *r = ctx;
    if (r->parked) wait_wake(&r->wait);
}

static bool tail_only(const struct call *c, const struct group_reading *r)
{
    return !r->parked && !call_may_wait(c);
}

static bool add_stream(struct call *c, struct group_reading *r, size_t entries, size_t bytes)
{
    if (r->reply.bytes.len + bytes > r->streams->reply_bytes_max) {
        stream_too_long(c);
        return false;
    }
    read_reply_stream(&r->reply, c->reply.proto, name_of(c, r, r->at), entries);
    return true;
}

/* ---- what comes next ---- */

static void ask_next(struct call *c, struct group_reading *r, struct reader *rd)
{
    struct group *g = rd->group;
    bool knows = rd->scanned_seq || group_is_at_begin(&g->position);
    size_t max = read_count_of_view(&r->words);
    size_t room = r->words.noack ? SIZE_MAX : GROUP_PENDING_MAX - g->crew.pending.count;
    struct view_range range = {.name = g->view,
                               .first = id_after(g->position.last),
                               .last = ID_LAST,
                               .count = max < room ? max : room,
                               .from_seq = knows ? rd->scanned_seq + 1 : 0,
                               .gap = true};
    r->asked_seq = engine_stats(c->engine).seq;
    r->question = view_ask(r->streams->views, &range, tail_only(c, r), reading_answered, r);
}

static void too_many_pending(struct call *c)
{
    stream_group_limit(c, "the group has too many entries pending", GROUP_PENDING_MAX);
}

/* The consumer of this name, made if it is not there; NULL after writing the error. */
static struct consumer *consumer_for(struct call *c, struct group *g, struct slice name)
{
    struct group_door d = {.call = c, .crew = &g->crew, .of_view = g};
    return door_consumer(&d, name);
}

/* Notes the delivery, and adds it to the reply. */
static bool deliver(struct call *c, struct group_reading *r, struct group *g,
                    const struct view_answer *a)
{
    struct groups *gs = r->streams->groups;
    if (!a->count) {
        group_scanned(gs, g, a->scanned_seq);
        return true;
    }
    struct consumer *to = consumer_for(c, g, consumer_of(c, r));
    if (!to || !add_stream(c, r, a->count, a->bytes.len)) return false;
    struct event_id *ids = mem_alloc(a->count * sizeof *ids);
    for (size_t i = 0; i < a->count; i++) ids[i] = a->entries[i].id;
    int rc = group_deliver(gs, g, to, ids, a->count, a->scanned_seq, r->words.noack);
    mem_free(ids, a->count * sizeof *ids);
    if (rc)
        too_many_pending(c);
    else
        buffer_add_slice(&r->reply.bytes, buffer_slice(&a->bytes));
    return !rc;
}

/* The turn is over: what is known now, and who goes on. */
static void end_turn(struct group_reading *r, struct reader *rd, const struct view_answer *a)
{
    if (a->scanned_seq > rd->scanned_seq) rd->scanned_seq = a->scanned_seq;
    if (a->scanned_seq >= r->asked_seq && rd->watch.place && r->asked_seq >= rd->watch_from)
        rd->up_to_date = true;
    if (rd->news_seq <= rd->scanned_seq) rd->news_seq = 0;
    rd->turn = NULL;
    wake_next_turn(rd);
}

/* The books on the group follow what its reader knows, if it is worth it. */
static void note_up_to_date(struct streams *st, struct reader *rd)
{
    uint64_t sealed = engine_stats(st->engine).seq;
    if (sealed > rd->scanned_seq) rd->scanned_seq = sealed;
    group_scanned(st->groups, rd->group, rd->scanned_seq);
}

void streams_note_scanned(struct streams *st)
{
    for (uint32_t n = 0; n < groups_numbers(st->groups); n++) {
        struct group *g = groups_numbered(st->groups, n);
        struct reader *rd = g ? g->reader : NULL;
        if (rd && rd->version == g->version && rd->up_to_date && !rd->news_seq)
            note_up_to_date(st, rd);
    }
}

/* Within EXEC nobody can wait for his turn. */
static bool may_not_wait(struct call *c, const struct group_reading *r)
{
    if (!tail_only(c, r)) return false;
    resp_error(&c->reply, SLICE("ERR another client reads for this group, from the disk: here that "
                                "cannot be waited for"));
    return true;
}

/* The group of the member `at`; NULL after writing the error. */
static struct group *find_group(struct call *c, struct group_reading *r)
{
    struct slice key = name_of(c, r, r->at);
    if (!r->watches || groups_find(r->streams->groups, key, group_of(c, r)))
        return stream_group(c, key, group_of(c, r), GROUP_WORDS_READ);
    resp_error(&c->reply, SLICE("NOGROUP the consumer group this client was blocked on no longer "
                                "exists"));
    return NULL;
}

/* Reads for the member `at`, of the group that is there now. */
static enum read_end read_next(struct call *c, struct group_reading *r, struct member *m)
{
    struct group *g = find_group(c, r);
    if (!g) return READ_FAILED;
    if (m->seat.reader && m->seat.reader->group != g) forget_question(r);
    struct reader *rd = sit(&m->seat, g);
    m->seat.wants_turn = rd->turn && rd->turn != &m->seat;
    if (m->seat.wants_turn) return may_not_wait(c, r) ? READ_FAILED : READ_WAITS;
    if (!r->words.noack && g->crew.pending.count >= GROUP_PENDING_MAX) {
        too_many_pending(c);
        return READ_FAILED;
    }
    if (rd->turn && rd->version != g->version) forget_question(r); /* it asked for something else */
    follow_version(rd);
    if (rd->up_to_date && !rd->news_seq) {
        note_up_to_date(r->streams, rd);
        return READ_NOTHING;
    }
    if (!r->question) ask_next(c, r, rd);
    rd->turn = &m->seat;
    if (!view_is_answered(r->question)) return READ_WAITS;
    const struct view_answer *a = view_answer(r->question);
    bool done = !stream_is_error(c, a) && deliver(c, r, g, a);
    if (done)
        end_turn(r, rd, a);
    else
        rd->turn = NULL;
    crew_settle(&g->crew);
    forget_question(r);
    return done ? READ_NOTHING : READ_FAILED;
}

/* ---- history ---- */

static void ask_history(struct call *c, struct group_reading *r, struct group *g,
                        const struct member *m)
{
    struct consumer *own = crew_consumer(&g->crew, consumer_of(c, r));
    struct pending_entry e = {.id = m->after};
    size_t count = read_count_of_view(&r->words);
    size_t max = !own ? 0 : own->pending < count ? own->pending : count;
    r->ids = mem_alloc(max * sizeof *r->ids);
    while (r->ids_count < max && pending_next(&g->crew.pending, id_after(e.id), own->number, &e))
        r->ids[r->ids_count++] = e.id;
    r->ids = mem_resize(r->ids, max * sizeof *r->ids, r->ids_count * sizeof *r->ids);
    r->question = view_fetch(r->streams->views, name_of(c, r, r->at), r->ids, r->ids_count,
                             tail_only(c, r), reading_answered, r);
}

/* Some may have been acknowledged or claimed while they were read. */
static size_t keep_own(struct group *g, const struct consumer *own, struct event_id *ids,
                       size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct pending_entry *e = pending_find(&g->crew.pending, ids[i]);
        if (own && e && e->consumer == own->number) ids[kept++] = ids[i];
    }
    return kept;
}

static bool reply_history(struct call *c, struct group_reading *r, struct group *g,
                          const struct view_answer *a)
{
    struct consumer *own = crew_consumer(&g->crew, consumer_of(c, r));
    size_t count = keep_own(g, own, r->ids, r->ids_count), there = 0;
    if (!add_stream(c, r, count, a->bytes.len)) return false;
    struct resp_writer w = {.out = &r->reply.bytes, .proto = c->reply.proto};
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t at = stream_entry_with_id(a, r->ids[i]);
        if (at >= 0) {
            stream_reply_entry(&w, a, (size_t)at);
            r->ids[there++] = r->ids[i];
            continue;
        }
        resp_array(&w, 2);
        stream_reply_id(&w, r->ids[i]);
        resp_null_array(&w);
    }
    if (there) group_redeliver(r->streams->groups, g, own, r->ids, there);
    return true;
}

static enum read_end read_history(struct call *c, struct group_reading *r, struct member *m)
{
    struct group *g = stream_group(c, name_of(c, r, r->at), group_of(c, r), GROUP_WORDS_READ);
    if (!g) return READ_FAILED;
    engine_wait_for(c->engine, g->waited_seq); /* what it does not show was acknowledged */
    if (!r->question) ask_history(c, r, g, m);
    bool waits = !view_is_answered(r->question), failed = false;
    if (!waits) {
        const struct view_answer *a = view_answer(r->question);
        failed = stream_is_error(c, a) || !reply_history(c, r, g, a);
        forget_question(r);
    }
    crew_settle(&g->crew);
    return waits ? READ_WAITS : failed ? READ_FAILED : READ_NOTHING;
}

/* ---- the command ---- */

static enum read_end read_member(struct call *c, struct group_reading *r, struct member *m)
{
    if (m->is_view) return m->history ? read_history(c, r, m) : read_next(c, r, m);
    struct slice key = name_of(c, r, r->at);
    bool good = m->history ? read_history_stored(c, &r->words, key, m->after, &r->reply)
                           : read_next_stored(c, &r->words, key, r->watches, &r->reply);
    return good ? READ_NOTHING : READ_FAILED;
}

static enum read_end read_due(struct call *c, struct group_reading *r)
{
    for (; r->at < r->words.streams; r->at++) {
        struct member *m = &r->list[r->at];
        if (!m->due) continue;
        enum read_end end = read_member(c, r, m);
        if (end != READ_NOTHING) return end;
        m->due = false;
    }
    r->at = 0;
    return r->reply.streams ? READ_DONE : READ_NOTHING;
}

/* Sees to it that the readers of all groups watch; false after writing an error. */
static bool watch_all(struct call *c, struct group_reading *r)
{
    r->watches = true;
    for (int i = 0; i < r->words.streams; i++) {
        struct member *m = &r->list[i];
        struct reader *rd = m->seat.reader;
        m->seat.blocked = m->due = true;
        if (!m->is_view) awaited_join(c->engine, &m->waiter, c->db, name_of(c, r, i));
        if (!rd || rd->watch.place) continue;
        rd->watch_from = engine_stats(c->engine).seq;
        if (!view_watch(r->streams->views, &rd->watch, name_of(c, r, i))) continue;
        resp_error(&c->reply, SLICE("ERR too many clients wait for views whose patterns begin with "
                                    "nothing definite"));
        return false;
    }
    return true;
}

static bool more_is_due(struct group_reading *r)
{
    bool any = false;
    for (int i = 0; i < r->words.streams; i++) {
        struct member *m = &r->list[i];
        struct reader *rd = m->seat.reader;
        m->due = m->is_view ? !rd || !rd->group || rd->news_seq : m->key_came;
        m->key_came = false;
        any |= m->due;
    }
    return any;
}

/* True when the reply is written. What was given must be told, whatever is wrong with a later
 * stream: of that the next read hears. */
static bool read_on(struct call *c, struct group_reading *r)
{
    size_t begin = c->reply.out->len;
    for (;;) {
        enum read_end end = read_due(c, r);
        if (end == READ_FAILED && !r->reply.entries) return true;
        if (end == READ_FAILED) {
            c->reply.out->len = begin;
            break;
        }
        if (end == READ_WAITS) {
            if (r->parked) wait_rearm(&r->wait, WAIT_FOREVER, false);
            return false;
        }
        if (end == READ_DONE || !r->words.blocks) break;
        if (!r->watches) {
            if (!watch_all(c, r)) return true;
            continue;
        }
        if (more_is_due(r)) continue;
        if (r->parked) wait_rearm(&r->wait, r->deadline_ms, true);
        return false;
    }
    read_reply_write(c, &r->reply);
    return true;
}

static bool is_under_way(const struct group_reading *r)
{
    return r->question || r->list[r->at].seat.wants_turn;
}

static bool reading_resume(struct call *c, struct wait *w)
{
    struct group_reading *r = (struct group_reading *)w;
    if (!is_under_way(r)) more_is_due(r);
    return read_on(c, r);
}

static void reading_time_out(struct call *c, struct wait *w)
{
    (void)w;
    resp_null_array(&c->reply);
}

static void reading_drop(struct wait *w)
{
    reading_free((struct group_reading *)w);
}

/* A worker that has died meanwhile has begun anew, perhaps, and asked what is pending for it: what
 * is delivered to its old connection behind that would lie about until it asks again. */
static const struct wait_kind reading_kind = {.resume = reading_resume,
                                              .time_out = reading_time_out,
                                              .drop = reading_drop,
                                              .hands_over = true};

static bool parse_start(struct call *c, struct member *m, int i)
{
    m->due = true;
    m->history = !call_arg_is(c, i, ">");
    if (!m->history) return true;
    if (!call_arg_is(c, i, "$")) {
        if (!stream_id(c, i, 0, &m->after)) return false;
        if (!id_compare(m->after, ID_LAST)) m->history = false; /* so Redis keeps `>` */
        return true;
    }
    resp_error(&c->reply,
               SLICE("ERR The $ ID is meaningless in the context of XREADGROUP: you want to read "
                     "the history of this consumer by specifying a proper ID, or use the > ID to "
                     "get new messages. The $ ID would just return an empty result set."));
    return false;
}

/* The consumer is there from now on, whatever it gets. */
static bool announce(struct call *c, struct group *g, struct slice consumer)
{
    struct consumer *own = consumer_for(c, g, consumer);
    if (own) crew_seen(own, engine_now(c->engine));
    return own;
}

/* Is the group there, of a key that was looked up? */
static bool has_group(struct call *c, struct group_reading *r, int i, enum stream_kind kind,
                      const struct stream *stored)
{
    struct slice key = name_of(c, r, i), group = group_of(c, r);
    if (kind == STREAM_VIEW ? groups_find(r->streams->groups, key, group) != NULL
                            : stored && stream_find_group(stored, group))
        return true;
    stream_no_group(c, key, group, GROUP_WORDS_READ);
    return false;
}

static bool parse_streams(struct call *c, struct group_reading *r)
{
    for (int i = 0; i < r->words.streams; i++) {
        struct member *m = &r->list[i];
        const struct stream *stored;
        enum stream_kind kind = stream_kind(c, name_of(c, r, i), &stored);
        m->seat.reading = r;
        m->is_view = kind == STREAM_VIEW;
        m->waiter = (struct key_waiter){.type = TYPE_STREAM, .hears_end = true, .ready = key_came};
        if (kind == STREAM_WRONG || !has_group(c, r, i, kind, stored)) return false;
        if (!parse_start(c, m, r->words.first + r->words.streams + i)) return false;
    }
    for (int i = 0; i < r->words.streams; i++) {
        if (!r->list[i].is_view) continue;
        struct group *g = groups_find(r->streams->groups, name_of(c, r, i), group_of(c, r));
        if (!announce(c, g, consumer_of(c, r))) return false;
    }
    return true;
}

static void xreadgroup_command(struct call *c)
{
    struct read_words words;
    if (!read_words(c, &words, true)) return;
    if (words.blocks && !call_may_wait(c)) words.blocks = false;
    size_t size = sizeof(struct group_reading) + (size_t)words.streams * sizeof(struct member);
    struct group_reading *r = mem_zalloc(size);
    r->size = size;
    r->engine = c->engine;
    r->streams = c->streams;
    r->words = words;
    r->deadline_ms = read_deadline(c, &words);
    if (!parse_streams(c, r) || read_on(c, r)) {
        reading_free(r);
        return;
    }
    bool blocked = !is_under_way(r);
    r->parked = true;
    call_wait(c, &r->wait, &reading_kind, blocked ? r->deadline_ms : WAIT_FOREVER, blocked);
    r->wait.bytes = mem_cost(r->size);
    for (int i = 0; i < words.streams; i++) r->wait.bytes += awaited_bytes(name_of(c, r, i));
}

void stream_bind_group_read(struct command_table *t)
{
    command_bind(t, "xreadgroup", xreadgroup_command);
}
