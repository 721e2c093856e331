/* Questions to views: any name, range, direction and count, answered with just the entries that the
 * model has; what retention, bounds and a bad disk make of them.
 *
 *      SEED=n test_view   plays that seed
 *      test_view bench    measures looking for rare events instead */
#include "view_world.h"

/* Retention; the disk of memory has room for some hundred files. */
static void drop_some(struct world *w, struct writer *writer, uint64_t segment_bytes)
{
    journal_write(w->journal, w->clock);
    step_all(w);
    journal_retain(w->journal, w->records, random_below(&writer->random, 100) * segment_bytes);
    step_all(w);
}

static void every_question_is_answered_as_the_model_says(void **state)
{
    (void)state;
    int on_disk = 0, in_tail = 0;
    for (int round = 0; round < 8; round++) {
        struct world w;
        struct writer writer = {.r = &w.r};
        uint64_t segment_bytes = round % 3 == 0 ? 4096 : 16384;
        world_init(&w, segment_bytes, round % 2 ? 8192 : 40000, false);
        random_init(&writer.random, seed + (uint64_t)round);
        if (round % 4 == 3) engine_skip_ids(w.r.engine, w.clock + 5000);
        for (int turn = 0; turn < 150; turn++) {
            write_some(&w, &writer, 60);
            if (random_below(&writer.random, 2)) step_all(&w);
            if (turn % 20 == 19) drop_some(&w, &writer, segment_bytes);
            for (int i = 0; i < 8; i++) {
                int polls = one_question(&w, &writer);
                on_disk += polls > 0;
                in_tail += polls == 0;
            }
            fetch_some(&w, &writer);
        }
        arena_fini(&writer.arena);
        world_fini(&w);
    }
    assert_true(on_disk > 500 && in_tail > 500);
}

/* ---- positions ---- */

/* Reads a view in pages, going on by the last id, forward also by the record that was scanned;
 * records of many events are cut anywhere. */
static void read_in_pages(struct world *w, const char *name, size_t page, bool reverse, bool by_seq)
{
    struct view_range range = {.name = slice_text(name),
                               .last = {INT64_MAX, UINT64_MAX},
                               .count = SIZE_MAX,
                               .reverse = reverse};
    struct expected x = expect(w, name, &range, w->count, journal_first(w->journal));
    struct buffer read = {0};
    range.count = page;
    for (;;) {
        int answered = 0;
        struct view_question *q = view_ask(w->views, &range, false, note_answered, &answered);
        await_answer(w, q);
        const struct view_answer *a = view_answer(q);
        assert_int_equal(a->error, 0);
        buffer_add_slice(&read, buffer_slice(&a->bytes));
        bool over = a->count < page;
        if (!over && !reverse) range.first = after(a->entries[a->count - 1].id);
        if (!over && reverse) range.last = before(a->entries[a->count - 1].id);
        if (by_seq) range.from_seq = a->scanned_seq + 1;
        if (!reverse && over) assert_true(a->scanned_seq == w->records);
        view_forget(q);
        if (over) break;
    }
    assert_true(slice_equal(buffer_slice(&read), buffer_slice(&x.bytes)));
    buffer_fini(&read);
    buffer_fini(&x.bytes);
}

static void pages_join_without_hole_or_double(void **state)
{
    (void)state;
    struct world w;
    struct writer writer = {.r = &w.r};
    world_init(&w, 16384, 20000, false);
    random_init(&writer.random, seed);
    for (int i = 0; i < 10; i++) write_some(&w, &writer, 100);
    journal_write(w.journal, w.clock);
    for (size_t i = 0; i < NAMES; i++) {
        size_t page = 1 + random_below(&writer.random, 9);
        read_in_pages(&w, names[i], page, false, false);
        read_in_pages(&w, names[i], page, false, true);
        read_in_pages(&w, names[i], page, true, false);
    }
    arena_fini(&writer.arena);
    world_fini(&w);
}

/* ---- what is rare ---- */

/* Every 61st record tells of a rare key, every 67th of a rare event, at all places of their groups:
 * which are of 512 bytes or more, seven and more records. */
static void write_rarely(struct world *w, struct random *random, int count)
{
    char line[80];
    for (int i = 0; i < count; i++) {
        if (i % 61 == 7)
            snprintf(line, sizeof line, "SET rare:%d some-value", i / 61 % 3);
        else if (i % 67 == 11)
            snprintf(line, sizeof line, "DEL key:%d", (i - 1) % 100);
        else
            snprintf(line, sizeof line, "SET key:%d some-value", i % 100);
        runner_type(&w->r, line);
        w->r.now_ms += (int64_t)random_below(random, 3);
        if (random_below(random, 6) == 0) journal_write(w->journal, w->clock);
        if (random_below(random, 20) == 0) step_all(w);
    }
    journal_write(w->journal, w->clock);
    step_all(w);
}

/* How many calls of the disk the answer takes; it is the model's. */
static uint64_t ask_counting(struct world *w, const char *name, bool reverse, struct event_id first,
                             struct event_id last, size_t count)
{
    int answered = 0;
    struct view_range range = {.name = slice_text(name),
                               .first = first,
                               .last = last,
                               .reverse = reverse,
                               .gap = first.ms & 1,
                               .count = count};
    struct expected x = expect(w, name, &range, w->count, journal_first(w->journal));
    uint64_t before = disk_memory_calls(w->disk);
    struct view_question *q = view_ask(w->views, &range, false, note_answered, &answered);
    await_answer(w, q);
    expect_answer(q, &x, name, &range);
    view_forget(q);
    return disk_memory_calls(w->disk) - before;
}

static const char *const rare[] = {
    "__keyspace@0__:rare:1", "__keyspace@0__:rare*", "__keychange@*__:rare:*",
    "__keyevent@0__:del",    "__keyevent@*__:del",   "__keychange@0__:rare:2",
};
enum { RARE = sizeof rare / sizeof *rare };

/* Ranges that begin and end at, before or behind any of the rare ones. */
static void what_is_rare_is_found_at_every_place(void **state)
{
    (void)state;
    struct world w;
    struct random random;
    world_init(&w, 4096, 2048, false);
    random_init(&random, seed);
    write_rarely(&w, &random, 5000);
    for (size_t i = 0; i < RARE; i++) {
        for (size_t page = 1; page < 40; page = 3 * page + 1) {
            read_in_pages(&w, rare[i], page, false, false);
            read_in_pages(&w, rare[i], page, false, true);
            read_in_pages(&w, rare[i], page, true, false);
        }
        for (size_t k = 0; k < w.count; k++) {
            struct event_id id = w.events[k].id, far = {INT64_MAX, UINT64_MAX};
            if (!model_shows(rare[i], &w.events[k])) continue;
            for (int reverse = 0; reverse < 2; reverse++) {
                ask_counting(&w, rare[i], reverse, id, far, 2);
                ask_counting(&w, rare[i], reverse, after(id), far, 1);
                ask_counting(&w, rare[i], reverse, (struct event_id){1, 0}, before(id), 1);
                ask_counting(&w, rare[i], reverse, (struct event_id){1, 0}, id, 2);
            }
        }
        journal_retain(w.journal, 500 * (i + 1), 0);
        step_all(&w);
    }
    assert_true(journal_first(w.journal) > 2000);
    world_fini(&w);
}

/* The disk is not read for what is passed over: neither before what is rare, nor for what is not
 * there; nor, in small segments, are the summaries behind the range. */
static void what_is_not_asked_for_is_passed_over(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct world w;
        struct random random;
        struct event_id begin = {2, 0}, far = {INT64_MAX, UINT64_MAX};
        bool reverse = i & 1, small = i & 2;
        int records = small ? 15000 : 40000, where = records / 5 * 2;
        world_init(&w, small ? 16384 : 1 << 20, 2048, false);
        random_init(&random, seed);
        write_rarely(&w, &random, where);
        size_t middle = w.count;
        runner_type(&w.r, "SET unique value");
        write_rarely(&w, &random, records - where);
        struct event_id id = w.events[middle].id, near = w.events[middle + 5].id;
        uint64_t all = ask_counting(&w, "__keyspace@0__:k*z", reverse, begin, far, SIZE_MAX);
        uint64_t none = ask_counting(&w, "__keyspace@0__:key:x", reverse, begin, far, SIZE_MAX);
        uint64_t one = ask_counting(&w, "__keyspace@*__:uniq*", reverse, begin, far, SIZE_MAX);
        uint64_t range = ask_counting(&w, "__keyspace@0__:key:x", reverse, id, near, SIZE_MAX);
        if (small) assert_true(range < none / 10);
        if (!small) assert_true(none < all / 2 && one < all / 2 && range < all / 2);
        world_fini(&w);
    }
}

/* Not a byte is read of a group that is passed over: one is damaged, behind what is found. */
static void what_is_passed_over_is_not_read(void **state)
{
    (void)state;
    struct world w;
    struct random random;
    world_init(&w, 1 << 20, 2048, false);
    random_init(&random, seed);
    write_rarely(&w, &random, 6000); /* some 60 bytes each */
    runner_type(&w.r, "SET unique value");
    write_rarely(&w, &random, 20000);
    disk_memory_flip(w.disk, "0000000000000001.journal", 900000, 1);
    for (int reverse = 0; reverse < 2; reverse++)
        ask_counting(&w, "__keyspace@*__:uniq*", reverse, (struct event_id){2, 0},
                     (struct event_id){INT64_MAX, UINT64_MAX}, SIZE_MAX);
    world_fini(&w);
}

/* ---- retention ---- */

static void type_many(struct world *w, int count)
{
    char line[64];
    for (int i = 0; i < count; i++) {
        snprintf(line, sizeof line, "SET key:%d some-value", i % 100);
        runner_type(&w->r, line);
        w->r.now_ms++;
        if (i % 10 != 9) continue;
        journal_write(w->journal, w->clock);
        step_all(w);
    }
}

static void drop_upto(struct world *w, uint64_t seq)
{
    journal_retain(w->journal, seq, 0);
    step_all(w);
}

/* Segments go while a question for them is in the queue: some of them, or all that it asks for. */
static void retention_that_overtakes_is_told(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) { /* 1: with gap, 2: in reverse, 4: all */
        struct world w;
        int answered = 0;
        world_init(&w, 4096, 4096, false);
        type_many(&w, 1000);
        struct view_range range = {.name = SLICE("__keyspace@0__:key:7"),
                                   .first = w.events[20].id,
                                   .last = {INT64_MAX, UINT64_MAX},
                                   .count = SIZE_MAX,
                                   .gap = i & 1,
                                   .reverse = i & 2};
        struct view_question *q = view_ask(w.views, &range, false, note_answered, &answered);
        assert_false(view_is_answered(q));
        size_t events = w.count;
        if (i & 4) type_many(&w, 500);
        drop_upto(&w, i & 4 ? 1300 : 500);
        uint64_t kept = journal_first(w.journal);
        assert_true(i & 4 ? kept > 1001 : kept > 300);
        await_answer(&w, q);
        struct expected x = expect(&w, "__keyspace@0__:key:7", &range, events, kept);
        assert_int_equal(x.gap, i & 1);
        expect_answer(q, &x, "key:7", &range);
        view_forget(q);
        world_fini(&w);
    }
}

/* In reverse, what was given before it was dropped is not missed: the gap comes behind it. */
static void retention_behind_the_reader_is_told(void **state)
{
    (void)state;
    enum { RECORDS = 100000 };
    struct world w;
    int answered = 0;
    world_init(&w, 128 << 10, 4096, false);
    w.silent = true;
    for (int i = 0; i < RECORDS; i++) {
        runner_type(&w.r, "SET key value");
        w.r.now_ms++;
        if (i % 100 == 99) journal_write(w.journal, w.clock);
        if (i % 100 == 99) step_all(&w);
    }
    struct view_range range = {.name = SLICE("__keyspace@0__:k*"),
                               .first = {1, 0},
                               .last = {INT64_MAX, UINT64_MAX},
                               .count = SIZE_MAX,
                               .gap = true,
                               .reverse = true};
    struct view_question *q = view_ask(w.views, &range, false, note_answered, &answered);
    for (int i = 0; i < 3; i++) views_poll(w.views);
    assert_false(view_is_answered(q));
    drop_upto(&w, RECORDS - 1000);
    assert_true(journal_first(w.journal) > RECORDS - 6000);
    await_answer(&w, q);
    const struct view_answer *a = view_answer(q);
    assert_int_equal(a->error, 0);
    assert_true(a->gap);
    check_order(a, true);
    assert_true(a->entries[a->count - 1].seq == 0 && a->count > 1000);
    view_forget(q);
    world_fini(&w);
}

/* Who has scanned up to what is kept has missed nothing. */
static void no_gap_for_who_knows_better(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 4096, 4096, false);
    type_many(&w, 1000);
    struct view_range range = {.name = SLICE("__keyevent@0__:nothing"),
                               .first = w.events[20].id,
                               .last = {INT64_MAX, UINT64_MAX},
                               .count = SIZE_MAX,
                               .gap = true};
    drop_upto(&w, 500);
    uint64_t kept = journal_first(w.journal);
    for (int i = 0; i < 3; i++) {
        int answered = 0;
        range.from_seq = i == 0 ? kept : i == 1 ? kept - 1 : 0;
        struct view_question *q = view_ask(w.views, &range, false, note_answered, &answered);
        await_answer(&w, q);
        assert_int_equal(view_answer(q)->error, 0);
        assert_int_equal(view_answer(q)->count, i != 0);
        assert_int_equal(view_answer(q)->gap, i != 0);
        if (i) assert_true(order(view_answer(q)->entries[0].id, w.record_ids[kept]) < 0);
        view_forget(q);
    }
    world_fini(&w);
}

/* From the very first id on is "what is kept", but for who knows with what record that began. */
static void a_gap_right_from_the_begin(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) { /* 1: dropped while it is asked, 2 and 4: what record is told */
        struct world w;
        int answered = 0;
        world_init(&w, 4096, 4096, false);
        type_many(&w, 1000);
        if (!(i & 1)) drop_upto(&w, 500);
        struct view_range range = {.name = SLICE("__keyevent@0__:nothing"),
                                   .first = {0, 1},
                                   .last = {INT64_MAX, UINT64_MAX},
                                   .count = SIZE_MAX,
                                   .from_seq = i & 2   ? 1
                                               : i & 4 ? journal_first(w.journal)
                                                       : 0,
                                   .gap = true};
        struct view_question *q = view_ask(w.views, &range, false, note_answered, &answered);
        if (i & 1) drop_upto(&w, 500);
        await_answer(&w, q);
        assert_int_equal(view_answer(q)->error, 0);
        /* With 4 and 1 it was told the first record of all, which went then. */
        assert_int_equal(view_answer(q)->gap, (i & 2) != 0 || i == 5);
        view_forget(q);
        world_fini(&w);
    }
}

static void bounds_follow_retention(void **state)
{
    (void)state;
    struct world w;
    struct event_id first, last;
    world_init(&w, 4096, 4096, false);
    assert_false(views_bounds(w.views, &first, &last));
    assert_true(last.ms == 0);
    type_many(&w, 1000);
    assert_true(views_bounds(w.views, &first, &last) || w.wakes);
    views_poll(w.views);
    assert_true(views_bounds(w.views, &first, &last));
    assert_true(order(first, w.events[0].id) == 0);
    assert_true(order(last, w.events[w.count - 1].id) == 0);
    drop_upto(&w, 500);
    assert_true(views_bounds(w.views, &first, &last));
    views_poll(w.views);
    assert_true(views_bounds(w.views, &first, &last));
    assert_true(order(first, w.record_ids[journal_first(w.journal)]) == 0);
    world_fini(&w);
}

/* ---- bounds of an answer, and ends before it ---- */

static void an_answer_is_bounded(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 16384, 16384, false);
    type_many(&w, 500);
    for (int reverse = 0; reverse < 2; reverse++) {
        for (size_t count = 10; count < 2000; count *= 3) {
            int answered = 0;
            struct view_range range = {.name = SLICE("__keyspace@0__:*"),
                                       .last = {INT64_MAX, UINT64_MAX},
                                       .count = count,
                                       .reverse = reverse};
            struct expected x = expect(&w, "__keyspace@0__:*", &range, w.count, 1);
            views_set_limits(w.views, x.bytes.len - 1, 0);
            struct view_question *q = view_ask(w.views, &range, false, note_answered, &answered);
            views_set_limits(w.views, x.bytes.len, 0);
            await_answer(&w, q);
            assert_int_equal(view_answer(q)->error, ERR_LIMIT);
            assert_int_equal(view_answer(q)->count, 0);
            view_forget(q);
            q = view_ask(w.views, &range, false, note_answered, &answered);
            await_answer(&w, q);
            expect_answer(q, &x, "*", &range);
            view_forget(q);
        }
    }
    world_fini(&w);
}

static int error_of(struct world *w, struct event_id first, bool reverse, size_t *count)
{
    int answered = 0;
    struct view_range range = {.name = SLICE("__keyevent@0__:set"),
                               .first = first,
                               .last = {INT64_MAX, UINT64_MAX},
                               .count = SIZE_MAX,
                               .reverse = reverse};
    struct view_question *q = view_ask(w->views, &range, true, note_answered, &answered);
    assert_true(view_is_answered(q));
    int error = view_answer(q)->error;
    *count = view_answer(q)->count;
    view_forget(q);
    return error;
}

static void in_multi_only_the_tail_is_read(void **state)
{
    (void)state;
    struct world w;
    size_t count;
    world_init(&w, 4096, 4096, false);
    assert_int_equal(error_of(&w, (struct event_id){0, 0}, false, &count), 0);
    type_many(&w, 10);
    for (int reverse = 0; reverse < 2; reverse++) {
        assert_int_equal(error_of(&w, (struct event_id){0, 0}, reverse, &count), 0);
        assert_int_equal(count, 10);
    }
    type_many(&w, 500);
    struct event_id near = w.events[w.count - 10].id; /* overwritten, set, five times */
    for (int reverse = 0; reverse < 2; reverse++) {
        assert_int_equal(error_of(&w, (struct event_id){0, 0}, reverse, &count), ERR_AGAIN);
        assert_int_equal(count, 0);
        assert_int_equal(error_of(&w, near, reverse, &count), 0);
        assert_int_equal(count, 5);
    }
    world_fini(&w);
}

/* What is said waits for the newest record that it shows. */
static void an_answer_rests_on_what_it_shows(void **state)
{
    (void)state;
    struct world w;
    int answered = 0;
    world_init(&w, 16384, 16384, false);
    type_many(&w, 50);
    struct view_range range = {
        .name = SLICE("__keyspace@0__:key:30"), .last = {INT64_MAX, UINT64_MAX}, .count = SIZE_MAX};
    for (int reverse = 0; reverse < 2; reverse++) {
        range.reverse = reverse;
        engine_begin(w.r.engine, w.r.now_ms, SLICE("xread"), 1);
        struct view_question *q = view_ask(w.views, &range, false, note_answered, &answered);
        assert_true(view_answer(q)->rests_on == 31);
        assert_true(engine_mark(w.r.engine) == 31);
        engine_seal(w.r.engine);
        view_forget(q);
    }
    world_fini(&w);
}

static void without_a_journal_nothing_is_read(void **state)
{
    (void)state;
    struct world w;
    int answered[4] = {0};
    struct view_question *q[4];
    struct event_id first, last;
    world_init(&w, 4096, 4096, false);
    type_many(&w, 1000);
    for (int i = 0; i < 4; i++) q[i] = ask_plainly(&w, "__keyevent@0__:nothing", &answered[i]);
    view_forget(q[0]);
    views_set_journal(w.views, NULL);
    view_forget(q[1]);
    /* Another one, for all that they know. */
    views_set_journal(w.views, w.journal);
    views_set_journal(w.views, NULL);
    views_set_journal(w.views, w.journal);
    views_poll(w.views);
    for (int i = 2; i < 4; i++) {
        assert_int_equal(answered[i], 1);
        assert_int_equal(view_answer(q[i])->error, ERR_ABSENT);
        view_forget(q[i]);
    }
    views_set_journal(w.views, NULL);
    assert_false(views_bounds(w.views, &first, &last));
    q[0] = ask_plainly(&w, "__keyevent@0__:nothing", &answered[0]);
    assert_true(view_is_answered(q[0]));
    assert_int_equal(view_answer(q[0])->error, ERR_ABSENT);
    view_forget(q[0]);
    views_set_journal(w.views, w.journal);
    assert_true(views_bounds(w.views, &first, &last));
    assert_int_equal(count_shown(&w, "__keyevent@0__:set"), 1000);
    world_fini(&w);
}

/* More of the tail than a turn bears, of which nothing is written: a slice a turn. */
static void a_long_tail_takes_several_turns(void **state)
{
    (void)state;
    for (int reverse = 0; reverse < 2; reverse++) {
        struct world w;
        int answered = 0, polls = 0;
        world_init(&w, 16 << 20, 64 << 20, false);
        w.silent = true;
        for (int i = 0; i < 60000; i++) runner_type(&w.r, "SET key value");
        struct view_range range = {.name = SLICE("__keyspace@0__:nobody"),
                                   .last = {INT64_MAX, UINT64_MAX},
                                   .count = SIZE_MAX,
                                   .reverse = reverse};
        struct view_question *q = view_ask(w.views, &range, false, note_answered, &answered);
        assert_false(view_is_answered(q));
        struct view_question *given_up = view_ask(w.views, &range, false, note_answered, &answered);
        assert_false(view_is_answered(given_up));
        views_poll(w.views);
        view_forget(given_up);
        polls = await_answer(&w, q);
        assert_true(polls >= 1);
        assert_int_equal(view_answer(q)->error, 0);
        if (!reverse) assert_true(view_answer(q)->scanned_seq == 60000);
        view_forget(q);
        world_fini(&w);
    }
}

/* A short question is answered while a long one goes on. */
static void questions_take_turns(void **state)
{
    (void)state;
    struct world w;
    int late = 0, soon = 0;
    world_init(&w, 1 << 20, 65536, false);
    w.silent = true;
    for (int i = 0; i < 200000; i++) {
        runner_type(&w.r, "SET key value");
        if (i % 100 == 0) w.r.now_ms++;
        if (i % 1000 == 999) {
            journal_write(w.journal, w.clock);
            step_all(&w);
        }
    }
    struct view_question *all = ask_plainly(&w, "__keyspace@0__:k*z", &late);
    struct view_range range = {
        .name = SLICE("__keyspace@0__:key"), .last = {INT64_MAX, UINT64_MAX}, .count = 1};
    struct view_question *one = view_ask(w.views, &range, false, note_answered, &soon);
    views_poll(w.views);
    assert_int_equal(soon, 1);
    assert_int_equal(late, 0);
    await_answer(&w, all);
    view_forget(all);
    view_forget(one);
    world_fini(&w);
}

/* ---- a bad disk ---- */

/* The n-th call fails, for every n: the answer is right, or says why there is none. */
static void a_failing_disk_is_told(void **state)
{
    (void)state;
    struct world w;
    int failed = 0;
    world_init(&w, 4096, 4096, false);
    type_many(&w, 300);
    for (int reverse = 0; reverse < 2; reverse++) {
        struct view_range range = {.name = SLICE("__keyspace@0__:*"),
                                   .last = {INT64_MAX, UINT64_MAX},
                                   .count = SIZE_MAX,
                                   .reverse = reverse};
        bool met = true;
        for (uint64_t n = 1; met; n++) {
            int answered = 0;
            struct expected x = expect(&w, "__keyspace@0__:*", &range, w.count, 1);
            disk_memory_fail(w.disk, n, FAULT_IO);
            struct view_question *q = view_ask(w.views, &range, false, note_answered, &answered);
            await_answer(&w, q);
            met = disk_memory_failed(w.disk);
            const struct view_answer *a = view_answer(q);
            assert_true(a->error == 0 || (a->error == ERR_IO && met && a->why.text[0]));
            failed += a->error != 0;
            if (a->error == 0) expect_answer(q, &x, "*", &range);
            buffer_fini(&x.bytes);
            view_forget(q);
        }
    }
    assert_true(failed > 10);
    disk_memory_fail(w.disk, 0, FAULT_IO);
    world_fini(&w);
}

static void damage_is_told(void **state)
{
    (void)state;
    struct world w;
    int answered = 0;
    world_init(&w, 4096, 4096, false);
    type_many(&w, 300);
    disk_memory_flip(w.disk, "0000000000000002.journal", 2000, 1);
    struct view_question *q = ask_plainly(&w, "__keyspace@0__:*", &answered);
    await_answer(&w, q);
    assert_int_equal(view_answer(q)->error, ERR_CORRUPT);
    assert_non_null(strstr(view_answer(q)->why.text, "0000000000000002.journal"));
    view_forget(q);
    world_fini(&w);
}

/* ---- measuring ---- */

static void measure_range(struct world *w, const char *name, size_t count, bool reverse)
{
    struct view_range range = {.name = slice_text(name),
                               .first = {1, 0},
                               .last = {INT64_MAX, UINT64_MAX},
                               .count = count,
                               .reverse = reverse};
    int answered = 0;
    int64_t from = io_mono_us();
    struct view_question *q = view_ask(w->views, &range, false, note_answered, &answered);
    await_answer(w, q);
    int64_t took = io_mono_us() - from;
    const struct view_answer *a = view_answer(q);
    printf("%-28s count %-8zd %s: %6zu entries, %8.2f ms, error %d\n", name, (ssize_t)count,
           reverse ? "reverse" : "forward", a->count, (double)took / 1000, a->error);
    view_forget(q);
}

/* A rare event in every 100,000; all the others are `set`, with two of class `new`. */
static void measure(uint64_t records, uint64_t tail_bytes)
{
    char folder[] = "/tmp/hark-view-XXXXXX", clean[64];
    struct disk_why why;
    struct disk *disk;
    struct world w;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(disk_open(folder, &disk, &why), 0);
    world_init_on(&w, disk, JOURNAL_SEGMENT_BYTES, tail_bytes, true);
    w.silent = true;
    for (uint64_t i = 0; i < records; i++) {
        char key[24], line[64];
        snprintf(key, sizeof key, "order:%llu", (unsigned long long)(i % 10000));
        snprintf(line, sizeof line, i % 100000 == 99999 ? "DEL %s" : "SET %s value-of-it", key);
        if (i % 100 == 0) w.r.now_ms++;
        runner_type(&w.r, line);
        if (i % 20 == 0) journal_write(w.journal, w.clock);
    }
    while (journal_written(w.journal) < records) journal_write(w.journal, ++w.clock);
    measure_range(&w, "__keyevent@0__:del", 1, false);
    measure_range(&w, "__keyevent@0__:del", 1, false);
    measure_range(&w, "__keyevent@0__:del", SIZE_MAX, false);
    measure_range(&w, "__keyevent@0__:del", SIZE_MAX, true);
    measure_range(&w, "__keyspace@0__:order:77", SIZE_MAX, false);
    measure_range(&w, "__keyspace@0__:nobody", SIZE_MAX, false);
    measure_range(&w, "__keyevent@*__:set", 10000, false);
    measure_range(&w, "__keychange@*__:*", 10000, true);
    world_end(&w);
    disk_close(disk);
    snprintf(clean, sizeof clean, "rm -r %s", folder);
    if (system(clean) != 0) printf("%s is left\n", folder);
}

int main(int argc, char **argv)
{
    draw_seed();
    if (argc > 1 && strcmp(argv[1], "bench") == 0) {
        printf("on disk\n");
        measure(2000000, 1 << 20);
        printf("in the tail\n");
        measure(600000, 256 << 20);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_question_is_answered_as_the_model_says),
        cmocka_unit_test(pages_join_without_hole_or_double),
        cmocka_unit_test(what_is_rare_is_found_at_every_place),
        cmocka_unit_test(what_is_not_asked_for_is_passed_over),
        cmocka_unit_test(what_is_passed_over_is_not_read),
        cmocka_unit_test(retention_that_overtakes_is_told),
        cmocka_unit_test(retention_behind_the_reader_is_told),
        cmocka_unit_test(no_gap_for_who_knows_better),
        cmocka_unit_test(a_gap_right_from_the_begin),
        cmocka_unit_test(bounds_follow_retention),
        cmocka_unit_test(an_answer_is_bounded),
        cmocka_unit_test(in_multi_only_the_tail_is_read),
        cmocka_unit_test(an_answer_rests_on_what_it_shows),
        cmocka_unit_test(without_a_journal_nothing_is_read),
        cmocka_unit_test(a_long_tail_takes_several_turns),
        cmocka_unit_test(questions_take_turns),
        cmocka_unit_test(a_failing_disk_is_told),
        cmocka_unit_test(damage_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
