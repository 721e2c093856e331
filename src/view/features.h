/* What the summaries of the journal know of a record, and how to ask for it: so that a reader of a
 * rare channel passes over the rest (journal_cursor_filter).
 *
 * Of each event: its name, its database, and hashes of its key and of the key's first 4, 8 and 16
 * bytes. What a filter lets through may match or not. */
#ifndef HARK_VIEW_FEATURES_H
#define HARK_VIEW_FEATURES_H

#include "../journal/journal.h"
#include "../record/codec.h"
#include "name.h"

/* For journal_config: `ctx` is a struct record_room that the journal's thread alone uses; zeroed at
 * first, record_room_fini when the journal is closed. */
enum { VIEW_FEATURES_SCHEME = 1 };
void view_describe(void *ctx, uint64_t seq, struct slice record, struct journal_features *to);

/* Everything, until something is asked for. Must stay where it is while it is used. */
struct view_filter {
    struct journal_filter filter; /* for the journal */
    struct journal_any all[3];
    uint64_t hashes[2];
};
void view_filter_init(struct view_filter *f);
/* What a view shows, of which nothing may have been asked for so far: a superset of it. */
void view_filter_name(struct view_filter *f, const struct view_name *n);
/* Events of this name, or of others that were named so. */
void view_filter_event(struct view_filter *f, enum event_name event);
/* Events in this database, or in others that were named so. */
void view_filter_db(struct view_filter *f, int db);
/* Events of keys that begin with `literal`, which may be empty; or of this key. One of both, once.
 */
void view_filter_prefix(struct view_filter *f, struct slice literal);
void view_filter_key(struct view_filter *f, struct slice key);

#endif
