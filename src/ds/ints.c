#include "ints.h"

#include "../base/assert.h"
#include "../base/little.h"
#include "../base/mem.h"

enum { HEADER = 8 };

struct ints {
    char bytes[HEADER];
};

/* ---- the bytes ---- */

static unsigned width_of(const struct ints *s)
{
    return get32(s->bytes);
}

static unsigned width_for(int64_t number)
{
    if (number == (int16_t)number) return 2;
    return number == (int32_t)number ? 4 : 8;
}

static size_t size_of(unsigned width, size_t count)
{
    return HEADER + width * count;
}

static char *place_of(const struct ints *s, unsigned width, size_t place)
{
    return (char *)s + size_of(width, place);
}

static int64_t load(const char *from, unsigned width)
{
    if (width == 8) return (int64_t)get64(from);
    if (width == 4) return (int32_t)get32(from);
    return (int16_t)((unsigned char)from[0] | (unsigned char)from[1] << 8);
}

static void store(char *to, unsigned width, int64_t number)
{
    if (width == 8) {
        put64(to, (uint64_t)number);
    } else if (width == 4) {
        put32(to, (uint32_t)number);
    } else {
        to[0] = (char)number;
        to[1] = (char)(number >> 8);
    }
}

static void set_header(struct ints *s, unsigned width, size_t count)
{
    put32(s->bytes, width);
    put32(s->bytes + 4, (uint32_t)count);
}

/* ---- one and all ---- */

struct ints *ints_new(void)
{
    struct ints *s = mem_alloc(HEADER);
    set_header(s, 2, 0);
    return s;
}

void ints_free(struct ints *s)
{
    mem_free(s, ints_bytes(s));
}

struct ints *ints_copy(const struct ints *s)
{
    return ints_from(ints_slice(s));
}

size_t ints_bytes(const struct ints *s)
{
    return size_of(width_of(s), ints_count(s));
}

size_t ints_count(const struct ints *s)
{
    return get32(s->bytes + 4);
}

int64_t ints_at(const struct ints *s, size_t place)
{
    unsigned width = width_of(s);
    return load(place_of(s, width, place), width);
}

/* ---- looking ---- */

/* The first place whose number is not below this one; the count when there is none. */
static size_t lower_bound(const struct ints *s, int64_t number)
{
    unsigned width = width_of(s);
    size_t from = 0, to = ints_count(s);
    /* Numbers that come in ascending order go to the end without a search. */
    if (to > 0 && load(place_of(s, width, to - 1), width) < number) return to;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (load(place_of(s, width, middle), width) < number)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool is_at(const struct ints *s, size_t place, int64_t number)
{
    return place < ints_count(s) && ints_at(s, place) == number;
}

bool ints_has(const struct ints *s, int64_t number)
{
    return width_for(number) <= width_of(s) && is_at(s, lower_bound(s, number), number);
}

/* ---- changing ---- */

/* Rewrites all numbers in a greater width. */
static struct ints *widen(struct ints *s, unsigned width)
{
    unsigned old_width = width_of(s);
    size_t count = ints_count(s);
    s = mem_resize(s, size_of(old_width, count), size_of(width, count));
    /* From the end, so that none is written over before it was read. */
    for (size_t i = count; i-- > 0;)
        store(place_of(s, width, i), width, load(place_of(s, old_width, i), old_width));
    set_header(s, width, count);
    return s;
}

struct ints *ints_add(struct ints *s, int64_t number, bool *changed)
{
    if (width_for(number) > width_of(s)) s = widen(s, width_for(number));
    unsigned width = width_of(s);
    size_t count = ints_count(s), place = lower_bound(s, number);
    *changed = !is_at(s, place, number);
    if (!*changed) return s;
    DCHECK(count < INTS_MAX);
    s = mem_resize(s, size_of(width, count), size_of(width, count + 1));
    char *at = place_of(s, width, place);
    memmove(at + width, at, (count - place) * width);
    store(at, width, number);
    set_header(s, width, count + 1);
    return s;
}

struct ints *ints_remove(struct ints *s, int64_t number, bool *changed)
{
    *changed = ints_has(s, number);
    if (!*changed) return s;
    unsigned width = width_of(s);
    size_t count = ints_count(s), place = lower_bound(s, number);
    char *at = place_of(s, width, place);
    memmove(at, at + width, (count - place - 1) * width);
    set_header(s, width, count - 1);
    return mem_resize(s, size_of(width, count), size_of(width, count - 1));
}

/* ---- bytes from elsewhere ---- */

struct slice ints_slice(const struct ints *s)
{
    return slice_of(s, ints_bytes(s));
}

bool ints_is_sound(struct slice bytes)
{
    if (bytes.len < HEADER) return false;
    uint32_t width = get32(bytes.at), count = get32(bytes.at + 4);
    if (width != 2 && width != 4 && width != 8) return false;
    if (count > INTS_MAX || bytes.len != size_of(width, count)) return false;
    const char *at = bytes.at + HEADER;
    for (uint32_t i = 1; i < count; i++, at += width)
        if (load(at, width) >= load(at + width, width)) return false;
    return true;
}

struct ints *ints_from(struct slice bytes)
{
    struct ints *s = mem_alloc(bytes.len);
    memcpy(s, bytes.at, bytes.len);
    return s;
}
