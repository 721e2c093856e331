/* The gate: the only way to change data, and the maker of records.
 *
 * A command does not change a value. It opens a key, changes what it holds, and closes it by
 * saying what happened:
 *
 *      struct opened k;
 *      gate_open(engine, &k, db, key);
 *      opened_set_string(&k, value, WHEN_NONE);
 *      gate_close(&k, EVENT_SET);
 *
 * From that, without another word of the command, follow WATCH, tracking, the count of changes,
 * the effect in the record, the event, and whoever reads records. When the command is over (or
 * EXEC, or a batch of expiries) the record is sealed and told.
 *
 *      engine_begin ─ gate_read, gate_open … gate_close, note_… ─ engine_seal ─▶ record ─▶ sinks
 *
 * Invariants:
 *  1. Between gate_open and gate_close of a key no other key is opened under the same handle; at
 *     the seal none is open. A key that was changed cannot be closed as unchanged.
 *  2. `now` is read by the caller once per record: nothing expires in the middle of one.
 *  3. A dead key is never seen: whoever meets one first records `expired`. If nothing has been
 *     noted yet, that is a record of its own before the command's; otherwise it stands in the
 *     command's record, at the place where it was met, as Redis publishes it.
 *  4. Record ids strictly increase, whatever the clock does. */
#ifndef HARK_ENGINE_ENGINE_H
#define HARK_ENGINE_ENGINE_H

#include "../keyspace/keyspace.h"
#include "../pubsub/pubsub.h"
#include "../record/record.h"

struct engine;

/* ---- life ---- */

struct engine_config {
    size_t memory_max; /* maxmemory; 0 for no limit */
    enum evict_policy policy;
    int samples;     /* maxmemory-samples */
    uint32_t notify; /* notify-keyspace-events */
};

/* Borrows keyspace and pubsub, which outlive it. */
struct engine *engine_new(struct keyspace *keyspace, struct pubsub *pubsub);
void engine_free(struct engine *e);
void engine_set_config(struct engine *e, struct engine_config config);
struct engine_config engine_config(const struct engine *e);
struct keyspace *engine_keyspace(struct engine *e);
struct pubsub *engine_pubsub(struct engine *e);

/* Sealed records go to each sink in the order of attachment, after the data is changed and before
 * live subscribers are told. At most ENGINE_SINKS_MAX; the journal is one. */
struct record_sink {
    void (*sealed)(void *ctx, const struct record *r);
    void *ctx;
};
enum { ENGINE_SINKS_MAX = 4 };
void engine_attach(struct engine *e, struct record_sink sink);

/* Hears of every key that a record changed, after the seal and before live subscribers are told:
 * client tracking. `db` -1: all keys of all databases (a flush says so even when there was nothing
 * to flush). NULL stops it, not while a record is open. */
typedef void engine_changed(void *ctx, int db, struct slice key, uint64_t client);
void engine_hear_changes(struct engine *e, engine_changed *changed, void *ctx);
/* How many changes of the open record there are to be heard of so far. */
size_t engine_changes_noted(const struct engine *e);

/* ---- records ---- */

/* Opens a record. `cause` is borrowed until the seal. */
void engine_begin(struct engine *e, int64_t now_ms, struct slice cause, uint64_t client);
/* Closes it: if anything was noted it is numbered and told. */
void engine_seal(struct engine *e);
/* Between records, before what was sealed goes on its way: what commands did to the books of views
 * (note_views) and no record has taken along gets one of its own. */
void engine_settle(struct engine *e, int64_t now_ms);
/* Seals what was noted so far and goes on in a new record of the same cause and time: for commands
 * that change more keys than one record should hold. No key may be open, and slices that were
 * borrowed until the seal are free. */
void engine_split(struct engine *e);
int64_t engine_now(const struct engine *e);
/* The hash of a key that the next command will most likely open, known already to the caller, who
 * fetched its bucket ahead. Goes by the address of the key: to be taken back (an empty slice)
 * before the bytes there change. */
void engine_hint(struct engine *e, struct slice key, uint64_t hash);

/* ---- durability ----
 *
 * What is said to a client must not leave before the changes that it rests on are as durable as was
 * promised. The engine knows which these are: its own, and the last change of each key that was
 * read. Of recent changes it remembers only the key's hash, in few places: now and then something
 * waits that need not. */

/* The last record that what was read, or changed, since engine_begin rests on; 0 for none. Good
 * until the next engine_begin, also after the seal. */
uint64_t engine_mark(const struct engine *e);
/* What is said next rests on record `seq` also: for reads that do not go through gate_read. */
void engine_wait_for(struct engine *e, uint64_t seq);
/* The same for all that there is: DBSIZE, KEYS, SCAN. */
void engine_wait_for_all(struct engine *e);

/* ---- reading ---- */

enum read_flags {
    READ_QUIET = 1,    /* a miss is no keymiss event, no hit or miss is counted */
    READ_NO_TOUCH = 2, /* the access time stays */
};
/* The entry, or NULL. Valid until the next change of any key. */
const struct entry *gate_read(struct engine *e, int db, struct slice key, unsigned flags);

/* ---- changing ---- */

struct opened {
    struct engine *engine;
    struct place place; /* place.entry is NULL while the key does not exist */
    struct slice key;
    struct effect effect; /* what the changes so far amount to */
    int32_t effect_index; /* its place in the record once that has it; -1 when nobody reads it */
    struct value value;   /* being changed: see opened_value; `at` is NULL while it is not */
    int db;
    bool changed, handed_over;
    bool is_counted; /* see opened_is_counted */
};

/* Opens a key for change, dead keys put away first. Does it exist? Borrows `key` until the seal. */
bool gate_open(struct engine *e, struct opened *k, int db, struct slice key);
/* The same for a key that is at most to be deleted, whatever it holds: a dead one is not put away,
 * so that its end is `del`, as Redis has it when a result is empty (BITOP, …STORE). */
bool gate_open_unread(struct engine *e, struct opened *k, int db, struct slice key);

/* What the key holds. */
static inline const struct entry *opened_entry(const struct opened *k)
{
    return k->place.entry;
}

/* Replaces whatever the key holds by a string. `when` is a deadline in unix ms, WHEN_NONE, or
 * WHEN_KEPT. Notes `new`, or `overwritten` and `type_changed` when `whole` is set (SET and its
 * like put a value in place of another; INCR and APPEND work on the one that is there). */
void opened_set_string(struct opened *k, struct slice value, int64_t when);
/* The same, without deadline, for a value that the command computed (BITOP): `value` need not
 * outlive the call, the record keeps a copy. */
void opened_set_result(struct opened *k, struct slice value);
/* Replaces the string by one that the command computed from it (INCR); its deadline stays. `value`
 * need not outlive the call either. */
void opened_update_string(struct opened *k, struct slice value, enum string_encoding encoding);
/* RESTORE: a new key in place of whatever was there, silently; notes `new` all the same. `value`
 * need not outlive the call. Of the access, -1 is what is not told. */
void opened_restore_string(struct opened *k, struct slice value, int64_t when, int64_t idle_s,
                           int freq);
/* Makes room for bytes [offset, offset + len), creating or growing the string, zeros in gaps;
 * returns where to write them. They must be written before the close, or before the next call:
 * several ranges may be written while the key is open, each is an effect of its own. */
char *opened_write_string(struct opened *k, size_t offset, size_t len);
/* The string that is there counts as changed in place from now on (encoding "raw"), as Redis has it
 * for bit commands that found nothing to change. That alone is no change, though an effect. */
void opened_unshare_string(struct opened *k);
/* Appends to the string or creates it. */
void opened_append_string(struct opened *k, struct slice bytes);
void opened_set_deadline(struct opened *k, int64_t when);
void opened_clear_deadline(struct opened *k);
void opened_delete(struct opened *k);
/* Puts the value of `from`, which must exist, under the key `to`, whatever was there; `from` is
 * gone then. Both are open; `to` may be in another database. Notes `new` for `to`. */
void opened_move(struct opened *from, struct opened *to);
void opened_copy(const struct opened *from, struct opened *to);

/* ---- values of other types ----
 *
 * They are changed in place, by the functions of src/value, between open and close; and whoever
 * changed one says what redoes it, in the words of a command that does not depend on anything but
 * the value. A replay does the same by the same functions (redo_*.c).
 *
 *      struct value *v = opened_value(&k);          or opened_create(&k, list_new())
 *      list_push(v, …);
 *      opened_did(&k, EFFECT_RPUSH, words, count);
 *      gate_close(&k, EVENT_RPUSH);
 *
 * A value without elements ends with the close: the key is deleted and `del` noted behind the
 * event; the effect needs no word for that, for a replay does likewise. */

/* The value that is there, of another type than string, to be changed; good until the close. */
struct value *opened_value(struct opened *k);
/* Enters `v`, which is taken and may be empty, where no key is; notes `new`. */
struct value *opened_create(struct opened *k, struct value v);
/* What was done, in the words of the command behind its key; after each change that has an effect
 * of its own. Words and list are borrowed until the seal: use engine_words and engine_keep for
 * those that are not the client's. */
void opened_did(struct opened *k, enum effect_verb verb, const struct slice *words, size_t count);
/* Room for so many words, and a copy of bytes, until the seal. */
struct slice *engine_words(struct engine *e, size_t count);
struct slice engine_keep(struct engine *e, struct slice bytes);
struct slice engine_keep_int(struct engine *e, int64_t number);
/* Notes the event that tells of what was done last, before more is done and the key closed. */
void opened_note(struct opened *k, enum event_name event, const struct slice *fields, size_t count);
/* Puts `v`, which is taken, in place of whatever the key holds: the result of a …STORE. Notes `new`
 * or `overwritten` and `type_changed`. It must not be empty, nor a stream, nor have fields with
 * deadlines. */
void opened_put(struct opened *k, struct value v);
/* As opened_restore_string. */
void opened_restore(struct opened *k, struct value v, int64_t when, int64_t idle_s, int freq);

/* The change is none more for `rdb_changes_since_last_save`: it is half of one that is counted, or
 * a remark. */
static inline void opened_is_counted(struct opened *k)
{
    k->is_counted = true;
}

/* Closes a changed key with the event that tells of it. */
void gate_close(struct opened *k, enum event_name event);
/* The same with the fields of a hash that it is about, for the subkey channels; borrowed. */
void gate_close_fields(struct opened *k, enum event_name event, const struct slice *fields,
                       size_t count);
/* Closes a changed key of which no event of its own tells; `reason` is for the reader. */
void gate_close_silently(struct opened *k, const char *reason);
/* The same for a change that WATCH and client tracking do not hear of either. */
void gate_close_unheard(struct opened *k, const char *reason);
/* Closes a key that was not changed. */
void gate_close_unchanged(struct opened *k);

/* ---- whole databases ---- */

/* Empties a database, or all with db -1. Notes `flushdb`, without a key, for each that was not
 * empty already; a swap notes `swapdb` for both. Live subscribers are not told, as in Redis. */
void gate_flush(struct engine *e, int db);
void gate_swap(struct engine *e, int a, int b);

/* ---- notes of their own ---- */

/* An event beside the one of a close: `rename_from`, or one of a command that changed nothing. */
void note_event(struct engine *e, enum event_name event, int db, struct slice key);
/* The same, heard live only. */
void note_live(struct engine *e, enum event_name event, int db, struct slice key);
/* A message of PUBLISH, in its place among the events of the record. Borrowed until the seal. */
void note_publish(struct engine *e, struct slice channel, struct slice message, bool sharded);

/* The books that views keep on their groups have changed: `bytes`, which redo that, are theirs
 * alone (see engine_hear_views) and are copied. No event, WATCH hears nothing. Unless `waited`,
 * what is said next does not rest on it: a delivery that is forgotten is made again. A command that
 * did nothing else makes no record: the next one has its changes among its own, or that of
 * engine_settle, so that all that are made in a turn share it. */
void note_views(struct engine *e, struct slice bytes, bool waited);
/* An event of a database as a whole, of which nobody is told live: `loaded`. */
struct note *note_database(struct engine *e, enum event_name event, int db);

/* ---- time and memory ---- */

/* Puts away keys and fields that are due, about `max` at most; returns how many. Call again when
 * it was `max` or more. The fields of a hash that are due go in portions, each with an event. */
size_t engine_expire(struct engine *e, int64_t now_ms, size_t max);
/* When the next key may be due: unix ms, or -1. */
int64_t engine_next_expiry(struct engine *e, int64_t now_ms);
void engine_set_active_expiry(struct engine *e, bool on);
/* Fields of a hash that are past their deadline are there until they are put away: by
 * engine_expire, or by a command that meets them. The latter says so by one of these before it
 * opens the key, or after it has read it; what it borrowed from the value is gone then. As for a
 * dead key, this is a record of its own if nothing was noted yet. The first one is for those of the
 * fields names[0], names[step], … that are past; with `end_is_del` the event is `del` alone when
 * that was the last of them. The second puts away a portion of all. Nothing is done while it is
 * held. Returned is whether there were any. */
bool engine_expire_named(struct engine *e, int db, struct slice key, const struct slice *names,
                         size_t count, size_t step, bool end_is_del);
bool engine_expire_fields(struct engine *e, int db, struct slice key);
/* While it is held (CLIENT PAUSE) no key ends by itself: those past their deadline are hidden from
 * gate_read but stay, nothing is evicted, and engine_make_room says true. A key that is opened for
 * change all the same is put away as ever. */
void engine_hold(struct engine *e, bool held);
bool engine_is_held(const struct engine *e);
/* Brings memory under maxmemory by the policy, so far that what has come since the last call is
 * made up for: true when it is below, or on its way there. False when the policy, the lack of
 * victims or a flood of data leaves it above: commands that add data are to be refused then. */
bool engine_make_room(struct engine *e, int64_t now_ms);
/* Memory that does not count there: what waits to be written, or is kept of what was. */
void engine_set_exempt(struct engine *e, size_t bytes);

/* Small slices of work for idle time and every turn (tables that grow, flushed data that is freed,
 * eviction that no command asks for). Returns whether there is more. */
bool engine_work(struct engine *e, int64_t now_ms);

struct engine_stats {
    uint64_t seq; /* records sealed that changed data */
    struct event_id last_id;
    uint64_t changes; /* keys changed since start */
    uint64_t hits, misses;
    uint64_t expired, evicted;
    uint64_t expired_fields; /* of hashes, by their own deadline */
    uint64_t events;         /* events noted */
};
struct engine_stats engine_stats(const struct engine *e);
void engine_reset_stats(struct engine *e);

#endif
