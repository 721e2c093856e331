/* A durable worker: handles every event of a channel or pattern, also those that came while it was
 * away, and shares them with other workers of its group.
 *
 *     worker [URL [CHANNEL [GROUP [CONSUMER]]]]
 *
 * Without more it bills what has expired, in any database, from now on. It ends after SIGTERM or
 * Ctrl-C, with what it handled acknowledged; kill -9 is fine, too: what it had begun comes again.
 *
 * A line for each event: id, event, database, key. */
#include <hark.h>
#include <signal.h>
#include <stdio.h>

static int handle(struct hark_pubsub *p, const struct hark_message *m, void *context)
{
    (void)p, (void)context;
    if (m->type == HARK_M_RESUMED || m->type == HARK_M_GAP) {
        fprintf(stderr, "%s: %s\n", hark_message_type_text(m->type), m->data.at);
        return 0; /* a gap is acknowledged as well */
    }
    struct hark_event *event;
    if (hark_event_parse(m, NULL, &event) != 0) return 1; /* no memory: it comes again */
    printf("%s %s %d ", event->id.at, event->event.at, event->db);
    fwrite(event->key.at, 1, event->key.len, stdout);
    putchar('\n');
    /* Handled means: it has left this process. Only then is it acknowledged. */
    int written = fflush(stdout);
    hark_event_free(event);
    return written == 0 ? 0 : 1;
}

static struct hark_pubsub *pubsub;
static volatile sig_atomic_t ending;

static void end(int number)
{
    (void)number;
    ending = 1;
    hark_pubsub_stop(pubsub);
}

int main(int argc, char **argv)
{
    struct hark_options options = HARK_OPTIONS;
    options.url = argc > 1 ? argv[1] : "redis://127.0.0.1:6379";
    options.open_anyway = 1; /* the server may still be starting */
    struct hark_durable_options durable = HARK_DURABLE_OPTIONS;
    durable.handler = handle;
    const char *channel = argc > 2 ? argv[2] : "__keyevent@*__:expired";
    const char *group = argc > 3 ? argv[3] : "billing", *consumer = argc > 4 ? argv[4] : "worker-1";

    int rc = hark_durable_open(&options, channel, group, consumer, &durable, &pubsub);
    if (rc == 0) {
        signal(SIGTERM, end);
        signal(SIGINT, end);
    }
    while ((rc >= 0 || rc == HARK_INTERRUPTED) && !ending) {
        struct hark_message *none; /* the handler has them all */
        rc = hark_pubsub_get_message(pubsub, -1, &none);
    }
    if (rc < 0 && !ending) fprintf(stderr, "%s\n", hark_pubsub_error(pubsub));
    hark_pubsub_close(pubsub); /* acknowledges what was handled */
    return rc < 0 && !ending;
}
