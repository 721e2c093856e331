#include "glob.h"

#include "mem.h"
#include "text.h"

/* Everything in a pattern but a star stands for exactly one byte of the text. That is what makes
 * matching cheap: between two stars lies a segment of fixed length, and if a segment fits at some
 * place, a later place can only leave less text for the segments that follow. So the first place is
 * taken for each, and never given up again: only the segment behind the last star is ever tried
 * again, one byte further on.
 *
 * That is fast unless a pattern is made to be slow: `*aaaaaab*` is tried anew, at full length, at
 * each `a` of a long text. When trying turns out to be too much work, match_thoroughly starts over:
 * the segment behind the last star has only one place where it can be, literal segments are left
 * to memmem, which is linear, and for the others all places are looked at together, a bit for each
 * element of the segment. */

static inline bool same(char a, char b, bool nocase)
{
    return a == b || (nocase && text_lower(a) == text_lower(b));
}

/* Redis orders the ends as they are written and folds their case afterwards, so that without case
 * [Z-a] is the empty range from z to a. Bytes are signed, as char is where it was written. */
static bool in_range(signed char from, signed char to, signed char c, bool nocase)
{
    if (from > to) {
        signed char swap = from;
        from = to;
        to = swap;
    }
    if (nocase) {
        from = (signed char)text_lower((char)from);
        to = (signed char)text_lower((char)to);
        c = (signed char)text_lower((char)c);
    }
    return c >= from && c <= to;
}

/* Does the class whose '[' is right before *at hold c? Moves *at behind the class. */
static bool class_holds(struct slice pattern, size_t *at, char c, bool nocase)
{
    const char *in = pattern.at;
    size_t i = *at;
    bool negated = i < pattern.len && in[i] == '^';
    bool found = false;
    i += negated;
    while (i < pattern.len && in[i] != ']') {
        size_t left = pattern.len - i;
        if (in[i] == '\\' && left >= 2) {
            found |= in[i + 1] == c;
            i += 2;
        } else if (left >= 3 && in[i + 1] == '-') {
            found |= in_range((signed char)in[i], (signed char)in[i + 2], (signed char)c, nocase);
            i += 3;
        } else {
            found |= same(in[i], c, nocase);
            i++;
        }
    }
    *at = i < pattern.len ? i + 1 : i;
    return found != negated;
}

/* Does the element at *at, which is no star, hold c? Moves *at behind it. */
static inline bool element_holds(struct slice pattern, size_t *at, char c, bool nocase)
{
    char p = pattern.at[(*at)++];
    if (p == '?') return true;
    if (p == '[') return class_holds(pattern, at, c, nocase);
    if (p == '\\' && *at < pattern.len) p = pattern.at[(*at)++];
    return same(p, c, nocase);
}

/* ---- thoroughly ---- */

/* What stands between two stars, pattern[from..to). */
struct segment {
    size_t from, to;
    size_t length; /* how many bytes of text it takes */
    bool literal;  /* each byte of it stands for itself */
};

static struct segment read_segment(struct slice pattern, size_t from)
{
    struct segment s = {from, from, 0, true};
    for (; s.to < pattern.len && pattern.at[s.to] != '*'; s.length++) {
        char c = pattern.at[s.to++];
        if (c == '[')
            class_holds(pattern, &s.to, 0, false);
        else if (c == '\\' && s.to < pattern.len)
            s.to++;
        else if (c != '?')
            continue;
        s.literal = false;
    }
    return s;
}

static bool fits(struct slice pattern, const struct segment *s, const char *text, bool nocase)
{
    size_t p = s->from;
    while (p < s->to)
        if (!element_holds(pattern, &p, *text++, nocase)) return false;
    return true;
}

#define NOWHERE SIZE_MAX

/* Which elements hold a byte: bit i of mask[byte] for element i. */
enum { PIECE_MAX = 64 * 1024 }; /* elements; the masks of so many take 2 MB */

struct masks {
    size_t length; /* elements */
    size_t words;  /* of 64 bits, for each byte */
    uint64_t *at;
};

static inline size_t masks_size(const struct masks *m)
{
    return 256 * m->words * sizeof *m->at;
}

/* Of the elements from *p on; moves *p behind them. */
static struct masks masks_new(struct slice pattern, size_t *p, size_t length, bool nocase)
{
    struct masks m = {.length = length, .words = (length + 63) / 64};
    m.at = mem_zalloc(masks_size(&m));
    for (size_t i = 0; i < length; i++) {
        size_t next = *p;
        for (size_t byte = 0; byte < 256; byte++) {
            next = *p;
            bool holds = element_holds(pattern, &next, (char)byte, nocase);
            m.at[byte * m.words + i / 64] |= (uint64_t)holds << (i % 64);
        }
        *p = next;
    }
    return m;
}

/* Clears the bits of the places in the text at which the elements do not fit. Bit i of `state` says
 * that the elements up to the i-th hold the last bytes read; one byte more shifts that by one and
 * drops what the next element does not hold. */
static void keep_fitting(const struct masks *m, struct slice text, uint64_t *places)
{
    uint64_t *state = mem_zalloc(m->words * sizeof *state);
    for (size_t i = 0; i < text.len; i++) {
        const uint64_t *holds = m->at + (unsigned char)text.at[i] * m->words;
        uint64_t carry = 1;
        for (size_t w = 0; w < m->words; w++) {
            uint64_t bits = state[w];
            state[w] = (bits << 1 | carry) & holds[w];
            carry = bits >> 63;
        }
        if (i + 1 < m->length) continue;
        size_t place = i + 1 - m->length;
        if (!(state[m->words - 1] >> ((m->length - 1) % 64) & 1))
            places[place / 64] &= ~(UINT64_C(1) << (place % 64));
    }
    mem_free(state, m->words * sizeof *state);
}

/* The first place in the text where the segment fits, by looking at all of them at once. */
static size_t find_by_bits(struct slice pattern, const struct segment *s, struct slice text,
                           bool nocase)
{
    size_t count = text.len - s->length + 1, found = 0, p = s->from;
    size_t size = (count + 63) / 64 * sizeof(uint64_t);
    uint64_t *places = mem_alloc(size);
    memset(places, 0xff, size);
    for (size_t at = 0; at < s->length; at += PIECE_MAX) {
        size_t length = s->length - at < PIECE_MAX ? s->length - at : PIECE_MAX;
        struct masks m = masks_new(pattern, &p, length, nocase);
        keep_fitting(&m, slice_of(text.at + at, count + length - 1), places);
        mem_free(m.at, masks_size(&m));
    }
    while (found < count && !(places[found / 64] >> (found % 64) & 1)) found++;
    mem_free(places, size);
    return found < count ? found : NOWHERE;
}

/* The first place in the text, which has room for it, where the segment fits. */
static size_t find(struct slice pattern, const struct segment *s, struct slice text, bool nocase)
{
    if (!s->literal || nocase) return find_by_bits(pattern, s, text, nocase);
    const char *found = memmem(text.at, text.len, pattern.at + s->from, s->length);
    return found ? (size_t)(found - text.at) : NOWHERE;
}

static bool match_thoroughly(struct slice pattern, struct slice text, bool nocase)
{
    struct segment s = read_segment(pattern, 0);
    if (s.length > text.len || !fits(pattern, &s, text.at, nocase)) return false;
    text = slice_from(text, s.length);
    if (s.to == pattern.len) return !text.len;
    for (;;) {
        size_t p = s.to;
        while (p < pattern.len && pattern.at[p] == '*') p++;
        if (p == pattern.len) return true;
        s = read_segment(pattern, p);
        if (s.length > text.len) return false;
        if (s.to == pattern.len) return fits(pattern, &s, text.at + (text.len - s.length), nocase);
        size_t at = find(pattern, &s, text, nocase);
        if (at == NOWHERE) return false;
        text = slice_from(text, at + s.length);
    }
}

/* ---- by trying ---- */

/* How many bytes of pattern may be looked at in vain before starting over thoroughly. */
static size_t vain_max(struct slice pattern, struct slice text)
{
#ifdef HARK_DEBUG
    (void)pattern, (void)text;
    return 4; /* rare ways often, where it is for testing */
#else
    return 16 * text.len + 512 * pattern.len;
#endif
}

/* The first place in the text from `from` on at which the segment starting at pattern[p] is worth
 * a trial. */
static size_t next_trial(struct slice pattern, size_t p, struct slice text, size_t from,
                         bool nocase)
{
    char first = pattern.at[p];
    if (nocase || from >= text.len || first == '?' || first == '[' || first == '\\') return from;
    const char *found = memchr(text.at + from, first, text.len - from);
    return found ? (size_t)(found - text.at) : text.len;
}

bool glob_match(struct slice pattern, struct slice text, bool nocase)
{
    size_t p = 0, t = 0;
    size_t segment = 0; /* behind the last star; 0 before the first one */
    size_t trial = 0;   /* where in the text that segment is being tried */
    size_t vain = 0;    /* bytes of pattern that were looked at in failed trials */

    if (!text.len) return !pattern.len;
    while (t < text.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            while (p < pattern.len && pattern.at[p] == '*') p++;
            if (p == pattern.len) return true;
            segment = p;
            t = trial = next_trial(pattern, segment, text, t, nocase);
            continue;
        }
        size_t next = p;
        if (p < pattern.len && element_holds(pattern, &next, text.at[t], nocase)) {
            p = next;
            t++;
        } else if (segment) {
            vain += next - segment;
            if (vain > vain_max(pattern, text)) return match_thoroughly(pattern, text, nocase);
            p = segment;
            t = trial = next_trial(pattern, segment, text, trial + 1, nocase);
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*') p++;
    return p == pattern.len;
}

/* ---- taking apart ---- */

enum element { LITERAL, ONE, STAR };

/* The element at *at, and its byte if it is a literal. Moves *at behind it. */
static enum element next_element(struct slice pattern, size_t *at, char *literal)
{
    char c = pattern.at[(*at)++];
    switch (c) {
    case '*': return STAR;
    case '?': return ONE;
    case '[': class_holds(pattern, at, 0, false); return ONE;
    case '\\':
        if (*at < pattern.len) c = pattern.at[(*at)++];
        break;
    default: break;
    }
    *literal = c;
    return LITERAL;
}

/* Skips to the first literal element from *at on, counting what it skips. */
static void skip_gap(struct slice pattern, size_t *at, struct glob_run *out)
{
    while (*at < pattern.len) {
        size_t next = *at;
        char literal;
        switch (next_element(pattern, &next, &literal)) {
        case LITERAL: return;
        case STAR: out->open = true; break;
        case ONE: out->gap++; break;
        }
        *at = next;
    }
}

/* The end of the literal elements that start at `at`; says whether one of them is an escape. */
static size_t run_end(struct slice pattern, size_t at, bool *escaped)
{
    *escaped = false;
    while (at < pattern.len) {
        size_t next = at;
        char literal;
        if (next_element(pattern, &next, &literal) != LITERAL) break;
        if (next - at > 1) *escaped = true;
        at = next;
    }
    return at;
}

/* Appends what a run, pattern[from..to), stands for. */
static struct slice unescape(struct slice pattern, size_t from, size_t to, struct buffer *store)
{
    size_t start = store->len;
    char *end = buffer_reserve(store, to - from);
    char *begin = end;
    while (from < to) next_element(pattern, &from, end++);
    store->len += (size_t)(end - begin);
    return slice_from(buffer_slice(store), start);
}

bool glob_next_run(struct glob_runs *runs, struct buffer *store, struct glob_run *out)
{
    struct slice pattern = runs->pattern;
    size_t start = runs->at, from = start;

    *out = (struct glob_run){0};
    skip_gap(pattern, &from, out);
    runs->at = from;
    if (from == pattern.len) return false;

    bool escaped;
    size_t to = run_end(pattern, from, &escaped);
    runs->at = to;
    out->at_start = from == 0;
    out->at_end = to == pattern.len;
    out->bytes =
        escaped ? unescape(pattern, from, to, store) : slice_of(pattern.at + from, to - from);
    return true;
}

void glob_analyse(struct slice pattern, struct buffer *store, struct glob_parts *out)
{
    struct glob_runs runs = glob_runs(pattern);
    struct glob_run run;
    size_t ones = 0;
    int stars = 0; /* gaps with a star */

    *out = (struct glob_parts){0};
    /* All runs together are no longer than the pattern: with room for it the slices stay put. */
    if (pattern.len && memchr(pattern.at, '\\', pattern.len)) buffer_reserve(store, pattern.len);
    while (glob_next_run(&runs, store, &run)) {
        ones += run.gap;
        stars += run.open;
        out->len_min += run.bytes.len;
        if (run.at_start)
            out->prefix = run.bytes;
        else if (run.at_end)
            out->suffix = run.bytes;
        if (run.bytes.len > out->longest.len) out->longest = run.bytes;
    }
    ones += run.gap;
    stars += run.open;

    size_t literal = out->prefix.len + out->suffix.len;
    bool only_ends = !ones && out->len_min == literal;
    if (!stars && only_ends)
        out->kind = GLOB_LITERAL;
    else
        out->kind = stars == 1 && only_ends ? GLOB_ENDS : GLOB_GENERAL;
    out->len_min += ones;
    out->len_max = stars ? SIZE_MAX : out->len_min;
    if (stars && !out->len_min) out->len_min = 1;
}

size_t glob_literal_prefix(struct slice pattern, struct buffer *out)
{
    bool escaped;
    size_t end = run_end(pattern, 0, &escaped);
    if (end) unescape(pattern, 0, end, out);
    return end;
}
