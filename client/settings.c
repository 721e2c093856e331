/* Options, owned: one block with the struct and behind it every text, those of the URL decoded. */
#include "internal.h"

#include <stdio.h>
#include <strings.h>

enum {
    DEFAULT_PORT = 6379,
    DEFAULT_KEEPALIVE_S = 15,
    DEFAULT_RECONNECT_MIN_MS = 50,
    DEFAULT_RECONNECT_MAX_MS = 5000,
    PORT_MAX = 65535,
    DB_MAX = 1 << 30,
};

static const uint64_t default_reply_bytes_max = (uint64_t)4 << 30;

struct hark_options hark_known_options(const struct hark_options *given)
{
    struct hark_options options = HARK_OPTIONS;
    if (given) memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    options.size = sizeof options;
    return options;
}

/* Where texts go; there is room for all of them. */
struct store {
    char *at;
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 'a' ^ 'A';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* from[0..to) with its %XX decoded. */
static const char *keep_decoded(struct store *s, const char *from, const char *to)
{
    char *start = s->at;
    for (; from < to; from++) {
        bool coded =
            *from == '%' && to - from > 2 && hex_value(from[1]) >= 0 && hex_value(from[2]) >= 0;
        *s->at++ = coded ? (char)(hex_value(from[1]) * 16 + hex_value(from[2])) : *from;
        if (coded) from += 2;
    }
    *s->at++ = '\0';
    return start;
}

static const char *keep(struct store *s, const char *text)
{
    if (!text) return NULL;
    char *start = s->at;
    s->at = stpcpy(start, text) + 1;
    return start;
}

/* ---- the URL ---- */

struct url {
    const char *whole;
    struct hark_options *out;
    struct store *store;
    char *error;
};

static int bad_url(const struct url *u, const char *what)
{
    snprintf(u->error, ERROR_MAX, "Invalid URL, %s", what);
    return HARK_USAGE;
}

static int read_number(const struct url *u, const char *from, const char *to, long max, int *out,
                       const char *complaint)
{
    long n = 0;
    for (const char *c = from; c < to; c++) {
        if (*c < '0' || *c > '9') return bad_url(u, complaint);
        n = n * 10 + (*c - '0');
        if (n > max) return bad_url(u, complaint);
    }
    *out = (int)n;
    return 0;
}

/* user:password@, :password@ or password@; returns what is behind it. */
static const char *read_userinfo(const struct url *u, const char *at, const char *end)
{
    const char *stop = NULL;
    for (const char *c = at; c < end; c++)
        if (*c == '@') stop = c;
    if (!stop) return at;
    const char *colon = memchr(at, ':', (size_t)(stop - at));
    if (colon && colon > at) u->out->user = keep_decoded(u->store, at, colon);
    u->out->password = keep_decoded(u->store, colon ? colon + 1 : at, stop);
    return stop + 1;
}

/* host:port, either of them missing. */
static int read_place(const struct url *u, const char *at, const char *end)
{
    const char *host_end;
    if (at < end && *at == '[') {
        host_end = memchr(at, ']', (size_t)(end - at));
        if (!host_end) return bad_url(u, "a [ is not closed");
        u->out->host = keep_decoded(u->store, at + 1, host_end);
        at = host_end + 1;
    } else {
        host_end = memchr(at, ':', (size_t)(end - at));
        if (!host_end) host_end = end;
        if (host_end > at) u->out->host = keep_decoded(u->store, at, host_end);
        at = host_end;
    }
    if (at == end) return 0;
    if (*at != ':') return bad_url(u, "of the host and port");
    return read_number(u, at + 1, end, PORT_MAX, &u->out->port, "the port is none");
}

/* ?db=n, the only one there is. */
static int read_query(const struct url *u, const char *at)
{
    if (!*at) return 0;
    if (strncmp(at, "?db=", 4) != 0) return bad_url(u, "only ?db= may follow");
    return read_number(u, at + 4, at + strlen(at), DB_MAX, &u->out->db, "the database is none");
}

static int read_url(const struct url *u)
{
    const char *at = strstr(u->whole, "://");
    size_t scheme = at ? (size_t)(at - u->whole) : 0;
    bool local = scheme == 4 && strncasecmp(u->whole, "unix", 4) == 0;
    bool tls = scheme == 6 && strncasecmp(u->whole, "rediss", 6) == 0;
    bool plain = (scheme == 5 && strncasecmp(u->whole, "redis", 5) == 0) ||
                 (scheme == 4 && strncasecmp(u->whole, "hark", 4) == 0);
    if (!local && !tls && !plain)
        return bad_url(u, "it must begin with redis://, rediss:// or unix://");
    at += 3;
    if (tls) u->out->tls = 1;
    const char *end = at + strcspn(at, local ? "?" : "/?");
    const char *info_end = local ? at + strcspn(at, "/?") : end;
    at = read_userinfo(u, at, info_end);
    if (local) {
        if (at == end) return bad_url(u, "the path is missing");
        u->out->path = keep_decoded(u->store, at, end);
        return read_query(u, end);
    }
    u->out->path = NULL;
    int rc = read_place(u, at, end);
    if (rc < 0 || *end != '/') return rc < 0 ? rc : read_query(u, end);
    const char *db = end + 1, *db_end = db + strcspn(db, "?/");
    if (db_end > db) rc = read_number(u, db, db_end, DB_MAX, &u->out->db, "the database is none");
    return rc < 0 ? rc : read_query(u, *db_end == '/' ? db_end + 1 : db_end);
}

/* ---- the whole ---- */

#define TEXTS(X) \
    X(host)      \
    X(path)      \
    X(user)      \
    X(password) X(client_name) X(tls_ca) X(tls_ca_dir) X(tls_cert) X(tls_key) X(tls_name) X(url)

static size_t texts_bytes(const struct hark_options *o)
{
    size_t bytes = 0;
#define COUNT(field) bytes += o->field ? strlen(o->field) + 1 : 0;
    TEXTS(COUNT)
#undef COUNT
    /* What is decoded from the URL: no longer than that, and a NUL for each of three parts. */
    return bytes + (o->url ? strlen(o->url) + 3 : 0);
}

static void fill_defaults(struct hark_options *o)
{
    if (!o->host) o->host = "127.0.0.1";
    if (!o->port) o->port = DEFAULT_PORT;
    if (!o->keepalive_s) o->keepalive_s = DEFAULT_KEEPALIVE_S;
    if (!o->reply_bytes_max) o->reply_bytes_max = default_reply_bytes_max;
    if (!o->reconnect_min_ms) o->reconnect_min_ms = DEFAULT_RECONNECT_MIN_MS;
    if (!o->reconnect_max_ms) o->reconnect_max_ms = DEFAULT_RECONNECT_MAX_MS;
    if (!o->tls_name) o->tls_name = o->host;
}

static int check(const struct hark_options *o, char error[ERROR_MAX])
{
    error[0] = '\0';
    if (o->port < 1 || o->port > PORT_MAX) snprintf(error, ERROR_MAX, "Invalid port %d", o->port);
    if (o->db < 0) snprintf(error, ERROR_MAX, "Invalid database %d", o->db);
    if (o->protocol != 0 && o->protocol != 2 && o->protocol != 3)
        snprintf(error, ERROR_MAX, "Protocol %d is not known", o->protocol);
    if (!o->tls_cert != !o->tls_key)
        snprintf(error, ERROR_MAX,
                 "A certificate of our own needs its key, and the other way round");
    if (error[0]) return HARK_USAGE;
    if (!o->tls || hark_tls_is_there()) return 0;
    snprintf(error, ERROR_MAX, "TLS: this libhark was built without OpenSSL");
    return HARK_UNSUPPORTED;
}

int hark_settings_new(const struct hark_allocator *m, const struct hark_options *given,
                      struct hark_options **out, char error[ERROR_MAX])
{
    struct hark_options known = hark_known_options(given), *o;
    *out = NULL;
    o = hark_alloc(m, sizeof *o + texts_bytes(&known));
    if (!o) return HARK_NO_MEMORY;
    *o = known;
    struct store store = {(char *)(o + 1)};
#define KEEP(field) o->field = keep(&store, o->field);
    TEXTS(KEEP)
#undef KEEP
    int rc = o->url ? read_url(&(struct url){o->url, o, &store, error}) : 0;
    if (rc == 0) {
        fill_defaults(o);
        rc = check(o, error);
    }
    if (rc < 0) {
        hark_release(m, o);
        return rc;
    }
    *out = o;
    return 0;
}
