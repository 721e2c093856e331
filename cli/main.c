#include "cli.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static void fail_stdin(void)
{
    fprintf(stderr, "Error reading from standard input: %s\n", strerror(errno));
    exit(1);
}

/* A line from the terminal, unseen. The caller frees it. */
static char *ask_password(void)
{
    struct termios seen, unseen;
    bool terminal = tcgetattr(STDIN_FILENO, &seen) == 0;
    if (terminal) {
        unseen = seen;
        unseen.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen);
        fputs("Please input password: ", stderr);
    }
    char *line = NULL;
    size_t cap = 0;
    ssize_t len = getline(&line, &cap, stdin);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &seen);
        fputc('\n', stderr);
    }
    if (len < 0) fail_stdin();
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

/* The arguments as they will be sent: unquoted, with standard input in its place. */
static struct words final_arguments(const struct options *o)
{
    struct words w = {0};
    struct text input = {0};
    if ((o->stdin_last || o->stdin_tag) && !text_add_stream(&input, stdin)) fail_stdin();
    bool tag_seen = false;
    for (int i = 0; i < o->argc; i++) {
        if (o->stdin_tag && !tag_seen && strcmp(o->argv[i], o->stdin_tag) == 0) {
            tag_seen = true;
            words_add(&w, input.at, input.len);
        } else if (!o->quoted_input) {
            words_add(&w, o->argv[i], strlen(o->argv[i]));
        } else if (!words_add_unquoted(&w, o->argv[i])) {
            fputs("Invalid quoted string\n", stderr);
            exit(1);
        }
    }
    if (o->stdin_last) words_add(&w, input.at, input.len);
    text_fini(&input);
    if (o->stdin_tag && !tag_seen) {
        fprintf(stderr, "No argument is the tag of -X, '%s'\n", o->stdin_tag);
        exit(1);
    }
    return w;
}

static int run_command(struct session *s)
{
    struct words w = final_arguments(s->options);
    int rc = session_run(s, w.count, (const char *const *)w.at, w.lens, s->options->repeat);
    words_fini(&w);
    return rc != 0 || (s->options->exit_on_error && s->last_was_error);
}

/* The commands that hark-cli has besides the server's. */
static int (*own_command(const struct options *o))(struct session *s)
{
    static const struct {
        const char *name;
        int (*run)(struct session *s);
    } commands[] = {{"tail", tail_run}, {"replay", replay_run}, {"lag", lag_run}};
    for (size_t i = 0; o->argc > 0 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(o->argv[0], commands[i].name) == 0) return commands[i].run;
    return NULL;
}

static int run(struct session *s)
{
    const struct options *o = s->options;
    if (o->mode == MODE_INTRINSIC_LATENCY) return intrinsic_latency_run(o->intrinsic_s);
    if (o->mode == MODE_COMMAND && o->argc == 0 && !o->stdin_last && !o->stdin_tag)
        return prompt_run(s);
    if (session_connect(s) < 0) return 1;
    if (o->mode == MODE_COMMAND && own_command(o)) return own_command(o)(s);
    switch (o->mode) {
    case MODE_COMMAND: break;
    case MODE_EVAL: return eval_run(s);
    case MODE_PIPE: return pipe_run(s);
    case MODE_RDB: return rdb_run(s);
    case MODE_STAT: return stat_run(s);
    case MODE_SCAN: return scan_run(s);
    case MODE_BIGKEYS: return sizes_run(s, false);
    case MODE_MEMKEYS: return sizes_run(s, true);
    case MODE_HOTKEYS: return hotkeys_run(s);
    case MODE_INTRINSIC_LATENCY: break;
    case MODE_LATENCY: return latency_run(s, false);
    case MODE_LATENCY_HISTORY: return latency_run(s, true);
    case MODE_LATENCY_DIST: return latency_dist_run(s);
    case MODE_LRU_TEST: return lru_test_run(s);
    }
    return run_command(s);
}

int main(int argc, char **argv)
{
    /* Terminals speak UTF-8, also where nobody set a locale. */
    if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8");
    struct options o;
    options_read(&o, argc, argv);
    char *asked = o.ask_password ? ask_password() : NULL;
    if (asked) o.password = asked;
    struct session s;
    session_init(&s, &o);
    int status = run(&s);
    session_fini(&s);
    free(asked);
    options_fini(&o);
    /* A full disk or a closed pipe must not look like success. */
    if (fflush(stdout) != 0 || ferror(stdout)) status = status ? status : 1;
    return status;
}
