/* XREADGROUP on a stream that is stored. */
#include "../base/assert.h"
#include "../base/mem.h"
#include "stream_door.h"
#include "stream_read.h"

static struct slice group_of(const struct call *c, const struct read_words *w)
{
    return call_arg(c, w->group_at);
}

/* Opens the group; false after writing the error. Who has waited hears what became of it. */
static bool open_group(struct call *c, struct group_door *d, const struct read_words *w,
                       struct slice key, bool woken)
{
    if (!woken) return door_open(c, d, key, group_of(c, w), GROUP_WORDS_READ);
    const struct entry *e = gate_read(c->engine, c->db, key, READ_QUIET | READ_NO_TOUCH);
    if (!e || entry_type(e) != TYPE_STREAM) {
        resp_error(&c->reply, SLICE("UNBLOCKED the stream key no longer exists"));
        return false;
    }
    struct value v = entry_value(e);
    if (stream_find_group(stream_of(&v), group_of(c, w)))
        return door_open(c, d, key, group_of(c, w), GROUP_WORDS_READ);
    resp_error(&c->reply, SLICE("NOGROUP the consumer group this client was blocked on no longer "
                                "exists"));
    return false;
}

static struct consumer *reader(struct call *c, struct group_door *d, const struct read_words *w)
{
    struct consumer *own = door_consumer(d, call_arg(c, w->group_at + 1));
    if (own) crew_seen(own, engine_now(c->engine));
    return own;
}

/* ---- what comes next ---- */

static void reply_given(void *ctx, struct stream_cursor *entry)
{
    stream_reply_stored(ctx, entry);
}

static void give(struct call *c, struct group_door *d, struct consumer *to,
                 const struct read_words *w, struct slice key, struct read_reply *reply)
{
    struct buffer code = {0}, entries = {0};
    struct resp_writer writer = {.out = &entries, .proto = c->reply.proto};
    int64_t before = d->crew->time_ms;
    crew_code_acting(&code, d->crew, to->number, engine_now(c->engine));
    d->crew->time_ms = engine_now(c->engine);
    size_t count =
        stream_deliver(d->stream, d->of_stream, to, w->count, w->noack, reply_given, &writer);
    if (count) {
        code_put(&code, (uint64_t)count << STREAM_GIVES_BITS |
                            (w->noack ? STREAM_GIVES_AWAY : STREAM_GIVES));
        door_did(d, EFFECT_XREADGROUP, &code);
        read_reply_stream(reply, c->reply.proto, key, count);
        buffer_add_slice(&reply->bytes, buffer_slice(&entries));
    } else {
        d->crew->time_ms = before; /* nothing tells a replay of it */
    }
    buffer_fini(&code);
    buffer_fini(&entries);
}

bool read_next_stored(struct call *c, const struct read_words *w, struct slice key, bool woken,
                      struct read_reply *to)
{
    struct group_door d;
    if (!open_group(c, &d, w, key, woken)) return false;
    struct consumer *own = reader(c, &d, w);
    if (own) give(c, &d, own, w, key, to);
    door_close(&d);
    return own;
}

/* ---- history ---- */

/* Adds what is pending under this id, or that it is deleted: is it there? */
static bool reply_pending(struct resp_writer *w, const struct stream *s, struct event_id id)
{
    struct stream_cursor at;
    stream_seek(&at, s, id, id, false);
    if (stream_next(&at)) {
        stream_reply_stored(w, &at);
        return true;
    }
    resp_array(w, 2);
    stream_reply_id(w, id);
    resp_null_array(w);
    return false;
}

static void give_again(struct call *c, struct group_door *d, struct consumer *own, size_t max,
                       struct event_id after, struct slice key, struct read_reply *to)
{
    struct buffer entries = {0};
    struct resp_writer w = {.out = &entries, .proto = c->reply.proto};
    struct pending_entry e = {.id = after};
    size_t count = 0, there = 0, most = own->pending < max ? own->pending : max;
    struct event_id *ids = mem_alloc(most * sizeof *ids);
    while (count < most && pending_after(&d->crew->pending, e.id, own->number, &e)) {
        if (reply_pending(&w, d->stream, e.id)) ids[there++] = e.id;
        count++;
    }
    door_redeliver(d, own, ids, there);
    read_reply_stream(to, c->reply.proto, key, count);
    buffer_add_slice(&to->bytes, buffer_slice(&entries));
    mem_free(ids, most * sizeof *ids);
    buffer_fini(&entries);
}

bool read_history_stored(struct call *c, const struct read_words *w, struct slice key,
                         struct event_id after, struct read_reply *to)
{
    struct group_door d;
    if (!open_group(c, &d, w, key, false)) return false;
    struct consumer *own = reader(c, &d, w);
    if (own) give_again(c, &d, own, w->count, after, key, to);
    door_close(&d);
    return own;
}
