/* Building: a value out of the parts of its layout, as the scanner hands them out (scan.h).
 *
 *      rdb_build_begin ─ rdb_build_part … ─ rdb_build_end ─▶ struct value
 *
 * It grows while it is read: nothing is collected first, but for the first half of a pair. What
 * comes packed is gone over strictly, and taken as it stands where the limits of struct
 * value_config allow; where they do not, or where it is packed in an older manner, it is put
 * together anew. So what is built is as if clients had made it here, whatever made the file. */
#ifndef HARK_RDB_BUILD_H
#define HARK_RDB_BUILD_H

#include "../value/value.h"
#include "scan.h"

struct rdb_build {
    const struct value_config *config;
    unsigned char code;
    struct value value; /* `at` is NULL while there is none */
    struct buffer held; /* the first half of a pair */
    bool holds;
    uint64_t container;        /* of a node of a quicklist */
    int64_t base, deadline;    /* of all fields of a hash, of the next one; -1: none */
    struct rdb_stream *stream; /* see build_stream.c */
};

/* Can values of this type be built? */
bool rdb_builds(unsigned char code);
void rdb_build_begin(struct rdb_build *b, const struct value_config *config, unsigned char code);
/* 0, or ERR_CORRUPT. */
int rdb_build_part(struct rdb_build *b, const struct rdb_part *part);
/* After the last part: 0 with the value; ERR_ABSENT when it has no element, which some old versions
 * of Redis wrote; ERR_CORRUPT. Then, as after rdb_build_drop, nothing is left of it. */
int rdb_build_end(struct rdb_build *b, struct value *out);
void rdb_build_drop(struct rdb_build *b);

/* ---- streams, in build_stream.c ---- */

int rdb_build_stream_part(struct rdb_build *b, const struct rdb_part *part);
int rdb_build_stream_end(struct rdb_build *b);
void rdb_build_stream_drop(struct rdb_build *b);

#endif
