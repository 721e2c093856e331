/* CLIENT PAUSE: requests wait, unparsed, in the input of their connections, and the data stand
 * still: what expires or would be evicted meanwhile goes afterwards. */
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
