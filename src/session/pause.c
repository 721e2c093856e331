/* Requests that wait, unparsed, in the input of their connections: for the end of CLIENT PAUSE, or
 * of a walk over a large value that they would change.
 *
 * During CLIENT PAUSE the data stand still: what expires or would be evicted goes afterwards. */
#include "../engine/walk.h"
#include "internal.h"

void session_park(struct session *s)
{
    struct sessions *all = s->all;
    if (s->parked || s->gone) return;
    s->parked = true;
    s->next_parked = all->parked;
    all->parked = s;
    session_update_class(s);
    conn_pause(s->conn);
    session_update_class(s); /* one that waits is not idle */
}

void session_unpark(struct session *s)
{
    if (!s->parked) return;
    struct session **link = &s->all->parked;
    while (*link != s) link = &(*link)->next_parked;
    *link = s->next_parked;
    s->parked = false;
    session_update_class(s);
    conn_resume(s->conn);
}

void sessions_pause(struct sessions *all, enum pause_kind kind, int64_t end_us)
{
    /* A pause can be made stricter or longer by another one, not weaker; UNPAUSE ends it. */
    if (kind > all->pause) all->pause = kind;
    if (end_us > all->pause_end_us) all->pause_end_us = end_us;
    engine_hold(all->engine, true);
}

static void unpark_all(struct sessions *all)
{
    while (all->parked) session_unpark(all->parked);
    waits_release_held(all);
}

void sessions_unpause(struct sessions *all)
{
    all->pause = PAUSE_NONE;
    all->pause_end_us = 0;
    engine_hold(all->engine, false);
    unpark_all(all);
    waits_release_held(all);
}

void sessions_set_store(struct sessions *all, enum sessions_store store)
{
    if (store == all->store) return;
    all->store = store;
    unpark_all(all); /* who must wait still is parked again */
    waits_release_held(all);
}

/* With PAUSE_WRITE reads go on, and so does a transaction that only reads. CLIENT itself must
 * always be heard, or nobody could end the pause; monitors do not touch data. */
bool session_must_wait(const struct session *s, const struct command *command)
{
    const struct command *top = command->parent ? command->parent : command;
    if (s->monitors || slice_is(top->spec->name, "client")) return false;
    if (s->all->store == SESSIONS_LOADING) return false; /* it has its own refusal */
    if (s->all->pause == PAUSE_ALL) return true;
    uint32_t flags = command->spec->flags;
    if (s->in_multi && slice_is(command->spec->name, "exec")) flags |= s->queue_flags;
    return flags & (FLAG_WRITE | FLAG_MAY_REPLICATE);
}

/* ---- walks ---- */

/* Does the request change a large value that a walk is to have first? What only takes it away, or
 * puts another in its place, need not wait. */
static bool is_held(struct session *s, const struct command *command, const struct slice *argv,
                    int argc)
{
    enum { KEYS_MAX = 64 };
    struct command_key keys[KEYS_MAX];
    bool held = false;
    if (!(command->spec->flags & FLAG_WRITE)) return false;
    int count = command_keys(command->spec, argv, argc, keys, KEYS_MAX);
    for (int i = 0; i < count && i < KEYS_MAX; i++)
        if (keys[i].flags & KEY_RW)
            held |= engine_walk_holds(s->all->engine, s->db, argv[keys[i].pos]);
    return held;
}

bool session_must_wait_for_walk(struct session *s, const struct command *command,
                                const struct slice *argv, int argc)
{
    bool held = false;
    if (!s->in_multi) {
        held = is_held(s, command, argv, argc);
    } else if (slice_is(command->spec->name, "exec")) {
        for (const struct queued *q = s->queue; q; q = q->next)
            held |= is_held(s, q->command, q->argv, q->argc);
    }
    if (held && !s->all->waits_for_walk) s->all->walk_had = engine_walk_had(s->all->engine);
    s->all->waits_for_walk |= held;
    return held;
}

void sessions_ask_walk_again(struct sessions *all)
{
    if (!all->waits_for_walk || engine_walk_had(all->engine) == all->walk_had) return;
    all->waits_for_walk = false;
    unpark_all(all);
}
