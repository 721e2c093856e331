/* HGETEX, HSETEX and HGETDEL: values and deadlines of fields at once. */
#include "hash.h"

/* ---- options ---- */

enum {
    OPTION_EX = 1,
    OPTION_PX = 2,
    OPTION_EXAT = 4,
    OPTION_PXAT = 8,
    OPTION_PERSIST = 16, /* of HGETEX */
    OPTION_KEEPTTL = 32, /* of HSETEX, as are those below */
    OPTION_FNX = 64,
    OPTION_FXX = 128,

    OPTIONS_TIMED = OPTION_EX | OPTION_PX | OPTION_EXAT | OPTION_PXAT,
    OPTIONS_TTL = OPTIONS_TIMED | OPTION_PERSIST | OPTION_KEEPTTL, /* exclude each other */
    OPTIONS_CONDITION = OPTION_FNX | OPTION_FXX,                   /* so do these */
    OPTIONS_OF_HGETEX = OPTIONS_TIMED | OPTION_PERSIST,
    OPTIONS_OF_HSETEX = OPTIONS_TIMED | OPTION_KEEPTTL | OPTIONS_CONDITION,
};

struct options {
    unsigned given;
    int64_t deadline;
    struct hash_names names;
};

static const struct option {
    struct slice word;
    unsigned flag;
} option_words[] = {
    {{"EX", 2}, OPTION_EX},           {{"PX", 2}, OPTION_PX},           {{"EXAT", 4}, OPTION_EXAT},
    {{"PXAT", 4}, OPTION_PXAT},       {{"FNX", 3}, OPTION_FNX},         {{"FXX", 3}, OPTION_FXX},
    {{"PERSIST", 7}, OPTION_PERSIST}, {{"KEEPTTL", 7}, OPTION_KEEPTTL},
};

static unsigned option_named(struct slice word, unsigned allowed)
{
    for (size_t i = 0; i < sizeof option_words / sizeof *option_words; i++)
        if (slice_equal_nocase(option_words[i].word, word)) return option_words[i].flag & allowed;
    return 0;
}

static bool is_alone(struct call *c, unsigned flag, unsigned given, unsigned allowed)
{
    if (flag & OPTIONS_CONDITION && given & OPTIONS_CONDITION)
        return call_refuse(c, SLICE("ERR Only one of FXX or FNX arguments can be specified"));
    if (!(flag & OPTIONS_TTL) || !(given & OPTIONS_TTL)) return true;
    return call_refuse(c, allowed & OPTION_KEEPTTL ? SLICE("ERR Only one of EX, PX, EXAT, PXAT or "
                                                           "KEEPTTL arguments can be specified")
                                                   : SLICE("ERR Only one of EX, PX, EXAT, PXAT or "
                                                           "PERSIST arguments can be specified"));
}

static bool read_time(struct call *c, int i, unsigned flag, int64_t *deadline)
{
    if (i >= c->argc) return call_refuse(c, SLICE("ERR missing expire time"));
    bool seconds = flag & (OPTION_EX | OPTION_EXAT), relative = flag & (OPTION_EX | OPTION_PX);
    return hash_read_time(c, i, seconds ? 1000 : 1, relative ? engine_now(c->engine) : 0, deadline);
}

/* FIELDS at argument i, how many, and these, of `step` words each. */
static bool read_names(struct call *c, int i, int step, struct hash_names *names)
{
    int64_t count;
    if (names->at) return call_refuse(c, SLICE("ERR FIELDS keyword specified multiple times"));
    if (i + 1 >= c->argc) {
        command_reply_arity(&c->reply, c->command->spec);
        return false;
    }
    if (!text_to_int(call_arg(c, i + 1), &count) || count < 1 || count > INT32_MAX)
        return call_refuse(c, SLICE("ERR invalid number of fields"));
    if (count * step > c->argc - (i + 2))
        return call_refuse(c, SLICE("ERR wrong number of arguments"));
    *names = (struct hash_names){i + 2, (int)count, step};
    return true;
}

/* Reads the words from 2 on; false after writing the error. */
static bool read_options(struct call *c, unsigned allowed, int step, struct options *o)
{
    *o = (struct options){0};
    for (int i = 2; i < c->argc; i++) {
        struct slice word = call_arg(c, i);
        if (slice_is(word, "FIELDS")) {
            if (!read_names(c, i, step, &o->names)) return false;
            i = o->names.at + o->names.count * step - 1;
            continue;
        }
        unsigned flag = option_named(word, allowed);
        if (!flag) {
            resp_errorf(&c->reply, "ERR unknown argument: %.*s", (int)word.len, word.at);
            return false;
        }
        if (!is_alone(c, flag, o->given, allowed)) return false;
        o->given |= flag;
        if (flag & OPTIONS_TIMED && !read_time(c, ++i, flag, &o->deadline)) return false;
    }
    return o->names.at || call_refuse(c, SLICE("ERR missing FIELDS argument"));
}

/* Answers with the field's value; is it there? */
static bool reply_field(struct call *c, const struct value *v, struct slice name,
                        struct field *field)
{
    bool there = fields_get(v, name, field);
    if (there)
        resp_bulk(&c->reply, field->value);
    else
        resp_null(&c->reply);
    return there;
}

static void reply_nothing(struct call *c, struct opened *k, int count)
{
    gate_close_unchanged(k);
    while (count--) resp_null(&c->reply);
}

/* ---- HGETEX ---- */

static void get_all(struct call *c, struct opened *k, struct hash_names names)
{
    struct field field;
    struct value v = entry_value(opened_entry(k));
    for (int i = 0; i < names.count; i++) reply_field(c, &v, hash_name(c, names, i), &field);
    gate_close_unchanged(k);
}

/* One field gets the deadline, none, or goes: has it changed? */
static bool retime(struct call *c, struct value *v, const struct options *o, struct slice name)
{
    struct field field;
    if (!reply_field(c, v, name, &field)) return false;
    if (o->given & OPTION_PERSIST) {
        if (field.deadline < 0) return false;
        fields_set_deadline(v, name, -1);
    } else if (o->deadline <= engine_now(c->engine)) {
        fields_remove(v, name);
    } else {
        fields_set_deadline(v, name, o->deadline);
    }
    return true;
}

static void get_and_retime(struct call *c, struct opened *k, const struct options *o)
{
    struct hash_list met = hash_list(c, o->names);
    struct value *v = opened_value(k);
    bool persists = o->given & OPTION_PERSIST;
    for (int i = 0; i < o->names.count; i++) {
        struct slice name = hash_name(c, o->names, i);
        if (retime(c, v, o, name)) hash_list_add(&met, name);
    }
    if (!met.count) {
        gate_close_unchanged(k);
    } else if (!persists && o->deadline <= engine_now(c->engine)) {
        hash_did_delete(k, met);
        gate_close_fields(k, EVENT_HDEL, met.at, met.count);
    } else {
        hash_did_deadline(k, met, persists ? -1 : o->deadline);
        gate_close_fields(k, persists ? EVENT_HPERSIST : EVENT_HEXPIRE, met.at, met.count);
    }
}

static void hgetex(struct call *c)
{
    struct options o;
    struct opened k;
    if (!hash_is_one(c) || !read_options(c, OPTIONS_OF_HGETEX, 1, &o)) return;
    if (!hash_open(c, &k, o.names, false)) return;
    resp_array(&c->reply, (size_t)o.names.count);
    if (!opened_entry(&k))
        reply_nothing(c, &k, o.names.count);
    else if (!o.given)
        get_all(c, &k, o.names);
    else
        get_and_retime(c, &k, &o);
}

/* ---- HGETDEL ---- */

static void get_and_delete(struct call *c, struct opened *k, struct hash_names names)
{
    struct hash_list gone = hash_list(c, names);
    struct field field;
    struct value *v = opened_value(k);
    for (int i = 0; i < names.count; i++) {
        struct slice name = hash_name(c, names, i);
        if (!reply_field(c, v, name, &field)) continue;
        fields_remove(v, name);
        hash_list_add(&gone, name);
    }
    if (!gone.count) {
        gate_close_unchanged(k);
        return;
    }
    hash_did_delete(k, gone);
    gate_close_fields(k, EVENT_HDEL, gone.at, gone.count);
}

static void hgetdel(struct call *c)
{
    struct hash_names names;
    struct opened k;
    if (!hash_is_one(c) || !hash_read_fields(c, &names)) return;
    if (!hash_open(c, &k, names, false)) return;
    resp_array(&c->reply, (size_t)names.count);
    if (opened_entry(&k))
        get_and_delete(c, &k, names);
    else
        reply_nothing(c, &k, names.count);
}

/* ---- HSETEX ---- */

static bool condition_holds(const struct call *c, const struct opened *k, const struct options *o)
{
    struct field field;
    if (!(o->given & OPTIONS_CONDITION)) return true;
    if (!opened_entry(k)) return o->given & OPTION_FNX;
    struct value v = entry_value(opened_entry(k));
    for (int i = 0; i < o->names.count; i++)
        if (fields_get(&v, hash_name(c, o->names, i), &field) == !!(o->given & OPTION_FNX))
            return false;
    return true;
}

/* Sets the pairs, notes `hset`, and leaves the key open. */
static struct hash_list set_all(struct call *c, struct opened *k, const struct options *o)
{
    const struct value_config *config = call_values(c);
    const struct slice *pairs = &c->argv[o->names.at];
    size_t words = (size_t)o->names.count * 2;
    bool keep = o->given & OPTION_KEEPTTL;
    struct hash_list fields = hash_list(c, o->names);
    struct value *v = hash_made(k);
    fields_prepare(v, pairs, words, config);
    for (size_t i = 0; i < words; i += 2) {
        hash_list_add(&fields, pairs[i]);
        fields_set(v, pairs[i], pairs[i + 1], keep, config);
    }
    hash_did_set(k, pairs, words, keep);
    return fields;
}

/* The fields that were set get the deadline, or go where that is past. */
static void time_all(struct call *c, struct opened *k, const struct options *o,
                     struct hash_list fields)
{
    struct value *v = opened_value(k);
    struct hash_list gone = hash_list(c, o->names);
    bool past = o->deadline <= engine_now(c->engine);
    opened_note(k, EVENT_HSET, fields.at, fields.count);
    for (size_t i = 0; i < fields.count; i++) {
        if (!past)
            fields_set_deadline(v, fields.at[i], o->deadline);
        else if (fields_remove(v, fields.at[i]))
            hash_list_add(&gone, fields.at[i]);
    }
    if (past) {
        hash_did_delete(k, gone);
        gate_close_fields(k, EVENT_HDEL, gone.at, gone.count);
    } else {
        hash_did_deadline(k, fields, o->deadline);
        gate_close_fields(k, EVENT_HEXPIRE, fields.at, fields.count);
    }
}

static void hsetex(struct call *c)
{
    struct options o;
    struct opened k;
    if (!read_options(c, OPTIONS_OF_HSETEX, 2, &o)) return;
    if (!hash_open(c, &k, o.names, false)) return;
    bool holds = condition_holds(c, &k, &o);
    resp_int(&c->reply, holds);
    if (!holds) {
        gate_close_unchanged(&k);
        return;
    }
    struct hash_list fields = set_all(c, &k, &o);
    if (o.given & OPTIONS_TIMED)
        time_all(c, &k, &o, fields);
    else
        gate_close_fields(&k, EVENT_HSET, fields.at, fields.count);
}

void hash_bind_ex(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"hgetex", hgetex}, {"hsetex", hsetex}, {"hgetdel", hgetdel}};
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
