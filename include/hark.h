/* libhark: a client for Hark, and for any server that speaks RESP2 or RESP3.
 *
 * What to know before anything else:
 *
 *  - A connection belongs to one thread at a time. There is no lock in it, and no state outside
 *    of it: as many connections as you like, each in its own thread.
 *  - Everything is binary. Arguments come with their lengths; text in replies is followed by a
 *    NUL that its length does not count, so that plain text can be printed, but it may hold NULs.
 *  - Answers come in the order of the requests. Whoever queues ten requests reads ten replies.
 *  - An error that the server answers is a reply like any other (HARK_T_ERROR), and the call that
 *    brought it succeeded. Negative return values are for what went wrong on the way.
 *  - After HARK_IO, HARK_CLOSED, HARK_PROTOCOL, HARK_LIMIT and HARK_NO_MEMORY from a call that
 *    sends or reads, the connection is spent: every later call returns the same code, and all that
 *    is left is hark_close. After HARK_TIMEOUT and HARK_INTERRUPTED it is whole: nothing was
 *    lost, call again. Nothing ever reconnects on its own, because only the caller knows whether
 *    a request whose reply was lost may be sent twice.
 *  - Messages: under RESP3 they are pushes, which may come between any two replies; see
 *    hark_on_push. Under RESP2 a subscribed connection gets them as plain arrays from hark_read.
 *  - Looking up a host name goes through getaddrinfo, which blocks and heeds no timeout here.
 *  - The library never ends the process, prints nothing, installs no signal handler and raises no
 *    SIGPIPE.
 *
 * A first program:
 *
 *     struct hark *h;
 *     struct hark_reply *r;
 *     int rc = hark_connect(NULL, &h);
 *     if (rc == 0) rc = hark_call(h, &r, "GET", "name", NULL);
 *     if (rc < 0) {
 *         fprintf(stderr, "%s\n", hark_error(h));
 *     } else {
 *         if (r->type == HARK_T_STRING) fwrite(r->text, 1, r->len, stdout);
 *         hark_reply_free(r);
 *     }
 *     hark_close(h);
 */
#ifndef HARK_H
#define HARK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Results -------------------------------------------------------------------------------- */

/* What functions return when they fail; all negative. 0 is success. */
#define HARK_RESULT_MAP(X)                                     \
    X(HARK_NO_MEMORY, -1, "out of memory")                     \
    X(HARK_USAGE, -2, "invalid argument")                      \
    X(HARK_NO_HOST, -3, "the host name cannot be resolved")    \
    X(HARK_NO_CONNECTION, -4, "the connection cannot be made") \
    X(HARK_TIMEOUT, -5, "timed out")                           \
    X(HARK_INTERRUPTED, -6, "interrupted by a signal")         \
    X(HARK_IO, -7, "input/output error")                       \
    X(HARK_CLOSED, -8, "Server closed the connection")         \
    X(HARK_PROTOCOL, -9, "the server sent what is not RESP")   \
    X(HARK_LIMIT, -10, "a reply is larger than allowed")       \
    X(HARK_DENIED, -11, "the server refused")

enum hark_result {
    HARK_OK = 0,
#define HARK_X(name, value, text) name = value,
    HARK_RESULT_MAP(HARK_X)
#undef HARK_X
};

/* The text of a result code, never NULL; static storage. */
const char *hark_result_text(int result);

/* ---- Replies -------------------------------------------------------------------------------- */

enum hark_type {
    HARK_T_STRING = 1, /* text, len */
    HARK_T_STATUS,     /* text, len: OK, QUEUED, … */
    HARK_T_ERROR,      /* text, len: starts with a code, as in ERR or WRONGTYPE */
    HARK_T_INTEGER,    /* integer */
    HARK_T_NULL,       /* no value, no list: the server's nil of every kind */
    HARK_T_ARRAY,      /* count, at */
    /* from here on RESP3 only */
    HARK_T_DOUBLE,     /* number, and text, len as the server spelled it */
    HARK_T_BOOL,       /* integer: 0 or 1 */
    HARK_T_BIG_NUMBER, /* text, len: an optional sign and digits */
    HARK_T_VERBATIM,   /* text, len, and format: txt, mkd */
    HARK_T_MAP,        /* count, at: key, value, key, value …; count is even */
    HARK_T_SET,        /* count, at */
    HARK_T_PUSH,       /* count, at: what was not asked for; the first element says what it is */
};

/* A reply and everything below it are one object: read it as you like, hand its root to
 * hark_reply_free. Nothing in it depends on the connection that it came from. */
struct hark_reply {
    enum hark_type type;
    char format[4]; /* VERBATIM: three characters and a NUL */
    int64_t integer;
    double number;
    const char *text; /* never NULL for types that have text; a NUL follows */
    size_t len;
    const struct hark_reply *at; /* the elements, one behind the other */
    size_t count;
    const struct hark_reply *attribute; /* a MAP that the server sent along, or NULL */
};

/* Frees a reply that a call handed out. Only roots, once; NULL is fine. */
void hark_reply_free(struct hark_reply *reply);

/* ---- Connections ---------------------------------------------------------------------------- */

struct hark;

/* Set `size` (HARK_OPTIONS does), and whatever else you want different from zero. All pointers are
 * borrowed for the time of hark_connect only. */
struct hark_options {
    size_t size;              /* sizeof(struct hark_options), so that the library can grow */
    const char *host;         /* a name or address; NULL: 127.0.0.1 */
    int port;                 /* 0: 6379 */
    const char *path;         /* a UNIX socket; if set, host and port are ignored */
    const char *user;         /* for AUTH; NULL: the default user */
    const char *password;     /* NULL: no AUTH is sent */
    int db;                   /* SELECTed when it is not 0 */
    int protocol;             /* 3: HELLO 3 is sent; 0 or 2: RESP2 */
    int connect_timeout_ms;   /* for connect, AUTH, HELLO and SELECT, each; 0: none */
    int timeout_ms;           /* for each later wait for the server; 0: none */
    int keepalive_s;          /* seconds of silence before TCP probes the peer; 0: 15; -1: never */
    uint64_t reply_bytes_max; /* memory that one reply may take; 0: 4 GiB. (Depth: at most 64.) */
};
#define HARK_OPTIONS                        \
    {                                       \
        .size = sizeof(struct hark_options) \
    }

/* Connects, and does what the options ask for. NULL stands for all defaults.
 *
 * *out is an object to close even when this fails, so that hark_error(*out) can say why; it is
 * NULL only with HARK_NO_MEMORY. Returns 0, HARK_USAGE (a port or path that cannot be),
 * HARK_NO_HOST, HARK_NO_CONNECTION, HARK_TIMEOUT, HARK_INTERRUPTED, HARK_DENIED (AUTH, HELLO or
 * SELECT got an error, which is then the text) and what hark_read returns. */
int hark_connect(const struct hark_options *options, struct hark **out);

/* Closes and frees. What was queued but not sent is lost. NULL is fine. */
void hark_close(struct hark *h);

/* What went wrong in the last call that failed, for a person; "" when none did. Valid until the
 * next call. NULL gives the text of HARK_NO_MEMORY. */
const char *hark_error(const struct hark *h);

/* The socket, for poll and its kin; -1 when there is none. Readable means: call hark_turn. It
 * belongs to the library: neither read from it nor close it. */
int hark_fd(const struct hark *h);

/* ---- One request, one reply ----------------------------------------------------------------- */

/* Sends argc arguments and waits for the reply, which the caller frees. `lens` may be NULL when
 * every argument ends with NUL. Do not mix with queued requests whose replies are still to come:
 * this would return the first of those. Returns what hark_queue and hark_read return. */
int hark_command(struct hark *h, int argc, const char *const argv[], const size_t lens[],
                 struct hark_reply **out);

/* The same for plain text: hark_call(h, &r, "SET", "key", "value", NULL). */
#if defined(__GNUC__)
__attribute__((sentinel))
#endif
int hark_call(struct hark *h, struct hark_reply **out, const char *first, ...);

/* AUTH (user NULL or "" for the default one), HELLO 2 or 3, SELECT. Return 0, HARK_DENIED with the
 * server's words in hark_error, or what hark_command returns. HELLO's reply is not kept. */
int hark_auth(struct hark *h, const char *user, const char *password);
int hark_hello(struct hark *h, int protocol);
int hark_select(struct hark *h, int db);

/* ---- Many requests at once ------------------------------------------------------------------ */

/* Adds a request to those that wait to be sent. Nothing is sent yet and nothing can block; the
 * memory is the caller's own to bound (hark_unsent). Returns 0, HARK_NO_MEMORY, HARK_USAGE for
 * argc < 1, or the code that the connection failed with earlier. */
int hark_queue(struct hark *h, int argc, const char *const argv[], const size_t lens[]);

/* The same for bytes that are requests in RESP already, or any part of such. */
int hark_queue_raw(struct hark *h, const void *bytes, size_t len);

/* How many bytes are queued and not yet handed to the kernel. */
size_t hark_unsent(const struct hark *h);

/* Sends what is queued, reads what is there, and waits for either up to timeout_ms (-1: as long as
 * it takes, 0: not at all). Returns 1 when bytes moved, 0 when none did, HARK_INTERRUPTED, HARK_IO,
 * HARK_CLOSED, HARK_LIMIT, HARK_NO_MEMORY. Replies that arrived before a failure can still be
 * taken. For event loops: poll hark_fd for reading (and for writing while hark_unsent is not 0),
 * call this with 0, then hark_take until it returns 0: what is read and not taken piles up. */
int hark_turn(struct hark *h, int timeout_ms);

/* Takes the next reply from what was read, without touching the socket. Returns 1 and sets *out,
 * 0 when there is none yet, or HARK_PROTOCOL, HARK_LIMIT, HARK_NO_MEMORY. `out` may be NULL: then
 * the reply is only counted. */
int hark_take(struct hark *h, struct hark_reply **out);

/* Sends what is queued and waits for the next reply, up to the options' timeout_ms. Returns 0 and
 * sets *out, which the caller frees (NULL: only counted), HARK_TIMEOUT, or what hark_turn and
 * hark_take return when they fail. */
int hark_read(struct hark *h, struct hark_reply **out);

/* Bytes as they come, up to `max` (not 0), where no RESP is expected: what SYNC sends. Only while
 * no reply is under way; afterwards replies can be read again. Waits and fails as hark_read;
 * returns how many bytes there are, at least one. */
long hark_read_raw(struct hark *h, void *to, size_t max);

/* ---- Pushes --------------------------------------------------------------------------------- */

/* Called for every push that comes while replies are read. It may keep the reply: it owns it, and
 * frees it. It must not read from the connection or close it; it may queue requests. */
typedef void hark_push_fn(void *context, struct hark_reply *push);

/* Sets who gets the pushes; NULL (the default): they are handed out by hark_read and hark_take
 * in their place, as replies of HARK_T_PUSH. */
void hark_on_push(struct hark *h, hark_push_fn *fn, void *context);

/* The library's version, "major.minor.patch". */
const char *hark_version(void);

#ifdef __cplusplus
}
#endif

#endif
