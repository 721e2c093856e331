/* Records as bytes: what is written is read again, and whatever else is read does no harm. */
#include "../../src/base/arena.h"
#include "../../src/base/err.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/record/codec.h"

#include <stdio.h>
#include <stdlib.h>

#include "records.h"

static uint64_t seed;

/* Decodes from a place of exactly this size, so that the sanitizer sees a read beyond it. */
static int decode_copy(const char *bytes, size_t len, struct record_room *room, struct record *out,
                       char **copy)
{
    *copy = malloc(len ? len : 1);
    if (len) memcpy(*copy, bytes, len);
    return record_decode(slice_of(*copy, len), 7, room, out);
}

static struct slice encode(const struct record *r, struct arena *arena)
{
    size_t max = record_encoded_max(r);
    char *bytes = arena_alloc(arena, max);
    size_t len = record_encode(bytes, r);
    assert_true(len <= max);
    return slice_of(bytes, len);
}

/* ---- records at random ---- */

struct maker {
    struct random random;
    struct arena arena;
};

static uint64_t below(struct maker *m, uint64_t bound)
{
    return random_below(&m->random, bound);
}

static struct slice random_bytes(struct maker *m)
{
    static const size_t lengths[] = {0, 1, 1, 2, 5, 16, 127, 128, 300};
    size_t len = lengths[below(m, sizeof lengths / sizeof *lengths)];
    char *bytes = arena_alloc(&m->arena, len);
    for (size_t i = 0; i < len; i++) bytes[i] = (char)random_u64(&m->random);
    return slice_of(bytes, len);
}

/* One of a few, so that effects and events often have the same. */
static struct slice random_key(struct maker *m)
{
    static const char *const keys[] = {"", "k", "key", "a longer key than the others"};
    return below(m, 5) ? arena_keep(&m->arena, slice_text(keys[below(m, 4)])) : random_bytes(m);
}

static int random_db(struct maker *m)
{
    static const int numbers[] = {0, 0, 0, 1, 15, 200, INT32_MAX};
    return numbers[below(m, sizeof numbers / sizeof *numbers)];
}

static int64_t random_when(struct maker *m, enum effect_verb verb)
{
    static const int64_t deadlines[] = {WHEN_NONE,     WHEN_KEPT, 0,        1,
                                        1763800000000, INT64_MAX, INT32_MAX};
    int64_t when = deadlines[below(m, sizeof deadlines / sizeof *deadlines)];
    if (verb == EFFECT_SET) return when;
    if (verb == EFFECT_MOVE || verb == EFFECT_COPY || verb == EFFECT_SWAPDB) return random_db(m);
    return when < 0 ? 5 : when;
}

static const struct slice *random_words(struct maker *m, uint32_t count)
{
    struct slice *words = arena_alloc(&m->arena, (count + 1) * sizeof *words);
    for (uint32_t i = 0; i < count; i++) words[i] = random_bytes(m);
    return words;
}

static struct effect random_effect(struct maker *m)
{
    enum effect_verb verb = (enum effect_verb)below(m, EFFECT_COUNT);
    uint32_t words = effect_has_words(verb) ? (uint32_t)below(m, 5) : 0;
    return (struct effect){.verb = verb,
                           .words_count = words,
                           .words = random_words(m, words),
                           .db = random_db(m),
                           .key = random_key(m),
                           .arg = random_bytes(m),
                           .when = random_when(m, verb),
                           .form = (enum effect_form)below(m, FORM_COUNT)};
}

static struct note random_note(struct maker *m, const struct effect *effects, uint32_t count)
{
    struct note n = {.kind = below(m, 8) ? NOTE_EVENT : (enum note_kind)below(m, NOTE_SPUBLISH + 1),
                     .db = random_db(m),
                     .key = random_key(m),
                     .effect = count && below(m, 2) ? (int32_t)below(m, count) : -1};
    do n.event = (enum event_name)below(m, EVENT_COUNT);
    while (n.event == EVENT_KEYMISS);
    const struct effect *near = count ? &effects[below(m, count)] : NULL;
    uint64_t whose = below(m, 4);
    if (near && effect_has_key(near->verb) && whose < 2) {
        n.db = near->db;
        n.key = near->key;
    } else if (near && near->verb == EFFECT_COPY && whose == 2) {
        n.db = (int)near->when;
        n.key = near->arg;
    }
    if (below(m, 6)) return n;
    struct slice *subkeys = arena_alloc(&m->arena, 20 * sizeof *subkeys);
    n.subkeys_count = 1 + (uint32_t)below(m, 20);
    for (uint32_t i = 0; i < n.subkeys_count; i++) subkeys[i] = random_bytes(m);
    n.subkeys = subkeys;
    return n;
}

/* Of nothing but the books of views, which have a form of their own. */
static struct record random_books(struct maker *m)
{
    uint32_t count = 1 + (uint32_t)below(m, 20);
    struct effect *effects = arena_alloc(&m->arena, count * sizeof *effects);
    for (uint32_t i = 0; i < count; i++)
        effects[i] =
            (struct effect){.verb = EFFECT_VIEWS, .key = SLICE(""), .arg = random_bytes(m)};
    if (!below(m, 5)) effects[below(m, count)] = random_effect(m);
    return (struct record){.seq = 7,
                           .id = {1763800000000, below(m, 300)},
                           .cause = below(m, 5) ? SLICE("xgroup") : SLICE("xack"),
                           .client = !below(m, 5),
                           .effects = effects,
                           .effects_count = count};
}

static struct record random_record(struct maker *m)
{
    if (!below(m, 6)) return random_books(m);
    static const char *const causes[] = {
        "set",          "exec", "expired", "zremrangebyscore", "georadiusbymember",
        "some|command", "",     "sex"};
    uint32_t effects_count = (uint32_t)below(m, below(m, 10) ? 4 : 40);
    uint32_t notes_count = (uint32_t)below(m, below(m, 10) ? 5 : 60);
    struct effect *effects = arena_alloc(&m->arena, effects_count * sizeof *effects);
    struct note *notes = arena_alloc(&m->arena, notes_count * sizeof *notes);
    for (uint32_t i = 0; i < effects_count; i++) effects[i] = random_effect(m);
    for (uint32_t i = 0; i < notes_count; i++) notes[i] = random_note(m, effects, effects_count);
    return (struct record){
        .seq = 7,
        .id = {1763800000000 + (int64_t)below(m, 1000),
               below(m, 3) ? below(m, 300) : UINT64_MAX / 2},
        .cause = slice_text(causes[below(m, sizeof causes / sizeof *causes)]),
        .client = below(m, 2) ? below(m, 1000) : random_u64(&m->random),
        .effects = effects,
        .effects_count = effects_count,
        .notes = notes,
        .notes_count = notes_count,
    };
}

/* What was decoded, however it came to be, can be encoded and decoded again. */
static void expect_sound(const struct record *r, struct arena *arena)
{
    struct record_room room = {0};
    struct record again;
    struct slice bytes = encode(r, arena);
    assert_int_equal(record_decode(bytes, r->seq, &room, &again), 0);
    expect_same_record(r, &again);
    record_room_fini(&room);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct maker m = {0};
    struct record_room room = {0};
    random_init(&m.random, seed);
    for (int i = 0; i < 5000; i++) {
        struct record r = random_record(&m), out;
        struct slice bytes = encode(&r, &m.arena);
        char *copy;
        assert_int_equal(decode_copy(bytes.at, bytes.len, &room, &out, &copy), 0);
        expect_same_record(&r, &out);
        free(copy);
        arena_reset(&m.arena);
    }
    record_room_fini(&room);
    arena_fini(&m.arena);
}

static void try_damaged(struct maker *m, struct record_room *room, const char *bytes, size_t len,
                        size_t *valid)
{
    struct record out;
    char *copy;
    int error = decode_copy(bytes, len, room, &out, &copy);
    assert_true(error == 0 || error == ERR_CORRUPT || error == ERR_UNSUPPORTED);
    if (!error) {
        (*valid)++;
        expect_sound(&out, &m->arena);
    }
    free(copy);
}

static void test_damage(void **state)
{
    (void)state;
    struct maker m = {0};
    struct record_room room = {0};
    size_t valid = 0, tried = 0;
    random_init(&m.random, seed);
    for (int i = 0; i < 30; i++) {
        struct record r = random_record(&m);
        struct slice bytes = encode(&r, &m.arena);
        char *damaged = malloc(bytes.len);
        memcpy(damaged, bytes.at, bytes.len);
        for (size_t len = 0; len < bytes.len; len++) try_damaged(&m, &room, bytes.at, len, &valid);
        for (size_t at = 0; at < bytes.len; at++) {
            for (int bit = 0; bit < 8; bit++, tried++) {
                damaged[at] = (char)(bytes.at[at] ^ 1 << bit);
                try_damaged(&m, &room, damaged, bytes.len, &valid);
            }
            damaged[at] = bytes.at[at];
        }
        free(damaged);
        arena_reset(&m.arena);
    }
    assert_true(tried > valid && valid > 0);
    record_room_fini(&room);
    arena_fini(&m.arena);
}

/* ---- the bytes themselves ---- */

static void expect_bytes(const struct record *r, struct slice expected)
{
    char bytes[512];
    assert_true(record_encoded_max(r) <= sizeof bytes);
    size_t len = record_encode(bytes, r);
    assert_int_equal(len, expected.len);
    assert_memory_equal(bytes, expected.at, len);
}

/* The examples of docs/format/record.md. */
static void test_examples(void **state)
{
    (void)state;
    const struct slice k = SLICE("user:1"), d = SLICE("user:2");
    const struct effect set = {.key = k, .arg = SLICE("Ann"), .when = 1763800060000};
    const struct note set_notes[] = {
        {.event = EVENT_NEW, .key = k, .effect = -1},
        {.event = EVENT_SET, .key = k, .effect = 0},
        {.event = EVENT_EXPIRE, .key = k, .effect = -1},
    };
    expect_bytes(&(struct record){.seq = 1,
                                  .id = {1763800000000, 0},
                                  .cause = SLICE("set"),
                                  .client = 3,
                                  .effects = &set,
                                  .effects_count = 1,
                                  .notes = set_notes,
                                  .notes_count = 3},
                 SLICE("\x01\x00\x26\xac\xaa\x9a\x01\x00\x01\x03"
                       "\x01\x01\x06user:1\x02\xc0\xa9\x07\x03"
                       "Ann"
                       "\x12\x8a\x00\x02\x04"));
    const struct effect rename = {.verb = EFFECT_RENAME, .db = 2, .key = k, .arg = d};
    const struct note rename_notes[] = {
        {.event = EVENT_NEW, .db = 2, .key = d, .effect = -1},
        {.event = EVENT_RENAME_FROM, .db = 2, .key = k, .effect = 0},
        {.event = EVENT_RENAME_TO, .db = 2, .key = d, .effect = 0},
        {.kind = NOTE_LIVE, .event = EVENT_KEYMISS, .key = k, .effect = -1},
    };
    expect_bytes(&(struct record){.seq = 2,
                                  .id = {1763800000000, 300},
                                  .cause = SLICE("my|own"),
                                  .effects = &rename,
                                  .effects_count = 1,
                                  .notes = rename_notes,
                                  .notes_count = 4},
                 SLICE("\x01\x00\x26\xac\xaa\x9a\x01\xac\x02\x00\x06my|own\x00"
                       "\x01\x87\x02\x06user:1\x06user:2"
                       "\x00\x12\x08\x84\x00\x05\x0a"));
    const struct effect books[] = {
        {.verb = EFFECT_VIEWS, .arg = SLICE("\x08\x00\x13")},
        {.verb = EFFECT_VIEWS, .arg = SLICE("\x06\x00\x04\x0c\x28\x04\x04")},
    };
    expect_bytes(&(struct record){.seq = 3,
                                  .id = {1763800000000, 0},
                                  .cause = SLICE("xgroup"),
                                  .effects = books,
                                  .effects_count = 2},
                 SLICE("\x02\x00\x26\xac\xaa\x9a\x01\x00"
                       "\x03\x08\x00\x13\x07\x06\x00\x04\x0c\x28\x04\x04"));
}

/* Codes on disk are for ever. Add lines here, never change one. */
static const struct {
    uint8_t code;
    const char *name;
} event_codes[] =
    {
        {1, "del"},
        {2, "expire"},
        {3, "persist"},
        {4, "rename_from"},
        {5, "rename_to"},
        {6, "move_from"},
        {7, "move_to"},
        {8, "copy_to"},
        {9, "restore"},
        {10, "set"},
        {11, "setrange"},
        {12, "append"},
        {13, "incrby"},
        {14, "incrbyfloat"},
        {15, "setbit"},
        {16, "expired"},
        {17, "evicted"},
        {18, "new"},
        {19, "overwritten"},
        {20, "type_changed"},
        {21, "flushdb"},
        {22, "swapdb"},
        {23, "loaded"},
        {24, "pfadd"},
        {25, "lpush"},
        {26, "rpush"},
        {27, "lpop"},
        {28, "rpop"},
        {29, "linsert"},
        {30, "lset"},
        {31, "lrem"},
        {32, "ltrim"},
        {33, "sortstore"},
        {34, "sadd"},
        {35, "srem"},
        {36, "spop"},
        {37, "sinterstore"},
        {38, "sunionstore"},
        {39, "sdiffstore"},
        {40, "hset"},
        {41, "hincrby"},
        {42, "hincrbyfloat"},
        {43, "hdel"},
        {44, "hexpire"},
        {45, "hexpired"},
        {46, "hpersist"},
        {47, "zadd"},
        {48, "zincr"},
        {49, "zrem"},
        {50, "zremrangebyrank"},
        {51, "zremrangebyscore"},
        {52, "zremrangebylex"},
        {53, "zpopmin"},
        {54, "zpopmax"},
        {55, "zinterstore"},
        {56, "zunionstore"},
        {57, "zdiffstore"},
        {58, "zrangestore"},
        {59, "georadiusstore"},
        {60, "geosearchstore"},
        {61, "xadd"},
        {62, "xtrim"},
        {63, "xdel"},
        {64, "xsetid"},
        {65, "xgroup-create"},
        {66, "xgroup-setid"},
        {67, "xgroup-destroy"},
        {68, "xgroup-createconsumer"},
        {69, "xgroup-delconsumer"},
},
  effect_codes[] =
      {
          {1, "SET"},         {2, "DEL"},       {3, "PEXPIREAT"},
          {4, "PERSIST"},     {5, "APPEND"},    {6, "SETRANGE"},
          {7, "RENAME"},      {8, "MOVE"},      {9, "COPY"},
          {10, "FLUSHDB"},    {11, "SWAPDB"},   {12, "XGROUP"},
          {13, "RPUSH"},      {14, "LPUSH"},    {15, "LPOP"},
          {16, "RPOP"},       {17, "LSET"},     {18, "LINSERT"},
          {19, "LREM"},       {20, "LTRIM"},    {21, "SADD"},
          {22, "SREM"},       {23, "HSET"},     {24, "HDEL"},
          {25, "HPEXPIREAT"}, {26, "HPERSIST"}, {27, "HSETEX"},
          {28, "ZADD"},       {29, "ZREM"},     {30, "ZREMRANGEBYRANK"},
          {31, "XADD"},       {32, "XDEL"},     {33, "XTRIM"},
          {34, "XSETID"},     {35, "XGROUP"},   {36, "XREADGROUP"},
          {37, "XACK"},       {38, "XCLAIM"},   {39, "RESTORE"},
},
  cause_codes[] = {
      {1, "set"},      {2, "del"},          {3, "expired"},   {4, "evicted"},   {5, "exec"},
      {6, "incr"},     {7, "decr"},         {8, "expire"},    {9, "pexpire"},   {10, "setex"},
      {11, "psetex"},  {12, "incrby"},      {13, "decrby"},   {14, "append"},   {15, "mset"},
      {16, "getdel"},  {17, "unlink"},      {24, "bitfield"}, {25, "bitop"},    {34, "copy"},
      {35, "delex"},   {36, "expireat"},    {37, "flushall"}, {38, "flushdb"},  {43, "getex"},
      {44, "getset"},  {58, "incrbyfloat"}, {67, "move"},     {68, "msetex"},   {69, "msetnx"},
      {70, "persist"}, {71, "pexpireat"},   {74, "rename"},   {75, "renamenx"}, {81, "setbit"},
      {82, "setnx"},   {83, "setrange"},    {90, "swapdb"},   {112, "eval"},    {116, "function"},
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* A record without effects that has this cause and event. */
static struct slice bare_record(char to[16], uint8_t cause, uint8_t event)
{
    memcpy(to, "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0c\x00", 15);
    to[8] = (char)cause;
    to[12] = (char)event;
    to[13] = 0x0c; /* with a key of its own: database 0, no bytes */
    to[14] = 0;
    to[15] = 0;
    return slice_of(to, 16);
}

static void test_codes_are_for_ever(void **state)
{
    (void)state;
    struct record_room room = {0};
    struct record r;
    char bytes[16];
    assert_int_equal(COUNT(event_codes), EVENT_COUNT - 1); /* keymiss has none */
    assert_int_equal(COUNT(effect_codes), EFFECT_COUNT);
    for (size_t i = 0; i < COUNT(event_codes); i++) {
        assert_int_equal(record_decode(bare_record(bytes, 1, event_codes[i].code), 1, &room, &r),
                         0);
        assert_true(slice_equal(event_text(r.notes[0].event), slice_text(event_codes[i].name)));
    }
    for (size_t i = 0; i < COUNT(cause_codes); i++) {
        assert_int_equal(record_decode(bare_record(bytes, cause_codes[i].code, 1), 1, &room, &r),
                         0);
        assert_true(slice_equal(r.cause, slice_text(cause_codes[i].name)));
    }
    for (size_t i = 0; i < COUNT(effect_codes); i++) {
        struct effect e = {.verb = (enum effect_verb)i, .key = SLICE(""), .arg = SLICE("")};
        struct record with = {.seq = 1, .cause = SLICE("set"), .effects = &e, .effects_count = 1};
        while (!slice_equal(effect_verb_text(e.verb), slice_text(effect_codes[i].name)))
            e.verb = (enum effect_verb)((e.verb + 1) % EFFECT_COUNT);
        char encoded[256];
        record_encode(encoded, &with);
        assert_int_equal(encoded[11], effect_codes[i].code);
    }
    record_room_fini(&room);
}

static void test_every_cause_has_one_code(void **state)
{
    (void)state;
    struct record_room room = {0};
    char bytes[16], again[256];
    int known = 0;
    for (int code = 1; code < 256; code++) {
        struct record r;
        int error = record_decode(bare_record(bytes, (uint8_t)code, 1), 1, &room, &r);
        if (error) assert_int_equal(error, ERR_UNSUPPORTED);
        if (error) continue;
        known++;
        record_encode(again, &r);
        assert_int_equal((uint8_t)again[8], code);
    }
    assert_true(known >= 100);
    record_room_fini(&room);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        struct slice bytes;
        int error;
    } rows[] = {
#define BOOKS "\x02\x00\x26\xac\xaa\x9a\x01\x00"
#define HEAD  "\x01\x00\x26\xac\xaa\x9a\x01\x00\x01\x00"
        {{"", 0}, ERR_CORRUPT},
        {{"\x03", 1}, ERR_UNSUPPORTED},
        {{"\x02", 1}, ERR_CORRUPT},
        {{BOOKS, 8}, ERR_CORRUPT},                                /* no change at all */
        {{BOOKS "\x02k", 10}, ERR_CORRUPT},                       /* less of one than it says */
        {{HEAD "\x01\x7f", 12}, ERR_UNSUPPORTED},                 /* an effect to come */
        {{HEAD "\x00\x00\x7f\x0c\x00\x00", 16}, ERR_UNSUPPORTED}, /* an event to come */
        {{HEAD "\x00\x00\x01\x2c\x00\x00", 16}, ERR_CORRUPT},     /* a bit that means nothing */
        {{HEAD "\x00\x00\x01\x0d\x00\x00", 16}, ERR_CORRUPT},     /* tells of no effect */
        {{HEAD "\x00\x00\x01\x1c\x00\x00\x00", 17}, ERR_CORRUPT}, /* subkeys, but none */
        {{HEAD "\x00\x01", 12}, ERR_CORRUPT},                     /* the key of no effect */
        {{HEAD "\x01\x82\x00\x00", 14}, ERR_CORRUPT},             /* database 0 written out */
        {{HEAD "\x80\x00", 12}, ERR_CORRUPT},              /* a number that is not shortest */
        {{HEAD "\x01\x02\x05k", 14}, ERR_CORRUPT},         /* less of the key than it says */
        {{HEAD "\x01\x01\x01k\x03\x00", 16}, ERR_CORRUPT}, /* SET's deadline: none such */
        {{HEAD "\x01\x01\x01k\x0c\x00", 16}, ERR_CORRUPT}, /* SET's form: none such */
        {{HEAD "\xff\xff\xff\xff\x07", 15}, ERR_CORRUPT},  /* effects without end */
    };
    struct record_room room = {0};
    struct record r;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *copy;
        assert_int_equal(decode_copy(rows[i].bytes.at, rows[i].bytes.len, &room, &r, &copy),
                         rows[i].error);
        free(copy);
    }
    record_room_fini(&room);
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : 20251122;
    printf("SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_codes_are_for_ever),
        cmocka_unit_test(test_every_cause_has_one_code),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
