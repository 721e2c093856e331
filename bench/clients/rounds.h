/* What the same measurements of two client libraries share: argument, time, and one line of result.
 *
 *     PROGRAM PORT trips|pipeline|messages COUNT
 *
 * prints how many a second. `messages` subscribes to the channel "bench", prints "ready", and when
 * it is told a line, counts COUNT messages, which have all been sent by then: so it is the client
 * that is measured, and not who sends. */
#ifndef BENCH_CLIENTS_ROUNDS_H
#define BENCH_CLIENTS_ROUNDS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIPELINE = 100, VALUE_BYTES = 32 };

struct round_of {
    int port;
    const char *what;
    long count;
};

static inline struct round_of read_round(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s PORT trips|pipeline|messages COUNT\n", argv[0]);
        exit(2);
    }
    return (struct round_of){atoi(argv[1]), argv[2], atol(argv[3])};
}

static inline double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Says that we have subscribed, and waits until all is sent. */
static inline void await_messages(void)
{
    puts("ready");
    fflush(stdout);
    while (getchar() != '\n') continue;
}

/* Per second, and our own CPU for each, in µs. */
static inline void print_result(long count, double seconds, double cpu)
{
    printf("%.0f %.4f\n", (double)count / seconds, cpu * 1e6 / (double)count);
}

#endif
