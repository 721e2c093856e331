/* From a request to its reply: what may run, running it, and what is counted. */
#include "../base/assert.h"
#include "../base/mem.h"
#include "../command/view_keys.h"
#include "../engine/walk.h"
#include "../io/clock.h"
#include "internal.h"

enum { ERROR_CODES_MAX = 128, ERROR_CODE_MAX = 64 };

/* Counts an error reply by its first word. Clients could make up codes without end (scripts can),
 * so there is an end. */
static void count_error(struct sessions *all, struct slice reply)
{
    struct slice code = slice_of(reply.at + 1, 0);
    size_t max = reply.len - 1 < ERROR_CODE_MAX ? reply.len - 1 : ERROR_CODE_MAX;
    while (code.len < max && code.at[code.len] != ' ' && code.at[code.len] != '\r') code.len++;
    all->stats.errors++;
    struct map_item *item = map_find(&all->errors, code);
    if (!item && map_count(&all->errors) >= ERROR_CODES_MAX) return;
    if (!item) item = map_insert(&all->errors, code, NULL);
    item->value = (void *)((uintptr_t)item->value + 1);
}

/* A command took long: those who want to hear of it do. */
static void was_slow(struct session *s, const struct command *command, const struct slice *argv,
                     int argc, int64_t us)
{
    struct sessions *all = s->all;
    const struct sessions_config *config = &all->config;
    if (config->slow_us >= 0 && us >= config->slow_us &&
        !(command->spec->flags & FLAG_SKIP_SLOWLOG))
        slowlog_add(all->slowlog, s, command, argv, argc, us);
    if (config->latency_event_ms && us >= config->latency_event_ms * 1000)
        all->hooks.slow_event(all->hooks.server,
                              command->spec->flags & FLAG_FAST ? "fast-command" : "command",
                              us / 1000);
}

struct call session_call(struct session *s, struct command *command, const struct slice *argv,
                         int argc)
{
    struct sessions *all = s->all;
    return (struct call){
        .engine = all->engine,
        .reply = {.out = &all->reply,
                  .proto = session_proto(s),
                  .out_max = conn_output_room(s->conn)},
        .argv = argv,
        .argc = argc,
        .db = s->db,
        .read_flags = s->no_touch ? READ_NO_TOUCH : 0,
        .string_max = (size_t)all->config.bulk_max,
        .command = command,
        .client = s->id,
        .session = s,
        .server = all->hooks.server,
        .waits = &session_wait_host,
        .streams = all->streams,
    };
}

void session_note_end(struct session *s, struct command *command, const struct slice *argv,
                      int argc, size_t reply_at, uint64_t ns)
{
    struct sessions *all = s->all;
    if (all->reply.len > reply_at && all->reply.at[reply_at] == '-') {
        command->stats.failed++;
        count_error(all, slice_of(all->reply.at + reply_at, all->reply.len - reply_at));
    }
    if (all->config.latency_histograms) command_stats_add_latency(&command->stats, ns);
    if (ns >= all->slow_ns) was_slow(s, command, argv, argc, (int64_t)(ns / 1000));
    if (s->tracking) tracking_note_reads(s, command, argv, argc);
}

/* The reply was too large for memory: an error instead, where the command has changed nothing. A
 * change cannot be told of by an error; there the client is cut off, as by a limit. */
static void answer_no_memory(struct call *c, size_t reply_at)
{
    if (c->command->spec->flags & FLAG_WRITE) return;
    c->reply.out->len = reply_at;
    c->reply.cut = c->reply.no_memory = false;
    call_no_memory(c);
}

void session_run(struct session *s, struct command *command, const struct slice *argv, int argc)
{
    struct sessions *all = s->all;
    struct call call = session_call(s, command, argv, argc);
    size_t reply_at = all->reply.len;
    uint64_t from = io_ticks();
    if (!view_key_refuses(&call)) command->run(&call);
    if (__builtin_expect(call.reply.no_memory, 0)) answer_no_memory(&call, reply_at);
    all->ticks = io_ticks();
    uint64_t ns = (uint64_t)((double)(all->ticks - from) * all->ns_per_tick);
    command_stats_add_part(&command->stats, ns, true);
    if (__builtin_expect(s->waiting != NULL, 0))
        session_note_wait(s, ns);
    else
        session_note_end(s, command, argv, argc, reply_at, ns);
    if (all->monitors_count) monitors_feed(s, command, argv, argc);
    s->cut |= call.reply.cut;
}

static bool refuse(struct session *s, struct command *command, struct slice error)
{
    struct resp_writer w = {.out = &s->all->reply, .proto = session_proto(s)};
    if (command) command->stats.rejected++;
    resp_error(&w, error);
    return false;
}

static bool is_one_of(const struct command *command, const char *const *names)
{
    for (; *names; names++)
        if (slice_is(command->spec->name, *names)) return true;
    return false;
}

static const char *const subscribing[] = {
    "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe", NULL};
static const char *const ending[] = {"exec", "discard", "quit", "reset", NULL};

/* In RESP2 a subscriber's connection carries messages: only these commands' replies can be told
 * from them. */
static bool fits_subscriber(const struct command *command)
{
    static const char *const others[] = {"ping", "quit", "reset", NULL};
    return is_one_of(command, subscribing) || is_one_of(command, others);
}

/* Commands that act on the transaction itself instead of being queued in it. */
static bool runs_in_multi(const struct command *command)
{
    static const char *const others[] = {"multi", "watch", NULL};
    return is_one_of(command, ending) || is_one_of(command, others);
}

/* What the command, or for EXEC those that it will run, may do: FLAG_…. */
static uint32_t flags_of(const struct session *s, const struct command *command)
{
    bool runs_queue = s->in_multi && slice_is(command->spec->name, "exec");
    return command->spec->flags | (runs_queue ? s->queue_flags : 0);
}

/* Brings memory under its limit before a command that may need some. Inside a transaction every
 * command does, as it is queued, but for those that end it. What this session is to hear of the
 * evictions comes before the command's reply: it speaks of values from before. */
static bool make_room(struct session *s, const struct command *command)
{
    struct sessions *all = s->all;
    bool needs = flags_of(s, command) & FLAG_DENYOOM;
    if (!s->authenticated) return true;
    if (!needs && !(s->in_multi && !is_one_of(command, ending))) return true;
    if (all->store == SESSIONS_LOADING) return true;
    bool room = engine_make_room(all->engine, all->now_us / 1000);
    if (s->late_len) session_deliver_late(s);
    return room;
}

/* Can what the client sent be understood at all? Writes the reason if not. */
static bool is_known(struct session *s, struct command *command, enum command_lookup lookup,
                     const struct slice *argv, int argc)
{
    struct sessions *all = s->all;
    struct resp_writer w = {.out = &all->reply, .proto = session_proto(s)};
    if (lookup == COMMAND_UNKNOWN) {
        command_reply_unknown(&w, argv, argc);
        return false;
    }
    if (lookup == COMMAND_SUB_UNKNOWN) {
        command_reply_unknown_sub(&w, argv);
        return false;
    }
    const struct command_spec *spec = command->spec;
    if (!command_arity_fits(spec, argc) || !command->run) {
        command->stats.rejected++;
        command_reply_arity(&w, spec);
        return false;
    }
    return true;
}

/* Those who ask whether all is well hear of it when it is not, as in Redis. */
static bool is_ping(const struct command *command)
{
    return slice_is(command->spec->name, "ping");
}

void sessions_refuse_writes(struct sessions *all, struct slice error)
{
    all->writes_refused = error;
}

/* Does it help a group to read on, though it may add a little? */
static bool is_of_groups(const struct command *command)
{
    return command->parent && slice_is(command->parent->spec->name, "xgroup");
}

/* Does the data on disk allow it? Writes the reason if not. */
static bool store_allows(struct session *s, struct command *command)
{
    uint32_t flags = command->spec->flags;
    bool adds = flags_of(s, command) & FLAG_DENYOOM;
    if (s->all->store == SESSIONS_LOADING && !(flags & FLAG_LOADING))
        return refuse(s, command, SLICE("LOADING Hark is loading the dataset in memory"));
    if (s->all->store == SESSIONS_FULL && adds)
        return refuse(s, command,
                      SLICE("MISCONF Errors writing to the journal: the disk is full. Commands "
                            "that add data are refused until there is room; reads, deletes and "
                            "expiry go on."));
    if (s->all->store == SESSIONS_KEPT && adds && !is_of_groups(command))
        return refuse(s, command,
                      SLICE("MISCONF The journal is larger than journal-retention-bytes allows, "
                            "because a group has not read it and journal-retention-groups is "
                            "refuse. Commands that add data are refused until it has read on "
                            "(XREADGROUP) or is destroyed; reads, deletes and expiry go on."));
    return true;
}

/* May this client have it run now? Writes the reason if not. */
static bool is_allowed(struct session *s, struct command *command, bool room)
{
    const struct command_spec *spec = command->spec;
    const struct sessions *all = s->all;
    if (!s->authenticated && !(spec->flags & FLAG_NO_AUTH))
        return refuse(s, command, SLICE("NOAUTH Authentication required."));
    if (s->in_multi && (spec->flags & FLAG_NO_MULTI) && !runs_in_multi(command))
        return refuse(s, command, SLICE("ERR Command not allowed inside a transaction"));
    if (!room)
        return refuse(s, command, SLICE("OOM command not allowed when used memory > 'maxmemory'."));
    if (s->all->writes_refused.len && (flags_of(s, command) & FLAG_WRITE || is_ping(command)))
        return refuse(s, command, s->all->writes_refused);
    if (all->store != SESSIONS_READY && !store_allows(s, command)) return false;
    if (session_proto(s) == 2 && session_subscriptions(s) && !fits_subscriber(command)) {
        struct resp_writer w = {.out = &s->all->reply, .proto = 2};
        command->stats.rejected++;
        resp_errorf(&w,
                    "ERR Can't execute '%.*s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / "
                    "QUIT / RESET are allowed in this context",
                    (int)spec->name.len, spec->name.at);
        return false;
    }
    /* To Redis a monitor is a kind of replica, whence the words. */
    if (s->monitors && (flags_of(s, command) & (FLAG_WRITE | FLAG_READONLY | FLAG_MAY_REPLICATE)))
        return refuse(s, command, SLICE("ERR Replica can't interact with the keyspace"));
    return true;
}

/* Would the system have memory for what becomes of a request of this size? Those are let through
 * that only take away. Writes the reason if not. */
static bool has_memory(struct session *s, struct command *command, size_t bytes)
{
    uint32_t flags = command->spec->flags;
    if (s->in_multi && slice_is(command->spec->name, "exec")) bytes += s->queue_bytes;
    if (__builtin_expect(CALL_VALUE_TIMES * bytes < MEM_LARGE, 1)) return true;
    bool takes_away = flags & FLAG_WRITE && !(flags_of(s, command) & FLAG_DENYOOM);
    if (takes_away && !s->in_multi) return true;
    return mem_can_alloc(CALL_VALUE_TIMES * bytes) || refuse(s, command, CALL_NO_MEMORY);
}

/* An EXEC that cannot run ends the transaction all the same, and says why. */
static void abort_transaction(struct session *s, size_t reply_at)
{
    struct buffer *reply = &s->all->reply;
    struct resp_writer w = {.out = reply, .proto = session_proto(s)};
    struct slice why = slice_of(reply->at + reply_at + 1, reply->len - reply_at - 3);
    if (slice_starts_with(why, SLICE("ERR "))) why = slice_from(why, 4);
    struct buffer text = {0};
    buffer_printf(&text, "EXECABORT Transaction discarded because of: %.*s", (int)why.len, why.at);
    reply->len = reply_at;
    resp_error(&w, buffer_slice(&text));
    buffer_fini(&text);
    session_discard(s);
    session_unwatch(s);
}

/* A request was refused; the reply says why. A transaction cannot succeed without it. */
static void refused(struct session *s, const struct command *command, const struct slice *argv,
                    int argc, size_t reply_at)
{
    struct sessions *all = s->all;
    if (s->in_multi) s->multi_failed = true;
    if (command && slice_is(command->spec->name, "exec")) {
        abort_transaction(s, reply_at);
        if (all->monitors_count) monitors_feed(s, command, argv, argc);
    }
    count_error(all, slice_of(all->reply.at + reply_at, all->reply.len - reply_at));
}

static void execute(struct session *s, struct command *command, const struct slice *argv, int argc)
{
    struct sessions *all = s->all;
    engine_begin(all->engine, all->now_us / 1000, command->spec->name, s->id);
    session_run(s, command, argv, argc);
    engine_seal(all->engine);
    conn_hold(s->conn, engine_mark(all->engine));
    if (s->tracking || s->ran) tracking_end_record(s); /* EXEC may have ended it in between */
    if (s->ran) session_drop_ran(s);
    if (s->cut) conn_close(s->conn, CONN_END_OUTPUT);
    s->commands++;
    all->stats.commands++;
}

/* CLIENT REPLY: what a silent client does not get. Pushes it gets all the same, and in that regard
 * the confirmations of subscriptions are pushes. */
static void drop_unwanted_reply(struct session *s, const struct command *command, size_t reply_at)
{
    struct buffer *reply = &s->all->reply;
    bool confirms = command && is_one_of(command, subscribing) && reply->len > reply_at &&
                    reply->at[reply_at] != '-';
    if (s->reply_mode != REPLY_SKIP_NEXT && !confirms) reply->len = reply_at;
    if (s->reply_mode == REPLY_SKIP) s->reply_mode = REPLY_ON;
    if (s->reply_mode == REPLY_SKIP_NEXT) s->reply_mode = REPLY_SKIP;
}

void session_end_request(struct session *s, const struct command *command, size_t reply_at)
{
    if (__builtin_expect(s->reply_mode != REPLY_ON, 0)) drop_unwanted_reply(s, command, reply_at);
    if (s->tracking) tracking_after_request(s, command);
}

/* A browser can be made to send a form to us, whose lines it cannot choose but for those behind the
 * headers. So where a header stands for a command, nothing behind it is looked at. */
static bool is_web_header(struct slice word)
{
    return slice_is(word, "post") || slice_is(word, "host:");
}

static void cut_off(struct session *s)
{
    struct slice peer = session_peer(s);
    struct buffer line = {0};
    buffer_printf(&line,
                  "Possible attack: %.*s sent the header of a web request, which may be a browser "
                  "that was tricked into sending commands. The connection is closed.",
                  (int)peer.len, peer.at);
    s->all->hooks.log(s->all->hooks.server, buffer_slice(&line));
    buffer_fini(&line);
    conn_close(s->conn, CONN_END_KILLED);
}

/* RESET of a client with many subscriptions: these go in slices, and until few are left the request
 * is put back for the next turn. */
static bool has_left_enough(struct session *s, const struct command *command)
{
    enum { SLICE_MAX = 512 };
    if (!slice_is(command->spec->name, "reset")) return true;
    if (!pubsub_leave_some(engine_pubsub(s->all->engine), &s->subscriber, SLICE_MAX)) return true;
    conn_resume(s->conn);
    return false;
}

bool session_request(struct session *s, const struct slice *argv, int argc, size_t bytes,
                     struct command *command, enum command_lookup lookup)
{
    struct sessions *all = s->all;
    bool done = true;
    if (lookup == COMMAND_UNKNOWN && is_web_header(argv[0])) {
        cut_off(s);
        return true;
    }
    if (lookup != COMMAND_FOUND) command = NULL;
    sessions_tell_time(all);
    all->current = s;
    s->last_command = command;
    bool room = !command || make_room(s, command);
    size_t reply_at = all->reply.len;
    if (!is_known(s, command, lookup, argv, argc) || !is_allowed(s, command, room) ||
        !has_memory(s, command, bytes)) {
        refused(s, command, argv, argc, reply_at);
    } else if ((all->pause || all->store == SESSIONS_BEHIND) && session_must_wait(s, command)) {
        session_park(s);
        done = false;
    } else if (engine_walk_may_hold(all->engine) &&
               session_must_wait_for_walk(s, command, argv, argc)) {
        session_park(s);
        done = false;
    } else if (s->subscriber.subscriptions && !has_left_enough(s, command)) {
        done = false;
    } else if (s->in_multi && !runs_in_multi(command)) {
        session_enqueue(s, command, argv, argc);
        resp_simple(&(struct resp_writer){.out = &all->reply, .proto = 2}, SLICE("QUEUED"));
    } else {
        execute(s, command, argv, argc);
    }
    if (done && !s->waiting) session_end_request(s, command, reply_at);
    if (s->late_len) session_deliver_late(s);
    all->current = NULL;
    if (s->gone) session_leave_wait(s);
    return done;
}

void session_empty_request(struct session *s)
{
    if (s->reply_mode == REPLY_SKIP) s->reply_mode = REPLY_ON;
    if (s->tracking) tracking_after_request(s, NULL);
}
