/* The reader: a thread that goes on with questions, some milliseconds of each in turn.
 *
 *      owner ── reader_take ──▶ queue ──▶ reading ──┬─▶ back ── reader_give_back ──▶ owner
 *                                 ▲────── more ─────┘
 *
 * Under the lock a question is in `queue`, in `back`, or the one that is being read; nobody but the
 * reader touches that one, which is therefore only marked when it is given up. */
#include "../io/clock.h"
#include "internal.h"

enum {
    SLICE_US = 2000,
    CURSORS_MAX = 64, /* with more questions than this, none keeps its file and window meanwhile */
};

/* Takes the next one from the queue and scans. Lock held, given up meanwhile. */
static void read_slice(struct views *v)
{
    struct view_question *q = v->queue.oldest;
    list_remove(&v->queue, q);
    q->state = QUESTION_READING;
    v->reading = true;
    mutex_unlock(&v->lock);
    enum scan_end end = question_scan(q, &v->reader, io_mono_us() + SLICE_US);
    bench_trim(&v->reader);
    mutex_lock(&v->lock);
    v->reading = false;
    if (v->queue.count > CURSORS_MAX || end == SCAN_AWAY) question_close_cursor(q);
    if (q->forgotten) {
        question_free(q);
    } else if (end == SCAN_MORE) {
        q->state = QUESTION_QUEUED;
        list_add(&v->queue, q);
    } else {
        q->state = QUESTION_BACK;
        list_add(&v->back, q);
        if (v->back.count == 1) views_wake(v);
    }
}

static void run(void *ctx)
{
    struct views *v = ctx;
    mutex_lock(&v->lock);
    while (!v->stop) {
        if (v->queue.count && !v->hold) {
            read_slice(v);
            continue;
        }
        condition_signal(&v->idle);
        condition_wait(&v->work, &v->lock);
    }
    mutex_unlock(&v->lock);
}

int reader_start(struct views *v)
{
    v->reader.on_disk = true;
    mutex_init(&v->lock);
    condition_init(&v->work);
    condition_init(&v->idle);
    return v->config.threaded ? thread_start(&v->thread, "views", run, v) : 0;
}

void reader_stop(struct views *v)
{
    mutex_lock(&v->lock);
    v->stop = true;
    condition_signal(&v->work);
    mutex_unlock(&v->lock);
    if (v->config.threaded) thread_join(&v->thread);
    mutex_fini(&v->lock);
    condition_fini(&v->work);
    condition_fini(&v->idle);
}

void reader_take(struct views *v, struct view_question *q)
{
    q->lent = true;
    mutex_lock(&v->lock);
    q->state = QUESTION_QUEUED;
    list_add(&v->queue, q);
    condition_signal(&v->work);
    mutex_unlock(&v->lock);
    if (!v->config.threaded) views_wake(v);
}

struct view_question *reader_give_back(struct views *v)
{
    mutex_lock(&v->lock);
    struct view_question *q = v->back.oldest;
    if (q) {
        list_remove(&v->back, q);
        q->state = QUESTION_OWNED;
        q->lent = false;
    }
    mutex_unlock(&v->lock);
    return q;
}

void reader_run_once(struct views *v)
{
    mutex_lock(&v->lock);
    for (size_t n = v->queue.count; n > 0; n--) read_slice(v);
    bool more = v->queue.count > 0;
    mutex_unlock(&v->lock);
    if (more) views_wake(v);
}

void reader_empty(struct views *v)
{
    struct view_question *q;
    mutex_lock(&v->lock);
    v->hold = true;
    while (v->reading) condition_wait(&v->idle, &v->lock);
    while ((q = v->queue.oldest)) {
        list_remove(&v->queue, q);
        question_close_cursor(q);
        q->state = QUESTION_BACK;
        list_add(&v->back, q);
    }
    v->hold = false;
    mutex_unlock(&v->lock);
}

bool reader_forget(struct views *v, struct view_question *q)
{
    mutex_lock(&v->lock);
    bool reading = q->state == QUESTION_READING;
    q->forgotten = reading;
    if (q->state == QUESTION_QUEUED) list_remove(&v->queue, q);
    if (q->state == QUESTION_BACK) list_remove(&v->back, q);
    mutex_unlock(&v->lock);
    return !reading;
}
