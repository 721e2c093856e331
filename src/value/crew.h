/* A crew: the consumers of a group, and what was delivered to each and is not acknowledged. The
 * same for groups on views (view/groups.h) and on streams that are stored (stream.h).
 *
 * Changes that go into journals are told as a short byte code (docs/format/views.md), and made by
 * the functions that redo them: what was noted is what was done.
 *
 *      crew_code_… ─▶ bytes ─▶ crew_redo_…
 *
 * Consumers have numbers, the lowest that are free, by which the code names them. Nothing in the
 * bytes is believed: the functions that redo return false when they make no sense, and the caller
 * gives all data up then. */
#ifndef HARK_VALUE_CREW_H
#define HARK_VALUE_CREW_H

#include "../ds/map.h"
#include "pending.h"
#include "value.h"

struct consumer {
    struct slice name;
    uint32_t number;
    int64_t seen_ms;   /* when it last tried something */
    int64_t active_ms; /* when it last got something; -1: never */
    size_t pending;
};

/* To be looked at; changed by the functions below alone. */
struct crew {
    struct pending pending;
    struct map consumers;        /* name → struct consumer */
    struct consumer **by_number; /* with holes */
    uint32_t numbers_count;      /* as many places has by_number in use */
    uint32_t numbers_cap;
    int64_t time_ms; /* of the last change that told one: the next one tells the difference */
};

/* How many there may be; what is beyond is refused. */
struct crew_bounds {
    uint32_t consumers;
    size_t pending, name; /* bytes of a consumer's name */
};

void crew_init(struct crew *c, const unsigned char *secret);
void crew_fini(struct crew *c);
struct crew crew_copy(struct crew *from);
size_t crew_bytes(const struct crew *c);
/* Ends the process when an invariant (crew.c) is broken. */
void crew_check(struct crew *c);
/* What was decoded is put away: after each command. */
void crew_settle(struct crew *c);

/* Where a name is, or belongs, in an array of pointers to groups, which stand in the order of their
 * names: each is a struct that begins with its name, a struct slice. */
size_t crew_place(const void *groups, size_t count, struct slice name, bool *is_there);

/* ---- looking ---- */

struct consumer *crew_consumer(const struct crew *c, struct slice name);
struct consumer *crew_consumer_numbered(const struct crew *c, uint32_t number);
size_t crew_consumers(const struct crew *c);
/* By name: an array for the caller to mem_free, with as many pointers as crew_consumers. NULL when
 * there are none. */
struct consumer **crew_consumers_sorted(const struct crew *c);
/* The lowest number that is free. */
uint32_t crew_free_number(const struct crew *c);

/* ---- changing ---- */

struct consumer *crew_insert(struct crew *c, uint32_t number, struct slice name);
/* With all that is pending for it. */
void crew_erase(struct crew *c, struct consumer *who);
/* It has tried something. */
void crew_seen(struct consumer *who, int64_t now_ms);
/* Both times, as another server has told them. */
void crew_dates(struct consumer *who, int64_t seen_ms, int64_t active_ms);
/* It got something, at the crew's time. */
void crew_was_active(const struct crew *c, struct consumer *who);
/* Enters the entry, and counts it for its consumer. */
void crew_put(struct crew *c, const struct pending_entry *e);
/* Takes it out; false when it is not there. */
bool crew_take(struct crew *c, struct event_id id);

/* ---- as code ---- */

/* Who acts, and when; reading it sets the crew's time. */
void crew_code_acting(struct buffer *to, const struct crew *c, uint32_t consumer, int64_t now_ms);
struct consumer *crew_redo_acting(struct crew *c, struct slice *code);
/* What follows goes on to the end of the code. */

/* Sorts ids, which come in any order, and keeps those that are pending, each once: how many. */
size_t crew_pending_among(struct crew *c, struct event_id *ids, size_t count);
/* They are acknowledged: ids that ascend, all of them pending, at least one. */
void crew_code_ack(struct buffer *to, struct crew *c, const struct event_id *ids, size_t count);
bool crew_redo_ack(struct crew *c, struct slice code);
/* What is pending for the consumer who acts is handed to it again. Ids ascend. */
void crew_code_redeliver(struct buffer *to, const struct event_id *ids, size_t count);
bool crew_redo_redeliver(struct crew *c, struct consumer *who, struct slice code);
/* Entries as they are to be pending from now on, for the consumer who acts; ids ascend. `now_ms` as
 * in crew_code_acting. */
void crew_code_claim(struct buffer *to, uint32_t consumer, int64_t now_ms,
                     const struct pending_entry *entries, size_t count);
bool crew_redo_claim(struct crew *c, struct consumer *who, struct slice code, size_t pending_max);

/* ---- whole ---- */

void crew_save(struct crew *c, struct buffer *to);
/* The same in parts: appends until the buffer has about `end` bytes; true with the last of it. The
 * crew must not change meanwhile, but may be looked at. */
bool crew_save_some(struct crew *c, struct progress_within *p, size_t end, struct buffer *to);
/* Off the front, into an empty crew. */
bool crew_load(struct crew *c, struct slice *from, const struct crew_bounds *bounds);

#endif
