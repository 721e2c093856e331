/* A world of records and a model of it that keeps every event in a list, for tests of views.
 *
 * Random commands make records, which go into a journal on a disk of memory with small segments and
 * a small tail. What a view should show is told from the list, plainly. */
#ifndef HARK_TEST_VIEW_WORLD_H
#define HARK_TEST_VIEW_WORLD_H

#include "random_commands.h"

#include "../../src/base/err.h"
#include "../../src/base/glob.h"
#include "../../src/engine/replay.h"
#include "../../src/io/clock.h"
#include "../../src/io/disk_memory.h"
#include "../../src/io/thread.h"
#include "../../src/journal/journal.h"
#include "../../src/record/codec.h"
#include "../../src/view/features.h"
#include "../../src/view/view.h"

static uint64_t seed; /* of the test that runs */
static const unsigned char views_secret[HASH_SECRET_SIZE] = "a secret of the views";

/* ---- the model ---- */

struct event {
    uint64_t seq;
    struct event_id id;
    enum event_name event;
    int db;
    char *key;
    size_t key_len;
    char *entry[2]; /* RESP: of __keyspace@ and __keyevent@; of __keychange@ */
    size_t entry_len[2];
};

struct world {
    struct runner r;
    struct disk *disk;
    struct journal *journal;
    struct views *views;
    struct event *events;
    size_t count, cap;
    struct event_id *record_ids; /* by seq */
    size_t records, records_cap;
    int64_t clock; /* what the journal is told: never goes back */
    struct buffer bytes;
    struct record_room described;
    bool threaded, silent;
    struct mutex lock;
    struct condition rung;
    int wakes;
};

enum { KEYCHANGE_MAX = 200 };

static inline void add_field(struct buffer *to, const char *name, struct slice value)
{
    buffer_printf(to, "$%zu\r\n%s\r\n$%zu\r\n", strlen(name), name, value.len);
    buffer_add_slice(to, value);
    buffer_add_slice(to, SLICE("\r\n"));
}

static inline void add_id(struct buffer *to, struct event_id id)
{
    char text[64];
    int len = snprintf(text, sizeof text, "%lld-%llu", (long long)id.ms, (unsigned long long)id.n);
    buffer_printf(to, "$%d\r\n%s\r\n", len, text);
}

static inline void model_entry(struct buffer *to, const struct record *r, const struct note *n,
                               struct event_id id, bool change)
{
    char db[16], client[24];
    struct buffer json = {0}, b64 = {0};
    bool cut = false, effect = change && n->effect >= 0, plain = true;
    if (effect) plain = effect_to_json(&json, &r->effects[n->effect], KEYCHANGE_MAX, &cut);
    if (!plain) cut = false;
    if (!plain) effect_to_json_b64(&b64, &r->effects[n->effect], KEYCHANGE_MAX, &cut);
    buffer_add_slice(to, SLICE("*2\r\n"));
    add_id(to, id);
    buffer_printf(to, "*%d\r\n", 6 + 4 * change + 2 * effect + 2 * cut);
    add_field(to, "event", event_text(n->event));
    add_field(to, "key", n->key);
    snprintf(db, sizeof db, "%d", n->db);
    add_field(to, "db", slice_text(db));
    if (change) {
        snprintf(client, sizeof client, "%llu", (unsigned long long)r->client);
        add_field(to, "cmd", r->cause);
        add_field(to, "client", slice_text(client));
        if (effect)
            add_field(to, plain ? "effect" : "effect_b64", buffer_slice(plain ? &json : &b64));
        if (cut) add_field(to, "cut", SLICE("true"));
    }
    buffer_fini(&json);
    buffer_fini(&b64);
}

static inline void model_note(struct world *w, const struct record *r, const struct note *n,
                              struct event_id id)
{
    if (w->count == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 1024;
        w->events = mem_resize(w->events, w->cap * sizeof *w->events, cap * sizeof *w->events);
        w->cap = cap;
    }
    struct event *e = &w->events[w->count++];
    *e = (struct event){.seq = r->seq, .id = id, .event = n->event, .db = n->db};
    e->key = mem_alloc(n->key.len);
    e->key_len = n->key.len;
    if (n->key.len) memcpy(e->key, n->key.at, n->key.len);
    for (int i = 0; i < 2; i++) {
        struct buffer b = {0};
        model_entry(&b, r, n, id, i == 1);
        e->entry[i] = mem_alloc(b.len);
        e->entry_len[i] = b.len;
        memcpy(e->entry[i], b.at, b.len);
        buffer_fini(&b);
    }
}

/* The journal's part of the server, and the model's. */
static inline void keep(void *ctx, const struct record *r)
{
    struct world *w = ctx;
    if (!r->seq) return;
    w->bytes.len = 0;
    buffer_reserve(&w->bytes, record_encoded_max(r));
    w->bytes.len = record_encode(w->bytes.at, r);
    if (w->r.now_ms > w->clock) w->clock = w->r.now_ms;
    assert_true(journal_append(w->journal, buffer_slice(&w->bytes), w->clock) == r->seq);
    if (w->silent) return;
    if (w->records + 1 >= w->records_cap) {
        size_t cap = w->records_cap ? 2 * w->records_cap : 1024;
        w->record_ids = mem_resize(w->record_ids, w->records_cap * sizeof *w->record_ids,
                                   cap * sizeof *w->record_ids);
        w->records_cap = cap;
    }
    w->record_ids[++w->records] = r->id;
    struct event_id id = r->id;
    for (uint32_t i = 0; i < r->notes_count; i++) {
        if (r->notes[i].kind != NOTE_EVENT) continue;
        model_note(w, r, &r->notes[i], id);
        id.n++;
    }
}

static inline void ring(void *ctx)
{
    struct world *w = ctx;
    mutex_lock(&w->lock);
    w->wakes++;
    condition_signal(&w->rung);
    mutex_unlock(&w->lock);
}

static inline void await_wake(struct world *w)
{
    mutex_lock(&w->lock);
    while (!w->wakes) condition_wait(&w->rung, &w->lock);
    w->wakes = 0;
    mutex_unlock(&w->lock);
}

static inline void world_init_on(struct world *w, struct disk *disk, uint64_t segment_bytes,
                                 uint64_t tail_bytes, bool threaded)
{
    struct journal_recovery found;
    struct disk_why why;
    *w = (struct world){.threaded = threaded};
    mutex_init(&w->lock);
    condition_init(&w->rung);
    runner_init(&w->r);
    w->clock = w->r.now_ms;
    w->disk = disk;
    struct journal_config config = {
        .segment_bytes = segment_bytes,
        .sync = JOURNAL_SYNC_EVERYSEC,
        .tail_bytes_max = tail_bytes,
        .backlog_bytes_max = 1 << 30,
        .index_bytes = segment_bytes < 65536 ? 512 : 0,
        .describer = {VIEW_FEATURES_SCHEME, view_describe, &w->described},
        .threaded = threaded,
        .seed = 7};
    assert_int_equal(journal_open(&w->journal, &config, w->disk, w->clock, &found, &why), 0);
    engine_attach(w->r.engine, (struct record_sink){keep, w});
    struct views_config views = {.reply_bytes_max = 64 << 20,
                                 .keychange_bytes_max = KEYCHANGE_MAX,
                                 .threaded = threaded,
                                 .secret = views_secret,
                                 .wake = ring,
                                 .wake_ctx = w};
    w->views = views_new(w->r.engine, w->journal, &views);
}

static inline void world_init(struct world *w, uint64_t segment_bytes, uint64_t tail_bytes,
                              bool threaded)
{
    world_init_on(w, disk_memory_new(), segment_bytes, tail_bytes, threaded);
}

/* All but the disk. */
static inline void world_end(struct world *w)
{
    struct disk_why why;
    views_free(w->views);
    assert_int_equal(journal_close(w->journal, w->clock, &why), 0);
    for (size_t i = 0; i < w->count; i++) {
        mem_free(w->events[i].key, w->events[i].key_len);
        for (int k = 0; k < 2; k++) mem_free(w->events[i].entry[k], w->events[i].entry_len[k]);
    }
    mem_free(w->events, w->cap * sizeof *w->events);
    mem_free(w->record_ids, w->records_cap * sizeof *w->record_ids);
    runner_fini(&w->r);
    record_room_fini(&w->described);
    buffer_fini(&w->bytes);
    mutex_fini(&w->lock);
    condition_fini(&w->rung);
}

static inline void world_fini(struct world *w)
{
    world_end(w);
    disk_memory_free(w->disk);
}

static inline int order(struct event_id a, struct event_id b)
{
    if (a.ms != b.ms) return a.ms < b.ms ? -1 : 1;
    return a.n < b.n ? -1 : a.n > b.n;
}

/* A glob whose star matches nothing, too. */
static inline bool glob_or_empty(struct slice glob, struct slice text)
{
    if (glob_match(glob, text, false)) return true;
    for (size_t i = 0; i < glob.len; i++)
        if (glob.at[i] != '*') return false;
    return text.len == 0;
}

/* Plainly, for names without classes or escapes before the second `__:`. */
static inline bool model_shows(const char *name, const struct event *e)
{
    const char *db = strchr(name, '@') + 1, *rest = strstr(db, "__:") + 3;
    char digits[16];
    bool keys = strncmp(name, "__keyspace", 10) == 0, events = strncmp(name, "__keyevent", 10) == 0;
    bool of_db = e->event == EVENT_FLUSHDB || e->event == EVENT_SWAPDB || e->event == EVENT_LOADED;
    bool odd =
        e->event == EVENT_NEW || e->event == EVENT_OVERWRITTEN || e->event == EVENT_TYPE_CHANGED;
    struct slice text = event_text(e->event);
    snprintf(digits, sizeof digits, "%d", e->db);
    if (!glob_match(slice_of(db, (size_t)(rest - db) - 3), slice_text(digits), false)) return false;
    if (of_db) return !keys;
    if (events && odd) return slice_equal(text, slice_text(rest));
    if (odd) return false;
    if (events) return glob_match(slice_text(rest), text, false);
    return glob_or_empty(slice_text(rest), slice_of(e->key, e->key_len));
}

static inline struct event_id before(struct event_id id)
{
    return id.n ? (struct event_id){id.ms, id.n - 1} : (struct event_id){id.ms - 1, UINT64_MAX};
}

struct expected {
    struct buffer bytes;
    size_t count;
    bool gap;
};

static inline void expect_gap(const struct world *w, const struct view_range *range, size_t events,
                              uint64_t kept, struct expected *to)
{
    if (!range->gap || kept <= 1 || !events || to->count == range->count) return;
    if (range->first.ms == 0 && range->first.n <= 1) return;
    bool all = kept > w->events[events - 1].seq;
    struct event_id upto = all ? w->events[events - 1].id : before(w->record_ids[kept]);
    if (order(upto, range->last) > 0) upto = range->last;
    if (order(range->first, upto) > 0) return;
    buffer_add_slice(&to->bytes, SLICE("*2\r\n"));
    add_id(&to->bytes, upto);
    buffer_add_slice(&to->bytes, SLICE("*6\r\n"));
    add_field(&to->bytes, "event", SLICE("gap"));
    buffer_add_slice(&to->bytes, SLICE("$4\r\nfrom\r\n"));
    add_id(&to->bytes, range->first);
    buffer_add_slice(&to->bytes, SLICE("$2\r\nto\r\n"));
    add_id(&to->bytes, upto);
    to->count++;
    to->gap = true;
}

/* What the first `events` of the model say. */
static inline struct expected expect(const struct world *w, const char *name,
                                     const struct view_range *range, size_t events, uint64_t kept)
{
    struct expected to = {0};
    int which = strncmp(name, "__keychange", 11) == 0;
    if (!range->count || order(range->first, range->last) > 0) return to;
    if (!range->reverse) expect_gap(w, range, events, kept, &to);
    for (size_t i = 0; i < events && to.count < range->count; i++) {
        const struct event *e = &w->events[range->reverse ? events - 1 - i : i];
        if (e->seq < kept || !model_shows(name, e)) continue;
        if (order(e->id, range->first) < 0 || order(e->id, range->last) > 0) continue;
        buffer_add(&to.bytes, e->entry[which], e->entry_len[which]);
        to.count++;
    }
    if (range->reverse) expect_gap(w, range, events, kept, &to);
    return to;
}

/* ---- asking ---- */

static inline void note_answered(void *ctx)
{
    ++*(int *)ctx;
}

/* Polls until it is answered; returns in how many polls. */
static inline int await_answer(struct world *w, const struct view_question *q)
{
    int polls = 0;
    for (; !view_is_answered(q); polls++) {
        if (w->threaded) await_wake(w);
        views_poll(w->views);
        assert_true(polls < 100000);
    }
    return polls;
}

static inline void check_order(const struct view_answer *a, bool reverse)
{
    for (size_t i = 0, at = 0; i < a->count; i++) {
        const struct view_entry *e = &a->entries[i];
        assert_int_equal(e->at, at);
        at += e->len;
        if (i == 0) continue;
        int way = order(a->entries[i - 1].id, e->id);
        assert_true(reverse ? way > 0 : way < 0);
    }
}

static inline void expect_answer(const struct view_question *q, struct expected *x,
                                 const char *name, const struct view_range *range)
{
    const struct view_answer *a = view_answer(q);
    assert_int_equal(a->error, 0);
    bool same = slice_equal(buffer_slice(&a->bytes), buffer_slice(&x->bytes));
    if (!same || a->count != x->count || a->gap != x->gap) {
        fprintf(stderr, "got %zu entries:\n%.*s\n", a->count, (int)a->bytes.len, a->bytes.at);
        fprintf(stderr, "expected %zu:\n%.*s\n", x->count, (int)x->bytes.len, x->bytes.at);
        fail_msg("seed %llu: %s from %lld-%llu to %lld-%llu count %zu%s%s",
                 (unsigned long long)seed, name, (long long)range->first.ms,
                 (unsigned long long)range->first.n, (long long)range->last.ms,
                 (unsigned long long)range->last.n, range->count, range->reverse ? " reverse" : "",
                 range->gap ? " gap" : "");
    }
    check_order(a, range->reverse);
    buffer_fini(&x->bytes);
}

static const char *const names[] = {
    "__keyspace@0__:*",           "__keyspace@*__:4",
    "__keyspace@1__:k*",          "__keyspace@[0-2]__:?",
    "__keyspace@2__:k\\*",        "__keyspace@*__:",
    "__keyspace@3__:l*deal",      "__keyspace@0__:nobody",
    "__keyevent@*__:expired",     "__keyevent@0__:set",
    "__keyevent@*__:*",           "__keyevent@1__:new",
    "__keyevent@*__:overwritten", "__keyevent@*__:ne[w]*",
    "__keyevent@?__:e*",          "__keyevent@77__:set",
    "__keychange@*__:*",          "__keychange@0__:[4-7]",
    "__keychange@2__:11",         "__keychange@*__:no*such*key",
    "__keyevent@*__:flushdb",     "__keyevent@*__:rename_to",
    "__keyspace@*__:*er*",        "__keyspace@*__:long*",
    "__keychange@1__:longer th*", "__keyspace@2__:longer than the oth?rs*",
};

enum { NAMES = sizeof names / sizeof *names };

static inline struct event_id some_id(struct world *w, struct random *random)
{
    struct event_id id = {0};
    if (!w->count || random_below(random, 12) == 0) return id;
    /* Often near the end, where the tail is. */
    size_t near = random_below(random, 3) ? w->count : 200;
    if (near > w->count) near = w->count;
    id = w->events[w->count - 1 - random_below(random, near)].id;
    switch (random_below(random, 6)) {
    case 0: id.n++; break;
    case 1: id.n += id.n == 0 ? 0 : UINT64_MAX; break;
    case 2: id.ms += (int64_t)random_below(random, 200) - 100; break;
    default: break;
    }
    return id;
}

static inline struct view_range some_range(struct world *w, struct random *random,
                                           const char **name)
{
    static const size_t counts[] = {1, 2, 7, 50, SIZE_MAX, SIZE_MAX};
    *name = names[random_below(random, NAMES)];
    struct view_range range = {.name = slice_text(*name),
                               .first = some_id(w, random),
                               .last = some_id(w, random),
                               .reverse = random_below(random, 2),
                               .gap = random_below(random, 2),
                               .count = counts[random_below(random, 6)]};
    if (random_below(random, 2)) range.last = (struct event_id){INT64_MAX, UINT64_MAX};
    return range;
}

static inline void write_some(struct world *w, struct writer *writer, uint64_t records)
{
    struct random *random = &writer->random;
    for (uint64_t i = random_below(random, records); i > 0; i--) {
        run_record(writer);
        pass_time(writer);
    }
    if (random_below(random, 3)) journal_write(w->journal, w->clock);
}

/* A question, more records while it is under way, and the answer as of when it was asked. */
static inline int one_question(struct world *w, struct writer *writer)
{
    const char *name;
    struct view_range range = some_range(w, &writer->random, &name);
    struct expected x = expect(w, name, &range, w->count, journal_first(w->journal));
    int answered = 0;
    struct view_question *q = view_ask(w->views, &range, false, note_answered, &answered);
    bool at_once = view_is_answered(q);
    if (!at_once && random_below(&writer->random, 2)) write_some(w, writer, 5);
    int polls = await_answer(w, q);
    assert_int_equal(answered, at_once ? 0 : 1);
    expect_answer(q, &x, name, &range);
    view_forget(q);
    return polls;
}

static inline void fetch_some(struct world *w, struct writer *writer)
{
    struct random *random = &writer->random;
    const char *name = names[random_below(random, NAMES)];
    struct event_id ids[40];
    struct expected x = {0};
    size_t count = 0, step = 1 + random_below(random, 300);
    int which = strncmp(name, "__keychange", 11) == 0;
    for (size_t i = random_below(random, 50); i < w->count && count < 40;
         i += 1 + random_below(random, step)) {
        const struct event *e = &w->events[i];
        ids[count++] = e->id;
        if (e->seq < journal_first(w->journal) || !model_shows(name, e)) continue;
        buffer_add(&x.bytes, e->entry[which], e->entry_len[which]);
        x.count++;
    }
    struct view_range range = {.count = count};
    int answered = 0;
    struct view_question *q =
        view_fetch(w->views, slice_text(name), ids, count, false, note_answered, &answered);
    await_answer(w, q);
    expect_answer(q, &x, name, &range);
    view_forget(q);
}

static inline void step_all(struct world *w)
{
    while (journal_step(w->journal)) continue;
}

static inline struct view_question *ask_plainly(struct world *w, const char *name, int *answered)
{
    struct view_range range = {
        .name = slice_text(name), .last = {INT64_MAX, UINT64_MAX}, .count = SIZE_MAX};
    return view_ask(w->views, &range, false, note_answered, answered);
}

static inline size_t count_shown(struct world *w, const char *name)
{
    int answered = 0;
    struct view_question *q = ask_plainly(w, name, &answered);
    await_answer(w, q);
    assert_int_equal(view_answer(q)->error, 0);
    size_t count = view_answer(q)->count;
    view_forget(q);
    return count;
}

static inline struct event_id after(struct event_id id)
{
    return id.n == UINT64_MAX ? (struct event_id){id.ms + 1, 0}
                              : (struct event_id){id.ms, id.n + 1};
}

/* A test program's seed: SEED of the environment, or a new one, which is printed. */
static inline void draw_seed(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)io_unix_us();
    printf("SEED=%llu\n", (unsigned long long)seed);
}

#endif
