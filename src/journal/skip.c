/* Passing over what cannot match: where summaries meet cursors. */
#include "internal.h"

enum { LOOKS_MAX = 64 }; /* groups that are asked at a time while the lock is held */

/* Goes to a group, or to where the last one ends. */
static void go_to(struct journal_cursor *c, const struct index_entry *entry)
{
    struct scan *s = &c->scan;
    s->at = entry->at;
    s->chain = entry->chain;
    s->begin = entry->seq;
    s->partial = entry->partial;
    if (c->next < entry->seq) c->next = entry->seq;
}

/* Asks the groups from the scan's on, at most LOOKS_MAX of them: the first that may match, or how
 * far was asked. */
static size_t first_match(struct journal_cursor *c, const struct group *groups, size_t count,
                          struct summary *summary, bool *found)
{
    size_t i = groups_seek(groups, count, c->scan.at), from = i;
    for (*found = false; i < count && i - from < LOOKS_MAX; i++) {
        *found = summary ? summary_may_match(summary, i, c->filter)
                         : group_may_match(&groups[i], groups[i].bloom, c->filter);
        if (*found) break;
    }
    return i;
}

/* What is known of the scan's segment. */
struct known {
    struct segment_header next; /* number 0: it is the last */
    struct segment segment;
    bool found, looked;
};

/* The groups that are in memory, if there are any behind the scan. Lock held. */
static void look(struct journal_cursor *c, struct known *k, const struct segment *s)
{
    bool any = s->groups_count && c->scan.at < s->groups_next.at;
    if (!any) return;
    k->looked = true;
    bool found;
    size_t i = first_match(c, s->groups, s->groups_count, NULL, &found);
    const struct group *groups = s->groups;
    const struct index_entry *end =
        i + 1 < s->groups_count ? &groups[i + 1].entry : &s->groups_next;
    if (i < s->groups_count) {
        if (groups[i].entry.at > c->scan.at) go_to(c, &groups[i].entry);
        c->clear_until = found ? end->at : c->scan.at;
    } else {
        go_to(c, &s->groups_next);
        c->clear_until = c->scan.at;
    }
}

static struct known find_out(struct journal_cursor *c)
{
    struct journal *j = c->journal;
    struct known k = {0};
    mutex_lock(&j->lock);
    uint64_t number = c->scan.header.number;
    const struct segment *s = segments_find(j, number), *after = segments_find(j, number + 1);
    k.found = s != NULL;
    if (s) {
        k.segment = *s;
        if (after) k.next = after->header;
        c->scan.limit = s->end;
        if (s->summary != SUMMARY_KEPT) look(c, &k, s);
    }
    mutex_unlock(&j->lock);
    return k;
}

/* The file that was to be a summary is none. */
static void distrust(struct journal *j, uint64_t number)
{
    mutex_lock(&j->lock);
    struct segment *s = segments_find(j, number);
    if (s && s->summary == SUMMARY_KEPT && s != j->active) describe_again(j, s);
    if (j->config.threaded) condition_signal(&j->work);
    mutex_unlock(&j->lock);
}

static bool open_summary(struct journal_cursor *c, const struct segment *s)
{
    struct journal *j = c->journal;
    if (c->summary.file >= 0 && c->summary.number == s->header.number) return true;
    summary_close(&c->summary);
    if (s->summary != SUMMARY_KEPT) return false;
    int rc = summary_open(&c->summary, j->disk, &s->header, s->end, s->end_chain,
                          j->config.describer.scheme);
    if (rc == ERR_ABSENT || rc == ERR_CORRUPT) distrust(j, s->header.number);
    return rc == 0;
}

static int skip_by_file(struct journal_cursor *c, const struct known *k)
{
    struct summary *s = &c->summary;
    bool found;
    size_t i;
    do {
        i = first_match(c, s->groups, s->count, s, &found);
        if (i < s->count && s->groups[i].entry.at > c->scan.at) go_to(c, &s->groups[i].entry);
    } while (!found && i < s->count);
    if (found) {
        c->clear_until = i + 1 < s->count ? s->groups[i + 1].entry.at : UINT64_MAX;
        return 1;
    }
    go_to(c, &(struct index_entry){.seq = k->next.first_seq,
                                   .at = k->next.prior_end,
                                   .chain = k->next.prior_chain,
                                   .partial = k->next.continues});
    return 0;
}

int cursor_skip(struct journal_cursor *c)
{
    struct known k = find_out(c);
    if (!k.found) return ERR_AGAIN;
    if (k.looked) return 1;
    if (k.next.number != 0 && open_summary(c, &k.segment)) return skip_by_file(c, &k);
    /* Nothing is known: of the segment in use, of what was written last; else of all of it. */
    c->clear_until = k.next.number ? UINT64_MAX : c->scan.at + c->journal->config.index_bytes;
    return 1;
}

/* Backwards ---------------------------------------------------------------------------------- */

/* The last group that begins before record `before` and may match; else the first one's begin. */
static bool last_match(struct journal_cursor *c, const struct group *groups, size_t count,
                       struct summary *summary, uint64_t before, uint64_t *first)
{
    size_t i = count;
    while (i > 0 && groups[i - 1].entry.seq >= before) i--;
    for (; i > 0; i--) {
        *first = groups[i - 1].entry.seq;
        bool may = summary ? summary_may_match(summary, i - 1, c->filter)
                           : group_may_match(&groups[i - 1], groups[i - 1].bloom, c->filter);
        if (may) return true;
    }
    return false;
}

/* The begin of the group that has record `seq`, by the index; false when the segment is gone. */
static bool indexed_group(const struct segment *s, uint64_t seq, uint64_t *group)
{
    if (!s) return false;
    const struct index_entry *entry = segment_seek(s, seq);
    *group = entry ? entry->seq : s->header.first_seq;
    return true;
}

/* In memory, or by the index alone: 1, 2 or 0 as journal_cursor_back; ERR_AGAIN: it takes a file.
 */
static int back_in_memory(struct journal_cursor *c, uint64_t before, uint64_t *first,
                          struct segment *was)
{
    struct journal *j = c->journal;
    int rc = ERR_AGAIN;
    mutex_lock(&j->lock);
    const struct segment *s = segments_with(j, before - 1);
    if (!s) {
        rc = 0;
    } else {
        *was = *s;
        bool kept = s->summary == SUMMARY_KEPT;
        uint64_t known = s->groups_count ? s->groups_next.seq : s->header.first_seq;
        if (!c->filter || (!kept && before > known)) {
            if (s->indexed) rc = indexed_group(s, before - 1, first);
        } else if (!kept) {
            rc = last_match(c, s->groups, s->groups_count, NULL, before, first) ? 1 : 2;
        }
    }
    mutex_unlock(&j->lock);
    return rc;
}

int journal_cursor_back(struct journal_cursor *c, uint64_t before, uint64_t *first,
                        struct disk_why *why)
{
    struct journal *j = c->journal;
    struct segment was = {0};
    if (before > load(&j->written) + 1) before = load(&j->written) + 1;
    *first = before;
    if (before <= journal_first(j)) return 0;
    int rc = back_in_memory(c, before, first, &was);
    if (rc == ERR_AGAIN && c->filter && open_summary(c, &was)) {
        struct summary *s = &c->summary;
        rc = last_match(c, s->groups, s->count, s, before, first) ? 1 : 2;
    } else if (rc == ERR_AGAIN) {
        rc = segment_index(j, was.header.number, why);
        if (rc != 0) return rc;
        mutex_lock(&j->lock);
        rc = indexed_group(segments_with(j, before - 1), before - 1, first);
        mutex_unlock(&j->lock);
    }
    scan_close(&c->scan);
    c->next = *first;
    return rc;
}
