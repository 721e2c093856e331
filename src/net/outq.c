#include "../base/assert.h"
#include "../base/mem.h"
#include "internal.h"

static struct span *at(const struct outq *q, uint32_t i)
{
    return &q->spans[(q->head + i) & (q->cap - 1)];
}

void outq_fini(struct outq *q)
{
    for (uint32_t i = 0; i < q->count; i++) block_release(at(q, i)->block);
    mem_free(q->spans, q->cap * sizeof *q->spans);
    *q = (struct outq){0};
}

static void grow(struct outq *q)
{
    uint32_t cap = q->cap ? q->cap * 2 : 4;
    struct span *spans = mem_alloc(cap * sizeof *spans);
    for (uint32_t i = 0; i < q->count; i++) spans[i] = *at(q, i);
    mem_free(q->spans, q->cap * sizeof *q->spans);
    q->spans = spans;
    q->cap = cap;
    q->head = 0;
}

void outq_add(struct outq *q, struct block *b, uint32_t from, uint32_t len)
{
    q->bytes += len;
    if (q->count) {
        struct span *last = at(q, q->count - 1);
        if (last->block == b && last->from + last->len == from) {
            last->len += len;
            return;
        }
    }
    if (q->count == q->cap) grow(q);
    *at(q, q->count++) = (struct span){block_retain(b), from, len};
}

int outq_slices(const struct outq *q, struct slice *to, int max)
{
    int n = q->count < (uint32_t)max ? (int)q->count : max;
    for (int i = 0; i < n; i++) {
        struct span *s = at(q, (uint32_t)i);
        to[i] = slice_of(s->block->bytes + s->from, s->len);
    }
    return n;
}

void outq_drop(struct outq *q, size_t n)
{
    CHECK(n <= q->bytes);
    q->bytes -= n;
    while (n) {
        struct span *first = at(q, 0);
        if (n < first->len) {
            first->from += (uint32_t)n;
            first->len -= (uint32_t)n;
            return;
        }
        n -= first->len;
        block_release(first->block);
        q->head = (q->head + 1) & (q->cap - 1);
        q->count--;
    }
}

void holds_fini(struct holds *h)
{
    mem_free(h->at, h->cap * sizeof *h->at);
    *h = (struct holds){0};
}

void holds_add(struct holds *h, uint64_t mark, uint64_t group, size_t len)
{
    h->bytes += len;
    struct hold *last = h->count ? &h->at[h->count - 1] : NULL;
    if (last && (last->mark >= mark || last->mark > group)) {
        last->bytes += len;
        if (mark > last->mark) last->mark = mark;
        return;
    }
    if (h->count == h->cap) {
        uint32_t more = h->cap ? h->cap * 2 : 2;
        h->at = mem_resize(h->at, h->cap * sizeof *h->at, more * sizeof *h->at);
        h->cap = more;
    }
    h->at[h->count++] = (struct hold){mark, len};
}

void holds_release(struct holds *h, uint64_t mark)
{
    uint32_t n = 0;
    for (; n < h->count && h->at[n].mark <= mark; n++) h->bytes -= h->at[n].bytes;
    if (!n) return;
    h->count -= n;
    memmove(h->at, h->at + n, h->count * sizeof *h->at);
}

void outq_detach(struct outq *q, const struct block *shared)
{
    for (uint32_t i = 0; i < q->count; i++) {
        struct span *s = at(q, i);
        if (s->block != shared) continue;
        struct block *own = block_new(s->len);
        block_add(own, s->block->bytes + s->from, s->len);
        block_release(s->block);
        *s = (struct span){own, 0, own->len};
    }
}
