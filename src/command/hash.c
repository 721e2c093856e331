/* Hashes: fields set, read and deleted. */
#include "hash.h"
#include "parts.h"

#include <math.h>

/* ---- what the families share ---- */

bool hash_get(const struct call *c, const struct value *v, struct slice name, struct field *out)
{
    return fields_get(v, name, out) && !field_is_past(out->deadline, engine_now(c->engine));
}

bool hash_is_one(struct call *c)
{
    struct opened k;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_HASH)) return false;
    gate_close_unchanged(&k);
    return true;
}

bool hash_open(struct call *c, struct opened *k, struct hash_names names, bool end_is_del)
{
    struct slice key = call_arg(c, 1);
    if (!call_open_value(c, k, key, TYPE_HASH)) return false;
    if (!opened_entry(k)) return true;
    if (!field_is_past(entry_fields_due(opened_entry(k)), engine_now(c->engine))) return true;
    gate_close_unchanged(k);
    engine_expire_named(c->engine, c->db, key, &c->argv[names.at], (size_t)names.count,
                        (size_t)names.step, end_is_del);
    return call_open_value(c, k, key, TYPE_HASH);
}

struct value *hash_made(struct opened *k)
{
    return opened_entry(k) ? opened_value(k) : opened_create(k, fields_new());
}

struct hash_list hash_list(struct call *c, struct hash_names names)
{
    return (struct hash_list){engine_words(c->engine, (size_t)names.count), 0};
}

void hash_did_set(struct opened *k, const struct slice *pairs, size_t words, bool keep)
{
    if (!keep) {
        opened_did(k, EFFECT_HSET, pairs, words);
        return;
    }
    struct slice *all = engine_words(k->engine, words + 3);
    all[0] = SLICE("KEEPTTL");
    all[1] = SLICE("FIELDS");
    all[2] = engine_keep_int(k->engine, (int64_t)(words / 2));
    memcpy(all + 3, pairs, words * sizeof *pairs);
    opened_did(k, EFFECT_HSETEX, all, words + 3);
}

void hash_did_delete(struct opened *k, struct hash_list fields)
{
    opened_did(k, EFFECT_HDEL, fields.at, fields.count);
}

void hash_did_deadline(struct opened *k, struct hash_list fields, int64_t deadline)
{
    bool timed = deadline >= 0;
    struct slice *all = engine_words(k->engine, fields.count + 3), *to = all;
    if (timed) *to++ = engine_keep_int(k->engine, deadline);
    *to++ = SLICE("FIELDS");
    *to++ = engine_keep_int(k->engine, (int64_t)fields.count);
    memcpy(to, fields.at, fields.count * sizeof *fields.at);
    opened_did(k, timed ? EFFECT_HPEXPIREAT : EFFECT_HPERSIST, all,
               (size_t)(to - all) + fields.count);
}

/* ---- setting ---- */

/* Sets the pairs of the words from 2 on and closes the key; returns how many fields are new. */
static int64_t set_pairs(struct call *c, struct opened *k)
{
    const struct value_config *config = call_values(c);
    const struct slice *pairs = &c->argv[2];
    struct hash_names names = {2, (c->argc - 2) / 2, 2};
    struct hash_list fields = hash_list(c, names);
    struct value *v = hash_made(k);
    int64_t fresh = 0;
    size_t words = (size_t)c->argc - 2;
    fields_prepare(v, pairs, words, config);
    for (int i = 0; i < names.count; i++) {
        hash_list_add(&fields, hash_name(c, names, i));
        fresh += fields_set(v, pairs[2 * i], pairs[2 * i + 1], false, config);
    }
    hash_did_set(k, pairs, words, false);
    gate_close_fields(k, EVENT_HSET, fields.at, fields.count);
    return fresh;
}

/* HSET and HMSET; -1 after writing an error. */
static int64_t set(struct call *c)
{
    struct opened k;
    if (c->argc % 2) {
        command_reply_arity(&c->reply, c->command->spec);
        return -1;
    }
    if (!hash_open(c, &k, (struct hash_names){2, (c->argc - 2) / 2, 2}, false)) return -1;
    return set_pairs(c, &k);
}

static void hset(struct call *c)
{
    int64_t fresh = set(c);
    if (fresh >= 0) resp_int(&c->reply, fresh);
}

static void hmset(struct call *c)
{
    if (set(c) >= 0) resp_ok(&c->reply);
}

static void hsetnx(struct call *c)
{
    struct opened k;
    struct field field;
    if (!hash_open(c, &k, (struct hash_names){2, 1, 1}, true)) return;
    struct value v = opened_entry(&k) ? entry_value(opened_entry(&k)) : (struct value){0};
    bool there = v.at && fields_get(&v, call_arg(c, 2), &field);
    if (there)
        gate_close_unchanged(&k);
    else
        set_pairs(c, &k);
    resp_int(&c->reply, !there);
}

/* ---- numbers ---- */

static void refuse(struct call *c, struct opened *k, struct slice error)
{
    gate_close_unchanged(k);
    resp_error(&c->reply, error);
}

/* The value of the field at argument 2, if there is one; and shall its deadline stay? */
static bool found(struct call *c, const struct opened *k, struct field *field)
{
    if (!opened_entry(k)) return false;
    struct value v = entry_value(opened_entry(k));
    return fields_get(&v, call_arg(c, 2), field);
}

/* Gives the field at argument 2 a value that the command has made, its deadline as it was. */
static void set_made(struct call *c, struct opened *k, bool keep, struct slice value,
                     enum event_name event)
{
    struct slice *pair = engine_words(c->engine, 2);
    pair[0] = call_arg(c, 2);
    pair[1] = engine_keep(c->engine, value);
    fields_set(hash_made(k), pair[0], pair[1], keep, call_values(c));
    hash_did_set(k, pair, 2, keep);
    gate_close_fields(k, event, pair, 1);
}

static void hincrby(struct call *c)
{
    struct opened k;
    struct field field;
    int64_t change, number = 0;
    char digits[TEXT_INT_MAX];
    if (!call_int(c, 3, &change)) return;
    if (!hash_open(c, &k, (struct hash_names){2, 1, 1}, true)) return;
    bool there = found(c, &k, &field);
    if (there && !text_to_int(field.value, &number)) {
        refuse(c, &k, SLICE("ERR hash value is not an integer"));
    } else if (__builtin_add_overflow(number, change, &number)) {
        refuse(c, &k, SLICE("ERR increment or decrement would overflow"));
    } else {
        set_made(c, &k, there && field.deadline >= 0,
                 slice_of(digits, text_from_int(digits, number)), EVENT_HINCRBY);
        resp_int(&c->reply, number);
    }
}

static void hincrbyfloat(struct call *c)
{
    struct opened k;
    struct field field;
    long double number = 0, change;
    if (!text_to_long_double(call_arg(c, 3), &change)) {
        resp_error(&c->reply, SLICE("ERR value is not a valid float"));
        return;
    }
    if (isnan(change) || isinf(change)) {
        resp_error(&c->reply, SLICE("ERR value is NaN or Infinity"));
        return;
    }
    if (!hash_open(c, &k, (struct hash_names){2, 1, 1}, true)) return;
    bool there = found(c, &k, &field);
    if (there && !text_to_long_double(field.value, &number)) {
        refuse(c, &k, SLICE("ERR hash value is not a float"));
        return;
    }
    number += change;
    if (isnan(number) || isinf(number)) {
        refuse(c, &k, SLICE("ERR increment would produce NaN or Infinity"));
        return;
    }
    char digits[TEXT_LONG_DOUBLE_MAX];
    struct slice text = slice_of(digits, text_from_long_double(digits, number));
    set_made(c, &k, there && field.deadline >= 0, text, EVENT_HINCRBYFLOAT);
    resp_bulk(&c->reply, text);
}

/* ---- deleting ---- */

static void hdel(struct call *c)
{
    struct opened k;
    struct hash_names names = {2, c->argc - 2, 1};
    struct hash_list gone = {0};
    if (!hash_open(c, &k, names, false)) return;
    if (opened_entry(&k)) {
        gone = hash_list(c, names);
        struct value *v = opened_value(&k);
        for (int i = 0; i < names.count; i++)
            if (fields_remove(v, hash_name(c, names, i)))
                hash_list_add(&gone, hash_name(c, names, i));
    }
    if (gone.count) {
        hash_did_delete(&k, gone);
        gate_close_fields(&k, EVENT_HDEL, gone.at, gone.count);
    } else {
        gate_close_unchanged(&k);
    }
    resp_int(&c->reply, (int64_t)gone.count);
}

/* ---- reading one field ---- */

/* The field at argument 2: 1, 0 when there is none, -1 after writing the error. One that is past is
 * put away, and the value that was read is gone then. */
static int read_field(struct call *c, struct field *field)
{
    struct value v;
    int found_hash = hash_read(c, &v);
    if (found_hash <= 0) return found_hash;
    if (!fields_get(&v, call_arg(c, 2), field)) return 0;
    if (!field_is_past(field->deadline, engine_now(c->engine))) return 1;
    engine_expire_named(c->engine, c->db, call_arg(c, 1), &c->argv[2], 1, 1, true);
    return 0;
}

static void hget(struct call *c)
{
    struct field field;
    int there = read_field(c, &field);
    if (there > 0) resp_bulk(&c->reply, field.value);
    if (there == 0) resp_null(&c->reply);
}

static void hexists(struct call *c)
{
    struct field field;
    int there = read_field(c, &field);
    if (there >= 0) resp_int(&c->reply, there);
}

static void hstrlen(struct call *c)
{
    struct field field;
    int there = read_field(c, &field);
    if (there >= 0) resp_int(&c->reply, there ? (int64_t)field.value.len : 0);
}

/* ---- reading several ---- */

static void hmget(struct call *c)
{
    struct value v;
    struct field field;
    int there = hash_read(c, &v);
    bool past = false;
    if (there < 0) return;
    resp_array(&c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        bool met = there && fields_get(&v, call_arg(c, i), &field);
        bool is_past = met && field_is_past(field.deadline, engine_now(c->engine));
        past |= is_past;
        if (met && !is_past)
            resp_bulk(&c->reply, field.value);
        else
            resp_null(&c->reply);
    }
    if (past)
        engine_expire_named(c->engine, c->db, call_arg(c, 1), &c->argv[2], (size_t)c->argc - 2, 1,
                            false);
}

static void hlen(struct call *c)
{
    struct value v;
    int there = hash_read(c, &v);
    if (there < 0) return;
    size_t count = there ? fields_count(&v) - fields_past(&v, engine_now(c->engine)) : 0;
    resp_int(&c->reply, (int64_t)count);
}

/* ---- reading all ---- */

enum { WITH_NAMES = 1, WITH_VALUES = 2 };

struct listing {
    struct resp_writer *reply;
    const struct parts *parts;
};

static void list_field(void *ctx, const struct value_item *item)
{
    const struct listing *l = ctx;
    if (field_is_past(item->deadline, l->parts->now_ms)) return;
    if (l->parts->with & WITH_NAMES) resp_bulk(l->reply, item->member);
    if (l->parts->with & WITH_VALUES) resp_bulk(l->reply, item->second);
}

static bool some_fields(struct resp_writer *w, struct parts *p)
{
    struct listing l = {w, p};
    do p->at = fields_scan(&p->value, p->at, PARTS_BATCH, list_field, &l);
    while (p->at && parts_go_on(w, p));
    return p->at;
}

static void list_all(struct call *c, unsigned with)
{
    struct value v;
    int64_t now_ms = engine_now(c->engine);
    int there = hash_read(c, &v);
    if (there < 0) return;
    size_t count = there ? fields_count(&v) - fields_past(&v, now_ms) : 0;
    if (with == (WITH_NAMES | WITH_VALUES))
        resp_map(&c->reply, count);
    else
        resp_array(&c->reply, count);
    struct parts all = {.some = some_fields, .value = v, .now_ms = now_ms, .with = with};
    if (count) parts_reply(c, call_arg(c, 1), &all);
}

static void hgetall(struct call *c)
{
    list_all(c, WITH_NAMES | WITH_VALUES);
}

static void hkeys(struct call *c)
{
    list_all(c, WITH_NAMES);
}

static void hvals(struct call *c)
{
    list_all(c, WITH_VALUES);
}

void command_bind_hashes(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"hset", hset},       {"hmset", hmset},
        {"hsetnx", hsetnx},   {"hget", hget},
        {"hmget", hmget},     {"hgetall", hgetall},
        {"hkeys", hkeys},     {"hvals", hvals},
        {"hlen", hlen},       {"hstrlen", hstrlen},
        {"hexists", hexists}, {"hdel", hdel},
        {"hincrby", hincrby}, {"hincrbyfloat", hincrbyfloat},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
    hash_bind_times(t);
    hash_bind_ex(t);
    hash_bind_walks(t);
}
