#include "cli.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    SLOW_MS = 500, /* a command that took longer says so */
};

struct prompt {
    struct session *session;
    struct edit *edit; /* NULL: lines come from a pipe or a file */
    char *piped;       /* the last of these */
    size_t piped_cap;
    bool over;
};

/* ---- where things are ---- */

/* $HARKCLI_name, $REDISCLI_name, or a file at home. To be freed; NULL when there is no home. */
static char *path_of(const char *variable, const char *at_home)
{
    struct text name = {0}, path = {0};
    text_addf(&name, "HARKCLI_%s", variable);
    const char *value = getenv(name.at);
    name.len = 0;
    text_addf(&name, "REDISCLI_%s", variable);
    if (!value) value = getenv(name.at);
    text_fini(&name);
    const char *home = getenv("HOME");
    if (value)
        text_add(&path, value, strlen(value));
    else if (home && *home)
        text_addf(&path, "%s/%s", home, at_home);
    return path.at;
}

/* Ctrl-C as a descriptor: what waits can wait for it too, and none is missed in between. */
static int catch_interrupts(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- the hark-cli's own commands ---- */

static void set_preference(struct prompt *p, int argc, const char *const argv[])
{
    if (words_start_with(argc, argv, ":set hints") && argc == 2) {
        if (p->edit) edit_set_hints(p->edit, true);
    } else if (words_start_with(argc, argv, ":set nohints") && argc == 2) {
        if (p->edit) edit_set_hints(p->edit, false);
    } else {
        printf("unknown hark-cli internal command '%s'\n", argv[0]);
    }
}

static void load_preferences(struct prompt *p)
{
    char *path = path_of("RCFILE", ".harkclirc");
    FILE *file = path ? fopen(path, "r") : NULL;
    char *line = NULL;
    size_t cap = 0;
    while (file && getline(&line, &cap, file) >= 0) {
        struct words w = {0};
        if (words_split(&w, line) && w.count > 0)
            set_preference(p, w.count, (const char *const *)w.at);
        words_fini(&w);
    }
    if (file) fclose(file);
    free(line);
    free(path);
}

static void connect_to(struct session *s, const char *host, const char *port)
{
    long number;
    if (!parse_integer(port, 1, 65535, &number)) {
        printf("Invalid port '%s'\n", port);
        return;
    }
    session_move(s, host, (int)number);
    session_connect(s);
}

/* Runs the command if it is one of hark-cli itself. */
static bool run_own(struct prompt *p, int argc, const char *const argv[])
{
    const char *name = argv[0];
    if (strcasecmp(name, "quit") == 0 || strcasecmp(name, "exit") == 0)
        p->over = true;
    else if (name[0] == ':')
        set_preference(p, argc, argv);
    else if (argc == 3 && strcasecmp(name, "connect") == 0)
        connect_to(p->session, argv[1], argv[2]);
    else if (strcasecmp(name, "help") == 0 || strcmp(name, "?") == 0)
        help_print(argc - 1, argv + 1, p->session->format.colour);
    else if (argc == 1 && strcasecmp(name, "clear") == 0)
        fputs("\x1b[H\x1b[2J", stdout);
    else
        return false;
    fflush(stdout);
    return true;
}

/* ---- a line ---- */

/* Does it hold a password, and so stay out of the history? */
static bool is_secret(int argc, const char *const argv[])
{
    static const char *const settings[] = {"requirepass", "masterauth", "masteruser"};
    if (words_start_with(argc, argv, "auth") || words_start_with(argc, argv, "acl setuser"))
        return true;
    bool set = words_start_with(argc, argv, "config set");
    bool asks = words_start_with(argc, argv, "hello") || words_start_with(argc, argv, "migrate");
    for (int i = 1; i < argc; i++) {
        for (size_t k = 0; set && k < sizeof settings / sizeof *settings; k++)
            if (strcasecmp(argv[i], settings[k]) == 0) return true;
        if (asks && (strcasecmp(argv[i], "auth") == 0 || strcasecmp(argv[i], "auth2") == 0))
            return true;
    }
    return false;
}

static void run_server_command(struct prompt *p, const struct words *w, int from, int repeat)
{
    struct session *s = p->session;
    double start = now_ms();
    int rc =
        session_run(s, w->count - from, (const char *const *)w->at + from, w->lens + from, repeat);
    double elapsed = now_ms() - start;
    if (rc == SESSION_INTERRUPTED) {
        printf("\n");
        session_connect(s);
    } else if (elapsed >= SLOW_MS && s->format.output == OUTPUT_PRETTY && p->edit) {
        printf("(%.2fs)\n", elapsed / 1e3);
    }
}

static void run_words(struct prompt *p, const struct words *w, const char *line)
{
    const char *const *argv = (const char *const *)w->at;
    long repeat = 1;
    int from = w->count > 1 && parse_integer(argv[0], LONG_MIN, LONG_MAX, &repeat);
    if (repeat <= 0 || repeat > INT_MAX) {
        printf("Invalid hark-cli repeat command option value.\n");
        return;
    }
    if (p->edit && !is_secret(w->count - from, argv + from)) edit_remember(p->edit, line);
    if (!run_own(p, w->count - from, argv + from)) run_server_command(p, w, from, (int)repeat);
}

static void run_line(struct prompt *p, const char *line)
{
    struct words w = {0};
    if (!words_split(&w, line)) {
        if (p->edit) edit_remember(p->edit, line);
        printf("Invalid argument(s)\n");
    } else if (w.count > 0) {
        run_words(p, &w, line);
    }
    fflush(stdout);
    words_fini(&w);
}

static const char *ask_line(struct prompt *p)
{
    const struct session *s = p->session;
    struct text prompt = {0};
    if (!s->link)
        text_addf(&prompt, "not connected> ");
    else if (s->db)
        text_addf(&prompt, "%s[%d]%s> ", s->address.at, s->db, s->in_multi ? "(TX)" : "");
    else
        text_addf(&prompt, "%s%s> ", s->address.at, s->in_multi ? "(TX)" : "");
    const char *line = edit_line(p->edit, prompt.at);
    text_fini(&prompt);
    return line;
}

static const char *read_line(struct prompt *p)
{
    if (p->edit) return ask_line(p);
    ssize_t len = getline(&p->piped, &p->piped_cap, stdin);
    if (len < 0) return NULL;
    p->piped[strcspn(p->piped, "\n")] = '\0';
    return p->piped;
}

int prompt_run(struct session *s)
{
    struct prompt p = {.session = s};
    char *history_path = NULL;
    s->reconnects = true;
    if (isatty(STDIN_FILENO)) {
        history_path = path_of("HISTFILE", ".harkcli_history");
        s->interrupts = catch_interrupts();
        p.edit = edit_open(history_path, s->interrupts);
        load_preferences(&p);
    }
    session_connect(s);
    const char *line;
    while (!p.over && (line = read_line(&p))) run_line(&p, line);
    edit_close(p.edit);
    if (s->interrupts >= 0) close(s->interrupts);
    free(history_path);
    free(p.piped);
    return 0;
}
