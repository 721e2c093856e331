/* Slow events, and LATENCY: what was slow, and how long each command takes. */
#include "latency.h"

#include "../base/text.h"
#include "../command/introspect.h"
#include "../io/clock.h"
#include "server.h"

#include <stdio.h>

/* ---- noting ---- */

static struct latency_event *event_named(struct latency *l, struct slice name)
{
    for (size_t i = 0; i < l->count; i++)
        if (slice_equal(slice_text(l->events[i].name), name)) return &l->events[i];
    return NULL;
}

static struct latency_event *event_new(struct latency *l, const char *name)
{
    if (l->count == LATENCY_EVENTS) return NULL;
    struct latency_event *e = &l->events[l->count++];
    *e = (struct latency_event){0};
    snprintf(e->name, sizeof e->name, "%s", name);
    return e;
}

/* The n-th sample of the ring, oldest first. Unused ones, with second 0, come before all others. */
static struct latency_sample *sample_at(struct latency_event *e, int n)
{
    return &e->samples[(e->next + n) % LATENCY_SAMPLES];
}

static struct latency_sample *last_sample(struct latency_event *e)
{
    return sample_at(e, LATENCY_SAMPLES - 1);
}

void latency_add(struct latency *l, const char *event, int64_t now_s, int64_t ms)
{
    struct latency_event *e = event_named(l, slice_text(event));
    if (!e) e = event_new(l, event);
    if (!e) return;
    if (ms > e->worst_ms) e->worst_ms = ms;
    struct latency_sample *last = last_sample(e);
    if (last->second == now_s) {
        if (ms > last->ms) last->ms = ms;
        return;
    }
    e->samples[e->next] = (struct latency_sample){now_s, ms};
    e->next = (e->next + 1) % LATENCY_SAMPLES;
}

/* The samples in use, oldest first, as a run of their own; returns how many. */
static int samples_of(struct latency_event *e, struct latency_sample out[LATENCY_SAMPLES])
{
    int count = 0;
    for (int i = 0; i < LATENCY_SAMPLES; i++) {
        const struct latency_sample *s = sample_at(e, i);
        if (s->second) out[count++] = *s;
    }
    return count;
}

/* ---- LATEST, HISTORY, RESET ---- */

static struct latency *latency_of(const struct call *c)
{
    return &call_server(c)->latency;
}

static void latency_latest_command(struct call *c)
{
    struct latency *l = latency_of(c);
    resp_array(&c->reply, l->count);
    for (size_t i = 0; i < l->count; i++) {
        struct latency_event *e = &l->events[i];
        resp_array(&c->reply, 4);
        resp_bulk_text(&c->reply, e->name);
        resp_int(&c->reply, last_sample(e)->second);
        resp_int(&c->reply, last_sample(e)->ms);
        resp_int(&c->reply, e->worst_ms);
    }
}

static void latency_history_command(struct call *c)
{
    struct latency_event *e = event_named(latency_of(c), call_arg(c, 2));
    struct latency_sample samples[LATENCY_SAMPLES];
    int count = e ? samples_of(e, samples) : 0;
    resp_array(&c->reply, (size_t)count);
    for (int i = 0; i < count; i++) {
        resp_array(&c->reply, 2);
        resp_int(&c->reply, samples[i].second);
        resp_int(&c->reply, samples[i].ms);
    }
}

static void latency_reset_command(struct call *c)
{
    struct latency *l = latency_of(c);
    size_t before = l->count;
    if (c->argc == 2) l->count = 0;
    for (int i = 2; i < c->argc; i++) {
        struct latency_event *e = event_named(l, call_arg(c, i));
        if (e) *e = l->events[--l->count];
    }
    resp_int(&c->reply, (int64_t)(before - l->count));
}

/* ---- GRAPH ---- */

enum { GRAPH_COLUMNS = 80, GRAPH_ROWS = 4, GRAPH_LABEL_MAX = 24 };

/* Each row has three heights; what is below the top of a column is filled. */
static const char graph_marks[] = "_o#";
enum { GRAPH_HEIGHTS = GRAPH_ROWS * 3 };

struct graph {
    const struct latency_sample *samples;
    int count;
    int64_t low, high;
    int64_t now_s;
};

static char graph_mark(const struct graph *g, int column, int row)
{
    int64_t above = g->samples[column].ms - g->low, range = g->high - g->low;
    int height = range ? (int)((float)above * GRAPH_HEIGHTS / (float)range) : 0;
    if (height >= GRAPH_HEIGHTS) height = GRAPH_HEIGHTS - 1;
    int here = height - 3 * (GRAPH_ROWS - 1 - row);
    return here < 0 ? ' ' : here < 3 ? graph_marks[here] : '|';
}

/* How long ago, in the largest unit that it fills: 12s, 3m, 5h, 2d. */
static int graph_label(const struct graph *g, int column, char to[GRAPH_LABEL_MAX])
{
    static const struct unit {
        int64_t seconds;
        char letter;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    int64_t ago = g->now_s - g->samples[column].second;
    const struct unit *u = units;
    while (u->seconds > 1 && ago < u->seconds) u++;
    return snprintf(to, GRAPH_LABEL_MAX, "%lld%c", (long long)(ago / u->seconds), u->letter);
}

/* The rows of columns [from, to) and, read downwards, their labels. */
static void draw_columns(const struct graph *g, int from, int to, struct buffer *out)
{
    for (int row = 0; row < GRAPH_ROWS; row++) {
        for (int i = from; i < to; i++) buffer_add_byte(out, graph_mark(g, i, row));
        buffer_add_byte(out, '\n');
    }
    buffer_printf(out, "%*s\n", to - from, "");
    bool any = true;
    for (int row = 0; any; row++) {
        size_t line = out->len;
        any = false;
        for (int i = from; i < to; i++) {
            char label[GRAPH_LABEL_MAX];
            bool here = row < graph_label(g, i, label);
            buffer_add_byte(out, here ? label[row] : ' ');
            any |= here;
        }
        buffer_add_byte(out, '\n');
        if (!any) out->len = line;
    }
}

static void draw(const struct graph *g, const struct latency_event *e, struct buffer *out)
{
    buffer_printf(out, "%s - high %lld ms, low %lld ms (all time high %lld ms)\n", e->name,
                  (long long)g->high, (long long)g->low, (long long)e->worst_ms);
    for (int i = 0; i < GRAPH_COLUMNS; i++) buffer_add_byte(out, '-');
    buffer_add_byte(out, '\n');
    for (int from = 0; from < g->count; from += GRAPH_COLUMNS) {
        int to = from + GRAPH_COLUMNS < g->count ? from + GRAPH_COLUMNS : g->count;
        if (from) buffer_add_byte(out, '\n');
        draw_columns(g, from, to, out);
    }
}

static void latency_graph_command(struct call *c)
{
    struct slice name = call_arg(c, 2);
    struct latency_event *e = event_named(latency_of(c), name);
    if (!e) {
        resp_errorf(&c->reply, "ERR No samples available for event '%.*s'", (int)name.len, name.at);
        return;
    }
    struct latency_sample samples[LATENCY_SAMPLES];
    struct graph g = {samples, samples_of(e, samples), INT64_MAX, 0, io_unix_us() / 1000000};
    for (int i = 0; i < g.count; i++) {
        if (samples[i].ms < g.low) g.low = samples[i].ms;
        if (samples[i].ms > g.high) g.high = samples[i].ms;
    }
    struct buffer text = {0};
    draw(&g, e, &text);
    resp_verbatim(&c->reply, "txt", buffer_slice(&text));
    buffer_fini(&text);
}

/* ---- DOCTOR ---- */

/* What an event is, and what can be done about it. */
static const struct advice {
    const char *event, *text;
} advices[] = {
    {"command", "A command went through much data or was given much at once. SLOWLOG GET shows "
                "which; KEYS, large ranges and long argument lists are the usual ones: use SCAN "
                "and smaller pieces."},
    {"fast-command", "A command that does next to nothing took long: the machine had no time for "
                     "it. Look for other programs on it, for swapping, and for the neighbours "
                     "of a virtual machine."},
    {"expire-cycle", "Many keys were due at the same moment. If their deadlines are set "
                     "together, add a random part to each."},
};

struct spread {
    int64_t average_ms, deviation_ms;
    double every_s; /* between two samples */
};

static struct spread spread_of(const struct latency_sample *samples, int count)
{
    int64_t sum = 0, deviation = 0;
    for (int i = 0; i < count; i++) sum += samples[i].ms;
    int64_t average = sum / count;
    for (int i = 0; i < count; i++) {
        int64_t d = samples[i].ms - average;
        deviation += d < 0 ? -d : d;
    }
    int64_t span = samples[count - 1].second - samples[0].second;
    return (struct spread){average, deviation / count, count > 1 ? (double)span / (count - 1) : 0};
}

static void report_event(struct latency_event *e, int number, struct buffer *out)
{
    struct latency_sample samples[LATENCY_SAMPLES];
    int count = samples_of(e, samples);
    struct spread s = spread_of(samples, count);
    buffer_printf(out, "%d. %s: %d latency spikes (average %lldms, mean deviation %lldms", number,
                  e->name, count, (long long)s.average_ms, (long long)s.deviation_ms);
    if (count > 1) buffer_printf(out, ", one every %.2f sec", s.every_s);
    buffer_printf(out, "). Worst all time event %lldms.\n", (long long)e->worst_ms);
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
        if (slice_is(slice_text(e->name), advices[i].event))
            buffer_printf(out, "   %s\n", advices[i].text);
}

static void report(struct server *s, struct buffer *out)
{
    int64_t threshold_ms = s->config.latency_threshold_ms;
    struct latency *l = &s->latency;
    if (!threshold_ms && !l->count) {
        buffer_add_slice(out, SLICE("Latency monitoring is disabled. Switch it on with 'CONFIG SET "
                                    "latency-monitor-threshold <milliseconds>'.\n"));
        return;
    }
    if (!l->count) {
        buffer_printf(out, "Nothing took %lld ms or longer since monitoring was switched on.\n",
                      (long long)threshold_ms);
        return;
    }
    buffer_add_slice(out, SLICE("Some things took longer than they should:\n\n"));
    for (size_t i = 0; i < l->count; i++) report_event(&l->events[i], (int)i + 1, out);
    int64_t slow_us = s->config.slowlog_slower_us;
    if (slow_us < 0 || slow_us > threshold_ms * 1000)
        buffer_printf(out,
                      "\nSLOWLOG keeps less than what is monitored here. 'CONFIG SET "
                      "slowlog-log-slower-than %lld' makes it keep as much.\n",
                      (long long)threshold_ms * 1000);
}

static void latency_doctor_command(struct call *c)
{
    struct buffer text = {0};
    report(call_server(c), &text);
    resp_verbatim(&c->reply, "txt", buffer_slice(&text));
    buffer_fini(&text);
}

/* ---- HISTOGRAM ---- */

/* Steps are powers of two, from 1.024 us on. Redis counts one part in 128 more into each, and
 * names a step by its upper end in us: so do we, as tools may know the numbers. */
enum { FIRST_STEP = 10, LAST_STEP = LATENCY_OCTAVES };

static uint64_t step_name(unsigned step)
{
    uint64_t ns = UINT64_C(1) << step;
    return (step < LAST_STEP ? ns + ns / 128 - 1 : ns) / 1000;
}

/* Visits steps in which there are calls: with the writer to write them, without to count them. */
static size_t each_step(const struct command_stats *stats, struct resp_writer *w)
{
    size_t count = 0;
    uint64_t before = 0;
    for (unsigned step = FIRST_STEP; step <= LAST_STEP; step++) {
        uint64_t calls = command_stats_below(stats, UINT64_C(1) << step);
        if (calls == before) continue;
        before = calls;
        count++;
        if (!w) continue;
        resp_int(w, (int64_t)step_name(step));
        resp_int(w, (int64_t)calls);
    }
    return count;
}

/* The same for commands: 1 if it has run at all. */
static size_t write_histogram(const struct command *command, struct resp_writer *w)
{
    const struct command_stats *stats = &command->stats;
    uint64_t calls = command_stats_timed(stats);
    if (!calls) return 0;
    if (!w) return 1;
    resp_bulk(w, command->spec->name);
    resp_map(w, 2);
    resp_bulk_text(w, "calls");
    resp_int(w, (int64_t)calls);
    resp_bulk_text(w, "histogram_usec");
    resp_map(w, each_step(stats, NULL));
    each_step(stats, w);
    return 1;
}

static size_t write_histograms(const struct call *c, struct resp_writer *w)
{
    const struct command_table *t = call_server(c)->commands;
    size_t count = 0;
    for (size_t id = 0; c->argc == 2 && id < command_specs_count(); id++) {
        const struct command *command = command_at(t, id);
        if (command) count += write_histogram(command, w);
    }
    for (int i = 2; i < c->argc; i++) {
        const struct command *command = command_named(t, call_arg(c, i));
        if (!command) continue;
        count += write_histogram(command, w);
        for (unsigned sub = 0; sub < command->subs_count; sub++)
            count += write_histogram(command->subs[sub], w);
    }
    return count;
}

static void latency_histogram_command(struct call *c)
{
    resp_map(&c->reply, write_histograms(c, NULL));
    write_histograms(c, &c->reply);
}

static void latency_help_command(struct call *c)
{
    static const char *const lines[] = {
        "DOCTOR",
        "    Return a human readable latency analysis report.",
        "GRAPH <event>",
        "    Return an ASCII latency graph for the <event> class.",
        "HISTORY <event>",
        "    Return time-latency samples for the <event> class.",
        "LATEST",
        "    Return the latest latency samples for all events.",
        "RESET [<event> ...]",
        "    Reset latency data of one or more <event> classes.",
        "    (default: reset all data for all event classes)",
        "HISTOGRAM [COMMAND ...]",
        "    Return a cumulative distribution of latencies in the format of a histogram for the "
        "specified command names.",
        "    If no commands are specified then all histograms are replied.",
        NULL,
    };
    command_help(&c->reply, "latency", lines);
}

void bind_latency_commands(struct command_table *t)
{
    static const struct command_binding rows[] = {
        {"latency|latest", latency_latest_command},
        {"latency|history", latency_history_command},
        {"latency|reset", latency_reset_command},
        {"latency|graph", latency_graph_command},
        {"latency|doctor", latency_doctor_command},
        {"latency|histogram", latency_histogram_command},
        {"latency|help", latency_help_command},
    };
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
