/* The append only file of Redis: the commands that changed its data, as clients send them, behind
 * an RDB file that they go on from.
 *
 *      file appendonly.aof.1.base.rdb seq 1 type b        the manifest: the base,
 *      file appendonly.aof.1.incr.aof seq 1 type i        what came after it, in order;
 *      file appendonly.aof.0.incr.aof seq 0 type h        history, to be deleted
 *
 * Commands run through the table as if a client had sent them, though there is none. What stands
 * between MULTI and EXEC is kept until EXEC, and is one record: a file that breaks off in between
 * has nothing of it. Lines that begin with '#' are remarks. */
#include "../base/err.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "../command/view_keys.h"
#include "../resp/request.h"
#include "../value/stream.h"
#include "config_table.h"
#include "import.h"

enum {
    MANIFEST_BYTES_MAX = 1 << 20,
    MANIFEST_WORDS = 6,
    LINE_BYTES_MAX = 64 * 1024,
    WORDS_MAX = 1 << 20,
    CLOCK_MS = 1, /* see import.h */
};

struct player {
    struct import *import;
    struct server *server;
    struct resp_parser parser;
    struct resp_words words;
    struct buffer in, reply;
    struct buffer queue; /* requests since MULTI: number of words, then length and bytes of each */
    bool in_multi;
    int db;
    uint64_t offset, multi_offset; /* in the file: of what is next, of MULTI */
};

/* ---- running ---- */

static int refuse(struct player *p, const char *why, struct slice detail)
{
    struct buffer quoted = {0};
    if (detail.at) text_quote(&quoted, detail);
    int rc = import_refuse(p->import, ERR_CORRUPT, "%s%s%.*s at byte %llu", why,
                           detail.at ? " " : "", quoted.len < 200 ? (int)quoted.len : 200,
                           quoted.at, (unsigned long long)p->offset);
    buffer_fini(&quoted);
    return rc;
}

static bool has_view(struct player *p, const struct command_spec *spec, const struct slice *argv,
                     int argc)
{
    bool maybe = false, any = false;
    for (int i = 1; i < argc; i++) maybe |= view_key_maybe(argv[i]);
    if (!maybe) return false;
    size_t bytes = (size_t)argc * sizeof(struct command_key);
    struct command_key *keys = mem_alloc(bytes);
    int count = command_keys(spec, argv, argc, keys, argc);
    for (int i = 0; i < count && i < argc; i++) any |= import_is_view(p->import, argv[keys[i].pos]);
    mem_free(keys, bytes);
    return any;
}

/* The record is open. */
static int run(struct player *p, const struct slice *argv, int argc)
{
    struct server *s = p->server;
    struct command *command;
    if (command_find(s->commands, argv, argc, &command) != COMMAND_FOUND || !command->run ||
        !(command->spec->flags & FLAG_WRITE))
        return refuse(p, "a command that this version cannot load:", argv[0]);
    if (!command_arity_fits(command->spec, argc))
        return refuse(p, "a wrong number of arguments for", argv[0]);
    if (has_view(p, command->spec, argv, argc)) return 0;
    p->reply.len = 0;
    struct call call = {
        .engine = s->engine,
        .reply = {.out = &p->reply, .proto = 2, .out_max = SIZE_MAX},
        .argv = argv,
        .argc = argc,
        .db = p->db,
        .string_max = (size_t)s->config.bulk_len_max,
        .command = command,
        .server = s,
        .is_played = true,
    };
    command->run(&call);
    if (p->reply.len && p->reply.at[0] == '-')
        return refuse(p, "a command that fails:", slice_of(p->reply.at, p->reply.len - 2));
    return 0;
}

static int run_alone(struct player *p, const struct slice *argv, int argc)
{
    engine_begin(p->server->engine, CLOCK_MS, SLICE("load"), 0);
    int rc = run(p, argv, argc);
    engine_seal(p->server->engine);
    return rc;
}

static int select_db(struct player *p, const struct slice *argv, int argc)
{
    int64_t db;
    if (argc != 2 || !text_to_int(argv[1], &db) || db < 0 || db >= p->server->config.databases)
        return refuse(p, "no database that there is:", argc > 1 ? argv[1] : SLICE(""));
    p->db = (int)db;
    return 0;
}

/* ---- transactions ---- */

static void enqueue(struct player *p, const struct slice *argv, int argc)
{
    size_t count = (size_t)argc;
    buffer_add(&p->queue, &count, sizeof count);
    for (int i = 0; i < argc; i++) {
        buffer_add(&p->queue, &argv[i].len, sizeof argv[i].len);
        buffer_add_slice(&p->queue, argv[i]);
    }
}

static size_t take_size(const char **at)
{
    size_t n;
    memcpy(&n, *at, sizeof n);
    *at += sizeof n;
    return n;
}

static int run_next_queued(struct player *p, const char **at)
{
    size_t count = take_size(at), bytes = count * sizeof(struct slice);
    struct slice *argv = mem_alloc(bytes);
    for (size_t i = 0; i < count; i++) {
        size_t len = take_size(at);
        argv[i] = slice_of(*at, len);
        *at += len;
    }
    int rc =
        slice_is(argv[0], "select") ? select_db(p, argv, (int)count) : run(p, argv, (int)count);
    mem_free(argv, bytes);
    return rc;
}

static int execute(struct player *p)
{
    int rc = 0;
    const char *at = p->queue.at, *end = at + p->queue.len;
    engine_begin(p->server->engine, CLOCK_MS, SLICE("load"), 0);
    while (rc == 0 && at < end) rc = run_next_queued(p, &at);
    engine_seal(p->server->engine);
    p->in_multi = false;
    p->queue.len = 0;
    return rc;
}

static int play(struct player *p, const struct slice *argv, int argc)
{
    bool multi = slice_is(argv[0], "multi"), exec = slice_is(argv[0], "exec");
    if (multi && !p->in_multi) {
        p->in_multi = true;
        p->multi_offset = p->offset;
        return 0;
    }
    if (multi || (exec && !p->in_multi)) return refuse(p, "out of place:", argv[0]);
    if (exec) return execute(p);
    if (p->in_multi) {
        enqueue(p, argv, argc);
        return 0;
    }
    if (slice_is(argv[0], "select")) return select_db(p, argv, argc);
    return run_alone(p, argv, argc);
}

/* ---- a file ---- */

/* Takes a remark off the front: its bytes, 0 when more are needed. */
static size_t remark(const struct player *p, size_t at)
{
    const char *from = p->in.at + at, *end = memchr(from, '\n', p->in.len - at);
    return end ? (size_t)(end - from) + 1 : 0;
}

/* Plays what is complete in `in`; 0, or an error. */
static int play_what_is_there(struct player *p)
{
    size_t at = 0, took = 0;
    int rc = 0;
    while (rc == 0 && at < p->in.len) {
        struct resp_request request;
        if (p->in.at[at] == '#') {
            took = remark(p, at);
        } else if (p->in.at[at] != '*') {
            rc = refuse(p, "no command", (struct slice){0});
            break;
        } else {
            p->words.len = 0;
            enum resp_status status =
                resp_request_next(&p->parser, p->in.at + at, p->in.len - at, &p->words, &request);
            took = status == RESP_REQUEST ? request.size : 0;
            if (status == RESP_ERROR) rc = refuse(p, p->parser.error, (struct slice){0});
            if (status == RESP_REQUEST && request.argc)
                rc = play(p, p->words.at + request.first, request.argc);
        }
        if (took == 0) break;
        at += took;
        p->offset += took;
    }
    buffer_drop_front(&p->in, at);
    return rc;
}

/* The file has ended: as it should, or in the middle of something. */
static int look_at_end(struct player *p, bool last)
{
    struct server *s = p->server;
    if (!p->in.len && !p->in_multi) return 0;
    uint64_t good = p->in_multi ? p->multi_offset : p->offset;
    if (!last || !s->config.aof_load_truncated)
        return import_refuse(p->import, ERR_CORRUPT, "it breaks off behind byte %llu%s",
                             (unsigned long long)good,
                             last ? " (aof-load-truncated yes loads it up to there)" : "");
    log_line(&s->log, LOGLEVEL_WARNING,
             "'%s' breaks off: loaded up to byte %llu, what is behind that is not a whole %s",
             p->import->name, (unsigned long long)good, p->in_multi ? "transaction" : "command");
    return 0;
}

static int play_file(struct player *p, FILE *file, bool last)
{
    struct import *l = p->import;
    long got = import_read(l, file, &p->in);
    int rc = 0;
    if (got > 0 && slice_starts_with(buffer_slice(&p->in), SLICE("REDIS"))) {
        rewind(file);
        l->at = 0;
        p->in.len = 0;
        rc = import_rdb(l, file, &p->in);
        p->offset = l->at - p->in.len;
    }
    for (; got > 0 && rc == 0; got = rc == 0 ? import_read(l, file, &p->in) : 0)
        rc = play_what_is_there(p);
    if (rc == 0 && got < 0) rc = (int)got;
    return rc == 0 ? look_at_end(p, last) : rc;
}

static int load_file(struct import *l, const char *name, bool last)
{
    FILE *file;
    int rc = import_open(l, name, &file);
    if (rc != 0) return rc;
    struct player p = {.import = l, .server = l->server};
    resp_parser_init(&p.parser, (struct resp_limits){LINE_BYTES_MAX, WORDS_MAX, INT32_MAX, false});
    rc = play_file(&p, file, last);
    resp_parser_fini(&p.parser);
    resp_words_fini(&p.words);
    buffer_fini(&p.in);
    buffer_fini(&p.reply);
    buffer_fini(&p.queue);
    fclose(file);
    return rc;
}

/* ---- the manifest ---- */

/* The file that a line names, as a path; 0 for one that is not to be loaded, 1, or ERR_SYNTAX. */
static int read_line(const struct server *s, struct slice line, struct buffer *path)
{
    struct buffer store = {0};
    struct slice words[MANIFEST_WORDS];
    int count = text_split_words(line, &store, words, MANIFEST_WORDS);
    bool right = count == MANIFEST_WORDS && slice_is(words[0], "file") &&
                 slice_is(words[2], "seq") && slice_is(words[4], "type") && words[5].len == 1 &&
                 !memchr(words[1].at, '/', words[1].len);
    int rc = count == 0 ? 0 : ERR_SYNTAX;
    path->len = 0;
    if (right) {
        buffer_printf(path, "%s/%.*s", s->config.appenddirname.at, (int)words[1].len, words[1].at);
        buffer_add_byte(path, '\0');
        rc = words[5].at[0] == 'b' || words[5].at[0] == 'i' ? 1
             : words[5].at[0] == 'h'                        ? 0
                                                            : ERR_SYNTAX;
    }
    buffer_fini(&store);
    return rc;
}

static int load_listed(struct import *l, const char *manifest, struct slice text)
{
    struct buffer path = {0}, next = {0};
    struct slice line;
    int rc = 0;
    /* One behind, for the last one may break off. */
    while (rc == 0 && config_next_line(&text, &line)) {
        if (config_line_is_comment(line)) continue;
        int kind = read_line(l->server, line, &next);
        if (kind < 0) {
            l->name = manifest;
            rc = import_refuse(l, kind, "it has the line '%.*s'",
                               line.len < 200 ? (int)line.len : 200, line.at);
        } else if (kind == 1) {
            if (path.len) rc = load_file(l, path.at, false);
            path.len = 0;
            buffer_add_slice(&path, buffer_slice(&next));
        }
    }
    if (rc == 0 && path.len) rc = load_file(l, path.at, true);
    if (rc == ERR_ABSENT)
        rc = import_refuse(l, ERR_CORRUPT, "it is not there, though the manifest names it");
    buffer_fini(&path);
    buffer_fini(&next);
    return rc;
}

static int load_manifest(struct import *l, const char *name)
{
    FILE *file;
    int rc = import_open(l, name, &file);
    if (rc != 0) return rc;
    struct buffer text = {0};
    long got;
    while ((got = import_read(l, file, &text)) > 0 && text.len <= MANIFEST_BYTES_MAX) {
    }
    fclose(file);
    if (got > 0)
        rc = import_refuse(l, ERR_LIMIT, "it is too long for a manifest");
    else
        rc = got < 0 ? (int)got : load_listed(l, name, buffer_slice(&text));
    buffer_fini(&text);
    return rc;
}

/* ---- afterwards ---- */

/* Consumers that were made in 1970 as well. */
static void date_consumers(struct stream *s, int64_t now_ms)
{
    for (size_t i = 0; i < s->groups_count; i++) {
        struct crew *crew = &s->groups[i]->crew;
        for (uint32_t n = 0; n < crew->numbers_count; n++) {
            struct consumer *who = crew->by_number[n];
            if (!who || who->seen_ms > CLOCK_MS) continue;
            crew_dates(who, now_ms, who->active_ms < 0 ? -1 : now_ms);
        }
    }
}

static void date_entry(void *ctx, void *entry)
{
    enum { LFU_OF_NEW = 5 };
    struct import *l = ctx;
    int64_t now_ms = l->server->now_us / 1000;
    keyspace_recall_access(l->server->keyspace, entry, 0, LFU_OF_NEW, now_ms);
    if (entry_type(entry) == TYPE_STREAM) date_consumers(entry_value(entry).at, now_ms);
    l->keys++;
}

/* Counts the keys, and takes them as used now and not in 1970. */
static int date_entries(struct import *l)
{
    enum { BUCKETS = 1024 };
    struct keyspace *ks = l->server->keyspace;
    l->keys = 0;
    for (int db = 0; db < keyspace_databases(ks); db++) {
        uint64_t cursor = 0;
        int rc = 0;
        do cursor = keyspace_scan(ks, db, cursor, BUCKETS, date_entry, l);
        while (cursor && (rc = import_serve(l)) == 0);
        if (rc != 0) return rc;
    }
    return 0;
}

int import_aof(struct import *l)
{
    const struct config *c = &l->server->config;
    struct buffer manifest = {0};
    buffer_printf(&manifest, "%s/%s.manifest", c->appenddirname.at, c->appendfilename.at);
    buffer_add_byte(&manifest, '\0');
    int rc = load_manifest(l, manifest.at);
    if (rc == ERR_ABSENT) rc = load_file(l, c->appendfilename.at, true);
    if (rc == 0) {
        l->name = c->appendfilename.at;
        rc = date_entries(l);
    }
    buffer_fini(&manifest);
    return rc;
}
