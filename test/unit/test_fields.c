/* Hashes against a model that is an array, in every form, with deadlines and without. */
#include "../../src/base/hash.h"
#include "../../src/base/little.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/ds/packed.h"
#include "../../src/value/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;
static unsigned char secret[HASH_SECRET_SIZE];

enum { NAMES = 900, VALUE_MAX = 200 };

/* ---- the model ---- */

struct modelled {
    bool there;
    size_t len;
    char value[VALUE_MAX];
    int64_t deadline;
};

struct model {
    struct modelled at[NAMES];
    size_t count;
};

/* Some names are numbers, one is empty, some are long. */
static struct slice name_of(size_t i, char bytes[100])
{
    int len = 0;
    if (i % 3 == 0) len = snprintf(bytes, 100, "%zu", i * i * i);
    if (i % 3 == 1 && i > 1) len = snprintf(bytes, 100, "name %zu with some text", i);
    if (i % 3 == 2) len = snprintf(bytes, 100, "%060zu", i);
    return slice_of(bytes, (size_t)len);
}

static struct slice random_value(struct random *random, bool long_too, char bytes[VALUE_MAX])
{
    size_t len = random_below(random, long_too ? VALUE_MAX : 30);
    if (random_below(random, 2)) {
        len = (size_t)snprintf(bytes, 30, "%lld", (long long)random_u64(random) >> len % 60);
    } else {
        for (size_t i = 0; i < len; i++) bytes[i] = (char)random_u64(random);
    }
    return slice_of(bytes, len);
}

static struct modelled *soonest(struct model *m)
{
    struct modelled *best = NULL;
    for (size_t i = 0; i < NAMES; i++) {
        struct modelled *f = &m->at[i];
        if (f->there && f->deadline >= 0 && (!best || f->deadline < best->deadline)) best = f;
    }
    return best;
}

static size_t past(const struct model *m, int64_t now)
{
    size_t n = 0;
    for (size_t i = 0; i < NAMES; i++)
        n += m->at[i].there && m->at[i].deadline >= 0 && m->at[i].deadline <= now;
    return n;
}

/* ---- comparing ---- */

static void compare_field(const struct value *v, const struct model *m, size_t i)
{
    char bytes[100];
    struct field field;
    const struct modelled *f = &m->at[i];
    assert_int_equal(fields_get(v, name_of(i, bytes), &field), f->there);
    if (!f->there) return;
    assert_true(slice_equal(field.value, slice_of(f->value, f->len)));
    assert_int_equal(field.deadline, f->deadline);
}

struct counting {
    const struct value *v;
    size_t met;
};

static void count_item(void *ctx, const struct value_item *item)
{
    struct counting *c = ctx;
    struct field field;
    assert_true(fields_get(c->v, item->member, &field));
    assert_true(slice_equal(field.value, item->second));
    assert_int_equal(field.deadline, item->deadline);
    c->met++;
}

static void compare(const struct value *v, struct model *m)
{
    struct field field;
    const struct modelled *first = soonest(m);
    struct counting counting = {.v = v};
    for (size_t i = 0; i < NAMES; i++) compare_field(v, m, i);
    assert_int_equal(fields_count(v), m->count);
    assert_int_equal(fields_soonest(v, &field), first != NULL);
    if (first) assert_int_equal(field.deadline, first->deadline);
    assert_int_equal(value_due(v), first ? first->deadline : -1);
    value_kind(TYPE_HASH)->each(v, count_item, &counting);
    assert_int_equal(counting.met, m->count);
    fields_check(v);
}

/* Encoded and decoded, or copied, it is the same in the same form. */
static void compare_twins(const struct value *v, struct model *m, const struct value_config *config)
{
    const struct value_kind *kind = value_kind(TYPE_HASH);
    struct buffer bytes = {0};
    struct value twin, copy = kind->copy(v, config);
    kind->encode(v, &bytes);
    struct slice from = buffer_slice(&bytes);
    assert_true(kind->decode(&from, config, &twin));
    assert_int_equal(from.len, 0);
    assert_int_equal(twin.encoding, v->encoding);
    compare(&twin, m);
    compare(&copy, m);
    value_free(&twin);
    value_free(&copy);
    buffer_fini(&bytes);
}

/* ---- changing both ---- */

static void set(struct value *v, struct model *m, size_t i, struct random *random, bool long_too,
                const struct value_config *config)
{
    char name[100], bytes[VALUE_MAX];
    bool keep = random_below(random, 2);
    struct modelled *f = &m->at[i];
    struct slice value = random_value(random, long_too, bytes);
    assert_int_equal(fields_set(v, name_of(i, name), value, keep, config), !f->there);
    m->count += !f->there;
    if (!f->there || !keep) f->deadline = -1;
    f->there = true;
    f->len = value.len;
    memcpy(f->value, bytes, value.len);
}

static void drop(struct value *v, struct model *m, size_t i)
{
    char name[100];
    assert_int_equal(fields_remove(v, name_of(i, name)), m->at[i].there);
    m->count -= m->at[i].there;
    m->at[i].there = false;
}

static void set_deadline(struct value *v, struct model *m, size_t i, struct random *random)
{
    char name[100];
    int64_t when = random_below(random, 4) ? 1 + (int64_t)random_below(random, 5000) : -1;
    assert_int_equal(fields_set_deadline(v, name_of(i, name), when), m->at[i].there);
    if (m->at[i].there) m->at[i].deadline = when;
}

/* As expiry does it: takes out what is past, the soonest first. */
static void expire(struct value *v, struct model *m, int64_t now)
{
    struct field field;
    char name[100];
    size_t n = fields_past(v, now);
    int64_t last = 0;
    assert_int_equal(n, past(m, now));
    for (; n; n--) {
        assert_true(fields_soonest(v, &field) && field.deadline <= now && field.deadline >= last);
        last = field.deadline;
        size_t i = 0;
        while (!slice_equal(name_of(i, name), field.name)) i++;
        drop(v, m, i);
    }
    assert_false(fields_soonest(v, &field) && field.deadline <= now);
}

static void run_story(struct random *random, size_t names, int steps, bool long_too,
                      const struct value_config *config)
{
    size_t before = mem_used();
    struct value v = fields_new();
    struct model *m = mem_new(struct model);
    size_t model = mem_used() - before - mem_cost(PACKED_EMPTY_BYTES);
    bool swelling = true;
    for (int step = 0; step < steps; step++) {
        size_t i = random_below(random, names);
        switch (random_below(random, swelling ? 5 : 8)) {
        case 0:
        case 1:
        case 2: set(&v, m, i, random, long_too, config); break;
        case 3: set_deadline(&v, m, i, random); break;
        case 4: compare_field(&v, m, i); break;
        default: drop(&v, m, i); break;
        }
        assert_int_equal(value_kind(TYPE_HASH)->bytes(&v), mem_used() - before - model);
        if (random_below(random, names) == 0) expire(&v, m, (int64_t)random_below(random, 800));
        if (step % 500 == 0) compare(&v, m);
        if (step % 2000 == 0) compare_twins(&v, m, config);
        if (random_below(random, 4 * names) == 0) swelling = !swelling;
    }
    while (!value_kind(TYPE_HASH)->free_some(&v, 10)) {
    }
    mem_delete(m);
    assert_int_equal(mem_used(), before);
}

static void test_against_model(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, seed);
    struct value_config config = value_config_default(secret);
    run_story(&random, 12, 6000, false, &config);
    run_story(&random, 100, 6000, false, &config);
    run_story(&random, NAMES, 12000, false, &config);
    run_story(&random, NAMES, 12000, true, &config);
    config.hash_max_listpack_entries = 0;
    run_story(&random, 12, 6000, true, &config);
}

/* ---- forms ---- */

static void put(struct value *v, const char *name, const char *value)
{
    struct value_config config = value_config_default(secret);
    fields_set(v, slice_text(name), slice_text(value), false, &config);
}

static void test_forms(void **state)
{
    (void)state;
    char long_text[66];
    memset(long_text, 'x', sizeof long_text);
    long_text[65] = 0;
    struct value v = fields_new();
    assert_int_equal(v.encoding, ENCODING_PACKED);
    put(&v, "a", "1");
    put(&v, "b", long_text + 1);
    assert_int_equal(v.encoding, ENCODING_PACKED);
    assert_true(fields_set_deadline(&v, SLICE("a"), -1));
    assert_int_equal(v.encoding, ENCODING_PACKED);
    assert_true(fields_set_deadline(&v, SLICE("a"), 70));
    assert_int_equal(v.encoding, ENCODING_PACKED_TTL);
    put(&v, "c", long_text);
    assert_int_equal(v.encoding, ENCODING_TABLE);
    assert_int_equal(value_due(&v), 70);
    fields_remove(&v, SLICE("c"));
    assert_int_equal(v.encoding, ENCODING_TABLE);
    value_free(&v);
}

/* Packed with deadlines, the rows stand in their order, as RDB files want them. */
static void test_order_of_rows(void **state)
{
    (void)state;
    struct value v = fields_new();
    const char *names[] = {"a", "b", "c", "d", "e"};
    const int64_t deadlines[] = {30, -1, 10, 20, 20};
    for (size_t i = 0; i < 5; i++) put(&v, names[i], "v");
    for (size_t i = 0; i < 5; i++) fields_set_deadline(&v, slice_text(names[i]), deadlines[i]);
    struct buffer text = {0};
    char digits[TEXT_INT_MAX];
    for (packed_at at = packed_first(v.at); at; at = packed_next(v.at, at))
        buffer_add_slice(&text, packed_text(v.at, at, digits));
    assert_true(slice_equal(buffer_slice(&text), SLICE("cv10dv20ev20av30bv0")));
    buffer_fini(&text);
    value_free(&v);
}

/* What a table of many fields with deadlines takes, and that the soonest is at hand. */
static void test_many_deadlines(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    struct value_config config = value_config_default(secret);
    struct random random;
    random_init(&random, seed);
    struct value v = fields_new();
    char name[32];
    int64_t least = INT64_MAX;
    for (int i = 0; i < MANY; i++)
        fields_set(&v, slice_of(name, (size_t)snprintf(name, 32, "field:%06d", i)), SLICE("value"),
                   false, &config);
    size_t without = value_kind(TYPE_HASH)->bytes(&v);
    for (int i = 0; i < MANY; i++) {
        int64_t when = 1 + (int64_t)random_below(&random, 1000000000);
        if (when < least) least = when;
        fields_set_deadline(&v, slice_of(name, (size_t)snprintf(name, 32, "field:%06d", i)), when);
    }
    assert_int_equal(value_due(&v), least);
    assert_int_equal(fields_past(&v, least), 1);
    assert_int_equal(fields_past(&v, INT64_MAX), MANY);
    size_t more = value_kind(TYPE_HASH)->bytes(&v) - without;
    assert_in_range(more / MANY, 0, 28); /* 16 in the allocation, 8 in the heap, which doubles */
    fields_check(&v);
    value_free(&v);
}

/* ---- bytes that are not to be believed ---- */

static void test_damaged_bytes(void **state)
{
    (void)state;
    struct value_config config = value_config_default(secret);
    const struct value_kind *kind = value_kind(TYPE_HASH);
    struct random random;
    random_init(&random, seed);
    for (int form = 0; form < 3; form++) {
        struct value_config limits = config;
        if (form == 2) limits.hash_max_listpack_entries = 0;
        struct value v = fields_new(), out;
        fields_set(&v, SLICE("one"), SLICE("1"), false, &limits);
        fields_set(&v, SLICE("two"), SLICE("second"), false, &limits);
        if (form) fields_set_deadline(&v, SLICE("two"), 1234567);
        struct buffer bytes = {0};
        kind->encode(&v, &bytes);
        size_t before = mem_used();
        for (int i = 0; i < 20000; i++) {
            size_t len = random_below(&random, 4) ? bytes.len : random_below(&random, bytes.len);
            char *damaged = malloc(len + !len); /* so that a sanitizer sees what is read beyond */
            memcpy(damaged, bytes.at, len);
            if (len) damaged[random_below(&random, len)] = (char)random_u64(&random);
            struct slice from = slice_of(damaged, len);
            if (kind->decode(&from, &config, &out)) {
                fields_check(&out);
                value_free(&out);
            }
            free(damaged);
            assert_int_equal(mem_used(), before);
        }
        buffer_fini(&bytes);
        value_free(&v);
    }
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    struct random random;
    random_init(&random, seed);
    for (size_t i = 0; i < sizeof secret; i++) secret[i] = (unsigned char)random_u64(&random);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model), cmocka_unit_test(test_forms),
        cmocka_unit_test(test_order_of_rows), cmocka_unit_test(test_many_deadlines),
        cmocka_unit_test(test_damaged_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
