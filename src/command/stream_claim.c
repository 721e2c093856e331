/* XCLAIM, XAUTOCLAIM: what is pending for one consumer becomes another's.
 *
 * Of a view, whether the events are still there is asked first, which may take a while: all else is
 * looked at when the answer has come. Without the entries themselves (JUSTID) the id of the
 * oldest event that is kept tells as much, for whatever is pending was an event once. */
#include "../base/err.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "stream_door.h"
#include "view_keys.h"

#include <stdlib.h>

struct claiming {
    struct asking asking;
    int64_t min_idle_ms;
    int64_t idle_ms, time_ms; /* options; -1: not given */
    int64_t deliveries;       /* RETRYCOUNT; -1: not given */
    bool force, just_ids;
    bool automatic;         /* XAUTOCLAIM */
    bool played;            /* see struct call */
    struct event_id start;  /* of XAUTOCLAIM */
    size_t count;           /* likewise */
    int ids_at, ids_end;    /* the words that are ids, of XCLAIM */
    struct event_id *asked; /* for which the view was asked, ascending, each once */
    size_t asked_count;
    struct event_id first_kept;
    const struct stream *stored; /* NULL: a view */
};

static void claiming_fini(struct asking *a)
{
    struct claiming *cl = (struct claiming *)a;
    mem_free(cl->asked, cl->asked_count * sizeof *cl->asked);
}

static bool open_group(struct call *c, struct group_door *d)
{
    return door_open(c, d, call_arg(c, 1), call_arg(c, 2), GROUP_WORDS_KEY_OR);
}

/* ---- what is made of it ---- */

/* The outcome, collected before anything is changed. */
struct outcome {
    struct pending_entry *claimed; /* ascending */
    size_t claimed_count;
    struct event_id *gone; /* pending, but the event is gone */
    size_t gone_count;
    struct event_id *shown; /* claimed, in the order in which they are shown */
    size_t shown_count, cap;
};

static void outcome_init(struct outcome *o, size_t cap)
{
    *o = (struct outcome){.cap = cap};
    o->claimed = mem_alloc(cap * sizeof *o->claimed);
    o->gone = mem_alloc(cap * sizeof *o->gone);
    o->shown = mem_alloc(cap * sizeof *o->shown);
}

static void outcome_fini(struct outcome *o)
{
    mem_free(o->claimed, o->cap * sizeof *o->claimed);
    mem_free(o->gone, o->cap * sizeof *o->gone);
    mem_free(o->shown, o->cap * sizeof *o->shown);
}

static bool is_kept(const struct claiming *cl, struct event_id id)
{
    if (cl->stored) return stream_has(cl->stored, id);
    if (!cl->asking.question) return id_compare(id, cl->first_kept) >= 0;
    return stream_entry_with_id(view_answer(cl->asking.question), id) >= 0;
}

static int64_t delivery_time(const struct claiming *cl, int64_t now)
{
    int64_t at = now;
    if (cl->time_ms != -1) at = cl->time_ms;
    if (cl->idle_ms != -1 && __builtin_sub_overflow(now, cl->idle_ms, &at)) at = now;
    return at < 0 || (at > now && !cl->played) ? now : at;
}

static struct pending_entry claimed(const struct claiming *cl, struct pending_entry e,
                                    const struct consumer *to, int64_t now)
{
    e.consumer = to->number;
    e.delivered_ms = delivery_time(cl, now);
    if (cl->deliveries >= 0)
        e.deliveries = (uint64_t)cl->deliveries;
    else if (!cl->just_ids)
        e.deliveries++;
    return e;
}

/* Drops what is gone, claims, and counts the consumer as active; false after writing an error. */
static bool carry_out(struct group_door *d, struct consumer *to, struct outcome *o)
{
    door_ack(d, o->gone, o->gone_count);
    return door_claim(d, to, o->claimed, o->claimed_count);
}

static void reply_ids(struct call *c, const struct event_id *ids, size_t count)
{
    resp_array(&c->reply, count);
    for (size_t i = 0; i < count; i++) stream_reply_id(&c->reply, ids[i]);
}

static void reply_shown(struct call *c, const struct claiming *cl, const struct outcome *o)
{
    if (cl->just_ids) {
        reply_ids(c, o->shown, o->shown_count);
        return;
    }
    resp_array(&c->reply, o->shown_count);
    if (cl->stored) {
        struct stream_cursor at;
        for (size_t i = 0; i < o->shown_count; i++) {
            stream_seek(&at, cl->stored, o->shown[i], o->shown[i], false);
            if (stream_next(&at)) stream_reply_stored(&c->reply, &at);
        }
        return;
    }
    const struct view_answer *a = view_answer(cl->asking.question);
    for (size_t i = 0; i < o->shown_count; i++)
        stream_reply_entry(&c->reply, a, (size_t)stream_entry_with_id(a, o->shown[i]));
}

/* ---- XCLAIM ---- */

static ptrdiff_t index_of(const struct claiming *cl, struct event_id id)
{
    const struct event_id *at = bsearch(&id, cl->asked, cl->asked_count, sizeof id, id_order);
    return at ? at - cl->asked : -1;
}

/* An id that was asked for, as it stands now. */
struct candidate {
    struct pending_entry e;
    bool kept, pending, claimed;
};

static void look_at_asked(const struct claiming *cl, struct crew *crew, struct candidate *list,
                          struct outcome *o)
{
    for (size_t i = 0; i < cl->asked_count; i++) {
        const struct pending_entry *e = pending_find(&crew->pending, cl->asked[i]);
        list[i] = (struct candidate){.kept = is_kept(cl, cl->asked[i]), .pending = e};
        list[i].e = e ? *e : (struct pending_entry){.id = cl->asked[i]};
        if (e && !list[i].kept) o->gone[o->gone_count++] = cl->asked[i];
    }
}

/* One id of the request. What is new here counts as delivered once before, as Redis has it. */
static void claim_one(const struct claiming *cl, struct candidate *x, const struct consumer *to,
                      int64_t now, struct outcome *o)
{
    if (!x->kept || (!x->pending && !cl->force)) return;
    if (x->pending && cl->min_idle_ms && now - x->e.delivered_ms < cl->min_idle_ms) return;
    if (!x->pending) x->e.deliveries = 1;
    x->pending = x->claimed = true;
    x->e = claimed(cl, x->e, to, now);
    o->shown[o->shown_count++] = x->e.id;
}

static void claim_all(struct call *c, const struct claiming *cl, struct crew *crew,
                      const struct consumer *to, struct outcome *o)
{
    struct candidate *list = mem_alloc(cl->asked_count * sizeof *list);
    struct event_id id;
    look_at_asked(cl, crew, list, o);
    for (int i = cl->ids_at; i < cl->ids_end; i++) {
        id_from_text(call_arg(c, i), 0, &id);
        ptrdiff_t at = index_of(cl, id);
        if (at >= 0) claim_one(cl, &list[at], to, engine_now(c->engine), o);
    }
    for (size_t i = 0; i < cl->asked_count; i++)
        if (list[i].claimed) o->claimed[o->claimed_count++] = list[i].e;
    mem_free(list, cl->asked_count * sizeof *list);
}

/* The consumer that claims, which is there from now on; NULL after writing an error. */
static struct consumer *claimer(struct call *c, struct group_door *d)
{
    struct consumer *to = door_consumer(d, call_arg(c, 3));
    if (to) crew_seen(to, engine_now(c->engine));
    return to;
}

static void claim(struct call *c, struct claiming *cl, struct group_door *d)
{
    struct outcome o;
    struct consumer *to = claimer(c, d);
    if (!to) return;
    outcome_init(&o, (size_t)(cl->ids_end - cl->ids_at));
    claim_all(c, cl, d->crew, to, &o);
    if (carry_out(d, to, &o)) reply_shown(c, cl, &o);
    outcome_fini(&o);
}

static bool xclaim_go_on(struct call *c, struct asking *a)
{
    struct claiming *cl = (struct claiming *)a;
    struct group_door d;
    if (a->question && stream_is_error(c, view_answer(a->question))) return true;
    if (!open_group(c, &d)) return true;
    cl->stored = d.stream;
    claim(c, cl, &d);
    door_close(&d);
    return true;
}

/* One option of XCLAIM at word *i; false after writing an error. */
static bool parse_option(struct call *c, struct claiming *cl, int *i, struct event_id *last)
{
    static const char *const names[] = {"IDLE", "TIME", "RETRYCOUNT"};
    int64_t *const values[] = {&cl->idle_ms, &cl->time_ms, &cl->deliveries};
    bool more = *i + 1 < c->argc;
    if (call_arg_is(c, *i, "force")) return cl->force = true;
    if (call_arg_is(c, *i, "justid")) return cl->just_ids = true;
    if (more && call_arg_is(c, *i, "lastid")) return stream_id(c, ++*i, 0, last);
    for (size_t k = 0; more && k < sizeof names / sizeof *names; k++) {
        if (!call_arg_is(c, *i, names[k])) continue;
        if (text_to_int(call_arg(c, ++*i), values[k])) return true;
        resp_errorf(&c->reply, "ERR Invalid %s option argument for XCLAIM", names[k]);
        return false;
    }
    resp_errorf(&c->reply, "ERR Unrecognized XCLAIM option '%.*s'", (int)call_arg(c, *i).len,
                call_arg(c, *i).at);
    return false;
}

static bool parse_min_idle(struct call *c, struct claiming *cl)
{
    if (!text_to_int(call_arg(c, 4), &cl->min_idle_ms)) {
        resp_errorf(&c->reply, "ERR Invalid min-idle-time argument for %s",
                    cl->automatic ? "XAUTOCLAIM" : "XCLAIM");
        return false;
    }
    if (cl->min_idle_ms < 0) cl->min_idle_ms = 0;
    return true;
}

static bool parse_claim(struct call *c, struct claiming *cl, struct event_id *last)
{
    struct event_id id;
    if (!parse_min_idle(c, cl)) return false;
    cl->ids_at = cl->ids_end = 5;
    while (cl->ids_end < c->argc && id_from_text(call_arg(c, cl->ids_end), 0, &id)) cl->ids_end++;
    for (int i = cl->ids_end; i < c->argc; i++)
        if (!parse_option(c, cl, &i, last)) return false;
    return true;
}

/* The ids that can come into question, sorted, each once. */
static void collect_asked(struct call *c, struct claiming *cl, struct crew *crew)
{
    size_t words = (size_t)(cl->ids_end - cl->ids_at), count = 0;
    struct event_id *ids = mem_alloc(words * sizeof *ids);
    for (int i = cl->ids_at; i < cl->ids_end; i++) {
        id_from_text(call_arg(c, i), 0, &ids[count]);
        if (cl->force || pending_find(&crew->pending, ids[count])) count++;
    }
    qsort(ids, count, sizeof *ids, id_order);
    for (size_t i = 0; i < count; i++)
        if (!i || id_compare(ids[i], ids[cl->asked_count - 1])) ids[cl->asked_count++] = ids[i];
    cl->asked = mem_resize(ids, words * sizeof *ids, cl->asked_count * sizeof *ids);
}

/* Goes on when it is known which of the events are there. */
static void ask_and_run(struct call *c, struct claiming *cl, bool of_view)
{
    struct event_id last;
    if (of_view && (!cl->just_ids || cl->force)) {
        asking_fetch(c, &cl->asking, call_arg(c, 1), cl->asked, cl->asked_count);
        asking_run(c, &cl->asking);
        return;
    }
    if (of_view) views_bounds(c->streams->views, &cl->first_kept, &last);
    cl->asking.go_on(c, &cl->asking);
    asking_free(&cl->asking);
}

static struct claiming *claiming_new(struct call *c, bool (*go_on)(struct call *, struct asking *))
{
    struct claiming *cl = asking_new(c, sizeof *cl, go_on);
    cl->asking.fini = claiming_fini;
    cl->asking.hands_over = true;
    cl->idle_ms = cl->time_ms = cl->deliveries = -1;
    cl->played = c->is_played;
    return cl;
}

static void xclaim_command(struct call *c)
{
    struct event_id last = {0};
    struct group_door d;
    if (!open_group(c, &d)) return;
    struct claiming *cl = claiming_new(c, xclaim_go_on);
    bool good = parse_claim(c, cl, &last);
    if (good) {
        if (id_compare(last, door_last(&d)) > 0) door_set_last(&d, last);
        collect_asked(c, cl, d.crew);
    }
    door_close(&d);
    if (good)
        ask_and_run(c, cl, d.of_view);
    else
        asking_free(&cl->asking);
}

/* ---- XAUTOCLAIM ---- */

/* Goes through what is pending from the start on, so far as one call may; calls `meet` for each
 * entry that is idle for long enough, while that says so. Returns where to go on; 0-0 at the end.
 */
typedef bool meet_entry(struct claiming *cl, const struct pending_entry *e, void *ctx);
static struct event_id go_through(struct claiming *cl, struct crew *crew, int64_t now,
                                  meet_entry *meet, void *ctx)
{
    enum { LOOKS_PER_ENTRY = 10 };
    struct pending_entry e;
    size_t met = 0, looks = cl->count * LOOKS_PER_ENTRY;
    bool more = pending_next(&crew->pending, cl->start, PENDING_ANY, &e);
    for (; more && looks && met < cl->count; looks--) {
        if (now - e.delivered_ms >= cl->min_idle_ms) {
            if (!meet(cl, &e, ctx)) return e.id;
            met++;
        }
        more = pending_after(&crew->pending, e.id, PENDING_ANY, &e);
    }
    return more ? e.id : (struct event_id){0};
}

static bool ask_for(struct claiming *cl, const struct pending_entry *e, void *ctx)
{
    (void)ctx;
    cl->asked[cl->asked_count++] = e->id;
    return true;
}

struct claim_round {
    struct consumer *to;
    struct outcome *o;
    int64_t now;
};

/* What has become old enough only since the view was asked is left to the next call. */
static bool claim_met(struct claiming *cl, const struct pending_entry *e, void *ctx)
{
    struct claim_round *round = ctx;
    struct outcome *o = round->o;
    if (!cl->stored && index_of(cl, e->id) < 0) return false;
    if (!is_kept(cl, e->id)) {
        o->gone[o->gone_count++] = e->id;
        return true;
    }
    o->claimed[o->claimed_count++] = claimed(cl, *e, round->to, round->now);
    o->shown[o->shown_count++] = e->id;
    return true;
}

static void claim_next(struct call *c, struct claiming *cl, struct group_door *d)
{
    struct outcome o;
    struct claim_round round = {claimer(c, d), &o, engine_now(c->engine)};
    if (!round.to) return;
    outcome_init(&o, cl->count);
    struct event_id next = go_through(cl, d->crew, round.now, claim_met, &round);
    if (carry_out(d, round.to, &o)) {
        resp_array(&c->reply, 3);
        stream_reply_id(&c->reply, next);
        reply_shown(c, cl, &o);
        reply_ids(c, o.gone, o.gone_count);
    }
    outcome_fini(&o);
}

static bool xautoclaim_go_on(struct call *c, struct asking *a)
{
    struct claiming *cl = (struct claiming *)a;
    struct group_door d;
    if (a->question && stream_is_error(c, view_answer(a->question))) return true;
    if (!open_group(c, &d)) return true;
    cl->stored = d.stream;
    claim_next(c, cl, &d);
    door_close(&d);
    return true;
}

static bool parse_autoclaim(struct call *c, struct claiming *cl)
{
    enum { COUNT_DEFAULT = 100 };
    int64_t count = COUNT_DEFAULT;
    bool open;
    cl->automatic = true;
    if (!parse_min_idle(c, cl) || !stream_range_end(c, 5, false, &cl->start, &open)) return false;
    for (int i = 6; i < c->argc; i++) {
        if (call_arg_is(c, i, "justid")) {
            cl->just_ids = true;
        } else if (i + 1 < c->argc && call_arg_is(c, i, "count")) {
            if (text_to_int(call_arg(c, ++i), &count) && count > 0 && count <= INT64_MAX / 16)
                continue;
            resp_error(&c->reply, SLICE("ERR COUNT must be > 0"));
            return false;
        } else {
            call_syntax_error(c);
            return false;
        }
    }
    cl->count = count < VIEW_ENTRIES_MAX ? (size_t)count : VIEW_ENTRIES_MAX;
    return true;
}

static void xautoclaim_command(struct call *c)
{
    struct claiming *cl = claiming_new(c, xautoclaim_go_on);
    struct group_door d;
    /* Redis looks the key up before it reads the words, and says what it found behind that. */
    bool none = !view_key(call_arg(c, 1)) && !call_read(c, call_arg(c, 1));
    bool good = parse_autoclaim(c, cl);
    if (good && none) stream_no_group(c, call_arg(c, 1), call_arg(c, 2), GROUP_WORDS_KEY_OR);
    if (!good || none || !open_group(c, &d)) {
        asking_free(&cl->asking);
        return;
    }
    if (d.of_view) {
        size_t room = cl->count * sizeof *cl->asked;
        cl->asked = mem_alloc(room);
        go_through(cl, d.crew, engine_now(c->engine), ask_for, NULL);
        cl->asked = mem_resize(cl->asked, room, cl->asked_count * sizeof *cl->asked);
    }
    door_close(&d);
    ask_and_run(c, cl, d.of_view);
}

void stream_bind_claim(struct command_table *t)
{
    static const struct command_binding rows[] = {{"xclaim", xclaim_command},
                                                  {"xautoclaim", xautoclaim_command}};
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
