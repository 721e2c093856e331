/* One allocation per node, what a step of the walk reads first comes first:
 *
 *      value | label_len children cap | first bytes of the children [cap] | label | pad | child
 * [cap]
 *
 * A child's label repeats the byte under which its parent knows it; that byte costs nothing and
 * lets a label be compared and cut without a look at the parent. */
#include "radix.h"

#include "../base/assert.h"
#include "../base/mem.h"

struct radix_node {
    void *value;
    uint32_t label_len;
    uint16_t children, cap;
    unsigned char bytes[];
};

static size_t children_offset(size_t cap, size_t label_len)
{
    size_t end = sizeof(struct radix_node) + cap + label_len;
    return (end + 7) & ~(size_t)7;
}

static size_t node_size(size_t cap, size_t label_len)
{
    return children_offset(cap, label_len) + cap * sizeof(struct radix_node *);
}

static unsigned char *node_label(const struct radix_node *n)
{
    return (unsigned char *)n->bytes + n->cap;
}

static struct radix_node **node_children(const struct radix_node *n)
{
    return (struct radix_node **)(void *)((char *)n + children_offset(n->cap, n->label_len));
}

static struct radix_node *node_new(struct radix *r, struct slice label, size_t cap)
{
    CHECK(label.len <= UINT32_MAX);
    size_t size = node_size(cap, label.len);
    struct radix_node *n = mem_alloc(size);
    *n = (struct radix_node){.label_len = (uint32_t)label.len, .cap = (uint16_t)cap};
    if (label.len) memcpy(node_label(n), label.at, label.len);
    r->bytes += mem_cost(size);
    return n;
}

static void node_free(struct radix *r, struct radix_node *n)
{
    size_t size = node_size(n->cap, n->label_len);
    r->bytes -= mem_cost(size);
    mem_free(n, size);
}

/* The same node with another label or room for more children, in new memory. */
static struct radix_node *node_remake(struct radix *r, struct radix_node *old, struct slice label,
                                      size_t cap)
{
    struct radix_node *n = node_new(r, label, cap);
    n->value = old->value;
    n->children = old->children;
    memcpy(n->bytes, old->bytes, old->children);
    memcpy(node_children(n), node_children(old), old->children * sizeof(struct radix_node *));
    node_free(r, old);
    return n;
}

static struct slice label_of(const struct radix_node *n)
{
    return slice_of(node_label(n), n->label_len);
}

/* Where the child for `byte` is kept, or NULL. */
static struct radix_node **child_of(const struct radix_node *n, unsigned char byte)
{
    const unsigned char *hit = n->children ? memchr(n->bytes, byte, n->children) : NULL;
    return hit ? &node_children(n)[hit - n->bytes] : NULL;
}

static void add_child(struct radix *r, struct radix_node **at, struct radix_node *child)
{
    struct radix_node *n = *at;
    if (n->children == n->cap) {
        size_t cap = n->cap ? (size_t)n->cap * 2 : 2;
        n = *at = node_remake(r, n, label_of(n), cap);
    }
    n->bytes[n->children] = *node_label(child);
    node_children(n)[n->children++] = child;
}

static void drop_child(struct radix *r, struct radix_node **at, unsigned char byte)
{
    struct radix_node *n = *at;
    size_t i = (size_t)(child_of(n, byte) - node_children(n));
    size_t last = --n->children;
    n->bytes[i] = n->bytes[last];
    node_children(n)[i] = node_children(n)[last];
    if (n->cap > 2 && n->children <= n->cap / 4) *at = node_remake(r, n, label_of(n), n->cap / 2);
}

/* Puts a new node above *at that takes the first `len` bytes of its label. */
static void split(struct radix *r, struct radix_node **at, size_t len)
{
    struct radix_node *lower = *at;
    struct radix_node *upper = node_new(r, slice_of(node_label(lower), len), 2);
    lower = node_remake(r, lower, slice_from(label_of(lower), len), lower->cap);
    *at = upper;
    add_child(r, at, lower);
}

/* Takes the only child of *at, which has no value, into its place. */
static void join(struct radix *r, struct radix_node **at)
{
    struct radix_node *upper = *at, *lower = node_children(upper)[0];
    size_t upper_len = upper->label_len, len = upper_len + lower->label_len;
    char *label = mem_alloc(len);
    memcpy(label, node_label(upper), upper_len);
    memcpy(label + upper_len, node_label(lower), lower->label_len);
    *at = node_remake(r, lower, slice_of(label, len), lower->cap);
    mem_free(label, len);
    node_free(r, upper);
}

static size_t common_length(struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len, i = 0;
    while (i < n && a.at[i] == b.at[i]) i++;
    return i;
}

void *radix_find(const struct radix *r, struct slice key)
{
    const struct radix_node *n = r->root;
    while (n && slice_starts_with(key, label_of(n))) {
        key = slice_from(key, n->label_len);
        if (!key.len) return n->value;
        struct radix_node **child = child_of(n, (unsigned char)*key.at);
        n = child ? *child : NULL;
    }
    return NULL;
}

void **radix_put(struct radix *r, struct slice key)
{
    struct radix_node **at = &r->root;
    if (!*at) *at = node_new(r, key, 0);
    for (;;) {
        size_t common = common_length(label_of(*at), key);
        if (common < (*at)->label_len) split(r, at, common);
        key = slice_from(key, common);
        if (!key.len) break;
        struct radix_node **child = child_of(*at, (unsigned char)*key.at);
        if (!child) {
            add_child(r, at, node_new(r, key, 0));
            child = child_of(*at, (unsigned char)*key.at);
        }
        at = child;
    }
    if (!(*at)->value) r->count++;
    return &(*at)->value;
}

void *radix_remove(struct radix *r, struct slice key)
{
    struct radix_node **above = NULL, **at = &r->root;
    for (;;) {
        if (!at || !*at || !slice_starts_with(key, label_of(*at))) return NULL;
        key = slice_from(key, (*at)->label_len);
        if (!key.len) break;
        above = at;
        at = child_of(*at, (unsigned char)*key.at);
    }
    struct radix_node *n = *at;
    void *value = n->value;
    if (!value) return NULL;
    n->value = NULL;
    r->count--;
    if (n->children == 1) {
        join(r, at);
    } else if (n->children == 0) {
        if (above)
            drop_child(r, above, *node_label(n));
        else
            r->root = NULL;
        node_free(r, n);
        if (above && !(*above)->value && (*above)->children == 1) join(r, above);
    }
    return value;
}

bool radix_touches(const struct radix *r, struct slice key)
{
    const struct radix_node *n = r->root;
    while (n) {
        struct slice label = label_of(n);
        if (label.len >= key.len) return slice_starts_with(label, key);
        if (!slice_starts_with(key, label)) return false;
        if (n->value) return true;
        key = slice_from(key, label.len);
        struct radix_node **child = child_of(n, (unsigned char)*key.at);
        n = child ? *child : NULL;
    }
    return false;
}

void *radix_walk_next(struct radix_walk *w)
{
    const struct radix_node *n = w->node;
    while (n) {
        if (!slice_starts_with(slice_from(w->text, w->at), label_of(n))) break;
        w->at += n->label_len;
        struct radix_node **child =
            w->at < w->text.len ? child_of(n, (unsigned char)w->text.at[w->at]) : NULL;
        void *value = n->value;
        n = child ? *child : NULL;
        if (value) {
            w->node = n;
            w->len = w->at;
            return value;
        }
    }
    w->node = NULL;
    return NULL;
}

struct tally {
    size_t values, bytes;
};

/* Recursive: for the short strings of tests only. */
static void check_node(const struct radix_node *n, bool root, struct tally *tally)
{
    CHECK(n->value || n->children >= 2);
    CHECK(n->children <= n->cap && n->cap <= 256);
    CHECK(root || n->label_len > 0);
    tally->values += n->value != NULL;
    tally->bytes += mem_cost(node_size(n->cap, n->label_len));
    for (size_t i = 0; i < n->children; i++) {
        const struct radix_node *child = node_children(n)[i];
        CHECK(memchr(n->bytes, n->bytes[i], i) == NULL);
        CHECK(child->label_len && *node_label(child) == n->bytes[i]);
        check_node(child, false, tally);
    }
}

void radix_check(const struct radix *r)
{
    struct tally tally = {0};
    if (r->root) check_node(r->root, true, &tally);
    CHECK(tally.values == r->count);
    CHECK(tally.bytes == r->bytes);
}
