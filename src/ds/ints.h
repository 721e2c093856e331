/* A sorted row of different integers in one allocation, byte for byte what Redis calls an intset,
 * so that values in RDB files and DUMP payloads are taken over as they stand.
 *
 *      width | count | number | number | …        all low byte first
 *      4     | 4     | width  | width  |
 *
 * All numbers have the same width: 2, 4 or 8 bytes, as many as the widest that ever came needs. It
 * is one pointer, which every change may move: keep what the function returns. A look-up halves;
 * a change moves what is behind it. */
#ifndef HARK_DS_INTS_H
#define HARK_DS_INTS_H

#include "../base/slice.h"

struct ints; /* the bytes themselves */

enum { INTS_MAX = 1 << 30 }; /* numbers in one */

/* An empty one. */
struct ints *ints_new(void);
void ints_free(struct ints *s);
struct ints *ints_copy(const struct ints *s);
/* All its bytes, header included; that is also what was allocated for it. */
size_t ints_bytes(const struct ints *s);
size_t ints_count(const struct ints *s);

/* The number at a place, below ints_count; they ascend. */
int64_t ints_at(const struct ints *s, size_t place);
bool ints_has(const struct ints *s, int64_t number);

/* The set afterwards; *changed: was it not there (was it there) before? */
struct ints *ints_add(struct ints *s, int64_t number, bool *changed);
struct ints *ints_remove(struct ints *s, int64_t number, bool *changed);

/* Its bytes as they stand. */
struct slice ints_slice(const struct ints *s);
/* Are these exactly one such row, sound to the last byte (an empty one too)? Then ints_from makes
 * it. */
bool ints_is_sound(struct slice bytes);
struct ints *ints_from(struct slice bytes);

#endif
