/* A small, fast, seedable generator (xoshiro256**, by Blackman and Vigna, public domain). Not for
 * secrets: those come from io_entropy. State is the caller's, so that tests can replay. */
#ifndef HARK_BASE_RANDOM_H
#define HARK_BASE_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t s[4];
};

void random_init(struct random *r, uint64_t seed);
uint64_t random_u64(struct random *r);
/* Even over 0 … bound-1; bound must not be 0. */
uint64_t random_below(struct random *r, uint64_t bound);

#endif
