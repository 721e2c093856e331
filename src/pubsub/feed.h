/* A feed: one channel, pattern or sharded channel that somebody is subscribed to, and how a
 * message gets from there to its subscribers.
 *
 *      seats      [ a | b | – | d | e ]      subscribers in order of subscription; one that left
 *                                            leaves its seat empty, and when more are empty than
 *                                            taken, the rest move up
 *      open[2]    ▒▒▒▒▒▒▒▒▒░░░░              per protocol, the block in which this turn's messages
 *                 msg1 msg2 …                lie back to back, so that a queue that takes one after
 *                                            the other holds one span
 *
 * A message is formatted when the first subscriber of a protocol is come to, and once. */
#ifndef HARK_PUBSUB_FEED_H
#define HARK_PUBSUB_FEED_H

#include "../ds/chains.h"
#include "pattern_index.h"
#include "pubsub.h"

struct subscription;

struct seat {
    struct subscriber *who; /* NULL: empty */
    struct subscription *subscription;
};

enum { FEED_PROTOCOLS = 2 }; /* RESP2, RESP3 */

struct feed {
    struct chain_link
        by_name;             /* among the feeds of its kind; first, so that they share addresses */
    struct pattern *pattern; /* of a PUBSUB_PATTERN */
    struct seat *seats;
    uint32_t seats_len, seats_cap;
    uint32_t taken; /* seats with somebody in them */
    uint32_t kind;  /* enum pubsub_kind */
    struct block *open[FEED_PROTOCOLS];
    struct feed *next_open, **at_open; /* in the list of feeds with open blocks */
    uint32_t
        turn_bytes[FEED_PROTOCOLS]; /* formatted in this turn; counts no further than a block */
    uint32_t last_turn_bytes;
    uint32_t name_len;
    char name[];
};

/* One subscriber in one feed. */
struct subscription {
    struct chain_link by_pair; /* among all, by who and feed; first, as above */
    struct subscriber *who;
    struct feed *feed;
    struct subscription *next, *prev; /* of the same subscriber and kind */
    uint32_t seat;
};

static inline struct slice feed_name(const struct feed *f)
{
    return slice_of(f->name, f->name_len);
}

struct feed *feed_new(enum pubsub_kind kind, struct slice name);
/* Nobody may be seated. */
void feed_free(struct feed *f);
/* What it takes, seats included, open blocks not. */
size_t feed_bytes(const struct feed *f);

/* Gives a subscription the last seat. */
void feed_seat(struct feed *f, struct subscription *s);
void feed_unseat(struct feed *f, struct subscription *s);

/* Hands a message to every subscriber; returns how many these are. Feeds with open blocks are put
 * in the list *open. Nothing is sent, and 0 returned, when the message would have 4 GB. */
size_t feed_deliver(struct feed *f, struct slice channel, struct slice payload, struct feed **open);
/* The same for one of them alone. */
size_t feed_deliver_to(struct feed *f, struct subscriber *who, struct slice channel,
                       struct slice payload, struct feed **open);
/* Lets its open blocks go and takes it out of the list. */
void feed_close(struct feed *f);

#endif
