/* Streams that are stored: entries under ids that ascend, and groups of consumers who read them.
 *
 *      nodes   ┌ first id, entries ┬ first id, entries ┬ …      an array, by id
 *                           │
 *                           ▼          a packed list, element by element what Redis has in one
 *      count deleted fields field … 0 │ flags ms n [fields] [field] value … elements │ flags …
 *      ╰──────── the head ─────────╯    ╰──────────────── an entry ─────────────────╯
 *
 * The head has the names of the first entry's fields; an entry with the same ones has values only
 * (flag 2). `ms` and `n` are differences to the node's first id; `elements` says how many there are
 * of the entry before it, to be read backwards. A deleted entry stays where it is, with flag 1,
 * until nothing else is left of its node.
 *
 * What a command does to a stream, and what a replay of it does, is done by the functions here. */
#ifndef HARK_VALUE_STREAM_H
#define HARK_VALUE_STREAM_H

#include "../ds/packed.h"
#include "crew.h"
#include "value.h"

struct stream_node {
    struct event_id first; /* of its first entry, deleted or not */
    struct packed *entries;
};

struct stream_group {
    struct slice name;    /* first: crew_place */
    struct event_id last; /* delivered */
    int64_t entries_read; /* how many there were up to `last`; -1: not known */
    struct crew crew;
};

/* To be looked at; changed by the functions below alone. */
struct stream {
    struct stream_node *nodes; /* from `nodes_first` on; none without entries */
    size_t nodes_first, nodes_count, nodes_cap;
    uint64_t length;              /* entries */
    uint64_t added;               /* how many there ever were */
    struct event_id first;        /* of the first entry; 0-0: none */
    struct event_id last;         /* the last id that was given */
    struct event_id max_deleted;  /* the largest that was deleted, but for trimming */
    struct stream_group **groups; /* by name */
    size_t groups_count, groups_cap;
    size_t entries_bytes; /* memory of the packed lists */
    const unsigned char *secret;
};

enum { STREAM_CONSUMERS_MAX = 1 << 24 }; /* of one group */

/* An empty one. */
struct value stream_new(const struct value_config *config);

static inline struct stream *stream_of(const struct value *v)
{
    return v->at;
}

/* Ends the process when an invariant (stream.c) does not hold. */
void stream_check(const struct stream *s);

/* ---- reading ---- */

/* Goes from entry to entry, and in each from field to field. Good until the next change. */
struct stream_cursor {
    struct event_id id; /* of the entry */
    size_t fields;      /* of it, to be read by stream_field */

    /* Private. */
    const struct stream *stream;
    struct event_id first, last;
    size_t node;
    packed_at at;          /* the entry; PACKED_NONE before the first one of a node is looked for */
    packed_at next;        /* the next element of it, */
    size_t left;           /* and how many there are from that one on */
    packed_at head, field; /* names of fields in the node's head: the first, the next */
    uint64_t head_fields;
    uint64_t flags;
    bool reverse, entered;
    char digits[2][TEXT_INT_MAX];
};

/* Of the entries with ids from `first` to `last`, both included, forward or back. */
void stream_seek(struct stream_cursor *c, const struct stream *s, struct event_id first,
                 struct event_id last, bool reverse);
/* The next entry; false at the end. */
bool stream_next(struct stream_cursor *c);
/* The next field of the entry, at most `fields` times; slices are good until the next call. */
void stream_field(struct stream_cursor *c, struct slice *name, struct slice *value);
bool stream_has(const struct stream *s, struct event_id id);

/* ---- entries ---- */

/* The id that comes next: `now_ms`-0, or right behind the last one; false when there is none. */
bool stream_next_id(const struct stream *s, int64_t now_ms, struct event_id *id);
/* What the words of an entry may cost (packed_cost) together. */
enum { STREAM_ENTRY_BYTES_MAX = PACKED_BYTES_MAX - 1024 };
/* Adds an entry of `count` words, which are names of fields and values in turn; its id is beyond
 * the last one. ERR_LIMIT: they cost too much. */
int stream_add(struct stream *s, struct event_id id, const struct slice *words, size_t count,
               const struct value_config *config);
bool stream_delete(struct stream *s, struct event_id id);
/* Needs an id that is not before that of the last entry. */
void stream_set_id(struct stream *s, struct event_id last, uint64_t added,
                   struct event_id max_deleted);
/* The id of the last entry that is there; 0-0 for none. */
struct event_id stream_last_entry(const struct stream *s);

/* What becomes of references to entries that are deleted, in what is pending for groups. */
enum stream_refs {
    REFS_KEEP,
    REFS_DELETE,
    REFS_ACKED, /* entries that are not read and acknowledged by all groups stay */
};

struct stream_trim {
    bool by_id;       /* entries before `min_id` go, or the first ones beyond `max_len` */
    bool whole_nodes; /* only as far as that is cheap: `~` */
    enum stream_refs refs;
    uint64_t max_len;
    uint64_t limit; /* at most so many entries; 0: any number */
    struct event_id min_id;
};
/* Deletes from the front: how many. With REFS_ACKED, the ids (struct event_id) that went are put
 * into `acked`, which is empty; NULL otherwise. */
size_t stream_trim(struct stream *s, const struct stream_trim *t, struct buffer *acked);

/* ---- groups ---- */

struct stream_group *stream_find_group(const struct stream *s, struct slice name);
/* NULL when there is one of this name. */
struct stream_group *stream_add_group(struct stream *s, struct slice name, struct event_id last,
                                      int64_t entries_read);
void stream_erase_group(struct stream *s, struct stream_group *g);
/* Is the entry still to be read, or to be acknowledged, by one of the groups? Also when there are
 * none. */
bool stream_is_awaited(const struct stream *s, struct event_id id);
/* Nothing is pending any more under this id, in no group: how many references there were. */
size_t stream_drop_refs(struct stream *s, struct event_id id);
/* What was decoded of groups is put away: after each command. */
void stream_settle(struct stream *s);
/* What XREADGROUP does, in the two lowest bits of a number of its code: see redo_stream.c. */
enum stream_gives { STREAM_GIVES, STREAM_GIVES_AWAY /* NOACK */, STREAM_GIVES_AGAIN };
enum { STREAM_GIVES_BITS = 2, STREAM_GIVES_MASK = 3 };
/* Gives the next `count` entries to a consumer, at the time of the crew: how many there were. They
 * are pending from now on, unless `forgotten`. `visit` may be NULL. */
typedef void stream_visit(void *ctx, struct stream_cursor *entry);
size_t stream_deliver(struct stream *s, struct stream_group *g, struct consumer *to, size_t count,
                      bool forgotten, stream_visit *visit, void *ctx);
/* How many entries the group has still to read: what was set by hand (XGROUP, XSETID) may make that
 * negative. False: not known. */
bool stream_lag(const struct stream *s, const struct stream_group *g, int64_t *lag);

/* ---- from elsewhere (RDB, snapshots) ---- */

/* Appends a node; false when the bytes are not those of one, or its ids are not behind the last
 * node's. Neither `last` nor `added` follow. */
bool stream_load_node(struct stream *s, struct event_id first, struct slice bytes);

/* ---- for the stream*.c files alone ---- */

static inline struct stream_node *stream_node_at(const struct stream *s, size_t i)
{
    return &s->nodes[s->nodes_first + i];
}

enum { STREAM_DELETED = 1, STREAM_SAME_FIELDS = 2 };

void stream_append_node(struct stream *s, struct stream_node node);

#endif
