/* An arena: memory for many small things that all end at the same moment. Addresses stay valid
 * until arena_reset, which keeps one chunk for the next round. */
#ifndef HARK_BASE_ARENA_H
#define HARK_BASE_ARENA_H

#include "slice.h"

struct arena {
    struct arena_chunk *chunk; /* the one being filled; older ones hang behind it */
    size_t used;
};

void arena_fini(struct arena *a);
void arena_reset(struct arena *a);
/* `size` uninitialised bytes, aligned to 8. */
void *arena_alloc(struct arena *a, size_t size);
/* A copy of the bytes. */
struct slice arena_keep(struct arena *a, struct slice s);

#endif
