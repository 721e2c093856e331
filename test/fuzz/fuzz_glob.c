/* glob_match against a model that reads the pattern into sets of bytes first and then fills a
 * table of what matches what; and glob_analyse against glob_match.
 *
 * An input is: a byte of which bit 0 is `nocase` and the rest the length of the pattern, the
 * pattern, the text. */
#include "../../src/base/assert.h"
#include "../../src/base/glob.h"
#include "../../src/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATTERN_MAX = 127, TEXT_MAX = 256 };

/* A star, or a set of bytes one of which must be there. */
struct element {
    bool star;
    bool holds[256];
};

static bool fold_equal(char a, char b, bool nocase)
{
    return nocase ? text_lower(a) == text_lower(b) : a == b;
}

static void add_range(struct element *e, signed char a, signed char b, bool nocase)
{
    signed char low = a < b ? a : b, high = a < b ? b : a;
    if (nocase) low = (signed char)text_lower((char)low);
    if (nocase) high = (signed char)text_lower((char)high);
    for (int c = -128; c < 128; c++) {
        int folded = nocase ? text_lower((char)c) : c;
        if (folded >= low && folded <= high) e->holds[(unsigned char)c] = true;
    }
}

static void add_byte(struct element *e, char byte, bool nocase)
{
    for (int c = 0; c < 256; c++)
        if (fold_equal((char)c, byte, nocase)) e->holds[c] = true;
}

/* Reads the class behind a '['; returns what follows it. */
static struct slice read_class(struct slice p, struct element *e, bool nocase)
{
    bool negated = slice_starts_with(p, SLICE("^"));
    if (negated) p = slice_from(p, 1);
    while (p.len && p.at[0] != ']') {
        if (p.len >= 2 && p.at[0] == '\\') {
            e->holds[(unsigned char)p.at[1]] = true;
            p = slice_from(p, 2);
        } else if (p.len >= 3 && p.at[1] == '-') {
            add_range(e, (signed char)p.at[0], (signed char)p.at[2], nocase);
            p = slice_from(p, 3);
        } else {
            add_byte(e, p.at[0], nocase);
            p = slice_from(p, 1);
        }
    }
    for (int c = 0; c < 256 && negated; c++) e->holds[c] = !e->holds[c];
    return slice_from(p, 1);
}

static size_t read_pattern(struct slice p, struct element *elements, bool nocase)
{
    size_t count = 0;
    while (p.len) {
        struct element *e = &elements[count++];
        char c = p.at[0];
        p = slice_from(p, 1);
        *e = (struct element){.star = c == '*'};
        if (c == '?') {
            memset(e->holds, true, sizeof e->holds);
        } else if (c == '[') {
            p = read_class(p, e, nocase);
        } else if (c != '*') {
            if (c == '\\' && p.len) {
                c = p.at[0];
                p = slice_from(p, 1);
            }
            add_byte(e, c, nocase);
        }
    }
    return count;
}

static bool model(struct slice pattern, struct slice text, bool nocase)
{
    static struct element elements[PATTERN_MAX];
    /* here[t]: the elements so far match text[0..t) */
    bool here[TEXT_MAX + 1] = {true};
    if (!text.len) return !pattern.len;
    size_t count = read_pattern(pattern, elements, nocase);
    for (size_t i = 0; i < count; i++) {
        const struct element *e = &elements[i];
        if (e->star) {
            for (size_t t = 1; t <= text.len; t++) here[t] |= here[t - 1];
            continue;
        }
        for (size_t t = text.len; t > 0; t--)
            here[t] = here[t - 1] && e->holds[(unsigned char)text.at[t - 1]];
        here[0] = false;
    }
    return here[text.len];
}

static bool parts_fit(const struct glob_parts *parts, struct slice text)
{
    return text.len >= parts->len_min && text.len <= parts->len_max &&
           slice_starts_with(text, parts->prefix) && parts->suffix.len <= text.len &&
           slice_starts_with(slice_from(text, text.len - parts->suffix.len), parts->suffix) &&
           (!parts->longest.len ||
            memmem(text.at, text.len, parts->longest.at, parts->longest.len));
}

static void check_parts(struct slice pattern, struct slice text)
{
    struct buffer store = {0};
    struct glob_parts parts;
    bool matches = glob_match(pattern, text, false);
    buffer_reserve(&store, 1);
    glob_analyse(pattern, &store, &parts);
    if (matches) CHECK(parts_fit(&parts, text));
    if (parts.kind != GLOB_GENERAL) CHECK(parts_fit(&parts, text) == matches);
    if (parts.kind == GLOB_LITERAL) CHECK(glob_match(pattern, parts.prefix, false));
    CHECK(parts.prefix.len + parts.suffix.len <= parts.len_min);

    size_t before = store.len;
    CHECK(glob_literal_prefix(pattern, &store) <= pattern.len);
    CHECK(slice_equal(slice_from(buffer_slice(&store), before), parts.prefix));
    buffer_fini(&store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) return 0;
    bool nocase = data[0] & 1;
    struct slice rest = slice_of(data + 1, size - 1);
    size_t pattern_len = data[0] >> 1;
    if (pattern_len > rest.len) pattern_len = rest.len;
    size_t text_len = rest.len - pattern_len;
    if (text_len > TEXT_MAX) text_len = TEXT_MAX;

    struct slice pattern = slice_of(rest.at, pattern_len);
    struct slice text = slice_of(rest.at + pattern_len, text_len);
    CHECK(glob_match(pattern, text, nocase) == model(pattern, text, nocase));
    check_parts(pattern, text);
    return 0;
}
