/* Whatever bytes are read as an RDB file, in one piece or in many: the same keys, or the same
 * error; and what was read is written and read again. The same bytes as the value of a DUMP: what
 * is taken is sound, and comes back. */
#include "../../src/base/assert.h"
#include "../../src/base/crc64.h"
#include "../../src/base/err.h"
#include "../../src/base/hash.h"
#include "../../src/rdb/reader.h"
#include "../../src/rdb/text.h"
#include "../../src/rdb/writer.h"
#include "../../src/server/digest.h"
#include "../unit/random_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const unsigned char secret[HASH_SECRET_SIZE] = {1, 2, 3};
static struct value_config values;
static struct digester *digester;

/* What a reading came to. */
struct outcome {
    struct rdb_writer writer;
    struct buffer out;   /* all that was read, written again */
    struct buffer texts; /* each key, with the digest of what it holds */
    struct buffer foreign;
    char problem[256];
    long error;
    bool done;
    uint64_t keys;
};

static void note_entry(struct outcome *o, struct entry *e)
{
    char text[DIGEST_TEXT_SIZE];
    digest_text(digest_value(digester, e), text);
    buffer_add_slice(&o->texts, entry_key(e));
    buffer_add(&o->texts, text, sizeof text);
    o->keys++;
    entry_free(e);
}

static const char *take(void *ctx, const struct rdb_key *k, struct slice value)
{
    struct outcome *o = ctx;
    rdb_write_string(&o->writer, k, value, &o->out);
    note_entry(o, entry_new_string(k->key, value, string_encoding_of(value), k->deadline));
    return NULL;
}

static const char *take_value(void *ctx, const struct rdb_key *k, struct value v)
{
    struct outcome *o = ctx;
    value_check(&v, &values);
    rdb_write_value(&o->writer, k, &v, &o->out);
    note_entry(o, entry_new_value(k->key, v, k->deadline));
    return NULL;
}

static void read_in_pieces(struct slice all, size_t first, size_t step, struct outcome *o)
{
    *o = (struct outcome){0};
    rdb_write_begin(&o->writer, (struct rdb_writer_config){.compress = true, .sum = true}, &o->out);
    struct rdb_reader *r = rdb_reader_new((struct rdb_reader_config){true, 16, &values},
                                          (struct rdb_visitor){take, take_value, NULL, o});
    size_t len = first;
    for (size_t at = 0; at < all.len && !rdb_is_done(r) && o->error >= 0; at += len, len = step) {
        if (len > all.len - at) len = all.len - at;
        o->error = rdb_feed(r, slice_of(all.at + at, len));
    }
    rdb_write_end(&o->writer, &o->out);
    o->done = rdb_is_done(r);
    strcpy(o->problem, rdb_problem(r));
    rdb_foreign_text(r, &o->foreign);
    rdb_reader_free(r);
}

static void outcome_fini(struct outcome *o)
{
    buffer_fini(&o->out);
    buffer_fini(&o->texts);
    buffer_fini(&o->foreign);
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    CHECK(a->done == b->done && a->keys == b->keys);
    CHECK((a->error < 0 ? a->error : 0) == (b->error < 0 ? b->error : 0));
    CHECK(strcmp(a->problem, b->problem) == 0);
    CHECK(slice_equal(buffer_slice(&a->texts), buffer_slice(&b->texts)));
    CHECK(slice_equal(buffer_slice(&a->foreign), buffer_slice(&b->foreign)));
}

static int undump(struct slice payload, struct rdb_undumped *out)
{
    struct buffer scratch = {0};
    int rc = rdb_undump(payload, 1 << 20, &values, &scratch, out);
    buffer_fini(&scratch);
    return rc;
}

static void check_taken(struct value v)
{
    struct buffer payload = {0};
    struct rdb_undumped again;
    value_check(&v, &values);
    struct entry *e = entry_new_value(SLICE("k"), v, -1);
    rdb_dump(&payload, e, true);
    CHECK(undump(buffer_slice(&payload), &again) == 0);
    struct entry *f = entry_new_value(SLICE("k"), again.value, -1);
    struct digest a = digest_value(digester, e), b = digest_value(digester, f);
    CHECK(memcmp(&a, &b, sizeof a) == 0);
    entry_free(e);
    entry_free(f);
    buffer_fini(&payload);
}

/* The bytes as they stand, and as what is in front of a footer that is right. */
static void check_payload(struct slice bytes)
{
    struct buffer sealed = {0};
    struct rdb_undumped value;
    int rc = undump(bytes, &value);
    CHECK(rc == 0 || rc == ERR_UNSUPPORTED || rc == ERR_ABSENT || rc == ERR_CORRUPT);
    if (rc == 0 && value.kind != RDB_KIND_STRING) check_taken(value.value);
    buffer_add_slice(&sealed, bytes);
    rdb_put_number(&sealed, RDB_VERSION_MAX, 2);
    rdb_put_number(&sealed, crc64(0, sealed.at, sealed.len), RDB_SUM_SIZE);
    rc = undump(buffer_slice(&sealed), &value);
    CHECK(rc == 0 || rc == ERR_ABSENT || rc == ERR_CORRUPT);
    if (rc == 0 && value.kind != RDB_KIND_STRING) check_taken(value.value);
    buffer_fini(&sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_of(data, size);
    if (!digester) digester = digester_new();
    values = value_config_default(secret);
    struct outcome whole, bytes, pieces, again;
    read_in_pieces(all, size, 1, &whole);
    read_in_pieces(all, 1, 1, &bytes);
    read_in_pieces(all, size / 2, 7, &pieces);
    check_same(&whole, &bytes);
    check_same(&whole, &pieces);
    read_in_pieces(buffer_slice(&whole.out), 16, 16, &again);
    CHECK(again.done && again.keys == whole.keys);
    CHECK(slice_equal(buffer_slice(&again.texts), buffer_slice(&whole.texts)));
    check_payload(all);
    outcome_fini(&whole);
    outcome_fini(&bytes);
    outcome_fini(&pieces);
    outcome_fini(&again);
    return 0;
}
