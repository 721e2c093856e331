/* The third program of the walk-through, in a loop of libev: prints until a key has expired.
 *
 *     with_libev [URL]          redis://127.0.0.1:6379 */
#include "adapter_libev.h"
#include "print.h"

static int event_handler(struct hark_pubsub *pubsub, const struct hark_message *message,
                         void *context)
{
    (void)pubsub;
    print_message(message);
    if (message->type == HARK_M_RESUMED) return 0; /* only the connection was lost meanwhile */
    hark_ev_stop(context);                         /* the loop ends, as nothing is left in it */
    return 0;
}

static void failed(struct hark_ev *e, int result)
{
    (void)result;
    fprintf(stderr, "%s\n", hark_pubsub_error(e->pubsub));
}

int main(int argc, char **argv)
{
    struct hark_options options = HARK_OPTIONS;
    options.url = argc > 1 ? argv[1] : "redis://127.0.0.1:6379";
    struct hark_pubsub *pubsub;
    struct hark_ev adapter;
    int rc = hark_pubsub_open(&options, &pubsub);
    if (rc == 0)
        rc = hark_psubscribe(pubsub, "__keyevent@0__:expired", HARK_NUL, event_handler, &adapter);
    if (rc == 0) {
        hark_ev_start(&adapter, EV_DEFAULT, pubsub, failed);
        ev_run(EV_DEFAULT, 0);
    } else {
        fprintf(stderr, "%s\n", hark_pubsub_error(pubsub));
    }
    hark_pubsub_close(pubsub);
    return rc != 0;
}
