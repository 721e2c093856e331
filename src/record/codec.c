#include "codec.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "causes.h"

/* ---- codes ---- */

static const uint8_t event_codes[EVENT_COUNT] = {
#define X(code, id, name, class) [EVENT_##id] = code,
    EVENTS(X)
#undef X
};

static const uint8_t effect_codes[EFFECT_COUNT] = {
#define X(code, id, name) [EFFECT_##id] = code,
    EFFECTS(X)
#undef X
};

/* The other way, one more than the enum has it: 0 is for codes that nothing has. Two with the same
 * code do not compile. Place 0 is keymiss's, which has no code, and is never looked up. */
enum { CODES_MAX = 128 };

static const uint8_t events_by_code[CODES_MAX] = {
#define X(code, id, name, class) [code] = EVENT_##id + 1,
    EVENTS(X)
#undef X
};

static const uint8_t effects_by_code[CODES_MAX] = {
#define X(code, id, name) [code] = EFFECT_##id + 1,
    EFFECTS(X)
#undef X
};

struct cause {
    uint8_t code;
    char name[18];
};

#define X(code, name) {code, name},
#define L(length)     static const struct cause causes_##length[] = {CAUSES_##length(X)};
CAUSE_LENGTHS(L)
#undef L
#undef X

/* The causes with a code, by the length of their names. */
static const struct {
    const struct cause *at;
    size_t count;
} causes[] = {
#define L(length) [length] = {causes_##length, sizeof causes_##length / sizeof *causes_##length},
    CAUSE_LENGTHS(L)
#undef L
};

/* That of a record of the second version. */
#define CAUSE_BOOKS SLICE("xgroup")

enum { CAUSE_LENGTHS_MAX = sizeof causes / sizeof *causes, CAUSE_TEXT = 0 };

static const struct slice causes_by_code[256] = {
#define X(code, name) [code] = {name, sizeof(name) - 1},
#define L(length)     CAUSES_##length(X)
    CAUSE_LENGTHS(L)
#undef L
#undef X
};

static uint8_t cause_code(struct slice name)
{
    if (!name.len || name.len >= CAUSE_LENGTHS_MAX) return CAUSE_TEXT;
    const struct cause *list = causes[name.len].at;
    for (size_t i = 0; i < causes[name.len].count; i++)
        if (list[i].name[0] == name.at[0] && memcmp(list[i].name, name.at, name.len) == 0)
            return list[i].code;
    return CAUSE_TEXT;
}

/* ---- the layout: docs/format/record.md ---- */

enum {
    TIME_BYTES = 6,
    NUMBER_MAX = 10, /* bytes of the longest number */

    EFFECT_HAS_DB = 0x80,

    /* How SET has its deadline, and above that an enum effect_form. */
    SET_WHEN_NONE = 0,
    SET_WHEN_KEPT = 1,
    SET_WHEN_GIVEN = 2,
    SET_FORM_SHIFT = 2,

    EVENT_TELLS = 0x80, /* short: of the effect at the cursor, which moves on */
    EVENT_LONG = 0,     /* instead of a code: code and manner follow */

    /* Of which effect a long event tells; */
    TELLS_NONE = 0,
    TELLS_NEXT = 1, /* the one at the cursor */
    TELLS_LAST = 2, /* the one before that */
    TELLS_GIVEN = 3,
    TELLS_MASK = 3,
    /* and which key it has. */
    KEY_OF_EFFECT = 0 << 2, /* of the effect told of, without one of that at the cursor */
    KEY_OF_EVENT = 1 << 2,  /* of the event before */
    KEY_OF_TARGET = 2 << 2, /* where the effect puts its value */
    KEY_GIVEN = 3 << 2,
    KEY_MASK = 3 << 2,
    HAS_SUBKEYS = 1 << 4,
    MANNER_MASK = TELLS_MASK | KEY_MASK | HAS_SUBKEYS,
};

/* Which fields an effect has besides its key. */
enum {
    HAS_KEY = 1,
    HAS_ARG = 2,
    HAS_OFFSET = 4,
    HAS_OTHER_DB = 8,
    HAS_DEADLINE = 16,
    HAS_WORDS = 32,
};

static const uint8_t effect_fields_without_words[EFFECT_RPUSH] = {
    [EFFECT_SET] = HAS_KEY | HAS_ARG, /* and its own way of saying the deadline */
    [EFFECT_DEL] = HAS_KEY,
    [EFFECT_PEXPIREAT] = HAS_KEY | HAS_DEADLINE,
    [EFFECT_PERSIST] = HAS_KEY,
    [EFFECT_APPEND] = HAS_KEY | HAS_ARG,
    [EFFECT_SETRANGE] = HAS_KEY | HAS_ARG | HAS_OFFSET,
    [EFFECT_RENAME] = HAS_KEY | HAS_ARG,
    [EFFECT_MOVE] = HAS_KEY | HAS_OTHER_DB,
    [EFFECT_COPY] = HAS_KEY | HAS_ARG | HAS_OTHER_DB,
    [EFFECT_FLUSHDB] = 0,
    [EFFECT_SWAPDB] = HAS_OTHER_DB,
    [EFFECT_VIEWS] = HAS_ARG,
};

static inline unsigned effect_fields(enum effect_verb verb)
{
    return effect_has_words(verb) ? HAS_KEY | HAS_WORDS : effect_fields_without_words[verb];
}

/* A key in a database. */
struct address {
    int db;
    struct slice key;
};

static struct address address_of(const struct effect *e)
{
    bool has_key = effect_fields(e->verb) & HAS_KEY;
    return (struct address){e->db, has_key ? e->key : SLICE("")};
}

/* Where the effect puts a value that was elsewhere; false when it does no such thing. */
static bool target_of(const struct effect *e, struct address *to)
{
    switch (e->verb) {
    case EFFECT_RENAME: *to = (struct address){e->db, e->arg}; return true;
    case EFFECT_MOVE: *to = (struct address){(int)e->when, e->key}; return true;
    case EFFECT_COPY: *to = (struct address){(int)e->when, e->arg}; return true;
    case EFFECT_SWAPDB: *to = (struct address){(int)e->when, SLICE("")}; return true;
    default: return false;
    }
}

/* ---- writing ---- */

static size_t words_max(const struct effect *e)
{
    size_t max = 0;
    for (uint32_t i = 0; i < e->words_count; i++) max += NUMBER_MAX + e->words[i].len;
    return max;
}

size_t record_encoded_max(const struct record *r)
{
    enum { HEAD_MAX = 2 + TIME_BYTES + 5 * NUMBER_MAX };
    enum { EFFECT_MAX = 2 + 4 * NUMBER_MAX, EVENT_MAX = 3 + 4 * NUMBER_MAX };
    size_t max = HEAD_MAX + r->cause.len;
    for (uint32_t i = 0; i < r->effects_count; i++)
        max +=
            EFFECT_MAX + r->effects[i].key.len + r->effects[i].arg.len + words_max(&r->effects[i]);
    for (uint32_t i = 0; i < r->notes_count; i++) {
        const struct note *n = &r->notes[i];
        if (n->kind != NOTE_EVENT) continue;
        max += EVENT_MAX + n->key.len;
        for (uint32_t k = 0; k < n->subkeys_count; k++) max += NUMBER_MAX + n->subkeys[k].len;
    }
    return max;
}

/* These write at `to` and return where to go on. */

static inline char *put_number(char *to, uint64_t n)
{
    for (; n >= 0x80; n >>= 7) *to++ = (char)(n | 0x80);
    *to++ = (char)n;
    return to;
}

static inline char *put_bytes(char *to, struct slice s)
{
    to = put_number(to, s.len);
    if (s.len) memcpy(to, s.at, s.len);
    return to + s.len;
}

/* A deadline, as its distance from the time of the commit; small either way. */
static char *put_deadline(char *to, int64_t when, int64_t commit_ms)
{
    uint64_t d = (uint64_t)when - (uint64_t)commit_ms;
    return put_number(to, d << 1 ^ (d >> 63 ? UINT64_MAX : 0));
}

static char *put_id(char *to, int version, struct event_id id)
{
    uint64_t ms = (uint64_t)id.ms;
    CHECK(ms >> 8 * TIME_BYTES == 0);
    *to++ = (char)version;
    for (int i = 0; i < TIME_BYTES; i++) to[i] = (char)(ms >> 8 * i);
    return put_number(to + TIME_BYTES, id.n);
}

static char *put_head(char *to, const struct record *r)
{
    to = put_id(to, RECORD_VERSION, r->id);
    uint8_t code = cause_code(r->cause);
    *to++ = (char)code;
    if (code == CAUSE_TEXT) to = put_bytes(to, r->cause);
    return put_number(to, r->client);
}

static char *put_set(char *to, const struct effect *e, int64_t commit_ms)
{
    int how = e->when >= 0 ? SET_WHEN_GIVEN : e->when == WHEN_KEPT ? SET_WHEN_KEPT : SET_WHEN_NONE;
    *to++ = (char)(how | (int)e->form << SET_FORM_SHIFT);
    return e->when >= 0 ? put_deadline(to, e->when, commit_ms) : to;
}

static char *put_list(char *to, const struct slice *list, uint32_t count)
{
    to = put_number(to, count);
    for (uint32_t i = 0; i < count; i++) to = put_bytes(to, list[i]);
    return to;
}

static char *put_effect(char *to, const struct effect *e, int64_t commit_ms)
{
    unsigned fields = effect_fields(e->verb);
    *to++ = (char)(effect_codes[e->verb] | (e->db ? EFFECT_HAS_DB : 0));
    if (e->db) to = put_number(to, (uint64_t)e->db);
    if (fields & HAS_KEY) to = put_bytes(to, e->key);
    if (fields & (HAS_OFFSET | HAS_OTHER_DB)) to = put_number(to, (uint64_t)e->when);
    if (fields & HAS_DEADLINE) to = put_deadline(to, e->when, commit_ms);
    if (e->verb == EFFECT_SET) to = put_set(to, e, commit_ms);
    if (fields & HAS_WORDS) to = put_list(to, e->words, e->words_count);
    return fields & HAS_ARG ? put_bytes(to, e->arg) : to;
}

static inline bool is_at(const struct note *n, struct address a)
{
    if (n->db != a.db || n->key.len != a.key.len) return false;
    return n->key.at == a.key.at || slice_equal(n->key, a.key);
}

/* The effect that an event's key is compared with. */
static const struct effect *effect_meant(const struct record *r, int32_t told, uint32_t cursor)
{
    uint32_t i = told >= 0 ? (uint32_t)told : cursor;
    return i < r->effects_count ? &r->effects[i] : NULL;
}

static int key_manner(const struct effect *meant, const struct note *n, const struct note *before)
{
    struct address target;
    if (meant && is_at(n, address_of(meant))) return KEY_OF_EFFECT;
    if (before && is_at(n, (struct address){before->db, before->key})) return KEY_OF_EVENT;
    if (meant && target_of(meant, &target) && is_at(n, target)) return KEY_OF_TARGET;
    return KEY_GIVEN;
}

static int tells_manner(int32_t told, uint32_t cursor)
{
    if (told < 0) return TELLS_NONE;
    if ((uint32_t)told == cursor) return TELLS_NEXT;
    return (uint32_t)told + 1 == cursor ? TELLS_LAST : TELLS_GIVEN;
}

static char *put_event(char *to, const struct record *r, const struct note *n,
                       const struct note *before, uint32_t *cursor)
{
    int code = event_codes[n->event];
    int tells = tells_manner(n->effect, *cursor);
    int key = key_manner(effect_meant(r, n->effect, *cursor), n, before);
    CHECK(code);
    if (n->effect >= 0) *cursor = (uint32_t)n->effect + 1;
    if (tells <= TELLS_NEXT && key == KEY_OF_EFFECT && !n->subkeys_count) {
        *to++ = (char)(code | (tells == TELLS_NEXT ? EVENT_TELLS : 0));
        return to;
    }
    *to++ = EVENT_LONG;
    *to++ = (char)code;
    *to++ = (char)(tells | key | (n->subkeys_count ? HAS_SUBKEYS : 0));
    if (tells == TELLS_GIVEN) to = put_number(to, (uint64_t)n->effect);
    if (key == KEY_GIVEN) to = put_bytes(put_number(to, (uint64_t)n->db), n->key);
    return n->subkeys_count ? put_list(to, n->subkeys, n->subkeys_count) : to;
}

/* Nothing but changes of the books, which came together at the end of a turn? */
static bool is_books(const struct record *r)
{
    if (r->client || !r->effects_count) return false;
    for (uint32_t i = 0; i < r->effects_count; i++)
        if (r->effects[i].verb != EFFECT_VIEWS || r->effects[i].db) return false;
    for (uint32_t i = 0; i < r->notes_count; i++)
        if (r->notes[i].kind == NOTE_EVENT) return false;
    return slice_equal(r->cause, CAUSE_BOOKS);
}

static size_t encode_books(char *to, const struct record *r)
{
    char *at = put_id(to, RECORD_VERSION_BOOKS, r->id);
    for (uint32_t i = 0; i < r->effects_count; i++) at = put_bytes(at, r->effects[i].arg);
    return (size_t)(at - to);
}

size_t record_encode(char *to, const struct record *r)
{
    CHECK(r->seq);
    if (__builtin_expect(is_books(r), 0)) return encode_books(to, r);
    char *at = put_head(to, r);
    at = put_number(at, r->effects_count);
    for (uint32_t i = 0; i < r->effects_count; i++) at = put_effect(at, &r->effects[i], r->id.ms);
    /* The events go on to the end of the record, so that nobody has to count them first. */
    const struct note *before = NULL;
    uint32_t cursor = 0;
    for (uint32_t i = 0; i < r->notes_count; i++) {
        const struct note *n = &r->notes[i];
        if (n->kind != NOTE_EVENT) continue;
        at = put_event(at, r, n, before, &cursor);
        before = n;
    }
    return (size_t)(at - to);
}

/* ---- reading ---- */

/* What is left to read. After an error nothing is, and all that is read is zero. */
struct reader {
    const unsigned char *at, *end;
    int error;
};

static uint64_t fail(struct reader *r, int error)
{
    if (!r->error) r->error = error;
    r->at = r->end;
    return 0;
}

static uint8_t get_byte(struct reader *r)
{
    if (__builtin_expect(r->at == r->end, 0)) return (uint8_t)fail(r, ERR_CORRUPT);
    return *r->at++;
}

/* Only the shortest form of a number is one. */
static uint64_t get_long_number(struct reader *r)
{
    uint64_t n = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t byte = get_byte(r);
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80) continue;
        bool shortest = byte != 0 || shift == 0;
        bool fits = shift < 63 || byte == 1;
        return shortest && fits ? n : fail(r, ERR_CORRUPT);
    }
    return fail(r, ERR_CORRUPT);
}

static inline uint64_t get_number(struct reader *r)
{
    if (__builtin_expect(r->at < r->end && *r->at < 0x80, 1)) return *r->at++;
    return get_long_number(r);
}

static uint64_t get_number_to(struct reader *r, uint64_t max)
{
    uint64_t n = get_number(r);
    return n <= max ? n : fail(r, ERR_CORRUPT);
}

static struct slice get_bytes(struct reader *r)
{
    size_t len = (size_t)get_number_to(r, (uint64_t)(r->end - r->at));
    if (len > (size_t)(r->end - r->at)) len = (size_t)fail(r, ERR_CORRUPT);
    struct slice s = slice_of(r->at, len);
    r->at += len;
    return s;
}

static int64_t get_deadline(struct reader *r, int64_t commit_ms)
{
    uint64_t n = get_number(r);
    uint64_t d = n >> 1 ^ (n & 1 ? UINT64_MAX : 0);
    int64_t when = (int64_t)((uint64_t)commit_ms + d);
    return when >= 0 ? when : (int64_t)fail(r, ERR_CORRUPT);
}

/* Returns the version. */
static int get_id(struct reader *r, struct event_id *id)
{
    uint64_t ms = 0;
    int version = get_byte(r);
    if (version != RECORD_VERSION && version != RECORD_VERSION_BOOKS) fail(r, ERR_UNSUPPORTED);
    for (int i = 0; i < TIME_BYTES; i++) ms |= (uint64_t)get_byte(r) << 8 * i;
    id->ms = (int64_t)ms;
    id->n = get_number(r);
    return version;
}

/* What follows the id. */
static void get_head(struct reader *r, struct record *out)
{
    uint8_t code = get_byte(r);
    out->cause = code == CAUSE_TEXT ? get_bytes(r) : causes_by_code[code];
    if (code != CAUSE_TEXT && !out->cause.len) fail(r, ERR_UNSUPPORTED);
    out->client = get_number(r);
}

static void get_set(struct reader *r, struct effect *e, int64_t commit_ms)
{
    uint8_t byte = get_byte(r);
    int how = byte & ((1 << SET_FORM_SHIFT) - 1), form = byte >> SET_FORM_SHIFT;
    if (how > SET_WHEN_GIVEN || form >= (int)FORM_COUNT) fail(r, ERR_CORRUPT);
    e->form = (enum effect_form)form;
    e->when = how == SET_WHEN_GIVEN  ? get_deadline(r, commit_ms)
              : how == SET_WHEN_KEPT ? WHEN_KEPT
                                     : WHEN_NONE;
}

/* Room for one more item of a list that has `count`. */
static void *with_room(void *list, size_t *cap, size_t count, size_t item)
{
    if (__builtin_expect(count < *cap, 1)) return list;
    size_t more = *cap ? *cap * 2 : 8;
    list = mem_resize(list, *cap * item, more * item);
    *cap = more;
    return list;
}

/* A list of strings behind the *used that `list` has already; how many there are. */
static uint32_t get_list(struct reader *r, struct slice **list, size_t *cap, size_t *used)
{
    uint32_t count = (uint32_t)get_number_to(r, (uint64_t)(r->end - r->at));
    for (uint32_t i = 0; i < count && !r->error; i++) {
        *list = with_room(*list, cap, *used, sizeof **list);
        (*list)[(*used)++] = get_bytes(r);
    }
    return count;
}

static void get_effect(struct reader *r, struct effect *e, int64_t commit_ms,
                       struct record_room *room, size_t *words_used)
{
    uint8_t byte = get_byte(r), code = byte & (CODES_MAX - 1);
    *e = (struct effect){.key = SLICE(""), .arg = SLICE("")};
    if (!effects_by_code[code]) {
        fail(r, ERR_UNSUPPORTED);
        return;
    }
    e->verb = (enum effect_verb)(effects_by_code[code] - 1);
    unsigned fields = effect_fields(e->verb);
    if (byte & EFFECT_HAS_DB) {
        e->db = (int)get_number_to(r, INT32_MAX);
        if (!e->db) fail(r, ERR_CORRUPT);
    }
    if (fields & HAS_KEY) e->key = get_bytes(r);
    if (fields & HAS_OTHER_DB) e->when = (int64_t)get_number_to(r, INT32_MAX);
    if (fields & HAS_OFFSET) e->when = (int64_t)get_number_to(r, INT64_MAX);
    if (fields & HAS_DEADLINE) e->when = get_deadline(r, commit_ms);
    if (e->verb == EFFECT_SET) get_set(r, e, commit_ms);
    if (fields & HAS_WORDS)
        e->words_count = get_list(r, &room->words, &room->words_cap, words_used);
    if (fields & HAS_ARG) e->arg = get_bytes(r);
}

/* Events while they are read. Their subkeys are one list, which may still move. */
struct events {
    struct record *record;
    struct record_room *room;
    uint32_t cursor;
    size_t subkeys_count;
};

static int32_t get_told(struct reader *r, const struct events *all, int tells)
{
    uint64_t told = all->cursor;
    if (tells == TELLS_NONE) return -1;
    if (tells == TELLS_LAST && !all->cursor) return (int32_t)fail(r, ERR_CORRUPT);
    if (tells == TELLS_LAST) told--;
    if (tells == TELLS_GIVEN) told = get_number(r);
    return told < all->record->effects_count ? (int32_t)told : (int32_t)fail(r, ERR_CORRUPT);
}

static struct address get_key(struct reader *r, const struct events *all, int32_t told, int manner)
{
    const struct effect *meant = effect_meant(all->record, told, all->cursor);
    uint32_t count = all->record->notes_count;
    struct address a = {.key = SLICE("")};
    if (manner == KEY_GIVEN) {
        a.db = (int)get_number_to(r, INT32_MAX);
        a.key = get_bytes(r);
    } else if (manner == KEY_OF_EVENT && count) {
        a = (struct address){all->room->notes[count - 1].db, all->room->notes[count - 1].key};
    } else if (manner == KEY_OF_EFFECT && meant) {
        a = address_of(meant);
    } else if (manner != KEY_OF_TARGET || !meant || !target_of(meant, &a)) {
        fail(r, ERR_CORRUPT);
    }
    return a;
}

static uint32_t get_subkeys(struct reader *r, struct events *all)
{
    struct record_room *room = all->room;
    uint32_t count = get_list(r, &room->subkeys, &room->subkeys_cap, &all->subkeys_count);
    return count ? count : (uint32_t)fail(r, ERR_CORRUPT);
}

static void get_event(struct reader *r, struct events *all)
{
    struct record_room *room = all->room;
    struct record *record = all->record;
    uint8_t code = get_byte(r);
    int manner = KEY_OF_EFFECT | (code & EVENT_TELLS ? TELLS_NEXT : TELLS_NONE);
    if (code == EVENT_LONG) {
        code = get_byte(r);
        manner = get_byte(r);
        if (code >= CODES_MAX || manner & ~MANNER_MASK) fail(r, ERR_CORRUPT);
    }
    code &= CODES_MAX - 1;
    if (!code) fail(r, ERR_CORRUPT);
    if (!events_by_code[code]) fail(r, ERR_UNSUPPORTED);

    room->notes =
        with_room(room->notes, &room->notes_cap, record->notes_count, sizeof *room->notes);
    int32_t told = get_told(r, all, manner & TELLS_MASK);
    struct address a = get_key(r, all, told, manner & KEY_MASK);
    room->notes[record->notes_count++] = (struct note){
        .kind = NOTE_EVENT,
        .event = (enum event_name)(events_by_code[code] - 1),
        .db = a.db,
        .key = a.key,
        .payload = SLICE(""),
        .subkeys_count = manner & HAS_SUBKEYS ? get_subkeys(r, all) : 0,
        .effect = told,
    };
    if (told >= 0) all->cursor = (uint32_t)told + 1;
}

/* The words of effects are one list, which moved while it grew. */
static void place_words(const struct record *record, struct record_room *room)
{
    const struct slice *next = room->words;
    for (uint32_t i = 0; i < record->effects_count; i++) {
        struct effect *e = &room->effects[i];
        e->words = e->words_count ? next : NULL;
        if (e->words_count) next += e->words_count;
    }
}

static void place_subkeys(struct record *record, struct record_room *room)
{
    const struct slice *next = room->subkeys;
    for (uint32_t i = 0; i < record->notes_count; i++) {
        struct note *n = &room->notes[i];
        n->subkeys = n->subkeys_count ? next : NULL;
        if (n->subkeys_count) next += n->subkeys_count;
    }
}

/* What follows the id in a record of the second version. */
static int get_books(struct reader *r, struct record_room *room, struct record *out)
{
    out->cause = CAUSE_BOOKS;
    while (r->at < r->end) {
        room->effects =
            with_room(room->effects, &room->effects_cap, out->effects_count, sizeof *room->effects);
        room->effects[out->effects_count++] =
            (struct effect){.verb = EFFECT_VIEWS, .key = SLICE(""), .arg = get_bytes(r)};
    }
    out->effects = room->effects;
    out->notes = room->notes;
    if (!r->error && !out->effects_count) fail(r, ERR_CORRUPT);
    return r->error;
}

int record_decode(struct slice bytes, uint64_t seq, struct record_room *room, struct record *out)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    struct reader r = {.at = at, .end = at + bytes.len};
    struct events all = {.record = out, .room = room};
    size_t words_used = 0;
    *out = (struct record){.seq = seq};
    if (get_id(&r, &out->id) == RECORD_VERSION_BOOKS) return get_books(&r, room, out);
    get_head(&r, out);
    uint32_t effects = (uint32_t)get_number_to(&r, INT32_MAX);
    for (; out->effects_count < effects && !r.error; out->effects_count++) {
        room->effects =
            with_room(room->effects, &room->effects_cap, out->effects_count, sizeof *room->effects);
        get_effect(&r, &room->effects[out->effects_count], out->id.ms, room, &words_used);
    }
    out->effects = room->effects;
    while (r.at < r.end && out->notes_count < INT32_MAX) get_event(&r, &all);
    if (r.error) return r.error;
    if (r.at != r.end || out->id.n > UINT64_MAX - out->notes_count) return ERR_CORRUPT;
    if (words_used) place_words(out, room);
    if (all.subkeys_count) place_subkeys(out, room);
    out->notes = room->notes;
    return 0;
}

/* ---- looking ---- */

int record_peek(struct slice bytes, struct event_id *id)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    struct reader r = {.at = at, .end = at + bytes.len};
    get_id(&r, id);
    return r.error;
}

static void skip_bytes(struct reader *r)
{
    uint64_t len = get_number(r);
    if (len > (uint64_t)(r->end - r->at)) len = fail(r, ERR_CORRUPT);
    r->at += len;
}

static void skip_effect(struct reader *r)
{
    uint8_t byte = get_byte(r), verb = effects_by_code[byte & (CODES_MAX - 1)];
    unsigned fields =
        verb ? effect_fields((enum effect_verb)(verb - 1)) : (unsigned)fail(r, ERR_UNSUPPORTED);
    if (byte & EFFECT_HAS_DB) get_number(r);
    if (fields & HAS_KEY) skip_bytes(r);
    if (fields & (HAS_OFFSET | HAS_OTHER_DB | HAS_DEADLINE)) get_number(r);
    if (verb == EFFECT_SET + 1 && (get_byte(r) & SET_WHEN_GIVEN)) get_number(r);
    if (fields & HAS_WORDS)
        for (uint64_t n = get_number(r); n > 0 && !r->error; n--) skip_bytes(r);
    if (fields & HAS_ARG) skip_bytes(r);
}

/* What follows a long event's code. */
static void skip_manner(struct reader *r)
{
    uint8_t manner = get_byte(r);
    if ((manner & TELLS_MASK) == TELLS_GIVEN) get_number(r);
    if ((manner & KEY_MASK) == KEY_GIVEN) {
        get_number(r);
        skip_bytes(r);
    }
    if (!(manner & HAS_SUBKEYS)) return;
    for (uint64_t n = get_number(r); n > 0 && !r->error; n--) skip_bytes(r);
}

/* No event is told there, as far as it is one. */
static bool books_are_torn(struct reader *r)
{
    if (r->at == r->end) fail(r, ERR_CORRUPT);
    while (r->at < r->end) skip_bytes(r);
    return r->error != 0;
}

bool record_may_tell(struct slice bytes, event_set events)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    struct reader r = {.at = at, .end = at + bytes.len};
    struct event_id id;
    if (get_id(&r, &id) == RECORD_VERSION_BOOKS) return books_are_torn(&r);
    if (get_byte(&r) == CAUSE_TEXT) skip_bytes(&r);
    get_number(&r);
    for (uint64_t n = get_number(&r); n > 0 && !r.error; n--) skip_effect(&r);
    while (r.at < r.end) {
        uint8_t byte = get_byte(&r), code = byte == EVENT_LONG ? get_byte(&r) : byte;
        uint8_t event = events_by_code[code & (CODES_MAX - 1)];
        if (!event || event_set_has(events, (enum event_name)(event - 1))) return true;
        if (byte == EVENT_LONG) skip_manner(&r);
    }
    return r.error != 0;
}

void record_room_fini(struct record_room *room)
{
    mem_free(room->effects, room->effects_cap * sizeof *room->effects);
    mem_free(room->notes, room->notes_cap * sizeof *room->notes);
    mem_free(room->words, room->words_cap * sizeof *room->words);
    mem_free(room->subkeys, room->subkeys_cap * sizeof *room->subkeys);
    *room = (struct record_room){0};
}
