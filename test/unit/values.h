/* Values of any type, for comparisons. */
#ifndef HARK_TEST_VALUES_H
#define HARK_TEST_VALUES_H

#include "../../src/base/hash.h"
#include "../../src/keyspace/entry.h"

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
