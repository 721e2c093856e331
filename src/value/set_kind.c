/* What the rooms above do to a set without knowing that it is one: docs/format/snapshot.md has the
 * bytes. */
#include "../base/mem.h"
#include "set_table.h"

/* In snapshots: never given another meaning. */
enum { FORM_INTS = 0, FORM_PACKED = 1, FORM_TABLE = 2 };

static size_t bytes(const struct value *v)
{
    if (v->encoding == ENCODING_INTS) return mem_cost(ints_bytes(v->at));
    if (v->encoding == ENCODING_PACKED) return mem_cost(packed_bytes(v->at));
    const struct set_table *t = v->at;
    return mem_cost(sizeof *t) + table_bytes(&t->table) + t->bytes;
}

static bool copy_element(void *ctx, struct slice member)
{
    set_table_add(ctx, member);
    return true;
}

static struct value copy(const struct value *v, const struct value_config *config)
{
    struct value fresh = *v;
    if (v->encoding == ENCODING_INTS) {
        fresh.at = ints_copy(v->at);
    } else if (v->encoding == ENCODING_PACKED) {
        fresh.at = packed_copy(v->at);
    } else {
        fresh.at = set_table_new(config->secret, set_count(v));
        set_walk(v, copy_element, fresh.at);
    }
    return fresh;
}

static bool free_some(struct value *v, size_t elements)
{
    if (v->encoding == ENCODING_TABLE) return set_table_free_some(v->at, elements);
    if (v->encoding == ENCODING_INTS)
        ints_free(v->at);
    else
        packed_free(v->at);
    return true;
}

struct item_visit {
    value_visit *visit;
    void *ctx;
};

static bool visit_item(void *ctx, struct slice member)
{
    struct item_visit *i = ctx;
    i->visit(i->ctx, &(struct value_item){.member = member, .deadline = -1});
    return true;
}

static void each(const struct value *v, value_visit *visit, void *ctx)
{
    struct item_visit i = {visit, ctx};
    set_walk(v, visit_item, &i);
}

/* ---- as bytes ---- */

static void put_number(struct buffer *to, uint64_t number)
{
    char *from = buffer_reserve(to, VARINT_MAX);
    to->len += (size_t)(put_varint(from, number) - from);
}

static void put_bytes(struct buffer *to, struct slice bytes_of)
{
    put_number(to, bytes_of.len);
    buffer_add_slice(to, bytes_of);
}

static bool put_member(void *ctx, struct slice member)
{
    put_bytes(ctx, member);
    return true;
}

static void encode(const struct value *v, struct buffer *to)
{
    if (v->encoding == ENCODING_INTS) {
        buffer_add_byte(to, FORM_INTS);
        put_bytes(to, ints_slice(v->at));
    } else if (v->encoding == ENCODING_PACKED) {
        buffer_add_byte(to, FORM_PACKED);
        put_bytes(to, packed_slice(v->at));
    } else {
        buffer_add_byte(to, FORM_TABLE);
        put_number(to, set_count(v));
        set_walk(v, put_member, to);
    }
}

static bool encode_some(const struct value *v, struct value_progress *p, size_t bytes,
                        struct buffer *to)
{
    enum { MEMBERS = 16 };
    size_t from = to->len;
    if (v->encoding != ENCODING_TABLE) {
        encode(v, to);
        return true;
    }
    if (!p->begun) {
        buffer_add_byte(to, FORM_TABLE);
        put_number(to, set_count(v));
        p->begun = true;
    }
    do p->at = set_scan(v, p->at, MEMBERS, put_member, to);
    while (p->at && to->len - from < bytes);
    return !p->at;
}

static bool take_bytes(struct slice *from, struct slice *out)
{
    uint64_t len;
    if (!take_varint(from, &len) || len > from->len) return false;
    *out = slice_of(from->at, (size_t)len);
    *from = slice_from(*from, (size_t)len);
    return true;
}

static bool decode_ints(struct slice *from, struct value *out)
{
    struct slice row;
    if (!take_bytes(from, &row) || !ints_is_sound(row)) return false;
    *out = (struct value){TYPE_SET, ENCODING_INTS, ints_from(row)};
    return true;
}

static bool decode_packed(struct slice *from, struct value *out)
{
    struct slice list;
    if (!take_bytes(from, &list) || !packed_is_sound(list)) return false;
    *out = (struct value){TYPE_SET, ENCODING_PACKED, packed_from(list)};
    return set_is_sound(out->at);
}

static bool decode_table(struct slice *from, const struct value_config *config, struct value *out)
{
    uint64_t count;
    struct slice member;
    if (!take_varint(from, &count) || count > from->len) return false; /* a byte each, at least */
    struct set_table *t = set_table_new(config->secret, (size_t)count);
    *out = (struct value){TYPE_SET, ENCODING_TABLE, t};
    for (; count > 0; count--)
        if (!take_bytes(from, &member) || !set_table_add(t, member)) return false;
    return true;
}

static bool decode(struct slice *from, const struct value_config *config, struct value *out)
{
    bool is_whole = false;
    if (!from->len) return false;
    char form = from->at[0];
    *from = slice_from(*from, 1);
    *out = (struct value){.type = TYPE_SET};
    if (form == FORM_INTS) is_whole = decode_ints(from, out);
    if (form == FORM_PACKED) is_whole = decode_packed(from, out);
    if (form == FORM_TABLE) is_whole = decode_table(from, config, out);
    if (is_whole && set_count(out) > 0) return true;
    if (out->at) value_free(out);
    return false;
}

const struct value_kind value_kind_set = {
    .name = {"set", 3},
    .count = set_count,
    .bytes = bytes,
    .copy = copy,
    .free_some = free_some,
    .each = each,
    .encode = encode,
    .encode_some = encode_some,
    .decode = decode,
};
