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
