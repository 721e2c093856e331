#include "build.h"

#include "../base/err.h"
#include "../base/hash.h"
#include "../base/mem.h"
#include "../ds/packed.h"
#include "../value/fields.h"
#include "../value/list.h"
#include "../value/set.h"
#include "../value/stream.h"
#include "../value/zset.h"
#include "pack.h"

#include <math.h>

static enum rdb_kind kind_of(const struct rdb_build *b)
{
    return rdb_row(b->code)->kind;
}

/* Opens what a part holds packed, as its letter has it. */
static bool open_pack(struct pack *p, const struct rdb_part *part)
{
    enum pack_form form = part->what == 'Z'   ? PACK_ZIPLIST
                          : part->what == 'M' ? PACK_ZIPMAP
                          : part->what == 'I' ? PACK_INTSET
                                              : PACK_LISTPACK;
    return pack_open(p, form, part->string);
}

/* ---- lists ---- */

static int add_ziplist(struct rdb_build *b, const struct rdb_part *part)
{
    char digits[TEXT_INT_MAX];
    struct slice text;
    struct pack p;
    if (!open_pack(&p, part)) return ERR_CORRUPT;
    while (pack_next(&p, &text, digits)) list_push(&b->value, LIST_RIGHT, &text, 1, b->config);
    return 0;
}

/* Of a quicklist, a node is one element or a packed list of them. */
static int list_part(struct rdb_build *b, const struct rdb_part *part)
{
    enum { PLAIN = 1, PACKED = 2 };
    switch (part->what) {
    case '(': return 0;
    case 'l':
        b->container = part->number;
        return b->container == PLAIN || b->container == PACKED ? 0 : ERR_CORRUPT;
    case 's':
        if (b->container == PACKED) {
            if (!packed_is_sound(part->string)) return ERR_CORRUPT;
            list_add_packed(&b->value, packed_from(part->string), b->config);
        } else {
            list_push(&b->value, LIST_RIGHT, &part->string, 1, b->config);
        }
        return 0;
    default: return add_ziplist(b, part);
    }
}

/* ---- sets ---- */

static int add_member(struct rdb_build *b, struct slice member)
{
    return set_add(&b->value, member, b->config) ? 0 : ERR_CORRUPT;
}

static int set_part(struct rdb_build *b, const struct rdb_part *part)
{
    char digits[TEXT_INT_MAX];
    struct slice member;
    struct pack p;
    int rc = 0;
    if (part->what == '(') {
        set_expect(&b->value, (size_t)part->number, b->config);
        return 0;
    }
    if (part->what == 's') return add_member(b, part->string);
    if (!open_pack(&p, part)) return ERR_CORRUPT;
    while (rc == 0 && pack_next(&p, &member, digits)) rc = add_member(b, member);
    return rc;
}

/* ---- sorted sets ---- */

static int add_scored(struct rdb_build *b, struct slice member, double score)
{
    if (isnan(score)) return ERR_CORRUPT;
    return zset_add(&b->value, score, member, b->config) == ZSET_ADDED ? 0 : ERR_CORRUPT;
}

/* A listpack in order; false when it is none. */
static bool take_scored(struct rdb_build *b, struct slice bytes)
{
    struct value taken;
    struct packed *list = packed_from(bytes);
    if (!zset_from_packed(list, b->config, &taken)) {
        packed_free(list);
        return false;
    }
    value_free(&b->value);
    b->value = taken;
    return true;
}

static int packed_scored(struct rdb_build *b, const struct rdb_part *part)
{
    char member_digits[TEXT_INT_MAX], score_digits[TEXT_INT_MAX];
    struct slice member, text;
    double score;
    struct pack p;
    int rc = 0;
    if (!open_pack(&p, part)) return ERR_CORRUPT;
    if (part->what == 'P' && take_scored(b, part->string)) return 0;
    while (rc == 0 && pack_next(&p, &member, member_digits)) {
        if (!pack_next(&p, &text, score_digits) || !text_to_double(text, &score))
            return ERR_CORRUPT;
        rc = add_scored(b, member, score);
    }
    return rc;
}

static int zset_part(struct rdb_build *b, const struct rdb_part *part)
{
    double score;
    switch (part->what) {
    case '(': zset_expect(&b->value, (size_t)part->number, b->config); return 0;
    case 's':
        b->held.len = 0;
        buffer_add_slice(&b->held, part->string);
        return 0;
    case 'd':
    case '8':
        memcpy(&score, &part->number, sizeof score);
        return add_scored(b, buffer_slice(&b->held), score);
    default: return packed_scored(b, part);
    }
}

/* ---- hashes ---- */

/* As files have it: 0 for none. */
static int set_deadline(struct rdb_build *b, struct slice name, int64_t deadline)
{
    if (deadline == 0) return 0;
    if (deadline < 0 || deadline > FIELDS_DEADLINE_MAX) return ERR_CORRUPT;
    return fields_set_deadline(&b->value, name, deadline) ? 0 : ERR_CORRUPT;
}

static int add_field(struct rdb_build *b, struct slice name, struct slice value, int64_t deadline)
{
    bool is_new = fields_set(&b->value, name, value, false, b->config);
    return is_new ? set_deadline(b, name, deadline) : ERR_CORRUPT;
}

static bool has_deadlines(unsigned char code)
{
    return code == RDB_HASH_LISTPACK_TTL || code == RDB_HASH_LISTPACK_TTL_EARLY;
}

static packed_at behind_row(const struct packed *p, packed_at at, unsigned width)
{
    for (; width && at; width--) at = packed_next(p, at);
    return at;
}

/* Is every name there once? */
static bool are_distinct(const struct packed *p, unsigned width, const unsigned char *secret)
{
    size_t rows = packed_count(p) / width, places = 4;
    while (places < 2 * rows) places *= 2;
    packed_at *seen = mem_zalloc(places * sizeof *seen);
    bool distinct = true;
    for (packed_at at = packed_first(p); at && distinct; at = behind_row(p, at, width)) {
        char digits[TEXT_INT_MAX];
        struct slice name = packed_text(p, at, digits);
        size_t place = hash_bytes(secret, name) & (places - 1);
        while (seen[place] && !packed_equals(p, seen[place], name))
            place = (place + 1) & (places - 1);
        distinct = !seen[place];
        seen[place] = at;
    }
    mem_free(seen, places * sizeof *seen);
    return distinct;
}

/* A listpack in the order that we keep ourselves; false when it is none. */
static bool take_fields(struct rdb_build *b, struct slice bytes)
{
    enum value_encoding encoding = has_deadlines(b->code) ? ENCODING_PACKED_TTL : ENCODING_PACKED;
    struct value taken;
    struct packed *list = packed_from(bytes);
    unsigned width = has_deadlines(b->code) ? 3 : 2;
    if (!are_distinct(list, width, b->config->secret) ||
        !fields_take_packed(list, encoding, &taken)) {
        packed_free(list);
        return false;
    }
    value_free(&b->value);
    b->value = taken;
    fields_fit(&b->value, b->config);
    return true;
}

static int add_fields(struct rdb_build *b, struct pack *p)
{
    char name_digits[TEXT_INT_MAX], value_digits[TEXT_INT_MAX], when_digits[TEXT_INT_MAX];
    struct slice name, value, when;
    int64_t deadline = 0;
    int rc = 0;
    while (rc == 0 && pack_next(p, &name, name_digits)) {
        if (!pack_next(p, &value, value_digits)) return ERR_CORRUPT;
        if (has_deadlines(b->code) &&
            (!pack_next(p, &when, when_digits) || !text_to_int(when, &deadline)))
            return ERR_CORRUPT;
        rc = add_field(b, name, value, deadline);
    }
    return rc;
}

static int packed_fields(struct rdb_build *b, const struct rdb_part *part)
{
    struct pack p;
    if (!open_pack(&p, part)) return ERR_CORRUPT;
    if (part->what == 'P' && take_fields(b, part->string)) return 0;
    return add_fields(b, &p);
}

/* Before each field of a type with deadlines. */
static int field_deadline(struct rdb_build *b, uint64_t number)
{
    b->deadline = 0;
    if (number == 0) return 0;
    if (number > FIELDS_DEADLINE_MAX) return ERR_CORRUPT;
    b->deadline = (int64_t)number;
    if (b->code == RDB_HASH_TTL) b->deadline += b->base - 1;
    return b->deadline > 0 ? 0 : ERR_CORRUPT;
}

static int hash_part(struct rdb_build *b, const struct rdb_part *part)
{
    switch (part->what) {
    case '(': fields_expect(&b->value, (size_t)part->number, b->config); return 0;
    case '8':
        b->base = (int64_t)part->number;
        return b->base >= 0 && b->base <= FIELDS_DEADLINE_MAX ? 0 : ERR_CORRUPT;
    case 'l': return field_deadline(b, part->number);
    case 's':
        b->holds = !b->holds;
        if (!b->holds) return add_field(b, buffer_slice(&b->held), part->string, b->deadline);
        b->held.len = 0;
        buffer_add_slice(&b->held, part->string);
        return 0;
    default: return packed_fields(b, part);
    }
}

/* ---- any ---- */

bool rdb_builds(unsigned char code)
{
    switch (rdb_row(code)->kind) {
    case RDB_KIND_LIST:
    case RDB_KIND_SET:
    case RDB_KIND_ZSET:
    case RDB_KIND_HASH:
    case RDB_KIND_STREAM: return true;
    default: return false;
    }
}

void rdb_build_begin(struct rdb_build *b, const struct value_config *config, unsigned char code)
{
    *b = (struct rdb_build){.config = config, .code = code, .held = b->held};
    switch (kind_of(b)) {
    case RDB_KIND_LIST: b->value = list_new(); break;
    case RDB_KIND_SET: b->value = set_new(); break;
    case RDB_KIND_ZSET: b->value = zset_new(); break;
    case RDB_KIND_HASH: b->value = fields_new(); break;
    case RDB_KIND_STREAM: b->value = stream_new(config); break;
    default: break;
    }
}

int rdb_build_part(struct rdb_build *b, const struct rdb_part *part)
{
    if (!part->what) return 0;
    switch (kind_of(b)) {
    case RDB_KIND_LIST: return list_part(b, part);
    case RDB_KIND_SET: return set_part(b, part);
    case RDB_KIND_ZSET: return zset_part(b, part);
    case RDB_KIND_HASH: return hash_part(b, part);
    case RDB_KIND_STREAM: return rdb_build_stream_part(b, part);
    default: return ERR_CORRUPT;
    }
}

int rdb_build_end(struct rdb_build *b, struct value *out)
{
    int rc = b->value.type == TYPE_STREAM ? rdb_build_stream_end(b) : 0;
    if (b->value.type == TYPE_LIST) list_settle(&b->value, b->config);
    if (rc == 0 && value_is_gone(&b->value)) rc = ERR_ABSENT;
    if (rc == 0) {
        *out = b->value;
        b->value.at = NULL;
    }
    rdb_build_drop(b);
    return rc;
}

void rdb_build_drop(struct rdb_build *b)
{
    if (b->value.at) value_free(&b->value);
    b->value.at = NULL;
    rdb_build_stream_drop(b);
    buffer_fini(&b->held);
}
