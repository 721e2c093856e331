/* The sections of INFO that have a line per command, error or database. */
#include "info.h"

/* Names become part of `name:value` lines: what would take them apart is replaced. */
static void print_name(struct buffer *to, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool harmless = c > ' ' && c < 0x7f && c != '#' && c != ':';
        buffer_add_byte(to, harmless ? c : '_');
    }
}

void info_command_stats(struct server *s, struct buffer *to)
{
    for (size_t id = 0; id < command_specs_count(); id++) {
        const struct command *command = command_at(s->commands, id);
        if (!command) continue;
        const struct command_stats *stats = &command->stats;
        if (!stats->calls && !stats->rejected && !stats->failed) continue;
        double us = (double)stats->ns / 1000;
        buffer_add_slice(to, SLICE("cmdstat_"));
        print_name(to, command->spec->name);
        buffer_printf(to,
                      ":calls=%llu,usec=%.0f,usec_per_call=%.2f,rejected_calls=%llu,"
                      "failed_calls=%llu\r\n",
                      (unsigned long long)stats->calls, us,
                      stats->calls ? us / (double)stats->calls : 0,
                      (unsigned long long)stats->rejected, (unsigned long long)stats->failed);
    }
}

static void print_error(void *ctx, struct slice code, uint64_t count)
{
    struct buffer *to = ctx;
    buffer_add_slice(to, SLICE("errorstat_"));
    print_name(to, code);
    buffer_printf(to, ":count=%llu\r\n", (unsigned long long)count);
}

void info_error_stats(struct server *s, struct buffer *to)
{
    sessions_each_error(s->sessions, print_error, to);
}

void info_latency_stats(struct server *s, struct buffer *to)
{
    const struct config_percentiles *percentiles = &s->config.latency_percentiles;
    if (!s->config.latency_tracking) return; /* what there is may be old */
    for (size_t id = 0; id < command_specs_count(); id++) {
        const struct command *command = command_at(s->commands, id);
        if (!command || !command_stats_timed(&command->stats)) continue;
        buffer_add_slice(to, SLICE("latency_percentiles_usec_"));
        print_name(to, command->spec->name);
        for (int i = 0; i < percentiles->count; i++) {
            double percent = percentiles->at[i];
            uint64_t ns = command_stats_percentile(&command->stats, percent);
            buffer_printf(to, "%cp%.10g=%.3f", i ? ',' : ':', percent, (double)ns / 1000);
        }
        buffer_add_slice(to, percentiles->count ? SLICE("\r\n") : SLICE(":\r\n"));
    }
}

void info_keyspace(struct server *s, struct buffer *to)
{
    for (int db = 0; db < keyspace_databases(s->keyspace); db++) {
        if (!keyspace_size(s->keyspace, db)) continue;
        struct database_info d = keyspace_info(s->keyspace, db, s->now_us / 1000);
        buffer_printf(to, "db%d:keys=%zu,expires=%zu,avg_ttl=%lld,subexpiry=%zu\r\n", db, d.keys,
                      d.volatile_keys, (long long)d.average_ttl_ms, d.timed_hashes);
    }
}

/* A name in a line whose fields end with commas: what could be taken for something else is written
 * as in an URL. */
static void add_name(struct buffer *to, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char byte = (unsigned char)name.at[i];
        if (byte <= ' ' || byte >= 0x7f || byte == ',' || byte == '=' || byte == '%')
            buffer_printf(to, "%%%02x", byte);
        else
            buffer_add_byte(to, (char)byte);
    }
}

/* The unix ms of the last event that the group was given, or of the first that is kept, if that is
 * later: before that there is nothing to give. */
static int64_t given_ms(struct server *s, const struct group *g)
{
    struct event_id first, last;
    bool known = views_bounds(s->streams.views, &first, &last);
    uint64_t ms = g->position.last.ms;
    if (known && first.ms > ms) ms = first.ms;
    return ms ? (int64_t)ms : s->now_us / 1000;
}

/* How far a group is behind: a position in the journal, told in records, in bytes as if all records
 * were of one size, and in seconds. */
static void add_lag(struct server *s, const struct group *g, struct buffer *to)
{
    struct journal_info j;
    journal_info(s->store.journal, &j);
    uint64_t from =
        g->position.scanned_seq + 1 > j.first_seq ? g->position.scanned_seq + 1 : j.first_seq;
    uint64_t behind = j.appended + 1 > from ? j.appended + 1 - from : 0;
    uint64_t records = j.appended + 1 - j.first_seq;
    double bytes = records ? (double)j.used_bytes * (double)behind / (double)records : 0;
    int64_t ms = behind ? s->now_us / 1000 - given_ms(s, g) : 0;
    buffer_printf(to, ",lag_records=%llu,lag_bytes=%.0f,lag_seconds=%.3f",
                  (unsigned long long)behind, bytes, ms > 0 ? (double)ms / 1000 : 0);
}

void info_groups(struct server *s, struct buffer *to)
{
    enum { SHOWN_MAX = 1000 };
    const struct groups *all = s->streams.groups;
    if (!s->store.journal) return;
    for (uint32_t i = 0, shown = 0; i < groups_numbers(all) && shown < SHOWN_MAX; i++) {
        const struct group *g = groups_numbered(all, i);
        if (!g) continue;
        buffer_printf(to, "group%u:view=", shown++);
        add_name(to, g->view);
        buffer_add_slice(to, SLICE(",name="));
        add_name(to, g->name);
        buffer_printf(to, ",consumers=%zu,pending=%zu", crew_consumers(&g->crew),
                      g->crew.pending.count);
        add_lag(s, g, to);
        buffer_add_slice(to, SLICE("\r\n"));
    }
}
