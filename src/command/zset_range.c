/* Ranges of sorted sets: ZRANGE in all its forms, ZRANGESTORE, ZCOUNT, ZREMRANGEBY…
 *
 * Whatever a range goes by, it comes down to two ranks, see value/zset.h; order and LIMIT are
 * arithmetic with these. */
#include "../base/buffer.h"
#include "zset.h"

#include <math.h>
#include <stdlib.h>

/* ---- bounds ---- */

enum range_by { BY_RANK, BY_SCORE, BY_LEX };

struct range {
    enum range_by by;
    int64_t first, last;            /* ranks, negative ones from the end */
    struct ordered_place low, high; /* otherwise */
};

static const struct ordered_place before_all = {.side = ORDERED_BEFORE_SCORE, .score = -INFINITY};
static const struct ordered_place behind_all = {.side = ORDERED_AFTER_SCORE, .score = INFINITY};

/* A number as Redis takes it here: by strtod, so that nothing at all is 0, and blanks may come
 * before. */
static bool lenient_double(struct slice text, double *out)
{
    if (text_to_double(text, out)) return true;
    struct buffer copy = {0};
    char *end;
    buffer_add_slice(&copy, text);
    buffer_add_byte(&copy, 0);
    *out = strtod(copy.at, &end);
    bool whole = *end == 0;
    buffer_fini(&copy);
    return whole && !isnan(*out);
}

static bool read_score_bound(struct slice text, bool is_low, struct ordered_place *out)
{
    bool exclusive = text.len && text.at[0] == '(';
    out->side = is_low == exclusive ? ORDERED_AFTER_SCORE : ORDERED_BEFORE_SCORE;
    return lenient_double(slice_from(text, exclusive), &out->score);
}

static bool read_lex_bound(struct slice text, bool is_low, struct ordered_place *out)
{
    char mark = text.len ? text.at[0] : 0;
    /* Redis looks for the end of the text at the first NUL. */
    if (mark == '-' || mark == '+') *out = mark == '-' ? before_all : behind_all;
    if (mark == '-' || mark == '+') return text.len == 1 || text.at[1] == 0;
    bool exclusive = mark == '(';
    out->side = is_low == exclusive ? ORDERED_AFTER_TEXT : ORDERED_BEFORE_TEXT;
    out->text = slice_from(text, 1);
    return exclusive || mark == '[';
}

/* Reads the bounds at two arguments; false after writing the error. */
static bool read_range(struct call *c, enum range_by by, int low, int high, struct range *r)
{
    *r = (struct range){.by = by};
    if (by == BY_RANK) return call_int(c, low, &r->first) && call_int(c, high, &r->last);
    bool valid = by == BY_SCORE ? read_score_bound(call_arg(c, low), true, &r->low) &&
                                      read_score_bound(call_arg(c, high), false, &r->high)
                                : read_lex_bound(call_arg(c, low), true, &r->low) &&
                                      read_lex_bound(call_arg(c, high), false, &r->high);
    if (!valid)
        resp_error(&c->reply, by == BY_SCORE ? SLICE("ERR min or max is not a float")
                                             : SLICE("ERR min or max not valid string range item"));
    return valid;
}

/* Ranks from `from` on to before `to`, which is not below it. */
struct ranks {
    size_t from, to;
};

static struct ranks ranks_of(const struct range *r, int64_t count, bool reverse)
{
    int64_t first = r->first < 0 ? r->first + count : r->first;
    int64_t last = r->last < 0 ? r->last + count : r->last;
    if (first < 0) first = 0;
    if (last >= count) last = count - 1;
    if (first > last || first >= count) return (struct ranks){0};
    if (reverse) return (struct ranks){(size_t)(count - 1 - last), (size_t)(count - first)};
    return (struct ranks){(size_t)first, (size_t)last + 1};
}

static struct ranks find_range(const struct value *v, const struct range *r, bool reverse)
{
    if (r->by == BY_RANK) return ranks_of(r, (int64_t)zset_count(v), reverse);
    struct ranks found = {zset_rank(v, &r->low), zset_rank(v, &r->high)};
    if (found.to < found.from) found.to = found.from;
    return found;
}

/* What LIMIT leaves, counted from the end where the range begins; of ranks it is not asked. */
static struct ranks cut(struct ranks r, int64_t offset, int64_t limit, bool reverse)
{
    size_t count = r.to - r.from;
    size_t skip = offset < 0 || (uint64_t)offset > count ? count : (size_t)offset;
    size_t take = limit < 0 || (uint64_t)limit > count - skip ? count - skip : (size_t)limit;
    if (reverse) return (struct ranks){r.to - skip - take, r.to - skip};
    return (struct ranks){r.from + skip, r.from + skip + take};
}

/* ---- ZRANGE ---- */

/* The forms: what the name says already is not an option. */
struct form {
    bool stores;             /* the first key is where to */
    bool by_is_given;        /* no BYSCORE, BYLEX; */
    bool direction_is_given; /* no REV */
    bool reverse;
    enum range_by by;
};

struct options {
    enum range_by by;
    bool reverse, with_scores;
    int64_t offset, limit;
};

/* False after writing the error. */
static bool read_options(struct call *c, const struct form *f, int i, struct options *o)
{
    *o = (struct options){.by = f->by, .reverse = f->reverse, .limit = -1};
    for (; i < c->argc; i++) {
        bool by_score = call_arg_is(c, i, "byscore");
        if (!f->stores && call_arg_is(c, i, "withscores")) {
            o->with_scores = true;
        } else if (call_arg_is(c, i, "limit") && i + 2 < c->argc) {
            if (!call_int(c, i + 1, &o->offset) || !call_int(c, i + 2, &o->limit)) return false;
            i += 2;
        } else if (!f->direction_is_given && !o->reverse && call_arg_is(c, i, "rev")) {
            o->reverse = true;
        } else if (!f->by_is_given && o->by == BY_RANK &&
                   (by_score || call_arg_is(c, i, "bylex"))) {
            o->by = by_score ? BY_SCORE : BY_LEX;
        } else {
            call_syntax_error(c);
            return false;
        }
    }
    const char *wrong = NULL;
    if (o->limit != -1 && o->by == BY_RANK)
        wrong = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or "
                "BYLEX";
    else if (o->with_scores && o->by == BY_LEX)
        wrong = "ERR syntax error, WITHSCORES not supported in combination with BYLEX";
    if (wrong) resp_error(&c->reply, slice_text(wrong));
    return !wrong;
}

/* Stores these elements, or deletes the key when there are none. */
static void store_ranks(struct call *c, const struct value *v, struct ranks r)
{
    struct value result = zset_new();
    struct zset_cursor at;
    if (r.from < r.to)
        for (zset_start(&at, v, r.from); at.rank < r.to && zset_next(&at);)
            zset_add(&result, at.score, at.member, call_values(c));
    zset_store(c, call_arg(c, 1), &result, EVENT_ZRANGESTORE);
}

static void reply_ranks(struct call *c, const struct value *v, struct ranks r,
                        const struct options *o)
{
    struct parts all = {.some = zset_some_ranks,
                        .value = *v,
                        .at = o->reverse ? r.to : r.from,
                        .left = r.to - r.from,
                        .with =
                            (o->with_scores ? ZSET_SCORES : 0) | (o->reverse ? ZSET_REVERSE : 0)};
    zset_reply_begin(c, all.left, o->with_scores);
    if (all.left) parts_reply(c, call_arg(c, 1), &all);
}

static void range(struct call *c, struct form f)
{
    struct options o;
    struct range r;
    struct value v;
    struct ranks found = {0};
    int key = f.stores ? 2 : 1;
    if (!read_options(c, &f, key + 3, &o)) return;
    bool swapped = o.reverse && o.by != BY_RANK; /* the higher bound comes first */
    if (!read_range(c, o.by, key + 1 + swapped, key + 2 - swapped, &r)) return;
    int there = call_read_value(c, call_arg(c, key), TYPE_ZSET, &v);
    if (there < 0) return;
    if (there) found = find_range(&v, &r, o.reverse);
    if (o.by != BY_RANK) found = cut(found, o.offset, o.limit, o.reverse);
    if (f.stores)
        store_ranks(c, &v, found);
    else if (there)
        reply_ranks(c, &v, found, &o);
    else
        resp_array(&c->reply, 0);
}

static void zrange(struct call *c)
{
    range(c, (struct form){0});
}

static void zrangestore(struct call *c)
{
    range(c, (struct form){.stores = true});
}

static void range_named(struct call *c, enum range_by by, bool reverse)
{
    range(c, (struct form){
                 .by_is_given = true, .direction_is_given = true, .reverse = reverse, .by = by});
}

static void zrevrange(struct call *c)
{
    range_named(c, BY_RANK, true);
}

static void zrangebyscore(struct call *c)
{
    range_named(c, BY_SCORE, false);
}

static void zrevrangebyscore(struct call *c)
{
    range_named(c, BY_SCORE, true);
}

static void zrangebylex(struct call *c)
{
    range_named(c, BY_LEX, false);
}

static void zrevrangebylex(struct call *c)
{
    range_named(c, BY_LEX, true);
}

/* ---- counting ---- */

static void count(struct call *c, enum range_by by)
{
    struct range r;
    struct value v;
    struct ranks found = {0};
    if (!read_range(c, by, 2, 3, &r)) return;
    int there = call_read_value(c, call_arg(c, 1), TYPE_ZSET, &v);
    if (there < 0) return;
    if (there) found = find_range(&v, &r, false);
    resp_int(&c->reply, (int64_t)(found.to - found.from));
}

static void zcount(struct call *c)
{
    count(c, BY_SCORE);
}

static void zlexcount(struct call *c)
{
    count(c, BY_LEX);
}

/* ---- removal ---- */

static void remove_range(struct call *c, enum range_by by, enum event_name event)
{
    struct range r;
    struct opened k;
    struct ranks found = {0};
    if (!read_range(c, by, 2, 3, &r)) return;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_ZSET)) return;
    if (opened_entry(&k)) found = find_range(opened_value(&k), &r, false);
    size_t removed = found.to - found.from;
    if (removed) {
        struct slice *words = engine_words(c->engine, 2);
        words[0] = engine_keep_int(c->engine, (int64_t)found.from);
        words[1] = engine_keep_int(c->engine, (int64_t)found.to - 1);
        zset_remove_ranks(opened_value(&k), found.from, removed);
        opened_did(&k, EFFECT_ZREMRANGEBYRANK, words, 2);
        gate_close(&k, event);
    } else {
        gate_close_unchanged(&k);
    }
    resp_int(&c->reply, (int64_t)removed);
}

static void zremrangebyrank(struct call *c)
{
    remove_range(c, BY_RANK, EVENT_ZREMRANGEBYRANK);
}

static void zremrangebyscore(struct call *c)
{
    remove_range(c, BY_SCORE, EVENT_ZREMRANGEBYSCORE);
}

static void zremrangebylex(struct call *c)
{
    remove_range(c, BY_LEX, EVENT_ZREMRANGEBYLEX);
}

void command_bind_zset_ranges(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"zrange", zrange},
        {"zrangestore", zrangestore},
        {"zrevrange", zrevrange},
        {"zrangebyscore", zrangebyscore},
        {"zrevrangebyscore", zrevrangebyscore},
        {"zrangebylex", zrangebylex},
        {"zrevrangebylex", zrevrangebylex},
        {"zcount", zcount},
        {"zlexcount", zlexcount},
        {"zremrangebyrank", zremrangebyrank},
        {"zremrangebyscore", zremrangebyscore},
        {"zremrangebylex", zremrangebylex},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
