/* A timer wheel: millions of deadlines at eight bytes each, handed out in order when they are due.
 *
 * An item is 32 bits that tell the key, and a deadline in unix ms. It does not point to the
 * key: the owner looks it up when the item comes out (table_find_prefix), and so may find a key
 * that is gone, or one whose deadline has moved; a deadline that moved later is added again then.
 * Items cannot be taken back.
 *
 * What it promises:
 *  - Every item comes out once, not before its deadline by the clock that the caller passes, and
 *    in the order of deadlines among the items that are in the wheel (those of the same ms in any
 *    order).
 *  - The work of a call is bounded: what it hands out, and WHEEL_MOVES_MAX items moved besides.
 *  - About 8.2 bytes an item when they are many, some tens of bytes a time slot when few.
 *
 * The clock may jump ahead (the wheel catches up over several calls, and skips what is empty) and
 * back (nothing comes out early, new items are kept in order). A deadline more than some 34 years
 * ahead is entered as the farthest one that the wheel reaches: its item comes out then, and the
 * owner, who sees that the key lives longer, adds it again. How it works: the head of wheel.c. */
#ifndef HARK_DS_WHEEL_H
#define HARK_DS_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random;
struct wheel_level;
struct wheel_late;

enum {
    WHEEL_LEVELS = 5,
    WHEEL_MOVES_MAX = 1024, /* items moved down a level by one wheel_collect_due */
};

struct wheel {
    int64_t hand;                             /* deadlines up to here are not in the levels */
    size_t count;                             /* items in the levels and in `late` */
    size_t bytes;                             /* memory taken */
    struct wheel_level *levels[WHEEL_LEVELS]; /* NULL until first used */
    struct wheel_late *late;                  /* a heap of those at or before the hand */
    size_t late_count, late_cap;
    uint64_t moves; /* items moved down a level so far */
};

/* An item as it comes out. */
struct wheel_due {
    int64_t deadline_ms;
    uint32_t hash;
};

/* An empty wheel with its hand at now_ms (>= 0, as all times); takes no memory yet. */
void wheel_init(struct wheel *w, int64_t now_ms);
void wheel_fini(struct wheel *w);

/* Adds an item. A deadline that has passed is due at once. */
void wheel_add(struct wheel *w, uint32_t hash, int64_t deadline_ms);

/* Takes out up to `max` items that are due at now_ms, earliest first; returns how many. *more says
 * whether the call stopped short (`out` is full or the work was enough): call again soon. */
size_t wheel_collect_due(struct wheel *w, int64_t now_ms, struct wheel_due *out, size_t max,
                         bool *more);

/* When wheel_collect_due should be called next: at a deadline, or before, to move items nearer in
 * good time. At or before now_ms: at once. -1: never, the wheel is empty. */
int64_t wheel_next_ms(const struct wheel *w, int64_t now_ms);

static inline size_t wheel_count(const struct wheel *w)
{
    return w->count;
}
/* The memory that the wheel takes. */
static inline size_t wheel_bytes(const struct wheel *w)
{
    return w->bytes;
}

/* An item drawn evenly from all; false when the wheel is empty. The item stays. */
bool wheel_sample(const struct wheel *w, struct random *random, struct wheel_due *out);
/* Up to `max` (at most WHEEL_NEAREST_MAX are given) of the items with the nearest deadlines,
 * earliest first; returns how many. They stay. Looks at a bounded number of items, so that of a
 * crowd that is far off, it may miss the very first. */
enum { WHEEL_NEAREST_MAX = 64 };
size_t wheel_nearest(const struct wheel *w, struct wheel_due *out, size_t max);

/* Ends the process when an invariant does not hold; looks at every item. */
void wheel_check(const struct wheel *w);

#endif
