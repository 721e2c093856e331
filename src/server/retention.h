/* How long the journal keeps what no start needs any more.
 *
 *      journal-retention-bytes, -ms ─▶ the oldest segments are to go ─┬─ a snapshot makes them
 * needless └─ groups are asked for theirs
 *
 * Whatever is reached first, size or age, lets the oldest segment go, but never one that the newest
 * snapshot does not make needless: where retention waits for that, a snapshot is taken. Groups that
 * are behind a segment are asked before it goes (view/departure.h). With journal-retention-groups
 * `refuse` it stays while one has not read it, and when the journal is larger than it should be for
 * that reason, commands that add data are refused until the group has read on. */
#ifndef HARK_SERVER_RETENTION_H
#define HARK_SERVER_RETENTION_H

#include "../view/departure.h"

struct server;

struct retention {
    struct departures *departures;
    uint64_t keep_bytes_auto; /* journal-retention-bytes 0 */
    int64_t told_us;          /* mono time when the journal was last told */
    bool waits_by_size, waits_by_age;
    bool refuses; /* commands that add data */
};

int retention_init(struct server *s);
void retention_fini(struct server *s);
/* The journal is open. */
void retention_open(struct server *s);
/* It is about to be closed. */
void retention_close(struct server *s);

/* Once a turn, between records. */
void retention_turn(struct server *s, int64_t woken_us);
/* Tells the journal what it need not keep: the newest snapshot, or the configuration, has changed.
 */
void retention_tell(struct server *s);
/* Is a snapshot to be taken, so that what is too large or too old may go? */
bool retention_wants_snapshot(const struct server *s);
/* What journal-retention-bytes means now. */
uint64_t retention_bytes(const struct server *s);
/* What keeps segments that are to go: "none", "snapshot" or "group". */
const char *retention_waits_for(const struct server *s);

#endif
