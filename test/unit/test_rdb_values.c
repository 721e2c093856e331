/* Values of all types in RDB: what is written is read again, whatever is read does no harm. */
#include "../../src/base/crc64.h"
#include "../../src/base/err.h"
#include "../../src/base/hash.h"
#include "../../src/rdb/reader.h"
#include "../../src/rdb/text.h"
#include "../../src/rdb/writer.h"
#include "../../src/server/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "random_values.h"

static uint64_t seed;
static unsigned char secret[HASH_SECRET_SIZE];
static struct value_config config;
static struct digester *digester;

static void text_of_digest(const struct entry *e, char to[DIGEST_TEXT_SIZE])
{
    digest_text(digest_value(digester, e), to);
}

static void assert_same(const struct entry *a, const struct entry *b)
{
    char texts[2][DIGEST_TEXT_SIZE];
    text_of_digest(a, texts[0]);
    text_of_digest(b, texts[1]);
    assert_string_equal(texts[0], texts[1]);
}

/* With deadlines they tell more than a digest does. */
static void assert_same_deadlines(const struct entry *a, const struct entry *b)
{
    struct value v[2] = {entry_value(a), entry_value(b)};
    if (v[0].type == TYPE_HASH) assert_true(value_due(&v[0]) == value_due(&v[1]));
}

static struct entry *random_entry(struct random *r, enum value_type type, size_t count)
{
    return entry_new_value(SLICE("key"), random_value(r, type, count, &config), -1);
}

static int undump(struct slice payload, struct rdb_undumped *out)
{
    struct buffer scratch = {0};
    int rc = rdb_undump(payload, 1 << 20, &config, &scratch, out);
    buffer_fini(&scratch);
    return rc;
}

/* ---- DUMP ---- */

static void payloads_come_back(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 3, 20, 127, 128, 129, 300, 512, 513, 3000};
    struct random r;
    random_init(&r, seed);
    for (int i = 0; i < 300; i++) {
        enum value_type type = TYPE_LIST + (enum value_type)(i % 5);
        struct entry *e =
            random_entry(&r, type, counts[random_below(&r, sizeof counts / sizeof *counts)]);
        struct buffer payload = {0}, again = {0};
        struct rdb_undumped back;
        rdb_dump(&payload, e, random_below(&r, 2));
        assert_int_equal(undump(buffer_slice(&payload), &back), 0);
        value_check(&back.value, &config);
        struct entry *copy = entry_new_value(SLICE("key"), back.value, -1);
        assert_same(e, copy);
        assert_same_deadlines(e, copy);
        if (type != TYPE_SET) { /* packed sets and tables are written alike */
            rdb_dump(&again, copy, false);
            payload.len = 0;
            rdb_dump(&payload, e, false);
            assert_int_equal(again.len, payload.len);
        }
        entry_free(e);
        entry_free(copy);
        buffer_fini(&payload);
        buffer_fini(&again);
    }
}

/* The checksum says that it is right. */
static void seal(struct buffer *payload)
{
    payload->len -= RDB_SUM_SIZE;
    rdb_put_number(payload, crc64(0, payload->at, payload->len), RDB_SUM_SIZE);
}

/* In memory of just that size. */
static void try_payload(struct slice bytes)
{
    struct rdb_undumped back;
    char *copy = malloc(bytes.len);
    memcpy(copy, bytes.at, bytes.len);
    int rc = undump(slice_of(copy, bytes.len), &back);
    free(copy);
    if (rc == 0 && back.kind != RDB_KIND_STRING) {
        struct buffer payload = {0};
        value_check(&back.value, &config);
        struct entry *e = entry_new_value(SLICE("key"), back.value, -1);
        rdb_dump(&payload, e, true);
        assert_int_equal(undump(buffer_slice(&payload), &back), 0);
        value_free(&back.value);
        entry_free(e);
        buffer_fini(&payload);
    } else {
        assert_true(rc == 0 || rc == ERR_CORRUPT || rc == ERR_ABSENT);
    }
}

static void damage_does_no_harm(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    for (int i = 0; i < 20; i++) {
        enum value_type type = TYPE_LIST + (enum value_type)(i % 5);
        struct entry *e = random_entry(&r, type, i < 5 ? 4 : i < 10 ? 30 : 150);
        struct buffer payload = {0};
        rdb_dump(&payload, e, i % 2);
        entry_free(e);
        size_t step = 1 + payload.len / 200;
        for (size_t at = 0; at < payload.len - RDB_SUM_SIZE - 2; at += step) {
            char was = payload.at[at];
            for (int way = 0; way < 10; way++) {
                payload.at[at] = way < 8 ? (char)(was ^ 1 << way) : (char)random_u64(&r);
                seal(&payload);
                try_payload(buffer_slice(&payload));
            }
            payload.at[at] = was;
        }
        for (size_t len = 1; len < payload.len; len += step) {
            struct buffer cut = {0};
            buffer_add(&cut, payload.at, len);
            rdb_put_number(&cut, RDB_VERSION, 2);
            rdb_put_number(&cut, 0, RDB_SUM_SIZE);
            seal(&cut);
            try_payload(buffer_slice(&cut));
            buffer_fini(&cut);
        }
        buffer_fini(&payload);
    }
}

/* ---- files ---- */

struct found {
    struct buffer dumps; /* as many digests as there were keys */
};

static const char *take_string(void *ctx, const struct rdb_key *k, struct slice value)
{
    (void)ctx;
    (void)k;
    (void)value;
    return "there is none in it";
}

static const char *take_value(void *ctx, const struct rdb_key *k, struct value v)
{
    struct found *f = ctx;
    char text[DIGEST_TEXT_SIZE];
    struct entry *e = entry_new_value(k->key, v, k->deadline);
    value_check(&v, &config);
    text_of_digest(e, text);
    buffer_add_slice(&f->dumps, k->key);
    buffer_add_slice(&f->dumps, slice_text(text));
    entry_free(e);
    return NULL;
}

/* Reads a file in pieces; was it taken whole? */
static bool reads(struct slice file, size_t piece, struct found *f)
{
    struct rdb_visitor visitor = {take_string, take_value, NULL, f};
    struct rdb_reader *r = rdb_reader_new((struct rdb_reader_config){true, 16, &config}, visitor);
    long took = 0;
    for (size_t at = 0; at < file.len && took >= 0 && !rdb_is_done(r); at += piece) {
        size_t len = file.len - at < piece ? file.len - at : piece;
        took = rdb_feed(r, slice_of(file.at + at, len));
    }
    bool done = rdb_is_done(r);
    rdb_reader_free(r);
    return done;
}

/* Writes the file twice, directly and by pieces, those of some values in parts; notes what should
 * be found. */
static void make_file(struct random *r, int keys, size_t largest, bool in_parts,
                      struct buffer *direct, struct buffer *by_piece, struct found *f)
{
    struct rdb_writer_config how = {"7.0.15", .compress = random_below(r, 2), .sum = true};
    struct rdb_writer a, b = {.config = how};
    struct buffer piece = {0};
    rdb_write_begin(&a, how, direct);
    for (int i = 0; i < keys; i++) {
        char name[16];
        struct slice key = slice_of(name, (size_t)sprintf(name, "key %d", i));
        enum value_type type = TYPE_LIST + (enum value_type)random_below(r, 5);
        struct value v = random_value(r, type, random_below(r, largest), &config);
        struct rdb_key k = {0, key, i % 3 ? -1 : i, -1, -1};
        rdb_write_value(&a, &k, &v, direct);
        struct entry *e = entry_new_value(key, v, k.deadline);
        if (in_parts && random_below(r, 3)) { /* a piece of its own */
            struct value_progress progress = {0};
            size_t bytes = 1 + random_below(r, 2000);
            rdb_piece_encode(&b, buffer_slice(&piece), by_piece);
            piece.len = 0;
            while (!rdb_piece_some(&piece, 0, e, NULL, 0, &progress, bytes)) {
            }
        } else {
            rdb_piece_entry(&piece, 0, e, NULL, 0);
        }
        entry_free(e); /* what is in the piece needs it no more */
        if (random_below(r, 3)) continue;
        rdb_piece_encode(&b, buffer_slice(&piece), by_piece);
        piece.len = 0;
    }
    rdb_write_end(&a, direct);
    rdb_piece_end(&piece);
    rdb_piece_encode(&b, buffer_slice(&piece), by_piece);
    buffer_fini(&piece);
    assert_true(reads(buffer_slice(direct), SIZE_MAX / 2, f));
}

static void files_come_back(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    for (int i = 0; i < 8; i++) {
        struct buffer direct = {0}, by_piece = {0};
        struct found whole = {0}, pieces = {0};
        make_file(&r, 60, 600, i % 2, &direct, &by_piece, &whole);
        /* In parts, tables may be gone through in another order. */
        assert_int_equal(direct.len, by_piece.len);
        if (i % 2 == 0) assert_memory_equal(direct.at, by_piece.at, direct.len);
        assert_true(reads(buffer_slice(&by_piece), 1 + random_below(&r, 5000), &pieces));
        assert_true(slice_equal(buffer_slice(&whole.dumps), buffer_slice(&pieces.dumps)));
        buffer_fini(&direct);
        buffer_fini(&by_piece);
        buffer_fini(&whole.dumps);
        buffer_fini(&pieces.dumps);
    }
}

static void every_flipped_bit_and_cut_is_noticed(void **state)
{
    (void)state;
    struct random r;
    random_init(&r, seed);
    struct buffer file = {0}, ignored = {0};
    struct found f = {0};
    make_file(&r, 8, 6, false, &file, &ignored, &f);
    for (size_t i = 0; i < file.len * 8; i += 1 + file.len / 2000) {
        f.dumps.len = 0;
        file.at[i / 8] = (char)(file.at[i / 8] ^ 1 << i % 8);
        assert_false(reads(buffer_slice(&file), 300, &f));
        file.at[i / 8] = (char)(file.at[i / 8] ^ 1 << i % 8);
    }
    for (size_t len = 0; len < file.len; len++) {
        f.dumps.len = 0;
        assert_false(reads(slice_of(file.at, len), 300, &f));
    }
    buffer_fini(&file);
    buffer_fini(&ignored);
    buffer_fini(&f.dumps);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    struct random r;
    random_init(&r, seed);
    for (size_t i = 0; i < sizeof secret; i++) secret[i] = (unsigned char)random_u64(&r);
    config = value_config_default(secret);
    digester = digester_new();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payloads_come_back),
        cmocka_unit_test(damage_does_no_harm),
        cmocka_unit_test(files_come_back),
        cmocka_unit_test(every_flipped_bit_and_cut_is_noticed),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    digester_free(digester);
    return failed;
}
