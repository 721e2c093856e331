/* Snapshot files: all data as it was after one record, in a file beside the journal's segments.
 *
 *      <seq, 16 hex digits>.snapshot ── the data after record seq; recovery goes on with seq + 1
 *
 * The journal does not know what is in them: entries are runs of whole items, as other rooms encode
 * them, sections are bytes under a name. Each block is checksummed, the sum goes on from block to
 * block, and an end with counts closes the file: a file that was cut, or changed in any bit, is
 * refused. docs/format/snapshot.md has the bytes.
 *
 * A file gets its name when it is whole and synced, so one that has its name was whole. */
#ifndef HARK_JOURNAL_SNAPSHOT_H
#define HARK_JOURNAL_SNAPSHOT_H

#include "../base/buffer.h"
#include "../io/outfile.h"

struct snapshot_header {
    uint64_t seq;           /* of the last record that is in it */
    int64_t last_ms;        /* the id of the last event, */
    uint64_t last_n;        /* as the engine knows it */
    int64_t time_ms;        /* unix time of the begin */
    uint64_t journal_epoch; /* of the journal's opening */
};

enum { SNAPSHOT_NAME_BYTES = 32 };
void snapshot_name(uint64_t seq, char name[SNAPSHOT_NAME_BYTES]);

/* The snapshots of a folder, newest first: their number, or an error. *seqs has room for `max`;
 * when there are more, the newest ones. */
int snapshot_list(struct disk *disk, uint64_t *seqs, int max, struct disk_why *why);
/* Removes one, for good. */
int snapshot_remove(struct disk *disk, uint64_t seq, struct disk_why *why);
/* Removes what a process that died has left of one that was not whole. */
void snapshot_clean(struct disk *disk);

/* ---- writing ---- */

struct snapshot;

enum { SNAPSHOT_OBSOLETE_MAX = 16 };

struct snapshot_config {
    size_t backlog_max; /* bytes that may wait to be written: see snapshot_ready */
    /* Those that are to go when this one is whole; the thread removes them. */
    const uint64_t *obsolete;
    int obsolete_count;      /* at most SNAPSHOT_OBSOLETE_MAX */
    bool threaded;           /* false: everything is done by the caller (for tests) */
    void (*wake)(void *ctx); /* see outfile_config */
    void *wake_ctx;
};

/* Begins one, under a temporary name; `disk` is borrowed until snapshot_close. */
int snapshot_begin(struct snapshot **snapshot, struct disk *disk, const struct snapshot_header *h,
                   const struct snapshot_config *config, struct disk_why *why);
/* Where the next item goes: append it whole, then say snapshot_added. */
struct buffer *snapshot_room(struct snapshot *s);
void snapshot_added(struct snapshot *s);
/* An item that is made bit by bit, while others are added, in a buffer of its own: begins it, in an
 * empty buffer, and hands it over when it is whole, without a copy. */
void snapshot_begin_item(struct buffer *item);
void snapshot_take(struct snapshot *s, struct buffer *item);
/* A section, of at most 4 GB: `name` has 1 to 255 bytes. Also between items. */
void snapshot_section(struct snapshot *s, struct slice name, struct slice bytes);
/* The same for a section that is made bit by bit. */
void snapshot_begin_section(struct buffer *section, struct slice name);
void snapshot_take_section(struct snapshot *s, struct buffer *section);
/* May more be handed over? What must be is taken all the same. */
bool snapshot_ready(const struct snapshot *s);
size_t snapshot_backlog(const struct snapshot *s);
/* All is in it. The thread makes the end, and gives it its name. */
void snapshot_finish(struct snapshot *s);
enum outfile_state snapshot_state(struct snapshot *s, int *error, struct disk_why *why);
uint64_t snapshot_items(const struct snapshot *s);
uint64_t snapshot_bytes(const struct snapshot *s); /* written so far, as they are in the file */
/* Gives it up, without waiting: see outfile_give_up. */
void snapshot_give_up(struct snapshot *s);
/* Gives it up unless it is done, and frees it: see outfile_close. NULL is fine. */
void snapshot_close(struct snapshot *s);

/* ---- reading ---- */

struct snapshot_reader;

enum snapshot_kind { SNAPSHOT_ITEMS = 1, SNAPSHOT_SECTION = 2 };

struct snapshot_part {
    enum snapshot_kind kind;
    struct slice name;  /* of a section */
    struct slice bytes; /* its bytes, or whole items; good until the next call */
};

/* Opens the snapshot after record `seq`: 0 and its header; ERR_ABSENT, ERR_CORRUPT,
 * ERR_UNSUPPORTED (a newer format), ERR_IO. `why` names the file. */
int snapshot_open(struct snapshot_reader **reader, struct disk *disk, uint64_t seq,
                  struct snapshot_header *h, struct disk_why *why);
/* The next part: 1; 0 at the end of a file that is whole; ERR_CORRUPT (`why` names file and
 * offset); ERR_IO. Until the 0 has come, what was read is good for nothing. */
int snapshot_next(struct snapshot_reader *r, struct snapshot_part *part, struct disk_why *why);
/* How many items were put into it: known after the 0. */
uint64_t snapshot_items_told(const struct snapshot_reader *r);
/* How far the reader is, of so many bytes. */
uint64_t snapshot_read_so_far(const struct snapshot_reader *r, uint64_t *size);
void snapshot_reader_close(struct snapshot_reader *r);

#endif
