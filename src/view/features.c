#include "features.h"

#include "../base/hash.h"
#include "../base/text.h"

#include <limits.h>

/* The bits: events by the codes that journals have, then databases, which share bits from 128 on.
 */
enum { EVENT_BITS = 128, DB_BITS = 128 };

static const uint8_t event_bits[EVENT_COUNT] = {
#define X(code, id, name, class) [EVENT_##id] = code,
    EVENTS(X)
#undef X
};

static const size_t prefix_lengths[] = {16, 8, 4};
enum { PREFIXES = sizeof prefix_lengths / sizeof *prefix_lengths };

static unsigned bit_of_db(int db)
{
    return EVENT_BITS + (unsigned)db % DB_BITS;
}

/* Hashes of equal bytes differ by what they are the first of: `len` bytes, or (0) all. */
static uint64_t hash_of(struct slice bytes, size_t len)
{
    return hash_u64(hash_plain(bytes) + len);
}

static void describe_key(struct slice key, struct journal_features *to)
{
    journal_has_hash(to, hash_of(key, 0));
    for (int i = 0; i < PREFIXES; i++) {
        size_t len = prefix_lengths[i];
        /* A key of just that length is asked for as such. */
        if (key.len > len) journal_has_hash(to, hash_of(slice_of(key.at, len), len));
    }
}

void view_describe(void *ctx, uint64_t seq, struct slice record, struct journal_features *to)
{
    struct record r;
    if (record_decode(record, seq, ctx, &r) != 0) {
        journal_has_anything(to);
        return;
    }
    for (uint32_t i = 0; i < r.notes_count; i++) {
        const struct note *n = &r.notes[i];
        journal_has_bit(to, event_bits[n->event]);
        journal_has_bit(to, bit_of_db(n->db));
        bool again = i > 0 && slice_equal(n->key, r.notes[i - 1].key);
        if (!again) describe_key(n->key, to);
    }
    for (uint32_t i = 0; i < r.effects_count; i++)
        if (r.effects[i].verb == EFFECT_SWAPDB)
            journal_has_bit(to, bit_of_db((int)r.effects[i].when));
}

/* Asking ------------------------------------------------------------------------------------- */

void view_filter_init(struct view_filter *f)
{
    *f = (struct view_filter){0};
    f->filter.all = f->all;
}

static bool asks(const struct journal_any *any, int from)
{
    return any->bits[from] | any->bits[from + 1];
}

static void ask_for_bit(struct view_filter *f, unsigned bit)
{
    int from = bit < EVENT_BITS ? 0 : 2;
    struct journal_any *any = NULL;
    for (size_t i = 0; i < f->filter.count && !any; i++)
        if (asks(&f->all[i], from)) any = &f->all[i];
    if (!any) any = &f->all[f->filter.count++];
    any->bits[bit / 64] |= UINT64_C(1) << bit % 64;
}

void view_filter_event(struct view_filter *f, enum event_name event)
{
    ask_for_bit(f, event_bits[event]);
}

void view_filter_db(struct view_filter *f, int db)
{
    ask_for_bit(f, bit_of_db(db));
}

static void ask_for_hashes(struct view_filter *f, size_t count)
{
    f->all[f->filter.count++] = (struct journal_any){.hashes = f->hashes, .hashes_count = count};
}

void view_filter_key(struct view_filter *f, struct slice key)
{
    f->hashes[0] = hash_of(key, 0);
    ask_for_hashes(f, 1);
}

void view_filter_prefix(struct view_filter *f, struct slice literal)
{
    for (int i = 0; i < PREFIXES; i++) {
        size_t len = prefix_lengths[i];
        if (literal.len < len) continue;
        f->hashes[0] = hash_of(slice_of(literal.at, len), len);
        f->hashes[1] = hash_of(literal, 0);
        ask_for_hashes(f, literal.len == len ? 2 : 1);
        return;
    }
}

/* The one database that it can show, or -1. */
static int only_db(const struct view_name *n)
{
    struct buffer store = {0};
    struct glob_parts parts;
    int64_t db = -1;
    glob_analyse(n->db, &store, &parts);
    bool known = parts.kind == GLOB_LITERAL && text_to_int(parts.prefix, &db);
    buffer_fini(&store);
    return known && db >= 0 && db <= INT_MAX ? (int)db : -1;
}

static void ask_for_events(struct view_filter *f, event_set events)
{
    for (int i = 0; i < EVENT_COUNT; i++)
        if (event_set_has(events, (enum event_name)i)) view_filter_event(f, (enum event_name)i);
}

/* In a view of changes, what befalls a database as a whole comes beside the key's own. */
static void ask_for_keys(struct view_filter *f, const struct view_name *n)
{
    size_t before = f->filter.count;
    if (n->key.kind == GLOB_LITERAL)
        view_filter_key(f, n->key.prefix);
    else
        view_filter_prefix(f, n->key.prefix);
    if (f->filter.count == before || n->family != VIEW_KEYCHANGE) return;
    struct journal_any *keys = &f->all[before];
    for (int i = 0; i < EVENT_COUNT; i++)
        if (event_is_of_db((enum event_name)i))
            keys->bits[event_bits[i] / 64] |= UINT64_C(1) << event_bits[i] % 64;
}

void view_filter_name(struct view_filter *f, const struct view_name *n)
{
    int db = only_db(n);
    view_filter_init(f);
    if (n->family == VIEW_KEYEVENT && !n->key_any) ask_for_events(f, n->events);
    if (db >= 0) view_filter_db(f, db);
    if (n->family != VIEW_KEYEVENT) ask_for_keys(f, n);
}
