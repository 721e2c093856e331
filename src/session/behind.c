/* Subscribers that do not keep up.
 *
 * A message of a keyspace event that does not fit a subscriber's queue is no reason to cut it off:
 * the journal has the event. From that message on nothing of the kind is queued for it; what it
 * costs now is a position. When its queue has drained, records are read from there, and what they
 * tell this subscriber is queued, until that does not fit again, or the newest record is reached:
 *
 *      told live ──▶ a message does not fit ──▶ behind: (record, messages of it that were told)
 *          ▲                                        │ the queue has drained: a few records more
 *          └──────── no record is left ◀────────────┘
 *
 * Messages that no journal has (PUBLISH, keymiss) are queued in the order in which they come, also
 * before events that are older, and end the connection when they do not fit. Subscriptions are those
 * that the client has when a record is told again; notify-keyspace-events is what it was when it fell
 * behind. When the journal has dropped the record that comes next, the client has missed something,
 * and is told so by the end of its connection, as in Redis. */
#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../command/stream.h"
#include "../record/codec.h"
#include "../view/view.h"
#include "internal.h"

enum { PIECE = 128 * 1024 }; /* bytes of records for one client in one turn: about a millisecond */

struct behind {
    struct session *session;
    struct behind *next;
    uint64_t seq; /* the record to go on with */
    size_t skip;  /* of whose messages so many have been told */
    uint32_t notify;
    bool full;   /* what is told now does not fit */
    size_t told; /* messages of the record that is told now */
    struct view_question *question;
};

static struct views *views_of(const struct sessions *all)
{
    return all->streams ? all->streams->views : NULL;
}

/* Counts the messages of a record, so that one who falls behind in its middle is not told twice. */
static void count_told(struct session *s, uint64_t seq)
{
    if (s->told_seq != seq) s->told = 0;
    s->told_seq = seq;
    s->told++;
}

static void fall_behind(struct session *s, uint64_t seq)
{
    struct sessions *all = s->all;
    struct behind *b = mem_new(struct behind);
    *b = (struct behind){.session = s,
                         .next = all->behind,
                         .seq = seq,
                         .skip = s->told_seq == seq ? s->told : 0,
                         .notify = engine_config(all->engine).notify};
    all->behind = s->behind = b;
    all->stats.fell_behind++;
}

static void push_again(struct session *s, struct span message)
{
    struct behind *b = s->behind;
    if (b->full || b->told++ < b->skip) return;
    if (conn_try_push(s->conn, message)) return;
    b->full = true;
    b->told--;
}

bool behind_push(struct session *s, uint64_t seq, struct span message)
{
    struct sessions *all = s->all;
    if (s->behind) {
        if (all->retold == s) push_again(s, message);
        return true;
    }
    if (all->config.overflow_disconnects || !views_of(all)) return false;
    if (!conn_try_push(s->conn, message))
        fall_behind(s, seq);
    else
        count_told(s, seq);
    return true;
}

void behind_end(struct session *s)
{
    struct behind *b = s->behind, **link = &s->all->behind;
    if (!b) return;
    while (*link != b) link = &(*link)->next;
    *link = b->next;
    view_forget(b->question);
    mem_delete(b);
    s->behind = NULL;
    s->told_seq = 0;
}

/* Tells what a record has for this client; false when it did not fit. */
static bool tell_again(struct behind *b, const struct record *r)
{
    struct session *s = b->session;
    struct sessions *all = s->all;
    b->told = 0;
    b->full = false;
    all->retold = s;
    conn_hold(s->conn, r->seq);
    pubsub_retell(engine_pubsub(all->engine), r, &s->subscriber, b->notify);
    all->retold = NULL;
    b->seq = b->full ? r->seq : r->seq + 1;
    b->skip = b->full ? b->told : 0;
    return !b->full;
}

static void missed(struct session *s, const char *why)
{
    struct buffer line = {0};
    struct slice peer = session_peer(s);
    buffer_printf(&line, "Subscriber %.*s cannot be continued and is disconnected: %s",
                  (int)peer.len, peer.at, why);
    s->all->hooks.log(s->all->hooks.server, buffer_slice(&line));
    buffer_fini(&line);
    conn_close(s->conn, CONN_END_OUTPUT);
}

static void answered(void *ctx)
{
    struct behind *b = ctx;
    struct session *s = b->session;
    const struct view_answer *a = view_answer(b->question);
    struct record_room room = {0};
    struct record r;
    int error = a->error;
    for (size_t i = 0; i < a->count && !error; i++) {
        const struct view_entry *e = &a->entries[i];
        error = record_decode(slice_of(a->bytes.at + e->at, e->len), e->seq, &room, &r);
        if (!error && !tell_again(b, &r)) break;
    }
    record_room_fini(&room);
    view_forget(b->question);
    b->question = NULL;
    if (error == ERR_ABSENT)
        missed(s, "the journal does not keep any more what it has missed");
    else if (error)
        missed(s, "the journal is damaged where it would go on");
}

static void go_on(struct behind *b)
{
    struct session *s = b->session;
    struct sessions *all = s->all;
    if (b->question || s->gone || !conn_has_drained(s->conn)) return;
    if (!views_of(all)) {
        missed(s, "there is no journal any more");
        return;
    }
    if (b->seq > engine_stats(all->engine).seq) {
        behind_end(s);
        return;
    }
    b->question = view_records(views_of(all), b->seq, PIECE, answered, b);
    if (view_is_answered(b->question)) answered(b);
}

void behind_turn(struct sessions *all)
{
    struct behind *next;
    for (struct behind *b = all->behind; b; b = next) {
        next = b->next;
        go_on(b);
    }
}

bool behind_has_work(const struct sessions *all)
{
    for (const struct behind *b = all->behind; b; b = b->next)
        if (!b->question && !b->session->gone && conn_has_drained(b->session->conn)) return true;
    return false;
}
