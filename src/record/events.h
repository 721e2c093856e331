/* The vocabulary of events: classes, names, and the channels that carry them.
 *
 * One list of events and one of classes; everything else (the enum, the names, the flags of
 * `notify-keyspace-events`, the canonical order in which they are printed) comes from these. */
#ifndef HARK_RECORD_EVENTS_H
#define HARK_RECORD_EVENTS_H

#include "../base/slice.h"

/* X(CLASS, flag character, part of 'A'). In the order in which CONFIG GET prints them. */
#define EVENT_CLASSES(X)                                                                           \
    X(GENERIC, 'g', 1)                                                                             \
    X(STRING, '$', 1)                                                                              \
    X(LIST, 'l', 1)                                                                                \
    X(SET, 's', 1)                                                                                 \
    X(HASH, 'h', 1)                                                                                \
    X(ZSET, 'z', 1)                                                                                \
    X(EXPIRED, 'x', 1)                                                                             \
    X(EVICTED, 'e', 1)                                                                             \
    X(STREAM, 't', 1)                                                                              \
    X(MODULE, 'd', 1)                                                                              \
    X(NEW, 'n', 0)                                                                                 \
    X(OVERWRITTEN, 'o', 0)                                                                         \
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
    NOTIFY_KEYSPACE = 1 << 16,          /* K */
    NOTIFY_KEYEVENT = 1 << 17,          /* E */
    NOTIFY_SUBKEYSPACE = 1 << 18,       /* S */
    NOTIFY_SUBKEYEVENT = 1 << 19,       /* T */
    NOTIFY_SUBKEYSPACEITEM = 1 << 20,   /* I */
    NOTIFY_SUBKEYSPACEEVENT = 1 << 21,  /* V */
    NOTIFY_KEYCHANGE = 1 << 22,         /* C: our own __keychange@ family */
    NOTIFY_FAMILIES = 0x7f << 16,
};

/* X(identifier, name on the wire, class). `del` and the like are events of several commands. */
#define EVENTS(X)                                                                                  \
    X(DEL, "del", GENERIC)                                                                         \
    X(EXPIRE, "expire", GENERIC)                                                                   \
    X(PERSIST, "persist", GENERIC)                                                                 \
    X(RENAME_FROM, "rename_from", GENERIC)                                                         \
    X(RENAME_TO, "rename_to", GENERIC)                                                             \
    X(MOVE_FROM, "move_from", GENERIC)                                                             \
    X(MOVE_TO, "move_to", GENERIC)                                                                 \
    X(COPY_TO, "copy_to", GENERIC)                                                                 \
    X(RESTORE, "restore", GENERIC)                                                                 \
    X(SET, "set", STRING)                                                                          \
    X(SETRANGE, "setrange", STRING)                                                                \
    X(APPEND, "append", STRING)                                                                    \
    X(INCRBY, "incrby", STRING)                                                                    \
    X(INCRBYFLOAT, "incrbyfloat", STRING)                                                          \
    X(SETBIT, "setbit", STRING)                                                                    \
    X(EXPIRED, "expired", EXPIRED)                                                                 \
    X(EVICTED, "evicted", EVICTED)                                                                 \
    X(KEYMISS, "keymiss", KEYMISS)                                                                 \
    X(NEW, "new", NEW)                                                                             \
    X(OVERWRITTEN, "overwritten", OVERWRITTEN)                                                     \
    X(TYPE_CHANGED, "type_changed", TYPE_CHANGED)                                                  \
    X(FLUSHDB, "flushdb", GENERIC)   /* these two concern databases: journal and views only */     \
    X(SWAPDB, "swapdb", GENERIC)

enum event_name {
#define X(id, name, class) EVENT_##id,
    EVENTS(X)
#undef X
        EVENT_COUNT,
};

struct slice event_text(enum event_name event);
enum event_class event_class(enum event_name event);

/* Reads a `notify-keyspace-events` string into bits; -1 (ERR_SYNTAX) for an unknown character. */
int notify_from_text(struct slice text, uint32_t *flags);
/* Writes the canonical form (`KA` reads back `AK`, nothing is lost); returns its length. */
enum { NOTIFY_TEXT_MAX = 32 };
size_t notify_to_text(char to[NOTIFY_TEXT_MAX], uint32_t flags);

#endif
