/* The promise of records: whoever applies the effects of all of them, in order, has the data.
 *
 * Random commands run, alone and several in one record, with time passing between them; a plain
 * model that knows nothing but effects is kept beside the keyspace, and compared with it. */
#include "runner.h"

#include "../../src/base/arena.h"
#include "../../src/base/random.h"

static uint64_t seed;

/* ---- the model ---- */

enum { DATABASES = 4, MODEL_MAX = 256 };

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
    memcpy(value + offset, bytes.at, bytes.len);
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
    case EFFECT_COUNT: fail_msg("no such effect"); break;
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

/* ---- commands at random ---- */

/* k a key, v a value, n a number, o an offset, b a bit's place, t a time to live, a an absolute
 * time, d a database; other words stand for themselves. */
static const char *const templates[] = {
    "SET k v",
    "SET k v PX t",
    "SET k v PXAT a",
    "SET k v KEEPTTL",
    "SET k v NX GET",
    "SET k v XX PX t",
    "SETEX k 1 v",
    "GETSET k v",
    "GETDEL k",
    "GETEX k PX t",
    "GETEX k PXAT a",
    "GETEX k PERSIST",
    "MSET k v k v k v",
    "MSETNX k v k v",
    "APPEND k v",
    "SETRANGE k o v",
    "SET k n",
    "INCRBY k n",
    "DECR k",
    "INCRBYFLOAT k 1.5",
    "SETBIT k b 1",
    "SETBIT k b 0",
    "BITFIELD k SET u8 b n INCRBY i5 b 3 SET u16 b 77",
    "BITOP XOR k k k",
    "BITOP NOT k k",
    "GET k",
    "MGET k k k",
    "STRLEN k",
    "DEL k",
    "UNLINK k k k",
    "RENAME k k",
    "RENAMENX k k",
    "MOVE k d",
    "COPY k k",
    "COPY k k REPLACE",
    "COPY k k DB d REPLACE",
    "PEXPIRE k t",
    "PEXPIRE k t GT",
    "PEXPIREAT k a LT",
    "EXPIRE k 0",
    "PERSIST k",
    "RANDOMKEY",
    "SCAN 0",
    "EXISTS k k",
};

static const char *const rare_templates[] = {"FLUSHDB", "FLUSHALL", "SWAPDB d d", "SWAPDB 0 d"};

struct writer {
    struct runner *r;
    struct random random;
    struct arena arena;
};

static struct slice number_word(struct writer *w, int64_t number)
{
    char digits[TEXT_INT_MAX];
    return arena_keep(&w->arena, slice_of(digits, text_from_int(digits, number)));
}

static struct slice value_word(struct writer *w)
{
    static const size_t lengths[] = {0, 1, 3, 44, 255, 256, 512, 513, 700};
    size_t len = lengths[random_below(&w->random, sizeof lengths / sizeof *lengths)];
    char *bytes = arena_alloc(&w->arena, len);
    for (size_t i = 0; i < len; i++) bytes[i] = (char)random_u64(&w->random);
    return slice_of(bytes, len);
}

static struct slice key_word(struct writer *w)
{
    static const char *const odd[] = {"", "\n", "k*", "longer than the others by a good deal"};
    uint64_t which = random_below(&w->random, 12);
    if (which < 4) return slice_text(odd[which]);
    return number_word(w, (int64_t)which);
}

static struct slice word(struct writer *w, struct slice of)
{
    struct random *random = &w->random;
    if (of.len != 1) return of;
    switch (of.at[0]) {
    case 'k': return key_word(w);
    case 'v': return value_word(w);
    case 'n': return number_word(w, (int64_t)random_below(random, 300) - 100);
    case 'o': return number_word(w, (int64_t)random_below(random, 1000));
    case 'b': return number_word(w, (int64_t)random_below(random, 8000));
    case 't': return number_word(w, (int64_t)random_below(random, 300) + 1);
    case 'a': return number_word(w, w->r->now_ms + (int64_t)random_below(random, 400) - 100);
    case 'd': return number_word(w, (int64_t)random_below(random, DATABASES));
    default: return of;
    }
}

/* Runs one command inside the open record. */
static void run_one(struct writer *w)
{
    enum { RARE = sizeof rare_templates / sizeof *rare_templates };
    enum { OFTEN = sizeof templates / sizeof *templates };
    bool rare = random_below(&w->random, 300) == 0;
    const char *line = rare ? rare_templates[random_below(&w->random, RARE)]
                            : templates[random_below(&w->random, OFTEN)];
    struct slice argv[RUNNER_WORDS_MAX];
    struct buffer store = {0};
    int argc = text_split_words(slice_text(line), &store, argv, RUNNER_WORDS_MAX);
    for (int i = 1; i < argc; i++) argv[i] = word(w, arena_keep(&w->arena, argv[i]));
    argv[0] = arena_keep(&w->arena, argv[0]);
    buffer_fini(&store);
    w->r->db = (int)random_below(&w->random, DATABASES);
    runner_call(w->r, argv, argc);
}

static void run_record(struct writer *w)
{
    uint64_t commands = random_below(&w->random, 4) ? 1 : 1 + random_below(&w->random, 6);
    engine_begin(w->r->engine, w->r->now_ms, SLICE("random"), 1);
    for (uint64_t i = 0; i < commands; i++) run_one(w);
    engine_seal(w->r->engine);
    w->r->reply.len = w->r->events.len = w->r->effects.len = 0;
    arena_reset(&w->arena);
}

static void evict_some(struct writer *w)
{
    struct engine_config config = engine_config(w->r->engine), tight = config;
    tight.memory_max = mem_used() - 500;
    tight.policy = (enum evict_policy)random_below(&w->random, EVICT_NOEVICTION);
    engine_set_config(w->r->engine, tight);
    engine_make_room(w->r->engine, w->r->now_ms);
    engine_set_config(w->r->engine, config);
}

static void pass_time(struct writer *w)
{
    struct runner *r = w->r;
    if (random_below(&w->random, 3) == 0) r->now_ms += (int64_t)random_below(&w->random, 60);
    if (random_below(&w->random, 50) == 0) r->now_ms -= (int64_t)random_below(&w->random, 100);
    if (random_below(&w->random, 10) == 0) engine_expire(r->engine, r->now_ms, 100);
    if (random_below(&w->random, 100) == 0) evict_some(w);
    engine_work(r->engine, r->now_ms);
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
