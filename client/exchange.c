/* Requests out, replies in. The one place that moves bytes is hark_turn; everything that waits is
 * a loop around it. */
#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

enum {
    READ_BYTES = 64 * 1024, /* room offered to each read, at least */
};

size_t hark_unsent(const struct hark *h)
{
    return h->out.len - h->out.from;
}

/* ---- bytes ---- */

/* What went wrong while moving bytes; of TLS the text is there already. */
static int fail_moving(struct hark *h, long result, int error_number)
{
    char text[128];
    if (h->tls && result != HARK_IO) return h->failed = (int)result;
    if (result != HARK_IO) return hark_fail(h, (int)result, "%s", hark_result_text((int)result));
    return hark_fail(h, HARK_IO, "%s", strerror_r(error_number, text, sizeof text));
}

static int reserve_in(struct hark *h)
{
    hark_bytes_consume(&h->memory, &h->in, 0); /* what was taken in place may go now */
    if (hark_bytes_reserve(&h->memory, &h->in, READ_BYTES) == 0) return 0;
    return hark_fail(h, HARK_NO_MEMORY, "%s", hark_result_text(HARK_NO_MEMORY));
}

/* Reads what is there, or with `wait` what comes first. 1, 0 when there is nothing, or a result. */
static int receive_plain(struct hark *h, bool wait)
{
    int rc = reserve_in(h);
    if (rc < 0) return rc;
    long n = hark_socket_receive(h->fd, h->in.at + h->in.len, h->in.cap - h->in.len, wait);
    if (n == HARK_INTERRUPTED) return hark_refuse(h, (int)n, "%s", hark_result_text((int)n));
    if (n > 0) h->in.len += (size_t)n;
    return n >= 0 ? n > 0 : fail_moving(h, n, errno);
}

/* All that TLS holds: what is left in it makes no socket readable. */
static int receive_tls(struct hark *h)
{
    for (int received = 0;; received = 1) {
        int rc = reserve_in(h);
        if (rc < 0) return rc;
        long n = hark_tls_receive(h->tls, h->in.at + h->in.len, h->in.cap - h->in.len, h->error);
        if (n > 0) h->in.len += (size_t)n;
        if (n > 0) continue;
        if (received) return 1; /* a failure will be met again */
        return n == 0 ? 0 : fail_moving(h, n, errno);
    }
}

static int receive(struct hark *h)
{
    return h->tls ? receive_tls(h) : receive_plain(h, false);
}

int hark_send(struct hark *h)
{
    if (hark_unsent(h) == 0 || h->state != LINK_OPEN) return 0;
    const char *from = h->out.at + h->out.from;
    long n = h->tls ? hark_tls_send(h->tls, from, hark_unsent(h), h->error)
                    : hark_socket_send(h->fd, from, hark_unsent(h));
    if (n >= 0) {
        hark_bytes_consume(&h->memory, &h->out, (size_t)n);
        return n > 0;
    }
    /* The server may have said why before it closed: keep that for hark_take. */
    int cause = errno;
    char why[ERROR_MAX];
    memcpy(why, h->error, sizeof why);
    while (receive(h) > 0) continue;
    memcpy(h->error, why, sizeof why);
    return fail_moving(h, n, cause);
}

/* Up to timeout_ms for what the connection wants: the events that came, 0, or a result. */
static int wait_for(struct hark *h, int timeout_ms)
{
    int wants = hark_wants(h);
    int events = (wants & HARK_READ ? POLLIN : 0) | (wants & HARK_WRITE ? POLLOUT : 0);
    events = hark_socket_wait(h->fd, events, timeout_ms);
    if (events == HARK_INTERRUPTED) return hark_refuse(h, events, "%s", hark_result_text(events));
    return events < 0 ? fail_moving(h, HARK_IO, errno) : events;
}

static int too_late(struct hark *h)
{
    return hark_fail(h, HARK_TIMEOUT, "The connection timed out");
}

/* The shorter of a time-out and what is left to connect in. */
static int connect_timeout(const struct hark *h, int timeout_ms)
{
    int left = hark_timeout_until(h->connect_by);
    return left < 0 || (timeout_ms >= 0 && timeout_ms < left) ? timeout_ms : left;
}

static int turn_connecting(struct hark *h, int timeout_ms)
{
    int rc = hark_connect_step(h);
    if (rc != 0) return rc;
    if (hark_timeout_until(h->connect_by) == 0) return too_late(h);
    if (timeout_ms == 0) return 0;
    rc = wait_for(h, connect_timeout(h, timeout_ms));
    return rc > 0 ? hark_connect_step(h) : rc;
}

static int turn_open(struct hark *h, int timeout_ms)
{
    int sent = hark_send(h);
    if (sent < 0) return sent;
    if (timeout_ms != 0) {
        if (sent) return sent;
        /* Nothing to send and all the time there is: one call in place of two. */
        if (timeout_ms < 0 && !h->tls && hark_unsent(h) == 0) return receive_plain(h, true);
        int events = wait_for(h, timeout_ms);
        if (events <= 0) return events;
        if (events & POLLOUT) sent = hark_send(h);
        if (sent < 0 || !(events & ~POLLOUT)) return sent;
    }
    int received = receive(h);
    return received < 0 ? received : received || sent;
}

static int turn_setting_up(struct hark *h, int timeout_ms)
{
    int rc = turn_open(h, connect_timeout(h, timeout_ms)), taken = hark_take_setup(h);
    if (taken < 0) return taken;
    if (rc == 0 && h->setup_left && hark_timeout_until(h->connect_by) == 0) return too_late(h);
    return rc;
}

int hark_turn(struct hark *h, int timeout_ms)
{
    if (h->failed) return h->failed;
    if (h->state != LINK_OPEN) return turn_connecting(h, timeout_ms);
    return h->setup_left ? turn_setting_up(h, timeout_ms) : turn_open(h, timeout_ms);
}

/* ---- take ---- */

/* Is there nothing left in what was read? */
static bool no_more(const struct hark *h)
{
    return h->failed == HARK_PROTOCOL || h->failed == HARK_LIMIT || h->failed == HARK_NO_MEMORY ||
           h->failed == HARK_DENIED;
}

int hark_next_token(struct hark *h, struct resp_token *token)
{
    size_t len = h->in.len - h->in.from;
    if (len == 0 || len < h->in_needed) return 0;
    enum resp_reply_status status = resp_reply_next(&h->parser, h->in.at + h->in.from, len, token);
    if (status < 0)
        return hark_fail(h, status == RESP_REPLY_LIMIT ? HARK_LIMIT : HARK_PROTOCOL, "%s",
                         h->parser.error);
    h->in_needed = status == RESP_REPLY_MORE ? h->parser.bytes_needed : 0;
    return status == RESP_REPLY_TOKEN;
}

int hark_take_tree(struct hark *h, struct hark_reply **out)
{
    for (;;) {
        struct resp_token token;
        int rc = hark_next_token(h, &token);
        if (rc <= 0) return rc;
        rc = hark_builder_add(&h->builder, &token, out);
        if (rc < 0) return hark_fail(h, rc, "%s", hark_result_text(rc));
        hark_bytes_consume(&h->memory, &h->in, token.size);
        if (rc == 1) return 1;
    }
}

/* "$<length>\r\n<bytes>\r\n" at at[0..end): what follows it, NULL when it is not that, or not
 * whole. */
static char *take_bulk(char *at, const char *end, struct hark_text *out)
{
    size_t len = 0;
    int digits = 0;
    if (at == end || *at++ != '$') return NULL;
    for (; at < end && *at >= '0' && *at <= '9' && digits < 9; digits++)
        len = len * 10 + (size_t)(*at++ - '0');
    if (!digits || end - at < 2 || at[0] != '\r' || at[1] != '\n') return NULL;
    at += 2;
    if ((size_t)(end - at) < len + 2 || at[len] != '\r' || at[len + 1] != '\n') return NULL;
    *out = (struct hark_text){at, len};
    return at + len + 2;
}

/* Messages are many, small and of one form: no need for tokens and trees. */
int hark_take_words(struct hark *h, struct hark_text words[HARK_WORDS_MAX])
{
    char *at = h->in.at + h->in.from;
    const char *end = h->in.at + h->in.len;
    bool amid = h->parser.depth || h->parser.scanned || h->in_needed || h->builder.tree;
    if (amid || h->setup_left || end - at < 4 || (at[0] != '*' && at[0] != '>')) return 0;
    int count = at[1] - '0';
    if (count < 1 || count > HARK_WORDS_MAX || at[2] != '\r' || at[3] != '\n') return 0;
    char *next = at + 4;
    for (int i = 0; i < count && next; i++) next = take_bulk(next, end, &words[i]);
    if (!next) return 0;
    for (int i = 0; i < count; i++) ((char *)words[i].at)[words[i].len] = '\0';
    h->in.from += (size_t)(next - at); /* the bytes stay where they are until the next read */
    return count;
}

int hark_take_setup(struct hark *h)
{
    while (h->setup_left) {
        struct hark_reply *reply;
        int rc = hark_take_tree(h, &reply);
        if (rc <= 0) return rc;
        bool name = h->setup_named && h->setup_left == 1;
        if (reply->type == HARK_T_ERROR && !name) hark_fail(h, HARK_DENIED, "%s", reply->text);
        if (reply->type != HARK_T_PUSH) h->setup_left--;
        hark_reply_free(reply);
        if (h->failed == HARK_DENIED) return HARK_DENIED;
    }
    return 1;
}

/* The piece that was handed out last has been looked at. */
static void drop_piece(struct hark *h)
{
    hark_bytes_consume(&h->memory, &h->in, h->piece_size);
    h->piece_size = 0;
}

int hark_take(struct hark *h, struct hark_reply **out)
{
    if (no_more(h)) return h->failed;
    if (h->setup_left) return 0;
    if (h->piece_open || h->piece_push)
        return hark_refuse(h, HARK_USAGE, "A reply is being read in pieces");
    drop_piece(h);
    struct hark_reply *reply = NULL;
    int rc;
    while ((rc = hark_take_tree(h, &reply)) == 1 && reply->type == HARK_T_PUSH && h->push)
        h->push(h->push_context, reply);
    if (rc != 1) return rc;
    if (out)
        *out = reply;
    else
        hark_reply_free(reply);
    return 1;
}

/* ---- read ---- */

/* Waits for bytes. 0, HARK_TIMEOUT, or what ended it. */
static int await_bytes(struct hark *h, deadline_ms deadline)
{
    if (h->failed) return h->failed;
    int rc = hark_turn(h, hark_timeout_until(deadline));
    if (rc == HARK_INTERRUPTED) return rc;
    if (rc != 0 || hark_timeout_until(deadline) != 0) return 0;
    return hark_refuse(h, HARK_TIMEOUT, "%s", hark_result_text(HARK_TIMEOUT));
}

int hark_read(struct hark *h, struct hark_reply **out)
{
    deadline_ms deadline = hark_deadline_after(h->settings ? h->settings->timeout_ms : 0);
    /* Even when a reply is there already: the server should have its next work meanwhile. */
    if (!h->failed) hark_send(h);
    for (;;) {
        int rc = hark_take(h, out);
        if (rc != 0) return rc < 0 ? rc : 0;
        rc = await_bytes(h, deadline);
        if (rc < 0) return rc;
    }
}

long hark_read_raw(struct hark *h, void *to, size_t max)
{
    deadline_ms deadline = hark_deadline_after(h->settings ? h->settings->timeout_ms : 0);
    if (!h->piece_open) drop_piece(h);
    if (!h->failed) hark_send(h);
    while (h->in.len == h->in.from || h->setup_left) {
        int rc = await_bytes(h, deadline);
        if (rc < 0) return rc;
    }
    size_t len = h->in.len - h->in.from;
    if (len > max) len = max;
    memcpy(to, h->in.at + h->in.from, len);
    hark_bytes_consume(&h->memory, &h->in, len);
    h->in_needed = 0;
    return (long)len;
}

/* ---- pieces ---- */

/* A push that comes between two replies, for the handler. 1 when it was, 0 when more must come. */
static int hand_push(struct hark *h)
{
    struct hark_reply *push;
    h->piece_push = true;
    int rc = hark_take_tree(h, &push);
    if (rc != 1) return rc;
    h->piece_push = false;
    h->push(h->push_context, push);
    return 1;
}

/* Is this token part of an attribute, which is left out? */
static bool left_out(struct hark *h, const struct resp_token *token)
{
    if (h->piece_depth >= 0 && token->depth > h->piece_depth) return true;
    h->piece_depth = token->kind == RESP_KIND_ATTRIBUTE ? token->depth : -1;
    return h->piece_depth >= 0;
}

static void fill_piece(struct hark_piece *out, const struct resp_token *token)
{
    *out = (struct hark_piece){.type = hark_type_of(token->kind),
                               .depth = token->depth,
                               .last = token->last,
                               .integer = token->integer,
                               .number = token->number,
                               .text = token->text.at,
                               .len = token->text.len,
                               .count = token->count};
    memcpy(out->format, token->format, sizeof out->format);
}

static int take_piece(struct hark *h, struct hark_piece *out)
{
    if (h->builder.tree && !h->piece_push)
        return hark_refuse(h, HARK_USAGE, "A reply is being read as a whole");
    for (;;) {
        struct resp_token token;
        int rc = h->piece_push ? hand_push(h) : 1;
        if (rc <= 0) return rc;
        rc = hark_next_token(h, &token);
        if (rc <= 0) return rc;
        bool push = !h->piece_open && token.kind == RESP_KIND_PUSH && h->push;
        if (push) {
            /* The head is told to the builder here, what follows in hand_push. */
            struct hark_reply *whole = NULL;
            rc = hark_builder_add(&h->builder, &token, &whole);
            if (rc < 0) return hark_fail(h, rc, "%s", hark_result_text(rc));
            hark_bytes_consume(&h->memory, &h->in, token.size);
            if (rc == 1)
                h->push(h->push_context, whole);
            else
                h->piece_push = true;
            continue;
        }
        h->piece_size = token.size;
        h->piece_open = !token.last;
        if (!left_out(h, &token)) {
            fill_piece(out, &token);
            return 1;
        }
        hark_bytes_consume(&h->memory, &h->in, token.size);
        h->piece_size = 0;
    }
}

int hark_piece(struct hark *h, struct hark_piece *out)
{
    deadline_ms deadline = hark_deadline_after(h->settings ? h->settings->timeout_ms : 0);
    drop_piece(h);
    if (!h->failed) hark_send(h);
    for (;;) {
        int rc = no_more(h) ? h->failed : h->setup_left ? 0 : take_piece(h, out);
        if (rc != 0) return rc < 0 ? rc : 0;
        rc = await_bytes(h, deadline);
        if (rc < 0) return rc;
    }
}
