/* Loading: keys of another server's file, put into databases that nobody has seen yet.
 *
 * There is no record, no event and no effect: what was loaded becomes durable by a snapshot, and
 * note_database tells of it with `loaded`. With all databases empty, one engine_expire comes first,
 * as before a replay. */
#ifndef HARK_ENGINE_LOAD_H
#define HARK_ENGINE_LOAD_H

#include "engine.h"

struct load_key {
    int db;
    struct slice key;
    int64_t deadline; /* unix ms, or -1 */
    int64_t idle_s;   /* see keyspace_recall_access */
    int freq;
};

/* Empties all databases, for the same data to be put there again (DEBUG RELOAD). */
void engine_load_anew(struct engine *e);
/* False when there is such a key already. */
bool engine_load_string(struct engine *e, const struct load_key *k, struct slice value,
                        int64_t now_ms);
/* The same with a value of another type, which is taken in either case. */
bool engine_load_value(struct engine *e, const struct load_key *k, struct value v, int64_t now_ms);

#endif
