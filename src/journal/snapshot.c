/* Writing a snapshot.
 *
 *      owner                                         thread of the file
 *      items ─▶ piece of 128 KB ─┐
 *                                ├─▶ queue ─▶ cut into blocks ─ LZ4 ─ sum ─▶ write … sync, name
 *      section ─▶ piece ─────────┘
 *
 * A piece is a buffer whose first byte is its kind; the owner only fills it. Compression and sums
 * are the thread's: it alone touches the chain, the counts of blocks and the room to pack in. */
#include "snapshot.h"

#include "../base/err.h"
#include "../base/little.h"
#include "../base/mem.h"
#include "snapshot_format.h"

#include <lz4.h>

enum {
    PIECE_BYTES = 128 * 1024,
    PIECE_ROOM = PIECE_BYTES + 1024, /* so that the last item seldom makes it grow */
    PIECE_HEADER = 0,                /* a kind: the header of the file */
};

struct snapshot {
    struct outfile *file;
    struct disk *disk;
    uint64_t obsolete[SNAPSHOT_OBSOLETE_MAX];
    int obsolete_count;
    /* The owner's. */
    struct buffer items;
    uint64_t items_count;
    /* The thread's. */
    uint32_t chain;
    uint64_t blocks, raw_bytes;
};

/* ---- in the thread ---- */

/* Packs the bytes behind the header; how many bytes that makes, 0 when it does not pay. */
static uint32_t pack(struct slice raw, char *to)
{
    if (raw.len < 64) return 0;
    int worth = (int)(raw.len - raw.len / 8);
    int packed = LZ4_compress_default(raw.at, to, (int)raw.len, worth);
    return packed > 0 ? (uint32_t)packed : 0;
}

static void add_block(struct snapshot *s, uint8_t kind, uint8_t flags, struct slice raw,
                      struct buffer *out)
{
    char *to = buffer_reserve(out, BLOCK_HEADER_BYTES + raw.len);
    struct block_header b = {.kind = kind, .flags = flags, .raw = (uint32_t)raw.len};
    b.stored = pack(raw, to + BLOCK_HEADER_BYTES);
    if (b.stored) {
        b.flags |= BLOCK_LZ4;
    } else {
        b.stored = b.raw;
        if (raw.len) memcpy(to + BLOCK_HEADER_BYTES, raw.at, raw.len);
    }
    s->chain = block_header_encode(&b, s->chain, to);
    out->len += BLOCK_HEADER_BYTES + b.stored;
    s->blocks++;
    s->raw_bytes += raw.len;
}

static void add_header(struct snapshot *s, struct slice header, struct buffer *out)
{
    struct snapshot_header h;
    memcpy(&h, header.at, sizeof h);
    char *to = buffer_reserve(out, SNAPSHOT_HEADER_BYTES);
    s->chain = snapshot_header_encode(&h, to);
    out->len += SNAPSHOT_HEADER_BYTES;
}

/* The piece has the count of items; how many blocks there are is known here alone. */
static void add_end(struct snapshot *s, struct slice items, struct buffer *out)
{
    char end[BLOCK_END_BYTES];
    memcpy(end, items.at, 8);
    put64(end + 8, s->blocks);
    put64(end + 16, s->raw_bytes);
    add_block(s, BLOCK_END, 0, slice_of(end, sizeof end), out);
}

static void encode(void *ctx, struct slice piece, struct buffer *out)
{
    struct snapshot *s = ctx;
    uint8_t kind = (uint8_t)piece.at[0];
    struct slice rest = slice_from(piece, 1);
    if (kind == PIECE_HEADER) return add_header(s, rest, out);
    if (kind == BLOCK_END) return add_end(s, rest, out);
    while (rest.len > BLOCK_RAW_MAX) {
        add_block(s, kind, BLOCK_MORE, slice_of(rest.at, BLOCK_RAW_MAX), out);
        rest = slice_from(rest, BLOCK_RAW_MAX);
    }
    add_block(s, kind, 0, rest, out);
}

/* What cannot be removed now goes with the next snapshot. */
static void remove_obsolete(void *ctx)
{
    const struct snapshot *s = ctx;
    struct disk_why ignored;
    for (int i = 0; i < s->obsolete_count; i++) snapshot_remove(s->disk, s->obsolete[i], &ignored);
}

/* ---- the owner ---- */

/* Hands over a piece of two parts. */
static void hand_over(struct snapshot *s, uint8_t kind, struct slice head, struct slice bytes)
{
    struct buffer piece = {0};
    buffer_reserve(&piece, 1 + head.len + bytes.len);
    buffer_add_byte(&piece, (char)kind);
    buffer_add_slice(&piece, head);
    buffer_add_slice(&piece, bytes);
    outfile_take(s->file, &piece);
}

int snapshot_begin(struct snapshot **snapshot, struct disk *disk, const struct snapshot_header *h,
                   const struct snapshot_config *config, struct disk_why *why)
{
    struct snapshot *s = mem_new(struct snapshot);
    char name[SNAPSHOT_NAME_BYTES];
    snapshot_name(h->seq, name);
    s->disk = disk;
    for (int i = 0; i < config->obsolete_count; i++)
        s->obsolete[s->obsolete_count++] = config->obsolete[i];
    struct outfile_config file = {
        .temporary = snapshot_temporary(),
        .name = name,
        .backlog_max = config->backlog_max,
        .threaded = config->threaded,
        .encode = encode,
        .encode_ctx = s,
        .named = remove_obsolete,
        .named_ctx = s,
        .wake = config->wake,
        .wake_ctx = config->wake_ctx,
    };
    int rc = outfile_open(&s->file, disk, &file, why);
    if (rc != 0) {
        mem_delete(s);
        return rc;
    }
    hand_over(s, PIECE_HEADER, slice_of(h, sizeof *h), SLICE(""));
    *snapshot = s;
    return 0;
}

struct buffer *snapshot_room(struct snapshot *s)
{
    if (!s->items.len) {
        buffer_reserve(&s->items, PIECE_ROOM);
        buffer_add_byte(&s->items, BLOCK_ITEMS);
    }
    return &s->items;
}

void snapshot_added(struct snapshot *s)
{
    s->items_count++;
    if (s->items.len > PIECE_BYTES) outfile_take(s->file, &s->items);
}

void snapshot_begin_item(struct buffer *item)
{
    buffer_add_byte(item, BLOCK_ITEMS);
}

void snapshot_take(struct snapshot *s, struct buffer *item)
{
    s->items_count++;
    outfile_take(s->file, item);
}

void snapshot_section(struct snapshot *s, struct slice name, struct slice bytes)
{
    char head[1 + UINT8_MAX];
    head[0] = (char)name.len;
    memcpy(head + 1, name.at, name.len);
    hand_over(s, BLOCK_SECTION, slice_of(head, 1 + name.len), bytes);
}

void snapshot_begin_section(struct buffer *section, struct slice name)
{
    buffer_add_byte(section, BLOCK_SECTION);
    buffer_add_byte(section, (char)name.len);
    buffer_add_slice(section, name);
}

void snapshot_take_section(struct snapshot *s, struct buffer *section)
{
    outfile_take(s->file, section);
}

bool snapshot_ready(const struct snapshot *s)
{
    return outfile_ready(s->file);
}

size_t snapshot_backlog(const struct snapshot *s)
{
    return outfile_backlog(s->file);
}

void snapshot_finish(struct snapshot *s)
{
    char items[8];
    put64(items, s->items_count);
    outfile_take(s->file, &s->items);
    hand_over(s, BLOCK_END, slice_of(items, sizeof items), SLICE(""));
    outfile_finish(s->file);
}

enum outfile_state snapshot_state(struct snapshot *s, int *error, struct disk_why *why)
{
    return outfile_state(s->file, error, why);
}

uint64_t snapshot_items(const struct snapshot *s)
{
    return s->items_count;
}

uint64_t snapshot_bytes(const struct snapshot *s)
{
    return outfile_written(s->file);
}

void snapshot_give_up(struct snapshot *s)
{
    outfile_give_up(s->file);
}

void snapshot_close(struct snapshot *s)
{
    if (!s) return;
    outfile_close(s->file);
    buffer_fini(&s->items);
    mem_delete(s);
}
