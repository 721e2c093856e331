#include "walk.h"

#include "../base/assert.h"
#include "internal.h"

int engine_walk_begin(struct engine *e, struct walk_visitor v, uint64_t *seq, struct event_id *last)
{
    CHECK(!e->draft.open);
    int rc = keyspace_walk_begin(e->keyspace, v);
    if (rc != 0) return rc;
    *seq = e->stats.seq;
    *last = e->stats.last_id;
    return 0;
}

bool engine_walk_may_begin(const struct engine *e)
{
    return keyspace_walk_may_begin(e->keyspace);
}

bool engine_walk_step(struct engine *e, size_t entries)
{
    return keyspace_walk_step(e->keyspace, entries);
}

void engine_walk_cancel(struct engine *e)
{
    keyspace_walk_cancel(e->keyspace);
}

bool engine_walk_holds(struct engine *e, int db, struct slice key)
{
    return keyspace_walk_holds(e->keyspace, db, key);
}

uint64_t engine_walk_had(const struct engine *e)
{
    return keyspace_walk_had(e->keyspace);
}

bool engine_walk_may_hold(const struct engine *e)
{
    return keyspace_walk_may_hold(e->keyspace);
}

bool engine_walk_is_wanted(const struct engine *e)
{
    return keyspace_walk_is_wanted(e->keyspace);
}
