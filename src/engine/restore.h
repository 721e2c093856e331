/* Restoring: entries that a snapshot holds, put into databases that are empty.
 *
 * Nobody is told and there is no record: engine_resume says which record the data is that of. With
 * all databases empty, one engine_expire with the time of now comes first, as before a replay. */
#ifndef HARK_ENGINE_RESTORE_H
#define HARK_ENGINE_RESTORE_H

#include "../keyspace/entry_codec.h"
#include "engine.h"

/* Enters all entries of `bytes`, whole ones as entry_encode made them: how many, or ERR_CORRUPT
 * with the reason in *fault (static storage): then what came before it was entered. */
int64_t engine_restore(struct engine *e, struct slice bytes, const char **fault);
/* So many keys of the database are to come, about: the table need not grow on the way. Does nothing
 * where there is no such database. */
void engine_restore_expect(struct engine *e, uint64_t db, uint64_t keys);
/* All that was restored is void; what it leaves behind is freed by engine_work. */
void engine_restore_nothing(struct engine *e);

#endif
