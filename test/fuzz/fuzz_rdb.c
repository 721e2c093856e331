/* Whatever bytes are read as an RDB file, in one piece or in many: the same keys, or the same
 * error. The strings in it are written and read again. */
#include "../../src/base/assert.h"
#include "../../src/base/err.h"
#include "../../src/rdb/reader.h"
#include "../../src/rdb/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a reading came to. */
struct outcome {
    struct rdb_writer writer;
    struct buffer out; /* the strings, written again */
    struct buffer foreign;
    char problem[256];
    long error;
    bool done;
    uint64_t keys;
};

static const char *take(void *ctx, const struct rdb_key *k, struct slice value)
{
    struct outcome *o = ctx;
    rdb_write_string(&o->writer, k, value, &o->out);
    return NULL;
}

static void read_in_pieces(struct slice all, size_t first, size_t step, struct outcome *o)
{
    *o = (struct outcome){0};
    rdb_write_begin(&o->writer, (struct rdb_writer_config){.compress = true, .sum = true}, &o->out);
    struct rdb_reader *r =
        rdb_reader_new((struct rdb_reader_config){true, 16, &values}, (struct rdb_visitor){take, NULL, o});
    size_t len = first;
    for (size_t at = 0; at < all.len && !rdb_is_done(r) && o->error >= 0; at += len, len = step) {
        if (len > all.len - at) len = all.len - at;
        o->error = rdb_feed(r, slice_of(all.at + at, len));
    }
    rdb_write_end(&o->writer, &o->out);
    o->done = rdb_is_done(r);
    o->keys = rdb_keys(r);
    strcpy(o->problem, rdb_problem(r));
    rdb_foreign_text(r, &o->foreign);
    rdb_reader_free(r);
}

static void outcome_fini(struct outcome *o)
{
    buffer_fini(&o->out);
    buffer_fini(&o->foreign);
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    CHECK(a->done == b->done && a->keys == b->keys);
    CHECK((a->error < 0 ? a->error : 0) == (b->error < 0 ? b->error : 0));
    CHECK(strcmp(a->problem, b->problem) == 0);
    CHECK(slice_equal(buffer_slice(&a->out), buffer_slice(&b->out)));
    CHECK(slice_equal(buffer_slice(&a->foreign), buffer_slice(&b->foreign)));
}

static void check_payload(struct slice payload)
{
    struct buffer scratch = {0};
    struct rdb_undumped value;
    int rc = rdb_undump(payload, 1 << 20, &scratch, &value);
    CHECK(rc == 0 || rc == ERR_UNSUPPORTED || rc == ERR_CORRUPT);
    buffer_fini(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_of(data, size);
    struct outcome whole, bytes, pieces, again;
    read_in_pieces(all, size, 1, &whole);
    read_in_pieces(all, 1, 1, &bytes);
    read_in_pieces(all, size / 2, 7, &pieces);
    check_same(&whole, &bytes);
    check_same(&whole, &pieces);
    read_in_pieces(buffer_slice(&whole.out), 16, 16, &again);
    CHECK(again.done && again.keys == whole.keys);
    CHECK(slice_equal(buffer_slice(&again.out), buffer_slice(&whole.out)));
    check_payload(all);
    outcome_fini(&whole);
    outcome_fini(&bytes);
    outcome_fini(&pieces);
    outcome_fini(&again);
    return 0;
}
