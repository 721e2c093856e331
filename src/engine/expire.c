/* Keys that end by themselves: at their deadline, or because memory is short; and fields. */
#include "../base/err.h"
#include "../base/mem.h"
#include "../value/fields.h"
#include "internal.h"

void engine_remove(struct engine *e, struct place *p, int db, struct slice key,
                   enum event_name event)
{
    keyspace_delete(e->keyspace, p);
    draft_changed(e, db, key, p->hash);
    e->stats.changes++;
    int32_t effect = draft_effect(e, (struct effect){.verb = EFFECT_DEL, .db = db, .key = key});
    draft_note(e, NOTE_EVENT, event, db, key)->effect = effect;
}

/* An end that a command has met on its way: a record of its own if nothing was noted so far, or
 * else a part of the command's. */
struct aside {
    bool alone;
    struct slice cause;
    uint64_t client;
};

static struct aside step_aside(struct engine *e)
{
    struct draft *d = &e->draft;
    bool alone = d->notes_count == 0 && !d->changed && !d->booked;
    struct aside aside = {alone, d->cause, d->client};
    if (alone) {
        d->cause = SLICE("expired");
        d->client = 0;
    }
    return aside;
}

static void step_back(struct engine *e, struct aside aside)
{
    struct draft *d = &e->draft;
    if (!aside.alone) return;
    /* Sealed while the command's keys, if any are open, hold no change. */
    int keys_open = d->keys_open;
    d->keys_open = 0;
    d->aside = true;
    engine_seal(e);
    d->aside = false;
    draft_begin(e, d->now_ms, aside.cause, aside.client);
    d->keys_open = keys_open;
}

void engine_put_away(struct engine *e, struct place *p, int db)
{
    struct slice key = arena_keep(&e->draft.arena, entry_key(p->entry));
    struct aside aside = step_aside(e);
    engine_remove(e, p, db, key, EVENT_EXPIRED);
    e->stats.expired++;
    step_back(e, aside);
}

/* ---- fields ---- */

/* Records the end of fields that were taken out of the value `v` of a place. */
static void note_expired_fields(struct engine *e, struct place *p, const struct value *v, int db,
                                struct slice key, const struct slice *names, size_t count,
                                bool end_is_del)
{
    bool gone = apply_edited(e->keyspace, p, v);
    struct effect effect = {
        .verb = EFFECT_HDEL, .db = db, .key = key, .words_count = (uint32_t)count, .words = names};
    draft_changed(e, db, key, p->hash);
    e->stats.changes++;
    e->stats.expired_fields += count;
    int32_t index = draft_effect(e, effect);
    if (!gone || !end_is_del) {
        struct note *n = draft_note(e, NOTE_EVENT, EVENT_HEXPIRED, db, key);
        n->effect = index;
        n->subkeys = names;
        n->subkeys_count = (uint32_t)count;
    }
    if (gone) draft_note(e, NOTE_EVENT, EVENT_DEL, db, key)->effect = index;
}

/* Takes out the fields that are due, at most `most`; returns how many. */
static size_t expire_fields(struct engine *e, struct place *p, int db, struct slice key,
                            size_t most)
{
    enum { PORTION = 256 };
    struct value v = apply_edit(e->keyspace, p);
    struct slice *names = engine_words(e, PORTION);
    struct field field;
    size_t count = 0;
    while (count < most && count < PORTION && fields_soonest(&v, &field) &&
           field_is_past(field.deadline, e->draft.now_ms)) {
        names[count] = engine_keep(e, field.name);
        fields_remove(&v, names[count++]);
    }
    if (count) note_expired_fields(e, p, &v, db, key, names, count, false);
    return count;
}

static bool is_past(const struct value *v, struct slice name, int64_t now_ms)
{
    struct field field;
    return fields_get(v, name, &field) && field_is_past(field.deadline, now_ms);
}

bool engine_expire_named(struct engine *e, int db, struct slice key, const struct slice *names,
                         size_t count, size_t step, bool end_is_del)
{
    struct place p = keyspace_find(e->keyspace, db, key);
    if (e->held || !p.entry || entry_type(p.entry) != TYPE_HASH) return false;
    int64_t now_ms = e->draft.now_ms;
    if (!field_is_past(entry_fields_due(p.entry), now_ms)) return false;
    struct value v = apply_edit(e->keyspace, &p);
    struct aside aside = step_aside(e);
    struct slice *past = engine_words(e, count);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        struct slice name = names[i * step];
        if (!is_past(&v, name, now_ms)) continue;
        past[n++] = name;
        fields_remove(&v, name);
    }
    if (n) note_expired_fields(e, &p, &v, db, key, past, n, end_is_del);
    step_back(e, aside);
    return n;
}

bool engine_expire_fields(struct engine *e, int db, struct slice key)
{
    struct place p = keyspace_find(e->keyspace, db, key);
    if (e->held || !p.entry || entry_type(p.entry) != TYPE_HASH) return false;
    if (!field_is_past(entry_fields_due(p.entry), e->draft.now_ms)) return false;
    struct aside aside = step_aside(e);
    expire_fields(e, &p, db, key, SIZE_MAX);
    step_back(e, aside);
    return true;
}

void engine_set_exempt(struct engine *e, size_t bytes)
{
    e->exempt = bytes;
}

static size_t expire_one(void *ctx, int db, struct entry *entry, size_t most)
{
    struct engine *e = ctx;
    struct slice key = arena_keep(&e->draft.arena, entry_key(entry));
    struct place p = keyspace_find(e->keyspace, db, key);
    if (entry_is_dead(entry, e->draft.now_ms)) {
        engine_remove(e, &p, db, key, EVENT_EXPIRED);
        e->stats.expired++;
        return 1;
    }
    size_t fields = expire_fields(e, &p, db, key, most);
    if (p.entry) keyspace_keep(&p);
    return fields ? fields : 1;
}

size_t engine_expire(struct engine *e, int64_t now_ms, size_t max)
{
    if (e->no_active_expiry || e->held) return 0;
    bool more;
    engine_begin(e, now_ms, SLICE("expired"), 0);
    size_t n = keyspace_each_due(e->keyspace, now_ms, max, expire_one, e, &more);
    engine_seal(e);
    return more ? max : n;
}

int64_t engine_next_expiry(struct engine *e, int64_t now_ms)
{
    return e->no_active_expiry || e->held ? -1 : keyspace_next_due(e->keyspace, now_ms);
}

void engine_set_active_expiry(struct engine *e, bool on)
{
    e->no_active_expiry = !on;
}

void engine_hold(struct engine *e, bool held)
{
    e->held = held;
}

bool engine_is_held(const struct engine *e)
{
    return e->held;
}

static void evict(struct engine *e, int64_t now_ms, int db, struct entry *victim)
{
    engine_begin(e, now_ms, SLICE("evicted"), 0);
    struct slice key = arena_keep(&e->draft.arena, entry_key(victim));
    struct place p = keyspace_find(e->keyspace, db, key);
    engine_remove(e, &p, db, key, EVENT_EVICTED);
    e->stats.evicted++;
    engine_seal(e);
}

static size_t memory_used(const struct engine *e)
{
    size_t used = mem_used();
    return used > e->exempt ? used - e->exempt : 0;
}

/* One step towards less memory; false when there is nothing to be had. */
static bool shrink(struct engine *e, int64_t now_ms)
{
    struct entry *victim;
    int db;
    /* What a flush left behind is given back first, for it is nobody's data any more. */
    if (keyspace_sweep(e->keyspace)) return true;
    int found =
        keyspace_victim(e->keyspace, e->config.policy, e->config.samples, now_ms, &db, &victim);
    if (found == 1) evict(e, now_ms, db, victim);
    return found != 0;
}

/* A command may bring a value that takes the place of thousands of small ones. If only a fixed
 * number of them went for each command, memory would grow without end. So whoever asks for room
 * pays first for what has come since memory was lowest (`memory_mark`), in full; of what was above
 * the limit before that (it may have been lowered) a slice. Even paying has an end, and then
 * commands are refused until memory is back near the mark. */
bool engine_make_room(struct engine *e, int64_t now_ms)
{
    enum {
        STEPS = 128,             /* some tens of microseconds; the next command goes on */
        STEPS_TO_PAY = 64 * 1024 /* some tens of milliseconds */
    };
    size_t max = e->config.memory_max, used;
    if (!max || e->held) return true;
    if (e->memory_mark < max) e->memory_mark = max;
    for (int i = 0; (used = memory_used(e)) > max; i++) {
        if (i >= (used > e->memory_mark ? STEPS_TO_PAY : STEPS)) break;
        if (!shrink(e, now_ms)) return false;
    }
    if (used < e->memory_mark) e->memory_mark = used > max ? used : max;
    return used <= e->memory_mark + max / 4;
}

/* Memory that is over its limit although no command asks for room: that was lowered, or clients
 * have left much unread. */
static bool shrink_slowly(struct engine *e, int64_t now_ms)
{
    enum { STEPS = 128 };
    size_t max = e->config.memory_max;
    if (!max || e->held) return false;
    for (int i = 0; memory_used(e) > max; i++) {
        if (i == STEPS) return true;
        if (!shrink(e, now_ms)) return false;
    }
    return false;
}

bool engine_work(struct engine *e, int64_t now_ms)
{
    bool more = keyspace_work(e->keyspace);
    return shrink_slowly(e, now_ms) || more;
}
