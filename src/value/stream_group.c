/* Groups of a stream: what they were given, and how far they have got.
 *
 * How many entries a group has read is counted as long as nothing was deleted in what is before it;
 * where that is not known it can be told at both ends of the stream: what Redis tells as
 * `entries-read` and `lag`. */
#include "../base/assert.h"
#include "../base/mem.h"
#include "stream.h"

static size_t place_of(const struct stream *s, struct slice name, bool *is_there)
{
    return crew_place(s->groups, s->groups_count, name, is_there);
}

struct stream_group *stream_find_group(const struct stream *s, struct slice name)
{
    bool is_there;
    size_t at = place_of(s, name, &is_there);
    return is_there ? s->groups[at] : NULL;
}

struct stream_group *stream_add_group(struct stream *s, struct slice name, struct event_id last,
                                      int64_t entries_read)
{
    bool is_there;
    size_t at = place_of(s, name, &is_there), size = sizeof *s->groups;
    if (is_there) return NULL;
    if (s->groups_count == s->groups_cap) {
        size_t cap = s->groups_cap ? s->groups_cap * 2 : 1;
        s->groups = mem_resize(s->groups, s->groups_cap * size, cap * size);
        s->groups_cap = cap;
    }
    memmove(s->groups + at + 1, s->groups + at, (s->groups_count - at) * size);
    s->groups_count++;
    struct stream_group *g = s->groups[at] = mem_new(struct stream_group);
    char *copy = mem_alloc(name.len);
    if (name.len) memcpy(copy, name.at, name.len);
    g->name = slice_of(copy, name.len);
    g->last = last;
    g->entries_read = entries_read;
    crew_init(&g->crew, s->secret);
    return g;
}

void stream_erase_group(struct stream *s, struct stream_group *g)
{
    bool is_there;
    size_t at = place_of(s, g->name, &is_there);
    CHECK(is_there && s->groups[at] == g);
    s->groups_count--;
    memmove(s->groups + at, s->groups + at + 1, (s->groups_count - at) * sizeof g);
    crew_fini(&g->crew);
    mem_free((void *)(uintptr_t)g->name.at, g->name.len);
    mem_delete(g);
    if (s->groups_count) return;
    mem_free(s->groups, s->groups_cap * sizeof g);
    s->groups = NULL;
    s->groups_cap = 0;
}

/* ---- references ---- */

bool stream_is_awaited(const struct stream *s, struct event_id id)
{
    bool awaited = !s->groups_count;
    for (size_t i = 0; i < s->groups_count && !awaited; i++) {
        struct stream_group *g = s->groups[i];
        awaited = id_compare(id, g->last) > 0 || pending_find(&g->crew.pending, id);
    }
    return awaited;
}

size_t stream_drop_refs(struct stream *s, struct event_id id)
{
    size_t count = 0;
    for (size_t i = 0; i < s->groups_count; i++) count += crew_take(&s->groups[i]->crew, id);
    return count;
}

void stream_settle(struct stream *s)
{
    for (size_t i = 0; i < s->groups_count; i++) crew_settle(&s->groups[i]->crew);
}

/* ---- how far a group has got ---- */

static bool is_zero(struct event_id id)
{
    return !id.ms && !id.n;
}

/* May an entry from `from` on have been deleted, so that counting is no use? */
static bool has_holes(const struct stream *s, struct event_id from)
{
    if (!s->length || is_zero(s->max_deleted)) return false;
    return id_compare(from, s->max_deleted) <= 0;
}

/* How many entries there ever were up to `id`; -1: not known. */
static int64_t entries_up_to(const struct stream *s, struct event_id id)
{
    int64_t added = (int64_t)s->added;
    int to_last = id_compare(id, s->last), to_first = id_compare(id, s->first);
    if (!added) return 0;
    if (!s->length && to_last <= 0) return added;
    if (!is_zero(id) && id_compare(id, s->max_deleted) < 0) return -1;
    if (to_last == 0) return added;
    if (to_last > 0) return -1;
    if (!is_zero(s->max_deleted) && id_compare(s->max_deleted, s->first) >= 0) return -1;
    int64_t before = added - (int64_t)s->length;
    return to_first < 0 ? before : to_first == 0 ? before + 1 : -1;
}

bool stream_lag(const struct stream *s, const struct stream_group *g, int64_t *lag)
{
    int64_t read = g->entries_read;
    *lag = (int64_t)s->length;
    if (!s->length) return true;
    if (id_compare(g->last, s->first) < 0 && id_compare(s->max_deleted, s->first) < 0) return true;
    if (read < 0 || has_holes(s, g->last)) read = entries_up_to(s, g->last);
    if (read >= 0) *lag = (int64_t)s->added - read;
    return read >= 0;
}

/* ---- delivering ---- */

static void pass(const struct stream *s, struct stream_group *g, struct event_id id)
{
    bool counted = g->entries_read >= 0 && id_compare(g->last, s->first) >= 0;
    if (counted && !has_holes(s, g->last))
        g->entries_read = read_more(g->entries_read, 1);
    else if (s->added)
        g->entries_read = entries_up_to(s, id);
    g->last = id;
}

size_t stream_deliver(struct stream *s, struct stream_group *g, struct consumer *to, size_t count,
                      bool forgotten, stream_visit *visit, void *ctx)
{
    struct stream_cursor c;
    struct pending_entry e = {
        .delivered_ms = g->crew.time_ms, .deliveries = 1, .consumer = to->number};
    size_t done = 0;
    if (!id_compare(g->last, ID_LAST)) return 0;
    stream_seek(&c, s, id_after(g->last), ID_LAST, false);
    for (; done < count && stream_next(&c); done++) {
        pass(s, g, c.id);
        e.id = c.id;
        if (!forgotten) crew_put(&g->crew, &e);
        if (visit) visit(ctx, &c);
    }
    if (done) crew_was_active(&g->crew, to);
    return done;
}
