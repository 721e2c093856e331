#include "json.h"

/* The length of the UTF-8 character (beyond ASCII) at the front, 0 when it is none: no overlong
 * forms, no surrogates, nothing above U+10FFFF. */
static size_t utf8_length(struct slice s)
{
    const unsigned char *c = (const unsigned char *)s.at;
    size_t len = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
    if (c[0] < 0xc2 || c[0] > 0xf4 || len > s.len) return 0;
    for (size_t i = 1; i < len; i++)
        if ((c[i] & 0xc0) != 0x80) return 0;
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f)) return 0;
    if ((c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f)) return 0;
    return len;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* The escape of an ASCII character that must not stand for itself; returns its length. */
static size_t escape(char to[6], unsigned char c)
{
    static const char short_forms[][2] = {{'"', '"'},  {'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'},
                                          {'\t', 't'}, {'\b', 'b'},  {'\f', 'f'}};
    static const char hex[] = "0123456789abcdef";
    to[0] = '\\';
    for (size_t i = 0; i < sizeof short_forms / sizeof *short_forms; i++) {
        if ((unsigned char)short_forms[i][0] != c) continue;
        to[1] = short_forms[i][1];
        return 2;
    }
    memcpy(to + 1, "u00", 3);
    to[4] = hex[c >> 4];
    to[5] = hex[c & 15];
    return 6;
}

/* How many plain characters are at the front; looks at no more than max + 1. */
static size_t plain_run(struct slice s, size_t max)
{
    size_t n = 0, end = s.len > max ? max + 1 : s.len;
    while (n < end && is_plain((unsigned char)s.at[n])) n++;
    return n;
}

bool json_add_string(struct buffer *to, struct slice s, size_t max, bool *cut)
{
    size_t start = to->len;
    buffer_add_byte(to, '"');
    while (s.len) {
        char text[6];
        struct slice piece = slice_of(s.at, plain_run(s, max));
        size_t took = piece.len;
        bool plain = took != 0;
        if (!plain && (unsigned char)*s.at < 0x80) {
            piece = slice_of(text, escape(text, (unsigned char)*s.at));
            took = 1;
        } else if (!plain) {
            piece.len = took = utf8_length(s);
            if (!took) {
                to->len = start;
                return false;
            }
        }
        if (piece.len > max) {
            if (plain) buffer_add(to, piece.at, max);
            *cut = true;
            break;
        }
        buffer_add_slice(to, piece);
        max -= piece.len;
        s = slice_from(s, took);
    }
    buffer_add_byte(to, '"');
    return true;
}

void json_add_base64(struct buffer *to, struct slice s, size_t max, bool *cut)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = (const unsigned char *)s.at;
    size_t len = s.len;
    if (len / 3 + (len % 3 != 0) > max / 4) {
        len = max / 4 * 3;
        *cut = true;
    }
    char *at = buffer_reserve(to, (len / 3 + 1) * 4 + 2);
    char *start = at;
    *at++ = '"';
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i;
        unsigned bits = (unsigned)from[i] << 16;
        if (have > 1) bits |= (unsigned)from[i + 1] << 8;
        if (have > 2) bits |= from[i + 2];
        *at++ = digits[bits >> 18];
        *at++ = digits[bits >> 12 & 63];
        *at++ = have > 1 ? digits[bits >> 6 & 63] : '=';
        *at++ = have > 2 ? digits[bits & 63] : '=';
    }
    *at++ = '"';
    to->len += (size_t)(at - start);
}
