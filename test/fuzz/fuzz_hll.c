/* Whatever bytes pass for a HyperLogLog: an error, or registers that adding raises, and that are
 * the same in the dense form. The first two bytes say what is added. */
#include "../../src/base/assert.h"
#include "../../src/base/buffer.h"
#include "../../src/value/hll.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct buffer *b, const struct hll_registers *expected)
{
    struct hll_registers are = {{0}};
    CHECK(hll_is_one(buffer_slice(b)));
    CHECK(hll_merge(&are, buffer_slice(b)) == 0);
    CHECK(memcmp(&are, expected, sizeof are) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || !hll_is_one(slice_of(data + 2, size - 2))) return 0;
    struct buffer b = {0}, text = {0};
    struct hll_registers all = {{0}};
    struct hll_mark m = hll_mark_of(slice_of(data, 2));
    uint64_t count;
    buffer_add(&b, data + 2, size - 2);
    bool sound = hll_merge(&all, buffer_slice(&b)) == 0;
    CHECK((hll_count(buffer_slice(&b), &count) == 0) == sound);
    CHECK(hll_is_dense(buffer_slice(&b)) || (hll_describe(buffer_slice(&b), &text) == 0) == sound);
    int added = hll_add(&b, m, 3000);
    CHECK(added >= 0 || !sound);
    if (sound) {
        CHECK(added == (all.at[m.index] < m.rank));
        if (added) all.at[m.index] = (uint8_t)m.rank;
        check_same(&b, &all);
        CHECK(hll_raise(&b, &all, 3000) == 0 && hll_make_dense(&b) == 0);
        check_same(&b, &all);
    }
    buffer_fini(&b);
    buffer_fini(&text);
    return 0;
}
