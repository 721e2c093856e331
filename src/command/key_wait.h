/* Commands that wait for keys: BLPOP, BZPOPMIN, BLMOVE and their kin.
 *
 * Such a command says what it wants and leaves the rest to block_on_keys: it is served from the
 * first of its keys that has something, or, where none has, parked until one of them comes to have
 * a value of its type. Within EXEC it replies at once as after a time-out. Clients are served in
 * the order in which they came, each in a record of its own right after the one that brought what
 * it waited for (engine/awaited.h); from the key that brought it, where it waits for several. */
#ifndef HARK_COMMAND_KEY_WAIT_H
#define HARK_COMMAND_KEY_WAIT_H

#include "wait.h"

struct blocking {
    enum value_type type;
    int first, keys;     /* the keys: how many words from where on */
    int64_t deadline_ms; /* see call_timeout */
    /* Does the command on this one of its keys. False when there is nothing; otherwise the reply,
     * perhaps an error, is written. */
    bool (*serve)(struct call *c, const struct blocking *b, struct slice key);
    /* What is replied when the time is over; and, if that differs, where it cannot wait. NULL: a
     * null array. */
    void (*time_out)(struct call *c);
    void (*cannot_wait)(struct call *c);
    /* What else the command has read from its words: its own business. */
    int64_t count;
    unsigned options;
};

/* Reads a timeout, seconds with a fraction, 0 for ever, as a deadline; false after writing the
 * error. */
bool call_timeout(struct call *c, int i, int64_t *deadline_ms);
/* The last that the command does. */
void block_on_keys(struct call *c, const struct blocking *b);

#endif
