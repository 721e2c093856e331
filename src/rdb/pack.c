#include "pack.h"

#include "../ds/packed.h"

/* ---- numbers ---- */

static uint64_t low_first(const unsigned char *at, size_t bytes)
{
    uint64_t n = 0;
    for (size_t i = bytes; i-- > 0;) n = n << 8 | at[i];
    return n;
}

static int64_t signed_low_first(const unsigned char *at, size_t bytes)
{
    unsigned unused = 64 - 8 * (unsigned)bytes;
    return (int64_t)(low_first(at, bytes) << unused) >> unused;
}

static struct slice text_of(int64_t number, char *digits)
{
    return slice_of(digits, text_from_int(digits, number));
}

/* ---- ziplist ---- */

enum {
    ZIPLIST_HEAD = 10,     /* bytes in all, where the last entry is: 4 each; how many: 2 */
    ZIPLIST_MANY = 0xffff, /* that is not known: they have to be counted */
    ZIPLIST_END = 0xff,
    ZIPLIST_WIDE = 0xfe, /* 4 bytes follow, with how long the entry before is */
};

/* One entry: the bytes of the one before it, what it is, itself. */
struct ziplist_entry {
    size_t before; /* as it says, the one before it is so long */
    size_t size;   /* its own bytes, all of them */
    bool is_int;
    int64_t number;
    struct slice text;
};

struct ziplist_int {
    unsigned char code, bytes;
};

/* How many bytes of an integer follow; 0 where the code itself is the number. False: no integer. */
static bool ziplist_int_bytes(unsigned code, size_t *bytes)
{
    static const struct ziplist_int kinds[] = {
        {0xc0, 2}, {0xd0, 4}, {0xe0, 8}, {0xf0, 3}, {0xfe, 1}};
    *bytes = 0;
    if (code >= 0xf1 && code <= 0xfd) return true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].code == code) *bytes = kinds[i].bytes;
    return *bytes > 0;
}

/* Bytes that say how long the string is, and how long; 0 when `left` ends before. */
static size_t ziplist_string(const unsigned char *at, size_t left, size_t *len)
{
    static const unsigned char heads[] = {1, 2, 5};
    size_t head = heads[at[0] >> 6];
    if (left < head) return 0;
    if (head == 1) *len = at[0] & 63;
    if (head == 2) *len = (size_t)(at[0] & 63) << 8 | at[1];
    if (head == 5) *len = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
    return head;
}

/* Reads an entry of at most `left` bytes. */
static bool ziplist_entry(const unsigned char *at, size_t left, struct ziplist_entry *e)
{
    const unsigned char *from = at, *end = at + left;
    size_t head = left && at[0] == ZIPLIST_WIDE ? 5 : 1, len = 0;
    if (left <= head) return false;
    e->before = head == 5 ? (size_t)low_first(at + 1, 4) : at[0];
    at += head;
    e->is_int = at[0] >> 6 == 3;
    if (e->is_int) {
        unsigned code = at[0];
        if (!ziplist_int_bytes(code, &len) || (size_t)(end - at) < 1 + len) return false;
        e->number = len ? signed_low_first(at + 1, len) : (int64_t)(code & 15) - 1;
        at += 1 + len;
    } else {
        head = ziplist_string(at, (size_t)(end - at), &len);
        if (head == 0 || (size_t)(end - at) - head < len) return false;
        e->text = slice_of(at + head, len);
        at += head + len;
    }
    e->size = (size_t)(at - from);
    return true;
}

static bool ziplist_open(struct pack *p, const unsigned char *at, size_t len)
{
    if (len < ZIPLIST_HEAD + 1 || low_first(at, 4) != len || at[len - 1] != ZIPLIST_END)
        return false;
    size_t tail = (size_t)low_first(at + 4, 4), count = (size_t)low_first(at + 8, 2);
    size_t before = 0, pos = ZIPLIST_HEAD, last = pos;
    struct ziplist_entry e;
    for (; pos < len - 1; pos += before, p->count++) {
        if (at[pos] == ZIPLIST_END || !ziplist_entry(at + pos, len - 1 - pos, &e)) return false;
        if (e.before != before) return false;
        last = pos;
        before = e.size;
    }
    p->at = at + ZIPLIST_HEAD;
    p->end = at + len - 1;
    return tail == last && (count == ZIPLIST_MANY || count == p->count);
}

static struct slice ziplist_next(struct pack *p, char *digits)
{
    struct ziplist_entry e;
    ziplist_entry(p->at, (size_t)(p->end - p->at), &e); /* as ziplist_open has seen */
    p->at += e.size;
    return e.is_int ? text_of(e.number, digits) : e.text;
}

/* ---- zipmap ---- */

enum { ZIPMAP_WIDE = 254, ZIPMAP_MANY = 254, ZIPMAP_END = 255 };

/* Bytes of a length, and the length; 0 when `left` ends before, or at the end mark. */
static size_t zipmap_length(const unsigned char *at, size_t left, size_t *len)
{
    if (left == 0 || at[0] == ZIPMAP_END) return 0;
    if (at[0] < ZIPMAP_WIDE) {
        *len = at[0];
        return 1;
    }
    if (left < 5) return 0;
    *len = (size_t)low_first(at + 1, 4);
    return 5;
}

/* A name or a value, which has a byte more behind its length: so many that are free follow it. */
static size_t zipmap_part(const unsigned char *at, size_t left, bool is_value, struct slice *text)
{
    size_t len, head = zipmap_length(at, left, &len), idle = 0;
    if (head == 0 || left - head < (size_t)is_value) return 0;
    if (is_value) idle = at[head++];
    if (left - head < len || left - head - len < idle) return 0;
    *text = slice_of(at + head, len);
    return head + len + idle;
}

static bool zipmap_open(struct pack *p, const unsigned char *at, size_t len)
{
    if (len < 2 || at[len - 1] != ZIPMAP_END) return false;
    struct slice text;
    size_t pos = 1, size;
    for (; pos < len - 1; pos += size, p->count++) {
        size = zipmap_part(at + pos, len - 1 - pos, p->count % 2, &text);
        if (size == 0) return false;
    }
    p->at = at + 1;
    p->end = at + len - 1;
    return p->count % 2 == 0 && (at[0] == ZIPMAP_MANY || at[0] == p->count / 2);
}

static struct slice zipmap_next(struct pack *p)
{
    struct slice text = {0};
    bool is_value = (p->count - p->left) % 2;
    p->at += zipmap_part(p->at, (size_t)(p->end - p->at), is_value, &text);
    return text;
}

/* ---- intset ---- */

enum { INTSET_HEAD = 8 }; /* bytes of an integer, how many of them: 4 each */

static bool intset_open(struct pack *p, const unsigned char *at, size_t len)
{
    if (len < INTSET_HEAD) return false;
    p->width = (size_t)low_first(at, 4);
    p->count = (size_t)low_first(at + 4, 4);
    p->at = at + INTSET_HEAD;
    if (p->width != 2 && p->width != 4 && p->width != 8) return false;
    if (len - INTSET_HEAD != p->count * p->width) return false;
    for (size_t i = 1; i < p->count; i++) {
        const unsigned char *this = p->at + i * p->width;
        if (signed_low_first(this - p->width, p->width) >= signed_low_first(this, p->width))
            return false;
    }
    return true;
}

static struct slice intset_next(struct pack *p, char *digits)
{
    int64_t number = signed_low_first(p->at, p->width);
    p->at += p->width;
    return text_of(number, digits);
}

/* ---- listpack ---- */

static bool listpack_open(struct pack *p, struct slice bytes)
{
    if (!packed_is_sound(bytes)) return false;
    p->list = bytes.at;
    p->at = (const unsigned char *)bytes.at + packed_first(p->list);
    p->count = packed_count(p->list);
    return true;
}

static struct slice listpack_next(struct pack *p, char *digits)
{
    packed_at at = (packed_at)(p->at - (const unsigned char *)p->list);
    p->at = (const unsigned char *)p->list + packed_next(p->list, at);
    return packed_text(p->list, at, digits);
}

/* ---- any ---- */

bool pack_open(struct pack *p, enum pack_form form, struct slice bytes)
{
    *p = (struct pack){.form = form};
    const unsigned char *at = (const unsigned char *)bytes.at;
    bool sound = form == PACK_LISTPACK  ? listpack_open(p, bytes)
                 : form == PACK_ZIPLIST ? ziplist_open(p, at, bytes.len)
                 : form == PACK_ZIPMAP  ? zipmap_open(p, at, bytes.len)
                                        : intset_open(p, at, bytes.len);
    p->left = p->count;
    return sound;
}

bool pack_next(struct pack *p, struct slice *text, char digits[TEXT_INT_MAX])
{
    if (p->left == 0) return false;
    *text = p->form == PACK_LISTPACK  ? listpack_next(p, digits)
            : p->form == PACK_ZIPLIST ? ziplist_next(p, digits)
            : p->form == PACK_ZIPMAP  ? zipmap_next(p)
                                      : intset_next(p, digits);
    p->left--;
    return true;
}
