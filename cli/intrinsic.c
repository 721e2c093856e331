/* --intrinsic-latency: how long this machine makes a program wait that only computes. No server has
 * a part in it; none can be faster than that. */
#include "cli.h"

/* Some work that the compiler cannot leave out. */
static uint64_t compute(uint64_t x)
{
    for (int i = 0; i < 1000; i++) x = (x ^ x >> 29) * 0x9e3779b97f4a7c15u;
    return x;
}

int intrinsic_latency_run(int seconds)
{
    double start = now_ms(), end = start + seconds * 1e3, longest = 0;
    uint64_t runs = 0;
    volatile uint64_t sink = 1;
    for (double begin = start; begin < end;) {
        sink = compute(sink);
        double after = now_ms(), took = after - begin;
        begin = after;
        runs++;
        if (took <= longest) continue;
        longest = took;
        printf("Max latency so far: %.0f microseconds.\n", longest * 1e3);
        fflush(stdout);
    }
    double average_us = (now_ms() - start) * 1e3 / (double)runs;
    printf("\n%llu total runs (avg latency: %.4f microseconds / %.2f nanoseconds per run).\n"
           "Worst run took %.0fx longer than the average latency.\n",
           (unsigned long long)runs, average_us, average_us * 1e3, longest * 1e3 / average_us);
    return 0;
}
