#include "grams.h"

#include "../base/hash.h"
#include "../base/mem.h"

enum { SLOTS_MIN = 4 };

void grams_fini(struct grams *g)
{
    mem_free(g->slots, g->cap * sizeof *g->slots);
    *g = (struct grams){0};
}

uint64_t gram_hash(uint64_t seed, const char *at, int size_log2)
{
    uint64_t low = 0, high = 0;
    switch (size_log2) {
    case 0: memcpy(&low, at, 1); break;
    case 1: memcpy(&low, at, 2); break;
    case 2: memcpy(&low, at, 4); break;
    case 3: memcpy(&low, at, 8); break;
    default:
        memcpy(&low, at, 8);
        memcpy(&high, at + 8, 8);
        low = hash_u64(low ^ seed);
    }
    return hash_u64((low ^ seed) + high + ((uint64_t)size_log2 << 56));
}

/* The slot of this hash, or the empty one where it belongs. */
static struct gram_slot *slot_of(const struct grams *g, uint64_t hash)
{
    size_t i = hash & (g->cap - 1);
    while (g->slots[i].first && g->slots[i].hash != hash) i = (i + 1) & (g->cap - 1);
    return &g->slots[i];
}

static void resize(struct grams *g, size_t cap)
{
    struct gram_slot *old = g->slots;
    size_t old_cap = g->cap;
    g->slots = mem_zalloc(cap * sizeof *g->slots);
    g->cap = cap;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].first) *slot_of(g, old[i].hash) = old[i];
    mem_free(old, old_cap * sizeof *old);
}

/* Empties a slot and moves those behind it up that would not be found across the hole. */
static void clear_slot(struct grams *g, struct gram_slot *slot)
{
    size_t mask = g->cap - 1, hole = (size_t)(slot - g->slots);
    for (size_t i = (hole + 1) & mask; g->slots[i].first; i = (i + 1) & mask) {
        size_t home = g->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        g->slots[hole] = g->slots[i];
        hole = i;
    }
    g->slots[hole].first = NULL;
}

void grams_add(struct grams *g, struct gram_link *link, uint64_t hash, int size_log2)
{
    if (2 * (g->len + 1) > g->cap) resize(g, g->cap ? g->cap * 2 : SLOTS_MIN);
    struct gram_slot *slot = slot_of(g, hash);
    *link = (struct gram_link){.next = slot->first, .hash = hash, .size_log2 = size_log2};
    if (slot->first)
        slot->first->prev = link;
    else
        g->len++;
    *slot = (struct gram_slot){hash, link};
    g->in_use[size_log2]++;
}

void grams_remove(struct grams *g, struct gram_link *link)
{
    g->in_use[link->size_log2]--;
    if (link->next) link->next->prev = link->prev;
    if (link->prev) {
        link->prev->next = link->next;
        return;
    }
    struct gram_slot *slot = slot_of(g, link->hash);
    slot->first = link->next;
    if (slot->first) return;
    clear_slot(g, slot);
    g->len--;
    if (!g->len)
        grams_fini(g);
    else if (g->cap > SLOTS_MIN && 8 * g->len < g->cap)
        resize(g, g->cap / 2);
}

struct gram_link *grams_first(const struct grams *g, uint64_t hash)
{
    return g->cap ? slot_of(g, hash)->first : NULL;
}
