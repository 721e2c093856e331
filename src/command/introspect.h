/* What COMMAND and its subcommands, and the HELP of every container, reply.
 *
 * Each function writes one whole reply, an error included, in the shape that Redis 7 gives it. The
 * requests are given as clients sent them, so argv[0] is "COMMAND"; their number of words must
 * suit the arity in the spec. Only commands that exist are told of, in the order of their names. */
#ifndef HARK_COMMAND_INTROSPECT_H
#define HARK_COMMAND_INTROSPECT_H

#include "../resp/write.h"
#include "table.h"

/* COMMAND */
void introspect_all(const struct command_table *t, struct resp_writer *w);
/* COMMAND COUNT: subcommands do not count. */
void introspect_count(const struct command_table *t, struct resp_writer *w);
/* COMMAND INFO [name …]: null for a name that does not exist. */
void introspect_info(const struct command_table *t, const struct slice *argv, int argc,
                     struct resp_writer *w);
/* COMMAND DOCS [name …]: names that do not exist are left out. */
void introspect_docs(const struct command_table *t, const struct slice *argv, int argc,
                     struct resp_writer *w);
/* COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN glob] */
void introspect_list(const struct command_table *t, const struct slice *argv, int argc,
                     struct resp_writer *w);
/* COMMAND GETKEYS request … */
void introspect_getkeys(const struct command_table *t, const struct slice *argv, int argc,
                        struct resp_writer *w);
/* COMMAND GETKEYSANDFLAGS request … */
void introspect_getkeysandflags(const struct command_table *t, const struct slice *argv, int argc,
                                struct resp_writer *w);
/* COMMAND HELP */
void introspect_help(struct resp_writer *w);

/* The reply to HELP of the container `name` ("config"): a line that says how it is used, the lines
 * given (NULL ends them), and one on HELP itself. By custom a subcommand's line looks like
 * "GET <pattern>" and is followed by lines with four blanks in front that say what it does. */
void command_help(struct resp_writer *w, const char *name, const char *const *lines);

#endif
