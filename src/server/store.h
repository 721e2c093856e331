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

enum {
    STORE_EXIT_CODE = 74, /* EX_IOERR of sysexits.h */
    STORE_SKIP_MS = 5000, /* ids that a crash may have made anybody see and us forget */
};

/* The folder of the journal, within `dir`. */
#define STORE_FOLDER "journal"

enum store_state {
    STORE_OFF,     /* appendonly no */
    STORE_LOADING, /* the journal is looked at only, its records are being replayed */
    STORE_OPEN,
    STORE_FAILED,
};

struct store {
    enum store_state state;
    struct disk *disk;
    struct disk *parent; /* the folder of journal/ and journal.new/, while `switching` */
    bool switching;      /* CONFIG SET appendonly yes: the first snapshot is not safe yet */
    bool attached;       /* hears of records */
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
/* `appendfsync` or `appendonly` has changed: 0, or an error with its reason. */
int store_apply(struct server *s, const struct config *c, char *why, size_t why_size);
/* 0 to 1: how much has been loaded; and how many seconds are left, about. */
double store_progress(const struct server *s, int64_t *seconds_left);

/* ---- store_switch.c ---- */

/* Opens a journal, or closes it, while clients are served. */
int store_switch(struct server *s, bool on, char *why, size_t why_size);
/* A snapshot is safe: it may be the one that a new journal waited for. */
void store_snapshot_taken(struct server *s);
/* Before the start: finishes, or drops, what a process that died has left of a switch. */
int store_settle_folders(struct disk_why *why);
/* A start with `appendonly no`: marks the journal that is there, whose ids are not given again. */
int store_leave_folder(struct server *s, struct disk_why *why);
/* Was data changed of which this journal knows nothing? */
bool store_was_left(struct disk *d);
void store_forget_left(struct disk *d);

/* ---- store.c, for it ---- */

struct journal_config store_journal_config(struct server *s);
int store_open_wakeup(struct server *s);
/* The journal is open, and has what the data rests on, or soon will. */
void store_begin_service(struct server *s);
/* store.why tells: the server ends. */
void store_failed(struct server *s);

#endif
