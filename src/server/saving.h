/* Saving: the data as an RDB file, for another server or as a copy: SAVE, BGSAVE, `save` lines.
 *
 *      asked ─▶ WALKING ─▶ ENDING ─▶ the file is there, under its name
 *        ▲         │          └────▶ or it is not, and the one before it stays
 *        └─────────┘ when something else walks: as soon as that is over
 *
 * The walk copies entries into pieces, in slices of a turn; the file's own thread compresses them,
 * sums them up and writes them. There is no fork: what changes while the walk is on is copied
 * before its first change. What a client sees is that of the moment at which the walk began, the
 * end of the turn in which it was asked for.
 *
 * What the disk has not taken yet waits in memory, with SAVING_BACKLOG_MAX bytes as a bound: where
 * clients change more than that before the disk has taken it, the save fails and says so. */
#ifndef HARK_SERVER_SAVING_H
#define HARK_SERVER_SAVING_H

#include "../command/call.h"
#include "../command/wait.h"
#include "../io/outfile.h"
#include "../rdb/writer.h"

enum saving_state { SAVING_NOT, SAVING_WALKING, SAVING_ENDING };

/* SAVE or SHUTDOWN, whose client waits for the end. */
struct save_wait {
    struct wait wait;
    struct server *server;
    const char *when_failed; /* the reply then */
    bool over, failed;
};

struct saving {
    enum saving_state state;
    bool asked;
    struct disk *disk;
    struct outfile *file;
    struct rdb_writer writer;
    struct buffer piece, large; /* the latter: of one entry that is copied in parts */
    size_t large_bytes;         /* of such that wait to be written, which is not too much */
    struct save_wait *waiting;  /* NULL: nobody */
    int wakeup;                 /* rung by the file's thread */
    bool closes, closes_anyway; /* the server ends after a save, or even without */
    const char *given_up;       /* why the walk was; NULL: it was not */
    int64_t began_us, tried_us; /* unix time */
    uint64_t changes_at_begin;
    uint64_t keys;

    /* Facts, for INFO. */
    int64_t last_us; /* when the last file was whole */
    int64_t last_took_s;
    bool last_failed;
    uint64_t changes_saved; /* of engine_stats().changes */
    uint64_t saves;
};

struct server;
struct command_table;

/* 0 or ERR_IO. */
int saving_init(struct server *s);
void saving_fini(struct server *s);
/* Asks for one; it begins at the end of the turn. */
void saving_ask(struct server *s);
/* Once a turn, between records: goes on for a while. Is there more to be done at once? */
bool saving_turn(struct server *s, int64_t allowed_us);
/* What waits to be written. */
size_t saving_memory(const struct server *s);
/* Ten times a second: the `save` lines. */
void saving_tick(struct server *s);
/* At the end of the turn, saves while everybody waits, in place of what is under way, and ends the
 * server; not when the save fails, unless `anyway`. */
void saving_ask_and_close(struct server *s, bool anyway);
/* Tells the sessions whether writes are refused because the last save failed. */
void saving_apply(struct server *s);

void bind_saving_commands(struct command_table *t); /* SAVE, BGSAVE, LASTSAVE, SHUTDOWN */

#endif
