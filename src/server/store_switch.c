/* CONFIG SET appendonly, while clients are served.
 *
 *      yes    journal.new/  the journal goes on there with the next record, a snapshot is begun
 *             ─ the snapshot is safe ─▶ journal/ becomes journal.old/, journal.new/ is journal/
 *      no     synced, closed, marked: the data goes on without it
 *
 * So until the new one has all there is, the folder has what it had before, whenever the process
 * dies. Between the two renamings there is no journal/: a start finishes that
 * (store_settle_folders).
 *
 * The mark (a file `off` in the journal's folder) says that data was changed of which that journal
 * knows nothing. A start with `appendonly yes` loads it all the same, as Redis does, and says so.
 */
#include "../base/err.h"
#include "../engine/replay.h"
#include "../io/clock.h"
#include "../io/thread.h"
#include "../journal/check.h"
#include "server.h"

#include <string.h>

#define NEW_FOLDER STORE_FOLDER ".new"
#define OLD_FOLDER STORE_FOLDER ".old"
#define MARK       "off"

/* ---- folders ---- */

static bool exists(struct disk *d, const char *name)
{
    struct disk_why why;
    int file = d->open(d, name, 0, &why);
    if (file >= 0) d->close(d, file);
    return file >= 0;
}

static int note_name(void *ctx, const char *name)
{
    struct slice *to = ctx;
    snprintf((char *)(uintptr_t)to->at, to->len, "%s", name);
    return 1;
}

/* Opens a folder of files and removes them. */
static int open_empty(const char *path, struct disk **disk, struct disk_why *why)
{
    char name[512] = "";
    struct slice room = slice_of(name, sizeof name);
    int rc = disk_open(path, disk, why);
    while (rc == 0) {
        rc = (*disk)->list(*disk, note_name, &room, why);
        if (rc == 0) return 0;
        if (rc == 1) rc = (*disk)->unlink(*disk, name, why);
    }
    return rc;
}

/* journal/, if there is one, takes the place of journal.old/, and journal.new/ its own. `in` is the
 * folder that they are in. */
static int rename_new(struct disk *in, struct disk_why *why)
{
    struct disk *old;
    int rc = 0;
    if (exists(in, STORE_FOLDER)) {
        rc = open_empty(OLD_FOLDER, &old, why);
        if (rc == 0) disk_close(old);
        if (rc == 0) rc = in->rename(in, STORE_FOLDER, OLD_FOLDER, why);
        if (rc == 0) rc = in->sync_folder(in, why);
    }
    if (rc == 0) rc = in->rename(in, NEW_FOLDER, STORE_FOLDER, why);
    return rc == 0 ? in->sync_folder(in, why) : rc;
}

/* A snapshot that has its name is safe. */
static bool has_snapshot(const char *folder)
{
    struct disk *d;
    struct disk_why why;
    uint64_t seq;
    if (disk_open(folder, &d, &why) != 0) return false;
    bool has = snapshot_list(d, &seq, 1, &why) > 0;
    disk_close(d);
    return has;
}

int store_settle_folders(struct disk_why *why)
{
    struct disk *in, *rest;
    int rc = disk_open(".", &in, why);
    if (rc != 0) return rc;
    if (exists(in, NEW_FOLDER)) {
        bool whole = !exists(in, STORE_FOLDER) && has_snapshot(NEW_FOLDER);
        rc = whole ? rename_new(in, why) : open_empty(NEW_FOLDER, &rest, why);
        if (!whole && rc == 0) disk_close(rest);
    }
    disk_close(in);
    return rc;
}

/* ---- the mark ---- */

static int put_mark(struct disk *d, struct disk_why *why)
{
    int file = d->open(d, MARK, DISK_WRITE | DISK_NEW, why);
    if (file == ERR_EXISTS) return 0;
    if (file < 0) return file;
    d->close(d, file);
    return d->sync_folder(d, why);
}

bool store_was_left(struct disk *d)
{
    return exists(d, MARK);
}

void store_forget_left(struct disk *d)
{
    struct disk_why why;
    if (exists(d, MARK) && d->unlink(d, MARK, &why) == 0) d->sync_folder(d, &why);
}

/* Ids are not given twice, whatever the clock does: those of the journal that is left are behind
 * us. */
static void note_last(void *ctx, uint64_t seq, struct slice record)
{
    struct event_id *last = ctx;
    (void)seq;
    record_peek(record, last);
}

int store_leave_folder(struct server *s, struct disk_why *why)
{
    struct disk *in, *d;
    struct event_id last = {0};
    int rc = disk_open(".", &in, why);
    if (rc != 0) return rc;
    bool there = exists(in, STORE_FOLDER);
    disk_close(in);
    if (!there) return 0;
    rc = disk_open(STORE_FOLDER, &d, why);
    if (rc != 0) return rc;
    struct check_visitor v = {.record = note_last, .ctx = &last, .newest = 2};
    struct check_findings found;
    rc = check_journal(d, &v, &found, why);
    if (rc == 0 && found.last_seq >= found.first_seq) {
        rc = put_mark(d, why);
        log_line(&s->log, LOGLEVEL_WARNING,
                 "There is a journal in %s/%s, which is left as it is: appendonly is no. What is "
                 "changed now will not be in it",
                 s->config.dir.at, STORE_FOLDER);
    }
    if (last.ms) engine_skip_ids(s->engine, (int64_t)last.ms + STORE_SKIP_MS);
    disk_close(d);
    return rc == ERR_ABSENT ? 0 : rc;
}

/* ---- yes ---- */

static int open_new(struct server *s, struct disk_why *why)
{
    struct store *store = &s->store;
    struct journal_recovery found;
    int rc = disk_open(".", &store->parent, why);
    if (rc == 0) rc = open_empty(NEW_FOLDER, &store->disk, why);
    if (rc != 0) return rc;
    struct journal_config config = store_journal_config(s);
    config.first_seq = engine_stats(s->engine).seq + 1;
    rc = journal_open(&store->journal, &config, store->disk, s->now_us / 1000, &found, why);
    s->snapshots.journal_epoch = found.epoch;
    return rc;
}

static void close_disks(struct store *store)
{
    if (store->disk) disk_close(store->disk);
    if (store->parent) disk_close(store->parent);
    store->disk = store->parent = NULL;
    store->journal = NULL;
}

static int switch_on(struct server *s, char *why, size_t why_size)
{
    struct store *store = &s->store;
    struct disk_why reason = {""};
    int rc = store_open_wakeup(s);
    if (rc == 0) rc = open_new(s, &reason);
    if (rc != 0) {
        close_disks(store);
        snprintf(why, why_size, "The journal cannot be begun: %.200s", reason.text);
        return rc;
    }
    store->switching = true;
    store->sync_always = s->config.appendfsync == APPENDFSYNC_ALWAYS;
    store_begin_service(s);
    snapshots_ask(s);
    log_line(&s->log, LOGLEVEL_NOTICE,
             "The journal begins with record %llu. The data is safe in it when the snapshot is",
             (unsigned long long)(journal_appended(store->journal) + 1));
    return 0;
}

void store_snapshot_taken(struct server *s)
{
    struct store *store = &s->store;
    struct disk_why why;
    if (!store->switching) return;
    int rc = rename_new(store->parent, &why);
    if (rc != 0) {
        log_line(&s->log, LOGLEVEL_WARNING,
                 "The new journal cannot take its place (%s/%s): %s. A restart would load what "
                 "was there before",
                 s->config.dir.at, STORE_FOLDER, why.text);
        return; /* the next snapshot tries again */
    }
    store->switching = false;
    disk_close(store->parent);
    store->parent = NULL;
    log_line(&s->log, LOGLEVEL_NOTICE, "All data is in the journal");
}

/* ---- no ---- */

static int switch_off(struct server *s, char *why, size_t why_size)
{
    struct store *store = &s->store;
    struct disk_why reason = {""};
    engine_split(s->engine); /* what this turn owes the journal goes there */
    snapshots_stop(s);
    server_stop_views(s);
    retention_close(s);
    int rc = journal_close(store->journal, s->now_us / 1000, &reason);
    store->journal = NULL;
    if (rc != 0) {
        store->why = reason;
        store_failed(s);
        snprintf(why, why_size, "The journal cannot be written: %.200s", reason.text);
        return rc;
    }
    if (!store->switching && put_mark(store->disk, &reason) != 0)
        log_line(&s->log, LOGLEVEL_WARNING, "The folder of the journal cannot be marked: %s",
                 reason.text);
    close_disks(store);
    store->switching = false;
    store->state = STORE_OFF;
    snapshots_forget(&s->snapshots);
    net_release(s->net, UINT64_MAX);
    net_begin_marks(s->net, UINT64_MAX);
    sessions_set_store(s->sessions, SESSIONS_READY);
    log_line(&s->log, LOGLEVEL_WARNING,
             "The journal is closed (appendonly no): what is changed from now on is not in it");
    return 0;
}

int store_switch(struct server *s, bool on, char *why, size_t why_size)
{
    enum store_state state = s->store.state;
    if (state == STORE_LOADING || state == STORE_FAILED) {
        snprintf(why, why_size, "appendonly cannot change while data is loaded");
        return ERR_BUSY;
    }
    if (on == (state == STORE_OPEN)) return 0;
    return on ? switch_on(s, why, why_size) : switch_off(s, why, why_size);
}
