/* Watches: who waits for the next event of a view.
 *
 * Watches of one name are one list, and the name, which is a pattern of channels, is filed in a
 * pattern index. For an event of a key the channel's name is made only when some pattern begins
 * like it. What the index finds is asked once more: a view's two globs are globs of their own,
 * where a pattern's star may go across the border between them. */
#include "internal.h"

void watches_init(struct watches *w, const unsigned char *secret)
{
    uint64_t seed;
    memcpy(&seed, secret, sizeof seed);
    map_init(&w->names, secret);
    w->patterns = pattern_index_new(seed);
}

void watches_fini(struct watches *w)
{
    CHECK(map_count(&w->names) == 0);
    map_fini(&w->names);
    pattern_index_free(w->patterns);
    mem_free(w->told.at, w->told.cap * sizeof *w->told.at);
    buffer_fini(&w->channel);
}

static void watched_free(struct watches *w, struct watched *name)
{
    if (name->pattern) pattern_index_remove(w->patterns, name->pattern);
    map_erase(&w->names, name->item);
    view_name_fini(&name->name);
    mem_delete(name);
}

int view_watch(struct views *v, struct view_watch *watch, struct slice name)
{
    struct watches *w = &v->watches;
    bool is_new;
    CHECK(!w->telling);
    struct map_item *item = map_insert(&w->names, name, &is_new);
    if (is_new) {
        struct watched *made = mem_new(struct watched);
        item->value = made;
        made->item = item;
        int rc = view_name_init(&made->name, name);
        CHECK(rc == 0);
        made->pattern =
            pattern_index_add(w->patterns, buffer_slice(&made->name.text), made, VIEW_CROWDED_MAX);
        if (!made->pattern) {
            watched_free(w, made);
            watch->place = NULL;
            return ERR_LIMIT;
        }
    }
    struct watched *at = item->value;
    watch->views = v;
    watch->place = at;
    watch->newer = NULL;
    watch->older = at->newest;
    *(at->newest ? &at->newest->newer : &at->oldest) = watch;
    at->newest = watch;
    return 0;
}

void view_unwatch(struct view_watch *watch)
{
    struct watched *at = watch->place;
    if (!at) return;
    struct watches *w = &watch->views->watches;
    if (w->next == watch) w->next = watch->newer;
    *(watch->older ? &watch->older->newer : &at->oldest) = watch->newer;
    *(watch->newer ? &watch->newer->older : &at->newest) = watch->older;
    watch->place = NULL;
    if (at->oldest) return;
    if (w->telling)
        w->emptied = true;
    else
        watched_free(w, at);
}

/* ---- telling ---- */

static void note_watched(struct watches *w, struct watched *at, uint64_t seq, struct event_id id)
{
    struct watched_list *told = &w->told;
    if (at->told_seq == seq) return;
    at->told_seq = seq;
    at->id = id;
    if (told->count == told->cap) {
        size_t cap = told->cap ? 2 * told->cap : 16;
        told->at = mem_resize(told->at, told->cap * sizeof *told->at, cap * sizeof *told->at);
        told->cap = cap;
    }
    told->at[told->count++] = at;
}

/* Those of one family who may read the event's channel. */
static void find_by_channel(struct watches *w, enum view_family family, const struct note *n,
                            uint64_t seq, struct event_id id)
{
    w->channel.len = 0;
    view_name_stem(&w->channel, family, n->db);
    if (!pattern_index_touches(w->patterns, buffer_slice(&w->channel))) return;
    buffer_add_slice(&w->channel, family == VIEW_KEYEVENT ? event_text(n->event) : n->key);
    struct pattern_matches found = pattern_index_match(w->patterns, buffer_slice(&w->channel));
    for (size_t i = 0; i < found.len; i++) {
        struct watched *at = found.at[i].owner;
        if (at->told_seq != seq && view_name_shows(&at->name, n->event, n->db, n->key))
            note_watched(w, at, seq, id);
    }
}

/* Events of whole databases are in nearly all views of these: each name is asked. */
static void find_by_db(struct watches *w, const struct note *n, uint64_t seq, struct event_id id)
{
    for (size_t i = map_count(&w->names); i-- > 0;) {
        struct watched *at = map_at(&w->names, i)->value;
        if (view_name_shows(&at->name, n->event, n->db, n->key)) note_watched(w, at, seq, id);
    }
}

static void find_watched(struct watches *w, const struct record *r)
{
    struct event_id id = r->id;
    for (uint32_t i = 0; i < r->notes_count; i++) {
        const struct note *n = &r->notes[i];
        if (n->kind != NOTE_EVENT) continue;
        if (event_is_of_db(n->event)) {
            find_by_db(w, n, r->seq, id);
        } else {
            for (int f = 0; f < VIEW_FAMILIES; f++)
                find_by_channel(w, (enum view_family)f, n, r->seq, id);
        }
        id.n++;
    }
}

void watches_tell(struct watches *w, const struct record *r)
{
    if (!map_count(&w->names)) return;
    CHECK(!w->telling);
    w->telling = true;
    w->told.count = 0;
    find_watched(w, r);
    for (size_t i = 0; i < w->told.count; i++) {
        struct watched *at = w->told.at[i];
        for (struct view_watch *watch = at->oldest; watch; watch = w->next) {
            w->next = watch->newer;
            watch->came(watch->ctx, r->seq, at->id);
        }
    }
    w->telling = false;
    /* A name whose watches have all ended meanwhile was left for now, told or not. */
    for (size_t i = map_count(&w->names); w->emptied && i-- > 0;) {
        struct watched *at = map_at(&w->names, i)->value;
        if (!at->oldest) watched_free(w, at);
    }
    w->emptied = false;
}
