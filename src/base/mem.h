/* Memory: sized allocation with an exact running total.
 *
 * The total is what `maxmemory`, INFO and back-pressure go by, so every byte that Hark keeps is
 * taken and given back here, with its size: the caller always knows it, and so neither a header
 * nor a look-up in the allocator is needed. Sizes count as the allocator rounds them (16 bytes).
 *
 * mem_alloc and friends never return NULL: a server that cannot get a few hundred bytes has
 * nothing sensible left to do. The process says so on standard error, and to who asked by
 * mem_tell_end, and ends at once with MEM_EXIT_CODE, whichever thread it was: nothing is tidied up,
 * written or answered any more, so that it is to the data as a kill -9 is, which they survive.
 *
 * Where the size comes from a client, an error is the answer: by mem_try_alloc, or, where what will
 * be taken is spread over several places that cannot go back half-way, by asking mem_can_alloc for
 * the sum of it before anything is changed.
 *
 * The total is the one state in base/, beside who hears of the end: it mirrors the allocator, of
 * which a process has one. It is counted per thread and summed when read, so that no thread pays
 * for another. */
#ifndef HARK_BASE_MEM_H
#define HARK_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Uninitialised memory of `size` bytes, aligned to 16. Size 0 gives a pointer to free. */
void *mem_alloc(size_t size);
/* The same, zeroed. */
void *mem_zalloc(size_t size);
/* NULL instead of ending the process. */
void *mem_try_alloc(size_t size);
/* Could `size` bytes be had now, and leave MEM_RESERVE for the rest of us to go on with? (So much
 * address space the allocator wants for a moment when a thread begins.) What is smaller than
 * MEM_LARGE is not asked for: it is no one's size in particular, and asking costs as much as
 * taking. */
enum { MEM_LARGE = 1 << 20, MEM_RESERVE = 64 << 20 };
static inline bool mem_can_alloc(size_t size);
/* Grows or shrinks; `old_size` is what it was allocated with. `p` may be NULL with size 0. */
void *mem_resize(void *p, size_t old_size, size_t new_size);
/* Gives back; `size` must be the size it was allocated or resized with. NULL is fine. */
void mem_free(void *p, size_t size);

/* What an allocation of `size` costs in the total. */
static inline size_t mem_cost(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

/* Pages, for arrays of many megabytes that fill and empty from one end. They come from the system
 * and not from the allocator, because of what only pages can do: they are zero without anyone
 * zeroing them, take no memory until touched, and can be given back in the middle of an array.
 * (These are the only system calls outside of io/: memory is base's business, and it is below io/.)
 *
 * Mapped pages cost nothing yet; the total counts what the owner says that it uses. */

/* `len` bytes of zero pages, aligned to a page; never NULL. Not counted. */
void *mem_map_pages(size_t len);
/* From now on `len` more bytes of mapped pages are in use. */
void mem_use_pages(size_t len);
/* Gives the memory of used pages back, and they are counted no more; the addresses stay mapped
 * and read as zero. `p` and `len` in whole MEM_PAGEs. */
void mem_discard_pages(void *p, size_t len);
/* Gives back the mapping, of which `used` bytes are counted as in use. */
void mem_unmap_pages(void *p, size_t len, size_t used);

/* The exit code of a process that is out of memory. EX_OSERR of sysexits.h. */
enum { MEM_EXIT_CODE = 71 };
/* Who is to hear of the end, too. It may be called in any thread, and must not allocate. */
void mem_tell_end(void (*tell)(void *ctx, const char *text), void *ctx);

/* A multiple of the page size of every system that Hark runs on. */
enum { MEM_PAGE = 65536 };

/* The last that a thread does with memory: another one may have its counter. */
void mem_thread_ends(void);
/* The bytes allocated at this moment by all threads. */
size_t mem_used(void);
/* The name and version of the allocator, for INFO. */
const char *mem_allocator(void);
/* The bytes that the system has promised to the allocator, those mapped as pages included; 0 when
 * the allocator does not tell. */
size_t mem_committed(void);
/* Asks the allocator to return free pages to the system. */
void mem_purge(void);
/* What the allocator tells of itself, in pieces of text for people; none when it tells nothing. */
void mem_report(void (*piece)(void *ctx, const char *text), void *ctx);

/* Between these, what is taken is given back at once: another thread that finds no memory waits for
 * that before it gives up. */
void mem_begin_asking(void);
void mem_end_asking(void);

static inline bool mem_can_alloc(size_t size)
{
    if (size < MEM_LARGE) return true;
    if (size > SIZE_MAX - MEM_RESERVE) return false;
    mem_begin_asking();
    void *p = mem_try_alloc(size + MEM_RESERVE);
    mem_free(p, size + MEM_RESERVE);
    mem_end_asking();
    return p != NULL;
}

#define mem_new(type)      ((type *)mem_zalloc(sizeof(type)))
#define mem_delete(object) mem_free((object), sizeof *(object))

#endif
