/* Groups on views as a snapshot keeps them (docs/format/views.md): for those who load them, and for
 * who only looks into the file.
 *
 *      saved_groups_open ─ saved_groups_next ─ crew_load(…, &s->rest, &group_bounds) ─ …
 *
 * Nothing in the bytes is believed: false when they make no sense. */
#ifndef HARK_VIEW_GROUPS_SAVED_H
#define HARK_VIEW_GROUPS_SAVED_H

#include "../value/crew.h"

enum {
    GROUPS_MAX = 10000,              /* of all views */
    GROUP_CONSUMERS_MAX = 10000,     /* of one group */
    GROUP_PENDING_MAX = 1000 * 1000, /* of one group */
    GROUP_NAME_MAX = 4096,           /* bytes of a view's, a group's, a consumer's name */
};

/* For the crews of groups on views. */
extern const struct crew_bounds group_bounds;

struct group_position {
    struct event_id last; /* delivered */
    uint64_t scanned_seq; /* up to this record all has been looked at for the group; 0: not known */
    int64_t entries_read; /* how many there were up to `last`; -1: not known */
};

void group_code_position(struct buffer *to, const struct group_position *p);
bool group_decode_position(struct slice *from, struct group_position *p);

struct saved_group {
    uint32_t number;
    struct slice view, name; /* in the bytes */
    struct group_position position;
};

struct saved_groups {
    struct slice rest; /* in the end there must be none */
    uint64_t left;     /* so many groups */
    uint32_t next_number;
};

enum { GROUPS_SAVED_VERSION = 1 };

bool saved_groups_open(struct saved_groups *s, struct slice bytes);
/* While groups are left; the crew stands in front of the rest then. */
bool saved_groups_next(struct saved_groups *s, struct saved_group *g);

#endif
