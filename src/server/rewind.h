/* The data as it was at an earlier moment, put into a folder of its own: --recover-until.
 *
 *      folder in use    snapshots, segments ── read only ──┐   up to and including the moment
 *      new folder       a snapshot, a journal ◀────────────┘   a server starts from it as ever
 *
 * The new journal is the old one up to there, with the same numbers and ids, so views and groups
 * are as they were, too. A record is taken whole or not: one that the moment is in the middle of is
 * taken. The old folder is not touched, whether a server runs on it or not: nothing is locked, cut
 * or repaired. What a running server takes away or writes on meanwhile is noticed. */
#ifndef HARK_SERVER_REWIND_H
#define HARK_SERVER_REWIND_H

#include "../io/disk.h"
#include "../record/record.h"
#include "config.h"

/* "1763800000123-4", "1763800000123" (all of that ms), "2026-11-22T12:00:00Z" (fractions, and
 * +01:00 for Z), or "10m": s, m, h or d ago. False when it is none of these. */
bool rewind_parse(const char *text, int64_t now_ms, struct event_id *until);

/* What was found, and done. */
struct rewind_found {
    uint64_t snapshot;  /* the record that the snapshot is of; 0: none was needed */
    uint64_t first_seq; /* of the new journal's records; none when first > last */
    uint64_t last_seq;
    struct event_id last;     /* the last event that there is */
    bool all;                 /* there was nothing behind the moment */
    struct event_id next;     /* otherwise what was left out begins here */
    struct event_id earliest; /* with ERR_ABSENT: the earliest moment that can be had */
};

/* `to` is empty and gets what a server calls its journal's folder. 0; ERR_ABSENT: that moment is
 * too far back, or there is no journal; ERR_AGAIN: a server was at work there, try again;
 * ERR_CORRUPT, ERR_IO, ERR_LIMIT: `why` tells. What is in `to` after an error is good for nothing.
 */
int rewind_copy(struct disk *from, struct disk *to, struct event_id until,
                struct rewind_found *found, struct disk_why *why);

/* The whole of `--recover-until until --recover-to to`, from c->dir: the exit code. */
int rewind_run(const struct config *c, const char *until, const char *to);

#endif
