/* An entry: a key, its deadline and its value in one allocation.
 *
 *      0       1       2..4      5              +8           +len     +1..2
 *   +-------+-------+--------+----------+  +-----------+  +-------+  +------+---------+
 *   | type, | flags | access | key len  |  | deadline  |  |  key  |  | len  |  value  |
 *   | enc.  |       | 24 bit | 1 (or 5) |  | if HAS_.. |  |       |  | of small values|
 *   +-------+-------+--------+----------+  +-----------+  +-------+  +------+---------+
 *                                                                or 8 bytes: a pointer to the value
 *
 * A 16-byte key with a one-byte value and a deadline is 32 bytes, and one cache line serves the
 * comparison, the deadline and the value. An entry moves when its size changes: whoever gets a
 * new pointer back from a function below stores it in the table's slot.
 *
 * Strings up to STRING_INLINE_MAX live inside; longer ones in a `struct blob` of their own that
 * grows by doubling. Other types are the pointer of a struct value, whose type and encoding are the
 * entry's. Nothing here is aligned: fields are read with
 * memcpy. */
#ifndef HARK_KEYSPACE_ENTRY_H
#define HARK_KEYSPACE_ENTRY_H

#include "../base/slice.h"
#include "../value/string.h"
#include "../value/value.h"

enum { STRING_INLINE_MAX = 512 };

enum {
    ENTRY_HAS_DEADLINE = 1,
    ENTRY_POINTER = 2,    /* the value is a pointer, not bytes */
    ENTRY_LONG_KEY = 4,   /* the key's length takes 4 more bytes */
    ENTRY_LONG_VALUE = 8, /* the inline value's length takes 2 bytes */
    ENTRY_MARK = 16,      /* whether a walk has handed it over: see walk.h */
};

/* A string too long to live in its entry. */
struct blob {
    size_t len, cap;
    char bytes[];
};

struct entry {
    uint8_t kind; /* type in the low nibble, its encoding in the high one */
    uint8_t flags;
    uint8_t access[3];
    uint8_t key_len;
};

static inline enum value_type entry_type(const struct entry *e)
{
    return (enum value_type)(e->kind & 15);
}

/* Of a string. */
static inline enum string_encoding entry_encoding(const struct entry *e)
{
    return (enum string_encoding)(e->kind >> 4);
}

static inline size_t entry_deadline_at(const struct entry *e)
{
    return sizeof *e + (e->flags & ENTRY_LONG_KEY ? 4 : 0);
}

static inline size_t entry_key_at(const struct entry *e)
{
    return entry_deadline_at(e) + (e->flags & ENTRY_HAS_DEADLINE ? 8 : 0);
}

static inline struct slice entry_key(const struct entry *e)
{
    size_t len = e->key_len;
    if (__builtin_expect(e->flags & ENTRY_LONG_KEY, 0)) {
        uint32_t wide;
        memcpy(&wide, (const char *)e + sizeof *e, sizeof wide);
        len = wide;
    }
    return slice_of((const char *)e + entry_key_at(e), len);
}

static inline bool entry_has_key(const struct entry *e, struct slice key)
{
    return slice_equal(entry_key(e), key);
}

/* Unix ms at which the key ceases to be, or -1. */
static inline int64_t entry_deadline(const struct entry *e)
{
    if (!(e->flags & ENTRY_HAS_DEADLINE)) return -1;
    int64_t ms;
    memcpy(&ms, (const char *)e + entry_deadline_at(e), sizeof ms);
    return ms;
}

static inline uint32_t entry_access(const struct entry *e)
{
    return (uint32_t)e->access[0] | (uint32_t)e->access[1] << 8 | (uint32_t)e->access[2] << 16;
}

static inline void entry_set_access(struct entry *e, uint32_t bits)
{
    e->access[0] = (uint8_t)bits;
    e->access[1] = (uint8_t)(bits >> 8);
    e->access[2] = (uint8_t)(bits >> 16);
}

/* `mark` is ENTRY_MARK or 0. */
static inline void entry_set_mark(struct entry *e, uint8_t mark)
{
    e->flags = (uint8_t)((e->flags & ~ENTRY_MARK) | mark);
}

/* The bytes of a string value; valid until the entry changes. */
struct slice entry_string(const struct entry *e);

/* A new entry for a string. `deadline` -1 for none. */
struct entry *entry_new_string(struct slice key, struct slice value, enum string_encoding encoding,
                               int64_t deadline);
/* A new entry for a value of another type, which it takes. */
struct entry *entry_new_value(struct slice key, struct value v, int64_t deadline);
/* The value of such an entry: a handle that is good until the entry changes. */
struct value entry_value(const struct entry *e);
/* The value has changed in place, maybe moved or got another encoding. */
void entry_update_value(struct entry *e, const struct value *v);
/* Replaces value and deadline by a string, keeping key and access; in place where it fits. */
struct entry *entry_set_string(struct entry *e, struct slice value, enum string_encoding encoding,
                               int64_t deadline);
/* Sets or (-1) removes the deadline. */
struct entry *entry_set_deadline(struct entry *e, int64_t deadline);
/* Makes the string exactly `len` bytes, the new ones zero, and returns the entry; its bytes, to be
 * written to, are then at entry_string_bytes. */
struct entry *entry_resize_string(struct entry *e, size_t len, enum string_encoding encoding);
char *entry_string_bytes(struct entry *e);
/* How long a string can become where it is. */
size_t entry_string_room(const struct entry *e);
/* The same value under another key (RENAME): takes the old entry's value, frees the old entry. */
struct entry *entry_take_renamed(struct entry *e, struct slice key);
/* A copy of value and deadline under another key. */
struct entry *entry_copy(const struct entry *e, struct slice key,
                         const struct value_config *config);
void entry_free(struct entry *e);
/* The same, but for the value, which is the caller's then; false when it was a string. */
bool entry_free_to_value(struct entry *e, struct value *v);
/* When the first of its fields ends, or -1. */
int64_t entry_fields_due(const struct entry *e);
/* What OBJECT ENCODING says. */
struct slice entry_encoding_text(const struct entry *e);
/* Bytes taken, the value included. */
size_t entry_bytes(const struct entry *e);
/* Does its value take more than so many bytes, or, being a string, which is copied as it stands,
 * than 16 times as many? */
bool entry_is_large(const struct entry *e, size_t bytes);

/* When it is to be looked at: for its own deadline, and for that of the first of its fields. */
struct entry_times {
    int64_t deadline, fields; /* unix ms, or -1 */
};

static inline struct entry_times entry_times(const struct entry *e)
{
    return (struct entry_times){entry_deadline(e),
                                entry_type(e) == TYPE_HASH ? entry_fields_due(e) : -1};
}

/* The sooner of both, or -1. */
static inline int64_t entry_times_due(struct entry_times t)
{
    return t.fields >= 0 && (t.deadline < 0 || t.fields < t.deadline) ? t.fields : t.deadline;
}

static inline int64_t entry_due(const struct entry *e)
{
    return entry_times_due(entry_times(e));
}

#endif
