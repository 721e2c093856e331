/* AUTH, HELLO, PING, ECHO, SELECT, QUIT, RESET. */
#include "../base/text.h"
#include "internal.h"

/* Compares without telling by its time how much of the password was right. */
static bool is_password(const struct sessions *all, struct slice given)
{
    struct slice password = all->config.password;
    unsigned char differs = given.len != password.len;
    for (size_t i = 0; i < given.len; i++)
        differs |= (unsigned char)(given.at[i] ^ password.at[password.len ? i % password.len : 0]);
    return !differs;
}

/* There is one user yet, "default", with or without a password. */
static bool check_credentials(struct call *c, struct slice user, struct slice password)
{
    struct session *s = call_session(c);
    bool known = slice_equal(user, SLICE("default"));
    bool right = s->all->config.password.len == 0 || is_password(s->all, password);
    if (known && right) {
        session_authenticate(s);
        return true;
    }
    s->all->stats.auth_failures++;
    resp_error(&c->reply, SLICE("WRONGPASS invalid username-password pair or user is disabled."));
    return false;
}

static void auth_command(struct call *c)
{
    struct session *s = call_session(c);
    if (c->argc > 3) {
        call_syntax_error(c);
        return;
    }
    if (c->argc == 2 && s->all->config.password.len == 0) {
        resp_error(&c->reply,
                   SLICE("ERR AUTH <password> called without any password configured for the "
                         "default user. Are you sure your configuration is correct?"));
        return;
    }
    struct slice user = c->argc == 3 ? call_arg(c, 1) : SLICE("default");
    if (check_credentials(c, user, call_arg(c, c->argc - 1))) resp_ok(&c->reply);
}

static void reply_hello(struct call *c)
{
    struct session *s = call_session(c);
    char version[COMMAND_VERSION_MAX];
    command_table_version(s->all->table, version);
    resp_map(&c->reply, 7);
    resp_bulk_text(&c->reply, "server");
    resp_bulk_text(&c->reply, "redis"); /* what clients look for to know how to speak */
    resp_bulk_text(&c->reply, "version");
    resp_bulk_text(&c->reply, version);
    resp_bulk_text(&c->reply, "proto");
    resp_int(&c->reply, session_proto(s));
    resp_bulk_text(&c->reply, "id");
    resp_int(&c->reply, (int64_t)s->id);
    resp_bulk_text(&c->reply, "mode");
    resp_bulk_text(&c->reply, "standalone");
    resp_bulk_text(&c->reply, "role");
    resp_bulk_text(&c->reply, "master");
    resp_bulk_text(&c->reply, "modules");
    resp_array(&c->reply, 0);
}

bool session_name_is_valid(struct slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] < '!' || name.at[i] > '~') return false;
    return true;
}

static bool check_name(struct call *c, struct slice name)
{
    if (session_name_is_valid(name)) return true;
    resp_error(&c->reply, SLICE("ERR Client names cannot contain spaces, newlines or special "
                                "characters."));
    return false;
}

bool session_rename(struct call *c, struct slice name)
{
    if (!check_name(c, name)) return false;
    session_set_name(&call_session(c)->name, name);
    return true;
}

static bool hello_option(struct call *c, int *i)
{
    int left = c->argc - 1 - *i;
    if (call_arg_is(c, *i, "AUTH") && left >= 2) {
        if (!check_credentials(c, call_arg(c, *i + 1), call_arg(c, *i + 2))) return false;
        *i += 3;
    } else if (call_arg_is(c, *i, "SETNAME") && left >= 1) {
        if (!check_name(c, call_arg(c, *i + 1))) return false;
        session_set_name(&call_session(c)->name, call_arg(c, *i + 1));
        *i += 2;
    } else {
        struct slice word = call_arg(c, *i);
        resp_errorf(&c->reply, "ERR Syntax error in HELLO option '%.*s'", (int)word.len, word.at);
        return false;
    }
    return true;
}

static void hello_command(struct call *c)
{
    struct session *s = call_session(c);
    int64_t proto = session_proto(s);
    if (c->argc > 1) {
        if (!text_to_int(call_arg(c, 1), &proto)) {
            resp_error(&c->reply, SLICE("ERR Protocol version is not an integer or out of range"));
            return;
        }
        if (proto != 2 && proto != 3) {
            resp_error(&c->reply, SLICE("NOPROTO unsupported protocol version"));
            return;
        }
    }
    for (int i = 2; i < c->argc;)
        if (!hello_option(c, &i)) return;
    if (!s->authenticated) {
        resp_error(&c->reply,
                   SLICE("NOAUTH HELLO must be called with the client already authenticated, "
                         "otherwise the HELLO AUTH <user> <pass> option can be used to "
                         "authenticate the client and select the RESP protocol version at the "
                         "same time"));
        return;
    }
    s->subscriber.proto = c->reply.proto = (int)proto;
    reply_hello(c);
}

static void ping_command(struct call *c)
{
    struct session *s = call_session(c);
    if (c->argc > 2) {
        command_reply_arity(&c->reply, c->command->spec);
    } else if (session_proto(s) == 2 && session_subscriptions(s)) {
        resp_array(&c->reply, 2);
        resp_bulk_text(&c->reply, "pong");
        resp_bulk(&c->reply, c->argc == 2 ? call_arg(c, 1) : SLICE(""));
    } else if (c->argc == 2) {
        resp_bulk(&c->reply, call_arg(c, 1));
    } else {
        resp_simple(&c->reply, SLICE("PONG"));
    }
}

static void echo_command(struct call *c)
{
    resp_bulk(&c->reply, call_arg(c, 1));
}

static void select_command(struct call *c)
{
    int db;
    if (!call_db(c, 1, &db)) return;
    call_session(c)->db = db;
    resp_ok(&c->reply);
}

static void quit_command(struct call *c)
{
    resp_ok(&c->reply);
    session_quit(call_session(c));
}

static void reset_command(struct call *c)
{
    session_reset(call_session(c));
    resp_simple(&(struct resp_writer){.out = c->reply.out, .proto = 2}, SLICE("RESET"));
}

void bind_connection_commands(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"auth", auth_command},   {"hello", hello_command},   {"ping", ping_command},
        {"echo", echo_command},   {"select", select_command}, {"quit", quit_command},
        {"reset", reset_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
