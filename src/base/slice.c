#include "slice.h"

#include "text.h"

bool slice_equal_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (text_lower(a.at[i]) != text_lower(b.at[i])) return false;
    return true;
}

int slice_compare(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.at, b.at, shorter) : 0;
    if (order) return order;
    return (a.len > b.len) - (a.len < b.len);
}
