/* Several sets together: SINTER, SUNION, SDIFF, their STOREs, and SINTERCARD.
 *
 *      sources ──▶ members, one by one ──▶ taker: ┬─ a count             SINTERCARD
 *                                                 ├─ a reply             SINTER, SDIFF
 *                                                 └─ a set               SUNION, …STORE
 *
 * All sources are read once before any is used, so that dead keys are put away then and the values
 * stay where they are. A set that is stored is kept as one is to which its members were added one
 * by one, however it was found. */
#include "../base/mem.h"
#include "../base/text.h"
#include "../value/set.h"
#include "call.h"

#include <stdlib.h>

/* ---- sources ---- */

struct sources {
    struct value *at; /* in the order of the arguments; .at NULL where there is no key */
    size_t count;
    size_t missing;
};

static void sources_free(struct sources *s)
{
    mem_free(s->at, s->count * sizeof *s->at);
}

/* Reads the keys from argument i on; false after writing the error. */
static bool sources_read(struct sources *s, struct call *c, int i, size_t count)
{
    struct value v;
    *s = (struct sources){.count = count};
    for (size_t k = 0; k < count; k++)
        if (call_read_value(c, call_arg(c, i + (int)k), TYPE_SET, &v) < 0) return false;
    s->at = mem_zalloc(count * sizeof *s->at);
    for (size_t k = 0; k < count; k++) {
        const struct entry *e =
            gate_read(c->engine, c->db, call_arg(c, i + (int)k), READ_QUIET | READ_NO_TOUCH);
        if (e)
            s->at[k] = entry_value(e);
        else
            s->missing++;
    }
    return true;
}

static int by_count(const void *a, const void *b)
{
    size_t x = set_count(a), y = set_count(b);
    return (x > y) - (x < y);
}

static int by_count_down(const void *a, const void *b)
{
    return by_count(b, a);
}

/* Those that are there to the front of what comes from `from` on. */
static void sources_close_up(struct sources *s, size_t from)
{
    size_t kept = from;
    for (size_t i = from; i < s->count; i++)
        if (s->at[i].at) {
            struct value v = s->at[i];
            s->at[i] = (struct value){0};
            s->at[kept++] = v;
        }
}

/* ---- what becomes of the members ---- */

enum taking { TAKE_COUNT, TAKE_REPLY, TAKE_SET_TO_ANSWER, TAKE_SET_TO_STORE };

struct taker {
    enum taking how;
    const struct value_config *config;
    struct value set;
    struct buffer bytes; /* of the reply: its length is known only at the end */
    struct resp_writer writer;
    size_t count;
    size_t count_max;  /* 0: no bound */
    size_t answerable; /* bytes that are left of what the client may have; of a set that is stored
                          there is no bound */
};

static void taker_init(struct taker *t, struct call *c, enum taking how)
{
    *t = (struct taker){.how = how, .config = call_values(c)};
    size_t used = c->reply.out->len, max = c->reply.out_max;
    t->writer = (struct resp_writer){.out = &t->bytes, .proto = c->reply.proto};
    if (max) t->writer.out_max = max > used ? max - used : 1;
    t->answerable = max ? t->writer.out_max : SIZE_MAX;
    if (how >= TAKE_SET_TO_ANSWER) t->set = set_new();
}

/* Adds to a set that will be answered with, unless that would get longer than the client may
 * have. */
static bool take_to_answer(struct taker *t, struct slice member)
{
    if (!set_add(&t->set, member, t->config)) return true;
    t->writer.cut = member.len >= t->answerable;
    if (!t->writer.cut) t->answerable -= member.len;
    return !t->writer.cut;
}

/* Takes one more; false: that is enough. */
static bool take(void *ctx, struct slice member)
{
    struct taker *t = ctx;
    if (t->how == TAKE_SET_TO_ANSWER) return take_to_answer(t, member);
    if (t->how == TAKE_SET_TO_STORE) {
        set_add(&t->set, member, t->config);
        return true;
    }
    t->count++;
    if (t->how == TAKE_REPLY) resp_bulk(&t->writer, member);
    return !t->writer.cut && t->count != t->count_max;
}

static bool reply_member(void *ctx, struct slice member)
{
    struct resp_writer *w = ctx;
    resp_bulk(w, member);
    return !w->cut;
}

static void answer_set(struct call *c, const struct value *v)
{
    resp_set(&c->reply, set_count(v));
    set_walk(v, reply_member, &c->reply);
}

/* Answers with what was taken, however that was done. */
static void taker_reply(struct taker *t, struct call *c)
{
    if (t->how == TAKE_SET_TO_ANSWER) {
        answer_set(c, &t->set);
        value_free(&t->set);
        return;
    }
    resp_set(&c->reply, t->count);
    resp_made(&c->reply, &t->writer);
    buffer_fini(&t->bytes);
}

/* Stores what was taken under argument 1, and answers how much that is. */
static void taker_store(struct taker *t, struct call *c, enum event_name event)
{
    size_t count = set_count(&t->set);
    call_store(c, call_arg(c, 1), &t->set, event, count);
}

/* ---- intersection ---- */

struct comparison {
    const struct value *others;
    size_t count;
    struct taker *taker;
};

static bool take_if_in_all(void *ctx, struct slice member)
{
    const struct comparison *x = ctx;
    for (size_t i = 0; i < x->count; i++)
        if (!set_has(&x->others[i], member)) return true;
    return take(x->taker, member);
}

/* Walks the smallest, and looks into the others from the smallest on. */
static void intersect(struct sources *s, struct taker *t)
{
    if (s->missing) return;
    qsort(s->at, s->count, sizeof *s->at, by_count);
    struct comparison x = {s->at + 1, s->count - 1, t};
    set_walk(&s->at[0], take_if_in_all, &x);
}

/* ---- union ---- */

static void unite(struct sources *s, struct taker *t)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->at[i].at) set_walk(&s->at[i], take, t);
}

/* ---- difference ---- */

static bool take_if_in_none(void *ctx, struct slice member)
{
    const struct comparison *x = ctx;
    for (size_t i = 0; i < x->count; i++)
        if (set_has(&x->others[i], member)) return true;
    return take(x->taker, member);
}

static bool leave_out(void *ctx, struct slice member)
{
    struct value *left = ctx;
    set_remove(left, member);
    return set_count(left) > 0;
}

/* Half of the look-ups, if each member of the first set is looked for in the others, are no more
 * than the steps if they all are walked: half, for a search ends with the first that has it. */
static bool looking_is_cheaper(const struct sources *s, size_t there)
{
    size_t steps = 0, first = set_count(&s->at[0]), looks;
    for (size_t i = 0; i < there; i++) steps += set_count(&s->at[i]);
    return !__builtin_mul_overflow(first, there, &looks) && looks / 2 <= steps;
}

static void subtract(struct sources *s, struct taker *t)
{
    if (!s->at[0].at) return;
    sources_close_up(s, 1);
    size_t there = s->count - s->missing;
    if (looking_is_cheaper(s, there)) {
        qsort(s->at + 1, there - 1, sizeof *s->at, by_count_down);
        struct comparison x = {s->at + 1, there - 1, t};
        set_walk(&s->at[0], take_if_in_none, &x);
        return;
    }
    struct value left = value_kind(TYPE_SET)->copy(&s->at[0], t->config);
    for (size_t i = 1; i < there && set_count(&left) > 0; i++)
        set_walk(&s->at[i], leave_out, &left);
    set_walk(&left, take, t);
    value_free(&left);
}

/* ---- commands ---- */

typedef void combine(struct sources *s, struct taker *t);

static void reply_combined(struct call *c, combine *combine_sources, bool by_set)
{
    struct sources s;
    struct taker t;
    if (!sources_read(&s, c, 1, (size_t)c->argc - 1)) return;
    taker_init(&t, c, by_set && s.count > s.missing + 1 ? TAKE_SET_TO_ANSWER : TAKE_REPLY);
    combine_sources(&s, &t);
    taker_reply(&t, c);
    sources_free(&s);
}

static void store_combined(struct call *c, combine *combine_sources, enum event_name event)
{
    struct sources s;
    struct taker t;
    if (!sources_read(&s, c, 2, (size_t)c->argc - 2)) return;
    taker_init(&t, c, TAKE_SET_TO_STORE);
    combine_sources(&s, &t);
    sources_free(&s);
    taker_store(&t, c, event);
}

static void sinter_command(struct call *c)
{
    reply_combined(c, intersect, false);
}

static void sdiff_command(struct call *c)
{
    reply_combined(c, subtract, false);
}

/* Only a set knows what it has already; one alone needs none. */
static void sunion_command(struct call *c)
{
    reply_combined(c, unite, true);
}

static void sinterstore_command(struct call *c)
{
    store_combined(c, intersect, EVENT_SINTERSTORE);
}

static void sunionstore_command(struct call *c)
{
    store_combined(c, unite, EVENT_SUNIONSTORE);
}

static void sdiffstore_command(struct call *c)
{
    store_combined(c, subtract, EVENT_SDIFFSTORE);
}

/* The options behind `keys` keys; false after writing the error. */
static bool card_options(struct call *c, int64_t keys, int64_t *limit)
{
    *limit = 0;
    for (int i = 2 + (int)keys; i < c->argc; i += 2) {
        if (!call_arg_is(c, i, "LIMIT") || i + 1 == c->argc) {
            call_syntax_error(c);
            return false;
        }
        if (!text_to_int(call_arg(c, i + 1), limit) || *limit < 0) {
            resp_error(&c->reply, SLICE("ERR LIMIT can't be negative"));
            return false;
        }
    }
    return true;
}

static void sintercard_command(struct call *c)
{
    int64_t keys, limit;
    struct sources s;
    struct taker t;
    if (!text_to_int(call_arg(c, 1), &keys) || keys < 1) {
        resp_error(&c->reply, SLICE("ERR numkeys should be greater than 0"));
    } else if (keys > c->argc - 2) {
        resp_error(&c->reply, SLICE("ERR Number of keys can't be greater than number of args"));
    } else if (card_options(c, keys, &limit) && sources_read(&s, c, 2, (size_t)keys)) {
        taker_init(&t, c, TAKE_COUNT);
        t.count_max = (size_t)limit;
        intersect(&s, &t);
        resp_int(&c->reply, (int64_t)t.count);
        sources_free(&s);
    }
}

void command_bind_set_algebra(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"sinter", sinter_command},
        {"sunion", sunion_command},
        {"sdiff", sdiff_command},
        {"sinterstore", sinterstore_command},
        {"sunionstore", sunionstore_command},
        {"sdiffstore", sdiffstore_command},
        {"sintercard", sintercard_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
