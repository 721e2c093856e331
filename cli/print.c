/* A reply in each format, byte for byte as redis-cli 7.0 prints it. What looks odd is kept so on
 * purpose, because scripts parse it: an error in raw output ends with an empty line, an array as
 * the key of a JSON object is put in quotes as it is, and quoted JSON escapes the backslashes of
 * the quoted form once more, but not its quotes. */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_aggregate(const struct hark_reply *r)
{
    switch (r->type) {
    case HARK_T_ARRAY:
    case HARK_T_MAP:
    case HARK_T_SET:
    case HARK_T_PUSH: return true;
    default: return false;
    }
}

static void print_bytes(FILE *to, const struct hark_reply *r)
{
    fwrite(r->text, 1, r->len, to);
}

static void print_quoted(FILE *to, const struct hark_reply *r)
{
    struct text t = {0};
    text_add_quoted(&t, r->text, r->len);
    fwrite(t.at, 1, t.len, to);
    text_fini(&t);
}

/* ---- pretty ---- */

static int digits(size_t n)
{
    int count = 1;
    while (n >= 10) n /= 10, count++;
    return count;
}

static const char *empty_text(enum hark_type type)
{
    switch (type) {
    case HARK_T_MAP: return "(empty hash)";
    case HARK_T_SET: return "(empty set)";
    case HARK_T_PUSH: return "(empty push)";
    default: return "(empty array)";
    }
}

static bool takes_lines(const struct hark_reply *r)
{
    if (!is_aggregate(r) || r->count == 0) return false;
    size_t step = r->type == HARK_T_MAP ? 2 : 1;
    return r->count > step || takes_lines(&r->at[step - 1]);
}

static void print_pretty(FILE *to, const struct hark_reply *r, int indent, bool colour);

/* The first line of an element is begun by the caller, its further lines are indented here. */
static void print_elements(FILE *to, const struct hark_reply *r, int indent, bool colour)
{
    bool map = r->type == HARK_T_MAP;
    size_t count = map ? r->count / 2 : r->count;
    int width = digits(count), deeper = indent + width + 2;
    char mark = map ? '#' : r->type == HARK_T_SET ? '~' : ')';
    for (size_t i = 0; i < count; i++) {
        if (i > 0) fprintf(to, "\n%*s", indent, "");
        fprintf(to, "%*zu%c ", width, i + 1, mark);
        print_pretty(to, &r->at[map ? i * 2 : i], deeper, colour);
        if (!map) continue;
        const struct hark_reply *value = &r->at[i * 2 + 1];
        fputs(" => ", to);
        if (takes_lines(value)) fprintf(to, "\n%*s", deeper, "");
        print_pretty(to, value, deeper, colour);
    }
}

static void print_pretty(FILE *to, const struct hark_reply *r, int indent, bool colour)
{
    switch (r->type) {
    case HARK_T_STRING: print_quoted(to, r); break;
    case HARK_T_STATUS:
    case HARK_T_VERBATIM: print_bytes(to, r); break;
    case HARK_T_ERROR:
        fputs(colour ? "\x1b[31m(error) " : "(error) ", to);
        print_bytes(to, r);
        if (colour) fputs("\x1b[0m", to);
        break;
    case HARK_T_INTEGER: fprintf(to, "(integer) %" PRId64, r->integer); break;
    case HARK_T_DOUBLE: fprintf(to, "(double) %s", r->text); break;
    case HARK_T_BIG_NUMBER: fprintf(to, "(big number) %s", r->text); break;
    case HARK_T_BOOL: fputs(r->integer ? "(true)" : "(false)", to); break;
    case HARK_T_NULL: fputs("(nil)", to); break;
    case HARK_T_ARRAY:
    case HARK_T_MAP:
    case HARK_T_SET:
    case HARK_T_PUSH:
        if (r->count == 0)
            fputs(empty_text(r->type), to);
        else
            print_elements(to, r, indent, colour);
        break;
    }
}

/* ---- raw ---- */

static void print_raw(FILE *to, const struct hark_reply *r, const char *delimiter)
{
    switch (r->type) {
    case HARK_T_ERROR:
        print_bytes(to, r);
        fputc('\n', to);
        break;
    case HARK_T_STRING:
    case HARK_T_STATUS:
    case HARK_T_VERBATIM:
    case HARK_T_DOUBLE:
    case HARK_T_BIG_NUMBER: print_bytes(to, r); break;
    case HARK_T_INTEGER: fprintf(to, "%" PRId64, r->integer); break;
    case HARK_T_BOOL: fputs(r->integer ? "(true)" : "(false)", to); break;
    case HARK_T_NULL: break;
    case HARK_T_ARRAY:
    case HARK_T_MAP:
    case HARK_T_SET:
    case HARK_T_PUSH:
        for (size_t i = 0; i < r->count; i++) {
            bool value = r->type == HARK_T_MAP && i % 2;
            if (i > 0) fputs(value ? " " : delimiter, to);
            print_raw(to, &r->at[i], delimiter);
        }
        break;
    }
}

/* ---- CSV ---- */

static void print_csv(FILE *to, const struct hark_reply *r)
{
    switch (r->type) {
    case HARK_T_ERROR: fputs("ERROR,", to); __attribute__((fallthrough));
    case HARK_T_STRING:
    case HARK_T_STATUS:
    case HARK_T_VERBATIM: print_quoted(to, r); break;
    case HARK_T_DOUBLE:
    case HARK_T_BIG_NUMBER: print_bytes(to, r); break;
    case HARK_T_INTEGER: fprintf(to, "%" PRId64, r->integer); break;
    case HARK_T_BOOL: fputs(r->integer ? "true" : "false", to); break;
    case HARK_T_NULL: fputs("NULL", to); break;
    case HARK_T_ARRAY:
    case HARK_T_MAP:
    case HARK_T_SET:
    case HARK_T_PUSH:
        for (size_t i = 0; i < r->count; i++) {
            if (i > 0) fputc(',', to);
            print_csv(to, &r->at[i]);
        }
        break;
    }
}

/* ---- JSON ---- */

void print_json_text(FILE *to, const char *bytes, size_t len)
{
    static const char plain[] = "\\\"\n\f\r\t\b", escaped[] = "\\\"nfrtb";
    fputc('"', to);
    for (size_t i = 0; i < len; i++) {
        const char *found = bytes[i] ? strchr(plain, bytes[i]) : NULL;
        if (found)
            fprintf(to, "\\%c", escaped[found - plain]);
        else if ((unsigned char)bytes[i] < ' ')
            fprintf(to, "\\u%04x", (unsigned char)bytes[i]);
        else
            fputc(bytes[i], to);
    }
    fputc('"', to);
}

static void print_quoted_json_text(FILE *to, const char *bytes, size_t len)
{
    struct text t = {0};
    text_add_quoted(&t, bytes, len);
    for (size_t i = 0; i < t.len; i++) {
        if (t.at[i] == '\\') fputc('\\', to);
        fputc(t.at[i], to);
    }
    text_fini(&t);
}

/* How JSON is printed, and how deep we are. */
struct json {
    bool quoted, indent;
    int depth;
};

static void print_json(FILE *to, const struct hark_reply *r, struct json j);

/* Does it bring quotes of its own, as a key needs them? */
static bool has_quotes(const struct hark_reply *r)
{
    return r->type == HARK_T_STRING || r->type == HARK_T_STATUS || r->type == HARK_T_VERBATIM ||
           r->type == HARK_T_ERROR;
}

static void begin_line(FILE *to, struct json j)
{
    if (j.indent) fprintf(to, "\n%*s", 2 * j.depth, "");
}

static void print_json_elements(FILE *to, const struct hark_reply *r, struct json j)
{
    struct json deeper = {j.quoted, j.indent, j.depth + 1};
    bool map = r->type == HARK_T_MAP;
    fputc(map ? '{' : '[', to);
    for (size_t i = 0; i < r->count; i++) {
        const struct hark_reply *element = &r->at[i];
        bool key = map && i % 2 == 0, wrap = key && !has_quotes(element);
        if (i > 0) fputc(map && !key ? ':' : ',', to);
        if (!map || key) begin_line(to, deeper);
        if (map && !key && j.indent) fputc(' ', to);
        if (wrap) fputc('"', to);
        print_json(to, element, deeper);
        if (wrap) fputc('"', to);
    }
    if (r->count) begin_line(to, j);
    fputc(map ? '}' : ']', to);
}

static void print_json(FILE *to, const struct hark_reply *r, struct json j)
{
    switch (r->type) {
    case HARK_T_ERROR: fputs("error:", to); __attribute__((fallthrough));
    case HARK_T_STRING:
    case HARK_T_STATUS:
    case HARK_T_VERBATIM:
        if (j.quoted)
            print_quoted_json_text(to, r->text, r->len);
        else
            print_json_text(to, r->text, r->len);
        break;
    case HARK_T_DOUBLE:
    case HARK_T_BIG_NUMBER: print_bytes(to, r); break;
    case HARK_T_INTEGER: fprintf(to, "%" PRId64, r->integer); break;
    case HARK_T_BOOL: fputs(r->integer ? "true" : "false", to); break;
    case HARK_T_NULL: fputs("null", to); break;
    case HARK_T_ARRAY:
    case HARK_T_MAP:
    case HARK_T_SET:
    case HARK_T_PUSH: print_json_elements(to, r, j); break;
    }
}

void print_reply(FILE *to, const struct format *format, const struct hark_reply *reply,
                 bool as_text)
{
    enum output output = as_text ? OUTPUT_RAW : format->output;
    switch (output) {
    case OUTPUT_PRETTY: print_pretty(to, reply, 0, format->colour); break;
    case OUTPUT_RAW: print_raw(to, reply, format->bulk_delimiter); break;
    case OUTPUT_CSV: print_csv(to, reply); break;
    case OUTPUT_JSON: print_json(to, reply, (struct json){false, format->indent, 0}); break;
    case OUTPUT_QUOTED_JSON: print_json(to, reply, (struct json){true, format->indent, 0}); break;
    }
    if (!as_text) fputs(output == OUTPUT_RAW ? format->reply_delimiter : "\n", to);
}
