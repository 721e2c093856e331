/* How values change, and nothing else: no notes, no effects, nobody told. */
#include "internal.h"

static void enter(struct keyspace *ks, struct place *p, struct entry *fresh, int64_t now_ms)
{
    entry_set_access(fresh, keyspace_new_access(ks, now_ms));
    keyspace_insert(ks, p, fresh);
}

/* Puts another entry in place of the one that is there, whose use it inherits. */
static void replace(struct keyspace *ks, struct place *p, struct entry *fresh)
{
    entry_set_access(fresh, entry_access(p->entry));
    keyspace_replace(ks, p, fresh);
}

enum string_encoding effect_encoding(enum effect_form form, struct slice value)
{
    if (form == FORM_SET) return string_encoding_of(value);
    return form == FORM_EMBSTR ? STRING_EMBSTR : STRING_RAW;
}

void apply_string(struct keyspace *ks, struct spot s, struct slice value,
                  enum string_encoding encoding, int64_t when, int64_t now_ms)
{
    if (!s.place->entry) {
        enter(ks, s.place, entry_new_string(s.key, value, encoding, when >= 0 ? when : -1), now_ms);
        return;
    }
    const struct entry *old = s.place->entry;
    int64_t deadline = when == WHEN_KEPT ? entry_deadline(old) : when;
    bool other = entry_type(old) != TYPE_STRING || keyspace_is_slow(ks, s.place);
    if (__builtin_expect(other, 0))
        replace(ks, s.place, entry_new_string(s.key, value, encoding, deadline));
    else
        keyspace_update(ks, s.place,
                        entry_set_string(keyspace_edit(ks, s.place), value, encoding, deadline));
}

void apply_value(struct keyspace *ks, struct spot s, struct value v, int64_t when, int64_t now_ms)
{
    int64_t deadline = when >= 0 ? when : -1;
    if (s.place->entry && when == WHEN_KEPT) deadline = entry_deadline(s.place->entry);
    struct entry *fresh = entry_new_value(s.key, v, deadline);
    if (s.place->entry)
        replace(ks, s.place, fresh);
    else
        enter(ks, s.place, fresh, now_ms);
}

struct value apply_edit(struct keyspace *ks, struct place *p)
{
    return entry_value(keyspace_edit(ks, p));
}

bool apply_edited(struct keyspace *ks, struct place *p, const struct value *v)
{
    struct entry *e = table_slot_entry(p->slot); /* edited already */
    entry_update_value(e, v);
    keyspace_update(ks, p, e);
    if (!value_is_gone(v)) return false;
    apply_delete(ks, p);
    return true;
}

void apply_length(struct keyspace *ks, struct spot s, size_t len, int64_t now_ms)
{
    if (s.place->entry) {
        struct entry *old = keyspace_edit(ks, s.place);
        keyspace_update(ks, s.place, entry_resize_string(old, len, STRING_RAW));
        return;
    }
    struct entry *fresh = entry_new_string(s.key, SLICE(""), STRING_RAW, -1);
    enter(ks, s.place, entry_resize_string(fresh, len, STRING_RAW), now_ms);
}

char *apply_range(struct keyspace *ks, struct spot s, size_t offset, size_t len, int64_t now_ms)
{
    size_t had = s.place->entry ? entry_string(s.place->entry).len : 0;
    apply_length(ks, s, offset + len > had ? offset + len : had, now_ms);
    return entry_string_bytes(keyspace_edit(ks, s.place)) + offset;
}

void apply_append(struct keyspace *ks, struct spot s, struct slice bytes, int64_t now_ms)
{
    if (!s.place->entry) { /* a fresh value, with the encoding of one that was set */
        apply_string(ks, s, bytes, string_encoding_of(bytes), WHEN_NONE, now_ms);
        return;
    }
    size_t had = entry_string(s.place->entry).len;
    char *to = apply_range(ks, s, had, bytes.len, now_ms);
    if (bytes.len) memcpy(to, bytes.at, bytes.len);
}

void apply_deadline(struct keyspace *ks, struct place *p, int64_t deadline)
{
    keyspace_update(ks, p, entry_set_deadline(keyspace_edit(ks, p), deadline));
}

void apply_delete(struct keyspace *ks, struct place *p)
{
    keyspace_delete(ks, p);
}

/* Looks the key up again: a change under another name may have shifted its place in the table. */
static void refresh(const struct keyspace *ks, struct spot s)
{
    *s.place = keyspace_find_hashed(ks, s.db, s.key, s.place->hash);
}

/* Frees what a key holds, to make room for a value that takes its place under the same name. */
static void clear(struct keyspace *ks, struct spot s)
{
    refresh(ks, s);
    if (s.place->entry) apply_delete(ks, s.place);
}

void apply_move(struct keyspace *ks, struct spot from, struct spot to)
{
    clear(ks, to);
    refresh(ks, from);
    struct entry *moved = entry_take_renamed(keyspace_remove(ks, from.place), to.key);
    refresh(ks, to);
    keyspace_insert(ks, to.place, moved);
}

void apply_copy(struct keyspace *ks, const struct entry *from, struct spot to, int64_t now_ms)
{
    struct entry *copy = entry_copy(from, to.key, keyspace_values(ks));
    clear(ks, to);
    enter(ks, to.place, copy, now_ms);
}
