/* Values as RDB has them, in the form that Redis 7.0, 7.2 and Valkey 8 load:
 *
 *      list         quicklist of nodes (18)
 *      set          row of integers (11), or its members (2): 7.0 knows no packed sets
 *      sorted set   packed (17), or members and scores, the last first (5)
 *      hash         packed (16), or fields and values (4); with deadlines 25 and 24, which Redis
 *                   knows since 7.4
 *      stream       as of Redis 7.0 (19), which does not know when a consumer was last active
 *
 * What is packed is written as it stands in memory. */
#ifndef HARK_RDB_PUT_H
#define HARK_RDB_PUT_H

#include "../value/value.h"
#include "format.h"

/* What is done to make strings small. */
enum rdb_effort {
    RDB_PLAIN,    /* nothing: as fast as memory goes */
    RDB_INTEGERS, /* those that are integers are written as such */
    RDB_COMPRESS, /* and others by LZF, where that saves something */
};

/* Of which type it will be. */
unsigned char rdb_type_of(const struct value *v);
/* The version of RDB that has this type. */
int rdb_version_of(unsigned char code);
/* Appends what follows the type and the key. */
void rdb_put_value(struct buffer *to, const struct value *v, enum rdb_effort effort);
/* The same with RDB_PLAIN, in parts of about so many bytes: each call appends the next one; true
 * with the last. */
bool rdb_put_some(struct buffer *to, const struct value *v, struct value_progress *at,
                  size_t bytes);
/* Appends once more, with another effort, what rdb_put_value has made of a value of this type. */
void rdb_put_again(struct buffer *to, unsigned char code, struct slice value,
                   enum rdb_effort effort);

#endif
