#include "poller.h"

#include "../base/err.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 512 };

int poller_init(struct poller *p)
{
    p->timeouts_in_ms = 0;
    p->fd = epoll_create1(EPOLL_CLOEXEC);
    return p->fd < 0 ? ERR_IO : 0;
}

void poller_fini(struct poller *p)
{
    close(p->fd);
    p->fd = -1;
}

static int control(struct poller *p, int op, int fd, unsigned want, void *owner)
{
    struct epoll_event e = {.data.ptr = owner};
    if (want & POLL_READ) e.events |= EPOLLIN;
    if (want & POLL_WRITE) e.events |= EPOLLOUT;
    if (want & POLL_HANGUP) e.events |= EPOLLRDHUP;
    return epoll_ctl(p->fd, op, fd, &e) == 0 ? 0 : ERR_IO;
}

int poller_add(struct poller *p, int fd, unsigned want, void *owner)
{
    return control(p, EPOLL_CTL_ADD, fd, want, owner);
}

int poller_change(struct poller *p, int fd, unsigned want, void *owner)
{
    return control(p, EPOLL_CTL_MOD, fd, want, owner);
}

void poller_remove(struct poller *p, int fd)
{
    epoll_ctl(p->fd, EPOLL_CTL_DEL, fd, NULL);
}

static int wait_for(struct poller *p, struct epoll_event *events, int max, int64_t timeout_us)
{
    if (timeout_us > 0 && !p->timeouts_in_ms) {
        struct timespec t = {timeout_us / 1000000, timeout_us % 1000000 * 1000};
        int n = epoll_pwait2(p->fd, events, max, &t, NULL);
        if (n >= 0 || errno == EINTR) return n;
        p->timeouts_in_ms = 1; /* ENOSYS, or EPERM where a sandbox does not know the call */
    }
    int64_t ms = timeout_us < 0 ? -1 : (timeout_us + 999) / 1000;
    return epoll_wait(p->fd, events, max, ms > INT32_MAX ? INT32_MAX : (int)ms);
}

int poller_wait(struct poller *p, struct poll_event *events, int max, int64_t timeout_us)
{
    struct epoll_event raw[EVENTS_MAX];
    int n = wait_for(p, raw, max < EVENTS_MAX ? max : EVENTS_MAX, timeout_us);
    for (int i = 0; i < n; i++) {
        unsigned ready = 0;
        if (raw[i].events & EPOLLIN) ready |= POLL_READ;
        if (raw[i].events & EPOLLOUT) ready |= POLL_WRITE;
        if (raw[i].events & EPOLLRDHUP) ready |= POLL_HANGUP;
        if (raw[i].events & (EPOLLERR | EPOLLHUP)) ready |= POLL_ERROR;
        events[i] = (struct poll_event){raw[i].data.ptr, ready};
    }
    return n < 0 ? 0 : n;
}
