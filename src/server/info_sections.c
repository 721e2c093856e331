/* The sections of INFO, a row for each line. The compiler tells a row's kind from its field. */
#include "info.h"

/* size_t is uint64_t on most machines, and `default` on those where it is not. */
#define KIND_OF(member) \
    _Generic((((struct facts *)0)->member),                                                        \
        const char *: INFO_TEXT,                                                                   \
        char *: INFO_CHARS,                                                                        \
        int64_t: INFO_INT,                                                                         \
        uint64_t: INFO_UINT,                                                                       \
        double: INFO_REAL,                                                                         \
        default: INFO_SIZE)

#define ROW(name, member)                                           \
    {                                                               \
        name, KIND_OF(member), offsetof(struct facts, member), NULL \
    }
#define AS(kind, name, member)                                  \
    {                                                           \
        name, INFO_##kind, offsetof(struct facts, member), NULL \
    }
#define FIXED(name, text)         \
    {                             \
        name, INFO_FIXED, 0, text \
    }
#define SECTION(name, rows)                                    \
    {                                                          \
        name, false, rows, sizeof(rows) / sizeof *(rows), NULL \
    }
#define LISTING(name, on, print) \
    {                            \
        name, on, NULL, 0, print \
    }

#define QUOTED(x)        #x
#define NUMBERS(a, b, c) QUOTED(a) "." QUOTED(b) "." QUOTED(c)

static const struct info_row server_rows[] = {
    ROW("redis_version", redis_version),
    FIXED("hark_version", HARK_VERSION),
    FIXED("server_name", "hark"),
    FIXED("redis_mode", "standalone"),
    ROW("os", machine),
    FIXED("arch_bits", sizeof(void *) == 8 ? "64" : "32"),
    FIXED("monotonic_clock", "POSIX clock_gettime"),
    FIXED("multiplexing_api", "epoll"),
    FIXED("gcc_version", NUMBERS(__GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__)),
    ROW("process_id", process),
    FIXED("process_supervised", "no"),
    ROW("run_id", run_id),
    ROW("tcp_port", port),
    ROW("server_time_usec", now_us),
    ROW("uptime_in_seconds", uptime_s),
    ROW("uptime_in_days", uptime_days),
    FIXED("hz", "10"),
    FIXED("configured_hz", "10"),
    ROW("lru_clock", lru_clock),
    ROW("executable", executable),
    ROW("config_file", config_file),
    FIXED("io_threads_active", "0"),
};

static const struct info_row client_rows[] = {
    ROW("connected_clients", sessions.clients),
    ROW("maxclients", clients_max),
    ROW("client_recent_max_input_buffer", sessions.input_biggest),
    ROW("client_recent_max_output_buffer", sessions.output_biggest),
    ROW("blocked_clients", sessions.blocked),
    ROW("pubsub_clients_behind", sessions.behind),
    ROW("pubsub_clients_fell_behind", sessions.fell_behind),
    ROW("tracking_clients", sessions.tracking_clients),
    ROW("pubsub_clients", sessions.pubsub_clients),
    ROW("watching_clients", sessions.watching_clients),
    ROW("total_watched_keys", sessions.watched_keys),
    ROW("total_blocking_keys", sessions.blocking_keys),
    ROW("total_blocking_keys_on_nokey", sessions.blocking_keys_on_nokey),
    ROW("monitor_clients", sessions.monitors),
};

static const struct info_row memory_rows[] = {
    ROW("used_memory", memory.used),
    AS(BYTES, "used_memory_human", memory.used),
    ROW("used_memory_rss", memory.resident),
    AS(BYTES, "used_memory_rss_human", memory.resident),
    ROW("used_memory_peak", memory.peak),
    AS(BYTES, "used_memory_peak_human", memory.peak),
    AS(PERCENT, "used_memory_peak_perc", memory.peak_percent),
    ROW("used_memory_overhead", memory.overhead),
    ROW("used_memory_startup", memory.startup),
    ROW("used_memory_dataset", memory.dataset),
    AS(PERCENT, "used_memory_dataset_perc", memory.dataset_percent),
    ROW("allocator_allocated", memory.used),
    ROW("allocator_active", memory.held),
    ROW("allocator_resident", memory.held),
    ROW("total_system_memory", memory.machine),
    AS(BYTES, "total_system_memory_human", memory.machine),
    ROW("maxmemory", maxmemory),
    AS(BYTES, "maxmemory_human", maxmemory),
    ROW("maxmemory_policy", policy),
    ROW("allocator_frag_ratio", memory.allocator.ratio),
    ROW("allocator_frag_bytes", memory.allocator.bytes),
    FIXED("allocator_rss_ratio", "1.00"),
    FIXED("allocator_rss_bytes", "0"),
    ROW("rss_overhead_ratio", memory.process.ratio),
    ROW("rss_overhead_bytes", memory.process.bytes),
    ROW("mem_fragmentation_ratio", memory.total.ratio),
    ROW("mem_fragmentation_bytes", memory.total.bytes),
    ROW("mem_not_counted_for_evict", memory.journal),
    ROW("mem_clients_normal", memory.clients),
    FIXED("mem_clients_slaves", "0"),
    ROW("mem_aof_buffer", memory.journal),
    ROW("mem_allocator", allocator),
    ROW("mem_pubsub", memory.pubsub),
    ROW("mem_databases", memory.databases),
    ROW("lazyfree_pending_objects", freeing.pending),
    ROW("lazyfreed_objects", freeing.freed),
};

static const struct info_row persistence_rows[] = {
    ROW("loading", store.loading),
    FIXED("async_loading", "0"),
    ROW("loading_start_time", store.loading_start_s),
    ROW("loading_total_bytes", store.loading_bytes),
    ROW("loading_loaded_bytes", store.loaded_bytes),
    ROW("loading_loaded_perc", store.loading_percent),
    ROW("loading_eta_seconds", store.loading_eta_s),
    ROW("rdb_changes_since_last_save", rdb.changes),
    ROW("rdb_bgsave_in_progress", rdb.saving),
    ROW("rdb_last_save_time", rdb.last_s),
    ROW("rdb_last_bgsave_status", rdb.status),
    ROW("rdb_last_bgsave_time_sec", rdb.last_took_s),
    ROW("rdb_current_bgsave_time_sec", rdb.current_s),
    ROW("rdb_saves", rdb.saves),
    ROW("rdb_last_load_keys_expired", rdb.load_expired),
    ROW("rdb_last_load_keys_loaded", rdb.load_keys),
    ROW("aof_enabled", store.enabled),
    ROW("aof_rewrite_in_progress", store.snapshot_running),
    ROW("aof_rewrite_scheduled", store.snapshot_wanted),
    ROW("aof_last_rewrite_time_sec", store.snapshot_last_s),
    ROW("aof_current_rewrite_time_sec", store.snapshot_now_s),
    ROW("aof_last_bgrewrite_status", store.snapshot_status),
    ROW("aof_rewrites", store.snapshots),
    ROW("aof_rewrites_consecutive_failures", store.snapshot_failures),
    ROW("aof_last_write_status", store.write_status),
    ROW("aof_current_size", store.journal.bytes),
    ROW("aof_base_size", store.snapshot_bytes),
    ROW("aof_buffer_length", store.journal.backlog_bytes),
    FIXED("aof_pending_bio_fsync", "0"),
    FIXED("aof_delayed_fsync", "0"),
};

static const struct info_row journal_rows[] = {
    ROW("journal_enabled", store.enabled),
    ROW("journal_first_seq", store.journal.first_seq),
    ROW("journal_last_seq", store.journal.appended),
    ROW("journal_written_seq", store.journal.written),
    ROW("journal_synced_seq", store.journal.durable),
    ROW("journal_records", store.records),
    ROW("journal_first_id", store.first_id),
    ROW("journal_last_id", store.last_id),
    ROW("journal_segments", store.journal.segments),
    ROW("journal_bytes", store.journal.bytes),
    ROW("journal_used_bytes", store.journal.used_bytes),
    ROW("journal_backlog_bytes", store.journal.backlog_bytes),
    ROW("journal_memory_bytes", memory.journal),
    ROW("journal_syncs", store.journal.syncs),
    ROW("journal_last_sync_us", store.journal.sync_us_last),
    ROW("journal_longest_sync_us", store.journal.sync_us_max),
    ROW("journal_load_us", store.load_us),
    ROW("journal_snapshot_seq", store.snapshot_seq),
    ROW("journal_snapshot_bytes", store.snapshot_bytes),
    ROW("journal_retention_bytes", store.retention_bytes),
    ROW("journal_retention_ms", store.retention_ms),
    ROW("journal_retention_waits_for", store.retention_waits_for),
    ROW("journal_retention_refuses", store.retention_refuses),
};

static const struct info_row stats_rows[] = {
    ROW("total_connections_received", sessions.connections),
    ROW("total_commands_processed", sessions.commands),
    AS(WHOLE, "instantaneous_ops_per_sec", commands_per_s),
    ROW("total_net_input_bytes", net.received),
    ROW("total_net_output_bytes", net.sent),
    ROW("instantaneous_input_kbps", input_kbps),
    ROW("instantaneous_output_kbps", output_kbps),
    ROW("rejected_connections", sessions.rejected_connections),
    ROW("expired_keys", engine.expired),
    ROW("expired_subkeys", engine.expired_fields),
    ROW("expired_time_cap_reached_count", expire_stopped),
    ROW("expire_cycle_cpu_milliseconds", expire_ms),
    ROW("evicted_keys", engine.evicted),
    ROW("keyspace_hits", engine.hits),
    ROW("keyspace_misses", engine.misses),
    ROW("pubsub_channels", pubsub.channels),
    ROW("pubsub_patterns", pubsub.patterns),
    ROW("pubsubshard_channels", pubsub.shard_channels),
    FIXED("latest_fork_usec", "0"),
    FIXED("total_forks", "0"),
    ROW("tracking_total_keys", sessions.tracking_keys),
    ROW("tracking_total_items", sessions.tracking_items),
    ROW("tracking_total_prefixes", sessions.tracking_prefixes),
    ROW("total_error_replies", sessions.errors),
    ROW("total_reads_processed", net.reads),
    ROW("total_writes_processed", net.writes),
    FIXED("io_threaded_reads_processed", "0"),
    FIXED("io_threaded_writes_processed", "0"),
    ROW("client_query_buffer_limit_disconnections", net.ended[CONN_END_INPUT]),
    ROW("client_output_buffer_limit_disconnections", net.ended[CONN_END_OUTPUT]),
    ROW("acl_access_denied_auth", sessions.auth_failures),
};

static const struct info_row replication_rows[] = {
    FIXED("role", "master"),
    FIXED("connected_slaves", "0"),
    FIXED("master_failover_state", "no-failover"),
    ROW("master_replid", history_id),
    FIXED("master_replid2", "0000000000000000000000000000000000000000"),
    FIXED("master_repl_offset", "0"),
    FIXED("second_repl_offset", "-1"),
    FIXED("repl_backlog_active", "0"),
    FIXED("repl_backlog_size", "0"),
    FIXED("repl_backlog_first_byte_offset", "0"),
    FIXED("repl_backlog_histlen", "0"),
};

static const struct info_row cpu_rows[] = {
    AS(SECONDS, "used_cpu_sys", cpu.system_us),
    AS(SECONDS, "used_cpu_user", cpu.user_us),
    FIXED("used_cpu_sys_children", "0.000000"),
    FIXED("used_cpu_user_children", "0.000000"),
    AS(SECONDS, "used_cpu_sys_main_thread", cpu_main.system_us),
    AS(SECONDS, "used_cpu_user_main_thread", cpu_main.user_us),
};

static const struct info_row hark_rows[] = {
    FIXED("hark_version", HARK_VERSION),
    ROW("records", engine.seq),
    ROW("last_event_id", last_event_id),
    ROW("events", engine.events),
    ROW("keys_changed", engine.changes),
    ROW("messages_delivered", pubsub.messages),
    ROW("pubsub_pattern_globs", pubsub.globs),
    ROW("pubsub_candidates", pubsub.candidates),
    ROW("pubsub_candidates_failed", pubsub.candidates_failed),
    ROW("loop_turns", turns),
    ROW("loop_longest_turn_us", longest_turn_us),
    ROW("loop_longest_busy_turn_cpu_us", longest_busy_cpu_us),
    ROW("loop_flushes", net.flushes),
    ROW("output_bytes_waiting", net.output_bytes),
    ROW("input_bytes_waiting", net.input_bytes),
    ROW("table_buckets", databases.table_buckets),
    ROW("table_bytes", databases.table_bytes),
    ROW("wheel_items", databases.wheel_items),
    ROW("wheel_bytes", databases.wheel_bytes),
};

static const struct info_row cluster_rows[] = {
    FIXED("cluster_enabled", "0"),
};

/* Ours stands where Redis has those of its modules: what follows is read to the end by some. */
const struct info_section info_sections[] = {
    SECTION("Server", server_rows),
    SECTION("Clients", client_rows),
    SECTION("Memory", memory_rows),
    SECTION("Persistence", persistence_rows),
    SECTION("Journal", journal_rows),
    SECTION("Stats", stats_rows),
    SECTION("Replication", replication_rows),
    SECTION("CPU", cpu_rows),
    SECTION("Hark", hark_rows),
    LISTING("Commandstats", true, info_command_stats),
    LISTING("Errorstats", false, info_error_stats),
    LISTING("Latencystats", true, info_latency_stats),
    SECTION("Cluster", cluster_rows),
    LISTING("Keyspace", false, info_keyspace),
    LISTING("Groups", false, info_groups),
};

const size_t info_sections_count = sizeof info_sections / sizeof *info_sections;
