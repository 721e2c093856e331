#include "clock.h"

#include "../base/assert.h"

#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

static int64_t read_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t io_unix_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t io_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

double io_ticks_calibrate(void)
{
    enum { SPAN_US = 2000 };
    int64_t from_us = io_mono_us(), us;
    uint64_t from = io_ticks();
    do us = io_mono_us() - from_us;
    while (us < SPAN_US);
    return (double)(io_ticks() - from) / (double)us;
}

void io_entropy(void *to, size_t len)
{
    char *at = to;
    while (len) {
        ssize_t n = getrandom(at, len, 0);
        CHECK(n > 0);
        at += n;
        len -= (size_t)n;
    }
}

static int64_t timeval_us(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static struct cpu_time cpu_of(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return (struct cpu_time){timeval_us(usage.ru_utime), timeval_us(usage.ru_stime)};
}

struct cpu_time io_cpu_process(void)
{
    return cpu_of(RUSAGE_SELF);
}

struct cpu_time io_cpu_thread(void)
{
    return cpu_of(RUSAGE_THREAD);
}

void io_sleep_us(int64_t us)
{
    struct timespec t = {us / 1000000, us % 1000000 * 1000};
    while (nanosleep(&t, &t) != 0) {
    }
}
