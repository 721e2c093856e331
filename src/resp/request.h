/* Requests: what clients send, RESP arrays of bulk strings or inline lines, parsed from bytes.
 *
 * The parser is fed the bytes that are there, from the start of the first request that it has not
 * yet handed out; it owns no input. Words (arguments) are slices into those bytes. A request that
 * is not complete yet costs no second look: the parser remembers how far it came, and the next
 * call goes on from there, with the same bytes (moved, perhaps) and more behind them. */
#ifndef HARK_RESP_REQUEST_H
#define HARK_RESP_REQUEST_H

#include "../base/slice.h"

struct resp_limits {
    size_t inline_bytes_max; /* an inline request, or any line of a header: 64 KiB in Redis */
    int64_t words_max;       /* arguments of one request: 1 Mi, 10 before authentication */
    int64_t bulk_bytes_max;  /* one argument: proto-max-bulk-len, 16 KiB before authentication */
};

/* The words of several requests one behind the other; grows, and is used again after len = 0. */
struct resp_words {
    struct slice *at;
    size_t len, cap;
};

struct resp_request {
    size_t first; /* index of its first word in the resp_words */
    int argc;     /* 0 for an empty request ("*0", an empty line), to be skipped */
    size_t size;  /* its bytes in the input */
};

struct resp_parser {
    struct resp_limits limits;
    size_t at;               /* how far the request at the front has been parsed */
    int64_t words_left;      /* arguments still to come; -1: header not read yet */
    int64_t bulk_len;        /* length of the argument at `at`; -1: its header not read yet */
    size_t bytes_needed;     /* after RESP_MORE: how long the input must be at least, or 0 */
    struct resp_span { size_t from, len; } *partial; /* words of an unfinished request */
    size_t partial_len, partial_cap;
    char error[96];          /* after an error: the text for the client, without "-ERR " */
};

void resp_parser_init(struct resp_parser *p, struct resp_limits limits);
void resp_parser_fini(struct resp_parser *p);
void resp_words_fini(struct resp_words *w);

enum resp_status {
    RESP_ERROR = -1, /* p->error says what; the connection cannot be understood any further */
    RESP_MORE = 0,   /* the request is not complete */
    RESP_REQUEST = 1,
};

/* Parses one request from the front of bytes[0..len), appends its words to `words` and describes
 * it in *out. After RESP_REQUEST the caller moves on by out->size. Error texts as Redis has them:
 * "Protocol error: invalid multibulk length", "Protocol error: expected '$', got 'x'", … */
enum resp_status resp_request_next(struct resp_parser *p, const char *bytes, size_t len,
                                   struct resp_words *words, struct resp_request *out);

#endif
