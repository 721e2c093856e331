/* Names of keyspace channels, both ways. */
#include "internal.h"

#include <limits.h>
#include <stdio.h>

static const char *const stems[] = {
    [HARK_F_KEYSPACE] = "__keyspace@",
    [HARK_F_KEYEVENT] = "__keyevent@",
    [HARK_F_KEYCHANGE] = "__keychange@",
    [HARK_F_SUBKEYSPACE] = "__subkeyspace@",
    [HARK_F_SUBKEYEVENT] = "__subkeyevent@",
    [HARK_F_SUBKEYSPACEITEM] = "__subkeyspaceitem@",
    [HARK_F_SUBKEYSPACEEVENT] = "__subkeyspaceevent@",
};

enum { FAMILIES = sizeof stems / sizeof *stems };

/* ---- writing ---- */

struct writer {
    char *to;
    size_t size, len;
    bool pattern;
    bool incomplete; /* something is not told, where everything must be */
};

static void put(struct writer *w, char c)
{
    if (w->len + 1 < w->size) w->to[w->len] = c;
    w->len++;
}

static void put_plain(struct writer *w, const char *text)
{
    for (; *text; text++) put(w, *text);
}

static void put_part(struct writer *w, struct hark_text t)
{
    if (!t.at) {
        if (w->pattern)
            put(w, '*');
        else
            w->incomplete = true;
        return;
    }
    for (size_t i = 0; i < t.len; i++) {
        if (w->pattern && t.at[i] && strchr("*?[]\\", t.at[i])) put(w, '\\');
        put(w, t.at[i]);
    }
}

/* What follows the second "__:". */
static void put_rest(struct writer *w, const struct hark_channel *c)
{
    switch (c->family) {
    case HARK_F_NONE: break;
    case HARK_F_KEYSPACE:
    case HARK_F_KEYCHANGE:
    case HARK_F_SUBKEYSPACE: put_part(w, c->key); break;
    case HARK_F_KEYEVENT:
    case HARK_F_SUBKEYEVENT: put_part(w, c->event); break;
    case HARK_F_SUBKEYSPACEITEM:
        put_part(w, c->key);
        put(w, '\n');
        put_part(w, c->subkey);
        break;
    case HARK_F_SUBKEYSPACEEVENT:
        put_part(w, c->event);
        put(w, '|');
        put_part(w, c->key);
        break;
    }
}

static long write_name(const struct hark_channel *c, char *to, size_t size, bool pattern)
{
    struct writer w = {.to = to, .size = size, .pattern = pattern};
    if (c->family <= HARK_F_NONE || (int)c->family >= FAMILIES) return HARK_USAGE;
    char db[16];
    int len = snprintf(db, sizeof db, "%d", c->db);
    put_plain(&w, stems[c->family]);
    put_part(&w, c->db < 0 ? (struct hark_text){NULL, 0} : (struct hark_text){db, (size_t)len});
    put_plain(&w, "__:");
    put_rest(&w, c);
    if (w.incomplete) return HARK_USAGE;
    if (size) to[w.len < size ? w.len : size - 1] = '\0';
    return (long)w.len;
}

long hark_channel_name(const struct hark_channel *c, char *to, size_t size)
{
    return write_name(c, to, size, false);
}

long hark_channel_pattern(const struct hark_channel *c, char *to, size_t size)
{
    return write_name(c, to, size, true);
}

/* ---- reading ---- */

/* The number between @ and __:, -1 for anything else, such as a glob. */
static int read_db(const char *at, size_t len)
{
    long n = len ? 0 : -1;
    for (size_t i = 0; i < len && n >= 0; i++) {
        bool digit = at[i] >= '0' && at[i] <= '9';
        n = digit && n < INT_MAX / 10 ? n * 10 + (at[i] - '0') : -1;
    }
    return (int)n;
}

static void read_rest(struct hark_channel *c, struct hark_text rest)
{
    const char *found;
    switch (c->family) {
    case HARK_F_NONE: break;
    case HARK_F_KEYSPACE:
    case HARK_F_KEYCHANGE:
    case HARK_F_SUBKEYSPACE: c->key = rest; break;
    case HARK_F_KEYEVENT:
    case HARK_F_SUBKEYEVENT: c->event = rest; break;
    case HARK_F_SUBKEYSPACEITEM:
        /* Keys with a line feed have no such channel, so the first one parts key and field. */
        found = rest.len ? memchr(rest.at, '\n', rest.len) : NULL;
        c->key = (struct hark_text){rest.at, found ? (size_t)(found - rest.at) : rest.len};
        if (found) c->subkey = (struct hark_text){found + 1, rest.len - c->key.len - 1};
        break;
    case HARK_F_SUBKEYSPACEEVENT:
        found = rest.len ? memchr(rest.at, '|', rest.len) : NULL;
        c->event = (struct hark_text){rest.at, found ? (size_t)(found - rest.at) : rest.len};
        if (found) c->key = (struct hark_text){found + 1, rest.len - c->event.len - 1};
        break;
    }
}

enum hark_family hark_channel_parse(const void *name, size_t len, struct hark_channel *out)
{
    const char *at = name;
    *out = (struct hark_channel){.db = -1};
    if (len == HARK_NUL) len = strlen(at);
    for (int f = HARK_F_NONE + 1; f < FAMILIES; f++) {
        size_t stem = strlen(stems[f]);
        if (len < stem || memcmp(at, stems[f], stem) != 0) continue;
        const char *colon = memmem(at + stem, len - stem, "__:", 3);
        if (!colon) return HARK_F_NONE;
        size_t db_len = (size_t)(colon - at) - stem, before = stem + db_len + 3;
        out->family = (enum hark_family)f;
        out->db = read_db(at + stem, db_len);
        read_rest(out, (struct hark_text){colon + 3, len - before});
        return out->family;
    }
    return HARK_F_NONE;
}
