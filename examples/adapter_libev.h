/* libhark in libev's loop. One descriptor stays the same however often the connection is made anew,
 * and nothing else has to be waited for; so this is all:
 *
 *     struct hark_ev adapter;
 *     hark_ev_start(&adapter, EV_DEFAULT, pubsub, failed);
 *     ...
 *     hark_ev_stop(&adapter);               then hark_pubsub_close
 *
 * Messages go to their handlers. */
#ifndef EXAMPLES_ADAPTER_LIBEV_H
#define EXAMPLES_ADAPTER_LIBEV_H

#include <ev.h>
#include <hark.h>

struct hark_ev {
    ev_io io; /* first */
    struct ev_loop *loop;
    struct hark_pubsub *pubsub;
    void (*failed)(struct hark_ev *e, int result); /* hark_pubsub_error says why; it goes on */
};

static void hark_ev_step(struct ev_loop *loop, ev_io *io, int events)
{
    struct hark_ev *e = (struct hark_ev *)io;
    (void)loop, (void)events;
    int rc = hark_step(e->pubsub);
    if (rc < 0) e->failed(e, rc);
}

static void hark_ev_start(struct hark_ev *e, struct ev_loop *loop, struct hark_pubsub *pubsub,
                          void (*failed)(struct hark_ev *e, int result))
{
    e->loop = loop;
    e->pubsub = pubsub;
    e->failed = failed;
    ev_init(&e->io, hark_ev_step);
    ev_io_set(&e->io, hark_pubsub_fd(pubsub), EV_READ);
    ev_io_start(loop, &e->io);
    hark_ev_step(loop, &e->io, 0); /* sends what was asked for already */
}

static void hark_ev_stop(struct hark_ev *e)
{
    ev_io_stop(e->loop, &e->io);
}

#endif
