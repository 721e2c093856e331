/* Strings: the encodings that tools expect, and what the bit and number commands do to bytes.
 *
 * Hark keeps every string as its bytes; the encoding is a remark beside them (OBJECT ENCODING):
 * "int" for a canonical 64-bit integer, "embstr" for up to 44 bytes, otherwise "raw", which is
 * also what a string becomes once it was changed in place. */
#ifndef HARK_VALUE_STRING_H
#define HARK_VALUE_STRING_H

#include "../base/slice.h"

enum string_encoding { STRING_INT, STRING_EMBSTR, STRING_RAW };

enum { STRING_EMBSTR_MAX = 44 };

/* The encoding of a value that was just set as a whole. */
enum string_encoding string_encoding_of(struct slice value);
struct slice string_encoding_text(enum string_encoding encoding);

/* Part of something of `len` bytes or bits, as GETRANGE and its like name it: from its `start` to
 * its `end`, both included, negative ones counted from the end. As the half open [*from, *to);
 * false when that is empty. */
bool string_range(int64_t start, int64_t end, uint64_t len, uint64_t *from, uint64_t *to);

#endif
