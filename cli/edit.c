/* A line from the terminal, by libedit, which knows the keys, the history and the screen.
 *
 * Two things are ours. Completion: a function of our own on the tab key. And hints, the grey text
 * behind the cursor, which libedit does not have: they are drawn just before it waits for a key,
 * when its screen is complete, and wiped right after, so that it never notices. That is why the
 * function that reads a key is ours; it waits for Ctrl-C too, which arrives on a descriptor. */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    HISTORY_MAX = 1000, /* lines remembered; the file is cut when it has twice as many */
    COLUMNS_DEFAULT = 80,
};

struct edit {
    EditLine *el;
    History *history;
    const char *history_path;
    int interrupts;
    bool hints, plain; /* plain: a terminal that knows no escape sequences */
    bool interrupted;
    struct text prompt, line;
    size_t prompt_columns;
};

static struct edit *edit_of(EditLine *el)
{
    void *data = NULL;
    el_get(el, EL_CLIENTDATA, &data);
    return data;
}

static size_t terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return COLUMNS_DEFAULT;
}

/* ---- hints ---- */

static bool readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) > 0;
}

/* Draws the hint behind the cursor; true when there is one to wipe. */
static bool draw_hint(struct edit *e)
{
    const LineInfo *info = el_line(e->el);
    size_t len = (size_t)(info->lastchar - info->buffer);
    if (!e->hints || e->plain || len == 0 || info->cursor != info->lastchar) return false;
    if (readable(STDIN_FILENO, 0)) return false; /* more keys are waiting: it would only flicker */

    struct text line = {0}, hint = {0};
    text_add(&line, info->buffer, len);
    help_hint(&hint, line.at);
    size_t characters = mbstowcs(NULL, line.at, 0), columns = terminal_columns();
    if (characters == (size_t)-1) characters = len;
    size_t room = columns - (e->prompt_columns + characters) % columns - 1;
    if (hint.len > room) hint.len = room;
    bool drawn = hint.len > 0;
    if (drawn) {
        printf("\x1b[90m%.*s\x1b[0m\x1b[%zuD", (int)hint.len, hint.at, hint.len);
        fflush(stdout);
    }
    text_fini(&line);
    text_fini(&hint);
    return drawn;
}

static void wipe_hint(void)
{
    fputs("\x1b[K", stdout);
    fflush(stdout);
}

/* ---- keys ---- */

/* Waits for a key; false for Ctrl-C. */
static bool wait_key(struct edit *e)
{
    struct pollfd fds[] = {
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = e->interrupts, .events = POLLIN},
    };
    while (poll(fds, 2, -1) < 0 && errno == EINTR) continue;
    if (!fds[1].revents) return true;
    session_take_interrupt(e->interrupts);
    return false;
}

/* Reads one character, of one byte or more. 1, 0 at end of input, -1. */
static int read_character(wchar_t *out)
{
    mbstate_t state = {0};
    for (;;) {
        char byte;
        ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return (int)n;
        size_t used = mbrtowc(out, &byte, 1, &state);
        if (used == 0 || used == 1) return 1;
        if (used == (size_t)-1) state = (mbstate_t){0}; /* no character: as if not typed */
    }
}

static int read_key(EditLine *el, wchar_t *out)
{
    struct edit *e = edit_of(el);
    bool hint = draw_hint(e);
    bool key = wait_key(e);
    if (hint) wipe_hint();
    if (key) return read_character(out);
    e->interrupted = true;
    return -1;
}

/* ---- completion ---- */

struct candidates {
    struct words words;
    size_t common; /* bytes that all have in common at their beginning, whatever the case */
};

static void add_candidate(void *context, const char *word, size_t len)
{
    struct candidates *c = context;
    const char *first = c->words.count ? c->words.at[0] : word;
    size_t common = c->words.count ? c->common : len;
    for (size_t i = 0; i < common; i++)
        if (i >= len || word[i] != first[i]) common = i;
    c->common = common;
    words_add(&c->words, word, len);
}

static void list_candidates(const struct candidates *c)
{
    size_t widest = 0;
    for (int i = 0; i < c->words.count; i++)
        if (c->words.lens[i] > widest) widest = c->words.lens[i];
    int across = (int)(terminal_columns() / (widest + 2));
    for (int i = 0; i < c->words.count; i++) {
        if (i == 0 || across < 2 || i % across == 0) fputs("\r\n", stdout);
        printf("%-*s", (int)widest + 2, c->words.at[i]);
    }
    fputs("\r\n", stdout);
    fflush(stdout);
}

/* Types what all candidates have in common behind what is there, in its case. */
static bool insert_common(EditLine *el, const struct candidates *c, size_t begun, const char *line)
{
    struct text more = {0};
    const char *model = line[0] && begun ? line + strlen(line) - begun : line;
    bool lower = islower((unsigned char)*model);
    for (size_t i = begun; i < c->common; i++) {
        unsigned char letter = (unsigned char)c->words.at[0][i];
        char typed = (char)(lower ? tolower(letter) : letter);
        text_add(&more, &typed, 1);
    }
    if (c->words.count == 1) text_add(&more, " ", 1);
    bool any = more.len > 0 && el_insertstr(el, more.at) == 0;
    text_fini(&more);
    return any;
}

static unsigned char complete(EditLine *el, int key)
{
    (void)key;
    const LineInfo *info = el_line(el);
    struct text line = {0};
    struct candidates c = {0};
    text_add(&line, info->buffer, (size_t)(info->cursor - info->buffer));
    size_t begun = help_complete(line.at, add_candidate, &c);
    unsigned char result = CC_ERROR;
    if (c.words.count > 0 && insert_common(el, &c, begun, line.at)) {
        result = CC_REFRESH;
    } else if (c.words.count > 1) {
        list_candidates(&c);
        result = CC_REDISPLAY;
    }
    words_fini(&c.words);
    text_fini(&line);
    return result;
}

/* ---- history ---- */

static void write_last_lines(const char *path, const struct text *all, int drop)
{
    const char *from = all->at;
    for (; drop > 0; drop--) from = strchr(from, '\n') + 1;
    FILE *file = fopen(path, "w");
    if (!file) return;
    fputs(from, file);
    fclose(file);
}

static void load_history(struct edit *e)
{
    FILE *file = e->history_path ? fopen(e->history_path, "r") : NULL;
    if (!file) return;
    struct text all = {0};
    bool read = text_add_stream(&all, file);
    fclose(file);
    int lines = 0;
    for (const char *s = all.at; read && (s = strchr(s, '\n')); s++) lines++;
    if (lines > 2 * HISTORY_MAX) write_last_lines(e->history_path, &all, lines - HISTORY_MAX);
    HistEvent event;
    for (char *line = all.at, *end; read && (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        if (*line) history(e->history, &event, H_ENTER, line);
    }
    text_fini(&all);
}

void edit_remember(struct edit *e, const char *line)
{
    HistEvent event;
    history(e->history, &event, H_ENTER, line);
    if (!e->history_path) return;
    int fd = open(e->history_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    dprintf(fd, "%s\n", line);
    close(fd);
}

/* ---- the whole ---- */

static char *give_prompt(EditLine *el)
{
    return edit_of(el)->prompt.at;
}

struct edit *edit_open(const char *history_path, int interrupts)
{
    struct edit *e = must_alloc(sizeof *e);
    const char *term = getenv("TERM");
    *e = (struct edit){.history_path = history_path, .interrupts = interrupts, .hints = true};
    e->plain = !term || !*term || strcmp(term, "dumb") == 0;
    e->el = el_init("hark-cli", stdin, stdout, stderr);
    e->history = history_init();
    if (!e->el || !e->history) out_of_memory();
    HistEvent event;
    history(e->history, &event, H_SETSIZE, HISTORY_MAX);
    history(e->history, &event, H_SETUNIQUE, 1);
    load_history(e);
    el_set(e->el, EL_CLIENTDATA, e);
    el_set(e->el, EL_PROMPT_ESC, give_prompt, '\1');
    el_set(e->el, EL_EDITOR, "emacs");
    el_set(e->el, EL_SIGNAL, 1);
    el_set(e->el, EL_HIST, history, e->history);
    el_set(e->el, EL_GETCFN, read_key);
    el_set(e->el, EL_ADDFN, "complete-command", "Complete a command", complete);
    el_set(e->el, EL_BIND, "^I", "complete-command", NULL);
    el_set(e->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(e->el, NULL);
    return e;
}

void edit_close(struct edit *e)
{
    if (!e) return;
    el_end(e->el);
    history_end(e->history);
    text_fini(&e->prompt);
    text_fini(&e->line);
    free(e);
}

void edit_set_hints(struct edit *e, bool on)
{
    e->hints = on;
}

const char *edit_line(struct edit *e, const char *prompt)
{
    e->prompt.len = 0;
    /* libedit shows no escape sequence that ends the prompt, so bold ends before its last sign. */
    size_t bold = e->plain || strlen(prompt) < 2 ? 0 : strlen(prompt) - 2;
    if (bold) text_addf(&e->prompt, "\1\x1b[1m\1%.*s\1\x1b[0m\1", (int)bold, prompt);
    text_addf(&e->prompt, "%s", prompt + bold);
    e->prompt_columns = strlen(prompt);
    e->interrupted = false;
    /* Before the prompt is seen, so that the terminal does not echo what is typed at once. */
    el_set(e->el, EL_PREP_TERM, 1);
    int count = 0;
    const char *line = el_gets(e->el, &count);
    e->line.len = 0;
    if (e->interrupted) {
        const LineInfo *info = el_line(e->el);
        bool empty = info->lastchar == info->buffer;
        fputs("^C\n", stdout);
        text_add(&e->line, "", 0);
        return empty ? NULL : e->line.at;
    }
    if (!line || count <= 0) {
        fputc('\n', stdout);
        return NULL;
    }
    text_add(&e->line, line, strcspn(line, "\r\n"));
    return e->line.at;
}
