/* Going through a stream. Within a node there is no index: its entries are gone through from the
 * head; but in the last node, where most readers are, from the end. */
#include "../base/assert.h"
#include "stream.h"

static const struct packed *list_of(const struct stream_cursor *c)
{
    return stream_node_at(c->stream, c->node)->entries;
}

static int64_t take_int(struct stream_cursor *c)
{
    int64_t n = 0;
    packed_is_int(list_of(c), c->next, &n);
    c->next = packed_next(list_of(c), c->next);
    return n;
}

/* The last node that may have an entry with this id, or one before it; the first if there is none.
 */
static size_t node_of(const struct stream *s, struct event_id id)
{
    size_t low = 0, high = s->nodes_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (id_compare(stream_node_at(s, mid)->first, id) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low ? low - 1 : 0;
}

void stream_seek(struct stream_cursor *c, const struct stream *s, struct event_id first,
                 struct event_id last, bool reverse)
{
    c->stream = s;
    c->first = first;
    c->last = last;
    c->reverse = reverse;
    c->entered = false;
    c->at = PACKED_NONE;
    c->node = s->nodes_count ? node_of(s, reverse ? last : first) : 0;
}

/* ---- entries ---- */

/* Reads the entry at `at`, up to its fields. */
static void read_entry(struct stream_cursor *c, packed_at at)
{
    struct event_id base = stream_node_at(c->stream, c->node)->first;
    c->at = c->next = at;
    c->flags = (uint64_t)take_int(c);
    c->id.ms = base.ms + (uint64_t)take_int(c);
    c->id.n = base.n + (uint64_t)take_int(c);
    if (c->flags & STREAM_SAME_FIELDS) {
        c->left = c->fields = c->head_fields;
        c->field = c->head;
    } else {
        c->fields = (size_t)take_int(c);
        c->left = 2 * c->fields;
    }
}

/* The place behind the entry. */
static packed_at behind_entry(struct stream_cursor *c)
{
    packed_at at = c->next;
    for (size_t left = c->left; left; left--) at = packed_next(list_of(c), at);
    return packed_next(list_of(c), at); /* the number of elements */
}

/* The entry that ends before `at`, or at the end with PACKED_NONE. */
static packed_at entry_before(const struct stream_cursor *c, packed_at at)
{
    const struct packed *p = list_of(c);
    int64_t elements = 0;
    at = at ? packed_prev(p, at) : packed_last(p);
    packed_is_int(p, at, &elements);
    if (!elements) return PACKED_NONE; /* the end of the head */
    while (elements-- > 0) at = packed_prev(p, at);
    return at;
}

/* Reads the head: the place of the first entry. */
static packed_at enter_node(struct stream_cursor *c)
{
    const struct packed *p = list_of(c);
    c->next = packed_next(p, packed_next(p, packed_first(p)));
    c->head_fields = (uint64_t)take_int(c);
    c->head = c->next;
    packed_at at = c->next;
    for (uint64_t i = 0; i < c->head_fields; i++) at = packed_next(p, at);
    c->entered = true;
    return packed_next(p, at);
}

/* Goes to the first entry of the node that may be in the range; false when there is none. */
static bool begin_node(struct stream_cursor *c)
{
    packed_at at = enter_node(c), before = PACKED_NONE;
    if (c->reverse) {
        at = entry_before(c, PACKED_NONE);
    } else if (c->node && c->node == c->stream->nodes_count - 1) {
        /* Back from the end to the last one before the range. */
        while ((before = entry_before(c, before))) {
            read_entry(c, before);
            if (id_compare(c->id, c->first) < 0) break;
            at = before;
        }
        if (before && !(at = behind_entry(c))) return false;
    }
    read_entry(c, at);
    return true;
}

/* Goes on by one entry, deleted or not; false at the end of the stream. */
static bool step(struct stream_cursor *c)
{
    if (c->entered) {
        packed_at at = c->reverse ? entry_before(c, c->at) : behind_entry(c);
        if (at) {
            read_entry(c, at);
            return true;
        }
        if (c->reverse && !c->node) return false;
        c->node = c->reverse ? c->node - 1 : c->node + 1;
    }
    for (; c->node < c->stream->nodes_count; c->node++)
        if (begin_node(c)) return true;
    return false;
}

bool stream_next(struct stream_cursor *c)
{
    while (step(c)) {
        if (id_compare(c->id, c->reverse ? c->first : c->last) == (c->reverse ? -1 : 1)) break;
        if (c->flags & STREAM_DELETED) continue;
        if (id_compare(c->id, c->first) >= 0 && id_compare(c->id, c->last) <= 0) return true;
    }
    c->node = c->stream->nodes_count; /* it stays at the end */
    c->entered = c->reverse = false;
    return false;
}

void stream_field(struct stream_cursor *c, struct slice *name, struct slice *value)
{
    const struct packed *p = list_of(c);
    DCHECK(c->left);
    if (c->flags & STREAM_SAME_FIELDS) {
        *name = packed_text(p, c->field, c->digits[0]);
        c->field = packed_next(p, c->field);
        c->left--;
    } else {
        *name = packed_text(p, c->next, c->digits[0]);
        c->next = packed_next(p, c->next);
        c->left -= 2;
    }
    *value = packed_text(p, c->next, c->digits[1]);
    c->next = packed_next(p, c->next);
}

bool stream_has(const struct stream *s, struct event_id id)
{
    struct stream_cursor c;
    stream_seek(&c, s, id, id, false);
    return stream_next(&c);
}
