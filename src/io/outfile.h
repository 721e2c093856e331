/* A file that is written beside service: snapshots, RDB files.
 *
 * The owner hands over bytes; a thread of the file's own writes them to a temporary file. When the
 * owner has said that it is whole, the thread syncs it, gives it its name, and syncs the folder:
 * the name means a whole file, or the one that was there before. Whatever goes wrong, the temporary
 * file is removed. */
#ifndef HARK_IO_OUTFILE_H
#define HARK_IO_OUTFILE_H

#include "../base/slice.h"
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
    /* Called by the thread after each state that it reaches, and when there is room again; NULL:
     * not. Must only tell the owner (wakeup_ring). */
    void (*wake)(void *ctx);
    void *wake_ctx;
};

/* 0 or the error of opening the temporary file. `disk` is borrowed until outfile_close. */
int outfile_open(struct outfile **file, struct disk *disk, const struct outfile_config *config,
                 struct disk_why *why);
/* Hands over bytes, which are copied; always takes them, also beyond the backlog. */
void outfile_add(struct outfile *f, struct slice bytes);
/* Is less than backlog_max waiting? */
bool outfile_ready(const struct outfile *f);
uint64_t outfile_bytes(const struct outfile *f); /* handed over so far */
void outfile_finish(struct outfile *f);
/* With OUTFILE_FAILED, *why has the reason and *error the error; both may be NULL. */
enum outfile_state outfile_state(struct outfile *f, int *error, struct disk_why *why);
/* Gives it up unless it is done, waits for the thread, and frees it. NULL is fine. */
void outfile_close(struct outfile *f);

#endif
