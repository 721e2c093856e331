/* Deadlines: EXPIRE and its kin, TTL and its kin, PERSIST. */
#include "call.h"
#include "view_keys.h"

enum { IF_NONE = 1, IF_SOME = 2, IF_LATER = 4, IF_EARLIER = 8 }; /* NX XX GT LT */

static bool expire_options(struct call *c, unsigned *conditions)
{
    *conditions = 0;
    for (int i = 3; i < c->argc; i++) {
        if (call_arg_is(c, i, "NX")) {
            *conditions |= IF_NONE;
        } else if (call_arg_is(c, i, "XX")) {
            *conditions |= IF_SOME;
        } else if (call_arg_is(c, i, "GT")) {
            *conditions |= IF_LATER;
        } else if (call_arg_is(c, i, "LT")) {
            *conditions |= IF_EARLIER;
        } else {
            struct slice word = call_arg(c, i);
            resp_errorf(&c->reply, "ERR Unsupported option %.*s", (int)word.len, word.at);
            return false;
        }
    }
    if ((*conditions & IF_NONE) && (*conditions & ~(unsigned)IF_NONE)) {
        resp_error(&c->reply,
                   SLICE("ERR NX and XX, GT or LT options at the same time are not compatible"));
        return false;
    }
    if ((*conditions & IF_LATER) && (*conditions & IF_EARLIER)) {
        resp_error(&c->reply, SLICE("ERR GT and LT options at the same time are not compatible"));
        return false;
    }
    return true;
}

static bool condition_holds(unsigned conditions, int64_t now, int64_t wanted)
{
    if ((conditions & IF_NONE) && now >= 0) return false;
    if ((conditions & IF_SOME) && now < 0) return false;
    if ((conditions & IF_LATER) && (now < 0 || wanted <= now)) return false;
    if ((conditions & IF_EARLIER) && now >= 0 && wanted >= now) return false;
    return true;
}

/* Reads argv[2] as a time in the unit, from `base`: unix ms, or false after the error. */
static bool read_deadline(struct call *c, int64_t unit_ms, int64_t base, int64_t *deadline)
{
    int64_t when;
    if (!call_int(c, 2, &when)) return false;
    if (__builtin_mul_overflow(when, unit_ms, &when) ||
        __builtin_add_overflow(when, base, deadline)) {
        struct slice name = c->command->spec->name;
        resp_errorf(&c->reply, "ERR invalid expire time in '%.*s' command", (int)name.len, name.at);
        return false;
    }
    return true;
}

static void expire(struct call *c, int64_t unit_ms, int64_t base)
{
    unsigned conditions;
    int64_t deadline;
    struct opened k;
    if (!expire_options(c, &conditions) || !read_deadline(c, unit_ms, base, &deadline)) return;
    if (!gate_open(c->engine, &k, c->db, call_arg(c, 1)) ||
        !condition_holds(conditions, entry_deadline(opened_entry(&k)), deadline)) {
        gate_close_unchanged(&k);
        resp_int(&c->reply, 0);
        return;
    }
    if (deadline <= engine_now(c->engine)) { /* a time that has passed deletes at once */
        opened_delete(&k);
        gate_close(&k, EVENT_DEL);
    } else {
        opened_set_deadline(&k, deadline);
        gate_close(&k, EVENT_EXPIRE);
    }
    resp_int(&c->reply, 1);
}

static void expire_command(struct call *c)
{
    expire(c, 1000, engine_now(c->engine));
}

static void pexpire_command(struct call *c)
{
    expire(c, 1, engine_now(c->engine));
}

static void expireat_command(struct call *c)
{
    expire(c, 1000, 0);
}

static void pexpireat_command(struct call *c)
{
    expire(c, 1, 0);
}

static void persist_command(struct call *c)
{
    struct opened k;
    bool volatile_key =
        gate_open(c->engine, &k, c->db, call_arg(c, 1)) && entry_deadline(opened_entry(&k)) >= 0;
    if (volatile_key) {
        opened_clear_deadline(&k);
        gate_close(&k, EVENT_PERSIST);
    } else {
        gate_close_unchanged(&k);
    }
    resp_int(&c->reply, volatile_key);
}

/* -2: no such key, -1: no deadline; otherwise the deadline less `base`, in the unit. */
static void reply_deadline(struct call *c, int64_t base, int64_t unit_ms)
{
    if (view_key(call_arg(c, 1))) {
        resp_int(&c->reply, -1);
        return;
    }
    const struct entry *e =
        gate_read(c->engine, c->db, call_arg(c, 1), c->read_flags | READ_NO_TOUCH);
    int64_t deadline = e ? entry_deadline(e) : -1;
    if (deadline < 0) {
        resp_int(&c->reply, e ? -1 : -2);
        return;
    }
    int64_t left = deadline - base;
    resp_int(&c->reply, unit_ms == 1 ? left : left / 1000 + (left % 1000 >= 500));
}

static void ttl_command(struct call *c)
{
    reply_deadline(c, engine_now(c->engine), 1000);
}

static void pttl_command(struct call *c)
{
    reply_deadline(c, engine_now(c->engine), 1);
}

static void expiretime_command(struct call *c)
{
    reply_deadline(c, 0, 1000);
}

static void pexpiretime_command(struct call *c)
{
    reply_deadline(c, 0, 1);
}

void command_bind_expiry(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"expire", expire_command},
        {"pexpire", pexpire_command},
        {"expireat", expireat_command},
        {"pexpireat", pexpireat_command},
        {"persist", persist_command},
        {"ttl", ttl_command},
        {"pttl", pttl_command},
        {"expiretime", expiretime_command},
        {"pexpiretime", pexpiretime_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
