#include "facts.h"

#include "../base/mem.h"
#include "../io/process.h"
#include "import.h"

#include <stdio.h>

static double ratio(uint64_t of, uint64_t to)
{
    return to ? (double)of / (double)to : 0;
}

static struct memory_waste waste(uint64_t taken, uint64_t needed)
{
    return (struct memory_waste){ratio(taken, needed), (int64_t)(taken - needed)};
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

struct memory_facts memory_facts(struct server *s, size_t clients)
{
    struct memory_facts m = {
        .used = mem_used(),
        .startup = s->memory_startup,
        .clients = clients,
        .databases = keyspace_overhead(s->keyspace),
        .pubsub = pubsub_counts(s->pubsub).bytes,
        .machine = process_machine_memory(),
        .journal = s->store.journal ? journal_memory(s->store.journal) : 0,
    };
    size_t resident_peak, committed = mem_committed();
    m.resident = process_resident(&resident_peak);
    m.held = committed ? lesser(committed, m.resident) : m.resident;
    if (m.used > s->memory_peak) s->memory_peak = m.used;
    m.peak = s->memory_peak;
    uint64_t grown = m.databases + m.pubsub - s->memory_startup_rooms;
    m.overhead = lesser(m.startup + m.clients + m.journal + grown, m.used);
    m.dataset = m.used - m.overhead;
    m.peak_percent = 100 * ratio(m.used, m.peak);
    m.dataset_percent = 100 * ratio(m.dataset, m.used > m.startup ? m.used - m.startup : m.used);
    m.allocator = waste(m.held, m.used);
    m.process = waste(m.resident, m.held);
    m.total = waste(m.resident, m.used);
    return m;
}

static struct database_info all_databases(struct server *s)
{
    struct database_info sum = {0};
    for (int db = 0; db < keyspace_databases(s->keyspace); db++) {
        struct database_info d = keyspace_info(s->keyspace, db, s->now_us / 1000);
        sum.keys += d.keys;
        sum.volatile_keys += d.volatile_keys;
        sum.table_bytes += d.table_bytes;
        sum.table_buckets += d.table_buckets;
        sum.wheel_bytes += d.wheel_bytes;
        sum.wheel_items += d.wheel_items;
    }
    return sum;
}

static void take_settings(struct facts *f, const struct server *s)
{
#define X(id, name) [EVICT_##id] = name,
    static const char *const policies[] = {EVICT_POLICIES(X)};
#undef X
    f->port = s->config.port;
    f->clients_max = s->config.maxclients;
    f->maxmemory = s->config.maxmemory;
    f->policy = policies[s->config.maxmemory_policy];
    f->config_file = s->config.file.at;
    f->run_id = s->run_id;
    f->history_id = s->history_id;
}

static struct rdb_facts rdb_facts(const struct server *s)
{
    const struct saving *v = &s->saving;
    bool saving = v->state != SAVING_NOT;
    return (struct rdb_facts){
        .changes = engine_stats(s->engine).changes - v->changes_saved,
        .saves = v->saves,
        .saving = saving,
        .last_s = v->last_us / 1000000,
        .last_took_s = v->last_took_s,
        .current_s = saving ? (s->now_us - v->began_us) / 1000000 : -1,
        .status = v->last_failed ? "err" : "ok",
        .load_keys = s->loaded.keys,
        .load_expired = s->loaded.expired,
    };
}

static void take_figures(struct facts *f, const struct server *s)
{
    f->turns = s->turns;
    f->rdb = rdb_facts(s);
    f->longest_turn_us = s->longest_turn_us;
    f->longest_busy_cpu_us = s->longest_busy_cpu_us;
    f->expire_ms = s->expire_us / 1000;
    f->expire_stopped = s->expire_stopped;
    f->commands_per_s = rate_average(&s->commands_rate);
    f->input_kbps = rate_average(&s->input_rate) / 1024;
    f->output_kbps = rate_average(&s->output_rate) / 1024;
    snprintf(f->last_event_id, sizeof f->last_event_id, "%lld-%llu",
             (long long)f->engine.last_id.ms, (unsigned long long)f->engine.last_id.n);
}

static void take_times(struct facts *f, const struct server *s)
{
    enum { LRU_CLOCK_MASK = 0xffffff, DAY_S = 24 * 60 * 60 };
    f->now_us = io_unix_us();
    f->started_s = s->started_us / 1000000;
    /* The clock of the machine may have been set back since. */
    f->uptime_s = f->now_us > s->started_us ? (f->now_us - s->started_us) / 1000000 : 0;
    f->uptime_days = f->uptime_s / DAY_S;
    f->lru_clock = f->now_us / 1000000 & LRU_CLOCK_MASK;
    f->cpu = io_cpu_process();
    f->cpu_main = io_cpu_thread();
}

static void take_snapshots(struct store_facts *f, const struct snapshots *n)
{
    f->snapshot_running = n->phase != SNAPSHOTS_IDLE;
    f->snapshot_wanted = n->wanted;
    f->snapshot_last_s = n->last_seconds;
    f->snapshot_now_s = f->snapshot_running ? (io_mono_us() - n->begun_us) / 1000000 : -1;
    f->snapshot_status = n->last_failed ? "err" : "ok";
    f->snapshots = n->taken;
    f->snapshot_failures = n->failures_in_row;
    f->snapshot_bytes = n->base_bytes;
    f->snapshot_seq = n->whole_count ? n->whole[0] : 0;
}

static void take_bounds(struct store_facts *f, struct server *s)
{
    struct event_id first, last;
    if (!s->streams.views || !views_bounds(s->streams.views, &first, &last)) return;
    snprintf(f->first_id, sizeof f->first_id, "%lld-%llu", (long long)first.ms,
             (unsigned long long)first.n);
    snprintf(f->last_id, sizeof f->last_id, "%lld-%llu", (long long)last.ms,
             (unsigned long long)last.n);
}

static void take_loading(struct store_facts *f, const struct server *s)
{
    const struct import *l = s->importing;
    double part = l ? import_progress(l, &f->loading_eta_s) : store_progress(s, &f->loading_eta_s);
    f->loading_percent = 100 * part;
    if (!f->loading) return;
    f->loading_start_s = s->started_us / 1000000;
    f->loading_bytes = l ? l->size : f->journal.used_bytes;
    f->loaded_bytes = (uint64_t)((double)f->loading_bytes * part);
}

static struct store_facts store_facts(struct server *s)
{
    const struct store *store = &s->store;
    struct store_facts f = {
        .enabled = store->state != STORE_OFF,
        .loading = server_is_loading(s),
        .load_us = store->loaded_us,
        .retention_ms = s->config.journal_retention_ms,
        .retention_waits_for = "none",
        .write_status = store->state == STORE_FAILED ? "err" : "ok",
    };
    take_snapshots(&f, &s->snapshots);
    if (store->journal) journal_info(store->journal, &f.journal);
    take_loading(&f, s);
    if (!store->journal) return f;
    f.retention_bytes = retention_bytes(s);
    f.retention_waits_for = retention_waits_for(s);
    f.retention_refuses = s->retention.refuses;
    f.records = f.journal.appended + 1 - f.journal.first_seq;
    if (f.journal.full) f.write_status = "err";
    take_bounds(&f, s);
    return f;
}

void server_facts(struct server *s, struct facts *f)
{
    *f = (struct facts){
        .sessions = sessions_stats(s->sessions),
        .net = net_stats(s->net),
        .engine = engine_stats(s->engine),
        .pubsub = pubsub_counts(s->pubsub),
        .databases = all_databases(s),
        .freeing = keyspace_freeing(s->keyspace),
        .process = process_id(),
        .allocator = mem_allocator(),
    };
    f->memory = memory_facts(s, f->sessions.memory);
    f->store = store_facts(s);
    take_settings(f, s);
    take_figures(f, s);
    take_times(f, s);
    command_table_version(s->commands, f->redis_version);
    process_machine_name(f->machine, sizeof f->machine);
    process_executable(f->executable, sizeof f->executable);
}
