/* Whatever bytes are taken for a packed list: refused, or a list in which one can go about, look
 * and change; and the same for what snapshots have of lists. */
#include "../../src/base/assert.h"
#include "../../src/base/mem.h"
#include "../../src/ds/packed.h"
#include "../../src/value/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LOOKED_AT_MAX = 200 }; /* elements that are looked for: that is quadratic */

static void go_about(const struct packed *p)
{
    char digits[TEXT_INT_MAX];
    size_t count = 0, bytes = PACKED_EMPTY_BYTES;
    for (packed_at at = packed_first(p); at; at = packed_next(p, at), count++) {
        struct slice text = packed_text(p, at, digits);
        CHECK(packed_equals(p, at, text));
        bytes += packed_cost(text);
        if (count > LOOKED_AT_MAX) continue;
        packed_at found = packed_find(p, packed_first(p), text, 0);
        CHECK(found && found <= at && packed_equals(p, found, text));
        CHECK(packed_nth(p, (int64_t)count) == at);
    }
    CHECK(count == packed_count(p) && bytes == packed_bytes(p));
    for (packed_at at = packed_last(p); at; at = packed_prev(p, at)) count--;
    CHECK(count == 0);
}

/* Taking over must not depend on how the entries are written, and is done once only. */
static void take_over(struct slice bytes)
{
    struct packed *p = packed_from(bytes), *again = packed_from(packed_slice(p));
    CHECK(packed_bytes(p) <= bytes.len && slice_equal(packed_slice(p), packed_slice(again)));
    CHECK(packed_is_sound(packed_slice(p)));
    go_about(p);
    size_t count = packed_count(p);
    p = packed_prepend(p, SLICE("first"));
    p = packed_append(p, SLICE("-1000000"));
    if (count) p = packed_replace(p, packed_nth(p, (int64_t)count / 2 + 1), SLICE("other"));
    CHECK(packed_count(p) == count + 2 && packed_is_sound(packed_slice(p)));
    p = packed_remove(p, packed_first(p), count + 1);
    CHECK(packed_count(p) == 1);
    packed_free(p);
    packed_free(again);
}

static void decode_list(struct slice bytes)
{
    struct value_config config = value_config_default(NULL);
    struct value v;
    struct list_iter it;
    if (!value_kind_list.decode(&bytes, &config, &v)) return;
    size_t count = 0;
    list_begin(&it, &v, 0, false);
    while (list_next(&it)) count += list_text(&it).len < SIZE_MAX;
    list_end(&it);
    CHECK(count > 0 && count == list_count(&v));
    list_push(&v, LIST_LEFT, &(struct slice){"x", 1}, 1, &config);
    list_remove(&v, count / 2, 3, &config);
    value_free(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_of(data, size);
    if (packed_is_sound(bytes)) take_over(bytes);
    decode_list(bytes);
    return 0;
}
