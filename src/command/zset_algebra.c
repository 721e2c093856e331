/* Several sorted sets, or sets, whose scores are 1, together: ZUNION, ZINTER, ZDIFF, ZINTERCARD and
 * those that store what comes of it. */
#include "../base/mem.h"
#include "../value/set.h"
#include "zset.h"

#include <math.h>
#include <stdlib.h>

enum algebra { UNION, INTER, DIFF };
enum aggregate { SUM, MIN, MAX };

/* One of the keys. */
struct source {
    struct value value; /* means something when there are elements */
    size_t count;
    double weight;
    int number; /* among the keys as they were given */
};

struct plan {
    struct call *call;
    enum algebra operation;
    bool stores, only_counts;
    enum aggregate aggregate;
    bool with_scores;
    int64_t limit; /* of ZINTERCARD; 0 for none */

    struct source *sources;
    int keys;
    const struct source *current; /* the one that is walked over */
    size_t met;                   /* by ZINTERCARD so far */
    struct value result;          /* a sorted set */
    struct value gone;            /* a set: what DIFF leaves out, where that was gathered first */
};

/* ---- sources ---- */

/* What a walk calls for each element; false: that is enough. */
typedef bool meeting(struct plan *p, struct slice member, double score);

struct walking {
    struct plan *plan;
    meeting *meet;
};

static bool visit_member(void *ctx, struct slice member)
{
    const struct walking *w = ctx;
    return w->meet(w->plan, member, 1);
}

static void walk(struct plan *p, const struct source *s, meeting *meet)
{
    struct walking w = {p, meet};
    struct zset_cursor at;
    p->current = s;
    if (!s->count) return;
    if (s->value.type == TYPE_SET) {
        set_walk(&s->value, visit_member, &w);
        return;
    }
    zset_start(&at, &s->value, 0);
    while (zset_next(&at) && meet(p, at.member, at.score)) {
    }
}

static bool find(const struct source *s, struct slice member, double *score)
{
    if (!s->count) return false;
    if (s->value.type == TYPE_ZSET) return zset_score(&s->value, member, score);
    *score = 1;
    return set_has(&s->value, member);
}

static int compare_sources(const void *a, const void *b)
{
    const struct source *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? -1 : 1;
    return x->number - y->number;
}

/* ---- scores ---- */

static double weighted(const struct source *s, double score)
{
    double product = s->weight * score;
    return isnan(product) ? 0 : product; /* 0 times infinity */
}

static double aggregated(const struct plan *p, double so_far, double score)
{
    double sum = so_far + score;
    if (p->aggregate == MIN) return score < so_far ? score : so_far;
    if (p->aggregate == MAX) return score > so_far ? score : so_far;
    return isnan(sum) ? 0 : sum; /* the one infinity and the other */
}

static void put(struct plan *p, struct slice member, double score)
{
    zset_add(&p->result, score, member, call_values(p->call));
}

/* ---- the operations ---- */

static bool meet_union(struct plan *p, struct slice member, double score)
{
    double so_far, total = weighted(p->current, score);
    if (zset_score(&p->result, member, &so_far)) total = aggregated(p, so_far, total);
    put(p, member, total);
    return true;
}

/* The sources are in the order of their counts: this walks over the smallest. */
static bool meet_inter(struct plan *p, struct slice member, double score)
{
    double total = weighted(p->sources, score);
    for (int i = 1; i < p->keys; i++) {
        if (!find(p->sources + i, member, &score)) return true;
        total = aggregated(p, total, score * p->sources[i].weight);
    }
    p->met++;
    if (!p->only_counts) put(p, member, total);
    return !p->limit || p->met < (uint64_t)p->limit;
}

static bool meet_gone(struct plan *p, struct slice member, double score)
{
    if (find(p->sources, member, &score)) set_add(&p->gone, member, call_values(p->call));
    return true;
}

static bool meet_diff(struct plan *p, struct slice member, double score)
{
    double other;
    if (p->gone.at && set_has(&p->gone, member)) return true;
    for (int i = 1; i < p->keys && !p->gone.at; i++)
        if (find(p->sources + i, member, &other)) return true;
    put(p, member, score);
    return true;
}

/* Either each element of the first is looked for in all others, or, where these have fewer elements
 * than that would take look-ups, each of theirs in the first. */
static void diff(struct plan *p)
{
    size_t others = 0;
    for (int i = 1; i < p->keys; i++) others += p->sources[i].count;
    if (others < p->sources->count * ((size_t)p->keys - 1) / 2) {
        p->gone = set_new();
        for (int i = 1; i < p->keys; i++) walk(p, p->sources + i, meet_gone);
    }
    walk(p, p->sources, meet_diff);
    if (p->gone.at) value_free(&p->gone);
}

static void carry_out(struct plan *p)
{
    if (p->operation == DIFF) {
        diff(p);
        return;
    }
    /* From the smallest on: the sums of fractions are to be those of Redis. */
    qsort(p->sources, (size_t)p->keys, sizeof *p->sources, compare_sources);
    if (p->operation == INTER)
        walk(p, p->sources, meet_inter);
    else
        for (int i = 0; i < p->keys; i++) walk(p, p->sources + i, meet_union);
}

/* ---- words ---- */

/* Reads how many keys there are, at argument i; false after writing the error. */
static bool read_count(struct plan *p, int i)
{
    struct call *c = p->call;
    int64_t keys;
    if (!call_int(c, i, &keys)) return false;
    if (keys < 1) {
        resp_errorf(&c->reply, "ERR at least 1 input key is needed for '%s' command",
                    c->command->spec->name.at);
        return false;
    }
    if (keys > c->argc - 1 - i) {
        call_syntax_error(c);
        return false;
    }
    p->keys = (int)keys;
    return true;
}

/* Are all keys from argument i on sets of some kind? False after writing the error. */
static bool check_keys(struct plan *p, int i)
{
    struct call *c = p->call;
    for (int end = i + p->keys; i < end; i++) {
        const struct entry *e = call_read(c, call_arg(c, i));
        if (!e || entry_type(e) == TYPE_ZSET || entry_type(e) == TYPE_SET) continue;
        call_wrong_type(c);
        return false;
    }
    return true;
}

/* The keys have been read before, so none is put away now, and all stay where they are. */
static void find_sources(struct plan *p, int i)
{
    for (int n = 0; n < p->keys; n++) {
        struct source *s = p->sources + n;
        const struct entry *e = gate_read(p->call->engine, p->call->db, call_arg(p->call, i + n),
                                          READ_QUIET | READ_NO_TOUCH);
        *s = (struct source){.weight = 1, .number = n};
        if (!e) continue;
        s->value = entry_value(e);
        s->count = value_kind(s->value.type)->count(&s->value);
    }
}

static bool read_weights(struct plan *p, int i)
{
    for (int n = 0; n < p->keys; n++) {
        if (text_to_double(call_arg(p->call, i + n), &p->sources[n].weight)) continue;
        resp_error(&p->call->reply, SLICE("ERR weight value is not a float"));
        return false;
    }
    return true;
}

static bool read_aggregate(struct plan *p, int i)
{
    static const char *const words[] = {[SUM] = "sum", [MIN] = "min", [MAX] = "max"};
    for (int n = SUM; n <= MAX; n++) {
        if (!call_arg_is(p->call, i, words[n])) continue;
        p->aggregate = (enum aggregate)n;
        return true;
    }
    call_syntax_error(p->call);
    return false;
}

static bool read_limit(struct plan *p, int i)
{
    if (text_to_int(call_arg(p->call, i), &p->limit) && p->limit >= 0) return true;
    resp_error(&p->call->reply, SLICE("ERR LIMIT can't be negative"));
    return false;
}

/* False after writing the error. */
static bool read_options(struct plan *p, int i)
{
    struct call *c = p->call;
    bool weighs = p->operation != DIFF && !p->only_counts;
    while (i < c->argc) {
        int following = c->argc - 1 - i;
        if (weighs && following >= p->keys && call_arg_is(c, i, "weights")) {
            if (!read_weights(p, i + 1)) return false;
            i += 1 + p->keys;
        } else if (weighs && following >= 1 && call_arg_is(c, i, "aggregate")) {
            if (!read_aggregate(p, i + 1)) return false;
            i += 2;
        } else if (!p->stores && !p->only_counts && call_arg_is(c, i, "withscores")) {
            p->with_scores = true;
            i++;
        } else if (p->only_counts && following >= 1 && call_arg_is(c, i, "limit")) {
            if (!read_limit(p, i + 1)) return false;
            i += 2;
        } else {
            call_syntax_error(c);
            return false;
        }
    }
    return true;
}

/* ---- the commands ---- */

static void reply_result(const struct plan *p)
{
    struct parts all = {.value = p->result,
                        .left = zset_count(&p->result),
                        .with = p->with_scores ? ZSET_SCORES : 0,
                        .some = zset_some_ranks};
    zset_reply_begin(p->call, all.left, p->with_scores);
    parts_reply_whole(&p->call->reply, &all);
}

static void answer(struct plan *p)
{
    static const enum event_name events[] = {
        [UNION] = EVENT_ZUNIONSTORE, [INTER] = EVENT_ZINTERSTORE, [DIFF] = EVENT_ZDIFFSTORE};
    struct call *c = p->call;
    if (p->stores) {
        zset_store(c, call_arg(c, 1), &p->result, events[p->operation]);
        return;
    }
    if (p->only_counts)
        resp_int(&c->reply, (int64_t)p->met);
    else
        reply_result(p);
    value_free(&p->result);
}

static void run(struct plan p)
{
    int i = p.stores ? 2 : 1;
    if (!read_count(&p, i) || !check_keys(&p, i + 1)) return;
    size_t size = (size_t)p.keys * sizeof *p.sources;
    p.sources = mem_alloc(size);
    find_sources(&p, i + 1);
    if (read_options(&p, i + 1 + p.keys)) {
        p.result = zset_new();
        carry_out(&p);
        answer(&p);
    }
    mem_free(p.sources, size);
}

static void zunion(struct call *c)
{
    run((struct plan){.call = c, .operation = UNION});
}

static void zinter(struct call *c)
{
    run((struct plan){.call = c, .operation = INTER});
}

static void zdiff(struct call *c)
{
    run((struct plan){.call = c, .operation = DIFF});
}

static void zintercard(struct call *c)
{
    run((struct plan){.call = c, .operation = INTER, .only_counts = true});
}

static void zunionstore(struct call *c)
{
    run((struct plan){.call = c, .operation = UNION, .stores = true});
}

static void zinterstore(struct call *c)
{
    run((struct plan){.call = c, .operation = INTER, .stores = true});
}

static void zdiffstore(struct call *c)
{
    run((struct plan){.call = c, .operation = DIFF, .stores = true});
}

void command_bind_zset_algebra(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"zunion", zunion},         {"zinter", zinter},           {"zdiff", zdiff},
        {"zintercard", zintercard}, {"zunionstore", zunionstore}, {"zinterstore", zinterstore},
        {"zdiffstore", zdiffstore},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
