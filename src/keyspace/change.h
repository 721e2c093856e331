/* How databases change. Only src/engine includes this: every change goes through the gate. */
#ifndef HARK_KEYSPACE_CHANGE_H
#define HARK_KEYSPACE_CHANGE_H

#include "keyspace.h"

/* The entry of a place, to be changed; it is the only way to one. What the place held is handed to
 * the walk first, if one is on (walk.h). Then keyspace_update, be it in place or not. */
struct entry *keyspace_edit(struct keyspace *ks, struct place *p);
/* Enters a new entry under a place where the key is not; the place then tells of it. */
void keyspace_insert(struct keyspace *ks, struct place *p, struct entry *e);
/* The entry of a place, got by keyspace_edit through this very place, has become `e` (it may have
 * moved, been replaced, have another deadline, or fields that have). */
void keyspace_update(struct keyspace *ks, struct place *p, struct entry *e);
/* Takes the entry out, after the walk had it; it is the caller's then. */
struct entry *keyspace_remove(struct keyspace *ks, struct place *p);
/* Takes it out and frees it, or puts another of the same key in its place. A large one that the
 * walk has still to have is left to it. */
void keyspace_delete(struct keyspace *ks, struct place *p);
void keyspace_replace(struct keyspace *ks, struct place *p, struct entry *fresh);
/* Is it such a one? */
bool keyspace_is_slow(const struct keyspace *ks, const struct place *p);

/* Hands entries that are due to `visit`, in order of deadline within each database; visit removes
 * the entry it is given, or what of it is due and says keyspace_keep. It says how much it has done,
 * at most `most` (an entry is 1, and so is a field). Does about `max` at most, items of the wheels
 * that are stale included. Returns how much was done; *more says whether others may be due. */
typedef size_t keyspace_due_visit(void *ctx, int db, struct entry *e, size_t most);
size_t keyspace_each_due(struct keyspace *ks, int64_t now_ms, size_t max, keyspace_due_visit *visit,
                         void *ctx, bool *more);
/* The entry that was handed out is still there. */
void keyspace_keep(const struct place *p);
/* When keyspace_each_due should be called next, over all databases; -1 never. */
int64_t keyspace_next_due(const struct keyspace *ks, int64_t now_ms);
/* Work of idle and of every turn, in small slices: growing tables, freeing flushed databases,
 * rebuilding wheels. Returns whether there is more. */
bool keyspace_work(struct keyspace *ks);
/* A slice of one part of it, the freeing; false when there was nothing to free (what a walk is to
 * have first is freed by the walk). */
bool keyspace_sweep(struct keyspace *ks);

/* Frees an entry that was taken out, or never put in. A large value is put aside for keyspace_work,
 * which frees it in slices. */
void keyspace_dispose(struct keyspace *ks, struct entry *e);

/* So many keys are about to come into the database, which is empty. */
void keyspace_expect(struct keyspace *ks, int db, size_t keys);
/* Empties a database; its old content is freed by keyspace_work, or a walk. Returns how many keys
 * it had. */
size_t keyspace_flush(struct keyspace *ks, int db);
void keyspace_swap(struct keyspace *ks, int a, int b);

/* A key to be evicted by the policy: 1; or 0 when there is none; or ERR_AGAIN when there are some,
 * but so few among so many stale items that none was met: each call then goes on with clearing
 * these away. */
int keyspace_victim(struct keyspace *ks, enum evict_policy policy, int samples, int64_t now_ms,
                    int *db, struct entry **victim);

/* Watchers of a key hear that it has changed. */
void keyspace_touch_watched(struct keyspace *ks, int db, struct slice key);
/* A database is about to be flushed, or two to be swapped: watchers of what is in them hear. */
void keyspace_touch_flushed(struct keyspace *ks, int db);
void keyspace_touch_swapped(struct keyspace *ks, int a, int b, int64_t now_ms);

#endif
