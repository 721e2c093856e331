/* Requests out, replies in. The one place that moves bytes is hark_turn; everything that waits is
 * a loop around it. */
#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    READ_BYTES = 16 * 1024,   /* room offered to each recv, at least */
    ARGS_CALL_MAX = 64,       /* arguments of hark_call */
    KEEP_BYTES = 1024 * 1024, /* an empty buffer that is larger is given back */
};

int hark_bytes_reserve(struct bytes *b, size_t more)
{
    if (b->cap - b->len >= more) return 0;
    if (b->from) {
        memmove(b->at, b->at + b->from, b->len - b->from);
        b->len -= b->from;
        b->from = 0;
        if (b->cap - b->len >= more) return 0;
    }
    size_t cap = b->cap ? b->cap : READ_BYTES;
    while (cap - b->len < more) {
        if (cap > SIZE_MAX / 2) return HARK_NO_MEMORY;
        cap *= 2;
    }
    char *grown = realloc(b->at, cap);
    if (!grown) return HARK_NO_MEMORY;
    b->at = grown;
    b->cap = cap;
    return 0;
}

void hark_bytes_fini(struct bytes *b)
{
    free(b->at);
    *b = (struct bytes){0};
}

static void bytes_add(struct bytes *b, const void *from, size_t len)
{
    if (len) memcpy(b->at + b->len, from, len);
    b->len += len;
}

/* Moves on by what was used; an empty buffer begins anew. */
static void bytes_consume(struct bytes *b, size_t count)
{
    b->from += count;
    if (b->from < b->len) return;
    b->from = b->len = 0;
    if (b->cap > KEEP_BYTES) hark_bytes_fini(b);
}

/* Nothing was queued, so the connection is as good as before. */
static int no_room(struct hark *h)
{
    return hark_refuse(h, HARK_NO_MEMORY, "%s", hark_result_text(HARK_NO_MEMORY));
}

/* ---- queue ---- */

static void add_header(struct bytes *b, char type, size_t number)
{
    char text[32];
    bytes_add(b, text, (size_t)snprintf(text, sizeof text, "%c%zu\r\n", type, number));
}

int hark_queue(struct hark *h, int argc, const char *const argv[], const size_t lens[])
{
    enum { HEADER_MAX = 24 };
    if (h->failed) return h->failed;
    if (argc < 1) return hark_refuse(h, HARK_USAGE, "A request without arguments");
    size_t size = HEADER_MAX;
    for (int i = 0; i < argc; i++) {
        size_t len = lens ? lens[i] : strlen(argv[i]);
        if (__builtin_add_overflow(size, len, &size)) return no_room(h);
        if (__builtin_add_overflow(size, HEADER_MAX + 2, &size)) return no_room(h);
    }
    if (hark_bytes_reserve(&h->out, size) < 0) return no_room(h);
    add_header(&h->out, '*', (size_t)argc);
    for (int i = 0; i < argc; i++) {
        size_t len = lens ? lens[i] : strlen(argv[i]);
        add_header(&h->out, '$', len);
        bytes_add(&h->out, argv[i], len);
        bytes_add(&h->out, "\r\n", 2);
    }
    return 0;
}

int hark_queue_raw(struct hark *h, const void *bytes, size_t len)
{
    if (h->failed) return h->failed;
    if (hark_bytes_reserve(&h->out, len) < 0) return no_room(h);
    bytes_add(&h->out, bytes, len);
    return 0;
}

size_t hark_unsent(const struct hark *h)
{
    return h->out.len - h->out.from;
}

/* ---- turn ---- */

static int fail_io(struct hark *h, int error_number)
{
    char text[128];
    return hark_fail(h, HARK_IO, "%s", strerror_r(error_number, text, sizeof text));
}

/* Reads once. 1, 0 when there is nothing, or a result. */
static int receive(struct hark *h)
{
    if (hark_bytes_reserve(&h->in, READ_BYTES) < 0)
        return hark_fail(h, HARK_NO_MEMORY, "%s", hark_result_text(HARK_NO_MEMORY));
    ssize_t n = recv(h->fd, h->in.at + h->in.len, h->in.cap - h->in.len, MSG_DONTWAIT);
    if (n > 0) {
        h->in.len += (size_t)n;
        return 1;
    }
    if (n == 0) return hark_fail(h, HARK_CLOSED, "%s", hark_result_text(HARK_CLOSED));
    if (errno == EAGAIN || errno == EINTR) return 0;
    return fail_io(h, errno);
}

/* Sends once what is queued, if anything is. 1, 0 when nothing could be sent, or a result. */
static int send_queued(struct hark *h)
{
    if (hark_unsent(h) == 0) return 0;
    ssize_t n = send(h->fd, h->out.at + h->out.from, hark_unsent(h), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
        bytes_consume(&h->out, (size_t)n);
        return n > 0;
    }
    if (errno == EAGAIN || errno == EINTR) return 0;
    /* The server may have said why before it closed: keep that for hark_take. */
    int cause = errno;
    while (receive(h) > 0) continue;
    return fail_io(h, cause);
}

int hark_turn(struct hark *h, int timeout_ms)
{
    if (h->failed) return h->failed;
    int sent = send_queued(h);
    if (sent < 0) return sent;
    if (timeout_ms != 0) {
        if (sent) return sent;
        int events = hark_socket_wait(h->fd, POLLIN | (hark_unsent(h) ? POLLOUT : 0), timeout_ms);
        if (events == HARK_INTERRUPTED)
            return hark_refuse(h, events, "%s", hark_result_text(events));
        if (events < 0) return fail_io(h, errno);
        if (events == 0) return 0;
        if (events & POLLOUT) sent = send_queued(h);
        if (sent < 0 || !(events & ~POLLOUT)) return sent;
    }
    int received = receive(h);
    return received < 0 ? received : received || sent;
}

/* ---- take, read ---- */

/* The next whole reply, pushes included. */
static int take_any(struct hark *h, struct hark_reply **out)
{
    for (;;) {
        size_t len = h->in.len - h->in.from;
        if (len == 0 || len < h->in_needed) return 0;
        struct resp_token token;
        enum resp_reply_status status =
            resp_reply_next(&h->parser, h->in.at + h->in.from, len, &token);
        if (status < 0)
            return hark_fail(h, status == RESP_REPLY_LIMIT ? HARK_LIMIT : HARK_PROTOCOL, "%s",
                             h->parser.error);
        h->in_needed = status == RESP_REPLY_MORE ? h->parser.bytes_needed : 0;
        if (status == RESP_REPLY_MORE) return 0;
        int rc = hark_builder_add(&h->builder, &token, out);
        if (rc < 0) return hark_fail(h, rc, "%s", hark_result_text(rc));
        bytes_consume(&h->in, token.size);
        if (rc == 1) return 1;
    }
}

int hark_take(struct hark *h, struct hark_reply **out)
{
    if (h->failed == HARK_PROTOCOL || h->failed == HARK_LIMIT || h->failed == HARK_NO_MEMORY)
        return h->failed;
    struct hark_reply *reply = NULL;
    int rc;
    while ((rc = take_any(h, &reply)) == 1 && reply->type == HARK_T_PUSH && h->push)
        h->push(h->push_context, reply);
    if (rc != 1) return rc;
    if (out)
        *out = reply;
    else
        hark_reply_free(reply);
    return 1;
}

int hark_read(struct hark *h, struct hark_reply **out)
{
    deadline_ms deadline = hark_deadline_after(h->timeout_ms);
    /* Even when a reply is there already: the server should have its next work meanwhile. */
    if (!h->failed) send_queued(h);
    for (;;) {
        int rc = hark_take(h, out);
        if (rc != 0) return rc < 0 ? rc : 0;
        if (h->failed) return h->failed;
        rc = hark_turn(h, hark_timeout_until(deadline));
        if (rc == HARK_INTERRUPTED) return rc;
        if (rc == 0) return hark_refuse(h, HARK_TIMEOUT, "%s", hark_result_text(HARK_TIMEOUT));
    }
}

long hark_read_raw(struct hark *h, void *to, size_t max)
{
    deadline_ms deadline = hark_deadline_after(h->timeout_ms);
    if (!h->failed) send_queued(h);
    while (h->in.len == h->in.from) {
        if (h->failed) return h->failed;
        int rc = hark_turn(h, hark_timeout_until(deadline));
        if (rc == HARK_INTERRUPTED) return rc;
        if (rc == 0) return hark_refuse(h, HARK_TIMEOUT, "%s", hark_result_text(HARK_TIMEOUT));
    }
    size_t len = h->in.len - h->in.from;
    if (len > max) len = max;
    memcpy(to, h->in.at + h->in.from, len);
    bytes_consume(&h->in, len);
    h->in_needed = 0;
    return (long)len;
}

/* ---- one request, one reply ---- */

int hark_command(struct hark *h, int argc, const char *const argv[], const size_t lens[],
                 struct hark_reply **out)
{
    int rc = hark_queue(h, argc, argv, lens);
    return rc < 0 ? rc : hark_read(h, out);
}

int hark_call(struct hark *h, struct hark_reply **out, const char *first, ...)
{
    const char *argv[ARGS_CALL_MAX];
    int argc = 0;
    va_list args;
    va_start(args, first);
    for (const char *arg = first; arg; arg = va_arg(args, const char *)) {
        if (argc == ARGS_CALL_MAX) {
            va_end(args);
            return hark_refuse(h, HARK_USAGE, "More than %d arguments", ARGS_CALL_MAX);
        }
        argv[argc++] = arg;
    }
    va_end(args);
    return hark_command(h, argc, argv, NULL, out);
}

/* Turns a reply that is an error into HARK_DENIED with its words. */
static int settle(struct hark *h, int rc, struct hark_reply *reply)
{
    if (rc < 0) return rc;
    if (reply->type == HARK_T_ERROR) rc = hark_refuse(h, HARK_DENIED, "%s", reply->text);
    hark_reply_free(reply);
    return rc;
}

int hark_auth(struct hark *h, const char *user, const char *password)
{
    struct hark_reply *reply;
    int rc = user && *user ? hark_call(h, &reply, "AUTH", user, password, NULL)
                           : hark_call(h, &reply, "AUTH", password, NULL);
    return settle(h, rc, reply);
}

int hark_hello(struct hark *h, int protocol)
{
    struct hark_reply *reply;
    if (protocol != 2 && protocol != 3)
        return hark_refuse(h, HARK_USAGE, "Protocol %d is not known", protocol);
    int rc = hark_call(h, &reply, "HELLO", protocol == 3 ? "3" : "2", NULL);
    return settle(h, rc, reply);
}

int hark_select(struct hark *h, int db)
{
    char number[16];
    snprintf(number, sizeof number, "%d", db);
    struct hark_reply *reply;
    int rc = hark_call(h, &reply, "SELECT", number, NULL);
    return settle(h, rc, reply);
}
