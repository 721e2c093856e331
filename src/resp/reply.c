#include "reply.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

/* What one step of the parser works on. */
struct input {
    const char *bytes;
    size_t len;
};

void resp_reply_init(struct resp_reply_parser *p, size_t bytes_max, int64_t count_max)
{
    *p = (struct resp_reply_parser){.bytes_max = bytes_max, .count_max = count_max};
}

static enum resp_reply_status bad(struct resp_reply_parser *p, const char *what)
{
    snprintf(p->error, sizeof p->error, "Protocol error, %s", what);
    return RESP_REPLY_BAD;
}

static enum resp_reply_status beyond(struct resp_reply_parser *p, const char *what)
{
    snprintf(p->error, sizeof p->error, "Reply refused, %s", what);
    return RESP_REPLY_LIMIT;
}

static enum resp_reply_status bad_type(struct resp_reply_parser *p, unsigned char byte)
{
    const char *form = byte > ' ' && byte < 0x7f
                           ? "Protocol error, got \"%c\" as reply type byte"
                           : "Protocol error, got \"\\x%02x\" as reply type byte";
    snprintf(p->error, sizeof p->error, form, byte);
    return RESP_REPLY_BAD;
}

static enum resp_reply_status more(struct resp_reply_parser *p, size_t needed)
{
    p->bytes_needed = needed;
    return RESP_REPLY_MORE;
}

/* Finds the end of the line that begins after the type byte; `line` gets what lies between. */
static enum resp_reply_status take_line(struct resp_reply_parser *p, struct input in,
                                        struct slice *line)
{
    size_t from = p->scanned ? p->scanned : 1;
    while (from < in.len) {
        const char *cr = memchr(in.bytes + from, '\r', in.len - from);
        from = cr ? (size_t)(cr - in.bytes) : in.len;
        if (from > p->bytes_max) break;
        if (from + 1 >= in.len) break;
        if (cr[1] == '\n') {
            p->scanned = 0;
            *line = slice_of(in.bytes + 1, from - 1);
            return RESP_REPLY_TOKEN;
        }
        from++;
    }
    if (from > p->bytes_max) return beyond(p, "a line is too long");
    p->scanned = from;
    return more(p, in.len + 1);
}

/* Decimal, with an optional sign; false when it is not that or does not fit. */
static bool parse_int(struct slice s, int64_t *out)
{
    bool negative = s.len && s.at[0] == '-';
    size_t i = s.len && (s.at[0] == '-' || s.at[0] == '+') ? 1 : 0;
    if (i == s.len || s.len > RESP_REPLY_HEADER_MAX) return false;
    int64_t value = 0;
    for (; i < s.len; i++) {
        int digit = s.at[i] - '0';
        if (digit < 0 || digit > 9) return false;
        if (__builtin_mul_overflow(value, 10, &value)) return false;
        if (__builtin_add_overflow(value, negative ? -digit : digit, &value)) return false;
    }
    *out = value;
    return true;
}

/* strtod, but with a point whatever the program's locale is. */
static bool parse_double(struct slice s, double *out)
{
    char text[RESP_REPLY_DOUBLE_MAX + 1];
    if (s.len == 0 || s.len > RESP_REPLY_DOUBLE_MAX || strchr(" \t\n\v\f\r", s.at[0])) return false;
    memcpy(text, s.at, s.len);
    text[s.len] = '\0';
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) return false;
    char *end;
    *out = strtod_l(text, &end, plain);
    freelocale(plain);
    return end == text + s.len;
}

static bool is_big_number(struct slice s)
{
    size_t i = s.len && (s.at[0] == '-' || s.at[0] == '+') ? 1 : 0;
    if (i == s.len) return false;
    for (; i < s.len; i++)
        if (s.at[i] < '0' || s.at[i] > '9') return false;
    return true;
}

/* A value that is all in its line. */
static enum resp_reply_status line_value(struct resp_reply_parser *p, struct slice line,
                                         struct resp_token *out)
{
    out->text = line;
    switch (out->kind) {
    case RESP_KIND_INTEGER:
        if (!parse_int(line, &out->integer)) return bad(p, "an integer is none");
        break;
    case RESP_KIND_DOUBLE:
        if (!parse_double(line, &out->number)) return bad(p, "a double is none");
        break;
    case RESP_KIND_BOOL:
        if (line.len != 1 || (line.at[0] != 't' && line.at[0] != 'f'))
            return bad(p, "a boolean is neither t nor f");
        out->integer = line.at[0] == 't';
        break;
    case RESP_KIND_BIG_NUMBER:
        if (!is_big_number(line)) return bad(p, "a big number is none");
        break;
    case RESP_KIND_NULL:
        if (line.len) return bad(p, "a null has a value");
        break;
    default: break;
    }
    return RESP_REPLY_TOKEN;
}

/* A value whose length stands in its line: $, = and !. */
static enum resp_reply_status bulk_value(struct resp_reply_parser *p, struct input in,
                                         struct slice line, struct resp_token *out)
{
    int64_t len;
    if (!parse_int(line, &len) || len < -1) return bad(p, "a string's length is invalid");
    if (len == -1) {
        if (out->kind != RESP_KIND_STRING) return bad(p, "a string's length is invalid");
        out->kind = RESP_KIND_NULL;
        return RESP_REPLY_TOKEN;
    }
    if ((uint64_t)len > p->bytes_max) return beyond(p, "a string is too long");
    size_t head = out->size, whole = head + (size_t)len + 2;
    if (in.len < whole) return more(p, whole);
    if (memcmp(in.bytes + whole - 2, "\r\n", 2) != 0)
        return bad(p, "a string does not end in CRLF");
    out->text = slice_of(in.bytes + head, (size_t)len);
    out->size = whole;
    if (out->kind == RESP_KIND_VERBATIM) {
        if (len < 4 || out->text.at[3] != ':') return bad(p, "verbatim text has no format");
        memcpy(out->format, out->text.at, 3);
        out->text = slice_from(out->text, 4);
    }
    return RESP_REPLY_TOKEN;
}

static enum resp_reply_status aggregate_head(struct resp_reply_parser *p, struct slice line,
                                             struct resp_token *out)
{
    int64_t count;
    if (!parse_int(line, &count) || count < -1) return bad(p, "an aggregate's length is invalid");
    if (count == -1) {
        if (out->kind != RESP_KIND_ARRAY) return bad(p, "an aggregate's length is invalid");
        out->kind = RESP_KIND_NULL;
        return RESP_REPLY_TOKEN;
    }
    bool pairs = out->kind == RESP_KIND_MAP || out->kind == RESP_KIND_ATTRIBUTE;
    if (count > p->count_max / (pairs ? 2 : 1))
        return beyond(p, "an aggregate has too many elements");
    if (p->depth == RESP_REPLY_DEPTH_MAX) return beyond(p, "aggregates are nested too deep");
    out->count = (size_t)count * (pairs ? 2 : 1);
    return RESP_REPLY_TOKEN;
}

/* One element is complete: so is every aggregate of which it was the last, and perhaps the reply.
 * An attribute that is complete is no element of what it stands in. */
static void close_levels(struct resp_reply_parser *p, struct resp_token *out)
{
    while (p->depth > 0) {
        struct resp_reply_level *top = &p->open[p->depth - 1];
        if (--top->left > 0) return;
        p->depth--;
        if (top->attribute) return;
    }
    out->last = true;
}

static void account(struct resp_reply_parser *p, struct resp_token *out)
{
    out->depth = p->depth;
    bool attribute = out->kind == RESP_KIND_ATTRIBUTE;
    if (resp_kind_holds(out->kind) && out->count > 0)
        p->open[p->depth++] = (struct resp_reply_level){(int64_t)out->count, attribute};
    else if (!attribute)
        close_levels(p, out);
}

static const char types[] = "$+-:,#(=_*%~>|!";
static const enum resp_kind kinds[] = {
    RESP_KIND_STRING, RESP_KIND_STATUS,    RESP_KIND_ERROR,      RESP_KIND_INTEGER,
    RESP_KIND_DOUBLE, RESP_KIND_BOOL,      RESP_KIND_BIG_NUMBER, RESP_KIND_VERBATIM,
    RESP_KIND_NULL,   RESP_KIND_ARRAY,     RESP_KIND_MAP,        RESP_KIND_SET,
    RESP_KIND_PUSH,   RESP_KIND_ATTRIBUTE, RESP_KIND_ERROR,
};

enum resp_reply_status resp_reply_next(struct resp_reply_parser *p, const char *bytes, size_t len,
                                       struct resp_token *out)
{
    if (len == 0) return more(p, 1);
    const char *type = bytes[0] ? strchr(types, bytes[0]) : NULL;
    if (!type) return bad_type(p, (unsigned char)bytes[0]);

    struct input in = {bytes, len};
    struct slice line;
    enum resp_reply_status status = take_line(p, in, &line);
    if (status != RESP_REPLY_TOKEN) return status;

    *out = (struct resp_token){.kind = kinds[type - types], .size = line.len + 3};
    if (resp_kind_holds(out->kind))
        status = aggregate_head(p, line, out);
    else if (strchr("$=!", *type))
        status = bulk_value(p, in, line, out);
    else
        status = line_value(p, line, out);
    if (status == RESP_REPLY_TOKEN) account(p, out);
    return status;
}
