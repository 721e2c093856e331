/* Whatever bytes are read as a record: an error, or a record that is written and read again. */
#include "../../src/base/assert.h"
#include "../../src/base/err.h"
#include "../../src/base/mem.h"
#include "../../src/record/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_effects(const struct record *a, const struct record *b)
{
    CHECK(a->effects_count == b->effects_count);
    for (uint32_t i = 0; i < a->effects_count; i++) {
        const struct effect *x = &a->effects[i], *y = &b->effects[i];
        CHECK(x->verb == y->verb && x->db == y->db && x->when == y->when && x->form == y->form);
        CHECK(slice_equal(x->key, y->key) && slice_equal(x->arg, y->arg));
    }
}

static void check_notes(const struct record *a, const struct record *b)
{
    CHECK(a->notes_count == b->notes_count);
    for (uint32_t i = 0; i < a->notes_count; i++) {
        const struct note *x = &a->notes[i], *y = &b->notes[i];
        CHECK(x->event == y->event && x->db == y->db && x->effect == y->effect);
        CHECK(slice_equal(x->key, y->key) && x->subkeys_count == y->subkeys_count);
        for (uint32_t k = 0; k < x->subkeys_count; k++)
            CHECK(slice_equal(x->subkeys[k], y->subkeys[k]));
    }
}

/* What is told without decoding is what decoding tells. */
static void check_looks(struct slice bytes, int error, const struct record *r)
{
    struct event_id id;
    event_set events = 0;
    int looked = record_peek(bytes, &id);
    CHECK(looked == 0 || error != 0);
    for (uint32_t i = 0; error == 0 && i < r->notes_count; i++)
        events |= event_set_of(r->notes[i].event);
    for (int i = 0; i < EVENT_COUNT; i++) {
        enum event_name event = (enum event_name)i;
        bool may = record_may_tell(bytes, event_set_of(event));
        CHECK(error != 0 || may == event_set_has(events, event));
    }
    CHECK(error != 0 || (id.ms == r->id.ms && id.n == r->id.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record_room room = {0}, second_room = {0};
    struct record r, second;
    int error = record_decode(slice_of(data, size), 1, &room, &r);
    CHECK(error == 0 || error == ERR_CORRUPT || error == ERR_UNSUPPORTED);
    check_looks(slice_of(data, size), error, &r);
    if (!error) {
        size_t max = record_encoded_max(&r);
        char *bytes = mem_alloc(max);
        size_t len = record_encode(bytes, &r);
        CHECK(len <= max && len <= size);
        CHECK(record_decode(slice_of(bytes, len), 1, &second_room, &second) == 0);
        CHECK(r.id.ms == second.id.ms && r.id.n == second.id.n && r.client == second.client);
        CHECK(slice_equal(r.cause, second.cause));
        check_effects(&r, &second);
        check_notes(&r, &second);
        mem_free(bytes, max);
    }
    record_room_fini(&room);
    record_room_fini(&second_room);
    return 0;
}
