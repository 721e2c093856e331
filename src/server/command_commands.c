/* COMMAND: what clients ask about the commands themselves. */
#include "../command/introspect.h"
#include "server.h"

static const struct command_table *table_of(const struct call *c)
{
    return call_server(c)->commands;
}

static void command_command(struct call *c)
{
    introspect_all(table_of(c), &c->reply);
}

static void command_count_command(struct call *c)
{
    introspect_count(table_of(c), &c->reply);
}

static void command_info_command(struct call *c)
{
    introspect_info(table_of(c), c->argv, c->argc, &c->reply);
}

static void command_docs_command(struct call *c)
{
    introspect_docs(table_of(c), c->argv, c->argc, &c->reply);
}

static void command_list_command(struct call *c)
{
    introspect_list(table_of(c), c->argv, c->argc, &c->reply);
}

static void command_getkeys_command(struct call *c)
{
    introspect_getkeys(table_of(c), c->argv, c->argc, &c->reply);
}

static void command_getkeysandflags_command(struct call *c)
{
    introspect_getkeysandflags(table_of(c), c->argv, c->argc, &c->reply);
}

static void command_help_command(struct call *c)
{
    introspect_help(&c->reply);
}

void bind_command_commands(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"command", command_command},
        {"command|count", command_count_command},
        {"command|info", command_info_command},
        {"command|docs", command_docs_command},
        {"command|list", command_list_command},
        {"command|getkeys", command_getkeys_command},
        {"command|getkeysandflags", command_getkeysandflags_command},
        {"command|help", command_help_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
