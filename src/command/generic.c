/* Keys whatever they hold: DEL, EXISTS, TYPE, RENAME, MOVE, COPY, OBJECT and their like. */
#include "../base/text.h"
#include "call.h"
#include "introspect.h"
#include "view_keys.h"

static void delete_command(struct call *c)
{
    int64_t deleted = 0;
    for (int i = 1; i < c->argc; i++) {
        struct opened k;
        if (gate_open(c->engine, &k, c->db, call_arg(c, i))) {
            opened_delete(&k);
            gate_close(&k, EVENT_DEL);
            deleted++;
        } else {
            gate_close_unchanged(&k);
        }
    }
    resp_int(&c->reply, deleted);
}

static void count_existing(struct call *c, unsigned flags)
{
    int64_t found = 0;
    for (int i = 1; i < c->argc; i++)
        found += view_key(call_arg(c, i)) ||
                 gate_read(c->engine, c->db, call_arg(c, i), c->read_flags | flags) != NULL;
    resp_int(&c->reply, found);
}

static void exists_command(struct call *c)
{
    count_existing(c, READ_NO_TOUCH);
}

/* Touching is what TOUCH is for, also for a client that said CLIENT NO-TOUCH. */
static void touch_command(struct call *c)
{
    c->read_flags = 0;
    count_existing(c, 0);
}

static void type_command(struct call *c)
{
    if (view_key(call_arg(c, 1))) {
        resp_simple(&c->reply, SLICE("stream"));
        return;
    }
    const struct entry *e = gate_read(c->engine, c->db, call_arg(c, 1), READ_NO_TOUCH);
    resp_simple(&c->reply, e ? value_type_text(entry_type(e)) : SLICE("none"));
}

struct living {
    int64_t now_ms;
    const struct entry *found;
};

static void find_living(void *ctx, void *entry)
{
    struct living *l = ctx;
    int64_t deadline = entry_deadline(entry);
    if (deadline < 0 || deadline > l->now_ms) l->found = entry;
}

static const struct entry *any_living(struct call *c)
{
    enum { BUCKETS = 64 };
    struct living l = {.now_ms = engine_now(c->engine)};
    uint64_t cursor = 0;
    do cursor = keyspace_scan(engine_keyspace(c->engine), c->db, cursor, BUCKETS, find_living, &l);
    while (cursor && !l.found);
    return l.found;
}

static void randomkey_command(struct call *c)
{
    enum { TRIES = 100 }; /* of keys past their deadline, which are put away as they are met */
    const struct entry *e = NULL;
    engine_wait_for_all(c->engine);
    for (int i = 0; i < TRIES && !e; i++) {
        const struct entry *any = keyspace_any(engine_keyspace(c->engine), c->db);
        if (!any) break;
        e = gate_read(c->engine, c->db, entry_key(any), READ_QUIET | READ_NO_TOUCH);
    }
    if (!e) e = any_living(c);
    /* During CLIENT PAUSE dead keys stay, and where nothing else is left Redis names one of them.
     */
    if (!e && engine_is_held(c->engine)) e = keyspace_any(engine_keyspace(c->engine), c->db);
    if (e)
        resp_bulk(&c->reply, entry_key(e));
    else
        resp_null(&c->reply);
}

/* ---- under another name ---- */

/* Notes that a value was put in place of another as a whole, after the command's own events. */
static void note_replaced(struct call *c, int db, struct slice key, int old_type, int new_type)
{
    if (old_type < 0) return;
    note_event(c->engine, EVENT_OVERWRITTEN, db, key);
    if (old_type != new_type) note_event(c->engine, EVENT_TYPE_CHANGED, db, key);
}

static int opened_type(const struct opened *k)
{
    return opened_entry(k) ? (int)entry_type(opened_entry(k)) : -1;
}

/* -1 there is no such key, 0 the destination exists and may not be replaced, 1 done. */
static int rename_key(struct call *c, bool only_new)
{
    struct slice from_key = call_arg(c, 1), to_key = call_arg(c, 2);
    struct opened from, to;
    if (!gate_open(c->engine, &from, c->db, from_key)) {
        gate_close_unchanged(&from);
        return -1;
    }
    if (slice_equal(from_key, to_key)) {
        gate_close_unchanged(&from);
        return !only_new;
    }
    if (gate_open(c->engine, &to, c->db, to_key) && only_new) {
        gate_close_unchanged(&to);
        gate_close_unchanged(&from);
        return 0;
    }
    int old_type = opened_type(&to);
    opened_move(&from, &to);
    int new_type = opened_type(&to);
    gate_close(&from, EVENT_RENAME_FROM);
    gate_close(&to, EVENT_RENAME_TO);
    note_replaced(c, c->db, to_key, old_type, new_type);
    return 1;
}

static void rename_command(struct call *c)
{
    if (rename_key(c, false) < 0)
        call_no_such_key(c);
    else
        resp_ok(&c->reply);
}

static void renamenx_command(struct call *c)
{
    int done = rename_key(c, true);
    if (done < 0)
        call_no_such_key(c);
    else
        resp_int(&c->reply, done);
}

static void same_object(struct call *c)
{
    resp_error(&c->reply, SLICE("ERR source and destination objects are the same"));
}

static void move_command(struct call *c)
{
    struct slice key = call_arg(c, 1);
    struct opened from, to;
    int db;
    if (!call_db(c, 2, &db)) return;
    if (db == c->db) {
        same_object(c);
        return;
    }
    if (!gate_open(c->engine, &from, c->db, key)) {
        gate_close_unchanged(&from);
        resp_int(&c->reply, 0);
        return;
    }
    if (gate_open(c->engine, &to, db, key)) {
        gate_close_unchanged(&to);
        gate_close_unchanged(&from);
        resp_int(&c->reply, 0);
        return;
    }
    opened_move(&from, &to);
    gate_close(&from, EVENT_MOVE_FROM);
    gate_close(&to, EVENT_MOVE_TO);
    resp_int(&c->reply, 1);
}

static bool copy_options(struct call *c, int *db, bool *replace)
{
    *db = c->db;
    *replace = false;
    for (int i = 3; i < c->argc; i++) {
        if (call_arg_is(c, i, "REPLACE")) {
            *replace = true;
        } else if (call_arg_is(c, i, "DB") && i + 1 < c->argc) {
            if (!call_db(c, ++i, db)) return false;
        } else {
            call_syntax_error(c);
            return false;
        }
    }
    return true;
}

static void copy_command(struct call *c)
{
    struct slice from_key = call_arg(c, 1), to_key = call_arg(c, 2);
    struct opened from, to;
    int db;
    bool replace;
    if (!copy_options(c, &db, &replace)) return;
    if (db == c->db && slice_equal(from_key, to_key)) {
        same_object(c);
        return;
    }
    const struct entry *e = call_read(c, from_key);
    if (!e) {
        resp_int(&c->reply, 0);
        return;
    }
    if (!call_can_have(c, CALL_VALUE_TIMES * entry_bytes(e))) return;
    if (gate_open(c->engine, &to, db, to_key) && !replace) {
        gate_close_unchanged(&to);
        resp_int(&c->reply, 0);
        return;
    }
    gate_open(c->engine, &from, c->db, from_key);
    int old_type = opened_type(&to);
    opened_copy(&from, &to);
    int new_type = opened_type(&to);
    gate_close_unchanged(&from);
    gate_close(&to, EVENT_COPY_TO);
    note_replaced(c, db, to_key, old_type, new_type);
    resp_int(&c->reply, 1);
}

/* ---- whole databases ---- */

static bool flush_option(struct call *c)
{
    /* What was flushed is always freed beside the service, so both words mean the same. */
    if (c->argc == 1 || (c->argc == 2 && (call_arg_is(c, 1, "ASYNC") || call_arg_is(c, 1, "SYNC"))))
        return true;
    call_syntax_error(c);
    return false;
}

static void flushdb_command(struct call *c)
{
    if (!flush_option(c)) return;
    gate_flush(c->engine, c->db);
    resp_ok(&c->reply);
}

static void flushall_command(struct call *c)
{
    if (!flush_option(c)) return;
    gate_flush(c->engine, -1);
    resp_ok(&c->reply);
}

static void dbsize_command(struct call *c)
{
    engine_wait_for_all(c->engine);
    resp_int(&c->reply, (int64_t)keyspace_size(engine_keyspace(c->engine), c->db));
}

static void swapdb_command(struct call *c)
{
    int64_t a, b, count = keyspace_databases(engine_keyspace(c->engine));
    if (!text_to_int(call_arg(c, 1), &a) || a != (int32_t)a) {
        resp_error(&c->reply, SLICE("ERR invalid first DB index"));
    } else if (!text_to_int(call_arg(c, 2), &b) || b != (int32_t)b) {
        resp_error(&c->reply, SLICE("ERR invalid second DB index"));
    } else if (a < 0 || a >= count || b < 0 || b >= count) {
        resp_error(&c->reply, SLICE("ERR DB index is out of range"));
    } else {
        if (a != b) gate_swap(c->engine, (int)a, (int)b);
        resp_ok(&c->reply);
    }
}

/* ---- OBJECT ---- */

static const struct entry *object_entry(struct call *c)
{
    const struct entry *e = gate_read(c->engine, c->db, call_arg(c, 2), READ_QUIET | READ_NO_TOUCH);
    if (!e) resp_null(&c->reply);
    return e;
}

static void object_encoding_command(struct call *c)
{
    if (view_key(call_arg(c, 2))) {
        resp_bulk(&c->reply, SLICE("stream"));
        return;
    }
    const struct entry *e = object_entry(c);
    if (e) resp_bulk(&c->reply, entry_encoding_text(e));
}

static void object_refcount_command(struct call *c)
{
    if (object_entry(c)) resp_int(&c->reply, 1);
}

static bool counts_uses(struct call *c)
{
    return keyspace_access_config(engine_keyspace(c->engine)).lfu;
}

static void object_idletime_command(struct call *c)
{
    const struct entry *e = object_entry(c);
    if (!e) return;
    if (counts_uses(c))
        resp_error(&c->reply,
                   SLICE("ERR An LFU maxmemory policy is selected, idle time not tracked. Please "
                         "note that when switching between policies at runtime LRU and LFU data "
                         "will take some time to adjust."));
    else
        resp_int(&c->reply, keyspace_idle_s(engine_keyspace(c->engine), e, engine_now(c->engine)));
}

static void object_freq_command(struct call *c)
{
    const struct entry *e = object_entry(c);
    if (!e) return;
    if (!counts_uses(c))
        resp_error(&c->reply,
                   SLICE("ERR An LFU maxmemory policy is not selected, access frequency not "
                         "tracked. Please note that when switching between policies at runtime "
                         "LRU and LFU data will take some time to adjust."));
    else
        resp_int(&c->reply,
                 keyspace_frequency(engine_keyspace(c->engine), e, engine_now(c->engine)));
}

static void object_help_command(struct call *c)
{
    static const char *const lines[] = {
        "ENCODING <key>",
        "    The encoding in which the value of <key> is kept.",
        "FREQ <key>",
        "    How often <key> is used, on a logarithmic scale (LFU policies).",
        "IDLETIME <key>",
        "    Seconds since <key> was last used.",
        "REFCOUNT <key>",
        "    How many references the value of <key> has.",
        NULL,
    };
    command_help(&c->reply, "OBJECT", lines);
}

void command_bind_generic(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"del", delete_command},
        {"unlink", delete_command},
        {"exists", exists_command},
        {"touch", touch_command},
        {"type", type_command},
        {"randomkey", randomkey_command},
        {"rename", rename_command},
        {"renamenx", renamenx_command},
        {"move", move_command},
        {"copy", copy_command},
        {"flushdb", flushdb_command},
        {"flushall", flushall_command},
        {"dbsize", dbsize_command},
        {"swapdb", swapdb_command},
        {"object|encoding", object_encoding_command},
        {"object|refcount", object_refcount_command},
        {"object|idletime", object_idletime_command},
        {"object|freq", object_freq_command},
        {"object|help", object_help_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
