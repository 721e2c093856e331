#include "directory.h"

#include "../base/assert.h"
#include "../base/hash.h"
#include "../base/mem.h"

void directory_init(struct directory *d, const unsigned char *secret)
{
    *d = (struct directory){.secret = secret};
    d->patterns = pattern_index_new(hash_bytes(secret, SLICE("grams")));
}

void directory_fini(struct directory *d)
{
    for (int kind = 0; kind < PUBSUB_KINDS; kind++) CHECK(d->feeds[kind].count == 0);
    pattern_index_free(d->patterns);
    mem_free(d->found, d->found_cap * sizeof *d->found);
}

struct feed *directory_find(const struct directory *d, enum pubsub_kind kind, struct slice name)
{
    if (!d->feeds[kind].count) return NULL;
    struct chain_link *l = chains_first(&d->feeds[kind], hash_bytes(d->secret, name));
    while (l && !slice_equal(feed_name((struct feed *)l), name)) l = chain_next(l);
    return (struct feed *)l;
}

struct feed *directory_add(struct directory *d, enum pubsub_kind kind, struct slice name,
                           size_t crowded_max)
{
    struct feed *f = feed_new(kind, name);
    if (kind == PUBSUB_PATTERN) {
        f->pattern = pattern_index_add(d->patterns, feed_name(f), f, crowded_max);
        if (!f->pattern) {
            feed_free(f);
            return NULL;
        }
    }
    chains_add(&d->feeds[kind], &f->by_name, hash_bytes(d->secret, name));
    return f;
}

void directory_remove(struct directory *d, struct feed *f)
{
    chains_remove(&d->feeds[f->kind], &f->by_name);
    if (f->pattern) pattern_index_remove(d->patterns, f->pattern);
    feed_free(f);
}

struct hearers directory_hearers(struct directory *d, struct slice channel)
{
    struct feed *exact = directory_find(d, PUBSUB_CHANNEL, channel);
    struct pattern_matches matches = {0};
    if (d->feeds[PUBSUB_PATTERN].count) matches = pattern_index_match(d->patterns, channel);
    if (d->found_cap < matches.len + 1) {
        size_t cap = 2 * (matches.len + 1), size = sizeof *d->found;
        d->found = mem_resize(d->found, d->found_cap * size, cap * size);
        d->found_cap = cap;
    }
    size_t len = 0;
    if (exact) d->found[len++] = exact;
    for (size_t i = 0; i < matches.len; i++) d->found[len++] = matches.at[i].owner;
    return (struct hearers){d->found, len};
}
