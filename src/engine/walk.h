/* A walk: all data as it was at one moment, handed out while it goes on changing.
 *
 *      engine_walk_begin ─ engine_walk_step, again and again ─▶ false: all of it was handed out
 *                               commands run in between
 *
 * The visitor gets each entry that there was when the walk began, once, as it was then: in the
 * walk's own time, or from the gate, just before the first change of an entry that the walk has
 * not come to. Entries that are new since are not visited. What FLUSHDB takes away, and what
 * SWAPDB moves, is visited all the same, under the number that its database had at the beginning.
 *
 * There is one walk at a time. It begins between records; what it hands out is the data after
 * record `seq`, whose last event had the id `last`. */
#ifndef HARK_ENGINE_WALK_H
#define HARK_ENGINE_WALK_H

#include "engine.h"

struct walk_visitor {
    /* Must copy what it needs, quickly, and call nothing of the engine. */
    void (*entry)(void *ctx, int db, const struct entry *e);
    /* Is there room for more? While false, steps do nothing; first touches are handed over all the
     * same. NULL: always. */
    bool (*ready)(void *ctx);
    void *ctx;
};

/* Begins one: 0, with the moment; or ERR_BUSY. No record may be open. */
int engine_walk_begin(struct engine *e, struct walk_visitor v, uint64_t *seq,
                      struct event_id *last);
/* Hands out some more, about `entries`; false when all has been handed out, and the walk is over.
 */
bool engine_walk_step(struct engine *e, size_t entries);
/* Gives it up, if there is one. */
void engine_walk_cancel(struct engine *e);

#endif
