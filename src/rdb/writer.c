#include "writer.h"

#include "../base/crc64.h"
#include "../base/err.h"
#include "../base/text.h"
#include "build.h"

/* ---- files ---- */

/* What was appended from `from` on is in the checksum. */
static void sum_up(struct rdb_writer *w, const struct buffer *out, size_t from)
{
    if (w->config.sum) w->checksum = crc64(w->checksum, out->at + from, out->len - from);
}

static void put_aux(struct buffer *out, const char *name, struct slice value)
{
    rdb_put_number(out, RDB_AUX, 1);
    rdb_put_string(out, slice_text(name), false);
    rdb_put_string(out, value, false);
}

static void put_aux_int(struct buffer *out, const char *name, int64_t value)
{
    char text[TEXT_INT_MAX];
    put_aux(out, name, slice_of(text, text_from_int(text, value)));
}

void rdb_write_begin(struct rdb_writer *w, struct rdb_writer_config config, struct buffer *out)
{
    size_t from = out->len;
    *w = (struct rdb_writer){.config = config, .begun = true, .db = -1};
    buffer_printf(out, "REDIS%04d", config.version ? config.version : RDB_VERSION);
    put_aux(out, "redis-ver", slice_text(config.redis_version));
    put_aux_int(out, "redis-bits", (int64_t)sizeof(void *) * 8);
    put_aux_int(out, "ctime", config.created_s);
    put_aux_int(out, "used-mem", (int64_t)config.memory_used);
    put_aux_int(out, "aof-base", 0);
    sum_up(w, out, from);
}

static void put_facts(const struct rdb_key *k, struct buffer *out)
{
    if (k->deadline >= 0) {
        rdb_put_number(out, RDB_EXPIRETIME_MS, 1);
        rdb_put_number(out, (uint64_t)k->deadline, 8);
    }
    if (k->idle_s >= 0) {
        rdb_put_number(out, RDB_IDLE, 1);
        rdb_put_length(out, (uint64_t)k->idle_s);
    }
    if (k->freq >= 0) {
        rdb_put_number(out, RDB_FREQ, 1);
        rdb_put_number(out, (uint64_t)k->freq, 1);
    }
}

/* What stands before the value. */
static void put_key(struct rdb_writer *w, const struct rdb_key *k, unsigned char code,
                    struct buffer *out)
{
    if (k->db != w->db) {
        rdb_put_number(out, RDB_SELECTDB, 1);
        rdb_put_length(out, (uint64_t)k->db);
        w->db = k->db;
    }
    put_facts(k, out);
    rdb_put_number(out, code, 1);
    rdb_put_string(out, k->key, w->config.compress);
}

static enum rdb_effort effort_of(const struct rdb_writer *w)
{
    return w->config.compress ? RDB_COMPRESS : RDB_INTEGERS;
}

void rdb_write_string(struct rdb_writer *w, const struct rdb_key *k, struct slice value,
                      struct buffer *out)
{
    size_t from = out->len;
    put_key(w, k, RDB_STRING, out);
    rdb_put_string(out, value, w->config.compress);
    sum_up(w, out, from);
}

void rdb_write_value(struct rdb_writer *w, const struct rdb_key *k, const struct value *v,
                     struct buffer *out)
{
    size_t from = out->len;
    put_key(w, k, rdb_type_of(v), out);
    rdb_put_value(out, v, effort_of(w));
    sum_up(w, out, from);
}

void rdb_write_plain(struct rdb_writer *w, const struct rdb_key *k, unsigned char code,
                     struct slice value, struct buffer *out)
{
    size_t from = out->len;
    put_key(w, k, code, out);
    rdb_put_again(out, code, value, effort_of(w));
    sum_up(w, out, from);
}

void rdb_write_end(struct rdb_writer *w, struct buffer *out)
{
    size_t from = out->len;
    rdb_put_number(out, RDB_EOF, 1);
    sum_up(w, out, from);
    rdb_put_number(out, w->checksum, RDB_SUM_SIZE); /* 0: there is none */
}

/* ---- single values ---- */

enum { VERSION_SIZE = 2, FOOTER_SIZE = VERSION_SIZE + RDB_SUM_SIZE };

static unsigned char put_entry(struct buffer *to, const struct entry *e, enum rdb_effort effort)
{
    if (entry_type(e) == TYPE_STRING) {
        rdb_put_number(to, RDB_STRING, 1);
        rdb_put_string(to, entry_string(e), effort == RDB_COMPRESS);
        return RDB_STRING;
    }
    struct value v = entry_value(e);
    unsigned char code = rdb_type_of(&v);
    rdb_put_number(to, code, 1);
    rdb_put_value(to, &v, effort);
    return code;
}

void rdb_dump(struct buffer *to, const struct entry *e, bool compress)
{
    size_t from = to->len;
    unsigned char code = put_entry(to, e, compress ? RDB_COMPRESS : RDB_INTEGERS);
    rdb_put_number(to, (uint64_t)rdb_version_of(code), VERSION_SIZE);
    rdb_put_number(to, crc64(0, to->at + from, to->len - from), RDB_SUM_SIZE);
}

static bool footer_is_right(struct slice payload)
{
    if (payload.len < FOOTER_SIZE) return false;
    size_t summed = payload.len - RDB_SUM_SIZE;
    struct rdb_input in = {(const unsigned char *)payload.at + summed - VERSION_SIZE, FOOTER_SIZE,
                           0};
    uint64_t version, sum;
    rdb_get_number(&in, VERSION_SIZE, &version);
    rdb_get_number(&in, RDB_SUM_SIZE, &sum);
    return version <= RDB_VERSION_MAX && sum == crc64(0, payload.at, summed);
}

/* The value whose layout begins at `in`. */
static int undump_value(struct rdb_input *in, unsigned char code, const struct value_config *config,
                        struct buffer *scratch, struct value *out)
{
    struct rdb_build build = {0};
    struct rdb_scan scan;
    struct rdb_part part;
    int rc = 0;
    rdb_build_begin(&build, config, code);
    rdb_scan_begin(&scan, rdb_row(code)->layout, RDB_KEEP_ALL);
    while (rc == 0 && !rdb_scan_is_over(&scan)) {
        rc = rdb_scan_part(&scan, in, scratch, &part);
        if (rc == 0) rc = rdb_build_part(&build, &part);
    }
    if (rc == 0) return rdb_build_end(&build, out);
    rdb_build_drop(&build);
    return rc;
}

int rdb_undump(struct slice payload, size_t string_max, const struct value_config *config,
               struct buffer *scratch, struct rdb_undumped *out)
{
    if (!footer_is_right(payload)) return ERR_UNSUPPORTED;
    /* What is asked for may reach into the footer: so it is in Redis. */
    struct rdb_input in = {(const unsigned char *)payload.at, payload.len, string_max};
    uint64_t code;
    int rc = rdb_get_number(&in, 1, &code);
    const struct rdb_row *row = rdb_row((unsigned char)code);
    if (rc != 0 || !row->layout || !row->is_type) return ERR_CORRUPT;
    out->kind = row->kind;
    if (row->kind == RDB_KIND_STRING)
        rc = rdb_get_string(&in, scratch, &out->string);
    else if (rdb_builds((unsigned char)code))
        rc = undump_value(&in, (unsigned char)code, config, scratch, &out->value);
    else
        return ERR_ABSENT;
    return rc == 0 || rc == ERR_NOMEM ? rc : ERR_CORRUPT;
}
