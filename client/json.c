#include "json.h"

enum {
    DEPTH_MAX = 64,
};

static void blanks(struct json *j)
{
    while (j->at < j->end && strchr(" \t\r\n", *j->at) && *j->at) j->at++;
}

static size_t bad(struct json *j)
{
    j->bad = true;
    j->at = j->end;
    return 0;
}

bool hark_json_is(struct json *j, char c)
{
    blanks(j);
    if (j->at == j->end || *j->at != c) return false;
    j->at++;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits; -1 when they are none. */
static long hex4(struct json *j)
{
    long n = 0;
    if (j->end - j->at < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*j->at++);
        if (digit < 0) return -1;
        n = n * 16 + digit;
    }
    return n;
}

static size_t utf8(long code, char to[4])
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 63));
        to[2] = (char)(0x80 | (code & 63));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 63));
    to[2] = (char)(0x80 | (code >> 6 & 63));
    to[3] = (char)(0x80 | (code & 63));
    return 4;
}

/* What follows \u; two of them may make one character. */
static size_t unicode(struct json *j, char to[4])
{
    long code = hex4(j);
    bool high = code >= 0xd800 && code < 0xdc00;
    if (high && j->end - j->at >= 6 && j->at[0] == '\\' && j->at[1] == 'u') {
        j->at += 2;
        long low = hex4(j);
        code =
            low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : -1;
    }
    return code < 0 ? bad(j) : utf8(code, to);
}

/* What follows a backslash. */
static size_t escape(struct json *j, char to[4])
{
    static const char letters[] = "\"\\/bfnrt", stand_for[] = "\"\\/\b\f\n\r\t";
    if (j->at == j->end) return bad(j);
    char c = *j->at++;
    if (c == 'u') return unicode(j, to);
    const char *found = c ? strchr(letters, c) : NULL;
    if (!found) return bad(j);
    to[0] = stand_for[found - letters];
    return 1;
}

size_t hark_json_string(struct json *j, char *to)
{
    size_t len = 0;
    if (!hark_json_is(j, '"')) return bad(j);
    while (j->at < j->end && *j->at != '"') {
        char c[4] = {*j->at++};
        size_t n = c[0] == '\\' ? escape(j, c) : 1;
        if (to) memcpy(to + len, c, n);
        len += n;
    }
    if (j->at == j->end) return bad(j);
    j->at++;
    return len;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

size_t hark_json_base64(struct json *j, char *to)
{
    size_t len = 0;
    unsigned bits = 0, held = 0;
    if (!hark_json_is(j, '"')) return bad(j);
    for (; j->at < j->end && *j->at != '"'; j->at++) {
        if (*j->at == '=') continue;
        int digit = base64_digit(*j->at);
        if (digit < 0) return bad(j);
        bits = bits << 6 | (unsigned)digit;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        if (to) to[len] = (char)(bits >> held);
        bits &= (1u << held) - 1;
        len++;
    }
    if (j->at == j->end) return bad(j);
    j->at++;
    return len;
}

uint64_t hark_json_number(struct json *j)
{
    uint64_t n = 0;
    blanks(j);
    const char *start = j->at;
    for (; j->at < j->end && *j->at >= '0' && *j->at <= '9'; j->at++)
        n = n * 10 + (uint64_t)(*j->at - '0');
    return j->at == start ? bad(j) : n;
}

struct hark_text hark_json_name(struct json *j)
{
    if (!hark_json_is(j, '"')) bad(j);
    const char *start = j->at;
    while (j->at < j->end && *j->at != '"') j->at++;
    if (j->at == j->end) {
        bad(j);
        return (struct hark_text){"", 0};
    }
    return (struct hark_text){start, (size_t)(j->at++ - start)};
}

/* Strings are passed whole, so that brackets in them do not count. */
void hark_json_skip(struct json *j)
{
    int depth = 0;
    do {
        blanks(j);
        if (j->at == j->end) {
            bad(j);
            return;
        }
        if (*j->at == '"') {
            hark_json_string(j, NULL);
            continue;
        }
        if (*j->at == '[' || *j->at == '{') depth++;
        if (*j->at == ']' || *j->at == '}') depth--;
        if (depth < 0 || depth > DEPTH_MAX) {
            bad(j);
            return;
        }
        bool word = !strchr("[]{},:", *j->at);
        j->at++;
        while (word && j->at < j->end && !strchr("[]{},: \t\r\n\"", *j->at)) j->at++;
    } while (depth > 0 && !j->bad);
}
