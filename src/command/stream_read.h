/* The words that XREAD and XREADGROUP share. */
#ifndef HARK_COMMAND_STREAM_READ_H
#define HARK_COMMAND_STREAM_READ_H

#include "stream.h"

enum { READ_STREAMS_MAX = 10000 };

struct read_words {
    bool group;   /* XREADGROUP */
    int group_at; /* the word that is the group's name, the consumer's behind it; 0: none yet */
    bool noack;
    size_t count;    /* COUNT; SIZE_MAX: not told */
    bool blocks;     /* BLOCK */
    int64_t wait_ms; /* of BLOCK; 0: for ever */
    int first;       /* the word of the first stream, */
    int streams;     /* of so many; as many ids follow */
};

/* Writes the error and returns false when they make no sense. */
bool read_words(struct call *c, struct read_words *w, bool group);
/* How many entries of a view are asked for. */
static inline size_t read_count_of_view(const struct read_words *w)
{
    return w->count == SIZE_MAX ? VIEW_ENTRIES_MAX : w->count;
}

/* When the BLOCK ends that begins now. */
int64_t read_deadline(const struct call *c, const struct read_words *w);

/* What has been read so far, of several streams: the reply but for its head. */
struct read_reply {
    struct buffer bytes;
    size_t streams, entries;
};
/* The head of a stream's part, which `entries` replies must follow. */
void read_reply_stream(struct read_reply *r, int proto, struct slice name, size_t entries);
/* Adds what the cursor gives, at most `count` entries, of the stream of this name; nothing where
 * there is none. Returns how many there were. */
size_t read_reply_stored(struct read_reply *r, int proto, struct slice name,
                         struct stream_cursor *from, size_t count);
/* Writes it, or the null of nothing. */
void read_reply_write(struct call *c, const struct read_reply *r);

/* ---- XREADGROUP on a stream that is stored (stream_group_stored.c) ---- */

/* What comes next for the group, and what is pending for the consumer behind `after`. False after
 * writing an error. `woken`: the command has waited. */
bool read_next_stored(struct call *c, const struct read_words *w, struct slice key, bool woken,
                      struct read_reply *to);
bool read_history_stored(struct call *c, const struct read_words *w, struct slice key,
                         struct event_id after, struct read_reply *to);

#endif
