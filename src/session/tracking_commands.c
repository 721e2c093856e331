/* CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO. */
#include "tracking.h"

#include "../base/mem.h"
#include "../base/text.h"

#include <stdlib.h>

struct options {
    uint64_t redirect;
    bool broadcast, optin, optout, noloop;
    size_t prefixes_count;
    struct slice prefixes[TRACKING_PREFIXES_MAX];
};

static bool parse_redirect(struct call *c, int i, struct options *o)
{
    int64_t id;
    if (o->redirect) {
        resp_error(&c->reply, SLICE("ERR A client can only redirect to a single other client"));
        return false;
    }
    if (!call_int(c, i, &id)) return false;
    if (!session_by_id(call_session(c)->all, (uint64_t)id)) {
        resp_error(&c->reply, SLICE("ERR The client ID you want redirect to does not exist"));
        return false;
    }
    o->redirect = (uint64_t)id;
    return true;
}

static bool parse_prefix(struct call *c, int i, struct options *o)
{
    if (o->prefixes_count == TRACKING_PREFIXES_MAX ||
        call_arg(c, i).len > TRACKING_PREFIX_BYTES_MAX) {
        resp_errorf(&c->reply, "ERR A client can have %d prefixes of %d bytes at most",
                    TRACKING_PREFIXES_MAX, TRACKING_PREFIX_BYTES_MAX);
        return false;
    }
    o->prefixes[o->prefixes_count++] = call_arg(c, i);
    return true;
}

static bool parse_options(struct call *c, struct options *o)
{
    for (int i = 3; i < c->argc; i++) {
        bool more = i + 1 < c->argc;
        if (call_arg_is(c, i, "redirect") && more) {
            if (!parse_redirect(c, ++i, o)) return false;
        } else if (call_arg_is(c, i, "prefix") && more) {
            if (!parse_prefix(c, ++i, o)) return false;
        } else if (call_arg_is(c, i, "bcast")) {
            o->broadcast = true;
        } else if (call_arg_is(c, i, "optin")) {
            o->optin = true;
        } else if (call_arg_is(c, i, "optout")) {
            o->optout = true;
        } else if (call_arg_is(c, i, "noloop")) {
            o->noloop = true;
        } else {
            call_syntax_error(c);
            return false;
        }
    }
    return true;
}

/* Why the options do not go together, or do not go with what the client has now; or NULL. */
static const char *conflict(const struct options *o, const struct tracking *now)
{
    if (!o->broadcast && o->prefixes_count)
        return "ERR PREFIX option requires BCAST mode to be enabled";
    if (now && now->broadcast != o->broadcast)
        return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, "
               "and then re-enabling it with a different mode.";
    if (o->broadcast && (o->optin || o->optout))
        return "ERR OPTIN and OPTOUT are not compatible with BCAST";
    if (o->optin && o->optout) return "ERR You can't specify both OPTIN mode and OPTOUT mode";
    if (now && ((o->optin && now->optout) || (o->optout && now->optin)))
        return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, "
               "and then re-enabling it with a different mode.";
    return NULL;
}

static bool overlap(struct slice a, struct slice b)
{
    return slice_starts_with(a, b) || slice_starts_with(b, a);
}

static void reply_overlap(struct call *c, struct slice prefix, const char *with, struct slice other)
{
    resp_errorf(&c->reply,
                "ERR Prefix '%.*s' overlaps with %s prefix '%.*s'. Prefixes for a single client "
                "must not overlap.",
                (int)prefix.len, prefix.at, with, (int)other.len, other.at);
}

static int by_name(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* The prefixes that a session has, in order; as many as `tr` says, to be freed by the caller. */
static struct slice *sorted_prefixes(const struct tracking *tr)
{
    struct slice *names = mem_alloc(tr->prefixes_count * sizeof *names);
    for (size_t i = 0; i < tr->prefixes_count; i++) names[i] = prefix_name(tr->prefixes[i]);
    qsort(names, tr->prefixes_count, sizeof *names, by_name);
    return names;
}

/* With overlapping prefixes a client would be told twice. */
static bool check_prefixes(struct call *c, const struct options *o, const struct slice *had,
                           size_t had_count)
{
    for (size_t i = 0; i < o->prefixes_count; i++) {
        for (size_t j = 0; j < had_count; j++) {
            if (!overlap(o->prefixes[i], had[j])) continue;
            reply_overlap(c, o->prefixes[i], "an existing", had[j]);
            return false;
        }
        for (size_t j = i + 1; j < o->prefixes_count; j++) {
            if (!overlap(o->prefixes[i], o->prefixes[j])) continue;
            reply_overlap(c, o->prefixes[i], "another provided", o->prefixes[j]);
            return false;
        }
    }
    return true;
}

static bool prefixes_fit(struct call *c, const struct options *o, const struct tracking *now)
{
    if (!now) return check_prefixes(c, o, NULL, 0);
    if (now->prefixes_count + o->prefixes_count > TRACKING_PREFIXES_MAX) {
        resp_errorf(&c->reply, "ERR A client can have %d prefixes at most", TRACKING_PREFIXES_MAX);
        return false;
    }
    struct slice *had = sorted_prefixes(now);
    bool fit = check_prefixes(c, o, had, now->prefixes_count);
    mem_free(had, now->prefixes_count * sizeof *had);
    return fit;
}

static void switch_on(struct call *c, const struct options *o)
{
    struct session *s = call_session(c);
    const char *why = conflict(o, s->tracking);
    if (why) {
        resp_error(&c->reply, slice_text(why));
        return;
    }
    if (!prefixes_fit(c, o, s->tracking)) return;
    struct tracking *tr = tracking_start(s);
    tr->redirect = o->redirect;
    tr->broadcast = o->broadcast;
    tr->optin = o->optin;
    tr->optout = o->optout;
    tr->noloop = o->noloop;
    tr->broken = false;
    if (o->broadcast && !o->prefixes_count) prefix_join(s, SLICE(""));
    for (size_t i = 0; i < o->prefixes_count; i++) prefix_join(s, o->prefixes[i]);
    resp_ok(&c->reply);
}

static void tracking_command(struct call *c)
{
    struct options o;
    o = (struct options){.prefixes_count = 0};
    if (!parse_options(c, &o)) return;
    if (call_arg_is(c, 2, "on")) {
        switch_on(c, &o);
    } else if (call_arg_is(c, 2, "off")) {
        tracking_leave(call_session(c));
        resp_ok(&c->reply);
    } else {
        call_syntax_error(c);
    }
}

static void caching_command(struct call *c)
{
    struct tracking *tr = call_session(c)->tracking;
    bool yes = call_arg_is(c, 2, "yes");
    if (!tr) {
        resp_error(&c->reply, SLICE("ERR CLIENT CACHING can be called only when the client is in "
                                    "tracking mode with OPTIN or OPTOUT mode enabled"));
    } else if (!yes && !call_arg_is(c, 2, "no")) {
        call_syntax_error(c);
    } else if (yes && !tr->optin) {
        resp_error(&c->reply, SLICE("ERR CLIENT CACHING YES is only valid when tracking is enabled "
                                    "in OPTIN mode."));
    } else if (!yes && !tr->optout) {
        resp_error(&c->reply, SLICE("ERR CLIENT CACHING NO is only valid when tracking is enabled "
                                    "in OPTOUT mode."));
    } else {
        tr->caching = true;
        resp_ok(&c->reply);
    }
}

static void getredir_command(struct call *c)
{
    resp_int(&c->reply, tracking_redirect(call_session(c)));
}

static void write_flags(struct resp_writer *w, const struct tracking *tr)
{
    const char *flags[8];
    size_t count = 0;
    flags[count++] = tr ? "on" : "off";
    if (tr && tr->broadcast) flags[count++] = "bcast";
    if (tr && tr->optin) flags[count++] = "optin";
    if (tr && tr->optin && tr->caching) flags[count++] = "caching-yes";
    if (tr && tr->optout) flags[count++] = "optout";
    if (tr && tr->optout && tr->caching) flags[count++] = "caching-no";
    if (tr && tr->noloop) flags[count++] = "noloop";
    if (tr && tr->broken) flags[count++] = "broken_redirect";
    resp_set(w, count);
    for (size_t i = 0; i < count; i++) resp_bulk_text(w, flags[i]);
}

static void trackinginfo_command(struct call *c)
{
    const struct session *s = call_session(c);
    const struct tracking *tr = s->tracking;
    resp_map(&c->reply, 3);
    resp_bulk_text(&c->reply, "flags");
    write_flags(&c->reply, tr);
    resp_bulk_text(&c->reply, "redirect");
    resp_int(&c->reply, tracking_redirect(s));
    resp_bulk_text(&c->reply, "prefixes");
    size_t count = tr ? tr->prefixes_count : 0;
    resp_array(&c->reply, count);
    if (!count) return;
    struct slice *names = sorted_prefixes(tr);
    for (size_t i = 0; i < count; i++) resp_bulk(&c->reply, names[i]);
    mem_free(names, count * sizeof *names);
}

void bind_tracking_commands(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"client|tracking", tracking_command},
        {"client|caching", caching_command},
        {"client|getredir", getredir_command},
        {"client|trackinginfo", trackinginfo_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
