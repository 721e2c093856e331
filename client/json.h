/* As much of JSON as keychange messages need: read from a text, written nowhere but into bytes that
 * the caller has counted before, by reading the same with `to` NULL. */
#ifndef HARK_CLIENT_JSON_H
#define HARK_CLIENT_JSON_H

#include "internal.h"

struct json {
    const char *at, *end;
    bool bad; /* it was not JSON; everything returns 0 and false from then on */
};

/* Is this the next character that is not blank? Then it is passed. */
bool hark_json_is(struct json *j, char c);
/* A string, decoded to `to` (NULL: nowhere); returns its bytes. */
size_t hark_json_string(struct json *j, char *to);
/* The same for one that holds base64. */
size_t hark_json_base64(struct json *j, char *to);
uint64_t hark_json_number(struct json *j);
/* Passes a value of any kind. */
void hark_json_skip(struct json *j);
/* The slice between the quotes of a string without escapes: the name of a member. */
struct hark_text hark_json_name(struct json *j);

#endif
