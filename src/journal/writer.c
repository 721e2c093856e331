/* The writer's part: from the chunks to the disk. It is the thread's, or the owner's for a plain
 * write while nobody else has it (`busy`). */
#include "../io/clock.h"
#include "internal.h"

#include <stdio.h>

enum { ZEROS_BYTES = 64 * 1024, SLICE_BYTES = 256 * 1024, PIECES_IN_TURN = 4 };

bool writer_pending(const struct journal *j)
{
    return j->write_chunk != j->sealed.chunk || j->write_from < j->sealed.len;
}

bool writer_simple(const struct journal *j)
{
    return j->active && j->active == j->sealed.chunk->segment &&
           j->active == j->write_chunk->segment;
}

/* Lock held. */
static void fail(struct journal *j, int rc, const struct disk_why *why)
{
    if (j->failed) return;
    j->why = *why;
    __atomic_store_n(&j->failed, rc, __ATOMIC_RELEASE);
}

static void wake_owner(const struct journal *j)
{
    if (j->config.wake) j->config.wake(j->config.wake_ctx);
}

/* The spare segment -------------------------------------------------------------------------- */

uint64_t segment_bytes_after(const struct journal *j, uint64_t bytes)
{
    uint64_t most = j->config.segment_bytes;
    if (bytes == 0) return j->config.first_bytes;
    return bytes < most / 2 ? 2 * bytes : most;
}

static bool spare_ready(const struct journal *j)
{
    return j->spare_file >= 0 && j->spare_done == j->next_bytes;
}

/* It is to be ready when the active segment is half full, and never far ahead of that. But its room
 * is taken at once: a full disk wants to be known early. */
static bool spare_due(const struct journal *j)
{
    if (spare_ready(j) || j->full) return false;
    if (j->spare_file < 0 || !j->active) return true;
    uint64_t size = j->active->header.size, used = j->active->end;
    return used >= size / 2 || j->spare_done < j->next_bytes * 2 * used / size;
}

static int spare_drop(struct journal *j)
{
    struct disk_why why;
    j->disk->close(j->disk, j->spare_file);
    j->spare_file = -1;
    j->spare_done = 0;
    return j->disk->unlink(j->disk, SPARE_NAME, &why);
}

static int spare_zeros(struct journal *j, struct disk_why *why)
{
    static const char zeros[ZEROS_BYTES];
    uint64_t end = j->spare_done + SLICE_BYTES;
    if (end > j->next_bytes) end = j->next_bytes;
    for (uint64_t at = j->spare_done; at < end;) {
        size_t len = end - at < ZEROS_BYTES ? (size_t)(end - at) : ZEROS_BYTES;
        int rc = disk_write_all(j->disk, j->spare_file, zeros, len, at, why);
        if (rc != 0) return rc;
        at += len;
    }
    int rc = j->disk->sync(j->disk, j->spare_file, why);
    if (rc == 0) j->spare_done = end;
    return rc;
}

/* A slice of the work: some zeros, synced, so that a sync that someone waits for never stands
 * behind many of them. ERR_LIMIT when the disk is full: then there is no spare, nor parts of one.
 */
static int spare_slice(struct journal *j, struct disk_why *why)
{
    int rc;
    if (j->spare_file < 0) {
        int file = j->disk->open(j->disk, SPARE_NAME, DISK_WRITE | DISK_NEW, why);
        if (file < 0) return named(why, SPARE_NAME, file);
        j->spare_file = file;
        j->spare_done = 0;
        rc = j->disk->preallocate(j->disk, file, j->next_bytes, why);
    } else {
        rc = spare_zeros(j, why);
    }
    if (rc == 0) return 0;
    /* The file is thrown away whatever happened to it, so nothing of it is believed. */
    if (spare_drop(j) != 0) rc = ERR_IO;
    return named(why, SPARE_NAME, rc);
}

/* Going on to the next segment --------------------------------------------------------------- */

/* All that lies before the first record of `s`, or of which the last part is in it, is written. */
static void leave_active(struct journal *j, const struct segment *s)
{
    j->disk->close(j->disk, j->active_file);
    j->active_file = -1;
    j->active = NULL;
    uint64_t complete = s->header.first_seq - 1 - s->header.continues;
    if (complete > load(&j->written)) store(&j->written, complete);
    if (complete > load(&j->durable)) store(&j->durable, complete);
}

/* The header is safe before the file has the name by which it is known, and the name is safe
 * before there are records: so every file of that name has its header. */
static int name_spare(struct journal *j, const struct segment *s, struct disk_why *why)
{
    char header[SEGMENT_HEADER_BYTES], name[SEGMENT_NAME_BYTES];
    struct disk *d = j->disk;
    segment_header_encode(&s->header, header);
    segment_name(s->header.number, name);
    int rc = disk_write_all(d, j->spare_file, header, sizeof header, 0, why);
    if (rc == 0) rc = d->sync(d, j->spare_file, why);
    if (rc == 0) rc = d->rename(d, SPARE_NAME, name, why);
    if (rc == 0) rc = d->sync_folder(d, why);
    /* The zeros were there: that the disk is full now is not what it should say. */
    return rc == 0 ? 0 : named(why, name, ERR_IO);
}

int writer_begin(struct journal *j, struct segment *s, struct disk_why *why)
{
    while (!spare_ready(j)) {
        if (__atomic_load_n(&j->full, __ATOMIC_ACQUIRE)) return ERR_LIMIT;
        int rc = spare_slice(j, why);
        if (rc == ERR_LIMIT) __atomic_store_n(&j->full, true, __ATOMIC_RELEASE);
        if (rc != 0) return rc;
    }
    int rc = name_spare(j, s, why);
    if (rc != 0) return rc;
    j->active = s;
    store(&j->active_number, s->header.number);
    CHECK(s->header.size == j->next_bytes);
    j->next_bytes = segment_bytes_after(j, j->next_bytes);
    j->active_file = j->spare_file;
    j->spare_file = -1;
    j->spare_done = 0;
    mutex_lock(&j->lock);
    CHECK(j->segments[j->published] == s);
    j->published++;
    j->bytes += s->bytes;
    mutex_unlock(&j->lock);
    return 0;
}

static int sync_active(struct journal *j, struct disk_why *why)
{
    if (!j->active) return 0;
    int64_t from = io_mono_us();
    int rc = j->disk->sync(j->disk, j->active_file, why);
    int64_t took = io_mono_us() - from;
    char name[SEGMENT_NAME_BYTES];
    segment_name(j->active->header.number, name);
    mutex_lock(&j->lock);
    j->syncs++;
    j->sync_us_last = took;
    if (took > j->sync_us_max) j->sync_us_max = took;
    mutex_unlock(&j->lock);
    /* Never ERR_LIMIT: that a full disk was found here is found too late. */
    return rc == 0 ? 0 : named(why, name, ERR_IO);
}

static int roll(struct journal *j, struct segment *to, struct disk_why *why)
{
    if (j->active) {
        int rc = sync_active(j, why);
        if (rc != 0) return rc;
        leave_active(j, to);
    }
    return writer_begin(j, to, why);
}

/* Writing ------------------------------------------------------------------------------------ */

static int write_part(struct journal *j, struct chunk *c, size_t until, struct disk_why *why)
{
    size_t from = j->write_from;
    int rc =
        disk_write_all(j->disk, j->active_file, c->bytes + from, until - from, c->at + from, why);
    if (rc != 0) {
        char name[SEGMENT_NAME_BYTES];
        segment_name(j->active->header.number, name);
        return named(why, name, ERR_IO);
    }
    j->write_from = until;
    store(&j->written_bytes, j->written_bytes + (until - from));
    mutex_lock(&j->lock);
    j->active->end = c->at + until;
    mutex_unlock(&j->lock);
    return 0;
}

static int write_until(struct journal *j, const struct seal *to, struct disk_why *why)
{
    for (;;) {
        struct chunk *c = j->write_chunk;
        size_t until = c == to->chunk ? to->len : c->len;
        if (j->write_from < until) {
            int rc = j->active == c->segment ? 0 : roll(j, c->segment, why);
            if (rc == 0) rc = write_part(j, c, until, why);
            if (rc != 0) return rc;
        }
        if (c == to->chunk) break;
        j->write_chunk = c->newer;
        j->write_from = 0;
        store(&j->done_chunk, c->id);
    }
    store(&j->written, to->seq);
    return 0;
}

bool writer_round(struct journal *j, bool sync)
{
    struct seal to = j->sealed;
    struct disk_why why;
    j->busy = true;
    if (sync) j->want_sync = false;
    mutex_unlock(&j->lock);
    int rc = write_until(j, &to, &why);
    if (rc == 0 && sync) rc = sync_active(j, &why);
    if (rc == 0 && sync) store(&j->durable, to.seq);
    mutex_lock(&j->lock);
    j->busy = false;
    if (rc == ERR_LIMIT)
        j->want_sync |= sync;
    else if (rc != 0)
        fail(j, rc, &why);
    return rc == 0;
}

/* Retention ---------------------------------------------------------------------------------- */

bool oldest_is_large(const struct journal *j)
{
    return j->published >= 2 && j->bytes - j->segments[0]->bytes >= j->keep_bytes;
}

bool oldest_is_old(const struct journal *j)
{
    return j->published >= 2 && j->segments[1]->header.time_ms < j->before_ms;
}

bool oldest_waits(const struct journal *j)
{
    return j->published >= 2 && j->segments[1]->header.first_seq - 1 > j->retain_upto;
}

static bool droppable(const struct journal *j)
{
    if (j->kept || j->published < 2 || j->active == j->segments[0] || oldest_waits(j)) return false;
    return oldest_is_large(j) || oldest_is_old(j);
}

/* Asks the owner's may_go. Lock held, given up meanwhile. */
static bool may_go(struct journal *j)
{
    if (!j->config.may_go) return true;
    const struct segment was = *j->segments[0];
    struct journal_leaving leaving = {
        .first_seq = was.header.first_seq,
        .last_seq = j->segments[1]->header.first_seq - 1,
        .time_ms = was.header.time_ms,
    };
    j->aside = true;
    mutex_unlock(&j->lock);
    bool may = j->config.may_go(j->config.may_go_ctx, &leaving);
    mutex_lock(&j->lock);
    j->aside = false;
    j->kept = !may;
    return may;
}

/* One at a time, each gone for good before the next: a crash leaves no hole. */
static bool drop_oldest(struct journal *j)
{
    char name[SEGMENT_NAME_BYTES];
    struct disk_why why;
    struct segment *s = j->segments[0];
    j->bytes -= s->bytes;
    j->published--;
    j->segments_count--;
    memmove(j->segments, j->segments + 1, j->segments_count * sizeof *j->segments);
    j->aside = true;
    mutex_unlock(&j->lock);
    if (j->describing.scan.header.number == s->header.number) scan_close(&j->describing.scan);
    summary_name(s->header.number, name);
    if (s->summary == SUMMARY_KEPT) j->disk->unlink(j->disk, name, &why);
    segment_name(s->header.number, name);
    int rc = j->disk->unlink(j->disk, name, &why);
    if (rc == ERR_ABSENT) rc = 0;
    if (rc == 0) rc = j->disk->sync_folder(j->disk, &why);
    mutex_lock(&j->lock);
    j->aside = false;
    /* Chunks of the tail may still point to it; they only compare. */
    segment_free(s);
    if (rc != 0) fail(j, named(&why, name, ERR_IO), &why);
    __atomic_store_n(&j->full, false, __ATOMIC_RELEASE);
    return rc == 0;
}

/* The work ----------------------------------------------------------------------------------- */

static bool make_spare(struct journal *j)
{
    struct disk_why why;
    j->aside = true;
    mutex_unlock(&j->lock);
    int rc = spare_slice(j, &why);
    mutex_lock(&j->lock);
    j->aside = false;
    if (rc == ERR_LIMIT)
        __atomic_store_n(&j->full, true, __ATOMIC_RELEASE);
    else if (rc != 0)
        fail(j, rc, &why);
    return rc == 0;
}

bool writer_aside_due(const struct journal *j)
{
    return droppable(j) || spare_due(j) || describe_due(j);
}

static bool do_aside(struct journal *j)
{
    if (droppable(j)) return !may_go(j) || drop_oldest(j) || j->failed;
    if (j->stop) return false;
    if (spare_due(j)) return make_spare(j) || j->failed;
    if (!describe_due(j)) return false;
    describe_step(j);
    return true;
}

/* Writing first; but what never gets its turn would never get done. */
static bool do_piece(struct journal *j)
{
    bool urgent = writer_pending(j) || j->want_sync;
    bool wait = urgent && j->pieces++ == PIECES_IN_TURN;
    if (urgent && !wait && writer_round(j, j->want_sync)) return true;
    if (j->failed) return true;
    j->pieces = 0;
    if (do_aside(j)) return true;
    return wait && (writer_round(j, j->want_sync) || j->failed);
}

bool writer_step(struct journal *j)
{
    if (j->failed || j->busy) return false;
    uint64_t written = j->written, durable = j->durable;
    bool full = j->full;
    bool done = do_piece(j);
    bool told = written != j->written || durable != j->durable || full != j->full || j->failed;
    if (told) {
        mutex_unlock(&j->lock);
        wake_owner(j);
        mutex_lock(&j->lock);
    }
    return done;
}

void writer_run(void *journal)
{
    struct journal *j = journal;
    mutex_lock(&j->lock);
    for (;;) {
        if (writer_step(j)) continue;
        if (j->stop) break;
        condition_wait(&j->work, &j->lock);
    }
    mutex_unlock(&j->lock);
}

/* The end ------------------------------------------------------------------------------------ */

/* The file gives back what it does not need. */
static int trim_active(struct journal *j, struct disk_why *why)
{
    struct disk *d = j->disk;
    int rc = d->truncate(d, j->active_file, j->active->end, why);
    return rc == 0 ? d->sync(d, j->active_file, why) : rc;
}

int writer_end(struct journal *j, struct disk_why *why)
{
    int rc = j->failed;
    if (rc != 0) *why = j->why;
    if (rc == 0 && load(&j->written) < j->sealed.seq) {
        rc = ERR_LIMIT;
        snprintf(why->text, sizeof why->text, "the disk is full");
    }
    if (rc == 0 && j->active) rc = trim_active(j, why);
    if (j->active) j->disk->close(j->disk, j->active_file);
    if (j->spare_file >= 0) spare_drop(j);
    return rc;
}
