#include "thread.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

void mutex_init(struct mutex *m)
{
    CHECK(pthread_mutex_init(&m->raw, NULL) == 0);
}

void mutex_fini(struct mutex *m)
{
    CHECK(pthread_mutex_destroy(&m->raw) == 0);
}

void mutex_lock(struct mutex *m)
{
    CHECK(pthread_mutex_lock(&m->raw) == 0);
}

void mutex_unlock(struct mutex *m)
{
    CHECK(pthread_mutex_unlock(&m->raw) == 0);
}

void condition_init(struct condition *c)
{
    CHECK(pthread_cond_init(&c->raw, NULL) == 0);
}

void condition_fini(struct condition *c)
{
    CHECK(pthread_cond_destroy(&c->raw) == 0);
}

void condition_wait(struct condition *c, struct mutex *m)
{
    CHECK(pthread_cond_wait(&c->raw, &m->raw) == 0);
}

void condition_signal(struct condition *c)
{
    CHECK(pthread_cond_signal(&c->raw) == 0);
}

struct start {
    const char *name;
    void (*run)(void *ctx);
    void *ctx;
};

static void *begin(void *arg)
{
    struct start *given = arg, start = *given;
    mem_delete(given);
    pthread_setname_np(pthread_self(), start.name);
    start.run(start.ctx);
    mem_thread_ends();
    return NULL;
}

int thread_start(struct thread *t, const char *name, void (*run)(void *ctx), void *ctx)
{
    struct start *start = mem_new(struct start);
    *start = (struct start){name, run, ctx};
    sigset_t all, before;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int rc = pthread_create(&t->raw, NULL, begin, start);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (rc == 0) return 0;
    mem_delete(start);
    return ERR_LIMIT;
}

void thread_join(struct thread *t)
{
    CHECK(pthread_join(t->raw, NULL) == 0);
}

int wakeup_open(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? ERR_IO : fd;
}

void wakeup_ring(int fd)
{
    uint64_t one = 1;
    /* A full counter (EAGAIN) is readable already. */
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

void wakeup_clear(int fd)
{
    uint64_t rings;
    while (read(fd, &rings, sizeof rings) < 0 && errno == EINTR) {
    }
}

void wakeup_close(int fd)
{
    close(fd);
}
