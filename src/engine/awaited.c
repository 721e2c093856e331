/* A key that is waited for has one `struct awaited_key`, found by database and name, with the queue
 * of its waiters. Those that have been changed stand in a list of their own, `ready`. The first of
 * these has its round: `turn` goes along its queue.
 *
 * Invariants:
 *  1. A key without waiters is not in the map, nor in the list.
 *  2. `wants` counts the waiters of a key by type, `enders` those that hear of its end: a round
 * ends as soon as nobody can want what is there, however many wait.
 *  3. `turn` is NULL but for the first key of the list, and then a waiter of its queue. */
#include "awaited.h"

#include "../base/assert.h"
#include "../base/mem.h"
#include "internal.h"

struct awaited_key {
    struct map_item *item; /* whose name is database and key */
    struct key_waiter *first, *last;
    struct key_waiter *turn; /* to be called next, while the key has its round */
    struct awaited_key *next_ready, **ready_link;
    bool is_ready;                          /* it is in the list */
    bool in_round;                          /* it has begun */
    bool again;                             /* it was changed during its round */
    uint32_t wants[TYPE_COUNT + 1], enders; /* the last one is of no type, and 0 */
};

enum { DB_BYTES = sizeof(int32_t) };

void awaited_init(struct awaited *a, const unsigned char *secret)
{
    map_init(&a->keys, secret);
    a->ready_end = &a->ready;
}

void awaited_fini(struct awaited *a)
{
    CHECK(map_count(&a->keys) == 0);
    map_fini(&a->keys);
    buffer_fini(&a->name);
}

static struct slice name_of(struct awaited *a, int db, struct slice key)
{
    int32_t number = db;
    a->name.len = 0;
    buffer_add(&a->name, &number, DB_BYTES);
    buffer_add_slice(&a->name, key);
    return buffer_slice(&a->name);
}

static int db_of(const struct awaited_key *k)
{
    int32_t number;
    memcpy(&number, k->item->name, DB_BYTES);
    return number;
}

/* ---- what is ready ---- */

static void ready_append(struct awaited *a, struct awaited_key *k)
{
    k->is_ready = true;
    k->next_ready = NULL;
    k->ready_link = a->ready_end;
    *a->ready_end = k;
    a->ready_end = &k->next_ready;
}

static void ready_remove(struct awaited *a, struct awaited_key *k)
{
    if (!k->is_ready) return;
    *k->ready_link = k->next_ready;
    *(k->next_ready ? &k->next_ready->ready_link : &a->ready_end) = k->ready_link;
    k->is_ready = k->in_round = k->again = false;
    k->turn = NULL;
}

static void is_changed(struct awaited *a, struct awaited_key *k)
{
    if (!k->is_ready)
        ready_append(a, k);
    else if (k->in_round)
        k->again = true;
}

void awaited_note(struct engine *e, int db, struct slice key)
{
    struct awaited *a = &e->awaited;
    struct awaited_key *k = map_value(&a->keys, name_of(a, db, key));
    if (k) is_changed(a, k);
}

void awaited_tell(struct engine *e, int db, struct slice key)
{
    if (map_count(&e->awaited.keys)) awaited_note(e, db, key);
}

void awaited_note_db(struct engine *e, int db)
{
    struct awaited *a = &e->awaited;
    for (size_t i = map_count(&a->keys); i-- > 0;) {
        struct awaited_key *k = map_at(&a->keys, i)->value;
        if (db_of(k) == db) is_changed(a, k);
    }
}

/* ---- joining and leaving ---- */

void awaited_join(struct engine *e, struct key_waiter *w, int db, struct slice key)
{
    struct awaited *a = &e->awaited;
    bool is_new;
    DCHECK(!w->key);
    struct map_item *item = map_insert(&a->keys, name_of(a, db, key), &is_new);
    if (is_new) {
        item->value = mem_new(struct awaited_key);
        ((struct awaited_key *)item->value)->item = item;
    }
    struct awaited_key *k = item->value;
    w->key = k;
    w->next = NULL;
    w->prev = k->last;
    *(k->last ? &k->last->next : &k->first) = w;
    k->last = w;
    k->wants[w->type]++;
    a->with_end += w->hears_end && !k->enders++;
}

size_t awaited_bytes(struct slice key)
{
    return mem_cost(sizeof(struct awaited_key)) +
           mem_cost(sizeof(struct map_item) + DB_BYTES + key.len);
}

void awaited_leave(struct engine *e, struct key_waiter *w)
{
    struct awaited *a = &e->awaited;
    struct awaited_key *k = w->key;
    if (!k) return;
    if (k->turn == w) k->turn = w->next;
    *(w->prev ? &w->prev->next : &k->first) = w->next;
    *(w->next ? &w->next->prev : &k->last) = w->prev;
    w->key = NULL;
    k->wants[w->type]--;
    a->with_end -= w->hears_end && !--k->enders;
    if (k->first) return;
    ready_remove(a, k);
    map_erase(&a->keys, k->item);
    mem_delete(k);
}

/* ---- calling ---- */

/* Whose turn it is among those whom this key, as it is now, concerns; NULL when the round is over.
 */
static struct key_waiter *next_of(struct engine *e, struct awaited_key *k)
{
    struct slice key = slice_from(map_item_name(k->item), DB_BYTES);
    const struct entry *entry = keyspace_find(e->keyspace, db_of(k), key).entry;
    enum value_type type = entry ? entry_type(entry) : TYPE_COUNT;
    if (!k->in_round) k->turn = k->first;
    k->in_round = true;
    if (!k->wants[type] && !k->enders) return NULL;
    while (k->turn && k->turn->type != type && !k->turn->hears_end) k->turn = k->turn->next;
    return k->turn;
}

bool awaited_is_ready(const struct engine *e)
{
    return e->awaited.ready != NULL;
}

bool awaited_call(struct engine *e)
{
    struct awaited *a = &e->awaited;
    struct awaited_key *k;
    DCHECK(!e->draft.open);
    while ((k = a->ready)) {
        struct key_waiter *w = next_of(e, k);
        if (w) {
            k->turn = w->next;
            w->ready(w);
            return true;
        }
        bool again = k->again;
        ready_remove(a, k);
        if (again) ready_append(a, k);
    }
    return false;
}

size_t awaited_keys(const struct engine *e)
{
    return map_count(&e->awaited.keys);
}

size_t awaited_keys_with_end(const struct engine *e)
{
    return e->awaited.with_end;
}
