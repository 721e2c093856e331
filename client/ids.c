#include "ids.h"

#include <stdio.h>

enum {
    PLACES_MIN = 64,
};

static const char *read_number(const char *at, const char *end, uint64_t *out)
{
    const char *start = at;
    uint64_t n = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(*at - '0'), &n))
            return NULL;
    *out = n;
    return at > start ? at : NULL;
}

bool hark_id_parse(struct hark_text text, struct entry_id *out)
{
    const char *end = text.at + text.len, *at = text.at;
    if (!at) return false;
    at = read_number(at, end, &out->ms);
    if (!at || at == end || *at != '-') return false;
    return read_number(at + 1, end, &out->n) == end;
}

size_t hark_id_write(char to[ENTRY_ID_MAX], struct entry_id id)
{
    return (size_t)snprintf(to, ENTRY_ID_MAX, "%llu-%llu", (unsigned long long)id.ms,
                            (unsigned long long)id.n);
}

static size_t home(const struct id_set *set, struct entry_id id)
{
    uint64_t h = (id.ms * 0x9e3779b97f4a7c15u ^ id.n) * 0xff51afd7ed558ccdu;
    return (size_t)(h ^ h >> 32) & set->mask;
}

/* Where it is, or the empty place where it would be. */
static size_t place(const struct id_set *set, struct entry_id id)
{
    size_t i = home(set, id);
    while (!hark_id_is_zero(set->at[i]) && (set->at[i].ms != id.ms || set->at[i].n != id.n))
        i = (i + 1) & set->mask;
    return i;
}

bool hark_ids_have(const struct id_set *set, struct entry_id id)
{
    return set->at && !hark_id_is_zero(set->at[place(set, id)]);
}

static int grow(const struct hark_allocator *m, struct id_set *set)
{
    size_t places = set->at ? 2 * (set->mask + 1) : PLACES_MIN;
    struct id_set larger = {hark_zalloc(m, places * sizeof *larger.at), places - 1, set->count};
    if (!larger.at) return HARK_NO_MEMORY;
    for (size_t i = 0; set->at && i <= set->mask; i++)
        if (!hark_id_is_zero(set->at[i])) larger.at[place(&larger, set->at[i])] = set->at[i];
    hark_release(m, set->at);
    *set = larger;
    return 0;
}

int hark_ids_add(const struct hark_allocator *m, struct id_set *set, struct entry_id id)
{
    if (hark_ids_have(set, id)) return 0;
    if (!set->at || 2 * set->count > set->mask)
        if (grow(m, set) < 0) return HARK_NO_MEMORY;
    set->at[place(set, id)] = id;
    set->count++;
    return 0;
}

/* What follows moves up, so that every id can be reached from its home without a gap. */
void hark_ids_remove(struct id_set *set, struct entry_id id)
{
    if (!hark_ids_have(set, id)) return;
    size_t hole = place(set, id);
    for (size_t i = (hole + 1) & set->mask; !hark_id_is_zero(set->at[i]); i = (i + 1) & set->mask) {
        size_t from_home = (i - home(set, set->at[i])) & set->mask, gap = (i - hole) & set->mask;
        if (from_home < gap) continue;
        set->at[hole] = set->at[i];
        hole = i;
    }
    set->at[hole] = (struct entry_id){0, 0};
    set->count--;
}

void hark_ids_fini(const struct hark_allocator *m, struct id_set *set)
{
    hark_release(m, set->at);
    *set = (struct id_set){0};
}
