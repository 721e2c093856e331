/* A record as a line of JSON. Strings that are not UTF-8 stand in a twin field, `…_b64`. */
#include "check.h"

#include "../src/base/err.h"
#include "../src/record/json.h"

#include <stdio.h>

/* ,"name":"text" */
static void add_text(struct buffer *to, const char *name, struct slice text)
{
    size_t start = to->len;
    buffer_printf(to, ",\"%s\":", name);
    if (json_add_string(to, text, SIZE_MAX, NULL)) return;
    to->len = start;
    buffer_printf(to, ",\"%s_b64\":", name);
    json_add_base64(to, text, SIZE_MAX, NULL);
}

static void add_effect(struct buffer *to, const struct effect *e)
{
    bool cut;
    size_t start = to->len;
    buffer_printf(to, "{\"db\":%d,\"effect\":", e->db);
    if (!effect_to_json(to, e, SIZE_MAX, &cut)) {
        to->len = start;
        buffer_printf(to, "{\"db\":%d,\"effect_b64\":", e->db);
        effect_to_json_b64(to, e, SIZE_MAX, &cut);
    }
    buffer_add_byte(to, '}');
}

static void add_subkeys(struct buffer *to, const struct note *n)
{
    buffer_add_slice(to, SLICE(",\"subkeys\":["));
    for (uint32_t i = 0; i < n->subkeys_count; i++) {
        if (i) buffer_add_byte(to, ',');
        if (json_add_string(to, n->subkeys[i], SIZE_MAX, NULL)) continue;
        buffer_add_slice(to, SLICE("{\"b64\":"));
        json_add_base64(to, n->subkeys[i], SIZE_MAX, NULL);
        buffer_add_byte(to, '}');
    }
    buffer_add_byte(to, ']');
}

static void add_event(struct buffer *to, const struct note *n, struct event_id id)
{
    struct slice event = event_text(n->event);
    buffer_printf(to, "{\"id\":\"%lld-%llu\",\"event\":\"%.*s\",\"db\":%d", (long long)id.ms,
                  (unsigned long long)id.n, (int)event.len, event.at, n->db);
    add_text(to, "key", n->key);
    if (n->subkeys_count) add_subkeys(to, n);
    buffer_add_byte(to, '}');
}

static void add_record(struct buffer *to, const struct record *r)
{
    buffer_printf(to, ",\"ms\":%lld", (long long)r->id.ms);
    add_text(to, "cmd", r->cause);
    buffer_printf(to, ",\"client\":%llu,\"effects\":[", (unsigned long long)r->client);
    for (uint32_t i = 0; i < r->effects_count; i++) {
        if (i) buffer_add_byte(to, ',');
        add_effect(to, &r->effects[i]);
    }
    buffer_add_slice(to, SLICE("],\"events\":["));
    for (uint32_t i = 0; i < r->notes_count; i++) {
        if (i) buffer_add_byte(to, ',');
        add_event(to, &r->notes[i], (struct event_id){r->id.ms, r->id.n + i});
    }
    buffer_add_byte(to, ']');
}

void dump_record(struct dump *d, uint64_t seq, struct slice bytes)
{
    struct record r;
    if (d->failed || seq < d->from || (d->to && seq > d->to)) return;
    d->line.len = 0;
    buffer_printf(&d->line, "{\"seq\":%llu", (unsigned long long)seq);
    int rc = record_decode(bytes, seq, &d->room, &r);
    if (rc == 0) {
        add_record(&d->line, &r);
    } else {
        d->unknown++;
        buffer_printf(&d->line, ",\"error\":\"%s\",\"bytes_b64\":", err_text(rc));
        json_add_base64(&d->line, bytes, SIZE_MAX, NULL);
    }
    buffer_add_slice(&d->line, SLICE("}\n"));
    d->failed = fwrite(d->line.at, 1, d->line.len, stdout) != d->line.len;
}

void dump_fini(struct dump *d)
{
    record_room_fini(&d->room);
    buffer_fini(&d->line);
}
