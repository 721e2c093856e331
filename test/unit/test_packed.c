/* Packed lists against an array of texts, against bytes that Redis wrote, and against damage. */
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/ds/packed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;

/* ---- the model ---- */

enum { TEXTS_MAX = 400, TEXT_BYTES_MAX = 5000 };

struct model {
    struct slice at[TEXTS_MAX]; /* of malloc'ed bytes */
    size_t count;
};

static void model_insert(struct model *m, size_t i, struct slice text)
{
    char *bytes = malloc(text.len + 1);
    if (text.len) memcpy(bytes, text.at, text.len);
    memmove(&m->at[i + 1], &m->at[i], (m->count - i) * sizeof m->at[0]);
    m->at[i] = slice_of(bytes, text.len);
    m->count++;
}

static void model_remove(struct model *m, size_t i, size_t n)
{
    for (size_t k = i; k < i + n; k++) free((char *)(uintptr_t)m->at[k].at);
    memmove(&m->at[i], &m->at[i + n], (m->count - i - n) * sizeof m->at[0]);
    m->count -= n;
}

/* Texts at all the edges of the forms; few different ones, so that many are equal. */
static struct slice random_text(struct random *r, char bytes[TEXT_BYTES_MAX])
{
    static const int64_t edges[] = {0,         127,       4095,     32767,
                                    8388607,   INT32_MAX, 65535,    1234567890123,
                                    INT64_MAX, INT64_MIN, -8388608, INT32_MIN};
    static const size_t lengths[] = {0, 1, 5, 63, 64, 125, 126, 127, 128, 4095, 4096, 4999};
    static const char *const odd[] = {"-0", "00", "+1", " 1", "1 ", "-", "9223372036854775808"};
    switch (random_below(r, 4)) {
    case 0: {
        int64_t edge = edges[random_below(r, 12)];
        uint64_t number = (uint64_t)edge + random_below(r, 3);
        if (random_below(r, 2)) number = 0 - number;
        return slice_of(bytes, text_from_int(bytes, (int64_t)number));
    }
    case 1: {
        size_t len = lengths[random_below(r, random_below(r, 4) ? 9 : 12)];
        memset(bytes, 'a' + (int)random_below(r, 3), len);
        return slice_of(bytes, len);
    }
    case 2: return slice_text(odd[random_below(r, 7)]);
    default: return slice_of(bytes, text_from_uint(bytes, random_below(r, 300)));
    }
}

static void check_same(const struct packed *p, const struct model *m)
{
    char digits[TEXT_INT_MAX];
    assert_int_equal(packed_count(p), m->count);
    assert_true(packed_is_sound(packed_slice(p)));
    size_t i = 0, cost = PACKED_EMPTY_BYTES;
    for (packed_at at = packed_first(p); at; at = packed_next(p, at), i++) {
        assert_true(i < m->count && slice_equal(packed_text(p, at, digits), m->at[i]));
        int64_t kept, number;
        bool is_int = text_to_int(m->at[i], &number);
        assert_int_equal(packed_is_int(p, at, &kept), is_int);
        if (is_int) assert_true(kept == number);
        cost += packed_cost(m->at[i]);
    }
    assert_int_equal(i, m->count);
    assert_int_equal(cost, packed_bytes(p));
    for (packed_at at = packed_last(p); at; at = packed_prev(p, at))
        assert_true(slice_equal(packed_text(p, at, digits), m->at[--i]));
    assert_int_equal(i, 0);
}

static void check_look_ups(const struct packed *p, const struct model *m, struct random *r)
{
    char bytes[TEXT_BYTES_MAX];
    struct slice text = random_text(r, bytes);
    size_t from = m->count ? random_below(r, m->count) : 0;
    unsigned skip = (unsigned)random_below(r, 3);
    size_t i = from;
    while (i < m->count && !slice_equal(m->at[i], text)) i += skip + 1;
    packed_at start = packed_nth(p, (int64_t)from);
    packed_at found = packed_find(p, start, text, skip);
    if (i < m->count) {
        assert_int_equal(found, packed_nth(p, (int64_t)i));
        assert_int_equal(found, packed_nth(p, (int64_t)i - (int64_t)m->count));
    } else {
        assert_int_equal(found, PACKED_NONE);
    }
    if (start) assert_int_equal(packed_equals(p, start, text), slice_equal(m->at[from], text));
    assert_int_equal(packed_nth(p, (int64_t)m->count), PACKED_NONE);
    assert_int_equal(packed_nth(p, -(int64_t)m->count - 1), PACKED_NONE);
}

static struct packed *change(struct packed *p, struct model *m, struct random *r)
{
    char bytes[TEXT_BYTES_MAX];
    struct slice text = random_text(r, bytes);
    size_t i = m->count ? random_below(r, m->count) : 0;
    packed_at at = packed_nth(p, (int64_t)i);
    int64_t number;
    switch (random_below(r, 7)) {
    case 0:
        model_insert(m, m->count, text);
        return text_to_int(text, &number) ? packed_append_int(p, number) : packed_append(p, text);
    case 1: model_insert(m, m->count, text); return packed_append(p, text);
    case 2: model_insert(m, 0, text); return packed_prepend(p, text);
    case 3:
        if (!at) return p;
        model_insert(m, i, text);
        p = packed_insert(p, at, text);
        assert_int_equal(packed_nth(p, (int64_t)i), at);
        return p;
    case 4:
        if (!at) return p;
        model_remove(m, i, 1);
        model_insert(m, i, text);
        return packed_replace(p, at, text);
    default: {
        if (!at) return p;
        size_t n = random_below(r, 8) ? 1 : random_below(r, 30);
        size_t there = n < m->count - i ? n : m->count - i;
        model_remove(m, i, there);
        p = packed_remove(p, at, n);
        packed_at next = packed_nth(p, (int64_t)i);
        assert_int_equal(at, next ? next : packed_bytes(p) - 1);
        return p;
    }
    }
}

static void test_against_model(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    size_t before = mem_used();
    for (int round = 0; round < 40; round++) {
        struct model m = {.count = 0};
        struct packed *p = packed_new();
        for (int step = 0; step < 300; step++) {
            p = change(p, &m, &r);
            assert_int_equal(mem_used() - before, mem_cost(packed_bytes(p)));
            check_same(p, &m);
            check_look_ups(p, &m, &r);
        }
        struct packed *copy = packed_copy(p);
        assert_true(slice_equal(packed_slice(p), packed_slice(copy)));
        struct packed *taken = packed_from(packed_slice(p));
        assert_true(slice_equal(packed_slice(p), packed_slice(taken)));
        size_t count = m.count;
        for (size_t i = 0; i < count && m.count < TEXTS_MAX; i++)
            model_insert(&m, m.count, m.at[i]);
        if (m.count == 2 * count) {
            copy = packed_join(copy, p);
            check_same(copy, &m);
        }
        packed_free(p);
        packed_free(copy);
        packed_free(taken);
        model_remove(&m, 0, m.count);
    }
    assert_int_equal(mem_used(), before);
}

/* The field for the count holds up to 65,534. */
static void test_many(void **state)
{
    (void)state;
    struct packed *p = packed_new(), *few = packed_new();
    enum { MANY = 65600 };
    for (int i = 0; i < MANY; i++) p = packed_append_int(p, i & 63);
    assert_int_equal(packed_count(p), MANY);
    assert_true(packed_is_sound(packed_slice(p)));
    assert_int_equal(packed_nth(p, -1), packed_last(p));
    p = packed_remove(p, packed_nth(p, 65533), 10);
    assert_int_equal(packed_count(p), MANY - 10);
    p = packed_remove(p, packed_first(p), 100);
    assert_int_equal(packed_count(p), MANY - 110);
    assert_int_equal((unsigned char)packed_slice(p).at[4], (MANY - 110) & 255);
    for (int i = 0; i < 200; i++) few = packed_append(few, SLICE("x"));
    p = packed_join(p, few);
    assert_int_equal(packed_count(p), MANY + 90);
    assert_int_equal(packed_bytes(p), PACKED_EMPTY_BYTES + 2 * (MANY - 110) + 3 * 200);
    packed_free(p);
    packed_free(few);
}

/* ---- what Redis writes ---- */

/* RPUSH of these texts, and what DUMP of Redis 7.0.15 has of the list. */
static const char *const redis_texts[] = {
    "a",
    "bb",
    "",
    "0",
    "127",
    "128",
    "-1",
    "4095",
    "-4096",
    "4096",
    "-4097",
    "32767",
    "-32768",
    "32768",
    "8388607",
    "-8388608",
    "8388608",
    "2147483647",
    "-2147483648",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "007",
    "-0",
    "+1",
    "1 ",
};
static const char redis_bytes[] = "95000000"
                                  "1b00"
                                  "816102"
                                  "82626203"
                                  "8001"
                                  "0001"
                                  "7f01"
                                  "c08002"
                                  "dfff02"
                                  "cfff02"
                                  "d00002"
                                  "f1001003"
                                  "f1ffef03"
                                  "f1ff7f03"
                                  "f1008003"
                                  "f200800004"
                                  "f2ffff7f04"
                                  "f200008004"
                                  "f30000800005"
                                  "f3ffffff7f05"
                                  "f30000008005"
                                  "f4000000800000000009"
                                  "f4ffffffffffffff7f09"
                                  "f4000000000000008009"
                                  "933932323333373230333638353437373538303814"
                                  "8330303704"
                                  "822d3003"
                                  "822b3103"
                                  "82312003"
                                  "ff";
static const char redis_hash[] = "15000000"
                                 "0400"
                                 "82663103"
                                 "82763103"
                                 "82663203"
                                 "1601"
                                 "ff";
static const char redis_zset[] = "1b000000"
                                 "0600"
                                 "816102"
                                 "0101"
                                 "816202"
                                 "83322e3504"
                                 "816302"
                                 "f1307503"
                                 "ff";

static struct slice unhex(const char *hex, char *to)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
        to[i] = (char)strtoul(digits, NULL, 16);
    }
    return slice_of(to, len);
}

static void check_fixture(const char *hex, const char *const *texts, size_t count)
{
    char bytes[512];
    struct slice theirs = unhex(hex, bytes);
    struct packed *p = packed_new();
    for (size_t i = 0; i < count; i++) p = packed_append(p, slice_text(texts[i]));
    assert_true(slice_equal(packed_slice(p), theirs));
    assert_true(packed_is_sound(theirs));
    struct packed *taken = packed_from(theirs);
    assert_true(slice_equal(packed_slice(taken), theirs));
    packed_free(p);
    packed_free(taken);
}

static void test_bytes_of_redis(void **state)
{
    (void)state;
    static const char *const hash[] = {"f1", "v1", "f2", "22"};
    static const char *const zset[] = {"a", "1", "b", "2.5", "c", "30000"};
    check_fixture(redis_bytes, redis_texts, sizeof redis_texts / sizeof redis_texts[0]);
    check_fixture(redis_hash, hash, 4);
    check_fixture(redis_zset, zset, 6);
}

/* Where the length behind an entry takes a byte more: as Redis counts the bytes of such lists. */
static void test_costs(void **state)
{
    (void)state;
    static const struct {
        size_t len, cost;
    } rows[] = {{125, 128}, {126, 130}, {16377, 16384}, {16378, 16386}};
    static char text[16378];
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(packed_cost(slice_of(text, rows[i].len)), rows[i].cost);
}

/* Sound but for one thing. */
static void test_unsound(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "0f0000000300816102c3e8028001fe",   /* no end */
        "0e0000000300816102c3e8028001ff",   /* other size */
        "0f0000000200816102c3e8028001ff",   /* other count */
        "0f0000000300816103c3e8028001ff",   /* other length behind */
        "0f0000000300826102c3e8028001ff",   /* other length in front */
        "0f0000000100f500000000000007ff",   /* no such form */
        "0f0000000100f0ffffffff0000007f07", /* a string beyond the end */
        "070000000100ff",
    };
    char bytes[64];
    assert_true(packed_is_sound(unhex("0f0000000300816102c3e8028001ff", bytes)));
    assert_true(packed_is_sound(unhex("0f000000ffff816102c3e8028001ff", bytes)));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_false(packed_is_sound(unhex(rows[i], bytes)));
}

/* Integers and strings in forms that are longer than they need be are found all the same. */
static void test_other_forms(void **state)
{
    (void)state;
    char bytes[64];
    struct slice odd = unhex("26000000"
                             "0600"
                             "c00102"
                             "f1010003"
                             "813102"
                             "e0016103"
                             "f0010000006106"
                             "f4ffffffffffffffff09"
                             "ff",
                             bytes);
    assert_true(packed_is_sound(odd));
    struct packed *p = packed_from(odd), *expected = packed_new();
    static const char *const texts[] = {"1", "1", "1", "a", "a", "-1"};
    for (int i = 0; i < 6; i++) expected = packed_append(expected, slice_text(texts[i]));
    assert_true(slice_equal(packed_slice(p), packed_slice(expected)));
    packed_free(p);
    packed_free(expected);
}

/* ---- damage ---- */

/* Goes about in bytes that are said to be sound, at addresses where a step too far is seen. */
static void use(struct slice bytes)
{
    struct packed *p = packed_from(bytes);
    char digits[TEXT_INT_MAX];
    size_t count = 0, sum = 0;
    for (packed_at at = packed_first(p); at; at = packed_next(p, at), count++) {
        struct slice text = packed_text(p, at, digits);
        for (size_t i = 0; i < text.len; i++) sum += (unsigned char)text.at[i];
        assert_true(packed_equals(p, at, text));
    }
    assert_int_equal(packed_count(p), count);
    for (packed_at at = packed_last(p); at; at = packed_prev(p, at)) count--;
    assert_int_equal(count, 0);
    assert_int_equal(packed_find(p, packed_first(p), SLICE("not there"), 0), PACKED_NONE);
    assert_true(sum < SIZE_MAX);
    packed_free(p);
}

static size_t try(const char *bytes, size_t len)
{
    char *exact = malloc(len ? len : 1);
    memcpy(exact, bytes, len);
    bool sound = packed_is_sound(slice_of(exact, len));
    if (sound) use(slice_of(exact, len));
    free(exact);
    return sound;
}

static void test_damage(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    char bytes[8192];
    struct slice whole = unhex(redis_bytes, bytes);
    size_t len = whole.len;
    for (size_t cut = 0; cut < len; cut++) assert_false(try(bytes, cut));
    size_t sound = 0;
    for (size_t i = 0; i < len; i++) {
        char was = bytes[i];
        for (int value = 0; value < 256; value++) {
            bytes[i] = (char)value;
            sound += try(bytes, len);
        }
        bytes[i] = was;
    }
    /* Other bytes in a text or an integer are no damage that the list could tell; in its own bytes
     * they are, and those are about half of it here. */
    assert_true(sound > len && sound < 256 * len * 3 / 4);
    for (int round = 0; round < 20000; round++) {
        char damaged[512];
        memcpy(damaged, bytes, len);
        for (size_t n = 1 + random_below(&r, 4); n > 0; n--)
            damaged[6 + random_below(&r, len - 6)] = (char)random_u64(&r);
        try(damaged, len);
    }
}

int main(void)
{
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),  cmocka_unit_test(test_many),
        cmocka_unit_test(test_bytes_of_redis), cmocka_unit_test(test_other_forms),
        cmocka_unit_test(test_damage),         cmocka_unit_test(test_costs),
        cmocka_unit_test(test_unsound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
