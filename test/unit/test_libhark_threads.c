/* Threads and libhark: what the rules at the head of its header allow, for the thread sanitizer to
 * look at. A peer in a thread of its own plays the server. */
#include "libhark.h"

#include <semaphore.h>

enum { MESSAGES = 2000, THREADS = 4 };

struct server {
    pthread_t thread;
    int listener, fds[THREADS];
};

/* Answers the first request of each connection with a confirmation and messages. All stay open: who
 * loses one makes another, and would hear everything once more. */
static void *serve(void *context)
{
    struct server *server = context;
    for (int i = 0; i < THREADS; i++) {
        int fd = server->fds[i] = accept(server->listener, NULL, NULL);
        assert_true(fd >= 0);
        char request[64];
        assert_true(recv(fd, request, sizeof request, 0) > 0);
        const char *confirmed = "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
        const char *message = "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n";
        assert_true(send(fd, confirmed, strlen(confirmed), MSG_NOSIGNAL) > 0);
        for (int k = 0; k < MESSAGES; k++)
            if (send(fd, message, strlen(message), MSG_NOSIGNAL) < 0) break;
    }
    return NULL;
}

static void server_begin(struct server *server, struct fixture *f)
{
    server->listener = f->listener;
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_end(struct server *server)
{
    for (int i = 0; i < THREADS; i++) close(server->fds[i]);
}

struct seen {
    int count, stop_at;
    bool wait; /* at the first message, until `go` is posted */
    sem_t go;
    pthread_t thread;
};

static int see(struct hark_pubsub *p, const struct hark_message *m, void *context)
{
    struct seen *s = context;
    s->thread = pthread_self();
    if (m->type != HARK_M_MESSAGE) return 0;
    if (s->count == 0 && s->wait) sem_wait(&s->go);
    if (++s->count == s->stop_at) hark_pubsub_stop(p);
    if (s->count < s->stop_at) assert_int_equal(hark_pubsub_join(p), HARK_USAGE); /* by itself */
    return 0;
}

static struct hark_pubsub *subscriber(struct fixture *f, struct seen *s)
{
    struct hark_options options = HARK_OPTIONS;
    options.path = f->path;
    struct hark_pubsub *p;
    assert_int_equal(hark_pubsub_open(&options, &p), 0);
    assert_int_equal(hark_subscribe(p, "a", 1, see, s), 0);
    return p;
}

/* Its handler stops it; then the object is ours again. Until it is known that there cannot be
 * another thread meanwhile, it may not be over. */
static void a_handler_stops_its_thread(void **state)
{
    struct server server;
    server_begin(&server, *state);
    for (int i = 0; i < THREADS; i++) {
        struct seen s = {.stop_at = MESSAGES / 2, .wait = true};
        sem_init(&s.go, 0, 0);
        struct hark_pubsub *p = subscriber(*state, &s);
        assert_int_equal(hark_pubsub_run_in_thread(p, i), 0);
        assert_int_equal(hark_pubsub_run_in_thread(p, 0), HARK_USAGE);
        sem_post(&s.go);
        assert_int_equal(hark_pubsub_join(p), 0);
        assert_int_equal(hark_pubsub_join(p), 0);
        assert_int_equal(s.count, MESSAGES / 2);
        assert_false(pthread_equal(s.thread, pthread_self()));
        struct hark_message *m;
        while (s.count < MESSAGES) /* the rest, in this thread */
            assert_int_equal(hark_pubsub_get_message(p, 10000, &m), 1);
        assert_true(pthread_equal(s.thread, pthread_self()));
        hark_pubsub_close(p);
        sem_destroy(&s.go);
    }
    pthread_join(server.thread, NULL);
    server_end(&server);
}

/* While it runs, others may stop and join it, and nothing else. */
static void others_stop_it(void **state)
{
    struct fixture *f = *state;
    struct server server;
    server_begin(&server, f);
    struct seen s[THREADS] = {{0}};
    struct hark_pubsub *all[THREADS];
    for (int i = 0; i < THREADS; i++) {
        all[i] = subscriber(f, &s[i]);
        assert_int_equal(hark_pubsub_run_in_thread(all[i], 0), 0);
        struct hark_message *m;
        assert_int_equal(hark_pubsub_get_message(all[i], 0, &m), HARK_USAGE);
        assert_int_equal(hark_step(all[i]), HARK_USAGE);
        assert_int_equal(hark_unsubscribe(all[i], "a", 1), HARK_USAGE);
    }
    pthread_join(server.thread, NULL);
    for (int i = 0; i < THREADS; i++) {
        hark_pubsub_stop(all[i]);
        assert_int_equal(hark_pubsub_join(all[i]), 0);
        assert_true(s[i].count <= MESSAGES);
        /* And once more. */
        assert_int_equal(hark_pubsub_run_in_thread(all[i], 1), 0);
        if (i % 2) hark_pubsub_stop(all[i]);
        hark_pubsub_close(all[i]); /* stops and joins by itself */
    }
    server_end(&server);
}

/* Answers whatever it is asked: the group stands, nothing is pending, and then there is an entry.
 */
static void *serve_a_group(void *context)
{
    struct fixture *f = context;
    f->peer = accept(f->listener, NULL, NULL);
    static const char *const answers[] = {
        "+OK\r\n", "*-1\r\n", "*3\r\n$3\r\n0-0\r\n*0\r\n*0\r\n",
        "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"};
    char request[512];
    for (int i = 0; i < 4; i++) {
        if (recv(f->peer, request, sizeof request, 0) <= 0) break;
        send(f->peer, answers[i], strlen(answers[i]), MSG_NOSIGNAL);
    }
    return NULL;
}

/* However quick the server is: what comes belongs to the first call that asks for messages. */
static void opening_takes_no_message(void **state)
{
    struct fixture *f = *state;
    pthread_t server;
    assert_int_equal(pthread_create(&server, NULL, serve_a_group, f), 0);
    struct hark_options options = HARK_OPTIONS;
    options.path = f->path;
    assert_int_equal(hark_durable_open(&options, "s", "g", "c", NULL, &f->p), 0);
    struct hark_message *m;
    assert_int_equal(hark_pubsub_get_message(f->p, 10000, &m), 1);
    assert_string_equal(m->id.at, "1-1");
    assert_string_equal(m->channel.at, "s");
    assert_string_equal(m->fields[1].at, "v");
    hark_message_free(m);
    pthread_join(server, NULL);
}

static void *stop_soon(void *context)
{
    usleep(5000);
    hark_pubsub_stop(context);
    return NULL;
}

static void a_stop_ends_a_wait(void **state)
{
    struct fixture *f = *state;
    struct hark_options options = HARK_OPTIONS;
    options.path = f->path;
    assert_int_equal(hark_pubsub_open(&options, &f->p), 0);
    for (int i = 0; i < 5; i++) {
        pthread_t other;
        struct hark_message *m;
        assert_int_equal(pthread_create(&other, NULL, stop_soon, f->p), 0);
        assert_int_equal(hark_pubsub_get_message(f->p, -1, &m), 0);
        pthread_join(other, NULL);
    }
}

/* Connections of their own need nothing from one another. */
static void *call(void *context)
{
    struct fixture *f = context;
    for (int i = 0; i < 100; i++) {
        struct hark_options options = HARK_OPTIONS;
        options.path = f->path;
        struct hark *h;
        if (hark_connect(&options, &h) == 0) {
            hark_queuef(h, "SET %d %b", i, "x", (size_t)1);
            hark_turn(h, 0);
        }
        hark_close(h);
    }
    return NULL;
}

static void *drain(void *context)
{
    struct fixture *f = context;
    for (int fd; (fd = accept(f->listener, NULL, NULL)) >= 0; close(fd)) continue;
    return NULL;
}

static void connections_in_threads(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[THREADS], drainer;
    assert_int_equal(pthread_create(&drainer, NULL, drain, f), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call, f), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    shutdown(f->listener, SHUT_RDWR);
    pthread_join(drainer, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_fixture, drop_fixture)
    const struct CMUnitTest tests[] = {
        TEST(a_handler_stops_its_thread), TEST(others_stop_it),         TEST(a_stop_ends_a_wait),
        TEST(opening_takes_no_message),   TEST(connections_in_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
