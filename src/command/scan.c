/* Looking for keys: KEYS and SCAN. */
#include "../base/glob.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "call.h"

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

/* An array whose length is known only when it is written. */
struct listing {
    struct buffer bytes;
    struct resp_writer writer;
    size_t count;
    struct slice pattern; /* .at NULL: all */
    bool all;
    int64_t now_ms;
};

static void listing_init(struct listing *l, struct call *c)
{
    *l = (struct listing){.now_ms = engine_now(c->engine)};
    l->writer = (struct resp_writer){.out = &l->bytes, .proto = c->reply.proto};
}

static void listing_reply(struct listing *l, struct call *c)
{
    resp_array(&c->reply, l->count);
    buffer_add_slice(c->reply.out, buffer_slice(&l->bytes));
    buffer_fini(&l->bytes);
}

/* ---- KEYS ---- */

static void keys_visit(void *ctx, void *entry)
{
    struct listing *l = ctx;
    int64_t deadline = entry_deadline(entry);
    if (deadline >= 0 && deadline <= l->now_ms) return; /* hidden, but not put away */
    struct slice key = entry_key(entry);
    if (!l->all && !glob_match(l->pattern, key, false)) return;
    resp_bulk(&l->writer, key);
    l->count++;
}

static void keys_command(struct call *c)
{
    enum { BUCKETS = 1024 };
    struct listing l;
    listing_init(&l, c);
    l.pattern = call_arg(c, 1);
    l.all = slice_equal(l.pattern, SLICE("*"));
    uint64_t cursor = 0;
    engine_wait_for_all(c->engine);
    do cursor = keyspace_scan(engine_keyspace(c->engine), c->db, cursor, BUCKETS, keys_visit, &l);
    while (cursor);
    listing_reply(&l, c);
}

/* ---- SCAN ---- */

#define CURSOR_MASK (((uint64_t)1 << 48) - 1) /* see table_scan */

struct scan_options {
    int64_t count;
    struct slice pattern; /* .at NULL: all */
    struct slice type;    /* .at NULL: all */
};

static bool scan_options(struct call *c, struct scan_options *o)
{
    *o = (struct scan_options){.count = 10};
    for (int i = 2; i < c->argc; i += 2) {
        if (i + 1 == c->argc) {
            call_syntax_error(c);
            return false;
        }
        if (call_arg_is(c, i, "COUNT")) {
            if (!call_int(c, i + 1, &o->count)) return false;
            if (o->count < 1) {
                call_syntax_error(c);
                return false;
            }
        } else if (call_arg_is(c, i, "MATCH")) {
            struct slice pattern = call_arg(c, i + 1);
            bool all = slice_equal(pattern, SLICE("*")); /* which as a glob misses the empty key */
            o->pattern = all ? (struct slice){0} : pattern;
        } else if (call_arg_is(c, i, "TYPE")) {
            o->type = call_arg(c, i + 1);
        } else {
            call_syntax_error(c);
            return false;
        }
    }
    return true;
}

static uint64_t collect(struct call *c, uint64_t cursor, int64_t count, struct met *m)
{
    const struct keyspace *ks = engine_keyspace(c->engine);
    size_t buckets = (size_t)(count / 8 + 1);
    engine_wait_for_all(c->engine);
    for (int64_t step = 0; step < 10; step++) {
        cursor = keyspace_scan(ks, c->db, cursor, buckets, met_add, m);
        if (!cursor || m->len >= (size_t)count) break;
    }
    return cursor;
}

static void scan_command(struct call *c)
{
    struct scan_options o;
    uint64_t cursor;
    if (!text_to_uint(call_arg(c, 1), &cursor)) {
        resp_error(&c->reply, SLICE("ERR invalid cursor"));
        return;
    }
    if (!scan_options(c, &o)) return;
    struct met m = {0};
    struct listing l;
    listing_init(&l, c);
    cursor = collect(c, cursor & CURSOR_MASK, o.count, &m);
    for (size_t i = 0; i < m.len; i++) {
        struct slice key = entry_key(m.at[i]);
        if (o.pattern.at && !glob_match(o.pattern, key, false)) continue;
        const struct entry *e = gate_read(c->engine, c->db, key, READ_QUIET | READ_NO_TOUCH);
        if (!e || (o.type.at && !slice_equal_nocase(o.type, value_type_text(entry_type(e)))))
            continue;
        resp_bulk(&l.writer, key);
        l.count++;
    }
    mem_free(m.at, m.cap * sizeof *m.at);
    resp_array(&c->reply, 2);
    char digits[TEXT_INT_MAX];
    resp_bulk(&c->reply, slice_of(digits, text_from_uint(digits, cursor)));
    listing_reply(&l, c);
}

void command_bind_scan(struct command_table *t)
{
    static const struct command_binding rows[] = {{"keys", keys_command}, {"scan", scan_command}};
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
