/* The bytes of a segment (docs/format/journal.md): headers and frames, put together and taken
 * apart. Nothing here touches a disk. */
#ifndef HARK_JOURNAL_FORMAT_H
#define HARK_JOURNAL_FORMAT_H

#include "../base/slice.h"

enum {
    FORMAT_VERSION = 1,
    SEGMENT_HEADER_BYTES = 512, /* a sector of its own: a torn write of a frame leaves it alone */
    FRAME_HEADER_BYTES = 16,
    MARK_PAYLOAD_BYTES = 24,
    MARK_BYTES = FRAME_HEADER_BYTES + MARK_PAYLOAD_BYTES,
    FRAME_BYTES_MAX = 1 << 20, /* what one frame takes at most; larger records are cut */
    SEGMENT_NAME_BYTES = 32,
};

/* 8 bytes are the unit of everything after the header, so that marks are found by looking at every
 * eighth byte. */
static inline uint64_t frame_bytes(uint64_t payload)
{
    return (FRAME_HEADER_BYTES + payload + 7) & ~UINT64_C(7);
}

struct segment_header {
    uint64_t number;      /* 1, 2, 3 …: the file's name */
    uint64_t epoch;       /* grows with each opening of the journal */
    uint64_t seed;        /* unpredictable: where this segment's chain begins */
    uint64_t first_seq;   /* the first record that begins in this segment */
    uint64_t continues;   /* 1: it starts in the middle of record first_seq - 1 */
    uint64_t prior_end;   /* how many bytes of the segment before count; 0: there was none */
    uint32_t prior_chain; /* and its chain at that place */
    uint64_t size;        /* of this file when it was made */
    int64_t time_ms;      /* unix time when it was begun */
};

void segment_header_encode(const struct segment_header *h, char to[SEGMENT_HEADER_BYTES]);
/* 0, ERR_CORRUPT or ERR_UNSUPPORTED (a newer version). */
int segment_header_decode(struct segment_header *h, const char from[SEGMENT_HEADER_BYTES]);
/* The chain before the first frame. */
uint32_t segment_chain(const struct segment_header *h);

void segment_name(uint64_t number, char to[SEGMENT_NAME_BYTES]);
/* The number, or 0 when it is not the name of a segment. */
uint64_t segment_number(const char *name);

enum frame_kind { FRAME_WHOLE = 1, FRAME_FIRST, FRAME_MIDDLE, FRAME_LAST, FRAME_MARK };

struct frame {
    enum frame_kind kind;
    uint64_t seq; /* of a mark: of the record that begins next */
    struct slice payload;
};

/* A summary, beside a finished segment: the begin of each group, and what is in it. */
enum { SUMMARY_HEADER_BYTES = 64, SUMMARY_GROUP_BYTES = 80, BLOOM_BYTES_MAX = 1 << 20 };

struct summary_header {
    uint32_t scheme;            /* what the bits and hashes mean: the describer's version */
    uint32_t count;             /* of groups */
    uint64_t number, seed, end; /* of the segment */
    uint32_t end_chain;
};

/* A place in a segment where a mark is, and how to go on reading from it. */
struct index_entry {
    uint64_t seq; /* of the record that begins next */
    int64_t time_ms;
    uint64_t at;
    uint32_t chain;
    bool partial; /* in the middle of record seq - 1 */
};

struct group {
    struct index_entry entry;
    uint64_t bits[4];
    bool any;             /* nothing is known: whoever asks has to look */
    uint32_t bloom_bytes; /* of the hashes; 0: none */
    uint32_t bloom_sum;   /* in a file: */
    uint64_t bloom_at;    /* where they stand */
    unsigned char *bloom; /* in memory */
};

/* The table's sum is in the header, so the table comes first. */
void summary_group_encode(const struct group *g, char to[SUMMARY_GROUP_BYTES]);
void summary_header_encode(const struct summary_header *h, const char *table,
                           char to[SUMMARY_HEADER_BYTES]);
/* False when it is not one. */
bool summary_header_decode(struct summary_header *h, const char from[SUMMARY_HEADER_BYTES]);
bool summary_table_is_sound(const struct summary_header *h, const char from[SUMMARY_HEADER_BYTES],
                            const char *table);
void summary_group_decode(struct group *g, const char from[SUMMARY_GROUP_BYTES]);
void summary_name(uint64_t number, char to[SEGMENT_NAME_BYTES]);
uint64_t summary_number(const char *name);

/* Writes header, payload and padding, frame_bytes(payload.len) in all, to `to`. Returns the chain
 * after it. */
uint32_t frame_encode(const struct frame *f, uint32_t chain, char *to);
/* The same when the payload is at to + FRAME_HEADER_BYTES already. */
uint32_t frame_finish(enum frame_kind kind, uint64_t seq, size_t len, uint32_t chain, char *to);
/* How many bytes the frame has that begins with these FRAME_HEADER_BYTES, at least those; 0 when
 * no frame begins so. */
uint64_t frame_extent(const char *from);
/* Takes the frame_extent bytes apart: true if they are one, at this place of the chain, which then
 * goes on. The payload stays where it is. */
bool frame_decode(struct frame *f, uint32_t *chain, const char *from);

/* Kind, seq and payload of a frame that is known to be one. */
void frame_peek(struct frame *f, const char *from);

/* A mark, at the head of each group of records. It can be known without the chain, by the seed. */
struct mark {
    uint64_t durable; /* records up to this one were on the disk when the group was begun */
    int64_t time_ms;  /* of the group's first record */
};

void mark_encode(const struct mark *m, uint64_t seed, uint64_t at, uint64_t seq,
                 char to[MARK_PAYLOAD_BYTES]);
/* `from` is a whole mark frame found at offset `at`; is it one of this segment? */
bool mark_decode(struct mark *m, uint64_t seed, uint64_t at, const char from[MARK_BYTES]);

#endif
