/* Graded assertions. They look and change nothing, but for system calls that must not fail.
 *
 *   CHECK(x)    cheap, always on: a broken invariant ends the process before it can do harm
 *   DCHECK(x)   costly or on a hot path: only in debug, check and fuzz builds (-DHARK_DEBUG)
 *   MAGIC(p,m)  the object is what the pointer says it is (objects carry a magic number first) */
#ifndef HARK_BASE_ASSERT_H
#define HARK_BASE_ASSERT_H

_Noreturn void check_failed(const char *what, const char *file, int line);

#define CHECK(x) (__builtin_expect(!!(x), 1) ? (void)0 : check_failed(#x, __FILE__, __LINE__))

#ifdef HARK_DEBUG
#define DCHECK(x) CHECK(x)
#else
#define DCHECK(x) ((void)sizeof(x))
#endif

#define MAGIC(p, m) CHECK((p)->magic == (m))

#endif
