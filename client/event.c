/* What a message says about an event. Everything is read twice: to count, and then into one block:
 *
 *     allocator │ struct hark_event │ subkeys or words of the effect │ bytes, each text with a NUL
 */
#include "json.h"
#include "pubsub.h"

#include <stdlib.h>

struct owned {
    struct hark_allocator memory;
    struct hark_event event;
};

struct reading {
    struct hark_event *event;
    struct hark_text *texts; /* NULL while counting */
    char *bytes;             /* NULL while counting */
    size_t texts_len, bytes_len;
    bool bad;
};

/* Keeps a text that stands somewhere as it is. */
static struct hark_text keep(struct reading *r, struct hark_text t)
{
    char *to = r->bytes ? r->bytes + r->bytes_len : NULL;
    if (to && t.len) memcpy(to, t.at, t.len);
    if (to) to[t.len] = '\0';
    r->bytes_len += t.len + 1;
    return (struct hark_text){to, t.len};
}

/* Keeps a string of JSON. */
static struct hark_text keep_json(struct reading *r, struct json *j, bool base64)
{
    char *to = r->bytes ? r->bytes + r->bytes_len : NULL;
    size_t len = base64 ? hark_json_base64(j, to) : hark_json_string(j, to);
    if (to) to[len] = '\0';
    r->bytes_len += len + 1;
    return (struct hark_text){to, len};
}

static void add_text(struct reading *r, struct hark_text t)
{
    if (r->texts) r->texts[r->texts_len] = t;
    r->texts_len++;
}

/* ---- subkeys ---- */

/* "<length>:<bytes>" off the front; false when it is not that. */
static bool take_sized(struct hark_text *from, struct hark_text *out)
{
    size_t len = 0, i = 0;
    for (; i < from->len && from->at[i] >= '0' && from->at[i] <= '9'; i++) {
        len = len * 10 + (size_t)(from->at[i] - '0');
        if (len > from->len) return false;
    }
    if (i == 0 || i == from->len || from->at[i] != ':' || from->len - i - 1 < len) return false;
    *out = (struct hark_text){from->at + i + 1, len};
    *from = (struct hark_text){out->at + len, from->len - i - 1 - len};
    return true;
}

static bool take_char(struct hark_text *from, char c)
{
    if (!from->len || from->at[0] != c) return false;
    *from = (struct hark_text){from->at + 1, from->len - 1};
    return true;
}

static void read_subkeys(struct reading *r, struct hark_text list)
{
    struct hark_text subkey;
    do {
        if (!take_sized(&list, &subkey)) {
            r->bad = true;
            return;
        }
        add_text(r, keep(r, subkey));
    } while (take_char(&list, ','));
    r->bad |= list.len != 0;
}

/* <event>|<subkeys> */
static void read_event_and_subkeys(struct reading *r, struct hark_text data)
{
    const char *bar = data.len ? memchr(data.at, '|', data.len) : NULL;
    if (!bar) {
        r->bad = true;
        return;
    }
    size_t len = (size_t)(bar - data.at);
    r->event->event = keep(r, (struct hark_text){data.at, len});
    read_subkeys(r, (struct hark_text){bar + 1, data.len - len - 1});
}

/* <length>:<key>|<subkeys> */
static void read_key_and_subkeys(struct reading *r, struct hark_text data)
{
    struct hark_text key;
    if (!take_sized(&data, &key) || !take_char(&data, '|')) {
        r->bad = true;
        return;
    }
    r->event->key = keep(r, key);
    read_subkeys(r, data);
}

/* ---- changes ---- */

static void read_effect(struct reading *r, struct json *j, bool base64)
{
    if (!hark_json_is(j, '[')) {
        j->bad = true;
        return;
    }
    if (hark_json_is(j, ']')) return;
    do add_text(r, keep_json(r, j, base64));
    while (hark_json_is(j, ','));
    if (!hark_json_is(j, ']')) j->bad = true;
}

static void read_member(struct reading *r, struct json *j, struct hark_text name)
{
    struct hark_event *e = r->event;
    if (hark_text_is(name, "id"))
        e->id = keep_json(r, j, false);
    else if (hark_text_is(name, "event"))
        e->event = keep_json(r, j, false);
    else if (hark_text_is(name, "key"))
        e->key = keep_json(r, j, false);
    else if (hark_text_is(name, "key_b64"))
        e->key = keep_json(r, j, true);
    else if (hark_text_is(name, "cmd"))
        e->cmd = keep_json(r, j, false);
    else if (hark_text_is(name, "client"))
        e->client = hark_json_number(j);
    else if (hark_text_is(name, "effect"))
        read_effect(r, j, false);
    else if (hark_text_is(name, "effect_b64"))
        read_effect(r, j, true);
    else if (hark_text_is(name, "cut")) {
        hark_json_skip(j);
        e->cut = 1;
    } else {
        hark_json_skip(j);
    }
}

static void read_change(struct reading *r, struct hark_text data)
{
    struct json j = {data.at, data.at + data.len, false};
    if (!hark_json_is(&j, '{')) r->bad = true;
    while (!r->bad && !j.bad) {
        struct hark_text name = hark_json_name(&j);
        if (!hark_json_is(&j, ':')) j.bad = true;
        if (!j.bad) read_member(r, &j, name);
        if (!hark_json_is(&j, ',')) break;
    }
    r->bad |= j.bad || !hark_json_is(&j, '}');
}

/* ---- the whole ---- */

static void read_live(struct reading *r, const struct hark_message *m, const struct hark_channel *c)
{
    struct hark_event *e = r->event;
    if (c->event.at) e->event = keep(r, c->event);
    if (c->key.at && c->family != HARK_F_KEYCHANGE) e->key = keep(r, c->key);
    switch (c->family) {
    case HARK_F_NONE: break;
    case HARK_F_KEYSPACE: e->event = keep(r, m->data); break;
    case HARK_F_KEYEVENT: e->key = keep(r, m->data); break;
    case HARK_F_KEYCHANGE: read_change(r, m->data); break;
    case HARK_F_SUBKEYSPACE: read_event_and_subkeys(r, m->data); break;
    case HARK_F_SUBKEYEVENT: read_key_and_subkeys(r, m->data); break;
    case HARK_F_SUBKEYSPACEITEM:
        e->event = keep(r, m->data);
        add_text(r, keep(r, c->subkey));
        break;
    case HARK_F_SUBKEYSPACEEVENT: read_subkeys(r, m->data); break;
    }
}

static void read_field(struct reading *r, struct hark_text name, struct hark_text value)
{
    struct hark_event *e = r->event;
    struct json j = {value.at, value.at + value.len, false};
    if (hark_text_is(name, "event"))
        e->event = keep(r, value);
    else if (hark_text_is(name, "key"))
        e->key = keep(r, value);
    else if (hark_text_is(name, "db"))
        e->db = atoi(value.at);
    else if (hark_text_is(name, "cmd"))
        e->cmd = keep(r, value);
    else if (hark_text_is(name, "client"))
        e->client = strtoull(value.at, NULL, 10);
    else if (hark_text_is(name, "effect"))
        read_effect(r, &j, false);
    else if (hark_text_is(name, "effect_b64"))
        read_effect(r, &j, true);
    else if (hark_text_is(name, "cut"))
        e->cut = 1;
    r->bad |= j.bad;
}

static void read_durable(struct reading *r, const struct hark_message *m)
{
    r->event->id = keep(r, m->id);
    for (size_t i = 0; i + 1 < m->fields_count; i += 2)
        read_field(r, m->fields[i], m->fields[i + 1]);
}

static void read_all(struct reading *r, const struct hark_message *m, const struct hark_channel *c)
{
    struct hark_event *e = r->event;
    *e = (struct hark_event){.family = c->family, .db = c->db};
    if (m->fields_count)
        read_durable(r, m);
    else
        read_live(r, m, c);
    bool subkeys = c->family >= HARK_F_SUBKEYSPACE;
    if (subkeys) {
        e->subkeys = r->texts;
        e->subkeys_count = r->texts_len;
    } else {
        e->effect = r->texts;
        e->effect_count = r->texts_len;
    }
}

int hark_event_parse(const struct hark_message *m, const struct hark_allocator *allocator,
                     struct hark_event **out)
{
    struct hark_channel c;
    *out = NULL;
    bool event = m->type >= HARK_M_MESSAGE && m->type <= HARK_M_SMESSAGE;
    if (!event || !hark_channel_parse(m->channel.at, m->channel.len, &c)) return HARK_USAGE;
    struct hark_event counted;
    struct reading r = {.event = &counted};
    read_all(&r, m, &c);
    if (r.bad) return HARK_PROTOCOL;

    struct hark_allocator memory = hark_memory(allocator);
    size_t texts = r.texts_len * sizeof *r.texts;
    struct owned *o = hark_alloc(&memory, sizeof *o + texts + r.bytes_len);
    if (!o) return HARK_NO_MEMORY;
    o->memory = memory;
    r = (struct reading){.event = &o->event, .texts = (struct hark_text *)(o + 1)};
    r.bytes = (char *)r.texts + texts;
    read_all(&r, m, &c);
    *out = &o->event;
    return 0;
}

void hark_event_free(struct hark_event *e)
{
    if (!e) return;
    struct owned *o = (struct owned *)((char *)e - offsetof(struct owned, event));
    struct hark_allocator m = o->memory;
    hark_release(&m, o);
}
