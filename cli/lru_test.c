/* --lru-test: how well a cache that evicts keeps what is read most. Writes and reads keys
 * lru:1 … lru:<n>, of which a few are asked for again and again and most seldom, and tells every
 * second how many reads found their key. Needs `maxmemory` and a policy that evicts; what it writes
 * takes the place of what is there. */
#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 250, SPAN_MS = 1000, VALUE_BYTES = 5 };

struct tally {
    long long hits, misses;
};

/* From 1 to n, by a power law: the sixth power of about 80-20. */
static long long draw(long long n)
{
    static const double exponent = 6.2 + 1;
    double r = (double)random() / RAND_MAX, most = pow((double)n + 1, exponent);
    long long drawn = (long long)pow((most - 1) * r + 1, 1 / exponent);
    return drawn > n ? 1 : n + 1 - drawn;
}

static void queue(struct session *s, bool set, long long n)
{
    char key[32], value[VALUE_BYTES + 1] = "";
    snprintf(key, sizeof key, "lru:%lld", draw(n));
    for (int i = 0; i < VALUE_BYTES; i++) value[i] = (char)('A' + random() % 58);
    if (hark_queue(s->link, set ? 3 : 2, (const char *[]){set ? "SET" : "GET", key, value}, NULL) <
        0)
        session_die(s);
}

static void batch(struct session *s, bool set, long long n, struct tally *t)
{
    for (int i = 0; i < BATCH; i++) queue(s, set, n);
    for (int i = 0; i < BATCH; i++) {
        struct hark_reply *r;
        if (hark_read(s->link, &r) < 0) session_die(s);
        if (r->type == HARK_T_ERROR) {
            fprintf(stderr, "%s: %s\n", set ? "SET" : "GET", r->text);
            exit(1);
        }
        if (!set && r->type == HARK_T_NULL) t->misses++;
        if (!set && r->type != HARK_T_NULL) t->hits++;
        hark_reply_free(r);
    }
}

static void warn_unless_it_evicts(struct session *s)
{
    struct hark_reply *r = session_ask(s, 3, (const char *[]){"CONFIG", "GET", "maxmemory"}, NULL);
    if (r->count >= 2 && r->at[1].text && strcmp(r->at[1].text, "0") == 0)
        fprintf(stderr, "maxmemory is 0: nothing will be evicted\n");
    hark_reply_free(r);
}

int lru_test_run(struct session *s)
{
    long long n = s->options->lru_keys;
    warn_unless_it_evicts(s);
    srandom((unsigned)now_ms());
    for (;;) {
        struct tally t = {0};
        double begin = now_ms();
        do {
            batch(s, true, n, &t);
            batch(s, false, n, &t);
        } while (now_ms() - begin < SPAN_MS);
        double all = (double)(t.hits + t.misses) / 100;
        printf("%lld Gets/sec | Hits: %lld (%.2f%%) | Misses: %lld (%.2f%%)\n", t.hits + t.misses,
               t.hits, (double)t.hits / all, t.misses, (double)t.misses / all);
        fflush(stdout);
    }
}
