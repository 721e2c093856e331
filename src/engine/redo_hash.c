#include "../value/fields.h"
#include "internal.h"

/* Where the words of a list of fields begin, behind FIELDS and their number; 0 when that is not
 * what the words are. `each` words stand for a field. */
static uint32_t fields_at(const struct effect *f, uint32_t at, uint32_t each)
{
    int64_t count;
    if (f->words_count < at + 2 || !slice_is(f->words[at], "FIELDS")) return 0;
    if (!text_to_int(f->words[at + 1], &count) || count < 1) return 0;
    at += 2;
    return (uint64_t)count * each == f->words_count - at ? at : 0;
}

static const char *redo_set_fields(struct value *v, const struct slice *pairs, uint32_t words,
                                   bool keep, const struct value_config *config)
{
    if (!words || words % 2) return "a field or a value is missing";
    if (!v->at) *v = fields_new();
    fields_prepare(v, pairs, words, config);
    for (uint32_t i = 0; i < words; i += 2) fields_set(v, pairs[i], pairs[i + 1], keep, config);
    return NULL;
}

static const char *redo_delete_fields(struct value *v, const struct effect *f)
{
    if (!f->words_count) return "fields to be deleted are missing";
    for (uint32_t i = 0; i < f->words_count; i++)
        if (!fields_remove(v, f->words[i])) return "a field to be deleted is not there";
    return NULL;
}

static const char *redo_deadlines(struct value *v, const struct effect *f, uint32_t at,
                                  int64_t deadline)
{
    if (!at) return "the list of fields is not one";
    for (; at < f->words_count; at++)
        if (!fields_set_deadline(v, f->words[at], deadline))
            return "a field whose deadline is to change is not there";
    return NULL;
}

static const char *redo_expire_fields(struct value *v, const struct effect *f)
{
    int64_t deadline;
    if (!f->words_count || !text_to_int(f->words[0], &deadline) || deadline < 1 ||
        deadline > FIELDS_DEADLINE_MAX)
        return "no such deadline of a field";
    return redo_deadlines(v, f, fields_at(f, 1, 1), deadline);
}

static const char *redo_set_kept(struct value *v, const struct effect *f,
                                 const struct value_config *config)
{
    uint32_t at = f->words_count && slice_is(f->words[0], "KEEPTTL") ? fields_at(f, 1, 2) : 0;
    if (!at) return "the list of fields and values is not one";
    return redo_set_fields(v, f->words + at, f->words_count - at, true, config);
}

const char *redo_hash(struct value *v, const struct effect *f, const struct value_config *config)
{
    if (f->verb == EFFECT_HSET) return redo_set_fields(v, f->words, f->words_count, false, config);
    if (f->verb == EFFECT_HSETEX) return redo_set_kept(v, f, config);
    if (!v->at) return "the hash to be changed is not there";
    switch (f->verb) {
    case EFFECT_HDEL: return redo_delete_fields(v, f);
    case EFFECT_HPEXPIREAT: return redo_expire_fields(v, f);
    case EFFECT_HPERSIST: return redo_deadlines(v, f, fields_at(f, 0, 1), -1);
    default: return "no such effect on a hash";
    }
}
