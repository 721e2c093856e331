/* Replay: records that were sealed once, by this engine or another, applied to the data.
 *
 * After engine_replay the keyspace, the sequence number and the ids are what they were when the
 * record was sealed, remarks such as OBJECT ENCODING included, and the engine goes on as if it had
 * made the record itself. Nobody is told: no subscriber, no sink, no watcher, no tracking; and
 * nothing expires: a deadline that has passed waits for the record that says `expired`, or for the
 * first engine_expire after the replay.
 * The counts of keys changed, expired and evicted are of what the engine does itself, and stay.
 *
 *      snapshot ─▶ engine_resume ─▶ engine_replay_batch … ─▶ engine_skip_ids ─▶ engine_begin …
 *
 * Caveats: a record that turns out to be impossible may have been applied in part; the data is good
 * for nothing then. What FLUSHDB leaves behind is freed by engine_work, as ever: call it now and
 * then. Before the first record, with all databases empty, one engine_expire with the time of now
 * lets the timer wheels start from there. */
#ifndef HARK_ENGINE_REPLAY_H
#define HARK_ENGINE_REPLAY_H

#include "engine.h"

/* What was wrong, and where. */
struct replay_fault {
    uint64_t seq;     /* the record */
    int32_t effect;   /* which of its effects, from 0; -1 when it is the record itself */
    const char *text; /* "the key to be renamed is not there"; static storage */
};

/* The data is that of after record `seq`, whose last event had the id `last` (or any before it). */
void engine_resume(struct engine *e, uint64_t seq, struct event_id last);
/* No event comes before it. */
struct event_id engine_next_id(const struct engine *e);
/* From here on no event gets an id before <ms>-0: ids may have been given, just before a crash,
 * of which nothing is known any more. */
void engine_skip_ids(struct engine *e, int64_t ms);

/* Who redoes what note_views noted: true, or false when `bytes` make no sense. */
typedef bool engine_redo_views(void *ctx, struct slice bytes);
void engine_hear_views(struct engine *e, engine_redo_views *redoes, void *ctx);

/* Applies a record; it must be the next one by sequence number and ids. No record may be open.
 * 0, or ERR_CORRUPT with *fault told. */
int engine_replay(struct engine *e, const struct record *r, struct replay_fault *fault);
/* Applies many, in order; faster, for it fetches ahead what they will touch (some tens of records
 * at a time are best). Stops at the first fault. */
int engine_replay_batch(struct engine *e, const struct record *records, size_t count,
                        struct replay_fault *fault);

#endif
