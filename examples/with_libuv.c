/* The third program of the walk-through, in a loop of libuv: prints until a key has expired.
 *
 *     with_libuv [URL]          redis://127.0.0.1:6379 */
#include "adapter_libuv.h"
#include "print.h"

static int event_handler(struct hark_pubsub *pubsub, const struct hark_message *message,
                         void *context)
{
    (void)pubsub;
    print_message(message);
    if (message->type == HARK_M_RESUMED) return 0; /* only the connection was lost meanwhile */
    hark_uv_stop(context, NULL);                   /* the loop ends, as nothing is left in it */
    return 0;
}

static void failed(struct hark_uv *u, int result)
{
    (void)result;
    fprintf(stderr, "%s\n", hark_pubsub_error(u->pubsub));
}

int main(int argc, char **argv)
{
    struct hark_options options = HARK_OPTIONS;
    options.url = argc > 1 ? argv[1] : "redis://127.0.0.1:6379";
    struct hark_pubsub *pubsub;
    struct hark_uv adapter;
    int rc = hark_pubsub_open(&options, &pubsub);
    if (rc == 0)
        rc = hark_psubscribe(pubsub, "__keyevent@0__:expired", HARK_NUL, event_handler, &adapter);
    if (rc == 0) rc = hark_uv_start(&adapter, uv_default_loop(), pubsub, failed);
    if (rc == 0)
        uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    else
        fprintf(stderr, "%s\n", hark_pubsub_error(pubsub));
    hark_pubsub_close(pubsub);
    uv_loop_close(uv_default_loop());
    return rc != 0;
}
