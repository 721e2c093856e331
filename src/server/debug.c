/* DEBUG: for tests and for finding faults. What Redis has for the insides of its own (its object
 * headers, its reply buffers, its allocator) has no counterpart here and is unknown. */
#include "../base/arena.h"
#include "../base/assert.h"
#include "../base/text.h"
#include "../command/introspect.h"
#include "../engine/load.h"
#include "../io/clock.h"
#include "../rdb/reader.h"
#include "../rdb/writer.h"
#include "../value/list.h"
#include "digest.h"
#include "server.h"

#include <stdio.h>

/* ---- ends of the process ---- */

static void debug_panic(struct call *c)
{
    (void)c;
    check_failed("DEBUG PANIC", __FILE__, __LINE__);
}

static void debug_assert(struct call *c)
{
    CHECK(c == NULL /* DEBUG ASSERT */);
}

static void debug_segfault(struct call *c)
{
    volatile uintptr_t at = 16; /* an address that nothing is ever mapped at */
    (void)c;
    *(volatile char *)at = 0;
}

/* ---- the server ---- */

/* As atoi and strtod have it for Redis: what is no number is 0. */
static int64_t lenient_int(struct slice word)
{
    int64_t n;
    return text_to_int(word, &n) ? n : 0;
}

static void debug_sleep(struct call *c)
{
    const double seconds_max = 365.0 * 24 * 60 * 60;
    double seconds;
    if (!text_to_double(call_arg(c, 2), &seconds) || seconds < 0) seconds = 0;
    if (seconds > seconds_max) seconds = seconds_max;
    io_sleep_us((int64_t)(seconds * 1e6));
    resp_ok(&c->reply);
}

static void debug_set_active_expire(struct call *c)
{
    engine_set_active_expiry(c->engine, lenient_int(call_arg(c, 2)) != 0);
    resp_ok(&c->reply);
}

static void debug_pause_cron(struct call *c)
{
    call_server(c)->pause_ticks = lenient_int(call_arg(c, 2)) != 0;
    resp_ok(&c->reply);
}

static void debug_log(struct call *c)
{
    struct buffer quoted = {0};
    text_quote(&quoted, call_arg(c, 2));
    log_line(&call_server(c)->log, LOGLEVEL_WARNING, "DEBUG LOG: %.*s", (int)quoted.len, quoted.at);
    buffer_fini(&quoted);
    resp_ok(&c->reply);
}

static void debug_change_repl_id(struct call *c)
{
    struct server *s = call_server(c);
    server_make_id(s->history_id);
    log_line(&s->log, LOGLEVEL_NOTICE, "DEBUG CHANGE-REPL-ID: the replication id is %s now",
             s->history_id);
    resp_ok(&c->reply);
}

/* ---- RELOAD ---- */

/* All data on its way through an RDB file that never leaves memory. */
struct reload {
    struct server *server;
    struct buffer piece, file;
    int db;
    int64_t now_ms;
};

static void reload_add(void *ctx, void *entry)
{
    struct reload *r = ctx;
    rdb_piece_entry(&r->piece, r->db, entry, r->server->keyspace, r->now_ms);
}

static void reload_write(struct reload *r)
{
    struct rdb_writer writer = {.config = {.sum = true, .compress = true}};
    for (r->db = 0; r->db < keyspace_databases(r->server->keyspace); r->db++) {
        uint64_t cursor = 0;
        do cursor = keyspace_scan(r->server->keyspace, r->db, cursor, SIZE_MAX, reload_add, r);
        while (cursor);
    }
    rdb_piece_end(&r->piece);
    rdb_piece_encode(&writer, buffer_slice(&r->piece), &r->file);
}

static const char *reload_take(void *ctx, const struct rdb_key *k, struct slice value)
{
    struct reload *r = ctx;
    struct load_key key = {(int)k->db, k->key, k->deadline, k->idle_s, k->freq};
    return engine_load_string(r->server->engine, &key, value, r->now_ms) ? NULL : "a key twice";
}

static const char *reload_take_value(void *ctx, const struct rdb_key *k, struct value v)
{
    struct reload *r = ctx;
    struct load_key key = {(int)k->db, k->key, k->deadline, k->idle_s, k->freq};
    return engine_load_value(r->server->engine, &key, v, r->now_ms) ? NULL : "a key twice";
}

/* The data is the same before and after, so no record tells of it. */
static void debug_reload(struct call *c)
{
    struct server *s = call_server(c);
    struct reload r = {.server = s, .now_ms = engine_now(c->engine)};
    reload_write(&r);
    struct rdb_reader_config config = {.check_sum = true,
                                       .databases = keyspace_databases(s->keyspace),
                                       .values = keyspace_values(s->keyspace)};
    struct rdb_visitor visitor = {.string = reload_take, .value = reload_take_value, .ctx = &r};
    struct rdb_reader *reader = rdb_reader_new(config, visitor);
    engine_load_anew(s->engine);
    rdb_feed(reader, buffer_slice(&r.file));
    CHECK(rdb_is_done(reader)); /* or the data is gone */
    rdb_reader_free(reader);
    buffer_fini(&r.piece);
    buffer_fini(&r.file);
    resp_ok(&c->reply);
}

/* ---- replies ---- */

static void debug_error(struct call *c)
{
    resp_error(&c->reply, call_arg(c, 2));
}

static void reply_numbers(struct resp_writer *w)
{
    for (int i = 0; i < 3; i++) resp_int(w, i);
}

static void reply_string(struct resp_writer *w)
{
    resp_bulk_text(w, "Hello World");
}

static void reply_integer(struct resp_writer *w)
{
    resp_int(w, 12345);
}

static void reply_double(struct resp_writer *w)
{
    resp_double(w, 3.141);
}

static void reply_bignum(struct resp_writer *w)
{
    resp_big_number(w, SLICE("1234567999999999999999999999999999999"));
}

static void reply_array(struct resp_writer *w)
{
    resp_array(w, 3);
    reply_numbers(w);
}

static void reply_set(struct resp_writer *w)
{
    resp_set(w, 3);
    reply_numbers(w);
}

static void reply_map(struct resp_writer *w)
{
    resp_map(w, 3);
    for (int i = 0; i < 3; i++) {
        resp_int(w, i);
        resp_bool(w, i == 1);
    }
}

static void reply_attribute(struct resp_writer *w)
{
    if (w->proto >= 3) {
        resp_attribute(w, 1);
        resp_bulk_text(w, "key-popularity");
        resp_array(w, 2);
        resp_bulk_text(w, "key:123");
        resp_int(w, 90);
    }
    resp_bulk_text(w, "Some real reply following the attribute");
}

static void reply_push(struct resp_writer *w)
{
    if (w->proto < 3) {
        resp_error(w, SLICE("ERR RESP2 is not supported by this command"));
        return;
    }
    resp_push(w, 2);
    resp_bulk_text(w, "server-cpu-usage");
    resp_int(w, 42);
    resp_bulk_text(w, "Some real reply following the push reply");
}

static void reply_verbatim(struct resp_writer *w)
{
    resp_verbatim(w, "txt", SLICE("This is a verbatim\nstring"));
}

static void reply_true(struct resp_writer *w)
{
    resp_bool(w, true);
}

static void reply_false(struct resp_writer *w)
{
    resp_bool(w, false);
}

static void debug_protocol(struct call *c)
{
    static const struct type {
        const char *name;
        void (*reply)(struct resp_writer *w);
    } types[] = {
        {"string", reply_string}, {"integer", reply_integer},   {"double", reply_double},
        {"bignum", reply_bignum}, {"null", resp_null},          {"array", reply_array},
        {"set", reply_set},       {"map", reply_map},           {"attrib", reply_attribute},
        {"push", reply_push},     {"verbatim", reply_verbatim}, {"true", reply_true},
        {"false", reply_false},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!call_arg_is(c, 2, types[i].name)) continue;
        types[i].reply(&c->reply);
        return;
    }
    resp_error(&c->reply,
               SLICE("ERR Wrong protocol type name. Please use one of the following: "
                     "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|"
                     "false"));
}

/* ---- keys ---- */

/* The entry, expired keys put away, no trace left of the look; NULL after writing the error. */
static const struct entry *look(struct call *c, int arg)
{
    const struct entry *e =
        gate_read(c->engine, c->db, call_arg(c, arg), READ_QUIET | READ_NO_TOUCH);
    if (!e) resp_error(&c->reply, SLICE("ERR no such key"));
    return e;
}

/* Bytes of the value as an RDB file without compression has them, but for its type. */
static size_t serialized_size(const struct entry *e)
{
    struct buffer bytes = {0};
    rdb_dump(&bytes, e, false);
    size_t size = bytes.len - RDB_DUMP_FRAME_SIZE;
    buffer_fini(&bytes);
    return size;
}

static struct value value_of(const struct entry *e)
{
    return entry_type(e) == TYPE_STRING ? (struct value){TYPE_STRING} : entry_value(e);
}

static void add_layout(struct buffer *text, const struct value *v,
                       const struct value_config *config)
{
    struct list_layout l;
    if (v->type != TYPE_LIST || !list_layout(v, &l)) return;
    buffer_printf(text,
                  " ql_nodes:%zu ql_avg_node:%.2f ql_listpack_max:%d ql_compressed:%d "
                  "ql_uncompressed_size:%zu",
                  l.nodes, (double)list_count(v) / (double)l.nodes, config->list_max_listpack_size,
                  config->list_compress_depth != 0, l.bytes);
}

static void debug_object(struct call *c)
{
    const struct entry *e = look(c, 2);
    if (!e) return;
    struct slice encoding = entry_encoding_text(e);
    int64_t idle = keyspace_idle_s(call_server(c)->keyspace, e, engine_now(c->engine));
    struct value v = value_of(e);
    struct buffer text = {0};
    buffer_printf(&text,
                  "Value at:%p refcount:1 encoding:%.*s serializedlength:%zu lru:%u "
                  "lru_seconds_idle:%lld",
                  (const void *)e, (int)encoding.len, encoding.at, serialized_size(e),
                  entry_access(e), (long long)idle);
    add_layout(&text, &v, call_values(c));
    resp_simple(&c->reply, buffer_slice(&text));
    buffer_fini(&text);
}

/* Elements from this size on get a node of their own in lists that are changed from now on; 0: when
 * they are larger than a node may be. Those are never packed. */
static void debug_quicklist_packed_threshold(struct call *c)
{
    struct keyspace *ks = call_server(c)->keyspace;
    struct value_config values = *keyspace_values(ks);
    uint64_t size;
    if (!text_to_bytes(call_arg(c, 2), &size) || size >= UINT32_MAX - 1024 * 1024) {
        resp_error(&c->reply,
                   SLICE("ERR argument must be a memory value bigger than 1 and smaller than 4gb"));
        return;
    }
    values.list_plain_size = (size_t)size;
    keyspace_set_values(ks, values);
    resp_ok(&c->reply);
}

/* What Redis prints on its standard output is the answer here. */
static void debug_listpack(struct call *c)
{
    const struct entry *e = look(c, 2);
    if (!e) return;
    struct value v = value_of(e);
    if (!v.at || (v.encoding != ENCODING_PACKED && v.encoding != ENCODING_PACKED_TTL)) {
        resp_error(&c->reply, SLICE("ERR Not a listpack encoded object."));
        return;
    }
    const struct packed *p = v.at;
    struct buffer text = {0};
    char digits[TEXT_INT_MAX];
    int index = 0;
    buffer_printf(&text, "{total bytes %zu} {num entries %zu}\n", packed_bytes(p), packed_count(p));
    for (packed_at at = packed_first(p); at; at = packed_next(p, at), index++) {
        buffer_printf(&text, "{index %d} {offset %zu} ", index, (size_t)at);
        text_quote(&text, packed_text(p, at, digits));
        buffer_add_slice(&text, SLICE("\n"));
    }
    resp_verbatim(&c->reply, "txt", buffer_slice(&text));
    buffer_fini(&text);
}

static void reply_digest(struct call *c, struct digest digest)
{
    char text[DIGEST_TEXT_SIZE];
    digest_text(digest, text);
    resp_simple(&c->reply, slice_text(text));
}

static void debug_digest(struct call *c)
{
    struct digester *d = digester_new();
    reply_digest(c, digest_keyspace(d, call_server(c)->keyspace, engine_now(c->engine)));
    digester_free(d);
}

static void debug_digest_value(struct call *c)
{
    struct digester *d = digester_new();
    resp_array(&c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        const struct entry *e =
            gate_read(c->engine, c->db, call_arg(c, i), READ_QUIET | READ_NO_TOUCH);
        reply_digest(c, e ? digest_value(d, e) : (struct digest){0});
    }
    digester_free(d);
}

static void debug_htstats(struct call *c)
{
    struct server *s = call_server(c);
    int64_t db;
    if (!call_int(c, 2, &db)) return;
    if (db < 0 || db >= keyspace_databases(s->keyspace)) {
        resp_error(&c->reply, SLICE("ERR Out of range database"));
        return;
    }
    struct database_info d = keyspace_info(s->keyspace, (int)db, engine_now(c->engine));
    struct buffer text = {0};
    buffer_printf(&text,
                  "[Dictionary HT]\n"
                  " table size: %zu\n"
                  " number of elements: %zu\n"
                  " buckets: %zu\n"
                  " bytes: %zu\n"
                  "[Expires HT]\n"
                  " number of elements: %zu\n"
                  " items in the timer wheel: %zu\n"
                  " bytes: %zu\n",
                  d.table_buckets * TABLE_BUCKET_SLOTS, d.keys, d.table_buckets, d.table_bytes,
                  d.volatile_keys, d.wheel_items, d.wheel_bytes);
    resp_verbatim(&c->reply, "txt", buffer_slice(&text));
    buffer_fini(&text);
}

static void debug_htstats_key(struct call *c)
{
    if (!look(c, 2)) return;
    resp_error(&c->reply, SLICE("ERR The value stored at the specified key is not represented "
                                "using an hash table"));
}

/* ---- POPULATE ---- */

struct population {
    int64_t count;
    struct slice prefix;
    int64_t size; /* of each value, cut or filled up with zeros; -1: as long as its text */
};

static bool read_count(struct call *c, int i, int64_t *out)
{
    if (text_to_int(call_arg(c, i), out) && *out >= 0) return true;
    resp_error(&c->reply, SLICE("ERR value is out of range, must be positive"));
    return false;
}

static bool read_population(struct call *c, struct population *p)
{
    *p = (struct population){.prefix = SLICE("key"), .size = -1};
    if (!read_count(c, 2, &p->count)) return false;
    if (c->argc > 3) p->prefix = call_arg(c, 3);
    if (c->argc < 5) return true;
    if (!read_count(c, 4, &p->size)) return false;
    if (p->size == 0) p->size = -1;
    if (p->size < 0 || (size_t)p->size <= c->string_max) return true;
    resp_error(&c->reply, SLICE("ERR string exceeds maximum allowed size (proto-max-bulk-len)"));
    return false;
}

static struct slice nth_key(struct arena *a, const struct population *p, int64_t n)
{
    char *at = arena_alloc(a, p->prefix.len + 1 + TEXT_INT_MAX);
    if (p->prefix.len) memcpy(at, p->prefix.at, p->prefix.len);
    at[p->prefix.len] = ':';
    return slice_of(at, p->prefix.len + 1 + text_from_int(at + p->prefix.len + 1, n));
}

static struct slice nth_value(struct arena *a, const struct population *p, int64_t n)
{
    char text[32];
    size_t len = (size_t)snprintf(text, sizeof text, "value:%lld", (long long)n);
    size_t size = p->size < 0 ? len : (size_t)p->size;
    char *at = arena_alloc(a, size);
    memset(at, 0, size);
    memcpy(at, text, len < size ? len : size);
    return slice_of(at, size);
}

/* One record for all would need the memory of all: a record holds a batch of keys, also within a
 * transaction. */
static void debug_populate(struct call *c)
{
    enum { BATCH_KEYS = 1024, BATCH_BYTES = 1024 * 1024 };
    struct population p;
    struct arena arena = {0};
    size_t keys = 0, bytes = 0;
    if (!read_population(c, &p)) return;
    for (int64_t n = 0; n < p.count; n++) {
        struct opened k;
        if (gate_open(c->engine, &k, c->db, nth_key(&arena, &p, n))) {
            gate_close_unchanged(&k);
        } else {
            struct slice value = nth_value(&arena, &p, n);
            opened_set_string(&k, value, WHEN_NONE);
            gate_close_silently(&k, "as in Redis, `new` tells of it, and no `set`");
            bytes += value.len;
        }
        if (++keys < BATCH_KEYS && bytes < BATCH_BYTES && n + 1 < p.count) continue;
        engine_split(c->engine);
        arena_reset(&arena);
        keys = bytes = 0;
    }
    arena_fini(&arena);
    resp_ok(&c->reply);
}

/* ---- the command ---- */

static void debug_help(struct call *c)
{
    static const char *const lines[] = {
        "ASSERT",
        "    Crash by assertion failed.",
        "CHANGE-REPL-ID",
        "    Change the replication IDs of the instance.",
        "DIGEST",
        "    Output a hex signature representing the current DB content.",
        "DIGEST-VALUE <key> [<key> ...]",
        "    Output a hex signature of the values of all the specified keys.",
        "ERROR <string>",
        "    Return a Redis protocol error with <string> as message. Useful for clients",
        "    unit tests to simulate Redis errors.",
        "LOG <message>",
        "    Write <message> to the server log.",
        "HTSTATS <dbid>",
        "    Return hash table statistics of the specified Redis database.",
        "HTSTATS-KEY <key>",
        "    Like HTSTATS but for the hash table stored at <key>'s value.",
        "LISTPACK <key>",
        "    Show the elements of the listpack encoding of <key>.",
        "OBJECT <key>",
        "    Show low level info about `key` and associated value.",
        "PANIC",
        "    Crash the server simulating a panic.",
        "PAUSE-CRON <0|1>",
        "    Stop periodic cron job processing.",
        "POPULATE <count> [<prefix>] [<size>]",
        "    Create <count> string keys named key:<num>. If <prefix> is specified then",
        "    it is used instead of the 'key' prefix.",
        "PROTOCOL <type>",
        "    Reply with a test value of the specified type. <type> can be: string,",
        "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
        "    true, false.",
        "QUICKLIST-PACKED-THRESHOLD <size>",
        "    Sets the threshold for elements to be inserted as plain vs packed nodes.",
        "    Setting to 0 restores the default: the size of a node.",
        "RELOAD",
        "    Write all data as an RDB file would have it, and put it in its place.",
        "SEGFAULT",
        "    Crash the server with sigsegv.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Setting it to 0 disables expiring keys in background when they are not",
        "    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the",
        "    default.",
        "SLEEP <seconds>",
        "    Stop the server for <seconds>. Decimals allowed.",
        NULL,
    };
    command_help(&c->reply, "debug", lines);
}

static const struct debug_sub {
    const char *name;
    int argc_min, argc_max; /* of the whole request */
    void (*run)(struct call *c);
} subs[] = {
    {"help", 2, 2, debug_help},
    {"assert", 2, 2, debug_assert},
    {"panic", 2, 2, debug_panic},
    {"segfault", 2, 2, debug_segfault},
    {"sleep", 3, 3, debug_sleep},
    {"set-active-expire", 3, 3, debug_set_active_expire},
    {"pause-cron", 3, 3, debug_pause_cron},
    {"log", 3, 3, debug_log},
    {"change-repl-id", 2, 2, debug_change_repl_id},
    {"reload", 2, 2, debug_reload},
    {"error", 3, 3, debug_error},
    {"protocol", 3, 3, debug_protocol},
    {"object", 3, 3, debug_object},
    {"quicklist-packed-threshold", 3, 3, debug_quicklist_packed_threshold},
    {"listpack", 3, 3, debug_listpack},
    {"digest", 2, 2, debug_digest},
    {"digest-value", 2, INT32_MAX, debug_digest_value},
    {"htstats", 3, 3, debug_htstats},
    {"htstats-key", 3, 3, debug_htstats_key},
    {"populate", 3, 5, debug_populate},
};

static bool permitted(const struct call *c)
{
    enum config_permission p = call_server(c)->config.debug_command;
    const struct session *session = call_session(c);
    return p == PERMIT_YES || (p == PERMIT_LOCAL && (!session || session_is_local(session)));
}

static void debug_command(struct call *c)
{
    struct slice name = call_arg(c, 1);
    if (!permitted(c)) {
        resp_error(&c->reply,
                   SLICE("ERR DEBUG command not allowed. If the enable-debug-command option is set "
                         "to \"local\", you can run it from a local connection, otherwise you need "
                         "to set this option in the configuration file, and then restart the "
                         "server."));
        return;
    }
    for (size_t i = 0; i < sizeof subs / sizeof *subs; i++) {
        const struct debug_sub *sub = &subs[i];
        if (!slice_is(name, sub->name)) continue;
        if (c->argc < sub->argc_min || c->argc > sub->argc_max) break;
        sub->run(c);
        return;
    }
    resp_errorf(&c->reply,
                "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try DEBUG HELP.",
                (int)(name.len < 128 ? name.len : 128), name.at);
}

void bind_debug_commands(struct command_table *t)
{
    command_bind(t, "debug", debug_command);
}
