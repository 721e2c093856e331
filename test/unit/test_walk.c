/* What a walk hands out is the data as it was when it began: each entry once, whatever commands,
 * expiry, eviction, flushes and swaps do meanwhile, while tables grow and shrink.
 *
 * The expectation is a plain copy of all data, taken at the begin. SEED=n plays that seed alone,
 * SEEDS=n so many. */
#include "random_commands.h"
#include "values.h"

#include "../../src/base/err.h"
#include "../../src/engine/walk.h"
#include "../../src/keyspace/entry_codec.h"
#include "../../src/keyspace/internal.h"

#include <time.h>
#include <unistd.h>

static uint64_t first_seed, playing;
static int seeds = 400;
static size_t all_parted; /* how many were taken in parts */

enum { MANY_KEYS = 700 };

/* A world, its walk, and what the walk is still to hand out. */
struct story {
    struct runner r;
    struct writer w;
    struct map expected; /* database number and key; value: a copy of the entry */
    bool busy;           /* is not ready */
    bool parts;          /* takes large ones in parts */
    struct buffer large, large_key;
    size_t visited;
    int64_t cancel_after; /* gives up in the visitor after so many; -1: not */
    bool cancelled;
};

static struct slice name_of(struct buffer *room, int db, struct slice key)
{
    room->len = 0;
    buffer_add(room, &db, sizeof db);
    buffer_add_slice(room, key);
    return buffer_slice(room);
}

struct taking {
    struct story *s;
    int db;
};

static void expect_entry(void *ctx, void *entry)
{
    struct taking *t = ctx;
    struct buffer room = {0};
    struct slice name = name_of(&room, t->db, entry_key(entry));
    struct map_item *item = map_insert(&t->s->expected, name, NULL);
    assert_null(item->value);
    item->value = entry_copy(entry, entry_key(entry), keyspace_values(t->s->r.keyspace));
    ((struct entry *)item->value)->kind = ((struct entry *)entry)->kind;
    buffer_fini(&room);
}

static void drop(struct story *s, struct map_item *item)
{
    entry_free(item->value);
    map_erase(&s->expected, item);
}

static void forget_expected(struct story *s)
{
    while (map_count(&s->expected)) drop(s, map_at(&s->expected, 0));
}

static void take_copy(struct story *s)
{
    forget_expected(s);
    for (int db = 0; db < DATABASES; db++) {
        struct taking t = {s, db};
        keyspace_scan(s->r.keyspace, db, 0, SIZE_MAX, expect_entry, &t);
    }
}

static void visit(void *ctx, int db, const struct entry *e)
{
    struct story *s = ctx;
    struct buffer room = {0};
    assert_false(s->cancelled);
    struct map_item *item = map_find(&s->expected, name_of(&room, db, entry_key(e)));
    buffer_fini(&room);
    if (!item) fail_msg("visited twice, or new, or in another database");
    const struct entry *was = item->value;
    expect_same_content(was, e);
    assert_true(entry_deadline(was) == entry_deadline(e));
    drop(s, item);
    s->visited++;
    if (s->cancel_after >= 0 && s->visited > (size_t)s->cancel_after) {
        engine_walk_cancel(s->r.engine);
        s->cancelled = true;
    }
}

/* The parts of a large one, put together, are what it was at the begin. */
static bool visit_part(void *ctx, int db, const struct entry *e, struct value_progress *p)
{
    struct story *s = ctx;
    struct entry_image image;
    assert_false(s->cancelled);
    if (!p->mark) {
        s->large.len = 0;
        s->large_key.len = 0;
        buffer_add_slice(&s->large_key, entry_key(e));
    }
    assert_true(slice_equal(buffer_slice(&s->large_key), entry_key(e)));
    size_t bytes = 1 + random_below(&s->w.random, 300);
    if (!entry_encode_some(&s->large, db, e, p, bytes)) return false;
    struct slice whole = buffer_slice(&s->large);
    assert_true(entry_decode(&whole, &image) && whole.len == 0);
    struct entry *copy = entry_from_image(&image, keyspace_values(s->r.keyspace));
    assert_non_null(copy);
    all_parted++;
    visit(ctx, db, copy);
    entry_free(copy);
    return true;
}

static bool is_ready(void *ctx)
{
    return !((struct story *)ctx)->busy;
}

/* SETs or DELs of many keys, so that tables grow and shrink. */
static void burst(struct story *s)
{
    struct random *random = &s->w.random;
    bool set = random_below(random, 2);
    uint64_t from = random_below(random, MANY_KEYS), n = random_below(random, MANY_KEYS);
    s->r.db = (int)random_below(random, DATABASES);
    for (uint64_t i = from; i < from + n; i++) {
        char line[64];
        snprintf(line, sizeof line, set ? "SET many:%d v" : "DEL many:%d", (int)(i % MANY_KEYS));
        runner_type(&s->r, line);
    }
}

/* As somebody does who is about to change a value and would wait for the walk. */
static void ask_for_some(struct story *s)
{
    for (uint64_t n = random_below(&s->w.random, 5); n > 0; n--)
        engine_walk_holds(s->r.engine, (int)random_below(&s->w.random, DATABASES), key_word(&s->w));
}

static void change_something(struct story *s)
{
    struct random *random = &s->w.random;
    ask_for_some(s);
    static const char *const whole[] = {"FLUSHDB",    "FLUSHALL",   "SWAPDB 0 1",
                                        "SWAPDB 2 0", "SWAPDB 3 1", "FLUSHDB"};
    uint64_t n = 1 + random_below(random, 20);
    for (uint64_t i = 0; i < n; i++) {
        run_record(&s->w);
        pass_time(&s->w);
    }
    if (random_below(random, 8) == 0) burst(s);
    if (random_below(random, 25) == 0) {
        s->r.db = (int)random_below(random, DATABASES);
        runner_type(&s->r, whole[random_below(random, sizeof whole / sizeof *whole)]);
    }
}

static void story_init(struct story *s, uint64_t seed)
{
    *s = (struct story){.cancel_after = -1};
    runner_init(&s->r);
    s->w.r = &s->r;
    s->w.values = true;
    random_init(&s->w.random, seed);
    map_init(&s->expected, keyspace_secret(s->r.keyspace));
    for (int i = 0; i < DATABASES; i++)
        s->r.keyspace->db[i]->table.restless = random_below(&s->w.random, 2);
}

static void story_fini(struct story *s)
{
    forget_expected(s);
    map_fini(&s->expected);
    buffer_fini(&s->large);
    buffer_fini(&s->large_key);
    arena_fini(&s->w.arena);
    runner_fini(&s->r);
}

static void begin(struct story *s)
{
    s->parts = random_below(&s->w.random, 4);
    struct walk_visitor v = {visit, s->parts ? visit_part : NULL, is_ready, s};
    uint64_t seq;
    struct event_id last;
    int rc;
    while ((rc = engine_walk_begin(s->r.engine, v, &seq, &last)) == ERR_AGAIN)
        engine_work(s->r.engine, s->r.now_ms);
    assert_int_equal(rc, 0);
    struct engine_stats stats = engine_stats(s->r.engine);
    assert_true(seq == stats.seq && last.ms == stats.last_id.ms && last.n == stats.last_id.n);
    assert_int_equal(engine_walk_begin(s->r.engine, v, &seq, &last), ERR_BUSY);
    s->r.keyspace->walk.large_bytes = 40 + random_below(&s->w.random, 400);
    s->visited = 0;
    s->cancelled = s->busy = false;
    take_copy(s);
}

/* Invariant 1 of walk.h. */
static void expect_mark(void *ctx, void *entry)
{
    const struct keyspace *ks = ctx;
    assert_int_equal(((struct entry *)entry)->flags & ENTRY_MARK, ks->mark);
}

static void expect_all_marked(struct story *s)
{
    struct keyspace *ks = s->r.keyspace;
    assert_int_equal(ks->walk.graves, 0);
    assert_null(ks->walk.slow);
    for (int db = 0; db < DATABASES; db++) {
        keyspace_scan(ks, db, 0, SIZE_MAX, expect_mark, ks);
        table_check(&ks->db[db]->table);
    }
}

/* A walk to its end, or until it is given up, with changes in between. */
static void walk(struct story *s)
{
    struct random *random = &s->w.random;
    begin(s);
    size_t expected = map_count(&s->expected);
    s->cancel_after =
        random_below(random, 4) == 0 ? (int64_t)random_below(random, expected + 1) : -1;
    bool cancel = random_below(random, 6) == 0;
    while (engine_walk_step(s->r.engine, 1 + random_below(random, 60))) {
        if (cancel && random_below(random, 20) == 0) {
            engine_walk_cancel(s->r.engine);
            s->cancelled = true;
            break;
        }
        if (random_below(random, 3)) change_something(s);
        s->busy = random_below(random, 5) == 0;
    }
    s->cancel_after = -1;
    if (s->cancelled) return;
    assert_int_equal(s->visited, expected);
    assert_int_equal(map_count(&s->expected), 0);
    expect_all_marked(s);
}

static void play(uint64_t seed)
{
    struct story s;
    story_init(&s, seed);
    for (int i = 0; i < 30; i++) change_something(&s);
    burst(&s);
    for (int i = 0; i < 4; i++) {
        walk(&s);
        uint64_t n = random_below(&s.w.random, 6); /* none: it begins in the midst of settling */
        for (uint64_t k = 0; k < n; k++) change_something(&s);
    }
    if (random_below(&s.w.random, 4) == 0) begin(&s); /* freed in the middle of one */
    story_fini(&s);
}

static void hands_out_what_there_was(void **state)
{
    (void)state;
    for (int i = 0; i < seeds; i++) {
        alarm(60);
        playing = first_seed + (uint64_t)i;
        play(playing);
    }
    assert_true(all_parted > (size_t)seeds);
}

static int tell_seed(void **state)
{
    (void)state;
    printf("SEED=%llu was the last one\n", (unsigned long long)playing);
    return 0;
}

/* Steps do nothing then, but what is about to change is handed over all the same. */
static void is_not_hurried(void **state)
{
    (void)state;
    struct story s;
    story_init(&s, 1);
    for (int i = 0; i < 100; i++) {
        char line[64];
        snprintf(line, sizeof line, "SET k%d old", i);
        runner_type(&s.r, line);
    }
    begin(&s);
    s.busy = true;
    for (int i = 0; i < 1000; i++) assert_true(engine_walk_step(s.r.engine, 100));
    assert_int_equal(s.visited, 0);
    runner_type(&s.r, "APPEND k7 more");
    runner_type(&s.r, "APPEND k7 more");
    runner_type(&s.r, "DEL k8 k9");
    runner_type(&s.r, "SET k8 again");
    runner_type(&s.r, "RENAME k10 k11");
    runner_type(&s.r, "GET k12");
    runner_type(&s.r, "PEXPIRE k13 100000");
    runner_type(&s.r, "SET fresh v");
    assert_int_equal(s.visited, 6); /* 7 8 9 10 11 13 */
    s.busy = false;
    while (engine_walk_step(s.r.engine, 100)) {
    }
    assert_int_equal(s.visited, 100);
    story_fini(&s);
}

/* A flush takes its content out of the way, but not from the walk. */
static void flushed_data_waits(void **state)
{
    (void)state;
    struct story s;
    story_init(&s, 1);
    for (int i = 0; i < 3000; i++) {
        char line[64];
        snprintf(line, sizeof line, "SET k%d old", i);
        runner_type(&s.r, line);
    }
    begin(&s);
    engine_walk_step(s.r.engine, 100);
    runner_type(&s.r, "FLUSHALL");
    runner_type(&s.r, "SET k1 new");
    runner_type(&s.r, "SWAPDB 0 2");
    for (int i = 0; i < 1000; i++) engine_work(s.r.engine, s.r.now_ms);
    assert_true(s.visited < 3000);
    while (engine_walk_step(s.r.engine, 100)) {
    }
    assert_int_equal(s.visited, 3000);
    assert_null(s.r.keyspace->graves);
    story_fini(&s);
}

int main(void)
{
    const char *given = getenv("SEED");
    first_seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) << 20;
    if (given) seeds = 1;
    if (getenv("SEEDS")) seeds = atoi(getenv("SEEDS"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(hands_out_what_there_was, tell_seed),
        cmocka_unit_test(is_not_hurried),
        cmocka_unit_test(flushed_data_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
