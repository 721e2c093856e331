/* A packed list: a row of strings in one allocation, byte for byte what Redis calls a listpack, so
 * that values in RDB files and DUMP payloads are taken over as they stand.
 *
 *      total bytes | count  | entry | entry | … | ff
 *      4, low first| 2      |
 *
 *      entry:  how and how long | the bytes, or an integer in 0 to 8 bytes | its own length, to be
 *                                                                            read backwards
 *
 * A string that is a canonical 64-bit integer is kept as one, and comes back as the same text.
 * The list is one pointer, which every change may move: keep what the function returns. Elements
 * are named by their offset, PACKED_NONE (0) for none; an offset is good until the next change. All
 * that looks for an element is linear: these are for small lists.
 *
 * The format is described at github.com/antirez/listpack (specification) and in
 * docs/format/packed.md. */
#ifndef HARK_DS_PACKED_H
#define HARK_DS_PACKED_H

#include "../base/slice.h"
#include "../base/text.h"

struct packed; /* the bytes themselves */
typedef uint32_t packed_at;

enum { PACKED_NONE = 0, PACKED_BYTES_MAX = 1 << 30, PACKED_EMPTY_BYTES = 7 };

/* An empty one. */
struct packed *packed_new(void);
void packed_free(struct packed *p);
struct packed *packed_copy(const struct packed *p);
/* All its bytes, header and end included; that is also what was allocated for it. */
size_t packed_bytes(const struct packed *p);
/* Linear beyond 65,534 elements. */
size_t packed_count(const struct packed *p);

/* ---- going about; PACKED_NONE at either end ---- */

packed_at packed_first(const struct packed *p);
packed_at packed_last(const struct packed *p);
packed_at packed_next(const struct packed *p, packed_at at);
packed_at packed_prev(const struct packed *p, packed_at at);
/* The element of this number, negative ones from the end. */
packed_at packed_nth(const struct packed *p, int64_t index);

/* ---- looking ---- */

/* The element's text: in the list, or, for an integer, written into `digits`. */
struct slice packed_text(const struct packed *p, packed_at at, char digits[TEXT_INT_MAX]);
/* Is it kept as an integer? */
bool packed_is_int(const struct packed *p, packed_at at, int64_t *number);
bool packed_equals(const struct packed *p, packed_at at, struct slice text);
/* The first element from `from` on that equals the text, looking at every (skip + 1)-th only: with
 * 1 that is each field of a row of fields and values. `from` may be PACKED_NONE. */
packed_at packed_find(const struct packed *p, packed_at from, struct slice text, unsigned skip);
/* What an element of this text adds to packed_bytes, at most. */
size_t packed_cost(struct slice text);

/* ---- changing: the list afterwards; it must not grow beyond PACKED_BYTES_MAX. The text must not
 * lie in the list itself ---- */

struct packed *packed_append(struct packed *p, struct slice text);
struct packed *packed_append_int(struct packed *p, int64_t number);
struct packed *packed_prepend(struct packed *p, struct slice text);
/* Before the element at `at`, which is then the new one. */
struct packed *packed_insert(struct packed *p, packed_at at, struct slice text);
/* The new element is at `at`. */
struct packed *packed_replace(struct packed *p, packed_at at, struct slice text);
/* `count` of them from `at` on, or what there is; what followed them is then at `at`, and is the
 * end where packed_bytes says so. */
struct packed *packed_remove(struct packed *p, packed_at at, size_t count);
/* The second list's elements behind the first's. `b` stays as it is. */
struct packed *packed_join(struct packed *p, const struct packed *b);

/* ---- bytes from elsewhere ---- */

/* Its bytes as they stand. */
struct slice packed_slice(const struct packed *p);
/* Are these exactly one packed list, sound to the last byte? Then packed_from makes it. */
bool packed_is_sound(struct slice bytes);
struct packed *packed_from(struct slice bytes);

#endif
