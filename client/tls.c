/* TLS by OpenSSL, over a socket that never blocks.
 *
 * OpenSSL's own socket layer writes with write(), which may raise SIGPIPE; so it gets a layer (BIO)
 * of ours that sends and receives as the rest of the library does. Each connection has a context of
 * its own: there is nothing to share, and nothing that lives longer than it. */
#include "internal.h"

#include <stdio.h>

#ifdef HARK_WITH_TLS

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct tls {
    SSL_CTX *context;
    SSL *session;
    BIO_METHOD *method;
    int fd;
    int wants;
};

bool hark_tls_is_there(void)
{
    return true;
}

/* ---- the layer below ---- */

static int layer_write(BIO *bio, const char *bytes, int len)
{
    const struct tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    long n = hark_socket_send(t->fd, bytes, (size_t)len);
    if (n > 0) return (int)n;
    if (n == 0) BIO_set_retry_write(bio);
    return -1;
}

static int layer_read(BIO *bio, char *to, int size)
{
    const struct tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    long n = hark_socket_receive(t->fd, to, (size_t)size, false);
    if (n > 0) return (int)n;
    if (n == HARK_CLOSED) return 0;
    if (n == 0) BIO_set_retry_read(bio);
    return -1;
}

static long layer_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO *new_layer(struct tls *t)
{
    t->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "hark");
    if (!t->method || !BIO_meth_set_write(t->method, layer_write) ||
        !BIO_meth_set_read(t->method, layer_read) || !BIO_meth_set_ctrl(t->method, layer_control))
        return NULL;
    BIO *bio = BIO_new(t->method);
    if (!bio) return NULL;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    return bio;
}

/* ---- setting up ---- */

static int explain(const char *what, char error[ERROR_MAX])
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    snprintf(error, ERROR_MAX, "TLS: %s%s%s", what, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
    return HARK_TLS;
}

static int load_files(SSL_CTX *c, const struct hark_options *o, char error[ERROR_MAX])
{
    if (!o->tls_ca && !o->tls_ca_dir) {
        if (!SSL_CTX_set_default_verify_paths(c)) return explain("the system's CAs", error);
    } else if (!SSL_CTX_load_verify_locations(c, o->tls_ca, o->tls_ca_dir)) {
        return explain("the CAs cannot be read", error);
    }
    if (!o->tls_cert) return 0;
    if (SSL_CTX_use_certificate_chain_file(c, o->tls_cert) != 1)
        return explain("our certificate cannot be read", error);
    if (SSL_CTX_use_PrivateKey_file(c, o->tls_key, SSL_FILETYPE_PEM) != 1)
        return explain("our key cannot be read, or is another certificate's", error);
    return 0;
}

/* Whom we expect: a name, which is also told to the peer, or an address. */
static int expect_name(SSL *s, const char *name, char error[ERROR_MAX])
{
    unsigned char address[16];
    if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1) {
        if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s), name)) return 0;
    } else if (SSL_set_tlsext_host_name(s, name) && SSL_set1_host(s, name)) {
        return 0;
    }
    return explain("the name to expect", error);
}

static int set_up(struct tls *t, const struct hark_options *o, char error[ERROR_MAX])
{
    t->context = SSL_CTX_new(TLS_client_method());
    if (!t->context) return explain("no context", error);
    SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION);
    SSL_CTX_set_mode(t->context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(t->context, o->tls_insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    int rc = load_files(t->context, o, error);
    if (rc < 0) return rc;
    t->session = SSL_new(t->context);
    BIO *layer = t->session ? new_layer(t) : NULL;
    if (!layer) return explain("no session", error);
    SSL_set_bio(t->session, layer, layer);
    SSL_set_connect_state(t->session);
    return expect_name(t->session, o->tls_name, error);
}

int hark_tls_new(const struct hark_allocator *m, const struct hark_options *options, int fd,
                 struct tls **out, char error[ERROR_MAX])
{
    struct tls *t = hark_zalloc(m, sizeof *t);
    *out = t;
    if (!t) {
        snprintf(error, ERROR_MAX, "%s", hark_result_text(HARK_NO_MEMORY));
        return HARK_NO_MEMORY;
    }
    t->fd = fd;
    ERR_clear_error();
    return set_up(t, options, error);
}

void hark_tls_free(const struct hark_allocator *m, struct tls *t)
{
    if (!t) return;
    /* The peer is told, if that goes without waiting: it need not wonder whether it was cut off. */
    if (t->session && SSL_is_init_finished(t->session)) SSL_shutdown(t->session);
    ERR_clear_error();
    SSL_free(t->session);
    BIO_meth_free(t->method);
    SSL_CTX_free(t->context);
    hark_release(m, t);
}

/* ---- moving bytes ---- */

/* What a call that did not succeed means: 0 to wait, or a result. */
static long failed(struct tls *t, int n, const char *what, char error[ERROR_MAX])
{
    switch (SSL_get_error(t->session, n)) {
    case SSL_ERROR_WANT_READ: t->wants = HARK_READ; return 0;
    case SSL_ERROR_WANT_WRITE: t->wants = HARK_WRITE; return 0;
    case SSL_ERROR_ZERO_RETURN:
        snprintf(error, ERROR_MAX, "%s", hark_result_text(HARK_CLOSED));
        return HARK_CLOSED;
    default: break;
    }
    unsigned long code = ERR_peek_last_error();
    bool cut_off = code == 0 || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    if (cut_off && SSL_is_init_finished(t->session)) {
        ERR_clear_error();
        snprintf(error, ERROR_MAX, "%s", hark_result_text(HARK_CLOSED));
        return HARK_CLOSED;
    }
    long verified = SSL_get_verify_result(t->session);
    if (verified != X509_V_OK && !SSL_is_init_finished(t->session)) {
        snprintf(error, ERROR_MAX, "TLS: %s: %s", what, X509_verify_cert_error_string(verified));
        ERR_clear_error();
        return HARK_TLS;
    }
    return explain(what, error);
}

int hark_tls_handshake(struct tls *t, char error[ERROR_MAX])
{
    t->wants = 0;
    int n = SSL_do_handshake(t->session);
    return n == 1 ? 1 : (int)failed(t, n, "the handshake", error);
}

long hark_tls_send(struct tls *t, const void *bytes, size_t len, char error[ERROR_MAX])
{
    size_t sent;
    t->wants = 0;
    int n = SSL_write_ex(t->session, bytes, len, &sent);
    return n == 1 ? (long)sent : failed(t, n, "sending", error);
}

long hark_tls_receive(struct tls *t, void *to, size_t size, char error[ERROR_MAX])
{
    size_t received;
    t->wants = 0;
    int n = SSL_read_ex(t->session, to, size, &received);
    return n == 1 ? (long)received : failed(t, n, "receiving", error);
}

int hark_tls_wants(const struct tls *t)
{
    return t->wants;
}

#else

bool hark_tls_is_there(void)
{
    return false;
}

int hark_tls_new(const struct hark_allocator *m, const struct hark_options *options, int fd,
                 struct tls **out, char error[ERROR_MAX])
{
    (void)m, (void)options, (void)fd;
    (void)error;
    *out = NULL;
    return HARK_UNSUPPORTED;
}

void hark_tls_free(const struct hark_allocator *m, struct tls *t)
{
    (void)m, (void)t;
}

int hark_tls_handshake(struct tls *t, char error[ERROR_MAX])
{
    (void)t, (void)error;
    return HARK_UNSUPPORTED;
}

long hark_tls_send(struct tls *t, const void *bytes, size_t len, char error[ERROR_MAX])
{
    (void)t, (void)bytes, (void)len, (void)error;
    return HARK_UNSUPPORTED;
}

long hark_tls_receive(struct tls *t, void *to, size_t size, char error[ERROR_MAX])
{
    (void)t, (void)to, (void)size, (void)error;
    return HARK_UNSUPPORTED;
}

int hark_tls_wants(const struct tls *t)
{
    (void)t;
    return 0;
}

#endif
