/* Views with the journal's thread and the reader's at work. SEED=n plays that seed. */
#include "view_world.h"

enum { OPEN_QUESTIONS = 12 };

struct pending {
    struct view_question *q;
    struct view_range range;
    const char *name;
    size_t events;
    int answered;
};

static void ask_pending(struct world *w, struct random *random, struct pending *p, bool gap)
{
    p->range = some_range(w, random, &p->name);
    p->range.gap = gap;
    p->events = w->count;
    p->answered = 0;
    p->q = view_ask(w->views, &p->range, false, note_answered, &p->answered);
}

static void check_pending(struct world *w, struct pending *p)
{
    struct expected x = expect(w, p->name, &p->range, p->events, 1);
    expect_answer(p->q, &x, p->name, &p->range);
    view_forget(p->q);
    p->q = NULL;
}

/* The journal's thread, the reader and the owner at once; some questions are given up anywhere. */
static void threads_agree(void **state)
{
    (void)state;
    struct world w;
    struct writer writer = {.r = &w.r};
    struct pending open[OPEN_QUESTIONS] = {0};
    world_init(&w, 32768, 20000, true);
    random_init(&writer.random, seed);
    for (int turn = 0; turn < 400; turn++) {
        write_some(&w, &writer, 30);
        views_poll(w.views);
        struct pending *p = &open[random_below(&writer.random, OPEN_QUESTIONS)];
        if (p->q && view_is_answered(p->q)) check_pending(&w, p);
        if (p->q && random_below(&writer.random, 2)) {
            view_forget(p->q);
            p->q = NULL;
        }
        if (!p->q) ask_pending(&w, &writer.random, p, false);
    }
    journal_write(w.journal, w.clock);
    for (int i = 0; i < OPEN_QUESTIONS; i++) {
        if (!open[i].q) continue;
        await_answer(&w, open[i].q);
        check_pending(&w, &open[i]);
    }
    arena_fini(&writer.arena);
    world_fini(&w);
}

/* Behind the gap, if there is one, all is there up to the record that was scanned. */
static void expect_no_hole(const struct world *w, const struct pending *p)
{
    const struct view_answer *a = view_answer(p->q);
    struct event_id from = a->gap ? after(a->entries[0].id) : p->range.first;
    size_t next = a->gap;
    assert_int_equal(a->error, 0);
    for (size_t i = 0; i < p->events; i++) {
        const struct event *e = &w->events[i];
        bool meant = order(e->id, from) >= 0 && order(e->id, p->range.last) <= 0;
        if (!meant || !model_shows(p->name, e)) continue;
        if (e->seq > a->scanned_seq && next == a->count) break;
        /* From the begin on means what was kept at that time. */
        bool kept = p->range.first.ms || (a->count && order(e->id, a->entries[0].id) >= 0);
        if (next == 0 && !kept) continue;
        assert_true(next < a->count && order(a->entries[next].id, e->id) == 0);
        next++;
        if (next == p->range.count) break;
    }
    assert_int_equal(next, a->count);
}

/* The same with retention at work, and the journal closed under questions at the end. */
static void threads_and_retention(void **state)
{
    (void)state;
    struct world w;
    struct writer writer = {.r = &w.r};
    struct pending open[OPEN_QUESTIONS] = {0};
    int checked = 0;
    world_init(&w, 8192, 8192, true);
    random_init(&writer.random, seed);
    for (int turn = 0; turn < 400; turn++) {
        write_some(&w, &writer, 30);
        journal_retain(w.journal, w.records, random_below(&writer.random, 60) * 8192);
        views_poll(w.views);
        struct pending *p = &open[turn % OPEN_QUESTIONS];
        if (p->q && view_is_answered(p->q)) {
            assert_int_equal(view_answer(p->q)->error, 0);
            check_order(view_answer(p->q), p->range.reverse);
            checked += !p->range.reverse;
            if (!p->range.reverse) expect_no_hole(&w, p);
        }
        view_forget(p->q);
        ask_pending(&w, &writer.random, p, true);
    }
    assert_true(checked > 50);
    views_set_journal(w.views, NULL);
    views_poll(w.views);
    for (int i = 0; i < OPEN_QUESTIONS; i++) {
        assert_true(view_is_answered(open[i].q));
        view_forget(open[i].q);
    }
    arena_fini(&writer.arena);
    world_fini(&w);
}

int main(void)
{
    draw_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_agree),
        cmocka_unit_test(threads_and_retention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
