#include "crc64.h"

#include <string.h>

/* Eight bytes at a time: tables[k][b] is what byte b does with k bytes behind it. */
static const uint64_t tables[8][256] = {
#include "crc64.inc"
};

uint64_t crc64(uint64_t crc, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        crc ^= word;
        crc = tables[7][crc & 255] ^ tables[6][crc >> 8 & 255] ^ tables[5][crc >> 16 & 255] ^
              tables[4][crc >> 24 & 255] ^ tables[3][crc >> 32 & 255] ^ tables[2][crc >> 40 & 255] ^
              tables[1][crc >> 48 & 255] ^ tables[0][crc >> 56];
    }
    for (; len > 0; at++, len--) crc = crc >> 8 ^ tables[0][(crc ^ *at) & 255];
    return crc;
}
