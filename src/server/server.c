/* The composition root: builds the house, runs the loop, takes it down. */
#include "import.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/hash.h"
#include "../base/mem.h"
#include "../io/clock.h"
#include "../io/process.h"
#include "../io/signals.h"
#include "../io/socket.h"

enum {
    TICK_US = 100 * 1000,
    EXPIRE_SLICE = 256,         /* keys put away before the loop looks at the time again */
    EXPIRE_TURN_US = 1000,      /* what one turn may spend on it */
    WORK_TURN_US = 200,         /* and on work that nobody waits for */
    UNSUBSCRIBE_SLICE = 64,     /* for clients that are gone, before that work looks at the time */
    FILES_RESERVED = 32,        /* descriptors that are not clients */
    LOAD_FIRST_US = 200 * 1000, /* loading before anybody is listened to, */
    LOAD_TURN_US = 20 * 1000,   /* and between looking after those who ask */
};

static void slow_event(void *ctx, const char *event, int64_t ms)
{
    struct server *s = ctx;
    latency_add(&s->latency, event, s->now_us / 1000000, ms);
}

static void log_from_session(void *ctx, struct slice line)
{
    struct server *s = ctx;
    log_line(&s->log, LOGLEVEL_NOTICE, "%.*s", (int)line.len, line.at);
}

static void bind_commands(struct command_table *t)
{
    command_bind_strings(t);
    command_bind_bits(t);
    command_bind_hyperloglogs(t);
    command_bind_geo(t);
    command_bind_sort(t);
    command_bind_generic(t);
    command_bind_dump(t);
    command_bind_expiry(t);
    command_bind_scan(t);
    command_bind_lists(t);
    command_bind_hashes(t);
    command_bind_sets(t);
    command_bind_zsets(t);
    command_bind_streams(t);
    session_bind_commands(t);
    bind_server_commands(t);
    bind_saving_commands(t);
    bind_config_commands(t);
    bind_info_commands(t);
    bind_debug_commands(t);
    bind_memory_commands(t);
    bind_latency_commands(t);
    bind_command_commands(t);
}

static void signal_came(void *ctx)
{
    struct server *s = ctx;
    enum signal_kind kind = signals_read(s->signal_fd);
    if (kind == SIGNAL_NONE) return;
    log_line(&s->log, LOGLEVEL_WARNING, "Received %s, shutting down",
             kind == SIGNAL_INTERRUPT ? "SIGINT" : "SIGTERM");
    if (s->config.save.count && s->store.state != STORE_LOADING)
        saving_ask_and_close(s, false);
    else
        s->stop = true;
}

void server_make_id(char id[41])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[20];
    io_entropy(bytes, sizeof bytes);
    for (int i = 0; i < 20; i++) {
        id[2 * i] = hex[bytes[i] >> 4];
        id[2 * i + 1] = hex[bytes[i] & 15];
    }
    id[40] = 0;
}

static void build(struct server *s)
{
    unsigned char secret[HASH_SECRET_SIZE];
    uint64_t seed;
    io_entropy(secret, sizeof secret);
    io_entropy(&seed, sizeof seed);
    s->keyspace = keyspace_new((int)s->config.databases, secret, seed);
    s->pubsub = pubsub_new(keyspace_secret(s->keyspace), (struct pubsub_limits){0});
    s->engine = engine_new(s->keyspace, s->pubsub);
    s->commands = command_table_new();
    bind_commands(s->commands);
    struct session_hooks hooks = {s, slow_event, log_from_session, config_is_sensitive};
    s->sessions = sessions_new(s->engine, s->net, s->commands, hooks);
}

/* What is logged to standard output is mostly read together with standard error, where it stands
 * already. */
static void memory_is_out(void *ctx, const char *text)
{
    struct server *s = ctx;
    if (s->log.to != stdout) log_line(&s->log, LOGLEVEL_WARNING, "%s", text);
}

static int open_log_and_dir(struct server *s)
{
    char why[256];
    if (s->config.dir.len && server_enter_dir(&s->config, why, sizeof why) != 0) {
        fprintf(stderr, "hark-server: cannot change to dir '%s': %s\n", s->config.dir.at, why);
        return ERR_IO;
    }
    if (log_open(&s->log, s->config.logfile.at ? s->config.logfile.at : "") != 0) {
        fprintf(stderr, "hark-server: cannot open the logfile '%s'\n", s->config.logfile.at);
        return ERR_IO;
    }
    s->log.level = s->config.loglevel;
    s->log.format = s->config.log_format;
    return 0;
}

static void fit_clients_to_files(struct server *s)
{
    uint64_t want = (uint64_t)s->config.maxclients + FILES_RESERVED;
    s->files_max = process_raise_files(want);
    if (s->files_max >= want) return;
    int64_t fits = (int64_t)s->files_max - FILES_RESERVED;
    s->config.maxclients = fits > 1 ? fits : 1;
    log_line(&s->log, LOGLEVEL_WARNING, "The limit of open files is %llu: maxclients is %lld now",
             (unsigned long long)s->files_max, (long long)s->config.maxclients);
}

int server_init(struct server *s, struct config config, char **argv)
{
    *s = (struct server){.config = config, .argv = argv, .signal_fd = -1};
    int rc = open_log_and_dir(s);
    if (rc != 0) return rc;
    mem_tell_end(memory_is_out, s);
    fit_clients_to_files(s);
    s->started_us = s->now_us = io_unix_us();
    s->ticks_per_us = io_ticks_calibrate();
    server_make_id(s->run_id);
    server_make_id(s->history_id);
    s->net = net_new((struct net_config){0});
    s->signal_fd = signals_open();
    if (!s->net || s->signal_fd < 0 || net_watch(s->net, s->signal_fd, signal_came, s) != 0) {
        log_line(&s->log, LOGLEVEL_WARNING, "The system gives no event queue");
        return ERR_IO;
    }
    build(s);
    snapshots_init(&s->snapshots); /* before others add their sections */
    if (saving_init(s) != 0) return ERR_IO;
    if (server_init_views(s) != 0) return ERR_IO;
    retention_init(s);
    s->hooks = server_config_hooks(s);
    server_apply_all(s);
    s->memory_startup = s->memory_peak = mem_used();
    s->memory_startup_rooms = keyspace_overhead(s->keyspace) + pubsub_counts(s->pubsub).bytes;
    rc = store_open(s);
    if (rc == 0) rc = import_at_start(s);
    if (rc != 0) return rc;
    char why[512];
    rc = server_listen(s, &s->config, why, sizeof why);
    if (rc != 0) log_line(&s->log, LOGLEVEL_WARNING, "%s", why);
    return rc;
}

void server_reset_stats(struct server *s)
{
    sessions_reset_stats(s->sessions);
    engine_reset_stats(s->engine);
    keyspace_reset_freed(s->keyspace);
    s->longest_turn_us = s->longest_busy_cpu_us = s->expire_us = 0;
    s->expire_stopped = 0;
}

void server_fini(struct server *s)
{
    server_stop_views(s);
    store_close(s);
    if (s->sessions) sessions_free(s->sessions);
    retention_fini(s);
    if (s->engine) server_fini_views(s);
    if (s->engine) saving_fini(s);
    net_free(s->net);
    if (s->engine) engine_free(s->engine);
    if (s->pubsub) pubsub_free(s->pubsub);
    keyspace_free(s->keyspace);
    if (s->commands) command_table_free(s->commands);
    config_fini(&s->config);
    log_close(&s->log);
}

/* ---- the loop ---- */

static void rate_sample(struct rate *r, uint64_t total, int64_t us)
{
    uint64_t more = total >= r->last ? total - r->last : 0;
    r->samples[r->next] = us > 0 ? (double)more * 1e6 / (double)us : 0;
    r->next = (r->next + 1) % RATE_SAMPLES;
    r->last = total;
}

double rate_average(const struct rate *r)
{
    double sum = 0;
    for (int i = 0; i < RATE_SAMPLES; i++) sum += r->samples[i];
    return sum / RATE_SAMPLES;
}

/* Ten times a second: what goes by the clock and needs no precision. */
static void tick(struct server *s, int64_t mono_us)
{
    if (mono_us < s->next_tick_us) return;
    int64_t since = s->next_tick_us ? mono_us - s->next_tick_us + TICK_US : TICK_US;
    s->next_tick_us = mono_us + TICK_US;
    if (s->pause_ticks) return;
    server_tick_views(s, mono_us);
    net_close_idle(s->net, mono_us, s->config.timeout_s * 1000000);
    struct net_stats net = net_stats(s->net);
    rate_sample(&s->commands_rate, sessions_commands(s->sessions), since);
    rate_sample(&s->input_rate, net.received, since);
    rate_sample(&s->output_rate, net.sent, since);
    saving_tick(s);
    size_t used = mem_used();
    if (used > s->memory_peak) s->memory_peak = used;
}

static int64_t sooner(int64_t a, int64_t b)
{
    if (a < 0) return b;
    return b < 0 || a < b ? a : b;
}

/* Microseconds until something is to be done even if nobody says anything. */
static int64_t time_to_wait(struct server *s, int64_t mono_us)
{
    int64_t wait = s->next_tick_us > mono_us ? s->next_tick_us - mono_us : 0;
    int64_t now_us = io_unix_us(); /* the turn before has taken its time */
    int64_t due = engine_next_expiry(s->engine, now_us / 1000);
    if (due >= 0) {
        int64_t left = due * 1000 - now_us;
        wait = sooner(wait, left > 0 ? left : 0);
    }
    int64_t pause = sessions_next_turn_us(s->sessions);
    if (pause >= 0) wait = sooner(wait, pause > now_us ? pause - now_us : 0);
    return sooner(wait, net_flush_delay_us(s->net, mono_us));
}

/* Puts away keys that are due; are there more? */
static bool expire(struct server *s, int64_t from_us)
{
    int64_t spent_us;
    bool more;
    do {
        more = engine_expire(s->engine, s->now_us / 1000, EXPIRE_SLICE) >= EXPIRE_SLICE;
        spent_us = io_mono_us() - from_us;
    } while (more && spent_us < EXPIRE_TURN_US);
    s->expire_us += spent_us;
    s->expire_stopped += more;
    if (s->config.latency_threshold_ms && spent_us >= s->config.latency_threshold_ms * 1000)
        latency_add(&s->latency, "expire-cycle", s->now_us / 1000000, spent_us / 1000);
    return more;
}

/* Slices of work that nobody waits for; is there more? Beside its least time it gets a part of what
 * the turn has taken so far, so that clients cannot make more of it than it gets done. */
static bool work(struct server *s, int64_t woken_us)
{
    int64_t from_us = io_mono_us(), allowed_us = WORK_TURN_US + (from_us - woken_us) / 4;
    bool more;
    do {
        more = engine_work(s->engine, s->now_us / 1000);
        more |= pubsub_work(s->pubsub, UNSUBSCRIBE_SLICE);
    } while (more && io_mono_us() - from_us < allowed_us);
    return more;
}

/* The same for a file that is being saved. */
static bool save(struct server *s, int64_t woken_us)
{
    return saving_turn(s, WORK_TURN_US + (io_mono_us() - woken_us) / 4);
}

static int64_t cpu_us(void)
{
    struct cpu_time t = io_cpu_thread();
    return t.user_us + t.system_us;
}

/* One turn of the loop; is there work left that needs no one to ask for it? */
static bool turn(struct server *s, bool busy)
{
    net_wait(s->net, busy ? 0 : time_to_wait(s, io_mono_us()));
    int64_t woken_us = io_mono_us(), cpu_from_us = busy ? cpu_us() : 0;
    s->now_us = io_unix_us();
    sessions_begin_turn(s->sessions, s->now_us);
    net_read(s->net, woken_us);
    int64_t read_us = io_mono_us();
    s->now_us = io_unix_us();
    bool more;
    if (s->store.state == STORE_LOADING) {
        more = store_load(s, LOAD_TURN_US);
    } else {
        more = expire(s, read_us);
        more |= work(s, woken_us);
        more |= save(s, woken_us);
        retention_turn(s, woken_us);
        more |= snapshots_turn(s, woken_us);
    }
    tick(s, read_us);
    sessions_before_flush(s->sessions);
    pubsub_end_turn(s->pubsub);
    if (store_end_turn(s)) net_flush(s->net, read_us);
    more |= sessions_have_work(s->sessions);
    sessions_end_turn(s->sessions);
    s->turns++;
    int64_t took_us = io_mono_us() - woken_us;
    if (took_us > s->longest_turn_us) s->longest_turn_us = took_us;
    if (busy) took_us = cpu_us() - cpu_from_us;
    if (busy && took_us > s->longest_busy_cpu_us) s->longest_busy_cpu_us = took_us;
    return more;
}

int server_run(struct server *s)
{
    /* Most data is loaded in less time than a client takes to be told that it is not. */
    bool busy = s->store.state == STORE_LOADING && store_load(s, LOAD_FIRST_US);
    if (busy)
        log_line(&s->log, LOGLEVEL_NOTICE, "Listening; commands are refused while data is loaded");
    else if (!s->stop)
        log_line(&s->log, LOGLEVEL_NOTICE, "Ready to accept connections");
    while (!s->stop) busy = turn(s, busy);
    /* The last replies, as far as the sockets take them. */
    server_stop_views(s);
    if (store_close(s)) net_flush(s->net, io_mono_us());
    net_unlisten(s->net);
    if (s->config.unixsocket.len) socket_unlink(s->config.unixsocket.at);
    log_line(&s->log, LOGLEVEL_WARNING, "Hark is now ready to exit, bye bye...");
    return s->exit_code;
}
