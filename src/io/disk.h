/* The disk: one folder of files, as the journal needs it. A table of functions, so that what
 * stands on it can be tried on a disk that forgets, tears and fails (disk_memory.h).
 *
 * File names are plain (no slash) and belong to the folder. A file is a number that `open` gave.
 * Every function returns 0 (or what it says) or a negative error, with the system's reason in
 * `why`, which must not be NULL:
 *
 *      ERR_ABSENT   no such file              ERR_BUSY    locked by someone else
 *      ERR_DENIED   not permitted, read-only  ERR_LIMIT   no room, or a quota or limit reached
 *      ERR_EXISTS   DISK_NEW and it is there  ERR_IO      anything else
 *
 * What may be relied on after a loss of power: the bytes that `sync` of their file covered, and
 * the names that `sync_folder` covered. Anything else may be there, in parts, or not. A sync that
 * failed may have forgotten the bytes while reads still show them: a second one proves nothing.
 *
 * Different threads may use a disk at the same time, though not one file for writing. */
#ifndef HARK_IO_DISK_H
#define HARK_IO_DISK_H

#include "../base/slice.h"

struct disk_why {
    char text[320];
};

enum {
    DISK_WRITE = 1, /* for reading and writing; else for reading */
    DISK_NEW = 2,   /* makes the file, which must not be there yet */
};

struct disk {
    int (*open)(struct disk *d, const char *name, unsigned flags, struct disk_why *why);
    void (*close)(struct disk *d, int file);
    /* Makes the file at least `size` bytes long and takes the room for them, where the file system
     * knows how to; the bytes are zero. */
    int (*preallocate)(struct disk *d, int file, uint64_t size, struct disk_why *why);
    /* How many bytes were read or written, which may be fewer than asked; reading, 0 at the end. */
    long (*read)(struct disk *d, int file, void *to, size_t len, uint64_t at, struct disk_why *why);
    long (*write)(struct disk *d, int file, const void *from, size_t len, uint64_t at,
                  struct disk_why *why);
    int (*truncate)(struct disk *d, int file, uint64_t size, struct disk_why *why);
    int (*size)(struct disk *d, int file, uint64_t *size, struct disk_why *why);
    int (*sync)(struct disk *d, int file, struct disk_why *why);
    int (*sync_folder)(struct disk *d, struct disk_why *why);
    /* Replaces `to` if it is there. */
    int (*rename)(struct disk *d, const char *from, const char *to, struct disk_why *why);
    int (*unlink)(struct disk *d, const char *name, struct disk_why *why);
    /* Calls `visit` with each name, in no order, until it returns non-zero, which is the result.
     * It must not call the disk. */
    int (*list)(struct disk *d, int (*visit)(void *ctx, const char *name), void *ctx,
                struct disk_why *why);
    /* What is left for us of the file system's room. */
    int (*room)(struct disk *d, uint64_t *bytes, struct disk_why *why);
    /* Makes and locks the file until it is closed or the process ends, however it ends. */
    int (*lock)(struct disk *d, const char *name, struct disk_why *why);
};

/* All of `from`: goes on where a write stopped early. Goes not on after an error. */
int disk_write_all(struct disk *d, int file, const void *from, size_t len, uint64_t at,
                   struct disk_why *why);
/* Up to `len` bytes, fewer only at the end of the file: how many. */
long disk_read_all(struct disk *d, int file, void *to, size_t len, uint64_t at,
                   struct disk_why *why);
/* All bytes of one open file into another, which is synced then; they may be on different disks. */
int disk_copy(struct disk *from, int in, struct disk *to, int out, struct disk_why *why);

/* The real one, in the folder `path`, which is made if it is not there (not its parents). */
int disk_open(const char *path, struct disk **disk, struct disk_why *why);
void disk_close(struct disk *d);

#endif
