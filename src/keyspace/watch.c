/* WATCH: who wants to know whether a key changed before EXEC.
 *
 * A watched key (database and name) has a list of its watchers, a watcher a list of its keys; each
 * pair is one `struct watch` in both lists. A touch only sets the watcher's flag. */
#include "../base/buffer.h"
#include "../base/mem.h"
#include "internal.h"

struct watch {
    struct watcher *watcher;
    struct watch *next_key;     /* of the same watcher */
    struct watch *next, **link; /* of the same key */
    struct map_item *item;
    bool was_dead; /* the key was past its deadline already: its end is no change */
};

static struct slice name_of(int db, struct slice key, struct buffer *room)
{
    int32_t number = db;
    room->len = 0;
    buffer_add(room, &number, sizeof number);
    buffer_add_slice(room, key);
    return buffer_slice(room);
}

static int db_of(struct slice name)
{
    int32_t number;
    memcpy(&number, name.at, sizeof number);
    return number;
}

static struct slice key_of(struct slice name)
{
    return slice_from(name, sizeof(int32_t));
}

static bool is_dead(const struct entry *e, int64_t now_ms)
{
    int64_t deadline = entry_deadline(e);
    return deadline >= 0 && deadline <= now_ms;
}

void keyspace_watch(struct keyspace *ks, struct watcher *w, int db, struct slice key,
                    int64_t now_ms)
{
    struct buffer room = {0};
    struct map_item *item = map_insert(&ks->watched, name_of(db, key, &room), NULL);
    buffer_fini(&room);
    for (struct watch *k = item->value; k; k = k->next)
        if (k->watcher == w) return;
    struct place p = keyspace_find(ks, db, key);
    struct watch *k = mem_new(struct watch);
    k->watcher = w;
    k->item = item;
    k->was_dead = p.entry && is_dead(p.entry, now_ms);
    k->next_key = w->first;
    w->first = k;
    w->bytes += sizeof *k + sizeof *item + key.len;
    k->next = item->value;
    if (k->next) k->next->link = &k->next;
    k->link = (struct watch **)&item->value;
    item->value = k;
}

void keyspace_unwatch(struct keyspace *ks, struct watcher *w)
{
    while (w->first) {
        struct watch *k = w->first;
        w->first = k->next_key;
        *k->link = k->next;
        if (k->next) k->next->link = k->link;
        if (!k->item->value) map_erase(&ks->watched, k->item);
        mem_delete(k);
    }
    w->bytes = 0;
    w->touched = false;
}

bool keyspace_watch_failed(const struct keyspace *ks, const struct watcher *w, int64_t now_ms)
{
    if (w->touched) return true;
    for (const struct watch *k = w->first; k; k = k->next_key) {
        struct slice name = map_item_name(k->item);
        struct place p = keyspace_find(ks, db_of(name), key_of(name));
        if (!k->was_dead && p.entry && is_dead(p.entry, now_ms)) return true;
    }
    return false;
}

/* The key of these watches has changed, or is gone. */
static void touch(struct map_item *item, bool exists)
{
    for (struct watch *k = item->value; k; k = k->next) {
        if (k->was_dead && !exists)
            k->was_dead = false; /* the dead key is put away: no change */
        else
            k->watcher->touched = true;
    }
}

void keyspace_touch_watched(struct keyspace *ks, int db, struct slice key)
{
    if (!map_count(&ks->watched)) return;
    struct buffer room = {0};
    struct map_item *item = map_find(&ks->watched, name_of(db, key, &room));
    buffer_fini(&room);
    if (item) touch(item, keyspace_find(ks, db, key).entry != NULL);
}

void keyspace_touch_flushed(struct keyspace *ks, int db)
{
    for (size_t i = 0; i < map_count(&ks->watched); i++) {
        struct map_item *item = map_at(&ks->watched, i);
        struct slice name = map_item_name(item);
        if (db_of(name) == db && keyspace_find(ks, db, key_of(name)).entry) touch(item, false);
    }
}

/* A watched key that was `old` is `fresh` now, either of which may be NULL. For a dead one counts
 * the same as for none, but that a watch remembers it. */
static void touch_replaced(struct map_item *item, const struct entry *old,
                           const struct entry *fresh, int64_t now_ms)
{
    bool dead = fresh && is_dead(fresh, now_ms);
    for (struct watch *k = item->value; k; k = k->next) {
        bool was_nothing = k->was_dead || !old;
        if (was_nothing && (dead || !fresh))
            k->was_dead = dead;
        else
            k->watcher->touched = true;
    }
}

void keyspace_touch_swapped(struct keyspace *ks, int a, int b, int64_t now_ms)
{
    for (size_t i = 0; i < map_count(&ks->watched); i++) {
        struct map_item *item = map_at(&ks->watched, i);
        struct slice name = map_item_name(item);
        int db = db_of(name);
        if (db != a && db != b) continue;
        touch_replaced(item, keyspace_find(ks, db, key_of(name)).entry,
                       keyspace_find(ks, db == a ? b : a, key_of(name)).entry, now_ms);
    }
}

size_t keyspace_watched(const struct keyspace *ks)
{
    return map_count(&ks->watched);
}

size_t watcher_count(const struct watcher *w)
{
    size_t n = 0;
    for (const struct watch *k = w->first; k; k = k->next_key) n++;
    return n;
}
