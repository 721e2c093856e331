#include "heap.h"

#include "../base/assert.h"
#include "../base/mem.h"

enum { CAP_MIN = 16 };

void heap_fini(struct heap *h)
{
    mem_free(h->nodes, h->cap * sizeof *h->nodes);
    *h = (struct heap){0};
}

static void resize(struct heap *h, size_t cap)
{
    h->nodes = mem_resize(h->nodes, h->cap * sizeof *h->nodes, cap * sizeof *h->nodes);
    h->cap = cap;
}

static void put(struct heap *h, size_t i, struct heap_node *n)
{
    h->nodes[i] = n;
    n->at = i + 1;
}

/* Puts a node at place i or, as long as those above it are larger, higher. */
static void rise(struct heap *h, size_t i, struct heap_node *n)
{
    for (; i > 0 && h->nodes[(i - 1) / 2]->key > n->key; i = (i - 1) / 2)
        put(h, i, h->nodes[(i - 1) / 2]);
    put(h, i, n);
}

/* Puts a node at place i or, as long as one below it is smaller, lower. */
static void sink(struct heap *h, size_t i, struct heap_node *n)
{
    for (;;) {
        size_t below = 2 * i + 1;
        if (below + 1 < h->count && h->nodes[below + 1]->key < h->nodes[below]->key) below++;
        if (below >= h->count || h->nodes[below]->key >= n->key) break;
        put(h, i, h->nodes[below]);
        i = below;
    }
    put(h, i, n);
}

void heap_add(struct heap *h, struct heap_node *n, int64_t key)
{
    DCHECK(!n->at);
    if (h->count == h->cap) resize(h, h->cap ? h->cap * 2 : CAP_MIN);
    n->key = key;
    rise(h, h->count++, n);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    if (!n->at) return;
    size_t i = n->at - 1;
    struct heap_node *last = h->nodes[--h->count];
    n->at = 0;
    if (last == n) return;
    if (i > 0 && h->nodes[(i - 1) / 2]->key > last->key)
        rise(h, i, last);
    else
        sink(h, i, last);
    if (h->cap > CAP_MIN && h->count < h->cap / 4) resize(h, h->cap / 2);
}
