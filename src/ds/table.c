/* How the table works.
 *
 * A bucket is one cache line of 64 bytes:
 *
 *      byte 0     1     2     3     4     5     6     7
 *         ┌─────┬─────┬─────┬─────┬─────┬─────┬─────┬──────────┐
 *    meta │ tag │ tag │ tag │ tag │ tag │ tag │ tag │ overflow │   (low byte of the word first)
 *         ├─────┴─────┴─────┴─────┴─────┴───┬─┴─────┴──────────┤
 *  slot 0 │ pointer to the entry, 48 bits   │ place bits 36…51 │
 *         │               …                 │                  │
 *  slot 6 │                                 │                  │
 *         └─────────────────────────────────┴──────────────────┘
 *
 * A place is a hash times `order`, an odd number. A tag is the low byte of the place (0 becomes
 * 1), and 0 says that the slot is empty. The home of a place is bucket place × n / 2^64, whatever
 * number n is: so buckets are in the order of places, and n can grow by an eighth. An entry that
 * finds its home full goes to the next bucket with
 * room, and each bucket that it passed counts it in its overflow byte: a look-up ends at the first
 * bucket that nothing has passed. An overflow byte that reaches 255 stays there until the entries
 * move to another array. Nothing wraps around: behind the n homes there is a pad for those that
 * the last homes spill; should it ever be full, all is rebuilt at once with a larger one.
 *
 * Growing and shrinking move the entries from the old array to a new one, home by home in the
 * order of places:
 *
 *          0               last                        2^64
 *  places  ├─────────────────┼──────────────────────────┤
 *          arrays[0], the new   arrays[1], the old one
 *
 *  [0]     ████████████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░    ░ not touched yet
 *  [1]     ·················██████████████████████████           · given back to the system
 *
 * Every look-up compares its place with `last` once and then probes one array only. Each insert and
 * erase moves a few homes, which ends the move long before the next one is due. An array large
 * enough is made of pages, zero and absent until touched, so beginning a move costs nothing, and
 * the two arrays never take more than the larger of them (and some pages).
 *
 * To move an entry one must know its place, and asking for it costs a cache miss an entry. But
 * the bucket tells the top bits of the place, the slot bits 36 to 51, and from 2^12 homes on the
 * two overlap: the upper 28 bits follow (of entries far from home, in yet larger tables), the new
 * home nearly always follows from those, and so the move streams through the table and leaves the
 * entries alone. Where it does not follow, the entry is asked. Lower bits in the slots would leave
 * too much open in a table of 100 K entries, higher ones too little in one of 100 M: a look-up
 * compares tag and bits, of which those that follow from the bucket tell it nothing (there, it
 * still touches a wrong entry only every 600th time).
 *
 * Load: at most 6 of the 7 slots a home, and 5.3 after growing by an eighth; that makes 10.7 to 12
 * bytes an entry, 11.3 on average. A look-up that finds reads 1.15 to 1.3 buckets, one that does
 * not 1.7 to 3.5, next to each other. (At 6 1/8 slots of 7 that would be 4.4 already, at 6.4, 8.)
 *
 * Places are not spread evenly where entries are taken out, or inserted, in the order of a walk
 * (SCAN and DEL). A stretch of homes that is too full spills far, and each insert there would look
 * through all of it. So an insert that finds room far from home makes the table grow, as often as
 * that takes: homes that hold nothing cost addresses, and memory only where they are touched. And a
 * table shrinks only as far as its fullest stretch allows, for which `crowds` counts entries by
 * home. Stretches that hold nothing are passed over by walks.
 *
 * Invariants, which table_check checks:
 *  1. An entry with a place up to `last` is in arrays[0], the others in arrays[1]; arrays[1] is
 *     there only while `last` is below 2^64 - 1.
 *  2. An entry is at its home or behind it, before `end`, and every bucket from its home to the
 *     one before its own is counted as passed: overflow = number that passed, or 255.
 *  3. Tag and slot bits are those of the place; tag 0 if and only if the slot is 0.
 *  4. The last bucket of an array has overflow 0, so that every probe ends.
 *  5. arrays[1] is empty below the home of last + 1, and memory is given back only there;
 *     arrays[0] is empty from `filled` on, and that is what is counted as memory in use.
 *  6. `count` entries in all, at most 6 a home of arrays[0].
 *  7. crowds[i] entries of its array have homes from i × CROWD_HOMES on, before (i + 1) × that. */
#include "table.h"

#include "../base/assert.h"
#include "../base/hash.h"
#include "../base/mem.h"
#include "../base/random.h"

enum {
    HOMES_MIN = 1,       /* so that the table of a value with one large element is small */
    HOMES_LARGE = 8192,  /* (49 K entries) smaller arrays double, from here on it is an eighth */
    PAD_MAX = 64,        /* longer chains than 448 entries have no chance (e^-100) at this load */
    MOVE_PER_CHANGE = 8, /* buckets looked through, some 4 homes; 1.3 would be in time */
    BUCKET_SIZE = sizeof(struct table_bucket),
    PAGE_BUCKETS = MEM_PAGE / BUCKET_SIZE,
    FILL_BUCKETS = 4096 / BUCKET_SIZE, /* memory is counted as in use in these steps */
    PAGES_FROM = 4 * PAGE_BUCKETS,     /* arrays from this many buckets on are made of pages */
    CROWD_HOMES = 256,
    CROWDS_FROM = 4 * CROWD_HOMES, /* homes; in smaller arrays nothing is far */
    FAR = 128,                     /* buckets; by chance none is so far from home */
    SPARSE_TIMES = 256, /* the homes that a crowd can make a table have, of those that it needs */
};

#define OVERFLOW_SHIFT 56
#define OVERFLOW_ONE   (UINT64_C(1) << OVERFLOW_SHIFT)
#define OVERFLOW_STUCK 255

/* The bucket of a table without memory. It is never written to: with no homes, there is no room. */
static const struct table_bucket no_buckets;

static uint64_t home_of(uint64_t place, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)place * n) >> 64);
}

/* The first place whose home is `home`, below n. */
static uint64_t first_place(uint64_t home, uint64_t n)
{
    return (uint64_t)((((unsigned __int128)home << 64) + n - 1) / n);
}

/* The last place whose home is `home`, below n. */
static uint64_t last_place(uint64_t home, uint64_t n)
{
    return home + 1 == n ? UINT64_MAX : first_place(home + 1, n) - 1;
}

static uint64_t overflow_of(const struct table_bucket *b)
{
    return b->meta >> OVERFLOW_SHIFT;
}

/* Of the entry in a slot; asks the entry. */
static uint64_t place_of(const struct table *t, const table_slot *slot)
{
    return table_place(t, t->hash_of(t->ctx, table_slot_entry(slot)));
}

/* The order of a table that is empty, after another one: so that what was walked and taken out, and
 * is put back, comes in no order. */
static uint64_t order_after(uint64_t before)
{
    return hash_u64(before) | 1;
}

/* The top bit of each tag byte in use. */
static uint64_t used_slots(const struct table_bucket *b)
{
    return table_tag_matches(b->meta, 0) ^ (UINT64_C(0x8080808080808080) >> 8);
}

static unsigned slot_index(uint64_t top_bits)
{
    return (unsigned)__builtin_ctzll(top_bits) >> 3;
}

static void prefetch_entries(const struct table_bucket *b)
{
    for (uint64_t used = used_slots(b); used; used &= used - 1)
        prefetch(table_slot_entry(&b->slots[slot_index(used)]));
}

/* Arrays --------------------------------------------------------------------------------------- */

static uint64_t pad_for(uint64_t n)
{
    if (n == 1) return 0; /* as full as it may be, it has room left */
    uint64_t pad = n / 8 + 3;
    return pad < PAD_MAX ? pad : PAD_MAX;
}

static size_t entries_max(uint64_t n)
{
    return n * (TABLE_BUCKET_SLOTS - 1);
}

static struct table_array array_none(void)
{
    return (struct table_array){.buckets = (struct table_bucket *)&no_buckets};
}

/* What a small array takes: allocations are aligned to 16 bytes, buckets to 64. */
static size_t small_size(const struct table_array *a)
{
    return a->end * BUCKET_SIZE + 48;
}

static size_t crowds_size(const struct table_array *a)
{
    return (a->n / CROWD_HOMES + 1) * sizeof *a->crowds;
}

static struct table_array array_new(uint64_t n, uint64_t pad)
{
    struct table_array a = {.n = n, .end = n + pad};
    if (n >= CROWDS_FROM) a.crowds = mem_zalloc(crowds_size(&a));
    if (a.end >= PAGES_FROM) {
        a.buckets = mem_map_pages(a.end * BUCKET_SIZE);
    } else {
        a.memory = mem_zalloc(small_size(&a));
        a.buckets = (struct table_bucket *)(((uintptr_t)a.memory + 63) & ~(uintptr_t)63);
        a.filled = a.end;
    }
    return a;
}

static void array_free(struct table_array *a)
{
    if (a->crowds) mem_free(a->crowds, crowds_size(a));
    if (a->memory) {
        mem_free(a->memory, small_size(a));
    } else if (a->end) {
        mem_unmap_pages(a->buckets, a->end * BUCKET_SIZE, (a->filled - a->given) * BUCKET_SIZE);
    }
    *a = array_none();
}

static size_t array_bytes(const struct table_array *a)
{
    size_t crowds = a->crowds ? mem_cost(crowds_size(a)) : 0;
    return crowds + (a->memory ? mem_cost(small_size(a)) : (a->filled - a->given) * BUCKET_SIZE);
}

/* Bucket `b` is about to be written to: count it. */
static void array_use(struct table_array *a, uint64_t b)
{
    uint64_t filled = (b / FILL_BUCKETS + 1) * FILL_BUCKETS;
    if (filled > a->end) filled = a->end;
    mem_use_pages((filled - a->filled) * BUCKET_SIZE);
    a->filled = filled;
}

/* The buckets below `b` are empty for good: give their pages back. */
static void array_give_back(struct table_array *a, uint64_t b)
{
    uint64_t given = b / PAGE_BUCKETS * PAGE_BUCKETS;
    if (a->memory || given <= a->given) return;
    mem_discard_pages(a->buckets + a->given, (given - a->given) * BUCKET_SIZE);
    a->given = given;
}

/* Enters an entry whose home is `home`; NULL when the buckets from there to the end are full. */
static table_slot *array_place(struct table_array *a, uint64_t home, uint64_t tag, table_slot slot)
{
    uint64_t b = home, empty;
    while (!(empty = table_tag_matches(a->buckets[b].meta, 0)))
        if (++b == a->end) return NULL;
    if (__builtin_expect(b >= a->filled, 0)) array_use(a, b);
    if (a->crowds) a->crowds[home / CROWD_HOMES]++;
    for (; home < b; home++)
        if (overflow_of(&a->buckets[home]) < OVERFLOW_STUCK) a->buckets[home].meta += OVERFLOW_ONE;
    unsigned i = slot_index(empty);
    a->buckets[b].meta |= tag << (8 * i);
    a->buckets[b].slots[i] = slot;
    return &a->buckets[b].slots[i];
}

static void array_remove(struct table_array *a, uint64_t home, uint64_t b, unsigned i)
{
    a->buckets[b].meta &= ~(UINT64_C(0xff) << (8 * i));
    a->buckets[b].slots[i] = 0;
    if (a->crowds) a->crowds[home / CROWD_HOMES]--;
    for (; home < b; home++)
        if (overflow_of(&a->buckets[home]) < OVERFLOW_STUCK) a->buckets[home].meta -= OVERFLOW_ONE;
}

static uint64_t bucket_of(const struct table_array *a, const table_slot *slot)
{
    return (uint64_t)((const char *)slot - (const char *)a->buckets) / BUCKET_SIZE;
}

static table_slot make_slot(uint64_t place, const void *entry)
{
    DCHECK(((uintptr_t)entry & ~TABLE_ENTRY_MASK) == 0);
    return table_slot_bits(place) << 48 | (uint64_t)(uintptr_t)entry;
}

/* Moving --------------------------------------------------------------------------------------- */

static bool is_moving(const struct table *t)
{
    return t->last != UINT64_MAX;
}

/* Puts the entries of `from` into `to`; false when its pad is full. */
static bool copy_all(struct table *t, const struct table_array *from, struct table_array *to)
{
    for (uint64_t b = from->given; b < from->filled; b++) {
        const struct table_bucket *bucket = &from->buckets[b];
        for (uint64_t used = used_slots(bucket); used; used &= used - 1) {
            const table_slot *slot = &bucket->slots[slot_index(used)];
            uint64_t place = place_of(t, slot);
            if (!array_place(to, home_of(place, to->n), table_tag(place), *slot)) return false;
        }
    }
    return true;
}

/* A pad is full, which takes hashes that are not random: moves everything to an array with a
 * larger pad, at once. */
static void rebuild(struct table *t)
{
    struct table_array *now = &t->arrays[0];
    struct table_array fresh;
    for (uint64_t pad = 2 * (now->end - now->n) + 1;; pad *= 2) {
        fresh = array_new(now->n, pad);
        if (copy_all(t, now, &fresh) && copy_all(t, &t->arrays[1], &fresh)) break;
        array_free(&fresh);
    }
    array_free(now);
    array_free(&t->arrays[1]);
    *now = fresh;
    t->last = UINT64_MAX;
}

/* One home that is being moved. */
struct home_move {
    uint64_t home;  /* in the old array */
    uint64_t first; /* the places that live there */
    uint64_t last;
    uint64_t reach; /* the last place that can be in the bucket that is looked at */
};

enum verdict { STAYS, MOVES, UNKNOWN };

/* Does the entry belong to the home that is moved, and where does it go? Answered from what the
 * table holds of its place, if that suffices. */
static enum verdict tell_new_home(const struct table *t, const struct home_move *m, table_slot slot,
                                  uint64_t *new_home)
{
    /* Lower homes have moved already, so the place lies from m->first to m->reach. The first number
     * there that has the slot's bits may be its upper part. */
    const uint64_t lower_bits = (UINT64_C(1) << TABLE_BITS_SHIFT) - 1;
    uint64_t lowest = m->first >> TABLE_BITS_SHIFT;
    uint64_t upper = (lowest & ~UINT64_C(0xffff)) | slot >> 48;
    if (upper < lowest) upper += 0x10000;
    uint64_t from = upper << TABLE_BITS_SHIFT, to = from | lower_bits;
    if (from > m->last) return STAYS;
    if (to > m->last && m->reach > m->last) return UNKNOWN;
    if (upper + 0x10000 <= m->reach >> TABLE_BITS_SHIFT) return UNKNOWN; /* and so may the next */
    *new_home = home_of(from, t->arrays[0].n);
    return *new_home == home_of(to, t->arrays[0].n) ? MOVES : UNKNOWN;
}

/* Moves the entries of bucket b of the old array that belong to the home; false when the pad of
 * the new one is full. */
static bool move_bucket(struct table *t, struct home_move *m, uint64_t b)
{
    struct table_array *now = &t->arrays[0], *old = &t->arrays[1];
    struct table_bucket *bucket = &old->buckets[b];
    m->reach = b < old->n ? last_place(b, old->n) : UINT64_MAX;
    for (uint64_t used = used_slots(bucket); used; used &= used - 1) {
        unsigned i = slot_index(used);
        table_slot slot = bucket->slots[i];
        uint64_t new_home = 0;
        enum verdict verdict = tell_new_home(t, m, slot, &new_home);
        if (verdict == UNKNOWN) {
            uint64_t place = place_of(t, &slot);
            verdict = place <= m->last ? MOVES : STAYS;
            new_home = home_of(place, now->n);
        }
        if (verdict == STAYS) continue;
        if (!array_place(now, new_home, bucket->meta >> (8 * i) & 0xff, slot)) return false;
        array_remove(old, m->home, b, i);
    }
    return true;
}

static void moved_up_to(struct table *t, uint64_t home)
{
    struct table_array *old = &t->arrays[1];
    t->last = last_place(home, old->n);
    if (is_moving(t))
        array_give_back(old, home + 1);
    else
        array_free(old);
}

/* Moves the entries of one home, the one of place `first`; all below it have moved. Returns how
 * many buckets it had to look through for them. */
static uint64_t move_home(struct table *t, uint64_t first)
{
    struct table_array *old = &t->arrays[1];
    struct home_move m = {.first = first, .home = home_of(first, old->n)};
    m.last = last_place(m.home, old->n);
    uint64_t b = m.home;
    for (;; b++) {
        if (!move_bucket(t, &m, b)) {
            rebuild(t);
            return b - m.home + 1;
        }
        /* The overflow of the home is now what it still has to find: lower homes are gone. */
        if (overflow_of(&old->buckets[m.home]) == 0 || overflow_of(&old->buckets[b]) == 0) break;
    }
    moved_up_to(t, m.home);
    return b - m.home + 1;
}

/* A stretch of homes that hold nothing has not to be looked through; false when it holds any. */
static bool pass_nothing(struct table *t)
{
    const struct table_array *old = &t->arrays[1];
    uint64_t home = home_of(t->last + 1, old->n), end = home + CROWD_HOMES;
    if (!old->crowds || home % CROWD_HOMES || old->crowds[home / CROWD_HOMES]) return false;
    moved_up_to(t, end < old->n ? end - 1 : old->n - 1);
    return true;
}

/* Small tables must ask entries for their places: have those of the homes after next fetched. */
static void prefetch_next_homes(const struct table *t)
{
    const struct table_array *old = &t->arrays[1];
    if (old->n > UINT64_C(1) << 16) return; /* hardly any is asked */
    uint64_t b = home_of(t->last + 1, old->n) + MOVE_PER_CHANGE;
    for (uint64_t end = b + MOVE_PER_CHANGE; b < end && b < old->end; b++)
        prefetch_entries(&old->buckets[b]);
}

static void begin_move(struct table *t, uint64_t n)
{
    DCHECK(!is_moving(t));
    t->shrink_at = SIZE_MAX;
    struct table_array *old = &t->arrays[1];
    *old = t->arrays[0];
    t->arrays[0] = array_new(n, pad_for(n));
    if (old->n == 0) return;
    if (old->filled < old->end) array_use(old, old->end - 1); /* so that all can be given back */
    move_home(t, 0);
}

/* Moves homes until it has looked through that many buckets. */
static void move_some(struct table *t, uint64_t buckets)
{
    if (is_moving(t)) prefetch_next_homes(t);
    while (buckets > 0 && is_moving(t)) {
        uint64_t looked_through = pass_nothing(t) ? 1 : move_home(t, t->last + 1);
        buckets -= looked_through < buckets ? looked_through : buckets;
    }
}

/* For tests: always a move on, and slow ones, between sizes next to each other. */
static void begin_restless_move(struct table *t)
{
    uint64_t fits = HOMES_MIN + t->count / (TABLE_BUCKET_SLOTS - 1);
    begin_move(t, t->arrays[0].n == fits ? fits + 1 : fits);
}

/* After one entry came or went: moves a little, and more when that was far from home; whether it
 * can begin a move, it tells. */
static bool settle(struct table *t, uint64_t far)
{
    if (!is_moving(t)) return true;
    move_some(t, t->restless ? 1 : MOVE_PER_CHANGE + (far > FAR ? 2 * far : 0));
    return false;
}

/* Do entries crowd somewhere, and would more homes help? They do not where hashes are equal. */
static bool is_crowded(const struct table *t, uint64_t far)
{
    return far > FAR && t->arrays[0].n / SPARSE_TIMES <= t->count / (TABLE_BUCKET_SLOTS - 1);
}

/* So many homes an array must have for the fullest stretch of this one. */
static uint64_t homes_for_crowds(const struct table_array *a)
{
    enum { ENTRIES_A_HOME = 5 };
    uint32_t most = 0;
    if (!a->crowds) return 0;
    for (uint64_t i = 0; i <= a->n / CROWD_HOMES; i++)
        if (a->crowds[i] > most) most = a->crowds[i];
    return (uint64_t)((unsigned __int128)a->n * most / (CROWD_HOMES * ENTRIES_A_HOME));
}

static uint64_t more_homes(uint64_t n)
{
    return n < HOMES_MIN ? HOMES_MIN : n < HOMES_LARGE ? 2 * n : n + n / 8;
}

static void make_room(struct table *t)
{
    uint64_t n = t->arrays[0].n, far = t->far;
    t->far = 0;
    bool settled = settle(t, far);
    if (t->count < entries_max(n)) {
        if (settled && t->restless)
            begin_restless_move(t);
        else if (settled && __builtin_expect(is_crowded(t, far), 0))
            begin_move(t, t->count < entries_max(n) / 2 ? 2 * n : more_homes(n));
        return;
    }
    move_some(t, UINT64_MAX); /* by far done already, but for restless tables */
    begin_move(t, more_homes(n));
}

/* To a load of 9/14: far from both ends; unless the fullest stretch forbids. */
static void shrink(struct table *t)
{
    uint64_t n = t->arrays[0].n, smaller = t->count * 2 / 9;
    uint64_t least = homes_for_crowds(&t->arrays[0]);
    if (smaller < least) smaller = least;
    if (smaller < HOMES_MIN) smaller = HOMES_MIN;
    if (smaller <= n / 4 * 3 || n < CROWDS_FROM)
        begin_move(t, smaller);
    else
        t->shrink_at = t->count - t->count / 4;
}

static void spare_room(struct table *t)
{
    uint64_t n = t->arrays[0].n;
    if (!settle(t, 0)) return;
    if (t->restless)
        begin_restless_move(t);
    else if (n > HOMES_MIN && t->count < n * 5 / 2 && t->count < t->shrink_at)
        shrink(t); /* below a load of 5/14 */
}

/* Public --------------------------------------------------------------------------------------- */

void table_init(struct table *t, table_hash_of *hash_of, void *ctx)
{
    *t = (struct table){
        .arrays = {array_none(), array_none()},
        .last = UINT64_MAX,
        .order = order_after((uintptr_t)t),
        .shrink_at = SIZE_MAX,
        .hash_of = hash_of,
        .ctx = ctx,
    };
}

void table_renew(struct table *t)
{
    uint64_t order = t->order;
    table_init(t, t->hash_of, t->ctx);
    t->order = order_after(order);
}

void table_fini(struct table *t)
{
    array_free(&t->arrays[0]);
    array_free(&t->arrays[1]);
    table_renew(t);
}

void table_reserve(struct table *t, size_t count)
{
    uint64_t n = count / (TABLE_BUCKET_SLOTS - 1) + HOMES_MIN;
    if (t->arrays[0].n == 0) t->arrays[0] = array_new(n, pad_for(n));
}

table_slot *table_insert(struct table *t, uint64_t hash, void *entry)
{
    uint64_t place = table_place(t, hash);
    make_room(t);
    for (;;) {
        struct table_array *a = &t->arrays[place > t->last];
        uint64_t home = home_of(place, a->n);
        table_slot *slot = array_place(a, home, table_tag(place), make_slot(place, entry));
        if (__builtin_expect(slot != NULL, 1)) {
            t->count++;
            t->far = bucket_of(a, slot) - home;
            return slot;
        }
        rebuild(t);
    }
}

void table_erase(struct table *t, table_slot *slot, uint64_t hash)
{
    uint64_t place = table_place(t, hash);
    struct table_array *a = &t->arrays[place > t->last];
    uint64_t b = bucket_of(a, slot);
    unsigned i = (unsigned)(slot - a->buckets[b].slots);
    DCHECK((a->buckets[b].meta >> (8 * i) & 0xff) == table_tag(place));
    array_remove(a, home_of(place, a->n), b, i);
    t->count--;
    spare_room(t);
    if (t->count == 0) t->order = order_after(t->order);
}

bool table_step(struct table *t, size_t max_buckets)
{
    move_some(t, max_buckets);
    return is_moving(t);
}

size_t table_bytes(const struct table *t)
{
    return array_bytes(&t->arrays[0]) + array_bytes(&t->arrays[1]);
}

size_t table_buckets(const struct table *t)
{
    return t->arrays[0].n;
}

/* Walking -------------------------------------------------------------------------------------- */

/* Visits the entries of one array with places from lo to hi; those whose slots have not the bits
 * under `mask` in common with lo are known not to be meant. */
static void visit_array(const struct table *t, const struct table_array *a, uint64_t lo,
                        uint64_t hi, table_slot mask, table_visit *visit, void *ctx)
{
    table_slot wanted = make_slot(lo, NULL) & mask;
    uint64_t last = home_of(hi, a->n);
    for (uint64_t b = home_of(lo, a->n);; b++) {
        const struct table_bucket *bucket = &a->buckets[b];
        if (!mask && b < last) prefetch_entries(bucket + 1);
        for (uint64_t used = used_slots(bucket); used; used &= used - 1) {
            const table_slot *slot = &bucket->slots[slot_index(used)];
            if ((*slot & mask) != wanted) continue;
            uint64_t place = place_of(t, slot);
            if (lo <= place && place <= hi) visit(ctx, table_slot_entry(slot));
        }
        if (b >= last && overflow_of(bucket) == 0) return;
    }
}

static void visit_range(const struct table *t, uint64_t lo, uint64_t hi, table_slot mask,
                        table_visit *visit, void *ctx)
{
    if (lo <= t->last)
        visit_array(t, &t->arrays[0], lo, hi < t->last ? hi : t->last, mask, visit, ctx);
    if (hi > t->last)
        visit_array(t, &t->arrays[1], lo > t->last ? lo : t->last + 1, hi, mask, visit, ctx);
}

struct found {
    void **out;
    size_t max, count;
};

static void note_found(void *ctx, void *entry)
{
    struct found *found = ctx;
    if (found->count < found->max) found->out[found->count] = entry;
    found->count++;
}

size_t table_find_prefix(const struct table *t, uint32_t prefix, void **out, size_t max)
{
    struct found found = {.out = out, .max = max};
    uint64_t lo = (uint64_t)prefix << 32;
    visit_range(t, lo, lo | UINT32_MAX, ~TABLE_ENTRY_MASK, note_found, &found);
    return found.count;
}

/* The first place from `place` on that may have an entry, in the same array, or `last` of that. */
static uint64_t skip_nothing(const struct table *t, uint64_t place)
{
    const struct table_array *a = &t->arrays[place > t->last];
    uint64_t last = place > t->last ? UINT64_MAX : t->last;
    if (!a->crowds) return place;
    uint64_t from = home_of(place, a->n) / CROWD_HOMES, i = from, end = home_of(last, a->n);
    while (!a->crowds[i] && i < end / CROWD_HOMES) i++;
    return i == from ? place : first_place(i * CROWD_HOMES, a->n);
}

uint64_t table_scan(const struct table *t, uint64_t cursor, size_t max_buckets, table_visit *visit,
                    void *ctx)
{
    const uint64_t end = UINT64_C(1) << 48;
    if (cursor >= end || t->count == 0) return 0;
    uint64_t lo = skip_nothing(t, cursor << 16), hi = UINT64_MAX, next = 0;
    uint64_t n = t->arrays[lo > t->last].n, home = home_of(lo, n);
    if (max_buckets == 0) max_buckets = 1;
    if (max_buckets < n - home) {
        /* Rounded up, so that the next call begins behind where this one did. */
        uint64_t next_place = first_place(home + max_buckets, n);
        next = (next_place >> 16) + ((next_place & 0xffff) != 0);
        if (next == end)
            next = 0;
        else
            hi = (next << 16) - 1;
    }
    visit_range(t, lo, hi, 0, visit, ctx);
    return next;
}

struct counted {
    table_visit *visit;
    void *ctx;
    size_t visited;
};

static void visit_counted(void *ctx, void *entry)
{
    struct counted *c = ctx;
    c->visited++;
    c->visit(c->ctx, entry);
}

uint64_t table_scan_count(const struct table *t, uint64_t cursor, size_t count, table_visit *visit,
                          void *ctx)
{
    enum { STEPS_MAX = 10 };
    struct counted c = {visit, ctx, 0};
    for (int i = 0; i < STEPS_MAX && c.visited < count; i++) {
        cursor = table_scan(t, cursor, (count - c.visited) / 8 + 1, visit_counted, &c);
        if (!cursor) break;
    }
    return cursor;
}

/* The end of the buckets that can hold entries when homes up to `last` are in use. */
static uint64_t occupied_end(const struct table_array *a, uint64_t last)
{
    uint64_t b = home_of(last, a->n);
    while (overflow_of(&a->buckets[b])) b++;
    return b + 1;
}

/* Of the entries with homes in a stretch, the one with this number, or NULL; counts down by those
 * that it passes. */
static void *nth_of_stretch(const struct table *t, const struct table_array *a, uint64_t stretch,
                            uint64_t *nth)
{
    uint64_t b = stretch * CROWD_HOMES, end = b + CROWD_HOMES < a->n ? b + CROWD_HOMES : a->n;
    for (; b < a->filled && (b < end || overflow_of(&a->buckets[b - 1])); b++) {
        const struct table_bucket *bucket = &a->buckets[b];
        for (uint64_t used = used_slots(bucket); used; used &= used - 1) {
            const table_slot *slot = &bucket->slots[slot_index(used)];
            uint64_t home = home_of(place_of(t, slot), a->n);
            if (home / CROWD_HOMES == stretch && (*nth)-- == 0) return table_slot_entry(slot);
        }
    }
    return NULL;
}

/* The same of an array. */
static void *nth_of_array(const struct table *t, const struct table_array *a, uint64_t *nth)
{
    for (uint64_t i = 0; i * CROWD_HOMES < a->n; i++) {
        if (a->crowds && *nth >= a->crowds[i]) {
            *nth -= a->crowds[i];
            continue;
        }
        void *entry = nth_of_stretch(t, a, i, nth);
        if (entry) return entry;
    }
    return NULL;
}

void *table_random(const struct table *t, struct random *random)
{
    enum { DRAWS = 100 };
    if (t->count == 0) return NULL;
    /* Both arrays' buckets in use in one row; every slot in it is as likely as any other. */
    const struct table_array *now = &t->arrays[0], *old = &t->arrays[1];
    uint64_t from = 0, now_count = occupied_end(now, t->last), old_count = 0;
    if (is_moving(t)) {
        from = home_of(t->last + 1, old->n);
        old_count = occupied_end(old, UINT64_MAX) - from;
    }
    for (int tries = 0; tries < DRAWS; tries++) {
        uint64_t b = random_below(random, now_count + old_count);
        const struct table_bucket *bucket =
            b < now_count ? &now->buckets[b] : &old->buckets[from + b - now_count];
        const table_slot *slot = &bucket->slots[random_below(random, TABLE_BUCKET_SLOTS)];
        if (*slot) return table_slot_entry(slot);
    }
    /* It is so sparse that entries are better counted. */
    uint64_t nth = random_below(random, t->count);
    void *entry = nth_of_array(t, now, &nth);
    return entry ? entry : nth_of_array(t, old, &nth);
}

/* Frees the entries of up to `max` buckets; returns how many buckets it dealt with. */
static size_t clear_array(struct table *t, struct table_array *a, table_visit *free_entry,
                          void *ctx, size_t max)
{
    uint64_t b = t->cleared > a->given ? t->cleared : a->given;
    uint64_t end = max < a->filled - b ? b + max : a->filled;
    size_t done = end - b;
    for (; b < end; b++) {
        const struct table_bucket *bucket = &a->buckets[b];
        if (free_entry && b + 1 < a->filled) prefetch_entries(bucket + 1);
        for (uint64_t used = used_slots(bucket); used; used &= used - 1) {
            if (free_entry) free_entry(ctx, table_slot_entry(&bucket->slots[slot_index(used)]));
            t->count--;
        }
    }
    t->cleared = end;
    if (end < a->filled) {
        array_give_back(a, end);
    } else {
        array_free(a);
        t->cleared = 0;
    }
    return done;
}

bool table_clear(struct table *t, table_visit *free_entry, void *ctx, size_t max_buckets)
{
    for (int i = 1; i >= 0; i--) {
        struct table_array *a = &t->arrays[i];
        if (a->n) max_buckets -= clear_array(t, a, free_entry, ctx, max_buckets);
        if (a->n) return false;
    }
    table_renew(t);
    return true;
}

/* Checking ------------------------------------------------------------------------------------- */

/* Invariants 1, 2 and 3 of one entry; enters it in `passes`, where the sum of the elements up to
 * one is how many entries have passed that bucket. Returns its home. */
static uint64_t check_entry(const struct table *t, const struct table_array *a, uint64_t b,
                            unsigned i, int64_t *passes)
{
    const table_slot *slot = &a->buckets[b].slots[i];
    uint64_t place = place_of(t, slot);
    uint64_t home = home_of(place, a->n);
    CHECK(a == &t->arrays[place > t->last]);
    CHECK(home <= b && b < a->filled);
    CHECK((a->buckets[b].meta >> (8 * i) & 0xff) == table_tag(place));
    CHECK(*slot >> 48 == table_slot_bits(place));
    passes[home]++;
    passes[b]--;
    return home;
}

static size_t check_array(const struct table *t, const struct table_array *a)
{
    size_t entries = 0, size = (a->end + 1) * sizeof(int64_t);
    int64_t *passes = mem_zalloc(size), *homes = mem_zalloc(size), passed = 0;
    for (uint64_t b = a->given; b < a->end; b++) {
        for (unsigned i = 0; i < TABLE_BUCKET_SLOTS; i++) {
            bool used = a->buckets[b].meta >> (8 * i) & 0xff;
            CHECK(used == (a->buckets[b].slots[i] != 0));
            if (!used) continue;
            homes[check_entry(t, a, b, i, passes)]++;
            entries++;
        }
    }
    for (uint64_t b = a->given; b < a->end; b++) {
        passed += passes[b];
        uint64_t overflow = overflow_of(&a->buckets[b]);
        CHECK(overflow == (uint64_t)passed || overflow == OVERFLOW_STUCK);
    }
    CHECK(a->end == 0 || overflow_of(&a->buckets[a->end - 1]) == 0);
    uint64_t home = 0;
    for (uint64_t i = 0; a->crowds && i <= a->n / CROWD_HOMES; i++) {
        int64_t crowd = 0;
        for (; home < a->n && home < (i + 1) * CROWD_HOMES; home++) crowd += homes[home];
        CHECK(a->crowds[i] == (uint64_t)crowd);
    }
    mem_free(homes, size);
    mem_free(passes, size);
    return entries;
}

void table_check(const struct table *t)
{
    const struct table_array *now = &t->arrays[0], *old = &t->arrays[1];
    CHECK(now->given == 0 && now->filled <= now->end && old->filled == old->end);
    CHECK(is_moving(t) == (old->n > 0));
    if (is_moving(t)) {
        uint64_t first = home_of(t->last + 1, old->n);
        CHECK(old->given <= first);
        for (uint64_t b = old->given; b < first; b++) CHECK(!used_slots(&old->buckets[b]));
    }
    CHECK(check_array(t, now) + check_array(t, old) == t->count);
    CHECK(t->count <= entries_max(now->n));
}
