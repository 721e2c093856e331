/* Clients: one session for each connection, and what they share.
 *
 * `struct sessions` is the set of them. The server above creates one, hands it connections, and
 * fills in `struct session_hooks` for what only it can do. A session takes bytes, makes requests
 * of them, checks what may run, runs commands in records of the engine, and answers in order. */
#ifndef HARK_SESSION_SESSION_H
#define HARK_SESSION_SESSION_H

#include "../command/call.h"
#include "../net/net.h"

struct sessions;
struct session;

enum output_class {
    OUTPUT_CLASS_NORMAL,
    OUTPUT_CLASS_REPLICA,
    OUTPUT_CLASS_PUBSUB,
    OUTPUT_CLASS_COUNT
};

struct sessions_config {
    struct slice password; /* requirepass; empty: none asked */
    bool protected_mode;
    size_t clients_max; /* maxclients */
    struct out_limit output[OUTPUT_CLASS_COUNT];
    int64_t bulk_max; /* proto-max-bulk-len */
    size_t queue_max; /* bytes of a transaction, watched keys included: client-query-buffer-limit */
    int64_t slow_us;  /* slowlog-log-slower-than; -1 never */
    size_t slow_len_max;       /* slowlog-max-len */
    bool latency_histograms;   /* latency-tracking */
    bool overflow_disconnects; /* pubsub-overflow disconnect */
    size_t tracking_keys_max;  /* tracking-table-max-keys; 0 no limit */
    int64_t latency_event_ms;  /* latency-monitor-threshold; 0 off */
    double ticks_per_us;
};

struct session_hooks {
    void *server; /* handed to commands as call->server */
    /* A command took `ms` and latency-monitor-threshold is passed. */
    void (*slow_event)(void *server, const char *event, int64_t ms);
    /* A line for the log. */
    void (*log)(void *server, struct slice line);
    /* Is the value of this setting a secret? */
    bool (*setting_is_secret)(struct slice name);
};

struct sessions *sessions_new(struct engine *engine, struct net *net, struct command_table *table,
                              struct session_hooks hooks);
void sessions_free(struct sessions *all);
/* Copies what it keeps. */
void sessions_set_config(struct sessions *all, struct sessions_config config);
/* Until further notice, commands that write are refused with this error, which is borrowed; empty:
 * they are not. */
void sessions_refuse_writes(struct sessions *all, struct slice error);
/* What the state of the data on disk means to clients: with LOADING most commands are refused, with
 * FULL those that add data, with BEHIND those that write wait. KEPT is like FULL: the journal is
 * too large because of a group that has not read it. */
enum sessions_store {
    SESSIONS_READY,
    SESSIONS_LOADING,
    SESSIONS_FULL,
    SESSIONS_BEHIND,
    SESSIONS_KEPT,
};
void sessions_set_store(struct sessions *all, enum sessions_store store);
/* What stream commands work on; borrowed. */
void sessions_set_streams(struct sessions *all, struct streams *streams);
/* For net_listen. */
struct net_listener sessions_listener(struct sessions *all);

/* Once a turn: the time, which goes on from there as commands take theirs, and those whose pause or
 * wait is over. */
void sessions_begin_turn(struct sessions *all, int64_t now_us);
/* Before net_flush, and before the journal is written: waits that were woken go on, which makes
 * records; then what is said once a turn, about all that changed in it. */
void sessions_before_flush(struct sessions *all);
/* SHUTDOWN: from here on no request runs and no wait goes on; replies made so far still leave. */
void sessions_stop(struct sessions *all);
/* Is there something to go on with at once, without anybody's asking? */
bool sessions_have_work(const struct sessions *all);
/* The last act of a turn, after net_flush: sessions that have ended are freed. */
void sessions_end_turn(struct sessions *all);
/* When sessions_begin_turn must be called at the latest, for pauses and waits: unix us, or
 * -1; right away while subscriptions of those who are gone are to be removed. */
int64_t sessions_next_turn_us(const struct sessions *all);

/* The commands of this room: connection, transactions, pubsub, client, slowlog, monitor. */
void session_bind_commands(struct command_table *t);

struct sessions_stats {
    uint64_t commands, connections, rejected_connections, errors, auth_failures;
    uint64_t fell_behind;   /* subscribers that did not keep up, and were continued */
    size_t behind;          /* that are continued now */
    uint64_t input_evicted; /* connections ended by a limit on input or output */
    size_t clients, pubsub_clients, watching_clients, tracking_clients, monitors;
    size_t paused, blocked; /* the paused are counted as blocked too */
    size_t memory;          /* of sessions and their queues */
    size_t input_biggest, output_biggest;
    size_t blocking_keys, blocking_keys_on_nokey; /* that clients wait for, and for their end */
    size_t watched_keys, tracking_keys, tracking_items, tracking_prefixes;
};
struct sessions_stats sessions_stats(struct sessions *all);
/* The one figure that is asked for often: commands run so far. */
uint64_t sessions_commands(const struct sessions *all);
void sessions_reset_stats(struct sessions *all);
/* Error replies by code, for INFO errorstats. */
void sessions_each_error(struct sessions *all,
                         void (*visit)(void *ctx, struct slice code, uint64_t count), void *ctx);

/* The session of a call; NULL when the server itself calls. */
static inline struct session *call_session(const struct call *c)
{
    return c->session;
}
/* Does the client sit on this machine? */
bool session_is_local(const struct session *s);
#endif
