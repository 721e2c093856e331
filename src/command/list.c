/* Lists: pushing, popping, ranges. */
#include "list.h"

#include "../base/text.h"
#include "parts.h"

bool list_read_end(struct call *c, int i, enum list_end *end)
{
    *end = call_arg_is(c, i, "left") ? LIST_LEFT : LIST_RIGHT;
    if (*end == LIST_LEFT || call_arg_is(c, i, "right")) return true;
    call_syntax_error(c);
    return false;
}

/* ---- LPUSH, RPUSH, LPUSHX, RPUSHX ---- */

static void push(struct call *c, enum list_end end, bool only_if_there)
{
    struct opened k;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_LIST)) return;
    if (!opened_entry(&k) && only_if_there) {
        gate_close_unchanged(&k);
        resp_int(&c->reply, 0);
        return;
    }
    struct value *v = opened_entry(&k) ? opened_value(&k) : opened_create(&k, list_new());
    size_t count = (size_t)c->argc - 2;
    list_push(v, end, c->argv + 2, count, call_values(c));
    resp_int(&c->reply, (int64_t)list_count(v));
    opened_did(&k, end == LIST_LEFT ? EFFECT_LPUSH : EFFECT_RPUSH, c->argv + 2, count);
    gate_close(&k, end == LIST_LEFT ? EVENT_LPUSH : EVENT_RPUSH);
}

static void lpush_command(struct call *c)
{
    push(c, LIST_LEFT, false);
}

static void rpush_command(struct call *c)
{
    push(c, LIST_RIGHT, false);
}

static void lpushx_command(struct call *c)
{
    push(c, LIST_LEFT, true);
}

static void rpushx_command(struct call *c)
{
    push(c, LIST_RIGHT, true);
}

/* ---- LPOP, RPOP ---- */

/* Takes out what was replied; there is at least one. */
static void take_out(struct call *c, struct opened *k, enum list_end end, size_t count)
{
    struct slice *word = engine_words(c->engine, 1);
    *word = engine_keep_int(c->engine, (int64_t)count);
    list_drop(opened_value(k), end, count, call_values(c));
    opened_did(k, end == LIST_LEFT ? EFFECT_LPOP : EFFECT_RPOP, word, 1);
    gate_close(k, end == LIST_LEFT ? EVENT_LPOP : EVENT_RPOP);
}

static void reply_from(struct call *c, const struct value *v, enum list_end end, size_t count)
{
    struct list_iter it;
    list_begin(&it, v, end == LIST_LEFT ? 0 : list_count(v) - 1, end == LIST_RIGHT);
    for (size_t i = 0; i < count && list_next(&it); i++) resp_bulk(&c->reply, list_text(&it));
    list_end(&it);
}

void list_pop_one(struct call *c, struct opened *k, enum list_end end)
{
    reply_from(c, opened_value(k), end, 1);
    take_out(c, k, end, 1);
}

void list_pop_range(struct call *c, struct opened *k, enum list_end end, size_t count)
{
    const struct value *v = opened_value(k);
    size_t there = list_count(v);
    if (count > there) count = there;
    resp_array(&c->reply, count);
    reply_from(c, v, end, count);
    take_out(c, k, end, count);
}

static void pop(struct call *c, enum list_end end)
{
    struct opened k;
    int64_t count = 1;
    bool counted = c->argc == 3;
    if (c->argc > 3) {
        command_reply_arity(&c->reply, c->command->spec);
        return;
    }
    if (counted && !call_int_from(c, 2, 0, "ERR value is out of range, must be positive", &count))
        return;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_LIST)) return;
    if (!opened_entry(&k)) {
        gate_close_unchanged(&k);
        if (counted)
            resp_null_array(&c->reply);
        else
            resp_null(&c->reply);
    } else if (!count) {
        gate_close_unchanged(&k);
        resp_array(&c->reply, 0);
    } else if (counted) {
        list_pop_range(c, &k, end, (size_t)count);
    } else {
        list_pop_one(c, &k, end);
    }
}

static void lpop_command(struct call *c)
{
    pop(c, LIST_LEFT);
}

static void rpop_command(struct call *c)
{
    pop(c, LIST_RIGHT);
}

/* ---- LLEN, LRANGE, LINDEX, LTRIM ---- */

static void llen_command(struct call *c)
{
    struct value v;
    int found = call_read_value(c, call_arg(c, 1), TYPE_LIST, &v);
    if (found >= 0) resp_int(&c->reply, found ? (int64_t)list_count(&v) : 0);
}

static bool some_elements(struct resp_writer *w, struct parts *p)
{
    struct list_iter it;
    list_begin(&it, &p->value, p->at, false);
    while (p->left && parts_go_on(w, p) && list_next(&it)) {
        resp_bulk(w, list_text(&it));
        p->at++;
        p->left--;
    }
    list_end(&it);
    return p->left;
}

static void lrange_command(struct call *c)
{
    struct value v;
    int64_t start, stop;
    if (!call_int(c, 2, &start) || !call_int(c, 3, &stop)) return;
    int found = call_read_value(c, call_arg(c, 1), TYPE_LIST, &v);
    if (found < 0) return;
    size_t from = 0, count = found ? list_range(&v, start, stop, &from) : 0;
    resp_array(&c->reply, count);
    if (!count) return;
    struct parts all = {.some = some_elements, .value = v, .at = from, .left = count};
    parts_reply(c, call_arg(c, 1), &all);
}

static void lindex_command(struct call *c)
{
    struct value v;
    struct list_iter it;
    int64_t given;
    size_t index;
    int found = call_read_value(c, call_arg(c, 1), TYPE_LIST, &v);
    if (found == 0) resp_null(&c->reply);
    if (found != 1 || !call_int(c, 2, &given)) return;
    if (!list_index(&v, given, &index)) {
        resp_null(&c->reply);
        return;
    }
    list_begin(&it, &v, index, false);
    list_next(&it);
    resp_bulk(&c->reply, list_text(&it));
    list_end(&it);
}

static void ltrim_command(struct call *c)
{
    struct opened k;
    int64_t start, stop;
    if (!call_int(c, 2, &start) || !call_int(c, 3, &stop)) return;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_LIST)) return;
    resp_ok(&c->reply);
    if (!opened_entry(&k)) {
        gate_close_unchanged(&k);
        return;
    }
    /* Even if nothing goes, there is an event, and WATCH hears of it. */
    list_trim(opened_value(&k), start, stop, call_values(c));
    opened_did(&k, EFFECT_LTRIM, c->argv + 2, 2);
    gate_close(&k, EVENT_LTRIM);
}

void command_bind_lists(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"lpush", lpush_command},   {"rpush", rpush_command},   {"lpushx", lpushx_command},
        {"rpushx", rpushx_command}, {"lpop", lpop_command},     {"rpop", rpop_command},
        {"llen", llen_command},     {"lrange", lrange_command}, {"lindex", lindex_command},
        {"ltrim", ltrim_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
    list_bind_edits(t);
    list_bind_moves(t);
}
