/* XGROUP, XACK, XPENDING. */
#include "../base/err.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "../engine/awaited.h"
#include "introspect.h"
#include "stream_door.h"

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

/* ---- of views ---- */

static void create_for_view(struct call *c, struct group_position position)
{
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

/* ---- of streams that are stored ---- */

/* The id of XGROUP CREATE and SETID; `s` may be NULL. */
static bool parse_last(struct call *c, int i, const struct stream *s, struct event_id *last)
{
    *last = s ? s->last : (struct event_id){0};
    return call_arg_is(c, i, "$") || stream_id(c, i, 0, last);
}

/* Says that the group is at this place now. */
static void did_place(struct call *c, struct opened *k, const char *what,
                      const struct stream_group *g)
{
    struct slice *words = engine_words(c->engine, 4);
    words[0] = slice_text(what);
    words[1] = call_arg(c, 3);
    words[2] = stream_keep_id(c, g->last);
    words[3] = engine_keep_int(c->engine, g->entries_read);
    opened_did(k, EFFECT_XGROUP, words, 4);
}

/* Says what was done with a group, with the name of the consumer if `consumer`, and closes. */
static void did_and_close(struct call *c, struct opened *k, const char *what, bool consumer,
                          enum event_name event)
{
    struct slice *words = engine_words(c->engine, 3);
    words[0] = slice_text(what);
    words[1] = call_arg(c, 3);
    if (consumer) words[2] = call_arg(c, 4);
    opened_did(k, EFFECT_XGROUP, words, 2 + consumer);
    opened_note(k, event, NULL, 0);
    gate_close_unheard(k, "groups are no part of the data that WATCH is about");
}

/* Opens the stream of an XGROUP, which must be there; NULL after writing the error. */
static struct stream *open_stored(struct call *c, struct opened *k)
{
    if (!call_open_value(c, k, call_arg(c, 2), TYPE_STREAM)) return NULL;
    if (opened_entry(k)) return stream_of(opened_value(k));
    gate_close_unchanged(k);
    no_such_key(c);
    return NULL;
}

/* The same with its group. */
static struct stream_group *open_group(struct call *c, struct opened *k, struct stream **s)
{
    if (!(*s = open_stored(c, k))) return NULL;
    struct stream_group *g = stream_find_group(*s, call_arg(c, 3));
    if (g) return g;
    gate_close_unchanged(k);
    stream_no_group(c, call_arg(c, 2), call_arg(c, 3), GROUP_WORDS_KEY_NAME);
    return NULL;
}

static void create_stored(struct call *c, bool mkstream, int64_t entries_read)
{
    struct opened k;
    struct event_id last;
    if (!call_open_value(c, &k, call_arg(c, 2), TYPE_STREAM)) return;
    bool is_new = !opened_entry(&k), good = mkstream || !is_new;
    if (!good) no_such_key(c);
    struct stream *s = is_new ? NULL : stream_of(opened_value(&k));
    good = good && parse_last(c, 4, s, &last);
    if (good && s && stream_find_group(s, call_arg(c, 3))) {
        resp_error(&c->reply, SLICE("BUSYGROUP Consumer Group name already exists"));
        good = false;
    }
    if (!good) {
        gate_close_unchanged(&k);
        return;
    }
    if (!s) s = stream_of(opened_create(&k, stream_new(call_values(c))));
    did_place(c, &k, "CREATE", stream_add_group(s, call_arg(c, 3), last, entries_read));
    if (is_new) {
        gate_close(&k, EVENT_XGROUP_CREATE);
    } else {
        opened_note(&k, EVENT_XGROUP_CREATE, NULL, 0);
        gate_close_unheard(&k, "groups are no part of the data that WATCH is about");
    }
    resp_ok(&c->reply);
}

static void set_place_stored(struct call *c, int64_t entries_read)
{
    struct opened k;
    struct stream *s;
    struct event_id last;
    struct stream_group *g = open_group(c, &k, &s);
    if (!g) return;
    bool from_the_first = call_arg_is(c, 4, "-"); /* SETID takes it, CREATE does not */
    if (from_the_first) last = (struct event_id){0};
    if (!from_the_first && !parse_last(c, 4, s, &last)) {
        gate_close_unchanged(&k);
        return;
    }
    g->last = last;
    g->entries_read = entries_read;
    did_place(c, &k, "SETID", g);
    opened_note(&k, EVENT_XGROUP_SETID, NULL, 0);
    gate_close_unheard(&k, "groups are no part of the data that WATCH is about");
    resp_ok(&c->reply);
}

static void destroy_stored(struct call *c)
{
    struct opened k;
    struct stream *s = open_stored(c, &k);
    if (!s) return;
    struct stream_group *g = stream_find_group(s, call_arg(c, 3));
    resp_int(&c->reply, g != NULL);
    if (!g) {
        gate_close_unchanged(&k);
        return;
    }
    stream_erase_group(s, g);
    did_and_close(c, &k, "DESTROY", false, EVENT_XGROUP_DESTROY);
    awaited_tell(c->engine, c->db, call_arg(c, 2)); /* those who read for the group */
}

static void create_consumer_stored(struct call *c)
{
    struct group_door d;
    struct stream_group *g = open_group(c, &d.key, &d.stream);
    if (!g) return;
    door_enter(c, &d, g);
    bool is_new = !crew_consumer(d.crew, call_arg(c, 4));
    if (door_consumer(&d, call_arg(c, 4))) resp_int(&c->reply, is_new);
    door_close(&d);
}

static void delete_consumer_stored(struct call *c)
{
    struct opened k;
    struct stream *s;
    struct stream_group *g = open_group(c, &k, &s);
    if (!g) return;
    struct consumer *own = crew_consumer(&g->crew, call_arg(c, 4));
    resp_int(&c->reply, own ? (int64_t)own->pending : 0);
    if (own) crew_erase(&g->crew, own);
    crew_settle(&g->crew);
    if (own)
        did_and_close(c, &k, "DELCONSUMER", true, EVENT_XGROUP_DELCONSUMER);
    else
        gate_close_unchanged(&k);
}

/* ---- XGROUP ---- */

static void xgroup_create(struct call *c)
{
    struct group_position position = {0};
    bool mkstream = false;
    if (!parse_options(c, true, &mkstream, &position.entries_read)) return;
    enum stream_kind kind = stream_name_kind(c, call_arg(c, 2));
    if (kind == STREAM_NONE)
        create_stored(c, mkstream, position.entries_read);
    else if (kind == STREAM_VIEW && parse_position(c, 4, &position))
        create_for_view(c, position);
}

static void xgroup_setid(struct call *c)
{
    struct group_position position = {0};
    bool mkstream;
    if (!parse_options(c, false, &mkstream, &position.entries_read)) return;
    enum stream_kind kind = stream_name_kind(c, call_arg(c, 2));
    if (kind == STREAM_NONE) set_place_stored(c, position.entries_read);
    if (kind != STREAM_VIEW) return;
    struct group *g = stream_group(c, call_arg(c, 2), call_arg(c, 3), GROUP_WORDS_KEY_NAME);
    if (!g || !parse_position(c, 4, &position)) return;
    group_set_position(c->streams->groups, g, position);
    resp_ok(&c->reply);
}

static void xgroup_destroy(struct call *c)
{
    enum stream_kind kind = stream_name_kind(c, call_arg(c, 2));
    if (kind == STREAM_NONE) destroy_stored(c);
    if (kind != STREAM_VIEW) return;
    struct group *g = groups_find(c->streams->groups, call_arg(c, 2), call_arg(c, 3));
    if (g) group_destroy(c->streams->groups, g);
    resp_int(&c->reply, g != NULL);
}

static void xgroup_createconsumer(struct call *c)
{
    struct group_door d;
    enum stream_kind kind = stream_name_kind(c, call_arg(c, 2));
    if (kind == STREAM_NONE) create_consumer_stored(c);
    if (kind != STREAM_VIEW ||
        !door_open(c, &d, call_arg(c, 2), call_arg(c, 3), GROUP_WORDS_KEY_NAME))
        return;
    bool is_new = !crew_consumer(d.crew, call_arg(c, 4));
    if (door_consumer(&d, call_arg(c, 4))) resp_int(&c->reply, is_new);
    door_close(&d);
}

static void xgroup_delconsumer(struct call *c)
{
    enum stream_kind kind = stream_name_kind(c, call_arg(c, 2));
    if (kind == STREAM_NONE) delete_consumer_stored(c);
    if (kind != STREAM_VIEW) return;
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

/* Is there a group to acknowledge to? Nothing, or an error, is written. */
static bool finds_group(struct call *c)
{
    const struct stream *stored;
    enum stream_kind kind = stream_kind(c, call_arg(c, 1), &stored);
    bool found = false;
    if (kind == STREAM_WRONG) return false;
    if (kind == STREAM_VIEW)
        found = groups_find(c->streams->groups, call_arg(c, 1), call_arg(c, 2));
    if (stored) found = stream_find_group(stored, call_arg(c, 2));
    if (!found) resp_int(&c->reply, 0);
    return found;
}

static void xack_command(struct call *c)
{
    struct group_door d;
    size_t count = (size_t)c->argc - 3, i = 0;
    if (!finds_group(c)) return;
    struct event_id *ids = mem_alloc(count * sizeof *ids);
    while (i < count && stream_id(c, (int)i + 3, 0, &ids[i])) i++;
    if (i == count && door_open(c, &d, call_arg(c, 1), call_arg(c, 2), GROUP_WORDS_KEY_OR)) {
        resp_int(&c->reply, (int64_t)door_ack(&d, ids, count));
        door_close(&d);
    }
    mem_free(ids, count * sizeof *ids);
}

/* ---- XPENDING ---- */

static void reply_summary(struct call *c, struct crew *crew)
{
    struct pending_entry first, last;
    size_t owners = 0, consumers = crew_consumers(crew);
    resp_array(&c->reply, 4);
    resp_int(&c->reply, (int64_t)crew->pending.count);
    if (!pending_next(&crew->pending, (struct event_id){0}, PENDING_ANY, &first)) {
        resp_null(&c->reply);
        resp_null(&c->reply);
        resp_null_array(&c->reply);
        return;
    }
    pending_last(&crew->pending, &last);
    stream_reply_id(&c->reply, first.id);
    stream_reply_id(&c->reply, last.id);
    struct consumer **list = crew_consumers_sorted(crew);
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
    if (c->argc > 9) {
        call_syntax_error(c);
        return false;
    }
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

/* Is it one of those that are asked for, but for the range? */
static bool is_asked_for(const struct call *c, const struct pending_words *w,
                         const struct pending_entry *e)
{
    return engine_now(c->engine) - e->delivered_ms >= w->idle_ms;
}

/* The rows go to a buffer of their own first: how many there are is known at the end. */
static void reply_pending(struct call *c, struct crew *crew, const struct pending_words *w)
{
    struct buffer rows = {0};
    struct resp_writer to = {.out = &rows, .proto = c->reply.proto};
    struct pending_entry e;
    int64_t now = engine_now(c->engine), count = 0;
    uint32_t consumer = PENDING_ANY;
    if (w->consumer.at) {
        struct consumer *own = crew_consumer(crew, w->consumer);
        if (!own) {
            resp_array(&c->reply, 0);
            return;
        }
        consumer = own->number;
    }
    bool more = pending_next(&crew->pending, w->first, consumer, &e);
    for (; more && count < w->count && id_compare(e.id, w->last) <= 0;
         more = pending_after(&crew->pending, e.id, consumer, &e)) {
        if (!is_asked_for(c, w, &e)) continue;
        resp_array(&to, 4);
        stream_reply_id(&to, e.id);
        resp_bulk(&to, crew_consumer_numbered(crew, e.consumer)->name);
        resp_int(&to, not_negative(now - e.delivered_ms));
        resp_int(&to, (int64_t)e.deliveries);
        count++;
    }
    resp_array(&c->reply, (size_t)count);
    resp_raw(&c->reply, buffer_slice(&rows));
    buffer_fini(&rows);
}

static void xpending_command(struct call *c)
{
    struct pending_words words;
    bool summary = c->argc == 3;
    if (!summary && !parse_pending(c, &words)) return;
    struct crew *crew = stream_crew(c, call_arg(c, 1), call_arg(c, 2), GROUP_WORDS_KEY_OR);
    if (!crew) return;
    if (summary)
        reply_summary(c, crew);
    else
        reply_pending(c, crew, &words);
    crew_settle(crew);
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
