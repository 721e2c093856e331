/* A growing run of bytes, owned by whoever embeds it. */
#ifndef HARK_BASE_BUFFER_H
#define HARK_BASE_BUFFER_H

#include "slice.h"

struct buffer {
    char *at;   /* mem_alloc'ed, NULL while cap is 0 */
    size_t len; /* bytes in use */
    size_t cap; /* bytes allocated */
};

/* Releases the memory and leaves an empty buffer that can be used again. */
void buffer_fini(struct buffer *b);
/* What it would have allocated when it had room for `more` bytes more. */
static inline size_t buffer_cap_for(const struct buffer *b, size_t more);
/* Grows to hold `more` bytes more; out of line so that the fast path below stays small. */
void buffer_grow(struct buffer *b, size_t more);

static inline size_t buffer_cap_for(const struct buffer *b, size_t more)
{
    enum { FIRST = 256 };
    if (b->cap - b->len >= more) return b->cap;
    size_t need = b->len + more, twice = b->cap ? b->cap * 2 : FIRST;
    return twice < need ? need : twice;
}

/* Room for `more` bytes at the end; returns where they go. Count them with `b->len += n`. */
static inline char *buffer_reserve(struct buffer *b, size_t more)
{
    if (__builtin_expect(b->cap - b->len < more, 0)) buffer_grow(b, more);
    /* Not at + len: nothing may be added to the NULL of an empty buffer, not even 0. */
    return (char *)((uintptr_t)b->at + b->len);
}

static inline void buffer_add(struct buffer *b, const void *bytes, size_t len)
{
    char *to = buffer_reserve(b, len);
    if (len) memcpy(to, bytes, len);
    b->len += len;
}

static inline void buffer_add_slice(struct buffer *b, struct slice s)
{
    buffer_add(b, s.at, s.len);
}

static inline void buffer_add_byte(struct buffer *b, char byte)
{
    *buffer_reserve(b, 1) = byte;
    b->len++;
}

/* Appends formatted text (no NUL). */
__attribute__((format(printf, 2, 3))) void buffer_printf(struct buffer *b, const char *format, ...);

/* Drops the first n bytes by moving the rest to the front. */
void buffer_drop_front(struct buffer *b, size_t n);

static inline struct slice buffer_slice(const struct buffer *b)
{
    return slice_of(b->at, b->len);
}

#endif
