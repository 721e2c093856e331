/* Blocks: reference-counted runs of bytes that several readers share, and spans of them.
 *
 * A message for a thousand subscribers is formatted once, into a block; each of their outgoing
 * queues holds a span of it. A block is append-only: bytes below `len` never change, so a span
 * stays true while the owner goes on filling the rest. Blocks are not for sharing between
 * threads. */
#ifndef HARK_BASE_BLOCK_H
#define HARK_BASE_BLOCK_H

#include "slice.h"

struct block {
    uint32_t refs;
    uint32_t cap;
    uint32_t len;
    char bytes[];
};

/* A part of a block. Holding one means holding a reference, unless it says otherwise. */
struct span {
    struct block *block;
    uint32_t from;
    uint32_t len;
};

/* A block with room for `cap` bytes and one reference, the caller's. */
struct block *block_new(size_t cap);
/* Gives back one reference; the last one frees. NULL is fine. */
void block_release(struct block *b);

static inline struct block *block_retain(struct block *b)
{
    b->refs++;
    return b;
}

static inline size_t block_room(const struct block *b)
{
    return b->cap - b->len;
}

/* Appends to the block; the room must be there. */
static inline void block_add(struct block *b, const void *bytes, size_t len)
{
    memcpy(b->bytes + b->len, bytes, len);
    b->len += (uint32_t)len;
}

#endif
