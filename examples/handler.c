/* The second program of the walk-through: a handler takes the messages of its subscription, and
 * the loop sees only the others.
 *
 *     handler [URL]          redis://127.0.0.1:6379 */
#include "print.h"

static int event_handler(struct hark_pubsub *pubsub, const struct hark_message *message,
                         void *context)
{
    (void)pubsub, (void)context;
    printf("Handler ");
    print_message(message);
    return 0;
}

int main(int argc, char **argv)
{
    struct hark_options options = HARK_OPTIONS;
    options.url = argc > 1 ? argv[1] : "redis://127.0.0.1:6379";
    struct hark_pubsub *pubsub;
    int rc = hark_pubsub_open(&options, &pubsub);
    if (rc == 0) rc = hark_psubscribe(pubsub, "__keyspace@0__:*", HARK_NUL, event_handler, NULL);
    if (rc == 0) puts("Starting message loop");
    while (rc >= 0) {
        /* 1 without a message: the handler had it. */
        struct hark_message *message;
        rc = hark_pubsub_get_message(pubsub, 100, &message);
        if (rc == 1 && message) print_message(message);
        if (rc == 1) hark_message_free(message);
    }
    fprintf(stderr, "%s\n", hark_pubsub_error(pubsub));
    hark_pubsub_close(pubsub);
    return 1;
}
