/* The commands that clients can use: specs (spec.h) that code has been bound to.
 *
 *      struct command_table *t = command_table_new();
 *      command_bind_all(t, string_commands, n);     { "get", get_command }, { "config|get", … }
 *      …
 *      switch (command_find(t, argv, argc, &cmd)) { … }
 *
 * A spec without code does not exist for clients. A container ("config") exists as soon as one of
 * its subcommands does; it has code only if that was bound as well (as for COMMAND, which replies
 * without a subcommand too), and otherwise an arity that no request without subcommand satisfies.
 *
 * Commands stay where they are for the life of the table, so pointers to them may be kept. */
#ifndef HARK_COMMAND_TABLE_H
#define HARK_COMMAND_TABLE_H

#include "spec.h"
#include "stats.h"

struct call; /* one execution of a command: call.h */
struct resp_writer;
struct command_table;

typedef void command_fn(struct call *call);

struct command {
    const struct command_spec *spec;
    command_fn *run;        /* NULL in a container that is nothing more */
    struct command *parent; /* the container, or NULL */
    struct command **subs;  /* those that exist, by name */
    unsigned subs_count;
    bool exists;
    struct command_stats stats;
};

struct command_binding {
    const char *name; /* as in the spec: "get", "config|get" */
    command_fn *run;
};

struct command_table *command_table_new(void);
void command_table_free(struct command_table *t);

/* Makes a command exist. A name without spec, and binding twice, are bugs and end the process. */
void command_bind(struct command_table *t, const char *name, command_fn *run);
void command_bind_all(struct command_table *t, const struct command_binding *rows, size_t n);

/* Finding ---------------------------------------------------------------------------------- */

enum command_lookup {
    COMMAND_FOUND,
    COMMAND_UNKNOWN,     /* *out is NULL */
    COMMAND_SUB_UNKNOWN, /* *out is the container */
};

/* The command or subcommand of a request, whatever the case; argc is at least 1. A container is
 * found itself when the request ends with it. Reads nothing but the table: a few ns. */
enum command_lookup command_find(const struct command_table *t, const struct slice *argv, int argc,
                                 struct command **out);

/* Does the number of words suit the command? */
static inline bool command_arity_fits(const struct command_spec *spec, int argc)
{
    return spec->arity >= 0 ? argc == spec->arity : argc >= -spec->arity;
}

/* The command of a full name ("get", "config|get"), whatever the case, or NULL. */
struct command *command_named(const struct command_table *t, struct slice name);
/* The command with the id of its spec, or NULL when it does not exist. For a loop over all, in the
 * order of names, count from 0 to command_specs_count(). */
struct command *command_at(const struct command_table *t, size_t id);
/* How many exist, subcommands not counted. */
size_t command_count(const struct command_table *t);

/* The version of Redis whose commands are all there: the highest `since` such that no spec up to it
 * lacks its code. Only groups count of which some command exists, and no spec marked `later`. */
enum { COMMAND_VERSION_MAX = 16 };
void command_table_version(const struct command_table *t, char out[COMMAND_VERSION_MAX]);

/* Refusing --------------------------------------------------------------------------------- */

/* Write the error replies that Redis has for requests that cannot run. */
void command_reply_unknown(struct resp_writer *w, const struct slice *argv, int argc);
void command_reply_unknown_sub(struct resp_writer *w, const struct slice *argv);
/* For a subcommand that has optional arguments, but not as many as these. */
void command_reply_misused_sub(struct resp_writer *w, const struct slice *argv);
void command_reply_arity(struct resp_writer *w, const struct command_spec *spec);

/* Keys ------------------------------------------------------------------------------------- */

struct command_key {
    int pos;        /* in argv */
    uint32_t flags; /* KEY_… */
};

/* Does the command, with some arguments, have keys? */
bool command_has_keys(const struct command_spec *spec);

/* The keys of a request and how the command uses each: writes at most `max` and returns how many
 * there are, which may be more. ERR_SYNTAX when the arguments make no sense, as with a count of
 * keys that is no number, larger than the request, or 0 for a command that cannot do without. The
 * arity must have been checked. */
int command_keys(const struct command_spec *spec, const struct slice *argv, int argc,
                 struct command_key *out, int max);

/* Where the first key of a request most likely is, or 0: a guess for prefetching. */
static inline int command_first_key(const struct command_spec *spec, int argc)
{
    return spec->prefetch_key < argc ? spec->prefetch_key : 0;
}

#endif
