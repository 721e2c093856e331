/* The words that XREAD and XREADGROUP share. */
#ifndef HARK_COMMAND_STREAM_READ_H
#define HARK_COMMAND_STREAM_READ_H

#include "stream.h"

struct read_words {
    bool group;   /* XREADGROUP */
    int group_at; /* the word that is the group's name, the consumer's behind it; 0: none yet */
    bool noack;
    size_t count;    /* COUNT, or how many there are at most without */
    bool blocks;     /* BLOCK */
    int64_t wait_ms; /* of BLOCK; 0: for ever */
    int first;       /* the word of the first stream, */
    int streams;     /* of so many; as many ids follow */
};

/* Writes the error and returns false when they make no sense. */
bool read_words(struct call *c, struct read_words *w, bool group);
/* When the BLOCK ends that begins now. */
int64_t read_deadline(const struct call *c, const struct read_words *w);

/* What has been read so far, of several streams: the reply but for its head. */
struct read_reply {
    struct buffer bytes;
    size_t streams;
};
/* The head of a stream's part, which `entries` replies must follow. */
void read_reply_stream(struct read_reply *r, int proto, struct slice name, size_t entries);
/* Writes it, or the null of nothing. */
void read_reply_write(struct call *c, const struct read_reply *r);

#endif
