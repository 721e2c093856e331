/* Waiting: a command that cannot answer yet (BLOCK, a slow read, later BLPOP and its like).
 *
 * Instead of a reply it leaves a wait, embedded in what it must remember, and its client is parked:
 * its further requests stay in its input, other clients go on.
 *
 *      struct reading { struct wait wait; … };
 *      if (!call_may_wait(c)) …reply as after a timeout…
 *      call_wait(c, &r->wait, &reading_kind, deadline_ms, true)
 *      …
 *      wait_wake(&r->wait)        from anywhere on the server's thread, any number of times
 *
 * The words of the request are kept for the life of the wait: from call_wait on, c->argv are these
 * copies, and slices of them may be kept as long.
 *
 * A wait that was woken is resumed in a record of its own, as soon as the request under way is over
 * and before the next one, in the order of waking. wait_wake itself runs nothing. While CLIENT
 * PAUSE holds back what the command does, the wait is woken, but not resumed before the end of it;
 * its time may be over, or somebody unblock it, before. It ends in one of four ways, after each of
 * which `drop` is called, once, with no record open that rests on the wait:
 *
 *      resume says true              it has written the reply
 *      the deadline has come         `time_out` has written the reply (the same for CLIENT UNBLOCK)
 *      CLIENT UNBLOCK … ERROR        the session has written it
 *      the client is gone            nobody needs one; this may be in the middle of another
 *                                    client's record, so that `drop` must not touch data */
#ifndef HARK_COMMAND_WAIT_H
#define HARK_COMMAND_WAIT_H

#include "call.h"

struct wait;

struct wait_kind {
    /* Goes on where the command stopped, with a call as it had. True: the reply is written. False:
     * waits on; nothing was written, or a part of the reply (call_may_write_parts). */
    bool (*resume)(struct call *c, struct wait *w);
    /* Writes the reply of a wait whose time is over, with a call as the command had. */
    void (*time_out)(struct call *c, struct wait *w);
    /* Gives everything back, the wait itself included; whatever might wake it must forget it. */
    void (*drop)(struct wait *w);
    /* What it answers is handed over to this client, and nobody else gets it then (XREADGROUP): so
     * it is given up when its peer has closed its side, also while it only awaits a read. */
    bool hands_over;
};

/* Whoever keeps the waits of a call: the room above. A call without one cannot wait. */
struct wait_host {
    bool (*may_wait)(const struct call *c);
    void (*park)(struct call *c, struct wait *w);
    void (*rearmed)(struct wait *w);
    void (*wake)(struct wait *w);
    bool (*may_write_parts)(const struct call *c);
    void (*wake_later)(struct wait *w);
    bool (*send)(struct wait *w, struct slice bytes);
};

struct wait {
    const struct wait_kind *kind;
    int64_t deadline_ms; /* unix time, or WAIT_FOREVER */
    /* Counts as a blocked client (BLOCK), which CLIENT UNBLOCK can end, and which is given up when
     * its peer has closed its side. False while it only awaits a read, which may give it something:
     * as any other request, that is answered then, unless it hands over. */
    bool blocked;
    /* What it writes in parts are messages, each whole: others may come between them. Set after
     * call_wait, as the next. */
    bool writes_messages;
    size_t bytes; /* of memory that it holds, for its client's account */
    const struct wait_host *host;
    void *kept; /* the host's */
};

enum { WAIT_FOREVER = -1 };

/* Not within EXEC, nor where the server itself calls. */
bool call_may_wait(const struct call *c);
/* Parks the client. The command must return at once, without a reply. Only `drop` frees the wait
 * from now on. */
void call_wait(struct call *c, struct wait *w, const struct wait_kind *kind, int64_t deadline_ms,
               bool blocked);
/* Within resume: it is to wait on, but as blocked, or until another time. */
void wait_rearm(struct wait *w, int64_t deadline_ms, bool blocked);
/* To be resumed as soon as the request under way, if any, is over. */
void wait_wake(struct wait *w);

/* Replies in parts. A command may write the begin of its reply, wait, and write more of it each
 * time that it is resumed: if its client can wait, and nothing else can be said to it meanwhile. */
bool call_may_write_parts(const struct call *c);
/* To be resumed in one of the next turns, when the client has taken most of what was written. */
void wait_wake_later(struct wait *w);
/* Outside of resume, as when another client's command is under way: the next part of the reply.
 * False: the client is gone, or about to be. */
bool wait_send(struct wait *w, struct slice bytes);

#endif
