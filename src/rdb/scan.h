/* The scanner: follows a layout (format.h) through bytes that come in pieces, one part at a time.
 *
 * A part is taken whole or not at all, but for the bytes of strings that nobody wants, which are
 * let by as they come. State is what this struct holds: where in the layout, and in which loops. */
#ifndef HARK_RDB_SCAN_H
#define HARK_RDB_SCAN_H

#include "format.h"
#include "text.h"

struct rdb_scan {
    const char *whole;
    const char *layout; /* what is still to come; at its end an empty text */
    int keeps;          /* so many strings are still wanted */
    struct {
        const char *start;
        uint64_t left;
    } loops[RDB_DEPTH_MAX];
    int depth;
    uint64_t skip; /* bytes of a string that are still to be let by */
};

struct rdb_part {
    char what;    /* its letter; 0: it was skipped, or stood for the layout's own use */
    size_t place; /* of the letter in the layout */
    struct slice string;
    uint64_t number; /* of d and 8 also the bits of a double; of a loop, how often */
};

/* A scan that wants the first `keeps` strings, and everything else. */
enum { RDB_KEEP_ALL = INT32_MAX };
void rdb_scan_begin(struct rdb_scan *s, const char *layout, int keeps);
static inline bool rdb_scan_is_over(const struct rdb_scan *s)
{
    return !*s->layout && !s->skip;
}
/* Takes the next part, which there must be. 0; or an error as in text.h: after ERR_AGAIN the scan
 * stands where it stood, and the input where the part began. */
int rdb_scan_part(struct rdb_scan *s, struct rdb_input *in, struct buffer *scratch,
                  struct rdb_part *out);

#endif
