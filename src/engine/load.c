#include "load.h"

#include "internal.h"

void engine_load_anew(struct engine *e)
{
    for (int db = 0; db < keyspace_databases(e->keyspace); db++) keyspace_flush(e->keyspace, db);
}

bool engine_load_value(struct engine *e, const struct load_key *k, struct value v, int64_t now_ms)
{
    struct place p = keyspace_find(e->keyspace, k->db, k->key);
    if (p.entry) {
        value_free(&v);
        return false;
    }
    struct spot s = {k->db, k->key, &p};
    apply_value(e->keyspace, s, v, k->deadline >= 0 ? k->deadline : WHEN_NONE, now_ms);
    keyspace_recall_access(e->keyspace, p.entry, k->idle_s, k->freq, now_ms);
    return true;
}

bool engine_load_string(struct engine *e, const struct load_key *k, struct slice value,
                        int64_t now_ms)
{
    struct place p = keyspace_find(e->keyspace, k->db, k->key);
    if (p.entry) return false;
    struct spot s = {k->db, k->key, &p};
    int64_t when = k->deadline >= 0 ? k->deadline : WHEN_NONE;
    apply_string(e->keyspace, s, value, string_encoding_of(value), when, now_ms);
    keyspace_recall_access(e->keyspace, p.entry, k->idle_s, k->freq, now_ms);
    return true;
}
