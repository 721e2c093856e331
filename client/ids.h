/* Ids of entries, and the set of those that are in flight. */
#ifndef HARK_CLIENT_IDS_H
#define HARK_CLIENT_IDS_H

#include "internal.h"

struct entry_id {
    uint64_t ms, n;
};

enum { ENTRY_ID_MAX = 42 }; /* characters, with the NUL */

/* "<ms>-<n>"; false for anything else. */
bool hark_id_parse(struct hark_text text, struct entry_id *out);
size_t hark_id_write(char to[ENTRY_ID_MAX], struct entry_id id);

static inline bool hark_id_less(struct entry_id a, struct entry_id b)
{
    return a.ms < b.ms || (a.ms == b.ms && a.n < b.n);
}

static inline bool hark_id_is_zero(struct entry_id id)
{
    return id.ms == 0 && id.n == 0;
}

/* A set by open addressing: a place that is empty holds 0-0, which no entry has. */
struct id_set {
    struct entry_id *at;
    size_t mask, count;
};

int hark_ids_add(const struct hark_allocator *m, struct id_set *set, struct entry_id id);
bool hark_ids_have(const struct id_set *set, struct entry_id id);
void hark_ids_remove(struct id_set *set, struct entry_id id);
void hark_ids_fini(const struct hark_allocator *m, struct id_set *set);

#endif
