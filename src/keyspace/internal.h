/* Shared by the files of this room alone. */
#ifndef HARK_KEYSPACE_INTERNAL_H
#define HARK_KEYSPACE_INTERNAL_H

#include "../base/hash.h"
#include "change.h"

struct database {
    struct table table;
    struct wheel wheel;
    size_t volatile_keys;
    bool rebuilding;
    struct wheel fresh; /* while rebuilding: takes over when the walk is through */
    uint64_t rebuilt;   /* the walk's cursor: entries with hash >> 16 below it are in `fresh` */
};

/* What a flushed database held, on its way to be freed. */
struct grave {
    struct table table;
    struct grave *next;
};

enum { VICTIMS_MAX = 16 };

/* Good victims met while sampling; the best is taken first, if it is still there. */
struct victim {
    int db;
    uint64_t hash;
    uint64_t score; /* higher goes first */
};

struct keyspace {
    unsigned char secret[HASH_SECRET_SIZE];
    struct random random;
    struct access_config access;
    struct database **db;
    int databases;
    struct grave *graves;
    int due_first;      /* the database that keyspace_each_due begins with */
    struct map watched; /* name: database number and key; value: struct watch, a list */
    struct victim victims[VICTIMS_MAX]; /* ascending by score */
    int victims_count;
};

void database_init(struct keyspace *ks, struct database *d);
void database_fini(struct database *d);
/* Puts an item for the entry into the wheel that is answerable for its hash. */
void database_add_deadline(struct keyspace *ks, struct database *d, uint64_t hash,
                           int64_t deadline);
/* Rebuilds the wheel beside the old one, a few buckets a call, when stale items have become too
 * many; returns whether there is more to do. */
bool database_rebuild_step(struct keyspace *ks, struct database *d);
/* The same, but begins as soon as most items are stale. */
bool database_compact(struct keyspace *ks, struct database *d);

#endif
