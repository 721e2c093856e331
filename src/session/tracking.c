/* Client-side caching: clients keep copies of what they read, and are told when it has changed.
 *
 * By default the server remembers who read what, and forgets it with the message:
 *
 *      GET a by client 7     keys: a → {7}
 *      GET a by client 9           a → {7, 9}
 *      SET a by anyone       7 and 9 get `invalidate [a]`; a is forgotten until somebody reads it
 *
 * Names are remembered without their database, as in Redis: one change too many may be told, never
 * one too few. A broadcasting client (tracking_broadcast.c) is not remembered for keys; it hears of
 * all changes under its prefixes, once a turn.
 *
 * What a session reads is remembered when its command has run, what it changes is heard when the
 * record is sealed. In a transaction that does both, reads wait for the seal and take their places
 * among the changes then. So a message is never older than the copy that it is about. It stands
 * behind the reply of the receiver's own command (session_deliver sees to that).
 *
 * Bounds: tracking-table-max-keys names, of which random ones are given up, with a message, when
 * more are read. Of each name the readers are ids in order; ids of clients that are gone or track
 * no more stay until the array is full, and are dropped before it grows. So it is at most twice as
 * long as there are clients.
 *
 * Invariants:
 *  1. The engine is listened to whenever a client tracks, and a while longer: it must not stop in
 *     the middle of a record, so that is left to the end of the turn.
 *  2. `items` is the sum of the counts of all entries in `keys`.
 *  3. While messages are sent, no entry or prefix is held: sending can end connections, and with
 *     them sessions leave. */
#include "tracking.h"

#include "../base/hash.h"
#include "../base/mem.h"

enum {
    EVICTED_A_TURN = 1000, /* when the bound has been lowered: some 0.2 ms */
    DROPPED_A_TURN = 500,  /* buckets of a table that was dropped */
};

/* A name and who read it. With one reader, as most have, its id is in place. */
struct readers {
    uint32_t count, cap; /* cap 0: no array */
    union {
        uint64_t one;
        uint64_t *ids; /* ascending */
    };
    uint32_t len;
    char name[];
};

static size_t readers_size(const struct readers *r)
{
    return sizeof *r + r->len;
}

static struct slice readers_name(const struct readers *r)
{
    return slice_of(r->name, r->len);
}

static const uint64_t *readers_ids(const struct readers *r)
{
    return r->cap ? r->ids : &r->one;
}

static void free_readers(void *ctx, void *entry)
{
    struct readers *r = entry;
    (void)ctx;
    mem_free(r->cap ? r->ids : NULL, r->cap * sizeof *r->ids);
    mem_free(r, readers_size(r));
}

static uint64_t hash_name(const struct tracking_table *t, struct slice name)
{
    return hash_bytes(keyspace_secret(engine_keyspace(t->all->engine)), name);
}

static uint64_t hash_of(void *ctx, const void *entry)
{
    return hash_name(ctx, readers_name(entry));
}

static bool has_name(const void *entry, const void *name)
{
    return slice_equal(readers_name(entry), *(const struct slice *)name);
}

/* ---- life ---- */

struct tracking_table *tracking_new(struct sessions *all)
{
    struct tracking_table *t = mem_new(struct tracking_table);
    t->all = all;
    table_init(&t->keys, hash_of, t);
    table_init(&t->dropped, hash_of, t);
    map_init(&t->changed, keyspace_secret(engine_keyspace(all->engine)));
    return t;
}

static void finish_dropping(struct tracking_table *t)
{
    while (!table_clear(&t->dropped, free_readers, NULL, SIZE_MAX)) continue;
}

/* Forgets all keys. Freeing a million takes longer than a turn may: that is done bit by bit. */
static void drop_keys(struct tracking_table *t)
{
    if (!table_bytes(&t->keys)) return;
    finish_dropping(t);
    t->dropped = t->keys;
    table_renew(&t->keys);
    t->items = 0;
}

void tracking_free(struct tracking_table *t)
{
    drop_keys(t);
    finish_dropping(t);
    map_fini(&t->changed);
    if (t->hears) engine_hear_changes(t->all->engine, NULL, NULL);
    mem_delete(t);
}

/* ---- messages ---- */

enum { FORM_MESSAGE, FORM_PUSH }; /* RESP2: as if published; RESP3 */

/* The whole message in one of its forms. */
static struct block *write_form(const struct invalidation *m, int form)
{
    struct buffer bytes = {0};
    struct resp_writer w = {.out = &bytes, .proto = form == FORM_PUSH ? 3 : 2};
    if (form == FORM_PUSH) {
        resp_push(&w, 2);
        resp_bulk_text(&w, "invalidate");
    } else {
        resp_array(&w, 3);
        resp_bulk_text(&w, "message");
        resp_bulk_text(&w, "__redis__:invalidate");
    }
    if (m->keys) {
        resp_array(&w, m->count);
        for (size_t i = 0; i < m->count; i++) resp_bulk(&w, m->keys[i]);
    } else {
        resp_null(&w);
    }
    struct block *b = block_new(bytes.len);
    block_add(b, bytes.at, bytes.len);
    buffer_fini(&bytes);
    return b;
}

void invalidation_fini(struct invalidation *m)
{
    block_release(m->forms[0]);
    block_release(m->forms[1]);
}

/* Tells a client that the one in its place has gone; RESP2 has no words for it. */
static void send_broken(struct session *s)
{
    s->tracking->broken = true;
    if (session_proto(s) < 3) return;
    struct buffer bytes = {0};
    struct resp_writer w = {.out = &bytes, .proto = 3};
    resp_push(&w, 2);
    resp_bulk_text(&w, "tracking-redir-broken");
    resp_int(&w, (int64_t)s->tracking->redirect);
    struct block *b = block_new(bytes.len);
    block_add(b, bytes.at, bytes.len);
    buffer_fini(&bytes);
    session_deliver(&s->subscriber, (struct span){b, 0, b->len});
    block_release(b);
}

void invalidation_send(struct invalidation *m, struct session *s)
{
    uint64_t redirect = s->tracking->redirect;
    struct session *to = redirect ? session_by_id(s->all, redirect) : s;
    if (!to) {
        send_broken(s);
        return;
    }
    int form = session_proto(to) == 3 ? FORM_PUSH : FORM_MESSAGE;
    /* In RESP2 only a subscriber knows what to make of it, and only one that was chosen. */
    if (form == FORM_MESSAGE && !(redirect && session_subscriptions(to))) return;
    struct block **block = &m->forms[form];
    if (!*block) *block = write_form(m, form);
    session_deliver(&to->subscriber, (struct span){*block, 0, (*block)->len});
}

/* ---- who read what ---- */

/* The session behind an id, if it is to hear of keys that it read. */
static struct session *reader_of(const struct tracking_table *t, uint64_t id)
{
    struct session *s = session_by_id(t->all, id);
    return s && s->tracking && !s->tracking->broadcast ? s : NULL;
}

/* Makes room for one id more: drops those that nobody stands behind, and grows if these are few. */
static void make_room(struct tracking_table *t, struct readers *r)
{
    enum { IDS_FIRST = 4 };
    uint32_t kept = 0;
    uint64_t *ids = r->cap ? r->ids : &r->one;
    for (uint32_t i = 0; i < r->count; i++)
        if (reader_of(t, ids[i])) ids[kept++] = ids[i];
    t->items -= r->count - kept;
    r->count = kept;
    if (r->cap && kept <= r->cap / 2) return;
    if (!r->cap && !kept) return;
    uint32_t cap = r->cap ? r->cap * 2 : IDS_FIRST;
    uint64_t *more = mem_alloc(cap * sizeof *more);
    memcpy(more, ids, kept * sizeof *more);
    if (r->cap) mem_free(r->ids, r->cap * sizeof *r->ids);
    r->ids = more;
    r->cap = cap;
}

static void add_reader(struct tracking_table *t, struct readers *r, uint64_t id)
{
    const uint64_t *ids = readers_ids(r);
    uint32_t from = 0, to = r->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (ids[middle] == id) return;
        if (ids[middle] < id)
            from = middle + 1;
        else
            to = middle;
    }
    if (r->count == (r->cap ? r->cap : 1)) {
        make_room(t, r);
        ids = readers_ids(r);
        for (from = 0; from < r->count && ids[from] < id;) from++;
    }
    uint64_t *at = r->cap ? r->ids : &r->one;
    memmove(at + from + 1, at + from, (r->count - from) * sizeof *at);
    at[from] = id;
    r->count++;
    t->items++;
}

/* Tells the readers of a key, which is forgotten. `current` is told behind its reply, or not at
 * all if it does not want to hear of its own doings. */
static void invalidate(struct tracking_table *t, uint64_t hash, table_slot *slot)
{
    struct readers *r = table_slot_entry(slot);
    table_erase(&t->keys, slot, hash);
    t->items -= r->count;
    struct slice key = readers_name(r);
    struct invalidation m = {.keys = &key, .count = 1};
    for (uint32_t i = 0; i < r->count; i++) {
        struct session *s = reader_of(t, readers_ids(r)[i]);
        if (!s || (s->tracking->noloop && s == t->all->current)) continue;
        invalidation_send(&m, s);
    }
    invalidation_fini(&m);
    free_readers(NULL, r);
}

/* Gives up keys at random until there are `max`, or `effort` is spent. */
static void evict(struct tracking_table *t, size_t max, size_t effort)
{
    struct random *random = keyspace_random(engine_keyspace(t->all->engine));
    for (; effort > 0 && table_count(&t->keys) > max; effort--) {
        struct readers *r = table_random(&t->keys, random);
        uint64_t hash = hash_of(t, r);
        invalidate(t, hash, table_find_entry(&t->keys, hash, r));
    }
}

static void remember(struct session *s, struct slice key)
{
    struct tracking_table *t = s->all->tracking;
    size_t max = s->all->config.tracking_keys_max;
    uint64_t hash = hash_name(t, key);
    table_slot *slot = table_find(&t->keys, hash, has_name, &key);
    struct readers *r;
    if (slot) {
        r = table_slot_entry(slot);
    } else {
        if (max && table_count(&t->keys) >= max) evict(t, max - 1, EVICTED_A_TURN);
        r = mem_alloc(sizeof *r + key.len);
        *r = (struct readers){.len = (uint32_t)key.len};
        if (key.len) memcpy(r->name, key.at, key.len);
        table_insert(&t->keys, hash, r);
    }
    add_reader(t, r, s->id);
}

static void note_read(struct session *s, struct slice key)
{
    struct tracking_table *t = s->all->tracking;
    size_t changes = engine_changes_noted(s->all->engine);
    if (!changes) {
        remember(s, key);
        return;
    }
    if (t->reads_count == t->reads_cap) {
        size_t more = t->reads_cap ? t->reads_cap * 2 : 16;
        t->reads = mem_resize(t->reads, t->reads_cap * sizeof *t->reads, more * sizeof *t->reads);
        t->reads_cap = more;
    }
    t->reads[t->reads_count++] = (struct read){s->id, key, changes};
}

/* Remembers the reads that came before the next change to be heard. */
static void settle_reads(struct tracking_table *t)
{
    for (; t->reads_settled < t->reads_count; t->reads_settled++) {
        const struct read *r = &t->reads[t->reads_settled];
        if (r->changes > t->changes_heard) break;
        struct session *s = reader_of(t, r->reader);
        if (s) remember(s, r->key);
    }
}

void tracking_end_record(struct session *s)
{
    struct tracking_table *t = s->all->tracking;
    if (!t->reads_count) return;
    settle_reads(t);
    mem_free(t->reads, t->reads_cap * sizeof *t->reads);
    t->reads = NULL;
    t->reads_count = t->reads_cap = t->reads_settled = t->changes_heard = 0;
}

void tracking_note_reads(struct session *s, const struct command *command, const struct slice *argv,
                         int argc)
{
    enum { FEW = 16 };
    const struct command_spec *spec = command->spec;
    const struct tracking *tr = s->tracking;
    if (tr->broadcast || !(spec->flags & FLAG_READONLY) || spec->group == GROUP_SCRIPTING) return;
    if ((tr->optin && !tr->caching) || (tr->optout && tr->caching)) return;
    struct command_key few[FEW], *keys = few;
    int count = command_keys(spec, argv, argc, few, FEW);
    if (count > FEW) {
        keys = mem_alloc((size_t)count * sizeof *keys);
        command_keys(spec, argv, argc, keys, count);
    }
    for (int i = 0; i < count; i++) note_read(s, argv[keys[i].pos]);
    if (keys != few) mem_free(keys, (size_t)count * sizeof *keys);
}

/* ---- changes ---- */

static void invalidate_everything(struct tracking_table *t)
{
    struct sessions *all = t->all;
    struct invalidation m = {0};
    drop_keys(t);
    for (size_t i = all->count; i-- > 0;) /* downward: sending may end sessions */
        if (i < all->count && all->list[i]->tracking) invalidation_send(&m, all->list[i]);
    invalidation_fini(&m);
}

static void changed(void *ctx, int db, struct slice key, uint64_t client)
{
    struct tracking_table *t = ctx;
    if (t->reads_count) {
        settle_reads(t);
        t->changes_heard++;
    }
    if (db < 0) {
        invalidate_everything(t);
        return;
    }
    if (t->prefixes.count) broadcast_note(t, key, client);
    if (!table_count(&t->keys)) return;
    uint64_t hash = hash_name(t, key);
    table_slot *slot = table_find(&t->keys, hash, has_name, &key);
    if (slot) invalidate(t, hash, slot);
}

/* ---- sessions ---- */

struct tracking *tracking_start(struct session *s)
{
    struct tracking_table *t = s->all->tracking;
    if (s->tracking) return s->tracking;
    s->tracking = mem_new(struct tracking);
    t->clients++;
    if (!t->hears) engine_hear_changes(s->all->engine, changed, t);
    t->hears = true;
    return s->tracking;
}

void tracking_leave(struct session *s)
{
    struct tracking *tr = s->tracking;
    if (!tr) return;
    prefixes_leave(s);
    mem_free(tr->prefixes, tr->prefixes_cap * sizeof *tr->prefixes);
    mem_delete(tr);
    s->tracking = NULL;
    s->all->tracking->clients--;
}

void tracking_after_request(struct session *s, const struct command *command)
{
    if (s->in_multi) return;
    const struct command *top = command && command->parent ? command->parent : command;
    if (top && slice_is(top->spec->name, "client")) return; /* CACHING itself, for one */
    s->tracking->caching = false;
}

bool tracking_broadcasts(const struct session *s)
{
    return s->tracking && s->tracking->broadcast;
}

bool tracking_is_broken(const struct session *s)
{
    return s->tracking && s->tracking->broken;
}

int64_t tracking_redirect(const struct session *s)
{
    return s->tracking ? (int64_t)s->tracking->redirect : -1;
}

size_t tracking_bytes(const struct session *s)
{
    const struct tracking *tr = s->tracking;
    return tr ? sizeof *tr + tr->prefixes_cap * sizeof *tr->prefixes : 0;
}

void tracking_end_turn(struct sessions *all)
{
    struct tracking_table *t = all->tracking;
    if (!t->hears) return;
    size_t max = all->config.tracking_keys_max;
    if (max) evict(t, max, EVICTED_A_TURN);
    engine_wait_for_all(all->engine);
    if (map_count(&t->changed)) broadcast_send(t);
    if (!t->clients) drop_keys(t);
    bool dropped = table_clear(&t->dropped, free_readers, NULL, DROPPED_A_TURN);
    if (t->clients || !dropped) return;
    engine_hear_changes(all->engine, NULL, NULL);
    t->hears = false;
}

void tracking_fill_stats(struct sessions *all, struct sessions_stats *stats)
{
    const struct tracking_table *t = all->tracking;
    stats->tracking_keys = table_count(&t->keys);
    stats->tracking_items = t->items;
    stats->tracking_prefixes = t->prefixes.count;
}
