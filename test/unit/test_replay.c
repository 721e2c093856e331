/* The promise of records: whoever applies the effects of all of them, in order, has the data.
 *
 * Random commands run, alone and several in one record, with time passing between them; a plain
 * model that knows nothing but effects is kept beside the keyspace, and compared with it. */
#include "random_commands.h"

static uint64_t seed;

/* ---- the model ---- */

enum { MODEL_MAX = 256 };

struct item {
    int db;
    char *key, *value;
    size_t key_len, value_len;
    int64_t deadline;
};

struct model {
    struct item items[MODEL_MAX];
    size_t count;
};

static char *copy_of(const char *bytes, size_t len)
{
    char *copy = malloc(len + 1);
    memcpy(copy, bytes, len);
    return copy;
}

static struct item *model_find(struct model *m, int db, struct slice key)
{
    for (size_t i = 0; i < m->count; i++) {
        struct item *it = &m->items[i];
        if (it->db == db && slice_equal(slice_of(it->key, it->key_len), key)) return it;
    }
    return NULL;
}

static struct item *model_need(struct model *m, int db, struct slice key)
{
    struct item *it = model_find(m, db, key);
    if (it) return it;
    assert_true(m->count < MODEL_MAX);
    it = &m->items[m->count++];
    *it = (struct item){db, copy_of(key.at, key.len), copy_of("", 0), key.len, 0, -1};
    return it;
}

static void model_erase(struct model *m, struct item *it)
{
    free(it->key);
    free(it->value);
    *it = m->items[--m->count];
}

static void model_delete(struct model *m, int db, struct slice key)
{
    struct item *it = model_find(m, db, key);
    assert_non_null(it); /* an effect deletes only what is there */
    model_erase(m, it);
}

static void set_value(struct item *it, const char *bytes, size_t len)
{
    char *value = copy_of(bytes, len);
    free(it->value);
    it->value = value;
    it->value_len = len;
}

static void write_at(struct item *it, size_t offset, struct slice bytes)
{
    size_t len = offset + bytes.len > it->value_len ? offset + bytes.len : it->value_len;
    char *value = calloc(1, len + 1);
    memcpy(value, it->value, it->value_len);
    if (bytes.len) memcpy(value + offset, bytes.at, bytes.len);
    free(it->value);
    it->value = value;
    it->value_len = len;
}

/* Puts a copy of an item in place of whatever is there. */
static void put_copy(struct model *m, const struct item *from, int db, struct slice key)
{
    struct item source = *from; /* the list may move */
    struct item *old = model_find(m, db, key);
    char *value = copy_of(source.value, source.value_len);
    if (old) model_erase(m, old);
    struct item *it = model_need(m, db, key);
    set_value(it, value, source.value_len);
    it->deadline = source.deadline;
    free(value);
}

static void model_flush(struct model *m, int db)
{
    for (size_t i = m->count; i-- > 0;)
        if (m->items[i].db == db) model_erase(m, &m->items[i]);
}

static void model_swap(struct model *m, int a, int b)
{
    for (size_t i = 0; i < m->count; i++) {
        struct item *it = &m->items[i];
        it->db = it->db == a ? b : it->db == b ? a : it->db;
    }
}

static void model_set(struct model *m, const struct effect *e)
{
    struct item *it = model_need(m, e->db, e->key);
    set_value(it, e->arg.at, e->arg.len);
    if (e->when != WHEN_KEPT) it->deadline = e->when;
}

/* RENAME, MOVE and COPY: where the value goes to. */
static void model_put(struct model *m, const struct effect *e)
{
    struct item *from = model_find(m, e->db, e->key);
    assert_non_null(from);
    int db = e->verb == EFFECT_RENAME ? e->db : (int)e->when;
    put_copy(m, from, db, e->verb == EFFECT_MOVE ? e->key : e->arg);
    if (e->verb != EFFECT_COPY) model_delete(m, e->db, e->key);
}

static void model_apply(void *ctx, const struct effect *e)
{
    struct model *m = ctx;
    struct item *it = model_find(m, e->db, e->key);
    switch (e->verb) {
    case EFFECT_SET: model_set(m, e); break;
    case EFFECT_DEL: model_delete(m, e->db, e->key); break;
    case EFFECT_PEXPIREAT:
        assert_non_null(it);
        it->deadline = e->when;
        break;
    case EFFECT_PERSIST:
        assert_non_null(it);
        it->deadline = -1;
        break;
    case EFFECT_APPEND:
        it = model_need(m, e->db, e->key);
        write_at(it, it->value_len, e->arg);
        break;
    case EFFECT_SETRANGE: write_at(model_need(m, e->db, e->key), (size_t)e->when, e->arg); break;
    case EFFECT_RENAME:
    case EFFECT_MOVE:
    case EFFECT_COPY: model_put(m, e); break;
    case EFFECT_FLUSHDB: model_flush(m, e->db); break;
    case EFFECT_SWAPDB: model_swap(m, e->db, (int)e->when); break;
    default: fail_msg("no such effect"); break; /* values of other types are not asked for */
    }
}

/* ---- the comparison ---- */

struct comparison {
    struct model *m;
    int db;
    size_t met;
};

static void compare_entry(void *ctx, void *entry)
{
    struct comparison *c = ctx;
    struct item *it = model_find(c->m, c->db, entry_key(entry));
    assert_non_null(it);
    assert_true(slice_equal(entry_string(entry), slice_of(it->value, it->value_len)));
    assert_true(entry_deadline(entry) == it->deadline);
    c->met++;
}

static void compare(struct runner *r, struct model *m)
{
    struct comparison c = {.m = m};
    for (c.db = 0; c.db < DATABASES; c.db++)
        keyspace_scan(r->keyspace, c.db, 0, SIZE_MAX, compare_entry, &c);
    assert_int_equal(c.met, m->count);
}

static void test_effects_are_the_data(void **state)
{
    (void)state;
    enum { RECORDS = 20000 };
    static struct model m;
    struct runner r;
    runner_init(&r);
    r.effect = model_apply;
    r.ctx = &m;
    struct writer w = {.r = &r};
    random_init(&w.random, seed);
    for (int i = 0; i < RECORDS; i++) {
        run_record(&w);
        pass_time(&w);
        compare(&r, &m);
    }
    assert_true(engine_stats(r.engine).expired > 100);
    assert_true(engine_stats(r.engine).evicted > 100);
    for (int db = 0; db < DATABASES; db++) model_flush(&m, db);
    arena_fini(&w.arena);
    runner_fini(&r);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : 20251122;
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_effects_are_the_data)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
