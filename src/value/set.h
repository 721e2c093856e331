/* Sets: different strings, in no order that anyone may count on.
 *
 *      INTS     ─▶ a sorted row of integers (ds/ints.h)       while all members are integers and
 * few PACKED   ─▶ a packed list of members (ds/packed.h)     while few and short TABLE    ─▶ struct
 * set_table (set_table.h)             otherwise; never goes back
 *
 * When which is left, and for which, is as in Redis 7.2 (set-max-intset-entries and its siblings).
 * A function that changes a set changes the handle in place. A member that is handed out lives as
 * long as the set is not changed, or, being an integer, for the call only. */
#ifndef HARK_VALUE_SET_H
#define HARK_VALUE_SET_H

#include "value.h"

struct random;

/* An empty one. */
struct value set_new(void);
size_t set_count(const struct value *v);
bool set_has(const struct value *v, struct slice member);

/* Was it not there (was it there)? */
bool set_add(struct value *v, struct slice member, const struct value_config *config);
bool set_remove(struct value *v, struct slice member);
/* SADD: adds several and returns how many were not there. As Redis does, it goes by their number
 * when it chooses how the set is kept; nothing changes when all are there. With v->at NULL the set
 * is made first. */
size_t set_add_all(struct value *v, const struct slice *members, size_t count,
                   const struct value_config *config);
/* So many members are about to come into an empty one: is it to be a table from the begin? */
void set_expect(struct value *v, size_t count, const struct value_config *config);
size_t set_remove_all(struct value *v, const struct slice *members, size_t count);

/* What a walk calls for each member; false: that is enough. The set must not change meanwhile. */
typedef bool set_visit(void *ctx, struct slice member);
void set_walk(const struct value *v, set_visit *visit, void *ctx);
/* Some of the members, about `count` from a table, otherwise all; what a visit returns does not
 * matter. Start with cursor 0; returns the one to go on with, 0 at the end. A member that is there
 * from the first call to the last is visited once. */
uint64_t set_scan(const struct value *v, uint64_t cursor, size_t count, set_visit *visit,
                  void *ctx);

/* Draws `count` different members, each such choice as likely as any other; all of them when there
 * are not more. */
void set_draw(const struct value *v, size_t count, struct random *random, set_visit *visit,
              void *ctx);
/* Draws one member `count` times, each time from all; the set must not be empty. */
void set_draw_again(const struct value *v, uint64_t count, struct random *random, set_visit *visit,
                    void *ctx);

/* Are the elements of a packed list from elsewhere different from each other? */
struct packed;
bool set_is_sound(const struct packed *p);

/* Ends the process when an invariant does not hold; looks at every member. */
void set_check(const struct value *v);

#endif
