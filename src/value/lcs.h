/* The longest common subsequence of two byte strings: its length, and where it lies in both.
 *
 * The classical table holds, for every pair of prefixes, the length of what they share: four bytes
 * for each cell, two nested loops over all of them. But neighbours in a row of that table are equal
 * or differ by one. One bit for each cell says all, and a row is computed from the one above it 64
 * cells at a time, with one addition whose carries are the matches that move on:
 *
 *      match = where b has the byte of a's row
 *      row   = (above + (above & match)) | (above & ~match)
 *
 * where a 0 bit means "one more than to the left" (H. Hyyrö, 2004, after Crochemore and others).
 * The length alone needs just one row; for the positions all rows are kept, a thirty-second of the
 * classical table, and walked back from the end. Where there are several longest subsequences it
 * is the one that Redis finds: going back, match if the bytes are equal; otherwise drop a byte of
 * `a` if that costs less than a byte of `b`, else one of `b`. */
#ifndef HARK_VALUE_LCS_H
#define HARK_VALUE_LCS_H

#include "../base/slice.h"

struct lcs {
    struct slice a, b;
    size_t len;     /* of the longest common subsequence */
    uint64_t *bits; /* see lcs.c */
    size_t bits_words;
    uint64_t *rows;
    size_t row_words; /* words of one row */
};

/* Computes the length and, with `path`, what lcs_next_run needs. Borrows both strings until
 * lcs_fini. ERR_NOMEM when the rows, about a.len * b.len / 8 bytes, cannot be had. */
int lcs_init(struct lcs *l, struct slice a, struct slice b, bool path);
void lcs_fini(struct lcs *l);

/* A stretch of the subsequence that is without gaps in both strings. */
struct lcs_run {
    size_t a, b; /* where it begins */
    size_t len;
};

/* How far a walk has come: this much of each string is still before it. */
struct lcs_walk {
    size_t a, b;
};

static inline struct lcs_walk lcs_walk(const struct lcs *l)
{
    return (struct lcs_walk){l->a.len, l->b.len};
}

/* The next stretch, the last one first; false when there is no other. */
bool lcs_next_run(const struct lcs *l, struct lcs_walk *w, struct lcs_run *run);

#endif
