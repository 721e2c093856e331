#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

void out_of_memory(void)
{
    fputs("hark-cli: out of memory\n", stderr);
    exit(1);
}

void *must_resize(void *p, size_t size)
{
    p = realloc(p, size ? size : 1);
    if (!p) out_of_memory();
    return p;
}

void *must_alloc(size_t size)
{
    return must_resize(NULL, size);
}

char *must_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(must_alloc(size), text, size);
}

/* ---- text ---- */

static void text_reserve(struct text *t, size_t more)
{
    if (t->cap - t->len > more) return;
    size_t cap = t->cap ? t->cap : 64;
    while (cap - t->len <= more) {
        if (cap > SIZE_MAX / 2) out_of_memory();
        cap *= 2;
    }
    t->at = must_resize(t->at, cap);
    t->cap = cap;
}

void text_add(struct text *t, const void *bytes, size_t len)
{
    text_reserve(t, len);
    if (len) memcpy(t->at + t->len, bytes, len);
    t->len += len;
    t->at[t->len] = '\0';
}

void text_addf(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) return;
    text_reserve(t, (size_t)len);
    va_start(args, format);
    vsnprintf(t->at + t->len, (size_t)len + 1, format, args);
    va_end(args);
    t->len += (size_t)len;
}

void text_add_quoted(struct text *t, const char *bytes, size_t len)
{
    static const char plain[] = "\\\"\n\r\t\a\b", escaped[] = "\\\"nrtab";
    text_add(t, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        const char *found = bytes[i] ? strchr(plain, bytes[i]) : NULL;
        if (found)
            text_addf(t, "\\%c", escaped[found - plain]);
        else if (bytes[i] >= ' ' && bytes[i] < 0x7f)
            text_add(t, &bytes[i], 1);
        else
            text_addf(t, "\\x%02x", (unsigned char)bytes[i]);
    }
    text_add(t, "\"", 1);
}

bool text_add_stream(struct text *t, FILE *from)
{
    size_t n;
    do {
        text_reserve(t, 64 * 1024);
        n = fread(t->at + t->len, 1, t->cap - t->len - 1, from);
        t->len += n;
    } while (n > 0);
    t->at[t->len] = '\0';
    return !ferror(from);
}

void text_fini(struct text *t)
{
    free(t->at);
    *t = (struct text){0};
}

/* ---- words ---- */

void words_add(struct words *w, const char *bytes, size_t len)
{
    w->at = must_resize(w->at, (size_t)(w->count + 1) * sizeof *w->at);
    w->lens = must_resize(w->lens, (size_t)(w->count + 1) * sizeof *w->lens);
    char *copy = must_alloc(len + 1);
    if (len) memcpy(copy, bytes, len);
    copy[len] = '\0';
    w->at[w->count] = copy;
    w->lens[w->count++] = len;
}

void words_fini(struct words *w)
{
    for (int i = 0; i < w->count; i++) free(w->at[i]);
    free(w->at);
    free(w->lens);
    *w = (struct words){0};
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* What the escape behind a backslash stands for; returns how many bytes it took. */
static size_t unescape(const char *s, char *out)
{
    if (s[0] == 'x' && hex_digit(s[1]) >= 0 && hex_digit(s[2]) >= 0) {
        *out = (char)(hex_digit(s[1]) * 16 + hex_digit(s[2]));
        return 3;
    }
    static const char letters[] = "nrtba", bytes[] = "\n\r\t\b\a";
    const char *found = strchr(letters, s[0]);
    *out = found ? bytes[found - letters] : s[0];
    return 1;
}

/* Reads what is in quotes, from behind the opening one. Returns the place behind the closing one,
 * NULL when there is none. */
static const char *read_quoted(struct text *t, const char *s, char quote)
{
    for (; *s && *s != quote; s++) {
        char c = *s;
        if (quote == '"' && c == '\\' && s[1])
            s += unescape(s + 1, &c);
        else if (quote == '\'' && c == '\\' && s[1] == '\'')
            c = *++s;
        text_add(t, &c, 1);
    }
    return *s ? s + 1 : NULL;
}

/* Reads one word; the place behind it, or NULL. */
static const char *read_word(struct text *t, const char *s)
{
    while (*s && !is_blank(*s)) {
        if (*s != '"' && *s != '\'') {
            text_add(t, s++, 1);
            continue;
        }
        s = read_quoted(t, s + 1, *s);
        if (!s || (*s && !is_blank(*s))) return NULL;
    }
    return s;
}

bool words_split(struct words *w, const char *line)
{
    struct text word = {0};
    const char *s = line;
    while (s) {
        while (is_blank(*s)) s++;
        if (!*s) break;
        word.len = 0;
        s = read_word(&word, s);
        if (s) words_add(w, word.at ? word.at : "", word.len);
    }
    text_fini(&word);
    if (!s) words_fini(w);
    return s;
}

bool words_add_unquoted(struct words *w, const char *argument)
{
    if (argument[0] != '"' && argument[0] != '\'') {
        words_add(w, argument, strlen(argument));
        return true;
    }
    struct text word = {0};
    const char *end = read_quoted(&word, argument + 1, argument[0]);
    bool whole = end && !*end;
    if (whole) words_add(w, word.at ? word.at : "", word.len);
    text_fini(&word);
    return whole;
}

bool words_start_with(int argc, const char *const argv[], const char *words)
{
    for (int i = 0; *words; i++) {
        size_t len = strcspn(words, " ");
        if (i == argc || strlen(argv[i]) != len || strncasecmp(argv[i], words, len) != 0)
            return false;
        words += len + (words[len] == ' ');
    }
    return true;
}

/* ---- numbers and time ---- */

bool parse_integer(const char *text, long min, long max, long *out)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end || errno || is_blank(*text) || value < min || value > max) return false;
    *out = value;
    return true;
}

int64_t unix_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void sleep_ms(double ms)
{
    if (ms <= 0) return;
    struct timespec t = {(time_t)(ms / 1e3), 0};
    t.tv_nsec = (long)((ms - (double)t.tv_sec * 1e3) * 1e6);
    nanosleep(&t, NULL);
}
