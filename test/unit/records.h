/* Comparing records, for tests of what is made of them. */
#ifndef HARK_TEST_RECORDS_H
#define HARK_TEST_RECORDS_H

#include "../../src/record/record.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The fields of an effect that mean nothing for its verb do not count. */
static inline void expect_same_effect(const struct effect *a, const struct effect *b)
{
    bool has_key = effect_has_key(a->verb);
    bool has_arg = a->verb == EFFECT_SET || a->verb == EFFECT_APPEND ||
                   a->verb == EFFECT_SETRANGE || a->verb == EFFECT_RENAME ||
                   a->verb == EFFECT_COPY || a->verb == EFFECT_VIEWS;
    bool has_when = a->verb == EFFECT_SET || a->verb == EFFECT_PEXPIREAT ||
                    a->verb == EFFECT_SETRANGE || a->verb == EFFECT_MOVE ||
                    a->verb == EFFECT_COPY || a->verb == EFFECT_SWAPDB;
    assert_int_equal(a->verb, b->verb);
    assert_int_equal(a->db, b->db);
    if (has_key) assert_true(slice_equal(a->key, b->key));
    if (has_arg) assert_true(slice_equal(a->arg, b->arg));
    if (has_when) assert_true(a->when == b->when);
    if (a->verb == EFFECT_SET) assert_int_equal(a->form, b->form);
    assert_int_equal(a->words_count, b->words_count);
    for (uint32_t i = 0; i < a->words_count; i++)
        assert_true(slice_equal(a->words[i], b->words[i]));
}

static inline void expect_same_event(const struct note *a, const struct note *b)
{
    assert_int_equal(b->kind, NOTE_EVENT);
    assert_int_equal(a->event, b->event);
    assert_int_equal(a->db, b->db);
    assert_int_equal(a->effect, b->effect);
    assert_true(slice_equal(a->key, b->key));
    assert_int_equal(a->subkeys_count, b->subkeys_count);
    for (uint32_t i = 0; i < a->subkeys_count; i++)
        assert_true(slice_equal(a->subkeys[i], b->subkeys[i]));
}

/* `b` is `a` but for the notes that are not journaled. */
static inline void expect_same_record(const struct record *a, const struct record *b)
{
    assert_true(a->seq == b->seq && a->id.ms == b->id.ms && a->id.n == b->id.n);
    assert_true(slice_equal(a->cause, b->cause) && a->client == b->client);
    assert_int_equal(a->effects_count, b->effects_count);
    for (uint32_t i = 0; i < a->effects_count; i++)
        expect_same_effect(&a->effects[i], &b->effects[i]);
    uint32_t events = 0;
    for (uint32_t i = 0; i < a->notes_count; i++) {
        if (a->notes[i].kind != NOTE_EVENT) continue;
        assert_true(events < b->notes_count);
        expect_same_event(&a->notes[i], &b->notes[events++]);
    }
    assert_int_equal(events, b->notes_count);
}

#endif
