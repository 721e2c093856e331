/* What is kept on disk: the journal, as the server has it.
 *
 *      start      store_open ─ store_load, a slice a turn ─▶ the data is there
 *      a turn     commands ─ sealed records are appended ─ store_end_turn ─▶ written; marks
 * released stop       store_close ─▶ all of it synced
 *
 * Everything that clients are told waits, in its connection's queue, for the record that it rests
 * on (engine_mark): until that is synced with `appendfsync always`, until it is written otherwise.
 *
 * A write or sync that failed is final: nothing that waits for it leaves any more, and the server
 * ends with STORE_EXIT_CODE; the next start finds what is really there. */
#ifndef HARK_SERVER_STORE_H
#define HARK_SERVER_STORE_H

#include "../io/disk.h"
#include "../journal/journal.h"
#include "../record/codec.h"

struct server;
struct loading;
struct config;

enum { STORE_EXIT_CODE = 74 }; /* EX_IOERR of sysexits.h */

/* The folder of the journal, within `dir`. */
#define STORE_FOLDER "journal"

enum store_state {
    STORE_OFF,     /* appendonly no */
    STORE_LOADING, /* the journal is open, its records are being replayed */
    STORE_OPEN,
    STORE_FAILED,
};

struct store {
    enum store_state state;
    struct disk *disk;
    struct journal *journal;
    int wakeup_fd;
    bool sync_always;
    struct loading *loading;      /* while it is */
    struct record_room described; /* the journal's thread's */
    int64_t loaded_us;            /* how long the last load took */
    uint64_t loaded_records;
    int64_t sync_us_seen; /* the longest sync that LATENCY was told of */
    struct disk_why why;  /* of the failure */
};

/* Opens the journal if the configuration wants one: 0, or an error after a line in the log. */
int store_open(struct server *s);
/* Goes on loading for about `us`; true while there is more. Damage ends the server: it is logged,
 * `stop` and the exit code are set. */
bool store_load(struct server *s, int64_t us);
/* Writes what this turn has sealed, and lets leave what waited for it. False: nothing may leave. */
bool store_end_turn(struct server *s);
/* Syncs and closes; false when that failed. */
bool store_close(struct server *s);
/* After store_open: has there never been anything? */
bool store_is_new(const struct server *s);
/* `appendfsync` has changed. */
void store_apply(struct server *s, const struct config *c);
/* 0 to 1: how much has been loaded; and how many seconds are left, about. */
double store_progress(const struct server *s, int64_t *seconds_left);

#endif
