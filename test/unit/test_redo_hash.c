/* Effects on hashes are redone as their commands did it, and refused when they are impossible,
 * whatever their words are. */
#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/engine/internal.h"
#include "../../src/value/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;
static const unsigned char secret[HASH_SECRET_SIZE] = "a secret of this test";

enum { WORDS_MAX = 10 };

/* Redoes "HDEL a b" on a value; NULL, or what is impossible. */
static const char *redo(struct value *v, const char *line)
{
    struct value_config config = value_config_default(secret);
    struct slice words[WORDS_MAX + 1];
    struct buffer store = {0};
    int n = text_split_words(slice_text(line), &store, words, WORDS_MAX + 1);
    assert_true(n > 0);
    struct effect f = {.words = words + 1, .words_count = (uint32_t)n - 1};
    while (f.verb < EFFECT_COUNT && !slice_equal(effect_verb_text(f.verb), words[0])) f.verb++;
    assert_true(f.verb < EFFECT_COUNT);
    const char *wrong = redo_hash(v, &f, &config);
    buffer_fini(&store);
    return wrong;
}

static void expect_field(const struct value *v, const char *name, const char *value,
                         int64_t deadline)
{
    struct field field;
    assert_true(fields_get(v, slice_text(name), &field));
    assert_true(slice_equal(field.value, slice_text(value)));
    assert_int_equal(field.deadline, deadline);
}

static void test_what_is_redone(void **state)
{
    (void)state;
    struct value v = {0};
    assert_null(redo(&v, "HSET a 1 b 2 c 3"));
    assert_null(redo(&v, "HPEXPIREAT 5000 FIELDS 2 a b"));
    expect_field(&v, "a", "1", 5000);
    assert_null(redo(&v, "HSETEX KEEPTTL FIELDS 2 a 4 d 5"));
    expect_field(&v, "a", "4", 5000);
    expect_field(&v, "d", "5", -1);
    assert_null(redo(&v, "HSET a 6"));
    expect_field(&v, "a", "6", -1);
    assert_null(redo(&v, "HPERSIST FIELDS 1 b"));
    expect_field(&v, "b", "2", -1);
    assert_null(redo(&v, "HDEL a b c d"));
    assert_true(value_is_gone(&v));
    value_free(&v);
}

static void test_what_is_impossible(void **state)
{
    (void)state;
    static const struct {
        const char *line, *text;
        bool missing; /* the key is not there */
    } rows[] = {
        {"HSET", "a field or a value is missing", true},
        {"HSET a", "a field or a value is missing", true},
        {"HDEL a", "the hash to be changed is not there", true},
        {"HPERSIST FIELDS 1 a", "the hash to be changed is not there", true},
        {"HPEXPIREAT 5 FIELDS 1 a", "the hash to be changed is not there", true},
        {"HDEL", "fields to be deleted are missing", false},
        {"HDEL none", "a field to be deleted is not there", false},
        {"HDEL a a", "a field to be deleted is not there", false},
        {"HPEXPIREAT", "no such deadline of a field", false},
        {"HPEXPIREAT x FIELDS 1 a", "no such deadline of a field", false},
        {"HPEXPIREAT 0 FIELDS 1 a", "no such deadline of a field", false},
        {"HPEXPIREAT 70368744177664 FIELDS 1 a", "no such deadline of a field", false},
        {"HPEXPIREAT 5 FIELDS 2 a", "the list of fields is not one", false},
        {"HPEXPIREAT 5 FIELDS 1", "the list of fields is not one", false},
        {"HPEXPIREAT 5 FIELDS 0", "the list of fields is not one", false},
        {"HPEXPIREAT 5 FIELDS 9223372036854775807 a", "the list of fields is not one", false},
        {"HPEXPIREAT 5 FIELDS 1 none", "a field whose deadline is to change is not there", false},
        {"HPERSIST FIELDS", "the list of fields is not one", false},
        {"HPERSIST 1 a", "the list of fields is not one", false},
        {"HSETEX FIELDS 1 a 1", "the list of fields and values is not one", false},
        {"HSETEX KEEPTTL FIELDS 1 a", "the list of fields and values is not one", false},
        {"HSETEX", "the list of fields and values is not one", false},
        {"SADD a", "no such effect on a hash", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct value v = {0};
        if (!rows[i].missing) assert_null(redo(&v, "HSET a 1 b 2"));
        const char *text = redo(&v, rows[i].line);
        assert_non_null(text);
        assert_string_equal(text, rows[i].text);
        if (v.at) value_free(&v);
    }
}

/* A damaged journal may say anything. */
static void test_any_words(void **state)
{
    (void)state;
    static const enum effect_verb verbs[] = {EFFECT_HSET, EFFECT_HDEL, EFFECT_HPEXPIREAT,
                                             EFFECT_HPERSIST, EFFECT_HSETEX};
    static const char *const texts[] = {
        "FIELDS",
        "KEEPTTL",
        "1",
        "2",
        "3",
        "a",
        "b",
        "c",
        "",
        "-1",
        "5000",
        "99999999999999999999",
        "4294967297",
        "9223372036854775807",
        "a text that is longer than sixty-four bytes, which no packed hash has"};
    size_t before = mem_used(), redone = 0;
    struct random random;
    struct value_config config = value_config_default(secret);
    struct value v = {0};
    random_init(&random, seed);
    for (int i = 0; i < 100000; i++) {
        struct slice words[WORDS_MAX];
        struct effect f = {.verb = verbs[random_below(&random, 5)], .words = words};
        f.words_count = (uint32_t)random_below(&random, WORDS_MAX);
        for (uint32_t k = 0; k < f.words_count; k++)
            words[k] = slice_text(texts[random_below(&random, sizeof texts / sizeof *texts)]);
        redone += !redo_hash(&v, &f, &config);
        if (!v.at) continue;
        fields_check(&v);
        if (random_below(&random, 100) && !value_is_gone(&v)) continue;
        value_free(&v);
        v = (struct value){0};
    }
    if (v.at) value_free(&v);
    assert_true(redone > 1000);
    assert_int_equal(mem_used(), before);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_redone),
        cmocka_unit_test(test_what_is_impossible),
        cmocka_unit_test(test_any_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
