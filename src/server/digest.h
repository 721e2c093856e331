/* A fingerprint of data: equal for equal data, whatever the order in which it came to be, on every
 * run and every machine. For tests that compare data sets, not for secrets. */
#ifndef HARK_SERVER_DIGEST_H
#define HARK_SERVER_DIGEST_H

#include "../keyspace/keyspace.h"

enum { DIGEST_TEXT_SIZE = 41 };

struct digest {
    uint64_t words[3]; /* 160 bits of them count */
};

struct digester;

struct digester *digester_new(void);
void digester_free(struct digester *d);
/* Of what a key holds, and whether it has a deadline, but not which. */
struct digest digest_value(const struct digester *d, const struct entry *e);
/* Of all keys of all databases that are not past their deadline; all zeros when there are none. */
struct digest digest_keyspace(const struct digester *d, const struct keyspace *ks, int64_t now_ms);
/* 40 hex digits and a NUL. */
void digest_text(struct digest digest, char to[DIGEST_TEXT_SIZE]);

#endif
