/* Shared by the files of this room alone. */
#ifndef HARK_KEYSPACE_INTERNAL_H
#define HARK_KEYSPACE_INTERNAL_H

#include "../base/hash.h"
#include "change.h"
#include "walk.h"

/* `walked` of a database that the walk has nothing more to do with: above place >> 16 of any. */
#define WALKED_ALL (UINT64_C(1) << 48)

struct database {
    struct table table;
    uint64_t walked; /* the walk has passed the entries with place >> 16 below it (table_place) */
    int number;      /* its number when the walk began */
    struct wheel wheel;
    size_t volatile_keys;
    size_t timed_hashes; /* see struct database_info; both may be true of an entry */
    bool rebuilding;
    struct wheel fresh; /* while rebuilding: takes over when the walk is through */
    uint64_t rebuilt;   /* the walk's cursor: entries with place >> 16 below it are in `fresh` */
};

/* What a flushed database held, on its way to be freed. */
struct grave {
    struct table table;
    struct grave *next;
    int number;   /* of its database when the walk began */
    bool to_walk; /* a walk is to have what is in it first, and frees it */
};

/* A large value on its way to be freed. */
struct remains {
    struct value value;
    struct remains *next;
};

/* An entry with a large value, being handed to the walk or waiting for that. */
struct slow {
    struct entry *entry;
    int number;    /* of its database when the walk began */
    bool owned;    /* it stands in no table any more, and ends with this */
    bool is_begun; /* parts of it were handed over */
    struct value_progress progress;
    struct slow *next;
};

enum walk_state { WALK_NONE, WALK_ON, WALK_SETTLING /* given up */ };

struct walk {
    enum walk_state state;
    struct walk_visitor visitor;
    int at;             /* the databases below it are done */
    size_t graves;      /* how many are to be walked */
    struct slow *slow;  /* the first is the one under way */
    bool is_wanted;     /* somebody waits for one of them */
    size_t large_bytes; /* from which size on a value is large; tests make it small */
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
    struct remains *remains;
    size_t put_aside;        /* keys that came into graves and remains, since the last reset */
    uint64_t elements_freed; /* of values that were disposed of, so that slices of that are even */
    struct value_config values;
    struct walk walk;
    struct keyspace_hold *holds;
    uint64_t slow_done; /* entries that have left the queue of a walk */
    uint8_t mark;       /* of what was handed over; of all entries while no walk is on */
    int due_first;      /* the database that keyspace_each_due begins with */
    struct map watched; /* name: database number and key; value: struct watch, a list */
    struct victim victims[VICTIMS_MAX]; /* ascending by score */
    int victims_count;
};

/* The entry is about to be changed or freed, or the walk has come to it: hands it over, unless that
 * has been done. */
void walk_hand_over(struct keyspace *ks, int number, struct entry *e);
/* Is it large, and has the walk still to have it? `hash` is that of its key. */
bool walk_is_slow(const struct keyspace *ks, const struct database *d, uint64_t hash,
                  const struct entry *e);
/* Such an entry stands in no table any more: the walk takes it, and frees it in the end. */
void walk_take(struct keyspace *ks, int number, struct entry *e);
/* A slice of the rest of a walk that was given up; is there more? */
bool walk_settle(struct keyspace *ks);
/* As keyspace_dispose, for an entry out of a grave, which is counted among what was put aside. */
void keyspace_dispose_buried(struct keyspace *ks, struct entry *e);
/* Takes a grave whose table is empty out of the list. */
void grave_remove(struct grave **link);

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
