#include "random.h"

#include "hash.h"

void random_init(struct random *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) r->s[i] = hash_u64(seed += 0x9e3779b97f4a7c15ULL);
}

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t random_u64(struct random *r)
{
    uint64_t *s = r->s, result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t random_below(struct random *r, uint64_t bound)
{
    /* The high half of a 128-bit product is even enough for sampling: bias below bound / 2^64. */
    return (uint64_t)(((unsigned __int128)random_u64(r) * bound) >> 64);
}
