#include "routes.h"

#include "../base/buffer.h"
#include "../base/mem.h"
#include "../base/text.h"

static const struct slice stems[FAMILY_COUNT] = {
#define X(name, stem) [FAMILY_##name] = {stem, sizeof(stem) - 1},
    EVENT_FAMILIES(X)
#undef X
};

_Static_assert(NOTIFY_KEYSPACE << FAMILY_KEYCHANGE == NOTIFY_KEYCHANGE &&
                   NOTIFY_KEYSPACE << FAMILY_SUBKEYEVENT == NOTIFY_SUBKEYEVENT,
               "families are in the order of their bits");
_Static_assert((int)EVENT_COUNT <= UINT8_MAX, "an event fits a route_place");

void routes_init(struct routes *r)
{
    *r = (struct routes){0};
    for (int i = 0; i < FAMILY_COUNT; i++) r->generation[i] = 1;
}

void routes_fini(struct routes *r)
{
    for (int i = 0; i < ROUTE_PLACES; i++)
        mem_free(r->places[i].feeds, r->places[i].cap * sizeof(struct feed *));
}

/* The database of "<stem><db>__:…", or -1 when the rest is not of this form. */
static int64_t db_of_name(struct slice rest)
{
    size_t digits = 0;
    int64_t db;
    while (digits < rest.len && rest.at[digits] >= '0' && rest.at[digits] <= '9') digits++;
    if (!text_to_int(slice_of(rest.at, digits), &db)) return -1;
    return slice_starts_with(slice_from(rest, digits), SLICE("__:")) ? db : -1;
}

void routes_channel_changed(struct routes *r, struct slice name, int change)
{
    for (int i = 0; i < FAMILY_COUNT; i++) {
        if (!slice_starts_with(name, stems[i])) continue;
        int64_t db = db_of_name(slice_from(name, stems[i].len));
        if (db < 0) return;
        r->channels[i][db % ROUTE_DBS] += (uint32_t)change;
        r->generation[i]++;
    }
}

void routes_pattern_changed(struct routes *r, struct slice prefix)
{
    for (int i = 0; i < FAMILY_COUNT; i++)
        if (slice_starts_with(stems[i], prefix) || slice_starts_with(prefix, stems[i]))
            r->generation[i]++;
}

void route_name(struct buffer *to, enum event_family family, int db)
{
    buffer_add_slice(to, stems[family]);
    to->len += text_from_int(buffer_reserve(to, TEXT_INT_MAX), db);
    buffer_add_slice(to, SLICE("__:"));
}

static bool answer_afresh(const struct routes *r, const struct directory *d,
                          enum event_family family, int db)
{
    if (r->channels[family][db % ROUTE_DBS]) return true;
    char text[64];
    size_t len = stems[family].len;
    memcpy(text, stems[family].at, len);
    len += text_from_int(text + len, db);
    memcpy(text + len, "__:", 3);
    return pattern_index_touches(d->patterns, slice_of(text, len + 3));
}

bool routes_lead(struct routes *r, const struct directory *d, enum event_family family, int db)
{
    struct route_answer *a = &r->answers[family][db % ROUTE_DBS];
    if (a->generation != r->generation[family] || a->db != db)
        *a = (struct route_answer){r->generation[family], db, answer_afresh(r, d, family, db)};
    return a->yes;
}

static void remember(struct route_place *place, struct hearers h)
{
    if (h.len > place->cap || (place->cap > 8 && h.len < place->cap / 4)) {
        size_t size = sizeof(struct feed *);
        place->feeds = mem_resize(place->feeds, place->cap * size, h.len * size);
        place->cap = (uint32_t)h.len;
    }
    if (h.len) memcpy(place->feeds, h.at, h.len * sizeof *h.at);
    place->len = (uint32_t)h.len;
}

struct hearers routes_of_event(struct routes *r, struct directory *d, enum event_family family,
                               int db, enum event_name event, struct buffer *channel)
{
    unsigned i = ((unsigned)db * EVENT_COUNT + event) * 2 + (family == FAMILY_KEYEVENT);
    struct route_place *place = &r->places[i % ROUTE_PLACES];
    bool known = place->generation == r->generation[family] && place->db == db &&
                 place->event == event && place->family == family;
    if (known && !place->len) return (struct hearers){0};
    channel->len = 0;
    route_name(channel, family, db);
    buffer_add_slice(channel, event_text(event));
    if (known) return (struct hearers){place->feeds, place->len};
    struct hearers h = directory_hearers(d, buffer_slice(channel));
    if (h.len > ROUTE_FEEDS_MAX) return h;
    remember(place, h);
    place->generation = r->generation[family];
    place->db = db;
    place->event = (uint8_t)event;
    place->family = (uint8_t)family;
    return h;
}
