/* Runs commands without server and session: what is answered, which events are noted, and which
 * effects the record has. One runner is one world of data whose clock stands until it is moved. */
#ifndef HARK_TEST_RUNNER_H
#define HARK_TEST_RUNNER_H

#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/base/text.h"
#include "../../src/command/call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { RUNNER_WORDS_MAX = 64, RUNNER_START_MS = 1750000000 };

struct runner {
    struct keyspace *keyspace;
    struct pubsub *pubsub;
    struct engine *engine;
    struct command_table *table;
    int64_t now_ms;
    size_t string_max;
    int proto;
    int db;                /* that commands run in */
    struct buffer reply;   /* as it goes to the client */
    struct buffer events;  /* "new k, set k, hset h(f)", all records since the command began */
    struct buffer effects; /* "SET k v -1; SADD k a b; …" */
    void (*effect)(void *ctx, const struct effect *e); /* hears each effect; NULL for nobody */
    void *ctx;
};

static inline void runner_add_text(struct buffer *to, const char *between, struct slice text)
{
    if (to->len) buffer_add_slice(to, slice_text(between));
    buffer_add_slice(to, text);
}

static inline void runner_hear(void *ctx, const struct record *rec)
{
    struct runner *r = ctx;
    for (uint32_t i = 0; i < rec->notes_count; i++) {
        bool message = rec->notes[i].kind == NOTE_PUBLISH || rec->notes[i].kind == NOTE_SPUBLISH;
        runner_add_text(&r->events, ", ",
                        message ? SLICE("publish") : event_text(rec->notes[i].event));
        buffer_add_byte(&r->events, ' ');
        buffer_add_slice(&r->events, rec->notes[i].key);
        for (uint32_t k = 0; k < rec->notes[i].subkeys_count; k++) {
            buffer_add_byte(&r->events, k ? ' ' : '(');
            buffer_add_slice(&r->events, rec->notes[i].subkeys[k]);
        }
        if (rec->notes[i].subkeys_count) buffer_add_byte(&r->events, ')');
    }
    for (uint32_t i = 0; i < rec->effects_count; i++) {
        const struct effect *e = &rec->effects[i];
        runner_add_text(&r->effects, "; ", effect_verb_text(e->verb));
        buffer_add_byte(&r->effects, ' ');
        buffer_add_slice(&r->effects, e->key);
        for (uint32_t w = 0; w < e->words_count; w++)
            runner_add_text(&r->effects, " ", e->words[w]);
        if (!effect_has_words(e->verb)) {
            runner_add_text(&r->effects, " ", e->arg);
            buffer_printf(&r->effects, " %lld", (long long)e->when);
        }
        if (r->effect) r->effect(r->ctx, e);
    }
}

static inline void runner_init(struct runner *r)
{
    static const unsigned char secret[HASH_SECRET_SIZE] = "the tests' own secret";
    *r = (struct runner){.now_ms = RUNNER_START_MS, .string_max = 512 << 20, .proto = 2};
    r->keyspace = keyspace_new(4, secret, 1);
    r->pubsub = pubsub_new(secret, (struct pubsub_limits){1024, 16});
    r->engine = engine_new(r->keyspace, r->pubsub);
    engine_set_config(r->engine, (struct engine_config){.policy = EVICT_NOEVICTION,
                                                        .samples = 5,
                                                        .notify = ~(uint32_t)NOTIFY_FAMILIES});
    engine_attach(r->engine, (struct record_sink){runner_hear, r});
    r->table = command_table_new();
    command_bind_strings(r->table);
    command_bind_bits(r->table);
    command_bind_hyperloglogs(r->table);
    command_bind_geo(r->table);
    command_bind_sort(r->table);
    command_bind_generic(r->table);
    command_bind_dump(r->table);
    command_bind_expiry(r->table);
    command_bind_scan(r->table);
    command_bind_lists(r->table);
    command_bind_hashes(r->table);
    command_bind_sets(r->table);
    command_bind_zsets(r->table);
    command_bind_streams(r->table);
}

static inline void runner_fini(struct runner *r)
{
    command_table_free(r->table);
    engine_free(r->engine);
    pubsub_free(r->pubsub);
    keyspace_free(r->keyspace);
    buffer_fini(&r->reply);
    buffer_fini(&r->events);
    buffer_fini(&r->effects);
}

/* Runs one command inside the open record; its words must live until that is sealed. */
static inline void runner_call(struct runner *r, const struct slice *argv, int argc)
{
    struct command *command;
    assert_int_equal(command_find(r->table, argv, argc, &command), COMMAND_FOUND);
    struct call call = {.engine = r->engine,
                        .reply = {.out = &r->reply, .proto = r->proto},
                        .argv = argv,
                        .argc = argc,
                        .db = r->db,
                        .string_max = r->string_max,
                        .command = command};
    command->run(&call);
}

/* Runs one command in a record of its own. */
static inline void runner_run(struct runner *r, const struct slice *argv, int argc)
{
    r->reply.len = r->events.len = r->effects.len = 0;
    engine_begin(r->engine, r->now_ms, argv[0], 1);
    runner_call(r, argv, argc);
    engine_seal(r->engine);
}

/* The same for a line as one would type it. */
static inline void runner_type(struct runner *r, const char *line)
{
    struct slice words[RUNNER_WORDS_MAX];
    struct buffer store = {0};
    int n = text_split_words(slice_text(line), &store, words, RUNNER_WORDS_MAX);
    assert_true(n > 0);
    runner_run(r, words, n);
    buffer_fini(&store);
}

static inline void runner_expect_text(const char *line, const char *what, struct slice is,
                                      const char *expected)
{
    if (slice_equal(is, slice_text(expected))) return;
    fail_msg("%s\n  %s:  %.*s\n  expected: %s", line, what, (int)is.len, is.at, expected);
}

/* A reply as the tests have it: a blank for each line break but the last, a dot for each NUL. */
static inline struct buffer runner_flat_reply(const struct runner *r)
{
    struct buffer flat = {0};
    for (size_t i = 0; i + 2 < r->reply.len; i++) {
        char byte = r->reply.at[i];
        if (byte != '\n') buffer_add_byte(&flat, byte == '\r' ? ' ' : byte ? byte : '.');
    }
    return flat;
}

static inline void runner_expect(struct runner *r, const char *line, const char *reply,
                                 const char *events)
{
    runner_type(r, line);
    struct buffer flat = runner_flat_reply(r);
    runner_expect_text(line, "reply", buffer_slice(&flat), reply);
    if (events) runner_expect_text(line, "events", buffer_slice(&r->events), events);
    buffer_fini(&flat);
}

/* What the last command's record says how to redo it. */
static inline void runner_expect_effects(struct runner *r, const char *line, const char *effects)
{
    runner_type(r, line);
    runner_expect_text(line, "effects", buffer_slice(&r->effects), effects);
}

struct runner_row {
    const char *line, *reply, *events; /* NULL: whichever */
};

static inline void runner_expect_rows(const struct runner_row *rows, size_t n)
{
    struct runner r;
    runner_init(&r);
    for (size_t i = 0; i < n; i++) runner_expect(&r, rows[i].line, rows[i].reply, rows[i].events);
    runner_fini(&r);
}

#endif
