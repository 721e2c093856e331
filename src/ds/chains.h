/* A hash table of things that bring their own link: no memory per entry but the links in them.
 *
 * Embed a struct chain_link, compute a good 64-bit hash, and follow the links of that hash to find
 * an entry; equality is the caller's. The table grows by one bucket per change and shrinks by two
 * (linear hashing), so no single change ever pays for moving all entries.
 *
 *     for (struct chain_link *l = chains_first(t, hash); l; l = chain_next(l)) … container of l */
#ifndef HARK_DS_CHAINS_H
#define HARK_DS_CHAINS_H

#include <stddef.h>
#include <stdint.h>

struct chain_link {
    struct chain_link *next;
    uint64_t hash;
};

struct chains {
    struct chain_link **heads;
    size_t cap;   /* heads allocated, a power of two */
    size_t len;   /* buckets in use: one or two per entry, a few at least */
    size_t count; /* entries */
};

/* Zeroed is empty. Gives back the table; the entries are their owners'. */
void chains_fini(struct chains *t);
void chains_add(struct chains *t, struct chain_link *link, uint64_t hash);
/* The link must be in the table. */
void chains_remove(struct chains *t, struct chain_link *link);
/* The first entry with this hash, or NULL. */
struct chain_link *chains_first(const struct chains *t, uint64_t hash);
/* The next entry with the same hash, or NULL. */
struct chain_link *chain_next(const struct chain_link *link);
/* Every entry, in no order: NULL starts, NULL ends. The table must not change on the way. */
struct chain_link *chains_each(const struct chains *t, const struct chain_link *last);

#endif
