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
#include "../base/hash.h"
#include "../engine/engine.h"
#include "../journal/journal.h"

struct views;

struct views_config {
    size_t reply_bytes_max;      /* view-reply-bytes-max */
    size_t keychange_bytes_max;  /* keychange-max-bytes */
    bool threaded;               /* false: views_poll reads, in the caller's thread (for tests) */
    const unsigned char *secret; /* HASH_SECRET_SIZE bytes, borrowed for as long as the views */
    void (*wake)(void *ctx);     /* from any thread, when views_poll has something to do */
    void *wake_ctx;
};

/* `journal` is NULL with `appendonly no`; both are borrowed. Attaches a sink to the engine, after
 * that of the journal, please: what a watch is told of should be in the tail. Reads the journal's
 * first record. */
struct views *views_new(struct engine *engine, struct journal *journal,
                        const struct views_config *config);
/* No question and no watch may be left, and no record be sealed any more. */
void views_free(struct views *v);
/* A journal was opened, or (NULL) is about to be closed: then questions that are not answered are
 * with ERR_ABSENT, at the next views_poll. Waits for the slice that the reader is at. */
void views_set_journal(struct views *v, struct journal *journal);
/* Is there one to read from? */
bool views_have_journal(const struct views *v);
/* The first record that is kept; there may be none of this number yet. 0 without a journal. */
uint64_t views_first_seq(const struct views *v);
/* For questions that are asked from now on. */
void views_set_limits(struct views *v, size_t reply_bytes_max, size_t keychange_bytes_max);
/* After a wake: hands over answers, and goes on with what the owner itself has to look through. */
void views_poll(struct views *v);

/* ---- names ---- */

enum { VIEW_NAME_OF_KEY = 0, VIEW_NAME_OF_VIEW = 1 }; /* or ERR_SYNTAX */

/* Is it the name of a view? 1; 0: an ordinary key; ERR_SYNTAX: a keyspace channel with a glob
 * before the `@`, or one that leaves open where the key begins (`__key*`, `__keyspace@*`): these
 * cannot be read as a view. */
int view_name_kind(struct slice name);

/* No event is later than this: an id beyond it is behind all that there are. */
#define VIEW_ID_LAST ((struct event_id){INT64_MAX, UINT64_MAX})

static inline struct event_id view_id(struct event_id id)
{
    return id.ms > INT64_MAX ? VIEW_ID_LAST : id;
}

/* ---- questions ---- */

enum { VIEW_ENTRIES_MAX = 10000 }; /* of an XREAD without COUNT */

struct view_range {
    struct slice name;           /* of a view; copied */
    struct event_id first, last; /* both inclusive */
    bool reverse;                /* from last down to first */
    size_t count;                /* at most so many entries */
    uint64_t from_seq;           /* a record from which on there is nothing before `first` that has
                                    not been scanned: 0 when not known */
    bool gap;    /* tell by an entry of its own what retention has dropped after `first` */
    bool counts; /* no entries, only how many there are; not in reverse, nor with `gap` */
};

/* A gap is an entry with the fields `event` = gap, `from` and `to`: of the ids from the one to the
 * other, both included, events may be missed. `from` is what was asked for; `to`, which is the
 * entry's own id too, is right before the first id that is kept, so whoever goes on behind the
 * entry misses nothing more and is told nothing twice. It comes first, or last in reverse, counts
 * as an entry, and its `seq` is 0. Asking from 0-0 or 0-1 on means "what is kept" and has none,
 * but where `from_seq` is told and is not kept any more. */

struct view_entry {
    struct event_id id;
    uint64_t seq;   /* of its record */
    size_t at, len; /* its reply in `bytes` of the answer: [id, [field, value, …]] as RESP */
};

struct view_answer {
    int error; /* 0; ERR_ABSENT: there is no journal; ERR_LIMIT: more than reply_bytes_max;
                  ERR_AGAIN: of `tail_only`; ERR_CORRUPT, ERR_IO: `why` tells */
    struct view_entry *entries;
    size_t count;
    struct buffer bytes;  /* the replies of all entries, one after the other, in the same order */
    uint64_t scanned_seq; /* up to this record everything has been looked at; 0 in reverse */
    uint64_t rests_on;    /* the last record of which there is an entry; 0: none */
    bool gap;             /* there is a gap */
    uint64_t total;       /* of a range that counts */
    struct disk_why why;
};

struct view_question;
typedef void view_answered(void *ctx);

/* Asks for a range, of what has been recorded by now. If view_is_answered right away, `answered` is
 * not called. `tail_only`: do not read the disk, nor more of the tail than a turn bears: the error
 * is ERR_AGAIN when that would be needed (MULTI). A name that is none is CHECKed.
 *
 * With `gap`, an answer may have fewer entries than there are where retention overtakes the
 * reading: all up to scanned_seq are there, and the next question begins with the gap. */
struct view_question *view_ask(struct views *v, const struct view_range *range, bool tail_only,
                               view_answered *answered, void *ctx);
/* The same for single entries by id, ascending; those that are not there (any more) are left out
 * of the answer. */
struct view_question *view_fetch(struct views *v, struct slice name, const struct event_id *ids,
                                 size_t count, bool tail_only, view_answered *answered, void *ctx);
/* The records themselves, from number `from_seq` on, some of them: until their bytes are
 * `bytes_max`. Each is an entry, and its bytes are what record_decode reads. ERR_ABSENT: the record
 * `from_seq` is not kept any more. */
struct view_question *view_records(struct views *v, uint64_t from_seq, size_t bytes_max,
                                   view_answered *answered, void *ctx);
bool view_is_answered(const struct view_question *q);
/* Stays the question's. What is said next waits for what it rests on: so this is called in the
 * record (engine_begin) of the command that replies with it. */
const struct view_answer *view_answer(const struct view_question *q);
/* Gives it up, answered or not. NULL is fine. */
void view_forget(struct view_question *q);

/* ---- waiting for what comes ---- */

/* Embedded in whoever waits for the next event of a view. `came` is called at the seal, once for
 * each record that has events of the view, with the id of the first of these. It may end any watch,
 * but begin none. */
struct view_watch {
    struct views *views;
    void (*came)(void *ctx, uint64_t seq, struct event_id id);
    void *ctx;
    void *place; /* the room's own, NULL when it does not watch */
    struct view_watch *older, *newer;
};

/* The cost of an event does not grow with the number of watches that it does not concern. 0;
 * ERR_LIMIT when there are VIEW_CROWDED_MAX whose globs tell too little for that already. */
enum { VIEW_CROWDED_MAX = 1000 };
int view_watch(struct views *v, struct view_watch *w, struct slice name);
/* One that does not watch (`place` NULL) is fine. */
void view_unwatch(struct view_watch *w);

/* ---- facts ---- */

/* The first and the last id that are kept; false when there are none (`last` is then the last that
 * was ever given, or 0-0). No event that is kept has an id before `first`; there may be none of
 * just this id, and right after a deletion by retention it may still be that of before. */
bool views_bounds(struct views *v, struct event_id *first, struct event_id *last);

#endif
