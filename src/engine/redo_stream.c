/* Effects on streams that are stored. Their words:
 *
 *      XADD        id, field, value …
 *      XDEL        id …                     in groups too (DELREF): DELREF, id …
 *      XTRIM       MAXLEN, how many; or MINID, id;         DELREF behind it, likewise
 *      XSETID      last id, entries added, largest id deleted
 *      XGROUP      CREATE, group, id, entries read         makes the stream too
 *                  SETID, group, id, entries read
 *                  DESTROY, group
 *                  CREATECONSUMER, group, consumer, unix ms
 *                  DELCONSUMER, group, consumer
 *      XREADGROUP  group, code: who acts and when (value/crew.h), then a number: STREAM_GIVES and
 *                  such in its two lowest bits, above them how many entries. STREAM_GIVES_AGAIN is
 *                  followed by what crew_redo_redeliver takes
 *      XACK        group, code: what crew_redo_ack takes
 *      XCLAIM      group, code: who acts and when, then what crew_redo_claim takes
 *
 * Of the last three nothing is told but in journals, so that they are short and not for people. */
#include "../base/text.h"
#include "../value/stream.h"
#include "internal.h"

static const char *const senseless = "the words of a change of a stream make no sense";

/* The words that are left. */
struct words {
    const struct slice *at;
    size_t left;
};

static struct slice word(struct words *w)
{
    if (!w->left) return SLICE("");
    w->left--;
    return *w->at++;
}

static bool word_is(struct words *w, const char *text)
{
    if (!w->left || !slice_is(*w->at, text)) return false;
    word(w);
    return true;
}

static bool word_id(struct words *w, struct event_id *id)
{
    return w->left && id_from_text(word(w), 0, id);
}

static bool word_int(struct words *w, int64_t min, int64_t *n)
{
    return w->left && text_to_int(word(w), n) && *n >= min;
}

static const char *redo_add(struct stream *s, struct words w, const struct value_config *config)
{
    struct event_id id;
    if (!word_id(&w, &id) || !w.left || w.left % 2) return senseless;
    if (id_compare(id, s->last) <= 0) return "an entry is to be added before the end of a stream";
    return stream_add(s, id, w.at, w.left, config) ? "an entry is too large" : NULL;
}

static const char *redo_delete(struct stream *s, struct words w)
{
    struct event_id id;
    bool refs = word_is(&w, "DELREF");
    while (w.left) {
        if (!word_id(&w, &id)) return senseless;
        bool found = stream_delete(s, id);
        if (refs) found |= stream_drop_refs(s, id) > 0;
        if (!found) return "the entry to be deleted is not there";
    }
    return NULL;
}

static const char *redo_trim(struct stream *s, struct words w)
{
    struct stream_trim t = {0};
    int64_t len;
    t.by_id = word_is(&w, "MINID");
    if (!t.by_id && !word_is(&w, "MAXLEN")) return senseless;
    if (t.by_id ? !word_id(&w, &t.min_id) : !word_int(&w, 0, &len)) return senseless;
    if (!t.by_id) t.max_len = (uint64_t)len;
    t.refs = word_is(&w, "DELREF") ? REFS_DELETE : REFS_KEEP;
    if (w.left) return senseless;
    return stream_trim(s, &t, NULL) ? NULL : "there is nothing to be trimmed";
}

static const char *redo_set_id(struct stream *s, struct words w)
{
    struct event_id last, max_deleted;
    int64_t added;
    if (!word_id(&w, &last) || !word_int(&w, 0, &added) || !word_id(&w, &max_deleted) || w.left)
        return senseless;
    if (id_compare(last, stream_last_entry(s)) < 0) return "a stream is to end before its end";
    stream_set_id(s, last, (uint64_t)added, max_deleted);
    return NULL;
}

/* ---- groups ---- */

static const char *redo_group_at(struct stream *s, struct words w, struct slice name, bool create)
{
    struct event_id last;
    int64_t read;
    struct stream_group *g = stream_find_group(s, name);
    if (!word_id(&w, &last) || !word_int(&w, -1, &read) || w.left) return senseless;
    if (create) return stream_add_group(s, name, last, read) ? NULL : "the group is there already";
    if (!g) return "there is no such group";
    g->last = last;
    g->entries_read = read;
    return NULL;
}

static const char *redo_consumer(struct crew *crew, struct words w, bool create)
{
    int64_t seen_ms = 0;
    struct slice name;
    if (!w.left) return senseless;
    name = word(&w);
    if ((create && !word_int(&w, INT64_MIN, &seen_ms)) || w.left) return senseless;
    struct consumer *c = crew_consumer(crew, name);
    if (create == (c != NULL)) return "a consumer is there, or is not";
    if (!create) {
        crew_erase(crew, c);
    } else {
        if (crew_consumers(crew) >= STREAM_CONSUMERS_MAX) return "there are too many consumers";
        crew_seen(crew_insert(crew, crew_free_number(crew), name), seen_ms);
    }
    return NULL;
}

static const char *redo_group(struct stream *s, struct words w)
{
    struct slice what = word(&w), name;
    if (!w.left) return senseless;
    name = word(&w);
    if (slice_is(what, "CREATE")) return redo_group_at(s, w, name, true);
    if (slice_is(what, "SETID")) return redo_group_at(s, w, name, false);
    struct stream_group *g = stream_find_group(s, name);
    if (!g) return "there is no such group";
    if (slice_is(what, "CREATECONSUMER")) return redo_consumer(&g->crew, w, true);
    if (slice_is(what, "DELCONSUMER")) return redo_consumer(&g->crew, w, false);
    if (!slice_is(what, "DESTROY") || w.left) return senseless;
    stream_erase_group(s, g);
    return NULL;
}

static bool redo_read(struct stream *s, struct stream_group *g, struct slice code)
{
    uint64_t head;
    struct consumer *c = crew_redo_acting(&g->crew, &code);
    if (!c || !code_get(&code, &head)) return false;
    enum stream_gives gives = (enum stream_gives)(head & STREAM_GIVES_MASK);
    uint64_t count = head >> STREAM_GIVES_BITS;
    if (gives == STREAM_GIVES_AGAIN) return crew_redo_redeliver(&g->crew, c, code);
    if (gives > STREAM_GIVES_AGAIN || code.len || count > s->length) return false;
    bool forgotten = gives == STREAM_GIVES_AWAY;
    return stream_deliver(s, g, c, count, forgotten, NULL, NULL) == count;
}

static bool redo_code(struct stream *s, struct stream_group *g, enum effect_verb verb,
                      struct slice code)
{
    if (verb == EFFECT_XREADGROUP) return redo_read(s, g, code);
    if (verb == EFFECT_XACK) return crew_redo_ack(&g->crew, code);
    struct consumer *c = crew_redo_acting(&g->crew, &code);
    return c && crew_redo_claim(&g->crew, c, code, SIZE_MAX);
}

static const char *redo_reading(struct stream *s, const struct effect *f)
{
    if (f->words_count != 2) return senseless;
    struct stream_group *g = stream_find_group(s, f->words[0]);
    if (!g) return "there is no such group";
    bool done = redo_code(s, g, f->verb, f->words[1]);
    crew_settle(&g->crew);
    return done ? NULL : "what a group has done is impossible";
}

const char *redo_stream(struct value *v, const struct effect *f, const struct value_config *config)
{
    struct words w = {f->words, f->words_count};
    bool creates = f->verb == EFFECT_XADD ||
                   (f->verb == EFFECT_XGROUP && w.left && slice_is(w.at[0], "CREATE"));
    if (!v->at && !creates) return "the stream to be changed is not there";
    if (!v->at) *v = stream_new(config);
    struct stream *s = stream_of(v);
    switch (f->verb) {
    case EFFECT_XADD: return redo_add(s, w, config);
    case EFFECT_XDEL: return redo_delete(s, w);
    case EFFECT_XTRIM: return redo_trim(s, w);
    case EFFECT_XSETID: return redo_set_id(s, w);
    case EFFECT_XGROUP: return redo_group(s, w);
    default: return redo_reading(s, f);
    }
}
