/* A walk: all data as it was at one moment, handed out while it goes on changing.
 *
 *      engine_walk_begin ─ engine_walk_step, again and again ─▶ false: all of it was handed out
 *                               commands run in between
 *
 * The visitor gets each entry that there was when the walk began, once, as it was then: in the
 * walk's own time, or from the gate, just before the first change of an entry that the walk has
 * not come to. Entries that are new since are not visited. What FLUSHDB takes away, and what
 * SWAPDB moves, is visited all the same, under the number that its database had at the beginning.
 * How that is done stands in keyspace/walk.h, which also has the visitor.
 *
 * There is one walk at a time. It begins between records; what it hands out is the data after
 * record `seq`, whose last event had the id `last`. */
#ifndef HARK_ENGINE_WALK_H
#define HARK_ENGINE_WALK_H

#include "../keyspace/walk.h"
#include "engine.h"

/* Begins one: 0, with the moment; ERR_BUSY when one is on; or ERR_AGAIN when one was given up a
 * short while ago: engine_work has something to do first. No record may be open. */
int engine_walk_begin(struct engine *e, struct walk_visitor v, uint64_t *seq,
                      struct event_id *last);
/* Would engine_walk_begin succeed? */
bool engine_walk_may_begin(const struct engine *e);
/* Hands out some more, about `entries`; false when all has been handed out, and the walk is over,
 * or when it was given up (by the visitor, who knows). */
bool engine_walk_step(struct engine *e, size_t entries);
/* Should a change of this key's value wait for the walk? Then that has it next, and when
 * engine_walk_had changes is the time to ask again. See keyspace/walk.h. */
bool engine_walk_holds(struct engine *e, int db, struct slice key);
uint64_t engine_walk_had(const struct engine *e);
/* Can that ever be true at this moment? */
bool engine_walk_may_hold(const struct engine *e);
/* Does somebody wait so? Then it should get on. */
bool engine_walk_is_wanted(const struct engine *e);
/* Gives it up, if there is one; also for the visitor, when too much is handed to it. */
void engine_walk_cancel(struct engine *e);

#endif
