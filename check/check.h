/* What the files of hark-check share. */
#ifndef HARK_CHECK_H
#define HARK_CHECK_H

#include "../src/base/buffer.h"
#include "../src/journal/check.h"
#include "../src/journal/snapshot.h"
#include "../src/record/codec.h"

#include <stdio.h>

struct options {
    const char *folder;
    bool dump, repair, yes, quiet, help, version;
    uint64_t from, to; /* of --dump; 0: no bound */
};

/* Records as lines of JSON on standard output. */
struct dump {
    uint64_t from, to;
    uint64_t unknown; /* how many could not be read */
    bool failed;      /* standard output takes no more */
    struct record_room room;
    struct buffer line;
};
void dump_record(struct dump *d, uint64_t seq, struct slice bytes);
void dump_fini(struct dump *d);

void print_time(FILE *to, int64_t ms);
void print_records(FILE *to, uint64_t first, uint64_t last);

/* ---- snapshots.c ---- */

enum { SNAPSHOTS_LOOKED_AT = 64 };

struct found_snapshot {
    uint64_t seq; /* by its name */
    bool damaged;
    struct snapshot_header header; /* unless it is */
    struct disk_why why;           /* what is damaged: file and offset */
};

struct found_snapshots {
    struct found_snapshot at[SNAPSHOTS_LOOKED_AT]; /* newest first */
    int count;
};

/* Reads all of them, and, if it `tells`, prints what is in each that is sound. 0, also when some
 * are damaged; ERR_UNSUPPORTED, ERR_IO. */
int snapshots_look(struct disk *d, struct found_snapshots *f, bool tells, struct disk_why *why);

/* ---- plan.c ---- */

struct plan {
    bool cuts;         /* the journal is to be cut where it is damaged */
    int damaged;       /* so many snapshots are to be set aside */
    char refused[256]; /* why a server would not start, once that is done; empty: it would */
    const struct found_snapshot *base;  /* from which it would, NULL: from the first record */
    const struct found_snapshot *alone; /* for which the journal is to be given up, or NULL */
    bool hopeless;                      /* there is no way to any data */
};

/* Of a folder without a journal, `f` has no segments, and no records from number 1 on. */
struct plan plan_make(const struct check_findings *f, const struct found_snapshots *s);
bool plan_is_needed(const struct plan *p);
/* Says what it will do, and what is lost by that. */
void plan_tell(const struct plan *p, const struct check_findings *f,
               const struct found_snapshots *s);
int plan_do(const struct plan *p, struct disk *d, const struct check_findings *f,
            const struct found_snapshots *s, struct disk_why *why);

#endif
