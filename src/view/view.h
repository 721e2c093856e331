/* Views: every keyspace channel, read as a stream from the journal.
 *
 * `__keyspace@<db>__:<key>`, `__keyevent@<db>__:<event>` and `__keychange@<db>__:<key>` name a
 * channel for SUBSCRIBE, and the same name is a stream here: its entries are the events that the
 * channel would have told of, each under its own id. What follows `@` and the second `__:` are
 * globs, by PSUBSCRIBE's rules.
 *
 *      events ─▶ record ─▶ journal ─┬─ tail in memory ──────── answered at once, on the owner's
 * thread └─ segments on disk ─▶ reader thread ─▶ views_poll ─▶ `answered`
 *
 * The owner's thread never reads the disk. A question that the tail can answer is answered when
 * view_ask returns; anything older is read by the room's own thread, some milliseconds of each
 * question in turn, and `answered` is called from views_poll.
 *
 * What is shown may not be as durable yet as was promised: engine_wait_for is called with the last
 * record that an answer rests on, and the reply waits for that. */
#ifndef HARK_VIEW_VIEW_H
#define HARK_VIEW_VIEW_H

#include "../base/buffer.h"
#include "../engine/engine.h"
#include "../journal/journal.h"

struct views;

struct views_config {
    size_t reply_bytes_max;  /* view-reply-bytes-max */
    bool threaded;           /* false: views_poll reads, in the caller's thread (for tests) */
    void (*wake)(void *ctx); /* from the reader thread, when views_poll has something to do */
    void *wake_ctx;
};

/* `journal` is NULL with `appendonly no`; both are borrowed. */
struct views *views_new(struct engine *engine, struct journal *journal,
                        const struct views_config *config);
void views_free(struct views *v);
/* A journal was opened, or (NULL) is about to be closed. */
void views_set_journal(struct views *v, struct journal *journal);
/* After a wake: hands over answers. */
void views_poll(struct views *v);

/* ---- names ---- */

enum { VIEW_NAME_OF_KEY = 0, VIEW_NAME_OF_VIEW = 1 }; /* or ERR_SYNTAX */

/* Is it the name of a view? 1; 0: an ordinary key; ERR_SYNTAX: a keyspace channel with a glob
 * before the `@`, which cannot be read as a view. */
int view_name_kind(struct slice name);

/* ---- questions ---- */

enum { VIEW_ENTRIES_MAX = 10000 }; /* of an XREAD without COUNT */

struct view_range {
    struct slice name;           /* of a view; copied */
    struct event_id first, last; /* both inclusive */
    bool reverse;                /* from last down to first */
    size_t count;                /* at most so many entries */
    uint64_t from_seq;           /* a record from which on there is nothing before `first` that has
                                    not been scanned: 0 when not known */
    bool gap; /* tell by a first entry what retention has dropped after `first` */
};

struct view_entry {
    struct event_id id;
    uint64_t seq;   /* of its record */
    size_t at, len; /* its reply in `bytes` of the answer: [id, [field, value, …]] as RESP */
};

struct view_answer {
    int error; /* 0; ERR_ABSENT: there is no journal; ERR_LIMIT: more than reply_bytes_max;
                  ERR_CORRUPT, ERR_IO: `why` tells */
    struct view_entry *entries;
    size_t count;
    struct buffer bytes;  /* the replies of all entries, one after the other */
    uint64_t scanned_seq; /* up to this record everything has been looked at */
    bool gap;             /* the first entry is a gap */
    struct disk_why why;
};

struct view_question;
typedef void view_answered(void *ctx);

/* Asks for a range. If view_is_answered right away, `answered` is not called. `tail_only`: do not
 * read the disk: the error is ERR_AGAIN when that would be needed (MULTI). */
struct view_question *view_ask(struct views *v, const struct view_range *range, bool tail_only,
                               view_answered *answered, void *ctx);
/* The same for single entries by id, ascending; those that are not there (any more) are left out
 * of the answer. */
struct view_question *view_fetch(struct views *v, struct slice name, const struct event_id *ids,
                                 size_t count, bool tail_only, view_answered *answered, void *ctx);
bool view_is_answered(const struct view_question *q);
/* Stays the question's. */
const struct view_answer *view_answer(const struct view_question *q);
/* Gives it up, answered or not. NULL is fine. */
void view_forget(struct view_question *q);

/* ---- waiting for what comes ---- */

/* Embedded in whoever waits for the next event of a view. */
struct view_watch {
    struct views *views;
    void (*came)(void *ctx, uint64_t seq, struct event_id id); /* at the seal of the record */
    void *ctx;
    void *place; /* the room's own */
};

/* The cost of an event does not grow with the number of watches that it does not concern. */
int view_watch(struct views *v, struct view_watch *w, struct slice name);
void view_unwatch(struct view_watch *w);

/* ---- facts ---- */

/* The first and the last id that are kept; false when there are none (`last` is then the last that
 * was ever given, or 0-0). */
bool views_bounds(struct views *v, struct event_id *first, struct event_id *last);

#endif
