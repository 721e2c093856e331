/* Looking for keys, KEYS and SCAN, and what all scans share. */
#include "scan.h"

#include "../base/glob.h"
#include "../base/mem.h"
#include "../base/text.h"

/* ---- what all scans share ---- */

/* As strtoul reads it: a sign may stand before, and nothing at all is 0. */
static bool read_cursor(struct slice text, uint64_t *cursor)
{
    bool is_signed = text.len && (text.at[0] == '-' || text.at[0] == '+');
    bool negative = is_signed && text.at[0] == '-';
    if (is_signed && text.len == 1) return false;
    *cursor = 0;
    for (size_t i = is_signed; i < text.len; i++) {
        unsigned digit = (unsigned char)text.at[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(*cursor, 10, cursor) ||
            __builtin_add_overflow(*cursor, digit, cursor))
            return false;
    }
    if (negative) *cursor = -*cursor;
    return true;
}

static void init(struct scan *s, struct call *c)
{
    *s = (struct scan){.call = c, .count = 10};
    s->writer = (struct resp_writer){.out = &s->bytes, .proto = c->reply.proto};
    /* Both parts of the reply are bounded as one. */
    size_t used = c->reply.out->len, max = c->reply.out_max;
    if (max) s->writer.out_max = max > used ? max - used : 1;
}

static void set_pattern(struct scan *s, struct slice pattern)
{
    bool all = slice_equal(pattern, SLICE("*")); /* which as a glob misses the empty name */
    s->pattern = all ? (struct slice){0} : pattern;
}

bool scan_begin(struct scan *s, struct call *c, int i)
{
    init(s, c);
    if (read_cursor(call_arg(c, i), &s->cursor)) return true;
    resp_error(&c->reply, SLICE("ERR invalid cursor"));
    return false;
}

static bool read_count(struct scan *s, int i)
{
    int64_t count;
    if (!call_int(s->call, i, &count)) return false;
    if (count < 1) {
        call_syntax_error(s->call);
        return false;
    }
    s->count = (size_t)count;
    return true;
}

/* Reads the option at argument i; how many arguments that were, 0 after writing the error. */
static int read_option(struct scan *s, int i, unsigned allowed)
{
    struct call *c = s->call;
    bool has_value = i + 1 < c->argc;
    if (call_arg_is(c, i, "COUNT") && has_value) return read_count(s, i + 1) ? 2 : 0;
    if (call_arg_is(c, i, "MATCH") && has_value) {
        set_pattern(s, call_arg(c, i + 1));
        return 2;
    }
    if ((allowed & SCAN_TYPE) && call_arg_is(c, i, "TYPE") && has_value) {
        s->type = call_arg(c, i + 1);
        return 2;
    }
    if ((allowed & SCAN_NOVALUES) && call_arg_is(c, i, "NOVALUES")) {
        s->no_values = true;
        return 1;
    }
    call_syntax_error(c);
    return 0;
}

bool scan_options(struct scan *s, int i, unsigned allowed)
{
    while (i < s->call->argc) {
        int words = read_option(s, i, allowed);
        if (!words) return false;
        i += words;
    }
    return true;
}

bool scan_likes(const struct scan *s, struct slice name)
{
    return !s->pattern.at || glob_match(s->pattern, name, false);
}

struct resp_writer *scan_item(struct scan *s)
{
    s->items++;
    return &s->writer;
}

bool scan_is_cut(const struct scan *s)
{
    return s->writer.cut;
}

static void reply_items(struct scan *s)
{
    struct resp_writer *reply = &s->call->reply;
    resp_array(reply, s->items);
    resp_made(reply, &s->writer);
    buffer_fini(&s->bytes);
}

static void reply_cursor(struct call *c, uint64_t cursor)
{
    char digits[TEXT_INT_MAX];
    resp_array(&c->reply, 2);
    resp_bulk(&c->reply, slice_of(digits, text_from_uint(digits, cursor)));
}

void scan_reply(struct scan *s)
{
    reply_cursor(s->call, s->cursor);
    reply_items(s);
}

void scan_nothing(struct call *c)
{
    reply_cursor(c, 0);
    resp_array(&c->reply, 0);
}

/* ---- KEYS ---- */

struct keys_walk {
    struct scan scan;
    int64_t now_ms;
};

static void keys_visit(void *ctx, void *entry)
{
    struct keys_walk *w = ctx;
    int64_t deadline = entry_deadline(entry);
    if (deadline >= 0 && deadline <= w->now_ms) return; /* hidden, but not put away */
    struct slice key = entry_key(entry);
    if (scan_likes(&w->scan, key)) resp_bulk(scan_item(&w->scan), key);
}

static void keys_command(struct call *c)
{
    enum { BUCKETS = 1024 };
    struct keys_walk w = {.now_ms = engine_now(c->engine)};
    init(&w.scan, c);
    set_pattern(&w.scan, call_arg(c, 1));
    uint64_t cursor = 0;
    engine_wait_for_all(c->engine);
    do cursor = keyspace_scan(engine_keyspace(c->engine), c->db, cursor, BUCKETS, keys_visit, &w);
    while (cursor);
    reply_items(&w.scan);
}

/* ---- SCAN ---- */

#define CURSOR_MASK (((uint64_t)1 << 48) - 1) /* see table_scan */

/* Entries that a scan has met. They are looked at after it, for one that is past its deadline is
 * put away then, and a table must not change while it is walked. */
struct met {
    const struct entry **at;
    size_t len, cap;
};

static void met_add(void *ctx, void *entry)
{
    struct met *m = ctx;
    if (m->len == m->cap) {
        size_t more = m->cap ? m->cap * 2 : 64;
        m->at = mem_resize(m->at, m->cap * sizeof *m->at, more * sizeof *m->at);
        m->cap = more;
    }
    m->at[m->len++] = entry;
}

static uint64_t collect(struct call *c, uint64_t cursor, size_t count, struct met *m)
{
    const struct keyspace *ks = engine_keyspace(c->engine);
    size_t buckets = count / 8 + 1;
    engine_wait_for_all(c->engine);
    for (int step = 0; step < 10; step++) {
        cursor = keyspace_scan(ks, c->db, cursor, buckets, met_add, m);
        if (!cursor || m->len >= count) break;
    }
    return cursor;
}

static void scan_command(struct call *c)
{
    struct scan s;
    struct met m = {0};
    if (!scan_begin(&s, c, 1) || !scan_options(&s, 2, SCAN_TYPE)) return;
    s.cursor = collect(c, s.cursor & CURSOR_MASK, s.count, &m);
    for (size_t i = 0; i < m.len; i++) {
        struct slice key = entry_key(m.at[i]);
        if (!scan_likes(&s, key)) continue;
        const struct entry *e = gate_read(c->engine, c->db, key, READ_QUIET | READ_NO_TOUCH);
        if (!e || (s.type.at && !slice_equal_nocase(s.type, value_type_text(entry_type(e)))))
            continue;
        resp_bulk(scan_item(&s), key);
    }
    mem_free(m.at, m.cap * sizeof *m.at);
    scan_reply(&s);
}

void command_bind_scan(struct command_table *t)
{
    static const struct command_binding rows[] = {{"keys", keys_command}, {"scan", scan_command}};
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
