/* Looking into snapshots: every byte of them, and whether what is in them makes sense. */
#include "check.h"

#include "../src/base/err.h"
#include "../src/base/hash.h"
#include "../src/base/little.h"
#include "../src/base/mem.h"
#include "../src/base/text.h"
#include "../src/keyspace/entry_codec.h"
#include "../src/view/groups_saved.h"

#include <stdio.h>
#include <stdlib.h>

enum { DATABASES_MAX = 1 << 16 };

struct database {
    uint64_t expected, keys[TYPE_COUNT], timed;
};

/* A snapshot that is being read. */
struct reading {
    struct snapshot_reader *reader;
    uint64_t from; /* where the part at hand begins */
    struct value_config values;
    struct database *databases;
    size_t databases_count;
    uint64_t keys, bytes;
    struct buffer groups; /* a line for each, */
    uint64_t groups_count;
};

static struct database *database(struct reading *r, uint64_t number)
{
    if (number >= DATABASES_MAX) return NULL;
    size_t count = r->databases_count, room = sizeof *r->databases;
    if (number >= count) {
        r->databases_count = (size_t)number + 1;
        r->databases = mem_resize(r->databases, count * room, r->databases_count * room);
        memset(r->databases + count, 0, (r->databases_count - count) * room);
    }
    return &r->databases[number];
}

/* ---- what is in it; NULL, or what is wrong ---- */

static const char *take_databases(struct reading *r, struct slice bytes)
{
    uint64_t number, keys;
    while (bytes.len) {
        bool good = take_varint(&bytes, &number) && take_varint(&bytes, &keys);
        struct database *db = good ? database(r, number) : NULL;
        if (!db) return "the list of databases makes no sense";
        db->expected = keys;
    }
    return NULL;
}

static const char *take_groups(struct reading *r, struct slice bytes)
{
    struct saved_groups all;
    struct saved_group g;
    bool good = saved_groups_open(&all, bytes);
    r->groups_count = all.left;
    while (good && all.left) {
        struct crew crew;
        crew_init(&crew, r->values.secret);
        good = saved_groups_next(&all, &g) && crew_load(&crew, &all.rest, &group_bounds);
        if (good) {
            buffer_add_slice(&r->groups, SLICE("    group "));
            text_quote(&r->groups, g.name);
            buffer_add_slice(&r->groups, SLICE(" of "));
            text_quote(&r->groups, g.view);
            buffer_printf(&r->groups, ": %zu consumers, %zu pending\n", crew_consumers(&crew),
                          crew.pending.count);
        }
        crew_fini(&crew);
    }
    return good && !all.rest.len ? NULL : "the groups make no sense";
}

static const char *take_section(struct reading *r, const struct snapshot_part *part)
{
    if (slice_is(part->name, "databases")) return take_databases(r, part->bytes);
    if (slice_is(part->name, "groups")) return take_groups(r, part->bytes);
    return "it has a section that is not known";
}

static const char *take_items(struct reading *r, struct slice bytes)
{
    struct entry_image image;
    struct value v;
    for (; bytes.len; r->keys++) {
        if (!entry_decode(&bytes, &image)) return "what should be an entry is none";
        struct database *db = database(r, (uint64_t)image.db);
        if (!db) return "an entry has a database that cannot be";
        db->keys[image.type]++;
        db->timed += image.deadline >= 0;
        if (image.type == TYPE_STRING) continue;
        struct slice rest = image.value;
        if (!value_kind(image.type)->decode(&rest, &r->values, &v))
            return "a value is not what its type says";
        bool whole = !rest.len && !value_is_gone(&v);
        value_free(&v);
        if (!whole) return "a value is not what its type says";
    }
    return NULL;
}

static uint64_t keys_of(const struct database *db)
{
    uint64_t keys = 0;
    for (int i = 0; i < TYPE_COUNT; i++) keys += db->keys[i];
    return keys;
}

static const char *compare_counts(const struct reading *r)
{
    if (snapshot_items_told(r->reader) != r->keys) return "the end has other counts";
    for (size_t i = 0; i < r->databases_count; i++)
        if (keys_of(&r->databases[i]) != r->databases[i].expected)
            return "a database has another number of keys than it says";
    return NULL;
}

/* ---- one ---- */

/* 0; ERR_CORRUPT, with file and offset; ERR_UNSUPPORTED, ERR_IO. */
static int read_parts(struct reading *r, uint64_t seq, struct disk_why *why)
{
    const char *wrong = NULL;
    for (int rc = 1; rc == 1 && !wrong;) {
        struct snapshot_part part;
        r->from = snapshot_read_so_far(r->reader, &r->bytes);
        rc = snapshot_next(r->reader, &part, why);
        if (rc < 0) return rc;
        wrong = rc == 0                         ? compare_counts(r)
                : part.kind == SNAPSHOT_SECTION ? take_section(r, &part)
                                                : take_items(r, part.bytes);
    }
    if (!wrong) return 0;
    char name[SNAPSHOT_NAME_BYTES];
    snapshot_name(seq, name);
    snprintf(why->text, sizeof why->text, "%s, offset %llu: %s", name, (unsigned long long)r->from,
             wrong);
    return ERR_CORRUPT;
}

static void print_database(size_t number, const struct database *db)
{
    const char *before = " (";
    if (!keys_of(db)) return;
    printf("    db%zu: %llu keys", number, (unsigned long long)keys_of(db));
    for (int i = 0; i < TYPE_COUNT; i++) {
        struct slice type = value_type_text((enum value_type)i);
        if (!db->keys[i]) continue;
        printf("%s%llu %.*s", before, (unsigned long long)db->keys[i], (int)type.len, type.at);
        before = ", ";
    }
    printf("), %llu with a deadline\n", (unsigned long long)db->timed);
}

static void print_snapshot(const struct reading *r, const struct snapshot_header *h)
{
    char name[SNAPSHOT_NAME_BYTES], bytes[32];
    snapshot_name(h->seq, name);
    text_human_bytes(bytes, r->bytes);
    printf("%s  epoch %llu  the data after record %llu  %s  ", name,
           (unsigned long long)h->journal_epoch, (unsigned long long)h->seq, bytes);
    print_time(stdout, h->time_ms);
    printf("  %llu keys, %llu groups\n", (unsigned long long)r->keys,
           (unsigned long long)r->groups_count);
    for (size_t i = 0; i < r->databases_count; i++) print_database(i, &r->databases[i]);
    printf("%.*s", (int)r->groups.len, r->groups.len ? r->groups.at : "");
}

static int look_at_one(struct disk *d, struct found_snapshot *s, bool tells, struct disk_why *why)
{
    static const unsigned char secret[HASH_SECRET_SIZE]; /* nobody chooses keys by it here */
    struct reading r = {.values = value_config_default(secret)};
    int rc = snapshot_open(&r.reader, d, s->seq, &s->header, why);
    if (rc == 0) {
        rc = read_parts(&r, s->seq, why);
        snapshot_reader_close(r.reader);
    }
    if (rc == 0 && tells) print_snapshot(&r, &s->header);
    s->damaged = rc == ERR_CORRUPT;
    if (s->damaged) s->why = *why;
    mem_free(r.databases, r.databases_count * sizeof *r.databases);
    buffer_fini(&r.groups);
    return s->damaged ? 0 : rc;
}

int snapshots_look(struct disk *d, struct found_snapshots *f, bool tells, struct disk_why *why)
{
    uint64_t seqs[SNAPSHOTS_LOOKED_AT];
    int rc = snapshot_list(d, seqs, SNAPSHOTS_LOOKED_AT, why);
    *f = (struct found_snapshots){.count = rc < 0 ? 0 : rc};
    for (int i = 0; i < f->count && rc >= 0; i++) {
        f->at[i] = (struct found_snapshot){.seq = seqs[i]};
        rc = look_at_one(d, &f->at[i], tells, why);
    }
    return rc < 0 ? rc : 0;
}
