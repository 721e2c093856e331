/* Commands at random: all that change data, alone and several in one record, with time passing
 * between them, keys that expire and keys that are evicted. */
#ifndef HARK_TEST_RANDOM_COMMANDS_H
#define HARK_TEST_RANDOM_COMMANDS_H

#include "runner.h"

#include "../../src/base/arena.h"
#include "../../src/base/random.h"

enum { DATABASES = 4 }; /* as a runner has them */

/* k a key, v a value, n a number, o an offset, b a bit's place, t a time to live, a an absolute
 * time, d a database, s mostly a set's key, z a sorted set's, m a member; h a key that mostly is a
 * hash, f one of its fields; l one that mostly is a list, e one of few elements; x one that mostly
 * is a stream, g one of its groups, c one of their consumers, i an id; q one that mostly is a
 * hyperloglog; y what DUMP says of some key; other words stand for themselves. */
static const char *const templates[] = {
    "SET k v",
    "SET k v PX t",
    "SET k v PXAT a",
    "SET k v KEEPTTL",
    "SET k v NX GET",
    "SET k v XX PX t",
    "SETEX k 1 v",
    "GETSET k v",
    "GETDEL k",
    "GETEX k PX t",
    "GETEX k PXAT a",
    "GETEX k PERSIST",
    "MSET k v k v k v",
    "MSETNX k v k v",
    "APPEND k v",
    "SETRANGE k o v",
    "SET k n",
    "INCRBY k n",
    "DECR k",
    "INCRBYFLOAT k 1.5",
    "SETBIT k b 1",
    "SETBIT k b 0",
    "SETBIT k 1 0",
    "SETBIT k 2 1",
    "BITFIELD k SET u8 b n INCRBY i5 b 3 SET u16 b 77",
    "BITOP XOR k k k",
    "BITOP NOT k k",
    "GET k",
    "MGET k k k",
    "STRLEN k",
    "DEL k",
    "UNLINK k k k",
    "RENAME k k",
    "RENAMENX k k",
    "MOVE k d",
    "COPY k k",
    "COPY k k REPLACE",
    "COPY k k DB d REPLACE",
    "PEXPIRE k t",
    "PEXPIRE k t GT",
    "PEXPIREAT k a LT",
    "EXPIRE k 0",
    "PERSIST k",
    "RANDOMKEY",
    "SCAN 0",
    "EXISTS k k",
};

static const char *const rare_templates[] = {"FLUSHDB", "FLUSHALL", "SWAPDB d d", "SWAPDB 0 d"};

/* Values of other types, for writers that know them. */
static const char *const value_templates[] = {
    "HSET h f n f v",
    "HSET h f n",
    "HSET h f n f n f n",
    "HSETNX h f v",
    "HINCRBY h f n",
    "HINCRBYFLOAT h f 0.5",
    "HDEL h f f f",
    "HGET h f",
    "HMGET h f f f",
    "HRANDFIELD h 3",
    "HPEXPIRE h t FIELDS 3 f f f",
    "HPEXPIREAT h a FIELDS 2 f f",
    "HPEXPIRE h t GT FIELDS 2 f f",
    "HPERSIST h FIELDS 2 f f",
    "HSETEX h PX t FIELDS 2 f n f v",
    "HSETEX h PXAT a FIELDS 1 f n",
    "HSETEX h KEEPTTL FIELDS 2 f n f n",
    "HGETEX h PX t FIELDS 2 f f",
    "HGETEX h PXAT a FIELDS 2 f f",
    "HGETEX h PERSIST FIELDS 2 f f",
    "HGETDEL h FIELDS 2 f f",
    "COPY h h REPLACE",
    "RENAME h h",
    "PEXPIRE h t",
    "MOVE h d",
    "DEL h",
    "SET h v",
    "SADD s m",
    "SADD s m m m m m m m m m m m m",
    "SADD s n n n n",
    "SREM s m m m m m",
    "SMOVE s s m",
    "SMOVE s s n",
    "SPOP s",
    "SPOP s 3",
    "SPOP s 1000",
    "SUNIONSTORE s s s s",
    "SINTERSTORE s s s",
    "SDIFFSTORE s s s",
    "SMEMBERS s",
    "RPUSH l e e e e e e e e",
    "LPUSH l e v e n",
    "RPUSHX l v v v",
    "LPOP l",
    "RPOP l 3",
    "LSET l e v",
    "LSET l -1 e",
    "LINSERT l BEFORE e v",
    "LINSERT l AFTER e e",
    "LREM l 2 e",
    "LREM l -3 e",
    "LREM l 0 e",
    "LTRIM l 1 -2",
    "LTRIM l e 100",
    "LMOVE l l LEFT RIGHT",
    "RPOPLPUSH l l",
    "LMPOP 2 l l LEFT COUNT 20",
    "BLPOP l l 0",
    "BLMOVE l l RIGHT LEFT 0",
    "COPY l l REPLACE",
    "RENAME l l",
    "PEXPIRE l t",
    "DEL l",
    "LRANGE l 0 -1",
    "ZADD z n m n m",
    "ZADD z n m n m n m n m n m n m n m n m n m n m n m n m",
    "ZADD z GT CH n m n m n m",
    "ZADD z XX -0 m inf m n m",
    "ZADD z NX 0.1 m n m",
    "ZINCRBY z 0.1 m",
    "ZREM z m m m m",
    "ZREMRANGEBYRANK z o o",
    "ZREMRANGEBYRANK z 1 3",
    "ZREMRANGEBYSCORE z n n",
    "ZREMRANGEBYLEX z - [m",
    "ZPOPMIN z",
    "ZPOPMAX z 5",
    "ZMPOP 2 z z MAX COUNT 3",
    "ZRANGESTORE z z 1 -1",
    "ZUNIONSTORE z 3 z z s WEIGHTS 1 0.3 -1",
    "ZINTERSTORE z 2 z z AGGREGATE MIN",
    "ZDIFFSTORE z 2 z z",
    "GEOADD z 13.3 38.1 m 15.0 37.5 m",
    "ZRANGE z 0 -1",
    "DEL z",
    "XADD x * f n f v",
    "XADD x i f n",
    "XADD x MAXLEN ~ 4 * f v",
    "XADD x NOMKSTREAM KEEPREF MAXLEN = 8 * f n",
    "XADD x DELREF MINID i * f n",
    "XADD x ACKED MAXLEN 5 * f n",
    "XDEL x i i",
    "XDELEX x DELREF IDS 2 i i",
    "XDELEX x ACKED IDS 2 i i",
    "XTRIM x MAXLEN 6",
    "XTRIM x MINID ~ i DELREF",
    "XSETID x i",
    "XGROUP CREATE x g 0 MKSTREAM",
    "XGROUP CREATE x g i ENTRIESREAD 3",
    "XGROUP CREATE x g $",
    "XGROUP SETID x g i",
    "XGROUP DESTROY x g",
    "XGROUP CREATECONSUMER x g c",
    "XGROUP DELCONSUMER x g c",
    "XREADGROUP GROUP g c COUNT 3 STREAMS x >",
    "XREADGROUP GROUP g c STREAMS x x > >",
    "XREADGROUP GROUP g c COUNT 2 NOACK STREAMS x >",
    "XREADGROUP GROUP g c COUNT 5 STREAMS x 0",
    "XREADGROUP GROUP g c COUNT 5 CLAIM 0 STREAMS x >",
    "XACK x g i i i",
    "XACKDEL x g DELREF IDS 2 i i",
    "XACKDEL x g ACKED IDS 2 i i",
    "XCLAIM x g c 0 i i i",
    "XCLAIM x g c 10 i FORCE JUSTID RETRYCOUNT 3 IDLE 7",
    "XCLAIM x g c 0 i i TIME a LASTID i",
    "XAUTOCLAIM x g c 10 0 COUNT 3",
    "XAUTOCLAIM x g c 0 i JUSTID",
    "COPY x x REPLACE",
    "RENAME x x",
    "MOVE x d",
    "DEL x",
    "PEXPIRE x t",
    "PFADD q m m m m m",
    "PFADD q",
    "PFMERGE q q q",
    "PFCOUNT q",
    "PFCOUNT q q",
    "GEOSEARCHSTORE z z FROMLONLAT 14 38 BYRADIUS 300 km",
    "GEORADIUS z 14 38 300 km STOREDIST z",
    "SORT s ALPHA STORE l",
    "SORT l BY nosort GET h*->f GET # STORE l",
    "SORT z ALPHA DESC LIMIT 1 5 STORE s",
    "BZPOPMIN z z 0",
    "ZREMRANGEBYSCORE z -inf +inf",
    "RESTORE k 0 y REPLACE",
    "RESTORE k t y",
    "RESTORE k a y ABSTTL REPLACE",
    "RESTORE h a y ABSTTL REPLACE",
    "COPY k h REPLACE",
    "COPY h k DB d REPLACE",
    "RENAME h k",
};

struct writer {
    struct runner *r;
    bool values; /* of other types than strings, too */
    struct random random;
    struct arena arena;
};

static inline struct slice number_word(struct writer *w, int64_t number)
{
    char digits[TEXT_INT_MAX];
    return arena_keep(&w->arena, slice_of(digits, text_from_int(digits, number)));
}

static inline struct slice value_word(struct writer *w)
{
    static const size_t lengths[] = {0, 1, 3, 44, 255, 256, 512, 513, 700};
    size_t len = lengths[random_below(&w->random, sizeof lengths / sizeof *lengths)];
    char *bytes = arena_alloc(&w->arena, len);
    for (size_t i = 0; i < len; i++) bytes[i] = (char)random_u64(&w->random);
    return slice_of(bytes, len);
}

static inline struct slice key_word(struct writer *w)
{
    static const char *const odd[] = {"", "\n", "k*", "longer than the others by a good deal"};
    uint64_t which = random_below(&w->random, 12);
    if (which < 4) return slice_text(odd[which]);
    return number_word(w, (int64_t)which);
}

/* Of few different ones, so that they meet: small and large integers, short and long strings. */
static inline struct slice member_word(struct writer *w)
{
    int64_t which = (int64_t)random_below(&w->random, 150);
    if (which < 40) return number_word(w, which);
    if (which < 45) return number_word(w, which << 40);
    size_t len = which < 145 ? (size_t)which % 7 + 1 : 70;
    char *bytes = arena_alloc(&w->arena, len);
    memset(bytes, 'm', len);
    bytes[len - 1] = (char)which;
    return slice_of(bytes, len);
}

/* Commands of a type mostly meet values of that type, and all others now and then. */
static inline struct slice set_key_word(struct writer *w)
{
    static const char *const keys[] = {"s1", "s2", "s3"};
    if (random_below(&w->random, 8) == 0) return key_word(w);
    return slice_text(keys[random_below(&w->random, sizeof keys / sizeof *keys)]);
}

static inline struct slice one_of(struct writer *w, char stem, uint64_t count)
{
    char text[16];
    int len = snprintf(text, sizeof text, "%c%d", stem, (int)random_below(&w->random, count));
    return arena_keep(&w->arena, slice_of(text, (size_t)len));
}

/* Of an entry of not long ago, or to come. */
static inline struct slice id_word(struct writer *w)
{
    char text[2 * TEXT_INT_MAX + 1];
    int64_t ms = w->r->now_ms - (int64_t)random_below(&w->random, 80) + 2;
    int len =
        snprintf(text, sizeof text, "%lld-%d", (long long)ms, (int)random_below(&w->random, 3));
    return arena_keep(&w->arena, slice_of(text, (size_t)len));
}

/* What any key holds, as DUMP says it, or nothing sensible. */
static inline struct slice payload_word(struct writer *w)
{
    static const char stems[] = "hlzxq";
    struct slice argv[2] = {SLICE("DUMP")};
    size_t from = w->r->reply.len;
    char stem = stems[random_below(&w->random, sizeof stems - 1)];
    argv[1] = random_below(&w->random, 5) ? one_of(w, stem, 4) : set_key_word(w);
    runner_call(w->r, argv, 2);
    struct slice reply = slice_from(buffer_slice(&w->r->reply), from);
    const char *line = memchr(reply.at, '\n', reply.len);
    struct slice bytes = slice_from(reply, (size_t)(line + 1 - reply.at));
    if (bytes.len >= 2) bytes.len -= 2;
    return arena_keep(&w->arena, bytes);
}

static inline struct slice word(struct writer *w, struct slice of)
{
    struct random *random = &w->random;
    if (of.len != 1) return of;
    switch (of.at[0]) {
    case 'k': return w->values && random_below(random, 4) == 0 ? set_key_word(w) : key_word(w);
    case 'v': return value_word(w);
    case 'n': return number_word(w, (int64_t)random_below(random, 300) - 100);
    case 'o': return number_word(w, (int64_t)random_below(random, 1000));
    case 'b': return number_word(w, (int64_t)random_below(random, 8000));
    case 't': return number_word(w, (int64_t)random_below(random, 300) + 1);
    case 'a': return number_word(w, w->r->now_ms + (int64_t)random_below(random, 400) - 100);
    case 'd': return number_word(w, (int64_t)random_below(random, DATABASES));
    case 's': return set_key_word(w);
    case 'm': return member_word(w);
    case 'z': return random_below(random, 20) ? one_of(w, 'z', 4) : key_word(w);
    case 'h': return one_of(w, 'h', 4);
    case 'f': return one_of(w, 'f', 9);
    case 'l': return one_of(w, 'l', 4);
    case 'e': return number_word(w, (int64_t)random_below(random, 10));
    case 'x': return one_of(w, 'x', 4);
    case 'g': return one_of(w, 'g', 3);
    case 'c': return one_of(w, 'c', 3);
    case 'i': return id_word(w);
    case 'q': return one_of(w, 'q', 3);
    case 'y': return payload_word(w);
    default: return of;
    }
}

/* Runs one command inside the open record. */
static inline void run_one(struct writer *w)
{
    enum { RARE = sizeof rare_templates / sizeof *rare_templates };
    enum { OFTEN = sizeof templates / sizeof *templates };
    enum { VALUES = sizeof value_templates / sizeof *value_templates };
    bool rare = random_below(&w->random, 300) == 0;
    const char *line = rare ? rare_templates[random_below(&w->random, RARE)]
                            : templates[random_below(&w->random, OFTEN)];
    if (w->values && !rare && random_below(&w->random, 3))
        line = value_templates[random_below(&w->random, VALUES)];
    /* Words and their list are borrowed until the seal. */
    struct slice *argv = arena_alloc(&w->arena, RUNNER_WORDS_MAX * sizeof *argv);
    struct buffer store = {0};
    int argc = text_split_words(slice_text(line), &store, argv, RUNNER_WORDS_MAX);
    for (int i = 1; i < argc; i++) argv[i] = word(w, arena_keep(&w->arena, argv[i]));
    argv[0] = arena_keep(&w->arena, argv[0]);
    buffer_fini(&store);
    w->r->db = (int)random_below(&w->random, DATABASES);
    runner_call(w->r, argv, argc);
}

static inline void run_record(struct writer *w)
{
    uint64_t commands = random_below(&w->random, 4) ? 1 : 1 + random_below(&w->random, 6);
    engine_begin(w->r->engine, w->r->now_ms, SLICE("random"), 1);
    for (uint64_t i = 0; i < commands; i++) run_one(w);
    engine_seal(w->r->engine);
    w->r->reply.len = w->r->events.len = w->r->effects.len = 0;
    arena_reset(&w->arena);
}

static inline void evict_some(struct writer *w)
{
    struct engine_config config = engine_config(w->r->engine), tight = config;
    tight.memory_max = mem_used() - 500;
    tight.policy = (enum evict_policy)random_below(&w->random, EVICT_NOEVICTION);
    engine_set_config(w->r->engine, tight);
    engine_make_room(w->r->engine, w->r->now_ms);
    engine_set_config(w->r->engine, config);
}

static inline void pass_time(struct writer *w)
{
    struct runner *r = w->r;
    if (random_below(&w->random, 3) == 0) r->now_ms += (int64_t)random_below(&w->random, 60);
    if (random_below(&w->random, 50) == 0) r->now_ms -= (int64_t)random_below(&w->random, 100);
    if (random_below(&w->random, 10) == 0) engine_expire(r->engine, r->now_ms, 100);
    if (random_below(&w->random, 100) == 0) evict_some(w);
    engine_work(r->engine, r->now_ms);
}

#endif
