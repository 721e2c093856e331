/* What a key holds, where that is more than a string: a list, a set, a sorted set, a hash, a
 * stream.
 *
 * A `struct value` is a handle of 16 bytes, passed by pointer and kept by value: which type, how it
 * is kept, and where. It owns what it points to; assigning it moves that. Each type has a file of
 * functions of its own here, which change the handle in place (a packed value may become a table,
 * or move as it grows), and a `struct value_kind`, through which the rooms above do what they do to
 * every value without knowing its type: free it, copy it, save it, tell its encoding.
 *
 *      entry ─▶ struct value { type, encoding, at } ─▶ a packed list        small
 *                                                  └─▶ table, tree, nodes   large
 *
 * Small values are packed, as long as the limits in struct value_config allow; what was unpacked
 * once stays so, as Redis has it. A value without elements is the caller's to remove, but for
 * streams, which may be empty (value_is_gone). */
#ifndef HARK_VALUE_VALUE_H
#define HARK_VALUE_VALUE_H

#include "../base/buffer.h"
#include "../base/slice.h"

/* In journals and snapshots: never given another meaning. At most 16. */
enum value_type {
    TYPE_STRING, /* lives in the entry: string.h */
    TYPE_LIST,
    TYPE_SET,
    TYPE_ZSET,
    TYPE_HASH,
    TYPE_STREAM,
    TYPE_COUNT,
};

/* How a value is kept, and what OBJECT ENCODING says of it. At most 16. */
#define VALUE_ENCODINGS(X)      \
    X(PACKED, "listpack")       \
    X(PACKED_TTL, "listpackex") \
    X(NODES, "quicklist")       \
    X(INTS, "intset")           \
    X(TABLE, "hashtable")       \
    X(TREE, "skiplist")         \
    X(LOG, "stream")

enum value_encoding {
#define X(id, name) ENCODING_##id,
    VALUE_ENCODINGS(X)
#undef X
        ENCODING_COUNT,
};

struct value {
    enum value_type type;
    enum value_encoding encoding;
    void *at;
};

/* Where a value stops being small, and the secret of its hashes. As the directives of the same
 * names have it; sizes in bytes. */
struct value_config {
    const unsigned char *secret; /* HASH_SECRET_SIZE, see base/hash.h; outlives all values */
    int list_max_listpack_size;  /* elements, or -1 to -5: 4 to 64 KB */
    int list_compress_depth;
    size_t list_plain_size; /* elements from this size on have a node of their own; 0: too large
                               ones */
    size_t set_max_intset_entries, set_max_listpack_entries, set_max_listpack_value;
    size_t zset_max_listpack_entries, zset_max_listpack_value;
    size_t hash_max_listpack_entries, hash_max_listpack_value;
    size_t stream_node_max_bytes, stream_node_max_entries;
    size_t hll_sparse_max_bytes;
};

/* The defaults of Redis. */
struct value_config value_config_default(const unsigned char *secret);

/* An element as it is handed out; the slices are good for the call only. */
struct value_item {
    struct slice member; /* list: element; set, sorted set: member; hash: field; stream: entry */
    struct slice second; /* hash: the field's value */
    double score;        /* sorted set */
    int64_t deadline;    /* hash: of the field, unix ms, or -1 */
};
typedef void value_visit(void *ctx, const struct value_item *item);

/* How far somebody has come who goes through a value in parts: zeros at first. The value must not
 * change meanwhile. */
struct value_progress {
    uint64_t at; /* as the type has it */
    size_t mark; /* of who puts something around it */
    bool begun;
    struct progress_within { /* the element where it is, if that is large itself */
        unsigned stage;      /* 0: nothing of it yet */
        uint64_t at, next, ms, n;
    } within;
};

/* Appends the next part of a string, of so many bytes at most; true with the last. */
bool value_string_some(struct slice string, struct value_progress *p, size_t bytes,
                       struct buffer *to);

/* What a type offers to the rooms above. */
struct value_kind {
    struct slice name; /* as TYPE answers */
    /* How many elements; 0 for none. */
    size_t (*count)(const struct value *v);
    /* The memory it takes, as mem_cost counts it. */
    size_t (*bytes)(const struct value *v);
    struct value (*copy)(const struct value *v, const struct value_config *config);
    /* Frees about so many elements, a few more if that ends it; true when all is freed and `at`
     * means nothing any more. */
    bool (*free_some)(struct value *v, size_t elements);
    /* All elements, in order where there is one. NULL for streams. */
    void (*each)(const struct value *v, value_visit *visit, void *ctx);
    /* Appends bytes from which `decode` makes an equal value: what snapshots have. */
    void (*encode)(const struct value *v, struct buffer *to);
    /* The same bytes in parts of about so many, each time a part is appended; true with the last.
     */
    bool (*encode_some)(const struct value *v, struct value_progress *p, size_t bytes,
                        struct buffer *to);
    /* Takes them off the front. False when they are not what encode could have made; whatever the
     * bytes are, nothing beyond them is read and no memory is lost. */
    bool (*decode)(struct slice *from, const struct value_config *config, struct value *out);
    /* When the first of its fields ends: unix ms, or -1. NULL: never. */
    int64_t (*due)(const struct value *v);
};

/* NULL for TYPE_STRING, and for types that are not there. */
const struct value_kind *value_kind(enum value_type type);
/* "list" and so on, as TYPE answers. */
struct slice value_type_text(enum value_type type);
struct slice value_encoding_text(enum value_encoding encoding);

/* Frees it whole. */
void value_free(struct value *v);
/* Is nothing left of it, so that its key ends? */
bool value_is_gone(const struct value *v);
int64_t value_due(const struct value *v);

/* Each in its own file. */
extern const struct value_kind value_kind_list, value_kind_set, value_kind_zset, value_kind_hash,
    value_kind_stream;

#endif
