/* Routes: who hears the channels of events, found without building what no one reads.
 *
 * A channel of an event is (family, database, key or event name). Two memos rest on that:
 *
 *   * families with the event's name (`__keyevent@0__:expired`) have few channels: for each, the
 *     feeds that hear it are kept, and an event costs one look at the memo;
 *   * families with the key (`__keyspace@0__:<key>`) have as many channels as keys: for each
 *     database it is kept whether any name or pattern could match at all, and only then is the
 *     channel's name built and looked up.
 *
 * A memo is true as long as the family's generation stays; that rises when a channel of the family
 * appears or goes, or a pattern whose prefix agrees with the family's. Other names, such as the
 * reply channels that clients make up, leave the memos alone. Memory is bounded: the memos have a
 * fixed number of places, and a channel that very many feeds hear is not kept but matched anew. */
#ifndef HARK_PUBSUB_ROUTES_H
#define HARK_PUBSUB_ROUTES_H

#include "directory.h"

/* In the order of their bits from NOTIFY_KEYSPACE on, which is that of their messages. */
#define EVENT_FAMILIES(X)                      \
    X(KEYSPACE, "__keyspace@")                 \
    X(KEYEVENT, "__keyevent@")                 \
    X(SUBKEYSPACE, "__subkeyspace@")           \
    X(SUBKEYEVENT, "__subkeyevent@")           \
    X(SUBKEYSPACEITEM, "__subkeyspaceitem@")   \
    X(SUBKEYSPACEEVENT, "__subkeyspaceevent@") \
    X(KEYCHANGE, "__keychange@")

enum event_family {
#define X(name, stem) FAMILY_##name,
    EVENT_FAMILIES(X)
#undef X
        FAMILY_COUNT,
};

enum { ROUTE_DBS = 64, ROUTE_PLACES = 512, ROUTE_FEEDS_MAX = 1024 };

/* May anyone hear channels of this database? */
struct route_answer {
    uint64_t generation;
    int db;
    bool yes;
};

/* Who hears this channel. */
struct route_place {
    uint64_t generation;
    int db;
    uint8_t family, event;
    uint32_t len, cap;
    struct feed **feeds;
};

struct routes {
    uint64_t generation[FAMILY_COUNT];          /* from 1 on; 0 marks a memo that was never made */
    uint32_t channels[FAMILY_COUNT][ROUTE_DBS]; /* exact names, by database modulo ROUTE_DBS */
    struct route_answer answers[FAMILY_COUNT][ROUTE_DBS];
    struct route_place places[ROUTE_PLACES];
};

/* The bit of notify-keyspace-events that switches a family on. */
static inline uint32_t family_bit(enum event_family family)
{
    return (uint32_t)NOTIFY_KEYSPACE << family;
}

void routes_init(struct routes *r);
void routes_fini(struct routes *r);

/* A channel appeared (+1) or went (-1). */
void routes_channel_changed(struct routes *r, struct slice name, int change);
/* A pattern with this literal prefix appeared or went. */
void routes_pattern_changed(struct routes *r, struct slice prefix);

/* May anyone hear channels of the family in this database? */
bool routes_lead(struct routes *r, const struct directory *d, enum event_family family, int db);

/* Appends "__keyspace@<db>__:" of the family. */
void route_name(struct buffer *to, enum event_family family, int db);
/* Who hears the channel of an event, of a family whose channels end with its name. `channel` is
 * for the name, which is built only when `len` is not 0 or the memo was not true any more; in both
 * cases it holds it. Good until the next call of this or of the directory. */
struct hearers routes_of_event(struct routes *r, struct directory *d, enum event_family family,
                               int db, enum event_name event, struct buffer *channel);

#endif
