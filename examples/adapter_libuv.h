/* libhark in libuv's loop. One descriptor stays the same however often the connection is made anew,
 * and nothing else has to be waited for; so this is all:
 *
 *     struct hark_uv adapter;
 *     hark_uv_start(&adapter, uv_default_loop(), pubsub, failed);
 *     ...
 *     hark_uv_stop(&adapter, closed);       then, in `closed`, hark_pubsub_close
 *
 * Messages go to their handlers. */
#ifndef EXAMPLES_ADAPTER_LIBUV_H
#define EXAMPLES_ADAPTER_LIBUV_H

#include <hark.h>
#include <uv.h>

struct hark_uv {
    uv_poll_t poll; /* first */
    struct hark_pubsub *pubsub;
    void (*failed)(struct hark_uv *u, int result); /* hark_pubsub_error says why; it goes on */
};

static void hark_uv_step(uv_poll_t *poll, int status, int events)
{
    struct hark_uv *u = (struct hark_uv *)poll;
    (void)status, (void)events;
    int rc = hark_step(u->pubsub);
    if (rc < 0) u->failed(u, rc);
}

/* Returns 0 or an error of libuv. */
static int hark_uv_start(struct hark_uv *u, uv_loop_t *loop, struct hark_pubsub *pubsub,
                         void (*failed)(struct hark_uv *u, int result))
{
    u->pubsub = pubsub;
    u->failed = failed;
    int rc = uv_poll_init(loop, &u->poll, hark_pubsub_fd(pubsub));
    if (rc == 0) rc = uv_poll_start(&u->poll, UV_READABLE, hark_uv_step);
    if (rc == 0) hark_uv_step(&u->poll, 0, 0); /* sends what was asked for already */
    return rc;
}

/* The descriptor may be closed when libuv has called `closed`, not before. */
static void hark_uv_stop(struct hark_uv *u, uv_close_cb closed)
{
    uv_close((uv_handle_t *)&u->poll, closed);
}

#endif
