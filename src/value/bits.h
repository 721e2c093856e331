/* Bits of byte strings: counting, finding, combining, and small integers at any bit offset.
 *
 * Bits are numbered as Redis does: 0 is the highest bit of the first byte, 8 the highest of the
 * second. Ranges are half open, [from, to), in bits, and end within the string. Everything here is
 * a function of its arguments. */
#ifndef HARK_VALUE_BITS_H
#define HARK_VALUE_BITS_H

#include "../base/slice.h"

/* The bit at an offset; 0 beyond the end. */
static inline bool bits_get(struct slice s, uint64_t at)
{
    size_t byte = (size_t)(at >> 3);
    return byte < s.len && ((unsigned char)s.at[byte] >> (7 - (at & 7)) & 1);
}

/* How many bits of a range are set. */
uint64_t bits_count(struct slice s, uint64_t from, uint64_t to);

/* The offset of the first bit of a range that is `bit`, or -1. */
int64_t bits_find(struct slice s, uint64_t from, uint64_t to, bool bit);

enum bits_op { BITS_AND, BITS_OR, BITS_XOR, BITS_NOT };

/* Combines n >= 1 strings (BITS_NOT: the first one) into to[0..len). Those that are shorter count
 * as continued with zeros. `to` must not overlap with any of them. */
void bits_combine(enum bits_op op, char *to, size_t len, const struct slice *sources, size_t n);

/* ---- integers of 1 to 64 bits ---- */

struct bits_field {
    bool is_signed;
    uint8_t width; /* up to 64 signed, up to 63 unsigned */
};

/* What becomes of a value that does not fit. */
enum bits_overflow { BITS_WRAP, BITS_SATURATE, BITS_FAIL };

/* The integer at a bit offset; zeros beyond the end. */
int64_t bits_field_get(struct slice s, uint64_t at, struct bits_field f);
/* Writes the low bits of `value`; the bytes from at / 8 to (at + width - 1) / 8 must be there. */
void bits_field_set(char *bytes, uint64_t at, struct bits_field f, int64_t value);
/* Makes base + change fit into the field. False when it does not and is not to be bent. A base that
 * does not fit itself (change is 0 then) may be taken for too high although it is too low, as Redis
 * does: where it is negative and the field unsigned, or so low that max - base overflows. */
bool bits_field_fit(struct bits_field f, enum bits_overflow how, int64_t base, int64_t change,
                    int64_t *out);

#endif
