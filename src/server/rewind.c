/* How a moment is found: the newest sound snapshot that has nothing from after it, and the records
 * of the journal, read as hark-check reads them, up to the first one that begins after it. */
#include "rewind.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../io/clock.h"
#include "../journal/check.h"
#include "../journal/journal.h"
#include "../journal/snapshot.h"
#include "../record/codec.h"
#include "snapshots.h"

#include <stdio.h>

enum {
    WRITE_BYTES = 4 << 20, /* appended, before it is written */
    TRIES = 5,             /* while a server is at work there */
};

struct rewind {
    struct disk *from, *to;
    struct event_id until;
    struct rewind_found *found;
    struct snapshot_header base; /* the snapshot that it begins with; seq 0: none */
    struct journal *journal;     /* the new one, from the first record on */
    size_t appended;             /* bytes, since they were last written */
    struct buffer last;          /* the last record */
    bool stop;                   /* no more is to be read */
    int error;
    struct disk_why *why;
};

/* ---- snapshots ---- */

static struct event_id last_of(const struct snapshot_header *h)
{
    return (struct event_id){h->last_ms, h->last_n};
}

/* Reads it to its end: 0 when it is sound. */
static int verify(struct disk *d, uint64_t seq, struct snapshot_header *h, struct disk_why *why)
{
    struct snapshot_reader *r;
    struct snapshot_part part;
    int rc = snapshot_open(&r, d, seq, h, why);
    if (rc != 0) return rc;
    do rc = snapshot_next(r, &part, why);
    while (rc == 1);
    snapshot_reader_close(r);
    return rc;
}

/* The newest that is sound and has nothing from after the moment; also the oldest one's last id, of
 * those that the journal, from `first` on, goes on from. */
static int choose_base(struct rewind *w, uint64_t first)
{
    uint64_t seqs[SNAPSHOTS_MAX];
    int count = snapshot_list(w->from, seqs, SNAPSHOTS_MAX, w->why);
    w->found->earliest = (struct event_id){0};
    for (int i = 0; i < count && seqs[i] + 1 >= first; i++) {
        struct snapshot_header h;
        struct snapshot_reader *r;
        int rc = snapshot_open(&r, w->from, seqs[i], &h, w->why);
        if (rc == 0) snapshot_reader_close(r);
        if (rc == 0 && id_compare(last_of(&h), w->until) <= 0)
            rc = verify(w->from, seqs[i], &h, w->why);
        if (rc == ERR_CORRUPT) continue;
        if (rc != 0) return rc == ERR_ABSENT ? ERR_AGAIN : rc;
        w->found->earliest = last_of(&h);
        if (id_compare(last_of(&h), w->until) > 0) continue;
        w->base = h;
        return 0;
    }
    return count < 0 ? count : 0;
}

/* Copies the snapshot, and reads the copy. */
static int copy_base(struct rewind *w)
{
    char name[SNAPSHOT_NAME_BYTES];
    struct snapshot_header h;
    snapshot_name(w->base.seq, name);
    int in = w->from->open(w->from, name, 0, w->why);
    if (in < 0) return in == ERR_ABSENT ? ERR_AGAIN : in;
    int out = w->to->open(w->to, name, DISK_WRITE | DISK_NEW, w->why);
    int rc = out < 0 ? out : disk_copy(w->from, in, w->to, out, w->why);
    w->from->close(w->from, in);
    if (out >= 0) w->to->close(w->to, out);
    if (rc == 0) rc = w->to->sync_folder(w->to, w->why);
    return rc == 0 ? verify(w->to, w->base.seq, &h, w->why) : rc;
}

/* ---- the journal ---- */

static int open_journal(struct rewind *w, uint64_t first, int64_t now_ms)
{
    uint64_t seed;
    struct journal_recovery found;
    io_entropy(&seed, sizeof seed);
    struct journal_config config = {.segment_bytes = JOURNAL_SEGMENT_BYTES,
                                    .sync = JOURNAL_SYNC_NO,
                                    .tail_bytes_max = WRITE_BYTES,
                                    .backlog_bytes_max = UINT64_MAX,
                                    .seed = seed,
                                    .first_seq = first};
    w->found->first_seq = first;
    w->found->last_seq = first - 1;
    return journal_open(&w->journal, &config, w->to, now_ms, &found, w->why);
}

static int write_all(struct rewind *w, int64_t now_ms)
{
    w->appended = 0;
    journal_write(w->journal, now_ms);
    while (journal_step(w->journal)) continue;
    if (journal_written(w->journal) == journal_appended(w->journal)) return 0;
    int rc = journal_failure(w->journal, w->why);
    if (rc != 0) return rc;
    snprintf(w->why->text, sizeof w->why->text, "the disk is full");
    return ERR_LIMIT;
}

/* The first record tells where the journal begins. */
static int begin(struct rewind *w, uint64_t seq, struct event_id id)
{
    int rc = choose_base(w, seq);
    if (rc != 0) return rc;
    bool too_early = !w->base.seq && (seq > 1 || id_compare(id, w->until) > 0);
    if (!too_early) return open_journal(w, seq, id.ms);
    w->why->text[0] = 0;
    if (seq == 1) w->found->earliest = id;
    return ERR_ABSENT;
}

static int take_record(struct rewind *w, uint64_t seq, struct slice bytes)
{
    struct event_id id;
    int rc = record_peek(bytes, &id);
    if (rc != 0) {
        snprintf(w->why->text, sizeof w->why->text, "record %llu is damaged, or of a newer version",
                 (unsigned long long)seq);
        return rc;
    }
    if (!w->journal) rc = begin(w, seq, id);
    if (rc != 0) return rc;
    if (seq <= w->found->last_seq) return 0; /* of another try */
    if (seq != w->found->last_seq + 1) return ERR_AGAIN;
    if (seq > w->base.seq && id_compare(id, w->until) > 0) {
        w->found->next = id;
        w->found->all = false;
        w->stop = true;
        return 0;
    }
    if (journal_append(w->journal, bytes, id.ms) != seq) return journal_failure(w->journal, w->why);
    w->found->last_seq = seq;
    w->last.len = 0;
    buffer_add_slice(&w->last, bytes);
    w->appended += bytes.len;
    return w->appended > WRITE_BYTES ? write_all(w, id.ms) : 0;
}

static void record_came(void *ctx, uint64_t seq, struct slice bytes)
{
    struct rewind *w = ctx;
    if (w->stop) return;
    w->error = take_record(w, seq, bytes);
    if (w->error) w->stop = true;
}

/* The id of the last event that is in the data. */
static int find_last(struct rewind *w)
{
    struct record_room room = {0};
    struct record r;
    w->found->last = last_of(&w->base);
    if (!w->last.len) return 0;
    int rc = record_decode(buffer_slice(&w->last), w->found->last_seq, &room, &r);
    if (rc == 0 && r.notes_count)
        w->found->last = (struct event_id){r.id.ms, r.id.n + r.notes_count - 1};
    else if (rc == 0 && id_compare(r.id, w->found->last) > 0)
        w->found->last = r.id;
    record_room_fini(&room);
    return rc;
}

/* ERR_AGAIN, also for what looks like damage of the end, where a server may be writing on. */
static int read_once(struct rewind *w, struct check_findings *findings)
{
    struct check_visitor v = {.record = record_came, .ctx = w, .stop = &w->stop};
    int rc = check_journal(w->from, &v, findings, w->why);
    if (w->error) return w->error;
    if (rc == ERR_ABSENT && findings->segments) return ERR_AGAIN; /* one went while it was read */
    if (rc != 0 || w->stop || !findings->damaged) return rc;
    *w->why = findings->why;
    return findings->behind ? ERR_CORRUPT : ERR_AGAIN;
}

static int read_all(struct rewind *w)
{
    struct check_findings findings;
    int rc = ERR_AGAIN;
    for (int i = 0; i < TRIES && rc == ERR_AGAIN; i++) rc = read_once(w, &findings);
    if (rc == ERR_AGAIN && findings.damaged) rc = ERR_CORRUPT;
    if (rc != 0 || w->journal) return rc;
    rc = choose_base(w, findings.first_seq); /* it has no record */
    if (rc == 0 && !w->base.seq) rc = ERR_ABSENT;
    return rc == 0 ? open_journal(w, w->base.seq + 1, w->base.time_ms) : rc;
}

static int finish(struct rewind *w)
{
    if (w->found->last_seq < w->base.seq) {
        snprintf(w->why->text, sizeof w->why->text,
                 "the journal ends with record %llu, before the snapshot of record %llu",
                 (unsigned long long)w->found->last_seq, (unsigned long long)w->base.seq);
        return ERR_CORRUPT;
    }
    int rc = find_last(w);
    if (rc == 0 && w->appended) rc = write_all(w, w->found->last.ms);
    if (rc == 0 && w->base.seq) rc = copy_base(w);
    w->found->snapshot = w->base.seq;
    return rc;
}

int rewind_copy(struct disk *from, struct disk *to, struct event_id until,
                struct rewind_found *found, struct disk_why *why)
{
    *found = (struct rewind_found){.all = true};
    why->text[0] = 0;
    struct rewind w = {.from = from, .to = to, .until = until, .found = found, .why = why};
    int rc = read_all(&w);
    if (rc == 0) rc = finish(&w);
    if (w.journal) {
        struct disk_why closing;
        int closed = journal_close(w.journal, found->last.ms, &closing);
        if (rc == 0 && closed != 0) *why = closing;
        if (rc == 0) rc = closed;
    }
    buffer_fini(&w.last);
    return rc;
}
