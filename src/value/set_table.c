#include "set_table.h"

#include "../base/mem.h"

struct set_table *set_table_new(const unsigned char *secret, size_t expected)
{
    struct set_table *t = mem_new(struct set_table);
    table_init(&t->table, element_hash_of, (void *)secret);
    if (expected) table_reserve(&t->table, expected);
    return t;
}

static table_slot *find(const struct set_table *t, struct slice member, uint64_t *hash)
{
    *hash = element_hash(t->table.ctx, member);
    return table_find(&t->table, *hash, element_is, &member);
}

bool set_table_has(const struct set_table *t, struct slice member)
{
    uint64_t hash;
    return find(t, member, &hash) != NULL;
}

bool set_table_add(struct set_table *t, struct slice member)
{
    uint64_t hash;
    if (find(t, member, &hash)) return false;
    size_t size = element_text_size(member.len);
    char *element = mem_alloc(size);
    element_put_text(element, member);
    table_insert(&t->table, hash, element);
    t->bytes += mem_cost(size);
    return true;
}

static void free_element(void *ctx, void *element)
{
    struct set_table *t = ctx;
    size_t size = element_text_size(element_text(element).len);
    t->bytes -= mem_cost(size);
    mem_free(element, size);
}

bool set_table_remove(struct set_table *t, struct slice member)
{
    uint64_t hash;
    table_slot *slot = find(t, member, &hash);
    if (!slot) return false;
    void *element = table_slot_entry(slot);
    table_erase(&t->table, slot, hash);
    free_element(t, element);
    return true;
}

bool set_table_free_some(struct set_table *t, size_t members)
{
    if (!table_clear(&t->table, free_element, t, members / TABLE_BUCKET_SLOTS + 1)) return false;
    mem_delete(t);
    return true;
}

void set_table_free(struct set_table *t)
{
    while (!set_table_free_some(t, SIZE_MAX)) {
    }
}
