/* RDB: what is written is read again, in whatever pieces; what is damaged is refused. */
#include "../../src/base/crc64.h"
#include "../../src/base/err.h"
#include "../../src/base/hash.h"
#include "../../src/base/random.h"
#include "../../src/rdb/reader.h"
#include "../../src/rdb/text.h"
#include "../../src/rdb/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;
static const unsigned char secret[HASH_SECRET_SIZE];
static struct value_config values;

/* ---- the checksum ---- */

static uint64_t crc64_by_bits(uint64_t crc, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned char)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ UINT64_C(0x95ac9329ac4bc9b5) : crc >> 1;
    }
    return crc;
}

static void crc64_is_jones(void **state)
{
    (void)state;
    assert_true(crc64(0, "123456789", 9) == UINT64_C(0xe9c6d914c4b8d9ca));
    struct random r;
    random_init(&r, seed);
    char bytes[100];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)random_u64(&r);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        size_t cut = random_below(&r, len + 1);
        uint64_t sum = crc64(crc64(0, bytes, cut), bytes + cut, len - cut);
        assert_true(sum == crc64_by_bits(0, bytes, len));
    }
}

/* ---- strings ---- */

static struct slice random_string(struct random *r, char *to, size_t max)
{
    static const size_t lengths[] = {0, 1, 5, 11, 19, 20, 21, 63, 64, 200, 16383, 16384, 70000};
    size_t len = lengths[random_below(r, sizeof lengths / sizeof *lengths)];
    if (len > max) len = max;
    unsigned variety = 1u << random_below(r, 9);
    for (size_t i = 0; i < len; i++) to[i] = (char)random_below(r, variety);
    if (random_below(r, 4) == 0) {
        static const char *const numbers[] = {"0",      "-1",         "127",         "128",
                                              "-128",   "-129",       "32767",       "32768",
                                              "-32769", "2147483647", "-2147483648", "2147483648",
                                              "007",    "-0",         "-2147483649", "+1"};
        len = (size_t)sprintf(to, "%s", numbers[random_below(r, 16)]);
    }
    return slice_of(to, len);
}

static void strings_come_back(void **state)
{
    (void)state;
    static char bytes[80000];
    struct random r;
    random_init(&r, seed);
    struct buffer out = {0}, scratch = {0};
    for (int i = 0; i < 2000; i++) {
        struct slice s = random_string(&r, bytes, sizeof bytes), back;
        out.len = 0;
        rdb_put_string(&out, s, random_below(&r, 2));
        assert_true(out.len <= s.len + 5);
        struct rdb_input in = {(const unsigned char *)out.at, out.len, SIZE_MAX};
        assert_int_equal(rdb_get_string(&in, &scratch, &back), 0);
        assert_true(slice_equal(back, s) && in.left == 0);
        uint64_t len;
        in = (struct rdb_input){(const unsigned char *)out.at, out.len, SIZE_MAX};
        assert_int_equal(rdb_skip_to_bytes(&in, &len), 0);
        assert_true(len == in.left);
        in = (struct rdb_input){(const unsigned char *)out.at, out.len - 1, SIZE_MAX};
        assert_int_equal(rdb_get_string(&in, &scratch, &back), ERR_AGAIN);
    }
    buffer_fini(&out);
    buffer_fini(&scratch);
}

static void lengths_come_back(void **state)
{
    (void)state;
    static const struct {
        uint64_t len;
        size_t bytes;
    } cases[] = {{0, 1},         {63, 1},    {64, 2},         {16383, 2},
                 {16384, 5},     {65536, 5}, {UINT32_MAX, 5}, {(uint64_t)UINT32_MAX + 1, 9},
                 {UINT64_MAX, 9}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = {0};
        uint64_t len;
        rdb_put_length(&out, cases[i].len);
        assert_int_equal(out.len, cases[i].bytes);
        struct rdb_input in = {(const unsigned char *)out.at, out.len, 0};
        assert_int_equal(rdb_get_length(&in, &len), 0);
        assert_true(len == cases[i].len);
        buffer_fini(&out);
    }
}

static void lengths_that_promise_too_much(void **state)
{
    (void)state;
    struct buffer scratch = {0};
    struct slice s;
    /* An LZF string of a gigabyte in four bytes, and a plain one beyond the limit. */
    struct rdb_input in = {(const unsigned char *)"\xc3\x04\x80\x40\x00\x00\x00"
                                                  "abcd",
                           11, SIZE_MAX};
    assert_int_equal(rdb_get_string(&in, &scratch, &s), ERR_CORRUPT);
    in = (struct rdb_input){(const unsigned char *)"\x80\x40\x00\x00\x00", 5, 1 << 20};
    assert_int_equal(rdb_get_string(&in, &scratch, &s), ERR_LIMIT);
    buffer_fini(&scratch);
}

/* ---- files ---- */

static const char *write_again(void *ctx, const struct rdb_key *k, struct slice value)
{
    struct buffer *out = ctx;
    buffer_printf(out, "%lld %lld %lld %d ", (long long)k->db, (long long)k->deadline,
                  (long long)k->idle_s, k->freq);
    buffer_add_slice(out, k->key);
    buffer_add_byte(out, '=');
    buffer_add_slice(out, value);
    return NULL;
}

/* A flipped bit may make a value of another type of a string. */
static const char *let_go(void *ctx, const struct rdb_key *k, struct value v)
{
    (void)ctx;
    (void)k;
    value_free(&v);
    return NULL;
}

/* Reads a file in pieces of up to `piece` bytes. Was it taken whole? */
static bool reads(struct slice file, size_t piece, struct buffer *keys)
{
    struct rdb_reader *r = rdb_reader_new((struct rdb_reader_config){true, 16, &values},
                                          (struct rdb_visitor){write_again, let_go, NULL, keys});
    long took = 0;
    size_t at = 0;
    while (at < file.len && took >= 0 && !rdb_is_done(r)) {
        size_t len = file.len - at < piece ? file.len - at : piece;
        took = rdb_feed(r, slice_of(file.at + at, len));
        if (took >= 0) at += (size_t)took;
    }
    bool done = rdb_is_done(r);
    assert_int_equal(done, rdb_problem(r)[0] == '\0');
    assert_true(!done || at == file.len);
    rdb_reader_free(r);
    return done;
}

/* A file of random keys; what `reads` should find is appended to `keys`. */
static void make_file(struct random *r, int count, struct buffer *file, struct buffer *keys)
{
    static char key[300], value[80000];
    struct rdb_writer w;
    struct rdb_writer_config config = {"7.0.15", .compress = random_below(r, 2), .sum = true};
    rdb_write_begin(&w, config, file);
    for (int i = 0; i < count; i++) {
        struct rdb_key k = {(int64_t)random_below(r, 3), random_string(r, key, sizeof key), -1, -1,
                            -1};
        if (random_below(r, 2)) k.deadline = (int64_t)random_below(r, INT64_MAX);
        if (random_below(r, 3) == 0) k.idle_s = (int64_t)random_below(r, 100000);
        if (random_below(r, 3) == 0) k.freq = (int)random_below(r, 256);
        struct slice v = random_string(r, value, count > 20 ? sizeof value : 30);
        rdb_write_string(&w, &k, v, file);
        write_again(keys, &k, v);
    }
    rdb_write_end(&w, file);
}

static void files_come_back(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    for (int i = 0; i < 20; i++) {
        struct buffer file = {0}, keys = {0}, found = {0};
        make_file(&r, 100, &file, &keys);
        assert_true(reads(buffer_slice(&file), 1 + random_below(&r, 3000), &found));
        assert_true(slice_equal(buffer_slice(&keys), buffer_slice(&found)));
        buffer_fini(&file);
        buffer_fini(&keys);
        buffer_fini(&found);
    }
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    struct buffer file = {0}, keys = {0};
    make_file(&r, 15, &file, &keys);
    for (size_t i = 0; i < file.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            keys.len = 0;
            file.at[i] = (char)(file.at[i] ^ 1 << bit);
            assert_false(reads(buffer_slice(&file), 64, &keys));
            file.at[i] = (char)(file.at[i] ^ 1 << bit);
        }
    }
    assert_true(reads(buffer_slice(&file), 64, &keys));
    buffer_fini(&file);
    buffer_fini(&keys);
}

static void every_cut_is_noticed(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    struct buffer file = {0}, keys = {0};
    make_file(&r, 15, &file, &keys);
    for (size_t len = 0; len < file.len; len++)
        assert_false(reads(slice_of(file.at, len), 50, &keys));
    buffer_fini(&file);
    buffer_fini(&keys);
}

static void what_follows_is_not_taken(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    struct buffer file = {0}, keys = {0};
    make_file(&r, 3, &file, &keys);
    size_t len = file.len;
    buffer_add_slice(&file, SLICE("*1\r\n"));
    struct rdb_reader *reader =
        rdb_reader_new((struct rdb_reader_config){true, 16, &values},
                       (struct rdb_visitor){write_again, let_go, NULL, &keys});
    assert_int_equal(rdb_feed(reader, slice_of(file.at, len - 3)), len - 3);
    assert_int_equal(rdb_feed(reader, slice_of(file.at + len - 3, 7)), 3);
    assert_true(rdb_is_done(reader));
    assert_int_equal(rdb_feed(reader, SLICE("more")), 0);
    rdb_reader_free(reader);
    buffer_fini(&file);
    buffer_fini(&keys);
}

/* ---- pieces ---- */

static void pieces_are_what_is_written_directly(void **state)
{
    (void)state;
    struct rdb_writer_config config = {"7.0.15", .compress = true, .sum = true};
    struct rdb_writer direct, by_piece = {.config = config};
    struct buffer expected = {0}, got = {0}, piece = {0};
    rdb_write_begin(&direct, config, &expected);
    for (int i = 0; i < 100; i++) {
        char key[16], value[700];
        struct slice k = slice_of(key, (size_t)sprintf(key, "key %d", i));
        memset(value, 'a' + i % 26, sizeof value);
        struct slice v = slice_of(value, (size_t)i * 7);
        struct entry *e = entry_new_string(k, v, STRING_RAW, i % 3 ? i : -1);
        rdb_write_string(&direct, &(struct rdb_key){i / 40, k, i % 3 ? i : -1, -1, -1}, v,
                         &expected);
        rdb_piece_entry(&piece, i / 40, e, NULL, 0);
        entry_free(e);
        if (i % 10 == 9) {
            rdb_piece_encode(&by_piece, buffer_slice(&piece), &got);
            piece.len = 0;
        }
    }
    rdb_write_end(&direct, &expected);
    rdb_piece_end(&piece);
    rdb_piece_encode(&by_piece, buffer_slice(&piece), &got);
    assert_true(slice_equal(buffer_slice(&expected), buffer_slice(&got)));
    buffer_fini(&expected);
    buffer_fini(&got);
    buffer_fini(&piece);
}

/* ---- DUMP ---- */

static void payloads_come_back_or_are_refused(void **state)
{
    (void)state;
    struct buffer payload = {0}, scratch = {0};
    struct rdb_undumped value;
    struct slice text = SLICE("every event is heard, every event is heard");
    struct entry *e = entry_new_string(SLICE("k"), text, STRING_EMBSTR, -1);
    rdb_dump(&payload, e, true);
    entry_free(e);
    assert_int_equal(rdb_undump(buffer_slice(&payload), 1000, &values, &scratch, &value), 0);
    assert_int_equal(value.kind, RDB_KIND_STRING);
    assert_true(slice_equal(value.string, text));
    assert_int_equal(rdb_undump(buffer_slice(&payload), 10, &values, &scratch, &value),
                     ERR_CORRUPT);
    for (size_t len = 0; len < payload.len; len++)
        assert_int_equal(rdb_undump(slice_of(payload.at, len), 1000, &values, &scratch, &value),
                         ERR_UNSUPPORTED);
    for (size_t i = 0; i < payload.len * 8; i++) {
        payload.at[i / 8] = (char)(payload.at[i / 8] ^ 1 << i % 8);
        assert_int_equal(rdb_undump(buffer_slice(&payload), 1000, &values, &scratch, &value),
                         ERR_UNSUPPORTED);
        payload.at[i / 8] = (char)(payload.at[i / 8] ^ 1 << i % 8);
    }
    buffer_fini(&payload);
    buffer_fini(&scratch);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    values = value_config_default(secret);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc64_is_jones),
        cmocka_unit_test(strings_come_back),
        cmocka_unit_test(lengths_come_back),
        cmocka_unit_test(lengths_that_promise_too_much),
        cmocka_unit_test(files_come_back),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(what_follows_is_not_taken),
        cmocka_unit_test(pieces_are_what_is_written_directly),
        cmocka_unit_test(payloads_come_back_or_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
