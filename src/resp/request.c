#include "request.h"

#include "../base/assert.h"
#include "../base/buffer.h"
#include "../base/mem.h"
#include "../base/text.h"

#include <endian.h>
#include <limits.h>
#include <stdio.h>

/* How far a request has been parsed:
 *
 *     *3 CR LF  $3 CR LF  SET CR LF  $3 CR LF  key CR LF  $5 CR LF  val ...
 *                                                                   |
 *     words_left 1, bulk_len 5, partial {SET, key}                  at
 *
 * Invariants between calls:
 *   1. words_left < 0: nothing of the request is parsed; at, partial_len are 0.
 *   2. bulk_len >= 0: words_left > 0, and `at` is the first byte of the argument.
 *   3. bytes[at .. at + searched) hold no end of line, so each byte is searched once.
 *   4. partial holds offsets, as the input may move; memory for it only between the calls that a
 *      request is split over, and never more than the words that have arrived.
 *
 * Like Redis, the parser takes any byte for the LF of a header line, and any two bytes for the
 * line end behind an argument: their place is known. */

enum { WORDS_FIRST = 64, PARTIAL_FIRST = 8, CHUNK_BYTES = 4096 };

/* Unescaped words of inline requests. A chunk does not grow, so what is in it does not move. */
struct resp_chunk {
    struct resp_chunk *next;
    size_t len, cap;
    char bytes[];
};

void resp_parser_init(struct resp_parser *p, struct resp_limits limits)
{
    CHECK(limits.words_max <= INT_MAX);
    *p = (struct resp_parser){.limits = limits, .words_left = -1, .bulk_len = -1};
}

static void free_partial(struct resp_parser *p)
{
    mem_free(p->partial, p->partial_cap * sizeof *p->partial);
    p->partial = NULL;
    p->partial_len = p->partial_cap = 0;
}

void resp_parser_restart(struct resp_parser *p)
{
    p->at = p->bytes_needed = p->partial_len = 0;
    p->words_left = p->bulk_len = -1;
}

void resp_parser_fini(struct resp_parser *p)
{
    free_partial(p);
}

static void free_chunks(struct resp_words *w)
{
    while (w->chunks) {
        struct resp_chunk *next = w->chunks->next;
        mem_free(w->chunks, sizeof *w->chunks + w->chunks->cap);
        w->chunks = next;
    }
}

void resp_words_fini(struct resp_words *w)
{
    free_chunks(w);
    mem_free(w->at, w->cap * sizeof *w->at);
    *w = (struct resp_words){0};
}

/* Room for one word more. */
static void grow_words(struct resp_words *w)
{
    size_t cap = w->cap ? w->cap * 2 : WORDS_FIRST;
    w->at = mem_resize(w->at, w->cap * sizeof *w->at, cap * sizeof *w->at);
    w->cap = cap;
}

static inline void add_word(struct resp_words *w, struct slice word)
{
    if (__builtin_expect(w->len == w->cap, 0)) grow_words(w);
    w->at[w->len++] = word;
}

static enum resp_status fail(struct resp_parser *p, const char *what)
{
    snprintf(p->error, sizeof p->error, "Protocol error: %s", what);
    return RESP_ERROR;
}

static enum resp_status more(struct resp_parser *p, size_t bytes_needed)
{
    p->bytes_needed = bytes_needed;
    return RESP_MORE;
}

/* Looks for the byte that ends the line at p->at. RESP_REQUEST: it is at bytes[*end]. */
static enum resp_status find_line_end(struct resp_parser *p, const char *bytes, size_t len,
                                      char stop, const char *too_big, size_t *end)
{
    size_t limit = p->limits.inline_bytes_max + 1;
    const char *line = bytes + p->at;
    size_t there = len - p->at < limit ? len - p->at : limit;
    const char *found = memchr(line + p->searched, stop, there - p->searched);
    if (!found) {
        p->searched = there;
        return there == limit ? fail(p, too_big) : more(p, 0);
    }
    p->searched = (size_t)(found - line);
    *end = p->at + p->searched;
    return RESP_REQUEST;
}

/* The two kinds of header line, `*<words>` and `$<bytes>`. */
struct header_kind {
    char mark;
    int64_t unauthenticated_max;
    const char *too_big, *invalid, *unauthenticated;
};

static const struct header_kind count_header = {
    .mark = '*',
    .unauthenticated_max = RESP_UNAUTHENTICATED_WORDS_MAX,
    .too_big = "too big mbulk count string",
    .invalid = "invalid multibulk length",
    .unauthenticated = "unauthenticated multibulk length",
};

static const struct header_kind bulk_header = {
    .mark = '$',
    .unauthenticated_max = RESP_UNAUTHENTICATED_BULK_BYTES_MAX,
    .too_big = "too big bulk count string",
    .invalid = "invalid bulk length",
    .unauthenticated = "unauthenticated bulk length",
};

static inline int64_t legal_max(const struct resp_parser *p, const struct header_kind *kind)
{
    return kind->mark == '*' ? p->limits.words_max : p->limits.bulk_bytes_max;
}

/* What this client may send at this moment. */
static inline int64_t header_max(const struct resp_parser *p, const struct header_kind *kind)
{
    int64_t max = legal_max(p, kind);
    return p->limits.unauthenticated && kind->unauthenticated_max < max ? kind->unauthenticated_max
                                                                        : max;
}

/* Reads a header line at p->at, whatever it looks like, and moves p->at behind it. Checks the
 * upper limits only: a negative count of words is legal. */
static enum resp_status read_header(struct resp_parser *p, const char *bytes, size_t len,
                                    const struct header_kind *kind, int64_t *value)
{
    const char *line = bytes + p->at;
    size_t end;

    enum resp_status status = find_line_end(p, bytes, len, '\r', kind->too_big, &end);
    if (status != RESP_REQUEST) return status;
    if (end + 1 >= len) return more(p, end + 2);
    if (*line != kind->mark) {
        snprintf(p->error, sizeof p->error, "Protocol error: expected '$', got '%c'", *line);
        return RESP_ERROR;
    }
    if (!text_to_int(slice_of(line + 1, p->searched - 1), value) || *value > legal_max(p, kind))
        return fail(p, kind->invalid);
    if (*value > header_max(p, kind)) return fail(p, kind->unauthenticated);
    p->searched = 0;
    p->at = end + 2;
    return RESP_REQUEST;
}

/* The fast way for nearly all header lines: `at` points to the digits behind the mark, `left`
 * bytes are there. Returns the length of digits, CR and LF, or 0 when read_header must look: more
 * than six digits, a leading zero, not enough bytes, or anything else. All of the line is looked
 * at in one word, so that numbers of different lengths cost no mispredicted branch. */
static inline size_t quick_number(const char *at, size_t left, int64_t *value)
{
    const uint64_t ones = 0x0101010101010101;
    const uint64_t cr_lf = ('\n' ^ '0') << 8 | ('\r' ^ '0');
    uint64_t x;

    if (__builtin_expect(left < 8, 0)) {
        *value = left < 3 ? 10 : (unsigned char)*at - '0';
        return *value >= 0 && *value <= 9 && at[1] == '\r' && at[2] == '\n' ? 3 : 0;
    }
    memcpy(&x, at, 8);
    x = le64toh(x) ^ ones * '0';
    /* Adding 0x76 carries into the top bit of every byte that is no digit; what it carries beyond
     * spoils only bytes behind the first of them. */
    uint64_t other = ((x + ones * 0x76) | x) & ones * 0x80;
    unsigned bits = other ? (unsigned)__builtin_ctzll(other) & ~7u : 64;
    if (bits == 0 || bits > 48 || (x >> bits & 0xffff) != cr_lf) return 0;
    if ((x & 0xff) == 0 && bits > 8) return 0;
    /* The first digit is in the lowest byte: zeros in front, then pairs, fours, eight. */
    x <<= 64 - bits;
    x = (x * (1 + (10 << 8))) >> 8 & 0x00ff00ff00ff00ff;
    x = (x * (1 + (100 << 16))) >> 16 & 0x0000ffff0000ffff;
    *value = (int64_t)((x * (1 + ((uint64_t)10000 << 32))) >> 32);
    return bits / 8 + 2;
}

/* Reads the arguments from p->at on, as far as they are there. */
static enum resp_status read_words(struct resp_parser *p, const char *bytes, size_t len,
                                   struct resp_words *words)
{
    size_t at = p->at;
    int64_t bulk_len = p->bulk_len;
    int64_t bulk_max = header_max(p, &bulk_header);

    for (; p->words_left > 0; p->words_left--) {
        if (bulk_len < 0) {
            size_t used = 0;
            if (at < len && bytes[at] == '$')
                used = quick_number(bytes + at + 1, len - at - 1, &bulk_len);
            if (__builtin_expect(used && bulk_len <= bulk_max, 1)) {
                at += 1 + used;
                p->searched = 0;
            } else {
                p->at = at;
                p->bulk_len = -1;
                enum resp_status status = read_header(p, bytes, len, &bulk_header, &bulk_len);
                if (status != RESP_REQUEST) return status;
                if (bulk_len < 0) return fail(p, bulk_header.invalid);
                at = p->at;
            }
        }
        if (len - at < (size_t)bulk_len + 2) {
            p->at = at;
            p->bulk_len = bulk_len;
            return more(p, at + (size_t)bulk_len + 2);
        }
        add_word(words, slice_of(bytes + at, (size_t)bulk_len));
        at += (size_t)bulk_len + 2;
        bulk_len = -1;
    }
    p->at = at;
    return RESP_REQUEST;
}

/* Moves the words from `first` on behind the words that an earlier call has set aside. */
static void set_aside(struct resp_parser *p, const char *bytes, struct resp_words *words,
                      size_t first)
{
    size_t count = words->len - first;
    if (p->partial_cap - p->partial_len < count) {
        size_t cap = p->partial_cap ? p->partial_cap * 2 : PARTIAL_FIRST;
        if (cap < p->partial_len + count) cap = p->partial_len + count;
        p->partial =
            mem_resize(p->partial, p->partial_cap * sizeof *p->partial, cap * sizeof *p->partial);
        p->partial_cap = cap;
    }
    for (size_t i = first; i < words->len; i++) {
        size_t from = (size_t)(words->at[i].at - bytes);
        p->partial[p->partial_len++] = (struct resp_span){from, words->at[i].len};
    }
    words->len = first;
}

/* Puts what was set aside in front of the words from `first` on. */
static void take_back(struct resp_parser *p, const char *bytes, struct resp_words *words,
                      size_t first)
{
    size_t late = words->len - first;
    while (words->cap - words->len < p->partial_len) grow_words(words);
    struct slice *at = words->at + first;
    memmove(at + p->partial_len, at, late * sizeof *at);
    for (size_t i = 0; i < p->partial_len; i++)
        at[i] = slice_of(bytes + p->partial[i].from, p->partial[i].len);
    words->len += p->partial_len;
    free_partial(p);
}

/* Memory for the unescaped words of a line, as a buffer that need not grow. */
static struct buffer line_store(struct resp_words *words, size_t line_len)
{
    struct resp_chunk *chunk = words->chunks;
    if (!chunk || chunk->cap - chunk->len < line_len) {
        size_t cap = line_len < CHUNK_BYTES ? CHUNK_BYTES : line_len;
        chunk = mem_alloc(sizeof *chunk + cap);
        *chunk = (struct resp_chunk){.next = words->chunks, .cap = cap};
        words->chunks = chunk;
    }
    return (struct buffer){.at = chunk->bytes + chunk->len, .cap = chunk->cap - chunk->len};
}

static enum resp_status inline_request(struct resp_parser *p, const char *bytes, size_t len,
                                       struct resp_words *words, struct resp_request *out)
{
    size_t end;
    enum resp_status status = find_line_end(p, bytes, len, '\n', "too big inline request", &end);
    if (status != RESP_REQUEST) return status;
    p->searched = 0;

    size_t first = words->len;
    struct slice line = slice_of(bytes, end && bytes[end - 1] == '\r' ? end - 1 : end);
    bool quotes = memchr(bytes, '"', line.len) || memchr(bytes, '\'', line.len);
    struct buffer store = {0};
    struct slice word;
    int got;
    if (!first) free_chunks(words);
    if (quotes) store = line_store(words, line.len);
    while ((got = text_next_word(&line, &store, &word)) > 0) add_word(words, word);
    if (quotes) words->chunks->len += store.len;
    if (got < 0) {
        words->len = first;
        return fail(p, "unbalanced quotes in request");
    }
    *out = (struct resp_request){first, (int)(words->len - first), end + 1};
    return RESP_REQUEST;
}

enum resp_status resp_request_next(struct resp_parser *p, const char *bytes, size_t len,
                                   struct resp_words *words, struct resp_request *out)
{
    size_t first = words->len;
    enum resp_status status;

    if (p->words_left < 0) {
        if (!len) return more(p, 0);
        if (*bytes != '*') return inline_request(p, bytes, len, words, out);
        size_t used = quick_number(bytes + 1, len - 1, &p->words_left);
        if (used && p->words_left <= header_max(p, &count_header)) {
            p->at = 1 + used;
            p->searched = 0;
        } else {
            int64_t count;
            p->words_left = -1;
            status = read_header(p, bytes, len, &count_header, &count);
            if (status != RESP_REQUEST) return status;
            p->words_left = count > 0 ? count : 0;
        }
    }
    status = read_words(p, bytes, len, words);
    if (status == RESP_REQUEST) {
        if (p->partial_len) take_back(p, bytes, words, first);
        *out = (struct resp_request){first, (int)(words->len - first), p->at};
        p->at = 0;
        p->words_left = p->bulk_len = -1;
    } else if (status == RESP_MORE) {
        if (words->len > first) set_aside(p, bytes, words, first);
    } else {
        words->len = first;
    }
    return status;
}
