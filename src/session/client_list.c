/* CLIENT LIST and CLIENT INFO: a line for each connection. */
#include "client.h"

#include "../base/mem.h"
#include "../base/text.h"
#include "../io/clock.h"

#include <stdlib.h>

enum client_type client_type_of(const struct session *s)
{
    return session_subscriptions(s) ? CLIENT_PUBSUB : CLIENT_NORMAL;
}

bool client_parse_type(struct call *c, int i, enum client_type *out)
{
    static const struct {
        const char *word;
        enum client_type type;
    } types[] = {
        {"normal", CLIENT_NORMAL},   {"master", CLIENT_MASTER}, {"primary", CLIENT_MASTER},
        {"replica", CLIENT_REPLICA}, {"slave", CLIENT_REPLICA}, {"pubsub", CLIENT_PUBSUB},
    };
    struct slice word = call_arg(c, i);
    for (size_t n = 0; n < sizeof types / sizeof *types; n++) {
        if (!slice_is(word, types[n].word)) continue;
        *out = types[n].type;
        return true;
    }
    resp_errorf(&c->reply, "ERR Unknown client type '%.*s'", (int)word.len, word.at);
    return false;
}

/* ---- one line ---- */

static void write_flags(char to[16], const struct session *s, const struct conn_info *conn)
{
    const struct {
        bool set;
        char letter;
    } flags[] = {
        {s->monitors, 'O'},
        {session_subscriptions(s) > 0, 'P'},
        {s->in_multi, 'x'},
        {s->parked || session_is_blocked(s), 'b'},
        {s->tracking != NULL, 't'},
        {tracking_is_broken(s), 'R'},
        {tracking_broadcasts(s), 'B'},
        {s->watcher.touched, 'd'},
        {conn->closing, 'c'},
        {s->unix_socket, 'U'},
        {s->no_evict, 'e'},
        {s->no_touch, 'T'},
    };
    char *at = to;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (flags[i].set) *at++ = flags[i].letter;
    if (at == to) *at++ = 'N';
    *at = 0;
}

static size_t count_of(const struct session *s, enum pubsub_kind kind)
{
    return s->subscriber.subscriptions ? subscriber_count(&s->subscriber, kind) : 0;
}

static void write_text(struct buffer *to, const char *field, struct slice text)
{
    buffer_printf(to, " %s=", field);
    buffer_add_slice(to, text);
}

static void write_who(struct buffer *to, struct session *s, const struct conn_info *conn)
{
    char flags[16];
    write_flags(flags, s, conn);
    buffer_printf(to, "id=%llu", (unsigned long long)s->id);
    write_text(to, "addr", session_peer(s));
    write_text(to, "laddr", session_local(s));
    buffer_printf(to, " fd=%d", conn->fd);
    write_text(to, "name", s->name);
    buffer_printf(to, " age=%lld idle=%lld flags=%s db=%d", (long long)(conn->age_us / 1000000),
                  (long long)(conn->idle_us / 1000000), flags, s->db);
    buffer_printf(to, " sub=%zu psub=%zu ssub=%zu", count_of(s, PUBSUB_CHANNEL),
                  count_of(s, PUBSUB_PATTERN), count_of(s, PUBSUB_SHARD));
    buffer_printf(to, " multi=%lld watch=%zu", s->in_multi ? (long long)s->queue_len : -1,
                  watcher_count(&s->watcher));
}

/* A connection has no reply buffer of its own (rbs, rbp, obl), only the list. */
static void write_memory(struct buffer *to, const struct session *s, const struct conn_info *conn,
                         size_t argv_bytes)
{
    buffer_printf(to, " qbuf=%zu qbuf-free=%zu argv-mem=%zu multi-mem=%zu rbs=0 rbp=0 obl=0",
                  conn->input_bytes, conn->input_free, argv_bytes, s->queue_bytes);
    buffer_printf(to, " oll=%zu omem=%zu tot-mem=%zu events=%s%s", conn->output_spans,
                  conn->output_bytes, session_bytes(s) + conn->memory, conn->reading ? "r" : "",
                  conn->writing ? "w" : "");
}

/* Appends the line of a session, without its end. */
static void write_line(struct buffer *to, struct session *s, const struct call *c, int64_t mono_us)
{
    struct conn_info conn = conn_info(s->conn, mono_us);
    size_t argv_bytes = session_waiting_bytes(s);
    for (int i = 0; i < c->argc && s == call_session(c); i++) argv_bytes += call_arg(c, i).len;
    write_who(to, s, &conn);
    write_memory(to, s, &conn, argv_bytes);
    write_text(to, "cmd", s->last_command ? s->last_command->spec->name : SLICE("NULL"));
    write_text(to, "user", SLICE("default"));
    buffer_printf(to, " redir=%lld resp=%d", (long long)tracking_redirect(s), session_proto(s));
    write_text(to, "lib-name", s->lib_name);
    write_text(to, "lib-ver", s->lib_version);
    buffer_printf(to, " tot-net-in=%llu tot-net-out=%llu tot-cmds=%llu",
                  (unsigned long long)conn.received, (unsigned long long)conn.sent,
                  (unsigned long long)s->commands);
    buffer_add_byte(to, '\n');
}

static void reply_lines(struct call *c, struct buffer *lines)
{
    resp_verbatim(&c->reply, "txt", buffer_slice(lines));
    buffer_fini(lines);
}

void client_info_command(struct call *c)
{
    struct buffer lines = {0};
    write_line(&lines, call_session(c), c, io_mono_us());
    reply_lines(c, &lines);
}

/* ---- many ---- */

static int by_id(const void *a, const void *b)
{
    uint64_t x = (*(struct session *const *)a)->id, y = (*(struct session *const *)b)->id;
    return (x > y) - (x < y);
}

/* The oldest first, as they came. */
static void list_type(struct call *c, enum client_type type)
{
    const struct sessions *all = call_session(c)->all;
    struct buffer lines = {0};
    int64_t mono_us = io_mono_us();
    size_t count = all->count;
    struct session **list = mem_alloc(count * sizeof *list);
    memcpy(list, all->list, count * sizeof *list);
    qsort(list, count, sizeof *list, by_id);
    for (size_t i = 0; i < count; i++)
        if (type == CLIENT_ANY || client_type_of(list[i]) == type)
            write_line(&lines, list[i], c, mono_us);
    mem_free(list, count * sizeof *list);
    reply_lines(c, &lines);
}

static void list_ids(struct call *c)
{
    struct buffer lines = {0};
    int64_t mono_us = io_mono_us(), id;
    for (int i = 3; i < c->argc; i++) {
        if (!text_to_int(call_arg(c, i), &id)) {
            buffer_fini(&lines);
            resp_error(&c->reply, SLICE("ERR Invalid client ID"));
            return;
        }
        struct session *s = session_by_id(call_session(c)->all, (uint64_t)id);
        if (s) write_line(&lines, s, c, mono_us);
    }
    reply_lines(c, &lines);
}

void client_list_command(struct call *c)
{
    enum client_type type = CLIENT_ANY;
    if (c->argc == 4 && call_arg_is(c, 2, "type")) {
        if (client_parse_type(c, 3, &type)) list_type(c, type);
    } else if (c->argc > 3 && call_arg_is(c, 2, "id")) {
        list_ids(c);
    } else if (c->argc == 2) {
        list_type(c, type);
    } else {
        call_syntax_error(c);
    }
}
