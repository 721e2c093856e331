/* The thread's part in summaries: reads what was written, group after group, asks the describer,
 * and writes the summary of a segment when it is finished. It reads from the file, which the system
 * has in memory still, so that it may fall behind without holding anything back. */
#include "internal.h"

/* The oldest segment that wants a summary, or NULL. Lock held. */
static struct segment *wanted(const struct journal *j)
{
    if (!j->config.describer.describe || j->published == 0) return NULL;
    uint64_t first = j->segments[0]->header.number;
    return segments_find(j, j->settled > first ? j->settled : first);
}

/* Lock held. */
static void settle(struct journal *j, struct segment *s, enum summary_state state)
{
    s->summary = state;
    segment_free_groups(s);
    while ((s = wanted(j)) && s->summary != SUMMARY_WANTED) j->settled = s->header.number + 1;
}

bool describe_due(const struct journal *j)
{
    const struct segment *s = wanted(j);
    const struct scan *scan = &j->describing.scan;
    if (!s) return false;
    if (s != j->active || s->summary != SUMMARY_WANTED) return true;
    bool begun = scan->file >= 0 && scan->header.number == s->header.number;
    return s->end - (begun ? scan->at : SEGMENT_HEADER_BYTES) >= j->config.index_bytes;
}

void describe_again(struct journal *j, struct segment *s)
{
    s->summary = SUMMARY_WANTED;
    if (s->header.number < j->settled) j->settled = s->header.number;
}

void describe_fini(struct journal *j)
{
    scan_fini(&j->describing.scan);
    features_fini(&j->describing.features);
}

/* Appends the group to those of its segment. */
static void group_done(struct journal *j)
{
    struct describing *d = &j->describing;
    features_settle(&d->features, &d->group);
    features_reset(&d->features);
    d->in_group = false;
    mutex_lock(&j->lock);
    struct segment *s = segments_find(j, d->scan.header.number);
    if (s->groups_count == s->groups_cap) {
        size_t cap = s->groups_cap ? 2 * s->groups_cap : 16;
        s->groups =
            mem_resize(s->groups, s->groups_cap * sizeof *s->groups, cap * sizeof *s->groups);
        s->groups_cap = cap;
    }
    s->groups[s->groups_count++] = d->group;
    s->groups_next = (struct index_entry){
        .seq = d->scan.begin, .at = d->scan.at, .chain = d->scan.chain, .partial = d->scan.partial};
    mutex_unlock(&j->lock);
}

/* Would a group begin at the mark that is next? By the rule of segment_note. */
static bool group_ends(const struct journal *j)
{
    const struct describing *d = &j->describing;
    return d->in_group && d->scan.at - d->group.entry.at >= j->config.index_bytes;
}

static bool take_mark(struct describing *d, const struct frame *f, const struct index_entry *at)
{
    struct mark m;
    if (d->in_group) return true;
    if (!mark_decode(&m, d->scan.header.seed, at->at, f->payload.at - FRAME_HEADER_BYTES))
        return false;
    d->group = (struct group){.entry = *at};
    d->group.entry.time_ms = m.time_ms;
    d->in_group = true;
    return true;
}

/* 1: the group is complete; 0: it is not yet, at the end of what is written; or an error. */
static int describe_group(struct journal *j)
{
    struct describing *d = &j->describing;
    const struct journal_describer *by = &j->config.describer;
    for (;;) {
        struct index_entry at = {.seq = d->scan.begin,
                                 .at = d->scan.at,
                                 .chain = d->scan.chain,
                                 .partial = d->scan.partial};
        struct frame f;
        struct disk_why why;
        if (group_ends(j) && scan_at_mark(&d->scan)) {
            group_done(j);
            return 1;
        }
        int rc = scan_next(&d->scan, &f, &why);
        if (rc <= 0) return rc;
        if (f.kind == FRAME_MARK && !take_mark(d, &f, &at)) return ERR_CORRUPT;
        if (!d->in_group) return ERR_CORRUPT;
        if (f.kind == FRAME_WHOLE) by->describe(by->ctx, f.seq, f.payload, &d->features);
        /* What is cut into pieces is rare, and not worth being put together. */
        if (f.kind == FRAME_FIRST) journal_has_anything(&d->features);
    }
}

static void finish(struct journal *j, const struct segment_header *h, int rc)
{
    struct describing *d = &j->describing;
    if (rc == 0 && d->in_group) group_done(j);
    mutex_lock(&j->lock);
    struct segment *s = segments_find(j, h->number);
    mutex_unlock(&j->lock);
    /* Only this thread changes the groups; and it is this thread that lets segments go. */
    if (rc == 0)
        rc = summary_write(j->disk, h, d->scan.at, d->scan.chain, j->config.describer.scheme,
                           s->groups, s->groups_count);
    scan_close(&d->scan);
    mutex_lock(&j->lock);
    settle(j, s, rc == 0 ? SUMMARY_KEPT : SUMMARY_GIVEN_UP);
    mutex_unlock(&j->lock);
}

/* Goes on in segment `h`, which can be read up to `end`. */
static int describe_on(struct journal *j, const struct segment_header *h, uint64_t end)
{
    struct describing *d = &j->describing;
    struct disk_why why;
    if (d->scan.file >= 0 && d->scan.header.number == h->number) {
        d->scan.limit = end;
        return describe_group(j);
    }
    scan_close(&d->scan);
    features_reset(&d->features);
    d->in_group = false;
    mutex_lock(&j->lock);
    segment_free_groups(segments_find(j, h->number)); /* if it was left in the middle */
    mutex_unlock(&j->lock);
    int rc = scan_open(&d->scan, j->disk, h, end, &why);
    return rc == 0 ? describe_group(j) : rc;
}

void describe_step(struct journal *j)
{
    struct segment *s = wanted(j);
    if (s->summary != SUMMARY_WANTED) { /* of an earlier opening */
        settle(j, s, s->summary);
        return;
    }
    struct segment_header h = s->header;
    uint64_t end = s->end;
    bool finished = s != j->active;
    j->aside = true;
    mutex_unlock(&j->lock);
    int rc = describe_on(j, &h, end);
    if (rc < 0 || (rc == 0 && finished)) finish(j, &h, rc);
    mutex_lock(&j->lock);
    j->aside = false;
}
