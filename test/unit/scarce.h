/* Memory that runs out, for programs called test_scarce_*: these are linked with --wrap for the
 * functions by which src/base/mem.c gets memory, and for mem_try_alloc (tools/build.mk), so that
 * nothing of it stands in the code that is tested.
 *
 * Two things are tried:
 *
 *   scarce_try(n)     from now on the n-th mem_try_alloc, counted from 0, finds none, and no other.
 *   scarce_begin(…)   from now on every allocation is tried twice. The process is copied, and in
 *                     the copy this one and all later ones fail; the copy must end then and there,
 *                     by the documented message and exit code. The process itself gets its memory
 *                     and goes on, to the next one. So one run meets a failure of each allocation,
 *                     each in the state in which it really happens. Sanitizers watch the copies,
 *                     too. */
#ifndef HARK_TEST_SCARCE_H
#define HARK_TEST_SCARCE_H

#include "../../src/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
    long try_left;  /* tries that succeed before one fails; below 0: all do */
    long tries;     /* so far */
    unsigned every; /* one in so many allocations fails in a copy; 0: none */
    unsigned long met, ends;
    bool is_copy;
    bool in_try; /* within mem_try_alloc: who asks can do without */
} scarce = {.try_left = -1};

static inline void scarce_try(long n)
{
    scarce.try_left = n;
    scarce.tries = 0;
}

/* ---- the end of a copy ---- */

/* Its last words, and how it ended. */
static inline void scarce_expect_end(pid_t copy, int words_fd)
{
    char words[512];
    size_t len = 0, size, used;
    long got;
    while ((got = read(words_fd, words + len, sizeof words - 1 - len)) > 0) len += (size_t)got;
    words[len] = '\0';
    close(words_fd);
    int status, read_to = 0;
    assert_int_equal(waitpid(copy, &status, 0), copy);
    sscanf(words, "hark: out of memory: could not get %zu bytes (%zu in use)\n%n", &size, &used,
           &read_to);
    bool ended = WIFEXITED(status) && WEXITSTATUS(status) == MEM_EXIT_CODE;
    if (!ended || !len || (size_t)read_to != len)
        fail_msg("allocation %lu failed: status %#x, says '%s'", scarce.met, status, words);
    /* Where one can do without, it has given back what it had for that, and ended later. */
    if (used != mem_used() && !scarce.in_try)
        fail_msg("allocation %lu failed: %zu counted", scarce.met, used);
    scarce.ends++;
}

/* Is this the copy, in which the allocation is to fail? */
static inline bool scarce_fails(void)
{
    enum { PATIENCE_S = 20 };
    int words[2];
    if (scarce.is_copy) return true;
    if (!scarce.every || scarce.met++ % scarce.every) return false;
    fflush(stdout);
    assert_int_equal(pipe(words), 0);
    pid_t copy = fork();
    assert_true(copy >= 0);
    if (copy == 0) {
        alarm(PATIENCE_S);
        dup2(words[1], STDERR_FILENO);
        dup2(words[1], STDOUT_FILENO);
        scarce.is_copy = true;
        return true;
    }
    close(words[1]);
    scarce_expect_end(copy, words[0]);
    return false;
}

static inline void scarce_begin(unsigned every)
{
    scarce.every = every;
    scarce.met = scarce.ends = 0;
}

/* Returns how many allocations failed. A copy that comes here has gone on without its memory. */
static inline unsigned long scarce_end(void)
{
    if (scarce.is_copy) {
        printf("went on\n");
        fflush(stdout);
        _exit(1);
    }
    scarce.every = 0;
    return scarce.ends;
}

/* ---- what the linker puts in between ---- */

#define SCARCE(type, name, params, args)                                 \
    type __real_##name params;                                           \
    type __wrap_##name params;                                           \
    type __wrap_##name params                                            \
    {                                                                    \
        return scarce_fails() ? SCARCE_NONE_##name : __real_##name args; \
    }
#define SCARCE_NONE_mmap MAP_FAILED

#ifdef HARK_SYSTEM_MALLOC
#define SCARCE_NONE_malloc  NULL
#define SCARCE_NONE_calloc  NULL
#define SCARCE_NONE_realloc NULL
SCARCE(void *, malloc, (size_t size), (size))
SCARCE(void *, calloc, (size_t count, size_t size), (count, size))
SCARCE(void *, realloc, (void *p, size_t size), (p, size))
#else
#define SCARCE_NONE_mi_malloc  NULL
#define SCARCE_NONE_mi_zalloc  NULL
#define SCARCE_NONE_mi_realloc NULL
SCARCE(void *, mi_malloc, (size_t size), (size))
SCARCE(void *, mi_zalloc, (size_t size), (size))
SCARCE(void *, mi_realloc, (void *p, size_t size), (p, size))
#endif
SCARCE(void *, mmap, (void *at, size_t len, int prot, int flags, int fd, off_t offset),
       (at, len, prot, flags, fd, offset))

void *__real_mem_try_alloc(size_t size);
void *__wrap_mem_try_alloc(size_t size);
void *__wrap_mem_try_alloc(size_t size)
{
    scarce.tries++;
    if (scarce.try_left >= 0 && scarce.try_left-- == 0) return NULL;
    scarce.in_try = true;
    void *p = __real_mem_try_alloc(size);
    scarce.in_try = false;
    return p;
}

#endif
