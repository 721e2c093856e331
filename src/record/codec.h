/* A record as bytes: what stands in the journal, and what a follower is sent.
 *
 * The bytes hold all of a record but its sequence number, which whoever keeps them knows, and the
 * notes that only live subscribers hear. They have no length and no checksum of their own: that is
 * the journal's part. The layout stands in docs/format/record.md.
 *
 * Fields that an effect does not use are not stored; decoded, `arg` and `words` are empty, `when`
 * is 0 and `form` FORM_SET there. A decoded note has no `notify` flags. */
#ifndef HARK_RECORD_CODEC_H
#define HARK_RECORD_CODEC_H

#include "record.h"

enum {
    RECORD_VERSION = 1,
    RECORD_VERSION_BOOKS = 2, /* a record of nothing but changes of the books of views, shorter */
};

/* At most so many bytes does record_encode write: little more than the record's keys, values and
 * subkeys take, each note's key counted although it is seldom stored again. */
size_t record_encoded_max(const struct record *r);
/* Writes a record that has a sequence number to `to`, where there is room for the size above;
 * returns how many bytes it took. */
size_t record_encode(char *to, const struct record *r);

/* Where decoding puts its lists. Zeroed before the first use; grows in proportion to the bytes
 * decoded, and keeps its memory from one record to the next. */
struct record_room {
    struct effect *effects;
    struct note *notes;
    struct slice *subkeys, *words;
    size_t effects_cap, notes_cap, subkeys_cap, words_cap;
};
void record_room_fini(struct record_room *room);

/* Reads a record; its slices point into `bytes`, its lists into `room`, whose former content is
 * gone. Whatever the bytes are, nothing beyond them is read. ERR_CORRUPT when they are not exactly
 * one record, ERR_UNSUPPORTED when they begin with a format that is not known here; *out is
 * undefined then. That the effects are possible (a database of that number exists, say) is for
 * engine_replay to find out. */
int record_decode(struct slice bytes, uint64_t seq, struct record_room *room, struct record *out);

/* For those who look through many records for a few events. */

/* The id alone, in a few nanoseconds; errors as above. */
int record_peek(struct slice bytes, struct event_id *id);
/* Is one of `events` among the record's, or is it no whole record? */
bool record_may_tell(struct slice bytes, event_set events);

#endif
