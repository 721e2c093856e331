/* A worker of a group, by libhark. What it is told and what it writes down: ../crew.py. Batches are
 * the library's own business: each message is one here. */
#include <fcntl.h>
#include <hark.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int log_fd, connections;

static long long now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static int handle(struct hark_pubsub *p, const struct hark_message *m, void *context)
{
    (void)p, (void)context;
    if (m->type == HARK_M_RESUMED) {
        connections++;
        return 0;
    }
    struct hark_event *e;
    if (hark_event_parse(m, NULL, &e) < 0) abort();
    char text[1024];
    int len = snprintf(text, sizeof text, "batch %s %d-%d 0 %lld\nentry %s %s %s %d\n",
                       m->again ? "own" : "new", (int)getpid(), connections, now_us(), e->id.at,
                       e->key.at, e->event.at, e->db);
    if (write(log_fd, text, (size_t)len) != len) abort();
    hark_event_free(e);
    /* So that it is often killed between handling and acknowledging. */
    struct timespec work = {.tv_nsec = 100000};
    nanosleep(&work, NULL);
    return 0;
}

int main(void)
{
    struct hark_options options = HARK_OPTIONS;
    options.path = getenv("SOCKET");
    options.open_anyway = 1;
    options.reconnect_max_ms = 100;
    int claim_ms = atoi(getenv("CLAIM_MS"));
    struct hark_durable_options durable = HARK_DURABLE_OPTIONS;
    durable.claim_idle_ms = claim_ms ? claim_ms : -1;
    durable.batch = 20;
    durable.handler = handle;
    log_fd = open(getenv("LOG"), O_WRONLY | O_APPEND);
    struct hark_pubsub *p;
    int rc =
        hark_durable_open(&options, getenv("VIEW"), getenv("GROUP"), getenv("NAME"), &durable, &p);
    if (rc == 0) rc = hark_pubsub_run_in_thread(p, 0);
    if (rc == 0) rc = hark_pubsub_join(p);
    fprintf(stderr, "%s\n", hark_pubsub_error(p));
    hark_pubsub_close(p);
    return 1;
}
