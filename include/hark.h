/* libhark: a client for Hark, and for any server that speaks RESP2 or RESP3, as Redis and Valkey
 * do.
 *
 * What to know before anything else:
 *
 *  - No locks and no global state: an object (struct hark, struct hark_pubsub) belongs to one
 *    thread at a time; as many objects as you like, each in its own thread. Handing one over to
 *    another thread is yours to order (a join, a mutex). Two exceptions may be called from any
 *    thread until the object is closed: hark_pubsub_stop and hark_pubsub_join. Replies and messages
 *    that you own are free of the object that they came from.
 *  - Everything is binary. What has a length may hold any bytes; texts that come from the library
 *    are followed by a NUL that their length does not count.
 *  - Answers come in the order of the requests. Whoever queues ten requests reads ten replies.
 *  - An error that the server answers is a reply like any other (HARK_T_ERROR), and the call that
 *    brought it succeeded. Negative return values are for what went wrong on the way.
 *  - After HARK_IO, HARK_CLOSED, HARK_PROTOCOL, HARK_LIMIT, HARK_TLS and HARK_NO_MEMORY from a call
 *    that sends or reads, a struct hark is spent: every later call returns the same code, and all
 *    that is left is hark_close. After HARK_TIMEOUT and HARK_INTERRUPTED it is whole: nothing was
 *    lost, call again. It never reconnects on its own, because only the caller knows whether a
 *    request whose reply was lost may be sent twice. A struct hark_pubsub does reconnect.
 *  - Pub/Sub forgets who is away: what was published while the connection was down is gone, and a
 *    message of HARK_M_RESUMED says so. A durable subscription loses nothing, but may deliver
 * twice.
 *  - Looking up a host name goes through getaddrinfo, which blocks and heeds no timeout here.
 *  - The library never ends the process, prints nothing, installs no signal handler and raises no
 *    SIGPIPE. Where it was built without OpenSSL, asking for TLS gives HARK_UNSUPPORTED.
 *  - Structs of options begin with their size, so that programs and library can grow apart.
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
 *
 * This header is longer than others of the house, because it is the whole manual. In order:
 * results, texts and memory, replies, options and connections, requests, pipelines, large replies,
 * pushes; Pub/Sub, its loop and its thread; names of keyspace channels; durable subscriptions. */
#ifndef HARK_H
#define HARK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HARK_API      __attribute__((visibility("default")))
#define HARK_SENTINEL __attribute__((sentinel))
#else
#define HARK_API
#define HARK_SENTINEL
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
    X(HARK_DENIED, -11, "the server refused")                  \
    X(HARK_TLS, -12, "TLS failed")                             \
    X(HARK_UNSUPPORTED, -13, "this libhark was built without it")

enum hark_result {
    HARK_OK = 0,
#define HARK_X(name, value, text) name = value,
    HARK_RESULT_MAP(HARK_X)
#undef HARK_X
};

/* The text of a result code, never NULL; static storage. */
HARK_API const char *hark_result_text(int result);

/* The library's version, "major.minor.patch". */
HARK_API const char *hark_version(void);

/* ---- Texts, memory -------------------------------------------------------------------------- */

/* Bytes and how many. From the library: a NUL follows, and `at` is NULL where there is none. */
struct hark_text {
    const char *at;
    size_t len;
};

/* As a length: the text ends with NUL. */
#define HARK_NUL ((size_t)-1)

/* Where memory comes from. `resize` is realloc with a context: from NULL it allocates; for size 0
 * it frees and returns NULL. It may fail (NULL): the call then returns HARK_NO_MEMORY. It is called
 * in the thread that uses the object, and for replies and messages in the one that frees them.
 * (getaddrinfo and OpenSSL have their own memory.) */
struct hark_allocator {
    void *(*resize)(void *context, void *p, size_t size);
    void *context;
};

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
    HARK_T_PUSH        /* count, at: what was not asked for; the first element says what it is */
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
HARK_API void hark_reply_free(struct hark_reply *reply);

/* The value behind this name in a MAP, or in an ARRAY of names and values as RESP2 has maps; NULL
 * when there is none. Belongs to the reply. */
HARK_API const struct hark_reply *hark_reply_get(const struct hark_reply *map, const char *name);

/* ---- Connections ---------------------------------------------------------------------------- */

struct hark;

/* Set `size` (HARK_OPTIONS does), and whatever else you want different from zero. All pointers are
 * borrowed for the time of the call only. */
struct hark_options {
    size_t size;              /* sizeof(struct hark_options), so that the library can grow */
    const char *host;         /* a name or address; NULL: 127.0.0.1 */
    int port;                 /* 0: 6379 */
    const char *path;         /* a UNIX socket; if set, host and port are ignored */
    const char *user;         /* for AUTH; NULL: the default user */
    const char *password;     /* NULL: no AUTH is sent */
    int db;                   /* SELECTed when it is not 0 */
    int protocol;             /* 3: HELLO 3 is sent; 0 or 2: RESP2 */
    int connect_timeout_ms;   /* for connect, TLS, AUTH, HELLO and SELECT together; 0: none */
    int timeout_ms;           /* for each later wait for the server; 0: none */
    int keepalive_s;          /* seconds of silence before TCP probes the peer; 0: 15; -1: never */
    uint64_t reply_bytes_max; /* memory that one reply may take; 0: 4 GiB. (Depth: at most 64.) */

    /* redis://[[user]:password@]host[:port][/db]     rediss:// the same with TLS
     * unix://[[user]:password@]/path[?db=n]          %XX stands for any byte
     * What the URL says goes before the fields that say the same. `hark://` is `redis://`. */
    const char *url;
    const char *client_name; /* for CLIENT SETNAME */

    int tls;            /* 1: TLS. The peer must have a certificate for its name, from a known CA */
    int tls_insecure;   /* 1: it need not */
    const char *tls_ca; /* file of CAs in PEM; NULL, and tls_ca_dir NULL: those of the system */
    const char *tls_ca_dir;
    const char *tls_cert, *tls_key; /* our own, PEM files; NULL: none */
    const char *tls_name;           /* the name to ask for and to expect; NULL: host */

    /* Only for hark_pubsub_open and hark_durable_open: */
    int reconnect_min_ms; /* first wait before a lost connection is made again; 0: 50; -1: never */
    int reconnect_max_ms; /* it doubles up to this; 0: 5000. A quarter of each wait is random */
    int open_anyway;      /* 1: open succeeds where no server answers yet, and goes on trying */

    const struct hark_allocator *allocator; /* NULL: realloc and free. Copied */
};
#ifdef __cplusplus
static inline hark_options hark_options_default(void)
{
    hark_options o = hark_options();
    o.size = sizeof o;
    return o;
}
#define HARK_OPTIONS hark_options_default()
#else
#define HARK_OPTIONS                        \
    {                                       \
        .size = sizeof(struct hark_options) \
    }
#endif

/* Connects, and does what the options ask for. NULL stands for all defaults.
 *
 * *out is an object to close even when this fails, so that hark_error(*out) can say why; it is
 * NULL only with HARK_NO_MEMORY. Returns 0, HARK_USAGE (a port, path or URL that cannot be),
 * HARK_NO_HOST, HARK_NO_CONNECTION, HARK_TIMEOUT, HARK_INTERRUPTED, HARK_TLS, HARK_UNSUPPORTED,
 * HARK_DENIED (AUTH, HELLO or SELECT got an error, which is then the text) and what hark_read
 * returns. Whatever it is, the object is spent then. */
HARK_API int hark_connect(const struct hark_options *options, struct hark **out);

/* The same without waiting: 0 when all is well so far; from then on hark_turn goes on with it. What
 * is queued meanwhile is sent when the connection stands. (Names are looked up at once, though.) */
HARK_API int hark_connect_begin(const struct hark_options *options, struct hark **out);

/* Closes and frees. What was queued but not sent is lost. NULL is fine. */
HARK_API void hark_close(struct hark *h);

/* What went wrong in the last call that failed, for a person; "" when none did. Valid until the
 * next call. NULL gives the text of HARK_NO_MEMORY. */
HARK_API const char *hark_error(const struct hark *h);

/* For loops of your own: the socket, for poll and its kin, -1 when there is none; and what to wait
 * for, HARK_READ and HARK_WRITE together or one of them. Then call hark_turn(h, 0), and hark_take
 * until it returns 0. Ask again after each call: while connecting, even the socket may change. It
 * belongs to the library: neither read from it nor close it. */
#define HARK_READ  1
#define HARK_WRITE 2
HARK_API int hark_fd(const struct hark *h);
HARK_API int hark_wants(const struct hark *h);

/* ---- One request, one reply ----------------------------------------------------------------- */

/* Sends argc arguments and waits for the reply, which the caller frees. `lens` may be NULL when
 * every argument ends with NUL. Do not mix with queued requests whose replies are still to come:
 * this would return the first of those. Returns what hark_queue and hark_read return. */
HARK_API int hark_command(struct hark *h, int argc, const char *const argv[], const size_t lens[],
                          struct hark_reply **out);

/* The same for plain text: hark_call(h, &r, "SET", "key", "value", NULL). At most 64 arguments. */
HARK_SENTINEL HARK_API int hark_call(struct hark *h, struct hark_reply **out, const char *first,
                                     ...);

/* The same by format: hark_commandf(h, &r, "SET user:%d %b EX %d", id, bytes, size, 60).
 *
 * Blanks of the format part arguments; what is put in never does, whatever it holds. %s is a text
 * that ends with NUL, %b any bytes and their size_t; %c, %d, %i, %u, %x, %e, %f, %g as in printf,
 * with flags, width, precision and h, l, ll, j, z, t; %% is a per cent sign. HARK_USAGE for
 * anything else, and for a format without arguments. */
HARK_API int hark_commandf(struct hark *h, struct hark_reply **out, const char *format, ...);

/* AUTH (user NULL or "" for the default one), HELLO 2 or 3, SELECT. Return 0, HARK_DENIED with the
 * server's words in hark_error, or what hark_command returns. HELLO's reply is not kept. */
HARK_API int hark_auth(struct hark *h, const char *user, const char *password);
HARK_API int hark_hello(struct hark *h, int protocol);
HARK_API int hark_select(struct hark *h, int db);

/* ---- Many requests at once ------------------------------------------------------------------ */

/* Adds a request to those that wait to be sent. Nothing is sent yet and nothing can block; the
 * memory is the caller's own to bound (hark_unsent). Returns 0, HARK_NO_MEMORY, HARK_USAGE for
 * argc < 1, or the code that the connection failed with earlier. */
HARK_API int hark_queue(struct hark *h, int argc, const char *const argv[], const size_t lens[]);
/* The same by format. */
HARK_API int hark_queuef(struct hark *h, const char *format, ...);
/* The same for bytes that are requests in RESP already, or any part of such. */
HARK_API int hark_queue_raw(struct hark *h, const void *bytes, size_t len);

/* How many bytes are queued and not yet handed to the kernel. */
HARK_API size_t hark_unsent(const struct hark *h);

/* Sends what is queued, reads what is there, and waits for either up to timeout_ms (-1: as long as
 * it takes, 0: not at all). Returns 1 when bytes moved, 0 when none did, HARK_INTERRUPTED, HARK_IO,
 * HARK_CLOSED, HARK_TLS, HARK_LIMIT, HARK_NO_MEMORY, and while connecting what hark_connect
 * returns. Replies that arrived before a failure can still be taken. What is read and not taken
 * piles up: hark_take until it returns 0. */
HARK_API int hark_turn(struct hark *h, int timeout_ms);

/* Takes the next reply from what was read, without touching the socket. Returns 1 and sets *out,
 * 0 when there is none yet, or HARK_PROTOCOL, HARK_LIMIT, HARK_NO_MEMORY. `out` may be NULL: then
 * the reply is only counted. HARK_USAGE while hark_piece is in the middle of a reply. */
HARK_API int hark_take(struct hark *h, struct hark_reply **out);

/* Sends what is queued and waits for the next reply, up to the options' timeout_ms. Returns 0 and
 * sets *out, which the caller frees (NULL: only counted), HARK_TIMEOUT, or what hark_turn and
 * hark_take return when they fail. */
HARK_API int hark_read(struct hark *h, struct hark_reply **out);

/* Bytes as they come, up to `max` (not 0), where no RESP is expected: what SYNC sends. Only while
 * no reply is under way; afterwards replies can be read again. Waits and fails as hark_read;
 * returns how many bytes there are, at least one. */
HARK_API long hark_read_raw(struct hark *h, void *to, size_t max);

/* ---- Large replies, piece by piece ---------------------------------------------------------- */

/* One value, or the head of an aggregate, whose elements follow, one deeper. Attributes are left
 * out. */
struct hark_piece {
    enum hark_type type;
    int depth;      /* 0: the reply itself */
    int last;       /* 1: the reply is complete with this piece */
    char format[4]; /* the rest as in struct hark_reply */
    int64_t integer;
    double number;
    const char *text; /* NOT followed by NUL; valid until the next call with this connection */
    size_t len;
    size_t count; /* of an aggregate: how many values follow, one deeper */
};

/* The next piece of the next reply, in place of hark_read: no tree is built, and a reply of any
 * size takes only the memory of its largest string. Sends what is queued and waits as hark_read
 * does; returns 0 or what that returns. Go on until `last`; until then the other calls that read
 * return HARK_USAGE, and so does this one in the middle of a reply that they have begun to take.
 * Pushes go to the push handler where there is one, else they come as replies of their own. */
HARK_API int hark_piece(struct hark *h, struct hark_piece *out);

/* ---- Pushes --------------------------------------------------------------------------------- */

/* Under RESP3 what was not asked for (messages, invalidations) may come between any two replies.
 * Called for every push that comes while replies are read. It may keep the reply: it owns it, and
 * frees it. It must not read from the connection or close it; it may queue requests. */
typedef void hark_push_fn(void *context, struct hark_reply *push);

/* Sets who gets the pushes; NULL (the default): they are handed out by hark_read and hark_take
 * in their place, as replies of HARK_T_PUSH. */
HARK_API void hark_on_push(struct hark *h, hark_push_fn *fn, void *context);

/* ---- Pub/Sub -------------------------------------------------------------------------------- */

/* A subscriber: a connection that is made again whenever it is lost, and what it subscribed to.
 *
 *     struct hark_pubsub *p;
 *     int rc = hark_pubsub_open(NULL, &p);
 *     if (rc == 0) rc = hark_psubscribe(p, "__keyspace@0__:*", HARK_NUL, NULL, NULL);
 *     while (rc >= 0) {
 *         struct hark_message *m;
 *         rc = hark_pubsub_get_message(p, -1, &m);
 *         if (rc == 1 && m) { ... hark_message_free(m); }
 *     }
 *     fprintf(stderr, "%s\n", hark_pubsub_error(p));
 *     hark_pubsub_close(p);
 */
struct hark_pubsub;

/* The first nine in the order of their names in hark_message_type_text. */
enum hark_message_type {
    HARK_M_SUBSCRIBE = 1, /* what the server confirms: channel (or pattern) and count */
    HARK_M_UNSUBSCRIBE,
    HARK_M_PSUBSCRIBE,
    HARK_M_PUNSUBSCRIBE,
    HARK_M_SSUBSCRIBE,
    HARK_M_SUNSUBSCRIBE,
    HARK_M_MESSAGE,  /* channel, data */
    HARK_M_PMESSAGE, /* pattern, channel, data */
    HARK_M_SMESSAGE, /* channel, data */
    /* The connection was lost and stands again; one for each subscription, to its handler. Of
     * Pub/Sub: what was published between the moments `from` and `to` may be missing. Of a durable
     * subscription: nothing is missing. */
    HARK_M_RESUMED,
    /* Durable only: events between the ids `from` and `to` (both included) are not kept any more,
     * and some of them were for this group. To be acknowledged as a message is. */
    HARK_M_GAP
};

/* "subscribe", "pmessage", "resumed", "gap" …; static storage. */
HARK_API const char *hark_message_type_text(enum hark_message_type type);

struct hark_message {
    enum hark_message_type type;
    struct hark_text channel;  /* of confirmations of patterns: the pattern */
    struct hark_text pattern;  /* that matched; at: NULL where none did */
    struct hark_text data;     /* of RESUMED and GAP: a sentence for people */
    int64_t count;             /* confirmations: how many subscriptions there are now */
    struct hark_text from, to; /* GAP: ids. RESUMED, Pub/Sub: unix milliseconds, as text */
    struct hark_text id;       /* durable: of the event or entry; at: NULL where there is none */
    int again;                 /* durable: 1 when it may have been delivered before */
    const struct hark_text *fields; /* durable: names and values, one behind the other */
    size_t fields_count;            /* both counted */
};

/* Gets each message of a subscription; the message is the library's, and gone afterwards. It may
 * subscribe, unsubscribe, acknowledge and stop, but neither close nor wait for messages.
 *
 * 0: it is handled. Anything else: it is not; a durable message is then not acknowledged and
 * comes again when it has been idle for claim_idle_ms. Pub/Sub takes no notice. */
typedef int hark_message_fn(struct hark_pubsub *p, const struct hark_message *m, void *context);

/* Connects. As hark_connect; with HARK_NO_MEMORY *out may be NULL, else it is an object to close.
 */
HARK_API int hark_pubsub_open(const struct hark_options *options, struct hark_pubsub **out);
/* Ends the thread, if one runs, sends what acknowledgements there are, closes and frees. Not from a
 * handler. NULL is fine. */
HARK_API void hark_pubsub_close(struct hark_pubsub *p);
/* Why the last call failed, or why there is no connection now. As hark_error. */
HARK_API const char *hark_pubsub_error(const struct hark_pubsub *p);

/* Subscribe to a channel, a pattern, a shard channel. `fn` NULL: messages come from
 * hark_pubsub_get_message. Nothing waits: the server's answer comes as a message of its own (which
 * no handler gets), and an answer that is an error as HARK_DENIED from the calls below. A second
 * time for the same name: the handler is replaced. Return 0, HARK_NO_MEMORY, HARK_USAGE (durable).
 */
HARK_API int hark_subscribe(struct hark_pubsub *p, const void *channel, size_t len,
                            hark_message_fn *fn, void *context);
HARK_API int hark_psubscribe(struct hark_pubsub *p, const void *pattern, size_t len,
                             hark_message_fn *fn, void *context);
HARK_API int hark_ssubscribe(struct hark_pubsub *p, const void *channel, size_t len,
                             hark_message_fn *fn, void *context);
/* End a subscription, or with NULL all of this kind. Messages may still come until the server has
 * confirmed that. */
HARK_API int hark_unsubscribe(struct hark_pubsub *p, const void *channel, size_t len);
HARK_API int hark_punsubscribe(struct hark_pubsub *p, const void *pattern, size_t len);
HARK_API int hark_sunsubscribe(struct hark_pubsub *p, const void *channel, size_t len);

/* The next message, waiting for it up to timeout_ms (0: not at all, -1: as long as it takes).
 * Returns 1 with *out for the caller to free; 1 with *out NULL when a handler took it; 0 when there
 * is nothing, as while the connection is being made again. HARK_INTERRUPTED; HARK_NO_MEMORY;
 * HARK_DENIED: the server refused something, hark_pubsub_error has its words; HARK_PROTOCOL,
 * HARK_LIMIT; and, only when it must not reconnect (reconnect_min_ms -1), why the connection ended.
 * After all of these it may be called again. HARK_USAGE while a thread runs. */
HARK_API int hark_pubsub_get_message(struct hark_pubsub *p, int timeout_ms,
                                     struct hark_message **out);
HARK_API void hark_message_free(struct hark_message *m);

/* For loops of your own: one descriptor that stays the same for the life of the object, across
 * reconnections; wait for it to be readable and call hark_step, which does what can be done without
 * waiting: connects, sends, reads, calls handlers. No timer and no second descriptor is needed.
 * (It is an epoll with the socket and a timer in it.) Call hark_step once to begin. Messages
 * without a handler are kept for hark_pubsub_get_message(p, 0, …): take them until it returns 0, as
 * nothing is read while 1,024 wait. hark_step returns 1 when messages came, 0, or what
 * hark_pubsub_get_message returns. */
HARK_API int hark_pubsub_fd(const struct hark_pubsub *p);
HARK_API int hark_step(struct hark_pubsub *p);

/* Runs hark_pubsub_get_message in a thread of its own, waking at least every sleep_ms (0: only when
 * there is something). Everything must have a handler: HARK_USAGE otherwise, and when one runs
 * already; HARK_NO_MEMORY when there can be no thread. Until it has ended the object is the
 * thread's. */
HARK_API int hark_pubsub_run_in_thread(struct hark_pubsub *p, int sleep_ms);
/* Tells the thread to end, after the handler that it is in. From anywhere, also from a handler, of
 * messages or of signals. It counts for the thread that runs; where none does, it ends a
 * hark_pubsub_get_message that waits.
 */
HARK_API void hark_pubsub_stop(struct hark_pubsub *p);
/* Waits until the thread has ended, and returns 0, or what ended it (HARK_DENIED, …). Any number
 * of times; 0 when none ran. HARK_USAGE from a handler. */
HARK_API int hark_pubsub_join(struct hark_pubsub *p);

/* ---- Keyspace notifications ----------------------------------------------------------------- */

enum hark_family {
    HARK_F_NONE,        /* no keyspace channel */
    HARK_F_KEYSPACE,    /* __keyspace@<db>__:<key> */
    HARK_F_KEYEVENT,    /* __keyevent@<db>__:<event> */
    HARK_F_KEYCHANGE,   /* __keychange@<db>__:<key>            Hark's own: with the change */
    HARK_F_SUBKEYSPACE, /* __subkeyspace@<db>__:<key>          from here on Hark and Redis 8.8 */
    HARK_F_SUBKEYEVENT, /* __subkeyevent@<db>__:<event> */
    HARK_F_SUBKEYSPACEITEM, /* __subkeyspaceitem@<db>__:<key>\n<subkey> */
    HARK_F_SUBKEYSPACEEVENT /* __subkeyspaceevent@<db>__:<event>|<key> */
};

/* What a channel's name says. Fields that the family has no place for are not looked at. */
struct hark_channel {
    enum hark_family family;
    int db;                              /* -1: not told */
    struct hark_text event, key, subkey; /* at: NULL: not told */
};

/* Writes the name of a channel, everything in it told; or a pattern, for PSUBSCRIBE and for views,
 * where what is not told is `*` and what is told is escaped, so that it stands for itself. Both
 * write at most `size` bytes with a NUL, and return how long the whole is (>= size: it was cut), or
 * HARK_USAGE. */
HARK_API long hark_channel_name(const struct hark_channel *c, char *to, size_t size);
HARK_API long hark_channel_pattern(const struct hark_channel *c, char *to, size_t size);

/* Takes a channel's name apart; the texts are slices of it, not followed by NUL. Returns the
 * family, HARK_F_NONE (with *out empty) for any other name. */
HARK_API enum hark_family hark_channel_parse(const void *name, size_t len,
                                             struct hark_channel *out);

/* An event, whichever channel it came by, live or durable. */
struct hark_event {
    enum hark_family family;
    int db;
    struct hark_text event, key;
    const struct hark_text *subkeys; /* the fields, of the subkey families */
    size_t subkeys_count;
    struct hark_text id; /* durable messages and __keychange@; at: NULL elsewhere */
    /* __keychange@ only: */
    struct hark_text cmd;
    uint64_t client;
    const struct hark_text *effect; /* the deterministic command that redoes the change */
    size_t effect_count;
    int cut; /* 1: the effect is not whole (keychange-max-bytes) */
};

/* Reads a message of one of the families. Returns 0 and *out, which the caller frees and which
 * does not need the message any more; HARK_USAGE for a message that is none (another channel, a
 * confirmation, a gap), HARK_PROTOCOL for one that is not as it should be, HARK_NO_MEMORY.
 * `allocator` may be NULL. */
HARK_API int hark_event_parse(const struct hark_message *m, const struct hark_allocator *allocator,
                              struct hark_event **out);
HARK_API void hark_event_free(struct hark_event *e);

/* ---- Durable subscriptions ------------------------------------------------------------------ */

/* A subscription that loses nothing: a consumer group (XREADGROUP) on a keyspace channel or
 * pattern, which Hark keeps as a stream, or on any stored stream of any server. Same loop, same
 * handlers, same thread as above. What to know:
 *
 *  - At least once: every event is delivered; after a crash, the last ones again (`again` is 1
 * where the library knows). Handlers must bear that.
 *  - A group is shared by its workers, each with a consumer name of its own, which it should take
 *    again after a restart: what it had not acknowledged is delivered to it first then, in order.
 * So a single worker gets everything in order of id but for what its handler refused.
 *  - What a worker holds for longer than claim_idle_ms goes to another one that asks. Be quicker.
 *  - On Redis and Valkey keyspace channels are no streams: opening one there is HARK_DENIED.
 *
 * Messages look like those of a subscription: type MESSAGE, or PMESSAGE with `pattern` where the
 * name is a pattern, channel, data as the live channel would have it (of __keychange@: the effect,
 * a JSON array), and besides id and fields. Of a stored stream: type MESSAGE, the stream's name as
 * channel, no data, fields. */
struct hark_durable_options {
    size_t size;
    /* Where the group begins if there is none of this name yet; a group that exists goes on. */
    const char *start; /* "0": what is kept; "$": now; an id: after it; NULL: start_ms */
    int64_t start_ms;  /* unix milliseconds: from then on; 0: now */
    int make_stream;   /* 1: XGROUP CREATE with MKSTREAM; not for keyspace channels */
    int batch;         /* entries asked for at a time; 0: 100 */
    int in_flight_max; /* delivered and not yet acknowledged; 0: 1000. Reading waits there */
    int ack_by_hand;   /* 0: after the handler has returned 0; 1: only by hark_ack */
    int claim_idle_ms; /* take over what is held for longer; 0: 60000; -1: never */
    int block_ms;      /* how long one read waits in the server; 0: 5000 */
    hark_message_fn
        *handler;  /* NULL: hark_pubsub_get_message hands messages out, to be acknowledged */
    void *context; /* by hark_ack */
};
#ifdef __cplusplus
static inline hark_durable_options hark_durable_options_default(void)
{
    hark_durable_options o = hark_durable_options();
    o.size = sizeof o;
    return o;
}
#define HARK_DURABLE_OPTIONS hark_durable_options_default()
#else
#define HARK_DURABLE_OPTIONS                        \
    {                                               \
        .size = sizeof(struct hark_durable_options) \
    }
#endif

/* Connects and makes the group if need be. `durable` NULL: all defaults. As hark_pubsub_open. */
HARK_API int hark_durable_open(const struct hark_options *options, const char *channel,
                               const char *group, const char *consumer,
                               const struct hark_durable_options *durable,
                               struct hark_pubsub **out);

/* Acknowledges messages by id, in the order of the calls. Sent with the next step; sent again after
 * a disconnect until the server has confirmed it. Return 0, HARK_USAGE (no durable subscription,
 * no id), HARK_NO_MEMORY. */
HARK_API int hark_ack(struct hark_pubsub *p, const struct hark_message *m);
HARK_API int hark_ack_id(struct hark_pubsub *p, const char *id);
/* Not handled: it is not in flight here any more, and comes again, to whichever worker, when it has
 * been idle for claim_idle_ms. As a handler's return value says. */
HARK_API int hark_leave(struct hark_pubsub *p, const struct hark_message *m);
/* Delivered and not yet confirmed as acknowledged. */
HARK_API size_t hark_in_flight(const struct hark_pubsub *p);

#ifdef __cplusplus
}
#endif

#endif
