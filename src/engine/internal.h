/* Shared by the files of this room alone. */
#ifndef HARK_ENGINE_INTERNAL_H
#define HARK_ENGINE_INTERNAL_H

#include "../base/arena.h"
#include "../ds/map.h"
#include "../keyspace/change.h"
#include "engine.h"

/* A key that the record changed, for those who hear of changes. */
struct change {
    int db;
    struct slice key;
};

/* The record in the making: lists that keep their memory from one record to the next. */
struct draft {
    bool open;
    int64_t now_ms;
    struct slice cause;
    uint64_t client;
    struct note *notes;
    uint32_t notes_count, notes_cap;
    uint32_t events_count; /* notes that get an id */
    struct effect *effects;
    uint32_t effects_count, effects_cap;
    struct change *changes;
    uint32_t changes_count, changes_cap;
    struct arena arena; /* bytes that do not outlive the command by themselves */
    bool aside;         /* the record is one before the command's own: what that keeps stays */
    int keys_open;
    bool changed;   /* a value was, even if its key is still open */
    bool booked;    /* the books of views were changed */
    uint32_t books; /* so many effects, the first ones, are such changes by commands before */
};

/* Who waits for which key: awaited.c. */
struct awaited {
    struct map keys;                        /* struct awaited_key by database and name */
    struct awaited_key *ready, **ready_end; /* those that were changed, in that order */
    size_t with_end;                        /* keys of whose end somebody hears */
    struct buffer name;
};

enum {
    RECENT_PLACES = 8192,
    BOOKS_MAX = 64, /* changes of the books that wait for a record; more get one at once */
};

struct engine {
    struct keyspace *keyspace;
    struct pubsub *pubsub;
    struct slice hinted; /* see engine_hint */
    uint64_t hinted_hash;
    struct engine_config config;
    struct draft draft;
    struct awaited awaited;
    struct record_sink sinks[ENGINE_SINKS_MAX];
    int sinks_count;
    bool (*redoes_views)(void *ctx, struct slice bytes);
    void *views_ctx;
    engine_changed *hears_changes;
    void *hears_ctx;
    bool no_active_expiry;          /* DEBUG SET-ACTIVE-EXPIRE 0 */
    bool held;                      /* no key ends by itself */
    bool wants_effects;             /* someone reads them: a sink, or the C flag */
    uint64_t mark;                  /* see engine_mark */
    uint64_t mark_all;              /* the last record that changed more than single keys */
    uint64_t recent[RECENT_PLACES]; /* the last record that changed a key of such a hash */
    struct event_id next_id;
    size_t exempt;      /* see engine_set_exempt */
    size_t memory_mark; /* the least that was used since the limit was set, but not below it */
    struct engine_stats stats;
};

/* Is the entry's deadline past, by the clock of the record? */
static inline bool entry_is_dead(const struct entry *e, int64_t now_ms)
{
    return (e->flags & ENTRY_HAS_DEADLINE) && entry_deadline(e) <= now_ms;
}

/* Records the end of a key that is past its deadline, in the open record if that has notes
 * already, otherwise in one of its own before it. The place is empty afterwards. */
void engine_put_away(struct engine *e, struct place *p, int db);
/* Takes a key out, with effect, event and all who hear of it. `key` must outlive the record. */
void engine_remove(struct engine *e, struct place *p, int db, struct slice key,
                   enum event_name event);

/* engine_begin for a record that goes on with the command of the one before: its mark stays. */
void draft_begin(struct engine *e, int64_t now_ms, struct slice cause, uint64_t client);
/* A fresh note at the end of the record; the rest of it is the caller's to fill in. */
struct note *draft_note(struct engine *e, enum note_kind kind, enum event_name event, int db,
                        struct slice key);
/* The index of the effect in the record, or -1 when nobody reads effects. */
int32_t draft_effect(struct engine *e, struct effect f);
/* The next record changes a key of this hash: whoever reads it waits for that. */
static inline void draft_mark(struct engine *e, uint64_t hash)
{
    e->recent[hash % RECENT_PLACES] = e->stats.seq + 1;
}
/* WATCH, tracking, the count of changes and later readers hear that the key has changed. */
void draft_changed(struct engine *e, int db, struct slice key, uint64_t hash);
/* awaited.c. A key, or any in a database, may have become what somebody waits for. */
void awaited_init(struct awaited *a, const unsigned char *secret);
void awaited_fini(struct awaited *a);
void awaited_note(struct engine *e, int db, struct slice key);
void awaited_note_db(struct engine *e, int db);
/* Tracking hears that any key may have changed. */
void draft_all_changed(struct engine *e);

/* ---- how values change ----
 *
 * The gate and the replay of records both change values by these, and so cannot differ. They note
 * nothing and tell nobody. `now_ms` dates the entries that they make. */

struct spot {
    int db;
    struct slice key;
    struct place *place; /* of that key; looked up again where a function says so */
};

/* The encoding that a SET of this form leaves. */
enum string_encoding effect_encoding(enum effect_form form, struct slice value);

/* Replaces whatever is there by a string. `when`: as SET's. */
void apply_string(struct keyspace *ks, struct spot s, struct slice value,
                  enum string_encoding encoding, int64_t when, int64_t now_ms);
/* The string, changed in place: exactly `len` bytes, zeros where it grows; made if it is not. */
void apply_length(struct keyspace *ks, struct spot s, size_t len, int64_t now_ms);
/* Room for bytes [offset, offset + len) of the string; returns where to write them. */
char *apply_range(struct keyspace *ks, struct spot s, size_t offset, size_t len, int64_t now_ms);
void apply_append(struct keyspace *ks, struct spot s, struct slice bytes, int64_t now_ms);
/* Puts a value of another type, which is taken, in place of whatever is there. */
void apply_value(struct keyspace *ks, struct spot s, struct value v, int64_t when, int64_t now_ms);
/* The value of another type that is there, to be changed; and what became of it: true when nothing
 * is left, and the key is gone with it. */
struct value apply_edit(struct keyspace *ks, struct place *p);
bool apply_edited(struct keyspace *ks, struct place *p, const struct value *v);
/* Sets or (-1) takes away the deadline of a key that exists. */
void apply_deadline(struct keyspace *ks, struct place *p, int64_t deadline);
void apply_delete(struct keyspace *ks, struct place *p);
/* Puts the value of `from` under `to`, another key, in place of what is there. Both places are
 * looked up again first; that of `from` is empty afterwards. */
void apply_move(struct keyspace *ks, struct spot from, struct spot to);
/* The same with a copy, for which `to` is looked up again. */
void apply_copy(struct keyspace *ks, const struct entry *from, struct spot to, int64_t now_ms);

/* ---- how effects with words are redone, each type in a file of its own ----
 *
 * `v` is the key's value, or has at == NULL where there is none; a verb that makes one puts it
 * there. Returns what is impossible, or NULL; robust against any words. */
typedef const char *redo_value(struct value *v, const struct effect *f,
                               const struct value_config *config);
redo_value redo_list, redo_set, redo_zset, redo_hash, redo_stream;

#endif
