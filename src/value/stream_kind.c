/* What streams offer to the rooms above, as every type does; and nodes that come from elsewhere. */
#include "../base/mem.h"
#include "stream.h"

struct value stream_new(const struct value_config *config)
{
    struct stream *s = mem_new(struct stream);
    s->secret = config->secret;
    return (struct value){TYPE_STREAM, ENCODING_LOG, s};
}

static size_t stream_count(const struct value *v)
{
    return (size_t)stream_of(v)->length;
}

static size_t stream_bytes(const struct value *v)
{
    const struct stream *s = v->at;
    size_t bytes = mem_cost(sizeof *s) + mem_cost(s->nodes_cap * sizeof *s->nodes) +
                   s->entries_bytes + mem_cost(s->groups_cap * sizeof *s->groups);
    for (size_t i = 0; i < s->groups_count; i++) {
        const struct stream_group *g = s->groups[i];
        bytes += mem_cost(sizeof *g) + mem_cost(g->name.len) + crew_bytes(&g->crew);
    }
    return bytes;
}

static struct value stream_copy(const struct value *v, const struct value_config *config)
{
    const struct stream *from = v->at;
    struct value copy = stream_new(config);
    struct stream *s = copy.at;
    for (size_t i = 0; i < from->nodes_count; i++) {
        const struct stream_node *node = stream_node_at(from, i);
        stream_append_node(s, (struct stream_node){node->first, packed_copy(node->entries)});
    }
    s->length = from->length;
    s->first = from->first;
    stream_set_id(s, from->last, from->added, from->max_deleted);
    for (size_t i = 0; i < from->groups_count; i++) {
        struct stream_group *g = from->groups[i];
        struct crew *crew = &stream_add_group(s, g->name, g->last, g->entries_read)->crew;
        crew_fini(crew);
        *crew = crew_copy(&g->crew);
    }
    return copy;
}

/* Nodes from the last one on, then groups, each of which counts as what is pending there. */
static bool stream_free_some(struct value *v, size_t elements)
{
    enum { PER_NODE = 100, PER_LEAF = 100 };
    struct stream *s = v->at;
    size_t left = elements / PER_NODE + 1;
    for (; s->nodes_count && left; left--)
        packed_free(stream_node_at(s, --s->nodes_count)->entries);
    while (s->groups_count && left) {
        struct stream_group *g = s->groups[s->groups_count - 1];
        size_t cost = g->crew.pending.leaves_count / PER_LEAF + crew_consumers(&g->crew) + 1;
        left -= cost < left ? cost : left;
        stream_erase_group(s, g);
    }
    if (s->nodes_count || s->groups_count) return false;
    mem_free(s->nodes, s->nodes_cap * sizeof *s->nodes);
    mem_delete(s);
    return true;
}

/* ---- snapshots: docs/format/stream.md ---- */

static void encode_head(const struct stream *s, struct buffer *to)
{
    code_put_id(to, s->last);
    code_put_id(to, s->max_deleted);
    code_put(to, s->added);
    code_put(to, s->nodes_count);
}

/* Behind the nodes `at` counts on: their number of groups, and then each of these. */
static bool encode_groups_some(const struct stream *s, struct value_progress *p, size_t end,
                               struct buffer *to)
{
    if (p->at == s->nodes_count) {
        code_put(to, s->groups_count);
        p->at++;
    }
    for (; p->at <= s->nodes_count + s->groups_count; p->at++) {
        struct stream_group *g = s->groups[p->at - s->nodes_count - 1];
        if (to->len >= end) return false;
        if (!p->within.stage) {
            code_put_text(to, g->name);
            code_put_id(to, g->last);
            code_put_read(to, g->entries_read);
        }
        if (!crew_save_some(&g->crew, &p->within, end, to)) return false;
        p->within = (struct progress_within){0};
    }
    return true;
}

static bool stream_encode_some(const struct value *v, struct value_progress *p, size_t bytes,
                               struct buffer *to)
{
    const struct stream *s = v->at;
    size_t end = bytes < SIZE_MAX - to->len ? to->len + bytes : SIZE_MAX;
    if (!p->begun) encode_head(s, to);
    p->begun = true;
    for (; p->at < s->nodes_count && to->len < end; p->at++) {
        const struct stream_node *node = stream_node_at(s, (size_t)p->at);
        code_put_id(to, node->first);
        code_put_text(to, packed_slice(node->entries));
    }
    return p->at >= s->nodes_count && encode_groups_some(s, p, end, to);
}

static void stream_encode(const struct value *v, struct buffer *to)
{
    struct value_progress p = {0};
    stream_encode_some(v, &p, SIZE_MAX, to);
}

static bool decode_group(struct stream *s, struct slice *from)
{
    static const struct crew_bounds bounds = {STREAM_CONSUMERS_MAX, SIZE_MAX, SIZE_MAX};
    struct slice name;
    struct event_id last;
    int64_t read;
    if (!code_get_text(from, &name) || !code_get_id(from, &last) || !code_get_read(from, &read))
        return false;
    struct stream_group *g = stream_add_group(s, name, last, read);
    return g && crew_load(&g->crew, from, &bounds);
}

static bool decode(struct stream *s, struct slice *from)
{
    struct event_id id, last, max_deleted;
    uint64_t added, count;
    struct slice bytes;
    if (!code_get_id(from, &last) || !code_get_id(from, &max_deleted) || !code_get(from, &added))
        return false;
    if (!code_get(from, &count)) return false;
    for (; count; count--)
        if (!code_get_id(from, &id) || !code_get_text(from, &bytes) ||
            !stream_load_node(s, id, bytes))
            return false;
    if (id_compare(stream_last_entry(s), last) > 0 || added > INT64_MAX) return false;
    stream_set_id(s, last, added, max_deleted);
    if (!code_get(from, &count)) return false;
    for (; count; count--)
        if (!decode_group(s, from)) return false;
    return true;
}

static bool stream_decode(struct slice *from, const struct value_config *config, struct value *out)
{
    *out = stream_new(config);
    if (decode(out->at, from)) return true;
    value_free(out);
    return false;
}

/* ---- nodes from elsewhere ---- */

/* Takes the next element, which must be an integer from 0 to `max`. */
static bool take(const struct packed *p, packed_at *at, int64_t max, int64_t *n)
{
    if (!*at || !packed_is_int(p, *at, n) || *n < 0 || *n > max) return false;
    *at = packed_next(p, *at);
    return true;
}

static bool take_any(const struct packed *p, packed_at *at, int64_t *n)
{
    if (!*at || !packed_is_int(p, *at, n)) return false;
    *at = packed_next(p, *at);
    return true;
}

static bool skip(const struct packed *p, packed_at *at, int64_t count)
{
    for (; count && *at; count--) *at = packed_next(p, *at);
    return !count;
}

/* An entry, whose id is beyond *last. */
static bool sound_entry(const struct packed *p, packed_at *at, struct event_id base,
                        int64_t head_fields, struct event_id *last, int64_t *flags)
{
    int64_t ms, n, fields = head_fields, elements, expected;
    if (!take(p, at, STREAM_DELETED | STREAM_SAME_FIELDS, flags)) return false;
    if (!take_any(p, at, &ms) || !take_any(p, at, &n)) return false;
    struct event_id id = {base.ms + (uint64_t)ms, base.n + (uint64_t)n};
    if (id_compare(id, *last) <= 0 || id_compare(id, base) < 0) return false;
    *last = id;
    bool same = *flags & STREAM_SAME_FIELDS;
    if (!same && (!take(p, at, PACKED_BYTES_MAX, &fields) || !fields)) return false;
    expected = 3 + (same ? fields : 2 * fields + 1);
    if (!skip(p, at, same ? fields : 2 * fields)) return false;
    return take(p, at, INT64_MAX, &elements) && elements == expected;
}

/* Are the elements those of a node? Counts its entries, and tells the last id. */
static bool sound_node(const struct packed *p, struct event_id base, int64_t *count,
                       struct event_id *last)
{
    int64_t deleted, fields, zero, flags, seen[2] = {0};
    packed_at at = packed_first(p);
    if (!take(p, &at, INT64_MAX, count) || !take(p, &at, INT64_MAX, &deleted)) return false;
    if (!take(p, &at, PACKED_BYTES_MAX, &fields) || !skip(p, &at, fields)) return false;
    if (!take(p, &at, 0, &zero)) return false;
    while (at) {
        if (!sound_entry(p, &at, base, fields, last, &flags)) return false;
        seen[flags & STREAM_DELETED]++;
    }
    return seen[0] == *count && seen[STREAM_DELETED] == deleted;
}

/* The last id of the nodes that are there, deleted or not. */
static struct event_id last_of_all(const struct stream *s)
{
    struct event_id last = {0};
    int64_t count;
    if (s->nodes_count) {
        const struct stream_node *node = stream_node_at(s, s->nodes_count - 1);
        sound_node(node->entries, node->first, &count, &last);
    }
    return last;
}

bool stream_load_node(struct stream *s, struct event_id first, struct slice bytes)
{
    struct event_id last = last_of_all(s);
    int64_t count;
    struct stream_cursor c;
    if (!packed_is_sound(bytes) || id_compare(first, last) <= 0) return false;
    struct packed *p = packed_from(bytes);
    bool sound = sound_node(p, first, &count, &last);
    if (!sound || !count) { /* all that Redis had in it was deleted */
        packed_free(p);
        return sound;
    }
    stream_append_node(s, (struct stream_node){first, p});
    s->length += (uint64_t)count;
    if (s->length != (uint64_t)count) return true;
    stream_seek(&c, s, (struct event_id){0}, ID_LAST, false);
    if (stream_next(&c)) s->first = c.id;
    return true;
}

const struct value_kind value_kind_stream = {
    .name = {"stream", 6},
    .count = stream_count,
    .bytes = stream_bytes,
    .copy = stream_copy,
    .free_some = stream_free_some,
    .encode = stream_encode,
    .encode_some = stream_encode_some,
    .decode = stream_decode,
};
