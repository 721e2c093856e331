/* Entries: an event as the reply that XREAD and XRANGE make of it. */
#include "../base/text.h"
#include "../resp/write.h"
#include "internal.h"

void entry_list_fini(struct entry_list *list)
{
    mem_free(list->at, list->cap * sizeof *list->at);
    buffer_fini(&list->bytes);
    *list = (struct entry_list){0};
}

static struct view_entry *new_entry(struct entry_list *list)
{
    if (list->count == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 8;
        list->at = mem_resize(list->at, list->cap * sizeof *list->at, cap * sizeof *list->at);
        list->cap = cap;
    }
    return &list->at[list->count++];
}

static void put_id(struct resp_writer *w, struct event_id id)
{
    char text[ID_TEXT_MAX];
    resp_bulk(w, slice_of(text, id_to_text(text, id)));
}

static void put_field(struct resp_writer *w, const char *name, struct slice value)
{
    resp_bulk_text(w, name);
    resp_bulk(w, value);
}

/* The effect as in the message of the live channel; `json` gets its text. */
static const char *effect_json(struct buffer *json, const struct effect *e, size_t max, bool *cut)
{
    *cut = false;
    json->len = 0;
    if (effect_to_json(json, e, max, cut)) return "effect";
    json->len = 0;
    *cut = false;
    effect_to_json_b64(json, e, max, cut);
    return "effect_b64";
}

void entry_add(struct entry_list *list, struct bench *b, const struct view_question *q,
               const struct record *r, const struct note *n, struct event_id id)
{
    struct resp_writer w = {.out = &list->bytes, .proto = 2};
    bool change = q->name.family == VIEW_KEYCHANGE, effect = change && n->effect >= 0, cut = false;
    size_t at = list->bytes.len, fields = change ? 5 : 3;
    const char *name = NULL;
    if (effect) name = effect_json(&b->json, &r->effects[n->effect], q->keychange_bytes_max, &cut);
    resp_array(&w, 2);
    put_id(&w, id);
    resp_array(&w, 2 * (fields + effect + cut));
    put_field(&w, "event", event_text(n->event));
    put_field(&w, "key", n->key);
    resp_bulk_text(&w, "db");
    resp_bulk_int(&w, n->db);
    if (change) {
        char digits[TEXT_INT_MAX];
        put_field(&w, "cmd", r->cause);
        put_field(&w, "client", slice_of(digits, text_from_uint(digits, r->client)));
        if (effect) put_field(&w, name, buffer_slice(&b->json));
        if (cut) put_field(&w, "cut", SLICE("true"));
    }
    *new_entry(list) = (struct view_entry){id, r->seq, at, list->bytes.len - at};
}

void entry_add_record(struct entry_list *list, uint64_t seq, struct slice record)
{
    size_t at = list->bytes.len;
    buffer_add_slice(&list->bytes, record);
    *new_entry(list) = (struct view_entry){.seq = seq, .at = at, .len = record.len};
}

void entry_add_gap(struct entry_list *list, struct event_id from, struct event_id to)
{
    struct resp_writer w = {.out = &list->bytes, .proto = 2};
    size_t at = list->bytes.len;
    resp_array(&w, 2);
    put_id(&w, to);
    resp_array(&w, 6);
    put_field(&w, "event", SLICE("gap"));
    resp_bulk_text(&w, "from");
    put_id(&w, from);
    resp_bulk_text(&w, "to");
    put_id(&w, to);
    *new_entry(list) = (struct view_entry){to, 0, at, list->bytes.len - at};
}

void entry_add_reversed(struct entry_list *list, const struct entry_list *other, size_t count)
{
    for (size_t i = other->count; count-- > 0; i--) {
        struct view_entry e = other->at[i - 1];
        size_t at = list->bytes.len;
        buffer_add(&list->bytes, other->bytes.at + e.at, e.len);
        e.at = at;
        *new_entry(list) = e;
    }
}

void entry_keep_last(struct entry_list *list, size_t count)
{
    if (count >= list->count) return;
    size_t drop = list->count - count, bytes = count ? list->at[drop].at : list->bytes.len;
    buffer_drop_front(&list->bytes, bytes);
    memmove(list->at, list->at + drop, count * sizeof *list->at);
    list->count = count;
    for (size_t i = 0; i < count; i++) list->at[i].at -= bytes;
}
