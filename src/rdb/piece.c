/* Pieces: entries copied as fast as memory goes, in a form of our own that never leaves the
 * process: a struct, the key, the value. A string stands there as its bytes, another value as
 * rdb_put_value makes it without any effort: what costs time is left to who encodes it. */
#include "../value/stream.h"
#include "writer.h"

struct head {
    int64_t db; /* -1: this is the end */
    int64_t deadline, idle_s;
    int64_t freq;
    size_t key_len, value_len;
    unsigned char code;
};

/* Appends the value; of which type it is. */
static unsigned char add_value(struct buffer *piece, const struct entry *e)
{
    if (entry_type(e) == TYPE_STRING) {
        buffer_add_slice(piece, entry_string(e));
        return RDB_STRING;
    }
    struct value v = entry_value(e);
    rdb_put_value(piece, &v, RDB_PLAIN);
    return rdb_type_of(&v);
}

/* What stands before the value, whose code and length come later. */
static void add_head(struct buffer *piece, int db, const struct entry *e, const struct keyspace *ks,
                     int64_t now_ms)
{
    struct slice key = entry_key(e);
    struct head h = {
        .db = db, .deadline = entry_deadline(e), .idle_s = -1, .freq = -1, .key_len = key.len};
    if (ks && keyspace_access_config(ks).lfu)
        h.freq = keyspace_frequency(ks, e, now_ms);
    else if (ks)
        h.idle_s = keyspace_idle_s(ks, e, now_ms);
    buffer_add(piece, &h, sizeof h);
    buffer_add_slice(piece, key);
}

/* The head that is at `at` is of a value with this code, which has begun at `from`. */
static void complete_head(struct buffer *piece, size_t at, size_t from, unsigned char code)
{
    struct head h;
    memcpy(&h, piece->at + at, sizeof h);
    h.code = code;
    h.value_len = piece->len - from;
    memcpy(piece->at + at, &h, sizeof h);
}

void rdb_piece_entry(struct buffer *piece, int db, const struct entry *e, const struct keyspace *ks,
                     int64_t now_ms)
{
    size_t at = piece->len;
    add_head(piece, db, e, ks, now_ms);
    size_t from = piece->len;
    unsigned char code = add_value(piece, e);
    complete_head(piece, at, from, code);
}

/* About how many bytes the value takes, so that a large piece need not grow by being copied: what
 * is pending takes many more in RDB than it does here. */
static size_t value_room(const struct entry *e)
{
    enum { PENDING_BYTES = 48 };
    size_t bytes = entry_bytes(e);
    if (entry_type(e) != TYPE_STREAM) return bytes;
    struct value v = entry_value(e);
    const struct stream *s = stream_of(&v);
    for (size_t i = 0; i < s->groups_count; i++)
        bytes += s->groups[i]->crew.pending.count * PENDING_BYTES;
    return bytes;
}

bool rdb_piece_some(struct buffer *piece, int db, const struct entry *e, const struct keyspace *ks,
                    int64_t now_ms, struct value_progress *p, size_t bytes)
{
    if (!p->mark) {
        buffer_reserve(piece, sizeof(struct head) + entry_key(e).len + value_room(e));
        add_head(piece, db, e, ks, now_ms);
        p->mark = piece->len;
    }
    unsigned char code = RDB_STRING;
    if (entry_type(e) == TYPE_STRING) {
        if (!value_string_some(entry_string(e), p, bytes, piece)) return false;
    } else {
        struct value v = entry_value(e);
        if (!rdb_put_some(piece, &v, p, bytes)) return false;
        code = rdb_type_of(&v);
    }
    complete_head(piece, 0, p->mark, code);
    return true;
}

void rdb_piece_end(struct buffer *piece)
{
    struct head end = {.db = -1};
    buffer_add(piece, &end, sizeof end);
}

void rdb_piece_encode(void *writer, struct slice piece, struct buffer *out)
{
    struct rdb_writer *w = writer;
    if (!w->begun) rdb_write_begin(w, w->config, out);
    for (const char *at = piece.at, *end = piece.at + piece.len; at < end;) {
        struct head h;
        memcpy(&h, at, sizeof h);
        at += sizeof h;
        if (h.db < 0) {
            rdb_write_end(w, out);
            return;
        }
        struct rdb_key k = {h.db, slice_of(at, h.key_len), h.deadline, h.idle_s, (int)h.freq};
        struct slice value = slice_of(at + h.key_len, h.value_len);
        if (h.code == RDB_STRING)
            rdb_write_string(w, &k, value, out);
        else
            rdb_write_plain(w, &k, h.code, value, out);
        at += h.key_len + h.value_len;
    }
}
