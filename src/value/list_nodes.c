#include "list_nodes.h"

#include "../base/assert.h"
#include "../base/little.h"
#include "../base/mem.h"

#include <liblzf/lzf.h>

enum {
    CAP_FIRST = 4,
    SAFE_BYTES_MAX = 8192, /* of a node whose limit is a number of elements */
    COST_GUESS = 8,        /* of an element, beside its bytes, before it is packed */
    PRESS_BYTES_MIN = 48,  /* smaller ones are left alone */
    PRESS_GAIN_MIN = 8,
    PRESSED_HEADER = 4,
    PRESSED_TIMES_MAX = 264, /* what one byte can stand for at most */
};

/* ---- single nodes ---- */

static struct list_node packed_node(struct packed *p)
{
    return (struct list_node){.at = p,
                              .size = (uint32_t)packed_bytes(p),
                              .count = (uint32_t)packed_count(p),
                              .kind = NODE_PACKED};
}

static struct list_node plain_node(struct slice text)
{
    char *at = mem_alloc(text.len);
    memcpy(at, text.at, text.len);
    return (struct list_node){.at = at, .size = (uint32_t)text.len, .count = 1, .kind = NODE_PLAIN};
}

static size_t allocated(const struct list_node *node)
{
    return node->kind == NODE_PRESSED ? PRESSED_HEADER + (size_t)get32(node->at) : node->size;
}

static void node_free(struct list_node *node)
{
    mem_free(node->at, allocated(node));
}

struct slice node_pressed(const struct list_node *node)
{
    return slice_of((char *)node->at + PRESSED_HEADER, get32(node->at));
}

/* Whether the bytes were a packed list: always so for a node, which has been one. */
static struct packed *unpressed(struct slice bytes, size_t size)
{
    char *room = mem_alloc(size);
    unsigned len = lzf_decompress(bytes.at, (unsigned)bytes.len, room, (unsigned)size);
    if (len == size) return (struct packed *)room;
    mem_free(room, size);
    return NULL;
}

const struct packed *node_look(const struct list_node *node, struct packed **scratch)
{
    *scratch = NULL;
    if (node->kind == NODE_PACKED) return node->at;
    *scratch = unpressed(node_pressed(node), node->size);
    CHECK(*scratch);
    return *scratch;
}

/* The packed list of a node, to be changed. */
static struct packed *open_node(struct list_node *node)
{
    if (node->kind == NODE_PRESSED) {
        struct packed *p = unpressed(node_pressed(node), node->size);
        CHECK(p);
        node_free(node);
        node->at = p;
        node->kind = NODE_PACKED;
    }
    return node->at;
}

/* ... and has become this. */
static void close_node(struct list_nodes *n, struct list_node *node, struct packed *p)
{
    n->elements -= node->count;
    *node = packed_node(p);
    n->elements += node->count;
}

static void press(struct list_node *node)
{
    if (node->kind != NODE_PACKED || node->hard || node->size < PRESS_BYTES_MIN) return;
    size_t most = PRESSED_HEADER + node->size - PRESS_GAIN_MIN;
    char *room = mem_alloc(most);
    unsigned len = lzf_compress(node->at, node->size, room + PRESSED_HEADER,
                                (unsigned)(most - PRESSED_HEADER));
    node->hard = !len;
    if (!len) {
        mem_free(room, most);
        return;
    }
    put32(room, len);
    mem_free(node->at, node->size);
    node->at = mem_resize(room, most, PRESSED_HEADER + len);
    node->kind = NODE_PRESSED;
}

/* ---- their row ---- */

struct list_nodes *nodes_new(void)
{
    return mem_new(struct list_nodes);
}

static void free_row(struct list_nodes *n)
{
    mem_free(n->all, n->cap * sizeof *n->all);
    mem_delete(n);
}

struct list_nodes *nodes_copy(const struct list_nodes *n)
{
    struct list_nodes *copy = nodes_new();
    *copy = (struct list_nodes){.cap = n->count, .count = n->count, .elements = n->elements};
    copy->all = mem_alloc(copy->cap * sizeof *copy->all);
    for (uint32_t i = 0; i < n->count; i++) {
        const struct list_node *from = nodes_at(n, i);
        copy->all[i] = *from;
        copy->all[i].at = memcpy(mem_alloc(allocated(from)), from->at, allocated(from));
    }
    return copy;
}

bool nodes_free_some(struct list_nodes *n, size_t elements)
{
    size_t freed = 0;
    while (n->count && freed < elements) {
        struct list_node *last = nodes_at(n, --n->count);
        freed += last->count;
        n->elements -= last->count;
        node_free(last);
    }
    if (n->count) return false;
    free_row(n);
    return true;
}

size_t nodes_bytes(const struct list_nodes *n)
{
    size_t bytes = mem_cost(sizeof *n) + mem_cost(n->cap * sizeof *n->all);
    for (uint32_t i = 0; i < n->count; i++) bytes += mem_cost(allocated(nodes_at(n, i)));
    return bytes;
}

/* Moves the row to where there is room for one more at both ends, growing by half of what is in
 * use; a row that only travels, as a queue's does, moves once in a while and stays. */
static void make_room(struct list_nodes *n)
{
    uint32_t cap = CAP_FIRST + n->count + n->count / 2;
    uint32_t first = (cap - n->count) / 2;
    struct list_node *all = mem_alloc(cap * sizeof *all);
    if (n->count) memcpy(all + first, nodes_at(n, 0), n->count * sizeof *all);
    mem_free(n->all, n->cap * sizeof *n->all);
    n->all = all;
    n->cap = cap;
    n->first = first;
}

/* Opens a gap before node `i`, moving the shorter side. */
static void add_node(struct list_nodes *n, uint32_t i, struct list_node node)
{
    if (n->first == 0 || n->first + n->count == n->cap) make_room(n);
    if (i < n->count / 2) {
        n->first--;
        memmove(nodes_at(n, 0), nodes_at(n, 1), i * sizeof *n->all);
    } else {
        memmove(nodes_at(n, i + 1), nodes_at(n, i), (n->count - i) * sizeof *n->all);
    }
    n->count++;
    *nodes_at(n, i) = node;
    n->elements += node.count;
}

static void drop_nodes(struct list_nodes *n, uint32_t i, uint32_t count)
{
    for (uint32_t k = i; k < i + count; k++) {
        n->elements -= nodes_at(n, k)->count;
        node_free(nodes_at(n, k));
    }
    uint32_t tail = n->count - i - count;
    if (i < tail) {
        memmove(nodes_at(n, count), nodes_at(n, 0), i * sizeof *n->all);
        n->first += count;
    } else {
        memmove(nodes_at(n, i), nodes_at(n, i + count), tail * sizeof *n->all);
    }
    n->count -= count;
    if (n->cap > 4 * (n->count + CAP_FIRST)) make_room(n);
}

void nodes_add_packed(struct list_nodes *n, struct packed *p)
{
    add_node(n, n->count, packed_node(p));
}

void nodes_add_plain(struct list_nodes *n, struct slice text)
{
    add_node(n, n->count, plain_node(text));
}

bool nodes_add_pressed(struct list_nodes *n, struct slice bytes, size_t size)
{
    if (size > PACKED_BYTES_MAX || bytes.len >= size) return false;
    if (size / PRESSED_TIMES_MAX > bytes.len) return false; /* before it takes so much memory */
    struct packed *p = unpressed(bytes, size);
    bool good = p && packed_is_sound(slice_of(p, size)) && packed_first(p);
    if (good) {
        struct list_node node = {
            .size = (uint32_t)size, .count = (uint32_t)packed_count(p), .kind = NODE_PRESSED};
        node.at = mem_alloc(PRESSED_HEADER + bytes.len);
        put32(node.at, (uint32_t)bytes.len);
        memcpy((char *)node.at + PRESSED_HEADER, bytes.at, bytes.len);
        add_node(n, n->count, node);
    }
    if (p) mem_free(p, size);
    return good;
}

struct packed *nodes_take_only(struct list_nodes *n)
{
    struct packed *p = open_node(nodes_at(n, 0));
    free_row(n);
    return p;
}

/* ---- limits ---- */

/* What a node may have of bytes; 0 when its elements are counted. */
static size_t bytes_max(const struct value_config *config)
{
    int limit = config->list_max_listpack_size;
    if (limit >= 0) return 0;
    return (size_t)4096 << (limit < -5 ? 4 : -limit - 1);
}

bool nodes_exceed(const struct value_config *config, size_t bytes, size_t count)
{
    size_t most = bytes_max(config);
    if (most) return bytes > most;
    size_t elements = (size_t)config->list_max_listpack_size;
    return bytes > SAFE_BYTES_MAX || count > (elements ? elements : 1);
}

bool nodes_is_small(const struct value_config *config, const struct list_node *node, size_t times)
{
    size_t most = bytes_max(config), elements = (size_t)config->list_max_listpack_size;
    if (node->kind == NODE_PLAIN) return false;
    if (most) return times * node->size <= most;
    return times * node->count <= (elements ? elements : 1);
}

bool nodes_must_be_plain(const struct value_config *config, size_t len)
{
    size_t most = bytes_max(config);
    if (config->list_plain_size && len >= config->list_plain_size) return true;
    return len > (most ? most : SAFE_BYTES_MAX);
}

/* Is there a node `i` (UINT32_MAX is none) with room for an element of this length? */
static bool has_room(const struct list_nodes *n, uint32_t i, size_t len,
                     const struct value_config *config)
{
    if (i >= n->count || nodes_must_be_plain(config, len)) return false;
    const struct list_node *node = nodes_at(n, i);
    return node->kind != NODE_PLAIN &&
           !nodes_exceed(config, node->size + len + COST_GUESS, node->count + 1);
}

static struct list_node node_of(struct slice text, const struct value_config *config)
{
    if (nodes_must_be_plain(config, text.len)) return plain_node(text);
    return packed_node(packed_append(packed_new(), text));
}

/* ---- pressing ---- */

/* Does this node lie so near to an end that it is left open? */
static bool is_outer(const struct list_nodes *n, size_t i, size_t depth)
{
    return i < depth || i + depth >= n->count;
}

static void settle_node(struct list_nodes *n, size_t i, size_t depth)
{
    if (i >= n->count) return;
    struct list_node *node = nodes_at(n, (uint32_t)i);
    if (!is_outer(n, i, depth))
        press(node);
    else if (node->kind == NODE_PRESSED)
        open_node(node);
}

/* After a node was begun, or has ended, at one of the ends. */
static void settle_ends(struct list_nodes *n, const struct value_config *config)
{
    size_t depth = (size_t)config->list_compress_depth;
    if (!depth) return;
    settle_node(n, depth - 1, depth);
    settle_node(n, depth, depth);
    settle_node(n, n->count - depth, depth); /* beyond the end, where there are so few */
    settle_node(n, n->count - depth - 1, depth);
}

void nodes_settle(struct list_nodes *n, const struct value_config *config)
{
    size_t depth = (size_t)config->list_compress_depth;
    for (size_t i = 0; depth && i < n->count; i++) settle_node(n, i, depth);
}

/* ---- elements ---- */

struct list_spot nodes_seek(const struct list_nodes *n, size_t index)
{
    uint32_t i;
    if (index < n->elements / 2) {
        for (i = 0; index >= nodes_at(n, i)->count; i++) index -= nodes_at(n, i)->count;
        return (struct list_spot){i, (uint32_t)index};
    }
    size_t left = n->elements - index; /* from there to the end */
    for (i = n->count - 1; left > nodes_at(n, i)->count; i--) left -= nodes_at(n, i)->count;
    return (struct list_spot){i, (uint32_t)(nodes_at(n, i)->count - left)};
}

static void put_into(struct list_nodes *n, uint32_t i, uint32_t offset, struct slice text)
{
    struct list_node *node = nodes_at(n, i);
    struct packed *p = open_node(node);
    if (offset == node->count)
        p = packed_append(p, text);
    else
        p = packed_insert(p, packed_nth(p, offset), text);
    close_node(n, node, p);
}

void nodes_push(struct list_nodes *n, bool front, struct slice text,
                const struct value_config *config)
{
    uint32_t end = front ? 0 : n->count - 1;
    if (has_room(n, end, text.len, config)) {
        put_into(n, end, front ? 0 : nodes_at(n, end)->count, text);
        return;
    }
    add_node(n, front ? 0 : n->count, node_of(text, config));
    settle_ends(n, config);
}

/* Divides a node before the offset: what follows becomes a node behind it. */
static void divide(struct list_nodes *n, uint32_t i, uint32_t offset)
{
    struct list_node *node = nodes_at(n, i);
    struct packed *p = open_node(node), *tail = packed_copy(p);
    tail = packed_remove(tail, packed_first(tail), offset);
    close_node(n, node, packed_remove(p, packed_nth(p, offset), SIZE_MAX));
    add_node(n, i + 1, packed_node(tail));
}

/* Joins node `i` and the one behind it, if both are there and small enough. */
static bool join(struct list_nodes *n, uint32_t i, const struct value_config *config)
{
    if (i == UINT32_MAX || i + 1 >= n->count) return false;
    struct list_node *a = nodes_at(n, i), *b = nodes_at(n, i + 1);
    if (a->kind == NODE_PLAIN || b->kind == NODE_PLAIN) return false;
    if (nodes_exceed(config, a->size + b->size - PACKED_EMPTY_BYTES, a->count + b->count))
        return false;
    close_node(n, a, packed_join(open_node(a), open_node(b)));
    drop_nodes(n, i + 1, 1);
    return true;
}

/* Joins what can be joined around a node that was divided: as Redis, first the two before it, then
 * the two behind it, then it and those. */
static void join_around(struct list_nodes *n, uint32_t i, const struct value_config *config)
{
    if (i >= 2 && join(n, i - 2, config)) i--;
    join(n, i + 1, config);
    if (i >= 1 && join(n, i - 1, config)) i--;
    join(n, i, config);
}

static void insert_between(struct list_nodes *n, struct list_spot s, bool after, struct slice text,
                           const struct value_config *config)
{
    uint32_t at = s.offset + after, i = s.node, count = nodes_at(n, i)->count;
    if (at > 0 && at < count) {
        divide(n, i, at);
        if (nodes_must_be_plain(config, text.len)) {
            add_node(n, i + 1, plain_node(text));
            return;
        }
        /* It goes to the part that does not have the element beside which it is put. */
        if (after)
            put_into(n, i + 1, 0, text);
        else
            put_into(n, i, at, text);
        join_around(n, after ? i : i + 1, config);
        return;
    }
    bool at_end = at ? i + 1 == n->count : i == 0;
    add_node(n, at ? i + 1 : i, node_of(text, config));
    if (at_end && !nodes_must_be_plain(config, text.len)) join_around(n, at ? i : i + 1, config);
}

void nodes_insert(struct list_nodes *n, struct list_spot s, bool after, struct slice text,
                  const struct value_config *config)
{
    uint32_t at = s.offset + after, i = s.node, count = nodes_at(n, i)->count;
    if (has_room(n, i, text.len, config))
        put_into(n, i, at, text);
    else if (at == count && has_room(n, i + 1, text.len, config))
        put_into(n, i + 1, 0, text);
    else if (at == 0 && has_room(n, i - 1, text.len, config))
        put_into(n, i - 1, nodes_at(n, i - 1)->count, text);
    else
        insert_between(n, s, after, text, config);
    nodes_settle(n, config);
}

void nodes_replace(struct list_nodes *n, struct list_spot s, struct slice text,
                   const struct value_config *config)
{
    struct list_node *node = nodes_at(n, s.node);
    bool to_plain = nodes_must_be_plain(config, text.len);
    if (node->kind != NODE_PLAIN && !to_plain) {
        struct packed *p = open_node(node);
        close_node(n, node, packed_replace(p, packed_nth(p, s.offset), text));
        nodes_settle(n, config);
        return;
    }
    if (node->count == 1) {
        n->elements--;
        node_free(node);
        *node = node_of(text, config);
        n->elements++;
        join_around(n, s.node, config);
        nodes_settle(n, config);
        return;
    }
    size_t index = s.offset;
    for (uint32_t i = 0; i < s.node; i++) index += nodes_at(n, i)->count;
    nodes_insert(n, s, true, text, config);
    nodes_remove(n, index, 1, config);
}

/* Removes up to `count` elements of one node from the offset on; returns how many. */
static size_t remove_from(struct list_nodes *n, uint32_t i, uint32_t offset, size_t count)
{
    struct list_node *node = nodes_at(n, i);
    size_t there = node->count - offset;
    if (count > there) count = there;
    if (count == node->count) {
        drop_nodes(n, i, 1);
        return count;
    }
    struct packed *p = open_node(node);
    packed_at at = packed_nth(p, offset);
    close_node(n, node, packed_remove(p, at, count));
    return count;
}

void nodes_remove(struct list_nodes *n, size_t from, size_t count,
                  const struct value_config *config)
{
    if (!count) return;
    uint32_t before = n->count;
    struct list_spot s = nodes_seek(n, from);
    if (s.offset) {
        count -= remove_from(n, s.node, s.offset, count);
        s.node++;
    }
    uint32_t whole = 0;
    while (s.node + whole < n->count && count >= nodes_at(n, s.node + whole)->count)
        count -= nodes_at(n, s.node + whole++)->count;
    if (whole) drop_nodes(n, s.node, whole);
    if (count) remove_from(n, s.node, 0, count);
    if (before - n->count > 1 || (s.node && s.node < n->count))
        nodes_settle(n, config);
    else if (before != n->count)
        settle_ends(n, config);
}

/* ---- by text ---- */

/* The run of equal elements that begins at `at`, going backward where so wanted: where it starts in
 * the list, and its length, at most `max`. */
static size_t run_at(const struct packed *p, packed_at *at, struct slice text, size_t max,
                     bool backward)
{
    size_t run = 1;
    packed_at next = *at;
    while (run < max) {
        next = backward ? packed_prev(p, next) : packed_next(p, next);
        if (!next || !packed_equals(p, next, text)) break;
        if (backward) *at = next;
        run++;
    }
    return run;
}

struct packed *packed_remove_equal(struct packed *p, struct slice text, size_t max, bool backward,
                                   size_t *removed)
{
    packed_at at = backward ? packed_last(p) : packed_find(p, packed_first(p), text, 0);
    *removed = 0;
    while (at && *removed < max) {
        if (backward && !packed_equals(p, at, text)) {
            at = packed_prev(p, at);
            continue;
        }
        size_t run = run_at(p, &at, text, max - *removed, backward);
        p = packed_remove(p, at, run);
        *removed += run;
        if (backward)
            at = packed_prev(p, at); /* also of the end */
        else
            at = at == packed_bytes(p) - 1 ? PACKED_NONE : packed_find(p, at, text, 0);
    }
    return p;
}

/* The same in a node; it may be empty afterwards, and is gone then. */
static size_t remove_equal_from(struct list_nodes *n, uint32_t i, struct slice text, size_t max,
                                bool backward)
{
    struct list_node *node = nodes_at(n, i);
    size_t removed = 0;
    if (node->kind == NODE_PLAIN) {
        removed = slice_equal(node_plain(node), text);
    } else {
        struct packed *scratch;
        const struct packed *look = node_look(node, &scratch);
        bool found = packed_find(look, packed_first(look), text, 0) != PACKED_NONE;
        packed_free(scratch);
        if (!found) return 0;
        close_node(n, node, packed_remove_equal(open_node(node), text, max, backward, &removed));
    }
    if (node->count == 0 || (node->kind == NODE_PLAIN && removed)) drop_nodes(n, i, 1);
    return removed;
}

size_t nodes_remove_equal(struct list_nodes *n, struct slice text, size_t max, bool backward,
                          const struct value_config *config)
{
    size_t removed = 0;
    uint32_t i = backward ? n->count : 0;
    while (removed < max && (backward ? i > 0 : i < n->count)) {
        if (backward) i--;
        uint32_t had = n->count;
        removed += remove_equal_from(n, i, text, max - removed, backward);
        if (!backward && n->count == had) i++;
    }
    nodes_settle(n, config);
    return removed;
}
