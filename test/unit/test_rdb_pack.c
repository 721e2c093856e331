/* Packed values of RDB files: what the forms hold comes out, and of damaged ones nothing. */
#include "../../src/base/buffer.h"
#include "../../src/base/random.h"
#include "../../src/rdb/pack.h"
#include "../../src/rdb/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;

/* ---- what is in one ---- */

/* "a,b,c", or "!" when it is not sound. */
static struct slice contents(struct buffer *text, enum pack_form form, struct slice bytes)
{
    struct pack p;
    char digits[TEXT_INT_MAX];
    struct slice element;
    size_t count = 0;
    text->len = 0;
    if (!pack_open(&p, form, bytes)) return SLICE("!");
    while (pack_next(&p, &element, digits)) {
        if (count++) buffer_add_byte(text, ',');
        buffer_add_slice(text, element);
    }
    assert_int_equal(count, p.count);
    return buffer_slice(text);
}

static void check(enum pack_form form, struct slice bytes, const char *expected)
{
    struct buffer text = {0};
    struct slice found = contents(&text, form, bytes);
    if (!slice_equal(found, slice_text(expected)))
        fail_msg("'%.*s' instead of '%s'", (int)found.len, found.at, expected);
    buffer_fini(&text);
}

/* ---- making them ---- */

/* Bytes are written as they stand; what follows is put around them. */
static void ziplist(struct buffer *to, struct slice entries, size_t last, unsigned count)
{
    to->len = 0;
    rdb_put_number(to, 10 + entries.len + 1, 4);
    rdb_put_number(to, 10 + last, 4);
    rdb_put_number(to, count, 2);
    buffer_add_slice(to, entries);
    rdb_put_number(to, 0xff, 1);
}

static void ziplists(void **state)
{
    (void)state;
    struct buffer z = {0};
    ziplist(&z, SLICE(""), 0, 0);
    check(PACK_ZIPLIST, buffer_slice(&z), "");
    /* "hello", 12, -1 as a byte, 300, -70000 (24 bits), 2^31-1, -2^63 */
    static const char all[] = "\x00\x05hello"
                              "\x07\xfd"
                              "\x02\xfe\xff"
                              "\x03\xc0\x2c\x01"
                              "\x04\xf0\x90\xee\xfe"
                              "\x05\xd0\xff\xff\xff\x7f"
                              "\x06\xe0\x00\x00\x00\x00\x00\x00\x00\x80";
    struct slice entries = slice_of(all, sizeof all - 1);
    ziplist(&z, entries, entries.len - 10, 7);
    const char *expected = "hello,12,-1,300,-70000,2147483647,-9223372036854775808";
    check(PACK_ZIPLIST, buffer_slice(&z), expected);
    ziplist(&z, entries, entries.len - 10, 0xffff);
    check(PACK_ZIPLIST, buffer_slice(&z), expected);
    ziplist(&z, entries, entries.len - 10, 6);
    check(PACK_ZIPLIST, buffer_slice(&z), "!");
    ziplist(&z, entries, 0, 7);
    check(PACK_ZIPLIST, buffer_slice(&z), "!");
    /* The length before in five bytes, a string with a length of 14 bits, and of 32. */
    ziplist(&z,
            SLICE("\x00\x40\x02xy\xfe\x05\x00\x00\x00\x80\x00\x00\x00\x03"
                  "abc"),
            5, 2);
    check(PACK_ZIPLIST, buffer_slice(&z), "xy,abc");
    ziplist(&z, SLICE("\x00\x02xy\x05\x01z"), 4, 2); /* says 5 where it is 4 */
    check(PACK_ZIPLIST, buffer_slice(&z), "!");
    ziplist(&z, SLICE("\x00\xf0\x01\x02"), 0, 1); /* cut */
    check(PACK_ZIPLIST, buffer_slice(&z), "!");
    ziplist(&z, SLICE("\x00\xc1\x01\x02"), 0, 1); /* no such code */
    check(PACK_ZIPLIST, buffer_slice(&z), "!");
    buffer_fini(&z);
}

static void zipmaps(void **state)
{
    (void)state;
    check(PACK_ZIPMAP, SLICE("\x00\xff"), "");
    check(PACK_ZIPMAP,
          SLICE("\x02\x03"
                "foo\x03\x00"
                "bar\x05hello\x05\x02world..\xff"),
          "foo,bar,hello,world");
    check(PACK_ZIPMAP,
          SLICE("\xfe\xfe\x03\x00\x00\x00"
                "foo\x00\x00\xff"),
          "foo,");
    check(PACK_ZIPMAP,
          SLICE("\x01\x03"
                "foo\xff"),
          "!"); /* no value */
    check(PACK_ZIPMAP,
          SLICE("\x03\x03"
                "foo\x00\x00\xff"),
          "!"); /* a wrong count */
    check(PACK_ZIPMAP,
          SLICE("\x01\x03"
                "foo\x00\x01\xff"),
          "!"); /* free bytes beyond the end */
}

static void intsets(void **state)
{
    (void)state;
    check(PACK_INTSET, SLICE("\x02\x00\x00\x00\x00\x00\x00\x00"), "");
    check(PACK_INTSET, SLICE("\x02\x00\x00\x00\x02\x00\x00\x00\xfe\xff\x05\x00"), "-2,5");
    check(PACK_INTSET, SLICE("\x04\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x80"), "-2147483648");
    check(PACK_INTSET, SLICE("\x08\x00\x00\x00\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\x7f"),
          "9223372036854775807");
    check(PACK_INTSET, SLICE("\x02\x00\x00\x00\x02\x00\x00\x00\x05\x00\x05\x00"), "!");
    check(PACK_INTSET, SLICE("\x02\x00\x00\x00\x02\x00\x00\x00\x06\x00\x05\x00"), "!");
    check(PACK_INTSET, SLICE("\x03\x00\x00\x00\x00\x00\x00\x00"), "!");
    check(PACK_INTSET, SLICE("\x02\x00\x00\x00\x02\x00\x00\x00\x05\x00"), "!");
}

/* ---- damage ---- */

#define BYTES(literal)               \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static const struct sample {
    enum pack_form form;
    struct slice bytes;
} samples[] = {
    {PACK_ZIPLIST, BYTES("\x1c\x00\x00\x00\x17\x00\x00\x00\x04\x00\x00\x05hello\x07\xfd"
                         "\x02\xc0\x2c\x01\x04\x02xy\xff")},
    {PACK_ZIPMAP, BYTES("\x02\x03"
                        "foo\x03\x00"
                        "bar\x05hello\x05\x02world..\xff")},
    {PACK_INTSET, BYTES("\x04\x00\x00\x00\x03\x00\x00\x00"
                        "\x01\x00\x00\x80\x03\x00\x00\x00\x05\x00\x00\x00")},
    {PACK_LISTPACK, BYTES("\x14\x00\x00\x00\x03\x00\x85hello\x06\x07\x01\xf1\x2c\x01\x03\xff")},
};

/* In memory of just that size, so that a byte too far is met by the sanitizer. */
static void read_exactly(enum pack_form form, struct slice bytes)
{
    struct buffer text = {0};
    char *copy = malloc(bytes.len ? bytes.len : 1);
    if (bytes.len) memcpy(copy, bytes.at, bytes.len);
    contents(&text, form, slice_of(copy, bytes.len));
    free(copy);
    buffer_fini(&text);
}

static void damaged_ones_do_no_harm(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct slice whole = samples[i].bytes;
        struct buffer text = {0};
        assert_false(slice_equal(contents(&text, samples[i].form, whole), SLICE("!")));
        for (size_t len = 0; len < whole.len; len++) {
            read_exactly(samples[i].form, slice_of(whole.at, len));
            assert_true(
                slice_equal(contents(&text, samples[i].form, slice_of(whole.at, len)), SLICE("!")));
        }
        char *copy = malloc(whole.len);
        for (int round = 0; round < 20000; round++) {
            memcpy(copy, whole.at, whole.len);
            for (uint64_t n = 1 + random_below(&r, 3); n > 0; n--)
                copy[random_below(&r, whole.len)] = (char)random_u64(&r);
            read_exactly(samples[i].form, slice_of(copy, whole.len));
        }
        free(copy);
        buffer_fini(&text);
    }
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ziplists),
        cmocka_unit_test(zipmaps),
        cmocka_unit_test(intsets),
        cmocka_unit_test(damaged_ones_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
