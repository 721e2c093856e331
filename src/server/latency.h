/* Events that took longer than `latency-monitor-threshold`: the last of each kind, for LATENCY. */
#ifndef HARK_SERVER_LATENCY_H
#define HARK_SERVER_LATENCY_H

#include <stddef.h>
#include <stdint.h>

enum { LATENCY_SAMPLES = 160, LATENCY_EVENTS = 16, LATENCY_NAME_MAX = 32 };

struct latency_event {
    char name[LATENCY_NAME_MAX];
    struct latency_sample {
        int64_t second;         /* unix time */
        int64_t ms;             /* the longest within it */
    } samples[LATENCY_SAMPLES]; /* a ring; second 0 is unused */
    int next;
    int64_t worst_ms;
};

struct latency {
    struct latency_event events[LATENCY_EVENTS];
    size_t count;
};

/* Notes that `event` took `ms`; events beyond LATENCY_EVENTS kinds are not kept. */
void latency_add(struct latency *l, const char *event, int64_t now_s, int64_t ms);

#endif
