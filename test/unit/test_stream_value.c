/* Streams against a plain array of entries and pending ids, in random order of everything. */
#include "../../src/base/assert.h"
#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/value/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { ENTRIES_MAX = 4000, WORDS_MAX = 8, WORD_MAX = 80, GROUPS = 3 };

static uint64_t seed;
static const unsigned char secret[HASH_SECRET_SIZE] = {1, 2, 3};

struct model_entry {
    struct event_id id;
    size_t count;
    char words[WORDS_MAX][WORD_MAX];
};

struct model_group {
    bool is_there;
    struct event_id last;
    struct event_id pending[ENTRIES_MAX];
    size_t count;
};

struct model {
    struct model_entry *entries;
    size_t count;
    struct model_group groups[GROUPS];
    struct value value;
    struct value_config config;
    struct random random;
    bool trimmed; /* which Redis does not reckon with when it counts what a group has read */
};

static uint64_t below(struct model *m, uint64_t n)
{
    return random_below(&m->random, n);
}

static struct stream *stream(struct model *m)
{
    return stream_of(&m->value);
}

static const char *const group_names[GROUPS] = {"g", "", "another group"};

/* ---- entries ---- */

static void expect_entry(struct stream_cursor *c, const struct model_entry *e)
{
    struct slice name, value;
    assert_int_equal(id_compare(c->id, e->id), 0);
    assert_int_equal(c->fields, e->count / 2);
    for (size_t i = 0; i < e->count; i += 2) {
        stream_field(c, &name, &value);
        assert_true(slice_equal(name, slice_text(e->words[i])));
        assert_true(slice_equal(value, slice_text(e->words[i + 1])));
    }
}

/* Some of the fields are read, as a reader may do. */
static void expect_range(struct model *m, struct stream *s, struct event_id first,
                         struct event_id last)
{
    struct stream_cursor c;
    size_t i = 0, end = m->count;
    while (i < m->count && id_compare(m->entries[i].id, first) < 0) i++;
    while (end > i && id_compare(m->entries[end - 1].id, last) > 0) end--;
    stream_seek(&c, s, first, last, false);
    for (size_t k = i; k < end; k++) {
        assert_true(stream_next(&c));
        if (below(m, 4)) expect_entry(&c, &m->entries[k]);
    }
    assert_false(stream_next(&c));
    stream_seek(&c, s, first, last, true);
    for (size_t k = end; k > i; k--) {
        assert_true(stream_next(&c));
        if (below(m, 4)) expect_entry(&c, &m->entries[k - 1]);
    }
    assert_false(stream_next(&c));
    assert_false(stream_next(&c));
}

static struct event_id some_id(struct model *m)
{
    switch (below(m, 8)) {
    case 0: return (struct event_id){0};
    case 1: return ID_LAST;
    case 2: return stream(m)->last;
    default: break;
    }
    if (!m->count) return (struct event_id){below(m, 10), below(m, 10)};
    struct event_id id = m->entries[below(m, m->count)].id;
    return below(m, 3) ? id : below(m, 2) ? id_before(id) : id_after(id);
}

static void add(struct model *m)
{
    struct slice words[WORDS_MAX];
    struct event_id last = stream(m)->last;
    struct model_entry *e = &m->entries[m->count];
    if (m->count == ENTRIES_MAX) return;
    e->id = below(m, 2) ? (struct event_id){last.ms + 1 + below(m, 1000), below(m, 3)}
                        : (struct event_id){last.ms, last.n + 1 + below(m, 300)};
    if (below(m, 1000) == 0) e->id.ms = last.ms + (UINT64_C(1) << (below(m, 60)));
    if (id_compare(e->id, last) <= 0) return;
    e->count = 2 + 2 * below(m, WORDS_MAX / 2);
    bool usual = below(m, 3);
    if (usual) e->count = 4;
    for (size_t i = 0; i < e->count; i++) {
        uint64_t n = below(m, 3) ? below(m, 200) : below(m, UINT64_MAX);
        if (i % 2 == 0 && usual)
            snprintf(e->words[i], WORD_MAX, "field%zu", i);
        else if (below(m, 2))
            snprintf(e->words[i], WORD_MAX, "%lld", (long long)(int64_t)n);
        else
            snprintf(e->words[i], WORD_MAX, "%0*llu", (int)below(m, 70), (unsigned long long)n);
        words[i] = slice_text(e->words[i]);
    }
    assert_int_equal(stream_add(stream(m), e->id, words, e->count, &m->config), 0);
    m->count++;
}

static void drop(struct model *m, size_t at, size_t count)
{
    m->count -= count;
    memmove(m->entries + at, m->entries + at + count, (m->count - at) * sizeof *m->entries);
}

static void delete_one(struct model *m)
{
    struct event_id id = some_id(m);
    bool was = stream_has(stream(m), id);
    size_t i = 0;
    while (i < m->count && id_compare(m->entries[i].id, id)) i++;
    assert_int_equal(was, i < m->count);
    assert_int_equal(stream_delete(stream(m), id), was);
    if (was) drop(m, i, 1);
}

/* ---- groups ---- */

static struct model_group *some_group(struct model *m, struct stream_group **g)
{
    size_t n = below(m, GROUPS);
    *g = stream_find_group(stream(m), slice_text(group_names[n]));
    assert_int_equal(*g != NULL, m->groups[n].is_there);
    return &m->groups[n];
}

static ptrdiff_t pending_at(const struct model_group *g, struct event_id id)
{
    for (size_t i = 0; i < g->count; i++)
        if (!id_compare(g->pending[i], id)) return (ptrdiff_t)i;
    return -1;
}

static bool awaited(const struct model *m, struct event_id id)
{
    size_t there = 0;
    for (size_t i = 0; i < GROUPS; i++) {
        const struct model_group *g = &m->groups[i];
        if (!g->is_there) continue;
        there++;
        if (id_compare(id, g->last) > 0 || pending_at(g, id) >= 0) return true;
    }
    return !there;
}

static size_t drop_refs(struct model *m, struct event_id id)
{
    size_t count = 0;
    for (size_t i = 0; i < GROUPS; i++) {
        struct model_group *g = &m->groups[i];
        ptrdiff_t at = pending_at(g, id);
        if (at < 0) continue;
        g->pending[at] = g->pending[--g->count];
        count++;
    }
    return count;
}

struct delivery {
    struct model *m;
    size_t at;
};

static void delivered(void *ctx, struct stream_cursor *c)
{
    struct delivery *d = ctx;
    expect_entry(c, &d->m->entries[d->at++]);
}

static void deliver(struct model *m)
{
    struct stream_group *g;
    struct model_group *mg = some_group(m, &g);
    if (!g) return;
    struct slice name = slice_text(below(m, 2) ? "c" : "d");
    struct consumer *c = crew_consumer(&g->crew, name);
    if (!c) c = crew_insert(&g->crew, crew_free_number(&g->crew), name);
    bool forgotten = below(m, 4) == 0;
    size_t count = below(m, 20);
    struct delivery d = {m, 0};
    while (d.at < m->count && id_compare(m->entries[d.at].id, mg->last) <= 0) d.at++;
    size_t from = d.at;
    size_t done = stream_deliver(stream(m), g, c, count, forgotten, delivered, &d);
    assert_int_equal(d.at - from, done);
    assert_true(done == count || d.at == m->count);
    for (size_t i = from; i < d.at; i++) {
        mg->last = m->entries[i].id;
        if (!forgotten && pending_at(mg, mg->last) < 0) mg->pending[mg->count++] = mg->last;
    }
    int64_t lag;
    if (stream_lag(stream(m), g, &lag) && !m->trimmed && d.at == m->count && m->count && done)
        assert_int_equal(lag, 0);
}

static void change_group(struct model *m)
{
    struct stream_group *g;
    struct model_group *mg = some_group(m, &g);
    struct slice name = slice_text(group_names[mg - m->groups]);
    if (!g) {
        mg->is_there = true;
        mg->last = some_id(m);
        mg->count = 0;
        assert_non_null(stream_add_group(stream(m), name, mg->last, -1));
        assert_null(stream_add_group(stream(m), name, mg->last, -1));
    } else if (below(m, 4) == 0) {
        stream_erase_group(stream(m), g);
        *mg = (struct model_group){0};
    } else if (mg->count) {
        size_t i = below(m, mg->count);
        assert_true(crew_take(&g->crew, mg->pending[i]));
        mg->pending[i] = mg->pending[--mg->count];
    }
}

static void delete_refs(struct model *m)
{
    struct event_id id = some_id(m);
    assert_int_equal(stream_is_awaited(stream(m), id), awaited(m, id));
    assert_int_equal(stream_drop_refs(stream(m), id), drop_refs(m, id));
}

static void expect_groups(struct model *m, struct stream *s)
{
    for (size_t i = 0; i < GROUPS; i++) {
        const struct model_group *mg = &m->groups[i];
        struct stream_group *g = stream_find_group(s, slice_text(group_names[i]));
        assert_int_equal(g != NULL, mg->is_there);
        if (!g) continue;
        assert_int_equal(id_compare(g->last, mg->last), 0);
        assert_int_equal(g->crew.pending.count, mg->count);
        for (size_t k = 0; k < mg->count; k++)
            assert_non_null(pending_find(&g->crew.pending, mg->pending[k]));
    }
    stream_settle(s);
}

/* ---- trimming ---- */

static void trim(struct model *m)
{
    struct buffer acked = {0};
    struct stream_trim t = {.by_id = below(m, 2),
                            .whole_nodes = below(m, 2),
                            .refs = (enum stream_refs)below(m, 3),
                            .max_len = m->count - below(m, m->count / 8 + 1),
                            .min_id = m->count ? m->entries[below(m, m->count / 8 + 1)].id
                                               : (struct event_id){5, 5}};
    if (t.whole_nodes && below(m, 2)) t.limit = 1 + below(m, 50);
    size_t due = 0;
    while (due < m->count &&
           (t.by_id ? id_compare(m->entries[due].id, t.min_id) < 0 : m->count - due > t.max_len))
        due++;
    size_t count = stream_trim(stream(m), &t, &acked);
    m->trimmed |= count > 0;
    if (t.limit) assert_true(count <= t.limit);
    if (t.refs == REFS_ACKED) {
        const struct event_id *ids = (const struct event_id *)(const void *)acked.at;
        size_t left = t.by_id ? due : SIZE_MAX, expected = 0;
        for (size_t i = 0; i < m->count && left && (t.by_id || expected < due); i++, left--)
            expected += !awaited(m, m->entries[i].id);
        assert_int_equal(acked.len, count * sizeof *ids);
        if (t.whole_nodes)
            assert_true(count <= expected);
        else
            assert_int_equal(count, expected);
        for (size_t i = 0, at = 0; i < count; i++) {
            while (id_compare(m->entries[at].id, ids[i])) at++;
            assert_false(awaited(m, ids[i]));
            drop(m, at, 1);
        }
    } else {
        if (t.whole_nodes)
            assert_true(count <= due);
        else
            assert_int_equal(count, due);
        if (t.refs == REFS_DELETE)
            for (size_t i = 0; i < count; i++) drop_refs(m, m->entries[i].id);
        drop(m, 0, count);
    }
    buffer_fini(&acked);
}

/* ---- whole ---- */

static void look(struct model *m, struct stream *s)
{
    stream_check(s);
    assert_int_equal(s->length, m->count);
    expect_range(m, s, some_id(m), some_id(m));
    expect_range(m, s, (struct event_id){0}, ID_LAST);
    expect_groups(m, s);
}

static void copy_and_code(struct model *m)
{
    struct value copy = value_kind_stream.copy(&m->value, &m->config), decoded;
    struct buffer bytes = {0}, again = {0};
    look(m, copy.at);
    value_kind_stream.encode(&m->value, &bytes);
    value_kind_stream.encode(&copy, &again);
    assert_true(slice_equal(buffer_slice(&bytes), buffer_slice(&again)));
    value_free(&copy);
    struct slice from = buffer_slice(&bytes);
    assert_true(value_kind_stream.decode(&from, &m->config, &decoded));
    assert_int_equal(from.len, 0);
    look(m, decoded.at);
    assert_int_equal(value_kind_stream.bytes(&decoded) > 0, 1);
    assert_int_equal(stream_of(&decoded)->added, stream(m)->added);
    value_free(&decoded);
    /* Cut, or with a byte that is another. */
    for (int i = 0; i < 20; i++) {
        size_t len = i % 2 ? bytes.len : below(m, bytes.len), at = below(m, bytes.len);
        char *damaged = mem_alloc(len);
        memcpy(damaged, bytes.at, len);
        if (at < len) damaged[at] = (char)(damaged[at] ^ (1 << below(m, 8)));
        from = slice_of(damaged, len);
        if (value_kind_stream.decode(&from, &m->config, &decoded)) {
            stream_check(decoded.at);
            value_free(&decoded);
        }
        mem_free(damaged, len);
    }
    buffer_fini(&bytes);
    buffer_fini(&again);
}

static void run(uint64_t with_seed, size_t node_entries, size_t node_bytes)
{
    struct model *m = mem_new(struct model);
    random_init(&m->random, with_seed);
    m->config = value_config_default(secret);
    m->config.stream_node_max_entries = node_entries;
    m->config.stream_node_max_bytes = node_bytes;
    m->entries = mem_alloc(ENTRIES_MAX * sizeof *m->entries + sizeof *m->entries);
    m->value = stream_new(&m->config);
    for (int i = 0; i < 3000; i++) {
        uint64_t what = below(m, 100);
        if (what < 70)
            add(m);
        else if (what < 80)
            delete_one(m);
        else if (what < 86)
            deliver(m);
        else if (what < 92)
            change_group(m);
        else if (what < 94)
            delete_refs(m);
        else if (what < 96)
            trim(m);
        else if (what < 99)
            expect_range(m, stream(m), some_id(m), some_id(m));
        else
            look(m, stream(m));
        if (i % 300 == 0) copy_and_code(m);
    }
    look(m, stream(m));
    while (!value_kind_stream.free_some(&m->value, 50)) {
    }
    mem_free(m->entries, ENTRIES_MAX * sizeof *m->entries + sizeof *m->entries);
    mem_delete(m);
}

static void same_as_an_array(void **state)
{
    static const size_t entries[] = {100, 1, 3, 0, 20}, bytes[] = {4096, 4096, 100, 1000, 0};
    size_t used = mem_used();
    (void)state;
    for (size_t i = 0; i < 5; i++) run(seed + i, entries[i], bytes[i]);
    assert_int_equal(mem_used(), used);
}

/* What is full: the largest id, an entry that is too large. */
static void bounds(void **state)
{
    struct value_config config = value_config_default(secret);
    struct value v = stream_new(&config);
    struct stream *s = v.at;
    struct slice words[] = {SLICE("a"), SLICE("b")};
    struct event_id id;
    (void)state;
    assert_true(stream_next_id(s, -5, &id) && id.ms == 0 && id.n == 1);
    assert_int_equal(stream_add(s, ID_LAST, words, 2, &config), 0);
    assert_false(stream_next_id(s, 99, &id));
    assert_true(stream_delete(s, ID_LAST));
    assert_true(s->length == 0 && s->nodes_count == 0 && s->added == 1);
    stream_set_id(s, (struct event_id){5, UINT64_MAX}, 1, (struct event_id){0});
    assert_true(stream_next_id(s, 5, &id) && id.ms == 6 && id.n == 0);
    stream_check(s);
    value_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_an_array),
        cmocka_unit_test(bounds),
    };
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
