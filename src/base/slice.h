/* Byte slices: a pointer and a length, borrowed from whoever owns the bytes.
 *
 * Everything that Hark moves (keys, values, arguments, channel names) is binary: any byte may
 * occur, nothing ends with NUL. A slice never owns; it is valid for as long as its owner says. */
#ifndef HARK_BASE_SLICE_H
#define HARK_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *at;
    size_t len;
};

/* A slice of a string literal, also as a constant initialiser. */
#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})

static inline struct slice slice_of(const void *at, size_t len)
{
    return (struct slice){at, len};
}

static inline struct slice slice_text(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* ASCII letters compare without regard to case, all other bytes exactly. */
bool slice_equal_nocase(struct slice a, struct slice b);

/* Does `s` equal the literal or C string `word`, whatever the case? For option words. */
static inline bool slice_is(struct slice s, const char *word)
{
    return slice_equal_nocase(s, slice_text(word));
}

static inline bool slice_starts_with(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.at, prefix.at, prefix.len) == 0);
}

/* Memory order, a shorter prefix first: negative, zero or positive, as memcmp. */
int slice_compare(struct slice a, struct slice b);

/* The part from `from` on; empty when there is none. */
static inline struct slice slice_from(struct slice s, size_t from)
{
    return from >= s.len ? (struct slice){s.at + s.len, 0}
                         : (struct slice){s.at + from, s.len - from};
}

#endif
