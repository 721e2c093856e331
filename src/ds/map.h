/* A small general hash map from byte strings to pointers: channels, watched keys, clients by id.
 *
 * It owns copies of the names, not the values. An item stays at its address, name included, until
 * it is erased, so both may be pointed at. Takes no memory while empty.
 *
 * Items are also numbered 0 … count-1, which is how they are walked. An insert takes the next
 * number; an erase gives the last item the number of the erased one. So a walk downward may erase
 * (the current item, or any above it) and insert:
 *
 *     for (size_t i = map_count(m); i-- > 0;) {
 *         struct map_item *item = map_at(m, i);
 *         … map_erase(m, item) …
 *     }
 *
 * The struct has no pointers into itself: assigning it moves the whole content. */
#ifndef HARK_DS_MAP_H
#define HARK_DS_MAP_H

#include "../base/slice.h"

struct map_item {
    void *value;     /* the caller's; NULL in a new item */
    uint32_t hash;   /* private */
    uint32_t number; /* private */
    uint32_t len;
    char name[];
};

struct map_cell {
    uint32_t hash;
    uint32_t item; /* its number + 1; 0: the cell is empty */
};

struct map {
    const unsigned char *secret;
    struct map_item **items; /* by number */
    struct map_cell *cells;  /* open addressing */
    uint32_t count;
    uint32_t items_cap;
    uint32_t cells_cap; /* 0 or a power of two */
    size_t name_bytes;  /* memory of the items */
};

/* An empty map. `secret` (HASH_SECRET_SIZE bytes, see base/hash.h) is borrowed for its life. */
void map_init(struct map *m, const unsigned char *secret);
/* Frees the items; the values are the caller's business. The map is empty then, and usable. */
void map_fini(struct map *m);

/* The item of this name; NULL when there is none. */
struct map_item *map_find(const struct map *m, struct slice name);
/* The item of this name, new with value NULL when there was none (*is_new, which may be NULL). */
struct map_item *map_insert(struct map *m, struct slice name, bool *is_new);
/* Takes out and frees an item of this map; returns its value. */
void *map_erase(struct map *m, struct map_item *item);

static inline size_t map_count(const struct map *m)
{
    return m->count;
}

/* The item with this number, below map_count. */
static inline struct map_item *map_at(const struct map *m, size_t number)
{
    return m->items[number];
}

static inline struct slice map_item_name(const struct map_item *item)
{
    return slice_of(item->name, item->len);
}

/* The value under this name; NULL when there is none. */
static inline void *map_value(const struct map *m, struct slice name)
{
    struct map_item *item = map_find(m, name);
    return item ? item->value : NULL;
}

/* The memory that the map takes, names included. */
size_t map_bytes(const struct map *m);

/* Ends the process when an invariant does not hold; looks at every item. */
void map_check(const struct map *m);

#endif
