/* hiredis' side of its comparison with libhark (rounds.h). */
#include "rounds.h"

#include <hiredis/hiredis.h>

static redisReply *check(redisContext *c, void *reply)
{
    if (reply) return reply;
    fprintf(stderr, "%s\n", c->errstr);
    exit(1);
}

static void trips(redisContext *c, long count, const char *value)
{
    for (long i = 0; i < count; i++)
        freeReplyObject(check(c, redisCommand(c, "SET %s %b", "key", value, (size_t)VALUE_BYTES)));
}

static void *next(redisContext *c)
{
    void *reply = NULL;
    if (redisGetReply(c, &reply) != REDIS_OK) reply = NULL;
    return check(c, reply);
}

static void pipeline(redisContext *c, long count, const char *value)
{
    for (long i = 0; i < count; i += PIPELINE) {
        for (int k = 0; k < PIPELINE; k++)
            redisAppendCommand(c, "SET %s %b", "key", value, (size_t)VALUE_BYTES);
        for (int k = 0; k < PIPELINE; k++) freeReplyObject(next(c));
    }
}

static void messages(redisContext *c, long count)
{
    freeReplyObject(check(c, redisCommand(c, "SUBSCRIBE bench")));
    await_messages();
    double start = now_s(), cpu = cpu_s();
    for (long i = 0; i < count; i++) {
        redisReply *r = next(c);
        if (r->elements != 3 || r->element[2]->len != VALUE_BYTES) exit(1);
        freeReplyObject(r);
    }
    print_result(count, now_s() - start, cpu_s() - cpu);
}

int main(int argc, char **argv)
{
    struct round_of r = read_round(argc, argv);
    char value[VALUE_BYTES];
    memset(value, 'v', sizeof value);
    redisContext *c = redisConnect("127.0.0.1", r.port);
    if (!c || c->err) {
        fprintf(stderr, "no connection\n");
        return 1;
    }
    if (strcmp(r.what, "messages") == 0) {
        messages(c, r.count);
        return 0;
    }
    double start = now_s(), cpu = cpu_s();
    if (strcmp(r.what, "pipeline") == 0)
        pipeline(c, r.count, value);
    else
        trips(c, r.count, value);
    print_result(r.count, now_s() - start, cpu_s() - cpu);
    redisFree(c);
    return 0;
}
