/* Moments, as people write them. */
#include "../base/text.h"
#include "rewind.h"

#include <stdio.h>
#include <string.h>

/* Days since 1970-01-01, by the Gregorian calendar. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = year / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* `count` digits, and goes on behind them. */
static bool digits(const char **at, int count, int *out)
{
    *out = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9') return false;
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

static bool take(const char **at, char c)
{
    if (**at != c) return false;
    (*at)++;
    return true;
}

/* Behind the seconds: up to three digits count. */
static bool fraction(const char **at, int *ms)
{
    int scale = 100;
    *ms = 0;
    if (!take(at, '.')) return true;
    if (**at < '0' || **at > '9') return false;
    for (; **at >= '0' && **at <= '9'; (*at)++, scale /= 10) *ms += (**at - '0') * scale;
    return true;
}

/* Z, or how far the clock of that place is ahead. */
static bool zone(const char **at, int *minutes)
{
    int hour, minute;
    *minutes = 0;
    if (take(at, 'Z')) return true;
    int sign = **at == '+' ? 1 : **at == '-' ? -1 : 0;
    if (!sign) return false;
    (*at)++;
    if (!digits(at, 2, &hour) || (take(at, ':'), !digits(at, 2, &minute))) return false;
    *minutes = sign * (hour * 60 + minute);
    return hour < 24 && minute < 60;
}

static bool parse_iso(const char *at, int64_t *ms)
{
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day, hour, minute, second = 0, milli = 0, ahead;
    if (!digits(&at, 4, &year) || !take(&at, '-') || !digits(&at, 2, &month) || !take(&at, '-') ||
        !digits(&at, 2, &day) || (!take(&at, 'T') && !take(&at, ' ')) || !digits(&at, 2, &hour) ||
        !take(&at, ':') || !digits(&at, 2, &minute))
        return false;
    if (take(&at, ':') && (!digits(&at, 2, &second) || !fraction(&at, &milli))) return false;
    if (!zone(&at, &ahead) || *at) return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1]) return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if ((month == 2 && day == 29 && !leap) || hour > 23 || minute > 59 || second > 59) return false;
    int64_t minutes = (days_of(year, month, day) * 24 + hour) * 60 + minute - ahead;
    *ms = (minutes * 60 + second) * 1000 + milli;
    return *ms >= 0;
}

/* A number and how much it counts: "10m". */
static bool parse_ago(struct slice text, int64_t now_ms, int64_t *ms)
{
    static const struct {
        char letter;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    const struct slice ago = SLICE(" ago");
    int64_t count;
    bool said = text.len > ago.len && slice_equal(slice_from(text, text.len - ago.len), ago);
    if (said) text.len -= ago.len;
    if (text.len < 2 || !text_to_int(slice_of(text.at, text.len - 1), &count) || count < 0)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (text.at[text.len - 1] != units[i].letter) continue;
        *ms = count > now_ms / units[i].ms ? 0 : now_ms - count * units[i].ms;
        return true;
    }
    return false;
}

bool rewind_parse(const char *text, int64_t now_ms, struct event_id *until)
{
    struct slice s = slice_of(text, strlen(text));
    const char *dash = memchr(text, '-', s.len);
    size_t head = dash ? (size_t)(dash - text) : s.len;
    int64_t ms;
    until->n = UINT64_MAX;
    bool is_id = text_to_int(slice_of(text, head), &ms) && ms >= 0 && head != 4 &&
                 (!dash || text_to_uint(slice_from(s, head + 1), &until->n));
    if (!is_id) until->n = UINT64_MAX;
    if (!is_id && !parse_ago(s, now_ms, &ms) && !parse_iso(text, &ms)) return false;
    until->ms = (uint64_t)ms;
    return true;
}
