/* What SCAN, SSCAN, HSCAN and ZSCAN have in common: cursor, options, and a reply whose length is
 * known only at the end. Redis looks at the cursor first, then at the key, then at the options:
 *
 *      struct scan s;
 *      if (!scan_begin(&s, c, 2)) return;
 *      int found = call_read_value(c, call_arg(c, 1), TYPE_SET, &v);
 *      if (found < 0) return;
 *      if (found == 0) { scan_nothing(c); return; }
 *      if (!scan_options(&s, 3, 0)) return;
 *      s.cursor = set_scan(&v, s.cursor, s.count, visit, &s);
 *      scan_reply(&s);
 *
 * where visit says of each member that scan_likes: resp_bulk(scan_item(&s), member). */
#ifndef HARK_COMMAND_SCAN_H
#define HARK_COMMAND_SCAN_H

#include "call.h"

struct scan {
    struct call *call;
    uint64_t cursor; /* to go on with: the client's, and then the next */
    size_t count;
    struct slice pattern; /* .at NULL: all */
    struct slice type;    /* .at NULL: all */
    bool no_values;
    struct buffer bytes; /* the items so far */
    struct resp_writer writer;
    size_t items;
};

/* What is allowed beside COUNT and MATCH. */
enum { SCAN_TYPE = 1, SCAN_NOVALUES = 2 };

/* Reads the cursor at argument i; false after writing the error. */
bool scan_begin(struct scan *s, struct call *c, int i);
/* Reads the options from argument i on; false after writing the error. */
bool scan_options(struct scan *s, int i, unsigned allowed);
/* Does it match the pattern? */
bool scan_likes(const struct scan *s, struct slice name);
/* The writer for one more item of the reply's array: write exactly one there. */
struct resp_writer *scan_item(struct scan *s);
/* Has the client's limit been passed? Then it gets no reply, and there is no need to go on. */
bool scan_is_cut(const struct scan *s);
/* Answers with s->cursor and the items. */
void scan_reply(struct scan *s);
/* Answers that all has been seen, for there is no such key; nothing needs an end. */
void scan_nothing(struct call *c);

#endif
