/* What tests of libhark share: an allocator that counts and can be made to fail, and a peer that
 * says what the test wants it to. Only the public header is used, and the library as it is
 * installed. */
#ifndef HARK_TEST_LIBHARK_H
#define HARK_TEST_LIBHARK_H

#include "../../include/hark.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- memory ---- */

struct memory {
    long left;  /* allocations before one fails; -1: none does */
    long taken; /* and not given back */
};

static inline void *limited_resize(void *context, void *p, size_t size)
{
    struct memory *m = context;
    if (size == 0) {
        m->taken -= p != NULL;
        free(p);
        return NULL;
    }
    if (m->left == 0) return NULL;
    if (m->left > 0) m->left--;
    m->taken += p == NULL;
    return realloc(p, size);
}

/* ---- a connection and its other end ---- */

struct fixture {
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    int listener, peer;
    struct hark *h;
    struct hark_pubsub *p;
    struct memory memory;
    struct hark_allocator allocator; /* of everything that is opened here */
};

static inline int listen_at(char *path, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(path, size, "/tmp/test-libhark-%d.sock", (int)getpid());
    unlink(path);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static inline void connect_with(struct fixture *f, struct hark_options options)
{
    options.size = sizeof options;
    options.path = f->path;
    options.allocator = &f->allocator;
    assert_int_equal(hark_connect(&options, &f->h), 0);
    f->peer = accept(f->listener, NULL, NULL);
    assert_true(f->peer >= 0);
}

static inline int set_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->listener = listen_at(f->path, sizeof f->path);
    f->peer = -1;
    f->memory.left = -1;
    f->allocator = (struct hark_allocator){limited_resize, &f->memory};
    *state = f;
    return 0;
}

static inline int drop_fixture(void **state)
{
    struct fixture *f = *state;
    f->memory.left = -1;
    hark_close(f->h);
    hark_pubsub_close(f->p);
    assert_int_equal(f->memory.taken, 0); /* everything was given back */
    if (f->peer >= 0) close(f->peer);
    close(f->listener);
    unlink(f->path);
    free(f);
    return 0;
}

static inline void say(struct fixture *f, const char *bytes)
{
    size_t len = strlen(bytes);
    assert_int_equal(write(f->peer, bytes, len), len);
}

/* In one write: the kernel counts each by more than its bytes, and blocks after a few hundred. */
static inline void say_times(struct fixture *f, const char *head, const char *bytes, int times)
{
    size_t size = strlen(head) + strlen(bytes) * (size_t)times + 1;
    char *all = malloc(size), *end = stpcpy(all, head);
    for (int i = 0; i < times; i++) end = stpcpy(end, bytes);
    say(f, all);
    free(all);
}

static inline void heard(struct fixture *f, const char *wanted)
{
    char got[512];
    ssize_t n = recv(f->peer, got, sizeof got - 1, MSG_DONTWAIT);
    got[n > 0 ? n : 0] = '\0';
    assert_string_equal(got, wanted);
}

/* The newest connection; those that failed before it are closed. */
static inline void accept_last(struct fixture *f)
{
    fcntl(f->listener, F_SETFL, O_NONBLOCK);
    for (int fd; (fd = accept(f->listener, NULL, NULL)) >= 0; f->peer = fd)
        if (f->peer >= 0) close(f->peer);
    assert_true(f->peer >= 0);
}

/* Waits for these bytes. */
static inline void hears(struct fixture *f, const char *wanted)
{
    char got[4096];
    size_t len = 0, size = strlen(wanted);
    struct timeval patience = {.tv_sec = 10};
    setsockopt(f->peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while (len < size) {
        ssize_t n = recv(f->peer, got + len, size - len, 0);
        if (n <= 0) break;
        len += (size_t)n;
    }
    got[len] = '\0';
    assert_string_equal(got, wanted);
}

static inline struct hark_reply *read_one(struct fixture *f)
{
    struct hark_reply *r = NULL;
    assert_int_equal(hark_read(f->h, &r), 0);
    return r;
}

#endif
