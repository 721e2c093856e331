/* CONFIG */
#include "../base/text.h"
#include "../command/introspect.h"
#include "server.h"

static void config_get_command(struct call *c)
{
    config_get(&call_server(c)->config, c->argv + 2, (size_t)c->argc - 2, &c->reply);
}

/* A line for each change, quoted so that no value can look like a line of its own. */
static void log_changes(struct server *s, const struct slice *words, size_t count)
{
    struct buffer line = {0};
    for (size_t i = 0; i + 1 < count; i += 2) {
        line.len = 0;
        if (config_is_sensitive(words[i]))
            buffer_add_slice(&line, SLICE("(hidden)"));
        else
            text_quote(&line, words[i + 1]);
        log_line(&s->log, LOGLEVEL_NOTICE, "CONFIG SET %.*s %.*s", (int)words[i].len, words[i].at,
                 (int)line.len, line.at);
    }
    buffer_fini(&line);
}

static void config_set_command(struct call *c)
{
    struct server *s = call_server(c);
    char error[CONFIG_ERROR_MAX];
    size_t words = (size_t)c->argc - 2;
    if (words % 2) {
        call_syntax_error(c);
        return;
    }
    const struct session *session = call_session(c);
    bool local = !session || session_is_local(session);
    if (config_set(&s->config, &s->hooks, c->argv + 2, words, local, error, sizeof error) != 0) {
        resp_error(&c->reply, slice_text(error));
        return;
    }
    log_changes(s, c->argv + 2, words);
    resp_ok(&c->reply);
}

static void config_rewrite_command(struct call *c)
{
    struct server *s = call_server(c);
    char error[CONFIG_ERROR_MAX];
    if (config_rewrite(&s->config, error, sizeof error) != 0) {
        log_line(&s->log, LOGLEVEL_WARNING, "CONFIG REWRITE failed: %s", error);
        resp_error(&c->reply, slice_text(error));
        return;
    }
    log_line(&s->log, LOGLEVEL_NOTICE, "CONFIG REWRITE of %s", s->config.file.at);
    resp_ok(&c->reply);
}

static void config_resetstat_command(struct call *c)
{
    server_reset_stats(call_server(c));
    resp_ok(&c->reply);
}

static void config_help_command(struct call *c)
{
    static const char *const lines[] = {
        "GET <pattern>",
        "    Return parameters matching the glob-like <pattern> and their values.",
        "SET <directive> <value>",
        "    Set the configuration <directive> to <value>.",
        "RESETSTAT",
        "    Reset statistics reported by the INFO command.",
        "REWRITE",
        "    Rewrite the configuration file.",
        NULL,
    };
    command_help(&c->reply, "config", lines);
}

void bind_config_commands(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"config|get", config_get_command},         {"config|set", config_set_command},
        {"config|rewrite", config_rewrite_command}, {"config|resetstat", config_resetstat_command},
        {"config|help", config_help_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
