#include "snapshots.h"

#include "../base/assert.h"
#include "../base/little.h"
#include "../base/mem.h"
#include "../engine/restore.h"
#include "../engine/walk.h"
#include "../io/clock.h"
#include "../io/thread.h"
#include "server.h"

enum {
    BACKLOG_MAX = 16 << 20,       /* may wait to be written before the walk stands still, */
    BACKLOG_TOO_MUCH = 256 << 20, /* and before the snapshot is given up */
    WALK_ENTRIES = 64,            /* between two looks at the time */
    WALK_PART_BYTES = 32 << 10,   /* of a large value, the same */
    WALK_IDLE_US = 500,           /* of a turn, while nobody has said anything, */
    WALK_LEAST_US = 50,           /* and while somebody has: this, and */
    WALK_PART = 4,                /* a quarter of what the turn took besides, */
    WALK_MOST_US = 1000,          /* but no more than that */
    ACTIVE_US = 100 * 1000,       /* clients are active for so long after a command */
    AGAIN_US = 10 * 1000 * 1000,  /* after a snapshot that was given up, */
    FAILED_US = 60 * 1000 * 1000, /* and after one that failed */
};

void snapshots_init(struct snapshots *n)
{
    *n = (struct snapshots){.last_seconds = -1};
}

void snapshots_add_section(struct snapshots *n, struct snapshot_section section)
{
    CHECK(n->sections_count < SNAPSHOT_SECTIONS_MAX);
    n->sections[n->sections_count++] = section;
}

/* ---- beginning ---- */

static void wake(void *ctx)
{
    const struct server *s = ctx;
    wakeup_ring(s->store.wakeup_fd);
}

static void give_walk_up(struct server *s, const char *reason)
{
    s->snapshots.given_up = reason;
    engine_walk_cancel(s->engine);
}

static void look_at_backlog(struct server *s)
{
    struct snapshots *n = &s->snapshots;
    if (snapshot_ready(n->now)) n->large_bytes = 0;
    if (snapshot_backlog(n->now) > BACKLOG_TOO_MUCH + n->large_bytes)
        give_walk_up(s, "the disk is too far behind what clients change; it begins again later");
}

/* Can it be copied, here and by the file's thread? A snapshot can wait, and must not be what the
 * server ends by. */
static bool can_copy(struct server *s, const struct entry *e)
{
    if (mem_can_alloc(2 * entry_bytes(e))) return true;
    give_walk_up(s, "there is no memory for the copy of a large value; it begins again later");
    return false;
}

static void keep_entry(void *ctx, int db, const struct entry *e)
{
    struct server *s = ctx;
    struct snapshots *n = &s->snapshots;
    if (!can_copy(s, e)) return;
    entry_encode(snapshot_room(n->now), db, e);
    snapshot_added(n->now);
    look_at_backlog(s);
}

static bool keep_part(void *ctx, int db, const struct entry *e, struct value_progress *p)
{
    struct server *s = ctx;
    struct snapshots *n = &s->snapshots;
    if (!n->large.len && !can_copy(s, e)) return false;
    if (!n->large.len) snapshot_begin_item(&n->large);
    if (!entry_encode_some(&n->large, db, e, p, WALK_PART_BYTES)) return false;
    n->large_bytes += n->large.len;
    snapshot_take(n->now, &n->large);
    return true;
}

static bool is_ready(void *ctx)
{
    const struct server *s = ctx;
    return snapshot_ready(s->snapshots.now);
}

static void failed(struct server *s, const char *reason, int64_t again_us)
{
    struct snapshots *n = &s->snapshots;
    log_line(&s->log, LOGLEVEL_WARNING, "The snapshot cannot be written: %s", reason);
    n->phase = SNAPSHOTS_IDLE;
    n->last_failed = true;
    n->failures_in_row++;
    n->not_before_us = io_mono_us() + again_us;
}

/* The oldest snapshot from which the journal still goes on: with it the data of any moment since
 * can be had. -1: none. */
static int oldest_useful(const struct snapshots *n, uint64_t journal_first)
{
    for (int i = n->whole_count - 1; i >= 0; i--)
        if (n->whole[i] + 1 >= journal_first) return i;
    return -1;
}

/* Those that are to go once there is a newer one, `seq`, which may take the place of a damaged one:
 * all but one, the oldest that is of use. */
static int list_obsolete(const struct snapshots *n, uint64_t seq, uint64_t journal_first,
                         uint64_t *obsolete)
{
    int kept = oldest_useful(n, journal_first), count = 0;
    for (int i = 0; i < n->whole_count; i++)
        if (i != kept) obsolete[count++] = n->whole[i];
    for (int i = 0; i < n->damaged_count; i++)
        if (n->damaged[i] != seq) obsolete[count++] = n->damaged[i];
    return count;
}

static void add_databases(const struct keyspace *ks, struct buffer *to)
{
    for (int i = 0; i < keyspace_databases(ks); i++) {
        size_t keys = keyspace_size(ks, i);
        if (!keys) continue;
        char *from = buffer_reserve(to, 2 * VARINT_MAX);
        to->len += (size_t)(put_varint(put_varint(from, (uint64_t)i), keys) - from);
    }
}

static void begin_sections(struct server *s)
{
    struct snapshots *n = &s->snapshots;
    struct buffer bytes = {0};
    add_databases(s->keyspace, &bytes);
    snapshot_section(n->now, SLICE(SNAPSHOT_DATABASES), buffer_slice(&bytes));
    buffer_fini(&bytes);
    n->section = 0;
    for (int i = 0; i < n->sections_count; i++) n->sections[i].begin(n->sections[i].ctx);
}

/* A part of the next section; false when all are saved. */
static bool save_section(struct snapshots *n)
{
    if (n->section == n->sections_count) return false;
    const struct snapshot_section *section = &n->sections[n->section];
    if (!n->section_bytes.len) snapshot_begin_section(&n->section_bytes, section->name);
    if (!section->save_some(section->ctx, WALK_PART_BYTES, &n->section_bytes)) return true;
    section->end(section->ctx);
    n->section++;
    n->large_bytes += n->section_bytes.len;
    snapshot_take_section(n->now, &n->section_bytes);
    return true;
}

static void end_sections(struct snapshots *n)
{
    for (int i = 0; i < n->sections_count; i++) n->sections[i].end(n->sections[i].ctx);
    buffer_fini(&n->section_bytes);
}

static int open_file(struct server *s, struct disk_why *why)
{
    struct snapshots *n = &s->snapshots;
    struct engine_stats stats = engine_stats(s->engine);
    uint64_t obsolete[SNAPSHOTS_MAX];
    struct snapshot_header h = {.seq = stats.seq,
                                .last_ms = stats.last_id.ms,
                                .last_n = stats.last_id.n,
                                .time_ms = s->now_us / 1000,
                                .journal_epoch = n->journal_epoch};
    struct snapshot_config config = {.backlog_max = BACKLOG_MAX,
                                     .obsolete = obsolete,
                                     .threaded = true,
                                     .wake = wake,
                                     .wake_ctx = s};
    config.obsolete_count = list_obsolete(n, h.seq, journal_first(s->store.journal), obsolete);
    return snapshot_begin(&n->now, s->store.disk, &h, &config, why);
}

/* The data is that of the newest snapshot still. */
static bool is_up_to_date(const struct server *s)
{
    const struct snapshots *n = &s->snapshots;
    return n->whole_count && n->whole[0] == engine_stats(s->engine).seq;
}

static void begin(struct server *s)
{
    struct snapshots *n = &s->snapshots;
    struct walk_visitor v = {keep_entry, keep_part, is_ready, s};
    struct event_id last;
    struct disk_why why;
    n->wanted = false;
    n->given_up = NULL;
    n->large_bytes = 0;
    engine_settle(s->engine, s->now_us / 1000); /* the groups that are saved have it */
    if (is_up_to_date(s)) {
        n->last_failed = false;
        return;
    }
    if (open_file(s, &why) != 0) {
        failed(s, why.text, FAILED_US);
        return;
    }
    int rc = engine_walk_begin(s->engine, v, &n->now_seq, &last);
    CHECK(rc == 0);
    begin_sections(s);
    n->phase = SNAPSHOTS_WALKING;
    n->begun_us = io_mono_us();
    n->journal_bytes_begun = n->journal_bytes;
    log_line(&s->log, LOGLEVEL_NOTICE, "A snapshot of the data after record %llu is begun",
             (unsigned long long)n->now_seq);
}

enum snapshots_answer snapshots_ask(struct server *s)
{
    struct snapshots *n = &s->snapshots;
    if (s->store.state == STORE_OFF) return SNAPSHOT_NO_JOURNAL;
    if (n->phase != SNAPSHOTS_IDLE) return SNAPSHOT_RUNNING;
    n->wanted = true;
    n->not_before_us = 0;
    return engine_walk_may_begin(s->engine) ? SNAPSHOT_STARTED : SNAPSHOT_SCHEDULED;
}

/* Has the journal grown by auto-aof-rewrite-percentage of the snapshot that it goes on from? */
static bool journal_has_grown(const struct server *s)
{
    const struct snapshots *n = &s->snapshots;
    const struct config *c = &s->config;
    if (!c->rewrite_percentage || n->journal_bytes < c->rewrite_min_bytes) return false;
    double base = n->base_bytes ? (double)n->base_bytes : 1;
    return (double)n->journal_bytes * 100 / base >= (double)c->rewrite_percentage;
}

/* ---- going on ---- */

static void give_up(struct server *s)
{
    struct snapshots *n = &s->snapshots;
    engine_walk_cancel(s->engine);
    snapshot_give_up(n->now);
    n->phase = SNAPSHOTS_ENDING;
}

/* How long this turn may walk: clients come first, but not so much that it never ends. */
static int64_t allowed_us(struct server *s, int64_t now_us, int64_t woken_us)
{
    struct snapshots *n = &s->snapshots;
    uint64_t commands = sessions_commands(s->sessions);
    if (commands != n->commands_seen) n->commands_us = now_us;
    n->commands_seen = commands;
    if (engine_walk_is_wanted(s->engine)) return WALK_MOST_US;
    if (now_us - n->commands_us > ACTIVE_US) return WALK_IDLE_US;
    int64_t us = WALK_LEAST_US + (now_us - woken_us) / WALK_PART;
    return us < WALK_MOST_US ? us : WALK_MOST_US;
}

static bool walk(struct server *s, int64_t woken_us)
{
    struct snapshots *n = &s->snapshots;
    int64_t from_us = io_mono_us(), until_us = from_us + allowed_us(s, from_us, woken_us);
    bool more, ready;
    do {
        more = save_section(n) || engine_walk_step(s->engine, WALK_ENTRIES);
        ready = more && snapshot_ready(n->now);
    } while (ready && io_mono_us() < until_us);
    if (n->given_up) {
        snapshot_give_up(n->now);
        n->phase = SNAPSHOTS_ENDING;
    } else if (!more) {
        n->phase = SNAPSHOTS_WAITING;
        if (journal_durable(s->store.journal) < n->now_seq)
            journal_flush(s->store.journal, s->now_us / 1000);
    }
    return ready; /* when it is not, the file's thread rings */
}

/* It is in the folder, those that were obsolete are not. */
static void list_new(struct server *s)
{
    struct snapshots *n = &s->snapshots;
    int kept = oldest_useful(n, journal_first(s->store.journal));
    uint64_t also = kept >= 0 ? n->whole[kept] : 0;
    n->whole_count = kept >= 0 ? 2 : 1;
    n->whole[0] = n->now_seq;
    n->whole[1] = also;
}

static void taken(struct server *s)
{
    struct snapshots *n = &s->snapshots;
    list_new(s);
    n->damaged_count = 0;
    n->base_bytes = snapshot_bytes(n->now);
    n->journal_bytes -= n->journal_bytes_begun;
    n->last_failed = false;
    n->failures_in_row = 0;
    n->taken++;
    n->phase = SNAPSHOTS_IDLE;
    double seconds = (double)(io_mono_us() - n->begun_us) / 1e6;
    log_line(&s->log, LOGLEVEL_NOTICE,
             "The snapshot after record %llu is safe: %llu keys in %llu bytes, %.3f seconds",
             (unsigned long long)n->now_seq, (unsigned long long)snapshot_items(n->now),
             (unsigned long long)n->base_bytes, seconds);
    store_snapshot_taken(s);
    retention_tell(s);
}

/* The file's thread has come to its end. */
static void ended(struct server *s, enum outfile_state state, const struct disk_why *why)
{
    struct snapshots *n = &s->snapshots;
    n->last_seconds = (io_mono_us() - n->begun_us) / 1000000;
    if (state == OUTFILE_DONE) {
        taken(s);
    } else if (n->given_up) {
        failed(s, n->given_up, AGAIN_US);
        n->wanted = true;
    } else {
        failed(s, why->text, FAILED_US);
    }
    end_sections(n);
    snapshot_close(n->now);
    buffer_fini(&n->large);
    n->now = NULL;
}

static bool go_on(struct server *s, int64_t woken_us)
{
    struct snapshots *n = &s->snapshots;
    struct disk_why why;
    enum outfile_state state = snapshot_state(n->now, NULL, &why);
    bool over = state == OUTFILE_DONE || state == OUTFILE_FAILED;
    if (over) {
        engine_walk_cancel(s->engine);
        ended(s, state, &why);
    } else if (n->phase == SNAPSHOTS_WALKING) {
        return walk(s, woken_us);
    } else if (n->phase == SNAPSHOTS_WAITING && journal_durable(s->store.journal) >= n->now_seq) {
        n->phase = SNAPSHOTS_ENDING;
        snapshot_finish(n->now);
    }
    return false;
}

bool snapshots_turn(struct server *s, int64_t woken_us)
{
    struct snapshots *n = &s->snapshots;
    if (s->store.state != STORE_OPEN) return false;
    if (n->phase != SNAPSHOTS_IDLE) return go_on(s, woken_us);
    if (!n->wanted && (s->store.switching || journal_has_grown(s) || retention_wants_snapshot(s)))
        n->wanted = woken_us >= n->not_before_us;
    if (!n->wanted || woken_us < n->not_before_us) return false;
    if (!engine_walk_may_begin(s->engine)) return false;
    begin(s);
    return n->phase == SNAPSHOTS_WALKING;
}

size_t snapshots_memory(const struct server *s)
{
    const struct snapshots *n = &s->snapshots;
    return n->large.cap + n->section_bytes.cap + (n->now ? snapshot_backlog(n->now) : 0);
}

void snapshots_stop(struct server *s)
{
    struct snapshots *n = &s->snapshots;
    if (n->now) give_up(s);
    end_sections(n);
    snapshot_close(n->now);
    buffer_fini(&n->large);
    n->now = NULL;
    n->phase = SNAPSHOTS_IDLE;
    snapshots_end_loading(s);
}

void snapshots_forget(struct snapshots *n)
{
    n->whole_count = n->damaged_count = 0;
    n->base_bytes = n->journal_bytes = 0;
    n->wanted = n->last_failed = false;
    n->not_before_us = 0;
}
