/* The RDB format, as far as its reader and its writer share it. The bytes are drawn in
 * docs/format/rdb.md.
 *
 * A file is a row of items: one byte that says which, and what this byte asks for. What that is
 * stands here as a layout, a little program that a scanner follows (scan.h):
 *
 *      s   a string               1 4 8   so many bytes, a number, least byte first
 *      l   a length               d       a number as text, of old sorted sets
 *      (…) a length, and what stands inside so many times
 *      m   values of a module, each with its kind before it, up to an end mark
 *      P Z M I   a string that is a whole value, packed (pack.h): listpack, ziplist, zipmap, intset
 *
 * So nothing is known twice, and a type that Hark cannot hold is skipped without being understood.
 * What the parts of one that it holds amount to, build.h knows. */
#ifndef HARK_RDB_FORMAT_H
#define HARK_RDB_FORMAT_H

#include "../base/slice.h"

enum {
    RDB_VERSION = 10,     /* what is written: Redis 7.0 and 7.2 and Valkey 8 load it */
    RDB_VERSION_MAX = 12, /* what is read: up to Redis 7.4 */
    RDB_HEAD_SIZE = 9,    /* "REDIS0010" */
    RDB_SUM_SIZE = 8,
    RDB_SUM_SINCE = 5,  /* the first version with a checksum at the end */
    RDB_DEPTH_MAX = 3,  /* of loops within loops in a layout */
    RDB_NUMBERS_MAX = 3 /* that an item keeps for the reader */
};

/* What the keys of a file hold, in the plural of an error message. X(identifier, one, many). */
#define RDB_KINDS(X)                                      \
    X(STRING, "string", "strings")                        \
    X(LIST, "list", "lists")                              \
    X(SET, "set", "sets")                                 \
    X(ZSET, "sorted set", "sorted sets")                  \
    X(HASH, "hash", "hashes")                             \
    X(STREAM, "stream", "streams")                        \
    X(MODULE, "value of a module", "values of modules")   \
    X(FUNCTION, "function library", "function libraries") \
    X(MODULE_AUX, "piece of module data", "pieces of module data")

enum rdb_kind {
#define X(id, one, many) RDB_KIND_##id,
    RDB_KINDS(X)
#undef X
        RDB_KIND_COUNT,
    RDB_KIND_NONE = RDB_KIND_COUNT, /* items that are no data */
};

/* X(code, identifier, kind, layout). Of data, the layout is that of what stands behind the key. */
#define RDB_TYPES(X)                                                      \
    X(0, STRING, STRING, "s")                                             \
    X(1, LIST, LIST, "(s)")                                               \
    X(2, SET, SET, "(s)")                                                 \
    X(3, ZSET, ZSET, "(sd)")                                              \
    X(4, HASH, HASH, "(ss)")                                              \
    X(5, ZSET_2, ZSET, "(s8)")                                            \
    X(7, MODULE_2, MODULE, "lm")                                          \
    X(9, HASH_ZIPMAP, HASH, "M")                                          \
    X(10, LIST_ZIPLIST, LIST, "Z")                                        \
    X(11, SET_INTSET, SET, "I")                                           \
    X(12, ZSET_ZIPLIST, ZSET, "Z")                                        \
    X(13, HASH_ZIPLIST, HASH, "Z")                                        \
    X(14, LIST_QUICKLIST, LIST, "(Z)")                                    \
    X(15, STREAM, STREAM, "(sP)lll(sll(888l)(s8(88)))")                   \
    X(16, HASH_LISTPACK, HASH, "P")                                       \
    X(17, ZSET_LISTPACK, ZSET, "P")                                       \
    X(18, LIST_QUICKLIST_2, LIST, "(ls)")                                 \
    X(19, STREAM_2, STREAM, "(sP)llllllll(slll(888l)(s8(88)))")           \
    X(20, SET_LISTPACK, SET, "P")                                         \
    X(21, STREAM_3, STREAM, "(sP)llllllll(slll(888l)(s88(88)))")          \
    X(22, HASH_TTL_EARLY, HASH, "(lss)") /* of candidates of Redis 7.4 */ \
    X(23, HASH_LISTPACK_TTL_EARLY, HASH, "P")                             \
    X(24, HASH_TTL, HASH, "8(lss)")                                       \
    X(25, HASH_LISTPACK_TTL, HASH, "8P")

/* The same of what is not a key with its value. */
#define RDB_OPCODES(X)                                                    \
    X(244, SLOT_INFO, NONE, "lll") /* slot, keys, those with deadlines */ \
    X(245, FUNCTION2, FUNCTION, "s")                                      \
    X(247, MODULE_AUX, MODULE_AUX, "lllm")                                \
    X(248, IDLE, NONE, "l")                                               \
    X(249, FREQ, NONE, "1")                                               \
    X(250, AUX, NONE, "ss")                                               \
    X(251, RESIZEDB, NONE, "ll")                                          \
    X(252, EXPIRETIME_MS, NONE, "8")                                      \
    X(253, EXPIRETIME, NONE, "4")                                         \
    X(254, SELECTDB, NONE, "l")                                           \
    X(255, EOF, NONE, "")

enum rdb_code {
#define X(code, id, kind, layout) RDB_##id = code,
    RDB_TYPES(X) RDB_OPCODES(X)
#undef X
};

struct rdb_row {
    const char *layout; /* NULL: there is no such item */
    enum rdb_kind kind;
    bool is_type; /* a key comes first */
};

const struct rdb_row *rdb_row(unsigned char code);
/* "list" or "lists". */
const char *rdb_kind_text(enum rdb_kind kind, uint64_t count);

/* A key, but for its value. */
struct rdb_key {
    int64_t db;
    struct slice key;
    int64_t deadline; /* unix ms; -1: none */
    int64_t idle_s;   /* since it was last used; -1: the file does not say */
    int freq;         /* its LFU counter; -1 likewise */
};

#endif
