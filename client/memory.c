#include "internal.h"

#include <stdlib.h>

enum {
    BYTES_MIN = 16 * 1024,    /* of a buffer */
    KEEP_BYTES = 1024 * 1024, /* an empty buffer that is larger is given back */
};

static void *resize(void *context, void *p, size_t size)
{
    (void)context;
    if (size) return realloc(p, size);
    free(p);
    return NULL;
}

struct hark_allocator hark_memory(const struct hark_allocator *given)
{
    return given ? *given : (struct hark_allocator){.resize = resize};
}

void *hark_alloc(const struct hark_allocator *m, size_t size)
{
    return m->resize(m->context, NULL, size);
}

void *hark_zalloc(const struct hark_allocator *m, size_t size)
{
    void *p = hark_alloc(m, size);
    return p ? memset(p, 0, size) : NULL;
}

void hark_release(const struct hark_allocator *m, void *p)
{
    if (p) m->resize(m->context, p, 0);
}

int hark_bytes_reserve(const struct hark_allocator *m, struct bytes *b, size_t more)
{
    if (b->cap - b->len >= more) return 0;
    if (b->from) {
        memmove(b->at, b->at + b->from, b->len - b->from);
        b->len -= b->from;
        b->from = 0;
        if (b->cap - b->len >= more) return 0;
    }
    size_t cap = b->cap ? b->cap : BYTES_MIN;
    while (cap - b->len < more) {
        if (cap > SIZE_MAX / 2) return HARK_NO_MEMORY;
        cap *= 2;
    }
    char *grown = m->resize(m->context, b->at, cap);
    if (!grown) return HARK_NO_MEMORY;
    b->at = grown;
    b->cap = cap;
    return 0;
}

void hark_bytes_add(struct bytes *b, const void *from, size_t len)
{
    if (len) memcpy(b->at + b->len, from, len);
    b->len += len;
}

void hark_bytes_consume(const struct hark_allocator *m, struct bytes *b, size_t count)
{
    b->from += count;
    if (b->from < b->len) return;
    b->from = b->len = 0;
    if (b->cap > KEEP_BYTES) hark_bytes_fini(m, b);
}

void hark_bytes_fini(const struct hark_allocator *m, struct bytes *b)
{
    hark_release(m, b->at);
    *b = (struct bytes){0};
}
