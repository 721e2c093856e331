/* How the wheel works.
 *
 * Five levels of 512 slots; a slot of level k is 256^k ms wide:
 *
 *      level     a slot is     512 slots are
 *        0           1 ms           0.5 s
 *        1         256 ms           131 s
 *        2          66 s            9.3 h
 *        3         4.7 h             99 d
 *        4          50 d             70 y
 *
 * The slot of a deadline d is number d / 256^k, at place number mod 512. The hand is the last ms
 * that is done with. Of each level only half its slots are needed for what lies between the slot
 * of the hand and the end of the hand's slot of the level above; the other half is there so that
 * the next slot of the level above can be emptied into them while the hand is still on its way
 * there, a few items at a time:
 *
 *                      hand
 *   level k+1   ─────┼──▼──────────────┼─────────────────┼──────
 *                    │ empty by now    │ being emptied   │ waiting
 *   level k     ─────┼──▼─┬─┬─┬─┬─┬─┬─┬┼─┬─┬─┬─┬─┬─┬─┬─┬─┼
 *                    │    all of these │ and some of these
 *
 * Whoever adds an item uses the lowest level that has a slot for it, so nothing is added to the
 * slot that is being emptied. Emptying keeps ahead of the hand: a call that moves the hand by a
 * tenth of the way to the slot's begin moves two tenths of its items. Where that has not happened
 * (the clock jumped, or no one called), the slot is emptied before the hand enters it; when that
 * is more than a call may do, the hand waits and the next call goes on. Bitmaps of the slots in
 * use let the hand jump over all that is empty.
 *
 * An item keeps the low 32 bits of its deadline; no slot is wider than that, so the slot's number
 * gives the rest. A slot's items lie in an array that doubles from 2 to 512 items (4 KB), then in
 * more of such chunks, with a directory:
 *
 *      slot  ┌──────────┬───────┬──────┐       ≤ 512 items           more
 *            │ pointer ─┼─▶     │ fill │   ──▶ item item item …   ──▶ chunk ─▶ 512 items
 *            └──────────┴───────┴──────┘                              chunk ─▶ 512 items
 *      item  = hash 32 bits │ low bits of the deadline 32 bits        chunk ─▶ 64, 128 … 512
 *
 * What is added at or before the hand (overdue, or after the clock went back) goes to a heap, and
 * comes out from there first: its deadlines are before all others. It is empty most of the time.
 *
 * Invariants, which wheel_check checks:
 *  1. Items of level 0 are in slots after the hand, those of level k in slots after the hand's own
 *     slot, and at most in the one after the hand's slot of level k + 1: so 512 places suffice, and
 *     each place stands for one slot number.
 *  2. Items of the heap are at or before the hand, and no item is before its parent.
 *  3. A bit is set if and only if the slot has items; the sums of groups, levels and of the wheel
 *     are those of the slots. A slot has one array up to 512 items, a directory above.
 *  4. `bytes` is the sum of what the parts cost. */
#include "wheel.h"

#include "../base/assert.h"
#include "../base/mem.h"
#include "../base/random.h"

#include <string.h>

enum {
    SLOTS = 512,
    GROUPS = SLOTS / 64,
    CHUNK_ITEMS = 512,
    CHUNK_LOG2 = 9,
    FIRST_LOG2 = 1,     /* the first array of a slot: 2 items, 16 bytes */
    NEXT_LOG2 = 6,      /* the array that a further chunk begins with */
    DIRECTORY_LOG2 = 2, /* the first directory */
    AT_ONCE = 64,       /* so few items may be moved when the hand is there, or at each waking */
    NEAREST_LOOKS = 1024,
};

#define REACH_SHIFT 40 /* level 4 reaches to the end of the next 2^40 ms */

struct item {
    uint32_t hash;
    uint32_t low; /* bits of the deadline */
};

struct slot {
    union {
        struct item *items;   /* up to CHUNK_ITEMS of them */
        struct item **chunks; /* above: all full but the last */
    };
    uint32_t count;
    uint8_t last_log2;      /* capacity of the last (or only) chunk */
    uint8_t directory_log2; /* capacity of the directory */
};

struct wheel_level {
    uint64_t used[GROUPS];        /* a bit for each slot that has items */
    uint32_t group_count[GROUPS]; /* items in the slots of a word of bits */
    uint32_t count;
    struct slot slots[SLOTS];
};

struct wheel_late {
    int64_t deadline_ms;
    uint32_t hash;
};

/* Memory, counted ---------------------------------------------------------------------------------
 */

static void *resize(struct wheel *w, void *p, size_t old_size, size_t new_size)
{
    w->bytes += mem_cost(new_size) - mem_cost(old_size);
    if (new_size) return mem_resize(p, old_size, new_size);
    mem_free(p, old_size);
    return NULL;
}

static size_t items_size(unsigned log2)
{
    return sizeof(struct item) << log2;
}

static size_t directory_size(unsigned log2)
{
    return sizeof(struct item *) << log2;
}

/* Slots -------------------------------------------------------------------------------------------
 */

static struct item *slot_chunk(const struct slot *s, uint32_t i)
{
    return s->count <= CHUNK_ITEMS ? s->items : s->chunks[i / CHUNK_ITEMS];
}

static struct item slot_item(const struct slot *s, uint32_t i)
{
    return slot_chunk(s, i)[i % CHUNK_ITEMS];
}

/* A further chunk, when all are full: with the second one comes the directory. */
static struct item *slot_add_chunk(struct wheel *w, struct slot *s)
{
    uint32_t chunks = s->count / CHUNK_ITEMS;
    if (chunks == 1) {
        struct item **directory = resize(w, NULL, 0, directory_size(DIRECTORY_LOG2));
        directory[0] = s->items;
        s->chunks = directory;
        s->directory_log2 = DIRECTORY_LOG2;
    } else if (chunks == UINT32_C(1) << s->directory_log2) {
        size_t size = directory_size(s->directory_log2++);
        s->chunks = resize(w, s->chunks, size, 2 * size);
    }
    s->last_log2 = NEXT_LOG2;
    return s->chunks[chunks] = resize(w, NULL, 0, items_size(NEXT_LOG2));
}

static void slot_push(struct wheel *w, struct slot *s, struct item item)
{
    uint32_t at = s->count % CHUNK_ITEMS;
    struct item *chunk;
    if (s->count == 0) {
        s->last_log2 = FIRST_LOG2;
        chunk = s->items = resize(w, NULL, 0, items_size(FIRST_LOG2));
    } else if (at == 0) {
        chunk = slot_add_chunk(w, s);
    } else {
        chunk = slot_chunk(s, s->count);
        if (at == UINT32_C(1) << s->last_log2) {
            size_t size = items_size(s->last_log2++);
            chunk = resize(w, chunk, size, 2 * size);
            if (s->count < CHUNK_ITEMS)
                s->items = chunk;
            else
                s->chunks[s->count / CHUNK_ITEMS] = chunk;
        }
    }
    chunk[at] = item;
    s->count++;
}

static struct item slot_pop(struct wheel *w, struct slot *s)
{
    uint32_t last = s->count - 1;
    struct item *chunk = slot_chunk(s, last), item = chunk[last % CHUNK_ITEMS];
    if (last % CHUNK_ITEMS == 0) {
        resize(w, chunk, items_size(s->last_log2), 0);
        s->last_log2 = CHUNK_LOG2;
        if (last == CHUNK_ITEMS) {
            struct item **directory = s->chunks;
            s->items = directory[0];
            resize(w, directory, directory_size(s->directory_log2), 0);
        }
    }
    s->count = last;
    return item;
}

static void slot_free(struct wheel *w, struct slot *s)
{
    if (s->count == 0) return;
    uint32_t chunks = (s->count + CHUNK_ITEMS - 1) / CHUNK_ITEMS;
    for (uint32_t i = 0; i < chunks; i++) {
        unsigned log2 = i + 1 < chunks ? CHUNK_LOG2 : s->last_log2;
        resize(w, slot_chunk(s, i * CHUNK_ITEMS), items_size(log2), 0);
    }
    if (chunks > 1) resize(w, s->chunks, directory_size(s->directory_log2), 0);
    s->count = 0;
}

/* Levels ------------------------------------------------------------------------------------------
 */

/* The width of a slot is 2^shift. */
static unsigned shift_of(int level)
{
    return 8 * (unsigned)level;
}

/* The first slot number that can have items. */
static int64_t first_number(const struct wheel *w, int level)
{
    return (w->hand >> shift_of(level)) + 1;
}

static int64_t full_deadline(int level, int64_t number, struct item item)
{
    int64_t start = number << shift_of(level);
    return start + (uint32_t)(item.low - (uint32_t)start);
}

static struct wheel_due make_due(int level, int64_t number, struct item item)
{
    return (struct wheel_due){full_deadline(level, number, item), item.hash};
}

/* The first slot in use from `number` on, before `end`; end when there is none. */
static int64_t next_used(const struct wheel_level *l, int64_t number, int64_t end)
{
    while (number < end) {
        uint64_t bits = l->used[number % SLOTS / 64] >> (number % 64);
        if (bits) {
            number += __builtin_ctzll(bits);
            return number < end ? number : end;
        }
        number = (number | 63) + 1;
    }
    return end;
}

static void level_push(struct wheel *w, int level, int64_t number, struct item item)
{
    struct wheel_level *l = w->levels[level];
    if (!l) {
        l = w->levels[level] = resize(w, NULL, 0, sizeof *l);
        memset(l, 0, sizeof *l);
    }
    unsigned place = number % SLOTS;
    slot_push(w, &l->slots[place], item);
    l->used[place / 64] |= UINT64_C(1) << (place % 64);
    l->group_count[place / 64]++;
    l->count++;
}

static struct item level_pop(struct wheel *w, int level, int64_t number)
{
    struct wheel_level *l = w->levels[level];
    unsigned place = number % SLOTS;
    struct item item = slot_pop(w, &l->slots[place]);
    if (l->slots[place].count == 0) l->used[place / 64] &= ~(UINT64_C(1) << (place % 64));
    l->group_count[place / 64]--;
    l->count--;
    return item;
}

/* Enters an item with a deadline after the hand at the lowest level that has a slot for it. */
static void place(struct wheel *w, uint32_t hash, int64_t deadline)
{
    int level = 0;
    for (; level < WHEEL_LEVELS - 1; level++) {
        unsigned above = shift_of(level + 1);
        if (deadline >> above <= (w->hand >> above) + 1) break;
    }
    level_push(w, level, deadline >> shift_of(level), (struct item){hash, (uint32_t)deadline});
}

/* Moves up to `max` items of a slot down; returns how many. */
static size_t empty_slot(struct wheel *w, int level, int64_t number, size_t max)
{
    const struct slot *s = &w->levels[level]->slots[number % SLOTS];
    size_t moved = 0;
    for (; s->count > 0 && moved < max; moved++) {
        struct item item = level_pop(w, level, number);
        place(w, item.hash, full_deadline(level, number, item));
    }
    w->moves += moved;
    return moved;
}

/* The slot that the hand comes to first; of two with the same begin, the wider. Returns its begin,
 * INT64_MAX when all levels are empty. */
static int64_t next_slot(const struct wheel *w, int *level, int64_t *number)
{
    int64_t earliest = INT64_MAX;
    for (int k = WHEEL_LEVELS - 1; k >= 0; k--) {
        if (!w->levels[k] || w->levels[k]->count == 0) continue;
        int64_t first = first_number(w, k);
        int64_t used = next_used(w->levels[k], first, first + SLOTS);
        int64_t start = used << shift_of(k);
        if (start >= earliest) continue;
        earliest = start;
        *level = k;
        *number = used;
    }
    return earliest;
}

/* Late items --------------------------------------------------------------------------------------
 */

static void late_set_cap(struct wheel *w, size_t cap)
{
    w->late = resize(w, w->late, w->late_cap * sizeof *w->late, cap * sizeof *w->late);
    w->late_cap = cap;
}

static void late_push(struct wheel *w, uint32_t hash, int64_t deadline)
{
    if (w->late_count == w->late_cap) late_set_cap(w, w->late_cap ? 2 * w->late_cap : 4);
    size_t i = w->late_count++;
    for (; i > 0 && w->late[(i - 1) / 2].deadline_ms > deadline; i = (i - 1) / 2)
        w->late[i] = w->late[(i - 1) / 2];
    w->late[i] = (struct wheel_late){deadline, hash};
}

static struct wheel_due late_pop(struct wheel *w)
{
    struct wheel_late top = w->late[0], last = w->late[--w->late_count];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < w->late_count) {
        if (child + 1 < w->late_count &&
            w->late[child + 1].deadline_ms < w->late[child].deadline_ms)
            child++;
        if (w->late[child].deadline_ms >= last.deadline_ms) break;
        w->late[i] = w->late[child];
        i = child;
    }
    w->late[i] = last;
    if (w->late_count == 0)
        late_set_cap(w, 0);
    else if (w->late_count < w->late_cap / 4)
        late_set_cap(w, w->late_cap / 2);
    return (struct wheel_due){top.deadline_ms, top.hash};
}

static bool late_is_due(const struct wheel *w, int64_t now_ms)
{
    return w->late_count > 0 && w->late[0].deadline_ms <= now_ms;
}

/* Public ------------------------------------------------------------------------------------------
 */

/* Some 140 million years are time enough, and leave room to calculate in. */
static void check_time(int64_t ms)
{
    CHECK(ms >= 0 && ms < INT64_C(1) << 62);
}

void wheel_init(struct wheel *w, int64_t now_ms)
{
    check_time(now_ms);
    *w = (struct wheel){.hand = now_ms};
}

void wheel_fini(struct wheel *w)
{
    for (int k = 0; k < WHEEL_LEVELS; k++) {
        struct wheel_level *l = w->levels[k];
        if (!l) continue;
        for (int i = 0; i < SLOTS; i++) slot_free(w, &l->slots[i]);
        resize(w, l, sizeof *l, 0);
    }
    late_set_cap(w, 0);
    DCHECK(w->bytes == 0);
    wheel_init(w, w->hand);
}

void wheel_add(struct wheel *w, uint32_t hash, int64_t deadline_ms)
{
    CHECK(w->count < UINT32_MAX);
    int64_t reach = (((w->hand >> REACH_SHIFT) + 2) << REACH_SHIFT) - 1;
    w->count++;
    if (deadline_ms <= w->hand)
        late_push(w, hash, deadline_ms);
    else
        place(w, hash, deadline_ms < reach ? deadline_ms : reach);
}

/* Empties the slots that the hand comes to next, in step with its way there. */
static void empty_ahead(struct wheel *w, int64_t hand_before, size_t moves_max)
{
    int64_t went = w->hand - hand_before;
    for (int k = WHEEL_LEVELS - 1; k > 0 && went > 0; k--) {
        int64_t number = first_number(w, k);
        size_t left = w->levels[k] ? w->levels[k]->slots[number % SLOTS].count : 0;
        if (left == 0) continue;
        double part = 2.0 * (double)went / (double)((number << shift_of(k)) - w->hand);
        size_t quota = part < 1 ? (size_t)(part * (double)left) + 1 : left;
        moves_max -= empty_slot(w, k, number, quota < moves_max ? quota : moves_max);
    }
}

size_t wheel_collect_due(struct wheel *w, int64_t now_ms, struct wheel_due *out, size_t max,
                         bool *more)
{
    check_time(now_ms);
    size_t n = 0, moves_left = WHEEL_MOVES_MAX;
    int64_t hand_before = w->hand, number = 0;
    int level = 0;
    while (n < max && late_is_due(w, now_ms)) out[n++] = late_pop(w);
    while (w->hand < now_ms) {
        int64_t start = next_slot(w, &level, &number);
        if (start > now_ms) {
            w->hand = now_ms;
            break;
        }
        if (w->hand < start - 1) w->hand = start - 1;
        const struct slot *s = &w->levels[level]->slots[number % SLOTS];
        if (level > 0) {
            moves_left -= empty_slot(w, level, number, moves_left);
        } else {
            while (s->count > 0 && n < max) out[n++] = make_due(0, number, level_pop(w, 0, number));
            if (s->count == 0) w->hand = start;
        }
        if (s->count > 0) break;
    }
    w->count -= n;
    empty_ahead(w, hand_before, moves_left);
    *more = w->hand < now_ms || late_is_due(w, now_ms);
    return n;
}

int64_t wheel_next_ms(const struct wheel *w, int64_t now_ms)
{
    if (w->count == 0) return -1;
    int64_t next = w->late_count > 0 ? w->late[0].deadline_ms : INT64_MAX;
    for (int k = 0; k < WHEEL_LEVELS; k++) {
        const struct wheel_level *l = w->levels[k];
        if (!l || l->count == 0) continue;
        int64_t first = first_number(w, k), number = next_used(l, first, first + SLOTS);
        int64_t when = number << shift_of(k), begin = (number - 1) << shift_of(k);
        int64_t count = l->slots[number % SLOTS].count;
        if (k > 0 && count > AT_ONCE && now_ms < when) {
            /* Many: to be moved bit by bit, as soon as the level below has room for them. */
            int64_t step = (when - now_ms) * AT_ONCE / count;
            when = now_ms < begin ? begin : now_ms + (step ? step : 1);
        }
        if (when < next) next = when;
    }
    return next;
}

/* The i-th item of the level. */
static struct wheel_due level_item(const struct wheel *w, int level, size_t i)
{
    const struct wheel_level *l = w->levels[level];
    int64_t group = 0;
    for (; i >= l->group_count[group]; group++) i -= l->group_count[group];
    int64_t place = group * 64;
    for (; i >= l->slots[place].count; place++) i -= l->slots[place].count;
    int64_t first = first_number(w, level), number = first + ((place - first) & (SLOTS - 1));
    return make_due(level, number, slot_item(&l->slots[place], (uint32_t)i));
}

bool wheel_sample(const struct wheel *w, struct random *random, struct wheel_due *out)
{
    if (w->count == 0) return false;
    size_t i = random_below(random, w->count);
    for (int k = 0; k < WHEEL_LEVELS; k++) {
        size_t count = w->levels[k] ? w->levels[k]->count : 0;
        if (i < count) {
            *out = level_item(w, k, i);
            return true;
        }
        i -= count;
    }
    *out = (struct wheel_due){w->late[i].deadline_ms, w->late[i].hash};
    return true;
}

/* Finding the nearest: a sorted list of the best so far. */
struct nearest {
    struct wheel_due *out;
    size_t count, max;
    size_t looks_left;
};

/* Could something at or after `deadline` still get into the list? */
static bool nearest_open(const struct nearest *n, int64_t deadline)
{
    return n->looks_left > 0 && (n->count < n->max || n->out[n->count - 1].deadline_ms > deadline);
}

static void nearest_offer(struct nearest *n, struct wheel_due due)
{
    if (!nearest_open(n, due.deadline_ms)) return;
    if (n->count < n->max) n->count++;
    size_t i = n->count - 1;
    for (; i > 0 && n->out[i - 1].deadline_ms > due.deadline_ms; i--) n->out[i] = n->out[i - 1];
    n->out[i] = due;
}

size_t wheel_nearest(const struct wheel *w, struct wheel_due *out, size_t max)
{
    struct nearest n = {.out = out, .max = max, .looks_left = NEAREST_LOOKS};
    if (max > WHEEL_NEAREST_MAX) n.max = WHEEL_NEAREST_MAX;
    if (max == 0) return 0;
    for (size_t i = 0; i < w->late_count && n.looks_left > 0; i++, n.looks_left--)
        nearest_offer(&n, (struct wheel_due){w->late[i].deadline_ms, w->late[i].hash});

    /* All levels in the order in which their slots begin. */
    int64_t at[WHEEL_LEVELS], end[WHEEL_LEVELS];
    for (int k = 0; k < WHEEL_LEVELS; k++) {
        at[k] = first_number(w, k);
        end[k] = w->levels[k] ? at[k] + SLOTS : at[k];
    }
    for (;;) {
        int level = -1;
        for (int k = 0; k < WHEEL_LEVELS; k++) {
            if (end[k] > at[k]) at[k] = next_used(w->levels[k], at[k], end[k]);
            if (at[k] == end[k]) continue;
            if (level < 0 || at[k] << shift_of(k) < at[level] << shift_of(level)) level = k;
        }
        if (level < 0 || !nearest_open(&n, at[level] << shift_of(level))) return n.count;
        const struct slot *s = &w->levels[level]->slots[at[level] % SLOTS];
        for (uint32_t i = 0; i < s->count && n.looks_left > 0; i++, n.looks_left--)
            nearest_offer(&n, make_due(level, at[level], slot_item(s, i)));
        at[level]++;
    }
}

/* Checking ----------------------------------------------------------------------------------------
 */

/* Checks a slot; returns its memory. */
static size_t check_slot(const struct wheel *w, int level, int64_t number, const struct slot *s)
{
    if (s->count == 0) return 0;
    int64_t start = number << shift_of(level);
    unsigned above = shift_of(level + 1);
    CHECK(number >> 8 <= (w->hand >> above) + 1);
    for (uint32_t i = 0; i < s->count; i++) {
        int64_t deadline = full_deadline(level, number, slot_item(s, i));
        CHECK(deadline > w->hand && deadline - start < INT64_C(1) << shift_of(level));
    }
    uint32_t full = (s->count - 1) / CHUNK_ITEMS;
    CHECK(s->count - full * CHUNK_ITEMS <= UINT32_C(1) << s->last_log2);
    CHECK(s->last_log2 <= CHUNK_LOG2);
    CHECK(full == 0 || full + 1 <= UINT32_C(1) << s->directory_log2);
    size_t bytes = full * mem_cost(items_size(CHUNK_LOG2)) + mem_cost(items_size(s->last_log2));
    return bytes + (full ? mem_cost(directory_size(s->directory_log2)) : 0);
}

/* Checks a level; returns its memory. */
static size_t check_level(const struct wheel *w, int level)
{
    const struct wheel_level *l = w->levels[level];
    int64_t first = first_number(w, level);
    size_t bytes = mem_cost(sizeof *l);
    uint32_t groups[GROUPS] = {0}, count = 0;
    for (int64_t number = first; number < first + SLOTS; number++) {
        unsigned place_of = number % SLOTS;
        const struct slot *s = &l->slots[place_of];
        CHECK((l->used[place_of / 64] >> (place_of % 64) & 1) == (s->count > 0));
        groups[place_of / 64] += s->count;
        count += s->count;
        bytes += check_slot(w, level, number, s);
    }
    CHECK(memcmp(groups, l->group_count, sizeof groups) == 0);
    CHECK(count == l->count);
    return bytes;
}

void wheel_check(const struct wheel *w)
{
    size_t count = w->late_count, bytes = mem_cost(w->late_cap * sizeof *w->late);
    for (int k = 0; k < WHEEL_LEVELS; k++) {
        if (!w->levels[k]) continue;
        bytes += check_level(w, k);
        count += w->levels[k]->count;
    }
    CHECK(w->late_count <= w->late_cap);
    for (size_t i = 0; i < w->late_count; i++) {
        CHECK(w->late[i].deadline_ms <= w->hand);
        CHECK(w->late[(i - !!i) / 2].deadline_ms <= w->late[i].deadline_ms);
    }
    CHECK(count == w->count);
    CHECK(bytes == w->bytes);
}
