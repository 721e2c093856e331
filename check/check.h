/* What the files of hark-check share. */
#ifndef HARK_CHECK_H
#define HARK_CHECK_H

#include "../src/base/buffer.h"
#include "../src/record/codec.h"

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

#endif
