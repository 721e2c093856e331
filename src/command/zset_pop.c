/* Taking elements from either end of a sorted set: ZPOPMIN, ZMPOP and those that wait. */
#include "key_wait.h"
#include "zset.h"

enum { POP_MIN, POP_MAX };

/* How a reply is put together. */
enum { POP_KEY = 1, POP_NESTED = 2 };

struct pop {
    unsigned end;   /* POP_MIN or POP_MAX */
    unsigned shape; /* of the reply */
    uint64_t count;
};

static void reply_head(struct call *c, const struct pop *p, struct slice key, size_t count)
{
    bool with_key = p->shape & POP_KEY;
    if (p->shape & POP_NESTED) {
        if (with_key) resp_array(&c->reply, 2);
        if (with_key) resp_bulk(&c->reply, key);
        resp_array(&c->reply, count);
    } else {
        resp_array(&c->reply, 2 * count + with_key);
        if (with_key) resp_bulk(&c->reply, key);
    }
}

/* Takes elements from an open key, which has some, answers with them and closes it. */
static void pop_opened(struct call *c, struct opened *k, const struct pop *p)
{
    struct value *v = opened_value(k);
    size_t all = zset_count(v), count = p->count < all ? (size_t)p->count : all;
    struct slice *words = engine_words(c->engine, count);
    struct zset_cursor at;
    bool max = p->end == POP_MAX;
    reply_head(c, p, k->key, count);
    zset_start(&at, v, max ? all : 0);
    for (size_t i = 0; i < count; i++) {
        if (max)
            zset_prev(&at);
        else
            zset_next(&at);
        words[i] = engine_keep(c->engine, at.member);
        if (p->shape & POP_NESTED) resp_array(&c->reply, 2);
        resp_bulk(&c->reply, at.member);
        resp_double(&c->reply, at.score);
    }
    zset_remove_ranks(v, max ? all - count : 0, count);
    opened_did(k, EFFECT_ZREM, words, count);
    gate_close(k, max ? EVENT_ZPOPMAX : EVENT_ZPOPMIN);
}

/* Pops from this key; false when there is none. An error is written for one of another type. */
static bool pop_from(struct call *c, struct slice key, const struct pop *p)
{
    struct opened k;
    if (!call_open_value(c, &k, key, TYPE_ZSET)) return true;
    bool there = opened_entry(&k);
    if (there)
        pop_opened(c, &k, p);
    else
        gate_close_unchanged(&k);
    return there;
}

/* ---- ZPOPMIN and ZPOPMAX ---- */

static void pop_one_key(struct call *c, unsigned end)
{
    struct pop p = {.end = end, .count = 1};
    int64_t count = 1;
    if (c->argc > 3) {
        call_syntax_error(c);
        return;
    }
    if (c->argc == 3 &&
        !call_int_from(c, 2, 0, "ERR value is out of range, must be positive", &count))
        return;
    p.count = (uint64_t)count;
    if (c->argc == 3 && c->reply.proto >= 3) p.shape = POP_NESTED;
    if (count) {
        if (!pop_from(c, call_arg(c, 1), &p)) resp_array(&c->reply, 0);
        return;
    }
    struct opened k;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_ZSET)) return;
    gate_close_unchanged(&k);
    resp_array(&c->reply, 0);
}

static void zpopmin(struct call *c)
{
    pop_one_key(c, POP_MIN);
}

static void zpopmax(struct call *c)
{
    pop_one_key(c, POP_MAX);
}

/* ---- those that wait ---- */

static bool serve(struct call *c, const struct blocking *b, struct slice key, unsigned shape)
{
    struct pop p = {.end = b->options, .shape = shape, .count = (uint64_t)b->count};
    return pop_from(c, key, &p);
}

static bool serve_flat(struct call *c, const struct blocking *b, struct slice key)
{
    return serve(c, b, key, POP_KEY);
}

static bool serve_nested(struct call *c, const struct blocking *b, struct slice key)
{
    return serve(c, b, key, POP_KEY | POP_NESTED);
}

static void pop_waiting(struct call *c, unsigned end)
{
    struct blocking b = {.type = TYPE_ZSET,
                         .first = 1,
                         .keys = c->argc - 2,
                         .serve = serve_flat,
                         .count = 1,
                         .options = end};
    if (call_timeout(c, c->argc - 1, &b.deadline_ms)) block_on_keys(c, &b);
}

static void bzpopmin(struct call *c)
{
    pop_waiting(c, POP_MIN);
}

static void bzpopmax(struct call *c)
{
    pop_waiting(c, POP_MAX);
}

/* ---- ZMPOP and BZMPOP ---- */

/* Reads `numkeys key … MIN|MAX [COUNT n]` from argument i on; false after writing the error. */
static bool read_mpop(struct call *c, int i, struct blocking *b)
{
    int64_t keys;
    *b = (struct blocking){.type = TYPE_ZSET, .first = i + 1, .serve = serve_nested, .count = 1};
    if (!call_int_from(c, i, 1, "ERR numkeys should be greater than 0", &keys)) return false;
    bool valid = keys < c->argc - 1 - i;
    if (valid) {
        b->keys = (int)keys;
        i += 1 + b->keys;
        b->options = call_arg_is(c, i, "max") ? POP_MAX : POP_MIN;
        valid = b->options == POP_MAX || call_arg_is(c, i, "min");
        i++;
    }
    if (valid && i + 1 < c->argc && call_arg_is(c, i, "count")) {
        if (!call_int_from(c, i + 1, 1, "ERR count should be greater than 0", &b->count))
            return false;
        i += 2;
    }
    if (valid && i == c->argc) return true;
    call_syntax_error(c);
    return false;
}

static void zmpop(struct call *c)
{
    struct blocking b;
    if (!read_mpop(c, 1, &b)) return;
    for (int i = 0; i < b.keys; i++)
        if (serve_nested(c, &b, call_arg(c, b.first + i))) return;
    resp_null_array(&c->reply);
}

static void bzmpop(struct call *c)
{
    struct blocking b;
    if (read_mpop(c, 2, &b) && call_timeout(c, 1, &b.deadline_ms)) block_on_keys(c, &b);
}

void command_bind_zset_pops(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"zpopmin", zpopmin},   {"zpopmax", zpopmax}, {"bzpopmin", bzpopmin},
        {"bzpopmax", bzpopmax}, {"zmpop", zmpop},     {"bzmpop", bzmpop},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
