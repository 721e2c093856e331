#include "digest.h"

#include "../base/hash.h"
#include "../base/mem.h"
#include "../value/stream.h"

enum { WORDS = 3 };

/* Keys of the hashes. They are drawn from fixed seeds: two servers must agree on them. */
struct digester {
    unsigned char secrets[WORDS][HASH_SECRET_SIZE];
};

struct digester *digester_new(void)
{
    struct digester *d = mem_new(struct digester);
    for (unsigned i = 0; i < WORDS; i++) {
        struct random random;
        random_init(&random, i + 1);
        for (size_t at = 0; at < HASH_SECRET_SIZE; at += sizeof(uint64_t)) {
            uint64_t bits = random_u64(&random);
            memcpy(d->secrets[i] + at, &bits, sizeof bits);
        }
    }
    return d;
}

void digester_free(struct digester *d)
{
    mem_delete(d);
}

/* Takes in one more part; the order of the parts matters. */
static void feed(const struct digester *d, struct digest *digest, struct slice part)
{
    for (int i = 0; i < WORDS; i++)
        digest->words[i] = hash_u64(digest->words[i] ^ hash_bytes(d->secrets[i], part));
}

static void feed_byte(const struct digester *d, struct digest *digest, unsigned byte)
{
    char c = (char)byte;
    feed(d, digest, slice_of(&c, 1));
}

/* ---- values ---- */

static struct digest digest_item(const struct digester *d, const struct value_item *item,
                                 enum value_type type)
{
    struct digest digest = {0};
    feed(d, &digest, item->member);
    if (type == TYPE_HASH) {
        feed(d, &digest, item->second);
        feed_byte(d, &digest, item->deadline >= 0);
    } else if (type == TYPE_ZSET) {
        double score = item->score + 0.0; /* -0 is 0 */
        feed(d, &digest, slice_of(&score, sizeof score));
    }
    return digest;
}

struct items {
    const struct digester *digester;
    enum value_type type;
    struct digest *into;
};

/* The elements of a list one behind the other; those of others have no order, and a sum does not
 * care. */
static void add_item(void *ctx, const struct value_item *item)
{
    struct items *all = ctx;
    if (all->type == TYPE_LIST) {
        feed(all->digester, all->into, item->member);
        return;
    }
    struct digest digest = digest_item(all->digester, item, all->type);
    for (int i = 0; i < WORDS; i++) all->into->words[i] += digest.words[i];
}

static void feed_number(const struct digester *d, struct digest *digest, uint64_t number)
{
    feed(d, digest, slice_of(&number, sizeof number));
}

static void feed_id(const struct digester *d, struct digest *digest, struct event_id id)
{
    feed_number(d, digest, id.ms);
    feed_number(d, digest, id.n);
}

/* Who has what, but not since when: times differ where all else is equal. */
static void feed_group(const struct digester *d, struct digest *digest, struct stream_group *g)
{
    struct crew *crew = &g->crew;
    struct pending_entry e = {0};
    size_t count = crew_consumers(crew);
    struct consumer **all = crew_consumers_sorted(crew);
    feed(d, digest, g->name);
    feed_id(d, digest, g->last);
    feed_number(d, digest, count);
    for (size_t i = 0; i < count; i++) feed(d, digest, all[i]->name);
    mem_free(all, count * sizeof *all);
    feed_number(d, digest, crew->pending.count);
    for (size_t n = crew->pending.count; n; n--, e.id = id_after(e.id)) {
        pending_next(&crew->pending, e.id, PENDING_ANY, &e);
        feed_id(d, digest, e.id);
        feed_number(d, digest, e.deliveries);
        feed(d, digest, crew_consumer_numbered(crew, e.consumer)->name);
    }
    crew_settle(crew);
}

static void feed_stream(const struct digester *d, struct digest *digest, const struct stream *s)
{
    struct stream_cursor c;
    stream_seek(&c, s, (struct event_id){0, 0}, ID_LAST, false);
    while (stream_next(&c)) {
        feed_id(d, digest, c.id);
        feed_number(d, digest, c.fields);
        for (size_t n = c.fields; n; n--) {
            struct slice name, value;
            stream_field(&c, &name, &value);
            feed(d, digest, name);
            feed(d, digest, value);
        }
    }
    feed_id(d, digest, s->last);
    feed_id(d, digest, s->max_deleted);
    feed_number(d, digest, s->added);
    for (size_t i = 0; i < s->groups_count; i++) feed_group(d, digest, s->groups[i]);
}

static void feed_value(const struct digester *d, struct digest *digest, const struct value *v)
{
    if (v->type == TYPE_STREAM) {
        feed_stream(d, digest, stream_of(v));
        return;
    }
    struct digest sum = {0};
    struct items all = {d, v->type, v->type == TYPE_LIST ? digest : &sum};
    value_kind(v->type)->each(v, add_item, &all);
    feed(d, digest, slice_of(sum.words, sizeof sum.words));
}

struct digest digest_value(const struct digester *d, const struct entry *e)
{
    struct digest digest = {0};
    feed_byte(d, &digest, entry_type(e));
    feed_byte(d, &digest, entry_deadline(e) >= 0);
    if (entry_type(e) == TYPE_STRING) {
        feed(d, &digest, entry_string(e));
    } else {
        struct value v = entry_value(e);
        feed_value(d, &digest, &v);
    }
    return digest;
}

/* ---- databases ---- */

struct walk {
    const struct digester *digester;
    struct digest sum;
    int db;
    int64_t now_ms;
};

/* Keys come in the order of hashes that differ from run to run: a sum does not care. */
static void add_key(void *ctx, void *entry)
{
    struct walk *w = ctx;
    const struct entry *e = entry;
    int64_t deadline = entry_deadline(e);
    if (deadline >= 0 && deadline <= w->now_ms) return;
    struct digest digest = digest_value(w->digester, e);
    feed_byte(w->digester, &digest, (unsigned)w->db & 0xff);
    feed_byte(w->digester, &digest, (unsigned)w->db >> 8);
    feed(w->digester, &digest, entry_key(e));
    for (int i = 0; i < WORDS; i++) w->sum.words[i] += digest.words[i];
}

struct digest digest_keyspace(const struct digester *d, const struct keyspace *ks, int64_t now_ms)
{
    struct walk w = {.digester = d, .now_ms = now_ms};
    for (w.db = 0; w.db < keyspace_databases(ks); w.db++) {
        uint64_t cursor = 0;
        do cursor = keyspace_scan(ks, w.db, cursor, SIZE_MAX, add_key, &w);
        while (cursor);
    }
    return w.sum;
}

void digest_text(struct digest digest, char to[DIGEST_TEXT_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < DIGEST_TEXT_SIZE - 1; i++)
        to[i] = hex[digest.words[i / 16] >> (60 - i % 16 * 4) & 15];
    to[DIGEST_TEXT_SIZE - 1] = 0;
}
