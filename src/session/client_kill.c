/* CLIENT KILL. */
#include "../base/text.h"
#include "client.h"

/* Whom to kill: those who pass all of it. */
struct filter {
    struct slice address, local; /* at NULL: any */
    enum client_type type;
    uint64_t id;      /* 0: any */
    int64_t age_s;    /* at least */
    bool spares_self; /* SKIPME */
};

static bool passes(const struct filter *f, struct session *s)
{
    if (f->id && s->id != f->id) return false;
    if (f->type != CLIENT_ANY && client_type_of(s) != f->type) return false;
    if (f->address.at && !slice_equal(session_peer(s), f->address)) return false;
    if (f->local.at && !slice_equal(session_local(s), f->local)) return false;
    return (s->all->now_us - s->born_us) / 1000000 >= f->age_s;
}

/* Kills those who pass; returns how many. */
static size_t kill_all(struct session *self, const struct filter *f)
{
    struct sessions *all = self->all;
    size_t killed = 0;
    bool self_too = false;
    for (size_t i = all->count; i-- > 0;) { /* downward: the dead leave the list */
        struct session *s = all->list[i];
        if (!passes(f, s) || (s == self && f->spares_self)) continue;
        killed++;
        if (s == self)
            self_too = true;
        else
            conn_close(s->conn, CONN_END_KILLED);
    }
    if (self_too) session_quit(self); /* after its reply */
    return killed;
}

static bool parse_id(struct call *c, int i, struct filter *f)
{
    int64_t id;
    if (!text_to_int(call_arg(c, i), &id) || id < 1) {
        resp_error(&c->reply, SLICE("ERR client-id should be greater than 0"));
        return false;
    }
    f->id = (uint64_t)id;
    return true;
}

static bool parse_age(struct call *c, int i, struct filter *f)
{
    const char *error = NULL;
    if (!text_to_int(call_arg(c, i), &f->age_s))
        error = "ERR maxage is not an integer or out of range";
    else if (f->age_s <= 0)
        error = "ERR maxage should be greater than 0";
    if (error) resp_error(&c->reply, slice_text(error));
    return !error;
}

static bool parse_user(struct call *c, int i)
{
    struct slice user = call_arg(c, i);
    if (slice_equal(user, SLICE("default"))) return true; /* the only one, which all clients are */
    resp_errorf(&c->reply, "ERR No such user '%.*s'", (int)user.len, user.at);
    return false;
}

static bool parse_skipme(struct call *c, int i, struct filter *f)
{
    f->spares_self = call_arg_is(c, i, "yes");
    if (f->spares_self || call_arg_is(c, i, "no")) return true;
    call_syntax_error(c);
    return false;
}

/* One filter, the word at i and the value behind it; false after writing the error. */
static bool parse_filter(struct call *c, int i, struct filter *f)
{
    if (i + 1 < c->argc) {
        if (call_arg_is(c, i, "id")) return parse_id(c, i + 1, f);
        if (call_arg_is(c, i, "type")) return client_parse_type(c, i + 1, &f->type);
        if (call_arg_is(c, i, "user")) return parse_user(c, i + 1);
        if (call_arg_is(c, i, "skipme")) return parse_skipme(c, i + 1, f);
        if (call_arg_is(c, i, "maxage")) return parse_age(c, i + 1, f);
        if (call_arg_is(c, i, "addr")) {
            f->address = call_arg(c, i + 1);
            return true;
        }
        if (call_arg_is(c, i, "laddr")) {
            f->local = call_arg(c, i + 1);
            return true;
        }
    }
    call_syntax_error(c);
    return false;
}

void client_kill_command(struct call *c)
{
    struct session *self = call_session(c);
    struct filter f = {.type = CLIENT_ANY};
    if (c->argc == 3) { /* the old way: an address, one's own too */
        f.address = call_arg(c, 2);
        if (kill_all(self, &f))
            resp_ok(&c->reply);
        else
            resp_error(&c->reply, SLICE("ERR No such client"));
        return;
    }
    f.spares_self = true;
    for (int i = 2; i < c->argc; i += 2)
        if (!parse_filter(c, i, &f)) return;
    resp_int(&c->reply, (int64_t)kill_all(self, &f));
}
