/* A radix tree: byte strings to pointers, made for the question "which of the stored strings does
 * this text begin with?".
 *
 * The answer costs a walk along the text that ends at the first byte where no stored string goes
 * on; how many strings are stored elsewhere in the tree plays no part.
 *
 *      "__keyspace@0__:"
 *        ├─ "tenant:"              a node: the bytes that lead to it (its label), an optional
 *        │    ├─ "1:"      → v       value, and a child per next byte
 *        │    └─ "2"
 *        │        ├─ ":"   → w
 *        │        └─ "7:"  → x
 *        └─ "user:"        → y
 *
 * Invariants: a node holds a value or has at least two children (the root too), so that there are
 * fewer than twice as many nodes as strings; the labels of siblings begin with different bytes;
 * only the root may have an empty label. */
#ifndef HARK_DS_RADIX_H
#define HARK_DS_RADIX_H

#include "../base/slice.h"

struct radix_node;

struct radix {
    struct radix_node *root; /* NULL when nothing is stored */
    size_t count;            /* strings stored */
    size_t bytes;            /* memory of the nodes */
};

/* Zeroed is empty; a tree whose strings have all been removed holds no memory. */

/* The value stored under `key`, or NULL. */
void *radix_find(const struct radix *r, struct slice key);
/* Where the value of `key` is kept, NULL in it when the key is new: the caller stores a value that
 * is not NULL before the next call. The place is good until then. The key is copied. */
void **radix_put(struct radix *r, struct slice key);
/* Forgets `key`; returns the value that it had, or NULL. */
void *radix_remove(struct radix *r, struct slice key);
/* Is any stored string a prefix of `key`, or `key` a prefix of any? */
bool radix_touches(const struct radix *r, struct slice key);

/* The stored strings with which a text begins, shortest first:
 *
 *     struct radix_walk w = radix_walk(r, text);
 *     for (void *v; (v = radix_walk_next(&w));) … w.len bytes of the text are the stored string
 *
 * The tree must not change meanwhile. */
struct radix_walk {
    const struct radix_node *node;
    struct slice text;
    size_t at;  /* bytes of the text that lead to `node`, without its label */
    size_t len; /* length of the string found last */
};

static inline struct radix_walk radix_walk(const struct radix *r, struct slice text)
{
    return (struct radix_walk){.node = r->root, .text = text};
}

/* The next value, or NULL at the end. */
void *radix_walk_next(struct radix_walk *w);

/* Ends the process if an invariant is broken. For tests. */
void radix_check(const struct radix *r);

#endif
