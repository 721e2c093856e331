/* Inside the configuration: the table of directives, and how values of each kind are read,
 * printed, copied. For the config_*.c files and their test only. */
#ifndef HARK_SERVER_CONFIG_TABLE_H
#define HARK_SERVER_CONFIG_TABLE_H

#include "config.h"

/* The kinds of value and the type of the field that holds them. */
enum config_kind {
    KIND_BOOL,          /* bool: yes, no */
    KIND_INT,           /* int64_t within min … max */
    KIND_BYTES,         /* uint64_t within min … max, with units */
    KIND_OCTAL,         /* int64_t within min … max, printed in octal */
    KIND_ENUM,          /* an enum; `words` names its values from 0 on */
    KIND_TEXT,          /* struct slice of at most max bytes */
    KIND_PATH,          /* the same without NUL bytes */
    KIND_FILE,          /* the same without slashes: a name in `dir` */
    KIND_ADDRESSES,     /* struct config_addresses */
    KIND_EVENTS,        /* uint32_t, bits of record/events.h */
    KIND_OUTPUT_LIMITS, /* struct config_output_limit[OUTPUT_CLASSES] */
    KIND_PERCENTILES,   /* struct config_percentiles */
    KIND_SAVES,         /* struct config_saves */
    KIND_COUNT,
};

enum {
    CONFIG_LINE_WORDS_MAX = 64,  /* words of a line */
    CONFIG_NAME_SHOWN_MAX = 128, /* bytes of a client's word that an error text repeats */
};

/* Flags of a row. */
enum {
    CONFIG_START = 1,        /* cannot change while the server runs */
    CONFIG_PROTECTED = 2,    /* can, if enable-protected-configs lets the client */
    CONFIG_SENSITIVE = 4,    /* the value is a secret */
    CONFIG_WORDS = 8,        /* the value is any number of words, not just one */
    CONFIG_ACCUMULATES = 16, /* each line adds to what the lines before it said */
    CONFIG_SET_AFRESH = 32,  /* though CONFIG SET does not: it starts from nothing */
    CONFIG_ALIAS = 64,       /* an older name: the row before it has the same field */
};

struct config_row {
    const char *name;
    const char *fallback; /* the default, as a file would have it */
    const char *const *words;
    int64_t min, max;
    uint16_t offset; /* of the field in struct config */
    uint8_t kind;    /* enum config_kind */
    uint8_t flags;
    uint8_t apply; /* enum config_apply */
};

extern const struct config_row config_rows[];
extern const size_t config_rows_count;
enum { CONFIG_ROWS_MAX = 128 };

/* The row of a directive, whatever the case of its name; NULL when there is none. */
const struct config_row *config_row_find(struct slice name);

/* Why there is no row of that name, as a text for people: Redis or Valkey have such a directive
 * and we do not, or nobody does. */
void config_unknown(struct slice name, char *why, size_t why_size);

/* Sets the row's field from words as a line of a file has them. A single word that should be
 * several is split at its blanks. Returns 0, or ERR_SYNTAX with Redis's text in `why`. */
int config_value_read(const struct config_row *row, struct config *c, const struct slice *words,
                      int count, char *why, size_t why_size);
/* Appends the value as CONFIG GET shows it, or, for a file, sizes with units where they are even.
 */
void config_value_print(const struct config_row *row, const struct config *c, bool for_file,
                        struct buffer *to);
bool config_value_equal(const struct config_row *row, const struct config *a,
                        const struct config *b);

/* A copy with texts of its own. */
void config_copy(struct config *to, const struct config *from);

/* Reads a whole text over *c, with the files that it includes; `name` is the file's. Errors as
 * config_load. */
int config_read_text(struct config *c, const char *name, struct slice text, char *error,
                     size_t error_size);
/* Takes the next line, without its line break, off the front of *text; false at the end. */
bool config_next_line(struct slice *text, struct slice *line);
/* A line that is blank or starts with '#'. */
bool config_line_is_comment(struct slice line);

#endif
