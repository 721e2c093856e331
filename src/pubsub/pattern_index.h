/* Which of many glob patterns match a channel, without trying them all.
 *
 * A pattern is filed under the literal bytes that it begins with; under these, by the literal
 * bytes that it ends with; and under both, by what is left to decide:
 *
 *      prefixes (radix tree, walked along the channel)
 *        └─ group   "__keyspace@0__:"
 *             ├─ exact                     the pattern is this text and nothing else
 *             └─ suffixes (radix tree of reversed suffixes, walked from the channel's end back)
 *                  └─ leaf  ":paid"        (the leaf of the empty suffix lies in the group)
 *                       ├─ bare            prefix * suffix: matches, no glob is asked
 *                       ├─ grams           something literal in the middle: looked up by a few
 *                       │                  bytes of it, at each position of the channel
 *                       └─ rest            nothing else is literal: each is tried by the glob
 *
 * So the price of a channel is a walk from either end and, where patterns have literal middles, a
 * look-up per position; patterns that have nothing in common with the channel are never touched.
 * What the literals let through is tried by the glob matcher; both that and its failures are
 * counted.
 *
 * Of the grams that a pattern offers, it takes one that is long and that few patterns offer: in
 * `*:tenant:*:4711:*` that is one with the number, as soon as there are more such patterns; of how
 * often grams are offered, a sketch is kept. A pattern is *crowded* when its literals do not tell
 * it from others: CROWD others of its leaf have taken each of its grams, or its `rest` list is
 * that long, or it has no literal at all. Crowded patterns are what a channel may have to try in
 * vain; their number is bounded.
 *
 * Invariants: 1. A pattern is in exactly one list, which its text, and for grams its link's hash,
 * tell. 2. No empty leaf (but the group's own) and no empty group is kept. 3. Numbers rise with
 * creation and are never given twice. */
#ifndef HARK_PUBSUB_PATTERN_INDEX_H
#define HARK_PUBSUB_PATTERN_INDEX_H

#include "../base/slice.h"

struct pattern_index;
struct pattern; /* one pattern in it */

struct pattern_index *pattern_index_new(uint64_t seed);
/* All patterns must have been removed. */
void pattern_index_free(struct pattern_index *ix);

/* Files a pattern. The text is borrowed and must stay as long as the pattern does. Returns NULL
 * when the pattern is a crowded one and there are `crowded_max` of them already. */
struct pattern *pattern_index_add(struct pattern_index *ix, struct slice text, void *owner,
                                  size_t crowded_max);
void pattern_index_remove(struct pattern_index *ix, struct pattern *p);

struct pattern_match {
    uint64_t number; /* of the pattern, by creation */
    void *owner;
};

/* The patterns that match, in the order in which they were added; good until the next call. */
struct pattern_matches {
    const struct pattern_match *at;
    size_t len;
};
struct pattern_matches pattern_index_match(struct pattern_index *ix, struct slice channel);

/* Can any pattern match a text that begins with `prefix`, as far as its own prefix tells? */
bool pattern_index_touches(const struct pattern_index *ix, struct slice prefix);
/* The literal bytes with which a pattern begins; good until the next call of any function here. */
struct slice pattern_index_prefix(struct pattern_index *ix, struct slice text);

struct pattern_index_counts {
    size_t patterns, crowded;
    uint64_t candidates; /* times that a pattern was tried by glob */
    uint64_t failed;     /* and did not match */
    size_t bytes;
};
struct pattern_index_counts pattern_index_counts(const struct pattern_index *ix);

#endif
