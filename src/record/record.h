/* The record: what one command (or EXEC, or script, or batch of expiries) did.
 *
 * The engine builds one while a command runs and seals it when the command is over. From then on
 * it is read, never changed, by all who have an interest: live subscribers now, the journal,
 * durable readers and replicas as they come. It borrows all its bytes: a reader that wants to
 * keep something copies it before it returns.
 *
 *      seq      1, 2, 3 …, one per sealed record that changed data
 *      id       of its first event: commit time in unix ms, and n; its i-th event is <ms>-<n+i>
 *      cause    the command's name, or what else made it happen
 *      effects  deterministic commands that redo the change, in order
 *      notes    what is to be told, in the order in which Redis publishes it: events (with an
 *               id unless live-only), and messages of PUBLISH that were sent on the way */
#ifndef HARK_RECORD_RECORD_H
#define HARK_RECORD_RECORD_H

#include "events.h"
#include "id.h"

/* How a change is redone. X(code, identifier, command name as clients write it). The code is what
 * journals have, and is never given to another effect: see EVENTS. */
#define EFFECTS(X)                                                                               \
    X(1, SET, "SET")             /* value; `when` = deadline in unix ms, or -1 none, -2 kept */  \
    X(2, DEL, "DEL")             /* whatever it held */                                          \
    X(3, PEXPIREAT, "PEXPIREAT") /* `when` = the new deadline */                                 \
    X(4, PERSIST, "PERSIST")                                                                     \
    X(5, APPEND, "APPEND")     /* bytes */                                                       \
    X(6, SETRANGE, "SETRANGE") /* offset, bytes */                                               \
    X(7, RENAME, "RENAME")     /* destination */                                                 \
    X(8, MOVE, "MOVE")         /* destination database */                                        \
    X(9, COPY, "COPY")         /* destination key, destination database */                       \
    X(10, FLUSHDB, "FLUSHDB")  /* no key */                                                      \
    X(11, SWAPDB, "SWAPDB")    /* no key; `db` and the other database */                         \
    X(12, VIEWS, "XGROUP")     /* no key; bytes of src/view/, which keeps books on its groups */ \
    /* From here on, a key and `words`, as the command of that name has them behind the key. */  \
    X(13, RPUSH, "RPUSH")                                                                        \
    X(14, LPUSH, "LPUSH")                                                                        \
    X(15, LPOP, "LPOP")       /* count */                                                        \
    X(16, RPOP, "RPOP")       /* count */                                                        \
    X(17, LSET, "LSET")       /* index, element */                                               \
    X(18, LINSERT, "LINSERT") /* BEFORE or AFTER, pivot, element */                              \
    X(19, LREM, "LREM")       /* count, element */                                               \
    X(20, LTRIM, "LTRIM")     /* start, stop */                                                  \
    X(21, SADD, "SADD")                                                                          \
    X(22, SREM, "SREM")                                                                          \
    X(23, HSET, "HSET") /* field, value, …; a field's deadline goes */                         \
    X(24, HDEL, "HDEL")                                                                          \
    X(25, HPEXPIREAT, "HPEXPIREAT") /* unix ms, FIELDS, how many, field … */                   \
    X(26, HPERSIST, "HPERSIST")     /* FIELDS, how many, field … */                            \
    X(27, HSETEX, "HSETEX")         /* KEEPTTL, FIELDS, how many, field, value … */            \
    X(28, ZADD, "ZADD")             /* score, member, … */                                     \
    X(29, ZREM, "ZREM")                                                                          \
    X(30, ZREMRANGEBYRANK, "ZREMRANGEBYRANK") /* start, stop */                                  \
    X(31, XADD, "XADD")                       /* id, field, value … */                         \
    X(32, XDEL, "XDEL")                       /* see src/engine/redo_stream.c */                 \
    X(33, XTRIM, "XTRIM")                     /* likewise, as all of streams */                  \
    X(34, XSETID, "XSETID")                                                                      \
    X(35, XGROUP, "XGROUP")                                                                      \
    X(36, XREADGROUP, "XREADGROUP")                                                              \
    X(37, XACK, "XACK")                                                                          \
    X(38, XCLAIM, "XCLAIM")                                                                      \
    X(39, RESTORE, "RESTORE") /* type and bytes of a value, as snapshots have them */

enum effect_verb {
#define X(code, id, name) EFFECT_##id,
    EFFECTS(X)
#undef X
        EFFECT_COUNT,
};

enum { WHEN_NONE = -1, WHEN_KEPT = -2 };

/* What SET leaves as the remark on how the string is kept (OBJECT ENCODING), which its bytes alone
 * do not tell. */
enum effect_form {
    FORM_SET,    /* that of a value that is set as a whole */
    FORM_EMBSTR, /* also where the text is an integer: a sum of INCRBYFLOAT */
    FORM_RAW,    /* as if changed in place: a result of BITOP */
    FORM_COUNT,
};

struct effect {
    enum effect_verb verb;
    int db;
    struct slice key;
    struct slice arg;      /* value, bytes or destination key, as the verb has it */
    int64_t when;          /* deadline (SET, PEXPIREAT), offset (SETRANGE), other database */
    enum effect_form form; /* of SET */
    uint32_t words_count;
    const struct slice *words; /* of the verbs that have them */
};

struct slice effect_verb_text(enum effect_verb verb);

/* Has it `words`? */
static inline bool effect_has_words(enum effect_verb verb)
{
    return verb >= EFFECT_RPUSH;
}

/* Is it a change of one key? */
static inline bool effect_has_key(enum effect_verb verb)
{
    return verb != EFFECT_FLUSHDB && verb != EFFECT_SWAPDB && verb != EFFECT_VIEWS;
}

enum note_kind {
    NOTE_EVENT,   /* journaled, has an id */
    NOTE_LIVE,    /* an event that only live subscribers hear: keymiss, or a no-op's */
    NOTE_PUBLISH, /* a message of PUBLISH: `key` is the channel, `payload` the message */
    NOTE_SPUBLISH,
};

struct note {
    enum note_kind kind;
    enum event_name event; /* of NOTE_EVENT and NOTE_LIVE */
    int db;
    struct slice key;            /* or the channel */
    struct slice payload;        /* of the PUBLISH kinds */
    const struct slice *subkeys; /* hash fields, for the subkey channels; NULL when none */
    uint32_t subkeys_count;
    uint32_t notify; /* notify-keyspace-events when it was noted */
    int32_t effect;  /* index of the effect that this event tells of, or -1 */
};

struct record {
    uint64_t seq;       /* 0 when nothing was changed (live notes only) */
    struct event_id id; /* of the first NOTE_EVENT; without one, an id that no event has yet */
    struct slice cause; /* "set", "exec", "expired", "evicted" … */
    uint64_t client;    /* the client's id; 0 for the server's own doing */
    const struct effect *effects;
    uint32_t effects_count;
    const struct note *notes;
    uint32_t notes_count;
};

/* Appends the effect as a command, an array of strings, to a JSON text. A string that is not
 * UTF-8 cannot stand in JSON: the function then returns false and appends nothing, and the caller
 * uses effect_to_json_b64. What goes beyond `max_bytes` between the quotes is left out, and *cut
 * set: the word in hand is cut short if it is a key or a value, and the array ends there. */
struct buffer;
bool effect_to_json(struct buffer *to, const struct effect *e, size_t max_bytes, bool *cut);
void effect_to_json_b64(struct buffer *to, const struct effect *e, size_t max_bytes, bool *cut);

#endif
