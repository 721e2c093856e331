/* Looking through a journal that nobody has open, and repairing it where it is damaged. For
 * hark-check; the server itself only opens journals (journal.h). */
#ifndef HARK_JOURNAL_CHECK_H
#define HARK_JOURNAL_CHECK_H

#include "../base/slice.h"
#include "../io/disk.h"
#include "snapshot.h"

enum { CHECK_NAME_BYTES = 64 };

struct check_segment {
    char file[CHECK_NAME_BYTES];
    uint64_t number, epoch;
    uint64_t first_seq, last_seq; /* of the records that begin in it; none when first > last */
    uint64_t used, bytes;         /* of the file: by frames, header included; and in all */
    uint64_t marks, durable;      /* how many, and what the last one vouches for */
    int64_t begun_ms, last_ms;    /* unix time of its begin and of its last mark (0: none) */
    bool is_void;                 /* given up when the journal was begun anew; not looked into */
    bool summary, summary_sound;  /* is there one, and can it be used? (Of any scheme.) */
};

/* Called in order; NULL: not. */
struct check_visitor {
    void (*segment)(void *ctx, const struct check_segment *s);
    void (*record)(void *ctx, uint64_t seq, struct slice record);
    void *ctx;
    const bool *stop; /* once it is set no more is read, nor judged; NULL: all is */
    uint64_t newest;  /* only so many segments, the last ones, are read; 0: all */
};

struct check_findings {
    uint64_t segments;
    uint64_t first_seq, last_seq; /* what can be read; none when first > last */
    /* What a crash tore from the last segment, which is no damage: the server cuts it itself. */
    uint64_t torn_bytes, torn_at;
    char torn_file[CHECK_NAME_BYTES];
    /* The first damage; nothing behind it was looked at. */
    bool damaged;
    uint64_t number, at; /* of the segment; the offset in it, 0 when none of it is sound */
    uint64_t behind;     /* how many segments there are after it */
    struct disk_why why; /* names the file and the offset */
};

/* Keeps servers off until the file is closed: its number, ERR_BUSY when one has the journal, or
 * ERR_ABSENT when there is neither a journal nor a snapshot. */
int check_lock(struct disk *disk, struct disk_why *why);

/* 0, also when there is damage; ERR_ABSENT: no journal there; ERR_UNSUPPORTED: of a newer version;
 * or what kept it from reading. Changes nothing. */
int check_journal(struct disk *disk, const struct check_visitor *v, struct check_findings *found,
                  struct disk_why *why);

/* Cuts the journal at the damage that was found, so that a server can open it. Nothing is deleted:
 * the damaged segment is copied to <name>.damaged before it is cut, those behind it are renamed so.
 * `done` is called with each step that was taken. May be repeated when it was interrupted, from
 * check_journal on. */
int check_repair(struct disk *disk, const struct check_findings *found,
                 void (*done)(void *ctx, const char *step), void *ctx, struct disk_why *why);
/* Renames the snapshot of record `seq` to <name>.damaged. */
int check_set_aside(struct disk *disk, uint64_t seq, void (*done)(void *ctx, const char *step),
                    void *ctx, struct disk_why *why);
/* Gives the whole journal up for the snapshot: its segments are renamed so too, and one without
 * records is begun that goes on from the snapshot. When it was interrupted there is no journal, and
 * it may be called again. */
int check_begin_behind(struct disk *disk, const struct snapshot_header *base, int64_t now_ms,
                       void (*done)(void *ctx, const char *step), void *ctx, struct disk_why *why);

#endif
