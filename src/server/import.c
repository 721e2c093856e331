#include "import.h"

#include "../base/err.h"
#include "../base/text.h"
#include "../command/view_keys.h"
#include "../engine/load.h"
#include "../engine/replay.h"
#include "../io/clock.h"

#include <errno.h>
#include <stdarg.h>

enum {
    PIECE_BYTES = 256 * 1024,
    PROGRESS_US = 2 * 1000 * 1000, /* between two lines in the log */
    QUIET_US = 200 * 1000,         /* most is loaded in less time than a client takes to be told */
    SERVE_US = 20 * 1000,          /* between looking after those who ask */
    NAMES_MAX = 4096,              /* bytes of the list of views */
};

/* ---- files ---- */

int import_refuse(struct import *l, int error, const char *format, ...)
{
    char why[640];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    log_line(&l->server->log, LOGLEVEL_WARNING, "Cannot load '%s': %s; nothing was loaded", l->name,
             why);
    return error;
}

int import_open(struct import *l, const char *name, FILE **file)
{
    l->name = name;
    l->at = l->size = 0;
    *file = fopen(name, "rbe");
    if (!*file && errno == ENOENT) return ERR_ABSENT;
    if (!*file || fseeko(*file, 0, SEEK_END) != 0) {
        int rc = import_refuse(l, ERR_IO, "%s", strerror(errno));
        if (*file) fclose(*file);
        return rc;
    }
    l->size = (uint64_t)ftello(*file);
    rewind(*file);
    return 0;
}

static void tell_progress(struct import *l)
{
    int64_t now_us = io_mono_us();
    if (now_us - l->told_us < PROGRESS_US) return;
    l->told_us = now_us;
    log_line(&l->server->log, LOGLEVEL_NOTICE, "Loading '%s': %llu of %llu MB", l->name,
             (unsigned long long)l->at >> 20, (unsigned long long)l->size >> 20);
}

double import_progress(const struct import *l, int64_t *seconds_left)
{
    double part = l->size ? (double)l->at / (double)l->size : 0;
    *seconds_left = 0;
    if (part > 0)
        *seconds_left = (int64_t)((double)(io_mono_us() - l->began_us) * (1 / part - 1) / 1e6);
    return part;
}

int import_serve(struct import *l)
{
    struct server *s = l->server;
    int64_t now_us = io_mono_us();
    if (now_us - l->began_us < QUIET_US || now_us - l->served_us < SERVE_US) return 0;
    if (!l->is_listening)
        log_line(&s->log, LOGLEVEL_NOTICE, "Listening; commands are refused while data is loaded");
    l->is_listening = true;
    server_turn_beside_import(s, 0);
    l->served_us = io_mono_us();
    return s->stop ? import_refuse(l, ERR_AGAIN, "the server is to stop") : 0;
}

long import_read(struct import *l, FILE *file, struct buffer *to)
{
    int rc = import_serve(l);
    if (rc != 0) return rc;
    size_t got = fread(buffer_reserve(to, PIECE_BYTES), 1, PIECE_BYTES, file);
    if (got == 0 && ferror(file)) return import_refuse(l, ERR_IO, "%s", strerror(errno));
    to->len += got;
    l->at += got;
    tell_progress(l);
    engine_work(l->server->engine, 1);
    return (long)got;
}

/* ---- keys ---- */

bool import_is_view(struct import *l, struct slice key)
{
    if (!view_key(key)) return false;
    l->views++;
    if (l->names.len > NAMES_MAX) return true;
    if (l->names.len) buffer_add(&l->names, ", ", 2);
    text_quote(&l->names, key);
    return true;
}

/* Is the key left out: the name of a view, or dead? */
static bool leaves_out(struct import *l, const struct rdb_key *k)
{
    if (import_is_view(l, k->key)) return true;
    if (k->deadline < 0 || k->deadline > l->server->now_us / 1000 || l->keeps_dead) return false;
    l->expired++;
    return true;
}

/* What becomes of a key that was loaded, or was not because there is one. */
static const char *count(struct import *l, const struct rdb_key *k, bool is_new)
{
    l->keys += is_new;
    if (is_new) return NULL;
    struct buffer quoted = {0};
    text_quote(&quoted, k->key);
    snprintf(l->why, sizeof l->why, "the key %.*s a second time",
             quoted.len < 100 ? (int)quoted.len : 100, quoted.at);
    buffer_fini(&quoted);
    return l->why;
}

static const char *take_string(void *ctx, const struct rdb_key *k, struct slice value)
{
    struct import *l = ctx;
    struct server *s = l->server;
    if (leaves_out(l, k)) return NULL;
    struct load_key key = {(int)k->db, k->key, k->deadline, k->idle_s, k->freq};
    return count(l, k, engine_load_string(s->engine, &key, value, s->now_us / 1000));
}

static const char *take_value(void *ctx, const struct rdb_key *k, struct value v)
{
    struct import *l = ctx;
    struct server *s = l->server;
    if (leaves_out(l, k)) {
        value_free(&v);
        return NULL;
    }
    struct load_key key = {(int)k->db, k->key, k->deadline, k->idle_s, k->freq};
    return count(l, k, engine_load_value(s->engine, &key, v, s->now_us / 1000));
}

static void tell_aux(void *ctx, struct slice name, struct slice value)
{
    struct import *l = ctx;
    if (slice_is(name, "redis-ver") || slice_is(name, "valkey-ver"))
        log_line(&l->server->log, LOGLEVEL_NOTICE, "Loading RDB produced by version %.*s",
                 value.len < 32 ? (int)value.len : 32, value.at);
}

/* ---- RDB ---- */

static int refuse_foreign(struct import *l, const struct rdb_reader *r)
{
    struct buffer text = {0};
    int rc = 0;
    if (rdb_foreign_text(r, &text))
        rc = import_refuse(l, ERR_UNSUPPORTED, "this version cannot hold what is in it: %.*s",
                           (int)text.len, text.at);
    buffer_fini(&text);
    return rc;
}

static int read_rdb(struct import *l, FILE *file, struct rdb_reader *r, struct buffer *rest)
{
    struct buffer piece = {0};
    long got, used = 0;
    while (!rdb_is_done(r) && (got = import_read(l, file, &piece)) > 0) {
        used = rdb_feed(r, buffer_slice(&piece));
        if (used < 0) break;
        buffer_drop_front(&piece, (size_t)used);
    }
    if (rdb_is_done(r) && rest) buffer_add_slice(rest, buffer_slice(&piece));
    bool more = rdb_is_done(r) && !rest && piece.len;
    buffer_fini(&piece);
    if (!rdb_is_done(r)) return import_refuse(l, ERR_CORRUPT, "%s", rdb_problem(r));
    if (more) return import_refuse(l, ERR_CORRUPT, "something stands behind its end");
    if (rdb_empty_keys(r))
        log_line(&l->server->log, LOGLEVEL_NOTICE, "%llu keys without elements were left out",
                 (unsigned long long)rdb_empty_keys(r));
    return refuse_foreign(l, r);
}

int import_rdb(struct import *l, FILE *file, struct buffer *rest)
{
    struct server *s = l->server;
    struct rdb_reader_config config = {s->config.rdbchecksum, s->config.databases,
                                       keyspace_values(s->keyspace)};
    l->keeps_dead = rest != NULL;
    struct rdb_reader *r =
        rdb_reader_new(config, (struct rdb_visitor){take_string, take_value, tell_aux, l});
    int rc = read_rdb(l, file, r, rest);
    rdb_reader_free(r);
    return rc;
}

static int load_dump(struct import *l)
{
    FILE *file;
    int rc = import_open(l, l->server->config.dbfilename.at, &file);
    if (rc != 0) return rc;
    rc = import_rdb(l, file, NULL);
    fclose(file);
    return rc;
}

/* ---- what there is ---- */

static void tell_left_aside(struct server *s, const char *name, const char *why)
{
    FILE *f = fopen(name, "re");
    if (!f) return;
    fclose(f);
    log_line(&s->log, LOGLEVEL_NOTICE, "'%s' is left aside: %s", name, why);
}

static int load_any(struct import *l)
{
    struct server *s = l->server;
    bool aof_first = s->config.appendonly;
    int rc = aof_first ? import_aof(l) : load_dump(l);
    if (rc == ERR_ABSENT) return aof_first ? load_dump(l) : import_aof(l);
    if (rc != 0) return rc;
    const char *taken = l->name;
    if (aof_first) {
        tell_left_aside(s, s->config.dbfilename.at, "the append only file goes before");
    } else {
        tell_left_aside(s, s->config.appenddirname.at, "without `appendonly` RDB goes before");
        tell_left_aside(s, s->config.appendfilename.at, "without `appendonly` RDB goes before");
    }
    l->name = taken;
    return 0;
}

static int refuse_views(struct import *l)
{
    if (!l->views) return 0;
    return import_refuse(l, ERR_UNSUPPORTED,
                         "%llu keys have names that stand for views here, and cannot be keys: %.*s",
                         (unsigned long long)l->views, l->names.len < 400 ? (int)l->names.len : 400,
                         l->names.at);
}

static void note_loaded(struct server *s)
{
    engine_begin(s->engine, s->now_us / 1000, SLICE("load"), 0);
    for (int db = 0; db < keyspace_databases(s->keyspace); db++)
        if (keyspace_size(s->keyspace, db)) note_database(s->engine, EVENT_LOADED, db);
    engine_seal(s->engine);
}

/* Nothing of the journal may come before it, or a crash would leave that without its data. */
static int make_durable(struct server *s, int64_t began_us)
{
    enum { WAIT_US = 10 * 1000 };
    const struct snapshots *n = &s->snapshots;
    while (store_load(s, WAIT_US)) { /* there is nothing in it: it opens */
    }
    if (s->store.state != STORE_OPEN) return ERR_IO;
    snapshots_ask(s);
    for (bool more = true; !n->whole_count && !n->last_failed && !s->stop;) {
        int64_t wait_us = more ? 0 : WAIT_US;
        s->now_us = io_unix_us();
        if (io_mono_us() - began_us < QUIET_US)
            net_wait(s->net, wait_us);
        else
            server_turn_beside_import(s, wait_us);
        more = snapshots_turn(s, io_mono_us());
    }
    return n->whole_count ? 0 : ERR_IO;
}

/* 1 when something was loaded, 0 when there was nothing, or an error. */
static int run(struct server *s)
{
    struct import l = {.server = s, .began_us = io_mono_us(), .told_us = io_mono_us()};
    s->importing = &l;
    engine_expire(s->engine, s->now_us / 1000, 1); /* the wheels start from now */
    int rc = load_any(&l);
    if (rc == 0) rc = refuse_views(&l);
    buffer_fini(&l.names);
    s->importing = NULL;
    if (rc == ERR_ABSENT) return 0;
    if (rc != 0) return rc;
    s->loaded.keys = l.keys;
    s->loaded.expired = l.expired;
    s->saving.changes_saved = engine_stats(s->engine).changes;
    engine_reset_stats(s->engine);
    log_line(&s->log, LOGLEVEL_NOTICE,
             "DB loaded from '%s': %llu keys, %llu dropped as expired, %.3f seconds", l.name,
             (unsigned long long)l.keys, (unsigned long long)l.expired,
             (double)(io_mono_us() - l.began_us) / 1e6);
    return 1;
}

int import_at_start(struct server *s)
{
    if (s->config.appendonly && !store_is_new(s)) {
        tell_left_aside(s, s->config.dbfilename.at, "the data is in the journal");
        tell_left_aside(s, s->config.appenddirname.at, "the data is in the journal");
        tell_left_aside(s, s->config.appendfilename.at, "the data is in the journal");
        return 0;
    }
    uint64_t seq = engine_stats(s->engine).seq;
    int64_t began_us = io_mono_us();
    s->is_importing = true;
    sessions_set_store(s->sessions, SESSIONS_LOADING);
    int rc = run(s);
    if (rc > 0) {
        engine_resume(s->engine, seq, (struct event_id){0, 0}); /* what was played is no history */
        rc = s->config.appendonly ? make_durable(s, began_us) : 0;
        if (rc == 0) note_loaded(s);
    }
    s->is_importing = false;
    if (rc == 0 && s->store.state != STORE_LOADING) sessions_set_store(s->sessions, SESSIONS_READY);
    return rc;
}
