/* Shared by the files of this room alone: what a session is. */
#ifndef HARK_SESSION_INTERNAL_H
#define HARK_SESSION_INTERNAL_H

#include "../command/wait.h"
#include "../ds/heap.h"
#include "../resp/request.h"
#include "session.h"

enum { SESSION_MAGIC = 0x73657373 };

/* One request that waits for EXEC; its words and their bytes stand behind it in one allocation. */
struct queued {
    struct queued *next;
    struct command *command;
    size_t size;
    int argc;
    struct slice argv[];
};

/* Before a client has authenticated it may not make us keep much; the parser has limits too. */
enum { GUEST_INPUT_MAX = 64 * 1024 };

enum reply_mode { REPLY_ON, REPLY_OFF, REPLY_SKIP_NEXT, REPLY_SKIP };

struct session {
    uint32_t magic;
    struct sessions *all;
    struct conn *conn;
    uint64_t id;
    size_t index; /* in all->list */
    int db;
    bool authenticated;
    bool unix_socket;
    bool monitors, no_evict, no_touch;
    enum reply_mode reply_mode;
    bool cut; /* its reply, or `late`, became more than what it may be sent: it is to be closed */
    struct slice name, lib_name, lib_version; /* owned, mem_alloc'ed, or empty */
    struct slice peer, local;                 /* addresses, likewise, once somebody asked */

    struct resp_parser parser;
    struct subscriber subscriber; /* its proto is the session's protocol */
    struct span *late;            /* messages for itself that wait for the end of its command */
    size_t late_len, late_cap, late_bytes;

    bool in_multi;
    bool multi_failed; /* a request could not be queued: EXEC will refuse */
    struct queued *queue, **queue_end;
    size_t queue_len, queue_bytes;
    uint32_t queue_flags; /* of all commands in the queue: FLAG_… */
    struct queued *ran;   /* requests of the EXEC under way, kept until its record is sealed */
    struct watcher watcher;

    bool gone; /* its connection ended; it is put away at the end of the turn */
    struct session *next_gone;

    bool parked; /* a request waits for the end of CLIENT PAUSE, or for a walk */
    struct session *next_parked;

    struct waiting *waiting; /* what its command waits with, or NULL: waits.c */

    struct behind *behind;   /* behind.c; NULL while it keeps up */
    uint64_t told_seq, told; /* the last record that it was told of live, and its messages so far */

    struct tracking *tracking; /* NULL while CLIENT TRACKING is off */

    struct command *last_command;
    uint64_t commands;
    int64_t born_us;
};

enum pause_kind { PAUSE_NONE, PAUSE_WRITE, PAUSE_ALL };

/* Waits that are to go on (waits.c), in the order in which they do. */
struct waits_list {
    struct waiting *first, *last;
};

struct waits {
    struct heap due; /* by deadline, those that have one */
    struct waits_list woken, later, held;
};

struct sessions {
    struct engine *engine;
    struct net *net;
    struct command_table *table;
    struct streams *streams;
    struct session_hooks hooks;
    struct sessions_config config;
    struct slice writes_refused; /* see sessions_refuse_writes */
    double ns_per_tick;
    uint64_t slow_ns;      /* a command that takes less concerns nobody */
    struct slice password; /* owned: what config.password borrows */
    struct session **list;
    size_t count, cap;
    struct map by_id;
    uint64_t last_id;
    int64_t now_us;      /* unix time of the request that runs now */
    int64_t turn_us;     /* unix time at which the turn began */
    uint64_t turn_ticks; /* the same moment on the tick counter */
    uint64_t ticks;      /* the counter when it was last read */

    struct buffer reply;     /* of the session that runs now; moved to its connection in one go */
    struct session *current; /* inside a command, or NULL */
    struct session *gone;    /* ended in this turn */
    struct session *retired, **retired_end; /* and before, until their subscriptions are removed */
    struct resp_words words;                /* of the requests that were parsed last */

    struct session **monitors;
    size_t monitors_count, monitors_cap;

    struct behind *behind;  /* those who are */
    struct session *retold; /* the one whom a record is told again */
    enum sessions_store store;
    enum pause_kind pause;
    int64_t pause_end_us;
    struct session *parked;
    bool waits_for_walk; /* one of them does, since */
    uint64_t walk_had;   /* engine_walk_had was this */
    struct waits waits;
    bool stopped; /* no request runs any more */

    struct tracking_table *tracking;
    struct slowlog *slowlog;
    struct map errors; /* error code → count, in the value's bits */
    struct sessions_stats stats;
};

static inline struct session *session_of(struct subscriber *s)
{
    return (struct session *)((char *)s - offsetof(struct session, subscriber));
}

static inline int session_proto(const struct session *s)
{
    return s->subscriber.proto;
}

/* session.c */
/* Brings now_us up to the last look at the tick counter: a turn may be long. */
void sessions_tell_time(struct sessions *all);
void session_free_name(struct slice *name);
void session_set_name(struct slice *name, struct slice value);
struct session *session_by_id(struct sessions *all, uint64_t id);
/* Brings limits and idle rules in line with what the session is now (subscriber, guest, …). */
void session_update_class(struct session *s);
/* Ends the connection after the reply of the current command. */
void session_quit(struct session *s);
/* Back to the state of a new connection (RESET), authentication included. */
void session_reset(struct session *s);
void session_authenticate(struct session *s);
size_t session_bytes(const struct session *s);
/* Hands the replies made so far to the connection. */
void session_flush_reply(struct session *s);
/* "127.0.0.1:54321", "/path:0" for a unix socket; borrowed. */
struct slice session_peer(struct session *s);
struct slice session_local(struct session *s);

/* connection.c */
/* Only printable characters without blanks: what a client may be called. */
bool session_name_is_valid(struct slice name);
/* Names the client, or writes the error and returns false; an empty name takes it away. */
bool session_rename(struct call *c, struct slice name);

/* dispatch.c */
/* Runs or queues or refuses one request, which came in so many bytes; the reply is in all->reply.
 * False when it must wait (for CLIENT PAUSE, or the next turn): it has not been done then, and is
 * to be offered again. */
bool session_request(struct session *s, const struct slice *argv, int argc, size_t bytes,
                     struct command *command, enum command_lookup lookup);
/* A request without words (an empty line): it counts as the next one for what holds for one only.
 */
void session_empty_request(struct session *s);
/* A call of this session, as commands get it. */
struct call session_call(struct session *s, struct command *command, const struct slice *argv,
                         int argc);
/* A command is over, its reply stands from reply_at on: counts how it went and what it took. */
void session_note_end(struct session *s, struct command *command, const struct slice *argv,
                      int argc, size_t reply_at, uint64_t ns);
/* A request is over, its reply stands from reply_at on: what holds for one request ends. */
void session_end_request(struct session *s, const struct command *command, size_t reply_at);
/* Runs a command inside the open record; used by dispatch and EXEC. */
void session_run(struct session *s, struct command *command, const struct slice *argv, int argc);

/* multi.c */
void session_discard(struct session *s);
void session_enqueue(struct session *s, struct command *command, const struct slice *argv,
                     int argc);
void session_drop_ran(struct session *s);
void session_unwatch(struct session *s);

/* pubsub.c */
size_t session_subscriptions(const struct session *s);
void session_deliver(struct subscriber *to, struct span message);
/* Hands over the messages that waited for the end of the command. */
void session_deliver_late(struct session *s);

/* pause.c */
void session_park(struct session *s);
void session_unpark(struct session *s);
void sessions_pause(struct sessions *all, enum pause_kind kind, int64_t end_us);
void sessions_unpause(struct sessions *all);
bool session_must_wait(const struct session *s, const struct command *command);
/* Would the request change a large value that a walk is to have first? */
bool session_must_wait_for_walk(struct session *s, const struct command *command,
                                const struct slice *argv, int argc);
/* Those who waited for that try again; they are parked again if they have to. */
void sessions_ask_walk_again(struct sessions *all);

/* waits.c */
extern const struct wait_host session_wait_host;
/* Its command has begun to wait, after so many ns. */
void session_note_wait(struct session *s, uint64_t ns);
/* Does it wait as a blocked client, which nobody has unblocked yet? */
bool session_is_blocked(const struct session *s);
/* Has it written a part of its reply, of which there is more to come? */
bool session_is_within_reply(const struct session *s);
/* CLIENT UNBLOCK; false when it is not blocked. */
bool session_unblock(struct session *s, bool with_error);
/* The words of the request that waits, and what it waits with. */
size_t session_waiting_bytes(const struct session *s);
size_t session_awaited_bytes(const struct session *s);
/* The session is gone: so is its wait. */
void session_leave_wait(struct session *s);
/* Lets those go on that were woken, and those whose keys have changed. No record is open and no
 * reply unsent. Is there anybody? */
bool waits_may_go_on(const struct sessions *all);
void waits_go_on(struct sessions *all);
/* Once a turn: some of those who write replies in parts go on, if they can. */
void waits_wake_later(struct sessions *all);
/* Is there one who can? */
bool waits_have_work(const struct sessions *all);
/* A pause is over. */
void waits_release_held(struct sessions *all);
/* Ends those whose time is over, so many a turn; when that must be called again (unix us, or -1).
 */
void waits_time_out(struct sessions *all);
int64_t waits_next_us(const struct sessions *all);

/* behind.c */
/* A message of an event of record `seq`, which the journal has: true if that is seen to (it was
 * queued, or will be told later). */
bool behind_push(struct session *s, uint64_t seq, struct span message);
void behind_end(struct session *s);
/* Once a turn: those whose queues have drained are told more. */
void behind_turn(struct sessions *all);
/* Is there one who could be told more at once? */
bool behind_has_work(const struct sessions *all);

/* tracking.c: client-side caching */
struct tracking_table *tracking_new(struct sessions *all);
void tracking_free(struct tracking_table *t);
/* A command of this session has run: remember the keys it read, if it tracks. */
void tracking_note_reads(struct session *s, const struct command *command, const struct slice *argv,
                         int argc);
/* The record that its commands stood in is sealed. */
void tracking_end_record(struct session *s);
/* A request is over: CLIENT CACHING holds for one, or for one transaction. */
void tracking_after_request(struct session *s, const struct command *command);
/* Switches tracking off, if it is on. */
void tracking_leave(struct session *s);
/* What CLIENT LIST tells of it. */
bool tracking_broadcasts(const struct session *s);
bool tracking_is_broken(const struct session *s);
int64_t tracking_redirect(const struct session *s);
size_t tracking_bytes(const struct session *s);
/* Bounds the table; sends what broadcasting clients are owed. Called once a turn. */
void tracking_end_turn(struct sessions *all);
void tracking_fill_stats(struct sessions *all, struct sessions_stats *stats);

/* monitor.c */
void monitors_feed(struct session *s, const struct command *command, const struct slice *argv,
                   int argc);
void monitor_start(struct session *s);
void monitor_stop(struct session *s);

/* slowlog.c */
struct slowlog *slowlog_new(void);
void slowlog_free(struct slowlog *log);
void slowlog_set_max(struct slowlog *log, size_t entries);
void slowlog_add(struct slowlog *log, struct session *s, const struct command *command,
                 const struct slice *argv, int argc, int64_t us);

/* redact.c */
/* The i-th word of a request as others may see it: itself, or `(redacted)` for a secret. */
struct slice redacted_word(const struct sessions *all, const struct command *command,
                           const struct slice *argv, int argc, int i);

/* The families of this room. */
void bind_connection_commands(struct command_table *t);
void bind_client_commands(struct command_table *t);
void bind_tracking_commands(struct command_table *t);
void bind_multi_commands(struct command_table *t);
void bind_pubsub_commands(struct command_table *t);
void bind_slowlog_commands(struct command_table *t);
void bind_monitor_commands(struct command_table *t);

#endif
