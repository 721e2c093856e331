/* Crews: who is in one, and what each has.
 *
 * Invariants:
 *  1. A consumer is under its name and under its number.
 *  2. A consumer's `pending` is the number of entries in the crew's `pending` that are its own;
 *     every entry's consumer exists. */
#include "crew.h"

#include "../base/assert.h"
#include "../base/mem.h"

#include <stdlib.h>

void crew_init(struct crew *c, const unsigned char *secret)
{
    *c = (struct crew){0};
    map_init(&c->consumers, secret);
}

void crew_fini(struct crew *c)
{
    for (size_t i = 0; i < map_count(&c->consumers); i++) {
        struct consumer *who = map_at(&c->consumers, i)->value;
        mem_delete(who);
    }
    map_fini(&c->consumers);
    mem_free(c->by_number, c->numbers_cap * sizeof *c->by_number);
    pending_fini(&c->pending);
}

struct crew crew_copy(struct crew *from)
{
    struct crew copy;
    crew_init(&copy, from->consumers.secret);
    for (uint32_t n = 0; n < from->numbers_count; n++) {
        const struct consumer *who = from->by_number[n];
        if (!who) continue;
        struct consumer *twin = crew_insert(&copy, n, who->name);
        twin->seen_ms = who->seen_ms;
        twin->active_ms = who->active_ms;
        twin->pending = who->pending;
    }
    copy.pending = pending_copy(&from->pending);
    copy.time_ms = from->time_ms;
    return copy;
}

size_t crew_bytes(const struct crew *c)
{
    return map_bytes(&c->consumers) + map_count(&c->consumers) * mem_cost(sizeof(struct consumer)) +
           mem_cost(c->numbers_cap * sizeof *c->by_number) + pending_bytes(&c->pending);
}

void crew_check(struct crew *c)
{
    size_t counts = 0;
    struct pending_entry e = {0};
    pending_check(&c->pending);
    for (uint32_t n = 0; n < c->numbers_count; n++) {
        const struct consumer *who = c->by_number[n];
        if (!who) continue;
        size_t own = 0;
        CHECK(who->number == n && map_value(&c->consumers, who->name) == who);
        bool more = pending_next(&c->pending, (struct event_id){0}, n, &e);
        for (; more; more = pending_after(&c->pending, e.id, n, &e)) own++;
        CHECK(own == who->pending);
        counts += own;
    }
    CHECK(counts == c->pending.count);
    crew_settle(c);
}

void crew_settle(struct crew *c)
{
    pending_settle(&c->pending);
}

size_t crew_place(const void *groups, size_t count, struct slice name, bool *is_there)
{
    const struct slice *const *names = groups;
    size_t low = 0, high = count;
    *is_there = false;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = slice_compare(*names[mid], name);
        if (!order) *is_there = true;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* ---- consumers ---- */

struct consumer *crew_consumer(const struct crew *c, struct slice name)
{
    return map_value(&c->consumers, name);
}

struct consumer *crew_consumer_numbered(const struct crew *c, uint32_t number)
{
    return number < c->numbers_count ? c->by_number[number] : NULL;
}

size_t crew_consumers(const struct crew *c)
{
    return map_count(&c->consumers);
}

static int by_name(const void *a, const void *b)
{
    const struct consumer *const *x = a, *const *y = b;
    return slice_compare((*x)->name, (*y)->name);
}

struct consumer **crew_consumers_sorted(const struct crew *c)
{
    size_t count = map_count(&c->consumers);
    if (!count) return NULL;
    struct consumer **list = mem_alloc(count * sizeof *list);
    for (size_t i = 0; i < count; i++) list[i] = map_at(&c->consumers, i)->value;
    qsort(list, count, sizeof *list, by_name);
    return list;
}

uint32_t crew_free_number(const struct crew *c)
{
    if (map_count(&c->consumers) == c->numbers_count) return c->numbers_count;
    uint32_t i = 0;
    while (c->by_number[i]) i++;
    return i;
}

/* Room for a number in the array with holes. */
static void make_room(struct crew *c, uint32_t number)
{
    if (number < c->numbers_cap) return;
    uint32_t more = number < 4 ? 4 : number * 2;
    c->by_number = mem_resize(c->by_number, c->numbers_cap * sizeof *c->by_number,
                              more * sizeof *c->by_number);
    memset(c->by_number + c->numbers_cap, 0, (more - c->numbers_cap) * sizeof *c->by_number);
    c->numbers_cap = more;
}

struct consumer *crew_insert(struct crew *c, uint32_t number, struct slice name)
{
    struct map_item *item = map_insert(&c->consumers, name, NULL);
    struct consumer *who = mem_new(struct consumer);
    item->value = who;
    who->name = map_item_name(item);
    who->number = number;
    who->active_ms = -1;
    make_room(c, number);
    c->by_number[number] = who;
    if (number >= c->numbers_count) c->numbers_count = number + 1;
    return who;
}

static void take_out_pending(struct crew *c, struct consumer *who)
{
    struct pending_entry e = {0};
    while (who->pending && pending_next(&c->pending, e.id, who->number, &e)) {
        pending_remove(&c->pending, e.id);
        who->pending--;
    }
    CHECK(!who->pending);
}

void crew_erase(struct crew *c, struct consumer *who)
{
    take_out_pending(c, who);
    c->by_number[who->number] = NULL;
    while (c->numbers_count && !c->by_number[c->numbers_count - 1]) c->numbers_count--;
    map_erase(&c->consumers, map_find(&c->consumers, who->name));
    mem_delete(who);
}

void crew_seen(struct consumer *who, int64_t now_ms)
{
    who->seen_ms = now_ms;
}

void crew_dates(struct consumer *who, int64_t seen_ms, int64_t active_ms)
{
    who->seen_ms = seen_ms;
    who->active_ms = active_ms;
}

void crew_was_active(const struct crew *c, struct consumer *who)
{
    who->seen_ms = who->active_ms = c->time_ms;
}

/* ---- what is pending ---- */

void crew_put(struct crew *c, const struct pending_entry *e)
{
    const struct pending_entry *old = pending_find(&c->pending, e->id);
    if (old) crew_consumer_numbered(c, old->consumer)->pending--;
    crew_consumer_numbered(c, e->consumer)->pending++;
    pending_put(&c->pending, e);
}

bool crew_take(struct crew *c, struct event_id id)
{
    const struct pending_entry *e = pending_find(&c->pending, id);
    if (!e) return false;
    crew_consumer_numbered(c, e->consumer)->pending--;
    return pending_remove(&c->pending, id);
}
