/* The journal: numbered records in segments on disk, of which nothing that was promised is lost.
 *
 * A record is any bytes; the journal gives it the next sequence number (1, 2, 3 …). It goes
 * through three stages, each a sequence number that only grows, readable at any time:
 *
 *      appended   in memory            gone when the process ends
 *      written    handed to the system survives kill -9, is seen by cursors
 *      durable    synced               survives loss of power
 *
 * One thread, the owner, opens, appends, writes, asks and closes. The journal's own thread syncs,
 * writes while a sync runs, makes and deletes segments. Cursors read, each in one thread that may
 * be any. Tests go without the thread (`threaded` false) and call journal_step in its place.
 *
 * Caveats first:
 *  - journal_append only fills memory. Call journal_write at the end of each turn of the loop, and
 *    at least once a second also when nothing was appended: it keeps `everysec`, marks and retries.
 *  - An error of write or sync is final: all later calls fail with it, the positions stand still,
 *    and what was not durable then may be there or not at the next start. End the process.
 *  - A disk that is full is no error: journal_admits says so *before* anything is promised. What
 *    was appended in spite of it waits in memory, and is written when there is room again.
 *
 * Functions return 0 or a count, or a negative error, whose reason they write to `why`. */
#ifndef HARK_JOURNAL_JOURNAL_H
#define HARK_JOURNAL_JOURNAL_H

#include "../base/buffer.h"
#include "../io/disk.h"

struct journal;
struct journal_cursor;

enum journal_sync {
    JOURNAL_SYNC_ALWAYS,   /* every journal_write asks for a sync */
    JOURNAL_SYNC_EVERYSEC, /* at most one a second */
    JOURNAL_SYNC_NO,       /* only when a segment is full, and at the end */
};

enum {
    JOURNAL_SEGMENT_BYTES = 64 << 20,
    JOURNAL_FIRST_BYTES = 2 << 20,
    JOURNAL_SEGMENT_BYTES_MIN = 1024,
    JOURNAL_RECORD_BYTES_MAX = 1 << 30,
};

/* What the owner tells of a record, so that whoever looks for few of many need not read them all:
 * small numbers and hashes, whose meaning is the owner's. */
struct journal_features;
void journal_has_bit(struct journal_features *f, unsigned bit); /* 0 to 255 */
void journal_has_hash(struct journal_features *f, uint64_t hash);
void journal_has_anything(struct journal_features *f); /* it cannot be told */

struct journal_describer {
    uint32_t scheme; /* changes with the meaning: summaries of another one are made anew */
    /* From the journal's thread, some time after the record was written. NULL: no summaries. */
    void (*describe)(void *ctx, uint64_t seq, struct slice record, struct journal_features *to);
    void *ctx;
};

/* A segment that is about to go. */
struct journal_leaving {
    uint64_t first_seq, last_seq; /* of the records that begin in it; none when first > last */
    int64_t time_ms;              /* when it was begun */
};

struct journal_config {
    uint64_t segment_bytes; /* whole 512s, from JOURNAL_SEGMENT_BYTES_MIN up to 1 GB */
    /* An opening begins with a segment of so many bytes, and each one after it has twice as many as
     * the one before, up to segment_bytes: so that a start need not wait for a large one. 0: 2 MB,
     * or segment_bytes where that is less. */
    uint64_t first_bytes;
    bool segment_per_record; /* for tests: makes rare things constant */
    enum journal_sync sync;
    uint64_t tail_bytes_max;    /* recent records that stay in memory */
    uint64_t backlog_bytes_max; /* appended and not written: above it journal_admits says AGAIN */
    uint64_t reserve_bytes;     /* room that is kept for what must go on when the disk is full */
    uint64_t index_bytes;       /* an index entry per so many bytes of a segment; 0: 64 KB */
    struct journal_describer describer;
    /* Called by the journal's thread before a segment goes, NULL: not. False keeps it, and those
     * after it, until the next journal_retain or journal_retain_time, when it is asked again. Must
     * not take long: syncs wait for it. */
    bool (*may_go)(void *ctx, const struct journal_leaving *s);
    void *may_go_ctx;
    bool threaded;
    uint64_t seed;      /* where the chains begin: unpredictable, io_entropy */
    uint64_t first_seq; /* of the first record, where the folder has no journal yet; 0: 1 */
    /* A journal that is there is given up and begun anew with first_seq: in one step, after which
     * none of it is read again, and its files go. A full disk is an error then (ERR_LIMIT), and
     * the old journal stays as it was. */
    bool anew;
    /* Opening only looks: see journal_begin. */
    bool looks_first;
    /* Called by the journal's thread when written, durable or failure changed; NULL: not. It must
     * only tell the owner (wakeup_ring). */
    void (*wake)(void *ctx);
    void *wake_ctx;
};

/* What was found at opening. */
struct journal_recovery {
    uint64_t first_seq, last_seq; /* first > last: no records */
    uint64_t epoch;               /* of this opening: how many came before it that began to write */
    uint64_t last_epoch;          /* that of the last record, or of the first segment */
    uint64_t segments;
    bool clean;         /* it was closed, or is new: it has all that anybody ever saw */
    uint64_t cut_bytes; /* of a torn tail that were dropped; 0: none */
    uint64_t cut_at;    /* where it began, */
    char cut_file[32];  /* and in which file */
};

/* The folder's journal, or a new one, whose first record is number first_seq. `disk` is borrowed
 * until journal_close, `now_ms` is unix time. What the last segment holds is looked through and
 * what a crash tore is cut; earlier segments are looked at when they are read. ERR_BUSY: it has an
 * owner; ERR_CORRUPT: damage that no crash explains (`why` names file and offset); ERR_UNSUPPORTED:
 * a newer format; ERR_DENIED, ERR_IO. A full disk is no error: see journal_admits. */
int journal_open(struct journal **journal, const struct journal_config *config, struct disk *disk,
                 int64_t now_ms, struct journal_recovery *found, struct disk_why *why);
/* After an opening with `looks_first`, which has changed nothing in the folder, but for the lock
 * that it holds: until now the journal can be read by cursors, asked, and closed. Cuts what was
 * torn, and begins a segment to append to. An error, as from journal_open, leaves only
 * journal_close. */
int journal_begin(struct journal *j, int64_t now_ms, struct disk_why *why);
/* Writes, syncs and marks the end; frees the journal also when that fails. No cursor may be left.
 */
int journal_close(struct journal *j, int64_t now_ms, struct disk_why *why);

/* The next record; `now_ms` never smaller than before. Copies it, returns its sequence number, or
 * 0 when the journal has failed (or the record is larger than JOURNAL_RECORD_BYTES_MAX). */
uint64_t journal_append(struct journal *j, struct slice record, int64_t now_ms);
/* The same without a copy: room for a record of at most `max` bytes, NULL where journal_append says
 * 0, and then the `len` of it that were written there. Between the two stands no other call of the
 * owner; a reservation that is not committed is forgotten with the next. */
char *journal_reserve(struct journal *j, size_t max, int64_t now_ms);
uint64_t journal_commit(struct journal *j, size_t len, int64_t now_ms);
/* Brings what was appended on its way to the disk, at once if that means no waiting. */
void journal_write(struct journal *j, int64_t now_ms);
/* The same, and a sync whatever the configuration says. */
void journal_flush(struct journal *j, int64_t now_ms);
/* Changes `sync` of the configuration. */
void journal_set_sync(struct journal *j, enum journal_sync sync);

/* May a command that adds data run? 0; ERR_LIMIT: the disk is full and only the reserve is left;
 * ERR_AGAIN: the disk is behind by more than backlog_bytes_max; or the error that was final. */
int journal_admits(const struct journal *j);
/* The error that was final, with its reason, or 0. */
int journal_failure(struct journal *j, struct disk_why *why);

uint64_t journal_appended(const struct journal *j);
uint64_t journal_written(const struct journal *j);
uint64_t journal_durable(const struct journal *j);
/* The oldest record that is still there; appended + 1 when there is none. */
uint64_t journal_first(struct journal *j);

/* Lets the oldest segments go that hold only records up to `upto`, and of those only as many as
 * leave `keep_bytes` of the journal. Done by the thread, soon; never the segment in use. */
void journal_retain(struct journal *j, uint64_t upto, uint64_t keep_bytes);
/* Of those, lets all go whose records are older than `before_ms` (unix time), whatever keep_bytes
 * says. 0: none. */
void journal_retain_time(struct journal *j, int64_t before_ms);

/* From memory, for the owner: 1 and the record, which stays until the next append or journal_write
 * (one that was cut is put together in `scratch`); 0 when it is too old or not yet there. */
int journal_tail(struct journal *j, uint64_t seq, struct buffer *scratch, struct slice *record);
/* The oldest record that journal_tail knows; appended + 1 when there is none. */
uint64_t journal_tail_first(const struct journal *j);

/* A sequence number such that all records before it are older than `ms`: the begin of a group of
 * the sparse index, so that some from there on may be older too. From any thread. */
int journal_find_time(struct journal *j, int64_t ms, uint64_t *seq, struct disk_why *why);

/* Reads records in order, from number `seq` on, which need not be there yet. From any thread. */
struct journal_cursor *journal_cursor_open(struct journal *j, uint64_t seq);
void journal_cursor_close(struct journal_cursor *c);
/* The next record, if it is written and its number is at most `upto`: 1, with the record, which
 * stays until the next call; 0 when there is none yet; ERR_ABSENT when retention has dropped it
 * (go on from journal_first); ERR_CORRUPT (`why` names file and offset); ERR_IO. */
int journal_cursor_next(struct journal_cursor *c, uint64_t upto, uint64_t *seq,
                        struct slice *record, struct disk_why *why);

/* What is looked for: a record that meets all of these, each by one of its bits or hashes. */
struct journal_any {
    uint64_t bits[4];
    const uint64_t *hashes;
    size_t hashes_count;
};

struct journal_filter {
    const struct journal_any *all;
    size_t count;
};

/* From now on journal_cursor_next passes over groups of records (64 KB, or what one journal_write
 * made of more) in which none can match; what it gives may match or not. It then returns 2, without
 * a record, when it has passed over a segment, so that the caller can do something in between.
 * The filter is borrowed; NULL: none. */
void journal_cursor_filter(struct journal_cursor *c, const struct journal_filter *filter);
/* All records before this number were given, or cannot match. */
uint64_t journal_cursor_at(const struct journal_cursor *c);
/* Backwards: finds the last group that may match of those which begin before record `before`. 1:
 * the records *first … before - 1 are to be read now, where the cursor stands; then ask again with
 * before = *first. 2: nothing between *first and `before`, ask again. 0: there are no more. */
int journal_cursor_back(struct journal_cursor *c, uint64_t before, uint64_t *first,
                        struct disk_why *why);

/* Without a thread: does one piece of its work (a write, a sync, a slice of the next segment, one
 * deletion); false when there was nothing to do. */
bool journal_step(struct journal *j);

struct journal_info {
    uint64_t first_seq, appended, written, durable;
    uint64_t segments, bytes, backlog_bytes, tail_bytes;
    uint64_t used_bytes; /* of `bytes`; the rest is room that was made ahead */
    uint64_t syncs;
    int64_t sync_us_last, sync_us_max;
    bool full;
    /* The oldest segment is more than is to be kept, by size or by age, but has records behind what
     * journal_retain allows. */
    bool waits_by_size, waits_by_age;
};
void journal_info(struct journal *j, struct journal_info *info);

/* Bytes of memory that records take. For the owner; costs nothing. */
size_t journal_memory(const struct journal *j);

/* Ends the process when an invariant (journal.c) is broken. For the owner. */
void journal_check(struct journal *j);

#endif
