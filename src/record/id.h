/* The id of an event: a time, and a number that tells events of one ms apart. Entries of streams
 * have such ids too, of which only the order counts. */
#ifndef HARK_RECORD_ID_H
#define HARK_RECORD_ID_H

#include "../base/slice.h"

struct event_id {
    uint64_t ms; /* unix time of the commit; any number in a stream that is stored */
    uint64_t n;  /* counts the events within one ms */
};

#define ID_LAST ((struct event_id){UINT64_MAX, UINT64_MAX})

enum { ID_TEXT_MAX = 48 };

/* Reads `ms` or `ms-n`, `missing_n` where n is left out; false when it is neither. */
bool id_from_text(struct slice text, uint64_t missing_n, struct event_id *id);
/* Writes `ms-n`: how many bytes. */
size_t id_to_text(char to[ID_TEXT_MAX], struct event_id id);

static inline int id_compare(struct event_id a, struct event_id b)
{
    if (a.ms != b.ms) return a.ms < b.ms ? -1 : 1;
    return a.n < b.n ? -1 : a.n > b.n;
}

/* The same for qsort and bsearch. */
int id_order(const void *a, const void *b);

/* The last id before this one; 0-0 has none before it and stays. */
static inline struct event_id id_before(struct event_id id)
{
    if (id.n) return (struct event_id){id.ms, id.n - 1};
    return id.ms ? (struct event_id){id.ms - 1, UINT64_MAX} : id;
}

/* The first id after this one; the last one of all stays. */
static inline struct event_id id_after(struct event_id id)
{
    if (id.n < UINT64_MAX) return (struct event_id){id.ms, id.n + 1};
    return id.ms < UINT64_MAX ? (struct event_id){id.ms + 1, 0} : id;
}

#endif
