/* --stat: a line of INFO's figures every second (-i). */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

enum {
    LINES_PER_HEADER = 20,
};

/* The value of a field of INFO; "" when there is none. Points into the text. */
static const char *field(const char *info, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = info; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, name, len) == 0 && line[len] == ':') return line + len + 1;
    }
    return "";
}

static long long number(const char *info, const char *name)
{
    return atoll(field(info, name));
}

/* db0:keys=3,expires=… of all databases */
static long long keys_of(const char *info)
{
    long long keys = 0;
    for (const char *line = info; (line = strstr(line, "\ndb")); line++) {
        const char *count = strstr(line, ":keys=");
        if (count && count < line + strcspn(line + 1, "\r\n")) keys += atoll(count + 6);
    }
    return keys;
}

static void human(char *out, size_t size, double bytes)
{
    static const char units[] = "BKMGT";
    size_t unit = 0;
    while (bytes >= 1024 && unit + 2 < sizeof units) bytes /= 1024, unit++;
    snprintf(out, size, unit ? "%.2f%c" : "%.0f%c", bytes, units[unit]);
}

static const char *child_of(const char *info)
{
    bool snapshot = number(info, "rdb_bgsave_in_progress");
    bool rewrite = number(info, "aof_rewrite_in_progress");
    if (number(info, "loading")) return "LOAD";
    if (snapshot) return rewrite ? "SAVE+AOF" : "SAVE";
    return rewrite ? "AOF" : "";
}

static void print_line(const char *info, long long requests_before)
{
    char memory[32], requests[64];
    long long total = number(info, "total_commands_processed");
    human(memory, sizeof memory, (double)number(info, "used_memory"));
    snprintf(requests, sizeof requests, "%lld (+%lld)", total,
             requests_before < 0 ? 0 : total - requests_before);
    printf("%-10lld %-8s %-7lld %-7lld %-19s %-11lld %s\n", keys_of(info), memory,
           number(info, "connected_clients"), number(info, "blocked_clients"), requests,
           number(info, "total_connections_received"), child_of(info));
    fflush(stdout);
}

int stat_run(struct session *s)
{
    double interval_ms = s->options->interval_given ? s->options->interval_s * 1e3 : 1e3;
    long long requests = -1;
    for (unsigned line = 0;; line++) {
        struct hark_reply *r = session_ask(s, 1, (const char *[]){"INFO"}, NULL);
        const char *info = r->text ? r->text : "";
        if (line % LINES_PER_HEADER == 0)
            printf(
                "------- data ------ --------------------- load -------------------- - child -\n"
                "keys       mem      clients blocked requests            connections          \n");
        print_line(info, requests);
        requests = number(info, "total_commands_processed");
        hark_reply_free(r);
        sleep_ms(interval_ms);
    }
}
