/* Stream commands whose answers come from the disk in their own time: clients that are parked, that
 * read for the same group, that leave in the middle; groups whose events are gone.
 *
 * The journal is on a disk of memory, with a tail of next to nothing; reads are answered when the
 * test says `poll`. */
#include "../../src/base/err.h"
#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/base/random.h"
#include "../../src/base/text.h"
#include "../../src/command/stream.h"
#include "../../src/io/disk_memory.h"
#include "../../src/record/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { WORDS_MAX = 64, CLIENTS = 6, SEGMENT = 2560, TAIL = 512 };

static uint64_t seed;

struct client {
    struct world *world;
    char words_text[512];
    struct buffer store;
    struct slice words[WORDS_MAX];
    int words_count;
    struct wait *wait;
    struct command *command;
    bool woken, in_exec;
    struct buffer reply;
};

struct world {
    struct keyspace *keyspace;
    struct pubsub *pubsub;
    struct engine *engine;
    struct command_table *table;
    struct disk *disk;
    struct journal *journal;
    struct views *views;
    struct streams streams;
    struct client clients[CLIENTS];
    struct buffer bytes;
    int64_t now_ms;
};

/* ---- who keeps the waits ---- */

static bool may_wait(const struct call *c)
{
    return !((const struct client *)c->session)->in_exec;
}

static void park(struct call *c, struct wait *w)
{
    struct client *client = c->session;
    client->wait = w;
    w->kept = client;
}

static void rearmed(struct wait *w)
{
    (void)w;
}

static void woken(struct wait *w)
{
    ((struct client *)w->kept)->woken = true;
}

/* Replies are written whole. */
static bool writes_no_parts(const struct call *c)
{
    (void)c;
    return false;
}

static const struct wait_host host = {.may_wait = may_wait,
                                      .park = park,
                                      .rearmed = rearmed,
                                      .wake = woken,
                                      .may_write_parts = writes_no_parts};

/* ---- the world ---- */

static void keep(void *ctx, const struct record *r)
{
    struct world *w = ctx;
    if (!r->seq) return;
    w->bytes.len = 0;
    buffer_reserve(&w->bytes, record_encoded_max(r));
    w->bytes.len = record_encode(w->bytes.at, r);
    assert_true(journal_append(w->journal, buffer_slice(&w->bytes), w->now_ms) == r->seq);
}

static void ring(void *ctx)
{
    (void)ctx;
}

static void world_init(struct world *w)
{
    static const unsigned char secret[HASH_SECRET_SIZE] = "the tests' own secret";
    struct journal_recovery found;
    struct disk_why why;
    *w = (struct world){.now_ms = 1750000000000};
    w->keyspace = keyspace_new(4, secret, 1);
    w->pubsub = pubsub_new(secret, (struct pubsub_limits){16, 16});
    w->engine = engine_new(w->keyspace, w->pubsub);
    w->table = command_table_new();
    command_bind_strings(w->table);
    command_bind_generic(w->table);
    command_bind_streams(w->table);
    w->disk = disk_memory_new();
    struct journal_config config = {.segment_bytes = SEGMENT,
                                    .sync = JOURNAL_SYNC_EVERYSEC,
                                    .tail_bytes_max = TAIL,
                                    .backlog_bytes_max = 1 << 30,
                                    .index_bytes = 512,
                                    .seed = 7};
    assert_int_equal(journal_open(&w->journal, &config, w->disk, w->now_ms, &found, &why), 0);
    engine_attach(w->engine, (struct record_sink){keep, w});
    struct views_config views = {
        .reply_bytes_max = 1 << 20, .keychange_bytes_max = 1000, .secret = secret, .wake = ring};
    w->views = views_new(w->engine, w->journal, &views);
    streams_init(&w->streams, w->engine);
    w->streams.views = w->views;
    w->streams.reply_bytes_max = 1 << 20;
    for (int i = 0; i < CLIENTS; i++) w->clients[i].world = w;
}

static void leave(struct client *c)
{
    if (c->wait) c->wait->kind->drop(c->wait);
    c->wait = NULL;
    c->woken = false;
}

static void world_fini(struct world *w)
{
    struct disk_why why;
    for (int i = 0; i < CLIENTS; i++) {
        leave(&w->clients[i]);
        buffer_fini(&w->clients[i].reply);
        buffer_fini(&w->clients[i].store);
    }
    groups_check(w->streams.groups);
    views_free(w->views);
    streams_fini(&w->streams);
    assert_int_equal(journal_close(w->journal, w->now_ms, &why), 0);
    command_table_free(w->table);
    engine_free(w->engine);
    pubsub_free(w->pubsub);
    keyspace_free(w->keyspace);
    disk_memory_free(w->disk);
    buffer_fini(&w->bytes);
}

static void write_journal(struct world *w)
{
    engine_settle(w->engine, w->now_ms);
    journal_write(w->journal, w->now_ms);
    while (journal_step(w->journal)) {
    }
}

static struct call call_of(struct client *c)
{
    return (struct call){.engine = c->world->engine,
                         .reply = {.out = &c->reply, .proto = 2},
                         .argv = c->words,
                         .argc = c->words_count,
                         .string_max = 1000,
                         .command = c->command,
                         .session = c,
                         .waits = &host,
                         .streams = &c->world->streams};
}

/* Sends a request; true when it was answered. */
static bool ask(struct client *c, const char *line)
{
    struct world *w = c->world;
    assert_null(c->wait);
    c->store.len = c->reply.len = 0;
    snprintf(c->words_text, sizeof c->words_text, "%s", line);
    c->words_count = text_split_words(slice_text(c->words_text), &c->store, c->words, WORDS_MAX);
    assert_true(c->words_count > 0);
    assert_int_equal(command_find(w->table, c->words, c->words_count, &c->command), COMMAND_FOUND);
    struct call call = call_of(c);
    engine_begin(w->engine, w->now_ms, c->words[0], 1);
    c->command->run(&call);
    engine_seal(w->engine);
    write_journal(w);
    return !c->wait;
}

/* Those who were woken go on; true when there were any. */
static bool go_on(struct world *w)
{
    bool any = false;
    for (int i = 0; i < CLIENTS; i++) {
        struct client *c = &w->clients[i];
        if (!c->wait || !c->woken) continue;
        c->woken = false;
        any = true;
        struct call call = call_of(c);
        engine_begin(w->engine, w->now_ms, c->words[0], 1);
        bool over = c->wait->kind->resume(&call, c->wait);
        engine_seal(w->engine);
        write_journal(w);
        if (over) leave(c);
    }
    return any;
}

static bool poll(struct world *w)
{
    views_poll(w->views);
    return go_on(w);
}

/* Polls until the client has its answer. */
static void await(struct client *c)
{
    for (int i = 0; c->wait; i++) {
        assert_true(i < 10000);
        poll(c->world);
    }
}

static void settle(struct world *w)
{
    for (int idle = 0; idle < 20;) idle = poll(w) ? 0 : idle + 1;
}

/* A reply as one line. */
static const char *flat(struct client *c)
{
    static char text[1 << 17];
    size_t len = 0;
    for (size_t i = 0; i < c->reply.len && len + 1 < sizeof text; i++)
        if (c->reply.at[i] != '\n') text[len++] = c->reply.at[i] == '\r' ? ' ' : c->reply.at[i];
    text[len] = 0;
    return text;
}

/* The numbers of the keys k<n> in a reply, in order; those of nil entries are -1. */
static size_t numbers(struct client *c, int *to, size_t max)
{
    size_t count = 0;
    const char *text = flat(c), *at = text;
    while (count < max && at) {
        const char *key = strstr(at, "$3 key $"), *nil = strstr(at, "*-1 ");
        if (nil && (!key || nil < key)) {
            to[count++] = -1;
            at = nil + 4;
        } else if (key) {
            key = strchr(key + 8, 'k');
            to[count++] = atoi(key + 1);
            at = key;
        } else {
            break;
        }
    }
    return count;
}

static void expect_keys(struct client *c, int first, int last)
{
    int got[512];
    size_t count = numbers(c, got, 512);
    if ((int)count != last - first + 1) fail_msg("%d..%d: %s", first, last, flat(c));
    for (size_t i = 0; i < count; i++) assert_int_equal(got[i], first + (int)i);
}

static void expect_text(struct client *c, const char *text)
{
    if (!strstr(flat(c), text)) fail_msg("no '%s' in '%s'", text, flat(c));
}

static void set_keys(struct world *w, int first, int last)
{
    char line[64];
    for (int i = first; i <= last; i++) {
        snprintf(line, sizeof line, "SET k%d v", i);
        w->now_ms += i % 3 == 0;
        assert_true(ask(&w->clients[CLIENTS - 1], line));
    }
}

#define VIEW    "__keyevent@0__:set"
#define READ(n) "XREADGROUP GROUP g w COUNT " #n " STREAMS " VIEW " >"

static void tell(struct client *c, const char *line)
{
    if (!ask(c, line)) await(c);
}

/* ---- slow reads ---- */

static void a_slow_read_holds_up_nobody(void **state)
{
    (void)state;
    struct world w;
    struct client *a = w.clients, *b = w.clients + 1;
    world_init(&w);
    set_keys(&w, 1, 200);
    assert_false(ask(a, "XREAD COUNT 5 STREAMS " VIEW " 0"));
    assert_false(ask(b, "XRANGE " VIEW " - + COUNT 3"));
    set_keys(&w, 201, 210);
    await(a);
    await(b);
    expect_keys(a, 1, 5);
    expect_keys(b, 1, 3);
    assert_true(ask(a, "XREVRANGE " VIEW " + - COUNT 1"));
    expect_keys(a, 210, 210);
    b->in_exec = true;
    assert_true(ask(b, "XREAD STREAMS " VIEW " 0"));
    expect_text(b, "-ERR only what is in memory");
    b->in_exec = false;
    assert_false(ask(a, "XLEN " VIEW));
    set_keys(&w, 211, 212); /* too late for it */
    await(a);
    expect_text(a, ":210 ");
    tell(a, "XINFO STREAM " VIEW);
    expect_text(a, "$6 length :212 ");
    expect_text(a, "$11 first-entry *2 $15 1750000000000-1 ");
    assert_false(ask(a, "XLEN " VIEW));
    leave(a);
    settle(&w);
    world_fini(&w);
}

static void events_during_a_read_are_not_missed(void **state)
{
    (void)state;
    struct world w;
    struct client *a = w.clients;
    world_init(&w);
    set_keys(&w, 1, 100);
    assert_false(ask(a, "XREAD BLOCK 0 STREAMS __keyspace@0__:k101 0"));
    assert_false(a->wait->blocked);
    set_keys(&w, 101, 101);
    set_keys(&w, 102, 150); /* out of the tail again */
    await(a);
    expect_keys(a, 101, 101);
    assert_false(ask(a, "XREAD BLOCK 0 STREAMS __keyspace@0__:k151 __keyspace@0__:k152 0 0"));
    settle(&w);
    assert_true(a->wait && a->wait->blocked);
    set_keys(&w, 152, 152);
    await(a);
    expect_keys(a, 152, 152);
    world_fini(&w);
}

/* ---- groups ---- */

static void one_reads_at_a_time(void **state)
{
    (void)state;
    struct world w;
    struct client *a = w.clients, *b = w.clients + 1, *c = w.clients + 2;
    world_init(&w);
    tell(a, "XGROUP CREATE " VIEW " g 0");
    set_keys(&w, 1, 200);
    assert_false(ask(a, READ(10)));
    assert_false(ask(b, READ(20)));
    assert_false(ask(c, READ(5)));
    settle(&w);
    expect_keys(a, 1, 10);
    expect_keys(b, 11, 30);
    expect_keys(c, 31, 35);
    /* Who leaves in the middle takes nothing along. */
    assert_false(ask(a, READ(10)));
    assert_false(ask(b, READ(10)));
    assert_false(ask(c, READ(5)));
    leave(a);
    leave(b);
    settle(&w);
    expect_keys(c, 36, 40);
    assert_false(ask(a, READ(1)));
    b->in_exec = true;
    assert_true(ask(b, READ(1)));
    expect_text(b, "-ERR another client reads for this group");
    await(a);
    expect_keys(a, 41, 41);
    world_fini(&w);
}

static void a_group_changes_while_it_is_read(void **state)
{
    (void)state;
    struct world w;
    struct client *a = w.clients, *b = w.clients + 1, *c = w.clients + 2;
    world_init(&w);
    set_keys(&w, 1, 200);
    tell(c, "XGROUP CREATE " VIEW " g 0");
    assert_false(ask(a, READ(3)));
    tell(c, "XGROUP SETID " VIEW " g 1750000000020-2");
    await(a);
    assert_null(strstr(flat(a), "key $2 k1 "));
    tell(c, "XGROUP SETID " VIEW " g 0");
    assert_false(ask(a, READ(3)));
    assert_false(ask(b, READ(3)));
    tell(c, "XGROUP DESTROY " VIEW " g");
    settle(&w);
    expect_text(a, "-NOGROUP");
    expect_text(b, "-NOGROUP");
    /* A new one of the same name is another. */
    tell(c, "XGROUP CREATE " VIEW " g 0");
    assert_false(ask(a, READ(3)));
    tell(c, "XGROUP DESTROY " VIEW " g");
    tell(c, "XGROUP CREATE " VIEW " g 0");
    await(a);
    expect_keys(a, 1, 3);
    assert_false(ask(a, "XREADGROUP GROUP g w STREAMS " VIEW " 0"));
    tell(c, "XPENDING " VIEW " g - + 1");
    char line[128];
    snprintf(line, sizeof line, "XACK " VIEW " g %.15s", strchr(flat(c), '-') - 13);
    tell(c, line);
    await(a);
    expect_keys(a, 2, 3);
    world_fini(&w);
}

static void blocked_ones_come_in_turn(void **state)
{
    (void)state;
    struct world w;
    struct client *a = w.clients, *b = w.clients + 1;
    world_init(&w);
    tell(a, "XGROUP CREATE " VIEW " g $");
    assert_false(ask(a, "XREADGROUP GROUP g a COUNT 2 BLOCK 0 STREAMS " VIEW " >"));
    assert_false(ask(b, "XREADGROUP GROUP g b COUNT 2 BLOCK 0 STREAMS " VIEW " >"));
    assert_true(a->wait->blocked && b->wait->blocked);
    set_keys(&w, 1, 1);
    assert_true(a->woken && !b->woken);
    set_keys(&w, 2, 60); /* out of the tail */
    settle(&w);
    expect_keys(a, 1, 2);
    expect_keys(b, 3, 4);
    world_fini(&w);
}

static void who_waits_in_vain_does_not_fall_behind(void **state)
{
    (void)state;
    struct world w;
    struct client *a = w.clients;
    world_init(&w);
    tell(a, "XGROUP CREATE __keyevent@0__:expired g $");
    tell(a, "XGROUP CREATE __keyevent@0__:del g $");
    assert_false(ask(a, "XREADGROUP GROUP g a BLOCK 0 STREAMS __keyevent@0__:expired >"));
    set_keys(&w, 1, 5000);
    struct group *waits =
        groups_find(w.streams.groups, SLICE("__keyevent@0__:expired"), SLICE("g"));
    struct group *idle = groups_find(w.streams.groups, SLICE("__keyevent@0__:del"), SLICE("g"));
    for (int i = 0; i < 2; i++) {
        engine_begin(w.engine, w.now_ms, SLICE("xgroup"), 0);
        streams_note_scanned(&w.streams);
        engine_seal(w.engine);
    }
    assert_true(waits->position.scanned_seq >= engine_stats(w.engine).seq - 1);
    assert_true(idle->position.scanned_seq < 10);
    assert_true(a->wait && !a->woken);
    world_fini(&w);
}

/* ---- what retention has dropped ---- */

static void drop_until(struct world *w, uint64_t seq)
{
    journal_retain(w->journal, seq, 0);
    while (journal_step(w->journal)) {
    }
    assert_true(journal_first(w->journal) > 1);
}

static void events_that_are_gone(void **state)
{
    (void)state;
    struct world w;
    struct client *a = w.clients, *b = w.clients + 1;
    int got[16];
    world_init(&w);
    set_keys(&w, 1, 5);
    tell(a, "XGROUP CREATE " VIEW " g 0");
    tell(a, "XGROUP CREATE " VIEW " behind 1750000000000-9");
    tell(a, "XREADGROUP GROUP g w STREAMS " VIEW " >");
    expect_keys(a, 1, 5);
    set_keys(&w, 6, 300);
    tell(b, "XREADGROUP GROUP g other COUNT 294 STREAMS " VIEW " >");
    expect_keys(b, 6, 299);
    drop_until(&w, engine_stats(w.engine).seq - 150);
    /* History has them as nil, claiming drops them. */
    tell(a, "XREADGROUP GROUP g w STREAMS " VIEW " 0");
    assert_int_equal(numbers(a, got, 16), 5);
    for (int i = 0; i < 5; i++) assert_int_equal(got[i], -1);
    tell(a, "XAUTOCLAIM " VIEW " g x 0 0 COUNT 3");
    assert_int_equal(numbers(a, got, 16), 0);
    expect_text(a, "*0 *3 $15 175");
    tell(a, "XAUTOCLAIM " VIEW " g x 0 0 COUNT 2 JUSTID"); /* makes views_bounds look anew */
    settle(&w);
    tell(a, "XAUTOCLAIM " VIEW " g x 0 0 COUNT 2 JUSTID");
    expect_text(a, "*0 *2 $15 175");
    tell(a, "XREADGROUP GROUP g w STREAMS " VIEW " 0");
    expect_text(a, "*0");
    /* One that has all but the last gets that, and hears of no gap; one that is behind does. */
    tell(a, "XREADGROUP GROUP g w STREAMS " VIEW " >");
    expect_keys(a, 300, 300);
    tell(a, "XREADGROUP GROUP behind w COUNT 2 STREAMS " VIEW " >");
    expect_text(a, "$5 event $3 gap");
    assert_int_equal(numbers(a, got, 16), 1);
    tell(a, "XREADGROUP GROUP behind w COUNT 1 STREAMS " VIEW " >");
    assert_int_equal(numbers(a, got + 1, 1), 1);
    assert_int_equal(got[1], got[0] + 1);
    world_fini(&w);
}

/* ---- at random ---- */

/* Workers read for a group, leave, and come back, while events go on and reads take their time:
 * the answers, in the order in which they come, have every event once and in order. */
static void every_event_once_and_in_order(void **state)
{
    (void)state;
    struct world w;
    struct random r;
    int got[512], next = 1, written = 0;
    world_init(&w);
    random_init(&r, seed);
    tell(&w.clients[0], "XGROUP CREATE " VIEW " g 0");
    for (int i = 0; i < 4000; i++) {
        struct client *c = &w.clients[random_below(&r, CLIENTS - 1)];
        uint64_t what = random_below(&r, 10);
        if (what < 2) {
            int more = (int)random_below(&r, random_below(&r, 8) ? 4 : 60);
            set_keys(&w, written + 1, written + more);
            written += more;
        } else if (what < 6 && !c->wait) {
            char line[128];
            snprintf(line, sizeof line, "XREADGROUP GROUP g w%d COUNT %d %s STREAMS " VIEW " >",
                     (int)random_below(&r, 5), 1 + (int)random_below(&r, 30),
                     random_below(&r, 2) ? "BLOCK 0" : "");
            ask(c, line);
        } else if (what == 6 && c->wait && !random_below(&r, 3)) {
            leave(c);
        } else {
            poll(&w);
        }
        for (int k = 0; k < CLIENTS - 1; k++) {
            struct client *each = &w.clients[k];
            if (each->wait || !each->reply.len) continue;
            size_t count = numbers(each, got, 512);
            if (count && got[0] != -1)
                for (size_t n = 0; n < count; n++) assert_int_equal(got[n], next++);
            each->reply.len = 0;
        }
    }
    assert_true(next > 1000);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_read_holds_up_nobody),
        cmocka_unit_test(events_during_a_read_are_not_missed),
        cmocka_unit_test(one_reads_at_a_time),
        cmocka_unit_test(a_group_changes_while_it_is_read),
        cmocka_unit_test(blocked_ones_come_in_turn),
        cmocka_unit_test(who_waits_in_vain_does_not_fall_behind),
        cmocka_unit_test(events_that_are_gone),
        cmocka_unit_test(every_event_once_and_in_order),
    };
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
