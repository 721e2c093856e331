/* Numbers and text, both ways, exactly: no locale, no white space skipped, no silent overflow. */
#ifndef HARK_BASE_TEXT_H
#define HARK_BASE_TEXT_H

#include "slice.h"

enum {
    TEXT_INT_MAX = 21,    /* the longest decimal int64_t or uint64_t, sign included */
    TEXT_DOUBLE_MAX = 32, /* the longest that text_from_double writes */
    TEXT_LONG_DOUBLE_MAX = 5120,
};

static inline char text_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline char text_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

/* A decimal integer in the one canonical spelling: an optional '-', no leading zeros, no '+',
 * no blanks, within int64_t. The whole slice must be the number. */
bool text_to_int(struct slice s, int64_t *out);
/* The same for uint64_t, without sign. */
bool text_to_uint(struct slice s, uint64_t *out);
/* A double as strtod reads it (also inf, -inf, hex), the whole slice, not NaN, at most
 * TEXT_LONG_DOUBLE_MAX bytes; false also when it is written as a number but too large or too
 * small for one. As everything here that knows fractions, it counts on LC_NUMERIC being "C". */
bool text_to_double(struct slice s, double *out);
bool text_to_long_double(struct slice s, long double *out);

/* Writes decimal digits, no NUL; returns how many (at most TEXT_INT_MAX). */
size_t text_from_int(char *to, int64_t value);
size_t text_from_uint(char *to, uint64_t value);
/* How many characters text_from_uint would write. */
unsigned text_uint_digits(uint64_t value);
/* The shortest text that reads back as the same double (17 significant digits at most; for a few
 * very large or small powers of two one more than would do), exponent as printf %.17g has it; inf,
 * -inf and nan for what is not a number. At most TEXT_DOUBLE_MAX, no NUL. */
size_t text_from_double(char *to, double value);
/* What INCRBYFLOAT stores: plain notation, 17 digits after the point, trailing zeros removed.
 * At most TEXT_LONG_DOUBLE_MAX, no NUL. */
size_t text_from_long_double(char *to, long double value);

/* A size with an optional unit, as the configuration has it: 100, 1k = 1000, 1kb = 1024, m, mb,
 * g, gb, b; case does not matter. False when it is none or does not fit. */
bool text_to_bytes(struct slice s, uint64_t *out);
/* Bytes for a person: 0B, 1.50K, 2.00M, 3.10G. At most 32 with the NUL. */
void text_human_bytes(char to[32], uint64_t bytes);

/* Appends `s` in double quotes with \n \r \t \a \b \" \\ and \xHH for what cannot be printed, as
 * logs, MONITOR and the CLI show arguments. */
struct buffer;
void text_quote(struct buffer *to, struct slice s);
/* Takes the next word off the front of a line of configuration, of a prompt or of an inline
 * request: bare up to a blank, "…" with the escapes above, or '…' with only \' ; a quote may start
 * in the middle of a word, but ends it. A word that is not in the line as it stands is unescaped
 * behind what `store` holds: as words never get longer by that, a store with room for the whole
 * line never moves. Returns 1, 0 when only blanks were left, ERR_SYNTAX for unbalanced quotes. */
int text_next_word(struct slice *line, struct buffer *store, struct slice *word);
/* Splits a whole line; the words live in `line` and `store` until either changes. Returns the
 * number of words, ERR_SYNTAX for unbalanced quotes, ERR_LIMIT for more than max. */
int text_split_words(struct slice line, struct buffer *store, struct slice *words, int max);

#endif
