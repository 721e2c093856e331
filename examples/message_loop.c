/* The first program of the walk-through: subscribes, and prints what comes.
 *
 *     message_loop [URL]          redis://127.0.0.1:6379 */
#include "print.h"

int main(int argc, char **argv)
{
    struct hark_options options = HARK_OPTIONS;
    options.url = argc > 1 ? argv[1] : "redis://127.0.0.1:6379";
    struct hark_pubsub *pubsub;
    int rc = hark_pubsub_open(&options, &pubsub);
    if (rc == 0) rc = hark_psubscribe(pubsub, "__keyspace@0__:*", HARK_NUL, NULL, NULL);
    if (rc == 0) puts("Starting message loop");
    while (rc >= 0) {
        /* Waits up to a tenth of a second; 0 when nothing came. */
        struct hark_message *message;
        rc = hark_pubsub_get_message(pubsub, 100, &message);
        if (rc == 1) {
            print_message(message);
            hark_message_free(message);
        }
    }
    fprintf(stderr, "%s\n", hark_pubsub_error(pubsub));
    hark_pubsub_close(pubsub);
    return 1;
}
