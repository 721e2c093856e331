/* Stream commands, shared by the stream*.c files; and what the rooms above hand them: the streams.
 *
 * A key that has the name of a view is that (view/view.h), any other a stream that is stored
 * (value/stream.h), and an empty one where there is no key. Words, replies and rules are the same
 * for both; how a group of either is changed is in stream_door.h.
 *
 * What is asked of a view may be older than what is in memory: the client is parked then, and the
 * command goes on when the answer is there. Nothing of the data is believed to be as it was before:
 * groups are looked up again. */
#ifndef HARK_COMMAND_STREAM_H
#define HARK_COMMAND_STREAM_H

#include "../value/stream.h"
#include "../view/groups.h"
#include "../view/view.h"
#include "wait.h"

/* Made by the server, given to calls. */
struct streams {
    struct engine *engine;
    struct views *views; /* NULL while there are none */
    struct groups *groups;
    size_t reply_bytes_max; /* view-reply-bytes-max: also for what several views give together */
};

/* Without views and limit, which the server sets when there is a journal. */
void streams_init(struct streams *st, struct engine *engine);
void streams_fini(struct streams *st);
/* Now and then, in a record of its own: groups whose clients wait in vain count as read up to here,
 * so that nothing is kept for them, nor looked through again after a restart. */
void streams_note_scanned(struct streams *st);

/* ---- keys ---- */

enum stream_kind { STREAM_NONE, STREAM_VIEW, STREAM_STORED, STREAM_WRONG };
/* What stands under this name; STREAM_WRONG after writing the error. *stored, which may be NULL:
 * the stream that is stored, good until the next change. */
enum stream_kind stream_kind(struct call *c, struct slice key, const struct stream **stored);
/* The same for a name alone: STREAM_NONE where it is not that of a view. */
enum stream_kind stream_name_kind(struct call *c, struct slice key);

/* ---- ids ---- */

/* Reads `ms` or `ms-n`, `missing_n` where n is left out; false after writing the error. */
bool stream_id(struct call *c, int i, uint64_t missing_n, struct event_id *out);
/* The ends of a range: `-`, `+`, `(` in front for exclusive ones. `is_last`: which end it is;
 * *is_open: it was `-` or `+`. */
bool stream_range_end(struct call *c, int i, bool is_last, struct event_id *out, bool *is_open);
void stream_reply_id(struct resp_writer *w, struct event_id id);
/* The last id that any event was given: the end of a view. */
struct event_id stream_last_id(struct call *c);

/* ---- replies ---- */

void stream_reply_entry(struct resp_writer *w, const struct view_answer *a, size_t i);
/* The entry of a stream that is stored, which the cursor is at. */
void stream_reply_stored(struct resp_writer *w, struct stream_cursor *entry);
/* What the cursor has still to give, at most `count` of it, behind the head of an array. */
void stream_reply_rest(struct resp_writer *w, struct stream_cursor *from, size_t count);
/* Writes the error of an answer that is one. */
bool stream_is_error(struct call *c, const struct view_answer *a);
/* The index of an id in an answer that ascends, or -1. */
ptrdiff_t stream_entry_with_id(const struct view_answer *a, struct event_id id);
void stream_too_long(struct call *c);

/* ---- asking, and waiting for the answer ---- */

/* To be embedded first in what a command must remember. */
struct asking {
    struct wait wait;
    struct streams *streams;
    struct view_question *question;
    /* The answer is there: writes the reply and returns true, or asks again. */
    bool (*go_on)(struct call *c, struct asking *a);
    void (*fini)(struct asking *a); /* of what goes beyond this struct; may be NULL */
    size_t size;                    /* of the whole */
    bool hands_over;                /* see struct wait_kind */
    bool parked;
};

/* Zeroed memory of `size` bytes with an asking in front. */
void *asking_new(struct call *c, size_t size, bool (*go_on)(struct call *c, struct asking *a));
/* Puts the next question, giving up the one before. */
void asking_range(struct call *c, struct asking *a, const struct view_range *range);
void asking_fetch(struct call *c, struct asking *a, struct slice view, const struct event_id *ids,
                  size_t count);
/* How many entries a view has. */
void asking_length(struct call *c, struct asking *a, struct slice view);
/* Gives it up before it has run. */
void asking_free(struct asking *a);
/* The last thing that the command does: goes on, now or later, and frees in the end. */
void asking_run(struct call *c, struct asking *a);

/* ---- groups ---- */

/* That a group is not there, in the words that each command has. */
enum group_words { GROUP_WORDS_KEY_NAME, GROUP_WORDS_KEY_OR, GROUP_WORDS_READ };
void stream_no_group(struct call *c, struct slice key, struct slice name, enum group_words words);
/* The group of a view; NULL after writing the error. */
struct group *stream_group(struct call *c, struct slice key, struct slice name,
                           enum group_words words);
/* The crew of a group, of either kind, to be looked at; NULL after writing the error. */
struct crew *stream_crew(struct call *c, struct slice key, struct slice name,
                         enum group_words words);
/* Writes what a limit of groups means. */
void stream_group_limit(struct call *c, const char *what, int max);

/* ---- effects ---- */

/* The text of an id, good until the seal. */
struct slice stream_keep_id(struct call *c, struct event_id id);
/* Says of an open stream which entries were deleted; `refs`: with what was pending. */
void stream_did_delete(struct call *c, struct opened *k, const struct event_id *ids, size_t count,
                       bool refs);
/* Is the word KEEPREF, DELREF or ACKED, and the first such one? */
bool stream_refs(struct call *c, int i, enum stream_refs *refs, bool *told);

/* ---- the commands of each file ---- */

void stream_bind_write(struct command_table *t);
void stream_bind_delete(struct command_table *t);
void stream_bind_range(struct command_table *t);
void stream_bind_read(struct command_table *t);
void stream_bind_group_read(struct command_table *t);
void stream_bind_groups(struct command_table *t);
void stream_bind_claim(struct command_table *t);
void stream_bind_info(struct command_table *t);

/* stream_group_read.c: those who read for a group hear that it ends. */
void stream_group_ends(void *ctx, struct group *g);

#endif
