/* Writing RDB: a file key by key into a buffer of the caller's, and single values as DUMP has them.
 *
 *      rdb_write_begin ─ rdb_write_string … ─ rdb_write_end
 *
 * Who walks the data must be quick, and compression is not: so what is to be written can be copied
 * into pieces first, as it stands in memory, which another thread makes a file of.
 *
 *      rdb_piece_entry … rdb_piece_end ─▶ pieces ─▶ rdb_piece_encode ─▶ the bytes of the file */
#ifndef HARK_RDB_WRITER_H
#define HARK_RDB_WRITER_H

#include "../base/buffer.h"
#include "../keyspace/keyspace.h"
#include "format.h"
#include "put.h"

struct rdb_writer_config {
    char redis_version[16]; /* as which we write: a remark in the file */
    bool compress;          /* rdbcompression */
    bool sum;               /* rdbchecksum */
    int64_t created_s;      /* unix time */
    uint64_t memory_used;
    int version; /* RDB_VERSION, unless a type is written that wants more (rdb_version_of) */
};

struct rdb_writer {
    struct rdb_writer_config config;
    bool begun;
    int64_t db;        /* of the last key */
    uint64_t checksum; /* of what was written */
};

void rdb_write_begin(struct rdb_writer *w, struct rdb_writer_config config, struct buffer *out);
void rdb_write_string(struct rdb_writer *w, const struct rdb_key *k, struct slice value,
                      struct buffer *out);
void rdb_write_value(struct rdb_writer *w, const struct rdb_key *k, const struct value *v,
                     struct buffer *out);
/* The same of what rdb_put_value has made of it, with RDB_PLAIN. */
void rdb_write_plain(struct rdb_writer *w, const struct rdb_key *k, unsigned char code,
                     struct slice value, struct buffer *out);
void rdb_write_end(struct rdb_writer *w, struct buffer *out);

/* ---- pieces ---- */

/* Appends an entry to a piece. `ks` where its access is to be told, by the policy that counts it
 * there; else NULL. */
void rdb_piece_entry(struct buffer *piece, int db, const struct entry *e, const struct keyspace *ks,
                     int64_t now_ms);
/* A piece of one entry alone, in parts of about so many bytes: begins with an empty one, and each
 * call appends to it; true with the last part. */
bool rdb_piece_some(struct buffer *piece, int db, const struct entry *e, const struct keyspace *ks,
                    int64_t now_ms, struct value_progress *p, size_t bytes);
/* After the last one, in the same piece or another. */
void rdb_piece_end(struct buffer *piece);
/* Appends what a piece is in the file: `writer` is a struct rdb_writer with its config and zeros,
 * and pieces come whole and in order. */
void rdb_piece_encode(void *writer, struct slice piece, struct buffer *out);

/* ---- single values ----
 *
 *      type | value | version, 2 bytes, low first | CRC64 of all before, 8 bytes, low first */

enum { RDB_DUMP_FRAME_SIZE = 1 + 2 + RDB_SUM_SIZE };

/* Appends what DUMP answers for the entry. */
void rdb_dump(struct buffer *to, const struct entry *e, bool compress);

/* The value in what DUMP has answered. */
struct rdb_undumped {
    enum rdb_kind kind;
    struct slice string; /* of a string: in the payload or in `scratch` */
    struct value value;  /* of what else is known, the caller's */
};
/* 0; ERR_UNSUPPORTED when version or checksum are wrong; ERR_ABSENT when values of this kind are
 * not known; ERR_NOMEM; ERR_CORRUPT, also for a value without elements. */
int rdb_undump(struct slice payload, size_t string_max, const struct value_config *config,
               struct buffer *scratch, struct rdb_undumped *out);

#endif
