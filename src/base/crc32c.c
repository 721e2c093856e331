#include "crc32c.h"

#include <string.h>

uint32_t crc32c_software(uint32_t crc, const void *bytes, size_t len)
{
    /* Half a byte at a time: 64 bytes of table, for machines that are rare. */
    static const uint32_t half[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    const unsigned char *at = bytes;
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ half[crc & 15];
        crc = crc >> 4 ^ half[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__)

static inline int have_instruction(void)
{
    return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const void *bytes,
                                                                 size_t len)
{
    const unsigned char *at = bytes;
    uint64_t c = ~crc;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        c = __builtin_ia32_crc32di(c, word);
    }
    uint32_t c32 = (uint32_t)c;
    if (len >= 4) {
        uint32_t word;
        memcpy(&word, at, 4);
        c32 = __builtin_ia32_crc32si(c32, word);
        at += 4;
        len -= 4;
    }
    for (; len > 0; at++, len--) c32 = __builtin_ia32_crc32qi(c32, *at);
    return ~c32;
}

#elif defined(__aarch64__) && defined(__linux__)

/* From the C library. Its header is for those who make system calls, and this one is none. */
unsigned long getauxval(unsigned long type);

static inline int have_instruction(void)
{
    enum { HARDWARE_BITS = 16, HARDWARE_CRC32 = 1 << 7 };
    return (getauxval(HARDWARE_BITS) & HARDWARE_CRC32) != 0;
}

__attribute__((target("arch=armv8-a+crc"))) static uint32_t
by_instruction(uint32_t crc, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    crc = ~crc;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        __asm__("crc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
    }
    for (; len > 0; at++, len--) __asm__("crc32cb %w0, %w0, %w1" : "+r"(crc) : "r"((uint32_t)*at));
    return ~crc;
}

#else

static inline int have_instruction(void)
{
    return 0;
}

static uint32_t by_instruction(uint32_t crc, const void *bytes, size_t len)
{
    return crc32c_software(crc, bytes, len);
}

#endif

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len)
{
    return have_instruction() ? by_instruction(crc, bytes, len) : crc32c_software(crc, bytes, len);
}
