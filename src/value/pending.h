/* Pending entries of a group of consumers: what was delivered and is not acknowledged, in the order
 * of ids.
 *
 * Hundreds of thousands of them are nothing unusual, so they are kept as bytes, two or three for
 * an entry that is like the one before it. Finding one costs a look into an array and decoding a
 * leaf of at most 128; those next to it come for nothing.
 *
 * Not for several threads, not even for reading: the leaf that was looked at last stays decoded,
 * until pending_settle. */
#ifndef HARK_VALUE_PENDING_H
#define HARK_VALUE_PENDING_H

#include "code.h"

struct pending_entry {
    struct event_id id;
    int64_t delivered_ms; /* the last time */
    uint64_t deliveries;  /* how often */
    uint32_t consumer;    /* whose it is */
};

/* For pending_next: whoever has it. */
#define PENDING_ANY UINT32_MAX

enum { PENDING_LEAF_MAX = 128 };

struct pending_leaf {
    struct event_id first;
    uint64_t consumers; /* bit c % 64: an entry of consumer c may be here */
    char *bytes;
    uint32_t len;
    uint32_t count;
};

struct pending {
    struct pending_leaf *leaves;
    size_t leaves_count, leaves_cap;
    size_t count;               /* entries of all leaves */
    struct pending_entry *open; /* the entries of leaf `open_at`, or NULL */
    size_t open_at;
    bool open_changed; /* the leaf's bytes are not true any more */
};

/* All zeros is an empty one. */
void pending_fini(struct pending *p);
/* Has the decoded leaf put away. */
struct pending pending_copy(struct pending *p);
/* Puts the decoded leaf away: after each command. */
void pending_settle(struct pending *p);

/* Good until the next call of another function; NULL when it is not there. */
const struct pending_entry *pending_find(struct pending *p, struct event_id id);
/* The first entry from `from` on that belongs to `consumer`. */
bool pending_next(struct pending *p, struct event_id from, uint32_t consumer,
                  struct pending_entry *out);
/* The same behind `id`. */
bool pending_after(struct pending *p, struct event_id id, uint32_t consumer,
                   struct pending_entry *out);
/* The one with the largest id. */
bool pending_last(struct pending *p, struct pending_entry *out);
/* Enters it, in place of the one with the same id if there is one. */
void pending_put(struct pending *p, const struct pending_entry *e);
/* Takes it out, if it is there. */
bool pending_remove(struct pending *p, struct event_id id);

/* One entry as it is coded behind `before`; the first of a series comes behind zeros. */
void pending_encode(struct buffer *to, const struct pending_entry *before,
                    const struct pending_entry *e);
bool pending_decode(struct slice *from, const struct pending_entry *before,
                    struct pending_entry *e);

size_t pending_bytes(const struct pending *p);
/* Ends the process when an invariant does not hold. */
void pending_check(struct pending *p);

#endif
