/* An element of a large value: a set's member, a hash's field, a sorted set's member.
 *
 * Large values keep their elements in a `struct table` (ds/table.h), which serves values as well as
 * it serves keyspaces: 10.7 to 12 bytes an element beyond some 50,000, at most 20 below, no stall
 * as it grows, drawn evenly, scanned with each element exactly once, cleared in slices. What the
 * table points to is the owner's, one allocation an element:
 *
 *      owner's own ┊ length, 1 byte up to 127 ┊ text ┊ owner's own
 *                  └────────── element_text ──────┘
 *
 * The functions here are for the middle part; where it begins is the owner's constant (a set has
 * nothing before it, a sorted set the score). */
#ifndef HARK_VALUE_ELEMENT_H
#define HARK_VALUE_ELEMENT_H

#include "../base/hash.h"
#include "../base/little.h"

/* What length and text take. */
static inline size_t element_text_size(size_t len)
{
    size_t size = len + 1;
    for (; len >= 0x80; len >>= 7) size++;
    return size;
}

/* Writes both; returns where they end. */
static inline char *element_put_text(char *to, struct slice text)
{
    to = put_varint(to, text.len);
    if (text.len) memcpy(to, text.at, text.len);
    return to + text.len;
}

static inline struct slice element_text(const void *at)
{
    const unsigned char *byte = at;
    size_t len = *byte++;
    if (__builtin_expect(len & 0x80, 0)) {
        len &= 0x7f;
        for (unsigned shift = 7;; shift += 7) {
            len |= (size_t)(*byte & 0x7f) << shift;
            if (!(*byte++ & 0x80)) break;
        }
    }
    return slice_of(byte, len);
}

static inline uint64_t element_hash(const unsigned char *secret, struct slice text)
{
    return hash_bytes(secret, text);
}

/* A table_hash_of and a table_match for elements that begin with their text; ctx is the secret of
 * hashes, and the text that is looked for. */
static inline uint64_t element_hash_of(void *secret, const void *element)
{
    return element_hash(secret, element_text(element));
}

static inline bool element_is(const void *element, const void *text)
{
    return slice_equal(element_text(element), *(const struct slice *)text);
}

#endif
