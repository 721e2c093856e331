#include "../value/zset.h"
#include "internal.h"

/* Pairs of score and member. */
static const char *redo_add(struct value *v, const struct effect *f,
                            const struct value_config *config)
{
    double score;
    if (!f->words_count || f->words_count % 2) return "scores and members do not come in pairs";
    for (uint32_t i = 0; i < f->words_count; i += 2)
        if (!text_to_double(f->words[i], &score)) return "a score is no number";
    if (!v->at) *v = zset_new();
    for (uint32_t i = 0; i < f->words_count; i += 2) {
        text_to_double(f->words[i], &score);
        zset_add(v, score, f->words[i + 1], config);
    }
    return NULL;
}

static const char *redo_remove(struct value *v, const struct effect *f)
{
    size_t removed = 0;
    for (uint32_t i = 0; i < f->words_count; i++) removed += zset_remove(v, f->words[i]);
    return removed ? NULL : "no member to be removed is there";
}

static const char *redo_remove_ranks(struct value *v, const struct effect *f)
{
    int64_t first, last;
    size_t count = zset_count(v);
    if (f->words_count != 2 || !text_to_int(f->words[0], &first) ||
        !text_to_int(f->words[1], &last) || first < 0 || last < first || (size_t)last >= count)
        return "there are no such ranks to be removed";
    zset_remove_ranks(v, (size_t)first, (size_t)(last - first) + 1);
    return NULL;
}

const char *redo_zset(struct value *v, const struct effect *f, const struct value_config *config)
{
    if (f->verb == EFFECT_ZADD) return redo_add(v, f, config);
    if (!v->at) return "the sorted set to be taken from is not there";
    return f->verb == EFFECT_ZREM ? redo_remove(v, f) : redo_remove_ranks(v, f);
}
