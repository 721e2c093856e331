#include "stats.h"

#include "../base/mem.h"

#include <string.h>

static const size_t latency_size = LATENCY_BUCKETS * sizeof(uint64_t);

/* Below LATENCY_STEPS each value has a bucket of its own; from there on, the octave of the highest
 * bit and the three bits that follow it. */
static unsigned bucket_of(uint64_t ns)
{
    if (ns < LATENCY_STEPS) return (unsigned)ns;
    unsigned octave = 63 - (unsigned)__builtin_clzll(ns);
    if (octave >= LATENCY_OCTAVES) return LATENCY_BUCKETS - 1;
    return (octave - 2) * LATENCY_STEPS + (unsigned)(ns >> (octave - 3)) % LATENCY_STEPS;
}

/* The least value that falls into a bucket; for LATENCY_BUCKETS, where the histogram ends. */
static uint64_t bucket_start(unsigned bucket)
{
    if (bucket < LATENCY_STEPS) return bucket;
    unsigned octave = bucket / LATENCY_STEPS + 2;
    return (uint64_t)(LATENCY_STEPS + bucket % LATENCY_STEPS) << (octave - 3);
}

void command_stats_add_part(struct command_stats *s, uint64_t ns, bool first)
{
    s->calls += first;
    s->ns += ns;
}

void command_stats_add_latency(struct command_stats *s, uint64_t ns)
{
    if (__builtin_expect(!s->latency, 0)) s->latency = mem_zalloc(latency_size);
    s->latency[bucket_of(ns)]++;
}

void command_stats_reset(struct command_stats *s)
{
    mem_free(s->latency, latency_size);
    memset(s, 0, sizeof *s);
}

uint64_t command_stats_timed(const struct command_stats *s)
{
    return command_stats_below(s, UINT64_MAX);
}

uint64_t command_stats_below(const struct command_stats *s, uint64_t ns)
{
    uint64_t sum = 0;
    if (!s->latency) return 0;
    for (unsigned b = 0; b < LATENCY_BUCKETS && bucket_start(b + 1) <= ns; b++)
        sum += s->latency[b];
    return sum;
}

uint64_t command_stats_percentile(const struct command_stats *s, double percent)
{
    uint64_t timed = command_stats_timed(s);
    if (timed == 0) return 0;
    double wanted = (double)timed * percent / 100;
    uint64_t sum = 0;
    unsigned b = 0;
    for (; b < LATENCY_BUCKETS - 1; b++) {
        sum += s->latency[b];
        if (sum && (double)sum >= wanted) break;
    }
    return bucket_start(b + 1) - 1;
}
