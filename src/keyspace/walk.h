/* A walk over all databases as they were at one moment, while they go on changing.
 *
 * The tables are walked in the order of places, so whether the walk has passed an entry is one
 * comparison. An entry that it has not come to is handed over before its first change, by whoever
 * is about to change it (keyspace_edit and keyspace_remove in change.h, through which all changes
 * go), and marked, so that the walk passes it by later:
 *
 *      place 0                   walked                                              2^48
 *      ├─────── handed over ───────┼──────────────── to come ──────────────────────────┤
 *        all marked, may change         changed or new since the begin: marked
 *                                       as they were: not marked
 *
 * One bit is enough for that, and is never cleared, for what it means flips with each walk:
 *  1. While no walk is on, all entries have the same bit, `mark`, new ones included.
 *  2. The begin flips `mark`; so nothing is marked. What is handed over, changed or new gets it.
 *  3. At the end everything has it, and 1 holds again.
 * A walk that was given up has to go on for that, though it hands out nothing any more: slices of
 * keyspace_work see to it, and until they are through there is no new one.
 *
 * A flushed table is handed over as it is freed, which waits for the walk. A database keeps the
 * number that it had at the begin, whatever SWAPDB does.
 *
 * Large values are put into a queue when the walk comes to them, and handed over part by part
 * before it goes on:
 *
 *      slow ─▶ entry, of which a part was handed over ─▶ entry ─▶ …
 *
 *  4. An entry in the queue is not marked, though the walk may have passed it: keyspace_edit looks
 *     there too. It is marked when its last part is handed over.
 *  5. An entry that is deleted, flushed or replaced while it is in the queue, or still to come, is
 *     the queue's, which frees it in the end.
 *  6. Who wants to change one asks first (keyspace_walk_holds), and waits: it comes next then. Who
 *     did not ask makes the whole of it be handed over at once. */
#ifndef HARK_KEYSPACE_WALK_H
#define HARK_KEYSPACE_WALK_H

#include "keyspace.h"

struct walk_visitor {
    /* Must copy what it needs, quickly. May give the walk up from in here, for example because too
     * much was handed over while it was not ready; calls nothing else of engine or keyspace. The
     * access bits of the entry are those of now. */
    void (*entry)(void *ctx, int db, const struct entry *e);
    /* Takes some more of an entry with a large value; true with the last of it. One such entry at a
     * time; until its last part it does not change. Others come by `entry` in between. NULL: all
     * come by `entry`. What is said of that holds here too. */
    bool (*part)(void *ctx, int db, const struct entry *e, struct value_progress *p);
    /* Is there room for more? While false, steps do nothing; first touches are handed over all the
     * same. NULL: always. */
    bool (*ready)(void *ctx);
    void *ctx;
};

/* 0; ERR_BUSY: one is on; ERR_AGAIN: one was given up, and its rest is still to be passed. */
int keyspace_walk_begin(struct keyspace *ks, struct walk_visitor v);
/* Would that be 0? */
bool keyspace_walk_may_begin(const struct keyspace *ks);
/* Is the value of this key large, and does the walk have to have it before it changes? Then that is
 * done next, in the walk's own time: see keyspace_walk_had. Deleting it, or putting another in its
 * place, need not wait. */
bool keyspace_walk_holds(struct keyspace *ks, int db, struct slice key);
/* Can that ever be true at this moment? */
bool keyspace_walk_may_hold(const struct keyspace *ks);
/* How many large values walks have had, or been given up before: when it changes, who waits may ask
 * again. */
uint64_t keyspace_walk_had(const struct keyspace *ks);
/* Does somebody wait? */
bool keyspace_walk_is_wanted(const struct keyspace *ks);
/* Goes on by about so many entries, or a part of a large one; false when no walk is on any more. */
bool keyspace_walk_step(struct keyspace *ks, size_t entries);
/* Gives it up, if there is one. */
void keyspace_walk_cancel(struct keyspace *ks);

#endif
