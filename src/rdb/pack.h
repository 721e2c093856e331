/* Small values as RDB files of all ages hold them: packed into one string.
 *
 *      LISTPACK    since Redis 7.0 (in streams since 5.0); what ds/packed.h keeps
 *      ZIPLIST     before that, of lists, hashes and sorted sets
 *      ZIPMAP      hashes, before Redis 2.6
 *      INTSET      sets of integers
 *
 * Each is a row of texts, integers among them spelt out:
 *
 *      pack_open ─ pack_next, until it says false
 *
 * The bytes come from anywhere. pack_open goes over all of them first, and takes only what the
 * server that made them could have made, as strictly as Redis does when told to sanitize deeply:
 * what pack_next hands out needs no more care. The layouts are drawn in docs/format/rdb.md. */
#ifndef HARK_RDB_PACK_H
#define HARK_RDB_PACK_H

#include "../base/slice.h"
#include "../base/text.h"

enum pack_form { PACK_LISTPACK, PACK_ZIPLIST, PACK_ZIPMAP, PACK_INTSET };

struct pack {
    enum pack_form form;
    size_t count; /* elements; of a zipmap twice as many as pairs */
    size_t left;  /* of them still to come */
    const unsigned char *at, *end;
    size_t width;     /* of an intset's integers */
    const void *list; /* a listpack */
};

/* Are the bytes a sound one of this form? Then it is at its begin. They are borrowed. */
bool pack_open(struct pack *p, enum pack_form form, struct slice bytes);
/* The next element: in the bytes, or, for an integer, written into `digits`. False at the end. */
bool pack_next(struct pack *p, struct slice *text, char digits[TEXT_INT_MAX]);

#endif
