/* Commands that wait: what command/wait.h promises, kept here.
 *
 * A client whose command waits is parked: its connection is paused, so that what it sends stays
 * where it is, and all that is left of the request is a `struct waiting`:
 *
 *      session ──▶ waiting ──▶ wait (the command's)        the words of the request behind it
 *                     │
 *                     ├── due      a heap by deadline: nothing is done about one whose time has not
 *                     │            come
 *                     ├── woken    to go on, in the order of waking
 *                     ├── later    writes its reply in parts: woken in a turn of its own, when the
 *                     │            client has taken most of the last one
 *                     └── held     woken, but CLIENT PAUSE wants it to wait: woken again at its end
 *
 * To wake one only puts it in a list. They go on where no record is open and no client's reply is
 * unfinished: after each request before the next (session.c), before each first request of those
 * that a connection sent, and before the turn's replies leave. Each goes on in a record of its own,
 * which may wake others. When none is left, whoever waits for a key that has changed is woken, one
 * at a time (engine/awaited.h).
 *
 * Invariants:
 *  1. A session has at most one waiting; while it has one, its connection is paused (or gone) and
 *     none of its requests run.
 *  2. A waiting stands in at most one of woken, later and held; in `due` as long as it has a
 * deadline.
 *  3. `drop` is called when the waiting ends, never while `resume` or `time_out` of it run. */
#include "../base/assert.h"
#include "../base/mem.h"
#include "../engine/awaited.h"
#include "../io/clock.h"
#include "internal.h"

/* Of one turn; more wait for the next, behind the requests of others. */
enum { TIME_OUTS_A_TURN = 1000, PARTS_A_TURN = 4 };
/* Bytes of a reply in parts that a client may leave unread before there is no next one. */
enum { QUEUED_MAX = 256 * 1024 };

/* How it goes on. */
enum verdict { RESUMES, TIMES_OUT, IS_REFUSED };

struct waiting {
    struct heap_node due;
    struct wait *wait;
    struct session *session;
    struct command *command;
    struct waits_list *list; /* that it stands in, or NULL */
    struct waiting *next, *prev;
    enum verdict verdict;
    bool in_parts; /* of its reply some was written */
    uint64_t ns;   /* spent on it so far */
    size_t size;   /* of this allocation */
    int argc;
    struct slice argv[]; /* and behind them their bytes */
};

/* ---- lists ---- */

static void unlist(struct waiting *w)
{
    struct waits_list *list = w->list;
    if (!list) return;
    *(w->prev ? &w->prev->next : &list->first) = w->next;
    *(w->next ? &w->next->prev : &list->last) = w->prev;
    w->list = NULL;
}

static void append(struct waits_list *list, struct waiting *w)
{
    unlist(w);
    w->list = list;
    w->prev = list->last;
    w->next = NULL;
    *(list->last ? &list->last->next : &list->first) = w;
    list->last = w;
}

/* ---- parking and waking ---- */

static struct waits *waits_of(const struct waiting *w)
{
    return &w->session->all->waits;
}

static bool may_wait(const struct call *c)
{
    return !call_session(c)->ran;
}

static struct waiting *keep(struct call *c)
{
    size_t bytes = 0;
    for (int i = 0; i < c->argc; i++) bytes += call_arg(c, i).len;
    size_t size = sizeof(struct waiting) + (size_t)c->argc * sizeof *c->argv + bytes;
    struct waiting *w = mem_alloc(size);
    *w = (struct waiting){
        .session = call_session(c), .command = c->command, .size = size, .argc = c->argc};
    char *to = (char *)(w->argv + w->argc);
    for (int i = 0; i < c->argc; i++) {
        struct slice word = call_arg(c, i);
        if (word.len) memcpy(to, word.at, word.len);
        w->argv[i] = slice_of(to, word.len);
        to += word.len;
    }
    return w;
}

/* Brings deadline and connection in line with what the wait says. */
static void rearmed(struct wait *wait)
{
    struct waiting *w = wait->kept;
    heap_remove(&waits_of(w)->due, &w->due);
    if (wait->deadline_ms != WAIT_FOREVER) heap_add(&waits_of(w)->due, &w->due, wait->deadline_ms);
    conn_set_last_word(w->session->conn, !wait->blocked && !wait->kind->hands_over);
}

static void park(struct call *c, struct wait *wait)
{
    struct session *s = call_session(c);
    DCHECK(!s->waiting);
    struct waiting *w = keep(c);
    w->wait = wait;
    wait->kept = w;
    s->waiting = w;
    c->argv = w->argv;
    rearmed(wait);
    conn_pause(s->conn);
    session_update_class(s); /* one that waits is not idle */
}

static void wake(struct wait *wait)
{
    struct waiting *w = wait->kept;
    if (!w->list) append(&waits_of(w)->woken, w);
}

/* A message in the middle of a reply would not be understood, nor a reply that is not wanted. */
static bool may_write_parts(const struct call *c)
{
    const struct session *s = call_session(c);
    return s->reply_mode == REPLY_ON && !session_subscriptions(s) && !s->tracking &&
           !s->all->stopped;
}

static void wake_later(struct wait *wait)
{
    struct waiting *w = wait->kept;
    w->in_parts = !wait->writes_messages;
    append(&waits_of(w)->later, w);
}

static bool send_part(struct wait *wait, struct slice bytes)
{
    struct session *s = ((struct waiting *)wait->kept)->session;
    if (!s->gone) conn_send(s->conn, bytes);
    return !s->gone && !conn_is_closing(s->conn);
}

const struct wait_host session_wait_host = {may_wait,        park,       rearmed,  wake,
                                            may_write_parts, wake_later, send_part};

bool session_is_blocked(const struct session *s)
{
    const struct waiting *w = s->waiting;
    return w && w->wait->blocked && w->verdict == RESUMES;
}

bool session_is_within_reply(const struct session *s)
{
    return s->waiting && s->waiting->in_parts;
}

bool session_unblock(struct session *s, bool with_error)
{
    if (!session_is_blocked(s)) return false;
    struct waiting *w = s->waiting;
    w->verdict = with_error ? IS_REFUSED : TIMES_OUT;
    append(&waits_of(w)->woken, w);
    return true;
}

size_t session_waiting_bytes(const struct session *s)
{
    return s->waiting ? s->waiting->size : 0;
}

size_t session_awaited_bytes(const struct session *s)
{
    return s->waiting ? s->waiting->wait->bytes : 0;
}

/* ---- ends ---- */

static void end(struct waiting *w)
{
    struct session *s = w->session;
    unlist(w);
    heap_remove(&waits_of(w)->due, &w->due);
    s->waiting = NULL;
    w->wait->kind->drop(w->wait);
    mem_free(w, w->size);
    if (s->gone) return;
    session_update_class(s);
    conn_set_last_word(s->conn, false);
    conn_resume(s->conn);
}

void session_leave_wait(struct session *s)
{
    /* In the middle of its own command it is too early: whoever runs that will see to it. */
    if (s->waiting && s->all->current != s) end(s->waiting);
}

void session_note_wait(struct session *s, uint64_t ns)
{
    s->waiting->ns = ns;
}

/* ---- going on ---- */

static bool run(struct waiting *w, struct call *c)
{
    switch (w->verdict) {
    case RESUMES: return w->wait->kind->resume(c, w->wait);
    case TIMES_OUT: w->wait->kind->time_out(c, w->wait); break;
    case IS_REFUSED: resp_error(&c->reply, SLICE("UNBLOCKED client unblocked via CLIENT UNBLOCK"));
    }
    return true;
}

/* The next part of the command, as dispatch.c runs a whole one; is it over? */
static bool execute_part(struct waiting *w)
{
    struct session *s = w->session;
    struct sessions *all = s->all;
    struct call call = session_call(s, w->command, w->argv, w->argc);
    engine_begin(all->engine, all->now_us / 1000, w->command->spec->name, s->id);
    uint64_t from = io_ticks();
    bool over = run(w, &call);
    all->ticks = io_ticks();
    uint64_t ns = (uint64_t)((double)(all->ticks - from) * all->ns_per_tick);
    w->ns += ns;
    command_stats_add_part(&w->command->stats, ns, false);
    if (over) session_note_end(s, w->command, w->argv, w->argc, 0, w->ns);
    s->cut |= call.reply.cut;
    engine_seal(all->engine);
    conn_hold(s->conn, engine_mark(all->engine));
    if (s->tracking) tracking_end_record(s);
    if (s->cut) conn_close(s->conn, CONN_END_OUTPUT);
    return over;
}

static void go_on(struct waiting *w)
{
    struct session *s = w->session;
    struct sessions *all = s->all;
    DCHECK(!all->current && !all->reply.len);
    unlist(w);
    sessions_tell_time(all);
    all->current = s;
    bool over = s->gone || execute_part(w);
    if (over && !s->gone) session_end_request(s, w->command, 0);
    if (s->late_len && (over || !w->in_parts)) session_deliver_late(s);
    all->current = NULL;
    session_flush_reply(s);
    if (over || s->gone) end(w);
}

bool waits_may_go_on(const struct sessions *all)
{
    return all->waits.woken.first || awaited_is_ready(all->engine);
}

void waits_go_on(struct sessions *all)
{
    if (!waits_may_go_on(all) || all->stopped) return;
    do {
        struct waiting *w;
        while ((w = all->waits.woken.first)) {
            bool held_back = (all->pause || all->store == SESSIONS_BEHIND) &&
                             session_must_wait(w->session, w->command);
            if (w->verdict == RESUMES && held_back)
                append(&all->waits.held, w);
            else
                go_on(w);
        }
    } while (awaited_call(all->engine));
}

static struct waiting *next_part(const struct sessions *all)
{
    struct waiting *w = all->waits.later.first;
    while (w && conn_queued(w->session->conn) > QUEUED_MAX) w = w->next;
    return w;
}

void waits_wake_later(struct sessions *all)
{
    struct waiting *w;
    for (int n = 0; n < PARTS_A_TURN && (w = next_part(all)); n++) append(&all->waits.woken, w);
}

bool waits_have_work(const struct sessions *all)
{
    return next_part(all);
}

void waits_release_held(struct sessions *all)
{
    while (all->waits.held.first) append(&all->waits.woken, all->waits.held.first);
}

void waits_time_out(struct sessions *all)
{
    struct heap_node *first;
    for (int n = 0; n < TIME_OUTS_A_TURN && (first = heap_first(&all->waits.due)); n++) {
        if (first->key > all->now_us / 1000) return;
        struct waiting *w = (struct waiting *)first; /* its first member */
        if (w->verdict == RESUMES) w->verdict = TIMES_OUT;
        go_on(w);
    }
}

int64_t waits_next_us(const struct sessions *all)
{
    const struct heap_node *first = heap_first(&all->waits.due);
    if (!first) return -1;
    return first->key > INT64_MAX / 1000 ? INT64_MAX : first->key * 1000;
}
