/* What the files of the journal share. The essay is in journal.c. */
#ifndef HARK_JOURNAL_INTERNAL_H
#define HARK_JOURNAL_INTERNAL_H

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../base/random.h"
#include "../io/thread.h"
#include "format.h"
#include "journal.h"

#define JOURNAL_MAGIC 0x4a6f7572u
#define SPARE_NAME    "spare"
#define LOCK_NAME     "lock"

struct segment {
    struct segment_header header;
    uint64_t end;       /* so far it may be read */
    uint32_t end_chain; /* the chain there, once another segment follows */
    uint64_t bytes;     /* what the file takes */
    bool indexed;
    struct index_entry *index;
    size_t index_count, index_cap;
    enum summary_state { SUMMARY_WANTED, SUMMARY_KEPT, SUMMARY_GIVEN_UP } summary;
    struct group *groups; /* while it is wanted: those that were described, complete */
    size_t groups_count, groups_cap;
    struct index_entry groups_next; /* where they end */
};

/* Frames in memory, as they will be on disk, all of one segment. */
struct chunk {
    struct chunk *older, *newer;
    struct segment *segment;
    uint64_t id;        /* 1, 2, 3 … */
    uint64_t at;        /* where bytes[0] is in the segment */
    uint64_t first_seq; /* the first record that begins here or later */
    size_t len, cap;
    char bytes[];
};

/* A place in the chunks, at the end of a group; records up to `seq` are before it. */
struct seal {
    struct chunk *chunk;
    size_t len;
    uint64_t seq;
};

/* Reads the frames of one segment in order. */
struct scan {
    struct disk *disk;
    int file; /* -1: none */
    struct segment_header header;
    uint64_t at, limit; /* the next frame; where the bytes end */
    uint32_t chain;
    uint64_t begin;   /* the record that begins next */
    bool partial;     /* in the middle of record begin - 1 */
    uint64_t vouched; /* up to this record all was durable, by the last mark of scan_index */
    uint64_t window_at;
    struct buffer window;
};

/* What is known of a group while it is described: bits, and a set of hashes (0: free). */
struct journal_features {
    uint64_t bits[4];
    bool any;
    uint64_t *set;
    size_t set_count, set_cap;
};

/* The summary of a finished segment, as a reader has it. */
struct summary {
    struct disk *disk;
    int file; /* -1: none */
    uint64_t number;
    struct group *groups;
    size_t count;
    uint64_t window_at; /* of the file, for the hashes */
    struct buffer window;
};

/* The thread's place in describing. */
struct describing {
    struct scan scan; /* of segment scan.header.number, if a file is open */
    struct group group;
    bool in_group;
    struct journal_features features;
};

struct journal {
    unsigned magic;
    struct journal_config config;
    struct disk *disk;
    int lock_file;
    uint64_t frame_max;

    /* The owner's: where the next frame goes. */
    struct segment *laid; /* the segment that is being filled, in memory */
    uint64_t laid_at;
    uint32_t chain;
    uint64_t begin; /* the record that begins next */
    bool partial;   /* in the middle of record begin - 1; only within journal_append */
    bool group_open;
    uint64_t epoch;
    uint64_t mark_durable; /* what the newest mark vouches for, */
    uint64_t mark_at;      /* and where it is in `laid`; 0: that has none yet */
    int64_t append_ms, sync_ms, retry_ms;
    struct chunk *oldest, *newest;
    struct chunk *hint; /* where journal_tail found hint_seq - 1: from where to where */
    size_t hint_from, hint_at;
    uint64_t hint_seq;
    size_t tail_bytes;
    uint64_t appended_bytes;
    char *reserved;        /* journal_reserve's last answer; */
    struct buffer outside; /* where it is, when it is too large for a frame */
    struct random random;

    /* Written by one thread, read by any: by __atomic only. */
    uint64_t written, durable, written_bytes, done_chunk, active_number;
    int failed;
    bool full;

    /* Under the lock. */
    struct mutex lock;
    struct condition work;
    struct segment **segments; /* oldest first; from `published` on they are only planned */
    size_t segments_count, segments_cap, published;
    struct seal sealed;
    uint64_t bytes; /* of all that are published */
    bool busy;      /* someone has the writer's part */
    bool aside;     /* the thread makes the spare or deletes; writing goes on meanwhile */
    bool want_sync, stop;
    uint64_t retain_upto, keep_bytes;
    int64_t before_ms;
    bool kept;        /* may_go said no */
    uint64_t settled; /* segments below this number need no summary any more */
    unsigned pieces;  /* of writing, since the last one that was done aside */
    struct disk_why why;
    uint64_t syncs;
    int64_t sync_us_last, sync_us_max;

    /* The writer's: of whoever made `busy` true. */
    struct chunk *write_chunk;
    size_t write_from;
    struct segment *active; /* the segment whose file is open */
    int active_file;
    uint64_t next_bytes; /* of the segment after the active one */

    /* Of whoever made `aside` true, or of the writer between two segments. */
    int spare_file; /* -1: none; the next segment, as far as it is made */
    uint64_t spare_done;
    struct describing describing;

    struct thread thread;
};

struct journal_cursor {
    struct journal *journal;
    uint64_t next; /* the record that is wanted */
    struct scan scan;
    struct buffer record; /* a cut one that is put together: */
    bool collecting;      /* its first piece is there */
    const struct journal_filter *filter;
    uint64_t clear_until; /* so far into the segment was looked whether it may match */
    struct summary summary;
};

/* journal.c */

/* Begins the next segment after `laid` (NULL: the first) in memory. */
void journal_plan_segment(struct journal *j, int64_t now_ms);

/* segment.c */

void segment_free(struct segment *s);
void segment_free_groups(struct segment *s);
/* Appends to the list, as planned. Lock held. */
void segments_add(struct journal *j, struct segment *s);
/* The published segment of this number, or NULL. Lock held. */
struct segment *segments_find(const struct journal *j, uint64_t number);
/* The last published segment that begins at or before record `seq`, or NULL. Lock held. */
struct segment *segments_with(const struct journal *j, uint64_t seq);
/* Notes a mark in the index, if it is far enough from the last one. */
void segment_note(struct segment *s, uint64_t distance, const struct index_entry *entry);
/* The last entry with a seq up to `seq`, or NULL. */
const struct index_entry *segment_seek(const struct segment *s, uint64_t seq);
/* Finds the index of a segment from before this opening: from its summary, or by reading it all. */
int segment_index(struct journal *j, uint64_t number, struct disk_why *why);

/* Opens the file of `h` and stands at its begin; `limit` is where its bytes end. */
int scan_open(struct scan *s, struct disk *disk, const struct segment_header *h, uint64_t limit,
              struct disk_why *why);
/* Ready for scan_open again. */
void scan_close(struct scan *s);
void scan_fini(struct scan *s);
/* 1 and the next frame, valid until the next call; 0 at the limit; ERR_CORRUPT where no frame is
 * that belongs there (`at` stays); ERR_IO. */
int scan_next(struct scan *s, struct frame *f, struct disk_why *why);
/* Is the next frame a mark, as far as it can be read? */
bool scan_at_mark(struct scan *s);
/* Goes through all frames, and notes the marks in the index of `into`; as scan_next, never 1. */
int scan_index(struct scan *s, struct segment *into, uint64_t distance, struct disk_why *why);
/* Says in `why` that segment `number` is damaged; returns ERR_CORRUPT. */
int damaged(struct disk_why *why, uint64_t number, uint64_t at, const char *what);
/* Puts the file's name before the system's reason; returns rc. */
int named(struct disk_why *why, const char *file, int rc);

/* writer.c */

/* How large is the segment that follows one of `bytes`? 0: the first of an opening. */
uint64_t segment_bytes_after(const struct journal *j, uint64_t bytes);
/* Is it time for a slice of the spare, or may a segment go? Lock held, neither busy nor aside. */
bool writer_aside_due(const struct journal *j);
/* Is the oldest segment more than is to be kept, or too old? Has it records that must stay? Lock
 * held. */
bool oldest_is_large(const struct journal *j);
bool oldest_is_old(const struct journal *j);
bool oldest_waits(const struct journal *j);
/* Does a piece of the writer's work; false when there is none. Lock held, given up meanwhile. */
bool writer_step(struct journal *j);
/* Is there something sealed to write? Lock held. */
bool writer_pending(const struct journal *j);
/* Can what is sealed be written with no more than a write? Lock held, not busy. */
bool writer_simple(const struct journal *j);
/* Writes what is sealed, and makes it durable if `sync`. Lock held, given up meanwhile; false when
 * that failed or the disk is full. */
bool writer_round(struct journal *j, bool sync);
/* Makes the file of a planned segment. For the opening, before there is another thread. */
int writer_begin(struct journal *j, struct segment *s, struct disk_why *why);
/* The thread. */
void writer_run(void *journal);
/* Everything that is sealed and synced, and the files closed. */
int writer_end(struct journal *j, struct disk_why *why);

/* summary.c */

void features_reset(struct journal_features *f);
void features_fini(struct journal_features *f);
/* Gives the group what was collected. */
void features_settle(const struct journal_features *f, struct group *g);
/* May a record of the group match? `bloom` is NULL where the hashes are not at hand. */
bool group_may_match(const struct group *g, const unsigned char *bloom,
                     const struct journal_filter *f);
/* The last group that begins at or before offset `at`; there is one. */
size_t groups_seek(const struct group *groups, size_t count, uint64_t at);

#define SCHEME_ANY UINT32_MAX
/* The summary of that segment: 0, ERR_ABSENT, or ERR_CORRUPT where it is none, or of another
 * scheme. */
int summary_open(struct summary *s, struct disk *disk, const struct segment_header *segment,
                 uint64_t end, uint32_t end_chain, uint32_t scheme);
void summary_close(struct summary *s);
void summary_fini(struct summary *s);
bool summary_may_match(struct summary *s, size_t group, const struct journal_filter *f);
/* Writes the file; not synced, for its sums tell whether it is whole. */
int summary_write(struct disk *disk, const struct segment_header *segment, uint64_t end,
                  uint32_t end_chain, uint32_t scheme, const struct group *groups, size_t count);

/* describe.c */

/* Is there a group to describe? Lock held, not busy. */
bool describe_due(const struct journal *j);
/* Does one; never fails: where it cannot, there is no summary. Lock held, given up meanwhile. */
void describe_step(struct journal *j);
/* The summary of this segment turned out to be none: makes another. Lock held. */
void describe_again(struct journal *j, struct segment *s);
void describe_fini(struct journal *j);

/* skip.c */

/* The scan stands at clear_until or behind: moves it, within its segment, to the next group that
 * may match, or to the end. 1: there; 0: the end of a finished segment; ERR_AGAIN: it was dropped.
 */
int cursor_skip(struct journal_cursor *c);

/* recover.c */

/* Finds the segments and the end of the last one, cuts, and sets begin, epoch and the list. */
int recover(struct journal *j, struct journal_recovery *found, struct disk_why *why);
/* What a folder has. */
struct numbers {
    uint64_t *at;
    size_t count, cap;
};
struct names {
    struct numbers segments, summaries; /* the segments in order */
    bool spare;
};
int recover_list(struct disk *d, struct names *n, struct disk_why *why);
void names_fini(struct names *n);
/* Header and size of a segment; ERR_CORRUPT, ERR_UNSUPPORTED or what the disk said. */
int recover_header(struct disk *d, struct segment *s, const char *name, struct disk_why *why);
/* Behind the place where `s` stands there is no record that continues it. Is there a mark that
 * vouches for more than `complete`? ERR_CORRUPT. Also finds the last byte that is not zero. */
int recover_search(struct scan *s, uint64_t size, uint64_t complete, uint64_t *used,
                   struct disk_why *why);
/* Removes the files of the `count` oldest segments: a journal that was given up. */
int recover_drop(struct journal *j, size_t count, struct disk_why *why);

static inline uint64_t load(const uint64_t *at)
{
    return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static inline void store(uint64_t *at, uint64_t value)
{
    __atomic_store_n(at, value, __ATOMIC_RELEASE);
}

#endif
