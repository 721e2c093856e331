/* Fetching memory into the cache ahead of its use. */
#ifndef HARK_BASE_PREFETCH_H
#define HARK_BASE_PREFETCH_H

/* The empty asm is for gcc: a function that does nothing but prefetch is "pure" to it, its result
 * is not used, and so, with -O2, it throws the call away. (Seen with gcc 12; cost: 190 ns a SET.)
 */
static inline void prefetch(const void *address)
{
    __builtin_prefetch(address);
    __asm__ volatile("");
}

#endif
