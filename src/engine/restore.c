#include "restore.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "internal.h"
#include "replay.h"

/* Entries are looked at some tens at a time, so that the memory they go to can be fetched ahead. */
enum { AHEAD = 32 };

struct ahead {
    struct entry_image image[AHEAD];
    uint64_t hash[AHEAD];
    size_t count;
};

static const char *look_ahead(struct engine *e, struct slice *bytes, struct ahead *a)
{
    struct keyspace *ks = e->keyspace;
    for (a->count = 0; a->count < AHEAD && bytes->len; a->count++) {
        struct entry_image *image = &a->image[a->count];
        if (!entry_decode(bytes, image)) return "what should be an entry is none";
        if (image->db >= keyspace_databases(ks)) return "it has more databases than `databases`";
        a->hash[a->count] = keyspace_hash(ks, image->key);
        keyspace_prefetch(ks, image->db, a->hash[a->count]);
    }
    return NULL;
}

static const char *enter_all(struct engine *e, const struct ahead *a)
{
    struct keyspace *ks = e->keyspace;
    for (size_t i = 0; i < a->count; i++) {
        const struct entry_image *image = &a->image[i];
        struct place p = keyspace_find_hashed(ks, image->db, image->key, a->hash[i]);
        if (p.entry) return "a key is there twice";
        struct entry *fresh = entry_from_image(image, keyspace_values(ks));
        if (!fresh) return "a value is not what its type says";
        keyspace_insert(ks, &p, fresh);
    }
    return NULL;
}

void engine_restore_expect(struct engine *e, uint64_t db, uint64_t keys)
{
    if (db < (uint64_t)keyspace_databases(e->keyspace) && keys)
        keyspace_expect(e->keyspace, (int)db, (size_t)keys);
}

void engine_restore_nothing(struct engine *e)
{
    CHECK(!e->draft.open);
    for (int i = 0; i < keyspace_databases(e->keyspace); i++) keyspace_flush(e->keyspace, i);
    engine_resume(e, 0, (struct event_id){0, 0});
}

int64_t engine_restore(struct engine *e, struct slice bytes, const char **fault)
{
    CHECK(!e->draft.open);
    struct ahead a;
    int64_t entered = 0;
    while (bytes.len) {
        *fault = look_ahead(e, &bytes, &a);
        if (!*fault) *fault = enter_all(e, &a);
        if (*fault) return ERR_CORRUPT;
        entered += (int64_t)a.count;
    }
    return entered;
}
