/* The bytes of a snapshot file, for its writer and its reader: docs/format/snapshot.md. */
#ifndef HARK_JOURNAL_SNAPSHOT_FORMAT_H
#define HARK_JOURNAL_SNAPSHOT_FORMAT_H

#include "snapshot.h"

enum {
    SNAPSHOT_VERSION = 1,
    SNAPSHOT_HEADER_BYTES = 64,
    BLOCK_HEADER_BYTES = 16,
    BLOCK_RAW_MAX = 256 * 1024,
    BLOCK_STORED_MAX = BLOCK_RAW_MAX, /* what would not get smaller is stored as it is */
    BLOCK_ITEMS = SNAPSHOT_ITEMS,
    BLOCK_SECTION = SNAPSHOT_SECTION,
    BLOCK_END = 3,
    BLOCK_LZ4 = 1,
    BLOCK_MORE = 2, /* the next block goes on with the same item */
    BLOCK_END_BYTES = 24,
};

/* What stands before the bytes of a block, without its sum. */
struct block_header {
    uint8_t kind, flags;
    uint32_t stored, raw;
};

/* The sum of the header, where the chain of the blocks begins. */
uint32_t snapshot_header_encode(const struct snapshot_header *h, char to[SNAPSHOT_HEADER_BYTES]);
/* 0; ERR_CORRUPT; ERR_UNSUPPORTED. */
int snapshot_header_decode(struct snapshot_header *h, uint32_t *chain,
                           const char from[SNAPSHOT_HEADER_BYTES]);

/* `stored` stands behind it already. Returns the chain after it. */
uint32_t block_header_encode(const struct block_header *b, uint32_t chain,
                             char to[BLOCK_HEADER_BYTES]);
/* Could it be one? The sum is looked at by block_is_whole. */
bool block_header_decode(struct block_header *b, const char from[BLOCK_HEADER_BYTES]);
/* `from` has header and stored bytes: do they go on with the chain? Then it has gone on. */
bool block_is_whole(const struct block_header *b, uint32_t *chain, const char *from);

/* The name of a file that is not whole yet. */
const char *snapshot_temporary(void);

#endif
