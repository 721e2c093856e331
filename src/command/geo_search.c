/* Searches for places: GEOSEARCH, GEOSEARCHSTORE, and GEORADIUS and its kin, which are older words
 * for the same. */
#include "../base/arena.h"
#include "../base/mem.h"
#include "../value/zset.h"
#include "geo.h"

#include <stdlib.h>

/* Which command it is. */
enum { RADIUS = 1, RADIUS_RO = 2, SEARCH = 4, SEARCH_STORE = 8 };

enum {
    OPTION_WITHDIST = 1,
    OPTION_WITHHASH = 2,
    OPTION_WITHCOORD = 4,
    OPTION_ANY = 8,
    OPTION_ASC = 16,
    OPTION_DESC = 32,
    OPTION_COUNT = 64,
    OPTION_STORE = 128,
    OPTION_STOREDIST = 256,
    OPTION_FROMMEMBER = 512,
    OPTION_FROMLONLAT = 1024,
    OPTION_BYRADIUS = 2048,
    OPTION_BYBOX = 4096,

    OPTIONS_WITH = OPTION_WITHDIST | OPTION_WITHHASH | OPTION_WITHCOORD,
    OPTIONS_ORDER = OPTION_ASC | OPTION_DESC,
    OPTIONS_STORE = OPTION_STORE | OPTION_STOREDIST,
    OPTIONS_FROM = OPTION_FROMMEMBER | OPTION_FROMLONLAT,
    OPTIONS_BY = OPTION_BYRADIUS | OPTION_BYBOX,
};

struct search {
    unsigned kind;
    unsigned given;
    struct value zset;
    bool exists; /* the sorted set does */
    struct geo_shape shape;
    int64_t count;          /* 0: all */
    const struct slice *to; /* the key to store under, or NULL */
};

/* ---- arguments ---- */

/* The center, from a member; one of a key that does not exist does not matter. */
static bool read_member(struct call *c, struct search *s, int i)
{
    if (!s->exists || geo_find(&s->zset, call_arg(c, i), &s->shape.center)) return true;
    resp_error(&c->reply, SLICE("ERR could not decode requested zset member"));
    return false;
}

static bool read_place(struct call *c, struct search *s, int i)
{
    return geo_read_point(c, i, &s->shape.center);
}

static bool read_radius(struct call *c, struct search *s, int i)
{
    s->shape.is_box = false;
    if (!geo_read_number(c, i, "need numeric radius", &s->shape.radius)) return false;
    if (s->shape.radius < 0) {
        resp_error(&c->reply, SLICE("ERR radius cannot be negative"));
        return false;
    }
    return geo_read_unit(c, i + 1, &s->shape.unit);
}

static bool read_box(struct call *c, struct search *s, int i)
{
    s->shape.is_box = true;
    if (!geo_read_number(c, i, "need numeric width", &s->shape.width) ||
        !geo_read_number(c, i + 1, "need numeric height", &s->shape.height))
        return false;
    if (s->shape.width < 0 || s->shape.height < 0) {
        resp_error(&c->reply, SLICE("ERR height or width cannot be negative"));
        return false;
    }
    return geo_read_unit(c, i + 2, &s->shape.unit);
}

static bool read_count(struct call *c, struct search *s, int i)
{
    if (!call_int(c, i, &s->count)) return false;
    if (s->count > 0) return true;
    resp_error(&c->reply, SLICE("ERR COUNT must be > 0"));
    return false;
}

static bool read_destination(struct call *c, struct search *s, int i)
{
    s->to = &c->argv[i];
    return true;
}

static const struct option {
    const char *word;
    unsigned flag;
    unsigned kinds;      /* of commands that know it */
    int args;            /* that follow */
    unsigned instead_of; /* what was given before is forgotten */
    unsigned not_with;
    bool (*read)(struct call *c, struct search *s, int i);
} options[] = {
    {"withdist", OPTION_WITHDIST, ~0u, 0, 0, 0, NULL},
    {"withhash", OPTION_WITHHASH, ~0u, 0, 0, 0, NULL},
    {"withcoord", OPTION_WITHCOORD, ~0u, 0, 0, 0, NULL},
    {"any", OPTION_ANY, ~0u, 0, 0, 0, NULL},
    {"asc", OPTION_ASC, ~0u, 0, OPTIONS_ORDER, 0, NULL},
    {"desc", OPTION_DESC, ~0u, 0, OPTIONS_ORDER, 0, NULL},
    {"count", OPTION_COUNT, ~0u, 1, 0, 0, read_count},
    {"store", OPTION_STORE, RADIUS, 1, OPTIONS_STORE, 0, read_destination},
    {"storedist", OPTION_STOREDIST, RADIUS, 1, OPTIONS_STORE, 0, read_destination},
    {"storedist", OPTION_STOREDIST, SEARCH_STORE, 0, 0, 0, NULL},
    {"frommember", OPTION_FROMMEMBER, SEARCH | SEARCH_STORE, 1, 0, OPTION_FROMLONLAT, read_member},
    {"fromlonlat", OPTION_FROMLONLAT, SEARCH | SEARCH_STORE, 2, 0, OPTION_FROMMEMBER, read_place},
    {"byradius", OPTION_BYRADIUS, SEARCH | SEARCH_STORE, 2, 0, OPTION_BYBOX, read_radius},
    {"bybox", OPTION_BYBOX, SEARCH | SEARCH_STORE, 3, 0, OPTION_BYRADIUS, read_box},
};

static const struct option *option_at(struct call *c, const struct search *s, int i)
{
    for (size_t n = 0; n < sizeof options / sizeof *options; n++) {
        const struct option *o = &options[n];
        if (o->kinds & s->kind && i + o->args < c->argc && !(o->not_with & s->given) &&
            call_arg_is(c, i, o->word))
            return o;
    }
    return NULL;
}

/* Reads the options from argument i on; false after writing the error. */
static bool read_options(struct call *c, struct search *s, int i)
{
    while (i < c->argc) {
        const struct option *o = option_at(c, s, i);
        if (!o) {
            call_syntax_error(c);
            return false;
        }
        if (o->read && !o->read(c, s, i + 1)) return false;
        s->given = (s->given & ~o->instead_of) | o->flag;
        i += 1 + o->args;
    }
    return true;
}

/* Do the options go together? False after writing the error. */
static bool check_options(struct call *c, const struct search *s)
{
    struct slice name = call_arg(c, 0);
    bool searches = s->kind & (SEARCH | SEARCH_STORE);
    if (s->to && s->given & OPTIONS_WITH)
        resp_errorf(&c->reply,
                    "ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
                    searches ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS");
    else if (searches && !(s->given & OPTIONS_FROM))
        resp_errorf(&c->reply,
                    "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %.*s",
                    (int)name.len, name.at);
    else if (searches && !(s->given & OPTIONS_BY))
        resp_errorf(&c->reply, "ERR exactly one of BYRADIUS and BYBOX can be specified for %.*s",
                    (int)name.len, name.at);
    else if (s->given & OPTION_ANY && !s->count)
        resp_error(&c->reply, SLICE("ERR the ANY argument requires COUNT argument"));
    else
        return true;
    return false;
}

/* ---- searching ---- */

struct match {
    struct slice member;
    struct geo_point at;
    double score, distance;
    size_t number; /* in the order in which they were found */
};

struct matches {
    struct match *at;
    size_t count, cap;
    struct arena members; /* those that do not stand in the value as text */
};

static void matches_fini(struct matches *m)
{
    mem_free(m->at, m->cap * sizeof *m->at);
    arena_fini(&m->members);
}

static struct match *add_match(struct matches *m)
{
    if (m->count == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 16;
        m->at = mem_resize(m->at, m->cap * sizeof *m->at, cap * sizeof *m->at);
        m->cap = cap;
    }
    return &m->at[m->count++];
}

/* Finds what lies in one range, until there are so many matches; 0: all. */
static void search_range(const struct search *s, struct geo_range range, size_t enough,
                         struct matches *m)
{
    struct zset_cursor c;
    struct ordered_place from = {.side = ORDERED_BEFORE_SCORE, .score = range.from};
    zset_start(&c, &s->zset, zset_rank(&s->zset, &from));
    while ((!enough || m->count < enough) && zset_next(&c) && c.score < range.to) {
        double distance;
        struct geo_point p = geo_of_score(c.score);
        if (!geo_within(&s->shape, p, &distance)) continue;
        bool lasting = c.member.at != c.digits;
        struct match *found = add_match(m);
        found->member = lasting ? c.member : arena_keep(&m->members, c.member);
        found->at = p;
        found->score = c.score;
        found->distance = distance;
        found->number = m->count;
    }
}

static int nearer_first(const void *a, const void *b)
{
    const struct match *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

static int farther_first(const void *a, const void *b)
{
    const struct match *x = a, *y = b;
    if (x->distance != y->distance) return x->distance > y->distance ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* All that is asked for, in the order that is asked for. */
static void search(const struct search *s, struct matches *m)
{
    struct geo_range ranges[GEO_RANGES_MAX];
    int count = geo_cover(&s->shape, ranges);
    size_t enough = s->given & OPTION_ANY ? (size_t)s->count : 0;
    for (int i = 0; i < count; i++) search_range(s, ranges[i], enough, m);
    if (!m->count) return;
    if (s->given & OPTION_DESC)
        qsort(m->at, m->count, sizeof *m->at, farther_first);
    else if (s->given & OPTION_ASC || (s->count && !enough))
        qsort(m->at, m->count, sizeof *m->at, nearer_first);
    if (s->count && m->count > (size_t)s->count) m->count = (size_t)s->count;
}

/* ---- answers ---- */

static void reply_match(struct call *c, const struct search *s, const struct match *m)
{
    unsigned with = s->given & OPTIONS_WITH;
    if (with) resp_array(&c->reply, 1 + (size_t)__builtin_popcount(with));
    resp_bulk(&c->reply, m->member);
    if (with & OPTION_WITHDIST) geo_reply_distance(c, m->distance, s->shape.unit);
    if (with & OPTION_WITHHASH) resp_int(&c->reply, (int64_t)m->score);
    if (with & OPTION_WITHCOORD) geo_reply_point(c, m->at);
}

/* Puts the matches under the other key. */
static void store(struct call *c, const struct search *s, const struct matches *m)
{
    bool by_distance = s->given & OPTION_STOREDIST;
    bool searches = s->kind & SEARCH_STORE;
    struct value v = zset_new();
    for (size_t i = 0; i < m->count; i++) {
        const struct match *x = &m->at[i];
        double score = by_distance ? x->distance / s->shape.unit : x->score;
        zset_add(&v, score, x->member, call_values(c));
    }
    call_store(c, *s->to, &v, searches ? EVENT_GEOSEARCHSTORE : EVENT_GEORADIUSSTORE, m->count);
}

static void answer(struct call *c, const struct search *s)
{
    struct matches m = {0};
    if (s->exists) search(s, &m);
    if (s->to) {
        store(c, s, &m);
    } else {
        resp_array(&c->reply, m.count);
        for (size_t i = 0; i < m.count; i++) reply_match(c, s, &m.at[i]);
    }
    matches_fini(&m);
}

/* Reads the sorted set at argument i; false after writing the error. */
static bool begin(struct call *c, struct search *s, unsigned kind, int i)
{
    *s = (struct search){.kind = kind};
    int found = call_read_value(c, call_arg(c, i), TYPE_ZSET, &s->zset);
    s->exists = found > 0;
    return found >= 0;
}

/* ---- the commands ---- */

static void finish(struct call *c, struct search *s, int options_at)
{
    if (read_options(c, s, options_at) && check_options(c, s)) answer(c, s);
}

static void around_place(struct call *c, unsigned kind)
{
    struct search s;
    if (begin(c, &s, kind, 1) && read_place(c, &s, 2) && read_radius(c, &s, 4)) finish(c, &s, 6);
}

/* Where there is no such key, the radius is not even looked at. */
static void around_member(struct call *c, unsigned kind)
{
    struct search s;
    if (!begin(c, &s, kind, 1)) return;
    if (!s.exists || (read_member(c, &s, 2) && read_radius(c, &s, 3))) finish(c, &s, 5);
}

static void georadius(struct call *c)
{
    around_place(c, RADIUS);
}

static void georadius_ro(struct call *c)
{
    around_place(c, RADIUS_RO);
}

static void georadiusbymember(struct call *c)
{
    around_member(c, RADIUS);
}

static void georadiusbymember_ro(struct call *c)
{
    around_member(c, RADIUS_RO);
}

static void geosearch(struct call *c)
{
    struct search s;
    if (begin(c, &s, SEARCH, 1)) finish(c, &s, 2);
}

static void geosearchstore(struct call *c)
{
    struct search s;
    if (!begin(c, &s, SEARCH_STORE, 2)) return;
    s.to = &c->argv[1];
    finish(c, &s, 3);
}

void geo_bind_searches(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"geosearch", geosearch},
        {"geosearchstore", geosearchstore},
        {"georadius", georadius},
        {"georadius_ro", georadius_ro},
        {"georadiusbymember", georadiusbymember},
        {"georadiusbymember_ro", georadiusbymember_ro},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
