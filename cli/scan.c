/* --scan, and --bigkeys and --memkeys, which ask for the type and the size of every key. */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOPS_PER_NAP = 100, /* SCANs between two naps of --bigkeys -i */
    CURSOR_MAX = 24,
};

struct walk {
    struct session *session;
    char cursor[CURSOR_MAX];
    bool begun;
};

static void fail_reply(const char *command)
{
    fflush(stdout);
    fprintf(stderr, "%s: the reply is not as it should be\n", command);
    exit(1);
}

/* The next batch of keys, to be freed; NULL after the last. The keys are its second element. */
static struct hark_reply *walk_next(struct walk *w)
{
    const struct options *o = w->session->options;
    if (w->begun && strcmp(w->cursor, "0") == 0) return NULL;
    if (!w->begun) strcpy(w->cursor, "0");
    w->begun = true;

    char count[16];
    const char *argv[6] = {"SCAN", w->cursor};
    size_t lens[6] = {4, strlen(w->cursor)};
    int argc = 2;
    if (o->pattern) {
        argv[argc] = "MATCH", lens[argc++] = 5;
        argv[argc] = o->pattern, lens[argc++] = o->pattern_len;
    }
    if (o->count) {
        argv[argc] = "COUNT", lens[argc++] = 5;
        argv[argc] = count, lens[argc++] = (size_t)snprintf(count, sizeof count, "%d", o->count);
    }
    struct hark_reply *r = session_ask(w->session, argc, argv, lens);
    if (r->type != HARK_T_ARRAY || r->count != 2 || r->at[1].type != HARK_T_ARRAY ||
        r->at[0].type != HARK_T_STRING || r->at[0].len >= sizeof w->cursor)
        fail_reply("SCAN");
    strcpy(w->cursor, r->at[0].text);
    return r;
}

int scan_run(struct session *s)
{
    struct walk w = {.session = s};
    struct hark_reply *batch;
    while ((batch = walk_next(&w))) {
        for (size_t i = 0; i < batch->at[1].count; i++) {
            const struct hark_reply *key = &batch->at[1].at[i];
            struct text quoted = {0};
            if (s->format.output == OUTPUT_PRETTY) text_add_quoted(&quoted, key->text, key->len);
            fwrite(quoted.at ? quoted.at : key->text, 1, quoted.at ? quoted.len : key->len, stdout);
            fputc('\n', stdout);
            text_fini(&quoted);
        }
        fflush(stdout);
        hark_reply_free(batch);
        sleep_ms(s->options->interval_s * 1e3);
    }
    return 0;
}

/* ---- sizes ---- */

/* The types in the order of the summary, and how their elements are counted. */
static const struct kind {
    const char *name, *size_command, *unit;
} kinds[] = {
    {"list", "LLEN", "items"},     {"hash", "HLEN", "fields"},  {"string", "STRLEN", "bytes"},
    {"stream", "XLEN", "entries"}, {"set", "SCARD", "members"}, {"zset", "ZCARD", "members"},
};

enum {
    KINDS = sizeof kinds / sizeof *kinds,
};

struct tally {
    struct session *session;
    bool memory;
    uint64_t total, sampled, name_bytes;
    struct kind_tally {
        uint64_t count, size, biggest;
        struct text biggest_key; /* quoted; empty: none yet */
    } of[KINDS];
};

static const char *unit(const struct tally *t, int kind)
{
    return t->memory ? "bytes" : kinds[kind].unit;
}

static void queue(struct session *s, int argc, const char *const argv[], const size_t lens[])
{
    if (hark_queue(s->link, argc, argv, lens) < 0) session_die(s);
}

static struct hark_reply *next(struct session *s)
{
    struct hark_reply *r;
    if (hark_read(s->link, &r) < 0) session_die(s);
    return r;
}

/* The kinds of a batch's keys, as indices or -1; to be freed. */
static int *ask_kinds(struct session *s, const struct hark_reply *keys)
{
    int *found = must_alloc(keys->count * sizeof *found);
    for (size_t i = 0; i < keys->count; i++)
        queue(s, 2, (const char *[]){"TYPE", keys->at[i].text}, (size_t[]){4, keys->at[i].len});
    for (size_t i = 0; i < keys->count; i++) {
        struct hark_reply *r = next(s);
        if (r->type != HARK_T_STATUS) fail_reply("TYPE");
        found[i] = -1; /* deleted meanwhile, or a type that is not counted */
        for (int k = 0; k < KINDS; k++)
            if (strcmp(r->text, kinds[k].name) == 0) found[i] = k;
        hark_reply_free(r);
    }
    return found;
}

static void queue_size(struct tally *t, const struct hark_reply *key, int kind)
{
    if (!t->memory) {
        const char *command = kinds[kind].size_command;
        queue(t->session, 2, (const char *[]){command, key->text},
              (size_t[]){strlen(command), key->len});
        return;
    }
    char samples[16];
    int len = snprintf(samples, sizeof samples, "%d", t->session->options->memory_samples);
    bool given = t->session->options->memory_samples > 0;
    queue(t->session, given ? 5 : 3,
          (const char *[]){"MEMORY", "USAGE", key->text, "SAMPLES", samples},
          (size_t[]){6, 5, key->len, 7, (size_t)len});
}

static void count_key(struct tally *t, const struct hark_reply *key, int kind, uint64_t size,
                      double percent)
{
    struct kind_tally *of = &t->of[kind];
    of->count++;
    of->size += size;
    t->name_bytes += key->len;
    t->sampled++;
    if (of->biggest >= size) return;
    of->biggest = size;
    of->biggest_key.len = 0;
    text_add_quoted(&of->biggest_key, key->text, key->len);
    printf("[%05.2f%%] Biggest %-6s found so far '%s' with %" PRIu64 " %s\n", percent,
           kinds[kind].name, of->biggest_key.at, size, unit(t, kind));
}

static void count_batch(struct tally *t, const struct hark_reply *keys)
{
    double percent = t->total ? 100.0 * (double)t->sampled / (double)t->total : 0;
    if (percent > 100) percent = 100;
    int *found = ask_kinds(t->session, keys);
    for (size_t i = 0; i < keys->count; i++)
        if (found[i] >= 0) queue_size(t, &keys->at[i], found[i]);
    for (size_t i = 0; i < keys->count; i++) {
        if (found[i] < 0) continue;
        struct hark_reply *r = next(t->session);
        /* Anything but a number: the key became another type, or went away. */
        uint64_t size = r->type == HARK_T_INTEGER && r->integer > 0 ? (uint64_t)r->integer : 0;
        hark_reply_free(r);
        count_key(t, &keys->at[i], found[i], size, percent);
    }
    free(found);
    fflush(stdout);
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

static void print_summary(const struct tally *t)
{
    printf("\n-------- summary -------\n\n");
    printf("Sampled %" PRIu64 " keys in the keyspace!\n", t->sampled);
    printf("Total key length in bytes is %" PRIu64 " (avg len %.2f)\n\n", t->name_bytes,
           share(t->name_bytes, t->sampled));
    for (int k = 0; k < KINDS; k++)
        if (t->of[k].biggest_key.len)
            printf("Biggest %6s found '%s' has %" PRIu64 " %s\n", kinds[k].name,
                   t->of[k].biggest_key.at, t->of[k].biggest, unit(t, k));
    printf("\n");
    for (int k = 0; k < KINDS; k++)
        printf("%" PRIu64 " %ss with %" PRIu64 " %s (%05.2f%% of keys, avg size %.2f)\n",
               t->of[k].count, kinds[k].name, t->of[k].size, unit(t, k),
               100 * share(t->of[k].count, t->sampled), share(t->of[k].size, t->of[k].count));
}

int sizes_run(struct session *s, bool memory)
{
    struct tally t = {.session = s, .memory = memory};
    struct hark_reply *r = session_ask(s, 1, (const char *[]){"DBSIZE"}, NULL);
    if (r->type != HARK_T_INTEGER) fail_reply("DBSIZE");
    t.total = (uint64_t)r->integer;
    hark_reply_free(r);

    printf("\n# Scanning the entire keyspace to find biggest keys as well as\n"
           "# average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec\n"
           "# per 100 SCAN commands (not usually needed).\n\n");
    struct walk w = {.session = s};
    uint64_t loops = 0;
    while ((r = walk_next(&w))) {
        count_batch(&t, &r->at[1]);
        hark_reply_free(r);
        if (++loops % LOOPS_PER_NAP == 0) sleep_ms(s->options->interval_s * 1e3);
    }
    print_summary(&t);
    for (int k = 0; k < KINDS; k++) text_fini(&t.of[k].biggest_key);
    return 0;
}
