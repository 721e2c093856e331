#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/value/bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;

/* Bytes of an allocation that ends where they end, so that the sanitizer sees a step beyond. */
static char *random_bytes(struct random *r, size_t len)
{
    char *bytes = malloc(len ? len : 1);
    uint64_t kind = random_below(r, 4);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(kind == 0 ? 0 : kind == 1 ? 0xff : random_below(r, 256));
    if (kind < 2 && len && random_below(r, 2)) bytes[random_below(r, len)] ^= 16;
    return bytes;
}

static bool model_bit(const char *bytes, uint64_t at)
{
    return (unsigned char)bytes[at / 8] >> (7 - at % 8) & 1;
}

static void test_counts_and_finds(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    for (int round = 0; round < 20000; round++) {
        size_t len = random_below(&r, random_below(&r, 8) ? 40 : 700);
        char *bytes = random_bytes(&r, len);
        struct slice s = slice_of(bytes, len);
        uint64_t from = random_below(&r, len * 8 + 1), to = random_below(&r, len * 8 + 1);
        bool bit = random_below(&r, 2);
        uint64_t count = 0;
        int64_t first = -1;
        for (uint64_t at = from; at < to; at++) {
            count += model_bit(bytes, at);
            if (first < 0 && model_bit(bytes, at) == bit) first = (int64_t)at;
        }
        assert_int_equal(bits_count(s, from, to), count);
        assert_int_equal(bits_find(s, from, to, bit), first);
        if (from < len * 8) assert_int_equal(bits_get(s, from), model_bit(bytes, from));
        assert_false(bits_get(s, len * 8 + from));
        free(bytes);
    }
}

static void test_counts_megabytes(void **state)
{
    (void)state;
    size_t len = 3 << 20;
    char *bytes = malloc(len);
    memset(bytes, 0x77, len);
    assert_int_equal(bits_count(slice_of(bytes, len), 0, len * 8), len * 6);
    assert_int_equal(bits_count(slice_of(bytes, len), 1, len * 8 - 1), len * 6 - 1);
    assert_int_equal(bits_find(slice_of(bytes, len), 5, len * 8, false), 8);
    memset(bytes, 0xff, len);
    bytes[len - 1] = (char)0xfe;
    assert_int_equal(bits_find(slice_of(bytes, len), 0, len * 8, false), len * 8 - 1);
    assert_int_equal(bits_find(slice_of(bytes, len), 0, len * 8 - 1, false), -1);
    free(bytes);
}

static unsigned model_combined(enum bits_op op, unsigned a, unsigned b)
{
    return op == BITS_AND ? a & b : op == BITS_OR ? a | b : a ^ b;
}

static void test_combines(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    for (int round = 0; round < 3000; round++) {
        struct slice sources[4];
        enum bits_op op = (enum bits_op)random_below(&r, 4);
        size_t n = op == BITS_NOT ? 1 : 1 + random_below(&r, 4), len = 0;
        size_t bound = random_below(&r, 50) ? 100 : 40000; /* more than one block */
        for (size_t i = 0; i < n; i++) {
            size_t one = random_below(&r, bound);
            sources[i] = slice_of(random_bytes(&r, one), one);
            if (one > len) len = one;
        }
        char *to = malloc(len ? len : 1);
        bits_combine(op, to, len, sources, n);
        for (size_t at = 0; at < len; at++) {
            unsigned expected = at < sources[0].len ? (unsigned char)sources[0].at[at] : 0;
            for (size_t i = 1; i < n; i++)
                expected = model_combined(
                    op, expected, at < sources[i].len ? (unsigned char)sources[i].at[at] : 0);
            if (op == BITS_NOT) expected ^= 0xff;
            assert_int_equal((unsigned char)to[at], expected);
        }
        for (size_t i = 0; i < n; i++) free((void *)sources[i].at);
        free(to);
    }
}

static struct bits_field random_field(struct random *r)
{
    bool is_signed = random_below(r, 2);
    return (struct bits_field){is_signed, (uint8_t)(1 + random_below(r, is_signed ? 64 : 63))};
}

static void test_fields_read_and_write(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    for (int round = 0; round < 50000; round++) {
        size_t len = random_below(&r, 24);
        char *bytes = random_bytes(&r, len);
        struct bits_field f = random_field(&r);
        uint64_t at = random_below(&r, 200), expected = 0;
        for (unsigned i = 0; i < f.width; i++)
            expected = expected << 1 | (at + i < len * 8 && model_bit(bytes, at + i));
        if (f.is_signed && f.width < 64 && expected >> (f.width - 1))
            expected |= ~(uint64_t)0 << f.width;
        assert_int_equal(bits_field_get(slice_of(bytes, len), at, f), (int64_t)expected);

        if (at + f.width <= len * 8) {
            char before[24];
            memcpy(before, bytes, len);
            uint64_t value = random_u64(&r);
            bits_field_set(bytes, at, f, (int64_t)value);
            for (uint64_t i = 0; i < len * 8; i++)
                if (i < at || i >= at + f.width)
                    assert_int_equal(model_bit(bytes, i), model_bit(before, i));
                else
                    assert_int_equal(model_bit(bytes, i), value >> (at + f.width - 1 - i) & 1);
        }
        free(bytes);
    }
}

static int64_t random_number(struct random *r)
{
    static const int64_t edges[] = {0, 1, -1, 2, INT64_MAX, INT64_MIN, INT64_MAX - 1, 127, 128};
    if (random_below(r, 3) == 0) return edges[random_below(r, sizeof edges / sizeof *edges)];
    return (int64_t)random_u64(r) >> random_below(r, 64);
}

static void test_overflow(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    for (int round = 0; round < 100000; round++) {
        struct bits_field f = random_field(&r);
        int64_t base = random_number(&r), change = random_number(&r), out;
        if (random_below(&r, 2))
            change = 0; /* SET */
        else
            base = bits_field_get(slice_of(&base, sizeof base), 0, f); /* INCRBY */
        __int128 one = 1, min = f.is_signed ? -(one << (f.width - 1)) : 0;
        __int128 max = (one << (f.width - f.is_signed)) - 1;
        __int128 sum = (f.is_signed ? (__int128)base : (__int128)(uint64_t)base) + change;
        bool fits = sum >= min && sum <= max;
        assert_int_equal(bits_field_fit(f, BITS_FAIL, base, change, &out), fits);
        if (fits) assert_int_equal(out, (int64_t)sum);
        assert_true(bits_field_fit(f, BITS_SATURATE, base, change, &out));
        bool taken_for_high = change == 0 && sum < min && max - sum > INT64_MAX; /* as in Redis */
        assert_int_equal(out, (int64_t)(sum > max || taken_for_high ? max : sum < min ? min : sum));
        assert_true(bits_field_fit(f, BITS_WRAP, base, change, &out));
        while (sum > max || sum < min) { /* to the field's own reading of the same low bits */
            __int128 size = one << f.width;
            sum = (sum % size + size) % size;
            if (sum > max) sum -= size;
        }
        assert_int_equal(out, (int64_t)sum);
    }
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_and_finds), cmocka_unit_test(test_counts_megabytes),
        cmocka_unit_test(test_combines),         cmocka_unit_test(test_fields_read_and_write),
        cmocka_unit_test(test_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
