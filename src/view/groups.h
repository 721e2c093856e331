/* Consumer groups on views: durable subscriptions, shared by their workers.
 *
 * A group belongs to the exact bytes of a view's name, not to a database. It knows how far it has
 * got, who its consumers are, and what was delivered and is not acknowledged.
 *
 * Every change is written as a short byte code, noted in the open record (note_views), and made by
 * the very function that redoes it on replay: so what was noted is what was done. The layout of the
 * code, and of what a snapshot keeps, stands in docs/format/views.md.
 *
 *      group_… ─▶ bytes ─┬─▶ change made          replay, snapshot ─▶ bytes ─▶ change made
 *                        └─▶ note_views
 *
 * Functions that change something need an open record, and return 0 or a count, or ERR_LIMIT when
 * there would be more than the bounds below. Consumers are told by number. */
#ifndef HARK_VIEW_GROUPS_H
#define HARK_VIEW_GROUPS_H

#include "../engine/engine.h"
#include "groups_saved.h"

struct groups;

/* It has got nothing yet, and was to get all. Its scanned_seq is known then, also when it is 0. */
static inline bool group_is_at_begin(const struct group_position *p)
{
    return !p->last.ms && !p->last.n;
}

/* To be looked at; changed by the functions below alone. */
struct group {
    struct slice name, view; /* the name is first: crew_place */
    uint32_t number;
    struct group_position position;
    struct crew crew;
    uint64_t made_seq;   /* the last record that made it, its consumers or its position */
    uint64_t waited_seq; /* the last with any change that a reply must wait for */
    uint64_t version;    /* not kept: grows by each change of the position from outside */
    void *reader;        /* not kept: of the room above, who reads for it now */
    uint64_t saving;     /* not kept: by which saving it need not be saved any more */
};

/* Hears of replays from the engine from now on. */
struct groups *groups_new(struct engine *engine);
void groups_free(struct groups *gs);
/* Who reads for a group hears that it ends. */
void groups_hear_end(struct groups *gs, void (*ends)(void *ctx, struct group *g), void *ctx);

/* ---- looking ---- */

size_t groups_count(const struct groups *gs);
struct group *groups_find(const struct groups *gs, struct slice view, struct slice name);
/* The groups of a view in the order of their names: how many, and where they stand until the next
 * change. */
size_t groups_of(const struct groups *gs, struct slice view, struct group *const **list);
/* All groups: those below groups_numbers, but NULL where nobody has the number. */
uint32_t groups_numbers(const struct groups *gs);
struct group *groups_numbered(const struct groups *gs, uint32_t number);
/* The last record that made a group or ended one: on this rests that there is none. */
uint64_t groups_waited_seq(const struct groups *gs);
/* Grows whenever XGROUP CREATE or SETID says where a group stands, which may be far back. */
uint64_t groups_placed(const struct groups *gs);
/* The memory that they take. */
size_t groups_bytes(const struct groups *gs);

/* ---- changing ---- */

/* ERR_EXISTS; ERR_LIMIT also for names that are too long. */
int groups_create(struct groups *gs, struct slice view, struct slice name,
                  struct group_position position);
void group_destroy(struct groups *gs, struct group *g);
void group_set_position(struct groups *gs, struct group *g, struct group_position position);
/* ERR_LIMIT. The consumer must not be there yet. */
int group_add_consumer(struct groups *gs, struct group *g, struct slice name,
                       struct consumer **out);
/* With all that is pending for it. */
void group_delete_consumer(struct groups *gs, struct group *g, struct consumer *c);
/* Entries are delivered: ids that ascend from the last one delivered on, their numbers known to be
 * all that there are up to `scanned_seq`. Unless `forgotten` (NOACK) they are pending from now on.
 * A reply need not wait for this record. ERR_LIMIT: too many are pending. */
int group_deliver(struct groups *gs, struct group *g, struct consumer *c,
                  const struct event_id *ids, size_t count, uint64_t scanned_seq, bool forgotten);
/* Nothing was there up to this record: recorded when it is far beyond what is known. */
void group_scanned(struct groups *gs, struct group *g, uint64_t scanned_seq);
/* The same, recorded in any case. */
void group_passed(struct groups *gs, struct group *g, uint64_t scanned_seq);
/* What is pending for this consumer is handed to it again. Ids ascend and are pending for it. */
void group_redeliver(struct groups *gs, struct group *g, struct consumer *c,
                     const struct event_id *ids, size_t count);
/* Ids in any order, pending or not, also twice; sorts them. Returns how many were pending. */
size_t group_ack(struct groups *gs, struct group *g, struct event_id *ids, size_t count);
/* Entries as they are to be pending from now on, all for the same consumer; ids ascend. The
 * consumer counts as active. */
int group_claim(struct groups *gs, struct group *g, struct consumer *c,
                const struct pending_entry *entries, size_t count);

/* ---- keeping ---- */

/* All groups as they are at the begin, for a snapshot, in parts of about so many bytes; they may
 * change meanwhile. True with the last part, after which, or before, groups_save_end. */
void groups_save_begin(struct groups *gs);
bool groups_save_some(struct groups *gs, size_t bytes, struct buffer *to);
void groups_save_end(struct groups *gs);
/* The groups of a snapshot, in place of those that are there: ERR_CORRUPT, with none left. */
int groups_load(struct groups *gs, struct slice bytes);
/* Redoes one change: false when it makes no sense. */
bool groups_redo(struct groups *gs, struct slice bytes);

/* Ends the process when an invariant (groups.c) is broken. */
void groups_check(const struct groups *gs);

#endif
