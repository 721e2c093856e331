/* --pipe: requests in RESP from standard input, as fast as the server takes them. Nobody knows how
 * many there are, so an ECHO of random bytes follows the last: when it comes back, all replies
 * are in. A line end before it closes a last inline request that has none. */
#include "cli.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    MAGIC_BYTES = 20,
    READ_BYTES = 64 * 1024,
    UNSENT_MAX = 1024 * 1024, /* no more is read while so much waits to be sent */
};

struct pipe {
    struct session *session;
    struct hark *link;
    bool input_over, done;
    char magic[MAGIC_BYTES];
    long long errors, replies;
    double last_reply_ms;
};

static bool queue_echo(struct pipe *p)
{
    if (getrandom(p->magic, sizeof p->magic, 0) != sizeof p->magic) return false;
    return hark_queue_raw(p->link, "\r\n", 2) == 0 &&
           hark_queue(p->link, 2, (const char *[]){"ECHO", p->magic},
                      (size_t[]){4, sizeof p->magic}) == 0;
}

/* Reads once from standard input; false when that fails. */
static bool read_input(struct pipe *p)
{
    char bytes[READ_BYTES];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (n < 0) {
        fprintf(stderr, "Error reading from standard input: %s\n", strerror(errno));
        return false;
    }
    if (n > 0) {
        if (hark_queue_raw(p->link, bytes, (size_t)n) < 0) session_die(p->session);
        return true;
    }
    p->input_over = true;
    p->last_reply_ms = now_ms();
    printf("All data transferred. Waiting for the last reply...\n");
    fflush(stdout);
    return queue_echo(p);
}

static void count_reply(struct pipe *p, const struct hark_reply *r)
{
    p->last_reply_ms = now_ms();
    if (p->input_over && r->type == HARK_T_STRING && r->len == sizeof p->magic &&
        memcmp(r->text, p->magic, sizeof p->magic) == 0) {
        p->done = true;
        return;
    }
    p->replies++;
    if (r->type != HARK_T_ERROR) return;
    p->errors++;
    fprintf(stderr, "%s\n", r->text);
}

static void take_replies(struct pipe *p)
{
    struct hark_reply *r;
    int rc = 0;
    while (!p->done && (rc = hark_take(p->link, &r)) == 1) {
        count_reply(p, r);
        hark_reply_free(r);
    }
    if (rc < 0) session_die(p->session);
}

/* Waits for the server, for input when there is room for it, or for the time-out. */
static bool wait_readable_input(struct pipe *p)
{
    bool wanted = !p->input_over && hark_unsent(p->link) < UNSENT_MAX;
    struct pollfd fds[] = {
        {.fd = hark_fd(p->link), .events = POLLIN | (hark_unsent(p->link) ? POLLOUT : 0)},
        {.fd = wanted ? STDIN_FILENO : -1, .events = POLLIN},
    };
    bool timed = p->input_over && p->session->options->pipe_timeout_s > 0;
    return poll(fds, 2, timed ? 1000 : -1) > 0 && fds[1].revents;
}

static bool timed_out(const struct pipe *p)
{
    int timeout_s = p->session->options->pipe_timeout_s;
    return p->input_over && timeout_s > 0 && now_ms() - p->last_reply_ms > timeout_s * 1e3;
}

int pipe_run(struct session *s)
{
    struct pipe p = {.session = s, .link = s->link};
    while (!p.done) {
        if (wait_readable_input(&p) && !read_input(&p)) return 1;
        int rc = hark_turn(p.link, 0);
        take_replies(&p);
        if (!p.done && rc < 0) session_die(s);
        if (!p.done && timed_out(&p)) {
            fprintf(stderr, "No replies for %d seconds: exiting.\n", s->options->pipe_timeout_s);
            p.errors++;
            break;
        }
    }
    if (p.done) printf("Last reply received from server.\n");
    printf("errors: %lld, replies: %lld\n", p.errors, p.replies);
    return p.errors > 0;
}
