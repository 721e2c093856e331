/* The way to change a group, be it of a view or of a stream that is stored.
 *
 *      struct group_door d;
 *      if (!door_open(c, &d, key, group, GROUP_WORDS_KEY_OR)) return;      the error is written
 *      struct consumer *who = door_consumer(&d, name);
 *      door_ack(&d, ids, count) …
 *      door_close(&d);
 *
 * The changes of a view's group go into the books on groups (view/groups.h). Those of a stream's
 * are effects on its key, which is open meanwhile: no other key may be looked at. Of neither hear
 * WATCH and client tracking. */
#ifndef HARK_COMMAND_STREAM_DOOR_H
#define HARK_COMMAND_STREAM_DOOR_H

#include "stream.h"

struct group_door {
    struct call *call;
    struct crew *crew;
    struct group *of_view; /* or */
    struct stream_group *of_stream;
    struct stream *stream;
    struct opened key; /* of the stream */
};

bool door_open(struct call *c, struct group_door *d, struct slice key, struct slice group,
               enum group_words words);
/* The same for the group of a stream whose key was opened and holds one. */
void door_enter(struct call *c, struct group_door *d, struct stream_group *g);
void door_close(struct group_door *d);
/* An effect on the stream's key, whose last word is the code: it is kept. */
void door_did(struct group_door *d, enum effect_verb verb, const struct buffer *code);

/* The consumer of this name, made if it is not there; NULL after writing the error. */
struct consumer *door_consumer(struct group_door *d, struct slice name);
/* The last id delivered. */
struct event_id door_last(const struct group_door *d);
/* It is this one from now on. */
void door_set_last(struct group_door *d, struct event_id last);
/* Ids in any order, pending or not, also twice; sorts them. Returns how many were pending. */
size_t door_ack(struct group_door *d, struct event_id *ids, size_t count);
/* Entries as they are to be pending from now on, for this consumer; ids ascend. False after writing
 * the error that there are too many. */
bool door_claim(struct group_door *d, struct consumer *to, const struct pending_entry *entries,
                size_t count);
/* What is pending for this consumer is handed to it again. Ids ascend and are pending for it. */
void door_redeliver(struct group_door *d, struct consumer *to, const struct event_id *ids,
                    size_t count);

#endif
