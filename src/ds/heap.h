/* A heap: whose number is least? Nodes are embedded in what they stand for, which stays where it
 * is; adding, moving and removing one costs the logarithm of their count.
 *
 *      struct heap due = {0};
 *      heap_add(&due, &thing->node, deadline);
 *      while (due.count && due.nodes[0]->key <= now) { … heap_remove(&due, due.nodes[0]); … }
 *
 * Nodes of the same number come out in any order. */
#ifndef HARK_DS_HEAP_H
#define HARK_DS_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t key;
    size_t at; /* its place in the heap, from 1; 0 while it is in none */
};

struct heap {
    struct heap_node **nodes; /* nodes[0] has the least key */
    size_t count, cap;
};

void heap_fini(struct heap *h);
/* The node is in no heap. */
void heap_add(struct heap *h, struct heap_node *n, int64_t key);
/* A node that is in no heap is left alone. */
void heap_remove(struct heap *h, struct heap_node *n);

/* The one with the least key, or NULL. */
static inline struct heap_node *heap_first(const struct heap *h)
{
    return h->count ? h->nodes[0] : NULL;
}

#endif
