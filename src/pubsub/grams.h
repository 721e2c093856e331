/* Patterns by a few literal bytes that any text must have somewhere to match them.
 *
 * A gram is 1, 2, 4, 8 or 16 bytes of a pattern's literal middle. The patterns that a text can
 * match are found by looking up each of its own grams, of the lengths in use: the cost depends on
 * the length of the text, not on the number of patterns. */
#ifndef HARK_PUBSUB_GRAMS_H
#define HARK_PUBSUB_GRAMS_H

#include "../base/slice.h"

enum { GRAM_SIZES = 5, GRAM_BYTES_MAX = 16 };

/* What has a gram; embedded by the owner, in one list per gram. */
struct gram_link {
    struct gram_link *next;
    struct gram_link *prev;
    uint64_t hash; /* of the gram */
    int size_log2;
};

struct gram_slot {
    uint64_t hash;
    struct gram_link *first; /* NULL: the slot is empty */
};

struct grams {
    struct gram_slot *slots; /* open addressing, at most half full */
    size_t cap;
    size_t len;                /* distinct grams */
    size_t in_use[GRAM_SIZES]; /* links per gram size: log2 of the bytes */
};

/* Zeroed is empty. */
void grams_fini(struct grams *g);
/* The hash of the 1 << size_log2 bytes at `at`. */
uint64_t gram_hash(uint64_t seed, const char *at, int size_log2);
void grams_add(struct grams *g, struct gram_link *link, uint64_t hash, int size_log2);
void grams_remove(struct grams *g, struct gram_link *link);
/* The first of those with this gram, or NULL; rarely, one of another gram is among them. */
struct gram_link *grams_first(const struct grams *g, uint64_t hash);

#endif
