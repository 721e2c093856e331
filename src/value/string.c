#include "string.h"

#include "../base/text.h"

enum string_encoding string_encoding_of(struct slice value)
{
    int64_t number;
    if (value.len <= 20 && text_to_int(value, &number)) return STRING_INT;
    return value.len <= STRING_EMBSTR_MAX ? STRING_EMBSTR : STRING_RAW;
}

struct slice string_encoding_text(enum string_encoding encoding)
{
    static const struct slice names[] = {{"int", 3}, {"embstr", 6}, {"raw", 3}};
    return names[encoding];
}

static int64_t from_start(int64_t at, int64_t len)
{
    if (at < 0) at += len;
    return at < 0 ? 0 : at;
}

bool string_range(int64_t start, int64_t end, uint64_t len, uint64_t *from, uint64_t *to)
{
    int64_t n = (int64_t)len;
    start = from_start(start, n);
    end = from_start(end, n);
    if (end >= n) end = n - 1;
    if (start > end) return false;
    *from = (uint64_t)start;
    *to = (uint64_t)end + 1;
    return true;
}
