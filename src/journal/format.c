#include "format.h"

#include "../base/crc32c.h"
#include "../base/err.h"
#include "../base/little.h"

#include <stdio.h>
#include <stdlib.h>

static const char SEGMENT_MAGIC[8] = {'H', 'A', 'R', 'K', 'J', 'R', 'N', 'L'};
static const char MARK_MAGIC[4] = {'M', 'A', 'R', 'K'};

enum { LENGTH_BITS = 28, SEED_FIRST = 0x4a };

/* Segments ----------------------------------------------------------------------------------- */

void segment_header_encode(const struct segment_header *h, char to[SEGMENT_HEADER_BYTES])
{
    memset(to, 0, SEGMENT_HEADER_BYTES);
    memcpy(to, SEGMENT_MAGIC, sizeof SEGMENT_MAGIC);
    put32(to + 8, FORMAT_VERSION);
    put32(to + 12, SEGMENT_HEADER_BYTES);
    put64(to + 16, h->number);
    put64(to + 24, h->epoch);
    put64(to + 32, h->seed);
    put64(to + 40, h->first_seq);
    put64(to + 48, h->continues);
    put64(to + 56, h->prior_end);
    put32(to + 64, h->prior_chain);
    put64(to + 72, h->size);
    put64(to + 80, (uint64_t)h->time_ms);
    put32(to + SEGMENT_HEADER_BYTES - 4, crc32c(0, to, SEGMENT_HEADER_BYTES - 4));
}

int segment_header_decode(struct segment_header *h, const char from[SEGMENT_HEADER_BYTES])
{
    if (memcmp(from, SEGMENT_MAGIC, sizeof SEGMENT_MAGIC) != 0) return ERR_CORRUPT;
    uint32_t sum = crc32c(0, from, SEGMENT_HEADER_BYTES - 4);
    if (sum != get32(from + SEGMENT_HEADER_BYTES - 4)) return ERR_CORRUPT;
    if (get32(from + 8) != FORMAT_VERSION) return ERR_UNSUPPORTED;
    *h = (struct segment_header){
        .number = get64(from + 16),
        .epoch = get64(from + 24),
        .seed = get64(from + 32),
        .first_seq = get64(from + 40),
        .continues = get64(from + 48),
        .prior_end = get64(from + 56),
        .prior_chain = get32(from + 64),
        .size = get64(from + 72),
        .time_ms = (int64_t)get64(from + 80),
    };
    return get32(from + 12) == SEGMENT_HEADER_BYTES && h->continues <= 1 && h->first_seq > 0
               ? 0
               : ERR_CORRUPT;
}

uint32_t segment_chain(const struct segment_header *h)
{
    char bytes[16];
    put64(bytes, h->seed);
    put64(bytes + 8, h->number);
    return crc32c(0, bytes, sizeof bytes);
}

void segment_name(uint64_t number, char to[SEGMENT_NAME_BYTES])
{
    snprintf(to, SEGMENT_NAME_BYTES, "%016llx.journal", (unsigned long long)number);
}

uint64_t segment_number(const char *name)
{
    char again[SEGMENT_NAME_BYTES];
    uint64_t number = strtoull(name, NULL, 16);
    segment_name(number, again);
    return strcmp(name, again) == 0 ? number : 0;
}

/* Frames ------------------------------------------------------------------------------------- */

uint32_t frame_encode(const struct frame *f, uint32_t chain, char *to)
{
    size_t total = frame_bytes(f->payload.len);
    put32(to + 4, (uint32_t)f->payload.len | (uint32_t)f->kind << LENGTH_BITS);
    put64(to + 8, f->seq);
    if (total > FRAME_HEADER_BYTES) put64(to + total - 8, 0); /* the padding is in there */
    if (f->payload.len) memcpy(to + FRAME_HEADER_BYTES, f->payload.at, f->payload.len);
    /* In two, so that no load spans what were two stores: the processor would wait for them. */
    chain = crc32c(crc32c(chain, to + 4, 4), to + 8, total - 8);
    put32(to, chain);
    return chain;
}

uint64_t frame_extent(const char *from)
{
    uint32_t word = get32(from + 4), kind = word >> LENGTH_BITS;
    if (kind < FRAME_WHOLE || kind > FRAME_MARK) return 0;
    uint64_t bytes = frame_bytes(word & ((1u << LENGTH_BITS) - 1));
    return bytes <= FRAME_BYTES_MAX ? bytes : 0;
}

void frame_peek(struct frame *f, const char *from)
{
    uint32_t word = get32(from + 4);
    f->kind = (enum frame_kind)(word >> LENGTH_BITS);
    f->seq = get64(from + 8);
    f->payload = slice_of(from + FRAME_HEADER_BYTES, word & ((1u << LENGTH_BITS) - 1));
}

bool frame_decode(struct frame *f, uint32_t *chain, const char *from)
{
    frame_peek(f, from);
    uint32_t sum = crc32c(*chain, from + 4, frame_bytes(f->payload.len) - 4);
    if (sum != get32(from)) return false;
    *chain = sum;
    return f->kind != FRAME_MARK || f->payload.len == MARK_PAYLOAD_BYTES;
}

static uint32_t mark_sum(uint64_t seed, uint64_t at, uint64_t seq, const char *fields, size_t len)
{
    char place[24];
    put64(place, seed);
    put64(place + 8, at);
    put64(place + 16, seq);
    return crc32c(crc32c(SEED_FIRST, place, sizeof place), fields, len);
}

void mark_encode(const struct mark *m, uint64_t seed, uint64_t at, uint64_t seq,
                 char to[MARK_PAYLOAD_BYTES])
{
    put64(to, m->durable);
    put64(to + 8, (uint64_t)m->time_ms);
    memcpy(to + 16, MARK_MAGIC, sizeof MARK_MAGIC);
    put32(to + 20, mark_sum(seed, at, seq, to, 20));
}

bool mark_decode(struct mark *m, uint64_t seed, uint64_t at, const char from[MARK_BYTES])
{
    const char *payload = from + FRAME_HEADER_BYTES;
    if (memcmp(payload + 16, MARK_MAGIC, sizeof MARK_MAGIC) != 0) return false;
    if (get32(payload + 20) != mark_sum(seed, at, get64(from + 8), payload, 20)) return false;
    m->durable = get64(payload);
    m->time_ms = (int64_t)get64(payload + 8);
    return true;
}
