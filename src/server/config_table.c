#include "config_table.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>

static const char *const loglevels[] = {"debug", "verbose", "notice", "warning", "nothing", NULL};
static const char *const log_formats[] = {"text", "json", NULL};
static const char *const permissions[] = {"no", "yes", "local", NULL};
static const char *const policies[] = {"volatile-lru",   "volatile-lfu", "volatile-random",
                                       "volatile-ttl",   "allkeys-lru",  "allkeys-lfu",
                                       "allkeys-random", "noeviction",   NULL};

static const char *const overflows[] = {"continue", "disconnect", NULL};
static const char *const leavings[] = {"drop", "refuse", NULL};
static const char *const sanitizings[] = {"yes", NULL}; /* Redis' `no` and `clients` trust */
static const char *const syncs[] = {"always", "everysec", "no", NULL};

enum {
    PATH_BYTES_MAX = 4095,
    FILE_BYTES_MAX = 200,      /* of a name; others are made of it */
    UNIX_PATH_BYTES_MAX = 107, /* what a socket address holds */
    PASSWORD_BYTES_MAX = 512,  /* as in Redis */
    DATABASES_MAX = 65536,
    SAMPLES_MAX = 64, /* more would only make evictions slow */
    COALESCE_US_MAX = 100000,
    GLOBS_MAX = 1000000,
    PATTERN_BYTES_MAX = 1024 * 1024,
    MEGABYTE = 1024 * 1024,
};

#define FIELD(name) .offset = offsetof(struct config, name)

/* clang-format off: a table reads by columns */
const struct config_row config_rows[] = {
    {"bind", "* -::*", FIELD(bind), .kind = KIND_ADDRESSES, .flags = CONFIG_WORDS,
     .apply = APPLY_LISTEN},
    {"port", "6379", FIELD(port), .kind = KIND_INT, .max = 65535, .apply = APPLY_LISTEN},
    {"tcp-backlog", "511", FIELD(tcp_backlog), .kind = KIND_INT, .max = INT_MAX,
     .flags = CONFIG_START},
    {"unixsocket", "", FIELD(unixsocket), .kind = KIND_PATH, .max = UNIX_PATH_BYTES_MAX,
     .flags = CONFIG_START},
    {"unixsocketperm", "0", FIELD(unixsocketperm), .kind = KIND_OCTAL, .max = 0777,
     .flags = CONFIG_START},
    {"protected-mode", "yes", FIELD(protected_mode), .kind = KIND_BOOL, .apply = APPLY_ACCESS},

    {"requirepass", "", FIELD(requirepass), .kind = KIND_TEXT, .max = PASSWORD_BYTES_MAX,
     .flags = CONFIG_SENSITIVE, .apply = APPLY_ACCESS},
    {"maxclients", "10000", FIELD(maxclients), .kind = KIND_INT, .min = 1, .max = UINT_MAX,
     .apply = APPLY_CLIENTS},
    {"timeout", "0", FIELD(timeout_s), .kind = KIND_INT, .max = INT_MAX, .apply = APPLY_CLIENTS},
    {"tcp-keepalive", "300", FIELD(tcp_keepalive_s), .kind = KIND_INT, .max = INT_MAX,
     .apply = APPLY_CLIENTS},
    {"client-output-buffer-limit", "normal 0 0 0 slave 256mb 64mb 60 pubsub 32mb 8mb 60",
     FIELD(output_limits), .kind = KIND_OUTPUT_LIMITS, .flags = CONFIG_WORDS | CONFIG_ACCUMULATES,
     .apply = APPLY_LIMITS},
    {"client-query-buffer-limit", "1gb", FIELD(query_buffer_max), .kind = KIND_BYTES,
     .min = MEGABYTE, .max = INT64_MAX, .apply = APPLY_LIMITS},
    {"proto-max-bulk-len", "512mb", FIELD(bulk_len_max), .kind = KIND_BYTES, .min = MEGABYTE,
     .max = INT_MAX, .apply = APPLY_LIMITS},
    {"client-subscriptions-max", "1000000", FIELD(subscriptions_max), .kind = KIND_INT, .min = 1,
     .max = INT64_MAX, .apply = APPLY_PUBSUB},
    {"tracking-table-max-keys", "1000000", FIELD(tracking_keys_max), .kind = KIND_INT,
     .max = INT64_MAX, .apply = APPLY_TRACKING},

    {"databases", "16", FIELD(databases), .kind = KIND_INT, .min = 1, .max = DATABASES_MAX,
     .flags = CONFIG_START},
    {"dir", ".", FIELD(dir), .kind = KIND_PATH, .max = PATH_BYTES_MAX, .flags = CONFIG_PROTECTED,
     .apply = APPLY_DIR},
    {"appendonly", "yes", FIELD(appendonly), .kind = KIND_BOOL, .apply = APPLY_STORE},
    {"appendfsync", "everysec", syncs, FIELD(appendfsync), .kind = KIND_ENUM, .apply = APPLY_STORE},
    {"journal-segment-bytes", "64mb", FIELD(journal_segment_bytes), .kind = KIND_BYTES,
     .min = MEGABYTE, .max = 1024 * MEGABYTE, .flags = CONFIG_START},
    {"journal-tail-bytes", "16mb", FIELD(journal_tail_bytes), .kind = KIND_BYTES, .min = MEGABYTE,
     .max = INT64_MAX, .flags = CONFIG_START},
    {"journal-retention-bytes", "0", FIELD(journal_retention_bytes), .kind = KIND_BYTES,
     .max = INT64_MAX, .apply = APPLY_STORE},
    {"journal-retention-ms", "604800000", FIELD(journal_retention_ms), .kind = KIND_INT,
     .max = INT64_MAX, .apply = APPLY_STORE},
    {"journal-retention-groups", "drop", leavings, FIELD(retention_groups), .kind = KIND_ENUM,
     .apply = APPLY_STORE},
    {"auto-aof-rewrite-percentage", "100", FIELD(rewrite_percentage), .kind = KIND_INT,
     .max = INT_MAX},
    {"auto-aof-rewrite-min-size", "64mb", FIELD(rewrite_min_bytes), .kind = KIND_BYTES,
     .max = INT64_MAX},
    {"save", "", FIELD(save), .kind = KIND_SAVES,
     .flags = CONFIG_WORDS | CONFIG_ACCUMULATES | CONFIG_SET_AFRESH, .apply = APPLY_SAVING},
    {"dbfilename", "dump.rdb", FIELD(dbfilename), .kind = KIND_FILE, .max = FILE_BYTES_MAX,
     .flags = CONFIG_PROTECTED},
    {"rdbcompression", "yes", FIELD(rdbcompression), .kind = KIND_BOOL},
    {"rdbchecksum", "yes", FIELD(rdbchecksum), .kind = KIND_BOOL, .flags = CONFIG_START},
    {"sanitize-dump-payload", "yes", sanitizings, FIELD(sanitizing), .kind = KIND_ENUM},
    {"stop-writes-on-bgsave-error", "yes", FIELD(stop_writes), .kind = KIND_BOOL,
     .apply = APPLY_SAVING},
    {"appenddirname", "appendonlydir", FIELD(appenddirname), .kind = KIND_FILE,
     .max = FILE_BYTES_MAX, .flags = CONFIG_START},
    {"appendfilename", "appendonly.aof", FIELD(appendfilename), .kind = KIND_FILE,
     .max = FILE_BYTES_MAX, .flags = CONFIG_START},
    {"aof-load-truncated", "yes", FIELD(aof_load_truncated), .kind = KIND_BOOL},
    {"maxmemory", "0", FIELD(maxmemory), .kind = KIND_BYTES, .max = INT64_MAX,
     .apply = APPLY_MEMORY},
    {"maxmemory-policy", "noeviction", policies, FIELD(maxmemory_policy), .kind = KIND_ENUM,
     .apply = APPLY_MEMORY},
    {"maxmemory-samples", "5", FIELD(maxmemory_samples), .kind = KIND_INT, .min = 1,
     .max = SAMPLES_MAX, .apply = APPLY_MEMORY},
    {"lfu-log-factor", "10", FIELD(lfu_log_factor), .kind = KIND_INT, .max = INT_MAX,
     .apply = APPLY_MEMORY},
    {"lfu-decay-time", "1", FIELD(lfu_decay_minutes), .kind = KIND_INT, .max = INT_MAX,
     .apply = APPLY_MEMORY},

    {"hash-max-listpack-entries", "512", FIELD(hash_packed_entries), .kind = KIND_INT,
     .max = INT64_MAX, .apply = APPLY_VALUES},
    {"hash-max-ziplist-entries", "512", FIELD(hash_packed_entries), .kind = KIND_INT,
     .max = INT64_MAX, .flags = CONFIG_ALIAS, .apply = APPLY_VALUES},
    {"hash-max-listpack-value", "64", FIELD(hash_packed_value), .kind = KIND_BYTES,
     .max = INT64_MAX, .apply = APPLY_VALUES},
    {"hash-max-ziplist-value", "64", FIELD(hash_packed_value), .kind = KIND_BYTES, .max = INT64_MAX,
     .flags = CONFIG_ALIAS, .apply = APPLY_VALUES},
    {"hll-sparse-max-bytes", "3000", FIELD(hll_sparse_bytes), .kind = KIND_BYTES, .max = INT64_MAX,
     .apply = APPLY_VALUES},
    {"list-max-listpack-size", "-2", FIELD(list_packed_size), .kind = KIND_INT, .min = INT_MIN,
     .max = INT_MAX, .apply = APPLY_VALUES},
    {"list-max-ziplist-size", "-2", FIELD(list_packed_size), .kind = KIND_INT, .min = INT_MIN,
     .max = INT_MAX, .flags = CONFIG_ALIAS, .apply = APPLY_VALUES},
    {"list-compress-depth", "0", FIELD(list_compress_depth), .kind = KIND_INT, .max = INT_MAX,
     .apply = APPLY_VALUES},
    {"set-max-intset-entries", "512", FIELD(set_ints), .kind = KIND_INT, .max = INT64_MAX,
     .apply = APPLY_VALUES},
    {"set-max-listpack-entries", "128", FIELD(set_packed_entries), .kind = KIND_INT,
     .max = INT64_MAX, .apply = APPLY_VALUES},
    {"set-max-listpack-value", "64", FIELD(set_packed_value), .kind = KIND_BYTES, .max = INT64_MAX,
     .apply = APPLY_VALUES},
    {"stream-node-max-entries", "100", FIELD(stream_node_entries), .kind = KIND_INT,
     .max = INT64_MAX, .apply = APPLY_VALUES},
    {"stream-node-max-bytes", "4096", FIELD(stream_node_bytes), .kind = KIND_BYTES,
     .max = INT64_MAX, .apply = APPLY_VALUES},
    {"zset-max-listpack-entries", "128", FIELD(zset_packed_entries), .kind = KIND_INT,
     .max = INT64_MAX, .apply = APPLY_VALUES},
    {"zset-max-ziplist-entries", "128", FIELD(zset_packed_entries), .kind = KIND_INT,
     .max = INT64_MAX, .flags = CONFIG_ALIAS, .apply = APPLY_VALUES},
    {"zset-max-listpack-value", "64", FIELD(zset_packed_value), .kind = KIND_BYTES,
     .max = INT64_MAX, .apply = APPLY_VALUES},
    {"zset-max-ziplist-value", "64", FIELD(zset_packed_value), .kind = KIND_BYTES, .max = INT64_MAX,
     .flags = CONFIG_ALIAS, .apply = APPLY_VALUES},

    {"notify-keyspace-events", "", FIELD(notify), .kind = KIND_EVENTS, .apply = APPLY_NOTIFY},
    {"pubsub-coalesce-us", "0", FIELD(pubsub_coalesce_us), .kind = KIND_INT, .max = COALESCE_US_MAX,
     .apply = APPLY_PUBSUB},
    {"pubsub-overflow", "continue", overflows, FIELD(pubsub_overflow), .kind = KIND_ENUM,
     .apply = APPLY_LIMITS},
    {"pubsub-globs-max", "10000", FIELD(pubsub_globs_max), .kind = KIND_INT, .max = GLOBS_MAX,
     .apply = APPLY_PUBSUB},
    {"pubsub-pattern-bytes-max", "64kb", FIELD(pubsub_pattern_max), .kind = KIND_BYTES, .min = 1,
     .max = PATTERN_BYTES_MAX, .apply = APPLY_PUBSUB},
    {"keychange-max-bytes", "64kb", FIELD(keychange_max), .kind = KIND_BYTES, .max = INT64_MAX,
     .apply = APPLY_PUBSUB},
    {"view-reply-bytes-max", "64mb", FIELD(view_reply_bytes_max), .kind = KIND_BYTES,
     .min = MEGABYTE, .max = INT64_MAX, .apply = APPLY_PUBSUB},

    {"logfile", "", FIELD(logfile), .kind = KIND_PATH, .max = PATH_BYTES_MAX,
     .flags = CONFIG_START},
    {"loglevel", "notice", loglevels, FIELD(loglevel), .kind = KIND_ENUM, .apply = APPLY_LOG},
    {"log-format", "text", log_formats, FIELD(log_format), .kind = KIND_ENUM, .apply = APPLY_LOG},
    {"hide-user-data-from-log", "yes", FIELD(hide_user_data), .kind = KIND_BOOL,
     .apply = APPLY_LOG},
    {"pidfile", "", FIELD(pidfile), .kind = KIND_PATH, .max = PATH_BYTES_MAX,
     .flags = CONFIG_START},
    {"set-proc-title", "yes", FIELD(set_proc_title), .kind = KIND_BOOL, .flags = CONFIG_START},
    {"slowlog-log-slower-than", "10000", FIELD(slowlog_slower_us), .kind = KIND_INT, .min = -1,
     .max = INT64_MAX, .apply = APPLY_SLOWLOG},
    {"slowlog-max-len", "128", FIELD(slowlog_len_max), .kind = KIND_INT, .max = INT64_MAX,
     .apply = APPLY_SLOWLOG},
    {"latency-monitor-threshold", "0", FIELD(latency_threshold_ms), .kind = KIND_INT,
     .max = INT64_MAX, .apply = APPLY_LATENCY},
    {"latency-tracking", "yes", FIELD(latency_tracking), .kind = KIND_BOOL, .apply = APPLY_LATENCY},
    {"latency-tracking-info-percentiles", "50 99 99.9", FIELD(latency_percentiles),
     .kind = KIND_PERCENTILES, .flags = CONFIG_WORDS, .apply = APPLY_LATENCY},

    {"enable-debug-command", "no", permissions, FIELD(debug_command), .kind = KIND_ENUM,
     .flags = CONFIG_START},
    {"enable-protected-configs", "no", permissions, FIELD(protected_configs), .kind = KIND_ENUM,
     .flags = CONFIG_START},
};
/* clang-format on */

const size_t config_rows_count = sizeof config_rows / sizeof *config_rows;
_Static_assert(sizeof config_rows / sizeof *config_rows <= CONFIG_ROWS_MAX, "room for all of them");
