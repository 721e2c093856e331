/* Moments, as people give them to --since and --until:
 *
 *     10m, 2h, 1d, 30s, 500ms       so long ago, by the server's clock
 *     1763800000123-4               an id
 *     1763800000123                 unix milliseconds
 *     2026-11-22T12:00:00Z          a time, with Z or an offset such as +01:00; or a date alone */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool parse_ago(const char *text, int64_t now_unix_ms, int64_t *ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    char *unit;
    double n = strtod(text, &unit);
    for (size_t i = 0; unit > text && i < sizeof units / sizeof *units; i++)
        if (strcmp(unit, units[i].unit) == 0 && n >= 0 && n < 1e12) {
            *ms = now_unix_ms - (int64_t)(n * (double)units[i].ms);
            return true;
        }
    return false;
}

/* Z, +hh:mm or -hh:mm, in seconds; false for anything else. */
static bool parse_offset(const char *at, long *seconds)
{
    int hours, minutes, used = 0;
    *seconds = 0;
    if (strcmp(at, "Z") == 0 || !*at) return true;
    if ((*at != '+' && *at != '-') || sscanf(at + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2)
        return false;
    *seconds = (hours * 3600L + minutes * 60L) * (*at == '-' ? -1 : 1);
    return at[1 + used] == '\0';
}

static bool parse_time(const char *text, int64_t *ms)
{
    struct tm t = {0};
    double fraction = 0;
    const char *at = strptime(text, "%Y-%m-%d", &t);
    if (!at) return false;
    if (*at == 'T') at = strptime(at + 1, "%H:%M:%S", &t);
    if (!at) return false;
    if (*at == '.') {
        char *end;
        fraction = strtod(at, &end);
        at = end;
    }
    long offset;
    if (!parse_offset(at, &offset)) return false;
    *ms = ((int64_t)timegm(&t) - offset) * 1000 + (int64_t)(fraction * 1000);
    return true;
}

bool moment_parse(const char *text, int64_t now_unix_ms, struct moment *out)
{
    uint64_t ms, n;
    int used = 0;
    *out = (struct moment){0};
    if (sscanf(text, "%" SCNu64 "-%" SCNu64 "%n", &ms, &n, &used) == 2 && !text[used]) {
        *out = (struct moment){.ms = (int64_t)ms, .n = n, .is_id = true};
        return true;
    }
    if (text[0] && text[strspn(text, "0123456789")] == '\0') {
        out->ms = strtoll(text, NULL, 10);
        return true;
    }
    return parse_ago(text, now_unix_ms, &out->ms) || parse_time(text, &out->ms);
}

void moment_before(const struct moment *m, char id[MOMENT_MAX])
{
    if (m->is_id)
        snprintf(id, MOMENT_MAX, "%" PRId64 "-%" PRIu64, m->ms, m->n);
    else if (m->ms <= 0)
        snprintf(id, MOMENT_MAX, "0");
    else
        snprintf(id, MOMENT_MAX, "%" PRId64 "-%" PRIu64, m->ms - 1, UINT64_MAX);
}

void moment_print(FILE *to, int64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm t;
    char text[32];
    gmtime_r(&seconds, &t);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &t);
    fprintf(to, "%s.%03dZ", text, (int)(unix_ms % 1000));
}
