/* How the map works.
 *
 *      cells   ┌──────────┬──────────┬──────────┬─   8 bytes each, a power of two of them
 *              │ hash   2 │ hash   0 │ hash   1 │    (0: empty; else the item's number + 1)
 *              └────────┼─┴──────────┴────────┼─┴─
 *                 ┌─────│─────────────────────┘
 *      items   ┌──▼──┬──▼──┬─                        by number, dense
 *              │  ●  │  ●  │
 *              └──┼──┴──┼──┴─
 *                 ▼     ▼
 *               value │ hash │ number │ len │ name…
 *
 * Cells are probed linearly from hash mod cells, 3/4 of them are full at most. A cell has the hash,
 * so an item is only touched when it is likely the one. Erasing shifts the cells behind back
 * instead of leaving tombstones, and puts the last item in the place of the erased one.
 *
 * Invariants, which map_check checks:
 *  1. Items are numbered by their place; the cells that are not empty hold each number once, with
 *     the item's hash, which is that of its name.
 *  2. There is no empty cell between an item's own cell (hash mod cells) and the one it is in.
 *  3. At most 3/4 of the cells are full; without items there is no memory.
 *  4. `name_bytes` is what the items cost. */
#include "map.h"

#include "../base/assert.h"
#include "../base/hash.h"
#include "../base/mem.h"

enum { CELLS_MIN = 8, ITEMS_MIN = 4 };

static uint32_t hash_name(const struct map *m, struct slice name)
{
    return (uint32_t)hash_bytes(m->secret, name);
}

static size_t item_size(size_t len)
{
    return sizeof(struct map_item) + len;
}

/* The cell of this name, or the empty one where it would go; there must be cells. */
static struct map_cell *find_cell(const struct map *m, struct slice name, uint32_t hash)
{
    for (uint32_t i = hash;; i++) {
        struct map_cell *cell = &m->cells[i & (m->cells_cap - 1)];
        if (cell->item == 0) return cell;
        if (cell->hash != hash) continue;
        if (slice_equal(map_item_name(m->items[cell->item - 1]), name)) return cell;
    }
}

/* The cell of this item, which is there. */
static struct map_cell *cell_of(const struct map *m, const struct map_item *item)
{
    uint32_t i = item->hash;
    while (m->cells[i & (m->cells_cap - 1)].item != item->number + 1) i++;
    return &m->cells[i & (m->cells_cap - 1)];
}

static void resize_cells(struct map *m, uint32_t cap)
{
    mem_free(m->cells, m->cells_cap * sizeof *m->cells);
    m->cells = cap ? mem_zalloc(cap * sizeof *m->cells) : NULL;
    m->cells_cap = cap;
    for (uint32_t n = 0; n < m->count; n++) {
        uint32_t i = m->items[n]->hash;
        while (m->cells[i & (cap - 1)].item) i++;
        m->cells[i & (cap - 1)] = (struct map_cell){m->items[n]->hash, n + 1};
    }
}

static void resize_items(struct map *m, uint32_t cap)
{
    size_t size = m->items_cap * sizeof *m->items, new_size = cap * sizeof *m->items;
    if (cap) {
        m->items = mem_resize(m->items, size, new_size);
    } else {
        mem_free(m->items, size);
        m->items = NULL;
    }
    m->items_cap = cap;
}

static void make_room(struct map *m)
{
    CHECK(m->count < UINT32_MAX / 4);
    if (m->count == m->items_cap) resize_items(m, m->items_cap ? 2 * m->items_cap : ITEMS_MIN);
    if (m->count >= m->cells_cap / 4 * 3)
        resize_cells(m, m->cells_cap ? 2 * m->cells_cap : CELLS_MIN);
}

static void spare_room(struct map *m)
{
    if (m->count == 0) {
        resize_items(m, 0);
        resize_cells(m, 0);
        return;
    }
    if (m->items_cap > ITEMS_MIN && m->count <= m->items_cap / 4) resize_items(m, m->items_cap / 2);
    if (m->cells_cap > CELLS_MIN && m->count <= m->cells_cap / 8) resize_cells(m, m->cells_cap / 2);
}

/* Empties a cell, and closes the gap with those behind that may move up. */
static void clear_cell(struct map *m, struct map_cell *cell)
{
    uint32_t mask = m->cells_cap - 1, gap = (uint32_t)(cell - m->cells);
    for (uint32_t i = (gap + 1) & mask; m->cells[i].item; i = (i + 1) & mask) {
        uint32_t distance = (i - m->cells[i].hash) & mask;
        if (distance < ((i - gap) & mask)) continue; /* its own cell is behind the gap */
        m->cells[gap] = m->cells[i];
        gap = i;
    }
    m->cells[gap] = (struct map_cell){0, 0};
}

void map_init(struct map *m, const unsigned char *secret)
{
    *m = (struct map){.secret = secret};
}

void map_fini(struct map *m)
{
    for (uint32_t i = 0; i < m->count; i++) mem_free(m->items[i], item_size(m->items[i]->len));
    m->count = 0;
    m->name_bytes = 0;
    spare_room(m);
}

struct map_item *map_find(const struct map *m, struct slice name)
{
    if (m->count == 0) return NULL;
    const struct map_cell *cell = find_cell(m, name, hash_name(m, name));
    return cell->item ? m->items[cell->item - 1] : NULL;
}

struct map_item *map_insert(struct map *m, struct slice name, bool *is_new)
{
    struct map_item *item = map_find(m, name);
    if (is_new) *is_new = !item;
    if (item) return item;
    CHECK(name.len <= UINT32_MAX);
    make_room(m);
    item = mem_alloc(item_size(name.len));
    *item = (struct map_item){NULL, hash_name(m, name), m->count, (uint32_t)name.len};
    if (name.len) memcpy(item->name, name.at, name.len);
    *find_cell(m, name, item->hash) = (struct map_cell){item->hash, m->count + 1};
    m->items[m->count++] = item;
    m->name_bytes += mem_cost(item_size(name.len));
    return item;
}

void *map_erase(struct map *m, struct map_item *item)
{
    CHECK(item->number < m->count && m->items[item->number] == item);
    void *value = item->value;
    clear_cell(m, cell_of(m, item));
    struct map_item *last = m->items[m->count - 1];
    if (last != item) {
        cell_of(m, last)->item = item->number + 1;
        m->items[item->number] = last;
        last->number = item->number;
    }
    m->count--;
    m->name_bytes -= mem_cost(item_size(item->len));
    mem_free(item, item_size(item->len));
    spare_room(m);
    return value;
}

size_t map_bytes(const struct map *m)
{
    return m->name_bytes + mem_cost(m->items_cap * sizeof *m->items) +
           mem_cost(m->cells_cap * sizeof *m->cells);
}

void map_check(const struct map *m)
{
    size_t full = 0, name_bytes = 0;
    for (uint32_t i = 0; i < m->cells_cap; i++) full += m->cells[i].item != 0;
    CHECK(full == m->count);
    CHECK(m->count <= m->items_cap && m->count <= m->cells_cap / 4 * 3);
    CHECK(m->count > 0 || (!m->items && !m->cells));
    for (uint32_t i = 0; i < m->count; i++) {
        const struct map_item *item = m->items[i];
        CHECK(item->number == i);
        CHECK(item->hash == hash_name(m, map_item_name(item)));
        /* Found from its own cell on, before an empty one. */
        const struct map_cell *cell = find_cell(m, map_item_name(item), item->hash);
        CHECK(cell->item == i + 1 && cell->hash == item->hash);
        name_bytes += mem_cost(item_size(item->len));
    }
    CHECK(name_bytes == m->name_bytes);
}
