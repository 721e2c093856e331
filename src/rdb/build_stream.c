/* Streams: the parts of their layout, of which there are three, by what they are.
 *
 *      nodes, each an id and its entries │ what the stream remembers │ groups ┬ what is pending
 *                                                                             └ consumers ─ ids
 *
 * What is pending for a group stands in the file twice: all of it, by id, then the ids of each
 * consumer. It is kept until the last consumer is known, and only then entered: in order, each
 * entry with whose it is. */
#include "../base/err.h"
#include "../base/mem.h"
#include "../value/stream.h"
#include "build.h"

#include <stdlib.h>

/* What the parts are. */
enum {
    NODE_ID = 'K',
    NODE = 'B',
    LENGTH = 'L',
    LAST_MS = 'a',
    LAST_N = 'b',
    DELETED_MS = 'd', /* the largest id that was deleted */
    DELETED_N = 'e',
    ADDED = 'A',
    GROUPS = 'S', /* they begin: all that stands before them is known */
    GROUP = 'G',
    GROUP_MS = 'm',
    GROUP_N = 'n',
    GROUP_READ = 'R',
    PENDINGS = 'P',
    PENDING_MS = 'i',
    PENDING_N = 'j',
    DELIVERED = 't',
    DELIVERIES = 'c',
    CONSUMER = 'C',
    SEEN = 's',
    ACTIVE = 'v',
    OWN_MS = 'I',
    OWN_N = 'J',
};

/* For each character of the layout, in format.h, one of them; others are of no interest. */
static const char *roles_of(unsigned char code)
{
    switch (code) {
    case RDB_STREAM:
        return "(KB)LabS"
               "GmnP"
               "ijtc)(Cs(IJ)))";
    case RDB_STREAM_2:
        return "(KB)LabxxdeAS"
               "GmnRP"
               "ijtc)(Cs(IJ)))";
    default:
        return "(KB)LabxxdeAS"
               "GmnRP"
               "ijtc)(Csv(IJ)))";
    }
}

struct rdb_stream {
    struct event_id node, last, deleted, id;
    uint64_t length, added;
    struct buffer name; /* of the group, until it is made */
    int64_t read;
    struct stream_group *group;
    struct consumer *consumer;
    struct pending_entry *pending; /* of the group */
    size_t pending_count, pending_cap;
};

enum { NOBODY = UINT32_MAX };

/* Eight bytes of an id, which has the high ones first. */
static uint64_t high_first(uint64_t number)
{
    return __builtin_bswap64(number);
}

/* ---- entries ---- */

static int take_node_id(struct rdb_stream *t, struct slice bytes)
{
    uint64_t ms, n;
    if (bytes.len != sizeof ms + sizeof n) return ERR_CORRUPT;
    struct rdb_input in = {(const unsigned char *)bytes.at, bytes.len, 0};
    rdb_get_number(&in, sizeof ms, &ms);
    rdb_get_number(&in, sizeof n, &n);
    t->node = (struct event_id){high_first(ms), high_first(n)};
    return 0;
}

/* The head is whole. Before Redis 7.0 it did not tell how many there ever were. */
static int take_head(struct rdb_build *b)
{
    struct rdb_stream *t = b->stream;
    struct stream *s = stream_of(&b->value);
    if (s->length != t->length || id_compare(stream_last_entry(s), t->last) > 0) return ERR_CORRUPT;
    if (t->added < t->length) t->added = t->length;
    if (t->added > INT64_MAX) return ERR_CORRUPT;
    stream_set_id(s, t->last, t->added, t->deleted);
    return 0;
}

/* ---- groups ---- */

static int compare_ids(const void *id, const void *entry)
{
    const struct pending_entry *e = entry;
    return id_compare(*(const struct event_id *)id, e->id);
}

/* All of the group was read. Nothing may be pending for nobody. */
static int end_group(struct rdb_build *b)
{
    struct rdb_stream *t = b->stream;
    struct stream_group *g = t->group;
    if (!g) return 0;
    for (size_t i = 0; i < t->pending_count; i++) {
        if (t->pending[i].consumer == NOBODY) return ERR_CORRUPT;
        crew_put(&g->crew, &t->pending[i]);
    }
    crew_settle(&g->crew);
    t->pending_count = 0;
    t->group = NULL;
    return 0;
}

static int begin_group(struct rdb_build *b, struct slice name)
{
    struct rdb_stream *t = b->stream;
    t->name.len = 0;
    buffer_add_slice(&t->name, name);
    t->read = -1;
    return end_group(b);
}

static int make_group(struct rdb_build *b)
{
    struct rdb_stream *t = b->stream;
    struct stream *s = stream_of(&b->value);
    if (b->code == RDB_STREAM) { /* how much it has read did not stand there yet */
        struct stream_group group = {.last = t->id, .entries_read = -1};
        int64_t lag;
        if (stream_lag(s, &group, &lag)) t->read = (int64_t)s->added - lag;
    }
    t->group = stream_add_group(s, buffer_slice(&t->name), t->id, t->read);
    t->consumer = NULL;
    return t->group ? 0 : ERR_CORRUPT;
}

static int add_pending(struct rdb_stream *t)
{
    size_t size = sizeof *t->pending, n = t->pending_count;
    if (n && id_compare(t->id, t->pending[n - 1].id) <= 0) return ERR_CORRUPT;
    if (n == t->pending_cap) {
        size_t cap = n ? n * 2 : 16;
        t->pending = mem_resize(t->pending, n * size, cap * size);
        t->pending_cap = cap;
    }
    t->pending[t->pending_count++] = (struct pending_entry){.id = t->id, .consumer = NOBODY};
    return 0;
}

static int add_consumer(struct rdb_stream *t, struct slice name)
{
    struct crew *crew = &t->group->crew;
    size_t number = crew_consumers(crew);
    if (number >= STREAM_CONSUMERS_MAX || crew_consumer(crew, name)) return ERR_CORRUPT;
    t->consumer = crew_insert(crew, (uint32_t)number, name);
    return 0;
}

/* One of the ids of a consumer: it must be pending, and nobody else's. */
static int give_pending(struct rdb_stream *t)
{
    struct pending_entry *e = t->pending_count ? bsearch(&t->id, t->pending, t->pending_count,
                                                         sizeof *t->pending, compare_ids)
                                               : NULL;
    if (!e || e->consumer != NOBODY) return ERR_CORRUPT;
    e->consumer = t->consumer->number;
    return 0;
}

/* ---- parts ---- */

static int64_t time_of(uint64_t number)
{
    return (int64_t)number < 0 ? 0 : (int64_t)number;
}

static int take_entries(struct rdb_build *b, int role, const struct rdb_part *part)
{
    struct rdb_stream *t = b->stream;
    switch (role) {
    case NODE_ID: return take_node_id(t, part->string);
    case NODE:
        return stream_load_node(stream_of(&b->value), t->node, part->string) ? 0 : ERR_CORRUPT;
    case LENGTH: t->length = part->number; return 0;
    case LAST_MS: t->last.ms = part->number; return 0;
    case LAST_N: t->last.n = part->number; return 0;
    case DELETED_MS: t->deleted.ms = part->number; return 0;
    case DELETED_N: t->deleted.n = part->number; return 0;
    case ADDED: t->added = part->number; return 0;
    case GROUPS: return take_head(b);
    default: return 0;
    }
}

static int take_group(struct rdb_build *b, int role, const struct rdb_part *part)
{
    struct rdb_stream *t = b->stream;
    struct pending_entry *e = t->pending_count ? &t->pending[t->pending_count - 1] : NULL;
    switch (role) {
    case GROUP: return begin_group(b, part->string);
    case GROUP_MS: t->id.ms = part->number; return 0;
    case GROUP_N: t->id.n = part->number; return 0;
    case GROUP_READ: t->read = (int64_t)part->number < 0 ? -1 : (int64_t)part->number; return 0;
    case PENDINGS: return make_group(b);
    case PENDING_MS: t->id.ms = high_first(part->number); return 0;
    case PENDING_N: t->id.n = high_first(part->number); return add_pending(t);
    case DELIVERED: e->delivered_ms = time_of(part->number); return 0;
    case DELIVERIES: e->deliveries = part->number; return 0;
    default: return take_entries(b, role, part);
    }
}

int rdb_build_stream_part(struct rdb_build *b, const struct rdb_part *part)
{
    if (!b->stream) b->stream = mem_new(struct rdb_stream);
    struct rdb_stream *t = b->stream;
    int role = roles_of(b->code)[part->place];
    switch (role) {
    case CONSUMER: return add_consumer(t, part->string);
    case SEEN: crew_dates(t->consumer, time_of(part->number), time_of(part->number)); return 0;
    case ACTIVE:
        crew_dates(t->consumer, t->consumer->seen_ms,
                   (int64_t)part->number < 0 ? -1 : (int64_t)part->number);
        return 0;
    case OWN_MS: t->id.ms = high_first(part->number); return 0;
    case OWN_N: t->id.n = high_first(part->number); return give_pending(t);
    default: return take_group(b, role, part);
    }
}

int rdb_build_stream_end(struct rdb_build *b)
{
    return end_group(b);
}

void rdb_build_stream_drop(struct rdb_build *b)
{
    struct rdb_stream *t = b->stream;
    if (!t) return;
    mem_free(t->pending, t->pending_cap * sizeof *t->pending);
    buffer_fini(&t->name);
    mem_delete(t);
    b->stream = NULL;
}
