/* MULTI, EXEC, DISCARD, WATCH, UNWATCH: commands that happen together, in one record. */
#include "../base/mem.h"
#include "internal.h"

static void drop(struct queued *list)
{
    while (list) {
        struct queued *q = list;
        list = q->next;
        mem_free(q, q->size);
    }
}

static void forget_queue(struct session *s)
{
    s->queue = NULL;
    s->queue_end = &s->queue;
    s->queue_len = s->queue_bytes = 0;
    s->queue_flags = 0;
}

void session_drop_ran(struct session *s)
{
    drop(s->ran);
    s->ran = NULL;
}

void session_discard(struct session *s)
{
    drop(s->queue);
    forget_queue(s);
    s->in_multi = s->multi_failed = false;
}

void session_unwatch(struct session *s)
{
    keyspace_unwatch(engine_keyspace(s->all->engine), &s->watcher);
}

/* What a client may have us keep for a transaction to come is bounded as its unparsed input is. */
static void check_bytes(struct session *s)
{
    if (s->queue_bytes + s->watcher.bytes > s->all->config.queue_max)
        conn_close(s->conn, CONN_END_INPUT);
}

void session_enqueue(struct session *s, struct command *command, const struct slice *argv, int argc)
{
    size_t bytes = 0;
    if (s->multi_failed) return; /* it will never run */
    for (int i = 0; i < argc; i++) bytes += argv[i].len;
    size_t size = sizeof(struct queued) + (size_t)argc * sizeof *argv + bytes;
    struct queued *q = mem_alloc(size);
    *q = (struct queued){.command = command, .size = size, .argc = argc};
    char *to = (char *)(q->argv + argc);
    for (int i = 0; i < argc; i++) {
        if (argv[i].len) memcpy(to, argv[i].at, argv[i].len);
        q->argv[i] = slice_of(to, argv[i].len);
        to += argv[i].len;
    }
    *s->queue_end = q;
    s->queue_end = &q->next;
    s->queue_len++;
    s->queue_bytes += size;
    s->queue_flags |= command->spec->flags;
    check_bytes(s);
}

static void multi_command(struct call *c)
{
    struct session *s = call_session(c);
    if (s->in_multi) {
        resp_error(&c->reply, SLICE("ERR MULTI calls can not be nested"));
        return;
    }
    s->in_multi = true;
    resp_ok(&c->reply);
}

static void discard_command(struct call *c)
{
    struct session *s = call_session(c);
    if (!s->in_multi) {
        resp_error(&c->reply, SLICE("ERR DISCARD without MULTI"));
        return;
    }
    session_discard(s);
    session_unwatch(s);
    resp_ok(&c->reply);
}

static void run_queue(struct session *s, struct call *c)
{
    resp_array(&c->reply, s->queue_len);
    /* The queue is taken off first: a command in it may end the transaction's state (RESET). Its
     * words are borrowed by the record, so it is kept until that is sealed. */
    s->ran = s->queue;
    forget_queue(s);
    s->in_multi = false;
    for (struct queued *q = s->ran; q; q = q->next) {
        session_run(s, q->command, q->argv, q->argc);
        s->all->stats.commands++;
    }
}

static void exec_command(struct call *c)
{
    struct session *s = call_session(c);
    if (!s->in_multi) {
        resp_error(&c->reply, SLICE("ERR EXEC without MULTI"));
        return;
    }
    bool failed = s->multi_failed;
    bool watched =
        keyspace_watch_failed(engine_keyspace(c->engine), &s->watcher, engine_now(c->engine));
    session_unwatch(s); /* first, so that its own changes do not touch it */
    if (failed) {
        resp_error(&c->reply, SLICE("EXECABORT Transaction discarded because of previous errors."));
    } else if (watched) {
        engine_wait_for_all(c->engine); /* what has touched them is told by this reply */
        resp_null_array(&c->reply);
    } else {
        run_queue(s, c);
        return;
    }
    session_discard(s);
}

static void watch_command(struct call *c)
{
    struct session *s = call_session(c);
    if (s->in_multi) {
        resp_error(&c->reply, SLICE("ERR WATCH inside MULTI is not allowed"));
        return;
    }
    for (int i = 1; i < c->argc; i++)
        keyspace_watch(engine_keyspace(c->engine), &s->watcher, c->db, call_arg(c, i),
                       engine_now(c->engine));
    check_bytes(s);
    resp_ok(&c->reply);
}

static void unwatch_command(struct call *c)
{
    session_unwatch(call_session(c));
    resp_ok(&c->reply);
}

void bind_multi_commands(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"multi", multi_command}, {"exec", exec_command},       {"discard", discard_command},
        {"watch", watch_command}, {"unwatch", unwatch_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
