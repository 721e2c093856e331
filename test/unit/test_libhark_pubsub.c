/* Subscribers of libhark, against a peer that says what the test wants and goes away when it wants.
 */
#include "libhark.h"

static struct hark_options quick(struct fixture *f)
{
    struct hark_options options = HARK_OPTIONS;
    options.path = f->path;
    options.reconnect_min_ms = 1;
    options.reconnect_max_ms = 4;
    options.allocator = &f->allocator;
    return options;
}

static void open_pubsub(struct fixture *f)
{
    struct hark_options options = quick(f);
    assert_int_equal(hark_pubsub_open(&options, &f->p), 0);
    f->peer = accept(f->listener, NULL, NULL);
    assert_true(f->peer >= 0);
}

static struct hark_message *next(struct fixture *f)
{
    struct hark_message *m;
    assert_int_equal(hark_pubsub_get_message(f->p, 10000, &m), 1);
    assert_non_null(m);
    return m;
}

static void gets(struct fixture *f, enum hark_message_type type, const char *channel,
                 const char *pattern, const char *data)
{
    struct hark_message *m = next(f);
    assert_int_equal(m->type, type);
    assert_string_equal(m->channel.at, channel);
    if (pattern) assert_string_equal(m->pattern.at, pattern);
    if (!pattern) assert_null(m->pattern.at);
    if (data) assert_string_equal(m->data.at, data);
    hark_message_free(m);
}

/* The peer closes, and is found again; the new connection is asked for `wanted`. */
static void meet_again(struct fixture *f, const char *wanted)
{
    struct hark_message *m;
    close(f->peer);
    fcntl(f->listener, F_SETFL, O_NONBLOCK);
    do assert_int_equal(hark_pubsub_get_message(f->p, 1, &m), 0);
    while ((f->peer = accept(f->listener, NULL, NULL)) < 0);
    assert_int_equal(hark_pubsub_get_message(f->p, 1, &m), 0);
    hears(f, wanted);
}

#define SUBSCRIBE_A  "*2\r\n$9\r\nsubscribe\r\n$1\r\na\r\n"
#define PSUBSCRIBE_B "*2\r\n$10\r\npsubscribe\r\n$2\r\nb*\r\n"

static void messages(void **state)
{
    struct fixture *f = *state;
    open_pubsub(f);
    assert_int_equal(hark_subscribe(f->p, "a", HARK_NUL, NULL, NULL), 0);
    assert_int_equal(hark_psubscribe(f->p, "b*", HARK_NUL, NULL, NULL), 0);
    hears(f, SUBSCRIBE_A PSUBSCRIBE_B);
    struct hark_message *m;
    assert_int_equal(hark_pubsub_get_message(f->p, 0, &m), 0);
    assert_null(m);
    say(f, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$10\r\npsubscribe\r\n$2\r\nb*\r\n:2\r\n"
           "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n"
           ">4\r\n$8\r\npmessage\r\n$2\r\nb*\r\n$2\r\nbb\r\n$0\r\n\r\n");
    m = next(f);
    assert_int_equal(m->type, HARK_M_SUBSCRIBE);
    assert_int_equal(m->count, 1);
    assert_string_equal(hark_message_type_text(m->type), "subscribe");
    hark_message_free(m);
    gets(f, HARK_M_PSUBSCRIBE, "b*", NULL, NULL);
    gets(f, HARK_M_MESSAGE, "a", NULL, "hi");
    gets(f, HARK_M_PMESSAGE, "bb", "b*", "");
    assert_int_equal(hark_pubsub_get_message(f->p, 1, &m), 0);

    assert_int_equal(hark_unsubscribe(f->p, NULL, 0), 0);
    hears(f, "*2\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n");
    say(f, "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n");
    gets(f, HARK_M_UNSUBSCRIBE, "a", NULL, NULL);
    meet_again(f, PSUBSCRIBE_B); /* what was left is left */
}

static int count_and_stop(struct hark_pubsub *p, const struct hark_message *m, void *context)
{
    int *count = context;
    if (m->type != HARK_M_MESSAGE) return 0;
    if (++*count == 2) hark_pubsub_stop(p);
    struct hark_message *none;
    assert_int_equal(hark_pubsub_get_message(p, 0, &none), HARK_USAGE);
    return 0;
}

static void handlers(void **state)
{
    struct fixture *f = *state;
    int count = 0;
    open_pubsub(f);
    assert_int_equal(hark_subscribe(f->p, "a", 1, count_and_stop, &count), 0);
    hears(f, SUBSCRIBE_A);
    say(f,
        "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n"
        "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$5\r\nother\r\n");
    gets(f, HARK_M_SUBSCRIBE, "a", NULL, NULL);
    struct hark_message *m;
    assert_int_equal(hark_pubsub_get_message(f->p, 1000, &m), 1);
    assert_null(m); /* the handler had it */
    assert_int_equal(count, 1);
    gets(f, HARK_M_MESSAGE, "x", NULL, "other");
    assert_int_equal(hark_subscribe(f->p, "a", 1, NULL, NULL), 0); /* no handler from now on */
    say(f, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nho\r\n");
    gets(f, HARK_M_MESSAGE, "a", NULL, "ho");
}

static void it_comes_back_and_says_so(void **state)
{
    struct fixture *f = *state;
    int count = 0;
    open_pubsub(f);
    assert_int_equal(hark_subscribe(f->p, "a", 1, NULL, NULL), 0);
    hears(f, SUBSCRIBE_A);
    say(f, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    gets(f, HARK_M_SUBSCRIBE, "a", NULL, NULL);
    for (int i = 0; i < 3; i++) {
        meet_again(f, SUBSCRIBE_A);
        say(f, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n"
               "$2\r\nhi\r\n");
        struct hark_message *m = next(f);
        assert_int_equal(m->type, HARK_M_RESUMED);
        assert_string_equal(m->channel.at, "a");
        assert_true(atoll(m->from.at) > 1500000000000 && atoll(m->from.at) <= atoll(m->to.at));
        assert_non_null(strstr(m->data.at, "may be missing"));
        hark_message_free(m);
        gets(f, HARK_M_MESSAGE, "a", NULL, "hi");
    }
    assert_int_equal(hark_pubsub_run_in_thread(f->p, 0), HARK_USAGE); /* no handler */
    assert_int_equal(hark_subscribe(f->p, "a", 1, count_and_stop, &count), 0);
}

static void refusals(void **state)
{
    struct fixture *f = *state;
    open_pubsub(f);
    assert_int_equal(hark_subscribe(f->p, "a", 1, NULL, NULL), 0);
    assert_int_equal(hark_psubscribe(f->p, "b*", 2, NULL, NULL), 0);
    hears(f, SUBSCRIBE_A PSUBSCRIBE_B);
    say(f, "-NOPERM no\r\n*3\r\n$10\r\npsubscribe\r\n$2\r\nb*\r\n:1\r\n");
    struct hark_message *m;
    assert_int_equal(hark_pubsub_get_message(f->p, 1000, &m), HARK_DENIED);
    assert_string_equal(hark_pubsub_error(f->p), "a: NOPERM no");
    gets(f, HARK_M_PSUBSCRIBE, "b*", NULL, NULL);
    say(f, "HTTP\r\n");
    assert_int_equal(hark_pubsub_get_message(f->p, 1000, &m), HARK_PROTOCOL);
    assert_int_equal(hark_pubsub_get_message(f->p, 0, &m), 0); /* and it goes on */
    assert_int_equal(hark_ack_id(f->p, "1-1"), HARK_USAGE);
}

static void without_reconnecting(void **state)
{
    struct fixture *f = *state;
    struct hark_options options = quick(f);
    options.reconnect_min_ms = -1;
    assert_int_equal(hark_pubsub_open(&options, &f->p), 0);
    f->peer = accept(f->listener, NULL, NULL);
    close(f->peer);
    f->peer = -1;
    struct hark_message *m;
    assert_int_equal(hark_pubsub_get_message(f->p, 1000, &m), HARK_CLOSED);
    hark_pubsub_close(f->p);
    options.path = "/nonexistent/socket";
    assert_int_equal(hark_pubsub_open(&options, &f->p), HARK_NO_CONNECTION);
    assert_string_equal(hark_pubsub_error(f->p), "No such file or directory");
    hark_pubsub_close(f->p);
    options.reconnect_min_ms = 1;
    options.open_anyway = 1;
    assert_int_equal(hark_pubsub_open(&options, &f->p), 0);
    assert_int_equal(hark_pubsub_get_message(f->p, 10, &m), 0);
}

/* One descriptor across connections: whoever polls it and steps misses nothing. */
static void a_loop_of_its_own(void **state)
{
    struct fixture *f = *state;
    open_pubsub(f);
    int fd = hark_pubsub_fd(f->p), messages_seen = 0;
    assert_int_equal(hark_subscribe(f->p, "a", 1, NULL, NULL), 0);
    hears(f, SUBSCRIBE_A);
    fcntl(f->listener, F_SETFL, O_NONBLOCK);
    for (int round = 0; round < 3; round++) {
        say(f, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
        say_times(f, "", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n", 3000);
        close(f->peer);
        f->peer = -1;
        while (f->peer < 0) {
            assert_true(hark_step(f->p) >= 0);
            struct hark_message *m;
            while (hark_pubsub_get_message(f->p, 0, &m) == 1) {
                messages_seen += m->type == HARK_M_MESSAGE;
                hark_message_free(m);
            }
            assert_int_equal(hark_pubsub_fd(f->p), fd);
            struct timeval wait = {.tv_sec = 5};
            fd_set set;
            FD_ZERO(&set);
            FD_SET(fd, &set);
            f->peer = accept(f->listener, NULL, NULL);
            if (f->peer < 0) assert_int_equal(select(fd + 1, &set, NULL, NULL, &wait), 1);
        }
        assert_true(hark_step(f->p) >= 0);
        hears(f, SUBSCRIBE_A);
    }
    assert_int_equal(messages_seen, 9000);
}

static void nobody_takes_them(void **state)
{
    struct fixture *f = *state;
    open_pubsub(f);
    say_times(f, "", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n", 5000);
    for (int i = 0; i < 50; i++) assert_true(hark_step(f->p) >= 0);
    struct hark_message *m;
    int count = 0;
    for (; hark_pubsub_get_message(f->p, 0, &m) == 1; count++) hark_message_free(m);
    assert_int_equal(count, 5000); /* those that were kept, and the rest from the socket */
}

/* Every allocation in turn fails, at whatever point; afterwards all is well again. */
static void memory_runs_out(void **state)
{
    struct fixture *f = *state;
    struct hark_options options = quick(f);
    int failures = 0;
    for (long n = 0;; n++) {
        f->memory.left = n;
        int rc = hark_pubsub_open(&options, &f->p);
        if (rc == 0) {
            accept_last(f);
            say(f, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
                   ">4\r\n$8\r\npmessage\r\n$2\r\nb*\r\n$2\r\nbb\r\n$0\r\n\r\n");
            rc = hark_subscribe(f->p, "a", 1, NULL, NULL);
        }
        for (int i = 0; i < 2 && rc >= 0; i++) {
            struct hark_message *m;
            rc = hark_step(f->p);
            if (rc == 1) rc = hark_pubsub_get_message(f->p, 0, &m);
            if (rc == 1) hark_message_free(m);
        }
        if (rc < 0) {
            assert_int_equal(rc, HARK_NO_MEMORY);
            assert_string_equal(hark_pubsub_error(f->p), "out of memory");
            failures++;
        }
        f->memory.left = -1;
        hark_pubsub_close(f->p);
        f->p = NULL;
        if (f->peer >= 0) close(f->peer);
        f->peer = -1;
        assert_int_equal(f->memory.taken, 0);
        if (rc >= 0) break;
    }
    assert_true(failures > 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_fixture, drop_fixture)
    const struct CMUnitTest tests[] = {
        TEST(messages),
        TEST(handlers),
        TEST(it_comes_back_and_says_so),
        TEST(refusals),
        TEST(without_reconnecting),
        TEST(a_loop_of_its_own),
        TEST(nobody_takes_them),
        TEST(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
