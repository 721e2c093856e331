/* Entries as bytes, for files that only Hark reads: docs/format/snapshot.md has the layout. */
#ifndef HARK_KEYSPACE_ENTRY_CODEC_H
#define HARK_KEYSPACE_ENTRY_CODEC_H

#include "../base/buffer.h"
#include "entry.h"

/* Appends the entry of database `db` to the buffer. */
void entry_encode(struct buffer *to, int db, const struct entry *e);
/* The same bytes in parts of about so many, for which room is made at the first: each call appends
 * the next one; true with the last. */
bool entry_encode_some(struct buffer *to, int db, const struct entry *e, struct value_progress *p,
                       size_t bytes);

/* An entry in its bytes, to which the slices point. */
struct entry_image {
    int db;
    enum value_type type;
    enum string_encoding encoding;
    uint32_t access;
    int64_t deadline;        /* -1: none */
    struct slice key, value; /* of another type than string: what its value_kind has encoded */
};

/* Takes one off the front: false when none is there that entry_encode could have made. */
bool entry_decode(struct slice *from, struct entry_image *image);
/* A new entry of it; NULL when the value cannot be what was encoded. */
struct entry *entry_from_image(const struct entry_image *image, const struct value_config *config);

#endif
