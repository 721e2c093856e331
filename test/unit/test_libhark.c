/* libhark's connections, against a peer that does what each test says. */
#include "libhark.h"

/* ---- tests ---- */

static void requests_are_resp(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){0});
    assert_int_equal(hark_queue(f->h, 2, (const char *[]){"ECHO", "a\0b"}, (size_t[]){4, 3}), 0);
    assert_int_equal(hark_queue(f->h, 2, (const char *[]){"GET", ""}, NULL), 0);
    assert_int_equal(hark_queue_raw(f->h, "PING\r\n", 6), 0);
    assert_int_equal(hark_queue(f->h, 0, NULL, NULL), HARK_USAGE);
    heard(f, ""); /* nothing leaves before a call that may send */
    assert_int_equal(hark_turn(f->h, 0), 1);
    assert_int_equal(hark_unsent(f->h), 0);
    char got[128];
    ssize_t n = recv(f->peer, got, sizeof got, 0);
    const char wanted[] = "*2\r\n$4\r\nECHO\r\n$3\r\na\0b\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\nPING\r\n";
    assert_int_equal(n, sizeof wanted - 1);
    assert_memory_equal(got, wanted, sizeof wanted - 1);
}

static void replies_are_trees(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){0});
    say(f, "*3\r\n$3\r\nabc\r\n%1\r\n+k\r\n:-7\r\n|1\r\n+ttl\r\n,1.5\r\n~1\r\n#t\r\n");
    struct hark_reply *r = read_one(f);
    assert_int_equal(r->type, HARK_T_ARRAY);
    assert_int_equal(r->count, 3);
    assert_int_equal(r->at[0].type, HARK_T_STRING);
    assert_string_equal(r->at[0].text, "abc");
    assert_int_equal(r->at[0].len, 3);
    assert_null(r->at[0].attribute);
    assert_int_equal(r->at[1].type, HARK_T_MAP);
    assert_int_equal(r->at[1].count, 2);
    assert_int_equal(r->at[1].at[1].integer, -7);
    assert_null(r->at[1].attribute);
    assert_int_equal(r->at[2].type, HARK_T_SET);
    assert_int_equal(r->at[2].at[0].integer, 1);
    const struct hark_reply *attribute = r->at[2].attribute;
    assert_non_null(attribute);
    assert_int_equal(attribute->type, HARK_T_MAP);
    assert_string_equal(attribute->at[0].text, "ttl");
    assert_true(attribute->at[1].number == 1.5);
    assert_string_equal(attribute->at[1].text, "1.5");
    hark_reply_free(r);

    say(f, "=5\r\nmkd:x\r\n$-1\r\n-ERR no\r\n");
    r = read_one(f);
    assert_int_equal(r->type, HARK_T_VERBATIM);
    assert_string_equal(r->format, "mkd");
    assert_string_equal(r->text, "x");
    hark_reply_free(r);
    r = read_one(f);
    assert_int_equal(r->type, HARK_T_NULL);
    hark_reply_free(r);
    r = read_one(f); /* an error of the server is a reply */
    assert_int_equal(r->type, HARK_T_ERROR);
    assert_string_equal(r->text, "ERR no");
    hark_reply_free(r);
}

/* Elements move while there are more than a head is believed; deep and wide at once. */
static void large_replies(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){0});
    enum { WIDE = 1000 };
    char *bytes = malloc(64 * WIDE), *end = bytes;
    end += sprintf(end, "*%d\r\n", WIDE);
    for (int i = 0; i < WIDE; i++)
        end += sprintf(end, "*2\r\n:%d\r\n|1\r\n+a\r\n:%d\r\n$5\r\n%05d\r\n", i, i, i);
    for (char *at = bytes; at < end;) { /* in small pieces */
        size_t piece = end - at < 777 ? (size_t)(end - at) : 777;
        assert_int_equal(write(f->peer, at, piece), piece);
        assert_int_equal(hark_turn(f->h, 1000), 1);
        at += piece;
        if (at < end) assert_int_equal(hark_take(f->h, NULL), 0);
    }
    free(bytes);
    struct hark_reply *r = read_one(f);
    assert_int_equal(r->count, WIDE);
    for (int i = 0; i < WIDE; i++) {
        char text[12];
        snprintf(text, sizeof text, "%05d", i);
        assert_int_equal(r->at[i].at[0].integer, i);
        assert_string_equal(r->at[i].at[1].text, text);
        assert_int_equal(r->at[i].at[1].attribute->at[1].integer, i);
    }
    hark_reply_free(r);
}

static void keep_push(void *context, struct hark_reply *push)
{
    struct hark_reply **kept = context;
    hark_reply_free(*kept);
    *kept = push;
}

static void pushes(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){0});
    const char *stream = ">1\r\n+one\r\n+first\r\n>1\r\n+two\r\n+second\r\n";
    say(f, stream);
    const enum hark_type types[] = {HARK_T_PUSH, HARK_T_STATUS, HARK_T_PUSH, HARK_T_STATUS};
    for (int i = 0; i < 4; i++) {
        struct hark_reply *r = read_one(f);
        assert_int_equal(r->type, types[i]);
        hark_reply_free(r);
    }
    struct hark_reply *kept = NULL;
    hark_on_push(f->h, keep_push, &kept);
    say(f, stream);
    struct hark_reply *r = read_one(f);
    assert_string_equal(r->text, "first");
    assert_string_equal(kept->at[0].text, "one");
    hark_reply_free(r);
    r = read_one(f);
    assert_string_equal(r->text, "second");
    assert_string_equal(kept->at[0].text, "two");
    hark_reply_free(r);
    hark_reply_free(kept);
}

static void a_timeout_loses_nothing(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){.timeout_ms = 20});
    struct hark_reply *r;
    assert_int_equal(hark_call(f->h, &r, "PING", NULL), HARK_TIMEOUT);
    assert_string_equal(hark_error(f->h), "timed out");
    say(f, "+PO");
    assert_int_equal(hark_read(f->h, &r), HARK_TIMEOUT);
    say(f, "NG\r\n");
    r = read_one(f);
    assert_string_equal(r->text, "PONG");
    hark_reply_free(r);
}

static void ignore_signal(int number)
{
    (void)number;
}

static void a_signal_interrupts(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){0});
    struct sigaction action = {.sa_handler = ignore_signal}, before;
    sigaction(SIGALRM, &action, &before);
    struct itimerval soon = {.it_value.tv_usec = 10000, .it_interval.tv_usec = 10000};
    setitimer(ITIMER_REAL, &soon, NULL);
    struct hark_reply *r;
    assert_int_equal(hark_call(f->h, &r, "PING", NULL), HARK_INTERRUPTED);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    sigaction(SIGALRM, &before, NULL);
    say(f, "+PONG\r\n");
    r = read_one(f);
    assert_string_equal(r->text, "PONG");
    hark_reply_free(r);
}

static void what_came_before_the_end_is_read(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){0});
    say(f, "-ERR max number of clients reached\r\n");
    close(f->peer);
    f->peer = -1;
    struct hark_reply *r;
    assert_int_equal(hark_call(f->h, &r, "PING", NULL), 0);
    assert_int_equal(r->type, HARK_T_ERROR);
    hark_reply_free(r);
    int spent = hark_read(f->h, &r);
    assert_true(spent == HARK_CLOSED || spent == HARK_IO);
    assert_int_equal(hark_call(f->h, &r, "PING", NULL), spent);
    assert_int_equal(hark_turn(f->h, -1), spent);
}

static void nonsense_spends_the_connection(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){0});
    say(f, "+fine\r\nHTTP/1.1 400\r\n");
    struct hark_reply *r = read_one(f);
    hark_reply_free(r);
    assert_int_equal(hark_read(f->h, &r), HARK_PROTOCOL);
    assert_string_equal(hark_error(f->h), "Protocol error, got \"H\" as reply type byte");
    say(f, "+fine\r\n");
    assert_int_equal(hark_read(f->h, &r), HARK_PROTOCOL);
    assert_int_equal(hark_queue(f->h, 1, (const char *[]){"PING"}, NULL), HARK_PROTOCOL);
}

static void a_reply_has_a_bound(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){.reply_bytes_max = 10000});
    struct hark_reply *r;
    /* A head alone takes no memory, whatever it announces. */
    say(f, "*100000000\r\n");
    assert_int_equal(hark_turn(f->h, 1000), 1);
    assert_int_equal(hark_take(f->h, &r), 0);
    say_times(f, "", "*0\r\n", 1000);
    assert_int_equal(hark_read(f->h, &r), HARK_LIMIT);
    assert_int_equal(hark_read(f->h, &r), HARK_LIMIT);
}

static void a_string_has_a_bound(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){.reply_bytes_max = 10000});
    struct hark_reply *r;
    say(f, "$10001\r\n");
    assert_int_equal(hark_read(f->h, &r), HARK_LIMIT);
    assert_string_equal(hark_error(f->h), "Reply refused, a string is too long");
}

/* Neither side reads before it has written: a turn does both. */
static void a_full_pipe_is_no_deadlock(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){0});
    enum { REQUESTS = 200, VALUE = 20000 };
    char *value = calloc(1, VALUE + 1);
    memset(value, 'v', VALUE);
    for (int i = 0; i < REQUESTS; i++)
        assert_int_equal(hark_queue(f->h, 2, (const char *[]){"SET", value}, NULL), 0);
    free(value);
    size_t total = hark_unsent(f->h), received = 0;
    while (hark_turn(f->h, 0) == 1) continue;
    assert_true(hark_unsent(f->h) > 0 && hark_unsent(f->h) < total);
    char bytes[65536];
    while (received < total) {
        ssize_t n = recv(f->peer, bytes, sizeof bytes, MSG_DONTWAIT);
        assert_true(n > 0);
        received += (size_t)n;
        say(f, "+OK\r\n");
        assert_true(hark_turn(f->h, 1000) == 1);
    }
    assert_int_equal(hark_unsent(f->h), 0);
    int replies = 0;
    while (hark_turn(f->h, 0) == 1) continue;
    while (hark_take(f->h, NULL) == 1) replies++;
    assert_true(replies > 0);
}

static void refusals(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){0});
    say(f, "+OK\r\n-WRONGPASS no\r\n-ERR unknown\r\n+OK\r\n+OK\r\n");
    assert_int_equal(hark_auth(f->h, NULL, "word"), 0);
    assert_int_equal(hark_auth(f->h, "user", "word"), HARK_DENIED);
    assert_string_equal(hark_error(f->h), "WRONGPASS no");
    assert_int_equal(hark_hello(f->h, 3), HARK_DENIED);
    assert_int_equal(hark_hello(f->h, 4), HARK_USAGE);
    assert_int_equal(hark_hello(f->h, 2), 0);
    assert_int_equal(hark_select(f->h, 12), 0);
    heard(f, "*2\r\n$4\r\nAUTH\r\n$4\r\nword\r\n*3\r\n$4\r\nAUTH\r\n$4\r\nuser\r\n$4\r\nword\r\n"
             "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*2\r\n$5\r\nHELLO\r\n$1\r\n2\r\n"
             "*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n");
}

static void *greet(void *context)
{
    struct fixture *f = context;
    f->peer = accept(f->listener, NULL, NULL);
    const char *replies = "+OK\r\n%0\r\n-ERR DB index is out of range\r\n";
    ssize_t n = write(f->peer, replies, strlen(replies));
    return n > 0 ? f : NULL;
}

static void options_are_carried_out(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, greet, f), 0);
    struct hark_options options = HARK_OPTIONS;
    options.path = f->path;
    options.password = "word";
    options.protocol = 3;
    options.db = 99;
    options.connect_timeout_ms = 5000;
    int rc = hark_connect(&options, &f->h);
    pthread_join(thread, NULL);
    assert_int_equal(rc, HARK_DENIED);
    assert_string_equal(hark_error(f->h), "ERR DB index is out of range");
}

static void options_of_another_size(void **state)
{
    struct fixture *f = *state;
    struct {
        struct hark_options known;
        char newer[64];
    } options = {.known = HARK_OPTIONS};
    options.known.size = sizeof options;
    options.known.path = f->path;
    memset(options.newer, 0xff, sizeof options.newer);
    assert_int_equal(hark_connect(&options.known, &f->h), 0);
    hark_close(f->h);
    /* An older program's struct ends before the password: what is behind is not looked at. */
    options.known.size = offsetof(struct hark_options, password);
    options.known.password = (const char *)1;
    assert_int_equal(hark_connect(&options.known, &f->h), 0);
}

static void connections_that_cannot_be(void **state)
{
    (void)state;
    struct hark_options options = HARK_OPTIONS;
    struct hark *h;
    struct hark_reply *r;
    options.path = "/nonexistent/socket";
    assert_int_equal(hark_connect(&options, &h), HARK_NO_CONNECTION);
    assert_string_equal(hark_error(h), "No such file or directory");
    assert_int_equal(hark_fd(h), -1);
    assert_int_equal(hark_call(h, &r, "PING", NULL), HARK_NO_CONNECTION);
    hark_close(h);
    char longer[200];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    options.path = longer;
    assert_int_equal(hark_connect(&options, &h), HARK_USAGE);
    hark_close(h);
    options.path = NULL;
    options.port = 65536;
    assert_int_equal(hark_connect(&options, &h), HARK_USAGE);
    hark_close(h);
    hark_close(NULL);
    assert_string_equal(hark_error(NULL), "out of memory");
}

/* Every allocation in turn fails: an error each time, never a crash, never a leak. */
static void memory_runs_out(void **state)
{
    struct fixture *f = *state;
    struct hark_options options = HARK_OPTIONS;
    options.path = f->path;
    options.password = "word";
    options.allocator = &f->allocator;
    int failures = 0;
    for (long n = 0;; n++) {
        f->memory.left = n;
        struct hark_reply *r = NULL;
        int rc = hark_connect_begin(&options, &f->h);
        if (rc == 0) {
            f->peer = accept(f->listener, NULL, NULL);
            say_times(f, "+OK\r\n*200\r\n",
                      "|1\r\n+a\r\n+b\r\n$30\r\n123456789012345678901234567890\r\n", 200);
            rc = hark_commandf(f->h, &r, "SET user:%d %b", 7, "a\0b", (size_t)3);
        }
        f->memory.left = -1;
        if (rc == 0) {
            assert_int_equal(r->count, 200);
            assert_string_equal(r->at[199].text, "123456789012345678901234567890");
        } else {
            assert_int_equal(rc, HARK_NO_MEMORY);
            assert_string_equal(hark_error(f->h), "out of memory");
            failures++;
        }
        hark_reply_free(r);
        hark_close(f->h);
        f->h = NULL;
        if (f->peer >= 0) close(f->peer);
        f->peer = -1;
        assert_int_equal(f->memory.taken, 0);
        if (rc == 0) break;
    }
    assert_true(failures > 8);
}

static void formats(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){0});
    assert_int_equal(hark_queuef(f->h, "SET k:%d %b  EX %lld ", -5, "a b\0c", (size_t)5, 60LL), 0);
    assert_int_equal(hark_turn(f->h, 0), 1);
    char got[256];
    ssize_t n = recv(f->peer, got, sizeof got, 0);
    const char wanted[] =
        "*5\r\n$3\r\nSET\r\n$4\r\nk:-5\r\n$5\r\na b\0c\r\n$2\r\nEX\r\n$2\r\n60\r\n";
    assert_int_equal(n, sizeof wanted - 1);
    assert_memory_equal(got, wanted, sizeof wanted - 1);

    assert_int_equal(
        hark_queuef(f->h, "%s%s %s %05.1f%% %x %zu %c", "a", "b", "", 2.25, 255u, (size_t)-1, 'z'),
        0);
    assert_int_equal(hark_turn(f->h, 0), 1);
    heard(f, "*6\r\n$2\r\nab\r\n$0\r\n\r\n$6\r\n002.2%\r\n$2\r\nff\r\n$20\r\n18446744073709551615"
             "\r\n$1\r\nz\r\n");
    assert_int_equal(hark_queuef(f->h, "GET %q", 1), HARK_USAGE);
    assert_string_equal(hark_error(f->h), "This cannot be put into a request: %q");
    assert_int_equal(hark_queuef(f->h, "GET %"), HARK_USAGE);
    assert_int_equal(hark_queuef(f->h, "GET %5s", "x"), HARK_USAGE);
    assert_int_equal(hark_queuef(f->h, "GET %0999999999999999999999999999d", 1), HARK_USAGE);
    assert_int_equal(hark_queuef(f->h, "GET %9999d", 1), HARK_USAGE);
    assert_int_equal(hark_queuef(f->h, "  "), HARK_USAGE);
    assert_int_equal(hark_unsent(f->h), 0); /* nothing of these is left behind */
}

static void takes_piece(struct fixture *f, enum hark_type type, int depth, const char *text,
                        bool last)
{
    struct hark_piece piece;
    assert_int_equal(hark_piece(f->h, &piece), 0);
    assert_int_equal(piece.type, type);
    assert_int_equal(piece.depth, depth);
    assert_int_equal(piece.last, last);
    if (!text) return;
    assert_int_equal(piece.len, strlen(text));
    assert_memory_equal(piece.text, text, piece.len);
}

static void pieces(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){.timeout_ms = 20});
    say(f, "*3\r\n|1\r\n+a\r\n*1\r\n+b\r\n$3\r\nabc\r\n*2\r\n:1\r\n+x\r\n$");
    takes_piece(f, HARK_T_ARRAY, 0, NULL, false);
    takes_piece(f, HARK_T_STRING, 1, "abc", false);
    struct hark_reply *r;
    assert_int_equal(hark_take(f->h, &r), HARK_USAGE);
    takes_piece(f, HARK_T_ARRAY, 1, NULL, false);
    takes_piece(f, HARK_T_INTEGER, 2, NULL, false);
    takes_piece(f, HARK_T_STATUS, 2, "x", false);
    struct hark_piece piece;
    assert_int_equal(hark_piece(f->h, &piece), HARK_TIMEOUT);
    say(f, "4\r\nlast\r\n+whole\r\n*2\r\n+first\r\n");
    takes_piece(f, HARK_T_STRING, 1, "last", true);
    r = read_one(f);
    assert_string_equal(r->text, "whole");
    hark_reply_free(r);
    assert_int_equal(hark_read(f->h, &r), HARK_TIMEOUT);
    assert_int_equal(hark_piece(f->h, &piece), HARK_USAGE); /* in the middle of a tree */
    say(f, "+second\r\n");
    r = read_one(f);
    assert_int_equal(r->count, 2);
    hark_reply_free(r);
}

static void pushes_between_pieces(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){.timeout_ms = 20});
    struct hark_reply *kept = NULL;
    hark_on_push(f->h, keep_push, &kept);
    say(f, ">0\r\n>2\r\n+one\r\n");
    struct hark_piece piece;
    assert_int_equal(hark_piece(f->h, &piece), HARK_TIMEOUT);
    say(f, "*1\r\n+deep\r\n+answer\r\n");
    takes_piece(f, HARK_T_STATUS, 0, "answer", true);
    assert_int_equal(kept->count, 2);
    assert_string_equal(kept->at[1].at[0].text, "deep");
    hark_on_push(f->h, NULL, NULL);
    say(f, ">1\r\n+two\r\n");
    takes_piece(f, HARK_T_PUSH, 0, NULL, false);
    takes_piece(f, HARK_T_STATUS, 1, "two", true);
    hark_reply_free(kept);
}

static void begin_without_waiting(void **state)
{
    struct fixture *f = *state;
    struct hark_options options = HARK_OPTIONS;
    char url[160];
    snprintf(url, sizeof url, "unix://:w%%6frd@%s?db=3", f->path);
    options.url = url;
    options.client_name = "me";
    options.allocator = &f->allocator;
    assert_int_equal(hark_connect_begin(&options, &f->h), 0);
    assert_true(hark_fd(f->h) >= 0);
    assert_int_equal(hark_wants(f->h), HARK_WRITE);
    assert_int_equal(hark_queue(f->h, 1, (const char *[]){"PING"}, NULL), 0);
    f->peer = accept(f->listener, NULL, NULL);
    while (hark_unsent(f->h)) assert_true(hark_turn(f->h, 1000) >= 0);
    assert_int_equal(hark_wants(f->h), HARK_READ);
    hears(f, "*2\r\n$4\r\nAUTH\r\n$4\r\nword\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
             "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$2\r\nme\r\n*1\r\n$4\r\nPING\r\n");
    say(f, "+OK\r\n+OK\r\n-ERR unknown command\r\n+PO");
    assert_int_equal(hark_turn(f->h, 1000), 1);
    assert_int_equal(hark_take(f->h, NULL), 0);
    say(f, "NG\r\n");
    struct hark_reply *r = read_one(f);
    assert_string_equal(r->text, "PONG");
    hark_reply_free(r);
}

static void urls(void **state)
{
    (void)state;
    static const struct {
        const char *url, *error;
    } rows[] = {
        {"http://x", "Invalid URL, it must begin with redis://, rediss:// or unix://"},
        {"localhost", "Invalid URL, it must begin with redis://, rediss:// or unix://"},
        {"redis://h:70000", "Invalid URL, the port is none"},
        {"redis://h:1x", "Invalid URL, the port is none"},
        {"redis://[::1", "Invalid URL, a [ is not closed"},
        {"redis://[::1]x", "Invalid URL, of the host and port"},
        {"redis://h/x", "Invalid URL, the database is none"},
        {"redis://h/1?x=2", "Invalid URL, only ?db= may follow"},
        {"unix://", "Invalid URL, the path is missing"},
        {"unix:///nonexistent/%73ocket", "No such file or directory"},
        {"redis://user:pass@127.0.0.1:1/0", "Connection refused"},
        {"hark://[::ffff:127.0.0.1]:1", "Connection refused"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hark_options options = HARK_OPTIONS;
        struct hark *h;
        options.url = rows[i].url;
        assert_true(hark_connect(&options, &h) < 0);
        assert_string_equal(hark_error(h), rows[i].error);
        hark_close(h);
    }
}

static void a_connection_that_is_never_answered_times_out(void **state)
{
    struct fixture *f = *state;
    struct hark_options options = HARK_OPTIONS;
    options.path = f->path;
    options.password = "word";
    options.connect_timeout_ms = 30;
    options.allocator = &f->allocator;
    assert_int_equal(hark_connect(&options, &f->h), HARK_TIMEOUT);
    assert_string_equal(hark_error(f->h), "The connection timed out");
}

static void a_value_is_found_by_name(void **state)
{
    struct fixture *f = *state;
    connect_with(f, (struct hark_options){0});
    say(f, "*4\r\n$4\r\nname\r\n:7\r\n:1\r\n+x\r\n");
    struct hark_reply *r = read_one(f);
    assert_int_equal(hark_reply_get(r, "name")->integer, 7);
    assert_null(hark_reply_get(r, "nam"));
    hark_reply_free(r);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_fixture, drop_fixture)
    const struct CMUnitTest tests[] = {
        TEST(requests_are_resp),
        TEST(replies_are_trees),
        TEST(large_replies),
        TEST(pushes),
        TEST(a_timeout_loses_nothing),
        TEST(a_signal_interrupts),
        TEST(what_came_before_the_end_is_read),
        TEST(nonsense_spends_the_connection),
        TEST(a_reply_has_a_bound),
        TEST(a_string_has_a_bound),
        TEST(a_full_pipe_is_no_deadlock),
        TEST(refusals),
        TEST(options_are_carried_out),
        TEST(options_of_another_size),
        cmocka_unit_test(connections_that_cannot_be),
        TEST(memory_runs_out),
        TEST(formats),
        TEST(pieces),
        TEST(pushes_between_pieces),
        TEST(begin_without_waiting),
        cmocka_unit_test(urls),
        TEST(a_connection_that_is_never_answered_times_out),
        TEST(a_value_is_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
