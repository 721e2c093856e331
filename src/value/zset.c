/* How a large one is kept:
 *
 *      table, by hash of the text ──▶ element { score, text } ◀── tree, by score and text
 *
 * An element is one allocation, at the same place until it goes; only its score changes. The score
 * stands in it for those who come by the table, and in the tree's nodes for those who search there.
 *
 * Invariants, of large ones:
 *  1. Table and tree hold the same elements, each once, with the same score.
 *  2. No two elements have the same text. */
#include "zset.h"

#include "../base/assert.h"
#include "../base/mem.h"
#include "../ds/table.h"
#include "element.h"

#include <math.h>
#include <stdlib.h>

struct element {
    double score;
    char text[]; /* see element.h */
};

struct tree {
    struct ordered order;
    struct table members;
    size_t element_bytes;
};

static inline struct packed *packed_of(const struct value *v)
{
    return v->at;
}

static inline struct tree *tree_of(const struct value *v)
{
    return v->at;
}

static inline bool is_packed(const struct value *v)
{
    return v->encoding == ENCODING_PACKED;
}

/* ---- elements ---- */

static struct slice text_of(const void *element)
{
    return element_text(((const struct element *)element)->text);
}

static uint64_t hash_of(void *secret, const void *element)
{
    return element_hash(secret, text_of(element));
}

static bool has_text(const void *element, const void *text)
{
    return slice_equal(text_of(element), *(const struct slice *)text);
}

static size_t element_size(struct slice text)
{
    return sizeof(struct element) + element_text_size(text.len);
}

static void element_free(void *tree, void *element)
{
    struct tree *t = tree;
    size_t size = element_size(text_of(element));
    t->element_bytes -= mem_cost(size);
    mem_free(element, size);
}

/* ---- trees ---- */

static struct tree *tree_new(const unsigned char *secret, size_t count)
{
    struct tree *t = mem_new(struct tree);
    ordered_init(&t->order, text_of);
    table_init(&t->members, hash_of, (void *)(uintptr_t)secret);
    table_reserve(&t->members, count);
    return t;
}

static uint64_t tree_hash(const struct tree *t, struct slice member)
{
    return element_hash(t->members.ctx, member);
}

static struct element *tree_find(const struct tree *t, struct slice member)
{
    if (!table_count(&t->members)) return NULL;
    table_slot *slot = table_find(&t->members, tree_hash(t, member), has_text, &member);
    return slot ? table_slot_entry(slot) : NULL;
}

/* A member that is not there. */
static void tree_insert(struct tree *t, double score, struct slice member)
{
    size_t size = element_size(member);
    struct element *e = mem_alloc(size);
    t->element_bytes += mem_cost(size);
    e->score = score;
    element_put_text(e->text, member);
    table_insert(&t->members, tree_hash(t, member), e);
    ordered_insert(&t->order, score, e);
}

static void tree_forget(void *tree, void *element)
{
    struct tree *t = tree;
    uint64_t hash = tree_hash(t, text_of(element));
    table_erase(&t->members, table_find_entry(&t->members, hash, element), hash);
    element_free(t, element);
}

static enum zset_change tree_add(struct tree *t, double score, struct slice member)
{
    struct element *e = tree_find(t, member);
    if (!e) {
        tree_insert(t, score, member);
        return ZSET_ADDED;
    }
    if (e->score == score) return ZSET_SAME;
    ordered_rescore(&t->order, e->score, e, score);
    e->score = score;
    return ZSET_MOVED;
}

static bool tree_remove(struct tree *t, struct slice member)
{
    struct element *e = tree_find(t, member);
    if (!e) return false;
    ordered_remove(&t->order, e->score, e);
    tree_forget(t, e);
    return true;
}

static bool tree_free_some(struct tree *t, size_t elements)
{
    size_t count = ordered_count(&t->order);
    if (!table_clear(&t->members, NULL, NULL, elements / TABLE_BUCKET_SLOTS + 1)) return false;
    ordered_remove_range(&t->order, 0, elements < count ? elements : count, element_free, t);
    if (elements < count) return false;
    table_fini(&t->members);
    mem_delete(t);
    return true;
}

/* ---- packed ones ---- */

static double packed_score(const struct packed *p, packed_at at)
{
    char digits[TEXT_INT_MAX];
    int64_t number;
    double score;
    if (packed_is_int(p, at, &number)) return (double)number;
    bool is_number = text_to_double(packed_text(p, at, digits), &score);
    CHECK(is_number);
    return score;
}

/* An element of a packed one, for ordered_lies_before. */
struct pair {
    const struct packed *list;
    packed_at at;
    char *digits;
};

static struct slice pair_text(const void *at)
{
    const struct pair *pair = at;
    return packed_text(pair->list, pair->at, pair->digits);
}

/* The first element that does not lie before the place, and its rank; PACKED_NONE behind all. */
static packed_at packed_seek(const struct packed *p, const struct ordered_place *place,
                             size_t *rank)
{
    char digits[TEXT_INT_MAX];
    struct pair pair = {p, packed_first(p), digits};
    *rank = 0;
    while (pair.at) {
        packed_at score = packed_next(p, pair.at);
        if (!ordered_lies_before(place, packed_score(p, score), &pair, pair_text)) break;
        pair.at = packed_next(p, score);
        ++*rank;
    }
    return pair.at;
}

static struct packed *packed_put(struct packed *p, double score, struct slice member)
{
    char text[TEXT_DOUBLE_MAX];
    struct slice score_text = slice_of(text, text_from_double(text, score));
    size_t rank;
    packed_at at = packed_seek(p, &(struct ordered_place){ORDERED_BEFORE, score, member}, &rank);
    if (!at) return packed_append(packed_append(p, member), score_text);
    return packed_insert(packed_insert(p, at, score_text), at, member);
}

static void unpack(struct value *v, const struct value_config *config)
{
    struct packed *p = packed_of(v);
    struct zset_cursor c;
    struct tree *t = tree_new(config->secret, zset_count(v) + 1);
    zset_start(&c, v, 0);
    while (zset_next(&c)) tree_insert(t, c.score, c.member);
    packed_free(p);
    v->encoding = ENCODING_TREE;
    v->at = t;
}

/* Would it be too large to be packed with this member? */
static bool outgrows(const struct packed *p, struct slice member, const struct value_config *config)
{
    return packed_count(p) / 2 + 1 > config->zset_max_listpack_entries ||
           member.len > config->zset_max_listpack_value ||
           packed_bytes(p) + packed_cost(member) + TEXT_DOUBLE_MAX * 2 > PACKED_BYTES_MAX;
}

static enum zset_change packed_add(struct value *v, double score, struct slice member,
                                   const struct value_config *config)
{
    struct packed *p = packed_of(v);
    packed_at at = packed_find(p, packed_first(p), member, 1);
    if (!at && outgrows(p, member, config)) {
        unpack(v, config);
        return tree_add(tree_of(v), score, member);
    }
    if (at && packed_score(p, packed_next(p, at)) == score) return ZSET_SAME;
    if (at) p = packed_remove(p, at, 2);
    v->at = packed_put(p, score, member);
    return at ? ZSET_MOVED : ZSET_ADDED;
}

/* ---- either ---- */

struct value zset_new(void)
{
    return (struct value){TYPE_ZSET, ENCODING_PACKED, packed_new()};
}

size_t zset_count(const struct value *v)
{
    return is_packed(v) ? packed_count(packed_of(v)) / 2 : ordered_count(&tree_of(v)->order);
}

bool zset_score(const struct value *v, struct slice member, double *score)
{
    if (!is_packed(v)) {
        const struct element *e = tree_find(tree_of(v), member);
        if (e) *score = e->score;
        return e != NULL;
    }
    const struct packed *p = packed_of(v);
    packed_at at = packed_find(p, packed_first(p), member, 1);
    if (at) *score = packed_score(p, packed_next(p, at));
    return at != PACKED_NONE;
}

size_t zset_rank(const struct value *v, const struct ordered_place *place)
{
    size_t rank;
    if (!is_packed(v)) return ordered_rank(&tree_of(v)->order, place);
    packed_seek(packed_of(v), place, &rank);
    return rank;
}

enum zset_change zset_add(struct value *v, double score, struct slice member,
                          const struct value_config *config)
{
    DCHECK(!isnan(score));
    if (score == 0) score = 0; /* and not -0 */
    return is_packed(v) ? packed_add(v, score, member, config)
                        : tree_add(tree_of(v), score, member);
}

void zset_expect(struct value *v, size_t count, const struct value_config *config)
{
    if (v->encoding == ENCODING_PACKED && count > config->zset_max_listpack_entries)
        unpack(v, config);
}

bool zset_remove(struct value *v, struct slice member)
{
    if (!is_packed(v)) return tree_remove(tree_of(v), member);
    packed_at at = packed_find(packed_of(v), packed_first(packed_of(v)), member, 1);
    if (at) v->at = packed_remove(packed_of(v), at, 2);
    return at != PACKED_NONE;
}

void zset_remove_ranks(struct value *v, size_t from, size_t count)
{
    struct packed *p = packed_of(v);
    CHECK(from <= zset_count(v) && count <= zset_count(v) - from);
    if (!count) return;
    if (is_packed(v))
        v->at = packed_remove(p, packed_nth(p, (int64_t)from * 2), count * 2);
    else
        ordered_remove_range(&tree_of(v)->order, from, count, tree_forget, tree_of(v));
}

/* ---- going about ---- */

void zset_start(struct zset_cursor *c, const struct value *v, size_t rank)
{
    size_t count = zset_count(v);
    c->value = v;
    c->rank = rank < count ? rank : count;
    c->at = PACKED_NONE;
    c->spot = (struct ordered_spot){0};
    if (!is_packed(v))
        c->spot = ordered_at(&tree_of(v)->order, c->rank);
    else if (c->rank < count)
        c->at =
            c->rank ? packed_nth(packed_of(v), (int64_t)c->rank * 2) : packed_first(packed_of(v));
}

/* What the cursor is at becomes its element. */
static void take(struct zset_cursor *c)
{
    if (is_packed(c->value)) {
        const struct packed *p = packed_of(c->value);
        c->member = packed_text(p, c->at, c->digits);
        c->score = packed_score(p, packed_next(p, c->at));
    } else {
        c->member = text_of(ordered_get(&c->spot, &c->score));
    }
}

bool zset_next(struct zset_cursor *c)
{
    const struct packed *p = packed_of(c->value);
    bool packed = is_packed(c->value);
    if (packed ? !c->at : !c->spot.leaf) return false;
    take(c);
    c->rank++;
    if (packed)
        c->at = packed_next(p, packed_next(p, c->at));
    else
        ordered_next(&c->spot);
    return true;
}

bool zset_prev(struct zset_cursor *c)
{
    const struct packed *p = packed_of(c->value);
    if (c->rank == 0) return false;
    c->rank--;
    if (is_packed(c->value))
        c->at = packed_prev(p, c->at ? packed_prev(p, c->at) : packed_last(p));
    else if (c->spot.leaf)
        ordered_prev(&c->spot);
    else
        c->spot = ordered_at(&tree_of(c->value)->order, c->rank);
    take(c);
    return true;
}

static void visit_all(const struct value *v, value_visit *visit, void *ctx)
{
    struct zset_cursor c;
    zset_start(&c, v, 0);
    while (zset_next(&c))
        visit(ctx, &(struct value_item){.member = c.member, .score = c.score, .deadline = -1});
}

/* Hands elements of the table to a value_visit. */
struct scanning {
    value_visit *visit;
    void *ctx;
};

static void scan_visit(void *scanning, void *element)
{
    const struct scanning *s = scanning;
    const struct element *e = element;
    struct value_item item = {.member = text_of(e), .score = e->score, .deadline = -1};
    s->visit(s->ctx, &item);
}

uint64_t zset_scan(const struct value *v, uint64_t cursor, size_t count, value_visit *visit,
                   void *ctx)
{
    struct scanning s = {visit, ctx};
    if (!is_packed(v)) return table_scan_count(&tree_of(v)->members, cursor, count, scan_visit, &s);
    visit_all(v, visit, ctx);
    return 0;
}

/* ---- the kind ---- */

static size_t value_bytes(const struct value *v)
{
    if (is_packed(v)) return mem_cost(packed_bytes(packed_of(v)));
    const struct tree *t = tree_of(v);
    return mem_cost(sizeof *t) + t->order.bytes + table_bytes(&t->members) + t->element_bytes;
}

static struct value copy(const struct value *v, const struct value_config *config)
{
    struct value to = *v;
    if (is_packed(v)) {
        to.at = packed_copy(packed_of(v));
        return to;
    }
    struct zset_cursor c;
    to.at = tree_new(config->secret, zset_count(v));
    zset_start(&c, v, 0);
    while (zset_next(&c)) tree_insert(to.at, c.score, c.member);
    return to;
}

static bool free_some(struct value *v, size_t elements)
{
    if (!is_packed(v)) return tree_free_some(tree_of(v), elements);
    packed_free(packed_of(v));
    return true;
}

/* In snapshots, which is also the first byte there. */
enum { CODE_PACKED, CODE_TREE };

static void encode_head(const struct value *v, struct buffer *to)
{
    char number[1 + VARINT_MAX];
    number[0] = is_packed(v) ? CODE_PACKED : CODE_TREE;
    size_t size = is_packed(v) ? packed_bytes(packed_of(v)) : zset_count(v);
    buffer_add(to, number, (size_t)(put_varint(number + 1, size) - number));
}

/* A packed one as it is, behind its length; a large one as its count and, in order, the bits of
 * each score, a length and a member. */
static bool encode_some(const struct value *v, struct value_progress *p, size_t bytes,
                        struct buffer *to)
{
    size_t from = to->len;
    if (!p->begun) encode_head(v, to);
    p->begun = true;
    if (is_packed(v)) {
        buffer_add_slice(to, packed_slice(packed_of(v)));
        return true;
    }
    struct zset_cursor c;
    zset_start(&c, v, (size_t)p->at);
    while (to->len - from < bytes && zset_next(&c)) {
        uint64_t bits;
        memcpy(&bits, &c.score, sizeof bits);
        char *at = buffer_reserve(to, sizeof bits + element_text_size(c.member.len));
        put64(at, bits);
        to->len = (size_t)(element_put_text(at + sizeof bits, c.member) - to->at);
    }
    p->at = c.rank;
    return c.rank == zset_count(v);
}

static void encode(const struct value *v, struct buffer *to)
{
    struct value_progress p = {0};
    encode_some(v, &p, SIZE_MAX, to);
}

static int compare_members(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static bool all_different(struct slice *members, size_t count)
{
    qsort(members, count, sizeof *members, compare_members);
    for (size_t i = 1; i < count; i++)
        if (slice_equal(members[i - 1], members[i])) return false;
    return true;
}

/* Is the second behind the first? */
static bool ascends(double score, struct slice member, double next_score, struct slice next_member)
{
    return score < next_score || (score == next_score && slice_compare(member, next_member) < 0);
}

/* Are these members with scores, in order? Gathers the members, in `digits` those that are numbers.
 */
static bool packed_pairs(const struct packed *p, struct slice *members,
                         char (*digits)[TEXT_INT_MAX])
{
    char number[TEXT_INT_MAX];
    double score, last = 0;
    size_t n = 0;
    for (packed_at at = packed_first(p); at; at = packed_next(p, packed_next(p, at)), n++) {
        members[n] = packed_text(p, at, digits[n]);
        if (!text_to_double(packed_text(p, packed_next(p, at), number), &score)) return false;
        if (n && !ascends(last, members[n - 1], score, members[n])) return false;
        last = score;
    }
    return true;
}

static bool packed_is_zset(const struct packed *p)
{
    size_t count = packed_count(p) / 2;
    if (packed_count(p) % 2) return false;
    struct slice *members = mem_alloc(count * sizeof *members);
    char(*digits)[TEXT_INT_MAX] = mem_alloc(count * sizeof *digits);
    bool sound = packed_pairs(p, members, digits) && all_different(members, count);
    mem_free(members, count * sizeof *members);
    mem_free(digits, count * sizeof *digits);
    return sound;
}

bool zset_from_packed(struct packed *p, const struct value_config *config, struct value *out)
{
    if (!packed_is_zset(p)) return false;
    *out = (struct value){TYPE_ZSET, ENCODING_PACKED, p};
    if (zset_count(out) > config->zset_max_listpack_entries) unpack(out, config);
    return true;
}

static bool decode_packed(struct slice *from, uint64_t len, struct value *out)
{
    if (len > from->len) return false;
    struct slice bytes = slice_of(from->at, (size_t)len);
    if (!packed_is_sound(bytes)) return false;
    struct packed *p = packed_from(bytes);
    *out = (struct value){TYPE_ZSET, ENCODING_PACKED, p};
    *from = slice_from(*from, (size_t)len);
    if (packed_count(p) && packed_is_zset(p)) return true;
    packed_free(p);
    return false;
}

/* Takes an element off the front. */
static bool take_element(struct slice *from, double *score, struct slice *member)
{
    uint64_t len;
    if (from->len < sizeof *score) return false;
    uint64_t bits = get64(from->at);
    memcpy(score, &bits, sizeof bits);
    *from = slice_from(*from, sizeof bits);
    if (isnan(*score) || !take_varint(from, &len) || len > from->len) return false;
    *member = slice_of(from->at, (size_t)len);
    *from = slice_from(*from, (size_t)len);
    return true;
}

static bool decode_tree(struct slice *from, uint64_t count, const struct value_config *config,
                        struct value *out)
{
    enum { ELEMENT_MIN = sizeof(double) + 1 };
    struct slice member, last = SLICE("");
    double score, last_score = 0;
    if (!count || count > from->len / ELEMENT_MIN) return false;
    struct tree *t = tree_new(config->secret, (size_t)count);
    *out = (struct value){TYPE_ZSET, ENCODING_TREE, t};
    for (uint64_t i = 0; i < count; i++, last = member, last_score = score) {
        if (!take_element(from, &score, &member) ||
            (i && !ascends(last_score, last, score, member)) || tree_find(t, member)) {
            value_free(out);
            return false;
        }
        tree_insert(t, score, member);
    }
    return true;
}

static bool decode(struct slice *from, const struct value_config *config, struct value *out)
{
    uint64_t size;
    if (!from->len) return false;
    char code = from->at[0];
    *from = slice_from(*from, 1);
    if (!take_varint(from, &size)) return false;
    if (code == CODE_PACKED) return decode_packed(from, size, out);
    return code == CODE_TREE && decode_tree(from, size, config, out);
}

const struct value_kind value_kind_zset = {
    .name = {"zset", 4},
    .count = zset_count,
    .bytes = value_bytes,
    .copy = copy,
    .free_some = free_some,
    .each = visit_all,
    .encode = encode,
    .encode_some = encode_some,
    .decode = decode,
};

/* ---- checks ---- */

void zset_check(const struct value *v, const struct value_config *config)
{
    CHECK(v->type == TYPE_ZSET);
    if (is_packed(v)) {
        const struct packed *p = packed_of(v);
        CHECK(packed_is_sound(packed_slice(p)) && packed_is_zset(p));
        return;
    }
    const struct tree *t = tree_of(v);
    ordered_check(&t->order);
    table_check(&t->members);
    CHECK(table_count(&t->members) == ordered_count(&t->order));
    CHECK(t->members.ctx == config->secret);
    struct ordered_spot spot = ordered_at(&t->order, 0);
    for (; spot.leaf; ordered_next(&spot)) {
        double score;
        const struct element *e = ordered_get(&spot, &score);
        CHECK(e->score == score && tree_find(t, text_of(e)) == e);
    }
}
