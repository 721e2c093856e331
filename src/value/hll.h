/* HyperLogLogs: strings from which can be told, within about a percent, how many different elements
 * were added. Byte for byte what Redis has, so that values may come from it and go back.
 *
 *      "HYLL" | how | 0 0 0 | count  | registers
 *      4        1     3       8, low byte first; its top bit set: out of date
 *
 *      dense (0)    16,384 registers of 6 bits, the low bits of each byte first
 *      sparse (1)   runs of equal registers
 *                   00nnnnnn            n + 1 zeros
 *                   01nnnnnn nnnnnnnn   n + 1 zeros
 *                   1vvvvvnn            n + 1 times the value v + 1
 *
 * An element is hashed; 14 bits of that say which register, and the register keeps the greatest
 * number of zeros, and one, with which the other 50 began. A sparse value becomes dense where a
 * register passes 32, or where it would become too long.
 *
 * The bytes may come from anybody (SET, RESTORE): every function here bears any, and says
 * ERR_CORRUPT where they make no sense. */
#ifndef HARK_VALUE_HLL_H
#define HARK_VALUE_HLL_H

#include "../base/buffer.h"

enum {
    HLL_REGISTERS = 16384,
    HLL_COUNT_AT = 8,     /* where the count is kept, */
    HLL_COUNT_BYTES = 8,  /* and how long that is */
    HLL_STALE_AT = 15,    /* the byte, */
    HLL_STALE_BIT = 0x80, /* and the bit in it, that says that the count is out of date */
    HLL_HEAD_BYTES = 16,
    HLL_DENSE_BYTES = HLL_HEAD_BYTES + HLL_REGISTERS * 6 / 8,
    HLL_EMPTY_BYTES = HLL_HEAD_BYTES + 2,
    HLL_RANK_MAX = 51,
};

/* What an element asks for: that a register be at least `rank`. */
struct hll_mark {
    unsigned index, rank;
};

/* One byte each. */
struct hll_registers {
    uint8_t at[HLL_REGISTERS];
};

struct hll_mark hll_mark_of(struct slice element);

/* ---- looking ---- */

/* Does it begin as one, and is a dense one as long as it must be? */
bool hll_is_one(struct slice value);
bool hll_is_dense(struct slice value);
/* The count that is kept in it; false where that is out of date. */
bool hll_kept_count(struct slice value, uint64_t *count);
/* 0, or ERR_CORRUPT. */
int hll_count(struct slice value, uint64_t *count);
/* Raises the registers to those of the value: 0, or ERR_CORRUPT. */
int hll_merge(struct hll_registers *to, struct slice value);
uint64_t hll_count_registers(const struct hll_registers *registers);
/* Appends the runs of a sparse one, for people: 0, or ERR_CORRUPT. */
int hll_describe(struct slice value, struct buffer *to);

/* ---- changing a dense one where it stands ---- */

/* What the register has. */
unsigned hll_dense_rank(struct slice value, unsigned index);
/* The bytes of the value in which it lies: one or two, from *at on. */
unsigned hll_dense_bytes(unsigned index, size_t *at);
/* Writes it into these bytes. */
void hll_dense_put(char *bytes, struct hll_mark m);

/* ---- changing any, in a buffer that holds nothing else ---- */

/* Makes an empty one, in the sparse form. */
void hll_new(struct buffer *b);
/* 1 when a register was raised, 0 when there was no need, or ERR_CORRUPT. `sparse_max`: how many
 * bytes a sparse one may have. */
int hll_add(struct buffer *b, struct hll_mark m, size_t sparse_max);
/* The same for all of them. 0, or ERR_CORRUPT. */
int hll_raise(struct buffer *b, const struct hll_registers *to, size_t sparse_max);
/* 0, also when it is already; or ERR_CORRUPT. */
int hll_make_dense(struct buffer *b);
void hll_keep_count(char bytes[HLL_COUNT_BYTES], uint64_t count);

#endif
