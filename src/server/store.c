/* The journal in the server: opened, replayed, fed, and waited for. */
#include "store.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../engine/replay.h"
#include "../io/clock.h"
#include "../io/thread.h"
#include "../view/features.h"
#include "server.h"

enum {
    BATCH = 32,                    /* records replayed at once, so that what they need is fetched */
    BACKLOG_MAX = 64 << 20,        /* appended and not written: beyond it writes wait */
    RESERVE = 1 << 20,             /* of a segment, for what must go on when the disk is full */
    PROGRESS_US = 5 * 1000 * 1000, /* between two lines about a long load */
};

/* A replay under way. */
struct loading {
    struct journal_cursor *cursor;
    uint64_t first, last; /* records */
    uint64_t done;
    bool snapshot;        /* it is being loaded, and the journal after it */
    uint64_t lost_epochs; /* in which ids may have been seen that are forgotten */
    int64_t from_us, told_us;
    struct buffer bytes[BATCH];
    struct record_room rooms[BATCH];
    struct record records[BATCH];
};

/* ---- records on their way to the journal ---- */

static void sealed(void *ctx, const struct record *r)
{
    struct server *s = ctx;
    struct store *store = &s->store;
    if (!r->seq || store->state != STORE_OPEN) return;
    char *to = journal_reserve(store->journal, record_encoded_max(r), r->id.ms);
    if (!to) return; /* it has failed, as the end of the turn will find */
    size_t len = record_encode(to, r);
    uint64_t seq = journal_commit(store->journal, len, r->id.ms);
    snapshots_count(&s->snapshots, len);
    CHECK(seq == r->seq);
}

static void wake(void *ctx)
{
    const struct server *s = ctx;
    wakeup_ring(s->store.wakeup_fd);
}

static void woken(void *ctx)
{
    const struct server *s = ctx;
    wakeup_clear(s->store.wakeup_fd); /* the end of the turn looks at what has changed */
}

/* ---- opening ---- */

static int refuse(struct server *s, int rc, const char *what, const struct disk_why *why)
{
    log_line(&s->log, LOGLEVEL_WARNING, "%s %s/%s: %s%s", what, s->config.dir.at, STORE_FOLDER,
             why->text,
             rc == ERR_CORRUPT ? ". Nothing was changed; `hark-check` tells more, and repairs"
                               : "");
    return rc;
}

static void tell_found(struct server *s, const struct journal_recovery *found)
{
    if (found->cut_bytes)
        log_line(&s->log, LOGLEVEL_WARNING,
                 "The end of the journal was torn: %llu bytes of %s, from %llu on, are not whole "
                 "and were never acknowledged as safe; they are dropped",
                 (unsigned long long)found->cut_bytes, found->cut_file,
                 (unsigned long long)found->cut_at);
    log_line(&s->log, LOGLEVEL_NOTICE, "The journal has %llu records in %llu segments",
             found->last_seq >= found->first_seq
                 ? (unsigned long long)(found->last_seq - found->first_seq + 1)
                 : 0ull,
             (unsigned long long)found->segments);
}

struct journal_config store_journal_config(struct server *s)
{
    uint64_t seed;
    io_entropy(&seed, sizeof seed);
    return (struct journal_config){
        .segment_bytes = s->config.journal_segment_bytes / 512 * 512,
        .sync = (enum journal_sync)s->config.appendfsync,
        .tail_bytes_max = s->config.journal_tail_bytes,
        .backlog_bytes_max = BACKLOG_MAX,
        .reserve_bytes = RESERVE,
        .describer = {VIEW_FEATURES_SCHEME, view_describe, &s->store.described},
        .may_go = departures_may_go,
        .may_go_ctx = s->retention.departures,
        .threaded = true,
        .seed = seed,
        .wake = wake,
        .wake_ctx = s,
    };
}

/* The snapshot, if there was one, is loaded: the journal goes on from it. */
static void begin_replay(struct server *s)
{
    struct loading *l = s->store.loading;
    l->snapshot = false;
    l->first = snapshots_next_seq(s);
    l->cursor = journal_cursor_open(s->store.journal, l->first);
    snapshots_end_loading(s);
}

static int begin_loading(struct server *s, const struct journal_recovery *found,
                         struct disk_why *why)
{
    struct loading *l = mem_new(struct loading);
    l->first = found->first_seq;
    l->last = found->last_seq;
    l->lost_epochs = found->epoch - found->last_epoch - found->clean;
    l->from_us = l->told_us = io_mono_us();
    s->store.loading = l;
    s->store.state = STORE_LOADING;
    sessions_set_store(s->sessions, SESSIONS_LOADING);
    engine_expire(s->engine, s->now_us / 1000, 1); /* the wheels start here, see replay.h */
    int rc = snapshots_find(s, found, why);
    if (rc < 0) return refuse(s, rc, "Cannot load the data in", why);
    l->snapshot = rc == 1;
    if (!l->snapshot) begin_replay(s);
    return 0;
}

int store_open_wakeup(struct server *s)
{
    struct store *store = &s->store;
    if (store->wakeup_fd >= 0) return 0;
    store->wakeup_fd = wakeup_open();
    return store->wakeup_fd < 0 ? ERR_IO : net_watch(s->net, store->wakeup_fd, woken, s);
}

/* Without a journal. */
static int leave(struct server *s)
{
    struct disk_why why = {""};
    if (store_leave_folder(s, &why) != 0)
        log_line(&s->log, LOGLEVEL_WARNING, "The journal in %s/%s, which is left, is no good: %s",
                 s->config.dir.at, STORE_FOLDER, why.text);
    return 0;
}

static void tell_left(struct server *s)
{
    if (!store_was_left(s->store.disk)) return;
    if (!s->store.loading->lost_epochs) s->store.loading->lost_epochs = 1;
    log_line(&s->log, LOGLEVEL_WARNING,
             "A server ran here with appendonly no since this journal was last written: what was "
             "changed then is not in it, and is not there now");
}

int store_open(struct server *s)
{
    struct store *store = &s->store;
    struct disk_why why = {""};
    store->wakeup_fd = -1;
    int rc = store_settle_folders(&why);
    if (rc != 0) return refuse(s, rc, "Cannot settle the folder", &why);
    if (!s->config.appendonly) return leave(s);
    rc = disk_open(STORE_FOLDER, &store->disk, &why);
    if (rc != 0) return refuse(s, rc, "Cannot open the folder", &why);
    rc = store_open_wakeup(s);
    if (rc != 0) return rc;
    struct journal_config config = store_journal_config(s);
    struct journal_recovery found;
    rc = journal_open(&store->journal, &config, store->disk, s->now_us / 1000, &found, &why);
    if (rc == ERR_BUSY)
        log_line(&s->log, LOGLEVEL_WARNING, "Another server uses the folder %s/%s",
                 s->config.dir.at, STORE_FOLDER);
    else if (rc != 0)
        refuse(s, rc, "Cannot use the journal in", &why);
    if (rc != 0) return rc;
    store->sync_always = config.sync == JOURNAL_SYNC_ALWAYS;
    tell_found(s, &found);
    rc = begin_loading(s, &found, &why);
    if (rc == 0) tell_left(s);
    return rc;
}

bool store_is_new(const struct server *s)
{
    const struct loading *l = s->store.loading;
    return l && !l->snapshot && l->last < l->first;
}

/* ---- loading ---- */

static void drop_loading(struct store *store)
{
    struct loading *l = store->loading;
    if (!l) return;
    if (l->cursor) journal_cursor_close(l->cursor);
    for (int i = 0; i < BATCH; i++) {
        buffer_fini(&l->bytes[i]);
        record_room_fini(&l->rooms[i]);
    }
    mem_delete(l);
    store->loading = NULL;
}

static void loading_failed(struct server *s, const char *reason)
{
    log_line(&s->log, LOGLEVEL_WARNING,
             "The data in %s/%s cannot be loaded: %s. Nothing was changed; `hark-check` tells "
             "more, and repairs",
             s->config.dir.at, STORE_FOLDER, reason);
    s->store.state = STORE_FAILED;
    s->stop = true;
    s->exit_code = STORE_EXIT_CODE;
}

void store_begin_service(struct server *s)
{
    struct store *store = &s->store;
    store->state = STORE_OPEN;
    if (!store->attached) engine_attach(s->engine, (struct record_sink){sealed, s});
    store->attached = true;
    retention_open(s);
    net_begin_marks(s->net, journal_appended(store->journal));
    server_open_views(s);
}

/* The ids of a lost epoch began STORE_SKIP_MS after what was known then, as they do now: so each
 * counts.
 */
static void skip_ids(struct server *s, int64_t by_ms)
{
    int64_t now_ms = io_unix_us() / 1000, from_ms = (int64_t)engine_next_id(s->engine).ms + by_ms;
    engine_skip_ids(s->engine, now_ms > from_ms ? now_ms : from_ms);
}

static void loaded(struct server *s)
{
    struct store *store = &s->store;
    struct loading *l = store->loading;
    store->loaded_us = io_mono_us() - l->from_us;
    store->loaded_records = l->done;
    if (l->lost_epochs) skip_ids(s, (int64_t)l->lost_epochs * STORE_SKIP_MS);
    if (l->done)
        log_line(&s->log, LOGLEVEL_NOTICE, "Loaded %llu records of the journal in %.3f seconds",
                 (unsigned long long)l->done, (double)store->loaded_us / 1e6);
    drop_loading(store);
    store_forget_left(store->disk);
    store_begin_service(s);
    sessions_set_store(s->sessions, SESSIONS_READY);
}

static void tell_progress(struct server *s, struct loading *l)
{
    int64_t now_us = io_mono_us();
    if (now_us - l->told_us < PROGRESS_US) return;
    l->told_us = now_us;
    int64_t left;
    double part = store_progress(s, &left);
    log_line(&s->log, LOGLEVEL_NOTICE, "Loading: %llu of %llu records, %.0f %%, %lld s left",
             (unsigned long long)l->done, (unsigned long long)(l->last - l->first + 1), part * 100,
             (long long)left);
}

/* Reads up to BATCH records: how many, or a negative error. */
static int read_batch(struct loading *l, struct disk_why *why)
{
    int n = 0;
    while (n < BATCH) {
        uint64_t seq;
        struct slice bytes;
        int rc = journal_cursor_next(l->cursor, l->last, &seq, &bytes, why);
        if (rc < 0) return rc;
        if (rc == 0) break;
        l->bytes[n].len = 0;
        buffer_add_slice(&l->bytes[n], bytes);
        rc = record_decode(buffer_slice(&l->bytes[n]), seq, &l->rooms[n], &l->records[n]);
        if (rc != 0) {
            snprintf(why->text, sizeof why->text,
                     rc == ERR_UNSUPPORTED ? "record %llu was written by a newer version"
                                           : "record %llu is damaged",
                     (unsigned long long)seq);
            return rc;
        }
        n++;
    }
    return n;
}

/* Replays a few records: 1, 0 when none are left, or an error. */
static int replay_some(struct server *s, struct disk_why *why)
{
    struct loading *l = s->store.loading;
    struct replay_fault fault;
    int n = read_batch(l, why);
    if (n <= 0) return n;
    if (engine_replay_batch(s->engine, l->records, (size_t)n, &fault) != 0) {
        snprintf(why->text, sizeof why->text, "record %llu: %s", (unsigned long long)fault.seq,
                 fault.text);
        return ERR_CORRUPT;
    }
    l->done += (uint64_t)n;
    for (int i = 0; i < n; i++) snapshots_count(&s->snapshots, l->bytes[i].len);
    return 1;
}

/* A piece of the snapshot, or of the journal after it: 1, 0 when all is loaded, or an error. */
static int load_some(struct server *s, struct disk_why *why)
{
    if (!s->store.loading->snapshot) return replay_some(s, why);
    int rc = snapshots_load(s, why);
    if (rc == 0) begin_replay(s);
    return rc < 0 ? rc : 1;
}

bool store_load(struct server *s, int64_t us)
{
    int64_t until_us = io_mono_us() + us;
    struct disk_why why = {""};
    while (io_mono_us() < until_us) {
        int rc = load_some(s, &why);
        if (rc == 0) loaded(s);
        if (rc < 0) loading_failed(s, why.text);
        if (rc <= 0) return false;
        engine_work(s->engine, s->now_us / 1000);
    }
    tell_progress(s, s->store.loading);
    return true;
}

double store_progress(const struct server *s, int64_t *seconds_left)
{
    const struct loading *l = s->store.loading;
    *seconds_left = 0;
    if (!l) return 1;
    if (l->snapshot) return snapshots_load_progress(s);
    if (l->last < l->first) return 1;
    double part = (double)l->done / (double)(l->last - l->first + 1);
    if (l->done)
        *seconds_left = (int64_t)((double)(io_mono_us() - l->from_us) * (1 / part - 1) / 1e6);
    return part;
}

/* ---- every turn ---- */

void store_failed(struct server *s)
{
    struct store *store = &s->store;
    log_line(&s->log, LOGLEVEL_WARNING,
             "The journal cannot be written: %s. What was not safe has not been acknowledged; the "
             "server ends, and the next start finds what is there",
             store->why.text);
    store->state = STORE_FAILED;
    s->stop = true;
    s->exit_code = STORE_EXIT_CODE;
}

static bool failed(struct server *s)
{
    if (!journal_failure(s->store.journal, &s->store.why)) return false;
    store_failed(s);
    return true;
}

static void tell_sync_latency(struct server *s)
{
    struct journal_info info;
    if (!s->config.latency_threshold_ms) return;
    journal_info(s->store.journal, &info);
    if (info.sync_us_last < s->config.latency_threshold_ms * 1000 ||
        info.sync_us_last == s->store.sync_us_seen)
        return;
    s->store.sync_us_seen = info.sync_us_last;
    latency_add(&s->latency, s->store.sync_always ? "aof-fsync-always" : "aof-fsync",
                s->now_us / 1000000, info.sync_us_last / 1000);
}

bool store_end_turn(struct server *s)
{
    struct store *store = &s->store;
    if (store->state == STORE_FAILED) return false;
    if (store->state != STORE_OPEN) {
        engine_set_exempt(s->engine, saving_memory(s));
        return true;
    }
    struct journal *j = store->journal;
    engine_settle(s->engine, s->now_us / 1000);
    journal_write(j, s->now_us / 1000);
    engine_set_exempt(s->engine, journal_memory(j) + snapshots_memory(s) + saving_memory(s));
    int admits = journal_admits(j);
    if (admits != 0 && admits != ERR_LIMIT && admits != ERR_AGAIN) return !failed(s);
    sessions_set_store(s->sessions, admits == ERR_LIMIT    ? SESSIONS_FULL
                                    : admits == ERR_AGAIN  ? SESSIONS_BEHIND
                                    : s->retention.refuses ? SESSIONS_KEPT
                                                           : SESSIONS_READY);
    net_end_group(s->net, journal_appended(j));
    net_release(s->net, store->sync_always ? journal_durable(j) : journal_written(j));
    tell_sync_latency(s);
    return true;
}

int store_apply(struct server *s, const struct config *c, char *why, size_t why_size)
{
    bool on = s->store.state != STORE_OFF;
    int rc = c->appendonly == on ? 0 : store_switch(s, c->appendonly, why, why_size);
    if (rc != 0 || s->store.state == STORE_OFF) return rc;
    s->store.sync_always = c->appendfsync == APPENDFSYNC_ALWAYS;
    journal_set_sync(s->store.journal, (enum journal_sync)c->appendfsync);
    s->retention.told_us = 0; /* the next turn tells the journal */
    return 0;
}

bool store_close(struct server *s)
{
    struct store *store = &s->store;
    struct disk_why why = {""};
    bool good = store->state != STORE_FAILED;
    drop_loading(store);
    snapshots_stop(s);
    retention_close(s);
    if (store->journal) {
        int rc = journal_close(store->journal, s->now_us / 1000, &why);
        store->journal = NULL;
        if (rc != 0 && good) {
            log_line(&s->log, LOGLEVEL_WARNING, "The journal cannot be written: %s", why.text);
            s->exit_code = STORE_EXIT_CODE;
            good = false;
        }
    }
    if (store->disk) disk_close(store->disk);
    if (store->parent) disk_close(store->parent);
    store->disk = store->parent = NULL;
    record_room_fini(&store->described);
    if (good) net_begin_marks(s->net, UINT64_MAX);
    store->state = STORE_OFF;
    return good;
}
