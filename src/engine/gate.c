/* Opening keys, changing what they hold, closing them. */
#include "../base/assert.h"
#include "../base/text.h"
#include "internal.h"

void engine_hint(struct engine *e, struct slice key, uint64_t hash)
{
    e->hinted = key;
    e->hinted_hash = hash;
}

static struct place find(const struct engine *e, int db, struct slice key)
{
    bool known = key.at == e->hinted.at && key.len == e->hinted.len && key.at;
    uint64_t hash = known ? e->hinted_hash : keyspace_hash(e->keyspace, key);
    return keyspace_find_hashed(e->keyspace, db, key, hash);
}

const struct entry *gate_read(struct engine *e, int db, struct slice key, unsigned flags)
{
    DCHECK(e->draft.open);
    struct place p = find(e, db, key);
    engine_wait_for(e, e->recent[p.hash % RECENT_PLACES]);
    engine_wait_for(e, e->mark_all);
    bool dead = p.entry && entry_is_dead(p.entry, e->draft.now_ms);
    if (dead && !e->held) engine_put_away(e, &p, db);
    if (!p.entry || dead) {
        if (flags & READ_QUIET) return NULL;
        e->stats.misses++;
        note_live(e, EVENT_KEYMISS, db, key);
        return NULL;
    }
    if (!(flags & READ_QUIET)) e->stats.hits++;
    if (!(flags & READ_NO_TOUCH)) keyspace_touch(e->keyspace, p.entry, e->draft.now_ms);
    return p.entry;
}

bool gate_open_unread(struct engine *e, struct opened *k, int db, struct slice key)
{
    DCHECK(e->draft.open);
    *k = (struct opened){.engine = e, .key = key, .db = db};
    k->place = find(e, db, key);
    engine_wait_for(e, e->recent[k->place.hash % RECENT_PLACES]);
    engine_wait_for(e, e->mark_all);
    e->draft.keys_open++;
    return k->place.entry != NULL;
}

bool gate_open(struct engine *e, struct opened *k, int db, struct slice key)
{
    gate_open_unread(e, k, db, key);
    if (k->place.entry && entry_is_dead(k->place.entry, e->draft.now_ms))
        engine_put_away(e, &k->place, db);
    if (k->place.entry) keyspace_touch(e->keyspace, k->place.entry, e->draft.now_ms);
    return k->place.entry != NULL;
}

/* ---- changes ---- */

/* From here on nothing that is met on the way, a dead key say, can get a record before this one. */
static void mark_changed(struct opened *k)
{
    k->changed = k->engine->draft.changed = true;
    k->handed_over = false;
}

static void effect_is(struct opened *k, enum effect_verb verb, struct slice arg, int64_t when)
{
    k->effect = (struct effect){.verb = verb, .db = k->db, .key = k->key, .arg = arg, .when = when};
    mark_changed(k);
}

static struct spot spot_of(struct opened *k)
{
    return (struct spot){.db = k->db, .key = k->key, .place = &k->place};
}

static void note_new(const struct opened *k)
{
    if (!k->place.entry) note_event(k->engine, EVENT_NEW, k->db, k->key);
}

/* Puts a value in place of whatever the key holds. */
static void put_string(struct opened *k, struct slice value, enum string_encoding encoding,
                       int64_t when)
{
    struct engine *e = k->engine;
    const struct entry *old = k->place.entry;
    note_event(e, old ? EVENT_OVERWRITTEN : EVENT_NEW, k->db, k->key);
    if (old && entry_type(old) != TYPE_STRING) note_event(e, EVENT_TYPE_CHANGED, k->db, k->key);
    apply_string(e->keyspace, spot_of(k), value, encoding, when, e->draft.now_ms);
}

/* A value that is a scrap of the command's: the record keeps a copy. */
static struct slice kept(struct engine *e, struct slice value)
{
    return e->wants_effects ? arena_keep(&e->draft.arena, value) : value;
}

void opened_set_string(struct opened *k, struct slice value, int64_t when)
{
    put_string(k, value, string_encoding_of(value), when);
    effect_is(k, EFFECT_SET, value, when);
}

void opened_set_result(struct opened *k, struct slice value)
{
    put_string(k, value, STRING_RAW, WHEN_NONE);
    effect_is(k, EFFECT_SET, kept(k->engine, value), WHEN_NONE);
    k->effect.form = FORM_RAW;
}

void opened_restore_string(struct opened *k, struct slice value, int64_t when, int64_t idle_s,
                           int freq)
{
    struct engine *e = k->engine;
    if (k->place.entry) apply_delete(e->keyspace, &k->place);
    note_new(k);
    apply_string(e->keyspace, spot_of(k), value, string_encoding_of(value), when, e->draft.now_ms);
    keyspace_recall_access(e->keyspace, k->place.entry, idle_s, freq, e->draft.now_ms);
    effect_is(k, EFFECT_SET, kept(e, value), when);
}

void opened_update_string(struct opened *k, struct slice value, enum string_encoding encoding)
{
    struct engine *e = k->engine;
    static const enum effect_form forms[] = {FORM_SET, FORM_EMBSTR, FORM_RAW};
    DCHECK(effect_encoding(forms[encoding], value) == encoding);
    note_new(k);
    apply_string(e->keyspace, spot_of(k), value, encoding, WHEN_KEPT, e->draft.now_ms);
    effect_is(k, EFFECT_SET, kept(e, value), WHEN_KEPT);
    k->effect.form = forms[encoding];
}

/* Hands the effect over to the record. The bytes of a SETRANGE stand in the value, which may move
 * or change again before the seal. */
static void hand_over_effect(struct opened *k)
{
    struct engine *e = k->engine;
    if (k->handed_over) return;
    if (k->effect.verb == EFFECT_SETRANGE && e->wants_effects)
        k->effect.arg = arena_keep(&e->draft.arena, k->effect.arg);
    k->effect_index = draft_effect(e, k->effect);
    k->handed_over = true;
}

char *opened_write_string(struct opened *k, size_t offset, size_t len)
{
    struct engine *e = k->engine;
    if (k->changed) hand_over_effect(k);
    note_new(k);
    char *at = apply_range(e->keyspace, spot_of(k), offset, len, e->draft.now_ms);
    effect_is(k, EFFECT_SETRANGE, slice_of(at, len), (int64_t)offset);
    return at;
}

void opened_unshare_string(struct opened *k)
{
    struct engine *e = k->engine;
    if (entry_encoding(k->place.entry) == STRING_RAW) return;
    apply_length(e->keyspace, spot_of(k), entry_string(k->place.entry).len, e->draft.now_ms);
    /* WATCH and the count of changes do not hear of it, but a replay has to do the same. */
    struct effect none = {EFFECT_SETRANGE, .db = k->db, .key = k->key, .arg = SLICE("")};
    draft_effect(e, none);
    e->draft.changed = true;
}

/* ---- values of other types ---- */

struct value *opened_value(struct opened *k)
{
    DCHECK(k->place.entry && entry_type(k->place.entry) != TYPE_STRING);
    if (!k->value.at) k->value = apply_edit(k->engine->keyspace, &k->place);
    return &k->value;
}

struct value *opened_create(struct opened *k, struct value v)
{
    struct engine *e = k->engine;
    DCHECK(!k->place.entry);
    note_new(k);
    apply_value(e->keyspace, spot_of(k), v, WHEN_NONE, e->draft.now_ms);
    k->value = v;
    return &k->value;
}

void opened_did(struct opened *k, enum effect_verb verb, const struct slice *words, size_t count)
{
    DCHECK(effect_has_words(verb) && k->value.at);
    if (k->changed) hand_over_effect(k);
    effect_is(k, verb, SLICE(""), 0);
    k->effect.words = words;
    k->effect.words_count = (uint32_t)count;
}

struct slice *engine_words(struct engine *e, size_t count)
{
    return arena_alloc(&e->draft.arena, count * sizeof(struct slice));
}

struct slice engine_keep(struct engine *e, struct slice bytes)
{
    return arena_keep(&e->draft.arena, bytes);
}

struct slice engine_keep_int(struct engine *e, int64_t number)
{
    char digits[TEXT_INT_MAX];
    return engine_keep(e, slice_of(digits, text_from_int(digits, number)));
}

/* The words that make a value of its elements, as many as its type has for each. */
struct building {
    struct engine *engine;
    enum value_type type;
    struct slice *words;
    size_t count;
};

static void add_item(void *ctx, const struct value_item *item)
{
    struct building *b = ctx;
    char score[TEXT_DOUBLE_MAX];
    if (b->type == TYPE_ZSET)
        b->words[b->count++] =
            engine_keep(b->engine, slice_of(score, text_from_double(score, item->score)));
    b->words[b->count++] = engine_keep(b->engine, item->member);
    if (b->type == TYPE_HASH) b->words[b->count++] = engine_keep(b->engine, item->second);
}

/* As the command that adds all elements. */
static void did_build(struct opened *k, const struct value_kind *kind)
{
    struct engine *e = k->engine;
    static const enum effect_verb verbs[TYPE_COUNT] = {[TYPE_LIST] = EFFECT_RPUSH,
                                                       [TYPE_SET] = EFFECT_SADD,
                                                       [TYPE_ZSET] = EFFECT_ZADD,
                                                       [TYPE_HASH] = EFFECT_HSET};
    struct building b = {e, k->value.type, engine_words(e, 2 * kind->count(&k->value)), 0};
    kind->each(&k->value, add_item, &b);
    opened_did(k, verbs[b.type], b.words, b.count);
}

/* As bytes, which keep the form as well. */
static void did_restore(struct opened *k, const struct value_kind *kind)
{
    struct engine *e = k->engine;
    struct buffer bytes = {0};
    struct slice *words = engine_words(e, 2);
    kind->encode(&k->value, &bytes);
    words[0] = kind->name;
    words[1] = engine_keep(e, buffer_slice(&bytes));
    buffer_fini(&bytes);
    opened_did(k, EFFECT_RESTORE, words, 2);
}

/* Says how the value came to be: one that a command has built is built again by its elements, one
 * from elsewhere may have another form than that would give it. */
static void did_put(struct opened *k, bool built)
{
    const struct value_kind *kind = value_kind(k->value.type);
    if (!k->engine->wants_effects) {
        mark_changed(k);
        k->effect_index = -1;
        k->handed_over = true;
    } else if (built) {
        DCHECK(kind->each && value_due(&k->value) < 0);
        did_build(k, kind);
    } else {
        did_restore(k, kind);
    }
}

/* The value in place of what was there, which an effect of its own has deleted. */
static void put_value(struct opened *k, struct value v, int64_t when, bool built)
{
    struct engine *e = k->engine;
    DCHECK(!value_is_gone(&v));
    if (k->place.entry) {
        effect_is(k, EFFECT_DEL, SLICE(""), WHEN_NONE);
        hand_over_effect(k);
    }
    apply_value(e->keyspace, spot_of(k), v, when, e->draft.now_ms);
    k->value = v;
    did_put(k, built);
    if (when < 0) return;
    hand_over_effect(k);
    effect_is(k, EFFECT_PEXPIREAT, SLICE(""), when);
}

void opened_put(struct opened *k, struct value v)
{
    struct engine *e = k->engine;
    const struct entry *old = k->place.entry;
    note_event(e, old ? EVENT_OVERWRITTEN : EVENT_NEW, k->db, k->key);
    if (old && entry_type(old) != v.type) note_event(e, EVENT_TYPE_CHANGED, k->db, k->key);
    put_value(k, v, WHEN_NONE, true);
}

void opened_restore(struct opened *k, struct value v, int64_t when, int64_t idle_s, int freq)
{
    struct engine *e = k->engine;
    note_event(e, EVENT_NEW, k->db, k->key);
    put_value(k, v, when, false);
    keyspace_recall_access(e->keyspace, k->place.entry, idle_s, freq, e->draft.now_ms);
}

void opened_append_string(struct opened *k, struct slice bytes)
{
    struct engine *e = k->engine;
    note_new(k);
    apply_append(e->keyspace, spot_of(k), bytes, e->draft.now_ms);
    effect_is(k, EFFECT_APPEND, bytes, WHEN_KEPT);
}

void opened_set_deadline(struct opened *k, int64_t when)
{
    apply_deadline(k->engine->keyspace, &k->place, when);
    effect_is(k, EFFECT_PEXPIREAT, SLICE(""), when);
}

void opened_clear_deadline(struct opened *k)
{
    apply_deadline(k->engine->keyspace, &k->place, -1);
    effect_is(k, EFFECT_PERSIST, SLICE(""), WHEN_NONE);
}

void opened_delete(struct opened *k)
{
    apply_delete(k->engine->keyspace, &k->place);
    effect_is(k, EFFECT_DEL, SLICE(""), WHEN_NONE);
}

void opened_move(struct opened *from, struct opened *to)
{
    struct engine *e = from->engine;
    apply_move(e->keyspace, spot_of(from), spot_of(to));
    note_event(e, EVENT_NEW, to->db, to->key);
    if (from->db == to->db)
        effect_is(from, EFFECT_RENAME, to->key, WHEN_NONE);
    else
        effect_is(from, EFFECT_MOVE, SLICE(""), to->db);
    /* One effect for the two of them, of which the events of both tell. */
    hand_over_effect(from);
    mark_changed(to);
    to->effect_index = from->effect_index;
    to->handed_over = true;
}

void opened_copy(const struct opened *from, struct opened *to)
{
    struct engine *e = from->engine;
    apply_copy(e->keyspace, from->place.entry, spot_of(to), e->draft.now_ms);
    note_event(e, EVENT_NEW, to->db, to->key);
    to->effect = (struct effect){
        .verb = EFFECT_COPY, .db = from->db, .key = from->key, .arg = to->key, .when = to->db};
    mark_changed(to);
}

/* ---- closing ---- */

/* A value that was changed in place goes back to its entry; true when nothing is left of it, and
 * its key is gone. */
static bool put_back(struct opened *k)
{
    if (!k->value.at || !k->place.entry) return false;
    return apply_edited(k->engine->keyspace, &k->place, &k->value);
}

static void close_changed(struct opened *k)
{
    struct engine *e = k->engine;
    CHECK(k->changed);
    e->draft.keys_open--;
    draft_changed(e, k->db, k->key, k->place.hash);
    e->stats.changes += !k->is_counted;
    hand_over_effect(k);
}

void opened_note(struct opened *k, enum event_name event, const struct slice *fields, size_t count)
{
    hand_over_effect(k);
    struct note *n = draft_note(k->engine, NOTE_EVENT, event, k->db, k->key);
    n->effect = k->effect_index;
    n->subkeys = fields;
    n->subkeys_count = (uint32_t)count;
}

void gate_close_fields(struct opened *k, enum event_name event, const struct slice *fields,
                       size_t count)
{
    bool gone = put_back(k);
    close_changed(k);
    opened_note(k, event, fields, count);
    if (gone) opened_note(k, EVENT_DEL, NULL, 0);
}

void gate_close(struct opened *k, enum event_name event)
{
    gate_close_fields(k, event, NULL, 0);
}

void gate_close_silently(struct opened *k, const char *reason)
{
    (void)reason;
    bool gone = put_back(k);
    close_changed(k);
    if (gone) opened_note(k, EVENT_DEL, NULL, 0);
}

void gate_close_unheard(struct opened *k, const char *reason)
{
    struct engine *e = k->engine;
    (void)reason;
    CHECK(k->changed);
    bool gone = put_back(k);
    CHECK(!gone);
    e->draft.keys_open--;
    e->draft.changed = true;
    draft_mark(e, k->place.hash);
    e->stats.changes += !k->is_counted;
    hand_over_effect(k);
}

void gate_close_unchanged(struct opened *k)
{
    bool gone = put_back(k);
    CHECK(!k->changed && !gone);
    k->engine->draft.keys_open--;
}

/* ---- whole databases ---- */

void gate_flush(struct engine *e, int db)
{
    int first = db < 0 ? 0 : db, last = db < 0 ? keyspace_databases(e->keyspace) - 1 : db;
    for (int i = first; i <= last; i++) {
        if (!keyspace_size(e->keyspace, i)) continue;
        keyspace_touch_flushed(e->keyspace, i);
        e->stats.changes += keyspace_flush(e->keyspace, i);
        awaited_note_db(e, i);
        e->draft.changed = true;
        struct effect flush = {.verb = EFFECT_FLUSHDB, .db = i};
        note_database(e, EVENT_FLUSHDB, i)->effect = draft_effect(e, flush);
    }
    draft_all_changed(e);
}

void gate_swap(struct engine *e, int a, int b)
{
    keyspace_touch_swapped(e->keyspace, a, b, e->draft.now_ms);
    keyspace_swap(e->keyspace, a, b);
    awaited_note_db(e, a);
    awaited_note_db(e, b);
    e->stats.changes++;
    e->draft.changed = true;
    int32_t swap = draft_effect(e, (struct effect){.verb = EFFECT_SWAPDB, .db = a, .when = b});
    note_database(e, EVENT_SWAPDB, a)->effect = swap;
    note_database(e, EVENT_SWAPDB, b)->effect = swap;
    draft_all_changed(e);
}
