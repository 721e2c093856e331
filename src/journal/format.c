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

static void name_of(uint64_t number, const char *suffix, char to[SEGMENT_NAME_BYTES])
{
    snprintf(to, SEGMENT_NAME_BYTES, "%016llx.%s", (unsigned long long)number, suffix);
}

/* The number in a name with this suffix, or 0. */
static uint64_t number_in(const char *name, const char *suffix)
{
    char again[SEGMENT_NAME_BYTES];
    uint64_t number = strtoull(name, NULL, 16);
    name_of(number, suffix, again);
    return strcmp(name, again) == 0 ? number : 0;
}

void segment_name(uint64_t number, char to[SEGMENT_NAME_BYTES])
{
    name_of(number, "journal", to);
}

uint64_t segment_number(const char *name)
{
    return number_in(name, "journal");
}

/* Summaries ---------------------------------------------------------------------------------- */

static const char SUMMARY_MAGIC[8] = {'H', 'A', 'R', 'K', 'S', 'U', 'M', 'M'};

enum { SUMMARY_VERSION = 1, GROUP_PARTIAL = 1, GROUP_ANY = 2 };

static uint32_t table_sum(const char *header, const char *table, uint32_t count)
{
    uint32_t sum = crc32c(0, header, SUMMARY_HEADER_BYTES - 4);
    return crc32c(sum, table, (size_t)count * SUMMARY_GROUP_BYTES);
}

void summary_header_encode(const struct summary_header *h, const char *table,
                           char to[SUMMARY_HEADER_BYTES])
{
    memset(to, 0, SUMMARY_HEADER_BYTES);
    memcpy(to, SUMMARY_MAGIC, sizeof SUMMARY_MAGIC);
    put32(to + 8, SUMMARY_VERSION);
    put32(to + 12, h->scheme);
    put64(to + 16, h->number);
    put64(to + 24, h->seed);
    put64(to + 32, h->end);
    put32(to + 40, h->end_chain);
    put32(to + 44, h->count);
    put32(to + SUMMARY_HEADER_BYTES - 4, table_sum(to, table, h->count));
}

bool summary_header_decode(struct summary_header *h, const char from[SUMMARY_HEADER_BYTES])
{
    *h = (struct summary_header){
        .scheme = get32(from + 12),
        .count = get32(from + 44),
        .number = get64(from + 16),
        .seed = get64(from + 24),
        .end = get64(from + 32),
        .end_chain = get32(from + 40),
    };
    return memcmp(from, SUMMARY_MAGIC, sizeof SUMMARY_MAGIC) == 0 &&
           get32(from + 8) == SUMMARY_VERSION;
}

bool summary_table_is_sound(const struct summary_header *h, const char from[SUMMARY_HEADER_BYTES],
                            const char *table)
{
    return table_sum(from, table, h->count) == get32(from + SUMMARY_HEADER_BYTES - 4);
}

void summary_group_encode(const struct group *g, char to[SUMMARY_GROUP_BYTES])
{
    put64(to, g->entry.seq);
    put64(to + 8, (uint64_t)g->entry.time_ms);
    put64(to + 16, g->entry.at);
    put32(to + 24, g->entry.chain);
    put32(to + 28, (g->entry.partial ? GROUP_PARTIAL : 0) | (g->any ? GROUP_ANY : 0));
    for (int i = 0; i < 4; i++) put64(to + 32 + 8 * i, g->bits[i]);
    put64(to + 64, g->bloom_at);
    put32(to + 72, g->bloom_bytes);
    put32(to + 76, g->bloom_sum);
}

void summary_group_decode(struct group *g, const char from[SUMMARY_GROUP_BYTES])
{
    uint32_t flags = get32(from + 28);
    *g = (struct group){
        .entry = {get64(from), (int64_t)get64(from + 8), get64(from + 16), get32(from + 24),
                  flags & GROUP_PARTIAL},
        .any = flags & GROUP_ANY,
        .bloom_at = get64(from + 64),
        .bloom_bytes = get32(from + 72),
        .bloom_sum = get32(from + 76),
    };
    for (int i = 0; i < 4; i++) g->bits[i] = get64(from + 32 + 8 * i);
}

void summary_name(uint64_t number, char to[SEGMENT_NAME_BYTES])
{
    name_of(number, "summary", to);
}

uint64_t summary_number(const char *name)
{
    return number_in(name, "summary");
}

/* Frames ------------------------------------------------------------------------------------- */

uint32_t frame_encode(const struct frame *f, uint32_t chain, char *to)
{
    if (f->payload.len) memcpy(to + FRAME_HEADER_BYTES, f->payload.at, f->payload.len);
    return frame_finish(f->kind, f->seq, f->payload.len, chain, to);
}

uint32_t frame_finish(enum frame_kind kind, uint64_t seq, size_t len, uint32_t chain, char *to)
{
    size_t total = frame_bytes(len), end = FRAME_HEADER_BYTES + len;
    put32(to + 4, (uint32_t)len | (uint32_t)kind << LENGTH_BITS);
    put64(to + 8, seq);
    memset(to + end, 0, total - end);
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
