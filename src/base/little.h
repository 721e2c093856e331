/* Little-endian numbers in bytes, whatever the machine, at any address; and numbers of as many
 * bytes as they need: seven bits a byte, the low ones first, the top bit set in all but the last.
 */
#ifndef HARK_BASE_LITTLE_H
#define HARK_BASE_LITTLE_H

#include "slice.h"

/* Whole words and no loops over bytes: these are on the way of every record, and the checksum reads
 * at once what they write. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LITTLE32(x) (x)
#define LITTLE64(x) (x)
#else
#define LITTLE32(x) __builtin_bswap32(x)
#define LITTLE64(x) __builtin_bswap64(x)
#endif

static inline void put32(char *to, uint32_t x)
{
    x = LITTLE32(x);
    memcpy(to, &x, sizeof x);
}

static inline void put64(char *to, uint64_t x)
{
    x = LITTLE64(x);
    memcpy(to, &x, sizeof x);
}

static inline uint32_t get32(const char *from)
{
    uint32_t x;
    memcpy(&x, from, sizeof x);
    return LITTLE32(x);
}

static inline uint64_t get64(const char *from)
{
    uint64_t x;
    memcpy(&x, from, sizeof x);
    return LITTLE64(x);
}

enum { VARINT_MAX = 10 };

/* Writes the number to `to`, where there is room for VARINT_MAX bytes; returns where it ends. */
static inline char *put_varint(char *to, uint64_t x)
{
    for (; x >= 0x80; x >>= 7) *to++ = (char)(x | 0x80);
    *to++ = (char)x;
    return to;
}

/* Takes a number off the front; false when none is there, or one beyond 64 bits. */
static inline bool take_varint(struct slice *from, uint64_t *x)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < from->len && i < VARINT_MAX; i++) {
        uint64_t byte = (unsigned char)from->at[i];
        number |= (byte & 0x7f) << (7 * i);
        if (byte & 0x80) continue;
        if (i == VARINT_MAX - 1 && byte > 1) return false;
        *from = slice_from(*from, i + 1);
        *x = number;
        return true;
    }
    return false;
}

#endif
