#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../io/socket.h"
#include "internal.h"

enum { SLICES_PER_SEND = 64 };

void conn_own(struct conn *c, const struct conn_handler *handler, void *owner)
{
    c->handler = handler;
    c->owner = owner;
}

static bool is_over_soft(const struct conn *c)
{
    return c->limit.soft && c->out.bytes > c->limit.soft;
}

/* Ends connections that queue without end: this one by its own limits, or, when all of them
 * together hold too much, the one that is growing now if it holds a good part of it. */
static void check_output(struct conn *c)
{
    struct net *n = c->net;
    if (c->out.bytes > n->stats.output_biggest) n->stats.output_biggest = c->out.bytes;
    if (c->limit.hard && c->out.bytes > c->limit.hard) {
        conn_close(c, CONN_END_OUTPUT);
        return;
    }
    if (!is_over_soft(c))
        c->soft_since_us = 0;
    else if (!c->soft_since_us)
        c->soft_since_us = n->now_us;
    else if (n->now_us - c->soft_since_us > c->limit.soft_ms * 1000)
        conn_close(c, CONN_END_OUTPUT);
    size_t total_max = n->config.output_total_max;
    if (total_max && n->output_bytes > total_max && c->out.bytes > total_max / 64)
        conn_close(c, CONN_END_OUTPUT);
}

size_t conn_output_room(const struct conn *c)
{
    const struct net *n = c->net;
    size_t room = SIZE_MAX, total_max = n->config.output_total_max;
    if (c->limit.hard) room = c->limit.hard > c->out.bytes ? c->limit.hard - c->out.bytes : 1;
    if (!total_max) return room;
    size_t left = total_max > n->output_bytes ? total_max - n->output_bytes : 0;
    size_t share = total_max / 64 + 1; /* as check_output has it */
    if (left < share) left = share;
    return left < room ? left : room;
}

void conn_hold(struct conn *c, uint64_t mark)
{
    if (mark > c->mark) c->mark = mark;
}

static void queue(struct conn *c, struct block *b, uint32_t from, uint32_t len)
{
    struct net *n = c->net;
    n->output_bytes += len;
    if (c->holds.count || c->mark > n->released) holds_add(&c->holds, c->mark, n->group, len);
    outq_add(&c->out, b, from, len);
}

/* The block that the next reply bytes of this connection go to: the one of the turn as long as
 * the socket takes what it is given, otherwise one of its own, so that a slow reader does not
 * keep alive what others wrote. */
static struct block *reply_block(struct conn *c, size_t len)
{
    struct net *n = c->net;
    struct block **block = c->waits_to_write ? &c->tail : &n->turn;
    size_t cap = c->waits_to_write ? TAIL_BLOCK : TURN_BLOCK;
    if (*block && block_room(*block) >= len) return *block;
    block_release(*block);
    *block = block_new(cap);
    return *block;
}

void conn_send(struct conn *c, struct slice bytes)
{
    if (c->closed || !bytes.len) return;
    while (bytes.len) {
        size_t part = bytes.len < UINT32_MAX / 2 ? bytes.len : UINT32_MAX / 2;
        bool large = part > TAIL_BLOCK / 2;
        struct block *b = large ? block_new(part) : reply_block(c, part);
        uint32_t from = b->len;
        block_add(b, bytes.at, part);
        queue(c, b, from, (uint32_t)part);
        if (large) block_release(b);
        bytes = slice_from(bytes, part);
    }
    c->pushed_us = 0;
    conn_mark_dirty(c);
    check_output(c);
}

void conn_push(struct conn *c, struct span message)
{
    if (c->closed || c->closing) return;
    struct net *n = c->net;
    if (n->config.coalesce_us && !c->out.bytes) c->pushed_us = n->now_us;
    queue(c, message.block, message.from, message.len);
    if (!c->dirty) conn_mark_dirty(c);
    if (c->limit.hard || c->limit.soft || n->output_bytes > n->config.output_total_max)
        check_output(c);
    else if (c->out.bytes > n->stats.output_biggest)
        n->stats.output_biggest = c->out.bytes;
}

bool conn_minds_hangup(const struct conn *c)
{
    return c->paused && !c->closing && !c->last_word;
}

/* Tells the poller what the connection waits for now. */
static void update_wants(struct conn *c)
{
    unsigned bits = (c->paused ? 0 : POLL_READ) | (c->waits_to_write ? POLL_WRITE : 0);
    if (conn_minds_hangup(c)) bits |= POLL_HANGUP;
    poller_change(&c->net->poller, c->fd, bits, c);
}

bool conn_try_push(struct conn *c, struct span message)
{
    const struct net *n = c->net;
    size_t after = c->out.bytes + message.len, total_max = n->config.output_total_max;
    if ((c->limit.hard && after > c->limit.hard) || (c->limit.soft && after > c->limit.soft))
        return false;
    if (total_max && n->output_bytes + message.len > total_max && after > total_max / 64)
        return false;
    conn_push(c, message);
    return true;
}

bool conn_has_drained(const struct conn *c)
{
    size_t bound = c->limit.soft && c->limit.soft < c->limit.hard ? c->limit.soft : c->limit.hard;
    if (!bound) bound = c->limit.soft;
    return !bound || c->out.bytes <= bound / 4;
}

size_t conn_queued(const struct conn *c)
{
    return c->out.bytes;
}

static void want_write(struct conn *c, bool want)
{
    if (c->waits_to_write == want) return;
    c->waits_to_write = want;
    update_wants(c);
    if (!want) {
        block_release(c->tail);
        c->tail = NULL;
    }
}

/* Cuts the list of slices off behind `bytes` bytes; returns how many are left. */
static int cut_slices(struct slice *parts, int count, size_t bytes)
{
    for (int i = 0; i < count; i++) {
        if (parts[i].len >= bytes) {
            parts[i].len = bytes;
            return i + 1;
        }
        bytes -= parts[i].len;
    }
    return count;
}

/* The queue is not empty: either the socket takes no more, or the rest waits for its mark. */
static void keep_waiting(struct conn *c)
{
    struct net *n = c->net;
    bool sendable = c->out.bytes > c->holds.bytes;
    if (sendable) outq_detach(&c->out, n->turn);
    want_write(c, sendable);
    if (!sendable) net_add_held(n, c);
}

/* Sends until the queue is empty or what is left waits for its mark, the socket is full, or a fair
 * share has left. */
void conn_flush(struct conn *c)
{
    enum { SHARE = 4 * 1024 * 1024 };
    size_t sent_now = 0;
    if (c->holds.count) holds_release(&c->holds, c->net->released);
    while (c->out.bytes > c->holds.bytes && sent_now < SHARE) {
        struct slice parts[SLICES_PER_SEND];
        int count = outq_slices(&c->out, parts, SLICES_PER_SEND);
        if (c->holds.count) count = cut_slices(parts, count, c->out.bytes - c->holds.bytes);
        long sent = socket_send(c->fd, parts, count);
        if (sent == ERR_AGAIN) break;
        if (sent < 0) {
            conn_close(c, CONN_END_PEER);
            return;
        }
        outq_drop(&c->out, (size_t)sent);
        c->net->output_bytes -= (size_t)sent;
        c->net->stats.sent += (uint64_t)sent;
        c->net->stats.writes++;
        c->sent += (uint64_t)sent;
        sent_now += (size_t)sent;
    }
    if (sent_now) c->active_us = c->net->now_us;
    if (!is_over_soft(c)) c->soft_since_us = 0;
    if (c->out.bytes) {
        keep_waiting(c);
        return;
    }
    want_write(c, false);
    if (c->closing) conn_close(c, CONN_END_DONE);
}

void conn_pause(struct conn *c)
{
    if (c->paused || c->closed) return;
    c->paused = true;
    update_wants(c);
}

void conn_set_last_word(struct conn *c, bool answered)
{
    if (c->last_word == answered) return;
    c->last_word = answered;
    if (c->paused && !c->closed) update_wants(c);
}

void conn_resume(struct conn *c)
{
    struct net *n = c->net;
    if (c->closed || c->closing) return;
    if (c->paused) {
        c->paused = false;
        update_wants(c);
    }
    if (c->resumed) return;
    c->resumed = true;
    if (n->resumed_len == n->resumed_cap) {
        size_t more = n->resumed_cap ? n->resumed_cap * 2 : 16;
        n->resumed =
            mem_resize(n->resumed, n->resumed_cap * sizeof *n->resumed, more * sizeof *n->resumed);
        n->resumed_cap = more;
    }
    n->resumed[n->resumed_len++] = c;
}

void conn_close_after_reply(struct conn *c)
{
    if (c->closed || c->closing) return;
    c->closing = c->paused = true;
    update_wants(c);
    conn_mark_dirty(c);
}

void conn_drop_output(struct conn *c)
{
    c->net->output_bytes -= c->out.bytes;
    outq_fini(&c->out);
    holds_fini(&c->holds);
    block_release(c->tail);
    c->tail = NULL;
}

void conn_close(struct conn *c, enum conn_end why)
{
    if (c->closed) return;
    struct net *n = c->net;
    c->closed = true;
    n->stats.ended[why]++;
    conn_drop_output(c); /* now, or others would be ended for what nobody will get */
    poller_remove(&n->poller, c->fd);
    socket_close(c->fd);
    if (c->resumed)
        for (size_t i = 0; i < n->resumed_len; i++)
            if (n->resumed[i] == c) n->resumed[i] = n->resumed[--n->resumed_len];
    conn_mark_dirty(c);
    if (c->handler) c->handler->closed(c->owner, why);
}

void conn_set_output_limit(struct conn *c, struct out_limit limit)
{
    c->limit = limit;
    if (!is_over_soft(c)) c->soft_since_us = 0;
}

void conn_set_never_idle(struct conn *c, bool never)
{
    c->never_idle = never;
}

void conn_set_input_max(struct conn *c, size_t bytes)
{
    c->in_max = bytes;
}

int conn_fd(const struct conn *c)
{
    return c->fd;
}

bool conn_is_closing(const struct conn *c)
{
    return c->closing || c->closed;
}

struct conn_info conn_info(const struct conn *c, int64_t now_us)
{
    return (struct conn_info){
        .fd = c->fd,
        .idle_us = now_us > c->active_us ? now_us - c->active_us : 0,
        .age_us = now_us - c->born_us,
        .input_bytes = c->in.len,
        .input_free = c->in.cap - c->in.len,
        .output_bytes = c->out.bytes,
        .output_spans = c->out.count,
        .memory = sizeof *c + c->in.cap + c->out.cap * sizeof *c->out.spans + c->out.bytes,
        .received = c->received,
        .sent = c->sent,
        .reading = !c->paused,
        .writing = c->waits_to_write,
        .closing = c->closing || c->closed,
    };
}
