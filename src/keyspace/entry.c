#include "entry.h"

#include "../base/assert.h"
#include "../base/mem.h"

static struct blob *blob_new(size_t len, size_t cap)
{
    struct blob *b = mem_alloc(sizeof *b + cap);
    b->len = len;
    b->cap = cap;
    return b;
}

static void blob_free(struct blob *b)
{
    mem_free(b, sizeof *b + b->cap);
}

/* ---- the layout ---- */

static size_t value_at(const struct entry *e)
{
    return entry_key_at(e) + entry_key(e).len;
}

static void *pointer_of(const struct entry *e)
{
    void *at;
    memcpy(&at, (const char *)e + value_at(e), sizeof at);
    return at;
}

static void set_pointer(struct entry *e, void *at)
{
    memcpy((char *)e + value_at(e), &at, sizeof at);
}

static bool has_blob(const struct entry *e)
{
    return (e->flags & ENTRY_POINTER) && entry_type(e) == TYPE_STRING;
}

static size_t inline_len(const struct entry *e)
{
    const unsigned char *p = (const unsigned char *)e + value_at(e);
    return e->flags & ENTRY_LONG_VALUE ? (size_t)p[0] | (size_t)p[1] << 8 : p[0];
}

static size_t inline_head(const struct entry *e)
{
    return e->flags & ENTRY_LONG_VALUE ? 2 : 1;
}

static void set_inline_len(struct entry *e, size_t len)
{
    unsigned char *p = (unsigned char *)e + value_at(e);
    p[0] = (unsigned char)len;
    if (e->flags & ENTRY_LONG_VALUE) p[1] = (unsigned char)(len >> 8);
}

/* The size of the entry itself, without what it points to. */
static size_t own_size(const struct entry *e)
{
    size_t at = value_at(e);
    return e->flags & ENTRY_POINTER ? at + sizeof(void *) : at + inline_head(e) + inline_len(e);
}

static size_t size_for(size_t key_len, bool deadline, size_t value_len, uint8_t *flags)
{
    *flags = 0;
    if (key_len > UINT8_MAX) *flags |= ENTRY_LONG_KEY;
    if (deadline) *flags |= ENTRY_HAS_DEADLINE;
    size_t value = value_len + 1;
    if (value_len > STRING_INLINE_MAX) {
        *flags |= ENTRY_POINTER;
        value = sizeof(void *);
    } else if (value_len > UINT8_MAX) {
        *flags |= ENTRY_LONG_VALUE;
        value++;
    }
    return sizeof(struct entry) + (key_len > UINT8_MAX ? 4 : 0) + (deadline ? 8 : 0) + key_len +
           value;
}

/* An entry whose key and lengths are set and whose value is not: inline bytes uninitialised, a
 * pointer unset. */
static struct entry *entry_shell(struct slice key, size_t value_len, int64_t deadline)
{
    uint8_t flags;
    size_t size = size_for(key.len, deadline >= 0, value_len, &flags);
    CHECK(key.len <= UINT32_MAX);
    struct entry *e = mem_alloc(size);
    *e = (struct entry){.flags = flags, .key_len = (uint8_t)key.len};
    if (flags & ENTRY_LONG_KEY) {
        uint32_t wide = (uint32_t)key.len;
        memcpy((char *)e + sizeof *e, &wide, sizeof wide);
    }
    if (flags & ENTRY_HAS_DEADLINE)
        memcpy((char *)e + entry_deadline_at(e), &deadline, sizeof deadline);
    if (key.len) memcpy((char *)e + entry_key_at(e), key.at, key.len);
    if (!(flags & ENTRY_POINTER)) set_inline_len(e, value_len);
    return e;
}

static void set_kind(struct entry *e, enum string_encoding encoding)
{
    e->kind = (uint8_t)(TYPE_STRING | encoding << 4);
}

/* ---- strings ---- */

struct slice entry_string(const struct entry *e)
{
    if (e->flags & ENTRY_POINTER) {
        const struct blob *b = pointer_of(e);
        return slice_of(b->bytes, b->len);
    }
    return slice_of((const char *)e + value_at(e) + inline_head(e), inline_len(e));
}

char *entry_string_bytes(struct entry *e)
{
    if (!(e->flags & ENTRY_POINTER)) return (char *)e + value_at(e) + inline_head(e);
    struct blob *b = pointer_of(e);
    return b->bytes;
}

size_t entry_string_room(const struct entry *e)
{
    if (!(e->flags & ENTRY_POINTER)) return inline_len(e);
    const struct blob *b = pointer_of(e);
    return b->cap;
}

struct entry *entry_new_string(struct slice key, struct slice value, enum string_encoding encoding,
                               int64_t deadline)
{
    struct entry *e = entry_shell(key, value.len, deadline);
    set_kind(e, encoding);
    if (e->flags & ENTRY_POINTER) set_pointer(e, blob_new(value.len, value.len));
    if (value.len) memcpy(entry_string_bytes(e), value.at, value.len);
    return e;
}

struct entry *entry_set_string(struct entry *e, struct slice value, enum string_encoding encoding,
                               int64_t deadline)
{
    bool same_shape = !(e->flags & ENTRY_POINTER) &&
                      (deadline >= 0) == (e->flags & ENTRY_HAS_DEADLINE) &&
                      inline_len(e) == value.len;
    if (__builtin_expect(same_shape, 1)) {
        if (deadline >= 0) memcpy((char *)e + entry_deadline_at(e), &deadline, sizeof deadline);
        if (value.len) memcpy(entry_string_bytes(e), value.at, value.len);
        set_kind(e, encoding);
        return e;
    }
    struct entry *fresh = entry_new_string(entry_key(e), value, encoding, deadline);
    entry_set_access(fresh, entry_access(e));
    entry_free(e);
    return fresh;
}

/* ---- other values ---- */

struct entry *entry_new_value(struct slice key, struct value v, int64_t deadline)
{
    struct entry *e = entry_shell(key, STRING_INLINE_MAX + 1, deadline);
    entry_update_value(e, &v);
    return e;
}

struct value entry_value(const struct entry *e)
{
    return (struct value){entry_type(e), (enum value_encoding)(e->kind >> 4), pointer_of(e)};
}

void entry_update_value(struct entry *e, const struct value *v)
{
    e->kind = (uint8_t)(v->type | v->encoding << 4);
    set_pointer(e, v->at);
}

int64_t entry_fields_due(const struct entry *e)
{
    struct value v = entry_value(e);
    return value_due(&v);
}

struct slice entry_encoding_text(const struct entry *e)
{
    if (entry_type(e) == TYPE_STRING) return string_encoding_text(entry_encoding(e));
    return value_encoding_text(entry_value(e).encoding);
}

/* ---- all of them ---- */

/* Moves the value over to a fresh shell; a pointer is handed on, inline bytes are copied. */
static struct entry *reshape(struct entry *e, struct slice key, int64_t deadline)
{
    size_t len = e->flags & ENTRY_POINTER ? STRING_INLINE_MAX + 1 : inline_len(e);
    struct entry *fresh = entry_shell(key, len, deadline);
    fresh->kind = e->kind;
    entry_set_access(fresh, entry_access(e));
    if (e->flags & ENTRY_POINTER)
        set_pointer(fresh, pointer_of(e));
    else
        memcpy(entry_string_bytes(fresh), entry_string(e).at, len);
    mem_free(e, own_size(e));
    return fresh;
}

struct entry *entry_set_deadline(struct entry *e, int64_t deadline)
{
    bool has = e->flags & ENTRY_HAS_DEADLINE;
    if (!has && deadline < 0) return e;
    if (has && deadline >= 0) {
        memcpy((char *)e + entry_deadline_at(e), &deadline, sizeof deadline);
        return e;
    }
    return reshape(e, entry_key(e), deadline);
}

/* Room for a string of this length that may well grow on: twice as much, but at most a megabyte. */
static size_t cap_for(size_t len)
{
    const size_t ahead_max = (size_t)1 << 20;
    return len + (len < ahead_max ? len : ahead_max);
}

static struct blob *blob_with_room(struct blob *b, size_t len)
{
    if (b->cap >= len && (len >= b->cap / 4 || b->cap <= 4096)) return b;
    size_t cap = len > b->cap ? cap_for(len) : len;
    b = mem_resize(b, sizeof *b + b->cap, sizeof *b + cap);
    b->cap = cap;
    return b;
}

struct entry *entry_resize_string(struct entry *e, size_t len, enum string_encoding encoding)
{
    struct slice old = entry_string(e);
    if (e->flags & ENTRY_POINTER && len > STRING_INLINE_MAX) {
        struct blob *b = blob_with_room(pointer_of(e), len);
        if (len > b->len) memset(b->bytes + b->len, 0, len - b->len);
        b->len = len;
        set_pointer(e, b);
    } else if (len != old.len) {
        struct entry *fresh = entry_shell(entry_key(e), len, entry_deadline(e));
        entry_set_access(fresh, entry_access(e));
        size_t kept = old.len < len ? old.len : len;
        if (fresh->flags & ENTRY_POINTER) set_pointer(fresh, blob_new(len, cap_for(len)));
        char *to = entry_string_bytes(fresh);
        if (kept) memcpy(to, old.at, kept);
        memset(to + kept, 0, len - kept);
        entry_free(e);
        e = fresh;
    }
    set_kind(e, encoding);
    return e;
}

struct entry *entry_take_renamed(struct entry *e, struct slice key)
{
    return reshape(e, key, entry_deadline(e));
}

struct entry *entry_copy(const struct entry *e, struct slice key, const struct value_config *config)
{
    struct entry *copy;
    if (entry_type(e) == TYPE_STRING) {
        copy = entry_new_string(key, entry_string(e), entry_encoding(e), entry_deadline(e));
    } else {
        struct value v = entry_value(e);
        copy = entry_new_value(key, value_kind(v.type)->copy(&v, config), entry_deadline(e));
    }
    entry_set_access(copy, entry_access(e));
    return copy;
}

bool entry_is_large(const struct entry *e, size_t bytes)
{
    if (entry_type(e) == TYPE_STRING) return entry_string(e).len / 16 > bytes;
    struct value v = entry_value(e);
    return value_kind(v.type)->bytes(&v) > bytes;
}

size_t entry_bytes(const struct entry *e)
{
    size_t bytes = mem_cost(own_size(e));
    if (has_blob(e)) {
        const struct blob *b = pointer_of(e);
        bytes += mem_cost(sizeof *b + b->cap);
    } else if (e->flags & ENTRY_POINTER) {
        struct value v = entry_value(e);
        bytes += value_kind(v.type)->bytes(&v);
    }
    return bytes;
}

bool entry_free_to_value(struct entry *e, struct value *v)
{
    bool is_string = entry_type(e) == TYPE_STRING;
    if (has_blob(e)) blob_free(pointer_of(e));
    if (!is_string) *v = entry_value(e);
    mem_free(e, own_size(e));
    return !is_string;
}

void entry_free(struct entry *e)
{
    struct value v;
    if (entry_free_to_value(e, &v)) value_free(&v);
}
