#include "record.h"

#include "../base/assert.h"
#include "../base/text.h"
#include "json.h"

static const struct slice verbs[EFFECT_COUNT] = {
#define X(code, id, name) [EFFECT_##id] = {name, sizeof(name) - 1},
    EFFECTS(X)
#undef X
};

struct slice effect_verb_text(enum effect_verb verb)
{
    return verbs[verb];
}

enum { WORDS_MAX = 6 };

/* An effect as the words of a command; numbers are written into the struct. */
struct words {
    struct slice at[WORDS_MAX];
    bool is_data[WORDS_MAX]; /* key or value: may be cut short; other words are whole or absent */
    int count;
    char digits[2][TEXT_INT_MAX];
    int numbers;
};

static void add_word(struct words *w, struct slice word)
{
    CHECK(w->count < WORDS_MAX);
    w->is_data[w->count] = false;
    w->at[w->count++] = word;
}

static void add_data(struct words *w, struct slice data)
{
    add_word(w, data);
    w->is_data[w->count - 1] = true;
}

static void add_number(struct words *w, int64_t value)
{
    CHECK(w->numbers < 2);
    char *to = w->digits[w->numbers++];
    add_word(w, slice_of(to, text_from_int(to, value)));
}

static void words_of(const struct effect *e, struct words *w)
{
    w->count = w->numbers = 0;
    add_word(w, effect_verb_text(e->verb));
    if (e->verb == EFFECT_SWAPDB) add_number(w, e->db);
    if (effect_has_key(e->verb)) add_data(w, e->key);
    switch (e->verb) {
    case EFFECT_SET:
        add_data(w, e->arg);
        if (e->when == WHEN_KEPT) add_word(w, SLICE("KEEPTTL"));
        if (e->when < 0) break;
        add_word(w, SLICE("PXAT"));
        add_number(w, e->when);
        break;
    case EFFECT_SETRANGE:
        add_number(w, e->when);
        add_data(w, e->arg);
        break;
    case EFFECT_APPEND:
    case EFFECT_RENAME:
    case EFFECT_VIEWS: add_data(w, e->arg); break;
    case EFFECT_COPY: /* REPLACE: the destination ends as this copy, whatever it held */
        add_data(w, e->arg);
        add_word(w, SLICE("DB"));
        add_number(w, e->when);
        add_word(w, SLICE("REPLACE"));
        break;
    case EFFECT_PEXPIREAT:
    case EFFECT_MOVE:
    case EFFECT_SWAPDB: add_number(w, e->when); break;
    case EFFECT_DEL:
    case EFFECT_PERSIST:
    case EFFECT_FLUSHDB:
    case EFFECT_COUNT: break;
    default: DCHECK(effect_has_words(e->verb)); /* which follow by themselves */
    }
}

/* The i-th of all words of the command; is it data? False at the end. */
static bool word_at(const struct effect *e, const struct words *w, uint32_t i, struct slice *word,
                    bool *is_data)
{
    uint32_t own = (uint32_t)w->count;
    if (i >= own + e->words_count) return false;
    *word = i < own ? w->at[i] : e->words[i - own];
    *is_data = i >= own || w->is_data[i];
    return true;
}

static bool fits(struct slice word, size_t room, bool base64)
{
    return (base64 ? (word.len + 2) / 3 * 4 : word.len) <= room;
}

/* Writes the words up to where the room ends; the array itself is always whole. */
static bool write_words(struct buffer *to, const struct effect *e, size_t max_bytes, bool *cut,
                        bool base64)
{
    struct words w;
    words_of(e, &w);
    size_t start = to->len;
    bool ended = false;
    buffer_add_byte(to, '[');
    struct slice word;
    bool is_data;
    for (uint32_t i = 0; !ended && word_at(e, &w, i, &word, &is_data); i++) {
        ended = !is_data && !fits(word, max_bytes, base64);
        if (ended) break;
        if (i) buffer_add_byte(to, ',');
        size_t before = to->len;
        if (base64) {
            json_add_base64(to, word, max_bytes, &ended);
        } else if (!json_add_string(to, word, max_bytes, &ended)) {
            to->len = start;
            return false;
        }
        max_bytes -= to->len - before - 2; /* without the quotes */
    }
    buffer_add_byte(to, ']');
    if (ended) *cut = true;
    return true;
}

bool effect_to_json(struct buffer *to, const struct effect *e, size_t max_bytes, bool *cut)
{
    return write_words(to, e, max_bytes, cut, false);
}

void effect_to_json_b64(struct buffer *to, const struct effect *e, size_t max_bytes, bool *cut)
{
    write_words(to, e, max_bytes, cut, true);
}
