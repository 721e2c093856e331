/* Replies of many elements, in parts: LRANGE, SMEMBERS, HGETALL and their like.
 *
 *      head ─▶ some elements ─▶ others run ─▶ some more ─▶ … ─▶ the last
 *
 * A reply that does not get long is written at once. Of a longer one a part is written in a turn,
 * when the client has taken most of the last: so neither do others wait for it, nor does all of it
 * lie in memory. What it tells is the value of the moment at which the command ran: that is held
 * meanwhile (keyspace_hold), and when it is about to change, the rest is written at once. So is the
 * whole where a reply cannot have parts, as within EXEC. */
#ifndef HARK_COMMAND_PARTS_H
#define HARK_COMMAND_PARTS_H

#include "../value/value.h"
#include "call.h"

struct parts {
    /* Writes elements as long as parts_go_on, and a few at least; is there more? */
    bool (*some)(struct resp_writer *w, struct parts *p);
    struct value value; /* of which the elements are */

    /* As the function above has them. */
    uint64_t at;    /* where it goes on */
    size_t left;    /* elements to come */
    int64_t now_ms; /* when the command ran */
    unsigned with;  /* what there is of each */

    size_t stop; /* private */
};

/* Elements, where they come in batches: between these it asks parts_go_on. */
enum { PARTS_BATCH = 64 };

static inline bool parts_go_on(const struct resp_writer *w, const struct parts *p)
{
    return w->out->len < p->stop && !w->cut;
}

/* Writes the elements of a value that stands under the key, behind the head of the reply. */
void parts_reply(struct call *c, struct slice key, struct parts *p);
/* The same of a value of the command's own, at once. */
void parts_reply_whole(struct resp_writer *w, struct parts *p);

#endif
