/* What the files of views share. The essay is in view.c. */
#ifndef HARK_VIEW_INTERNAL_H
#define HARK_VIEW_INTERNAL_H

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../ds/map.h"
#include "../io/thread.h"
#include "../pubsub/pattern_index.h"
#include "../record/codec.h"
#include "features.h"
#include "name.h"
#include "view.h"

#define VIEWS_MAGIC 0x56696577u

/* Where entries go while they are made: the answer's own, or a block's that is read in reverse. */
struct entry_list {
    struct view_entry *at;
    size_t count, cap;
    struct buffer bytes;
};

void entry_list_fini(struct entry_list *list);

/* What one who reads needs: the owner has one, the reader another. */
struct bench {
    bool on_disk; /* reads segments, what is written; otherwise the tail */
    struct record_room room;
    struct buffer scratch; /* of journal_tail, */
    struct buffer json;    /* and of an effect */
    struct entry_list block;
};

/* Gives back what a large record has blown up. */
void bench_trim(struct bench *b);

/* The ids that are asked for; both inclusive. */
struct target {
    struct event_id first, last;
};

enum question_state {
    QUESTION_OWNED,   /* the owner's, not in a list */
    QUESTION_LOOKING, /* in `looking`: the owner goes on with it at the next poll */
    QUESTION_QUEUED,  /* in `queue`, for the reader */
    QUESTION_READING, /* the reader is at it */
    QUESTION_BACK,    /* in `back`: for the owner */
};

struct view_question {
    struct views *views;
    struct view_question *older, *newer; /* in the list of its state */
    bool is_answered;                    /* the owner's: it is, */
    bool lent;                           /* and it is with the reader: then, under the lock, */
    enum question_state state;           /* this, */
    bool forgotten;                      /* and given up while it was read */
    bool finished;                       /* nothing is left to look at */
    bool probe;                          /* asks for the id of the first record that is kept */
    view_answered *answered;
    void *ctx;

    struct view_name name;
    struct target *targets; /* ascending */
    size_t targets_count, target;
    size_t count_max, reply_bytes_max, keychange_bytes_max;
    bool reverse, tail_only, gap_wanted, counts;
    bool whole; /* it is the records that are asked for; there is no name, nor are there targets */

    /* Forward: records before `next` have been looked at, up to `upto` it goes. While `place` is
     * set, nothing from `next` on has, and the begin is yet to be found. */
    uint64_t next, upto;
    bool place;
    bool from_told; /* with what record to begin: what is not kept from there on is missed */
    bool gap_due; /* the next record is the first that is kept, and more may have been before it */
    /* In reverse: records from `end` on have been looked at. With `place`, it is yet to be found,
     * above `next`. */
    uint64_t end, block;
    struct event_id lowest; /* of the records looked at */
    struct event_id newest; /* that there was when it was asked */

    /* The reader's. */
    struct journal_cursor *cursor;
    struct view_filter filter; /* what the name may show: the rest is passed over */
    bool filtered;             /* the cursor does that now */
    bool passed;               /* over much: the next record is read, for its id */

    struct entry_list list; /* becomes the answer's */
    struct view_answer answer;
    struct event_id probed;
};

struct question_list {
    struct view_question *oldest, *newest;
    size_t count;
};

static inline void list_add(struct question_list *l, struct view_question *q)
{
    q->newer = NULL;
    q->older = l->newest;
    if (l->newest)
        l->newest->newer = q;
    else
        l->oldest = q;
    l->newest = q;
    l->count++;
}

static inline void list_remove(struct question_list *l, struct view_question *q)
{
    *(q->older ? &q->older->newer : &l->oldest) = q->newer;
    *(q->newer ? &q->newer->older : &l->newest) = q->older;
    q->older = q->newer = NULL;
    l->count--;
}

/* Records before `seq` have only ids before `id`. */
struct milestone {
    uint64_t seq;
    struct event_id id;
};

/* Watches of one name. */
struct watched {
    struct map_item *item;
    struct pattern *pattern;
    struct view_name name;
    struct view_watch *oldest, *newest;
    uint64_t told_seq;
    struct event_id id; /* of the first event of that record */
};

/* Those that are to be told of a record. */
struct watched_list {
    struct watched **at;
    size_t count, cap;
};

struct watches {
    struct map names; /* struct watched, by name */
    struct pattern_index *patterns;
    struct watched_list told;
    struct view_watch *next; /* is told next */
    bool telling;
    bool emptied; /* a name lost its last watch while they were told */
    struct buffer channel;
};

struct views {
    unsigned magic;
    struct engine *engine;
    struct journal *journal;
    struct views_config config;

    /* The owner's. */
    struct bench bench;
    struct question_list looking;
    struct milestone *milestones; /* a ring, of records that the tail may have */
    size_t milestones_first, milestones_count, milestones_cap;
    struct event_id first_id; /* of record first_seq; 0: not known */
    uint64_t first_seq;
    struct view_question *probe;
    struct watches watches;

    /* Under the lock. */
    struct mutex lock;
    struct condition work, idle;
    struct question_list queue, back;
    bool reading, stop, hold;

    struct bench reader; /* the reader's */
    struct thread thread;
};

/* entry.c */

/* Appends the event `n` of `r` as an entry of the view. */
void entry_add(struct entry_list *list, struct bench *b, const struct view_question *q,
               const struct record *r, const struct note *n, struct event_id id);
/* Appends a record as it is. */
void entry_add_record(struct entry_list *list, uint64_t seq, struct slice record);
void entry_add_gap(struct entry_list *list, struct event_id from, struct event_id to);
/* Appends the last `count` entries of the other, the last one first. */
void entry_add_reversed(struct entry_list *list, const struct entry_list *other, size_t count);
/* Drops all but the last `count` entries. */
void entry_keep_last(struct entry_list *list, size_t count);

/* scan.c */

enum scan_end {
    SCAN_DONE, /* answered */
    SCAN_MORE, /* the time is over */
    SCAN_AWAY, /* what comes next is not where this one reads */
};

/* Goes on with a question until `until_us` of io_mono_us. */
enum scan_end question_scan(struct view_question *q, struct bench *b, int64_t until_us);
void question_close_cursor(struct view_question *q);
/* What is before record `seq` has been looked at by whoever asks. */
void question_begin_at(struct view_question *q, uint64_t seq);

/* reader.c */

int reader_start(struct views *v);
void reader_stop(struct views *v);
/* Gives a question to the reader. */
void reader_take(struct views *v, struct view_question *q);
/* One that the reader has done with, or NULL. */
struct view_question *reader_give_back(struct views *v);
/* Without a thread: a slice of each that is queued. */
void reader_run_once(struct views *v);
/* Takes everything from the reader, which is at nothing then. */
void reader_empty(struct views *v);
/* Gives up one that is queued, being read or back: true when the owner is to free it. */
bool reader_forget(struct views *v, struct view_question *q);

void question_free(struct view_question *q);

/* view.c */

/* The last milestone at or before `id`, or the first one after it; false when there is none. Only
 * the owner's. */
bool milestone_before(const struct views *v, struct event_id id, struct milestone *m);
bool milestone_after(const struct views *v, struct event_id id, struct milestone *m);
void views_wake(struct views *v);

/* watch.c */

void watches_init(struct watches *w, const unsigned char *secret);
void watches_fini(struct watches *w);
void watches_tell(struct watches *w, const struct record *r);

#endif
