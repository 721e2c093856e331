#include "parts.h"

#include "../base/mem.h"
#include "wait.h"

/* Some thousand elements as a rule: a fraction of a millisecond. */
enum { PART_BYTES = 128 * 1024 };

/* A reply of which there is more to come. */
struct unfinished {
    struct wait wait;
    struct keyspace_hold hold;
    struct keyspace *keyspace;
    struct parts parts;
    int proto;
    bool over, cut;       /* sent to its end; memory did not hold it */
    bool finishing, gone; /* the client may go while it is sent the rest */
};

static struct unfinished *unfinished_of(struct keyspace_hold *h)
{
    return (struct unfinished *)((char *)h - offsetof(struct unfinished, hold));
}

static bool write_part(struct resp_writer *w, struct parts *p)
{
    p->stop = w->out->len + PART_BYTES;
    return p->some(w, p) && !w->cut;
}

/* The value is about to change: what is left is sent now. If that is too much for the client's
 * queue it ends the connection, as it would have in one piece. */
static void finish(struct keyspace_hold *h)
{
    struct unfinished *u = unfinished_of(h);
    struct buffer part = {0};
    struct resp_writer w = {.out = &part, .proto = u->proto};
    keyspace_release(u->keyspace, h);
    u->finishing = true;
    for (bool more = true; more; part.len = 0) {
        more = write_part(&w, &u->parts);
        more &= wait_send(&u->wait, buffer_slice(&part));
    }
    buffer_fini(&part);
    if (u->gone) {
        mem_delete(u);
        return;
    }
    u->finishing = false;
    u->over = true;
    u->cut = w.cut;
    wait_wake(&u->wait);
}

static bool go_on(struct call *c, struct wait *w)
{
    struct unfinished *u = (struct unfinished *)w;
    bool more = !u->over && write_part(&c->reply, &u->parts);
    c->reply.cut |= u->cut;
    if (more) wait_wake_later(w);
    return !more;
}

static void drop(struct wait *w)
{
    struct unfinished *u = (struct unfinished *)w;
    keyspace_release(u->keyspace, &u->hold);
    u->gone = true;
    if (!u->finishing) mem_delete(u);
}

/* False: it has to be written at once. */
static bool leave_unfinished(struct call *c, struct slice key, const struct parts *p)
{
    static const struct wait_kind kind = {.resume = go_on, .drop = drop}; /* it has no deadline */
    if (!call_may_write_parts(c)) return false;
    const struct entry *e = gate_read(c->engine, c->db, key, READ_QUIET | READ_NO_TOUCH);
    struct unfinished *u = mem_new(struct unfinished);
    *u = (struct unfinished){.hold.changes = finish,
                             .keyspace = engine_keyspace(c->engine),
                             .parts = *p,
                             .proto = c->reply.proto};
    if (!e || !keyspace_hold(u->keyspace, e, &u->hold)) {
        mem_delete(u);
        return false;
    }
    call_wait(c, &u->wait, &kind, WAIT_FOREVER, false);
    wait_wake_later(&u->wait);
    return true;
}

void parts_reply_whole(struct resp_writer *w, struct parts *p)
{
    p->stop = SIZE_MAX;
    p->some(w, p);
}

void parts_reply(struct call *c, struct slice key, struct parts *p)
{
    if (!write_part(&c->reply, p)) return;
    if (!leave_unfinished(c, key, p)) parts_reply_whole(&c->reply, p);
}
