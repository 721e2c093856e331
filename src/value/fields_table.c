#include "fields_table.h"

#include "../base/assert.h"
#include "../base/mem.h"

enum { HEAP_CAP_MIN = 16 };

/* ---- a field ---- */

static int64_t deadline_of(const char *field)
{
    return (int64_t)get64(field - FIELD_DEADLINE_SIZE);
}

static uint32_t place_of(const char *field)
{
    return get32(field - sizeof(uint32_t));
}

/* The number behind the name: the length of the value, and whether there is a deadline. */
static struct slice value_of(const char *field, bool *timed)
{
    struct slice name = element_text(field);
    struct slice rest = slice_of(name.at + name.len, VARINT_MAX);
    uint64_t number = 0;
    bool taken = take_varint(&rest, &number);
    CHECK(taken);
    *timed = number & 1;
    return slice_of(rest.at, (size_t)(number >> 1));
}

struct field_parts field_parts(const char *field)
{
    bool timed;
    struct field_parts parts = {.name = element_text(field), .value = value_of(field, &timed)};
    parts.deadline = timed ? deadline_of(field) : -1;
    return parts;
}

/* What a field takes, from its allocation on. */
static size_t size_of(struct field_parts parts)
{
    char number[VARINT_MAX];
    bool timed = parts.deadline >= 0;
    size_t number_len = (size_t)(put_varint(number, (uint64_t)parts.value.len << 1) - number);
    return (timed ? FIELD_DEADLINE_SIZE : 0) + element_text_size(parts.name.len) + number_len +
           parts.value.len;
}

/* Writes all but the place in the heap. */
static void write_field(char *field, struct field_parts parts)
{
    bool timed = parts.deadline >= 0;
    if (timed) put64(field - FIELD_DEADLINE_SIZE, (uint64_t)parts.deadline);
    char *to = element_put_text(field, parts.name);
    to = put_varint(to, (uint64_t)parts.value.len << 1 | timed);
    if (parts.value.len) memcpy(to, parts.value.at, parts.value.len);
}

static char *new_field(struct fields_table *t, struct field_parts parts)
{
    size_t size = size_of(parts);
    char *field = (char *)mem_alloc(size) + (parts.deadline >= 0 ? FIELD_DEADLINE_SIZE : 0);
    write_field(field, parts);
    t->bytes += mem_cost(size);
    return field;
}

static void free_field(struct fields_table *t, char *field)
{
    struct field_parts parts = field_parts(field);
    size_t size = size_of(parts);
    t->bytes -= mem_cost(size);
    mem_free(field - (parts.deadline >= 0 ? FIELD_DEADLINE_SIZE : 0), size);
}

/* ---- the heap ---- */

static void heap_put(struct fields_table *t, uint32_t i, char *field)
{
    t->heap[i] = field;
    put32(field - sizeof(uint32_t), i);
}

/* Puts a field at place i, or higher or lower as its deadline wants it. */
static void heap_settle(struct fields_table *t, uint32_t i, char *field)
{
    int64_t deadline = deadline_of(field);
    for (; i > 0 && deadline_of(t->heap[(i - 1) / 2]) > deadline; i = (i - 1) / 2)
        heap_put(t, i, t->heap[(i - 1) / 2]);
    for (;;) {
        uint32_t below = 2 * i + 1;
        if (below + 1 < t->heap_count &&
            deadline_of(t->heap[below + 1]) < deadline_of(t->heap[below]))
            below++;
        if (below >= t->heap_count || deadline_of(t->heap[below]) >= deadline) break;
        heap_put(t, i, t->heap[below]);
        i = below;
    }
    heap_put(t, i, field);
}

static void heap_resize(struct fields_table *t, uint32_t cap)
{
    t->heap = mem_resize(t->heap, t->heap_cap * sizeof *t->heap, cap * sizeof *t->heap);
    t->heap_cap = cap;
}

static void heap_add(struct fields_table *t, char *field)
{
    if (t->heap_count == t->heap_cap) heap_resize(t, t->heap_cap ? t->heap_cap * 2 : HEAP_CAP_MIN);
    t->heap_count++;
    heap_settle(t, t->heap_count - 1, field);
}

static void heap_remove(struct fields_table *t, uint32_t i)
{
    char *last = t->heap[--t->heap_count];
    if (i < t->heap_count) heap_settle(t, i, last);
    if (t->heap_cap > HEAP_CAP_MIN && t->heap_count < t->heap_cap / 4)
        heap_resize(t, t->heap_cap / 2);
}

/* ---- the whole ---- */

struct fields_table *fields_table_new(const unsigned char *secret)
{
    struct fields_table *t = mem_new(struct fields_table);
    table_init(&t->table, element_hash_of, (void *)(uintptr_t)secret);
    return t;
}

static void free_visited(void *ctx, void *field)
{
    free_field(ctx, field);
}

bool fields_table_free_some(struct fields_table *t, size_t fields)
{
    if (!table_clear(&t->table, free_visited, t, fields / TABLE_BUCKET_SLOTS + 1)) return false;
    mem_free(t->heap, t->heap_cap * sizeof *t->heap);
    mem_delete(t);
    return true;
}

static uint64_t hash_of(const struct fields_table *t, struct slice name)
{
    return element_hash(t->table.ctx, name);
}

static void add_field(struct fields_table *t, struct field_parts parts, uint64_t hash)
{
    char *field = new_field(t, parts);
    table_insert(&t->table, hash, field);
    if (parts.deadline >= 0) heap_add(t, field);
}

static void copy_visited(void *ctx, void *field)
{
    struct fields_table *copy = ctx;
    struct field_parts parts = field_parts(field);
    add_field(copy, parts, hash_of(copy, parts.name));
}

struct fields_table *fields_table_copy(const struct fields_table *t)
{
    struct fields_table *copy = fields_table_new(t->table.ctx);
    table_reserve(&copy->table, table_count(&t->table));
    for (uint64_t cursor = 0;;) {
        cursor = table_scan(&t->table, cursor, SIZE_MAX, copy_visited, copy);
        if (!cursor) return copy;
    }
}

size_t fields_table_bytes(const struct fields_table *t)
{
    return mem_cost(sizeof *t) + table_bytes(&t->table) + mem_cost(t->heap_cap * sizeof *t->heap) +
           t->bytes;
}

static table_slot *slot_of(const struct fields_table *t, struct slice name, uint64_t hash)
{
    return table_find(&t->table, hash, element_is, &name);
}

const char *fields_table_find(const struct fields_table *t, struct slice name)
{
    table_slot *slot = slot_of(t, name, hash_of(t, name));
    return slot ? table_slot_entry(slot) : NULL;
}

/* The heap has `to` where it had `from`, of which it wants to know the place. */
static void replace_in_heap(struct fields_table *t, const char *from, bool was_timed, char *to,
                            bool is_timed)
{
    if (was_timed && is_timed)
        heap_settle(t, place_of(from), to);
    else if (was_timed)
        heap_remove(t, place_of(from));
    else if (is_timed)
        heap_add(t, to);
}

bool fields_table_put(struct fields_table *t, struct field_parts parts)
{
    uint64_t hash = hash_of(t, parts.name);
    table_slot *slot = slot_of(t, parts.name, hash);
    if (!slot) {
        add_field(t, parts, hash);
        return true;
    }
    char *old = table_slot_entry(slot);
    struct field_parts was = field_parts(old);
    bool was_timed = was.deadline >= 0, is_timed = parts.deadline >= 0;
    if (was_timed == is_timed && was.value.len == parts.value.len) { /* it fits where it is */
        if (is_timed) put64(old - FIELD_DEADLINE_SIZE, (uint64_t)parts.deadline);
        if (was.value.len) memmove((char *)(uintptr_t)was.value.at, parts.value.at, was.value.len);
        replace_in_heap(t, old, was_timed, old, is_timed);
        return false;
    }
    char *field = new_field(t, parts);
    table_slot_replace(slot, field);
    replace_in_heap(t, old, was_timed, field, is_timed);
    free_field(t, old);
    return false;
}

bool fields_table_remove(struct fields_table *t, struct slice name)
{
    uint64_t hash = hash_of(t, name);
    table_slot *slot = slot_of(t, name, hash);
    if (!slot) return false;
    char *field = table_slot_entry(slot);
    table_erase(&t->table, slot, hash);
    if (field_parts(field).deadline >= 0) heap_remove(t, place_of(field));
    free_field(t, field);
    return true;
}

/* What is past stands at the top: below one that is not, none is. */
static size_t past_below(const struct fields_table *t, uint32_t i, int64_t now_ms)
{
    if (i >= t->heap_count || deadline_of(t->heap[i]) > now_ms) return 0;
    return 1 + past_below(t, 2 * i + 1, now_ms) + past_below(t, 2 * i + 2, now_ms);
}

size_t fields_table_past(const struct fields_table *t, int64_t now_ms)
{
    return past_below(t, 0, now_ms);
}

/* ---- checking ---- */

struct checked {
    const struct fields_table *t;
    size_t bytes;
    uint32_t timed;
};

static void check_visited(void *ctx, void *field)
{
    struct checked *c = ctx;
    struct field_parts parts = field_parts(field);
    c->bytes += mem_cost(size_of(parts));
    CHECK(fields_table_find(c->t, parts.name) == field);
    if (parts.deadline < 0) return;
    c->timed++;
    uint32_t i = place_of(field);
    CHECK(i < c->t->heap_count && c->t->heap[i] == field);
    CHECK(i == 0 || deadline_of(c->t->heap[(i - 1) / 2]) <= parts.deadline);
}

void fields_table_check(const struct fields_table *t)
{
    struct checked c = {.t = t};
    uint64_t cursor = 0;
    table_check(&t->table);
    do cursor = table_scan(&t->table, cursor, SIZE_MAX, check_visited, &c);
    while (cursor);
    CHECK(c.bytes == t->bytes);
    CHECK(c.timed == t->heap_count);
}
