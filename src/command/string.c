/* SET and GET and their kin: string values as a whole. */
#include "string.h"

#include "../base/text.h"

/* ---- options of SET and GETEX ---- */

enum {
    OPTION_NX = 1,
    OPTION_XX = 2,
    OPTION_GET = 4,
    OPTION_KEEPTTL = 8,
    OPTION_PERSIST = 16,
    OPTION_EX = 32,
    OPTION_PX = 64,
    OPTION_EXAT = 128,
    OPTION_PXAT = 256,

    OPTIONS_SECONDS = OPTION_EX | OPTION_EXAT,
    OPTIONS_RELATIVE = OPTION_EX | OPTION_PX,
    OPTIONS_TIMED = OPTION_EX | OPTION_PX | OPTION_EXAT | OPTION_PXAT, /* a time follows */
    OPTIONS_TTL = OPTIONS_TIMED | OPTION_KEEPTTL | OPTION_PERSIST,     /* exclude each other */
    OPTIONS_OF_SET = OPTION_NX | OPTION_XX | OPTION_GET | OPTION_KEEPTTL | OPTIONS_TIMED,
    OPTIONS_OF_GETEX = OPTION_PERSIST | OPTIONS_TIMED,
};

struct options {
    unsigned given;
    int time_at; /* the argument that holds the time of one of OPTIONS_TIMED */
};

static const struct option {
    struct slice word;
    unsigned flag, excludes;
} option_words[] = {
    {{"ex", 2}, OPTION_EX, OPTIONS_TTL},
    {{"px", 2}, OPTION_PX, OPTIONS_TTL},
    {{"nx", 2}, OPTION_NX, OPTION_XX},
    {{"xx", 2}, OPTION_XX, OPTION_NX},
    {{"get", 3}, OPTION_GET, 0},
    {{"exat", 4}, OPTION_EXAT, OPTIONS_TTL},
    {{"pxat", 4}, OPTION_PXAT, OPTIONS_TTL},
    {{"keepttl", 7}, OPTION_KEEPTTL, OPTIONS_TTL},
    {{"persist", 7}, OPTION_PERSIST, OPTIONS_TTL},
};

static const struct option *option_named(struct slice word)
{
    for (size_t i = 0; i < sizeof option_words / sizeof *option_words; i++)
        if (slice_equal_nocase(option_words[i].word, word)) return &option_words[i];
    return NULL;
}

/* Reads the options from argument `i` on; false after writing the error. An option may be said
 * again, and the last time counts. */
static bool read_options(struct call *c, int i, unsigned allowed, struct options *out)
{
    *out = (struct options){0};
    for (; i < c->argc; i++) {
        const struct option *o = option_named(call_arg(c, i));
        bool timed = o && o->flag & OPTIONS_TIMED;
        if (!o || !(o->flag & allowed) || (o->excludes & ~o->flag & out->given) ||
            (timed && i + 1 == c->argc)) {
            call_syntax_error(c);
            return false;
        }
        out->given |= o->flag;
        if (timed) out->time_at = ++i;
    }
    return true;
}

/* Reads a time, of the kind that the one timed option among `options` says, as a deadline in unix
 * ms; false after writing the error. */
static bool read_deadline(struct call *c, int i, unsigned options, int64_t *when)
{
    if (!call_int(c, i, when)) return false;
    bool valid = *when > 0;
    if (valid && options & OPTIONS_SECONDS) valid = !__builtin_mul_overflow(*when, 1000, when);
    if (valid && options & OPTIONS_RELATIVE)
        valid = !__builtin_add_overflow(*when, engine_now(c->engine), when);
    if (!valid)
        resp_errorf(&c->reply, "ERR invalid expire time in '%s' command",
                    c->command->spec->name.at);
    return valid;
}

/* ---- writing ---- */

/* Gives an open key a whole new value and closes it. */
static void put(struct opened *k, struct slice value, int64_t when)
{
    opened_set_string(k, value, when);
    gate_close(k, EVENT_SET);
    if (when >= 0) note_event(k->engine, EVENT_EXPIRE, k->db, k->key);
}

static void put_under(struct call *c, struct slice key, struct slice value, int64_t when)
{
    struct opened k;
    gate_open(c->engine, &k, c->db, key);
    put(&k, value, when);
}

/* Answers with the value of the key at argument 1, or null; false when it is no string. */
static bool reply_value(struct call *c)
{
    struct slice value;
    int found = call_read_string(c, call_arg(c, 1), &value);
    if (found > 0)
        resp_bulk(&c->reply, value);
    else if (found == 0)
        resp_null(&c->reply);
    return found >= 0;
}

static void set_with_options(struct call *c)
{
    struct options o;
    int64_t when = WHEN_NONE;
    if (!read_options(c, 3, OPTIONS_OF_SET, &o)) return;
    if (o.time_at && !read_deadline(c, o.time_at, o.given, &when)) return;
    if (o.given & OPTION_KEEPTTL) when = WHEN_KEPT;
    bool replied = o.given & OPTION_GET;
    if (replied && !reply_value(c)) return;

    struct opened k;
    bool exists = gate_open(c->engine, &k, c->db, call_arg(c, 1));
    if (o.given & (exists ? OPTION_NX : OPTION_XX)) {
        gate_close_unchanged(&k);
        if (!replied) resp_null(&c->reply);
        return;
    }
    put(&k, call_arg(c, 2), when);
    if (!replied) resp_ok(&c->reply);
}

static void set(struct call *c)
{
    if (c->argc > 3) {
        set_with_options(c);
        return;
    }
    put_under(c, call_arg(c, 1), call_arg(c, 2), WHEN_NONE);
    resp_ok(&c->reply);
}

static void setnx(struct call *c)
{
    struct opened k;
    bool exists = gate_open(c->engine, &k, c->db, call_arg(c, 1));
    if (exists)
        gate_close_unchanged(&k);
    else
        put(&k, call_arg(c, 2), WHEN_NONE);
    resp_int(&c->reply, !exists);
}

/* SETEX key time value: the order is its own. */
static void set_timed(struct call *c, unsigned option)
{
    int64_t when;
    if (!read_deadline(c, 2, option, &when)) return;
    put_under(c, call_arg(c, 1), call_arg(c, 3), when);
    resp_ok(&c->reply);
}

static void setex(struct call *c)
{
    set_timed(c, OPTION_EX);
}

static void psetex(struct call *c)
{
    set_timed(c, OPTION_PX);
}

/* ---- reading ---- */

static void get(struct call *c)
{
    reply_value(c);
}

static void getset(struct call *c)
{
    if (reply_value(c)) put_under(c, call_arg(c, 1), call_arg(c, 2), WHEN_NONE);
}

static void getdel(struct call *c)
{
    if (!reply_value(c)) return;
    struct opened k;
    if (!gate_open(c->engine, &k, c->db, call_arg(c, 1))) {
        gate_close_unchanged(&k);
        return;
    }
    opened_delete(&k);
    gate_close(&k, EVENT_DEL);
}

/* What GETEX does to the key once it has answered. */
static void change_deadline(struct call *c, unsigned options, int64_t when)
{
    struct opened k;
    bool persists = options & OPTION_PERSIST;
    gate_open(c->engine, &k, c->db, call_arg(c, 1));
    if (persists && entry_deadline(opened_entry(&k)) < 0) {
        gate_close_unchanged(&k);
    } else if (persists) {
        opened_clear_deadline(&k);
        gate_close(&k, EVENT_PERSIST);
    } else if (when <= engine_now(c->engine)) {
        opened_delete(&k);
        gate_close(&k, EVENT_DEL);
    } else {
        opened_set_deadline(&k, when);
        gate_close(&k, EVENT_EXPIRE);
    }
}

static void getex(struct call *c)
{
    struct options o;
    struct slice value;
    int64_t when = WHEN_NONE;
    if (!read_options(c, 2, OPTIONS_OF_GETEX, &o)) return;
    int found = call_read_string(c, call_arg(c, 1), &value);
    if (found == 0) resp_null(&c->reply);
    if (found <= 0) return;
    if (o.time_at && !read_deadline(c, o.time_at, o.given, &when)) return;
    resp_bulk(&c->reply, value);
    if (o.given) change_deadline(c, o.given, when);
}

/* ---- many keys ---- */

static void mget(struct call *c)
{
    resp_array(&c->reply, (size_t)c->argc - 1);
    for (int i = 1; i < c->argc; i++) {
        const struct entry *e = call_read(c, call_arg(c, i));
        if (e && entry_type(e) == TYPE_STRING)
            resp_bulk(&c->reply, entry_string(e));
        else
            resp_null(&c->reply);
    }
}

/* Are keys and values in pairs? False after writing the error. */
static bool in_pairs(struct call *c)
{
    if (c->argc % 2) return true;
    command_reply_arity(&c->reply, c->command->spec);
    return false;
}

static void put_pairs(struct call *c)
{
    for (int i = 1; i < c->argc; i += 2)
        put_under(c, call_arg(c, i), call_arg(c, i + 1), WHEN_NONE);
}

static void mset(struct call *c)
{
    if (!in_pairs(c)) return;
    put_pairs(c);
    resp_ok(&c->reply);
}

static void msetnx(struct call *c)
{
    if (!in_pairs(c)) return;
    for (int i = 1; i < c->argc; i += 2) {
        if (!gate_read(c->engine, c->db, call_arg(c, i), READ_QUIET | READ_NO_TOUCH)) continue;
        resp_int(&c->reply, 0);
        return;
    }
    put_pairs(c);
    resp_int(&c->reply, 1);
}

void command_bind_strings(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"set", set},   {"setnx", setnx},   {"setex", setex},   {"psetex", psetex},
        {"get", get},   {"getset", getset}, {"getdel", getdel}, {"getex", getex},
        {"mget", mget}, {"mset", mset},     {"msetnx", msetnx},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
    string_bind_edits(t);
    string_bind_lcs(t);
}
