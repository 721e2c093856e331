#include "list.h"

#include "../base/assert.h"
#include "../base/little.h"
#include "../base/mem.h"
#include "list_nodes.h"

static struct packed *packed_of(const struct value *v)
{
    return v->at;
}

static struct list_nodes *nodes_of(const struct value *v)
{
    return v->at;
}

static bool is_packed(const struct value *v)
{
    return v->encoding == ENCODING_PACKED;
}

struct value list_new(void)
{
    return (struct value){TYPE_LIST, ENCODING_PACKED, packed_new()};
}

size_t list_count(const struct value *v)
{
    return is_packed(v) ? packed_count(packed_of(v)) : nodes_of(v)->elements;
}

bool list_index(const struct value *v, int64_t given, size_t *index)
{
    int64_t count = (int64_t)list_count(v);
    if (given < 0) given += count;
    *index = (size_t)given;
    return given >= 0 && given < count;
}

size_t list_range(const struct value *v, int64_t start, int64_t stop, size_t *from)
{
    int64_t count = (int64_t)list_count(v);
    if (start < 0) start = start < -count ? 0 : start + count;
    if (stop < 0) stop += count;
    if (stop >= count) stop = count - 1;
    *from = (size_t)start;
    return start > stop ? 0 : (size_t)(stop - start) + 1;
}

bool list_layout(const struct value *v, struct list_layout *out)
{
    if (is_packed(v)) return false;
    const struct list_nodes *n = nodes_of(v);
    *out = (struct list_layout){.nodes = n->count};
    for (uint32_t i = 0; i < n->count; i++) out->bytes += nodes_at(n, i)->size;
    return true;
}

/* ---- from one encoding to the other ---- */

static void unpack(struct value *v)
{
    struct packed *p = packed_of(v);
    struct list_nodes *n = nodes_new();
    if (packed_first(p))
        nodes_add_packed(n, p);
    else
        packed_free(p);
    v->encoding = ENCODING_NODES;
    v->at = n;
}

/* Before texts are added: will it be too large for one packed list? */
static void may_grow(struct value *v, const struct slice *texts, size_t count,
                     const struct value_config *config)
{
    if (!is_packed(v)) return;
    size_t bytes = packed_bytes(packed_of(v));
    for (size_t i = 0; i < count; i++) bytes += texts[i].len;
    if (nodes_exceed(config, bytes, packed_count(packed_of(v)) + count)) unpack(v);
}

/* Is one node all that there is, and `times` of it would be small enough? Then it is the list. */
static void may_pack(struct value *v, size_t times, const struct value_config *config)
{
    struct list_nodes *n = nodes_of(v);
    if (n->count != 1 || !nodes_is_small(config, nodes_at(n, 0), times)) return;
    v->at = nodes_take_only(n);
    v->encoding = ENCODING_PACKED;
}

/* After something was taken away: back only at half the limit, lest a list at the limit go to and
 * fro. */
static void may_shrink(struct value *v, const struct value_config *config)
{
    if (!is_packed(v)) may_pack(v, 2, config);
}

void list_settle(struct value *v, const struct value_config *config)
{
    if (is_packed(v))
        may_grow(v, NULL, 0, config);
    else
        may_pack(v, 1, config);
    if (!is_packed(v)) nodes_settle(nodes_of(v), config);
}

void list_add_packed(struct value *v, struct packed *p, const struct value_config *config)
{
    if (!packed_first(p)) {
        packed_free(p);
        return;
    }
    if (list_count(v) == 0 && is_packed(v) && !nodes_exceed(config, packed_bytes(p), 0)) {
        packed_free(packed_of(v));
        v->at = p;
        return;
    }
    if (is_packed(v)) unpack(v);
    nodes_add_packed(nodes_of(v), p);
}

/* ---- changes ---- */

void list_push(struct value *v, enum list_end end, const struct slice *texts, size_t count,
               const struct value_config *config)
{
    may_grow(v, texts, count, config);
    for (size_t i = 0; i < count; i++) {
        if (!is_packed(v))
            nodes_push(nodes_of(v), end == LIST_LEFT, texts[i], config);
        else if (end == LIST_LEFT)
            v->at = packed_prepend(v->at, texts[i]);
        else
            v->at = packed_append(v->at, texts[i]);
    }
}

void list_remove(struct value *v, size_t from, size_t count, const struct value_config *config)
{
    size_t there = list_count(v);
    if (from >= there || !count) return;
    if (count > there - from) count = there - from;
    if (is_packed(v))
        v->at = packed_remove(v->at, packed_nth(v->at, (int64_t)from), count);
    else
        nodes_remove(nodes_of(v), from, count, config);
    may_shrink(v, config);
}

void list_drop(struct value *v, enum list_end end, size_t count, const struct value_config *config)
{
    size_t there = list_count(v);
    if (count > there) count = there;
    list_remove(v, end == LIST_LEFT ? 0 : there - count, count, config);
}

void list_trim(struct value *v, int64_t start, int64_t stop, const struct value_config *config)
{
    size_t from, count = list_range(v, start, stop, &from);
    if (!count) from = 0;
    list_remove(v, from + count, SIZE_MAX, config);
    list_remove(v, 0, from, config);
}

void list_set(struct value *v, size_t index, struct slice text, const struct value_config *config)
{
    may_grow(v, &text, 1, config);
    if (is_packed(v))
        v->at = packed_replace(v->at, packed_nth(v->at, (int64_t)index), text);
    else
        nodes_replace(nodes_of(v), nodes_seek(nodes_of(v), index), text, config);
    may_shrink(v, config);
}

/* Where in the nodes the first element of this text is. */
static bool seek_text(const struct list_nodes *n, struct slice text, struct list_spot *out)
{
    for (uint32_t i = 0; i < n->count; i++) {
        const struct list_node *node = nodes_at(n, i);
        *out = (struct list_spot){i, 0};
        if (node->kind == NODE_PLAIN) {
            if (slice_equal(node_plain(node), text)) return true;
            continue;
        }
        struct packed *scratch;
        const struct packed *p = node_look(node, &scratch);
        packed_at found = packed_find(p, packed_first(p), text, 0);
        for (packed_at at = packed_first(p); found && at != found; at = packed_next(p, at))
            out->offset++;
        packed_free(scratch);
        if (found) return true;
    }
    return false;
}

bool list_insert(struct value *v, bool after, struct slice pivot, struct slice text,
                 const struct value_config *config)
{
    if (is_packed(v)) {
        if (!packed_find(v->at, packed_first(v->at), pivot, 0)) return false;
        may_grow(v, &text, 1, config);
    }
    if (!is_packed(v)) {
        struct list_spot s;
        bool found = seek_text(nodes_of(v), pivot, &s);
        if (found) nodes_insert(nodes_of(v), s, after, text, config);
        return found;
    }
    packed_at at = packed_find(v->at, packed_first(v->at), pivot, 0);
    if (after) at = packed_next(v->at, at);
    v->at = at ? packed_insert(v->at, at, text) : packed_append(v->at, text);
    return true;
}

size_t list_remove_equal(struct value *v, int64_t count, struct slice text,
                         const struct value_config *config)
{
    bool backward = count < 0;
    size_t max = count == 0 ? SIZE_MAX : backward ? 0 - (size_t)count : (size_t)count, removed;
    if (is_packed(v))
        v->at = packed_remove_equal(v->at, text, max, backward, &removed);
    else
        removed = nodes_remove_equal(nodes_of(v), text, max, backward, config);
    if (removed) may_shrink(v, config);
    return removed;
}

/* ---- going about ---- */

/* Enters the node it->node. */
static void enter_node(struct list_iter *it)
{
    const struct list_node *node = nodes_at(nodes_of(it->list), it->node);
    packed_free(it->scratch);
    it->scratch = NULL;
    it->at = PACKED_NONE;
    it->packed = node->kind == NODE_PLAIN ? NULL : node_look(node, &it->scratch);
    if (!it->packed) it->plain = node_plain(node);
}

void list_begin(struct list_iter *it, const struct value *v, size_t index, bool backward)
{
    size_t count = list_count(v);
    *it = (struct list_iter){.list = v, .backward = backward};
    if (index >= count) return;
    it->left = backward ? index + 1 : count - index;
    uint32_t offset = (uint32_t)index;
    if (is_packed(v)) {
        it->packed = packed_of(v);
    } else {
        struct list_spot s = nodes_seek(nodes_of(v), index);
        it->node = s.node;
        offset = s.offset;
        enter_node(it);
    }
    if (!it->packed) return;
    /* To stand before the element is to stand on the one that the other direction has next. */
    packed_at at = packed_nth(it->packed, offset);
    it->at = backward ? packed_next(it->packed, at) : packed_prev(it->packed, at);
}

bool list_next(struct list_iter *it)
{
    if (!it->left) return false;
    it->left--;
    for (;;) {
        if (!it->packed) {
            /* A plain node: its element is met once, then the next node is entered. */
            if (it->at == PACKED_NONE) {
                it->at = 1;
                return true;
            }
        } else {
            const struct packed *p = it->packed;
            if (it->at)
                it->at = it->backward ? packed_prev(p, it->at) : packed_next(p, it->at);
            else
                it->at = it->backward ? packed_last(p) : packed_first(p);
            if (it->at) return true;
        }
        it->node += it->backward ? UINT32_MAX : 1;
        enter_node(it);
    }
}

struct slice list_text(struct list_iter *it)
{
    return it->packed ? packed_text(it->packed, it->at, it->digits) : it->plain;
}

struct list_sought list_sought(struct slice text)
{
    struct list_sought s = {.text = text};
    s.is_int = text_to_int(text, &s.number);
    return s;
}

bool list_is(const struct list_iter *it, const struct list_sought *s)
{
    int64_t number;
    char none[TEXT_INT_MAX];
    if (!it->packed) return slice_equal(it->plain, s->text);
    if (packed_is_int(it->packed, it->at, &number)) return s->is_int && number == s->number;
    return !s->is_int && slice_equal(packed_text(it->packed, it->at, none), s->text);
}

void list_end(struct list_iter *it)
{
    packed_free(it->scratch);
    it->scratch = NULL;
}

/* ---- as a kind of value ---- */

static size_t list_bytes(const struct value *v)
{
    return is_packed(v) ? mem_cost(packed_bytes(packed_of(v))) : nodes_bytes(nodes_of(v));
}

static struct value list_copy(const struct value *v, const struct value_config *config)
{
    struct value copy = *v;
    (void)config;
    if (is_packed(v))
        copy.at = packed_copy(packed_of(v));
    else
        copy.at = nodes_copy(nodes_of(v));
    return copy;
}

static bool list_free_some(struct value *v, size_t elements)
{
    if (!is_packed(v)) return nodes_free_some(nodes_of(v), elements);
    packed_free(packed_of(v));
    return true;
}

static void list_each(const struct value *v, value_visit *visit, void *ctx)
{
    struct list_iter it;
    list_begin(&it, v, 0, false);
    while (list_next(&it)) {
        struct value_item item = {.member = list_text(&it), .deadline = -1};
        visit(ctx, &item);
    }
    list_end(&it);
}

/* As bytes: nodes one after the other, each with its kind, the size of its packed list or element,
 * for pressed ones what that has become, then its bytes; and an end. A list that is packed is one
 * node of a kind of its own. See docs/format/snapshot.md. */
enum { CODE_END, CODE_PACKED_NODE, CODE_PRESSED, CODE_PLAIN, CODE_PACKED };

static void put_number(struct buffer *to, uint64_t number)
{
    char bytes[VARINT_MAX];
    buffer_add(to, bytes, (size_t)(put_varint(bytes, number) - bytes));
}

static void put_part(struct buffer *to, char code, struct slice bytes)
{
    buffer_add_byte(to, code);
    put_number(to, bytes.len);
    buffer_add_slice(to, bytes);
}

static void encode_node(const struct list_node *node, struct buffer *to)
{
    switch ((enum list_node_kind)node->kind) {
    case NODE_PACKED: put_part(to, CODE_PACKED_NODE, packed_slice(node->at)); break;
    case NODE_PLAIN: put_part(to, CODE_PLAIN, node_plain(node)); break;
    case NODE_PRESSED:
        put_part(to, CODE_PRESSED, node_pressed(node));
        put_number(to, node->size);
        break;
    }
}

static bool list_encode_some(const struct value *v, struct value_progress *p, size_t bytes,
                             struct buffer *to)
{
    size_t from = to->len;
    if (is_packed(v)) {
        put_part(to, CODE_PACKED, packed_slice(packed_of(v)));
        return true;
    }
    const struct list_nodes *n = nodes_of(v);
    for (; p->at < n->count && to->len - from < bytes; p->at++)
        encode_node(nodes_at(n, (uint32_t)p->at), to);
    if (p->at < n->count) return false;
    buffer_add_byte(to, CODE_END);
    return true;
}

static void list_encode(const struct value *v, struct buffer *to)
{
    struct value_progress p = {0};
    list_encode_some(v, &p, SIZE_MAX, to);
}

static bool take_part(struct slice *from, unsigned char *code, struct slice *bytes)
{
    uint64_t len;
    if (!from->len) return false;
    *code = (unsigned char)*from->at;
    *from = slice_from(*from, 1);
    if (*code == CODE_END) return true;
    if (*code > CODE_PACKED || !take_varint(from, &len) || len > from->len) return false;
    *bytes = slice_of(from->at, len);
    *from = slice_from(*from, len);
    return true;
}

static bool is_sound_part(struct slice bytes)
{
    return packed_is_sound(bytes) && bytes.len > PACKED_EMPTY_BYTES;
}

static bool decode_node(struct slice *from, struct list_nodes *n, unsigned char code,
                        struct slice bytes)
{
    uint64_t size;
    switch (code) {
    case CODE_PACKED_NODE:
        if (!is_sound_part(bytes)) return false;
        nodes_add_packed(n, packed_from(bytes));
        return true;
    case CODE_PRESSED: return take_varint(from, &size) && nodes_add_pressed(n, bytes, size);
    case CODE_PLAIN:
        if (!bytes.len || bytes.len > UINT32_MAX) return false;
        nodes_add_plain(n, bytes);
        return true;
    default: return false;
    }
}

static bool list_decode(struct slice *from, const struct value_config *config, struct value *out)
{
    unsigned char code;
    struct slice bytes;
    if (!take_part(from, &code, &bytes)) return false;
    if (code == CODE_PACKED) {
        if (!is_sound_part(bytes)) return false;
        *out = (struct value){TYPE_LIST, ENCODING_PACKED, packed_from(bytes)};
        return true;
    }
    struct list_nodes *n = nodes_new();
    bool good = code != CODE_END;
    while (good && code != CODE_END)
        good = decode_node(from, n, code, bytes) && take_part(from, &code, &bytes);
    if (!good) {
        nodes_free_some(n, SIZE_MAX);
        return false;
    }
    nodes_settle(n, config);
    *out = (struct value){TYPE_LIST, ENCODING_NODES, n};
    return true;
}

const struct value_kind value_kind_list = {
    .name = {"list", 4},
    .count = list_count,
    .bytes = list_bytes,
    .copy = list_copy,
    .free_some = list_free_some,
    .each = list_each,
    .encode = list_encode,
    .encode_some = list_encode_some,
    .decode = list_decode,
};
