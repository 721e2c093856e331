/* Strings as texts and numbers: parts of them, and changes to the value that is there. */
#include "../base/text.h"
#include "string.h"

#include <math.h>

/* ---- parts ---- */

static void string_length(struct call *c)
{
    struct slice value;
    if (call_read_string(c, call_arg(c, 1), &value) >= 0) resp_int(&c->reply, (int64_t)value.len);
}

static void getrange(struct call *c)
{
    int64_t start, end;
    uint64_t from, to;
    struct slice value;
    if (!call_int(c, 2, &start) || !call_int(c, 3, &end)) return;
    if (call_read_string(c, call_arg(c, 1), &value) < 0) return;
    bool empty = start < 0 && end < 0 && start > end;
    if (!empty && string_range(start, end, value.len, &from, &to))
        resp_bulk(&c->reply, slice_of(value.at + from, (size_t)(to - from)));
    else
        resp_bulk(&c->reply, SLICE(""));
}

/* How long the string at an open key is; 0 when there is none. */
static size_t opened_length(const struct opened *k)
{
    return opened_entry(k) ? entry_string(opened_entry(k)).len : 0;
}

/* May an open string reach to at + more? False after closing it and writing the error. */
static bool fits(struct call *c, struct opened *k, size_t at, size_t more)
{
    if (at <= c->string_max && more <= c->string_max - at) return call_can_grow(c, k, at + more);
    gate_close_unchanged(k);
    resp_error(&c->reply, SLICE("ERR string exceeds maximum allowed size (proto-max-bulk-len)"));
    return false;
}

static void setrange(struct call *c)
{
    struct opened k;
    struct slice bytes = call_arg(c, 3);
    int64_t offset;
    if (!call_int(c, 2, &offset)) return;
    if (offset < 0) {
        resp_error(&c->reply, SLICE("ERR offset is out of range"));
        return;
    }
    if (!call_open_string(c, &k, call_arg(c, 1))) return;
    size_t len = opened_length(&k), end = (size_t)offset + bytes.len;
    if (!bytes.len) {
        gate_close_unchanged(&k);
        resp_int(&c->reply, (int64_t)len);
        return;
    }
    if (!fits(c, &k, (size_t)offset, bytes.len)) return;
    memcpy(opened_write_string(&k, (size_t)offset, bytes.len), bytes.at, bytes.len);
    gate_close(&k, EVENT_SETRANGE);
    resp_int(&c->reply, (int64_t)(end > len ? end : len));
}

static void append(struct call *c)
{
    struct opened k;
    struct slice bytes = call_arg(c, 2);
    if (!call_open_string(c, &k, call_arg(c, 1))) return;
    size_t len = opened_length(&k);
    if (opened_entry(&k) && !fits(c, &k, len, bytes.len)) return;
    opened_append_string(&k, bytes);
    gate_close(&k, EVENT_APPEND);
    resp_int(&c->reply, (int64_t)(len + bytes.len));
}

/* ---- numbers ---- */

static void refuse(struct call *c, struct opened *k, struct slice error)
{
    gate_close_unchanged(k);
    resp_error(&c->reply, error);
}

static void add(struct call *c, int64_t change)
{
    struct opened k;
    if (!call_open_string(c, &k, call_arg(c, 1))) return;
    int64_t number = 0;
    if (opened_entry(&k) && !text_to_int(entry_string(opened_entry(&k)), &number)) {
        gate_close_unchanged(&k);
        call_not_an_integer(c);
        return;
    }
    if (__builtin_add_overflow(number, change, &number)) {
        refuse(c, &k, SLICE("ERR increment or decrement would overflow"));
        return;
    }
    char digits[TEXT_INT_MAX];
    opened_update_string(&k, slice_of(digits, text_from_int(digits, number)), STRING_INT);
    gate_close(&k, EVENT_INCRBY);
    resp_int(&c->reply, number);
}

static void incr(struct call *c)
{
    add(c, 1);
}

static void decr(struct call *c)
{
    add(c, -1);
}

static void incrby(struct call *c)
{
    int64_t change;
    if (call_int(c, 2, &change)) add(c, change);
}

static void decrby(struct call *c)
{
    int64_t change;
    if (!call_int(c, 2, &change)) return;
    if (change == INT64_MIN)
        resp_error(&c->reply, SLICE("ERR decrement would overflow"));
    else
        add(c, -change);
}

static void incrbyfloat(struct call *c)
{
    struct opened k;
    if (!call_open_string(c, &k, call_arg(c, 1))) return;
    long double number = 0, change;
    if ((opened_entry(&k) && !text_to_long_double(entry_string(opened_entry(&k)), &number)) ||
        !text_to_long_double(call_arg(c, 2), &change)) {
        refuse(c, &k, SLICE("ERR value is not a valid float"));
        return;
    }
    number += change;
    if (isnan(number) || isinf(number)) {
        refuse(c, &k, SLICE("ERR increment would produce NaN or Infinity"));
        return;
    }
    char digits[TEXT_LONG_DOUBLE_MAX];
    struct slice text = slice_of(digits, text_from_long_double(digits, number));
    opened_update_string(&k, text, text.len <= STRING_EMBSTR_MAX ? STRING_EMBSTR : STRING_RAW);
    gate_close(&k, EVENT_INCRBYFLOAT);
    resp_bulk(&c->reply, text);
}

void string_bind_edits(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"strlen", string_length},
        {"getrange", getrange},
        {"substr", getrange},
        {"setrange", setrange},
        {"append", append},
        {"incr", incr},
        {"decr", decr},
        {"incrby", incrby},
        {"decrby", decrby},
        {"incrbyfloat", incrbyfloat},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
