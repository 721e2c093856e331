/* Strings in JSON: RFC 8259 text, or base64 for what is not UTF-8. */
#ifndef HARK_RECORD_JSON_H
#define HARK_RECORD_JSON_H

#include "../base/buffer.h"

/* Appends `s` as a JSON string. What would go beyond `max` bytes between the quotes is left out,
 * whole characters of it, and *cut set (else it is not touched; NULL when max is SIZE_MAX).
 * Returns false, with nothing appended, when what it looked at, up to the cut, is not UTF-8. */
bool json_add_string(struct buffer *to, struct slice s, size_t max, bool *cut);
/* Appends `s` in base64 as a JSON string, cut like this one, to a length that decodes. */
void json_add_base64(struct buffer *to, struct slice s, size_t max, bool *cut);

#endif
