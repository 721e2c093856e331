/* Replies, read: RESP2 and RESP3 taken apart into tokens, from bytes that arrive in any pieces.
 *
 * A reply is a value, or an aggregate (array, map, set, push) of values. The parser hands out one
 * token for each value and for the head of each aggregate, in the order of the bytes, with its
 * depth: elements stand one deeper than the head that announced them. Whoever wants a tree builds
 * one, whoever only counts replies looks at `last`. It allocates nothing and keeps no input.
 *
 * An attribute (RESP3's `|`) is a token too, and its pairs follow it, one deeper; but it is not an
 * element of anything: the value that it describes comes after it at its own depth.
 *
 * The caller offers the bytes from the first one not yet consumed. A token that is not complete
 * yet costs no second scan: the parser remembers how far it looked, and the next call goes on with
 * the same bytes (moved, perhaps) and more behind them. */
#ifndef HARK_RESP_REPLY_H
#define HARK_RESP_REPLY_H

#include "../base/slice.h"

enum {
    RESP_REPLY_DEPTH_MAX = 64,   /* aggregates inside one another */
    RESP_REPLY_DOUBLE_MAX = 512, /* characters of a double */
    RESP_REPLY_HEADER_MAX = 32,  /* characters of a length or an integer */
};

enum resp_kind {
    RESP_KIND_STRING,     /* $, text */
    RESP_KIND_STATUS,     /* +, text */
    RESP_KIND_ERROR,      /* - and RESP3's !, text */
    RESP_KIND_INTEGER,    /* :, integer */
    RESP_KIND_DOUBLE,     /* , number, and text as it was sent */
    RESP_KIND_BOOL,       /* #, integer 0 or 1 */
    RESP_KIND_BIG_NUMBER, /* (, text: the digits */
    RESP_KIND_VERBATIM,   /* =, text without its format, format */
    RESP_KIND_NULL,       /* $-1, *-1 and _ */
    RESP_KIND_ARRAY,      /* *, count */
    RESP_KIND_MAP,        /* %, count: keys and values together, so always even */
    RESP_KIND_SET,        /* ~, count */
    RESP_KIND_PUSH,       /* >, count */
    RESP_KIND_ATTRIBUTE,  /* |, count as in a map */
};

struct resp_token {
    enum resp_kind kind;
    int depth;         /* 0 for the reply itself */
    bool last;         /* with this token the reply at depth 0 is complete */
    char format[4];    /* of VERBATIM: three characters and a NUL */
    struct slice text; /* into the caller's bytes */
    int64_t integer;
    double number;
    size_t count; /* tokens one deeper, attributes and what they hold not counted */
    size_t size;  /* bytes consumed: what the caller moves on by */
};

struct resp_reply_parser {
    size_t bytes_max;    /* a longer string or line is refused */
    int64_t count_max;   /* and so is an aggregate of more elements */
    size_t scanned;      /* bytes of an unfinished line in which there is no line end */
    size_t bytes_needed; /* after RESP_REPLY_MORE: how long the input must be at least */
    int depth;           /* aggregates that are open */
    struct resp_reply_level {
        int64_t left; /* elements to come */
        bool attribute;
    } open[RESP_REPLY_DEPTH_MAX];
    char error[96]; /* after BAD and LIMIT: what was wrong */
};

enum resp_reply_status {
    RESP_REPLY_LIMIT = -2, /* larger or deeper than the limits; nothing can follow */
    RESP_REPLY_BAD = -1,   /* not RESP; the connection cannot be understood any further */
    RESP_REPLY_MORE = 0,   /* the token is not complete */
    RESP_REPLY_TOKEN = 1,  /* *out is filled */
};

void resp_reply_init(struct resp_reply_parser *p, size_t bytes_max, int64_t count_max);

/* Takes one token from the front of bytes[0..len). Strings are slices into these bytes. */
enum resp_reply_status resp_reply_next(struct resp_reply_parser *p, const char *bytes, size_t len,
                                       struct resp_token *out);

/* Is this the head of an aggregate, an attribute included? */
static inline bool resp_kind_holds(enum resp_kind kind)
{
    return kind >= RESP_KIND_ARRAY;
}

#endif
