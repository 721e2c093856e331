/* Lengths and strings of RDB, both ways.
 *
 *      00xxxxxx                        length below 64
 *      01xxxxxx  1 byte                below 16384
 *      10000000  4 bytes, high first   below 2^32
 *      10000001  8 bytes, high first
 *      11000000 | 1 | 2                a string that is an integer of 1, 2, 4 bytes, low first
 *      11000011  length, length        a string that LZF has made shorter: its bytes here, its
 *                                      bytes when whole
 *
 * A string is its length and its bytes, unless it is one of the last two. */
#ifndef HARK_RDB_TEXT_H
#define HARK_RDB_TEXT_H

#include "../base/buffer.h"

/* Bytes that are still to be read. */
struct rdb_input {
    const unsigned char *at;
    size_t left;
    size_t
        string_max; /* strings that would be longer are refused before anything is made of them */
};

/* Each of these reads from the front: 0; ERR_AGAIN when the bytes end before it does, ERR_CORRUPT
 * when it can be none, ERR_LIMIT for a string that is too long, ERR_NOMEM for one that memory does
 * not hold. After an error the input stands anywhere, and what should be returned is anything. */
int rdb_get_number(struct rdb_input *in, unsigned bytes, uint64_t *out);
int rdb_get_length(struct rdb_input *in, uint64_t *out);
/* Up to the bytes of a string, of which `len` follow. */
int rdb_skip_to_bytes(struct rdb_input *in, uint64_t *len);
/* The string itself, in the input or in `scratch`. */
int rdb_get_string(struct rdb_input *in, struct buffer *scratch, struct slice *out);

void rdb_put_number(struct buffer *to, uint64_t number, unsigned bytes);
void rdb_put_length(struct buffer *to, uint64_t len);
/* As Redis writes it: an integer, or, with `compress`, by LZF where that is shorter, or as it is.
 */
void rdb_put_string(struct buffer *to, struct slice s, bool compress);

#endif
