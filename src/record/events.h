/* The vocabulary of events: classes, names, and the channels that carry them.
 *
 * One list of events and one of classes; everything else (the enum, the names, the flags of
 * `notify-keyspace-events`, the canonical order in which they are printed) comes from these. */
#ifndef HARK_RECORD_EVENTS_H
#define HARK_RECORD_EVENTS_H

#include "../base/slice.h"

/* X(CLASS, flag character, part of 'A'). In the order in which CONFIG GET prints them. */
#define EVENT_CLASSES(X)   \
    X(GENERIC, 'g', 1)     \
    X(STRING, '$', 1)      \
    X(LIST, 'l', 1)        \
    X(SET, 's', 1)         \
    X(HASH, 'h', 1)        \
    X(ZSET, 'z', 1)        \
    X(EXPIRED, 'x', 1)     \
    X(EVICTED, 'e', 1)     \
    X(STREAM, 't', 1)      \
    X(MODULE, 'd', 1)      \
    X(NEW, 'n', 0)         \
    X(OVERWRITTEN, 'o', 0) \
    X(TYPE_CHANGED, 'c', 0)

enum event_class {
#define X(name, flag, all) CLASS_##name,
    EVENT_CLASSES(X)
#undef X
        CLASS_KEYMISS, /* 'm': printed after K and E, never journaled */
    CLASS_COUNT,
};

/* The bits of `notify-keyspace-events`: classes (1 << enum event_class), then families. */
enum {
    NOTIFY_KEYSPACE = 1 << 16,         /* K */
    NOTIFY_KEYEVENT = 1 << 17,         /* E */
    NOTIFY_SUBKEYSPACE = 1 << 18,      /* S */
    NOTIFY_SUBKEYEVENT = 1 << 19,      /* T */
    NOTIFY_SUBKEYSPACEITEM = 1 << 20,  /* I */
    NOTIFY_SUBKEYSPACEEVENT = 1 << 21, /* V */
    NOTIFY_KEYCHANGE = 1 << 22,        /* C: our own __keychange@ family */
    NOTIFY_FAMILIES = 0x7f << 16,
};

/* X(code, identifier, name on the wire, class). `del` and the like are events of several commands.
 * The code stands for the event in every journal that was ever written: a new event takes a number
 * that no other had before, at most 127, whatever its place in the list. 0 is never written. */
#define EVENTS(X)                                                                            \
    X(1, DEL, "del", GENERIC)                                                                \
    X(2, EXPIRE, "expire", GENERIC)                                                          \
    X(3, PERSIST, "persist", GENERIC)                                                        \
    X(4, RENAME_FROM, "rename_from", GENERIC)                                                \
    X(5, RENAME_TO, "rename_to", GENERIC)                                                    \
    X(6, MOVE_FROM, "move_from", GENERIC)                                                    \
    X(7, MOVE_TO, "move_to", GENERIC)                                                        \
    X(8, COPY_TO, "copy_to", GENERIC)                                                        \
    X(9, RESTORE, "restore", GENERIC)                                                        \
    X(10, SET, "set", STRING)                                                                \
    X(11, SETRANGE, "setrange", STRING)                                                      \
    X(12, APPEND, "append", STRING)                                                          \
    X(13, INCRBY, "incrby", STRING)                                                          \
    X(14, INCRBYFLOAT, "incrbyfloat", STRING)                                                \
    X(15, SETBIT, "setbit", STRING)                                                          \
    X(16, EXPIRED, "expired", EXPIRED)                                                       \
    X(17, EVICTED, "evicted", EVICTED)                                                       \
    X(0, KEYMISS, "keymiss", KEYMISS)                                                        \
    X(18, NEW, "new", NEW)                                                                   \
    X(19, OVERWRITTEN, "overwritten", OVERWRITTEN)                                           \
    X(20, TYPE_CHANGED, "type_changed", TYPE_CHANGED)                                        \
    X(21, FLUSHDB, "flushdb", GENERIC) /* these concern databases: journal and views only */ \
    X(22, SWAPDB, "swapdb", GENERIC)                                                         \
    X(23, LOADED, "loaded", GENERIC)                                                         \
    X(24, PFADD, "pfadd", STRING)                                                            \
    X(25, LPUSH, "lpush", LIST)                                                              \
    X(26, RPUSH, "rpush", LIST)                                                              \
    X(27, LPOP, "lpop", LIST)                                                                \
    X(28, RPOP, "rpop", LIST)                                                                \
    X(29, LINSERT, "linsert", LIST)                                                          \
    X(30, LSET, "lset", LIST)                                                                \
    X(31, LREM, "lrem", LIST)                                                                \
    X(32, LTRIM, "ltrim", LIST)                                                              \
    X(33, SORTSTORE, "sortstore", LIST)                                                      \
    X(34, SADD, "sadd", SET)                                                                 \
    X(35, SREM, "srem", SET)                                                                 \
    X(36, SPOP, "spop", SET)                                                                 \
    X(37, SINTERSTORE, "sinterstore", SET)                                                   \
    X(38, SUNIONSTORE, "sunionstore", SET)                                                   \
    X(39, SDIFFSTORE, "sdiffstore", SET)                                                     \
    X(40, HSET, "hset", HASH)                                                                \
    X(41, HINCRBY, "hincrby", HASH)                                                          \
    X(42, HINCRBYFLOAT, "hincrbyfloat", HASH)                                                \
    X(43, HDEL, "hdel", HASH)                                                                \
    X(44, HEXPIRE, "hexpire", HASH)                                                          \
    X(45, HEXPIRED, "hexpired", HASH)                                                        \
    X(46, HPERSIST, "hpersist", HASH)                                                        \
    X(47, ZADD, "zadd", ZSET)                                                                \
    X(48, ZINCR, "zincr", ZSET)                                                              \
    X(49, ZREM, "zrem", ZSET)                                                                \
    X(50, ZREMRANGEBYRANK, "zremrangebyrank", ZSET)                                          \
    X(51, ZREMRANGEBYSCORE, "zremrangebyscore", ZSET)                                        \
    X(52, ZREMRANGEBYLEX, "zremrangebylex", ZSET)                                            \
    X(53, ZPOPMIN, "zpopmin", ZSET)                                                          \
    X(54, ZPOPMAX, "zpopmax", ZSET)                                                          \
    X(55, ZINTERSTORE, "zinterstore", ZSET)                                                  \
    X(56, ZUNIONSTORE, "zunionstore", ZSET)                                                  \
    X(57, ZDIFFSTORE, "zdiffstore", ZSET)                                                    \
    X(58, ZRANGESTORE, "zrangestore", ZSET)                                                  \
    X(59, GEORADIUSSTORE, "georadiusstore", ZSET)                                            \
    X(60, GEOSEARCHSTORE, "geosearchstore", ZSET)                                            \
    X(61, XADD, "xadd", STREAM)                                                              \
    X(62, XTRIM, "xtrim", STREAM)                                                            \
    X(63, XDEL, "xdel", STREAM)                                                              \
    X(64, XSETID, "xsetid", STREAM)                                                          \
    X(65, XGROUP_CREATE, "xgroup-create", STREAM)                                            \
    X(66, XGROUP_SETID, "xgroup-setid", STREAM)                                              \
    X(67, XGROUP_DESTROY, "xgroup-destroy", STREAM)                                          \
    X(68, XGROUP_CREATECONSUMER, "xgroup-createconsumer", STREAM)                            \
    X(69, XGROUP_DELCONSUMER, "xgroup-delconsumer", STREAM)

enum event_name {
#define X(code, id, name, class) EVENT_##id,
    EVENTS(X)
#undef X
        EVENT_COUNT,
};

/* A bit per event. */
typedef unsigned __int128 event_set;

static inline event_set event_set_of(enum event_name event)
{
    return (event_set)1 << event;
}

static inline bool event_set_has(event_set set, enum event_name event)
{
    return set >> event & 1;
}

struct slice event_text(enum event_name event);
enum event_class event_class(enum event_name event);

/* Reads a `notify-keyspace-events` string into bits; -1 (ERR_SYNTAX) for an unknown character. */
int notify_from_text(struct slice text, uint32_t *flags);
/* Writes the canonical form (`KA` reads back `AK`, nothing is lost); returns its length. */
enum { NOTIFY_TEXT_MAX = 32 };
size_t notify_to_text(char to[NOTIFY_TEXT_MAX], uint32_t flags);

#endif
