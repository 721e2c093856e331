/* Readiness of many descriptors (epoll, level-triggered). */
#ifndef HARK_IO_POLLER_H
#define HARK_IO_POLLER_H

#include <stdint.h>

/* POLL_ERROR need not be asked for. POLL_HANGUP: the peer has closed its sending side, whatever of
 * what it sent is still unread. */
enum { POLL_READ = 1, POLL_WRITE = 2, POLL_ERROR = 4, POLL_HANGUP = 8 };

struct poller {
    int fd;
    int timeouts_in_ms; /* 1 where the kernel knows no finer timeout (before Linux 5.11) */
};

struct poll_event {
    void *owner;
    unsigned ready; /* POLL_* bits */
};

/* 0 or ERR_IO. */
int poller_init(struct poller *p);
void poller_fini(struct poller *p);
/* Watches fd for the POLL_* bits in `want`; `owner` comes back with its events. */
int poller_add(struct poller *p, int fd, unsigned want, void *owner);
int poller_change(struct poller *p, int fd, unsigned want, void *owner);
void poller_remove(struct poller *p, int fd);
/* Waits until something is ready, timeout_us are over (-1: no limit) or a signal came.
 * Returns how many of events[0..max) were filled. */
int poller_wait(struct poller *p, struct poll_event *events, int max, int64_t timeout_us);

#endif
