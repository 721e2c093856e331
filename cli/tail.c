/* tail, replay and lag: what happened, what happens, and who is behind.
 *
 *     tail --group ──▶ a durable subscription                         ┐
 *     tail, replay ──▶ XREAD, page by page, from an id on             ├─▶ shown
 *     tail where there is no journal ──▶ a live subscription          ┘
 *
 * All but the live one go on where they were when the connection has been lost. */
#include "cli.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE = 1000,     /* entries of one XREAD */
    BLOCK_MS = 2000, /* how long one waits in the server */
    RETRY_MS = 200,  /* between two attempts to connect again */
    FIELDS_MAX = 64, /* of an event that is shown */
};

struct following {
    struct session *session;
    const char *pattern;
    const char *since, *until, *group, *consumer, *to;
    bool json;
    long count, shown; /* count -1: no limit */
    double speed;
    bool of_event; /* the name is that of a keyspace channel */
    struct hark_channel parsed;
    struct hark *target; /* of --to */
    int64_t before_ms;   /* when the last event was that was replayed, and when we showed it */
    double before_at;
};

_Noreturn static void fail(const char *text, const char *detail)
{
    fflush(stdout);
    fprintf(stderr, "%s%s\n", text, detail);
    exit(1);
}

/* ---- arguments ---- */

static void take_argument(struct following *f, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **to;
    } texts[] = {{"--since", &f->since},
                 {"--until", &f->until},
                 {"--group", &f->group},
                 {"--to", &f->to},
                 {"--consumer", &f->consumer}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(name, texts[i].name) == 0) {
            *texts[i].to = value;
            return;
        }
    char *end;
    if (strcmp(name, "--count") == 0) {
        if (!parse_integer(value, 1, LONG_MAX, &f->count))
            fail("Invalid number for --count: ", value);
    } else {
        f->speed = strtod(value, &end);
        if (end == value || *end || !(f->speed >= 0)) fail("Invalid number for --speed: ", value);
    }
}

/* Which of its options this command has; NULL-terminated. */
static void read_arguments(struct following *f, const char *const known[])
{
    const struct options *o = f->session->options;
    for (int i = 1; i < o->argc; i++) {
        const char *name = o->argv[i];
        if (strcmp(name, "--json") == 0) {
            f->json = true;
            continue;
        }
        if (strncmp(name, "--", 2) != 0) {
            if (f->pattern) fail("One channel or pattern at a time, not also ", name);
            f->pattern = name;
            continue;
        }
        bool found = false;
        for (int k = 0; known[k]; k++) found |= strcmp(name, known[k]) == 0;
        if (!found) fail("Unrecognized option: ", name);
        if (++i == o->argc) fail("A value is missing for ", name);
        take_argument(f, name, o->argv[i]);
    }
    if (!f->pattern) fail("Which channel or pattern? ", "__keyevent@*__:expired, for example");
    f->of_event = hark_channel_parse(f->pattern, HARK_NUL, &f->parsed) != HARK_F_NONE;
    if (f->session->options->output == OUTPUT_JSON) f->json = true;
}

/* ---- asking ---- */

/* One command; NULL, said by nobody, when the server refuses it. */
static struct hark_reply *try_ask(struct session *s, const char *a, const char *b, const char *c)
{
    const char *argv[] = {a, b, c};
    struct hark_reply *r;
    int argc = c ? 3 : b ? 2 : 1;
    if (hark_command(s->link, argc, argv, NULL, &r) < 0) session_die(s);
    if (r->type != HARK_T_ERROR) return r;
    hark_reply_free(r);
    return NULL;
}

static int64_t server_ms(struct session *s)
{
    struct hark_reply *r = session_ask(s, 1, (const char *[]){"TIME"}, NULL);
    int64_t ms = r->count == 2 ? atoll(r->at[0].text) * 1000 + atoll(r->at[1].text) / 1000 : 0;
    hark_reply_free(r);
    return ms;
}

static struct moment moment_of(struct following *f, const char *text)
{
    struct moment m;
    if (!moment_parse(text, server_ms(f->session), &m))
        fail("That is no moment (10m, an id, unix ms, 2026-11-22T12:00:00Z): ", text);
    return m;
}

/* Can this name be read as a stream? Redis has none of keyspace channels, and TYPE tells. */
static bool is_readable(struct following *f)
{
    struct hark_reply *r = try_ask(f->session, "TYPE", f->pattern, NULL);
    bool stream = r && strcmp(r->text, "stream") == 0;
    hark_reply_free(r);
    if (!stream) return false;
    const char *argv[] = {"XRANGE", f->pattern, "0-1", "0-1", "COUNT", "1"};
    if (hark_command(f->session->link, 6, argv, NULL, &r) < 0) session_die(f->session);
    bool readable = r->type != HARK_T_ERROR;
    hark_reply_free(r);
    return readable;
}

/* The id after which everything is new: the last that was ever given. */
static void last_id(struct following *f, char id[MOMENT_MAX])
{
    strcpy(id, "0");
    struct hark_reply *r = f->of_event ? try_ask(f->session, "INFO", "journal", NULL)
                                       : try_ask(f->session, "XINFO", "STREAM", f->pattern);
    if (r && f->of_event && r->text) {
        const char *at = strstr(r->text, "journal_last_id:");
        if (at) snprintf(id, MOMENT_MAX, "%.*s", (int)strcspn(at + 16, "\r\n"), at + 16);
    } else if (r) {
        const struct hark_reply *last = hark_reply_get(r, "last-generated-id");
        if (last && last->text) snprintf(id, MOMENT_MAX, "%s", last->text);
    }
    hark_reply_free(r);
}

/* ---- showing ---- */

/* True when that was the last one that is wanted. */
static bool show(struct following *f, const struct shown *s)
{
    shown_print(s, f->json);
    return ++f->shown == f->count;
}

/* Waits as long as it was between the two, by --speed. */
static void keep_pace(struct following *f, const char *id)
{
    int64_t ms = atoll(id);
    if (f->before_ms && f->speed > 0 && ms > f->before_ms) {
        double due = f->before_at + (double)(ms - f->before_ms) / f->speed;
        fflush(stdout);
        if (due > now_ms()) sleep_ms(due - now_ms());
        f->before_at = due;
    } else if (!f->before_ms) {
        f->before_at = now_ms();
    }
    f->before_ms = ms;
}

static struct hark_text field(const struct shown *s, const char *name)
{
    for (size_t i = 0; i + 1 < s->fields_count; i += 2)
        if (strcmp(s->fields[i].at, name) == 0) return s->fields[i + 1];
    return (struct hark_text){NULL, 0};
}

/* The message about a change, as the server makes it; to be freed. */
static struct hark_text change_json(const struct shown *s)
{
    char *at = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&at, &len);
    if (!to) fail("no memory", "");
    shown_print_json(to, s);
    if (fclose(to) != 0) fail("no memory", "");
    return (struct hark_text){at, len};
}

/* Publishes it again, on the channel that it came by. */
static void publish(struct following *f, const struct shown *s)
{
    struct hark_text db = field(s, "db"), key = field(s, "key"), event = field(s, "event");
    if (!db.at || !key.at) return; /* a gap */
    struct hark_channel c = {f->parsed.family, atoi(db.at), event, key, {NULL, 0}};
    long len = hark_channel_name(&c, NULL, 0);
    if (len < 0) return;
    char *name = must_alloc((size_t)len + 1);
    hark_channel_name(&c, name, (size_t)len + 1);
    struct hark_text json = {NULL, 0};
    if (c.family == HARK_F_KEYCHANGE) json = change_json(s);
    struct hark_text payload = json.at ? json : c.family == HARK_F_KEYEVENT ? key : event;
    struct hark_reply *r;
    int rc =
        hark_commandf(f->target, &r, "PUBLISH %b %b", name, (size_t)len, payload.at, payload.len);
    free(name);
    free((char *)(uintptr_t)json.at);
    if (rc < 0) fail("--to: ", hark_error(f->target));
    if (r->type == HARK_T_ERROR) fail("--to: ", r->text);
    hark_reply_free(r);
}

/* ---- page by page ---- */

/* The entries of an answer to XREAD, whichever protocol; NULL: none. */
static const struct hark_reply *entries_of(const struct hark_reply *r)
{
    if (r->type == HARK_T_MAP && r->count == 2) return &r->at[1];
    bool list = r->type == HARK_T_ARRAY && r->count == 1 && r->at[0].count == 2;
    return list ? &r->at[0].at[1] : NULL;
}

/* The next page behind `id`, to be freed; NULL when there is none, or no connection. */
static struct hark_reply *next_page(struct following *f, const char *id, bool wait)
{
    struct session *s = f->session;
    char count[24], block[24];
    long left = f->count < 0 ? PAGE : f->count - f->shown;
    snprintf(count, sizeof count, "%ld", left < PAGE ? left : PAGE);
    snprintf(block, sizeof block, "%d", BLOCK_MS);
    const char *waiting[] = {"XREAD", "COUNT", count, "BLOCK", block, "STREAMS", f->pattern, id};
    const char *at_once[] = {"XREAD", "COUNT", count, "STREAMS", f->pattern, id};
    if (!s->link && session_connect(s) < 0) {
        sleep_ms(RETRY_MS);
        return NULL;
    }
    struct hark_reply *r;
    int rc = wait ? hark_command(s->link, 8, waiting, NULL, &r)
                  : hark_command(s->link, 6, at_once, NULL, &r);
    if (rc < 0) {
        fprintf(stderr, "%s; connecting again\n", hark_error(s->link));
        session_disconnect(s);
        return NULL;
    }
    if (r->type == HARK_T_ERROR && strncmp(r->text, "LOADING", 7) != 0) fail("XREAD: ", r->text);
    if (entries_of(r)) return r;
    hark_reply_free(r);
    return NULL;
}

/* Is it later than the end? */
static bool is_past(const struct moment *until, const char *id)
{
    int64_t ms = atoll(id);
    const char *n = strchr(id, '-');
    if (ms != until->ms || !until->is_id) return ms > until->ms;
    return n && strtoull(n + 1, NULL, 10) > until->n;
}

/* Shows one entry; true when it was the last. */
static bool show_entry(struct following *f, const struct hark_reply *entry)
{
    struct hark_text fields[FIELDS_MAX];
    struct shown s = {.id = entry->at[0].text, .of_event = f->of_event, .fields = fields};
    for (size_t i = 0; i < entry->at[1].count && i < FIELDS_MAX; i++)
        fields[s.fields_count++] =
            (struct hark_text){entry->at[1].at[i].text, entry->at[1].at[i].len};
    if (f->speed > 0) keep_pace(f, s.id);
    if (f->target) publish(f, &s);
    return show(f, &s);
}

/* From behind `id` on: for ever, or until a moment. */
static int read_on(struct following *f, char id[MOMENT_MAX], const struct moment *until)
{
    for (;;) {
        struct hark_reply *r = next_page(f, id, !until);
        const struct hark_reply *entries = r ? entries_of(r) : NULL;
        if (!entries && until && f->session->link) return 0;
        for (size_t i = 0; entries && i < entries->count; i++) {
            const struct hark_reply *e = &entries->at[i];
            if (e->count != 2 || !e->at[0].text)
                fail("XREAD: ", "the reply is not as it should be");
            bool over = until && is_past(until, e->at[0].text);
            if (!over) over = show_entry(f, e);
            snprintf(id, MOMENT_MAX, "%s", e->at[0].text);
            if (!over) continue;
            hark_reply_free(r);
            return 0;
        }
        hark_reply_free(r);
    }
}

/* ---- subscriptions ---- */

static bool show_message(struct following *f, const struct hark_message *m)
{
    struct hark_text fields[FIELDS_MAX];
    struct shown s = {.id = m->id.at, .ms = (int64_t)(unix_ms()), .fields = fields};
    struct hark_event *e = NULL;
    char db[16];
    if (m->fields_count) {
        s.of_event = f->of_event;
        for (size_t i = 0; i < m->fields_count && i < FIELDS_MAX; i++)
            fields[s.fields_count++] = m->fields[i];
    } else if (hark_event_parse(m, NULL, &e) == 0) {
        s.of_event = true;
        s.id = e->id.at;
        snprintf(db, sizeof db, "%d", e->db);
        const struct hark_text all[] = {{"event", 5}, e->event,  {"key", 3},
                                        e->key,       {"db", 2}, {db, strlen(db)}};
        for (size_t i = 0; i < 6; i++) fields[s.fields_count++] = all[i];
        for (size_t i = 0; i < e->subkeys_count && s.fields_count + 2 < FIELDS_MAX; i++) {
            fields[s.fields_count++] = (struct hark_text){"subkey", 6};
            fields[s.fields_count++] = e->subkeys[i];
        }
    } else {
        s.channel = m->channel;
        fields[s.fields_count++] = (struct hark_text){"data", 4};
        fields[s.fields_count++] = m->data;
    }
    bool last = show(f, &s);
    hark_event_free(e);
    return last;
}

static bool show_gap(struct following *f, const struct hark_message *m)
{
    const struct hark_text fields[] = {{"event", 5}, {"gap", 3}, {"from", 4},
                                       m->from,      {"to", 2},  m->to};
    return show(
        f, &(struct shown){.id = m->id.at, .of_event = true, .fields = fields, .fields_count = 6});
}

/* Shows what comes until there was enough of it. */
static int follow(struct following *f, struct hark_pubsub *p)
{
    for (bool last = false; !last;) {
        struct hark_message *m;
        int rc = hark_pubsub_get_message(p, -1, &m);
        if (rc < 0 && rc != HARK_INTERRUPTED) fail("Error: ", hark_pubsub_error(p));
        if (rc != 1) continue;
        if (m->type == HARK_M_RESUMED)
            fprintf(stderr, "%s\n", m->data.at);
        else if (m->type == HARK_M_GAP)
            last = show_gap(f, m);
        else if (m->type >= HARK_M_MESSAGE)
            last = show_message(f, m);
        if (m->id.at && hark_ack(p, m) < 0) fail("Error: ", hark_pubsub_error(p));
        hark_message_free(m);
    }
    hark_pubsub_close(p);
    return 0;
}

static int tail_group(struct following *f)
{
    struct hark_options options;
    struct hark_durable_options durable = HARK_DURABLE_OPTIONS;
    char start[MOMENT_MAX];
    session_options(f->session, &options);
    if (f->since) {
        struct moment m = moment_of(f, f->since);
        moment_before(&m, start);
        durable.start = start;
    }
    if (f->count > 0 && f->count < PAGE) durable.batch = (int)f->count;
    struct hark_pubsub *p;
    int rc = hark_durable_open(&options, f->pattern, f->group, f->consumer, &durable, &p);
    if (rc < 0) fail("Error: ", hark_pubsub_error(p));
    return follow(f, p);
}

static int tail_live(struct following *f)
{
    struct hark_options options;
    struct hark_pubsub *p;
    fputs(
        "There is no journal to read: this is live, and what happens while the connection is down "
        "is not shown.\n",
        stderr);
    struct hark_reply *r = try_ask(f->session, "CONFIG", "GET", "notify-keyspace-events");
    if (f->of_event && r && r->count == 2 && r->at[1].len == 0)
        fputs("notify-keyspace-events is off: nothing will come.\n", stderr);
    hark_reply_free(r);
    session_options(f->session, &options);
    int rc = hark_pubsub_open(&options, &p);
    if (rc == 0)
        rc = strpbrk(f->pattern, "*?[\\") ? hark_psubscribe(p, f->pattern, HARK_NUL, NULL, NULL)
                                          : hark_subscribe(p, f->pattern, HARK_NUL, NULL, NULL);
    if (rc < 0) fail("Error: ", hark_pubsub_error(p));
    return follow(f, p);
}

int tail_run(struct session *s)
{
    static const char *const known[] = {"--since", "--group", "--consumer", "--count", NULL};
    struct following f = {.session = s, .count = -1};
    char id[MOMENT_MAX];
    read_arguments(&f, known);
    if (!f.group != !f.consumer) fail("--group and --consumer go together", "");
    if (f.group) return tail_group(&f);
    if (!is_readable(&f)) {
        if (f.since) fail("There is no journal to read, so --since has no meaning", "");
        return tail_live(&f);
    }
    if (f.since) {
        struct moment m = moment_of(&f, f.since);
        moment_before(&m, id);
    } else {
        last_id(&f, id);
    }
    return read_on(&f, id, NULL);
}

int replay_run(struct session *s)
{
    static const char *const known[] = {"--since", "--until", "--speed", "--to", "--count", NULL};
    struct following f = {.session = s, .count = -1, .speed = 1};
    char id[MOMENT_MAX] = "0";
    read_arguments(&f, known);
    if (!is_readable(&f)) fail("There is no journal to read, so there is nothing to replay", "");
    struct moment until = {.ms = server_ms(s)};
    if (f.until) until = moment_of(&f, f.until);
    if (f.since) {
        struct moment since = moment_of(&f, f.since);
        moment_before(&since, id);
    }
    if (f.to) {
        if (!f.of_event) fail("--to: only what a keyspace channel has told can be published", "");
        struct hark_options options = HARK_OPTIONS;
        options.url = f.to;
        if (hark_connect(&options, &f.target) < 0) fail("--to: ", hark_error(f.target));
    }
    read_on(&f, id, &until);
    hark_close(f.target);
    return 0;
}

/* ---- lag ---- */

struct group_line {
    char view[256], name[256], consumers[24], pending[24], records[24], bytes[24], seconds[24];
};

/* The value of `name=` in a line of INFO; up to a comma, which names have escaped. */
static void take_value(const char *line, const char *name, char *to, size_t size)
{
    const char *at = line;
    size_t len = strlen(name);
    snprintf(to, size, "-");
    while ((at = strstr(at, name)) && at[-1] != ':' && at[-1] != ',') at += len;
    if (at) snprintf(to, size, "%.*s", (int)strcspn(at + len, ",\r\n"), at + len);
}

/* INFO writes bytes of names that would disturb its lines as %XX. */
static void decode(char *name)
{
    char *to = name;
    for (const char *from = name; *from; from++) {
        unsigned byte;
        if (*from == '%' && sscanf(from + 1, "%2x", &byte) == 1) {
            *to++ = (char)byte;
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

static void print_group(const struct group_line *g, bool json)
{
    if (!json) {
        printf("%-36s %-16s %9s %9s %9s %12s %10s\n", g->view, g->name, g->consumers, g->pending,
               g->records, g->bytes, g->seconds);
        return;
    }
    printf("{\"stream\":");
    print_json_text(stdout, g->view, strlen(g->view));
    printf(",\"group\":");
    print_json_text(stdout, g->name, strlen(g->name));
    const char *const names[] = {"consumers", "pending", "lag", "lag_bytes", "lag_seconds"};
    const char *const values[] = {g->consumers, g->pending, g->records, g->bytes, g->seconds};
    for (size_t i = 0; i < 5; i++)
        printf(",\"%s\":%s", names[i], isdigit((unsigned char)values[i][0]) ? values[i] : "null");
    printf("}\n");
}

/* All groups that the server's INFO tells of. */
static int lag_of_all(struct session *s, bool json)
{
    struct hark_reply *r = session_ask(s, 2, (const char *[]){"INFO", "groups"}, NULL);
    for (const char *line = r->text; line && *line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, "group", 5) != 0 || !isdigit((unsigned char)line[5])) continue;
        struct group_line g;
        take_value(line, "view=", g.view, sizeof g.view);
        take_value(line, "name=", g.name, sizeof g.name);
        take_value(line, "consumers=", g.consumers, sizeof g.consumers);
        take_value(line, "pending=", g.pending, sizeof g.pending);
        take_value(line, "lag_records=", g.records, sizeof g.records);
        take_value(line, "lag_bytes=", g.bytes, sizeof g.bytes);
        take_value(line, "lag_seconds=", g.seconds, sizeof g.seconds);
        decode(g.view);
        decode(g.name);
        print_group(&g, json);
    }
    hark_reply_free(r);
    return 0;
}

static void copy_value(char *to, size_t size, const struct hark_reply *info, const char *name)
{
    const struct hark_reply *r = hark_reply_get(info, name);
    snprintf(to, size, "-");
    if (r && r->type == HARK_T_INTEGER) snprintf(to, size, "%lld", (long long)r->integer);
    if (r && r->text) snprintf(to, size, "%s", r->text);
}

/* The unix ms of the first entry of a stream; 0 when there is none. */
static int64_t first_ms(struct session *s, const char *name)
{
    struct hark_reply *r =
        session_ask(s, 6, (const char *[]){"XRANGE", name, "-", "+", "COUNT", "1"}, NULL);
    bool any = r->count && r->at[0].count && r->at[0].at[0].text;
    int64_t ms = any ? atoll(r->at[0].at[0].text) : 0;
    hark_reply_free(r);
    return ms;
}

/* The groups of one stream, of any server. */
static void lag_of_one(struct session *s, const char *name, int64_t now, bool json)
{
    struct hark_reply *r = session_ask(s, 3, (const char *[]){"XINFO", "GROUPS", name}, NULL);
    for (size_t i = 0; i < r->count; i++) {
        struct group_line g = {.bytes = "-"};
        char last[64];
        snprintf(g.view, sizeof g.view, "%s", name);
        copy_value(g.name, sizeof g.name, &r->at[i], "name");
        copy_value(g.consumers, sizeof g.consumers, &r->at[i], "consumers");
        copy_value(g.pending, sizeof g.pending, &r->at[i], "pending");
        copy_value(g.records, sizeof g.records, &r->at[i], "lag");
        copy_value(last, sizeof last, &r->at[i], "last-delivered-id");
        /* Since the last that it was given, or the first that there is, if it was given none; where
         * nothing is left to give, it is not behind. */
        bool even = strcmp(g.records, "0") == 0;
        int64_t given = atoll(last);
        if (!even && !given) given = first_ms(s, name);
        even |= !given || now < given;
        snprintf(g.seconds, sizeof g.seconds, "%.3f", even ? 0.0 : (double)(now - given) / 1e3);
        print_group(&g, json);
    }
    hark_reply_free(r);
}

int lag_run(struct session *s)
{
    const struct options *o = s->options;
    bool json = o->output_given && o->output == OUTPUT_JSON;
    int names = 0;
    for (int i = 1; i < o->argc; i++) {
        if (strcmp(o->argv[i], "--json") == 0)
            json = true;
        else if (o->argv[i][0] == '-')
            fail("Unrecognized option: ", o->argv[i]);
        else
            names++;
    }
    if (!json)
        printf("%-36s %-16s %9s %9s %9s %12s %10s\n", "stream", "group", "consumers", "pending",
               "lag", "lag bytes", "lag s");
    if (names == 0) return lag_of_all(s, json);
    int64_t now = server_ms(s);
    for (int i = 1; i < o->argc; i++)
        if (o->argv[i][0] != '-') lag_of_one(s, o->argv[i], now, json);
    return 0;
}
