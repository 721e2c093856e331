/* How a set is kept.
 *
 *              not an integer comes,            too many, or one too long
 *      INTS ──────────────────────▶ PACKED ─────────────────────────────▶ TABLE
 *        └────────────── too many ────────────────────────────────────────▶┘
 *
 * Invariants, which set_check checks:
 *  1. No member is there twice; the numbers of INTS ascend.
 *  2. `bytes` of a set_table is what its members take.
 * That a packed set is within the limits is none: they may have been changed since. */
#include "set.h"

#include "../base/assert.h"
#include "../base/mem.h"
#include "set_table.h"

enum { PACKED_INT_MAX = 10 }; /* what an integer takes in a packed list, at most */

struct value set_new(void)
{
    return (struct value){.type = TYPE_SET, .encoding = ENCODING_INTS, .at = ints_new()};
}

size_t set_count(const struct value *v)
{
    if (v->encoding == ENCODING_INTS) return ints_count(v->at);
    if (v->encoding == ENCODING_PACKED) return packed_count(v->at);
    return table_count(&((const struct set_table *)v->at)->table);
}

bool set_has(const struct value *v, struct slice member)
{
    int64_t number;
    if (v->encoding == ENCODING_TABLE) return set_table_has(v->at, member);
    if (v->encoding == ENCODING_INTS)
        return text_to_int(member, &number) && ints_has(v->at, number);
    return packed_find(v->at, packed_first(v->at), member, 0) != PACKED_NONE;
}

/* ---- from one encoding to the next ---- */

static bool add_to_table(void *ctx, struct slice member)
{
    set_table_add(ctx, member);
    return true;
}

static void free_small(struct value *v)
{
    if (v->encoding == ENCODING_INTS)
        ints_free(v->at);
    else
        packed_free(v->at);
}

static void to_table(struct value *v, size_t expected, const struct value_config *config)
{
    struct set_table *t = set_table_new(config->secret, expected);
    set_walk(v, add_to_table, t);
    free_small(v);
    v->encoding = ENCODING_TABLE;
    v->at = t;
}

static void to_packed(struct value *v)
{
    struct packed *p = packed_new();
    size_t count = ints_count(v->at);
    for (size_t i = 0; i < count; i++) p = packed_append_int(p, ints_at(v->at, i));
    free_small(v);
    v->encoding = ENCODING_PACKED;
    v->at = p;
}

/* Will one more member, which is none of the integers, fit with them in a packed list? */
static bool ints_fit_packed(const struct ints *s, struct slice member,
                            const struct value_config *config)
{
    char digits[TEXT_INT_MAX];
    size_t count = ints_count(s), longest = 0;
    if (count) {
        size_t first = text_from_int(digits, ints_at(s, 0));
        longest = text_from_int(digits, ints_at(s, count - 1));
        if (first > longest) longest = first;
    }
    return count < config->set_max_listpack_entries && longest <= config->set_max_listpack_value &&
           member.len <= config->set_max_listpack_value && member.len < PACKED_BYTES_MAX / 2 &&
           count < PACKED_BYTES_MAX / 2 / PACKED_INT_MAX;
}

static bool fits_packed(const struct packed *p, struct slice member,
                        const struct value_config *config)
{
    return packed_count(p) < config->set_max_listpack_entries &&
           member.len <= config->set_max_listpack_value &&
           packed_bytes(p) + packed_cost(member) <= PACKED_BYTES_MAX;
}

static size_t ints_max(const struct value_config *config)
{
    return config->set_max_intset_entries < INTS_MAX ? config->set_max_intset_entries
                                                     : INTS_MAX - 1;
}

/* ---- adding and removing ---- */

static bool add_int(struct value *v, int64_t number, const struct value_config *config)
{
    bool added;
    v->at = ints_add(v->at, number, &added);
    if (added && ints_count(v->at) > ints_max(config)) to_table(v, ints_count(v->at), config);
    return added;
}

bool set_add(struct value *v, struct slice member, const struct value_config *config)
{
    int64_t number;
    if (v->encoding == ENCODING_INTS) {
        if (text_to_int(member, &number)) return add_int(v, number, config);
        if (ints_fit_packed(v->at, member, config)) {
            to_packed(v);
            v->at = packed_append(v->at, member);
            return true;
        }
        to_table(v, ints_count(v->at) + 1, config);
    } else if (v->encoding == ENCODING_PACKED) {
        if (set_has(v, member)) return false;
        if (fits_packed(v->at, member, config)) {
            v->at = packed_append(v->at, member);
            return true;
        }
        to_table(v, packed_count(v->at) + 1, config);
    }
    return set_table_add(v->at, member);
}

static bool remove_packed(struct value *v, struct slice member)
{
    packed_at at = packed_find(v->at, packed_first(v->at), member, 0);
    if (at == PACKED_NONE) return false;
    v->at = packed_remove(v->at, at, 1);
    return true;
}

bool set_remove(struct value *v, struct slice member)
{
    int64_t number;
    bool removed = false;
    if (v->encoding == ENCODING_TABLE) return set_table_remove(v->at, member);
    if (v->encoding == ENCODING_PACKED) return remove_packed(v, member);
    if (text_to_int(member, &number)) v->at = ints_remove(v->at, number, &removed);
    return removed;
}

/* A set for members of which this is the first. */
static struct value new_for(struct slice first, size_t count, const struct value_config *config)
{
    int64_t number;
    struct value v = {.type = TYPE_SET};
    if (count <= config->set_max_intset_entries && text_to_int(first, &number)) return set_new();
    if (count <= config->set_max_listpack_entries) {
        v.encoding = ENCODING_PACKED;
        v.at = packed_new();
    } else {
        v.encoding = ENCODING_TABLE;
        v.at = set_table_new(config->secret, count);
    }
    return v;
}

/* So many members are about to come. */
static void make_room(struct value *v, size_t count, const struct value_config *config)
{
    size_t max = v->encoding == ENCODING_INTS     ? config->set_max_intset_entries
                 : v->encoding == ENCODING_PACKED ? config->set_max_listpack_entries
                                                  : SIZE_MAX;
    if (count > max) to_table(v, count, config);
}

size_t set_add_all(struct value *v, const struct slice *members, size_t count,
                   const struct value_config *config)
{
    size_t i = 0, added = 0;
    if (!v->at) {
        *v = new_for(members[0], count, config);
    } else {
        while (i < count && set_has(v, members[i])) i++;
        if (i < count) make_room(v, count, config);
    }
    for (; i < count; i++) added += set_add(v, members[i], config);
    return added;
}

/* How many there will be is only told, so not much is set apart for them. */
void set_expect(struct value *v, size_t count, const struct value_config *config)
{
    enum { APART_MAX = 4096 };
    if (count <= ints_max(config) || count <= config->set_max_listpack_entries) return;
    if (v->encoding != ENCODING_TABLE) to_table(v, count < APART_MAX ? count : APART_MAX, config);
}

size_t set_remove_all(struct value *v, const struct slice *members, size_t count)
{
    size_t removed = 0;
    for (size_t i = 0; i < count; i++) removed += set_remove(v, members[i]);
    return removed;
}

/* ---- walking ---- */

static void walk_ints(const struct ints *s, set_visit *visit, void *ctx)
{
    char digits[TEXT_INT_MAX];
    size_t count = ints_count(s);
    for (size_t i = 0; i < count; i++)
        if (!visit(ctx, slice_of(digits, text_from_int(digits, ints_at(s, i))))) return;
}

static void walk_packed(const struct packed *p, set_visit *visit, void *ctx)
{
    char digits[TEXT_INT_MAX];
    for (packed_at at = packed_first(p); at != PACKED_NONE; at = packed_next(p, at))
        if (!visit(ctx, packed_text(p, at, digits))) return;
}

struct table_walk {
    set_visit *visit;
    void *ctx;
    bool over; /* its table still hands out what is in the same buckets */
};

static void visit_element(void *ctx, void *element)
{
    struct table_walk *w = ctx;
    if (w->over) return;
    w->over = !w->visit(w->ctx, element_text(element));
}

static void walk_table(const struct set_table *t, set_visit *visit, void *ctx)
{
    enum { BUCKETS = 64 };
    struct table_walk w = {visit, ctx, false};
    uint64_t cursor = 0;
    do cursor = table_scan(&t->table, cursor, BUCKETS, visit_element, &w);
    while (cursor && !w.over);
}

void set_walk(const struct value *v, set_visit *visit, void *ctx)
{
    if (v->encoding == ENCODING_INTS)
        walk_ints(v->at, visit, ctx);
    else if (v->encoding == ENCODING_PACKED)
        walk_packed(v->at, visit, ctx);
    else
        walk_table(v->at, visit, ctx);
}

static void visit_scanned(void *ctx, void *element)
{
    struct table_walk *w = ctx;
    w->visit(w->ctx, element_text(element));
}

uint64_t set_scan(const struct value *v, uint64_t cursor, size_t count, set_visit *visit, void *ctx)
{
    if (v->encoding != ENCODING_TABLE) {
        set_walk(v, visit, ctx);
        return 0;
    }
    const struct set_table *t = v->at;
    struct table_walk w = {visit, ctx, false};
    return table_scan_count(&t->table, cursor, count, visit_scanned, &w);
}

/* ---- checking ---- */

bool set_is_sound(const struct packed *p)
{
    static const unsigned char secret[HASH_SECRET_SIZE];
    enum { FEW = 16 }; /* so many are compared with each other */
    char digits[TEXT_INT_MAX];
    struct set_table *t = packed_count(p) > FEW ? set_table_new(secret, packed_count(p)) : NULL;
    bool is_sound = true;
    for (packed_at at = packed_first(p); at != PACKED_NONE && is_sound;) {
        struct slice text = packed_text(p, at, digits);
        at = packed_next(p, at);
        is_sound = t                   ? set_table_add(t, text)
                   : at != PACKED_NONE ? packed_find(p, at, text, 0) == PACKED_NONE
                                       : true;
    }
    if (t) set_table_free(t);
    return is_sound;
}

static void sum_bytes(void *ctx, void *element)
{
    *(size_t *)ctx += mem_cost(element_text_size(element_text(element).len));
}

void set_check(const struct value *v)
{
    CHECK(v->type == TYPE_SET);
    if (v->encoding == ENCODING_INTS) {
        CHECK(ints_is_sound(ints_slice(v->at)));
    } else if (v->encoding == ENCODING_PACKED) {
        CHECK(packed_is_sound(packed_slice(v->at)) && set_is_sound(v->at));
    } else {
        const struct set_table *t = v->at;
        size_t bytes = 0;
        CHECK(v->encoding == ENCODING_TABLE);
        table_check(&t->table);
        table_scan(&t->table, 0, SIZE_MAX, sum_bytes, &bytes);
        CHECK(bytes == t->bytes);
    }
}
