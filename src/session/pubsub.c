/* SUBSCRIBE and its kin, PUBLISH, PUBSUB, and how messages reach a session. */
#include "../base/err.h"
#include "../base/glob.h"
#include "../base/mem.h"
#include "../command/introspect.h"
#include "../command/wait.h"
#include "internal.h"

enum {
    LATE_KEPT = 1024,    /* places for messages, from one command to the next */
    LEFT_AT_ONCE = 1000, /* subscriptions that end in one turn, by one UNSUBSCRIBE */
};

size_t session_subscriptions(const struct session *s)
{
    const struct subscriber *sub = &s->subscriber;
    if (!sub->subscriptions) return 0;
    return subscriber_count(sub, PUBSUB_CHANNEL) + subscriber_count(sub, PUBSUB_PATTERN) +
           subscriber_count(sub, PUBSUB_SHARD);
}

void session_deliver(struct subscriber *to, struct span message)
{
    struct session *s = session_of(to);
    if (s->gone) return;
    conn_hold(s->conn, engine_mark(s->all->engine));
    uint64_t seq = pubsub_telling(engine_pubsub(s->all->engine));
    bool direct = s->all->current != s && !s->late_len && !session_is_within_reply(s);
    if (seq && (direct || s->behind) && behind_push(s, seq, message)) return;
    if (direct) {
        conn_push(s->conn, message);
        return;
    }
    /* Its own command is under way, or has written a part of its reply: the reply comes first, then
     * what the command caused. */
    if (s->late_bytes + message.len > conn_output_room(s->conn)) {
        s->cut = true;
        return;
    }
    s->late_bytes += message.len;
    if (s->late_len == s->late_cap) {
        size_t more = s->late_cap ? s->late_cap * 2 : 8;
        s->late = mem_resize(s->late, s->late_cap * sizeof *s->late, more * sizeof *s->late);
        s->late_cap = more;
    }
    block_retain(message.block);
    s->late[s->late_len++] = message;
}

void session_deliver_late(struct session *s)
{
    struct sessions *all = s->all;
    if (!s->late_len) return;
    conn_send(s->conn, buffer_slice(&all->reply));
    all->reply.len = 0;
    for (size_t i = 0; i < s->late_len; i++) {
        conn_push(s->conn, s->late[i]);
        block_release(s->late[i].block);
    }
    s->late_len = s->late_bytes = 0;
    if (s->late_cap > LATE_KEPT) {
        mem_free(s->late, s->late_cap * sizeof *s->late);
        s->late = NULL;
        s->late_cap = 0;
    }
}

static const struct {
    struct slice subscribed, unsubscribed;
} words[] = {
    [PUBSUB_CHANNEL] = {{"subscribe", 9}, {"unsubscribe", 11}},
    [PUBSUB_PATTERN] = {{"psubscribe", 10}, {"punsubscribe", 12}},
    [PUBSUB_SHARD] = {{"ssubscribe", 10}, {"sunsubscribe", 12}},
};

/* Sharded channels are counted apart from channels and patterns. */
static size_t count_for(const struct session *s, enum pubsub_kind kind)
{
    const struct subscriber *sub = &s->subscriber;
    if (!sub->subscriptions) return 0;
    if (kind == PUBSUB_SHARD) return subscriber_count(sub, PUBSUB_SHARD);
    return subscriber_count(sub, PUBSUB_CHANNEL) + subscriber_count(sub, PUBSUB_PATTERN);
}

static void confirm(struct call *c, enum pubsub_kind kind, struct slice word,
                    const struct slice *name)
{
    resp_push(&c->reply, 3);
    resp_bulk(&c->reply, word);
    if (name)
        resp_bulk(&c->reply, *name);
    else
        resp_null(&c->reply);
    resp_int(&c->reply, (int64_t)count_for(call_session(c), kind));
}

static void subscribe(struct call *c, enum pubsub_kind kind)
{
    struct session *s = call_session(c);
    struct pubsub *p = engine_pubsub(c->engine);
    for (int i = 1; i < c->argc; i++) {
        struct slice name = call_arg(c, i);
        if (pubsub_subscribe(p, &s->subscriber, kind, name) != ERR_LIMIT)
            confirm(c, kind, words[kind].subscribed, &name);
        else if (subscriber_is_full(p, &s->subscriber))
            resp_error(&c->reply, SLICE("ERR this client has as many subscriptions as "
                                        "client-subscriptions-max allows"));
        else
            resp_error(&c->reply, SLICE("ERR this pattern passes pubsub-pattern-bytes-max, or "
                                        "pubsub-globs-max for patterns without literal text"));
    }
    session_update_class(s);
}

static void unsubscribe(struct call *c, enum pubsub_kind kind)
{
    struct session *s = call_session(c);
    for (int i = 1; i < c->argc; i++) {
        struct slice name = call_arg(c, i);
        pubsub_unsubscribe(engine_pubsub(c->engine), &s->subscriber, kind, name);
        confirm(c, kind, words[kind].unsubscribed, &name);
    }
    session_update_class(s);
}

/* Without arguments: all of this kind, a slice a turn. */
struct leaving {
    struct wait wait;
    enum pubsub_kind kind;
};

/* Confirms the end of so many subscriptions; true when there are no more. */
static bool leave_some(struct call *c, enum pubsub_kind kind, size_t max)
{
    struct session *s = call_session(c);
    struct buffer gone = {0};
    size_t count = 0;
    for (; count < max &&
           pubsub_unsubscribe_any(engine_pubsub(c->engine), &s->subscriber, kind, &gone);
         count++) {
        struct slice name = buffer_slice(&gone);
        confirm(c, kind, words[kind].unsubscribed, &name);
    }
    buffer_fini(&gone);
    session_update_class(s);
    return count < max;
}

static bool leaving_resume(struct call *c, struct wait *w)
{
    if (leave_some(c, ((struct leaving *)w)->kind, LEFT_AT_ONCE)) return true;
    wait_wake_later(w);
    return false;
}

static void leaving_drop(struct wait *w)
{
    mem_delete((struct leaving *)w);
}

static void unsubscribe_all(struct call *c, enum pubsub_kind kind)
{
    static const struct wait_kind leaving = {.resume = leaving_resume, .drop = leaving_drop};
    const struct subscriber *sub = &call_session(c)->subscriber;
    size_t count = sub->subscriptions ? subscriber_count(sub, kind) : 0;
    if (!count) {
        confirm(c, kind, words[kind].unsubscribed, NULL);
    } else if (count <= LEFT_AT_ONCE || !call_may_wait(c)) {
        leave_some(c, kind, SIZE_MAX);
    } else {
        struct leaving *l = mem_new(struct leaving);
        call_wait(c, &l->wait, &leaving, WAIT_FOREVER, false);
        l->wait.writes_messages = true;
        l->kind = kind;
        wait_wake(&l->wait);
    }
}

static void leave(struct call *c, enum pubsub_kind kind)
{
    if (c->argc == 1)
        unsubscribe_all(c, kind);
    else
        unsubscribe(c, kind);
}

static void subscribe_command(struct call *c)
{
    subscribe(c, PUBSUB_CHANNEL);
}

static void unsubscribe_command(struct call *c)
{
    leave(c, PUBSUB_CHANNEL);
}

static void psubscribe_command(struct call *c)
{
    subscribe(c, PUBSUB_PATTERN);
}

static void punsubscribe_command(struct call *c)
{
    leave(c, PUBSUB_PATTERN);
}

/* As in Redis, where this one alone of the three is refused in a transaction. */
static void ssubscribe_command(struct call *c)
{
    if (call_session(c)->ran) {
        resp_error(&c->reply, SLICE("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
        return;
    }
    subscribe(c, PUBSUB_SHARD);
}

static void sunsubscribe_command(struct call *c)
{
    leave(c, PUBSUB_SHARD);
}

/* The message is a note among the events of the record, so that it keeps its place in a MULTI;
 * who will get it is known now. */
static void publish(struct call *c, bool sharded)
{
    size_t receivers = pubsub_receivers(engine_pubsub(c->engine), call_arg(c, 1), sharded);
    if (receivers) note_publish(c->engine, call_arg(c, 1), call_arg(c, 2), sharded);
    resp_int(&c->reply, (int64_t)receivers);
}

static void publish_command(struct call *c)
{
    publish(c, false);
}

static void spublish_command(struct call *c)
{
    publish(c, true);
}

/* ---- PUBSUB ---- */

struct listing {
    struct call *call;
    struct slice pattern;
    size_t count;
    bool write;
};

static void list_channel(void *ctx, struct slice name, size_t subscribers)
{
    struct listing *l = ctx;
    (void)subscribers;
    if (l->pattern.at && !glob_match(l->pattern, name, false)) return;
    l->count++;
    if (l->write) resp_bulk(&l->call->reply, name);
}

static void list_channels(struct call *c, bool sharded)
{
    struct pubsub *p = engine_pubsub(c->engine);
    struct listing l = {.call = c};
    if (c->argc > 3) {
        struct slice word = call_arg(c, 1);
        resp_errorf(&c->reply,
                    "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try PUBSUB "
                    "HELP.",
                    (int)word.len, word.at);
        return;
    }
    if (c->argc == 3) l.pattern = call_arg(c, 2);
    pubsub_each_channel(p, sharded, list_channel, &l); /* once to count, once to write */
    resp_array(&c->reply, l.count);
    l.write = true;
    pubsub_each_channel(p, sharded, list_channel, &l);
}

static void pubsub_channels_command(struct call *c)
{
    list_channels(c, false);
}

static void pubsub_shardchannels_command(struct call *c)
{
    list_channels(c, true);
}

static void count_subscribers(struct call *c, bool sharded)
{
    resp_array(&c->reply, (size_t)(c->argc - 2) * 2);
    for (int i = 2; i < c->argc; i++) {
        struct slice name = call_arg(c, i);
        resp_bulk(&c->reply, name);
        resp_int(&c->reply,
                 (int64_t)pubsub_channel_subscribers(engine_pubsub(c->engine), sharded, name));
    }
}

static void pubsub_numsub_command(struct call *c)
{
    count_subscribers(c, false);
}

static void pubsub_shardnumsub_command(struct call *c)
{
    count_subscribers(c, true);
}

static void pubsub_numpat_command(struct call *c)
{
    resp_int(&c->reply, (int64_t)pubsub_counts(engine_pubsub(c->engine)).patterns);
}

static void pubsub_help_command(struct call *c)
{
    static const char *const lines[] = {
        "CHANNELS [<pattern>]",
        "    The channels that have subscribers, all or those that match.",
        "NUMPAT",
        "    How many different patterns are subscribed to.",
        "NUMSUB [<channel> ...]",
        "    How many subscribers each channel has, patterns not counted.",
        "SHARDCHANNELS [<pattern>]",
        "    The sharded channels that have subscribers.",
        "SHARDNUMSUB [<channel> ...]",
        "    How many subscribers each sharded channel has.",
        NULL,
    };
    command_help(&c->reply, "PUBSUB", lines);
}

void bind_pubsub_commands(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"subscribe", subscribe_command},
        {"unsubscribe", unsubscribe_command},
        {"psubscribe", psubscribe_command},
        {"punsubscribe", punsubscribe_command},
        {"ssubscribe", ssubscribe_command},
        {"sunsubscribe", sunsubscribe_command},
        {"publish", publish_command},
        {"spublish", spublish_command},
        {"pubsub|channels", pubsub_channels_command},
        {"pubsub|shardchannels", pubsub_shardchannels_command},
        {"pubsub|numsub", pubsub_numsub_command},
        {"pubsub|shardnumsub", pubsub_shardnumsub_command},
        {"pubsub|numpat", pubsub_numpat_command},
        {"pubsub|help", pubsub_help_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
