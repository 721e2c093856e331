/* Lists: from one to another, from the first of several that has something, and waiting for that.
 *
 * The blocking commands are the others, told to wait (key_wait.h): what serves BLMOVE is what does
 * LMOVE. */
#include "list.h"

#include "../base/text.h"
#include "key_wait.h"

/* ---- LMOVE, RPOPLPUSH ---- */

/* The element at the end of a list that is there, kept until the seal. */
static struct slice keep_end(struct call *c, struct slice key, enum list_end end)
{
    struct list_iter it;
    struct value v = entry_value(gate_read(c->engine, c->db, key, READ_QUIET | READ_NO_TOUCH));
    list_begin(&it, &v, end == LIST_LEFT ? 0 : list_count(&v) - 1, false);
    list_next(&it);
    struct slice kept = engine_keep(c->engine, list_text(&it));
    list_end(&it);
    return kept;
}

static void pushes(struct call *c, struct opened *k, enum list_end end, struct slice text)
{
    struct slice *word = engine_words(c->engine, 1);
    *word = text;
    struct value *v = opened_entry(k) ? opened_value(k) : opened_create(k, list_new());
    list_push(v, end, word, 1, call_values(c));
    opened_did(k, end == LIST_LEFT ? EFFECT_LPUSH : EFFECT_RPUSH, word, 1);
}

static void pops(struct call *c, struct opened *k, enum list_end end)
{
    static const struct slice one = {"1", 1};
    list_drop(opened_value(k), end, 1, call_values(c));
    opened_did(k, end == LIST_LEFT ? EFFECT_LPOP : EFFECT_RPOP, &one, 1);
}

static enum event_name push_event(enum list_end end)
{
    return end == LIST_LEFT ? EVENT_LPUSH : EVENT_RPUSH;
}

static enum event_name pop_event(enum list_end end)
{
    return end == LIST_LEFT ? EVENT_LPOP : EVENT_RPOP;
}

/* Within one list. First the push, as the events have it: so the list is never empty on the way. */
static struct slice rotate(struct call *c, struct slice key, enum list_end from, enum list_end to)
{
    struct opened k;
    struct slice text = keep_end(c, key, from);
    gate_open(c->engine, &k, c->db, key);
    pushes(c, &k, to, text);
    opened_note(&k, push_event(to), NULL, 0);
    pops(c, &k, from);
    gate_close(&k, pop_event(from));
    return text;
}

/* Moves one element; false when there is none. The lists are changed one after the other, for the
 * one that comes into being or ends may shift the place of the other. */
static bool move(struct call *c, struct slice from_key, struct slice to_key, enum list_end from,
                 enum list_end to)
{
    struct opened k;
    struct slice text;
    if (!call_open_value(c, &k, from_key, TYPE_LIST)) return true;
    bool found = opened_entry(&k) != NULL;
    gate_close_unchanged(&k);
    if (!found) return false;
    if (slice_equal(from_key, to_key)) {
        text = rotate(c, from_key, from, to);
    } else {
        if (!call_open_value(c, &k, to_key, TYPE_LIST)) return true;
        text = keep_end(c, from_key, from);
        pushes(c, &k, to, text);
        gate_close(&k, push_event(to));
        gate_open(c->engine, &k, c->db, from_key);
        pops(c, &k, from);
        opened_is_counted(&k);
        gate_close(&k, pop_event(from));
    }
    resp_bulk(&c->reply, text);
    return true;
}

static void lmove_command(struct call *c)
{
    enum list_end from, to;
    if (!list_read_end(c, 3, &from) || !list_read_end(c, 4, &to)) return;
    if (!move(c, call_arg(c, 1), call_arg(c, 2), from, to)) resp_null(&c->reply);
}

static void rpoplpush_command(struct call *c)
{
    if (!move(c, call_arg(c, 1), call_arg(c, 2), LIST_RIGHT, LIST_LEFT)) resp_null(&c->reply);
}

/* ---- BLMOVE, BRPOPLPUSH ---- */

/* `options`: which ends. */
enum { FROM_RIGHT = 1, TO_RIGHT = 2 };

static bool serve_move(struct call *c, const struct blocking *b, struct slice key)
{
    enum list_end from = b->options & FROM_RIGHT ? LIST_RIGHT : LIST_LEFT;
    enum list_end to = b->options & TO_RIGHT ? LIST_RIGHT : LIST_LEFT;
    return move(c, key, call_arg(c, 2), from, to);
}

static void reply_null(struct call *c)
{
    resp_null(&c->reply);
}

static void move_or_wait(struct call *c, int timeout_at, unsigned ends)
{
    struct blocking b = {.type = TYPE_LIST,
                         .first = 1,
                         .keys = 1,
                         .serve = serve_move,
                         .cannot_wait = reply_null,
                         .options = ends};
    if (call_timeout(c, timeout_at, &b.deadline_ms)) block_on_keys(c, &b);
}

static void blmove_command(struct call *c)
{
    enum list_end from, to;
    if (!list_read_end(c, 3, &from) || !list_read_end(c, 4, &to)) return;
    move_or_wait(c, 5, (from == LIST_RIGHT ? FROM_RIGHT : 0u) | (to == LIST_RIGHT ? TO_RIGHT : 0u));
}

static void brpoplpush_command(struct call *c)
{
    move_or_wait(c, 3, FROM_RIGHT);
}

/* ---- BLPOP, BRPOP ---- */

/* Opens a list to pop from it. False when there is none; with *failed, after writing the error. */
static bool open_list(struct call *c, struct opened *k, struct slice key, bool *failed)
{
    *failed = !call_open_value(c, k, key, TYPE_LIST);
    if (*failed) return false;
    if (opened_entry(k)) return true;
    gate_close_unchanged(k);
    return false;
}

static bool serve_pop(struct call *c, const struct blocking *b, struct slice key)
{
    struct opened k;
    bool failed;
    if (!open_list(c, &k, key, &failed)) return failed;
    resp_array(&c->reply, 2);
    resp_bulk(&c->reply, key);
    list_pop_one(c, &k, b->options & FROM_RIGHT ? LIST_RIGHT : LIST_LEFT);
    return true;
}

static void pop_or_wait(struct call *c, unsigned ends)
{
    struct blocking b = {
        .type = TYPE_LIST, .first = 1, .keys = c->argc - 2, .serve = serve_pop, .options = ends};
    if (call_timeout(c, c->argc - 1, &b.deadline_ms)) block_on_keys(c, &b);
}

static void blpop_command(struct call *c)
{
    pop_or_wait(c, 0);
}

static void brpop_command(struct call *c)
{
    pop_or_wait(c, FROM_RIGHT);
}

/* ---- LMPOP, BLMPOP ---- */

static bool serve_range(struct call *c, const struct blocking *b, struct slice key)
{
    struct opened k;
    bool failed;
    if (!open_list(c, &k, key, &failed)) return failed;
    resp_array(&c->reply, 2);
    resp_bulk(&c->reply, key);
    list_pop_range(c, &k, b->options & FROM_RIGHT ? LIST_RIGHT : LIST_LEFT, (size_t)b->count);
    return true;
}

/* numkeys key … LEFT|RIGHT [COUNT n], from argument `i` on. */
static bool read_range(struct call *c, int i, struct blocking *b)
{
    int64_t keys;
    enum list_end end;
    if (!call_int_from(c, i, 1, "ERR numkeys should be greater than 0", &keys)) return false;
    if (keys >= c->argc - i - 1) {
        call_syntax_error(c);
        return false;
    }
    int at = i + 1 + (int)keys;
    if (!list_read_end(c, at, &end)) return false;
    *b = (struct blocking){.type = TYPE_LIST,
                           .first = i + 1,
                           .keys = (int)keys,
                           .serve = serve_range,
                           .count = 1,
                           .options = end == LIST_RIGHT ? FROM_RIGHT : 0};
    if (++at == c->argc) return true;
    if (at + 2 == c->argc && call_arg_is(c, at, "count"))
        return call_int_from(c, at + 1, 1, "ERR count should be greater than 0", &b->count);
    /* Of a COUNT that is said twice, the first one may be what is wrong. */
    if (at + 2 < c->argc && call_arg_is(c, at, "count") &&
        !call_int_from(c, at + 1, 1, "ERR count should be greater than 0", &b->count))
        return false;
    call_syntax_error(c);
    return false;
}

static void lmpop_command(struct call *c)
{
    struct blocking b;
    if (!read_range(c, 1, &b)) return;
    for (int i = 0; i < b.keys; i++)
        if (serve_range(c, &b, call_arg(c, b.first + i))) return;
    resp_null_array(&c->reply);
}

static void blmpop_command(struct call *c)
{
    struct blocking b;
    if (read_range(c, 2, &b) && call_timeout(c, 1, &b.deadline_ms)) block_on_keys(c, &b);
}

void list_bind_moves(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"lmove", lmove_command},   {"rpoplpush", rpoplpush_command},
        {"blmove", blmove_command}, {"brpoplpush", brpoplpush_command},
        {"blpop", blpop_command},   {"brpop", brpop_command},
        {"lmpop", lmpop_command},   {"blmpop", blmpop_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
