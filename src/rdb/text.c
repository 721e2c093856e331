#include "text.h"

#include "../base/err.h"
#include "../base/mem.h"
#include "../base/text.h"

#include <liblzf/lzf.h>
#include <limits.h>

enum {
    LENGTH_6 = 0,
    LENGTH_14 = 1,
    LENGTH_WIDE = 2,
    LENGTH_ENCODED = 3,
    LENGTH_32 = 0x80,
    LENGTH_64 = 0x81,

    ENCODED = 0xc0,
    ENCODED_INT8 = 0,
    ENCODED_INT16 = 1,
    ENCODED_INT32 = 2,
    ENCODED_LZF = 3,

    LZF_FROM = 21,      /* Redis tries none that is shorter */
    LZF_GAIN = 4,       /* nor takes what saves less */
    LZF_TIMES_MAX = 88, /* three bytes stand for at most 264 */
    WHOLE_TIMES = 4     /* of a string that is unpacked: here, as a value, and twice on its way */
};

/* ---- reading ---- */

int rdb_get_number(struct rdb_input *in, unsigned bytes, uint64_t *out)
{
    if (in->left < bytes) return ERR_AGAIN;
    uint64_t number = 0;
    for (unsigned i = bytes; i-- > 0;) number = number << 8 | in->at[i];
    in->at += bytes;
    in->left -= bytes;
    *out = number;
    return 0;
}

static int get_high_first(struct rdb_input *in, unsigned bytes, uint64_t *out)
{
    if (in->left < bytes) return ERR_AGAIN;
    uint64_t number = 0;
    for (unsigned i = 0; i < bytes; i++) number = number << 8 | in->at[i];
    in->at += bytes;
    in->left -= bytes;
    *out = number;
    return 0;
}

/* A length; or, with *encoded, how the string that follows is encoded. */
static int get_length(struct rdb_input *in, bool *encoded, uint64_t *out)
{
    uint64_t first, more;
    int rc = rdb_get_number(in, 1, &first);
    if (rc != 0) return rc;
    *encoded = false;
    switch (first >> 6) {
    case LENGTH_6: *out = first; return 0;
    case LENGTH_14:
        rc = rdb_get_number(in, 1, &more);
        if (rc == 0) *out = (first & 63) << 8 | more;
        return rc;
    case LENGTH_WIDE:
        if (first == LENGTH_32) return get_high_first(in, 4, out);
        return first == LENGTH_64 ? get_high_first(in, 8, out) : ERR_CORRUPT;
    default:
        *encoded = true;
        *out = first & 63;
        return *out <= ENCODED_LZF ? 0 : ERR_CORRUPT;
    }
}

int rdb_get_length(struct rdb_input *in, uint64_t *out)
{
    bool encoded;
    int rc = get_length(in, &encoded, out);
    return rc == 0 && encoded ? ERR_CORRUPT : rc;
}

static bool lzf_lengths_make_sense(uint64_t packed, uint64_t whole)
{
    return packed <= UINT_MAX && whole <= UINT_MAX && whole / LZF_TIMES_MAX <= packed &&
           (packed > 0 || whole == 0);
}

static int get_lzf_lengths(struct rdb_input *in, uint64_t *packed, uint64_t *whole)
{
    int rc = rdb_get_length(in, packed);
    if (rc == 0) rc = rdb_get_length(in, whole);
    if (rc == 0 && !lzf_lengths_make_sense(*packed, *whole)) return ERR_CORRUPT;
    return rc;
}

int rdb_skip_to_bytes(struct rdb_input *in, uint64_t *len)
{
    bool encoded;
    uint64_t whole;
    int rc = get_length(in, &encoded, len);
    if (rc != 0 || !encoded) return rc;
    if (*len == ENCODED_LZF) return get_lzf_lengths(in, len, &whole);
    *len = (uint64_t)1 << *len;
    return 0;
}

static int get_integer(struct rdb_input *in, uint64_t encoding, struct buffer *scratch,
                       struct slice *out)
{
    uint64_t n;
    int rc = rdb_get_number(in, 1u << encoding, &n);
    if (rc != 0) return rc;
    int64_t value = encoding == ENCODED_INT8    ? (int8_t)n
                    : encoding == ENCODED_INT16 ? (int16_t)n
                                                : (int32_t)n;
    scratch->len = 0;
    scratch->len = text_from_int(buffer_reserve(scratch, TEXT_INT_MAX), value);
    *out = buffer_slice(scratch);
    return 0;
}

static int get_lzf(struct rdb_input *in, struct buffer *scratch, struct slice *out)
{
    uint64_t packed, whole;
    int rc = get_lzf_lengths(in, &packed, &whole);
    if (rc != 0) return rc;
    if (whole > in->string_max) return ERR_LIMIT;
    if (in->left < packed) return ERR_AGAIN;
    if (!mem_can_alloc(WHOLE_TIMES * whole)) return ERR_NOMEM;
    scratch->len = 0;
    char *to = buffer_reserve(scratch, whole);
    /* Nothing can be compressed to nothing: for Redis that is the empty string, whatever is there.
     */
    if (whole && lzf_decompress(in->at, (unsigned)packed, to, (unsigned)whole) != whole)
        return ERR_CORRUPT;
    scratch->len = whole;
    in->at += packed;
    in->left -= packed;
    *out = buffer_slice(scratch);
    return 0;
}

int rdb_get_string(struct rdb_input *in, struct buffer *scratch, struct slice *out)
{
    bool encoded;
    uint64_t len;
    int rc = get_length(in, &encoded, &len);
    if (rc != 0) return rc;
    if (encoded)
        return len == ENCODED_LZF ? get_lzf(in, scratch, out) : get_integer(in, len, scratch, out);
    if (len > in->string_max) return ERR_LIMIT;
    if (in->left < len) return ERR_AGAIN;
    *out = slice_of(in->at, len);
    in->at += len;
    in->left -= len;
    return 0;
}

/* ---- writing ---- */

void rdb_put_number(struct buffer *to, uint64_t number, unsigned bytes)
{
    char *at = buffer_reserve(to, bytes);
    for (unsigned i = 0; i < bytes; i++) at[i] = (char)(number >> 8 * i);
    to->len += bytes;
}

static void put_high_first(struct buffer *to, uint64_t number, unsigned bytes)
{
    char *at = buffer_reserve(to, bytes);
    for (unsigned i = 0; i < bytes; i++) at[i] = (char)(number >> 8 * (bytes - 1 - i));
    to->len += bytes;
}

void rdb_put_length(struct buffer *to, uint64_t len)
{
    if (len < 64) {
        rdb_put_number(to, len, 1);
    } else if (len < 16384) {
        put_high_first(to, LENGTH_14 << 14 | len, 2);
    } else if (len <= UINT32_MAX) {
        rdb_put_number(to, LENGTH_32, 1);
        put_high_first(to, len, 4);
    } else {
        rdb_put_number(to, LENGTH_64, 1);
        put_high_first(to, len, 8);
    }
}

static bool put_integer(struct buffer *to, struct slice s)
{
    enum { DIGITS_MAX = 11 }; /* -2147483648 */
    int64_t n;
    if (s.len > DIGITS_MAX || !text_to_int(s, &n) || n != (int32_t)n) return false;
    unsigned encoding = n == (int8_t)n    ? ENCODED_INT8
                        : n == (int16_t)n ? ENCODED_INT16
                                          : ENCODED_INT32;
    rdb_put_number(to, ENCODED | encoding, 1);
    rdb_put_number(to, (uint64_t)n, 1u << encoding);
    return true;
}

static bool put_lzf(struct buffer *to, struct slice s)
{
    if (s.len < LZF_FROM || s.len > UINT_MAX) return false;
    enum { HEAD_MAX = 1 + 9 + 9 };
    size_t at = to->len;
    /* How long its lengths are is known only afterwards: it is moved to its place then. */
    char *packed = buffer_reserve(to, HEAD_MAX + s.len) + HEAD_MAX;
    unsigned len = lzf_compress(s.at, (unsigned)s.len, packed, (unsigned)(s.len - LZF_GAIN));
    if (len == 0) return false;
    rdb_put_number(to, ENCODED | ENCODED_LZF, 1);
    rdb_put_length(to, len);
    rdb_put_length(to, s.len);
    memmove(to->at + to->len, to->at + at + HEAD_MAX, len);
    to->len += len;
    return true;
}

void rdb_put_string(struct buffer *to, struct slice s, bool compress)
{
    if (put_integer(to, s) || (compress && put_lzf(to, s))) return;
    rdb_put_length(to, s.len);
    buffer_add_slice(to, s);
}
