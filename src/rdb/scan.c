#include "scan.h"

#include "../base/assert.h"
#include "../base/err.h"
#include "../base/text.h"

#include <math.h>

/* Lengths of a double that are none. */
enum { DOUBLE_NAN = 253, DOUBLE_INF = 254 }; /* and minus infinity */

void rdb_scan_begin(struct rdb_scan *s, const char *layout, int keeps)
{
    *s = (struct rdb_scan){.whole = layout, .layout = layout, .keeps = keeps};
}

/* ---- loops ---- */

static const char *behind_loop(const char *at)
{
    for (int depth = 1; depth > 0; at++) depth += (*at == '(') - (*at == ')');
    return at;
}

static int enter_loop(struct rdb_scan *s, struct rdb_input *in, struct rdb_part *out)
{
    uint64_t times;
    int rc = rdb_get_length(in, &times);
    if (rc != 0) return rc;
    out->what = '(';
    out->number = times;
    if (times == 0) {
        s->layout = behind_loop(s->layout + 1);
        return 0;
    }
    CHECK(s->depth < RDB_DEPTH_MAX);
    s->layout++;
    s->loops[s->depth].start = s->layout;
    s->loops[s->depth++].left = times;
    return 0;
}

static void end_of_loop(struct rdb_scan *s)
{
    if (--s->loops[s->depth - 1].left > 0) {
        s->layout = s->loops[s->depth - 1].start;
    } else {
        s->layout++;
        s->depth--;
    }
}

/* ---- parts ---- */

static int skip_string(struct rdb_scan *s, struct rdb_input *in)
{
    uint64_t len; /* which may be half known when the bytes end */
    int rc = rdb_skip_to_bytes(in, &len);
    if (rc == 0) s->skip = len;
    return rc;
}

static int string_part(struct rdb_scan *s, struct rdb_input *in, struct buffer *scratch,
                       struct rdb_part *out)
{
    int rc;
    if (s->keeps > 0) {
        rc = rdb_get_string(in, scratch, &out->string);
        if (rc == 0) out->what = *s->layout;
        if (rc == 0) s->keeps--;
    } else {
        rc = skip_string(s, in);
    }
    if (rc == 0) s->layout++;
    return rc;
}

static int double_of(struct slice text, uint64_t len, uint64_t *bits)
{
    double score = len == DOUBLE_INF ? INFINITY : -INFINITY;
    if (len == DOUBLE_NAN || (len < DOUBLE_NAN && !text_to_double(text, &score)))
        return ERR_CORRUPT;
    memcpy(bits, &score, sizeof score);
    return 0;
}

/* One length of a byte, and so many bytes; the three highest stand for nan and infinities. */
static int double_part(struct rdb_scan *s, struct rdb_input *in, struct rdb_part *out)
{
    uint64_t len;
    int rc = rdb_get_number(in, 1, &len);
    if (rc != 0) return rc;
    size_t bytes = len < DOUBLE_NAN ? (size_t)len : 0;
    if (in->left < bytes) return ERR_AGAIN;
    if (s->keeps > 0) rc = double_of(slice_of(in->at, bytes), len, &out->number);
    if (rc != 0) return rc;
    if (s->keeps > 0) out->what = 'd';
    in->at += bytes;
    in->left -= bytes;
    s->layout++;
    return 0;
}

/* One value of a module: the layout goes on behind them when there is no more. */
static int module_part(struct rdb_scan *s, struct rdb_input *in)
{
    enum { MODULE_END, MODULE_INT, MODULE_UINT, MODULE_FLOAT, MODULE_DOUBLE, MODULE_STRING };
    uint64_t kind, ignored;
    int rc = rdb_get_length(in, &kind);
    if (rc != 0) return rc;
    switch (kind) {
    case MODULE_END: s->layout++; return 0;
    case MODULE_INT:
    case MODULE_UINT: return rdb_get_length(in, &ignored);
    case MODULE_FLOAT: return rdb_get_number(in, 4, &ignored);
    case MODULE_DOUBLE: return rdb_get_number(in, 8, &ignored);
    case MODULE_STRING: return skip_string(s, in);
    default: return ERR_CORRUPT;
    }
}

static int number_part(struct rdb_scan *s, struct rdb_input *in, struct rdb_part *out)
{
    char kind = *s->layout;
    int rc = kind == 'l' ? rdb_get_length(in, &out->number)
                         : rdb_get_number(in, (unsigned)(kind - '0'), &out->number);
    if (rc != 0) return rc;
    out->what = kind;
    s->layout++;
    return 0;
}

static int let_by(struct rdb_scan *s, struct rdb_input *in)
{
    if (in->left == 0) return ERR_AGAIN;
    size_t now = s->skip < in->left ? (size_t)s->skip : in->left;
    in->at += now;
    in->left -= now;
    s->skip -= now;
    return 0;
}

static int next_part(struct rdb_scan *s, struct rdb_input *in, struct buffer *scratch,
                     struct rdb_part *out)
{
    if (s->skip) return let_by(s, in);
    switch (*s->layout) {
    case 's':
    case 'P':
    case 'Z':
    case 'M':
    case 'I': return string_part(s, in, scratch, out);
    case 'd': return double_part(s, in, out);
    case 'm': return module_part(s, in);
    case '(': return enter_loop(s, in, out);
    case ')': end_of_loop(s); return 0;
    default: return number_part(s, in, out);
    }
}

int rdb_scan_part(struct rdb_scan *s, struct rdb_input *in, struct buffer *scratch,
                  struct rdb_part *out)
{
    struct rdb_input before = *in;
    *out = (struct rdb_part){.place = (size_t)(s->layout - s->whole)};
    int rc = next_part(s, in, scratch, out);
    if (rc == ERR_AGAIN) *in = before;
    return rc;
}
