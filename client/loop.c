/* The subscriber's life: one connection after the other, messages to whom they are for, what there
 * is to wait for, and the thread.
 *
 *     take_one ─▶ the next message that is here      ┐
 *     hark_pubsub_move ─▶ connect, send, read once   ├─ hark_step: until nothing more can be done
 *     hark_pubsub_wait ─▶ one epoll for all          ┘  get_message: until there is one
 *
 * The epoll holds the socket, a timer and a wake (an eventfd, by which other threads stop us). The
 * first two change behind it: `look_after` tells it after every step. */
#include "pubsub.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    STEP_MOVES_MAX = 16, /* reads of one hark_step, so that the loop around it stays alive */
};

/* ---- errors ---- */

int hark_pubsub_refuse(struct hark_pubsub *p, int result, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    vsnprintf(p->error, sizeof p->error, form, args);
    va_end(args);
    return result;
}

int hark_pubsub_no_memory(struct hark_pubsub *p)
{
    return hark_pubsub_refuse(p, HARK_NO_MEMORY, "%s", hark_result_text(HARK_NO_MEMORY));
}

const char *hark_pubsub_error(const struct hark_pubsub *p)
{
    return p ? p->error : hark_result_text(HARK_NO_MEMORY);
}

/* ---- what to wait for ---- */

int hark_pubsub_fd(const struct hark_pubsub *p)
{
    return p->epoll;
}

static void watch_socket(struct hark_pubsub *p)
{
    int fd = p->link ? hark_fd(p->link) : -1, wants = p->link && fd >= 0 ? hark_wants(p->link) : 0;
    if (p->queued >= QUEUE_MAX) wants &= ~HARK_READ;
    if (fd == p->watched_fd && wants == p->watched_wants) return;
    p->watched_fd = fd;
    p->watched_wants = wants;
    if (fd < 0) return; /* closing it took it out */
    struct epoll_event e = {.events = (wants & HARK_READ ? EPOLLIN : 0u) |
                                      (wants & HARK_WRITE ? EPOLLOUT : 0u),
                            .data.fd = fd};
    if (epoll_ctl(p->epoll, EPOLL_CTL_MOD, fd, &e) < 0 && errno == ENOENT)
        epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e);
}

static void set_timer(struct hark_pubsub *p, deadline_ms at)
{
    if (at == p->timer_at) return;
    p->timer_at = at;
    struct itimerspec t = {.it_value = {at / 1000, at % 1000 * 1000000}};
    timerfd_settime(p->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

static void look_after(struct hark_pubsub *p)
{
    watch_socket(p);
    deadline_ms at = p->link ? 0 : p->retry_at;
    if (p->link && !hark_is_ready(p->link)) at = p->link->connect_by;
    if (p->link && p->durable) at = hark_deadline_min(at, hark_durable_wake_at(p));
    set_timer(p, at);
}

/* Which of its own descriptors have fired is known here, and put to rest: they would stay readable.
 * The socket needs nothing of the kind. */
int hark_pubsub_wait(struct hark_pubsub *p, int timeout_ms)
{
    struct epoll_event events[3];
    int n = epoll_wait(p->epoll, events, 3, timeout_ms);
    if (n < 0 && errno == EINTR)
        return hark_pubsub_refuse(p, HARK_INTERRUPTED, "%s", hark_result_text(HARK_INTERRUPTED));
    for (int i = 0; i < n; i++) {
        uint64_t times;
        int fd = events[i].data.fd;
        if (fd != p->timer && fd != p->wake) continue;
        while (read(fd, &times, sizeof times) < 0 && errno == EINTR) continue;
        if (fd == p->timer) p->timer_at = 0;
    }
    return n > 0;
}

/* ---- the connection ---- */

/* Errors that pass by themselves: a server that starts, or stops, or is busy. */
static bool passes(const char *text)
{
    static const char *const words[] = {"LOADING ",
                                        "BUSY ",
                                        "MASTERDOWN ",
                                        "TRYAGAIN ",
                                        "CLUSTERDOWN ",
                                        "UNBLOCKED ",
                                        "READONLY ",
                                        "OOM ",
                                        "MISCONF ",
                                        "NOREPLICAS ",
                                        "ERR max number of clients"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(text, words[i], strlen(words[i])) == 0) return true;
    return false;
}

static uint64_t next_random(struct hark_pubsub *p)
{
    uint64_t x = p->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return p->random = x;
}

static void plan_retry(struct hark_pubsub *p)
{
    const struct hark_options *o = p->settings;
    if (p->was_ready) p->backoff_ms = 0;
    p->was_ready = false;
    int64_t wait = p->backoff_ms ? 2 * (int64_t)p->backoff_ms : o->reconnect_min_ms;
    if (wait > o->reconnect_max_ms) wait = o->reconnect_max_ms;
    if (wait < 1) wait = 1;
    p->backoff_ms = (int)wait;
    wait -= (int64_t)(next_random(p) % (uint64_t)(wait / 4 + 1));
    p->retry_at = hark_now_ms() + wait;
}

int hark_pubsub_lose(struct hark_pubsub *p, int result)
{
    if (p->link && p->link->failed == result)
        hark_pubsub_refuse(p, result, "%s", p->link->error);
    else if (result == HARK_NO_MEMORY)
        hark_pubsub_no_memory(p);
    bool told = result == HARK_NO_MEMORY || result == HARK_PROTOCOL || result == HARK_LIMIT ||
                result == HARK_UNSUPPORTED || (result == HARK_DENIED && !passes(p->error));
    hark_close(p->link);
    p->link = NULL;
    if (p->heard_ms) p->lost_ms = p->heard_ms;
    p->heard_ms = 0;
    if (p->durable)
        hark_durable_lose(p);
    else
        hark_subscriptions_lose(p);
    plan_retry(p);
    return told || p->settings->reconnect_min_ms < 0 ? result : 0;
}

static int begin(struct hark_pubsub *p)
{
    int rc = hark_begin(&p->memory, p->settings, &p->link);
    p->watched_fd = -1;
    if (!p->link) {
        plan_retry(p);
        return hark_pubsub_no_memory(p);
    }
    if (rc == 0) rc = p->durable ? hark_durable_begin(p) : hark_subscriptions_ask(p);
    return rc < 0 ? hark_pubsub_lose(p, p->link->failed ? p->link->failed : rc) : 1;
}

int hark_pubsub_move(struct hark_pubsub *p)
{
    if (!p->link) return hark_timeout_until(p->retry_at) == 0 || !p->retry_at ? begin(p) : 0;
    size_t had = p->link->in.len - p->link->in.from;
    int rc = hark_turn(p->link, 0);
    if (rc < 0) return hark_pubsub_lose(p, rc);
    if (p->link->in.len - p->link->in.from > had) p->heard_ms = hark_unix_ms();
    return rc;
}

/* ---- messages ---- */

int hark_pubsub_hand_out(struct hark_pubsub *p, const struct hark_message *m, hark_message_fn *fn,
                         void *context, struct hark_message **out, int *verdict)
{
    *verdict = 0;
    if (fn) {
        bool nested = p->in_handler;
        p->in_handler = true;
        *verdict = fn(p, m, context);
        p->in_handler = nested;
        return 1;
    }
    *out = hark_message_copy(&p->memory, m);
    return *out ? 1 : hark_pubsub_no_memory(p);
}

/* The next message that is here: 1, 0, or a result. */
static int take_one(struct hark_pubsub *p, struct hark_message **out)
{
    *out = NULL;
    for (;;) {
        int rc = p->durable ? hark_durable_take(p, out) : 0;
        if (rc != 0 || !p->link) return rc;
        struct hark_reply *reply;
        struct hark_text words[HARK_WORDS_MAX];
        size_t count = p->durable ? 0 : (size_t)hark_take_words(p->link, words);
        if (count) {
            rc = hark_pubsub_take_words(p, words, count, out);
            if (rc != 0) return rc;
            continue;
        }
        rc = p->durable ? 0 : hark_take(p->link, &reply);
        if (rc < 0) return hark_pubsub_lose(p, rc);
        if (rc == 0) return 0;
        p->was_ready = true;
        rc = hark_pubsub_take_reply(p, reply, out);
        if (rc != 0) return rc;
    }
}

static int pop(struct hark_pubsub *p, struct hark_message **out)
{
    struct queued *q = p->first;
    if (!q) return 0;
    p->first = q->next;
    if (!p->first) p->last = &p->first;
    p->queued--;
    *out = q->message;
    hark_release(&p->memory, q);
    return 1;
}

static int push(struct hark_pubsub *p, struct hark_message *m)
{
    struct queued *q = hark_alloc(&p->memory, sizeof *q);
    if (!q) {
        /* The message is not handed out, so it is as if the connection had failed before it. */
        hark_message_free(m);
        hark_pubsub_lose(p, HARK_NO_MEMORY);
        return hark_pubsub_no_memory(p);
    }
    *q = (struct queued){.message = m};
    *p->last = q;
    p->last = &q->next;
    p->queued++;
    return 0;
}

/* May this thread use it, and not from within a handler? */
static int check_use(struct hark_pubsub *p)
{
    if (p->running && p->owner != (unsigned long)pthread_self()) return HARK_USAGE;
    if (p->in_handler)
        return hark_pubsub_refuse(p, HARK_USAGE, "This cannot be called by a handler");
    return 0;
}

/* Everything that can be done without waiting; ends early when a message is for the caller. */
static int next_message(struct hark_pubsub *p, struct hark_message **out)
{
    for (;;) {
        int rc = take_one(p, out);
        if (rc != 0) return rc;
        rc = p->durable && p->link ? hark_durable_pump(p) : 0;
        if (rc >= 0) rc = hark_pubsub_move(p);
        if (rc <= 0) return rc;
    }
}

int hark_pubsub_get_message(struct hark_pubsub *p, int timeout_ms, struct hark_message **out)
{
    *out = NULL;
    int rc = check_use(p);
    if (rc < 0) return rc;
    if (pop(p, out)) return 1;
    deadline_ms deadline = hark_deadline_after(timeout_ms);
    for (;;) {
        rc = next_message(p, out);
        if (rc != 0) return rc;
        look_after(p);
        int left = timeout_ms == 0 ? 0 : hark_timeout_until(deadline);
        rc = hark_pubsub_wait(p, left);
        if (rc < 0) return rc;
        if (p->stop) {
            if (!p->running) p->stop = false;
            return 0;
        }
        if (rc == 0 && left == 0) return 0;
    }
}

int hark_step(struct hark_pubsub *p)
{
    int rc = check_use(p), came = 0;
    if (rc < 0) return rc;
    hark_pubsub_wait(p, 0);
    for (int moves = 0; moves < STEP_MOVES_MAX && p->queued < QUEUE_MAX && !p->stop;) {
        struct hark_message *m;
        rc = take_one(p, &m);
        if (rc == 1 && m) rc = push(p, m) < 0 ? HARK_NO_MEMORY : 1;
        if (rc < 0) break;
        came |= rc;
        if (rc == 1) continue;
        rc = p->durable && p->link ? hark_durable_pump(p) : 0;
        if (rc >= 0) rc = hark_pubsub_move(p);
        if (rc <= 0) break;
        moves++;
    }
    p->stop = false;
    look_after(p);
    return rc < 0 ? rc : came || p->queued;
}

/* ---- open and close ---- */

static int open_descriptors(struct hark_pubsub *p)
{
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event timer = {.events = EPOLLIN, .data.fd = p->timer};
    struct epoll_event wake = {.events = EPOLLIN, .data.fd = p->wake};
    if (p->epoll >= 0 && p->timer >= 0 && p->wake >= 0 &&
        epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->timer, &timer) == 0 &&
        epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->wake, &wake) == 0)
        return 0;
    char text[128];
    return hark_pubsub_refuse(p, HARK_IO, "%s", strerror_r(errno, text, sizeof text));
}

int hark_pubsub_new(const struct hark_options *given, struct hark_pubsub **out)
{
    struct hark_options known = hark_known_options(given);
    struct hark_allocator m = hark_memory(known.allocator);
    struct hark_pubsub *p = *out = hark_zalloc(&m, sizeof *p);
    if (!p) return HARK_NO_MEMORY;
    p->memory = m;
    p->last = &p->first;
    p->epoll = p->timer = p->wake = p->watched_fd = -1;
    pthread_mutex_init(&p->join_lock, NULL);
    p->random = ((uint64_t)hark_now_ms() << 20 ^ (uintptr_t)p) | 1;
    int rc = hark_settings_new(&m, given, &p->settings, p->error);
    if (rc == HARK_NO_MEMORY) hark_pubsub_no_memory(p);
    return rc < 0 ? rc : open_descriptors(p);
}

static bool is_ready(const struct hark_pubsub *p)
{
    return p->link && hark_is_ready(p->link) && (!p->durable || hark_durable_is_ready(p));
}

int hark_pubsub_connect(struct hark_pubsub *p)
{
    int again = p->settings->reconnect_min_ms;
    p->settings->reconnect_min_ms = -1; /* so that a failure is one, instead of tried again */
    int rc = 0;
    while (rc >= 0 && !is_ready(p)) {
        rc = hark_pubsub_move(p);
        /* Only the group was asked for until now, so there can be no messages yet. */
        struct hark_message *none;
        if (rc >= 0 && p->durable && p->link) {
            int taken = hark_durable_take(p, &none);
            if (taken < 0) rc = taken;
        }
        if (rc != 0 || is_ready(p)) continue;
        look_after(p);
        rc = hark_pubsub_wait(p, -1);
    }
    p->settings->reconnect_min_ms = again;
    look_after(p);
    return rc < 0 ? rc : 0;
}

int hark_pubsub_open(const struct hark_options *options, struct hark_pubsub **out)
{
    int rc = hark_pubsub_new(options, out);
    if (rc < 0 || (*out)->settings->open_anyway) return rc;
    return hark_pubsub_connect(*out);
}

void hark_pubsub_close(struct hark_pubsub *p)
{
    if (!p) return;
    if (p->joinable) {
        hark_pubsub_stop(p);
        hark_pubsub_join(p);
    }
    if (p->durable) {
        hark_durable_flush(p);
        hark_durable_free(p);
    }
    struct hark_message *m;
    while (pop(p, &m)) hark_message_free(m);
    hark_close(p->link);
    hark_subscriptions_fini(p);
    if (p->epoll >= 0) close(p->epoll);
    if (p->timer >= 0) close(p->timer);
    if (p->wake >= 0) close(p->wake);
    pthread_mutex_destroy(&p->join_lock);
    struct hark_allocator memory = p->memory;
    hark_release(&memory, p->settings);
    hark_release(&memory, p);
}

/* ---- the thread ---- */

static void *run(void *context)
{
    struct hark_pubsub *p = context;
    p->owner = (unsigned long)pthread_self();
    int rc = 0;
    while (!p->stop && (rc >= 0 || rc == HARK_INTERRUPTED)) {
        struct hark_message *m;
        rc = hark_pubsub_get_message(p, p->sleep_ms > 0 ? p->sleep_ms : -1, &m);
        if (rc == 1) hark_message_free(m); /* a confirmation: nobody asked for it */
    }
    if (p->durable) hark_durable_flush(p);
    p->thread_result = rc < 0 ? rc : 0;
    p->stop = false;
    p->running = false;
    return NULL;
}

int hark_pubsub_run_in_thread(struct hark_pubsub *p, int sleep_ms)
{
    int rc = check_use(p);
    if (rc < 0) return rc;
    if (p->running) return hark_pubsub_refuse(p, HARK_USAGE, "A thread runs already");
    if (p->durable ? !hark_durable_has_handler(p) : !hark_subscriptions_handled(p))
        return hark_pubsub_refuse(p, HARK_USAGE, "A subscription has no handler");
    hark_pubsub_join(p);
    p->sleep_ms = sleep_ms;
    p->thread_result = 0;
    p->stop = false;
    p->owner = 0;
    p->running = true;
    /* Signals are for the program's own threads. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&p->thread, NULL, run, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    p->joinable = rc == 0;
    if (rc != 0) p->running = false;
    return rc == 0 ? 0 : hark_pubsub_no_memory(p);
}

void hark_pubsub_wake(struct hark_pubsub *p)
{
    uint64_t one = 1;
    while (write(p->wake, &one, sizeof one) < 0 && errno == EINTR) continue;
}

void hark_pubsub_stop(struct hark_pubsub *p)
{
    p->stop = true;
    hark_pubsub_wake(p);
}

int hark_pubsub_join(struct hark_pubsub *p)
{
    if (p->running && p->owner == (unsigned long)pthread_self()) return HARK_USAGE;
    pthread_mutex_lock(&p->join_lock);
    if (p->joinable) pthread_join(p->thread, NULL);
    p->joinable = false;
    int rc = p->thread_result;
    pthread_mutex_unlock(&p->join_lock);
    return rc;
}
