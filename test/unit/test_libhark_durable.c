/* Durable subscriptions of libhark, against a peer that plays the server: what is asked when, and
 * what becomes of messages when connections, handlers and memory fail. */
#include "libhark.h"

#define VIEW "__keyevent@0__:set"

#define CREATE "*5\r\n$6\r\nXGROUP\r\n$6\r\nCREATE\r\n$18\r\n" VIEW "\r\n$1\r\ng\r\n$1\r\n$\r\n"
#define PENDING(from)                                                                 \
    "*9\r\n$10\r\nXREADGROUP\r\n$5\r\nGROUP\r\n$1\r\ng\r\n$1\r\nc\r\n$5\r\nCOUNT\r\n" \
    "$2\r\n10\r\n$7\r\nSTREAMS\r\n$18\r\n" VIEW "\r\n$3\r\n" from "\r\n"
#define NEW(block)                                                                     \
    "*11\r\n$10\r\nXREADGROUP\r\n$5\r\nGROUP\r\n$1\r\ng\r\n$1\r\nc\r\n$5\r\nCOUNT\r\n" \
    "$2\r\n10\r\n$5\r\nBLOCK\r\n" block "\r\n$7\r\nSTREAMS\r\n$18\r\n" VIEW "\r\n$1\r\n>\r\n"
#define ACK(count, ids) "*" count "\r\n$4\r\nXACK\r\n$18\r\n" VIEW "\r\n$1\r\ng\r\n" ids
#define ID(id)          "$3\r\n" id "\r\n"
#define ENTRY(id, key)                                                          \
    "*2\r\n" ID(id) "*6\r\n$5\r\nevent\r\n$3\r\nset\r\n$3\r\nkey\r\n$1\r\n" key \
                    "\r\n$2\r\ndb\r\n$1\r\n0\r\n"
#define ENTRIES(count, entries) "*1\r\n*2\r\n$18\r\n" VIEW "\r\n*" count "\r\n" entries

static void begin(struct fixture *f, struct hark_durable_options durable)
{
    struct hark_options options = HARK_OPTIONS;
    options.path = f->path;
    options.reconnect_min_ms = 1;
    options.reconnect_max_ms = 4;
    options.open_anyway = 1;
    options.allocator = &f->allocator;
    durable.size = sizeof durable;
    durable.batch = 10;
    if (!durable.claim_idle_ms) durable.claim_idle_ms = -1;
    assert_int_equal(hark_durable_open(&options, VIEW, "g", "c", &durable, &f->p), 0);
    assert_true(hark_step(f->p) >= 0);
    f->peer = accept(f->listener, NULL, NULL);
    fcntl(f->listener, F_SETFL, O_NONBLOCK);
}

/* Steps until the peer has heard this. */
static void asks(struct fixture *f, const char *wanted)
{
    for (int i = 0; i < 3; i++) assert_true(hark_step(f->p) >= 0);
    hears(f, wanted);
}

static void begin_reading(struct fixture *f, struct hark_durable_options durable,
                          const char *new_ones)
{
    begin(f, durable);
    asks(f, CREATE);
    say(f, "-BUSYGROUP there is one\r\n");
    asks(f, PENDING("0-0"));
    say(f, ENTRIES("0", ""));
    asks(f, new_ones);
}

static void meet_again(struct fixture *f)
{
    close(f->peer);
    f->peer = -1;
    for (int i = 0; f->peer < 0 && i < 10000; i++) {
        assert_true(hark_step(f->p) >= 0);
        f->peer = accept(f->listener, NULL, NULL);
        if (f->peer < 0) usleep(500);
    }
    assert_true(f->peer >= 0);
}

static struct hark_message *next(struct fixture *f)
{
    struct hark_message *m;
    assert_int_equal(hark_pubsub_get_message(f->p, 5000, &m), 1);
    assert_non_null(m);
    return m;
}

static void gets(struct fixture *f, enum hark_message_type type, const char *id, int again)
{
    struct hark_message *m = next(f);
    assert_int_equal(m->type, type);
    if (id) assert_string_equal(m->id.at, id);
    assert_int_equal(m->again, again);
    hark_message_free(m);
}

static struct hark_message *get_and_ack(struct fixture *f)
{
    struct hark_message *m = next(f);
    assert_int_equal(hark_ack(f->p, m), 0);
    return m;
}

static void by_hand(void **state)
{
    struct fixture *f = *state;
    begin_reading(f, (struct hark_durable_options){0}, NEW("$4\r\n5000"));
    say(f, ENTRIES("2", ENTRY("7-1", "a") ENTRY("7-2", "b")));
    struct hark_message *m = get_and_ack(f);
    assert_int_equal(m->type, HARK_M_MESSAGE);
    assert_string_equal(m->channel.at, VIEW);
    assert_string_equal(m->data.at, "a");
    assert_string_equal(m->id.at, "7-1");
    assert_null(m->pattern.at);
    assert_int_equal(m->fields_count, 6);
    assert_string_equal(m->fields[1].at, "set");
    struct hark_event *e;
    assert_int_equal(hark_event_parse(m, NULL, &e), 0);
    assert_string_equal(e->id.at, "7-1");
    assert_string_equal(e->key.at, "a");
    hark_event_free(e);
    hark_message_free(m);
    gets(f, HARK_M_MESSAGE, "7-2", 0);
    assert_int_equal(hark_in_flight(f->p), 2);
    /* What is acknowledged goes before the next read, which blocks shortly: one is in flight. */
    asks(f, ACK("4", ID("7-1")) NEW("$3\r\n100"));
    say(f, ":1\r\n*-1\r\n");
    asks(f, NEW("$3\r\n100"));
    assert_int_equal(hark_in_flight(f->p), 1);
    assert_int_equal(hark_ack_id(f->p, "7-2"), 0);
    assert_int_equal(hark_ack_id(f->p, "nonsense"), HARK_USAGE);
    say(f, "*-1\r\n");
    asks(f, ACK("4", ID("7-2")) NEW("$4\r\n5000"));
    say(f, ":1\r\n");
    hark_step(f->p);
    assert_int_equal(hark_in_flight(f->p), 0);
}

/* After a disconnect: what was acknowledged is so again, what is in flight is passed over, what was
 * read and not handed out comes. */
static void it_resumes(void **state)
{
    struct fixture *f = *state;
    begin_reading(f, (struct hark_durable_options){0}, NEW("$4\r\n5000"));
    say(f, ENTRIES("3", ENTRY("7-1", "a") ENTRY("7-2", "b") ENTRY("7-3", "c")));
    hark_message_free(get_and_ack(f));
    gets(f, HARK_M_MESSAGE, "7-2", 0);
    close(f->peer);
    struct hark_message *m = next(f); /* it is here already */
    assert_string_equal(m->id.at, "7-3");
    hark_message_free(m);
    f->peer = dup(0);
    meet_again(f);
    asks(f, ACK("4", ID("7-1")) PENDING("0-0"));
    say(f, ":1\r\n" ENTRIES("3", ENTRY("7-2", "b") ENTRY("7-3", "c") ENTRY("7-4", "d")));
    m = next(f);
    assert_int_equal(m->type, HARK_M_RESUMED);
    assert_null(m->from.at);
    hark_message_free(m);
    gets(f, HARK_M_MESSAGE, "7-4", 1);
    asks(f, PENDING("7-4"));
    say(f, ENTRIES("0", ""));
    asks(f, NEW("$3\r\n100"));
}

struct story {
    int handled, refuse_at;
    char ids[128];
};

static int handle(struct hark_pubsub *p, const struct hark_message *m, void *context)
{
    struct story *s = context;
    (void)p;
    if (m->type == HARK_M_RESUMED) return 0;
    if (m->id.at) snprintf(s->ids + strlen(s->ids), 12, "%s%s ", m->id.at, m->again ? "!" : "");
    return ++s->handled == s->refuse_at;
}

static void handlers_acknowledge(void **state)
{
    struct fixture *f = *state;
    struct story s = {.refuse_at = 2};
    begin_reading(f, (struct hark_durable_options){.handler = handle, .context = &s},
                  NEW("$4\r\n5000"));
    say(f, ENTRIES("3", ENTRY("7-1", "a") ENTRY("7-2", "b") ENTRY("7-3", "c")));
    asks(f, ACK("5", ID("7-1") ID("7-3")) NEW("$4\r\n5000"));
    assert_string_equal(s.ids, "7-1 7-2 7-3 ");
    assert_int_equal(hark_in_flight(f->p), 2);
    /* Lost before the answer: acknowledged again, and not handled again meanwhile. */
    meet_again(f);
    asks(f, ACK("5", ID("7-1") ID("7-3")) PENDING("0-0"));
    say(f, ":2\r\n" ENTRIES("1", ENTRY("7-2", "b")));
    asks(f, ACK("4", ID("7-2")) PENDING("7-2"));
    assert_string_equal(s.ids, "7-1 7-2 7-3 7-2! ");
}

static void gaps(void **state)
{
    struct fixture *f = *state;
    struct story s = {0};
    begin(f, (struct hark_durable_options){.handler = handle, .context = &s});
    asks(f, CREATE);
    say(f, "+OK\r\n");
    asks(f, PENDING("0-0"));
    say(f, ENTRIES("1", "*2\r\n" ID("5-5") "*-1\r\n"));
    asks(f, ACK("4", ID("5-5")) PENDING("5-5"));
    assert_string_equal(s.ids, "5-5! ");
    meet_again(f);
    hark_pubsub_close(f->p);
    f->p = NULL;

    begin_reading(f, (struct hark_durable_options){0}, NEW("$4\r\n5000"));
    say(f, ENTRIES("1", "*2\r\n" ID("6-9") "*6\r\n$5\r\nevent\r\n$3\r\ngap\r\n$4\r\nfrom\r\n"
                                           "$3\r\n6-1\r\n$2\r\nto\r\n$3\r\n6-9\r\n"));
    struct hark_message *m = get_and_ack(f);
    assert_int_equal(m->type, HARK_M_GAP);
    assert_string_equal(m->from.at, "6-1");
    assert_string_equal(m->to.at, "6-9");
    assert_string_equal(m->data.at, "events from 6-1 to 6-9 are not kept any more");
    hark_message_free(m);
    asks(f, ACK("4", ID("6-9")) NEW("$4\r\n5000"));
}

static void in_flight_has_a_bound(void **state)
{
    struct fixture *f = *state;
    begin(f, (struct hark_durable_options){.in_flight_max = 10});
    asks(f, CREATE);
    say(f, "+OK\r\n");
    asks(f, PENDING("0-0"));
    say(f, ENTRIES("0", ""));
    asks(f, NEW("$4\r\n5000"));
    say(f, "*1\r\n*2\r\n$18\r\n" VIEW "\r\n*10\r\n");
    for (int i = 0; i < 10; i++) {
        char entry[256];
        snprintf(entry, sizeof entry, ENTRY("7-%d", "a"), i);
        say(f, entry);
    }
    for (int i = 0; i < 10; i++) hark_message_free(next(f));
    struct hark_message *m;
    assert_int_equal(hark_pubsub_get_message(f->p, 0, &m), 0);
    heard(f, ""); /* no read while ten are in flight */
    assert_int_equal(hark_ack_id(f->p, "7-3"), 0);
    fd_set set;
    struct timeval wait = {.tv_sec = 5};
    FD_ZERO(&set);
    FD_SET(hark_pubsub_fd(f->p), &set);
    assert_int_equal(select(hark_pubsub_fd(f->p) + 1, &set, NULL, NULL, &wait), 1);
    assert_true(hark_step(f->p) >= 0);
    hears(f, ACK("4", ID("7-3")) "*11\r\n$10\r\nXREADGROUP\r\n$5\r\nGROUP\r\n$1\r\ng\r\n$1\r\nc\r\n"
                                 "$5\r\nCOUNT\r\n$1\r\n1\r\n$5\r\nBLOCK\r\n$3\r\n100\r\n");
}

static void it_takes_over(void **state)
{
    struct fixture *f = *state;
    struct story s = {0};
    begin(f,
          (struct hark_durable_options){.handler = handle, .context = &s, .claim_idle_ms = 60000});
    asks(f, CREATE);
    say(f, "+OK\r\n");
    asks(f, PENDING("0-0"));
    say(f, ENTRIES("0", ""));
    asks(f, "*8\r\n$10\r\nXAUTOCLAIM\r\n$18\r\n" VIEW "\r\n$1\r\ng\r\n$1\r\nc\r\n$5\r\n60000\r\n"
            "$3\r\n0-0\r\n$5\r\nCOUNT\r\n$2\r\n10\r\n");
    say(f, "*3\r\n" ID("3-2") "*1\r\n" ENTRY("3-1", "a") "*1\r\n" ID("2-1"));
    asks(f, ACK("5", ID("3-1") ID("2-1")) "*8\r\n$10\r\nXAUTOCLAIM\r\n$18\r\n" VIEW
                                          "\r\n$1\r\ng\r\n$1\r\nc\r\n$5\r\n60000\r\n"
                                          "$3\r\n3-2\r\n$5\r\nCOUNT\r\n$2\r\n10\r\n");
    assert_string_equal(s.ids, "3-1! 2-1! ");
    say(f, ":2\r\n*3\r\n" ID("0-0") "*0\r\n*0\r\n");
    asks(f, NEW("$4\r\n5000"));
}

/* A group that somebody destroyed is made again, where this worker had got. */
static void a_group_that_is_gone(void **state)
{
    struct fixture *f = *state;
    struct story s = {0};
    begin_reading(f, (struct hark_durable_options){.handler = handle, .context = &s},
                  NEW("$4\r\n5000"));
    say(f, ENTRIES("1", ENTRY("7-1", "a")));
    asks(f, ACK("4", ID("7-1")) NEW("$4\r\n5000"));
    say(f, ":1\r\n-NOGROUP No such key or group\r\n");
    asks(f, "*5\r\n$6\r\nXGROUP\r\n$6\r\nCREATE\r\n$18\r\n" VIEW "\r\n$1\r\ng\r\n$3\r\n7-1\r\n");
}

static void what_is_refused(void **state)
{
    struct fixture *f = *state;
    begin(f, (struct hark_durable_options){0});
    asks(f, CREATE);
    say(f, "-ERR The XGROUP subcommand requires the key to exist. Note …\r\n");
    assert_int_equal(hark_step(f->p), HARK_DENIED);
    assert_non_null(strstr(hark_pubsub_error(f->p), "it is not Hark: ERR The XGROUP"));
    f->peer = (close(f->peer), -1);
    meet_again(f);
    asks(f, CREATE); /* it goes on trying */
    say(f, "-LOADING it starts\r\n");
    assert_int_equal(hark_step(f->p), 0); /* this passes by itself */
    assert_int_equal(hark_subscribe(f->p, "a", 1, NULL, NULL), HARK_USAGE);
    struct hark_durable_options durable = HARK_DURABLE_OPTIONS;
    durable.make_stream = 1;
    struct hark_pubsub *p;
    assert_int_equal(hark_durable_open(NULL, VIEW, "g", "c", &durable, &p), HARK_USAGE);
    hark_pubsub_close(p);
}

/* Every allocation in turn fails; whatever was not handed out comes again, nothing leaks. */
static void memory_runs_out(void **state)
{
    struct fixture *f = *state;
    int failures = 0;
    for (long n = 0;; n++) {
        struct hark_options options = HARK_OPTIONS;
        options.path = f->path;
        options.open_anyway = 1;
        options.reconnect_min_ms = 1000;
        options.reconnect_max_ms = 1000;
        options.allocator = &f->allocator;
        f->memory.left = n;
        struct hark_message *m = NULL;
        int rc = hark_durable_open(&options, VIEW, "g", "c", NULL, &f->p);
        if (rc == 0) rc = hark_step(f->p);
        if (rc >= 0) {
            accept_last(f);
            say(f, "+OK\r\n");
            rc = hark_step(f->p);
        }
        if (rc >= 0) {
            say(f, ENTRIES("1", ENTRY("7-1", "a")));
            rc = hark_pubsub_get_message(f->p, 0, &m);
        }
        if (rc == 1) rc = hark_ack(f->p, m);
        if (rc == 0) rc = hark_step(f->p);
        hark_message_free(m);
        bool whole = rc >= 0 && m;
        if (rc < 0) {
            assert_int_equal(rc, HARK_NO_MEMORY);
            assert_string_equal(hark_pubsub_error(f->p), "out of memory");
            failures++;
        }
        f->memory.left = -1;
        if (f->peer >= 0) close(f->peer);
        f->peer = -1;
        hark_pubsub_close(f->p);
        f->p = NULL;
        assert_int_equal(f->memory.taken, 0);
        if (whole) break;
    }
    assert_true(failures > 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_fixture, drop_fixture)
    const struct CMUnitTest tests[] = {
        TEST(by_hand),
        TEST(it_resumes),
        TEST(handlers_acknowledge),
        TEST(gaps),
        TEST(in_flight_has_a_bound),
        TEST(it_takes_over),
        TEST(a_group_that_is_gone),
        TEST(what_is_refused),
        TEST(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
