/* Client-side caching: shared by the tracking*.c files alone. How it works stands in tracking.c. */
#ifndef HARK_SESSION_TRACKING_H
#define HARK_SESSION_TRACKING_H

#include "../ds/radix.h"
#include "internal.h"

/* Bounds of what one broadcasting client may ask for. */
enum { TRACKING_PREFIXES_MAX = 1000, TRACKING_PREFIX_BYTES_MAX = 4096 };

/* Of a session, while it tracks. */
struct tracking {
    uint64_t redirect; /* the client that is told in its place; 0: itself */
    bool broadcast, optin, optout, noloop;
    bool caching; /* CLIENT CACHING was said for the next request */
    bool broken;  /* the client in its place has gone */
    struct prefix **prefixes;
    size_t prefixes_count, prefixes_cap;
};

/* What changed keys begin with, and the broadcasting sessions that want to hear of those. */
struct prefix {
    struct session **members;
    size_t count, cap;
    uint64_t round; /* the last broadcast that went to them */
    size_t len;
    char name[];
};

struct tracking_table {
    struct sessions *all;
    size_t clients; /* sessions that track */
    bool hears;     /* the engine tells of changes */
    struct table keys;
    size_t items;         /* readers of all keys */
    struct table dropped; /* the keys of before, given back little by little */
    struct radix prefixes;
    struct map changed; /* keys to broadcast; the value is the id of who changed each last */
    uint64_t round;
    struct read *reads; /* of the open record, behind its first change */
    size_t reads_count, reads_cap, reads_settled;
    size_t changes_heard; /* of that record, since it was sealed */
};

/* A key that was read in the middle of a record. */
struct read {
    uint64_t reader;
    struct slice key; /* borrowed until the record is over */
    size_t changes;   /* that had been made before it */
};

static inline struct slice prefix_name(const struct prefix *p)
{
    return slice_of(p->name, p->len);
}

/* tracking.c */
struct tracking *tracking_start(struct session *s);

/* One message for many: built in the form that a receiver needs when the first one needs it. */
struct invalidation {
    const struct slice *keys; /* NULL: all keys */
    size_t count;
    struct block *forms[2];
};
/* Sends it to a session that tracks, or whoever stands in its place. */
void invalidation_send(struct invalidation *m, struct session *s);
void invalidation_fini(struct invalidation *m);

/* tracking_broadcast.c */
void prefix_join(struct session *s, struct slice name);
void prefixes_leave(struct session *s);
/* Notes a changed key for the broadcast at the end of the turn. */
void broadcast_note(struct tracking_table *t, struct slice key, uint64_t client);
void broadcast_send(struct tracking_table *t);

#endif
