/* nbench: measures a Redis-protocol server's keyspace notifications from the outside.
 *
 *   nbench events  PORT SUBSCRIBERS NOISE_PATTERNS OPS PIPELINE [FLAGS]
 *       SUBSCRIBERS connections PSUBSCRIBE __keyevent@0__:set; one more connection holds
 * NOISE_PATTERNS patterns that never match; one writer sends OPS SETs, PIPELINE at a time. FLAGS is
 * notify-keyspace-events (default KEA; "-" for none). nbench expiry  PORT LONG_LIVED SHORT_LIVED
 * TTL_MIN_MS TTL_MAX_MS WAIT_S lateness of `expired` events of SHORT_LIVED keys among LONG_LIVED
 * keys with a one-hour TTL. nbench latency PORT SECONDS asks one GET after the other.
 *
 * Prints one line of key=value figures; server CPU is read from /proc (pid by INFO). */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int port;
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}
static int dial(void)
{
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(s, (void *)&a, sizeof a)) {
        perror("connect");
        exit(2);
    }
    int one = 1;
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return s;
}
static void wr(int s, const char *b, size_t n)
{
    while (n) {
        ssize_t k = write(s, b, n);
        if (k <= 0) {
            if (errno == EINTR) continue;
            perror("write");
            exit(2);
        }
        b += k;
        n -= k;
    }
}
/* sends and reads one small reply into out (NUL ended) */
static void cmd(int s, const char *c, char *out, size_t cap)
{
    wr(s, c, strlen(c));
    size_t n = 0;
    struct pollfd p = {s, POLLIN, 0};
    for (;;) {
        if (poll(&p, 1, n ? 60 : 5000) <= 0) break;
        ssize_t k = read(s, out + n, cap - 1 - n);
        if (k <= 0) break;
        n += k;
        if (n >= cap - 1) break;
    }
    out[n] = 0;
}
static long pid_of(int s)
{
    static char b[1 << 17];
    cmd(s, "*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n", b, sizeof b);
    char *p = strstr(b, "process_id:");
    return p ? atol(p + 11) : 0;
}
static double cpu(long pid)
{
    if (!pid) return 0;
    char f[64];
    snprintf(f, 64, "/proc/%ld/stat", pid);
    FILE *h = fopen(f, "r");
    if (!h) return 0;
    char b[2048];
    size_t n = fread(b, 1, 2047, h);
    fclose(h);
    b[n] = 0;
    char *p = strrchr(b, ')');
    unsigned long u = 0, k = 0;
    sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &u, &k);
    return (double)(u + k) / sysconf(_SC_CLK_TCK);
}
static long rss(long pid)
{
    char f[64];
    snprintf(f, 64, "/proc/%ld/statm", pid);
    FILE *h = fopen(f, "r");
    long a = 0, b = 0;
    if (h) {
        if (fscanf(h, "%ld %ld", &a, &b) != 2) b = 0;
        fclose(h);
    }
    return b * 4096;
}
static void setcfg(int s, const char *k, const char *v)
{
    char c[512], o[4096];
    snprintf(c, 512, "*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(k),
             k, strlen(v), v);
    cmd(s, c, o, 4096);
    if (o[0] != '+') {
        fprintf(stderr, "config %s: %s\n", k, o);
    }
}

/* ---- events ---- */
static _Atomic long got;
static int nsub, *subs;
static _Atomic int stop;
static long want;
static _Atomic double last_at;
static void *reader(void *x)
{
    (void)x;
    int e = epoll_create1(0);
    int *state = calloc(nsub, sizeof(int));
    for (int i = 0; i < nsub; i++) {
        struct epoll_event v = {EPOLLIN, {.u32 = i}};
        epoll_ctl(e, EPOLL_CTL_ADD, subs[i], &v);
    }
    static char b[1 << 18];
    const char *pat = "pmessage\r\n";
    struct epoll_event v[256];
    while (!stop) {
        int n = epoll_wait(e, v, 256, 50);
        for (int i = 0; i < n; i++) {
            int id = v[i].data.u32;
            ssize_t k = read(subs[id], b, sizeof b);
            if (k <= 0) {
                fprintf(stderr, "subscriber closed\n");
                epoll_ctl(e, EPOLL_CTL_DEL, subs[id], 0);
                continue;
            }
            /* KMP-free matcher: 'p' occurs once in the needle, so a failed match restarts at 0 or 1
             */
            int st = state[id];
            long c = 0;
            for (ssize_t j = 0; j < k; j++) {
                char ch = b[j];
                if (ch == pat[st]) {
                    if (++st == 10) {
                        c++;
                        st = 0;
                    }
                } else
                    st = (ch == 'p');
            }
            state[id] = st;
            if (c) {
                long t = atomic_fetch_add(&got, c) + c;
                if (t >= want) last_at = now();
            }
        }
    }
    free(state);
    return 0;
}
static int events(int argc, char **argv)
{
    nsub = atoi(argv[3]);
    long noise = atol(argv[4]), ops = atol(argv[5]);
    int pipe = atoi(argv[6]);
    const char *flags = argc > 7 ? argv[7] : "KEA";
    if (!strcmp(flags, "-")) flags = "";
    int c = dial();
    char o[8192];
    cmd(c, "*1\r\n$8\r\nFLUSHALL\r\n", o, sizeof o);
    setcfg(c, "notify-keyspace-events", flags);
    setcfg(c, "client-output-buffer-limit", "pubsub 0 0 0");
    long pid = pid_of(c);
    subs = calloc(nsub + 1, sizeof(int));
    const char *sub = "*2\r\n$10\r\nPSUBSCRIBE\r\n$18\r\n__keyevent@0__:set\r\n";
    for (int i = 0; i < nsub; i++) {
        subs[i] = dial();
        cmd(subs[i], sub, o, sizeof o);
    }
    if (noise) {
        int s = dial();
        static char big[1 << 16];
        for (long i = 0; i < noise;) {
            int n = 0;
            int k = 0;
            for (; k < 100 && i < noise; k++, i++) {
                char p[64];
                int l = snprintf(p, 64, "__keyspace@0__:tenant:%ld:*", i);
                n += snprintf(big + n, sizeof big - n, "*2\r\n$10\r\nPSUBSCRIBE\r\n$%d\r\n%s\r\n",
                              l, p);
            }
            wr(s, big, n);
            int lines = 0;
            char rb[65536];
            while (lines < k * 6) {
                ssize_t r = read(s, rb, sizeof rb);
                if (r <= 0) {
                    perror("noise");
                    exit(2);
                }
                for (ssize_t j = 0; j < r; j++) lines += rb[j] == '\n';
            }
        }
    }
    want = ops * nsub;
    pthread_t t;
    pthread_create(&t, 0, reader, 0);
    usleep(100000);
    size_t cap = (size_t)pipe * 80;
    char *req = malloc(cap);
    char *rb = malloc(1 << 18);
    unsigned long rnd = 88172645463325252UL;
    double c0 = cpu(pid), t0 = now();
    for (long i = 0; i < ops;) {
        size_t n = 0;
        int k = 0;
        for (; k < pipe && i < ops; k++, i++) {
            rnd ^= rnd << 13;
            rnd ^= rnd >> 7;
            rnd ^= rnd << 17;
            n += snprintf(req + n, cap - n,
                          "*3\r\n$3\r\nSET\r\n$16\r\nuser:%011lu\r\n$8\r\nvvvvvvvv\r\n",
                          rnd % 1000000);
        }
        wr(c, req, n);
        long left = (long)k * 5;
        while (left > 0) {
            ssize_t r = read(c, rb, left < (1 << 18) ? left : (1 << 18));
            if (r <= 0) {
                perror("read");
                exit(2);
            }
            left -= r;
        }
    }
    double t1 = now();
    double deadline = t1 + 60;
    while (nsub && got < want && now() < deadline) usleep(2000);
    double c1 = cpu(pid);
    double t2 = nsub ? (double)last_at : t1;
    if (t2 < t1) t2 = t1;
    stop = 1;
    pthread_join(t, 0);
    printf("events subs=%d noise=%ld pipe=%d flags=%s writes/s=%.0f delivered=%ld/%ld "
           "delivered/s=%.0f cpu_us/write=%.3f cpu_us/delivery=%.3f\n",
           nsub, noise, pipe, flags, ops / (t1 - t0), (long)got, want, nsub ? got / (t2 - t0) : 0.0,
           (c1 - c0) * 1e6 / ops, nsub ? (c1 - c0) * 1e6 / want : 0.0);
    return got < want;
}

/* ---- expiry ---- */
static int cmpd(const void *a, const void *b)
{
    double x = *(double *)a, y = *(double *)b;
    return x < y ? -1 : x > y;
}
static int expiry(char **argv)
{
    long L = atol(argv[3]), S = atol(argv[4]), a = atol(argv[5]), z = atol(argv[6]);
    double wait = atof(argv[7]);
    int c = dial();
    char o[8192];
    cmd(c, "*1\r\n$8\r\nFLUSHALL\r\n", o, sizeof o);
    setcfg(c, "notify-keyspace-events", "Ex");
    long pid = pid_of(c);
    long m0 = rss(pid);
    static char big[1 << 20];
    static char rb[1 << 18];
    for (long i = 0; i < L;) {
        size_t n = 0;
        int k = 0;
        for (; k < 500 && i < L; k++, i++)
            n += snprintf(
                big + n, sizeof big - n,
                "*5\r\n$3\r\nSET\r\n$16\r\nlong:%011ld\r\n$1\r\nv\r\n$2\r\nPX\r\n$7\r\n%07ld\r\n",
                i, 3600000 + i % 3600000);
        wr(c, big, n);
        long left = k * 5;
        while (left > 0) {
            ssize_t r = read(c, rb, sizeof rb);
            if (r <= 0) exit(2);
            left -= r;
        }
    }
    long m1 = rss(pid);
    int s = dial();
    cmd(s, "*2\r\n$9\r\nSUBSCRIBE\r\n$22\r\n__keyevent@0__:expired\r\n", o, sizeof o);
    double *due = calloc(S, sizeof *due), *late = calloc(S, sizeof *late);
    for (long i = 0; i < S; i++) late[i] = -1;
    srand(7);
    for (long i = 0; i < S;) {
        size_t n = 0;
        int k = 0;
        for (; k < 100 && i < S; k++, i++) {
            long ms = a + (long)((double)rand() / RAND_MAX * (z - a));
            double at = now() + ms / 1000.0;
            long long abs = (long long)(at * 1000);
            due[i] = abs / 1000.0;
            n += snprintf(
                big + n, sizeof big - n,
                "*5\r\n$3\r\nSET\r\n$12\r\nsh:%09ld\r\n$1\r\nv\r\n$4\r\nPXAT\r\n$13\r\n%013lld\r\n",
                i, abs);
        }
        wr(c, big, n);
        long left = k * 5;
        while (left > 0) {
            ssize_t r = read(c, rb, sizeof rb);
            if (r <= 0) exit(2);
            left -= r;
        }
    }
    double c0 = cpu(pid), t0 = now();
    double end = t0 + wait;
    long seen = 0;
    static char acc[1 << 20];
    size_t have = 0;
    while (seen < S && now() < end) {
        struct pollfd p = {s, POLLIN, 0};
        if (poll(&p, 1, 100) <= 0) continue;
        ssize_t r = read(s, acc + have, sizeof acc - have - 1);
        if (r <= 0) break;
        double t = now();
        have += r;
        acc[have] = 0;
        char *q = acc;
        for (;;) {
            char *f = memmem(q, acc + have - q, "sh:", 3);
            if (!f || f + 12 > acc + have) {
                break;
            }
            long id = atol(f + 3);
            if (id >= 0 && id < S && late[id] < 0) {
                late[id] = t - due[id];
                seen++;
            }
            q = f + 12;
        }
        size_t rest = acc + have - q;
        if (rest > 64) rest = 64;
        memmove(acc, acc + have - rest, rest);
        have = rest;
    }
    double c1 = cpu(pid), t1 = now();
    long n = 0;
    double *v = malloc(S * sizeof *v);
    for (long i = 0; i < S; i++)
        if (late[i] >= -1e8 && late[i] != -1) v[n++] = late[i];
    qsort(v, n, sizeof *v, cmpd);
    printf("expiry long=%ld short=%ld seen=%ld late_ms p50=%.2f p99=%.2f max=%.2f min=%.2f "
           "waited_s=%.1f cpu%%=%.1f rss_per_key=%.1f\n",
           L, S, seen, n ? v[n / 2] * 1e3 : 0, n ? v[(long)(n * 0.99)] * 1e3 : 0,
           n ? v[n - 1] * 1e3 : 0, n ? v[0] * 1e3 : 0, t1 - t0, (c1 - c0) / (t1 - t0) * 100,
           L ? (double)(m1 - m0) / L : 0.0);
    return seen < S;
}
/* ---- latency ---- */
static int latency(char **argv)
{
    enum { MOST = 10000000 };
    double end = now() + atof(argv[3]);
    double *took = malloc(MOST * sizeof *took);
    long n = 0;
    char o[64];
    int c = dial();
    while (n < MOST) {
        double t0 = now();
        if (t0 >= end) break;
        wr(c, "*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n", 23);
        if (read(c, o, sizeof o) <= 0) exit(2);
        took[n++] = (now() - t0) * 1e6;
    }
    qsort(took, n, sizeof *took, cmpd);
    printf("latency n=%ld p50_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f\n", n, took[n / 2],
           took[n * 99 / 100], took[n * 999 / 1000], took[n - 1]);
    return 0;
}
int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "latency")) {
        port = atoi(argv[2]);
        return latency(argv);
    }
    if (argc < 6) {
        fprintf(stderr, "see the head of nbench.c\n");
        return 2;
    }
    port = atoi(argv[2]);
    if (!strcmp(argv[1], "events") && argc >= 7) return events(argc, argv);
    if (!strcmp(argv[1], "expiry") && argc >= 8) return expiry(argv);
    return 2;
}
