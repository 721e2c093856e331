/* The string commands stand in three files: values as a whole (string.c), changes to the value that
 * is there and parts of it (string_edit.c), and what two values have in common (string_lcs.c). */
#ifndef HARK_COMMAND_STRING_H
#define HARK_COMMAND_STRING_H

#include "call.h"

/* Bind the rows of the other two; command_bind_strings does so. */
void string_bind_edits(struct command_table *t);
void string_bind_lcs(struct command_table *t);

#endif
