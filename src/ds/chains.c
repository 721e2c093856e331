/* Linear hashing. With len buckets in use and `round` the greatest power of two not above len, the
 * buckets 0 … len-round-1 have been split in this round already: a hash belongs to its low bits
 * modulo 2·round if that bucket is in use, and modulo round otherwise. Growing by one bucket
 * therefore divides exactly one chain, and shrinking by one rejoins it. */
#include "chains.h"

#include "../base/assert.h"
#include "../base/mem.h"

#include <string.h>

enum { CHAINS_MIN = 8 };

static size_t round_of(size_t len)
{
    return (size_t)1 << (63 - __builtin_clzll(len));
}

static size_t bucket_of(const struct chains *t, uint64_t hash)
{
    size_t round = round_of(t->len);
    size_t i = hash & (2 * round - 1);
    return i < t->len ? i : i & (round - 1);
}

static void set_cap(struct chains *t, size_t cap)
{
    t->heads = mem_resize(t->heads, t->cap * sizeof *t->heads, cap * sizeof *t->heads);
    if (cap > t->cap) memset(t->heads + t->cap, 0, (cap - t->cap) * sizeof *t->heads);
    t->cap = cap;
}

void chains_fini(struct chains *t)
{
    mem_free(t->heads, t->cap * sizeof *t->heads);
    *t = (struct chains){0};
}

/* Brings one more bucket into use and moves the entries there that belong to it now. */
static void grow(struct chains *t)
{
    if (t->len == t->cap) set_cap(t, t->cap * 2);
    size_t round = round_of(t->len), fresh = t->len++;
    struct chain_link **from = &t->heads[fresh - round], **to = &t->heads[fresh];
    while (*from) {
        struct chain_link *link = *from;
        if ((link->hash & (2 * round - 1)) == fresh) {
            *from = link->next;
            link->next = NULL;
            *to = link;
            to = &link->next;
        } else {
            from = &link->next;
        }
    }
}

/* Takes the last bucket out of use; its entries go back to where they were divided off. */
static void shrink(struct chains *t)
{
    size_t last = --t->len;
    struct chain_link **end = &t->heads[last - round_of(last)];
    while (*end) end = &(*end)->next;
    *end = t->heads[last];
    t->heads[last] = NULL;
    if (t->cap > CHAINS_MIN && t->len <= t->cap / 4) set_cap(t, t->cap / 2);
}

void chains_add(struct chains *t, struct chain_link *link, uint64_t hash)
{
    if (!t->heads) {
        set_cap(t, CHAINS_MIN);
        t->len = CHAINS_MIN;
    }
    link->hash = hash;
    struct chain_link **head = &t->heads[bucket_of(t, hash)];
    link->next = *head;
    *head = link;
    if (++t->count > t->len) grow(t);
}

void chains_remove(struct chains *t, struct chain_link *link)
{
    struct chain_link **at = &t->heads[bucket_of(t, link->hash)];
    while (*at != link) {
        CHECK(*at);
        at = &(*at)->next;
    }
    *at = link->next;
    t->count--;
    /* Twice, so that the buckets are never more than about two per entry however many go. */
    for (int i = 0; i < 2; i++)
        if (t->len > CHAINS_MIN && t->count < t->len / 2) shrink(t);
    if (!t->count) chains_fini(t);
}

struct chain_link *chains_first(const struct chains *t, uint64_t hash)
{
    if (!t->count) return NULL;
    struct chain_link *link = t->heads[bucket_of(t, hash)];
    while (link && link->hash != hash) link = link->next;
    return link;
}

struct chain_link *chain_next(const struct chain_link *link)
{
    uint64_t hash = link->hash;
    struct chain_link *next = link->next;
    while (next && next->hash != hash) next = next->next;
    return next;
}

struct chain_link *chains_each(const struct chains *t, const struct chain_link *last)
{
    if (last && last->next) return last->next;
    for (size_t i = last ? bucket_of(t, last->hash) + 1 : 0; i < t->len; i++)
        if (t->heads[i]) return t->heads[i];
    return NULL;
}
