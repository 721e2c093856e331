/* hark-check: looks through the journal of a server that is not running, prints its records, and
 * cuts it where it is damaged. */
#include "check.h"

#include "../src/base/err.h"
#include "../src/base/text.h"
#include "../src/journal/check.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { EXIT_SOUND = 0, EXIT_DAMAGED = 1, EXIT_UNABLE = 2 };

static const char manual[] =
    "Usage: hark-check [OPTIONS] DIR\n"
    "\n"
    "Looks through the journal in the folder DIR, every byte of it, and tells what is there and\n"
    "whether it is sound. Changes nothing unless --repair is given. Refuses while a server uses\n"
    "the folder.\n"
    "\n"
    "  --dump           Print the records instead, a line of JSON each; what else there is to say\n"
    "                   goes to standard error\n"
    "  --from <seq>     … from this record on\n"
    "  --to <seq>       … up to this record\n"
    "  --repair         Where the journal is damaged, cut it there, so that a server can open it.\n"
    "                   Asks before it does anything. All records from the damage on are out of\n"
    "                   the journal then, but nothing is deleted: the damaged segment is copied "
    "to\n"
    "                   <name>.damaged before it is cut, those behind it are renamed so\n"
    "  --yes            … without asking\n"
    "  --quiet          Print nothing but damage\n"
    "  --help, --version\n"
    "\n"
    "What a crash has torn off the end, before it was safe, is no damage: a server cuts it when "
    "it\n"
    "starts, and says so. A summary that is missing or damaged is none either: it is made again.\n"
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

static void print_time(FILE *to, int64_t ms)
{
    char text[32];
    struct tm parts;
    time_t seconds = (time_t)(ms / 1000);
    if (!gmtime_r(&seconds, &parts) || !strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts))
        text[0] = 0;
    fprintf(to, "%s", text);
}

static void print_records(FILE *to, uint64_t first, uint64_t last)
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

/* Repairing ---------------------------------------------------------------------------------- */

static void print_step(void *ctx, const char *text)
{
    (void)ctx;
    printf("%s\n", text);
}

static bool consents(const struct check_findings *f)
{
    char line[16] = "";
    printf("Cut the journal there? It will have ");
    print_records(stdout, f->first_seq, f->last_seq);
    printf(".\nWhat is cut stays beside it as *.damaged. Type yes to go on: ");
    fflush(stdout);
    return fgets(line, sizeof line, stdin) && strcmp(line, "yes\n") == 0;
}

static int repair(const struct options *o, struct disk *disk, const struct check_findings *f)
{
    struct disk_why why;
    struct check_findings again;
    if (!o->yes && !consents(f)) {
        printf("nothing was changed\n");
        return EXIT_DAMAGED;
    }
    int rc = check_repair(disk, f, print_step, NULL, &why);
    if (rc != 0) return unable(o->folder, why.text);
    /* A journal of which nothing was sound is gone, and a server begins another. */
    rc = check_journal(disk, &(struct check_visitor){0}, &again, &why);
    if (rc != 0 && rc != ERR_ABSENT) return unable(o->folder, why.text);
    if (rc == 0 && again.damaged) return unable(o->folder, again.why.text);
    printf("repaired: ");
    print_records(stdout, again.first_seq, again.last_seq);
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
    if (!l->options->quiet && !l->options->dump) print_segment(s);
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

static int look(const struct options *o, struct disk *disk)
{
    struct looking l = {.options = o, .dump = {.from = o->from, .to = o->to}};
    struct check_visitor v = {on_segment, o->dump ? on_record : NULL, &l, NULL, 0};
    struct check_findings found;
    struct disk_why why;
    int rc = check_journal(disk, &v, &found, &why);
    int end = o->dump ? dump_end(o, &l.dump) : EXIT_SOUND;
    dump_fini(&l.dump);
    if (rc != 0) return unable(o->folder, why.text);
    print_findings(o, &found);
    if (found.damaged) return o->repair ? repair(o, disk, &found) : EXIT_DAMAGED;
    return end;
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
        status = look(o, disk);
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
