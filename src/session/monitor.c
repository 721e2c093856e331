/* MONITOR: every request that runs, as a line, to whoever wants to look. */
#include "../base/mem.h"
#include "../base/text.h"
#include "../io/clock.h"
#include "internal.h"

/* A request can be a gigabyte, and four in quotes: of words and lines this much is shown. */
enum { WORD_SHOWN_MAX = 256 * 1024, LINE_SHOWN_MAX = 1024 * 1024 };

static void write_word(struct buffer *to, struct slice word)
{
    size_t shown = word.len < WORD_SHOWN_MAX ? word.len : WORD_SHOWN_MAX;
    buffer_add_byte(to, ' ');
    text_quote(to, slice_of(word.at, shown));
    if (shown < word.len) buffer_printf(to, "... (%zu more bytes)", word.len - shown);
}

/* Appends `+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`. */
static void write_line(struct buffer *to, struct session *s, const struct command *command,
                       const struct slice *argv, int argc)
{
    struct slice peer = session_peer(s);
    if (s->unix_socket && peer.len > 2) peer.len -= 2; /* the path without its `:0` */
    int64_t now = io_unix_us(); /* whoever looks wants to see how they follow each other */
    buffer_printf(to, "+%lld.%06lld [%d %s%.*s]", (long long)(now / 1000000),
                  (long long)(now % 1000000), s->db, s->unix_socket ? "unix:" : "", (int)peer.len,
                  peer.at);
    int i = 0;
    for (; i < argc && to->len < LINE_SHOWN_MAX; i++)
        write_word(to, redacted_word(s->all, command, argv, argc, i));
    if (i < argc) buffer_printf(to, " ... (%d more words)", argc - i);
    buffer_add(to, "\r\n", 2);
}

void monitors_feed(struct session *s, const struct command *command, const struct slice *argv,
                   int argc)
{
    struct sessions *all = s->all;
    if (command->spec->flags & (FLAG_SKIP_MONITOR | FLAG_ADMIN)) return;
    struct buffer line = {0};
    write_line(&line, s, command, argv, argc);
    struct block *block = block_new(line.len);
    block_add(block, line.at, line.len);
    buffer_fini(&line);
    /* Downward, because one that is closed for not reading leaves the list. */
    for (size_t i = all->monitors_count; i-- > 0;)
        session_deliver(&all->monitors[i]->subscriber, (struct span){block, 0, block->len});
    block_release(block);
}

void monitor_start(struct session *s)
{
    struct sessions *all = s->all;
    if (all->monitors_count == all->monitors_cap) {
        size_t more = all->monitors_cap ? all->monitors_cap * 2 : 4;
        all->monitors = mem_resize(all->monitors, all->monitors_cap * sizeof *all->monitors,
                                   more * sizeof *all->monitors);
        all->monitors_cap = more;
    }
    all->monitors[all->monitors_count++] = s;
    s->monitors = true;
}

void monitor_stop(struct session *s)
{
    struct sessions *all = s->all;
    if (!s->monitors) return;
    size_t i = 0;
    while (all->monitors[i] != s) i++;
    all->monitors_count--;
    memmove(&all->monitors[i], &all->monitors[i + 1],
            (all->monitors_count - i) * sizeof *all->monitors);
    s->monitors = false;
}

static void monitor_command(struct call *c)
{
    struct session *s = call_session(c);
    if (s->ran) {
        resp_error(&c->reply, SLICE("ERR MONITOR isn't allowed for DENY BLOCKING client"));
        return;
    }
    if (s->monitors) return; /* without a reply, as in Redis */
    monitor_start(s);
    session_update_class(s);
    resp_ok(&c->reply);
}

void bind_monitor_commands(struct command_table *t)
{
    static const struct command_binding rows[] = {{"monitor", monitor_command}};
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
