/* Pending entries as leaves of bytes.
 *
 *      leaves: ┌ first id, who, bytes ┬ first id, who, bytes ┬ …      an array, by id
 *                            │
 *                            ▼
 *              step·3 bits  [consumer] [time] [count]    step·3 bits …
 *
 * Each entry is coded by how it differs from the one before it: the step of the id, and three bits
 * that say which of consumer, time of delivery and number of deliveries differ as well and follow.
 * Of a batch that was delivered at once only steps are left.
 *
 * One leaf at a time is open: decoded, in `open`. All reading and all changes happen there; it is
 * coded again, if it was changed, before another one is opened.
 *
 * Invariants:
 *  1. Leaves are not empty, their ids ascend, within and from one to the next.
 *  2. `first`, `consumers` and `count` of a leaf are true also while it is open; `consumers` may
 *     have bits too many until it is closed.
 *  3. A leaf has at most PENDING_LEAF_MAX entries. One that fills at the end of all is not split,
 *     so that leaves that are filled in order are full; one that empties takes in one beside it. */
#include "pending.h"

#include "../base/assert.h"
#include "../base/mem.h"

enum { DIFFERS_CONSUMER = 1, DIFFERS_TIME = 2, DIFFERS_COUNT = 4, DIFFERS_BITS = 3 };
enum { OPEN_BYTES = (PENDING_LEAF_MAX + 1) * sizeof(struct pending_entry) };
/* Two leaves with no more than this each become one. */
enum { LEAF_POOR = PENDING_LEAF_MAX / 4 };

void pending_encode(struct buffer *to, const struct pending_entry *before,
                    const struct pending_entry *e)
{
    unsigned differs = (e->consumer != before->consumer ? DIFFERS_CONSUMER : 0) |
                       (e->delivered_ms != before->delivered_ms ? DIFFERS_TIME : 0) |
                       (e->deliveries != before->deliveries ? DIFFERS_COUNT : 0);
    code_put_step(to, before->id, e->id, DIFFERS_BITS, differs);
    if (differs & DIFFERS_CONSUMER) code_put(to, e->consumer);
    if (differs & DIFFERS_TIME) code_put_change(to, before->delivered_ms, e->delivered_ms);
    if (differs & DIFFERS_COUNT) code_put(to, e->deliveries);
}

bool pending_decode(struct slice *from, const struct pending_entry *before, struct pending_entry *e)
{
    uint64_t v, consumer;
    *e = *before;
    if (!code_get(from, &v)) return false;
    if (!code_take_step(from, v >> DIFFERS_BITS, before->id, &e->id)) return false;
    if (v & DIFFERS_CONSUMER) {
        if (!code_get(from, &consumer) || consumer >= PENDING_ANY) return false;
        e->consumer = (uint32_t)consumer;
    }
    if ((v & DIFFERS_TIME) && !code_get_change(from, before->delivered_ms, &e->delivered_ms))
        return false;
    return !(v & DIFFERS_COUNT) || code_get(from, &e->deliveries);
}

static uint64_t bit_of(uint32_t consumer)
{
    return UINT64_C(1) << consumer % 64;
}

/* ---- leaves ---- */

static void free_leaf(struct pending_leaf *leaf)
{
    mem_free(leaf->bytes, leaf->len);
    leaf->bytes = NULL;
    leaf->len = 0;
}

static void insert_leaf(struct pending *p, size_t at, struct pending_leaf leaf)
{
    if (p->leaves_count == p->leaves_cap) {
        size_t cap = p->leaves_cap ? p->leaves_cap * 2 : 4;
        p->leaves =
            mem_resize(p->leaves, p->leaves_cap * sizeof *p->leaves, cap * sizeof *p->leaves);
        p->leaves_cap = cap;
    }
    memmove(p->leaves + at + 1, p->leaves + at, (p->leaves_count - at) * sizeof *p->leaves);
    p->leaves[at] = leaf;
    p->leaves_count++;
}

static void erase_leaf(struct pending *p, size_t at)
{
    free_leaf(&p->leaves[at]);
    p->leaves_count--;
    memmove(p->leaves + at, p->leaves + at + 1, (p->leaves_count - at) * sizeof *p->leaves);
    if (p->leaves_count * 4 > p->leaves_cap || p->leaves_cap <= 4) return;
    size_t cap = p->leaves_cap / 2;
    p->leaves = mem_resize(p->leaves, p->leaves_cap * sizeof *p->leaves, cap * sizeof *p->leaves);
    p->leaves_cap = cap;
}

static bool is_open(const struct pending *p)
{
    return p->open && p->open_at < p->leaves_count;
}

static void decode_leaf(const struct pending_leaf *leaf, struct pending_entry *to)
{
    struct pending_entry before = {0};
    struct slice bytes = slice_of(leaf->bytes, leaf->len);
    for (uint32_t i = 0; i < leaf->count; i++) {
        bool decoded = pending_decode(&bytes, &before, &to[i]);
        CHECK(decoded);
        before = to[i];
    }
    CHECK(!bytes.len);
}

/* Codes the open leaf again, if it was changed. */
static void close_leaf(struct pending *p)
{
    if (!is_open(p) || !p->open_changed) return;
    struct pending_leaf *leaf = &p->leaves[p->open_at];
    struct pending_entry before = {0};
    struct buffer bytes = {0};
    uint64_t consumers = 0;
    for (uint32_t i = 0; i < leaf->count; i++) {
        pending_encode(&bytes, &before, &p->open[i]);
        consumers |= bit_of(p->open[i].consumer);
        before = p->open[i];
    }
    free_leaf(leaf);
    leaf->bytes = mem_resize(bytes.at, bytes.cap, bytes.len);
    leaf->len = (uint32_t)bytes.len;
    leaf->consumers = consumers;
    p->open_changed = false;
}

static void open_leaf(struct pending *p, size_t at)
{
    if (is_open(p) && p->open_at == at) return;
    close_leaf(p);
    if (!p->open) p->open = mem_alloc(OPEN_BYTES);
    p->open_at = at;
    p->open_changed = false;
    decode_leaf(&p->leaves[at], p->open);
}

/* No leaf is open from now on. */
static void shut(struct pending *p)
{
    close_leaf(p);
    p->open_at = SIZE_MAX;
}

void pending_settle(struct pending *p)
{
    close_leaf(p);
    mem_free(p->open, p->open ? OPEN_BYTES : 0);
    p->open = NULL;
}

void pending_fini(struct pending *p)
{
    for (size_t i = 0; i < p->leaves_count; i++) free_leaf(&p->leaves[i]);
    mem_free(p->leaves, p->leaves_cap * sizeof *p->leaves);
    mem_free(p->open, p->open ? OPEN_BYTES : 0);
    *p = (struct pending){0};
}

/* ---- looking ---- */

/* The leaf in which an id is, or would be entered: the last one that does not begin behind it. */
static size_t leaf_of(const struct pending *p, struct event_id id)
{
    size_t low = 0, high = p->leaves_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (id_compare(p->leaves[mid].first, id) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low ? low - 1 : 0;
}

/* The first entry of the open leaf that is not before `id`. */
static uint32_t place_of(const struct pending *p, struct event_id id)
{
    uint32_t low = 0, high = p->leaves[p->open_at].count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (id_compare(p->open[mid].id, id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Opens the leaf of an id; its place there, and whether it is there. */
static bool locate(struct pending *p, struct event_id id, uint32_t *place)
{
    open_leaf(p, leaf_of(p, id));
    *place = place_of(p, id);
    return *place < p->leaves[p->open_at].count && !id_compare(p->open[*place].id, id);
}

const struct pending_entry *pending_find(struct pending *p, struct event_id id)
{
    uint32_t place;
    if (!p->count || !locate(p, id, &place)) return NULL;
    return &p->open[place];
}

bool pending_next(struct pending *p, struct event_id from, uint32_t consumer,
                  struct pending_entry *out)
{
    if (!p->count) return false;
    uint64_t wanted = consumer == PENDING_ANY ? UINT64_MAX : bit_of(consumer);
    for (size_t at = leaf_of(p, from); at < p->leaves_count; at++) {
        if (!(p->leaves[at].consumers & wanted)) continue;
        open_leaf(p, at);
        for (uint32_t i = place_of(p, from); i < p->leaves[at].count; i++) {
            if (consumer != PENDING_ANY && p->open[i].consumer != consumer) continue;
            *out = p->open[i];
            return true;
        }
    }
    return false;
}

bool pending_after(struct pending *p, struct event_id id, uint32_t consumer,
                   struct pending_entry *out)
{
    return id_compare(id, ID_LAST) && pending_next(p, id_after(id), consumer, out);
}

bool pending_last(struct pending *p, struct pending_entry *out)
{
    if (!p->count) return false;
    open_leaf(p, p->leaves_count - 1);
    *out = p->open[p->leaves[p->open_at].count - 1];
    return true;
}

/* ---- changing ---- */

static void add_leaf(struct pending *p, size_t at, const struct pending_entry *e)
{
    shut(p);
    insert_leaf(
        p, at, (struct pending_leaf){.first = e->id, .consumers = bit_of(e->consumer), .count = 1});
    if (!p->open) p->open = mem_alloc(OPEN_BYTES);
    p->open_at = at;
    p->open[0] = *e;
    p->open_changed = true;
}

/* Makes two of the open leaf, which is full; the first half stays open. */
static void split_leaf(struct pending *p)
{
    enum { HALF = PENDING_LEAF_MAX / 2 };
    size_t at = p->open_at;
    struct pending_entry upper[PENDING_LEAF_MAX - HALF];
    memcpy(upper, p->open + HALF, sizeof upper);
    p->leaves[at].count = HALF;
    p->open_changed = true;
    add_leaf(p, at + 1, &upper[0]);
    memcpy(p->open, upper, sizeof upper);
    p->leaves[at + 1].count = PENDING_LEAF_MAX - HALF;
    open_leaf(p, at);
}

void pending_put(struct pending *p, const struct pending_entry *e)
{
    uint32_t place;
    if (!p->count) {
        p->count = 1;
        add_leaf(p, 0, e);
        return;
    }
    bool is_there = locate(p, e->id, &place);
    if (!is_there && p->leaves[p->open_at].count == PENDING_LEAF_MAX) {
        if (place == PENDING_LEAF_MAX && p->open_at + 1 == p->leaves_count) {
            p->count++;
            add_leaf(p, p->leaves_count, e);
            return;
        }
        split_leaf(p);
        locate(p, e->id, &place);
    }
    struct pending_leaf *leaf = &p->leaves[p->open_at];
    if (!is_there) {
        memmove(p->open + place + 1, p->open + place, (leaf->count - place) * sizeof *p->open);
        leaf->count++;
        p->count++;
    }
    p->open[place] = *e;
    leaf->first = p->open[0].id;
    leaf->consumers |= bit_of(e->consumer);
    p->open_changed = true;
}

/* The open leaf has become poor: one beside it that is poor too moves in. */
static void merge_leaf(struct pending *p, size_t other_at)
{
    if (other_at >= p->leaves_count) return;
    struct pending_leaf *leaf = &p->leaves[p->open_at], *other = &p->leaves[other_at];
    if (leaf->count > LEAF_POOR || other->count > LEAF_POOR) return;
    if (other_at < p->open_at) {
        memmove(p->open + other->count, p->open, leaf->count * sizeof *p->open);
        decode_leaf(other, p->open);
    } else {
        decode_leaf(other, p->open + leaf->count);
    }
    leaf->count += other->count;
    leaf->consumers |= other->consumers;
    leaf->first = p->open[0].id;
    p->open_changed = true;
    erase_leaf(p, other_at);
    if (other_at < p->open_at) p->open_at--;
}

bool pending_remove(struct pending *p, struct event_id id)
{
    uint32_t place;
    if (!p->count || !locate(p, id, &place)) return false;
    struct pending_leaf *leaf = &p->leaves[p->open_at];
    p->count--;
    if (--leaf->count == 0) {
        erase_leaf(p, p->open_at);
        p->open_at = SIZE_MAX;
        return true;
    }
    memmove(p->open + place, p->open + place + 1, (leaf->count - place) * sizeof *p->open);
    leaf->first = p->open[0].id;
    p->open_changed = true;
    merge_leaf(p, p->open_at + 1);
    if (p->open_at) merge_leaf(p, p->open_at - 1);
    return true;
}

struct pending pending_copy(struct pending *p)
{
    pending_settle(p);
    struct pending copy = *p;
    copy.leaves = mem_alloc(p->leaves_cap * sizeof *p->leaves);
    for (size_t i = 0; i < p->leaves_count; i++) {
        struct pending_leaf *leaf = &copy.leaves[i];
        *leaf = p->leaves[i];
        leaf->bytes = memcpy(mem_alloc(leaf->len), p->leaves[i].bytes, leaf->len);
    }
    return copy;
}

size_t pending_bytes(const struct pending *p)
{
    size_t bytes = mem_cost(p->leaves_cap * sizeof *p->leaves);
    for (size_t i = 0; i < p->leaves_count; i++) bytes += mem_cost(p->leaves[i].len);
    return bytes + (p->open ? mem_cost(OPEN_BYTES) : 0);
}

void pending_check(struct pending *p)
{
    struct pending_entry entries[PENDING_LEAF_MAX];
    struct event_id last = {0};
    size_t count = 0;
    shut(p);
    for (size_t i = 0; i < p->leaves_count; i++) {
        const struct pending_leaf *leaf = &p->leaves[i];
        uint64_t consumers = 0;
        CHECK(leaf->count && leaf->count <= PENDING_LEAF_MAX);
        decode_leaf(leaf, entries);
        CHECK(!id_compare(leaf->first, entries[0].id));
        for (uint32_t k = 0; k < leaf->count; k++) {
            CHECK(!count || id_compare(last, entries[k].id) < 0);
            last = entries[k].id;
            consumers |= bit_of(entries[k].consumer);
            count++;
        }
        CHECK(leaf->consumers == consumers);
    }
    CHECK(count == p->count);
}
