#include "snapshot_format.h"

#include "../base/crc32c.h"
#include "../base/err.h"
#include "../base/little.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char MAGIC[8] = {'H', 'A', 'R', 'K', 'S', 'N', 'A', 'P'};

enum { SUM_AT = 12, HEADER_SUM_AT = SNAPSHOT_HEADER_BYTES - 4 };

uint32_t snapshot_header_encode(const struct snapshot_header *h, char to[SNAPSHOT_HEADER_BYTES])
{
    memset(to, 0, SNAPSHOT_HEADER_BYTES);
    memcpy(to, MAGIC, sizeof MAGIC);
    put32(to + 8, SNAPSHOT_VERSION);
    put32(to + 12, SNAPSHOT_HEADER_BYTES);
    put64(to + 16, h->seq);
    put64(to + 24, (uint64_t)h->last_ms);
    put64(to + 32, h->last_n);
    put64(to + 40, (uint64_t)h->time_ms);
    put64(to + 48, h->journal_epoch);
    uint32_t sum = crc32c(0, to, HEADER_SUM_AT);
    put32(to + HEADER_SUM_AT, sum);
    return sum;
}

int snapshot_header_decode(struct snapshot_header *h, uint32_t *chain,
                           const char from[SNAPSHOT_HEADER_BYTES])
{
    *chain = get32(from + HEADER_SUM_AT);
    if (memcmp(from, MAGIC, sizeof MAGIC) != 0) return ERR_CORRUPT;
    if (crc32c(0, from, HEADER_SUM_AT) != *chain) return ERR_CORRUPT;
    if (get32(from + 8) != SNAPSHOT_VERSION) return ERR_UNSUPPORTED;
    if (get32(from + 12) != SNAPSHOT_HEADER_BYTES) return ERR_CORRUPT;
    *h = (struct snapshot_header){
        .seq = get64(from + 16),
        .last_ms = (int64_t)get64(from + 24),
        .last_n = get64(from + 32),
        .time_ms = (int64_t)get64(from + 40),
        .journal_epoch = get64(from + 48),
    };
    return 0;
}

/* The sum goes over the header but for itself, and over what is stored. */
static uint32_t block_sum(uint32_t chain, uint32_t stored, const char *from)
{
    return crc32c(crc32c(chain, from, SUM_AT), from + BLOCK_HEADER_BYTES, stored);
}

uint32_t block_header_encode(const struct block_header *b, uint32_t chain,
                             char to[BLOCK_HEADER_BYTES])
{
    put32(to, (uint32_t)b->kind | (uint32_t)b->flags << 8);
    put32(to + 4, b->stored);
    put32(to + 8, b->raw);
    uint32_t sum = block_sum(chain, b->stored, to);
    put32(to + SUM_AT, sum);
    return sum;
}

bool block_header_decode(struct block_header *b, const char from[BLOCK_HEADER_BYTES])
{
    uint32_t first = get32(from);
    *b = (struct block_header){
        .kind = (uint8_t)first,
        .flags = (uint8_t)(first >> 8),
        .stored = get32(from + 4),
        .raw = get32(from + 8),
    };
    bool packed = b->flags & BLOCK_LZ4;
    return first >> 16 == 0 && b->kind >= BLOCK_ITEMS && b->kind <= BLOCK_END &&
           b->flags <= (BLOCK_LZ4 | BLOCK_MORE) && b->raw <= BLOCK_RAW_MAX &&
           (packed ? b->stored < b->raw : b->stored == b->raw);
}

bool block_is_whole(const struct block_header *b, uint32_t *chain, const char *from)
{
    *chain = block_sum(*chain, b->stored, from);
    return *chain == get32(from + SUM_AT);
}

/* ---- the folder ---- */

static const char TEMPORARY[] = "snapshot.temporary";

void snapshot_name(uint64_t seq, char name[SNAPSHOT_NAME_BYTES])
{
    snprintf(name, SNAPSHOT_NAME_BYTES, "%016" PRIx64 ".snapshot", seq);
}

struct found {
    uint64_t *seqs;
    int count, max;
};

/* Keeps the largest numbers, in descending order. */
static int visit_name(void *ctx, const char *name)
{
    struct found *f = ctx;
    char again[SNAPSHOT_NAME_BYTES];
    uint64_t seq = strtoull(name, NULL, 16);
    snapshot_name(seq, again);
    if (strcmp(name, again) != 0) return 0;
    int at = f->count;
    while (at > 0 && f->seqs[at - 1] < seq) at--;
    if (at == f->max) return 0;
    int moved = (f->count < f->max ? f->count : f->max - 1) - at;
    memmove(&f->seqs[at + 1], &f->seqs[at], (size_t)moved * sizeof *f->seqs);
    f->seqs[at] = seq;
    if (f->count < f->max) f->count++;
    return 0;
}

int snapshot_list(struct disk *disk, uint64_t *seqs, int max, struct disk_why *why)
{
    struct found f = {.seqs = seqs, .max = max};
    int rc = disk->list(disk, visit_name, &f, why);
    return rc < 0 ? rc : f.count;
}

int snapshot_remove(struct disk *disk, uint64_t seq, struct disk_why *why)
{
    char name[SNAPSHOT_NAME_BYTES];
    snapshot_name(seq, name);
    int rc = disk->unlink(disk, name, why);
    return rc < 0 ? rc : disk->sync_folder(disk, why);
}

const char *snapshot_temporary(void)
{
    return TEMPORARY;
}

void snapshot_clean(struct disk *disk)
{
    struct disk_why ignored; /* as a rule there is none; the next snapshot takes its place */
    disk->unlink(disk, TEMPORARY, &ignored);
}
