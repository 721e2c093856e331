/* The reader: items out of pieces.
 *
 *      HEAD ──▶ ITEM ──▶ PARTS ──▶ ITEM … EOF ──▶ SUM ──▶ DONE
 *        └────────┴─────────┴───────────────────────┴──▶ FAILED
 *
 * What has not been understood yet waits in `pending`; `at` is how far it has been. */
#include "reader.h"

#include "../base/assert.h"
#include "../base/crc64.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "build.h"

#include <stdio.h>

enum state { HEAD, ITEM, PARTS, SUM, DONE, FAILED };

enum { PROBLEM_MAX = 256, FIRST_KEY_MAX = 128 };

struct census {
    uint64_t count;
    char first[FIRST_KEY_MAX];
    size_t first_len;
};

struct rdb_reader {
    struct rdb_reader_config config;
    struct rdb_visitor visitor;
    enum state state;
    struct buffer pending;
    size_t at;
    uint64_t before;    /* bytes of the file that were before `pending` */
    uint64_t sum;       /* of what was before `summed_to` */
    size_t summed_to;   /* in `pending` */
    uint64_t item_from; /* where in the file the item began */
    int version;

    unsigned char code; /* of the item */
    const struct rdb_row *row;
    struct rdb_scan scan;
    struct buffer scratch;
    struct buffer first;  /* its first string */
    struct slice second;  /* good until the item is over */
    int strings, numbers; /* of it so far */
    uint64_t number[RDB_NUMBERS_MAX];
    bool builds; /* a value, of which the parts go there: */
    struct rdb_build build;

    struct rdb_key key; /* of the next one, as far as it is known */
    uint64_t empty_keys;
    struct census census[RDB_KIND_COUNT];
    char problem[PROBLEM_MAX];
};

struct rdb_reader *rdb_reader_new(struct rdb_reader_config config, struct rdb_visitor visitor)
{
    struct rdb_reader *r = mem_new(struct rdb_reader);
    r->config = config;
    r->visitor = visitor;
    r->key = (struct rdb_key){.deadline = -1, .idle_s = -1, .freq = -1};
    return r;
}

void rdb_reader_free(struct rdb_reader *r)
{
    if (!r) return;
    if (r->builds) rdb_build_drop(&r->build);
    buffer_fini(&r->pending);
    buffer_fini(&r->scratch);
    buffer_fini(&r->first);
    mem_delete(r);
}

/* ---- what is wrong ---- */

static int fail_at(struct rdb_reader *r, int error, const char *what, uint64_t offset)
{
    snprintf(r->problem, sizeof r->problem, "%s at byte %llu", what, (unsigned long long)offset);
    r->state = FAILED;
    return error;
}

static int fail(struct rdb_reader *r, int error, const char *what)
{
    return fail_at(r, error, what, r->item_from);
}

const char *rdb_problem(struct rdb_reader *r)
{
    if (r->state != FAILED && r->state != DONE)
        snprintf(r->problem, sizeof r->problem, "it breaks off at byte %llu",
                 (unsigned long long)(r->before + r->pending.len));
    return r->problem;
}

/* ---- the sum ---- */

static void sum_up(struct rdb_reader *r)
{
    r->sum = crc64(r->sum, r->pending.at + r->summed_to, r->at - r->summed_to);
    r->summed_to = r->at;
}

static int read_sum(struct rdb_reader *r, struct rdb_input *in)
{
    uint64_t sum;
    if (r->version >= RDB_SUM_SINCE) {
        if (rdb_get_number(in, RDB_SUM_SIZE, &sum) != 0) return ERR_AGAIN;
        if (r->config.check_sum && sum != 0 && sum != r->sum)
            return fail_at(r, ERR_CORRUPT, "the checksum is wrong", r->before + r->at);
    }
    r->state = DONE;
    return 0;
}

/* ---- items ---- */

static void count_foreign(struct rdb_reader *r, enum rdb_kind kind, struct slice name)
{
    struct census *c = &r->census[kind];
    if (c->count++ > 0) return;
    c->first_len = name.len < sizeof c->first ? name.len : sizeof c->first;
    if (c->first_len) memcpy(c->first, name.at, c->first_len);
}

static int hand_over(struct rdb_reader *r, const char *why)
{
    if (why) return fail(r, ERR_DENIED, why);
    return 0;
}

static int end_of_value(struct rdb_reader *r)
{
    struct value v;
    r->builds = false;
    int rc = rdb_build_end(&r->build, &v);
    if (rc == ERR_CORRUPT) return fail(r, rc, "a damaged value");
    if (rc == 0) return hand_over(r, r->visitor.value(r->visitor.ctx, &r->key, v));
    r->empty_keys++;
    return 0;
}

static int end_of_key(struct rdb_reader *r)
{
    int rc = 0;
    r->key.key = buffer_slice(&r->first);
    if (r->row->kind == RDB_KIND_STRING)
        rc = hand_over(r, r->visitor.string(r->visitor.ctx, &r->key, r->second));
    else if (r->builds)
        rc = end_of_value(r);
    else
        count_foreign(r, r->row->kind, r->key.key);
    r->key.deadline = r->key.idle_s = r->key.freq = -1;
    return rc;
}

static int select_database(struct rdb_reader *r, uint64_t db)
{
    if (db >= (uint64_t)r->config.databases)
        return fail(r, ERR_LIMIT, "a database beyond those that `databases` allows");
    r->key.db = (int64_t)db;
    return 0;
}

static int end_of_item(struct rdb_reader *r)
{
    r->state = ITEM;
    if (r->row->is_type) return end_of_key(r);
    switch (r->code) {
    case RDB_AUX:
        if (r->visitor.aux) r->visitor.aux(r->visitor.ctx, buffer_slice(&r->first), r->second);
        return 0;
    case RDB_SELECTDB: return select_database(r, r->number[0]);
    case RDB_EXPIRETIME: r->key.deadline = (int64_t)r->number[0] * 1000; return 0;
    case RDB_EXPIRETIME_MS:
        r->key.deadline = (int64_t)r->number[0];
        if (r->key.deadline < 0) return fail(r, ERR_CORRUPT, "a deadline before all time");
        return 0;
    case RDB_FREQ: r->key.freq = (int)r->number[0]; return 0;
    case RDB_IDLE:
        r->key.idle_s = r->number[0] <= INT32_MAX ? (int64_t)r->number[0] : INT32_MAX;
        return 0;
    case RDB_FUNCTION2:
    case RDB_MODULE_AUX: count_foreign(r, r->row->kind, SLICE("")); return 0;
    case RDB_EOF: r->state = SUM; return 0;
    default: return 0;
    }
}

static int begin_item(struct rdb_reader *r, struct rdb_input *in)
{
    uint64_t code;
    r->item_from = r->before + r->at;
    if (rdb_get_number(in, 1, &code) != 0) return ERR_AGAIN;
    r->code = (unsigned char)code;
    r->row = rdb_row(r->code);
    if (!r->row->layout) {
        char what[32];
        snprintf(what, sizeof what, "an unknown item (%02x)", r->code);
        return fail(r, ERR_CORRUPT, what);
    }
    r->strings = r->numbers = 0;
    r->first.len = 0;
    r->second = SLICE("");
    r->state = PARTS;
    bool known = r->row->kind == RDB_KIND_STRING || r->code == RDB_AUX;
    /* The key first, by a scan of its own: then the value's. */
    if (r->row->is_type)
        rdb_scan_begin(&r->scan, "s", 1);
    else
        rdb_scan_begin(&r->scan, r->row->layout, known ? 2 : 0);
    return 0;
}

static void keep_part(struct rdb_reader *r, const struct rdb_part *part)
{
    if (part->what == 's' && r->strings++ == 0)
        buffer_add_slice(&r->first, part->string);
    else if (part->what == 's')
        r->second = part->string;
    else if (part->what && r->numbers < RDB_NUMBERS_MAX)
        r->number[r->numbers++] = part->number;
}

/* The key is known: now for what it holds. */
static void begin_value(struct rdb_reader *r)
{
    bool is_string = r->row->kind == RDB_KIND_STRING;
    r->builds = rdb_builds(r->code);
    if (r->builds) rdb_build_begin(&r->build, r->config.values, r->code);
    rdb_scan_begin(&r->scan, r->row->layout, r->builds ? RDB_KEEP_ALL : is_string ? 1 : 0);
}

static int read_part(struct rdb_reader *r, struct rdb_input *in)
{
    struct rdb_part part;
    if (!rdb_scan_is_over(&r->scan)) {
        int rc = rdb_scan_part(&r->scan, in, &r->scratch, &part);
        if (rc == ERR_CORRUPT) return fail_at(r, rc, "damaged data", r->before + r->at);
        if (rc == ERR_LIMIT) return fail_at(r, rc, "a string too long", r->before + r->at);
        if (rc == ERR_NOMEM) return fail_at(r, rc, "more than memory holds", r->before + r->at);
        if (rc != 0) return rc;
        bool was_key = r->row->is_type && r->strings == 0;
        if (r->builds)
            rc = rdb_build_part(&r->build, &part);
        else
            keep_part(r, &part);
        if (rc != 0) return fail_at(r, rc, "a damaged value", r->before + r->at);
        if (was_key) begin_value(r);
    }
    return rdb_scan_is_over(&r->scan) ? end_of_item(r) : 0;
}

/* ---- the head ---- */

static bool digits_to_version(const unsigned char *at, int count, int *version)
{
    *version = 0;
    for (int i = 0; i < count; i++) {
        if (at[i] < '0' || at[i] > '9') return false;
        *version = *version * 10 + (at[i] - '0');
    }
    return true;
}

static int read_head(struct rdb_reader *r, struct rdb_input *in)
{
    if (in->left < RDB_HEAD_SIZE) return ERR_AGAIN;
    if (memcmp(in->at, "VALKEY", 6) == 0)
        return fail(r, ERR_UNSUPPORTED, "the format of Valkey 9, which this version cannot read,");
    if (memcmp(in->at, "REDIS", 5) != 0 || !digits_to_version(in->at + 5, 4, &r->version))
        return fail(r, ERR_CORRUPT, "no RDB file: there is no 'REDIS' with a version");
    if (r->version < 1 || r->version > RDB_VERSION_MAX) {
        char what[64];
        snprintf(what, sizeof what, "RDB version %d, which this version cannot read,", r->version);
        return fail(r, ERR_UNSUPPORTED, what);
    }
    in->at += RDB_HEAD_SIZE;
    in->left -= RDB_HEAD_SIZE;
    r->state = ITEM;
    return 0;
}

/* ---- pieces ---- */

static int step(struct rdb_reader *r, struct rdb_input *in)
{
    switch (r->state) {
    case HEAD: return read_head(r, in);
    case ITEM: return begin_item(r, in);
    case PARTS: return read_part(r, in);
    case SUM: return read_sum(r, in);
    default: return ERR_EOF;
    }
}

long rdb_feed(struct rdb_reader *r, struct slice bytes)
{
    CHECK(r->state != FAILED);
    if (r->state == DONE || bytes.len == 0) return 0;
    size_t had = r->pending.len;
    buffer_add_slice(&r->pending, bytes);
    int rc;
    do {
        /* A string that is to come in many pieces is looked at again with each: only its head. */
        struct rdb_input in = {(const unsigned char *)r->pending.at + r->at, r->pending.len - r->at,
                               UINT32_MAX};
        rc = step(r, &in);
        if (rc == 0) r->at = r->pending.len - in.left;
        if (rc == 0 && r->state == SUM) sum_up(r);
    } while (rc == 0 && r->state != DONE);
    if (rc != 0 && rc != ERR_AGAIN) return rc;
    if (r->state == DONE) return (long)(r->at - had);
    sum_up(r);
    buffer_drop_front(&r->pending, r->at);
    r->before += r->at;
    r->at = r->summed_to = 0;
    return (long)bytes.len;
}

bool rdb_is_done(const struct rdb_reader *r)
{
    return r->state == DONE;
}

uint64_t rdb_empty_keys(const struct rdb_reader *r)
{
    return r->empty_keys;
}

/* ---- what cannot be held ---- */

bool rdb_foreign_text(const struct rdb_reader *r, struct buffer *to)
{
    bool any = false;
    for (enum rdb_kind k = 0; k < RDB_KIND_COUNT; k++) {
        const struct census *c = &r->census[k];
        if (c->count == 0 || k == RDB_KIND_MODULE_AUX) continue;
        buffer_printf(to, "%s%llu %s", any ? ", " : "", (unsigned long long)c->count,
                      rdb_kind_text(k, c->count));
        any = true;
        if (k == RDB_KIND_FUNCTION) continue;
        buffer_printf(to, " (the first is ");
        text_quote(to, slice_of(c->first, c->first_len));
        buffer_printf(to, ")");
    }
    return any;
}
