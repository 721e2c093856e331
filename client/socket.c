#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t hark_now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t hark_unix_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

deadline_ms hark_deadline_after(int timeout_ms)
{
    return timeout_ms > 0 ? hark_now_ms() + timeout_ms : 0;
}

deadline_ms hark_deadline_min(deadline_ms a, deadline_ms b)
{
    return !a || (b && b < a) ? b : a;
}

int hark_timeout_until(deadline_ms deadline)
{
    if (deadline == 0) return -1;
    int64_t left = deadline - hark_now_ms();
    return left > 0 ? (int)left : 0;
}

int hark_socket_wait(int fd, int events, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = (short)events};
    int n = poll(&p, 1, timeout_ms);
    if (n < 0) return errno == EINTR ? HARK_INTERRUPTED : HARK_IO;
    return n == 0 ? 0 : p.revents;
}

static int explain(int result, int error_number, char error[ERROR_MAX])
{
    char text[128];
    snprintf(error, ERROR_MAX, "%s", strerror_r(error_number, text, sizeof text));
    return result;
}

int hark_socket_connected(int fd, char error[ERROR_MAX])
{
    int events = hark_socket_wait(fd, POLLOUT, 0);
    if (events == HARK_INTERRUPTED) return 0;
    if (events <= 0) return events;
    int cause = 0;
    socklen_t len = sizeof cause;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &len) < 0) cause = errno;
    return cause ? explain(HARK_NO_CONNECTION, cause, error) : 1;
}

/* A socket that is connecting or connected, or a result. */
static int connect_to(int family, const struct sockaddr *address, socklen_t len,
                      char error[ERROR_MAX])
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return explain(HARK_NO_CONNECTION, errno, error);
    /* A UNIX socket whose backlog is full says EAGAIN, and is not connecting. */
    if (connect(fd, address, len) == 0 || errno == EINPROGRESS || errno == EINTR) return fd;
    explain(HARK_NO_CONNECTION, errno, error);
    close(fd);
    return HARK_NO_CONNECTION;
}

int hark_socket_lookup(const char *host, int port, struct addrinfo **out, char error[ERROR_MAX])
{
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int rc = getaddrinfo(host, service, &hints, out);
    if (rc == 0) return 0;
    *out = NULL;
    if (rc == EAI_MEMORY) return explain(HARK_NO_MEMORY, ENOMEM, error);
    snprintf(error, ERROR_MAX, "%s", gai_strerror(rc));
    return HARK_NO_HOST;
}

int hark_socket_tcp(const struct addrinfo *address, char error[ERROR_MAX])
{
    int fd = connect_to(address->ai_family, address->ai_addr, address->ai_addrlen, error);
    if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

int hark_socket_unix(const char *path, char error[ERROR_MAX])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof address.sun_path) return explain(HARK_USAGE, ENAMETOOLONG, error);
    memcpy(address.sun_path, path, len + 1);
    return connect_to(AF_UNIX, (struct sockaddr *)&address, sizeof address, error);
}

void hark_socket_keepalive(int fd, int seconds)
{
    int between = seconds / 3 > 0 ? seconds / 3 : 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof between);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){3}, sizeof(int));
}

long hark_socket_send(int fd, const void *bytes, size_t len)
{
    ssize_t n = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) return n;
    return errno == EAGAIN || errno == EINTR ? 0 : HARK_IO;
}

long hark_socket_receive(int fd, void *to, size_t size, bool wait)
{
    ssize_t n = recv(fd, to, size, wait ? 0 : MSG_DONTWAIT);
    if (n > 0) return n;
    if (n == 0) return HARK_CLOSED;
    if (errno == EINTR) return wait ? HARK_INTERRUPTED : 0;
    return errno == EAGAIN ? 0 : HARK_IO;
}

/* With a time-out, however long, a wait is not taken up again behind a signal's handler. */
void hark_socket_may_wait(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    struct timeval long_time = {.tv_sec = 1000000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &long_time, sizeof long_time);
}
