/* Directory: every feed by its name, and who hears a channel. */
#ifndef HARK_PUBSUB_DIRECTORY_H
#define HARK_PUBSUB_DIRECTORY_H

#include "feed.h"

enum { PUBSUB_KINDS = PUBSUB_SHARD + 1 };

/* Feeds, in the order in which they are served. */
struct hearers {
    struct feed **at;
    size_t len;
};

struct directory {
    const unsigned char *secret;
    struct chains feeds[PUBSUB_KINDS];
    struct pattern_index *patterns;
    struct feed **found;
    size_t found_cap;
};

void directory_init(struct directory *d, const unsigned char *secret);
/* There must be no feeds. */
void directory_fini(struct directory *d);

/* The feed of this name, or NULL. */
struct feed *directory_find(const struct directory *d, enum pubsub_kind kind, struct slice name);
/* A new feed, of a name that is not there; NULL when it is a pattern that crowds the index. */
struct feed *directory_add(struct directory *d, enum pubsub_kind kind, struct slice name,
                           size_t crowded_max);
/* Takes a feed out and frees it. */
void directory_remove(struct directory *d, struct feed *f);

/* The feed of the channel itself, then those of the patterns that match it, oldest first; good
 * until the next call. */
struct hearers directory_hearers(struct directory *d, struct slice channel);

#endif
