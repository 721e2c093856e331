/* DUMP and RESTORE: single values, as RDB has them. */
#include "../base/err.h"
#include "../rdb/writer.h"
#include "call.h"

static void dump_command(struct call *c)
{
    const struct entry *e = call_read(c, call_arg(c, 1));
    if (!e) {
        resp_null(&c->reply);
        return;
    }
    /* As it is, as it is pressed, and as it stands in the reply. */
    if (!call_can_have(c, 3 * entry_bytes(e))) return;
    struct buffer payload = {0};
    rdb_dump(&payload, e, true);
    resp_bulk(&c->reply, buffer_slice(&payload));
    buffer_fini(&payload);
}

struct restore {
    bool replace, absolute;
    int64_t idle_s, freq; /* -1: not told */
};

static bool read_idle_time(struct call *c, int i, struct restore *r)
{
    if (!call_int(c, i, &r->idle_s)) return false;
    if (r->idle_s >= 0) return true;
    resp_error(&c->reply, SLICE("ERR Invalid IDLETIME value, must be >= 0"));
    return false;
}

static bool read_frequency(struct call *c, int i, struct restore *r)
{
    if (!call_int(c, i, &r->freq)) return false;
    if (r->freq >= 0 && r->freq <= 255) return true;
    resp_error(&c->reply, SLICE("ERR Invalid FREQ value, must be >= 0 and <= 255"));
    return false;
}

static bool read_options(struct call *c, struct restore *r)
{
    *r = (struct restore){.idle_s = -1, .freq = -1};
    for (int i = 4; i < c->argc; i++) {
        bool last = i + 1 == c->argc;
        if (call_arg_is(c, i, "REPLACE")) {
            r->replace = true;
        } else if (call_arg_is(c, i, "ABSTTL")) {
            r->absolute = true;
        } else if (call_arg_is(c, i, "IDLETIME") && !last && r->freq == -1) {
            if (!read_idle_time(c, ++i, r)) return false;
        } else if (call_arg_is(c, i, "FREQ") && !last && r->idle_s == -1) {
            if (!read_frequency(c, ++i, r)) return false;
        } else {
            call_syntax_error(c);
            return false;
        }
    }
    return true;
}

/* The deadline, WHEN_NONE for 0; false after writing the error. One beyond all time wraps around to
 * before it, and has passed: so does Redis. */
static bool read_deadline(struct call *c, const struct restore *r, int64_t *when)
{
    if (!call_int(c, 2, when)) return false;
    if (*when < 0) {
        resp_error(&c->reply, SLICE("ERR Invalid TTL value, must be >= 0"));
        return false;
    }
    if (*when == 0)
        *when = WHEN_NONE;
    else if (!r->absolute && __builtin_add_overflow(*when, engine_now(c->engine), when))
        *when = 0;
    return true;
}

static bool read_payload(struct call *c, struct buffer *scratch, struct rdb_undumped *value)
{
    int rc = rdb_undump(call_arg(c, 3), c->string_max, call_values(c), scratch, value);
    if (rc == ERR_UNSUPPORTED)
        resp_error(&c->reply, SLICE("ERR DUMP payload version or checksum are wrong"));
    else if (rc == ERR_ABSENT)
        resp_errorf(&c->reply, "ERR Bad data format: this version cannot hold %s",
                    rdb_kind_text(value->kind, 2));
    else if (rc == ERR_NOMEM)
        call_no_memory(c);
    else if (rc != 0)
        resp_error(&c->reply, SLICE("ERR Bad data format"));
    return rc == 0;
}

/* Is the key there, and may it not be replaced? A dead one is put away only where that is asked. */
static bool is_taken(struct call *c)
{
    struct opened k;
    bool taken = gate_open(c->engine, &k, c->db, call_arg(c, 1));
    gate_close_unchanged(&k);
    if (taken) resp_error(&c->reply, SLICE("BUSYKEY Target key name already exists."));
    return taken;
}

/* The value has passed its deadline: nothing would be left of it. */
static void put_nothing(struct opened *k)
{
    if (opened_entry(k)) {
        opened_delete(k);
        gate_close(k, EVENT_DEL);
    } else {
        gate_close_unchanged(k);
    }
}

/* Takes the value. */
static void put(struct call *c, const struct restore *r, struct rdb_undumped *value, int64_t when)
{
    struct slice key = call_arg(c, 1);
    struct opened k;
    bool is_string = value->kind == RDB_KIND_STRING;
    bool replaces = gate_open_unread(c->engine, &k, c->db, key);
    enum value_type type = is_string ? TYPE_STRING : value->value.type;
    bool retypes = replaces && entry_type(opened_entry(&k)) != type;
    if (when != WHEN_NONE && when <= engine_now(c->engine)) {
        if (!is_string) value_free(&value->value);
        put_nothing(&k);
        return;
    }
    if (is_string)
        opened_restore_string(&k, value->string, when, r->idle_s, (int)r->freq);
    else
        opened_restore(&k, value->value, when, r->idle_s, (int)r->freq);
    gate_close(&k, EVENT_RESTORE);
    if (replaces) note_event(c->engine, EVENT_OVERWRITTEN, c->db, key);
    if (retypes) note_event(c->engine, EVENT_TYPE_CHANGED, c->db, key);
}

static void restore_command(struct call *c)
{
    struct restore r;
    struct rdb_undumped value;
    struct buffer scratch = {0};
    int64_t when;
    if (!read_options(c, &r) || (!r.replace && is_taken(c)) || !read_deadline(c, &r, &when)) return;
    if (read_payload(c, &scratch, &value)) {
        put(c, &r, &value, when);
        resp_ok(&c->reply);
    }
    buffer_fini(&scratch);
}

void command_bind_dump(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"dump", dump_command},
        {"restore", restore_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
