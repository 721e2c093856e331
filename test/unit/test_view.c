/* Views against a model that keeps every event in a list.
 *
 * Random commands make records, which go into a journal on a disk of memory with small segments and
 * a small tail; retention drops segments now and then. Questions at random (name, range, direction,
 * count, gap) must be answered with just the entries that the list has.
 *
 *      SEED=n test_view   plays that seed
 *      test_view bench    measures looking for rare events instead */
#include "random_commands.h"

#include "../../src/base/err.h"
#include "../../src/base/glob.h"
#include "../../src/engine/replay.h"
#include "../../src/io/clock.h"
#include "../../src/io/disk_memory.h"
#include "../../src/io/thread.h"
#include "../../src/journal/journal.h"
#include "../../src/record/codec.h"
#include "../../src/view/view.h"

static uint64_t seed;
static const unsigned char secret[HASH_SECRET_SIZE] = "a secret of the views";

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
    bool threaded, silent;
    struct mutex lock;
    struct condition rung;
    int wakes;
};

enum { KEYCHANGE_MAX = 200 };

static void add_field(struct buffer *to, const char *name, struct slice value)
{
    buffer_printf(to, "$%zu\r\n%s\r\n$%zu\r\n", strlen(name), name, value.len);
    buffer_add_slice(to, value);
    buffer_add_slice(to, SLICE("\r\n"));
}

static void add_id(struct buffer *to, struct event_id id)
{
    char text[64];
    int len = snprintf(text, sizeof text, "%lld-%llu", (long long)id.ms, (unsigned long long)id.n);
    buffer_printf(to, "$%d\r\n%s\r\n", len, text);
}

static void model_entry(struct buffer *to, const struct record *r, const struct note *n,
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

static void model_note(struct world *w, const struct record *r, const struct note *n,
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
static void keep(void *ctx, const struct record *r)
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

static void ring(void *ctx)
{
    struct world *w = ctx;
    mutex_lock(&w->lock);
    w->wakes++;
    condition_signal(&w->rung);
    mutex_unlock(&w->lock);
}

static void await_wake(struct world *w)
{
    mutex_lock(&w->lock);
    while (!w->wakes) condition_wait(&w->rung, &w->lock);
    w->wakes = 0;
    mutex_unlock(&w->lock);
}

static void world_init_on(struct world *w, struct disk *disk, uint64_t segment_bytes,
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
    struct journal_config config = {.segment_bytes = segment_bytes,
                                    .sync = JOURNAL_SYNC_EVERYSEC,
                                    .tail_bytes_max = tail_bytes,
                                    .backlog_bytes_max = 1 << 30,
                                    .index_bytes = segment_bytes < 65536 ? 512 : 0,
                                    .threaded = threaded,
                                    .seed = 7};
    assert_int_equal(journal_open(&w->journal, &config, w->disk, w->clock, &found, &why), 0);
    engine_attach(w->r.engine, (struct record_sink){keep, w});
    struct views_config views = {.reply_bytes_max = 64 << 20,
                                 .keychange_bytes_max = KEYCHANGE_MAX,
                                 .threaded = threaded,
                                 .secret = secret,
                                 .wake = ring,
                                 .wake_ctx = w};
    w->views = views_new(w->r.engine, w->journal, &views);
}

static void world_init(struct world *w, uint64_t segment_bytes, uint64_t tail_bytes, bool threaded)
{
    world_init_on(w, disk_memory_new(), segment_bytes, tail_bytes, threaded);
}

/* All but the disk. */
static void world_end(struct world *w)
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
    buffer_fini(&w->bytes);
    mutex_fini(&w->lock);
    condition_fini(&w->rung);
}

static void world_fini(struct world *w)
{
    world_end(w);
    disk_memory_free(w->disk);
}

static int order(struct event_id a, struct event_id b)
{
    if (a.ms != b.ms) return a.ms < b.ms ? -1 : 1;
    return a.n < b.n ? -1 : a.n > b.n;
}

/* A glob whose star matches nothing, too. */
static bool glob_or_empty(struct slice glob, struct slice text)
{
    if (glob_match(glob, text, false)) return true;
    for (size_t i = 0; i < glob.len; i++)
        if (glob.at[i] != '*') return false;
    return text.len == 0;
}

/* Plainly, for names without classes or escapes before the second `__:`. */
static bool model_shows(const char *name, const struct event *e)
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

static struct event_id before(struct event_id id)
{
    return id.n ? (struct event_id){id.ms, id.n - 1} : (struct event_id){id.ms - 1, UINT64_MAX};
}

struct expected {
    struct buffer bytes;
    size_t count;
    bool gap;
};

static void expect_gap(const struct world *w, const struct view_range *range, uint64_t kept,
                       struct expected *to)
{
    if (!range->gap || kept <= 1 || to->count == range->count) return;
    if (range->first.ms == 0 && range->first.n <= 1) return;
    bool all = kept > w->records;
    struct event_id upto = all ? w->events[w->count - 1].id : before(w->record_ids[kept]);
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
static struct expected expect(const struct world *w, const char *name,
                              const struct view_range *range, size_t events, uint64_t kept)
{
    struct expected to = {0};
    int which = strncmp(name, "__keychange", 11) == 0;
    if (!range->count || order(range->first, range->last) > 0) return to;
    if (!range->reverse) expect_gap(w, range, kept, &to);
    for (size_t i = 0; i < events && to.count < range->count; i++) {
        const struct event *e = &w->events[range->reverse ? events - 1 - i : i];
        if (e->seq < kept || !model_shows(name, e)) continue;
        if (order(e->id, range->first) < 0 || order(e->id, range->last) > 0) continue;
        buffer_add(&to.bytes, e->entry[which], e->entry_len[which]);
        to.count++;
    }
    if (range->reverse) expect_gap(w, range, kept, &to);
    return to;
}

/* ---- asking ---- */

static void note_answered(void *ctx)
{
    ++*(int *)ctx;
}

/* Polls until it is answered; returns in how many polls. */
static int await_answer(struct world *w, const struct view_question *q)
{
    int polls = 0;
    for (; !view_is_answered(q); polls++) {
        if (w->threaded) await_wake(w);
        views_poll(w->views);
        assert_true(polls < 100000);
    }
    return polls;
}

static void check_order(const struct view_answer *a, bool reverse)
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

static void expect_answer(const struct view_question *q, struct expected *x, const char *name,
                          const struct view_range *range)
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
    "__keyspace@*__:*er*",
};

enum { NAMES = sizeof names / sizeof *names };

static struct event_id some_id(struct world *w, struct random *random)
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

static struct view_range some_range(struct world *w, struct random *random, const char **name)
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

static void write_some(struct world *w, struct writer *writer, uint64_t records)
{
    struct random *random = &writer->random;
    for (uint64_t i = random_below(random, records); i > 0; i--) {
        run_record(writer);
        pass_time(writer);
    }
    if (random_below(random, 3)) journal_write(w->journal, w->clock);
}

/* A question, more records while it is under way, and the answer as of when it was asked. */
static int one_question(struct world *w, struct writer *writer)
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

static void fetch_some(struct world *w, struct writer *writer)
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

static void step_all(struct world *w)
{
    while (journal_step(w->journal)) continue;
}

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

static struct view_question *ask_plainly(struct world *w, const char *name, int *answered)
{
    struct view_range range = {
        .name = slice_text(name), .last = {INT64_MAX, UINT64_MAX}, .count = SIZE_MAX};
    return view_ask(w->views, &range, false, note_answered, answered);
}

static size_t count_shown(struct world *w, const char *name)
{
    int answered = 0;
    struct view_question *q = ask_plainly(w, name, &answered);
    await_answer(w, q);
    assert_int_equal(view_answer(q)->error, 0);
    size_t count = view_answer(q)->count;
    view_forget(q);
    return count;
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

/* ---- positions ---- */

static struct event_id after(struct event_id id)
{
    return id.n == UINT64_MAX ? (struct event_id){id.ms + 1, 0}
                              : (struct event_id){id.ms, id.n + 1};
}

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

/* Segments go while a question for them is in the queue. */
static void retention_that_overtakes_is_told(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
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
        drop_upto(&w, 500);
        uint64_t kept = journal_first(w.journal);
        assert_true(kept > 300);
        await_answer(&w, q);
        struct expected x = expect(&w, "__keyspace@0__:key:7", &range, w.count, kept);
        assert_int_equal(x.gap, i & 1);
        expect_answer(q, &x, "key:7", &range);
        view_forget(q);
        world_fini(&w);
    }
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
    views_poll(w.views);
    for (int i = 2; i < 4; i++) {
        assert_int_equal(answered[i], 1);
        assert_int_equal(view_answer(q[i])->error, ERR_ABSENT);
        view_forget(q[i]);
    }
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
    struct view_question *all = ask_plainly(&w, "__keyspace@0__:nobody", &late);
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

/* ---- threads ---- */

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
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)io_unix_us();
    printf("SEED=%llu\n", (unsigned long long)seed);
    if (argc > 1 && strcmp(argv[1], "bench") == 0) {
        printf("on disk\n");
        measure(2000000, 1 << 20);
        printf("in the tail\n");
        measure(600000, 256 << 20);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_told_apart),
        cmocka_unit_test(odd_names_show_what_they_name),
        cmocka_unit_test(every_question_is_answered_as_the_model_says),
        cmocka_unit_test(pages_join_without_hole_or_double),
        cmocka_unit_test(retention_that_overtakes_is_told),
        cmocka_unit_test(no_gap_for_who_knows_better),
        cmocka_unit_test(bounds_follow_retention),
        cmocka_unit_test(an_answer_is_bounded),
        cmocka_unit_test(in_multi_only_the_tail_is_read),
        cmocka_unit_test(an_answer_rests_on_what_it_shows),
        cmocka_unit_test(without_a_journal_nothing_is_read),
        cmocka_unit_test(a_long_tail_takes_several_turns),
        cmocka_unit_test(questions_take_turns),
        cmocka_unit_test(a_failing_disk_is_told),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(watches_hear_what_the_model_says),
        cmocka_unit_test(crowded_watches_are_bounded),
        cmocka_unit_test(threads_agree),
        cmocka_unit_test(threads_and_retention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
