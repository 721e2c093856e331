/* The hash table of a keyspace: a million or a hundred million entries at eleven bytes each.
 *
 * It holds `void *` entries under 64-bit hashes that the caller supplies, and has never heard of
 * keys: the caller compares. Entries are pointers to whatever the caller allocated (16-bit
 * aligned or better, below 2^48); the table neither owns nor frees them. The hashes must be well
 * mixed over all 64 bits (a keyed hash is).
 *
 * Entries are kept, and walked, in the order of their *places*. A place is the hash times an odd
 * number of the table's own, so that two tables hold the same entries in different orders: entries
 * that came in their own order would crowd together at one end of a table that is still small, and
 * what is walked in one table is often inserted in another.
 *
 * What it promises:
 *  - A look-up that finds costs one cache line of the table, seldom two, and one entry; 24 bits of
 *    the place are compared before an entry is touched.
 *  - From some 64 K entries on it takes 10.7 to 12 bytes an entry (11.3 on average), also while it
 *    grows.
 *  - No call stalls: it grows and shrinks by a few buckets per insert and erase, fresh memory is
 *    touched as it fills and old memory is given back as it empties, so there is no peak either.
 *  - SCAN returns what is there all the time exactly once, whatever grows or shrinks meanwhile.
 *
 * Entries may also be taken out of a table in the order in which it is walked, or come back in it:
 * where they crowd it grows, though there is room elsewhere, and where they are left it does not
 * shrink before they have gone.
 *
 * Caveats: a slot handle is good only until the next table_insert, table_erase or table_step. The
 * struct has no pointers into itself: assigning it moves the whole content (then table_renew the
 * old place). How it works stands at the head of table.c. */
#ifndef HARK_DS_TABLE_H
#define HARK_DS_TABLE_H

#include "../base/prefetch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random;

/* Where an entry is held: 48 bits of pointer, 16 bits of its place. */
typedef uint64_t table_slot;

/* The full hash of an entry that is in the table: needed to move it and to walk in order. */
typedef uint64_t table_hash_of(void *ctx, const void *entry);
/* Is this entry the one looked for? To be inlined into table_find. */
typedef bool table_match(const void *entry, const void *ctx);
/* What walking and clearing call for each entry; it must not touch the table. */
typedef void table_visit(void *ctx, void *entry);

enum { TABLE_BUCKET_SLOTS = 7 };

struct table_bucket {
    _Alignas(64) uint64_t meta; /* from the low byte up: 7 tags, then the overflow count */
    table_slot slots[TABLE_BUCKET_SLOTS];
};

struct table_array {
    struct table_bucket *buckets;
    void *memory;     /* what was allocated, in a small array; NULL for one of pages */
    uint64_t n;       /* home buckets */
    uint64_t end;     /* n and the pad behind them */
    uint64_t given;   /* buckets at the low end whose memory has been given back */
    uint64_t filled;  /* buckets at the low end whose memory is counted as in use */
    uint32_t *crowds; /* entries by home, so many homes at a time; NULL in a small array */
};

struct table {
    struct table_array arrays[2]; /* the one in use; while a move is on, the one it replaces */
    uint64_t last;                /* places up to here live in arrays[0], those above in [1] */
    uint64_t order;               /* odd; another one whenever the table gets empty */
    size_t count;
    uint64_t far;     /* how far from its home the last insert found room: buckets */
    size_t shrink_at; /* with fewer entries it is worth while to look whether it can shrink */
    uint64_t cleared; /* buckets that table_clear has dealt with */
    table_hash_of *hash_of;
    void *ctx;
    bool restless; /* tests: start a new move whenever none is on, and make small ones */
};

/* An empty table; takes no memory until the first insert. */
void table_init(struct table *t, table_hash_of *hash_of, void *ctx);
/* Its content was moved away by assigning: an empty table in the old place, with another order. */
void table_renew(struct table *t);
/* Gives back the table's memory, at once; the entries are the caller's business. */
void table_fini(struct table *t);
/* So many entries are about to come into a table that is empty: it need not grow on the way. */
void table_reserve(struct table *t, size_t count);

/* Enters an entry; the caller knows that no equal one is there. Returns its slot. */
table_slot *table_insert(struct table *t, uint64_t hash, void *entry);
/* Takes out the entry that `slot` holds; `hash` is the one it was inserted with. */
void table_erase(struct table *t, table_slot *slot, uint64_t hash);

/* For idle time: moves up to max_buckets if the table is growing or shrinking. Returns whether
 * there is more to move. */
bool table_step(struct table *t, size_t max_buckets);

static inline size_t table_count(const struct table *t)
{
    return t->count;
}
/* The memory that the table takes, without its entries. */
size_t table_bytes(const struct table *t);
/* Home buckets: the unit of max_buckets, some 6 entries each when the table is full. */
size_t table_buckets(const struct table *t);

/* Finds the entries whose place starts with these 32 bits; seldom touches another. Stores up to
 * `max` of them and returns how many there are. */
size_t table_find_prefix(const struct table *t, uint32_t prefix, void **out, size_t max);

/* SCAN: visits the entries of the next max_buckets (at least 1) buckets or so, in the order of
 * their places' upper 48 bits. Start with cursor 0; returns the cursor to go on with, 0 at the
 * end. A call visits exactly the entries with place >> 16 in [cursor, next), so an entry that is
 * there from the first call to the last is visited once, and one that is not, at most once for
 * each time it is inserted. Any number is a valid cursor; those from 2^48 on are past the end. */
uint64_t table_scan(const struct table *t, uint64_t cursor, size_t max_buckets, table_visit *visit,
                    void *ctx);

/* The same by entries: goes on until `count` of them were visited, or little is left in many
 * buckets, and then ends with a bucket. */
uint64_t table_scan_count(const struct table *t, uint64_t cursor, size_t count, table_visit *visit,
                          void *ctx);

/* An entry drawn evenly from all; NULL when the table is empty. */
void *table_random(const struct table *t, struct random *random);

/* Empties a table in slices: hands the entries of up to max_buckets buckets to free_entry (NULL:
 * nobody wants them) and gives back the memory behind it. Returns true when all is done; the table
 * is then as after table_init. In between, only table_clear, table_count, table_bytes and
 * table_fini may be called. */
bool table_clear(struct table *t, table_visit *free_entry, void *ctx, size_t max_buckets);

/* Ends the process when an invariant does not hold; looks at every entry. */
void table_check(const struct table *t);

/* The hot path, for inlining. ------------------------------------------------------------------ */

#define TABLE_ENTRY_MASK ((UINT64_C(1) << 48) - 1)

/* Where in the order of this table a hash is, until the table gets empty. */
static inline uint64_t table_place(const struct table *t, uint64_t hash)
{
    return hash * t->order;
}

/* The byte that stands for the place in its bucket; 0 means an empty slot. */
static inline uint64_t table_tag(uint64_t place)
{
    return (place & 0xff) | ((place & 0xff) == 0);
}

/* The bits that a slot carries above its pointer: bits 36 to 51. What is above them follows
 * from the bucket in a large table, so that most of a place can be told without the entry. */
enum { TABLE_BITS_SHIFT = 36 };
static inline uint64_t table_slot_bits(uint64_t place)
{
    return (place >> TABLE_BITS_SHIFT) & 0xffff;
}

static inline struct table_bucket *table_home(const struct table *t, uint64_t place)
{
    const struct table_array *a = &t->arrays[place > t->last];
    return a->buckets + (uint64_t)(((unsigned __int128)place * a->n) >> 64);
}

/* The top bit of each of the 7 tag bytes that equals `tag`; exact, no false positives. */
static inline uint64_t table_tag_matches(uint64_t meta, uint64_t tag)
{
    const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t x = meta ^ tag * UINT64_C(0x0101010101010101);
    return ~(((x & low7) + low7) | x | low7) & (UINT64_MAX >> 8);
}

static inline void *table_slot_entry(const table_slot *slot)
{
    return (void *)(uintptr_t)(*slot & TABLE_ENTRY_MASK);
}

/* The entry has moved to another address (it was resized, say). */
static inline void table_slot_replace(table_slot *slot, void *entry)
{
    *slot = (*slot & ~TABLE_ENTRY_MASK) | (uint64_t)(uintptr_t)entry;
}

/* First of a batch of look-ups: fetch the line of the bucket. */
static inline void table_prefetch(const struct table *t, uint64_t hash)
{
    prefetch(table_home(t, table_place(t, hash)));
}
/* The same before table_find_prefix. */
static inline void table_prefetch_prefix(const struct table *t, uint32_t prefix)
{
    prefetch(table_home(t, (uint64_t)prefix << 32));
}

/* Second: the bucket is here, fetch the entries that it may be, or the bucket behind it. */
static inline void table_prefetch_entries(const struct table *t, uint64_t hash)
{
    uint64_t place = table_place(t, hash);
    const struct table_bucket *b = table_home(t, place);
    uint64_t matches = table_tag_matches(b->meta, table_tag(place));
    if (!matches && b->meta >> 56) prefetch(b + 1);
    for (; matches; matches &= matches - 1) {
        const table_slot *slot = &b->slots[__builtin_ctzll(matches) >> 3];
        if (*slot >> 48 == table_slot_bits(place)) prefetch(table_slot_entry(slot));
    }
}

/* The slot of the entry that has this hash and for which match(entry, ctx) says yes; NULL when
 * there is none. */
static inline table_slot *table_find(const struct table *t, uint64_t hash, table_match *match,
                                     const void *ctx)
{
    uint64_t place = table_place(t, hash);
    uint64_t tag = table_tag(place), bits = table_slot_bits(place);
    for (struct table_bucket *b = table_home(t, place);; b++) {
        uint64_t matches = table_tag_matches(b->meta, tag);
        for (; matches; matches &= matches - 1) {
            table_slot *slot = &b->slots[__builtin_ctzll(matches) >> 3];
            if (*slot >> 48 == bits && match(table_slot_entry(slot), ctx)) return slot;
        }
        if (__builtin_expect(b->meta >> 56 == 0, 1)) return NULL;
    }
}

static inline bool table_is_entry(const void *entry, const void *wanted)
{
    return entry == wanted;
}

/* The slot of this very entry, which is not touched; NULL when it is not in the table. */
static inline table_slot *table_find_entry(const struct table *t, uint64_t hash, const void *entry)
{
    return table_find(t, hash, table_is_entry, entry);
}

#endif
