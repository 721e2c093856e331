/* How databases change. Only src/engine includes this: every change goes through the gate. */
#ifndef HARK_KEYSPACE_CHANGE_H
#define HARK_KEYSPACE_CHANGE_H

#include "keyspace.h"

/* Enters a new entry under a place where the key is not; the place then tells of it. */
void keyspace_insert(struct keyspace *ks, struct place *p, struct entry *e);
/* The entry of a place has become `e` (it may have moved, been replaced, have another deadline).
 * `old_deadline` is what the place's entry had before. */
void keyspace_update(struct keyspace *ks, struct place *p, struct entry *e, int64_t old_deadline);
/* Takes the entry out; it is the caller's then. */
struct entry *keyspace_remove(struct keyspace *ks, struct place *p);

/* Hands entries that are due to `visit`, in order of deadline, at most `max` of them; visit may
 * remove the entry it is given. Returns how many; *more says whether others are due. */
typedef void keyspace_due_visit(void *ctx, int db, struct entry *e);
size_t keyspace_each_due(struct keyspace *ks, int64_t now_ms, size_t max, keyspace_due_visit *visit,
                         void *ctx, bool *more);
/* When keyspace_each_due should be called next, over all databases; -1 never. */
int64_t keyspace_next_due(const struct keyspace *ks, int64_t now_ms);
/* Work of idle and of every turn, in small slices: growing tables, freeing flushed databases,
 * rebuilding wheels. Returns whether there is more. */
bool keyspace_work(struct keyspace *ks, int64_t now_ms);

/* Empties a database; its old content is freed by keyspace_work. Returns how many keys it had. */
size_t keyspace_flush(struct keyspace *ks, int db);
void keyspace_swap(struct keyspace *ks, int a, int b);

/* A key to be evicted by the policy; false when there is none. */
bool keyspace_victim(struct keyspace *ks, enum evict_policy policy, int samples, int64_t now_ms,
                     int *db, struct entry **victim);

/* Watchers of the key, or of every key of a database, hear of a change. */
void keyspace_touch_watched(struct keyspace *ks, int db, struct slice key);
/* A flush: watchers of keys that exist in `db`, or (swap) that exist in either database. */
void keyspace_touch_watched_db(struct keyspace *ks, int db, int other);

#endif
