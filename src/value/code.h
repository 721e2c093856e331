/* The byte code of consumer groups, of stored streams and of views: numbers, texts and ids, as
 * short as they may be.
 *
 * A number has 7 bits a byte, the lowest first; each byte but the last has its top bit set, and
 * only the shortest form is read. Reading takes from the front of a slice; false means that the
 * bytes make no sense, and nothing beyond them was read. */
#ifndef HARK_VALUE_CODE_H
#define HARK_VALUE_CODE_H

#include "../base/buffer.h"
#include "../record/id.h"

enum { CODE_NUMBER_MAX = 10 };

static inline void code_put(struct buffer *to, uint64_t n)
{
    char *at = buffer_reserve(to, CODE_NUMBER_MAX);
    size_t len = 0;
    for (; n >= 0x80; n >>= 7) at[len++] = (char)(n | 0x80);
    at[len++] = (char)n;
    to->len += len;
}

static inline bool code_get(struct slice *from, uint64_t *n)
{
    *n = 0;
    for (unsigned i = 0; i < CODE_NUMBER_MAX && i < from->len; i++) {
        uint64_t byte = (unsigned char)from->at[i];
        if (i == CODE_NUMBER_MAX - 1 && byte > 1) return false;
        *n |= (byte & 0x7f) << 7 * i;
        if (byte & 0x80) continue;
        if (i && !byte) return false;
        *from = slice_from(*from, i + 1);
        return true;
    }
    return false;
}

/* A number that is small either way: 0, -1, 1, -2 … are 0, 1, 2, 3 …. The difference of two times
 * is taken modulo 2^64, so that there always is one. */
static inline void code_put_change(struct buffer *to, int64_t from, int64_t now)
{
    uint64_t d = (uint64_t)now - (uint64_t)from;
    code_put(to, d << 1 ^ (d >> 63 ? UINT64_MAX : 0));
}

static inline bool code_get_change(struct slice *bytes, int64_t from, int64_t *now)
{
    uint64_t v;
    if (!code_get(bytes, &v)) return false;
    *now = (int64_t)((uint64_t)from + (v >> 1 ^ (v & 1 ? UINT64_MAX : 0)));
    return true;
}

static inline void code_put_text(struct buffer *to, struct slice s)
{
    code_put(to, s.len);
    buffer_add_slice(to, s);
}

static inline bool code_get_text(struct slice *from, struct slice *s)
{
    uint64_t len;
    if (!code_get(from, &len) || len > from->len) return false;
    *s = slice_of(from->at, (size_t)len);
    *from = slice_from(*from, (size_t)len);
    return true;
}

/* How many entries were read; -1: not known. Both this and how many there are may be set by hand,
 * to the largest number there is, which is where counting ends. */
static inline void code_put_read(struct buffer *to, int64_t read)
{
    code_put(to, (uint64_t)read + 1);
}

static inline bool code_get_read(struct slice *from, int64_t *read)
{
    uint64_t n;
    if (!code_get(from, &n) || n > (uint64_t)INT64_MAX + 1) return false;
    *read = (int64_t)(n - 1);
    return true;
}

static inline int64_t read_more(int64_t read, uint64_t count)
{
    return count < (uint64_t)(INT64_MAX - read) ? read + (int64_t)count : INT64_MAX;
}

/* ---- ids ---- */

/* Steps of so many ms, or more, are told by a number of their own. */
#define CODE_STEP_FAR (UINT64_C(1) << 48)

/* A step from an id to a later one: how many ms, and in the two lowest bits the n where it is
 * below 3 (within one ms, how far it is beyond the next one). 3 says that a number follows, with
 * what is beyond 3. `extra` takes the place of the `bits` lowest bits, which are at most 4. A step
 * that is far has CODE_STEP_FAR for its ms, and what is beyond that follows last. */
static inline void code_put_step(struct buffer *to, struct event_id from, struct event_id id,
                                 unsigned bits, uint64_t extra)
{
    uint64_t far = id.ms - from.ms, ms = far < CODE_STEP_FAR ? far : CODE_STEP_FAR;
    uint64_t n = ms ? id.n : id.n - from.n - 1;
    code_put(to, (ms << 2 | (n < 3 ? n : 3)) << bits | extra);
    if (n >= 3) code_put(to, n - 3);
    if (ms == CODE_STEP_FAR) code_put(to, far - CODE_STEP_FAR);
}

/* The same backwards, `v` being the first number with the extra bits shifted out. */
static inline bool code_take_step(struct slice *bytes, uint64_t v, struct event_id from,
                                  struct event_id *id)
{
    uint64_t ms = v >> 2, n = v & 3, more;
    if (n == 3) {
        if (!code_get(bytes, &more) || more > UINT64_MAX - 3) return false;
        n += more;
    }
    if (ms > CODE_STEP_FAR) return false;
    if (ms == CODE_STEP_FAR) {
        if (!code_get(bytes, &more) || more > UINT64_MAX - ms) return false;
        ms += more;
    }
    if (ms > UINT64_MAX - from.ms || (!ms && n >= UINT64_MAX - from.n)) return false;
    *id = (struct event_id){from.ms + ms, ms ? n : from.n + 1 + n};
    return true;
}

static inline void code_put_id(struct buffer *to, struct event_id id)
{
    code_put(to, id.ms);
    code_put(to, id.n);
}

static inline bool code_get_id(struct slice *from, struct event_id *id)
{
    return code_get(from, &id->ms) && code_get(from, &id->n);
}

#endif
