/* Sorted sets, member by member: ZADD, ZREM, ZSCORE, ZRANK and their like. Ranges are in
 * zset_range.c, pops in zset_pop.c, several sets together in zset_algebra.c. */
#include "zset.h"

#include "../base/mem.h"
#include "scan.h"

#include <math.h>
#include <stdlib.h>

/* ---- ZADD and ZINCRBY ---- */

enum {
    ADD_NX = 1,
    ADD_XX = 2,
    ADD_GT = 4,
    ADD_LT = 8,
    ADD_CH = 16,
    ADD_INCR = 32,

    ADD_CONDITIONS = ADD_NX | ADD_XX | ADD_GT | ADD_LT,
};

struct adding {
    unsigned options;
    int first; /* the argument where pairs of score and member begin */
    size_t pairs;
    double *scores; /* in `few`, or allocated */
    double few[16];
};

static unsigned add_option(struct slice word)
{
    static const struct {
        const char *word;
        unsigned option;
    } words[] = {{"nx", ADD_NX}, {"xx", ADD_XX}, {"gt", ADD_GT},
                 {"lt", ADD_LT}, {"ch", ADD_CH}, {"incr", ADD_INCR}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (slice_is(word, words[i].word)) return words[i].option;
    return 0;
}

/* Reads the options, and how many pairs there are; false after writing the error. */
static bool read_add_options(struct call *c, struct adding *a)
{
    unsigned option;
    for (a->first = 2; a->first < c->argc; a->first++) {
        if (!(option = add_option(call_arg(c, a->first)))) break;
        a->options |= option;
    }
    int words = c->argc - a->first;
    a->pairs = (size_t)words / 2;
    if (words % 2 || !words) {
        call_syntax_error(c);
        return false;
    }
    unsigned given = a->options;
    const char *wrong = NULL;
    if (given & ADD_NX && given & ADD_XX)
        wrong = "ERR XX and NX options at the same time are not compatible";
    else if ((given & ADD_NX && given & (ADD_GT | ADD_LT)) || (given & ADD_GT && given & ADD_LT))
        wrong = "ERR GT, LT, and/or NX options at the same time are not compatible";
    else if (given & ADD_INCR && a->pairs > 1)
        wrong = "ERR INCR option supports a single increment-element pair";
    if (wrong) resp_error(&c->reply, slice_text(wrong));
    return !wrong;
}

static size_t scores_size(const struct adding *a)
{
    return a->pairs * sizeof *a->scores;
}

static void forget_scores(struct adding *a)
{
    if (a->scores != a->few) mem_free(a->scores, scores_size(a));
}

/* False after writing the error; otherwise forget_scores is to be called. */
static bool read_scores(struct call *c, struct adding *a)
{
    a->scores = scores_size(a) <= sizeof a->few ? a->few : mem_alloc(scores_size(a));
    for (size_t i = 0; i < a->pairs; i++) {
        if (text_to_double(call_arg(c, a->first + 2 * (int)i), &a->scores[i])) continue;
        resp_error(&c->reply, SLICE("ERR value is not a valid float"));
        forget_scores(a);
        return false;
    }
    return true;
}

/* What came of a pair. */
enum added { ADD_REFUSED = ZSET_ADDED + 1, ADD_NAN };

/* Adds one member as the options allow; *score becomes what it has then. */
static int add_pair(struct value *v, unsigned options, double *score, struct slice member,
                    const struct value_config *config)
{
    double old;
    if (!(options & (ADD_CONDITIONS | ADD_INCR))) return zset_add(v, *score, member, config);
    if (!zset_score(v, member, &old))
        return options & ADD_XX ? ADD_REFUSED : (int)zset_add(v, *score, member, config);
    if (options & ADD_NX) return ADD_REFUSED;
    if (options & ADD_INCR) *score += old;
    if (isnan(*score)) return ADD_NAN;
    if ((options & ADD_LT && *score >= old) || (options & ADD_GT && *score <= old))
        return ADD_REFUSED;
    return zset_add(v, *score, member, config);
}

struct add_counts {
    size_t added, moved, words_count;
    const struct slice *words; /* that redo it */
    bool refused, nan;
};

/* Adds all pairs. What redoes that: the client's own words, or, where options decided, those of
 * them that were followed. */
static struct add_counts add_pairs(struct call *c, struct value *v, struct adding *a)
{
    struct add_counts n = {.words = c->argv + a->first, .words_count = 2 * a->pairs};
    struct slice *chosen = NULL;
    char text[TEXT_DOUBLE_MAX];
    if (a->options & (ADD_CONDITIONS | ADD_INCR)) {
        n.words = chosen = engine_words(c->engine, 2 * a->pairs);
        n.words_count = 0;
    }
    for (size_t i = 0; i < a->pairs; i++) {
        int at = a->first + 2 * (int)i;
        int change = add_pair(v, a->options, &a->scores[i], call_arg(c, at + 1), call_values(c));
        n.added += change == ZSET_ADDED;
        n.moved += change == ZSET_MOVED;
        n.refused = change == ADD_REFUSED;
        n.nan = change == ADD_NAN;
        if (!chosen || (change != ZSET_ADDED && change != ZSET_MOVED)) continue;
        struct slice score = slice_of(text, 0);
        if (a->options & ADD_INCR) score.len = text_from_double(text, a->scores[i]);
        chosen[n.words_count++] = score.len ? engine_keep(c->engine, score) : call_arg(c, at);
        chosen[n.words_count++] = call_arg(c, at + 1);
    }
    return n;
}

static void add_reply(struct call *c, const struct adding *a, const struct add_counts *n)
{
    if (n->nan)
        resp_error(&c->reply, SLICE("ERR resulting score is not a number (NaN)"));
    else if (!(a->options & ADD_INCR))
        resp_int(&c->reply, (int64_t)(n->added + (a->options & ADD_CH ? n->moved : 0)));
    else if (n->refused)
        resp_null(&c->reply);
    else
        resp_double(&c->reply, a->scores[0]);
}

static void add(struct call *c, unsigned options)
{
    struct adding a = {.options = options};
    struct add_counts n = {.refused = true};
    struct opened k;
    if (!read_add_options(c, &a) || !read_scores(c, &a)) return;
    if (call_open_value(c, &k, call_arg(c, 1), TYPE_ZSET)) {
        if (opened_entry(&k))
            n = add_pairs(c, opened_value(&k), &a);
        else if (!(a.options & ADD_XX)) /* nothing else can refuse what is new */
            n = add_pairs(c, opened_create(&k, zset_new()), &a);
        if (n.added || n.moved) {
            opened_did(&k, EFFECT_ZADD, n.words, n.words_count);
            gate_close(&k, a.options & ADD_INCR ? EVENT_ZINCR : EVENT_ZADD);
        } else {
            gate_close_unchanged(&k);
        }
        add_reply(c, &a, &n);
    }
    forget_scores(&a);
}

static void zadd(struct call *c)
{
    add(c, 0);
}

static void zincrby(struct call *c)
{
    add(c, ADD_INCR);
}

/* ---- ZREM ---- */

static void zrem(struct call *c)
{
    struct opened k;
    int64_t removed = 0;
    if (!call_open_value(c, &k, call_arg(c, 1), TYPE_ZSET)) return;
    if (opened_entry(&k)) {
        struct value *v = opened_value(&k);
        for (int i = 2; i < c->argc; i++) removed += zset_remove(v, call_arg(c, i));
    }
    if (removed) {
        opened_did(&k, EFFECT_ZREM, c->argv + 2, (size_t)c->argc - 2);
        gate_close(&k, EVENT_ZREM);
    } else {
        gate_close_unchanged(&k);
    }
    resp_int(&c->reply, removed);
}

/* ---- looking ---- */

static void zcard(struct call *c)
{
    struct value v;
    int found = call_read_value(c, call_arg(c, 1), TYPE_ZSET, &v);
    if (found >= 0) resp_int(&c->reply, found ? (int64_t)zset_count(&v) : 0);
}

static void reply_score(struct call *c, const struct value *v, struct slice member)
{
    double score;
    if (v && zset_score(v, member, &score))
        resp_double(&c->reply, score);
    else
        resp_null(&c->reply);
}

static void zscore(struct call *c)
{
    struct value v;
    int found = call_read_value(c, call_arg(c, 1), TYPE_ZSET, &v);
    if (found >= 0) reply_score(c, found ? &v : NULL, call_arg(c, 2));
}

static void zmscore(struct call *c)
{
    struct value v;
    int found = call_read_value(c, call_arg(c, 1), TYPE_ZSET, &v);
    if (found < 0) return;
    resp_array(&c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) reply_score(c, found ? &v : NULL, call_arg(c, i));
}

static void reply_rank(struct call *c, bool reverse)
{
    struct value v;
    double score;
    struct slice member = call_arg(c, 2);
    bool with_score = c->argc == 4;
    if (c->argc > 4) {
        resp_errorf(&c->reply, "ERR wrong number of arguments for '%s' command",
                    c->command->spec->name.at);
        return;
    }
    if (with_score && !call_arg_is(c, 3, "withscore")) {
        call_syntax_error(c);
        return;
    }
    int found = call_read_value(c, call_arg(c, 1), TYPE_ZSET, &v);
    if (found < 0) return;
    if (!found || !zset_score(&v, member, &score)) {
        if (with_score)
            resp_null_array(&c->reply);
        else
            resp_null(&c->reply);
        return;
    }
    size_t rank = zset_rank(&v, &(struct ordered_place){ORDERED_BEFORE, score, member});
    if (reverse) rank = zset_count(&v) - 1 - rank;
    if (with_score) resp_array(&c->reply, 2);
    resp_int(&c->reply, (int64_t)rank);
    if (with_score) resp_double(&c->reply, score);
}

static void zrank(struct call *c)
{
    reply_rank(c, false);
}

static void zrevrank(struct call *c)
{
    reply_rank(c, true);
}

/* ---- ZRANDMEMBER ---- */

static void reply_at(struct call *c, const struct value *v, size_t rank, bool with_scores)
{
    struct zset_cursor at;
    zset_start(&at, v, rank);
    zset_next(&at);
    zset_reply_element(&c->reply, at.member, at.score, with_scores);
}

/* Each element again and again, as the lot falls. */
static void reply_draws(struct call *c, const struct value *v, uint64_t draws, bool with_scores)
{
    size_t count = zset_count(v);
    zset_reply_begin(c, draws, with_scores);
    for (; draws && !c->reply.cut; draws--)
        reply_at(c, v, random_below(call_random(c), count), with_scores);
}

/* A good part of the elements: a walk over all, in which each is taken with the right chance. */
static void reply_large_sample(struct call *c, const struct value *v, size_t wanted,
                               bool with_scores)
{
    struct zset_cursor at;
    size_t left = zset_count(v);
    for (zset_start(&at, v, 0); wanted && zset_next(&at); left--) {
        if (random_below(call_random(c), left) >= wanted) continue;
        zset_reply_element(&c->reply, at.member, at.score, with_scores);
        wanted--;
    }
}

static int compare_ranks(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

/* A small part: ranks are drawn until so many are different, which is soon. */
static void reply_small_sample(struct call *c, const struct value *v, size_t wanted,
                               bool with_scores)
{
    size_t *ranks = mem_alloc(wanted * sizeof *ranks), count = zset_count(v);
    for (size_t have = 0; have < wanted;) {
        for (size_t i = have; i < wanted; i++) ranks[i] = random_below(call_random(c), count);
        qsort(ranks, wanted, sizeof *ranks, compare_ranks);
        have = 1;
        for (size_t i = 1; i < wanted; i++)
            if (ranks[i] != ranks[have - 1]) ranks[have++] = ranks[i];
    }
    for (size_t i = 0; i < wanted; i++) reply_at(c, v, ranks[i], with_scores);
    mem_free(ranks, wanted * sizeof *ranks);
}

static void reply_sample(struct call *c, const struct value *v, uint64_t wanted, bool with_scores)
{
    size_t count = zset_count(v);
    if (wanted > count) wanted = count;
    zset_reply_begin(c, wanted, with_scores);
    if (!wanted) return;
    if (v->encoding == ENCODING_PACKED || wanted > count / 3)
        reply_large_sample(c, v, wanted, with_scores);
    else
        reply_small_sample(c, v, wanted, with_scores);
}

static void zrandmember_count(struct call *c)
{
    struct value v;
    int64_t count;
    bool with_scores = c->argc == 4;
    if (!call_int_between(c, 2, -INT64_MAX, INT64_MAX, &count)) return;
    if (c->argc > 4 || (with_scores && !call_arg_is(c, 3, "withscores"))) {
        call_syntax_error(c);
        return;
    }
    if (with_scores && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) {
        resp_error(&c->reply, SLICE("ERR value is out of range"));
        return;
    }
    int found = call_read_value(c, call_arg(c, 1), TYPE_ZSET, &v);
    if (found < 0) return;
    if (!found)
        resp_array(&c->reply, 0);
    else if (count >= 0)
        reply_sample(c, &v, (uint64_t)count, with_scores);
    else if (call_may_draw(c, (uint64_t)-count))
        reply_draws(c, &v, (uint64_t)-count, with_scores);
}

static void zrandmember(struct call *c)
{
    struct value v;
    if (c->argc > 2) {
        zrandmember_count(c);
        return;
    }
    int found = call_read_value(c, call_arg(c, 1), TYPE_ZSET, &v);
    if (found < 0) return;
    if (found)
        reply_at(c, &v, random_below(call_random(c), zset_count(&v)), false);
    else
        resp_null(&c->reply);
}

/* ---- ZSCAN ---- */

static void scan_visit(void *scan, const struct value_item *item)
{
    struct scan *s = scan;
    char text[TEXT_DOUBLE_MAX];
    if (!scan_likes(s, item->member)) return;
    resp_bulk(scan_item(s), item->member);
    resp_bulk(scan_item(s), slice_of(text, text_from_double(text, item->score)));
}

static void zscan(struct call *c)
{
    struct scan s;
    struct value v;
    if (!scan_begin(&s, c, 2)) return;
    int found = call_read_value(c, call_arg(c, 1), TYPE_ZSET, &v);
    if (found == 0) scan_nothing(c);
    if (found <= 0 || !scan_options(&s, 3, 0)) return;
    s.cursor = zset_scan(&v, s.cursor, s.count, scan_visit, &s);
    scan_reply(&s);
}

/* ---- what others share ---- */

bool zset_some_ranks(struct resp_writer *w, struct parts *p)
{
    struct zset_cursor at;
    bool reverse = p->with & ZSET_REVERSE;
    for (zset_start(&at, &p->value, p->at); p->left && parts_go_on(w, p); p->left--) {
        if (reverse)
            zset_prev(&at);
        else
            zset_next(&at);
        zset_reply_element(w, at.member, at.score, p->with & ZSET_SCORES);
    }
    p->at = at.rank;
    return p->left;
}

void zset_store(struct call *c, struct slice key, struct value *result, enum event_name event)
{
    call_store(c, key, result, event, zset_count(result));
}

void command_bind_zsets(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"zadd", zadd},   {"zincrby", zincrby},   {"zrem", zrem},
        {"zcard", zcard}, {"zscore", zscore},     {"zmscore", zmscore},
        {"zrank", zrank}, {"zrevrank", zrevrank}, {"zrandmember", zrandmember},
        {"zscan", zscan},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
    command_bind_zset_ranges(t);
    command_bind_zset_pops(t);
    command_bind_zset_algebra(t);
}
