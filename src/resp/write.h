/* Replies: what the server writes, RESP2 or RESP3, appended to a buffer.
 *
 * Where the two protocols differ, the writer translates: a map becomes a flat array, a null of any
 * kind `$-1` or `*-1`, a double or verbatim text a bulk string, true 1. */
#ifndef HARK_RESP_WRITE_H
#define HARK_RESP_WRITE_H

#include "../base/buffer.h"

struct resp_writer {
    struct buffer *out;
    int proto;      /* 2 or 3 */
    size_t out_max; /* a string that would make `out` longer, or for which there is no memory, is
                       left out, and all that follow it; 0 for no bound */
    bool cut;       /* that has happened: `out` is no whole reply, nobody may be sent it */
    bool no_memory; /* ... because the system has none for it */
};

/* +text. Here and in errors, line breaks in the text are replaced by blanks. */
void resp_simple(struct resp_writer *w, struct slice text);
void resp_ok(struct resp_writer *w);
/* -text; the text starts with its code ("ERR …"). */
void resp_error(struct resp_writer *w, struct slice text);
__attribute__((format(printf, 2, 3))) void resp_errorf(struct resp_writer *w, const char *format,
                                                       ...);
void resp_int(struct resp_writer *w, int64_t value);
void resp_bulk(struct resp_writer *w, struct slice bytes);
void resp_bulk_text(struct resp_writer *w, const char *text);
void resp_bulk_int(struct resp_writer *w, int64_t value); /* the number as a bulk string */
void resp_null(struct resp_writer *w);                    /* $-1 or _ */
void resp_null_array(struct resp_writer *w);              /* *-1 or _ */
void resp_array(struct resp_writer *w, size_t count);
void resp_map(struct resp_writer *w, size_t pairs); /* RESP2: array of 2 * pairs */
void resp_set(struct resp_writer *w, size_t count);
void resp_push(struct resp_writer *w, size_t count);      /* RESP2: array */
void resp_attribute(struct resp_writer *w, size_t pairs); /* RESP3 only; CHECKed */
void resp_double(struct resp_writer *w, double value);
/* The same, of which the caller has written the digits. */
void resp_double_text(struct resp_writer *w, struct slice digits);
void resp_bool(struct resp_writer *w, bool value);
void resp_big_number(struct resp_writer *w, struct slice digits);
/* Replies that were made apart, for the same protocol: left out as a string is that passes the
 * bound. The second one hands on, too, that something was left out of them. */
void resp_raw(struct resp_writer *w, struct slice replies);
void resp_made(struct resp_writer *w, const struct resp_writer *made);
/* Verbatim text of a three-letter format ("txt", "mkd"); a bulk string in RESP2. */
void resp_verbatim(struct resp_writer *w, const char format[3], struct slice text);

#endif
