/* Every allocation in turn fails, in every call of libhark that takes memory: HARK_NO_MEMORY each
 * time, never a crash, never a leak. (Connecting, messages and durable subscriptions by themselves
 * are tried so beside their other tests.) */
#include "libhark.h"

static int pushes;

static void take_push(void *context, struct hark_reply *push)
{
    (void)context;
    pushes++;
    hark_reply_free(push);
}

/* Hands a reply back; what the call returned. */
static int and_free(int rc, struct hark_reply **r)
{
    hark_reply_free(*r);
    *r = NULL;
    return rc;
}

static int read_pieces(struct hark *h)
{
    struct hark_piece piece;
    int rc;
    do rc = hark_piece(h, &piece);
    while (rc == 0 && !piece.last);
    return rc;
}

static int queue_some(struct hark *h)
{
    const char *const words[] = {"SET", "key", "a longer value than fits into what is there"};
    int rc = 0;
    for (int i = 0; i < 40 && rc == 0; i++) rc = hark_queue(h, 3, words, NULL);
    if (rc == 0) rc = hark_queuef(h, "SET k:%d %s", 7, "value");
    if (rc == 0) rc = hark_queue_raw(h, "*1\r\n$4\r\nPING\r\n", 14);
    return rc;
}

#define LONG_TEXT "12345678901234567890123456789012345678901234567890123456789012345678901234567890"

/* What the server says to all of it, and behind its end what is no RESP. */
static const char said[] = "%1\r\n+proto\r\n:3\r\n+OK\r\n+OK\r\n"
                           "$80\r\n" LONG_TEXT "\r\n$80\r\n" LONG_TEXT "\r\n$80\r\n" LONG_TEXT
                           "\r\n>2\r\n+invalidate\r\n*1\r\n+k\r\n+OK\r\n"
                           "*3\r\n$80\r\n" LONG_TEXT "\r\n%1\r\n+a\r\n*2\r\n:1\r\n,1.5\r\n#t\r\n"
                           "raw";

/* Every call of a connection, one behind the other, until one fails. */
static int calls(struct hark *h)
{
    struct hark_reply *r = NULL;
    const char *const words[] = {"GET", "key"};
    char raw[16];
    int rc = hark_hello(h, 3);
    hark_on_push(h, take_push, NULL);
    if (rc == 0) rc = hark_auth(h, "user", LONG_TEXT);
    if (rc == 0) rc = hark_select(h, 3);
    if (rc == 0) rc = and_free(hark_command(h, 2, words, NULL, &r), &r);
    if (rc == 0) rc = and_free(hark_call(h, &r, "GET", LONG_TEXT, NULL), &r);
    if (rc == 0) rc = and_free(hark_commandf(h, &r, "GET %s:%d", LONG_TEXT, 7), &r);
    if (rc == 0) rc = queue_some(h);
    if (rc == 0) rc = and_free(hark_read(h, &r), &r);
    if (rc == 0) rc = read_pieces(h);
    long got = rc == 0 ? hark_read_raw(h, raw, sizeof raw) : rc;
    if (rc == 0) rc = got < 0 ? (int)got : got == 3 ? 0 : -99;
    return rc;
}

static void connections(void **state)
{
    struct fixture *f = *state;
    int failures = 0;
    for (long n = 0;; n++) {
        pushes = 0;
        connect_with(f, (struct hark_options){0});
        say(f, said);
        f->memory.left = n;
        int rc = calls(f->h);
        f->memory.left = -1;
        if (rc != 0) {
            assert_int_equal(rc, HARK_NO_MEMORY);
            assert_string_equal(hark_error(f->h), "out of memory");
            failures++;
        }
        hark_close(f->h);
        f->h = NULL;
        f->peer = (close(f->peer), -1);
        assert_int_equal(f->memory.taken, 0);
        if (rc == 0) break;
    }
    assert_int_equal(pushes, 1);
    assert_true(failures > 10);
}

/* ---- Pub/Sub ---- */

static int ignore(struct hark_pubsub *p, const struct hark_message *m, void *context)
{
    (void)p;
    (void)m;
    (void)context;
    return 0;
}

static int subscribe_to_all(struct hark_pubsub *p)
{
    char name[] = "channel 0";
    int rc = 0;
    for (; rc == 0 && name[8] <= '9'; name[8]++) {
        rc = hark_subscribe(p, name, HARK_NUL, NULL, NULL);
        if (rc == 0) rc = hark_psubscribe(p, name, HARK_NUL, ignore, NULL);
        if (rc == 0) rc = hark_ssubscribe(p, name, HARK_NUL, ignore, NULL);
    }
    if (rc == 0) rc = hark_subscribe(p, "channel 3", HARK_NUL, ignore, NULL);
    if (rc == 0) rc = hark_step(p);
    if (rc >= 0) rc = hark_unsubscribe(p, "channel 1", HARK_NUL);
    if (rc >= 0) rc = hark_punsubscribe(p, NULL, 0);
    if (rc >= 0) rc = hark_sunsubscribe(p, NULL, 0);
    return rc < 0 ? rc : 0;
}

static const char confirmed[] = "*3\r\n$9\r\nsubscribe\r\n$9\r\nchannel 0\r\n:1\r\n";

/* Takes the newest connection, when there is one, and confirms a subscription; those before it may
 * have been given up. */
static void meet_again(struct fixture *f)
{
    for (int fd; (fd = accept(f->listener, NULL, NULL)) >= 0; f->peer = fd) { /* does not wait */
        if (f->peer >= 0) close(f->peer);
        (void)send(fd, confirmed, sizeof confirmed - 1, MSG_NOSIGNAL);
    }
}

/* Subscribes, and again by itself when the connection was lost. */
static int subscribe_twice(struct fixture *f)
{
    int rc = subscribe_to_all(f->p);
    f->peer = (close(f->peer), -1);
    for (bool is_back = false; rc >= 0 && !is_back; meet_again(f)) {
        struct hark_message *m = NULL;
        rc = hark_pubsub_get_message(f->p, 1, &m);
        is_back = m && m->type == HARK_M_RESUMED;
        hark_message_free(m);
    }
    return rc < 0 ? rc : 0;
}

static void subscriptions(void **state)
{
    struct fixture *f = *state;
    struct hark_options options = HARK_OPTIONS;
    options.path = f->path;
    options.reconnect_min_ms = options.reconnect_max_ms = 1;
    options.allocator = &f->allocator;
    int failures = 0;
    for (long n = 0;; n++) {
        assert_int_equal(hark_pubsub_open(&options, &f->p), 0);
        accept_last(f);
        say(f, confirmed);
        f->memory.left = n;
        int rc = subscribe_twice(f);
        f->memory.left = -1;
        if (rc != 0) {
            assert_int_equal(rc, HARK_NO_MEMORY);
            assert_string_equal(hark_pubsub_error(f->p), "out of memory");
            failures++;
        }
        hark_pubsub_close(f->p);
        f->p = NULL;
        if (f->peer >= 0) close(f->peer);
        f->peer = -1;
        assert_int_equal(f->memory.taken, 0);
        if (rc == 0) break;
    }
    assert_true(failures > 20);
}

/* ---- events ---- */

static struct hark_text text(const char *s)
{
    return (struct hark_text){s, strlen(s)};
}

static void events(void **state)
{
    struct fixture *f = *state;
    static const char *const data[][2] = {
        {"__subkeyspace@0__:h", "hset|1:a,2:bb"},
        {"__keychange@0__:k",
         "{\"id\":\"1-1\",\"event\":\"set\",\"key\":\"k\",\"db\":0,\"cmd\":\"set\",\"client\":7,"
         "\"effect\":[\"SET\",\"k\",\"a \\u00e4 value that is longer than the others\",\"-1\"]}"},
        {"__keyspace@0__:k", "set"},
    };
    for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
        const struct hark_message m = {
            .type = HARK_M_MESSAGE, .channel = text(data[i][0]), .data = text(data[i][1])};
        struct hark_event *e = NULL;
        int rc = HARK_NO_MEMORY, failures = 0;
        for (long n = 0; rc != 0; n++) {
            f->memory.left = n;
            rc = hark_event_parse(&m, &f->allocator, &e);
            f->memory.left = -1;
            if (rc == 0) break;
            assert_int_equal(rc, HARK_NO_MEMORY);
            assert_null(e);
            assert_int_equal(f->memory.taken, 0);
            failures++;
        }
        assert_true(failures > 0);
        hark_event_free(e);
        assert_int_equal(f->memory.taken, 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_fixture, drop_fixture)
    const struct CMUnitTest tests[] = {
        TEST(connections),
        TEST(subscriptions),
        TEST(events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
