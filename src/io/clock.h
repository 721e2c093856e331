/* Time and chance from the system. The core takes both as arguments; only the loop asks here. */
#ifndef HARK_IO_CLOCK_H
#define HARK_IO_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Wall-clock time since 1970 in microseconds; may be set back by an administrator. */
int64_t io_unix_us(void);
/* Microseconds of a clock that only goes forward, from an arbitrary start. */
int64_t io_mono_us(void);

/* The processor's own tick counter: a few nanoseconds to read, good for timing a command.
 * io_ticks_per_us is measured once by io_ticks_calibrate (takes about 2 ms), at start. */
static inline uint64_t io_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t t;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
    return t;
#else
    return (uint64_t)io_mono_us() * 1000;
#endif
}
double io_ticks_calibrate(void);

/* Fills `to` with unpredictable bytes from the system; ends the process if there are none. */
void io_entropy(void *to, size_t len);

/* CPU time in microseconds, of the process and of the calling thread alone. */
struct cpu_time {
    int64_t user_us, system_us;
};
struct cpu_time io_cpu_process(void);
struct cpu_time io_cpu_thread(void);

/* Sleeps; for DEBUG SLEEP alone. */
void io_sleep_us(int64_t us);

#endif
