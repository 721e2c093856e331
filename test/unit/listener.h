/* Subscribers for tests that write down what they are told, and a plain model of who must be told
 * what. All entries of one log are in the order in which they were delivered. */
#ifndef HARK_TEST_LISTENER_H
#define HARK_TEST_LISTENER_H

#include "../../src/base/buffer.h"
#include "../../src/base/glob.h"
#include "../../src/pubsub/pubsub.h"

struct listener {
    struct subscriber base; /* first: a listener is its subscriber */
    int number;
    struct buffer *log; /* gets "<number>: " and the message, per delivery */
    size_t heard;
    struct span last;
};

static inline void listener_hear(struct subscriber *to, struct span message)
{
    struct listener *l = (struct listener *)to;
    buffer_printf(l->log, "%d: ", l->number);
    buffer_add(l->log, message.block->bytes + message.from, message.len);
    l->heard++;
    l->last = message;
}

static inline void listener_init(struct listener *l, int number, int proto, struct buffer *log)
{
    *l = (struct listener){.number = number, .log = log};
    l->base.deliver = listener_hear;
    l->base.proto = proto;
}

/* The model: every subscription in a list, in order; feeds by the time of their creation. */
enum { MODEL_MAX = 4096, MODEL_NAME_MAX = 256 };

struct model {
    struct model_entry {
        struct listener *who;
        enum pubsub_kind kind;
        size_t len;
        char name[MODEL_NAME_MAX];
        uint64_t feed; /* rises with the creation of the name */
    } at[MODEL_MAX];
    size_t len;
    uint64_t feeds;
};

static inline struct slice model_name(const struct model_entry *e)
{
    return slice_of(e->name, e->len);
}

static inline struct model_entry *model_find(struct model *m, const struct listener *who,
                                             enum pubsub_kind kind, struct slice name)
{
    for (size_t i = 0; i < m->len; i++) {
        struct model_entry *e = &m->at[i];
        if ((!who || e->who == who) && e->kind == kind && slice_equal(model_name(e), name))
            return e;
    }
    return NULL;
}

static inline void model_add(struct model *m, struct listener *who, enum pubsub_kind kind,
                             struct slice name)
{
    struct model_entry *same = model_find(m, NULL, kind, name);
    struct model_entry *e = &m->at[m->len++];
    *e = (struct model_entry){who, kind, name.len, {0}, same ? same->feed : m->feeds++};
    if (name.len) memcpy(e->name, name.at, name.len);
}

static inline void model_remove(struct model *m, struct model_entry *e)
{
    memmove(e, e + 1, (size_t)(m->at + --m->len - e) * sizeof *e);
}

static inline void model_bulk(struct buffer *to, struct slice s)
{
    buffer_printf(to, "$%zu\r\n", s.len);
    buffer_add_slice(to, s);
    buffer_add_slice(to, SLICE("\r\n"));
}

static inline void model_tell(struct buffer *log, const struct model_entry *e, struct slice channel,
                              struct slice payload)
{
    buffer_printf(log, "%d: %c%d\r\n", e->who->number, e->who->base.proto == 3 ? '>' : '*',
                  e->kind == PUBSUB_PATTERN ? 4 : 3);
    model_bulk(log, e->kind == PUBSUB_SHARD     ? SLICE("smessage")
                    : e->kind == PUBSUB_PATTERN ? SLICE("pmessage")
                                                : SLICE("message"));
    if (e->kind == PUBSUB_PATTERN) model_bulk(log, model_name(e));
    model_bulk(log, channel);
    model_bulk(log, payload);
}

/* Writes what must be delivered; returns how many messages that is. */
static inline size_t model_publish(struct model *m, struct buffer *log, struct slice channel,
                                   struct slice payload, bool sharded)
{
    size_t n = 0;
    for (size_t i = 0; i < m->len; i++) {
        struct model_entry *e = &m->at[i];
        if (e->kind != (sharded ? PUBSUB_SHARD : PUBSUB_CHANNEL)) continue;
        if (!slice_equal(model_name(e), channel)) continue;
        model_tell(log, e, channel, payload);
        n++;
    }
    if (sharded) return n;
    for (uint64_t feed = 0; feed < m->feeds; feed++) {
        bool match = false, known = false;
        for (size_t i = 0; i < m->len; i++) {
            struct model_entry *e = &m->at[i];
            if (e->feed != feed || e->kind != PUBSUB_PATTERN) continue;
            if (!known) match = glob_match(model_name(e), channel, false);
            known = true;
            if (!match) break;
            model_tell(log, e, channel, payload);
            n++;
        }
    }
    return n;
}

#endif
