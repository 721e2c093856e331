/* Names of views, and watches: each record is told once to each watch of a name that shows an event
 * of it, as the model has it. SEED=n plays that seed. */
#include "view_world.h"

/* ---- names ---- */

static void names_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int kind;
    } rows[] = {
        {"__keyspace@0__:k", 1},
        {"__keyevent@*__:expired", 1},
        {"__keychange@0__:", 1},
        {"__keyspace@__:", 1},
        {"__keyspace@[0__:x]__:y", 1},
        {"__keyspace@\\0__:y", 1},
        {"__keyspace@0__:*", 1},
        {"*", 0},
        {"", 0},
        {"k*", 0},
        {"_*", 0},
        {"__keyspace@0", 0},
        {"__keyspace@0_:k", 0},
        {"__keyspaces@0__:k", 0},
        {"__subkeyspace@0__:k", 0},
        {"__KEYSPACE@0__:k", 0},
        {"__keyx*", 0},
        {"__keyspace", 0},
        {"__key*__:*", ERR_SYNTAX},
        {"__key*", ERR_SYNTAX},
        {"__key[se]*@0__:k", ERR_SYNTAX},
        {"__keyspace?0__:k", ERR_SYNTAX},
        {"__keyspace@*", ERR_SYNTAX},
        {"__keyspace@[0__:k", ERR_SYNTAX},
        {"__keyevent@0\\__:set", ERR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (view_name_kind(slice_text(rows[i].name)) != rows[i].kind)
            fail_msg("%s is not %d", rows[i].name, rows[i].kind);
}

/* Names that the model's plain reading of them does not cover. */
static void odd_names_show_what_they_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t count;
    } rows[] = {
        {"__keyspace@0__:a\\*b", 1},
        {"__keyspace@0__:a*b", 3}, /* a*b, axb and a__:b */
        {"__keyspace@\\0__:axb", 1},
        {"__keyspace@[0-3]__:axb", 1},
        {"__keyspace@*__:b", 0}, /* the star of the database does not go into the key */
        {"__keyspace@0__:", 1},
        {"__keyspace@0__:**", 4},
        {"__keyspace@0__:?*", 3},
        {"__keyevent@0__:s[e]t", 4},
        {"__keyevent@0__:\\new", 4},
        {"__keyevent@0__:new*", 0},
        {"__keyevent@00__:set", 0},
        {"__keyevent@0__:flushdb", 1}, /* of a database: in all of these, */
        {"__keyevent@0__:nothing", 1},
        {"__keychange@0__:nothing", 1},
        {"__keyspace@0__:nothing", 0},
        {"__keyevent@1__:set", 0},
    };
    struct world w;
    world_init(&w, 16384, 40000, false);
    runner_type(&w.r, "SET a*b 1");
    runner_type(&w.r, "SET axb 1");
    runner_type(&w.r, "SET a__:b 1");
    runner_type(&w.r, "SET \"\" 1");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t count = count_shown(&w, rows[i].name);
        bool of_db = strstr(rows[i].name, "flush") || strstr(rows[i].name, "nothing");
        if (!of_db && count != rows[i].count) fail_msg("%s: %zu", rows[i].name, count);
    }
    runner_type(&w.r, "FLUSHDB");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool of_db = strstr(rows[i].name, "flush") || strstr(rows[i].name, "nothing");
        size_t count = count_shown(&w, rows[i].name);
        if (of_db && count != rows[i].count) fail_msg("%s: %zu", rows[i].name, count);
    }
    world_fini(&w);
}

/* ---- watches ---- */

struct waiter {
    struct view_watch watch;
    struct world *w;
    const char *name;
    uint64_t seq; /* of the record that it was told of last */
    struct event_id id;
    bool leave; /* when it is told */
};

static void told(void *ctx, uint64_t seq, struct event_id id)
{
    struct waiter *watcher = ctx;
    assert_true(watcher->seq != seq);
    watcher->seq = seq;
    watcher->id = id;
    if (watcher->leave) view_unwatch(&watcher->watch);
}

enum { WATCHERS = 60 };

static void change_watchers(struct world *w, struct random *random, struct waiter *all)
{
    for (int i = 0; i < WATCHERS; i++) {
        struct waiter *one = &all[i];
        if (random_below(random, 4)) continue;
        view_unwatch(&one->watch);
        if (random_below(random, 4) == 0) continue;
        one->name = names[random_below(random, NAMES)];
        one->leave = random_below(random, 4) == 0;
        one->watch.came = told;
        one->watch.ctx = one;
        assert_int_equal(view_watch(w->views, &one->watch, slice_text(one->name)), 0);
    }
}

/* Of the last record, each watcher that was there before heard what the model says. */
static void expect_told(const struct world *w, const struct waiter *all, const bool *there,
                        size_t from)
{
    for (int i = 0; i < WATCHERS; i++) {
        const struct event *first = NULL;
        for (size_t k = from; k < w->count && !first; k++)
            if (model_shows(all[i].name, &w->events[k])) first = &w->events[k];
        bool heard = w->count > from && all[i].seq == w->events[from].seq;
        assert_int_equal(heard, there[i] && first != NULL);
        if (heard) assert_true(order(all[i].id, first->id) == 0);
        if (heard) assert_true(all[i].leave == !all[i].watch.place);
    }
}

static void watches_hear_what_the_model_says(void **state)
{
    (void)state;
    struct world w;
    struct writer writer = {.r = &w.r};
    struct waiter all[WATCHERS] = {0};
    bool there[WATCHERS];
    world_init(&w, 1 << 20, 65536, false);
    random_init(&writer.random, seed);
    for (int i = 0; i < WATCHERS; i++) all[i].name = names[0];
    for (int turn = 0; turn < 4000; turn++) {
        if (turn % 10 == 0) change_watchers(&w, &writer.random, all);
        for (int i = 0; i < WATCHERS; i++) there[i] = all[i].watch.place != NULL;
        size_t from = w.count, records = w.records;
        run_record(&writer);
        /* A command may have put dead keys away in a record before its own. */
        if (w.records == records + 1) expect_told(&w, all, there, from);
        if (turn % 100 == 0) journal_write(w.journal, w.clock);
        w.r.now_ms++;
    }
    for (int i = 0; i < WATCHERS; i++) view_unwatch(&all[i].watch);
    arena_fini(&writer.arena);
    world_fini(&w);
}

static void tell_and_end(void *ctx, uint64_t seq, struct event_id id)
{
    struct waiter *one = ctx;
    told(ctx, seq, id);
    view_unwatch(&one[1].watch);
    one[1].seq = UINT64_MAX; /* it may be gone: to be told now would be wrong */
}

/* Whoever is told may end the watch that would be told next. */
static void a_watch_may_end_others(void **state)
{
    (void)state;
    struct world w;
    struct waiter all[3] = {0};
    world_init(&w, 16384, 16384, false);
    for (int i = 0; i < 3; i++) {
        all[i].watch.came = i == 0 ? tell_and_end : told;
        all[i].watch.ctx = &all[i];
        assert_int_equal(view_watch(w.views, &all[i].watch, SLICE("__keyspace@0__:k")), 0);
    }
    runner_type(&w.r, "SET k v");
    assert_true(all[0].seq == 1 && all[1].seq == UINT64_MAX && all[2].seq == 1);
    for (int i = 0; i < 3; i++) view_unwatch(&all[i].watch);
    world_fini(&w);
}

/* Globs that no literal tells from each other are tried for each event: there is a bound to them.
 */
static void crowded_watches_are_bounded(void **state)
{
    (void)state;
    enum { MANY = VIEW_CROWDED_MAX + 200 };
    static struct waiter all[MANY];
    struct world w;
    int refused = 0;
    world_init(&w, 1 << 20, 65536, false);
    memset(all, 0, sizeof all);
    for (int i = 0; i < MANY; i++) {
        char name[64] = "__keyspace@0__:[ab]?*[c-e]*", *end = name + strlen(name);
        for (int bit = 0; bit < 11; bit++) *end++ = i >> bit & 1 ? '?' : '*';
        *end = 0;
        all[i].watch.came = told;
        all[i].watch.ctx = &all[i];
        int rc = view_watch(w.views, &all[i].watch, slice_text(name));
        assert_true(rc == (all[i].watch.place ? 0 : ERR_LIMIT));
        refused += rc != 0;
    }
    assert_true(refused > 0 && refused <= MANY - VIEW_CROWDED_MAX);
    view_unwatch(&all[500].watch);
    int rc = view_watch(w.views, &all[500].watch, SLICE("__keyspace@0__:[ab]?*[c-e]*[x]"));
    assert_int_equal(rc, 0);
    for (int i = 0; i < MANY; i++) view_unwatch(&all[i].watch);
    world_fini(&w);
}

int main(void)
{
    draw_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_told_apart),
        cmocka_unit_test(odd_names_show_what_they_name),
        cmocka_unit_test(watches_hear_what_the_model_says),
        cmocka_unit_test(a_watch_may_end_others),
        cmocka_unit_test(crowded_watches_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
