/* How the tree works.
 *
 *      inner   scores   | s0 s1 s2 …      the first item below each child, and its score
 *              items    | i0 i1 i2 …
 *              children | ■  ■  ■  …
 *              sizes    | how many items are below each
 *                           │
 *      leaf ◀──────▶ leaf ◀─┴────▶ leaf   scores and items, linked both ways
 *
 * Leaves and inner nodes begin alike, so that one search serves both: how many of a node's entries
 * lie before a place. In a leaf that is the place itself; in an inner node the last of them leads
 * to it.
 *
 * An insert goes down once. A full node on its way is relieved before it is entered: its entries
 * are shared with a neighbour that has room to spare, or else it is split, in the middle, but
 * where the insert is at either end of the whole tree: there all but one entry stay behind, so that
 * what is filled in order is filled to the brim. A removal goes down to both ends of its range,
 * drops the subtrees between them whole and joins what has become small on its way back.
 *
 * Invariants:
 *  1. All leaves are on one level; no node is empty; the root, if inner, has two children or more.
 *  2. Entries are in strictly ascending order, over all leaves.
 *  3. scores[i] and items[i] of an inner node are those of the first item below children[i],
 *     sizes[i] is the number of items below.
 *  4. Two neighbours below the same parent have more than half of what a node holds together.
 *  5. The leaves' links go through all of them in order. */
#include "ordered.h"

#include "../base/assert.h"
#include "../base/mem.h"
#include "../base/prefetch.h"

enum {
    FANOUT = 30,               /* a leaf is 504 bytes, an inner node 984 */
    SHARES = FANOUT * 3 / 4,   /* a neighbour with at most so many takes some */
    JOINS = FANOUT * 3 / 4,    /* neighbours with at most so many together become one */
    TOGETHER_MIN = FANOUT / 2, /* and all have more than that */
    PREFETCH_ITEMS = 6,        /* so far ahead do walks fetch items */
};

struct ordered_node {
    uint32_t count;
    bool is_inner;
    struct ordered_node *prev, *next; /* of leaves */
    double scores[FANOUT];
    void *items[FANOUT];
};
typedef struct ordered_node node;

struct inner {
    node head;
    node *children[FANOUT];
    size_t sizes[FANOUT];
};

static struct inner *as_inner(const node *n)
{
    return (struct inner *)(uintptr_t)n;
}

/* ---- nodes ---- */

static size_t node_size(const node *n)
{
    return n->is_inner ? sizeof(struct inner) : sizeof(node);
}

static node *node_new(struct ordered *o, bool is_inner)
{
    size_t size = is_inner ? sizeof(struct inner) : sizeof(node);
    node *n = mem_alloc(size);
    o->bytes += mem_cost(size);
    n->count = 0;
    n->is_inner = is_inner;
    n->prev = n->next = NULL;
    return n;
}

static void node_free(struct ordered *o, node *n)
{
    if (n->prev) n->prev->next = n->next;
    if (n->next) n->next->prev = n->prev;
    o->bytes -= mem_cost(node_size(n));
    mem_free(n, node_size(n));
}

/* Enters a leaf into the links, behind another. */
static void link_behind(node *n, node *before)
{
    n->prev = before;
    n->next = before->next;
    if (n->next) n->next->prev = n;
    before->next = n;
}

static size_t items_below(const node *n)
{
    if (!n->is_inner) return n->count;
    size_t sum = 0;
    for (uint32_t i = 0; i < n->count; i++) sum += as_inner(n)->sizes[i];
    return sum;
}

/* Moves entries from one place to another, in the same node or in another of the same level. */
static void move_entries(node *to, size_t at, const node *from, size_t first, size_t count)
{
    memmove(to->scores + at, from->scores + first, count * sizeof *to->scores);
    memmove(to->items + at, from->items + first, count * sizeof *to->items);
    if (!to->is_inner) return;
    struct inner *a = as_inner(to), *b = as_inner(from);
    memmove(a->children + at, b->children + first, count * sizeof *a->children);
    memmove(a->sizes + at, b->sizes + first, count * sizeof *a->sizes);
}

/* Closes the gap that `count` entries leave. */
static void drop_entries(node *n, size_t at, size_t count)
{
    n->count -= (uint32_t)count;
    move_entries(n, at, n, at + count, n->count - at);
}

/* Makes room for an entry. */
static void open_entry(node *n, size_t at)
{
    move_entries(n, at + 1, n, at, n->count - at);
    n->count++;
}

/* What the parent says of this child, as it is. */
static void refresh_child(struct inner *parent, size_t i)
{
    const node *child = parent->children[i];
    parent->head.scores[i] = child->scores[0];
    parent->head.items[i] = child->items[0];
    parent->sizes[i] = items_below(child);
}

/* ---- search ---- */

bool ordered_lies_before(const struct ordered_place *place, double score, const void *item,
                         ordered_text_of *text_of)
{
    switch (place->side) {
    case ORDERED_BEFORE_SCORE: return score < place->score;
    case ORDERED_AFTER_SCORE: return score <= place->score;
    case ORDERED_BEFORE_TEXT: return slice_compare(text_of(item), place->text) < 0;
    case ORDERED_AFTER_TEXT: return slice_compare(text_of(item), place->text) <= 0;
    case ORDERED_BEFORE:
    case ORDERED_AFTER: break;
    }
    if (score != place->score) return score < place->score;
    int order = slice_compare(text_of(item), place->text);
    return place->side == ORDERED_AFTER ? order <= 0 : order < 0;
}

static inline bool lies_before(const struct ordered *o, const struct ordered_place *p,
                               const node *n, size_t i)
{
    return ordered_lies_before(p, n->scores[i], n->items[i], o->text_of);
}

/* How many entries of the node lie before the place. */
static size_t entries_before(const struct ordered *o, const node *n, const struct ordered_place *p)
{
    size_t from = 0, to = n->count;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (lies_before(o, p, n, middle))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* The child that leads to the place. */
static size_t child_towards(const struct ordered *o, const node *n, const struct ordered_place *p)
{
    size_t before = entries_before(o, n, p);
    return before ? before - 1 : 0;
}

static struct ordered_place place_of(const struct ordered *o, enum ordered_side side, double score,
                                     const void *item)
{
    return (struct ordered_place){side, score, o->text_of(item)};
}

size_t ordered_rank(const struct ordered *o, const struct ordered_place *place)
{
    const node *n = o->root;
    size_t rank = 0;
    if (!n) return 0;
    while (n->is_inner) {
        const struct inner *parent = as_inner(n);
        size_t i = child_towards(o, n, place);
        for (size_t j = 0; j < i; j++) rank += parent->sizes[j];
        n = parent->children[i];
    }
    return rank + entries_before(o, n, place);
}

/* ---- joining and relieving ---- */

/* Makes one of a child and its right neighbour, if both are small. */
static bool join(struct ordered *o, struct inner *parent, size_t i)
{
    if (i + 1 >= parent->head.count) return false;
    node *left = parent->children[i], *right = parent->children[i + 1];
    if (left->count + right->count > JOINS) return false;
    size_t seam = left->count;
    move_entries(left, seam, right, 0, right->count);
    left->count += right->count;
    parent->sizes[i] += parent->sizes[i + 1];
    node_free(o, right);
    drop_entries(&parent->head, i + 1, 1);
    /* The children at the seam are neighbours only now. */
    if (left->is_inner) join(o, as_inner(left), seam - 1);
    return true;
}

/* Shifts entries between a child and its right neighbour, so that the child has `keep`. */
static void shift(struct ordered *o, struct inner *parent, size_t i, size_t keep)
{
    node *left = parent->children[i], *right = parent->children[i + 1];
    size_t seam; /* in the right one, or in the left one */
    if (left->count > keep) {
        size_t count = left->count - keep;
        move_entries(right, count, right, 0, right->count);
        move_entries(right, 0, left, keep, count);
        right->count += (uint32_t)count;
        left->count = (uint32_t)keep;
        seam = count;
        if (right->is_inner && seam < right->count) join(o, as_inner(right), seam - 1);
    } else {
        size_t count = keep - left->count;
        seam = left->count;
        move_entries(left, seam, right, 0, count);
        left->count = (uint32_t)keep;
        drop_entries(right, 0, count);
        if (left->is_inner) join(o, as_inner(left), seam - 1);
    }
    refresh_child(parent, i);
    refresh_child(parent, i + 1);
}

/* Splits a child, which keeps so many of its entries; the parent is not full. */
static void split(struct ordered *o, struct inner *parent, size_t i, size_t keep)
{
    node *left = parent->children[i], *right = node_new(o, left->is_inner);
    if (!left->is_inner) link_behind(right, left);
    open_entry(&parent->head, i + 1);
    parent->children[i + 1] = right;
    shift(o, parent, i, keep);
}

/* Where an insert goes: at the lower or the upper end of the whole tree, or within. */
struct ends {
    bool low, high;
};

/* Makes room in a full child. */
static void relieve(struct ordered *o, struct inner *parent, size_t i, struct ends ends)
{
    node **child = parent->children + i;
    size_t count = parent->head.count;
    if (i + 1 < count && child[1]->count <= SHARES)
        shift(o, parent, i, (FANOUT + child[1]->count) / 2);
    else if (i > 0 && child[-1]->count <= SHARES)
        shift(o, parent, i - 1, (FANOUT + child[-1]->count) / 2);
    else if (ends.high)
        split(o, parent, i, FANOUT - 1);
    else
        split(o, parent, i, ends.low ? 1 : FANOUT / 2);
}

/* ---- insert ---- */

/* A full root becomes the child of a new one. */
static void grow_root(struct ordered *o)
{
    node *root = node_new(o, true);
    root->count = 1;
    as_inner(root)->children[0] = o->root;
    refresh_child(as_inner(root), 0);
    o->root = root;
}

/* The ends at which the place still is after it has been found in this node. */
static struct ends narrow(struct ends ends, const node *n, size_t before)
{
    return (struct ends){ends.low && before == 0, ends.high && before == n->count};
}

static void put(node *n, size_t at, double score, void *item)
{
    n->scores[at] = score;
    n->items[at] = item;
}

void ordered_insert(struct ordered *o, double score, void *item)
{
    struct ordered_place place = place_of(o, ORDERED_BEFORE, score, item);
    struct ends ends = {true, true};
    if (!o->root) o->root = node_new(o, false);
    if (o->root->count == FANOUT) grow_root(o);
    node *n = o->root;
    while (n->is_inner) {
        struct inner *parent = as_inner(n);
        size_t before = entries_before(o, n, &place), i = before ? before - 1 : 0;
        node *child = parent->children[i];
        if (child->count == FANOUT) {
            struct ends below = narrow(ends, n, before);
            relieve(o, parent, i, narrow(below, child, entries_before(o, child, &place)));
            before = entries_before(o, n, &place);
            i = before ? before - 1 : 0;
        }
        ends = narrow(ends, n, before);
        if (!before) put(n, 0, score, item);
        parent->sizes[i]++;
        n = parent->children[i];
    }
    size_t at = entries_before(o, n, &place);
    open_entry(n, at);
    put(n, at, score, item);
    o->count++;
}

/* ---- removal ---- */

static void free_below(struct ordered *o, node *n, ordered_visit *visit, void *ctx)
{
    if (n->is_inner)
        for (uint32_t i = 0; i < n->count; i++) free_below(o, as_inner(n)->children[i], visit, ctx);
    else if (visit)
        for (uint32_t i = 0; i < n->count; i++) visit(ctx, n->items[i]);
    node_free(o, n);
}

static void remove_below(struct ordered *o, node *n, size_t from, size_t count,
                         ordered_visit *visit, void *ctx);

/* The same for an inner node: whole children go at once. */
static void remove_children(struct ordered *o, struct inner *n, size_t from, size_t count,
                            ordered_visit *visit, void *ctx)
{
    size_t i = 0, whole = 0;
    while (from >= n->sizes[i]) from -= n->sizes[i++];
    size_t first = i, first_whole = i;
    for (; count; i++, from = 0) {
        size_t part = n->sizes[i] - from < count ? n->sizes[i] - from : count;
        count -= part;
        if (part == n->sizes[i]) {
            if (!whole++) first_whole = i;
            free_below(o, n->children[i], visit, ctx);
        } else {
            remove_below(o, n->children[i], from, part, visit, ctx);
            refresh_child(n, i);
        }
    }
    if (whole) drop_entries(&n->head, first_whole, whole);
    /* What was before the first, the first, the last and what is behind it may join. */
    size_t at = first ? first - 1 : 0;
    for (size_t pairs = 3; pairs > 0 && at + 1 < n->head.count; pairs--)
        if (!join(o, n, at)) at++;
}

/* Takes out items that are below the node, though not all of them. */
static void remove_below(struct ordered *o, node *n, size_t from, size_t count,
                         ordered_visit *visit, void *ctx)
{
    if (n->is_inner) {
        remove_children(o, as_inner(n), from, count, visit, ctx);
        return;
    }
    if (visit)
        for (size_t i = from; i < from + count; i++) visit(ctx, n->items[i]);
    drop_entries(n, from, count);
}

void ordered_remove_range(struct ordered *o, size_t from, size_t count, ordered_visit *visit,
                          void *ctx)
{
    CHECK(count <= o->count && from <= o->count - count);
    if (!count) return;
    if (count == o->count) {
        free_below(o, o->root, visit, ctx);
        o->root = NULL;
    } else {
        remove_below(o, o->root, from, count, visit, ctx);
    }
    o->count -= count;
    while (o->root && o->root->is_inner && o->root->count == 1) {
        node *only = as_inner(o->root)->children[0];
        node_free(o, o->root);
        o->root = only;
    }
}

void ordered_remove(struct ordered *o, double score, const void *item)
{
    struct ordered_place place = place_of(o, ORDERED_BEFORE, score, item);
    ordered_remove_range(o, ordered_rank(o, &place), 1, NULL, NULL);
}

void ordered_rescore(struct ordered *o, double score, void *item, double new_score)
{
    struct ordered_place place = place_of(o, ORDERED_AFTER, score, item);
    struct ordered_place fresh = place_of(o, ORDERED_BEFORE, new_score, item);
    node *n = o->root;
    while (n->is_inner) n = as_inner(n)->children[child_towards(o, n, &place)];
    size_t at = entries_before(o, n, &place) - 1;
    DCHECK(n->items[at] == item);
    /* Most changes are small: it stays where it is, if that is within the leaf. */
    if (at > 0 && at + 1 < n->count && lies_before(o, &fresh, n, at - 1) &&
        !lies_before(o, &fresh, n, at + 1)) {
        n->scores[at] = new_score;
        return;
    }
    ordered_remove(o, score, item);
    ordered_insert(o, new_score, item);
}

/* ---- going about ---- */

struct ordered_spot ordered_at(const struct ordered *o, size_t number)
{
    const node *n = o->root;
    if (number >= o->count) return (struct ordered_spot){0};
    while (n->is_inner) {
        const struct inner *parent = as_inner(n);
        size_t i = 0;
        while (number >= parent->sizes[i]) number -= parent->sizes[i++];
        n = parent->children[i];
    }
    return (struct ordered_spot){n, (unsigned)number};
}

void *ordered_get(const struct ordered_spot *spot, double *score)
{
    *score = spot->leaf->scores[spot->index];
    return spot->leaf->items[spot->index];
}

void ordered_next(struct ordered_spot *spot)
{
    const node *n = spot->leaf;
    if (++spot->index == n->count)
        *spot = (struct ordered_spot){n->next, 0};
    else if (spot->index + PREFETCH_ITEMS < n->count)
        prefetch(n->items[spot->index + PREFETCH_ITEMS]);
}

void ordered_prev(struct ordered_spot *spot)
{
    const node *n = spot->leaf;
    if (spot->index == 0) {
        *spot = (struct ordered_spot){n->prev, n->prev ? n->prev->count - 1 : 0};
        return;
    }
    if (--spot->index >= PREFETCH_ITEMS) prefetch(n->items[spot->index - PREFETCH_ITEMS]);
}

void ordered_init(struct ordered *o, ordered_text_of *text_of)
{
    *o = (struct ordered){.text_of = text_of};
}

/* ---- checks ---- */

struct check {
    const struct ordered *o;
    const node *leaf; /* the last one met */
    double score;     /* of the last item met */
    const void *item;
    size_t bytes;
};

/* Invariants 2 and 5; returns the number of levels below and counts the items. */
static unsigned check_leaf(struct check *c, const node *n, size_t *items)
{
    CHECK(n->prev == c->leaf);
    CHECK(!c->leaf || c->leaf->next == n);
    c->leaf = n;
    for (uint32_t i = 0; i < n->count; i++) {
        CHECK(n->scores[i] == n->scores[i]);
        if (c->item) {
            struct ordered_place last = place_of(c->o, ORDERED_AFTER, c->score, c->item);
            CHECK(!lies_before(c->o, &last, n, i));
        }
        c->score = n->scores[i];
        c->item = n->items[i];
    }
    *items = n->count;
    return 0;
}

static unsigned check_node(struct check *c, const node *n, size_t *items)
{
    CHECK(n->count > 0 && n->count <= FANOUT);
    c->bytes += mem_cost(node_size(n));
    if (!n->is_inner) return check_leaf(c, n, items);
    const struct inner *parent = as_inner(n);
    unsigned levels = 0;
    *items = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        const node *child = parent->children[i];
        size_t below;
        unsigned here = check_node(c, child, &below);
        CHECK(i == 0 || here == levels);
        levels = here;
        CHECK(below == parent->sizes[i]);
        CHECK(n->scores[i] == child->scores[0] && n->items[i] == child->items[0]);
        if (i > 0) CHECK(parent->children[i - 1]->count + child->count > TOGETHER_MIN);
        *items += below;
    }
    return levels + 1;
}

void ordered_check(const struct ordered *o)
{
    struct check c = {.o = o};
    size_t items = 0;
    if (o->root) {
        check_node(&c, o->root, &items);
        CHECK(!c.leaf->next);
        CHECK(!o->root->is_inner || o->root->count > 1);
    }
    CHECK(items == o->count && c.bytes == o->bytes);
}
