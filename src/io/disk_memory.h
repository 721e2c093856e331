/* A disk made of memory, for tests: it forgets what was not synced, tears writes and fails.
 *
 * It keeps two states: what reads show now, and what is safe. `sync` makes the bytes of a file
 * safe, `sync_folder` the names. A crash loses the rest, or keeps of it what is chosen:
 *
 *      now    ─ what the system shows while it runs: all writes
 *      safe   ─ what was synced
 *      between: per file the unsynced writes, in order; for the folder the unsynced changes of
 *      names, in order. A write is kept or lost by sectors of 512 bytes; names up to some change.
 *
 * A sync that was made to fail forgets the writes it was to make safe, as Linux does: they are
 * read still, but no later sync brings them to the disk. */
#ifndef HARK_IO_DISK_MEMORY_H
#define HARK_IO_DISK_MEMORY_H

#include "disk.h"

enum { DISK_SECTOR = 512 };

enum disk_fault {
    FAULT_IO,    /* the call fails with ERR_IO */
    FAULT_FULL,  /* with ERR_LIMIT */
    FAULT_SHORT, /* a read or write does half of what was asked; other calls succeed */
    FAULT_CRASH, /* the call is done, then the power goes: all later ones fail, until the crash */
};

enum disk_loss {
    LOSS_ALL,    /* all that was not synced is gone */
    LOSS_NONE,   /* nothing: only the process died */
    LOSS_TORN,   /* all is there, but of the last write only the first `sectors` sectors */
    LOSS_HOLE,   /* all is there, but the last write lacks its first `sectors` sectors */
    LOSS_RANDOM, /* any sector may be there or not, as `seed` has it */
};

struct disk *disk_memory_new(void);
void disk_memory_free(struct disk *d);

/* How many calls that can fail were made so far. */
uint64_t disk_memory_calls(struct disk *d);
/* From now on the n-th call, counted from 1, meets `fault`; once. n 0: none will. */
void disk_memory_fail(struct disk *d, uint64_t n, enum disk_fault fault);
/* Has the fault been met? */
bool disk_memory_failed(struct disk *d);
/* The files may have so many bytes together from now on. */
void disk_memory_set_room(struct disk *d, uint64_t bytes);

/* The process or the machine stops: open files and locks are gone, and what `loss` says. */
void disk_memory_crash(struct disk *d, enum disk_loss loss, uint64_t sectors, uint64_t seed);
/* How many sectors the last write that was not synced has; 0 when there is none. */
uint64_t disk_memory_last_sectors(struct disk *d);

/* The bytes of a file as they are now, to look at and to damage; empty when it is not there. */
struct slice disk_memory_bytes(struct disk *d, const char *name);
void disk_memory_flip(struct disk *d, const char *name, uint64_t at, unsigned char bits);
/* A copy of what is safe and what is not, without open files. */
struct disk *disk_memory_copy(struct disk *d);

#endif
