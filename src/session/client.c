/* CLIENT: what a client says about itself, and what it may do to all. Lists and kills are in
 * client_list.c and client_kill.c, tracking in tracking_commands.c. */
#include "client.h"
#include "../base/text.h"
#include "../command/introspect.h"

static void id_command(struct call *c)
{
    resp_int(&c->reply, (int64_t)call_session(c)->id);
}

static void getname_command(struct call *c)
{
    const struct session *s = call_session(c);
    if (s->name.len)
        resp_bulk(&c->reply, s->name);
    else
        resp_null(&c->reply);
}

static void setname_command(struct call *c)
{
    if (session_rename(c, call_arg(c, 2))) resp_ok(&c->reply);
}

static void setinfo_command(struct call *c)
{
    struct session *s = call_session(c);
    struct slice option = call_arg(c, 2);
    struct slice *to = slice_is(option, "lib-name")  ? &s->lib_name
                       : slice_is(option, "lib-ver") ? &s->lib_version
                                                     : NULL;
    if (!to) {
        resp_errorf(&c->reply, "ERR Unrecognized option '%.*s'", (int)option.len, option.at);
        return;
    }
    if (!session_name_is_valid(call_arg(c, 3))) {
        resp_errorf(&c->reply, "ERR %.*s cannot contain spaces, newlines or special characters.",
                    (int)option.len, option.at);
        return;
    }
    session_set_name(to, call_arg(c, 3));
    resp_ok(&c->reply);
}

static void reply_command(struct call *c)
{
    struct session *s = call_session(c);
    if (call_arg_is(c, 2, "on")) {
        s->reply_mode = REPLY_ON;
        resp_ok(&c->reply);
    } else if (call_arg_is(c, 2, "off")) {
        s->reply_mode = REPLY_OFF;
    } else if (call_arg_is(c, 2, "skip")) {
        if (s->reply_mode != REPLY_OFF) s->reply_mode = REPLY_SKIP_NEXT;
    } else {
        call_syntax_error(c);
    }
}

/* NO-EVICT and NO-TOUCH. */
static void set_switch(struct call *c, bool *on)
{
    bool is_on = call_arg_is(c, 2, "on");
    if (!is_on && !call_arg_is(c, 2, "off")) {
        call_syntax_error(c);
        return;
    }
    *on = is_on;
    resp_ok(&c->reply);
}

static void no_evict_command(struct call *c)
{
    set_switch(c, &call_session(c)->no_evict);
}

static void no_touch_command(struct call *c)
{
    set_switch(c, &call_session(c)->no_touch);
}

static void unblock_command(struct call *c)
{
    int64_t id;
    if (c->argc > 4) {
        command_reply_misused_sub(&c->reply, c->argv);
        return;
    }
    if (c->argc == 4 && !call_arg_is(c, 3, "timeout") && !call_arg_is(c, 3, "error")) {
        resp_error(&c->reply, SLICE("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
        return;
    }
    if (!call_int(c, 2, &id)) return;
    struct session *target = session_by_id(call_session(c)->all, (uint64_t)id);
    resp_int(&c->reply,
             target && session_unblock(target, c->argc == 4 && call_arg_is(c, 3, "error")));
}

static void pause_command(struct call *c)
{
    struct sessions *all = call_session(c)->all;
    int64_t ms, now_ms = all->now_us / 1000;
    bool writes_only = c->argc == 4 && call_arg_is(c, 3, "write");
    const char *error = NULL;
    if (c->argc > 4) {
        command_reply_misused_sub(&c->reply, c->argv);
        return;
    }
    if (c->argc == 4 && !writes_only && !call_arg_is(c, 3, "all"))
        error = "ERR CLIENT PAUSE mode must be WRITE or ALL";
    else if (!text_to_int(call_arg(c, 2), &ms))
        error = "ERR timeout is not an integer or out of range";
    else if (ms < 0)
        error = "ERR timeout is negative";
    else if (ms > INT64_MAX / 1000 - now_ms)
        error = "ERR timeout is out of range";
    if (error) {
        resp_error(&c->reply, slice_text(error));
        return;
    }
    sessions_pause(all, writes_only ? PAUSE_WRITE : PAUSE_ALL, ms ? (now_ms + ms) * 1000 : 0);
    resp_ok(&c->reply);
}

static void unpause_command(struct call *c)
{
    sessions_unpause(call_session(c)->all);
    resp_ok(&c->reply);
}

static void help_command(struct call *c)
{
    static const char *const lines[] = {
        "CACHING (YES|NO)",
        "    Track what the next command reads (OPTIN), or do not (OPTOUT).",
        "GETNAME",
        "    The name of this connection.",
        "GETREDIR",
        "    The id of the client that gets the invalidations of this one: 0 for none, -1 when",
        "    tracking is off.",
        "ID",
        "    The number of this connection.",
        "INFO",
        "    This connection's line of CLIENT LIST.",
        "KILL <ip:port>",
        "    Close the connection that comes from there.",
        "KILL <filter> <value> [<filter> <value> ...]",
        "    Close all connections that pass every filter, this one only with SKIPME no:",
        "    ADDR <ip:port>, LADDR <ip:port>, ID <id>, MAXAGE <seconds>, SKIPME (YES|NO),",
        "    TYPE (NORMAL|MASTER|REPLICA|PUBSUB), USER <name>.",
        "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB) | ID <id> [<id> ...]]",
        "    A line for each connection, or those chosen.",
        "NO-EVICT (ON|OFF)",
        "    Exempt this connection from being closed for its use of memory.",
        "NO-TOUCH (ON|OFF)",
        "    Leave the access times of keys alone from here on.",
        "PAUSE <milliseconds> [WRITE|ALL]",
        "    Let all clients wait that want to change data, or do anything at all.",
        "REPLY (ON|OFF|SKIP)",
        "    Replies from here on: all, none, or not the next one.",
        "SETINFO (LIB-NAME|LIB-VER) <value>",
        "    Note which library the client uses.",
        "SETNAME <name>",
        "    Name this connection.",
        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> ...] [OPTIN] [OPTOUT] [NOLOOP]",
        "    Be told when keys change that this client has read, or that have a prefix.",
        "TRACKINGINFO",
        "    How this connection tracks.",
        "UNBLOCK <id> [TIMEOUT|ERROR]",
        "    End the wait of a client that blocks.",
        "UNPAUSE",
        "    End CLIENT PAUSE.",
        NULL,
    };
    command_help(&c->reply, "CLIENT", lines);
}

void bind_client_commands(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"client|id", id_command},
        {"client|info", client_info_command},
        {"client|list", client_list_command},
        {"client|kill", client_kill_command},
        {"client|getname", getname_command},
        {"client|setname", setname_command},
        {"client|setinfo", setinfo_command},
        {"client|reply", reply_command},
        {"client|no-evict", no_evict_command},
        {"client|no-touch", no_touch_command},
        {"client|unblock", unblock_command},
        {"client|pause", pause_command},
        {"client|unpause", unpause_command},
        {"client|help", help_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
