/* XREAD: what comes after an id, of several streams; with BLOCK, waiting for it.
 *
 * The streams that are *due* are read one after the other, each view as a question of its own. When
 * none had anything, and the client would block, all are watched. An event that comes makes its
 * view due again, from the record of that event on: nothing can have been before it; a stream that
 * is stored is due again when its key has changed. As the watches begin when the first questions
 * are answered already, what came meanwhile is looked at once more.
 *
 *      read all due ─▶ something: reply
 *           ▲    └──▶ nothing ─▶ (watch) ─▶ due? ─▶ again
 *           └──────── came ◀──── blocked ◀──┘ no */
#include "stream_read.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "../engine/awaited.h"

/* ---- words ---- */

static bool parse_options(struct call *c, struct read_words *w, int *i)
{
    int64_t n;
    int left = c->argc - *i - 1;
    if (left && call_arg_is(c, *i, "block")) {
        if (!text_to_int(call_arg(c, ++*i), &n)) {
            resp_error(&c->reply, SLICE("ERR timeout is not an integer or out of range"));
            return false;
        }
        if (n < 0) resp_error(&c->reply, SLICE("ERR timeout is negative"));
        w->blocks = true;
        w->wait_ms = n;
        return n >= 0;
    }
    if (left && call_arg_is(c, *i, "count")) {
        if (!call_int(c, ++*i, &n)) return false;
        w->count = n > 0 ? (size_t)n : SIZE_MAX;
        return true;
    }
    if (left >= 2 && call_arg_is(c, *i, "group")) {
        if (!w->group)
            resp_error(&c->reply, SLICE("ERR The GROUP option is only supported by XREADGROUP. You "
                                        "called XREAD instead."));
        w->group_at = *i + 1;
        *i += 2;
        return w->group;
    }
    if (call_arg_is(c, *i, "noack")) {
        if (!w->group)
            resp_error(&c->reply, SLICE("ERR The NOACK option is only supported by XREADGROUP. You "
                                        "called XREAD instead."));
        w->noack = true;
        return w->group;
    }
    call_syntax_error(c);
    return false;
}

bool read_words(struct call *c, struct read_words *w, bool group)
{
    *w = (struct read_words){.group = group, .count = SIZE_MAX};
    int i = 1;
    for (; i < c->argc; i++) {
        if (i + 1 < c->argc && call_arg_is(c, i, "streams")) break;
        if (!parse_options(c, w, &i)) return false;
    }
    if (i >= c->argc) {
        call_syntax_error(c);
        return false;
    }
    int words = c->argc - i - 1;
    if (words % 2) {
        resp_error(&c->reply, SLICE("ERR Unbalanced XREAD list of streams: for each stream key an "
                                    "ID or '$' must be specified."));
        return false;
    }
    w->first = i + 1;
    w->streams = words / 2;
    if (w->streams > READ_STREAMS_MAX) {
        resp_errorf(&c->reply, "ERR limit reached: too many streams in one command (at most %d)",
                    READ_STREAMS_MAX);
        return false;
    }
    if (!group || w->group_at) return true;
    resp_error(&c->reply, SLICE("ERR Missing GROUP option for XREADGROUP"));
    return false;
}

int64_t read_deadline(const struct call *c, const struct read_words *w)
{
    int64_t now = engine_now(c->engine);
    if (!w->wait_ms || w->wait_ms > INT64_MAX - now) return WAIT_FOREVER;
    return now + w->wait_ms;
}

/* ---- replies ---- */

void read_reply_stream(struct read_reply *r, int proto, struct slice name, size_t entries)
{
    struct resp_writer w = {.out = &r->bytes, .proto = proto};
    if (proto < 3) resp_array(&w, 2);
    resp_bulk(&w, name);
    resp_array(&w, entries);
    r->streams++;
    r->entries += entries;
}

size_t read_reply_stored(struct read_reply *r, int proto, struct slice name,
                         struct stream_cursor *from, size_t count)
{
    struct buffer entries = {0};
    struct resp_writer to = {.out = &entries, .proto = proto};
    size_t i = 0;
    for (; i < count && stream_next(from); i++) stream_reply_stored(&to, from);
    if (i) {
        read_reply_stream(r, proto, name, i);
        buffer_add_slice(&r->bytes, buffer_slice(&entries));
    }
    buffer_fini(&entries);
    return i;
}

void read_reply_write(struct call *c, const struct read_reply *r)
{
    if (!r->streams) {
        resp_null_array(&c->reply);
        return;
    }
    if (c->reply.proto < 3)
        resp_array(&c->reply, r->streams);
    else
        resp_map(&c->reply, r->streams);
    resp_raw(&c->reply, buffer_slice(&r->bytes));
}

/* ---- XREAD ---- */

struct reading;

struct read_stream {
    struct key_waiter waiter; /* of a stream that is stored */
    struct reading *reading;
    struct view_watch watch; /* of a view */
    struct event_id after;
    uint64_t from_seq;    /* before this record there is nothing after `after` */
    uint64_t scanned_seq; /* what the last answer had looked at */
    uint64_t came_seq;    /* of the first event that came since; 0: none */
    bool is_view, due, wants_last;
    bool key_came; /* the key has changed since */
};

struct reading {
    struct wait wait;
    struct engine *engine;
    struct streams *streams;
    struct read_words words;
    int64_t deadline_ms;
    struct view_question *question; /* of the stream `at` */
    struct read_reply reply;
    int at;
    bool parked, watches;
    size_t size;
    struct read_stream list[];
};

static struct slice name_of(const struct call *c, const struct reading *r, int i)
{
    return call_arg(c, r->words.first + i);
}

static void reading_free(struct reading *r)
{
    view_forget(r->question);
    for (int i = 0; i < r->words.streams; i++) {
        view_unwatch(&r->list[i].watch);
        awaited_leave(r->engine, &r->list[i].waiter);
    }
    buffer_fini(&r->reply.bytes);
    mem_free(r, r->size);
}

static void reading_answered(void *ctx)
{
    struct reading *r = ctx;
    if (r->parked) wait_wake(&r->wait);
}

static void came(void *ctx, uint64_t seq, struct event_id id)
{
    struct read_stream *s = ctx;
    (void)id;
    if (!s->came_seq) s->came_seq = seq;
    if (s->reading->parked) wait_wake(&s->reading->wait);
}

static void key_came(struct key_waiter *w)
{
    struct read_stream *s = (struct read_stream *)w;
    s->key_came = true;
    if (s->reading->parked) wait_wake(&s->reading->wait);
}

static void ask(struct call *c, struct reading *r, struct read_stream *s)
{
    struct view_range range = {.name = name_of(c, r, r->at),
                               .first = s->wants_last ? (struct event_id){0} : id_after(s->after),
                               .last = ID_LAST,
                               .reverse = s->wants_last,
                               .count = s->wants_last ? 1 : read_count_of_view(&r->words),
                               .from_seq = s->wants_last ? 0 : s->from_seq,
                               .gap = !s->wants_last};
    r->question =
        view_ask(r->streams->views, &range, !r->parked && !call_may_wait(c), reading_answered, r);
}

/* Takes the answer for the stream `at`; false after writing an error. */
static bool take_answer(struct call *c, struct reading *r, struct read_stream *s)
{
    const struct view_answer *a = view_answer(r->question);
    if (stream_is_error(c, a)) return false;
    if (r->reply.bytes.len + a->bytes.len > r->streams->reply_bytes_max) {
        stream_too_long(c);
        return false;
    }
    if (a->count) {
        read_reply_stream(&r->reply, c->reply.proto, name_of(c, r, r->at), a->count);
        buffer_add_slice(&r->reply.bytes, buffer_slice(&a->bytes));
    }
    if (s->wants_last) {
        s->wants_last = false; /* there is none: from now on, what comes */
        s->after = (struct event_id){0};
    }
    s->due = false;
    s->scanned_seq = a->scanned_seq;
    s->from_seq = a->scanned_seq + 1;
    view_forget(r->question);
    r->question = NULL;
    return true;
}

/* Reads the stream `at`, which is stored, if it is there. */
static void read_stored(struct call *c, struct reading *r, struct read_stream *s)
{
    struct slice name = name_of(c, r, r->at);
    unsigned quietly = r->watches ? READ_QUIET | READ_NO_TOUCH : 0;
    const struct entry *e = gate_read(c->engine, c->db, name, c->read_flags | quietly);
    struct stream_cursor from;
    bool last = s->wants_last;
    s->due = s->wants_last = false;
    if (!e || entry_type(e) != TYPE_STREAM) return; /* whatever it has become: not what is read */
    struct value v = entry_value(e);
    const struct stream *stored = stream_of(&v);
    if (last) s->after = stored->last;
    if (!last && id_compare(s->after, stored->last) >= 0) return;
    stream_seek(&from, stored, last ? (struct event_id){0} : id_after(s->after), ID_LAST, last);
    read_reply_stored(&r->reply, c->reply.proto, name, &from, last ? 1 : r->words.count);
}

enum read_end { READ_WAITS, READ_DONE, READ_NOTHING };

/* Reads what is due. READ_DONE: something is there, or the error is written (*failed). */
static enum read_end read_due(struct call *c, struct reading *r, bool *failed)
{
    for (; r->at < r->words.streams; r->at++) {
        struct read_stream *s = &r->list[r->at];
        if (!s->due) continue;
        if (!s->is_view) {
            read_stored(c, r, s);
            continue;
        }
        if (!r->question) ask(c, r, s);
        if (!view_is_answered(r->question)) return READ_WAITS;
        *failed = !take_answer(c, r, s);
        if (*failed) return READ_DONE;
    }
    r->at = 0;
    return r->reply.streams ? READ_DONE : READ_NOTHING;
}

/* Which streams are to be looked at again? */
static bool more_is_due(struct reading *r)
{
    bool any = false;
    for (int i = 0; i < r->words.streams; i++) {
        struct read_stream *s = &r->list[i];
        if (s->came_seq) {
            s->due = s->came_seq > s->scanned_seq;
            if (s->due) s->from_seq = s->came_seq;
            s->came_seq = 0;
        }
        if (s->key_came) s->due = true;
        s->key_came = false;
        any |= s->due;
    }
    return any;
}

/* Begins to watch. What was sealed since the answers is due once more. */
static int watch_all(struct call *c, struct reading *r)
{
    uint64_t sealed = engine_stats(c->engine).seq;
    r->watches = true;
    for (int i = 0; i < r->words.streams; i++) {
        struct read_stream *s = &r->list[i];
        if (!s->is_view) {
            s->due = true;
            awaited_join(c->engine, &s->waiter, c->db, name_of(c, r, i));
            continue;
        }
        int rc = view_watch(r->streams->views, &s->watch, name_of(c, r, i));
        if (rc) return rc;
        s->due = s->scanned_seq < sealed;
    }
    return 0;
}

/* True when the reply is written. */
static bool read_on(struct call *c, struct reading *r)
{
    bool failed = false;
    for (;;) {
        enum read_end end = read_due(c, r, &failed);
        if (end == READ_WAITS) {
            if (r->parked) wait_rearm(&r->wait, WAIT_FOREVER, false);
            return false;
        }
        if (end == READ_DONE || !r->words.blocks) break;
        if (!r->watches) {
            if (!watch_all(c, r)) continue;
            resp_error(&c->reply, SLICE("ERR too many clients wait for views whose patterns begin "
                                        "with nothing definite"));
            return true;
        }
        if (more_is_due(r)) continue;
        if (r->parked) wait_rearm(&r->wait, r->deadline_ms, true);
        return false;
    }
    if (!failed) read_reply_write(c, &r->reply);
    return true;
}

static bool reading_resume(struct call *c, struct wait *w)
{
    struct reading *r = (struct reading *)w;
    if (!r->question) more_is_due(r);
    return read_on(c, r);
}

static void reading_time_out(struct call *c, struct wait *w)
{
    (void)w;
    resp_null_array(&c->reply);
}

static void reading_drop(struct wait *w)
{
    reading_free((struct reading *)w);
}

static const struct wait_kind reading_kind = {
    .resume = reading_resume, .time_out = reading_time_out, .drop = reading_drop};

static void only_for_groups(struct call *c)
{
    resp_error(&c->reply, SLICE("ERR The > ID can be specified only when calling XREADGROUP using "
                                "the GROUP <group> <consumer> option."));
}

/* Where a stream is to be read from; false after writing the error. */
static bool parse_start(struct call *c, struct read_stream *s, const struct stream *stored, int i)
{
    if (call_arg_is(c, i, "$") && !s->is_view) {
        if (stored) s->after = stored->last;
        return s->due = true; /* as Redis has it, which looks for the key again */
    }
    if (call_arg_is(c, i, "$")) {
        s->after = stream_last_id(c);
        s->scanned_seq = engine_stats(c->engine).seq;
        s->from_seq = s->scanned_seq + 1;
        return true;
    }
    s->due = true;
    s->wants_last = call_arg_is(c, i, "+");
    if (s->wants_last) return true;
    if (!call_arg_is(c, i, ">")) return stream_id(c, i, 0, &s->after);
    only_for_groups(c);
    return false;
}

static bool parse_streams(struct call *c, struct reading *r)
{
    for (int i = 0; i < r->words.streams; i++) {
        struct read_stream *s = &r->list[i];
        const struct stream *stored;
        enum stream_kind kind = stream_kind(c, name_of(c, r, i), &stored);
        if (kind == STREAM_WRONG) return false;
        s->reading = r;
        s->is_view = kind == STREAM_VIEW;
        s->watch = (struct view_watch){.came = came, .ctx = s};
        s->waiter = (struct key_waiter){.type = TYPE_STREAM, .ready = key_came};
        if (!parse_start(c, s, stored, r->words.first + r->words.streams + i)) return false;
    }
    return true;
}

static void xread_command(struct call *c)
{
    struct read_words words;
    if (!read_words(c, &words, false)) return;
    if (words.blocks && !call_may_wait(c)) words.blocks = false;
    size_t size = sizeof(struct reading) + (size_t)words.streams * sizeof(struct read_stream);
    struct reading *r = mem_zalloc(size);
    r->size = size;
    r->engine = c->engine;
    r->streams = c->streams;
    r->words = words;
    r->deadline_ms = read_deadline(c, &words);
    if (!parse_streams(c, r) || read_on(c, r)) {
        reading_free(r);
        return;
    }
    r->parked = true;
    bool blocked = !r->question;
    call_wait(c, &r->wait, &reading_kind, blocked ? r->deadline_ms : WAIT_FOREVER, blocked);
    r->wait.bytes = mem_cost(r->size);
    for (int i = 0; i < words.streams; i++) r->wait.bytes += awaited_bytes(name_of(c, r, i));
}

void stream_bind_read(struct command_table *t)
{
    command_bind(t, "xread", xread_command);
}
