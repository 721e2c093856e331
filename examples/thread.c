/* The third program of the walk-through: messages come in a thread, until a key has expired and the
 * handler stops it.
 *
 *     thread [URL]          redis://127.0.0.1:6379 */
#include "print.h"

static int event_handler(struct hark_pubsub *pubsub, const struct hark_message *message,
                         void *context)
{
    (void)context;
    print_message(message);
    if (message->type == HARK_M_RESUMED) return 0; /* only the connection was lost meanwhile */
    hark_pubsub_stop(pubsub);
    return 0;
}

int main(int argc, char **argv)
{
    struct hark_options options = HARK_OPTIONS;
    options.url = argc > 1 ? argv[1] : "redis://127.0.0.1:6379";
    struct hark_pubsub *pubsub;
    int rc = hark_pubsub_open(&options, &pubsub);
    if (rc == 0)
        rc = hark_psubscribe(pubsub, "__keyevent@0__:expired", HARK_NUL, event_handler, NULL);
    if (rc == 0) rc = hark_pubsub_run_in_thread(pubsub, 10);
    if (rc == 0) rc = hark_pubsub_join(pubsub);
    if (rc < 0) fprintf(stderr, "%s\n", hark_pubsub_error(pubsub));
    hark_pubsub_close(pubsub);
    return rc < 0;
}
