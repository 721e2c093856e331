#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    DEFAULT_PORT = 6379,
    DEFAULT_KEEPALIVE_S = 15,
    PORT_MAX = 65535,
};

static const uint64_t default_reply_bytes_max = (uint64_t)4 << 30;

const char *hark_version(void)
{
    return HARK_VERSION;
}

const char *hark_result_text(int result)
{
    switch (result) {
#define TEXT(name, value, text) \
    case name: return text;
        HARK_RESULT_MAP(TEXT)
#undef TEXT
    default: return result < 0 ? "unknown error" : "success";
    }
}

int hark_refuse(struct hark *h, int result, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    vsnprintf(h->error, sizeof h->error, form, args);
    va_end(args);
    return result;
}

int hark_fail(struct hark *h, int result, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    vsnprintf(h->error, sizeof h->error, form, args);
    va_end(args);
    h->failed = result;
    return result;
}

const char *hark_error(const struct hark *h)
{
    return h ? h->error : hark_result_text(HARK_NO_MEMORY);
}

int hark_fd(const struct hark *h)
{
    return h->fd;
}

void hark_on_push(struct hark *h, hark_push_fn *fn, void *context)
{
    h->push = fn;
    h->push_context = context;
}

static int open_socket(struct hark *h, const struct hark_options *options)
{
    deadline_ms deadline = hark_deadline_after(options->connect_timeout_ms);
    if (options->path) return hark_socket_unix(options->path, deadline, h->error, sizeof h->error);
    const char *host = options->host ? options->host : "127.0.0.1";
    int port = options->port ? options->port : DEFAULT_PORT;
    if (port < 1 || port > PORT_MAX) return hark_refuse(h, HARK_USAGE, "Invalid port %d", port);
    int fd = hark_socket_tcp(host, port, deadline, h->error, sizeof h->error);
    int keepalive_s = options->keepalive_s ? options->keepalive_s : DEFAULT_KEEPALIVE_S;
    if (fd >= 0 && keepalive_s > 0) hark_socket_keepalive(fd, keepalive_s);
    return fd;
}

static int set_up(struct hark *h, const struct hark_options *options)
{
    int rc = 0;
    if (options->password) rc = hark_auth(h, options->user, options->password);
    if (rc == 0 && options->protocol == 3) rc = hark_hello(h, 3);
    if (rc == 0 && options->db) rc = hark_select(h, options->db);
    return rc;
}

/* The caller's options as this library knows them: what a newer program has beyond is cut, what
 * an older one lacks is zero. */
static struct hark_options known_options(const struct hark_options *given)
{
    struct hark_options options = HARK_OPTIONS;
    if (given) memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    return options;
}

int hark_connect(const struct hark_options *given, struct hark **out)
{
    struct hark_options options = known_options(given);
    struct hark *h = calloc(1, sizeof *h);
    *out = h;
    if (!h) return HARK_NO_MEMORY;
    uint64_t bytes_max =
        options.reply_bytes_max ? options.reply_bytes_max : default_reply_bytes_max;
    h->builder.bytes_max = bytes_max;
    resp_reply_init(&h->parser, bytes_max < SIZE_MAX / 2 ? bytes_max : SIZE_MAX / 2, INT64_MAX);

    h->fd = open_socket(h, &options);
    if (h->fd < 0) {
        int result = h->fd;
        h->fd = -1;
        h->failed = result;
        return result;
    }
    h->timeout_ms = options.connect_timeout_ms;
    int rc = set_up(h, &options);
    h->timeout_ms = options.timeout_ms;
    return rc;
}

void hark_close(struct hark *h)
{
    if (!h) return;
    if (h->fd >= 0) close(h->fd);
    hark_builder_fini(&h->builder);
    hark_bytes_fini(&h->out);
    hark_bytes_fini(&h->in);
    free(h);
}
