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
        buffer_printf(to, "db%d:keys=%zu,expires=%zu,avg_ttl=%lld\r\n", db, d.keys, d.volatile_keys,
                      (long long)d.average_ttl_ms);
    }
}
