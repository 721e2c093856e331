#include "internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    ERROR_TEXT_MAX = 128,
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

deadline_ms hark_deadline_after(int timeout_ms)
{
    return timeout_ms > 0 ? now_ms() + timeout_ms : 0;
}

int hark_timeout_until(deadline_ms deadline)
{
    if (deadline == 0) return -1;
    int64_t left = deadline - now_ms();
    return left > 0 ? (int)left : 0;
}

int hark_socket_wait(int fd, int events, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = (short)events};
    int n = poll(&p, 1, timeout_ms);
    if (n < 0) return errno == EINTR ? HARK_INTERRUPTED : HARK_IO;
    return n == 0 ? 0 : p.revents;
}

static int explain(int result, int error_number, char *error, size_t error_size)
{
    char text[ERROR_TEXT_MAX];
    snprintf(error, error_size, "%s", strerror_r(error_number, text, sizeof text));
    return result;
}

/* Waits for a connect under way. 0, or a result with errno saying more. */
static int finish_connect(int fd, deadline_ms deadline)
{
    int events = hark_socket_wait(fd, POLLOUT, hark_timeout_until(deadline));
    if (events < 0) return events;
    if (events == 0) {
        errno = ETIMEDOUT;
        return HARK_TIMEOUT;
    }
    int cause = 0;
    socklen_t len = sizeof cause;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &len) < 0) return HARK_NO_CONNECTION;
    errno = cause;
    return cause ? HARK_NO_CONNECTION : 0;
}

/* A connected socket, or a result with errno saying more. */
static int connect_to(int family, const struct sockaddr *address, socklen_t len,
                      deadline_ms deadline)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return HARK_NO_CONNECTION;
    int rc = 0;
    if (connect(fd, address, len) < 0) {
        /* A UNIX socket whose backlog is full says EAGAIN, and is not connecting. */
        rc = errno == EINPROGRESS || errno == EINTR ? finish_connect(fd, deadline)
                                                    : HARK_NO_CONNECTION;
    }
    if (rc == 0) return fd;
    int cause = errno;
    close(fd);
    errno = cause;
    return rc;
}

int hark_socket_tcp(const char *host, int port, deadline_ms deadline, char *error,
                    size_t error_size)
{
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list;
    int rc = getaddrinfo(host, service, &hints, &list);
    if (rc == EAI_MEMORY) return explain(HARK_NO_MEMORY, ENOMEM, error, error_size);
    if (rc != 0) {
        snprintf(error, error_size, "%s", gai_strerror(rc));
        return HARK_NO_HOST;
    }
    int fd = HARK_NO_HOST, cause = 0;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = connect_to(a->ai_family, a->ai_addr, a->ai_addrlen, deadline);
        cause = errno;
        if (fd == HARK_TIMEOUT || fd == HARK_INTERRUPTED) break;
    }
    freeaddrinfo(list);
    if (fd < 0) return explain(fd, cause, error, error_size);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

int hark_socket_unix(const char *path, deadline_ms deadline, char *error, size_t error_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof address.sun_path) return explain(HARK_USAGE, ENAMETOOLONG, error, error_size);
    memcpy(address.sun_path, path, len + 1);
    int fd = connect_to(AF_UNIX, (struct sockaddr *)&address, sizeof address, deadline);
    return fd < 0 ? explain(fd, errno, error, error_size) : fd;
}

void hark_socket_keepalive(int fd, int seconds)
{
    int between = seconds / 3 > 0 ? seconds / 3 : 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof between);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){3}, sizeof(int));
}
