/* The log: one line per event, for people or as JSON.
 *
 *      3121 22 Nov 2026 15:04:05.123 * Ready to accept connections on 127.0.0.1:6379
 *      {"time":"2026-11-22T15:04:05.123Z","pid":3121,"level":"notice","message":"Ready …"}
 */
#ifndef HARK_SERVER_LOG_H
#define HARK_SERVER_LOG_H

#include "config.h"

#include <stdio.h>

struct log {
    FILE *to; /* standard output or the logfile */
    enum config_loglevel level;
    enum config_log_format format;
};

/* Opens `path`, standard output when it is empty. 0 or ERR_IO. */
int log_open(struct log *l, const char *path);
void log_close(struct log *l);
__attribute__((format(printf, 3, 4))) void log_line(struct log *l, enum config_loglevel level,
                                                    const char *format, ...);

#endif
