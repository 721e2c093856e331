/* libhark's side of the comparison with hiredis (rounds.h). */
#include "../../include/hark.h"
#include "rounds.h"

static void check(int rc, const char *error)
{
    if (rc >= 0) return;
    fprintf(stderr, "%s\n", error);
    exit(1);
}

static void trips(struct hark *h, long count, const char *value)
{
    for (long i = 0; i < count; i++) {
        struct hark_reply *r;
        check(hark_commandf(h, &r, "SET %s %b", "key", value, (size_t)VALUE_BYTES), hark_error(h));
        hark_reply_free(r);
    }
}

static void pipeline(struct hark *h, long count, const char *value)
{
    for (long i = 0; i < count; i += PIPELINE) {
        for (int k = 0; k < PIPELINE; k++)
            check(hark_queuef(h, "SET %s %b", "key", value, (size_t)VALUE_BYTES), hark_error(h));
        for (int k = 0; k < PIPELINE; k++) {
            struct hark_reply *r;
            check(hark_read(h, &r), hark_error(h));
            hark_reply_free(r);
        }
    }
}

static void messages(int port, long count)
{
    struct hark_options options = HARK_OPTIONS;
    options.port = port;
    struct hark_pubsub *p;
    struct hark_message *m;
    check(hark_pubsub_open(&options, &p), "no connection");
    check(hark_subscribe(p, "bench", HARK_NUL, NULL, NULL), "not subscribed");
    check(hark_pubsub_get_message(p, -1, &m), "no confirmation");
    hark_message_free(m);
    await_messages();
    double start = now_s(), cpu = cpu_s();
    for (long i = 0; i < count; i++) {
        check(hark_pubsub_get_message(p, -1, &m), hark_pubsub_error(p));
        if (m->data.len != VALUE_BYTES) exit(1);
        hark_message_free(m);
    }
    print_result(count, now_s() - start, cpu_s() - cpu);
    hark_pubsub_close(p);
}

int main(int argc, char **argv)
{
    struct round_of r = read_round(argc, argv);
    char value[VALUE_BYTES];
    memset(value, 'v', sizeof value);
    if (strcmp(r.what, "messages") == 0) {
        messages(r.port, r.count);
        return 0;
    }
    struct hark_options options = HARK_OPTIONS;
    options.port = r.port;
    struct hark *h;
    check(hark_connect(&options, &h), "no connection");
    double start = now_s(), cpu = cpu_s();
    if (strcmp(r.what, "pipeline") == 0)
        pipeline(h, r.count, value);
    else
        trips(h, r.count, value);
    print_result(r.count, now_s() - start, cpu_s() - cpu);
    hark_close(h);
    return 0;
}
