/* Threads: the few primitives that Hark uses, so that the rest of it does not see the system's.
 * Nothing here fails but starting a thread; misuse ends the process. */
#ifndef HARK_IO_THREAD_H
#define HARK_IO_THREAD_H

#include <pthread.h>
#include <stdint.h>

struct mutex {
    pthread_mutex_t raw;
};

/* One condition, waited for with one mutex. */
struct condition {
    pthread_cond_t raw;
};

struct thread {
    pthread_t raw;
};

void mutex_init(struct mutex *m);
void mutex_fini(struct mutex *m);
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);

void condition_init(struct condition *c);
void condition_fini(struct condition *c);
/* Gives the locked mutex up while it waits. May return without reason: look again. */
void condition_wait(struct condition *c, struct mutex *m);
/* Wakes one that waits. */
void condition_signal(struct condition *c);

/* Starts `run(ctx)`, with all signals blocked and a name for `top` (at most 15 characters). 0 or
 * ERR_LIMIT. `name` is borrowed for good. */
int thread_start(struct thread *t, const char *name, void (*run)(void *ctx), void *ctx);
/* Waits for its end. */
void thread_join(struct thread *t);

/* A descriptor for a poller that another thread can make readable. Returns it, or ERR_IO. */
int wakeup_open(void);
/* From any thread. */
void wakeup_ring(int fd);
/* Unreadable again until the next ring. */
void wakeup_clear(int fd);
void wakeup_close(int fd);

#endif
