#include "buffer.h"

#include "assert.h"
#include "mem.h"

#include <stdarg.h>
#include <stdio.h>

void buffer_fini(struct buffer *b)
{
    mem_free(b->at, b->cap);
    *b = (struct buffer){0};
}

void buffer_grow(struct buffer *b, size_t more)
{
    size_t cap = buffer_cap_for(b, more);
    b->at = mem_resize(b->at, b->cap, cap);
    b->cap = cap;
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
