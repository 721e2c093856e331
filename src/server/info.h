/* Inside INFO: what a section is. For the info*.c files only. */
#ifndef HARK_SERVER_INFO_H
#define HARK_SERVER_INFO_H

#include "facts.h"

/* How the value of a line is printed, and the type of the field of struct facts that it is. */
enum info_kind {
    INFO_FIXED,   /* no field: `text` */
    INFO_TEXT,    /* const char * */
    INFO_CHARS,   /* char[] */
    INFO_INT,     /* int64_t */
    INFO_UINT,    /* uint64_t */
    INFO_SIZE,    /* size_t */
    INFO_BYTES,   /* uint64_t, for people: 1.50M */
    INFO_REAL,    /* double: 1.25 */
    INFO_WHOLE,   /* double: 1 */
    INFO_PERCENT, /* double: 1.25% */
    INFO_SECONDS, /* int64_t us: 1.250000 */
};

struct info_row {
    const char *name;
    enum info_kind kind;
    uint32_t field; /* its offset in struct facts */
    const char *text;
};

struct info_section {
    const char *name;
    bool on_request; /* not shown unless asked for, by name or with all others */
    const struct info_row *rows;
    size_t rows_count;
    /* Writes lines that no row could tell beforehand; or NULL. */
    void (*print)(struct server *s, struct buffer *to);
};

/* info_sections.c: all of them, in the order in which they are shown. */
enum { INFO_SECTIONS_MAX = 32 };
extern const struct info_section info_sections[];
extern const size_t info_sections_count;

/* info_lists.c: a line per command, error or database. */
void info_command_stats(struct server *s, struct buffer *to);
void info_error_stats(struct server *s, struct buffer *to);
void info_latency_stats(struct server *s, struct buffer *to);
void info_keyspace(struct server *s, struct buffer *to);
void info_groups(struct server *s, struct buffer *to);

#endif
