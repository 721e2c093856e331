#include "log.h"

#include "../base/err.h"
#include "../io/clock.h"
#include "../io/process.h"

#include <stdarg.h>
#include <time.h>

enum { LINE_MAX_BYTES = 1024 };

int log_open(struct log *l, const char *path)
{
    l->to = path[0] ? fopen(path, "ae") : stdout;
    return l->to ? 0 : ERR_IO;
}

void log_close(struct log *l)
{
    if (l->to && l->to != stdout) fclose(l->to);
    l->to = NULL;
}

static void write_json(struct log *l, const char *when, int ms, const char *level, const char *text)
{
    fprintf(l->to, "{\"time\":\"%s.%03dZ\",\"pid\":%d,\"level\":\"%s\",\"message\":\"", when, ms,
            process_id(), level);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(l->to, "\\%c", *p);
        else if (*p < 0x20)
            fprintf(l->to, "\\u%04x", *p);
        else
            fputc(*p, l->to);
    }
    fputs("\"}\n", l->to);
}

void log_line(struct log *l, enum config_loglevel level, const char *format, ...)
{
    static const char *const names[] = {"debug", "verbose", "notice", "warning"};
    static const char marks[] = ".-*#";
    if (!l->to || level < l->level || level >= LOGLEVEL_NOTHING) return;
    char text[LINE_MAX_BYTES], when[64];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int64_t now = io_unix_us();
    time_t seconds = (time_t)(now / 1000000);
    int ms = (int)(now / 1000 % 1000);
    struct tm t;
    if (l->format == LOG_FORMAT_JSON) {
        gmtime_r(&seconds, &t);
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &t);
        write_json(l, when, ms, names[level], text);
    } else {
        localtime_r(&seconds, &t);
        strftime(when, sizeof when, "%d %b %Y %H:%M:%S", &t);
        fprintf(l->to, "%d %s.%03d %c %s\n", process_id(), when, ms, marks[level], text);
    }
    fflush(l->to);
}
