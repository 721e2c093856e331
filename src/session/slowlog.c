/* The slow log: the requests that took longest of late, and SLOWLOG.
 *
 * A list from the newest entry to the oldest, at most slowlog-max-len of them. What one entry may
 * hold is bounded as well: so many words, so many bytes of each. An entry is one allocation: the
 * struct, the words, and behind them all their bytes. */
#include "../base/assert.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "../command/introspect.h"
#include "internal.h"

#include <stdio.h>

enum { WORDS_MAX = 32, WORD_BYTES_MAX = 128 }; /* as in Redis */

struct slow_entry {
    struct slow_entry *newer, *older;
    size_t size;
    uint64_t id;
    int64_t unix_s, us;
    struct slice peer, name;
    int words_count;
    struct slice words[];
};

struct slowlog {
    struct slow_entry *newest, *oldest;
    size_t count, max;
    uint64_t next_id;
};

struct slowlog *slowlog_new(void)
{
    return mem_new(struct slowlog);
}

static void drop_oldest(struct slowlog *log)
{
    struct slow_entry *e = log->oldest;
    log->oldest = e->newer;
    if (log->oldest)
        log->oldest->older = NULL;
    else
        log->newest = NULL;
    log->count--;
    mem_free(e, e->size);
}

static void trim(struct slowlog *log, size_t max)
{
    while (log->count > max) drop_oldest(log);
}

void slowlog_free(struct slowlog *log)
{
    trim(log, 0);
    mem_delete(log);
}

void slowlog_set_max(struct slowlog *log, size_t entries)
{
    log->max = entries;
    trim(log, entries);
}

/* What an entry is made of, gathered before its size is known. Of each text only the length is
 * kept, as the buffer moves while it grows. */
struct gathered {
    struct buffer bytes;
    size_t lens[WORDS_MAX + 2]; /* the words, the peer, the name */
    int count;
};

/* Adds a text, cut to what an entry may hold of one. */
static void gather(struct gathered *g, struct slice text)
{
    size_t kept = text.len < WORD_BYTES_MAX ? text.len : WORD_BYTES_MAX, from = g->bytes.len;
    buffer_add(&g->bytes, text.at, kept);
    if (kept < text.len) buffer_printf(&g->bytes, "... (%zu more bytes)", text.len - kept);
    g->lens[g->count++] = g->bytes.len - from;
}

static void gather_words(struct gathered *g, const struct sessions *all,
                         const struct command *command, const struct slice *argv, int argc)
{
    int shown = argc <= WORDS_MAX ? argc : WORDS_MAX - 1;
    for (int i = 0; i < shown; i++) gather(g, redacted_word(all, command, argv, argc, i));
    if (shown == argc) return;
    char note[64];
    int len = snprintf(note, sizeof note, "... (%d more arguments)", argc - shown);
    gather(g, slice_of(note, (size_t)len));
}

/* An entry with what was gathered, the buffer of which is given back. */
static struct slow_entry *entry_of(struct gathered *g)
{
    int words = g->count - 2;
    size_t head = sizeof(struct slow_entry) + (size_t)words * sizeof(struct slice);
    struct slow_entry *e = mem_alloc(head + g->bytes.len);
    *e = (struct slow_entry){.size = head + g->bytes.len, .words_count = words};
    char *at = (char *)e + head;
    memcpy(at, g->bytes.at, g->bytes.len);
    for (int i = 0; i < g->count; at += g->lens[i++]) {
        struct slice text = slice_of(at, g->lens[i]);
        if (i < words)
            e->words[i] = text;
        else if (i == words)
            e->peer = text;
        else
            e->name = text;
    }
    buffer_fini(&g->bytes);
    return e;
}

void slowlog_add(struct slowlog *log, struct session *s, const struct command *command,
                 const struct slice *argv, int argc, int64_t us)
{
    if (!log->max) return;
    struct gathered g = {0};
    gather_words(&g, s->all, command, argv, argc);
    gather(&g, session_peer(s));
    gather(&g, s->name);
    struct slow_entry *e = entry_of(&g);
    e->id = log->next_id++;
    e->unix_s = s->all->now_us / 1000000;
    e->us = us;
    e->older = log->newest;
    if (log->newest)
        log->newest->newer = e;
    else
        log->oldest = e;
    log->newest = e;
    log->count++;
    trim(log, log->max);
}

/* ---- SLOWLOG ---- */

static struct slowlog *log_of(const struct call *c)
{
    return call_session(c)->all->slowlog;
}

static void write_entry(struct resp_writer *w, const struct slow_entry *e)
{
    resp_array(w, 6);
    resp_int(w, (int64_t)e->id);
    resp_int(w, e->unix_s);
    resp_int(w, e->us);
    resp_array(w, (size_t)e->words_count);
    for (int i = 0; i < e->words_count; i++) resp_bulk(w, e->words[i]);
    resp_bulk(w, e->peer);
    resp_bulk(w, e->name);
}

static void slowlog_get_command(struct call *c)
{
    const struct slowlog *log = log_of(c);
    int64_t count = 10;
    if (c->argc > 3) {
        command_reply_misused_sub(&c->reply, c->argv);
        return;
    }
    if (c->argc == 3 && (!text_to_int(call_arg(c, 2), &count) || count < -1)) {
        resp_error(&c->reply, SLICE("ERR count should be greater than or equal to -1"));
        return;
    }
    size_t shown = count < 0 || (uint64_t)count > log->count ? log->count : (size_t)count;
    resp_array(&c->reply, shown);
    for (const struct slow_entry *e = log->newest; shown > 0; shown--, e = e->older)
        write_entry(&c->reply, e);
}

static void slowlog_len_command(struct call *c)
{
    resp_int(&c->reply, (int64_t)log_of(c)->count);
}

static void slowlog_reset_command(struct call *c)
{
    trim(log_of(c), 0);
    resp_ok(&c->reply);
}

static void slowlog_help_command(struct call *c)
{
    static const char *const lines[] = {
        "GET [<count>]",
        "    The newest entries, 10 unless told, all for -1: id, unix time, microseconds,",
        "    the request, the client's address and its name.",
        "LEN",
        "    How many entries there are.",
        "RESET",
        "    Forget all entries.",
        NULL,
    };
    command_help(&c->reply, "SLOWLOG", lines);
}

void bind_slowlog_commands(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"slowlog|get", slowlog_get_command},
        {"slowlog|len", slowlog_len_command},
        {"slowlog|reset", slowlog_reset_command},
        {"slowlog|help", slowlog_help_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
