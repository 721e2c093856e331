/* hark-cli: what its files share. All of it stands on libhark's public header, so that nothing
 * here is possible that is not possible for every program.
 *
 *     main ─▶ options          what was asked for
 *          ─▶ prompt           the interactive mode, with edit (keys, history, completion) and help
 *          ─▶ session          one connection: connect, send, read, keep track of db and MULTI
 *          ─▶ scan, sizes, hotkeys, stat, latency, pipe          the special modes
 *          ─▶ tail (replay, lag; with moment, shown)             what happened and happens
 *     print                    a reply in each output format
 *     text                     growing text, quoting, splitting into words
 *
 * A program that runs out of memory at a prompt has nothing better to do than to say so and end:
 * text_* and friends do that (status 1). */
#ifndef HARK_CLI_H
#define HARK_CLI_H

#include "../include/hark.h"

#include <stdbool.h>
#include <stdio.h>

/* ---- text.c ---- */

/* Growing text; bytes of any kind, a NUL always follows. Zeroed to begin. */
struct text {
    char *at;
    size_t len, cap;
};

/* Arguments that are owned: each at[i] is lens[i] bytes and a NUL. */
struct words {
    char **at;
    size_t *lens;
    int count;
};

/* Ends the program for want of memory. */
_Noreturn void out_of_memory(void);
/* malloc and realloc that end the program instead of failing. */
void *must_alloc(size_t size);
void *must_resize(void *p, size_t size);
char *must_copy(const char *text);

void text_add(struct text *t, const void *bytes, size_t len);
__attribute__((format(printf, 2, 3))) void text_addf(struct text *t, const char *format, ...);
/* In double quotes, with \n \r \t \a \b \" \\ and \xHH for what cannot be printed. */
void text_add_quoted(struct text *t, const char *bytes, size_t len);
/* Reads all of a stream; false, with errno set, when that fails. */
bool text_add_stream(struct text *t, FILE *from);
void text_fini(struct text *t);

void words_add(struct words *w, const char *bytes, size_t len);
void words_fini(struct words *w);
/* Splits a line at blanks; "…" with escapes as above and '…' with \' hold any bytes. False, with
 * `w` empty, when quotes are not balanced or something follows a closing quote. */
bool words_split(struct words *w, const char *line);
/* One argument that may be in quotes as a whole. False when it starts so and does not end so. */
bool words_add_unquoted(struct words *w, const char *argument);

/* Do the words start with these? Letters in either case; `words` is separated by single blanks. */
bool words_start_with(int argc, const char *const argv[], const char *words);

/* A whole decimal integer within [min, max]. */
bool parse_integer(const char *text, long min, long max, long *out);

/* Milliseconds on a clock that only goes forward. */
double now_ms(void);
int64_t unix_ms(void);
void sleep_ms(double ms);

/* ---- options.c ---- */

enum output {
    OUTPUT_PRETTY,
    OUTPUT_RAW,
    OUTPUT_CSV,
    OUTPUT_JSON,
    OUTPUT_QUOTED_JSON, /* ASCII only */
};

enum mode {
    MODE_COMMAND, /* a command, or the prompt when there is none */
    MODE_EVAL,
    MODE_PIPE,
    MODE_RDB,
    MODE_STAT,
    MODE_SCAN,
    MODE_BIGKEYS,
    MODE_MEMKEYS,
    MODE_LATENCY,
    MODE_LATENCY_HISTORY,
    MODE_LATENCY_DIST,
    MODE_LRU_TEST,
    MODE_HOTKEYS,
    MODE_INTRINSIC_LATENCY,
};

struct options {
    enum mode mode;
    const char *host;
    int port;
    const char *path; /* of a UNIX socket */
    int db;
    const char *user, *password;
    bool tls, tls_insecure;
    const char *tls_ca, *tls_ca_dir, *tls_cert, *tls_key, *tls_name;
    int protocol; /* 2 or 3; 0: whatever the output wants */
    enum output output;
    bool output_given;
    const char *bulk_delimiter, *reply_delimiter; /* of raw output */
    bool exit_on_error;                           /* -e */
    bool quoted_input;
    bool stdin_last;       /* -x */
    const char *stdin_tag; /* -X */
    int repeat;            /* -1: for ever */
    double interval_s;
    bool interval_given;
    int show_pushes; /* 1, 0, or -1: when the output is a terminal */
    bool ask_password, password_on_command_line, no_auth_warning;
    const char *script;  /* of --eval */
    const char *rdb;     /* file of --rdb or --functions-rdb */
    bool functions_only; /* … of the latter */
    int intrinsic_s;     /* seconds of --intrinsic-latency */
    long long lru_keys;  /* of --lru-test */
    bool indent;         /* JSON over many lines */
    const char *pattern; /* of --scan and --bigkeys; NULL: all keys */
    size_t pattern_len;
    int count; /* hint for SCAN; 0: the server's own */
    int memory_samples;
    int pipe_timeout_s;
    bool verbose;
    int argc; /* what follows the options */
    const char *const *argv;
    struct words held; /* texts that the pointers above lead to */
};

/* Reads environment and command line. Prints and ends the program for --help, --version and
 * mistakes. */
void options_read(struct options *o, int argc, char **argv);
void options_fini(struct options *o);

/* ---- print.c ---- */

struct format {
    enum output output;
    bool indent; /* of JSON: a line for each element */
    const char *bulk_delimiter, *reply_delimiter;
    bool colour;
};

/* Prints a whole reply with what ends it. `as_text`: unquoted whatever the format, and with nothing
 * added, for what is meant to be read as it is (INFO). */
void print_reply(FILE *to, const struct format *format, const struct hark_reply *reply,
                 bool as_text);

/* A string of JSON, in its quotes; the bytes are passed through. */
void print_json_text(FILE *to, const char *bytes, size_t len);

/* ---- moment.c: times that are typed ---- */

enum { MOMENT_MAX = 48 };

struct moment {
    int64_t ms;
    uint64_t n;
    bool is_id; /* n counts */
};

/* 10m, an id, unix milliseconds, or 2026-11-22T12:00:00Z; false for anything else. */
bool moment_parse(const char *text, int64_t now_unix_ms, struct moment *out);
/* The id after which to read on: what is of this moment comes, what has this id does not. */
void moment_before(const struct moment *m, char id[MOMENT_MAX]);
void moment_print(FILE *to, int64_t unix_ms);

/* ---- shown.c: events as lines ---- */

struct shown {
    const char *id;                 /* NULL: it has none, but `ms` */
    int64_t ms;                     /* unix */
    bool of_event;                  /* the fields are those of an event */
    struct hark_text channel;       /* of other messages; at: NULL */
    const struct hark_text *fields; /* names and values */
    size_t fields_count;
};

/* A line of it. */
void shown_print(const struct shown *s, bool json);
/* Of an event: as __keychange@ tells it. */
void shown_print_json(FILE *to, const struct shown *s);

/* ---- session.c ---- */

/* One connection and what is known about it. */
struct session {
    const struct options *options;
    struct format format;
    struct hark *link; /* NULL: not connected */
    const char *path;  /* of a UNIX socket: then host and port do not count */
    char *host;        /* what `connect` may change */
    int port;
    int db;
    char *user, *password; /* what AUTH may change */
    int protocol;          /* and HELLO */
    bool in_multi;
    int db_before_multi;
    bool show_pushes;
    bool reconnects; /* a lost link is made anew and the command sent again, as at a prompt */
    int interrupts;  /* a descriptor that is readable after Ctrl-C, or -1: Ctrl-C ends us */
    bool last_was_error;
    struct text address; /* "127.0.0.1:6379", for the prompt and messages */
};

enum {
    SESSION_INTERRUPTED = 1, /* Ctrl-C while waiting */
};

void session_init(struct session *s, const struct options *o);
void session_fini(struct session *s);

/* Connects anew; AUTH, SELECT and HELLO as far as they are asked for. A failure is said on stderr.
 * Returns 0 or -1; a refused AUTH or SELECT is said and is no failure. */
int session_connect(struct session *s);
void session_disconnect(struct session *s);
/* Where to and how, for connections of one's own; pointers into the session. */
void session_options(const struct session *s, struct hark_options *out);
/* Goes elsewhere from now on, by TCP. */
void session_move(struct session *s, const char *host, int port);

/* Sends a command, prints what comes, `repeat` times (-1: for ever) at the options' interval;
 * for SUBSCRIBE and MONITOR goes on printing. Keeps db, MULTI and credentials in mind. Returns 0,
 * SESSION_INTERRUPTED, or a hark_result, said on stderr, after which there is no link. */
int session_run(struct session *s, int argc, const char *const argv[], const size_t lens[],
                int repeat);

/* Takes the Ctrl-C that made `interrupts` readable. */
void session_take_interrupt(int interrupts);

/* One plain command for the special modes; an error reply or a failure is said and ends the
 * program. The caller frees the reply. */
struct hark_reply *session_ask(struct session *s, int argc, const char *const argv[],
                               const size_t lens[]);
/* Says why the last call failed, and ends the program. */
_Noreturn void session_die(struct session *s);

/* ---- the interactive mode ---- */

/* prompt.c: reads commands from a terminal, or a script from a pipe. Returns the exit status. */
int prompt_run(struct session *s);

/* edit.c: a line from the terminal, with history, completion and hints. */
struct edit;
/* `history_path` NULL: no history file. `interrupts` as in struct session. */
struct edit *edit_open(const char *history_path, int interrupts);
void edit_close(struct edit *e);
/* A line without its end, valid until the next call, "" after a Ctrl-C that dropped what was typed;
 * NULL at end of input and after Ctrl-C on an empty line. */
const char *edit_line(struct edit *e, const char *prompt);
/* Adds a line to the history, and to its file. */
void edit_remember(struct edit *e, const char *line);
void edit_set_hints(struct edit *e, bool on);

/* help.c: the built-in table of commands, in the order of their names. */
struct help {
    const char *name; /* words in capitals: "CONFIG GET" */
    const char *arguments, *summary, *since, *group;
};
extern const struct help help_table[];
extern const int help_count;
extern const char *const help_groups[];
extern const int help_group_count;

/* What `help …` prints; argv without the word help. */
void help_print(int argc, const char *const argv[], bool colour);
/* Appends the arguments that may still follow what was typed; nothing when no command is known. */
void help_hint(struct text *out, const char *line);
/* The words that may stand where the line ends, to complete the one begun there: each, once, to
 * `each`. Returns the length of the one begun. */
size_t help_complete(const char *line, void (*each)(void *context, const char *word, size_t len),
                     void *context);

/* ---- special modes: each returns the exit status, or runs until Ctrl-C ---- */

int scan_run(struct session *s);
int sizes_run(struct session *s, bool memory);
int stat_run(struct session *s);
int latency_run(struct session *s, bool history);
int latency_dist_run(struct session *s);
int lru_test_run(struct session *s);
int pipe_run(struct session *s);
int rdb_run(struct session *s);
int hotkeys_run(struct session *s);
int intrinsic_latency_run(int seconds); /* needs no server */
/* Commands of our own, from the command line. */
int tail_run(struct session *s);
int replay_run(struct session *s);
int lag_run(struct session *s);
/* Sends EVAL with the script; keys and arguments are parted by a lone comma. */
int eval_run(struct session *s);

#endif
