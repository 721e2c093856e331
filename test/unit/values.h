/* Values of any type, compared by what they hold. */
#ifndef HARK_TEST_VALUES_H
#define HARK_TEST_VALUES_H

#include "../../src/base/buffer.h"
#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/keyspace/entry.h"
#include "../../src/value/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* The elements of a value, one text each. */
struct value_lines {
    struct buffer *at;
    size_t count;
};

static inline void value_lines_add(void *ctx, const struct value_item *item)
{
    struct value_lines *l = ctx;
    struct buffer *line = &l->at[l->count++];
    buffer_printf(line, "%zu ", item->member.len);
    buffer_add_slice(line, item->member);
    buffer_printf(line, " %zu ", item->second.len);
    buffer_add_slice(line, item->second);
    buffer_printf(line, " %a %lld", item->score, (long long)item->deadline);
}

static inline int value_line_order(const void *a, const void *b)
{
    return slice_compare(buffer_slice(a), buffer_slice(b));
}

static inline struct value_lines value_lines(const struct value *v)
{
    const struct value_kind *kind = value_kind(v->type);
    size_t count = kind->count(v);
    struct value_lines l = {mem_zalloc((count + 1) * sizeof *l.at), 0};
    kind->each(v, value_lines_add, &l);
    assert_int_equal(l.count, count);
    if (v->type == TYPE_SET || v->type == TYPE_HASH)
        qsort(l.at, count, sizeof *l.at, value_line_order);
    return l;
}

static inline void value_lines_free(struct value_lines *l)
{
    for (size_t i = 0; i < l->count; i++) buffer_fini(&l->at[i]);
    mem_free(l->at, (l->count + 1) * sizeof *l->at);
}

/* A stream as bytes: entries, groups and all, but for when a consumer last tried something, which
 * is no part of the data that a journal tells. */
static inline struct buffer stream_bytes_of(const struct value *v)
{
    static const unsigned char secret[HASH_SECRET_SIZE];
    struct value_config config = value_config_default(secret);
    const struct value_kind *kind = value_kind(TYPE_STREAM);
    struct buffer bytes = {0};
    struct value copy = kind->copy(v, &config);
    struct stream *s = stream_of(&copy);
    stream_check(s);
    for (size_t i = 0; i < s->groups_count; i++) {
        struct crew *crew = &s->groups[i]->crew;
        for (uint32_t n = 0; n < crew->numbers_count; n++)
            if (crew->by_number[n]) crew_seen(crew->by_number[n], 0);
    }
    kind->encode(&copy, &bytes);
    value_free(&copy);
    return bytes;
}

static inline void expect_same_stream(const struct value *a, const struct value *b)
{
    struct buffer x = stream_bytes_of(a), y = stream_bytes_of(b);
    assert_true(slice_equal(buffer_slice(&x), buffer_slice(&y)));
    buffer_fini(&x);
    buffer_fini(&y);
}

/* Two values are of the same type, kept in the same way, and have the same elements; those of lists
 * and sorted sets in the same order. */
static inline void expect_same_value(const struct value *a, const struct value *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->encoding, b->encoding);
    if (!value_kind(a->type)->each) {
        expect_same_stream(a, b);
        return;
    }
    struct value_lines x = value_lines(a), y = value_lines(b);
    assert_int_equal(x.count, y.count);
    for (size_t i = 0; i < x.count; i++)
        assert_true(slice_equal(buffer_slice(&x.at[i]), buffer_slice(&y.at[i])));
    value_lines_free(&x);
    value_lines_free(&y);
}

/* What two entries hold is the same, whatever it is, and the remarks on how, too. */
static inline void expect_same_content(const struct entry *a, const struct entry *b)
{
    assert_int_equal(entry_type(a), entry_type(b));
    if (entry_type(a) == TYPE_STRING) {
        assert_true(slice_equal(entry_string(a), entry_string(b)));
        assert_int_equal(entry_encoding(a), entry_encoding(b));
    } else {
        struct value x = entry_value(a), y = entry_value(b);
        expect_same_value(&x, &y);
    }
}

struct summing {
    bool ordered;
    uint64_t sum;
};

static inline void sum_item(void *ctx, const struct value_item *item)
{
    struct summing *s = ctx;
    uint64_t score;
    memcpy(&score, &item->score, sizeof score);
    uint64_t h = hash_u64(hash_plain(item->member) + 1);
    h = hash_u64(h + hash_plain(item->second));
    h = hash_u64(hash_u64(h + score) + (uint64_t)item->deadline);
    s->sum = s->ordered ? hash_u64(s->sum + h) : s->sum + h;
}

/* Tells all that an entry holds, however it is kept and in whatever order a table has it. */
static inline uint64_t entry_sum(const struct entry *e)
{
    if (entry_type(e) == TYPE_STRING) return hash_plain(entry_string(e));
    struct value v = entry_value(e);
    const struct value_kind *kind = value_kind(v.type);
    struct summing s = {.ordered = v.type == TYPE_LIST};
    if (kind->each) kind->each(&v, sum_item, &s);
    return hash_u64(s.sum + kind->count(&v));
}

#endif
