/* hark-check: looks through the journal of a server that is not running, and its snapshots, prints
 * its records, and repairs what is damaged. */
#include "check.h"

#include "../src/base/err.h"
#include "../src/base/text.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { EXIT_SOUND = 0, EXIT_DAMAGED = 1, EXIT_UNABLE = 2 };

static const char manual[] =
    "Usage: hark-check [OPTIONS] DIR\n"
    "\n"
    "Looks through the journal in the folder DIR and the snapshots beside it, every byte of them, "
    "and\n"
    "tells what is there, whether it is sound, and whether a server would start from it. Changes\n"
    "nothing unless --repair is given. Refuses while a server uses the folder.\n"
    "\n"
    "  --dump           Print the journal's records instead, a line of JSON each; what else there "
    "is\n"
    "                   to say goes to standard error\n"
    "  --from <seq>     … from this record on\n"
    "  --to <seq>       … up to this record\n"
    "  --repair         Do what is needed, so that a server can start. Says before what it will "
    "do\n"
    "                   and what is lost by that, and asks. Nothing is deleted: see below\n"
    "  --yes            … without asking\n"
    "  --quiet          Print nothing but damage\n"
    "  --help, --version\n"
    "\n"
    "What a crash has torn off the end, before it was safe, is no damage: a server cuts it when "
    "it\n"
    "starts, and says so. A summary that is missing or damaged is none either: it is made again.\n"
    "\n"
    "Repairs\n"
    "  A damaged snapshot is renamed to <name>.damaged. If an older one is sound, or the journal\n"
    "  goes back to record 1, nothing is lost.\n"
    "  A damaged journal is cut there; the records from the damage on are lost. The damaged "
    "segment\n"
    "  is copied to <name>.damaged before, those behind it are renamed so.\n"
    "  Where the journal is gone, or ends before a sound snapshot, or does not go on from any, it "
    "is\n"
    "  given up for the newest sound snapshot: what was done after that is lost, and all history.\n"
    "  Its segments are renamed, and a new one is begun.\n"
    "  Where there is no sound snapshot, and no journal from record 1 on, nothing can be done.\n"
    "\n"
    "Exit status\n"
    "  0   sound, or repaired\n"
    "  1   damaged\n"
    "  2   could not be looked at: a server uses it, there is none, it was written by a newer\n"
    "      version, the disk said no, or the options are wrong\n"
    "\n"
    "Examples\n"
    "  hark-check ./data/journal\n"
    "  hark-check --dump ./data/journal | jq -c 'select(.events[].key == \"order:17\")'\n"
    "  hark-check --repair ./data/journal\n";

static int unable(const char *folder, const char *why)
{
    fprintf(stderr, "hark-check: %s: %s\n", folder, why);
    return EXIT_UNABLE;
}

/* Options ------------------------------------------------------------------------------------ */

struct option {
    const char *name;
    bool *flag;
    uint64_t *number;
};

/* 0, 1: the option takes the word after it, or ERR_SYNTAX. */
static int take_option(const struct option *all, size_t count, const char *word, const char *next)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, all[i].name) != 0) continue;
        if (all[i].flag) {
            *all[i].flag = true;
            return 0;
        }
        bool good = next && text_to_uint(slice_of(next, strlen(next)), all[i].number);
        if (good) return 1;
        fprintf(stderr, "hark-check: %s wants the number of a record\n", word);
        return ERR_SYNTAX;
    }
    fprintf(stderr, "hark-check: unknown option %s (see --help)\n", word);
    return ERR_SYNTAX;
}

static int parse(struct options *o, int argc, char **argv)
{
    const struct option all[] = {
        {"--dump", &o->dump, NULL},       {"--repair", &o->repair, NULL}, {"--yes", &o->yes, NULL},
        {"--quiet", &o->quiet, NULL},     {"--help", &o->help, NULL},     {"-h", &o->help, NULL},
        {"--from", NULL, &o->from},       {"--to", NULL, &o->to},         {"-v", &o->version, NULL},
        {"--version", &o->version, NULL},
    };
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-') {
            if (o->folder) {
                fprintf(stderr, "hark-check: one folder at a time\n");
                return ERR_SYNTAX;
            }
            o->folder = word;
            continue;
        }
        int rc = take_option(all, sizeof all / sizeof *all, word, argv[i + 1]);
        if (rc < 0) return rc;
        i += rc;
    }
    if (o->help || o->version) return 0;
    bool good = o->folder && !(o->dump && o->repair) && (o->repair || !o->yes);
    if (!good) fputs("Usage: hark-check [OPTIONS] DIR (see --help)\n", stderr);
    return good ? 0 : ERR_SYNTAX;
}

/* Telling ------------------------------------------------------------------------------------ */

void print_time(FILE *to, int64_t ms)
{
    char text[32];
    struct tm parts;
    time_t seconds = (time_t)(ms / 1000);
    if (!gmtime_r(&seconds, &parts) || !strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts))
        text[0] = 0;
    fprintf(to, "%s", text);
}

void print_records(FILE *to, uint64_t first, uint64_t last)
{
    if (first > last)
        fputs("no records", to);
    else
        fprintf(to, "records %llu to %llu", (unsigned long long)first, (unsigned long long)last);
}

static void print_segment(const struct check_segment *s)
{
    char used[32], bytes[32];
    text_human_bytes(used, s->used);
    text_human_bytes(bytes, s->bytes);
    printf("%s  epoch %llu  ", s->file, (unsigned long long)s->epoch);
    if (s->is_void) {
        printf("void: a later segment begins the journal anew\n");
        return;
    }
    print_records(stdout, s->first_seq, s->last_seq);
    printf("  %s of %s  ", used, bytes);
    print_time(stdout, s->begun_ms);
    printf(" to ");
    print_time(stdout, s->last_ms > s->begun_ms ? s->last_ms : s->begun_ms);
    printf("  %llu marks, the last for record %llu  %s\n", (unsigned long long)s->marks,
           (unsigned long long)s->durable,
           !s->summary        ? "no summary"
           : s->summary_sound ? "summary"
                              : "summary of no use");
}

static void print_findings(const struct options *o, const struct check_findings *f)
{
    FILE *to = o->dump ? stderr : stdout;
    if (!o->quiet) {
        fprintf(to, "%llu segments, ", (unsigned long long)f->segments);
        print_records(to, f->first_seq, f->last_seq);
        fprintf(to, "%s\n", f->damaged ? " can be read" : "");
        if (f->torn_bytes)
            fprintf(to, "%s: %llu bytes from offset %llu on are torn; a server cuts them\n",
                    f->torn_file, (unsigned long long)f->torn_bytes,
                    (unsigned long long)f->torn_at);
    }
    if (!f->damaged) return;
    fprintf(to, "DAMAGED: %s\n", f->why.text);
    if (f->behind)
        fprintf(to, "%llu segments behind that were not looked at\n",
                (unsigned long long)f->behind);
}

static void print_snapshot_findings(const struct found_snapshots *f, const struct plan *p)
{
    for (int i = 0; i < f->count; i++)
        if (f->at[i].damaged) printf("DAMAGED: %s\n", f->at[i].why.text);
    if (p->refused[0]) printf("DAMAGED: %s\n", p->refused);
}

/* Repairing ---------------------------------------------------------------------------------- */

/* All that there is to be found in a folder. */
struct finding {
    struct check_findings journal;
    struct found_snapshots snapshots;
    struct plan plan;
};

static bool consents(const struct finding *f)
{
    char line[16] = "";
    plan_tell(&f->plan, &f->journal, &f->snapshots);
    printf("Type yes to go on: ");
    fflush(stdout);
    return fgets(line, sizeof line, stdin) && strcmp(line, "yes\n") == 0;
}

static int look_at_journal(struct disk *d, const struct check_visitor *v, struct check_findings *f,
                           struct disk_why *why)
{
    int rc = check_journal(d, v, f, why);
    return rc == ERR_ABSENT ? 0 : rc;
}

static int repair(const struct options *o, struct disk *disk, const struct finding *f)
{
    struct disk_why why;
    struct finding again;
    if (f->plan.hopeless) {
        printf("That cannot be repaired: nothing was changed\n");
        return EXIT_DAMAGED;
    }
    if (!o->yes && !consents(f)) {
        printf("nothing was changed\n");
        return EXIT_DAMAGED;
    }
    int rc = plan_do(&f->plan, disk, &f->journal, &f->snapshots, &why);
    if (rc == 0) rc = look_at_journal(disk, &(struct check_visitor){0}, &again.journal, &why);
    if (rc == 0) rc = snapshots_look(disk, &again.snapshots, false, &why);
    if (rc != 0) return unable(o->folder, why.text);
    /* A journal of which nothing was sound is gone, and a server begins another. */
    again.plan = plan_make(&again.journal, &again.snapshots);
    bool gone = !again.journal.segments && !again.snapshots.count;
    if (plan_is_needed(&again.plan) && !gone)
        return unable(o->folder, again.journal.damaged ? again.journal.why.text
                                                       : "it could not be repaired; try again");
    printf("repaired: ");
    print_records(stdout, again.journal.first_seq, again.journal.last_seq);
    if (again.plan.base)
        printf(", after the snapshot of record %llu", (unsigned long long)again.plan.base->seq);
    printf("\n");
    return EXIT_SOUND;
}

/* -------------------------------------------------------------------------------------------- */

struct looking {
    const struct options *options;
    struct dump dump;
};

static void on_segment(void *ctx, const struct check_segment *s)
{
    const struct looking *l = ctx;
    if (!l->options->quiet) print_segment(s);
}

static void on_record(void *ctx, uint64_t seq, struct slice record)
{
    struct looking *l = ctx;
    dump_record(&l->dump, seq, record);
}

static int dump_end(const struct options *o, const struct dump *d)
{
    bool failed = fflush(stdout) != 0 || d->failed;
    if (failed) return unable(o->folder, "standard output takes no more");
    if (d->unknown == 0) return EXIT_SOUND;
    fprintf(stderr, "%llu records are not known to this version\n", (unsigned long long)d->unknown);
    return EXIT_UNABLE;
}

/* The records as JSON; snapshots are not looked at. */
static int dump(const struct options *o, struct disk *disk)
{
    struct looking l = {.options = o, .dump = {.from = o->from, .to = o->to}};
    struct check_visitor v = {.record = on_record, .ctx = &l};
    struct check_findings found;
    struct disk_why why;
    int rc = check_journal(disk, &v, &found, &why);
    int end = dump_end(o, &l.dump);
    dump_fini(&l.dump);
    if (rc != 0) return unable(o->folder, why.text);
    print_findings(o, &found);
    return found.damaged ? EXIT_DAMAGED : end;
}

static int look(const struct options *o, struct disk *disk)
{
    struct looking l = {.options = o};
    struct check_visitor v = {.segment = on_segment, .ctx = &l};
    struct finding f;
    struct disk_why why;
    int rc = look_at_journal(disk, &v, &f.journal, &why);
    if (rc == 0) rc = snapshots_look(disk, &f.snapshots, !o->quiet, &why);
    if (rc != 0) return unable(o->folder, why.text);
    f.plan = plan_make(&f.journal, &f.snapshots);
    print_findings(o, &f.journal);
    print_snapshot_findings(&f.snapshots, &f.plan);
    if (!plan_is_needed(&f.plan)) return EXIT_SOUND;
    return o->repair ? repair(o, disk, &f) : EXIT_DAMAGED;
}

static int look_into(const struct options *o)
{
    struct stat facts;
    struct disk *disk;
    struct disk_why why;
    /* disk_open would make it. */
    bool there = stat(o->folder, &facts) == 0 && S_ISDIR(facts.st_mode);
    if (!there) return unable(o->folder, "there is no such folder");
    int rc = disk_open(o->folder, &disk, &why);
    if (rc != 0) return unable(o->folder, why.text);
    int lock = check_lock(disk, &why);
    int status;
    if (lock == ERR_BUSY)
        status = unable(o->folder, "a server uses it; stop that first");
    else if (lock < 0 && (o->repair || lock != ERR_DENIED))
        status = unable(o->folder, why.text);
    else /* what may not be written cannot be changed by a server of this user either */
        status = o->dump ? dump(o, disk) : look(o, disk);
    if (lock >= 0) disk->close(disk, lock);
    disk_close(disk);
    return status;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    if (parse(&o, argc, argv) != 0) return EXIT_UNABLE;
    if (o.help) fputs(manual, stdout);
    if (o.version) printf("hark-check %s\n", HARK_VERSION);
    return o.help || o.version ? EXIT_SOUND : look_into(&o);
}
