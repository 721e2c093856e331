/* What a server would make of the folder, and what can be done where it would refuse.
 *
 * A server starts from the newest sound snapshot from which the journal goes on, or from the
 * journal's first record, if that is number 1. It refuses where a snapshot is ahead of the journal:
 * something that was safe is gone then. */
#include "check.h"

#include "../src/io/clock.h"

#include <stdio.h>

static bool goes_on_from(const struct check_findings *f, const struct found_snapshot *s)
{
    return !s->damaged && s->seq + 1 >= f->first_seq && s->seq <= f->last_seq;
}

static void refuse_short(struct plan *p, const struct check_findings *f,
                         const struct found_snapshot *s)
{
    if (f->segments == 0)
        snprintf(p->refused, sizeof p->refused,
                 "there is no journal beside the snapshot of record "
                 "%llu",
                 (unsigned long long)s->seq);
    else
        snprintf(p->refused, sizeof p->refused,
                 "the journal ends with record %llu, before the snapshot of record %llu",
                 (unsigned long long)f->last_seq, (unsigned long long)s->seq);
}

struct plan plan_make(const struct check_findings *f, const struct found_snapshots *s)
{
    struct plan p = {.cuts = f->damaged};
    const struct found_snapshot *sound = NULL;
    for (int i = s->count - 1; i >= 0; i--) {
        p.damaged += s->at[i].damaged;
        if (!s->at[i].damaged) sound = &s->at[i];
        if (goes_on_from(f, &s->at[i])) p.base = &s->at[i];
    }
    bool ahead = sound && sound->seq > f->last_seq;
    if (ahead)
        refuse_short(&p, f, sound);
    else if (f->first_seq > 1 && !p.base)
        snprintf(p.refused, sizeof p.refused,
                 "the journal begins with record %llu, and there is no whole snapshot from which "
                 "it goes on",
                 (unsigned long long)f->first_seq);
    else if (f->segments == 0)
        snprintf(p.refused, sizeof p.refused, "there is no journal");
    if (!p.refused[0]) return p;
    p.alone = sound;
    p.hopeless = !sound;
    return p;
}

bool plan_is_needed(const struct plan *p)
{
    return p->cuts || p->damaged || p->refused[0];
}

/* ---- telling ---- */

static void tell_start(const struct plan *p)
{
    if (p->base)
        printf(" A server will start from the snapshot of record %llu and the journal after it.\n",
               (unsigned long long)p->base->seq);
    else
        printf(" A server will start from the first record of the journal.\n");
}

static void tell_alone(const struct plan *p, const struct check_findings *f)
{
    printf("Give the journal up for the snapshot of record %llu, and begin another behind it.\n"
           "  LOST: what was done after ",
           (unsigned long long)p->alone->seq);
    print_time(stdout, p->alone->header.time_ms);
    printf(" (UTC), when that was taken; and all history: no event from\n"
           "  before can be read any more");
    if (f->first_seq <= f->last_seq) {
        printf(" (");
        print_records(stdout, f->first_seq, f->last_seq);
        printf(" are set aside)");
    }
    printf(". Groups and readers that want such get a `gap`.\n");
}

void plan_tell(const struct plan *p, const struct check_findings *f,
               const struct found_snapshots *s)
{
    char name[SNAPSHOT_NAME_BYTES];
    for (int i = 0; i < s->count; i++) {
        if (!s->at[i].damaged) continue;
        snapshot_name(s->at[i].seq, name);
        printf("Set %s aside.", name);
        if (p->alone || p->cuts)
            printf("\n");
        else
            printf(" Nothing is lost.");
        if (!p->alone && !p->cuts) tell_start(p);
    }
    if (p->alone) {
        tell_alone(p, f);
    } else if (p->cuts) {
        printf("Cut the journal at the damage. It will have ");
        print_records(stdout, f->first_seq, f->last_seq);
        printf(";\n  LOST: all that was done after them.");
        tell_start(p);
    }
    printf("What is cut or set aside stays there as *.damaged.\n");
}

/* ---- doing ---- */

static void print_step(void *ctx, const char *text)
{
    (void)ctx;
    printf("%s\n", text);
}

int plan_do(const struct plan *p, struct disk *d, const struct check_findings *f,
            const struct found_snapshots *s, struct disk_why *why)
{
    int rc = 0;
    if (p->alone)
        rc = check_begin_behind(d, &p->alone->header, io_unix_us() / 1000, print_step, NULL, why);
    else if (p->cuts)
        rc = check_repair(d, f, print_step, NULL, why);
    for (int i = 0; i < s->count && rc == 0; i++)
        if (s->at[i].damaged) rc = check_set_aside(d, s->at[i].seq, print_step, NULL, why);
    return rc;
}
