/* Clients that wait for lists: who is served, in which order, in which record, and who is not. */
#include "dialog.h"

#include "../../src/command/key_wait.h"
#include "../../src/engine/awaited.h"
#include "../../src/value/list.h"

/* ---- what the records tell ---- */

static struct buffer told; /* "rpush k, new k; lpop k", a semicolon between records */

static void hear(void *ctx, const struct record *r)
{
    (void)ctx;
    if (told.len) buffer_add_slice(&told, SLICE("; "));
    buffer_printf(&told, "%.*s:", (int)r->cause.len, r->cause.at);
    for (uint32_t i = 0; i < r->notes_count; i++) {
        struct slice event = event_text(r->notes[i].event);
        buffer_printf(&told, " %.*s %.*s", (int)event.len, event.at, (int)r->notes[i].key.len,
                      r->notes[i].key.at);
    }
}

static void expect_told(const char *expected)
{
    if (!slice_equal(buffer_slice(&told), slice_text(expected)))
        fail_msg("told:     %.*s\n  expected: %s", (int)told.len, told.at, expected);
    told.len = 0;
}

static void bind_test_commands(struct command_table *t)
{
    command_bind_lists(t);
}

enum { CLIENTS = 5 };
static int clients[CLIENTS];

static int begin(void **state)
{
    set_up(state);
    engine_attach(engine, (struct record_sink){hear, NULL});
    for (int i = 0; i < CLIENTS; i++) clients[i] = join();
    return 0;
}

static int finish(void **state)
{
    buffer_fini(&told);
    for (int i = 0; i < CLIENTS; i++) close(clients[i]);
    turns(3);
    assert_int_equal(awaited_keys(engine), 0);
    return tear_down(state);
}

/* Says it, and nothing comes back: the client waits. */
static void wait_with(int client, const char *text)
{
    talk(clients[client], text, "");
}

static void expect_served(int client, const char *reply)
{
    expect(clients[client], reply);
}

static void expect_nothing(int client)
{
    expect(clients[client], "");
}

/* ---- the order ---- */

static void test_served_by_a_push(void **state)
{
    (void)state;
    wait_with(1, "BLPOP a k 0\r\n");
    assert_int_equal(sessions_stats(sessions).blocked, 1);
    assert_int_equal(sessions_stats(sessions).blocking_keys, 2);
    talk(clients[0], "RPUSH k x\r\n", ":1 ");
    expect_served(1, "*2 $1 k $1 x ");
    expect_told("rpush: new k rpush k; blpop: lpop k del k");
    assert_int_equal(sessions_stats(sessions).blocked, 0);
    assert_int_equal(awaited_keys(engine), 0);
}

static void test_first_come_first_served(void **state)
{
    (void)state;
    wait_with(1, "BLPOP k 0\r\n");
    wait_with(2, "BRPOP k 0\r\n");
    wait_with(3, "BLMPOP 0 1 k LEFT COUNT 2\r\n");
    wait_with(4, "BLPOP k 0\r\n");
    talk(clients[0], "RPUSH k a b c d\r\n", ":4 ");
    expect_served(1, "*2 $1 k $1 a ");
    expect_served(2, "*2 $1 k $1 d ");
    expect_served(3, "*2 $1 k *2 $1 b $1 c ");
    expect_nothing(4);
    expect_told("rpush: new k rpush k; blpop: lpop k; brpop: rpop k; blmpop: lpop k del k");
    talk(clients[0], "LPUSH k e\r\n", ":1 ");
    expect_served(4, "*2 $1 k $1 e ");
}

/* Before the next command of the same batch, and of any other client. */
static void test_before_the_next_command(void **state)
{
    (void)state;
    wait_with(1, "BLPOP k 0\r\n");
    talk(clients[0], "RPUSH k a\r\nLLEN k\r\nRPUSH k b\r\n", ":1 :0 :1 ");
    expect_served(1, "*2 $1 k $1 a ");
    expect_told("rpush: new k rpush k; blpop: lpop k del k; rpush: new k rpush k");
}

/* A transaction is over first; then key by key, in the order in which they were changed. */
static void test_after_a_transaction(void **state)
{
    (void)state;
    wait_with(1, "BLPOP k 0\r\n");
    wait_with(2, "BLPOP m 0\r\n");
    wait_with(3, "BLPOP m k 0\r\n");
    wait_with(4, "BLPOP n 0\r\n");
    talk(clients[0], "MULTI\r\nRPUSH n 0\r\nRPUSH k 1 2\r\nRPUSH m 3\r\nLPOP n\r\nEXEC\r\n",
         "+OK +QUEUED +QUEUED +QUEUED +QUEUED *4 :1 :2 :1 $1 0 ");
    expect_served(1, "*2 $1 k $1 1 ");
    expect_served(2, "*2 $1 m $1 3 ");
    expect_served(3, "*2 $1 k $1 2 "); /* k came first, though it is not its first key */
    expect_nothing(4);
    expect_told("exec: new n rpush n new k rpush k new m rpush m lpop n del n; blpop: lpop k; "
                "blpop: lpop k del k; blpop: lpop m del m");
}

/* One serves the next: their pushes are seen in the order in which they are made. */
static void test_chain(void **state)
{
    (void)state;
    wait_with(1, "BLMOVE b c LEFT RIGHT 0\r\n");
    wait_with(2, "BLMOVE a b LEFT RIGHT 0\r\n");
    wait_with(3, "BLPOP c 0\r\n");
    talk(clients[0], "RPUSH a x\r\n", ":1 ");
    expect_served(2, "$1 x ");
    expect_served(1, "$1 x ");
    expect_served(3, "*2 $1 c $1 x ");
    expect_told("rpush: new a rpush a; blmove: new b rpush b lpop a del a; "
                "blmove: new c rpush c lpop b del b; blpop: lpop c del c");
}

static void test_on_itself(void **state)
{
    (void)state;
    wait_with(1, "BRPOPLPUSH k k 0\r\n");
    wait_with(2, "BLPOP k k 0\r\n");
    talk(clients[0], "LPUSH k a\r\n", ":1 ");
    expect_served(1, "$1 a ");
    expect_served(2, "*2 $1 k $1 a ");
    expect_told("lpush: new k lpush k; brpoplpush: lpush k rpop k; blpop: lpop k del k");
}

/* ---- who is not served ---- */

/* Another type is none of their business; an error serves one, and the next comes. */
static void test_types(void **state)
{
    (void)state;
    wait_with(1, "BLMOVE k s LEFT LEFT 0\r\n");
    wait_with(2, "BLPOP k 0\r\n");
    talk(clients[0], "SET s v\r\nSET k v\r\nDEL k\r\n", "+OK +OK :1 ");
    expect_nothing(1);
    expect_nothing(2);
    talk(clients[0], "RPUSH k a\r\n", ":1 ");
    expect_served(1, "-WRONGTYPE Operation against a key holding the wrong kind of value ");
    expect_served(2, "*2 $1 k $1 a ");
    talk(clients[0], "GET s\r\n", "$1 v ");
}

static void test_other_databases(void **state)
{
    (void)state;
    wait_with(1, "BLPOP k 0\r\n");
    talk(clients[2], "SELECT 1\r\n", "+OK ");
    wait_with(2, "BLPOP k 0\r\n");
    talk(clients[0], "SELECT 2\r\nRPUSH k a\r\n", "+OK :1 ");
    expect_nothing(1);
    expect_nothing(2);
    talk(clients[0], "MOVE k 1\r\n", ":1 ");
    expect_nothing(1);
    expect_served(2, "*2 $1 k $1 a ");
    talk(clients[0], "RPUSH k b\r\nSWAPDB 0 2\r\n", ":1 +OK ");
    expect_served(1, "*2 $1 k $1 b ");
    wait_with(1, "BLPOP k 0\r\n");
    talk(clients[0], "RPUSH k c\r\nSWAPDB 2 0\r\n", ":1 +OK ");
    expect_served(1, "*2 $1 k $1 c ");
}

/* What brings a list without a push. */
static void test_brought(void **state)
{
    (void)state;
    wait_with(1, "BLPOP k 0\r\n");
    wait_with(2, "BLPOP k 0\r\n");
    talk(clients[0], "RPUSH m a\r\nCOPY m k\r\nRENAME m k\r\n", ":1 :1 +OK ");
    expect_served(1, "*2 $1 k $1 a ");
    expect_served(2, "*2 $1 k $1 a ");
}

/* A list that is dead when its turn comes serves nobody; nor does another key of the client, which
 * has become something else meanwhile. */
static void test_dead(void **state)
{
    (void)state;
    wait_with(1, "BLPOP s k 0\r\n");
    talk(clients[0], "SET s v\r\n", "+OK ");
    talk(clients[0], "MULTI\r\nRPUSH k a\r\nPEXPIRE k 1\r\nCLIENT PAUSE 1000 WRITE\r\nEXEC\r\n",
         "+OK +QUEUED +QUEUED +QUEUED *3 :1 :1 +OK ");
    now_us += 5000;
    turns(2);
    told.len = 0;
    talk(clients[0], "CLIENT UNPAUSE\r\n", "+OK ");
    expect_nothing(1);
    expect_told("expired: expired k");
    talk(clients[0], "RPUSH k b\r\n", ":1 ");
    expect_served(1, "*2 $1 k $1 b ");
}

/* ---- how waiting ends ---- */

static void test_time_outs(void **state)
{
    (void)state;
    wait_with(1, "BLPOP k 0.5\r\n");
    wait_with(2, "BLMOVE k m LEFT LEFT 0.5\r\n");
    wait_with(3, "BLMPOP 0.0001 1 k LEFT\r\n");
    wait_with(4, "BLPOP k 0\r\n");
    now_us += 1000;
    turns(2);
    expect_served(3, "*-1 ");
    now_us += 498999;
    turns(2);
    expect_nothing(1);
    now_us += 1;
    turns(2);
    expect_served(1, "*-1 ");
    expect_served(2, "*-1 ");
    now_us += INT64_C(1000000) * 86400 * 365;
    turns(2);
    expect_nothing(4);
    expect_told("");
    talk(clients[0], "RPUSH k a\r\n", ":1 ");
    expect_served(4, "*2 $1 k $1 a ");
}

static void test_unblocked(void **state)
{
    (void)state;
    char line[64];
    talk(clients[1], "CLIENT ID\r\n", ":2 ");
    wait_with(1, "BLPOP k 0\r\n");
    snprintf(line, sizeof line, "CLIENT UNBLOCK 2\r\n");
    talk(clients[0], line, ":1 ");
    expect_served(1, "*-1 ");
    wait_with(1, "BLPOP k 0\r\n");
    talk(clients[0], "CLIENT UNBLOCK 2 ERROR\r\nCLIENT UNBLOCK 2\r\nRPUSH k a\r\n", ":1 :0 :1 ");
    expect_served(1, "-UNBLOCKED client unblocked via CLIENT UNBLOCK ");
    talk(clients[1], "LLEN k\r\n", ":1 ");
}

static void test_gone(void **state)
{
    (void)state;
    wait_with(1, "BLPOP k 0\r\n");
    wait_with(2, "BLPOP k 0\r\n");
    close(clients[1]);
    turns(3);
    talk(clients[0], "RPUSH k a\r\n", ":1 ");
    expect_served(2, "*2 $1 k $1 a ");
    clients[1] = join();
}

static void test_within_multi(void **state)
{
    (void)state;
    talk(clients[1],
         "MULTI\r\nBLPOP k 0\r\nBLMOVE k m LEFT LEFT 0\r\nRPUSH k a\r\nBLPOP k 0\r\n"
         "EXEC\r\n",
         "+OK +QUEUED +QUEUED +QUEUED +QUEUED *4 *-1 $-1 :1 *2 $1 k $1 a ");
}

/* What is brought during a pause waits for its end, in order. */
static void test_paused(void **state)
{
    (void)state;
    wait_with(1, "BLPOP k 0\r\n");
    wait_with(2, "BLPOP k 0\r\n");
    talk(clients[0], "MULTI\r\nRPUSH k a\r\nCLIENT PAUSE 1000 WRITE\r\nEXEC\r\n",
         "+OK +QUEUED +QUEUED *2 :1 +OK ");
    expect_nothing(1);
    expect_nothing(2);
    talk(clients[0], "CLIENT UNPAUSE\r\n", "+OK ");
    expect_served(1, "*2 $1 k $1 a ");
    expect_nothing(2);
    talk(clients[0], "RPUSH k b\r\n", ":1 ");
    expect_served(2, "*2 $1 k $1 b ");
}

/* ---- the registry by itself ---- */

static int calls;
static struct buffer order;

struct probe {
    struct key_waiter waiter;
    char name;
    bool leaves;
};

static void called(struct key_waiter *w)
{
    struct probe *p = (struct probe *)w;
    calls++;
    buffer_add_byte(&order, p->name);
    if (p->leaves) awaited_leave(engine, w);
}

static void run(const char *line)
{
    talk(clients[0], line, "+OK ");
}

/* One waits for the end of a key beside those who wait for a value; only they are called whom it
 * concerns, however many wait. */
static void test_registry(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    static struct probe many[MANY];
    struct probe hears = {{.type = TYPE_STREAM, .hears_end = true, .ready = called}, 'e', false};
    for (int i = 0; i < MANY; i++) {
        many[i] = (struct probe){{.type = TYPE_LIST, .ready = called}, 'l', true};
        awaited_join(engine, &many[i].waiter, 0, SLICE("k"));
    }
    awaited_join(engine, &hears.waiter, 0, SLICE("k"));
    assert_int_equal(awaited_keys_with_end(engine), 1);
    run("SET k v\r\n"); /* another type: the stream, if there was one, has ended */
    assert_int_equal(calls, 1);
    run("RENAME k m\r\n");
    assert_int_equal(calls, 2);
    awaited_leave(engine, &hears.waiter);
    awaited_leave(engine, &hears.waiter);
    assert_int_equal(awaited_keys_with_end(engine), 0);
    run("SET k v\r\n");
    assert_int_equal(calls, 2);
    talk(clients[0], "DEL k\r\nRPUSH k a\r\n", ":1 :1 ");
    assert_int_equal(calls, 2 + MANY); /* they leave, and take nothing */
    assert_int_equal(awaited_keys(engine), 0);
    assert_int_equal(order.at[0], 'e');
    buffer_fini(&order);
}

/* Pushes, in a record of its own. */
static void push(struct slice key)
{
    static const struct slice word = {"x", 1};
    struct opened k;
    engine_begin(engine, now_us / 1000, SLICE("rpush"), 0);
    struct value *v =
        gate_open(engine, &k, 0, key) ? opened_value(&k) : opened_create(&k, list_new());
    list_push(v, LIST_RIGHT, &word, 1, keyspace_values(keyspace));
    opened_did(&k, EFFECT_RPUSH, &word, 1);
    gate_close(&k, EVENT_RPUSH);
    engine_seal(engine);
}

static struct probe *second;

/* The first takes nothing; the second changes the key, so that there is another round. */
static void stays(struct key_waiter *w)
{
    (void)w;
    calls++;
}

static void changes(struct key_waiter *w)
{
    awaited_leave(engine, w);
    push(SLICE("k"));
}

static void test_another_round(void **state)
{
    (void)state;
    struct probe staying = {.waiter = {.type = TYPE_LIST, .ready = stays}};
    struct probe changing = {.waiter = {.type = TYPE_LIST, .ready = changes}};
    awaited_join(engine, &staying.waiter, 0, SLICE("k"));
    awaited_join(engine, &changing.waiter, 0, SLICE("k"));
    calls = 0;
    push(SLICE("k"));
    assert_true(awaited_is_ready(engine));
    while (awaited_call(engine)) {
    }
    assert_int_equal(calls, 2);
    assert_false(awaited_is_ready(engine));
    awaited_leave(engine, &staying.waiter);
}

/* Whoever is called may end the wait of the next one. */
static void ends_second(struct key_waiter *w)
{
    (void)w;
    calls++;
    awaited_leave(engine, &second->waiter);
}

static void is_never_called(struct key_waiter *w)
{
    (void)w;
    fail();
}

static void test_next_one_leaves(void **state)
{
    (void)state;
    struct probe one = {.waiter = {.type = TYPE_LIST, .ready = ends_second}};
    struct probe two = {.waiter = {.type = TYPE_LIST, .ready = is_never_called}};
    struct probe three = {.waiter = {.type = TYPE_LIST, .ready = stays}};
    second = &two;
    awaited_join(engine, &one.waiter, 0, SLICE("k"));
    awaited_join(engine, &two.waiter, 0, SLICE("k"));
    awaited_join(engine, &three.waiter, 0, SLICE("k"));
    calls = 0;
    push(SLICE("k"));
    while (awaited_call(engine)) {
    }
    assert_int_equal(calls, 2);
    awaited_leave(engine, &one.waiter);
    awaited_leave(engine, &three.waiter);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_served_by_a_push),
        TEST(test_first_come_first_served),
        TEST(test_before_the_next_command),
        TEST(test_after_a_transaction),
        TEST(test_chain),
        TEST(test_on_itself),
        TEST(test_types),
        TEST(test_other_databases),
        TEST(test_brought),
        TEST(test_dead),
        TEST(test_time_outs),
        TEST(test_unblocked),
        TEST(test_gone),
        TEST(test_within_multi),
        TEST(test_paused),
        TEST(test_registry),
        TEST(test_another_round),
        TEST(test_next_one_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
