/* A file that is written beside service: snapshots, RDB files.
 *
 * The owner hands over bytes; a thread of the file's own writes them to a temporary file, and syncs
 * now and then, so that the last sync has little to do. When the owner has said that the file is
 * whole, the thread syncs it, gives it its name, and syncs the folder: the name means a whole file,
 * or the one that was there before. Whatever goes wrong, the temporary file is removed (where the
 * process dies it stays behind; the next one of that name takes its place).
 *
 * Caveats: an error is final; what is added after it is dropped, and outfile_state tells. When the
 * last step fails, the sync of the folder, the whole file may have its name although the state is
 * OUTFILE_FAILED. */
#ifndef HARK_IO_OUTFILE_H
#define HARK_IO_OUTFILE_H

#include "../base/buffer.h"
#include "disk.h"

struct outfile;

enum outfile_state {
    OUTFILE_OPEN,   /* takes bytes */
    OUTFILE_ENDING, /* outfile_finish was called */
    OUTFILE_DONE,   /* there under its name, synced */
    OUTFILE_FAILED,
};

struct outfile_config {
    const char *temporary, *name; /* file names in the disk's folder, copied */
    size_t backlog_max;           /* bytes that may wait to be written: see outfile_ready */
    bool threaded; /* false: what is handed over is written at once, by the caller (for tests) */
    /* Makes of each piece what is to be written, in order: compression and checksums are the
     * thread's work then. NULL: pieces are written as they are. */
    void (*encode)(void *ctx, struct slice piece, struct buffer *out);
    void *encode_ctx;
    /* Called by the thread when the file has its name, before the state says so: to remove what it
     * takes the place of. NULL: not. */
    void (*named)(void *ctx);
    void *named_ctx;
    /* Called by the thread after each state that it reaches, and when there is room again; NULL:
     * not. Must only tell the owner (wakeup_ring). */
    void (*wake)(void *ctx);
    void *wake_ctx;
};

/* 0 or the error of opening the temporary file. `disk` is borrowed until outfile_close. */
int outfile_open(struct outfile **file, struct disk *disk, const struct outfile_config *config,
                 struct disk_why *why);
/* Hands over a piece: takes the bytes out of the buffer, which is empty afterwards, also beyond the
 * backlog. */
void outfile_take(struct outfile *f, struct buffer *piece);
/* Is less than backlog_max waiting? */
bool outfile_ready(const struct outfile *f);
size_t outfile_backlog(const struct outfile *f); /* waiting */
void outfile_finish(struct outfile *f);
/* With OUTFILE_FAILED, *why has the reason and *error the error; both may be NULL. */
enum outfile_state outfile_state(struct outfile *f, int *error, struct disk_why *why);
/* The bytes in the file so far; when it is done, its size. */
uint64_t outfile_written(const struct outfile *f);
/* Gives it up: unless it is done by then, it fails, soon, with ERR_AGAIN. Does not wait. */
void outfile_give_up(struct outfile *f);
/* Gives it up unless it is done, waits for the thread, and frees it. NULL is fine. A sync may be
 * what it waits for: where that matters, outfile_give_up goes before, and the state is DONE or
 * FAILED when this is called. */
void outfile_close(struct outfile *f);

#endif
