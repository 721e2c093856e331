#include "text.h"

#include "assert.h"
#include "buffer.h"
#include "err.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Integers. */

static const char digit_pairs[201] = "00010203040506070809101112131415161718192021222324"
                                     "25262728293031323334353637383940414243444546474849"
                                     "50515253545556575859606162636465666768697071727374"
                                     "75767778798081828384858687888990919293949596979899";

static const uint64_t tens[20] = {
    1u,
    10u,
    100u,
    1000u,
    10000u,
    100000u,
    1000000u,
    10000000u,
    100000000u,
    1000000000u,
    10000000000u,
    100000000000u,
    1000000000000u,
    10000000000000u,
    100000000000000u,
    1000000000000000u,
    10000000000000000u,
    100000000000000000u,
    1000000000000000000u,
    10000000000000000000u,
};

/* Digits only, without leading zeros, at most 19 of them, so that nothing can overflow. */
static bool digits_to_uint(const char *at, size_t len, uint64_t *out)
{
    if (len == 0 || len > 19 || (at[0] == '0' && len > 1)) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned digit = (unsigned)(unsigned char)at[i] - '0';
        if (digit > 9) return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool text_to_int(struct slice s, int64_t *out)
{
    uint64_t value;
    if (!s.len) return false;
    bool negative = s.at[0] == '-';
    if (!digits_to_uint(s.at + negative, s.len - negative, &value)) return false;
    if (negative ? value == 0 || value > (uint64_t)INT64_MAX + 1 : value > INT64_MAX) return false;
    *out = (int64_t)(negative ? 0 - value : value);
    return true;
}

bool text_to_uint(struct slice s, uint64_t *out)
{
    if (s.len < 20) return digits_to_uint(s.at, s.len, out);
    uint64_t value;
    if (s.len > 20 || !digits_to_uint(s.at, 19, &value)) return false;
    unsigned last = (unsigned)(unsigned char)s.at[19] - '0';
    if (last > 9 || value > (UINT64_MAX - last) / 10) return false;
    *out = value * 10 + last;
    return true;
}

unsigned text_uint_digits(uint64_t value)
{
    /* 1233/4096 is just above log10(2): a guess that is right or one too few. */
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned guess = bits * 1233 >> 12;
    return guess + (value >= tens[guess] || value == 0);
}

size_t text_from_uint(char *to, uint64_t value)
{
    size_t len = text_uint_digits(value);
    char *at = to + len;
    while (value >= 100) {
        at -= 2;
        memcpy(at, digit_pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10)
        memcpy(to, digit_pairs + value * 2, 2);
    else
        *to = (char)('0' + value);
    return len;
}

size_t text_from_int(char *to, int64_t value)
{
    if (value >= 0) return text_from_uint(to, (uint64_t)value);
    *to = '-';
    return 1 + text_from_uint(to + 1, 0 - (uint64_t)value);
}

/* Fractions. */

/* The powers of ten that a double holds exactly. A whole number below 2^53 times or over one of
 * them is rounded once, so the result is the double closest to what the digits say. */
static const double exact_tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

enum {
    EXACT_TEN_MAX = 22,
    DOUBLE_DIGITS = 17, /* enough for every double */
    SURE_DIGITS = 15,   /* numbers of so many digits survive the way through a double */
};
static const uint64_t exact_whole_max = (uint64_t)1 << 53;

/* Plain decimals such as -12.50, which most scores are; false for all others. */
static bool plain_to_double(struct slice s, double *out)
{
    size_t i = s.len && s.at[0] == '-';
    size_t point = s.len;
    uint64_t whole = 0;

    if (s.len > 19 || i == s.len) return false;
    for (size_t start = i; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.at[i] - '0';
        if (digit <= 9)
            whole = whole * 10 + digit;
        else if (s.at[i] == '.' && point == s.len && i > start)
            point = i;
        else
            return false;
    }
    if (whole > exact_whole_max) return false;
    size_t places = point == s.len ? 0 : s.len - point - 1;
    double value = (double)whole / exact_tens[places];
    *out = s.at[0] == '-' ? -value : value;
    return true;
}

/* A copy with a NUL behind it, as strtod wants it. False for what cannot be a number. */
static bool number_text(struct slice s, char to[TEXT_LONG_DOUBLE_MAX + 1])
{
    if (s.len == 0 || s.len > TEXT_LONG_DOUBLE_MAX) return false;
    if (s.at[0] == ' ' || (s.at[0] >= '\t' && s.at[0] <= '\r')) return false;
    memcpy(to, s.at, s.len);
    to[s.len] = 0;
    return true;
}

bool text_to_double(struct slice s, double *out)
{
    char text[TEXT_LONG_DOUBLE_MAX + 1];
    char *end;
    if (plain_to_double(s, out)) return true;
    if (!number_text(s, text)) return false;
    errno = 0;
    double value = strtod(text, &end);
    if (end != text + s.len || isnan(value)) return false;
    /* Less exact than usual, that is, subnormal, is fine; nothing and infinity are not. */
    if (errno == ERANGE && (value == 0 || isinf(value))) return false;
    *out = value;
    return true;
}

bool text_to_long_double(struct slice s, long double *out)
{
    char text[TEXT_LONG_DOUBLE_MAX + 1];
    char *end;
    if (!number_text(s, text)) return false;
    errno = 0;
    long double value = strtold(text, &end);
    if (end != text + s.len || isnan(value)) return false;
    if (errno == ERANGE && (value == 0 || isinf(value))) return false;
    *out = value;
    return true;
}

/* A number as 0.d1d2d3… * 10^point. */
struct decimal {
    char digits[TEXT_INT_MAX];
    int count; /* no zeros at the end */
    int point;
};

/* The shortest decimal of a value that is a whole number of some 10^-k, if that number is small:
 * below 2^51 the multiplication cannot err by as much as a half, so trying k upward cannot miss
 * the shortest one. */
static bool short_decimal(double value, struct decimal *out)
{
    for (int k = 1; k <= EXACT_TEN_MAX; k++) {
        double scaled = value * exact_tens[k];
        if (scaled >= 0x1p51) return false;
        uint64_t whole = (uint64_t)(scaled + 0.5);
        if ((double)whole / exact_tens[k] == value) {
            out->count = (int)text_from_uint(out->digits, whole);
            out->point = out->count - k;
            return true;
        }
    }
    return false;
}

/* The same for any finite value above 0, by trying. Below DBL_MIN a double has fewer digits. */
static void any_decimal(double value, struct decimal *out)
{
    char text[TEXT_DOUBLE_MAX];
    int digits = value < DBL_MIN ? 1 : SURE_DIGITS;
    for (;; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (digits == DOUBLE_DIGITS || strtod(text, NULL) == value) break;
    }
    out->digits[0] = text[0];
    if (digits > 1) memcpy(out->digits + 1, text + 2, (size_t)digits - 1);
    out->point = atoi(strchr(text, 'e') + 1) + 1;
    out->count = digits;
    while (out->count > 1 && out->digits[out->count - 1] == '0') out->count--;
}

/* d.ddde+XX */
static size_t write_scientific(char *to, const struct decimal *d)
{
    char *at = to;
    int exponent = d->point - 1;
    *at++ = d->digits[0];
    if (d->count > 1) {
        *at++ = '.';
        memcpy(at, d->digits + 1, (size_t)d->count - 1);
        at += d->count - 1;
    }
    *at++ = 'e';
    *at++ = exponent < 0 ? '-' : '+';
    if (abs(exponent) < 10) *at++ = '0';
    at += text_from_uint(at, (uint64_t)abs(exponent));
    return (size_t)(at - to);
}

/* dd.dd, 0.00dd or dd00; point is in -3 .. DOUBLE_DIGITS. */
static size_t write_plain(char *to, const struct decimal *d)
{
    char *at = to;
    int whole = d->point < 0 ? 0 : d->point < d->count ? d->point : d->count;
    memcpy(at, d->digits, (size_t)whole);
    at += whole;
    for (int i = whole; i < d->point; i++) *at++ = '0';
    if (d->point <= 0) *at++ = '0';
    if (whole == d->count) return (size_t)(at - to);
    *at++ = '.';
    for (int i = d->point; i < 0; i++) *at++ = '0';
    memcpy(at, d->digits + whole, (size_t)(d->count - whole));
    at += d->count - whole;
    return (size_t)(at - to);
}

static size_t write_word(char *to, const char *word)
{
    size_t len = strlen(word);
    memcpy(to, word, len);
    return len;
}

size_t text_from_double(char *to, double value)
{
    if (isnan(value)) return write_word(to, "nan");
    if (isinf(value)) return write_word(to, value < 0 ? "-inf" : "inf");
    if (signbit(value)) {
        *to = '-';
        return 1 + text_from_double(to + 1, -value);
    }
    if (value <= 0x1p53 && value == (double)(uint64_t)value)
        return text_from_uint(to, (uint64_t)value);

    struct decimal d;
    if (!short_decimal(value, &d)) any_decimal(value, &d);
    bool scientific = d.point <= -4 || d.point > DOUBLE_DIGITS;
    return scientific ? write_scientific(to, &d) : write_plain(to, &d);
}

size_t text_from_long_double(char *to, long double value)
{
    char text[TEXT_LONG_DOUBLE_MAX + 1];
    if (isnan(value)) return write_word(to, "nan");
    if (isinf(value)) return write_word(to, value < 0 ? "-inf" : "inf");
    int printed = snprintf(text, sizeof text, "%.17Lf", value);
    CHECK(printed > 0 && printed <= TEXT_LONG_DOUBLE_MAX);
    size_t len = (size_t)printed;
    while (text[len - 1] == '0') len--;
    if (text[len - 1] == '.') len--;
    if (len == 2 && text[0] == '-' && text[1] == '0') return write_word(to, "0");
    memcpy(to, text, len);
    return len;
}

/* Sizes. */

bool text_to_bytes(struct slice s, uint64_t *out)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {{"", 1},           {"b", 1},
                 {"k", 1000},       {"kb", 1024},
                 {"m", 1000000},    {"mb", 1024 * 1024},
                 {"g", 1000000000}, {"gb", 1024 * 1024 * 1024}};
    size_t digits = 0;
    uint64_t number = 0;

    for (; digits < s.len && s.at[digits] >= '0' && s.at[digits] <= '9'; digits++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, s.at[digits] - '0', &number))
            return false;
    if (!digits) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (slice_is(slice_from(s, digits), units[i].name))
            return !__builtin_mul_overflow(number, units[i].bytes, out);
    return false;
}

void text_human_bytes(char to[32], uint64_t bytes)
{
    static const char units[] = "BKMGTPE";
    double scaled = (double)bytes;
    int unit = 0;
    for (; scaled >= 1024 && units[unit + 1]; unit++) scaled /= 1024;
    if (unit)
        snprintf(to, 32, "%.2f%c", scaled, units[unit]);
    else
        snprintf(to, 32, "%uB", (unsigned)bytes);
}

/* Quoting. */

static const char hex_digits[] = "0123456789abcdef";

/* The letter that stands for c behind a backslash, 0 if it has none. */
static char escape_letter(char c)
{
    switch (c) {
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '\a': return 'a';
    case '\b': return 'b';
    case '"':
    case '\\': return c;
    default: return 0;
    }
}

void text_quote(struct buffer *to, struct slice s)
{
    char *at = buffer_reserve(to, s.len * 4 + 2);
    *at++ = '"';
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        char letter = escape_letter(c);
        if (letter) {
            *at++ = '\\';
            *at++ = letter;
        } else if (c >= ' ' && c <= '~') {
            *at++ = c;
        } else {
            *at++ = '\\';
            *at++ = 'x';
            *at++ = hex_digits[(unsigned char)c >> 4];
            *at++ = hex_digits[(unsigned char)c & 15];
        }
    }
    *at++ = '"';
    to->len = (size_t)(at - to->at);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What ends a bare word: fewer than the blanks that are skipped between words. */
static bool ends_word(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = text_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the escape at line[*at], a backslash with more behind it, stands for in "…". */
static char unescape(struct slice line, size_t *at)
{
    size_t i = *at + 1;
    char c = line.at[i];
    if (c == 'x' && line.len - i > 2) {
        int high = hex_value(line.at[i + 1]), low = hex_value(line.at[i + 2]);
        if (high >= 0 && low >= 0) {
            *at = i + 3;
            return (char)(high << 4 | low);
        }
    }
    *at = i + 1;
    switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'a': return '\a';
    case 'b': return '\b';
    default: return c;
    }
}

/* Appends what stands between the quote at line[*at] and its twin, and moves *at behind that. */
static bool unquote(struct slice line, size_t *at, struct buffer *store)
{
    char quote = line.at[*at];
    size_t i = *at + 1;
    while (i < line.len && line.at[i] != quote) {
        bool more = line.len - i > 1;
        if (line.at[i] != '\\' || !more || (quote == '\'' && line.at[i + 1] != '\'')) {
            buffer_add_byte(store, line.at[i++]);
        } else {
            buffer_add_byte(store, unescape(line, &i));
        }
    }
    if (i == line.len) return false;
    *at = i + 1;
    return *at == line.len || is_blank(line.at[*at]);
}

int text_next_word(struct slice *line, struct buffer *store, struct slice *word)
{
    size_t from = 0;
    while (from < line->len && is_blank(line->at[from])) from++;
    *line = slice_from(*line, from);
    if (!line->len) return 0;

    size_t at = 0;
    while (at < line->len && !ends_word(line->at[at])) {
        if (line->at[at] == '"' || line->at[at] == '\'') {
            size_t start = store->len;
            buffer_reserve(store, line->len);
            buffer_add(store, line->at, at);
            if (!unquote(*line, &at, store)) {
                store->len = start;
                return ERR_SYNTAX;
            }
            *word = slice_from(buffer_slice(store), start);
            *line = slice_from(*line, at);
            return 1;
        }
        at++;
    }
    *word = slice_of(line->at, at);
    *line = slice_from(*line, at);
    return 1;
}

int text_split_words(struct slice line, struct buffer *store, struct slice *words, int max)
{
    int count = 0;
    struct slice word;
    if (!line.len) return 0;
    buffer_reserve(store, line.len);
    for (;;) {
        int got = text_next_word(&line, store, &word);
        if (got < 0) return got;
        if (!got) return count;
        if (count == max) return ERR_LIMIT;
        words[count++] = word;
    }
}
