/* SET and GET and their kin: string values as a whole. */
#include "string.h"

#include "../base/hash.h"
#include "../base/text.h"

#include <stdio.h>

/* ---- options of SET and its like ---- */

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
    OPTION_IFEQ = 512,
    OPTION_IFNE = 1024,
    OPTION_IFDEQ = 2048,
    OPTION_IFDNE = 4096,

    OPTIONS_SECONDS = OPTION_EX | OPTION_EXAT,
    OPTIONS_RELATIVE = OPTION_EX | OPTION_PX,
    OPTIONS_TIMED = OPTION_EX | OPTION_PX | OPTION_EXAT | OPTION_PXAT,    /* a time follows */
    OPTIONS_TTL = OPTIONS_TIMED | OPTION_KEEPTTL | OPTION_PERSIST,        /* exclude each other */
    OPTIONS_IF = OPTION_IFEQ | OPTION_IFNE | OPTION_IFDEQ | OPTION_IFDNE, /* a text follows */
    OPTIONS_CONDITION = OPTION_NX | OPTION_XX | OPTIONS_IF,               /* exclude each other */
    OPTIONS_OF_SET = OPTIONS_CONDITION | OPTION_GET | OPTION_KEEPTTL | OPTIONS_TIMED,
    OPTIONS_OF_MSETEX = OPTION_NX | OPTION_XX | OPTION_KEEPTTL | OPTIONS_TIMED,
    OPTIONS_OF_GETEX = OPTION_PERSIST | OPTIONS_TIMED,
};

struct options {
    unsigned given;
    int time_at;          /* the argument that holds the time of one of OPTIONS_TIMED */
    struct slice operand; /* of one of OPTIONS_IF */
};

static const struct option {
    struct slice word;
    unsigned flag, excludes;
} option_words[] = {
    {{"ex", 2}, OPTION_EX, OPTIONS_TTL},
    {{"px", 2}, OPTION_PX, OPTIONS_TTL},
    {{"nx", 2}, OPTION_NX, OPTIONS_CONDITION},
    {{"xx", 2}, OPTION_XX, OPTIONS_CONDITION},
    {{"get", 3}, OPTION_GET, 0},
    {{"exat", 4}, OPTION_EXAT, OPTIONS_TTL},
    {{"pxat", 4}, OPTION_PXAT, OPTIONS_TTL},
    {{"keepttl", 7}, OPTION_KEEPTTL, OPTIONS_TTL},
    {{"persist", 7}, OPTION_PERSIST, OPTIONS_TTL},
    {{"ifeq", 4}, OPTION_IFEQ, OPTIONS_CONDITION},
    {{"ifne", 4}, OPTION_IFNE, OPTIONS_CONDITION},
    {{"ifdeq", 5}, OPTION_IFDEQ, OPTIONS_CONDITION},
    {{"ifdne", 5}, OPTION_IFDNE, OPTIONS_CONDITION},
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
        bool last = i + 1 == c->argc;
        if (!o || !(o->flag & allowed) || (o->excludes & ~o->flag & out->given) ||
            (last && o->flag & (OPTIONS_TIMED | OPTIONS_IF))) {
            call_syntax_error(c);
            return false;
        }
        out->given |= o->flag;
        if (o->flag & OPTIONS_TIMED) out->time_at = ++i;
        if (o->flag & OPTIONS_IF) out->operand = call_arg(c, ++i);
    }
    return true;
}

/* Reads a time, of the kind that the one timed option among `options` says, as a deadline in unix
 * ms; false after writing the error. */
static bool read_time(struct call *c, int i, unsigned options, int64_t *when)
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

/* The deadline that the options give to a new value; false after writing the error. */
static bool read_deadline(struct call *c, const struct options *o, int64_t *when)
{
    *when = o->given & OPTION_KEEPTTL ? WHEN_KEPT : WHEN_NONE;
    return !o->time_at || read_time(c, o->time_at, o->given, when);
}

/* ---- conditions ---- */

enum { DIGEST_LEN = 16 };

static void make_digest(char to[DIGEST_LEN + 1], struct slice value)
{
    snprintf(to, DIGEST_LEN + 1, "%016llx", (unsigned long long)hash_plain(value));
}

/* Does what the options say of the key hold? 1, 0, or -1 after writing the error. */
static int condition_holds(struct call *c, const struct entry *e, const struct options *o)
{
    if (o->given & OPTION_NX) return !e;
    if (o->given & OPTION_XX) return e != NULL;
    if (!(o->given & OPTIONS_IF)) return 1;

    bool equal = o->given & (OPTION_IFEQ | OPTION_IFDEQ);
    if (!e) return !equal;
    if (entry_type(e) != TYPE_STRING) {
        call_wrong_type(c);
        return -1;
    }
    struct slice value = entry_string(e);
    if (o->given & (OPTION_IFEQ | OPTION_IFNE)) return slice_equal(value, o->operand) == equal;
    if (o->operand.len != DIGEST_LEN) {
        resp_error(&c->reply, SLICE("ERR must be exactly 16 hexadecimal characters"));
        return -1;
    }
    char digest[DIGEST_LEN + 1];
    make_digest(digest, value);
    return slice_is(o->operand, digest) == equal;
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

/* Answers with what call_read_string found. */
static void reply_found(struct call *c, int found, struct slice value)
{
    if (found)
        resp_bulk(&c->reply, value);
    else
        resp_null(&c->reply);
}

/* Answers with the value of the key at argument 1, or null; false when it is no string. */
static bool reply_value(struct call *c)
{
    struct slice value;
    int found = call_read_string(c, call_arg(c, 1), &value);
    if (found >= 0) reply_found(c, found, value);
    return found >= 0;
}

static void set_with_options(struct call *c)
{
    struct options o;
    int64_t when;
    if (!read_options(c, 3, OPTIONS_OF_SET, &o) || !read_deadline(c, &o, &when)) return;
    struct slice old;
    int found = 0;
    bool gets = o.given & OPTION_GET;
    if (gets && (found = call_read_string(c, call_arg(c, 1), &old)) < 0) return;

    struct opened k;
    gate_open(c->engine, &k, c->db, call_arg(c, 1));
    int holds = condition_holds(c, opened_entry(&k), &o);
    if (holds >= 0 && gets) reply_found(c, found, old);
    if (holds > 0)
        put(&k, call_arg(c, 2), when);
    else
        gate_close_unchanged(&k);
    if (gets || holds < 0) return;
    if (holds)
        resp_ok(&c->reply);
    else
        resp_null(&c->reply);
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
    if (!read_time(c, 2, option, &when)) return;
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
    int64_t when;
    if (!read_options(c, 2, OPTIONS_OF_GETEX, &o)) return;
    int found = call_read_string(c, call_arg(c, 1), &value);
    if (found == 0) resp_null(&c->reply);
    if (found <= 0) return;
    if (!read_deadline(c, &o, &when)) return;
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

static void put_pairs(struct call *c, int from, int to, int64_t when)
{
    for (int i = from; i < to; i += 2) put_under(c, call_arg(c, i), call_arg(c, i + 1), when);
}

/* Do all keys of the pairs exist, or none, as NX or XX among the options demands? */
static bool pairs_allowed(struct call *c, int from, int to, const struct options *o)
{
    if (!(o->given & OPTIONS_CONDITION)) return true;
    for (int i = from; i < to; i += 2) {
        const struct entry *e =
            gate_read(c->engine, c->db, call_arg(c, i), READ_QUIET | READ_NO_TOUCH);
        if (!condition_holds(c, e, o)) return false;
    }
    return true;
}

static void mset(struct call *c)
{
    if (!in_pairs(c)) return;
    put_pairs(c, 1, c->argc, WHEN_NONE);
    resp_ok(&c->reply);
}

static void msetnx(struct call *c)
{
    if (!in_pairs(c)) return;
    bool allowed = pairs_allowed(c, 1, c->argc, &(struct options){.given = OPTION_NX});
    if (allowed) put_pairs(c, 1, c->argc, WHEN_NONE);
    resp_int(&c->reply, allowed);
}

static void msetex(struct call *c)
{
    int64_t pairs, when;
    struct options o;
    if (!text_to_int(call_arg(c, 1), &pairs) || pairs < 1 || pairs > INT32_MAX) {
        resp_error(&c->reply, SLICE("ERR invalid numkeys value"));
        return;
    }
    if (pairs > (c->argc - 2) / 2) {
        resp_error(&c->reply, SLICE("ERR wrong number of key-value pairs"));
        return;
    }
    int end = 2 + 2 * (int)pairs;
    if (!read_options(c, end, OPTIONS_OF_MSETEX, &o) || !read_deadline(c, &o, &when)) return;
    bool allowed = pairs_allowed(c, 2, end, &o);
    if (allowed) put_pairs(c, 2, end, when);
    resp_int(&c->reply, allowed);
}

/* ---- digests ---- */

static void digest(struct call *c)
{
    struct slice value;
    char text[DIGEST_LEN + 1];
    int found = call_read_string(c, call_arg(c, 1), &value);
    if (found < 0) return;
    make_digest(text, value);
    reply_found(c, found, slice_of(text, DIGEST_LEN));
}

/* May DELEX delete the key, which exists? 1, 0, or -1 after writing the error. */
static int delex_allowed(struct call *c, const struct entry *e)
{
    if (c->argc == 2) return 1;
    if (entry_type(e) != TYPE_STRING) {
        resp_error(&c->reply,
                   SLICE("ERR Key should be of string type if conditions are specified"));
        return -1;
    }
    const struct option *o = option_named(call_arg(c, 2));
    if (!o || !(o->flag & OPTIONS_IF)) {
        resp_error(&c->reply, SLICE("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE"));
        return -1;
    }
    return condition_holds(c, e, &(struct options){.given = o->flag, .operand = call_arg(c, 3)});
}

static void delex(struct call *c)
{
    if (c->argc != 2 && c->argc != 4) {
        command_reply_arity(&c->reply, c->command->spec);
        return;
    }
    struct opened k;
    bool exists = gate_open(c->engine, &k, c->db, call_arg(c, 1));
    int allowed = exists ? delex_allowed(c, opened_entry(&k)) : 0;
    if (allowed > 0) {
        opened_delete(&k);
        gate_close(&k, EVENT_DEL);
    } else {
        gate_close_unchanged(&k);
    }
    if (allowed >= 0) resp_int(&c->reply, allowed);
}

void command_bind_strings(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"set", set},       {"setnx", setnx},   {"setex", setex},   {"psetex", psetex},
        {"get", get},       {"getset", getset}, {"getdel", getdel}, {"getex", getex},
        {"mget", mget},     {"mset", mset},     {"msetnx", msetnx}, {"msetex", msetex},
        {"digest", digest}, {"delex", delex},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
    string_bind_edits(t);
    string_bind_lcs(t);
}
