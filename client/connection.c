/* Making a connection, step by step, so that nobody has to wait for it:
 *
 *     CONNECTING ──▶ HANDSHAKE (TLS only) ──▶ OPEN, replies of setting up to come ──▶ ready
 *         └─ the next address, when one refuses
 *
 * The requests of setting up (AUTH, HELLO, SELECT, CLIENT SETNAME) are the first in the queue, from
 * the beginning; their replies are taken by hark_turn, before anyone else sees one. */
#include "internal.h"

#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

const char *hark_version(void)
{
    return HARK_VERSION;
}

const char *hark_result_text(int result)
{
    switch (result) {
#define TEXT(name, value, text) \
    case name: return text;
        HARK_RESULT_MAP(TEXT)
#undef TEXT
    default: return result < 0 ? "unknown error" : "success";
    }
}

int hark_refuse(struct hark *h, int result, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    vsnprintf(h->error, sizeof h->error, form, args);
    va_end(args);
    return result;
}

int hark_fail(struct hark *h, int result, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    vsnprintf(h->error, sizeof h->error, form, args);
    va_end(args);
    h->failed = result;
    return result;
}

int hark_no_room(struct hark *h)
{
    return hark_refuse(h, HARK_NO_MEMORY, "%s", hark_result_text(HARK_NO_MEMORY));
}

const char *hark_error(const struct hark *h)
{
    return h ? h->error : hark_result_text(HARK_NO_MEMORY);
}

int hark_fd(const struct hark *h)
{
    return h->fd;
}

int hark_wants(const struct hark *h)
{
    if (h->failed) return 0;
    if (h->state == LINK_CONNECTING) return HARK_WRITE;
    if (h->state == LINK_HANDSHAKE) return hark_tls_wants(h->tls);
    return HARK_READ | (hark_unsent(h) ? HARK_WRITE : 0);
}

void hark_on_push(struct hark *h, hark_push_fn *fn, void *context)
{
    h->push = fn;
    h->push_context = context;
}

/* ---- step by step ---- */

/* What happened before the connection stood is final; the text is there already. */
static int fail_connecting(struct hark *h, int result)
{
    h->failed = result;
    return result;
}

/* Begins with h->address or what follows it; the text of the last failure stays. */
static int try_addresses(struct hark *h)
{
    int fd = HARK_NO_HOST;
    for (; h->address; h->address = h->address->ai_next) {
        fd = hark_socket_tcp(h->address, h->error);
        if (fd >= 0) break;
    }
    if (fd < 0) return fail_connecting(h, fd);
    h->fd = fd;
    if (h->settings->keepalive_s > 0) hark_socket_keepalive(fd, h->settings->keepalive_s);
    return 0;
}

static int open_socket(struct hark *h)
{
    const struct hark_options *o = h->settings;
    if (o->path) {
        int fd = hark_socket_unix(o->path, h->error);
        if (fd < 0) return fail_connecting(h, fd);
        h->fd = fd;
        return 0;
    }
    int rc = hark_socket_lookup(o->host, o->port, &h->addresses, h->error);
    if (rc < 0) return fail_connecting(h, rc);
    h->address = h->addresses;
    return try_addresses(h);
}

static int connected(struct hark *h)
{
    int rc = hark_socket_connected(h->fd, h->error);
    if (rc == 0) return 0;
    if (rc < 0) {
        close(h->fd);
        h->fd = -1;
        if (!h->address || !h->address->ai_next) return fail_connecting(h, rc);
        h->address = h->address->ai_next;
        rc = try_addresses(h);
        return rc < 0 ? rc : 1;
    }
    h->state = LINK_OPEN;
    hark_socket_may_wait(h->fd);
    if (!h->settings->tls) return 1;
    rc = hark_tls_new(&h->memory, h->settings, h->fd, &h->tls, h->error);
    if (rc < 0) return fail_connecting(h, rc);
    h->state = LINK_HANDSHAKE;
    return 1;
}

static int shaken(struct hark *h)
{
    int rc = hark_tls_handshake(h->tls, h->error);
    if (rc < 0) return fail_connecting(h, rc);
    if (rc) h->state = LINK_OPEN;
    return rc;
}

int hark_connect_step(struct hark *h)
{
    return h->state == LINK_CONNECTING ? connected(h) : shaken(h);
}

/* ---- begin and end ---- */

static int queue_setup(struct hark *h)
{
    const struct hark_options *o = h->settings;
    char db[16];
    snprintf(db, sizeof db, "%d", o->db);
    const char *const requests[][4] = {
        {"AUTH", o->user && *o->user ? o->user : o->password, o->password},
        {"HELLO", "3"},
        {"SELECT", db},
        {"CLIENT", "SETNAME", o->client_name},
    };
    const int counts[] = {
        o->password ? (o->user && *o->user ? 3 : 2) : 0,
        o->protocol == 3 ? 2 : 0,
        o->db ? 2 : 0,
        o->client_name ? 3 : 0,
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (!counts[i]) continue;
        int rc = hark_queue(h, counts[i], requests[i], NULL);
        if (rc < 0) return fail_connecting(h, rc);
        h->setup_left++;
    }
    h->setup_named = o->client_name;
    return 0;
}

static struct hark *new_link(const struct hark_allocator *m)
{
    struct hark *h = hark_zalloc(m, sizeof *h);
    if (!h) return NULL;
    h->memory = h->builder.memory = *m;
    h->fd = h->piece_depth = -1;
    return h;
}

static int begin(struct hark *h, const struct hark_options *settings)
{
    h->settings = settings;
    h->connect_by = hark_deadline_after(settings->connect_timeout_ms);
    uint64_t bytes_max = settings->reply_bytes_max;
    h->builder.bytes_max = bytes_max;
    resp_reply_init(&h->parser, bytes_max < SIZE_MAX / 2 ? bytes_max : SIZE_MAX / 2, INT64_MAX);
    int rc = queue_setup(h);
    return rc < 0 ? rc : open_socket(h);
}

int hark_begin(const struct hark_allocator *m, const struct hark_options *settings,
               struct hark **out)
{
    struct hark *h = *out = new_link(m);
    return h ? begin(h, settings) : HARK_NO_MEMORY;
}

int hark_connect_begin(const struct hark_options *given, struct hark **out)
{
    struct hark_options known = hark_known_options(given);
    struct hark_allocator m = hark_memory(known.allocator);
    struct hark *h = *out = new_link(&m);
    if (!h) return HARK_NO_MEMORY;
    int rc = hark_settings_new(&m, given, &h->own_settings, h->error);
    if (rc == HARK_NO_MEMORY) hark_no_room(h);
    return rc < 0 ? fail_connecting(h, rc) : begin(h, h->own_settings);
}

int hark_connect(const struct hark_options *given, struct hark **out)
{
    int rc = hark_connect_begin(given, out);
    struct hark *h = *out;
    while (rc >= 0 && !hark_is_ready(h)) rc = hark_turn(h, -1);
    if (rc == HARK_INTERRUPTED) h->failed = rc;
    return rc < 0 ? rc : 0;
}

void hark_close(struct hark *h)
{
    if (!h) return;
    struct hark_allocator m = h->memory;
    hark_tls_free(&m, h->tls);
    if (h->fd >= 0) close(h->fd);
    if (h->addresses) freeaddrinfo(h->addresses);
    hark_builder_fini(&h->builder);
    hark_bytes_fini(&m, &h->out);
    hark_bytes_fini(&m, &h->in);
    hark_bytes_fini(&m, &h->scratch);
    hark_release(&m, h->own_settings);
    hark_release(&m, h);
}
