/* Requests: what clients send, RESP arrays of bulk strings or inline lines, parsed from bytes.
 *
 * The parser is fed the bytes that are there, from the start of the first request that it has not
 * yet handed out; it owns no input. Words (arguments) are slices into those bytes. A request that
 * is not complete yet costs no second look: the parser remembers how far it came, and the next
 * call goes on from there, with the same bytes (moved, perhaps) and more behind them.
 *
 *     resp_words w;                       w.len = 0 drops the words of the batch before
 *     while (resp_request_next(...) == RESP_REQUEST) bytes += out.size, len -= out.size;
 *     ... execute the batch; its words live until the input is moved or w.len is 0 again ...
 *
 * Before a client has authenticated, requests must not be parsed ahead of execution: the next one
 * may be larger than `unauthenticated` allows, and legal once AUTH before it has been executed. */
#ifndef HARK_RESP_REQUEST_H
#define HARK_RESP_REQUEST_H

#include "../base/slice.h"

enum {
    RESP_UNAUTHENTICATED_WORDS_MAX = 10,
    RESP_UNAUTHENTICATED_BULK_BYTES_MAX = 16 * 1024,
};

struct resp_limits {
    size_t inline_bytes_max; /* an inline request, or any line of a header: 64 KiB in Redis */
    int64_t words_max;       /* arguments of one request, at most INT_MAX: 1 Mi */
    int64_t bulk_bytes_max;  /* one argument: proto-max-bulk-len */
    bool unauthenticated;    /* the two limits above this hold as well; may change at any time */
};

/* The words of several requests one behind the other; grows, and is used again after len = 0.
 * A word of an inline request that was written with quotes is not in the input as it stands; such
 * words live in `chunks`, as long as all others: until len is 0. */
struct resp_words {
    struct slice *at;
    size_t len, cap;
    struct resp_chunk *chunks;
};

struct resp_request {
    size_t first; /* index of its first word in the resp_words */
    int argc;     /* 0 for an empty request ("*0", an empty line), to be skipped */
    size_t size;  /* its bytes in the input */
};

struct resp_parser {
    struct resp_limits limits;
    size_t at;           /* how far the request at the front has been parsed */
    size_t searched;     /* bytes from `at` on that hold no end of line */
    int64_t words_left;  /* arguments still to come; -1: header not read yet */
    int64_t bulk_len;    /* length of the argument at `at`; -1: its header not read yet */
    size_t bytes_needed; /* after RESP_MORE: how long the input must be at least, or 0 */
    struct resp_span {
        size_t from, len;
    } * partial; /* words of an unfinished request */
    size_t partial_len, partial_cap;
    char error[96]; /* after an error: the text for the client, without "-ERR " */
};

void resp_parser_init(struct resp_parser *p, struct resp_limits limits);
void resp_parser_fini(struct resp_parser *p);
/* Forgets how far it came: the next call starts at the front of its bytes again. For a caller that
 * parsed ahead and then takes fewer requests than it was given. */
void resp_parser_restart(struct resp_parser *p);
/* Gives back all memory and leaves words that can be used again. */
void resp_words_fini(struct resp_words *w);

enum resp_status {
    RESP_ERROR = -1, /* p->error says what; the connection cannot be understood any further */
    RESP_MORE = 0,   /* the request is not complete */
    RESP_REQUEST = 1,
};

/* Parses one request from the front of bytes[0..len), appends its words to `words` and describes
 * it in *out. After RESP_REQUEST the caller moves on by out->size; otherwise `words` is as it was.
 * After RESP_ERROR the parser is of no more use. Error texts as Redis has them:
 * "Protocol error: invalid multibulk length", "Protocol error: expected '$', got 'x'", … */
enum resp_status resp_request_next(struct resp_parser *p, const char *bytes, size_t len,
                                   struct resp_words *words, struct resp_request *out);

#endif
