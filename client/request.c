/* Requests: words, or a format and what is put into it, as RESP in the queue. */
#include "internal.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    HEADER_MAX = 24,    /* bytes of "$<length>\r\n" */
    ARGS_CALL_MAX = 64, /* arguments of hark_call */
    NUMBER_MAX = 512,   /* bytes of a number by format */
    DIRECTIVE_MAX = 24, /* bytes of "%-08.3lld" */
};

/* ---- words ---- */

static void add_header(struct bytes *b, char type, size_t number)
{
    char text[HEADER_MAX], *end = text + sizeof text, *at = end;
    *--at = '\n';
    *--at = '\r';
    do *--at = (char)('0' + number % 10);
    while (number /= 10);
    *--at = type;
    hark_bytes_add(b, at, (size_t)(end - at));
}

static void add_word(struct bytes *b, const char *word, size_t len)
{
    add_header(b, '$', len);
    hark_bytes_add(b, word, len);
    hark_bytes_add(b, "\r\n", 2);
}

/* Room for a word of this length on top of *size. */
static bool count_word(size_t *size, size_t len)
{
    return !__builtin_add_overflow(*size, len, size) &&
           !__builtin_add_overflow(*size, HEADER_MAX + 2, size);
}

int hark_queue(struct hark *h, int argc, const char *const argv[], const size_t lens[])
{
    if (h->failed) return h->failed;
    if (argc < 1) return hark_refuse(h, HARK_USAGE, "A request without arguments");
    size_t size = HEADER_MAX;
    for (int i = 0; i < argc; i++)
        if (!count_word(&size, lens ? lens[i] : strlen(argv[i]))) return hark_no_room(h);
    if (hark_bytes_reserve(&h->memory, &h->out, size) < 0) return hark_no_room(h);
    add_header(&h->out, '*', (size_t)argc);
    for (int i = 0; i < argc; i++) add_word(&h->out, argv[i], lens ? lens[i] : strlen(argv[i]));
    return 0;
}

int hark_queue_words(struct hark *h, const struct hark_text *words, int count)
{
    if (h->failed) return h->failed;
    size_t size = HEADER_MAX;
    for (int i = 0; i < count; i++)
        if (!count_word(&size, words[i].len)) return hark_no_room(h);
    if (hark_bytes_reserve(&h->memory, &h->out, size) < 0) return hark_no_room(h);
    add_header(&h->out, '*', (size_t)count);
    for (int i = 0; i < count; i++) add_word(&h->out, words[i].at, words[i].len);
    return 0;
}

int hark_queue_raw(struct hark *h, const void *bytes, size_t len)
{
    if (h->failed) return h->failed;
    if (hark_bytes_reserve(&h->memory, &h->out, len) < 0) return hark_no_room(h);
    hark_bytes_add(&h->out, bytes, len);
    return 0;
}

/* ---- formats ---- */

/* Words are written one behind the other into the connection's scratch, each behind its length;
 * when all are there they are known to be whole, and are queued. */
struct writer {
    struct hark *h;
    struct bytes *to;
    size_t word; /* where the length of the word that is open stands */
    bool open;
    size_t words, size;
    int rc;
};

static void add(struct writer *w, const void *bytes, size_t len)
{
    if (w->rc < 0) return;
    size_t room;
    if (__builtin_add_overflow(len, sizeof(size_t), &room) ||
        hark_bytes_reserve(&w->h->memory, w->to, room) < 0) {
        w->rc = hark_no_room(w->h);
        return;
    }
    if (!w->open) {
        w->open = true;
        w->word = w->to->len;
        w->to->len += sizeof(size_t);
    }
    hark_bytes_add(w->to, bytes, len);
}

static void end_word(struct writer *w)
{
    if (w->rc < 0 || !w->open) return;
    size_t len = w->to->len - w->word - sizeof len;
    memcpy(w->to->at + w->word, &len, sizeof len);
    w->open = false;
    w->words++;
    if (!count_word(&w->size, len)) w->rc = hark_no_room(w->h);
}

/* Everything of a directive but its letter: %-08.3ll. */
struct directive {
    char text[DIRECTIVE_MAX];
    size_t len;
    enum {
        SIZE_INT,
        SIZE_CHAR,
        SIZE_SHORT,
        SIZE_LONG,
        SIZE_LONG_LONG,
        SIZE_MAX_T,
        SIZE_SIZE,
        SIZE_PTRDIFF
    } size;
};

/* Reads one from behind its %; returns where its letter stands, NULL when it is too long. */
static const char *read_directive(const char *at, struct directive *d)
{
    *d = (struct directive){.text = "%", .len = 1};
    while (*at && strchr("-+ #0123456789.hlzjt", *at)) {
        if (d->len + 2 >= DIRECTIVE_MAX) return NULL;
        switch (*at) {
        case 'h': d->size = d->size == SIZE_SHORT ? SIZE_CHAR : SIZE_SHORT; break;
        case 'l': d->size = d->size == SIZE_LONG ? SIZE_LONG_LONG : SIZE_LONG; break;
        case 'z': d->size = SIZE_SIZE; break;
        case 'j': d->size = SIZE_MAX_T; break;
        case 't': d->size = SIZE_PTRDIFF; break;
        default: d->text[d->len++] = *at; break;
        }
        at++;
    }
    return at;
}

static long long signed_argument(const struct directive *d, va_list *args)
{
    switch (d->size) {
    case SIZE_CHAR: return (signed char)va_arg(*args, int);
    case SIZE_SHORT: return (short)va_arg(*args, int);
    case SIZE_INT: return va_arg(*args, int);
    case SIZE_LONG: return va_arg(*args, long);
    case SIZE_LONG_LONG: return va_arg(*args, long long);
    case SIZE_MAX_T: return va_arg(*args, intmax_t);
    case SIZE_SIZE: return va_arg(*args, ssize_t);
    case SIZE_PTRDIFF: return va_arg(*args, ptrdiff_t);
    }
    return 0;
}

static unsigned long long unsigned_argument(const struct directive *d, va_list *args)
{
    switch (d->size) {
    case SIZE_CHAR: return (unsigned char)va_arg(*args, unsigned);
    case SIZE_SHORT: return (unsigned short)va_arg(*args, unsigned);
    case SIZE_INT: return va_arg(*args, unsigned);
    case SIZE_LONG: return va_arg(*args, unsigned long);
    case SIZE_LONG_LONG: return va_arg(*args, unsigned long long);
    case SIZE_MAX_T: return va_arg(*args, uintmax_t);
    case SIZE_SIZE: return va_arg(*args, size_t);
    case SIZE_PTRDIFF: return (unsigned long long)va_arg(*args, ptrdiff_t);
    }
    return 0;
}

static int bad_format(struct writer *w, const char *at)
{
    return w->rc = hark_refuse(w->h, HARK_USAGE, "This cannot be put into a request: %%%.8s", at);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
/* A number, as printf writes it; the directive has been looked at letter by letter. */
static void add_number(struct writer *w, struct directive *d, char letter, va_list *args)
{
    char text[NUMBER_MAX];
    int len;
    if (strchr("di", letter)) {
        strcpy(d->text + d->len, "lld");
        len = snprintf(text, sizeof text, d->text, signed_argument(d, args));
    } else if (strchr("ux", letter)) {
        strcpy(d->text + d->len, letter == 'u' ? "llu" : "llx");
        len = snprintf(text, sizeof text, d->text, unsigned_argument(d, args));
    } else {
        d->text[d->len] = letter;
        d->text[d->len + 1] = '\0';
        len = snprintf(text, sizeof text, d->text, va_arg(*args, double));
    }
    if (len < 0 || (size_t)len >= sizeof text)
        bad_format(w, d->text + 1);
    else
        add(w, text, (size_t)len);
}
#pragma GCC diagnostic pop

/* One directive, from behind its %; returns what is behind it, NULL after an error. */
static const char *put_in(struct writer *w, const char *at, va_list *args)
{
    struct directive d;
    const char *letter = read_directive(at, &d);
    if (!letter || !*letter || !strchr("sbcdiuxefg%", *letter)) {
        bad_format(w, at);
        return NULL;
    }
    bool plain = letter == at;
    if (strchr("diuxefg", *letter)) {
        /* Two more letters may follow the flags: ll. */
        if (d.len + 4 > DIRECTIVE_MAX)
            bad_format(w, at);
        else
            add_number(w, &d, *letter, args);
    } else if (!plain) {
        bad_format(w, at);
    } else if (*letter == 's') {
        const char *text = va_arg(*args, const char *);
        add(w, text, strlen(text));
    } else if (*letter == 'b') {
        const void *bytes = va_arg(*args, const void *);
        add(w, bytes, va_arg(*args, size_t));
    } else if (*letter == 'c') {
        add(w, &(char){(char)va_arg(*args, int)}, 1);
    } else {
        add(w, "%", 1);
    }
    return w->rc < 0 ? NULL : letter + 1;
}

static int queue_written(struct writer *w)
{
    struct hark *h = w->h;
    if (w->words == 0) return hark_refuse(h, HARK_USAGE, "A request without arguments");
    if (hark_bytes_reserve(&h->memory, &h->out, w->size) < 0) return hark_no_room(h);
    add_header(&h->out, '*', w->words);
    const char *at = w->to->at;
    for (size_t i = 0, len; i < w->words; i++, at += sizeof len + len) {
        memcpy(&len, at, sizeof len);
        add_word(&h->out, at + sizeof len, len);
    }
    return 0;
}

static int queue_format(struct hark *h, const char *format, va_list *args)
{
    if (h->failed) return h->failed;
    h->scratch.from = h->scratch.len = 0;
    struct writer w = {.h = h, .to = &h->scratch, .size = HEADER_MAX};
    for (const char *at = format; at && *at && w.rc == 0;) {
        if (*at == '%') {
            at = put_in(&w, at + 1, args);
        } else if (*at == ' ') {
            end_word(&w);
            at++;
        } else {
            size_t len = strcspn(at, " %");
            add(&w, at, len);
            at += len;
        }
    }
    end_word(&w);
    if (w.rc == 0) w.rc = queue_written(&w);
    hark_bytes_consume(&h->memory, &h->scratch, h->scratch.len);
    return w.rc;
}

int hark_queuef(struct hark *h, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = queue_format(h, format, &args);
    va_end(args);
    return rc;
}

/* ---- one request, one reply ---- */

int hark_commandf(struct hark *h, struct hark_reply **out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = queue_format(h, format, &args);
    va_end(args);
    return rc < 0 ? rc : hark_read(h, out);
}

int hark_command(struct hark *h, int argc, const char *const argv[], const size_t lens[],
                 struct hark_reply **out)
{
    int rc = hark_queue(h, argc, argv, lens);
    return rc < 0 ? rc : hark_read(h, out);
}

int hark_call(struct hark *h, struct hark_reply **out, const char *first, ...)
{
    const char *argv[ARGS_CALL_MAX];
    int argc = 0;
    va_list args;
    va_start(args, first);
    for (const char *arg = first; arg; arg = va_arg(args, const char *)) {
        if (argc == ARGS_CALL_MAX) {
            va_end(args);
            return hark_refuse(h, HARK_USAGE, "More than %d arguments", ARGS_CALL_MAX);
        }
        argv[argc++] = arg;
    }
    va_end(args);
    return hark_command(h, argc, argv, NULL, out);
}

/* Turns a reply that is an error into HARK_DENIED with its words. */
static int settle(struct hark *h, int rc, struct hark_reply *reply)
{
    if (rc < 0) return rc;
    if (reply->type == HARK_T_ERROR) rc = hark_refuse(h, HARK_DENIED, "%s", reply->text);
    hark_reply_free(reply);
    return rc;
}

int hark_auth(struct hark *h, const char *user, const char *password)
{
    struct hark_reply *reply;
    int rc = user && *user ? hark_call(h, &reply, "AUTH", user, password, NULL)
                           : hark_call(h, &reply, "AUTH", password, NULL);
    return settle(h, rc, reply);
}

int hark_hello(struct hark *h, int protocol)
{
    struct hark_reply *reply;
    if (protocol != 2 && protocol != 3)
        return hark_refuse(h, HARK_USAGE, "Protocol %d is not known", protocol);
    int rc = hark_call(h, &reply, "HELLO", protocol == 3 ? "3" : "2", NULL);
    return settle(h, rc, reply);
}

int hark_select(struct hark *h, int db)
{
    char number[16];
    snprintf(number, sizeof number, "%d", db);
    struct hark_reply *reply;
    int rc = hark_call(h, &reply, "SELECT", number, NULL);
    return settle(h, rc, reply);
}
