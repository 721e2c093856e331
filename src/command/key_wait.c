#include "key_wait.h"

#include "../base/mem.h"
#include "../base/text.h"
#include "../engine/awaited.h"

struct key_wait;

struct awaited_word {
    struct key_waiter waiter;
    struct key_wait *wait;
};

struct key_wait {
    struct wait wait;
    struct blocking what;
    struct engine *engine;
    int ready; /* the first of the keys that has called since it was tried; or -1 */
    struct awaited_word keys[]; /* as many as `what` says */
};

static size_t size_of(const struct blocking *b)
{
    return sizeof(struct key_wait) + (size_t)b->keys * sizeof(struct awaited_word);
}

bool call_timeout(struct call *c, int i, int64_t *deadline_ms)
{
    long double seconds;
    int64_t now = engine_now(c->engine);
    const char *wrong = NULL;
    *deadline_ms = WAIT_FOREVER;
    if (!text_to_long_double(call_arg(c, i), &seconds)) {
        wrong = "ERR timeout is not a float or out of range";
    } else if (seconds * 1000 >= (long double)(INT64_MAX - now)) {
        wrong = "ERR timeout is out of range";
    } else if (seconds * 1000 <= -1) {
        wrong = "ERR timeout is negative";
    } else if (seconds > 0) {
        int64_t ms = (int64_t)(seconds * 1000);
        *deadline_ms = now + ms + ((long double)ms < seconds * 1000);
    }
    if (wrong) resp_error(&c->reply, slice_text(wrong));
    return !wrong;
}

static void key_ready(struct key_waiter *w)
{
    struct awaited_word *word = (struct awaited_word *)w;
    struct key_wait *k = word->wait;
    if (k->ready < 0) k->ready = (int)(word - k->keys);
    wait_wake(&k->wait);
}

/* Serves it from this key, if that has what it waits for: whatever else it has become does not
 * concern who waits. */
static bool serve_from(struct call *c, const struct blocking *b, int i)
{
    struct slice key = call_arg(c, b->first + i);
    const struct entry *e = gate_read(c->engine, c->db, key, READ_QUIET | READ_NO_TOUCH);
    return e && entry_type(e) == b->type && b->serve(c, b, key);
}

static bool key_wait_resume(struct call *c, struct wait *w)
{
    struct key_wait *k = (struct key_wait *)w;
    int ready = k->ready;
    k->ready = -1;
    if (ready >= 0 && serve_from(c, &k->what, ready)) return true;
    for (int i = 0; i < k->what.keys; i++)
        if (i != ready && serve_from(c, &k->what, i)) return true;
    return false;
}

static void reply_nothing(struct call *c, void (*reply)(struct call *c))
{
    if (reply)
        reply(c);
    else
        resp_null_array(&c->reply);
}

static void key_wait_time_out(struct call *c, struct wait *w)
{
    reply_nothing(c, ((struct key_wait *)w)->what.time_out);
}

static void key_wait_drop(struct wait *w)
{
    struct key_wait *k = (struct key_wait *)w;
    for (int i = 0; i < k->what.keys; i++) awaited_leave(k->engine, &k->keys[i].waiter);
    mem_free(k, size_of(&k->what));
}

static const struct wait_kind key_wait_kind = {
    .resume = key_wait_resume, .time_out = key_wait_time_out, .drop = key_wait_drop};

static void wait_for_keys(struct call *c, const struct blocking *b)
{
    struct key_wait *k = mem_zalloc(size_of(b));
    k->what = *b;
    k->engine = c->engine;
    k->ready = -1;
    size_t bytes = mem_cost(size_of(b));
    for (int i = 0; i < b->keys; i++) {
        struct awaited_word *word = &k->keys[i];
        bytes += awaited_bytes(call_arg(c, b->first + i));
        word->wait = k;
        word->waiter = (struct key_waiter){.type = b->type, .ready = key_ready};
        awaited_join(c->engine, &word->waiter, c->db, call_arg(c, b->first + i));
    }
    call_wait(c, &k->wait, &key_wait_kind, b->deadline_ms, true);
    k->wait.bytes = bytes;
}

void block_on_keys(struct call *c, const struct blocking *b)
{
    for (int i = 0; i < b->keys; i++)
        if (b->serve(c, b, call_arg(c, b->first + i))) return;
    if (call_may_wait(c))
        wait_for_keys(c, b);
    else
        reply_nothing(c, b->cannot_wait);
}
