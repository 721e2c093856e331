#include "glob.h"

#include "text.h"

/* Everything in a pattern but a star stands for exactly one byte of the text. That is what makes
 * matching cheap: between two stars lies a segment of fixed length, and if a segment fits at some
 * place, a later place can only leave less text for the segments that follow. So only the segment
 * behind the last star is ever tried again, one byte further on; the earlier ones stay. Each byte
 * of the text starts at most one trial, and a trial is no longer than the pattern. */

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

/* Does the element at *at, which is no star, match c? If so, moves *at behind it. */
static inline bool element_matches(struct slice pattern, size_t *at, char c, bool nocase)
{
    size_t i = *at;
    char p = pattern.at[i++];
    bool matches = true;
    if (p == '[') {
        matches = class_holds(pattern, &i, c, nocase);
    } else if (p != '?') {
        if (p == '\\' && i < pattern.len) p = pattern.at[i++];
        matches = same(p, c, nocase);
    }
    if (matches) *at = i;
    return matches;
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

    if (!text.len) return !pattern.len;
    while (t < text.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            while (p < pattern.len && pattern.at[p] == '*') p++;
            if (p == pattern.len) return true;
            segment = p;
            t = trial = next_trial(pattern, segment, text, t, nocase);
        } else if (p < pattern.len && element_matches(pattern, &p, text.at[t], nocase)) {
            t++;
        } else if (segment) {
            p = segment;
            t = trial = next_trial(pattern, segment, text, trial + 1, nocase);
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*') p++;
    return p == pattern.len;
}

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
