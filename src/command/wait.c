#include "wait.h"

#include "../base/assert.h"

bool call_may_wait(const struct call *c)
{
    return c->waits && c->waits->may_wait(c);
}

void call_wait(struct call *c, struct wait *w, const struct wait_kind *kind, int64_t deadline_ms,
               bool blocked)
{
    CHECK(call_may_wait(c));
    *w = (struct wait){
        .kind = kind, .deadline_ms = deadline_ms, .blocked = blocked, .host = c->waits};
    c->waits->park(c, w);
}

void wait_rearm(struct wait *w, int64_t deadline_ms, bool blocked)
{
    w->deadline_ms = deadline_ms;
    w->blocked = blocked;
    w->host->rearmed(w);
}

void wait_wake(struct wait *w)
{
    w->host->wake(w);
}

bool call_may_write_parts(const struct call *c)
{
    return call_may_wait(c) && c->waits->may_write_parts(c);
}

void wait_wake_later(struct wait *w)
{
    w->host->wake_later(w);
}

bool wait_send(struct wait *w, struct slice bytes)
{
    return w->host->send(w, bytes);
}
