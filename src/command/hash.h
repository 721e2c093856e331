/* What the files of the hash commands share.
 *
 * A field past its deadline is hidden from every command. Those that name such a field, and may
 * change something, put it away first, by the rules of Redis (2026): one `hexpired` with all that
 * are put away, before the command's own events, and `del` if these were the last. Commands of one
 * field say `del` alone then. Those that go through the whole
 * hash, and those that ask for deadlines, just look away. */
#ifndef HARK_COMMAND_HASH_H
#define HARK_COMMAND_HASH_H

#include "../value/fields.h"
#include "call.h"

/* Some of a command's words: those at argument `at`, and then every step-th. */
struct hash_names {
    int at, count, step;
};

static inline struct slice hash_name(const struct call *c, struct hash_names n, int i)
{
    return call_arg(c, n.at + i * n.step);
}

/* The hash at argument 1: 1, 0 when there is none, -1 after writing the error. */
static inline int hash_read(struct call *c, struct value *v)
{
    return call_read_value(c, call_arg(c, 1), TYPE_HASH, v);
}

/* The field, if it is there and not past its deadline. */
bool hash_get(const struct call *c, const struct value *v, struct slice name, struct field *out);

/* Is argument 1 a hash, or not there? False after writing the error. Some commands ask that before
 * they look at their other words. */
bool hash_is_one(struct call *c);
/* Opens the hash at argument 1 for change, those of the named fields that are past put away: false
 * after writing the error. */
bool hash_open(struct call *c, struct opened *k, struct hash_names names, bool end_is_del);
/* The hash that is open, made if there is none. */
struct value *hash_made(struct opened *k);

/* A list of fields for an event: a part of the words of a command. */
struct hash_list {
    struct slice *at;
    size_t count;
};
/* Room for all the names. */
struct hash_list hash_list(struct call *c, struct hash_names names);
static inline void hash_list_add(struct hash_list *l, struct slice name)
{
    l->at[l->count++] = name;
}

/* What redoes a change, by opened_did: HSET, or HSETEX where deadlines stay; HDEL; HPEXPIREAT, or
 * HPERSIST with the deadline -1. */
void hash_did_set(struct opened *k, const struct slice *pairs, size_t words, bool keep);
void hash_did_delete(struct opened *k, struct hash_list fields);
void hash_did_deadline(struct opened *k, struct hash_list fields, int64_t deadline);

/* HEXPIRE and its like: is `deadline` a time that may be kept? The word at argument i, in the unit,
 * from `base`; false after writing the error. */
bool hash_read_time(struct call *c, int i, int64_t unit_ms, int64_t base, int64_t *deadline);
/* `FIELDS count field …` at argument 2 and nothing else; false after writing the error. */
bool hash_read_fields(struct call *c, struct hash_names *names);

void hash_bind_times(struct command_table *t);
void hash_bind_ex(struct command_table *t);
void hash_bind_walks(struct command_table *t);

#endif
