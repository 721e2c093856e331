#include "../../src/base/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* RFC 3720, B.4, and the customary "123456789". */
static void knows_the_vectors(void **state)
{
    (void)state;
    unsigned char zeros[32] = {0}, ones[32], up[32], down[32];
    memset(ones, 0xff, sizeof ones);
    for (int i = 0; i < 32; i++) {
        up[i] = (unsigned char)i;
        down[i] = (unsigned char)(31 - i);
    }
    const struct {
        const void *bytes;
        size_t len;
        uint32_t sum;
    } vectors[] = {
        {"", 0, 0},
        {"123456789", 9, 0xe3069283},
        {zeros, 32, 0x8a9136aa},
        {ones, 32, 0x62a8ab43},
        {up, 32, 0x46dd794e},
        {down, 32, 0x113fdb5c},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        assert_int_equal(crc32c(0, vectors[i].bytes, vectors[i].len), vectors[i].sum);
        assert_int_equal(crc32c_software(0, vectors[i].bytes, vectors[i].len), vectors[i].sum);
    }
}

static void goes_on_from_any_place_at_any_alignment(void **state)
{
    (void)state;
    unsigned char bytes[100];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 151 + 7);
    for (size_t from = 0; from < 9; from++)
        for (size_t to = from; to <= sizeof bytes; to++) {
            uint32_t whole = crc32c_software(0, bytes + from, to - from);
            assert_int_equal(crc32c(0, bytes + from, to - from), whole);
            size_t cut = from + (to - from) / 3;
            uint32_t first = crc32c(0, bytes + from, cut - from);
            assert_int_equal(crc32c(first, bytes + cut, to - cut), whole);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_vectors),
        cmocka_unit_test(goes_on_from_any_place_at_any_alignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
