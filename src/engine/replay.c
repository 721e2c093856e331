#include "replay.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "internal.h"

/* No string was ever longer: proto-max-bulk-len does not go beyond. */
enum { STRING_BYTES_MAX = INT32_MAX };

/* An effect about to be applied. Each way to apply one returns NULL, or what is impossible. */
struct redo {
    const struct engine *engine;
    struct keyspace *keyspace;
    const struct effect *effect;
    uint64_t hash; /* of the key, if the effect has one */
    struct place place;
    int64_t now_ms;
};

static struct spot spot_of(struct redo *d)
{
    return (struct spot){.db = d->effect->db, .key = d->effect->key, .place = &d->place};
}

static const char *not_a_string(const struct redo *d)
{
    const struct entry *e = d->place.entry;
    return e && entry_type(e) != TYPE_STRING ? "the value to be changed is no string" : NULL;
}

static const char *redo_string(struct redo *d)
{
    const struct effect *f = d->effect;
    if (f->when < WHEN_KEPT || f->form >= FORM_COUNT) return "no such deadline or form";
    enum string_encoding encoding = effect_encoding(f->form, f->arg);
    apply_string(d->keyspace, spot_of(d), f->arg, encoding, f->when, d->now_ms);
    return NULL;
}

static const char *redo_delete(struct redo *d)
{
    if (!d->place.entry) return "the key to be deleted is not there";
    apply_delete(d->keyspace, &d->place);
    return NULL;
}

static const char *redo_deadline(struct redo *d)
{
    int64_t when = d->effect->verb == EFFECT_PERSIST ? -1 : d->effect->when;
    if (!d->place.entry) return "the key whose deadline is to change is not there";
    if (d->effect->verb == EFFECT_PERSIST && entry_deadline(d->place.entry) < 0)
        return "the deadline to be taken away is not there";
    if (d->effect->verb == EFFECT_PEXPIREAT && when < 0) return "no such deadline";
    apply_deadline(d->keyspace, &d->place, when);
    return NULL;
}

static const char *redo_append(struct redo *d)
{
    const char *wrong = not_a_string(d);
    if (!wrong) apply_append(d->keyspace, spot_of(d), d->effect->arg, d->now_ms);
    return wrong;
}

static const char *redo_range(struct redo *d)
{
    struct slice bytes = d->effect->arg;
    uint64_t offset = (uint64_t)d->effect->when;
    const char *wrong = not_a_string(d);
    if (wrong) return wrong;
    if (offset > STRING_BYTES_MAX || bytes.len > STRING_BYTES_MAX - offset)
        return "no string is so long";
    if (!bytes.len && !d->place.entry) return "there is no string to be changed in place";
    char *to = apply_range(d->keyspace, spot_of(d), (size_t)offset, bytes.len, d->now_ms);
    if (bytes.len) memcpy(to, bytes.at, bytes.len);
    return NULL;
}

/* RENAME, MOVE and COPY: the value goes to another address. */
static const char *redo_put(struct redo *d)
{
    const struct effect *f = d->effect;
    int db = f->verb == EFFECT_RENAME ? f->db : (int)f->when;
    struct slice key = f->verb == EFFECT_MOVE ? f->key : f->arg;
    if (!d->place.entry) return "the key to be renamed, moved or copied is not there";
    if (db < 0 || db >= keyspace_databases(d->keyspace)) return "no such database to go to";
    if (db == f->db && slice_equal(key, f->key)) return "source and destination are the same";
    struct place place = keyspace_find(d->keyspace, db, key);
    struct spot to = {.db = db, .key = key, .place = &place};
    if (f->verb == EFFECT_MOVE && place.entry) return "the key is there already";
    if (f->verb == EFFECT_COPY)
        apply_copy(d->keyspace, d->place.entry, to, d->now_ms);
    else
        apply_move(d->keyspace, spot_of(d), to);
    return NULL;
}

static const char *redo_swap(struct redo *d)
{
    int64_t other = d->effect->when;
    if (other < 0 || other >= keyspace_databases(d->keyspace)) return "no such database to swap";
    if (other == d->effect->db) return "a database is to be swapped with itself";
    keyspace_swap(d->keyspace, d->effect->db, (int)other);
    return NULL;
}

/* ---- effects with words ---- */

/* The value as its bytes; nothing else may be there. */
static const char *redo_restore(struct value *v, const struct effect *f,
                                const struct value_config *config)
{
    if (v->at) return "the key to be restored is there already";
    if (f->words_count != 2) return "a value to be restored wants a type and bytes";
    for (enum value_type type = TYPE_STRING; type < TYPE_COUNT; type++) {
        const struct value_kind *kind = value_kind(type);
        if (!kind || !slice_equal(kind->name, f->words[0])) continue;
        struct slice bytes = f->words[1];
        if (!kind->decode(&bytes, config, v)) break;
        if (!bytes.len) return NULL;
        value_free(v);
        break;
    }
    *v = (struct value){0};
    return "the bytes of the value to be restored are not that";
}

/* Which type a verb is about, and who redoes it: EFFECTS has them in the order of the types. */
static redo_value *redo_of(enum effect_verb verb, enum value_type *type)
{
    *type = TYPE_STRING;
    if (verb >= EFFECT_COUNT) return NULL;
    if (verb == EFFECT_RESTORE) return redo_restore;
    *type = verb <= EFFECT_LTRIM             ? TYPE_LIST
            : verb <= EFFECT_SREM            ? TYPE_SET
            : verb <= EFFECT_HSETEX          ? TYPE_HASH
            : verb <= EFFECT_ZREMRANGEBYRANK ? TYPE_ZSET
                                             : TYPE_STREAM;
    static redo_value *const redoes[TYPE_COUNT] = {
        [TYPE_LIST] = redo_list, [TYPE_SET] = redo_set,       [TYPE_HASH] = redo_hash,
        [TYPE_ZSET] = redo_zset, [TYPE_STREAM] = redo_stream,
    };
    return redoes[*type];
}

static const char *redo_words(struct redo *d)
{
    const struct effect *f = d->effect;
    const struct value_config *config = keyspace_values(d->keyspace);
    struct value v = {0};
    enum value_type type;
    redo_value *redo = redo_of(f->verb, &type);
    if (!redo) return "no such effect";
    bool is_new = !d->place.entry;
    if (!is_new && f->verb == EFFECT_RESTORE) return "the key to be restored is there already";
    if (!is_new && entry_type(d->place.entry) != type)
        return "the value to be changed is of another type";
    if (!is_new) v = apply_edit(d->keyspace, &d->place);
    const char *wrong = redo(&v, f, config);
    if (is_new && !v.at) return wrong ? wrong : "there is no value to be changed";
    if (is_new) apply_value(d->keyspace, spot_of(d), v, WHEN_NONE, d->now_ms);
    apply_edited(d->keyspace, &d->place, &v);
    return wrong;
}

static const char *redo_views(const struct redo *d)
{
    const struct engine *e = d->engine;
    if (!e->redoes_views) return "there is nobody to keep the books of views";
    return e->redoes_views(e->views_ctx, d->effect->arg) ? NULL
                                                         : "impossible in the books of views";
}

static const char *redo(struct redo *d)
{
    const struct effect *f = d->effect;
    if (f->db < 0 || f->db >= keyspace_databases(d->keyspace)) return "no such database";
    if (effect_has_key(f->verb)) {
        d->place = keyspace_find_hashed(d->keyspace, f->db, f->key, d->hash);
        if (d->place.entry) keyspace_touch(d->keyspace, d->place.entry, d->now_ms);
    }
    switch (f->verb) {
    case EFFECT_SET: return redo_string(d);
    case EFFECT_DEL: return redo_delete(d);
    case EFFECT_PEXPIREAT:
    case EFFECT_PERSIST: return redo_deadline(d);
    case EFFECT_APPEND: return redo_append(d);
    case EFFECT_SETRANGE: return redo_range(d);
    case EFFECT_RENAME:
    case EFFECT_MOVE:
    case EFFECT_COPY: return redo_put(d);
    case EFFECT_FLUSHDB: keyspace_flush(d->keyspace, f->db); return NULL;
    case EFFECT_SWAPDB: return redo_swap(d);
    case EFFECT_VIEWS: return redo_views(d);
    default: return redo_words(d);
    }
}

void engine_hear_views(struct engine *e, engine_redo_views *redoes, void *ctx)
{
    e->redoes_views = redoes;
    e->views_ctx = ctx;
}

/* ---- sequence and ids ---- */

void engine_resume(struct engine *e, uint64_t seq, struct event_id last)
{
    CHECK(!e->draft.open);
    e->stats.seq = seq;
    e->stats.last_id = last;
    e->mark = e->mark_all = 0; /* nothing rests on records that are not counted any more */
    memset(e->recent, 0, sizeof e->recent);
    e->next_id = (struct event_id){last.ms, last.n + 1};
}

struct event_id engine_next_id(const struct engine *e)
{
    return e->next_id;
}

void engine_skip_ids(struct engine *e, int64_t ms)
{
    CHECK(!e->draft.open);
    if (ms > 0 && (uint64_t)ms > e->next_id.ms) e->next_id = (struct event_id){(uint64_t)ms, 0};
}

static uint64_t count_events(const struct record *r)
{
    uint64_t events = 0;
    for (uint32_t i = 0; i < r->notes_count; i++) events += r->notes[i].kind == NOTE_EVENT;
    return events;
}

/* The record has the number and ids that come next; takes them. */
static const char *take_numbers(struct engine *e, const struct record *r)
{
    struct event_id next = e->next_id;
    if (r->seq != e->stats.seq + 1) return "a record is missing before it";
    if (r->id.ms < next.ms || (r->id.ms == next.ms && r->id.n < next.n))
        return "its ids were given before";
    uint64_t events = count_events(r);
    if (r->id.n > UINT64_MAX - events) return "its ids are beyond all bounds";
    e->stats.seq = r->seq;
    e->stats.events += events;
    e->next_id = (struct event_id){r->id.ms, r->id.n + events};
    if (events) e->stats.last_id = (struct event_id){r->id.ms, r->id.n + events - 1};
    return NULL;
}

/* ---- records ---- */

/* The hashes of the keys to come, in order: computed once, for fetching ahead and for the look-up.
 * Beyond its end keys are hashed when their turn comes. */
enum { AHEAD_MAX = 64 };

struct ahead {
    uint64_t hash[AHEAD_MAX];
    size_t count, next;
};

static uint64_t next_hash(struct ahead *a, const struct engine *e, const struct effect *f)
{
    if (!effect_has_key(f->verb)) return 0;
    return a->next < a->count ? a->hash[a->next++] : keyspace_hash(e->keyspace, f->key);
}

static int fault_is(struct replay_fault *fault, const struct record *r, int32_t effect,
                    const char *text)
{
    *fault = (struct replay_fault){.seq = r->seq, .effect = effect, .text = text};
    return ERR_CORRUPT;
}

static int replay(struct engine *e, const struct record *r, struct ahead *a,
                  struct replay_fault *fault)
{
    const char *wrong = take_numbers(e, r);
    if (wrong) return fault_is(fault, r, -1, wrong);
    for (uint32_t i = 0; i < r->effects_count; i++) {
        const struct effect *f = &r->effects[i];
        struct redo d = {
            .engine = e, .keyspace = e->keyspace, .effect = f, .now_ms = (int64_t)r->id.ms};
        d.hash = next_hash(a, e, f);
        wrong = redo(&d);
        if (wrong) return fault_is(fault, r, (int32_t)i, wrong);
    }
    return 0;
}

int engine_replay(struct engine *e, const struct record *r, struct replay_fault *fault)
{
    CHECK(!e->draft.open);
    struct ahead none;
    none.count = none.next = 0;
    return replay(e, r, &none, fault);
}

/* Hashes the keys of as many whole records as there is room for, and fetches what they need; the
 * number of a database is taken as it is now, which after a SWAPDB only costs time. Returns how
 * many records these are, 1 at least. */
static size_t fetch_ahead(struct engine *e, const struct record *records, size_t count,
                          struct ahead *a)
{
    int databases = keyspace_databases(e->keyspace);
    int db[AHEAD_MAX];
    size_t n = 0;
    a->count = a->next = 0;
    for (; n < count && a->count + records[n].effects_count <= AHEAD_MAX; n++) {
        for (uint32_t i = 0; i < records[n].effects_count; i++) {
            const struct effect *f = &records[n].effects[i];
            if (!effect_has_key(f->verb)) continue;
            db[a->count] = f->db >= 0 && f->db < databases ? f->db : 0;
            a->hash[a->count] = keyspace_hash(e->keyspace, f->key);
            keyspace_prefetch(e->keyspace, db[a->count], a->hash[a->count]);
            a->count++;
        }
    }
    for (size_t i = 0; i < a->count; i++) keyspace_prefetch_entry(e->keyspace, db[i], a->hash[i]);
    return n ? n : 1;
}

int engine_replay_batch(struct engine *e, const struct record *records, size_t count,
                        struct replay_fault *fault)
{
    CHECK(!e->draft.open);
    struct ahead a;
    int error = 0;
    while (count && !error) {
        size_t n = fetch_ahead(e, records, count, &a);
        for (size_t i = 0; i < n && !error; i++) error = replay(e, &records[i], &a, fault);
        records += n;
        count -= n;
    }
    return error;
}
