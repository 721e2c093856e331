/* MEMORY: what takes how much. */
#include "../base/mem.h"
#include "../command/introspect.h"
#include "facts.h"

/* ---- USAGE ---- */

static void memory_usage_command(struct call *c)
{
    enum { WHEEL_ITEM_BYTES = 8 };
    int64_t samples;
    for (int i = 3; i < c->argc; i += 2) {
        if (!call_arg_is(c, i, "SAMPLES") || i + 1 == c->argc) {
            call_syntax_error(c);
            return;
        }
        if (!call_int(c, i + 1, &samples)) return;
        if (samples < 0) {
            call_syntax_error(c);
            return;
        }
    }
    /* Past the gate on purpose: a key takes its memory until it is put away, dead or not. */
    const struct entry *e = keyspace_find(engine_keyspace(c->engine), c->db, call_arg(c, 2)).entry;
    if (!e) {
        resp_null(&c->reply);
        return;
    }
    size_t bytes = entry_bytes(e) + sizeof(table_slot);
    if (entry_deadline(e) >= 0) bytes += WHEEL_ITEM_BYTES;
    resp_int(&c->reply, (int64_t)bytes);
}

/* ---- STATS ---- */

static void put_int(struct resp_writer *w, const char *name, uint64_t value)
{
    resp_bulk_text(w, name);
    resp_int(w, (int64_t)value);
}

static void put_real(struct resp_writer *w, const char *name, double value)
{
    resp_bulk_text(w, name);
    resp_double(w, value);
}

static void put_waste(struct resp_writer *w, const char *ratio_name, const char *bytes_name,
                      struct memory_waste waste)
{
    put_real(w, ratio_name, waste.ratio);
    put_int(w, bytes_name, (uint64_t)waste.bytes);
}

/* A map per database that holds keys; returns how many do. Without a writer it only counts. */
static size_t put_databases(struct server *s, struct resp_writer *w, size_t *keys)
{
    size_t count = 0;
    *keys = 0;
    for (int db = 0; db < keyspace_databases(s->keyspace); db++) {
        if (!keyspace_size(s->keyspace, db)) continue;
        *keys += keyspace_size(s->keyspace, db);
        count++;
        if (!w) continue;
        struct database_info d = keyspace_info(s->keyspace, db, s->now_us / 1000);
        char name[32];
        snprintf(name, sizeof name, "db.%d", db);
        resp_bulk_text(w, name);
        resp_map(w, 3);
        put_int(w, "overhead.hashtable.main", d.table_bytes);
        put_int(w, "overhead.hashtable.expires", d.wheel_bytes);
        put_int(w, "overhead.hashtable.slot-to-keys", 0);
    }
    return count;
}

static void memory_stats_command(struct call *c)
{
    enum { ROWS_BESIDE_DATABASES = 28 };
    struct server *s = call_server(c);
    struct resp_writer *w = &c->reply;
    struct memory_facts m = memory_facts(s, sessions_stats(s->sessions).memory);
    size_t keys, databases = put_databases(s, NULL, &keys);
    resp_map(w, ROWS_BESIDE_DATABASES + databases);
    put_int(w, "peak.allocated", m.peak);
    put_int(w, "total.allocated", m.used);
    put_int(w, "startup.allocated", m.startup);
    put_int(w, "replication.backlog", 0);
    put_int(w, "clients.slaves", 0);
    put_int(w, "clients.normal", m.clients);
    put_int(w, "cluster.links", 0);
    put_int(w, "aof.buffer", 0);
    put_int(w, "lua.caches", 0);
    put_int(w, "functions.caches", 0);
    put_int(w, "pubsub", m.pubsub);
    put_databases(s, w, &keys);
    put_int(w, "overhead.total", m.overhead);
    put_int(w, "keys.count", keys);
    put_int(w, "keys.bytes-per-key", keys && m.used > m.startup ? (m.used - m.startup) / keys : 0);
    put_int(w, "dataset.bytes", m.dataset);
    put_real(w, "dataset.percentage", m.dataset_percent);
    put_real(w, "peak.percentage", m.peak_percent);
    put_int(w, "allocator.allocated", m.used);
    put_int(w, "allocator.active", m.held);
    put_int(w, "allocator.resident", m.held);
    put_waste(w, "allocator-fragmentation.ratio", "allocator-fragmentation.bytes", m.allocator);
    put_waste(w, "allocator-rss.ratio", "allocator-rss.bytes", (struct memory_waste){1, 0});
    put_waste(w, "rss-overhead.ratio", "rss-overhead.bytes", m.process);
    put_waste(w, "fragmentation", "fragmentation.bytes", m.total);
}

/* ---- DOCTOR ---- */

enum {
    MEGABYTE = 1024 * 1024,
    SMALL = 5 * MEGABYTE,      /* below it shares and ratios say nothing */
    WASTED = 10 * MEGABYTE,    /* less than this is no reason for alarm */
    CLIENT_LARGE = 200 * 1024, /* on average */
    NEARLY_FULL_PERCENT = 95,  /* of maxmemory */
};

static void examine(struct server *s, struct buffer *out)
{
    struct sessions_stats sessions = sessions_stats(s->sessions);
    struct memory_facts m = memory_facts(s, sessions.memory);
    uint64_t max = s->config.maxmemory;
    if (m.used < SMALL) {
        buffer_add_slice(out, SLICE("There is too little data to judge by.\n"));
        return;
    }
    if ((double)m.peak > 1.5 * (double)m.used)
        buffer_add_slice(out, SLICE("* Peak: at some time more than one and a half times as much "
                                    "memory was in use. The process may still hold it: if it is "
                                    "missed elsewhere, MEMORY PURGE gives back what is free.\n"));
    if (m.total.ratio > 1.4 && m.total.bytes > WASTED)
        buffer_printf(out,
                      "* Fragmentation: the process takes %.2f times what is in use. Values of "
                      "changing sizes leave gaps; MEMORY PURGE may help.\n",
                      m.total.ratio);
    if (m.total.ratio < 0.9 && m.used > m.resident + WASTED)
        buffer_add_slice(out, SLICE("* Swap: less is in memory than is in use. Either pages were "
                                    "swapped out, which makes every access slow, or they were "
                                    "taken and not written to yet.\n"));
    if (sessions.clients && m.clients / sessions.clients > CLIENT_LARGE)
        buffer_add_slice(out, SLICE("* Clients: on average they hold more than 200 KB each. CLIENT "
                                    "LIST shows whose queues are long (omem, qbuf).\n"));
    if (max && m.used / NEARLY_FULL_PERCENT >= max / 100)
        buffer_printf(out, "* Limit: less than %d%% of maxmemory are left.\n",
                      100 - NEARLY_FULL_PERCENT);
    if (!out->len) buffer_add_slice(out, SLICE("Nothing is wrong with the memory.\n"));
}

static void memory_doctor_command(struct call *c)
{
    struct buffer text = {0};
    examine(call_server(c), &text);
    resp_verbatim(&c->reply, "txt", buffer_slice(&text));
    buffer_fini(&text);
}

/* ---- PURGE, MALLOC-STATS ---- */

static void memory_purge_command(struct call *c)
{
    mem_purge();
    resp_ok(&c->reply);
}

static void add_piece(void *ctx, const char *text)
{
    buffer_add_slice(ctx, slice_text(text));
}

static void memory_malloc_stats_command(struct call *c)
{
    struct buffer text = {0};
    mem_report(add_piece, &text);
    if (!text.len) buffer_printf(&text, "%s keeps no statistics\n", mem_allocator());
    resp_verbatim(&c->reply, "txt", buffer_slice(&text));
    buffer_fini(&text);
}

static void memory_help_command(struct call *c)
{
    static const char *const lines[] = {
        "DOCTOR",
        "    Return memory problems reports.",
        "MALLOC-STATS",
        "    Return internal statistics report from the memory allocator.",
        "PURGE",
        "    Attempt to purge dirty pages for reclamation by the allocator.",
        "STATS",
        "    Return information about the memory usage of the server.",
        "USAGE <key> [SAMPLES <count>]",
        "    Return memory in bytes used by <key> and its value. Nested values are",
        "    sampled up to <count> times (default: 5, 0 means sample all).",
        NULL,
    };
    command_help(&c->reply, "memory", lines);
}

void bind_memory_commands(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"memory|usage", memory_usage_command},
        {"memory|stats", memory_stats_command},
        {"memory|doctor", memory_doctor_command},
        {"memory|purge", memory_purge_command},
        {"memory|help", memory_help_command},
        {"memory|malloc-stats", memory_malloc_stats_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
