#include "stream_door.h"

#include "../base/assert.h"
#include "../base/text.h"

/* ---- in and out ---- */

void door_enter(struct call *c, struct group_door *d, struct stream_group *g)
{
    d->call = c;
    d->of_view = NULL;
    d->of_stream = g;
    d->crew = &g->crew;
}

bool door_open(struct call *c, struct group_door *d, struct slice key, struct slice group,
               enum group_words words)
{
    enum stream_kind kind = stream_kind(c, key, NULL);
    *d = (struct group_door){.call = c};
    if (kind == STREAM_WRONG) return false;
    if (kind == STREAM_VIEW) {
        d->of_view = stream_group(c, key, group, words);
        if (d->of_view) d->crew = &d->of_view->crew;
        return d->of_view;
    }
    if (kind == STREAM_STORED && gate_open(c->engine, &d->key, c->db, key)) {
        d->stream = stream_of(opened_value(&d->key));
        struct stream_group *g = stream_find_group(d->stream, group);
        if (g) {
            door_enter(c, d, g);
            return true;
        }
        gate_close_unchanged(&d->key);
    }
    stream_no_group(c, key, group, words);
    return false;
}

void door_close(struct group_door *d)
{
    crew_settle(d->crew);
    if (d->of_view) return;
    if (d->key.changed)
        gate_close_unheard(&d->key, "groups are no part of the data that WATCH is about");
    else
        gate_close_unchanged(&d->key);
}

/* ---- effects on a stream ---- */

void door_did(struct group_door *d, enum effect_verb verb, const struct buffer *code)
{
    struct engine *e = d->call->engine;
    struct slice *words = engine_words(e, 2);
    words[0] = engine_keep(e, d->of_stream->name);
    words[1] = engine_keep(e, buffer_slice(code));
    opened_did(&d->key, verb, words, 2);
}

static struct consumer *add_consumer(struct group_door *d, struct slice name)
{
    struct engine *e = d->call->engine;
    struct slice *words = engine_words(e, 4);
    if (crew_consumers(d->crew) >= STREAM_CONSUMERS_MAX) {
        stream_group_limit(d->call, "the group has too many consumers", STREAM_CONSUMERS_MAX);
        return NULL;
    }
    struct consumer *c = crew_insert(d->crew, crew_free_number(d->crew), name);
    crew_seen(c, engine_now(e));
    words[0] = SLICE("CREATECONSUMER");
    words[1] = engine_keep(e, d->of_stream->name);
    words[2] = engine_keep(e, name);
    words[3] = engine_keep_int(e, engine_now(e));
    opened_did(&d->key, EFFECT_XGROUP, words, 4);
    opened_note(&d->key, EVENT_XGROUP_CREATECONSUMER, NULL, 0);
    return c;
}

/* ---- changes ---- */

struct consumer *door_consumer(struct group_door *d, struct slice name)
{
    struct call *c = d->call;
    struct consumer *found = crew_consumer(d->crew, name);
    if (found) return found;
    if (d->of_stream) return add_consumer(d, name);
    if (name.len > GROUP_NAME_MAX)
        stream_group_limit(c, "the name of the consumer is too long", GROUP_NAME_MAX);
    else if (group_add_consumer(c->streams->groups, d->of_view, name, &found))
        stream_group_limit(c, "the group has too many consumers", GROUP_CONSUMERS_MAX);
    return found;
}

struct event_id door_last(const struct group_door *d)
{
    return d->of_view ? d->of_view->position.last : d->of_stream->last;
}

void door_set_last(struct group_door *d, struct event_id last)
{
    struct engine *e = d->call->engine;
    if (d->of_view) {
        struct group_position position = d->of_view->position;
        position.last = view_id(last);
        group_set_position(d->call->streams->groups, d->of_view, position);
        return;
    }
    struct slice *words = engine_words(e, 4);
    d->of_stream->last = last;
    words[0] = SLICE("SETID");
    words[1] = engine_keep(e, d->of_stream->name);
    words[2] = stream_keep_id(d->call, last);
    words[3] = engine_keep_int(e, d->of_stream->entries_read);
    opened_did(&d->key, EFFECT_XGROUP, words, 4);
}

size_t door_ack(struct group_door *d, struct event_id *ids, size_t count)
{
    if (d->of_view) return group_ack(d->call->streams->groups, d->of_view, ids, count);
    struct buffer code = {0};
    count = crew_pending_among(d->crew, ids, count);
    if (!count) return 0;
    crew_code_ack(&code, d->crew, ids, count);
    bool done = crew_redo_ack(d->crew, buffer_slice(&code));
    CHECK(done);
    door_did(d, EFFECT_XACK, &code);
    buffer_fini(&code);
    return count;
}

bool door_claim(struct group_door *d, struct consumer *to, const struct pending_entry *entries,
                size_t count)
{
    struct buffer code = {0};
    int64_t now = engine_now(d->call->engine);
    if (d->of_view) {
        if (!group_claim(d->call->streams->groups, d->of_view, to, entries, count)) return true;
        stream_group_limit(d->call, "the group has too many entries pending", GROUP_PENDING_MAX);
        return false;
    }
    if (!count) return true;
    crew_code_acting(&code, d->crew, to->number, now);
    d->crew->time_ms = now;
    size_t head = code.len;
    crew_code_claim(&code, to->number, now, entries, count);
    bool done = crew_redo_claim(d->crew, to, slice_from(buffer_slice(&code), head), SIZE_MAX);
    CHECK(done);
    door_did(d, EFFECT_XCLAIM, &code);
    buffer_fini(&code);
    return true;
}

void door_redeliver(struct group_door *d, struct consumer *to, const struct event_id *ids,
                    size_t count)
{
    struct buffer code = {0};
    int64_t now = engine_now(d->call->engine);
    if (!count) return;
    if (d->of_view) {
        group_redeliver(d->call->streams->groups, d->of_view, to, ids, count);
        return;
    }
    crew_code_acting(&code, d->crew, to->number, now);
    code_put(&code, STREAM_GIVES_AGAIN);
    d->crew->time_ms = now;
    size_t head = code.len;
    crew_code_redeliver(&code, ids, count);
    bool done = crew_redo_redeliver(d->crew, to, slice_from(buffer_slice(&code), head));
    CHECK(done);
    door_did(d, EFFECT_XREADGROUP, &code);
    opened_is_counted(&d->key);
    buffer_fini(&code);
}
