/* The server: everything below put together, and the only state there is. */
#ifndef HARK_SERVER_SERVER_H
#define HARK_SERVER_SERVER_H

#include "../command/stream.h"
#include "../session/session.h"
#include "config.h"
#include "latency.h"
#include "log.h"
#include "retention.h"
#include "saving.h"
#include "snapshots.h"
#include "store.h"

/* Figures sampled ten times a second, averaged over the last few. */
enum { RATE_SAMPLES = 16 };
struct rate {
    uint64_t last;
    double samples[RATE_SAMPLES];
    int next;
};

struct server {
    struct config config;
    struct config_hooks hooks;
    struct log log;
    struct keyspace *keyspace;
    struct pubsub *pubsub;
    struct engine *engine;
    struct net *net;
    struct command_table *commands;
    struct sessions *sessions;
    struct store store; /* the journal */
    struct snapshots snapshots;
    struct retention retention;
    struct saving saving;
    struct streams streams; /* views, and their groups */
    int views_fd;           /* the views have something to do */
    int64_t next_views_us;  /* mono time of the next server_tick_views with something to do */
    struct {
        uint64_t keys, expired;
    } loaded;                       /* at the start, from a file of another server */
    bool is_importing;              /* such a file is being taken over: import.h */
    const struct import *importing; /* while it is read */
    struct latency latency;         /* events that took too long, for LATENCY */
    double ticks_per_us;            /* io_ticks per microsecond */
    char run_id[41];
    char history_id[41]; /* of the data, INFO's master_replid: new with every start from nothing */
    char **argv;
    int signal_fd;
    uint64_t files_max;   /* descriptors that the process may have */
    int64_t started_us;   /* unix time */
    int64_t now_us;       /* unix time of this turn */
    int64_t next_tick_us; /* mono time of the next tick */
    uint64_t turns;
    int64_t longest_turn_us; /* since the last CONFIG RESETSTAT, by the clock on the wall; */
    int64_t
        longest_busy_cpu_us; /* CPU time alone, of turns that found work left by the one before */
    size_t memory_startup, memory_peak;
    size_t memory_startup_rooms; /* the part of keyspace and pubsub in memory_startup */
    int64_t expire_us;           /* spent on putting away keys that were due */
    uint64_t expire_stopped;     /* turns in which more were due than time allowed */
    struct rate commands_rate, input_rate, output_rate;
    bool stop;
    bool pause_ticks; /* DEBUG PAUSE-CRON */
    int exit_code;
};

/* The server of a call. */
static inline struct server *call_server(const struct call *c)
{
    return c->server;
}

/* server.c */
/* Takes over a loaded configuration. Returns 0, or a negative error after a line in the log. */
int server_init(struct server *s, struct config config, char **argv);
void server_fini(struct server *s);
/* Serves until a signal or SHUTDOWN; returns the exit code. */
int server_run(struct server *s);
/* Looks after clients while a file is taken over, in the middle of that. */
void server_turn_beside_import(struct server *s, int64_t wait_us);
/* Is the data not all there yet? */
static inline bool server_is_loading(const struct server *s)
{
    return s->is_importing || s->store.state == STORE_LOADING;
}

/* 40 random hex digits. */
void server_make_id(char id[41]);
/* CONFIG RESETSTAT. */
void server_reset_stats(struct server *s);

/* listen.c */
/* Listens where the configuration says, and nowhere else any more. After an error, with its reason
 * in `why`, at some of these places or none. */
int server_listen(struct server *s, const struct config *c, char *why, size_t why_size);

/* views.c */
int server_init_views(struct server *s);
/* The journal is there and loaded. */
void server_open_views(struct server *s);
void server_apply_views(struct server *s, const struct config *c);
/* From time to time. */
void server_tick_views(struct server *s, int64_t mono_us);
/* The journal is about to be closed. */
void server_stop_views(struct server *s);
/* After the sessions. */
void server_fini_views(struct server *s);

/* apply.c: brings everybody in line with the configuration */
void server_apply_all(struct server *s);
struct config_hooks server_config_hooks(struct server *s);
/* Makes `dir` the working directory and absolute; errors as io_dir_enter. */
int server_enter_dir(struct config *c, char *why, size_t why_size);

/* The families of commands that are the server's. */
void bind_server_commands(struct command_table *t);  /* server_commands.c: TIME, LOLWUT */
void bind_config_commands(struct command_table *t);  /* config_commands.c: CONFIG */
void bind_info_commands(struct command_table *t);    /* info.c: INFO */
void bind_debug_commands(struct command_table *t);   /* debug.c: DEBUG */
void bind_memory_commands(struct command_table *t);  /* memory.c: MEMORY */
void bind_latency_commands(struct command_table *t); /* latency.c: LATENCY */
void bind_command_commands(struct command_table *t); /* command_commands.c: COMMAND */

double rate_average(const struct rate *r);

#endif
