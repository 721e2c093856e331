/* A session's life: from accept to close, and bytes to requests. */
#include "../base/assert.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "../engine/awaited.h"
#include "../io/clock.h"
#include "../io/socket.h"
#include "internal.h"

enum {
    BATCH = 32, /* requests that are looked up ahead of running them */
    INLINE_MAX = 64 * 1024,
    WORDS_MAX = 1024 * 1024,
    WORDS_KEPT = 64 * 1024,     /* places for words, from one batch to the next */
    SUBSCRIPTIONS_A_TURN = 512, /* of those who are gone, removed in each; some 0.3 ms */
    REPLY_KEPT = 64 * 1024,     /* replies of a batch beyond this go to the connection at once */
};

struct sessions *sessions_new(struct engine *engine, struct net *net, struct command_table *table,
                              struct session_hooks hooks)
{
    struct sessions *all = mem_new(struct sessions);
    all->engine = engine;
    all->net = net;
    all->table = table;
    all->hooks = hooks;
    all->password = SLICE("");
    map_init(&all->by_id, keyspace_secret(engine_keyspace(engine)));
    map_init(&all->errors, keyspace_secret(engine_keyspace(engine)));
    all->retired_end = &all->retired;
    all->slowlog = slowlog_new();
    all->tracking = tracking_new(all);
    return all;
}

/* Out of every list by which others reach it, but for its subscriptions: a message may be under
 * way to it at this very moment. */
static void detach(struct session *s)
{
    session_unwatch(s);
    tracking_leave(s);
    monitor_stop(s);
    session_unpark(s);
    session_leave_wait(s);
    behind_end(s);
}

static void leave(struct session *s)
{
    struct sessions *all = s->all;
    s->gone = true;
    detach(s);
    map_erase(&all->by_id, map_find(&all->by_id, slice_of(&s->id, sizeof s->id)));
    struct session *last = all->list[--all->count];
    all->list[s->index] = last;
    last->index = s->index;
    s->next_gone = all->gone;
    all->gone = s;
}

/* What is left of it when the turn is over, but for its subscriptions, which may be many. */
static void retire(struct session *s)
{
    struct sessions *all = s->all;
    detach(s); /* again: it may have been closed in the middle of a command of its own */
    session_discard(s);
    session_drop_ran(s);
    pubsub_retire(engine_pubsub(all->engine), &s->subscriber);
    s->next_gone = NULL;
    *all->retired_end = s;
    all->retired_end = &s->next_gone;
}

static void session_free(struct session *s)
{
    for (size_t i = 0; i < s->late_len; i++) block_release(s->late[i].block);
    mem_free(s->late, s->late_cap * sizeof *s->late);
    resp_parser_fini(&s->parser);
    session_free_name(&s->name);
    session_free_name(&s->lib_name);
    session_free_name(&s->lib_version);
    session_free_name(&s->peer);
    session_free_name(&s->local);
    s->magic = 0;
    mem_delete(s);
}

void sessions_before_flush(struct sessions *all)
{
    all->ticks = io_ticks();
    waits_wake_later(all);
    waits_go_on(all);
    tracking_end_turn(all);
    behind_turn(all);
}

bool sessions_have_work(const struct sessions *all)
{
    return behind_has_work(all) || waits_have_work(all);
}

void sessions_stop(struct sessions *all)
{
    all->stopped = true;
}

/* Puts away who is gone; of their subscriptions so many. */
static void put_away(struct sessions *all, size_t subscriptions_max)
{
    struct session *s;
    while ((s = all->gone)) {
        all->gone = s->next_gone;
        retire(s);
    }
    pubsub_work(engine_pubsub(all->engine), subscriptions_max);
    while ((s = all->retired) && !s->subscriber.subscriptions) {
        all->retired = s->next_gone;
        if (!all->retired) all->retired_end = &all->retired;
        session_free(s);
    }
}

void sessions_end_turn(struct sessions *all)
{
    put_away(all, SUBSCRIPTIONS_A_TURN);
}

void sessions_free(struct sessions *all)
{
    while (all->count) leave(all->list[all->count - 1]);
    put_away(all, SIZE_MAX);
    heap_fini(&all->waits.due);
    tracking_free(all->tracking);
    slowlog_free(all->slowlog);
    map_fini(&all->by_id);
    map_fini(&all->errors);
    session_free_name(&all->password);
    mem_free(all->list, all->cap * sizeof *all->list);
    mem_free(all->monitors, all->monitors_cap * sizeof *all->monitors);
    resp_words_fini(&all->words);
    buffer_fini(&all->reply);
    mem_delete(all);
}

void session_free_name(struct slice *name)
{
    if (name->len) mem_free((void *)(uintptr_t)name->at, name->len);
    *name = SLICE("");
}

void session_set_name(struct slice *name, struct slice value)
{
    session_free_name(name);
    if (!value.len) return;
    char *copy = mem_alloc(value.len);
    memcpy(copy, value.at, value.len);
    *name = slice_of(copy, value.len);
}

struct session *session_by_id(struct sessions *all, uint64_t id)
{
    return map_value(&all->by_id, slice_of(&id, sizeof id));
}

bool session_is_local(const struct session *s)
{
    return s->unix_socket || socket_peer_is_local(conn_fd(s->conn));
}

struct slice session_peer(struct session *s)
{
    char name[SOCKET_NAME_MAX];
    if (!s->peer.len) {
        if (s->gone) return SLICE("?:0"); /* its descriptor may be another's by now */
        socket_peer_name(conn_fd(s->conn), name);
        session_set_name(&s->peer, slice_text(name));
    }
    return s->peer;
}

struct slice session_local(struct session *s)
{
    char name[SOCKET_NAME_MAX];
    if (!s->local.len) {
        if (s->gone) return SLICE("?:0"); /* its descriptor may be another's by now */
        socket_local_name(conn_fd(s->conn), name);
        session_set_name(&s->local, slice_text(name));
    }
    return s->local;
}

size_t session_bytes(const struct session *s)
{
    return sizeof *s + s->parser.partial_cap * sizeof *s->parser.partial + s->queue_bytes +
           s->watcher.bytes + s->name.len + s->lib_name.len + s->lib_version.len + s->peer.len +
           s->local.len + s->late_cap * sizeof *s->late + subscriber_bytes(&s->subscriber) +
           tracking_bytes(s) + session_waiting_bytes(s) + session_awaited_bytes(s);
}

/* ---- what it may ---- */

static struct resp_limits limits_of(const struct session *s)
{
    return (struct resp_limits){
        .inline_bytes_max = INLINE_MAX,
        .words_max = WORDS_MAX,
        .bulk_bytes_max = s->all->config.bulk_max,
        .unauthenticated = !s->authenticated,
    };
}

void session_update_class(struct session *s)
{
    struct sessions *all = s->all;
    bool subscriber = session_subscriptions(s) > 0;
    s->parser.limits = limits_of(s);
    conn_set_input_max(s->conn, s->authenticated ? 0 : GUEST_INPUT_MAX);
    conn_set_never_idle(s->conn, subscriber || s->monitors || s->parked || s->waiting);
    conn_set_output_limit(s->conn, all->config.output[subscriber    ? OUTPUT_CLASS_PUBSUB
                                                      : s->monitors ? OUTPUT_CLASS_REPLICA
                                                                    : OUTPUT_CLASS_NORMAL]);
}

void session_authenticate(struct session *s)
{
    s->authenticated = true;
    session_update_class(s);
}

void session_quit(struct session *s)
{
    conn_close_after_reply(s->conn);
}

void session_reset(struct session *s)
{
    struct sessions *all = s->all;
    session_discard(s);
    session_unwatch(s);
    tracking_leave(s);
    monitor_stop(s);
    behind_end(s);
    pubsub_leave(engine_pubsub(all->engine), &s->subscriber);
    session_free_name(&s->name);
    s->db = 0;
    s->subscriber.proto = 2;
    s->no_evict = s->no_touch = false;
    s->reply_mode = REPLY_ON;
    s->authenticated = all->config.password.len == 0;
    session_update_class(s);
}

/* ---- bytes ---- */

struct prepared {
    struct resp_request request;
    struct command *command;
    enum command_lookup lookup;
    int key;       /* where its first key stands, or 0 */
    uint64_t hash; /* of that key */
};

/* Looks up the command of a request and, if it has a key, sets the bucket of that on its way into
 * the cache. */
static void look_up(struct session *s, struct prepared *p)
{
    struct sessions *all = s->all;
    p->key = 0;
    if (!p->request.argc) return;
    const struct slice *argv = all->words.at + p->request.first;
    p->lookup = command_find(all->table, argv, p->request.argc, &p->command);
    if (p->lookup != COMMAND_FOUND) return;
    p->key = command_first_key(p->command->spec, p->request.argc);
    if (!p->key) return;
    p->hash = keyspace_hash(engine_keyspace(all->engine), argv[p->key]);
    keyspace_prefetch(engine_keyspace(all->engine), s->db, p->hash);
}

/* Parses what has come. The cache misses of a batch overlap: while later requests are parsed, the
 * buckets of the earlier ones arrive, and then, all at once, the entries. */
static int prepare(struct session *s, const char *bytes, size_t len, struct prepared *batch,
                   enum resp_status *status)
{
    struct sessions *all = s->all;
    /* What a guest may send changes with AUTH: one request at a time. */
    int max = s->authenticated ? BATCH : 1, n = 0;
    size_t at = 0;
    all->words.len = 0;
    if (all->words.cap > WORDS_KEPT) resp_words_fini(&all->words);
    while (n < max) {
        struct prepared *p = &batch[n];
        *status = resp_request_next(&s->parser, bytes + at, len - at, &all->words, &p->request);
        if (*status != RESP_REQUEST) break;
        at += p->request.size;
        look_up(s, p);
        n++;
    }
    for (int i = 0; n > 1 && i < n; i++)
        if (batch[i].key)
            keyspace_prefetch_entry(engine_keyspace(all->engine), s->db, batch[i].hash);
    return n;
}

void session_flush_reply(struct session *s)
{
    struct sessions *all = s->all;
    if (!all->reply.len) return;
    conn_send(s->conn, buffer_slice(&all->reply));
    all->reply.len = 0;
    if (all->reply.cap > REPLY_KEPT) buffer_fini(&all->reply);
}

static void protocol_error(struct session *s)
{
    struct resp_writer w = {.out = &s->all->reply, .proto = 2};
    resp_errorf(&w, "ERR %s", s->parser.error);
    session_flush_reply(s);
    session_quit(s);
}

/* So that every client has its turn: when this one has become long, nobody gets to more than the
 * batch that it is in, and when very long, not even to that. */
static bool turn_is_long(const struct sessions *all, bool within_batch)
{
    enum { LONG_US = 10 * 1000, VERY_LONG_US = 50 * 1000 };
    return all->now_us - all->turn_us > (within_batch ? VERY_LONG_US : LONG_US);
}

/* Takes the requests at the front of the bytes; returns how many bytes they were. */
static size_t received(void *owner, const char *bytes, size_t len, size_t *needed)
{
    struct session *s = owner;
    struct sessions *all = s->all;
    size_t used = 0;
    MAGIC(s, SESSION_MAGIC);
    all->ticks = io_ticks();
    waits_go_on(all);
    if (conn_is_closing(s->conn) || all->stopped) return 0;
    for (;;) {
        struct prepared batch[BATCH];
        enum resp_status status = RESP_REQUEST;
        int n = prepare(s, bytes + used, len - used, batch, &status);
        for (int i = 0; i < n; i++) {
            struct prepared *p = &batch[i];
            const struct slice *argv = all->words.at + p->request.first;
            bool done = true;
            if (p->key) engine_hint(all->engine, argv[p->key], p->hash);
            if (p->request.argc)
                done = session_request(s, argv, p->request.argc, p->request.size, p->command,
                                       p->lookup);
            else
                session_empty_request(s);
            engine_hint(all->engine, (struct slice){0}, 0);
            if (done) used += p->request.size;
            if (all->reply.len > REPLY_KEPT || waits_may_go_on(all)) session_flush_reply(s);
            waits_go_on(all);
            bool goes_on = done && !s->waiting && !all->stopped && !conn_is_closing(s->conn);
            bool yields = goes_on && i + 1 < n && turn_is_long(all, true);
            if (goes_on && !yields) continue;
            /* The others stay, unparsed: for the next turn, parked, or never to be read. */
            resp_parser_restart(&s->parser);
            session_flush_reply(s);
            if (yields) conn_resume(s->conn);
            return used;
        }
        session_flush_reply(s);
        if (conn_is_closing(s->conn)) return used; /* it left too many replies unread */
        if (status == RESP_MORE) *needed = s->parser.bytes_needed;
        if (status == RESP_ERROR) {
            protocol_error(s);
            return len;
        }
        if (status == RESP_MORE || used == len) return used;
        if (turn_is_long(all, false)) {
            conn_resume(s->conn);
            return used;
        }
    }
}

static void closed(void *owner, enum conn_end why)
{
    struct session *s = owner;
    if (why == CONN_END_OUTPUT || why == CONN_END_INPUT) s->all->stats.input_evicted++;
    leave(s);
}

/* ---- accept ---- */

/* The connection stays nobody's: what it sends is not read. */
static void refuse(struct sessions *all, struct conn *c, const char *text)
{
    all->stats.rejected_connections++;
    conn_send(c, slice_text(text));
    conn_close_after_reply(c);
}

static const char not_protected[] =
    "-DENIED Hark is running in protected mode because protected mode is enabled and no password "
    "is set. In this mode connections are only accepted from the loopback interface. To connect "
    "from elsewhere, set a password with 'CONFIG SET requirepass', or, knowing what it means, "
    "switch the mode off with 'CONFIG SET protected-mode no'.\r\n";

static void accepted(void *ctx, struct conn *c, bool unix_socket)
{
    static const struct conn_handler handler = {received, closed};
    struct sessions *all = ctx;
    all->stats.connections++;
    if (all->count >= all->config.clients_max) {
        refuse(all, c, "-ERR max number of clients reached\r\n");
        return;
    }
    bool open_to_all = all->config.protected_mode && !all->config.password.len;
    if (open_to_all && !unix_socket && !socket_peer_is_local(conn_fd(c))) {
        refuse(all, c, not_protected);
        return;
    }
    struct session *s = mem_new(struct session);
    *s = (struct session){
        .magic = SESSION_MAGIC,
        .all = all,
        .conn = c,
        .id = ++all->last_id,
        .unix_socket = unix_socket,
        .authenticated = all->config.password.len == 0,
        .subscriber = {.deliver = session_deliver, .proto = 2},
        .name = SLICE(""),
        .lib_name = SLICE(""),
        .lib_version = SLICE(""),
        .born_us = all->now_us,
    };
    s->queue_end = &s->queue;
    resp_parser_init(&s->parser, limits_of(s));
    if (all->count == all->cap) {
        size_t more = all->cap ? all->cap * 2 : 64;
        all->list = mem_resize(all->list, all->cap * sizeof *all->list, more * sizeof *all->list);
        all->cap = more;
    }
    s->index = all->count;
    all->list[all->count++] = s;
    map_insert(&all->by_id, slice_of(&s->id, sizeof s->id), NULL)->value = s;
    conn_own(c, &handler, s);
    session_update_class(s);
}

struct net_listener sessions_listener(struct sessions *all)
{
    return (struct net_listener){accepted, all};
}

/* ---- all of them ---- */

/* The least time that anybody wants to hear of, so that a quick command is compared with but one.
 */
static void find_slow_threshold(struct sessions *all)
{
    const struct sessions_config *c = &all->config;
    int64_t us = INT64_MAX / 1000;
    if (c->slow_us >= 0 && c->slow_us < us) us = c->slow_us;
    if (c->latency_event_ms && c->latency_event_ms * 1000 < us) us = c->latency_event_ms * 1000;
    all->slow_ns = (uint64_t)us * 1000;
    all->ns_per_tick = 1000 / c->ticks_per_us;
}

void sessions_set_streams(struct sessions *all, struct streams *streams)
{
    all->streams = streams;
}

void sessions_set_config(struct sessions *all, struct sessions_config config)
{
    session_set_name(&all->password, config.password);
    all->config = config;
    all->config.password = all->password;
    find_slow_threshold(all);
    slowlog_set_max(all->slowlog, config.slow_len_max);
    for (size_t i = 0; i < all->count; i++) {
        struct session *s = all->list[i];
        if (!all->password.len) s->authenticated = true; /* nobody will ask it any more */
        session_update_class(s);
    }
}

void sessions_tell_time(struct sessions *all)
{
    int64_t ticks = (int64_t)(all->ticks - all->turn_ticks);
    if (ticks > 0) all->now_us = all->turn_us + (int64_t)((double)ticks * all->ns_per_tick / 1000);
}

void sessions_begin_turn(struct sessions *all, int64_t now_us)
{
    all->now_us = all->turn_us = now_us;
    all->ticks = all->turn_ticks = io_ticks();
    if (all->pause && now_us >= all->pause_end_us) sessions_unpause(all);
    sessions_ask_walk_again(all);
    waits_time_out(all);
}

int64_t sessions_next_turn_us(const struct sessions *all)
{
    if (all->retired) return all->turn_us; /* there is work */
    int64_t due_us = waits_next_us(all);
    if (!all->pause) return due_us;
    return due_us < 0 || all->pause_end_us < due_us ? all->pause_end_us : due_us;
}

struct sessions_stats sessions_stats(struct sessions *all)
{
    struct sessions_stats stats = all->stats;
    struct net_stats net = net_stats(all->net);
    stats.clients = all->count;
    stats.monitors = all->monitors_count;
    stats.input_biggest = net.input_biggest;
    stats.output_biggest = net.output_biggest;
    stats.watched_keys = keyspace_watched(engine_keyspace(all->engine));
    stats.blocking_keys = awaited_keys(all->engine);
    stats.blocking_keys_on_nokey = awaited_keys_with_end(all->engine);
    for (size_t i = 0; i < all->count; i++) {
        const struct session *s = all->list[i];
        stats.pubsub_clients += session_subscriptions(s) > 0;
        stats.watching_clients += s->watcher.first != NULL;
        stats.tracking_clients += s->tracking != NULL;
        stats.behind += s->behind != NULL;
        stats.paused += s->parked;
        stats.blocked += s->parked || session_is_blocked(s);
        stats.memory += session_bytes(s) + conn_info(s->conn, 0).memory;
    }
    tracking_fill_stats(all, &stats);
    return stats;
}

uint64_t sessions_commands(const struct sessions *all)
{
    return all->stats.commands;
}

void sessions_reset_stats(struct sessions *all)
{
    all->stats = (struct sessions_stats){0};
    map_fini(&all->errors);
    net_reset_stats(all->net);
    for (size_t i = 0; i < command_specs_count(); i++) {
        struct command *command = command_at(all->table, i);
        if (command) command_stats_reset(&command->stats);
    }
}

void sessions_each_error(struct sessions *all,
                         void (*visit)(void *ctx, struct slice code, uint64_t count), void *ctx)
{
    for (size_t i = 0; i < map_count(&all->errors); i++) {
        struct map_item *item = map_at(&all->errors, i);
        visit(ctx, map_item_name(item), (uint64_t)(uintptr_t)item->value);
    }
}

void session_bind_commands(struct command_table *t)
{
    bind_connection_commands(t);
    bind_client_commands(t);
    bind_tracking_commands(t);
    bind_multi_commands(t);
    bind_pubsub_commands(t);
    bind_slowlog_commands(t);
    bind_monitor_commands(t);
}
