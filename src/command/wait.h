/* Waiting: a command that cannot answer yet (BLOCK, a slow read, later BLPOP and its like).
 *
 * Instead of a reply it leaves a wait, embedded in what it must remember, and its client is parked:
 * its further requests stay in its input, other clients go on. The words of the request are kept
 * for the life of the wait.
 *
 *      struct reading { struct wait wait; … };
 *      if (!call_may_wait(c)) …reply as after a timeout…
 *      call_wait(c, &r->wait, &reading_kind, deadline_ms)
 *      …
 *      wait_wake(&r->wait)        from anywhere on the server's thread, any number of times
 *
 * A wait that was woken is resumed in a record of its own, right after the record that woke it and
 * before the next command, in the order of waking. It ends in one of four ways, after each of which
 * `drop` is called, once:
 *
 *      resume says true              it has written the reply
 *      the deadline has come         `time_out` has written the reply (the same for CLIENT UNBLOCK)
 *      CLIENT UNBLOCK … ERROR        the session has written it
 *      the client is gone            nobody needs one */
#ifndef HARK_COMMAND_WAIT_H
#define HARK_COMMAND_WAIT_H

#include "call.h"

struct wait;

struct wait_kind {
    /* Goes on where the command stopped, with a call as it had. True: the reply is written. False:
     * waits on (nothing was written). */
    bool (*resume)(struct call *c, struct wait *w);
    /* Writes the reply of a wait whose time is over. */
    void (*time_out)(struct call *c, struct wait *w);
    /* Gives everything back, the wait itself included; whatever might wake it must forget it. */
    void (*drop)(struct wait *w);
};

struct wait {
    const struct wait_kind *kind;
    int64_t deadline_ms; /* unix time, or WAIT_FOREVER */
    bool blocked;        /* counts as a blocked client (BLOCK); false while it only awaits a read */
    /* The session's: */
    void *session;
    struct wait *next_woken;
    bool woken;
};

enum { WAIT_FOREVER = -1 };

/* Not within MULTI, nor where the server itself calls. */
bool call_may_wait(const struct call *c);
/* Parks the client. The command must return at once, without a reply. Only `drop` frees the wait
 * from now on. */
void call_wait(struct call *c, struct wait *w, const struct wait_kind *kind, int64_t deadline_ms,
               bool blocked);
/* Within resume: it is to wait on, but as blocked, or until another time. */
void wait_rearm(struct wait *w, int64_t deadline_ms, bool blocked);
/* To be resumed as soon as the record under way, if any, is sealed. */
void wait_wake(struct wait *w);

#endif
