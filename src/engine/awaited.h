/* Awaited keys: who waits for which key, and whose turn it is when one has changed.
 *
 * A client that blocks (BLPOP) leaves a waiter with each of its keys. When a record has changed the
 * key, its waiters are called, one after the other, whenever the caller asks for the next:
 *
 *      record sealed ─▶ key is ready ─▶ awaited_call ─▶ waiter a: served by a record of its own
 *                                       awaited_call ─▶ waiter b: …
 *
 * in the order in which the keys were changed, and for each key first come, first served. Only
 * those are called for whom the key, as it is at that moment, may have something: so one element
 * for a thousand waiters calls one of them. Who is called and stays keeps its place. A key that is
 * changed by those whom it serves has another round, behind the other keys that are ready.
 *
 * As long as nobody waits, this costs a change one branch. */
#ifndef HARK_ENGINE_AWAITED_H
#define HARK_ENGINE_AWAITED_H

#include "engine.h"

/* One client's interest in one key; embedded in what the client waits with. */
struct key_waiter {
    enum value_type type; /* is called when the key has a value of this type; */
    bool hears_end;       /* also when it has none any more */
    void (*ready)(struct key_waiter *w);
    /* the rest is private; zeroed, it waits for nothing */
    struct awaited_key *key;
    struct key_waiter *next, *prev;
};

/* From now on it waits for the key, behind those who do already; the key is copied. */
void awaited_join(struct engine *e, struct key_waiter *w, int db, struct slice key);
/* Bytes that the wait for a key takes, the waiter apart, as if nobody else waited for it. */
size_t awaited_bytes(struct slice key);
/* It waits no more; also from within `ready`. Fine when it does not wait. */
void awaited_leave(struct engine *e, struct key_waiter *w);

/* Something about the key that they may wait for has changed, though not its value as WATCH hears
 * of it: they are called as after a change. */
void awaited_tell(struct engine *e, int db, struct slice key);

/* Is there somebody to be called? */
bool awaited_is_ready(const struct engine *e);
/* Calls the next one; false when nobody is left to be called. Not while a record is open. What it
 * wants to do is to be done before the next call. */
bool awaited_call(struct engine *e);

/* How many keys are waited for; how many of them by somebody who hears of their end. */
size_t awaited_keys(const struct engine *e);
size_t awaited_keys_with_end(const struct engine *e);

#endif
