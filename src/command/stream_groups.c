/* XGROUP, XACK, XPENDING. */
#include "../base/err.h"
#include "../base/mem.h"
#include "introspect.h"
#include "stream.h"

static void wrong_use(struct call *c)
{
    command_reply_misused_sub(&c->reply, c->argv);
}

static void no_such_key(struct call *c)
{
    resp_error(
        &c->reply,
        SLICE("ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you "
              "may want to use the MKSTREAM option to create an empty stream "
              "automatically."));
}

/* Is the key of an XGROUP a view? Writes the error if not. */
static bool has_view(struct call *c)
{
    enum stream_kind kind = stream_kind(c, call_arg(c, 2));
    if (kind == STREAM_NONE) no_such_key(c);
    return kind == STREAM_VIEW;
}

/* ENTRIESREAD, and for CREATE MKSTREAM; false after writing the error. */
static bool parse_options(struct call *c, bool create, bool *mkstream, int64_t *entries_read)
{
    *entries_read = -1;
    for (int i = 5; i < c->argc; i++) {
        if (create && call_arg_is(c, i, "mkstream")) {
            *mkstream = true;
        } else if (i + 1 < c->argc && call_arg_is(c, i, "entriesread")) {
            if (!call_int(c, ++i, entries_read)) return false;
            if (*entries_read < -1) {
                resp_error(&c->reply, SLICE("ERR value for ENTRIESREAD must be positive or -1"));
                return false;
            }
        } else {
            wrong_use(c);
            return false;
        }
    }
    return true;
}

/* `$` is the end of all that there is, and nothing before it need be looked through; 0 is what is
 * kept now: nothing before that is missed, but whatever of it goes unread. */
static bool parse_position(struct call *c, int i, struct group_position *p)
{
    if (!call_arg_is(c, i, "$")) {
        if (!stream_id(c, i, 0, &p->last)) return false;
        p->last = view_id(p->last);
        bool has_views = c->streams && c->streams->views;
        uint64_t first = has_views ? views_first_seq(c->streams->views) : 0;
        if (first && group_is_at_begin(p)) p->scanned_seq = first - 1;
        return true;
    }
    p->last = stream_last_id(c);
    p->scanned_seq = engine_stats(c->engine).seq;
    return true;
}

static void xgroup_create(struct call *c)
{
    struct group_position position = {0};
    bool mkstream = false;
    if (!parse_options(c, true, &mkstream, &position.entries_read)) return;
    enum stream_kind kind = stream_kind(c, call_arg(c, 2));
    if (kind == STREAM_WRONG) return;
    if (kind == STREAM_NONE && !mkstream) {
        no_such_key(c);
        return;
    }
    if (!parse_position(c, 4, &position)) return;
    if (kind == STREAM_NONE) {
        resp_error(&c->reply, SLICE("ERR streams that are stored are not there yet: groups are for "
                                    "views, as in __keyevent@0__:expired"));
        return;
    }
    struct groups *gs = c->streams->groups;
    int rc = groups_create(gs, call_arg(c, 2), call_arg(c, 3), position);
    if (rc == ERR_EXISTS)
        resp_error(&c->reply, SLICE("BUSYGROUP Consumer Group name already exists"));
    else if (rc && groups_count(gs) >= GROUPS_MAX)
        stream_group_limit(c, "there are too many groups", GROUPS_MAX);
    else if (rc)
        stream_group_limit(c, "the name of the view or the group is too long", GROUP_NAME_MAX);
    else
        resp_ok(&c->reply);
}

static void xgroup_setid(struct call *c)
{
    struct group_position position = {0};
    bool mkstream;
    if (!parse_options(c, false, &mkstream, &position.entries_read) || !has_view(c)) return;
    struct group *g = stream_group(c, call_arg(c, 2), call_arg(c, 3), GROUP_WORDS_KEY_NAME);
    if (!g || !parse_position(c, 4, &position)) return;
    group_set_position(c->streams->groups, g, position);
    resp_ok(&c->reply);
}

static void xgroup_destroy(struct call *c)
{
    if (!has_view(c)) return;
    struct group *g = groups_find(c->streams->groups, call_arg(c, 2), call_arg(c, 3));
    if (g) group_destroy(c->streams->groups, g);
    resp_int(&c->reply, g != NULL);
}

static void xgroup_createconsumer(struct call *c)
{
    if (!has_view(c)) return;
    struct group *g = stream_group(c, call_arg(c, 2), call_arg(c, 3), GROUP_WORDS_KEY_NAME);
    if (!g) return;
    bool is_new = !crew_consumer(&g->crew, call_arg(c, 4));
    if (stream_consumer(c, g, call_arg(c, 4))) resp_int(&c->reply, is_new);
}

static void xgroup_delconsumer(struct call *c)
{
    if (!has_view(c)) return;
    struct group *g = stream_group(c, call_arg(c, 2), call_arg(c, 3), GROUP_WORDS_KEY_NAME);
    if (!g) return;
    struct consumer *own = crew_consumer(&g->crew, call_arg(c, 4));
    resp_int(&c->reply, own ? (int64_t)own->pending : 0);
    if (own) group_delete_consumer(c->streams->groups, g, own);
    crew_settle(&g->crew);
}

static void xgroup_help(struct call *c)
{
    static const char *const lines[] = {
        "CREATE <key> <groupname> <id|$> [option]",
        "    Create a new consumer group. Options are:",
        "    * MKSTREAM",
        "      Create the empty stream if it does not exist.",
        "    * ENTRIESREAD entries_read",
        "      Set the group's entries_read counter (internal use).",
        "CREATECONSUMER <key> <groupname> <consumer>",
        "    Create a new consumer in the specified group.",
        "DELCONSUMER <key> <groupname> <consumer>",
        "    Remove the specified consumer.",
        "DESTROY <key> <groupname>",
        "    Remove the specified group.",
        "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
        "    Set the current group ID and entries_read counter.",
        NULL,
    };
    command_help(&c->reply, "XGROUP", lines);
}

/* ---- XACK ---- */

static void xack_command(struct call *c)
{
    size_t count = (size_t)c->argc - 3;
    enum stream_kind kind = stream_kind(c, call_arg(c, 1));
    if (kind == STREAM_WRONG) return;
    struct group *g = NULL;
    if (kind == STREAM_VIEW) g = groups_find(c->streams->groups, call_arg(c, 1), call_arg(c, 2));
    if (!g) {
        resp_int(&c->reply, 0);
        return;
    }
    engine_wait_for(c->engine, g->waited_seq);
    struct event_id *ids = mem_alloc(count * sizeof *ids);
    size_t i = 0;
    while (i < count && stream_id(c, (int)i + 3, 0, &ids[i])) i++;
    if (i == count) resp_int(&c->reply, (int64_t)group_ack(c->streams->groups, g, ids, count));
    mem_free(ids, count * sizeof *ids);
    crew_settle(&g->crew);
}

/* ---- XPENDING ---- */

static void reply_summary(struct call *c, struct group *g)
{
    struct pending_entry first, last;
    size_t owners = 0, consumers = crew_consumers(&g->crew);
    resp_array(&c->reply, 4);
    resp_int(&c->reply, (int64_t)g->crew.pending.count);
    if (!pending_next(&g->crew.pending, (struct event_id){0}, PENDING_ANY, &first)) {
        resp_null(&c->reply);
        resp_null(&c->reply);
        resp_null_array(&c->reply);
        return;
    }
    pending_last(&g->crew.pending, &last);
    stream_reply_id(&c->reply, first.id);
    stream_reply_id(&c->reply, last.id);
    struct consumer **list = crew_consumers_sorted(&g->crew);
    for (size_t i = 0; i < consumers; i++) owners += list[i]->pending > 0;
    resp_array(&c->reply, owners);
    for (size_t i = 0; i < consumers; i++) {
        if (!list[i]->pending) continue;
        resp_array(&c->reply, 2);
        resp_bulk(&c->reply, list[i]->name);
        resp_bulk_int(&c->reply, (int64_t)list[i]->pending);
    }
    mem_free(list, consumers * sizeof *list);
}

struct pending_words {
    int64_t idle_ms, count;
    struct event_id first, last;
    struct slice consumer; /* `at` is NULL for all */
};

static bool parse_pending(struct call *c, struct pending_words *w)
{
    int i = 3;
    bool open;
    *w = (struct pending_words){0};
    if (c->argc >= 6 && call_arg_is(c, i, "idle")) {
        if (!call_int(c, 4, &w->idle_ms)) return false;
        i += 2;
        if (c->argc < 8) {
            call_syntax_error(c);
            return false;
        }
    }
    if (c->argc < i + 3) {
        call_syntax_error(c);
        return false;
    }
    if (!call_int(c, i + 2, &w->count)) return false;
    if (w->count < 0) w->count = 0;
    if (!stream_range_end(c, i, false, &w->first, &open)) return false;
    if (!stream_range_end(c, i + 1, true, &w->last, &open)) return false;
    if (i + 3 < c->argc) w->consumer = call_arg(c, i + 3);
    return true;
}

static int64_t not_negative(int64_t n)
{
    return n < 0 ? 0 : n;
}

/* The entries that are asked for, from *e on; false at the end. */
static bool next_pending(struct call *c, struct group *g, const struct pending_words *w,
                         uint32_t consumer, struct pending_entry *e)
{
    int64_t now = engine_now(c->engine);
    while (pending_next(&g->crew.pending, e->id, consumer, e) && id_compare(e->id, w->last) <= 0) {
        if (now - e->delivered_ms >= w->idle_ms) return true;
        e->id = id_after(e->id);
    }
    return false;
}

/* The rows go to a buffer of their own first: how many there are is known at the end. */
static void reply_pending(struct call *c, struct group *g, const struct pending_words *w)
{
    struct buffer rows = {0};
    struct resp_writer to = {.out = &rows, .proto = c->reply.proto};
    struct pending_entry e = {.id = w->first};
    int64_t now = engine_now(c->engine), count = 0;
    uint32_t consumer = PENDING_ANY;
    if (w->consumer.at) {
        struct consumer *own = crew_consumer(&g->crew, w->consumer);
        if (!own) {
            resp_array(&c->reply, 0);
            return;
        }
        consumer = own->number;
    }
    while (count < w->count && next_pending(c, g, w, consumer, &e)) {
        resp_array(&to, 4);
        stream_reply_id(&to, e.id);
        resp_bulk(&to, crew_consumer_numbered(&g->crew, e.consumer)->name);
        resp_int(&to, not_negative(now - e.delivered_ms));
        resp_int(&to, (int64_t)e.deliveries);
        e.id = id_after(e.id);
        count++;
    }
    resp_array(&c->reply, (size_t)count);
    stream_add_raw(&c->reply, buffer_slice(&rows));
    buffer_fini(&rows);
}

static void xpending_command(struct call *c)
{
    struct pending_words words;
    bool summary = c->argc == 3;
    if (!summary && !parse_pending(c, &words)) return;
    enum stream_kind kind = stream_kind(c, call_arg(c, 1));
    if (kind == STREAM_WRONG) return;
    if (kind == STREAM_NONE) {
        stream_no_group(c, call_arg(c, 1), call_arg(c, 2), GROUP_WORDS_KEY_OR);
        return;
    }
    struct group *g = stream_group(c, call_arg(c, 1), call_arg(c, 2), GROUP_WORDS_KEY_OR);
    if (!g) return;
    if (summary)
        reply_summary(c, g);
    else
        reply_pending(c, g, &words);
    crew_settle(&g->crew);
}

void stream_bind_groups(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"xgroup|create", xgroup_create},
        {"xgroup|setid", xgroup_setid},
        {"xgroup|destroy", xgroup_destroy},
        {"xgroup|createconsumer", xgroup_createconsumer},
        {"xgroup|delconsumer", xgroup_delconsumer},
        {"xgroup|help", xgroup_help},
        {"xack", xack_command},
        {"xpending", xpending_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
