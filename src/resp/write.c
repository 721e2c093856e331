#include "write.h"

#include "../base/assert.h"
#include "../base/mem.h"
#include "../base/text.h"

#include <stdarg.h>
#include <stdio.h>

/* A mark, a number and a line end. */
enum { HEADER_MAX = 1 + TEXT_INT_MAX + 2 };
/* What stands around a verbatim text beside that: `txt:` and a line end. */
enum { VERBATIM_MAX = 4 + 2 };

static inline char *put(char *at, const void *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

static inline char *put_line_end(char *at)
{
    return put(at, "\r\n", 2);
}

static inline char *put_header(char *at, char mark, uint64_t number)
{
    *at++ = mark;
    if (number < 10)
        *at++ = (char)('0' + number);
    else
        at += text_from_uint(at, number);
    return put_line_end(at);
}

static inline void finish(struct resp_writer *w, const char *end)
{
    w->out->len = (size_t)(end - w->out->at);
}

static inline bool is_resp3(const struct resp_writer *w)
{
    return w->proto >= 3;
}

static void add_header(struct resp_writer *w, char mark, uint64_t number)
{
    finish(w, put_header(buffer_reserve(w->out, HEADER_MAX), mark, number));
}

static void add_text(struct resp_writer *w, struct slice text)
{
    buffer_add(w->out, text.at, text.len);
}

/* A line break inside would end the reply early and turn the rest into a reply of its own. */
static void blank_line_breaks(char *at, const char *end)
{
    for (; at < end; at++)
        if (*at == '\r' || *at == '\n') *at = ' ';
}

static void add_line(struct resp_writer *w, char mark, struct slice text)
{
    char *at = buffer_reserve(w->out, text.len + 3);
    *at++ = mark;
    char *end = at;
    if (text.len) end = put(at, text.at, text.len);
    blank_line_breaks(at, end);
    finish(w, put_line_end(end));
}

void resp_simple(struct resp_writer *w, struct slice text)
{
    add_line(w, '+', text);
}

void resp_ok(struct resp_writer *w)
{
    add_text(w, SLICE("+OK\r\n"));
}

void resp_error(struct resp_writer *w, struct slice text)
{
    add_line(w, '-', text);
}

void resp_errorf(struct resp_writer *w, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(len >= 0);
    /* One byte more than is used, for printf's NUL. */
    char *at = buffer_reserve(w->out, (size_t)len + 4);
    *at++ = '-';
    vsnprintf(at, (size_t)len + 1, format, again);
    va_end(again);
    blank_line_breaks(at, at + len);
    finish(w, put_line_end(at + len));
}

void resp_int(struct resp_writer *w, int64_t value)
{
    if (value >= 0) {
        add_header(w, ':', (uint64_t)value);
        return;
    }
    char *at = buffer_reserve(w->out, HEADER_MAX);
    *at++ = ':';
    at += text_from_int(at, value);
    finish(w, put_line_end(at));
}

/* Would a string of this length pass the bound? What a client asks for can be far larger than what
 * anyone would send it (MGET of a large value a million times): it must not be made first. */
static bool passes_bound(struct resp_writer *w, size_t len)
{
    if (!w->out_max || w->cut) return w->cut;
    w->cut = len > w->out_max || w->out->len > w->out_max - len;
    if (w->cut) return true;
    size_t cap = buffer_cap_for(w->out, len + HEADER_MAX + VERBATIM_MAX);
    /* Twice: it is copied once more where it waits to be sent. */
    if (cap > w->out->cap) w->cut = w->no_memory = !mem_can_alloc(2 * cap);
    return w->cut;
}

void resp_bulk(struct resp_writer *w, struct slice bytes)
{
    if (passes_bound(w, bytes.len)) return;
    char *at = buffer_reserve(w->out, HEADER_MAX + bytes.len + 2);
    at = put_header(at, '$', bytes.len);
    if (bytes.len) at = put(at, bytes.at, bytes.len);
    finish(w, put_line_end(at));
}

void resp_raw(struct resp_writer *w, struct slice replies)
{
    if (!passes_bound(w, replies.len)) buffer_add_slice(w->out, replies);
}

void resp_made(struct resp_writer *w, const struct resp_writer *made)
{
    w->cut |= made->cut;
    w->no_memory |= made->no_memory;
    resp_raw(w, buffer_slice(made->out));
}

void resp_bulk_text(struct resp_writer *w, const char *text)
{
    resp_bulk(w, slice_text(text));
}

void resp_bulk_int(struct resp_writer *w, int64_t value)
{
    char digits[TEXT_INT_MAX];
    resp_bulk(w, slice_of(digits, text_from_int(digits, value)));
}

void resp_null(struct resp_writer *w)
{
    add_text(w, is_resp3(w) ? SLICE("_\r\n") : SLICE("$-1\r\n"));
}

void resp_null_array(struct resp_writer *w)
{
    add_text(w, is_resp3(w) ? SLICE("_\r\n") : SLICE("*-1\r\n"));
}

void resp_array(struct resp_writer *w, size_t count)
{
    add_header(w, '*', count);
}

void resp_map(struct resp_writer *w, size_t pairs)
{
    if (is_resp3(w))
        add_header(w, '%', pairs);
    else
        add_header(w, '*', pairs * 2);
}

void resp_set(struct resp_writer *w, size_t count)
{
    add_header(w, is_resp3(w) ? '~' : '*', count);
}

void resp_push(struct resp_writer *w, size_t count)
{
    add_header(w, is_resp3(w) ? '>' : '*', count);
}

void resp_attribute(struct resp_writer *w, size_t pairs)
{
    /* RESP2 has no place for it: the reply that it belongs to would be lost behind it. */
    CHECK(is_resp3(w));
    add_header(w, '|', pairs);
}

void resp_double(struct resp_writer *w, double value)
{
    char text[TEXT_DOUBLE_MAX];
    resp_double_text(w, slice_of(text, text_from_double(text, value)));
}

void resp_double_text(struct resp_writer *w, struct slice digits)
{
    if (is_resp3(w))
        add_line(w, ',', digits);
    else
        resp_bulk(w, digits);
}

void resp_bool(struct resp_writer *w, bool value)
{
    if (is_resp3(w))
        add_text(w, value ? SLICE("#t\r\n") : SLICE("#f\r\n"));
    else
        add_text(w, value ? SLICE(":1\r\n") : SLICE(":0\r\n"));
}

void resp_big_number(struct resp_writer *w, struct slice digits)
{
    if (is_resp3(w))
        add_line(w, '(', digits);
    else
        resp_bulk(w, digits);
}

void resp_verbatim(struct resp_writer *w, const char format[3], struct slice text)
{
    if (!is_resp3(w)) {
        resp_bulk(w, text);
        return;
    }
    if (passes_bound(w, text.len)) return;
    char *at = buffer_reserve(w->out, HEADER_MAX + text.len + VERBATIM_MAX);
    at = put_header(at, '=', text.len + 4);
    at = put(at, format, 3);
    *at++ = ':';
    if (text.len) at = put(at, text.at, text.len);
    finish(w, put_line_end(at));
}
