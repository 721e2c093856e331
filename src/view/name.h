/* Names of views, taken apart and made ready to be asked of every event. */
#ifndef HARK_VIEW_NAME_H
#define HARK_VIEW_NAME_H

#include "../base/buffer.h"
#include "../base/glob.h"
#include "../record/record.h"

enum view_family { VIEW_KEYSPACE, VIEW_KEYEVENT, VIEW_KEYCHANGE, VIEW_FAMILIES };

enum { VIEW_DBS_KNOWN = 64 };

struct view_name {
    struct buffer text;  /* the name, as it was given */
    struct buffer store; /* unescaped parts of it */
    enum view_family family;
    struct slice db, rest; /* the two globs, in `text` */
    uint64_t dbs;          /* the databases below VIEW_DBS_KNOWN that `db` matches */
    event_set events;      /* what may be shown */
    struct glob_parts key; /* of `rest`, in a family whose channels end with the key */
    bool key_any;          /* it matches every key, */
    bool key_empty;        /* or the empty one */
};

/* 0, and a name to give to view_name_fini; ERR_SYNTAX when it is not that of a view. */
int view_name_init(struct view_name *n, struct slice text);
void view_name_fini(struct view_name *n);

/* Events of databases as a whole have no key, and are in all views but those of keys. */
static inline bool event_is_of_db(enum event_name event)
{
    return event == EVENT_FLUSHDB || event == EVENT_SWAPDB || event == EVENT_LOADED;
}

bool view_name_shows(const struct view_name *n, enum event_name event, int db, struct slice key);

/* Appends "__keyspace@<db>__:" of the family. */
void view_name_stem(struct buffer *to, enum view_family family, int db);

#endif
