/* Deadlines of fields: HEXPIRE and its kin, HTTL and its kin, HPERSIST. */
#include "hash.h"

enum { IF_NONE = 1, IF_SOME = 2, IF_LATER = 4, IF_EARLIER = 8 }; /* NX XX GT LT */

/* What is answered for each field. */
enum { NO_FIELD = -2, NO_DEADLINE = -1, NOT_MET = 0, DONE = 1, DELETED = 2 };

bool hash_read_time(struct call *c, int i, int64_t unit_ms, int64_t base, int64_t *deadline)
{
    int64_t when;
    if (!call_int(c, i, &when)) return false;
    if (when < 0) {
        resp_error(&c->reply, SLICE("ERR invalid expire time, must be >= 0"));
        return false;
    }
    if (when > FIELDS_DEADLINE_MAX / unit_ms || when * unit_ms > FIELDS_DEADLINE_MAX - base) {
        struct slice name = c->command->spec->name;
        resp_errorf(&c->reply, "ERR invalid expire time in '%.*s' command", (int)name.len, name.at);
        return false;
    }
    *deadline = when * unit_ms + base;
    return true;
}

/* ---- HEXPIRE and its kin ---- */

struct wish {
    int64_t deadline;
    unsigned conditions;
    struct hash_names names;
};

/* FIELDS at argument i, how many, and these. */
static bool read_names(struct call *c, int i, struct hash_names *names)
{
    int64_t count;
    if (names->at) return call_refuse(c, SLICE("ERR FIELDS keyword specified multiple times"));
    if (i + 2 >= c->argc)
        return call_refuse(c,
                           SLICE("ERR FIELDS requires at least numfields and one field argument"));
    if (!text_to_int(call_arg(c, i + 1), &count) || count < 1 || count > INT32_MAX)
        return call_refuse(c, SLICE("ERR Parameter `numFields` should be greater than 0"));
    if (count > c->argc - (i + 2)) return call_refuse(c, SLICE("ERR wrong number of arguments"));
    *names = (struct hash_names){i + 2, (int)count, 1};
    return true;
}

static unsigned condition_named(struct slice word)
{
    static const char *const words[] = {"NX", "XX", "GT", "LT"};
    for (unsigned i = 0; i < 4; i++)
        if (slice_is(word, words[i])) return 1u << i;
    return 0;
}

static bool read_wish(struct call *c, int64_t unit_ms, int64_t base, struct wish *w)
{
    *w = (struct wish){0};
    if (!hash_read_time(c, 2, unit_ms, base, &w->deadline)) return false;
    for (int i = 3; i < c->argc; i++) {
        struct slice word = call_arg(c, i);
        unsigned condition = condition_named(word);
        w->conditions |= condition;
        if (condition) continue;
        if (!slice_is(word, "FIELDS")) {
            resp_errorf(&c->reply, "ERR unknown argument: %.*s", (int)word.len, word.at);
            return false;
        }
        if (!read_names(c, i, &w->names)) return false;
        i = w->names.at + w->names.count - 1;
    }
    if (!w->names.at) return call_refuse(c, SLICE("ERR missing FIELDS argument"));
    if (w->conditions & (w->conditions - 1))
        return call_refuse(c, SLICE("ERR Multiple condition flags specified"));
    return true;
}

static bool condition_holds(unsigned conditions, int64_t is, int64_t wanted)
{
    if (conditions & IF_NONE) return is < 0;
    if (conditions & IF_SOME) return is >= 0;
    if (conditions & IF_LATER) return is >= 0 && wanted > is;
    if (conditions & IF_EARLIER) return is < 0 || wanted < is;
    return true;
}

/* Does it to one field, and says what comes of it. */
static int expire_field(struct call *c, struct value *v, const struct wish *w, struct slice name)
{
    struct field field;
    if (!fields_get(v, name, &field)) return NO_FIELD;
    if (!condition_holds(w->conditions, field.deadline, w->deadline)) return NOT_MET;
    if (w->deadline <= engine_now(c->engine)) {
        fields_remove(v, name);
        return DELETED;
    }
    fields_set_deadline(v, name, w->deadline);
    return DONE;
}

static void expire_all(struct call *c, struct opened *k, const struct wish *w)
{
    struct hash_list met = hash_list(c, w->names); /* all the same: deleted, or given the time */
    bool deletes = w->deadline <= engine_now(c->engine);
    struct value *v = opened_value(k);
    for (int i = 0; i < w->names.count; i++) {
        struct slice name = hash_name(c, w->names, i);
        int answer = expire_field(c, v, w, name);
        if (answer > NOT_MET) hash_list_add(&met, name);
        resp_int(&c->reply, answer);
    }
    if (!met.count) {
        gate_close_unchanged(k);
    } else if (deletes) {
        hash_did_delete(k, met);
        gate_close_fields(k, EVENT_HDEL, met.at, met.count);
    } else {
        hash_did_deadline(k, met, w->deadline);
        gate_close_fields(k, EVENT_HEXPIRE, met.at, met.count);
    }
}

static void answer_all(struct call *c, int count, int answer)
{
    while (count--) resp_int(&c->reply, answer);
}

static void expire(struct call *c, int64_t unit_ms, int64_t base)
{
    struct wish w;
    struct opened k;
    if (!hash_is_one(c) || !read_wish(c, unit_ms, base, &w)) return;
    if (!hash_open(c, &k, w.names, false)) return;
    resp_array(&c->reply, (size_t)w.names.count);
    if (opened_entry(&k)) {
        expire_all(c, &k, &w);
    } else {
        gate_close_unchanged(&k);
        answer_all(c, w.names.count, NO_FIELD);
    }
}

static void hexpire(struct call *c)
{
    expire(c, 1000, engine_now(c->engine));
}

static void hpexpire(struct call *c)
{
    expire(c, 1, engine_now(c->engine));
}

static void hexpireat(struct call *c)
{
    expire(c, 1000, 0);
}

static void hpexpireat(struct call *c)
{
    expire(c, 1, 0);
}

/* ---- HPERSIST ---- */

bool hash_read_fields(struct call *c, struct hash_names *names)
{
    int64_t count;
    if (!call_arg_is(c, 2, "FIELDS"))
        return call_refuse(
            c, SLICE("ERR Mandatory argument FIELDS is missing or not at the right position"));
    if (!text_to_int(call_arg(c, 3), &count) || count < 1)
        return call_refuse(c, SLICE("ERR Number of fields must be a positive integer"));
    if (count != c->argc - 4)
        return call_refuse(
            c, SLICE("ERR The `numfields` parameter must match the number of arguments"));
    *names = (struct hash_names){4, (int)count, 1};
    return true;
}

static int persist_field(struct value *v, struct slice name)
{
    struct field field;
    if (!fields_get(v, name, &field)) return NO_FIELD;
    if (field.deadline < 0) return NO_DEADLINE;
    fields_set_deadline(v, name, -1);
    return DONE;
}

static void persist_all(struct call *c, struct opened *k, struct hash_names names)
{
    struct hash_list kept = hash_list(c, names);
    struct value *v = opened_value(k);
    for (int i = 0; i < names.count; i++) {
        struct slice name = hash_name(c, names, i);
        int answer = persist_field(v, name);
        if (answer == DONE) hash_list_add(&kept, name);
        resp_int(&c->reply, answer);
    }
    if (kept.count) {
        hash_did_deadline(k, kept, -1);
        gate_close_fields(k, EVENT_HPERSIST, kept.at, kept.count);
    } else {
        gate_close_unchanged(k);
    }
}

static void hpersist(struct call *c)
{
    struct hash_names names;
    struct opened k;
    if (!hash_is_one(c) || !hash_read_fields(c, &names)) return;
    if (!hash_open(c, &k, names, false)) return;
    resp_array(&c->reply, (size_t)names.count);
    if (opened_entry(&k)) {
        persist_all(c, &k, names);
    } else {
        gate_close_unchanged(&k);
        answer_all(c, names.count, NO_FIELD);
    }
}

/* ---- HTTL and its kin ---- */

/* The deadlines less `base`, in the unit, rounded up. */
static void reply_deadlines(struct call *c, int64_t unit_ms, int64_t base)
{
    struct hash_names names;
    struct value v;
    struct field field;
    int there = hash_read(c, &v);
    if (there < 0 || !hash_read_fields(c, &names)) return;
    resp_array(&c->reply, (size_t)names.count);
    for (int i = 0; i < names.count; i++) {
        if (!there || !hash_get(c, &v, hash_name(c, names, i), &field))
            resp_int(&c->reply, NO_FIELD);
        else if (field.deadline < 0)
            resp_int(&c->reply, NO_DEADLINE);
        else
            resp_int(&c->reply, (field.deadline - base + unit_ms - 1) / unit_ms);
    }
}

static void httl(struct call *c)
{
    reply_deadlines(c, 1000, engine_now(c->engine));
}

static void hpttl(struct call *c)
{
    reply_deadlines(c, 1, engine_now(c->engine));
}

static void hexpiretime(struct call *c)
{
    reply_deadlines(c, 1000, 0);
}

static void hpexpiretime(struct call *c)
{
    reply_deadlines(c, 1, 0);
}

void hash_bind_times(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"hexpire", hexpire},       {"hpexpire", hpexpire},       {"hexpireat", hexpireat},
        {"hpexpireat", hpexpireat}, {"hpersist", hpersist},       {"httl", httl},
        {"hpttl", hpttl},           {"hexpiretime", hexpiretime}, {"hpexpiretime", hpexpiretime},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
