/* Sets, one member or set at a time: SADD, SREM, SMOVE, SISMEMBER, SMEMBERS, SSCAN and their like;
 * and those drawn by lot, SPOP and SRANDMEMBER. Several sets together are in set_algebra.c. */
#include "../value/set.h"
#include "../base/text.h"
#include "call.h"
#include "parts.h"
#include "scan.h"

static const struct slice *words_from(const struct call *c, int i)
{
    return c->argv + i;
}

/* ---- changing ---- */

static void sadd_command(struct call *c)
{
    const struct slice *members = words_from(c, 2);
    size_t count = (size_t)c->argc - 2, added;
    struct opened k;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_SET)) return;
    if (opened_entry(&k)) {
        added = set_add_all(opened_value(&k), members, count, call_values(c));
    } else {
        struct value fresh = {0};
        added = set_add_all(&fresh, members, count, call_values(c));
        opened_create(&k, fresh);
    }
    if (added) {
        opened_did(&k, EFFECT_SADD, members, count);
        gate_close(&k, EVENT_SADD);
    } else {
        gate_close_unchanged(&k);
    }
    resp_int(&c->reply, (int64_t)added);
}

static void srem_command(struct call *c)
{
    const struct slice *members = words_from(c, 2);
    size_t count = (size_t)c->argc - 2, removed = 0;
    struct opened k;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_SET)) return;
    if (opened_entry(&k)) removed = set_remove_all(opened_value(&k), members, count);
    if (removed) {
        opened_did(&k, EFFECT_SREM, members, count);
        gate_close(&k, EVENT_SREM);
    } else {
        gate_close_unchanged(&k);
    }
    resp_int(&c->reply, (int64_t)removed);
}

/* What a key that is to be changed holds: a type, or -1 for nothing. */
static int type_for_change(struct call *c, struct slice key)
{
    struct opened k;
    int type = gate_open(c->engine, &k, c->db, key) ? (int)entry_type(opened_entry(&k)) : -1;
    gate_close_unchanged(&k);
    return type;
}

static bool move_out(struct call *c, struct slice key, const struct slice *member)
{
    struct opened k;
    gate_open(c->engine, &k, c->db, key);
    if (!set_remove(opened_value(&k), *member)) {
        gate_close_unchanged(&k);
        return false;
    }
    opened_did(&k, EFFECT_SREM, member, 1);
    gate_close(&k, EVENT_SREM);
    return true;
}

static void move_in(struct call *c, struct slice key, const struct slice *member)
{
    struct opened k;
    struct value fresh = {0};
    if (gate_open(c->engine, &k, c->db, key)) {
        if (!set_add_all(opened_value(&k), member, 1, call_values(c))) {
            gate_close_unchanged(&k);
            return;
        }
    } else {
        set_add_all(&fresh, member, 1, call_values(c));
        opened_create(&k, fresh);
    }
    opened_did(&k, EFFECT_SADD, member, 1);
    gate_close(&k, EVENT_SADD);
}

/* The keys are opened one after the other: the end of one may move the other in its table. */
static void smove_command(struct call *c)
{
    struct slice from = call_arg(c, 1), to = call_arg(c, 2);
    struct opened k;
    int from_type = type_for_change(c, from), to_type = type_for_change(c, to);
    if (from_type < 0) {
        resp_int(&c->reply, 0);
    } else if (from_type != TYPE_SET || (to_type >= 0 && to_type != TYPE_SET)) {
        call_wrong_type(c);
    } else if (slice_equal(from, to)) {
        gate_open(c->engine, &k, c->db, from);
        struct value v = entry_value(opened_entry(&k));
        resp_int(&c->reply, set_has(&v, call_arg(c, 3)));
        gate_close_unchanged(&k);
    } else {
        bool moved = move_out(c, from, words_from(c, 3));
        if (moved) move_in(c, to, words_from(c, 3));
        resp_int(&c->reply, moved);
    }
}

/* ---- reading ---- */

static void sismember_command(struct call *c)
{
    struct value v;
    int found = call_read_value(c, call_arg(c, 1), TYPE_SET, &v);
    if (found >= 0) resp_int(&c->reply, found && set_has(&v, call_arg(c, 2)));
}

static void smismember_command(struct call *c)
{
    struct value v;
    int found = call_read_value(c, call_arg(c, 1), TYPE_SET, &v);
    if (found < 0) return;
    resp_array(&c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) resp_int(&c->reply, found && set_has(&v, call_arg(c, i)));
}

static void scard_command(struct call *c)
{
    struct value v;
    int found = call_read_value(c, call_arg(c, 1), TYPE_SET, &v);
    if (found >= 0) resp_int(&c->reply, found ? (int64_t)set_count(&v) : 0);
}

/* Answers with a member; false when the reply has become longer than the client may have. */
static bool answer_member(void *ctx, struct slice member)
{
    struct resp_writer *w = ctx;
    resp_bulk(w, member);
    return !w->cut;
}

static bool some_members(struct resp_writer *w, struct parts *p)
{
    do p->at = set_scan(&p->value, p->at, PARTS_BATCH, answer_member, w);
    while (p->at && parts_go_on(w, p));
    return p->at;
}

static void smembers_command(struct call *c)
{
    struct value v;
    int found = call_read_value(c, call_arg(c, 1), TYPE_SET, &v);
    if (found < 0) return;
    resp_set(&c->reply, found ? set_count(&v) : 0);
    struct parts all = {.some = some_members, .value = v};
    if (found) parts_reply(c, call_arg(c, 1), &all);
}

static bool scan_member(void *ctx, struct slice member)
{
    struct scan *s = ctx;
    if (scan_likes(s, member)) resp_bulk(scan_item(s), member);
    return !scan_is_cut(s);
}

static void sscan_command(struct call *c)
{
    struct scan s;
    struct value v;
    if (!scan_begin(&s, c, 2)) return;
    int found = call_read_value(c, call_arg(c, 1), TYPE_SET, &v);
    if (found == 0) scan_nothing(c);
    if (found <= 0 || !scan_options(&s, 3, 0)) return;
    s.cursor = set_scan(&v, s.cursor, s.count, scan_member, &s);
    scan_reply(&s);
}

/* ---- by lot ---- */

/* Members that are drawn to be taken out, kept until the seal. */
struct drawn {
    struct engine *engine;
    struct slice *words;
    size_t count;
};

static bool keep_drawn(void *ctx, struct slice member)
{
    struct drawn *d = ctx;
    d->words[d->count++] = engine_keep(d->engine, member);
    return true;
}

/* Draws members of the open set and takes them out, but leaves the key to be closed. */
static struct drawn take_drawn(struct call *c, struct opened *k, size_t count)
{
    struct value *v = opened_value(k);
    struct drawn d = {c->engine, engine_words(c->engine, count), 0};
    set_draw(v, count, call_random(c), keep_drawn, &d);
    set_remove_all(v, d.words, d.count);
    opened_did(k, EFFECT_SREM, d.words, d.count);
    return d;
}

static void pop_one(struct call *c)
{
    struct opened k;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_SET)) return;
    if (!opened_entry(&k)) {
        gate_close_unchanged(&k);
        resp_null(&c->reply);
        return;
    }
    struct drawn d = take_drawn(c, &k, 1);
    gate_close(&k, EVENT_SPOP);
    resp_bulk(&c->reply, d.words[0]);
}

/* All of them: the key is deleted, as a whole. */
static void pop_all(struct call *c, struct opened *k)
{
    struct value v = entry_value(opened_entry(k));
    resp_set(&c->reply, set_count(&v));
    set_walk(&v, answer_member, &c->reply);
    opened_delete(k);
    opened_note(k, EVENT_SPOP, NULL, 0);
    gate_close(k, EVENT_DEL);
}

static void pop_some(struct call *c, struct opened *k, size_t count)
{
    struct drawn d = take_drawn(c, k, count);
    gate_close(k, EVENT_SPOP);
    resp_set(&c->reply, d.count);
    for (size_t i = 0; i < d.count; i++) resp_bulk(&c->reply, d.words[i]);
}

static void spop_command(struct call *c)
{
    struct opened k;
    int64_t count;
    if (c->argc > 3) {
        call_syntax_error(c);
    } else if (c->argc == 2) {
        pop_one(c);
    } else if (!text_to_int(call_arg(c, 2), &count) || count < 0) {
        resp_error(&c->reply, SLICE("ERR value is out of range, must be positive"));
    } else if (call_open_value(c, &k, call_arg(c, 1), TYPE_SET)) {
        struct value v = {0};
        if (opened_entry(&k)) v = entry_value(opened_entry(&k));
        if (!v.at || count == 0) {
            gate_close_unchanged(&k);
            resp_set(&c->reply, 0);
        } else if ((uint64_t)count >= set_count(&v)) {
            pop_all(c, &k);
        } else {
            pop_some(c, &k, (size_t)count);
        }
    }
}

static void draw_one(struct call *c)
{
    struct value v;
    int found = call_read_value(c, call_arg(c, 1), TYPE_SET, &v);
    if (found > 0) set_draw(&v, 1, call_random(c), answer_member, &c->reply);
    if (found == 0) resp_null(&c->reply);
}

static void draw_many(struct call *c)
{
    struct value v;
    int64_t count;
    if (!call_int_between(c, 2, -INT64_MAX, INT64_MAX, &count)) return;
    int found = call_read_value(c, call_arg(c, 1), TYPE_SET, &v);
    if (found < 0) return;
    if (!found || count == 0) {
        resp_array(&c->reply, 0);
    } else if (count < 0) {
        if (!call_may_draw(c, (uint64_t)-count)) return;
        resp_array(&c->reply, (size_t)-count);
        set_draw_again(&v, (uint64_t)-count, call_random(c), answer_member, &c->reply);
    } else {
        size_t size = set_count(&v);
        size_t wanted = (uint64_t)count < size ? (size_t)count : size;
        resp_array(&c->reply, wanted);
        set_draw(&v, wanted, call_random(c), answer_member, &c->reply);
    }
}

static void srandmember_command(struct call *c)
{
    if (c->argc > 3)
        call_syntax_error(c);
    else if (c->argc == 3)
        draw_many(c);
    else
        draw_one(c);
}

void command_bind_sets(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"sadd", sadd_command},
        {"srem", srem_command},
        {"smove", smove_command},
        {"sismember", sismember_command},
        {"smismember", smismember_command},
        {"scard", scard_command},
        {"smembers", smembers_command},
        {"sscan", sscan_command},
        {"spop", spop_command},
        {"srandmember", srandmember_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
    command_bind_set_algebra(t);
}
