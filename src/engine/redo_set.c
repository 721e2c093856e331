#include "../value/set.h"
#include "internal.h"

const char *redo_set(struct value *v, const struct effect *f, const struct value_config *config)
{
    if (!f->words_count) return "members are missing";
    if (f->verb == EFFECT_SADD)
        return set_add_all(v, f->words, f->words_count, config)
                   ? NULL
                   : "all members to be added are there already";
    if (!v->at) return "the set to be taken from is not there";
    return set_remove_all(v, f->words, f->words_count) ? NULL
                                                       : "no member to be taken out is there";
}
