#include "arena.h"

#include "mem.h"

struct arena_chunk {
    struct arena_chunk *older;
    size_t cap;
    char bytes[];
};

enum { CHUNK_MIN = 4096 - sizeof(struct arena_chunk) };

static void drop(struct arena_chunk *c)
{
    mem_free(c, sizeof *c + c->cap);
}

void arena_reset(struct arena *a)
{
    a->used = 0;
    if (!a->chunk) return;
    while (a->chunk->older) {
        struct arena_chunk *older = a->chunk->older;
        a->chunk->older = older->older;
        drop(older);
    }
    if (a->chunk->cap > CHUNK_MIN) arena_fini(a);
}

void arena_fini(struct arena *a)
{
    while (a->chunk) {
        struct arena_chunk *older = a->chunk->older;
        drop(a->chunk);
        a->chunk = older;
    }
    a->used = 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size = (size + 7) & ~(size_t)7;
    if (!a->chunk || a->chunk->cap - a->used < size) {
        size_t cap = size > CHUNK_MIN ? size : CHUNK_MIN;
        struct arena_chunk *c = mem_alloc(sizeof *c + cap);
        c->cap = cap;
        c->older = a->chunk;
        a->chunk = c;
        a->used = 0;
    }
    void *p = a->chunk->bytes + a->used;
    a->used += size;
    return p;
}

struct slice arena_keep(struct arena *a, struct slice s)
{
    if (!s.len) return (struct slice){"", 0};
    char *to = arena_alloc(a, s.len);
    memcpy(to, s.at, s.len);
    return slice_of(to, s.len);
}
