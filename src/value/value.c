#include "value.h"

static const struct value_kind *const kinds[TYPE_COUNT] = {
    [TYPE_LIST] = &value_kind_list,     [TYPE_SET] = &value_kind_set,
    [TYPE_ZSET] = &value_kind_zset,     [TYPE_HASH] = &value_kind_hash,
    [TYPE_STREAM] = &value_kind_stream,
};

const struct value_kind *value_kind(enum value_type type)
{
    return kinds[type];
}

struct slice value_type_text(enum value_type type)
{
    return type == TYPE_STRING ? SLICE("string") : kinds[type]->name;
}

struct slice value_encoding_text(enum value_encoding encoding)
{
    static const struct slice names[ENCODING_COUNT] = {
#define X(id, name) {name, sizeof(name) - 1},
        VALUE_ENCODINGS(X)
#undef X
    };
    return names[encoding];
}

struct value_config value_config_default(const unsigned char *secret)
{
    return (struct value_config){
        .secret = secret,
        .list_max_listpack_size = -2,
        .set_max_intset_entries = 512,
        .set_max_listpack_entries = 128,
        .set_max_listpack_value = 64,
        .zset_max_listpack_entries = 128,
        .zset_max_listpack_value = 64,
        .hash_max_listpack_entries = 512,
        .hash_max_listpack_value = 64,
        .stream_node_max_bytes = 4096,
        .stream_node_max_entries = 100,
        .hll_sparse_max_bytes = 3000,
    };
}

bool value_string_some(struct slice string, struct value_progress *p, size_t bytes,
                       struct buffer *to)
{
    struct slice rest = slice_from(string, (size_t)p->at);
    if (rest.len > bytes) rest.len = bytes;
    buffer_add_slice(to, rest);
    p->at += rest.len;
    return p->at == string.len;
}

void value_free(struct value *v)
{
    while (!kinds[v->type]->free_some(v, SIZE_MAX)) {
    }
}

bool value_is_gone(const struct value *v)
{
    return v->type != TYPE_STREAM && kinds[v->type]->count(v) == 0;
}

int64_t value_due(const struct value *v)
{
    const struct value_kind *kind = kinds[v->type];
    return kind->due ? kind->due(v) : -1;
}
