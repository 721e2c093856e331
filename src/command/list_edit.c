/* Lists: elements by their place and by their text. */
#include "list.h"

#include "../base/text.h"

/* ---- LSET, LINSERT, LREM ---- */

static void lset_command(struct call *c)
{
    struct opened k;
    int64_t given;
    size_t index = 0;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_LIST)) return;
    bool good = false;
    if (!opened_entry(&k)) {
        call_no_such_key(c);
    } else if (call_int(c, 2, &given)) {
        struct value v = entry_value(opened_entry(&k));
        good = list_index(&v, given, &index);
        if (!good) resp_error(&c->reply, SLICE("ERR index out of range"));
    }
    if (!good) {
        gate_close_unchanged(&k);
        return;
    }
    list_set(opened_value(&k), index, call_arg(c, 3), call_values(c));
    opened_did(&k, EFFECT_LSET, c->argv + 2, 2);
    gate_close(&k, EVENT_LSET);
    resp_ok(&c->reply);
}

static void linsert_command(struct call *c)
{
    struct opened k;
    bool after = call_arg_is(c, 2, "after");
    if (!after && !call_arg_is(c, 2, "before")) {
        call_syntax_error(c);
        return;
    }
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_LIST)) return;
    struct value *v = opened_entry(&k) ? opened_value(&k) : NULL;
    if (!v || !list_insert(v, after, call_arg(c, 3), call_arg(c, 4), call_values(c))) {
        gate_close_unchanged(&k);
        resp_int(&c->reply, v ? -1 : 0);
        return;
    }
    resp_int(&c->reply, (int64_t)list_count(v));
    opened_did(&k, EFFECT_LINSERT, c->argv + 2, 3);
    gate_close(&k, EVENT_LINSERT);
}

static void lrem_command(struct call *c)
{
    struct opened k;
    int64_t count;
    if (!call_int(c, 2, &count)) return;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_LIST)) return;
    size_t removed = 0;
    if (opened_entry(&k))
        removed = list_remove_equal(opened_value(&k), count, call_arg(c, 3), call_values(c));
    resp_int(&c->reply, (int64_t)removed);
    if (!removed) {
        gate_close_unchanged(&k);
        return;
    }
    opened_did(&k, EFFECT_LREM, c->argv + 2, 2);
    gate_close(&k, EVENT_LREM);
}

/* ---- LPOS ---- */

struct places {
    size_t skip; /* matches to be passed over */
    bool backward;
    bool counted;  /* all matches are wanted, in an array */
    size_t count;  /* so many of them */
    size_t looked; /* at so many elements at most */
};

static bool read_rank(struct call *c, int i, struct places *p)
{
    int64_t rank;
    if (!call_int_between(c, i, -INT64_MAX, INT64_MAX, &rank)) return false;
    if (!rank)
        resp_error(&c->reply, SLICE("ERR RANK can't be zero: use 1 to start from the first match, "
                                    "2 from the second ... or use negative to start from the end "
                                    "of the list"));
    p->backward = rank < 0;
    p->skip = (size_t)(rank < 0 ? -rank : rank) - 1;
    return rank != 0;
}

/* A number of which 0 means all. */
static bool read_bound(struct call *c, int i, const char *error, size_t *out)
{
    int64_t n;
    bool good = text_to_int(call_arg(c, i), &n) && n >= 0;
    if (!good) resp_error(&c->reply, slice_text(error));
    *out = good && n ? (size_t)n : SIZE_MAX;
    return good;
}

static bool read_places(struct call *c, struct places *p)
{
    *p = (struct places){.count = 1, .looked = SIZE_MAX};
    for (int i = 3; i < c->argc; i += 2) {
        bool more = i + 1 < c->argc;
        if (more && call_arg_is(c, i, "rank")) {
            if (!read_rank(c, i + 1, p)) return false;
        } else if (more && call_arg_is(c, i, "count")) {
            if (!read_bound(c, i + 1, "ERR COUNT can't be negative", &p->count)) return false;
            p->counted = true;
        } else if (more && call_arg_is(c, i, "maxlen")) {
            if (!read_bound(c, i + 1, "ERR MAXLEN can't be negative", &p->looked)) return false;
        } else {
            call_syntax_error(c);
            return false;
        }
    }
    return true;
}

/* Writes the places that are wanted; returns how many. */
static size_t reply_places(struct call *c, const struct value *v, struct places p,
                           struct resp_writer *to)
{
    struct list_iter it;
    struct list_sought sought = list_sought(call_arg(c, 2));
    size_t last = list_count(v) - 1, found = 0;
    list_begin(&it, v, p.backward ? last : 0, p.backward);
    for (size_t i = 0; i < p.looked && found < p.count && list_next(&it); i++) {
        if (!list_is(&it, &sought)) continue;
        if (p.skip) {
            p.skip--;
            continue;
        }
        resp_int(to, (int64_t)(p.backward ? last - i : i));
        found++;
    }
    list_end(&it);
    return found;
}

static void lpos_command(struct call *c)
{
    struct places p;
    struct value v;
    if (!read_places(c, &p)) return;
    int found = call_read_value(c, call_arg(c, 1), TYPE_LIST, &v);
    if (found < 0) return;
    struct buffer bytes = {0};
    struct resp_writer to = {.out = &bytes, .proto = c->reply.proto};
    size_t count = found ? reply_places(c, &v, p, &to) : 0;
    if (p.counted)
        resp_array(&c->reply, count);
    else if (!count)
        resp_null(&c->reply);
    buffer_add_slice(c->reply.out, buffer_slice(&bytes));
    buffer_fini(&bytes);
}

void list_bind_edits(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"lset", lset_command},
        {"linsert", linsert_command},
        {"lrem", lrem_command},
        {"lpos", lpos_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
