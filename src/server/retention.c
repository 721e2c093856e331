#include "../base/err.h"
#include "../io/clock.h"
#include "../io/thread.h"
#include "server.h"

enum { EVERY_US = 100 * 1000 };

static void wake(void *ctx)
{
    const struct server *s = ctx;
    if (s->store.wakeup_fd >= 0) wakeup_ring(s->store.wakeup_fd);
}

int retention_init(struct server *s)
{
    struct departures_config config = {.threaded = true, .wake = wake, .wake_ctx = s};
    s->retention.departures = departures_new(s->engine, s->streams.groups, &config);
    return 0;
}

void retention_fini(struct server *s)
{
    departures_free(s->retention.departures);
    s->retention.departures = NULL;
}

/* What journal-retention-bytes 0 means: a tenth of the disk, as far as it is ours to take. */
static uint64_t auto_bytes(const struct server *s)
{
    const uint64_t least = (uint64_t)1 << 30;
    struct journal_info info;
    struct disk_why why;
    uint64_t room;
    if (s->store.disk->room(s->store.disk, &room, &why) != 0) return least;
    journal_info(s->store.journal, &info);
    uint64_t tenth = (room + info.bytes) / 10;
    return tenth > least ? tenth : least;
}

void retention_open(struct server *s)
{
    s->retention.keep_bytes_auto = auto_bytes(s);
    departures_set_journal(s->retention.departures, s->store.journal);
}

void retention_close(struct server *s)
{
    struct retention *r = &s->retention;
    if (r->departures) departures_set_journal(r->departures, NULL);
    r->refuses = r->waits_by_size = r->waits_by_age = false;
}

uint64_t retention_bytes(const struct server *s)
{
    uint64_t bytes = s->config.journal_retention_bytes;
    return bytes ? bytes : s->retention.keep_bytes_auto;
}

const char *retention_waits_for(const struct server *s)
{
    const struct retention *r = &s->retention;
    if (r->waits_by_size || r->waits_by_age) return "snapshot";
    return departures_keeper(r->departures) ? "group" : "none";
}

/* As much is written anew by a snapshot as the journal has grown since the last, or more than that
 * would be written for the journal's sake; by age there is at most one in that age. */
bool retention_wants_snapshot(const struct server *s)
{
    const struct retention *r = &s->retention;
    const struct snapshots *n = &s->snapshots;
    return r->waits_by_age || (r->waits_by_size && n->journal_bytes >= n->base_bytes);
}

static void tell_refusal(struct server *s, const struct group *keeper)
{
    if (!keeper) {
        log_line(&s->log, LOGLEVEL_NOTICE, "Commands that add data are accepted again");
        return;
    }
    log_line(&s->log, LOGLEVEL_WARNING,
             "The journal is larger than journal-retention-bytes allows, because the group '%.*s' "
             "of '%.*s' has not read it: commands that add data are refused until it has "
             "(journal-retention-groups refuse)",
             (int)keeper->name.len, keeper->name.at, (int)keeper->view.len, keeper->view.at);
}

static void look(struct server *s)
{
    struct retention *r = &s->retention;
    struct journal_info info;
    journal_info(s->store.journal, &info);
    r->waits_by_size = info.waits_by_size;
    r->waits_by_age = info.waits_by_age;
    const struct group *keeper = departures_keeper(r->departures);
    bool refuses = keeper && info.bytes > retention_bytes(s);
    if (refuses != r->refuses) tell_refusal(s, refuses ? keeper : NULL);
    r->refuses = refuses;
}

void retention_tell(struct server *s)
{
    struct retention *r = &s->retention;
    struct journal *j = s->store.journal;
    const struct snapshots *n = &s->snapshots;
    int64_t ms = s->config.journal_retention_ms;
    departures_set_refuse(r->departures, s->config.retention_groups == RETENTION_REFUSE);
    journal_retain_time(j, ms ? s->now_us / 1000 - ms : 0);
    journal_retain(j, n->whole_count ? n->whole[0] : 0, retention_bytes(s));
    look(s);
    r->told_us = io_mono_us();
}

void retention_turn(struct server *s, int64_t woken_us)
{
    if (s->store.state != STORE_OPEN) return;
    bool freed = departures_poll(s->retention.departures, s->now_us / 1000);
    if (!freed && woken_us - s->retention.told_us < EVERY_US) return;
    retention_tell(s);
}
