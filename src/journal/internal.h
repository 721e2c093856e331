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

/* A mark, and how to go on reading from it. */
struct index_entry {
    uint64_t seq; /* of the record that begins next */
    int64_t time_ms;
    uint64_t at;
    uint32_t chain;
    bool partial; /* in the middle of record seq - 1 */
};

struct segment {
    struct segment_header header;
    uint64_t end;       /* so far it may be read */
    uint32_t end_chain; /* the chain there, once another segment follows */
    uint64_t bytes;     /* what the file takes */
    bool indexed;
    struct index_entry *index;
    size_t index_count, index_cap;
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
    uint64_t mark_durable; /* what the newest mark vouches for */
    int64_t append_ms, sync_ms, retry_ms;
    struct chunk *oldest, *newest;
    struct chunk *hint; /* where journal_tail found hint_seq - 1: from where to where */
    size_t hint_from, hint_at;
    uint64_t hint_seq;
    size_t tail_bytes;
    uint64_t appended_bytes;
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
    bool busy; /* someone has the writer's part */
    bool want_sync, stop;
    uint64_t retain_upto, keep_bytes;
    struct disk_why why;
    uint64_t syncs;
    int64_t sync_us_last, sync_us_max;

    /* The writer's: of whoever made `busy` true. */
    struct chunk *write_chunk;
    size_t write_from;
    struct segment *active; /* the segment whose file is open */
    int active_file;
    int spare_file; /* -1: none; the next segment, as far as it is made */
    uint64_t spare_done;

    struct thread thread;
};

/* journal.c */

/* Begins the next segment after `laid` (NULL: the first) in memory. */
void journal_plan_segment(struct journal *j, int64_t now_ms);

/* segment.c */

void segment_free(struct segment *s);
/* Appends to the list, as planned. Lock held. */
void segments_add(struct journal *j, struct segment *s);
/* The published segment of this number, or NULL. Lock held. */
struct segment *segments_find(const struct journal *j, uint64_t number);
/* Notes a mark in the index, if it is far enough from the last one. */
void segment_note(struct segment *s, uint64_t distance, const struct index_entry *entry);
/* The last entry with a seq up to `seq`, or NULL. */
const struct index_entry *segment_seek(const struct segment *s, uint64_t seq);
/* Makes the index of a segment from before this opening. */
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
/* Goes through all frames, and notes the marks in the index of `into`; as scan_next, never 1. */
int scan_index(struct scan *s, struct segment *into, uint64_t distance, struct disk_why *why);
/* Says in `why` that segment `number` is damaged; returns ERR_CORRUPT. */
int damaged(struct disk_why *why, uint64_t number, uint64_t at, const char *what);
/* Puts the file's name before the system's reason; returns rc. */
int named(struct disk_why *why, const char *file, int rc);

/* writer.c */

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

/* recover.c */

/* Finds the segments and the end of the last one, cuts, and sets begin, epoch and the list. */
int recover(struct journal *j, struct journal_recovery *found, struct disk_why *why);

static inline uint64_t load(const uint64_t *at)
{
    return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static inline void store(uint64_t *at, uint64_t value)
{
    __atomic_store_n(at, value, __ATOMIC_RELEASE);
}

#endif
