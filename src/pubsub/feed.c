#include "feed.h"

#include "../base/assert.h"
#include "../base/mem.h"
#include "../base/text.h"

enum {
    BLOCK_MAX = 64 << 10,
    ALONE_MIN = 16 << 10, /* a message of this size gets a block of its own */
    SEATS_SPARE = 8,      /* empty seats that are never worth moving for */
};

struct feed *feed_new(enum pubsub_kind kind, struct slice name)
{
    CHECK(name.len <= UINT32_MAX);
    struct feed *f = mem_alloc(sizeof *f + name.len);
    *f = (struct feed){.kind = kind, .name_len = (uint32_t)name.len};
    if (name.len) memcpy(f->name, name.at, name.len);
    return f;
}

void feed_free(struct feed *f)
{
    CHECK(f->taken == 0);
    feed_close(f);
    mem_free(f->seats, f->seats_cap * sizeof *f->seats);
    mem_free(f, sizeof *f + f->name_len);
}

size_t feed_bytes(const struct feed *f)
{
    return mem_cost(sizeof *f + f->name_len) + mem_cost(f->seats_cap * sizeof *f->seats);
}

static void set_seats_cap(struct feed *f, uint32_t cap)
{
    f->seats = mem_resize(f->seats, f->seats_cap * sizeof *f->seats, cap * sizeof *f->seats);
    f->seats_cap = cap;
}

void feed_seat(struct feed *f, struct subscription *s)
{
    if (f->seats_len == f->seats_cap) {
        CHECK(f->seats_cap <= UINT32_MAX / 2);
        set_seats_cap(f, f->seats_cap ? f->seats_cap * 2 : 1);
    }
    s->seat = f->seats_len;
    f->seats[f->seats_len++] = (struct seat){s->who, s};
    f->taken++;
}

static void move_up(struct feed *f)
{
    uint32_t to = 0;
    for (uint32_t i = 0; i < f->seats_len; i++) {
        if (!f->seats[i].who) continue;
        f->seats[to] = f->seats[i];
        f->seats[to].subscription->seat = to;
        to++;
    }
    f->seats_len = to;
    uint32_t cap = f->seats_cap;
    while (cap > 4 && cap / 4 >= to) cap /= 2;
    if (cap != f->seats_cap) set_seats_cap(f, cap);
}

void feed_unseat(struct feed *f, struct subscription *s)
{
    DCHECK(f->seats[s->seat].subscription == s);
    f->seats[s->seat] = (struct seat){0};
    f->taken--;
    while (f->seats_len && !f->seats[f->seats_len - 1].who) f->seats_len--;
    if (f->seats_len - f->taken > f->taken + SEATS_SPARE) move_up(f);
}

static size_t bulk_size(size_t len)
{
    return 1 + text_uint_digits(len) + 2 + len + 2;
}

static char *put_bulk(char *to, struct slice s)
{
    *to++ = '$';
    to += text_from_uint(to, s.len);
    *to++ = '\r';
    *to++ = '\n';
    if (s.len) memcpy(to, s.at, s.len);
    to += s.len;
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

/* What stands before the names: `*` for an array, which becomes `>` for a push. */
static const struct slice openings[] = {
    [PUBSUB_CHANNEL] = {"*3\r\n$7\r\nmessage\r\n", 17},
    [PUBSUB_PATTERN] = {"*4\r\n$8\r\npmessage\r\n", 18},
    [PUBSUB_SHARD] = {"*3\r\n$8\r\nsmessage\r\n", 18},
};

static size_t message_size(const struct feed *f, struct slice channel, struct slice payload)
{
    size_t size = openings[f->kind].len + bulk_size(channel.len) + bulk_size(payload.len);
    return f->kind == PUBSUB_PATTERN ? size + bulk_size(f->name_len) : size;
}

/* A block with room for `size` bytes: the open one, or a new one that is open from now on. A new
 * one is as large as what the turn before took, or this one so far; so a feed that speaks once a
 * turn holds no more than its message. */
static struct block *room_for(struct feed *f, int protocol, size_t size, struct feed **open)
{
    struct block *b = f->open[protocol];
    uint32_t cap =
        f->turn_bytes[protocol] > f->last_turn_bytes ? f->turn_bytes[protocol] : f->last_turn_bytes;
    if (f->turn_bytes[protocol] < BLOCK_MAX) f->turn_bytes[protocol] += (uint32_t)size;
    if (b && block_room(b) >= size) return b;
    block_release(b);
    if (cap > BLOCK_MAX) cap = BLOCK_MAX;
    f->open[protocol] = block_new(size > cap ? size : cap);
    if (!f->at_open) {
        f->next_open = *open;
        f->at_open = open;
        if (*open) (*open)->at_open = &f->next_open;
        *open = f;
    }
    return f->open[protocol];
}

/* Formats a message. The span has a reference to its block. */
static struct span format(struct feed *f, int protocol, struct slice channel, struct slice payload,
                          struct feed **open)
{
    size_t size = message_size(f, channel, payload);
    struct block *b =
        size >= ALONE_MIN ? block_new(size) : block_retain(room_for(f, protocol, size, open));
    struct span span = {b, b->len, (uint32_t)size};
    char *to = b->bytes + b->len;
    memcpy(to, openings[f->kind].at, openings[f->kind].len);
    if (protocol) *to = '>';
    to += openings[f->kind].len;
    if (f->kind == PUBSUB_PATTERN) to = put_bulk(to, feed_name(f));
    to = put_bulk(put_bulk(to, channel), payload);
    b->len += (uint32_t)size;
    DCHECK(to == b->bytes + b->len && b->len <= b->cap);
    return span;
}

size_t feed_deliver(struct feed *f, struct slice channel, struct slice payload, struct feed **open)
{
    if (message_size(f, channel, payload) > UINT32_MAX) return 0;
    struct span spans[FEED_PROTOCOLS] = {{0}};
    uint32_t len = f->seats_len;
    for (uint32_t i = 0; i < len; i++) {
        if (i + 4 < len) __builtin_prefetch(f->seats[i + 4].who);
        struct subscriber *who = f->seats[i].who;
        if (!who) continue;
        int protocol = who->proto == 3;
        if (!spans[protocol].block) spans[protocol] = format(f, protocol, channel, payload, open);
        who->deliver(who, spans[protocol]);
    }
    for (int i = 0; i < FEED_PROTOCOLS; i++) block_release(spans[i].block);
    return f->taken;
}

size_t feed_deliver_to(struct feed *f, struct subscriber *who, struct slice channel,
                       struct slice payload, struct feed **open)
{
    if (message_size(f, channel, payload) > UINT32_MAX) return 0;
    struct span span = format(f, who->proto == 3, channel, payload, open);
    who->deliver(who, span);
    block_release(span.block);
    return 1;
}

void feed_close(struct feed *f)
{
    if (!f->at_open) return;
    f->last_turn_bytes = 0;
    for (int i = 0; i < FEED_PROTOCOLS; i++) {
        if (f->turn_bytes[i] > f->last_turn_bytes) f->last_turn_bytes = f->turn_bytes[i];
        f->turn_bytes[i] = 0;
        block_release(f->open[i]);
        f->open[i] = NULL;
    }
    *f->at_open = f->next_open;
    if (f->next_open) f->next_open->at_open = f->at_open;
    f->at_open = NULL;
}
