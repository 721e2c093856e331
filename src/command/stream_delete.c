/* XDEL, XDELEX, XACKDEL: entries that go by their ids, and what becomes of references to them in
 * what is pending for groups. */
#include "../base/mem.h"
#include "../base/text.h"
#include "stream_door.h"

/* ---- XDEL ---- */

static void xdel_command(struct call *c)
{
    struct opened k;
    size_t words = (size_t)c->argc - 2, count = 0, i = 0;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_STREAM)) return;
    if (!opened_entry(&k)) {
        gate_close_unchanged(&k);
        resp_int(&c->reply, 0);
        return;
    }
    struct stream *s = stream_of(opened_value(&k));
    struct event_id *ids = mem_alloc(words * sizeof *ids);
    while (i < words && stream_id(c, (int)i + 2, 0, &ids[i])) i++;
    bool good = i == words;
    for (i = 0; good && i < words; i++)
        if (stream_delete(s, ids[i])) ids[count++] = ids[i];
    if (count) {
        stream_did_delete(c, &k, ids, count, false);
        gate_close(&k, EVENT_XDEL);
    } else {
        gate_close_unchanged(&k);
    }
    if (good) resp_int(&c->reply, (int64_t)count);
    mem_free(ids, words * sizeof *ids);
}

/* ---- XDELEX, XACKDEL ---- */

/* What is said of each id. */
enum { NOT_THERE = -1, DELETED = 1, STILL_AWAITED = 2 };

struct deleting {
    struct call *call;
    struct stream *stream;
    enum stream_refs refs;
    int ids_at; /* the first word that is an id */
    size_t count;
    struct event_id *ids; /* as they stand in the request */
    struct event_id *gone;
    size_t gone_count;
    bool deleted_any;
};

/* IDS numids id …, and KEEPREF and the like before or behind it. */
static bool parse_deleting(struct call *c, struct deleting *d, int i)
{
    bool told = false;
    int64_t count = 0;
    const char *wrong = NULL;
    for (; i < c->argc && !wrong; i++) {
        if (stream_refs(c, i, &d->refs, &told)) continue;
        if (!call_arg_is(c, i, "ids") || d->ids_at || i + 1 == c->argc) {
            wrong = "ERR syntax error";
        } else if (!text_to_int(call_arg(c, i + 1), &count) || count < 1) {
            wrong = "ERR Number of IDs must be a positive integer";
        } else if (count > c->argc - i - 2) {
            wrong = "ERR The `numids` parameter must match the number of arguments";
        } else {
            d->ids_at = i + 2;
            i += 1 + (int)count;
        }
    }
    if (!wrong && !d->ids_at) wrong = "ERR syntax error";
    if (wrong) resp_error(&c->reply, slice_text(wrong));
    d->count = (size_t)count;
    return !wrong;
}

static void deleting_fini(struct deleting *d)
{
    mem_free(d->ids, d->count * sizeof *d->ids);
    mem_free(d->gone, d->count * sizeof *d->gone);
}

/* The words, as ids; false after writing the error. deleting_fini in any case. */
static bool read_ids(struct call *c, struct deleting *d, int i)
{
    *d = (struct deleting){.call = c};
    if (!parse_deleting(c, d, i)) {
        d->count = 0;
        return false;
    }
    d->ids = mem_alloc(d->count * sizeof *d->ids);
    d->gone = mem_alloc(d->count * sizeof *d->gone);
    for (size_t k = 0; k < d->count; k++)
        if (!stream_id(c, d->ids_at + (int)k, 0, &d->ids[k])) return false;
    return true;
}

/* Deletes one, if that may be. */
static int delete_one(struct deleting *d, struct event_id id, bool must_be_there)
{
    bool is_there = stream_has(d->stream, id);
    if (d->refs == REFS_ACKED && (is_there || !must_be_there) && stream_is_awaited(d->stream, id))
        return STILL_AWAITED;
    bool gone = d->refs == REFS_DELETE && stream_drop_refs(d->stream, id) > 0;
    if (is_there) gone = d->deleted_any = stream_delete(d->stream, id);
    if (gone) d->gone[d->gone_count++] = id;
    return is_there || !must_be_there ? DELETED : NOT_THERE;
}

static void reply_none(struct deleting *d)
{
    resp_array(&d->call->reply, d->count);
    for (size_t i = 0; i < d->count; i++) resp_int(&d->call->reply, NOT_THERE);
}

static void say_gone(struct deleting *d, struct opened *k)
{
    if (!d->gone_count) return;
    stream_did_delete(d->call, k, d->gone, d->gone_count, d->refs == REFS_DELETE);
}

static void close_deleting(struct deleting *d, struct opened *k)
{
    stream_settle(d->stream);
    if (d->deleted_any)
        gate_close(k, EVENT_XDEL);
    else if (k->changed)
        gate_close_unheard(k, "no entry is deleted: groups alone have changed");
    else
        gate_close_unchanged(k);
}

static void delete_ids(struct call *c, struct deleting *d)
{
    struct opened k;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_STREAM)) return;
    if (!opened_entry(&k)) {
        gate_close_unchanged(&k);
        reply_none(d);
        return;
    }
    d->stream = stream_of(opened_value(&k));
    resp_array(&c->reply, d->count);
    for (size_t i = 0; i < d->count; i++) resp_int(&c->reply, delete_one(d, d->ids[i], true));
    say_gone(d, &k);
    close_deleting(d, &k);
}

static void xdelex_command(struct call *c)
{
    struct deleting d;
    if (read_ids(c, &d, 2)) delete_ids(c, &d);
    deleting_fini(&d);
}

/* Acknowledges each that is pending, and deletes it then. */
static void ack_and_delete(struct call *c, struct deleting *d, struct group_door *door)
{
    size_t bytes = d->count * sizeof *d->ids;
    struct event_id *acked = mem_alloc(bytes);
    memcpy(acked, d->ids, bytes);
    bool *pending = mem_zalloc(d->count);
    for (size_t i = 0; i < d->count; i++) {
        pending[i] = pending_find(&door->crew->pending, d->ids[i]);
        for (size_t k = 0; pending[i] && k < i; k++)
            if (pending[k] && !id_compare(d->ids[k], d->ids[i])) pending[i] = false;
    }
    door_ack(door, acked, d->count);
    d->stream = door->stream;
    resp_array(&c->reply, d->count);
    for (size_t i = 0; i < d->count; i++)
        resp_int(&c->reply, pending[i] ? delete_one(d, d->ids[i], false) : NOT_THERE);
    say_gone(d, &door->key);
    close_deleting(d, &door->key);
    mem_free(pending, d->count);
    mem_free(acked, bytes);
}

static void xackdel_command(struct call *c)
{
    struct deleting d;
    struct group_door door;
    const struct stream *stored;
    if (read_ids(c, &d, 3)) {
        enum stream_kind kind = stream_kind(c, call_arg(c, 1), &stored);
        if (kind == STREAM_NONE || (stored && !stream_find_group(stored, call_arg(c, 2))))
            reply_none(&d);
        else if (kind != STREAM_WRONG &&
                 door_open(c, &door, call_arg(c, 1), call_arg(c, 2), GROUP_WORDS_KEY_OR))
            ack_and_delete(c, &d, &door);
    }
    deleting_fini(&d);
}

void stream_bind_delete(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"xdel", xdel_command}, {"xdelex", xdelex_command}, {"xackdel", xackdel_command}};
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
