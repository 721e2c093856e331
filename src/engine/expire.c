/* Keys that end by themselves: at their deadline, or because memory is short. */
#include "../base/err.h"
#include "../base/mem.h"
#include "internal.h"

void engine_remove(struct engine *e, struct place *p, int db, struct slice key,
                   enum event_name event)
{
    keyspace_dispose(e->keyspace, keyspace_remove(e->keyspace, p));
    draft_changed(e, db, key, p->hash);
    int32_t effect = draft_effect(e, (struct effect){.verb = EFFECT_DEL, .db = db, .key = key});
    draft_note(e, NOTE_EVENT, event, db, key)->effect = effect;
}

void engine_put_away(struct engine *e, struct place *p, int db)
{
    struct draft *d = &e->draft;
    struct slice key = arena_keep(&d->arena, entry_key(p->entry));
    struct slice cause = d->cause;
    uint64_t client = d->client;
    bool alone = d->notes_count == 0 && !d->changed && !d->kept;
    if (alone) {
        d->cause = SLICE("expired");
        d->client = 0;
    }
    engine_remove(e, p, db, key, EVENT_EXPIRED);
    e->stats.expired++;
    if (!alone) return;
    /* A record of its own: sealed while the command's keys, if any are open, hold no change. */
    int keys_open = d->keys_open;
    d->keys_open = 0;
    engine_seal(e);
    draft_begin(e, d->now_ms, cause, client);
    d->keys_open = keys_open;
}

void engine_set_exempt(struct engine *e, size_t bytes)
{
    e->exempt = bytes;
}

static void expire_one(void *ctx, int db, struct entry *entry)
{
    struct engine *e = ctx;
    struct slice key = arena_keep(&e->draft.arena, entry_key(entry));
    struct place p = keyspace_find(e->keyspace, db, key);
    engine_remove(e, &p, db, key, EVENT_EXPIRED);
    e->stats.expired++;
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
