/* CRC64 by Jones' polynomial: the checksum of RDB files and of what DUMP answers. */
#ifndef HARK_BASE_CRC64_H
#define HARK_BASE_CRC64_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what came before, of which it is `crc` (0 for nothing), and `len` bytes more. */
uint64_t crc64(uint64_t crc, const void *bytes, size_t len);

#endif
