/* The record in the making, its seal, and who is told. */
#include "../base/assert.h"
#include "../base/mem.h"
#include "internal.h"

struct engine *engine_new(struct keyspace *keyspace, struct pubsub *pubsub)
{
    struct engine *e = mem_new(struct engine);
    e->keyspace = keyspace;
    e->pubsub = pubsub;
    awaited_init(&e->awaited, keyspace_secret(keyspace));
    e->config.policy = EVICT_NOEVICTION;
    e->config.samples = 5;
    return e;
}

void engine_free(struct engine *e)
{
    if (!e) return;
    struct draft *d = &e->draft;
    CHECK(!d->open);
    mem_free(d->notes, d->notes_cap * sizeof *d->notes);
    mem_free(d->effects, d->effects_cap * sizeof *d->effects);
    mem_free(d->changes, d->changes_cap * sizeof *d->changes);
    arena_fini(&d->arena);
    awaited_fini(&e->awaited);
    mem_delete(e);
}

static void decide_what_is_wanted(struct engine *e)
{
    e->wants_effects = e->sinks_count > 0 || (e->config.notify & NOTIFY_KEYCHANGE);
}

void engine_set_config(struct engine *e, struct engine_config config)
{
    if (config.memory_max != e->config.memory_max) e->memory_mark = mem_used();
    e->config = config;
    decide_what_is_wanted(e);
}

struct engine_config engine_config(const struct engine *e)
{
    return e->config;
}

struct keyspace *engine_keyspace(struct engine *e)
{
    return e->keyspace;
}

struct pubsub *engine_pubsub(struct engine *e)
{
    return e->pubsub;
}

void engine_attach(struct engine *e, struct record_sink sink)
{
    CHECK(e->sinks_count < ENGINE_SINKS_MAX);
    e->sinks[e->sinks_count++] = sink;
    decide_what_is_wanted(e);
}

void engine_hear_changes(struct engine *e, engine_changed *changed, void *ctx)
{
    e->hears_changes = changed;
    e->hears_ctx = ctx;
}

size_t engine_changes_noted(const struct engine *e)
{
    return e->draft.changes_count;
}

/* ---- the draft ---- */

static void *grown(void *list, uint32_t *cap, size_t item)
{
    uint32_t more = *cap ? *cap * 2 : 16;
    list = mem_resize(list, *cap * item, more * item);
    *cap = more;
    return list;
}

struct note *draft_note(struct engine *e, enum note_kind kind, enum event_name event, int db,
                        struct slice key)
{
    struct draft *d = &e->draft;
    if (d->notes_count == d->notes_cap) d->notes = grown(d->notes, &d->notes_cap, sizeof *d->notes);
    struct note *n = &d->notes[d->notes_count++];
    n->kind = kind;
    n->event = event;
    n->db = db;
    n->key = key;
    n->payload = (struct slice){0};
    n->subkeys = NULL;
    n->subkeys_count = 0;
    n->notify = e->config.notify;
    n->effect = -1;
    if (kind == NOTE_EVENT) {
        d->events_count++;
        e->stats.events++;
    }
    return n;
}

int32_t draft_effect(struct engine *e, struct effect f)
{
    struct draft *d = &e->draft;
    if (!e->wants_effects) return -1;
    if (d->effects_count == d->effects_cap)
        d->effects = grown(d->effects, &d->effects_cap, sizeof *d->effects);
    d->effects[d->effects_count] = f;
    return (int32_t)d->effects_count++;
}

static void add_change(struct engine *e, struct change c)
{
    struct draft *d = &e->draft;
    if (!e->hears_changes) return;
    if (d->changes_count == d->changes_cap)
        d->changes = grown(d->changes, &d->changes_cap, sizeof *d->changes);
    d->changes[d->changes_count++] = c;
}

void draft_changed(struct engine *e, int db, struct slice key, uint64_t hash)
{
    e->draft.changed = true;
    draft_mark(e, hash);
    keyspace_touch_watched(e->keyspace, db, key);
    if (__builtin_expect(map_count(&e->awaited.keys) != 0, 0)) awaited_note(e, db, key);
    add_change(e, (struct change){db, key});
}

void draft_all_changed(struct engine *e)
{
    if (e->draft.changed) e->mark_all = e->stats.seq + 1;
    add_change(e, (struct change){.db = -1});
}

void note_event(struct engine *e, enum event_name event, int db, struct slice key)
{
    draft_note(e, NOTE_EVENT, event, db, key);
}

struct note *note_database(struct engine *e, enum event_name event, int db)
{
    return draft_note(e, NOTE_EVENT, event, db, SLICE(""));
}

void note_views(struct engine *e, struct slice bytes, bool waited)
{
    struct effect f = {.verb = EFFECT_VIEWS, .arg = arena_keep(&e->draft.arena, bytes)};
    draft_effect(e, f);
    e->draft.booked = true;
    if (waited) e->mark = e->stats.seq + 1; /* the next record has it, whosever that is */
}

void note_live(struct engine *e, enum event_name event, int db, struct slice key)
{
    /* Only live subscribers could hear it, and the flags say that none does. */
    if (e->config.notify & 1u << event_class(event)) draft_note(e, NOTE_LIVE, event, db, key);
}

void note_publish(struct engine *e, struct slice channel, struct slice message, bool sharded)
{
    enum note_kind kind = sharded ? NOTE_SPUBLISH : NOTE_PUBLISH;
    draft_note(e, kind, EVENT_COUNT, 0, channel)->payload = message;
}

/* ---- begin and seal ---- */

void draft_begin(struct engine *e, int64_t now_ms, struct slice cause, uint64_t client)
{
    struct draft *d = &e->draft;
    DCHECK(!d->open);
    d->open = true;
    d->now_ms = now_ms;
    d->cause = cause;
    d->client = client;
}

void engine_begin(struct engine *e, int64_t now_ms, struct slice cause, uint64_t client)
{
    e->mark = 0;
    draft_begin(e, now_ms, cause, client);
}

/* Ids strictly increase: the time of the commit, or the last one where the clock stepped back,
 * and a number that counts on while the time stands still. Returns the first of `count`; for none,
 * the one that the next event may get. */
static struct event_id take_ids(struct engine *e, int64_t now_ms, uint32_t count)
{
    struct event_id *next = &e->next_id;
    uint64_t now = now_ms > 0 ? (uint64_t)now_ms : 0;
    if (now > next->ms) *next = (struct event_id){now, 0};
    struct event_id first = *next;
    next->n += count;
    return first;
}

static void tell(struct engine *e, const struct record *r)
{
    for (int i = 0; i < e->sinks_count; i++) e->sinks[i].sealed(e->sinks[i].ctx, r);
    struct draft *d = &e->draft;
    /* First this: whom a message makes read the key again must not find its own stale copy. */
    for (uint32_t i = 0; i < d->changes_count; i++)
        e->hears_changes(e->hears_ctx, d->changes[i].db, d->changes[i].key, d->client);
    if (r->notes_count) pubsub_announce(e->pubsub, r);
}

static void number(struct engine *e, struct record *r)
{
    uint32_t events = e->draft.events_count;
    r->seq = ++e->stats.seq;
    if (e->draft.changed || events) e->mark = r->seq;
    r->id = take_ids(e, e->draft.now_ms, events);
    if (events) e->stats.last_id = (struct event_id){r->id.ms, r->id.n + events - 1};
}

/* Gives back what a large record has blown up. */
static void *trimmed(void *list, uint32_t *cap, size_t item)
{
    enum { KEPT_MAX = 4096 };
    if (*cap <= KEPT_MAX) return list;
    mem_free(list, *cap * item);
    *cap = 0;
    return NULL;
}

/* What is kept of a command's effects when it made no record. */
static void keep_books(struct draft *d)
{
    for (uint32_t i = d->books; i < d->effects_count; i++)
        if (d->effects[i].verb == EFFECT_VIEWS) d->effects[d->books++] = d->effects[i];
    d->effects_count = d->books;
}

static void clear_draft(struct draft *d)
{
    d->notes_count = d->changes_count = d->events_count = 0;
    d->changed = d->booked = false;
    if (d->books) return;
    d->effects_count = 0;
    d->notes = trimmed(d->notes, &d->notes_cap, sizeof *d->notes);
    d->effects = trimmed(d->effects, &d->effects_cap, sizeof *d->effects);
    d->changes = trimmed(d->changes, &d->changes_cap, sizeof *d->changes);
    if (d->arena.chunk && !d->aside) arena_reset(&d->arena);
}

static void seal(struct engine *e)
{
    struct draft *d = &e->draft;
    struct record r = {
        .cause = d->cause,
        .client = d->client,
        .notes = d->notes,
        .notes_count = d->notes_count,
    };
    if (d->changed || d->events_count) {
        r.effects = d->effects;
        r.effects_count = d->effects_count;
        d->books = 0;
        number(e, &r);
    } else {
        keep_books(d);
    }
    if (r.seq || r.notes_count || d->changes_count) tell(e, &r);
    clear_draft(d);
}

void engine_seal(struct engine *e)
{
    struct draft *d = &e->draft;
    CHECK(d->open && d->keys_open == 0);
    if (d->notes_count || d->changed || d->booked || d->changes_count) seal(e);
    d->open = false;
    if (__builtin_expect(d->books >= BOOKS_MAX, 0)) engine_settle(e, d->now_ms);
}

void engine_settle(struct engine *e, int64_t now_ms)
{
    struct draft *d = &e->draft;
    if (!d->books) return;
    draft_begin(e, now_ms, SLICE("xgroup"), 0);
    d->changed = true;
    engine_seal(e);
}

void engine_split(struct engine *e)
{
    struct draft *d = &e->draft;
    struct slice cause = d->cause;
    uint64_t client = d->client;
    engine_seal(e);
    engine_settle(e, d->now_ms);
    draft_begin(e, d->now_ms, cause, client);
}

uint64_t engine_mark(const struct engine *e)
{
    return e->mark;
}

void engine_wait_for(struct engine *e, uint64_t seq)
{
    if (seq > e->mark) e->mark = seq;
}

void engine_wait_for_all(struct engine *e)
{
    e->mark = e->stats.seq;
}

int64_t engine_now(const struct engine *e)
{
    return e->draft.now_ms;
}

struct engine_stats engine_stats(const struct engine *e)
{
    return e->stats;
}

void engine_reset_stats(struct engine *e)
{
    e->stats.hits = e->stats.misses = e->stats.expired = e->stats.evicted = 0;
    e->stats.expired_fields = 0;
}
