/* The insides of struct pubsub, for the files of this folder. */
#ifndef HARK_PUBSUB_HUB_H
#define HARK_PUBSUB_HUB_H

#include "../base/buffer.h"
#include "routes.h"

enum {
    KEYCHANGE_BYTES_DEFAULT = 16 << 10,
    SCRATCH_KEPT_MAX = 64 << 10, /* of each scratch buffer, from one turn to the next */
};

struct pubsub {
    struct directory directory;
    struct routes routes;
    struct chains subscriptions; /* all, by subscriber and feed */
    struct feed *open;           /* feeds with open message blocks */
    struct pubsub_limits limits;
    size_t subscriptions_max;
    size_t keychange_max;
    size_t clients;
    size_t feeds_bytes; /* of the feeds, seats included */
    uint64_t messages;
    struct subscriber *retired, **retired_end; /* whose subscriptions go by and by */
    bool delivering;                           /* subscribers may not call back */
    uint64_t telling;                          /* see pubsub_telling */
    struct subscriber *only;                   /* of pubsub_retell; NULL: all hear */
    struct buffer channel, payload, subkeys;   /* scratch of announcements */
};

/* Hands a message to all who hear its channel; returns how many got it. */
size_t hub_deliver(struct pubsub *p, struct hearers hearers, struct slice channel,
                   struct slice payload);

#endif
