/* Keyed hashing of keys and names (XXH3 with a secret drawn at start, so that no client can aim
 * at one bucket), and CRC64 as RDB has it later. */
#ifndef HARK_BASE_HASH_H
#define HARK_BASE_HASH_H

#include "slice.h"

enum { HASH_SECRET_SIZE = 192 };

/* 64 well mixed bits of `s`; the same secret always gives the same bits. */
uint64_t hash_bytes(const unsigned char secret[HASH_SECRET_SIZE], struct slice s);

/* XXH3 without a secret, as everyone computes it: for texts that leave the process. */
uint64_t hash_plain(struct slice s);

/* Mixes an integer into 64 well spread bits (splitmix64's finaliser). */
static inline uint64_t hash_u64(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

#endif
