/* How a file is written beside service.
 *
 *      owner                       thread
 *      piece ─▶ piece ─▶ piece ─▶ encode ─▶ write … sync … write
 *      └──────── waiting ──────┘             at the end: sync ─ rename ─ sync of folder
 *
 * The owner queues pieces, which go to the disk in that order, by one thread. `waiting` counts
 * those that are queued or being written.
 *
 * What may go wrong: a call of the disk fails. Then the file is closed, the temporary name removed,
 * what waits is dropped, and so is what is taken later: the state says FAILED until the owner has
 * seen it. A sync is not tried again, for a second one would prove nothing. */
#include "outfile.h"

#include "../base/err.h"
#include "../base/mem.h"
#include "thread.h"

enum {
    SYNC_BYTES = 32 << 20, /* written between two syncs */
    ENCODED_KEPT_MAX = 1 << 20,
};

struct piece {
    struct piece *next;
    struct buffer bytes;
};

struct outfile {
    struct outfile_config config;
    struct disk *disk;
    char *temporary, *name;

    /* Under the lock. */
    struct mutex lock;
    struct condition work;
    struct piece *first, **last;
    bool stop; /* the owner has given it up */
    int error;
    struct disk_why why;

    /* By __atomic: written under the lock, read by any. */
    int state;
    size_t waiting;
    uint64_t written;

    /* The writer's: of the thread or, without one, of the owner. */
    int file; /* -1: closed */
    uint64_t synced;
    struct buffer encoded;

    struct thread thread;
};

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(mem_alloc(size), text, size);
}

static void free_text(char *text)
{
    mem_free(text, strlen(text) + 1);
}

static void wake(struct outfile *f)
{
    if (f->config.wake) f->config.wake(f->config.wake_ctx);
}

static enum outfile_state state_of(const struct outfile *f)
{
    return (enum outfile_state)__atomic_load_n(&f->state, __ATOMIC_ACQUIRE);
}

static void piece_free(struct piece *p)
{
    buffer_fini(&p->bytes);
    mem_delete(p);
}

/* ---- the writer ---- */

/* Lock held. */
static struct piece *next_piece(struct outfile *f)
{
    struct piece *p = f->first;
    if (!p) return NULL;
    f->first = p->next;
    if (!f->first) f->last = &f->first;
    return p;
}

/* The piece, which waited until now, has been dealt with. */
static void piece_done(struct outfile *f, struct piece *p)
{
    size_t max = f->config.backlog_max;
    size_t had = __atomic_fetch_sub(&f->waiting, p->bytes.cap, __ATOMIC_ACQ_REL);
    bool room_again = had >= max && had - p->bytes.cap < max;
    piece_free(p);
    if (room_again) wake(f);
}

static int write_piece(struct outfile *f, struct slice bytes, struct disk_why *why)
{
    if (f->config.encode) {
        f->encoded.len = 0;
        f->config.encode(f->config.encode_ctx, bytes, &f->encoded);
        bytes = buffer_slice(&f->encoded);
    }
    int rc = disk_write_all(f->disk, f->file, bytes.at, bytes.len, f->written, why);
    if (f->encoded.cap > ENCODED_KEPT_MAX) buffer_fini(&f->encoded); /* that was a large one */
    if (rc != 0) return rc;
    __atomic_store_n(&f->written, f->written + bytes.len, __ATOMIC_RELEASE);
    if (f->written - f->synced < SYNC_BYTES) return 0;
    f->synced = f->written;
    return f->disk->sync(f->disk, f->file, why);
}

static void close_file(struct outfile *f)
{
    if (f->file >= 0) f->disk->close(f->disk, f->file);
    f->file = -1;
}

static void reach(struct outfile *f, enum outfile_state state)
{
    mutex_lock(&f->lock);
    __atomic_store_n(&f->state, state, __ATOMIC_RELEASE);
    mutex_unlock(&f->lock);
    wake(f);
}

static void remove_temporary(struct outfile *f)
{
    struct disk_why ignored; /* there is nothing more to be done about it */
    close_file(f);
    f->disk->unlink(f->disk, f->temporary, &ignored);
}

static void fail(struct outfile *f, int error, const struct disk_why *why)
{
    remove_temporary(f);
    mutex_lock(&f->lock);
    f->error = error;
    f->why = *why;
    mutex_unlock(&f->lock);
    reach(f, OUTFILE_FAILED);
}

static void finish(struct outfile *f)
{
    struct disk_why why;
    int rc = f->disk->sync(f->disk, f->file, &why);
    if (rc == 0) {
        close_file(f);
        rc = f->disk->rename(f->disk, f->temporary, f->name, &why);
    }
    if (rc == 0) rc = f->disk->sync_folder(f->disk, &why);
    if (rc != 0) {
        fail(f, rc, &why);
    } else {
        if (f->config.named) f->config.named(f->config.named_ctx);
        reach(f, OUTFILE_DONE);
    }
}

static void end_given_up(struct outfile *f)
{
    static const struct disk_why given_up = {"it was given up"};
    if (state_of(f) != OUTFILE_FAILED) fail(f, ERR_AGAIN, &given_up);
}

static void deal_with(struct outfile *f, struct piece *p)
{
    struct disk_why why;
    int rc = state_of(f) == OUTFILE_FAILED ? 0 : write_piece(f, buffer_slice(&p->bytes), &why);
    if (rc != 0) fail(f, rc, &why);
    piece_done(f, p);
}

/* Lock held, given up meanwhile. */
static void write_all_there_is(struct outfile *f)
{
    struct piece *p;
    while (!f->stop && (p = next_piece(f))) {
        mutex_unlock(&f->lock);
        deal_with(f, p);
        mutex_lock(&f->lock);
    }
}

static void run(void *file)
{
    struct outfile *f = file;
    mutex_lock(&f->lock);
    for (;;) {
        write_all_there_is(f);
        if (f->stop || f->state == OUTFILE_ENDING) break;
        condition_wait(&f->work, &f->lock);
    }
    bool whole = !f->stop && f->state == OUTFILE_ENDING;
    mutex_unlock(&f->lock);
    if (whole)
        finish(f);
    else
        end_given_up(f);
}

/* ---- the owner ---- */

static int open_temporary(struct outfile *f, struct disk_why *why)
{
    int rc = f->disk->open(f->disk, f->temporary, DISK_WRITE | DISK_NEW, why);
    if (rc != ERR_EXISTS) return rc;
    rc = f->disk->unlink(f->disk, f->temporary, why); /* of a process that died */
    return rc < 0 ? rc : f->disk->open(f->disk, f->temporary, DISK_WRITE | DISK_NEW, why);
}

static void free_outfile(struct outfile *f)
{
    struct piece *p;
    while ((p = next_piece(f))) piece_free(p);
    buffer_fini(&f->encoded);
    condition_fini(&f->work);
    mutex_fini(&f->lock);
    free_text(f->temporary);
    free_text(f->name);
    mem_delete(f);
}

int outfile_open(struct outfile **file, struct disk *disk, const struct outfile_config *config,
                 struct disk_why *why)
{
    struct outfile *f = mem_new(struct outfile);
    f->config = *config;
    f->disk = disk;
    f->temporary = copy_text(config->temporary);
    f->name = copy_text(config->name);
    f->last = &f->first;
    mutex_init(&f->lock);
    condition_init(&f->work);
    int rc = f->file = open_temporary(f, why);
    if (rc >= 0 && config->threaded && thread_start(&f->thread, "hark-outfile", run, f) != 0) {
        remove_temporary(f);
        rc = ERR_LIMIT;
        *why = (struct disk_why){"no thread can be started"};
    }
    if (rc < 0) {
        free_outfile(f);
        return rc;
    }
    *file = f;
    return 0;
}

void outfile_take(struct outfile *f, struct buffer *piece)
{
    if (!piece->len || state_of(f) == OUTFILE_FAILED) {
        buffer_fini(piece);
        return;
    }
    struct piece *p = mem_new(struct piece);
    p->bytes = *piece;
    *piece = (struct buffer){0};
    __atomic_fetch_add(&f->waiting, p->bytes.cap, __ATOMIC_ACQ_REL);
    if (!f->config.threaded) {
        deal_with(f, p);
        return;
    }
    mutex_lock(&f->lock);
    *f->last = p;
    f->last = &p->next;
    condition_signal(&f->work);
    mutex_unlock(&f->lock);
}

size_t outfile_backlog(const struct outfile *f)
{
    return __atomic_load_n(&f->waiting, __ATOMIC_ACQUIRE);
}

bool outfile_ready(const struct outfile *f)
{
    return outfile_backlog(f) < f->config.backlog_max;
}

uint64_t outfile_written(const struct outfile *f)
{
    return __atomic_load_n(&f->written, __ATOMIC_ACQUIRE);
}

void outfile_finish(struct outfile *f)
{
    mutex_lock(&f->lock);
    bool open = f->state == OUTFILE_OPEN;
    if (open) __atomic_store_n(&f->state, OUTFILE_ENDING, __ATOMIC_RELEASE);
    condition_signal(&f->work);
    mutex_unlock(&f->lock);
    if (open && !f->config.threaded) finish(f);
}

enum outfile_state outfile_state(struct outfile *f, int *error, struct disk_why *why)
{
    mutex_lock(&f->lock);
    enum outfile_state state = state_of(f);
    if (state == OUTFILE_FAILED && error) *error = f->error;
    if (state == OUTFILE_FAILED && why) *why = f->why;
    mutex_unlock(&f->lock);
    return state;
}

void outfile_give_up(struct outfile *f)
{
    mutex_lock(&f->lock);
    f->stop = true;
    condition_signal(&f->work);
    mutex_unlock(&f->lock);
    if (!f->config.threaded && state_of(f) == OUTFILE_OPEN) end_given_up(f);
}

void outfile_close(struct outfile *f)
{
    if (!f) return;
    outfile_give_up(f);
    if (f->config.threaded) thread_join(&f->thread);
    free_outfile(f);
}
