/* Streams: their entries, added behind, deleted anywhere, trimmed in front.
 *
 * Nodes are an array with room at both ends: what is added goes to its end, what is trimmed leaves
 * room in front, which is taken back when the end has none left.
 *
 * Invariants:
 *  1. Ids ascend, within a node and from one to the next; none is behind `last`.
 *  2. A node has an entry that is not deleted, and its head counts both sorts right.
 *  3. `length`, `first` and `entries_bytes` are what the nodes say. */
#include "stream.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"

static int64_t int_at(const struct packed *p, packed_at at)
{
    int64_t n = 0;
    packed_is_int(p, at, &n);
    return n;
}

/* ---- nodes ---- */

/* Room for one more at the end. */
static void make_room(struct stream *s)
{
    size_t size = sizeof *s->nodes;
    if (s->nodes_first + s->nodes_count < s->nodes_cap) return;
    if (s->nodes_first && s->nodes_first >= s->nodes_count) {
        memmove(s->nodes, s->nodes + s->nodes_first, s->nodes_count * size);
    } else {
        size_t cap = s->nodes_count ? s->nodes_count * 2 : 1;
        struct stream_node *nodes = mem_alloc(cap * size);
        if (s->nodes_count) memcpy(nodes, s->nodes + s->nodes_first, s->nodes_count * size);
        mem_free(s->nodes, s->nodes_cap * size);
        s->nodes = nodes;
        s->nodes_cap = cap;
    }
    s->nodes_first = 0;
}

void stream_append_node(struct stream *s, struct stream_node node)
{
    make_room(s);
    *stream_node_at(s, s->nodes_count++) = node;
    s->entries_bytes += mem_cost(packed_bytes(node.entries));
}

static void erase_node(struct stream *s, size_t i)
{
    struct stream_node *node = stream_node_at(s, i);
    size_t behind = s->nodes_count - i - 1, size = sizeof *node;
    s->entries_bytes -= mem_cost(packed_bytes(node->entries));
    packed_free(node->entries);
    s->nodes_count--;
    if (i == 0)
        s->nodes_first++;
    else
        memmove(node, node + 1, behind * size);
    if (s->nodes_count) return;
    mem_free(s->nodes, s->nodes_cap * size);
    s->nodes = NULL;
    s->nodes_first = s->nodes_cap = 0;
}

/* The packed list of a node is changed between these two. */
static struct packed *begin_change(struct stream *s, size_t i)
{
    struct packed *p = stream_node_at(s, i)->entries;
    s->entries_bytes -= mem_cost(packed_bytes(p));
    return p;
}

static void end_change(struct stream *s, size_t i, struct packed *p)
{
    s->entries_bytes += mem_cost(packed_bytes(p));
    stream_node_at(s, i)->entries = p;
}

/* How many entries of a node are there, and are deleted. */
static uint64_t count_of(const struct packed *p)
{
    return (uint64_t)int_at(p, packed_first(p));
}

static uint64_t deleted_of(const struct packed *p)
{
    return (uint64_t)int_at(p, packed_next(p, packed_first(p)));
}

/* The digits of a number, as packed lists take them. */
static struct packed *replace_int(struct packed *p, packed_at at, int64_t n)
{
    char digits[TEXT_INT_MAX];
    return packed_replace(p, at, slice_of(digits, text_from_int(digits, n)));
}

static struct packed *count_deleted(struct packed *p, uint64_t count)
{
    p = replace_int(p, packed_first(p), int_at(p, packed_first(p)) - (int64_t)count);
    packed_at at = packed_next(p, packed_first(p));
    return replace_int(p, at, int_at(p, at) + (int64_t)count);
}

/* ---- ids ---- */

static void find_first(struct stream *s)
{
    struct stream_cursor c;
    stream_seek(&c, s, (struct event_id){0}, ID_LAST, false);
    s->first = stream_next(&c) ? c.id : (struct event_id){0};
}

struct event_id stream_last_entry(const struct stream *s)
{
    struct stream_cursor c;
    stream_seek(&c, s, (struct event_id){0}, ID_LAST, true);
    return stream_next(&c) ? c.id : (struct event_id){0};
}

bool stream_next_id(const struct stream *s, int64_t now_ms, struct event_id *id)
{
    uint64_t now = now_ms > 0 ? (uint64_t)now_ms : 0;
    *id = now > s->last.ms ? (struct event_id){now, 0} : id_after(s->last);
    return id_compare(*id, s->last) > 0;
}

void stream_set_id(struct stream *s, struct event_id last, uint64_t added,
                   struct event_id max_deleted)
{
    s->last = last;
    s->added = added;
    s->max_deleted = max_deleted;
}

/* ---- adding ---- */

/* What the words take in a packed list, at most, and the sum of their lengths. */
static size_t cost_of(const struct slice *words, size_t count, size_t *bytes)
{
    size_t cost = 0;
    *bytes = 0;
    for (size_t i = 0; i < count; i++) {
        cost += packed_cost(words[i]);
        *bytes += words[i].len;
    }
    return cost;
}

enum { AROUND = 100 }; /* what an entry has beside its words, at most */

/* Is there room in the last node? As Redis decides it. */
static bool has_room(const struct stream *s, size_t bytes, size_t cost,
                     const struct value_config *config)
{
    if (!s->nodes_count) return false;
    const struct packed *p = stream_node_at(s, s->nodes_count - 1)->entries;
    size_t max = config->stream_node_max_bytes, entries = config->stream_node_max_entries;
    if (!max || max > PACKED_BYTES_MAX) max = PACKED_BYTES_MAX;
    if (packed_bytes(p) + bytes >= max || packed_bytes(p) + cost + AROUND > PACKED_BYTES_MAX)
        return false;
    return !entries || count_of(p) + deleted_of(p) < entries;
}

static struct packed *new_head(const struct slice *words, size_t count)
{
    struct packed *p = packed_new();
    p = packed_append_int(p, 0);
    p = packed_append_int(p, 0);
    p = packed_append_int(p, (int64_t)(count / 2));
    for (size_t i = 0; i < count; i += 2) p = packed_append(p, words[i]);
    return packed_append_int(p, 0);
}

static bool has_fields_of_head(const struct packed *p, const struct slice *words, size_t count)
{
    packed_at at = packed_next(p, packed_next(p, packed_first(p)));
    if (int_at(p, at) != (int64_t)(count / 2)) return false;
    for (size_t i = 0; i < count; i += 2) {
        at = packed_next(p, at);
        if (!packed_equals(p, at, words[i])) return false;
    }
    return true;
}

static struct packed *append_entry(struct packed *p, struct event_id base, struct event_id id,
                                   const struct slice *words, size_t count)
{
    bool same = has_fields_of_head(p, words, count);
    size_t elements = 3 + (same ? count / 2 : count + 1);
    p = packed_append_int(p, same ? STREAM_SAME_FIELDS : 0);
    p = packed_append_int(p, (int64_t)(id.ms - base.ms));
    p = packed_append_int(p, (int64_t)(id.n - base.n));
    if (!same) p = packed_append_int(p, (int64_t)(count / 2));
    for (size_t i = same; i < count; i += 1 + same) p = packed_append(p, words[i]);
    p = packed_append_int(p, (int64_t)elements);
    return replace_int(p, packed_first(p), int_at(p, packed_first(p)) + 1);
}

int stream_add(struct stream *s, struct event_id id, const struct slice *words, size_t count,
               const struct value_config *config)
{
    size_t bytes, cost = cost_of(words, count, &bytes);
    CHECK(count && count % 2 == 0 && id_compare(id, s->last) > 0);
    if (cost > STREAM_ENTRY_BYTES_MAX) return ERR_LIMIT;
    if (!has_room(s, bytes, cost, config))
        stream_append_node(s, (struct stream_node){id, new_head(words, count)});
    size_t i = s->nodes_count - 1;
    struct packed *p = begin_change(s, i);
    end_change(s, i, append_entry(p, stream_node_at(s, i)->first, id, words, count));
    if (!s->length++) s->first = id;
    s->added += s->added < INT64_MAX;
    s->last = id;
    return 0;
}

/* ---- deleting ---- */

bool stream_delete(struct stream *s, struct event_id id)
{
    struct stream_cursor c;
    stream_seek(&c, s, id, id, false);
    if (!stream_next(&c)) return false;
    if (count_of(stream_node_at(s, c.node)->entries) == 1) {
        erase_node(s, c.node);
    } else {
        struct packed *p = begin_change(s, c.node);
        p = replace_int(p, c.at, int_at(p, c.at) | STREAM_DELETED);
        end_change(s, c.node, count_deleted(p, 1));
    }
    s->length--;
    if (id_compare(id, s->max_deleted) > 0) s->max_deleted = id;
    if (!id_compare(id, s->first)) find_first(s);
    return true;
}

/* ---- trimming ---- */

/* The id of the last entry of a node, deleted or not. */
static struct event_id end_of(const struct stream_node *node)
{
    const struct packed *p = node->entries;
    packed_at at = packed_last(p);
    for (int64_t n = int_at(p, at); n > 0; n--) at = packed_prev(p, at);
    packed_at ms = packed_next(p, at);
    return (struct event_id){node->first.ms + (uint64_t)int_at(p, ms),
                             node->first.n + (uint64_t)int_at(p, packed_next(p, ms))};
}

/* May the first node go whole? */
static bool goes_whole(const struct stream *s, const struct stream_trim *t, uint64_t entries)
{
    if (t->by_id) return id_compare(end_of(stream_node_at(s, 0)), t->min_id) < 0;
    return s->length - entries >= t->max_len;
}

/* Deletes entries of the first node, which is not to go whole. */
static size_t trim_within(struct stream *s, const struct stream_trim *t)
{
    struct stream_cursor c;
    size_t count = 0;
    stream_seek(&c, s, (struct event_id){0}, ID_LAST, false);
    while ((t->by_id || s->length > t->max_len) && stream_next(&c)) {
        if (c.node || (t->by_id && id_compare(c.id, t->min_id) >= 0)) break;
        struct packed *p = begin_change(s, 0);
        /* Flags are below 128 and keep their size: the cursor's places stay good. */
        p = replace_int(p, c.at, int_at(p, c.at) | STREAM_DELETED);
        end_change(s, 0, p);
        s->length--;
        count++;
    }
    if (!count) return 0;
    end_change(s, 0, count_deleted(begin_change(s, 0), count));
    if (!count_of(stream_node_at(s, 0)->entries)) erase_node(s, 0);
    return count;
}

static size_t trim_front(struct stream *s, const struct stream_trim *t)
{
    size_t count = 0;
    while (s->nodes_count && (t->by_id || s->length > t->max_len)) {
        uint64_t entries = count_of(stream_node_at(s, 0)->entries);
        if (t->limit && count + entries > t->limit) break;
        if (!goes_whole(s, t, entries)) {
            if (!t->whole_nodes) count += trim_within(s, t);
            break;
        }
        erase_node(s, 0);
        s->length -= entries;
        count += entries;
    }
    if (count) find_first(s);
    return count;
}

/* Ids in a buffer. */
static void keep_id(struct buffer *ids, struct event_id id)
{
    buffer_add_slice(ids, slice_of((const char *)&id, sizeof id));
}

static size_t kept_ids(const struct buffer *ids, const struct event_id **list)
{
    *list = (const struct event_id *)(const void *)ids->at;
    return ids->len / sizeof **list;
}

/* The references to what was deleted go as well: of entries from the old first one to the new. */
static size_t trim_with_refs(struct stream *s, const struct stream_trim *t)
{
    struct buffer ids = {0};
    const struct event_id *list;
    struct stream_cursor c;
    if (!s->groups_count) return trim_front(s, t);
    stream_seek(&c, s, (struct event_id){0}, ID_LAST, false);
    for (uint64_t left = s->length; left && stream_next(&c); left--) {
        if (t->by_id ? id_compare(c.id, t->min_id) >= 0 : left <= t->max_len) break;
        keep_id(&ids, c.id);
    }
    size_t count = trim_front(s, t);
    kept_ids(&ids, &list);
    for (size_t i = 0; i < count; i++) stream_drop_refs(s, list[i]);
    buffer_fini(&ids);
    return count;
}

/* Lists what is acknowledged by all; with whole_nodes, that of nodes of which everything is. */
static void find_acked(const struct stream *s, const struct stream_trim *t, struct buffer *ids)
{
    uint64_t over = s->length > t->max_len ? s->length - t->max_len : 0, found = 0;
    bool ends = false;
    for (size_t i = 0; i < s->nodes_count && !ends; i++) {
        const struct stream_node *node = stream_node_at(s, i);
        uint64_t found_before = found;
        struct stream_cursor c;
        bool whole = true;
        if (t->limit && found + count_of(node->entries) > t->limit) break;
        stream_seek(&c, s, node->first, end_of(node), false);
        while (stream_next(&c)) {
            ends = t->by_id ? id_compare(c.id, t->min_id) >= 0 : found >= over;
            whole &= !ends && !stream_is_awaited(s, c.id);
            if (ends) break;
            if (stream_is_awaited(s, c.id)) continue;
            keep_id(ids, c.id);
            found++;
        }
        if (!t->whole_nodes || whole) continue;
        ids->len -= (size_t)(found - found_before) * sizeof c.id;
        found = found_before;
    }
}

static size_t trim_acked(struct stream *s, const struct stream_trim *t, struct buffer *acked)
{
    const struct event_id *list;
    find_acked(s, t, acked);
    size_t count = kept_ids(acked, &list);
    for (size_t i = 0; i < count; i++) stream_delete(s, list[i]);
    return count;
}

size_t stream_trim(struct stream *s, const struct stream_trim *t, struct buffer *acked)
{
    if (t->refs == REFS_ACKED) return trim_acked(s, t, acked);
    return t->refs == REFS_DELETE ? trim_with_refs(s, t) : trim_front(s, t);
}

/* ---- invariants ---- */

void stream_check(const struct stream *s)
{
    struct stream_cursor c;
    struct event_id last = {0};
    uint64_t length = 0, counted = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < s->nodes_count; i++) {
        const struct packed *p = stream_node_at(s, i)->entries;
        CHECK(count_of(p));
        counted += count_of(p);
        bytes += mem_cost(packed_bytes(p));
    }
    stream_seek(&c, s, (struct event_id){0}, ID_LAST, false);
    while (stream_next(&c)) {
        CHECK(id_compare(c.id, last) > 0);
        if (!length++) CHECK(!id_compare(c.id, s->first));
        last = c.id;
    }
    CHECK(length == s->length && counted == length && bytes == s->entries_bytes);
    CHECK(id_compare(last, s->last) <= 0 && (length || (!s->first.ms && !s->first.n)));
    for (size_t i = 0; i < s->groups_count; i++) crew_check(&s->groups[i]->crew);
}
