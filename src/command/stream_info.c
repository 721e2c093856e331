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

/* The key of an XINFO: true when it is a view; writes the error if not. */
static bool has_view(struct call *c)
{
    enum stream_kind kind = stream_kind(c, call_arg(c, 2));
    if (kind == STREAM_NONE) resp_error(&c->reply, SLICE("ERR no such key"));
    return kind == STREAM_VIEW;
}

/* How many entries were delivered is known when it was told (ENTRIESREAD); how many are still to
 * come only when nothing has happened since. */
static void reply_progress(struct call *c, const struct group *g)
{
    bool at_end = id_compare(g->position.last, stream_last_id(c)) >= 0 ||
                  g->position.scanned_seq >= engine_stats(c->engine).seq;
    field(&c->reply, "entries-read");
    if (g->position.entries_read >= 0)
        resp_int(&c->reply, g->position.entries_read);
    else
        resp_null(&c->reply);
    field(&c->reply, "lag");
    if (at_end)
        resp_int(&c->reply, 0);
    else
        resp_null(&c->reply);
}

/* ---- XINFO GROUPS, XINFO CONSUMERS ---- */

static void xinfo_groups(struct call *c)
{
    struct group *const *list;
    if (!has_view(c)) return;
    size_t count = groups_of(c->streams->groups, call_arg(c, 2), &list);
    resp_array(&c->reply, count);
    for (size_t i = 0; i < count; i++) {
        const struct group *g = list[i];
        engine_wait_for(c->engine, g->waited_seq);
        resp_map(&c->reply, 6);
        field(&c->reply, "name");
        resp_bulk(&c->reply, g->name);
        int_field(&c->reply, "consumers", (int64_t)crew_consumers(&g->crew));
        int_field(&c->reply, "pending", (int64_t)g->crew.pending.count);
        field(&c->reply, "last-delivered-id");
        stream_reply_id(&c->reply, g->position.last);
        reply_progress(c, g);
    }
}

static int64_t since(const struct call *c, int64_t ms)
{
    int64_t now = engine_now(c->engine);
    return ms < 0 ? -1 : now > ms ? now - ms : 0;
}

static void xinfo_consumers(struct call *c)
{
    struct group *g =
        has_view(c) ? stream_group(c, call_arg(c, 2), call_arg(c, 3), GROUP_WORDS_KEY_NAME) : NULL;
    if (!g) return;
    size_t count = crew_consumers(&g->crew);
    struct consumer **list = crew_consumers_sorted(&g->crew);
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

static void reply_pending_of(struct call *c, struct group *g, uint32_t consumer, size_t max)
{
    struct pending_entry e = {0};
    const struct consumer *own = crew_consumer_numbered(&g->crew, consumer);
    size_t count = own ? own->pending : g->crew.pending.count;
    if (count > max) count = max;
    field(&c->reply, "pending");
    resp_array(&c->reply, count);
    for (; count && pending_next(&g->crew.pending, e.id, consumer, &e); count--) {
        resp_array(&c->reply, own ? 3 : 4);
        stream_reply_id(&c->reply, e.id);
        if (!own) resp_bulk(&c->reply, crew_consumer_numbered(&g->crew, e.consumer)->name);
        resp_int(&c->reply, e.delivered_ms);
        resp_int(&c->reply, (int64_t)e.deliveries);
        e.id = id_after(e.id);
    }
}

static void reply_full_consumers(struct call *c, struct group *g, size_t max)
{
    size_t count = crew_consumers(&g->crew);
    struct consumer **list = crew_consumers_sorted(&g->crew);
    field(&c->reply, "consumers");
    resp_array(&c->reply, count);
    for (size_t i = 0; i < count; i++) {
        resp_map(&c->reply, 5);
        field(&c->reply, "name");
        resp_bulk(&c->reply, list[i]->name);
        int_field(&c->reply, "seen-time", list[i]->seen_ms);
        int_field(&c->reply, "active-time", list[i]->active_ms);
        int_field(&c->reply, "pel-count", (int64_t)list[i]->pending);
        reply_pending_of(c, g, list[i]->number, max);
    }
    mem_free(list, count * sizeof *list);
}

static void reply_full_groups(struct call *c, size_t max)
{
    struct group *const *list;
    size_t count = groups_of(c->streams->groups, call_arg(c, 2), &list);
    field(&c->reply, "groups");
    resp_array(&c->reply, count);
    for (size_t i = 0; i < count; i++) {
        struct group *g = list[i];
        engine_wait_for(c->engine, g->waited_seq);
        resp_map(&c->reply, 7);
        field(&c->reply, "name");
        resp_bulk(&c->reply, g->name);
        field(&c->reply, "last-delivered-id");
        stream_reply_id(&c->reply, g->position.last);
        reply_progress(c, g);
        int_field(&c->reply, "pel-count", (int64_t)g->crew.pending.count);
        reply_pending_of(c, g, PENDING_ANY, max);
        reply_full_consumers(c, g, max);
        crew_settle(&g->crew);
    }
}

/* A view has no tree, and nothing can be deleted from it by id. */
static void reply_head(struct call *c, const struct describing *d)
{
    int_field(&c->reply, "length", (int64_t)d->length);
    int_field(&c->reply, "radix-tree-keys", 0);
    int_field(&c->reply, "radix-tree-nodes", 0);
    field(&c->reply, "last-generated-id");
    stream_reply_id(&c->reply, stream_last_id(c));
    field(&c->reply, "max-deleted-entry-id");
    stream_reply_id(&c->reply, (struct event_id){0});
    int_field(&c->reply, "entries-added", (int64_t)d->length);
    field(&c->reply, "recorded-first-entry-id");
    stream_reply_id(&c->reply, d->first);
}

static void reply_first_entry(struct call *c, const struct describing *d)
{
    if (d->entries_count)
        stream_add_raw(&c->reply, buffer_slice(&d->entries));
    else
        resp_null(&c->reply);
}

static void reply_full(struct call *c, const struct describing *d)
{
    resp_map(&c->reply, 9);
    reply_head(c, d);
    field(&c->reply, "entries");
    resp_array(&c->reply, d->entries_count);
    stream_add_raw(&c->reply, buffer_slice(&d->entries));
    reply_full_groups(c, d->max);
}

static void reply_short(struct call *c, const struct describing *d, const struct view_answer *last)
{
    struct group *const *list;
    resp_map(&c->reply, 10);
    reply_head(c, d);
    int_field(&c->reply, "groups", (int64_t)groups_of(c->streams->groups, call_arg(c, 2), &list));
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

static void wrong_use(struct call *c)
{
    command_reply_misused_sub(&c->reply, c->argv);
}

static void xinfo_stream(struct call *c)
{
    enum { SHOWN_DEFAULT = 10 };
    int64_t count = SHOWN_DEFAULT;
    bool full = c->argc > 3;
    if (!has_view(c)) return;
    if (full && (!call_arg_is(c, 3, "full") || (c->argc != 4 && c->argc != 6) ||
                 (c->argc == 6 && !call_arg_is(c, 4, "count")))) {
        wrong_use(c);
        return;
    }
    if (c->argc == 6 && !call_int(c, 5, &count)) return;
    if (count < 0) count = SHOWN_DEFAULT;
    struct describing *d = asking_new(c, sizeof *d, describe_go_on);
    d->asking.fini = describing_fini;
    d->full = full;
    d->max = count ? (size_t)count : SIZE_MAX;
    d->shown = full ? d->max : 1;
    asking_length(c, &d->asking, call_arg(c, 2));
    asking_run(c, &d->asking);
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
