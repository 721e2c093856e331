/* Items in the order of a score and, where scores are equal, of a text: what a large sorted set
 * keeps its members in. A counted B+ tree, so that places are numbers too:
 *
 *      place in the order  ──ordered_rank──▶  number  ──ordered_at──▶  spot  ──ordered_next──▶ …
 *
 * Every range, whatever it goes by, is two numbers; to count it is to subtract them.
 *
 * What it promises:
 *  - A look-up touches a node per level, four levels for some millions of items; texts are looked
 *    at only among equal scores, for the scores stand in the nodes.
 *  - About 20 bytes an item where they come in any order, 17 where they come in order.
 *  - A range is removed in the time that its nodes and items take.
 *
 * Items are pointers to what the caller allocated; the tree neither owns nor frees them and asks
 * only for their text, which must not change. Scores are not NaN; 0 and -0 are equal. No two items
 * may be equal in both. A spot is good until the next change.
 *
 * The struct has no pointers into itself: assigning it moves the whole content. How it works stands
 * at the head of ordered.c. */
#ifndef HARK_DS_ORDERED_H
#define HARK_DS_ORDERED_H

#include "../base/slice.h"

typedef struct slice ordered_text_of(const void *item);
/* It must not touch the tree. */
typedef void ordered_visit(void *ctx, void *item);

struct ordered {
    struct ordered_node *root; /* NULL while empty */
    size_t count;
    size_t bytes; /* of the nodes */
    ordered_text_of *text_of;
};

/* A place between items: those that lie before it are … */
enum ordered_side {
    ORDERED_BEFORE,       /* less than score and text */
    ORDERED_AFTER,        /* the same, or equal */
    ORDERED_BEFORE_SCORE, /* of lower score, whatever their text */
    ORDERED_AFTER_SCORE,
    ORDERED_BEFORE_TEXT, /* of lesser text: makes sense where all scores are equal */
    ORDERED_AFTER_TEXT,
};

struct ordered_place {
    enum ordered_side side;
    double score;
    struct slice text;
};

/* Does an item of this score lie before the place? Asks for its text only where that matters. */
bool ordered_lies_before(const struct ordered_place *place, double score, const void *item,
                         ordered_text_of *text_of);

/* An item in the tree, or its end; see ordered_at. */
struct ordered_spot {
    const struct ordered_node *leaf; /* NULL: the end */
    unsigned index;
};

/* An empty one; takes no memory until the first insert. */
void ordered_init(struct ordered *o, ordered_text_of *text_of);

/* Enters an item; the caller knows that no equal one is there. */
void ordered_insert(struct ordered *o, double score, void *item);
/* Moves an item to another score. */
void ordered_rescore(struct ordered *o, double score, void *item, double new_score);
/* Takes out an item that is there. */
void ordered_remove(struct ordered *o, double score, const void *item);
/* Takes out `count` items from number `from` on, which are there, and hands each to `visit`, in
 * order (NULL: to nobody). */
void ordered_remove_range(struct ordered *o, size_t from, size_t count, ordered_visit *visit,
                          void *ctx);

static inline size_t ordered_count(const struct ordered *o)
{
    return o->count;
}

/* How many items lie before the place: the number of the first one behind it. */
size_t ordered_rank(const struct ordered *o, const struct ordered_place *place);
/* The item of this number; the end from ordered_count on. */
struct ordered_spot ordered_at(const struct ordered *o, size_t number);
/* The one that is there; the spot must not be the end. */
void *ordered_get(const struct ordered_spot *spot, double *score);
/* Goes to the item behind it or before it, or to the end at either end. */
void ordered_next(struct ordered_spot *spot);
void ordered_prev(struct ordered_spot *spot);

/* Ends the process when an invariant does not hold; looks at every item. */
void ordered_check(const struct ordered *o);

#endif
