/* One connection and what a person expects of it: that it comes back when it was lost, with the
 * same user, database and protocol, and that a command which was not answered is sent again then.
 * Not inside MULTI, though: there a new connection knows nothing of what was queued. */
#include "cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct command {
    int argc;
    const char *const *argv;
    const size_t *lens;
};

static bool is(const struct command *c, const char *words)
{
    return words_start_with(c->argc, c->argv, words);
}

/* ---- making and dropping ---- */

static void replace(char **text, const char *with)
{
    char *copy = with ? must_copy(with) : NULL;
    free(*text);
    *text = copy;
}

static void name_address(struct session *s)
{
    s->address.len = 0;
    if (s->path)
        text_addf(&s->address, "%s", s->path);
    else
        text_addf(&s->address, strchr(s->host, ':') ? "[%s]:%d" : "%s:%d", s->host, s->port);
}

void session_init(struct session *s, const struct options *o)
{
    bool terminal = isatty(STDOUT_FILENO);
    *s = (struct session){
        .options = o, .path = o->path, .port = o->port, .db = o->db, .interrupts = -1};
    bool json = o->output == OUTPUT_JSON || o->output == OUTPUT_QUOTED_JSON;
    s->protocol = o->protocol ? o->protocol : json ? 3 : 2;
    s->host = must_copy(o->host);
    replace(&s->user, o->user);
    replace(&s->password, o->password);
    s->show_pushes = o->show_pushes < 0 ? terminal : o->show_pushes;
    enum output natural = terminal ? OUTPUT_PRETTY : OUTPUT_RAW;
    s->format = (struct format){
        .output = o->output_given ? o->output : natural,
        .bulk_delimiter = o->bulk_delimiter,
        .reply_delimiter = o->reply_delimiter,
        .indent = o->indent || terminal,
    };
    const char *term = getenv("TERM");
    s->format.colour = terminal && !getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0;
    name_address(s);
}

void session_fini(struct session *s)
{
    session_disconnect(s);
    free(s->host);
    free(s->user);
    free(s->password);
    text_fini(&s->address);
}

void session_disconnect(struct session *s)
{
    hark_close(s->link);
    s->link = NULL;
    if (s->in_multi) s->db = s->db_before_multi;
    s->in_multi = false;
}

void session_move(struct session *s, const char *host, int port)
{
    session_disconnect(s);
    s->path = NULL;
    replace(&s->host, host);
    s->port = port;
    name_address(s);
}

static void complain(struct session *s)
{
    fflush(stdout);
    fprintf(stderr, "Error: %s\n", hark_error(s->link));
}

/* A push in the midst of something else. */
static void print_push(void *context, struct hark_reply *push)
{
    struct session *s = context;
    if (s->show_pushes) {
        print_reply(stdout, &s->format, push, false);
        fflush(stdout);
    }
    hark_reply_free(push);
}

/* Says what a step of setting up came to; only a broken link is a failure. */
static int settle(struct session *s, const char *step, int rc)
{
    if (rc == HARK_DENIED)
        fprintf(stderr, "%s failed: %s\n", step, hark_error(s->link));
    else if (rc < 0)
        complain(s);
    return rc == HARK_DENIED ? 0 : rc;
}

static int set_up(struct session *s)
{
    int rc = 0;
    if (s->password) rc = settle(s, "AUTH", hark_auth(s->link, s->user, s->password));
    if (rc == 0 && s->db) {
        char step[32];
        snprintf(step, sizeof step, "SELECT %d", s->db);
        rc = settle(s, step, hark_select(s->link, s->db));
    }
    if (rc == 0 && s->protocol == 3) {
        rc = hark_hello(s->link, 3);
        /* JSON would like RESP3, but does without when the server has none. */
        bool asked = s->options->protocol == 3;
        if (rc != HARK_DENIED || asked) settle(s, "HELLO 3", rc);
        if (rc == HARK_DENIED && !asked) rc = 0;
    }
    return rc;
}

/* While connecting, Ctrl-C ends the program, because nothing here waits for it. */
static void let_interrupts_end_us(const struct session *s, bool yes)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    if (s->interrupts >= 0) sigprocmask(yes ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

void session_options(const struct session *s, struct hark_options *out)
{
    const struct options *o = s->options;
    struct hark_options all = HARK_OPTIONS;
    *out = all;
    out->host = s->host;
    out->port = s->port;
    out->path = s->path;
    out->user = s->user;
    out->password = s->password;
    out->db = s->db;
    out->protocol = o->protocol;
    out->tls = o->tls;
    out->tls_insecure = o->tls_insecure;
    out->tls_ca = o->tls_ca;
    out->tls_ca_dir = o->tls_ca_dir;
    out->tls_cert = o->tls_cert;
    out->tls_key = o->tls_key;
    out->tls_name = o->tls_name;
}

int session_connect(struct session *s)
{
    session_disconnect(s);
    let_interrupts_end_us(s, true);
    struct hark_options options;
    session_options(s, &options);
    options.user = options.password = NULL; /* set_up does these, and says what came of it */
    options.db = options.protocol = 0;
    int rc = hark_connect(&options, &s->link);
    if (rc < 0) {
        fflush(stdout);
        fprintf(stderr, "Could not connect to Hark at %s: %s\n", s->address.at,
                hark_error(s->link));
    } else {
        if (s->options->verbose) fprintf(stderr, "Connected to %s\n", s->address.at);
        hark_on_push(s->link, print_push, s);
        rc = set_up(s);
    }
    let_interrupts_end_us(s, false);
    if (rc < 0) session_disconnect(s);
    return rc < 0 ? -1 : 0;
}

/* ---- waiting ---- */

void session_take_interrupt(int interrupts)
{
    struct signalfd_siginfo info;
    while (read(interrupts, &info, sizeof info) < 0 && errno == EINTR) continue;
}

/* Waits for the server or for Ctrl-C; true for the latter. */
static bool wait_interrupted(struct session *s)
{
    struct pollfd fds[] = {
        {.fd = hark_fd(s->link), .events = POLLIN | (hark_unsent(s->link) ? POLLOUT : 0)},
        {.fd = s->interrupts, .events = POLLIN},
    };
    if (poll(fds, 2, -1) < 0 || !fds[1].revents) return false;
    session_take_interrupt(s->interrupts);
    return true;
}

/* Waits between two repetitions; true for Ctrl-C. */
static bool nap_interrupted(struct session *s)
{
    double end = now_ms() + s->options->interval_s * 1e3, left;
    struct pollfd p = {.fd = s->interrupts, .events = POLLIN};
    while ((left = end - now_ms()) > 0) {
        struct timespec t = {(time_t)(left / 1e3), (long)(left * 1e6) % 1000000000};
        if (ppoll(&p, 1, &t, NULL) > 0) {
            session_take_interrupt(s->interrupts);
            return true;
        }
    }
    return false;
}

/* The next reply. 0, SESSION_INTERRUPTED, or a hark_result with what came before it taken. */
static int await_reply(struct session *s, struct hark_reply **out)
{
    for (;;) {
        int rc = hark_take(s->link, out);
        if (rc != 0) return rc < 0 ? rc : 0;
        rc = hark_turn(s->link, 0);
        if (rc < 0 && hark_take(s->link, out) == 1) return 0;
        if (rc < 0) return rc;
        if (rc == 0 && wait_interrupted(s)) return SESSION_INTERRUPTED;
    }
}

/* ---- what a reply changes ---- */

static void note_multi(struct session *s, const struct command *c, const struct hark_reply *r)
{
    bool failed = r->type == HARK_T_ERROR;
    if (is(c, "multi") && !failed) {
        s->in_multi = true;
        s->db_before_multi = s->db;
    } else if (is(c, "exec") && s->in_multi) {
        s->in_multi = false;
        if (failed || r->type == HARK_T_NULL) s->db = s->db_before_multi;
    } else if (is(c, "discard") && s->in_multi && !failed) {
        s->in_multi = false;
        s->db = s->db_before_multi;
    }
}

static void note(struct session *s, const struct command *c, const struct hark_reply *r)
{
    s->last_was_error = r->type == HARK_T_ERROR;
    note_multi(s, c, r);
    if (s->last_was_error) return;
    if (is(c, "select") && c->argc == 2) {
        s->db = atoi(c->argv[1]);
    } else if (is(c, "auth") && (c->argc == 2 || c->argc == 3)) {
        replace(&s->user, c->argc == 3 ? c->argv[1] : NULL);
        replace(&s->password, c->argv[c->argc - 1]);
    } else if (is(c, "hello") && c->argc > 1) {
        s->protocol = atoi(c->argv[1]);
    } else if (is(c, "reset")) {
        s->in_multi = false;
        s->db = 0;
        s->protocol = 2;
    }
}

/* ---- one command ---- */

/* Replies that are made to be read as they are. */
static bool is_text(const struct command *c)
{
    static const char *const commands[] = {
        "info",          "lolwut",         "client list",   "client info",
        "cluster info",  "cluster nodes",  "memory doctor", "memory malloc-stats",
        "latency graph", "latency doctor", "debug htstats", "debug htstats-key",
        "proxy info",    "proxy nodes",
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (is(c, commands[i])) return true;
    return false;
}

static bool subscribes(const struct command *c)
{
    return is(c, "subscribe") || is(c, "psubscribe") || is(c, "ssubscribe");
}

static bool unsubscribes(const struct command *c)
{
    return is(c, "unsubscribe") || is(c, "punsubscribe") || is(c, "sunsubscribe");
}

static void print(struct session *s, const struct command *c, const struct hark_reply *r)
{
    if (r->type == HARK_T_ERROR && s->options->exit_on_error && !s->reconnects) {
        fprintf(stderr, "%s\n", r->text);
        return;
    }
    print_reply(stdout, &s->format, r, is_text(c));
}

/* Prints replies until `count` came (-1: for ever) or one is an error. */
static int print_replies(struct session *s, const struct command *c, int count, bool *answered)
{
    for (int i = 0; count < 0 || i < count; i++) {
        struct hark_reply *r;
        int rc = await_reply(s, &r);
        if (rc != 0) return rc;
        *answered = true;
        print(s, c, r);
        fflush(stdout);
        note(s, c, r);
        bool error = r->type == HARK_T_ERROR;
        hark_reply_free(r);
        if (error) break;
    }
    return 0;
}

/* Sends the command once and prints what it brings. */
static int exchange(struct session *s, const struct command *c, bool *answered)
{
    int rc = hark_queue(s->link, c->argc, c->argv, c->lens), count = 1;
    if (rc < 0) return rc;
    bool messages = subscribes(c) && !s->in_multi;
    bool farewells = unsubscribes(c) && !s->in_multi;
    if (messages || (is(c, "monitor") && !s->in_multi)) count = -1;
    /* One confirmation per channel, and at least one. */
    if (farewells && c->argc > 2) count = c->argc - 1;
    if (messages && s->format.output != OUTPUT_RAW) {
        puts("Reading messages... (press Ctrl-C to quit)");
        fflush(stdout);
    }
    /* Under RESP3 the replies to these are pushes: what is wanted now, not an aside. */
    if (messages || farewells) hark_on_push(s->link, NULL, NULL);
    rc = print_replies(s, c, count, answered);
    hark_on_push(s->link, print_push, s);
    return rc;
}

static bool lost(int rc)
{
    return rc == HARK_CLOSED || rc == HARK_IO;
}

static int run_once(struct session *s, const struct command *c)
{
    if (!s->link && session_connect(s) < 0) return HARK_NO_CONNECTION;
    bool answered = false, shutdown = is(c, "shutdown"), in_multi = s->in_multi;
    int rc = exchange(s, c, &answered);
    if (lost(rc) && !answered && s->reconnects && !in_multi && !shutdown) {
        if (session_connect(s) < 0) return HARK_NO_CONNECTION;
        rc = exchange(s, c, &answered);
    }
    if (rc == 0) return 0;
    if (lost(rc) && shutdown)
        rc = 0;
    else if (rc < 0)
        complain(s);
    if (rc < 0 && in_multi) fputs("The transaction is lost.\n", stderr);
    session_disconnect(s);
    return rc;
}

int session_run(struct session *s, int argc, const char *const argv[], const size_t lens[],
                int repeat)
{
    struct command c = {argc, argv, lens};
    for (int i = 0; repeat < 0 || i < repeat; i++) {
        if (i > 0 && nap_interrupted(s)) return SESSION_INTERRUPTED;
        int rc = run_once(s, &c);
        if (rc != 0) return rc;
        if (s->last_was_error && s->options->exit_on_error && !s->reconnects) break;
        if (repeat < 0 && i == 1) i = 0; /* for ever is longer than an int */
    }
    return 0;
}

/* ---- for the special modes ---- */

void session_die(struct session *s)
{
    complain(s);
    exit(1);
}

struct hark_reply *session_ask(struct session *s, int argc, const char *const argv[],
                               const size_t lens[])
{
    struct hark_reply *reply;
    if (hark_command(s->link, argc, argv, lens, &reply) < 0) session_die(s);
    if (reply->type == HARK_T_ERROR) {
        fflush(stdout);
        fprintf(stderr, "%s: %s\n", argv[0], reply->text);
        exit(1);
    }
    return reply;
}
