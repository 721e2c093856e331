/* Slow events: what is kept of them, and what LATENCY shows. */
#include "../../src/base/text.h"
#include "../../src/server/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct server server;
static struct buffer reply;

static int setup(void **state)
{
    (void)state;
    server = (struct server){.commands = command_table_new()};
    bind_latency_commands(server.commands);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    command_table_free(server.commands);
    buffer_fini(&reply);
    return 0;
}

/* The reply to a request, until the next one. */
static const char *ask(const char *subcommand, const char *argument)
{
    char name[64];
    snprintf(name, sizeof name, "latency|%s", subcommand);
    struct slice argv[] = {SLICE("LATENCY"), slice_text(subcommand), SLICE("")};
    int argc = 2;
    if (argument) argv[argc++] = slice_text(argument);
    reply.len = 0;
    struct call call = {
        .reply = {.out = &reply, .proto = 2},
        .argv = argv,
        .argc = argc,
        .command = command_named(server.commands, slice_text(name)),
        .server = &server,
    };
    call.command->run(&call);
    buffer_add_byte(&reply, 0);
    return reply.at;
}

static void test_the_longest_of_a_second_counts(void **state)
{
    (void)state;
    latency_add(&server.latency, "command", 100, 20);
    latency_add(&server.latency, "command", 100, 30);
    latency_add(&server.latency, "command", 100, 10);
    latency_add(&server.latency, "command", 105, 7);
    assert_string_equal(ask("history", "command"),
                        "*2\r\n*2\r\n:100\r\n:30\r\n*2\r\n:105\r\n:7\r\n");
    assert_string_equal(ask("latest", NULL), "*1\r\n*4\r\n$7\r\ncommand\r\n:105\r\n:7\r\n:30\r\n");
}

static void test_the_oldest_samples_go(void **state)
{
    (void)state;
    for (int i = 1; i <= LATENCY_SAMPLES + 5; i++)
        latency_add(&server.latency, "command", 1000 + i, i);
    const char *text = ask("history", "command");
    char head[64];
    snprintf(head, sizeof head, "*%d\r\n*2\r\n:1006\r\n:6\r\n", LATENCY_SAMPLES);
    assert_memory_equal(text, head, strlen(head));
    assert_string_equal(ask("reset", NULL), ":1\r\n");
    assert_string_equal(ask("history", "command"), "*0\r\n");
}

static void test_only_so_many_events_are_kept(void **state)
{
    (void)state;
    char name[LATENCY_NAME_MAX];
    for (int i = 0; i < LATENCY_EVENTS + 5; i++) {
        snprintf(name, sizeof name, "event-%d", i);
        latency_add(&server.latency, name, 100, 1);
    }
    assert_int_equal(server.latency.count, LATENCY_EVENTS);
    assert_string_equal(ask("history", "event-20"), "*0\r\n");
    assert_string_equal(ask("reset", "event-3"), ":1\r\n");
    assert_string_equal(ask("history", "event-3"), "*0\r\n");
    assert_string_equal(ask("history", "event-15"), "*1\r\n*2\r\n:100\r\n:1\r\n");
    latency_add(&server.latency, "event-3", 200, 2); /* there is room again, with nothing in it */
    assert_string_equal(ask("history", "event-3"), "*1\r\n*2\r\n:200\r\n:2\r\n");
}

/* More samples than columns: two graphs, one below the other, of the same scale. */
static void test_a_long_graph_is_folded(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) latency_add(&server.latency, "command", 1000 + i, i);
    const char *text = ask("graph", "command");
    const char *fold = strstr(text, "\n\n");
    assert_non_null(strstr(text, "command - high 99 ms, low 0 ms (all time high 99 ms)\n"));
    assert_non_null(fold);
    assert_null(strstr(fold + 2, "\n\n"));
    assert_int_equal(strcspn(fold + 2, "\n"), 20);
    /* 80 of 99 is height 9 of 12, from 91 on it is 11: the top row of the second graph. */
    assert_memory_equal(fold + 2, "___oooooooo#########", 20);
    /* The first one ends with height 9 (79 ms): three full rows. */
    const char *first = strstr(text, "-\n") + 2;
    assert_int_equal(strcspn(first, "\n"), 80);
    assert_memory_equal(first, "                    ", 20);
    assert_int_equal(first[79], '_');
    assert_int_equal(first[3 * 81], '_');
    assert_int_equal(first[3 * 81 + 79], '|');
}

static void test_equal_samples_lie_at_the_bottom(void **state)
{
    (void)state;
    latency_add(&server.latency, "command", 1000, 50);
    latency_add(&server.latency, "command", 1001, 50);
    const char *rows = strstr(ask("graph", "command"), "-\n") + 2;
    assert_memory_equal(rows, "  \n  \n  \n__\n  \n", 15);
}

static void test_the_doctor_tells_how_often(void **state)
{
    (void)state;
    server.config.latency_threshold_ms = 5;
    server.config.slowlog_slower_us = 10000;
    latency_add(&server.latency, "fast-command", 100, 10);
    latency_add(&server.latency, "fast-command", 104, 20);
    latency_add(&server.latency, "fast-command", 110, 30);
    const char *text = ask("doctor", NULL);
    assert_non_null(strstr(text, "1. fast-command: 3 latency spikes (average 20ms, mean deviation "
                                 "6ms, one every 5.00 sec). Worst all time event 30ms.\n"));
    assert_non_null(strstr(text, "slowlog-log-slower-than 5000"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_the_longest_of_a_second_counts),  TEST(test_the_oldest_samples_go),
        TEST(test_only_so_many_events_are_kept),    TEST(test_a_long_graph_is_folded),
        TEST(test_equal_samples_lie_at_the_bottom), TEST(test_the_doctor_tells_how_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
