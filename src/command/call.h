/* One execution of a command: what it is given, and how it answers.
 *
 * A command is a short function that reads its arguments, reads keys by gate_read or changes them
 * by gate_open … gate_close, and writes exactly one reply. It checks everything before it changes
 * anything, so that an error leaves no trace. The record is open when it is called. */
#ifndef HARK_COMMAND_CALL_H
#define HARK_COMMAND_CALL_H

#include "../engine/engine.h"
#include "../resp/write.h"
#include "table.h"

struct wait_host; /* wait.h */
struct streams;   /* stream.h */

struct call {
    struct engine *engine;
    struct resp_writer reply;
    const struct slice *argv; /* argv[0] is the command's name; a subcommand's is argv[1] */
    int argc;
    int db;              /* the selected database */
    unsigned read_flags; /* READ_NO_TOUCH for CLIENT NO-TOUCH, passed on to gate_read */
    size_t string_max;   /* proto-max-bulk-len: no string value grows beyond it */
    struct command *command;
    uint64_t client;
    void *session; /* of the rooms above: NULL when the server itself calls */
    void *server;
    const struct wait_host *waits; /* NULL where no command can wait */
    struct streams *streams;       /* NULL where there are no views */
    bool is_played; /* from an append only file: times in it may be later than the clock, which
                       stands (server/import.h) */
};

static inline struct slice call_arg(const struct call *c, int i)
{
    return c->argv[i];
}

static inline bool call_arg_is(const struct call *c, int i, const char *word)
{
    return slice_is(c->argv[i], word);
}

/* The entry to read under a key, misses noted; NULL when there is none. */
static inline const struct entry *call_read(struct call *c, struct slice key)
{
    return gate_read(c->engine, c->db, key, c->read_flags);
}

/* The errors that many commands share; each writes the reply. */
void call_syntax_error(struct call *c);
void call_wrong_type(struct call *c);
void call_not_an_integer(struct call *c);
void call_no_such_key(struct call *c);
/* The system has no memory for something whose size the client decides. */
#define CALL_NO_MEMORY SLICE("OOM the system has no memory for a request or a value of this size.")
void call_no_memory(struct call *c);
/* Any other; false. */
bool call_refuse(struct call *c, struct slice error);

enum { DRAWS_MAX = 4 * 1000 * 1000 }; /* under a second */
/* May so many elements be drawn at once, each time any of them? False after writing the error. */
bool call_may_draw(struct call *c, uint64_t count);

/* Reads an argument as a number, or writes the error that Redis has for it and returns false. */
bool call_int(struct call *c, int i, int64_t *out);
/* The same within bounds; outside of them `ERR value is out of range, must be …` as Redis words it
 * for the kind of bound. */
bool call_int_between(struct call *c, int i, int64_t min, int64_t max, int64_t *out);

/* The same of at least `min`; `wrong` is what else is answered. */
bool call_int_from(struct call *c, int i, int64_t min, const char *wrong, int64_t *out);

/* Reads a string key: 1 and its bytes (valid until the next change), 0 when there is none (*out is
 * empty), -1 after writing the error when it holds another type. */
int call_read_string(struct call *c, struct slice key, struct slice *out);
/* Opens a string key for change; false after writing the error (and closing) when it holds
 * another type. */
bool call_open_string(struct call *c, struct opened *k, struct slice key);

/* What a value costs while it is put under a key: itself, its record as that is made and as it
 * waits for the disk, and what was there before where a snapshot wants to see it. */
enum { CALL_VALUE_TIMES = 4 };
/* Asked before anything is changed: could so many bytes be had now? False after writing the error.
 */
bool call_can_have(struct call *c, size_t bytes);
/* Is there memory for the open string to become `len` bytes long? False after closing it and
 * writing the error. */
bool call_can_grow(struct call *c, struct opened *k, size_t len);

/* The same for other types. Reads: 1 and the value (valid until the next change), 0 when there is
 * none, -1 after writing the error when it holds another type. */
int call_read_value(struct call *c, struct slice key, enum value_type type, struct value *out);
/* Opens for change; false after writing the error (and closing) when the key holds another type.
 * Whether there is a value, opened_entry tells. */
bool call_open_value(struct call *c, struct opened *k, struct slice key, enum value_type type);
/* Puts the result of a …STORE, which is taken, under the key, or deletes the key when there are no
 * elements, and answers `count`; or with an error, when there is no memory for the record of it. */
void call_store(struct call *c, struct slice key, struct value *result, enum event_name event,
                size_t count);
/* When values are packed. */
const struct value_config *call_values(const struct call *c);
/* What draws lots. */
struct random *call_random(const struct call *c);

/* Reads `SELECT`-like database numbers; false after writing the error. */
bool call_db(struct call *c, int i, int *out);

/* The families of this room, each an array of bindings. */
void command_bind_strings(struct command_table *t);
void command_bind_bits(struct command_table *t);
void command_bind_hyperloglogs(struct command_table *t);
void command_bind_geo(struct command_table *t);
void command_bind_sort(struct command_table *t);
void command_bind_generic(struct command_table *t);
void command_bind_dump(struct command_table *t);
void command_bind_expiry(struct command_table *t);
void command_bind_scan(struct command_table *t);
void command_bind_lists(struct command_table *t);
void command_bind_hashes(struct command_table *t);
void command_bind_sets(struct command_table *t);
void command_bind_set_algebra(struct command_table *t);
void command_bind_zsets(struct command_table *t);
void command_bind_streams(struct command_table *t);

#endif
