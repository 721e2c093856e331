/* The error list: every way in which a function of ours can fail without a text of its own.
 *
 * Functions that can fail return 0 (or a count) on success and one of these, all negative,
 * otherwise; the caller must look. A bool answers a question and is never an error. */
#ifndef HARK_BASE_ERR_H
#define HARK_BASE_ERR_H

#define HARK_ERRORS(X)                  \
    X(NOMEM, "out of memory")           \
    X(IO, "input/output error")         \
    X(EOF, "end of file or connection") \
    X(AGAIN, "would block")             \
    X(SYNTAX, "syntax error")           \
    X(RANGE, "value is out of range")   \
    X(LIMIT, "a limit was reached")     \
    X(EXISTS, "already exists")         \
    X(ABSENT, "not found")              \
    X(BUSY, "in use")                   \
    X(DENIED, "not permitted")          \
    X(UNSUPPORTED, "not supported")     \
    X(CORRUPT, "the data is damaged")

enum {
    HARK_ERR_BASE = -1000,
#define X(name, text) ERR_##name,
    HARK_ERRORS(X)
#undef X
};

/* The text for one of the codes above, never NULL; static storage. */
const char *err_text(int code);

#endif
