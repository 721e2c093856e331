/* --recover-until, as a program: folders, words and exit codes. */
#include "../base/err.h"
#include "../io/clock.h"
#include "../io/file.h"
#include "rewind.h"
#include "store.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PATH_MAX_BYTES = 4096, WHEN_BYTES = 96 };

/* The new journal's folder until all is in it. */
#define PARTIAL STORE_FOLDER ".partial"

static int unable(const char *what, const char *why)
{
    fprintf(stderr, "hark-server: %s%s%s\n", what, why[0] ? ": " : "", why);
    return 1;
}

/* "1763800000123-4 (2025-11-22T08:26:40.123Z)" */
static const char *tell_id(struct event_id id, char to[WHEN_BYTES])
{
    struct tm tm;
    time_t seconds = (time_t)(id.ms / 1000);
    int n = id.n == UINT64_MAX
                ? snprintf(to, WHEN_BYTES, "%lld", (long long)id.ms)
                : snprintf(to, WHEN_BYTES, "%lld-%llu", (long long)id.ms, (unsigned long long)id.n);
    if (!gmtime_r(&seconds, &tm)) return to;
    n += (int)strftime(to + n, WHEN_BYTES - (size_t)n, " (%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(to + n, WHEN_BYTES - (size_t)n, ".%03dZ)", (int)(id.ms % 1000));
    return to;
}

static void tell_done(const struct rewind_found *f, struct event_id until, const char *to)
{
    char when[WHEN_BYTES], last[WHEN_BYTES], next[WHEN_BYTES];
    printf("The data as of %s is in %s.\n", tell_id(until, when), to);
    printf("Its last event is %s.\n", tell_id(f->last, last));
    if (f->last_seq >= f->first_seq)
        printf("The journal there has records %llu to %llu", (unsigned long long)f->first_seq,
               (unsigned long long)f->last_seq);
    else
        printf("The journal there has no records");
    if (f->snapshot) printf(", beside a snapshot of record %llu", (unsigned long long)f->snapshot);
    printf(".\n");
    bool within = f->last.ms > until.ms || (f->last.ms == until.ms && f->last.n > until.n);
    if (within)
        printf("That id is in the middle of what one command or transaction did, which is there "
               "as a whole.\n");
    if (f->all)
        printf("Nothing was recorded after that moment.\n");
    else
        printf("What was left out begins with %s.\n", tell_id(f->next, next));
    printf("To use it: hark-server --dir %s\n", to);
}

static int tell_failure(int rc, const struct rewind_found *f, const char *to,
                        const struct disk_why *why)
{
    char when[WHEN_BYTES];
    if (rc == ERR_ABSENT && !why->text[0] && f->earliest.ms) {
        fprintf(stderr,
                "hark-server: that is too far back: the earliest moment that is possible is %s\n",
                tell_id(f->earliest, when));
    } else if (rc == ERR_ABSENT && !why->text[0]) {
        unable("that is too far back: there is no snapshot that the journal goes on from", "");
    } else if (rc == ERR_AGAIN) {
        unable("a server is at work there, and took away what was being read; try again", "");
    } else {
        unable("the data cannot be recovered", why->text);
    }
    fprintf(stderr, "hark-server: what is in %s/" PARTIAL " is not complete\n", to);
    return 1;
}

static int note_other(void *ctx, const char *name)
{
    *(bool *)ctx |= strcmp(name, PARTIAL) != 0;
    return 0;
}

static int note_name(void *ctx, const char *name)
{
    snprintf(ctx, PATH_MAX_BYTES, "%s", name);
    return 1;
}

/* Removes what an attempt that failed has left. */
static int clear(struct disk *journal, struct disk_why *why)
{
    for (;;) {
        char name[PATH_MAX_BYTES] = "";
        int rc = journal->list(journal, note_name, name, why);
        if (rc == 1) rc = journal->unlink(journal, name, why) == 0 ? 1 : ERR_IO;
        if (rc <= 0) return rc;
    }
}

/* Makes the folder, which must be new or empty, and opens both in it. */
static int open_new(const char *to, struct disk **folder, struct disk **journal)
{
    struct disk_why why = {""};
    char path[PATH_MAX_BYTES];
    bool used = false;
    if (disk_open(to, folder, &why) != 0) return unable("cannot make the folder", why.text);
    int rc = (*folder)->list(*folder, note_other, &used, &why);
    if (used) return unable("--recover-to wants a folder that is new or empty", to);
    if (rc != 0) return unable(to, why.text);
    snprintf(path, sizeof path, "%s/%s", to, PARTIAL);
    if (disk_open(path, journal, &why) != 0 || clear(*journal, &why) != 0)
        return unable(path, why.text);
    return 0;
}

static int open_old(const char *dir, struct disk **from)
{
    char path[PATH_MAX_BYTES], reason[256];
    struct disk_why why = {""};
    struct buffer absolute = {0};
    snprintf(path, sizeof path, "%s/%s", dir, STORE_FOLDER);
    /* Opening would make it. */
    int rc = io_file_absolute(path, &absolute, reason, sizeof reason);
    buffer_fini(&absolute);
    if (rc != 0) return unable(path, reason);
    return disk_open(path, from, &why) == 0 ? 0 : unable(path, why.text);
}

static int run(struct disk *from, const char *to, struct event_id until)
{
    struct disk *folder = NULL, *journal = NULL;
    struct rewind_found found = {0};
    struct disk_why why = {""};
    int code = open_new(to, &folder, &journal);
    if (code == 0) {
        int rc = rewind_copy(from, journal, until, &found, &why);
        if (rc == 0) rc = folder->rename(folder, PARTIAL, STORE_FOLDER, &why);
        if (rc == 0) rc = folder->sync_folder(folder, &why);
        code = rc == 0 ? 0 : tell_failure(rc, &found, to, &why);
    }
    if (journal) disk_close(journal);
    if (folder) disk_close(folder);
    if (code == 0) tell_done(&found, until, to);
    return code;
}

int rewind_run(const struct config *c, const char *until, const char *to)
{
    struct event_id moment;
    struct disk *from;
    if (!until || !to) return unable("--recover-until and --recover-to go together", "");
    if (!rewind_parse(until, io_unix_us() / 1000, &moment))
        return unable("--recover-until wants an id (1763800000123-4), unix milliseconds, a time "
                      "(2026-11-22T12:00:00Z) or how long ago (10m)",
                      until);
    int code = open_old(c->dir.len ? c->dir.at : ".", &from);
    if (code != 0) return code;
    code = run(from, to, moment);
    disk_close(from);
    return code;
}
