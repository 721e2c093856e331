/* XADD, XTRIM, XSETID: only of streams that are stored. */
#include "../base/err.h"
#include "../base/text.h"
#include "introspect.h"
#include "stream_door.h"

/* What XADD and XTRIM are told of trimming, and XADD of its id. */
struct add_words {
    struct stream_trim trim;
    bool trims, nomkstream, limited, refs_told;
    bool id_told, any_n; /* an id; it leaves out n: `ms-*` */
    struct event_id id;
};

/* ---- words ---- */

static bool is_refs(struct call *c, int i, enum stream_refs *refs)
{
    static const char *const names[] = {"keepref", "delref", "acked"};
    for (unsigned k = 0; k < 3; k++) {
        if (!call_arg_is(c, i, names[k])) continue;
        *refs = (enum stream_refs)k;
        return true;
    }
    return false;
}

bool stream_refs(struct call *c, int i, enum stream_refs *refs, bool *told)
{
    if (!is_refs(c, i, refs)) return false;
    if (!*told) return *told = true;
    return false;
}

/* MAXLEN or MINID at word *i, and what belongs to it. */
static bool parse_strategy(struct call *c, struct add_words *w, int *i)
{
    int more = c->argc - 1 - *i;
    int64_t n;
    if (w->trims) {
        resp_error(&c->reply, SLICE("ERR syntax error, MAXLEN and MINID options at the same time "
                                    "are not compatible"));
        return false;
    }
    w->trims = true;
    w->trim.by_id = call_arg_is(c, *i, "minid");
    ++*i;
    w->trim.whole_nodes = more >= 2 && call_arg_is(c, *i, "~");
    if (w->trim.whole_nodes || (more >= 2 && call_arg_is(c, *i, "="))) ++*i;
    if (w->trim.by_id) return stream_id(c, *i, 0, &w->trim.min_id);
    if (!call_int(c, *i, &n)) return false;
    w->trim.max_len = (uint64_t)n;
    if (n < 0) resp_error(&c->reply, SLICE("ERR The MAXLEN argument must be >= 0."));
    return n >= 0;
}

static bool parse_limit(struct call *c, struct add_words *w, int i)
{
    int64_t n;
    if (!call_int(c, i, &n)) return false;
    if (n < 0) resp_error(&c->reply, SLICE("ERR The LIMIT argument must be >= 0."));
    w->trim.limit = (uint64_t)n;
    w->limited = true;
    return n >= 0;
}

/* The id of an XADD. */
static bool parse_new_id(struct call *c, struct add_words *w, int i)
{
    struct slice s = call_arg(c, i);
    w->id_told = true;
    w->any_n = s.len > 2 && memcmp(s.at + s.len - 2, "-*", 2) == 0;
    if (w->any_n && id_from_text(slice_of(s.at, s.len - 2), 0, &w->id) &&
        !memchr(s.at, '-', s.len - 2))
        return true;
    w->any_n = false;
    return stream_id(c, i, 0, &w->id);
}

/* What Redis does at most where nobody says: 100 nodes. */
static uint64_t usual_limit(const struct call *c)
{
    enum { NODES = 100, NONE = 10000, MOST = 1000000 };
    size_t entries = call_values(c)->stream_node_max_entries;
    if (!entries) return NONE;
    return entries > MOST / NODES ? MOST : entries * NODES;
}

static bool check_words(struct call *c, struct add_words *w, bool add)
{
    const char *wrong = NULL;
    if (w->trim.limit && !w->trims)
        wrong = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
    else if (!add && !w->trims)
        wrong = "ERR syntax error, XTRIM must be called with a trimming strategy";
    else if (w->limited && !w->trim.whole_nodes)
        wrong = "ERR syntax error, LIMIT cannot be used without the special ~ option";
    if (wrong) resp_error(&c->reply, slice_text(wrong));
    if (!w->limited && w->trim.whole_nodes) w->trim.limit = usual_limit(c);
    return !wrong;
}

/* The word of the id, or the end of all; 0 after writing the error. */
static int parse_words(struct call *c, struct add_words *w, bool add)
{
    int i = 2;
    *w = (struct add_words){0};
    for (; i < c->argc; i++) {
        bool more = i + 1 < c->argc;
        if (add && call_arg_is(c, i, "*")) break;
        if (more && (call_arg_is(c, i, "maxlen") || call_arg_is(c, i, "minid"))) {
            if (!parse_strategy(c, w, &i)) return 0;
        } else if (more && call_arg_is(c, i, "limit")) {
            if (!parse_limit(c, w, ++i)) return 0;
        } else if (add && call_arg_is(c, i, "nomkstream")) {
            w->nomkstream = true;
        } else if (stream_refs(c, i, &w->trim.refs, &w->refs_told)) {
            continue;
        } else if (add) {
            if (!parse_new_id(c, w, i)) return 0;
            break;
        } else {
            call_syntax_error(c);
            return 0;
        }
    }
    return check_words(c, w, add) ? i : 0;
}

/* ---- trimming ---- */

struct slice stream_keep_id(struct call *c, struct event_id id)
{
    char text[ID_TEXT_MAX];
    return engine_keep(c->engine, slice_of(text, id_to_text(text, id)));
}

void stream_did_delete(struct call *c, struct opened *k, const struct event_id *ids, size_t count,
                       bool refs)
{
    struct slice *words = engine_words(c->engine, count + refs);
    if (refs) words[0] = SLICE("DELREF");
    for (size_t i = 0; i < count; i++) words[refs + i] = stream_keep_id(c, ids[i]);
    opened_did(k, EFFECT_XDEL, words, count + refs);
}

/* Trims the stream that is open, and says what that did: how many entries are gone. However it was
 * told what to trim, so many entries are left, and a replay goes by that. */
static size_t trim(struct call *c, struct opened *k, const struct stream_trim *t)
{
    struct stream *s = stream_of(opened_value(k));
    struct buffer acked = {0};
    size_t count = stream_trim(s, t, &acked);
    stream_settle(s);
    if (count && t->refs == REFS_ACKED) {
        stream_did_delete(c, k, (const struct event_id *)(const void *)acked.at, count, false);
    } else if (count) {
        bool refs = t->refs == REFS_DELETE;
        struct slice *words = engine_words(c->engine, 3);
        words[0] = SLICE("MAXLEN");
        words[1] = engine_keep_int(c->engine, (int64_t)s->length);
        words[2] = SLICE("DELREF");
        opened_did(k, EFFECT_XTRIM, words, 2 + refs);
    }
    buffer_fini(&acked);
    return count;
}

static void xtrim_command(struct call *c)
{
    struct add_words w;
    struct opened k;
    if (!parse_words(c, &w, false)) return;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_STREAM)) return;
    size_t count = opened_entry(&k) ? trim(c, &k, &w.trim) : 0;
    if (count)
        gate_close(&k, EVENT_XTRIM);
    else
        gate_close_unchanged(&k);
    resp_int(&c->reply, (int64_t)count);
}

/* ---- XADD ---- */

/* The id that is due; false after writing the error. */
static bool choose_id(struct call *c, const struct add_words *w, const struct stream *s,
                      struct event_id *id)
{
    static const struct stream none;
    if (!s) s = &none;
    if (!id_compare(s->last, ID_LAST)) {
        resp_error(&c->reply, SLICE("ERR The stream has exhausted the last possible ID, unable to "
                                    "add more items"));
        return false;
    }
    *id = w->id;
    bool good = true;
    if (!w->id_told)
        good = stream_next_id(s, engine_now(c->engine), id);
    else if (w->any_n && w->id.ms == s->last.ms)
        good = s->last.n < UINT64_MAX && ((id->n = s->last.n + 1), true);
    if (good && id_compare(*id, s->last) > 0) return true;
    resp_error(&c->reply, SLICE("ERR The ID specified in XADD is equal or smaller than the target "
                                "stream top item"));
    return false;
}

static bool fits(struct call *c, const struct slice *words, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) bytes += packed_cost(words[i]);
    if (bytes <= STREAM_ENTRY_BYTES_MAX) return true;
    resp_error(&c->reply, SLICE("ERR Elements are too large to be stored"));
    return false;
}

static void add_entry(struct call *c, struct opened *k, const struct add_words *w, int fields_at)
{
    size_t count = (size_t)(c->argc - fields_at);
    const struct slice *fields = c->argv + fields_at;
    struct value *v = opened_entry(k) ? opened_value(k) : NULL;
    struct event_id id;
    if (!choose_id(c, w, v ? stream_of(v) : NULL, &id) || !fits(c, fields, count)) {
        gate_close_unchanged(k);
        return;
    }
    if (!v) v = opened_create(k, stream_new(call_values(c)));
    stream_add(stream_of(v), id, fields, count, call_values(c));
    struct slice *words = engine_words(c->engine, count + 1);
    words[0] = stream_keep_id(c, id);
    memcpy(words + 1, fields, count * sizeof *fields);
    opened_did(k, EFFECT_XADD, words, count + 1);
    resp_bulk(&c->reply, words[0]);
    if (!w->trims) {
        gate_close(k, EVENT_XADD);
        return;
    }
    opened_note(k, EVENT_XADD, NULL, 0);
    if (trim(c, k, &w->trim))
        gate_close(k, EVENT_XTRIM);
    else
        gate_close_silently(k, "its event is noted");
}

static void xadd_command(struct call *c)
{
    struct add_words w;
    struct opened k;
    int id_at = parse_words(c, &w, true);
    if (!id_at) return;
    if (c->argc - id_at - 1 < 2 || (c->argc - id_at - 1) % 2) {
        resp_error(&c->reply, SLICE("ERR wrong number of arguments for 'xadd' command"));
        return;
    }
    if (w.id_told && !w.any_n && !w.id.ms && !w.id.n) {
        resp_error(&c->reply, SLICE("ERR The ID specified in XADD must be greater than 0-0"));
        return;
    }
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_STREAM)) return;
    if (!opened_entry(&k) && w.nomkstream) {
        gate_close_unchanged(&k);
        resp_null(&c->reply);
        return;
    }
    add_entry(c, &k, &w, id_at + 1);
}

/* ---- XSETID ---- */

struct set_words {
    struct event_id last, max_deleted;
    int64_t added; /* -1: not told */
};

static bool parse_set(struct call *c, struct set_words *w)
{
    *w = (struct set_words){.added = -1};
    if (!stream_id(c, 2, 0, &w->last)) return false;
    for (int i = 3; i < c->argc; i++) {
        bool more = i + 1 < c->argc;
        if (more && call_arg_is(c, i, "entriesadded")) {
            if (!call_int(c, ++i, &w->added)) return false;
            if (w->added >= 0) continue;
            resp_error(&c->reply, SLICE("ERR entries_added must be positive"));
            return false;
        }
        if (more && call_arg_is(c, i, "maxdeletedid")) {
            if (!stream_id(c, ++i, 0, &w->max_deleted)) return false;
            if (id_compare(w->last, w->max_deleted) >= 0) continue;
            resp_error(&c->reply, SLICE("ERR The ID specified in XSETID is smaller than the "
                                        "provided max_deleted_entry_id"));
            return false;
        }
        call_syntax_error(c);
        return false;
    }
    return true;
}

static const char *what_forbids(const struct stream *s, const struct set_words *w)
{
    if (id_compare(w->last, s->max_deleted) < 0)
        return "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
    if (s->length && id_compare(w->last, stream_last_entry(s)) < 0)
        return "ERR The ID specified in XSETID is smaller than the target stream top item";
    if (s->length && w->added >= 0 && s->length > (uint64_t)w->added)
        return "ERR The entries_added specified in XSETID is smaller than the target stream length";
    return NULL;
}

static void set_id(struct call *c, struct opened *k, const struct set_words *w)
{
    struct stream *s = stream_of(opened_value(k));
    bool deleted = w->max_deleted.ms || w->max_deleted.n;
    struct slice *words = engine_words(c->engine, 3);
    stream_set_id(s, w->last, w->added >= 0 ? (uint64_t)w->added : s->added,
                  deleted ? w->max_deleted : s->max_deleted);
    words[0] = stream_keep_id(c, s->last);
    words[1] = engine_keep_int(c->engine, (int64_t)s->added);
    words[2] = stream_keep_id(c, s->max_deleted);
    opened_did(k, EFFECT_XSETID, words, 3);
    opened_note(k, EVENT_XSETID, NULL, 0);
    gate_close_unheard(k, "Redis does not count it as a change of the key");
}

static void xsetid_command(struct call *c)
{
    struct set_words w;
    struct opened k;
    if (!parse_set(c, &w) || !call_open_value(c, &k, call_arg(c, 1), TYPE_STREAM)) return;
    const char *wrong = "ERR no such key";
    if (opened_entry(&k)) wrong = what_forbids(stream_of(opened_value(&k)), &w);
    if (wrong) {
        gate_close_unchanged(&k);
        resp_error(&c->reply, slice_text(wrong));
        return;
    }
    set_id(c, &k, &w);
    resp_ok(&c->reply);
}

void stream_bind_write(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"xadd", xadd_command}, {"xtrim", xtrim_command}, {"xsetid", xsetid_command}};
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
