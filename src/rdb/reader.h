/* Reading RDB: files of Redis up to 7.4 and of Valkey 8, from bytes that come in pieces.
 *
 *      rdb_reader_new ─ rdb_feed, again and again ─ rdb_is_done? ─ rdb_reader_free
 *
 * The reader knows no file and no engine. It hands each key that Hark can hold to its visitor and
 * counts the others, which it steps over (rdb_foreign_text): whoever loads decides what that means.
 * It holds one string at a time, what is left of the last piece, and the value that it is building.
 *
 * Damage is an error that says where. A flipped bit may be noticed only by the checksum at the end,
 * when the keys before it have been handed over: until the reader is done, nothing that came from
 * it may be believed. */
#ifndef HARK_RDB_READER_H
#define HARK_RDB_READER_H

#include "../base/buffer.h"
#include "../value/value.h"
#include "format.h"

struct rdb_reader;

/* Slices are good for the call only. */
struct rdb_visitor {
    /* A string. NULL, or why the file is refused: a text that outlives the reader. */
    const char *(*string)(void *ctx, const struct rdb_key *k, struct slice value);
    /* A value of another type, which the visitor takes. NULL, or why, likewise. */
    const char *(*value)(void *ctx, const struct rdb_key *k, struct value v);
    /* A remark about the file, or NULL for who does not care: redis-ver, used-mem, … */
    void (*aux)(void *ctx, struct slice name, struct slice value);
    void *ctx;
};

struct rdb_reader_config {
    bool check_sum;    /* rdbchecksum; a file that was written without is taken all the same */
    int64_t databases; /* keys of others are an error */
    const struct value_config *values;
};

struct rdb_reader *rdb_reader_new(struct rdb_reader_config config, struct rdb_visitor visitor);
void rdb_reader_free(struct rdb_reader *r);

/* Takes a piece. Returns how many of its bytes belong to the file (all, unless the file has ended
 * before them), or ERR_CORRUPT, ERR_UNSUPPORTED, ERR_LIMIT or ERR_DENIED (the visitor's), of which
 * rdb_problem tells; nothing is taken after that. */
long rdb_feed(struct rdb_reader *r, struct slice bytes);
/* Has the file ended, and was its checksum right? */
bool rdb_is_done(const struct rdb_reader *r);
/* What is wrong, with the offset: "unknown item 9b at byte 312". Before the end and without an
 * error: that the file breaks off. */
const char *rdb_problem(struct rdb_reader *r);

/* How many had no element, which old versions of Redis have been seen to write; they are skipped.
 */
uint64_t rdb_empty_keys(const struct rdb_reader *r);

/* What cannot be held: appends "3 lists (the first is 'x') and 1 hash (the first is 'h')"; false
 * when there is none. Data of modules that is no key does not count. */
bool rdb_foreign_text(const struct rdb_reader *r, struct buffer *to);

#endif
