/* Places in sorted sets: GEOADD, GEOPOS, GEODIST, GEOHASH. */
#include "geo.h"

#include "../base/mem.h"
#include "../base/text.h"
#include "../value/zset.h"

#include <stdio.h>

/* ---- what all of them read and answer ---- */

bool geo_read_number(struct call *c, int i, const char *why, double *out)
{
    if (text_to_double(call_arg(c, i), out)) return true;
    resp_errorf(&c->reply, "ERR %s", why ? why : "value is not a valid float");
    return false;
}

bool geo_read_point(struct call *c, int i, struct geo_point *out)
{
    if (!geo_read_number(c, i, NULL, &out->longitude) ||
        !geo_read_number(c, i + 1, NULL, &out->latitude))
        return false;
    if (geo_is_valid(*out)) return true;
    resp_errorf(&c->reply, "ERR invalid longitude,latitude pair %f,%f", out->longitude,
                out->latitude);
    return false;
}

bool geo_read_unit(struct call *c, int i, double *out)
{
    static const struct {
        const char *name;
        double meters;
    } units[] = {{"m", 1}, {"km", 1000}, {"ft", 0.3048}, {"mi", 1609.34}};
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        if (!call_arg_is(c, i, units[u].name)) continue;
        *out = units[u].meters;
        return true;
    }
    resp_error(&c->reply, SLICE("ERR unsupported unit provided. please use M, KM, FT, MI"));
    return false;
}

bool geo_find(const struct value *zset, struct slice member, struct geo_point *out)
{
    double score;
    if (!zset_score(zset, member, &score)) return false;
    *out = geo_of_score(score);
    return true;
}

static void reply_coordinate(struct call *c, double degrees)
{
    char digits[TEXT_LONG_DOUBLE_MAX];
    resp_double_text(&c->reply, slice_of(digits, text_from_long_double(digits, degrees)));
}

void geo_reply_point(struct call *c, struct geo_point p)
{
    resp_array(&c->reply, 2);
    reply_coordinate(c, p.longitude);
    reply_coordinate(c, p.latitude);
}

void geo_reply_distance(struct call *c, double meters, double unit)
{
    char digits[64];
    int len = snprintf(digits, sizeof digits, "%.4f", meters / unit);
    resp_bulk(&c->reply, slice_of(digits, (size_t)len));
}

/* ---- GEOADD ---- */

struct adding {
    bool only_new, only_there, counts_changes; /* NX, XX, CH */
    int at;                                    /* the argument of the first longitude */
    size_t count;
    double *scores;
};

/* Reads the options; false after writing the error. */
static bool read_adding(struct call *c, struct adding *a)
{
    *a = (struct adding){.at = 2};
    for (; a->at < c->argc; a->at++) {
        if (call_arg_is(c, a->at, "nx"))
            a->only_new = true;
        else if (call_arg_is(c, a->at, "xx"))
            a->only_there = true;
        else if (call_arg_is(c, a->at, "ch"))
            a->counts_changes = true;
        else
            break;
    }
    int rest = c->argc - a->at;
    if (rest % 3 || !rest || (a->only_new && a->only_there)) {
        call_syntax_error(c);
        return false;
    }
    a->count = (size_t)rest / 3;
    return true;
}

static bool read_scores(struct call *c, struct adding *a)
{
    for (size_t i = 0; i < a->count; i++) {
        struct geo_point p;
        if (!geo_read_point(c, a->at + 3 * (int)i, &p)) return false;
        a->scores[i] = geo_score(p);
    }
    return true;
}

/* Gives the members their scores and says what redoes it. How many count in the answer. */
static int64_t add_all(struct call *c, const struct adding *a, struct opened *k)
{
    struct value *v = opened_entry(k) ? opened_value(k) : opened_create(k, zset_new());
    struct slice *words = engine_words(c->engine, 2 * a->count);
    size_t said = 0;
    int64_t added = 0, moved = 0;
    for (size_t i = 0; i < a->count; i++) {
        struct slice member = call_arg(c, a->at + 3 * (int)i + 2);
        double had;
        char digits[TEXT_DOUBLE_MAX];
        bool there = zset_score(v, member, &had);
        if (there ? a->only_new : a->only_there) continue;
        enum zset_change change = zset_add(v, a->scores[i], member, call_values(c));
        if (change == ZSET_SAME) continue;
        added += change == ZSET_ADDED;
        moved += change == ZSET_MOVED;
        struct slice score = slice_of(digits, text_from_double(digits, a->scores[i]));
        words[said++] = engine_keep(c->engine, score);
        words[said++] = member;
    }
    if (said) opened_did(k, EFFECT_ZADD, words, said);
    return a->counts_changes ? added + moved : added;
}

static void add_points(struct call *c, const struct adding *a)
{
    struct opened k;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_ZSET)) return;
    int64_t count = 0;
    if (opened_entry(&k) || !a->only_there) count = add_all(c, a, &k);
    if (k.changed)
        gate_close(&k, EVENT_ZADD);
    else
        gate_close_unchanged(&k);
    resp_int(&c->reply, count);
}

static void geoadd(struct call *c)
{
    struct adding a;
    if (!read_adding(c, &a)) return;
    a.scores = mem_alloc(a.count * sizeof *a.scores);
    if (read_scores(c, &a)) add_points(c, &a);
    mem_free(a.scores, a.count * sizeof *a.scores);
}

/* ---- reading ---- */

static void geopos(struct call *c)
{
    struct value v;
    int found = call_read_value(c, call_arg(c, 1), TYPE_ZSET, &v);
    if (found < 0) return;
    resp_array(&c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        struct geo_point p;
        if (found && geo_find(&v, call_arg(c, i), &p))
            geo_reply_point(c, p);
        else
            resp_null_array(&c->reply);
    }
}

static void geohash(struct call *c)
{
    struct value v;
    int found = call_read_value(c, call_arg(c, 1), TYPE_ZSET, &v);
    if (found < 0) return;
    resp_array(&c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        struct geo_point p;
        char text[GEO_TEXT_LEN];
        if (found && geo_find(&v, call_arg(c, i), &p)) {
            geo_text(text, p);
            resp_bulk(&c->reply, slice_of(text, sizeof text));
        } else {
            resp_null(&c->reply);
        }
    }
}

static void geodist(struct call *c)
{
    double unit = 1;
    struct value v;
    struct geo_point a, b;
    if (c->argc > 5) {
        call_syntax_error(c);
        return;
    }
    if (c->argc == 5 && !geo_read_unit(c, 4, &unit)) return;
    int found = call_read_value(c, call_arg(c, 1), TYPE_ZSET, &v);
    if (found < 0) return;
    if (found && geo_find(&v, call_arg(c, 2), &a) && geo_find(&v, call_arg(c, 3), &b))
        geo_reply_distance(c, geo_distance(a, b), unit);
    else
        resp_null(&c->reply);
}

void command_bind_geo(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"geoadd", geoadd}, {"geopos", geopos}, {"geohash", geohash}, {"geodist", geodist}};
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
    geo_bind_searches(t);
}
