/* CRC32C (Castagnoli): the checksum of everything that Hark writes to disk. By the processor's own
 * instruction where there is one (SSE4.2, ARMv8), else by a small table. */
#ifndef HARK_BASE_CRC32C_H
#define HARK_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what came before, of which it is `crc` (0 for nothing), and `len` bytes more. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);

/* The same without the instruction; for machines that lack it, and for the tests. */
uint32_t crc32c_software(uint32_t crc, const void *bytes, size_t len);

#endif
