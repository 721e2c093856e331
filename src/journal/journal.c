/* How the journal works.
 *
 * It promises three things: a record that was called durable is there after any crash, with all
 * before it, in order and unchanged; what a crash tore is cut without a word of it being believed;
 * and damage to what was durable is never taken for a torn tail.
 *
 * The bytes (docs/format/journal.md has the tables). A folder has segments, files of set sizes,
 * made and filled with zeros before they are used:
 *
 *      0000000000000001.journal                        0000000000000002.journal
 *      ┌────────┬────┬───┬───┬────┬───┬──────┬──────┐   ┌────────┬────┬──────┬───┬────┬──0 0 0 0
 *      │ header │mark│ 1 │ 2 │mark│ 3 │4 ....│ rest │   │ header │mark│.... 4│ 5 │mark│
 *      └────────┴────┴───┴───┴────┴───┴──────┴──────┘   └────────┴────┴──────┴───┴────┴─────────
 *       seed ──chain─▶ ─▶ ─▶ ─▶ …  ─▶ ─▶ end            knows where the one before ended, and its
 *                                                       chain there; a seed of its own
 *
 * A frame's checksum goes on from that of the frame before it, and the first one's from the seed
 * of the segment, which is drawn new each time: bytes that were there before do not continue a
 * chain, whatever they are. Records that do not fit a frame are cut, also over several segments.
 * What is handed to the disk at once is a group, and begins with a mark, where that has anything
 * new to say: up to which record all was durable when the group was begun. A mark can be known by
 * itself, by the segment's seed.
 *
 * All goes well. The owner frames records into chunks of memory, with their place in the segments:
 * what the disk will have is decided there. journal_write seals the group. If nobody is writing or
 * syncing it is one pwrite by the owner; else the thread does it after the sync that runs. The
 * thread syncs; what was sealed meanwhile goes together with the next sync (group commit). When a
 * segment is full it is synced, then the spare one gets its header and its name, both synced, then
 * the next frames. So only the last segment can have something that is not durable. The thread
 * makes the next spare in slices between other work, twice as fast as the segment in use fills, so
 * that it is neither late nor in the way; the owner's writes go on beside it.
 *
 * What may go wrong:
 *
 *  - The process dies. The system has all that was written. The next opening reads the last
 *    segment to the end of its chain, syncs it (no one knows what was synced), cuts the rest, and
 *    goes on in a new segment of a new epoch whose header says where the old one ends.
 *  - Power fails. Of what was not synced any sector may be there or not. The chain ends at the
 *    first that is not. What lies behind it is not looked at again, except for marks: one that
 *    vouches for more than was found is a proof that something durable is gone. That is damage,
 *    and refused; without it the tail was torn, and is cut.
 *  - The end is quiet. The last sync is vouched for by no mark behind it. So a group of only a
 *    mark follows a second later, and at the end.
 *  - Power fails in a large record, of which some frames are there. It is not complete: its number
 *    is given again, in the next segment, which says that it does not continue it.
 *  - Power fails while a segment is made. It is called `spare` then, and thrown away.
 *  - A write or sync fails. It is not tried again: Linux marks pages clean that it failed to
 *    write, so the second sync would succeed and mean nothing. The journal stands still, with
 *    the reason; the process should end, and find at the next start what is really there. That
 *    one reads pages that the disk lacks and that the system believes clean: what no mark vouches
 *    for it writes anew before it syncs.
 *  - A write stops short. It is gone on with; if there was a reason, that gives the error.
 *  - The disk is full when a segment is made. That is before anything was promised: the spare is
 *    thrown away and tried again each second, journal_admits says ERR_LIMIT once the segment in
 *    use is down to the reserve, and what is appended still, beyond it, waits in memory.
 *  - A second process opens the folder. The lock file is locked: ERR_BUSY.
 *  - A journal is begun anew: its first segment says that none was before it, and has a number
 *    that follows all the same. Once it has its name the older ones are void, and are removed then,
 *    or at the next opening.
 *  - Retention meets a crash. Segments go one by one, each synced: what is left has no hole.
 *  - A segment before the last is damaged. Its end and chain are known from the next one's header,
 *    so whoever reads it gets ERR_CORRUPT, be it one bit. Opening does not read it.
 *
 * What was written is described by the thread, group by group (describe.c), and when a segment is
 * finished it gets a summary beside it (summary.c), by which readers pass over what cannot match
 * (skip.c). Nothing rests on summaries: whatever happens to one costs only time.
 *
 * Invariants, which journal_check checks:
 *  1. durable ≤ written ≤ sealed ≤ appended, and none ever goes back.
 *  2. Segments have consecutive numbers, growing first records and epochs; each is followed by one
 *     that says where it ends. Only the last published one may be the active one.
 *  3. Chunks are in order, each where the one before ended or at the begin of the next segment;
 *     the newest ends at laid_at of the segment that is being filled.
 *  4. The writer's place and the seal are in chunks that are still there, the writer's not behind.
 *  5. tail_bytes is the sum of what the chunks take. */
#include "internal.h"

enum {
    CHUNK_BYTES = 256 * 1024,
    INDEX_BYTES = 64 * 1024,
    PAGE_BYTES = 4096,    /* a mark at least in each: see mark_is_wanted */
    PIECE_BYTES_MIN = 64, /* a smaller piece of a record is not worth its frame */
    QUIET_MS = 1000,      /* after so long the mark that ends a group follows by itself */
};

/* Chunks ------------------------------------------------------------------------------------- */

static void chunk_free(struct journal *j, struct chunk *c)
{
    if (j->hint == c) j->hint = NULL;
    j->tail_bytes -= c->cap;
    mem_free(c, sizeof *c + c->cap);
}

/* Drops the oldest, down to the bound, but nothing that the writer may look at. */
static void trim_tail(struct journal *j)
{
    uint64_t done = load(&j->done_chunk);
    while (j->tail_bytes > j->config.tail_bytes_max && j->oldest->id <= done) {
        struct chunk *c = j->oldest;
        j->oldest = c->newer;
        j->oldest->older = NULL;
        chunk_free(j, c);
    }
}

static void add_chunk(struct journal *j, size_t need)
{
    size_t cap = j->config.segment_bytes < CHUNK_BYTES ? j->config.segment_bytes : CHUNK_BYTES;
    if (cap < need) cap = need;
    struct chunk *c = mem_alloc(sizeof *c + cap), *before = j->newest;
    *c = (struct chunk){
        .older = before, .segment = j->laid, .at = j->laid_at, .first_seq = j->begin, .cap = cap};
    c->id = before ? before->id + 1 : 1;
    j->newest = c;
    if (before)
        before->newer = c;
    else
        j->oldest = c;
    j->tail_bytes += cap;
    trim_tail(j);
}

/* Laying out --------------------------------------------------------------------------------- */

void journal_plan_segment(struct journal *j, int64_t now_ms)
{
    struct segment *s = mem_new(struct segment);
    mutex_lock(&j->lock);
    struct segment *last = j->segments_count ? j->segments[j->segments_count - 1] : NULL;
    struct segment *prior = j->laid || !j->config.anew ? last : NULL;
    s->header = (struct segment_header){
        .number = last ? last->header.number + 1 : 1,
        .epoch = j->epoch,
        .seed = random_u64(&j->random),
        .first_seq = j->begin,
        .continues = j->partial,
        .prior_end = !prior    ? 0
                     : j->laid ? j->laid_at
                               : prior->end,
        .prior_chain = !prior    ? 0
                       : j->laid ? j->chain
                                 : prior->end_chain,
        .size = segment_bytes_after(j, j->laid ? j->laid->header.size : 0),
        .time_ms = now_ms,
    };
    s->bytes = s->header.size;
    s->end = SEGMENT_HEADER_BYTES;
    s->indexed = true;
    if (prior) prior->end_chain = s->header.prior_chain;
    segments_add(j, s);
    mutex_unlock(&j->lock);
    j->laid = s;
    j->laid_at = SEGMENT_HEADER_BYTES;
    j->chain = segment_chain(&s->header);
    j->group_open = false;
    j->mark_at = 0;
}

static void add_frame(struct journal *j, enum frame_kind kind, uint64_t seq, struct slice payload)
{
    struct chunk *c = j->newest;
    uint64_t bytes = frame_bytes(payload.len);
    DCHECK(c->cap - c->len >= bytes && c->segment == j->laid && c->at + c->len == j->laid_at);
    struct frame f = {kind, seq, payload};
    j->chain = frame_encode(&f, j->chain, c->bytes + c->len);
    c->len += bytes;
    j->laid_at += bytes;
    j->appended_bytes += bytes;
}

static void add_mark(struct journal *j, int64_t now_ms)
{
    char payload[MARK_PAYLOAD_BYTES];
    struct mark m = {load(&j->durable), now_ms};
    struct index_entry entry = {j->begin, now_ms, j->laid_at, j->chain, j->partial};
    mutex_lock(&j->lock);
    segment_note(j->laid, j->config.index_bytes, &entry);
    mutex_unlock(&j->lock);
    mark_encode(&m, j->laid->header.seed, j->laid_at, j->begin, payload);
    add_frame(j, FRAME_MARK, j->begin, slice_of(payload, sizeof payload));
    j->mark_durable = m.durable;
    j->mark_at = entry.at;
}

/* Has a mark here anything to say? That more is durable than the one before said; or where reading
 * may begin: what is handed over in small groups would else be marks for the most part. And a torn
 * write that leaves a page leaves a mark to be found in it. */
static bool mark_is_wanted(const struct journal *j)
{
    uint64_t distance = j->config.index_bytes < PAGE_BYTES ? j->config.index_bytes : PAGE_BYTES;
    return !j->mark_at || load(&j->durable) != j->mark_durable ||
           j->laid_at - j->mark_at >= distance;
}

static uint64_t room_in_segment(const struct journal *j)
{
    return j->laid->header.size - j->laid_at - (j->group_open ? 0 : MARK_BYTES);
}

static bool fits_segment(const struct journal *j, uint64_t bytes)
{
    return j->laid_at + (j->group_open ? 0 : MARK_BYTES) + bytes <= j->laid->header.size;
}

/* Makes sure that `bytes` of frames can be added to the newest chunk, and begins the group: behind
 * a mark, if one is wanted there. */
static void make_room(struct journal *j, uint64_t bytes, int64_t now_ms)
{
    if (!fits_segment(j, bytes)) journal_plan_segment(j, now_ms);
    size_t need = (size_t)bytes + (j->group_open ? 0 : MARK_BYTES);
    struct chunk *c = j->newest;
    if (!c || c->segment != j->laid || c->cap - c->len < need) add_chunk(j, need);
    if (!j->group_open && mark_is_wanted(j)) add_mark(j, now_ms);
    j->group_open = true;
}

/* A record that is larger than a frame: in pieces, each as large as the segment lets it be. */
static void add_pieces(struct journal *j, uint64_t seq, struct slice record, int64_t now_ms)
{
    enum frame_kind kind = FRAME_FIRST;
    while (record.len > 0) {
        if (!fits_segment(j, FRAME_HEADER_BYTES + PIECE_BYTES_MIN)) journal_plan_segment(j, now_ms);
        uint64_t most = room_in_segment(j);
        if (most > j->frame_max) most = j->frame_max;
        size_t len = (size_t)most - FRAME_HEADER_BYTES;
        if (len >= record.len) {
            len = record.len;
            kind = FRAME_LAST;
        }
        make_room(j, frame_bytes(len), now_ms);
        if (kind == FRAME_FIRST) j->begin++;
        add_frame(j, kind, seq, slice_of(record.at, len));
        record = slice_from(record, len);
        j->partial = record.len > 0;
        kind = FRAME_MIDDLE;
    }
}

static int failed_now(const struct journal *j)
{
    return __atomic_load_n(&j->failed, __ATOMIC_ACQUIRE);
}

uint64_t journal_append(struct journal *j, struct slice record, int64_t now_ms)
{
    MAGIC(j, JOURNAL_MAGIC);
    if (failed_now(j) || record.len > JOURNAL_RECORD_BYTES_MAX) return 0;
    uint64_t seq = j->begin, bytes = frame_bytes(record.len);
    if (j->config.segment_per_record && j->laid_at > SEGMENT_HEADER_BYTES)
        journal_plan_segment(j, now_ms);
    if (bytes <= j->frame_max) {
        make_room(j, bytes, now_ms);
        add_frame(j, FRAME_WHOLE, seq, record);
        j->begin++;
    } else {
        add_pieces(j, seq, record, now_ms);
    }
    j->append_ms = now_ms;
    return seq;
}

char *journal_reserve(struct journal *j, size_t max, int64_t now_ms)
{
    MAGIC(j, JOURNAL_MAGIC);
    if (failed_now(j)) return NULL;
    if (j->config.segment_per_record && j->laid_at > SEGMENT_HEADER_BYTES)
        journal_plan_segment(j, now_ms);
    if (frame_bytes(max) <= j->frame_max) {
        make_room(j, frame_bytes(max), now_ms);
        return j->reserved = j->newest->bytes + j->newest->len + FRAME_HEADER_BYTES;
    }
    j->outside.len = 0;
    return j->reserved = buffer_reserve(&j->outside, max);
}

static uint64_t commit_outside(struct journal *j, size_t len, int64_t now_ms)
{
    uint64_t seq = journal_append(j, slice_of(j->reserved, len), now_ms);
    buffer_fini(&j->outside);
    return seq;
}

uint64_t journal_commit(struct journal *j, size_t len, int64_t now_ms)
{
    struct chunk *c = j->newest;
    uint64_t bytes = frame_bytes(len), seq = j->begin;
    if (__builtin_expect(j->reserved == j->outside.at, 0)) return commit_outside(j, len, now_ms);
    char *to = c->bytes + c->len;
    DCHECK(j->reserved == to + FRAME_HEADER_BYTES && c->cap - c->len >= bytes);
    j->chain = frame_finish(FRAME_WHOLE, seq, len, j->chain, to);
    c->len += bytes;
    j->laid_at += bytes;
    j->appended_bytes += bytes;
    j->begin = seq + 1;
    j->append_ms = now_ms;
    return seq;
}

/* Handing over ------------------------------------------------------------------------------- */

/* A mark of its own when all is durable and quiet, and no mark says so yet. */
static bool mark_is_due(const struct journal *j, int64_t now_ms, bool flush)
{
    uint64_t durable = load(&j->durable);
    bool placed = j->laid->header.number == load(&j->active_number) && fits_segment(j, 0);
    if (!placed && __atomic_load_n(&j->full, __ATOMIC_ACQUIRE)) return false;
    return !j->group_open && durable == j->begin - 1 && durable > j->mark_durable &&
           (flush || now_ms - j->append_ms >= QUIET_MS);
}

static bool sync_is_due(struct journal *j, int64_t now_ms, bool fresh)
{
    bool behind = load(&j->durable) < j->begin - 1;
    if (j->config.sync == JOURNAL_SYNC_ALWAYS) return fresh;
    return j->config.sync == JOURNAL_SYNC_EVERYSEC && behind && now_ms - j->sync_ms >= QUIET_MS;
}

/* Lock held. */
static void seal(struct journal *j)
{
    j->sealed = (struct seal){j->newest, j->newest->len, j->begin - 1};
    j->group_open = false;
}

static void hand_over(struct journal *j, int64_t now_ms, bool flush)
{
    MAGIC(j, JOURNAL_MAGIC);
    if (failed_now(j)) return;
    bool marked = mark_is_due(j, now_ms, flush);
    if (marked) make_room(j, 0, now_ms);
    bool fresh = j->group_open, sync = flush || marked || sync_is_due(j, now_ms, fresh);
    if (sync) j->sync_ms = now_ms;
    mutex_lock(&j->lock);
    if (fresh) seal(j);
    j->want_sync |= sync;
    bool retry = j->full && now_ms - j->retry_ms >= QUIET_MS;
    if (retry) {
        j->retry_ms = now_ms;
        __atomic_store_n(&j->full, false, __ATOMIC_RELEASE);
    }
    if (!j->busy && !j->failed && writer_pending(j) && writer_simple(j)) writer_round(j, false);
    /* A thread that is busy looks again before it sleeps. */
    bool work = !j->busy &&
                (j->want_sync || retry || writer_pending(j) || (!j->aside && writer_aside_due(j)));
    if (j->config.threaded && work) condition_signal(&j->work);
    mutex_unlock(&j->lock);
}

void journal_write(struct journal *j, int64_t now_ms)
{
    hand_over(j, now_ms, false);
}

void journal_flush(struct journal *j, int64_t now_ms)
{
    hand_over(j, now_ms, true);
}

void journal_set_sync(struct journal *j, enum journal_sync sync)
{
    j->config.sync = sync;
}

void journal_retain(struct journal *j, uint64_t upto, uint64_t keep_bytes)
{
    mutex_lock(&j->lock);
    j->retain_upto = upto;
    j->keep_bytes = keep_bytes;
    j->kept = false;
    if (j->config.threaded) condition_signal(&j->work);
    mutex_unlock(&j->lock);
}

void journal_retain_time(struct journal *j, int64_t before_ms)
{
    mutex_lock(&j->lock);
    j->before_ms = before_ms;
    j->kept = false;
    if (j->config.threaded) condition_signal(&j->work);
    mutex_unlock(&j->lock);
}

bool journal_step(struct journal *j)
{
    CHECK(!j->config.threaded);
    mutex_lock(&j->lock);
    bool done = writer_step(j);
    mutex_unlock(&j->lock);
    return done;
}

/* Opening and closing ------------------------------------------------------------------------ */

static void configure(struct journal *j, const struct journal_config *config)
{
    j->config = *config;
    if (!j->config.index_bytes) j->config.index_bytes = INDEX_BYTES;
    uint64_t bytes = j->config.segment_bytes;
    CHECK(bytes >= JOURNAL_SEGMENT_BYTES_MIN && bytes % 512 == 0 && bytes <= 1u << 30);
    uint64_t *first = &j->config.first_bytes;
    if (*first == 0) *first = JOURNAL_FIRST_BYTES;
    if (*first > bytes) *first = bytes;
    CHECK(*first >= JOURNAL_SEGMENT_BYTES_MIN && *first % 512 == 0);
    j->next_bytes = *first;
    j->frame_max = *first - SEGMENT_HEADER_BYTES - MARK_BYTES;
    if (j->frame_max > FRAME_BYTES_MAX) j->frame_max = FRAME_BYTES_MAX;
}

static int begin_epoch(struct journal *j, int64_t now_ms, struct disk_why *why)
{
    j->written = j->durable = j->begin - 1;
    j->append_ms = j->sync_ms = j->retry_ms = now_ms;
    j->keep_bytes = UINT64_MAX;
    if (!j->config.anew)
        for (size_t i = 0; i < j->published; i++) j->bytes += j->segments[i]->bytes;
    journal_plan_segment(j, now_ms);
    add_chunk(j, 0);
    j->sealed = (struct seal){j->newest, 0, j->begin - 1};
    j->write_chunk = j->newest;
    int rc = writer_begin(j, j->laid, why);
    if (j->config.anew) return rc == 0 ? recover_drop(j, j->segments_count - 1, why) : rc;
    return rc == ERR_LIMIT ? 0 : rc;
}

static void journal_free(struct journal *j)
{
    while (j->oldest) {
        struct chunk *c = j->oldest;
        j->oldest = c->newer;
        chunk_free(j, c);
    }
    for (size_t i = 0; i < j->segments_count; i++) segment_free(j->segments[i]);
    mem_free(j->segments, j->segments_cap * sizeof(void *));
    if (j->lock_file >= 0) j->disk->close(j->disk, j->lock_file);
    mutex_fini(&j->lock);
    condition_fini(&j->work);
    describe_fini(j);
    buffer_fini(&j->outside);
    j->magic = 0;
    mem_delete(j);
}

static int start(struct journal *j, int64_t now_ms, struct journal_recovery *found,
                 struct disk_why *why)
{
    j->lock_file = j->disk->lock(j->disk, LOCK_NAME, why);
    if (j->lock_file < 0) return named(why, LOCK_NAME, j->lock_file);
    int rc = recover(j, found, why);
    if (rc == 0) rc = begin_epoch(j, now_ms, why);
    if (rc == 0 && j->config.threaded) rc = thread_start(&j->thread, "journal", writer_run, j);
    if (rc == 0) return 0;
    struct disk_why ignored;
    if (j->active) j->disk->close(j->disk, j->active_file);
    if (j->spare_file >= 0) {
        j->disk->close(j->disk, j->spare_file);
        j->disk->unlink(j->disk, SPARE_NAME, &ignored);
    }
    return rc;
}

int journal_open(struct journal **journal, const struct journal_config *config, struct disk *disk,
                 int64_t now_ms, struct journal_recovery *found, struct disk_why *why)
{
    struct journal *j = mem_new(struct journal);
    j->magic = JOURNAL_MAGIC;
    j->disk = disk;
    j->active_file = j->spare_file = j->describing.scan.file = -1;
    configure(j, config);
    random_init(&j->random, config->seed);
    mutex_init(&j->lock);
    condition_init(&j->work);
    *found = (struct journal_recovery){0};
    why->text[0] = 0;
    int rc = start(j, now_ms, found, why);
    if (rc == 0)
        *journal = j;
    else
        journal_free(j);
    return rc;
}

/* What the thread would do, when there is none any more. */
static void finish(struct journal *j, int64_t now_ms)
{
    mutex_lock(&j->lock);
    if (j->failed == 0 && writer_round(j, true)) {
        mutex_unlock(&j->lock);
        bool due = mark_is_due(j, now_ms, true);
        if (due) make_room(j, 0, now_ms);
        mutex_lock(&j->lock);
        seal(j);
        if (due) writer_round(j, true);
    }
    mutex_unlock(&j->lock);
}

int journal_close(struct journal *j, int64_t now_ms, struct disk_why *why)
{
    MAGIC(j, JOURNAL_MAGIC);
    mutex_lock(&j->lock);
    if (j->group_open) seal(j);
    j->stop = true;
    condition_signal(&j->work);
    mutex_unlock(&j->lock);
    if (j->config.threaded) thread_join(&j->thread);
    finish(j, now_ms);
    int rc = writer_end(j, why);
    journal_free(j);
    return rc;
}

/* Questions ---------------------------------------------------------------------------------- */

int journal_admits(const struct journal *j)
{
    int failed = failed_now(j);
    if (failed) return failed;
    bool full = __atomic_load_n(&j->full, __ATOMIC_ACQUIRE);
    uint64_t left = j->laid->header.size - j->laid_at;
    uint64_t backlog = j->appended_bytes - load(&j->written_bytes);
    if (full && (left < j->config.reserve_bytes || left < MARK_BYTES + PIECE_BYTES_MIN))
        return ERR_LIMIT;
    if (full && j->laid->header.number != load(&j->active_number)) return ERR_LIMIT;
    return backlog > j->config.backlog_bytes_max ? ERR_AGAIN : 0;
}

int journal_failure(struct journal *j, struct disk_why *why)
{
    mutex_lock(&j->lock);
    int failed = j->failed;
    if (failed) *why = j->why;
    mutex_unlock(&j->lock);
    return failed;
}

uint64_t journal_appended(const struct journal *j)
{
    return j->begin - 1;
}

uint64_t journal_written(const struct journal *j)
{
    return load(&j->written);
}

uint64_t journal_durable(const struct journal *j)
{
    return load(&j->durable);
}

uint64_t journal_first(struct journal *j)
{
    mutex_lock(&j->lock);
    uint64_t first = j->segments[0]->header.first_seq;
    mutex_unlock(&j->lock);
    return first;
}

void journal_info(struct journal *j, struct journal_info *info)
{
    mutex_lock(&j->lock);
    const struct segment *last = j->segments[j->published ? j->published - 1 : 0];
    bool waits = oldest_waits(j);
    *info = (struct journal_info){
        .first_seq = j->segments[0]->header.first_seq,
        .appended = j->begin - 1,
        .written = load(&j->written),
        .durable = load(&j->durable),
        .segments = j->published,
        .bytes = j->bytes,
        .used_bytes = j->bytes - (last->bytes - last->end),
        .backlog_bytes = j->appended_bytes - load(&j->written_bytes),
        .tail_bytes = j->tail_bytes,
        .syncs = j->syncs,
        .sync_us_last = j->sync_us_last,
        .sync_us_max = j->sync_us_max,
        .full = __atomic_load_n(&j->full, __ATOMIC_ACQUIRE),
        .waits_by_size = waits && oldest_is_large(j),
        .waits_by_age = waits && oldest_is_old(j),
    };
    mutex_unlock(&j->lock);
}

size_t journal_memory(const struct journal *j)
{
    return j->tail_bytes;
}

/* The tail ----------------------------------------------------------------------------------- */

uint64_t journal_tail_first(const struct journal *j)
{
    return j->oldest->first_seq;
}

/* A frame of a chunk, without asking for its checksum: it never left our memory. */
static struct frame frame_at(const struct chunk *c, size_t at, uint64_t *bytes)
{
    struct frame f;
    frame_peek(&f, c->bytes + at);
    *bytes = frame_bytes(f.payload.len);
    return f;
}

static int collect(const struct chunk *c, size_t at, uint64_t seq, struct buffer *scratch,
                   struct slice *record)
{
    scratch->len = 0;
    for (; c; c = c->newer, at = 0) {
        uint64_t bytes;
        for (; at < c->len; at += bytes) {
            struct frame f = frame_at(c, at, &bytes);
            if (f.kind == FRAME_MARK || f.seq != seq) continue;
            buffer_add_slice(scratch, f.payload);
            if (f.kind != FRAME_LAST) continue;
            *record = buffer_slice(scratch);
            return 1;
        }
    }
    return 0;
}

int journal_tail(struct journal *j, uint64_t seq, struct buffer *scratch, struct slice *record)
{
    if (seq >= j->begin || seq < j->oldest->first_seq) return 0;
    struct chunk *c = j->hint;
    /* Mostly the next one is asked for, or the newest by all who waited for it. */
    size_t at = seq == j->hint_seq ? j->hint_at : j->hint_from;
    if (!c || (seq != j->hint_seq && seq + 1 != j->hint_seq)) {
        for (c = j->newest; c->first_seq > seq;) c = c->older;
        at = 0;
    }
    for (; c; c = c->newer, at = 0) {
        uint64_t bytes;
        for (; at < c->len; at += bytes) {
            struct frame f = frame_at(c, at, &bytes);
            if (f.seq != seq || (f.kind != FRAME_WHOLE && f.kind != FRAME_FIRST)) continue;
            j->hint = c;
            j->hint_from = at;
            j->hint_at = at + bytes;
            j->hint_seq = seq + 1;
            if (f.kind == FRAME_FIRST) return collect(c, at, seq, scratch, record);
            *record = f.payload;
            return 1;
        }
    }
    return 0;
}

/* Checking ----------------------------------------------------------------------------------- */

static void check_segments(const struct journal *j)
{
    CHECK(j->published <= j->segments_count && j->segments_count > 0);
    CHECK(j->segments[j->segments_count - 1] == j->laid);
    for (size_t i = 1; i < j->segments_count; i++) {
        const struct segment *a = j->segments[i - 1], *b = j->segments[i];
        CHECK(b->header.number == a->header.number + 1);
        CHECK(b->header.first_seq >= a->header.first_seq && b->header.epoch >= a->header.epoch);
        CHECK(b->header.prior_chain == a->end_chain);
        CHECK(i >= j->published || b->header.prior_end == a->end);
    }
    if (!j->busy && j->active) CHECK(j->segments[j->published - 1] == j->active);
}

static void check_chunks(const struct journal *j)
{
    size_t bytes = 0;
    bool sealed = false, writing = false;
    for (const struct chunk *c = j->oldest; c; c = c->newer) {
        bytes += c->cap;
        CHECK(c->len <= c->cap && (c->newer || c == j->newest));
        const struct chunk *n = c->newer;
        if (n) CHECK(n->id == c->id + 1 && n->first_seq >= c->first_seq && n->older == c);
        if (n) CHECK(n->at == c->at + c->len || n->at == SEGMENT_HEADER_BYTES);
        if (j->busy || c == j->write_chunk) writing = true;
        if (c == j->sealed.chunk) sealed = true;
        CHECK(writing || !sealed);
    }
    CHECK(sealed && writing && bytes == j->tail_bytes);
    const struct chunk *last = j->newest;
    CHECK(last->segment != j->laid || last->at + last->len == j->laid_at);
}

void journal_check(struct journal *j)
{
    MAGIC(j, JOURNAL_MAGIC);
    mutex_lock(&j->lock);
    CHECK(load(&j->durable) <= load(&j->written) && load(&j->written) <= j->sealed.seq);
    CHECK(j->sealed.seq < j->begin && !j->partial);
    check_segments(j);
    check_chunks(j);
    mutex_unlock(&j->lock);
}
