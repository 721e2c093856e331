/* Reading a snapshot, from begin to end. Nothing is believed before its sum was seen. */
#include "../base/err.h"
#include "../base/little.h"
#include "../base/mem.h"
#include "snapshot_format.h"

#include <lz4.h>
#include <stdio.h>

enum { WINDOW_BYTES = 1 << 20 };

struct snapshot_reader {
    struct disk *disk;
    int file;
    char name[SNAPSHOT_NAME_BYTES];
    uint64_t at, size; /* of the next block; of the file */
    uint32_t chain;
    uint64_t blocks, raw_bytes, items;
    struct buffer window; /* bytes of the file from window_at on */
    uint64_t window_at;
    struct buffer whole; /* what is put together of several blocks, or unpacked */
};

static int damaged(const struct snapshot_reader *r, struct disk_why *why, const char *what)
{
    snprintf(why->text, sizeof why->text, "%s, offset %llu: %s", r->name, (unsigned long long)r->at,
             what);
    return ERR_CORRUPT;
}

/* Puts the file's name before the system's reason. */
static int named(const struct snapshot_reader *r, struct disk_why *why, int rc)
{
    struct disk_why reason = *why;
    snprintf(why->text, sizeof why->text, "%s: %.250s", r->name, reason.text);
    return rc;
}

/* The next `len` bytes of the file, without going on; fewer are damage. */
static int look(struct snapshot_reader *r, size_t len, const char **bytes, struct disk_why *why)
{
    if (len > r->size - r->at) return damaged(r, why, "it ends in the middle");
    if (r->at + len > r->window_at + r->window.len) {
        size_t room = len > WINDOW_BYTES ? len : WINDOW_BYTES;
        r->window.len = 0;
        char *to = buffer_reserve(&r->window, room);
        long n = disk_read_all(r->disk, r->file, to, room, r->at, why);
        if (n < 0) return named(r, why, (int)n);
        r->window.len = (size_t)n;
        r->window_at = r->at;
        if ((size_t)n < len) return damaged(r, why, "it ends in the middle");
    }
    *bytes = r->window.at + (r->at - r->window_at);
    return 0;
}

/* The next block, whose sum is right: *stored is good until the next look. */
static int next_block(struct snapshot_reader *r, struct block_header *b, struct slice *stored,
                      struct disk_why *why)
{
    const char *bytes;
    int rc = look(r, BLOCK_HEADER_BYTES, &bytes, why);
    if (rc != 0) return rc;
    if (!block_header_decode(b, bytes)) return damaged(r, why, "there is no block");
    rc = look(r, BLOCK_HEADER_BYTES + b->stored, &bytes, why);
    if (rc != 0) return rc;
    if (!block_is_whole(b, &r->chain, bytes)) return damaged(r, why, "a block with a wrong sum");
    *stored = slice_of(bytes + BLOCK_HEADER_BYTES, b->stored);
    r->at += BLOCK_HEADER_BYTES + b->stored;
    return 0;
}

/* Appends what the block holds to `whole`. */
static int unpack(struct snapshot_reader *r, const struct block_header *b, struct slice stored,
                  struct disk_why *why)
{
    char *to = buffer_reserve(&r->whole, b->raw + 1); /* never NULL */
    if (!(b->flags & BLOCK_LZ4)) {
        buffer_add_slice(&r->whole, stored);
        return 0;
    }
    int n = LZ4_decompress_safe(stored.at, to, (int)b->stored, (int)b->raw);
    if (n < 0 || (uint32_t)n != b->raw) return damaged(r, why, "a block that cannot be unpacked");
    r->whole.len += b->raw;
    return 0;
}

/* One item or a run of them, of one block or more; *kind is that of the blocks. */
static int next_run(struct snapshot_reader *r, uint8_t *kind, struct disk_why *why)
{
    struct block_header b = {.flags = 0};
    struct slice stored = {0};
    r->whole.len = 0;
    for (bool first = true; first || (b.flags & BLOCK_MORE); first = false) {
        int rc = next_block(r, &b, &stored, why);
        if (rc == 0) rc = unpack(r, &b, stored, why);
        if (rc != 0) return rc;
        if (first) *kind = b.kind;
        if (b.kind != *kind) return damaged(r, why, "what goes on in the next block does not");
        if (b.kind != BLOCK_END) r->blocks++, r->raw_bytes += b.raw;
    }
    return 0;
}

static int end(struct snapshot_reader *r, struct disk_why *why)
{
    const char *at = r->whole.at;
    if (r->whole.len != BLOCK_END_BYTES || get64(at + 8) != r->blocks ||
        get64(at + 16) != r->raw_bytes)
        return damaged(r, why, "the end has other counts");
    if (r->at != r->size) return damaged(r, why, "there is something behind the end");
    r->items = get64(at);
    return 0;
}

int snapshot_next(struct snapshot_reader *r, struct snapshot_part *part, struct disk_why *why)
{
    uint8_t kind = BLOCK_END;
    int rc = next_run(r, &kind, why);
    if (rc != 0) return rc;
    if (kind == BLOCK_END) return end(r, why);
    struct slice bytes = buffer_slice(&r->whole);
    *part = (struct snapshot_part){.kind = (enum snapshot_kind)kind, .bytes = bytes};
    if (kind == BLOCK_ITEMS) return 1;
    size_t name_len = bytes.len ? (unsigned char)bytes.at[0] : 0;
    if (!name_len || 1 + name_len > bytes.len) return damaged(r, why, "a section without a name");
    part->name = slice_of(bytes.at + 1, name_len);
    part->bytes = slice_from(bytes, 1 + name_len);
    return 1;
}

static int read_header(struct snapshot_reader *r, uint64_t seq, struct snapshot_header *h,
                       struct disk_why *why)
{
    const char *bytes;
    int rc = r->disk->size(r->disk, r->file, &r->size, why);
    if (rc != 0) return named(r, why, rc);
    rc = look(r, SNAPSHOT_HEADER_BYTES, &bytes, why);
    if (rc != 0) return rc;
    rc = snapshot_header_decode(h, &r->chain, bytes);
    if (rc == ERR_UNSUPPORTED) {
        *why = (struct disk_why){"it is of a newer version of the format"};
        return named(r, why, rc);
    }
    if (rc != 0) return damaged(r, why, "the header is damaged");
    if (h->seq != seq) return damaged(r, why, "it has another's header");
    r->at = SNAPSHOT_HEADER_BYTES;
    return 0;
}

int snapshot_open(struct snapshot_reader **reader, struct disk *disk, uint64_t seq,
                  struct snapshot_header *h, struct disk_why *why)
{
    struct snapshot_reader *r = mem_new(struct snapshot_reader);
    r->disk = disk;
    snapshot_name(seq, r->name);
    int rc = r->file = disk->open(disk, r->name, 0, why);
    rc = rc < 0 ? named(r, why, rc) : read_header(r, seq, h, why);
    if (rc == 0)
        *reader = r;
    else
        snapshot_reader_close(r);
    return rc;
}

uint64_t snapshot_items_told(const struct snapshot_reader *r)
{
    return r->items;
}

uint64_t snapshot_read_so_far(const struct snapshot_reader *r, uint64_t *size)
{
    *size = r->size;
    return r->at;
}

void snapshot_reader_close(struct snapshot_reader *r)
{
    if (!r) return;
    if (r->file >= 0) r->disk->close(r->disk, r->file);
    buffer_fini(&r->window);
    buffer_fini(&r->whole);
    mem_delete(r);
}
