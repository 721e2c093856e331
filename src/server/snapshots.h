/* Snapshots, as the server takes and loads them: so that the journal can let go of what is old, and
 * a start need not replay all there ever was.
 *
 *      asked for, or the journal has grown ─▶ a walk begins (engine/walk.h), a slice a turn
 *      ─▶ all entries are in the file ─▶ the journal is durable up to the snapshot's record
 *      ─▶ the file ends, is synced, gets its name ─▶ older snapshots go, and old segments may
 *
 * The loop never waits for it: the file has a thread of its own, which packs, sums, writes, syncs
 * and removes. While the disk is behind, the walk stands still; what clients change meanwhile is
 * handed over all the same, and when that becomes too much the snapshot is given up, and begun
 * again later.
 *
 * A snapshot must not have what the journal has not: it gets its name only when its record is
 * durable there. So after any crash the journal goes on from it. */
#ifndef HARK_SERVER_SNAPSHOTS_H
#define HARK_SERVER_SNAPSHOTS_H

#include "../journal/journal.h"
#include "../journal/snapshot.h"

struct server;

/* What other rooms keep in snapshots beside the entries, under a name. */
struct snapshot_section {
    struct slice name; /* of static storage */
    /* Appends what there is at this moment; quick, for the loop waits. */
    void (*save)(void *ctx, struct buffer *to);
    /* Puts it in place of whatever there is; false when the bytes make no sense. Called with none
     * when a snapshot that was loaded in part is given up, or has no such section. */
    bool (*load)(void *ctx, struct slice bytes);
    void *ctx;
};
/* A section of our own, the first: how many keys the databases have, for those that have any. */
#define SNAPSHOT_DATABASES "databases"
enum { SNAPSHOT_SECTIONS_MAX = 8, SNAPSHOTS_MAX = SNAPSHOT_OBSOLETE_MAX };

enum snapshots_phase {
    SNAPSHOTS_IDLE,
    SNAPSHOTS_WALKING,
    SNAPSHOTS_WAITING, /* for the journal */
    SNAPSHOTS_ENDING,  /* for the file */
};

struct snapshots {
    enum snapshots_phase phase;
    struct snapshot *now; /* the one that is being written */
    struct buffer large;  /* an entry of it that is copied in parts */
    size_t large_bytes;   /* of such that wait to be written, which is not too much */
    uint64_t now_seq;
    int64_t begun_us;      /* mono time */
    bool wanted;           /* one is to begin as soon as it may */
    const char *given_up;  /* why the walk was; NULL: it was not */
    int64_t not_before_us; /* mono time: after a failure */

    uint64_t whole[SNAPSHOTS_MAX]; /* those in the folder, newest first */
    int whole_count;
    uint64_t base_bytes;          /* of the newest */
    uint64_t journal_bytes;       /* of records since the newest began */
    uint64_t journal_bytes_begun; /* what that was when `now` began */
    uint64_t journal_epoch;

    uint64_t commands_seen; /* to tell whether clients are active */
    int64_t commands_us;

    bool last_failed;
    int64_t last_seconds; /* -1: none was taken */
    uint64_t taken, failures_in_row;

    struct snapshot_section sections[SNAPSHOT_SECTIONS_MAX];
    int sections_count;
    struct snapshot_loading *loading;
};

void snapshots_init(struct snapshots *n);
/* Before the start loads anything. */
void snapshots_add_section(struct snapshots *n, struct snapshot_section section);

/* ---- loading, at the start ---- */

/* Looks for the newest snapshot that the journal goes on from: 1; 0 when none is needed; or an
 * error, with the reason: neither will do. */
int snapshots_find(struct server *s, const struct journal_recovery *found, struct disk_why *why);
/* Loads a piece of it: 1; 0 when all is there, and the engine at its record; or an error. One that
 * is damaged is logged, and an older one taken, if the journal goes on from that. */
int snapshots_load(struct server *s, struct disk_why *why);
/* The record to go on with: valid after the 0. */
uint64_t snapshots_next_seq(const struct server *s);
/* How much of it is loaded: 0 to 1. */
double snapshots_load_progress(const struct server *s);
void snapshots_end_loading(struct server *s);

/* ---- taking ---- */

/* A record of so many bytes was appended, or replayed after the snapshot. */
static inline void snapshots_count(struct snapshots *n, size_t bytes)
{
    n->journal_bytes += bytes;
}

/* Once a turn, between records; `woken_us` is when the turn began. Is there more to be done at
 * once? */
bool snapshots_turn(struct server *s, int64_t woken_us);
/* What waits to be written. */
size_t snapshots_memory(const struct server *s);
/* Gives up the one that is being written, and waits for its thread: the server ends. */
void snapshots_stop(struct server *s);

/* The journal is closed, and with it what is known of its snapshots. */
void snapshots_forget(struct snapshots *n);

enum snapshots_answer {
    SNAPSHOT_STARTED,
    SNAPSHOT_SCHEDULED,
    SNAPSHOT_RUNNING, /* there is one already */
    SNAPSHOT_NO_JOURNAL,
};
enum snapshots_answer snapshots_ask(struct server *s);

#endif
