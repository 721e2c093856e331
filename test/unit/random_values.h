/* Values of all types at random, made by the functions that commands use. */
#ifndef HARK_TEST_RANDOM_VALUES_H
#define HARK_TEST_RANDOM_VALUES_H

#include "../../src/base/random.h"
#include "../../src/base/text.h"
#include "../../src/value/fields.h"
#include "../../src/value/list.h"
#include "../../src/value/set.h"
#include "../../src/value/stream.h"
#include "../../src/value/zset.h"

#include <stdio.h>

enum { RANDOM_TEXT_MAX = 9000 };

/* A text or an integer, in `to`. */
static inline struct slice random_text(struct random *r, char to[RANDOM_TEXT_MAX])
{
    static const size_t lengths[] = {0, 1, 5, 20, 21, 63, 64, 65, 200};
    if (random_below(r, 3) == 0) {
        unsigned bits = (unsigned)random_below(r, 64);
        int64_t n = (int64_t)(random_u64(r) >> bits);
        return slice_of(to, text_from_int(to, random_below(r, 2) ? n : -n));
    }
    size_t len = lengths[random_below(r, sizeof lengths / sizeof *lengths)];
    if (random_below(r, 300) == 0) len = RANDOM_TEXT_MAX;
    unsigned variety = 1u << random_below(r, 9);
    for (size_t i = 0; i < len; i++) to[i] = (char)random_below(r, variety);
    return slice_of(to, len);
}

static inline void random_consumer(struct random *r, struct stream *s, struct stream_group *g,
                                   const char *name)
{
    struct consumer *who = crew_consumer(&g->crew, slice_text(name));
    if (!who) who = crew_insert(&g->crew, crew_free_number(&g->crew), slice_text(name));
    crew_seen(who, (int64_t)random_below(r, 1u << 30));
    g->crew.time_ms = (int64_t)random_below(r, 1u << 30);
    stream_deliver(s, g, who, random_below(r, 20), random_below(r, 5) == 0, NULL, NULL);
}

static inline struct value random_stream(struct random *r, size_t count,
                                         const struct value_config *config)
{
    static char bytes[8][RANDOM_TEXT_MAX];
    static const char *const names[] = {"a", "worker", "b", "another worker"};
    struct value v = stream_new(config);
    struct stream *s = stream_of(&v);
    struct event_id id = {random_below(r, 1000) + 1, 0};
    while (count--) {
        struct slice words[8];
        size_t n = 2 * (1 + random_below(r, 4));
        for (size_t i = 0; i < n; i++) words[i] = random_text(r, bytes[i]);
        if (random_below(r, 3)) words[0] = SLICE("the same"), n = 2;
        id.ms += random_below(r, 3);
        id.n = random_below(r, 2) ? id.n + 1 : (uint64_t)1 << random_below(r, 64);
        if (id_compare(id, s->last) > 0) stream_add(s, id, words, n, config);
        if (random_below(r, 10) == 0) stream_delete(s, s->last);
    }
    if (random_below(r, 2)) return v;
    struct stream_group *g = stream_add_group(s, SLICE("group"), (struct event_id){0, 0}, 0);
    stream_add_group(s, SLICE(""), s->last, -1);
    for (unsigned i = 0; i < 4; i++) random_consumer(r, s, g, names[i]);
    stream_settle(s);
    return v;
}

/* About `count` elements, never none but for streams. */
static inline struct value random_value(struct random *r, enum value_type type, size_t count,
                                        const struct value_config *config)
{
    static char bytes[2][RANDOM_TEXT_MAX];
    if (type == TYPE_STREAM) return random_stream(r, count, config);
    struct value v = type == TYPE_LIST   ? list_new()
                     : type == TYPE_SET  ? set_new()
                     : type == TYPE_ZSET ? zset_new()
                                         : fields_new();
    bool ints = random_below(r, 3) == 0, timed = random_below(r, 2);
    do {
        struct slice text = random_text(r, bytes[0]), second = random_text(r, bytes[1]);
        if (ints)
            text = slice_of(bytes[0], text_from_int(bytes[0], (int64_t)random_below(r, 5000)));
        double score = random_below(r, 4) ? (double)random_below(r, 100) / 8 : 0.1;
        switch (type) {
        case TYPE_LIST: list_push(&v, LIST_RIGHT, &text, 1, config); break;
        case TYPE_SET: set_add(&v, text, config); break;
        case TYPE_ZSET: zset_add(&v, score, text, config); break;
        default:
            fields_set(&v, text, second, false, config);
            if (timed && random_below(r, 2))
                fields_set_deadline(&v, text, (int64_t)random_below(r, 1u << 30) + 1);
        }
    } while (count-- > 1);
    return v;
}

static inline void value_check(const struct value *v, const struct value_config *config)
{
    switch (v->type) {
    case TYPE_SET: set_check(v); break;
    case TYPE_ZSET: zset_check(v, config); break;
    case TYPE_HASH: fields_check(v); break;
    case TYPE_STREAM: stream_check(stream_of(v)); break;
    default: break;
    }
}

#endif
