/* Import: the data that another server left in `dir`, taken over at the start.
 *
 *      dump.rdb                                  RDB, also Hark's own
 *      appendonlydir/appendonly.aof.manifest     the append only file of Redis 7: several files
 *      appendonly.aof                            the same of older ones: commands, or RDB and
 * commands
 *
 * Beside a journal that has data they are left alone, and the log says so.
 * With `appendonly yes` the append only file goes before, otherwise the RDB file; what is left
 * aside is named in the log. A file that cannot be taken whole is not taken at all: the server
 * says why and does not start. Names of views (`__keyspace@0__:…`) are no keys: a file that has
 * such is refused, with the list of them.
 *
 * Keys whose deadline has passed are dropped from RDB, as a master of Redis does. An append only
 * file is played by the clock of 1970, so that nothing expires while it is; what has fallen due
 * since expires afterwards, with its event. Deadlines in it are absolute, as Redis writes them. */
#ifndef HARK_SERVER_IMPORT_H
#define HARK_SERVER_IMPORT_H

#include "../rdb/reader.h"
#include "server.h"

/* After store_open: takes over what there is, if there is no journal with data of our own. Takes
 * its time, in which clients are looked after (server_turn_beside_import) and told -LOADING, as
 * they are while a journal is loaded; it is given up when the server is to stop. With a journal,
 * what was taken is in a snapshot, before its first record, when this returns: until then a start
 * begins all over. Then `loaded` is noted for each database that holds keys. 0, or an error after a
 * line in the log. */
int import_at_start(struct server *s);

/* ---- between the files of loading ---- */

struct import {
    struct server *server;
    const char *name;  /* of the file being read */
    uint64_t size, at; /* its bytes, and those read */
    int64_t began_us, told_us, served_us;
    bool is_listening; /* it takes so long that clients are looked after */
    uint64_t keys, expired;
    bool keeps_dead; /* what follows the RDB file may say more of keys that are past their deadline
                      */
    uint64_t views;  /* keys that have names of views */
    struct buffer names; /* the first of them */
    char why[256];       /* a text of the visitor's, for rdb_problem */
};

/* Opens a file in `dir`; ERR_ABSENT, or ERR_IO after a line in the log. */
int import_open(struct import *l, const char *name, FILE **file);
/* Looks after clients, if it is time for that: ERR_AGAIN when the server is to stop. Between two
 * pieces of whatever takes long. */
int import_serve(struct import *l);
/* 0 to 1; and how many seconds are left, about. */
double import_progress(const struct import *l, int64_t *seconds_left);
/* Appends the next piece to `to`: its bytes, 0 at the end, ERR_IO after a line in the log. Tells of
 * the progress now and then. */
long import_read(struct import *l, FILE *file, struct buffer *to);
/* Logs what is wrong with the file, and returns `error`. */
__attribute__((format(printf, 3, 4))) int import_refuse(struct import *l, int error,
                                                        const char *format, ...);
/* Reads an RDB file; with `rest`, one that something may follow, which is appended to it. */
int import_rdb(struct import *l, FILE *file, struct buffer *rest);
/* Is the key a view's name? Then that is noted, and in the end nothing will have been loaded. */
bool import_is_view(struct import *l, struct slice key);

/* aof.c */

/* ERR_ABSENT when there is none. */
int import_aof(struct import *l);

#endif
