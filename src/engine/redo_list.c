/* The effects of the list commands, applied: by the functions that the commands used. */
#include "../base/text.h"
#include "../value/list.h"
#include "internal.h"

static const char *redo_push(struct value *v, const struct effect *f,
                             const struct value_config *config)
{
    if (!f->words_count) return "nothing is to be pushed";
    if (!v->at) *v = list_new();
    list_push(v, f->verb == EFFECT_LPUSH ? LIST_LEFT : LIST_RIGHT, f->words, f->words_count,
              config);
    return NULL;
}

static const char *redo_pop(struct value *v, const struct effect *f,
                            const struct value_config *config)
{
    int64_t count;
    if (f->words_count != 1 || !text_to_int(f->words[0], &count)) return "no number to pop";
    if (count < 1 || (uint64_t)count > list_count(v)) return "there are not so many to pop";
    list_drop(v, f->verb == EFFECT_LPOP ? LIST_LEFT : LIST_RIGHT, (size_t)count, config);
    return NULL;
}

static const char *redo_element(struct value *v, const struct effect *f,
                                const struct value_config *config)
{
    int64_t given;
    size_t index;
    if (f->words_count != 2 || !text_to_int(f->words[0], &given)) return "no index to be set";
    if (!list_index(v, given, &index)) return "there is no element of the index to be set";
    list_set(v, index, f->words[1], config);
    return NULL;
}

static const char *redo_insert(struct value *v, const struct effect *f,
                               const struct value_config *config)
{
    if (f->words_count != 3) return "no pivot and element to be inserted";
    bool after = slice_is(f->words[0], "AFTER");
    if (!after && !slice_is(f->words[0], "BEFORE")) return "neither before nor after";
    bool found = list_insert(v, after, f->words[1], f->words[2], config);
    return found ? NULL : "the pivot is not there";
}

static const char *redo_remove(struct value *v, const struct effect *f,
                               const struct value_config *config)
{
    int64_t count;
    if (f->words_count != 2 || !text_to_int(f->words[0], &count)) return "no number to remove";
    size_t removed = list_remove_equal(v, count, f->words[1], config);
    return removed ? NULL : "the element to be removed is not there";
}

static const char *redo_trim(struct value *v, const struct effect *f,
                             const struct value_config *config)
{
    int64_t start, stop;
    if (f->words_count != 2 || !text_to_int(f->words[0], &start) ||
        !text_to_int(f->words[1], &stop))
        return "no range to be kept";
    list_trim(v, start, stop, config);
    return NULL;
}

const char *redo_list(struct value *v, const struct effect *f, const struct value_config *config)
{
    if (f->verb == EFFECT_RPUSH || f->verb == EFFECT_LPUSH) return redo_push(v, f, config);
    if (!v->at) return "the list to be changed is not there";
    switch (f->verb) {
    case EFFECT_LPOP:
    case EFFECT_RPOP: return redo_pop(v, f, config);
    case EFFECT_LSET: return redo_element(v, f, config);
    case EFFECT_LINSERT: return redo_insert(v, f, config);
    case EFFECT_LREM: return redo_remove(v, f, config);
    case EFFECT_LTRIM: return redo_trim(v, f, config);
    default: return "no effect of lists";
    }
}
