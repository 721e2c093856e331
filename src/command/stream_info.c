/* XINFO. */
#include "../base/mem.h"
#include "introspect.h"
#include "stream.h"

static void field(struct resp_writer *w, const char *name)
{
    resp_bulk_text(w, name);
}

static void int_field(struct resp_writer *w, const char *name, int64_t value)
{
    field(w, name);
    resp_int(w, value);
}

/* ---- groups, of either kind ---- */

/* What is told of a group. */
struct told {
    struct slice name;
    struct crew *crew;
    struct event_id last;
    int64_t read; /* -1: not known */
    int64_t lag;
    bool lag_known;
};

/* How many entries of a view were delivered is known when it was told (ENTRIESREAD); how many are
 * still to come only when nothing has happened since. */
static struct told told_of_view(struct call *c, struct group *g)
{
    bool at_end = id_compare(g->position.last, stream_last_id(c)) >= 0 ||
                  g->position.scanned_seq >= engine_stats(c->engine).seq;
    engine_wait_for(c->engine, g->waited_seq);
    return (struct told){g->name, &g->crew, g->position.last, g->position.entries_read, 0, at_end};
}

static struct told told_of_stream(const struct stream *s, struct stream_group *g)
{
    struct told t = {g->name, &g->crew, g->last, g->entries_read, 0, false};
    t.lag_known = stream_lag(s, g, &t.lag);
    return t;
}

/* The groups of a key, in the order of their names: a view if `s` is NULL. */
static size_t groups_of_key(struct call *c, const struct stream *s)
{
    struct group *const *list;
    return s ? s->groups_count : groups_of(c->streams->groups, call_arg(c, 2), &list);
}

static struct told group_of_key(struct call *c, const struct stream *s, size_t i)
{
    struct group *const *list;
    if (s) return told_of_stream(s, s->groups[i]);
    groups_of(c->streams->groups, call_arg(c, 2), &list);
    return told_of_view(c, list[i]);
}

static void known_field(struct resp_writer *w, const char *name, int64_t value, bool known)
{
    field(w, name);
    if (known)
        resp_int(w, value);
    else
        resp_null(w);
}

static void reply_progress(struct call *c, const struct told *t)
{
    field(&c->reply, "last-delivered-id");
    stream_reply_id(&c->reply, t->last);
    known_field(&c->reply, "entries-read", t->read, t->read >= 0);
    known_field(&c->reply, "lag", t->lag, t->lag_known);
}

/* The key of an XINFO: STREAM_WRONG also after writing that there is none. */
static enum stream_kind find_key(struct call *c, const struct stream **stored)
{
    enum stream_kind kind = stream_kind(c, call_arg(c, 2), stored);
    if (kind != STREAM_NONE) return kind;
    call_no_such_key(c);
    return STREAM_WRONG;
}

/* ---- XINFO GROUPS, XINFO CONSUMERS ---- */

static void xinfo_groups(struct call *c)
{
    const struct stream *s;
    if (find_key(c, &s) == STREAM_WRONG) return;
    size_t count = groups_of_key(c, s);
    resp_array(&c->reply, count);
    for (size_t i = 0; i < count; i++) {
        struct told t = group_of_key(c, s, i);
        resp_map(&c->reply, 6);
        field(&c->reply, "name");
        resp_bulk(&c->reply, t.name);
        int_field(&c->reply, "consumers", (int64_t)crew_consumers(t.crew));
        int_field(&c->reply, "pending", (int64_t)t.crew->pending.count);
        reply_progress(c, &t);
    }
}

static int64_t since(const struct call *c, int64_t ms)
{
    int64_t now = engine_now(c->engine);
    return ms < 0 ? -1 : now > ms ? now - ms : 0;
}

static void xinfo_consumers(struct call *c)
{
    const struct stream *s;
    struct crew *crew = NULL;
    enum stream_kind kind = find_key(c, &s);
    if (kind == STREAM_WRONG) return;
    if (kind == STREAM_VIEW) {
        struct group *g = stream_group(c, call_arg(c, 2), call_arg(c, 3), GROUP_WORDS_KEY_NAME);
        if (g) crew = &g->crew;
    } else {
        struct stream_group *g = stream_find_group(s, call_arg(c, 3));
        if (!g) stream_no_group(c, call_arg(c, 2), call_arg(c, 3), GROUP_WORDS_KEY_NAME);
        if (g) crew = &g->crew;
    }
    if (!crew) return;
    size_t count = crew_consumers(crew);
    struct consumer **list = crew_consumers_sorted(crew);
    resp_array(&c->reply, count);
    for (size_t i = 0; i < count; i++) {
        resp_map(&c->reply, 4);
        field(&c->reply, "name");
        resp_bulk(&c->reply, list[i]->name);
        int_field(&c->reply, "pending", (int64_t)list[i]->pending);
        int_field(&c->reply, "idle", since(c, list[i]->seen_ms));
        int_field(&c->reply, "inactive", since(c, list[i]->active_ms));
    }
    mem_free(list, count * sizeof *list);
}

/* ---- XINFO STREAM ---- */

/* Three questions: how many there are, the first ones, and (unless FULL) the last one. */
struct describing {
    struct asking asking;
    bool full;
    size_t shown; /* the first entries: one, or COUNT of FULL */
    size_t max;   /* of what is pending: COUNT */
    enum { ASKS_LENGTH, ASKS_FIRST, ASKS_LAST } asks;
    uint64_t length;
    struct buffer entries;
    size_t entries_count;
    struct event_id first;
};

static void describing_fini(struct asking *a)
{
    buffer_fini(&((struct describing *)a)->entries);
}

static void keep_first(struct describing *d, const struct view_answer *a)
{
    d->entries_count = a->count;
    if (a->count) d->first = a->entries[0].id;
    buffer_add_slice(&d->entries, buffer_slice(&a->bytes));
}

static void reply_pending_of(struct call *c, struct crew *crew, uint32_t consumer, size_t max)
{
    struct pending_entry e = {0};
    const struct consumer *own = crew_consumer_numbered(crew, consumer);
    size_t count = own ? own->pending : crew->pending.count;
    if (count > max) count = max;
    field(&c->reply, "pending");
    resp_array(&c->reply, count);
    bool more = pending_next(&crew->pending, e.id, consumer, &e);
    for (; count && more; count--) {
        resp_array(&c->reply, own ? 3 : 4);
        stream_reply_id(&c->reply, e.id);
        if (!own) resp_bulk(&c->reply, crew_consumer_numbered(crew, e.consumer)->name);
        resp_int(&c->reply, e.delivered_ms);
        resp_int(&c->reply, (int64_t)e.deliveries);
        more = pending_after(&crew->pending, e.id, consumer, &e);
    }
}

static void reply_full_consumers(struct call *c, struct crew *crew, size_t max)
{
    size_t count = crew_consumers(crew);
    struct consumer **list = crew_consumers_sorted(crew);
    field(&c->reply, "consumers");
    resp_array(&c->reply, count);
    for (size_t i = 0; i < count; i++) {
        resp_map(&c->reply, 5);
        field(&c->reply, "name");
        resp_bulk(&c->reply, list[i]->name);
        int_field(&c->reply, "seen-time", list[i]->seen_ms);
        int_field(&c->reply, "active-time", list[i]->active_ms);
        int_field(&c->reply, "pel-count", (int64_t)list[i]->pending);
        reply_pending_of(c, crew, list[i]->number, max);
    }
    mem_free(list, count * sizeof *list);
}

static void reply_full_groups(struct call *c, const struct stream *s, size_t max)
{
    size_t count = groups_of_key(c, s);
    field(&c->reply, "groups");
    resp_array(&c->reply, count);
    for (size_t i = 0; i < count; i++) {
        struct told t = group_of_key(c, s, i);
        resp_map(&c->reply, 7);
        field(&c->reply, "name");
        resp_bulk(&c->reply, t.name);
        reply_progress(c, &t);
        int_field(&c->reply, "pel-count", (int64_t)t.crew->pending.count);
        reply_pending_of(c, t.crew, PENDING_ANY, max);
        reply_full_consumers(c, t.crew, max);
        crew_settle(t.crew);
    }
}

/* What both forms of XINFO STREAM begin with. */
struct outline {
    uint64_t length, nodes, tree, added;
    struct event_id last, max_deleted, first;
};

static void reply_head(struct call *c, const struct outline *o)
{
    int_field(&c->reply, "length", (int64_t)o->length);
    int_field(&c->reply, "radix-tree-keys", (int64_t)o->nodes);
    int_field(&c->reply, "radix-tree-nodes", (int64_t)o->tree);
    field(&c->reply, "last-generated-id");
    stream_reply_id(&c->reply, o->last);
    field(&c->reply, "max-deleted-entry-id");
    stream_reply_id(&c->reply, o->max_deleted);
    int_field(&c->reply, "entries-added", (int64_t)o->added);
    field(&c->reply, "recorded-first-entry-id");
    stream_reply_id(&c->reply, o->first);
}

/* ---- of a view ---- */

/* A view has no nodes, and nothing can be deleted from it by id. */
static void reply_view_head(struct call *c, const struct describing *d)
{
    reply_head(c, &(struct outline){.length = d->length,
                                    .added = d->length,
                                    .last = stream_last_id(c),
                                    .first = d->first});
}

static void reply_first_entry(struct call *c, const struct describing *d)
{
    if (d->entries_count)
        resp_raw(&c->reply, buffer_slice(&d->entries));
    else
        resp_null(&c->reply);
}

static void reply_full(struct call *c, const struct describing *d)
{
    resp_map(&c->reply, 9);
    reply_view_head(c, d);
    field(&c->reply, "entries");
    resp_array(&c->reply, d->entries_count);
    resp_raw(&c->reply, buffer_slice(&d->entries));
    reply_full_groups(c, NULL, d->max);
}

static void reply_short(struct call *c, const struct describing *d, const struct view_answer *last)
{
    resp_map(&c->reply, 10);
    reply_view_head(c, d);
    int_field(&c->reply, "groups", (int64_t)groups_of_key(c, NULL));
    field(&c->reply, "first-entry");
    reply_first_entry(c, d);
    field(&c->reply, "last-entry");
    if (last->count)
        stream_reply_entry(&c->reply, last, 0);
    else
        resp_null(&c->reply);
}

static void ask_end(struct call *c, struct describing *d, bool last)
{
    d->asks = last ? ASKS_LAST : ASKS_FIRST;
    asking_range(c, &d->asking,
                 &(struct view_range){.name = call_arg(c, 2),
                                      .last = ID_LAST,
                                      .reverse = last,
                                      .count = last ? 1 : d->shown});
}

static bool describe_go_on(struct call *c, struct asking *a)
{
    struct describing *d = (struct describing *)a;
    const struct view_answer *answer = view_answer(a->question);
    if (stream_is_error(c, answer)) return true;
    switch (d->asks) {
    case ASKS_LENGTH:
        d->length = answer->total;
        ask_end(c, d, false);
        return false;
    case ASKS_FIRST:
        keep_first(d, answer);
        if (d->full) break;
        ask_end(c, d, true);
        return false;
    case ASKS_LAST: reply_short(c, d, answer); return true;
    }
    reply_full(c, d);
    return true;
}

static void describe_view(struct call *c, bool full, size_t max)
{
    struct describing *d = asking_new(c, sizeof *d, describe_go_on);
    d->asking.fini = describing_fini;
    d->full = full;
    d->max = max;
    d->shown = full ? d->max : 1;
    asking_length(c, &d->asking, call_arg(c, 2));
    asking_run(c, &d->asking);
}

/* ---- of a stream that is stored ---- */

static void reply_end(struct call *c, const struct stream *s, bool last)
{
    struct stream_cursor at;
    stream_seek(&at, s, (struct event_id){0}, ID_LAST, last);
    if (stream_next(&at))
        stream_reply_stored(&c->reply, &at);
    else
        resp_null(&c->reply);
}

static void describe_stored(struct call *c, const struct stream *s, bool full, size_t max)
{
    struct stream_cursor from;
    struct outline o = {.length = s->length,
                        .nodes = s->nodes_count,
                        .tree = s->nodes_count + 1, /* as if a root led to all of them */
                        .added = s->added,
                        .last = s->last,
                        .max_deleted = s->max_deleted,
                        .first = s->first};
    resp_map(&c->reply, full ? 9 : 10);
    reply_head(c, &o);
    if (full) {
        field(&c->reply, "entries");
        stream_seek(&from, s, (struct event_id){0}, ID_LAST, false);
        stream_reply_rest(&c->reply, &from, max);
        reply_full_groups(c, s, max);
        return;
    }
    int_field(&c->reply, "groups", (int64_t)s->groups_count);
    field(&c->reply, "first-entry");
    reply_end(c, s, false);
    field(&c->reply, "last-entry");
    reply_end(c, s, true);
}

static void wrong_use(struct call *c)
{
    command_reply_misused_sub(&c->reply, c->argv);
}

static void xinfo_stream(struct call *c)
{
    enum { SHOWN_DEFAULT = 10 };
    int64_t count = SHOWN_DEFAULT;
    bool full = c->argc > 3;
    const struct stream *s;
    if (find_key(c, &s) == STREAM_WRONG) return;
    if (full && (!call_arg_is(c, 3, "full") || (c->argc != 4 && c->argc != 6) ||
                 (c->argc == 6 && !call_arg_is(c, 4, "count")))) {
        wrong_use(c);
        return;
    }
    if (c->argc == 6 && !call_int(c, 5, &count)) return;
    if (count < 0) count = SHOWN_DEFAULT;
    size_t max = count ? (size_t)count : SIZE_MAX;
    if (s)
        describe_stored(c, s, full, max);
    else
        describe_view(c, full, max);
}

static void xinfo_help(struct call *c)
{
    static const char *const lines[] = {
        "CONSUMERS <key> <groupname>",
        "    Show consumers of <groupname>.",
        "GROUPS <key>",
        "    Show the stream consumer groups.",
        "STREAM <key> [FULL [COUNT <count>]",
        "    Show information about the stream.",
        NULL,
    };
    command_help(&c->reply, "XINFO", lines);
}

void stream_bind_info(struct command_table *t)
{
    static const struct command_binding rows[] = {{"xinfo|stream", xinfo_stream},
                                                  {"xinfo|groups", xinfo_groups},
                                                  {"xinfo|consumers", xinfo_consumers},
                                                  {"xinfo|help", xinfo_help}};
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
