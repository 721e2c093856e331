#include "mem.h"

#include "assert.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(HARK_SYSTEM_MALLOC) /* under the sanitizers, which bring an allocator of their own */
#define raw_alloc(n)     malloc(n)
#define raw_zalloc(n)    calloc(1, n)
#define raw_resize(p, n) realloc(p, n)
#define raw_free(p, n)   free(p)
#define raw_purge()      ((void)0)
#define raw_committed()  ((size_t)0)
#define raw_report(f, c) ((void)(f), (void)(c))
#define RAW_NAME         "libc"
#else
#include <mimalloc.h>
#define raw_alloc(n)     mi_malloc(n)
#define raw_zalloc(n)    mi_zalloc(n)
#define raw_resize(p, n) mi_realloc(p, n)
#define raw_free(p, n)   mi_free_size(p, n)
#define raw_purge()      mi_collect(true)
#define raw_committed()  mimalloc_committed()
#define raw_report(f, c) mimalloc_report(f, c)
#define RAW_STRING(x)    #x
#define RAW_VERSION(x)   RAW_STRING(x)
#define RAW_NAME         "mimalloc-" RAW_VERSION(MI_MALLOC_VERSION)
#endif

#if !defined(HARK_SYSTEM_MALLOC)
static size_t mimalloc_committed(void)
{
    size_t ms, user_ms, system_ms, resident, resident_peak, committed, committed_peak, faults;
    mi_process_info(&ms, &user_ms, &system_ms, &resident, &resident_peak, &committed,
                    &committed_peak, &faults);
    return committed;
}

struct report {
    void (*piece)(void *ctx, const char *text);
    void *ctx;
};

static void mimalloc_piece(const char *text, void *report)
{
    const struct report *r = report;
    r->piece(r->ctx, text);
}

static void mimalloc_report(void (*piece)(void *ctx, const char *text), void *ctx)
{
    mi_stats_merge();
    mi_stats_print_out(mimalloc_piece, &(struct report){piece, ctx});
}
#endif

/* There are few threads at a time, so each gets a counter of its own, and leaves it to another one
 * when it ends. */
enum { COUNTERS_MAX = 64 };
static struct counter {
    _Alignas(64) long long bytes;
    bool taken;
} counters[COUNTERS_MAX];
static long long pages_used; /* the part of the total that is pages; seldom changed */
static _Thread_local struct counter *mine;

static struct counter *take_counter(void)
{
    int i = 0;
    while (__atomic_exchange_n(&counters[i].taken, true, __ATOMIC_ACQUIRE)) {
        i++;
        CHECK(i < COUNTERS_MAX);
    }
    return &counters[i];
}

void mem_thread_ends(void)
{
    if (mine) __atomic_store_n(&mine->taken, false, __ATOMIC_RELEASE);
    mine = NULL;
}

static void count(long long change)
{
    if (__builtin_expect(!mine, 0)) mine = take_counter();
    /* Only this thread writes here; the others merely read. */
    __atomic_store_n(&mine->bytes, mine->bytes + change, __ATOMIC_RELAXED);
}

static int asking; /* threads that do */

void mem_begin_asking(void)
{
    __atomic_fetch_add(&asking, 1, __ATOMIC_ACQ_REL);
}

void mem_end_asking(void)
{
    __atomic_fetch_sub(&asking, 1, __ATOMIC_ACQ_REL);
}

/* A thread that was refused tries once more when no one asks: what was taken for that is back. */
static void wait_for_those_who_ask(void)
{
    while (__atomic_load_n(&asking, __ATOMIC_ACQUIRE)) sched_yield();
}

static struct {
    void (*tell)(void *ctx, const char *text);
    void *ctx;
} hears_end;

void mem_tell_end(void (*tell)(void *ctx, const char *text), void *ctx)
{
    hears_end.tell = tell;
    hears_end.ctx = ctx;
}

/* Allocates nothing. Not exit(): what is registered to run then would act on half-made things. Not
 * abort(): it is no fault of the program's that a picture of its whole memory would explain. */
static _Noreturn void out_of_memory(size_t size)
{
    char text[128];
    int len =
        snprintf(text, sizeof text, "hark: out of memory: could not get %zu bytes (%zu in use)\n",
                 size, mem_used());
    ssize_t said = write(STDERR_FILENO, text, (size_t)len);
    (void)said;
    text[len - 1] = '\0';
    if (hears_end.tell) hears_end.tell(hears_end.ctx, text + strlen("hark: "));
    _exit(MEM_EXIT_CODE);
}

void *mem_try_alloc(size_t size)
{
    void *p = raw_alloc(size ? size : 1);
    if (p) count((long long)mem_cost(size));
    return p;
}

void *mem_alloc(size_t size)
{
    void *p = mem_try_alloc(size);
    if (__builtin_expect(!p, 0)) {
        wait_for_those_who_ask();
        p = mem_try_alloc(size);
        if (!p) out_of_memory(size);
    }
    return p;
}

void *mem_zalloc(size_t size)
{
    void *p = raw_zalloc(size ? size : 1);
    if (__builtin_expect(!p, 0)) {
        wait_for_those_who_ask();
        p = raw_zalloc(size ? size : 1);
        if (!p) out_of_memory(size);
    }
    count((long long)mem_cost(size));
    return p;
}

void *mem_resize(void *p, size_t old_size, size_t new_size)
{
    void *q = raw_resize(p, new_size ? new_size : 1);
    if (__builtin_expect(!q, 0)) {
        wait_for_those_who_ask();
        q = raw_resize(p, new_size ? new_size : 1);
        if (!q) out_of_memory(new_size);
    }
    count((long long)mem_cost(new_size) - (p ? (long long)mem_cost(old_size) : 0));
    return q;
}

void mem_free(void *p, size_t size)
{
    if (!p) return;
    count(-(long long)mem_cost(size));
    (void)size;
    raw_free(p, size ? size : 1);
}

void *mem_map_pages(size_t len)
{
    const int prot = PROT_READ | PROT_WRITE, kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *p = mmap(NULL, len, prot, kind, -1, 0);
    if (p == MAP_FAILED) {
        wait_for_those_who_ask();
        p = mmap(NULL, len, prot, kind, -1, 0);
        if (p == MAP_FAILED) out_of_memory(len);
    }
    return p;
}

static void count_pages(long long change)
{
    count(change);
    __atomic_fetch_add(&pages_used, change, __ATOMIC_RELAXED);
}

void mem_use_pages(size_t len)
{
    count_pages((long long)len);
}

void mem_discard_pages(void *p, size_t len)
{
    CHECK(madvise(p, len, MADV_DONTNEED) == 0);
    count_pages(-(long long)len);
}

void mem_unmap_pages(void *p, size_t len, size_t used)
{
    CHECK(munmap(p, len) == 0);
    count_pages(-(long long)used);
}

size_t mem_used(void)
{
    long long sum = 0;
    for (int i = 0; i < COUNTERS_MAX; i++)
        sum += __atomic_load_n(&counters[i].bytes, __ATOMIC_RELAXED);
    return sum > 0 ? (size_t)sum : 0;
}

const char *mem_allocator(void)
{
    return RAW_NAME;
}

size_t mem_committed(void)
{
    size_t committed = raw_committed();
    return committed ? committed + (size_t)__atomic_load_n(&pages_used, __ATOMIC_RELAXED) : 0;
}

void mem_report(void (*piece)(void *ctx, const char *text), void *ctx)
{
    raw_report(piece, ctx);
}

void mem_purge(void)
{
    raw_purge();
}
