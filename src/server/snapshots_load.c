/* Loading the newest snapshot that the journal goes on from, before the journal is replayed. */
#include "../base/err.h"
#include "../base/little.h"
#include "../base/mem.h"
#include "../engine/replay.h"
#include "../engine/restore.h"
#include "server.h"

#include <stdio.h>

struct snapshot_loading {
    uint64_t first, last; /* records of the journal */
    int at;               /* which of `whole` it is */
    struct snapshot_reader *reader;
    struct snapshot_header header;
    uint64_t items;
};

static bool is_useful(const struct snapshot_loading *l, uint64_t seq)
{
    return seq + 1 >= l->first && seq <= l->last;
}

static int nothing_will_do(const struct server *s, struct disk_why *why)
{
    snprintf(why->text, sizeof why->text,
             "the journal begins with record %llu, and there is no whole snapshot from which it "
             "goes on",
             (unsigned long long)s->snapshots.loading->first);
    return ERR_CORRUPT;
}

static int journal_is_short(const struct server *s, struct disk_why *why)
{
    snprintf(why->text, sizeof why->text,
             "the journal ends with record %llu, before the snapshot of record %llu",
             (unsigned long long)s->snapshots.loading->last,
             (unsigned long long)s->snapshots.whole[0]);
    return ERR_CORRUPT;
}

static void tell_damage(struct server *s, const struct disk_why *why)
{
    log_line(&s->log, LOGLEVEL_WARNING,
             "A snapshot is damaged, an older one is looked for: %s (`hark-check` tells more)",
             why->text);
}

/* Opens the next older one of use: 1; 0 when there is none and the journal has all; or an error. */
static int open_next(struct server *s, struct disk_why *why)
{
    struct snapshots *n = &s->snapshots;
    struct snapshot_loading *l = n->loading;
    for (; l->at < n->whole_count; l->at++) {
        if (!is_useful(l, n->whole[l->at])) continue;
        int rc = snapshot_open(&l->reader, s->store.disk, n->whole[l->at], &l->header, why);
        if (rc == 0) return 1;
        if (rc != ERR_CORRUPT) return rc;
        tell_damage(s, why);
    }
    l->header = (struct snapshot_header){0};
    return l->first > 1 ? nothing_will_do(s, why) : 0;
}

int snapshots_find(struct server *s, const struct journal_recovery *found, struct disk_why *why)
{
    struct snapshots *n = &s->snapshots;
    n->journal_epoch = found->epoch;
    int rc = snapshot_list(s->store.disk, n->whole, SNAPSHOTS_MAX, why);
    if (rc < 0) return rc;
    n->whole_count = rc;
    n->loading = mem_new(struct snapshot_loading);
    n->loading->first = found->first_seq;
    n->loading->last = found->last_seq;
    /* Its record was durable in the journal when it got its name. */
    if (n->whole_count && n->whole[0] > found->last_seq) return journal_is_short(s, why);
    return open_next(s, why);
}

/* ---- one part after the other ---- */

/* Makes the tables as large as they are to be. */
static int expect_databases(struct server *s, struct slice bytes, struct disk_why *why)
{
    const uint64_t most = UINT64_C(1) << 40;
    uint64_t db, keys;
    while (bytes.len) {
        if (!take_varint(&bytes, &db) || !take_varint(&bytes, &keys) || keys > most) {
            *why = (struct disk_why){"the snapshot's list of databases makes no sense"};
            return ERR_CORRUPT;
        }
        engine_restore_expect(s->engine, db, keys);
    }
    return 1;
}

static int load_section(struct server *s, const struct snapshot_part *part, struct disk_why *why)
{
    struct snapshots *n = &s->snapshots;
    if (slice_equal(part->name, SLICE(SNAPSHOT_DATABASES)))
        return expect_databases(s, part->bytes, why);
    for (int i = 0; i < n->sections_count; i++) {
        const struct snapshot_section *section = &n->sections[i];
        if (!slice_equal(section->name, part->name)) continue;
        if (section->load(section->ctx, part->bytes)) return 1;
    }
    snprintf(why->text, sizeof why->text, "the section `%.*s` of the snapshot makes no sense here",
             (int)part->name.len, part->name.at);
    return ERR_UNSUPPORTED;
}

static int load_part(struct server *s, const struct snapshot_part *part, struct disk_why *why)
{
    const char *fault;
    if (part->kind == SNAPSHOT_SECTION) return load_section(s, part, why);
    int64_t entered = engine_restore(s->engine, part->bytes, &fault);
    if (entered >= 0) {
        s->snapshots.loading->items += (uint64_t)entered;
        return 1;
    }
    snprintf(why->text, sizeof why->text, "the snapshot of record %llu: %s",
             (unsigned long long)s->snapshots.loading->header.seq, fault);
    return ERR_CORRUPT;
}

static void close_reader(struct snapshot_loading *l)
{
    snapshot_reader_close(l->reader);
    l->reader = NULL;
}

/* What was loaded so far is void; goes on with an older one. */
static int try_older(struct server *s, struct disk_why *why)
{
    struct snapshots *n = &s->snapshots;
    struct snapshot_loading *l = n->loading;
    tell_damage(s, why);
    close_reader(l);
    engine_restore_nothing(s->engine);
    engine_expire(s->engine, s->now_us / 1000, 1); /* the wheels start here, see replay.h */
    for (int i = 0; i < n->sections_count; i++) n->sections[i].load(n->sections[i].ctx, SLICE(""));
    l->items = 0;
    l->at++;
    return open_next(s, why);
}

static int whole(struct server *s, struct disk_why *why)
{
    struct snapshots *n = &s->snapshots;
    struct snapshot_loading *l = n->loading;
    struct event_id last = {l->header.last_ms, l->header.last_n};
    if (snapshot_items_told(l->reader) != l->items) {
        snprintf(why->text, sizeof why->text, "the snapshot of record %llu has other counts",
                 (unsigned long long)l->header.seq);
        return try_older(s, why);
    }
    snapshot_read_so_far(l->reader, &n->base_bytes);
    engine_resume(s->engine, l->header.seq, last);
    close_reader(l);
    log_line(&s->log, LOGLEVEL_NOTICE, "Loaded %llu keys from the snapshot of record %llu",
             (unsigned long long)l->items, (unsigned long long)l->header.seq);
    return 0;
}

int snapshots_load(struct server *s, struct disk_why *why)
{
    struct snapshot_loading *l = s->snapshots.loading;
    struct snapshot_part part;
    if (!l->reader) return 0;
    int rc = snapshot_next(l->reader, &part, why);
    if (rc == 0) return whole(s, why);
    if (rc == 1) rc = load_part(s, &part, why);
    return rc == ERR_CORRUPT ? try_older(s, why) : rc;
}

uint64_t snapshots_next_seq(const struct server *s)
{
    const struct snapshot_loading *l = s->snapshots.loading;
    uint64_t next = l->header.seq + 1;
    return next > l->first ? next : l->first;
}

double snapshots_load_progress(const struct server *s)
{
    const struct snapshot_loading *l = s->snapshots.loading;
    uint64_t size;
    if (!l || !l->reader) return 1;
    uint64_t at = snapshot_read_so_far(l->reader, &size);
    return size ? (double)at / (double)size : 1;
}

/* Those that were tried before the one that was loaded are not to be relied on: the journal must
 * not let go of what comes after the one that is sound, and another is taken soon. */
static void set_damaged_apart(struct snapshots *n, const struct snapshot_loading *l)
{
    int count = 0;
    while (count < l->at && count < n->whole_count && is_useful(l, n->whole[count])) count++;
    memcpy(n->damaged, n->whole, (size_t)count * sizeof *n->whole);
    n->damaged_count = count;
    n->whole_count -= count;
    memmove(n->whole, n->whole + count, (size_t)n->whole_count * sizeof *n->whole);
    if (count) n->wanted = true;
}

void snapshots_end_loading(struct server *s)
{
    struct snapshot_loading *l = s->snapshots.loading;
    if (!l) return;
    set_damaged_apart(&s->snapshots, l);
    close_reader(l);
    mem_delete(l);
    s->snapshots.loading = NULL;
}
