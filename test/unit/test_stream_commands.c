/* Commands on stored streams: replies as redis-server 7.0.15 gives them, and newer ones as their
 * documents say; events; and that the effects of all records, replayed, make the same data. */
#include "../../src/engine/replay.h"
#include "../../src/value/stream.h"
#include "runner.h"

#include "../../src/base/random.h"

#include <time.h>

static uint64_t seed;

static const struct runner_row add_rows[] = {
    {"XADD s 5-1 a b", "$3 5-1", "new s, xadd s"},
    {"XADD s 5-1 a b",
     "-ERR The ID specified in XADD is equal or smaller than the target stream "
     "top item",
     ""},
    {"XADD s 5-* a c", "$3 5-2", "xadd s"},
    {"XADD s 7 a d x y", "$3 7-0", "xadd s"},
    {"XADD s * a", "-ERR wrong number of arguments for 'xadd' command", ""},
    {"XADD s 0-0 a b", "-ERR The ID specified in XADD must be greater than 0-0", ""},
    {"XADD none NOMKSTREAM 1-1 a b", "$-1", ""},
    {"XADD s MAXLEN 2 8-0 a e", "$3 8-0", "xadd s, xtrim s"},
    {"XADD s MAXLEN 9 9-0 a f", "$3 9-0", "xadd s"},
    {"XLEN s", ":3", ""},
    {"XRANGE s - + COUNT 2", "*2 *2 $3 7-0 *4 $1 a $1 d $1 x $1 y *2 $3 8-0 *2 $1 a $1 e", ""},
    {"XREVRANGE s + (8-0", "*1 *2 $3 9-0 *2 $1 a $1 f", ""},
    {"XTRIM s MINID 8", ":1", "xtrim s"},
    {"XTRIM s MINID 8", ":0", ""},
    {"XTRIM s MAXLEN 1 LIMIT 5",
     "-ERR syntax error, LIMIT cannot be used without the special ~ option", ""},
    {"XDEL s 8-0 8-0 1-1", ":1", "xdel s"},
    {"XDEL s 9", ":1", "xdel s"},
    {"XLEN s", ":0", ""},
    {"EXISTS s", ":1", ""},
    {"TYPE s", "+stream", ""},
    {"OBJECT ENCODING s", "$6 stream", ""},
    {"XSETID s 4", "-ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
     ""},
    {"XSETID s 20-5 ENTRIESADDED 7 MAXDELETEDID 10-1", "+OK", "xsetid s"},
    {"XADD s 20-* a b", "$4 20-6", "xadd s"},
    {"XREAD STREAMS s none 0 0", "*1 *2 $1 s *1 *2 $4 20-6 *2 $1 a $1 b",
     "keymiss none, keymiss none"},
    {"XREAD STREAMS s +", "*1 *2 $1 s *1 *2 $4 20-6 *2 $1 a $1 b", ""},
    {"XREAD STREAMS s $", "*-1", ""},
    {"SET str x", "+OK", "new str, set str"},
    {"XADD str 1-1 a b", "-WRONGTYPE Operation against a key holding the wrong kind of value", ""},
    {"XLEN str", "-WRONGTYPE Operation against a key holding the wrong kind of value", ""},
};

static const struct runner_row group_rows[] = {
    {"XGROUP CREATE s g $ MKSTREAM", "+OK", "new s, xgroup-create s"},
    {"XGROUP CREATE s g $", "-BUSYGROUP Consumer Group name already exists", ""},
    {"XADD s 1-1 a 1", "$3 1-1", "xadd s"},
    {"XADD s 1-2 a 2", "$3 1-2", "xadd s"},
    {"XADD s 1-3 a 3", "$3 1-3", "xadd s"},
    {"XREADGROUP GROUP g c COUNT 2 STREAMS s >",
     "*1 *2 $1 s *2 *2 $3 1-1 *2 $1 a $1 1 *2 $3 1-2 *2 $1 a $1 2", "xgroup-createconsumer s"},
    {"XPENDING s g", "*4 :2 $3 1-1 $3 1-2 *1 *2 $1 c $1 2", ""},
    {"XDEL s 1-1", ":1", "xdel s"},
    {"XREADGROUP GROUP g c STREAMS s 0", "*1 *2 $1 s *2 *2 $3 1-1 *-1 *2 $3 1-2 *2 $1 a $1 2", ""},
    {"XPENDING s g - + 9", "*2 *4 $3 1-1 $1 c :0 :1 *4 $3 1-2 $1 c :0 :2", ""},
    {"XAUTOCLAIM s g d 0 - COUNT 9", "*3 $3 0-0 *1 *2 $3 1-2 *2 $1 a $1 2 *1 $3 1-1",
     "xgroup-createconsumer s"},
    {"XACK s g 1-2 1-2 7", ":1", ""},
    {"XREADGROUP GROUP g d NOACK STREAMS s >", "*1 *2 $1 s *1 *2 $3 1-3 *2 $1 a $1 3", ""},
    {"XCLAIM s g c 0 1-3 FORCE JUSTID", "*1 $3 1-3", ""},
    {"XGROUP DELCONSUMER s g c", ":1", "xgroup-delconsumer s"},
    {"XGROUP DELCONSUMER s g c", ":0", ""},
    {"XGROUP SETID s g 0", "+OK", "xgroup-setid s"},
    {"XREADGROUP GROUP none d STREAMS s >",
     "-NOGROUP No such key 's' or consumer group 'none' in XREADGROUP with GROUP option", ""},
    {"XGROUP DESTROY s g", ":1", "xgroup-destroy s"},
    {"XGROUP DESTROY s g", ":0", ""},
    {"XACK s g 1-2", ":0", ""},
    {"XACK none g 1-2", ":0", "keymiss none"},
};

/* What Redis 8.2 has. */
static const struct runner_row refs_rows[] = {
    {"XADD s 1-1 a 1", "$3 1-1", NULL},
    {"XADD s 1-2 a 2", "$3 1-2", NULL},
    {"XADD s 1-3 a 3", "$3 1-3", NULL},
    {"XDELEX s ACKED IDS 1 1-1", "*1 :2", ""}, /* there is no group */
    {"XGROUP CREATE s g 0", "+OK", NULL},
    {"XGROUP CREATE s h 0", "+OK", NULL},
    {"XREADGROUP GROUP g c COUNT 2 STREAMS s >",
     "*1 *2 $1 s *2 *2 $3 1-1 *2 $1 a $1 1 *2 $3 1-2 *2 $1 a $1 2", NULL},
    {"XREADGROUP GROUP h c COUNT 1 STREAMS s >", "*1 *2 $1 s *1 *2 $3 1-1 *2 $1 a $1 1", NULL},
    {"XACK s h 1-1", ":1", NULL},
    {"XDELEX s ACKED IDS 3 1-1 1-3 9-9", "*3 :2 :2 :-1", ""},
    {"XACKDEL s g ACKED IDS 2 1-1 1-2", "*2 :1 :2", "xdel s"},
    {"XACKDEL s g IDS 1 1-2", "*1 :-1", ""},
    {"XACKDEL s none IDS 2 1-1 1-2", "*2 :-1 :-1", ""},
    {"XACKDEL none g IDS 1 1-1", "*1 :-1", "keymiss none"},
    {"XREADGROUP GROUP h c STREAMS s >",
     "*1 *2 $1 s *2 *2 $3 1-2 *2 $1 a $1 2 *2 $3 1-3 *2 $1 a $1 3", NULL},
    {"XDELEX s IDS 1 1-2", "*1 :1", "xdel s"},
    {"XPENDING s h", "*4 :2 $3 1-2 $3 1-3 *1 *2 $1 c $1 2", NULL},
    {"XDELEX s DELREF IDS 2 1-2 1-3", "*2 :-1 :1", "xdel s"},
    {"XPENDING s h", "*4 :0 $-1 $-1 *-1", NULL},
    {"XADD s 2-1 a b", "$3 2-1", NULL},
    {"XREADGROUP GROUP h c STREAMS s >", "*1 *2 $1 s *1 *2 $3 2-1 *2 $1 a $1 b", NULL},
    {"XTRIM s MAXLEN 0 ACKED", ":0", ""},
    {"XTRIM s DELREF MAXLEN 0", ":1", "xtrim s"},
    {"XPENDING s h", "*4 :0 $-1 $-1 *-1", NULL},
    {"XDELEX none IDS 2 1-1 2-2", "*2 :-1 :-1", ""},
    {"XDELEX s IDS 0 1-1", "-ERR Number of IDs must be a positive integer", ""},
    {"XDELEX s IDS 3 1-1 2-2", "-ERR The `numids` parameter must match the number of arguments",
     ""},
    {"XDELEX s IDS 1 1-1 2-2", "-ERR syntax error", ""},
    {"XDELEX s KEEPREF ACKED IDS 1 1-1", "-ERR syntax error", ""},
};

/* What is left to a group when entries were deleted or trimmed, as Redis 7.2 and newer have it. */
static const struct runner_row lag_rows[] = {
    {"XGROUP CREATE s g $ MKSTREAM", "+OK", NULL},
    {"XADD s 1-0 a 1", "$3 1-0", NULL},
    {"XREADGROUP GROUP g c STREAMS s >", "*1 *2 $1 s *1 *2 $3 1-0 *2 $1 a $1 1", NULL},
    {"XADD s 2-0 a 2", "$3 2-0", NULL},
    {"XADD s 3-0 a 3", "$3 3-0", NULL},
    {"XDEL s 2-0", ":1", NULL}, /* a hole after what was read */
    {"XINFO GROUPS s",
     "*1 *12 $4 name $1 g $9 consumers :1 $7 pending :1 $17 last-delivered-id $3 1-0 $12 "
     "entries-read :1 $3 lag $-1",
     NULL},
    {"XDEL s 1-0", ":1", NULL}, /* what was read and the hole are before the first entry */
    {"XINFO GROUPS s",
     "*1 *12 $4 name $1 g $9 consumers :1 $7 pending :1 $17 last-delivered-id $3 1-0 $12 "
     "entries-read :1 $3 lag :1",
     NULL},
    {"XREADGROUP GROUP g c STREAMS s >", "*1 *2 $1 s *1 *2 $3 3-0 *2 $1 a $1 3", NULL},
    {"XINFO GROUPS s",
     "*1 *12 $4 name $1 g $9 consumers :1 $7 pending :2 $17 last-delivered-id $3 3-0 $12 "
     "entries-read :3 $3 lag :0",
     NULL},
    {"DEL s", ":1", NULL},
    {"XGROUP CREATE s g $ MKSTREAM", "+OK", NULL},
    {"XADD s 1-0 a 1", "$3 1-0", NULL},
    {"XADD s 2-0 a 2", "$3 2-0", NULL},
    {"XADD s 3-0 a 3", "$3 3-0", NULL},
    {"XREADGROUP GROUP g c COUNT 1 NOACK STREAMS s >", "*1 *2 $1 s *1 *2 $3 1-0 *2 $1 a $1 1",
     NULL},
    {"XINFO GROUPS s",
     "*1 *12 $4 name $1 g $9 consumers :1 $7 pending :0 $17 last-delivered-id $3 1-0 $12 "
     "entries-read :1 $3 lag :2",
     NULL},
    {"XTRIM s MAXLEN 1", ":2", NULL}, /* trims what was not read */
    {"XINFO GROUPS s",
     "*1 *12 $4 name $1 g $9 consumers :1 $7 pending :0 $17 last-delivered-id $3 1-0 $12 "
     "entries-read :1 $3 lag :1",
     NULL},
    {"XREADGROUP GROUP g c NOACK STREAMS s >", "*1 *2 $1 s *1 *2 $3 3-0 *2 $1 a $1 3", NULL},
    {"XINFO GROUPS s",
     "*1 *12 $4 name $1 g $9 consumers :1 $7 pending :0 $17 last-delivered-id $3 3-0 $12 "
     "entries-read :3 $3 lag :0",
     NULL},
    {"XADD s 4-0 a 4", "$3 4-0", NULL},
    {"XINFO GROUPS s",
     "*1 *12 $4 name $1 g $9 consumers :1 $7 pending :0 $17 last-delivered-id $3 3-0 $12 "
     "entries-read :3 $3 lag :1",
     NULL},
    {"XTRIM s MAXLEN 0", ":2", NULL},
    {"XINFO GROUPS s",
     "*1 *12 $4 name $1 g $9 consumers :1 $7 pending :0 $17 last-delivered-id $3 3-0 $12 "
     "entries-read :3 $3 lag :0",
     NULL},
};

static void expect_rows(const struct runner_row *rows, size_t count)
{
    struct runner r;
    runner_init(&r);
    for (size_t i = 0; i < count; i++)
        runner_expect(&r, rows[i].line, rows[i].reply, rows[i].events);
    runner_fini(&r);
}

#define ROWS(name, rows)                               \
    static void name(void **state)                     \
    {                                                  \
        (void)state;                                   \
        expect_rows(rows, sizeof rows / sizeof *rows); \
    }
ROWS(adding, add_rows)
ROWS(groups, group_rows)
ROWS(references, refs_rows)
ROWS(lags, lag_rows)

/* How many entries there were may be told by hand, up to the largest number: counting ends there,
 * and it comes back from a snapshot. */
static void counts_told(void **state)
{
    (void)state;
    static const struct runner_row rows[] = {
        {"XADD s 1-1 a 1", "$3 1-1", NULL},
        {"XSETID s 1-1 ENTRIESADDED 9223372036854775807", "+OK", NULL},
        {"XADD s 1-2 a 2", "$3 1-2", NULL},
        {"XGROUP CREATE s g 1-1 ENTRIESREAD 9223372036854775807", "+OK", NULL},
        {"XREADGROUP GROUP g c COUNT 1 STREAMS s >", "*1 *2 $1 s *1 *2 $3 1-2 *2 $1 a $1 2", NULL},
        {"XCLAIM s g c 0 1-2 IDLE -9223372036854775808 JUSTID", "*1 $3 1-2", ""},
    };
    struct runner r;
    struct buffer bytes = {0};
    struct value back;
    runner_init(&r);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        runner_expect(&r, rows[i].line, rows[i].reply, rows[i].events);
    struct value v = entry_value(keyspace_find(r.keyspace, 0, SLICE("s")).entry);
    value_kind_stream.encode(&v, &bytes);
    struct slice from = buffer_slice(&bytes);
    assert_true(value_kind_stream.decode(&from, keyspace_values(r.keyspace), &back));
    assert_true(stream_of(&back)->added == INT64_MAX);
    assert_true(stream_of(&back)->groups[0]->entries_read == INT64_MAX);
    value_free(&back);
    buffer_fini(&bytes);
    runner_fini(&r);
}

/* ---- effects, replayed ---- */

static const char *const templates[] = {
    "XADD k i f v",
    "XADD k i f v g v",
    "XADD k i f v f v x v",
    "XADD k i v v",
    "XADD k MAXLEN n i f v",
    "XADD k MAXLEN ~ n i f v",
    "XADD k DELREF MAXLEN n i f v",
    "XADD k ACKED MAXLEN ~ n i f v",
    "XADD k NOMKSTREAM MINID i i f v",
    "XTRIM k MAXLEN n",
    "XTRIM k MINID i DELREF",
    "XTRIM k MINID i ACKED",
    "XTRIM k MAXLEN ~ n ACKED",
    "XTRIM k MINID ~ i LIMIT 20",
    "XDEL k i i i",
    "XDELEX k IDS 2 i i",
    "XDELEX k DELREF IDS 3 i i i",
    "XDELEX k ACKED IDS 2 i i",
    "XACKDEL k g DELREF IDS 2 i i",
    "XACKDEL k g ACKED IDS 3 i i i",
    "XSETID k 5000000-0 ENTRIESADDED 9000 MAXDELETEDID 70-1",
    "XGROUP CREATE k g 0 MKSTREAM",
    "XGROUP CREATE k g i ENTRIESREAD n",
    "XGROUP CREATE k g $ MKSTREAM",
    "XGROUP SETID k g i",
    "XGROUP DESTROY k g",
    "XGROUP CREATECONSUMER k g c",
    "XGROUP DELCONSUMER k g c",
    "XREADGROUP GROUP g c COUNT n STREAMS k >",
    "XREADGROUP GROUP g c COUNT n STREAMS k >",
    "XREADGROUP GROUP g c STREAMS k k > >",
    "XREADGROUP GROUP g c NOACK COUNT n STREAMS k >",
    "XREADGROUP GROUP g c COUNT n STREAMS k 0",
    "XREADGROUP GROUP g c STREAMS k i",
    "XACK k g i i i i i i",
    "XCLAIM k g c 0 i i i",
    "XCLAIM k g c n i i i FORCE RETRYCOUNT n LASTID i",
    "XCLAIM k g c 0 i i JUSTID IDLE n",
    "XAUTOCLAIM k g c n 0 COUNT n",
    "XAUTOCLAIM k g c 0 i JUSTID",
    "XRANGE k - +",
    "XREVRANGE k i i",
    "XPENDING k g - + 10 c",
    "COPY k k REPLACE",
    "RENAME k k",
    "DEL k",
    "MOVE k 1",
    "PEXPIRE k 50",
};

struct twins {
    struct runner r;
    struct engine *twin;
    struct keyspace *keyspace;
    struct pubsub *pubsub;
    struct random random;
    uint64_t ms; /* ids go on from here */
};

static void redo(void *ctx, const struct record *record)
{
    struct twins *t = ctx;
    struct replay_fault fault;
    if (!record->seq) return;
    if (!engine_replay(t->twin, record, &fault)) return;
    fail_msg("effect %d of a record of %.*s: %s", (int)fault.effect, (int)record->cause.len,
             record->cause.at, fault.text);
}

/* A word of a template. */
static void add_word(struct twins *t, struct buffer *line, const char *word)
{
    static const char *const keys[] = {"x", "y", "z"}, *const groups[] = {"g", "h"};
    uint64_t chance = random_below(&t->random, 8);
    bool other = word[1] && word[1] != ' ';
    switch (other ? 0 : *word) {
    case 'k': buffer_printf(line, " %s", keys[random_below(&t->random, 3)]); break;
    case 'g': buffer_printf(line, " %s", groups[random_below(&t->random, 2)]); break;
    case 'c': buffer_printf(line, " c%d", (int)random_below(&t->random, 3)); break;
    case 'n': buffer_printf(line, " %d", (int)random_below(&t->random, 25)); break;
    case 'v': buffer_printf(line, " %d", (int)random_below(&t->random, 100000)); break;
    case 'i':
        if (chance == 0) t->ms++;
        if (chance < 4)
            buffer_printf(line, " %d-*", (int)t->ms);
        else
            buffer_printf(line, " %d-%d", (int)(t->ms - random_below(&t->random, 6)),
                          (int)random_below(&t->random, 12));
        break;
    default: {
        const char *end = strchr(word, ' ');
        buffer_printf(line, " %.*s", end ? (int)(end - word) : (int)strlen(word), word);
    }
    }
}

static void run_one(struct twins *t)
{
    const char *word = templates[random_below(&t->random, sizeof templates / sizeof *templates)];
    struct buffer line = {0};
    while (word) {
        add_word(t, &line, word);
        word = strchr(word, ' ');
        if (word) word++;
    }
    buffer_add_byte(&line, 0);
    /* Only XADD takes ids without n; those of other commands are of this ms. */
    if (!strstr(line.at, "XADD"))
        for (char *star = strstr(line.at, "-*"); star; star = strstr(line.at, "-*"))
            star[1] = (char)('0' + random_below(&t->random, 10));
    runner_type(&t->r, line.at + 1);
    buffer_fini(&line);
}

/* When somebody was seen is not told of in records. */
static void forget_seen(struct stream *s)
{
    for (size_t i = 0; i < s->groups_count; i++) {
        struct crew *crew = &s->groups[i]->crew;
        for (uint32_t n = 0; n < crew->numbers_count; n++)
            if (crew->by_number[n]) crew->by_number[n]->seen_ms = 0;
    }
}

static void bytes_of(struct keyspace *ks, int db, const char *key, struct buffer *to)
{
    struct place p = keyspace_find(ks, db, slice_text(key));
    if (!p.entry) return;
    struct value v = entry_value(p.entry);
    stream_check(v.at);
    forget_seen(v.at);
    value_kind_stream.encode(&v, to);
}

static void expect_same_data(struct twins *t)
{
    static const char *const keys[] = {"x", "y", "z"};
    for (int i = 0; i < 6; i++) {
        struct buffer a = {0}, b = {0};
        bytes_of(t->r.keyspace, i % 2, keys[i / 2], &a);
        bytes_of(t->keyspace, i % 2, keys[i / 2], &b);
        assert_true(slice_equal(buffer_slice(&a), buffer_slice(&b)));
        buffer_fini(&a);
        buffer_fini(&b);
    }
}

static void effects_are_the_data(void **state)
{
    static const unsigned char secret[HASH_SECRET_SIZE] = "another secret";
    struct twins *t = mem_new(struct twins);
    (void)state;
    runner_init(&t->r);
    t->keyspace = keyspace_new(4, secret, 1);
    t->pubsub = pubsub_new(secret, (struct pubsub_limits){1024, 16});
    t->twin = engine_new(t->keyspace, t->pubsub);
    struct value_config config = *keyspace_values(t->r.keyspace);
    config.stream_node_max_entries = 7;
    keyspace_set_values(t->r.keyspace, config);
    config.secret = keyspace_values(t->keyspace)->secret;
    keyspace_set_values(t->keyspace, config);
    engine_attach(t->r.engine, (struct record_sink){redo, t});
    random_init(&t->random, seed);
    t->ms = 1000;
    for (int i = 0; i < 40000; i++) {
        run_one(t);
        if (random_below(&t->random, 4) == 0) t->r.now_ms += (int64_t)random_below(&t->random, 20);
        if (i % 50 == 0) expect_same_data(t);
    }
    expect_same_data(t);
    engine_free(t->twin);
    pubsub_free(t->pubsub);
    keyspace_free(t->keyspace);
    runner_fini(&t->r);
    mem_delete(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding),     cmocka_unit_test(groups),
        cmocka_unit_test(references), cmocka_unit_test(counts_told),
        cmocka_unit_test(lags),       cmocka_unit_test(effects_are_the_data),
    };
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
