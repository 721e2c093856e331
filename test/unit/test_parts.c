/* What is made of a large value in parts, for snapshots and RDB files, is what is made of it at
 * once. */
#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/keyspace/entry_codec.h"
#include "../../src/rdb/writer.h"
#include "../../src/value/fields.h"
#include "../../src/value/list.h"
#include "../../src/value/set.h"
#include "../../src/value/zset.h"
#include "random_values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;
static const unsigned char secret[HASH_SECRET_SIZE] = "the tests' own secret";

static struct slice text(struct random *random, char room[64], int number)
{
    int len = snprintf(room, 64, "%d", number);
    for (; len < 60 && random_below(random, 8); len++) room[len] = (char)('a' + len % 26);
    return slice_of(room, (size_t)len);
}

static void add(struct value *v, struct random *random, int i, const struct value_config *config)
{
    char a[64], b[64];
    struct slice name = text(random, a, i), second = text(random, b, i);
    switch (v->type) {
    case TYPE_LIST: list_push(v, LIST_RIGHT, &name, 1, config); break;
    case TYPE_SET: set_add(v, name, config); break;
    case TYPE_ZSET: zset_add(v, (double)random_below(random, 50), name, config); break;
    default:
        fields_set(v, name, second, false, config);
        if (random_below(random, 9) == 0) fields_set_deadline(v, name, 1 + i);
    }
}

static struct entry *any_entry(struct random *random, const struct value_config *config)
{
    static struct value (*const make[])(void) = {list_new, set_new, zset_new, fields_new};
    uint64_t kind = random_below(random, 6);
    int count = 1 + (int)random_below(random, 3000);
    int64_t deadline = random_below(random, 2) ? 5000 : -1;
    if (kind == 5) {
        struct value v = random_stream(random, (size_t)count, config);
        struct stream *s = stream_of(&v);
        static const char *const names[] = {"some", "of", "the", "workers"};
        for (size_t i = 0; i < 80 * s->groups_count; i++)
            random_consumer(random, s, s->groups[i % s->groups_count], names[i % 4]);
        stream_settle(s);
        return entry_new_value(SLICE("key"), v, deadline);
    }
    if (kind == 4) {
        char *bytes = mem_zalloc((size_t)count);
        struct slice s = slice_of(bytes, (size_t)count);
        struct entry *e = entry_new_string(SLICE("key"), s, string_encoding_of(s), deadline);
        mem_free(bytes, (size_t)count);
        return e;
    }
    struct value v = make[kind]();
    for (int i = 0; i < count; i++) add(&v, random, i, config);
    return entry_new_value(SLICE("key"), v, deadline);
}

static int compare_bytes(const void *a, const void *b)
{
    return *(const unsigned char *)a - *(const unsigned char *)b;
}

/* Members of sets and hashes may come in another order. */
static void expect_equal(const struct entry *e, struct buffer *a, struct buffer *b)
{
    assert_int_equal(a->len, b->len);
    if (entry_type(e) == TYPE_SET || entry_type(e) == TYPE_HASH) {
        qsort(a->at, a->len, 1, compare_bytes);
        qsort(b->at, b->len, 1, compare_bytes);
    }
    assert_memory_equal(a->at, b->at, a->len);
}

static void add_up(void *ctx, const struct value_item *item)
{
    uint64_t *sum = ctx, bits;
    memcpy(&bits, &item->score, sizeof bits);
    *sum += hash_bytes(secret, item->member) * 3 + hash_bytes(secret, item->second) * 5 + bits * 7 +
            (uint64_t)item->deadline * 11;
}

/* What stands in the bytes has the same elements. */
static void expect_content(const struct entry *e, struct slice bytes,
                           const struct value_config *config)
{
    struct entry_image image;
    uint64_t sum = 0, expected = 0;
    assert_true(entry_decode(&bytes, &image) && !bytes.len && image.db == 3);
    struct entry *copy = entry_from_image(&image, config);
    assert_non_null(copy);
    assert_true(entry_deadline(copy) == entry_deadline(e));
    if (entry_type(e) == TYPE_STRING) {
        assert_true(slice_equal(entry_string(copy), entry_string(e)));
    } else if (entry_type(e) == TYPE_STREAM) {
        struct buffer a = {0}, b = {0};
        entry_encode(&a, 3, e);
        entry_encode(&b, 3, copy);
        assert_true(slice_equal(buffer_slice(&a), buffer_slice(&b)));
        buffer_fini(&a);
        buffer_fini(&b);
    } else {
        struct value v = entry_value(e), w = entry_value(copy);
        value_kind(v.type)->each(&v, add_up, &expected);
        value_kind(w.type)->each(&w, add_up, &sum);
        assert_true(value_kind(v.type)->count(&v) == value_kind(w.type)->count(&w));
        assert_true(sum == expected);
    }
    entry_free(copy);
}

static void test_encode(void **state)
{
    (void)state;
    size_t before = mem_used();
    struct random random;
    random_init(&random, seed);
    struct value_config config = value_config_default(secret);
    for (int i = 0; i < 60; i++) {
        struct entry *e = any_entry(&random, &config);
        struct buffer whole = {0}, parts = {0};
        struct value_progress p = {0};
        size_t bytes = 1 + random_below(&random, 5000);
        int calls = 1;
        entry_encode(&whole, 3, e);
        while (!entry_encode_some(&parts, 3, e, &p, bytes)) calls++;
        expect_content(e, buffer_slice(&parts), &config);
        expect_equal(e, &whole, &parts);
        assert_true(calls > 1 || whole.len < 3 * bytes || whole.len < 64 * 1024);
        buffer_fini(&whole);
        buffer_fini(&parts);
        entry_free(e);
    }
    assert_int_equal(mem_used(), before);
}

static void test_rdb(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, seed);
    struct value_config config = value_config_default(secret);
    for (int i = 0; i < 60; i++) {
        struct entry *e = any_entry(&random, &config);
        struct buffer whole = {0}, parts = {0};
        struct value_progress p = {0};
        size_t bytes = 1 + random_below(&random, 5000);
        rdb_piece_entry(&whole, 3, e, NULL, 0);
        while (!rdb_piece_some(&parts, 3, e, NULL, 0, &p, bytes)) {
        }
        size_t head = p.mark; /* a struct, and the key */
        assert_memory_equal(whole.at, parts.at, head);
        buffer_drop_front(&whole, head);
        buffer_drop_front(&parts, head);
        expect_equal(e, &whole, &parts);
        buffer_fini(&whole);
        buffer_fini(&parts);
        entry_free(e);
    }
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_encode), cmocka_unit_test(test_rdb)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
