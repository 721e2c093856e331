#include "bits.h"

static inline uint64_t word_at(const void *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* ---- counting ---- */

/* The ones of each byte of a word, in that byte. */
static inline uint64_t ones_by_byte(uint64_t x)
{
    x -= x >> 1 & 0x5555555555555555;
    x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
    return (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
}

static inline uint64_t sum_of_bytes(uint64_t x)
{
    x = (x & 0x00ff00ff00ff00ff) + (x >> 8 & 0x00ff00ff00ff00ff);
    return x * 0x0001000100010001 >> 48;
}

/* x86-64 got an instruction for it late; elsewhere the compiler knows what is best. */
#if defined(__x86_64__)
#define COUNTING __attribute__((target("popcnt")))
static inline bool counts_words(void)
{
    return __builtin_cpu_supports("popcnt");
}
#else
#define COUNTING
static inline bool counts_words(void)
{
    return true;
}
#endif

/* Counts in rows of four words: four counters, so that no addition waits for the one before it. */
COUNTING static uint64_t count_rows(const unsigned char *at, size_t rows)
{
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (; rows; rows--, at += 32) {
        a += (uint64_t)__builtin_popcountll(word_at(at));
        b += (uint64_t)__builtin_popcountll(word_at(at + 8));
        c += (uint64_t)__builtin_popcountll(word_at(at + 16));
        d += (uint64_t)__builtin_popcountll(word_at(at + 24));
    }
    return a + b + c + d;
}

static uint64_t count_bytes(const unsigned char *at, size_t len)
{
    uint64_t total = 0;
    if (len >= 32 && counts_words()) {
        total = count_rows(at, len / 32);
        at += len & ~(size_t)31;
        len &= 31;
    }
    while (len >= 8) {
        size_t words = len / 8 < 31 ? len / 8 : 31; /* 31 * 8 ones still fit into a byte */
        uint64_t sums = 0;
        len -= words * 8;
        for (; words; words--, at += 8) sums += ones_by_byte(word_at(at));
        total += sum_of_bytes(sums);
    }
    uint64_t rest = 0;
    memcpy(&rest, at, len);
    return total + sum_of_bytes(ones_by_byte(rest));
}

uint64_t bits_count(struct slice s, uint64_t from, uint64_t to)
{
    if (from >= to) return 0;
    const unsigned char *bytes = (const unsigned char *)s.at;
    size_t first = (size_t)(from >> 3), last = (size_t)((to - 1) >> 3);
    unsigned head = bytes[first] & 0xffu >> (from & 7), tail_mask = 0xffu << (7 - ((to - 1) & 7));
    if (first == last) return sum_of_bytes(ones_by_byte(head & tail_mask & 0xff));
    uint64_t edges = (uint64_t)head << 8 | (bytes[last] & tail_mask & 0xff);
    return sum_of_bytes(ones_by_byte(edges)) + count_bytes(bytes + first + 1, last - first - 1);
}

/* ---- finding ---- */

int64_t bits_find(struct slice s, uint64_t from, uint64_t to, bool bit)
{
    if (from >= to) return -1;
    const unsigned char *bytes = (const unsigned char *)s.at;
    size_t i = (size_t)(from >> 3), end = (size_t)((to + 7) >> 3);
    const unsigned char flip = bit ? 0 : 0xff; /* looking for a one, in any case */
    const uint64_t dull = bit ? 0 : ~(uint64_t)0;
    unsigned candidate = (bytes[i] ^ flip) & 0xffu >> (from & 7);
    if (!candidate) {
        i++;
        while (end - i >= 8 && word_at(bytes + i) == dull) i += 8;
        while (i < end && bytes[i] == (unsigned char)dull) i++;
        if (i == end) return -1;
        candidate = bytes[i] ^ flip;
    }
    uint64_t at = (uint64_t)i * 8 + (uint64_t)__builtin_clz(candidate << 24);
    return at < to ? (int64_t)at : -1;
}

/* ---- combining ---- */

static inline uint64_t combined(enum bits_op op, uint64_t a, uint64_t b)
{
    switch (op) {
    case BITS_AND: return a & b;
    case BITS_OR: return a | b;
    case BITS_XOR: return a ^ b;
    case BITS_NOT: break;
    }
    return ~a;
}

/* to[i] = to[i] op from[i]; inlined once for each operator, so that the switch is gone. */
static inline __attribute__((always_inline)) void zip(enum bits_op op, char *to, const char *from,
                                                      size_t len)
{
    for (; len >= 32; len -= 32, to += 32, from += 32) {
        uint64_t a[4], b[4];
        memcpy(a, to, sizeof a);
        memcpy(b, from, sizeof b);
        for (int i = 0; i < 4; i++) a[i] = combined(op, a[i], b[i]);
        memcpy(to, a, sizeof a);
    }
    for (; len; len--, to++, from++)
        *to = (char)combined(op, (unsigned char)*to, (unsigned char)*from);
}

static void combine_block(enum bits_op op, char *to, size_t len, struct slice with)
{
    size_t both = with.len < len ? with.len : len;
    switch (op) {
    case BITS_AND:
        zip(BITS_AND, to, with.at, both);
        memset(to + both, 0, len - both);
        break;
    case BITS_OR: zip(BITS_OR, to, with.at, both); break;
    case BITS_XOR: zip(BITS_XOR, to, with.at, both); break;
    case BITS_NOT: zip(BITS_NOT, to, to, len); break;
    }
}

void bits_combine(enum bits_op op, char *to, size_t len, const struct slice *sources, size_t n)
{
    /* Block by block, so that what is written stays in the nearest cache until it is finished. */
    enum { BLOCK = 16384 };
    for (size_t at = 0; at < len; at += BLOCK) {
        size_t block = len - at < BLOCK ? len - at : BLOCK;
        struct slice first = slice_from(sources[0], at);
        size_t both = first.len < block ? first.len : block;
        if (both) memcpy(to + at, first.at, both);
        memset(to + at + both, 0, block - both);
        if (op == BITS_NOT) combine_block(op, to + at, block, first);
        for (size_t i = 1; i < n; i++)
            combine_block(op, to + at, block, slice_from(sources[i], at));
    }
}

/* ---- integers ---- */

int64_t bits_field_get(struct slice s, uint64_t at, struct bits_field f)
{
    size_t first = (size_t)(at >> 3);
    unsigned char nine[9] = {0}; /* a field of 64 bits touches nine bytes */
    if (first < s.len) {
        size_t there = s.len - first < sizeof nine ? s.len - first : sizeof nine;
        memcpy(nine, s.at + first, there);
    }
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) bits = bits << 8 | nine[i];
    unsigned skipped = at & 7;
    if (skipped) bits = bits << skipped | nine[8] >> (8 - skipped);
    unsigned spare = 64u - f.width;
    return f.is_signed ? (int64_t)bits >> spare : (int64_t)(bits >> spare);
}

void bits_field_set(char *bytes, uint64_t at, struct bits_field f, int64_t value)
{
    for (unsigned left = f.width; left;) {
        unsigned room = 8 - (at & 7), taken = left < room ? left : room;
        unsigned shift = room - taken, mask = ((1u << taken) - 1) << shift;
        left -= taken;
        unsigned bits = (unsigned)((uint64_t)value >> left) << shift;
        unsigned char *byte = (unsigned char *)bytes + (at >> 3);
        *byte = (unsigned char)((*byte & ~mask) | (bits & mask));
        at += taken;
    }
}

/* The low bits of a value, read as the field reads them. */
static int64_t wrapped(struct bits_field f, uint64_t value)
{
    unsigned spare = 64u - f.width;
    return f.is_signed ? (int64_t)(value << spare) >> spare : (int64_t)(value << spare >> spare);
}

bool bits_field_fit(struct bits_field f, enum bits_overflow how, int64_t base, int64_t change,
                    int64_t *out)
{
    int64_t max = (int64_t)(~(uint64_t)0 >> (64 - f.width) >> f.is_signed);
    int64_t min = f.is_signed ? -max - 1 : 0;
    int64_t room;
    bool overflows = __builtin_sub_overflow(max, base, &room), above, below;
    bool huge = f.is_signed ? overflows && f.width < 64 : base < 0;
    if (__builtin_add_overflow(base, change, out)) {
        above = huge || change > 0;
        below = !above;
    } else {
        above = huge || *out > max;
        below = !above && *out < min;
    }
    if (!above && !below) return true;
    if (how == BITS_SATURATE)
        *out = above ? max : min;
    else
        *out = wrapped(f, (uint64_t)base + (uint64_t)change);
    return how != BITS_FAIL;
}
