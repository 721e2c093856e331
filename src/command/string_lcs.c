/* LCS: what two strings have in common. */
#include "../base/mem.h"
#include "../value/lcs.h"
#include "string.h"

struct lcs_options {
    bool length_only, ranges, with_length;
    int64_t length_min; /* of a range to be shown */
};

static bool read_options(struct call *c, struct lcs_options *out)
{
    *out = (struct lcs_options){0};
    for (int i = 3; i < c->argc; i++) {
        if (call_arg_is(c, i, "len")) {
            out->length_only = true;
        } else if (call_arg_is(c, i, "idx")) {
            out->ranges = true;
        } else if (call_arg_is(c, i, "withmatchlen")) {
            out->with_length = true;
        } else if (call_arg_is(c, i, "minmatchlen") && i + 1 < c->argc) {
            if (!call_int(c, ++i, &out->length_min)) return false;
        } else {
            call_syntax_error(c);
            return false;
        }
    }
    if (out->length_only && out->ranges) {
        resp_error(&c->reply, SLICE("ERR If you want both the length and indexes, please just "
                                    "use IDX."));
        return false;
    }
    return true;
}

/* Reads both values; a key that does not exist is an empty one. */
static bool read_values(struct call *c, struct slice values[2])
{
    const struct entry *e[2];
    for (int i = 0; i < 2; i++) {
        e[i] = call_read(c, call_arg(c, 1 + i));
        values[i] = SLICE("");
    }
    /* Putting away a dead second key may have been a change: look again, now that all are alive. */
    if (e[0]) e[0] = gate_read(c->engine, c->db, call_arg(c, 1), READ_QUIET | READ_NO_TOUCH);
    for (int i = 0; i < 2; i++) {
        if (!e[i]) continue;
        if (entry_type(e[i]) != TYPE_STRING) {
            resp_error(&c->reply, SLICE("ERR The specified keys must contain string values"));
            return false;
        }
        values[i] = entry_string(e[i]);
    }
    return true;
}

/* Refuses what Redis refuses, whose table takes four bytes for each pair of bytes. */
static bool small_enough(struct call *c, const struct slice values[2])
{
    enum { REDIS_CELL = 4 };
    if (values[0].len >= UINT32_MAX - 1 || values[1].len >= UINT32_MAX - 1) {
        resp_error(&c->reply, SLICE("ERR String too long for LCS"));
        return false;
    }
    uint64_t cells = ((uint64_t)values[0].len + 1) * ((uint64_t)values[1].len + 1);
    if (cells <= c->string_max / REDIS_CELL) return true;
    resp_error(&c->reply, SLICE("ERR Insufficient memory, transient memory for LCS exceeds "
                                "proto-max-bulk-len"));
    return false;
}

static void reply_out_of_memory(struct call *c)
{
    resp_error(&c->reply, SLICE("ERR Insufficient memory, failed allocating transient memory for "
                                "LCS"));
}

static void reply_text(struct call *c, const struct lcs *l)
{
    char *text = mem_try_alloc(l->len);
    if (!text) {
        reply_out_of_memory(c);
        return;
    }
    struct lcs_walk w = lcs_walk(l);
    struct lcs_run run;
    size_t at = l->len;
    while (lcs_next_run(l, &w, &run)) {
        at -= run.len;
        memcpy(text + at, l->a.at + run.a, run.len);
    }
    resp_bulk(&c->reply, slice_of(text, l->len));
    mem_free(text, l->len);
}

static void reply_range(struct call *c, size_t start, size_t len)
{
    resp_array(&c->reply, 2);
    resp_int(&c->reply, (int64_t)start);
    resp_int(&c->reply, (int64_t)(start + len - 1));
}

static void reply_ranges(struct call *c, const struct lcs *l, const struct lcs_options *o)
{
    struct lcs_run run;
    size_t count = 0;
    for (struct lcs_walk w = lcs_walk(l); lcs_next_run(l, &w, &run);)
        count += (int64_t)run.len >= o->length_min;

    resp_map(&c->reply, 2);
    resp_bulk(&c->reply, SLICE("matches"));
    resp_array(&c->reply, count);
    for (struct lcs_walk w = lcs_walk(l); lcs_next_run(l, &w, &run);) {
        if ((int64_t)run.len < o->length_min) continue;
        resp_array(&c->reply, o->with_length ? 3 : 2);
        reply_range(c, run.a, run.len);
        reply_range(c, run.b, run.len);
        if (o->with_length) resp_int(&c->reply, (int64_t)run.len);
    }
    resp_bulk(&c->reply, SLICE("len"));
    resp_int(&c->reply, (int64_t)l->len);
}

static void lcs(struct call *c)
{
    struct lcs_options o;
    struct slice values[2];
    struct lcs l;
    if (!read_values(c, values) || !read_options(c, &o) || !small_enough(c, values)) return;
    if (lcs_init(&l, values[0], values[1], !o.length_only) < 0) {
        reply_out_of_memory(c);
        return;
    }
    if (o.length_only)
        resp_int(&c->reply, (int64_t)l.len);
    else if (o.ranges)
        reply_ranges(c, &l, &o);
    else
        reply_text(c, &l);
    lcs_fini(&l);
}

void string_bind_lcs(struct command_table *t)
{
    command_bind(t, "lcs", lcs);
}
