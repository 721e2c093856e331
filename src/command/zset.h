/* What the commands of sorted sets share, and those that store one (geo). */
#ifndef HARK_COMMAND_ZSET_H
#define HARK_COMMAND_ZSET_H

#include "../value/zset.h"
#include "call.h"
#include "parts.h"

/* The head of an array of elements: with scores, RESP3 nests a pair each, RESP2 has them flat. */
static inline void zset_reply_begin(struct call *c, size_t count, bool with_scores)
{
    resp_array(&c->reply, with_scores && c->reply.proto < 3 ? 2 * count : count);
}

static inline void zset_reply_element(struct resp_writer *w, struct slice member, double score,
                                      bool with_scores)
{
    if (with_scores && w->proto >= 3) resp_array(w, 2);
    resp_bulk(w, member);
    if (with_scores) resp_double(w, score);
}

/* The elements of `left` ranks from `at` on, or with ZSET_REVERSE of those before it, backward. */
enum { ZSET_SCORES = 1, ZSET_REVERSE = 2 };
bool zset_some_ranks(struct resp_writer *w, struct parts *p);

/* Ends a …STORE: `result`, which is taken, comes under the key, whatever was there, and `event`
 * tells of it; an empty one deletes the key. Answers with the count. */
void zset_store(struct call *c, struct slice key, struct value *result, enum event_name event);

/* The bindings of the files of this family. */
void command_bind_zset_ranges(struct command_table *t);
void command_bind_zset_pops(struct command_table *t);
void command_bind_zset_algebra(struct command_table *t);

#endif
