/* XRANGE, XREVRANGE, XLEN. */
#include "stream.h"

static bool range_go_on(struct call *c, struct asking *a)
{
    const struct view_answer *answer = view_answer(a->question);
    if (stream_is_error(c, answer)) return true;
    resp_array(&c->reply, answer->count);
    resp_raw(&c->reply, buffer_slice(&answer->bytes));
    return true;
}

/* COUNT, or -1 when there is none; false after writing the error. */
static bool parse_count(struct call *c, int64_t *count)
{
    *count = -1;
    for (int i = 4; i < c->argc; i += 2) {
        if (i + 1 == c->argc || !call_arg_is(c, i, "count")) {
            call_syntax_error(c);
            return false;
        }
        if (!call_int(c, i + 1, count)) return false;
        if (*count < 0) *count = 0;
    }
    return true;
}

static void range_command(struct call *c, bool reverse)
{
    struct view_range range = {.name = call_arg(c, 1), .reverse = reverse};
    bool first_open, last_open;
    int64_t count;
    if (!stream_range_end(c, reverse ? 3 : 2, false, &range.first, &first_open)) return;
    if (!stream_range_end(c, reverse ? 2 : 3, true, &range.last, &last_open)) return;
    if (!parse_count(c, &count)) return;
    const struct stream *stored;
    enum stream_kind kind = stream_kind(c, call_arg(c, 1), &stored);
    if (kind == STREAM_WRONG) return;
    if (kind != STREAM_NONE && !count) {
        resp_null_array(&c->reply);
        return;
    }
    if (kind == STREAM_NONE || id_compare(range.first, range.last) > 0) {
        resp_array(&c->reply, 0);
        return;
    }
    range.count = count < 0 ? SIZE_MAX : (size_t)count;
    range.gap = !first_open;
    if (stored) {
        struct stream_cursor cursor;
        stream_seek(&cursor, stored, range.first, range.last, reverse);
        stream_reply_rest(&c->reply, &cursor, range.count);
        return;
    }
    struct asking *a = asking_new(c, sizeof *a, range_go_on);
    asking_range(c, a, &range);
    asking_run(c, a);
}

static void xrange_command(struct call *c)
{
    range_command(c, false);
}

static void xrevrange_command(struct call *c)
{
    range_command(c, true);
}

/* ---- XLEN ---- */

void asking_length(struct call *c, struct asking *a, struct slice view)
{
    asking_range(
        c, a,
        &(struct view_range){.name = view, .last = ID_LAST, .count = SIZE_MAX, .counts = true});
}

static bool length_go_on(struct call *c, struct asking *a)
{
    const struct view_answer *answer = view_answer(a->question);
    if (!stream_is_error(c, answer)) resp_int(&c->reply, (int64_t)answer->total);
    return true;
}

static void xlen_command(struct call *c)
{
    const struct stream *stored;
    enum stream_kind kind = stream_kind(c, call_arg(c, 1), &stored);
    if (kind == STREAM_NONE) resp_int(&c->reply, 0);
    if (stored) resp_int(&c->reply, (int64_t)stored->length);
    if (kind != STREAM_VIEW) return;
    struct asking *a = asking_new(c, sizeof *a, length_go_on);
    asking_length(c, a, call_arg(c, 1));
    asking_run(c, a);
}

void stream_bind_range(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"xrange", xrange_command}, {"xrevrange", xrevrange_command}, {"xlen", xlen_command}};
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
