/* --latency: how long a PING takes, a hundred times a second, in whole milliseconds. */
#include "cli.h"

enum {
    SAMPLE_MS = 10,
    ONE_SHOT_MS = 1000,
    HISTORY_MS = 15000,
};

struct figures {
    long long min, max, sum, count;
};

static long long sample(struct session *s)
{
    double start = now_ms();
    hark_reply_free(session_ask(s, 1, (const char *[]){"PING"}, NULL));
    return (long long)(now_ms() - start);
}

static void add(struct figures *f, long long ms)
{
    if (f->count == 0 || ms < f->min) f->min = ms;
    if (f->count == 0 || ms > f->max) f->max = ms;
    f->sum += ms;
    f->count++;
}

static void print(const struct figures *f, enum output output)
{
    double average = (double)f->sum / (double)f->count;
    const char *form = "";
    switch (output) {
    case OUTPUT_PRETTY: form = "min: %lld, max: %lld, avg: %.2f (%lld samples)"; break;
    case OUTPUT_RAW: form = "%lld %lld %.2f %lld\n"; break;
    case OUTPUT_CSV: form = "%lld,%lld,%.2f,%lld\n"; break;
    case OUTPUT_JSON:
    case OUTPUT_QUOTED_JSON:
        form = "{\"min\": %lld, \"max\": %lld, \"avg\": %.2f, \"count\": %lld}\n";
        break;
    }
    printf(form, f->min, f->max, average, f->count);
    fflush(stdout);
}

int latency_run(struct session *s, bool history)
{
    enum output output = s->format.output;
    double span = s->options->interval_given ? s->options->interval_s * 1e3
                  : history                  ? HISTORY_MS
                                             : ONE_SHOT_MS;
    struct figures f = {0};
    for (double start = now_ms();;) {
        add(&f, sample(s));
        bool over = now_ms() - start >= span;
        if (output == OUTPUT_PRETTY) {
            fputs("\x1b[0G\x1b[2K", stdout);
            print(&f, output);
        } else if (over) {
            print(&f, output);
            if (!history) return 0;
        }
        if (history && over) {
            if (output == OUTPUT_PRETTY)
                printf(" -- %.2f seconds range\n", (now_ms() - start) / 1e3);
            start = now_ms();
            f = (struct figures){0};
        }
        sleep_ms(SAMPLE_MS);
    }
}
