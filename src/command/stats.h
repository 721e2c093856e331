/* What a command has cost: calls, time, and how the times are spread.
 *
 * The spread is a histogram with LATENCY_STEPS buckets of equal width in each octave (power of two)
 * of nanoseconds, so a time read from it is right to 1 part in 8. It ends at about a second; what
 * takes longer counts in the last bucket. Commands that never ran have none. */
#ifndef HARK_COMMAND_STATS_H
#define HARK_COMMAND_STATS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LATENCY_STEPS = 8,
    LATENCY_OCTAVES = 30, /* 2^30 ns is 1.07 s */
    LATENCY_BUCKETS = (LATENCY_OCTAVES - 2) * LATENCY_STEPS,
};

struct command_stats {
    uint64_t calls;
    uint64_t ns;       /* spent in all calls */
    uint64_t rejected; /* refused before they ran: wrong arity, no right to, out of memory … */
    uint64_t failed;   /* ran and replied with an error */
    uint64_t *latency; /* LATENCY_BUCKETS counts, or NULL */
};

/* Counts a call of `ns` nanoseconds, or of so many in this part, when the command waits between
 * parts: it counts with its first, and stands in the histogram when the last is over. */
void command_stats_add_part(struct command_stats *s, uint64_t ns, bool first);
void command_stats_add_latency(struct command_stats *s, uint64_t ns);
/* Back to zero, and the histogram's memory back. */
void command_stats_reset(struct command_stats *s);

/* The calls in the histogram, and those of them that took less than `ns`: exact when `ns` is a
 * power of two. */
uint64_t command_stats_timed(const struct command_stats *s);
uint64_t command_stats_below(const struct command_stats *s, uint64_t ns);
/* The time in ns that `percent` (0 … 100) of the calls did not exceed; 0 when there are none. */
uint64_t command_stats_percentile(const struct command_stats *s, double percent);

#endif
