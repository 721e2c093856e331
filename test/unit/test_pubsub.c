/* Subscriptions, delivery and introspection, against the plain model of listener.h. */
#include "listener.h"

#include "../../src/base/err.h"
#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct random dice;
static unsigned char secret[HASH_SECRET_SIZE];

static struct pubsub *new_pubsub(void)
{
    return pubsub_new(secret, (struct pubsub_limits){1024, 1000});
}

static struct slice draw(const char *const *from, size_t count)
{
    return slice_text(from[random_below(&dice, count)]);
}

static struct slice draw_name(enum pubsub_kind kind)
{
    static const char *const channels[] = {"a",      "b", "news",  "news:1",
                                           "news:2", "",  "x:y:z", "__keyspace@0__:k"};
    static const char *const patterns[] = {
        "*",  "news*", "news:*", "news:?", "n[e]ws", "*:1", "*ew*", "?",    "a",    "\\a",
        "**", "*:*:*", "x*z",    "x*y*z",  "__key*", "*k",  "[ab]", "news", "*s:*", "*y:*"};
    return kind == PUBSUB_PATTERN ? draw(patterns, sizeof patterns / sizeof *patterns)
                                  : draw(channels, sizeof channels / sizeof *channels);
}

static void assert_same(const struct buffer *got, const struct buffer *expected)
{
    assert_int_equal(got->len, expected->len);
    if (got->len) assert_memory_equal(got->at, expected->at, got->len);
}

struct world {
    struct pubsub *p;
    struct model model;
    struct listener listeners[12];
    struct buffer got, expected, name;
    size_t messages;
};

enum { LISTENERS = 12 };

static void toggle(struct world *w, struct listener *l)
{
    enum pubsub_kind kind = (enum pubsub_kind)random_below(&dice, 3);
    struct slice name = draw_name(kind);
    struct model_entry *e = model_find(&w->model, l, kind, name);
    if (random_below(&dice, 2)) {
        assert_int_equal(pubsub_subscribe(w->p, &l->base, kind, name), e ? 0 : 1);
        if (!e) model_add(&w->model, l, kind, name);
    } else {
        assert_int_equal(pubsub_unsubscribe(w->p, &l->base, kind, name), e != NULL);
        if (e) model_remove(&w->model, e);
    }
}

static void unsubscribe_any(struct world *w, struct listener *l)
{
    enum pubsub_kind kind = (enum pubsub_kind)random_below(&dice, 3);
    size_t had = subscriber_count(&l->base, kind);
    assert_int_equal(pubsub_unsubscribe_any(w->p, &l->base, kind, &w->name), had > 0);
    if (!had) return;
    struct model_entry *e = model_find(&w->model, l, kind, buffer_slice(&w->name));
    assert_non_null(e);
    model_remove(&w->model, e);
}

static void leave(struct world *w, struct listener *l)
{
    pubsub_leave(w->p, &l->base);
    assert_null(l->base.subscriptions);
    for (size_t i = w->model.len; i-- > 0;)
        if (w->model.at[i].who == l) model_remove(&w->model, &w->model.at[i]);
}

static void publish(struct world *w)
{
    bool sharded = random_below(&dice, 4) == 0;
    struct slice channel = draw_name(PUBSUB_CHANNEL);
    char bytes[40000];
    size_t len = random_below(&dice, 20) ? random_below(&dice, 300) : random_below(&dice, 40000);
    memset(bytes, 'p', len);
    struct slice payload = slice_of(bytes, len);
    w->got.len = w->expected.len = 0;
    size_t receivers = pubsub_receivers(w->p, channel, sharded);
    size_t n = model_publish(&w->model, &w->expected, channel, payload, sharded);
    assert_int_equal(receivers, n);
    assert_int_equal(pubsub_publish(w->p, channel, payload, sharded), n);
    assert_same(&w->got, &w->expected);
    w->messages += n;
}

struct census {
    struct world *w;
    enum pubsub_kind kind;
    size_t names;
};

static size_t model_subscribers(struct model *m, enum pubsub_kind kind, struct slice name)
{
    size_t n = 0;
    for (size_t i = 0; i < m->len; i++)
        n += m->at[i].kind == kind && slice_equal(model_name(&m->at[i]), name);
    return n;
}

static void count_name(void *ctx, struct slice name, size_t subscribers)
{
    struct census *c = ctx;
    assert_true(subscribers > 0);
    assert_int_equal(subscribers, model_subscribers(&c->w->model, c->kind, name));
    c->names++;
}

static size_t model_names(struct model *m, enum pubsub_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < m->len; i++)
        n += m->at[i].kind == kind && model_find(m, NULL, kind, model_name(&m->at[i])) == &m->at[i];
    return n;
}

static void compare_counts(struct world *w)
{
    struct pubsub_counts c = pubsub_counts(w->p);
    struct model *m = &w->model;
    assert_int_equal(c.channels, model_names(m, PUBSUB_CHANNEL));
    assert_int_equal(c.patterns, model_names(m, PUBSUB_PATTERN));
    assert_int_equal(c.shard_channels, model_names(m, PUBSUB_SHARD));
    assert_int_equal(c.messages, w->messages);
    size_t clients = 0;
    for (int i = 0; i < LISTENERS; i++) {
        size_t all = 0;
        for (int kind = 0; kind < 3; kind++) {
            size_t n = 0;
            for (size_t j = 0; j < m->len; j++)
                n += m->at[j].who == &w->listeners[i] && (int)m->at[j].kind == kind;
            assert_int_equal(subscriber_count(&w->listeners[i].base, (enum pubsub_kind)kind), n);
            all += n;
        }
        clients += all > 0;
        assert_int_equal(subscriber_bytes(&w->listeners[i].base) > 0, all > 0);
    }
    assert_int_equal(c.clients, clients);
    for (int sharded = 0; sharded < 2; sharded++) {
        struct census census = {w, sharded ? PUBSUB_SHARD : PUBSUB_CHANNEL, 0};
        pubsub_each_channel(w->p, sharded, count_name, &census);
        assert_int_equal(census.names, sharded ? c.shard_channels : c.channels);
        struct slice name = draw_name(PUBSUB_CHANNEL);
        assert_int_equal(pubsub_channel_subscribers(w->p, sharded, name),
                         model_subscribers(m, census.kind, name));
    }
}

static void test_like_the_model(void **state)
{
    (void)state;
    static struct world w;
    memset(&w, 0, sizeof w);
    w.p = new_pubsub();
    for (int i = 0; i < LISTENERS; i++) listener_init(&w.listeners[i], i, 2 + i % 2, &w.got);
    for (int round = 0; round < 20000; round++) {
        struct listener *l = &w.listeners[random_below(&dice, LISTENERS)];
        switch (random_below(&dice, 40)) {
        case 0: leave(&w, l); break;
        case 1: unsubscribe_any(&w, l); break;
        case 2: pubsub_end_turn(w.p); break;
        case 3: l->base.proto = 2 + (int)random_below(&dice, 2); break;
        case 4: compare_counts(&w); break;
        default:
            if (random_below(&dice, 2))
                toggle(&w, l);
            else
                publish(&w);
        }
    }
    pubsub_free(w.p);
    for (int i = 0; i < LISTENERS; i++) assert_null(w.listeners[i].base.subscriptions);
    buffer_fini(&w.got);
    buffer_fini(&w.expected);
    buffer_fini(&w.name);
}

static void test_bytes(void **state)
{
    (void)state;
    struct buffer got = {0};
    struct listener old, new;
    struct pubsub *p = new_pubsub();
    listener_init(&old, 2, 2, &got);
    listener_init(&new, 3, 3, &got);
    assert_int_equal(pubsub_subscribe(p, &old.base, PUBSUB_CHANNEL, SLICE("ch")), 1);
    assert_int_equal(pubsub_subscribe(p, &old.base, PUBSUB_CHANNEL, SLICE("ch")), 0);
    assert_int_equal(pubsub_subscribe(p, &new.base, PUBSUB_PATTERN, SLICE("c*")), 1);
    assert_int_equal(pubsub_subscribe(p, &new.base, PUBSUB_SHARD, SLICE("ch")), 1);
    assert_int_equal(pubsub_publish(p, SLICE("ch"), SLICE("a\0\n"), false), 2);
    assert_int_equal(pubsub_publish(p, SLICE("ch"), SLICE(""), true), 1);
    static const char expected[] =
        "2: *3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$3\r\na\0\n\r\n"
        "3: >4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$2\r\nch\r\n$3\r\na\0\n\r\n"
        "3: >3\r\n$8\r\nsmessage\r\n$2\r\nch\r\n$0\r\n\r\n";
    assert_int_equal(got.len, sizeof expected - 1);
    assert_memory_equal(got.at, expected, got.len);
    pubsub_free(p);
    buffer_fini(&got);
}

/* Messages of one turn lie back to back, large ones alone; after the turn a new block begins, as
 * large as what the turn took. */
static void test_messages_share_blocks(void **state)
{
    (void)state;
    struct buffer got = {0};
    struct listener l;
    struct pubsub *p = new_pubsub();
    listener_init(&l, 1, 2, &got);
    pubsub_subscribe(p, &l.base, PUBSUB_CHANNEL, SLICE("ch"));
    pubsub_publish(p, SLICE("ch"), SLICE("0"), false);
    assert_int_equal(l.last.block->cap, l.last.len);
    for (int i = 0; i < 2; i++) pubsub_publish(p, SLICE("ch"), SLICE("0"), false);
    pubsub_end_turn(p);
    pubsub_publish(p, SLICE("ch"), SLICE("1"), false);
    struct span first = l.last;
    assert_int_equal(first.block->cap, 3 * first.len);
    block_retain(first.block);
    assert_int_equal(first.block->refs, 2);
    pubsub_publish(p, SLICE("ch"), SLICE("2"), false);
    assert_ptr_equal(l.last.block, first.block);
    assert_int_equal(l.last.from, first.from + first.len);
    static char large[20000];
    pubsub_publish(p, SLICE("ch"), slice_of(large, sizeof large), false);
    assert_ptr_not_equal(l.last.block, first.block);
    pubsub_publish(p, SLICE("ch"), SLICE("3"), false);
    assert_ptr_equal(l.last.block, first.block);
    pubsub_end_turn(p);
    assert_int_equal(first.block->refs, 1);
    assert_int_equal(first.block->len, 3 * first.len);
    pubsub_publish(p, SLICE("ch"), SLICE("4"), false);
    assert_ptr_not_equal(l.last.block, first.block);
    block_release(first.block);
    /* A busy turn gets larger blocks, up to a bound. */
    size_t cap_max = 0;
    for (int i = 0; i < 5000; i++) {
        pubsub_publish(p, SLICE("ch"), slice_of(large, 100), false);
        if (l.last.block->cap > cap_max) cap_max = l.last.block->cap;
    }
    assert_int_equal(cap_max, 64 << 10);
    /* The last subscriber leaves while the block is open. */
    pubsub_leave(p, &l.base);
    pubsub_end_turn(p);
    pubsub_free(p);
    buffer_fini(&got);
}

static void test_limits(void **state)
{
    (void)state;
    struct buffer got = {0};
    struct listener l;
    struct pubsub *p = pubsub_new(secret, (struct pubsub_limits){8, 2});
    listener_init(&l, 1, 2, &got);
    assert_int_equal(pubsub_subscribe(p, &l.base, PUBSUB_PATTERN, SLICE("12345678*")), ERR_LIMIT);
    assert_int_equal(pubsub_subscribe(p, &l.base, PUBSUB_CHANNEL, SLICE("12345678*")), 1);
    assert_int_equal(pubsub_subscribe(p, &l.base, PUBSUB_PATTERN, SLICE("?*")), 1);
    assert_int_equal(pubsub_subscribe(p, &l.base, PUBSUB_PATTERN, SLICE("[ab]")), 1);
    assert_int_equal(pubsub_subscribe(p, &l.base, PUBSUB_PATTERN, SLICE("??")), ERR_LIMIT);
    assert_int_equal(pubsub_counts(p).globs, 2);
    assert_int_equal(pubsub_counts(p).patterns, 2);
    assert_int_equal(subscriber_count(&l.base, PUBSUB_PATTERN), 2);
    pubsub_set_limits(p, (struct pubsub_limits){9, 3});
    assert_int_equal(pubsub_subscribe(p, &l.base, PUBSUB_PATTERN, SLICE("??")), 1);
    assert_int_equal(pubsub_subscribe(p, &l.base, PUBSUB_PATTERN, SLICE("12345678*")), 1);
    pubsub_set_limits(p, (struct pubsub_limits){0, 0});
    assert_int_equal(pubsub_subscribe(p, &l.base, PUBSUB_PATTERN, SLICE("??")), 0);
    pubsub_free(p);
    buffer_fini(&got);
}

/* Who retires is deaf at once, and gone by and by, the first first. */
static void test_retire(void **state)
{
    (void)state;
    struct buffer got = {0};
    struct listener l[3];
    struct pubsub *p = new_pubsub();
    for (int i = 0; i < 3; i++) {
        listener_init(&l[i], i, 2, &got);
        pubsub_subscribe(p, &l[i].base, PUBSUB_CHANNEL, SLICE("a"));
        pubsub_subscribe(p, &l[i].base, PUBSUB_PATTERN, SLICE("a*"));
        pubsub_subscribe(p, &l[i].base, PUBSUB_SHARD, SLICE("a"));
    }
    pubsub_retire(p, &l[1].base);
    pubsub_retire(p, &l[0].base);
    pubsub_publish(p, SLICE("a"), SLICE("x"), false);
    assert_int_equal(l[0].heard + l[1].heard, 0);
    assert_int_equal(l[2].heard, 2);
    assert_true(pubsub_work(p, 2));
    assert_int_equal(subscriber_count(&l[1].base, PUBSUB_SHARD), 1);
    assert_true(pubsub_work(p, 2));
    assert_null(l[1].base.subscriptions);
    assert_int_equal(subscriber_count(&l[0].base, PUBSUB_CHANNEL), 0);
    assert_int_equal(subscriber_count(&l[0].base, PUBSUB_PATTERN), 1);
    assert_false(pubsub_work(p, 2));
    assert_int_equal(pubsub_counts(p).clients, 1);
    listener_init(&l[0], 0, 2, &got); /* none at all, and one that is left to pubsub_free */
    pubsub_retire(p, &l[0].base);
    pubsub_retire(p, &l[2].base);
    assert_true(pubsub_work(p, 1));
    pubsub_free(p);
    buffer_fini(&got);
}

/* Many subscribers of one name, leaving in several orders; the others keep theirs. */
static void test_many_leave(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    struct listener *all = mem_zalloc(MANY * sizeof *all);
    struct buffer got = {0};
    struct pubsub *p = new_pubsub();
    size_t empty = pubsub_counts(p).bytes;
    for (int i = 0; i < MANY; i++) {
        listener_init(&all[i], i, 2, &got);
        pubsub_subscribe(p, &all[i].base, PUBSUB_PATTERN, SLICE("a*"));
    }
    for (int i = 0; i < MANY; i += 2) pubsub_leave(p, &all[i].base);
    for (int i = MANY - 1; i > MANY / 2; i--) pubsub_leave(p, &all[i].base);
    for (int i = 0; i < 100; i++) pubsub_leave(p, &all[i].base);
    assert_int_equal(pubsub_publish(p, SLICE("a"), SLICE("x"), false), MANY / 4 - 50);
    int last = -1;
    for (int i = 0; i < MANY; i++) assert_int_equal(all[i].heard, i % 2 && i > 99 && i <= MANY / 2);
    for (const char *at = got.at; at < got.at + got.len;) {
        int number = atoi(at);
        assert_true(number > last);
        last = number;
        at = strstr(at, "$1\r\nx\r\n") + 7;
    }
    for (int i = 0; i < MANY; i++)
        if (i != MANY / 2 - 1) pubsub_leave(p, &all[i].base);
    assert_true(pubsub_counts(p).bytes < empty + 4096); /* with one in what was the last seat */
    assert_int_equal(pubsub_publish(p, SLICE("a"), SLICE("x"), false), 1);
    pubsub_leave(p, &all[MANY / 2 - 1].base);
    assert_int_equal(pubsub_counts(p).patterns, 0);
    pubsub_free(p);
    buffer_fini(&got);
    mem_free(all, MANY * sizeof *all);
}

static int no_leak(void **state)
{
    (void)state;
    return mem_used() == 0 ? 0 : -1;
}

int main(void)
{
    const char *seed = getenv("SEED");
    uint64_t n = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)n);
    random_init(&dice, n);
    for (int i = 0; i < HASH_SECRET_SIZE; i++) secret[i] = (unsigned char)random_u64(&dice);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_like_the_model, no_leak),
        cmocka_unit_test_teardown(test_bytes, no_leak),
        cmocka_unit_test_teardown(test_messages_share_blocks, no_leak),
        cmocka_unit_test_teardown(test_limits, no_leak),
        cmocka_unit_test_teardown(test_retire, no_leak),
        cmocka_unit_test_teardown(test_many_leave, no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
