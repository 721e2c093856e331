#include "name.h"

#include "../base/err.h"
#include "../base/text.h"
#include "view.h"

static const struct slice stems[VIEW_FAMILIES] = {
    [VIEW_KEYSPACE] = {"__keyspace@", 11},
    [VIEW_KEYEVENT] = {"__keyevent@", 11},
    [VIEW_KEYCHANGE] = {"__keychange@", 12},
};

_Static_assert((int)EVENT_COUNT <= 128, "a bit per event");

/* The classes that `A` stands for. */
static const uint32_t classes_of_a = 0
#define X(name, flag, all) | (uint32_t)(all) << CLASS_##name
    EVENT_CLASSES(X)
#undef X
    ;

/* ---- taking apart ---- */

static bool is_special(char c)
{
    return c == '*' || c == '?' || c == '[' || c == '\\';
}

static size_t literal_run(struct slice s)
{
    size_t n = 0;
    while (n < s.len && !is_special(s.at[n])) n++;
    return n;
}

/* Where the class ends that begins at `at`, as globs have it. */
static size_t after_class(struct slice s, size_t at)
{
    at++;
    if (at < s.len && s.at[at] == '^') at++;
    while (at < s.len && s.at[at] != ']') {
        size_t left = s.len - at;
        if (s.at[at] == '\\' && left >= 2)
            at += 2;
        else if (left >= 3 && s.at[at + 1] == '-')
            at += 3;
        else
            at++;
    }
    return at < s.len ? at + 1 : at;
}

/* Splits "<db>__:<rest>" where the first `__:` stands that is neither escaped nor in a class. */
static bool split(struct slice s, struct slice *db, struct slice *rest)
{
    for (size_t i = 0; i + 3 <= s.len;) {
        if (memcmp(s.at + i, "__:", 3) == 0) {
            *db = slice_of(s.at, i);
            *rest = slice_from(s, i + 3);
            return true;
        }
        i = s.at[i] == '[' ? after_class(s, i) : i + (s.at[i] == '\\' ? 2 : 1);
    }
    return false;
}

static int take_apart(struct slice text, enum view_family *family, struct slice *db,
                      struct slice *rest)
{
    for (int i = 0; i < VIEW_FAMILIES; i++) {
        if (!slice_starts_with(text, stems[i])) continue;
        struct slice after = slice_from(text, stems[i].len);
        *family = (enum view_family)i;
        if (split(after, db, rest)) return VIEW_NAME_OF_VIEW;
        return literal_run(after) < after.len ? ERR_SYNTAX : VIEW_NAME_OF_KEY;
    }
    struct slice prefix = slice_of(text.at, literal_run(text));
    if (prefix.len == text.len || !slice_starts_with(prefix, SLICE("__key")))
        return VIEW_NAME_OF_KEY;
    for (int i = 0; i < VIEW_FAMILIES; i++)
        if (slice_starts_with(stems[i], prefix)) return ERR_SYNTAX;
    return VIEW_NAME_OF_KEY;
}

int view_name_kind(struct slice name)
{
    enum view_family family;
    struct slice db, rest;
    return take_apart(name, &family, &db, &rest);
}

/* ---- making ready ---- */

/* A glob matches no empty text but by the empty pattern; behind a stem, stars match nothing too. */
static bool matches_empty(struct slice glob)
{
    size_t stars = 0;
    while (stars < glob.len && glob.at[stars] == '*') stars++;
    return stars == glob.len;
}

static bool matches_db(struct slice glob, int db)
{
    char digits[TEXT_INT_MAX];
    return glob_match(glob, slice_of(digits, text_from_int(digits, db)), false);
}

/* A class outside `A` is shown only by a view that names the event and nothing else. */
static bool rest_shows(const struct view_name *n, bool literal, enum event_name event)
{
    bool in_a = classes_of_a >> event_class(event) & 1;
    return (in_a || literal) && glob_match(n->rest, event_text(event), false);
}

static event_set events_shown(const struct view_name *n, bool literal)
{
    event_set shown = 0;
    for (int i = 0; i < EVENT_COUNT; i++) {
        enum event_name event = (enum event_name)i;
        bool in_a = classes_of_a >> event_class(event) & 1, yes = in_a;
        if (event_class(event) == CLASS_KEYMISS)
            yes = false;
        else if (event_is_of_db(event))
            yes = n->family != VIEW_KEYSPACE;
        else if (n->family == VIEW_KEYEVENT)
            yes = rest_shows(n, literal, event);
        if (yes) shown |= event_set_of(event);
    }
    return shown;
}

int view_name_init(struct view_name *n, struct slice text)
{
    *n = (struct view_name){0};
    buffer_add_slice(&n->text, text);
    if (take_apart(buffer_slice(&n->text), &n->family, &n->db, &n->rest) != VIEW_NAME_OF_VIEW) {
        view_name_fini(n);
        return ERR_SYNTAX;
    }
    for (int db = 0; db < VIEW_DBS_KNOWN; db++) n->dbs |= (uint64_t)matches_db(n->db, db) << db;
    glob_analyse(n->rest, &n->store, &n->key);
    n->events = events_shown(n, n->key.kind == GLOB_LITERAL);
    n->key_empty = matches_empty(n->rest);
    n->key_any = n->key_empty && n->rest.len > 0;
    return 0;
}

void view_name_fini(struct view_name *n)
{
    buffer_fini(&n->text);
    buffer_fini(&n->store);
}

/* ---- asking ---- */

static bool ends_with(struct slice s, struct slice end)
{
    return s.len >= end.len && slice_equal(slice_from(s, s.len - end.len), end);
}

static bool shows_key(const struct view_name *n, struct slice key)
{
    if (n->key_any) return true;
    if (!key.len) return n->key_empty;
    if (key.len < n->key.len_min || key.len > n->key.len_max) return false;
    if (!slice_starts_with(key, n->key.prefix) || !ends_with(key, n->key.suffix)) return false;
    return n->key.kind != GLOB_GENERAL || glob_match(n->rest, key, false);
}

bool view_name_shows(const struct view_name *n, enum event_name event, int db, struct slice key)
{
    if (!event_set_has(n->events, event)) return false;
    bool in_db = db < VIEW_DBS_KNOWN ? n->dbs >> db & 1 : matches_db(n->db, db);
    if (!in_db) return false;
    return n->family == VIEW_KEYEVENT || event_is_of_db(event) || shows_key(n, key);
}

void view_name_stem(struct buffer *to, enum view_family family, int db)
{
    buffer_add_slice(to, stems[family]);
    to->len += text_from_int(buffer_reserve(to, TEXT_INT_MAX), db);
    buffer_add_slice(to, SLICE("__:"));
}
