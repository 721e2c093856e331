/* What is known of every command before any code runs: the data of commands.json as C.
 *
 * There is one spec for each command and one for each subcommand, also for those that no code
 * stands behind yet; which of them clients can use is the matter of table.h. Specs are in the
 * order of their names, a container's subcommands right behind it:
 *
 *      … client   client|caching   …   client|unpause            cluster …
 *        id n     n + 1                n + client.subs_count
 *
 * A spec's place in that order is its id. It is the same for the life of a build, not longer. */
#ifndef HARK_COMMAND_SPEC_H
#define HARK_COMMAND_SPEC_H

#include "../base/slice.h"

/* X(identifier, name in COMMAND INFO), in the order in which they are printed there. Those without
 * a name are the server's own business. MOVABLEKEYS is derived from the key specs. */
#define COMMAND_FLAGS(X)                      \
    X(WRITE, "write")                         \
    X(READONLY, "readonly")                   \
    X(DENYOOM, "denyoom")                     \
    X(ADMIN, "admin")                         \
    X(PUBSUB, "pubsub")                       \
    X(NOSCRIPT, "noscript")                   \
    X(BLOCKING, "blocking")                   \
    X(LOADING, "loading")                     \
    X(STALE, "stale")                         \
    X(SKIP_MONITOR, "skip_monitor")           \
    X(SKIP_SLOWLOG, "skip_slowlog")           \
    X(ASKING, "asking")                       \
    X(FAST, "fast")                           \
    X(NO_AUTH, "no_auth")                     \
    X(MAY_REPLICATE, "")                      \
    X(NO_MANDATORY_KEYS, "no_mandatory_keys") \
    X(PROTECTED, "")                          \
    X(NO_ASYNC_LOADING, "no_async_loading")   \
    X(NO_MULTI, "no_multi")                   \
    X(MOVABLEKEYS, "movablekeys")             \
    X(ALLOW_BUSY, "allow_busy")               \
    X(TOUCHES_ARBITRARY_KEYS, "")

/* ACL categories, X(identifier, name without '@'), in the order in which they are printed. */
#define COMMAND_CATEGORIES(X)     \
    X(KEYSPACE, "keyspace")       \
    X(READ, "read")               \
    X(WRITE, "write")             \
    X(SET, "set")                 \
    X(SORTEDSET, "sortedset")     \
    X(LIST, "list")               \
    X(HASH, "hash")               \
    X(STRING, "string")           \
    X(BITMAP, "bitmap")           \
    X(HYPERLOGLOG, "hyperloglog") \
    X(GEO, "geo")                 \
    X(STREAM, "stream")           \
    X(PUBSUB, "pubsub")           \
    X(ADMIN, "admin")             \
    X(FAST, "fast")               \
    X(SLOW, "slow")               \
    X(BLOCKING, "blocking")       \
    X(DANGEROUS, "dangerous")     \
    X(CONNECTION, "connection")   \
    X(TRANSACTION, "transaction") \
    X(SCRIPTING, "scripting")

/* How a command uses a key. RO, RW, OW (overwritten, not read) and RM exclude each other and speak
 * of the key as a whole; ACCESS to DELETE speak of the data in it. */
#define COMMAND_KEY_FLAGS(X)                                                     \
    X(RO, "RO")                                                                  \
    X(RW, "RW")                                                                  \
    X(OW, "OW")                                                                  \
    X(RM, "RM")                                                                  \
    X(ACCESS, "access")                                                          \
    X(UPDATE, "update")                                                          \
    X(INSERT, "insert")                                                          \
    X(DELETE, "delete")                                                          \
    X(NOT_KEY, "not_key")               /* found the same way, but a channel */  \
    X(INCOMPLETE, "incomplete")         /* the spec does not find all of them */ \
    X(VARIABLE_FLAGS, "variable_flags") /* the other arguments decide how it is used */

#define COMMAND_GROUPS(X)           \
    X(GENERIC, "generic")           \
    X(STRING, "string")             \
    X(LIST, "list")                 \
    X(SET, "set")                   \
    X(SORTED_SET, "sorted-set")     \
    X(HASH, "hash")                 \
    X(PUBSUB, "pubsub")             \
    X(TRANSACTIONS, "transactions") \
    X(CONNECTION, "connection")     \
    X(SERVER, "server")             \
    X(SCRIPTING, "scripting")       \
    X(HYPERLOGLOG, "hyperloglog")   \
    X(CLUSTER, "cluster")           \
    X(GEO, "geo")                   \
    X(STREAM, "stream")             \
    X(BITMAP, "bitmap")

#define COMMAND_ARG_TYPES(X)                                     \
    X(STRING, "string")                                          \
    X(INTEGER, "integer")                                        \
    X(DOUBLE, "double")                                          \
    X(KEY, "key")                                                \
    X(PATTERN, "pattern")                                        \
    X(UNIX_TIME, "unix-time")                                    \
    X(PURE_TOKEN, "pure-token") /* the token and nothing else */ \
    X(ONEOF, "oneof")           /* one of `args` */              \
    X(BLOCK, "block")           /* all of `args` */

#define COMMAND_ARG_FLAGS(X) \
    X(OPTIONAL, "optional")  \
    X(MULTIPLE, "multiple")  \
    X(MULTIPLE_TOKEN, "multiple_token") /* the token comes again each time */

/* Keys that no spec can tell, because other arguments decide: code in keys.c does. */
#define COMMAND_SPECIAL_KEYS(X) \
    X(NONE)                     \
    X(SET)                      \
    X(BITFIELD)                 \
    X(SORT)                     \
    X(SORT_RO)                  \
    X(MIGRATE)

/* Each list as numbers, and, for the sets, as bits: FLAG_WRITE is 1 << FLAG_BIT_WRITE. */
#define X(id, name) FLAG_BIT_##id,
enum { COMMAND_FLAGS(X) FLAG_COUNT };
#undef X
#define X(id, name) FLAG_##id = 1 << FLAG_BIT_##id,
enum { COMMAND_FLAGS(X) };
#undef X
#define X(id, name) CATEGORY_BIT_##id,
enum { COMMAND_CATEGORIES(X) CATEGORY_COUNT };
#undef X
#define X(id, name) CATEGORY_##id = 1 << CATEGORY_BIT_##id,
enum { COMMAND_CATEGORIES(X) };
#undef X
#define X(id, name) KEY_BIT_##id,
enum { COMMAND_KEY_FLAGS(X) KEY_FLAG_COUNT };
#undef X
#define X(id, name) KEY_##id = 1 << KEY_BIT_##id,
enum { COMMAND_KEY_FLAGS(X) };
#undef X
#define X(id, name) ARG_FLAG_BIT_##id,
enum { COMMAND_ARG_FLAGS(X) ARG_FLAG_COUNT };
#undef X
#define X(id, name) ARG_FLAG_##id = 1 << ARG_FLAG_BIT_##id,
enum { COMMAND_ARG_FLAGS(X) };
#undef X
#define X(id, name) GROUP_##id,
enum command_group { COMMAND_GROUPS(X) GROUP_COUNT };
#undef X
#define X(id, name) ARG_##id,
enum command_arg_type { COMMAND_ARG_TYPES(X) ARG_TYPE_COUNT };
#undef X
#define X(id) SPECIAL_KEYS_##id,
enum command_special_keys { COMMAND_SPECIAL_KEYS(X) };
#undef X

/* Where keys begin, and how many there are from there on. Positions count the command as 0. */
enum command_begin_search { BEGIN_INDEX, BEGIN_KEYWORD, BEGIN_UNKNOWN };
enum command_find_keys { FIND_RANGE, FIND_KEYNUM, FIND_UNKNOWN };

struct command_key_spec {
    uint16_t flags; /* KEY_… */
    uint8_t begin;  /* enum command_begin_search */
    uint8_t find;   /* enum command_find_keys */
    int16_t pos;    /* INDEX: where; KEYWORD: where the search starts, negative: backwards from the
                       end */
    struct slice keyword;
    union {
        struct {
            int16_t last; /* of the last key: from the first one, or, negative, from the end */
            int16_t step;
            int16_t limit; /* with last == -1: only the first 1/limit of the rest are keys */
        } range;
        struct {
            int16_t index; /* of the argument that counts the keys, from where they begin */
            int16_t first; /* of the first key, from the same place */
            int16_t step;
        } keynum;
    };
};

struct command_arg {
    struct slice name;
    struct slice token; /* the word that stands before it; empty when there is none */
    struct slice since; /* empty: as old as the command */
    uint8_t type;       /* enum command_arg_type */
    uint8_t flags;      /* ARG_FLAG_… */
    int8_t key_spec;    /* index of the key spec that finds it, or -1 */
    uint8_t args_count;
    const struct command_arg *args; /* of ONEOF and BLOCK */
};

/* What dispatch looks at comes first, so that it shares a cache line. */
struct command_spec {
    uint32_t flags;      /* FLAG_… */
    uint32_t categories; /* CATEGORY_…, those too that follow from the flags */
    uint16_t id;
    int16_t parent;       /* id of the container of a subcommand, -1 for the others */
    int8_t arity;         /* how many words, the command counted; negative: at least so many */
    uint8_t subs_count;   /* of a container */
    uint8_t prefetch_key; /* position of the first key when it is fixed, or 0 */
    uint8_t group;        /* enum command_group */
    uint8_t special_keys; /* enum command_special_keys */
    uint8_t key_specs_count, tips_count, args_count;
    const struct command_key_spec *key_specs;
    struct slice name; /* "get", "config|get" */
    struct slice own;  /* what clients write for it: "get" in both cases */

    int8_t first_key, last_key, key_step; /* the keys in the terms of old clients; 0: none */
    bool later;                           /* not promised yet: see command_table_version */
    bool system;                          /* for the server's own use */
    uint32_t since_number;                /* 7.0.15 is 0x07000f */
    struct slice since;
    struct slice summary;
    struct slice complexity, deprecated_since, replaced_by; /* empty when there is none */
    const struct slice *tips;
    const struct command_arg *args;
};

size_t command_specs_count(void);
/* The spec with this id, which must be below the count. */
const struct command_spec *command_spec_at(size_t id);
/* The spec of "get" or "config|get" whatever the case, or NULL; slow. */
const struct command_spec *command_spec_named(struct slice name);

/* The names of the n-th bit of a set, and of groups and argument types; see the lists above. */
struct slice command_flag_name(unsigned bit);
struct slice command_category_name(unsigned bit);
struct slice command_key_flag_name(unsigned bit);
struct slice command_arg_flag_name(unsigned bit);
struct slice command_group_name(enum command_group group);
struct slice command_arg_type_name(enum command_arg_type type);
/* The CATEGORY_… bit of a name without its '@', whatever the case, or 0. */
uint32_t command_category_named(struct slice name);

#endif
