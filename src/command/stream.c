/* What all stream commands share: names, ids, replies, and waiting for what is read. */
#include "stream.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "view_keys.h"

void streams_init(struct streams *st, struct engine *engine)
{
    *st = (struct streams){.engine = engine, .groups = groups_new(engine)};
    groups_hear_end(st->groups, stream_group_ends, NULL);
}

void streams_fini(struct streams *st)
{
    groups_free(st->groups);
    *st = (struct streams){0};
}

/* ---- keys ---- */

/* Quoted names are cut: a name may be as long as a key. */
static int shown(struct slice name)
{
    enum { SHOWN_MAX = 1024 };
    return name.len < SHOWN_MAX ? (int)name.len : SHOWN_MAX;
}

enum stream_kind stream_name_kind(struct call *c, struct slice key)
{
    int kind = view_key_maybe(key) ? view_name_kind(key) : VIEW_NAME_OF_KEY;
    if (kind == VIEW_NAME_OF_KEY) return STREAM_NONE;
    if (kind != VIEW_NAME_OF_VIEW) {
        resp_errorf(&c->reply,
                    "ERR '%.*s' cannot be read as a view: name the channel up to its second '__:', "
                    "with a pattern only behind '@' and behind '__:'",
                    shown(key), key.at);
        return STREAM_WRONG;
    }
    if (c->streams && c->streams->views && views_have_journal(c->streams->views))
        return STREAM_VIEW;
    resp_error(&c->reply,
               SLICE("ERR views are read from the journal: this server runs with appendonly no"));
    return STREAM_WRONG;
}

enum stream_kind stream_kind(struct call *c, struct slice key, const struct stream **stored)
{
    struct value v;
    enum stream_kind kind = stream_name_kind(c, key);
    if (stored) *stored = NULL;
    if (kind != STREAM_NONE) return kind;
    int found = call_read_value(c, key, TYPE_STREAM, &v);
    if (found < 0) return STREAM_WRONG;
    if (!found) return STREAM_NONE;
    if (stored) *stored = stream_of(&v);
    return STREAM_STORED;
}

/* ---- ids ---- */

static void invalid_id(struct call *c)
{
    resp_error(&c->reply, SLICE("ERR Invalid stream ID specified as stream command argument"));
}

bool stream_id(struct call *c, int i, uint64_t missing_n, struct event_id *out)
{
    if (id_from_text(call_arg(c, i), missing_n, out)) return true;
    invalid_id(c);
    return false;
}

bool stream_range_end(struct call *c, int i, bool is_last, struct event_id *out, bool *is_open)
{
    struct slice s = call_arg(c, i);
    bool exclusive = s.len > 1 && *s.at == '(';
    *is_open = s.len == 1 && (*s.at == '-' || *s.at == '+');
    if (*is_open) {
        *out = *s.at == '-' ? (struct event_id){0} : ID_LAST;
        return true;
    }
    if (!id_from_text(slice_from(s, exclusive), is_last ? UINT64_MAX : 0, out)) {
        invalid_id(c);
        return false;
    }
    if (!exclusive) return true;
    struct event_id next = is_last ? id_before(*out) : id_after(*out);
    if (!id_compare(next, *out)) {
        resp_errorf(&c->reply, "ERR invalid %s ID for the interval", is_last ? "end" : "start");
        return false;
    }
    *out = next;
    return true;
}

void stream_reply_id(struct resp_writer *w, struct event_id id)
{
    char text[ID_TEXT_MAX];
    resp_bulk(w, slice_of(text, id_to_text(text, id)));
}

struct event_id stream_last_id(struct call *c)
{
    return engine_stats(c->engine).last_id;
}

/* ---- replies ---- */

void stream_reply_entry(struct resp_writer *w, const struct view_answer *a, size_t i)
{
    resp_raw(w, slice_of(a->bytes.at + a->entries[i].at, a->entries[i].len));
}

void stream_reply_stored(struct resp_writer *w, struct stream_cursor *entry)
{
    struct slice name, value;
    resp_array(w, 2);
    stream_reply_id(w, entry->id);
    resp_array(w, 2 * entry->fields);
    for (size_t i = 0; i < entry->fields; i++) {
        stream_field(entry, &name, &value);
        resp_bulk(w, name);
        resp_bulk(w, value);
    }
}

/* They go to a buffer of their own first: how many there are is known at the end. */
void stream_reply_rest(struct resp_writer *w, struct stream_cursor *from, size_t count)
{
    struct buffer bytes = {0};
    struct resp_writer to = {.out = &bytes, .proto = w->proto};
    size_t i = 0;
    for (; i < count && stream_next(from); i++) stream_reply_stored(&to, from);
    resp_array(w, i);
    resp_raw(w, buffer_slice(&bytes));
    buffer_fini(&bytes);
}

void stream_too_long(struct call *c)
{
    resp_error(&c->reply, SLICE("ERR the reply would be longer than view-reply-bytes-max: read a "
                                "part at a time, with COUNT or a smaller range"));
}

bool stream_is_error(struct call *c, const struct view_answer *a)
{
    switch (a->error) {
    case 0: return false;
    case ERR_ABSENT:
        resp_error(&c->reply, SLICE("ERR views are read from the journal, which was closed"));
        break;
    case ERR_LIMIT: stream_too_long(c); break;
    case ERR_AGAIN:
        resp_error(&c->reply, SLICE("ERR only what is in memory can be read here: this would have "
                                    "to wait for the disk"));
        break;
    default: resp_errorf(&c->reply, "ERR the journal cannot be read: %s", a->why.text); break;
    }
    return true;
}

ptrdiff_t stream_entry_with_id(const struct view_answer *a, struct event_id id)
{
    size_t low = 0, high = a->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = id_compare(a->entries[mid].id, id);
        if (!order) return (ptrdiff_t)mid;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return -1;
}

/* ---- asking ---- */

void asking_free(struct asking *a)
{
    view_forget(a->question);
    if (a->fini) a->fini(a);
    mem_free(a, a->size);
}

static void asking_drop(struct wait *w)
{
    asking_free((struct asking *)w);
}

static bool asking_resume(struct call *c, struct wait *w)
{
    struct asking *a = (struct asking *)w;
    while (view_is_answered(a->question))
        if (a->go_on(c, a)) return true;
    return false;
}

/* Only CLIENT UNBLOCK could end a read before its time, and that passes by those who are not
 * blocked. */
static void asking_time_out(struct call *c, struct wait *w)
{
    (void)w;
    resp_null(&c->reply);
}

#define ASKING .resume = asking_resume, .time_out = asking_time_out, .drop = asking_drop
static const struct wait_kind asking_kind = {ASKING}, taking_kind = {ASKING, .hands_over = true};
#undef ASKING

static void asking_answered(void *ctx)
{
    struct asking *a = ctx;
    if (a->parked) wait_wake(&a->wait);
}

void *asking_new(struct call *c, size_t size, bool (*go_on)(struct call *c, struct asking *a))
{
    struct asking *a = mem_zalloc(size);
    a->streams = c->streams;
    a->go_on = go_on;
    a->size = size;
    return a;
}

/* Where the client cannot be parked only the tail is read. */
static bool tail_only(const struct call *c, const struct asking *a)
{
    return !a->parked && !call_may_wait(c);
}

void asking_range(struct call *c, struct asking *a, const struct view_range *range)
{
    view_forget(a->question);
    a->question = view_ask(a->streams->views, range, tail_only(c, a), asking_answered, a);
}

void asking_fetch(struct call *c, struct asking *a, struct slice view, const struct event_id *ids,
                  size_t count)
{
    view_forget(a->question);
    a->question =
        view_fetch(a->streams->views, view, ids, count, tail_only(c, a), asking_answered, a);
}

void asking_run(struct call *c, struct asking *a)
{
    while (view_is_answered(a->question)) {
        if (!a->go_on(c, a)) continue;
        asking_free(a);
        return;
    }
    a->parked = true;
    call_wait(c, &a->wait, a->hands_over ? &taking_kind : &asking_kind, WAIT_FOREVER, false);
}

/* ---- groups ---- */

void stream_no_group(struct call *c, struct slice key, struct slice name, enum group_words words)
{
    if (c->streams) engine_wait_for(c->engine, groups_waited_seq(c->streams->groups));
    switch (words) {
    case GROUP_WORDS_KEY_NAME:
        resp_errorf(&c->reply, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                    shown(name), name.at, shown(key), key.at);
        break;
    case GROUP_WORDS_KEY_OR:
    case GROUP_WORDS_READ:
        resp_errorf(&c->reply, "NOGROUP No such key '%.*s' or consumer group '%.*s'%s", shown(key),
                    key.at, shown(name), name.at,
                    words == GROUP_WORDS_READ ? " in XREADGROUP with GROUP option" : "");
        break;
    }
}

struct group *stream_group(struct call *c, struct slice key, struct slice name,
                           enum group_words words)
{
    struct group *g = groups_find(c->streams->groups, key, name);
    bool reads = words == GROUP_WORDS_READ; /* not what others have acknowledged meanwhile */
    if (g)
        engine_wait_for(c->engine, reads ? g->made_seq : g->waited_seq);
    else
        stream_no_group(c, key, name, words);
    return g;
}

void stream_group_limit(struct call *c, const char *what, int max)
{
    resp_errorf(&c->reply, "ERR limit reached: %s (at most %d)", what, max);
}

struct crew *stream_crew(struct call *c, struct slice key, struct slice name,
                         enum group_words words)
{
    const struct stream *stored;
    enum stream_kind kind = stream_kind(c, key, &stored);
    if (kind == STREAM_WRONG) return NULL;
    if (kind == STREAM_VIEW) {
        struct group *g = stream_group(c, key, name, words);
        return g ? &g->crew : NULL;
    }
    struct stream_group *g = stored ? stream_find_group(stored, name) : NULL;
    if (!g) stream_no_group(c, key, name, words);
    return g ? &g->crew : NULL;
}

void command_bind_streams(struct command_table *t)
{
    stream_bind_write(t);
    stream_bind_delete(t);
    stream_bind_range(t);
    stream_bind_read(t);
    stream_bind_group_read(t);
    stream_bind_groups(t);
    stream_bind_claim(t);
    stream_bind_info(t);
}
