#include "block.h"

#include "assert.h"
#include "mem.h"

struct block *block_new(size_t cap)
{
    CHECK(cap <= UINT32_MAX);
    struct block *b = mem_alloc(sizeof *b + cap);
    b->refs = 1;
    b->cap = (uint32_t)cap;
    b->len = 0;
    return b;
}

void block_release(struct block *b)
{
    if (!b) return;
    CHECK(b->refs > 0);
    if (--b->refs == 0) mem_free(b, sizeof *b + b->cap);
}
