/* Strings as rows of bits. */
#include "../value/bits.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "call.h"

/* Reads an offset in bits; `#3` stands for the fourth field of `width` bits, where that is not 0.
 * False after writing the error. */
static bool read_offset(struct call *c, int i, unsigned width, uint64_t *out)
{
    struct slice text = call_arg(c, i);
    int64_t n;
    bool of_fields = width && text.len && text.at[0] == '#';
    bool valid = text_to_int(slice_from(text, of_fields), &n) && n >= 0;
    if (valid && of_fields) valid = !__builtin_mul_overflow(n, width, &n);
    if (!valid || (uint64_t)n / 8 >= c->string_max) {
        resp_error(&c->reply, SLICE("ERR bit offset is not an integer or out of range"));
        return false;
    }
    *out = (uint64_t)n;
    return true;
}

/* ---- one bit ---- */

static void setbit(struct call *c)
{
    uint64_t at;
    int64_t bit;
    struct opened k;
    if (!read_offset(c, 2, 0, &at)) return;
    if (!text_to_int(call_arg(c, 3), &bit) || bit >> 1) {
        resp_error(&c->reply, SLICE("ERR bit is not an integer or out of range"));
        return;
    }
    if (!call_open_string(c, &k, call_arg(c, 1))) return;
    struct slice old = opened_entry(&k) ? entry_string(opened_entry(&k)) : SLICE("");
    bool was = bits_get(old, at);
    size_t byte = (size_t)(at / 8);
    if (!call_can_grow(c, &k, byte + 1)) return;
    if (byte < old.len && was == bit) {
        opened_unshare_string(&k);
        gate_close_unchanged(&k);
    } else {
        char *to = opened_write_string(&k, byte, 1);
        unsigned mask = 0x80u >> (at & 7);
        *to = (char)(bit ? *to | mask : *to & ~mask);
        gate_close(&k, EVENT_SETBIT);
    }
    resp_int(&c->reply, was);
}

static void getbit(struct call *c)
{
    uint64_t at;
    struct slice value;
    if (!read_offset(c, 2, 0, &at)) return;
    if (call_read_string(c, call_arg(c, 1), &value) >= 0) resp_int(&c->reply, bits_get(value, at));
}

/* ---- counting and finding ---- */

/* Reads BYTE or BIT: how many bits the unit of a range has; 0 after writing the error. */
static unsigned read_unit(struct call *c, int i)
{
    if (call_arg_is(c, i, "bit")) return 1;
    if (call_arg_is(c, i, "byte")) return 8;
    call_syntax_error(c);
    return 0;
}

static bool range_in_bits(int64_t start, int64_t end, size_t len, unsigned unit, uint64_t *from,
                          uint64_t *to)
{
    if (!string_range(start, end, (uint64_t)len * 8 / unit, from, to)) return false;
    *from *= unit;
    *to *= unit;
    return true;
}

static void bitcount(struct call *c)
{
    struct slice value;
    int64_t start = 0, end = -1;
    uint64_t from, to;
    unsigned unit = 8;
    int found = call_read_string(c, call_arg(c, 1), &value);
    if (found == 0) resp_int(&c->reply, 0); /* whatever the other arguments are */
    if (found <= 0) return;
    if (c->argc == 3 || c->argc > 5) {
        call_syntax_error(c);
        return;
    }
    if (c->argc > 3) {
        if (!call_int(c, 2, &start) || !call_int(c, 3, &end)) return;
        if (start < 0 && end < 0 && start > end) {
            resp_int(&c->reply, 0);
            return;
        }
    }
    if (c->argc == 5 && !(unit = read_unit(c, 4))) return;
    bool some = range_in_bits(start, end, value.len, unit, &from, &to);
    resp_int(&c->reply, some ? (int64_t)bits_count(value, from, to) : 0);
}

/* Reads the range that BITPOS looks at; false after writing the error. */
static bool read_range(struct call *c, int64_t *start, int64_t *end, unsigned *unit)
{
    *start = 0, *end = -1, *unit = 8;
    if (c->argc > 3 && !call_int(c, 3, start)) return false;
    if (c->argc > 5 && !(*unit = read_unit(c, 5))) return false;
    return c->argc < 5 || call_int(c, 4, end);
}

static void bitpos(struct call *c)
{
    struct slice value;
    int64_t bit, start, end;
    uint64_t from, to;
    unsigned unit;
    if (!call_int(c, 2, &bit)) return;
    if (bit != 0 && bit != 1) {
        resp_error(&c->reply, SLICE("ERR The bit argument must be 1 or 0."));
        return;
    }
    int found = call_read_string(c, call_arg(c, 1), &value);
    if (found == 0) resp_int(&c->reply, bit ? -1 : 0); /* whatever the other arguments are */
    if (found <= 0) return;
    if (c->argc > 6) {
        call_syntax_error(c);
        return;
    }
    if (!read_range(c, &start, &end, &unit)) return;
    int64_t at = -1;
    if (range_in_bits(start, end, value.len, unit, &from, &to)) {
        at = bits_find(value, from, to, bit);
        /* Where no end was given, the string is taken to go on with zeros. */
        if (at < 0 && !bit && c->argc < 5) at = (int64_t)to;
    }
    resp_int(&c->reply, at);
}

/* ---- BITOP ---- */

static bool read_op(struct call *c, enum bits_op *op)
{
    static const char *const words[] = {
        [BITS_AND] = "and", [BITS_OR] = "or", [BITS_XOR] = "xor", [BITS_NOT] = "not"};
    for (int i = 0; i <= BITS_NOT; i++) {
        if (!call_arg_is(c, 1, words[i])) continue;
        *op = (enum bits_op)i;
        if (*op != BITS_NOT || c->argc == 4) return true;
        resp_error(&c->reply, SLICE("ERR BITOP NOT must be called with a single source key."));
        return false;
    }
    call_syntax_error(c);
    return false;
}

/* The length of the longest source, or -1 after writing the error. */
static int64_t longest(struct call *c)
{
    size_t len = 0;
    for (int i = 3; i < c->argc; i++) {
        struct slice value;
        if (call_read_string(c, call_arg(c, i), &value) < 0) return -1;
        if (value.len > len) len = value.len;
    }
    return (int64_t)len;
}

/* The sources have been read before, so none is put away now, and all stay where they are. */
static void combine_sources(struct call *c, enum bits_op op, char *to, size_t len)
{
    size_t n = (size_t)c->argc - 3;
    struct slice *sources = mem_alloc(n * sizeof *sources);
    for (size_t i = 0; i < n; i++) {
        const struct entry *e =
            gate_read(c->engine, c->db, call_arg(c, 3 + (int)i), READ_QUIET | READ_NO_TOUCH);
        sources[i] = e ? entry_string(e) : SLICE("");
    }
    bits_combine(op, to, len, sources, n);
    mem_free(sources, n * sizeof *sources);
}

static void store_result(struct call *c, struct slice result)
{
    struct opened k;
    if (result.len) {
        gate_open(c->engine, &k, c->db, call_arg(c, 2));
        opened_set_result(&k, result);
        gate_close(&k, EVENT_SET);
    } else if (gate_open_unread(c->engine, &k, c->db, call_arg(c, 2))) {
        opened_delete(&k);
        gate_close(&k, EVENT_DEL);
    } else {
        gate_close_unchanged(&k);
    }
}

static void bitop(struct call *c)
{
    enum bits_op op;
    if (!read_op(c, &op)) return;
    int64_t len = longest(c);
    if (len < 0 || !call_can_have(c, CALL_VALUE_TIMES * (size_t)len)) return;
    char *result = mem_try_alloc((size_t)len);
    if (!result) {
        call_no_memory(c);
        return;
    }
    combine_sources(c, op, result, (size_t)len);
    store_result(c, slice_of(result, (size_t)len));
    mem_free(result, (size_t)len);
    resp_int(&c->reply, len);
}

/* ---- BITFIELD ---- */

struct field_op {
    enum { FIELD_GET, FIELD_SET, FIELD_INCRBY } verb;
    struct bits_field field;
    uint64_t at;
    int64_t value;
    enum bits_overflow overflow;
};

/* A walk over the arguments: it is made twice, to check everything and then to do it. */
struct field_walk {
    int at;
    enum bits_overflow overflow; /* as the last OVERFLOW said */
};

static const struct field_walk FIELDS_BEGIN = {.at = 2, .overflow = BITS_WRAP};

static bool read_overflow(struct call *c, int i, enum bits_overflow *out)
{
    if (call_arg_is(c, i, "wrap")) {
        *out = BITS_WRAP;
    } else if (call_arg_is(c, i, "sat")) {
        *out = BITS_SATURATE;
    } else if (call_arg_is(c, i, "fail")) {
        *out = BITS_FAIL;
    } else {
        resp_error(&c->reply, SLICE("ERR Invalid OVERFLOW type specified"));
        return false;
    }
    return true;
}

static bool read_field(struct call *c, int i, struct bits_field *out)
{
    struct slice text = call_arg(c, i);
    bool is_signed = text.len && text.at[0] == 'i', is_unsigned = text.len && text.at[0] == 'u';
    int64_t width;
    if ((!is_signed && !is_unsigned) || !text_to_int(slice_from(text, 1), &width) || width < 1 ||
        width > (is_signed ? 64 : 63)) {
        resp_error(&c->reply, SLICE("ERR Invalid bitfield type. Use something like i16 u8. Note "
                                    "that u64 is not supported but i64 is."));
        return false;
    }
    *out = (struct bits_field){.is_signed = is_signed, .width = (uint8_t)width};
    return true;
}

/* The next operation: 1, 0 at the end, -1 after writing the error. */
static int next_op(struct call *c, struct field_walk *w, struct field_op *op)
{
    while (w->at + 1 < c->argc && call_arg_is(c, w->at, "overflow")) {
        if (!read_overflow(c, w->at + 1, &w->overflow)) return -1;
        w->at += 2;
    }
    int i = w->at, following = c->argc - 1 - i;
    if (following < 0) return 0;
    if (following >= 2 && call_arg_is(c, i, "get")) {
        op->verb = FIELD_GET;
    } else if (following >= 3 && call_arg_is(c, i, "set")) {
        op->verb = FIELD_SET;
    } else if (following >= 3 && call_arg_is(c, i, "incrby")) {
        op->verb = FIELD_INCRBY;
    } else {
        call_syntax_error(c);
        return -1;
    }
    op->overflow = w->overflow;
    if (!read_field(c, i + 1, &op->field)) return -1;
    if (!read_offset(c, i + 2, op->field.width, &op->at)) return -1;
    if (op->verb != FIELD_GET && !call_int(c, i + 3, &op->value)) return -1;
    w->at += op->verb == FIELD_GET ? 3 : 4;
    return 1;
}

/* What a first walk finds out. */
struct field_summary {
    size_t ops;
    bool writes;
    size_t bytes; /* that the string must have for all writes to be within */
};

static size_t last_byte(const struct field_op *op)
{
    return (size_t)((op->at + op->field.width - 1) / 8);
}

static bool check_ops(struct call *c, struct field_summary *out)
{
    struct field_walk w = FIELDS_BEGIN;
    struct field_op op;
    int more;
    *out = (struct field_summary){0};
    while ((more = next_op(c, &w, &op)) > 0) {
        out->ops++;
        if (op.verb == FIELD_GET) continue;
        out->writes = true;
        if (last_byte(&op) >= out->bytes) out->bytes = last_byte(&op) + 1;
    }
    return more == 0;
}

static void read_fields(struct call *c, const struct field_summary *s)
{
    struct slice value;
    struct field_walk w = FIELDS_BEGIN;
    struct field_op op;
    if (call_read_string(c, call_arg(c, 1), &value) < 0) return;
    resp_array(&c->reply, s->ops);
    while (next_op(c, &w, &op) > 0) resp_int(&c->reply, bits_field_get(value, op.at, op.field));
}

static struct slice opened_bytes(const struct opened *k)
{
    return opened_entry(k) ? entry_string(opened_entry(k)) : SLICE("");
}

/* Carries out one operation on the open key and answers it. Did it write, or try to write what is
 * there already? */
static bool run_op(struct call *c, struct opened *k, const struct field_op *op)
{
    int64_t old = bits_field_get(opened_bytes(k), op->at, op->field), fresh;
    if (op->verb == FIELD_GET) {
        resp_int(&c->reply, old);
        return false;
    }
    bool adds = op->verb == FIELD_INCRBY;
    if (!bits_field_fit(op->field, op->overflow, adds ? old : op->value, adds ? op->value : 0,
                        &fresh)) {
        resp_null(&c->reply);
        return false;
    }
    if (fresh != old) {
        size_t first = (size_t)(op->at / 8);
        char *to = opened_write_string(k, first, last_byte(op) + 1 - first);
        bits_field_set(to, op->at & 7, op->field, fresh);
    }
    resp_int(&c->reply, adds ? fresh : old);
    return true;
}

static void write_fields(struct call *c, const struct field_summary *s)
{
    struct opened k;
    struct field_walk w = FIELDS_BEGIN;
    struct field_op op;
    bool wrote = false;
    if (!call_open_string(c, &k, call_arg(c, 1))) return;
    if (!call_can_grow(c, &k, s->bytes)) return;
    resp_array(&c->reply, s->ops);
    while (next_op(c, &w, &op) > 0) wrote |= run_op(c, &k, &op);

    /* The string grows to hold all fields that are written, with zeros where nothing was. */
    if (opened_bytes(&k).len < s->bytes) *opened_write_string(&k, s->bytes - 1, 1) = 0;
    if (k.changed && wrote) {
        gate_close(&k, EVENT_SETBIT);
    } else if (k.changed) {
        gate_close_unheard(&k, "room for fields that OVERFLOW FAIL left alone");
    } else {
        opened_unshare_string(&k);
        gate_close_unchanged(&k);
    }
}

static void bitfield(struct call *c)
{
    struct field_summary s;
    if (!check_ops(c, &s)) return;
    if (s.writes)
        write_fields(c, &s);
    else
        read_fields(c, &s);
}

static void bitfield_ro(struct call *c)
{
    struct field_summary s;
    if (!check_ops(c, &s)) return;
    if (s.writes)
        resp_error(&c->reply, SLICE("ERR BITFIELD_RO only supports the GET subcommand"));
    else
        read_fields(c, &s);
}

void command_bind_bits(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"setbit", setbit},           {"getbit", getbit}, {"bitcount", bitcount},
        {"bitpos", bitpos},           {"bitop", bitop},   {"bitfield", bitfield},
        {"bitfield_ro", bitfield_ro},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
