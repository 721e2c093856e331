/* Packed lists, byte for byte as listpacks: docs/format/packed.md has the table.
 *
 * An entry is its head, which says what and how long, perhaps the bytes of a string, and the length
 * of all that, written so that it can be read backwards:
 *
 *      0xxxxxxx                 integer 0 to 127               10xxxxxx           string below 64
 *      110xxxxx 8 bits          integer of 13 bits, signed     1110xxxx 8 bits    string below 4096
 *      f1 f2 f3 f4              integer of 16, 24, 32, 64      f0 32 bits         any string
 *
 * Invariants, which packed_is_sound and packed_from establish for bytes from elsewhere:
 *  1. The entries fill the list exactly, from behind the header to the closing ff.
 *  2. The count is right, or COUNT_UNKNOWN.
 *  3. A text has one form only, the shortest: so to find a text is to find its bytes. */
#include "packed.h"

#include "../base/assert.h"
#include "../base/little.h"
#include "../base/mem.h"

enum {
    HEADER = 6,
    COUNT_AT = 4,
    COUNT_UNKNOWN = 0xffff,
    END_BYTE = 0xff,
    HEAD_MAX = 9,
    STRING6 = 0x80,
    STRING12 = 0xe0,
    STRING32 = 0xf0,
    INT13 = 0xc0,
    INT16 = 0xf1, /* INT16 + n: of n + 2 bytes, but that the last is of 8 */
    INT64 = 0xf4,
};

static inline char *bytes_of(const struct packed *p)
{
    return (char *)(uintptr_t)p;
}

static inline unsigned char byte_at(const struct packed *p, size_t at)
{
    return (unsigned char)bytes_of(p)[at];
}

size_t packed_bytes(const struct packed *p)
{
    return get32(bytes_of(p));
}

static inline packed_at end_of(const struct packed *p)
{
    return (packed_at)packed_bytes(p) - 1;
}

/* ---- an entry as it is read ---- */

/* The bytes of an integer behind its first one. */
static inline unsigned int_rest(unsigned char first)
{
    return first == INT64 ? 8 : first - INT16 + 2u;
}

/* Head and string, without the length at the end. */
static inline size_t size_at(const char *e)
{
    unsigned char first = (unsigned char)*e;
    if (first < STRING6) return 1;
    if (first < INT13) return 1 + (first & 0x3f);
    if (first < STRING12) return 2;
    if (first < STRING32) return 2 + ((first & 0xfu) << 8 | (unsigned char)e[1]);
    if (first == STRING32) return 5 + (size_t)get32(e + 1);
    return 1 + int_rest(first);
}

/* How many bytes tell a size. (The odd limits are the format's.) */
static inline unsigned back_len(size_t size)
{
    if (size <= 127) return 1;
    if (size < 16383) return 2;
    if (size < 2097151) return 3;
    return size < 268435455 ? 4 : 5;
}

static inline char *put_back(char *to, size_t size)
{
    unsigned len = back_len(size);
    for (unsigned i = len; i-- > 0; size >>= 7) to[i] = (char)((size & 127) | (i ? 128 : 0));
    return to + len;
}

/* The size that is told by the bytes before `end`. */
static inline size_t get_back(const char *end)
{
    size_t size = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        unsigned char byte = (unsigned char)*--end;
        size |= (size_t)(byte & 127) << shift;
        if (!(byte & 128)) break;
    }
    return size;
}

static inline packed_at behind(const struct packed *p, packed_at at)
{
    size_t size = size_at(bytes_of(p) + at);
    return at + (packed_at)(size + back_len(size));
}

static int64_t get_int(const char *e)
{
    unsigned char first = (unsigned char)*e;
    if (first < STRING6) return first;
    uint64_t raw = 0;
    if (first < STRING12) {
        raw = (first & 0x1fu) << 8 | (unsigned char)e[1];
        return (int64_t)(raw << 51) >> 51;
    }
    unsigned len = int_rest(first);
    for (unsigned i = 0; i < len; i++) raw |= (uint64_t)(unsigned char)e[1 + i] << (8 * i);
    unsigned spare = 64 - 8 * len;
    return (int64_t)(raw << spare) >> spare;
}

static inline bool is_string(unsigned char first)
{
    return (first >= STRING6 && first < INT13) || (first >= STRING12 && first <= STRING32);
}

static inline struct slice string_at(const char *e)
{
    unsigned char first = (unsigned char)*e;
    size_t head = first < INT13 ? 1 : first < STRING32 ? 2 : 5;
    return slice_of(e + head, size_at(e) - head);
}

/* ---- an entry as it is written ---- */

struct form {
    char head[HEAD_MAX + 1];
    unsigned head_len;
    struct slice body; /* of a string */
};

static inline size_t form_size(const struct form *f)
{
    return f->head_len + f->body.len;
}

static inline size_t form_cost(const struct form *f)
{
    return form_size(f) + back_len(form_size(f));
}

static void form_int(struct form *f, int64_t number)
{
    f->body = SLICE("");
    uint64_t raw = (uint64_t)number;
    if (number >= 0 && number <= 127) {
        f->head[0] = (char)number;
        f->head_len = 1;
        return;
    }
    if (number >= -4096 && number <= 4095) {
        f->head[0] = (char)(INT13 | (raw >> 8 & 0x1f));
        f->head[1] = (char)raw;
        f->head_len = 2;
        return;
    }
    unsigned char first = INT16;
    while (first < INT64) {
        unsigned spare = 64 - 8 * int_rest(first);
        if ((int64_t)(raw << spare) >> spare == number) break;
        first++;
    }
    f->head_len = 1 + int_rest(first);
    f->head[0] = (char)first;
    for (unsigned i = 1; i < f->head_len; i++) f->head[i] = (char)(raw >> (8 * (i - 1)));
}

static void form_string(struct form *f, struct slice text)
{
    f->body = text;
    if (text.len < 64) {
        f->head[0] = (char)(STRING6 | text.len);
        f->head_len = 1;
    } else if (text.len < 4096) {
        f->head[0] = (char)(STRING12 | text.len >> 8);
        f->head[1] = (char)text.len;
        f->head_len = 2;
    } else {
        CHECK(text.len < PACKED_BYTES_MAX);
        f->head[0] = (char)STRING32;
        put32(f->head + 1, (uint32_t)text.len);
        f->head_len = 5;
    }
}

static void form_text(struct form *f, struct slice text)
{
    int64_t number;
    if (text.len < TEXT_INT_MAX && text_to_int(text, &number))
        form_int(f, number);
    else
        form_string(f, text);
}

static char *put_form(char *to, const struct form *f)
{
    memcpy(to, f->head, f->head_len);
    to += f->head_len;
    if (f->body.len) memcpy(to, f->body.at, f->body.len);
    return put_back(to + f->body.len, form_size(f));
}

/* Is this the entry there? The first byte tells how long the head is, so that equal first bytes
 * allow to look at all of it. */
static inline bool is_form(const char *e, const struct form *f)
{
    return *e == f->head[0] && memcmp(e + 1, f->head + 1, f->head_len - 1) == 0 &&
           (!f->body.len || memcmp(e + f->head_len, f->body.at, f->body.len) == 0);
}

/* ---- life ---- */

static void put_total(struct packed *p, size_t bytes)
{
    CHECK(bytes <= PACKED_BYTES_MAX);
    put32(bytes_of(p), (uint32_t)bytes);
}

static inline unsigned get_count(const struct packed *p)
{
    return byte_at(p, COUNT_AT) | (unsigned)byte_at(p, COUNT_AT + 1) << 8;
}

static void put_count(struct packed *p, size_t count)
{
    if (count > COUNT_UNKNOWN) count = COUNT_UNKNOWN;
    bytes_of(p)[COUNT_AT] = (char)count;
    bytes_of(p)[COUNT_AT + 1] = (char)(count >> 8);
}

struct packed *packed_new(void)
{
    struct packed *p = mem_alloc(PACKED_EMPTY_BYTES);
    put_total(p, PACKED_EMPTY_BYTES);
    put_count(p, 0);
    bytes_of(p)[HEADER] = (char)END_BYTE;
    return p;
}

void packed_free(struct packed *p)
{
    if (p) mem_free(p, packed_bytes(p));
}

struct packed *packed_copy(const struct packed *p)
{
    return memcpy(mem_alloc(packed_bytes(p)), p, packed_bytes(p));
}

static size_t counted(const struct packed *p)
{
    size_t count = 0;
    packed_at end = end_of(p);
    for (packed_at at = HEADER; at != end; at = behind(p, at)) count++;
    return count;
}

size_t packed_count(const struct packed *p)
{
    unsigned count = get_count(p);
    return count != COUNT_UNKNOWN ? count : counted(p);
}

/* ---- going about ---- */

packed_at packed_first(const struct packed *p)
{
    return byte_at(p, HEADER) == END_BYTE ? PACKED_NONE : HEADER;
}

packed_at packed_last(const struct packed *p)
{
    return packed_prev(p, end_of(p));
}

packed_at packed_next(const struct packed *p, packed_at at)
{
    at = behind(p, at);
    return byte_at(p, at) == END_BYTE ? PACKED_NONE : at;
}

packed_at packed_prev(const struct packed *p, packed_at at)
{
    if (at == HEADER) return PACKED_NONE;
    size_t size = get_back(bytes_of(p) + at);
    return at - (packed_at)(size + back_len(size));
}

packed_at packed_nth(const struct packed *p, int64_t index)
{
    int64_t count = get_count(p);
    if (count != COUNT_UNKNOWN) {
        if (index >= count || index < -count) return PACKED_NONE;
        /* From the nearer end. */
        if (index > count / 2) index -= count;
        if (index < -count / 2 - 1) index += count;
    }
    packed_at at;
    if (index >= 0)
        for (at = packed_first(p); at && index > 0; index--) at = packed_next(p, at);
    else
        for (at = packed_last(p); at && index < -1; index++) at = packed_prev(p, at);
    return at;
}

/* ---- looking ---- */

struct slice packed_text(const struct packed *p, packed_at at, char digits[TEXT_INT_MAX])
{
    const char *e = bytes_of(p) + at;
    if (is_string((unsigned char)*e)) return string_at(e);
    return slice_of(digits, text_from_int(digits, get_int(e)));
}

bool packed_is_int(const struct packed *p, packed_at at, int64_t *number)
{
    const char *e = bytes_of(p) + at;
    if (is_string((unsigned char)*e)) return false;
    *number = get_int(e);
    return true;
}

bool packed_equals(const struct packed *p, packed_at at, struct slice text)
{
    struct form f;
    if (text.len >= PACKED_BYTES_MAX) return false;
    form_text(&f, text);
    return is_form(bytes_of(p) + at, &f);
}

packed_at packed_find(const struct packed *p, packed_at from, struct slice text, unsigned skip)
{
    struct form f;
    if (!from || text.len >= PACKED_BYTES_MAX) return PACKED_NONE;
    form_text(&f, text);
    packed_at end = end_of(p);
    for (packed_at at = from; at != end;) {
        if (is_form(bytes_of(p) + at, &f)) return at;
        at = behind(p, at);
        for (unsigned i = 0; i < skip && at != end; i++) at = behind(p, at);
    }
    return PACKED_NONE;
}

size_t packed_cost(struct slice text)
{
    struct form f;
    if (text.len >= PACKED_BYTES_MAX) return text.len + 10;
    form_text(&f, text);
    return form_cost(&f);
}

/* ---- changing ---- */

/* Makes `more` bytes of room in place of `less` at `at`; the rest of the list moves. */
static struct packed *make_room(struct packed *p, packed_at at, size_t less, size_t more)
{
    size_t old = packed_bytes(p), total = old - less + more, tail = old - at - less;
    CHECK(total <= PACKED_BYTES_MAX);
    if (total > old) p = mem_resize(p, old, total);
    if (less != more) memmove(bytes_of(p) + at + more, bytes_of(p) + at + less, tail);
    if (total < old) p = mem_resize(p, old, total);
    put_total(p, total);
    return p;
}

static struct packed *insert_form(struct packed *p, packed_at at, const struct form *f)
{
    unsigned count = get_count(p);
    p = make_room(p, at, 0, form_cost(f));
    put_form(bytes_of(p) + at, f);
    if (count != COUNT_UNKNOWN) put_count(p, count + 1);
    return p;
}

struct packed *packed_insert(struct packed *p, packed_at at, struct slice text)
{
    struct form f;
    form_text(&f, text);
    return insert_form(p, at, &f);
}

struct packed *packed_append(struct packed *p, struct slice text)
{
    return packed_insert(p, end_of(p), text);
}

struct packed *packed_append_int(struct packed *p, int64_t number)
{
    struct form f;
    form_int(&f, number);
    return insert_form(p, end_of(p), &f);
}

struct packed *packed_prepend(struct packed *p, struct slice text)
{
    return packed_insert(p, HEADER, text);
}

struct packed *packed_replace(struct packed *p, packed_at at, struct slice text)
{
    struct form f;
    form_text(&f, text);
    p = make_room(p, at, behind(p, at) - at, form_cost(&f));
    put_form(bytes_of(p) + at, &f);
    return p;
}

struct packed *packed_remove(struct packed *p, packed_at at, size_t count)
{
    packed_at end = end_of(p), to = at;
    unsigned had = get_count(p);
    size_t removed = 0;
    for (; removed < count && to != end; removed++) to = behind(p, to);
    p = make_room(p, at, to - at, 0);
    put_count(p, had == COUNT_UNKNOWN ? counted(p) : had - removed);
    return p;
}

struct packed *packed_join(struct packed *p, const struct packed *b)
{
    size_t count = packed_count(p) + packed_count(b);
    size_t more = packed_bytes(b) - PACKED_EMPTY_BYTES;
    packed_at at = end_of(p);
    p = make_room(p, at, 0, more);
    memcpy(bytes_of(p) + at, bytes_of(b) + HEADER, more);
    put_count(p, count);
    return p;
}

/* ---- bytes from elsewhere ---- */

struct slice packed_slice(const struct packed *p)
{
    return slice_of(p, packed_bytes(p));
}

/* Does an entry begin at `at` that ends before `end`, with the right length behind it? Returns
 * where it ends, or 0. */
static size_t sound_entry(const char *bytes, size_t at, size_t end)
{
    unsigned char first = (unsigned char)bytes[at];
    size_t head = first < INT13 ? 1 : first < STRING32 ? 2 : first == STRING32 ? 5 : 1;
    if (first > INT64 || head > end - at) return 0;
    size_t size = size_at(bytes + at);
    unsigned back = back_len(size);
    if (size > end - at || back > end - at - size) return 0;
    char expected[5];
    put_back(expected, size);
    if (memcmp(expected, bytes + at + size, back) != 0) return 0;
    return at + size + back;
}

bool packed_is_sound(struct slice bytes)
{
    if (bytes.len < PACKED_EMPTY_BYTES || bytes.len > PACKED_BYTES_MAX) return false;
    if (get32(bytes.at) != bytes.len) return false;
    size_t end = bytes.len - 1, count = 0;
    if ((unsigned char)bytes.at[end] != END_BYTE) return false;
    for (size_t at = HEADER; at != end; count++) {
        at = sound_entry(bytes.at, at, end);
        if (!at) return false;
    }
    unsigned told =
        (unsigned char)bytes.at[COUNT_AT] | (unsigned)(unsigned char)bytes.at[COUNT_AT + 1] << 8;
    return told == COUNT_UNKNOWN || told == count;
}

/* Is the entry in the one form that its text has? */
static bool is_canonical(const char *e)
{
    struct form f;
    if (is_string((unsigned char)*e))
        form_text(&f, string_at(e));
    else
        form_int(&f, get_int(e));
    return is_form(e, &f);
}

/* The same list in our forms. No entry gets longer by that. */
static struct packed *rewritten(const struct packed *p)
{
    struct packed *to = mem_alloc(packed_bytes(p));
    char digits[TEXT_INT_MAX], *out = bytes_of(to) + HEADER;
    size_t count = 0;
    packed_at end = end_of(p);
    for (packed_at at = HEADER; at != end; at = behind(p, at), count++) {
        struct form f;
        form_text(&f, packed_text(p, at, digits));
        out = put_form(out, &f);
    }
    *out++ = (char)END_BYTE;
    size_t bytes = (size_t)(out - bytes_of(to));
    to = mem_resize(to, packed_bytes(p), bytes);
    put_total(to, bytes);
    put_count(to, count);
    return to;
}

struct packed *packed_from(struct slice bytes)
{
    struct packed *p = memcpy(mem_alloc(bytes.len), bytes.at, bytes.len);
    packed_at end = end_of(p), at = HEADER;
    while (at != end && is_canonical(bytes_of(p) + at)) at = behind(p, at);
    if (get_count(p) == COUNT_UNKNOWN) put_count(p, counted(p));
    if (at == end) return p;
    struct packed *ours = rewritten(p);
    packed_free(p);
    return ours;
}
