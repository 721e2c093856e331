#include "put.h"

#include "../base/assert.h"
#include "../ds/ints.h"
#include "../ds/packed.h"
#include "../value/fields.h"
#include "../value/list.h"
#include "../value/list_nodes.h"
#include "../value/set.h"
#include "../value/stream.h"
#include "../value/zset.h"
#include "scan.h"

struct put {
    struct buffer *to;
    enum rdb_effort effort;
    int64_t base; /* of a hash: its soonest deadline; -1: none has one */
};

static void put_string(const struct put *p, struct slice s)
{
    if (p->effort == RDB_PLAIN) {
        rdb_put_length(p->to, s.len);
        buffer_add_slice(p->to, s);
    } else {
        rdb_put_string(p->to, s, p->effort == RDB_COMPRESS);
    }
}

static void put_packed(const struct put *p, const struct value *v)
{
    put_string(p, packed_slice(v->at));
}

/* ---- lists ---- */

enum { NODE_IS_ELEMENT = 1, NODE_IS_PACKED = 2 };

static void put_node(const struct put *p, const struct list_node *node)
{
    struct packed *scratch = NULL;
    rdb_put_length(p->to, node->kind == NODE_PLAIN ? NODE_IS_ELEMENT : NODE_IS_PACKED);
    if (node->kind == NODE_PLAIN)
        put_string(p, node_plain(node));
    else
        put_string(p, packed_slice(node_look(node, &scratch)));
    if (scratch) packed_free(scratch);
}

static void put_list(const struct put *p, const struct value *v)
{
    const struct list_nodes *nodes = v->at;
    if (v->encoding == ENCODING_PACKED) {
        rdb_put_length(p->to, 1);
        rdb_put_length(p->to, NODE_IS_PACKED);
        put_packed(p, v);
        return;
    }
    rdb_put_length(p->to, nodes->count);
    for (uint32_t i = 0; i < nodes->count; i++) put_node(p, nodes_at(nodes, i));
}

/* ---- sets ---- */

static bool put_member(void *ctx, struct slice member)
{
    put_string(ctx, member);
    return true;
}

static void put_set(struct put *p, const struct value *v)
{
    if (v->encoding == ENCODING_INTS) {
        put_string(p, ints_slice(v->at));
        return;
    }
    rdb_put_length(p->to, set_count(v));
    set_walk(v, put_member, p);
}

/* ---- sorted sets ---- */

static void put_scored(struct put *p, const struct zset_cursor *c)
{
    uint64_t bits;
    put_string(p, c->member);
    memcpy(&bits, &c->score, sizeof bits);
    rdb_put_number(p->to, bits, sizeof bits);
}

/* The last first, as Redis has it: who reads that puts each in front of all others. */
static void put_zset(struct put *p, const struct value *v)
{
    struct zset_cursor c;
    if (v->encoding == ENCODING_PACKED) {
        put_packed(p, v);
        return;
    }
    rdb_put_length(p->to, zset_count(v));
    zset_start(&c, v, zset_count(v));
    while (zset_prev(&c)) put_scored(p, &c);
}

/* ---- hashes ---- */

static void put_field(void *ctx, const struct value_item *item)
{
    struct put *p = ctx;
    bool timed = item->deadline >= 0;
    if (p->base >= 0) rdb_put_length(p->to, timed ? (uint64_t)(item->deadline - p->base) + 1 : 0);
    put_string(p, item->member);
    put_string(p, item->second);
}

static void put_base(const struct put *p)
{
    if (p->base >= 0) rdb_put_number(p->to, (uint64_t)p->base, 8);
}

static void put_hash_head(const struct put *p, const struct value *v)
{
    put_base(p);
    rdb_put_length(p->to, fields_count(v));
}

static void put_hash(struct put *p, const struct value *v)
{
    p->base = value_due(v);
    if (v->encoding == ENCODING_PACKED || (v->encoding == ENCODING_PACKED_TTL && p->base >= 0)) {
        put_base(p);
        put_packed(p, v);
        return;
    }
    put_hash_head(p, v);
    value_kind_hash.each(v, put_field, p);
}

/* ---- streams ---- */

static void put_id(struct buffer *to, struct event_id id)
{
    rdb_put_number(to, __builtin_bswap64(id.ms), sizeof id.ms);
    rdb_put_number(to, __builtin_bswap64(id.n), sizeof id.n);
}

static void put_id_lengths(struct buffer *to, struct event_id id)
{
    rdb_put_length(to, id.ms);
    rdb_put_length(to, id.n);
}

static void put_stream_node(const struct put *p, const struct stream_node *node)
{
    enum { ID_SIZE = 16 };
    rdb_put_length(p->to, ID_SIZE);
    put_id(p->to, node->first);
    put_string(p, packed_slice(node->entries));
}

/* Stages of a group: what is being put. */
enum { GROUP_HEAD, GROUP_PENDING, GROUP_COUNT, GROUP_CONSUMER, GROUP_IDS };

/* Puts what is pending for a consumer, or for any with what is known of it, behind the entry that
 * was the last; true at the end. */
static bool put_pending(const struct put *p, struct crew *crew, uint32_t consumer,
                        struct progress_within *at, size_t end)
{
    struct pending_entry e = {.id = {at->ms, at->n}};
    while (p->to->len < end) {
        if (!pending_next(&crew->pending, id_after(e.id), consumer, &e)) return true;
        put_id(p->to, e.id);
        at->ms = e.id.ms;
        at->n = e.id.n;
        if (consumer != PENDING_ANY) continue;
        rdb_put_number(p->to, (uint64_t)e.delivered_ms, 8);
        rdb_put_length(p->to, e.deliveries);
    }
    return false;
}

static bool put_consumers(const struct put *p, struct crew *crew, struct progress_within *at,
                          size_t end)
{
    for (; at->at < crew->numbers_count; at->at++) {
        const struct consumer *who = crew->by_number[at->at];
        if (!who) continue;
        if (p->to->len >= end) return false;
        if (at->stage == GROUP_CONSUMER) {
            put_string(p, who->name);
            rdb_put_number(p->to, (uint64_t)who->seen_ms, 8);
            rdb_put_length(p->to, who->pending);
            at->ms = at->n = 0;
            at->stage = GROUP_IDS;
        }
        if (!put_pending(p, crew, who->number, at, end)) return false;
        at->stage = GROUP_CONSUMER;
    }
    return true;
}

static bool put_group_some(const struct put *p, struct stream_group *g, struct progress_within *at,
                           size_t end)
{
    struct crew *crew = &g->crew;
    if (at->stage == GROUP_HEAD) {
        put_string(p, g->name);
        put_id_lengths(p->to, g->last);
        rdb_put_length(p->to, (uint64_t)g->entries_read);
        rdb_put_length(p->to, crew->pending.count);
        at->stage = GROUP_PENDING;
    }
    if (at->stage == GROUP_PENDING) {
        if (!put_pending(p, crew, PENDING_ANY, at, end)) return false;
        at->stage = GROUP_COUNT;
    }
    if (at->stage == GROUP_COUNT) {
        rdb_put_length(p->to, crew_consumers(crew));
        at->stage = GROUP_CONSUMER;
    }
    bool over = put_consumers(p, crew, at, end);
    crew_settle(crew);
    return over;
}

/* What follows the nodes, and stands before the groups. */
static void put_stream_rest(const struct put *p, const struct stream *s)
{
    rdb_put_length(p->to, s->length);
    put_id_lengths(p->to, s->last);
    put_id_lengths(p->to, s->first);
    put_id_lengths(p->to, s->max_deleted);
    rdb_put_length(p->to, s->added);
    rdb_put_length(p->to, s->groups_count);
}

/* Goes on until there are so many bytes; true with the last of it. `at` counts the nodes, what
 * follows them, and the groups. */
static bool put_stream_some(const struct put *p, const struct value *v, struct value_progress *at,
                            size_t end)
{
    const struct stream *s = stream_of(v);
    if (!at->begun) rdb_put_length(p->to, s->nodes_count);
    for (; at->at < s->nodes_count && p->to->len < end; at->at++)
        put_stream_node(p, stream_node_at(s, (size_t)at->at));
    if (at->at < s->nodes_count) return false;
    if (at->at == s->nodes_count) {
        put_stream_rest(p, s);
        at->at++;
    }
    for (; at->at <= s->nodes_count + s->groups_count; at->at++) {
        struct stream_group *g = s->groups[at->at - s->nodes_count - 1];
        if (p->to->len >= end || !put_group_some(p, g, &at->within, end)) return false;
        at->within = (struct progress_within){0};
    }
    return true;
}

static void put_stream(const struct put *p, const struct value *v)
{
    put_stream_some(p, v, &(struct value_progress){0}, SIZE_MAX);
}

/* ---- any ---- */

static unsigned char hash_type(const struct value *v)
{
    if (v->encoding == ENCODING_PACKED) return RDB_HASH_LISTPACK;
    if (value_due(v) < 0) return RDB_HASH;
    return v->encoding == ENCODING_TABLE ? RDB_HASH_TTL : RDB_HASH_LISTPACK_TTL;
}

unsigned char rdb_type_of(const struct value *v)
{
    switch (v->type) {
    case TYPE_LIST: return RDB_LIST_QUICKLIST_2;
    case TYPE_SET: return v->encoding == ENCODING_INTS ? RDB_SET_INTSET : RDB_SET;
    case TYPE_ZSET: return v->encoding == ENCODING_PACKED ? RDB_ZSET_LISTPACK : RDB_ZSET_2;
    case TYPE_HASH: return hash_type(v);
    case TYPE_STREAM: return RDB_STREAM_2;
    default: return RDB_STRING;
    }
}

int rdb_version_of(unsigned char code)
{
    return code >= RDB_HASH_TTL ? RDB_VERSION_MAX : RDB_VERSION;
}

void rdb_put_value(struct buffer *to, const struct value *v, enum rdb_effort effort)
{
    struct put p = {.to = to, .effort = effort};
    switch (v->type) {
    case TYPE_LIST: put_list(&p, v); return;
    case TYPE_SET: put_set(&p, v); return;
    case TYPE_ZSET: put_zset(&p, v); return;
    case TYPE_HASH: put_hash(&p, v); return;
    case TYPE_STREAM: put_stream(&p, v); return;
    default: CHECK(!"a type that is written");
    }
}

/* ---- in parts ---- */

static bool put_some_nodes(struct put *p, const struct value *v, struct value_progress *at,
                           size_t end)
{
    const struct list_nodes *nodes = v->at;
    if (!at->begun) rdb_put_length(p->to, nodes->count);
    for (; at->at < nodes->count && p->to->len < end; at->at++)
        put_node(p, nodes_at(nodes, (uint32_t)at->at));
    return at->at == nodes->count;
}

static bool put_some_members(struct put *p, const struct value *v, struct value_progress *at,
                             size_t end)
{
    enum { MEMBERS = 16 };
    if (!at->begun) rdb_put_length(p->to, set_count(v));
    do at->at = set_scan(v, at->at, MEMBERS, put_member, p);
    while (at->at && p->to->len < end);
    return !at->at;
}

static bool put_some_fields(struct put *p, const struct value *v, struct value_progress *at,
                            size_t end)
{
    enum { FIELDS = 16 };
    p->base = value_due(v);
    if (!at->begun) put_hash_head(p, v);
    do at->at = fields_scan(v, at->at, FIELDS, put_field, p);
    while (at->at && p->to->len < end);
    return !at->at;
}

/* `at` counts those that were put. */
static bool put_some_scored(struct put *p, const struct value *v, struct value_progress *at,
                            size_t end)
{
    struct zset_cursor c;
    if (!at->begun) rdb_put_length(p->to, zset_count(v));
    zset_start(&c, v, zset_count(v) - (size_t)at->at);
    while (p->to->len < end && zset_prev(&c)) put_scored(p, &c);
    at->at = zset_count(v) - c.rank;
    return c.rank == 0;
}

bool rdb_put_some(struct buffer *to, const struct value *v, struct value_progress *at, size_t bytes)
{
    struct put p = {.to = to, .effort = RDB_PLAIN};
    size_t end = to->len + bytes;
    bool over = true;
    if (v->encoding == ENCODING_NODES)
        over = put_some_nodes(&p, v, at, end);
    else if (v->type == TYPE_SET && v->encoding == ENCODING_TABLE)
        over = put_some_members(&p, v, at, end);
    else if (v->type == TYPE_HASH && v->encoding == ENCODING_TABLE)
        over = put_some_fields(&p, v, at, end);
    else if (v->type == TYPE_STREAM)
        over = put_stream_some(&p, v, at, end);
    else if (v->encoding == ENCODING_TREE)
        over = put_some_scored(&p, v, at, end);
    else
        rdb_put_value(to, v, RDB_PLAIN);
    at->begun = true;
    return over;
}

/* ---- again ---- */

void rdb_put_again(struct buffer *to, unsigned char code, struct slice value,
                   enum rdb_effort effort)
{
    struct put p = {.to = to, .effort = effort};
    struct rdb_input in = {(const unsigned char *)value.at, value.len, SIZE_MAX};
    struct rdb_scan scan;
    struct rdb_part part;
    struct buffer scratch = {0};
    rdb_scan_begin(&scan, rdb_row(code)->layout, RDB_KEEP_ALL);
    while (!rdb_scan_is_over(&scan)) {
        const unsigned char *from = in.at;
        int rc = rdb_scan_part(&scan, &in, &scratch, &part);
        CHECK(rc == 0);
        if (part.what && strchr("sPZMI", part.what))
            put_string(&p, part.string);
        else
            buffer_add(to, from, (size_t)(in.at - from));
    }
    buffer_fini(&scratch);
}
