/* Clients that talk to sessions over real sockets, without the server around them. The test that
 * includes this is one program: it defines bind_test_commands, for commands of its own. */
#ifndef HARK_TEST_DIALOG_H
#define HARK_TEST_DIALOG_H

#include "../../src/base/hash.h"
#include "../../src/base/mem.h"
#include "../../src/io/clock.h"
#include "../../src/io/socket.h"
#include "../../src/session/session.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { KB = 1024, MB = 1024 * 1024 };

/* So many ticks to the microsecond that commands take no time, and the clock is the test's. */
static const double ticks_of_a_standing_clock = 1e12;

static struct keyspace *keyspace;
static struct pubsub *pubsub;
static struct engine *engine;
static struct net *net;
static struct command_table *table;
static struct sessions *sessions;
static struct sessions_config config;
static struct buffer log_lines;
static char path[64];
static int64_t now_us;
static size_t memory_before;

/* ---- the server ---- */

static void bind_test_commands(struct command_table *t);

static inline void note_slow(void *server, const char *event, int64_t ms)
{
    (void)server;
    (void)event;
    (void)ms;
}

static inline void note_line(void *server, struct slice line)
{
    (void)server;
    buffer_add_slice(&log_lines, line);
}

static inline bool no_secret(struct slice name)
{
    (void)name;
    return false;
}

static inline void notify(const char *flags)
{
    struct engine_config c = engine_config(engine);
    assert_int_equal(notify_from_text(slice_text(flags), &c.notify), 0);
    engine_set_config(engine, c);
}

static inline int set_up(void **state)
{
    static const unsigned char secret[HASH_SECRET_SIZE] = "the tests' own secret";
    char why[128];
    (void)state;
    memory_before = mem_used();
    now_us = INT64_C(1750000000000000);
    keyspace = keyspace_new(4, secret, 1);
    pubsub = pubsub_new(secret, (struct pubsub_limits){1024, 16});
    engine = engine_new(keyspace, pubsub);
    net = net_new((struct net_config){.input_max = 64 * MB, .output_total_max = 1 << 30});
    table = command_table_new();
    command_bind_strings(table);
    command_bind_generic(table);
    command_bind_expiry(table);
    session_bind_commands(table);
    bind_test_commands(table);
    struct session_hooks hooks = {NULL, note_slow, note_line, no_secret};
    sessions = sessions_new(engine, net, table, hooks);
    config = (struct sessions_config){.password = SLICE(""),
                                      .clients_max = 100,
                                      .bulk_max = 512 * MB,
                                      .queue_max = MB,
                                      .slow_us = -1,
                                      .ticks_per_us = ticks_of_a_standing_clock};
    sessions_set_config(sessions, config);
    snprintf(path, sizeof path, "/tmp/hark-test-dialog-%d", (int)getpid());
    int fd = socket_listen_unix(path, 0, 64, why, sizeof why);
    assert_int_equal(net_listen(net, fd, true, sessions_listener(sessions)), 0);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    sessions_free(sessions);
    net_free(net);
    engine_free(engine);
    pubsub_free(pubsub);
    keyspace_free(keyspace);
    command_table_free(table);
    buffer_fini(&log_lines);
    unlink(path);
    return mem_used() != memory_before;
}

static inline void turn(void)
{
    net_wait(net, 0);
    sessions_begin_turn(sessions, now_us);
    net_read(net, now_us);
    sessions_before_flush(sessions);
    pubsub_end_turn(pubsub);
    net_flush(net, now_us);
    sessions_end_turn(sessions);
}

static inline void turns(int count)
{
    while (count-- > 0) turn();
}

/* ---- the clients ---- */

static inline int join(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    turn();
    return fd;
}

static inline void say(int fd, const char *text)
{
    ssize_t len = (ssize_t)strlen(text);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
}

/* The same many times over, in one go. */
static inline void say_often(int fd, const char *text, int times)
{
    struct buffer all = {0};
    for (int i = 0; i < times; i++) buffer_add_slice(&all, slice_text(text));
    assert_int_equal(send(fd, all.at, all.len, MSG_NOSIGNAL), all.len);
    buffer_fini(&all);
}

static inline bool is_at_end(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* What has come to the client is this; line ends are written as blanks. */
static inline void expect(int fd, const char *expected)
{
    char bytes[64 * KB], flat[64 * KB];
    size_t len = 0;
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] != '\n') flat[len++] = bytes[i] == '\r' ? ' ' : bytes[i];
    if (len == strlen(expected) && memcmp(flat, expected, len) == 0) return;
    fail_msg("heard:    %.*s\n  expected: %s", (int)len, flat, expected);
}

/* Says something, and this comes back. */
static inline void talk(int fd, const char *text, const char *expected)
{
    say(fd, text);
    turns(2);
    expect(fd, expected);
}

/* Takes and forgets what has come; how much that was. */
static inline size_t forget(int fd)
{
    static char bytes[MB];
    size_t sum = 0;
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) sum += (size_t)n;
    return sum;
}

/* A client that speaks RESP3. */
static inline int join_in_resp3(void)
{
    int fd = join();
    say(fd, "HELLO 3\r\n");
    turns(2);
    assert_true(forget(fd) > 50);
    return fd;
}

#endif
