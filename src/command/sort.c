/* SORT and SORT_RO: the elements of a list, a set or a sorted set, in the order of themselves or of
 * what stands under other keys, whose names are made of theirs.
 *
 *      options ─▶ elements ─▶ their weights (BY) ─▶ order ─▶ a part (LIMIT) ─▶ GET ─▶ reply or list
 *
 * The elements are copied first: keys that are read for BY and GET may be put away on the way.
 * Numbers with equal weight come in the order of their bytes, as Redis has it; texts with equal
 * weight (BY … ALPHA) in that of the value. Texts compare by their bytes, whatever the locale. */
#include "../base/arena.h"
#include "../base/mem.h"
#include "../value/fields.h"
#include "../value/list.h"
#include "../value/zset.h"
#include "call.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct element {
    struct slice text;
    struct slice weight; /* BY … ALPHA; `at` is NULL where there is none */
    double score;        /* the weight as a number */
    size_t number;       /* in the order of the value */
};

struct sorting {
    struct call *call;
    bool desc, alpha, in_order; /* in_order: BY a constant, nothing is sorted */
    int64_t offset, limit;      /* limit negative: all */
    const struct slice *by, *to;
    int *gets; /* the arguments of the patterns of GET */
    size_t gets_count;

    struct value value; /* `at` is NULL where there is no such key */
    struct element *elements;
    size_t count, cap;
    struct arena texts;

    struct value list; /* that is stored; `at` is NULL without STORE */
    struct buffer key; /* that a pattern makes */
};

/* ---- arguments ---- */

static bool is_constant(struct slice pattern)
{
    return !pattern.len || !memchr(pattern.at, '*', pattern.len);
}

/* Reads the option at argument *i, and moves behind it; false after writing the error. */
static bool read_option(struct call *c, struct sorting *s, int *i, bool may_store)
{
    int at = *i, left = c->argc - at - 1;
    if (call_arg_is(c, at, "asc")) {
        s->desc = false;
    } else if (call_arg_is(c, at, "desc")) {
        s->desc = true;
    } else if (call_arg_is(c, at, "alpha")) {
        s->alpha = true;
    } else if (left >= 2 && call_arg_is(c, at, "limit")) {
        if (!call_int(c, at + 1, &s->offset) || !call_int(c, at + 2, &s->limit)) return false;
        *i += 2;
    } else if (left >= 1 && may_store && call_arg_is(c, at, "store")) {
        s->to = &c->argv[++*i];
    } else if (left >= 1 && call_arg_is(c, at, "by")) {
        s->by = &c->argv[++*i];
        /* Once so, always so: another BY does not bring the sorting back. */
        if (is_constant(*s->by)) s->in_order = true;
    } else if (left >= 1 && call_arg_is(c, at, "get")) {
        s->gets[s->gets_count++] = ++*i;
    } else {
        call_syntax_error(c);
        return false;
    }
    ++*i;
    return true;
}

/* Reads the value that is to be sorted; false after writing the error. */
static bool read_value(struct call *c, struct sorting *s)
{
    const struct entry *e = call_read(c, call_arg(c, 1));
    if (!e) return true;
    enum value_type type = entry_type(e);
    if (type != TYPE_LIST && type != TYPE_SET && type != TYPE_ZSET) {
        call_wrong_type(c);
        return false;
    }
    s->value = entry_value(e);
    return true;
}

/* ---- elements ---- */

static void add_element(void *ctx, const struct value_item *item)
{
    struct sorting *s = ctx;
    if (s->count == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 16;
        s->elements =
            mem_resize(s->elements, s->cap * sizeof *s->elements, cap * sizeof *s->elements);
        s->cap = cap;
    }
    s->elements[s->count] =
        (struct element){.text = arena_keep(&s->texts, item->member), .number = s->count};
    s->count++;
}

static void add_list_part(struct sorting *s, size_t from, size_t count)
{
    struct list_iter it;
    list_begin(&it, &s->value, from, s->desc);
    while (count-- && list_next(&it))
        add_element(s, &(struct value_item){.member = list_text(&it)});
    list_end(&it);
}

static void add_zset_part(struct sorting *s, size_t from, size_t count)
{
    struct zset_cursor c;
    zset_start(&c, &s->value, s->desc ? from + 1 : from);
    while (count-- && (s->desc ? zset_prev(&c) : zset_next(&c)))
        add_element(s, &(struct value_item){.member = c.member});
}

/* The part of `count` elements that LIMIT leaves. */
static void limit(const struct sorting *s, size_t count, size_t *from, size_t *len)
{
    uint64_t offset = s->offset < 0 ? 0 : (uint64_t)s->offset;
    *from = offset < count ? (size_t)offset : count;
    *len = count - *from;
    if (s->limit >= 0 && (uint64_t)s->limit < *len) *len = (size_t)s->limit;
}

/* Of a list or sorted set that is to stay in its order, only what is asked for is touched. */
static void load_part(struct sorting *s)
{
    size_t from, len, count = value_kind(s->value.type)->count(&s->value);
    limit(s, count, &from, &len);
    s->offset = 0;
    if (!len) return;
    if (s->desc) from = count - 1 - from;
    if (s->value.type == TYPE_LIST)
        add_list_part(s, from, len);
    else
        add_zset_part(s, from, len);
}

static void load(struct sorting *s)
{
    if (!s->value.at) return;
    if (s->in_order && s->value.type != TYPE_SET)
        load_part(s);
    else
        value_kind(s->value.type)->each(&s->value, add_element, s);
}

/* ---- what other keys hold ---- */

/* The key that a pattern makes of an element: its first `*` is the element. Behind that, `->` and
 * more is the field of a hash. False where the pattern is a constant. */
static bool make_key(struct sorting *s, struct slice pattern, struct slice element,
                     struct slice *field)
{
    const char *star = pattern.len ? memchr(pattern.at, '*', pattern.len) : NULL;
    if (!star) return false;
    struct slice rest = slice_from(pattern, (size_t)(star - pattern.at) + 1);
    const char *arrow = rest.len ? memmem(rest.at, rest.len, "->", 2) : NULL;
    *field = SLICE("");
    if (arrow && arrow + 2 < rest.at + rest.len) {
        *field = slice_from(rest, (size_t)(arrow - rest.at) + 2);
        rest.len = (size_t)(arrow - rest.at);
    }
    s->key.len = 0;
    buffer_add(&s->key, pattern.at, (size_t)(star - pattern.at));
    buffer_add_slice(&s->key, element);
    buffer_add_slice(&s->key, rest);
    return true;
}

/* Reads the key, which is noted if it is missing, and must then live as long as the record. */
static const struct entry *read_made_key(struct sorting *s)
{
    struct call *c = s->call;
    struct slice key = buffer_slice(&s->key);
    bool there = gate_read(c->engine, c->db, key, READ_QUIET | READ_NO_TOUCH);
    return call_read(c, there ? key : engine_keep(c->engine, key));
}

/* What a pattern leads to: false for nothing. The text is good until another key is read; `room` is
 * where it may stand. */
static bool look_up(struct sorting *s, struct slice pattern, struct slice element,
                    struct field *room, struct slice *text)
{
    struct slice field;
    if (slice_equal(pattern, SLICE("#"))) {
        *text = element;
        return true;
    }
    if (!make_key(s, pattern, element, &field)) return false;
    const struct entry *e = read_made_key(s);
    if (!e || entry_type(e) != (field.len ? TYPE_HASH : TYPE_STRING)) return false;
    if (!field.len) {
        *text = entry_string(e);
        return true;
    }
    struct value hash = entry_value(e);
    if (!fields_get(&hash, field, room)) return false;
    *text = room->value;
    return !field_is_past(room->deadline, engine_now(s->call->engine));
}

/* ---- order ---- */

/* A number as strtod reads it, and as Redis takes it here: with blanks before it, of no digits at
 * all (0), and only up to a NUL. */
static bool read_score(struct sorting *s, struct slice text, double *score)
{
    int64_t whole;
    if (text_to_int(text, &whole)) { /* as most are, and ten times as quick */
        *score = (double)whole;
        return true;
    }
    char *end;
    s->key.len = 0;
    buffer_add_slice(&s->key, text);
    buffer_add_byte(&s->key, 0);
    errno = 0;
    *score = strtod(s->key.at, &end);
    return *end == 0 && errno != ERANGE && !isnan(*score);
}

/* Finds out what the elements are sorted by; false where one of them is no number. */
static bool weigh(struct sorting *s)
{
    bool all_numbers = true;
    if (s->alpha && !s->by) return true;
    for (size_t i = 0; i < s->count; i++) {
        struct element *e = &s->elements[i];
        struct slice weight = e->text;
        struct field room;
        if (s->by && !look_up(s, *s->by, e->text, &room, &weight)) continue;
        if (s->alpha)
            e->weight = arena_keep(&s->texts, weight);
        else
            all_numbers &= read_score(s, weight, &e->score);
    }
    return all_numbers;
}

static int by_text(const void *a, const void *b)
{
    const struct element *x = a, *y = b;
    return slice_compare(x->text, y->text);
}

static int by_score(const void *a, const void *b)
{
    const struct element *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    return by_text(a, b);
}

/* Without a weight, an element is less than all that have one. */
static int compare_weights(const struct element *x, const struct element *y)
{
    if (!x->weight.at || !y->weight.at) return (x->weight.at != NULL) - (y->weight.at != NULL);
    return slice_compare(x->weight, y->weight);
}

static int by_weight(const void *a, const void *b)
{
    const struct element *x = a, *y = b;
    int order = compare_weights(x, y);
    return order ? order : x->number < y->number ? -1 : 1;
}

static int by_weight_down(const void *a, const void *b)
{
    const struct element *x = a, *y = b;
    int order = compare_weights(y, x);
    return order ? order : x->number < y->number ? -1 : 1;
}

static void reverse(struct sorting *s)
{
    for (size_t i = 0, j = s->count - 1; i < j; i++, j--) {
        struct element e = s->elements[i];
        s->elements[i] = s->elements[j];
        s->elements[j] = e;
    }
}

typedef int order(const void *a, const void *b);

/* Puts all that comes before the n-th of [from, to) in order before it, and the rest behind it
 * (quickselect; whoever makes that slow gets a sort). */
static void divide(struct element *e, size_t from, size_t to, size_t n, order *by)
{
    enum { SMALL = 16, ROUNDS_MAX = 100 };
    for (int round = 0; to - from > SMALL && round < ROUNDS_MAX; round++) {
        struct element pivot = e[from + (to - from) / 2], other;
        size_t i = from, j = to - 1;
        for (;; i++, j--) {
            while (by(&e[i], &pivot) < 0) i++;
            while (by(&pivot, &e[j]) < 0) j--;
            if (i >= j) break;
            other = e[i];
            e[i] = e[j];
            e[j] = other;
        }
        /* [from, i) is not above the pivot, [i, to) not below it. */
        if (n < i)
            to = i;
        else
            from = i;
    }
    qsort(e + from, to - from, sizeof *e, by);
}

/* Brings the elements that are answered into order, the others only to either side of them. */
static void arrange(struct sorting *s)
{
    bool by_weights = s->alpha && s->by, turned = s->desc && !by_weights;
    order *by = by_weights ? s->desc ? by_weight_down : by_weight : s->alpha ? by_text : by_score;
    size_t from, len;
    limit(s, s->count, &from, &len);
    if (!len) return;
    if (turned) from = s->count - from - len;
    if (from > 0) divide(s->elements, 0, s->count, from, by);
    if (from + len < s->count) divide(s->elements, from, s->count, from + len, by);
    qsort(s->elements + from, len, sizeof *s->elements, by);
    if (turned) reverse(s);
}

/* ---- the outcome ---- */

static void give(struct sorting *s, bool found, struct slice text)
{
    struct call *c = s->call;
    if (!found) text = SLICE("");
    if (s->list.at)
        list_push(&s->list, LIST_RIGHT, &text, 1, call_values(c));
    else if (found)
        resp_bulk(&c->reply, text);
    else
        resp_null(&c->reply);
}

static void give_element(struct sorting *s, struct slice element)
{
    if (!s->gets_count) give(s, true, element);
    for (size_t i = 0; i < s->gets_count; i++) {
        struct field room;
        struct slice text;
        bool found = look_up(s, call_arg(s->call, s->gets[i]), element, &room, &text);
        give(s, found, text);
    }
}

static void answer(struct sorting *s)
{
    struct call *c = s->call;
    size_t from, len;
    limit(s, s->count, &from, &len);
    size_t texts = len * (s->gets_count ? s->gets_count : 1);
    if (s->to)
        s->list = list_new();
    else
        resp_array(&c->reply, texts);
    for (size_t i = from; i < from + len; i++) give_element(s, s->elements[i].text);
    if (!s->to) return;
    call_store(c, *s->to, &s->list, EVENT_SORTSTORE, texts);
}

static void sort_value(struct sorting *s)
{
    /* What is stored must not depend on how a set happens to lie. */
    if (s->in_order && s->to && s->value.at && s->value.type == TYPE_SET) {
        s->in_order = false;
        s->alpha = true;
        s->by = NULL;
    }
    load(s);
    if (!s->in_order && !weigh(s)) {
        resp_error(&s->call->reply, SLICE("ERR One or more scores can't be converted into double"));
        return;
    }
    if (!s->in_order) arrange(s);
    answer(s);
}

static void sort_any(struct call *c, bool may_store)
{
    struct sorting s = {.call = c, .limit = -1};
    size_t gets_max = (size_t)c->argc * sizeof *s.gets;
    s.gets = mem_alloc(gets_max);
    bool good = true;
    for (int i = 2; i < c->argc && good;) good = read_option(c, &s, &i, may_store);
    if (good && read_value(c, &s)) sort_value(&s);
    mem_free(s.gets, gets_max);
    mem_free(s.elements, s.cap * sizeof *s.elements);
    arena_fini(&s.texts);
    buffer_fini(&s.key);
}

static void sort_command(struct call *c)
{
    sort_any(c, true);
}

static void sort_ro_command(struct call *c)
{
    sort_any(c, false);
}

void command_bind_sort(struct command_table *t)
{
    static const struct command_binding rows[] = {{"sort", sort_command},
                                                  {"sort_ro", sort_ro_command}};
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
