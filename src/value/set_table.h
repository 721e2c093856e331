/* A large set: a table of members, each one allocation (element.h). For set*.c alone. */
#ifndef HARK_VALUE_SET_TABLE_H
#define HARK_VALUE_SET_TABLE_H

#include "../ds/ints.h"
#include "../ds/packed.h"
#include "../ds/table.h"
#include "element.h"
#include "set.h"

struct set_table {
    struct table table; /* its ctx is the secret of hashes */
    size_t bytes;       /* that the members take */
};

/* For about so many members. */
struct set_table *set_table_new(const unsigned char *secret, size_t expected);
/* Frees it whole. */
void set_table_free(struct set_table *t);
bool set_table_has(const struct set_table *t, struct slice member);
bool set_table_add(struct set_table *t, struct slice member);
bool set_table_remove(struct set_table *t, struct slice member);
/* Frees about so many members; true when all is freed. */
bool set_table_free_some(struct set_table *t, size_t members);

#endif
