/* The list commands stand in three files: one list at its ends and in parts (list.c), elements by
 * place and by text (list_edit.c), and what takes from one list for a client, for another list, or
 * as soon as there is something (list_move.c). */
#ifndef HARK_COMMAND_LIST_H
#define HARK_COMMAND_LIST_H

#include "../value/list.h"
#include "call.h"

/* Reads LEFT or RIGHT, or writes the error. */
bool list_read_end(struct call *c, int i, enum list_end *end);
/* Replies with up to `count` elements of the open list from this end on, as an array, and takes
 * them out; closes the key. */
void list_pop_range(struct call *c, struct opened *k, enum list_end end, size_t count);
/* The same for one element, not in an array. */
void list_pop_one(struct call *c, struct opened *k, enum list_end end);

/* Bind the rows of the other two; command_bind_lists does so. */
void list_bind_edits(struct command_table *t);
void list_bind_moves(struct command_table *t);

#endif
