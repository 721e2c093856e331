#include "pattern_index.h"

#include "../base/assert.h"
#include "../base/glob.h"
#include "../base/mem.h"
#include "../ds/radix.h"
#include "grams.h"

#include <limits.h>
#include <stdlib.h>

enum {
    CROWD = 8,           /* patterns that may share a gram, or a rest list, before it is a crowd */
    TAIL_MAX = 64,       /* bytes of a suffix that are filed; a longer one is a run for the rest */
    RUNS_MAX = 16,       /* literal runs of a pattern that are considered */
    OFFERS_PER_RUN = 64, /* grams of one run that are considered */
    OFFERED_CELLS = 16 << 10,
};

enum place { EXACT, BARE, GRAM, REST };

struct pattern {
    struct gram_link link; /* in its list, whichever that is; first, so that they share addresses */
    struct slice text;
    void *owner;
    uint64_t number;
    uint64_t visit;          /* of the last match that tried it */
    size_t len_min, len_max; /* of what it matches */
    uint8_t place;
    bool crowded;
};

/* The patterns of one prefix and one suffix. */
struct leaf {
    struct gram_link *bare, *rest;
    struct grams *grams; /* NULL when there are none */
    size_t count;
};

/* The patterns of one prefix. */
struct group {
    struct gram_link *exact;
    struct leaf plain; /* those without suffix */
    struct radix suffixes;
    size_t count;
};

struct pattern_index {
    struct radix prefixes;
    uint64_t seed;
    uint64_t numbers, visits; /* given so far */
    struct pattern_match *found;
    size_t found_len, found_cap;
    struct buffer literals;          /* of the pattern in hand */
    uint32_t offered[OFFERED_CELLS]; /* a sketch: how often grams are offered, by hash */
    struct pattern_index_counts counts;
};

/* What decides where a pattern is filed. */
struct address {
    struct glob_parts parts;
    struct slice runs[RUNS_MAX + 1]; /* literals that are neither prefix nor tail */
    int runs_count;
    size_t tail_len;
    char tail[TAIL_MAX]; /* the end of the suffix, reversed */
};

static void reverse_tail(struct slice s, char *tail, size_t len)
{
    for (size_t i = 0; i < len; i++) tail[i] = s.at[s.len - 1 - i];
}

/* The slices in *a are good until the next call. */
static void address_of(struct pattern_index *ix, struct slice text, struct address *a)
{
    ix->literals.len = 0;
    buffer_reserve(&ix->literals, 2 * text.len + 1); /* so that nothing moves under the slices */
    glob_analyse(text, &ix->literals, &a->parts);
    struct slice suffix = a->parts.suffix;
    a->tail_len = suffix.len < TAIL_MAX ? suffix.len : TAIL_MAX;
    reverse_tail(suffix, a->tail, a->tail_len);
    a->runs_count = 0;
    struct glob_runs runs = glob_runs(text);
    struct glob_run run;
    while (a->runs_count < RUNS_MAX && glob_next_run(&runs, &ix->literals, &run))
        if (!run.at_start && !run.at_end) a->runs[a->runs_count++] = run.bytes;
    if (suffix.len > TAIL_MAX)
        a->runs[a->runs_count++] = slice_of(suffix.at, suffix.len - TAIL_MAX);
}

static struct leaf *leaf_find(struct group *g, const struct address *a)
{
    if (!g || !a->tail_len) return g ? &g->plain : NULL;
    return radix_find(&g->suffixes, slice_of(a->tail, a->tail_len));
}

/* How many are in a list; it counts no further than a crowd. */
static size_t crowd_in(const struct gram_link *first)
{
    size_t n = 0;
    for (; first && n < CROWD; first = first->next) n++;
    return n;
}

/* A gram of a pattern by which it could be filed. */
struct offer {
    uint64_t hash;
    int size_log2;
};

/* Goes through the offers of a pattern: of each run the largest grams that fit, from both ends
 * inwards, the last first: names of things come before what tells them apart ("order:17"). */
struct offers {
    const struct address *address;
    int run;
    size_t taken; /* of this run */
};

static bool offer_next(const struct pattern_index *ix, struct offers *at, struct offer *o)
{
    for (; at->run < at->address->runs_count; at->run++, at->taken = 0) {
        struct slice run = at->address->runs[at->run];
        int size_log2 = 0;
        while (size_log2 + 1 < GRAM_SIZES && ((size_t)2 << size_log2) <= run.len) size_log2++;
        size_t last = run.len - ((size_t)1 << size_log2), i = at->taken;
        if (i > last || i == OFFERS_PER_RUN) continue;
        at->taken++;
        size_t from = i % 2 ? i / 2 : last - i / 2;
        *o = (struct offer){gram_hash(ix->seed, run.at + from, size_log2), size_log2};
        return true;
    }
    return false;
}

static size_t offered_cell(struct offer o)
{
    return (o.hash >> 32) % OFFERED_CELLS;
}

/* Keeps count of what patterns offer, as they come (+1) and go (-1). */
static void count_offers(struct pattern_index *ix, const struct address *a, int change)
{
    struct offers offers = {.address = a};
    struct offer o;
    while (offer_next(ix, &offers, &o)) ix->offered[offered_cell(o)] += (uint32_t)change;
}

/* How often a channel may be thought to have this gram although the pattern does not match, in
 * powers of two: what many patterns have is no news, and neither is a byte or two. */
static unsigned offer_commonness(const struct pattern_index *ix, struct offer o)
{
    static const unsigned of_size[GRAM_SIZES] = {10, 6, 2, 1, 0};
    uint32_t times = ix->offered[offered_cell(o)];
    return of_size[o.size_log2] + (times ? 32 - (unsigned)__builtin_clz(times) : 0);
}

/* The best gram of a pattern that has a run: one that is not crowded, and of these the least
 * common, the first of equals. Tells whether it is crowded. */
static bool best_gram(const struct pattern_index *ix, const struct leaf *leaf,
                      const struct address *a, struct offer *best)
{
    struct offers offers = {.address = a};
    enum { CROWDED = 1000 }; /* more than any commonness */
    unsigned best_score = UINT_MAX;
    for (struct offer o; offer_next(ix, &offers, &o);) {
        unsigned score = offer_commonness(ix, o);
        if (score >= best_score) continue;
        if (leaf && leaf->grams && crowd_in(grams_first(leaf->grams, o.hash)) >= CROWD)
            score += CROWDED;
        if (score >= best_score) continue;
        best_score = score;
        *best = o;
    }
    return best_score >= CROWDED;
}

/* Decides in which list a pattern belongs, and whether it is a crowded one. */
static struct offer place_of(const struct pattern_index *ix, const struct leaf *leaf,
                             const struct address *a, struct pattern *p)
{
    struct offer gram = {0};
    p->len_min = a->parts.len_min;
    p->len_max = a->parts.len_max;
    if (a->parts.kind == GLOB_LITERAL) {
        p->place = EXACT;
    } else if (a->runs_count) {
        p->place = GRAM;
        p->crowded = best_gram(ix, leaf, a, &gram);
    } else if (a->parts.kind == GLOB_ENDS) {
        p->place = BARE;
    } else {
        p->place = REST;
        p->crowded =
            (!a->parts.prefix.len && !a->tail_len) || (leaf && crowd_in(leaf->rest) >= CROWD);
    }
    return gram;
}

static struct group *group_make(struct pattern_index *ix, struct slice prefix)
{
    size_t before = ix->prefixes.bytes;
    void **at = radix_put(&ix->prefixes, prefix);
    if (!*at) {
        *at = mem_new(struct group);
        ix->counts.bytes += mem_cost(sizeof(struct group));
    }
    ix->counts.bytes += ix->prefixes.bytes - before;
    return *at;
}

static struct leaf *leaf_make(struct pattern_index *ix, struct group *g, const struct address *a)
{
    if (!a->tail_len) return &g->plain;
    size_t before = g->suffixes.bytes;
    void **at = radix_put(&g->suffixes, slice_of(a->tail, a->tail_len));
    if (!*at) {
        *at = mem_new(struct leaf);
        ix->counts.bytes += mem_cost(sizeof(struct leaf));
    }
    ix->counts.bytes += g->suffixes.bytes - before;
    return *at;
}

static size_t grams_bytes(const struct grams *g)
{
    return g ? mem_cost(sizeof *g) + mem_cost(g->cap * sizeof *g->slots) : 0;
}

static void list_add(struct gram_link **list, struct gram_link *link)
{
    *link = (struct gram_link){.next = *list};
    if (*list) (*list)->prev = link;
    *list = link;
}

static void list_remove(struct gram_link **list, struct gram_link *link)
{
    if (link->next) link->next->prev = link->prev;
    *(link->prev ? &link->prev->next : list) = link->next;
}

static void file_in(struct pattern_index *ix, struct group *g, struct leaf *leaf, struct pattern *p,
                    struct offer gram)
{
    size_t before = grams_bytes(leaf->grams);
    switch ((enum place)p->place) {
    case EXACT: list_add(&g->exact, &p->link); break;
    case BARE: list_add(&leaf->bare, &p->link); break;
    case REST: list_add(&leaf->rest, &p->link); break;
    case GRAM:
        if (!leaf->grams) leaf->grams = mem_new(struct grams);
        grams_add(leaf->grams, &p->link, gram.hash, gram.size_log2);
    }
    g->count++;
    leaf->count += p->place != EXACT;
    ix->counts.bytes += grams_bytes(leaf->grams) - before;
}

static void take_out(struct pattern_index *ix, struct group *g, struct leaf *leaf,
                     struct pattern *p)
{
    size_t before = grams_bytes(leaf->grams);
    switch ((enum place)p->place) {
    case EXACT: list_remove(&g->exact, &p->link); break;
    case BARE: list_remove(&leaf->bare, &p->link); break;
    case REST: list_remove(&leaf->rest, &p->link); break;
    case GRAM:
        grams_remove(leaf->grams, &p->link);
        if (leaf->grams->len) break;
        mem_delete(leaf->grams);
        leaf->grams = NULL;
    }
    g->count--;
    leaf->count -= p->place != EXACT;
    ix->counts.bytes += grams_bytes(leaf->grams) - before;
}

struct pattern *pattern_index_add(struct pattern_index *ix, struct slice text, void *owner,
                                  size_t crowded_max)
{
    struct address a;
    address_of(ix, text, &a);
    struct pattern draft = {.text = text, .owner = owner, .number = ix->numbers};
    struct group *g = radix_find(&ix->prefixes, a.parts.prefix);
    struct offer gram = place_of(ix, leaf_find(g, &a), &a, &draft);
    if (draft.crowded && ix->counts.crowded >= crowded_max) return NULL;

    struct pattern *p = mem_alloc(sizeof *p);
    *p = draft;
    g = group_make(ix, a.parts.prefix);
    file_in(ix, g, leaf_make(ix, g, &a), p, gram);
    ix->numbers++;
    count_offers(ix, &a, 1);
    ix->counts.patterns++;
    ix->counts.crowded += p->crowded;
    ix->counts.bytes += mem_cost(sizeof *p);
    return p;
}

void pattern_index_remove(struct pattern_index *ix, struct pattern *p)
{
    struct address a;
    address_of(ix, p->text, &a);
    struct group *g = radix_find(&ix->prefixes, a.parts.prefix);
    struct leaf *leaf = leaf_find(g, &a);
    CHECK(g && leaf);
    take_out(ix, g, leaf, p);
    if (a.tail_len && !leaf->count) {
        size_t before = g->suffixes.bytes;
        radix_remove(&g->suffixes, slice_of(a.tail, a.tail_len));
        ix->counts.bytes -= before - g->suffixes.bytes + mem_cost(sizeof *leaf);
        mem_delete(leaf);
    }
    if (!g->count) {
        size_t before = ix->prefixes.bytes;
        radix_remove(&ix->prefixes, a.parts.prefix);
        ix->counts.bytes -= before - ix->prefixes.bytes + mem_cost(sizeof *g);
        mem_delete(g);
    }
    count_offers(ix, &a, -1);
    ix->counts.patterns--;
    ix->counts.crowded -= p->crowded;
    ix->counts.bytes -= mem_cost(sizeof *p);
    mem_delete(p);
}

static void take(struct pattern_index *ix, const struct pattern *p)
{
    if (ix->found_len == ix->found_cap) {
        size_t cap = ix->found_cap ? ix->found_cap * 2 : 16, size = sizeof *ix->found;
        ix->found = mem_resize(ix->found, ix->found_cap * size, cap * size);
        ix->found_cap = cap;
    }
    ix->found[ix->found_len++] = (struct pattern_match){p->number, p->owner};
}

static void take_all(struct pattern_index *ix, const struct gram_link *list)
{
    for (; list; list = list->next) take(ix, (const struct pattern *)list);
}

/* A pattern comes by twice when the channel repeats its gram; the second time is skipped. */
static void try_all(struct pattern_index *ix, struct gram_link *list, struct slice channel)
{
    for (; list; list = list->next) {
        struct pattern *p = (struct pattern *)list;
        if (p->visit == ix->visits) continue;
        p->visit = ix->visits;
        if (channel.len < p->len_min || channel.len > p->len_max) continue;
        ix->counts.candidates++;
        if (glob_match(p->text, channel, false))
            take(ix, p);
        else
            ix->counts.failed++;
    }
}

static void try_grams(struct pattern_index *ix, const struct grams *g, struct slice channel,
                      struct slice middle)
{
    for (int size_log2 = 0; size_log2 < GRAM_SIZES; size_log2++) {
        size_t size = (size_t)1 << size_log2;
        if (!g->in_use[size_log2]) continue;
        for (size_t at = 0; at + size <= middle.len; at++) {
            uint64_t hash = gram_hash(ix->seed, middle.at + at, size_log2);
            try_all(ix, grams_first(g, hash), channel);
        }
    }
}

/* The patterns of a leaf whose prefix and suffix the channel has around `middle`. That a star
 * does not match the empty channel is the glob's rule; it is asked there. */
static void match_leaf(struct pattern_index *ix, const struct leaf *leaf, struct slice channel,
                       struct slice middle)
{
    if (channel.len)
        take_all(ix, leaf->bare);
    else
        try_all(ix, leaf->bare, channel);
    try_all(ix, leaf->rest, channel);
    if (leaf->grams) try_grams(ix, leaf->grams, channel, middle);
}

static void match_group(struct pattern_index *ix, const struct group *g, struct slice channel,
                        size_t prefix_len)
{
    struct slice middle = slice_from(channel, prefix_len);
    if (!middle.len) take_all(ix, g->exact);
    match_leaf(ix, &g->plain, channel, middle);
    if (!g->suffixes.count) return;
    char tail[TAIL_MAX];
    size_t tail_len = middle.len < TAIL_MAX ? middle.len : TAIL_MAX;
    reverse_tail(middle, tail, tail_len);
    struct radix_walk w = radix_walk(&g->suffixes, slice_of(tail, tail_len));
    for (struct leaf *leaf; (leaf = radix_walk_next(&w));)
        match_leaf(ix, leaf, channel, slice_of(middle.at, middle.len - w.len));
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct pattern_match *)a)->number;
    uint64_t y = ((const struct pattern_match *)b)->number;
    return (x > y) - (x < y);
}

static void sort_found(struct pattern_match *found, size_t len)
{
    if (len > 32) {
        qsort(found, len, sizeof *found, by_number);
        return;
    }
    for (size_t i = 1; i < len; i++) {
        struct pattern_match m = found[i];
        size_t at = i;
        for (; at && found[at - 1].number > m.number; at--) found[at] = found[at - 1];
        found[at] = m;
    }
}

struct pattern_matches pattern_index_match(struct pattern_index *ix, struct slice channel)
{
    ix->found_len = 0;
    ix->visits++;
    struct radix_walk w = radix_walk(&ix->prefixes, channel);
    for (struct group *g; (g = radix_walk_next(&w));) match_group(ix, g, channel, w.len);
    sort_found(ix->found, ix->found_len);
    return (struct pattern_matches){ix->found, ix->found_len};
}

bool pattern_index_touches(const struct pattern_index *ix, struct slice prefix)
{
    return radix_touches(&ix->prefixes, prefix);
}

struct slice pattern_index_prefix(struct pattern_index *ix, struct slice text)
{
    ix->literals.len = 0;
    glob_literal_prefix(text, &ix->literals);
    return buffer_slice(&ix->literals);
}

struct pattern_index_counts pattern_index_counts(const struct pattern_index *ix)
{
    struct pattern_index_counts c = ix->counts;
    c.bytes += mem_cost(sizeof *ix) + mem_cost(ix->found_cap * sizeof *ix->found) +
               mem_cost(ix->literals.cap);
    return c;
}

struct pattern_index *pattern_index_new(uint64_t seed)
{
    struct pattern_index *ix = mem_new(struct pattern_index);
    ix->seed = seed;
    return ix;
}

void pattern_index_free(struct pattern_index *ix)
{
    CHECK(ix->counts.patterns == 0);
    DCHECK(ix->prefixes.bytes == 0 && ix->counts.bytes == 0);
    for (int i = 0; i < OFFERED_CELLS; i++) DCHECK(ix->offered[i] == 0);
    mem_free(ix->found, ix->found_cap * sizeof *ix->found);
    buffer_fini(&ix->literals);
    mem_delete(ix);
}
