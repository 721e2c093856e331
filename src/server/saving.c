#include "saving.h"

#include "../base/err.h"
#include "../base/mem.h"
#include "../engine/walk.h"
#include "../io/clock.h"
#include "../io/process.h"
#include "../io/thread.h"
#include "server.h"

#include <stdio.h>

enum {
    SAVING_BACKLOG_READY = 16 << 20, /* so much may wait before the walk pauses */
    SAVING_BACKLOG_MAX = 256 << 20,
    SAVING_PIECE = 64 * 1024,
    SAVING_PART = 32 * 1024, /* of a large value, between two looks at the time */
    SAVING_WANTED_US = 1000, /* of a turn, while a client waits for a value to be copied */
    SAVING_STEP = 64,        /* entries between two looks at the time */
    SAVING_RETRY_US = 5 * 1000 * 1000, /* after a failure, as in Redis */
};

/* ---- how it ends ---- */

static void leave(struct saving *v)
{
    outfile_close(v->file);
    if (v->disk) disk_close(v->disk);
    buffer_fini(&v->piece);
    buffer_fini(&v->large);
    v->file = NULL;
    v->disk = NULL;
    v->state = SAVING_NOT;
}

static void tell_waiting(struct saving *v, bool it_failed)
{
    if (!v->waiting) return;
    v->waiting->failed = it_failed;
    v->waiting->over = true;
    wait_wake(&v->waiting->wait);
}

static int failed(struct server *s, int error, const char *why)
{
    struct saving *v = &s->saving;
    engine_walk_cancel(s->engine);
    leave(v);
    v->last_failed = true;
    v->last_took_s = (s->now_us - v->began_us) / 1000000;
    log_line(&s->log, LOGLEVEL_WARNING, "Saving '%s' failed: %s", s->config.dbfilename.at, why);
    tell_waiting(v, true);
    saving_apply(s);
    return error;
}

static void succeeded(struct server *s)
{
    struct saving *v = &s->saving;
    unsigned long long bytes = outfile_written(v->file);
    leave(v);
    v->last_us = io_unix_us();
    double took_s = (double)(v->last_us - v->began_us) / 1e6;
    v->last_took_s = (int64_t)took_s;
    v->last_failed = false;
    v->changes_saved = v->changes_at_begin;
    v->saves++;
    log_line(&s->log, LOGLEVEL_NOTICE,
             "DB saved on disk: '%s', %llu keys, %llu bytes, %.3f seconds", s->config.dbfilename.at,
             (unsigned long long)v->keys, bytes, took_s);
    tell_waiting(v, false);
    saving_apply(s);
}

/* ---- the walk ---- */

static void hand_over_piece(struct saving *v)
{
    if (v->piece.len) outfile_take(v->file, &v->piece);
}

static void look_at_backlog(struct server *s)
{
    struct saving *v = &s->saving;
    if (outfile_ready(v->file)) v->large_bytes = 0;
    if (outfile_backlog(v->file) <= SAVING_BACKLOG_MAX + v->large_bytes) return;
    v->given_up = "the data changes faster than the disk takes it";
    engine_walk_cancel(s->engine);
}

/* Can it be copied, here and by the file's thread? */
static bool can_copy(struct server *s, const struct entry *e)
{
    if (mem_can_alloc(2 * entry_bytes(e))) return true;
    s->saving.given_up = "there is no memory for the copy of a large value";
    engine_walk_cancel(s->engine);
    return false;
}

/* Where the access of keys is to be told. */
static const struct keyspace *telling_access(const struct server *s)
{
    return s->config.maxmemory_policy != POLICY_NOEVICTION ? s->keyspace : NULL;
}

static void visit(void *ctx, int db, const struct entry *e)
{
    struct server *s = ctx;
    struct saving *v = &s->saving;
    if (!can_copy(s, e)) return;
    rdb_piece_entry(&v->piece, db, e, telling_access(s), s->now_us / 1000);
    v->keys++;
    if (v->piece.len < SAVING_PIECE) return;
    hand_over_piece(v);
    look_at_backlog(s);
}

static bool visit_part(void *ctx, int db, const struct entry *e, struct value_progress *p)
{
    struct server *s = ctx;
    struct saving *v = &s->saving;
    if (!v->large.len && !can_copy(s, e)) return false;
    if (!rdb_piece_some(&v->large, db, e, telling_access(s), s->now_us / 1000, p, SAVING_PART))
        return false;
    v->keys++;
    v->large_bytes += v->large.len;
    outfile_take(v->file, &v->large);
    return true;
}

static bool has_room(void *ctx)
{
    const struct server *s = ctx;
    return outfile_ready(s->saving.file);
}

static void wake(void *ctx)
{
    const struct server *s = ctx;
    wakeup_ring(s->saving.wakeup);
}

/* Deadlines of fields want a newer one, which is not written without need: it keeps older servers
 * from loading the file. */
static int version_of_rdb(struct server *s)
{
    for (int db = 0; db < keyspace_databases(s->keyspace); db++)
        if (keyspace_info(s->keyspace, db, s->now_us / 1000).timed_hashes)
            return rdb_version_of(RDB_HASH_TTL);
    return RDB_VERSION;
}

static int open_file(struct server *s, bool threaded, struct disk_why *why)
{
    struct saving *v = &s->saving;
    char temporary[64];
    snprintf(temporary, sizeof temporary, "temp-%d.rdb", process_id());
    struct outfile_config config = {
        .temporary = temporary,
        .name = s->config.dbfilename.at,
        .backlog_max = SAVING_BACKLOG_READY,
        .threaded = threaded,
        .encode = rdb_piece_encode,
        .encode_ctx = &v->writer,
        .wake = wake,
        .wake_ctx = s,
    };
    v->writer = (struct rdb_writer){.config = {.compress = s->config.rdbcompression,
                                               .sum = s->config.rdbchecksum,
                                               .created_s = s->now_us / 1000000,
                                               .memory_used = mem_used(),
                                               .version = version_of_rdb(s)}};
    char version[COMMAND_VERSION_MAX];
    command_table_version(s->commands, version);
    snprintf(v->writer.config.redis_version, sizeof v->writer.config.redis_version, "%s", version);
    int rc = disk_open(s->config.dir.at, &v->disk, why);
    return rc == 0 ? outfile_open(&v->file, v->disk, &config, why) : rc;
}

/* Begins; ERR_BUSY or ERR_AGAIN while there is another walk, ERR_IO after a line in the log. */
static int begin(struct server *s, bool threaded)
{
    struct saving *v = &s->saving;
    uint64_t seq;
    struct event_id last;
    struct disk_why why;
    struct walk_visitor visitor = {visit, visit_part, has_room, s};
    int rc = engine_walk_begin(s->engine, visitor, &seq, &last);
    if (rc != 0) return rc;
    v->asked = false;
    v->given_up = NULL;
    v->large_bytes = 0;
    v->keys = 0;
    v->began_us = v->tried_us = s->now_us;
    v->changes_at_begin = engine_stats(s->engine).changes;
    if (open_file(s, threaded, &why) != 0) return failed(s, ERR_IO, why.text);
    v->state = SAVING_WALKING;
    log_line(&s->log, LOGLEVEL_NOTICE, "Background saving started");
    return 0;
}

/* Is there more to be done at once? */
static bool walk(struct server *s, int64_t allowed_us)
{
    struct saving *v = &s->saving;
    int64_t from_us = io_mono_us();
    if (allowed_us < SAVING_WANTED_US && engine_walk_is_wanted(s->engine))
        allowed_us = SAVING_WANTED_US;
    bool more;
    do more = engine_walk_step(s->engine, SAVING_STEP);
    while (more && outfile_ready(v->file) && io_mono_us() - from_us < allowed_us);
    if (v->given_up) {
        failed(s, ERR_LIMIT, v->given_up);
        return false;
    }
    if (more) return outfile_ready(v->file);
    rdb_piece_end(&v->piece);
    hand_over_piece(v);
    outfile_finish(v->file);
    v->state = SAVING_ENDING;
    return false;
}

static void look_at_file(struct server *s)
{
    struct disk_why why;
    int error;
    enum outfile_state state = outfile_state(s->saving.file, &error, &why);
    if (state == OUTFILE_FAILED)
        failed(s, error, why.text);
    else if (state == OUTFILE_DONE)
        succeeded(s);
}

void saving_ask(struct server *s)
{
    s->saving.asked = true;
}

/* Saves while everybody waits: 0, or an error after a line in the log. */
static int save_now(struct server *s)
{
    struct saving *v = &s->saving;
    int rc;
    while ((rc = begin(s, false)) == ERR_AGAIN) /* what was given up has to be passed first */
        engine_work(s->engine, s->now_us / 1000);
    if (rc == ERR_BUSY) log_line(&s->log, LOGLEVEL_WARNING, "A snapshot is being taken");
    if (rc != 0) return rc;
    while (v->state == SAVING_WALKING) walk(s, INT64_MAX);
    if (v->state != SAVING_NOT) look_at_file(s);
    return v->last_failed ? ERR_IO : 0;
}

void saving_ask_and_close(struct server *s, bool anyway)
{
    s->saving.closes = true;
    s->saving.closes_anyway = anyway;
}

static void save_and_close(struct server *s)
{
    struct saving *v = &s->saving;
    struct save_wait *closer = v->waiting;
    v->closes = false;
    v->waiting = NULL;
    log_line(&s->log, LOGLEVEL_NOTICE, "Saving the final RDB snapshot before exiting.");
    if (v->state != SAVING_NOT) failed(s, ERR_BUSY, "another one takes its place");
    if (save_now(s) == 0 || v->closes_anyway) {
        s->stop = true;
        return;
    }
    log_line(&s->log, LOGLEVEL_WARNING, "Error trying to save the DB, can't exit.");
    v->waiting = closer;
    tell_waiting(v, true);
}

bool saving_turn(struct server *s, int64_t allowed_us)
{
    struct saving *v = &s->saving;
    if (v->closes) save_and_close(s);
    if (v->state == SAVING_NOT && v->asked) begin(s, true);
    bool more = v->state == SAVING_WALKING && walk(s, allowed_us);
    if (v->state != SAVING_NOT) look_at_file(s);
    return more && v->state == SAVING_WALKING;
}

size_t saving_memory(const struct server *s)
{
    const struct saving *v = &s->saving;
    return v->piece.cap + v->large.cap + (v->file ? outfile_backlog(v->file) : 0);
}

void saving_tick(struct server *s)
{
    struct saving *v = &s->saving;
    if (v->state != SAVING_NOT || v->asked) return;
    uint64_t changes = engine_stats(s->engine).changes - v->changes_saved;
    if (v->last_failed && s->now_us - v->tried_us < SAVING_RETRY_US) return;
    for (int i = 0; i < s->config.save.count; i++) {
        const struct config_save *point = &s->config.save.at[i];
        if (changes < (uint64_t)point->changes) continue;
        if (s->now_us - v->last_us <= point->seconds * 1000000) continue;
        log_line(&s->log, LOGLEVEL_NOTICE, "%lld changes in %lld seconds. Saving...",
                 (long long)point->changes, (long long)point->seconds);
        v->asked = true;
        return;
    }
}

void saving_apply(struct server *s)
{
    bool refuses = s->saving.last_failed && s->config.stop_writes && s->config.save.count;
    sessions_refuse_writes(
        s->sessions,
        refuses ? SLICE("MISCONF Hark is configured to save RDB snapshots, but it's currently "
                        "unable to persist to disk. Commands that may modify the data set are "
                        "disabled, because this instance is configured to report errors during "
                        "writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). "
                        "Please check the Hark logs for details about the RDB error.")
                : SLICE(""));
}

/* ---- life ---- */

static void file_has_news(void *ctx)
{
    struct server *s = ctx;
    wakeup_clear(s->saving.wakeup); /* the turn that it woke looks at the file */
}

int saving_init(struct server *s)
{
    struct saving *v = &s->saving;
    *v = (struct saving){.last_us = s->started_us, .last_took_s = -1};
    v->wakeup = wakeup_open();
    if (v->wakeup < 0) return ERR_IO;
    return net_watch(s->net, v->wakeup, file_has_news, s);
}

void saving_fini(struct server *s)
{
    struct saving *v = &s->saving;
    if (v->state != SAVING_NOT) engine_walk_cancel(s->engine);
    leave(v);
    if (v->wakeup > 0) wakeup_close(v->wakeup);
}

/* ---- commands ---- */

static bool answer(struct call *c, struct wait *w)
{
    struct save_wait *sw = (struct save_wait *)w;
    if (!sw->over) return false;
    if (sw->failed)
        resp_error(&c->reply, slice_text(sw->when_failed));
    else
        resp_ok(&c->reply);
    return true;
}

static void drop(struct wait *w)
{
    struct save_wait *sw = (struct save_wait *)w;
    if (sw->server->saving.waiting == sw) sw->server->saving.waiting = NULL;
    mem_delete(sw);
}

static const struct wait_kind save_kind = {.resume = answer, .drop = drop};

/* The client waits for the end of what is being done. */
static void wait_for_end(struct call *c, const char *when_failed)
{
    struct server *s = call_server(c);
    struct save_wait *sw = mem_new(struct save_wait);
    sw->server = s;
    sw->when_failed = when_failed;
    s->saving.waiting = sw;
    call_wait(c, &sw->wait, &save_kind, WAIT_FOREVER, false);
}

static bool is_saving(struct call *c)
{
    const struct saving *v = &call_server(c)->saving;
    if (v->state == SAVING_NOT && !v->asked) return false;
    resp_error(&c->reply, SLICE("ERR Background save already in progress"));
    return true;
}

static void save_command(struct call *c)
{
    if (is_saving(c)) return;
    if (!call_may_wait(c)) {
        resp_error(&c->reply, SLICE("ERR SAVE cannot wait here: BGSAVE does not"));
        return;
    }
    saving_ask(call_server(c));
    wait_for_end(c, "ERR The save failed: the log says why");
}

static void bgsave_command(struct call *c)
{
    struct server *s = call_server(c);
    bool schedule = c->argc == 2 && call_arg_is(c, 1, "SCHEDULE");
    if (c->argc > 1 && !schedule) {
        call_syntax_error(c);
        return;
    }
    if (is_saving(c)) return;
    saving_ask(s);
    bool later = !engine_walk_may_begin(s->engine);
    resp_simple(&c->reply,
                later ? SLICE("Background saving scheduled") : SLICE("Background saving started"));
}

static void lastsave_command(struct call *c)
{
    resp_int(&c->reply, call_server(c)->saving.last_us / 1000000);
}

/* ---- SHUTDOWN ---- */

enum {
    SHUTDOWN_SAVE = 1,
    SHUTDOWN_NOSAVE = 2,
    SHUTDOWN_ABORT = 4,
    SHUTDOWN_NOW = 8, /* there is nothing else to wait for */
    SHUTDOWN_FORCE = 16,
    SHUTDOWN_BAD = 32,
};

static unsigned shutdown_options(struct call *c)
{
    unsigned options = 0;
    for (int i = 1; i < c->argc; i++)
        options |= call_arg_is(c, i, "SAVE")     ? SHUTDOWN_SAVE
                   : call_arg_is(c, i, "NOSAVE") ? SHUTDOWN_NOSAVE
                   : call_arg_is(c, i, "ABORT")  ? SHUTDOWN_ABORT
                   : call_arg_is(c, i, "NOW")    ? SHUTDOWN_NOW
                   : call_arg_is(c, i, "FORCE")  ? SHUTDOWN_FORCE
                                                 : SHUTDOWN_BAD;
    bool both = options & SHUTDOWN_SAVE && options & SHUTDOWN_NOSAVE;
    bool abort_of_what = options & SHUTDOWN_ABORT && options != SHUTDOWN_ABORT;
    return both || abort_of_what ? SHUTDOWN_BAD : options;
}

static void shutdown_command(struct call *c)
{
    struct server *s = call_server(c);
    unsigned options = shutdown_options(c);
    if (options & SHUTDOWN_BAD) {
        call_syntax_error(c);
        return;
    }
    if (options & SHUTDOWN_ABORT) { /* it is over before anyone could ask for that */
        resp_error(&c->reply, SLICE("ERR No shutdown in progress."));
        return;
    }
    log_line(&s->log, LOGLEVEL_WARNING, "User requested shutdown...");
    bool saves = options & SHUTDOWN_SAVE || (s->config.save.count && !(options & SHUTDOWN_NOSAVE));
    if (!saves) {
        s->stop = true;
        sessions_stop(s->sessions);
        return;
    }
    saving_ask_and_close(s, options & SHUTDOWN_FORCE);
    if (s->saving.waiting) { /* a SAVE, which will not be */
        s->saving.waiting->failed = s->saving.waiting->over = true;
        wait_wake(&s->saving.waiting->wait);
    }
    if (call_may_wait(c)) wait_for_end(c, "ERR Errors trying to SHUTDOWN. Check logs.");
}

void bind_saving_commands(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"save", save_command},
        {"bgsave", bgsave_command},
        {"lastsave", lastsave_command},
        {"shutdown", shutdown_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
