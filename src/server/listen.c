/* Where clients come in. */
#include "../base/err.h"
#include "../io/socket.h"
#include "server.h"

#include <stdio.h>

/* An address with a leading '-' may be missing on this machine. */
static int listen_at(struct server *s, const struct config *c, struct slice address, char *why,
                     size_t why_size)
{
    bool optional = address.len && address.at[0] == '-';
    const char *host = address.at + optional;
    char reason[256];
    int fd = socket_listen_tcp(host, (int)c->port, (int)c->tcp_backlog, reason, sizeof reason);
    if (fd >= 0) {
        int rc = net_listen(s->net, fd, false, sessions_listener(s->sessions));
        if (rc == 0) return 1;
        socket_close(fd);
        return rc;
    }
    if (optional && fd != ERR_BUSY) return 0;
    snprintf(why, why_size, "Cannot listen on %s port %lld: %s", host, (long long)c->port,
             fd == ERR_BUSY ? "the port is taken (is another server running?)" : reason);
    return fd;
}

static int listen_unix(struct server *s, const struct config *c, char *why, size_t why_size)
{
    char reason[256];
    int fd = socket_listen_unix(c->unixsocket.at, (unsigned)c->unixsocketperm, (int)c->tcp_backlog,
                                reason, sizeof reason);
    if (fd < 0) {
        snprintf(why, why_size, "Cannot listen on unix socket %s: %s", c->unixsocket.at, reason);
        return fd;
    }
    int rc = net_listen(s->net, fd, true, sessions_listener(s->sessions));
    if (rc != 0) socket_close(fd);
    return rc;
}

int server_listen(struct server *s, const struct config *c, char *why, size_t why_size)
{
    int listening = 0;
    net_unlisten(s->net);
    for (int i = 0; c->port && i < c->bind.count; i++) {
        int rc = listen_at(s, c, c->bind.at[i], why, why_size);
        if (rc < 0) return rc;
        listening += rc;
    }
    if (c->unixsocket.len) {
        int rc = listen_unix(s, c, why, why_size);
        if (rc < 0) return rc;
        listening++;
    }
    if (listening) return 0;
    snprintf(why, why_size, "Nothing to listen on: see 'bind', 'port' and 'unixsocket'");
    return ERR_ABSENT;
}
