/* The configuration: every directive, its meaning, and how it is read, changed and kept.
 *
 * There is one table (config_table.c) with a row per directive: its name, its kind, where its
 * value lives in `struct config`, its default, its range, whether it may change while the server
 * runs, and what must be told when it does. Reading a file, the command line, CONFIG GET, SET and
 * REWRITE all walk that table; the rest of the server reads the typed fields below.
 *
 * The names and the syntax are those of redis.conf. A directive that the table does not have is
 * an error that names file and line: nothing is read and ignored.
 *
 * The module opens no socket and changes nothing but `struct config`. What a change means is up
 * to the hooks that the server fills in; a hook may refuse, and then nothing at all has changed.
 *
 * Texts are owned by the configuration and followed by a NUL, so that `.at` is a C string (those
 * that name files hold no other NUL). They change only in config_set and config_text_set. */
#ifndef HARK_SERVER_CONFIG_H
#define HARK_SERVER_CONFIG_H

#include "../resp/write.h"

enum {
    CONFIG_BIND_MAX = 16,         /* addresses to listen on */
    CONFIG_PERCENTILES_MAX = 32,  /* of latency-tracking-info-percentiles */
    CONFIG_SAVES_MAX = 16,        /* of save */
    CONFIG_ERROR_MAX = 512,       /* room that an error text never needs more than */
    CONFIG_FILE_MAX = 1024 * 1024 /* bytes of one configuration file */
};

enum config_loglevel {
    LOGLEVEL_DEBUG,
    LOGLEVEL_VERBOSE,
    LOGLEVEL_NOTICE,
    LOGLEVEL_WARNING,
    LOGLEVEL_NOTHING
};
enum config_log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
/* Who may: nobody, everybody, or clients on this machine (loopback or unix socket). */
enum config_permission { PERMIT_NO, PERMIT_YES, PERMIT_LOCAL };
/* When the journal is synced; in the order of enum journal_sync. */
enum config_appendfsync { APPENDFSYNC_ALWAYS, APPENDFSYNC_EVERYSEC, APPENDFSYNC_NO };
/* What the journal no longer keeps: goes, or stays until groups have read it. */
enum config_retention_groups { RETENTION_DROP, RETENTION_REFUSE };
/* Redis can be told to trust what RESTORE and files bring: Hark cannot. */
enum config_sanitizing { SANITIZE_YES };
/* Subscribers that do not keep up are told the rest from the journal, or cut off. */
enum config_overflow { OVERFLOW_CONTINUE, OVERFLOW_DISCONNECT };
enum config_policy {
    POLICY_VOLATILE_LRU,
    POLICY_VOLATILE_LFU,
    POLICY_VOLATILE_RANDOM,
    POLICY_VOLATILE_TTL,
    POLICY_ALLKEYS_LRU,
    POLICY_ALLKEYS_LFU,
    POLICY_ALLKEYS_RANDOM,
    POLICY_NOEVICTION,
};

/* Bytes that may wait in a client's outgoing queue; 0 is no limit. */
struct config_output_limit {
    uint64_t hard; /* more than this: disconnected at once */
    uint64_t soft; /* more than this for so long: disconnected */
    int64_t soft_seconds;
};
enum config_output_class { OUTPUT_NORMAL, OUTPUT_REPLICA, OUTPUT_PUBSUB, OUTPUT_CLASSES };

struct config_addresses {
    struct slice at[CONFIG_BIND_MAX];
    int count;
};

struct config_percentiles {
    double at[CONFIG_PERCENTILES_MAX];
    int count;
};

/* A file is saved when so many seconds have passed since the last and so many keys were changed. */
struct config_save {
    int64_t seconds, changes;
};
struct config_saves {
    struct config_save at[CONFIG_SAVES_MAX];
    int count;
};

/* Fields that a client may not change at run time are marked (start). */
struct config {
    /* Listening. */
    struct config_addresses bind; /* `bind`: addresses; one with a leading '-' may be missing on
                                     this machine; '*' and '::*' are all of IPv4 and of IPv6 */
    int64_t port;                 /* `port`: TCP; 0 is none */
    int64_t tcp_backlog;          /* `tcp-backlog`: connections that wait to be accepted (start) */
    struct slice unixsocket;      /* `unixsocket`: path; empty is none (start) */
    int64_t unixsocketperm;       /* `unixsocketperm`: its mode; 0 leaves it to the umask (start) */
    bool protected_mode;          /* `protected-mode`: without a password only local clients */

    /* Clients. */
    struct slice requirepass; /* `requirepass`: empty lets everyone in */
    int64_t maxclients;       /* `maxclients` */
    int64_t timeout_s;        /* `timeout`: idle clients are disconnected; 0 is never */
    int64_t tcp_keepalive_s;  /* `tcp-keepalive`: seconds between probes; 0 is none */
    struct config_output_limit output_limits[OUTPUT_CLASSES]; /* `client-output-buffer-limit` */
    uint64_t query_buffer_max; /* `client-query-buffer-limit`: bytes of unfinished requests */
    uint64_t bulk_len_max;     /* `proto-max-bulk-len`: bytes of one argument or value */
    int64_t tracking_keys_max; /* `tracking-table-max-keys`: 0 is no limit */

    /* Data. */
    int64_t databases;                   /* `databases` (start) */
    struct slice dir;                    /* `dir`: working directory; changing it is protected */
    bool appendonly;                     /* `appendonly`: is there a journal? */
    enum config_appendfsync appendfsync; /* `appendfsync` */
    uint64_t journal_segment_bytes;      /* `journal-segment-bytes`: of one file (start) */
    uint64_t journal_tail_bytes;         /* `journal-tail-bytes`: what stays in memory (start) */
    uint64_t journal_retention_bytes;    /* `journal-retention-bytes`: the journal keeps so much
                                            beyond need; 0: a tenth of the disk, at least 1gb */
    int64_t journal_retention_ms; /* `journal-retention-ms`: nor is it kept for longer; 0: it is */
    enum config_retention_groups retention_groups; /* `journal-retention-groups` */
    int64_t rewrite_percentage; /* `auto-aof-rewrite-percentage`: a snapshot is taken when the
                                   journal has grown by so much of the last one; 0 is never */
    uint64_t rewrite_min_bytes; /* `auto-aof-rewrite-min-size`: and by so much at least */
    struct config_saves save;   /* `save`: when an RDB file is written by itself */
    struct slice dbfilename;    /* `dbfilename`: its name */
    bool rdbcompression;        /* `rdbcompression`: strings in it by LZF */
    bool rdbchecksum;           /* `rdbchecksum`: a checksum at its end (start) */
    enum config_sanitizing sanitizing; /* `sanitize-dump-payload`: always, for all that comes in */
    bool stop_writes; /* `stop-writes-on-bgsave-error`: no changes while it cannot be written */
    struct slice appenddirname;  /* `appenddirname`: folder of another server's AOF (start) */
    struct slice appendfilename; /* `appendfilename`: name of the same (start) */
    bool aof_load_truncated;     /* `aof-load-truncated`: it may break off at its end */
    uint64_t maxmemory;          /* `maxmemory`: bytes; 0 is no limit */
    enum config_policy maxmemory_policy; /* `maxmemory-policy`: who goes when it is reached */
    int64_t maxmemory_samples; /* `maxmemory-samples`: keys looked at to find one that goes */
    int64_t lfu_log_factor;    /* `lfu-log-factor`: how slowly a key's frequency grows */
    int64_t lfu_decay_minutes; /* `lfu-decay-time`: after how long it is one less; 0 never */

    /* When values are packed. */
    int64_t hash_packed_entries; /* `hash-max-listpack-entries`, once hash-max-ziplist-entries */
    uint64_t hash_packed_value;  /* `hash-max-listpack-value`: bytes of a field or value */
    uint64_t hll_sparse_bytes;   /* `hll-sparse-max-bytes`: of a HyperLogLog that is not dense */
    int64_t list_packed_size;    /* `list-max-listpack-size`, once list-max-ziplist-size: of a node;
                                    elements, or from -1 to -5: 4, 8, 16, 32, 64 KB */
    int64_t list_compress_depth; /* `list-compress-depth`: nodes at each end that are not pressed */
    int64_t set_ints;            /* `set-max-intset-entries` */
    int64_t set_packed_entries;  /* `set-max-listpack-entries` */
    uint64_t set_packed_value;   /* `set-max-listpack-value`: bytes of a member */
    int64_t stream_node_entries; /* `stream-node-max-entries`: 0 for any number */
    uint64_t stream_node_bytes;  /* `stream-node-max-bytes`: likewise */
    int64_t zset_packed_entries; /* `zset-max-listpack-entries`, once zset-max-ziplist-entries */
    uint64_t zset_packed_value;  /* `zset-max-listpack-value`: bytes of a member */

    /* Notifications. */
    uint32_t notify;            /* `notify-keyspace-events`: bits of record/events.h */
    int64_t pubsub_coalesce_us; /* `pubsub-coalesce-us`: messages may wait so long for others */
    enum config_overflow pubsub_overflow; /* `pubsub-overflow`: what becomes of slow subscribers */
    int64_t pubsub_globs_max;      /* `pubsub-globs-max`: patterns that only a glob can decide */
    int64_t subscriptions_max;     /* `client-subscriptions-max`: of one client, of all kinds */
    uint64_t pubsub_pattern_max;   /* `pubsub-pattern-bytes-max`: length of a pattern */
    uint64_t keychange_max;        /* `keychange-max-bytes`: of one __keychange@ message */
    uint64_t view_reply_bytes_max; /* `view-reply-bytes-max`: what a read of views may give */

    /* Logs and diagnosis. */
    struct slice logfile;              /* `logfile`: empty is standard output (start) */
    enum config_loglevel loglevel;     /* `loglevel` */
    enum config_log_format log_format; /* `log-format`: lines for people, or JSON */
    bool hide_user_data;          /* `hide-user-data-from-log`: no keys and values in log lines */
    struct slice pidfile;         /* `pidfile`: empty is none (start) */
    bool set_proc_title;          /* `set-proc-title`: ps shows address and port (start) */
    int64_t slowlog_slower_us;    /* `slowlog-log-slower-than`: -1 is never, 0 is always */
    int64_t slowlog_len_max;      /* `slowlog-max-len` */
    int64_t latency_threshold_ms; /* `latency-monitor-threshold`: 0 is off */
    bool latency_tracking;        /* `latency-tracking`: a histogram per command */
    struct config_percentiles latency_percentiles; /* `latency-tracking-info-percentiles` */

    /* Permissions. */
    enum config_permission debug_command;     /* `enable-debug-command` (start) */
    enum config_permission protected_configs; /* `enable-protected-configs`: `dir` (start) */

    /* Not directives: */
    struct slice file; /* absolute path of the configuration file; empty when there is none */
};

/* What may have to be told of a change. Several directives share one; the hook is called once. */
enum config_apply {
    APPLY_NOTHING,  /* whoever reads the field sees the new value next time: no hook */
    APPLY_LISTEN,   /* bind, port */
    APPLY_ACCESS,   /* requirepass, protected-mode */
    APPLY_CLIENTS,  /* maxclients, timeout, tcp-keepalive */
    APPLY_LIMITS,   /* client-output-buffer-limit, client-query-buffer-limit, proto-max-bulk-len */
    APPLY_MEMORY,   /* maxmemory, its policy and samples, lfu-* */
    APPLY_DIR,      /* dir */
    APPLY_SAVING,   /* save, stop-writes-on-bgsave-error */
    APPLY_STORE,    /* appendonly, appendfsync, journal-retention-* */
    APPLY_NOTIFY,   /* notify-keyspace-events */
    APPLY_PUBSUB,   /* pubsub-*, keychange-max-bytes, view-* */
    APPLY_LOG,      /* loglevel, log-format, hide-user-data-from-log */
    APPLY_SLOWLOG,  /* slowlog-* */
    APPLY_LATENCY,  /* latency-* */
    APPLY_TRACKING, /* tracking-table-max-keys */
    APPLY_VALUES,   /* …-max-listpack-* */
    APPLY_COUNT,
};

/* Makes a change true. `now` is the configuration with all changes of the CONFIG SET in place,
 * `before` what it was. Returns 0, or a negative error after writing a text to `why` ("Failed to
 * bind to specified addresses."). It may put texts of `now` into their final form, as for `dir`.
 *
 * When a later hook refuses, those that had agreed are called again, last first, with `now` as it
 * was at the start; what they return then is not looked at. */
typedef int config_hook(void *ctx, struct config *now, const struct config *before, char *why,
                        size_t why_size);

struct config_hooks {
    void *ctx;
    config_hook *apply[APPLY_COUNT]; /* NULL: nothing to do */
};

/* Fills in every default. Anything that *c held is not released. */
void config_defaults(struct config *c);
/* Releases the texts. */
void config_fini(struct config *c);

/* Reads `hark-server [file] [--directive value …]` over what *c holds: first the file, `-` for
 * standard input, then the command line. `include` reads other files in its place; a relative
 * name starts at the folder of the file that includes it. Returns 0, or a negative error with a
 * text in `error` such as "hark.conf:12: 'maxclients': argument must be between …"; *c is then good
 * only for config_fini. */
int config_load(struct config *c, int argc, char *const *argv, char *error, size_t error_size);

/* CONFIG SET: words are name, value, name, value …; all of them or none. `local` tells whether the
 * client sits on this machine (for permissions that are `local`). Returns 0, or a negative error
 * with the whole reply, code first ("ERR CONFIG SET failed …"), in `error`. */
int config_set(struct config *c, const struct config_hooks *hooks, const struct slice *words,
               size_t count, bool local, char *error, size_t error_size);

/* CONFIG GET: a map of the directives that match any of the patterns, each once. */
void config_get(const struct config *c, const struct slice *patterns, size_t count,
                struct resp_writer *w);

/* CONFIG REWRITE: makes the file say what is true now. Lines that say it already stay as they
 * are, comments and order are kept, other values change in place, what is missing and not the
 * default is appended, duplicates go. What the new file would give is read back before it
 * replaces the old one, in one step. Same errors as config_set. */
int config_rewrite(const struct config *c, char *error, size_t error_size);

/* May the value of this directive not be shown in logs? False for names that are none. */
bool config_is_sensitive(struct slice name);

/* Gives a text of a `struct config` a new value (copied). For hooks, and for `dir` at start. */
void config_text_set(struct slice *field, struct slice text);

#endif
