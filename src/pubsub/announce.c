/* From a record to the channels of its events. */
#include "../base/text.h"
#include "../record/json.h"
#include "hub.h"

/* One event on its way. */
struct telling {
    const struct record *record;
    const struct note *note;
    struct event_id id;
    uint32_t flags;      /* what notify-keyspace-events switched on then */
    struct slice event;  /* its name */
    bool subkeys_listed; /* p->subkeys holds their list */
};

/* Makes p->channel "<stem><db>__:<key>" and returns who hears it: nobody, and nothing is built,
 * when no name or pattern leads there. */
static struct hearers hearers_by_key(struct pubsub *p, const struct telling *t,
                                     enum event_family family)
{
    if (!routes_lead(&p->routes, &p->directory, family, t->note->db)) return (struct hearers){0};
    p->channel.len = 0;
    route_name(&p->channel, family, t->note->db);
    buffer_add_slice(&p->channel, t->note->key);
    return directory_hearers(&p->directory, buffer_slice(&p->channel));
}

static struct hearers hearers_by_event(struct pubsub *p, const struct telling *t,
                                       enum event_family family)
{
    return routes_of_event(&p->routes, &p->directory, family, t->note->db, t->note->event,
                           &p->channel);
}

static void deliver(struct pubsub *p, struct hearers h, struct slice payload)
{
    if (h.len) hub_deliver(p, h, buffer_slice(&p->channel), payload);
}

/* "<length>:<bytes>" */
static void add_sized(struct buffer *to, struct slice s)
{
    to->len += text_from_uint(buffer_reserve(to, TEXT_INT_MAX), s.len);
    buffer_add_byte(to, ':');
    buffer_add_slice(to, s);
}

/* The fields of the event, "<length>:<field>,…", written once for all channels. */
static struct slice subkeys_list(struct pubsub *p, struct telling *t)
{
    if (!t->subkeys_listed) {
        t->subkeys_listed = true;
        p->subkeys.len = 0;
        for (uint32_t i = 0; i < t->note->subkeys_count; i++) {
            if (i) buffer_add_byte(&p->subkeys, ',');
            add_sized(&p->subkeys, t->note->subkeys[i]);
        }
    }
    return buffer_slice(&p->subkeys);
}

static void tell_keyspace(struct pubsub *p, struct telling *t)
{
    deliver(p, hearers_by_key(p, t, FAMILY_KEYSPACE), t->event);
}

static void tell_keyevent(struct pubsub *p, struct telling *t)
{
    deliver(p, hearers_by_event(p, t, FAMILY_KEYEVENT), t->note->key);
}

static void tell_subkeyspace(struct pubsub *p, struct telling *t)
{
    struct hearers h = hearers_by_key(p, t, FAMILY_SUBKEYSPACE);
    if (!h.len) return;
    p->payload.len = 0;
    buffer_add_slice(&p->payload, t->event);
    buffer_add_byte(&p->payload, '|');
    buffer_add_slice(&p->payload, subkeys_list(p, t));
    deliver(p, h, buffer_slice(&p->payload));
}

static void tell_subkeyevent(struct pubsub *p, struct telling *t)
{
    struct hearers h = hearers_by_event(p, t, FAMILY_SUBKEYEVENT);
    if (!h.len) return;
    p->payload.len = 0;
    add_sized(&p->payload, t->note->key);
    buffer_add_byte(&p->payload, '|');
    buffer_add_slice(&p->payload, subkeys_list(p, t));
    deliver(p, h, buffer_slice(&p->payload));
}

/* A channel per field, key and field separated by a line feed; so a key that has one in it would
 * be ambiguous, and is left out. */
static void tell_subkeyspaceitem(struct pubsub *p, struct telling *t)
{
    const struct note *n = t->note;
    if (!routes_lead(&p->routes, &p->directory, FAMILY_SUBKEYSPACEITEM, n->db)) return;
    if (n->key.len && memchr(n->key.at, '\n', n->key.len)) return;
    p->channel.len = 0;
    route_name(&p->channel, FAMILY_SUBKEYSPACEITEM, n->db);
    buffer_add_slice(&p->channel, n->key);
    buffer_add_byte(&p->channel, '\n');
    size_t stem = p->channel.len;
    for (uint32_t i = 0; i < n->subkeys_count; i++) {
        p->channel.len = stem;
        buffer_add_slice(&p->channel, n->subkeys[i]);
        deliver(p, directory_hearers(&p->directory, buffer_slice(&p->channel)), t->event);
    }
}

static void tell_subkeyspaceevent(struct pubsub *p, struct telling *t)
{
    const struct note *n = t->note;
    if (!routes_lead(&p->routes, &p->directory, FAMILY_SUBKEYSPACEEVENT, n->db)) return;
    p->channel.len = 0;
    route_name(&p->channel, FAMILY_SUBKEYSPACEEVENT, n->db);
    buffer_add_slice(&p->channel, t->event);
    buffer_add_byte(&p->channel, '|');
    buffer_add_slice(&p->channel, n->key);
    struct hearers h = directory_hearers(&p->directory, buffer_slice(&p->channel));
    if (h.len) deliver(p, h, subkeys_list(p, t));
}

/* `,"name":"…"`, or `,"name_b64":"…"` for what is not UTF-8. */
static void add_field(struct buffer *to, const char *name, struct slice value)
{
    size_t start = to->len;
    buffer_printf(to, ",\"%s\":", name);
    if (json_add_string(to, value, SIZE_MAX, NULL)) return;
    to->len = start;
    buffer_printf(to, ",\"%s_b64\":", name);
    json_add_base64(to, value, SIZE_MAX, NULL);
}

static void add_effect(struct buffer *to, const struct effect *e, size_t max)
{
    size_t start = to->len;
    bool cut = false;
    buffer_add_slice(to, SLICE(",\"effect\":"));
    if (!effect_to_json(to, e, max, &cut)) {
        to->len = start;
        cut = false;
        buffer_add_slice(to, SLICE(",\"effect_b64\":"));
        effect_to_json_b64(to, e, max, &cut);
    }
    if (cut) buffer_add_slice(to, SLICE(",\"cut\":true"));
}

static void tell_keychange(struct pubsub *p, struct telling *t)
{
    const struct note *n = t->note;
    const struct record *r = t->record;
    struct hearers h = hearers_by_key(p, t, FAMILY_KEYCHANGE);
    if (!h.len) return;
    struct buffer *to = &p->payload;
    to->len = 0;
    buffer_printf(to, "{\"id\":\"%lld-%llu\"", (long long)t->id.ms, (unsigned long long)t->id.n);
    add_field(to, "event", t->event);
    add_field(to, "key", n->key);
    buffer_printf(to, ",\"db\":%d", n->db);
    add_field(to, "cmd", r->cause);
    buffer_printf(to, ",\"client\":%llu", (unsigned long long)r->client);
    if (n->effect >= 0) add_effect(to, &r->effects[n->effect], p->keychange_max);
    buffer_add_byte(to, '}');
    deliver(p, h, buffer_slice(to));
}

/* Events of whole databases are for the journal; Redis says nothing of them, nor do we. */
static bool is_told_live(enum event_name event)
{
    return event != EVENT_FLUSHDB && event != EVENT_SWAPDB && event != EVENT_LOADED;
}

static void tell(struct pubsub *p, struct telling *t)
{
    const struct note *n = t->note;
    uint32_t flags = t->flags;
    if (!(flags & 1u << event_class(n->event)) || !is_told_live(n->event)) return;
    t->event = event_text(n->event);
    if (flags & NOTIFY_KEYSPACE) tell_keyspace(p, t);
    if (flags & NOTIFY_KEYEVENT) tell_keyevent(p, t);
    if (n->subkeys_count) {
        if (flags & NOTIFY_SUBKEYSPACE) tell_subkeyspace(p, t);
        if (flags & NOTIFY_SUBKEYEVENT) tell_subkeyevent(p, t);
        if (flags & NOTIFY_SUBKEYSPACEITEM) tell_subkeyspaceitem(p, t);
        if (flags & NOTIFY_SUBKEYSPACEEVENT) tell_subkeyspaceevent(p, t);
    }
    if ((flags & NOTIFY_KEYCHANGE) && n->kind == NOTE_EVENT) tell_keychange(p, t);
}

void pubsub_announce(struct pubsub *p, const struct record *r)
{
    if (!p->subscriptions.count) return;
    struct telling t = {.record = r, .id = r->id};
    for (uint32_t i = 0; i < r->notes_count; i++) {
        const struct note *n = &r->notes[i];
        t.note = n;
        t.flags = n->notify;
        t.subkeys_listed = false;
        p->telling = n->kind == NOTE_EVENT ? r->seq : 0;
        switch (n->kind) {
        case NOTE_EVENT:
            tell(p, &t);
            t.id.n++;
            break;
        case NOTE_LIVE: tell(p, &t); break;
        case NOTE_PUBLISH:
        case NOTE_SPUBLISH: pubsub_publish(p, n->key, n->payload, n->kind == NOTE_SPUBLISH); break;
        }
    }
    p->telling = 0;
}

void pubsub_retell(struct pubsub *p, const struct record *r, struct subscriber *who,
                   uint32_t notify)
{
    if (!who->subscriptions) return;
    struct telling t = {.record = r, .id = r->id, .flags = notify};
    p->only = who;
    p->telling = r->seq;
    for (uint32_t i = 0; i < r->notes_count; i++) {
        if (r->notes[i].kind != NOTE_EVENT) continue;
        t.note = &r->notes[i];
        t.subkeys_listed = false;
        tell(p, &t);
        t.id.n++;
    }
    p->telling = 0;
    p->only = NULL;
}
