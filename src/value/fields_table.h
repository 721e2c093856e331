/* A large hash: a table of fields, and a heap of those that have a deadline. For fields.c alone.
 *
 *      table ──▶ ┌ deadline 8 ┊ place 4 ┐ length ┊ field ┊ length of the value × 2 + 1 ┊ value
 *      heap  ──▶ └─── where it has one ─┘         ▲ here point the table and the heap
 *
 * A field is one allocation (see element.h). Without a deadline it has no front part, and the
 * last bit of the value's length is 0. The heap has the field with the soonest deadline first;
 * each field knows its place there, so that one is taken out or moved without a search. So a
 * deadline takes 20 bytes: 12 in the field and 8 in the heap.
 *
 * Invariants: every field with a deadline is in the heap, at the place that it says, and none whose
 * deadline is sooner is below it. `bytes` is what the fields take. */
#ifndef HARK_VALUE_FIELDS_TABLE_H
#define HARK_VALUE_FIELDS_TABLE_H

#include "../ds/table.h"
#include "element.h"

struct fields_table {
    struct table table; /* its ctx is the secret of hashes */
    char **heap;
    uint32_t heap_count, heap_cap;
    size_t bytes;
};

enum { FIELD_DEADLINE_SIZE = 12 };

/* A field taken apart. */
struct field_parts {
    struct slice name, value;
    int64_t deadline; /* or -1 */
};
struct field_parts field_parts(const char *field);

struct fields_table *fields_table_new(const unsigned char *secret);
/* Its memory, about so many fields of it at a time; true when all is given back. */
bool fields_table_free_some(struct fields_table *t, size_t fields);
struct fields_table *fields_table_copy(const struct fields_table *t);
size_t fields_table_bytes(const struct fields_table *t);

/* The field of this name, or NULL. */
const char *fields_table_find(const struct fields_table *t, struct slice name);
/* Puts it in place of the one that is there; true when there is none. */
bool fields_table_put(struct fields_table *t, struct field_parts parts);
bool fields_table_remove(struct fields_table *t, struct slice name);
/* How many have a deadline at or before `now_ms`. */
size_t fields_table_past(const struct fields_table *t, int64_t now_ms);

void fields_table_check(const struct fields_table *t);

#endif
