/* Pieces: entries copied as fast as memory goes, in a form of our own that never leaves the
 * process: a struct, the key, the value. */
#include "../base/assert.h"
#include "writer.h"

struct head {
    int64_t db; /* -1: this is the end */
    int64_t deadline, idle_s;
    int64_t freq;
    size_t key_len, value_len;
};

void rdb_piece_entry(struct buffer *piece, int db, const struct entry *e, const struct keyspace *ks,
                     int64_t now_ms)
{
    CHECK(entry_type(e) == TYPE_STRING);
    struct slice key = entry_key(e), value = entry_string(e);
    struct head h = {db, entry_deadline(e), -1, -1, key.len, value.len};
    if (ks && keyspace_access_config(ks).lfu)
        h.freq = keyspace_frequency(ks, e, now_ms);
    else if (ks)
        h.idle_s = keyspace_idle_s(ks, e, now_ms);
    buffer_reserve(piece, sizeof h + key.len + value.len);
    buffer_add(piece, &h, sizeof h);
    buffer_add_slice(piece, key);
    buffer_add_slice(piece, value);
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
        rdb_write_string(w, &k, slice_of(at + h.key_len, h.value_len), out);
        at += h.key_len + h.value_len;
    }
}
