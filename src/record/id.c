#include "id.h"

#include "../base/text.h"

/* Takes decimal digits off the front. */
static bool take_number(struct slice *s, uint64_t *out)
{
    size_t i = 0;
    *out = 0;
    for (; i < s->len && s->at[i] >= '0' && s->at[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(s->at[i] - '0');
        if (*out > (UINT64_MAX - digit) / 10) return false;
        *out = *out * 10 + digit;
    }
    *s = slice_from(*s, i);
    return i > 0;
}

bool id_from_text(struct slice s, uint64_t missing_n, struct event_id *id)
{
    id->n = missing_n;
    if (!take_number(&s, &id->ms)) return false;
    if (!s.len) return true;
    if (*s.at != '-') return false;
    s = slice_from(s, 1);
    return take_number(&s, &id->n) && !s.len;
}

size_t id_to_text(char to[ID_TEXT_MAX], struct event_id id)
{
    size_t len = text_from_uint(to, id.ms);
    to[len++] = '-';
    return len + text_from_uint(to + len, id.n);
}

int id_order(const void *a, const void *b)
{
    return id_compare(*(const struct event_id *)a, *(const struct event_id *)b);
}
