/* Messages. One that a caller owns is a single block:
 *
 *     allocator │ struct hark_message │ fields … │ the bytes of every text, each with its NUL */
#include "pubsub.h"

struct owned {
    struct hark_allocator memory;
    struct hark_message message;
};

static const char *const names[] = {
    [HARK_M_SUBSCRIBE] = "subscribe",
    [HARK_M_UNSUBSCRIBE] = "unsubscribe",
    [HARK_M_PSUBSCRIBE] = "psubscribe",
    [HARK_M_PUNSUBSCRIBE] = "punsubscribe",
    [HARK_M_SSUBSCRIBE] = "ssubscribe",
    [HARK_M_SUNSUBSCRIBE] = "sunsubscribe",
    [HARK_M_MESSAGE] = "message",
    [HARK_M_PMESSAGE] = "pmessage",
    [HARK_M_SMESSAGE] = "smessage",
    [HARK_M_RESUMED] = "resumed",
    [HARK_M_GAP] = "gap",
};

const char *hark_message_type_text(enum hark_message_type type)
{
    bool known = type >= HARK_M_SUBSCRIBE && type <= HARK_M_GAP;
    return known ? names[type] : "unknown";
}

static struct hark_text keep(char **at, struct hark_text t)
{
    if (!t.at) return t;
    char *start = *at;
    if (t.len) memcpy(start, t.at, t.len);
    start[t.len] = '\0';
    *at += t.len + 1;
    return (struct hark_text){start, t.len};
}

struct hark_message *hark_message_copy(const struct hark_allocator *m,
                                       const struct hark_message *from)
{
    size_t fields_bytes = from->fields_count * sizeof *from->fields;
    size_t size = sizeof(struct owned) + fields_bytes + from->channel.len + from->pattern.len +
                  from->data.len + from->from.len + from->to.len + from->id.len + 6;
    for (size_t i = 0; i < from->fields_count; i++) size += from->fields[i].len + 1;
    struct owned *o = hark_alloc(m, size);
    if (!o) return NULL;
    *o = (struct owned){*m, *from};
    struct hark_text *fields = (struct hark_text *)(o + 1);
    char *at = (char *)fields + fields_bytes;
    struct hark_text *const texts[] = {&o->message.channel, &o->message.pattern, &o->message.data,
                                       &o->message.from,    &o->message.to,      &o->message.id};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) *texts[i] = keep(&at, *texts[i]);
    for (size_t i = 0; i < from->fields_count; i++) fields[i] = keep(&at, from->fields[i]);
    o->message.fields = from->fields_count ? fields : NULL;
    return &o->message;
}

void hark_message_free(struct hark_message *message)
{
    if (!message) return;
    struct owned *o = (struct owned *)((char *)message - offsetof(struct owned, message));
    struct hark_allocator m = o->memory;
    hark_release(&m, o);
}
