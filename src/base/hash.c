#include "hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash_bytes(const unsigned char secret[HASH_SECRET_SIZE], struct slice s)
{
    return XXH3_64bits_withSecret(s.at, s.len, secret, HASH_SECRET_SIZE);
}

uint64_t hash_plain(struct slice s)
{
    return XXH3_64bits(s.at, s.len);
}
