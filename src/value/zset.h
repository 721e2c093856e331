/* Sorted sets: members, each with a score, in the order of score and member.
 *
 *      ENCODING_PACKED   member, score, member, score … in their order, as Redis' listpack has it
 *      ENCODING_TREE     an element a member (score and text), which a tree has in order
 *                        (ds/ordered.h), and a table under the hash of the text (ds/table.h)
 *
 * Ranks are the language of ranges: zset_rank says how many elements lie before a place, and every
 * range, be it of scores, of members or of ranks, is two such numbers.
 *
 *      range by score 1 to (5:  from = zset_rank(v, {ORDERED_BEFORE_SCORE, .score = 1})
 *                               to   = zset_rank(v, {ORDERED_BEFORE_SCORE, .score = 5})
 *      how many                 to - from, if that is above 0
 *      which ones               zset_start(&c, v, from); zset_next(&c) until c.rank is `to`
 *      without them             zset_remove_ranks(v, from, to - from)
 *
 * Scores are never NaN: the caller sees to that. -0 becomes 0, so that it does not show how a value
 * came to be (in Redis small ones lose the sign and large ones keep it). */
#ifndef HARK_VALUE_ZSET_H
#define HARK_VALUE_ZSET_H

#include "../ds/ordered.h"
#include "../ds/packed.h"
#include "value.h"

struct random;

/* An empty one, packed. */
struct value zset_new(void);
/* Takes a packed list of members and scores as RDB files have it; false when it is no sorted set,
 * and then it is the caller's still. */
bool zset_from_packed(struct packed *p, const struct value_config *config, struct value *out);

/* ---- looking ---- */

size_t zset_count(const struct value *v);
bool zset_score(const struct value *v, struct slice member, double *score);
/* How many elements lie before the place. */
size_t zset_rank(const struct value *v, const struct ordered_place *place);

/* A way through the elements, either way; good until the next change. */
struct zset_cursor {
    size_t rank; /* of the element that the next call gives; behind the last: the count */
    struct slice member;
    double score;

    const struct value *value; /* the rest is private */
    struct ordered_spot spot;
    packed_at at;
    char digits[TEXT_INT_MAX];
};

/* Before the element of this rank; a rank beyond the last is the end. `v` must stay where it is. */
void zset_start(struct zset_cursor *c, const struct value *v, size_t rank);
/* Gives an element, in member and score, and goes on behind it, or before it; false at either end,
 * where the cursor stays. */
bool zset_next(struct zset_cursor *c);
bool zset_prev(struct zset_cursor *c);

/* Visits some elements from the cursor on, about `count` and whole buckets; returns the cursor to
 * go on with, 0 at the end. Small ones are visited all at once. See table_scan. */
uint64_t zset_scan(const struct value *v, uint64_t cursor, size_t count, value_visit *visit,
                   void *ctx);

/* ---- changing ---- */

enum zset_change { ZSET_SAME, ZSET_MOVED, ZSET_ADDED };

/* Gives the member this score, new or not. What it says of a member that had the score already is
 * ZSET_SAME. `member` must not lie in the value itself. */
enum zset_change zset_add(struct value *v, double score, struct slice member,
                          const struct value_config *config);
/* So many members are about to come into an empty one: is it to be a tree from the begin? */
void zset_expect(struct value *v, size_t count, const struct value_config *config);
/* Was it there? */
bool zset_remove(struct value *v, struct slice member);
/* Removes `count` elements from this rank on, which are there. */
void zset_remove_ranks(struct value *v, size_t from, size_t count);

/* Ends the process when an invariant does not hold; looks at every element. */
void zset_check(const struct value *v, const struct value_config *config);

#endif
