/* Whatever bytes are taken for a row of integers: those that are sound can be read and changed, and
 * stay sound. */
#include "../../src/base/assert.h"
#include "../../src/ds/ints.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes each number out and puts it back. */
static struct ints *turn_over(struct ints *s)
{
    size_t count = ints_count(s);
    bool changed;
    for (size_t i = 0; i < count && i < 64; i++) {
        int64_t number = ints_at(s, i);
        CHECK(ints_has(s, number));
        s = ints_remove(s, number, &changed);
        CHECK(changed && !ints_has(s, number) && ints_is_sound(ints_slice(s)));
        s = ints_add(s, number, &changed);
        CHECK(changed && ints_at(s, i) == number);
    }
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_of(data, size);
    bool changed;
    if (!ints_is_sound(bytes)) return 0;
    struct ints *s = turn_over(ints_from(bytes));
    CHECK(slice_equal(ints_slice(s), bytes));
    bool had = ints_has(s, INT64_MIN);
    s = ints_add(s, INT64_MIN, &changed);
    CHECK(changed == !had && ints_at(s, 0) == INT64_MIN && ints_is_sound(ints_slice(s)));
    ints_free(s);
    return 0;
}
