/* What groups have to say when a segment of the journal is about to go.
 *
 *      journal's thread    may this one go? ── asked for the first time: no ──┐
 *      owner               which groups are behind it? ◀──────────────────────┘
 *      a thread of its own has it an event that one of them would get?
 *      owner               those it concerns not count as read up to its end; that is durable
 *      journal's thread    may this one go? ── yes, or, with `refuse`, as long as one needs it: no
 *
 * So a group that is behind, but lost nothing, is told of no gap; one that did is told by the view
 * when it reads on (view.h), for its position is left where it is.
 *
 * The owner's functions are called between records. Nothing of this waits. */
#ifndef HARK_VIEW_DEPARTURE_H
#define HARK_VIEW_DEPARTURE_H

#include "../journal/journal.h"
#include "groups.h"

struct departures;

struct departures_config {
    bool threaded;           /* false: departures_poll reads, in the caller's thread (for tests) */
    void (*wake)(void *ctx); /* from any thread, when departures_poll has something to do */
    void *wake_ctx;
};

/* Borrows both, and has no journal yet. */
struct departures *departures_new(struct engine *engine, struct groups *groups,
                                  const struct departures_config *config);
void departures_free(struct departures *d);
/* It is open and asks departures_may_go; or (NULL) it is about to be closed. Waits for the record
 * that the thread is at. */
void departures_set_journal(struct departures *d, struct journal *journal);
/* journal-retention-groups refuse: segments stay for groups that have not read them. */
void departures_set_refuse(struct departures *d, bool refuse);

/* For journal_config, with the departures as its ctx. From any thread. */
bool departures_may_go(void *ctx, const struct journal_leaving *s);

/* After a wake, and several times a second. True: a segment may go that might not, so
 * journal_retain is to be told once more. */
bool departures_poll(struct departures *d, int64_t now_ms);

/* A group for which a segment stays; NULL when there is none. Good until the next change. */
const struct group *departures_keeper(const struct departures *d);

#endif
