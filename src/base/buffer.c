#include "buffer.h"

#include "assert.h"
#include "mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { BUFFER_FIRST = 256 };

void buffer_fini(struct buffer *b)
{
    mem_free(b->at, b->cap);
    *b = (struct buffer){0};
}

void buffer_grow(struct buffer *b, size_t cap)
{
    size_t want = b->cap ? b->cap * 2 : BUFFER_FIRST;
    if (want < cap) want = cap;
    b->at = mem_resize(b->at, b->cap, want);
    b->cap = want;
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(n >= 0);
    char *to = buffer_reserve(b, (size_t)n + 1);
    vsnprintf(to, (size_t)n + 1, format, again);
    va_end(again);
    b->len += (size_t)n;
}

void buffer_drop_front(struct buffer *b, size_t n)
{
    CHECK(n <= b->len);
    b->len -= n;
    if (b->len) memmove(b->at, b->at + n, b->len);
}
