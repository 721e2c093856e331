#include "net.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../io/clock.h"
#include "../io/socket.h"
#include "internal.h"

enum {
    ACCEPTS_PER_TURN = 64,
    LAST_REPLY_US_MAX = 10 * 1000 * 1000, /* how long a closing connection may take to read */
};

struct net *net_new(struct net_config config)
{
    struct net *n = mem_new(struct net);
    if (poller_init(&n->poller) != 0) {
        mem_delete(n);
        return NULL;
    }
    n->config = config;
    n->read_buffer = mem_alloc(READ_SIZE);
    n->turn = block_new(TURN_BLOCK);
    n->now_us = io_mono_us();
    n->released = UINT64_MAX;
    return n;
}

void net_set_config(struct net *n, struct net_config config)
{
    if (config.keepalive_s != n->config.keepalive_s)
        for (size_t i = 0; i < n->conns_len; i++)
            socket_keepalive(n->conns[i]->fd, config.keepalive_s);
    n->config = config;
}

static void list_add(struct conn ***list, size_t *len, size_t *cap, struct conn *c)
{
    if (*len == *cap) {
        size_t more = *cap ? *cap * 2 : 64;
        *list = mem_resize(*list, *cap * sizeof **list, more * sizeof **list);
        *cap = more;
    }
    (*list)[(*len)++] = c;
}

void conn_mark_dirty(struct conn *c)
{
    if (c->dirty) return;
    c->dirty = true;
    list_add(&c->net->dirty, &c->net->dirty_len, &c->net->dirty_cap, c);
}

void net_add_held(struct net *n, struct conn *c)
{
    if (c->held) return;
    c->held = true;
    c->held_index = (uint32_t)n->held_len;
    list_add(&n->held, &n->held_len, &n->held_cap, c);
}

static void drop_held(struct net *n, struct conn *c)
{
    if (!c->held) return;
    struct conn *last = n->held[--n->held_len];
    n->held[c->held_index] = last;
    last->held_index = c->held_index;
    c->held = false;
}

static void conn_free(struct conn *c)
{
    struct net *n = c->net;
    drop_held(n, c);
    struct conn *last = n->conns[--n->conns_len];
    n->conns[c->index] = last;
    last->index = c->index;
    conn_drop_output(c);
    buffer_fini(&c->in);
    c->magic = 0;
    mem_delete(c);
}

/* Somebody may knock at a listener in the very round in which it is closed. */
static void forget_ready(struct net *n, const struct listener *l)
{
    for (int i = 0; i < n->ready_count; i++)
        if (n->ready[i].owner == l) n->ready[i].owner = NULL;
}

static void free_listeners(struct net *n, bool watches_too)
{
    struct listener **link = &n->listeners;
    while (*link) {
        struct listener *l = *link;
        if (l->watch && !watches_too) {
            link = &l->next;
            continue;
        }
        *link = l->next;
        forget_ready(n, l);
        poller_remove(&n->poller, l->fd);
        if (!l->watch) socket_close(l->fd);
        mem_delete(l);
    }
}

void net_unlisten(struct net *n)
{
    free_listeners(n, false);
}

void net_free(struct net *n)
{
    if (!n) return;
    while (n->conns_len) {
        struct conn *c = n->conns[n->conns_len - 1];
        if (!c->closed) socket_close(c->fd);
        conn_free(c);
    }
    free_listeners(n, true);
    poller_fini(&n->poller);
    block_release(n->turn);
    mem_free(n->conns, n->conns_cap * sizeof *n->conns);
    mem_free(n->dirty, n->dirty_cap * sizeof *n->dirty);
    mem_free(n->held, n->held_cap * sizeof *n->held);
    mem_free(n->resumed, n->resumed_cap * sizeof *n->resumed);
    mem_free(n->read_buffer, READ_SIZE);
    mem_delete(n);
}

static int add_listener(struct net *n, struct listener l)
{
    struct listener *kept = mem_new(struct listener);
    *kept = l;
    int rc = poller_add(&n->poller, l.fd, POLL_READ, kept);
    if (rc != 0) {
        mem_delete(kept);
        return rc;
    }
    kept->next = n->listeners;
    n->listeners = kept;
    return 0;
}

int net_listen(struct net *n, int fd, bool unix_socket, struct net_listener listener)
{
    return add_listener(
        n, (struct listener){
               .magic = LISTENER_MAGIC, .fd = fd, .unix_socket = unix_socket, .to = listener});
}

int net_watch(struct net *n, int fd, void (*ready)(void *ctx), void *ctx)
{
    return add_listener(
        n, (struct listener){
               .magic = WATCH_MAGIC, .fd = fd, .watch = true, .ready = ready, .to.ctx = ctx});
}

static void adopt(struct net *n, struct listener *l, int fd)
{
    struct conn *c = mem_new(struct conn);
    c->magic = CONN_MAGIC;
    c->fd = fd;
    c->net = n;
    c->active_us = c->born_us = n->now_us;
    if (poller_add(&n->poller, fd, POLL_READ, c) != 0) {
        socket_close(fd);
        mem_delete(c);
        return;
    }
    c->index = (uint32_t)n->conns_len;
    list_add(&n->conns, &n->conns_len, &n->conns_cap, c);
    n->stats.accepted++;
    if (!l->unix_socket && n->config.keepalive_s) socket_keepalive(fd, n->config.keepalive_s);
    l->to.accepted(l->to.ctx, c, l->unix_socket);
}

/* While there are no descriptors, those who wait at the door would wake us without end. */
static void rest(struct net *n, struct listener *l)
{
    l->resting = true;
    poller_change(&n->poller, l->fd, 0, l);
}

static void wake_listeners(struct net *n)
{
    for (struct listener *l = n->listeners; l; l = l->next) {
        if (!l->resting) continue;
        l->resting = false;
        poller_change(&n->poller, l->fd, POLL_READ, l);
    }
}

static void accept_some(struct net *n, struct listener *l)
{
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = socket_accept(l->fd);
        if (fd == ERR_LIMIT) rest(n, l);
        if (fd < 0) return;
        adopt(n, l, fd);
    }
}

static size_t input_bound(const struct conn *c)
{
    size_t general = c->net->config.input_max;
    return c->in_max && c->in_max < general ? c->in_max : general;
}

/* Drops what was taken. A little that is left of much does not keep the memory of it. */
static void drop_input(struct buffer *in, size_t taken)
{
    size_t left = in->len - taken;
    if (left > READ_SIZE || in->cap <= 4 * READ_SIZE) {
        buffer_drop_front(in, taken);
        return;
    }
    struct buffer rest = {0};
    buffer_add(&rest, in->at + taken, left);
    buffer_fini(in);
    *in = rest;
}

/* Who has sent as much as may be kept, and what is kept is no whole request, will not complete it.
 */
static void close_if_full(struct conn *c)
{
    if (c->in.len >= input_bound(c)) conn_close(c, CONN_END_INPUT);
}

/* Gives the kept input to the handler and drops what it took. */
static void offer_kept(struct conn *c)
{
    c->in_needed = 0;
    size_t taken = c->handler->received(c->owner, c->in.at, c->in.len, &c->in_needed);
    if (c->closed) return;
    if (taken == c->in.len)
        buffer_fini(&c->in);
    else if (taken)
        drop_input(&c->in, taken);
    close_if_full(c);
}

/* Counts before the handler is told, for it may ask. */
static void count_received(struct conn *c, long got)
{
    struct net *n = c->net;
    c->active_us = n->now_us;
    c->received += (uint64_t)got;
    n->stats.received += (uint64_t)got;
    n->stats.reads++;
}

/* Room to make for what is still missing of a request of which `there` bytes have come. It may say
 * that it will be half a gigabyte; but saying so must cost us nothing, so it gets as much again as
 * it has sent. */
static size_t room_for_more(const struct conn *c, size_t there)
{
    size_t missing = c->in_needed > there ? c->in_needed - there : 0;
    if (missing > there) missing = there;
    return missing > READ_SIZE ? missing : READ_SIZE;
}

/* Can its input grow by so much? If not, it is closed: what came cannot be kept, nor answered, for
 * the other side is still speaking. */
static bool has_room(struct conn *c, size_t more)
{
    size_t cap = buffer_cap_for(&c->in, more);
    if (cap == c->in.cap || mem_can_alloc(cap)) return true;
    conn_close(c, CONN_END_INPUT);
    return false;
}

/* One read into the buffer that all connections share; only what the handler leaves is kept. */
static long read_shared(struct conn *c)
{
    struct net *n = c->net;
    long got = socket_receive(c->fd, n->read_buffer, READ_SIZE);
    if (got <= 0) return got;
    count_received(c, got);
    c->in_needed = 0;
    size_t len = (size_t)got;
    size_t taken = c->handler->received(c->owner, n->read_buffer, len, &c->in_needed);
    if (c->closed || c->closing || taken == len) return got;
    size_t rest = len - taken;
    size_t room = c->in_needed > rest ? rest + room_for_more(c, rest) : rest;
    if (!has_room(c, room)) return got;
    buffer_reserve(&c->in, room);
    buffer_add(&c->in, n->read_buffer + taken, rest);
    return got;
}

static long read_kept(struct conn *c)
{
    size_t room = room_for_more(c, c->in.len), bound = input_bound(c);
    size_t left = bound > c->in.len ? bound - c->in.len : 1;
    if (room > left) room = left;
    if (!has_room(c, room)) return ERR_AGAIN;
    char *to = buffer_reserve(&c->in, room);
    long got = socket_receive(c->fd, to, room);
    if (got <= 0) return got;
    count_received(c, got);
    c->in.len += (size_t)got;
    if (c->in.len >= c->in_needed)
        offer_kept(c);
    else
        close_if_full(c);
    return got;
}

static void conn_read(struct conn *c)
{
    struct net *n = c->net;
    long got = c->in.len ? read_kept(c) : read_shared(c);
    if (got > 0) {
        if (c->in.len > n->stats.input_biggest) n->stats.input_biggest = c->in.len;
    } else if (got == ERR_EOF && c->dirty && !c->pushed_us) {
        return; /* first the replies of this turn: the end will still be there in the next */
    } else if (got == ERR_EOF && c->holds.count) {
        conn_close_after_reply(c); /* and those that wait for their mark */
    } else if (got != ERR_AGAIN && !c->closed) {
        conn_close(c, CONN_END_PEER);
    }
}

static void conn_ready(struct conn *c, unsigned ready)
{
    MAGIC(c, CONN_MAGIC);
    if (c->closed) return;
    if (ready & POLL_WRITE) conn_mark_dirty(c);
    bool reads = !c->paused && !c->closing;
    if (reads && c->resumed) return; /* it has its input to be offered again: one turn is enough */
    if ((ready & POLL_READ) && reads)
        conn_read(c);
    else if ((ready & POLL_ERROR) || ((ready & POLL_HANGUP) && conn_minds_hangup(c)))
        conn_close(c, CONN_END_PEER);
}

static void offer_resumed(struct net *n)
{
    if (!n->resumed_len) return;
    struct conn **list = n->resumed;
    size_t count = n->resumed_len, cap = n->resumed_cap;
    n->resumed = NULL; /* a handler may resume others, or the same, for the next round */
    n->resumed_len = n->resumed_cap = 0;
    for (size_t i = 0; i < count; i++) {
        struct conn *c = list[i];
        c->resumed = false;
        if (!c->closed && !c->closing && !c->paused && c->in.len) offer_kept(c);
    }
    mem_free(list, cap * sizeof *list);
}

void net_wait(struct net *n, int64_t timeout_us)
{
    if (n->resumed_len) timeout_us = 0;
    n->ready_count = poller_wait(&n->poller, n->ready, EVENTS_PER_WAIT, timeout_us);
}

void net_read(struct net *n, int64_t now_us)
{
    n->now_us = now_us;
    offer_resumed(n);
    for (int i = 0; i < n->ready_count; i++) {
        struct poll_event event = n->ready[i];
        if (!event.owner) continue;
        uint32_t magic = *(uint32_t *)event.owner;
        struct listener *l = event.owner;
        if (magic == LISTENER_MAGIC)
            accept_some(n, l);
        else if (magic == WATCH_MAGIC)
            l->ready(l->to.ctx);
        else
            conn_ready(event.owner, event.ready);
    }
    n->ready_count = 0;
}

static bool may_wait_longer(const struct net *n, const struct conn *c, int64_t now_us)
{
    enum { ENOUGH_BYTES = 32 * 1024 }; /* one send of this size costs little per message */
    return c->pushed_us && !c->closing && c->out.bytes < ENOUGH_BYTES &&
           now_us - c->pushed_us < n->config.coalesce_us;
}

void net_flush(struct net *n, int64_t now_us)
{
    size_t kept = 0;
    n->now_us = now_us;
    for (size_t i = 0; i < n->dirty_len; i++) {
        struct conn *c = n->dirty[i];
        if (!c->closed && may_wait_longer(n, c, now_us)) {
            n->dirty[kept++] = c;
            continue;
        }
        c->dirty = false;
        c->pushed_us = 0;
        if (!c->closed) conn_flush(c);
        /* One that ended while it was flushed stands in the list again: it is freed there. */
        if (c->closed && !c->dirty) conn_free(c);
    }
    n->dirty_len = kept;
    n->stats.flushes++;
    if (n->turn->refs == 1) {
        n->turn->len = 0;
    } else {
        block_release(n->turn);
        n->turn = block_new(TURN_BLOCK);
    }
}

void net_begin_marks(struct net *n, uint64_t mark)
{
    n->released = n->group = mark;
}

void net_release(struct net *n, uint64_t mark)
{
    if (mark <= n->released) return;
    n->released = mark;
    for (size_t i = n->held_len; i-- > 0;) {
        struct conn *c = n->held[i];
        holds_release(&c->holds, mark);
        if (c->out.bytes == c->holds.bytes) continue;
        drop_held(n, c);
        conn_mark_dirty(c);
    }
}

void net_end_group(struct net *n, uint64_t mark)
{
    n->group = mark;
}

int64_t net_flush_delay_us(const struct net *n, int64_t now_us)
{
    int64_t least = -1;
    for (size_t i = 0; i < n->dirty_len; i++) {
        const struct conn *c = n->dirty[i];
        int64_t left = c->pushed_us ? c->pushed_us + n->config.coalesce_us - now_us : 0;
        if (left < 0) left = 0;
        if (least < 0 || left < least) least = left;
    }
    return least;
}

void net_close_idle(struct net *n, int64_t now_us, int64_t idle_us_max)
{
    wake_listeners(n);
    for (size_t i = 0; i < n->conns_len; i++) {
        struct conn *c = n->conns[i];
        if (c->closed) continue;
        if (c->closing && now_us - c->active_us > LAST_REPLY_US_MAX)
            conn_close(c, CONN_END_DONE);
        else if (c->soft_since_us && now_us - c->soft_since_us > c->limit.soft_ms * 1000)
            conn_close(c, CONN_END_OUTPUT);
        else if (idle_us_max && !c->never_idle && now_us - c->active_us > idle_us_max)
            conn_close(c, CONN_END_IDLE);
    }
}

struct net_stats net_stats(const struct net *n)
{
    struct net_stats s = n->stats;
    s.connections = n->conns_len;
    s.output_bytes = n->output_bytes;
    for (size_t i = 0; i < n->conns_len; i++) s.input_bytes += n->conns[i]->in.cap;
    return s;
}

void net_reset_stats(struct net *n)
{
    n->stats = (struct net_stats){0};
}
