/* --rdb: asks for all data as a new replica would, and keeps what comes as an RDB file.
 *
 *      SYNC ─▶ "\n" while the server prepares ─▶ $<bytes>        ─▶ so many bytes
 *                                              └ $EOF:<40 bytes> ─▶ bytes up to these forty
 *
 * The file gets its name when it is whole. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MARK_BYTES = 40,
    LINE_MAX_BYTES = 1024,
    PIECE_BYTES = 64 * 1024,
};

struct transfer {
    struct session *session;
    const char *name; /* "-" is standard output */
    struct text part; /* the name that the file has meanwhile */
    FILE *to;
    bool has_mark;
    char mark[MARK_BYTES];
    char tail[MARK_BYTES]; /* the last bytes that came, which may be the mark */
    size_t tail_len;
    unsigned long long left; /* without a mark */
};

static size_t must_read(struct session *s, char *to, size_t max)
{
    long n = hark_read_raw(s->link, to, max);
    if (n < 0) session_die(s);
    return (size_t)n;
}

/* A line of the server's, without its end. */
static void read_line(struct session *s, char line[LINE_MAX_BYTES])
{
    size_t len = 0;
    char c;
    while (must_read(s, &c, 1), c != '\n')
        if (len + 1 < LINE_MAX_BYTES) line[len++] = c;
    if (len && line[len - 1] == '\r') len--;
    line[len] = '\0';
}

/* What is coming: 0, or -1 when it is nothing of the kind. */
static int read_header(struct transfer *t)
{
    char line[LINE_MAX_BYTES];
    do read_line(t->session, line);
    while (!line[0]);
    if (line[0] == '-') {
        fprintf(stderr, "SYNC was refused: %s\n", line + 1);
        return -1;
    }
    t->has_mark = strncmp(line, "$EOF:", 5) == 0 && strlen(line + 5) == MARK_BYTES;
    if (t->has_mark) {
        memcpy(t->mark, line + 5, MARK_BYTES);
        fprintf(stderr, "SYNC sent, writing what comes up to the end mark to '%s'\n", t->name);
        return 0;
    }
    char *end;
    errno = 0;
    t->left = line[0] == '$' ? strtoull(line + 1, &end, 10) : 0;
    if (line[0] != '$' || end == line + 1 || *end || errno) {
        fprintf(stderr, "The answer to SYNC is not understood: %s\n", line);
        return -1;
    }
    fprintf(stderr, "SYNC sent, writing %llu bytes to '%s'\n", t->left, t->name);
    return 0;
}

static void add(struct transfer *t, const char *bytes, size_t len)
{
    if (len) fwrite(bytes, 1, len, t->to); /* errors are looked at in the end */
}

/* Writes all but the last bytes, which may be the mark; true when they are. */
static bool add_before_mark(struct transfer *t, char *bytes, size_t len)
{
    char both[MARK_BYTES + PIECE_BYTES];
    memcpy(both, t->tail, t->tail_len);
    memcpy(both + t->tail_len, bytes, len);
    size_t all = t->tail_len + len, keep = all < MARK_BYTES ? all : MARK_BYTES;
    add(t, both, all - keep);
    memcpy(t->tail, both + all - keep, keep);
    t->tail_len = keep;
    return keep == MARK_BYTES && memcmp(t->tail, t->mark, MARK_BYTES) == 0;
}

static void receive(struct transfer *t)
{
    char piece[PIECE_BYTES];
    if (t->has_mark) {
        while (!add_before_mark(t, piece, must_read(t->session, piece, sizeof piece))) continue;
        return;
    }
    while (t->left) {
        size_t want = t->left < sizeof piece ? (size_t)t->left : sizeof piece;
        size_t got = must_read(t->session, piece, want);
        add(t, piece, got);
        t->left -= got;
    }
}

static int open_file(struct transfer *t)
{
    t->to = stdout;
    if (strcmp(t->name, "-") == 0) return 0;
    text_addf(&t->part, "%s.part", t->name);
    t->to = fopen(t->part.at, "wbe");
    if (t->to) return 0;
    fprintf(stderr, "Cannot open '%s': %s\n", t->part.at, strerror(errno));
    return -1;
}

static int end_file(struct transfer *t)
{
    bool good = fflush(t->to) == 0 && !ferror(t->to);
    if (t->to != stdout) {
        good = good && fsync(fileno(t->to)) == 0;
        good = fclose(t->to) == 0 && good;
        good = good && rename(t->part.at, t->name) == 0;
    }
    if (good) return 0;
    fprintf(stderr, "Cannot write '%s': %s\n", t->name, strerror(errno));
    if (t->to != stdout) unlink(t->part.at);
    return -1;
}

/* What a server should know of us; one that knows nothing of it does without. */
static void introduce(struct session *s)
{
    struct hark_reply *r;
    if (hark_call(s->link, &r, "REPLCONF", "capa", "eof", NULL) < 0) session_die(s);
    hark_reply_free(r);
    if (hark_call(s->link, &r, "REPLCONF", "rdb-only", "1", NULL) < 0) session_die(s);
    hark_reply_free(r);
    if (!s->options->functions_only) return;
    r = session_ask(s, 3, (const char *[]){"REPLCONF", "rdb-filter-only", "functions"}, NULL);
    hark_reply_free(r);
}

int rdb_run(struct session *s)
{
    struct transfer t = {.session = s, .name = s->options->rdb};
    introduce(s);
    if (hark_queue(s->link, 1, (const char *[]){"SYNC"}, NULL) < 0) session_die(s);
    int rc = read_header(&t);
    if (rc == 0) rc = open_file(&t);
    if (rc == 0) {
        receive(&t);
        rc = end_file(&t);
    }
    if (rc == 0) fprintf(stderr, "Transfer finished with success.\n");
    text_fini(&t.part);
    return rc != 0;
}
