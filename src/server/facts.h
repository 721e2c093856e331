/* What is true of the server at one moment, gathered from all rooms for a reply: INFO and MEMORY
 * read it. */
#ifndef HARK_SERVER_FACTS_H
#define HARK_SERVER_FACTS_H

#include "../io/clock.h"
#include "server.h"

/* Bytes, and what follows from them. */
struct memory_facts {
    uint64_t used, peak, startup;
    uint64_t clients;   /* connections, sessions, their queues */
    uint64_t databases; /* tables, wheels, watched keys: all but the entries */
    uint64_t pubsub;    /* channels, patterns, subscriptions */
    uint64_t overhead;  /* these, the journal, and what there was before the first client */
    uint64_t dataset;   /* the rest: keys and values */
    uint64_t resident;  /* of the whole process, as the system counts */
    uint64_t held;      /* of which by the allocator, in use or free: what it has committed, but not
                           more than is resident, as it commits ahead of need */
    uint64_t machine;
    uint64_t journal;       /* records in memory; they do not count for maxmemory */
    double peak_percent;    /* used of peak */
    double dataset_percent; /* dataset of what was not there at the start */
    /* Of which a ratio of 1 and a difference of 0 would be the ideal. */
    struct memory_waste {
        double ratio;
        int64_t bytes;
    } allocator, process, total; /* held to used, resident to held, resident to used */
};

/* Of RDB files. */
struct rdb_facts {
    uint64_t changes, saves, load_expired, load_keys;
    int64_t saving, last_s, last_took_s, current_s;
    const char *status;
};

struct facts {
    struct sessions_stats sessions;
    struct net_stats net;
    struct engine_stats engine;
    struct pubsub_counts pubsub;
    struct database_info databases; /* the sum of all */
    struct keyspace_freeing freeing;
    struct memory_facts memory;
    struct rdb_facts rdb;
    struct store_facts {
        int64_t enabled, loading, loading_eta_s, loading_start_s, load_us;
        uint64_t loading_bytes, loaded_bytes;
        const char *write_status;
        int64_t snapshot_running, snapshot_wanted, snapshot_last_s, snapshot_now_s;
        uint64_t snapshots, snapshot_failures, snapshot_bytes, snapshot_seq;
        const char *snapshot_status;
        uint64_t retention_bytes;
        int64_t retention_ms, retention_refuses;
        const char *retention_waits_for;
        struct journal_info journal;
        uint64_t records;
        double loading_percent;
        char first_id[48], last_id[48]; /* of the events that can be read */
    } store;
    struct cpu_time cpu, cpu_main;
    int64_t now_us, started_s, uptime_s, uptime_days;
    int64_t process, port, clients_max;
    int64_t lru_clock;
    int64_t expire_ms, longest_turn_us, longest_busy_cpu_us;
    uint64_t maxmemory, expire_stopped, turns;
    double commands_per_s, input_kbps, output_kbps;
    char redis_version[COMMAND_VERSION_MAX];
    char machine[128];
    char executable[512];
    char last_event_id[48];
    const char *policy, *run_id, *history_id, *config_file, *allocator;
};

struct memory_facts memory_facts(struct server *s, size_t clients);
void server_facts(struct server *s, struct facts *out);

#endif
